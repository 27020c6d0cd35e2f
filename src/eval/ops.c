/* From values to nodes: host numbers and lists become constants of the dtype around them, arrays become constants that share
 * their storage, arguments become inputs and settings of an op by its signature. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

bool is_tensor_like(struct value v) {
    return v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY || value_is_number(v) ||
           v.kind == VALUE_BOOL || v.kind == VALUE_LIST;
}

struct value dim_value(struct dim d) {
    if (dim_is_const(d))
        return V_INT(d.k);
    return (struct value){.kind = VALUE_DIM, .dim = d};
}

/* Lists of lists of numbers. The first element of each level fixes the level's length. */
struct list_shape {
    int rank;
    int64_t dim[MAX_RANK];
    bool floats, bools, numbers;
};

static bool measure_list(struct interp *in, struct value v, struct span at, int depth,
                         struct list_shape *ls) {
    if (v.kind == VALUE_INT || v.kind == VALUE_FLOAT || v.kind == VALUE_BOOL) {
        ls->floats |= v.kind == VALUE_FLOAT;
        ls->bools |= v.kind == VALUE_BOOL;
        ls->numbers |= v.kind != VALUE_BOOL;
        if (ls->rank < 0)
            ls->rank = depth;
        if (ls->rank == depth)
            return true;
        return fail_at(in, E_SHAPE, at,
                       "the list is uneven: a number stands where others have a list");
    }
    if (v.kind != VALUE_LIST)
        return fail_at(in, E_WRONG_KIND, at,
                       "a list of numbers is needed here, but it has %s in it",
                       value_kind_words(v.kind));
    if (depth == MAX_RANK)
        return fail_at(in, E_SHAPE, at, "lists nested more than %d deep cannot be a tensor",
                       MAX_RANK);
    if (ls->rank >= 0 && depth >= ls->rank)
        return fail_at(in, E_SHAPE, at,
                       "the list is uneven: a list stands where others have a number");
    if (ls->dim[depth] < 0)
        ls->dim[depth] = v.list->n;
    if (ls->dim[depth] != v.list->n)
        return fail_at(in, E_SHAPE, at, "the list is uneven: %d elements where others have %lld",
                       v.list->n, (long long)ls->dim[depth]);
    for (int i = 0; i < v.list->n; i++)
        if (!measure_list(in, v.list->at[i], at, depth + 1, ls))
            return false;
    return true;
}

static void fill_list(struct tensor *t, struct value v, int64_t *next) {
    if (v.kind == VALUE_LIST) {
        for (int i = 0; i < v.list->n; i++)
            fill_list(t, v.list->at[i], next);
        return;
    }
    if (t->dtype == DTYPE_I64 && v.kind == VALUE_INT)
        ((int64_t *)t->data)[(*next)++] = v.i;
    else
        tensor_set(t, (*next)++, v.kind == VALUE_BOOL ? v.b : value_number(v));
}

static bool fits_int(struct interp *in, struct value v, struct span at, enum dtype t) {
    static const double low[] = {[DTYPE_I32] = -0x1p31, [DTYPE_I64] = -0x1p63, [DTYPE_U8] = 0};
    static const double high[] = {[DTYPE_I32] = 0x1p31, [DTYPE_I64] = 0x1p63, [DTYPE_U8] = 256};
    if (v.kind == VALUE_LIST) {
        for (int i = 0; i < v.list->n; i++)
            if (!fits_int(in, v.list->at[i], at, t))
                return false;
        return true;
    }
    double x = v.kind == VALUE_BOOL ? v.b : value_number(v);
    if (!dtype_is_int(t) || (x == floor(x) && x >= low[t] && x < high[t]))
        return true;
    return fail_at(in, E_DTYPE, at, "%.9g does not fit the dtype %s of the other operand", x,
                   dtype_name(t));
}

struct tensor *list_tensor(struct interp *in, struct value v, struct span at, int dtype) {
    struct list_shape ls = {.rank = -1};
    for (int i = 0; i < MAX_RANK; i++)
        ls.dim[i] = -1;
    if (!measure_list(in, v, at, 0, &ls))
        return NULL;
    int rank = ls.rank;
    for (int i = 0; rank < 0 && i < MAX_RANK; i++)
        if (ls.dim[i] <= 0)
            rank = ls.dim[i] < 0 ? i : i + 1;
    if (ls.bools && ls.numbers) {
        fail_at(in, E_WRONG_KIND, at, "bools and numbers in one list cannot be a tensor");
        return NULL;
    }
    enum dtype t = dtype >= 0 ? (enum dtype)dtype : ls.bools ? DTYPE_BOOL : DTYPE_F32;
    if (!fits_int(in, v, at, t))
        return NULL;
    struct tensor *tensor = tensor_new(t, rank, ls.dim);
    int64_t next = 0;
    if (tensor)
        fill_list(tensor, v, &next);
    else
        fail_at(in, E_MEMORY, at, "not enough memory for this tensor");
    return tensor;
}

