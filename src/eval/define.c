/* What definitions give. A layer definition with its settings is an instance; the variables that its body declares belong to it, are made at the first
 * application and found again by all later ones. An optimizer definition is applied once to each variable by minimize: its body says
 * what happens to a variable w with gradient g, and what it assigns becomes the step's effects. */
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

struct variable *body_find_variable(struct interp *in, const char *name) {
    if (!in->body || !in->body->instance)
        return NULL;
    const struct value *v = scope_find_own(in->body->instance->variables, name);
    return v ? v->node->variable : NULL;
}

/* Within a body the same call site is met again at each application: it stands for the same instance. */
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

bool make_instance(struct interp *in, struct definition *d, struct args *a, struct value *out) {
    struct body *b = in->body && in->body->instance ? in->body : NULL;
    int occurrence = 0;
    if (b) {
        struct instance *known = find_child(b, a->site, &occurrence);
        array_push(&in->arena, &b->sites, a->site);
        if (known) {
            *out = V_OBJECT(VALUE_INSTANCE, known);
            return true;
        }
    }
    struct instance *i = heap_new(&in->heap, VALUE_INSTANCE, sizeof *i);
    i->definition = d;
    *out = V_OBJECT(VALUE_INSTANCE, i);
    root_push(in, *out);
    i->settings = scope_new(&in->heap, d->scope);
    i->variables = scope_new(&in->heap, NULL);
    bool library = in->in_library;
    in->in_library = d->library; /* defaults are the definition's own text */
    bool ok = bind_params(in, d->tree->kids[0], i->settings, a, d->tree->text);
    in->in_library = library;
    if (!ok)
        return false;
    i->path = path_claim(in, path_join(in, d->tree->text));
    i->provisional = true;
    if (b)
        add_child(b->instance, (struct child){a->site, occurrence, i});
    return true;
}

static bool bind_dim(struct interp *in, struct scope *s, const struct ast *e, struct dim have,
                     struct span at, const struct ast *param) {
    if (e->kind == AST_DIM_ANY)
        return true;
    struct value v;
    struct dim want;
    const struct value *known = e->kind == AST_NAME ? scope_find(s, e->text) : NULL;
    if (e->kind == AST_NAME && (!known || (known->kind != VALUE_INT && known->kind != VALUE_DIM))) {
        scope_set(&in->heap, s, e->text, dim_value(have));
        return true;
    }
    if (known)
        v = *known;
    else if (!eval_expr(in, s, e, &v))
        return false;
    if (!to_dim(in, v, e->span, &want))
        return false;
    if (dim_compare(in->o.symbols, want, have) != DIM_DIFFER)
        return true;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    struct diag *d = diag_error(in->o.diags, E_SHAPE, at, "`%s` must have %s here, but has %s",
                                param->text, dim_print(a, sizeof a, in->o.symbols, want),
                                dim_print(b, sizeof b, in->o.symbols, have));
    diag_note(d, e->span, "the signature says so");
    return interp_fail(in, d);
}

/* `x: float[..., n]`: the value must fit, and the names in it are bound to its sizes. */
static bool bind_input_type(struct interp *in, struct scope *s, const struct ast *param,
                            struct value *v, struct span at) {
    const struct ast *type = param->kids[0];
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
    bool any_float = t == DTYPE_F32 && dtype_is_float(n->dtype);
    if (n->dtype != t && !any_float)
        return fail_at(in, E_DTYPE, at, "`%s` must be %s, but is %s", param->text, dtype_name(t),
                       dtype_name(n->dtype));
    if (!type->i)
        return true;
    int rest = -1, fixed = 0;
    for (int i = 0; i < type->n_kids; i++)
        if (type->kids[i]->kind == AST_DIM_REST)
            rest = i;
        else
            fixed++;
    if (rest < 0 ? n->shape.rank != fixed : n->shape.rank < fixed) {
        char text[SHAPE_TEXT];
        struct diag *d = diag_error(
            in->o.diags, E_SHAPE, at, "`%s` must have %s%d ax%s, but has %d", param->text,
            rest < 0 ? "" : "at least ", fixed, fixed == 1 ? "is" : "es", n->shape.rank);
        diag_label(d, at, "%s%s", dtype_name(n->dtype),
                   n->shape.rank ? shape_print(text, sizeof text, in->o.symbols, &n->shape)
                                 : ", a scalar");
        return interp_fail(in, d);
    }
    for (int i = 0; i < type->n_kids; i++) {
        if (i == rest)
            continue;
        int axis = rest >= 0 && i > rest ? n->shape.rank - (type->n_kids - i) : i;
        if (!bind_dim(in, s, type->kids[i], n->shape.d[axis], at, param))
            return false;
    }
    return true;
}

