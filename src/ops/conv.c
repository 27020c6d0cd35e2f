/* 2-D convolution (cross-correlation) and its two gradients: rules, gradients of all three, and the
 * choice of kernels.
 *
 * In: an image [n,h,w,c] and a filter [kh,kw,c/groups,o]. Out: [n,oh,ow,o]; output channel k
 * belongs to group k / (o / groups) and sees only the channels of that group. With a group for each
 * channel the convolution is depthwise: channel k comes from channel k / (o / c) of the image. The
 * op is linear in each operand, so each gradient is one of the other two ops, and gradients have
 * gradients. Not for: the kernels themselves (conv_im2col.c, conv_direct.c, conv_depthwise.c). */
#include "ops/conv_depthwise.h"
#include "ops/conv_direct.h"
#include "ops/conv_winograd.h"

#ifdef OPS_RULES

static const char an_image[] = "an image [n, h, w, c]", a_filter[] = "a filter [kh, kw, c, o]";

/* Strides, padding, dilation and groups of a call. */
struct settings {
    const int64_t *strides, *dilation;
    struct window_padding padding;
    int64_t groups;
};

/* Normalises the four settings that all three ops have. */
static bool read_settings(struct shape_call *c, struct attr *attr, struct settings *s) {
    if (!conv_window_pair(c, &attr[0], "strides") ||
        !conv_window_padding(c, &attr[1], &s->padding) ||
        !conv_window_pair(c, &attr[2], "dilation"))
        return false;
    s->strides = attr[0].ints.v;
    s->dilation = attr[2].ints.v;
    s->groups = attr[3].i;
    if (s->groups >= 1 && s->groups <= INT32_MAX)
        return true;
    return shape_refuse(c, E_OUT_OF_RANGE, "%s: groups must be 1 or more, not %lld", c->spelling,
                        (long long)s->groups);
}

/* Refuses unless the groups divide `channels` (of operand i's axis, i < 0: a setting). */
static bool match_groups(struct shape_call *c, int64_t groups, struct dim channels, int i, int axis,
                         const char *what) {
    if (groups == 1 || !dim_is_const(channels) || channels.k % groups == 0)
        return true;
    shape_refuse(c, E_SHAPE, "%s: %lld groups cannot share the %lld channel%s of the %s",
                 c->spelling, (long long)groups, (long long)channels.k, channels.k == 1 ? "" : "s",
                 what);
    if (i >= 0)
        shape_mark(c, i, axis);
    shape_help(c, "the number of groups must divide the channels of the image and the number of "
                  "filters");
    return false;
}

/* The number of groups that makes a filter of so many channels and results fit, or 0. */
static int64_t fitting_groups(struct dim image, struct dim filter, struct dim results) {
    if (!dim_is_const(image) || !dim_is_const(filter) || filter.k < 1 || image.k % filter.k)
        return 0;
    int64_t groups = image.k / filter.k;
    return groups > 1 && dim_is_const(results) && results.k % groups == 0 ? groups : 0;
}

static bool refuse_channels(struct shape_call *c, int64_t groups, struct dim image,
                            const struct shape *of, int i_image, int i_filter) {
    struct dim filter = of->d[2];
    int64_t fitting = fitting_groups(image, filter, of->d[3]);
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    dim_print(a, sizeof a, c->symbols, filter);
    dim_print(b, sizeof b, c->symbols, image);
    const char *s = dim_is_one(filter) ? "" : "s";
    if (groups == 1)
        shape_refuse(c, E_SHAPE, "%s: the filter takes %s channel%s, but the image has %s",
                     c->spelling, a, s, b);
    else
        shape_refuse(c, E_SHAPE,
                     "%s: the filter takes %s channel%s, but each of the %lld groups has %lld of "
                     "the image's %s",
                     c->spelling, a, s, (long long)groups, (long long)(image.k / groups), b);
    if (i_image >= 0)
        shape_mark(c, i_image, 3);
    if (i_filter >= 0)
        shape_mark(c, i_filter, 2);
    if (fitting)
        shape_help(c, "groups=%lld would fit this filter", (long long)fitting);
    return false;
}

/* The image's channels against the filter's, [.., .., image / groups, o]; i_*: the operands to
 * underline, or -1. */
static bool match_channels(struct shape_call *c, int64_t groups, struct dim image,
                           const struct shape *filter, int i_image, int i_filter) {
    struct dim all;
    if (!match_groups(c, groups, image, i_image, 3, "image") ||
        !match_groups(c, groups, filter->d[3], i_filter, 3, "filter"))
        return false;
    if (!dim_multiply(c->symbols, filter->d[2], dim_const(groups), &all) ||
        dim_compare(c->symbols, image, all) != DIM_DIFFER)
        return true;
    return refuse_channels(c, groups, image, filter, i_image, i_filter);
}