bool to_node(struct interp *in, struct value v, struct span at, int dtype, struct node **out) {
    in->build.origin = interp_origin(in, at);
    *out = NULL;
    switch (v.kind) {
    case VALUE_TENSOR:
        *out = v.node;
        return true;
    case VALUE_ARRAY:
        *out = build_constant(&in->build, v.array->tensor);
        break;
    case VALUE_BOOL:
        *out = build_scalar(&in->build, dtype >= 0 ? (enum dtype)dtype : DTYPE_BOOL, v.b);
        break;
    case VALUE_INT:
    case VALUE_FLOAT: {
        enum dtype t = dtype >= 0 ? (enum dtype)dtype : DTYPE_F32;
        if (t == DTYPE_BOOL)
            t = DTYPE_F32;
        if (!fits_int(in, v, at, t))
            return false;
        *out = build_scalar(&in->build, t, value_number(v));
        break;
    }
    case VALUE_LIST: {
        struct tensor *t = list_tensor(in, v, at, dtype);
        if (!t)
            return false;
        *out = build_constant(&in->build, t);
        tensor_unref(t);
        break;
    }
    case VALUE_POISON:
        in->flow = FLOW_ERROR;
        return false;
    default: {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, at, "a tensor is needed here, but this is %s", text);
    }
    }
    root_push(in, V_TENSOR(*out));
    return true;
}

bool to_dim(struct interp *in, struct value v, struct span at, struct dim *out) {
    if (v.kind == VALUE_DIM)
        *out = v.dim;
    else if (v.kind == VALUE_INT && v.i >= -1)
        *out = dim_const(v.i);
    else if (v.kind == VALUE_INT)
        return fail_at(in, E_OUT_OF_RANGE, at, "a size cannot be %lld", (long long)v.i);
    else
        return fail_at(in, E_WRONG_KIND, at,
                       "a size must be a whole number or a named dimension, not %s",
                       value_kind_words(v.kind));
    return true;
}

bool to_shape(struct interp *in, struct value v, struct span at, struct shape *out) {
    memset(out, 0, sizeof *out);
    if (v.kind == VALUE_INT || v.kind == VALUE_DIM) {
        out->rank = 1;
        return to_dim(in, v, at, &out->d[0]);
    }
    if (v.kind != VALUE_LIST)
        return fail_at(in, E_WRONG_KIND, at,
                       "a shape is a list of sizes, such as [784, 10], not %s",
                       value_kind_words(v.kind));
    if (v.list->n > MAX_RANK)
        return fail_at(in, E_SHAPE, at, "a shape has at most %d axes", MAX_RANK);
    out->rank = v.list->n;
    for (int i = 0; i < v.list->n; i++)
        if (!to_dim(in, v.list->at[i], at, &out->d[i]))
            return false;
    return true;
}

/* axis=time: the axis that has this dimension. */
static bool named_axis(struct interp *in, struct dim d, struct node *const *inputs, int n_in,
                       struct span at, int64_t *axis) {
    char text[SHAPE_TEXT];
    int found = 0;
    for (int i = 0; n_in && i < inputs[0]->shape.rank; i++)
        if (dim_same(inputs[0]->shape.d[i], d))
            *axis = i, found++;
    if (found == 1)
        return true;
    dim_print(text, sizeof text, in->o.symbols, d);
    return fail_at(in, E_AXIS, at,
                   found ? "%s is the size of several axes: give the axis by number"
                         : "no axis is called %s",
                   text);
}

static bool wrong_setting(struct interp *in, const struct op_setting *s, struct value v,
                          struct span at, const char *wants) {
    return fail_at(in, E_WRONG_KIND, at, "`%s` must be %s, not %s", s->name, wants,
                   value_kind_words(v.kind));
}

