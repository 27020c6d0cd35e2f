/* Windows that slide over an image, shared by convolution (conv*.c) and pooling (pool.c): their
 * rules and their geometry.
 *
 * Images are [n,h,w,c]. SAME gives ceil(in / stride) positions and pads as TensorFlow does: half
 * before, half after, an odd one after. VALID gives the positions at which the whole window lies in
 * the image; so does padding given in sizes, for the image with that many zeros around it. A window
 * of k taps that are `dilation` apart spans (k - 1) * dilation + 1. */
#ifndef NN_OPS_CONV_H
#define NN_OPS_CONV_H

#include "ops/ops.h"

#ifdef OPS_RULES

/* Brings a setting of sizes (strides, ksize) into the form [down, right]: one number is both, [1,
 * down, right, 1] is the long form. Refuses what is not positive or has another length. */
bool conv_window_pair(struct shape_call *c, struct attr *setting, const char *name);

/* SAME, or so many elements before and after along both axes (VALID: 0). */
struct window_padding {
    bool same;
    int64_t before[2], after[2];
};

/* Reads the padding; sizes are brought into the form [[top, bottom], [left, right]]. Refuses
 * anything else. */
bool conv_window_padding(struct shape_call *c, struct attr *padding, struct window_padding *out);

/* A window along one axis. */
struct window_axis {
    struct dim k;
    int64_t stride, dilation, before, after;
    bool same;
};

/* The number of positions along image axis `in` (of operand, axis for underlining). Refuses a
 * window larger than the image but under SAME. A size that symbols cannot say becomes a new
 * `?`. */
bool conv_window_positions(struct shape_call *c, int operand, int axis, struct dim in,
                           const struct window_axis *w, struct dim *out);

/* Refuses operand i unless it has rank 4; what: "an image [n, h, w, c]". */
bool conv_window_rank(struct shape_call *c, int operand, const char *what);

/* The same for an image, with what would make one of it. channels: of the image that fits, 0: any
 * number. */
bool conv_window_image(struct shape_call *c, int operand, struct dim channels);

/* Refuses operand i unless its axis may be as large as `want`; what: "channels". */
bool conv_window_match(struct shape_call *c, int operand, int axis, struct dim want,
                       const char *what);

#endif

#ifdef OPS_KERNELS

#include <string.h>

/* Concrete sizes. A window at output (i, j) covers image rows i * sh - top + 0, dh, ..
 * (kh - 1) * dh and columns j * sw - left + 0, dw, .. (kw - 1) * dw, as far as they exist. Pooling
 * has o == c, and no dilation or groups. */
struct window {
    int64_t n, h, w, c; /* image */
    int64_t oh, ow, o;  /* positions, output channels */
    int64_t kh, kw, sh, sw, dh, dw;
    int64_t top, left; /* padding before */
    int64_t groups;
};

/* From the first tap to the last. */
static inline int64_t window_extent(int64_t k, int64_t dilation) { return (k - 1) * dilation + 1; }

static inline int64_t window_padding_before(int64_t in, int64_t out, int64_t extent, int64_t stride,
                                            const struct attr *padding, int axis) {
    if (padding->kind == ATTR_PAIRS)
        return padding->ints.v[2 * axis];
    int64_t total = (out - 1) * stride + extent - in;
    return strcmp(padding->s, "SAME") == 0 && total > 0 ? total / 2 : 0;
}

