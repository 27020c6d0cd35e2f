/* Rules about sums and their like, and about what stretches their results again: those that stand
 * between an elementwise chain and the reduction at its end are moved aside.
 *
 * Unlike other rules these may round differently: a factor that is the same for all terms of a sum
 * is multiplied once, after it, which is no less accurate. What is not finite stays not finite. */
#include <string.h>

#include "opt/simplify.h"

static uint32_t reduced_axes(const struct node *n) {
    uint32_t axes = 0;
    for (int i = 0; i < n->attr[0].ints.n; i++) axes |= 1u << n->attr[0].ints.v[i];
    return axes;
}

static struct node *build_reduction(struct program *p, enum op_id op, struct node *x,
                                    uint32_t axes) {
    struct attr attr[2];
    memset(attr, 0, sizeof attr);
    attr[0].kind = ATTR_AXES, attr[1].kind = ATTR_BOOL;
    for (int i = 0; i < x->shape.rank; i++)
        if (axes >> i & 1) attr[0].ints.v[attr[0].ints.n++] = i;
    return build_op(&p->build, op, &x, 1, attr, NULL, NULL);
}

/* How many trailing axes two shapes have in common. */
static int common_tail(const struct shape *a, const struct shape *b) {
    int n = 0;
    while (n < a->rank && n < b->rank &&
           dim_same(a->d[a->rank - 1 - n], b->d[b->rank - 1 - n]))
        n++;
    return n;
}

/* Axes that a reshape has merged are reduced as they were before. */
static struct node *reduce_reshape(struct program *p, struct node *n) {
    struct node *y = n->in[0];
    if (y->op->id != OP_reshape) return NULL;
    struct node *x = y->in[0];
    uint32_t axes = reduced_axes(n);
    int lead = 0;
    while (lead < y->shape.rank && axes >> lead & 1) lead++;
    int kept = y->shape.rank - lead;
    if (lead == 0 || axes >> lead || common_tail(&x->shape, &y->shape) < kept) return NULL;
    struct node *r = build_reduction(p, n->op->id, x, (1u << (x->shape.rank - kept)) - 1);
    return r ? build_reshape(&p->build, r, &n->shape) : NULL;
}

/* x stretched over leading axes, which are then merged or taken apart. */
static struct node *reshape_broadcast(struct program *p, struct node *n) {
    struct node *wide = n->in[0];
    if (wide->op->id != OP_broadcast_to) return NULL;
    struct node *x = wide->in[0];
    struct shape narrow = shape_scalar();
    int ones = 0;
    while (ones < x->shape.rank && dim_is_one(x->shape.d[ones])) ones++;
    for (int i = ones; i < x->shape.rank; i++) narrow.d[narrow.rank++] = x->shape.d[i];
    if (common_tail(&wide->shape, &n->shape) < narrow.rank) return NULL;
    struct node *small = build_reshape(&p->build, x, &narrow);
    return small ? build_broadcast(&p->build, small, &n->shape) : NULL;
}

/* Whether x, stretched to `full`, is the same along all of the axes. */
static bool is_constant_along(const struct node *x, const struct shape *full, uint32_t axes) {
    int missing = full->rank - x->shape.rank;
    for (int i = missing; i < full->rank; i++)
        if (axes >> i & 1 && !dim_is_one(x->shape.d[i - missing])) return false;
    return true;
}

/* op(sum(x), factor), in the shape of n. */
static struct node *apply_after(struct program *p, struct node *n, struct node *x, enum op_id op,
                                struct node *factor) {
    struct node *sum = build_reduction(p, OP_sum, x, reduced_axes(n));
    if (!sum) return NULL;
    if (!factor) {
        struct node *r = build_1(&p->build, op, sum);
        return r ? build_reshape(&p->build, r, &n->shape) : NULL;
    }
    if (factor->shape.rank > 0 && !shape_same(&factor->shape, &sum->shape)) {
        struct shape kept = x->shape;
        for (int i = 0; i < kept.rank; i++)
            if (reduced_axes(n) >> i & 1) kept.d[i] = dim_const(1);
        sum = build_reshape(&p->build, sum, &kept);
    }
    struct node *r = sum ? build_2(&p->build, op, sum, factor) : NULL;
    return r ? build_reshape(&p->build, r, &n->shape) : NULL;
}

static struct node *sum_factor(struct program *p, struct node *n) {
    struct node *y = n->in[0];
    uint32_t axes = reduced_axes(n);
    if (!dtype_is_float(n->dtype)) return NULL;
    switch (y->op->id) {
    case OP_add:
        return y->in[0] == y->in[1]
                   ? apply_after(p, n, y->in[0], OP_mul, build_scalar(&p->build, n->dtype, 2))
                   : NULL;
    case OP_neg: return apply_after(p, n, y->in[0], OP_neg, NULL);
    case OP_mul:
        for (int k = 0; k < 2; k++)
            if (shape_same(&y->in[k]->shape, &y->shape) &&
                is_constant_along(y->in[1 - k], &y->shape, axes))
                return apply_after(p, n, y->in[k], OP_mul, y->in[1 - k]);
        return NULL;
    default: return NULL;
    }
}

static const struct rule rules[] = {
    {OP_sum, "sum(reshape(x)) -> sum(x)", reduce_reshape},
    {OP_mean, "mean(reshape(x)) -> mean(x)", reduce_reshape},
    {OP_reshape, "reshape(broadcast_to(x)) -> broadcast_to(x)", reshape_broadcast},
    {OP_sum, "sum(x * c) -> sum(x) * c", sum_factor},
};
const struct rule_table simplify_reductions = {rules, sizeof rules / sizeof *rules};
