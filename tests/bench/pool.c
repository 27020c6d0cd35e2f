/* What sharing work between threads costs, and whether the machine has two free cores at all.
 *
 *     gcc -std=gnu11 -O3 -march=native -pthread -Isrc -o pool \
 *         tests/bench/pool.c src/exec/pool.c src/base/os.c src/base/arena.c
 *     ./pool [n_threads]
 *
 * Prints, medians of interleaved rounds:
 *   fma    multiply-adds a second of one thread, and of n: run this before any other timing. When
 *          two threads give less than 1.9 times one, others use the machine: time nothing now.
 *   phase  an empty phase handed to n threads, one after another without a gap: what
 *          COST_PER_WORKER of src/exec/exec.c has to outweigh.
 *   idle   the same after 1 ms of rest, when the workers sleep.
 *   add    a[i] += b[i] over arrays of growing size by one thread and by n: where they cross is
 *          where sharing pays. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/os.h"
#include "exec/pool.h"

enum { ROUNDS = 15, LANES = 128, LOOPS = 2000000, MAX_FLOATS = 1 << 20 };

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *at, int n) {
    qsort(at, (size_t)n, sizeof *at, compare);
    return at[n / 2];
}

struct fma {
    float result[LANES];
};

/* LANES independent chains fill the pipes of a core; nothing is read from memory. */
static void multiply_add(void *context, int64_t begin, int64_t end, int worker) {
    float x[LANES];
    (void)end, (void)worker;
    struct fma *f = (struct fma *)context + begin;
    for (int i = 0; i < LANES; i++)
        x[i] = (float)i * 1e-3f;
    for (int k = 0; k < LOOPS; k++)
        for (int i = 0; i < LANES; i++)
            x[i] = __builtin_fmaf(x[i], 0.999f, 1e-3f);
    for (int i = 0; i < LANES; i++)
        f->result[i] = x[i];
}

static void bench_fma(struct pool *p, int n) {
    struct fma *f = calloc((size_t)n, sizeof *f);
    double rate[2][ROUNDS], work = (double)LANES * LOOPS * 1e-9;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        int n_workers = i % 2 ? n : 1;
        double start = os_now_s();
        pool_run(p, n_workers, n_workers, 1, multiply_add, f);
        rate[i % 2][i / 2] = n_workers * work / (os_now_s() - start);
    }
    double one = median(rate[0], ROUNDS), all = median(rate[1], ROUNDS);
    printf("fma    1 thread %.1f G/s, %d threads %.1f G/s: %.2f times\n", one, n, all, all / one);
    free(f);
}

static void nothing(void *context, int64_t begin, int64_t end, int worker) {
    (void)context, (void)begin, (void)end, (void)worker;
}

static void bench_phases(struct pool *p, int n) {
    double busy[ROUNDS], idle[ROUNDS];
    enum { CALLS = 2000 };
    for (int i = 0; i < ROUNDS; i++) {
        double start = os_now_s();
        for (int k = 0; k < CALLS; k++)
            pool_run(p, n, n, 1, nothing, NULL);
        busy[i] = (os_now_s() - start) / CALLS;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        start = os_now_s();
        pool_run(p, n, n, 1, nothing, NULL);
        idle[i] = os_now_s() - start;
    }
    printf("phase  %.2f us\nidle   %.2f us\n", median(busy, ROUNDS) * 1e6,
           median(idle, ROUNDS) * 1e6);
}

struct arrays {
    float *a;
    const float *b;
};

enum { UNIT = 1024 };

static void add(void *context, int64_t begin, int64_t end, int worker) {
    const struct arrays *x = context;
    (void)worker;
    for (int64_t i = begin * UNIT; i < end * UNIT; i++)
        x->a[i] += x->b[i];
}

static void bench_add(struct pool *p, int n) {
    struct arrays x = {calloc(MAX_FLOATS, 4), calloc(MAX_FLOATS, 4)};
    if (!x.a || !x.b)
        return;
    for (int floats = 2 * UNIT; floats <= MAX_FLOATS; floats *= 2) {
        double seconds[2][ROUNDS];
        int repeats = MAX_FLOATS / floats;
        for (int i = 0; i < 2 * ROUNDS; i++) {
            double start = os_now_s();
            for (int k = 0; k < repeats; k++)
                pool_run(p, i % 2 ? n : 1, floats / UNIT, 4, add, &x);
            seconds[i % 2][i / 2] = (os_now_s() - start) / repeats;
        }
        double one = median(seconds[0], ROUNDS), all = median(seconds[1], ROUNDS);
        printf("add    %8d bytes: %8.2f us, %d threads %8.2f us: %.2f times\n", 12 * floats,
               one * 1e6, n, all * 1e6, one / all);
    }
    free(x.a);
    free((void *)x.b);
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 2;
    struct pool *p = n > 0 ? pool_new(n) : NULL;
    if (!p)
        return 1;
    bench_fma(p, n);
    bench_phases(p, n);
    bench_add(p, n);
    pool_free(p);
    return 0;
}
