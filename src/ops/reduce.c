/* Sum, mean, product, max, min, any and all over any set of axes: rules, gradients and kernels.
 *
 * Method: neighbouring axes that are both kept or both reduced are merged, so that the innermost
 * axis is either a contiguous run to be reduced or a row of results to be reduced into. Where
 * results are few, the reduced items are cut into pieces by the sizes alone; their partial
 * results are joined in order in a second phase, so the bits do not depend on threads. Sums of
 * floats are kept in double between blocks of at most SUM_BLOCK elements or ROW_BLOCK rows:
 * their error does not grow with the number of elements. Products of floats are kept in double,
 * so that only the whole product over- or underflows. Sums and products of bool and uint8 are int;
 * means of whole numbers are float.
 *
 * Not for: argmax, argmin (reduce_argmax.c), softmax (norm.c). */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

static bool reduce_shape(struct shape_call *c) {
    if (!axes_normalise(c, 0, &c->attr[0]))
        return false;
    const struct shape *in = &c->in[0];
    uint32_t reduced = 0;
    for (int i = 0; i < c->attr[0].ints.n; i++)
        reduced |= 1u << c->attr[0].ints.v[i];
    c->out = shape_scalar();
    for (int i = 0; i < in->rank; i++)
        if (!(reduced >> i & 1))
            c->out.d[c->out.rank++] = in->d[i];
        else if (c->attr[1].i)
            c->out.d[c->out.rank++] = dim_const(1);
    return true;
}

static bool total_shape(struct shape_call *c) {
    enum dtype t = c->in_dtype[0];
    c->out_dtype = t == DTYPE_BOOL || t == DTYPE_U8 ? DTYPE_I32 : t;
    return reduce_shape(c);
}

bool sum_shape(struct shape_call *c) { return total_shape(c); }
bool prod_shape(struct shape_call *c) { return total_shape(c); }
bool any_shape(struct shape_call *c) { return reduce_shape(c); }
bool all_shape(struct shape_call *c) { return reduce_shape(c); }

bool mean_shape(struct shape_call *c) {
    c->out_dtype = dtype_is_float(c->in_dtype[0]) ? c->in_dtype[0] : DTYPE_F32;
    return reduce_shape(c);
}

static bool extreme_shape(struct shape_call *c) {
    c->out_dtype = c->in_dtype[0];
    if (!reduce_shape(c))
        return false;
    for (int i = 0; i < c->attr[0].ints.n; i++) {
        int axis = (int)c->attr[0].ints.v[i];
        if (dim_is_const(c->in[0].d[axis]) && c->in[0].d[axis].k == 0) {
            shape_refuse(c, E_SHAPE, "%s: axis %d is empty, there is nothing to choose from",
                         c->spelling, axis);
            shape_mark(c, 0, axis);
            return false;
        }
    }
    return true;
}

bool log_sum_shape(struct shape_call *c) { return total_shape(c); }

bool max_shape(struct shape_call *c) { return extreme_shape(c); }
bool min_shape(struct shape_call *c) { return extreme_shape(c); }

/* x, which has the shape of the node's result, with the reduced axes back as axes of 1. */
static struct node *keep_axes(struct gradient_call *c, struct node *x) {
    struct shape kept = c->node->in[0]->shape;
    for (int i = 0; i < c->node->attr[0].ints.n; i++)
        kept.d[c->node->attr[0].ints.v[i]] = dim_const(1);
    return build_reshape(c->b, x, &kept);
}

void sum_gradient(struct gradient_call *c) {
    struct node *dy = c->need[0] ? keep_axes(c, c->dy) : NULL;
    if (dy)
        c->dx[0] = build_broadcast(c->b, dy, &c->node->in[0]->shape);
}

/* How many elements each mean is of; a node, because sizes may be symbolic: the sum of as many
 * ones. */
static struct node *count_reduced(struct gradient_call *c) {
    const struct node *n = c->node;
    struct shape reduced = shape_scalar();
    for (int i = 0; i < n->attr[0].ints.n; i++)
        reduced.d[reduced.rank++] = n->in[0]->shape.d[n->attr[0].ints.v[i]];
    if (shape_is_const(&reduced))
        return build_scalar(c->b, n->dtype, (double)shape_n_elements(&reduced));
    struct attr attr[3] = {{.kind = ATTR_FLOAT, .f = 1},
                           {.kind = ATTR_SHAPE, .shape = reduced},
                           {.kind = ATTR_DTYPE, .dtype = n->dtype}};
    struct node *ones = build_op(c->b, OP_fill, NULL, 0, attr, NULL, NULL);
    return ones ? build_1(c->b, OP_sum, ones) : NULL;
}

