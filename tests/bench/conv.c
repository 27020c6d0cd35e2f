/* Times the kernels of the deep MNIST network's training step, batch 50 unless told otherwise: each
 * convolution and dense product, the chosen kernel, the one that --exact would choose and the
 * reference, and of pooled convolutions the gradients from the winners and the dense ones, on one
 * and on two threads, in interleaved rounds. First checks that two threads really give twice one
 * thread's multiply-add rate: on a shared machine they may not.
 *
 * From the project's root, after `make`:
 *
 *     gcc -O2 -march=x86-64-v3 -std=gnu11 -Isrc -pthread -o build/bench_conv tests/bench/conv.c \
 *         $(find build/ops build/base build/tensor build/ir -name '*.o') -lopenblas -lm
 *     build/bench_conv [batch [rounds [words of the name]]]
 *
 * Prints the lower quartile of milliseconds and GFLOP/s (nominal: taps on padding count). Before
 * each timing a large buffer is written, since in a training step the optimizer's pass over its
 * memory empties the caches too. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/arena.h"
#include "ir/kernel.h"

#define BUILDS(id) extern const struct kernel id##_portable, id##_avx2, id##_avx512;
BUILDS(conv2d_im2col_kernel)
BUILDS(conv2d_input_gradient_im2col_kernel)
BUILDS(conv2d_filter_gradient_im2col_kernel)
BUILDS(conv_block_filter_gradient_dense_kernel)
BUILDS(conv_block_input_gradient_dense_kernel)
BUILDS(conv_block_reference_kernel)
BUILDS(matmul_blas_kernel)
#define REFERENCE(id, isa)                                                                         \
    ((isa) == ISA_AVX512 ? &id##_avx512 : (isa) == ISA_AVX2 ? &id##_avx2 : &id##_portable)

enum { HUGE_FROM_BYTES = 4 << 20, HUGE_PAGE_BYTES = 2 << 20 };
enum { MAX_THREADS = 2, MAX_ROUNDS = 1000, MAX_RIVALS = 3 };

struct team {
    const struct kernel *k;
    struct kernel_call *c;
    struct kernel_work *w;
    void *scratch[MAX_THREADS];
    int n, repeats;
    bool cold;
    int arrived; /* atomic: counts up at every meeting */
};
struct member {
    struct team *team;
    int me;
};

/* Waits, spinning as the executor's workers do, until all have come to the `meeting`-th meeting. */
static void meet(struct team *t, int meeting) {
    __atomic_add_fetch(&t->arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&t->arrived, __ATOMIC_ACQUIRE) < t->n * meeting)
        ;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *work(void *p) {
    const struct member *m = p;
    struct team *t = m->team;
    int meeting = 1;
    if (m->me)
        meet(t, meeting);
    for (int r = 0; r < t->repeats; r++)
        for (int phase = 0; phase < t->w->n_phases; phase++) {
            int64_t n = t->w->units[phase];
            t->k->run(t->c, phase, n * m->me / t->n, n * (m->me + 1) / t->n, t->scratch[m->me]);
            meet(t, ++meeting);
        }
    return NULL;
}

/* Writes more than any cache holds. */
static void empty_caches(void) {
    static char other[96 << 20];
    static char v;
    memset(other, ++v, sizeof other);
    __asm__ volatile("" ::"r"(other) : "memory");
}

static double time_team(struct team *t, int n_threads) {
    pthread_t thread[MAX_THREADS];
    struct member member[MAX_THREADS];
    t->n = n_threads;
    t->arrived = 0;
    for (int i = 0; i < n_threads; i++) {
        member[i] = (struct member){t, i};
        if (i)
            pthread_create(&thread[i], NULL, work, &member[i]);
    }
    if (t->cold)
        empty_caches();
    meet(t, 1);
    double start = now_s();
    work(&member[0]);
    for (int i = 1; i < n_threads; i++)
        pthread_join(thread[i], NULL);
    return (now_s() - start) / t->repeats;
}

