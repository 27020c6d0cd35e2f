/* Unrolling images for one element type; included once for each, with REAL, R(name) and GEMM (of
 * blas.h) defined. */

/* c[m,n] (+)= op(a) op(b), leading dimensions ld*: by OpenBLAS, or by plain loops where there is
 * none. */
static void R(product)(bool blas, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                       int64_t k, const REAL *a, int64_t lda, const REAL *b, int64_t ldb, bool add,
                       REAL *c, int64_t ldc) {
    if (blas) {
        GEMM(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, add ? 1 : 0, c, ldc);
        return;
    }
    for (int64_t i = 0; i < m; i++) {
        if (!add)
            memset(c + i * ldc, 0, (size_t)n * sizeof(REAL));
        for (int64_t l = 0; l < k; l++) {
            REAL v = transpose_a ? a[l * lda + i] : a[i * lda + l];
            for (int64_t j = 0; j < n; j++)
                c[i * ldc + j] += v * (transpose_b ? b[j * ldb + l] : b[l * ldb + j]);
        }
    }
}

/* How the taps [x0, x1) of a row of a window lie in the image, as spans of memory: all in one when
 * they are neighbours and of all channels. */
struct R(spans) {
    int64_t n, elements, to_step, from_step;
};

static inline struct R(spans) R(spans_of)(const struct im2col *p, int64_t x0, int64_t x1) {
    const struct window *g = &p->base.g;
    if (g->dw == 1 && g->groups == 1)
        return (struct R(spans)){.n = x1 > x0, .elements = (x1 - x0) * g->c};
    return (struct R(spans)){x1 - x0, p->channels, p->channels, g->dw * g->c};
}

/* columns[rows * ow, kh * kw * channels]: a group's window at each position of output rows [i0,
 * i1), zero where it leaves the image. `image` begins at the group's first channel. */
static void R(unroll)(const struct im2col *p, const REAL *image, int64_t i0, int64_t i1,
                      REAL *columns) {
    const struct window *g = &p->base.g;
    int64_t row_width = g->kw * p->channels;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = 0; j < g->ow; j++) {
            REAL *to = columns + ((i - i0) * g->ow + j) * g->kh * row_width;
            int64_t y0, y1, x0, x1;
            window_taps_apart(i, g->sh, g->dh, g->top, g->kh, g->h, &y0, &y1);
            window_taps_apart(j, g->sw, g->dw, g->left, g->kw, g->w, &x0, &x1);
            memset(to, 0, (size_t)(g->kh * row_width) * sizeof(REAL));
            if (x1 <= x0)
                continue;
            struct R(spans) s = R(spans_of)(p, x0, x1);
            const REAL *from =
                image + ((i * g->sh - g->top) * g->w + j * g->sw - g->left + x0 * g->dw) * g->c;
            for (int64_t y = y0; y < y1; y++)
                for (int64_t span = 0; span < s.n; span++)
                    memcpy(to + y * row_width + x0 * p->channels + span * s.to_step,
                           from + y * g->dh * g->w * g->c + span * s.from_step,
                           (size_t)s.elements * sizeof(REAL));
        }
}

/* The transposed map: adds each window's elements to the image. */
static void R(roll_up)(const struct im2col *p, const REAL *columns, int64_t i0, int64_t i1,
                       REAL *image) {
    const struct window *g = &p->base.g;
    int64_t row_width = g->kw * p->channels;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = 0; j < g->ow; j++) {
            const REAL *from = columns + ((i - i0) * g->ow + j) * g->kh * row_width;
            int64_t y0, y1, x0, x1;
            window_taps_apart(i, g->sh, g->dh, g->top, g->kh, g->h, &y0, &y1);
            window_taps_apart(j, g->sw, g->dw, g->left, g->kw, g->w, &x0, &x1);
            if (x1 <= x0)
                continue;
            struct R(spans) s = R(spans_of)(p, x0, x1);
            REAL *to =
                image + ((i * g->sh - g->top) * g->w + j * g->sw - g->left + x0 * g->dw) * g->c;
            for (int64_t y = y0; y < y1; y++)
                for (int64_t span = 0; span < s.n; span++) {
                    REAL *sum = to + y * g->dh * g->w * g->c + span * s.from_step;
                    const REAL *part = from + y * row_width + x0 * p->channels + span * s.to_step;
                    for (int64_t k = 0; k < s.elements; k++)
                        sum[k] += part[k];
                }
        }
}

