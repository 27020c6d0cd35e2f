/* Convolution blocks against their ops one by one: the dense result of a kernel of conv2d, then
 * bias, activation and pooling by plain loops. Many geometries of both windows, with and without a bias,
 * ties and NaN, with the winners asked for or not; both dtypes, every instruction set, the chosen
 * kernel and the reference by matrix products. To the bit where the activation is exact. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "windows.h"

KERNELS_OF(block, conv_block_kernel);
KERNELS_OF(block_reference, conv_block_reference_kernel);
KERNELS_OF(convolution, conv2d_kernel);
KERNELS_OF(convolution_reference, conv2d_im2col_kernel);

static const char *const activations[] = {"none", "relu", "tanh", "sigmoid"};
enum { N_ACTIVATIONS = 4 };

struct trial {
    struct geometry conv, pool;
    const char *activation;
    struct kernel_arg in[3]; /* x, filter, bias */
    int n_in;
    struct kernel_arg y, winner;
};

/* In the arithmetic of the dtype. */
static double activate(const struct trial *t, double dense, double bias) {
    bool wide = t->y.dtype == DTYPE_F64;
    double v = wide ? dense + bias : (double)((float)dense + (float)bias);
    switch (t->activation[0]) {
    case 'r':
        return v > 0 || v != v ? v : 0;
    case 't':
        return tanh(v);
    case 's':
        return 1 / (1 + exp(-v));
    default:
        return v;
    }
}

/* Pooled element i from the dense result: the value, and the winner's place. near: how far below
 * the largest the element at `place` is, that which the kernel says. */
static double largest(const struct trial *t, const struct kernel_arg *dense, int64_t i, int *winner,
                      int place, double *near) {
    const struct geometry *p = &t->pool;
    int64_t o = i % p->c, column = i / p->c % p->ow, row = i / p->c / p->ow % p->oh,
            image = i / p->c / p->ow / p->oh;
    double most = 0, at_place = NAN;
    *winner = -1;
    for (int tap = 0; tap < p->kh * p->kw; tap++) {
        int64_t y = row * p->sh - p->top + tap / p->kw, x = column * p->sw - p->left + tap % p->kw;
        if (y < 0 || y >= p->h || x < 0 || x >= p->w)
            continue;
        double bias = t->n_in > 2 ? kernelrun_get(&t->in[2], o) : -0.0;
        double v =
            activate(t, kernelrun_get(dense, ((image * p->h + y) * p->w + x) * p->c + o), bias);
        if (tap == place)
            at_place = v;
        if (*winner < 0 || v > most || (v != v && most == most))
            most = v, *winner = tap;
    }
    *near = most - at_place;
    return most;
}

static void compare(const struct trial *t, const struct kernel_arg *dense, bool winners,
                    const char *what) {
    bool exact = t->activation[0] == 'n' || t->activation[0] == 'r';
    double allowed = exact ? 0 : t->y.dtype == DTYPE_F64 ? 1e-15 : 1e-6;
    int64_t n = kernelrun_count(&t->y), wrong = -1;
    for (int64_t i = 0; i < n && wrong < 0; i++) {
        int winner, place = winners ? ((uint8_t *)t->winner.data)[i] : -1;
        double near, v = kernelrun_get(&t->y, i),
                     expected = largest(t, dense, i, &winner, place, &near);
        bool both_nan = v != v && expected != expected;
        bool right = both_nan || fabs(v - expected) <= allowed || v == expected;
        if (winners && (exact || both_nan))
            right &= place == winner;
        else if (winners)
            right &= near <= allowed;
        if (!right) {
            wrong = i;
            printf("%s: element %d is %.9g, not %.9g; winner %d, not %d\n", what, (int)i, v,
                   expected, place, winner);
        }
    }
    CU_ASSERT_EQUAL(wrong, -1);
}

static void check_kernel(struct trial *t, const struct kernel *k, const struct kernel *of_dense,
                         enum isa isa, bool winners) {
    const struct geometry *g = &t->conv, *p = &t->pool;
    struct attr attr[8] = {kernelrun_ints(2, g->sh, g->sw),
                           windows_padding(g),
                           kernelrun_ints(2, g->dh, g->dw),
                           {.kind = ATTR_INT, .i = g->groups},
                           kernelrun_ints(2, p->kh, p->kw),
                           kernelrun_ints(2, p->sh, p->sw),
                           windows_padding(p),
                           kernelrun_string(t->activation)};
    struct kernel_arg result =
        kernelrun_empty(t->y.dtype, 4, (int64_t[]){g->n, g->oh, g->ow, g->o});
    struct kernel_call conv = {.n_in = 2, .n_out = 1, .in = t->in, .out = &result, .attr = attr};
    kernelrun_check(of_dense, &conv);
    struct kernel_arg out[2] = {t->y, t->winner};
    out[1].which = 1;
    struct kernel_call c = {
        .n_in = t->n_in, .n_out = winners ? 2 : 1, .in = t->in, .out = out, .attr = attr};
    const char *name = kernelrun_check(k, &c);
    char of_conv[160], of_pool[160], what[480];
    snprintf(what, sizeof what, "%s, %s, pooled %s by %s, %s, %s",
             windows_text(g, of_conv, sizeof of_conv), t->activation,
             windows_text(p, of_pool, sizeof of_pool), name, kernel_isa_name(isa),
             dtype_name(t->y.dtype));
    compare(t, &result, winners, what);
    kernelrun_free(&result);
}

