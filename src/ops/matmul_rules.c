/* The matrix product's shape rule and gradient.
 *
 * In: a [..,m,k] and b [..,k,n], either stored transposed; leading axes are a batch and broadcast.
 * Out: [..,m,n]. Its kernels are in matmul.c. */
#include "ops/ops.h"

#ifdef OPS_RULES

static bool refuse_rank(struct shape_call *c) {
    for (int i = 0; i < 2; i++) {
        if (c->in[i].rank >= 2)
            continue;
        shape_refuse(c, E_SHAPE, "`%s` needs operands of two axes or more, but one has %d",
                     c->spelling, c->in[i].rank);
        shape_mark(c, i, -1);
        if (c->in[i].rank == 1)
            shape_help(c, i == 0 ? "make the vector a row: reshape(v, [1, -1])"
                                 : "make the vector a column: reshape(v, [-1, 1])");
        else
            shape_help(c, "a scalar multiplies with `*`");
        return false;
    }
    return true;
}

static bool refuse_inner(struct shape_call *c, int axis_a, int axis_b) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    dim_print(a, sizeof a, c->symbols, c->in[0].d[axis_a]);
    dim_print(b, sizeof b, c->symbols, c->in[1].d[axis_b]);
    shape_refuse(c, E_INNER_SIZES, "`%s` needs equal inner sizes, but %s is not %s", c->spelling, a,
                 b);
    shape_mark(c, 0, axis_a);
    shape_mark(c, 1, axis_b);
    return false;
}

/* The leading axes of operand i, seen from the result's `axis` of n_batch; a missing one is a 1. */
static struct dim batch_dim(const struct shape *s, int axis, int n_batch) {
    int own = axis - (n_batch - (s->rank - 2));
    return own < 0 ? dim_const(1) : s->d[own];
}

static bool matmul_batch(struct shape_call *c, int n_batch) {
    for (int axis = 0; axis < n_batch; axis++) {
        struct dim a = batch_dim(&c->in[0], axis, n_batch), b = batch_dim(&c->in[1], axis, n_batch);
        if (dim_broadcast(c->symbols, a, b, &c->out.d[axis]) != DIM_DIFFER)
            continue;
        char x[SHAPE_TEXT], y[SHAPE_TEXT];
        dim_print(x, sizeof x, c->symbols, a);
        dim_print(y, sizeof y, c->symbols, b);
        shape_refuse(c, E_BROADCAST, "`%s` needs batch axes that are equal or 1, but %s is not %s",
                     c->spelling, x, y);
        shape_mark(c, 0, axis - (n_batch - (c->in[0].rank - 2)));
        shape_mark(c, 1, axis - (n_batch - (c->in[1].rank - 2)));
        return false;
    }
    return true;
}

bool matmul_shape(struct shape_call *c) {
    if (!refuse_rank(c))
        return false;
    const struct shape *a = &c->in[0], *b = &c->in[1];
    int last_a = a->rank - 1, last_b = b->rank - 1;
    bool transpose_a = c->attr[0].i, transpose_b = c->attr[1].i;
    int inner_a = transpose_a ? last_a - 1 : last_a, inner_b = transpose_b ? last_b : last_b - 1;
    if (dim_compare(c->symbols, a->d[inner_a], b->d[inner_b]) == DIM_DIFFER)
        return refuse_inner(c, inner_a, inner_b);
    int n_batch = (last_a > last_b ? last_a : last_b) - 1;
    c->out = (struct shape){.rank = n_batch + 2};
    if (!matmul_batch(c, n_batch))
        return false;
    c->out.d[n_batch] = a->d[transpose_a ? last_a : last_a - 1];
    c->out.d[n_batch + 1] = b->d[transpose_b ? last_b - 1 : last_b];
    return true;
}

static struct node *product(struct build *b, struct node *x, struct node *y, bool transpose_x,
                            bool transpose_y) {
    struct attr settings[2] = {{.kind = ATTR_BOOL, .i = transpose_x},
                               {.kind = ATTR_BOOL, .i = transpose_y}};
    return build_op(b, OP_matmul, (struct node *[]){x, y}, 2, settings, NULL, NULL);
}

/* [.., m, n] as [rows, n]; x itself when the number of rows cannot be said. */
static struct node *as_rows(struct build *b, struct node *x) {
    struct shape to = {.rank = 2, .d = {dim_const(1), x->shape.d[x->shape.rank - 1]}};
    for (int i = 0; i < x->shape.rank - 1; i++)
        if (!dim_multiply(b->symbols, to.d[0], x->shape.d[i], &to.d[0]))
            return x;
    return build_reshape(b, x, &to);
}

/* With r = a b: da = g b', db = a' g; a transposed operand takes the transposed gradient. When b
 * has no batch, a's batch axes are more rows: one product over all of them, instead of a product
 * for each and their sum. */
void matmul_gradient(struct gradient_call *c) {
    struct node *a = c->node->in[0], *b = c->node->in[1], *g = c->dy;
    bool ta = c->node->attr[0].i, tb = c->node->attr[1].i;
    if (c->need[0]) {
        struct node *d = ta ? product(c->b, b, g, tb, true) : product(c->b, g, b, false, !tb);
        c->dx[0] = d ? build_sum_to(c->b, d, &a->shape) : NULL;
    }
    if (c->need[1]) {
        if (!ta && b->shape.rank == 2 && a->shape.rank > 2) {
            struct node *rows_a = as_rows(c->b, a), *rows_g = as_rows(c->b, g);
            if (rows_a != a && rows_g != g)
                a = rows_a, g = rows_g;
        }
        struct node *d = tb ? product(c->b, g, a, true, ta) : product(c->b, a, g, !ta, false);
        c->dx[1] = d ? build_sum_to(c->b, d, &b->shape) : NULL;
    }
}

#endif