/* Units: (block of rows of an image, group). */
static void R(forward)(const struct im2col *p, const REAL *x, const REAL *filter, REAL *y,
                       int64_t begin, int64_t end, REAL *columns) {
    const struct window *g = &p->base.g;
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u % g->groups, block = u / g->groups;
        int64_t image = block / p->n_blocks, i0 = block % p->n_blocks * p->block_rows;
        int64_t i1 = min_i64(i0 + p->block_rows, g->oh);
        R(unroll)(p, x + image * g->h * g->w * g->c + group * p->channels, i0, i1, columns);
        R(product)
        (p->blas, false, false, (i1 - i0) * g->ow, p->results, p->depth, columns, p->depth,
         filter + group * p->results, g->o, false,
         y + (image * g->oh + i0) * g->ow * g->o + group * p->results, g->o);
    }
}

/* Zeros, where a group's channels of one image lie. */
static void R(clear)(const struct im2col *p, REAL *image) {
    const struct window *g = &p->base.g;
    if (g->groups == 1) {
        memset(image, 0, (size_t)(g->h * g->w * g->c) * sizeof(REAL));
        return;
    }
    for (int64_t i = 0; i < g->h * g->w; i++)
        for (int64_t k = 0; k < p->channels; k++)
            image[i * g->c + k] = 0;
}

/* Units: (image, group). */
static void R(input_gradient)(const struct im2col *p, const REAL *dy, const REAL *filter, REAL *dx,
                              int64_t begin, int64_t end, REAL *columns) {
    const struct window *g = &p->base.g;
    for (int64_t u = begin; u < end; u++) {
        int64_t image = u / g->groups, group = u % g->groups;
        REAL *to = dx + image * g->h * g->w * g->c + group * p->channels;
        R(clear)(p, to);
        for (int64_t i0 = 0; i0 < g->oh; i0 += p->block_rows) {
            int64_t i1 = min_i64(i0 + p->block_rows, g->oh);
            R(product)
            (p->blas, false, true, (i1 - i0) * g->ow, p->depth, p->results,
             dy + (image * g->oh + i0) * g->ow * g->o + group * p->results, g->o,
             filter + group * p->results, g->o, false, columns, p->depth);
            R(roll_up)(p, columns, i0, i1, to);
        }
    }
}

/* Units: (batch of images, group). */
static void R(filter_gradient)(const struct im2col *p, const REAL *x, const REAL *dy, REAL *partial,
                               int64_t begin, int64_t end, REAL *columns) {
    const struct window *g = &p->base.g;
    for (int64_t u = begin; u < end; u++) {
        int64_t batch = u / g->groups, group = u % g->groups;
        REAL *to = partial + batch * p->depth * g->o + group * p->results;
        int64_t image = batch * g->n / p->n_batches, last = (batch + 1) * g->n / p->n_batches;
        for (bool add = false; image < last; image++)
            for (int64_t i0 = 0; i0 < g->oh; i0 += p->block_rows, add = true) {
                int64_t i1 = min_i64(i0 + p->block_rows, g->oh);
                R(unroll)(p, x + image * g->h * g->w * g->c + group * p->channels, i0, i1, columns);
                R(product)
                (p->blas, true, false, p->depth, p->results, (i1 - i0) * g->ow, columns, p->depth,
                 dy + (image * g->oh + i0) * g->ow * g->o + group * p->results, g->o, add, to,
                 g->o);
            }
    }
}

/* out = partial 0 + partial 1 + .., elements of the blocks [begin, end). */
static void R(add_partials)(const struct im2col *p, const REAL *restrict partial,
                            REAL *restrict out, int64_t begin, int64_t end) {
    int64_t n = p->depth * p->base.g.o, to = min_i64(end * SUM_BLOCK, n);
    for (int64_t i = begin * SUM_BLOCK; i < to; i++) {
        REAL sum = partial[i];
        for (int64_t u = 1; u < p->n_batches; u++)
            sum += partial[u * n + i];
        out[i] = sum;
    }
}
