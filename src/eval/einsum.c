/* einsum("bqd,bkd->bqk", q, k): sums of products, by letters for axes (Einstein 1916; the notation
 * of NumPy). It is lowered here to transpose, reshape, sum, mul and matmul, so gradients, named
 * dimensions and speed are those of these ops.
 *
 * What an operand alone has and nobody needs is summed first. Then two operands at a time become
 * one, first those whose product has the fewest axes: a matrix product over what both have and
 * nobody else needs, with what both have and is needed as its batch; a product of elements when
 * there is nothing to sum, or for whole numbers. Last comes the order of the result.
 *
 * The result has to be said. A letter twice in one operand is refused, and a letter is one size:
 * only axes of `...` broadcast.
 *
 * Not for: the text and its mistakes (einsum_text.c). */
#include <string.h>

#include "eval/einsum.h"

static bool append(struct einsum *e, enum op_id id, struct node **in, int n,
                   const struct attr *attr, const struct span *at, struct node **out) {
    struct value v;
    if (!op_append(e->in, &e->in->o.ops->op[id], "einsum", in, n, attr, at, e->call->call, &v))
        return false;
    *out = v.node;
    return true;
}

static bool append_reshape(struct einsum *e, struct term *t, const struct shape *to) {
    struct attr attr = {.kind = ATTR_SHAPE, .shape = *to};
    if (shape_same(to, &t->x->shape) && to->on_purpose == t->x->shape.on_purpose)
        return true;
    return append(e, OP_reshape, &t->x, 1, &attr, &t->at, &t->x);
}

/* Puts the axes of t in the order of these labels, which are all that it has. */
static bool append_order(struct einsum *e, struct term *t, const int *labels) {
    struct attr perm = {.kind = ATTR_AXES};
    bool same = true;
    perm.ints.n = t->x->shape.rank;
    for (int i = 0; i < perm.ints.n; i++) {
        perm.ints.v[i] = find_label(t, labels[i]);
        same &= perm.ints.v[i] == i;
    }
    memcpy(t->label, labels, (size_t)perm.ints.n * sizeof *labels);
    return same || append(e, OP_transpose, &t->x, 1, &perm, &t->at, &t->x);
}

static bool is_needed(const struct einsum *e, int label, int i, int j) {
    for (int k = 0; k < e->n_out; k++)
        if (e->out[k] == label)
            return true;
    for (int k = 0; k < e->n; k++)
        if (k != i && k != j && find_label(&e->term[k], label) >= 0)
            return true;
    return false;
}

/* Sums over the axes of term i that nobody else has. */
static bool append_sum(struct einsum *e, int i) {
    struct term *t = &e->term[i];
    struct attr attr[2] = {{.kind = ATTR_AXES}, {.kind = ATTR_BOOL}};
    int kept = 0, label[MAX_RANK] = {0};
    for (int axis = 0; axis < t->x->shape.rank; axis++) {
        if (is_needed(e, t->label[axis], i, i))
            label[kept++] = t->label[axis];
        else
            attr[0].ints.v[attr[0].ints.n++] = axis;
    }
    memcpy(t->label, label, sizeof label);
    return !attr[0].ints.n || append(e, OP_sum, &t->x, 1, attr, &t->at, &t->x);
}

/* ---- two terms */

struct group {
    int n, label[MAX_LABELS];
};

/* The labels of a pair: those of both that are needed, of one alone, of both that are summed. */
struct pair {
    struct group batch, left, right, inner;
};

static void group_push(struct group *g, int label) { g->label[g->n++] = label; }

static void group_append(struct group *g, const struct group *more) {
    for (int i = 0; i < more->n; i++)
        group_push(g, more->label[i]);
}

static struct pair pair_labels(const struct einsum *e, int i, int j) {
    const struct term *a = &e->term[i], *b = &e->term[j];
    struct pair p = {0};
    for (int k = 0; k < a->x->shape.rank; k++) {
        int label = a->label[k];
        group_push(find_label(b, label) < 0    ? &p.left
                   : is_needed(e, label, i, j) ? &p.batch
                                               : &p.inner,
                   label);
    }
    for (int k = 0; k < b->x->shape.rank; k++)
        if (find_label(a, b->label[k]) < 0)
            group_push(&p.right, b->label[k]);
    return p;
}

static struct dim label_dim(const struct term *t, int label) {
    return t->x->shape.d[find_label(t, label)];
}

