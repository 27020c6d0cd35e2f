/* Builtins that take tensors apart and put them together along an axis, which is given by number,
 * from the back or by name: slice, split, unstack, stack, expand_dims. They only append nodes that
 * the ops have (slice, reshape, concat), so gradients and named dimensions come with those. Over
 * arrays they give arrays.
 *
 * Not for: what can be said in the language over these (stdlib/movement.nn). */
#include <inttypes.h>
#include <string.h>

#include "eval/interp.h"

/* The tensor that a call is about, and the axis it names. */
struct subject {
    struct args *call;
    const char *callee;
    struct node *x;
    struct span at;
    bool known; /* an array of the host */
    int axis;
};

static bool missing(struct interp *in, struct args *a, const char *callee, const char *name) {
    return fail_at(in, E_MISSING_ARGUMENT, a->call, "%s needs an argument `%s`", callee, name);
}

/* An error about the tensor, whose shape stands below it. */
static struct diag *subject_error(struct interp *in, const struct subject *s, enum diag_code code,
                                  const char *message) {
    char text[SHAPE_TEXT];
    struct diag *d = diag_error(in->o.diags, code, s->at, "%s: %s", s->callee, message);
    diag_label(d, s->at, "%s%s", dtype_name(s->x->dtype),
               s->x->shape.rank ? shape_print(text, sizeof text, in->o.symbols, &s->x->shape)
                                : ", a scalar");
    return d;
}

/* -n..n-1 -> 0..n-1, n being the rank, or one more where a new axis is to stand. */
static bool subject_axis(struct interp *in, struct subject *s, const struct arg *axis, int n) {
    int64_t i = 0;
    char message[96];
    if (axis->at.source && !to_axis(in, axis->value, axis->at, s->x, &i))
        return false;
    if (i >= -n && i < n) {
        s->axis = (int)(i < 0 ? i + n : i);
        return true;
    }
    if (n == 0)
        snprintf(message, sizeof message, "there is no axis %" PRId64 ", this is a scalar", i);
    else
        snprintf(message, sizeof message, "there is no axis %" PRId64 ", there are 0 to %d", i,
                 n - 1);
    return interp_fail(in, subject_error(in, s, E_AXIS, message));
}

static bool take_subject(struct interp *in, struct args *a, const char *callee, const struct arg *x,
                         struct subject *s) {
    *s = (struct subject){.call = a, .callee = callee, .at = x->at};
    if (!x->at.source)
        return missing(in, a, callee, "x");
    s->known = x->value.kind == VALUE_ARRAY;
    return to_node(in, x->value, x->at, is_whole(x->value) ? DTYPE_F32 : -1, &s->x);
}

static bool append_reshape(struct interp *in, const struct subject *s, struct node *x,
                           const struct shape *to, struct value *out) {
    struct attr attr = {.kind = ATTR_SHAPE, .shape = *to};
    return op_append(in, &in->o.ops->op[OP_reshape], s->callee, &x, 1, &attr, &s->at, s->call->call,
                     out);
}

static bool append_slice(struct interp *in, const struct subject *s, struct node *x, int axis,
                         int64_t begin, int64_t end, int64_t step, struct value *out) {
    struct attr attr[3] = {{.kind = ATTR_INTS}, {.kind = ATTR_INTS}, {.kind = ATTR_INTS}};
    for (int i = 0; i < x->shape.rank; i++) {
        attr[0].ints.v[i] = i == axis ? begin : INT64_MIN;
        attr[1].ints.v[i] = i == axis ? end : INT64_MAX;
        attr[2].ints.v[i] = i == axis ? step : 1;
    }
    attr[0].ints.n = attr[1].ints.n = attr[2].ints.n = x->shape.rank;
    return op_append(in, &in->o.ops->op[OP_slice], s->callee, &x, 1, attr, &s->at, s->call->call,
                     out);
}

static bool settle(struct interp *in, const struct subject *s, struct value *out) {
    return op_compute_known(in, out, s->call->call, s->known ? KNOWN_ARRAY : KNOWN_NOT);
}

