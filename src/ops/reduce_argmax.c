/* argmax and argmin along one axis: the first of equal largest or smallest elements; a NaN comes
 * before all numbers, the first of several, as in NumPy.
 *
 * Along an axis that is not the last, columns are compared side by side. A long row is looked
 * through block by block: the best of a block is found with as many lanes as fill vectors, and
 * only when it beats all before, its place. Short rows are turned into columns first. */
#include "ops/ops.h"

#ifdef OPS_RULES

static bool choose_shape(struct shape_call *c) {
    if (!axis_normalise(c, 0, &c->attr[0].i))
        return false;
    int axis = (int)c->attr[0].i;
    const struct shape *in = &c->in[0];
    if (dim_is_const(in->d[axis]) && in->d[axis].k == 0) {
        shape_refuse(c, E_SHAPE, "%s: axis %d is empty, there is nothing to choose from",
                     c->spelling, axis);
        shape_mark(c, 0, axis);
        return false;
    }
    c->out = shape_scalar();
    for (int i = 0; i < in->rank; i++)
        if (i != axis)
            c->out.d[c->out.rank++] = in->d[i];
    c->out_dtype = DTYPE_I32;
    return true;
}

bool argmax_shape(struct shape_call *c) { return choose_shape(c); }
bool argmin_shape(struct shape_call *c) { return choose_shape(c); }

#endif

#ifdef OPS_KERNELS

/* Columns at a time; rows of fewer elements are turned; elements of a row that are looked through
 * at a time, and lanes of that. */
enum { WIDTH = 256, SHORT_ROW = 48, BLOCK = 512, LANES = 64, UNIT_ELEMENTS = 16384 };

/* x is [outer, n, inner]. A unit is `rows` outer indices, or WIDTH columns of one. */
struct choice {
    int64_t outer, n, inner, rows, columns;
};

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                    const char *name) {
    struct choice *g = arena_new(a, struct choice);
    const struct kernel_arg *x = &c->in[0];
    int axis = (int)c->attr[0].i;
    g->outer = arg_span(x, 0, axis);
    g->n = x->dim[axis];
    g->inner = arg_span(x, axis + 1, x->rank);
    g->rows = g->inner == 1 ? max_i64(1, UNIT_ELEMENTS / max_i64(g->n, 1)) : 1;
    g->columns = ceil_div(g->inner, WIDTH);
    c->geometry = g;
    work_set(w, name, ceil_div(g->outer, g->rows) * g->columns,
             (double)arg_count(x) * (double)dtype_bytes(x->dtype));
}

/* op: > or <. `beats`: x comes before the best so far; written without branches, so that loops over
 * columns vectorise. */