/* t as [batch.., a, b], each group of several labels one axis. */
static bool append_matrix(struct einsum *e, struct term *t, const struct group *batch,
                          const struct group *a, const struct group *b) {
    const struct group *groups[2] = {a, b};
    struct group order = *batch;
    struct shape to = {.rank = batch->n + 2};
    for (int i = 0; i < batch->n; i++)
        to.d[i] = label_dim(t, batch->label[i]);
    for (int g = 0; g < 2; g++) {
        struct dim size = dim_const(1);
        for (int i = 0; i < groups[g]->n; i++)
            if (!dim_multiply(e->in->o.symbols, size, label_dim(t, groups[g]->label[i]),
                              &size))
                size = dim_const(-1);
        to.d[batch->n + g] = size;
        group_append(&order, groups[g]);
    }
    return append_order(e, t, order.label) && append_reshape(e, t, &to);
}

static bool is_order(const struct term *t, const struct group *batch, const struct group *a,
                     const struct group *b) {
    struct group order = *batch;
    group_append(&order, a);
    group_append(&order, b);
    return !memcmp(order.label, t->label, (size_t)order.n * sizeof *order.label);
}

/* Whether [batch.., b, a] costs less movement than [batch.., a, b]. */
static bool is_better_turned(const struct term *t, const struct group *batch, const struct group *a,
                             const struct group *b) {
    if (is_order(t, batch, a, b) || is_order(t, batch, b, a))
        return !is_order(t, batch, a, b);
    int last = t->label[t->x->shape.rank - 1];
    for (int i = 0; i < a->n; i++)
        if (a->label[i] == last)
            return true;
    return false;
}

static bool append_matmul(struct einsum *e, const struct pair *p, struct term *a, struct term *b) {
    struct term x = *a, y = *b;
    struct attr attr[2] = {{.kind = ATTR_BOOL}, {.kind = ATTR_BOOL}};
    struct shape to = {.rank = p->batch.n + p->left.n + p->right.n};
    attr[0].i = is_better_turned(a, &p->batch, &p->left, &p->inner);
    attr[1].i = is_better_turned(b, &p->batch, &p->inner, &p->right);
    if (!append_matrix(e, &x, &p->batch, attr[0].i ? &p->inner : &p->left,
                       attr[0].i ? &p->left : &p->inner) ||
        !append_matrix(e, &y, &p->batch, attr[1].i ? &p->right : &p->inner,
                       attr[1].i ? &p->inner : &p->right) ||
        !append(e, OP_matmul, (struct node *[]){x.x, y.x}, 2, attr, (struct span[]){a->at, b->at},
                &x.x))
        return false;
    for (int i = 0; i < p->batch.n; i++)
        to.d[i] = x.x->shape.d[i];
    for (int i = 0; i < p->left.n; i++)
        to.d[p->batch.n + i] = label_dim(a, p->left.label[i]);
    for (int i = 0; i < p->right.n; i++)
        to.d[p->batch.n + p->left.n + i] = label_dim(b, p->right.label[i]);
    a->x = x.x;
    return append_reshape(e, a, &to);
}

/* t with an axis for each label of `all`, of size 1 where it has none. */
static bool append_aligned(struct einsum *e, struct term *t, const struct group *all) {
    struct group own = {0};
    struct shape to = {.rank = all->n};
    for (int i = 0; i < all->n; i++) {
        bool has = find_label(t, all->label[i]) >= 0;
        to.d[i] = has ? label_dim(t, all->label[i]) : dim_const(1);
        if (has)
            group_push(&own, all->label[i]);
        if (dim_is_one(to.d[i]))
            to.on_purpose |= 1u << i;
    }
    return append_order(e, t, own.label) && append_reshape(e, t, &to);
}

static bool append_product(struct einsum *e, const struct pair *p, struct term *a, struct term *b) {
    struct group all = p->batch;
    struct attr attr[2] = {{.kind = ATTR_AXES}, {.kind = ATTR_BOOL}};
    group_append(&all, &p->left);
    group_append(&all, &p->right);
    for (int i = 0; i < p->inner.n; i++)
        attr[0].ints.v[attr[0].ints.n++] = all.n + i;
    group_append(&all, &p->inner);
    return append_aligned(e, a, &all) && append_aligned(e, b, &all) &&
           append(e, OP_mul, (struct node *[]){a->x, b->x}, 2, NULL, (struct span[]){a->at, b->at},
                  &a->x) &&
           (!p->inner.n || append(e, OP_sum, &a->x, 1, attr, &a->at, &a->x));
}

