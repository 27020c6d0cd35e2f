/* Adam's chain of elementwise ops, as an optimizer written in the language becomes it, against
 * the same update as one loop in C:
 *
 *     m' = b1 m + (1 - b1) g;  v' = b2 v + (1 - b2) g g;  w' = w - s m' / (sqrt(v') + epsilon)
 *
 * over 3,274,634 float parameters in place, with one thread and with two; then plain gradient
 * descent, and fewer parameters. The median of each side's rounds and the ratio of the medians
 * are printed. Goal: a ratio of at most 1.2. On a busy machine the figures of two threads mean
 * nothing.
 *
 * From the project's root, after `make`:
 *
 *     gcc -O3 -march=x86-64-v4 -fno-math-errno -fno-trapping-math -std=gnu11 -Isrc -pthread \
 *         -o build/bench_elementwise tests/bench/elementwise.c \
 *         $(find build/ops build/base build/tensor build/ir -name '*.o') \
 *         -lopenblas -lm
 *     build/bench_elementwise [instruction set]
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "ir/kernel.h"

enum { N_PARAMETERS = 3274634, ROUNDS = 41, MAX_THREADS = 2 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A piece of work cut in two; the second thread waits between rounds by spinning, so that
 * starting it costs nothing. */
struct job {
    void (*part)(void *context, int part, int n_parts);
    void *context;
    int n_parts;
    int round, done; /* atomic */
};

static void *help(void *arg) {
    struct job *j = arg;
    for (int seen = 0;;) {
        int round;
        while ((round = __atomic_load_n(&j->round, __ATOMIC_ACQUIRE)) == seen)
            ;
        if (round < 0)
            return NULL;
        seen = round;
        j->part(j->context, 1, 2);
        __atomic_store_n(&j->done, round, __ATOMIC_RELEASE);
    }
}

static double time_job(struct job *j) {
    double start = now_s();
    if (j->n_parts == 2) {
        int round = __atomic_add_fetch(&j->round, 1, __ATOMIC_ACQ_REL);
        j->part(j->context, 0, 2);
        while (__atomic_load_n(&j->done, __ATOMIC_ACQUIRE) != round)
            ;
    } else {
        j->part(j->context, 0, 1);
    }
    return now_s() - start;
}

struct adam {
    float *w, *m, *v, *g, *scalar; /* b1, 1 - b1, b2, 1 - b2, s, epsilon: 64 bytes apart */
    int64_t n;
};

static void adam_loop(float *restrict w, float *restrict m, float *restrict v,
                      const float *restrict g, int64_t n, float b1, float b2, float s, float e) {
    for (int64_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        w[i] -= s * m[i] / (sqrtf(v[i]) + e);
    }
}

static void by_hand(void *context, int part, int n_parts) {
    struct adam *a = context;
    int64_t begin = a->n * part / n_parts, end = a->n * (part + 1) / n_parts;
    adam_loop(a->w + begin, a->m + begin, a->v + begin, a->g + begin, end - begin, a->scalar[0],
              a->scalar[32], a->scalar[64], a->scalar[80]);
}

struct chain {
    struct kernel_call call;
    struct kernel_work work;
    const struct kernel *kernel;
    struct kernel_arg in[12], out[4];
    struct ew_program program;
    void *scratch[MAX_THREADS];
};

static void by_chain(void *context, int part, int n_parts) {
    struct chain *c = context;
    int64_t n = c->work.units[0];
    c->kernel->run(&c->call, 0, n * part / n_parts, n * (part + 1) / n_parts, c->scratch[part]);
}

static int add(struct chain *c, enum op_id op, int a, int b) {
    struct ew_program *p = &c->program;
    p->at[p->n_instructions] =
        (struct ew_instruction){op, DTYPE_F32, DTYPE_F32, {(int16_t)a, (int16_t)b, -1}};
    return p->n_in + p->n_instructions++;
}

static void take(struct chain *c, float *data, int64_t n) {
    c->in[c->program.n_in++] = (struct kernel_arg){data, DTYPE_F32, n != 1, {n}};
}

static void give(struct chain *c, float *data, int64_t n, int value) {
    c->out[c->program.n_out] = (struct kernel_arg){data, DTYPE_F32, 1, {n}};
    c->program.out[c->program.n_out++] = (int16_t)value;
}

static void finish(struct chain *c, enum isa isa, int64_t n, struct arena *arena) {
    c->program.rank = 1;
    c->program.dim[0] = n;
    c->call = (struct kernel_call){.n_in = c->program.n_in,
                                   .n_out = c->program.n_out,
                                   .in = c->in,
                                   .out = c->out,
                                   .program = &c->program};
    c->kernel = kernel_elementwise(isa);
    c->kernel->prepare(&c->call, &c->work, arena);
    for (int i = 0; i < MAX_THREADS; i++)
        c->scratch[i] = aligned_alloc(64, c->work.scratch_bytes + 64);
}

