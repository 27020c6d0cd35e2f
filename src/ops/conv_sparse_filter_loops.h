/* The filter's gradient for one element type; included once for each, with REAL, REAL_BYTES and
 * R(name) defined. */
#include "ops/conv_sparse_loops.h"
#include "ops/vector_transpose.h"

/* One vector of channels of a row of the image, columns [x, x + n * dw) by dw; those outside are
 * zero. */
static void R(lay_row)(const struct window *g, const REAL *row, int64_t x, int64_t n, int64_t block,
                       REAL *to) {
    enum { L = R(N_LANES) };
    int64_t channels = min_i64(L, g->c - block * L);
    for (int64_t q = 0; q < n; q++, x += g->dw, to += L) {
        if (x < 0 || x >= g->w) {
            R(store)(to, (R(vector)){0});
        } else if (channels == L) {
            R(store)(to, R(load)(row + x * g->c + block * L));
        } else {
            R(store)(to, (R(vector)){0});
            memcpy(to, row + x * g->c + block * L, (size_t)channels * sizeof(REAL));
        }
    }
}

static void R(lay_blocks)(const struct sparse *s, const struct region *r, const REAL *x, REAL *to) {
    const struct window *g = &s->base.g;
    for (int64_t block = 0; block < s->n_blocks; block++)
        for (int64_t m = r->m0; m < r->m1; m++)
            for (int64_t i = 0; i < s->laid_rows; i++) {
                int64_t y = R(first_row)(s, r) + i;
                REAL *row = to + block * s->block + (m - r->m0) * s->laid_image + i * s->laid_row;
                if (y < 0 || y >= g->h) {
                    memset(row, 0, (size_t)s->laid_row * sizeof(REAL));
                    continue;
                }
                for (int64_t phase = 0; phase < g->dw; phase++)
                    R(lay_row)
                (g, x + (m * g->h + y) * g->w * g->c, R(first_column)(s, r) + phase,
                 s->phase_columns, block, row + phase * s->phase_columns * R(N_LANES));
            }
}

/* The part of one image that a region sees, with zeros around it: [rows][columns][c]. */
static void R(pad_image)(const struct sparse *s, const struct region *r, const REAL *image,
                         REAL *to) {
    const struct window *g = &s->base.g;
    int64_t first = R(first_column)(s, r), n = s->padded_columns;
    int64_t x0 = min_i64(n, max_i64(0, -first)), x1 = max_i64(x0, min_i64(n, g->w - first));
    for (int64_t i = 0; i < s->padded_rows; i++, to += n * g->c) {
        int64_t y = R(first_row)(s, r) + i;
        bool inside = y >= 0 && y < g->h && x1 > x0;
        memset(to, 0, (size_t)((inside ? x0 : n) * g->c) * sizeof(REAL));
        if (!inside)
            continue;
        memcpy(to + x0 * g->c, image + (y * g->w + first + x0) * g->c,
               (size_t)((x1 - x0) * g->c) * sizeof(REAL));
        memset(to + x1 * g->c, 0, (size_t)((n - x1) * g->c) * sizeof(REAL));
    }
}

/* The image by what positions see, in whole vectors: too much of one is written over by the next,
 * or lies where no tap is. */
static void R(lay_unrolled)(const struct sparse *s, const struct region *r, const REAL *x, REAL *to,
                            REAL *padded) {
    const struct window *g = &s->base.g;
    for (int64_t m = r->m0; m < r->m1; m++) {
        R(pad_image)(s, r, x + m * g->h * g->w * g->c, padded);
        for (int64_t i = 0; i < s->laid_rows; i++) {
            const REAL *from = padded + i * g->sh * s->padded_columns * g->c;
            for (int64_t j = 0; j < s->laid_columns;
                 j++, to += s->conv_column, from += g->sw * g->c)
                for (int64_t k = 0; k < s->n_copies; k++)
                    R(store)(to + s->copies[k].to, R(load)(from + s->copies[k].from));
        }
    }
}

/* sum += value * what one position sees, a tile of it. The pointer goes from row to row so that the
 * compiler makes constants of what is within a row. */
ALWAYS_INLINE void R(gather_one)(const int rows, const int columns, REAL value, const REAL *from,
                                 int64_t laid_row, R(vector) * sum) {
    UNROLL(8)
    for (int r = 0; r < rows; r++, from += laid_row) {
        UNROLL(8)
        for (int c = 0; c < columns; c++)
            sum[r * columns + c] += value * R(load)(from + c * R(N_LANES));
    }
}

/* sums += value * what each of n positions sees, a tile of it; few sums: kept several times, so
 * that they need not wait for each other. */
