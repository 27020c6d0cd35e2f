/* Kernels against the figures of PyTorch: convolution, pooling, both as one block, their gradients;
 * both dtypes, every instruction set. Through the same table as plans use. */
#include <stdio.h>

#include "figures.h"
#include "unit.h"
#include "windows.h"

/* Runs the op's kernels on `in` and compares with the figure `name_number`. */
static void check(struct figures *f, enum op_id op, struct kernel_arg *in, int n_in,
                  const struct attr *attr, const char *name, int number, int rank,
                  const int64_t *dim) {
    enum dtype t = in[0].dtype;
    struct kernel_arg out = kernelrun_empty(t, rank, dim);
    int64_t n = 0;
    const double *expected = figures_find(f, name, number, &n);
    CU_ASSERT_FATAL(expected && n == kernelrun_count(&out));
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        struct kernel_call c = {.n_in = n_in, .n_out = 1, .in = in, .out = &out, .attr = attr};
        const char *kernel = kernelrun_check(kernel_find((enum isa)isa, op), &c);
        char what[128];
        snprintf(what, sizeof what, "%s_%d by %s, %s, %s", name, number, kernel,
                 kernel_isa_name((enum isa)isa), dtype_name(t));
        kernelrun_compare(what, &out, expected, NULL, t == DTYPE_F64 ? 1e-12 : 2e-5);
    }
    kernelrun_free(&out);
}

static void check_conv(struct figures *f, int number, const double *v, enum dtype t) {
    struct geometry g = {.n = (int64_t)v[0],
                         .h = (int64_t)v[1],
                         .w = (int64_t)v[2],
                         .c = (int64_t)v[3],
                         .kh = (int64_t)v[4],
                         .kw = (int64_t)v[5],
                         .o = (int64_t)v[6],
                         .sh = (int64_t)v[7],
                         .sw = (int64_t)v[8],
                         .dh = (int64_t)v[9],
                         .dw = (int64_t)v[10],
                         .groups = (int64_t)v[11],
                         .same = v[12] < 0,
                         .sized = v[12] >= 0,
                         .top = (int64_t)v[12],
                         .bottom = (int64_t)v[13],
                         .left = (int64_t)v[14],
                         .right = (int64_t)v[15]};
    windows_settle(&g);
    const int64_t x_dim[4] = {g.n, g.h, g.w, g.c}, f_dim[4] = {g.kh, g.kw, g.c / g.groups, g.o};
    const int64_t y_dim[4] = {g.n, g.oh, g.ow, g.o};
    struct kernel_arg x = figures_arg(f, "x", number, t, 4, x_dim);
    struct kernel_arg filter = figures_arg(f, "filter", number, t, 4, f_dim);
    struct kernel_arg dy = figures_arg(f, "dy", number, t, 4, y_dim);
    struct attr attr[5] = {{.kind = ATTR_SHAPE},
                           kernelrun_ints(2, g.sh, g.sw),
                           windows_padding(&g),
                           kernelrun_ints(2, g.dh, g.dw),
                           {.kind = ATTR_INT, .i = g.groups}};
    check(f, OP_conv2d, (struct kernel_arg[]){x, filter}, 2, attr + 1, "y", number, 4, y_dim);
    attr[0].shape = shape_const(4, x_dim);
    check(f, OP_conv2d_input_gradient, (struct kernel_arg[]){dy, filter}, 2, attr, "dx", number, 4,
          x_dim);
    attr[0].shape = shape_const(4, f_dim);
    check(f, OP_conv2d_filter_gradient, (struct kernel_arg[]){x, dy}, 2, attr, "dfilter", number, 4,
          f_dim);
    kernelrun_free(&x);
    kernelrun_free(&filter);
    kernelrun_free(&dy);
}

static void convolution(void) {
    struct figures *f = figures_open("conv2d.txt");
    const double *v;
    int64_t n = 0;
    int number = 1;
    for (; (v = figures_find(f, "case", number, &n)); number++) {
        check_conv(f, number, v, DTYPE_F64);
        check_conv(f, number, v, DTYPE_F32);
    }
    CU_ASSERT(number > 1);
    figures_close(f);
}

/* What conv_block's gradients are given: each winner's place, which a figure is too. */
static struct kernel_arg winners(struct figures *f, int number, const int64_t *dim) {
    struct kernel_arg w = kernelrun_empty(DTYPE_U8, 4, dim);
    int64_t n = 0;
    const double *place = figures_find(f, "winner", number, &n);
    CU_ASSERT_FATAL(place && n == kernelrun_count(&w));
    for (int64_t i = 0; i < n; i++)
        ((uint8_t *)w.data)[i] = (uint8_t)place[i];
    return w;
}