static bool check_result(struct interp *in, struct scope *s, const struct ast *type,
                         struct value *v, struct span at) {
    if (!type)
        return true;
    struct ast result = {.kind = AST_PARAM,
                         .text = "the result",
                         .n_kids = 2,
                         .kids = (struct ast *[]){(struct ast *)type, NULL},
                         .span = at};
    return bind_input_type(in, s, &result, v, at);
}

static bool run_body(struct interp *in, struct body *b, struct definition *d, struct scope *s,
                     const char *prefix, struct span call, struct value *out) {
    __typeof__(in->prefix) outer_prefix = in->prefix;
    const struct origin *caller = in->caller;
    bool library = in->in_library;
    const struct ast *body = d->tree->kids[d->tree->n_kids - 1];
    memset(&in->prefix, 0, sizeof in->prefix);
    prefix_push(in, prefix);
    if (b->target)
        prefix_push(in, b->target->path);
    in->caller = interp_origin(in, call);
    in->in_library = d->library;
    b->outer = in->body;
    in->body = b;
    bool ok = eval_block(in, s, body, out);
    if (!ok && in->flow == FLOW_RETURN) {
        *out = in->returned;
        in->flow = FLOW_NONE;
        ok = true;
    } else if (!ok && in->flow != FLOW_ERROR) {
        ok = fail_at(in, E_MISPLACED, body->span, "`%s` outside of a loop",
                     in->flow == FLOW_BREAK ? "break" : "continue");
    }
    in->body = b->outer;
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
    char here;
    if (in->stack_limit && &here < in->stack_limit)
        return fail_at(in, E_TOO_MANY_CALLS, a->call, "layers are nested too deeply");
    int n_roots = in->roots.n;
    root_push(in, V_OBJECT(VALUE_INSTANCE, i));
    struct scope *s = scope_new(&in->heap, i->settings);
    root_push(in, V_OBJECT(VALUE_LIST, s));
    bool ok = bind_params(in, inputs, s, a, d->tree->text);
    for (int k = 0; ok && k < inputs->n_kids; k++) {
        struct value v = *scope_find_own(s, inputs->kids[k]->text);
        ok = bind_input_type(in, s, inputs->kids[k], &v, k < a->n ? a->at[k].at : a->call);
        scope_set(&in->heap, s, inputs->kids[k]->text, v);
    }
    i->provisional = false; /* its variables are named from here on */
    struct body b = {.instance = i};
    ok = ok && run_body(in, &b, d, s, i->path, a->call, out);
    if (ok && d->tree->kind == AST_LAYER_DEF)
        ok = check_result(in, s, d->tree->kids[2], out, a->call);
    in->roots.n = n_roots;
    if (ok)
        root_push(in, *out);
    return ok;
}

/* NAME(settings) is an instance. A definition without settings may be applied at once: mse(prediction, target). */
bool call_definition(struct interp *in, struct definition *d, struct args *a, struct value *out) {
    bool direct = d->tree->kids[0]->n_kids == 0 && a->n + a->n_named > 0 &&
                  d->tree->kind != AST_OPTIMIZER_DEF;
    if (!direct)
        return make_instance(in, d, a, out);
    struct args none = {.n = 0, .n_named = 0, .call = a->call, .site = a->site, .word = a->word};
    return make_instance(in, d, &none, out) && apply_instance(in, out->instance, a, out);
}

