/* Elements by index along an axis, where each row along it has indices of its own: take_along_axis
 * takes them, take_along_axis_gradient adds into zeros where they were; each is the other's
 * gradient. A negative index is out of range.
 *
 * x is [outer, size, inner], the indices and what is taken [outer, n, inner]. The gradient's units
 * own what they write to: some columns of one outer index, into which all n are added in their
 * order, so sums are the same at any number of threads.
 *
 * Not for: the same indices for all rows (gather.c). */
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

/* The operand that indices of shape in[1] choose from has the shape `from`. */
static bool check_along(struct shape_call *c, const struct shape *from, int axis) {
    const struct shape *indices = &c->in[1];
    bool fits = from->rank == indices->rank;
    if (!dtype_is_int(c->in_dtype[1])) {
        shape_refuse(c, E_DTYPE, "%s: indices must be whole numbers, but they are %s", c->spelling,
                     dtype_name(c->in_dtype[1]));
        shape_mark(c, 1, -1);
        shape_help(c, "argsort, argmax and top_k give such; or convert them: cast(x, int)");
        return false;
    }
    for (int i = 0; fits && i < from->rank; i++)
        fits = i == axis || dim_compare(c->symbols, from->d[i], indices->d[i]) != DIM_DIFFER;
    if (fits)
        return true;
    shape_refuse(c, E_SHAPE,
                 "%s: the indices must have the axes of x, of the same sizes but for "
                 "axis %d",
                 c->spelling, axis);
    shape_mark(c, 0, -1);
    shape_mark(c, 1, -1);
    if (from->rank != indices->rank)
        shape_help(c, "gather(x, indices, axis=%d) takes the same for every row", axis);
    return false;
}

bool take_along_axis_shape(struct shape_call *c) {
    c->out_dtype = c->in_dtype[0];
    if (!axis_normalise(c, 0, &c->attr[0].i) || !check_along(c, &c->in[0], (int)c->attr[0].i))
        return false;
    c->out = c->in[0];
    c->out.d[c->attr[0].i] = c->in[1].d[c->attr[0].i];
    return true;
}

bool take_along_axis_gradient_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    c->out_dtype = c->in_dtype[0];
    return axis_normalise(c, 0, &c->attr[1].i) && check_along(c, &c->out, (int)c->attr[1].i);
}

void take_along_axis_gradient(struct gradient_call *c) {
    struct attr attr[2] = {{.kind = ATTR_SHAPE, .shape = c->node->in[0]->shape}, c->node->attr[0]};
    struct node *in[2] = {c->dy, c->node->in[1]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_take_along_axis_gradient, in, 2, attr, NULL, NULL);
}

void take_along_axis_gradient_gradient(struct gradient_call *c) {
    struct node *in[2] = {c->dy, c->node->in[1]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_take_along_axis, in, 2, &c->node->attr[1], NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

enum { WIDTH = 256, UNIT_ELEMENTS = 8192 };

/* A unit is WIDTH columns of `rows` outer indices. */
struct along {
    int64_t outer, size, n, inner, columns, rows;
};

/* `whole` is what is chosen from, [outer, size, inner]. */
static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                    const struct kernel_arg *whole, int axis) {
    struct along *g = arena_new(a, struct along);
    g->outer = arg_span(whole, 0, axis);
    g->size = whole->dim[axis];
    g->n = c->in[1].dim[axis];
    g->inner = arg_span(whole, axis + 1, whole->rank);
    g->columns = ceil_div(g->inner, WIDTH);
    int64_t row = max_i64(1, max_i64(g->n, g->size) * min_i64(g->inner, WIDTH));
    g->rows = max_i64(1, UNIT_ELEMENTS / row);
    c->geometry = g;
    work_set(w, "along", ceil_div(g->outer, g->rows) * g->columns,
             16.0 * (double)arg_count(&c->in[1]) + 4.0 * (double)arg_count(&c->out[0]));
}

static void prepare_take(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, &c->in[0], (int)c->attr[0].i);
}

