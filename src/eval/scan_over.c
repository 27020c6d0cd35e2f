/* What a scan goes over: its tensors laid with the axis first, its ranges, and the length that they
 * have in common. */
#include <string.h>

#include "eval/scan.h"

bool scan_is_number(struct value v) { return value_is_number(v) || v.kind == VALUE_BOOL; }

/* A list of numbers, nested: something to go over is one tensor then. */
static bool is_table(struct value v) {
    if (v.kind != VALUE_LIST)
        return scan_is_number(v);
    for (int i = 0; i < v.list->n; i++)
        if (!is_table(v.list->at[i]))
            return false;
    return true;
}

bool scan_is_row_leaf(struct value v) { return v.kind == VALUE_LIST && v.list->n && is_table(v); }

const char *scan_node_text(struct scan *s, const struct node *n) {
    char text[SHAPE_TEXT];
    return arena_printf(&s->a, "%s%s", dtype_name(n->dtype),
                        shape_print(text, sizeof text, s->in->o.symbols, &n->shape));
}

const char *scan_leaf_text(struct scan *s, const char *whole, const char *name) {
    return arena_printf(&s->a, *name && *name != '[' ? "`%s.%s`" : "`%s%s`", whole, name);
}

static bool find_axis(struct scan *s, const struct leaf *leaf, const struct node *n, int *axis) {
    struct value v = s->axis.value;
    const char *what = scan_leaf_text(s, "over", leaf->name);
    char text[SHAPE_TEXT];
    if (!n->shape.rank)
        return fail_at(s->in, E_AXIS, s->over.at,
                       "%s is %s, a scalar: there is no axis to go along", what,
                       scan_node_text(s, n));
    if (is_named_axis(v)) {
        struct dim d = v.kind == VALUE_DIM ? v.dim : dim_const(v.i);
        int found = 0;
        if ((*axis = value_axis(v, n)) >= 0)
            return true;
        for (int i = 0; i < n->shape.rank; i++)
            if (dim_same(n->shape.d[i], d))
                *axis = i, found++;
        if (found == 1)
            return true;
        dim_print(text, sizeof text, s->in->o.symbols, d);
        return fail_at(s->in, E_AXIS, s->axis.at,
                       found ? "%s is the size of several axes of %s, which is %s: give the axis "
                               "by number"
                             : "no axis is called %s: %s is %s",
                       text, what, scan_node_text(s, n));
    }
    int64_t i = v.i < 0 ? v.i + n->shape.rank : v.i;
    if (i < 0 || i >= n->shape.rank)
        return fail_at(s->in, E_AXIS, s->axis.at.source ? s->axis.at : s->over.at,
                       "there is no axis %lld: %s is %s", (long long)v.i, what,
                       scan_node_text(s, n));
    *axis = (int)i;
    return true;
}

static bool is_anonymous(struct scan *s, struct dim d) {
    return d.sym[0] && !s->in->o.symbols->list.at[d.sym[0]].name;
}

static bool join_length(struct scan *s, struct dim d, const char *of) {
    if (!s->length_of) {
        s->length = d, s->length_of = of;
        return true;
    }
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (dim_compare(s->in->o.symbols, s->length, d) == DIM_DIFFER) {
        struct diag *diag =
            diag_error(s->in->o.diags, E_SHAPE, s->over.at,
                       "what %s goes over has two lengths, %s and %s: %s, but %s", s->word,
                       dim_print(a, sizeof a, s->in->o.symbols, s->length),
                       dim_print(b, sizeof b, s->in->o.symbols, d), s->length_of, of);
        return interp_fail(s->in, diag);
    }
    if ((dim_is_const(d) && !dim_is_const(s->length)) ||
        (is_anonymous(s, s->length) && !is_anonymous(s, d)))
        s->length = d, s->length_of = of;
    return true;
}

/* The axis comes first, or goes from there to where it was. */
struct node *scan_move_axis(struct scan *s, struct node *n, int axis, bool to_front) {
    struct attr perm = {.kind = ATTR_INTS};
    if (!axis)
        return n;
    perm.ints.n = n->shape.rank;
    for (int i = 0; i < n->shape.rank; i++)
        if (to_front)
            perm.ints.v[i] = i == 0 ? axis : i - (i <= axis);
        else
            perm.ints.v[i] = i == axis ? 0 : i + (i < axis);
    return build_op(&s->in->build, OP_transpose, &n, 1, &perm, NULL, NULL);
}

static bool take_row(struct scan *s, int i, bool *first) {
    const struct leaf *leaf = &s->rows.list.at[i];
    struct value v = leaf->value;
    const char *what = scan_leaf_text(s, "over", leaf->name);
    struct node *n;
    int axis = 0;
    if (v.kind == VALUE_RANGE)
        return join_length(s, dim_const(range_length(v.range)),
                           arena_printf(&s->a, "%s is a range", what));
    if (v.kind == VALUE_DIM)
        return join_length(s, v.dim, arena_printf(&s->a, "%s is a size", what));
    if (is_missing(v))
        return fail_silently(s->in);
    if (v.kind != VALUE_TENSOR && v.kind != VALUE_ARRAY && !scan_is_row_leaf(v)) {
        char text[128];
        describe_value(s->in, v, text, sizeof text);
        struct diag *d = diag_error(s->in->o.diags, E_WRONG_KIND, s->over.at,
                                    "%s goes over tensors, but %s is %s", s->word, what, text);
        if (v.kind == VALUE_INT)
            diag_help(d, "range(%lld) counts from 0", (long long)v.i);
        return interp_fail(s->in, d);
    }
    if (!to_node(s->in, v, s->over.at, -1, &n) || !find_axis(s, leaf, n, &axis) ||
        !join_length(s, n->shape.d[axis],
                     arena_printf(&s->a, "%s is %s", what, scan_node_text(s, n))))
        return false;
    s->in->build.origin = interp_origin(s->in, s->over.at);
    s->input[i] = scan_move_axis(s, n, axis, true);
    root_push(s->in, V_TENSOR(s->input[i]));
    if (*first)
        s->axis_at = axis, *first = false;
    return true;
}

bool scan_take_rows(struct scan *s) {
    bool first = true;
    structure_flatten(s->over.value, scan_is_row_leaf, &s->a, &s->rows);
    s->input = arena_array(&s->a, struct node *, s->rows.list.n);
    for (int i = 0; i < s->rows.list.n; i++)
        if (!take_row(s, i, &first))
            return false;
    return s->length_of ? true
                        : fail_at(s->in, E_WRONG_KIND, s->over.at, "`over` has nothing to go over");
}
