/* Max and mean pooling over windows of an image, their gradients, and what makes those
 * differentiable again.
 *
 * In: images [n,h,w,c], any window, stride and padding. Out: one element a window and channel.
 * Promises: of equal largest elements the first in row order is the winner, and a NaN wins over any
 * number; padding never counts. Units are rows of positions, or images where windows may overlap,
 * so the bits do not depend on the number of threads. */
#include "ops/conv.h"

#ifdef OPS_RULES

/* Normalises ksize, strides and padding at settings i, i + 1, i + 2 and gives the pooled shape of
 * `image`. */
static bool pooled(struct shape_call *c, int i, int i_image, const struct shape *image,
                   struct shape *out) {
    struct attr *ksize = &c->attr[i], *strides = &c->attr[i + 1];
    struct window_padding padding;
    if (!conv_window_pair(c, ksize, "ksize"))
        return false;
    if (strides->kind == ATTR_UNSET)
        *strides = *ksize;
    if (!conv_window_pair(c, strides, "strides") ||
        !conv_window_padding(c, &c->attr[i + 2], &padding))
        return false;
    *out = (struct shape){.rank = 4, .d = {[0] = image->d[0], [3] = image->d[3]}};
    for (int axis = 0; axis < 2; axis++) {
        struct window_axis w = {.k = dim_const(ksize->ints.v[axis]),
                                .stride = strides->ints.v[axis],
                                .dilation = 1,
                                .before = padding.before[axis],
                                .after = padding.after[axis],
                                .same = padding.same};
        int64_t most = w.before > w.after ? w.before : w.after;
        if (most >= w.k.k || (most > 0 && dim_same(image->d[axis + 1], dim_const(0))))
            return shape_refuse(c, E_OUT_OF_RANGE,
                                "%s: padding of %lld leaves windows of %lld with no element",
                                c->spelling, (long long)most, (long long)w.k.k);
        if (!conv_window_positions(c, i_image, axis + 1, image->d[axis + 1], &w, &out->d[axis + 1]))
            return false;
    }
    return true;
}

static bool match(struct shape_call *c, int i, const struct shape *want) {
    static const char *const what[] = {"images", "rows", "columns", "channels"};
    if (!conv_window_image(c, i, want->d[3]))
        return false;
    for (int axis = 0; axis < 4; axis++)
        if (!conv_window_match(c, i, axis, want->d[axis], what[axis]))
            return false;
    return true;
}

bool max_pool_shape(struct shape_call *c) {
    return conv_window_image(c, 0, dim_const(0)) && pooled(c, 0, 0, &c->in[0], &c->out);
}

bool avg_pool_shape(struct shape_call *c) { return max_pool_shape(c); }

bool max_pool_gradient_shape(struct shape_call *c) {
    struct shape y;
    if (!conv_window_image(c, 0, dim_const(0)) || !pooled(c, 0, 0, &c->in[0], &y) ||
        !match(c, 1, &y) || !match(c, 2, &y))
        return false;
    c->out = c->in[0];
    c->out.on_purpose = 0;
    return true;
}

bool max_pool_gather_shape(struct shape_call *c) {
    return conv_window_image(c, 0, dim_const(0)) && pooled(c, 0, 0, &c->in[0], &c->out) &&
           match(c, 1, &c->out) && match(c, 2, &c->in[0]);
}

bool avg_pool_gradient_shape(struct shape_call *c) {
    const struct shape *image = &c->attr[0].shape;
    if (image->rank != 4)
        return shape_refuse(c, E_SHAPE, "%s: shape is that of the image: it needs 4 sizes, not %d",
                            c->spelling, image->rank);
    struct shape y;
    if (!pooled(c, 1, -1, image, &y) || !match(c, 0, &y))
        return false;
    c->out = *image;
    return true;
}

/* `op` over the windows of this node, whose input x and result y of the pooling are given. */
static struct node *chosen(struct gradient_call *c, enum op_id op, struct node *y,
                           struct node *third) {
    return build_op(c->b, op, (struct node *[]){c->node->in[0], y, third}, 3, c->node->attr, NULL,
                    NULL);
}

void max_pool_gradient(struct gradient_call *c) {
    c->dx[0] = chosen(c, OP_max_pool_gradient, c->node, c->dy);
}

/* Which element wins does not change with x, but at ties. */
void max_pool_gradient_gradient(struct gradient_call *c) {
    if (c->need[2])
        c->dx[2] = chosen(c, OP_max_pool_gather, c->node->in[1], c->dy);
}