bool eval_state(struct interp *in, struct scope *s, const struct ast *stmt) {
    struct value v;
    struct node *initial;
    if (!in->body || !in->body->step)
        return fail_at(in, E_MISPLACED, stmt->span, "`state` belongs in the body of an optimizer");
    struct variable *target = in->body->target;
    if (!eval_expr(in, s, stmt->kids[0], &v) ||
        !to_node(in, v, stmt->kids[0]->span, (int)target->dtype, &initial))
        return false;
    if (!shape_is_const(&initial->shape))
        return fail_at(in, E_SHAPE, stmt->kids[0]->span, "a state needs known sizes");
    struct variable *state = declare_variable(in, stmt->text, stmt->name_at, initial->dtype,
                                              &initial->shape, initial, false);
    state->state = true;
    scope_set(&in->heap, s, stmt->text, V_TENSOR(state->node));
    return true;
}

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
    if (v->kind == VALUE_POISON) {
        in->flow = FLOW_ERROR;
        return NULL;
    }
    char text[128];
    describe_value(in, *v, text, sizeof text);
    struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, stmt->name_at,
                                "`<-` assigns to a variable, but `%s` is %s", stmt->text, text);
    if (v->kind != VALUE_TENSOR)
        diag_help(d, "a plain name is set with `=`");
    interp_fail(in, d);
    return NULL;
}

