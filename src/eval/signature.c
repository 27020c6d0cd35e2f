/* Signatures: the types of parameters held against arguments, and the names in them bound to the
 * sizes that they meet.
 *
 * A refusal underlines the argument, and the one that gave a name its size, where the user wrote
 * them. Not for: which argument is which parameter's (bind.c). */
#include <stdio.h>
#include <string.h>

#include "eval/interp.h"

/* A parameter with a type, and where an argument that does not fit is reported. */
struct input {
    const char *callee;
    const struct ast *param;
    struct span at;
    bool result; /* it is the type of a layer's result */
    const struct ast *params; /* those of the list that it is in */
    const struct args *args;
};

/* "`x`" or "the result". */
static const char *input_words(const struct input *input, char *buf, size_t n_buf) {
    snprintf(buf, n_buf, input->result ? "%s" : "`%s`", input->param->text);
    return buf;
}

/* Underlines an argument where the user wrote it, with what it is. */
static void label_argument(struct interp *in, struct diag *d, struct span at,
                           const struct node *n, int axis) {
    char text[SHAPE_TEXT + 256];
    struct span users = at;
    if (source_find_users(in->o.sources, in->caller, &users))
        at = users;
    build_describe(&in->build, n, axis, at.source, text, sizeof text);
    diag_label(d, at, "%s", text);
    bool same_line = at.source == d->at.source && source_line_number(in->o.sources, at) ==
                                                      source_line_number(in->o.sources, d->at);
    if (same_line && at.offset < d->at.offset)
        d->at = at;
}

static struct span argument_span(const struct args *a, int k, const char *name) {
    for (int i = 0; i < a->n_named; i++)
        if (a->named[i].name == name)
            return a->named[i].at;
    return k < a->n ? a->at[k].at : a->call;
}

/* The argument before this one that gave a name its size. */
static void label_binder(struct interp *in, struct diag *d, struct scope *s,
                         const struct input *input, const char *name) {
    for (int k = 0; input->params && input->params->kids[k] != input->param; k++) {
        const struct ast *param = input->params->kids[k], *type = param->kids[0];
        const struct value *v = scope_find_own(s, param->text);
        for (int i = 0; type && v && v->kind == VALUE_TENSOR && i < type->n_kids; i++)
            if (type->kids[i]->kind == AST_NAME && type->kids[i]->text == name) {
                label_argument(in, d, argument_span(input->args, k, param->text), v->node, -1);
                return;
            }
    }
}

/* The signature's own text: "x: float[batch, n]". */
static void help_signature(struct interp *in, struct diag *d, const struct input *input) {
    const struct ast *type = input->param->kids[0];
    diag_help(d, input->result ? "%s is declared with %s %.*s" : "%s is declared with %s: %.*s",
              input->callee, input->param->text, (int)type->span.length,
              source_text(in->o.sources, type->span));
}

/* The first name in a size's arithmetic that has no size yet. */
static const struct ast *unknown_size(struct scope *s, const struct ast *e) {
    if (e->kind == AST_NAME) {
        const struct value *v = scope_find(s, e->text);
        return v && (v->kind == VALUE_INT || v->kind == VALUE_DIM) ? NULL : e;
    }
    for (int i = 0; (e->kind == AST_BINARY || e->kind == AST_UNARY) && i < e->n_kids; i++) {
        const struct ast *found = unknown_size(s, e->kids[i]);
        if (found)
            return found;
    }
    return NULL;
}

/* Where the names in a size's arithmetic have their values from. */
static void explain_size(struct interp *in, struct diag *d, struct scope *s,
                         const struct input *input, const struct ast *e) {
    if (e->kind == AST_NAME && scope_find_own(s, e->text))
        label_binder(in, d, s, input, e->text);
    else if (e->kind == AST_NAME)
        note_file_value(in, d, s, e->text);
    for (int i = 0; (e->kind == AST_BINARY || e->kind == AST_UNARY) && i < e->n_kids; i++)
        explain_size(in, d, s, input, e->kids[i]);
}

