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

/* dense(x, 10) for x |> dense(10), or the inputs of a loss for its settings: a tensor stands where
 * the first setting wants a number. */
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
                  definition_word(d), name);
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
    note_given(in, inputs, a, interp_origin(in, a->call));
    i->applied = true;
    if (i->provisional)
        path_settle(in, i); /* its variables are named from here on */
    struct body b = {.instance = i};
    ok = ok && run_body(in, &b, d, s, i->path, a->call, out);
    if (ok && d->tree->kind == AST_LAYER_DEF)
        ok = check_result_type(in, s, d, out, a->call);
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
