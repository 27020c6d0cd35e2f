/* The packed matrix product for one element type; included once for each, with REAL and R(name)
 * defined.
 *
 * Method (Goto & van de Geijn 2008): both operands are copied into panels in the order in which a
 * register tile reads them: a as [k][rows of a tile], b as [k][two vectors]. The smaller operand is
 * packed whole, once; the product is then cut along the other one's panels. What a panel's elements
 * are does not depend on which panels are computed together: each is the sum over k in ascending
 * order, in blocks of k_block. */
#include "ops/vector_transpose.h"

enum { R(tile_columns) = 2 * R(N_LANES), R(k_block) = 1024 / sizeof(REAL) };

ALWAYS_INLINE R(vector) R(load)(const REAL *p) { return *(const R(loose) *)p; }
ALWAYS_INLINE void R(store)(REAL *p, R(vector) v) { *(R(loose) *)p = v; }

/* Bytes that a tile asks for while it computes, so that they are near when their turn comes: one
 * line each `every` steps of k, at from + at[0], from + at[1], .. Asking faster than memory answers
 * would fill the few buffers that the tile's own loads need. */
struct R(ahead) {
    const char *from;
    const int64_t *at;
    int64_t every;
};

/* c[rows, vectors] (+)= a[k, rows] b[k, two vectors], of which only the first counts when vectors
 * is 1. from[rows, two vectors]: what the sums begin with, or NULL; it may be c. rows and vectors
 * are literals at each use, so c stays in registers; so is whether there is an `ahead`. */
ALWAYS_INLINE void R(tile)(const int rows, const int vectors, int64_t k, const REAL *restrict a,
                           const REAL *restrict b, const REAL *from, REAL *c, int64_t c_row,
                           bool add, const struct R(ahead) *ahead) {
    R(vector) left[N_TILE_ROWS], right[N_TILE_ROWS];
    UNROLL(14)
    for (int r = 0; r < rows; r++) {
        left[r] = from ? R(load)(from + r * R(tile_columns)) : (R(vector)){0};
        if (vectors == 2)
            right[r] = from ? R(load)(from + r * R(tile_columns) + R(N_LANES)) : (R(vector)){0};
    }
    const int64_t *at = ahead ? ahead->at : NULL;
    for (int64_t i = 0; i < k;) {
        int64_t stop = k;
        if (ahead) {
            __builtin_prefetch(ahead->from + *at++, 0, 2);
            stop = min_i64(k, i + ahead->every);
        }
        for (; i < stop; i++) {
            R(vector) b0 = R(load)(b), b1 = b0;
            if (vectors == 2)
                b1 = R(load)(b + R(N_LANES));
            UNROLL(14)
            for (int r = 0; r < rows; r++) {
                left[r] += a[r] * b0;
                if (vectors == 2)
                    right[r] += a[r] * b1;
            }
            a += rows;
            b += R(tile_columns);
        }
    }
    UNROLL(14)
    for (int r = 0; r < rows; r++) {
        REAL *to = c + r * c_row;
        R(store)(to, add ? left[r] + R(load)(to) : left[r]);
        if (vectors == 2)
            R(store)(to + R(N_LANES), add ? right[r] + R(load)(to + R(N_LANES)) : right[r]);
    }
}

static void R(tile_any)(int rows, int vectors, int64_t k, const REAL *a, const REAL *b, REAL *c,
                        int64_t c_row, bool add) {
#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        R(tile)(n, 2, k, a, b, NULL, c, c_row, add, NULL);                                         \
        break;                                                                                     \
    case n + 32:                                                                                   \
        R(tile)(n, 1, k, a, b, NULL, c, c_row, add, NULL);                                         \
        break;
    switch (rows + (vectors == 1 ? 32 : 0)) { FOR_EACH_TILE_HEIGHT(TILE_CASE) }
#undef TILE_CASE
}

/* The same for the last columns: only `columns` of the two vectors exist in c. */
static void R(tile_edge)(int rows, int64_t columns, int64_t k, const REAL *a, const REAL *b,
                         REAL *c, int64_t c_row, bool add) {
    REAL whole[N_TILE_ROWS * R(tile_columns)];
    R(tile_any)(rows, columns <= R(N_LANES) ? 1 : 2, k, a, b, whole, R(tile_columns), false);
    for (int r = 0; r < rows && r < N_TILE_ROWS; r++)
        for (int64_t j = 0; j < columns && j < R(tile_columns); j++) {
            REAL v = whole[r * R(tile_columns) + j];
            c[r * c_row + j] = add ? c[r * c_row + j] + v : v;
        }
}

/* to[k][rows] of a[rows, k]. */
static void R(pack_rows)(REAL *to, const REAL *a, int64_t a_row, int64_t a_col, int64_t rows,
                         int64_t k) {
    enum { L = R(N_LANES) };
    int64_t i = 0;
    /* Each store of a whole vector spills over what the next one writes; the last must not, beyond
     * the panel. */
    if (a_col == 1 && rows <= L)
        for (; i + 2 * L <= k; i += L)
            R(transpose)(to + i * rows, rows, a + i, a_row, rows);
    for (; i < k; i++)
        for (int64_t r = 0; r < rows; r++)
            to[i * rows + r] = a[r * a_row + i * a_col];
}

