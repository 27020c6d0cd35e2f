/* Kernels of movement.c: transpose, broadcast_to, slice and slice_gradient are one copy between
 * strided views; concat and one_hot are their own.
 *
 * Method of the strided copy: axes of size 1 are dropped, axes that both sides walk as one are
 * merged. Then either rows along the innermost axis are copied (a block of memory, one value
 * repeated, or a stride), or, when the source is contiguous along another axis than the
 * destination, square blocks are turned: in registers, as large as a vector, each row of which is
 * a cache line or a good part of one, so that strides which fall on the same cache sets cost
 * nothing. */
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/vector.h"

#define REAL       float
#define REAL_BYTES 4
#define R(name)    OPS_PASTE(name, f32)
#include "ops/vector_transpose.h"
#undef REAL
#undef REAL_BYTES
#undef R

#define REAL       double
#define REAL_BYTES 8
#define R(name)    OPS_PASTE(name, f64)
#include "ops/vector_transpose.h"
#undef REAL
#undef REAL_BYTES
#undef R

/* Of a matrix that is large, a block to turn is long along the source's rows, so that each page
 * that it touches is used for more than a few lines. */
enum { UNIT_ELEMENTS = 8192, TILE = 32, LONG_TILE = 128, UNIT_BYTES = 65536 };

struct view_axis {
    int64_t dim, to, from; /* strides in elements of destination and source */
};

struct copy {
    int rank; /* at least 1 */
    struct view_axis axis[MAX_RANK];
    int64_t from_start, to_start; /* element of index 0 */
    int bytes;
    int64_t n_elements;
    bool tiles;                        /* the last two axes are turned */
    int64_t n_rows, per_unit, per_row; /* rows a unit, or units a row */
    int64_t tile, tiles_down; /* positions of the source's rows a unit */
};

static void add_view_axis(struct copy *g, int64_t dim, int64_t to, int64_t from) {
    if (dim == 1)
        return;
    struct view_axis *last = g->rank ? &g->axis[g->rank - 1] : NULL;
    if (last && last->to == to * dim && last->from == from * dim)
        *last = (struct view_axis){last->dim * dim, to, from};
    else
        g->axis[g->rank++] = (struct view_axis){dim, to, from};
}

/* Moves axis k, along which the source is contiguous, next to the last. */
static void choose_tiles(struct copy *g) {
    struct view_axis *a = g->axis;
    int last = g->rank - 1;
    if (a[last].from == 1 || a[last].from == 0 || a[last].to != 1)
        return;
    for (int k = 0; k < last; k++) {
        if (a[k].from != 1 || a[k].dim < 4 || a[last].dim < 2)
            continue;
        struct view_axis turned = a[k];
        memmove(a + k, a + k + 1, (size_t)(last - 1 - k) * sizeof *a);
        a[last - 1] = turned;
        g->tiles = true;
        return;
    }
}

static void prepare_copy(struct copy *g, struct kernel_call *c, struct kernel_work *w,
                         const char *name) {
    g->bytes = (int)dtype_bytes(c->in[0].dtype);
    g->n_elements = 1;
    if (g->rank == 0)
        g->axis[g->rank++] = (struct view_axis){1, 1, 1};
    choose_tiles(g);
    for (int i = 0; i < g->rank; i++)
        g->n_elements *= g->axis[i].dim;
    c->geometry = g;
    int64_t row = g->axis[g->rank - 1].dim, units = 0;
    if (g->n_elements && g->tiles) {
        int64_t down = g->axis[g->rank - 2].dim;
        g->tile = g->bytes > 1 && down >= 8 * LONG_TILE && row >= 8 * LONG_TILE ? LONG_TILE : TILE;
        g->tiles_down = ceil_div(down, g->tile);
        units = g->n_elements / row / g->axis[g->rank - 2].dim * g->tiles_down;
    } else if (g->n_elements) {
        g->n_rows = g->n_elements / row;
        g->per_unit = max_i64(1, UNIT_ELEMENTS / row);
        g->per_row = ceil_div(row, UNIT_ELEMENTS);
        units = g->per_row > 1 ? g->n_rows * g->per_row : ceil_div(g->n_rows, g->per_unit);
    }
    work_set(w, g->tiles ? "tiles" : name, units, 2.0 * (double)g->n_elements * g->bytes);
}

