/* A fixed team of threads that share the units of one phase. The calling thread is worker 0. */
#ifndef NN_EXEC_POOL_H
#define NN_EXEC_POOL_H

#include <stdint.h>

struct pool;

/* n_threads >= 1, the calling thread included. NULL when the threads cannot be made. */
struct pool *pool_new(int n_threads);
void pool_free(struct pool *p);
int pool_n_threads(const struct pool *p);

/* Cuts 0..n_units into one contiguous share for each of the first `n_workers` workers and returns
 * when all are done. What a share wrote is seen by the caller, and by the shares of later calls.
 * Only the thread that made the pool may call this. */
void pool_run(struct pool *p, int n_workers, int64_t n_units,
              void (*share)(void *context, int64_t begin, int64_t end, int worker), void *context);

#endif
