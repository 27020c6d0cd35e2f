/* Declarations: placeholder, variable, param, definitions, and bindings with a role. */
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

static bool eval_dim(struct interp *in, struct scope *s, const struct ast *e, struct dim *out);

/* The names in a size's arithmetic are declared by being there. */
static bool declare_names(struct interp *in, struct scope *s, const struct ast *e) {
    struct dim part;
    if (e->kind == AST_NAME)
        return eval_dim(in, s, e, &part);
    for (int i = 0; (e->kind == AST_BINARY || e->kind == AST_UNARY) && i < e->n_kids; i++)
        if (!declare_names(in, s, e->kids[i]))
            return false;
    return true;
}

static bool eval_dim(struct interp *in, struct scope *s, const struct ast *e, struct dim *out) {
    struct value v;
    if (e->kind == AST_DIM_ANY) {
        *out = dim_fresh(in->o.symbols);
        return true;
    }
    if (e->kind == AST_NAME) {
        const struct value *known = scope_find(s, e->text);
        if (known && is_missing(*known)) {
            *out = dim_fresh(in->o.symbols);
            return true;
        }
        if (!known || (known->kind != VALUE_INT && known->kind != VALUE_DIM)) {
            *out = dim_named(in->o.symbols, e->text, e->span);
            return true;
        }
        return to_dim(in, *known, e->span, out);
    }
    if (!declare_names(in, s, e) || !eval_expr(in, s, e, &v))
        return false;
    if (v.kind == VALUE_INT && v.i < 0)
        return fail_at(in, E_OUT_OF_RANGE, e->span, "a size cannot be %lld", (long long)v.i);
    return to_dim(in, v, e->span, out);
}

static bool eval_type(struct interp *in, struct scope *s, const struct ast *type, enum dtype *dtype,
                      struct shape *shape) {
    memset(shape, 0, sizeof *shape);
    if (!dtype_parse(type->text, dtype)) {
        static const char *const names[] = {"float", "float32", "float64", "int",
                                            "int32", "int64",   "uint8",   "bool"};
        struct diag *d =
            diag_error(in->o.diags, E_DTYPE, type->name_at, "`%s` is no dtype", type->text);
        const char *near = nearest_name(type->text, names, 8);
        if (near)
            diag_help(d, "did you mean `%s`?", near);
        else
            diag_help(d, "dtypes: float, float64, int, int64, uint8, bool");
        return interp_fail(in, d);
    }
    if (type->n_kids > MAX_RANK)
        return fail_at(in, E_SHAPE, type->span, "a shape has at most %d axes", MAX_RANK);
    for (int i = 0; i < type->n_kids; i++) {
        if (type->kids[i]->kind == AST_DIM_REST)
            return fail_at(
                in, E_SHAPE, type->kids[i]->span,
                "`...` has no meaning in a declaration: give each axis a size, a name or `?`");
        if (!eval_dim(in, s, type->kids[i], &shape->d[shape->rank++]))
            return false;
    }
    return true;
}

bool eval_placeholder(struct interp *in, struct scope *s, const struct ast *stmt,
                      struct value *out) {
    enum dtype dtype;
    struct shape shape;
    struct node *fallback = NULL;
    struct value v;
    if (!eval_type(in, s, stmt->kids[0], &dtype, &shape))
        return false;
    if (stmt->kids[1]) {
        if (!eval_expr(in, s, stmt->kids[1], &v) ||
            !to_node(in, v, stmt->kids[1]->span, (int)dtype, &fallback))
            return false;
        if (fallback->dtype != dtype)
            return fail_at(in, E_DTYPE, stmt->kids[1]->span,
                           "the default is %s, the placeholder %s", dtype_name(fallback->dtype),
                           dtype_name(dtype));
        bool fits = fallback->shape.rank == shape.rank;
        for (int i = 0; fits && i < shape.rank; i++)
            fits = dim_compare(in->o.symbols, fallback->shape.d[i], shape.d[i]) != DIM_DIFFER;
        char a[SHAPE_TEXT], b[SHAPE_TEXT];
        if (!fits)
            return fail_at(in, E_SHAPE, stmt->kids[1]->span,
                           "the default has shape %s, the placeholder %s",
                           shape_print(a, sizeof a, in->o.symbols, &fallback->shape),
                           shape_print(b, sizeof b, in->o.symbols, &shape));
    }
    in->build.origin = interp_origin(in, stmt->name_at);
    *out = V_TENSOR(build_placeholder(&in->build, stmt->text, dtype, &shape, fallback));
    root_push(in, *out);
    scope_set(&in->heap, s, stmt->text, *out);
    return true;
}

