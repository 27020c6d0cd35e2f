/* What happens to the gradients before the optimizer gets them: transforms and functions of the list
 * of all gradients, chained by `>>` before the optimizer. */
#include <string.h>

#include "eval/interp.h"

static bool is_instance_of(struct value v, enum ast_kind kind) {
    return v.kind == VALUE_INSTANCE && v.instance->definition->tree->kind == kind;
}

bool is_optimizer(struct value v) {
    if (v.kind == VALUE_CHAIN)
        return v.chain->n && is_instance_of(v.chain->at[v.chain->n - 1], AST_OPTIMIZER_DEF);
    return is_instance_of(v, AST_OPTIMIZER_DEF);
}

bool optimizer_parts(struct interp *in, struct value v, struct span at, struct optimizer_parts *p) {
    char text[128];
    p->transforms = v.kind == VALUE_CHAIN ? v.chain->at : NULL;
    p->n_transforms = v.kind == VALUE_CHAIN ? v.chain->n - 1 : 0;
    struct value last = v.kind == VALUE_CHAIN && v.chain->n ? v.chain->at[v.chain->n - 1] : v;
    if (is_missing(last))
        return fail_silently(in);
    if (!is_optimizer(v)) {
        describe_value(in, v, text, sizeof text);
        struct diag *d =
            diag_error(in->o.diags, E_WRONG_KIND, at,
                       v.kind == VALUE_CHAIN ? "a chain that minimizes ends in an optimizer"
                                             : "an optimizer minimizes, but this is %s",
                       text);
        if (v.kind == VALUE_INSTANCE && v.instance->definition->tree->kind == AST_TRANSFORM_DEF)
            diag_help(d, "chain it before one: %s(..) >> adam(1e-3)",
                      v.instance->definition->tree->text);
        return interp_fail(in, d);
    }
    p->optimizer = v.kind == VALUE_CHAIN ? v.chain->at[v.chain->n - 1].instance : v.instance;
    for (int i = 0; i < p->n_transforms; i++) {
        struct value t = p->transforms[i];
        bool layer = t.kind == VALUE_INSTANCE && !is_instance_of(t, AST_TRANSFORM_DEF);
        if (!layer && t.kind != VALUE_DEFINITION)
            continue;
        describe_value(in, t, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, at,
                       "before an optimizer stand transforms and functions of the gradients, but "
                       "element %d of the chain is %s",
                       i, text);
    }
    return true;
}

/* A list like the one that went in. */
static bool check_transformed(struct interp *in, struct value v, const struct list *before,
                              const char *name, struct span at) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind != VALUE_LIST || v.list->n != before->n)
        return fail_at(in, E_WRONG_KIND, at,
                       v.kind == VALUE_LIST
                           ? "%s gives a list of %d gradients for %d"
                           : "%s must give the list of gradients, but gives something else",
                       name, v.kind == VALUE_LIST ? v.list->n : 0, before->n);
    for (int i = 0; i < before->n; i++) {
        const struct node *g = before->at[i].node;
        struct node *n;
        if (!to_node(in, v.list->at[i], at, (int)g->dtype, &n))
            return false;
        v.list->at[i] = V_TENSOR(n);
        bool same = n->dtype == g->dtype && n->shape.rank == g->shape.rank;
        for (int k = 0; same && k < g->shape.rank; k++)
            same = dim_compare(in->o.symbols, n->shape.d[k], g->shape.d[k]) != DIM_DIFFER;
        if (!same)
            return fail_at(in, E_SHAPE, at, "%s makes a gradient of %s%s into one of %s%s", name,
                           dtype_name(g->dtype), shape_print(a, sizeof a, in->o.symbols, &g->shape),
                           dtype_name(n->dtype),
                           shape_print(b, sizeof b, in->o.symbols, &n->shape));
    }
    return true;
}

/* What a transform gave: the gradients, or a record of them and of the runs in which there is a
 * step. */
static bool take_condition(struct interp *in, struct schedules *c, struct value *v,
                           const char *name, struct span at) {
    if (v->kind != VALUE_RECORD)
        return true;
    const struct value *gs = record_get(v->record, intern(in, "gradients"));
    const struct value *when = record_get(v->record, intern(in, "when"));
    if (!gs || !when || v->record->n != 2)
        return fail_at(in, E_WRONG_KIND, at,
                       "%s gives a record, whose fields must be `gradients` and `when`", name);
    struct node *n;
    if (is_missing(*when))
        return fail_silently(in);
    if (!to_node(in, *when, at, -1, &n))
        return false;
    char text[SHAPE_TEXT];
    if (n->dtype != DTYPE_BOOL || n->shape.rank)
        return fail_at(in, E_WRONG_KIND, at, "`when` of %s must be one bool, but is %s%s", name,
                       dtype_name(n->dtype),
                       n->shape.rank ? shape_print(text, sizeof text, in->o.symbols, &n->shape)
                                     : "");
    in->build.origin = interp_origin(in, at);
    c->when = c->when ? build_2(&in->build, OP_logical_and, c->when, n) : n;
    root_push(in, V_TENSOR(c->when));
    *v = *gs;
    return true;
}

static bool run_transform(struct interp *in, struct schedules *c, struct instance *t,
                          struct value gs, struct value ws, struct span call, struct value *out) {
    const struct ast *tree = t->definition->tree, *params = tree->kids[1];
    struct scope *settings;
    if (params->n_kids < 1 || params->n_kids > 2)
        return fail_at(in, E_MISPLACED, call,
                       "a transform's second list must be (gs) or (gs, ws): the gradients, and the "
                       "variables");
    if (!schedule_settings(in, c, t, call, &settings))
        return false;
    struct scope *s = scope_new(&in->heap, settings);
    root_push(in, V_OBJECT(VALUE_LIST, s));
    scope_set(&in->heap, s, params->kids[0]->text, gs);
    if (params->n_kids == 2)
        scope_set(&in->heap, s, params->kids[1]->text, ws);
    struct body b = {.step = c->step, .part = tree->text};
    bool ok = run_body(in, &b, t->definition, s, c->step->path, call, out);
    if (ok)
        root_push(in, *out);
    ok = ok && build_assigns(in, &b, c->when, c->assigns);
    free(b.updates.at);
    return ok;
}

bool transform_gradients(struct interp *in, struct schedules *c, const struct optimizer_parts *p,
                         struct value *gs, struct value ws, struct span call) {
    for (int i = 0; i < p->n_transforms; i++) {
        struct value f = p->transforms[i], out;
        bool transform = f.kind == VALUE_INSTANCE;
        const char *name = transform ? f.instance->definition->tree->text : "the function";
        struct args a = {.n = 1, .call = call, .word = name};
        a.at[0] = (struct arg){*gs, call};
        bool ok = transform ? run_transform(in, c, f.instance, *gs, ws, call, &out)
                            : call_value(in, f, &a, &out);
        if (!ok || !take_condition(in, c, &out, name, call) ||
            !check_transformed(in, out, gs->list, name, call))
            return false;
        root_push(in, out);
        *gs = out;
    }
    return true;
}