#define COPY_ROW(T, tag)                                                                           \
    static void row_##tag(T *to, int64_t to_stride, const T *from, int64_t from_stride,            \
                          int64_t n) {                                                             \
        if (to_stride == 1 && from_stride == 1) {                                                  \
            memcpy(to, from, (size_t)n * sizeof(T));                                               \
        } else if (to_stride == 1 && from_stride == 0) {                                           \
            const T x = *from;                                                                     \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = x;                                                                         \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * to_stride] = from[i * from_stride];                                         \
        }                                                                                          \
    }                                                                                              \
    /* to[r * to_stride + i] = from[r + i * from_stride] for a tile of up to TILE x TILE */        \
    static void tile_##tag(T *to, int64_t to_stride, const T *from, int64_t from_stride,           \
                           int64_t down, int64_t across) {                                         \
        T turned[TILE][TILE];                                                                      \
        for (int64_t i = 0; i < across; i++)                                                       \
            for (int64_t r = 0; r < down; r++)                                                     \
                turned[r][i] = from[r + i * from_stride];                                          \
        for (int64_t r = 0; r < down; r++)                                                         \
            memcpy(to + r * to_stride, turned[r], (size_t)across * sizeof(T));                     \
    }
COPY_ROW(uint8_t, 1)
COPY_ROW(uint32_t, 4)
COPY_ROW(uint64_t, 8)
#undef COPY_ROW

/* The same by blocks in registers; what is left at the edges as above. Elements are moved as
 * floats of their size: vectors keep all bits. */
#define TURN(T, F, bytes_, tag)                                                                    \
    static void turn_##bytes_(T *to, int64_t to_stride, const T *from, int64_t from_stride,        \
                              int64_t down, int64_t across) {                                      \
        enum { N = N_LANES_##tag, LINE = 64 / bytes_ }; /* whole cache lines are written */        \
        int64_t whole_down = down / N * N, whole_across = across / N * N;                          \
        if (across < N / 2) { /* too narrow for blocks */                                          \
            for (int64_t r = 0; r < down; r++)                                                     \
                for (int64_t i = 0; i < across; i++)                                               \
                    to[r * to_stride + i] = from[r + i * from_stride];                             \
            return;                                                                                \
        }                                                                                          \
        for (int64_t k = 0; k < whole_across; k += LINE)                                           \
            for (int64_t r = 0; r < whole_down; r += N)                                            \
                for (int64_t i = k; i < whole_across && i < k + LINE; i += N)                      \
                    transpose_##tag((F *)to + r * to_stride + i, to_stride,                        \
                                    (const F *)from + r + i * from_stride, from_stride, N);        \
        if (whole_down < down)                                                                     \
            tile_##bytes_(to + whole_down * to_stride, to_stride, from + whole_down, from_stride,  \
                          down - whole_down, across);                                              \
        for (int64_t r = 0; r < whole_down && whole_across < across; r += TILE)                    \
            tile_##bytes_(to + r * to_stride + whole_across, to_stride,                            \
                          from + r + whole_across * from_stride, from_stride,                      \
                          min_i64(TILE, whole_down - r), across - whole_across);                   \
    }
TURN(uint32_t, float, 4, f32)
TURN(uint64_t, double, 8, f64)
#undef TURN

static void copy_row(const struct copy *g, char *to, const char *from, int64_t first, int64_t n) {
    const struct view_axis *a = &g->axis[g->rank - 1];
    to += first * a->to * g->bytes;
    from += first * a->from * g->bytes;
    if (g->bytes == 4)
        row_4((uint32_t *)to, a->to, (const uint32_t *)from, a->from, n);
    else if (g->bytes == 8)
        row_8((uint64_t *)to, a->to, (const uint64_t *)from, a->from, n);
    else
        row_1((uint8_t *)to, a->to, (const uint8_t *)from, a->from, n);
}

/* Where row `index` of the axes before the last `inner` ones begins on both sides. */
static void find_row(const struct copy *g, int inner, int64_t index, char **to, const char **from) {
    int64_t t = g->to_start, f = g->from_start;
    for (int i = g->rank - 1 - inner; i >= 0; i--) {
        int64_t at = index % g->axis[i].dim;
        index /= g->axis[i].dim;
        t += at * g->axis[i].to;
        f += at * g->axis[i].from;
    }
    *to += t * g->bytes;
    *from += f * g->bytes;
}

