/* softmax and log_softmax along any axis. The largest element is subtracted first, so that
 * nothing overflows.
 *
 * Method: rows along the last axis are treated a few at a time, so that the exponentials are one
 * long vectorised loop also when rows are short; along another axis, WIDTH neighbouring columns
 * at a time. */
#include "ops/ops.h"

#ifdef OPS_RULES

static bool along_axis(struct shape_call *c) {
    c->out = c->in[0];
    c->out_dtype = c->in_dtype[0];
    return axis_normalise(c, 0, &c->attr[0].i);
}

bool softmax_shape(struct shape_call *c) { return along_axis(c); }
bool log_softmax_shape(struct shape_call *c) { return along_axis(c); }

/* dx = r * (dy - sum(dy * r)) */
void softmax_gradient(struct gradient_call *c) {
    struct build *b = c->b;
    if (!c->need[0])
        return;
    struct node *weighted = build_2(b, OP_mul, c->dy, c->node);
    struct node *sum = weighted ? build_sum(b, weighted, 1u << c->node->attr[0].i, true) : NULL;
    struct node *centred = sum ? build_2(b, OP_sub, c->dy, sum) : NULL;
    c->dx[0] = centred ? build_2(b, OP_mul, centred, c->node) : NULL;
}

/* dx = dy - exp(r) * sum(dy) */
void log_softmax_gradient(struct gradient_call *c) {
    struct build *b = c->b;
    if (!c->need[0])
        return;
    struct node *sum = build_sum(b, c->dy, 1u << c->node->attr[0].i, true);
    struct node *p = build_1(b, OP_exp, c->node);
    struct node *part = sum && p ? build_2(b, OP_mul, p, sum) : NULL;
    c->dx[0] = part ? build_2(b, OP_sub, c->dy, part) : NULL;
}

#endif

#ifdef OPS_KERNELS

#include "ops/math.h"

enum { UNIT_ELEMENTS = 4096, WIDTH = 64 };

/* x is [outer, n, inner]. */
struct lines {
    int64_t outer, n, inner;
    int64_t rows;    /* of a unit, when inner is 1 */
    int64_t columns; /* units an outer index, when it is not */
    bool is_log;
};

#define T   float
#define TAG f32
#include "ops/norm_loops.h"
#define T   double
#define TAG f64
#include "ops/norm_loops.h"

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a, bool is_log) {
    struct lines *g = arena_new(a, struct lines);
    const struct kernel_arg *x = &c->in[0];
    int axis = (int)c->attr[0].i;
    g->outer = arg_span(x, 0, axis);
    g->n = x->dim[axis];
    g->inner = arg_span(x, axis + 1, x->rank);
    g->rows = g->inner == 1 ? max_i64(1, UNIT_ELEMENTS / max_i64(g->n, 1)) : 1;
    g->columns = ceil_div(g->inner, WIDTH);
    g->is_log = is_log;
    c->geometry = g;
    int64_t n = arg_count(x);
    work_set(w, is_log ? "log_softmax" : "softmax",
             n ? ceil_div(g->outer, g->rows) * g->columns : 0,
             (double)n * (double)(2 * dtype_bytes(x->dtype) + 16));
    w->scratch_bytes =
        round_64((size_t)(g->inner == 1 ? g->rows * g->n : 3 * WIDTH) * dtype_bytes(x->dtype));
}

static void prepare_softmax(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, false);
}
static void prepare_log_softmax(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a, true);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    (void)phase;
    for (int64_t u = begin; u < end; u++)
        if (c->in[0].dtype == DTYPE_F32)
            unit_f32(c, u, scratch);
        else
            unit_f64(c, u, scratch);
}

const struct kernel KERNEL(softmax_kernel) = {prepare_softmax, run};
const struct kernel KERNEL(log_softmax_kernel) = {prepare_log_softmax, run};

#endif
