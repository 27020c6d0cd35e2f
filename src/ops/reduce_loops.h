/* The loops of reductions for one element type; included once a type by reduce.c.
 *
 * T the element's C type, TAG as in math.h, SUM_T the type that sums are kept in between blocks
 * (double for floats, int64_t for whole numbers), PROD_T the same for products (unsigned, because
 * they wrap), OUT the type of a sum or product that is stored, FLOATS 1 or 0. Maxima and minima are
 * kept in T.
 *
 * Three loops an op, all of which add to what stands in acc:
 *   runs   acc[j] with the n contiguous elements at x + j * stride, for j = 0..n_runs-1
 *   rows   acc[i] with x[r * stride + i] for r = 0..n_rows-1, i = 0..width-1 (width <= MAX_WIDTH)
 *   join   acc[i] with part[i] */

#define NAME(f) OPS_PASTE(f, TAG)

#if FLOATS
/* Partial sums in vectors, spread out to double every SUM_BLOCK elements: the same bits on every
 * instruction set, and an error that does not grow with n. What is left is added as doubles. */
typedef T NAME(lanes) __attribute__((vector_size(64), aligned(sizeof(T)), may_alias));
typedef T NAME(eight) __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef double NAME(wide) __attribute__((vector_size(64)));

static double NAME(sum_run)(const T *x, int64_t n) {
    enum { LANES = 64 / sizeof(T) };
    NAME(wide) w = {0};
    int64_t i = 0;
    while (n - i >= 4 * LANES) {
        int64_t end = i + min_i64((n - i) / (4 * LANES) * (4 * LANES), SUM_BLOCK);
        NAME(lanes) a = {0}, b = {0}, c = {0}, d = {0};
        for (; i < end; i += 4 * LANES) {
            a += *(const NAME(lanes) *)(x + i);
            b += *(const NAME(lanes) *)(x + i + LANES);
            c += *(const NAME(lanes) *)(x + i + 2 * LANES);
            d += *(const NAME(lanes) *)(x + i + 3 * LANES);
        }
        a = (a + b) + (c + d);
        for (int l = 0; l < LANES / 8; l++)
            w += __builtin_convertvector(((const NAME(eight) *)&a)[l], NAME(wide));
    }
    for (; i + 8 <= n; i += 8)
        w += __builtin_convertvector(*(const NAME(eight) *)(x + i), NAME(wide));
    double total = ((w[0] + w[4]) + (w[1] + w[5])) + ((w[2] + w[6]) + (w[3] + w[7]));
    for (; i < n; i++)
        total += (double)x[i];
    return total;
}

static void NAME(sum_runs)(const void *from, int64_t n, int64_t n_runs, int64_t stride, void *to) {
    const T *x = from;
    double *acc = to;
    for (int64_t j = 0; j < n_runs; j++)
        acc[j] += NAME(sum_run)(x + j * stride, n);
}

/* Up to ROW_BLOCK rows are added in T, four at a time, and then to the doubles. */
static void NAME(sum_rows)(const void *from, int64_t n_rows, int64_t stride, int64_t width,
                           void *to) {
    const T *x = from;
    double *acc = to;
    T part[MAX_WIDTH];
    for (int64_t r = 0; r < n_rows;) {
        int64_t end = min_i64(n_rows, r + ROW_BLOCK);
        for (int64_t i = 0; i < width; i++)
            part[i] = x[r * stride + i];
        for (r++; r + 4 <= end; r += 4) {
            const T *a = x + r * stride, *b = a + stride, *c = b + stride, *d = c + stride;
            for (int64_t i = 0; i < width; i++)
                part[i] += (a[i] + b[i]) + (c[i] + d[i]);
        }
        for (; r < end; r++)
            for (int64_t i = 0; i < width; i++)
                part[i] += x[r * stride + i];
        for (int64_t i = 0; i < width; i++)
            acc[i] += (double)part[i];
    }
}
#else
static void NAME(sum_runs)(const void *from, int64_t n, int64_t n_runs, int64_t stride, void *to) {
    const T *x = from;
    int64_t *acc = to;
    for (int64_t j = 0; j < n_runs; j++) {
        uint64_t total = 0;
        for (int64_t i = 0; i < n; i++)
            total += (uint64_t)(int64_t)x[j * stride + i];
        acc[j] = (int64_t)((uint64_t)acc[j] + total);
    }
}

static void NAME(sum_rows)(const void *from, int64_t n_rows, int64_t stride, int64_t width,
                           void *to) {
    const T *x = from;
    int64_t *acc = to;
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t i = 0; i < width; i++)
            acc[i] = (int64_t)((uint64_t)acc[i] + (uint64_t)(int64_t)x[r * stride + i]);
}
#endif

static void NAME(sum_store)(const void *from, int64_t n, double count, void *to) {
    const SUM_T *acc = from;
    OUT *out = to;
    (void)count;
    for (int64_t i = 0; i < n; i++)
        out[i] = (OUT)acc[i];
}

static void NAME(mean_store)(const void *from, int64_t n, double count, void *to) {
    const SUM_T *acc = from;
    MEAN_OUT *out = to;
    for (int64_t i = 0; i < n; i++)
        out[i] = (MEAN_OUT)((double)acc[i] / count);
}

#if FLOATS
static void NAME(log_sum_store)(const void *from, int64_t n, double count, void *to) {
    const SUM_T *acc = from;
    OUT *out = to;
    (void)count;
    for (int64_t i = 0; i < n; i++)
        out[i] = (OUT)log(acc[i]);
}
#endif

static void NAME(prod_init)(void *to, int64_t n) {
    PROD_T *acc = to;
    for (int64_t i = 0; i < n; i++)
        acc[i] = 1;
}

