/* The gradients of a max-pooled convolution against naive loops in double over the dense gradient:
 * many geometries of both windows, both dtypes, every instruction set; the sparse kernels, the one
 * by the dense gradient, and the reference. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "windows.h"

KERNELS_OF(filter_gradient, conv_block_filter_gradient_sparse_kernel);
KERNELS_OF(filter_gradient_masked, conv_block_filter_gradient_masked_kernel);
KERNELS_OF(input_gradient, conv_block_input_gradient_sparse_kernel);
KERNELS_OF(filter_gradient_dense, conv_block_filter_gradient_dense_kernel);
KERNELS_OF(input_gradient_dense, conv_block_input_gradient_dense_kernel);
KERNELS_OF(filter_gradient_reference, conv_block_filter_gradient_reference_kernel);
KERNELS_OF(input_gradient_reference, conv_block_input_gradient_reference_kernel);

/* A convolution and the pooling of its result. */
struct trial {
    struct geometry conv, pool;
    struct kernel_arg x, filter, dk, winner;
    double *d, *size; /* the dense gradient, and the sum of magnitudes that it is made of */
    double *sum, *scale;
    bool of_filter;
};

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Of a window that begins at `first`, a place among n that falls on [0, in). */
static int64_t place(uint64_t *seed, int64_t first, int64_t n, int64_t in) {
    int64_t low = first < 0 ? -first : 0, high = first + n > in ? in - first : n;
    return low + (int64_t)(next_random(seed) % (uint64_t)(high - low));
}

/* Random winners, and half of dk zero; d to match. */
static void draw(struct trial *t, uint64_t seed) {
    const struct geometry *p = &t->pool;
    for (int64_t i = 0, n = kernelrun_count(&t->dk); i < n; i++) {
        int64_t row = i / p->c / p->ow % p->oh, column = i / p->c % p->ow;
        int64_t y = row * p->sh - p->top, x = column * p->sw - p->left;
        int64_t ky = place(&seed, y, p->kh, p->h), kx = place(&seed, x, p->kw, p->w);
        ((uint8_t *)t->winner.data)[i] = (uint8_t)(ky * p->kw + kx);
        if (next_random(&seed) % 2)
            kernelrun_set(&t->dk, i, 0);
        int64_t image = i / p->c / p->ow / p->oh;
        int64_t at = ((image * p->h + y + ky) * p->w + x + kx) * p->c + i % p->c;
        t->d[at] += kernelrun_get(&t->dk, i);
        t->size[at] += fabs(kernelrun_get(&t->dk, i));
    }
}

static void add_touch(void *context, const struct touch *touch) {
    struct trial *t = context;
    int64_t channels = t->conv.c / t->conv.groups, results = t->conv.o / t->conv.groups;
    for (int64_t o = 0; o < t->conv.o; o++) {
        double d = t->d[touch->result + o], size = t->size[touch->result + o];
        for (int64_t c = 0; c < channels && size != 0; c++) {
            int64_t image = touch->image + o / results * channels + c;
            int64_t tap = (touch->tap * channels + c) * t->conv.o + o;
            int64_t at = t->of_filter ? tap : image;
            double v = t->of_filter ? kernelrun_get(&t->x, image) : kernelrun_get(&t->filter, tap);
            t->sum[at] += d * v;
            t->scale[at] += size * fabs(v);
        }
    }
}