static bool shape_setting_rank(struct shape_call *c, const struct shape *s, const char *what) {
    if (s->rank == 4)
        return true;
    return shape_refuse(c, E_SHAPE, "%s: shape is that of %s: it needs 4 sizes, not %d",
                        c->spelling, what, s->rank);
}

/* Positions along both axes for an image of h and w under a filter; i_image: the operand to
 * underline, or -1. */
static bool positions(struct shape_call *c, const struct settings *s, int i_image,
                      const struct shape *image, const struct shape *filter, struct dim *out) {
    for (int axis = 0; axis < 2; axis++) {
        struct window_axis w = {.k = filter->d[axis],
                                .stride = s->strides[axis],
                                .dilation = s->dilation[axis],
                                .before = s->padding.before[axis],
                                .after = s->padding.after[axis],
                                .same = s->padding.same};
        if (!conv_window_positions(c, i_image, axis + 1, image->d[axis + 1], &w, &out[axis]))
            return false;
    }
    return true;
}

/* dy, operand i, must be what conv2d of `image` and `filter` gives. */
static bool match_result(struct shape_call *c, int i, const struct settings *s,
                         const struct shape *image, const struct shape *filter) {
    struct dim out[2];
    return positions(c, s, -1, image, filter, out) &&
           conv_window_match(c, i, 0, image->d[0], "images") &&
           conv_window_match(c, i, 1, out[0], "rows") &&
           conv_window_match(c, i, 2, out[1], "columns") &&
           conv_window_match(c, i, 3, filter->d[3], "channels");
}

bool conv2d_shape(struct shape_call *c) {
    const struct shape *x = &c->in[0], *f = &c->in[1];
    struct settings s;
    struct dim channels;
    if (!conv_window_rank(c, 1, a_filter) || !read_settings(c, c->attr, &s))
        return false;
    if (!dim_multiply(c->symbols, f->d[2], dim_const(s.groups), &channels))
        channels = dim_fresh(c->symbols);
    if (!conv_window_image(c, 0, channels) || !match_channels(c, s.groups, x->d[3], f, 0, 1))
        return false;
    c->out = (struct shape){.rank = 4, .d = {[0] = x->d[0], [3] = f->d[3]}};
    return positions(c, &s, 0, x, f, &c->out.d[1]);
}

bool conv2d_input_gradient_shape(struct shape_call *c) {
    const struct shape *f = &c->in[1], *image = &c->attr[0].shape;
    struct settings s;
    if (!conv_window_rank(c, 0, an_image) || !conv_window_rank(c, 1, a_filter) ||
        !shape_setting_rank(c, image, "the image") || !read_settings(c, c->attr + 1, &s) ||
        !match_channels(c, s.groups, image->d[3], f, -1, 1) || !match_result(c, 0, &s, image, f))
        return false;
    c->out = *image;
    return true;
}

bool conv2d_filter_gradient_shape(struct shape_call *c) {
    const struct shape *x = &c->in[0], *filter = &c->attr[0].shape;
    struct settings s;
    if (!conv_window_rank(c, 0, an_image) || !conv_window_rank(c, 1, an_image) ||
        !shape_setting_rank(c, filter, "the filter") || !read_settings(c, c->attr + 1, &s) ||
        !match_channels(c, s.groups, x->d[3], filter, 0, -1) || !match_result(c, 1, &s, x, filter))
        return false;
    c->out = *filter;
    return true;
}

/* The three ops over strides, padding, dilation and groups. */
static struct node *convolve(struct gradient_call *c, const struct attr *window, struct node *x,
                             struct node *filter) {
    return build_op(c->b, OP_conv2d, (struct node *[]){x, filter}, 2, window, NULL, NULL);
}

static struct node *derive(struct gradient_call *c, enum op_id op, const struct attr *window,
                           const struct shape *shape, struct node *x, struct node *y) {
    struct attr settings[5] = {
        {.kind = ATTR_SHAPE, .shape = *shape}, window[0], window[1], window[2], window[3]};
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
    if (!KERNEL(conv_depthwise_forward)(c, w, a) && !KERNEL(conv_winograd_forward)(c, w, a) &&
        !KERNEL(conv_direct_forward)(c, w, a))
        KERNEL(conv2d_im2col_kernel).prepare(c, w, a);
}

static void prepare_input_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_depthwise_input_gradient)(c, w, a) &&
        !KERNEL(conv_winograd_input_gradient)(c, w, a) &&
        !KERNEL(conv_direct_input_gradient)(c, w, a))
        KERNEL(conv2d_input_gradient_im2col_kernel).prepare(c, w, a);
}

static void prepare_filter_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_depthwise_filter_gradient)(c, w, a) &&
        !KERNEL(conv_direct_filter_gradient)(c, w, a))
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