static void check_block(struct figures *f, int number, const double *v, enum dtype t) {
    struct geometry g = {.n = (int64_t)v[0],
                         .h = (int64_t)v[1],
                         .w = (int64_t)v[2],
                         .c = (int64_t)v[3],
                         .kh = (int64_t)v[4],
                         .kw = (int64_t)v[5],
                         .o = (int64_t)v[6],
                         .sh = (int64_t)v[7],
                         .sw = (int64_t)v[8],
                         .dh = (int64_t)v[9],
                         .dw = (int64_t)v[10],
                         .same = v[11] < 0,
                         .sized = v[11] >= 0,
                         .top = (int64_t)v[11],
                         .bottom = (int64_t)v[12],
                         .left = (int64_t)v[13],
                         .right = (int64_t)v[14]};
    windows_settle(&g);
    struct geometry p = {.h = g.oh,
                         .w = g.ow,
                         .kh = (int64_t)v[15],
                         .kw = (int64_t)v[16],
                         .sh = (int64_t)v[17],
                         .sw = (int64_t)v[18],
                         .same = true};
    windows_settle(&p);
    const int64_t x_dim[4] = {g.n, g.h, g.w, g.c}, f_dim[4] = {g.kh, g.kw, g.c, g.o};
    const int64_t y_dim[4] = {g.n, p.oh, p.ow, g.o};
    struct kernel_arg x = figures_arg(f, "x", number, t, 4, x_dim);
    struct kernel_arg filter = figures_arg(f, "filter", number, t, 4, f_dim);
    struct kernel_arg dk = figures_arg(f, "dk", number, t, 4, y_dim);
    struct kernel_arg winner = winners(f, number, y_dim);
    struct attr attr[8] = {{.kind = ATTR_SHAPE, .shape = shape_const(4, x_dim)},
                           kernelrun_ints(2, g.sh, g.sw),
                           windows_padding(&g),
                           kernelrun_ints(2, g.dh, g.dw),
                           {.kind = ATTR_INT, .i = 1},
                           kernelrun_ints(2, p.kh, p.kw),
                           kernelrun_ints(2, p.sh, p.sw),
                           windows_padding(&p)};
    check(f, OP_conv_block_input_gradient, (struct kernel_arg[]){dk, winner, filter}, 3, attr, "dx",
          number, 4, x_dim);
    attr[0].shape = shape_const(4, f_dim);
    check(f, OP_conv_block_filter_gradient, (struct kernel_arg[]){x, dk, winner}, 3, attr,
          "dfilter", number, 4, f_dim);
    kernelrun_free(&x);
    kernelrun_free(&filter);
    kernelrun_free(&dk);
    kernelrun_free(&winner);
}

static void block(void) {
    struct figures *f = figures_open("block.txt");
    const double *v;
    int64_t n = 0;
    int number = 1;
    for (; (v = figures_find(f, "case", number, &n)); number++) {
        check_block(f, number, v, DTYPE_F64);
        check_block(f, number, v, DTYPE_F32);
    }
    CU_ASSERT(number > 1);
    figures_close(f);
}

static void check_pool(struct figures *f, int number, const double *v, enum dtype t) {
    struct geometry g = {.n = (int64_t)v[0],
                         .h = (int64_t)v[1],
                         .w = (int64_t)v[2],
                         .c = (int64_t)v[3],
                         .kh = (int64_t)v[4],
                         .kw = (int64_t)v[5],
                         .o = (int64_t)v[3],
                         .sh = (int64_t)v[6],
                         .sw = (int64_t)v[7],
                         .same = v[8] != 0};
    windows_settle(&g);
    const int64_t x_dim[4] = {g.n, g.h, g.w, g.c}, y_dim[4] = {g.n, g.oh, g.ow, g.c};
    struct kernel_arg x = figures_arg(f, "x", number, t, 4, x_dim);
    struct kernel_arg y = figures_arg(f, "max_pool", number, t, 4, y_dim);
    struct kernel_arg dy = figures_arg(f, "dy", number, t, 4, y_dim);
    struct attr attr[4] = {{.kind = ATTR_SHAPE, .shape = shape_const(4, x_dim)},
                           kernelrun_ints(2, g.kh, g.kw),
                           kernelrun_ints(2, g.sh, g.sw),
                           kernelrun_string(g.same ? "SAME" : "VALID")};
    check(f, OP_max_pool, &x, 1, attr + 1, "max_pool", number, 4, y_dim);
    check(f, OP_avg_pool, &x, 1, attr + 1, "avg_pool", number, 4, y_dim);
    check(f, OP_max_pool_gradient, (struct kernel_arg[]){x, y, dy}, 3, attr + 1, "dmax", number, 4,
          x_dim);
    check(f, OP_avg_pool_gradient, &dy, 1, attr, "davg", number, 4, x_dim);
    kernelrun_free(&x);
    kernelrun_free(&y);
    kernelrun_free(&dy);
}

static void pooling(void) {
    struct figures *f = figures_open("pool.txt");
    const double *v;
    int64_t n = 0;
    int number = 1;
    for (; (v = figures_find(f, "case", number, &n)); number++) {
        check_pool(f, number, v, DTYPE_F64);
        check_pool(f, number, v, DTYPE_F32);
    }
    CU_ASSERT(number > 1);
    figures_close(f);
}

void suite_reference_kernels(void) {
    unit_suite("reference: kernels against PyTorch");
    unit_test("convolution and its gradients", convolution);
    unit_test("gradients of pooled convolution", block);
    unit_test("pooling and its gradients", pooling);
}
