/* `<-`: what is assigned to a variable, and when. At the top level and in functions: at once. In an
 * optimizer's body: by its step, and the lines below see the new value already. In a layer's body,
 * on a variable of its own: by each step whose loss depends on the output of that application, from
 * the values before the step; evaluations leave it alone. */
#include <string.h>

#include "eval/interp.h"

static struct variable *updated_variable(struct interp *in, struct scope *s,
                                         const struct ast *stmt) {
    if (in->body && in->body->step)
        for (int i = in->body->updates.n - 1; i >= 0; i--)
            if (in->body->updates.at[i].name == stmt->text)
                return in->body->updates.at[i].variable;
    const struct value *v = scope_find(s, stmt->text);
    if (!v) {
        report_unknown_name(in, s, stmt->text, stmt->name_at);
        return NULL;
    }
    if (v->kind == VALUE_TENSOR && v->node->op->id == OP_variable)
        return v->node->variable;
    if (is_missing(*v)) {
        fail_silently(in);
        return NULL;
    }
    char text[128];
    describe_value(in, *v, text, sizeof text);
    struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, stmt->name_at,
                                "`<-` assigns to a variable, but `%s` is %s", stmt->text, text);
    if (v->kind == VALUE_TENSOR)
        diag_help(d, "only what `variable` declares keeps a value between runs");
    else
        diag_help(d, "a plain name is set with `=`");
    interp_fail(in, d);
    return NULL;
}

/* What others declare is theirs to change: a layer is applied by whoever likes to. */
static bool check_own(struct interp *in, const struct variable *v, const struct ast *stmt) {
    const struct scope *own = in->body->instance->variables;
    for (int i = 0; i < own->cap; i++)
        if (own->name[i] && own->at[i].node == v->node)
            return true;
    struct diag *d =
        diag_error(in->o.diags, E_MISPLACED, stmt->name_at,
                   "a layer updates its own variables, but `%s` is declared elsewhere", stmt->text);
    diag_note(d, v->declared, "`%s` is declared here", stmt->text);
    return interp_fail(in, d);
}

/* The value as a node of the variable's dtype and shape. */
static bool update_value(struct interp *in, struct scope *s, const struct ast *stmt,
                         const struct variable *target, struct node **out) {
    struct value v;
    struct node *n;
    struct span at = stmt->kids[0]->span;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (!eval_expr(in, s, stmt->kids[0], &v) || !to_node(in, v, at, (int)target->dtype, &n))
        return false;
    if (n->dtype != target->dtype)
        return fail_at(in, E_DTYPE, at, "`%s` is %s, but the value is %s", stmt->text,
                       dtype_name(target->dtype), dtype_name(n->dtype));
    in->build.origin = interp_origin(in, stmt->span);
    if (n->shape.rank == 0)
        n = build_broadcast(&in->build, n, &target->shape);
    bool fits = n->shape.rank == target->shape.rank;
    for (int i = 0; fits && i < n->shape.rank; i++)
        fits = dim_compare(in->o.symbols, n->shape.d[i], target->shape.d[i]) != DIM_DIFFER;
    *out = n;
    return fits ? true
                : fail_at(in, E_SHAPE, at, "`%s` has shape %s, but the value has %s", stmt->text,
                          shape_print(a, sizeof a, in->o.symbols, &target->shape),
                          shape_print(b, sizeof b, in->o.symbols, &n->shape));
}

static bool assign_now(struct interp *in, struct variable *target, struct node *n) {
    struct node *assign = build_2(&in->build, OP_assign, target->node, n);
    if (!assign)
        return interp_fail(in, NULL);
    root_push(in, V_TENSOR(assign));
    if (in->failed)
        return fail_silently(in);
    struct request r = {.kind = REQUEST_EVAL,
                        .effects = &assign,
                        .n_effects = 1,
                        .words = "<-",
                        .origin = in->build.origin};
    return in->o.host.run(in->o.host.context, &r) ? true : interp_fail(in, NULL);
}

bool eval_update(struct interp *in, struct scope *s, const struct ast *stmt) {
    struct node *n = NULL;
    struct variable *target = updated_variable(in, s, stmt);
    if (!target || trace_refuses_update(in, stmt->span))
        return false;
    if (in->body && in->body->instance && !check_own(in, target, stmt))
        return false;
    if (!update_value(in, s, stmt, target, &n))
        return false;
    if (!in->body)
        return assign_now(in, target, n);
    struct update u = {target, stmt->text, n, stmt->span};
    array_push(NULL, &in->body->updates, u);
    root_push(in, V_TENSOR(n));
    if (in->body->step) /* in an optimizer the lines below go on with the new value */
        scope_set(&in->heap, s, stmt->text, V_TENSOR(n));
    return true;
}

