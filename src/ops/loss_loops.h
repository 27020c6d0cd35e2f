/* The loops of cross-entropies for one float type T (TAG as in math.h); included once a type by
 * loss.c. */

#define NAME(f) OPS_PASTE(f, TAG)

static T NAME(row_max)(const T *x, int64_t n) {
    T best = x[0];
    for (int64_t i = 1; i < n; i++)
        best = KM(max)(best, x[i]);
    return best;
}

/* Exponentials of the rows [row, row + n_rows), each less its maximum, into e. */
static void NAME(exponentials)(const T *x, int64_t n_rows, int64_t n, T *e) {
    for (int64_t r = 0; r < n_rows; r++) {
        T best = NAME(row_max)(x + r * n, n);
        for (int64_t i = 0; i < n; i++)
            e[r * n + i] = x[r * n + i] - best;
    }
    for (int64_t i = 0; i < n_rows * n; i++)
        e[i] = KM(exp)(e[i]);
}

/* log(sum(exp(x))) of one row, given its exponentials. */
static double NAME(log_sum)(const T *x, const T *e, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)e[i];
    return (double)NAME(row_max)(x, n) + log(sum);
}

static void NAME(dense_unit)(const struct kernel_call *c, int64_t u, T *e) {
    const struct rows *g = c->geometry;
    int64_t row = u * g->per_unit, n_rows = min_i64(g->per_unit, g->rows - row), n = g->n;
    const T *x = (const T *)c->in[0].data + row * n, *labels = (const T *)c->in[1].data + row * n;
    T *out = (T *)c->out[0].data + row;
    if (n == 0) {
        for (int64_t r = 0; r < n_rows; r++)
            out[r] = 0;
        return;
    }
    NAME(exponentials)(x, n_rows, n, e);
    for (int64_t r = 0; r < n_rows; r++, x += n, e += n, labels += n) {
        double log_sum = NAME(log_sum)(x, e, n);
        double loss = 0;
        for (int64_t i = 0; i < n; i++)
            /* a class that cannot be, of probability 0, costs nothing: 0 * inf would be NaN */
            loss += labels[i] == 0 ? 0.0 : (double)labels[i] * (log_sum - (double)x[i]);
        out[r] = (T)loss;
    }
}

static void NAME(sparse_unit)(const struct kernel_call *c, int64_t u, T *e) {
    const struct rows *g = c->geometry;
    int64_t row = u * g->per_unit, n_rows = min_i64(g->per_unit, g->rows - row), n = g->n;
    const T *x = (const T *)c->in[0].data + row * n;
    T *out = (T *)c->out[0].data + row;
    if (n > 0)
        NAME(exponentials)(x, n_rows, n, e);
    for (int64_t r = 0; r < n_rows; r++, x += n, e += n) {
        int64_t k = class_of(c, row + r, n);
        out[r] = n > 0 ? (T)(NAME(log_sum)(x, e, n) - (double)x[k]) : 0;
    }
}

#undef NAME
#undef T
#undef TAG
