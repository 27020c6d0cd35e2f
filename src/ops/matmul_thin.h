/* The product of a few rows with a large matrix, as a dense layer has it for a batch, for one
 * element type; included behind matmul_gemm.h, with REAL and R(name) defined.
 *
 * Each element of b serves m multiply-adds only, so copying b to where it is read again costs as
 * much as it gains, and waiting for memory costs more than either. So b is read once, in the order
 * in which it lies: a block of it, k_depth by one panel of columns, is packed into the first-level
 * cache and used by all rows at once, while the tiles ask memory for the block that is as far ahead
 * as the second-level cache holds. What has been summed of c stays in small buffers of its own,
 * where rows do not share cache sets as they do in c.
 *
 * An element is the sum over k in ascending order, in blocks of k_block, as in matmul_gemm.h: so
 * the rows of a batch have the same bits however many of them there are. A block of k_block is
 * summed in several steps of k_depth, which go on from a partial sum. Not for many rows: then b's
 * panels are worth keeping (run_columns). */

/* Rows of b lie one after another: many panels side by side, so that long runs of a row are read.
 * Columns do: one panel, deeper. */
enum {
    R(thin_panels) = 16,
    /* both divide k_block */
    R(thin_depth) = 4096 / VECTOR_BYTES < R(k_block) ? 4096 / VECTOR_BYTES : R(k_block),
    R(thin_depth_columns) = 8192 / VECTOR_BYTES < R(k_block) ? 8192 / VECTOR_BYTES : R(k_block),
    R(thin_line) = 64 / sizeof(REAL),
    R(thin_lines) = R(tile_columns) > R(thin_line) ? R(tile_columns) / R(thin_line) : 1
};

/* Elements of scratch that run_thin needs. */
static inline int64_t R(thin_scratch)(const struct gemm *g) {
    return R(tile_columns) *
           (R(thin_depth_columns) + 2 * (g->b_col == 1 ? R(thin_panels) : 1) * g->m);
}

static void R(tile_going_on)(int rows, int64_t k, const REAL *a, const REAL *b, const REAL *from,
                             REAL *c, bool add, const struct R(ahead) *ahead) {
#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        if (ahead)                                                                                 \
            R(tile)(n, 2, k, a, b, from, c, R(tile_columns), add, ahead);                          \
        else                                                                                       \
            R(tile)(n, 2, k, a, b, from, c, R(tile_columns), add, NULL);                           \
        break;
    switch (rows) { FOR_EACH_TILE_HEIGHT(TILE_CASE) }
#undef TILE_CASE
}

/* Where the lines of a block of b are, in bytes from its first element; and those of one line more,
 * since the last tile may ask for more than there is. */
static void R(thin_lines_at)(const struct gemm *g, int64_t depth, int64_t *at) {
    enum { LINE = R(thin_line), LINES = R(thin_lines), N = R(tile_columns) };
    for (int64_t i = 0; i < (LINES + 1) * depth; i++) {
        int64_t element = g->b_col == 1 ? i % depth * g->b_row + i / depth * LINE
                                        : i % N * g->b_col + i / N * LINE;
        at[i] = element * (int64_t)sizeof(REAL);
    }
}

/* Where a panel's sums are, [m, two vectors] each: of all blocks of k_block before this one, and
 * of what there was of this one. */
struct R(thin_sums) {
    REAL *all, *part;
    bool first;        /* `all` holds nothing yet */
    bool begins, ends; /* this step begins a block, ends it */
};

/* All rows of c for one packed block. next: the block to ask for, or NULL. */
static void R(thin_block)(const struct gemm *g, const REAL *packed_a, const REAL *block,
                          const struct R(thin_sums) *sums, int64_t k, int64_t depth,
                          const REAL *next, const int64_t *at) {
    int64_t n_rows = R(n_row_panels)(g->m), every = max_i64(1, n_rows / R(thin_lines)), asked = 0;
    for (int64_t p = 0; p < n_rows; p++) {
        int64_t row = R(panel_start)(g->m, n_rows, p);
        int rows = (int)(R(panel_start)(g->m, n_rows, p + 1) - row);
        const REAL *a = packed_a + row * g->k + k * rows;
        REAL *part = sums->part + row * R(tile_columns);
        REAL *c = sums->ends ? sums->all + row * R(tile_columns) : part;
        struct R(ahead) ahead = {(const char *)next, at + asked, every};
        bool asks = next && asked < R(thin_lines) * depth;
        R(tile_going_on)
        (rows, depth, a, block, sums->begins ? NULL : part, c, sums->ends && !sums->first,
         asks ? &ahead : NULL);
        asked += asks ? ceil_div(depth, every) : 0;
    }
}

/* Column panels [q0, q1) of c from the packed a, summing k0 to before k1. */
static void R(run_thin)(const struct gemm *g, const REAL *packed_a, const REAL *b, REAL *c,
                        int64_t q0, int64_t q1, int64_t k0, int64_t k1, REAL *scratch) {
    enum { N = R(tile_columns), KB = R(k_block) };
    enum { MOST_LINES = (R(thin_lines) + 1) * R(thin_depth_columns) };
    bool rows = g->b_col == 1;
    int64_t depth = rows ? R(thin_depth) : R(thin_depth_columns), G = rows ? R(thin_panels) : 1;
    int64_t at[MOST_LINES];
    REAL *sums = scratch + R(thin_depth_columns) * N, *parts = sums + G * g->m * N;
    R(thin_lines_at)(g, depth, at);
    for (int64_t q = q0; q < q1; q += G) {
        int64_t end = min_i64(q + G, q1);
        for (int64_t k = k0; k < k1; k += depth) {
            int64_t n = min_i64(depth, k1 - k);
            for (int64_t j = q; j < end; j++) {
                const REAL *from = b + k * g->b_row + j * N * g->b_col, *next = NULL;
                if (k + 2 * depth <= k1)
                    next = from + depth * g->b_row;
                else if (k + depth >= k1 && j + 2 * G <= q1)
                    next = from + (k0 - k) * g->b_row + G * N * g->b_col;
                R(pack_columns)
                (scratch, 0, from, g->b_row, g->b_col, min_i64(g->n - j * N, N), n);
                struct R(thin_sums) to = {.all = sums + (j - q) * g->m * N,
                                          .part = parts + (j - q) * g->m * N,
                                          .first = k - k0 < KB,
                                          .begins = (k - k0) % KB == 0,
                                          .ends = (k - k0 + n) % KB == 0 || k + n == k1};
                R(thin_block)(g, packed_a, scratch, &to, k, n, next, at);
            }
        }
        for (int64_t r = 0; r < g->m; r++)
            for (int64_t j = q; j < end; j++)
                memcpy(c + r * g->c_row + j * N, sums + ((j - q) * g->m + r) * N,
                       (size_t)min_i64(g->n - j * N, N) * sizeof(REAL));
    }
}
