/* The filter's gradient by masks for one element type; included once for each, with REAL, WHOLE (a
 * signed whole number of as many bits) and R(name) defined. */

typedef WHOLE R(wholes) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t R(bytes) __attribute__((vector_size(R(N_LANES))));

ALWAYS_INLINE R(vector) R(load)(const REAL *p) { return *(const R(loose) *)p; }
ALWAYS_INLINE void R(store)(REAL *p, R(vector) v) { *(R(loose) *)p = v; }

/* What windows [i0, i1) of rows see of an image, with zeros around it: [rows][columns][c]. */
static void R(pad_band)(const struct masked *p, const REAL *image, int64_t i0, int64_t i1,
                        REAL *to) {
    const struct window *g = &p->base.g;
    int64_t first_row = (i0 * p->pool.sh - p->pool.top) * g->sh - g->top;
    int64_t first = -p->pool.left * g->sw - g->left, n = p->columns;
    int64_t x0 = min_i64(n, max_i64(0, -first)), x1 = max_i64(x0, min_i64(n, g->w - first));
    int64_t n_rows = p->band_rows - (p->windows - (i1 - i0)) * p->pool.sh * g->sh;
    for (int64_t i = 0; i < n_rows; i++, to += n * g->c) {
        int64_t y = first_row + i;
        bool inside = y >= 0 && y < g->h && x1 > x0;
        memset(to, 0, (size_t)((inside ? x0 : n) * g->c) * sizeof(REAL));
        if (!inside)
            continue;
        memcpy(to + x0 * g->c, image + (y * g->w + first + x0) * g->c,
               (size_t)((x1 - x0) * g->c) * sizeof(REAL));
        memset(to + x1 * g->c, 0, (size_t)((n - x1) * g->c) * sizeof(REAL));
    }
}

/* dk of one window's block of channels, and where they were won; there are n of them, the others
 * get nothing. */
ALWAYS_INLINE R(vector)
    R(take)(const REAL *dk, const uint8_t *winner, int64_t n, R(wholes) * places) {
    R(bytes) w = {0};
    R(vector) v = {0};
    if (n == R(N_LANES)) {
        memcpy(&w, winner, R(N_LANES));
        v = R(load)(dk);
    } else {
        memcpy(&w, winner, (size_t)n);
        memcpy(&v, dk, (size_t)n * sizeof(REAL));
    }
    *places = __builtin_convertvector(w, R(wholes));
    return v;
}

/* sums += a tile of taps times what the windows of a band give one block of channels. band: what
 * the first window sees of the tile. */
ALWAYS_INLINE void R(masked_tile)(const int rows, const int columns, const struct masked *p,
                                  int64_t n_rows, const REAL *band, const REAL *dk,
                                  const uint8_t *winner, int64_t channels, REAL *sums,
                                  int64_t sums_row) {
    enum { L = R(N_LANES) };
    int64_t laid_row = p->base.g.dh * p->columns * p->base.g.c;
    R(vector) sum[MAX_TILE];
    UNROLL(32)
    for (int q = 0; q < rows * columns; q++)
        sum[q] = R(load)(sums + q / columns * sums_row + q % columns * L);
    for (int64_t i = 0; i < n_rows; i++, band += p->window_row) {
        const REAL *seen = band;
        for (int64_t j = 0; j < p->pool.ow; j++, seen += p->window_column) {
            R(wholes) places;
            R(vector) v = R(take)(dk, winner, channels, &places);
            for (int k = 0; k < p->n_places; k++) {
                R(vector) given = (R(vector))((R(wholes))v & (places == (WHOLE)k));
                const REAL *x = seen + p->place[k];
                UNROLL(8)
                for (int r = 0; r < rows; r++, x += laid_row) {
                    UNROLL(8)
                    for (int c = 0; c < columns; c++)
                        sum[r * columns + c] += x[c] * given;
                }
            }
            dk += p->pool.c;
            winner += p->pool.c;
        }
    }
    UNROLL(32)
    for (int q = 0; q < rows * columns; q++)
        R(store)(sums + q / columns * sums_row + q % columns * L, sum[q]);
}

static void R(masked_any)(const struct tap_tile *t, const struct masked *p, int64_t n_rows,
                          const REAL *band, const REAL *dk, const uint8_t *winner, int64_t channels,
                          REAL *sums) {
#define MASKED_CASE(r, c)                                                                          \
    case 8 * r + c:                                                                                \
        R(masked_tile)                                                                             \
        (r, c, p, n_rows, band + t->laid, dk, winner, channels, sums + t->taps, t->taps_row);      \
        break;
    switch (8 * t->rows + t->columns) { FOR_EACH_TAP_TILE(MASKED_CASE) }
#undef MASKED_CASE
}

/* Units: (group of images, share of the blocks). partial: [group][block][kh * kw * c][vector]. */
static void R(masked_units)(const struct masked *p, const REAL *x, const REAL *dk,
                            const uint8_t *winner, REAL *partial, int64_t begin, int64_t end,
                            REAL *band) {
    enum { L = R(N_LANES) };
    const struct window *g = &p->base.g;
    int64_t sums = g->kh * g->kw * g->c * L, pooled = p->pool.oh * p->pool.ow * g->o;
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u / p->n_splits, split = u % p->n_splits;
        int64_t b0 = split * p->n_blocks / p->n_splits,
                b1 = (split + 1) * p->n_blocks / p->n_splits;
        REAL *to = partial + group * p->n_blocks * sums;
        memset(to + b0 * sums, 0, (size_t)((b1 - b0) * sums) * sizeof(REAL));
        for (int64_t m = group * g->n / p->n_groups; m < (group + 1) * g->n / p->n_groups; m++)
            for (int64_t i = 0; i < p->pool.oh; i += p->windows) {
                int64_t n = min_i64(p->windows, p->pool.oh - i);
                R(pad_band)(p, x + m * g->h * g->w * g->c, i, i + n, band);
                for (int64_t block = b0; block < b1; block++)
                    for (int t = 0; t < p->n_tiles; t++) {
                        int64_t at = m * pooled + i * p->pool.ow * g->o + block * L;
                        R(masked_any)
                        (&p->tiles[t], p, n, band, dk + at, winner + at,
                         min_i64(L, g->o - block * L), to + block * sums);
                    }
            }
    }
}

/* Rows [begin, end) of the filter, of kh * kw * c: the groups' sums added in order. */
static void R(masked_add)(const struct masked *p, const REAL *partial, REAL *out, int64_t begin,
                          int64_t end) {
    enum { L = R(N_LANES) };
    const struct window *g = &p->base.g;
    int64_t sums = g->kh * g->kw * g->c * L;
    for (int64_t row = begin; row < end; row++)
        for (int64_t block = 0; block < p->n_blocks; block++) {
            const REAL *from = partial + block * sums + row * L;
            R(vector) sum = R(load)(from);
            for (int64_t group = 1; group < p->n_groups; group++)
                sum += R(load)(from + group * p->n_blocks * sums);
            memcpy(out + row * g->o + block * L, &sum,
                   (size_t)min_i64(L, g->o - block * L) * sizeof(REAL));
        }
}