bool eval_update(struct interp *in, struct scope *s, const struct ast *stmt) {
    struct value v;
    struct node *n;
    struct span at = stmt->kids[0]->span;
    struct variable *target = updated_variable(in, s, stmt);
    if (!target)
        return false;
    if (in->body && in->body->instance)
        return unsupported(in, stmt->span, "assigning to a variable inside a layer");
    if (!eval_expr(in, s, stmt->kids[0], &v) || !to_node(in, v, at, (int)target->dtype, &n))
        return false;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    if (n->dtype != target->dtype)
        return fail_at(in, E_DTYPE, at, "`%s` is %s, but the value is %s", stmt->text,
                       dtype_name(target->dtype), dtype_name(n->dtype));
    in->build.origin = interp_origin(in, stmt->span);
    if (n->shape.rank == 0)
        n = build_broadcast(&in->build, n, &target->shape);
    bool fits = n->shape.rank == target->shape.rank;
    for (int i = 0; fits && i < n->shape.rank; i++)
        fits = dim_compare(in->o.symbols, n->shape.d[i], target->shape.d[i]) != DIM_DIFFER;
    if (!fits)
        return fail_at(in, E_SHAPE, at, "`%s` has shape %s, but the value has %s", stmt->text,
                       shape_print(a, sizeof a, in->o.symbols, &target->shape),
                       shape_print(b, sizeof b, in->o.symbols, &n->shape));
    if (in->body && in->body->step) {
        struct update u = {target, stmt->text, n, stmt->span};
        array_push(&in->arena, &in->body->updates, u);
        scope_set(&in->heap, s, stmt->text, V_TENSOR(n));
        return true;
    }
    struct node *assign = build_2(&in->build, OP_assign, target->node, n);
    if (!assign)
        return interp_fail(in, NULL);
    root_push(in, V_TENSOR(assign));
    if (in->failed)
        return in->flow = FLOW_ERROR, false;
    struct request r = {.kind = REQUEST_EVAL,
                        .effects = &assign,
                        .n_effects = 1,
                        .words = "<-",
                        .origin = in->build.origin};
    if (in->o.host.run(in->o.host.context, &r))
        return true;
    return interp_fail(in, NULL);
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

static int given_variables(struct interp *in, struct arena *scratch, const struct named_arg *arg,
                           struct variable ***out) {
    struct value list = arg->value;
    if (list.kind != VALUE_LIST)
        list = (struct value){.kind = VALUE_NONE};
    *out = arena_array(scratch, struct variable *, list.kind == VALUE_LIST ? list.list->n + 1 : 1);
    for (int i = 0; list.kind == VALUE_LIST && i < list.list->n; i++) {
        struct value v = list.list->at[i];
        if (v.kind != VALUE_TENSOR || v.node->op->id != OP_variable)
            list.kind = VALUE_NONE;
        else
            (*out)[i] = v.node->variable;
    }
    if (list.kind == VALUE_LIST)
        return list.list->n;
    fail_at(in, E_WRONG_KIND, arg->at, "`variables` must be a list of variables, such as [W, b]");
    return -1;
}

static bool report_no_gradient(struct interp *in, struct node *loss, struct variable *v,
                               struct span at, bool asked) {
    const struct node *cut = in->o.host.gradient_cut(in->o.host.context, loss, v->node);
    const char *format = cut ? "no gradient reaches the variable `%s`"
                             : "the loss does not depend on the variable `%s`";
    struct diag *d = asked ? diag_error(in->o.diags, E_NO_GRADIENT, at, format, v->path)
                           : diag_warning(in->o.diags, E_NO_GRADIENT, at, format, v->path);
    if (cut && cut->origin)
        diag_note(d, cut->origin->span, "%s cannot be differentiated: it cuts the path",
                  cut->spelling ? cut->spelling : cut->op->name);
    return asked ? interp_fail(in, d) : true;
}

struct node_collection {
    struct arena *arena;
    ARRAY(struct node *) list;
};

static bool update_one(struct interp *in, struct instance *optimizer, struct step_object *step,
                       struct variable *v, struct node *g, struct span call,
                       struct node_collection *assigns) {
    const struct ast *params = optimizer->definition->tree->kids[1];
    struct scope *s = scope_new(&in->heap, optimizer->settings);
    struct value ignored;
    root_push(in, V_OBJECT(VALUE_LIST, s));
    scope_set(&in->heap, s, params->kids[0]->text, V_TENSOR(v->node));
    scope_set(&in->heap, s, params->kids[1]->text, V_TENSOR(g));
    struct body b = {.step = step, .target = v};
    if (!run_body(in, &b, optimizer->definition, s, step->path, call, &ignored))
        return false;
    for (int i = 0; i < b.updates.n; i++) {
        struct update *u = &b.updates.at[i];
        bool last = true;
        for (int k = i + 1; k < b.updates.n; k++)
            last &= b.updates.at[k].variable != u->variable;
        if (!last)
            continue;
        in->build.origin = interp_origin(in, u->at);
        struct node *assign = build_2(&in->build, OP_assign, u->variable->node, u->value);
        if (!assign)
            return interp_fail(in, NULL);
        root_push(in, V_TENSOR(assign));
        array_push(assigns->arena, &assigns->list, assign);
    }
    return true;
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

static struct node *build_check(struct interp *in, struct node *x, const struct origin *origin) {
    in->build.origin = origin;
    struct node *check = build_1(&in->build, OP_check_finite, x);
    if (check)
        root_push(in, V_TENSOR(check));
    return check;
}

bool method_minimize(struct interp *in, const struct value *self, struct args *a,
                     struct value *out) {
    struct node *loss = NULL;
    const struct named_arg *given;
    struct variable **variables;
    struct arena scratch = {0};
    struct instance *optimizer = self->instance;
    const struct ast *tree = optimizer->definition->tree;
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
    int n = given ? given_variables(in, &scratch, given, &variables)
                  : reachable_variables(in, &scratch, loss, &variables);
    bool ok = n > 0;
    if (n == 0)
        fail_at(in, E_NO_GRADIENT, a->call, "the loss depends on no trainable variable");
    struct node **wrt = arena_array(&scratch, struct node *, n + 1),
                **gradient = arena_array(&scratch, struct node *, n + 1);
    for (int i = 0; i < n; i++)
        wrt[i] = variables[i]->node;
    if (ok)
        in->o.host.gradients(in->o.host.context, loss, wrt, n, gradient);
    struct node_collection assigns = {.arena = &scratch};
    struct node_collection checks = {.arena = &scratch};
    const struct origin *here = interp_origin(in, a->call);
    for (int i = 0; ok && i < n; i++)
        if (gradient[i])
            root_push(in, V_TENSOR(gradient[i]));
    if (ok)
        array_push(&scratch, &checks.list, build_check(in, loss, here));
    for (int i = 0; ok && i < n; i++) {
        if (!gradient[i]) {
            ok = report_no_gradient(in, loss, variables[i], given ? given->at : a->call,
                                    given != NULL);
            continue;
        }
        array_push(&scratch, &checks.list, build_check(in, gradient[i], here));
        ok = update_one(in, optimizer, step, variables[i], gradient[i], a->call, &assigns);
        step->n_variables++;
    }
    if (ok) {
        step->n_effects = checks.list.n + assigns.list.n;
        step->effects = malloc((size_t)step->n_effects * sizeof *step->effects);
        if (!step->effects)
            abort();
        memcpy(step->effects, checks.list.at, (size_t)checks.list.n * sizeof *step->effects);
        if (assigns.list.n)
            memcpy(step->effects + checks.list.n, assigns.list.at,
                   (size_t)assigns.list.n * sizeof *step->effects);
    }
    arena_free(&scratch);
    return ok;
}
