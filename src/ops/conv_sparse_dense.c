/* Gradients of a pooled convolution by way of the dense one: what conv_sparse.c says is laid out as
 * [n,oh,ow,o], zero but at the winners, and a kernel of the convolution's own gradient does the
 * rest. With the kernel by matrix products this is what every faster one is tested against.
 *
 * In and out: as conv_sparse.c says; any geometry, float and float64. Promises the same bits at any
 * number of threads: a unit of the first phase is an image. */
#include "ops/conv_sparse.h"

#ifdef OPS_KERNELS

struct dense_way {
    struct conv_base base; /* its window: the pooling's */
    const struct kernel *inner;
    const void *inner_geometry;
    struct kernel_arg dense;
    bool of_filter;
    size_t dense_bytes;
};

#define REAL    float
#define R(name) name##_f32
#include "ops/conv_sparse_dense_loops.h"
#undef REAL
#undef R
#define REAL    double
#define R(name) name##_f64
#include "ops/conv_sparse_dense_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

static struct kernel_arg result_of(const struct kernel_arg *image, const struct kernel_arg *filter,
                                   const struct attr *set) {
    struct kernel_arg y = {
        .dtype = image->dtype, .rank = 4, .dim = {[0] = image->dim[0], [3] = filter->dim[3]}};
    for (int axis = 0; axis < 2; axis++) {
        int64_t in = image->dim[axis + 1], stride = set[0].ints.v[axis];
        int64_t extent = window_extent(filter->dim[axis], set[2].ints.v[axis]);
        if (set[1].kind == ATTR_PAIRS)
            in += set[1].ints.v[2 * axis] + set[1].ints.v[2 * axis + 1];
        y.dim[axis + 1] = set[1].kind != ATTR_PAIRS && strcmp(set[1].s, "SAME") == 0
                              ? ceil_div(in, stride)
                              : (in - extent) / stride + 1;
    }
    return y;
}

struct sparse_window KERNEL(conv_sparse_window)(const struct kernel_arg *image,
                                                const struct kernel_arg *filter,
                                                const struct kernel_arg *dk,
                                                const struct attr *set) {
    struct kernel_arg y = result_of(image, filter, set);
    const struct attr *ksize = &set[4];
    return (struct sparse_window){conv_window_of(image, &y, filter, set),
                                  window_of(&y, dk, ksize->ints.v[0], ksize->ints.v[1], &set[5],
                                            &set[6], (const int64_t[]){1, 1})};
}

/* The call of the kernel within. in: room for its operands. */
static struct kernel_call inner_call(const struct dense_way *p, const struct kernel_call *c,
                                     struct kernel_arg in[2]) {
    struct kernel_call inner = *c;
    in[0] = p->of_filter ? c->in[0] : p->dense;
    in[1] = p->of_filter ? p->dense : c->in[2];
    in[p->of_filter].data = c->shared;
    inner.in = in;
    inner.n_in = 2;
    inner.geometry = p->inner_geometry;
    inner.shared = c->shared ? (char *)c->shared + p->dense_bytes : NULL;
    return inner;
}

static void run_by_dense(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                         void *scratch) {
    const struct dense_way *p = c->geometry;
    const struct kernel_arg *dk = &c->in[p->of_filter], *winner = dk + 1;
    if (phase == 0 && is_wide(c)) {
        lay_out_f64(&p->base.g, dk->data, winner->data, c->shared, begin, end);
    } else if (phase == 0) {
        lay_out_f32(&p->base.g, dk->data, winner->data, c->shared, begin, end);
    } else {
        struct kernel_arg in[2];
        struct kernel_call inner = inner_call(p, c, in);
        p->inner->run(&inner, phase - 1, begin, end, scratch);
    }
}

static void by_dense(const struct kernel *inner, struct kernel_call *c, struct kernel_work *w,
                     struct arena *a) {
    struct dense_way *p = arena_new(a, struct dense_way);
    p->of_filter = c->in[1].dtype != DTYPE_U8; /* x, dk, winner, not dk, winner, filter */
    const struct kernel_arg *image = p->of_filter ? &c->in[0] : &c->out[0];
    const struct kernel_arg *filter = p->of_filter ? &c->out[0] : &c->in[2];
    struct sparse_window s =
        KERNEL(conv_sparse_window)(image, filter, &c->in[p->of_filter], &c->attr[1]);
    p->base = (struct conv_base){.run = run_by_dense, .g = s.pool};
    p->inner = inner;
    p->dense = result_of(image, filter, &c->attr[1]);
    p->dense_bytes = round_64((size_t)arg_count(&p->dense) * (is_wide(c) ? 8 : 4));
    struct kernel_arg in[2];
    struct kernel_call call = inner_call(p, c, in);
    const char *why = w->why;
    w->why = NULL;
    inner->prepare(&call, w, a);
    w->why = why ? why : w->why;
    p->inner_geometry = call.geometry;
    for (int phase = w->n_phases++; phase > 0; phase--)
        w->units[phase] = w->units[phase - 1], w->cost[phase] = w->cost[phase - 1];
    w->units[0] = s.pool.n;
    w->cost[0] = (double)p->dense_bytes;
    w->shared_bytes += p->dense_bytes;
    w->name = arena_printf(a, "dense %s", w->name);
    c->geometry = p;
}

static void prepare_filter_dense(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    by_dense(&KERNEL(conv2d_filter_gradient_kernel), c, w, a);
}

static void prepare_input_dense(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    by_dense(&KERNEL(conv2d_input_gradient_kernel), c, w, a);
}

static void prepare_filter_reference(struct kernel_call *c, struct kernel_work *w,
                                     struct arena *a) {
    by_dense(&KERNEL(conv2d_filter_gradient_im2col_kernel), c, w, a);
}

static void prepare_input_reference(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    by_dense(&KERNEL(conv2d_input_gradient_im2col_kernel), c, w, a);
}

const struct kernel KERNEL(conv_block_filter_gradient_dense_kernel) = {
    .prepare = prepare_filter_dense, .run = run_by_dense};
const struct kernel KERNEL(conv_block_input_gradient_dense_kernel) = {
    .prepare = prepare_input_dense, .run = run_by_dense};
const struct kernel KERNEL(conv_block_filter_gradient_reference_kernel) = {
    .prepare = prepare_filter_reference, .run = run_by_dense};
const struct kernel KERNEL(conv_block_input_gradient_reference_kernel) = {
    .prepare = prepare_input_reference, .run = run_by_dense};

#endif