void max_pool_gather_gradient(struct gradient_call *c) {
    if (c->need[2])
        c->dx[2] = chosen(c, OP_max_pool_gradient, c->node->in[1], c->dy);
}

void avg_pool_gradient(struct gradient_call *c) {
    const struct attr *window = c->node->attr;
    struct attr settings[4] = {
        {.kind = ATTR_SHAPE, .shape = c->node->in[0]->shape}, window[0], window[1], window[2]};
    c->dx[0] = build_op(c->b, OP_avg_pool_gradient, &c->dy, 1, settings, NULL, NULL);
}

void avg_pool_gradient_gradient(struct gradient_call *c) {
    c->dx[0] = build_op(c->b, OP_avg_pool, &c->dy, 1, c->node->attr + 1, NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

#define REAL    float
#define R(name) name##_f32
#include "ops/pool_loops.h"
#undef REAL
#undef R
#define REAL    double
#define R(name) name##_f64
#include "ops/pool_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

/* Settings i, i + 1, i + 2 are ksize, strides, padding. Units are images, or rows of positions. */
static void describe(struct kernel_call *c, struct kernel_work *w, struct arena *a, int i,
                     const struct kernel_arg *image, const struct kernel_arg *result,
                     bool by_rows) {
    struct window *g = arena_new(a, struct window);
    const struct attr *ksize = &c->attr[i];
    *g = window_of(image, result, ksize->ints.v[0], ksize->ints.v[1], &c->attr[i + 1],
                   &c->attr[i + 2], (const int64_t[]){1, 1});
    c->geometry = g;
    double taps = (double)g->n * (double)(g->oh * g->ow * g->c) * (double)(g->kh * g->kw);
    work_set(w, "windows", by_rows ? g->n * g->oh : g->n, taps * (is_wide(c) ? 8 : 4));
    w->scratch_bytes = (size_t)g->c * (is_wide(c) ? 8 : 4);
}

static void prepare_rows(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    describe(c, w, a, 0, &c->in[0], &c->out[0], true);
}

static void prepare_max_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    describe(c, w, a, 0, &c->in[0], &c->in[1], false);
}

static void prepare_mean_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    describe(c, w, a, 1, &c->out[0], &c->in[0], false);
}

static void run_max(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                    void *scratch) {
    (void)phase, (void)scratch;
    if (is_wide(c))
        max_rows_f64(c->geometry, c->in[0].data, c->out[0].data, begin, end);
    else
        max_rows_f32(c->geometry, c->in[0].data, c->out[0].data, begin, end);
}

static void run_max_gradient(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                             void *scratch) {
    (void)phase;
    if (is_wide(c))
        max_gradient_images_f64(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data,
                                c->out[0].data, begin, end, scratch);
    else
        max_gradient_images_f32(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data,
                                c->out[0].data, begin, end, scratch);
}

static void run_max_gather(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                           void *scratch) {
    (void)phase;
    if (is_wide(c))
        gather_rows_f64(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data, c->out[0].data,
                        begin, end, scratch);
    else
        gather_rows_f32(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data, c->out[0].data,
                        begin, end, scratch);
}

static void run_mean(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)scratch;
    if (is_wide(c))
        mean_rows_f64(c->geometry, c->in[0].data, c->out[0].data, begin, end);
    else
        mean_rows_f32(c->geometry, c->in[0].data, c->out[0].data, begin, end);
}

static void run_mean_gradient(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                              void *scratch) {
    (void)phase, (void)scratch;
    if (is_wide(c))
        mean_gradient_images_f64(c->geometry, c->in[0].data, c->out[0].data, begin, end);
    else
        mean_gradient_images_f32(c->geometry, c->in[0].data, c->out[0].data, begin, end);
}

const struct kernel KERNEL(max_pool_kernel) = {.prepare = prepare_rows, .run = run_max};
const struct kernel KERNEL(max_pool_gradient_kernel) = {.prepare = prepare_max_gradient,
                                                        .run = run_max_gradient};
const struct kernel KERNEL(max_pool_gather_kernel) = {.prepare = prepare_rows,
                                                      .run = run_max_gather};
const struct kernel KERNEL(avg_pool_kernel) = {.prepare = prepare_rows, .run = run_mean};
const struct kernel KERNEL(avg_pool_gradient_kernel) = {.prepare = prepare_mean_gradient,
                                                        .run = run_mean_gradient};

#endif
