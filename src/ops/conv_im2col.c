/* Convolution and its gradients as matrix products over unrolled images (Chellapilla et al. 2006):
 * each position's window becomes a row of a matrix. Unrolled a few output rows at a time, so that
 * the matrix stays in cache. Groups of channels are so many products, each of its own columns.
 *
 * In and out: as conv.c says. Any geometry, float and float64. Promises the same bits at any number
 * of threads: a unit is a group's share of a block of rows or of an image; the filter's gradient is
 * summed over fixed batches of images, which are then added in order. This is the path that every
 * faster kernel is tested against. */
#include "ops/conv.h"

#ifdef OPS_KERNELS

#include "ops/blas.h"

enum { COLUMNS_ELEMENTS = 1 << 17, MAX_BATCHES = 8, SUM_BLOCK = 1024 };

struct im2col {
    struct conv_base base;
    bool blas;
    int64_t channels, results; /* of a group: c / groups, o / groups */
    int64_t depth;             /* kh * kw * channels */
    int64_t block_rows,
        n_blocks;      /* output rows unrolled at once, and how many such blocks an image has */
    int64_t n_batches; /* of images, for the filter's gradient */
};

#define REAL    float
#define R(name) name##_f32
#define GEMM    blas_sgemm
#include "ops/conv_im2col_loops.h"
#undef REAL
#undef R
#undef GEMM
#define REAL    double
#define R(name) name##_f64
#define GEMM    blas_dgemm
#include "ops/conv_im2col_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

/* No window, no channel or no image: all sums are empty. */
static void run_zero(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)begin, (void)end, (void)scratch;
    memset(c->out[0].data, 0, (size_t)arg_count(&c->out[0]) * (is_wide(c) ? 8 : 4));
}

/* Fills in what the three kernels share; NULL when the result is all zeros, which is then
 * prepared. */
static struct im2col *describe(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                               struct window g) {
    struct im2col *p = arena_new(a, struct im2col);
    c->geometry = p;
    p->base.g = g;
    p->channels = g.c / g.groups;
    p->results = g.o / g.groups;
    p->depth = g.kh * g.kw * p->channels;
    if (window_work(&g) == 0) {
        work_set(w, "zero", 1, (double)arg_count(&c->out[0]));
        p->base.run = run_zero;
        return NULL;
    }
    p->blas = blas_start()->loaded;
    p->block_rows = max_i64(1, min_i64(g.oh, COLUMNS_ELEMENTS / max_i64(1, g.ow * p->depth)));
    p->n_blocks = ceil_div(g.oh, p->block_rows);
    p->n_batches = max_i64(1, min_i64(g.n, MAX_BATCHES));
    work_set(w, is_wide(c) ? "im2col+dgemm" : "im2col+sgemm", g.n * g.groups, window_work(&g));
    w->scratch_bytes = (size_t)(p->block_rows * g.ow * p->depth) * (is_wide(c) ? 8 : 4);
    return p;
}

static void run_forward(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                        void *scratch) {
    (void)phase;
    if (is_wide(c))
        forward_f64(c->geometry, c->in[0].data, c->in[1].data, c->out[0].data, begin, end, scratch);
    else
        forward_f32(c->geometry, c->in[0].data, c->in[1].data, c->out[0].data, begin, end, scratch);
}

static void prepare_forward(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct im2col *p = describe(c, w, a, conv_forward_window(c));
    if (!p)
        return;
    w->units[0] *= p->n_blocks;
    p->base.run = run_forward;
}

static void run_input_gradient(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                               void *scratch) {
    (void)phase;
    if (is_wide(c))
        input_gradient_f64(c->geometry, c->in[0].data, c->in[1].data, c->out[0].data, begin, end,
                           scratch);
    else
        input_gradient_f32(c->geometry, c->in[0].data, c->in[1].data, c->out[0].data, begin, end,
                           scratch);
}

static void prepare_input_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct im2col *p = describe(c, w, a, conv_input_gradient_window(c));
    if (p)
        p->base.run = run_input_gradient;
}

static void run_filter_gradient(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                                void *scratch) {
    const struct im2col *p = c->geometry;
    void *partial = p->n_batches > 1 ? c->shared : c->out[0].data;
    if (phase == 0 && is_wide(c))
        filter_gradient_f64(p, c->in[0].data, c->in[1].data, partial, begin, end, scratch);
    else if (phase == 0)
        filter_gradient_f32(p, c->in[0].data, c->in[1].data, partial, begin, end, scratch);
    else if (is_wide(c))
        add_partials_f64(p, partial, c->out[0].data, begin, end);
    else
        add_partials_f32(p, partial, c->out[0].data, begin, end);
}

static void prepare_filter_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct im2col *p = describe(c, w, a, conv_filter_gradient_window(c));
    if (!p)
        return;
    p->base.run = run_filter_gradient;
    w->units[0] = p->n_batches * p->base.g.groups;
    if (p->n_batches == 1)
        return;
    int64_t n = p->depth * p->base.g.o;
    w->n_phases = 2;
    w->units[1] = ceil_div(n, SUM_BLOCK);
    w->cost[1] = (double)(n * p->n_batches);
    w->shared_bytes = (size_t)(n * p->n_batches) * (is_wide(c) ? 8 : 4);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct conv_base *p = c->geometry;
    p->run(c, phase, begin, end, scratch);
}

const struct kernel KERNEL(conv2d_im2col_kernel) = {.prepare = prepare_forward, .run = run};
const struct kernel KERNEL(conv2d_input_gradient_im2col_kernel) = {
    .prepare = prepare_input_gradient, .run = run};
const struct kernel KERNEL(conv2d_filter_gradient_im2col_kernel) = {
    .prepare = prepare_filter_gradient, .run = run};

#endif
