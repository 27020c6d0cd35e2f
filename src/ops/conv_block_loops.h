/* The rest of a block over the whole result of its convolution, for one element type; included once
 * for each, with REAL, REAL_BYTES, TAG and R(name) defined. */
#include "ops/conv_epilogue_loops.h"

/* Pooled rows [begin, end), counted over all images. The convolution's rows are copied because
 * neighbours, which others may be working on, share them. */
static void R(finish_rows)(const struct conv_epilogue *e, const struct kernel_call *c,
                           int64_t begin, int64_t end, REAL *scratch) {
    const struct window *g = &e->pool;
    int64_t row = g->w * g->o;
    for (int64_t u = begin; u < end; u++) {
        const REAL *dense = (const REAL *)c->shared + u / g->oh * g->h * row;
        struct conv_band band;
        conv_band_open(e, u % g->oh, u % g->oh + 1, &band);
        int64_t n = band.stop - band.low;
        memcpy(scratch, dense + band.low * row, (size_t)(n * row) * sizeof(REAL));
        for (int64_t k = 0; k < g->o; k += R(MOST_CHANNELS)) {
            struct conv_band part = band;
            struct conv_target to = conv_block_target(
                c, u / g->oh, k, min_i64(R(MOST_CHANNELS), g->o - k), REAL_BYTES);
            R(conv_band_push)(e, &part, n, scratch + k, g->o, &to);
        }
    }
}
