/* What stands behind a convolution in a block (conv_block.c) is done while a few of its rows are
 * still in cache: bias, activation, and max-pooling with the winners' places. Each kernel that can
 * give rows of a block of channels in scratch calls this; conv_epilogue_loops.h has the loops.
 *
 * A kernel goes through a band, the pooled rows [p0, p1) of an image and a block of channels:
 *
 *     conv_band_open(e, p0, p1, &band);
 *     while (conv_band_is_open(&band)) {
 *         .. rows [band.high, band.high + n), n <= step and no row beyond e->oh, of the bare
 *         convolution, to rows + conv_band_filled(e, &band, width)
 *         conv_band_push(e, &band, n, rows, width, &to);
 *     }
 *
 * `rows` has conv_band_elements(e, step, width) elements, the last of which are never written: a
 * column is `width` elements, at least the channels of the block, from the next, and whole vectors
 * are read. What windows that overlap share is kept, what lies between windows is skipped. Rows
 * above band.stop are needed by no window.
 *
 * Promises the bits of the unfused ops: bias added first, then the activation, then the first
 * largest element of the window, where a NaN is largest. Not for: which rows are computed when. */
#ifndef NN_OPS_CONV_EPILOGUE_H
#define NN_OPS_CONV_EPILOGUE_H

#include "ops/conv.h"

#ifdef OPS_KERNELS

#include "ops/vector.h"

enum conv_activation { ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_TANH, ACTIVATION_SIGMOID };

struct conv_epilogue {
    struct window pool; /* over the convolution's result: h, w are its rows and columns, o its
                         * channels, oh, ow those of the block; one place and stride 1 when there
                         * is no pooling */
    enum conv_activation activation;
};

/* The rows of the convolution that are at hand, and the pooled rows to come. */
struct conv_band {
    int64_t low, high;  /* rows [low, high) are in scratch */
    int64_t next, end;  /* pooled rows [next, end) are not yet made */
    int64_t stop;       /* rows from here on nobody needs */
};

/* Where a band goes. */
struct conv_target {
    const void *bias;  /* [channels] of the block, or NULL */
    void *y;           /* the block's first channel of the image's result, [oh, ow, o] */
    uint8_t *winner;   /* likewise, or NULL when nobody asks */
    int64_t channels;  /* of the block */
};

/* Rows [*first, *end) of the convolution are what pooled row p sees. */
static inline void conv_epilogue_rows(const struct conv_epilogue *e, int64_t p, int64_t *first,
                                      int64_t *end) {
    int64_t begin, taps, top = p * e->pool.sh - e->pool.top;
    window_taps(p, e->pool.sh, e->pool.top, e->pool.kh, e->pool.h, &begin, &taps);
    *first = top + begin;
    *end = top + taps;
}

static inline void conv_band_open(const struct conv_epilogue *e, int64_t p0, int64_t p1,
                                  struct conv_band *b) {
    int64_t first, end;
    conv_epilogue_rows(e, p0, &first, &end);
    *b = (struct conv_band){.low = first, .high = first, .next = p0, .end = p1};
    conv_epilogue_rows(e, p1 - 1, &first, &b->stop);
}

static inline bool conv_band_is_open(const struct conv_band *b) { return b->next < b->end; }

/* Where row band.high goes in scratch. */
static inline int64_t conv_band_filled(const struct conv_epilogue *e, const struct conv_band *b,
                                       int64_t width) {
    return (b->high - b->low) * e->pool.w * width;
}

/* What scratch for a band holds, when no more than `step` rows are pushed at once. */
static inline int64_t conv_band_elements(const struct conv_epilogue *e, int64_t step,
                                         int64_t width) {
    int64_t rows = min_i64(e->pool.kh - 1 + step, e->pool.h + step);
    return rows * e->pool.w * width + VECTOR_BYTES;
}

#endif
#endif
