/* Indices and slices: of the host's lists, ranges, strings and records, and of tensors as in
 * NumPy. */
#include <string.h>

#include "eval/interp.h"

static bool list_index(struct interp *in, struct value v, struct span at, int64_t n, int64_t *i) {
    if (v.kind != VALUE_INT) {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, at, "an index must be a whole number, not %s", text);
    }
    *i = v.i < 0 ? v.i + n : v.i;
    if (*i >= 0 && *i < n)
        return true;
    return fail_at(in, E_OUT_OF_RANGE, at, "index %lld is outside of the %lld elements",
                   (long long)v.i, (long long)n);
}

static bool slice_bound(struct interp *in, struct scope *s, const struct ast *e, int64_t *bound) {
    struct value v;
    if (!e)
        return true;
    if (!eval_expr(in, s, e, &v))
        return false;
    v = scalar_number(v);
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind != VALUE_INT)
        return fail_at(in, E_WRONG_KIND, e->span, "a slice's bound must be a whole number, not %s",
                       value_kind_words(v.kind));
    *bound = v.i;
    return true;
}

/* A bound as a position between `low` and `high`; negative ones count from the end. */
static int64_t clamp_bound(int64_t bound, int64_t n, int64_t low, int64_t high) {
    if (bound < 0)
        bound = bound < -n ? low : bound + n;
    return bound < low ? low : bound > high ? high : bound;
}

/* The elements of a list or of a chain. */
static const struct value *elements(struct value v) {
    return v.kind == VALUE_CHAIN ? v.chain->at : v.list->at;
}

/* Every step-th of `count` elements of a range, which is a range again. */
static bool slice_range(struct interp *in, const struct range *r, int64_t first, int64_t step,
                        int64_t count, struct span at, struct value *out) {
    int64_t begin = count ? r->first + first * r->step : 0, stride = 1, end = begin;
    if (count > 1 && __builtin_mul_overflow(step, r->step, &stride))
        return fail_at(in, E_OUT_OF_RANGE, at, "a step of this slice does not fit 64 bits");
    if (count)
        end += (count - 1) * stride + (stride > 0 ? 1 : -1);
    *out = value_range(&in->heap, begin, end, stride);
    root_push(in, *out);
    return true;
}

/* l[first:end:step] of a list, a chain, a range or a string, as in Python. */
static bool slice_host(struct interp *in, struct scope *s, const struct ast *item,
                       struct value object, int64_t n, struct value *out) {
    int64_t step = 1, first = INT64_MIN, end = INT64_MIN;
    if (!slice_bound(in, s, item->kids[2], &step))
        return false;
    if (step == 0)
        return fail_at(in, E_OUT_OF_RANGE, item->span, "a slice's step cannot be 0");
    if (!slice_bound(in, s, item->kids[0], &first) || !slice_bound(in, s, item->kids[1], &end))
        return false;
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    first = item->kids[0] ? clamp_bound(first, n, low, high) : step > 0 ? low : high;
    end = item->kids[1] ? clamp_bound(end, n, low, high) : step > 0 ? high : low;
    uint64_t gap = step > 0 ? (uint64_t)step : -(uint64_t)step;
    int64_t length = step > 0 ? end - first : first - end;
    int64_t count = length > 0 ? (int64_t)(((uint64_t)length + gap - 1) / gap) : 0;
    bool text = object.kind == VALUE_STRING;
    if (object.kind == VALUE_RANGE)
        return slice_range(in, object.range, first, step, count, item->span, out);
    *out = text ? value_string(&in->heap, NULL, (size_t)count) : value_list(&in->heap, (int)count);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = first + i * step;
        if (text)
            out->string->text[i] = object.string->text[at];
        else
            out->list->at[i] = elements(object)[at];
    }
    root_push(in, *out);
    if (object.kind != VALUE_CHAIN)
        return true;
    if (!count)
        return fail_at(in, E_OUT_OF_RANGE, item->span, "no function would be left of the chain");
    *out = value_chain(&in->heap, out->list);
    root_push(in, *out);
    return true;
}

/* l[2], l[1:3], range(9)[::-1], record["name"], "text"[0], (f >> g)[0]: the host's own
 * sequences. */