void mean_gradient(struct gradient_call *c) {
    if (!c->need[0] || !dtype_is_float(c->node->in[0]->dtype))
        return;
    struct node *count = count_reduced(c), *dy = keep_axes(c, c->dy);
    struct node *share = count && dy ? build_2(c->b, OP_div, dy, count) : NULL;
    if (share)
        c->dx[0] = build_broadcast(c->b, share, &c->node->in[0]->shape);
}

static uint32_t axes_mask(const struct node *n) {
    uint32_t axes = 0;
    for (int i = 0; i < n->attr[0].ints.n; i++)
        axes |= 1u << n->attr[0].ints.v[i];
    return axes;
}

/* dx = dy * (the product of the other elements). That is the product without zeros, over x, where
 * no other element is 0, and 0 where one is; so a single 0 gets the product of all others. */
void prod_gradient(struct gradient_call *c) {
    struct build *b = c->b;
    struct node *x = c->node->in[0];
    struct attr attr[2] = {c->node->attr[0], {.kind = ATTR_BOOL, .i = true}};
    if (!c->need[0])
        return;
    struct node *zero = build_scalar(b, x->dtype, 0), *one = build_scalar(b, x->dtype, 1);
    struct node *is_zero = build_2(b, OP_equal, x, zero);
    struct node *safe = is_zero ? build_3(b, OP_where, is_zero, one, x) : NULL;
    struct node *product = safe ? build_op(b, OP_prod, &safe, 1, attr, NULL, NULL) : NULL;
    struct node *zeros = is_zero ? build_cast(b, is_zero, x->dtype) : NULL;
    struct node *n_zeros = zeros ? build_sum(b, zeros, axes_mask(c->node), true) : NULL;
    struct node *alone = n_zeros ? build_2(b, OP_equal, n_zeros, zeros) : NULL;
    struct node *others = product ? build_2(b, OP_div, product, safe) : NULL;
    struct node *dy = keep_axes(c, c->dy),
                *dx = dy && others ? build_2(b, OP_mul, dy, others) : NULL;
    if (alone && dx)
        c->dx[0] = build_3(b, OP_where, alone, dx, zero);
}

/* Equal extremes share: dx = dy * [x == r] / (how many are equal). */
static void extreme_gradient(struct gradient_call *c) {
    struct build *b = c->b;
    struct node *x = c->node->in[0];
    if (!c->need[0])
        return;
    struct node *r = keep_axes(c, c->node), *dy = keep_axes(c, c->dy);
    struct node *equal = r ? build_2(b, OP_equal, x, r) : NULL;
    struct node *mask = equal ? build_cast(b, equal, x->dtype) : NULL;
    struct node *n_equal = mask ? build_sum(b, mask, axes_mask(c->node), true) : NULL;
    struct node *share = n_equal && dy ? build_2(b, OP_div, dy, n_equal) : NULL;
    if (share)
        c->dx[0] = build_2(b, OP_mul, mask, share);
}

void max_gradient(struct gradient_call *c) { extreme_gradient(c); }
void min_gradient(struct gradient_call *c) { extreme_gradient(c); }

#endif

#ifdef OPS_KERNELS

#include "ops/math.h"
#include "ops/reduce.h"

/* SUM_BLOCK, ROW_BLOCK: above. PIECE: elements that one unit reduces, about an L1 cache of
 * floats. */
enum { SUM_BLOCK = 4096, ROW_BLOCK = 32, PIECE = 16384, MAX_WIDTH = REDUCE_WIDTH };
enum { N_LANES = 64, N_FEW = 8 }; /* of maxima under way in a long run, in a short one */
enum { REDUCE_SUM, REDUCE_MEAN, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_LOG_SUM };

static void sum_init_f64(void *acc, int64_t n) { memset(acc, 0, (size_t)n * sizeof(double)); }
static void sum_init_i64(void *acc, int64_t n) { memset(acc, 0, (size_t)n * sizeof(int64_t)); }

static void sum_join_f64(const void *from, int64_t n, void *to) {
    const double *part = from;
    double *acc = to;
    for (int64_t i = 0; i < n; i++)
        acc[i] += part[i];
}

static void sum_join_i64(const void *from, int64_t n, void *to) {
    const uint64_t *part = from;
    uint64_t *acc = to;
    for (int64_t i = 0; i < n; i++)
        acc[i] += part[i];
}

