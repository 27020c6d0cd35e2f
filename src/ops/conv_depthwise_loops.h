/* Depthwise convolution for one element type; included once for each, with REAL, REAL_BYTES and
 * R(name) defined. */

#define LANES R(N_LANES)

ALWAYS_INLINE R(vector) R(load)(const REAL *p) { return *(const R(loose) *)p; }
ALWAYS_INLINE void R(store)(REAL *p, R(vector) v) { *(R(loose) *)p = v; }

/* The taps that meet at a pixel: steps in elements of source and filter. */
struct R(taps) {
    int64_t rows, columns;
    int64_t from_row, from_column, filter_row, filter_column;
};

/* `vectors` vectors of channels of one pixel. */
ALWAYS_INLINE void R(block)(const int vectors, const struct R(taps) * t, const REAL *from,
                            const REAL *filter, REAL *to) {
    R(vector) sum[BLOCK_VECTORS];
    UNROLL(4)
    for (int v = 0; v < vectors; v++)
        sum[v] = (R(vector)){0};
    for (int64_t a = 0; a < t->rows; a++, from += t->from_row, filter += t->filter_row) {
        const REAL *x = from, *f = filter;
        for (int64_t b = 0; b < t->columns; b++, x += t->from_column, f += t->filter_column)
            UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[v] += R(load)(x + v * LANES) * R(load)(f + v * LANES);
    }
    UNROLL(4)
    for (int v = 0; v < vectors; v++)
        R(store)(to + v * LANES, sum[v]);
}

/* The channels, fewer than a vector, that are left. */
static void R(rest)(int64_t n, const struct R(taps) * t, const REAL *from, const REAL *filter,
                    REAL *to) {
    REAL sum[LANES] = {0};
    for (int64_t a = 0; a < t->rows; a++, from += t->from_row, filter += t->filter_row) {
        const REAL *x = from, *f = filter;
        for (int64_t b = 0; b < t->columns; b++, x += t->from_column, f += t->filter_column)
            for (int64_t k = 0; k < n; k++)
                sum[k] += x[k] * f[k];
    }
    memcpy(to, sum, (size_t)n * sizeof(REAL));
}

static void R(pixel)(int64_t n, const struct R(taps) * t, const REAL *from, const REAL *filter,
                     REAL *to) {
    int64_t k = 0;
    for (; k + BLOCK_VECTORS * LANES <= n; k += BLOCK_VECTORS * LANES)
        R(block)(BLOCK_VECTORS, t, from + k, filter + k, to + k);
    for (; k + LANES <= n; k += LANES)
        R(block)(1, t, from + k, filter + k, to + k);
    if (k < n)
        R(rest)(n - k, t, from + k, filter + k, to + k);
}

/* Each of n elements m times. */
static void R(repeat)(const REAL *from, int64_t n, int64_t m, REAL *to) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < m; k++)
            *to++ = from[i];
}

/* Sums of m neighbours. */
static void R(gather_sums)(const REAL *from, int64_t n, int64_t m, REAL *to) {
    for (int64_t i = 0; i < n; i++, from += m) {
        REAL sum = from[0];
        for (int64_t k = 1; k < m; k++)
            sum += from[k];
        to[i] = sum;
    }
}

/* Rows [begin, end) of the result, counted over all images. */
static void R(gather_rows)(const struct depthwise *d, const REAL *from, const REAL *filter,
                           REAL *to, int64_t begin, int64_t end, REAL *scratch) {
    const struct window *g = &d->base.g;
    bool repeat = !d->back && d->m > 1, add = d->back && d->m > 1;
    int64_t c_from = d->back ? g->o : g->c, c_to = d->back ? g->c : g->o;
    for (int64_t row = begin; row < end; row++) {
        const struct meeting *i = &d->rows[row % d->to_h];
        int64_t source_row = d->from_w * c_from;
        const REAL *rows = from + (row / d->to_h * d->from_h + i->at) * source_row;
        int64_t row_step = i->at_step * source_row;
        if (repeat) {
            for (int64_t a = 0; a < i->n; a++)
                R(repeat)
            (rows + a * row_step, source_row, d->m, scratch + a * d->from_w * g->o);
            rows = scratch;
            row_step = d->from_w * g->o;
        }
        for (int64_t column = 0; column < d->to_w; column++) {
            const struct meeting *j = &d->columns[column];
            REAL *pixel = to + (row * d->to_w + column) * c_to;
            struct R(taps) t = {.rows = i->n,
                                .columns = j->n,
                                .from_row = row_step,
                                .from_column = j->at_step * g->o,
                                .filter_row = i->tap_step * g->kw * g->o,
                                .filter_column = j->tap_step * g->o};
            R(pixel)
            (g->o, &t, rows + j->at * g->o, filter + (i->tap * g->kw + j->tap) * g->o,
             add ? scratch : pixel);
            if (add)
                R(gather_sums)(scratch, g->c, d->m, pixel);
        }
    }
}