/* image [n,h,w,c], result [n,oh,ow,o]; dilation: of rows and columns. */
static inline struct window window_of(const struct kernel_arg *image,
                                      const struct kernel_arg *result, int64_t kh, int64_t kw,
                                      const struct attr *strides, const struct attr *padding,
                                      const int64_t dilation[2]) {
    struct window g = {.n = image->dim[0],
                       .h = image->dim[1],
                       .w = image->dim[2],
                       .c = image->dim[3],
                       .oh = result->dim[1],
                       .ow = result->dim[2],
                       .o = result->dim[3],
                       .kh = kh,
                       .kw = kw,
                       .sh = strides->ints.v[0],
                       .sw = strides->ints.v[1],
                       .dh = dilation[0],
                       .dw = dilation[1],
                       .groups = 1};
    g.top = window_padding_before(g.h, g.oh, window_extent(kh, g.dh), g.sh, padding, 0);
    g.left = window_padding_before(g.w, g.ow, window_extent(kw, g.dw), g.sw, padding, 1);
    return g;
}

/* Of the k taps of a window at position i, those that fall on the image: [*begin, *end). */
static inline void window_taps(int64_t i, int64_t stride, int64_t before, int64_t k, int64_t in,
                               int64_t *begin, int64_t *end) {
    int64_t first = i * stride - before;
    *begin = min_i64(max_i64(0, -first), k);
    *end = max_i64(*begin, min_i64(k, in - first));
}

/* The same for taps that are `dilation` apart. */
static inline void window_taps_apart(int64_t i, int64_t stride, int64_t dilation, int64_t before,
                                     int64_t k, int64_t in, int64_t *begin, int64_t *end) {
    if (dilation == 1) {
        window_taps(i, stride, before, k, in, begin, end);
        return;
    }
    int64_t first = i * stride - before;
    *begin = min_i64(ceil_div(max_i64(0, -first), dilation), k);
    *end = max_i64(*begin, min_i64(k, ceil_div(max_i64(0, in - first), dilation)));
}

/* The other way round: the positions at which the tap that is t behind the first falls on the
 * image: [*begin, *end) of n. */
static inline void window_positions(int64_t t, int64_t stride, int64_t before, int64_t in,
                                    int64_t n, int64_t *begin, int64_t *end) {
    int64_t low = before - t, high = in - 1 + before - t;
    *begin = low > 0 ? min_i64(ceil_div(low, stride), n) : 0;
    *end = high < 0 ? *begin : max_i64(*begin, min_i64(high / stride + 1, n));
}

static inline double window_work(const struct window *g) {
    return (double)g->n * (double)(g->oh * g->ow) * (double)(g->kh * g->kw) *
           (double)(g->c / g->groups) * (double)g->o;
}

/* The geometry of every convolution kernel begins with this. */
struct conv_base {
    void (*run)(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch);
    struct window g;
};

/* The window of a call of each of the three ops; always that of the convolution itself. set:
 * strides, padding, dilation, groups. */
static inline struct window conv_window_of(const struct kernel_arg *image,
                                           const struct kernel_arg *result,
                                           const struct kernel_arg *filter,
                                           const struct attr *set) {
    struct window g =
        window_of(image, result, filter->dim[0], filter->dim[1], &set[0], &set[1], set[2].ints.v);
    g.groups = set[3].i;
    return g;
}

static inline struct window conv_forward_window(const struct kernel_call *c) {
    return conv_window_of(&c->in[0], &c->out[0], &c->in[1], &c->attr[0]);
}

static inline struct window conv_input_gradient_window(const struct kernel_call *c) {
    return conv_window_of(&c->out[0], &c->in[0], &c->in[1], &c->attr[1]);
}

static inline struct window conv_filter_gradient_window(const struct kernel_call *c) {
    return conv_window_of(&c->in[0], &c->in[1], &c->out[0], &c->attr[1]);
}

/* A group of channels of its own for each channel. */
static inline bool conv_is_depthwise(const struct window *g) {
    return g->groups > 1 && g->groups == g->c;
}

/* Matrix products over unrolled images, for any geometry: the reference of every faster kernel. */
extern const struct kernel KERNEL(conv2d_im2col_kernel);
extern const struct kernel KERNEL(conv2d_input_gradient_im2col_kernel);
extern const struct kernel KERNEL(conv2d_filter_gradient_im2col_kernel);

#endif
#endif