bool builtin_axis_index(struct interp *in, const struct value *self, struct args *a,
                        struct value *out) {
    static const char *const names[] = {"x", "axis"};
    struct arg got[2];
    struct subject s;
    (void)self;
    if (!builtin_take(in, a, "axis_index", names, 2, got) ||
        !take_subject(in, a, "axis_index", &got[0], &s))
        return false;
    if (!got[1].at.source)
        return missing(in, a, "axis_index", "axis");
    if (!subject_axis(in, &s, &got[1], s.x->shape.rank))
        return false;
    *out = V_INT(s.axis);
    return true;
}

bool builtin_axis_indices(struct interp *in, const struct value *self, struct args *a,
                          struct value *out) {
    static const char *const names[] = {"x", "axis"};
    struct arg got[2];
    struct subject s;
    (void)self;
    if (!builtin_take(in, a, "axis_indices", names, 2, got) ||
        !take_subject(in, a, "axis_indices", &got[0], &s))
        return false;
    bool all = !got[1].at.source || got[1].value.kind == VALUE_NONE;
    bool list = got[1].value.kind == VALUE_LIST;
    int n = all ? s.x->shape.rank : list ? got[1].value.list->n : 1;
    uint32_t seen = 0;
    *out = value_list(&in->heap, n);
    root_push(in, *out);
    for (int i = 0; i < n; i++) {
        struct value v = all ? V_INT(i) : list ? got[1].value.list->at[i] : got[1].value;
        struct arg axis = {v, all ? a->call : got[1].at};
        if (!subject_axis(in, &s, &axis, s.x->shape.rank))
            return false;
        if (seen >> s.axis & 1)
            return fail_at(in, E_AXIS, axis.at, "axis %d is named twice", s.axis);
        seen |= 1u << s.axis;
        out->list->at[i] = V_INT(s.axis);
    }
    return true;
}

/* What a function of the language asks first that takes lists for tensors, as ops do. */
bool builtin_tensor(struct interp *in, const struct value *self, struct args *a,
                    struct value *out) {
    static const char *const names[] = {"x", "dtype"};
    struct arg got[2];
    struct node *n;
    (void)self;
    if (!builtin_take(in, a, "tensor", names, 2, got))
        return false;
    if (!got[0].at.source)
        return missing(in, a, "tensor", "x");
    if (got[1].at.source && got[1].value.kind != VALUE_DTYPE)
        return fail_at(in, E_WRONG_KIND, got[1].at,
                       "`dtype` must be a dtype, such as float, not %s",
                       value_kind_words(got[1].value.kind));
    int t = got[1].at.source ? (int)got[1].value.dtype : is_whole(got[0].value) ? DTYPE_F32 : -1;
    bool known = got[0].value.kind == VALUE_ARRAY || got[0].value.kind == VALUE_TENSOR;
    if (!to_node(in, got[0].value, got[0].at, known ? -1 : t, &n))
        return false;
    *out = known ? got[0].value : V_TENSOR(n);
    root_push(in, *out);
    return true;
}

/* ---- slice */

static bool take_bound(struct interp *in, const struct arg *g, const char *name, int64_t *bound) {
    if (!g->at.source || g->value.kind == VALUE_NONE)
        return true;
    *bound = g->value.i;
    return g->value.kind == VALUE_INT ||
           fail_at(in, E_WRONG_KIND, g->at, "`%s` must be a whole number or none, not %s", name,
                   value_kind_words(g->value.kind));
}

bool builtin_slice(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"x", "begin", "end", "step", "axis"};
    struct arg got[5];
    struct subject s;
    int64_t step = 1;
    (void)self;
    if (!builtin_take(in, a, "slice", names, 5, got) ||
        !take_subject(in, a, "slice", &got[0], &s) ||
        !subject_axis(in, &s, &got[4], s.x->shape.rank) || !take_bound(in, &got[3], "step", &step))
        return false;
    if (step == 0)
        return fail_at(in, E_OUT_OF_RANGE, got[3].at, "a slice's step cannot be 0");
    int64_t begin = step < 0 ? INT64_MAX : INT64_MIN, end = step < 0 ? INT64_MIN : INT64_MAX;
    return take_bound(in, &got[1], "begin", &begin) && take_bound(in, &got[2], "end", &end) &&
           append_slice(in, &s, s.x, s.axis, begin, end, step, out) && settle(in, &s, out);
}

/* ---- split, unstack */

enum { MAX_PARTS = 65536 };

/* The part [begin, end) of x along the axis, `size` elements or -1. What a run alone can tell of
 * its size is checked there by a reshape. */
