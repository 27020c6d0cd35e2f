/* Direct convolution for one element type; included once for each, with REAL, REAL_BYTES, TAG and
 * R(name) defined. */
#include "ops/conv_epilogue_loops.h"
#include "ops/vector_transpose.h"

enum { R(block_channels) = 2 * R(N_LANES) };

ALWAYS_INLINE R(vector) R(load)(const REAL *p) { return *(const R(loose) *)p; }
ALWAYS_INLINE void R(store)(REAL *p, R(vector) v) { *(R(loose) *)p = v; }

/* One block of output channels (`vectors` of them) at `pixels` neighbours of an output row. image:
 * rows of [ci][sw][row_columns] as re-laid, the first tap's; filter: [taps][ci][two vectors] from
 * the first valid tap row. */
ALWAYS_INLINE void R(pixels)(const int pixels, const int vectors, const struct direct *d,
                             int64_t n_tap_rows, const REAL *image, const REAL *filter,
                             R(vector) * left, R(vector) * right) {
    UNROLL(14)
    for (int q = 0; q < pixels; q++) {
        left[q] = (R(vector)){0};
        if (vectors == 2)
            right[q] = (R(vector)){0};
    }
    for (int64_t ky = 0; ky < n_tap_rows; ky++, image += d->dh * d->row_elements)
        for (int64_t kx = 0; kx < d->kw; kx++) {
            const REAL *x = image + d->tap_offset[kx];
            for (int64_t c = 0; c < d->ci;
                 c++, x += d->channel_elements, filter += R(block_channels)) {
                R(vector) f0 = R(load)(filter), f1 = f0;
                if (vectors == 2)
                    f1 = R(load)(filter + R(N_LANES));
                UNROLL(14)
                for (int q = 0; q < pixels; q++) {
                    left[q] += x[q] * f0;
                    if (vectors == 2)
                        right[q] += x[q] * f1;
                }
            }
        }
}

/* The same, stored: y is the first pixel's first channel of the block, of which `channels`
 * exist; pixels are `step` apart. */
ALWAYS_INLINE void R(pixels_stored)(const int pixels, const int vectors, const struct direct *d,
                                    int64_t n_tap_rows, const REAL *image, const REAL *filter,
                                    REAL *y, int64_t step, int64_t channels) {
    R(vector) left[N_TILE_ROWS], right[N_TILE_ROWS];
    R(pixels)(pixels, vectors, d, n_tap_rows, image, filter, left, right);
    UNROLL(14)
    for (int q = 0; q < pixels; q++) {
        REAL *to = y + q * step;
        if (channels == vectors * R(N_LANES)) {
            R(store)(to, left[q]);
            if (vectors == 2)
                R(store)(to + R(N_LANES), right[q]);
        } else {
            REAL edge[R(block_channels)];
            R(store)(edge, left[q]);
            if (vectors == 2)
                R(store)(edge + R(N_LANES), right[q]);
            memcpy(to, edge, (size_t)channels * sizeof(REAL));
        }
    }
}

static void R(pixels_any)(int pixels, const struct direct *d, int64_t n_tap_rows, const REAL *image,
                          const REAL *filter, REAL *y, int64_t step, int64_t channels) {
#define PIXELS_CASE(n)                                                                             \
    case n:                                                                                        \
        R(pixels_stored)(n, 2, d, n_tap_rows, image, filter, y, step, channels);                   \
        break;                                                                                     \
    case n + 32:                                                                                   \
        R(pixels_stored)(n, 1, d, n_tap_rows, image, filter, y, step, channels);                   \
        break;
    switch (pixels + (channels > R(N_LANES) ? 0 : 32)) { FOR_EACH_TILE_HEIGHT(PIXELS_CASE) }
#undef PIXELS_CASE
}

/* Re-lays image rows [y0, y1) as [row][ci][sw][row_columns]: neighbours under one tap lie side by
 * side, whatever the stride; columns that fall on padding are zero. */
