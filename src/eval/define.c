/* What definitions give. A layer definition with its settings is an instance; the variables that
 * its body declares belong to it, are made at the first application and found again by all later
 * ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

struct variable *body_find_variable(struct interp *in, const char *name) {
    if (!in->body || !in->body->instance)
        return NULL;
    const struct value *v = scope_find_own(in->body->instance->variables, name);
    return v ? v->node->variable : NULL;
}

/* Within a body the same call site is met again at each application: it stands for the same
 * instance. */
static struct instance *find_child(struct body *b, const struct ast *site, int *occurrence) {
    *occurrence = 0;
    for (int i = 0; i < b->sites.n; i++)
        *occurrence += b->sites.at[i] == site;
    for (int i = 0; i < b->instance->n_children; i++) {
        const struct child *c = &b->instance->children[i];
        if (c->site == site && c->occurrence == *occurrence)
            return c->instance;
    }
    return NULL;
}

static void add_child(struct instance *parent, struct child c) {
    if (parent->n_children == parent->cap_children) {
        parent->cap_children = parent->cap_children ? 2 * parent->cap_children : 4;
        parent->children = realloc(parent->children, (size_t)parent->cap_children * sizeof c);
        if (!parent->children)
            abort();
    }
    parent->children[parent->n_children++] = c;
}

/* dense(x, 10) for x |> dense(10), huber(p, t) for huber()(p, t): a tensor stands where the first
 * setting wants a number. */
static bool is_applied_at_once(struct interp *in, struct definition *d, const struct args *a) {
    const struct ast *settings = d->tree->kids[0];
    const struct ast *type = settings->n_kids ? settings->kids[0]->kids[0] : NULL;
    bool layer = d->tree->kind == AST_LAYER_DEF;
    if (d->tree->kind == AST_OPTIMIZER_DEF || d->tree->kind == AST_TRANSFORM_DEF || !type ||
        type->i || !a->n || a->at[0].value.kind != VALUE_TENSOR ||
        !a->at[0].value.node->shape.rank)
        return false;
    char text[128];
    const char *name = d->tree->text;
    describe_value(in, a->at[0].value, text, sizeof text);
    struct diag *e = diag_error(in->o.diags, E_WRONG_KIND, a->at[0].at,
                                "`%s` of %s must be %s, but is %s", settings->kids[0]->text, name,
                                type->text, text);
    if (layer)
        diag_help(e, "a layer is made of its settings and then applied: x |> %s(..), or %s(..)(x)",
                  name, name);
    else
        diag_help(e, "a %s is made of its settings and then applied: %s()(..)",
                  d->tree->kind == AST_LOSS_DEF ? "loss" : "metric", name);
    return !interp_fail(in, e);
}

/* Settings that do not have their defaults. */
static uint64_t given_settings(const struct ast *settings, const struct args *a) {
    uint64_t given = 0;
    for (int k = 0; k < settings->n_kids; k++)
        given |= (uint64_t)(k < a->n) << k;
    for (int i = 0; i < a->n_named; i++)
        for (int k = 0; k < settings->n_kids; k++)
            given |= (uint64_t)(settings->kids[k]->text == a->named[i].name) << k;
    return given;
}