#define T        float
#define TAG      f32
#define SUM_T    double
#define PROD_T   double
#define SUM_TAG  f64
#define OUT      float
#define MEAN_OUT float
#define FLOATS   1
#define LOWEST   (-INFINITY)
#define HIGHEST  INFINITY
#include "ops/reduce_loops.h"

#define T        double
#define TAG      f64
#define SUM_T    double
#define PROD_T   double
#define SUM_TAG  f64
#define OUT      double
#define MEAN_OUT double
#define FLOATS   1
#define LOWEST   (-(double)INFINITY)
#define HIGHEST  ((double)INFINITY)
#include "ops/reduce_loops.h"

#define T        int32_t
#define TAG      i32
#define SUM_T    int64_t
#define PROD_T   uint64_t
#define SUM_TAG  i64
#define OUT      int32_t
#define MEAN_OUT float
#define FLOATS   0
#define LOWEST   INT32_MIN
#define HIGHEST  INT32_MAX
#include "ops/reduce_loops.h"

#define T        int64_t
#define TAG      i64
#define SUM_T    int64_t
#define PROD_T   uint64_t
#define SUM_TAG  i64
#define OUT      int64_t
#define MEAN_OUT float
#define FLOATS   0
#define LOWEST   INT64_MIN
#define HIGHEST  INT64_MAX
#include "ops/reduce_loops.h"

#define T        uint8_t
#define TAG      u8
#define SUM_T    int64_t
#define PROD_T   uint64_t
#define SUM_TAG  i64
#define OUT      int32_t
#define MEAN_OUT float
#define FLOATS   0
#define LOWEST   0
#define HIGHEST  UINT8_MAX
#include "ops/reduce_loops.h"

#define T        uint8_t
#define TAG      b8
#define SUM_T    int64_t
#define PROD_T   uint64_t
#define SUM_TAG  i64
#define OUT      int32_t
#define MEAN_OUT float
#define FLOATS   0
#define LOWEST   0
#define HIGHEST  1
#include "ops/reduce_loops.h"

static const struct reducer *const reducers_of[N_DTYPES] = {
    [DTYPE_F32] = reducers_f32, [DTYPE_F64] = reducers_f64, [DTYPE_I32] = reducers_i32,
    [DTYPE_I64] = reducers_i64, [DTYPE_U8] = reducers_u8,   [DTYPE_BOOL] = reducers_b8,
};

/* Axes with their sizes and strides (in elements of the input), outermost first. */
struct axes {
    int rank;
    int64_t dim[MAX_RANK], stride[MAX_RANK], count;
};

struct reduction {
    const struct reducer *reducer;
    struct axes kept, reduced; /* without the innermost axis of all */
    bool rows;                 /* the innermost axis is kept: results come in rows of `inner` */
    int64_t inner;
    double count; /* elements a result */
    int64_t n_out;
    int64_t block, n_blocks; /* results a unit; units a piece */
    int64_t piece, n_pieces; /* reduced items (runs or rows) a unit */
    int64_t run;             /* a single run is cut into items of this length */
    int64_t element_bytes, out_bytes;
};

static void add_axis(struct axes *a, int64_t dim, int64_t stride) {
    if (a->rank && a->stride[a->rank - 1] == dim * stride) {
        a->dim[a->rank - 1] *= dim;
        a->stride[a->rank - 1] = stride;
    } else {
        a->dim[a->rank] = dim;
        a->stride[a->rank++] = stride;
    }
    a->count *= dim;
}

static void drop_innermost(struct axes *a) {
    a->count = 1;
    a->rank--;
    for (int i = 0; i < a->rank; i++)
        a->count *= a->dim[i];
}

static void split_axes(const struct kernel_call *c, struct reduction *r) {
    const struct kernel_arg *x = &c->in[0];
    const struct attr *axes = &c->attr[0];
    bool is_reduced[MAX_RANK] = {false};
    for (int i = 0; i < axes->ints.n; i++)
        is_reduced[axes->ints.v[i]] = true;
    r->kept.count = r->reduced.count = 1;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] != 1)
            add_axis(is_reduced[i] ? &r->reduced : &r->kept, x->dim[i],
                     arg_span(x, i + 1, x->rank));
    r->count = (double)r->reduced.count;
    r->n_out = r->kept.count;
    struct axes *a = &r->reduced, *k = &r->kept;
    r->rows = k->rank && k->stride[k->rank - 1] == 1;
    r->inner = 1;
    if (r->rows) {
        r->inner = k->dim[k->rank - 1];
        drop_innermost(k);
    } else if (a->rank) {
        r->inner = a->dim[a->rank - 1];
        drop_innermost(a);
    }
    r->run = r->inner;
}