static bool to_axes(struct interp *in, const struct op_setting *s, struct value v, struct span at,
                    struct node *const *inputs, int n_in, struct attr *out) {
    struct value one = v;
    const struct value *items = v.kind == VALUE_LIST ? v.list->at : &one;
    int n = v.kind == VALUE_LIST ? v.list->n : 1;
    if (n > MAX_RANK)
        return wrong_setting(in, s, v, at, "an axis or a list of axes");
    out->ints.n = n;
    for (int i = 0; i < n; i++) {
        if (items[i].kind == VALUE_INT)
            out->ints.v[i] = items[i].i;
        else if (items[i].kind == VALUE_DIM && s->kind != ATTR_INTS) {
            if (!named_axis(in, items[i].dim, inputs, n_in, at, &out->ints.v[i]))
                return false;
        } else
            return wrong_setting(in, s, v, at,
                                 s->kind == ATTR_INTS ? "a whole number or a list of them"
                                                      : "an axis or a list of axes");
    }
    return true;
}

static bool to_attr(struct interp *in, const struct op_setting *s, struct value v, struct span at,
                    struct node *const *inputs, int n_in, struct attr *out) {
    memset(out, 0, sizeof *out);
    if (v.kind == VALUE_NONE && !s->required)
        return true;
    out->kind = s->kind;
    switch (s->kind) {
    case ATTR_INT:
        if (v.kind != VALUE_INT)
            return wrong_setting(in, s, v, at, "a whole number");
        out->i = v.i;
        return true;
    case ATTR_FLOAT:
        if (!value_is_number(v))
            return wrong_setting(in, s, v, at, "a number");
        out->f = value_number(v);
        return true;
    case ATTR_BOOL:
        if (v.kind != VALUE_BOOL)
            return wrong_setting(in, s, v, at, "true or false");
        out->i = v.b;
        return true;
    case ATTR_STRING:
        if (v.kind != VALUE_STRING)
            return wrong_setting(in, s, v, at, "a string");
        out->s = intern(in, v.string->text);
        return true;
    case ATTR_DTYPE:
        if (v.kind != VALUE_DTYPE)
            return wrong_setting(in, s, v, at, "a dtype, such as float");
        out->dtype = v.dtype;
        return true;
    case ATTR_SHAPE:
        return to_shape(in, v, at, &out->shape);
    case ATTR_AXIS:
        if (v.kind == VALUE_DIM)
            return named_axis(in, v.dim, inputs, n_in, at, &out->i);
        if (v.kind != VALUE_INT)
            return wrong_setting(in, s, v, at, "an axis");
        out->i = v.i;
        return true;
    case ATTR_INTS:
    case ATTR_AXES:
        return to_axes(in, s, v, at, inputs, n_in, out);
    case ATTR_UNSET:
        break;
    }
    return true;
}

/* Which argument is which input or setting. */
struct op_binding {
    const struct arg *input[MAX_INPUTS];
    const struct value *setting[MAX_SETTINGS];
    struct span setting_at[MAX_SETTINGS];
    struct arg named_input[MAX_INPUTS];
};

static bool unknown_op_argument(struct interp *in, const struct op *op, const struct named_arg *n) {
    const char *names[MAX_INPUTS + MAX_SETTINGS];
    int n_names = 0;
    for (int i = 0; i < op->n_inputs; i++)
        names[n_names++] = op->input[i].name;
    for (int i = 0; i < op->n_settings; i++)
        names[n_names++] = op->setting[i].name;
    struct diag *d = diag_error(in->o.diags, E_UNKNOWN_ARGUMENT, n->name_at,
                                "%s takes no argument `%s`", op->name, n->name);
    const char *near = nearest_name(n->name, names, n_names);
    if (near)
        diag_help(d, "did you mean `%s`?", near);
    else
        diag_help(d, "%s(%s)", op->name, op->signature);
    return interp_fail(in, d);
}

