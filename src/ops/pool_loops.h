/* Pooling for one element type; included once for each, with REAL and R(name) defined. Inner loops
 * run over channels, which lie one after another. */

/* Is x the element that max_pool chose, given the result y of its window? NaN chose itself. */
#define IS_LARGEST(x, y) ((x) == (y) || ((x) != (x) && (y) != (y)))

static void R(max_window)(const REAL *restrict x, int64_t c, bool first, REAL *restrict y) {
    if (first) {
        memcpy(y, x, (size_t)c * sizeof(REAL));
        return;
    }
    for (int64_t k = 0; k < c; k++)
        y[k] = x[k] > y[k] || x[k] != x[k] ? x[k] : y[k];
}

/* dx gets what is left of g where x was chosen. */
static void R(max_scatter)(const REAL *restrict x, const REAL *restrict y, int64_t c,
                           REAL *restrict g, REAL *restrict dx) {
    for (int64_t k = 0; k < c; k++) {
        bool chosen = IS_LARGEST(x[k], y[k]);
        dx[k] += chosen ? g[k] : 0;
        g[k] = chosen ? 0 : g[k];
    }
}

/* out gets v where x was chosen and nothing was before: open is 1 there, else 0. */
static void R(max_gather)(const REAL *restrict x, const REAL *restrict y, const REAL *restrict v,
                          int64_t c, REAL *restrict open, REAL *restrict out) {
    for (int64_t k = 0; k < c; k++) {
        bool chosen = IS_LARGEST(x[k], y[k]);
        out[k] = chosen && open[k] != 0 ? v[k] : out[k];
        open[k] = chosen ? 0 : open[k];
    }
}

/* Rows of output positions [begin, end), counted over all images. */
static void R(max_rows)(const struct window *g, const REAL *x, REAL *y, int64_t begin,
                        int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const REAL *image = x + row / g->oh * g->h * g->w * g->c;
        int64_t i = row % g->oh, y0, y1, x0, x1;
        window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
        for (int64_t j = 0; j < g->ow; j++) {
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            REAL *to = y + (row * g->ow + j) * g->c;
            for (int64_t a = y0; a < y1; a++)
                for (int64_t b = x0; b < x1; b++)
                    R(max_window)
                    (image + ((i * g->sh - g->top + a) * g->w + j * g->sw - g->left + b) * g->c,
                     g->c, a == y0 && b == x0, to);
        }
    }
}

static void R(gather_rows)(const struct window *g, const REAL *x, const REAL *y, const REAL *v,
                           REAL *out, int64_t begin, int64_t end, REAL *open) {
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / g->oh * g->h * g->w * g->c;
        int64_t i = row % g->oh, y0, y1, x0, x1;
        window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
        for (int64_t j = 0; j < g->ow; j++) {
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            int64_t to = (row * g->ow + j) * g->c;
            for (int64_t k = 0; k < g->c; k++)
                open[k] = 1, out[to + k] = 0;
            for (int64_t a = y0; a < y1; a++)
                for (int64_t b = x0; b < x1; b++) {
                    int64_t at =
                        image + ((i * g->sh - g->top + a) * g->w + j * g->sw - g->left + b) * g->c;
                    R(max_gather)(x + at, y + to, v + at, g->c, open, out + to);
                }
        }
    }
}

static void R(max_gradient_images)(const struct window *g, const REAL *x, const REAL *y,
                                   const REAL *dy, REAL *dx, int64_t begin, int64_t end,
                                   REAL *left) {
    int64_t size = g->h * g->w * g->c;
    memset(dx + begin * size, 0, (size_t)((end - begin) * size) * sizeof(REAL));
    for (int64_t row = begin * g->oh; row < end * g->oh; row++) {
        int64_t image = row / g->oh * size, i = row % g->oh, y0, y1, x0, x1;
        window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
        for (int64_t j = 0; j < g->ow; j++) {
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            int64_t from = (row * g->ow + j) * g->c;
            memcpy(left, dy + from, (size_t)g->c * sizeof(REAL));
            for (int64_t a = y0; a < y1; a++)
                for (int64_t b = x0; b < x1; b++) {
                    int64_t at =
                        image + ((i * g->sh - g->top + a) * g->w + j * g->sw - g->left + b) * g->c;
                    R(max_scatter)(x + at, y + from, g->c, left, dx + at);
                }
        }
    }
}

static void R(mean_rows)(const struct window *g, const REAL *x, REAL *y, int64_t begin,
                         int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const REAL *image = x + row / g->oh * g->h * g->w * g->c;
        int64_t i = row % g->oh, y0, y1, x0, x1;
        window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
        for (int64_t j = 0; j < g->ow; j++) {
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            REAL *restrict to = y + (row * g->ow + j) * g->c;
            memset(to, 0, (size_t)g->c * sizeof(REAL));
            for (int64_t a = y0; a < y1; a++)
                for (int64_t b = x0; b < x1; b++) {
                    const REAL *restrict from =
                        image + ((i * g->sh - g->top + a) * g->w + j * g->sw - g->left + b) * g->c;
                    for (int64_t k = 0; k < g->c; k++)
                        to[k] += from[k];
                }
            REAL count = (REAL)((y1 - y0) * (x1 - x0));
            for (int64_t k = 0; k < g->c; k++)
                to[k] /= count;
        }
    }
}

static void R(mean_gradient_images)(const struct window *g, const REAL *dy, REAL *dx, int64_t begin,
                                    int64_t end) {
    int64_t size = g->h * g->w * g->c;
    memset(dx + begin * size, 0, (size_t)((end - begin) * size) * sizeof(REAL));
    for (int64_t row = begin * g->oh; row < end * g->oh; row++) {
        REAL *image = dx + row / g->oh * size;
        int64_t i = row % g->oh, y0, y1, x0, x1;
        window_taps(i, g->sh, g->top, g->kh, g->h, &y0, &y1);
        for (int64_t j = 0; j < g->ow; j++) {
            window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
            const REAL *restrict from = dy + (row * g->ow + j) * g->c;
            REAL count = (REAL)((y1 - y0) * (x1 - x0));
            for (int64_t a = y0; a < y1; a++)
                for (int64_t b = x0; b < x1; b++) {
                    REAL *restrict to =
                        image + ((i * g->sh - g->top + a) * g->w + j * g->sw - g->left + b) * g->c;
                    for (int64_t k = 0; k < g->c; k++)
                        to[k] += from[k] / count;
                }
        }
    }
}

#undef IS_LARGEST