static bool append_part(struct interp *in, const struct subject *s, struct node *x, int64_t begin,
                        int64_t end, int64_t size, struct value *out) {
    struct shape to = x->shape;
    if (!append_slice(in, s, x, s->axis, begin, end, 1, out))
        return false;
    to.on_purpose = 0;
    to.d[s->axis] = dim_const(size);
    if (!dim_is_const(out->node->shape.d[s->axis]) && size >= 0 &&
        !append_reshape(in, s, out->node, &to, out))
        return false;
    return settle(in, s, out);
}

/* Equal parts of a size that is not known yet: x as [.., n, size / n, ..], of which a part is one
 * index. The reshape says so when n does not divide the size. */
static bool split_open(struct interp *in, const struct subject *s, int64_t n, struct value *out) {
    const struct shape *x = &s->x->shape;
    struct shape parts = {.rank = x->rank + 1}, to;
    struct value all, part;
    if (x->rank == MAX_RANK)
        return interp_fail(in, subject_error(in, s, E_SHAPE,
                                             "the size of this axis must be known, for there are "
                                             "no more axes to split it with"));
    for (int i = 0; i < x->rank; i++)
        parts.d[i + (i > s->axis)] = x->d[i];
    parts.d[s->axis] = dim_const(n);
    parts.d[s->axis + 1] = dim_const(-1);
    if (!append_reshape(in, s, s->x, &parts, &all))
        return false;
    to = *x;
    to.on_purpose = 0;
    to.d[s->axis] = all.node->shape.d[s->axis + 1];
    for (int64_t i = 0; i < n; i++) {
        if (!append_slice(in, s, all.node, s->axis, i, i + 1, 1, &part) ||
            !append_reshape(in, s, part.node, &to, &out->list->at[i]))
            return false;
    }
    return true;
}

static bool refuse_parts(struct interp *in, const struct subject *s, int64_t n, int64_t size) {
    char message[128];
    snprintf(message, sizeof message,
             "axis %d has %" PRId64 " elements, which do not make %" PRId64 " equal parts", s->axis,
             size, n);
    struct diag *d = subject_error(in, s, E_SHAPE, message);
    if (n < size)
        diag_help(d, "give the sizes; one may be -1: [%" PRId64 ", -1]", size / n);
    return interp_fail(in, d);
}

static bool split_equally(struct interp *in, const struct subject *s, const struct arg *parts,
                          struct value *out) {
    int64_t n = parts->value.i;
    struct dim size = s->x->shape.d[s->axis];
    if (n < 1 || n > MAX_PARTS)
        return fail_at(in, E_OUT_OF_RANGE, parts->at, "`parts` must be 1 to %d, not %" PRId64,
                       MAX_PARTS, n);
    *out = value_list(&in->heap, (int)n);
    root_push(in, *out);
    if (!dim_is_const(size))
        return split_open(in, s, n, out);
    if (size.k % n)
        return refuse_parts(in, s, n, size.k);
    for (int64_t i = 0; i < n; i++)
        if (!append_part(in, s, s->x, i * (size.k / n), (i + 1) * (size.k / n), size.k / n,
                         &out->list->at[i]))
            return false;
    return true;
}

/* The sizes' sum, and which one is -1 (or none). */
static bool take_sizes(struct interp *in, const struct arg *parts, int64_t *sum, int *open) {
    const struct list *l = parts->value.list;
    *sum = 0, *open = -1;
    for (int i = 0; i < l->n; i++) {
        struct value v = l->at[i];
        if (v.kind != VALUE_INT || v.i < -1 || __builtin_add_overflow(*sum, v.i, sum))
            return fail_at(in, E_WRONG_KIND, parts->at,
                           "`parts` must be a number of equal parts, or a list of sizes");
        if (v.i >= 0)
            continue;
        if (*open >= 0)
            return fail_at(in, E_OUT_OF_RANGE, parts->at, "only one size may be -1");
        *open = i, *sum += 1;
    }
    return l->n > 0 || fail_at(in, E_OUT_OF_RANGE, parts->at, "`parts` has no sizes");
}