/* size: what makes it so in the signature, or NULL. */
static bool refuse_size(struct interp *in, struct scope *s, const struct node *n, int axis,
                        const struct input *input, const char *must,
                        const struct ast *size) {
    char have[SHAPE_TEXT], words[80];
    struct diag *d =
        diag_error(in->o.diags, E_SHAPE, input->at, "axis %d of %s must be %s, but is %s", axis,
                   input_words(input, words, sizeof words), must,
                   dim_print(have, sizeof have, in->o.symbols, n->shape.d[axis]));
    label_argument(in, d, input->at, n, axis);
    if (size)
        explain_size(in, d, s, input, size);
    help_signature(in, d, input);
    return interp_fail(in, d);
}

/* The arithmetic `e` with `size` in the place of the name. */
static bool size_with(struct interp *in, struct scope *s, const struct ast *e, const char *name,
                      struct dim size, struct dim *out) {
    struct value v;
    scope_set(&in->heap, s, name, dim_value(size));
    if (!eval_expr(in, s, e, &v))
        return false;
    if (v.kind != VALUE_INT)
        return to_dim(in, v, e->span, out);
    *out = dim_const(v.i);
    return true;
}

/* `2*n - 1` meets a size: n is what makes it so, if the arithmetic is a line, a*n + b. That is seen
 * from what it gives for 1, 2 and a symbol. */
static bool solve_size(struct interp *in, struct scope *s, const struct ast *e,
                       const struct ast *name, const struct node *n, int axis,
                       const struct input *input) {
    struct symbols *symbols = in->o.symbols;
    struct dim x = dim_fresh(symbols), one, two, any, a, b, line, size, have = n->shape.d[axis];
    scope_set(&in->heap, s, name->text, dim_value(x));
    const struct ast *another = unknown_size(s, e);
    if (another)
        return fail_at(
            in, E_SHAPE, e->span,
            "`%s` and `%s` cannot both be found from one size: let one of them be a size "
            "of its own",
            name->text, another->text);
    if (!size_with(in, s, e, name->text, dim_const(1), &one) ||
        !size_with(in, s, e, name->text, dim_const(2), &two) ||
        !size_with(in, s, e, name->text, x, &any))
        return false;
    if (!dim_subtract(symbols, two, one, &a) || !dim_subtract(symbols, one, a, &b) ||
        !dim_multiply(symbols, a, x, &line) || !dim_add(symbols, line, b, &line) ||
        !dim_same(line, any) || a.k == 0)
        return fail_at(in, E_SHAPE, e->span,
                       "`%s` cannot be found from this size: let it be a size of its own",
                       name->text);
    bool solved = dim_subtract(symbols, have, b, &size) &&
                  dim_floor_divide(symbols, size, a, &size) &&
                  size_with(in, s, e, name->text, size, &line) &&
                  dim_compare(symbols, line, have) != DIM_DIFFER;
    if (solved && (!dim_is_const(size) || size.k >= 0))
        return true;
    char must[128];
    snprintf(must, sizeof must, "%.*s for some %s", (int)e->span.length,
             source_text(in->o.sources, e->span), name->text);
    return refuse_size(in, s, n, axis, input, must, NULL);
}

static bool bind_dim(struct interp *in, struct scope *s, const struct ast *e, const struct node *n,
                     int axis, const struct input *input) {
    struct dim have = n->shape.d[axis], want;
    struct value v;
    char text[SHAPE_TEXT];
    const struct ast *unknown = unknown_size(s, e);
    if (unknown == e) {
        v = dim_value(have);
        v.axis_of = axis_of_node(n, axis);
        scope_set(&in->heap, s, e->text, v);
        return true;
    }
    if (unknown)
        return solve_size(in, s, e, unknown, n, axis, input);
    if (!eval_expr(in, s, e, &v))
        return false;
    if (is_missing(v))
        return true;
    if (!to_dim(in, v, e->span, &want))
        return false;
    if (dim_compare(in->o.symbols, want, have) != DIM_DIFFER)
        return true;
    return refuse_size(in, s, n, axis, input, dim_print(text, sizeof text, in->o.symbols, want), e);
}

