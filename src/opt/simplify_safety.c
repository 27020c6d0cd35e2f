/* Rules that keep log(softmax(z)), log(sigmoid(x)) and log(1 - sigmoid(x)) finite, in value and in
 * gradient.
 *
 * In value: log_softmax, and log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)). In gradient: the
 * rule of log divides by y = softmax(z), the rule of softmax multiplies by y, and where y
 * underflowed to 0 that is 0/0. Mathematically y is positive, so the two cancel: here the factor
 * is carried through sums, differences, products and choices to the divisions by it. */
#include "opt/simplify.h"

enum { MAX_FACTORS = 2, MAX_DEPTH = 6 };

/* Factors that are positive, though their value may be 0: softmax(z), sigmoid(x), 1 -
 * sigmoid(x). */
struct factors {
    struct node *at[MAX_FACTORS];
    int n;
};

static bool is_complement(const struct node *n) {
    return n->op->id == OP_sub && rewrite_is(n->in[0], 1) && n->in[1]->op->id == OP_sigmoid;
}

static bool is_factor(const struct node *n) {
    return n->op->id == OP_softmax || n->op->id == OP_sigmoid || is_complement(n);
}

static int find_factor(const struct factors *f, const struct node *n) {
    for (int i = 0; i < f->n; i++)
        if (f->at[i] == n) return i;
    return -1;
}

static struct factors without(const struct factors *f, int i) {
    struct factors rest = {.n = f->n - 1};
    for (int k = 0, to = 0; k < f->n; k++)
        if (k != i) rest.at[to++] = f->at[k];
    return rest;
}

/* Whether somewhere in e, behind ops that a factor can be carried through, is a division by one
 * of f. */
static bool divides(const struct factors *f, const struct node *e, int depth) {
    if (depth == 0 || f->n == 0) return false;
    switch (e->op->id) {
    case OP_div: return find_factor(f, e->in[1]) >= 0 || divides(f, e->in[0], depth - 1);
    case OP_neg: return divides(f, e->in[0], depth - 1);
    case OP_add:
    case OP_sub:
    case OP_mul: return divides(f, e->in[0], depth - 1) || divides(f, e->in[1], depth - 1);
    case OP_where: return divides(f, e->in[1], depth - 1) || divides(f, e->in[2], depth - 1);
    default: return false;
    }
}

/* The product of e and all of f, with what cancels cancelled. */
static struct node *times(struct build *b, const struct factors *f, struct node *e, int depth) {
    if (!divides(f, e, depth)) {
        for (int i = 0; e && i < f->n; i++) e = build_2(b, OP_mul, e, f->at[i]);
        return e;
    }
    struct node *x = e->in[0], *y = e->n_in > 1 ? e->in[1] : NULL;
    enum op_id op = e->op->id;
    int cancels = op == OP_div ? find_factor(f, y) : -1;
    if (cancels >= 0) {
        struct factors rest = without(f, cancels);
        return times(b, &rest, x, depth - 1);
    }
    if (op == OP_where) {
        struct node *z = times(b, f, e->in[2], depth - 1);
        y = times(b, f, y, depth - 1);
        return y && z ? build_3(b, op, x, y, z) : NULL;
    }
    bool left = op == OP_add || op == OP_sub || divides(f, x, depth - 1);
    bool right = op == OP_add || op == OP_sub || !left;
    if (left) x = times(b, f, x, depth - 1);
    if (y && right) y = times(b, f, y, depth - 1);
    if (!x || (e->n_in > 1 && !y)) return NULL;
    return y ? build_2(b, op, x, y) : build_1(b, op, x);
}

/* mul(a, b) where a, or one or both sides of a product a, are factors that b divides by. */
static struct node *cancel_in(struct program *p, struct node *a, struct node *e) {
    struct build *b = &p->build;
    struct factors one = {{a}, 1};
    if (is_factor(a)) return divides(&one, e, MAX_DEPTH) ? times(b, &one, e, MAX_DEPTH) : NULL;
    if (a->op->id != OP_mul) return NULL;
    struct factors two = {{a->in[0], a->in[1]}, 2};
    if (is_factor(a->in[0]) && is_factor(a->in[1]))
        return divides(&two, e, MAX_DEPTH) ? times(b, &two, e, MAX_DEPTH) : NULL;
    for (int k = 0; k < 2; k++) {
        one.at[0] = a->in[k];
        if (!is_factor(a->in[k]) || !divides(&one, e, MAX_DEPTH)) continue;
        struct node *product = times(b, &one, e, MAX_DEPTH);
        return product ? build_2(b, OP_mul, product, a->in[1 - k]) : NULL;
    }
    return NULL;
}

static struct node *mul_cancel(struct program *p, struct node *n) {
    struct node *product = cancel_in(p, n->in[0], n->in[1]);
    if (!product) product = cancel_in(p, n->in[1], n->in[0]);
    return product ? rewrite_stretch(p, product, n) : NULL;
}

static struct node *log_of_softmax(struct program *p, struct node *n) {
    struct node *y = n->in[0];
    return y->op->id == OP_softmax
               ? build_op(&p->build, OP_log_softmax, y->in, 1, y->attr, NULL, NULL)
               : NULL;
}

/* log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)), and 1 - sigmoid(x) = sigmoid(-x). */
static struct node *log_of_sigmoid(struct program *p, struct node *n) {
    struct build *b = &p->build;
    struct node *y = n->in[0], *x;
    if (y->op->id == OP_sigmoid)
        x = y->in[0];
    else if (is_complement(y) && shape_same(&y->shape, &y->in[1]->shape))
        x = build_1(b, OP_neg, y->in[1]->in[0]);
    else
        return NULL;
    struct node *zero = build_scalar(b, n->dtype, 0), *one = build_scalar(b, n->dtype, 1);
    struct node *decay = build_1(b, OP_exp, build_1(b, OP_neg, build_1(b, OP_abs, x)));
    return build_2(b, OP_sub, build_2(b, OP_minimum, x, zero),
                   build_1(b, OP_log, build_2(b, OP_add, decay, one)));
}

static const struct rule rules[] = {
    {OP_log, "log(softmax(z)) -> log_softmax(z)", log_of_softmax},
    {OP_log, "log(sigmoid(x)) -> min(x, 0) - log(1 + exp(-abs(x)))", log_of_sigmoid},
    {OP_mul, "y * (g / y) -> g for y = softmax(z), sigmoid(x), 1 - sigmoid(x)", mul_cancel},
};
const struct rule_table simplify_safety = {rules, sizeof rules / sizeof *rules};