bool make_instance(struct interp *in, struct definition *d, struct args *a, struct value *out) {
    const struct ast *settings = d->tree->kids[0];
    const char *name = d->tree->text;
    struct body *b = in->body && in->body->instance ? in->body : NULL;
    int occurrence = 0;
    if (b) {
        struct instance *known = find_child(b, a->site, &occurrence);
        array_push(NULL, &b->sites, a->site);
        if (known) {
            *out = V_OBJECT(VALUE_INSTANCE, known);
            return true;
        }
    }
    if (is_applied_at_once(in, d, a))
        return false;
    if (trace_refuses_new(in, a->call, d->tree->kind == AST_LAYER_DEF ? "a layer" : "an instance"))
        return false;
    path_claim_body(in);
    struct instance *i = heap_new(&in->heap, VALUE_INSTANCE, sizeof *i);
    i->definition = d;
    *out = V_OBJECT(VALUE_INSTANCE, i);
    root_push(in, *out);
    i->settings = scope_new(&in->heap, d->scope);
    i->variables = scope_new(&in->heap, NULL);
    if (!bind_given(in, settings, i->settings, a, name))
        return false;
    bool library = in->in_library; /* defaults are the definition's own text */
    const struct origin *caller = in->caller;
    in->in_library = d->library;
    if (d->library)
        in->caller = interp_origin(in, a->call);
    bool ok = bind_defaults(in, settings, i->settings, a);
    in->caller = caller;
    ok = ok && bind_types(in, settings, i->settings, a, name);
    in->in_library = library;
    if (!ok)
        return false;
    i->given = given_settings(settings, a);
    i->path = path_join(in, name);
    i->provisional = true;
    if (b)
        add_child(b->instance, (struct child){a->site, occurrence, i});
    return true;
}

/* A parameter with a type, and where an argument that does not fit is reported. */
struct input {
    const char *callee;
    const struct ast *param;
    struct span at;
    bool result; /* it is the type of a layer's result */
};

/* "`x`" or "the result". */
static const char *input_words(const struct input *input, char *buf, size_t n_buf) {
    snprintf(buf, n_buf, input->result ? "%s" : "`%s`", input->param->text);
    return buf;
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

/* file_name: the name of the script that says what the size must be, or NULL. */
static bool refuse_size(struct interp *in, const struct node *n, int axis,
                        const struct input *input, const char *must, const char *file_name) {
    char have[SHAPE_TEXT], shape[SHAPE_TEXT], words[80];
    struct diag *d =
        diag_error(in->o.diags, E_SHAPE, input->at, "axis %d of %s must be %s, but is %s", axis,
                   input_words(input, words, sizeof words), must,
                   dim_print(have, sizeof have, in->o.symbols, n->shape.d[axis]));
    diag_label(d, input->at, "%s%s", dtype_name(n->dtype),
               shape_print(shape, sizeof shape, in->o.symbols, &n->shape));
    if (file_name)
        note_file_value(in, d, file_name);
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
    return refuse_size(in, n, axis, input, must, NULL);
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
    bool from_file = e->kind == AST_NAME && !scope_find_own(s, e->text);
    return refuse_size(in, n, axis, input, dim_print(text, sizeof text, in->o.symbols, want),
                       from_file ? e->text : NULL);
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
    diag_help(d, "convert it: cast(x, %s)", dtype_name(want));
    return interp_fail(in, d);
}

static bool check_input_rank(struct interp *in, const struct input *input, int fixed, bool open,
                             const struct node *n) {
    char text[SHAPE_TEXT], words[80];
    if (open ? n->shape.rank >= fixed : n->shape.rank == fixed)
        return true;
    struct diag *d =
        diag_error(in->o.diags, E_SHAPE, input->at, "%s must have %s%d ax%s, but has %d",
                   input_words(input, words, sizeof words), open ? "at least " : "", fixed,
                   fixed == 1 ? "is" : "es", n->shape.rank);
    diag_label(d, input->at, "%s%s", dtype_name(n->dtype),
               n->shape.rank ? shape_print(text, sizeof text, in->o.symbols, &n->shape)
                             : ", a scalar");
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
    return fits ? true
                : fail_at(in, E_WRONG_KIND, at, "`%s` must be %s, but is %s", param->text,
                          dtype_name(t), value_kind_words(v.kind));
}

static struct span argument_span(const struct args *a, int k, const char *name) {
    for (int i = 0; i < a->n_named; i++)
        if (a->named[i].name == name)
            return a->named[i].at;
    return k < a->n ? a->at[k].at : a->call;
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
                : !bind_input_type(in, s, &(struct input){callee, param, at, false}, &v))
            return false;
        scope_set(&in->heap, s, param->text, v);
    }
    return true;
}

