/* The families of rows.def (rows.h). Axes of operands are matched from the right where they
 * broadcast. An input without examples beside one that has them must not have an axis of its own
 * there: its parts would have to be cut as well, and nobody says where. */
#include "ir/rows.h"

/* Whether the dim counts examples, alone or in its arithmetic. */
static bool mentions(const struct rows_dims *dims, struct dim d) {
    for (int i = 0; i < dims->n; i++)
        for (int b = 0; b < MAX_DIM_SYMBOLS && dims->at[i].sym[b]; b++)
            if (dim_mentions(dims->symbols, d, dims->at[i].sym[b]))
                return true;
    return false;
}

static bool counts_rows(const struct rows_dims *dims, struct dim d) {
    for (int i = 0; i < dims->n; i++)
        if (dim_same(dims->at[i], d))
            return true;
    return false;
}

static bool has_rows(const struct rows_dims *dims, const struct shape *s) {
    for (int i = 0; i < s->rank; i++)
        if (mentions(dims, s->d[i]))
            return true;
    return false;
}

/* Operands matched from the right, results of rank `rank`. */
static int broadcast(const struct node *n, const int *rows, int n_in) {
    int axis = ROWS_NONE, rank = n->shape.rank;
    for (int i = 0; i < n_in; i++) {
        if (rows[i] < 0)
            continue;
        int at = rows[i] + rank - n->in[i]->shape.rank;
        if (axis >= 0 && at != axis)
            return ROWS_MIXED;
        axis = at;
    }
    for (int i = 0; i < n_in && axis >= 0; i++) {
        int own = axis - (rank - n->in[i]->shape.rank);
        if (rows[i] < 0 && own >= 0 && !dim_is_one(n->in[i]->shape.d[own]))
            return ROWS_MIXED;
    }
    return axis;
}

static const struct attr *axis_setting(const struct node *n) {
    for (int i = 0; i < n->op->n_settings; i++)
        if (n->attr[i].kind == ATTR_AXIS || n->attr[i].kind == ATTR_AXES)
            return &n->attr[i];
    return NULL;
}

static bool is_named(const struct attr *axes, int axis) {
    if (axes->kind == ATTR_AXIS)
        return axes->i == axis;
    for (int i = 0; i < axes->ints.n; i++)
        if (axes->ints.v[i] == axis)
            return true;
    return axes->ints.n < 0;
}

/* All inputs and the result have the examples at one axis, which no setting names. */
static int rows_alike(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    const struct attr *axis = axis_setting(n);
    for (int i = 0; i < n->n_in; i++)
        if (rows[i] != rows[0] || rows[i] < 0)
            return ROWS_MIXED;
    return rows[0] < n->shape.rank && !(axis && is_named(axis, rows[0])) ? rows[0] : ROWS_MIXED;
}

/* It is its first input. */
static int rows_same(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)n, (void)dims;
    return rows[0];
}

static int rows_reduced(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    const struct attr *axes = axis_setting(n);
    bool kept = n->shape.rank == n->in[0]->shape.rank;
    int gone = 0;
    if (!axes || is_named(axes, rows[0]))
        return ROWS_MIXED;
    for (int i = 0; i < rows[0] && !kept; i++)
        gone += is_named(axes, i);
    return rows[0] - gone;
}

static int rows_matmul(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    int rank_a = n->in[0]->shape.rank, rank_b = n->in[1]->shape.rank;
    /* where the row of a and the column of b that are not summed over lie */
    int m = n->attr[0].i ? rank_a - 1 : rank_a - 2, k = n->attr[1].i ? rank_b - 2 : rank_b - 1;
    bool batch_a = rows[0] >= 0 && rows[0] < rank_a - 2,
         batch_b = rows[1] >= 0 && rows[1] < rank_b - 2;
    if ((batch_a || rows[0] < 0) && (batch_b || rows[1] < 0))
        return broadcast(n, rows, 2);
    if (rows[0] == m && rows[1] == ROWS_NONE && rank_b == 2)
        return n->shape.rank - 2;
    if (rows[1] == k && rows[0] == ROWS_NONE && rank_a == 2)
        return n->shape.rank - 1;
    return ROWS_MIXED;
}

static int rows_sliced(const struct node *n, const int *rows, const struct rows_dims *dims) {
    int axis = rows[0];
    for (int i = 0; i < 2; i++) /* x[:, :batch] */
        if (n->attr[i].kind == ATTR_SHAPE)
            for (int k = 0; k < n->attr[i].shape.rank; k++)
                if (k != axis && mentions(dims, n->attr[i].shape.d[k]))
                    return ROWS_MIXED;
    struct dim from = n->attr[0].kind == ATTR_SHAPE ? n->attr[0].shape.d[axis]
                                                    : dim_const(n->attr[0].ints.v[axis]);
    bool front = dim_is_const(from) && (from.k == 0 || from.k == INT64_MIN);
    bool whole = front && n->attr[2].ints.v[axis] == 1 &&
                 dim_same(n->shape.d[axis], n->in[0]->shape.d[axis]);
    return whole ? axis : ROWS_MIXED;
}

