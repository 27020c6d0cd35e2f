/* The loops of softmax for one float type T (TAG as in math.h); included once a type by norm.c. */

#define NAME(f) OPS_PASTE(f, TAG)

static T NAME(row_max)(const T *x, int64_t n) {
    T best = x[0];
    for (int64_t i = 1; i < n; i++)
        best = KM(max)(best, x[i]);
    return best;
}

/* Rows of n contiguous elements; e has room for all of them. */
static void NAME(rows)(const T *x, T *y, int64_t n_rows, int64_t n, bool is_log, T *e) {
    for (int64_t r = 0; r < n_rows; r++) {
        T best = NAME(row_max)(x + r * n, n);
        for (int64_t i = 0; i < n; i++)
            y[r * n + i] = x[r * n + i] - best;
    }
    for (int64_t i = 0; i < n_rows * n; i++)
        e[i] = KM(exp)(y[i]);
    for (int64_t r = 0; r < n_rows; r++, e += n, y += n) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += (double)e[i];
        const T scale = (T)(1 / sum), log_sum = (T)(is_log ? log(sum) : 0);
        for (int64_t i = 0; i < n; i++)
            y[i] = is_log ? y[i] - log_sum : e[i] * scale;
    }
}

/* `width` neighbouring columns of n elements, `stride` apart. best, sum and term have room for
 * WIDTH. */
static void NAME(columns)(const T *x, T *y, int64_t n, int64_t stride, int64_t width, bool is_log,
                          T *best, T *sum, T *term) {
    for (int64_t j = 0; j < width; j++)
        best[j] = x[j], sum[j] = 0;
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            best[j] = KM(max)(best[j], x[i * stride + j]);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < width; j++)
            term[j] = KM(exp)(x[i * stride + j] - best[j]);
        for (int64_t j = 0; j < width; j++)
            sum[j] += term[j], y[i * stride + j] = term[j];
    }
    for (int64_t j = 0; j < width; j++)
        sum[j] = is_log ? KM(log)(sum[j]) : 1 / sum[j];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) {
            int64_t at = i * stride + j;
            y[at] = is_log ? (x[at] - best[j]) - sum[j] : y[at] * sum[j];
        }
}

static void NAME(unit)(const struct kernel_call *c, int64_t u, T *room) {
    const struct lines *g = c->geometry;
    const T *x = c->in[0].data;
    T *y = c->out[0].data;
    int64_t row = u / g->columns * g->rows, column = u % g->columns * WIDTH;
    int64_t at = row * g->n * g->inner + column;
    if (g->inner == 1)
        NAME(rows)(x + at, y + at, min_i64(g->rows, g->outer - row), g->n, g->is_log, room);
    else
        NAME(columns)(x + at, y + at, g->n, g->inner, min_i64(WIDTH, g->inner - column), g->is_log,
                      room, room + WIDTH, room + 2 * WIDTH);
}

#undef NAME
#undef T
#undef TAG
