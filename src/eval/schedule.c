/* Settings of an optimizer or a transform that are functions of the step. Such a function is called
 * once, when the training step is built, with the number of steps done so far as a tensor: a state
 * of the training step that each run moves on, so the first is 0. What it gives is part of the
 * graph. A setting whose default is itself a function is left as it is.
 *
 * Not for: the schedules themselves (stdlib/schedules.nn). */
#include "eval/interp.h"

/* Whether the definition's own default for a setting is a function. */
static bool takes_function(struct interp *in, const struct instance *i, const struct ast *param) {
    struct value v;
    return param->kids[1] && eval_expr(in, i->settings, param->kids[1], &v) && is_callable(v);
}

static void make_counter(struct interp *in, struct schedules *c, struct span call) {
    static const char name[] = "steps";
    struct shape scalar = shape_scalar();
    in->build.origin = interp_origin(in, call);
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/%s", c->step->path, name);
    struct node *zero = build_scalar(&in->build, DTYPE_I64, 0);
    root_push(in, V_TENSOR(zero));
    c->counter = declare_variable(in, path_claim(in, intern(in, path)), call, DTYPE_I64, &scalar,
                                  zero, false);
    c->counter->state = true;
    c->steps = build_cast(&in->build, c->counter->node, DTYPE_F32);
    root_push(in, V_TENSOR(c->steps));
}

void schedule_count(struct interp *in, struct schedules *c) {
    if (!c->counter)
        return;
    in->build.origin = c->steps->origin;
    struct node *one = c->when ? build_cast(&in->build, c->when, DTYPE_I64)
                               : build_scalar(&in->build, DTYPE_I64, 1);
    struct node *assign = build_2(&in->build, OP_assign, c->counter->node,
                                  build_2(&in->build, OP_add, c->counter->node, one));
    root_push(in, V_TENSOR(assign));
    array_push(c->assigns->arena, &c->assigns->list, assign);
}

/* The value of one setting at the step. */
static bool call_schedule(struct interp *in, struct value f, const char *name, struct node *steps,
                          struct span call, const struct ast *site, struct value *out) {
    struct args a = {.n = 1, .call = call, .site = site, .word = "the schedule"};
    struct node *outer = in->schedule_step, *n;
    a.at[0] = (struct arg){V_TENSOR(steps), call};
    in->schedule_step = steps;
    bool ok = call_value(in, f, &a, out);
    in->schedule_step = outer;
    if (!ok || !to_node(in, *out, call, (int)DTYPE_F32, &n))
        return false;
    char text[SHAPE_TEXT];
    if (n->shape.rank || !dtype_is_float(n->dtype))
        return fail_at(in, E_WRONG_KIND, call,
                       "a schedule gives a number for each step, but that of `%s` gives %s%s", name,
                       dtype_name(n->dtype),
                       n->shape.rank ? shape_print(text, sizeof text, in->o.symbols, &n->shape)
                                     : "");
    *out = V_TENSOR(n);
    return true;
}

bool schedule_settings(struct interp *in, struct schedules *c, struct instance *i, struct span call,
                       struct scope **out) {
    const struct ast *params = i->definition->tree->kids[0];
    *out = i->settings;
    for (int k = 0; k < params->n_kids; k++) {
        const char *name = params->kids[k]->text;
        struct value v = *scope_find_own(i->settings, name), at_step;
        if (!is_callable(v) || takes_function(in, i, params->kids[k]))
            continue;
        if (!c->counter)
            make_counter(in, c, call);
        if (!call_schedule(in, v, name, c->steps, call, params->kids[k], &at_step))
            return false;
        if (*out == i->settings) {
            *out = scope_new(&in->heap, i->settings);
            root_push(in, V_OBJECT(VALUE_LIST, *out));
        }
        scope_set(&in->heap, *out, name, at_step);
    }
    return true;
}

void schedule_cast(struct interp *in, const struct scope *scheduled, struct scope *s,
                   enum dtype to) {
    for (int i = 0; i < scheduled->cap; i++)
        if (scheduled->name[i] && scheduled->at[i].kind == VALUE_TENSOR &&
            scheduled->at[i].node->dtype != to) {
            struct node *n = build_cast(&in->build, scheduled->at[i].node, to);
            scope_set(&in->heap, s, scheduled->name[i], V_TENSOR(n));
        }
}

bool schedule_allows(struct interp *in, const struct request *r) {
    struct arena scratch = {0};
    if (!in->schedule_step)
        return true;
    graph_order(in->o.graph, &scratch, r->fetch, r->n_fetch, NULL, NULL);
    arena_free(&scratch);
    if (in->schedule_step->visit != in->o.graph->visit)
        return true;
    struct diag *d = diag_error(in->o.diags, E_MISPLACED, r->origin->span,
                                "a schedule is called once, to become part of the graph: what the "
                                "step is, is not known in it");
    diag_help(d, "choose in the graph: where(step < 1000, 0.1, 0.01)");
    return interp_fail(in, d);
}
