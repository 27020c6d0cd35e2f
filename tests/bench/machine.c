/* What the machine gives a program that has nothing to do with nnrun, for tests/bench/bench.py: the
 * check before the figures, and the C loops that an optimizer written in the language is held to.
 *
 *     gcc -O3 -march=native -fno-math-errno -fno-trapping-math -std=gnu11 -pthread \
 *         -o machine tests/bench/machine.c -lm
 *     machine fma THREADS                        1e9 multiply-adds a second: of one thread, of all
 *     machine adam|momentum ELEMENTS THREADS N   milliseconds of a step, over N of them: the loss
 *                                                sum(w g) and whether g is finite, then the update
 *
 * Prints numbers only. Not for the peaks of a data sheet: what counts is that two threads are twice
 * one, and that the loops are what a compiler makes of plain C. */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 64, LANES = 16, CHAINS = 12, LOOPS = 2000000, ROUNDS = 9 };
typedef float floats __attribute__((vector_size(4 * LANES)));

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

/* The same work by every thread, each with its own part; threads wait between rounds by spinning,
 * so that starting them costs nothing. */
struct team {
    void (*parts[2])(void *context, int part, int n_parts); /* the second may be NULL */
    void *context;
    int n_threads;
    int phase;
    int round, done; /* atomic */
};
struct member {
    struct team *team;
    int me;
};

static void *follow(void *arg) {
    struct member *m = arg;
    for (int seen = 0;;) {
        int round;
        while ((round = __atomic_load_n(&m->team->round, __ATOMIC_ACQUIRE)) == seen)
            ;
        if (round < 0)
            return NULL;
        seen = round;
        m->team->parts[m->team->phase](m->team->context, m->me, m->team->n_threads);
        __atomic_add_fetch(&m->team->done, 1, __ATOMIC_ACQ_REL);
    }
}

static void run_phase(struct team *t, int phase) {
    t->phase = phase;
    __atomic_store_n(&t->done, 0, __ATOMIC_RELEASE);
    __atomic_add_fetch(&t->round, 1, __ATOMIC_ACQ_REL);
    t->parts[phase](t->context, 0, t->n_threads);
    while (__atomic_load_n(&t->done, __ATOMIC_ACQUIRE) != t->n_threads - 1)
        ;
}

static double time_team(struct team *t, int times) {
    double start = now_s();
    for (int i = 0; i < times; i++) {
        run_phase(t, 0);
        if (t->parts[1])
            run_phase(t, 1);
    }
    return (now_s() - start) / times;
}

static void run_team(struct team *t, int times, double *seconds, int rounds) {
    pthread_t thread[MAX_THREADS];
    struct member member[MAX_THREADS];
    for (int i = 1; i < t->n_threads; i++) {
        member[i] = (struct member){t, i};
        pthread_create(&thread[i], NULL, follow, &member[i]);
    }
    for (int i = 0; i < rounds; i++)
        seconds[i] = time_team(t, times);
    __atomic_store_n(&t->round, -1, __ATOMIC_RELEASE);
    for (int i = 1; i < t->n_threads; i++)
        pthread_join(thread[i], NULL);
}

/* CHAINS independent vectors fill the pipes of a core; nothing is read from memory. */
static void multiply_add(void *context, int part, int n_parts) {
    floats x[CHAINS];
    (void)n_parts;
    for (int i = 0; i < CHAINS; i++)
        x[i] = (floats){0} + (float)(i + part);
    for (int k = 0; k < LOOPS; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            x[i] = x[i] * 0.999f + 1e-3f;
    }
    for (int i = 1; i < CHAINS; i++)
        x[0] += x[i];
    memcpy((float *)context + part * LANES, &x[0], sizeof x[0]);
}