/* Columns of b[k, n] as panels [panel][k][two vectors], `panel` elements apart; what does not exist
 * becomes zero. Rows of b that are contiguous are read along all panels, for the sake of pages and
 * prefetching. */
static void R(pack_columns)(REAL *restrict to, int64_t panel, const REAL *restrict b, int64_t b_row,
                            int64_t b_col, int64_t columns, int64_t k) {
    enum { N = R(tile_columns), L = R(N_LANES), AHEAD = 4 };
    int64_t whole = columns / N * N;
    if (b_col == 1) {
        for (int64_t i = 0; i < k; i++, to += N, b += b_row) {
            REAL *p = to;
            /* rows are pages apart, so nothing else fetches them in time */
            const REAL *ahead = i + AHEAD < k ? b + AHEAD * b_row : b;
            for (int64_t j = 0; j < whole; j += N, p += panel) {
                __builtin_prefetch(ahead + j);
                __builtin_prefetch(ahead + j + L);
                R(store)(p, R(load)(b + j));
                R(store)(p + L, R(load)(b + j + L));
            }
            for (int64_t j = whole; whole < columns && j < whole + N; j++)
                p[j - whole] = j < columns ? b[j] : 0;
        }
        return;
    }
    for (int64_t j = 0; j < columns; j += L, b += L * b_col) {
        REAL *p = to + j / N * panel + j % N;
        int64_t i = 0, n = min_i64(L, columns - j);
        if (b_row == 1 && n == L)
            for (; i + L <= k; i += L)
                R(transpose)(p + i * N, N, b + i, b_col, L);
        for (; i < k; i++)
            for (int64_t l = 0; l < L; l++)
                p[i * N + l] = l < n ? b[i * b_row + l * b_col] : 0;
    }
}

/* Rows of panel p of n when m rows are shared out evenly. */
static inline int64_t R(panel_start)(int64_t m, int64_t n_panels, int64_t p) {
    return p * m / n_panels;
}

static inline int64_t R(n_row_panels)(int64_t m) { return ceil_div(m, N_TILE_ROWS); }
static inline int64_t R(n_column_panels)(int64_t n) { return ceil_div(n, R(tile_columns)); }

/* One tile of c at rows of panel p and columns of panel q. */
static void R(tile_at)(const struct gemm *g, int64_t p, int64_t q, int64_t k, const REAL *a,
                       const REAL *b, REAL *c, bool add) {
    int64_t n_panels = R(n_row_panels)(g->m);
    int64_t row = R(panel_start)(g->m, n_panels, p);
    int rows = (int)(R(panel_start)(g->m, n_panels, p + 1) - row);
    int64_t column = q * R(tile_columns), columns = min_i64(g->n - column, R(tile_columns));
    REAL *to = c + row * g->c_row + column;
    if (columns == R(tile_columns))
        R(tile_any)(rows, 2, k, a, b, to, g->c_row, add);
    else
        R(tile_edge)(rows, columns, k, a, b, to, g->c_row, add);
}

/* Packs row panel p of a, k0 to before k1, to where whole panels of length k lie: panel p begins at
 * its first row * k. */
static void R(pack_row_panel)(const struct gemm *g, const REAL *a, REAL *packed, int64_t p,
                              int64_t k0, int64_t k1) {
    int64_t n = R(n_row_panels)(g->m);
    int64_t row = R(panel_start)(g->m, n, p), rows = R(panel_start)(g->m, n, p + 1) - row;
    R(pack_rows)
    (packed + row * g->k + k0 * rows, a + row * g->a_row + k0 * g->a_col, g->a_row, g->a_col, rows,
     k1 - k0);
}

/* Packs column panel q of b, k0 to before k1; panel q begins at q * k * tile_columns. */
static void R(pack_column_panel)(const struct gemm *g, const REAL *b, REAL *packed, int64_t q,
                                 int64_t k0, int64_t k1) {
    enum { N = R(tile_columns) };
    R(pack_columns)
    (packed + (q * g->k + k0) * N, 0, b + k0 * g->b_row + q * N * g->b_col, g->b_row, g->b_col,
     min_i64(g->n - q * N, N), k1 - k0);
}

/* Whether none of x[n] is NaN or infinite: only those give another product with 0 than 0. */
static bool R(all_finite)(const REAL *x, int64_t n) {
    enum { L = R(N_LANES) };
    R(vector) zero[4] = {{0}, {0}, {0}, {0}};
    int64_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L)
        UNROLL(4)
    for (int s = 0; s < 4; s++)
        zero[s] += R(load)(x + i + s * L) * 0;
    REAL rest = 0;
    for (; i < n; i++)
        rest += x[i] * 0;
    R(vector) all = (zero[0] + zero[1]) + (zero[2] + zero[3]);
    for (int s = 0; s < L; s++)
        rest += all[s];
    return rest == 0;
}

