/* The image's gradient for one element type; included once for each, with REAL, REAL_BYTES and
 * R(name) defined. */
#include "ops/conv_sparse_loops.h"
#include "ops/vector_transpose.h"

/* The filter as [block][o][vectors], a vector the rows of the filter that a vector of the laid
 * image meets. Units: pairs (block, vector). */
static void R(turn_filter)(const struct sparse *s, const REAL *filter, REAL *to, int64_t begin,
                           int64_t end) {
    enum { L = R(N_LANES) };
    const struct window *g = &s->base.g;
    for (int64_t u = begin; u < end; u++) {
        int64_t block = u / s->n_vectors, v = u % s->n_vectors;
        int64_t row = s->unrolled ? v * L : v * g->c + block * L;
        int64_t n = min_i64(L, s->unrolled ? g->kh * g->kw * g->c - row : g->c - block * L);
        for (int64_t o = 0; o < g->o; o += L) {
            REAL rows[L * L] = {0}, turned[L * L];
            int64_t channels = min_i64(L, g->o - o);
            for (int64_t k = 0; k < n; k++)
                memcpy(rows + k * L, filter + (row + k) * g->o + o,
                       (size_t)channels * sizeof(REAL));
            R(transpose)(turned, L, rows, L, L);
            for (int64_t k = 0; k < channels; k++)
                R(store)
            (to + ((block * g->o + o + k) * s->n_vectors + v) * L, R(load)(turned + k * L));
        }
    }
}

/* What each of n positions sees += value * a tile of one output channel's filter. */
ALWAYS_INLINE void R(scatter_tile)(const int rows, const int columns, int64_t n, const int32_t *at,
                                   const REAL *value, REAL *laid, int64_t laid_row,
                                   const REAL *filter, int64_t filter_row) {
    enum { L = R(N_LANES) };
    R(vector) tap[MAX_TILE];
    UNROLL(32)
    for (int q = 0; q < rows * columns; q++)
        tap[q] = R(load)(filter + q / columns * filter_row + q % columns * L);
    for (int64_t e = 0; e < n; e++) {
        REAL *to = laid + at[e], v = value[e];
        UNROLL(8)
        for (int r = 0; r < rows; r++, to += laid_row) {
            UNROLL(8)
            for (int c = 0; c < columns; c++)
                R(store)(to + c * L, R(load)(to + c * L) + v * tap[r * columns + c]);
        }
    }
}

static void R(scatter_any)(const struct tap_tile *t, int64_t n, const int32_t *at,
                           const REAL *value, REAL *laid, const REAL *filter) {
    laid += t->laid;
    filter += t->taps;
#define SCATTER_CASE(r, c)                                                                         \
    case 8 * r + c:                                                                                \
        R(scatter_tile)(r, c, n, at, value, laid, t->laid_row, filter, t->taps_row);               \
        break;
    switch (8 * t->rows + t->columns) { FOR_EACH_TAP_TILE(SCATTER_CASE) }
#undef SCATTER_CASE
}

/* Adds one vector of channels of columns [x, x + n * dw) by dw to a row of the image. */
static void R(add_row)(const struct window *g, const REAL *from, int64_t x, int64_t n,
                       int64_t block, REAL *row) {
    enum { L = R(N_LANES) };
    int64_t channels = min_i64(L, g->c - block * L);
    for (int64_t q = 0; q < n; q++, x += g->dw, from += L) {
        REAL *to = row + x * g->c + block * L;
        if (x < 0 || x >= g->w)
            continue;
        if (channels == L)
            R(store)(to, R(load)(to) + R(load)(from));
        else
            for (int64_t c = 0; c < channels; c++)
                to[c] += from[c];
    }
}

static void R(add_blocks)(const struct sparse *s, const struct region *r, int64_t b0, int64_t b1,
                          const REAL *laid, REAL *dx) {
    const struct window *g = &s->base.g;
    for (int64_t m = r->m0; m < r->m1; m++)
        for (int64_t i = 0; i < s->laid_rows; i++) {
            int64_t y = R(first_row)(s, r) + i;
            if (y < 0 || y >= g->h)
                continue;
            REAL *row = dx + (m * g->h + y) * g->w * g->c;
            const REAL *from = laid + (m - r->m0) * s->laid_image + i * s->laid_row;
            for (int64_t block = b0; block < b1; block++, from += s->block)
                for (int64_t phase = 0; phase < g->dw; phase++)
                    R(add_row)
            (g, from + phase * s->phase_columns * R(N_LANES), R(first_column)(s, r) + phase,
             s->phase_columns, block, row);
        }
}

