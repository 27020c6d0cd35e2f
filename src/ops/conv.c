/* 2-D convolution (cross-correlation) and its two gradients: rules, gradients of all three, and the
 * choice of kernels.
 *
 * In: an image [n,h,w,c] and a filter [kh,kw,c,o]. Out: [n,oh,ow,o]. The op is linear in each
 * operand, so each gradient is one of the other two ops, and gradients have gradients. Not for: the
 * kernels themselves (conv_im2col.c, conv_direct.c). */
#include "ops/conv_direct.h"

#ifdef OPS_RULES

static const char an_image[] = "an image [n, h, w, c]", a_filter[] = "a filter [kh, kw, c, o]";

static bool match_channels(struct shape_call *c, struct dim image, struct dim filter, int i_image,
                           int i_filter) {
    if (dim_compare(c->symbols, image, filter) != DIM_DIFFER)
        return true;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    dim_print(a, sizeof a, c->symbols, filter);
    dim_print(b, sizeof b, c->symbols, image);
    shape_refuse(c, E_SHAPE, "%s: the filter takes %s channel%s, but the image has %s", c->spelling,
                 a, dim_is_one(filter) ? "" : "s", b);
    if (i_image >= 0)
        shape_mark(c, i_image, 3);
    if (i_filter >= 0)
        shape_mark(c, i_filter, 2);
    return false;
}

static bool shape_setting_rank(struct shape_call *c, const struct shape *s, const char *what) {
    if (s->rank == 4)
        return true;
    return shape_refuse(c, E_SHAPE, "%s: shape is that of %s: it needs 4 sizes, not %d",
                        c->spelling, what, s->rank);
}

/* Positions of both axes for an image of h and w under a filter; i_image: the operand to underline,
 * or -1. */
static bool positions(struct shape_call *c, const struct attr *strides, bool same, int i_image,
                      const struct shape *image, const struct shape *filter, struct dim *oh,
                      struct dim *ow) {
    return conv_window_positions(c, i_image, 1, image->d[1], filter->d[0], strides->ints.v[0], same,
                                 oh) &&
           conv_window_positions(c, i_image, 2, image->d[2], filter->d[1], strides->ints.v[1], same,
                                 ow);
}

/* dy, operand i, must be what conv2d of `image` and `filter` gives. */
static bool match_result(struct shape_call *c, int i, const struct attr *strides, bool same,
                         const struct shape *image, const struct shape *filter) {
    struct dim oh, ow;
    return positions(c, strides, same, -1, image, filter, &oh, &ow) &&
           conv_window_match(c, i, 0, image->d[0], "images") &&
           conv_window_match(c, i, 1, oh, "rows") && conv_window_match(c, i, 2, ow, "columns") &&
           conv_window_match(c, i, 3, filter->d[3], "channels");
}

bool conv2d_shape(struct shape_call *c) {
    const struct shape *x = &c->in[0], *f = &c->in[1];
    bool same;
    if (!conv_window_rank(c, 0, an_image) || !conv_window_rank(c, 1, a_filter) ||
        !conv_window_pair(c, &c->attr[0], "strides") ||
        !conv_window_padding(c, &c->attr[1], &same) || !match_channels(c, x->d[3], f->d[2], 0, 1))
        return false;
    c->out = (struct shape){.rank = 4, .d = {[0] = x->d[0], [3] = f->d[3]}};
    return positions(c, &c->attr[0], same, 0, x, f, &c->out.d[1], &c->out.d[2]);
}

bool conv2d_input_gradient_shape(struct shape_call *c) {
    const struct shape *f = &c->in[1], *image = &c->attr[0].shape;
    bool same;
    if (!conv_window_rank(c, 0, an_image) || !conv_window_rank(c, 1, a_filter) ||
        !shape_setting_rank(c, image, "the image") ||
        !conv_window_pair(c, &c->attr[1], "strides") ||
        !conv_window_padding(c, &c->attr[2], &same) ||
        !match_channels(c, image->d[3], f->d[2], -1, 1) ||
        !match_result(c, 0, &c->attr[1], same, image, f))
        return false;
    c->out = *image;
    return true;
}