struct variable *declare_variable(struct interp *in, const char *path, struct span at, enum dtype t,
                                  const struct shape *shape, struct node *initial, bool trainable) {
    struct variable *v = arena_new(&in->arena, struct variable);
    v->path = path;
    v->dtype = t, v->shape = *shape, v->initial = initial, v->trainable = trainable,
    v->declared = at;
    in->build.origin = interp_origin(in, at);
    v->node = build_variable(&in->build, v);
    array_push(NULL, &in->variables, v);
    root_push(in, V_TENSOR(v->node));
    return v;
}

bool bool_setting(struct interp *in, struct scope *s, const struct ast *stmt, int first,
                  const char *what, const char *name, bool *value) {
    for (int i = first; i < stmt->n_kids; i++) {
        const struct ast *k = stmt->kids[i];
        struct value v;
        if (strcmp(k->text, name)) {
            struct diag *d = diag_error(in->o.diags, E_UNKNOWN_ARGUMENT, k->name_at,
                                        "%s takes no setting `%s`", what, k->text);
            diag_help(d, "the one setting is %s=%s", name, *value ? "false" : "true");
            return interp_fail(in, d);
        }
        if (!eval_expr(in, s, k->kids[0], &v))
            return false;
        if (is_missing(v))
            return fail_silently(in);
        if (v.kind != VALUE_BOOL)
            return fail_at(in, E_WRONG_KIND, k->kids[0]->span, "`%s` must be true or false", name);
        *value = v.b;
    }
    return true;
}

/* The declared type, when there is one, must hold the initial value's; variables have sizes, not
 * names. */
static bool check_variable(struct interp *in, struct scope *s, const struct ast *stmt,
                           struct node *initial, bool typed, enum dtype t,
                           const struct shape *shape) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    (void)s;
    struct span at = stmt->kids[1]->span;
    if (typed) {
        bool fits = initial->shape.rank == shape->rank;
        for (int i = 0; fits && i < shape->rank; i++)
            fits = dim_compare(in->o.symbols, initial->shape.d[i], shape->d[i]) != DIM_DIFFER;
        if (!fits)
            return fail_at(in, E_SHAPE, at,
                           "the initial value has shape %s, the variable is declared %s",
                           shape_print(a, sizeof a, in->o.symbols, &initial->shape),
                           shape_print(b, sizeof b, in->o.symbols, shape));
        if (initial->dtype != t)
            return fail_at(in, E_DTYPE, at, "the initial value is %s, the variable is declared %s",
                           dtype_name(initial->dtype), dtype_name(t));
    }
    if (shape_is_const(&initial->shape))
        return true;
    struct diag *d = diag_error(
        in->o.diags, E_SHAPE, at, "a variable needs known sizes, but this is %s%s",
        dtype_name(initial->dtype), shape_print(a, sizeof a, in->o.symbols, &initial->shape));
    return interp_fail(in, d);
}

/* What a claimed path adds to the prefix: `W_2`. */
static const char *own_component(struct interp *in, const char *path) {
    size_t n = strlen(path_join(in, ""));
    return path + n + (n && path[n] == '/');
}

/* A second `variable W` in the same application would silently be the first. */
static bool declare_once(struct interp *in, const struct ast *stmt) {
    struct body *b = in->body;
    for (int i = 0; i < b->declared.n; i++) {
        if (b->declared.at[i] != stmt->text)
            continue;
        struct diag *d = diag_error(in->o.diags, E_DUPLICATE_NAME, stmt->name_at,
                                    "this layer declares the variable `%s` twice", stmt->text);
        diag_help(d, "each variable of a layer has a name of its own; for several alike, make a "
                     "layer of one and apply an instance for each");
        return interp_fail(in, d);
    }
    array_push(NULL, &b->declared, stmt->text);
    return true;
}

bool eval_variable(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out) {
    enum dtype t = DTYPE_F32;
    struct shape shape;
    struct node *initial;
    struct value v;
    bool trainable = true, typed = stmt->kids[0] != NULL;
    if (in->body && in->body->instance && !declare_once(in, stmt))
        return false;
    struct variable *known = body_find_variable(in, stmt->text);
    if (known) {
        *out = V_TENSOR(known->node);
        scope_set(&in->heap, s, stmt->text, *out);
        return true;
    }
    if (trace_refuses_new(in, stmt->name_at, "a variable") || !anew_check(in, stmt->name_at) ||
        (typed && !eval_type(in, s, stmt->kids[0], &t, &shape)))
        return false;
    path_claim_body(in);
    const char *path = path_claim(in, path_join(in, stmt->text));
    struct trace *trace = in->trace; /* the first value is drawn once, wherever that is written */
    in->trace = NULL;
    prefix_push(in, own_component(in, path));
    bool ok = eval_expr(in, s, stmt->kids[1], &v) &&
              to_node(in, v, stmt->kids[1]->span, typed ? (int)t : -1, &initial);
    prefix_pop(in);
    in->trace = trace;
    if (!ok)
        return false;
    root_push(in, V_TENSOR(initial));
    if (!bool_setting(in, s, stmt, 2, "a variable", "trainable", &trainable) ||
        !check_variable(in, s, stmt, initial, typed, t, &shape))
        return false;
    if (!dtype_is_float(initial->dtype))
        trainable = false;
    struct shape own = initial->shape;
    own.on_purpose = 0;
    struct variable *made =
        declare_variable(in, path, stmt->name_at, initial->dtype, &own, initial, trainable);
    anew_note(in, stmt->name_at, made);
    *out = V_TENSOR(made->node);
    if (in->body && in->body->instance)
        scope_set(&in->heap, in->body->instance->variables, stmt->text, *out);
    scope_set(&in->heap, s, stmt->text, *out);
    return true;
}