ALWAYS_INLINE void R(gather_tile)(const int rows, const int columns, const int sets, int64_t n,
                                  const int32_t *at, const REAL *value, const REAL *laid,
                                  int64_t laid_row, REAL *sums, int64_t sums_row) {
    enum { L = R(N_LANES) };
    R(vector) sum[32];
    UNROLL(32)
    for (int q = 0; q < rows * columns; q++)
        sum[q] = R(load)(sums + q / columns * sums_row + q % columns * L);
    UNROLL(32)
    for (int q = rows * columns; q < sets * rows * columns; q++)
        sum[q] = (R(vector)){0};
    int64_t e = 0;
    for (; e + sets <= n; e += sets) {
        UNROLL(8)
        for (int k = 0; k < sets; k++)
            R(gather_one)
        (rows, columns, value[e + k], laid + at[e + k], laid_row, sum + k * rows * columns);
    }
    for (; sets > 1 && e < n; e++)
        R(gather_one)(rows, columns, value[e], laid + at[e], laid_row, sum);
    UNROLL(32)
    for (int q = rows * columns; q < sets * rows * columns; q++)
        sum[q % (rows * columns)] += sum[q];
    UNROLL(32)
    for (int q = 0; q < rows * columns; q++)
        R(store)(sums + q / columns * sums_row + q % columns * L, sum[q]);
}

static void R(gather_any)(const struct tap_tile *t, int64_t n, const int32_t *at, const REAL *value,
                          const REAL *laid, REAL *sums) {
    laid += t->laid;
    sums += t->taps;
#define GATHER_CASE(r, c)                                                                          \
    case 8 * r + c:                                                                                \
        R(gather_tile)                                                                             \
        (r, c,                                                                                     \
         r * c >= 8   ? 1                                                                          \
         : r * c >= 4 ? 2                                                                          \
                      : 4,                                                                         \
         n, at, value, laid, t->laid_row, sums, t->taps_row);                                      \
        break;
    switch (8 * t->rows + t->columns) { FOR_EACH_TAP_TILE(GATHER_CASE) }
#undef GATHER_CASE
}

/* Units: (group of images, share of the output channels). partial: [group][o][block][vectors]. */
static void R(filter_units)(const struct sparse *s, const REAL *x, const REAL *dk,
                            const uint8_t *winner, REAL *partial, int64_t begin, int64_t end,
                            char *scratch) {
    const struct window *g = &s->base.g;
    int64_t vectors = s->n_vectors * R(N_LANES), sums = s->n_blocks * vectors;
    REAL *laid = (REAL *)scratch, *padded = laid + s->n_blocks * s->block + R(N_LANES);
    struct R(lists) l = R(lists_in)(s, ceil_div(g->o, s->n_splits), (char *)(padded + s->padded));
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u / s->n_splits, split = u % s->n_splits;
        int64_t o0 = split * g->o / s->n_splits, o1 = (split + 1) * g->o / s->n_splits;
        REAL *to = partial + (group * g->o + o0) * sums;
        memset(to, 0, (size_t)((o1 - o0) * sums) * sizeof(REAL));
        struct region r = {0};
        int64_t m0 = group * g->n / s->n_groups, m1 = (group + 1) * g->n / s->n_groups;
        while (R(next_region)(s, m0, m1, &r)) {
            if (s->unrolled)
                R(lay_unrolled)(s, &r, x, laid, padded);
            else
                R(lay_blocks)(s, &r, x, laid);
            R(list_winners)(s, &r, dk, winner, o0, o1, &l);
            for (int64_t block = 0; block < s->n_blocks; block++)
                for (int64_t o = 0; o < o1 - o0; o++)
                    for (int t = 0; l.n[o] && t < s->n_tiles; t++)
                        R(gather_any)
            (&s->tiles[t], l.n[o], l.at + o * l.most, l.value + o * l.most, laid + block * s->block,
             to + o * sums + block * vectors);
        }
    }
}

/* Vectors [begin, end) of [block][vectors]: the groups' sums for all output channels added in
 * order, from vectors of rows of the filter to [kh,kw,c,o]. */
static void R(filter_add)(const struct sparse *s, const REAL *partial, REAL *out, int64_t begin,
                          int64_t end) {
    enum { L = R(N_LANES) };
    const struct window *g = &s->base.g;
    int64_t o_step = s->n_blocks * s->n_vectors * L;
    for (int64_t u = begin; u < end; u++) {
        int64_t block = u / s->n_vectors, v = u % s->n_vectors;
        int64_t row = s->unrolled ? v * L : v * g->c + block * L;
        int64_t n =
            s->unrolled ? min_i64(L, g->kh * g->kw * g->c - row) : min_i64(L, g->c - block * L);
        for (int64_t o = 0; o < g->o; o += L) {
            REAL sum[L * L] __attribute__((aligned(VECTOR_BYTES))), turned[L * L];
            int64_t channels = min_i64(L, g->o - o);
            for (int64_t k = 0; k < channels; k++) {
                const REAL *from = partial + (o + k) * o_step + u * L;
                R(vector) t = R(load)(from);
                for (int64_t group = 1; group < s->n_groups; group++)
                    t += R(load)(from + group * g->o * o_step);
                R(store)(sum + k * L, t);
            }
            R(transpose)(turned, L, sum, L, channels);
            for (int64_t k = 0; k < n; k++)
                memcpy(out + (row + k) * g->o + o, turned + k * L, (size_t)channels * sizeof(REAL));
        }
    }
}
