/* First values of variables: each is drawn by a run of its own when a demand first needs it, after
 * the variables that its expression reads. Iterative, because a chain of variables may be as long
 * as a script. */
#include <assert.h>
#include <string.h>

#include "session/demand.h"

static bool is_among(struct node *const *nodes, int n, const struct node *wanted) {
    for (int i = 0; i < n; i++)
        if (nodes[i] == wanted)
            return true;
    return false;
}

static bool is_fed(void *context, const struct node *n) {
    const struct request *r = context;
    return is_among(r->fed, r->n_fed, n);
}

struct variable_list initial_find(struct session *s, const struct request *r, struct arena *arena) {
    ARRAY(struct node *) roots = {0};
    for (int i = 0; i < r->n_fetch; i++)
        array_push(arena, &roots, r->fetch[i]);
    for (int i = 0; i < r->n_effects; i++)
        array_push(arena, &roots, r->effects[i]);
    struct node_list order;
    int n_roots;
    do {
        n_roots = roots.n;
        order = graph_order(&s->graph, arena, roots.at, roots.n, is_fed, (void *)r);
        /* The default of a placeholder is needed when nothing is fed, and is no input of it. */
        for (int i = 0; i < order.n; i++) {
            struct node *n = order.at[i];
            if (n->op->id == OP_placeholder && n->fallback && !is_fed((void *)r, n) &&
                !is_among(roots.at, roots.n, n->fallback))
                array_push(arena, &roots, n->fallback);
        }
    } while (n_roots != roots.n);
    ARRAY(struct variable *) found = {0};
    for (int i = 0; i < order.n; i++)
        if (order.at[i]->op->id == OP_variable && !is_fed((void *)r, order.at[i]))
            array_push(arena, &found, order.at[i]->variable);
    return (struct variable_list){found.at, found.n};
}

/* The value that the expression gave becomes the variable's: copied when plans already know its
 * storage. */
static void store(struct variable *v, struct tensor *drawn) {
    assert(drawn->dtype == v->dtype && drawn->rank == v->shape.rank);
    if (v->value) {
        memcpy(v->value->data, drawn->data, tensor_bytes(drawn));
        tensor_unref(drawn);
    } else {
        v->value = drawn;
    }
    v->initialised = true;
}

struct request initial_request(struct session *s, struct variable *v, struct tensor **result) {
    return (struct request){
        .kind = REQUEST_INITIAL,
        .fetch = &v->initial,
        .n_fetch = 1,
        .step = v->n_draws,
        .words = arena_printf(&s->arena, "the first value of `%s`", v->path),
        .origin = v->node ? v->node->origin : v->initial->origin,
        .result = result,
    };
}

static bool draw(struct session *s, struct variable *v) {
    struct tensor *drawn = NULL;
    struct request r = initial_request(s, v, &drawn);
    if (!demand_run(s, &r))
        return false;
    store(v, drawn);
    return true;
}

static struct variable *first_without_value(struct variable_list list) {
    for (int i = 0; i < list.n; i++)
        if (!list.at[i]->initialised)
            return list.at[i];
    return NULL;
}

static void report_cycle(struct session *s, const struct variable *v) {
    diag_error(&s->diags, E_VALUE, v->declared, "the first value of `%s` is made from itself",
               v->path);
}

/* Draws one; `stack` holds those that wait for the one above. */
static bool draw_after_needs(struct session *s, struct variable *wanted, struct arena *scratch) {
    ARRAY(struct variable *) stack = {0};
    array_push(scratch, &stack, wanted);
    while (stack.n) {
        struct variable *v = stack.at[stack.n - 1];
        struct request r = initial_request(s, v, NULL);
        struct variable *need = first_without_value(initial_find(s, &r, scratch));
        if (!need) {
            if (!draw(s, v))
                return false;
            stack.n--;
            continue;
        }
        for (int i = 0; i < stack.n; i++)
            if (stack.at[i] == need) {
                report_cycle(s, v);
                return false;
            }
        array_push(scratch, &stack, need);
    }
    return true;
}

bool initial_draw(struct session *s, struct variable_list wanted) {
    for (int i = 0; i < wanted.n; i++) {
        if (wanted.at[i]->initialised)
            continue;
        struct arena scratch = {0};
        bool ok = draw_after_needs(s, wanted.at[i], &scratch);
        arena_free(&scratch);
        if (!ok)
            return false;
    }
    return true;
}