bool eval_definition(struct interp *in, struct scope *s, const struct ast *stmt,
                     struct value *out) {
    if (!check_params(in, stmt->kids[0], stmt->kids[1]))
        return false;
    struct definition *d = heap_new(&in->heap, VALUE_DEFINITION, sizeof *d);
    d->tree = stmt, d->scope = s, d->library = in->in_library;
    *out = V_OBJECT(VALUE_DEFINITION, d);
    root_push(in, *out);
    bind_name(in, s, stmt->text, *out, stmt->name_at);
    return true;
}

/* loss NAME = expr, metric NAME = expr, optimizer NAME = expr: a binding with a role that is
 * checked. */
bool eval_role(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out) {
    const struct ast *name = stmt->kids[0], *expr = stmt->kids[1];
    prefix_push(in, name->text);
    bool ok = eval_expr(in, s, expr, out);
    prefix_pop(in);
    if (!ok)
        return false;
    if (is_missing(*out)) {
        assign_name(in, s, name, *out);
        return true;
    }
    char shape[SHAPE_TEXT];
    if (!strcmp(stmt->text, "optimizer")) {
        if (is_optimizer(*out)) {
            struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, expr->span,
                                        "this optimizer has nothing to minimize");
            diag_help(d, "say what it minimizes: .minimize(loss)");
            return interp_fail(in, d);
        }
        if (out->kind != VALUE_STEP)
            return fail_at(in, E_WRONG_KIND, expr->span,
                           "an optimizer is made by .minimize(loss), but this is %s",
                           value_kind_words(out->kind));
    } else {
        struct node *n;
        if (!to_node(in, *out, expr->span, -1, &n))
            return false;
        *out = V_TENSOR(n);
        if (!strcmp(stmt->text, "loss") && (n->shape.rank || !dtype_is_float(n->dtype))) {
            struct diag *d = diag_error(
                in->o.diags, E_LOSS_SCALAR, expr->span,
                "a loss must be one float, but this is %s%s", dtype_name(n->dtype),
                n->shape.rank ? shape_print(shape, sizeof shape, in->o.symbols, &n->shape) : "");
            if (n->shape.rank && dtype_is_float(n->dtype))
                diag_help(d, "reduce it: mean(...) is the usual choice");
            return interp_fail(in, d);
        }
    }
    assign_name(in, s, name, *out);
    return true;
}

static bool parse_override(struct interp *in, const char *text, struct value like,
                           struct value *out) {
    char *end;
    switch (like.kind) {
    case VALUE_INT:
        *out = V_INT(strtoll(text, &end, 10));
        return *text && !*end;
    case VALUE_FLOAT:
        *out = V_FLOAT(strtod(text, &end));
        return *text && !*end;
    case VALUE_BOOL:
        *out = V_BOOL(!strcmp(text, "true"));
        return !strcmp(text, "true") || !strcmp(text, "false");
    case VALUE_STRING:
        *out = value_string(&in->heap, text, strlen(text));
        root_push(in, *out);
        return true;
    default:
        return false;
    }
}

bool eval_setting(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out) {
    if (!eval_expr(in, s, stmt->kids[0], out))
        return false;
    if (is_missing(*out))
        return fail_silently(in);
    if (out->kind != VALUE_INT && out->kind != VALUE_FLOAT && out->kind != VALUE_BOOL &&
        out->kind != VALUE_STRING)
        return fail_at(in, E_WRONG_KIND, stmt->kids[0]->span,
                       "a param's default must be a number, a bool or a string, not %s",
                       value_kind_words(out->kind));
    /* The command line sets the script's own. */
    for (int i = 0; in->unit == in->script && i < in->o.n_overrides; i++) {
        struct setting_override *o = &in->o.overrides[i];
        if (strcmp(o->name, stmt->text))
            continue;
        struct value given;
        o->used = true;
        if (!parse_override(in, o->value, *out, &given)) {
            struct diag *d = diag_error(in->o.diags, E_PARAM, stmt->name_at,
                                        "param `%s` is %s, but the command line gives `%s`",
                                        o->name, value_kind_words(out->kind), o->value);
            return interp_fail(in, d);
        }
        *out = given;
    }
    scope_set(&in->heap, s, stmt->text, *out);
    return true;
}