/* Of an axis whose size is not known: what lies behind the open part counts from the back. */
static bool split_around(struct interp *in, const struct subject *s, const struct list *sizes,
                         int64_t sum, int open, struct value *out) {
    struct value rest = V_TENSOR(s->x);
    int64_t front = 0;
    for (int i = 0; i < open; i++) {
        int64_t own = sizes->at[i].i;
        if (!append_part(in, s, s->x, front, front + own, own, &out->list->at[i]))
            return false;
        front += own;
    }
    if (front && !append_slice(in, s, s->x, s->axis, front, INT64_MAX, 1, &rest))
        return false;
    int64_t back = sum - front;
    for (int i = open; i < sizes->n; i++) {
        int64_t own = i == open ? -1 : sizes->at[i].i, after = i == open ? back : back - own;
        int64_t begin = i == open ? INT64_MIN : -back, end = after ? -after : INT64_MAX;
        if (own == 0)
            begin = end = 0;
        if (!append_part(in, s, rest.node, begin, end, own, &out->list->at[i]))
            return false;
        back = after;
    }
    return true;
}

static bool split_by_sizes(struct interp *in, const struct subject *s, const struct arg *parts,
                           struct value *out) {
    const struct list *sizes = parts->value.list;
    struct dim size = s->x->shape.d[s->axis];
    int64_t sum, at = 0;
    int open;
    if (!take_sizes(in, parts, &sum, &open))
        return false;
    if (dim_is_const(size) && (open < 0 ? sum != size.k : sum > size.k)) {
        char message[128];
        snprintf(message, sizeof message,
                 "axis %d has %" PRId64 " elements, but the sizes make %" PRId64, s->axis, size.k,
                 sum);
        return interp_fail(in, subject_error(in, s, E_SHAPE, message));
    }
    if (!dim_is_const(size) && open < 0) {
        struct diag *d =
            subject_error(in, s, E_SHAPE, "the size of this axis is not known before the run");
        diag_help(d, "leave one size open with -1");
        return interp_fail(in, d);
    }
    *out = value_list(&in->heap, sizes->n);
    root_push(in, *out);
    if (!dim_is_const(size))
        return split_around(in, s, sizes, sum, open, out);
    for (int i = 0; i < sizes->n; i++) {
        int64_t own = i == open ? size.k - sum : sizes->at[i].i;
        if (!append_part(in, s, s->x, at, at + own, own, &out->list->at[i]))
            return false;
        at += own;
    }
    return true;
}

bool builtin_split(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"x", "parts", "axis"};
    struct arg got[3];
    struct subject s;
    (void)self;
    if (!builtin_take(in, a, "split", names, 3, got) ||
        !take_subject(in, a, "split", &got[0], &s) ||
        !subject_axis(in, &s, &got[2], s.x->shape.rank))
        return false;
    if (!got[1].at.source)
        return missing(in, a, "split", "parts");
    if (got[1].value.kind == VALUE_INT)
        return split_equally(in, &s, &got[1], out);
    if (got[1].value.kind == VALUE_LIST)
        return split_by_sizes(in, &s, &got[1], out);
    return fail_at(in, E_WRONG_KIND, got[1].at,
                   "`parts` must be a number of equal parts, or a list of sizes, not %s",
                   value_kind_words(got[1].value.kind));
}

bool builtin_unstack(struct interp *in, const struct value *self, struct args *a,
                     struct value *out) {
    static const char *const names[] = {"x", "axis"};
    struct arg got[2];
    struct subject s;
    (void)self;
    if (!builtin_take(in, a, "unstack", names, 2, got) ||
        !take_subject(in, a, "unstack", &got[0], &s) ||
        !subject_axis(in, &s, &got[1], s.x->shape.rank))
        return false;
    struct shape to = {0};
    struct dim size = s.x->shape.d[s.axis];
    for (int i = 0; i < s.x->shape.rank; i++)
        if (i != s.axis)
            to.d[to.rank++] = s.x->shape.d[i];
    if (!dim_is_const(size) || size.k > MAX_PARTS) {
        char message[96] = "the size of this axis is not known before the run";
        if (dim_is_const(size))
            snprintf(message, sizeof message, "%" PRId64 " parts are more than %d", size.k,
                     MAX_PARTS);
        return interp_fail(in, subject_error(in, &s, E_SHAPE, message));
    }
    *out = value_list(&in->heap, (int)size.k);
    root_push(in, *out);
    for (int64_t i = 0; i < size.k; i++) {
        struct value *part = &out->list->at[i];
        if (!append_slice(in, &s, s.x, s.axis, i, i + 1, 1, part) ||
            !append_reshape(in, &s, part->node, &to, part) || !settle(in, &s, part))
            return false;
    }
    return true;
}

