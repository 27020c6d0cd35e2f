/* Convolution kernels and those of its gradients against naive loops in double: many odd
 * geometries, and every combination of strides, dilations, groups and
 * paddings on small ones; both dtypes, every instruction set, the chosen kernel and the reference by matrix
 * products. */
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

/* x, filter, y: two given, one computed, with the sum of magnitudes beside each sum. */
enum part { IMAGE, FILTER, RESULT };
struct trial {
    struct geometry g;
    struct kernel_arg arg[3];
    enum part out;
    double *sum, *scale;
};

static void add_touch(void *context, const struct touch *t) {
    struct trial *s = context;
    int64_t channels = s->g.c / s->g.groups, results = s->g.o / s->g.groups;
    for (int64_t o = 0; o < s->g.o; o++)
        for (int64_t c = 0; c < channels; c++) {
            int64_t at[3] = {t->image + o / results * channels + c,
                             (t->tap * channels + c) * s->g.o + o, t->result + o};
            double v = 1;
            for (int part = 0; part < 3; part++)
                if (part != (int)s->out)
                    v *= kernelrun_get(&s->arg[part], at[part]);
            s->sum[at[s->out]] += v;
            s->scale[at[s->out]] += fabs(v);
        }
}

static void check_kernel(struct trial *s, const struct kernel *k, enum isa isa) {
    const struct geometry *g = &s->g;
    struct kernel_arg in[2], *out = &s->arg[s->out];
    in[0] = s->arg[s->out == IMAGE ? RESULT : IMAGE];
    in[1] = s->arg[s->out == FILTER ? RESULT : FILTER];
    struct attr attr[5] = {{.kind = ATTR_SHAPE, .shape = shape_const(4, out->dim)},
                           kernelrun_ints(2, g->sh, g->sw),
                           windows_padding(g),
                           kernelrun_ints(2, g->dh, g->dw),
                           {.kind = ATTR_INT, .i = g->groups}};
    struct kernel_call c = {
        .n_in = 2, .n_out = 1, .in = in, .out = out, .attr = s->out == RESULT ? attr + 1 : attr};
    const char *name = kernelrun_check(k, &c);
    char geometry[160], what[288];
    static const char *const ops[] = {"input gradient", "filter gradient", "convolution"};
    snprintf(what, sizeof what, "%s of %s by %s, %s, %s", ops[s->out],
             windows_text(g, geometry, sizeof geometry), name, kernel_isa_name(isa),
             dtype_name(out->dtype));
    double unit = out->dtype == DTYPE_F64 ? DBL_EPSILON : FLT_EPSILON;
    kernelrun_compare(what, out, s->sum, s->scale, unit * 20);
}

static void check(const struct geometry *g, enum dtype t, enum part out,
                  const struct kernel *const *kernels, const struct kernel *const *references) {
    uint64_t seed = 5;
    struct trial s = {.g = *g, .out = out};
    const int64_t dims[3][4] = {{g->n, g->h, g->w, g->c},
                                {g->kh, g->kw, g->c / g->groups, g->o},
                                {g->n, g->oh, g->ow, g->o}};
    for (int part = 0; part < 3; part++)
        s.arg[part] = part == (int)out ? kernelrun_empty(t, 4, dims[part])
                                       : kernelrun_arg(t, 4, dims[part], &seed);
    size_t n = (size_t)kernelrun_count(&s.arg[out]) + 1;
    s.sum = calloc(n, sizeof *s.sum);
    s.scale = calloc(n, sizeof *s.scale);
    CU_ASSERT_FATAL(s.sum && s.scale);
    windows_visit(g, add_touch, &s);
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        check_kernel(&s, kernels[isa], (enum isa)isa);
        check_kernel(&s, references[isa], (enum isa)isa);
    }
    free(s.sum);
    free(s.scale);
    for (int part = 0; part < 3; part++)
        kernelrun_free(&s.arg[part]);
}

static void check_all(enum part out, const struct kernel *const *kernels,
                      const struct kernel *const *references) {
    struct geometry g;
    for (int i = 0; windows_next(i, &g); i++) {
        check(&g, DTYPE_F32, out, kernels, references);
        check(&g, DTYPE_F64, out, kernels, references);
    }
    for (int i = 0; windows_sweep(i, &g); i++) {
        if (g.oh < 1 || g.ow < 1)
            continue;
        check(&g, DTYPE_F32, out, kernels, references);
        check(&g, DTYPE_F64, out, kernels, references);
    }
    g = (struct geometry){
        .n = 0, .h = 3, .w = 3, .c = 2, .kh = 2, .kw = 2, .sh = 1, .sw = 1, .o = 4, .same = true};
    windows_settle(&g);
    check(&g, DTYPE_F32, out, kernels, references);
}

static void forwards(void) { check_all(RESULT, forward, forward_reference); }
static void input_gradients(void) { check_all(IMAGE, input_gradient, input_gradient_reference); }
static void filter_gradients(void) {
    check_all(FILTER, filter_gradient, filter_gradient_reference);
}

void suite_ops_conv(void) {
    unit_suite("ops: convolution");
    unit_test("forward", forwards);
    unit_test("gradient with respect to the image", input_gradients);
    unit_test("gradient with respect to the filter", filter_gradients);
}