/* `...`: any axes, but the result has those of the inputs, where they all have the same. */
static bool bind_rest(struct interp *in, struct scope *s, const struct input *input,
                      const struct node *n, int first, int count) {
    char a[SHAPE_TEXT], words[80];
    struct value rest = value_list(&in->heap, count);
    root_push(in, rest);
    for (int i = 0; i < count; i++)
        rest.list->at[i] = dim_value(n->shape.d[first + i]);
    const char *name = intern(in, "...");
    const struct value *known = scope_find_own(s, name);
    bool same = known && known->kind == VALUE_LIST && known->list->n == count;
    for (int i = 0; same && i < count; i++) {
        struct dim want, have;
        same = to_dim(in, known->list->at[i], input->at, &want) &&
               to_dim(in, rest.list->at[i], input->at, &have) &&
               dim_compare(in->o.symbols, want, have) != DIM_DIFFER;
    }
    if (!input->result) {
        scope_set(&in->heap, s, name, !known || same ? rest : V_NONE);
        return true;
    }
    if (!known || known->kind != VALUE_LIST || same)
        return true;
    struct diag *d = diag_error(in->o.diags, E_SHAPE, input->at,
                                "the `...` of %s are other axes than those of the input",
                                input_words(input, words, sizeof words));
    diag_label(d, input->at, "%s%s", dtype_name(n->dtype),
               shape_print(a, sizeof a, in->o.symbols, &n->shape));
    help_signature(in, d, input);
    return interp_fail(in, d);
}

static bool check_input_dtype(struct interp *in, const struct input *input, enum dtype want,
                              const struct node *n) {
    if (n->dtype == want || (want == DTYPE_F32 && dtype_is_float(n->dtype)))
        return true;
    char words[80];
    struct diag *d =
        diag_error(in->o.diags, E_DTYPE, input->at, "%s must be %s, but is %s",
                   input_words(input, words, sizeof words), dtype_name(want), dtype_name(n->dtype));
    label_argument(in, d, input->at, n, -1);
    diag_help(d, "convert it: cast(x, %s)", dtype_name(want));
    return interp_fail(in, d);
}

static bool check_input_rank(struct interp *in, const struct input *input, int fixed, bool open,
                             const struct node *n) {
    char words[80];
    if (open ? n->shape.rank >= fixed : n->shape.rank == fixed)
        return true;
    struct diag *d =
        diag_error(in->o.diags, E_SHAPE, input->at, "%s must have %s%d ax%s, but has %d",
                   input_words(input, words, sizeof words), open ? "at least " : "", fixed,
                   fixed == 1 ? "is" : "es", n->shape.rank);
    label_argument(in, d, input->at, n, -1);
    help_signature(in, d, input);
    return interp_fail(in, d);
}

