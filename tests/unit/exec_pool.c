/* The team of threads: each unit once, what is written is seen, sleepers wake. */
#include "exec/pool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"

enum { MAX_UNITS = 100 };

struct marks {
    int n_times[MAX_UNITS]; /* by worker's own units only: no two threads write one */
    int workers[MAX_UNITS];
};

static void mark(void *context, int64_t begin, int64_t end, int worker) {
    struct marks *m = context;
    for (int64_t i = begin; i < end; i++) {
        m->n_times[i]++;
        m->workers[i] = worker;
    }
}

static void each_unit_once_in_contiguous_shares(void) {
    for (int n_threads = 1; n_threads <= 5; n_threads++) {
        struct pool *p = pool_new(n_threads);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT_EQUAL(pool_n_threads(p), n_threads);
        for (int n_workers = 0; n_workers <= 6; n_workers++)
            for (int64_t n = 0; n <= MAX_UNITS; n += n < 8 ? 1 : 23) {
                struct marks m = {0};
                pool_run(p, n_workers, n, mark, &m);
                for (int i = 0; i < MAX_UNITS; i++)
                    CU_ASSERT_EQUAL(m.n_times[i], i < n);
                for (int64_t i = 1; i < n; i++)
                    CU_ASSERT(m.workers[i] >= m.workers[i - 1]);
            }
        pool_free(p);
    }
}

static void add_one(void *context, int64_t begin, int64_t end, int worker) {
    int64_t *sums = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        sums[i]++;
}

/* Each call reads and writes what the one before wrote, in other threads. */
static void calls_follow_each_other(void) {
    struct pool *p = pool_new(3);
    int64_t a[MAX_UNITS] = {0};
    for (int round = 0; round < 2000; round++)
        pool_run(p, 1 + round % 3, MAX_UNITS / 2, add_one, a);
    for (int i = 0; i < MAX_UNITS; i++)
        CU_ASSERT_EQUAL(a[i], i < MAX_UNITS / 2 ? 2000 : 0);
    pool_free(p);
}

static void sleepers_wake(void) {
    struct pool *p = pool_new(2);
    for (int round = 0; round < 10; round++) {
        struct marks m = {0};
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        pool_run(p, 2, 2, mark, &m);
        CU_ASSERT_EQUAL(m.n_times[0] + m.n_times[1], 2);
        CU_ASSERT_EQUAL(m.workers[1], 1);
    }
    pool_free(p);
}

void suite_exec_pool(void) {
    unit_suite("exec: pool");
    unit_test("each unit once, in contiguous shares", each_unit_once_in_contiguous_shares);
    unit_test("calls follow each other", calls_follow_each_other);
    unit_test("sleepers wake", sleepers_wake);
}