bool build_assigns(struct interp *in, const struct body *b, struct node *when,
                   struct node_collection *assigns) {
    for (int i = 0; i < b->updates.n; i++) {
        const struct update *u = &b->updates.at[i];
        bool last = true;
        for (int k = i + 1; k < b->updates.n; k++)
            last &= b->updates.at[k].variable != u->variable;
        if (!last)
            continue;
        in->build.origin = interp_origin(in, u->at);
        struct node *choice[] = {when, u->value, u->variable->node};
        struct node *value =
            when ? build_op(&in->build, OP_where, choice, 3, NULL, NULL, NULL) : u->value;
        struct node *assign = build_2(&in->build, OP_assign, u->variable->node, value);
        if (!assign)
            return interp_fail(in, NULL);
        root_push(in, V_TENSOR(assign));
        array_push(assigns->arena, &assigns->list, assign);
    }
    return true;
}

/* ---- layers */

static bool is_kept(const struct interp *in, struct layer_update u) {
    for (int i = in->layer_updates.n - 1; i >= 0; i--)
        if (in->layer_updates.at[i].output == u.output &&
            in->layer_updates.at[i].assign == u.assign)
            return true;
    return false;
}

static void keep_beside(struct interp *in, struct node *assign, struct value output) {
    if (output.kind == VALUE_TENSOR) {
        struct layer_update u = {output.node, assign};
        if (!is_kept(in, u))
            array_push(NULL, &in->layer_updates, u);
    }
    for (int i = 0; output.kind == VALUE_LIST && i < output.list->n; i++)
        keep_beside(in, assign, output.list->at[i]);
    for (int i = 0; output.kind == VALUE_RECORD && i < output.record->n; i++)
        keep_beside(in, assign, output.record->at[i]);
}

bool keep_layer_updates(struct interp *in, const struct body *b, struct value output) {
    struct arena scratch = {0};
    struct node_collection assigns = {.arena = &scratch};
    bool ok = build_assigns(in, b, NULL, &assigns);
    for (int i = 0; ok && i < assigns.list.n; i++)
        keep_beside(in, assigns.list.at[i], output);
    arena_free(&scratch);
    return ok;
}

bool gather_layer_updates(struct interp *in, struct variable *const *trained, int n_trained,
                          struct span at, struct node_collection *assigns) {
    uint32_t visit = in->o.graph->visit;
    for (int i = 0; i < in->layer_updates.n; i++) {
        const struct layer_update *u = &in->layer_updates.at[i];
        if (u->output->visit != visit)
            continue;
        struct variable *v = u->assign->in[0]->variable;
        for (int k = 0; k < n_trained; k++)
            if (trained[k] == v) {
                struct diag *d = diag_error(in->o.diags, E_MISPLACED, at,
                                            "the layer updates `%s` itself, so it cannot be "
                                            "trained too",
                                            v->path);
                diag_note(d, u->assign->origin->span, "it is updated here");
                diag_help(d, "declare it with trainable=false");
                return interp_fail(in, d);
            }
        int known = 0;
        while (known < assigns->list.n && assigns->list.at[known]->in[0] != u->assign->in[0])
            known++;
        if (known < assigns->list.n)
            assigns->list.at[known] = u->assign;
        else
            array_push(assigns->arena, &assigns->list, u->assign);
    }
    return true;
}

/* An update lives as long as the output of its application, which may be an input of another. */
void mark_layer_updates(struct interp *in) {
    bool more = true;
    while (more) {
        more = false;
        for (int i = 0; i < in->layer_updates.n; i++) {
            struct layer_update *u = &in->layer_updates.at[i];
            if (!u->output->reachable || u->assign->reachable)
                continue;
            graph_mark(in->o.graph, u->assign);
            more = true;
        }
    }
    int kept = 0;
    for (int i = 0; i < in->layer_updates.n; i++)
        if (in->layer_updates.at[i].output->reachable)
            in->layer_updates.at[kept++] = in->layer_updates.at[i];
    in->layer_updates.n = kept;
}