/* Adds what one position sees, kh * kw * c elements, to the image. */
static void R(roll_position)(const struct window *g, const REAL *from, int64_t y, int64_t x,
                             REAL *image) {
    for (int64_t ky = 0; ky < g->kh; ky++, y += g->dh, from += g->kw * g->c) {
        if (y < 0 || y >= g->h)
            continue;
        REAL *to = image + (y * g->w + x) * g->c;
        if (g->dw == 1 && x >= 0 && x + g->kw <= g->w) {
            for (int64_t k = 0; k < g->kw * g->c; k++)
                to[k] += from[k];
            continue;
        }
        for (int64_t kx = 0; kx < g->kw; kx++)
            for (int64_t c = 0; c < g->c && x + kx * g->dw >= 0 && x + kx * g->dw < g->w; c++)
                to[kx * g->dw * g->c + c] += from[kx * g->c + c];
    }
}

static void R(add_unrolled)(const struct sparse *s, const struct region *r, const REAL *laid,
                            REAL *dx) {
    const struct window *g = &s->base.g;
    for (int64_t m = r->m0; m < r->m1; m++)
        for (int64_t i = 0; i < s->laid_rows; i++)
            for (int64_t j = 0; j < s->laid_columns; j++, laid += s->conv_column)
                R(roll_position)
    (g, laid, R(first_row)(s, r) + i * g->sh, R(first_column)(s, r) + j * g->sw,
     dx + m * g->h * g->w * g->c);
}

/* Zeros in the channels of blocks [b0, b1) of images [m0, m1). */
static void R(clear)(const struct sparse *s, int64_t m0, int64_t m1, int64_t b0, int64_t b1,
                     REAL *dx) {
    const struct window *g = &s->base.g;
    int64_t c0 = b0 * R(N_LANES), c1 = s->unrolled ? g->c : min_i64(g->c, b1 * R(N_LANES));
    if (c1 - c0 == g->c)
        memset(dx + m0 * g->h * g->w * g->c, 0,
               (size_t)((m1 - m0) * g->h * g->w * g->c) * sizeof(REAL));
    else
        for (int64_t i = m0 * g->h * g->w; i < m1 * g->h * g->w; i++)
            memset(dx + i * g->c + c0, 0, (size_t)(c1 - c0) * sizeof(REAL));
}

/* Units: (group of images, share of the blocks of channels). */
static void R(input_units)(const struct sparse *s, const REAL *dk, const uint8_t *winner,
                           const REAL *filter, REAL *dx, int64_t begin, int64_t end,
                           char *scratch) {
    const struct window *g = &s->base.g;
    int64_t vectors = s->n_vectors * R(N_LANES);
    int64_t laid_bytes = ceil_div(s->n_blocks, s->n_splits) * s->block * (int64_t)sizeof(REAL);
    REAL *laid = (REAL *)scratch;
    struct R(lists) l = R(lists_in)(s, g->o, scratch + laid_bytes);
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u / s->n_splits, split = u % s->n_splits;
        int64_t b0 = split * s->n_blocks / s->n_splits,
                b1 = (split + 1) * s->n_blocks / s->n_splits;
        int64_t m0 = group * g->n / s->n_groups, m1 = (group + 1) * g->n / s->n_groups;
        struct region r = {0};
        R(clear)(s, m0, m1, b0, b1, dx);
        while (R(next_region)(s, m0, m1, &r)) {
            memset(laid, 0, (size_t)((b1 - b0) * s->block) * sizeof(REAL));
            R(list_winners)(s, &r, dk, winner, 0, g->o, &l);
            for (int64_t block = b0; block < b1; block++)
                for (int64_t o = 0; o < g->o; o++)
                    for (int t = 0; l.n[o] && t < s->n_tiles; t++)
                        R(scatter_any)
            (&s->tiles[t], l.n[o], l.at + o * l.most, l.value + o * l.most,
             laid + (block - b0) * s->block, filter + (block * g->o + o) * vectors);
            if (s->unrolled)
                R(add_unrolled)(s, &r, laid, dx);
            else
                R(add_blocks)(s, &r, b0, b1, laid, dx);
        }
    }
}