static bool bind_op(struct interp *in, const struct op *op, struct args *a, struct op_binding *b) {
    memset(b, 0, sizeof *b);
    if (a->n > op->n_inputs + op->n_settings)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->at[op->n_inputs + op->n_settings].at,
                       "%s takes %d arguments, but %d are given", op->name,
                       op->n_inputs + op->n_settings, a->n);
    for (int i = 0; i < a->n; i++) {
        if (i < op->n_inputs)
            b->input[i] = &a->at[i];
        else
            b->setting[i - op->n_inputs] = &a->at[i].value,
                           b->setting_at[i - op->n_inputs] = a->at[i].at;
    }
    for (int i = 0; i < a->n_named; i++) {
        const struct named_arg *n = &a->named[i];
        int input = op_find_input(op, n->name), setting = op_find_setting(op, n->name);
        if (input < 0 && setting < 0)
            return unknown_op_argument(in, op, n);
        if (input >= 0 ? b->input[input] != NULL : b->setting[setting] != NULL)
            return fail_at(in, E_DUPLICATE_ARGUMENT, n->name_at, "`%s` is given twice", n->name);
        if (input >= 0)
            b->named_input[input] = (struct arg){n->value, n->at},
            b->input[input] = &b->named_input[input];
        else
            b->setting[setting] = &n->value, b->setting_at[setting] = n->at;
    }
    for (int i = 0; i < op->n_inputs + op->n_settings; i++) {
        bool input = i < op->n_inputs;
        int k = input ? i : i - op->n_inputs;
        if (input ? b->input[k] != NULL : b->setting[k] != NULL || !op->setting[k].required)
            continue;
        struct diag *d =
            diag_error(in->o.diags, E_MISSING_ARGUMENT, a->call, "%s needs an argument `%s`",
                       op->name, input ? op->input[k].name : op->setting[k].name);
        diag_help(d, "%s(%s)", op->name, op->signature);
        return interp_fail(in, d);
    }
    return true;
}

static int known_dtype(struct value v) {
    return v.kind == VALUE_TENSOR  ? (int)v.node->dtype
           : v.kind == VALUE_ARRAY ? (int)v.array->tensor->dtype
                                   : -1;
}

/* Host values take the dtype of the tensors beside them; alone they are floats. */
static bool make_inputs(struct interp *in, const struct op *op, const struct arg *const *args,
                        int n, struct node **inputs) {
    int shared = -1;
    for (int i = 0; i < n; i++) {
        int type = op->input[i < op->n_inputs ? i : op->n_inputs - 1].type;
        if (shared < 0 && (type == TYPE_SHARED || type == TYPE_SHARED_FLOAT))
            shared = known_dtype(args[i]->value);
    }
    for (int i = 0; i < n; i++) {
        const struct op_input *input = &op->input[i < op->n_inputs ? i : op->n_inputs - 1];
        int want = input->type >= 0 ? input->type : input->type == TYPE_ANY ? -1 : shared;
        if (input->type == TYPE_SHARED_FLOAT && want >= 0 && !dtype_is_float((enum dtype)want))
            want = -1;
        if (!to_node(in, args[i]->value, args[i]->at, want, &inputs[i]))
            return false;
    }
    return true;
}

static bool finish_call(struct interp *in, const struct op *op, const char *spelling,
                        struct node **inputs, int n_in, const struct attr *attr,
                        const struct span *at, struct span whole, struct value *out) {
    in->build.origin = interp_origin(in, whole);
    in->build.spelling = spelling;
    struct node *n = op->trait == OP_RANDOM
                         ? build_random(in, op, inputs, n_in, attr, at)
                         : build_op(&in->build, op->id, inputs, n_in, attr, at, NULL);
    in->build.spelling = NULL;
    if (!n)
        return interp_fail(in, NULL);
    *out = V_TENSOR(n);
    root_push(in, *out);
    return true;
}

/* What is known is computed at once: over arrays the result is an array (a running sum must not become a chain of nodes), over host
 * numbers alone it is a host number, in float64. */
enum known { KNOWN_NOT, KNOWN_ARRAY, KNOWN_HOST };

static enum known known_inputs(const struct arg *const *args, int n) {
    enum known k = n ? KNOWN_HOST : KNOWN_NOT;
    for (int i = 0; i < n; i++) {
        enum value_kind kind = args[i]->value.kind;
        if (kind == VALUE_ARRAY && k == KNOWN_HOST)
            k = KNOWN_ARRAY;
        else if (kind == VALUE_LIST && k == KNOWN_HOST)
            k = KNOWN_NOT;
        else if (kind == VALUE_TENSOR)
            return KNOWN_NOT;
    }
    return k;
}

static bool known_result(struct interp *in, struct value *out, struct span at, enum known known) {
    struct tensor *t;
    if (known == KNOWN_NOT)
        return true;
    if (!demand_one(in, *out, at, &t))
        return false;
    if (known == KNOWN_ARRAY) {
        *out = value_array(&in->heap, t);
        root_push(in, *out);
        return true;
    }
    double x = tensor_get(t, 0);
    *out = t->dtype == DTYPE_BOOL ? V_BOOL(x != 0) : V_FLOAT(x);
    tensor_unref(t);
    return true;
}

