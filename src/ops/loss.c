/* Cross-entropies over the last axis, one value an example. Both are computed from logits:
 * log(sum(exp(x - max))) + max never overflows, and nothing is divided.
 *
 * The gradients hold for any labels, also those that do not sum to 1. */
#include "ops/ops.h"

#ifdef OPS_RULES

static bool without_last(struct shape_call *c) {
    c->out = c->in[0];
    c->out.rank--;
    c->out_dtype = c->in_dtype[0];
    return true;
}

static bool refuse_scalar(struct shape_call *c) {
    shape_refuse(c, E_SHAPE, "%s: the logits need an axis of classes, but they are a scalar",
                 c->spelling);
    shape_mark(c, 0, -1);
    return false;
}

/* Settles dim `axis` of both operands into the result, or refuses. */
static bool unify(struct shape_call *c, int axis) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    struct dim both = c->in[0].d[axis], other = c->in[1].d[axis];
    if (dim_compare(c->symbols, both, other) != DIM_DIFFER) {
        if (!dim_is_const(both) && dim_is_const(other))
            c->out.d[axis] = other;
        return true;
    }
    dim_print(a, sizeof a, c->symbols, both);
    dim_print(b, sizeof b, c->symbols, other);
    shape_refuse(c, E_SHAPE, "%s: axis %d of the logits is %s, of the labels %s", c->spelling, axis,
                 a, b);
    shape_mark(c, 0, axis);
    shape_mark(c, 1, axis);
    return false;
}

bool softmax_cross_entropy_shape(struct shape_call *c) {
    int rank = c->in[0].rank;
    if (rank == 0)
        return refuse_scalar(c);
    if (c->in[1].rank != rank) {
        shape_refuse(c, E_SHAPE, "%s: the logits have %d axes, the labels %d", c->spelling, rank,
                     c->in[1].rank);
        shape_mark(c, 0, -1);
        shape_mark(c, 1, -1);
        if (c->in[1].rank == rank - 1)
            shape_help(c,
                       "for labels that are class indices there is sparse_softmax_cross_entropy");
        return false;
    }
    c->out = c->in[0];
    for (int i = 0; i < rank; i++)
        if (!unify(c, i))
            return false;
    c->out.rank--;
    c->out_dtype = c->in_dtype[0];
    return true;
}

bool sparse_softmax_cross_entropy_shape(struct shape_call *c) {
    int rank = c->in[0].rank;
    if (rank == 0)
        return refuse_scalar(c);
    if (!dtype_is_int(c->in_dtype[1])) {
        shape_refuse(c, E_DTYPE, "%s: labels must be whole numbers, class indices, but they are %s",
                     c->spelling, dtype_name(c->in_dtype[1]));
        shape_mark(c, 1, -1);
        if (c->in[1].rank == rank)
            shape_help(c, "for labels that are probabilities there is softmax_cross_entropy");
        return false;
    }
    if (c->in[1].rank != rank - 1) {
        shape_refuse(c, E_SHAPE, "%s: the logits have %d axes, so the labels need %d, but have %d",
                     c->spelling, rank, rank - 1, c->in[1].rank);
        shape_mark(c, 0, -1);
        shape_mark(c, 1, -1);
        if (c->in[1].rank == rank)
            shape_help(c, "for labels that are probabilities there is softmax_cross_entropy");
        return false;
    }
    if (!dim_is_const(c->in[0].d[rank - 1])) {
        shape_refuse(c, E_SHAPE, "%s: the number of classes must be known", c->spelling);
        shape_mark(c, 0, rank - 1);
        return false;
    }
    without_last(c);
    for (int i = 0; i < rank - 1; i++)
        if (!unify(c, i))
            return false;
    return true;
}

/* x, of the result's shape, with an axis of 1 for the classes. */
static struct node *add_class_axis(struct gradient_call *c, struct node *x) {
    struct shape to = c->node->in[0]->shape;
    to.d[to.rank - 1] = dim_const(1);
    return build_reshape(c->b, x, &to);
}

