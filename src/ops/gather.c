/* Elements by index along an axis: gather takes them, scatter_add adds to them; each is the other's
 * gradient. A negative index is out of range: it counts from no end.
 *
 * Both see their operand as [outer, size, inner], `size` along the axis, and the indices as one row
 * of n. scatter_add's units own what they write to: a piece of the inner elements of one outer
 * index, into which all n updates are added in the order of the indices. So an element that several
 * indices name is the same sum at any number of threads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

static bool check_indices(struct shape_call *c) {
    if (dtype_is_int(c->in_dtype[1]))
        return true;
    shape_refuse(c, E_DTYPE, "%s: indices must be whole numbers, but they are %s", c->spelling,
                 dtype_name(c->in_dtype[1]));
    shape_mark(c, 1, -1);
    if (c->in_dtype[1] == DTYPE_BOOL)
        shape_help(c, "a mask cannot choose, for the size would depend on the values; "
                      "where(mask, x, 0) keeps the shape");
    else
        shape_help(c, "convert them first: cast(x, int)");
    return false;
}

/* The shape of what is taken: in[0]'s, with the indices' axes in place of the axis. */
static bool taken_shape(struct shape_call *c, struct shape *taken) {
    const struct shape *x = &c->in[0], *indices = &c->in[1];
    if (!check_indices(c) || !axis_normalise(c, 0, &c->attr[0].i))
        return false;
    int axis = (int)c->attr[0].i;
    if (x->rank - 1 + indices->rank > MAX_RANK) {
        shape_refuse(c, E_SHAPE, "%s: the result would have %d axes; a tensor has at most %d",
                     c->spelling, x->rank - 1 + indices->rank, MAX_RANK);
        shape_mark(c, 0, -1);
        shape_mark(c, 1, -1);
        return false;
    }
    *taken = (struct shape){0};
    for (int i = 0; i < axis; i++)
        taken->d[taken->rank++] = x->d[i];
    for (int i = 0; i < indices->rank; i++)
        taken->d[taken->rank++] = indices->d[i];
    for (int i = axis + 1; i < x->rank; i++)
        taken->d[taken->rank++] = x->d[i];
    return true;
}

bool gather_shape(struct shape_call *c) {
    c->out_dtype = c->in_dtype[0];
    return taken_shape(c, &c->out);
}

bool scatter_add_shape(struct shape_call *c) {
    struct shape taken;
    const struct shape *updates = &c->in[2];
    if (c->in_dtype[0] == DTYPE_BOOL) {
        shape_refuse(c, E_DTYPE, "%s: bools cannot be added", c->spelling);
        shape_mark(c, 0, -1);
        return false;
    }
    if (!taken_shape(c, &taken))
        return false;
    c->out = c->in[0];
    c->out.on_purpose = 0;
    c->out_dtype = c->in_dtype[0];
    bool fits = updates->rank == taken.rank;
    for (int i = 0; fits && i < taken.rank; i++)
        fits = dim_compare(c->symbols, taken.d[i], updates->d[i]) != DIM_DIFFER;
    if (fits)
        return true;
    char want[SHAPE_TEXT], have[SHAPE_TEXT];
    shape_print(want, sizeof want, c->symbols, &taken);
    shape_print(have, sizeof have, c->symbols, updates);
    shape_refuse(c, E_SHAPE, "%s: these indices take %s of the target, but the updates are %s",
                 c->spelling, taken.rank ? want : "a scalar", updates->rank ? have : "a scalar");
    for (int i = 0; i < 3; i++)
        shape_mark(c, i, -1);
    return false;
}

static struct node *build_zeros(struct build *b, const struct node *like) {
    struct attr attr[3] = {
        {.kind = ATTR_FLOAT, .f = 0},
        {.kind = ATTR_SHAPE, .shape = like->shape},
        {.kind = ATTR_DTYPE, .dtype = like->dtype},
    };
    return build_op(b, OP_fill, NULL, 0, attr, NULL, NULL);
}

void gather_gradient(struct gradient_call *c) {
    struct node *zeros = c->need[0] ? build_zeros(c->b, c->node->in[0]) : NULL;
    if (zeros)
        c->dx[0] = build_op(c->b, OP_scatter_add, (struct node *[]){zeros, c->node->in[1], c->dy},
                            3, c->node->attr, NULL, NULL);
}