/* sums[n channels] += x dy over `columns` neighbours of a row. */
ALWAYS_INLINE void R(add_block)(const int vectors, int64_t columns, const REAL *x, int64_t x_step,
                                const REAL *dy, int64_t dy_step, REAL *sums) {
    R(vector) sum[BLOCK_VECTORS];
    UNROLL(4)
    for (int v = 0; v < vectors; v++)
        sum[v] = R(load)(sums + v * LANES);
    for (int64_t j = 0; j < columns; j++, x += x_step, dy += dy_step)
        UNROLL(4)
    for (int v = 0; v < vectors; v++)
        sum[v] += R(load)(x + v * LANES) * R(load)(dy + v * LANES);
    UNROLL(4)
    for (int v = 0; v < vectors; v++)
        R(store)(sums + v * LANES, sum[v]);
}

static void R(add_row)(int64_t n, int64_t columns, const REAL *x, int64_t x_step, const REAL *dy,
                       REAL *sums) {
    int64_t k = 0;
    for (; k + BLOCK_VECTORS * LANES <= n; k += BLOCK_VECTORS * LANES)
        R(add_block)(BLOCK_VECTORS, columns, x + k, x_step, dy + k, n, sums + k);
    for (; k + LANES <= n; k += LANES)
        R(add_block)(1, columns, x + k, x_step, dy + k, n, sums + k);
    for (int64_t j = 0; k < n && j < columns; j++)
        for (int64_t i = k; i < n; i++)
            sums[i] += x[j * x_step + i] * dy[j * n + i];
}

/* Units: (batch of images, row of taps); partial[batch][kh * kw * o]. */
static void R(filter_units)(const struct depthwise *d, const REAL *x, const REAL *dy, REAL *partial,
                            int64_t begin, int64_t end, REAL *scratch) {
    const struct window *g = &d->base.g;
    for (int64_t u = begin; u < end; u++) {
        int64_t batch = u / g->kh, ky = u % g->kh, i0, i1, j0, j1;
        REAL *sums = partial + u * g->kw * g->o;
        memset(sums, 0, (size_t)(g->kw * g->o) * sizeof(REAL));
        window_positions(ky * g->dh, g->sh, g->top, g->h, g->oh, &i0, &i1);
        int64_t image = batch * g->n / d->n_batches, last = (batch + 1) * g->n / d->n_batches;
        for (; image < last; image++)
            for (int64_t i = i0; i < i1; i++) {
                int64_t y = i * g->sh - g->top + ky * g->dh;
                const REAL *row = x + (image * g->h + y) * g->w * g->c;
                if (d->m > 1) {
                    R(repeat)(row, g->w * g->c, d->m, scratch);
                    row = scratch;
                }
                for (int64_t kx = 0; kx < g->kw; kx++) {
                    window_positions(kx * g->dw, g->sw, g->left, g->w, g->ow, &j0, &j1);
                    R(add_row)
                    (g->o, j1 - j0, row + (j0 * g->sw - g->left + kx * g->dw) * g->o, g->sw * g->o,
                     dy + ((image * g->oh + i) * g->ow + j0) * g->o, sums + kx * g->o);
                }
            }
    }
}

/* out = batch 0 + batch 1 + .., elements of the blocks [begin, end). */
static void R(add_batches)(const struct depthwise *d, const REAL *restrict partial,
                           REAL *restrict out, int64_t begin, int64_t end) {
    const struct window *g = &d->base.g;
    int64_t n = g->kh * g->kw * g->o, to = min_i64(end * SUM_BLOCK, n);
    for (int64_t i = begin * SUM_BLOCK; i < to; i++) {
        REAL sum = partial[i];
        for (int64_t u = 1; u < d->n_batches; u++)
            sum += partial[u * n + i];
        out[i] = sum;
    }
}

#undef LANES