static bool index_host(struct interp *in, struct scope *s, const struct ast *e, struct value object,
                       struct value *out) {
    const struct ast *item = e->kids[1];
    int64_t n = object.kind == VALUE_LIST     ? object.list->n
                : object.kind == VALUE_CHAIN  ? object.chain->n
                : object.kind == VALUE_STRING ? (int64_t)object.string->n
                : object.kind == VALUE_RANGE  ? range_length(object.range)
                                              : 0;
    int64_t i = 0;
    if (e->n_kids != 2)
        return fail_at(in, E_WRONG_KIND, e->span, "%s has one axis", value_kind_words(object.kind));
    struct value v;
    if (item->kind == AST_SLICE && object.kind == VALUE_RECORD)
        return fail_at(in, E_WRONG_KIND, item->span, "a record is indexed by a field's name");
    if (item->kind == AST_SLICE)
        return slice_host(in, s, item, object, n, out);
    if (!eval_expr(in, s, item, &v))
        return false;
    v = scalar_number(v);
    if (is_missing(v)) {
        *out = V_UNKNOWN;
        return true;
    }
    if (object.kind == VALUE_RECORD) {
        if (v.kind != VALUE_STRING)
            return fail_at(in, E_WRONG_KIND, item->span, "a record is indexed by a field's name");
        const struct value *field = record_get(object.record, intern(in, v.string->text));
        if (!field)
            return fail_at(in, E_UNKNOWN_FIELD, item->span, "the record has no field `%s`",
                           v.string->text);
        *out = *field;
        return true;
    }
    if (!list_index(in, v, item->span, n, &i))
        return false;
    if (object.kind == VALUE_RANGE)
        *out = V_INT(object.range->first + i * object.range->step);
    else if (object.kind != VALUE_STRING)
        *out = elements(object)[i];
    else
        *out = value_string(&in->heap, object.string->text + i, 1), root_push(in, *out);
    return true;
}

/* data["images"] */
static bool index_dataset(struct interp *in, struct scope *s, const struct ast *e,
                          struct dataset_object *d, struct value *out) {
    const struct ast *item = e->kids[1];
    struct value v = V_NONE;
    if (e->n_kids == 2 && item->kind != AST_SLICE && !eval_expr(in, s, item, &v))
        return false;
    if (is_missing(v)) {
        *out = V_UNKNOWN;
        return true;
    }
    return dataset_index(in, d, v, item->span, out);
}

/* Slices. The slice op keeps every axis; single indices are dropped and `new` axes added by a
 * reshape after it. A tensor of indices takes its axis whole here; a gather comes last. */
enum { NEW_AXIS = -1 };
struct slicing {
    struct attr attr[3];              /* begin, end, step */
    bool keep[MAX_RANK];              /* not indexed by a single number */
    bool sliced;                      /* some axis is not taken whole */
    int order[2 * MAX_RANK], n_order; /* of the result: axes of the tensor, or NEW_AXIS */
    struct node *chosen;              /* the tensor of indices, or NULL; */
    int chosen_axis;                  /* the axis it stands at, */
    struct span chosen_at;            /* and where it is written */
    bool chosen_known;                /* not a tensor of the graph */
    bool single;                      /* some axis is indexed by a single number */
};

/* A bound is a whole number or a named size. */
static bool axis_bound(struct interp *in, struct scope *s, const struct ast *e, struct dim *bound) {
    struct value v;
    if (!e)
        return true;
    if (!eval_expr(in, s, e, &v))
        return false;
    v = scalar_number(v);
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind != VALUE_INT && v.kind != VALUE_DIM) {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, e->span,
                       "a slice's bound must be a whole number or a named size, not %s", text);
    }
    *bound = v.kind == VALUE_DIM ? v.dim : dim_const(v.i);
    return true;
}

/* x[.., i, ..] as the slice from i to before i + 1. */
static bool single_index(struct interp *in, const struct ast *item, const struct node *x, int axis,
                         struct value v, struct dim *begin, struct dim *end) {
    struct dim size = x->shape.d[axis], one = dim_const(1);
    if (v.kind == VALUE_DIM) {
        char text[SHAPE_TEXT];
        *begin = v.dim;
        if (dim_same(v.dim, size))
            return fail_at(
                in, E_OUT_OF_RANGE, item->span,
                "index %s is outside of axis %d, which has %s elements: the last is at -1",
                dim_print(text, sizeof text, in->o.symbols, size), axis, text);
        return dim_add(in->o.symbols, v.dim, one, end) ||
               fail_at(in, E_OUT_OF_RANGE, item->span, "this index is too large");
    }
    if (v.kind != VALUE_INT)
        return fail_at(in, E_WRONG_KIND, item->span,
                       "an index must be a whole number, a slice, `new` or a tensor of whole "
                       "numbers, not %s",
                       value_kind_words(v.kind));
    if (dim_is_const(size) && (v.i >= size.k || v.i < -size.k))
        return fail_at(in, E_OUT_OF_RANGE, item->span,
                       "index %lld is outside of axis %d, which has %lld elements", (long long)v.i,
                       axis, (long long)size.k);
    *begin = dim_const(v.i);
    *end = dim_const(v.i == -1 ? INT64_MAX : v.i + 1);
    return true;
}