bool call_op(struct interp *in, const struct op *op, struct args *a, struct value *out) {
    struct op_binding b;
    struct attr attr[MAX_SETTINGS];
    memset(attr, 0, sizeof attr);
    if (!bind_op(in, op, a, &b))
        return false;
    struct arena scratch = {0};
    int n_in = op->n_inputs;
    bool list = n_in == 1 && op->input[0].list;
    const struct arg **args = (const struct arg **)b.input;
    struct arg *items = NULL;
    if (list) {
        struct value v = b.input[0]->value;
        if (v.kind != VALUE_LIST || v.list->n == 0)
            return fail_at(in, E_WRONG_KIND, b.input[0]->at,
                           "%s needs a list of tensors, such as [a, b]", op->name);
        n_in = v.list->n;
        items = arena_array(&scratch, struct arg, n_in);
        args = arena_array(&scratch, const struct arg *, n_in);
        for (int i = 0; i < n_in; i++)
            items[i] = (struct arg){v.list->at[i], b.input[0]->at}, args[i] = &items[i];
    }
    enum known known = known_inputs(args, n_in);
    if (known == KNOWN_HOST && (op->trait != OP_ELEMENTWISE || op->n_settings))
        known = KNOWN_NOT;
    if (op->trait == OP_RANDOM)
        known = KNOWN_NOT;
    struct node **inputs = arena_array(&scratch, struct node *, n_in + 1);
    struct span *at = arena_array(&scratch, struct span, n_in + 1);
    for (int i = 0; i < n_in; i++)
        at[i] = args[i]->at;
    bool ok = true;
    if (known == KNOWN_HOST)
        for (int i = 0; i < n_in && ok; i++)
            ok = to_node(in, args[i]->value, at[i], DTYPE_F64, &inputs[i]);
    else
        ok = make_inputs(in, op, args, n_in, inputs);
    for (int i = 0; ok && i < op->n_settings; i++)
        if (b.setting[i])
            ok = to_attr(in, &op->setting[i], *b.setting[i], b.setting_at[i], inputs, n_in,
                         &attr[i]);
    ok = ok && finish_call(in, op, NULL, inputs, n_in, attr, at, a->call, out) &&
         known_result(in, out, a->call, known);
    arena_free(&scratch);
    return ok;
}

bool tensor_operator(struct interp *in, enum op_id id, const char *spelling, struct value *operand,
                     const struct span *at, int n, struct span whole, struct value *out) {
    const struct op *op = &in->o.ops->op[id];
    struct arg a[2];
    const struct arg *args[2] = {&a[0], &a[1]};
    struct node *inputs[2];
    for (int i = 0; i < n; i++)
        a[i] = (struct arg){operand[i], at[i]};
    if (!make_inputs(in, op, args, n, inputs))
        return false;
    return finish_call(in, op, spelling, inputs, n, NULL, at, whole, out) &&
           known_result(in, out, whole, known_inputs(args, n));
}

/* Slices. The slice op keeps every axis; single indices are dropped and `new` axes added by a reshape after it. */
struct slicing {
    struct attr attr[3]; /* begin, end, step */
    bool keep[MAX_RANK];
    struct shape result;
    bool sliced;
};

static bool slice_bound(struct interp *in, struct scope *s, const struct ast *e, int64_t *bound) {
    struct value v;
    if (!e)
        return true;
    if (!eval_expr(in, s, e, &v))
        return false;
    if (v.kind != VALUE_INT)
        return fail_at(in, E_WRONG_KIND, e->span, "a slice's bound must be a whole number, not %s",
                       value_kind_words(v.kind));
    *bound = v.i;
    return true;
}

