/* Windows that slide over an image, shared by convolution (conv*.c) and pooling (pool.c): their
 * rules and their geometry.
 *
 * Images are [n,h,w,c]. SAME gives ceil(in / stride) positions and pads as TensorFlow does: half
 * before, half after, an odd one after. VALID gives the positions at which the whole window lies in
 * the image. */
#ifndef NN_OPS_CONV_H
#define NN_OPS_CONV_H

#include "ops/ops.h"

#ifdef OPS_RULES

/* Brings a setting of sizes (strides, ksize) into the form [down, right]: one number is both, [1,
 * down, right, 1] is the long form. Refuses what is not positive or has another length. */
bool conv_window_pair(struct shape_call *c, struct attr *setting, const char *name);

/* Is the padding SAME or VALID? Refuses anything else. */
bool conv_window_padding(struct shape_call *c, const struct attr *padding, bool *same);

/* The number of positions along image axis `in` (of operand, axis for underlining) for a window of
 * k. Refuses a window larger than the image under VALID. A size that symbols cannot say becomes a
 * new `?`. */
bool conv_window_positions(struct shape_call *c, int operand, int axis, struct dim in, struct dim k,
                           int64_t stride, bool same, struct dim *out);

/* Refuses operand i unless it has rank 4; what: "an image [n, h, w, c]". */
bool conv_window_rank(struct shape_call *c, int operand, const char *what);

/* Refuses operand i unless its axis may be as large as `want`; what: "channels". */
bool conv_window_match(struct shape_call *c, int operand, int axis, struct dim want,
                       const char *what);

#endif

#ifdef OPS_KERNELS

#include <string.h>

/* Concrete sizes. A window at output (i, j) covers image rows i * sh - top + 0..kh-1 and columns j
 * * sw - left + 0..kw-1, as far as they exist. Pooling has o == c. */
struct window {
    int64_t n, h, w, c; /* image */
    int64_t oh, ow, o;  /* positions, output channels */
    int64_t kh, kw, sh, sw;
    int64_t top, left; /* padding before */
};

static inline int64_t window_padding_before(int64_t in, int64_t out, int64_t k, int64_t stride,
                                            bool same) {
    int64_t total = (out - 1) * stride + k - in;
    return same && total > 0 ? total / 2 : 0;
}

/* image [n,h,w,c], result [n,oh,ow,o]. */
static inline struct window window_of(const struct kernel_arg *image,
                                      const struct kernel_arg *result, int64_t kh, int64_t kw,
                                      const struct attr *strides, const struct attr *padding) {
    bool same = strcmp(padding->s, "SAME") == 0;
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
                       .sw = strides->ints.v[1]};
    g.top = window_padding_before(g.h, g.oh, kh, g.sh, same);
    g.left = window_padding_before(g.w, g.ow, kw, g.sw, same);
    return g;
}

/* Of the k taps of a window at position i, those that fall on the image: [*begin, *end). */
static inline void window_taps(int64_t i, int64_t stride, int64_t before, int64_t k, int64_t in,
                               int64_t *begin, int64_t *end) {
    int64_t first = i * stride - before;
    *begin = min_i64(max_i64(0, -first), k);
    *end = max_i64(*begin, min_i64(k, in - first));
}

/* The other way round: the positions at which tap t falls on the image: [*begin, *end) of n. */
static inline void window_positions(int64_t t, int64_t stride, int64_t before, int64_t in,
                                    int64_t n, int64_t *begin, int64_t *end) {
    int64_t low = before - t, high = in - 1 + before - t;
    *begin = low > 0 ? min_i64(ceil_div(low, stride), n) : 0;
    *end = high < 0 ? *begin : max_i64(*begin, min_i64(high / stride + 1, n));
}

static inline double window_work(const struct window *g) {
    return (double)g->n * (double)(g->oh * g->ow) * (double)(g->kh * g->kw) * (double)g->c *
           (double)g->o;
}

/* The geometry of every convolution kernel begins with this. */
struct conv_base {
    void (*run)(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch);
    struct window g;
};

/* The window of a call of each of the three ops; always that of the convolution itself. */
static inline struct window conv_forward_window(const struct kernel_call *c) {
    return window_of(&c->in[0], &c->out[0], c->in[1].dim[0], c->in[1].dim[1], &c->attr[0],
                     &c->attr[1]);
}

static inline struct window conv_input_gradient_window(const struct kernel_call *c) {
    return window_of(&c->out[0], &c->in[0], c->in[1].dim[0], c->in[1].dim[1], &c->attr[1],
                     &c->attr[2]);
}

static inline struct window conv_filter_gradient_window(const struct kernel_call *c) {
    return window_of(&c->in[0], &c->in[1], c->out[0].dim[0], c->out[0].dim[1], &c->attr[1],
                     &c->attr[2]);
}

/* Matrix products over unrolled images, for any geometry: the reference of every faster kernel. */
extern const struct kernel KERNEL(conv2d_im2col_kernel);
extern const struct kernel KERNEL(conv2d_input_gradient_im2col_kernel);
extern const struct kernel KERNEL(conv2d_filter_gradient_im2col_kernel);

#endif
#endif