/* x[ids]: whole numbers in a tensor, an array or a list choose along their axis. */
static bool choose_axis(struct interp *in, struct value v, struct span at, int axis,
                        struct slicing *sl) {
    if (sl->chosen) {
        struct diag *d = diag_error(in->o.diags, E_AXIS, at,
                                    "only one axis at a time can be indexed by a tensor");
        diag_help(d, "index twice: x[a][:, b]");
        return interp_fail(in, d);
    }
    sl->keep[axis] = true;
    sl->chosen_axis = axis;
    sl->chosen_at = at;
    sl->chosen_known = v.kind != VALUE_TENSOR;
    return to_node(in, v, at, is_whole(v) ? DTYPE_I32 : -1, &sl->chosen);
}

static bool slice_axis(struct interp *in, struct scope *s, const struct ast *item, struct node *x,
                       int axis, struct slicing *sl) {
    struct dim begin = dim_const(INT64_MIN), end = dim_const(INT64_MAX), step = dim_const(1);
    sl->keep[axis] = item->kind == AST_SLICE;
    if (item->kind == AST_SLICE) {
        if (!axis_bound(in, s, item->kids[2], &step))
            return false;
        if (!dim_is_const(step))
            return fail_at(in, E_WRONG_KIND, item->kids[2]->span,
                           "a slice's step must be a whole number, not a named size");
        if (step.k == 0)
            return fail_at(in, E_OUT_OF_RANGE, item->span, "a slice's step cannot be 0");
        if (step.k < 0)
            begin = dim_const(INT64_MAX), end = dim_const(INT64_MIN);
        if (!axis_bound(in, s, item->kids[0], &begin) || !axis_bound(in, s, item->kids[1], &end))
            return false;
        sl->sliced |= item->kids[0] || item->kids[1] || step.k != 1;
    } else {
        struct value v;
        if (!eval_expr(in, s, item, &v))
            return false;
        if (is_missing(v))
            return fail_silently(in);
        if (v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY || v.kind == VALUE_LIST)
            return choose_axis(in, v, item->span, axis, sl);
        if (!single_index(in, item, x, axis, v, &begin, &end))
            return false;
        sl->sliced = sl->single = true;
    }
    sl->attr[0].shape.d[axis] = begin, sl->attr[1].shape.d[axis] = end;
    sl->attr[2].ints.v[axis] = step.k;
    return true;
}

/* How the items of an index meet the axes of a tensor of this rank. */
static bool check_items(struct interp *in, const struct ast *e, const struct node *x, int *n_axes) {
    int n_rest = 0, n_fresh = 0;
    *n_axes = 0;
    for (int i = 1; i < e->n_kids; i++) {
        n_fresh += e->kids[i]->kind == AST_NEW;
        n_rest += e->kids[i]->kind == AST_ELLIPSIS;
    }
    *n_axes = e->n_kids - 1 - n_fresh - n_rest;
    if (n_fresh > MAX_RANK)
        return fail_at(in, E_SHAPE, e->span, "a tensor has at most %d axes", MAX_RANK);
    if (*n_axes <= x->shape.rank && n_rest <= 1)
        return true;
    struct span at = e->kids[0]->span;
    char text[SHAPE_TEXT];
    struct diag *d = n_rest > 1 ? diag_error(in->o.diags, E_AXIS, at, "`...` may stand once")
                                : diag_error(in->o.diags, E_AXIS, at,
                                             "%d axes are indexed, but the tensor has %d", *n_axes,
                                             x->shape.rank);
    diag_label(d, at, "%s%s", dtype_name(x->dtype),
               shape_print(text, sizeof text, in->o.symbols, &x->shape));
    return interp_fail(in, d);
}

