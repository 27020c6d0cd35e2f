/* Training. The body of an optimizer definition says what happens to a variable w with gradient g;
 * minimize evaluates it once for each variable, and what it assigns becomes the effects of the
 * step. Also `state`. */
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

bool eval_state(struct interp *in, struct scope *s, const struct ast *stmt) {
    struct value v;
    struct node *initial;
    if (!in->body || !in->body->step)
        return fail_at(in, E_MISPLACED, stmt->span,
                       in->body ? "`state` is kept by a training step, and this is applied outside "
                                  "of one"
                                : "`state` belongs in the body of an optimizer or a transform");
    const struct variable *target = in->body->target;
    if (!anew_check(in, stmt->name_at))
        return false;
    if (!eval_expr(in, s, stmt->kids[0], &v) ||
        !to_node(in, v, stmt->kids[0]->span, target ? (int)target->dtype : -1, &initial))
        return false;
    if (!shape_is_const(&initial->shape))
        return fail_at(in, E_SHAPE, stmt->kids[0]->span, "a state needs known sizes");
    struct variable *state =
        declare_variable(in, path_claim(in, path_join(in, stmt->text)), stmt->name_at,
                         initial->dtype, &initial->shape, initial, false);
    state->state = true;
    anew_note(in, stmt->name_at, state);
    scope_set(&in->heap, s, stmt->text, V_TENSOR(state->node));
    for (int i = 0; i < in->body->updates.n; i++) /* the name means this one from here on */
        if (in->body->updates.at[i].name == stmt->text)
            in->body->updates.at[i].name = NULL;
    return true;
}

/* The trainable variables that the loss reaches, in the order of their making. */
static int reachable_variables(struct interp *in, struct arena *scratch, struct node *loss,
                               struct variable ***out) {
    graph_order(in->o.graph, scratch, &loss, 1, NULL, NULL);
    uint32_t visit = in->o.graph->visit;
    *out = arena_array(scratch, struct variable *, in->variables.n + 1);
    int n = 0;
    for (int i = 0; i < in->variables.n; i++) {
        struct variable *v = in->variables.at[i];
        if (v->trainable && v->node->visit == visit)
            (*out)[n++] = v;
    }
    return n;
}

/* Those of the list, or of a record such as variables(), that are trainable. */
static int given_variables(struct interp *in, struct arena *scratch, const struct named_arg *arg,
                           struct variable ***out) {
    struct value given = arg->value;
    const struct value *at = given.kind == VALUE_LIST ? given.list->at : NULL;
    int n = given.kind == VALUE_LIST ? given.list->n : 0, n_out = 0;
    if (given.kind == VALUE_RECORD)
        at = given.record->at, n = given.record->n;
    bool fits = at != NULL;
    *out = arena_array(scratch, struct variable *, n + 1);
    for (int i = 0; fits && i < n; i++) {
        bool twice = false;
        fits = at[i].kind == VALUE_TENSOR && at[i].node->op->id == OP_variable;
        for (int k = 0; fits && k < n_out; k++)
            twice |= (*out)[k] == at[i].node->variable;
        if (fits && !twice && at[i].node->variable->trainable)
            (*out)[n_out++] = at[i].node->variable;
    }
    if (fits && (n_out || !n))
        return n_out;
    struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, arg->at,
                                fits ? "none of these variables is trainable"
                                     : "`variables` must be a list of variables, such as [W, b]");
    if (given.kind == VALUE_INSTANCE || given.kind == VALUE_CHAIN)
        diag_help(d, "those of a layer are its .variables");
    interp_fail(in, d);
    return -1;
}

void note_gradient_cut(struct diag *d, const struct node *cut) {
    if (cut && cut->origin)
        diag_note(d, cut->origin->span, "%s cannot be differentiated: it cuts the path",
                  cut->spelling ? cut->spelling : cut->op->name);
}