/* dy * (softmax(logits) * sum(labels) - labels), and -dy * log_softmax(logits). */
void softmax_cross_entropy_gradient(struct gradient_call *c) {
    struct build *b = c->b;
    struct node *logits = c->node->in[0], *labels = c->node->in[1];
    struct node *dy = add_class_axis(c, c->dy);
    if (!dy)
        return;
    uint32_t last = 1u << (logits->shape.rank - 1);
    if (c->need[0]) {
        struct node *p = build_1(b, OP_softmax, logits), *sum = build_sum(b, labels, last, true);
        struct node *scaled = p && sum ? build_2(b, OP_mul, p, sum) : NULL;
        struct node *d = scaled ? build_2(b, OP_sub, scaled, labels) : NULL;
        c->dx[0] = d ? build_2(b, OP_mul, dy, d) : NULL;
    }
    if (c->need[1]) {
        struct node *log_p = build_1(b, OP_log_softmax, logits);
        struct node *minus = build_1(b, OP_neg, dy);
        c->dx[1] = log_p && minus ? build_2(b, OP_mul, minus, log_p) : NULL;
    }
}

/* dy * (softmax(logits) - one_hot(labels)). */
void sparse_softmax_cross_entropy_gradient(struct gradient_call *c) {
    struct build *b = c->b;
    struct node *logits = c->node->in[0];
    if (!c->need[0])
        return;
    struct attr attr[2] = {
        {.kind = ATTR_INT, .i = logits->shape.d[logits->shape.rank - 1].k},
        {.kind = ATTR_DTYPE, .dtype = logits->dtype},
    };
    struct node *dy = add_class_axis(c, c->dy);
    struct node *p = build_1(b, OP_softmax, logits);
    struct node *hot = build_op(b, OP_one_hot, &c->node->in[1], 1, attr, NULL, NULL);
    struct node *d = p && hot ? build_2(b, OP_sub, p, hot) : NULL;
    c->dx[0] = d && dy ? build_2(b, OP_mul, dy, d) : NULL;
}

#endif

#ifdef OPS_KERNELS

#include "ops/math.h"

enum { UNIT_ELEMENTS = 4096 };

/* logits are [rows, n]; a unit is a few rows, whose exponentials are computed as one contiguous
 * block. */
struct rows {
    int64_t rows, n, per_unit;
};

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct rows *g = arena_new(a, struct rows);
    const struct kernel_arg *x = &c->in[0];
    size_t bytes = dtype_bytes(x->dtype);
    g->rows = arg_span(x, 0, x->rank - 1);
    g->n = x->dim[x->rank - 1];
    g->per_unit = max_i64(1, UNIT_ELEMENTS / max_i64(g->n, 1));
    c->geometry = g;
    work_set(w, "cross_entropy", ceil_div(g->rows, g->per_unit),
             (double)arg_count(x) * (double)(2 * bytes + 16));
    w->scratch_bytes = round_64((size_t)(g->per_unit * g->n) * bytes);
}

/* The label's class, or 0 with the fault raised. */
static int64_t class_of(const struct kernel_call *c, int64_t row, int64_t n) {
    int64_t k = arg_whole(&c->in[1], row);
    if (k >= 0 && k < n)
        return k;
    kernel_raise(c->fault, row, (double)k, 0, (double)n);
    return 0;
}

#define T   float
#define TAG f32
#include "ops/loss_loops.h"
#define T   double
#define TAG f64
#include "ops/loss_loops.h"

static void dense_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    (void)phase;
    for (int64_t u = begin; u < end; u++)
        if (c->in[0].dtype == DTYPE_F32)
            dense_unit_f32(c, u, scratch);
        else
            dense_unit_f64(c, u, scratch);
}

static void sparse_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase;
    for (int64_t u = begin; u < end; u++)
        if (c->in[0].dtype == DTYPE_F32)
            sparse_unit_f32(c, u, scratch);
        else
            sparse_unit_f64(c, u, scratch);
}

const struct kernel KERNEL(softmax_cross_entropy_kernel) = {prepare, dense_run};
const struct kernel KERNEL(sparse_softmax_cross_entropy_kernel) = {prepare, sparse_run};

#endif
