/* pad, resize and their gradients against naive loops in double: many shapes, modes and methods,
 * both dtypes, every instruction set. Both ops are linear: a visit of every (element of x, element
 * of y, weight) gives the op and, read the other way, its gradient. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "windows.h"

KERNELS_OF(pad, pad_kernel);
KERNELS_OF(pad_gradient, pad_gradient_kernel);
KERNELS_OF(resize, resize_kernel);
KERNELS_OF(resize_gradient, resize_gradient_kernel);

struct trial {
    int rank;
    int64_t x[MAX_RANK], y[MAX_RANK], paddings[2 * MAX_RANK];
    const char *mode; /* of pad, or method of resize */
    double value;     /* that pad adds */
    bool is_resize, back;
    struct kernel_arg from, to;
    double *sum;
};

static void add(struct trial *t, int64_t x, int64_t y, double weight) {
    if (t->back)
        t->sum[x] += weight * kernelrun_get(&t->from, y);
    else
        t->sum[y] += weight * kernelrun_get(&t->from, x);
}

/* The element of an axis of n that stands at i, which may be outside; -1: none. */
static int64_t padded_source(const char *mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n)
        return i;
    if (!strcmp(mode, "edge"))
        return i < 0 ? 0 : n - 1;
    return !strcmp(mode, "reflect") ? (i < 0 ? -i : 2 * n - 2 - i) : -1;
}

static void visit_pad(struct trial *t) {
    int64_t n = kernelrun_count(t->back ? &t->from : &t->to);
    for (int64_t y = 0; y < n; y++) {
        int64_t x = 0, stride = 1, rest = y;
        for (int k = t->rank - 1; k >= 0; rest /= t->y[k--]) {
            int64_t at = padded_source(t->mode, rest % t->y[k] - t->paddings[2 * k], t->x[k]);
            x = at < 0 || x < 0 ? -1 : x + at * stride;
            stride *= t->x[k];
        }
        if (x >= 0)
            add(t, x, y, 1);
        else if (!t->back)
            t->sum[y] = t->value;
    }
}

/* Both pixels of an axis that result i is made of, with their weights. */
static void blend(const struct trial *t, int64_t i, int64_t in, int64_t out, int64_t at[2],
                  double weight[2]) {
    double centre = ((double)i + 0.5) * (double)in / (double)out;
    if (!strcmp(t->mode, "nearest")) {
        at[0] = at[1] = (int64_t)floor(centre);
        weight[0] = 1, weight[1] = 0;
        return;
    }
    double place = fmax(0, centre - 0.5);
    at[0] = (int64_t)floor(place);
    at[1] = at[0] + 1 < in ? at[0] + 1 : in - 1;
    weight[1] = place - floor(place), weight[0] = 1 - weight[1];
}

static void visit_resize(struct trial *t) {
    int64_t c = t->x[3], row[2], column[2];
    double down[2], right[2];
    for (int64_t p = 0; p < t->x[0] * t->y[1] * t->y[2]; p++) {
        blend(t, p / t->y[2] % t->y[1], t->x[1], t->y[1], row, down);
        blend(t, p % t->y[2], t->x[2], t->y[2], column, right);
        for (int corner = 0; corner < 4; corner++)
            for (int64_t k = 0; k < c; k++)
                add(t,
                    ((p / t->y[2] / t->y[1] * t->x[1] + row[corner / 2]) * t->x[2] +
                     column[corner % 2]) *
                            c +
                        k,
                    p * c + k, down[corner / 2] * right[corner % 2]);
    }
}