static bool report_no_gradient(struct interp *in, struct node *loss, struct variable *v,
                               struct span at, bool asked) {
    const struct node *cut = in->o.host.gradient_cut(in->o.host.context, loss, v->node);
    const char *format = cut ? "no gradient reaches the variable `%s`"
                             : "the loss does not depend on the variable `%s`";
    struct diag *d = asked ? diag_error(in->o.diags, E_NO_GRADIENT, at, format, v->path)
                           : diag_warning(in->o.diags, E_NO_GRADIENT, at, format, v->path);
    note_gradient_cut(d, cut);
    return asked ? interp_fail(in, d) : true;
}

static bool update_one(struct interp *in, struct schedules *c, struct instance *optimizer,
                       struct scope *settings, struct variable *v, struct value g,
                       struct span call) {
    const struct ast *params = optimizer->definition->tree->kids[1];
    struct scope *s = scope_new(&in->heap, settings);
    struct value ignored;
    root_push(in, V_OBJECT(VALUE_LIST, s));
    if (settings != optimizer->settings)
        schedule_cast(in, settings, s, v->dtype);
    scope_set(&in->heap, s, params->kids[0]->text, V_TENSOR(v->node));
    scope_set(&in->heap, s, params->kids[1]->text, g);
    struct body b = {.step = c->step, .target = v};
    bool ok = run_body(in, &b, optimizer->definition, s, c->step->path, call, &ignored) &&
              build_assigns(in, &b, c->when, c->assigns);
    free(b.updates.at);
    return ok;
}

static bool minimize_target(struct interp *in, struct args *a, struct node **loss,
                            const struct named_arg **variables) {
    char shape[SHAPE_TEXT];
    *variables = NULL;
    const struct arg *target = a->n ? &a->at[0] : NULL;
    struct arg named;
    for (int i = 0; i < a->n_named; i++) {
        if (!strcmp(a->named[i].name, "variables"))
            *variables = &a->named[i];
        else if (!strcmp(a->named[i].name, "loss") && !target)
            named = (struct arg){a->named[i].value, a->named[i].at}, target = &named;
        else
            return fail_at(in, E_UNKNOWN_ARGUMENT, a->named[i].name_at,
                           "minimize takes no argument `%s`: minimize(loss, variables=[..])",
                           a->named[i].name);
    }
    if (!target || a->n > 1)
        return fail_at(in, E_MISSING_ARGUMENT, a->call,
                       "minimize takes a loss: minimize(loss, variables=[..])");
    if (target->value.kind != VALUE_TENSOR)
        return fail_at(in, E_WRONG_KIND, target->at, "minimize needs a loss, but this is %s",
                       value_kind_words(target->value.kind));
    *loss = target->value.node;
    if ((*loss)->shape.rank == 0 && dtype_is_float((*loss)->dtype))
        return true;
    struct diag *d = diag_error(
        in->o.diags, E_LOSS_SCALAR, target->at, "a loss must be one float, but this is %s%s",
        dtype_name((*loss)->dtype),
        (*loss)->shape.rank ? shape_print(shape, sizeof shape, in->o.symbols, &(*loss)->shape)
                            : "");
    if ((*loss)->shape.rank)
        diag_help(d, "reduce it: mean(...) is the usual choice");
    return interp_fail(in, d);
}

static void keep_effects(struct step_object *step, const struct node_collection *checks,
                         const struct node_collection *assigns) {
    int n_checks = checks->list.n, n_assigns = assigns->list.n;
    step->effects = malloc((size_t)(n_checks + n_assigns) * sizeof *step->effects);
    if (!step->effects)
        abort();
    for (int i = 0; i < n_checks; i++)
        step->effects[i] = checks->list.at[i];
    for (int i = 0; i < n_assigns; i++)
        step->effects[n_checks + i] = assigns->list.at[i];
    step->n_effects = n_checks + n_assigns;
}

static struct node *build_check(struct interp *in, struct node *x, const struct origin *origin) {
    in->build.origin = origin;
    struct node *check = build_1(&in->build, OP_check_finite, x);
    if (check)
        root_push(in, V_TENSOR(check));
    return check;
}

/* What layers that the loss depends on update themselves. */
static bool gather_updates(struct interp *in, struct step_object *step,
                           struct variable *const *variables, int n, struct span call,
                           struct node_collection *assigns) {
    struct arena scratch = {0};
    graph_order(in->o.graph, &scratch, &step->loss, 1, NULL, NULL);
    arena_free(&scratch);
    return gather_layer_updates(in, variables, n, call, assigns);
}