static void check_kernel(struct trial *t, const struct kernel *k, enum isa isa) {
    const struct geometry *g = &t->conv, *p = &t->pool;
    struct kernel_arg in[3] = {t->dk, t->winner, t->filter}, out = t->x;
    if (t->of_filter)
        in[0] = t->x, in[1] = t->dk, in[2] = t->winner, out = t->filter;
    out = kernelrun_empty(out.dtype, 4, out.dim);
    struct attr attr[8] = {{.kind = ATTR_SHAPE, .shape = shape_const(4, out.dim)},
                           kernelrun_ints(2, g->sh, g->sw),
                           windows_padding(g),
                           kernelrun_ints(2, g->dh, g->dw),
                           {.kind = ATTR_INT, .i = g->groups},
                           kernelrun_ints(2, p->kh, p->kw),
                           kernelrun_ints(2, p->sh, p->sw),
                           windows_padding(p)};
    struct kernel_call c = {.n_in = 3, .n_out = 1, .in = in, .out = &out, .attr = attr};
    const char *name = kernelrun_check(k, &c);
    char conv[160], pool[160], what[400];
    snprintf(what, sizeof what, "%s gradient of %s pooled %s by %s, %s, %s",
             t->of_filter ? "filter" : "input", windows_text(g, conv, sizeof conv),
             windows_text(p, pool, sizeof pool), name, kernel_isa_name(isa), dtype_name(out.dtype));
    double unit = out.dtype == DTYPE_F64 ? DBL_EPSILON : FLT_EPSILON;
    kernelrun_compare(what, &out, t->sum, t->scale, unit * 20);
    kernelrun_free(&out);
}

static void check_gradient(struct trial *t, bool of_filter) {
    size_t n = (size_t)kernelrun_count(of_filter ? &t->filter : &t->x) + 1;
    t->of_filter = of_filter;
    t->sum = calloc(n, sizeof *t->sum);
    t->scale = calloc(n, sizeof *t->scale);
    CU_ASSERT_FATAL(t->sum && t->scale);
    windows_visit(&t->conv, add_touch, t);
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        const struct kernel *kernels[2][4] = {
            {input_gradient[isa], input_gradient_dense[isa], input_gradient_reference[isa]},
            {filter_gradient[isa], filter_gradient_dense[isa], filter_gradient_reference[isa],
             filter_gradient_masked[isa]}};
        for (int k = 0; k < 4 && kernels[of_filter][k]; k++)
            check_kernel(t, kernels[of_filter][k], (enum isa)isa);
    }
    free(t->sum);
    free(t->scale);
}

/* Both settled; the pooling fits the convolution's result. */
static void check(const struct geometry *conv, const struct geometry *pool, enum dtype type) {
    struct trial t = {.conv = *conv, .pool = *pool};
    const struct geometry *g = conv, *p = pool;
    uint64_t seed = 7;
    t.x = kernelrun_arg(type, 4, (int64_t[]){g->n, g->h, g->w, g->c}, &seed);
    t.filter = kernelrun_arg(type, 4, (int64_t[]){g->kh, g->kw, g->c / g->groups, g->o}, &seed);
    t.dk = kernelrun_arg(type, 4, (int64_t[]){p->n, p->oh, p->ow, p->c}, &seed);
    t.winner = kernelrun_empty(DTYPE_U8, 4, t.dk.dim);
    size_t n = (size_t)(p->n * p->h * p->w * p->c) + 1;
    t.d = calloc(n, sizeof *t.d);
    t.size = calloc(n, sizeof *t.size);
    CU_ASSERT_FATAL(t.d && t.size);
    draw(&t, seed);
    check_gradient(&t, true);
    check_gradient(&t, false);
    free(t.d);
    free(t.size);
    kernelrun_free(&t.x);
    kernelrun_free(&t.filter);
    kernelrun_free(&t.dk);
    kernelrun_free(&t.winner);
}

/* Poolings by number: window, stride, SAME. */
static const struct geometry pools[] = {
    {.kh = 2, .kw = 2, .sh = 2, .sw = 2, .same = true},
    {.kh = 3, .kw = 3, .sh = 2, .sw = 2, .same = true},
    {.kh = 3, .kw = 2, .sh = 3, .sw = 3},
    {.kh = 1, .kw = 1, .sh = 1, .sw = 1},
    {.kh = 15, .kw = 17, .sh = 4, .sw = 5, .same = true},
    {.kh = 2, .kw = 3, .sh = 1, .sw = 1, .same = true},
    {.kh = 3,
     .kw = 3,
     .sh = 2,
     .sw = 1,
     .sized = true,
     .top = 1,
     .bottom = 1,
     .left = 2,
     .right = 0},
};
enum { N_POOLS = sizeof pools / sizeof *pools };

