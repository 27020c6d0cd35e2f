/* Pooling kernels against naive loops: odd geometries, ties, NaN, both dtypes, every instruction
 * set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "windows.h"

KERNELS_OF(max_pool, max_pool_kernel);
KERNELS_OF(max_pool_gradient, max_pool_gradient_kernel);
KERNELS_OF(max_pool_gather, max_pool_gather_kernel);
KERNELS_OF(avg_pool, avg_pool_kernel);
KERNELS_OF(avg_pool_gradient, avg_pool_gradient_kernel);

struct trial {
    struct geometry g;
    struct kernel_arg x, y, dy, v;  /* image, pooled, gradient of pooled, values at the image */
    double *largest, *mean, *count; /* [result] */
    int64_t *winner;                /* [result] element of x */
    double *dx_max, *dx_mean;       /* [image] */
    double *gathered;               /* [result] */
};

static void find_winner(void *context, const struct touch *t) {
    struct trial *s = context;
    for (int64_t c = 0; c < s->g.c; c++) {
        double v = kernelrun_get(&s->x, t->image + c), *best = &s->largest[t->result + c];
        if (t->first || (v > *best && *best == *best) || (v != v && *best == *best)) {
            *best = v;
            s->winner[t->result + c] = t->image + c;
        }
        s->mean[t->result + c] += v;
        s->count[t->result + c]++;
    }
}

static void spread(void *context, const struct touch *t) {
    struct trial *s = context;
    for (int64_t c = 0; c < s->g.c; c++)
        s->dx_mean[t->image + c] += kernelrun_get(&s->dy, t->result + c) / s->count[t->result + c];
}

static void check_kernel(struct trial *s, const struct kernel *k, const char *op, enum isa isa,
                         struct kernel_arg *in, int n_in, const struct kernel_arg *like,
                         bool with_shape, const double *expected) {
    const struct geometry *g = &s->g;
    struct kernel_arg out = kernelrun_empty(like->dtype, 4, like->dim);
    struct attr attr[4] = {{.kind = ATTR_SHAPE, .shape = shape_const(4, s->x.dim)},
                           kernelrun_ints(2, g->kh, g->kw),
                           kernelrun_ints(2, g->sh, g->sw),
                           kernelrun_string(g->same ? "SAME" : "VALID")};
    struct kernel_call c = {
        .n_in = n_in, .n_out = 1, .in = in, .out = &out, .attr = with_shape ? attr : attr + 1};
    kernelrun_check(k, &c);
    char geometry[128], what[256];
    snprintf(what, sizeof what, "%s of %s, %s, %s", op, windows_text(g, geometry, sizeof geometry),
             kernel_isa_name(isa), dtype_name(like->dtype));
    kernelrun_compare(what, &out, expected, NULL, like->dtype == DTYPE_F64 ? 1e-13 : 2e-5);
    kernelrun_free(&out);
}

static void check_kernels(struct trial *s) {
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        enum isa which = (enum isa)isa;
        struct kernel_arg gradient[3] = {s->x, s->y, s->dy}, gather[3] = {s->x, s->y, s->v};
        check_kernel(s, max_pool[isa], "max_pool", which, &s->x, 1, &s->y, false, s->largest);
        check_kernel(s, max_pool_gradient[isa], "max_pool_gradient", which, gradient, 3, &s->x,
                     false, s->dx_max);
        check_kernel(s, max_pool_gather[isa], "max_pool_gather", which, gather, 3, &s->y, false,
                     s->gathered);
        check_kernel(s, avg_pool[isa], "avg_pool", which, &s->x, 1, &s->y, false, s->mean);
        check_kernel(s, avg_pool_gradient[isa], "avg_pool_gradient", which, &s->dy, 1, &s->x, true,
                     s->dx_mean);
    }
}

static void expect(struct trial *s) {
    windows_visit(&s->g, find_winner, s);
    windows_visit(&s->g, spread, s);
    for (int64_t i = 0, n = kernelrun_count(&s->y); i < n; i++) {
        kernelrun_set(&s->y, i, s->largest[i]);
        s->mean[i] /= s->count[i];
        s->dx_max[s->winner[i]] += kernelrun_get(&s->dy, i);
        s->gathered[i] = kernelrun_get(&s->v, s->winner[i]);
    }
}

/* every: each so manieth element is NaN; 0: none. levels: values are rounded to so few that there
 * are ties; 0: not. */
static void check(struct geometry g, enum dtype t, int every, int levels) {
    uint64_t seed = 3;
    g.o = g.c;
    const int64_t image[4] = {g.n, g.h, g.w, g.c}, result[4] = {g.n, g.oh, g.ow, g.c};
    struct trial s = {.g = g,
                      .x = kernelrun_arg(t, 4, image, &seed),
                      .y = kernelrun_empty(t, 4, result),
                      .dy = kernelrun_arg(t, 4, result, &seed),
                      .v = kernelrun_arg(t, 4, image, &seed)};
    size_t n_x = (size_t)kernelrun_count(&s.x), n_y = (size_t)kernelrun_count(&s.y);
    for (size_t i = 0; i < n_x; i++) {
        if (levels)
            kernelrun_set(&s.x, (int64_t)i, floor(kernelrun_get(&s.x, (int64_t)i) * levels));
        if (every && i % (size_t)every == 1)
            kernelrun_set(&s.x, (int64_t)i, NAN);
    }
    double *memory = calloc(4 * n_y + 2 * n_x, sizeof *memory);
    s.winner = calloc(n_y, sizeof *s.winner);
    CU_ASSERT_FATAL(memory && s.winner);
    s.largest = memory, s.mean = memory + n_y, s.count = memory + 2 * n_y,
    s.gathered = memory + 3 * n_y;
    s.dx_max = memory + 4 * n_y, s.dx_mean = s.dx_max + n_x;
    expect(&s);
    check_kernels(&s);
    free(memory);
    free(s.winner);
    kernelrun_free(&s.x);
    kernelrun_free(&s.y);
    kernelrun_free(&s.dy);
    kernelrun_free(&s.v);
}

static void each_geometry(int every, int levels) {
    struct geometry g;
    for (int i = 0; windows_next(i, &g); i++) {
        check(g, DTYPE_F32, every, levels);
        check(g, DTYPE_F64, every, levels);
    }
}

static void distinct(void) { each_geometry(0, 0); }
static void ties(void) { each_geometry(0, 2); }
static void nans(void) { each_geometry(5, 3); }

void suite_ops_pool(void) {
    unit_suite("ops: pooling");
    unit_test("windows of every kind", distinct);
    unit_test("the first of equal elements wins", ties);
    unit_test("a NaN wins, the first of several", nans);
}