/* `x: float[..., n]`: the value must fit, and the names in it are bound to its sizes. */
static bool bind_input_type(struct interp *in, struct scope *s, const struct input *input,
                            struct value *v) {
    const struct ast *type = input->param->kids[0];
    struct span at = input->at;
    enum dtype t;
    struct node *n;
    if (!type)
        return true;
    if (!dtype_parse(type->text, &t))
        return fail_at(in, E_DTYPE, type->name_at, "`%s` is no dtype", type->text);
    if (!to_node(in, *v, at, v->kind == VALUE_TENSOR || v->kind == VALUE_ARRAY ? -1 : (int)t, &n))
        return false;
    *v = V_TENSOR(n);
    root_push(in, *v);
    if (!check_input_dtype(in, input, t, n))
        return false;
    if (!type->i)
        return true;
    int rest = -1;
    for (int i = 0; i < type->n_kids; i++)
        if (type->kids[i]->kind == AST_DIM_REST)
            rest = i;
    if (!check_input_rank(in, input, type->n_kids - (rest >= 0), rest >= 0, n))
        return false;
    for (int round = 0; round < 2; round++) /* names first: they help to solve the arithmetic */
        for (int i = 0; i < type->n_kids; i++) {
            const struct ast *size = type->kids[i];
            if (size->kind == AST_DIM_ANY || (size->kind == AST_BINARY) != round)
                continue;
            int axis = rest >= 0 && i > rest ? n->shape.rank - (type->n_kids - i) : i;
            bool ok = i == rest ? bind_rest(in, s, input, n, i, n->shape.rank - (type->n_kids - 1))
                                : bind_dim(in, s, size, n, axis, input);
            if (!ok)
                return false;
        }
    return true;
}

/* A type without brackets takes a number of the host as it is: `units: int`. */
static bool bind_host_type(struct interp *in, const struct ast *param, struct value v,
                           struct span at) {
    enum dtype t;
    if (!dtype_parse(param->kids[0]->text, &t))
        return fail_at(in, E_DTYPE, param->kids[0]->name_at, "`%s` is no dtype",
                       param->kids[0]->text);
    bool fits = t == DTYPE_BOOL     ? v.kind == VALUE_BOOL
                : dtype_is_float(t) ? value_is_number(v)
                                    : v.kind == VALUE_INT;
    if (fits)
        return true;
    char text[128];
    describe_value(in, v, text, sizeof text);
    return fail_at(in, E_WRONG_KIND, at, "`%s` must be %s, but is %s", param->text, dtype_name(t),
                   text);
}

/* The names in the type of an unknown argument are unknown too. */
static void forget_dims(struct interp *in, struct scope *s, const struct ast *type) {
    for (int i = 0; i < type->n_kids; i++)
        if (type->kids[i]->kind == AST_NAME && !scope_find_own(s, type->kids[i]->text))
            scope_set(&in->heap, s, type->kids[i]->text, V_UNKNOWN);
}

/* `lengths: int[batch] = none`: what is left out has no type. */
static bool is_left_out(const struct ast *param, struct value v) {
    return v.kind == VALUE_NONE && param->kids[1] && param->kids[1]->kind == AST_NONE;
}

bool bind_types(struct interp *in, const struct ast *params, struct scope *s, struct args *a,
                const char *callee) {
    for (int k = 0; k < params->n_kids; k++) {
        const struct ast *param = params->kids[k], *type = param->kids[0];
        if (!type)
            continue;
        struct value v = *scope_find_own(s, param->text);
        if (is_missing(v)) {
            forget_dims(in, s, type);
            continue;
        }
        if (is_left_out(param, v))
            continue;
        struct span at = argument_span(a, k, param->text);
        bool host = v.kind != VALUE_TENSOR && v.kind != VALUE_ARRAY;
        if (host && !type->i
                ? !bind_host_type(in, param, v, at)
                : !bind_input_type(in, s, &(struct input){callee, param, at, false, params, a}, &v))
            return false;
        scope_set(&in->heap, s, param->text, v);
    }
    return true;
}

bool check_result_type(struct interp *in, struct scope *s, const struct definition *d,
                         struct value *v, struct span at) {
    const struct ast *type = d->tree->kids[2];
    if (!type || is_missing(*v))
        return true;
    struct ast result = {.kind = AST_PARAM,
                         .text = "the result",
                         .n_kids = 2,
                         .kids = (struct ast *[]){(struct ast *)type, NULL},
                         .span = at};
    return bind_input_type(in, s, &(struct input){d->tree->text, &result, at, true, NULL, NULL}, v);
}