enum { R(group_panels) = 8 };

/* Column panels [q0, q1) of c from the packed a, summing k0 to before k1. scratch: a group of
 * packed column panels. */
static void R(run_columns)(const struct gemm *g, const REAL *packed_a, const REAL *b, REAL *c,
                           int64_t q0, int64_t q1, int64_t k0, int64_t k1, REAL *scratch) {
    enum { N = R(tile_columns), KB = R(k_block), G = R(group_panels) };
    int64_t n_rows = R(n_row_panels)(g->m);
    for (int64_t q = q0; q < q1; q += G) {
        int64_t end = min_i64(q + G, q1);
        for (int64_t k = k0; k < k1; k += KB) {
            int64_t depth = min_i64(KB, k1 - k);
            R(pack_columns)
            (scratch, KB * N, b + k * g->b_row + q * N * g->b_col, g->b_row, g->b_col,
             min_i64(g->n, end * N) - q * N, depth);
            for (int64_t j = q; j < end; j++)
                for (int64_t p = 0; p < n_rows; p++) {
                    int64_t row = R(panel_start)(g->m, n_rows, p);
                    int64_t rows = R(panel_start)(g->m, n_rows, p + 1) - row;
                    R(tile_at)
                    (g, p, j, depth, packed_a + row * g->k + k * rows, scratch + (j - q) * KB * N,
                     c, k > k0);
                }
        }
    }
}

/* Row panels [p0, p1) of c from the packed b. scratch: a group of packed row panels. */
static void R(run_rows)(const struct gemm *g, const REAL *a, const REAL *packed_b, REAL *c,
                        int64_t p0, int64_t p1, int64_t k0, int64_t k1, REAL *scratch) {
    enum { N = R(tile_columns), KB = R(k_block), G = R(group_panels), COLUMN_BLOCK = 16 };
    int64_t n_rows = R(n_row_panels)(g->m), n_columns = R(n_column_panels)(g->n);
    for (int64_t p = p0; p < p1; p += G) {
        int64_t end = min_i64(p + G, p1);
        for (int64_t k = k0; k < k1; k += KB) {
            int64_t depth = min_i64(KB, k1 - k);
            for (int64_t i = p; i < end; i++) {
                int64_t row = R(panel_start)(g->m, n_rows, i);
                R(pack_rows)
                (scratch + (i - p) * KB * N_TILE_ROWS, a + row * g->a_row + k * g->a_col, g->a_row,
                 g->a_col, R(panel_start)(g->m, n_rows, i + 1) - row, depth);
            }
            for (int64_t q = 0; q < n_columns; q += COLUMN_BLOCK)
                for (int64_t i = p; i < end; i++)
                    for (int64_t j = q; j < min_i64(q + COLUMN_BLOCK, n_columns); j++)
                        R(tile_at)
                        (g, i, j, depth, scratch + (i - p) * KB * N_TILE_ROWS,
                         packed_b + (j * g->k + k) * N, c, k > k0);
        }
    }
}

/* y[n] = x[k] b[k, n], outputs [j0, j1), for b with rows one after another: sums rows of b, eight
 * at a time. */
static void R(sum_rows)(const REAL *restrict x, const REAL *restrict b, int64_t b_row, int64_t k,
                        int64_t j0, int64_t j1, REAL *restrict y) {
    for (int64_t j = j0; j < j1; j++)
        y[j] = 0;
    int64_t i = 0;
    for (; i + 8 <= k; i += 8) {
        const REAL *r = b + i * b_row, *s = r + 4 * b_row;
        INDEPENDENT
        for (int64_t j = j0; j < j1; j++) {
            REAL low = x[i] * r[j] + x[i + 1] * r[b_row + j] + x[i + 2] * r[2 * b_row + j] +
                       x[i + 3] * r[3 * b_row + j];
            REAL high = x[i + 4] * s[j] + x[i + 5] * s[b_row + j] + x[i + 6] * s[2 * b_row + j] +
                        x[i + 7] * s[3 * b_row + j];
            y[j] += low + high;
        }
    }
    for (; i < k; i++)
        for (int64_t j = j0; j < j1; j++)
            y[j] += x[i] * b[i * b_row + j];
}

/* The same for b with columns one after another: dot products. */
static void R(dot_columns)(const REAL *restrict x, const REAL *restrict b, int64_t b_col, int64_t k,
                           int64_t j0, int64_t j1, REAL *restrict y) {
    enum { L = R(N_LANES) };
    for (int64_t j = j0; j < j1; j++) {
        const REAL *column = b + j * b_col;
        R(vector) sum[4] = {{0}, {0}, {0}, {0}};
        int64_t i = 0;
        for (; i + 4 * L <= k; i += 4 * L)
            UNROLL(4)
        for (int s = 0; s < 4; s++)
            sum[s] += R(load)(x + i + s * L) * R(load)(column + i + s * L);
        REAL tail = 0;
        for (; i < k; i++)
            tail += x[i] * column[i];
        R(vector) all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        for (int s = 0; s < L; s++)
            tail += all[s];
        y[j] = tail;
    }
}