static void copy_tiles(const struct copy *g, char *to, const char *from, int64_t unit) {
    const struct view_axis *a = &g->axis[g->rank - 2], *b = a + 1;
    int64_t first = unit % g->tiles_down * g->tile, down = min_i64(g->tile, a->dim - first);
    find_row(g, 2, unit / g->tiles_down, &to, &from);
    for (int64_t i = 0; i < b->dim; i += TILE) {
        char *t = to + (first * a->to + i) * g->bytes;
        const char *f = from + (first + i * b->from) * g->bytes;
        int64_t across = min_i64(TILE, b->dim - i);
        if (g->bytes == 4)
            turn_4((uint32_t *)t, a->to, (const uint32_t *)f, b->from, down, across);
        else if (g->bytes == 8)
            turn_8((uint64_t *)t, a->to, (const uint64_t *)f, b->from, down, across);
        else
            tile_1((uint8_t *)t, a->to, (const uint8_t *)f, b->from, down, across);
    }
}

/* n elements from `column` on of rows first .. last - 1. The axis before the innermost is walked
 * without finding each row anew. */
static void copy_rows(const struct copy *g, char *to, const char *from, int64_t first,
                      int64_t last, int64_t column, int64_t n) {
    const struct view_axis *outer = g->rank > 1 ? &g->axis[g->rank - 2] : NULL;
    while (first < last) {
        char *t = to;
        const char *f = from;
        int64_t n_rows = outer ? min_i64(last - first, outer->dim - first % outer->dim) : 1;
        find_row(g, 1, first, &t, &f);
        for (int64_t i = 0; i < n_rows; i++) {
            copy_row(g, t, f, column, n);
            t += outer ? outer->to * g->bytes : 0;
            f += outer ? outer->from * g->bytes : 0;
        }
        first += n_rows;
    }
}

static void copy_units(const struct copy *g, char *to, const char *from, int64_t begin,
                       int64_t end) {
    int64_t row = g->axis[g->rank - 1].dim;
    for (int64_t u = begin; u < end; u++) {
        if (g->tiles) {
            copy_tiles(g, to, from, u);
            continue;
        }
        int64_t first = g->per_row > 1 ? u / g->per_row : u * g->per_unit;
        int64_t last = g->per_row > 1 ? first + 1 : min_i64(g->n_rows, first + g->per_unit);
        int64_t column = g->per_row > 1 ? u % g->per_row * UNIT_ELEMENTS : 0;
        copy_rows(g, to, from, first, last, column,
                  g->per_row > 1 ? min_i64(UNIT_ELEMENTS, row - column) : row);
    }
}

static void copy_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)scratch;
    copy_units(c->geometry, c->out[0].data, c->in[0].data, begin, end);
}

static void prepare_transpose(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct copy *g = arena_new(a, struct copy);
    const struct kernel_arg *x = &c->in[0], *y = &c->out[0];
    for (int i = 0; i < y->rank; i++) {
        int axis = (int)c->attr[0].ints.v[i];
        add_view_axis(g, y->dim[i], arg_span(y, i + 1, y->rank), arg_span(x, axis + 1, x->rank));
    }
    prepare_copy(g, c, w, "rows");
}

static void prepare_broadcast(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct copy *g = arena_new(a, struct copy);
    const struct kernel_arg *x = &c->in[0], *y = &c->out[0];
    for (int i = 0; i < y->rank; i++) {
        int own = i - (y->rank - x->rank);
        bool stretched = own < 0 || x->dim[own] == 1;
        add_view_axis(g, y->dim[i], arg_span(y, i + 1, y->rank),
                      stretched ? 0 : arg_span(x, own + 1, x->rank));
    }
    prepare_copy(g, c, w, "rows");
}

/* Settings: begin, end, step. */
static void prepare_slice(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct copy *g = arena_new(a, struct copy);
    const struct kernel_arg *x = &c->in[0], *y = &c->out[0];
    for (int i = 0; i < y->rank; i++) {
        int64_t stride = arg_span(x, i + 1, x->rank);
        g->from_start += c->attr[0].ints.v[i] * stride;
        /* a step longer than the axis would overflow, and leaves one element */
        int64_t step = y->dim[i] > 1 ? c->attr[2].ints.v[i] : 1;
        add_view_axis(g, y->dim[i], arg_span(y, i + 1, y->rank), step * stride);
    }
    prepare_copy(g, c, w, "rows");
}

static void prepare_slice_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct copy *g = arena_new(a, struct copy);
    const struct kernel_arg *x = &c->in[0], *y = &c->out[0];
    for (int i = 0; i < x->rank; i++) {
        int64_t stride = arg_span(y, i + 1, y->rank);
        g->to_start += c->attr[1].ints.v[i] * stride;
        int64_t step = x->dim[i] > 1 ? c->attr[3].ints.v[i] : 1;
        add_view_axis(g, x->dim[i], step * stride, arg_span(x, i + 1, x->rank));
    }
    prepare_copy(g, c, w, "rows");
    double bytes = (double)arg_count(y) * g->bytes;
    w->n_phases = 2;
    w->units[1] = w->units[0];
    w->cost[1] = w->cost[0];
    w->units[0] = ceil_div(arg_count(y) * g->bytes, UNIT_BYTES);
    w->cost[0] = bytes;
}