/* Eight partial products, the same on every instruction set. */
static void NAME(prod_runs)(const void *from, int64_t n, int64_t n_runs, int64_t stride, void *to) {
    enum { LANES = 8 };
    PROD_T *acc = to;
    for (int64_t j = 0; j < n_runs; j++) {
        const T *x = (const T *)from + j * stride;
        PROD_T lane[LANES] = {1, 1, 1, 1, 1, 1, 1, 1};
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES)
            for (int l = 0; l < LANES; l++)
                lane[l] *= (PROD_T)x[i + l];
        for (; i < n; i++)
            lane[i % LANES] *= (PROD_T)x[i];
        for (int l = 0; l < LANES; l++)
            acc[j] *= lane[l];
    }
}

static void NAME(prod_rows)(const void *from, int64_t n_rows, int64_t stride, int64_t width,
                            void *to) {
    const T *x = from;
    PROD_T *acc = to;
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t i = 0; i < width; i++)
            acc[i] *= (PROD_T)x[r * stride + i];
}

static void NAME(prod_join)(const void *from, int64_t n, void *to) {
    const PROD_T *part = from;
    PROD_T *acc = to;
    for (int64_t i = 0; i < n; i++)
        acc[i] *= part[i];
}

#define EXTREME(op, NOTHING)                                                                       \
    static void NAME(op##_init)(void *to, int64_t n) {                                             \
        T *acc = to;                                                                               \
        for (int64_t i = 0; i < n; i++)                                                            \
            acc[i] = NOTHING;                                                                      \
    }                                                                                              \
    static void NAME(op##_runs)(const void *from, int64_t n, int64_t n_runs, int64_t stride,       \
                                void *to) {                                                        \
        T *acc = to;                                                                               \
        for (int64_t j = 0; j < n_runs; j++) {                                                     \
            const T *x = (const T *)from + j * stride;                                             \
            T lane[N_LANES], few[N_FEW], best = acc[j];                                            \
            int64_t i = 0;                                                                         \
            for (int l = 0; l < N_LANES; l++)                                                      \
                lane[l] = NOTHING;                                                                 \
            for (; i + N_LANES <= n; i += N_LANES)                                                 \
                for (int l = 0; l < N_LANES; l++)                                                  \
                    lane[l] = KM(op)(lane[l], x[i + l]);                                           \
            for (int l = 0; l < N_LANES && i; l++)                                                 \
                best = KM(op)(best, lane[l]);                                                      \
            for (int l = 0; l < N_FEW; l++)                                                        \
                few[l] = best;                                                                     \
            for (; i + N_FEW <= n; i += N_FEW)                                                     \
                for (int l = 0; l < N_FEW; l++)                                                    \
                    few[l] = KM(op)(few[l], x[i + l]);                                             \
            for (int l = 0; l < N_FEW; l++)                                                        \
                best = KM(op)(best, few[l]);                                                       \
            for (; i < n; i++)                                                                     \
                best = KM(op)(best, x[i]);                                                         \
            acc[j] = best;                                                                         \
        }                                                                                          \
    }                                                                                              \
    static void NAME(op##_rows)(const void *from, int64_t n_rows, int64_t stride, int64_t width,   \
                                void *to) {                                                        \
        const T *x = from;                                                                         \
        T *acc = to;                                                                               \
        for (int64_t r = 0; r < n_rows; r++)                                                       \
            INDEPENDENT                                                                            \
            for (int64_t i = 0; i < width; i++)                                                    \
                acc[i] = KM(op)(acc[i], x[r * stride + i]);                                        \
    }                                                                                              \
    static void NAME(op##_join)(const void *from, int64_t n, void *to) {                           \
        NAME(op##_rows)(from, 1, 0, n, to);                                                        \
    }
EXTREME(max, LOWEST)
EXTREME(min, HIGHEST)
#undef EXTREME

static void NAME(extreme_store)(const void *from, int64_t n, double count, void *to) {
    (void)count;
    memcpy(to, from, (size_t)n * sizeof(T));
}

static const struct reducer NAME(reducers)[] = {
    {sizeof(SUM_T), sizeof(T), OPS_PASTE(sum_init, SUM_TAG), NAME(sum_runs), NAME(sum_rows),
     OPS_PASTE(sum_join, SUM_TAG), NAME(sum_store)},
    {sizeof(SUM_T), sizeof(T), OPS_PASTE(sum_init, SUM_TAG), NAME(sum_runs), NAME(sum_rows),
     OPS_PASTE(sum_join, SUM_TAG), NAME(mean_store)},
    {sizeof(PROD_T), sizeof(T), NAME(prod_init), NAME(prod_runs), NAME(prod_rows), NAME(prod_join),
     NAME(sum_store)},
    {sizeof(T), sizeof(T), NAME(max_init), NAME(max_runs), NAME(max_rows), NAME(max_join),
     NAME(extreme_store)},
    {sizeof(T), sizeof(T), NAME(min_init), NAME(min_runs), NAME(min_rows), NAME(min_join),
     NAME(extreme_store)},
#if FLOATS
    {sizeof(SUM_T), sizeof(T), OPS_PASTE(sum_init, SUM_TAG), NAME(sum_runs), NAME(sum_rows),
     OPS_PASTE(sum_join, SUM_TAG), NAME(log_sum_store)},
#endif
};

#undef NAME
#undef T
#undef TAG
#undef SUM_T
#undef PROD_T
#undef SUM_TAG
#undef OUT
#undef MEAN_OUT
#undef FLOATS
#undef LOWEST
#undef HIGHEST
