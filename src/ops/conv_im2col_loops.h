/* Unrolling images for one element type; included once for each, with REAL, R(name) and GEMM (of
 * blas.h) defined. */

/* c[m,n] (+)= a b, contiguous c: by OpenBLAS, or by plain loops where there is none. */
static void R(product)(bool blas, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                       int64_t k, const REAL *a, const REAL *b, bool add, REAL *c) {
    int64_t lda = transpose_a ? m : k, ldb = transpose_b ? k : n;
    if (blas) {
        GEMM(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, add ? 1 : 0, c, n);
        return;
    }
    if (!add)
        memset(c, 0, (size_t)(m * n) * sizeof(REAL));
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l++) {
            REAL v = transpose_a ? a[l * lda + i] : a[i * lda + l];
            for (int64_t j = 0; j < n; j++)
                c[i * n + j] += v * (transpose_b ? b[j * ldb + l] : b[l * ldb + j]);
        }
}

/* columns[rows * ow, kh * kw * c]: the window at each position of output rows [i0, i1), zero where
 * it leaves the image. */
static void R(unroll)(const struct window *g, const REAL *image, int64_t i0, int64_t i1,
                      REAL *columns) {
    int64_t row_width = g->kw * g->c;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = 0; j < g->ow; j++) {
            REAL *to = columns + ((i - i0) * g->ow + j) * g->kh * row_width;
            int64_t y0, y1, x0, x1;
            window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            memset(to, 0, (size_t)(g->kh * row_width) * sizeof(REAL));
            if (x1 <= x0)
                continue;
            const REAL *from = image + ((i * g->sh - g->top) * g->w + j * g->sw - g->left) * g->c;
            for (int64_t y = y0; y < y1; y++)
                memcpy(to + y * row_width + x0 * g->c, from + (y * g->w + x0) * g->c,
                       (size_t)((x1 - x0) * g->c) * sizeof(REAL));
        }
}

/* The transposed map: adds each window's elements to the image. */
static void R(roll_up)(const struct window *g, const REAL *columns, int64_t i0, int64_t i1,
                       REAL *image) {
    int64_t row_width = g->kw * g->c;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = 0; j < g->ow; j++) {
            const REAL *from = columns + ((i - i0) * g->ow + j) * g->kh * row_width;
            int64_t y0, y1, x0, x1;
            window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            if (x1 <= x0)
                continue;
            REAL *to = image + ((i * g->sh - g->top) * g->w + j * g->sw - g->left) * g->c;
            for (int64_t y = y0; y < y1; y++)
                for (int64_t x = x0 * g->c; x < x1 * g->c; x++)
                    to[y * g->w * g->c + x] += from[y * row_width + x];
        }
}

static void R(forward)(const struct im2col *p, const REAL *x, const REAL *filter, REAL *y,
                       int64_t begin, int64_t end, REAL *columns) {
    const struct window *g = &p->base.g;
    for (int64_t u = begin; u < end; u++) {
        int64_t image = u / p->n_blocks, i0 = u % p->n_blocks * p->block_rows;
        int64_t i1 = min_i64(i0 + p->block_rows, g->oh);
        R(unroll)(g, x + image * g->h * g->w * g->c, i0, i1, columns);
        R(product)
        (p->blas, false, false, (i1 - i0) * g->ow, g->o, p->depth, columns, filter, false,
         y + (image * g->oh + i0) * g->ow * g->o);
    }
}

static void R(input_gradient)(const struct im2col *p, const REAL *dy, const REAL *filter, REAL *dx,
                              int64_t begin, int64_t end, REAL *columns) {
    const struct window *g = &p->base.g;
    int64_t size = g->h * g->w * g->c;
    for (int64_t image = begin; image < end; image++) {
        REAL *to = dx + image * size;
        memset(to, 0, (size_t)size * sizeof(REAL));
        for (int64_t i0 = 0; i0 < g->oh; i0 += p->block_rows) {
            int64_t i1 = min_i64(i0 + p->block_rows, g->oh);
            R(product)
            (p->blas, false, true, (i1 - i0) * g->ow, p->depth, g->o,
             dy + (image * g->oh + i0) * g->ow * g->o, filter, false, columns);
            R(roll_up)(g, columns, i0, i1, to);
        }
    }
}

static void R(filter_gradient)(const struct im2col *p, const REAL *x, const REAL *dy, REAL *partial,
                               int64_t begin, int64_t end, REAL *columns) {
    const struct window *g = &p->base.g;
    for (int64_t u = begin; u < end; u++) {
        REAL *to = partial + u * p->depth * g->o;
        bool add = false;
        for (int64_t image = u * g->n / p->n_groups; image < (u + 1) * g->n / p->n_groups; image++)
            for (int64_t i0 = 0; i0 < g->oh; i0 += p->block_rows, add = true) {
                int64_t i1 = min_i64(i0 + p->block_rows, g->oh);
                R(unroll)(g, x + image * g->h * g->w * g->c, i0, i1, columns);
                R(product)
                (p->blas, true, false, p->depth, g->o, (i1 - i0) * g->ow, columns,
                 dy + (image * g->oh + i0) * g->ow * g->o, add, to);
            }
    }
}

/* out = partial 0 + partial 1 + .., elements of the blocks [begin, end). */
static void R(add_partials)(const struct im2col *p, const REAL *restrict partial,
                            REAL *restrict out, int64_t begin, int64_t end) {
    int64_t n = p->depth * p->base.g.o, to = min_i64(end * SUM_BLOCK, n);
    for (int64_t i = begin * SUM_BLOCK; i < to; i++) {
        REAL sum = partial[i];
        for (int64_t u = 1; u < p->n_groups; u++)
            sum += partial[u * n + i];
        out[i] = sum;
    }
}