static void slice_gradient_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                               void *scratch) {
    if (phase == 1) {
        copy_run(c, phase, begin, end, scratch);
        return;
    }
    int64_t bytes = arg_count(&c->out[0]) * (int64_t)dtype_bytes(c->out[0].dtype);
    int64_t first = begin * UNIT_BYTES, last = min_i64(end * UNIT_BYTES, bytes);
    if (first < last)
        memset((char *)c->out[0].data + first, 0, (size_t)(last - first));
}

const struct kernel KERNEL(transpose_kernel) = {prepare_transpose, copy_run};
const struct kernel KERNEL(broadcast_to_kernel) = {prepare_broadcast, copy_run};
const struct kernel KERNEL(slice_kernel) = {prepare_slice, copy_run};
const struct kernel KERNEL(slice_gradient_kernel) = {prepare_slice_gradient, slice_gradient_run};

/* The result as [outer, row]: part i is `length[i]` bytes of each row. */
struct concat {
    int64_t row, total;
    int64_t *length;
};

static void prepare_concat(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct concat *g = arena_new(a, struct concat);
    int axis = (int)c->attr[0].i;
    int64_t bytes = (int64_t)dtype_bytes(c->out[0].dtype);
    g->length = arena_array(a, int64_t, c->n_in);
    for (int i = 0; i < c->n_in; i++) {
        g->length[i] = arg_span(&c->in[i], axis, c->in[i].rank) * bytes;
        g->row += g->length[i];
    }
    g->total = arg_count(&c->out[0]) * bytes;
    c->geometry = g;
    work_set(w, "concat", ceil_div(g->total, UNIT_BYTES), 2.0 * (double)g->total);
}

static void concat_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    const struct concat *g = c->geometry;
    int64_t at = begin * UNIT_BYTES, last = min_i64(end * UNIT_BYTES, g->total);
    while (at < last) {
        int64_t outer = at / g->row, within = at % g->row;
        int part = 0;
        while (within >= g->length[part])
            within -= g->length[part++];
        int64_t n = min_i64(g->length[part] - within, last - at);
        memcpy((char *)c->out[0].data + at,
               (const char *)c->in[part].data + outer * g->length[part] + within, (size_t)n);
        at += n;
    }
}

const struct kernel KERNEL(concat_kernel) = {prepare_concat, concat_run};

static int64_t one_hot_rows(const struct kernel_call *c) {
    return max_i64(1, UNIT_ELEMENTS / max_i64(c->attr[0].i, 1));
}

static void prepare_one_hot(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)a;
    work_set(w, "one_hot", ceil_div(arg_count(&c->in[0]), one_hot_rows(c)),
             (double)arg_count(&c->out[0]) * (double)dtype_bytes(c->out[0].dtype));
}

static void set_one(const struct kernel_arg *y, int64_t i) {
    switch (y->dtype) {
    case DTYPE_F32:
        ((float *)y->data)[i] = 1;
        break;
    case DTYPE_F64:
        ((double *)y->data)[i] = 1;
        break;
    case DTYPE_I32:
        ((int32_t *)y->data)[i] = 1;
        break;
    case DTYPE_I64:
        ((int64_t *)y->data)[i] = 1;
        break;
    default:
        ((uint8_t *)y->data)[i] = 1;
        break;
    }
}

static void one_hot_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                        void *scratch) {
    (void)phase, (void)scratch;
    const struct kernel_arg *y = &c->out[0];
    int64_t depth = c->attr[0].i, bytes = (int64_t)dtype_bytes(y->dtype);
    int64_t row = begin * one_hot_rows(c);
    int64_t last = min_i64(end * one_hot_rows(c), arg_count(&c->in[0]));
    if (row < last && depth > 0)
        memset((char *)y->data + row * depth * bytes, 0, (size_t)((last - row) * depth * bytes));
    for (; row < last; row++) {
        int64_t index = arg_whole(&c->in[0], row);
        if (index >= 0 && index < depth)
            set_one(y, row * depth + index);
        else
            kernel_raise(c->fault, row, (double)index, 0, (double)depth);
    }
}

const struct kernel KERNEL(one_hot_kernel) = {prepare_one_hot, one_hot_run};

#endif