/* Fills in the slice of every axis, and the order in which old and new axes make up the result. */
static bool slice_items(struct interp *in, struct scope *s, const struct ast *e, struct node *x,
                        struct slicing *sl) {
    int rank = x->shape.rank, axis = 0, n_axes;
    if (!check_items(in, e, x, &n_axes))
        return false;
    sl->attr[0].kind = sl->attr[1].kind = ATTR_SHAPE, sl->attr[2].kind = ATTR_INTS;
    sl->attr[0].shape.rank = sl->attr[1].shape.rank = sl->attr[2].ints.n = rank;
    for (int i = 0; i < rank; i++) {
        sl->attr[0].shape.d[i] = dim_const(INT64_MIN);
        sl->attr[1].shape.d[i] = dim_const(INT64_MAX);
        sl->attr[2].ints.v[i] = 1;
    }
    for (int i = 1; i < e->n_kids; i++) {
        const struct ast *item = e->kids[i];
        if (item->kind == AST_NEW) {
            sl->order[sl->n_order++] = NEW_AXIS;
        } else if (item->kind == AST_ELLIPSIS) {
            for (int k = 0; k < rank - n_axes; k++)
                sl->keep[axis] = true, sl->order[sl->n_order++] = axis++;
        } else {
            if (!slice_axis(in, s, item, x, axis, sl))
                return false;
            sl->order[sl->n_order++] = axis++;
        }
    }
    while (axis < rank)
        sl->keep[axis] = true, sl->order[sl->n_order++] = axis++;
    return true;
}

/* Drops the axes that were indexed by one number and adds the new ones. */
static bool settle_axes(struct interp *in, const struct ast *e, const struct slicing *sl,
                        struct node *sliced, struct value *out) {
    struct attr shape = {.kind = ATTR_SHAPE};
    bool same = true;
    for (int i = 0; i < sl->n_order; i++) {
        bool fresh = sl->order[i] == NEW_AXIS;
        same &= !fresh && sl->keep[sl->order[i]];
        if (!fresh && !sl->keep[sl->order[i]])
            continue;
        if (shape.shape.rank == MAX_RANK)
            return fail_at(in, E_SHAPE, e->span, "a tensor has at most %d axes", MAX_RANK);
        if (fresh)
            shape.shape.on_purpose |= 1u << shape.shape.rank;
        shape.shape.d[shape.shape.rank++] = fresh ? dim_const(1) : sliced->shape.d[sl->order[i]];
    }
    *out = V_TENSOR(sliced);
    return same || op_append(in, &in->o.ops->op[OP_reshape], "[]", &sliced, 1, &shape,
                             &e->kids[0]->span, e->span, out);
}

/* The gather along the axis that a tensor of indices stands at, after all else is settled. */
static bool gather_chosen(struct interp *in, const struct ast *e, const struct slicing *sl,
                          struct value *out) {
    struct attr axis = {.kind = ATTR_AXIS};
    for (int i = 0; sl->order[i] != sl->chosen_axis; i++)
        axis.i++;
    if (sl->single) {
        struct diag *d = diag_error(in->o.diags, E_AXIS, sl->chosen_at,
                                    "a tensor and a single number cannot index together");
        diag_help(d, "index twice, the single number first: x[0][ids]");
        return interp_fail(in, d);
    }
    return op_append(in, &in->o.ops->op[OP_gather], "[]", (struct node *[]){out->node, sl->chosen},
                     2, &axis, (struct span[]){e->kids[0]->span, sl->chosen_at}, e->span, out);
}

static bool index_tensor(struct interp *in, struct scope *s, const struct ast *e,
                         struct value object, struct value *out) {
    struct node *x;
    struct slicing sl;
    memset(&sl, 0, sizeof sl);
    struct span at = e->kids[0]->span;
    if (!to_node(in, object, at, -1, &x) || !slice_items(in, s, e, x, &sl))
        return false;
    struct value v = V_TENSOR(x);
    if (sl.sliced &&
        !op_append(in, &in->o.ops->op[OP_slice], "[]", &x, 1, sl.attr, &at, e->span, &v))
        return false;
    bool known = object.kind == VALUE_ARRAY && (!sl.chosen || sl.chosen_known);
    return settle_axes(in, e, &sl, v.node, out) && (!sl.chosen || gather_chosen(in, e, &sl, out)) &&
           op_compute_known(in, out, e->span, known ? KNOWN_ARRAY : KNOWN_NOT);
}

bool eval_index(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value object;
    if (!eval_expr(in, s, e->kids[0], &object))
        return false;
    switch (object.kind) {
    case VALUE_POISON:
    case VALUE_UNKNOWN:
        *out = V_UNKNOWN;
        return true;
    case VALUE_LIST:
    case VALUE_CHAIN:
    case VALUE_RANGE:
    case VALUE_STRING:
    case VALUE_RECORD:
        return index_host(in, s, e, object, out);
    case VALUE_DATASET:
        return index_dataset(in, s, e, object.dataset, out);
    case VALUE_TENSOR:
    case VALUE_ARRAY:
        return index_tensor(in, s, e, object, out);
    default:
        return fail_at(in, E_WRONG_KIND, e->kids[0]->span, "%s cannot be indexed",
                       value_kind_words(object.kind));
    }
}