/* false: nothing is left to pool. */
static bool pooled(const struct geometry *conv, int which, struct geometry *p) {
    *p = pools[which];
    p->n = conv->n, p->h = conv->oh, p->w = conv->ow, p->c = p->o = conv->o;
    windows_settle(p);
    return conv->oh > 0 && conv->ow > 0 && p->oh > 0 && p->ow > 0;
}

static void odd(void) {
    struct geometry g, p;
    for (int i = 0; windows_next(i, &g); i++)
        for (int k = 0; k < 3; k++)
            if (pooled(&g, (i + 3 * k) % N_POOLS, &p)) {
                check(&g, &p, DTYPE_F32);
                if (k == i % 3)
                    check(&g, &p, DTYPE_F64);
            }
}

static void sweep(void) {
    struct geometry g, p;
    for (int i = 0; windows_sweep(i, &g); i++)
        if (pooled(&g, i / 2 % N_POOLS, &p))
            check(&g, &p, i % 3 ? DTYPE_F32 : DTYPE_F64);
}

/* Rows of windows that are cut, in blocks of channels and unrolled. */
static void wide(void) {
    for (int i = 0; i < 2; i++) {
        struct geometry p, g = {.n = 2,
                                .h = 7,
                                .w = 233,
                                .c = i ? 2 : 20,
                                .kh = 5,
                                .kw = i ? 5 : 2,
                                .sh = 1,
                                .sw = 1,
                                .o = 3,
                                .dw = 2 - i,
                                .same = true};
        windows_settle(&g);
        CU_ASSERT(pooled(&g, 1, &p));
        check(&g, &p, DTYPE_F32);
        check(&g, &p, DTYPE_F64);
    }
}

/* One of the sizes 1, 2, .. most, small ones more often. */
static int64_t draw_size(uint64_t *seed, int64_t most) {
    int64_t cut = 1 + (int64_t)(next_random(seed) % (uint64_t)most);
    return 1 + (int64_t)(next_random(seed) % (uint64_t)cut);
}

/* Sizes drawn from far more than can all be tried: filters up to 11 x 11, images from one pixel to
 * rows that are cut, up to 67 images and 130 channels. */
static void drawn(void) {
    enum { N_TRIALS = 70, MOST_WORK = 600000 };
    uint64_t seed = 3;
    for (int done = 0; done < N_TRIALS;) {
        struct geometry g = {.n = draw_size(&seed, 67),
                             .h = draw_size(&seed, 30),
                             .w = draw_size(&seed, 200),
                             .c = draw_size(&seed, 130),
                             .kh = draw_size(&seed, 11),
                             .kw = draw_size(&seed, 11),
                             .sh = draw_size(&seed, 3),
                             .sw = draw_size(&seed, 3),
                             .o = draw_size(&seed, 130),
                             .dh = draw_size(&seed, 2),
                             .dw = draw_size(&seed, 2)};
        struct geometry p;
        g.same = next_random(&seed) % 2;
        windows_settle(&g);
        if (!pooled(&g, (int)(next_random(&seed) % N_POOLS), &p) ||
            g.n * p.oh * p.ow * g.kh * g.kw * g.c * g.o > MOST_WORK)
            continue;
        check(&g, &p, done++ % 3 ? DTYPE_F32 : DTYPE_F64);
    }
}

void suite_ops_conv_sparse(void) {
    unit_suite("ops: gradients of pooled convolution");
    unit_test("sizes drawn", drawn);
    unit_test("wide images", wide);
    unit_test("odd sizes", odd);
    unit_test("strides, dilations, groups and paddings", sweep);
}