/* Cuts results into blocks and, when those are few, reduced items into pieces. */
static void cut_units(struct reduction *r) {
    int64_t n_items = r->reduced.count, width, of_item;
    if (r->rows) {
        r->block = min_i64(r->inner, MAX_WIDTH);
        r->n_blocks = r->kept.count * ceil_div(r->inner, max_i64(r->block, 1));
        width = of_item = max_i64(r->block, 1);
    } else {
        int64_t each = max_i64(n_items * r->inner, 1);
        r->block = min_i64(max_i64(PIECE / each, 1), MAX_WIDTH);
        r->n_blocks = ceil_div(r->kept.count, r->block);
        width = r->block;
        if (n_items == 1 && r->inner > PIECE && r->kept.count < 16) {
            r->run = PIECE;
            n_items = ceil_div(r->inner, PIECE);
        }
        of_item = max_i64(r->run * width, 1);
    }
    r->piece = max_i64(n_items, 1);
    if (r->n_blocks > 0 && r->n_blocks < 16)
        r->piece = min_i64(r->piece, max_i64(PIECE / of_item, 1));
    r->n_pieces = n_items ? ceil_div(n_items, r->piece) : 1;
}

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a, int op) {
    struct reduction *r = arena_new(a, struct reduction);
    enum dtype t = c->in[0].dtype;
    r->reducer = &reducers_of[t][op];
    r->element_bytes = (int64_t)dtype_bytes(t);
    r->out_bytes = (int64_t)dtype_bytes(c->out[0].dtype);
    split_axes(c, r);
    cut_units(r);
    c->geometry = r;
    double bytes = r->count * (double)(r->n_out * r->element_bytes);
    work_set(w, r->rows ? "rows" : "runs", r->n_out ? r->n_blocks * r->n_pieces : 0, bytes);
    w->scratch_bytes = round_64(MAX_WIDTH * r->reducer->acc_bytes) * 2;
    if (r->n_pieces > 1 && r->n_out) {
        size_t partials = (size_t)(r->n_pieces * r->n_out) * r->reducer->acc_bytes;
        w->n_phases = 2;
        w->units[1] = ceil_div(r->n_out, MAX_WIDTH);
        w->cost[1] = (double)partials;
        w->shared_bytes = partials;
    }
}

static int64_t offset_of(const struct axes *a, int64_t index) {
    int64_t offset = 0;
    for (int i = a->rank - 1; i >= 0; i--) {
        offset += index % a->dim[i] * a->stride[i];
        index /= a->dim[i];
    }
    return offset;
}

/* How many indices from `index` on lie along the innermost axis, and their stride. */
static int64_t stretch_of(const struct axes *a, int64_t index, int64_t end, int64_t *stride) {
    *stride = a->rank ? a->stride[a->rank - 1] : 0;
    int64_t dim = a->rank ? a->dim[a->rank - 1] : 1;
    return min_i64(end - index, dim - index % dim);
}

/* Contiguous narrow rows are reduced as fewer wide ones first: a row of 10 floats does not fill
 * a vector. */
void KERNEL(reduce_rows)(const struct reducer *r, const char *x, int64_t n, int64_t stride,
                         int64_t width, char *acc, char *wide) {
    int64_t fold = stride == width && width <= 64 ? MAX_WIDTH / 2 / width : 1;
    int64_t n_wide = fold > 1 && n >= 2 * fold ? n / fold : 0;
    if (n_wide) {
        r->init(wide, fold * width);
        r->rows(x, n_wide, fold * width, fold * width, wide);
        for (int64_t i = 0; i < fold; i++)
            r->join(wide + (size_t)(i * width) * r->acc_bytes, width, acc);
    }
    int64_t done = n_wide * fold;
    r->rows(x + done * stride * r->bytes, n - done, stride, width, acc);
}

const struct reducer *KERNEL(reduce_find)(enum op_id op, enum dtype t) {
    switch (op) {
    case OP_sum:
        return &reducers_of[t][REDUCE_SUM];
    case OP_mean:
        return &reducers_of[t][REDUCE_MEAN];
    case OP_log_sum:
        return &reducers_of[t][REDUCE_LOG_SUM];
    case OP_max:
        return &reducers_of[t][REDUCE_MAX];
    case OP_min:
        return &reducers_of[t][REDUCE_MIN];
    default:
        return NULL;
    }
}

