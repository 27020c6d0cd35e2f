/* Rules about shapes: what only moves or stretches elements is undone, merged, or left to the op
 * that reads them. */
#include <string.h>

#include "opt/simplify.h"

static struct node *drop(struct program *p, struct node *n) {
    (void)p;
    return n->in[0];
}

static struct node *drop_same_shape(struct program *p, struct node *n) {
    (void)p;
    return shape_same(&n->in[0]->shape, &n->shape) ? n->in[0] : NULL;
}

static struct node *build_fill(struct program *p, const struct node *like, double value) {
    struct attr attr[3];
    memset(attr, 0, sizeof attr);
    attr[0].kind = ATTR_FLOAT, attr[0].f = value;
    attr[1].kind = ATTR_SHAPE, attr[1].shape = like->shape;
    attr[2].kind = ATTR_DTYPE, attr[2].dtype = like->dtype;
    return build_op(&p->build, OP_fill, NULL, 0, attr, NULL, NULL);
}

/* Equal elements stay equal wherever they are moved. */
static struct node *move_uniform(struct program *p, struct node *n) {
    double value;
    if (!dtype_is_float(n->dtype) || !rewrite_is_uniform(n->in[0], &value)) return NULL;
    return build_fill(p, n, value);
}

static struct node *reshape_reshape(struct program *p, struct node *n) {
    struct node *x = n->in[0];
    return x->op->id == OP_reshape ? build_reshape(&p->build, x->in[0], &n->shape) : NULL;
}

static struct node *broadcast_broadcast(struct program *p, struct node *n) {
    struct node *x = n->in[0];
    return x->op->id == OP_broadcast_to ? build_broadcast(&p->build, x->in[0], &n->shape) : NULL;
}

/* The source axis of each axis of a transpose. */
static void transpose_axes(const struct node *n, int64_t *perm) {
    const struct attr *a = &n->attr[0];
    int rank = n->shape.rank;
    for (int i = 0; i < rank; i++)
        perm[i] = a->kind == ATTR_AXES && a->ints.n == rank ? a->ints.v[i] : rank - 1 - i;
}

static struct node *transpose_transpose(struct program *p, struct node *n) {
    struct node *x = n->in[0];
    if (x->op->id != OP_transpose) return NULL;
    int64_t outer[MAX_RANK], inner[MAX_RANK];
    transpose_axes(n, outer);
    transpose_axes(x, inner);
    struct attr perm;
    memset(&perm, 0, sizeof perm);
    perm.kind = ATTR_AXES, perm.ints.n = n->shape.rank;
    for (int i = 0; i < n->shape.rank; i++) perm.ints.v[i] = inner[outer[i]];
    return build_op(&p->build, OP_transpose, x->in, 1, &perm, NULL, NULL);
}

/* The elements keep their order when only axes of size 1 move. */
static struct node *transpose_still(struct program *p, struct node *n) {
    int64_t perm[MAX_RANK], last = -1;
    transpose_axes(n, perm);
    for (int i = 0; i < n->shape.rank; i++) {
        if (n->shape.d[i].k == 1) continue;
        if (perm[i] < last) return NULL;
        last = perm[i];
    }
    return build_reshape(&p->build, n->in[0], &n->shape);
}

static bool swaps_last_two(const struct node *n) {
    int64_t perm[MAX_RANK];
    int rank = n->shape.rank;
    if (n->op->id != OP_transpose || rank < 2) return false;
    transpose_axes(n, perm);
    for (int i = 0; i < rank - 2; i++)
        if (perm[i] != i) return false;
    return perm[rank - 2] == rank - 1 && perm[rank - 1] == rank - 2;
}

static struct node *matmul_transpose(struct program *p, struct node *n) {
    for (int k = 0; k < 2; k++) {
        if (!swaps_last_two(n->in[k])) continue;
        struct node *in[2] = {n->in[0], n->in[1]};
        struct attr attr[2] = {n->attr[0], n->attr[1]};
        in[k] = n->in[k]->in[0];
        attr[k].kind = ATTR_BOOL;
        attr[k].i = !attr[k].i;
        return build_op(&p->build, OP_matmul, in, 2, attr, NULL, NULL);
    }
    return NULL;
}

