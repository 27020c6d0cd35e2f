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
#include "session/stages.h"

static bool instantiate(struct session *s, const struct request *r, struct arena *arena,
                        struct program *p) {
    struct demand d = demand_of(r, arena);
    return opt_instantiate(p, arena, &d, &s->build, interp_training_node(s->interp),
                           &s->checked->diags, r->origin);
}

/* First values: their expressions are instantiated, after those of the variables in them. A
 * variable whose value is under way counts as having one; who is made from itself is found by the
 * run. */
static bool check_initial(struct session *s, const struct request *r) {
    struct arena scratch = {0};
    struct variable_list needed = initial_find(s, r, &scratch);
    bool ok = true;
    for (int i = 0; i < needed.n && ok; i++) {
        struct variable *v = needed.at[i];
        if (v->initialised)
            continue;
        struct program p;
        struct request first = initial_request(s, v, NULL);
        v->initialised = true;
        int64_t dim[MAX_RANK];
        for (int k = 0; k < v->shape.rank; k++)
            dim[k] = v->shape.d[k].k;
        v->value = v->value ? v->value : tensor_new_phantom(v->dtype, v->shape.rank, dim);
        ok = check_initial(s, &first) && instantiate(s, &first, &scratch, &p);
    }
    arena_free(&scratch);
    return ok;
}

/* Numbers alone, and what is done to each of them by itself. */
static bool is_host_arithmetic(const struct program *p, struct arena *scratch) {
    enum { MOST_NODES = 16 };
    struct graph *g = (struct graph *)&p->graph;
    struct node_list order = graph_order(g, scratch, p->roots, p->n_roots, NULL, NULL);
    bool all = order.n <= MOST_NODES;
    for (int i = 0; i < order.n && all; i++) {
        const struct node *n = order.at[i];
        bool number = n->op->id == OP_constant && !n->value->phantom;
        all = n->shape.rank == 0 && (number || n->op->trait == OP_ELEMENTWISE);
    }
    return all;
}

static struct tensor *phantom_of(const struct node *n) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++)
        dim[i] = n->shape.d[i].k;
    return tensor_new_phantom(n->dtype, n->shape.rank, dim);
}

static bool report_memory(struct session *s, const struct request *r) {
    diag_error(&s->checked->diags, E_MEMORY, r->origin ? r->origin->span : (struct span){0},
               "there is not enough memory for the value of `%s`", r->words);
    return false;
}

/* struct host's `run` of a dry session. */
static bool check_run(void *context, struct request *r) {
    struct session *s = context;
    struct arena scratch = {0};
    struct program p;
    bool ok = check_initial(s, r) && instantiate(s, r, &scratch, &p);
    if (ok && r->kind == REQUEST_EVAL && !r->n_effects && is_host_arithmetic(&p, &scratch)) {
        arena_free(&scratch);
        s->sources = s->checked->sources; /* as they are now: its own list is empty */
        return demand_run(s, r);
    }
    s->n_dry_demands++;
    s->trains = s->trains || r->kind == REQUEST_TRAIN;
    for (int i = 0; ok && i < r->n_fetch; i++) {
        r->result[i] = phantom_of(p.roots[i]);
        ok = r->result[i] || report_memory(s, r);
    }
    arena_free(&scratch);
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
                                     check_read_unit};
    int n_errors = s->diags.n_errors, n_warnings = s->diags.n_warnings;
    char *text = NULL;
    size_t n_text;
    bool shown = s->options.dump && s->options.dump->when == STAGE_CHECK;
    FILE *settled = shown ? open_memstream(&text, &n_text) : NULL;
    struct session *dry = session_new_dry(s, &host, settled);
    interp_run(dry->interp, unit);
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