static void check(struct trial *t, enum dtype type, const struct kernel *const *kernels) {
    uint64_t seed = 11;
    t->from = kernelrun_arg(type, t->rank, t->back ? t->y : t->x, &seed);
    t->to = kernelrun_empty(type, t->rank, t->back ? t->x : t->y);
    t->sum = calloc((size_t)kernelrun_count(&t->to) + 1, sizeof *t->sum);
    CU_ASSERT_FATAL(t->sum != NULL);
    if (t->is_resize)
        visit_resize(t);
    else
        visit_pad(t);
    struct attr attr[3] = {{.kind = ATTR_SHAPE, .shape = shape_const(t->rank, t->x)}};
    struct attr pairs = {.kind = ATTR_PAIRS, .ints.n = 2 * t->rank};
    memcpy(pairs.ints.v, t->paddings, sizeof pairs.ints.v);
    struct attr mode = kernelrun_string(t->mode), value = {.kind = ATTR_FLOAT, .f = t->value};
    if (t->is_resize)
        attr[1] = mode;
    else if (t->back)
        attr[1] = pairs, attr[2] = mode;
    else
        attr[0] = pairs, attr[1] = mode, attr[2] = value;
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        struct kernel_call c = {.n_in = 1, .n_out = 1, .in = &t->from, .out = &t->to, .attr = attr};
        kernelrun_check(kernels[isa], &c);
        char what[160];
        snprintf(what, sizeof what, "%s%s of [%d, %d, ..] to [%d, %d, ..], %s, %s",
                 t->is_resize ? "resize " : "pad ", t->back ? "gradient" : "", (int)t->x[0],
                 (int)t->x[1], (int)t->y[0], (int)t->y[1], t->mode, kernel_isa_name((enum isa)isa));
        kernelrun_compare(what, &t->to, t->sum, NULL, type == DTYPE_F64 ? 1e-13 : 2e-5);
    }
    free(t->sum);
    kernelrun_free(&t->from);
    kernelrun_free(&t->to);
}

static void check_both(struct trial t, const struct kernel *const *forward,
                       const struct kernel *const *gradient) {
    for (int back = 0; back < 2; back++) {
        t.back = back;
        check(&t, DTYPE_F32, back ? gradient : forward);
        check(&t, DTYPE_F64, back ? gradient : forward);
    }
}

static void paddings(void) {
    static const char *const modes[] = {"constant", "reflect", "edge"};
    static const int64_t shapes[][4] = {{5, 0, 0, 0}, {3, 4, 0, 0},    {1, 3, 2, 0},
                                        {2, 5, 3, 7}, {300, 40, 3, 0}, {1, 20000, 0, 0}};
    static const int64_t pairs[][8] = {{0, 0, 0, 0, 0, 0, 0, 0},
                                       {1, 0, 0, 2, 1, 1, 0, 0},
                                       {0, 3, 2, 0, 0, 0, 0, 0},
                                       {2, 2, 1, 2, 1, 0, 4, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
            for (int m = 0; m < 3; m++) {
                struct trial t = {.mode = modes[m], .value = m == 0 ? 0.5 : 0};
                bool fits = true;
                for (; t.rank < 4 && shapes[i][t.rank]; t.rank++) {
                    int64_t n = t.x[t.rank] = shapes[i][t.rank], *p = &t.paddings[2 * t.rank];
                    p[0] = pairs[k][2 * t.rank], p[1] = pairs[k][2 * t.rank + 1];
                    t.y[t.rank] = n + p[0] + p[1];
                    fits = fits && (m != 1 || (p[0] < n && p[1] < n));
                }
                if (fits)
                    check_both(t, pad, pad_gradient);
            }
}

static void sizes(void) {
    static const int64_t size[] = {1, 2, 3, 7, 16};
    enum { N = sizeof size / sizeof *size };
    for (int i = 0; i < N * N * N; i++) {
        int64_t h = size[i % N], w = size[i / N % N], to = size[i / N / N];
        struct trial t = {.rank = 4,
                          .x = {1 + i % 2, h, w, i % 3 ? 5 : 17},
                          .y = {1 + i % 2, to, size[(i / N / N + i) % N], i % 3 ? 5 : 17},
                          .is_resize = true,
                          .mode = "nearest"};
        check_both(t, resize, resize_gradient);
        t.mode = "bilinear";
        check_both(t, resize, resize_gradient);
    }
}

void suite_ops_images(void) {
    unit_suite("ops: padding and resizing");
    unit_test("pad and its gradient", paddings);
    unit_test("resize and its gradient", sizes);
}