/* On huge pages from where variables and the plan's slab are. */
static void *new_memory(size_t n) {
    size_t align = n >= HUGE_FROM_BYTES ? HUGE_PAGE_BYTES : 64;
    void *p = aligned_alloc(align, (n + 64 + align) / align * align);
    if (!p)
        exit(70);
    if (align == HUGE_PAGE_BYTES)
        madvise(p, (n + 64 + align) / align * align, MADV_HUGEPAGE);
    for (size_t i = 0; i < (n + 127) / 64 * 16; i++)
        ((float *)p)[i] = (float)(i % 13) / 13 - 0.5f;
    return p;
}

static struct kernel_arg new_arg(int rank, const int64_t *dim) {
    struct kernel_arg a = {.dtype = DTYPE_F32, .rank = rank};
    size_t n = 4;
    for (int i = 0; i < rank; i++)
        n *= (size_t)(a.dim[i] = dim[i]);
    a.data = new_memory(n);
    return a;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower quartile: other work on the machine only ever adds. */
static double typical(double *s, int n) {
    qsort(s, (size_t)n, sizeof *s, ascending);
    return s[n / 4];
}

static int rounds = 15;
static const char *wanted = "";

static void report(const char *what, const struct kernel *const *kernels, struct kernel_call *c,
                   double flops) {
    if (!strstr(what, wanted))
        return;
    struct arena arena = {0};
    static double seconds[MAX_RIVALS][MAX_THREADS][MAX_ROUNDS];
    struct kernel_work w[MAX_RIVALS] = {{0}};
    struct team team[MAX_RIVALS];
    const void *geometry[MAX_RIVALS];
    void *shared[MAX_RIVALS];
    const struct kernel *rival[MAX_RIVALS] = {kernels[0], kernels[0], kernels[1]};
    int n = 0;
    for (int r = 0; r < MAX_RIVALS && rival[r]; r++) {
        int i = n;
        w[i] = (struct kernel_work){0};
        c->exact = r == 1;
        rival[r]->prepare(c, &w[i], &arena);
        if (r == 1 && !strcmp(w[0].name, w[1].name))
            continue;
        n++;
        geometry[i] = c->geometry;
        shared[i] = new_memory(w[i].shared_bytes);
        team[i] = (struct team){.k = rival[r], .c = c, .w = &w[i], .repeats = 1, .cold = true};
        for (int t = 0; t < MAX_THREADS; t++)
            team[i].scratch[t] = new_memory(w[i].scratch_bytes);
    }
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < n; i++)
            for (int t = 0; t < MAX_THREADS; t++) {
                c->geometry = geometry[i];
                c->shared = shared[i];
                seconds[i][t][r] = time_team(&team[i], t + 1);
            }
    for (int i = 0; i < n; i++) {
        double one = typical(seconds[i][0], rounds), two = typical(seconds[i][1], rounds);
        printf("%-28s %-16s %7.3f ms %6.1f GFLOP/s | %7.3f ms %6.1f GFLOP/s  x%.2f\n", what,
               w[i].name, one * 1e3, flops / one * 1e-9, two * 1e3, flops / two * 1e-9, one / two);
        for (int t = 0; t < MAX_THREADS; t++)
            free(team[i].scratch[t]);
        free(shared[i]);
    }
    arena_free(&arena);
}

static struct attr ints(int64_t a, int64_t b) {
    return (struct attr){.kind = ATTR_INTS, .ints = {.n = 2, .v = {a, b}}};
}