static void prepare_add(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, &c->out[0], (int)c->attr[1].i);
}

/* The index at place i of the indices; 0 with the fault raised when there is no such element. */
static inline int64_t index_at(const struct kernel_call *c, const struct along *g, int64_t i) {
    int64_t index = arg_whole(&c->in[1], i);
    if (index >= 0 && index < g->size)
        return index;
    kernel_raise(c->fault, i, (double)index, 0, (double)g->size);
    return -1;
}

/* Elements as words of their size: they are only moved. */
#define TAKE(T, tag)                                                                               \
    static void take_##tag(const struct kernel_call *c, const struct along *g, int64_t o,          \
                           int64_t first, int64_t last) {                                          \
        const T *x = (const T *)c->in[0].data + o * g->size * g->inner;                            \
        T *out = c->out[0].data;                                                                   \
        for (int64_t k = 0; k < g->n; k++)                                                         \
            for (int64_t j = first; j < last; j++) {                                               \
                int64_t at = (o * g->n + k) * g->inner + j, index = index_at(c, g, at);            \
                out[at] = index < 0 ? 0 : x[index * g->inner + j];                                 \
            }                                                                                      \
    }
TAKE(uint8_t, 1)
TAKE(uint32_t, 4)
TAKE(uint64_t, 8)
#undef TAKE

#define ADD(T, SUM, tag)                                                                           \
    static void add_##tag(const struct kernel_call *c, const struct along *g, int64_t o,           \
                          int64_t first, int64_t last) {                                           \
        const T *dy = c->in[0].data;                                                               \
        T *out = (T *)c->out[0].data + o * g->size * g->inner;                                     \
        for (int64_t i = 0; i < g->size; i++)                                                      \
            memset(out + i * g->inner + first, 0, (size_t)(last - first) * sizeof(T));             \
        for (int64_t k = 0; k < g->n; k++)                                                         \
            for (int64_t j = first; j < last; j++) {                                               \
                int64_t at = (o * g->n + k) * g->inner + j, index = index_at(c, g, at);            \
                T *to = out + index * g->inner + j;                                                \
                if (index >= 0)                                                                    \
                    *to = (T)((SUM)*to + (SUM)dy[at]);                                             \
            }                                                                                      \
    }
ADD(float, float, F32)
ADD(double, double, F64)
ADD(int32_t, uint32_t, I32)
ADD(int64_t, uint64_t, I64)
ADD(uint8_t, uint32_t, U8)
#undef ADD

typedef void unit_function(const struct kernel_call *c, const struct along *g, int64_t o,
                           int64_t first, int64_t last);

static void run_units(const struct kernel_call *c, int64_t begin, int64_t end, unit_function *f) {
    const struct along *g = c->geometry;
    for (int64_t u = begin; u < end; u++) {
        int64_t o = u / g->columns * g->rows, column = u % g->columns * WIDTH;
        for (int64_t last = min_i64(g->outer, o + g->rows); o < last; o++)
            f(c, g, o, column, min_i64(g->inner, column + WIDTH));
    }
}

static void run_take(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)scratch;
    size_t bytes = dtype_bytes(c->in[0].dtype);
    run_units(c, begin, end, bytes == 1 ? take_1 : bytes == 4 ? take_4 : take_8);
}

static void run_add(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                    void *scratch) {
    static unit_function *const add_of[N_DTYPES] = {
        [DTYPE_F32] = add_F32, [DTYPE_F64] = add_F64, [DTYPE_I32] = add_I32,
        [DTYPE_I64] = add_I64, [DTYPE_U8] = add_U8,   [DTYPE_BOOL] = add_U8,
    };
    (void)phase, (void)scratch;
    run_units(c, begin, end, add_of[c->in[0].dtype]);
}

const struct kernel KERNEL(take_along_axis_kernel) = {prepare_take, run_take};
const struct kernel KERNEL(take_along_axis_gradient_kernel) = {prepare_add, run_add};

#endif
