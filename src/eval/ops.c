/* Calls of ops: arguments become inputs and settings by the op's signature, operators become
 * calls. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/suggest.h"

static bool refuse_named_axis(struct interp *in, struct dim d, const struct node *x, int found,
                              struct span at) {
    char text[SHAPE_TEXT], shape[SHAPE_TEXT], names[SHAPE_TEXT] = "";
    int used = 0, n = 0;
    dim_print(text, sizeof text, in->o.symbols, d);
    shape_print(shape, sizeof shape, in->o.symbols, &x->shape);
    for (int i = 0; i < x->shape.rank && used < (int)sizeof names; i++) {
        char one[SHAPE_TEXT];
        if (dim_is_const(x->shape.d[i]))
            continue;
        dim_print(one, sizeof one, in->o.symbols, x->shape.d[i]);
        used += snprintf(names + used, sizeof names - (size_t)used, "%s%s", n++ ? ", " : "", one);
    }
    struct diag *e =
        found ? diag_error(in->o.diags, E_AXIS, at, "`%s` is the size of %d axes of %s%s", text,
                           found, dtype_name(x->dtype), shape)
              : diag_error(in->o.diags, E_AXIS, at, "no axis of %s%s is called `%s`",
                           dtype_name(x->dtype), shape, text);
    if (found)
        diag_help(e, "give the axis by its number, 0 to %d", x->shape.rank - 1);
    else if (n)
        diag_help(e, "%s: %s", n == 1 ? "the one that has a name" : "those that have names", names);
    else
        diag_help(e,
                  x->shape.rank ? "none has a name: give the axis by its number, 0 to %d"
                                : "it is a scalar, which has no axes",
                  x->shape.rank - 1);
    return interp_fail(in, e);
}

bool is_named_axis(struct value v) {
    return v.kind == VALUE_DIM || (v.kind == VALUE_INT && v.axis_of);
}

/* axis=time: the axis that has this dimension, in the first of the inputs that has it. */
static bool named_axis(struct interp *in, struct value v, struct node *const *inputs, int n_in,
                       struct span at, int64_t *axis) {
    struct dim d = v.kind == VALUE_DIM ? v.dim : dim_const(v.i);
    for (int i = 0; i < n_in; i++) {
        const struct shape *s = &inputs[i]->shape;
        if ((*axis = value_axis(v, inputs[i])) >= 0)
            return true;
        int found = 0;
        for (int k = 0; k < s->rank; k++)
            if (dim_same(s->d[k], d))
                *axis = k, found++;
        if (found == 1)
            return true;
        if (found)
            return refuse_named_axis(in, d, inputs[i], found, at);
    }
    if (n_in)
        return refuse_named_axis(in, d, inputs[0], 0, at);
    return fail_at(in, E_AXIS, at, "there is nothing here that could have a named axis");
}

bool to_axis(struct interp *in, struct value v, struct span at, struct node *x, int64_t *axis) {
    if (is_named_axis(v))
        return named_axis(in, v, &x, 1, at, axis);
    *axis = v.i;
    return v.kind == VALUE_INT || fail_at(in, E_WRONG_KIND, at, "`axis` must be an axis, not %s",
                                          value_kind_words(v.kind));
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
        if (items[i].kind == VALUE_INT && (s->kind == ATTR_INTS || !items[i].axis_of))
            out->ints.v[i] = items[i].i;
        else if (is_named_axis(items[i]) && s->kind != ATTR_INTS) {
            if (!named_axis(in, items[i], inputs, n_in, at, &out->ints.v[i]))
                return false;
        } else
            return wrong_setting(in, s, v, at,
                                 s->kind == ATTR_INTS ? "a whole number or a list of them"
                                                      : "an axis or a list of axes");
    }
    return true;
}

/* A number for every axis, or for each axis a number (before and after) or [before, after]. */
static bool to_pairs(struct interp *in, const struct op_setting *s, struct value v, struct span at,
                     struct attr *out) {
    struct value one = v;
    bool list = v.kind == VALUE_LIST;
    const struct value *items = list ? v.list->at : &one;
    int n = list ? v.list->n : 1;
    bool fits = n <= MAX_RANK;
    out->kind = ATTR_PAIRS;
    out->ints.n = 2 * n;
    for (int i = 0; fits && i < n; i++) {
        bool pair = list && items[i].kind == VALUE_LIST && items[i].list->n == 2;
        struct value before = pair ? items[i].list->at[0] : items[i];
        struct value after = pair ? items[i].list->at[1] : items[i];
        fits = before.kind == VALUE_INT && after.kind == VALUE_INT;
        out->ints.v[2 * i] = before.i;
        out->ints.v[2 * i + 1] = after.i;
    }
    return fits || fail_at(in, E_WRONG_KIND, at,
                           "`%s` must be %sa whole number, or a list with a number or [before, "
                           "after] for each axis",
                           s->name, s->kind == ATTR_PADDING ? "a string, " : "");
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
        if (is_named_axis(v))
            return named_axis(in, v, inputs, n_in, at, &out->i);
        if (v.kind != VALUE_INT)
            return wrong_setting(in, s, v, at, "an axis");
        out->i = v.i;
        return true;
    case ATTR_INTS:
    case ATTR_AXES:
        return to_axes(in, s, v, at, inputs, n_in, out);
    case ATTR_PADDING:
        if (v.kind == VALUE_STRING) {
            out->kind = ATTR_STRING;
            out->s = intern(in, v.string->text);
            return true;
        }
        return to_pairs(in, s, v, at, out);
    case ATTR_PAIRS:
        return to_pairs(in, s, v, at, out);
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
                       "%s takes %d argument%s, but %d are given", op->name,
                       op->n_inputs + op->n_settings, op->n_inputs + op->n_settings == 1 ? "" : "s",
                       a->n);
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