static void bench_conv(enum isa isa, const char *name, int64_t n, int64_t size, int64_t c,
                       int64_t k, int64_t o, int64_t stride) {
    int64_t out = (size + stride - 1) / stride;
    struct kernel_arg x = new_arg(4, (int64_t[]){n, size, size, c}),
                      f = new_arg(4, (int64_t[]){k, k, c, o});
    struct kernel_arg y = new_arg(4, (int64_t[]){n, out, out, o});
    struct attr attr[5] = {{.kind = ATTR_SHAPE},
                           ints(stride, stride),
                           {.kind = ATTR_STRING, .s = "SAME"},
                           ints(1, 1),
                           {.kind = ATTR_INT, .i = 1}};
    double flops = 2.0 * (double)(n * out * out * k * k * c * o);
    const struct kernel *kernels[3][2] = {
        {kernel_find(isa, OP_conv2d), REFERENCE(conv2d_im2col_kernel, isa)},
        {kernel_find(isa, OP_conv2d_input_gradient),
         REFERENCE(conv2d_input_gradient_im2col_kernel, isa)},
        {kernel_find(isa, OP_conv2d_filter_gradient),
         REFERENCE(conv2d_filter_gradient_im2col_kernel, isa)},
    };
    struct kernel_arg in[3][2] = {{x, f}, {y, f}, {x, y}}, result[3] = {y, x, f};
    static const char *const what[] = {"forward", "input gradient", "filter gradient"};
    for (int i = 0; i < 3; i++) {
        if (i == 1 && c == 1)
            continue; /* nobody asks for the gradient of the images */
        struct kernel_call call = {
            .n_in = 2, .n_out = 1, .in = in[i], .out = &result[i], .attr = i ? attr : attr + 1};
        char text[64];
        snprintf(text, sizeof text, "%s %s", name, what[i]);
        report(text, kernels[i], &call, flops);
    }
    free(x.data);
    free(f.data);
    free(y.data);
}

/* The gradients of a pooled convolution, half of dk zero, against those by the dense gradient. */
static void bench_block(enum isa isa, const char *name, int64_t n, int64_t size, int64_t c,
                        int64_t k, int64_t o, int64_t pool, int64_t stride) {
    int64_t out = (size + stride - 1) / stride;
    struct kernel_arg x = new_arg(4, (int64_t[]){n, size, size, c}),
                      f = new_arg(4, (int64_t[]){k, k, c, o}),
                      dk = new_arg(4, (int64_t[]){n, out, out, o}), winner = dk;
    winner.dtype = DTYPE_U8;
    winner.data = new_memory((size_t)(n * out * out * o));
    uint32_t random = 1;
    int64_t before = pool > stride ? (pool - stride) / 2 : 0;
    for (int64_t i = 0; i < n * out * out * o; i++) {
        random = random * 1664525 + 1013904223;
        if (random >> 31)
            ((float *)dk.data)[i] = 0;
        int64_t y = i / o / out % out * stride - before, x0 = i / o % out * stride - before;
        int64_t a = (random >> 8) % pool, b = (random >> 16) % pool;
        a = y + a < 0 || y + a >= size ? before : a, b = x0 + b < 0 || x0 + b >= size ? before : b;
        ((uint8_t *)winner.data)[i] = (uint8_t)(a * pool + b);
    }
    struct attr same = {.kind = ATTR_STRING, .s = "SAME"};
    struct attr attr[8] = {{.kind = ATTR_SHAPE},
                           ints(1, 1),
                           same,
                           ints(1, 1),
                           {.kind = ATTR_INT, .i = 1},
                           ints(pool, pool),
                           ints(stride, stride),
                           same};
    const struct kernel *kernels[2][2] = {
        {kernel_find(isa, OP_conv_block_filter_gradient),
         REFERENCE(conv_block_filter_gradient_dense_kernel, isa)},
        {kernel_find(isa, OP_conv_block_input_gradient),
         REFERENCE(conv_block_input_gradient_dense_kernel, isa)}};
    struct kernel_arg in[2][3] = {{x, dk, winner}, {dk, winner, f}}, result[2] = {f, x};
    for (int i = 0; i < 2; i++) {
        struct kernel_call call = {
            .n_in = 3, .n_out = 1, .in = in[i], .out = &result[i], .attr = attr};
        char text[80];
        snprintf(text, sizeof text, "%s pooled %s", name, i ? "input gradient" : "filter gradient");
        if (i == 0 || c > 1)
            report(text, kernels[i], &call, 2.0 * (double)(n * size * size * k * k * c * o));
    }
    free(x.data);
    free(f.data);
    free(dk.data);
    free(winner.data);
}