bool conv2d_filter_gradient_shape(struct shape_call *c) {
    const struct shape *x = &c->in[0], *filter = &c->attr[0].shape;
    bool same;
    if (!conv_window_rank(c, 0, an_image) || !conv_window_rank(c, 1, an_image) ||
        !shape_setting_rank(c, filter, "the filter") ||
        !conv_window_pair(c, &c->attr[1], "strides") ||
        !conv_window_padding(c, &c->attr[2], &same) ||
        !match_channels(c, x->d[3], filter->d[2], 0, -1) ||
        !match_result(c, 1, &c->attr[1], same, x, filter))
        return false;
    c->out = *filter;
    return true;
}

/* The three ops over strides and padding. */
static struct node *convolve(struct gradient_call *c, const struct attr *window, struct node *x,
                             struct node *filter) {
    return build_op(c->b, OP_conv2d, (struct node *[]){x, filter}, 2, window, NULL, NULL);
}

static struct node *derive(struct gradient_call *c, enum op_id op, const struct attr *window,
                           const struct shape *shape, struct node *x, struct node *y) {
    struct attr settings[3] = {{.kind = ATTR_SHAPE, .shape = *shape}, window[0], window[1]};
    return build_op(c->b, op, (struct node *[]){x, y}, 2, settings, NULL, NULL);
}

void conv2d_gradient(struct gradient_call *c) {
    struct node *x = c->node->in[0], *f = c->node->in[1];
    const struct attr *window = c->node->attr;
    if (c->need[0])
        c->dx[0] = derive(c, OP_conv2d_input_gradient, window, &x->shape, c->dy, f);
    if (c->need[1])
        c->dx[1] = derive(c, OP_conv2d_filter_gradient, window, &f->shape, x, c->dy);
}

void conv2d_input_gradient_gradient(struct gradient_call *c) {
    struct node *dy = c->node->in[0], *f = c->node->in[1];
    const struct attr *window = c->node->attr + 1;
    if (c->need[0])
        c->dx[0] = convolve(c, window, c->dy, f);
    if (c->need[1])
        c->dx[1] = derive(c, OP_conv2d_filter_gradient, window, &f->shape, c->dy, dy);
}

void conv2d_filter_gradient_gradient(struct gradient_call *c) {
    struct node *x = c->node->in[0], *dy = c->node->in[1];
    const struct attr *window = c->node->attr + 1;
    if (c->need[0])
        c->dx[0] = derive(c, OP_conv2d_input_gradient, window, &x->shape, dy, c->dy);
    if (c->need[1])
        c->dx[1] = convolve(c, window, x, c->dy);
}

#endif

#ifdef OPS_KERNELS

static void prepare_conv2d(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_direct_forward)(c, w, a))
        KERNEL(conv2d_im2col_kernel).prepare(c, w, a);
}

static void prepare_input_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_direct_input_gradient)(c, w, a))
        KERNEL(conv2d_input_gradient_im2col_kernel).prepare(c, w, a);
}

static void prepare_filter_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_direct_filter_gradient)(c, w, a))
        KERNEL(conv2d_filter_gradient_im2col_kernel).prepare(c, w, a);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct conv_base *p = c->geometry;
    p->run(c, phase, begin, end, scratch);
}

const struct kernel KERNEL(conv2d_kernel) = {.prepare = prepare_conv2d, .run = run};
const struct kernel KERNEL(conv2d_input_gradient_kernel) = {.prepare = prepare_input_gradient,
                                                            .run = run};
const struct kernel KERNEL(conv2d_filter_gradient_kernel) = {.prepare = prepare_filter_gradient,
                                                             .run = run};

#endif