static void R(lay_rows)(const struct direct *d, const REAL *image, int64_t y0, int64_t y1,
                        REAL *to) {
    memset(to, 0, (size_t)((y1 - y0) * d->row_elements) * sizeof(REAL));
    int64_t n = min_i64(d->w, d->padded_columns - d->left);
    for (int64_t y = y0; y < y1; y++, to += d->row_elements) {
        const REAL *row = image + y * d->w * d->ci;
        if (d->sw == 1) {
            int64_t x = 0, c;
            enum { L = R(N_LANES) };
            for (; x + L <= n; x += L) {
                for (c = 0; c + L <= d->ci; c += L)
                    R(transpose)
                (to + c * d->channel_elements + d->left + x, d->channel_elements,
                 row + x * d->ci + c, d->ci, L);
                for (; c < d->ci; c++)
                    for (int64_t i = x; i < x + L; i++)
                        to[c * d->channel_elements + d->left + i] = row[i * d->ci + c];
            }
            for (; x < n; x++)
                for (c = 0; c < d->ci; c++)
                    to[c * d->channel_elements + d->left + x] = row[x * d->ci + c];
            continue;
        }
        for (int64_t x = 0; x < n; x++) {
            int64_t at = d->left + x, offset = at % d->sw * d->row_columns + at / d->sw;
            for (int64_t c = 0; c < d->ci; c++)
                to[c * d->channel_elements + offset] = row[x * d->ci + c];
        }
    }
}

/* Output rows [i0, i1) of one block of channels, of which `channels` are stored, `step` from pixel
 * to pixel; y is where row i0 begins. rows: the re-laid image from row `first` on. */
static void R(direct_rows)(const struct direct *d, const REAL *rows, int64_t first,
                           const REAL *filters, REAL *y, int64_t step, int64_t i0, int64_t i1,
                           int64_t block, int64_t channels) {
    int64_t tap_row = d->kw * d->ci * R(block_channels);
    const REAL *filter = filters + block * d->kh * tap_row;
    for (int64_t i = i0; i < i1; i++) {
        int64_t t0, t1;
        window_taps_apart(i, d->sh, d->dh, d->top, d->kh, d->h, &t0, &t1);
        const REAL *image = rows + (i * d->sh - d->top + t0 * d->dh - first) * d->row_elements;
        for (int64_t p = 0; p < d->n_pixel_blocks; p++) {
            int64_t q = p * d->ow / d->n_pixel_blocks, end = (p + 1) * d->ow / d->n_pixel_blocks;
            R(pixels_any)
            ((int)(end - q), d, t1 - t0, image + q, filter + t0 * tap_row,
             y + ((i - i0) * d->ow + q) * step, step, channels);
        }
    }
}

/* The input rows that output rows [i0, i1) need, re-laid; gives the first of them. */
static int64_t R(lay_band)(const struct direct *d, const REAL *image, int64_t i0, int64_t i1,
                           REAL *rows) {
    int64_t first = min_i64(d->h, max_i64(0, i0 * d->sh - d->top));
    int64_t last = max_i64(
        first, min_i64(d->h, (i1 - 1) * d->sh - d->top + window_extent(d->kh, d->dh)));
    R(lay_rows)(d, image, first, last, rows);
    return first;
}

static void R(direct_units)(const struct direct *d, const REAL *x, const REAL *filters, REAL *y,
                            int64_t begin, int64_t end, REAL *rows) {
    int64_t laid = -1, first = 0;
    for (int64_t u = begin; u < end; u++) {
        int64_t block = u % d->n_blocks, band = u / d->n_blocks % d->n_bands,
                image = u / d->n_blocks / d->n_bands;
        int64_t i0 = band * d->oh / d->n_bands, i1 = (band + 1) * d->oh / d->n_bands;
        if (laid != u / d->n_blocks)
            first = R(lay_band)(d, x + image * d->h * d->w * d->ci, i0, i1, rows);
        laid = u / d->n_blocks;
        int64_t channel = block * R(block_channels);
        R(direct_rows)
        (d, rows, first, filters, y + (image * d->oh + i0) * d->ow * d->co + channel, d->co, i0, i1,
         block, min_i64(R(block_channels), d->co - channel));
    }
}

/* The same with what stands behind the convolution: bands are of pooled rows, and a few rows at a
 * time are computed into scratch and pooled from there. */
static void R(block_units)(const struct direct *d, const struct kernel_call *c, int64_t begin,
                           int64_t end, REAL *rows) {
    enum { N = R(block_channels) };
    const struct conv_epilogue *e = &d->epilogue;
    int64_t laid = -1, first = 0;
    REAL *results = rows + d->scratch_elements;
    for (int64_t u = begin; u < end; u++) {
        int64_t block = u % d->n_blocks, band = u / d->n_blocks % d->n_bands,
                image = u / d->n_blocks / d->n_bands;
        struct conv_band b;
        conv_band_open(e, band * e->pool.oh / d->n_bands, (band + 1) * e->pool.oh / d->n_bands, &b);
        if (laid != u / d->n_blocks)
            first = R(lay_band)(d, (const REAL *)c->in[0].data + image * d->h * d->w * d->ci, b.low,
                                b.stop, rows);
        laid = u / d->n_blocks;
        int64_t channels = min_i64(N, d->co - block * N);
        struct conv_target to = conv_block_target(c, image, block * N, channels, REAL_BYTES);
        while (conv_band_is_open(&b)) {
            int64_t n = min_i64(d->step, b.stop - b.high);
            R(direct_rows)
            (d, rows, first, c->shared, results + conv_band_filled(e, &b, N), N, b.high, b.high + n,
             block, channels > R(N_LANES) ? N : R(N_LANES));
            R(conv_band_push)(e, &b, n, results, N, &to);
        }
    }
}

