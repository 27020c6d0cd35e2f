/* The team of threads: each unit once, what is written is seen, sleepers wake. */
#include "exec/pool.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"

enum { MAX_UNITS = 100 };

struct marks {
    int n_times[MAX_UNITS]; /* no two threads write one */
};

static void mark(void *context, int64_t begin, int64_t end, int worker) {
    struct marks *m = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        m->n_times[i]++;
}

static void each_unit_once(void) {
    for (int n_threads = 1; n_threads <= 5; n_threads++) {
        struct pool *p = pool_new(n_threads);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT_EQUAL(pool_n_threads(p), n_threads);
        for (int n_workers = 0; n_workers <= 6; n_workers++)
            for (int64_t n = 0; n <= MAX_UNITS; n += n < 8 ? 1 : 23)
                for (int64_t chunk = 0; chunk <= MAX_UNITS + 1; chunk += chunk < 3 ? 1 : 49) {
                    struct marks m = {0};
                    pool_run(p, n_workers, n, chunk, mark, &m);
                    for (int i = 0; i < MAX_UNITS; i++)
                        CU_ASSERT_EQUAL(m.n_times[i], i < n);
                }
        pool_free(p);
    }
}

struct wait {
    atomic_int n_done;
};

/* The first unit is not done before all others are. */
static void wait_in_first(void *context, int64_t begin, int64_t end, int worker) {
    struct wait *w = context;
    (void)worker;
    while (begin == 0 && atomic_load(&w->n_done) < MAX_UNITS - (int)(end - begin))
        sched_yield();
    atomic_fetch_add(&w->n_done, (int)(end - begin));
}

/* Were shares fixed, the first unit would wait for ever for those behind it. */
static void who_is_done_helps(void) {
    for (int n_threads = 2; n_threads <= 3; n_threads++) {
        struct pool *p = pool_new(n_threads);
        for (int round = 0; round < 20; round++) {
            struct wait w = {0};
            pool_run(p, n_threads, MAX_UNITS, 1 + round % 3, wait_in_first, &w);
            CU_ASSERT_EQUAL(atomic_load(&w.n_done), MAX_UNITS);
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
        pool_run(p, 1 + round % 3, MAX_UNITS / 2, 1 + round % 5, add_one, a);
    for (int i = 0; i < MAX_UNITS; i++)
        CU_ASSERT_EQUAL(a[i], i < MAX_UNITS / 2 ? 2000 : 0);
    pool_free(p);
}

static void sleepers_wake(void) {
    struct pool *p = pool_new(2);
    for (int round = 0; round < 10; round++) {
        struct marks m = {0};
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        pool_run(p, 2, 2, 1, mark, &m);
        CU_ASSERT_EQUAL(m.n_times[0] + m.n_times[1], 2);
    }
    pool_free(p);
}

void suite_exec_pool(void) {
    unit_suite("exec: pool");
    unit_test("each unit once", each_unit_once);
    unit_test("who is done helps", who_is_done_helps);
    unit_test("calls follow each other", calls_follow_each_other);
    unit_test("sleepers wake", sleepers_wake);
}
