/* Checking a script (check.h). The dry session shares the real one's names, texts, op table,
 * messages and parsed library; graph, dimensions and interpreter are its own, and are thrown away.
 *
 * As the dry interpreter's host it gives for each demand what running it would give, without
 * contents: the demanded part of the graph is instantiated for the fed shapes, so that every shape
 * rule is asked with numbers and every feed held against its placeholder. Only arithmetic of
 * single numbers is done, because scripts compute sizes and counts by it. */
#include "session/check.h"

#include <stdlib.h>
#include <string.h>

#include "check/lint.h"
#include "opt/opt.h"
#include "session/demand.h"
#include "session/memory.h"
#include "session/stages.h"

/* The demanded part of the graph with concrete shapes. NULL: reported. */
static struct compiled *instantiate(struct session *s, const struct request *r) {
    struct compiled *c = compiled_new();
    struct demand d = demand_of(r, &c->arena);
    if (opt_instantiate(&c->program, &c->arena, &d, &s->build, interp_training_node(s->interp),
                        &s->checked->diags, r->origin))
        return c;
    compiled_free(c);
    return NULL;
}

static struct tensor *phantom_of(enum dtype t, const struct shape *s) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < s->rank; i++)
        dim[i] = s->d[i].k;
    return tensor_new_phantom(t, s->rank, dim);
}

struct waiting {
    struct arena arena;
    ARRAY(struct variable *) list;
};

static void add_needed(struct session *s, const struct request *r, struct waiting *w) {
    struct variable_list needed = initial_find(s, r, &w->arena);
    for (int i = 0; i < needed.n; i++)
        if (!needed.at[i]->initialised)
            array_push(&w->arena, &w->list, needed.at[i]);
}

/* First values: their expressions are instantiated, and those of the variables in them, in any
 * order, because a variable's shape is known. One that is made from itself is found by the run. */
static bool check_initial(struct session *s, const struct request *r) {
    struct waiting w = {0};
    bool ok = true;
    add_needed(s, r, &w);
    while (w.list.n && ok) {
        struct variable *v = w.list.at[--w.list.n];
        if (v->initialised)
            continue;
        struct request first = initial_request(s, v, NULL);
        v->initialised = true;
        v->value = v->value ? v->value : phantom_of(v->dtype, &v->shape);
        add_needed(s, &first, &w);
        struct compiled *c = instantiate(s, &first);
        ok = c != NULL;
        if (c)
            compiled_free(c);
    }
    arena_free(&w.arena);
    return ok;
}

/* Numbers alone, and what is done to each of them by itself. */
static bool is_host_arithmetic(struct compiled *c) {
    enum { MOST_NODES = 16 };
    struct program *p = &c->program;
    struct node_list order = graph_order(&p->graph, &c->arena, p->roots, p->n_roots, NULL, NULL);
    bool all = order.n <= MOST_NODES;
    for (int i = 0; i < order.n && all; i++) {
        const struct node *n = order.at[i];
        bool number = n->op->id == OP_constant && !n->value->phantom;
        all = n->shape.rank == 0 && (number || n->op->trait == OP_ELEMENTWISE);
    }
    return all;
}

static bool give_phantoms(struct session *s, struct request *r, const struct compiled *c) {
    for (int i = 0; i < r->n_fetch; i++) {
        r->result[i] = phantom_of(c->program.roots[i]->dtype, &c->program.roots[i]->shape);
        if (r->result[i])
            continue;
        while (i > 0)
            tensor_unref(r->result[--i]);
        diag_error(&s->checked->diags, E_MEMORY, r->origin ? r->origin->span : (struct span){0},
                   "there is not enough memory for the value of `%s`", r->words);
        return false;
    }
    return true;
}