/* Constant images tie; every 37th element a NaN. */
enum images { ORDINARY, CONSTANT, WITH_NAN, N_IMAGES };

static void check(const struct geometry *conv, const struct geometry *pool, enum dtype type,
                  int number) {
    struct trial t = {.conv = *conv,
                      .pool = *pool,
                      .activation = activations[number % N_ACTIVATIONS],
                      .n_in = number / 2 % 3 == 0 ? 2 : 3};
    const struct geometry *g = conv, *p = pool;
    enum images images = (enum images)(number / 5 % N_IMAGES);
    uint64_t seed = 11;
    t.in[0] = kernelrun_arg(type, 4, (int64_t[]){g->n, g->h, g->w, g->c}, &seed);
    t.in[1] = kernelrun_arg(type, 4, (int64_t[]){g->kh, g->kw, g->c / g->groups, g->o}, &seed);
    t.in[2] = kernelrun_arg(type, 1, (int64_t[]){g->o}, &seed);
    for (int64_t i = 0, n = kernelrun_count(&t.in[0]); i < n && images != ORDINARY; i++)
        if (images == CONSTANT || i % 37 == 36)
            kernelrun_set(&t.in[0], i, images == CONSTANT ? 0.5 : NAN);
    t.y = kernelrun_empty(type, 4, (int64_t[]){p->n, p->oh, p->ow, p->c});
    t.winner = kernelrun_empty(DTYPE_U8, 4, t.y.dim);
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++)
        for (int winners = 0; winners < 2; winners++) {
            check_kernel(&t, block[isa], convolution[isa], (enum isa)isa, winners);
            check_kernel(&t, block_reference[isa], convolution_reference[isa], (enum isa)isa,
                         winners);
        }
    for (int i = 0; i < 3; i++)
        kernelrun_free(&t.in[i]);
    kernelrun_free(&t.y);
    kernelrun_free(&t.winner);
}

/* Poolings by number: window, stride, SAME. */
static const struct geometry pools[] = {
    {.kh = 2, .kw = 2, .sh = 2, .sw = 2, .same = true},
    {.kh = 3, .kw = 3, .sh = 2, .sw = 2, .same = true},
    {.kh = 1, .kw = 1, .sh = 1, .sw = 1},
    {.kh = 3, .kw = 2, .sh = 3, .sw = 3},
    {.kh = 15, .kw = 17, .sh = 4, .sw = 5, .same = true},
    {.kh = 2, .kw = 3, .sh = 1, .sw = 1, .same = true},
    {.kh = 1, .kw = 2, .sh = 3, .sw = 4},
    {.kh = 3, .kw = 3, .sh = 2, .sw = 1, .sized = true, .top = 1, .bottom = 2, .left = 2},
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
        for (int k = 0; k < N_POOLS; k++)
            if (pooled(&g, k, &p))
                check(&g, &p, (i + k) % 4 ? DTYPE_F32 : DTYPE_F64, 3 * i + k);
}

static void sweep(void) {
    struct geometry g, p;
    for (int i = 0; windows_sweep(i, &g); i++)
        if (pooled(&g, i / 2 % N_POOLS, &p))
            check(&g, &p, i % 3 ? DTYPE_F32 : DTYPE_F64, i);
}

/* More channels than one round of the epilogue takes, more rows than a band. */
static void large(void) {
    struct geometry g = {.n = 1, .h = 3, .w = 2, .c = 2, .kh = 2, .kw = 2, .sh = 1, .sw = 1,
                         .o = 1100, .same = true},
                    p;
    windows_settle(&g);
    for (int k = 0; k < N_POOLS; k++)
        if (pooled(&g, k, &p))
            check(&g, &p, DTYPE_F32, k + 1);
    g = (struct geometry){.n = 1, .h = 150, .w = 40, .c = 9, .kh = 3, .kw = 3, .sh = 1, .sw = 1,
                          .o = 20, .same = true};
    windows_settle(&g);
    for (int k = 0; k < N_POOLS; k++)
        if (pooled(&g, k, &p))
            check(&g, &p, DTYPE_F32, k + 1);
}

void suite_ops_conv_block(void) {
    unit_suite("ops: convolution blocks");
    unit_test("odd sizes", odd);
    unit_test("strides, dilations, groups and paddings", sweep);
    unit_test("many channels, many rows", large);
}
