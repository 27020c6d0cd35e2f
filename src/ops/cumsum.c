/* Sums of all elements up to each one along an axis.
 *
 * Method: x is seen as [outer, n, inner]; a unit goes along the axis for some neighbouring columns,
 * their sums kept in double (floats) or wrapping around (whole numbers). Where rows are few and
 * long, the axis is cut into pieces by the sizes alone: phase 0 adds up each piece, phase 1 goes
 * through each from the sum of those before it, added in their order. cumsums of bool and uint8
 * are int, as sums are. */
#include "ops/ops.h"

#ifdef OPS_RULES

bool cumsum_shape(struct shape_call *c) {
    enum dtype t = c->in_dtype[0];
    if (!axis_normalise(c, 0, &c->attr[0].i))
        return false;
    c->out = c->in[0];
    c->out_dtype = t == DTYPE_BOOL || t == DTYPE_U8 ? DTYPE_I32 : t;
    return true;
}

/* An element is in the sums of all that come after it: the same the other way round. */
void cumsum_gradient(struct gradient_call *c) {
    struct attr attr[3] = {c->node->attr[0], c->node->attr[1], c->node->attr[2]};
    attr[2].i = !attr[2].i;
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_cumsum, &c->dy, 1, attr, NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

enum { WIDTH = 64, PIECE = 16384, FEW = 16, UNIT_ELEMENTS = 16384 };

struct cumsum {
    int64_t outer, n, inner;
    int64_t columns;         /* of at most WIDTH, in a row of inner */
    int64_t rows;            /* outer indices a unit, where inner is 1 */
    int64_t piece, n_pieces; /* steps along the axis a unit */
    bool exclusive, reverse;
};

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct cumsum *g = arena_new(a, struct cumsum);
    const struct kernel_arg *x = &c->in[0];
    int axis = (int)c->attr[0].i;
    g->exclusive = c->attr[1].i, g->reverse = c->attr[2].i;
    g->outer = arg_span(x, 0, axis);
    g->n = x->dim[axis];
    g->inner = arg_span(x, axis + 1, x->rank);
    g->columns = ceil_div(g->inner, WIDTH);
    g->rows = g->inner == 1 ? max_i64(1, UNIT_ELEMENTS / max_i64(g->n, 1)) : 1;
    int64_t units = ceil_div(g->outer, g->rows) * g->columns;
    int64_t each = min_i64(g->inner, WIDTH);
    g->piece = units < FEW ? max_i64(1, PIECE / max_i64(each, 1)) : g->n;
    g->n_pieces = g->rows > 1 || g->n <= g->piece ? 1 : ceil_div(g->n, g->piece);
    c->geometry = g;
    double bytes = (double)arg_count(x) * (double)(dtype_bytes(x->dtype) + 8);
    bool empty = arg_count(x) == 0;
    work_set(w, "scan", empty ? 0 : units * g->n_pieces, bytes);
    if (g->n_pieces > 1 && !empty) {
        w->n_phases = 2;
        w->units[1] = w->units[0], w->cost[1] = bytes;
        w->shared_bytes = (size_t)(g->outer * g->inner * g->n_pieces) * 8;
    }
}

/* Steps [from, to) along the axis of `width` columns of outer index o; sums holds what came before
 * and is moved on. out NULL: only that. */
#define SCAN(T, ACC, OUT, tag)                                                                     \
    static void scan_##tag(const struct cumsum *g, const void *data, int64_t o, int64_t column,    \
                           int64_t width, int64_t from, int64_t to, void *sums, void *result) {    \
        ACC *acc = sums;                                                                           \
        for (int64_t t = from; t < to; t++) {                                                      \
            int64_t at = (o * g->n + (g->reverse ? g->n - 1 - t : t)) * g->inner + column;         \
            const T *x = (const T *)data + at;                                                     \
            OUT *out = (OUT *)result + at;                                                         \
            if (result && g->exclusive)                                                            \
                for (int64_t j = 0; j < width; j++)                                                \
                    out[j] = (OUT)acc[j];                                                          \
            for (int64_t j = 0; j < width; j++)                                                    \
                acc[j] += (ACC)x[j];                                                               \
            if (result && !g->exclusive)                                                           \
                for (int64_t j = 0; j < width; j++)                                                \
                    out[j] = (OUT)acc[j];                                                          \
        }                                                                                          \
    }                                                                                              \
    static void unit_##tag(const struct kernel_call *c, const struct cumsum *g, int64_t o,         \
                           int64_t column, int64_t piece, bool last) {                             \
        int64_t width = min_i64(WIDTH, g->inner - column), from = piece * g->piece;                \
        ACC *shared = (ACC *)c->shared + (o * g->inner + column) * g->n_pieces;                    \
        ACC acc[WIDTH] = {0};                                                                      \
        for (int64_t j = 0; last && j < width; j++)                                                \
            for (int64_t p = 0; p < piece; p++)                                                    \
                acc[j] += shared[j * g->n_pieces + p];                                             \
        scan_##tag(g, c->in[0].data, o, column, width, from,                                       \
                   g->n_pieces > 1 ? min_i64(g->n, from + g->piece) : g->n, acc,                   \
                   last ? c->out[0].data : NULL);                                                  \
        for (int64_t j = 0; !last && j < width; j++)                                               \
            shared[j * g->n_pieces + piece] = acc[j];                                              \
    }
SCAN(float, double, float, f32)
SCAN(double, double, double, f64)
SCAN(int32_t, uint64_t, int32_t, i32)
SCAN(int64_t, uint64_t, int64_t, i64)
SCAN(uint8_t, uint64_t, int32_t, u8)
#undef SCAN

typedef void unit_function(const struct kernel_call *c, const struct cumsum *g, int64_t o,
                           int64_t column, int64_t piece, bool last);
static unit_function *const unit_of[N_DTYPES] = {
    [DTYPE_F32] = unit_f32, [DTYPE_F64] = unit_f64, [DTYPE_I32] = unit_i32,
    [DTYPE_I64] = unit_i64, [DTYPE_U8] = unit_u8,   [DTYPE_BOOL] = unit_u8,
};

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    (void)scratch;
    const struct cumsum *g = c->geometry;
    bool last = phase == 1 || g->n_pieces == 1;
    for (int64_t u = begin; u < end; u++) {
        int64_t piece = u % g->n_pieces, rest = u / g->n_pieces;
        int64_t o = rest / g->columns * g->rows, column = rest % g->columns * WIDTH;
        for (int64_t end_row = min_i64(g->outer, o + g->rows); o < end_row; o++)
            unit_of[c->in[0].dtype](c, g, o, column, piece, last);
    }
}

const struct kernel KERNEL(cumsum_kernel) = {prepare, run};

#endif