/* Packs filter units [begin, end), each one row of taps of one block: [block][ky][kx][ci][two
 * vectors]. turned: the filter of the gradient with respect to the image, turned by half a turn,
 * its channels exchanged. */
static void R(pack_filters)(const struct direct *d, const REAL *filter, REAL *packed, int64_t begin,
                            int64_t end) {
    enum { N = R(block_channels) };
    for (int64_t u = begin; u < end; u++) {
        int64_t block = u / d->kh, ky = u % d->kh, n = min_i64(N, d->co - block * N);
        REAL *to = packed + u * d->kw * d->ci * N;
        for (int64_t kx = 0; kx < d->kw; kx++)
            for (int64_t c = 0; c < d->ci; c++, to += N) {
                int64_t tap =
                    d->turned ? (d->kh - 1 - ky) * d->kw + d->kw - 1 - kx : ky * d->kw + kx;
                const REAL *from = d->turned ? filter + (tap * d->co + block * N) * d->ci + c
                                             : filter + (tap * d->ci + c) * d->co + block * N;
                int64_t step = d->turned ? d->ci : 1;
                for (int64_t o = 0; o < N; o++)
                    to[o] = o < n ? from[o * step] : 0;
            }
    }
}

/* sums[rows][two vectors] += x[position][rows]' dy[position][two vectors] over output rows [i0, i1)
 * and columns [j0, j1). x: the element of the first row at (i0, j0); dy likewise. */
ALWAYS_INLINE void R(outer)(const int rows, const int vectors, const struct direct_filter *d,
                            const REAL *x, const REAL *dy, int64_t n_rows, int64_t n_columns,
                            REAL *sums) {
    R(vector) left[N_TILE_ROWS], right[N_TILE_ROWS];
    UNROLL(14)
    for (int r = 0; r < rows; r++) {
        left[r] = R(load)(sums + r * R(block_channels));
        if (vectors == 2)
            right[r] = R(load)(sums + r * R(block_channels) + R(N_LANES));
    }
    for (int64_t i = 0; i < n_rows; i++, x += d->x_row, dy += d->ow * R(block_channels)) {
        const REAL *a = x, *b = dy;
        for (int64_t j = 0; j < n_columns; j++, a += d->x_step, b += R(block_channels)) {
            R(vector) b0 = R(load)(b), b1 = b0;
            if (vectors == 2)
                b1 = R(load)(b + R(N_LANES));
            UNROLL(14)
            for (int r = 0; r < rows; r++) {
                left[r] += a[r] * b0;
                if (vectors == 2)
                    right[r] += a[r] * b1;
            }
        }
    }
    UNROLL(14)
    for (int r = 0; r < rows; r++) {
        R(store)(sums + r * R(block_channels), left[r]);
        if (vectors == 2)
            R(store)(sums + r * R(block_channels) + R(N_LANES), right[r]);
    }
}

static void R(outer_any)(int rows, bool narrow, const struct direct_filter *d, const REAL *x,
                         const REAL *dy, int64_t n_rows, int64_t n_columns, REAL *sums) {
#define OUTER_CASE(n)                                                                              \
    case n:                                                                                        \
        R(outer)(n, 2, d, x, dy, n_rows, n_columns, sums);                                         \
        break;                                                                                     \
    case n + 32:                                                                                   \
        R(outer)(n, 1, d, x, dy, n_rows, n_columns, sums);                                         \
        break;
    switch (rows + (narrow ? 32 : 0)) { FOR_EACH_TILE_HEIGHT(OUTER_CASE) }
#undef OUTER_CASE
}

/* dy[oh,ow,o] as [block][oh][ow][two vectors], zero where there is no channel. */
static void R(lay_result)(const struct direct_filter *d, const REAL *dy, REAL *to) {
    enum { N = R(block_channels) };
    int64_t o = d->base.g.o, n = d->base.g.oh * d->ow;
    for (int64_t block = 0; block < d->n_blocks; block++) {
        int64_t channels = min_i64(N, o - block * N);
        if (channels < N)
            memset(to, 0, (size_t)(n * N) * sizeof(REAL));
        for (int64_t i = 0; i < n; i++, to += N) {
            if (channels == N)
                memcpy(to, dy + i * o + block * N, N * sizeof(REAL));
            else
                memcpy(to, dy + i * o + block * N, (size_t)channels * sizeof(REAL));
        }
    }
}

