/* Binds a program to kernels and storage: tasks (tasks.c) in their order (order.c) become steps,
 * each kernel prepares itself, memory.c says where buffers are, and every argument is told where
 * its bytes will be.
 *
 * In: an optimised program with concrete shapes. Out: a plan in the program's arena that needs
 * nothing but a slab and feeds to run. Kernels are prepared before memory is laid out, because they
 * say what they share within a step.
 *
 * Not for: running (exec/), choosing elementwise groups (opt/fuse.c). */
#include "plan/plan.h"

#include <assert.h>
#include <string.h>

#include "plan/tasks.h"

static struct kernel_arg arg_form(const struct node *n) {
    struct kernel_arg a = {.dtype = n->dtype, .rank = n->shape.rank};
    for (int d = 0; d < a.rank; d++)
        a.dim[d] = n->shape.d[d].k;
    a.which = n->op->trait == OP_RESULT ? (int)n->attr[0].i : 0;
    return a;
}

static void fill_args(struct arena *a, const struct task_arg *from, int n, struct kernel_arg **form,
                      struct node ***node, struct storage **storage) {
    *form = arena_array(a, struct kernel_arg, n);
    *node = arena_array(a, struct node *, n);
    *storage = arena_array(a, struct storage, n);
    for (int i = 0; i < n; i++) {
        (*form)[i] = arg_form(from[i].node);
        (*node)[i] = from[i].node;
    }
}

static const struct kernel *find_kernel(const struct task *t, enum isa isa) {
    if (t->program)
        return kernel_elementwise(isa);
    return kernel_find(isa, t->copies ? OP_assign : t->nodes[0]->op->id);
}

static bool make_step(struct step *step, const struct task *t, const struct program *p,
                      enum isa isa, struct arena *a) {
    struct kernel_call *c = &step->call;
    c->n_in = t->n_in, c->n_out = t->n_out;
    fill_args(a, t->in, t->n_in, &c->in, &step->in_node, &step->in);
    fill_args(a, t->out, t->n_out, &c->out, &step->out_node, &step->out);
    if (!t->program && !t->copies)
        c->attr = t->nodes[0]->attr;
    c->program = t->program;
    c->exact = p->exact;
    step->nodes = t->nodes, step->n_nodes = t->n_nodes;
    if (t->nodes[0]->op->trait == OP_RANDOM) {
        step->path = t->nodes[0]->path ? t->nodes[0]->path : "";
        step->path_hash = c->draw.path = hash_bytes(step->path, strlen(step->path), 0);
    }
    if (t->nodes[0]->op->id == OP_scan)
        return repeat_make(step, p, isa);
    step->kernel = find_kernel(t, isa);
    assert(step->kernel && "an op without a kernel");
    step->kernel->prepare(c, &step->work, a);
    assert(step->work.n_phases <= MAX_PHASES);
    return true;
}

/* Every variable the program touches gets its storage; the sum of their bytes. */
static bool allocate_variables(struct schedule *s, struct plan *plan) {
    for (int v = 0; v < s->values.n; v++) {
        const struct value *value = &s->values.at[v];
        if (value->node->op->id != OP_variable || value->writer >= 0)
            continue;
        struct variable *variable = value->node->variable;
        if (!variable->value) {
            struct kernel_arg form = arg_form(value->node);
            variable->value = tensor_new(form.dtype, form.rank, form.dim);
            if (!variable->value)
                return false;
        }
        assert(tensor_bytes(variable->value) == value->bytes);
        plan->parameters_bytes += value->bytes;
    }
    return true;
}

