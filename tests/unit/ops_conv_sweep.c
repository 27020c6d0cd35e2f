/* Convolution of any size against the reference path: windows of 1 to 11, strides of 1 to 3, images
 * from one pixel to large ones, 1 to 130 channels, 1 to 67 images, SAME and VALID; the convolution
 * and both gradients by the kernel that is chosen, for each instruction set, in float32 and float64.
 *
 * The reference is the product over unrolled images in double; the same over magnitudes says what
 * an error is relative to. A fixed pseudo-random sample and all combinations of extremes, each made
 * smaller until it is cheap. NNRUN_SWEEP=n in the environment takes n times as large a sample, of
 * geometries up to n times as dear. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "windows.h"

KERNELS_OF(forward, conv2d_kernel);
KERNELS_OF(input_gradient, conv2d_input_gradient_kernel);
KERNELS_OF(filter_gradient, conv2d_filter_gradient_kernel);
KERNELS_OF(forward_reference, conv2d_im2col_kernel);
KERNELS_OF(input_gradient_reference, conv2d_input_gradient_im2col_kernel);
KERNELS_OF(filter_gradient_reference, conv2d_filter_gradient_im2col_kernel);

/* Multiply-adds of the dearest geometry, and how many are drawn. */
enum { MOST_WORK = 1 << 18, SAMPLES = 150 };

enum part { IMAGE, FILTER, RESULT };

/* x, filter and result in double, of which `out` is computed from the others. */
struct trial {
    struct geometry g;
    enum part out;
    struct kernel_arg arg[3];
    double *scale, greatest;
};

static struct attr *settings(const struct trial *t, struct attr attr[5]) {
    const struct geometry *g = &t->g;
    attr[0] = (struct attr){.kind = ATTR_SHAPE, .shape = shape_const(4, t->arg[t->out].dim)};
    attr[1] = kernelrun_ints(2, g->sh, g->sw);
    attr[2] = windows_padding(g);
    attr[3] = kernelrun_ints(2, g->dh, g->dw);
    attr[4] = (struct attr){.kind = ATTR_INT, .i = g->groups};
    return t->out == RESULT ? attr + 1 : attr;
}

/* Runs k over the trial's two operands into `out`. */
static const char *run(const struct trial *t, const struct kernel *k, const struct kernel_arg *arg,
                       struct kernel_arg *out) {
    struct attr attr[5];
    struct kernel_arg in[2] = {arg[t->out == IMAGE ? RESULT : IMAGE],
                               arg[t->out == FILTER ? RESULT : FILTER]};
    struct kernel_call c = {.n_in = 2, .n_out = 1, .in = in, .out = out, .attr = settings(t, attr)};
    return kernelrun_check(k, &c);
}

/* a in another dtype, or its magnitudes. */
static struct kernel_arg converted(const struct kernel_arg *a, enum dtype type, bool magnitudes) {
    struct kernel_arg b = kernelrun_empty(type, a->rank, a->dim);
    for (int64_t i = 0, n = kernelrun_count(a); i < n; i++)
        kernelrun_set(&b, i, magnitudes ? fabs(kernelrun_get(a, i)) : kernelrun_get(a, i));
    return b;
}

/* The expected result into t->arg[t->out], and t->scale. */
static void expect(struct trial *t) {
    static const struct kernel *const *const references[] = {
        input_gradient_reference, filter_gradient_reference, forward_reference};
    const struct kernel *k = references[t->out][kernel_best_isa()];
    struct kernel_arg magnitude[3];
    for (int p = 0; p < 3; p++)
        magnitude[p] = converted(&t->arg[p], DTYPE_F64, true);
    run(t, k, t->arg, &t->arg[t->out]);
    run(t, k, magnitude, &magnitude[t->out]);
    t->scale = magnitude[t->out].data;
    t->greatest = 0;
    for (int64_t i = 0; i < kernelrun_count(&t->arg[t->out]); i++)
        t->greatest = fmax(t->greatest, t->scale[i]);
    for (int p = 0; p < 3; p++)
        if (p != (int)t->out)
            kernelrun_free(&magnitude[p]);
}

static void check_type(struct trial *t, enum dtype type, enum isa isa) {
    static const struct kernel *const *const chosen[] = {input_gradient, filter_gradient, forward};
    static const char *const ops[] = {"input gradient", "filter gradient", "convolution"};
    struct kernel_arg arg[3];
    for (int p = 0; p < 3; p++)
        arg[p] = converted(&t->arg[p], type, false);
    struct kernel_arg *out = &arg[t->out];
    memset(out->data, 0xff, (size_t)kernelrun_count(out) * dtype_bytes(type));
    const char *name = run(t, chosen[t->out][isa], arg, out);
    char geometry[160], what[288];
    snprintf(what, sizeof what, "%s of %s by %s, %s, %s", ops[t->out],
             windows_text(&t->g, geometry, sizeof geometry), name, kernel_isa_name(isa),
             dtype_name(type));
    double unit = type == DTYPE_F64 ? DBL_EPSILON : FLT_EPSILON;
    const double *expected = t->arg[t->out].data;
    if (strncmp(name, "winograd", 8))
        kernelrun_compare(what, out, expected, t->scale, unit * 20);
    else
        kernelrun_compare(what, out, expected, NULL, unit * 20 * t->greatest);
    for (int p = 0; p < 3; p++)
        kernelrun_free(&arg[p]);
}