static int out_place(const struct einsum *e, const struct group *g) {
    for (int k = 0; k < e->n_out; k++)
        for (int i = 0; i < g->n; i++)
            if (e->out[k] == g->label[i])
                return k;
    return MAX_LABELS;
}

/* Term i becomes the product of terms i and j; j goes. */
static bool multiply_pair(struct einsum *e, int i, int j) {
    struct pair p = pair_labels(e, i, j);
    struct group labels;
    if (e->n == 2 && out_place(e, &p.right) < out_place(e, &p.left)) {
        struct term swapped = e->term[i];
        e->term[i] = e->term[j], e->term[j] = swapped;
        p = pair_labels(e, i, j);
    }
    bool matrix = p.inner.n && dtype_is_float(e->term[i].x->dtype);
    labels = p.batch;
    group_append(&labels, &p.left);
    group_append(&labels, &p.right);
    if (labels.n + (matrix ? 0 : p.inner.n) > MAX_RANK || (matrix && p.batch.n + 2 > MAX_RANK))
        return einsum_refuse(e, 0, (int)strlen(e->text),
                             "a product on the way would have more than 8 axes",
                             "multiply the operands in steps that sum earlier");
    if (matrix ? !append_matmul(e, &p, &e->term[i], &e->term[j])
               : !append_product(e, &p, &e->term[i], &e->term[j]))
        return false;
    memcpy(e->term[i].label, labels.label, sizeof e->term[i].label);
    memmove(e->term + j, e->term + j + 1, (size_t)(e->n - j - 1) * sizeof *e->term);
    e->n--;
    return true;
}

/* The pair whose product has the fewest axes, the first of equals. */
static void choose_pair(const struct einsum *e, int *first, int *second) {
    int fewest = INT32_MAX;
    for (int i = 0; i < e->n; i++)
        for (int j = i + 1; j < e->n; j++) {
            struct pair p = pair_labels(e, i, j);
            int n = p.batch.n + p.left.n + p.right.n - p.inner.n;
            if (n < fewest)
                fewest = n, *first = i, *second = j;
        }
}

static bool take_operands(struct einsum *e, struct args *a, bool *known) {
    int dtype = -1;
    bool arrays = false, tensors = false;
    if (a->n_named)
        return fail_at(e->in, E_UNKNOWN_ARGUMENT, a->named[0].name_at,
                       "einsum takes no argument `%s`", a->named[0].name);
    if (!a->n || a->at[0].value.kind != VALUE_STRING)
        return fail_at(e->in, E_WRONG_KIND, a->n ? a->at[0].at : a->call,
                       "einsum begins with its subscripts: einsum(\"ij,jk->ik\", a, b)");
    e->text = a->at[0].value.string->text;
    e->text_at = a->at[0].at;
    e->n = a->n - 1;
    for (int i = 0; i < e->n; i++) {
        struct value v = a->at[i + 1].value;
        arrays |= v.kind == VALUE_ARRAY, tensors |= v.kind == VALUE_TENSOR;
        if (dtype < 0 && (v.kind == VALUE_ARRAY || v.kind == VALUE_TENSOR))
            dtype = (int)(v.kind == VALUE_ARRAY ? v.array->tensor->dtype : v.node->dtype);
    }
    *known = arrays && !tensors;
    for (int i = 0; i < e->n; i++) {
        e->term[i].at = a->at[i + 1].at;
        if (!to_node(e->in, a->at[i + 1].value, e->term[i].at, dtype, &e->term[i].x))
            return false;
    }
    return true;
}

bool builtin_einsum(struct interp *in, const struct value *self, struct args *a,
                    struct value *out) {
    struct einsum e = {.in = in, .call = a};
    bool known = false;
    (void)self;
    if (!take_operands(&e, a, &known) || !einsum_read(&e))
        return false;
    for (int i = 0; i < e.n; i++)
        if (!append_sum(&e, i))
            return false;
    while (e.n > 1) {
        int i = 0, j = 1;
        choose_pair(&e, &i, &j);
        if (!multiply_pair(&e, i, j))
            return false;
    }
    if (!append_order(&e, &e.term[0], e.out))
        return false;
    *out = V_TENSOR(e.term[0].x);
    return op_compute_known(in, out, a->call, known ? KNOWN_ARRAY : KNOWN_NOT);
}