bool is_whole(struct value v) {
    if (v.kind != VALUE_LIST)
        return v.kind == VALUE_INT;
    for (int i = 0; i < v.list->n; i++)
        if (!is_whole(v.list->at[i]))
            return false;
    return true;
}

static bool has_fraction(struct value v) {
    if (v.kind != VALUE_LIST)
        return v.kind == VALUE_FLOAT && v.f != floor(v.f);
    for (int i = 0; i < v.list->n; i++)
        if (has_fraction(v.list->at[i]))
            return true;
    return false;
}

/* Host values take the dtype of the tensors beside them; alone they are floats. A fraction beside
 * whole numbers stays one: then the op's rule refuses both, and knows what to convert. */
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
        int want = input->type >= 0                                       ? input->type
                   : input->type == TYPE_ANY || input->type == TYPE_WHOLE ? -1
                                                                          : shared;
        if (input->type == TYPE_SHARED_FLOAT && want >= 0 && !dtype_is_float((enum dtype)want))
            want = -1;
        if (input->type == TYPE_WHOLE && is_whole(args[i]->value))
            want = DTYPE_I32;
        if (want >= 0 && dtype_is_int((enum dtype)want) && has_fraction(args[i]->value))
            want = -1;
        if (!to_node(in, args[i]->value, args[i]->at, want, &inputs[i]))
            return false;
    }
    return true;
}

/* Whether a host value is made in the dtype that it is cast to, and not as a float first. */
static bool keeps_digits(struct value v, const struct value *to) {
    if (to->kind != VALUE_DTYPE || known_dtype(v) >= 0)
        return false;
    return dtype_is_float(to->dtype) ||
           (is_whole(v) && (to->dtype == DTYPE_I32 || to->dtype == DTYPE_I64));
}

bool op_append(struct interp *in, const struct op *op, const char *spelling, struct node **inputs,
               int n_in, const struct attr *attr, const struct span *at, struct span whole,
               struct value *out) {
    in->build.origin = interp_origin(in, whole);
    in->build.spelling = spelling;
    int n_reports = in->o.diags->list.n;
    struct node *n = op->trait == OP_RANDOM
                         ? build_random(in, op, inputs, n_in, attr, at)
                         : build_op(&in->build, op->id, inputs, n_in, attr, at, NULL);
    in->build.spelling = NULL;
    if (!n && in->o.diags->list.n > n_reports)
        suggest(in, in->o.diags->list.at[n_reports], op, inputs, n_in, attr, at);
    if (!n)
        return interp_fail(in, NULL);
    *out = V_TENSOR(n);
    root_push(in, *out);
    return true;
}

/* What an op computes numbers of the host in: whole ones stay whole where the op has them. A power
 * of them may be a fraction. */
static enum dtype host_dtype(const struct op *op, const struct arg *const *args, int n) {
    bool whole = op->domain == DOMAIN_NUM && op->id != OP_pow;
    for (int i = 0; i < n; i++)
        whole = whole && is_whole(args[i]->value);
    return whole ? DTYPE_I64 : DTYPE_F64;
}

static enum known known_inputs(const struct arg *const *args, int n) {
    enum known k = n ? KNOWN_HOST : KNOWN_NOT;
    for (int i = 0; i < n; i++) {
        enum value_kind kind = args[i]->value.kind;
        if (kind == VALUE_ARRAY && k == KNOWN_HOST)
            k = KNOWN_ARRAY;
        else if (kind == VALUE_LIST && k == KNOWN_HOST)
            k = KNOWN_NOT;
        else if (kind == VALUE_TENSOR || kind == VALUE_DIM)
            return KNOWN_NOT;
    }
    return k;
}

bool op_compute_known(struct interp *in, struct value *out, struct span at, enum known known) {
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
    *out = t->phantom              ? V_UNKNOWN
           : t->dtype == DTYPE_BOOL ? V_BOOL(x != 0)
           : t->dtype == DTYPE_I64  ? V_INT(*(const int64_t *)t->data)
                                    : V_FLOAT(x);
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
            ok = to_node(in, args[i]->value, at[i],
                         op->input[i].type >= 0 ? op->input[i].type : (int)host_dtype(op, args, n_in),
                         &inputs[i]);
    else if (op->id == OP_cast && keeps_digits(args[0]->value, b.setting[0]))
        ok = to_node(in, args[0]->value, at[0], (int)b.setting[0]->dtype, &inputs[0]);
    else
        ok = make_inputs(in, op, args, n_in, inputs);
    for (int i = 0; ok && i < op->n_settings; i++)
        if (b.setting[i])
            ok = to_attr(in, &op->setting[i], *b.setting[i], b.setting_at[i], inputs, n_in,
                         &attr[i]);
    ok = ok && op_append(in, op, NULL, inputs, n_in, attr, at, a->call, out) &&
         op_compute_known(in, out, a->call, known);
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
    return op_append(in, op, spelling, inputs, n, NULL, at, whole, out) &&
           op_compute_known(in, out, whole, known_inputs(args, n));
}
