/* Winograd's convolution: its error, against sums in double, within the bounds that
 * ops/conv_winograd.c states, on random and on adversarial inputs; what it does with NaN, infinity
 * and overflow; when it is not chosen. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "unit.h"
#include "windows.h"

KERNELS_OF(forward, conv2d_kernel);
KERNELS_OF(input_gradient, conv2d_input_gradient_kernel);
KERNELS_OF(forward_reference, conv2d_im2col_kernel);

/* A geometry for which each form is chosen, and the bounds that the kernel states, in units of
 * 2^-24: `worst` times (c + 24) sum over c of max |x| max |f|; for random values `usual` times the
 * greatest sum over a window of |x| |f|. */
struct bounds {
    const char *name;
    int64_t size, taps, n;
    double worst, usual;
};
static const struct bounds forms[] = {
    {"winograd 4x4,3x3", 13, 3, 5, 2304, 32},
    {"winograd 2x2,5x5", 12, 5, 4, 3325, 32},
};
enum { N_FORMS = sizeof forms / sizeof *forms, CHANNELS = 48, RESULTS = 40 };

/* A convolution: x, filter and result in float, the result in double, and the sums of magnitudes
 * beside it. back: x takes the place of dy, and the result that of dx. */
struct trial {
    struct geometry g;
    bool back;
    struct kernel_arg x, filter, y;
    double *sum, *scale;
};

static struct trial trial_new(const struct bounds *b, bool back) {
    struct trial t = {.back = back};
    t.g = (struct geometry){.n = b->n,
                            .h = b->size,
                            .w = b->size + 1,
                            .c = CHANNELS,
                            .kh = b->taps,
                            .kw = b->taps,
                            .sh = 1,
                            .sw = 1,
                            .o = RESULTS,
                            .same = true};
    windows_settle(&t.g);
    uint64_t seed = 3;
    int64_t h = t.g.h, w = t.g.w, n = t.g.n;
    t.x = kernelrun_arg(DTYPE_F32, 4, (int64_t[]){n, h, w, CHANNELS}, &seed);
    t.filter = kernelrun_arg(
        DTYPE_F32, 4,
        (int64_t[]){t.g.kh, t.g.kw, back ? RESULTS : CHANNELS, back ? CHANNELS : RESULTS}, &seed);
    t.y = kernelrun_empty(DTYPE_F32, 4, (int64_t[]){n, h, w, RESULTS});
    t.sum = calloc((size_t)kernelrun_count(&t.y), sizeof *t.sum);
    t.scale = calloc((size_t)kernelrun_count(&t.y), sizeof *t.scale);
    CU_ASSERT_FATAL(t.sum && t.scale);
    return t;
}

static void trial_free(struct trial *t) {
    kernelrun_free(&t->x);
    kernelrun_free(&t->filter);
    kernelrun_free(&t->y);
    free(t->sum);
    free(t->scale);
}

static void add_touch(void *context, const struct touch *touch) {
    struct trial *t = context;
    const float *x = t->x.data, *f = t->filter.data;
    int64_t from = t->back ? touch->result / RESULTS * CHANNELS : touch->image;
    int64_t to = t->back ? touch->image / CHANNELS * RESULTS : touch->result;
    for (int64_t c = 0; c < CHANNELS; c++)
        for (int64_t o = 0; o < RESULTS; o++) {
            double v = (double)x[from + c] * f[t->back ? (touch->tap * RESULTS + o) * CHANNELS + c
                                                       : (touch->tap * CHANNELS + c) * RESULTS + o];
            t->sum[to + o] += v;
            t->scale[to + o] += fabs(v);
        }
}

/* Which kernel prepare chose, having run it into t->y. */
static const char *run(struct trial *t, const struct kernel *k, bool exact) {
    struct kernel_arg in[2] = {t->x, t->filter};
    struct attr attr[5] = {{.kind = ATTR_SHAPE, .shape = shape_const(4, t->y.dim)},
                           kernelrun_ints(2, 1, 1),
                           kernelrun_string("SAME"),
                           kernelrun_ints(2, 1, 1),
                           {.kind = ATTR_INT, .i = 1}};
    struct kernel_call c = {.n_in = 2,
                            .n_out = 1,
                            .in = in,
                            .out = &t->y,
                            .attr = t->back ? attr : attr + 1,
                            .exact = exact};
    return kernelrun_check(k, &c);
}

static const struct kernel *kernel_of(const struct trial *t, int isa) {
    return t->back ? input_gradient[isa] : forward[isa];
}

/* The greatest error relative to `term`. */
static double greatest_error(const struct trial *t, double term) {
    double worst = 0;
    for (int64_t i = 0; i < kernelrun_count(&t->y); i++)
        worst = fmax(worst, fabs(((float *)t->y.data)[i] - t->sum[i]));
    return worst / term;
}

static double greatest(const double *v, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, v[i]);
    return most;
}