/* With bias, relu and 2x2 max-pooling, and the winners' places; beside it the reference. */
static void bench_pooled(enum isa isa, const char *name, int64_t n, int64_t size, int64_t c,
                         int64_t k, int64_t o) {
    struct kernel_arg in[3] = {new_arg(4, (int64_t[]){n, size, size, c}),
                               new_arg(4, (int64_t[]){k, k, c, o}), new_arg(1, &o)};
    struct kernel_arg out[2] = {new_arg(4, (int64_t[]){n, size / 2, size / 2, o})};
    out[1] = new_arg(4, out[0].dim); /* as floats there is room enough */
    out[1].dtype = DTYPE_U8, out[1].which = 1;
    struct attr same = {.kind = ATTR_STRING, .s = "SAME"};
    struct attr attr[8] = {
        ints(1, 1), same,       ints(1, 1), {.kind = ATTR_INT, .i = 1},
        ints(2, 2), ints(2, 2), same,       {.kind = ATTR_STRING, .s = "relu"}};
    struct kernel_call call = {.n_in = 3, .n_out = 2, .in = in, .out = out, .attr = attr};
    const struct kernel *kernels[2] = {kernel_find(isa, OP_conv_block),
                                       REFERENCE(conv_block_reference_kernel, isa)};
    report(name, kernels, &call, 2.0 * (double)(n * size * size * k * k * c * o));
    for (int i = 0; i < 3; i++)
        free(in[i].data);
    free(out[0].data), free(out[1].data);
}

static void bench_product(enum isa isa, const char *name, int64_t m, int64_t n, int64_t k, bool ta,
                          bool tb) {
    struct kernel_arg in[2] = {new_arg(2, ta ? (int64_t[]){k, m} : (int64_t[]){m, k}),
                               new_arg(2, tb ? (int64_t[]){n, k} : (int64_t[]){k, n})};
    struct kernel_arg out = new_arg(2, (int64_t[]){m, n});
    struct attr attr[2] = {{.kind = ATTR_BOOL, .i = ta}, {.kind = ATTR_BOOL, .i = tb}};
    struct kernel_call call = {.n_in = 2, .n_out = 1, .in = in, .out = &out, .attr = attr};
    const struct kernel *kernels[2] = {kernel_find(isa, OP_matmul),
                                       REFERENCE(matmul_blas_kernel, isa)};
    report(name, kernels, &call, 2.0 * (double)(m * n * k));
    free(in[0].data);
    free(in[1].data);
    free(out.data);
}

static void bench_pool(enum isa isa, const char *name, int64_t n, int64_t size, int64_t c) {
    struct kernel_arg x = new_arg(4, (int64_t[]){n, size, size, c});
    struct kernel_arg y = new_arg(4, (int64_t[]){n, size / 2, size / 2, c});
    struct kernel_arg dx = new_arg(4, x.dim);
    struct attr attr[3] = {ints(2, 2), ints(2, 2), {.kind = ATTR_STRING, .s = "SAME"}};
    const struct kernel *kernels[2][2] = {{kernel_find(isa, OP_max_pool)},
                                          {kernel_find(isa, OP_max_pool_gradient)}};
    struct kernel_arg in[3] = {x, y, y}, out[2] = {y, dx};
    for (int i = 0; i < 2; i++) {
        struct kernel_call call = {
            .n_in = i ? 3 : 1, .n_out = 1, .in = in, .out = &out[i], .attr = attr};
        char text[64];
        snprintf(text, sizeof text, "%s %s", name, i ? "gradient" : "forward");
        report(text, kernels[i], &call, (double)(n * size * size * c));
    }
    free(x.data);
    free(y.data);
    free(dx.data);
}

/* Multiply-adds in registers only. */
static void spin(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                 void *scratch) {
    (void)c, (void)phase;
    typedef float v8 __attribute__((vector_size(32)));
    v8 sum[8] = {{0}}, x = {0}, y = {0};
    x += 1.0001f, y += 0.5f;
    for (int64_t i = begin * 1000; i < end * 1000; i++)
        for (int s = 0; s < 8; s++)
            sum[s] = sum[s] * x + y;
    for (int s = 0; s < 8; s++)
        ((float *)scratch)[s] = sum[s][0];
}

