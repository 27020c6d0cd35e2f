/* Running demands. In: a request of the evaluator. Out: fetched values, effects done. The first
 * time a demand comes, its part of the graph is instantiated for the fed shapes, optimised and
 * planned; the plan is kept (cache.h), so that a warm run is a lookup and a run. First values of
 * variables are drawn by runs of their own, which are not kept.
 *
 * With --dump each new plan shows its stage, and is run once: later demands are given the first
 * results. */
#include "session/demand.h"

#include <string.h>

#include "base/os.h"
#include "grad/grad.h"
#include "opt/opt.h"
#include "session/chunks.h"
#include "session/profile.h"
#include "session/stages.h"

/* A script whose loop waits for a result that never changes would not end under --dump. */
enum { MAX_GIVEN_BACK = 1000000 };

static bool was_interrupted(struct session *s) {
    if (*s->options.interrupted)
        s->was_interrupted = true;
    return s->was_interrupted;
}

static void watch_pass(void *context, struct program *p, const struct opt_pass *pass) {
    struct stage_view *v = context;
    (void)p;
    if (v->s->options.dump_pass && !strcmp(pass->name, v->s->options.dump_pass))
        stages_show(STAGE_PASSES, v);
}

static bool is_fusion(const struct opt_pass *pass) { return !strcmp(pass->name, "fuse"); }

static void run_passes_but_fusion(struct program *p) {
    for (int i = 0; i < n_opt_passes; i++)
        if (!is_fusion(&opt_passes[i]))
            opt_run_pass(p, &opt_passes[i]);
}

struct demand demand_of(const struct request *r, struct arena *arena) {
    struct demand d = {
        .n_roots = r->n_fetch + r->n_effects,
        .n_fetch = r->n_fetch,
        .fed = r->fed,
        .value = r->value,
        .n_fed = r->n_fed,
        .training = r->training,
    };
    d.roots = arena_array(arena, struct node *, d.n_roots);
    for (int i = 0; i < r->n_fetch; i++)
        d.roots[i] = r->fetch[i];
    for (int i = 0; i < r->n_effects; i++)
        d.roots[r->n_fetch + i] = r->effects[i];
    return d;
}

static struct compiled *compile(struct session *s, const struct request *r, bool each_op_alone) {
    struct compiled *c = compiled_new();
    struct demand d = demand_of(r, &c->arena);
    struct stage_view view = {.s = s, .r = r, .c = c};
    bool shown = r->kind != REQUEST_INITIAL && !s->is_replaying;
    if (shown)
        stages_show(STAGE_GRAPH, &view);
    if (!opt_instantiate(&c->program, &c->arena, &d, &s->build, interp_training_node(s->interp),
                         &s->diags, r->origin)) {
        compiled_free(c);
        return NULL;
    }
    view.n_before = stages_count_nodes(&c->program);
    c->program.exact = s->options.exact;
    c->program.lists_rewrites = stages_is_rewrites(s->options.dump);
    if (each_op_alone)
        run_passes_but_fusion(&c->program);
    else
        opt_run(&c->program, shown ? watch_pass : NULL, &view);
    if (shown && !s->options.dump_pass)
        stages_show(STAGE_PASSES, &view);
    c->plan = plan_make(&c->program, kernel_best_isa());
    if (!c->plan) {
        failure_report_memory(s, c, r);
        compiled_free(c);
        return NULL;
    }
    bool is_evaluation = r->kind == REQUEST_EVAL || r->kind == REQUEST_DEAL;
    if (is_evaluation && !s->is_replaying && !s->is_part &&
        chunks_plan_bytes(c->plan) > chunks_budget_bytes(s, c->plan))
        c->split = chunks_find(s, c, r, &view.remark);
    if (shown)
        stages_show(STAGE_PLAN, &view);
    if (s->options.memory_bytes && !c->split && !s->is_replaying &&
        c->plan->slab_bytes > s->options.memory_bytes) {
        failure_report_memory(s, c, r);
        compiled_free(c);
        return NULL;
    }
    return c;
}

struct compiled *demand_compile(struct session *s, const struct request *r, bool each_op_alone) {
    double start = profile_plan_begins(s->profile);
    struct compiled *c = compile(s, r, each_op_alone);
    profile_plan_ends(s->profile, r, c, start);
    return c;
}

static bool start_executor(struct session *s, const struct request *r) {
    if (s->executor)
        return true;
    int n = s->options.n_threads > 0 ? s->options.n_threads : os_n_cpus();
    s->executor = exec_new(n);
    if (!s->executor && n > 1)
        s->executor = exec_new(1);
    if (!s->executor)
        diag_error(&s->diags, E_MEMORY, r->origin ? r->origin->span : (struct span){0},
                   "there is not enough memory to run anything");
    return s->executor != NULL;
}

static enum draw_domain domain_of(const struct request *r) {
    return r->kind == REQUEST_INITIAL ? DRAW_INITIAL
           : r->kind == REQUEST_TRAIN ? DRAW_TRAINING
           : r->kind == REQUEST_DEAL  ? DRAW_DEALT
                                      : DRAW_EVALUATION;
}

