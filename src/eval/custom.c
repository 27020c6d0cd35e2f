/* gradient f(x)(dy) { .. }: a function of the script with a gradient of its own. At each call its
 * body is evaluated as always, over arguments through which no gradient flows, and beside it the
 * gradient's body, over the arguments themselves and a stand-in for dy; a custom_gradient node
 * holds the two together (ops/custom.c). Within its own gradient the function over the same
 * arguments is result_value(y), so exp may say dy * exp(x). */
#include <string.h>

#include "eval/interp.h"

/* ---- the definition */

static bool check_lists(struct interp *in, const struct ast *stmt, const struct function *f) {
    const struct ast *params = f->tree->kids[0], *own = stmt->kids[0];
    if (own->n_kids != params->n_kids) {
        struct diag *d = diag_error(in->o.diags, E_MISSING_ARGUMENT, own->span,
                                    "`%s` has %d parameter%s, its gradient %d", stmt->text,
                                    params->n_kids, params->n_kids == 1 ? "" : "s", own->n_kids);
        diag_note(d, params->span, "`%s` is defined here", stmt->text);
        return interp_fail(in, d);
    }
    if (stmt->kids[1]->n_kids != 1)
        return fail_at(in, E_MISPLACED, stmt->kids[1]->span,
                       "the second list is the gradient with respect to the result: (dy)");
    return check_params(in, own, stmt->kids[1]);
}

bool eval_gradient(struct interp *in, struct scope *s, const struct ast *stmt) {
    const struct value *v = scope_find_own(s, stmt->text), *any = scope_find(s, stmt->text);
    bool exact = true;
    if (any && is_missing(*any))
        return fail_silently(in);
    if (!any) {
        report_unknown_name(in, s, stmt->text, stmt->name_at);
        return false;
    }
    if (!v || v->kind != VALUE_FUNCTION || v->function->form != FUNCTION_PLAIN ||
        v->function->scope != s) {
        struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, stmt->name_at,
                                    "a gradient is given to a function of the same file, but `%s` "
                                    "is none",
                                    stmt->text);
        if (is_callable(*any))
            diag_help(d, "wrap it: fn my_%s(x) = %s(x)", stmt->text, stmt->text);
        return interp_fail(in, d);
    }
    struct function *f = v->function;
    if (f->gradient) {
        struct diag *d = diag_error(in->o.diags, E_DUPLICATE_NAME, stmt->name_at,
                                    "`%s` has a gradient already", stmt->text);
        diag_note(d, f->gradient->name_at, "it is defined here");
        return interp_fail(in, d);
    }
    if (f->called) {
        struct diag *d = diag_error(in->o.diags, E_MISPLACED, stmt->name_at,
                                    "`%s` was called already, without this gradient", stmt->text);
        diag_help(d, "the gradient stands before the first call, best below the function");
        return interp_fail(in, d);
    }
    if (!check_lists(in, stmt, f) ||
        !bool_setting(in, s, stmt, 3, "a gradient", "exact", &exact))
        return false;
    f->gradient = stmt;
    f->exact = exact;
    return true;
}

/* ---- a call */

static bool is_differentiable(struct value v) {
    return v.kind == VALUE_TENSOR && dtype_is_float(v.node->dtype);
}

/* Over the arguments of a call whose gradient is under way: its result, once more. */
static struct node *find_result(struct interp *in, const struct function *f, struct scope *s) {
    const struct ast *params = f->tree->kids[0];
    for (const struct custom_call *c = in->custom; c; c = c->outer) {
        bool same = c->function == f;
        for (int i = 0; same && i < c->n; i++) {
            const struct value *v = scope_find_own(s, params->kids[c->param[i]]->text);
            same = v->kind == VALUE_TENSOR && v->node == c->argument[i];
        }
        if (same)
            return c->value;
    }
    return NULL;
}

bool custom_is_known(struct interp *in, const struct function *f, struct scope *s,
                     struct value *out) {
    struct node *n = find_result(in, f, s);
    if (n)
        *out = V_TENSOR(n);
    return n != NULL;
}

bool custom_begin(struct interp *in, const struct function *f, struct scope *s,
                  struct custom_call *c) {
    const struct ast *params = f->tree->kids[0];
    c->n = 0;
    if (params->n_kids > MAX_ARGS)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, f->gradient->name_at,
                       "a function with a gradient of its own has at most %d parameters", MAX_ARGS);
    c->all = scope_new(&in->heap, f->scope);
    root_push(in, V_OBJECT(VALUE_LIST, c->all));
    for (int k = 0; k < params->n_kids; k++) {
        const char *name = params->kids[k]->text;
        struct value v = *scope_find_own(s, name);
        scope_set(&in->heap, c->all, f->gradient->kids[0]->kids[k]->text, v);
        if (!is_differentiable(v))
            continue;
        c->param[c->n] = k;
        c->argument[c->n++] = v.node;
        struct node *stopped = build_1(&in->build, OP_stop_gradient, v.node);
        root_push(in, V_TENSOR(stopped));
        scope_set(&in->heap, s, name, V_TENSOR(stopped));
    }
    return true;
}

