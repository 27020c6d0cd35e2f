/* resize and its gradient: images of another size.
 *
 * In: images [n,h,w,c], a size [height, width], a method. Out: [n,height,width,c]. Pixels are
 * squares with their centres at halves, as in TensorFlow 2 and in PyTorch with align_corners=false:
 * result i lies at (i + 1/2) h / height - 1/2 of the image. "nearest" takes the pixel whose square
 * that falls into (PyTorch's "nearest-exact"); "bilinear" weighs the two nearest of each axis, and
 * repeats the edge beyond it; neither smooths before it leaves pixels out. Both are linear in x:
 * the gradient is the transposed map, and each is the other's gradient.
 *
 * Method: a table an axis of the pixels and weights of each result; loops run over channels. The
 * gradient is gathered: a unit is a row of what is written, so the bits do not depend on the number
 * of threads. */
#include <string.h>

#include "ops/conv.h"

#ifdef OPS_RULES

static bool check_method(struct shape_call *c, const char *method) {
    static const char *const methods[] = {"nearest", "bilinear"};
    if (!strcmp(method, methods[0]) || !strcmp(method, methods[1]))
        return true;
    shape_refuse(c, E_OUT_OF_RANGE, "%s: method is \"nearest\" or \"bilinear\", not \"%.40s\"",
                 c->spelling, method);
    const char *near = strcmp(method, "linear") ? nearest_name(method, methods, 2) : methods[1];
    if (near)
        shape_help(c, "did you mean \"%s\"?", near);
    return false;
}

/* An image without pixels has nothing to be resized; operand: the image, or -1. */
static bool check_pixels(struct shape_call *c, int operand, const struct shape *image) {
    for (int axis = 1; axis <= 2; axis++)
        if (dim_is_const(image->d[axis]) && image->d[axis].k == 0) {
            shape_refuse(c, E_SHAPE, "%s: the image has no %s", c->spelling,
                         axis == 1 ? "rows" : "columns");
            if (operand >= 0)
                shape_mark(c, operand, axis);
            return false;
        }
    return true;
}

bool resize_shape(struct shape_call *c) {
    const struct shape *x = &c->in[0], *size = &c->attr[0].shape;
    if (!conv_window_image(c, 0, dim_const(0)) || !check_method(c, c->attr[1].s) ||
        !check_pixels(c, 0, x))
        return false;
    if (size->rank != 2)
        return shape_refuse(c, E_SHAPE, "%s: size is [height, width], not %d number%s", c->spelling,
                            size->rank, size->rank == 1 ? "" : "s");
    for (int i = 0; i < 2; i++)
        if (dim_is_const(size->d[i]) && size->d[i].k < 0)
            return shape_refuse(c, E_OUT_OF_RANGE, "%s: a size cannot be %lld", c->spelling,
                                (long long)size->d[i].k);
    c->out = (struct shape){.rank = 4, .d = {x->d[0], size->d[0], size->d[1], x->d[3]}};
    return true;
}

bool resize_gradient_shape(struct shape_call *c) {
    const struct shape *image = &c->attr[0].shape;
    if (!conv_window_image(c, 0, dim_const(0)) || !check_method(c, c->attr[1].s))
        return false;
    if (image->rank != 4)
        return shape_refuse(c, E_SHAPE, "%s: shape is that of the image: it needs 4 sizes, not %d",
                            c->spelling, image->rank);
    c->out = *image;
    return check_pixels(c, -1, image) && conv_window_match(c, 0, 0, image->d[0], "images") &&
           conv_window_match(c, 0, 3, image->d[3], "channels");
}

void resize_gradient(struct gradient_call *c) {
    struct attr settings[2] = {{.kind = ATTR_SHAPE, .shape = c->node->in[0]->shape},
                               c->node->attr[1]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_resize_gradient, &c->dy, 1, settings, NULL, NULL);
}

void resize_gradient_gradient(struct gradient_call *c) {
    const struct shape *dy = &c->node->in[0]->shape;
    struct attr settings[2] = {
        {.kind = ATTR_SHAPE, .shape = {.rank = 2, .d = {dy->d[1], dy->d[2]}}}, c->node->attr[1]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_resize, &c->dy, 1, settings, NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

/* A result along one axis: pixel `low` by 1 - high_weight, pixel `high` by high_weight. */
struct blend {
    int64_t low, high;
    double high_weight;
};

struct resize {
    int64_t n, h, w, c, oh, ow;
    bool nearest;
    struct blend *rows, *columns; /* [oh], [ow] */
    int64_t *first;               /* [h + 1] the first of `rows` with low >= this row */
};

#define REAL    float
#define R(name) name##_f32
#include "ops/resize_loops.h"
#undef REAL
#undef R
#define REAL    double
#define R(name) name##_f64
#include "ops/resize_loops.h"

/* In halves of 1/to of a pixel, so that no rounding moves a centre over an edge. */
static struct blend *blends(int64_t from, int64_t to, bool nearest, struct arena *a) {
    struct blend *p = arena_array(a, struct blend, to);
    for (int64_t i = 0; i < to; i++) {
        int64_t centre = (2 * i + 1) * from - (nearest ? 0 : to);
        p[i].low = centre <= 0 ? 0 : centre / (2 * to);
        p[i].high = min_i64(p[i].low + 1, from - 1);
        p[i].high_weight =
            nearest || centre <= 0 ? 0 : (double)(centre % (2 * to)) / (double)(2 * to);
    }
    return p;
}

static void describe(struct kernel_call *c, struct kernel_work *w, struct arena *a, bool back) {
    const struct kernel_arg *x = back ? &c->out[0] : &c->in[0], *y = back ? &c->in[0] : &c->out[0];
    struct resize *r = arena_new(a, struct resize);
    *r = (struct resize){.n = x->dim[0],
                         .h = x->dim[1],
                         .w = x->dim[2],
                         .c = x->dim[3],
                         .oh = y->dim[1],
                         .ow = y->dim[2],
                         .nearest = !strcmp(c->attr[1].s, "nearest")};
    r->rows = blends(r->h, r->oh, r->nearest, a);
    r->columns = blends(r->w, r->ow, r->nearest, a);
    r->first = arena_array(a, int64_t, r->h + 1);
    for (int64_t y0 = 0, i = 0; y0 <= r->h; y0++) {
        while (i < r->oh && r->rows[i].low < y0)
            i++;
        r->first[y0] = i;
    }
    c->geometry = r;
    work_set(w, r->nearest ? "nearest" : "bilinear", r->n * (back ? r->h : r->oh),
             (double)(arg_count(x) + arg_count(y)) * (x->dtype == DTYPE_F64 ? 8 : 4));
}

static void prepare_resize(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    describe(c, w, a, false);
}

static void prepare_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    describe(c, w, a, true);
}

static void run_resize(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    if (c->out[0].dtype == DTYPE_F64)
        resize_rows_f64(c->geometry, c->in[0].data, c->out[0].data, begin, end);
    else
        resize_rows_f32(c->geometry, c->in[0].data, c->out[0].data, begin, end);
}

static void run_gradient(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                         void *scratch) {
    (void)phase, (void)scratch;
    if (c->out[0].dtype == DTYPE_F64)
        gather_rows_f64(c->geometry, c->in[0].data, c->out[0].data, begin, end);
    else
        gather_rows_f32(c->geometry, c->in[0].data, c->out[0].data, begin, end);
}

const struct kernel KERNEL(resize_kernel) = {.prepare = prepare_resize, .run = run_resize};
const struct kernel KERNEL(resize_gradient_kernel) = {.prepare = prepare_gradient,
                                                      .run = run_gradient};

#endif