#define CHOOSE(T, tag, op, is_nan)                                                                 \
    /* The best of x[0..n), n a multiple of LANES, and of what is given; a NaN, if there is one. */  \
    static T best_##tag(const T *x, int64_t n, T best) {                                           \
        T lane[LANES];                                                                             \
        for (int l = 0; l < LANES; l++)                                                            \
            lane[l] = best;                                                                        \
        for (int64_t i = 0; i < n; i += LANES)                                                     \
            for (int l = 0; l < LANES; l++)                                                        \
                lane[l] = (x[i + l] op lane[l]) | is_nan(x[i + l]) ? x[i + l] : lane[l];           \
        for (int l = 0; l < LANES; l++)                                                            \
            best = (lane[l] op best) | is_nan(lane[l]) ? lane[l] : best;                           \
        return best;                                                                               \
    }                                                                                              \
    /* The first of x[0..n) that is `best`, which one is; n as above. */                           \
    static int64_t place_##tag(const T *x, int64_t n, T best) {                                    \
        int64_t i = 0;                                                                             \
        for (int any = 0; i < n; i += LANES) {                                                     \
            for (int l = 0; l < LANES; l++)                                                        \
                any |= (x[i + l] == best) | (is_nan(x[i + l]) & is_nan(best));                     \
            if (any)                                                                               \
                break;                                                                             \
        }                                                                                          \
        while (!((x[i] == best) | (is_nan(x[i]) & is_nan(best))))                                  \
            i++;                                                                                   \
        return i;                                                                                  \
    }                                                                                              \
    static int32_t row_##tag(const T *x, int64_t n) {                                              \
        T best = x[0];                                                                             \
        int64_t at = 0, i = 0;                                                                     \
        for (; i + LANES <= n && !is_nan(best);) {                                                 \
            int64_t length = min_i64(BLOCK, (n - i) / LANES * LANES);                              \
            T found = best_##tag(x + i, length, best);                                             \
            if ((found op best) | is_nan(found))                                                   \
                best = found, at = i + place_##tag(x + i, length, best);                           \
            i += length;                                                                           \
        }                                                                                          \
        for (; i < n && !is_nan(best); i++)                                                        \
            if ((x[i] op best) | is_nan(x[i]))                                                     \
                best = x[i], at = i;                                                               \
        return (int32_t)at;                                                                        \
    }                                                                                              \
    static void columns_##tag(const T *x, int64_t n, int64_t stride, int64_t width,                \
                              int32_t *out) {                                                      \
        T best[WIDTH];                                                                             \
        for (int64_t j = 0; j < width; j++)                                                        \
            best[j] = x[j], out[j] = 0;                                                            \
        for (int64_t i = 1; i < n; i++)                                                            \
            for (int64_t j = 0; j < width; j++) {                                                  \
                T v = x[i * stride + j];                                                           \
                int beats = (v op best[j]) | (is_nan(v) & !is_nan(best[j]));                       \
                best[j] = beats ? v : best[j];                                                     \
                out[j] = beats ? (int32_t)i : out[j];                                              \
            }                                                                                      \
    }                                                                                              \
    static void short_##tag(const T *x, int64_t n, int64_t rows, int32_t *out) {                   \
        T turned[SHORT_ROW * WIDTH];                                                               \
        for (int64_t j = 0; j < rows; j++)                                                         \
            for (int64_t i = 0; i < n; i++)                                                        \
                turned[i * WIDTH + j] = x[j * n + i];                                              \
        columns_##tag(turned, n, WIDTH, rows, out);                                                \
    }                                                                                              \
    static void unit_##tag(const struct choice *g, const void *from, int32_t *out, int64_t u) {    \
        const T *x = from;                                                                         \
        int64_t row = u / g->columns * g->rows, column = u % g->columns * WIDTH;                   \
        int64_t last = min_i64(g->outer, row + g->rows);                                           \
        if (g->inner == 1 && g->n <= SHORT_ROW)                                                    \
            for (; row < last; row += WIDTH)                                                       \
                short_##tag(x + row * g->n, g->n, min_i64(WIDTH, last - row), out + row);          \
        else if (g->inner == 1)                                                                    \
            for (; row < last; row++)                                                              \
                out[row] = row_##tag(x + row * g->n, g->n);                                        \
        else                                                                                       \
            columns_##tag(x + row * g->n * g->inner + column, g->n, g->inner,                      \
                          min_i64(WIDTH, g->inner - column), out + row * g->inner + column);       \
    }
#define FLOAT_NAN(v) ((v) != (v))
#define NEVER_NAN(v) 0
CHOOSE(float, max_f32, >, FLOAT_NAN)
CHOOSE(double, max_f64, >, FLOAT_NAN)
CHOOSE(int32_t, max_i32, >, NEVER_NAN)
CHOOSE(int64_t, max_i64, >, NEVER_NAN)
CHOOSE(uint8_t, max_u8, >, NEVER_NAN)
CHOOSE(float, min_f32, <, FLOAT_NAN)
CHOOSE(double, min_f64, <, FLOAT_NAN)
CHOOSE(int32_t, min_i32, <, NEVER_NAN)
CHOOSE(int64_t, min_i64, <, NEVER_NAN)
CHOOSE(uint8_t, min_u8, <, NEVER_NAN)
#undef CHOOSE

typedef void unit_function(const struct choice *g, const void *x, int32_t *out, int64_t u);
static unit_function *const largest[N_DTYPES] = {
    [DTYPE_F32] = unit_max_f32, [DTYPE_F64] = unit_max_f64, [DTYPE_I32] = unit_max_i32,
    [DTYPE_I64] = unit_max_i64, [DTYPE_U8] = unit_max_u8,   [DTYPE_BOOL] = unit_max_u8,
};
static unit_function *const smallest[N_DTYPES] = {
    [DTYPE_F32] = unit_min_f32, [DTYPE_F64] = unit_min_f64, [DTYPE_I32] = unit_min_i32,
    [DTYPE_I64] = unit_min_i64, [DTYPE_U8] = unit_min_u8,   [DTYPE_BOOL] = unit_min_u8,
};

static void run_argmax(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    for (int64_t u = begin; u < end; u++)
        largest[c->in[0].dtype](c->geometry, c->in[0].data, c->out[0].data, u);
}

static void run_argmin(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    for (int64_t u = begin; u < end; u++)
        smallest[c->in[0].dtype](c->geometry, c->in[0].data, c->out[0].data, u);
}

static void prepare_argmax(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, "argmax");
}
static void prepare_argmin(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, "argmin");
}
const struct kernel KERNEL(argmax_kernel) = {prepare_argmax, run_argmax};
const struct kernel KERNEL(argmin_kernel) = {prepare_argmin, run_argmin};

#endif