static struct storage storage_of(const struct schedule *s, int v) {
    const struct value *value = &s->values.at[v];
    struct storage at = {.kind = STORAGE_SLAB, .buffer = value->buffer};
    if (value->result >= 0) {
        at.kind = STORAGE_RESULT;
        at.feed = value->result;
        at.holder = value->node;
        return at;
    }
    if (value->writer >= 0 && value->home < 0) {
        if (value->buffer >= 0)
            at.offset = s->buffers[value->buffer].offset;
        return at;
    }
    const struct node *n =
        value->home >= 0 ? s->values.at[s->updates.at[value->home].target].node : value->node;
    at.holder = n;
    if (value->feed >= 0) {
        at.kind = STORAGE_FEED;
        at.feed = value->feed;
        return at;
    }
    assert(n->op->id == OP_variable || n->op->id == OP_constant);
    at.kind = STORAGE_FIXED;
    at.fixed = n->op->id == OP_variable ? n->variable->value->data : n->value->data;
    return at;
}

static void bind_args(const struct schedule *s, struct plan *plan, const struct task_arg *arg,
                      int n, struct storage *storage, struct kernel_arg *form) {
    for (int i = 0; i < n; i++) {
        storage[i] = storage_of(s, arg[i].value);
        if (storage[i].kind == STORAGE_FEED)
            plan->feed_uses[plan->n_feed_uses++] =
                (struct feed_use){storage[i].feed, &form[i].data};
        else if (storage[i].kind == STORAGE_RESULT)
            plan->result_uses[plan->n_result_uses++] =
                (struct feed_use){storage[i].feed, &form[i].data};
    }
}

/* Makes room for them. */
static void count_uses(const struct schedule *s, struct plan *plan) {
    int n_feeds = 0, n_results = 0;
    for (int t = 0; t < s->tasks.n; t++) {
        const struct task *task = &s->tasks.at[t];
        for (int i = 0; i < task->n_in; i++) {
            n_feeds += s->values.at[task->in[i].value].feed >= 0;
            n_results += s->values.at[task->in[i].value].result >= 0;
        }
        for (int i = 0; i < task->n_out; i++)
            n_results += s->values.at[task->out[i].value].result >= 0;
    }
    plan->feed_uses = arena_array(s->keep, struct feed_use, n_feeds);
    plan->result_uses = arena_array(s->keep, struct feed_use, n_results);
}

static void list_draws(struct schedule *s, struct plan *plan) {
    for (int i = 0; i < plan->n_steps; i++) {
        const struct step *step = &plan->steps[i];
        plan->n_own_draws += step->path != NULL;
        plan->n_draws += step->path != NULL;
        for (const struct repeat *r = step->loop; r; r = r->again)
            plan->n_draws += r->plan->n_draws;
    }
    plan->draws = arena_array(s->keep, struct step *, plan->n_draws);
    int own = 0, n = plan->n_own_draws;
    for (int i = 0; i < plan->n_steps; i++) {
        struct step *step = &plan->steps[i];
        if (step->path)
            plan->draws[own++] = step;
        for (const struct repeat *r = step->loop; r; r = r->again)
            for (int k = 0; k < r->plan->n_draws; k++)
                plan->draws[n++] = r->plan->draws[k];
    }
}

static void bind_steps(struct schedule *s, struct plan *plan) {
    count_uses(s, plan);
    for (int i = 0; i < plan->n_steps; i++) {
        struct step *step = &plan->steps[i];
        const struct task *t = &s->tasks.at[s->order.at[i]];
        bind_args(s, plan, t->in, t->n_in, step->in, step->call.in);
        bind_args(s, plan, t->out, t->n_out, step->out, step->call.out);
        step->shared_offset = s->shared_offset[i];
        if (step->work.scratch_bytes > plan->scratch_bytes)
            plan->scratch_bytes = step->work.scratch_bytes;
    }
    list_draws(s, plan);
}