/* Transforms, then each variable's update, in order. gs, ws: gradients and variables. */
static bool build_updates(struct interp *in, const struct optimizer_parts *p, struct schedules *c,
                          struct value gs, struct value ws, struct span call) {
    struct scope *settings;
    bool ok = transform_gradients(in, c, p, &gs, ws, call) &&
              schedule_settings(in, c, p->optimizer, call, &settings);
    for (int i = 0; ok && i < ws.list->n; i++)
        ok = update_one(in, c, p->optimizer, settings, ws.list->at[i].node->variable,
                        gs.list->at[i], call);
    if (ok)
        schedule_count(in, c);
    c->step->n_variables = ws.list->n;
    return ok;
}

/* Gradients, the checks of the loss and of each gradient, and the updates. */
static bool build_step(struct interp *in, const struct optimizer_parts *p, struct step_object *step,
                       struct variable *const *variables, int n, const struct named_arg *given,
                       struct span call) {
    struct arena scratch = {0};
    struct node **wrt = arena_array(&scratch, struct node *, n),
                **gradient = arena_array(&scratch, struct node *, n);
    struct node_collection assigns = {.arena = &scratch}, checks = {.arena = &scratch};
    enum origin_part part = in->part;
    struct value gs = value_list(&in->heap, 0), ws = value_list(&in->heap, 0);
    root_push(in, gs);
    root_push(in, ws);
    for (int i = 0; i < n; i++)
        wrt[i] = variables[i]->node;
    in->o.host.gradients(in->o.host.context, step->loss, wrt, n, gradient);
    for (int i = 0; i < n; i++)
        if (gradient[i])
            root_push(in, V_TENSOR(gradient[i]));
    in->part = ORIGIN_UPDATE;
    const struct origin *here = interp_origin(in, call);
    array_push(&scratch, &checks.list, build_check(in, step->loss, here));
    bool ok = gather_updates(in, step, variables, n, call, &assigns);
    for (int i = 0; ok && i < n; i++) {
        if (!gradient[i]) {
            ok = report_no_gradient(in, step->loss, variables[i], given ? given->at : call,
                                    given != NULL);
            continue;
        }
        array_push(&scratch, &checks.list, build_check(in, gradient[i], here));
        list_append(&in->heap, gs.list, V_TENSOR(gradient[i]));
        list_append(&in->heap, ws.list, V_TENSOR(wrt[i]));
    }
    struct schedules c = {.step = step, .assigns = &assigns};
    if (ok && build_updates(in, p, &c, gs, ws, call))
        keep_effects(step, &checks, &assigns);
    else
        ok = false;
    in->part = part;
    arena_free(&scratch);
    return ok;
}

bool method_minimize(struct interp *in, const struct value *self, struct args *a,
                     struct value *out) {
    struct node *loss = NULL;
    const struct named_arg *given;
    struct variable **variables;
    struct optimizer_parts p;
    if (!optimizer_parts(in, *self, a->call, &p))
        return false;
    const struct ast *tree = p.optimizer->definition->tree;
    if (tree->kids[1]->n_kids != 2)
        return fail_at(in, E_MISPLACED, a->call, "an optimizer's second list must be (w, g)");
    if (!minimize_target(in, a, &loss, &given))
        return false;
    struct step_object *step = heap_new(&in->heap, VALUE_STEP, sizeof *step);
    *out = V_OBJECT(VALUE_STEP, step);
    root_push(in, *out);
    step->loss = loss;
    step->path = path_join(in, "");
    if (!*step->path)
        step->path = tree->text;
    step->provisional = true;
    struct arena scratch = {0};
    int n = given ? given_variables(in, &scratch, given, &variables)
                  : reachable_variables(in, &scratch, loss, &variables);
    bool ok = n > 0;
    if (n == 0)
        fail_at(in, E_NO_GRADIENT, a->call, "the loss depends on no trainable variable");
    ok = ok && build_step(in, &p, step, variables, n, given, a->call);
    arena_free(&scratch);
    return ok;
}