/* The image with zeros where its rows are padded, so that a block may span taps:
 * [h][padded_columns][c]. */
static void R(pad_columns)(const struct direct_filter *d, const REAL *image, REAL *to) {
    const struct window *g = &d->base.g;
    int64_t n = min_i64(g->w, d->padded_columns - g->left);
    memset(to, 0, (size_t)(g->h * d->padded_columns * g->c) * sizeof(REAL));
    for (int64_t y = 0; y < g->h; y++)
        memcpy(to + (y * d->padded_columns + g->left) * g->c, image + y * g->w * g->c,
               (size_t)(n * g->c) * sizeof(REAL));
}

/* Adds one image's share to sums[ky - k0][block][kw * c][two vectors] for tap rows [k0, k1). */
static void R(add_image)(const struct direct_filter *d, const REAL *image, const REAL *dy,
                         int64_t k0, int64_t k1, REAL *sums) {
    const struct window *g = &d->base.g;
    enum { N = R(block_channels) };
    for (int64_t ky = k0; ky < k1; ky++) {
        int64_t i0, i1;
        window_positions(ky * g->dh, g->sh, g->top, g->h, g->oh, &i0, &i1);
        const REAL *row = image + (i0 * g->sh - g->top + ky * g->dh) * d->x_row / g->sh;
        for (int64_t block = 0; block < d->n_blocks; block++)
            for (int64_t t = 0; t < d->n_tiles; t++) {
                const struct filter_tile *tile = &d->tiles[t];
                R(outer_any)
                (tile->rows, g->o - block * N <= R(N_LANES), d, row + tile->x,
                 dy + ((block * g->oh + i0) * g->ow + tile->j0) * N, i1 - i0, tile->j1 - tile->j0,
                 sums + (((ky - k0) * d->n_blocks + block) * g->kw * g->c + tile->first) * N);
            }
    }
}

static void R(filter_units)(const struct direct_filter *d, const REAL *x, const REAL *dy,
                            REAL *partial, int64_t begin, int64_t end, REAL *scratch) {
    const struct window *g = &d->base.g;
    int64_t tap_row = d->n_blocks * g->kw * g->c * R(block_channels);
    REAL *result = scratch, *padded = scratch + d->result_elements;
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u / d->n_splits, split = u % d->n_splits;
        int64_t k0 = split * g->kh / d->n_splits, k1 = (split + 1) * g->kh / d->n_splits;
        REAL *sums = partial + (group * g->kh + k0) * tap_row;
        memset(sums, 0, (size_t)((k1 - k0) * tap_row) * sizeof(REAL));
        for (int64_t i = group * g->n / d->n_groups; i < (group + 1) * g->n / d->n_groups; i++) {
            const REAL *image = x + i * g->h * g->w * g->c;
            R(lay_result)(d, dy + i * g->oh * g->ow * g->o, result);
            if (d->padded) {
                R(pad_columns)(d, image, padded);
                image = padded;
            }
            R(add_image)(d, image, result, k0, k1, sums);
        }
    }
}

/* Taps' rows [begin, end) of the filter: the groups' sums added in order, from blocks of channels
 * to [kh,kw,c,o]. */
static void R(add_groups)(const struct direct_filter *d, const REAL *partial, REAL *out,
                          int64_t begin, int64_t end) {
    const struct window *g = &d->base.g;
    enum { N = R(block_channels) };
    int64_t tap_row = d->n_blocks * g->kw * g->c * N;
    for (int64_t u = begin; u < end; u++) {
        int64_t ky = u / (g->kw * g->c), row = u % (g->kw * g->c);
        for (int64_t block = 0; block < d->n_blocks; block++) {
            const REAL *from = partial + ky * tap_row + (block * g->kw * g->c + row) * N;
            R(vector) left = R(load)(from), right = R(load)(from + R(N_LANES));
            for (int64_t group = 1; group < d->n_groups; group++) {
                left += R(load)(from + group * g->kh * tap_row);
                right += R(load)(from + group * g->kh * tap_row + R(N_LANES));
            }
            REAL sum[N];
            R(store)(sum, left);
            R(store)(sum + R(N_LANES), right);
            memcpy(out + u * g->o + block * N, sum,
                   (size_t)min_i64(N, g->o - block * N) * sizeof(REAL));
        }
    }
}