/* A reduction over axes of one element each; sum, mean, max and min of one element are that
 * element. */
static struct node *reduce_nothing(struct program *p, struct node *n) {
    const struct node *x = n->in[0];
    if (shape_n_elements(&x->shape) != shape_n_elements(&n->shape) || n->dtype != x->dtype)
        return NULL;
    for (int i = 0; i < n->attr[0].ints.n; i++)
        if (x->shape.d[n->attr[0].ints.v[i]].k != 1) return NULL;
    return build_reshape(&p->build, n->in[0], &n->shape);
}

static struct node *slice_everything(struct program *p, struct node *n) {
    (void)p;
    const struct attr *step = &n->attr[2];
    if (!shape_same(&n->in[0]->shape, &n->shape)) return NULL;
    for (int i = 0; i < step->ints.n; i++)
        if (step->ints.v[i] != 1) return NULL;
    return n->in[0];
}

static struct node *concat_one(struct program *p, struct node *n) {
    (void)p;
    return n->n_in == 1 ? n->in[0] : NULL;
}

/* An elementwise op stretches its operands itself: what was stretched for it is given as it was,
 * and when nothing else has the full shape the op runs on the small operands and its result is
 * stretched. */
static struct node *elementwise_unstretched(struct program *p, struct node *n) {
    struct node *in[MAX_INPUTS];
    bool any = false;
    for (int k = 0; k < n->n_in; k++) {
        in[k] = n->in[k];
        if (in[k]->op->id == OP_broadcast_to)
            in[k] = in[k]->in[0];
        else if (in[k]->op->id == OP_fill)
            in[k] = build_scalar(&p->build, in[k]->dtype, in[k]->attr[0].f);
        any |= in[k] != n->in[k];
    }
    if (!any) return NULL;
    struct node *small = build_op(&p->build, n->op->id, in, n->n_in, n->attr, NULL, NULL);
    return small ? rewrite_stretch(p, small, n) : NULL;
}

static const struct rule rules[] = {
    {OP_stop_gradient, "stop_gradient(x) -> x", drop},
    {OP_custom_gradient, "custom_gradient(y, ..) -> y", drop},
    {OP_result_value, "result_value(y) -> y", drop},
    {OP_reshape, "reshape to its own shape -> x", drop_same_shape},
    {OP_reshape, "reshape(reshape(x)) -> reshape(x)", reshape_reshape},
    {OP_reshape, "reshape of equal elements -> fill", move_uniform},
    {OP_broadcast_to, "broadcast_to its own shape -> x", drop_same_shape},
    {OP_broadcast_to, "broadcast_to(broadcast_to(x)) -> broadcast_to(x)", broadcast_broadcast},
    {OP_broadcast_to, "broadcast_to of equal elements -> fill", move_uniform},
    {OP_transpose, "transpose(transpose(x)) -> transpose(x)", transpose_transpose},
    {OP_transpose, "transpose of axes of size 1 -> reshape", transpose_still},
    {OP_transpose, "transpose of equal elements -> fill", move_uniform},
    {OP_matmul, "matmul(transpose(a), b) -> matmul(a, b, transpose_a=true)", matmul_transpose},
    {OP_sum, "sum over axes of size 1 -> reshape", reduce_nothing},
    {OP_mean, "mean over axes of size 1 -> reshape", reduce_nothing},
    {OP_max, "max over axes of size 1 -> reshape", reduce_nothing},
    {OP_min, "min over axes of size 1 -> reshape", reduce_nothing},
    {OP_slice, "slice of everything -> x", slice_everything},
    {OP_concat, "concat of one -> x", concat_one},
    {N_OPS, "f(broadcast_to(x), y) -> f(x, y)", elementwise_unstretched},
};
const struct rule_table simplify_movement = {rules, sizeof rules / sizeof *rules};