/* What lies before the axis must stay before it. */
static int rows_reshaped(const struct node *n, const int *rows, const struct rows_dims *dims) {
    const struct shape *from = &n->in[0]->shape, *to = &n->shape;
    struct dim before = dim_const(1), reached = dim_const(1);
    for (int i = 0; i < rows[0]; i++)
        if (!dim_multiply(dims->symbols, before, from->d[i], &before))
            return ROWS_MIXED;
    for (int i = 0; i < to->rank; i++) {
        if (dim_same(reached, before) && dim_same(to->d[i], from->d[rows[0]]))
            return i;
        if (!dim_multiply(dims->symbols, reached, to->d[i], &reached))
            return ROWS_MIXED;
    }
    return ROWS_MIXED;
}

static int rows_permuted(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    int rank = n->shape.rank;
    for (int i = 0; i < rank; i++)
        if ((n->attr[0].kind == ATTR_UNSET ? rank - 1 - i : n->attr[0].ints.v[i]) == rows[0])
            return i;
    return ROWS_MIXED;
}

static int rows_stretched(const struct node *n, const int *rows, const struct rows_dims *dims) {
    if (rows[0] >= 0)
        return rows[0] + n->shape.rank - n->in[0]->shape.rank;
    /* one example's value, given to all */
    int axis = ROWS_NONE;
    for (int i = 0; i < n->shape.rank; i++)
        if (mentions(dims, n->shape.d[i])) {
            int own = i - (n->shape.rank - n->in[0]->shape.rank);
            bool free = own < 0 || dim_is_one(n->in[0]->shape.d[own]);
            if (axis >= 0 || !free || !counts_rows(dims, n->shape.d[i]))
                return ROWS_MIXED;
            axis = i;
        }
    return axis;
}

/* The first axis of the first input, the others the same for all examples. */
static int rows_images(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    for (int i = 1; i < n->n_in; i++)
        if (rows[i] != ROWS_NONE)
            return ROWS_MIXED;
    return rows[0] == 0 ? 0 : ROWS_MIXED;
}

/* The same for an op whose setting has the shape of the result. */
static int rows_transposed(const struct node *n, const int *rows, const struct rows_dims *dims) {
    return counts_rows(dims, n->shape.d[0]) ? rows_images(n, rows, dims) : ROWS_MIXED;
}

static int rows_padded(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    const int64_t *pair = &n->attr[0].ints.v[2 * rows[0]];
    return pair[0] || pair[1] ? ROWS_MIXED : rows[0];
}

static int rows_sized(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)rows;
    int axis = ROWS_NONE;
    for (int i = 0; i < n->shape.rank; i++)
        if (mentions(dims, n->shape.d[i])) {
            if (axis >= 0 || !counts_rows(dims, n->shape.d[i]))
                return ROWS_MIXED;
            axis = i;
        }
    return axis;
}

/* The indices' axes stand where the axis was that they choose from. */
static int rows_chosen(const struct node *n, const int *rows, const struct rows_dims *dims) {
    (void)dims;
    int axis = (int)axis_setting(n)->i;
    if (rows[0] == ROWS_NONE)
        return axis + rows[1];
    if (rows[1] != ROWS_NONE || rows[0] == axis)
        return ROWS_MIXED;
    return rows[0] < axis ? rows[0] : rows[0] - 1 + n->in[1]->shape.rank;
}

/* Draws are keyed by the element's number: where examples come first, those of a chunk are a run of
 * numbers. */
static int rows_drawn(const struct node *n, const int *rows, const struct rows_dims *dims) {
    int axis = rows_sized(n, rows, dims);
    return axis > 0 ? ROWS_MIXED : axis;
}

typedef int family(const struct node *n, const int *rows, const struct rows_dims *dims);

static family *const families[N_OPS] = {
#define ROWS(op, family) [OP_##op] = rows_##family,
#include "ir/rows.def"
#undef ROWS
};

int rows_of_node(const struct node *n, const int *rows, const struct rows_dims *dims) {
    bool any = false;
    for (int i = 0; i < node_n_value_inputs(n); i++) {
        if (rows[i] == ROWS_MIXED)
            return ROWS_MIXED;
        any |= rows[i] >= 0;
    }
    if (!any && !has_rows(dims, &n->shape))
        return ROWS_NONE;
    if (n->op->trait == OP_ELEMENTWISE)
        return any ? broadcast(n, rows, n->n_in) : ROWS_MIXED;
    family *f = families[n->op->id];
    if (!f || (!any && f != rows_sized && f != rows_drawn && f != rows_stretched))
        return ROWS_MIXED;
    return f(n, rows, dims);
}

static const enum rows_join joins[N_OPS] = {
#define JOIN(op, how) [OP_##op] = JOIN_##how,
#include "ir/rows.def"
#undef JOIN
};

enum rows_join rows_join_over(const struct node *n, int axis) {
    enum rows_join how = joins[n->op->id];
    return how != JOIN_NONE && is_named(axis_setting(n), axis) ? how : JOIN_NONE;
}