void scatter_add_gradient(struct gradient_call *c) {
    if (c->need[0])
        c->dx[0] = c->dy;
    if (c->need[2])
        c->dx[2] = build_op(c->b, OP_gather, (struct node *[]){c->dy, c->node->in[1]}, 2,
                            c->node->attr, NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

enum { UNIT_BYTES = 65536, UNIT_ADDITIONS = 16384, PIECE = 64 };

struct gather {
    int64_t outer, size, inner, n;
    int64_t row_bytes; /* of the inner elements */
    int64_t per_unit;  /* gather: rows a unit; scatter_add: pieces a unit */
    int64_t pieces;    /* of a row */
    int64_t total;     /* scatter_add: bytes of the target */
};

static struct gather *new_gather(struct kernel_call *c, struct arena *a) {
    struct gather *g = arena_new(a, struct gather);
    const struct kernel_arg *x = &c->in[0];
    int axis = (int)c->attr[0].i;
    g->outer = arg_span(x, 0, axis);
    g->size = x->dim[axis];
    g->inner = arg_span(x, axis + 1, x->rank);
    g->n = arg_count(&c->in[1]);
    g->row_bytes = g->inner * (int64_t)dtype_bytes(x->dtype);
    c->geometry = g;
    return g;
}

static void prepare_gather(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct gather *g = new_gather(c, a);
    int64_t rows = g->row_bytes ? g->outer * g->n : 0;
    g->per_unit = max_i64(1, UNIT_BYTES / max_i64(g->row_bytes, 1));
    g->pieces = max_i64(1, ceil_div(g->row_bytes, UNIT_BYTES));
    work_set(w, "gather", ceil_div(rows, g->per_unit) * g->pieces,
             2.0 * (double)rows * (double)(g->row_bytes + 8));
}

/* The index at place i, or -1 with the fault raised. */
static int64_t checked_index(const struct kernel_call *c, const struct gather *g, int64_t i) {
    int64_t index = arg_whole(&c->in[1], i);
    if (index >= 0 && index < g->size)
        return index;
    kernel_raise(c->fault, i, (double)index, 0, (double)g->size);
    return -1;
}

static void gather_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    const struct gather *g = c->geometry;
    for (int64_t u = begin; u < end; u++) {
        int64_t row = u / g->pieces * g->per_unit, column = u % g->pieces * UNIT_BYTES;
        int64_t last = min_i64(row + g->per_unit, g->outer * g->n);
        int64_t bytes = min_i64(UNIT_BYTES, g->row_bytes - column);
        int64_t outer = row / g->n, i = row % g->n;
        char *to = (char *)c->out[0].data + row * g->row_bytes + column;
        for (; row < last; row++, to += g->row_bytes) {
            int64_t index = checked_index(c, g, i);
            const char *from = (const char *)c->in[0].data +
                               (outer * g->size + max_i64(index, 0)) * g->row_bytes + column;
            if (index < 0)
                memset(to, 0, (size_t)bytes);
            else if (bytes == 4)
                memcpy(to, from, 4);
            else if (bytes == 8)
                memcpy(to, from, 8);
            else
                memcpy(to, from, (size_t)bytes);
            if (++i == g->n)
                i = 0, outer++;
        }
    }
}

const struct kernel KERNEL(gather_kernel) = {prepare_gather, gather_run};

/* Phase 0 copies the target, phase 1 adds. */
static void prepare_scatter(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct gather *g = new_gather(c, a);
    g->pieces = ceil_div(g->inner, PIECE);
    g->total = arg_count(&c->in[0]) * (int64_t)dtype_bytes(c->in[0].dtype);
    g->per_unit = max_i64(1, UNIT_ADDITIONS / max_i64(1, g->n * min_i64(g->inner, PIECE)));
    work_set(w, "scatter", ceil_div(g->total, UNIT_BYTES), 2.0 * (double)g->total);
    w->n_phases = 2;
    w->units[1] = g->n ? ceil_div(g->outer * g->pieces, g->per_unit) : 0;
    w->cost[1] = 3.0 * (double)(g->outer * g->n) * (double)g->row_bytes;
}

/* The updates of one piece. Whole numbers wrap around: they are added as unsigned ones. */
#define ADD_PIECE(T, SUM, tag)                                                                     \
    static void add_##tag(const struct kernel_call *c, const struct gather *g, int64_t outer,      \
                          int64_t column) {                                                        \
        int64_t width = min_i64(PIECE, g->inner - column);                                         \
        T *target = (T *)c->out[0].data + outer * g->size * g->inner + column;                     \
        const T *from = (const T *)c->in[2].data + outer * g->n * g->inner + column;               \
        for (int64_t i = 0; i < g->n; i++, from += g->inner) {                                     \
            int64_t index = checked_index(c, g, i);                                                \
            if (index < 0)                                                                         \
                continue;                                                                          \
            T *to = target + index * g->inner;                                                     \
            INDEPENDENT                                                                            \
            for (int64_t k = 0; k < width; k++)                                                    \
                to[k] = (T)((SUM)to[k] + (SUM)from[k]);                                            \
        }                                                                                          \
    }
ADD_PIECE(float, float, f32)
ADD_PIECE(double, double, f64)
ADD_PIECE(int32_t, uint32_t, i32)
ADD_PIECE(int64_t, uint64_t, i64)
ADD_PIECE(uint8_t, uint8_t, u8)
#undef ADD_PIECE

static void add_piece(const struct kernel_call *c, const struct gather *g, int64_t piece) {
    int64_t outer = piece / g->pieces, column = piece % g->pieces * PIECE;
    switch (c->in[0].dtype) {
    case DTYPE_F32:
        add_f32(c, g, outer, column);
        break;
    case DTYPE_F64:
        add_f64(c, g, outer, column);
        break;
    case DTYPE_I32:
        add_i32(c, g, outer, column);
        break;
    case DTYPE_I64:
        add_i64(c, g, outer, column);
        break;
    default:
        add_u8(c, g, outer, column);
        break;
    }
}

static void scatter_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                        void *scratch) {
    (void)scratch;
    const struct gather *g = c->geometry;
    if (phase == 0) {
        int64_t first = begin * UNIT_BYTES, last = min_i64(end * UNIT_BYTES, g->total);
        if (first < last)
            memcpy((char *)c->out[0].data + first, (const char *)c->in[0].data + first,
                   (size_t)(last - first));
        return;
    }
    int64_t last = min_i64(end * g->per_unit, g->outer * g->pieces);
    for (int64_t piece = begin * g->per_unit; piece < last; piece++)
        add_piece(c, g, piece);
}

const struct kernel KERNEL(scatter_add_kernel) = {prepare_scatter, scatter_run};

#endif