/* In float32 with every instruction set, in float64 with one of them, in turn. */
static void check(const struct geometry *g, int number) {
    const int64_t dims[3][4] = {
        {g->n, g->h, g->w, g->c}, {g->kh, g->kw, g->c, g->o}, {g->n, g->oh, g->ow, g->o}};
    for (int out = IMAGE; out <= RESULT; out++) {
        struct trial t = {.g = *g, .out = (enum part)out};
        uint64_t seed = 9;
        for (int p = 0; p < 3; p++) {
            /* values that a float holds */
            struct kernel_arg a = kernelrun_arg(DTYPE_F32, 4, dims[p], &seed);
            t.arg[p] = converted(&a, DTYPE_F64, false);
            kernelrun_free(&a);
        }
        expect(&t);
        for (int isa = 0; isa <= (int)kernel_best_isa(); isa++)
            check_type(&t, DTYPE_F32, (enum isa)isa);
        check_type(&t, DTYPE_F64, (enum isa)(number % (1 + (int)kernel_best_isa())));
        free(t.scale);
        for (int p = 0; p < 3; p++)
            kernelrun_free(&t.arg[p]);
    }
}

static int sweep(void) {
    const char *times = getenv("NNRUN_SWEEP");
    return times && atoi(times) > 0 ? atoi(times) : 1;
}

static double work(const struct geometry *g) {
    return (double)(g->n * g->oh * g->ow * g->kh * g->kw) * (double)(g->c * g->o);
}

/* Settles g, made smaller where it is dear; false: it has no position. */
static bool make_cheap(struct geometry *g) {
    for (int turn = 0;; turn++) {
        windows_settle(g);
        if (g->oh < 1 || g->ow < 1)
            return false;
        if (work(g) <= (double)MOST_WORK * sweep())
            return true;
        int64_t *const size[] = {&g->n, &g->h, &g->c, &g->w, &g->o};
        int64_t *s = size[turn % 5];
        *s -= (*s - 1) / 3 + (*s > 1);
    }
}

static int64_t draw(uint64_t *seed, int64_t low, int64_t high) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((*seed >> 33) % (uint64_t)(high - low + 1));
}

/* Small ones are as likely as large ones. */
static int64_t draw_size(uint64_t *seed, int64_t most) {
    return draw(seed, 1, draw(seed, 1, draw(seed, 1, most)));
}

static void samples(void) {
    uint64_t seed = 17;
    for (int i = 0; i < SAMPLES * sweep(); i++) {
        struct geometry g = {.n = draw_size(&seed, 67), .h = draw_size(&seed, 40)};
        g.w = draw_size(&seed, 40);
        g.c = draw_size(&seed, 130);
        g.o = draw_size(&seed, 130);
        g.kh = draw(&seed, 1, 11);
        g.kw = draw(&seed, 0, 3) ? g.kh : draw(&seed, 1, 11);
        g.sh = draw(&seed, 1, 3);
        g.sw = draw(&seed, 0, 3) ? g.sh : draw(&seed, 1, 3);
        g.same = draw(&seed, 0, 1);
        if (make_cheap(&g))
            check(&g, i);
    }
}

static void extremes(void) {
    static const int64_t windows[] = {1, 3, 5, 11}, strides[] = {1, 3}, images[] = {1, 2, 37},
                         channels[] = {1, 130}, batches[] = {1, 67};
    enum { N = 4 * 2 * 3 * 2 * 2 * 2 * 2 };
    for (int i = 0; i < N; i++) {
        int k = i % 4, s = i / 4 % 2, image = i / 8 % 3, c = i / 24 % 2, o = i / 48 % 2;
        struct geometry g = {.n = batches[i / 96 % 2],
                             .h = images[image],
                             .w = images[image],
                             .c = channels[c],
                             .kh = windows[k],
                             .kw = windows[k],
                             .sh = strides[s],
                             .sw = strides[s],
                             .o = channels[o],
                             .same = i / 192};
        if (make_cheap(&g))
            check(&g, i / 2);
    }
}

void suite_ops_conv_sweep(void) {
    unit_suite("ops: convolution of any size");
    unit_test("a sample", samples);
    unit_test("extremes", extremes);
}