/* Steps that look at what they write tell the check_finite step that would read it again. */
static void bind_checks(struct schedule *s, struct plan *plan) {
    int *step_of = arena_array(s->arena, int, s->tasks.n);
    for (int i = 0; i < plan->n_steps; i++)
        step_of[s->order.at[i]] = i;
    for (int i = 0; i < plan->n_steps; i++) {
        const struct task *t = &s->tasks.at[s->order.at[i]];
        if (t->copies || t->nodes[0]->op->id != OP_check_finite)
            continue;
        int writer = s->values.at[t->in[0].value].writer;
        struct step *from = writer >= 0 ? &plan->steps[step_of[writer]] : NULL;
        if (!from || !from->work.looks)
            continue;
        if (!from->call.suspect)
            from->call.suspect = arena_new(s->keep, int);
        plan->steps[i].call.suspect = from->call.suspect;
    }
}

static void bind_fetches(const struct schedule *s, struct plan *plan, struct node *const *roots) {
    int n = s->n_fetch;
    plan->n_fetch = n;
    plan->fetch = arena_array(s->keep, struct storage, n);
    plan->fetch_node = arena_array(s->keep, struct node *, n);
    plan->fetch_dtype = arena_array(s->keep, enum dtype, n);
    plan->fetch_shape = arena_array(s->keep, struct shape, n);
    for (int i = 0; i < n; i++) {
        plan->fetch[i] = storage_of(s, s->fetch[i]);
        plan->fetch_node[i] = roots[i];
        plan->fetch_dtype[i] = roots[i]->dtype;
        plan->fetch_shape[i] = roots[i]->shape;
    }
}

static bool make_plan(struct schedule *s, struct plan *plan, struct program *p, enum isa isa) {
    if (!tasks_make(s, p) || !allocate_variables(s, plan))
        return false;
    order_make(s);
    plan->n_steps = s->order.n;
    plan->first_write = s->first_write;
    plan->steps = arena_array(s->keep, struct step, plan->n_steps);
    s->shared_bytes = arena_array(s->arena, size_t, plan->n_steps);
    s->shared_offset = arena_array(s->arena, size_t, plan->n_steps);
    for (int i = 0; i < plan->n_steps; i++) {
        if (!make_step(&plan->steps[i], &s->tasks.at[s->order.at[i]], p, isa, s->keep))
            return false;
        s->shared_bytes[i] = plan->steps[i].work.shared_bytes;
    }
    if (!memory_make(s))
        return false;
    plan->slab_bytes = s->slab_bytes;
    plan->buffers_bytes = s->buffers_bytes;
    plan->peak_lower_bound_bytes = s->peak_bytes;
    bind_steps(s, plan);
    bind_checks(s, plan);
    bind_fetches(s, plan, p->roots);
    plan->n_feeds = p->n_fed;
    plan->n_assigned = s->updates.n;
    plan->assigned = arena_array(s->keep, struct tensor *, s->updates.n);
    for (int u = 0; u < s->updates.n; u++)
        plan->assigned[u] = s->values.at[s->updates.at[u].target].node->variable->value;
    return true;
}

static struct plan *make(struct program *p, enum isa isa, bool is_body) {
    struct arena working = {0};
    struct plan *plan = arena_new(p->arena, struct plan);
    struct schedule s = {.arena = &working, .keep = p->arena, .is_body = is_body};
    plan->arena = p->arena;
    bool made = make_plan(&s, plan, p, isa);
    arena_free(&working);
    return made ? plan : NULL;
}

/* A plan's own steps come first. */
static int number_steps(struct plan *plan, int first) {
    int next = first + plan->n_steps;
    plan->first_trace = first;
    for (int i = 0; i < plan->n_steps; i++)
        for (struct repeat *r = plan->steps[i].loop; r; r = r->again)
            next = number_steps(r->plan, next);
    return next;
}

struct plan *plan_make(struct program *p, enum isa isa) {
    struct plan *plan = make(p, isa, false);
    if (plan)
        plan->n_traces = number_steps(plan, 0);
    return plan;
}

struct plan *plan_make_body(struct program *p, enum isa isa) { return make(p, isa, true); }