/* What the gradient's body gave for the i-th argument: alone, in a list or in a record by name. */
static struct value part(const struct ast *params, struct value all, int k) {
    if (all.kind == VALUE_LIST)
        return k < all.list->n ? all.list->at[k] : V_NONE;
    if (all.kind != VALUE_RECORD)
        return all;
    const struct value *v = record_get(all.record, params->kids[k]->text);
    return v ? *v : V_NONE;
}

static bool check_parts(struct interp *in, const struct function *f, struct value all) {
    const struct ast *stmt = f->gradient, *params = stmt->kids[0];
    int n = params->n_kids;
    if (all.kind == VALUE_LIST ? all.list->n == n : all.kind == VALUE_RECORD || n == 1)
        return true;
    return fail_at(in, E_WRONG_KIND, stmt->name_at,
                   "the gradient of `%s` must give one tensor for each of its %d parameters: a "
                   "list, or a record by their names",
                   stmt->text, n);
}

static bool take_part(struct interp *in, const struct function *f, struct value v,
                      const struct node *x, const char *name, struct node **out) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    const struct ast *stmt = f->gradient;
    if (v.kind == VALUE_NONE)
        return fail_at(in, E_WRONG_KIND, stmt->name_at, "the gradient of `%s` gives none for `%s`",
                       stmt->text, name);
    if (!to_node(in, v, stmt->name_at, (int)x->dtype, out))
        return false;
    struct node *n = *out;
    bool same = n->dtype == x->dtype && n->shape.rank == x->shape.rank;
    for (int i = 0; same && i < n->shape.rank; i++)
        same = dim_compare(in->o.symbols, n->shape.d[i], x->shape.d[i]) != DIM_DIFFER;
    if (same)
        return true;
    struct diag *d = diag_error(
        in->o.diags, E_SHAPE, stmt->name_at,
        "the gradient of `%s` must be like `%s`, which is %s%s, but is "
        "%s%s",
        stmt->text, name, dtype_name(x->dtype), shape_print(a, sizeof a, in->o.symbols, &x->shape),
        dtype_name(n->dtype), shape_print(b, sizeof b, in->o.symbols, &n->shape));
    if (n->shape.rank > x->shape.rank)
        diag_help(d, "what was stretched is summed: sum(.., axis=0)");
    return interp_fail(in, d);
}

/* The gradient's body, with result_gradient(y) for dy. */
static bool run_gradient(struct interp *in, const struct function *f, struct custom_call *c,
                         struct node *y, struct value *out) {
    const struct ast *stmt = f->gradient, *body = stmt->kids[2];
    struct node *dy = build_1(&in->build, OP_result_gradient, y);
    root_push(in, V_TENSOR(dy));
    c->function = f, c->value = build_1(&in->build, OP_result_value, y);
    root_push(in, V_TENSOR(c->value));
    scope_set(&in->heap, c->all, stmt->kids[1]->kids[0]->text, V_TENSOR(dy));
    c->outer = in->custom;
    in->custom = c;
    bool ok = eval_block(in, c->all, body, out);
    in->custom = c->outer;
    ok = end_body(in, ok, body, out);
    if (ok)
        root_push(in, *out);
    return ok;
}

bool custom_end(struct interp *in, const struct function *f, struct custom_call *c, struct span at,
                struct value *result) {
    const struct ast *stmt = f->gradient;
    struct node *inputs[1 + 2 * MAX_ARGS];
    struct value all;
    if (!c->n || is_missing(*result))
        return true;
    if (!is_differentiable(*result))
        return fail_at(in, E_WRONG_KIND, at,
                       "a function with a gradient of its own gives one float tensor, but `%s` "
                       "gives %s",
                       stmt->text, value_kind_words(result->kind));
    inputs[0] = result->node;
    in->build.origin = interp_origin(in, at);
    if (!run_gradient(in, f, c, result->node, &all))
        return false;
    if (is_missing(all))
        return fail_silently(in);
    if (!check_parts(in, f, all))
        return false;
    for (int i = 0; i < c->n; i++) {
        inputs[1 + i] = c->argument[i];
        if (!take_part(in, f, part(stmt->kids[0], all, c->param[i]), c->argument[i],
                       stmt->kids[0]->kids[c->param[i]]->text, &inputs[1 + c->n + i]))
            return false;
    }
    /* the library's are held against finite differences by its tests */
    struct attr attr[2] = {{.kind = ATTR_INT, .i = c->n},
                           {.kind = ATTR_BOOL, .i = f->exact && !f->library}};
    in->build.origin = interp_origin(in, at);
    in->build.spelling = stmt->text;
    struct node *node =
        build_op(&in->build, OP_custom_gradient, inputs, 1 + 2 * c->n, attr, NULL, NULL);
    in->build.spelling = NULL;
    if (!node)
        return interp_fail(in, NULL);
    *result = V_TENSOR(node);
    root_push(in, *result);
    return true;
}