/* Reduces items [item, end) into acc for the columns [column, column + width) of row k of
 * results. */
static void unit_rows(const struct reduction *r, const char *x, int64_t k, int64_t column,
                      int64_t width, int64_t item, int64_t end, char *acc, char *wide) {
    x += (offset_of(&r->kept, k) + column) * r->element_bytes;
    while (item < end) {
        int64_t stride, n = stretch_of(&r->reduced, item, end, &stride);
        KERNEL(reduce_rows)(r->reducer, x + offset_of(&r->reduced, item) * r->element_bytes, n,
                            stride, width, acc, wide);
        item += n;
    }
}

/* Reduces items [item, end) into acc for results [first, first + n_results). */
static void unit_runs(const struct reduction *r, const char *x, int64_t first, int64_t n_results,
                      int64_t item, int64_t end, char *acc) {
    for (; item < end; item++) {
        bool cut = r->run < r->inner;
        int64_t at = cut ? item * r->run : offset_of(&r->reduced, item);
        int64_t length = cut ? min_i64(r->run, r->inner - at) : r->inner;
        for (int64_t i = 0; i < n_results;) {
            int64_t stride, n = stretch_of(&r->kept, first + i, first + n_results, &stride);
            const char *from = x + (at + offset_of(&r->kept, first + i)) * r->element_bytes;
            r->reducer->runs(from, length, n, stride, acc + (size_t)i * r->reducer->acc_bytes);
            i += n;
        }
    }
}

static void join_pieces(const struct kernel_call *c, const struct reduction *r, int64_t unit,
                        void *acc) {
    int64_t first = unit * MAX_WIDTH, n = min_i64(MAX_WIDTH, r->n_out - first);
    r->reducer->init(acc, n);
    for (int64_t p = 0; p < r->n_pieces; p++)
        r->reducer->join((const char *)c->shared +
                             (size_t)(p * r->n_out + first) * r->reducer->acc_bytes,
                         n, acc);
    r->reducer->store(acc, n, r->count, (char *)c->out[0].data + first * r->out_bytes);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct reduction *r = c->geometry;
    char *wide = (char *)scratch + round_64(MAX_WIDTH * r->reducer->acc_bytes);
    int64_t n_items = r->run < r->inner ? ceil_div(r->inner, r->run) : r->reduced.count;
    int64_t columns = r->rows ? ceil_div(r->inner, r->block) : 1;
    for (int64_t u = begin; u < end; u++) {
        if (phase == 1) {
            join_pieces(c, r, u, scratch);
            continue;
        }
        int64_t p = u / r->n_blocks, block = u % r->n_blocks;
        int64_t item = p * r->piece, last = min_i64(n_items, item + r->piece);
        int64_t column = block % columns * r->block, k = block / columns;
        int64_t first = r->rows ? k * r->inner + column : block * r->block;
        int64_t n = min_i64(r->block, r->rows ? r->inner - column : r->n_out - first);
        char *acc = r->n_pieces == 1 ? scratch
                                     : (char *)c->shared +
                                           (size_t)(p * r->n_out + first) * r->reducer->acc_bytes;
        r->reducer->init(acc, n);
        if (r->rows)
            unit_rows(r, c->in[0].data, k, column, n, item, last, acc, wide);
        else
            unit_runs(r, c->in[0].data, first, n, item, last, acc);
        if (r->n_pieces == 1)
            r->reducer->store(acc, n, r->count, (char *)c->out[0].data + first * r->out_bytes);
    }
}

static void prepare_sum(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, REDUCE_SUM);
}
static void prepare_mean(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, REDUCE_MEAN);
}
static void prepare_log_sum(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, REDUCE_LOG_SUM);
}
static void prepare_max(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, REDUCE_MAX);
}
static void prepare_min(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, REDUCE_MIN);
}
static void prepare_prod(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, REDUCE_PROD);
}
const struct kernel KERNEL(sum_kernel) = {prepare_sum, run};
const struct kernel KERNEL(mean_kernel) = {prepare_mean, run};
const struct kernel KERNEL(log_sum_kernel) = {prepare_log_sum, run};
const struct kernel KERNEL(max_kernel) = {prepare_max, run};
const struct kernel KERNEL(min_kernel) = {prepare_min, run};
const struct kernel KERNEL(prod_kernel) = {prepare_prod, run};
const struct kernel KERNEL(any_kernel) = {prepare_max, run};
const struct kernel KERNEL(all_kernel) = {prepare_min, run};

#endif