/* struct host's `run` of a dry session. */
static bool check_run(void *context, struct request *r) {
    struct session *s = context;
    struct compiled *c = check_initial(s, r) ? instantiate(s, r) : NULL;
    bool arithmetic = c && r->kind == REQUEST_EVAL && !r->n_effects && is_host_arithmetic(c);
    bool ok = c && (arithmetic || give_phantoms(s, r, c));
    if (c)
        compiled_free(c);
    if (arithmetic) {
        s->sources = s->checked->sources; /* as they are now: its own list is empty */
        return demand_run(s, r);
    }
    if (ok && s->memory)
        memory_note(s, r);
    s->n_dry_demands++;
    s->trains = s->trains || r->kind == REQUEST_TRAIN;
    return ok;
}

static bool check_find_unit(void *context, const char *path, struct span at,
                            struct unit_source *out) {
    return session_find_unit(((struct session *)context)->checked, path, at, out);
}

static bool check_read_unit(void *context, struct span at, struct unit_source *u) {
    return session_read_unit(((struct session *)context)->checked, at, u);
}

/* They were printed, and are the dry interpreter's. */
static void forget_trails(struct diags *found) {
    for (int i = 0; i < found->list.n; i++)
        found->list.at[i]->trail = NULL;
}

static bool knows_name(void *context, const char *name) {
    return interp_knows(((struct session *)context)->interp, name);
}

static const char *nearest(void *context, const char *name) {
    return interp_nearest(((struct session *)context)->interp, name);
}

/* Only of a script that trains, and whose demands were all seen, is it known what needs them. */
static int list_variables(struct session *dry, struct variable ***out) {
    int n = dry->trains && !interp_overlooked(dry->interp) ? interp_n_variables(dry->interp) : 0;
    *out = arena_array(&dry->arena, struct variable *, n + 1);
    for (int i = 0; i < n; i++)
        (*out)[i] = interp_variable(dry->interp, i);
    return n;
}

static void lint(struct session *s, struct session *dry, const struct unit_source *unit,
                 bool failed) {
    struct lint l = {
        .tree = unit->tree,
        .graph = &dry->graph,
        .symbols = &dry->symbols,
        .sources = &s->sources,
        .diags = &s->diags,
        .is_known = knows_name,
        .nearest = nearest,
        .context = dry,
        .failed = failed,
    };
    l.n_variables = list_variables(dry, &l.variables);
    lint_run(&l);
}

bool check_script(struct session *s, const struct unit_source *unit) {
    static const struct host host = {NULL,
                                     check_run,
                                     demand_gradients,
                                     demand_gradient_cut,
                                     demand_forget_node,
                                     check_find_unit,
                                     check_read_unit,
                                     NULL};
    int n_errors = s->diags.n_errors, n_warnings = s->diags.n_warnings;
    char *text = NULL;
    size_t n_text;
    bool shown = s->options.dump && s->options.dump->when == STAGE_CHECK;
    FILE *settled = shown ? open_memstream(&text, &n_text) : NULL;
    struct session *dry = session_new_dry(s, &host, settled);
    struct memory_report memory = {.training = {0}};
    dry->memory = s->options.show_memory ? &memory : NULL;
    interp_run(dry->interp, unit);
    if (dry->memory && s->options.err && s->diags.n_errors == n_errors)
        memory_print(dry, &s->sources, s->options.err);
    if (settled) {
        fclose(settled);
        stages_show(STAGE_CHECK, &(struct stage_view){.s = s, .settled = text});
        free(text);
    }
    if (!interp_ended_early(dry->interp))
        lint(s, dry, unit, s->diags.n_errors > n_errors);
    if (s->options.only_check && s->diags.n_errors == n_errors)
        check_gradients(s, dry, unit);
    s->was_interrupted = *s->options.interrupted;
    s->refused_warnings = s->options.strict && s->diags.n_warnings > n_warnings;
    bool ok = s->diags.n_errors == n_errors && !s->refused_warnings && !s->was_interrupted;
    session_flush(s);
    forget_trails(&s->diags);
    session_free(dry);
    return ok;
}