/* ---- expand_dims, stack */

static bool append_new_axis(struct interp *in, const struct subject *s, struct value *out) {
    const struct shape *x = &s->x->shape;
    struct shape to = {.rank = x->rank + 1};
    if (x->rank == MAX_RANK)
        return interp_fail(in, subject_error(in, s, E_SHAPE, "a tensor has at most 8 axes"));
    for (int i = 0; i < x->rank; i++) {
        to.d[i + (i >= s->axis)] = x->d[i];
        to.on_purpose |= (x->on_purpose >> i & 1) << (i + (i >= s->axis));
    }
    to.d[s->axis] = dim_const(1);
    to.on_purpose |= 1u << s->axis;
    return append_reshape(in, s, s->x, &to, out);
}

bool builtin_expand_dims(struct interp *in, const struct value *self, struct args *a,
                         struct value *out) {
    static const char *const names[] = {"x", "axis"};
    struct arg got[2];
    struct subject s;
    (void)self;
    if (!builtin_take(in, a, "expand_dims", names, 2, got) ||
        !take_subject(in, a, "expand_dims", &got[0], &s))
        return false;
    if (!got[1].at.source)
        return missing(in, a, "expand_dims", "axis");
    return subject_axis(in, &s, &got[1], s.x->shape.rank + 1) && append_new_axis(in, &s, out) &&
           settle(in, &s, out);
}

/* The dtype that host values among the parts take: the first tensor's. */
static int shared_dtype(const struct list *l) {
    for (int i = 0; i < l->n; i++) {
        if (l->at[i].kind == VALUE_TENSOR)
            return (int)l->at[i].node->dtype;
        if (l->at[i].kind == VALUE_ARRAY)
            return (int)l->at[i].array->tensor->dtype;
    }
    return -1;
}

static bool check_part(struct interp *in, const struct node *first, const struct node *x, int i,
                       struct span at) {
    bool same = first->dtype == x->dtype && first->shape.rank == x->shape.rank;
    for (int k = 0; same && k < x->shape.rank; k++)
        same = dim_compare(in->o.symbols, first->shape.d[k], x->shape.d[k]) != DIM_DIFFER;
    if (same)
        return true;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    return fail_at(in, E_SHAPE, at,
                   "stack: the parts must be of one type, but part 0 is %s%s, part %d is %s%s",
                   dtype_name(first->dtype), shape_print(a, sizeof a, in->o.symbols, &first->shape),
                   i, dtype_name(x->dtype), shape_print(b, sizeof b, in->o.symbols, &x->shape));
}

bool builtin_stack(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"xs", "axis"};
    struct arg got[2];
    struct arena scratch = {0};
    (void)self;
    if (!builtin_take(in, a, "stack", names, 2, got))
        return false;
    const struct list *l = got[0].value.list;
    if (!got[0].at.source || got[0].value.kind != VALUE_LIST || !l->n)
        return fail_at(in, E_WRONG_KIND, got[0].at.source ? got[0].at : a->call,
                       "stack needs a list of tensors, such as [a, b]");
    struct subject s = {.call = a, .callee = "stack", .at = got[0].at};
    struct node **part = arena_array(&scratch, struct node *, l->n), *first = NULL;
    struct span *at = arena_array(&scratch, struct span, l->n);
    int dtype = shared_dtype(l);
    bool ok = true;
    s.known = dtype >= 0;
    for (int i = 0; ok && i < l->n; i++) {
        struct value v;
        at[i] = got[0].at;
        s.known &= l->at[i].kind != VALUE_TENSOR;
        ok = to_node(in, l->at[i], at[i], dtype, &s.x);
        first = i == 0 ? s.x : first;
        ok = ok && check_part(in, first, s.x, i, at[i]) &&
             (i > 0 || subject_axis(in, &s, &got[1], s.x->shape.rank + 1)) &&
             append_new_axis(in, &s, &v);
        part[i] = ok ? v.node : NULL;
    }
    struct attr axis = {.kind = ATTR_AXIS, .i = s.axis};
    ok = ok &&
         op_append(in, &in->o.ops->op[OP_concat], "stack", part, l->n, &axis, at, a->call, out);
    arena_free(&scratch);
    return ok && settle(in, &s, out);
}