static void check_machine(void) {
    struct kernel k = {.run = spin};
    struct kernel_work w = {.n_phases = 1, .units = {2000}};
    struct team t = {.k = &k, .w = &w, .repeats = 3};
    for (int i = 0; i < MAX_THREADS; i++)
        t.scratch[i] = new_memory(64);
    double one[5], two[5];
    for (int r = 0; r < 5; r++) {
        one[r] = time_team(&t, 1);
        two[r] = time_team(&t, 2);
    }
    double ratio = typical(one, 5) / typical(two, 5);
    printf("two threads give %.2f times one thread's rate%s\n", ratio,
           ratio < 1.8 ? ": other work runs here, do not trust the times" : "");
}

int main(int argc, char **argv) {
    int64_t n = argc > 1 ? atoi(argv[1]) : 50;
    if (argc > 2)
        rounds = atoi(argv[2]);
    if (argc > 3)
        wanted = argv[3];
    if (n < 1 || rounds < 1 || rounds > MAX_ROUNDS)
        return 2;
    enum isa isa = kernel_best_isa();
    printf("%s, batch %lld\n", kernel_isa_name(isa), (long long)n);
    check_machine();
    bench_conv(isa, "conv1 28x28x1 5x5x32", n, 28, 1, 5, 32, 1);
    bench_conv(isa, "conv2 14x14x32 5x5x64", n, 14, 32, 5, 64, 1);
    bench_block(isa, "conv1", n, 28, 1, 5, 32, 2, 2);
    bench_block(isa, "conv2", n, 14, 32, 5, 64, 2, 2);
    bench_block(isa, "32x32x64 3x3x64", n, 32, 64, 3, 64, 2, 2);
    bench_block(isa, "32x32x64 3x3x64 by 3/2", n, 32, 64, 3, 64, 3, 2);
    bench_block(isa, "32x32x3 5x5x32", n, 32, 3, 5, 32, 2, 2);
    bench_block(isa, "8x8x256 3x3x256", n, 8, 256, 3, 256, 2, 2);
    bench_pooled(isa, "conv1 28x28x1 5x5x32 pooled", n, 28, 1, 5, 32);
    bench_pooled(isa, "conv2 14x14x32 5x5x64 pooled", n, 14, 32, 5, 64);
    bench_pool(isa, "pool1 28x28x32", n, 28, 32);
    bench_pool(isa, "pool2 14x14x64", n, 14, 64);
    bench_product(isa, "fc1 forward", n, 1024, 3136, false, false);
    bench_product(isa, "fc1 data gradient", n, 3136, 1024, false, true);
    bench_product(isa, "fc1 weight gradient", 3136, 1024, n, true, false);
    bench_product(isa, "fc2 forward", n, 10, 1024, false, false);
    bench_product(isa, "fc2 data gradient", n, 1024, 10, false, true);
    bench_product(isa, "fc2 weight gradient", 1024, 10, n, true, false);
    bench_product(isa, "softmax forward", 2 * n, 10, 784, false, false);
    bench_product(isa, "softmax weight gradient", 784, 10, 2 * n, true, false);
    bench_product(isa, "one image, fc1", 1, 1024, 3136, false, false);
    bench_product(isa, "square 512", 512, 512, 512, false, false);
    bench_conv(isa, "16x16x64 3x3x64", n, 16, 64, 3, 64, 1);
    bench_conv(isa, "32x32x64 3x3x64", n, 32, 64, 3, 64, 1);
    bench_conv(isa, "8x8x128 3x3x128", n, 8, 128, 3, 128, 1);
    bench_conv(isa, "28x28x16 3x3x32", n, 28, 16, 3, 32, 1);
    bench_conv(isa, "4x4x256 3x3x256", n, 4, 256, 3, 256, 1);
    bench_conv(isa, "32x32x3 3x3x32", n, 32, 3, 3, 32, 1);
    bench_conv(isa, "32x32x16 3x3x32 stride 2", n, 32, 16, 3, 32, 2);
    return 0;
}
