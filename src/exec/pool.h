/* A fixed team of threads that share the units of one phase. The calling thread is worker 0. */
#ifndef NN_EXEC_POOL_H
#define NN_EXEC_POOL_H

#include <stdint.h>

struct pool;

/* n_threads >= 1, the calling thread included. NULL when the threads cannot be made. */
struct pool *pool_new(int n_threads);
void pool_free(struct pool *p);
int pool_n_threads(const struct pool *p);

/* Runs the units 0..n_units on the first `n_workers` workers, up to `chunk` of them at a time, and
 * returns when all are done. Each worker begins with a contiguous share of its own, the same in
 * every call of as many. What a unit wrote is seen by the caller, and by the units of later calls.
 * Only the thread that made the pool may call this. */
void pool_run(struct pool *p, int n_workers, int64_t n_units, int64_t chunk,
              void (*run)(void *context, int64_t begin, int64_t end, int worker), void *context);

#endif