static bool slice_axis(struct interp *in, struct scope *s, const struct ast *item, struct node *x,
                       int axis, struct slicing *sl) {
    int64_t begin = INT64_MIN, end = INT64_MAX, step = 1;
    sl->keep[axis] = item->kind == AST_SLICE;
    if (item->kind == AST_SLICE) {
        if (!slice_bound(in, s, item->kids[2], &step))
            return false;
        if (step == 0)
            return fail_at(in, E_OUT_OF_RANGE, item->span, "a slice's step cannot be 0");
        if (step < 0)
            begin = INT64_MAX, end = INT64_MIN;
        if (!slice_bound(in, s, item->kids[0], &begin) || !slice_bound(in, s, item->kids[1], &end))
            return false;
        sl->sliced |= item->kids[0] || item->kids[1] || step != 1;
    } else {
        struct value v;
        struct dim d = x->shape.d[axis];
        if (!eval_expr(in, s, item, &v))
            return false;
        if (v.kind != VALUE_INT)
            return fail_at(in, E_WRONG_KIND, item->span,
                           "an index must be a whole number, a slice or `new`, not %s",
                           value_kind_words(v.kind));
        if (dim_is_const(d) && (v.i >= d.k || v.i < -d.k))
            return fail_at(in, E_OUT_OF_RANGE, item->span,
                           "index %lld is outside of axis %d, which has %lld elements",
                           (long long)v.i, axis, (long long)d.k);
        begin = v.i;
        end = v.i == -1 ? INT64_MAX : v.i + 1;
        sl->sliced = true;
    }
    sl->attr[0].ints.v[axis] = begin, sl->attr[1].ints.v[axis] = end,
    sl->attr[2].ints.v[axis] = step;
    return true;
}

bool index_tensor(struct interp *in, struct scope *s, const struct ast *e, struct value object,
                  struct value *out) {
    struct node *x;
    struct slicing sl;
    memset(&sl, 0, sizeof sl);
    struct span at = e->kids[0]->span;
    if (!to_node(in, object, at, -1, &x))
        return false;
    int rank = x->shape.rank, axis = 0, n_items = e->n_kids - 1, n_axes = 0, n_rest = 0;
    for (int i = 1; i <= n_items; i++) {
        n_axes += e->kids[i]->kind != AST_NEW && e->kids[i]->kind != AST_ELLIPSIS;
        n_rest += e->kids[i]->kind == AST_ELLIPSIS;
    }
    if (n_axes > rank || n_rest > 1) {
        struct diag *d = diag_error(in->o.diags, E_AXIS, at,
                                    n_rest > 1 ? "`...` may stand once"
                                               : "%d axes are indexed, but the tensor has %d",
                                    n_axes, rank);
        char text[SHAPE_TEXT];
        diag_label(d, at, "%s%s", dtype_name(x->dtype),
                   shape_print(text, sizeof text, in->o.symbols, &x->shape));
        return interp_fail(in, d);
    }
    for (int k = 0; k < 3; k++) {
        sl.attr[k].kind = ATTR_INTS, sl.attr[k].ints.n = rank;
        for (int i = 0; i < rank; i++)
            sl.attr[k].ints.v[i] = k == 0 ? INT64_MIN : k == 1 ? INT64_MAX : 1;
    }
    enum { NEW_AXIS = -1 };
    int order[2 * MAX_RANK + 1], n_order = 0;
    for (int i = 1; i <= n_items && n_order < 2 * MAX_RANK; i++) {
        const struct ast *item = e->kids[i];
        if (item->kind == AST_NEW)
            order[n_order++] = NEW_AXIS;
        else if (item->kind == AST_ELLIPSIS)
            for (int k = 0; k < rank - n_axes; k++)
                sl.keep[axis] = true, order[n_order++] = axis++;
        else if (!slice_axis(in, s, item, x, axis, &sl))
            return false;
        else
            order[n_order++] = axis++;
    }
    while (axis < rank)
        sl.keep[axis] = true, order[n_order++] = axis++;
    struct value v = V_TENSOR(x);
    if (sl.sliced &&
        !finish_call(in, &in->o.ops->op[OP_slice], "[]", &x, 1, sl.attr, &at, e->span, &v))
        return false;
    struct attr shape = {.kind = ATTR_SHAPE};
    bool same = true;
    for (int i = 0; i < n_order; i++) {
        bool fresh = order[i] == NEW_AXIS;
        same &= !fresh && sl.keep[order[i]];
        if (!fresh && !sl.keep[order[i]])
            continue;
        if (shape.shape.rank == MAX_RANK)
            return fail_at(in, E_SHAPE, e->span, "a tensor has at most %d axes", MAX_RANK);
        if (fresh)
            shape.shape.on_purpose |= 1u << shape.shape.rank;
        shape.shape.d[shape.shape.rank++] = fresh ? dim_const(1) : v.node->shape.d[order[i]];
    }
    *out = v;
    if (!same &&
        !finish_call(in, &in->o.ops->op[OP_reshape], "[]", &v.node, 1, &shape, &at, e->span, out))
        return false;
    return known_result(in, out, e->span, object.kind == VALUE_ARRAY ? KNOWN_ARRAY : KNOWN_NOT);
}