static int64_t count_elements(const struct kernel_arg *a) {
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

/* Of an evaluation in chunks: where the rows' draws begin. The count moves on with the last. */
static bool set_rows(const struct session *s, struct compiled *c) {
    const struct chunk *chunk = s->chunk;
    for (int i = 0; chunk && i < c->plan->n_draws; i++) {
        struct kernel_call *call = &c->plan->draws[i]->call;
        for (int k = 0; k < chunk->split->n_draws; k++)
            if (chunk->split->draws[k] == call->draw.path)
                call->draw.first = chunk->first * (count_elements(&call->out[0]) / chunk->n);
    }
    return !chunk || chunk->first + chunk->n == chunk->split->n_rows;
}

bool demand_execute(struct session *s, struct compiled *c, struct request *r, struct run *run) {
    if (!start_executor(s, r))
        return false;
    run->fed = r->value;
    run->fetched = r->result;
    run->interrupted = s->options.interrupted;
    draws_set(&s->draws, c->plan, interp_seed(s->interp), domain_of(r), r->step);
    bool last = set_rows(s, c);
    profile_run_begins(s->profile, c, run);
    bool done = exec_run(s->executor, c->plan, run);
    profile_run_ends(s->profile, c);
    if (!done) {
        s->was_interrupted = s->was_interrupted || run->was_interrupted;
        return false;
    }
    if (r->kind == REQUEST_EVAL && last)
        draws_advance(&s->draws, c->plan);
    return true;
}

static bool execute(struct session *s, struct compiled *c, struct request *r) {
    struct run run = {.check_numerics = s->options.check_numerics};
    if (demand_execute(s, c, r, &run))
        return true;
    failure_report(s, c, r, &run);
    return false;
}

/* --dump: the first run, shown and remembered. */
static bool execute_and_show(struct session *s, struct compiled *c, struct request *r) {
    struct run run = {.check_numerics = s->options.check_numerics};
    if (s->options.dump->when == STAGE_RUN)
        run.trace = arena_array(&c->arena, struct step_trace, c->plan->n_traces);
    if (!demand_execute(s, c, r, &run)) {
        failure_report(s, c, r, &run);
        return false;
    }
    stages_show(STAGE_RUN, &(struct stage_view){.s = s, .r = r, .c = c, .run = &run});
    c->given = arena_array(&c->arena, struct tensor *, r->n_fetch);
    for (int i = 0; i < r->n_fetch; i++)
        c->given[c->n_given++] = tensor_ref(r->result[i]);
    s->n_given_back = 0;
    return true;
}

static bool give_back(struct session *s, const struct compiled *c, struct request *r) {
    if (++s->n_given_back > MAX_GIVEN_BACK) {
        s->dump_ended = true;
        return false;
    }
    for (int i = 0; i < c->n_given; i++)
        r->result[i] = tensor_ref(c->given[i]);
    return true;
}

/* First values: made, run, forgotten. */
static bool run_once(struct session *s, struct request *r) {
    struct compiled *c = demand_compile(s, r, s->options.check_numerics);
    bool ok = c && execute(s, c, r);
    if (c)
        compiled_free(c);
    return ok;
}

static struct compiled *compile_and_keep(struct session *s, const struct request *r) {
    struct arena scratch = {0};
    struct variable_list variables = initial_find(s, r, &scratch);
    struct compiled *c = NULL;
    if (initial_draw(s, variables))
        c = demand_compile(s, r, s->options.check_numerics);
    if (c) {
        c->n_variables = variables.n;
        c->variables = arena_array(&c->arena, struct variable *, variables.n);
        if (variables.n)
            memcpy(c->variables, variables.at, (size_t)variables.n * sizeof *variables.at);
        cache_add(&s->cache, r, c);
    }
    arena_free(&scratch);
    return c;
}

/* The plan of a demand, found or made, for variables that have values. */
static struct compiled *find_or_compile(struct session *s, struct request *r) {
    struct compiled *c = cache_find(&s->cache, r);
    if (!c)
        return compile_and_keep(s, r);
    bool ready =
        c->given || initial_draw(s, (struct variable_list){c->variables, c->n_variables});
    return ready ? c : NULL;
}

static bool run_compiled(struct session *s, struct compiled *c, struct request *r) {
    if (c->split)
        return chunks_run(s, c->split, r);
    if (!s->options.dump)
        return execute(s, c, r);
    return c->given ? give_back(s, c, r) : execute_and_show(s, c, r);
}

bool demand_run_whole(struct session *s, struct request *r) {
    bool was_part = s->is_part;
    s->is_part = true;
    struct compiled *c = find_or_compile(s, r);
    s->is_part = was_part;
    return c && run_compiled(s, c, r);
}

bool demand_run(void *context, struct request *r) {
    struct session *s = context;
    session_flush(s);
    if (was_interrupted(s) || s->dump_ended)
        return false;
    if (r->kind == REQUEST_INITIAL)
        return run_once(s, r);
    struct compiled *c = find_or_compile(s, r);
    return c && run_compiled(s, c, r);
}

void demand_gradients(void *context, struct node *loss, struct node **wrt, int n,
                      struct node **out) {
    struct session *s = context;
    grad_build(&s->build, loss, wrt, n, out);
}

const struct node *demand_gradient_cut(void *context, struct node *loss, struct node *wrt) {
    struct session *s = context;
    struct arena scratch = {0};
    const struct node *cut = grad_find_cut(&s->graph, &scratch, loss, wrt);
    arena_free(&scratch);
    return cut;
}

void demand_forget_node(void *context, struct node *n) {
    struct session *s = context;
    cache_forget(&s->cache, n);
}
