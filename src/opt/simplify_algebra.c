/* Rules about numbers. */
#include <math.h>

#include "opt/simplify.h"

static struct node *neg_neg(struct program *p, struct node *n) {
    (void)p;
    return n->in[0]->op->id == OP_neg ? n->in[0]->in[0] : NULL;
}

static struct node *neg_sub(struct program *p, struct node *n) {
    struct node *x = n->in[0];
    return x->op->id == OP_sub ? build_2(&p->build, OP_sub, x->in[1], x->in[0]) : NULL;
}

static struct node *add_zero(struct program *p, struct node *n) {
    for (int k = 0; k < 2; k++)
        if (rewrite_is(n->in[k], 0)) return rewrite_stretch(p, n->in[1 - k], n);
    return NULL;
}

static struct node *add_neg(struct program *p, struct node *n) {
    for (int k = 1; k >= 0; k--)
        if (n->in[k]->op->id == OP_neg)
            return build_2(&p->build, OP_sub, n->in[1 - k], n->in[k]->in[0]);
    return NULL;
}

static struct node *sub_zero(struct program *p, struct node *n) {
    return rewrite_is(n->in[1], 0) ? rewrite_stretch(p, n->in[0], n) : NULL;
}

static struct node *sub_neg(struct program *p, struct node *n) {
    struct node *y = n->in[1];
    return y->op->id == OP_neg ? build_2(&p->build, OP_add, n->in[0], y->in[0]) : NULL;
}

static struct node *mul_one(struct program *p, struct node *n) {
    for (int k = 0; k < 2; k++)
        if (rewrite_is(n->in[k], 1)) return rewrite_stretch(p, n->in[1 - k], n);
    return NULL;
}

static struct node *mul_minus_one(struct program *p, struct node *n) {
    if (n->dtype == DTYPE_U8) return NULL;
    for (int k = 0; k < 2; k++)
        if (rewrite_is(n->in[k], -1))
            return rewrite_stretch(p, build_1(&p->build, OP_neg, n->in[1 - k]), n);
    return NULL;
}

static struct node *div_one(struct program *p, struct node *n) {
    return rewrite_is(n->in[1], 1) ? rewrite_stretch(p, n->in[0], n) : NULL;
}

/* A power of two has an exact reciprocal, while neither is subnormal. */
static struct node *div_power_of_two(struct program *p, struct node *n) {
    double value;
    int exponent;
    if (!rewrite_is_uniform(n->in[1], &value) || fabs(frexp(value, &exponent)) != 0.5 ||
        exponent < -120 || exponent > 120)
        return NULL;
    struct node *reciprocal = build_scalar(&p->build, n->dtype, 1 / value);
    struct node *product = build_2(&p->build, OP_mul, n->in[0], reciprocal);
    return product ? rewrite_stretch(p, product, n) : NULL;
}

static struct node *pow_known(struct program *p, struct node *n) {
    struct node *x = n->in[0], *better = NULL;
    double exponent;
    if (!rewrite_is_uniform(n->in[1], &exponent)) return NULL;
    if (exponent == 0)
        better = build_scalar(&p->build, n->dtype, 1);
    else if (exponent == 1)
        better = x;
    else if (exponent == 2)
        better = build_2(&p->build, OP_mul, x, x);
    else if (exponent == 0.5)
        better = build_1(&p->build, OP_sqrt, x);
    return better ? rewrite_stretch(p, better, n) : NULL;
}

static struct node *relu_relu(struct program *p, struct node *n) {
    (void)p;
    return n->in[0]->op->id == OP_relu ? n->in[0] : NULL;
}

static struct node *not_not(struct program *p, struct node *n) {
    (void)p;
    return n->in[0]->op->id == OP_logical_not ? n->in[0]->in[0] : NULL;
}

static struct node *where_same(struct program *p, struct node *n) {
    return n->in[1] == n->in[2] ? rewrite_stretch(p, n->in[1], n) : NULL;
}

static struct node *where_not(struct program *p, struct node *n) {
    struct node *c = n->in[0];
    return c->op->id == OP_logical_not ? build_3(&p->build, OP_where, c->in[0], n->in[2], n->in[1])
                                       : NULL;
}

static struct node *cast_same(struct program *p, struct node *n) {
    (void)p;
    return n->in[0]->dtype == n->dtype ? n->in[0] : NULL;
}

static struct node *dropout_nothing(struct program *p, struct node *n) {
    (void)p;
    return rewrite_is(n->in[1], 1) ? n->in[0] : NULL;
}

static const struct rule rules[] = {
    {OP_neg, "-(-x) -> x", neg_neg},
    {OP_neg, "-(x - y) -> y - x", neg_sub},
    {OP_add, "x + 0 -> x", add_zero},
    {OP_add, "x + -y -> x - y", add_neg},
    {OP_sub, "x - 0 -> x", sub_zero},
    {OP_sub, "x - -y -> x + y", sub_neg},
    {OP_mul, "x * 1 -> x", mul_one},
    {OP_mul, "x * -1 -> -x", mul_minus_one},
    {OP_div, "x / 1 -> x", div_one},
    {OP_div, "x / 2^n -> x * 2^-n", div_power_of_two},
    {OP_pow, "x ** 0, 0.5, 1, 2 -> 1, sqrt(x), x, x * x", pow_known},
    {OP_relu, "relu(relu(x)) -> relu(x)", relu_relu},
    {OP_logical_not, "not not x -> x", not_not},
    {OP_where, "where(c, x, x) -> x", where_same},
    {OP_where, "where(not c, x, y) -> where(c, y, x)", where_not},
    {OP_cast, "cast to its own dtype -> x", cast_same},
    {OP_dropout, "dropout(x, 1) -> x", dropout_nothing},
};
const struct rule_table simplify_algebra = {rules, sizeof rules / sizeof *rules};