/* term: what the bound is relative to; 0: the greatest sum of magnitudes over a window. */
static void check_error(const struct bounds *b, struct trial *t, double most, double term,
                        const char *what) {
    windows_visit(&t->g, add_touch, t);
    term = term > 0 ? term : greatest(t->scale, kernelrun_count(&t->y));
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        const char *name = run(t, kernel_of(t, isa), false);
        CU_ASSERT_STRING_EQUAL(name, b->name);
        double error = greatest_error(t, term) * 0x1p24;
        if (!(error <= most))
            printf("%s, %s, %s%s: error of %.3g units, at most %.3g\n", name,
                   kernel_isa_name((enum isa)isa), what, t->back ? ", back" : "", error, most);
        CU_ASSERT(error <= most);
    }
}

static void random_errors(void) {
    for (int f = 0; f < N_FORMS; f++)
        for (int back = 0; back < 2; back++) {
            struct trial t = trial_new(&forms[f], back);
            check_error(&forms[f], &t, forms[f].usual, 0, "random");
            trial_free(&t);
        }
}

/* Values of magnitude 1/3, rounded, whose signs make the maps add up all they can. */
static void adversarial_errors(void) {
    for (int f = 0; f < N_FORMS; f++)
        for (int pattern = 0; pattern < 8; pattern++) {
            struct trial t = trial_new(&forms[f], pattern & 1);
            for (int64_t i = 0; i < kernelrun_count(&t.x); i++) {
                int64_t pixel = i / CHANNELS, column = pixel % t.g.w, row = pixel / t.g.w % t.g.h;
                int64_t half = pattern & 2 ? (column + row) % 2 : (column / 2 + row / 2) % 2;
                ((float *)t.x.data)[i] = (half ? -1.0f : 1.0f) / 3.0f;
            }
            for (int64_t i = 0; i < kernelrun_count(&t.filter); i++) {
                int64_t tap = i / CHANNELS / RESULTS, ky = tap / t.g.kw, kx = tap % t.g.kw;
                ((float *)t.filter.data)[i] = (pattern & 4 && (ky + kx) % 2 ? -1.0f : 1.0f) / 3.0f;
            }
            check_error(&forms[f], &t, forms[f].worst, (CHANNELS + 24) * CHANNELS / 9.0,
                        "adversarial");
            trial_free(&t);
        }
}

/* One pixel, or one weight, is v: outputs are finite where the reference's are, and there as near
 * as plain sums. */
static void check_propagation(const struct bounds *b, float v) {
    struct trial t = trial_new(b, false);
    int64_t pixel = t.g.h / 2 * t.g.w + t.g.w / 3;
    ((float *)t.x.data)[pixel * CHANNELS + 5] = v;
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        const char *name = run(&t, forward[isa], false);
        CU_ASSERT_STRING_EQUAL(name, b->name);
        int64_t n = kernelrun_count(&t.y), wrong = -1;
        float *y = malloc((size_t)n * sizeof *y);
        CU_ASSERT_FATAL(y != NULL);
        memcpy(y, t.y.data, (size_t)n * sizeof *y);
        run(&t, forward_reference[isa], false);
        const float *expected = t.y.data;
        for (int64_t i = 0; i < n && wrong < 0; i++)
            if (!isfinite(expected[i]) || fabsf(expected[i]) > 1e30f
                    ? !(isnan(expected[i])
                            ? isnan(y[i])
                            : fabsf(y[i] / expected[i] - 1) < 1e-3f || y[i] == expected[i])
                    : !(fabsf(y[i] - expected[i]) < 1e-3f))
                wrong = i;
        if (wrong >= 0)
            printf("%s, %s, a pixel of %g: element %lld is %g, not %g\n", b->name,
                   kernel_isa_name((enum isa)isa), (double)v, (long long)wrong, (double)y[wrong],
                   (double)expected[wrong]);
        CU_ASSERT_EQUAL(wrong, -1);
        free(y);
    }
    trial_free(&t);
}

static void not_finite(void) {
    for (int f = 0; f < N_FORMS; f++) {
        check_propagation(&forms[f], NAN);
        check_propagation(&forms[f], INFINITY);
        check_propagation(&forms[f], -INFINITY);
        check_propagation(&forms[f], FLT_MAX); /* overflows in the maps */
    }
}

static void exact(void) {
    for (int f = 0; f < N_FORMS; f++)
        for (int back = 0; back < 2; back++) {
            struct trial t = trial_new(&forms[f], back);
            for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
                const char *name = run(&t, kernel_of(&t, isa), true);
                CU_ASSERT_STRING_EQUAL(name, "direct");
            }
            trial_free(&t);
        }
}

void suite_ops_conv_winograd(void) {
    unit_suite("ops: Winograd's convolution");
    unit_test("the error on random values", random_errors);
    unit_test("the error on adversarial values", adversarial_errors);
    unit_test("NaN, infinity and overflow", not_finite);
    unit_test("not with --exact", exact);
}