static void build_adam(struct chain *c, struct adam *a) {
    take(c, a->w, a->n), take(c, a->m, a->n), take(c, a->v, a->n), take(c, a->g, a->n);
    for (int i = 0; i < 6; i++)
        take(c, a->scalar + 16 * i, 1);
    int m = add(c, OP_add, add(c, OP_mul, 4, 1), add(c, OP_mul, 5, 3));
    int v = add(c, OP_mul, 6, 2);
    v = add(c, OP_add, v, add(c, OP_mul, add(c, OP_mul, 7, 3), 3));
    int step = add(c, OP_mul, 8, m);
    step = add(c, OP_div, step, add(c, OP_add, add(c, OP_sqrt, v, -1), 9));
    int w = add(c, OP_sub, 0, step);
    give(c, a->m, a->n, m), give(c, a->v, a->n, v), give(c, a->w, a->n, w);
}

/* w' = w - s g */
static void sgd_by_hand(void *context, int part, int n_parts) {
    struct adam *a = context;
    int64_t begin = a->n * part / n_parts, end = a->n * (part + 1) / n_parts;
    const float s = a->scalar[64];
    for (int64_t i = begin; i < end; i++)
        a->w[i] -= s * a->g[i];
}

static void build_sgd(struct chain *c, struct adam *a) {
    take(c, a->w, a->n), take(c, a->g, a->n), take(c, a->scalar + 64, 1);
    give(c, a->w, a->n, add(c, OP_sub, 0, add(c, OP_mul, 2, 1)));
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v) {
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

static void compare(const char *what, struct adam *a, struct chain *c,
                    void (*hand)(void *, int, int), int n_parts) {
    struct job one = {hand, a, n_parts, 0, 0}, two = {by_chain, c, n_parts, 0, 0};
    pthread_t thread[2];
    double hand_s[ROUNDS], chain_s[ROUNDS];
    if (n_parts == 2)
        pthread_create(&thread[0], NULL, help, &one);
    for (int r = 0; r < ROUNDS; r++)
        hand_s[r] = time_job(&one);
    /* only one helper may spin at a time on a machine of two processors */
    if (n_parts == 2) {
        __atomic_store_n(&one.round, -1, __ATOMIC_RELEASE);
        pthread_join(thread[0], NULL);
        pthread_create(&thread[1], NULL, help, &two);
    }
    for (int r = 0; r < ROUNDS; r++)
        chain_s[r] = time_job(&two);
    if (n_parts == 2) {
        __atomic_store_n(&two.round, -1, __ATOMIC_RELEASE);
        pthread_join(thread[1], NULL);
    }
    double hand_ms = 1e3 * median(hand_s), chain_ms = 1e3 * median(chain_s);
    printf("%-6s %9lld elements, %d thread%s: by hand %8.4f ms, chain %8.4f ms, ratio %.2f\n", what,
           (long long)a->n, n_parts, n_parts > 1 ? "s" : " ", hand_ms, chain_ms,
           chain_ms / hand_ms);
}

static float *values(int64_t n, float scale) {
    float *x = aligned_alloc(64, ((size_t)n * 4 + 127) / 64 * 64);
    for (int64_t i = 0; i < n; i++)
        x[i] = scale * (float)(i % 1000 + 1) / 1000;
    return x;
}

int main(int argc, char **argv) {
    static const int64_t sizes[] = {N_PARAMETERS, 100000, 2000};
    if (argc > 1)
        setenv("NNRUN_ISA", argv[1], 1);
    enum isa isa = kernel_best_isa();
    printf("instruction set of the chain: %s\n", kernel_isa_name(isa));
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t n = sizes[s];
        struct arena arena = {0};
        struct adam a = {values(n, 1),     values(n, 1e-3f), values(n, 1e-6f),
                         values(n, 1e-3f), values(96, 1),    n};
        static const float scalar[] = {0.9f, 0.1f, 0.999f, 0.001f, 1e-4f, 1e-8f};
        struct chain adam = {0}, sgd = {0};
        for (int i = 0; i < 6; i++)
            a.scalar[16 * i] = scalar[i];
        build_adam(&adam, &a);
        build_sgd(&sgd, &a);
        finish(&adam, isa, n, &arena);
        finish(&sgd, isa, n, &arena);
        for (int n_parts = 1; n_parts <= MAX_THREADS; n_parts++) {
            for (int round = 0; round < 3; round++)
                compare("adam", &a, &adam, by_hand, n_parts);
            compare("sgd", &a, &sgd, sgd_by_hand, n_parts);
        }
        arena_free(&arena);
    }
    return 0;
}