static void bench_fma(int n_threads) {
    static float result[MAX_THREADS * LANES];
    struct team one = {{multiply_add, NULL}, result, 1, 0, 0, 0};
    struct team all = {{multiply_add, NULL}, result, n_threads, 0, 0, 0};
    double alone[ROUNDS], together[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        all.round = one.round = 0;
        run_team(&one, 1, &alone[i], 1);
        run_team(&all, 1, &together[i], 1);
    }
    double work = (double)LANES * CHAINS * LOOPS * 1e-9;
    printf("%.2f %.2f\n", work / median(alone, ROUNDS),
           n_threads * work / median(together, ROUNDS));
}

struct arrays {
    float *w, *m, *v, *g;
    long n;
    float loss[MAX_THREADS];
    bool finite[MAX_THREADS];
};

/* The loss sum(w g), and whether its gradient g is finite: before anything is changed. */
static void loss(void *context, int part, int n_parts) {
    struct arrays *a = context;
    long begin = a->n * part / n_parts / LANES * LANES;
    long end = part == n_parts - 1 ? a->n : a->n * (part + 1) / n_parts / LANES * LANES;
    floats total = {0}, zero = {0};
    long i = begin;
    for (; i + LANES <= end; i += LANES) {
        floats w, g;
        memcpy(&w, a->w + i, sizeof w), memcpy(&g, a->g + i, sizeof g);
        total += w * g;
        zero += g * 0.0f;
    }
    float sum = 0, none = 0;
    for (int k = 0; k < LANES; k++)
        sum += total[k], none += zero[k];
    for (; i < end; i++)
        sum += a->w[i] * a->g[i], none += a->g[i] * 0.0f;
    a->loss[part] = sum, a->finite[part] = none == 0;
}

static void adam_part(float *restrict w, float *restrict m, float *restrict v,
                      const float *restrict g, long n) {
    const float b1 = 0.9f, b2 = 0.999f, rate = 1e-3f, epsilon = 1e-8f;
    for (long i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        w[i] -= rate * m[i] / (sqrtf(v[i]) + epsilon);
    }
}

static void adam(void *context, int part, int n_parts) {
    struct arrays *a = context;
    long begin = a->n * part / n_parts, end = a->n * (part + 1) / n_parts;
    adam_part(a->w + begin, a->m + begin, a->v + begin, a->g + begin, end - begin);
}

static void momentum_part(float *restrict w, float *restrict m, const float *restrict g, long n) {
    for (long i = 0; i < n; i++) {
        m[i] = 0.9f * m[i] + g[i];
        w[i] -= 1e-3f * m[i];
    }
}

static void momentum(void *context, int part, int n_parts) {
    struct arrays *a = context;
    long begin = a->n * part / n_parts, end = a->n * (part + 1) / n_parts;
    momentum_part(a->w + begin, a->m + begin, a->g + begin, end - begin);
}

static float *values(long n, float scale) {
    float *x = aligned_alloc(64, ((size_t)n * 4 + 127) / 64 * 64);
    for (long i = 0; x && i < n; i++)
        x[i] = scale * (float)(i % 1000 + 1) / 1000;
    return x;
}

static int bench_loop(const char *what, long n, int n_threads, int times) {
    struct arrays a = {.w = values(n, 1), .m = values(n, 1e-3f), .v = values(n, 1e-6f),
                       .g = values(n, 1e-3f), .n = n};
    struct team t = {{loss, !strcmp(what, "adam") ? adam : momentum}, &a, n_threads, 0, 0, 0};
    double seconds[ROUNDS];
    if (!a.w || !a.m || !a.v || !a.g)
        return 1;
    run_team(&t, times, seconds, ROUNDS);
    printf("%.5f\n", 1e3 * median(seconds, ROUNDS));
    return 0;
}

int main(int argc, char **argv) {
    int n_threads = argc > 2 ? atoi(argv[argc == 3 ? 2 : 3]) : 0;
    if (n_threads < 1 || n_threads > MAX_THREADS)
        return 2;
    if (argc == 3 && !strcmp(argv[1], "fma")) {
        bench_fma(n_threads);
        return 0;
    }
    if (argc == 5 && (!strcmp(argv[1], "adam") || !strcmp(argv[1], "momentum")))
        return bench_loop(argv[1], atol(argv[2]), n_threads, atoi(argv[4]));
    return 2;
}