static bool check_result(struct interp *in, struct scope *s, const struct definition *d,
                         struct value *v, struct span at) {
    const struct ast *type = d->tree->kids[2];
    if (!type || is_missing(*v))
        return true;
    struct ast result = {.kind = AST_PARAM,
                         .text = "the result",
                         .n_kids = 2,
                         .kids = (struct ast *[]){(struct ast *)type, NULL},
                         .span = at};
    return bind_input_type(in, s, &(struct input){d->tree->text, &result, at, true}, v);
}

bool run_body(struct interp *in, struct body *b, struct definition *d, struct scope *s,
              const char *prefix, struct span call, struct value *out) {
    __typeof__(in->prefix) outer_prefix = in->prefix;
    const struct origin *caller = in->caller;
    bool library = in->in_library;
    const struct ast *body = d->tree->kids[d->tree->n_kids - 1];
    memset(&in->prefix, 0, sizeof in->prefix);
    prefix_push(in, prefix);
    if (b->target)
        prefix_push(in, b->target->path);
    if (b->part)
        prefix_push(in, b->part);
    in->caller = interp_origin(in, call);
    in->in_library = d->library;
    b->outer = in->body;
    in->body = b;
    struct dry outside = dry_enter(in);
    bool ok = eval_block(in, s, body, out);
    ok = end_body(in, ok, body, out);
    dry_leave(in, &outside, out);
    in->body = b->outer;
    free(b->sites.at);
    free(b->declared.at);
    in->in_library = library;
    in->caller = caller;
    free(in->prefix.at);
    in->prefix = outer_prefix;
    return ok;
}

bool apply_instance(struct interp *in, struct instance *i, struct args *a, struct value *out) {
    struct definition *d = i->definition;
    const struct ast *inputs = d->tree->kids[1];
    if (d->tree->kind == AST_OPTIMIZER_DEF) {
        struct diag *e = diag_error(in->o.diags, E_NOT_CALLABLE, a->call,
                                    "an optimizer is not applied to a tensor");
        diag_help(e, "say what it minimizes: .minimize(loss)");
        return interp_fail(in, e);
    }
    if (interp_stack_is_deep(in))
        return fail_at(in, E_TOO_MANY_CALLS, a->call, "layers are nested too deeply");
    int n_roots = in->roots.n;
    root_push(in, V_OBJECT(VALUE_INSTANCE, i));
    struct scope *s = scope_new(&in->heap, i->settings);
    root_push(in, V_OBJECT(VALUE_LIST, s));
    bool ok =
        bind_params(in, inputs, s, a, d->tree->text) && bind_types(in, inputs, s, a, d->tree->text);
    i->applied = true;
    if (i->provisional)
        path_settle(in, i); /* its variables are named from here on */
    struct body b = {.instance = i};
    ok = ok && run_body(in, &b, d, s, i->path, a->call, out);
    if (ok && d->tree->kind == AST_LAYER_DEF)
        ok = check_result(in, s, d, out, a->call);
    ok = ok && keep_layer_updates(in, &b, *out);
    free(b.updates.at);
    in->roots.n = n_roots;
    if (ok)
        root_push(in, *out);
    return ok;
}

/* NAME(settings) is an instance. A definition without settings may be applied at once:
 * mse(prediction, target). */
bool call_definition(struct interp *in, struct definition *d, struct args *a, struct value *out) {
    bool direct = d->tree->kids[0]->n_kids == 0 && a->n + a->n_named > 0 &&
                  d->tree->kind != AST_OPTIMIZER_DEF && d->tree->kind != AST_TRANSFORM_DEF;
    if (!direct)
        return make_instance(in, d, a, out);
    struct args none = {.n = 0, .n_named = 0, .call = a->call, .site = a->site, .word = a->word};
    return make_instance(in, d, &none, out) && apply_instance(in, out->instance, a, out);
}
