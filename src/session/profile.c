/* Collecting what a run is spent on (profile.h). */
#define _DEFAULT_SOURCE
#include "session/profile.h"

#include <errno.h>
#include <string.h>

#include "base/os.h"

/* Moments in a trace: some hundred bytes each in the file, which viewers read whole. */
enum { MAX_MOMENTS = 500000, MAX_OP_TEXT = 200 };
/* Of statements, only those that one may see in a trace. */
static const double SHORTEST_STATEMENT_S = 1e-6;

bool profile_begin(struct session *s, struct profile **out) {
    const struct session_options *o = &s->options;
    *out = NULL;
    if (!o->profile && !o->trace_path)
        return true;
    FILE *file = o->trace_path ? fopen(o->trace_path, "w") : NULL;
    if (o->trace_path && !file) {
        diag_error(&s->diags, E_FILE, (struct span){0}, "cannot write %s: %s", o->trace_path,
                   strerror(errno));
        return false;
    }
    struct profile *p = arena_new(&s->arena, struct profile);
    *p = (struct profile){
        .s = s, .reports = o->profile, .trace_path = o->trace_path, .trace_file = file};
    int n_threads = o->n_threads > 0 ? o->n_threads : os_n_cpus();
    if (file && !(p->timeline = timeline_new(n_threads, MAX_MOMENTS))) {
        diag_error(&s->diags, E_MEMORY, (struct span){0}, "there is not enough memory for a trace");
        fclose(file);
        return false;
    }
    p->began_s = os_now_s();
    *out = p;
    return true;
}

void profile_free(struct profile *p) {
    if (!p)
        return;
    if (p->trace_file)
        fclose(p->trace_file);
    timeline_free(p->timeline);
    arena_free(&p->arena);
}

bool profile_end(struct profile *p) {
    if (!p)
        return true;
    if (p->reports)
        profile_print(p, p->s->options.err);
    return !p->trace_file || profile_write_trace(p);
}

void profile_script_begins(struct profile *p) {
    if (p && !p->script_began_s)
        p->script_began_s = os_now_s();
}

static void add_moment(struct profile *p, const void *what, enum moment_kind kind, double start,
                       double end) {
    if (p->timeline)
        timeline_add(p->timeline, 0, (struct moment){what, start, end, 0, 0, kind, 0});
}

/* ---- plans: what each step is */

static const char *part_of(const struct request *r, const struct step *s) {
    const struct node *last = s->nodes[s->n_nodes - 1];
    if (r->kind == REQUEST_EVAL)
        return "evaluate";
    if (r->kind == REQUEST_DEAL)
        return "data";
    if (r->kind == REQUEST_INITIAL)
        return "initial";
    if (last->op->trait == OP_EFFECT || (last->origin && last->origin->part == ORIGIN_UPDATE))
        return "update";
    return last->origin && last->origin->part == ORIGIN_BACKWARD ? "backward" : "forward";
}

/* "conv2d", "loop of 28", "mul add relu": as much of a long chain as one can read. */
static const char *op_text(struct arena *a, const struct step *s) {
    char text[MAX_OP_TEXT];
    if (s->loop)
        return arena_printf(a, "scan of %lld", (long long)s->loop->length);
    if (s->nodes[0]->op->trait == OP_LEAF)
        return "copy";
    size_t n = 0;
    for (int i = 0; i < s->n_nodes && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? " %s" : "%s",
                              s->nodes[i]->op->name);
    return arena_strndup(a, text, n < sizeof text ? n : sizeof text - 1);
}

static const char *shapes_text(struct arena *a, const struct step *s) {
    char text[MAX_OP_TEXT], shape[SHAPE_TEXT];
    size_t n = 0;
    for (int side = 0; side < 2; side++) {
        struct node **nodes = side ? s->out_node : s->in_node;
        int n_nodes = side ? s->call.n_out : s->call.n_in;
        for (int i = 0; i < n_nodes && n < sizeof text; i++)
            n += (size_t)snprintf(
                text + n, sizeof text - n, "%s%s%s%s", i || side ? " " : "",
                side && !i ? "-> " : "", dtype_name(nodes[i]->dtype),
                nodes[i]->shape.rank
                    ? shape_print(shape, sizeof shape, NULL, &nodes[i]->shape) : "");
    }
    return arena_strndup(a, text, n < sizeof text ? n : sizeof text - 1);
}

/* The variable that a step takes or writes; of an optimizer's, the one that is trained. */
static const struct variable *variable_of(const struct step *s) {
    const struct variable *found = NULL;
    for (int side = 0; side < 2; side++) {
        const struct storage *at = side ? s->out : s->in;
        int n = side ? s->call.n_out : s->call.n_in;
        for (int i = 0; i < n; i++) {
            const struct node *holder = at[i].kind == STORAGE_FIXED ? at[i].holder : NULL;
            if (!holder || holder->op->id != OP_variable)
                continue;
            if (!found || (found->state && !holder->variable->state))
                found = holder->variable;
        }
    }
    return found;
}

/* A layer's name is its variables' without the last part. */
static const char *layer_text(struct arena *a, const struct step *s, const char *part) {
    const struct variable *v = variable_of(s);
    const char *path = v ? v->path : s->path ? s->path : "";
    const char *end = strcmp(part, "update") ? strrchr(path, '/') : NULL;
    return arena_strndup(a, path, end ? (size_t)(end - path) : strlen(path));
}

static struct span place_of(const struct profile *p, const struct step *s) {
    const struct node *last = s->nodes[s->n_nodes - 1];
    const struct origin *o = source_users_frame(&p->s->sources, last->origin);
    return o ? o->span : (struct span){0};
}

static void describe_steps(struct profile *p, const struct request *r, const struct plan *plan,
                           int outer, struct profiled_plan *into) {
    struct arena *a = &p->arena;
    for (int i = 0; i < plan->n_steps; i++) {
        const struct step *s = &plan->steps[i];
        struct profiled_step *d = &into->step[plan->first_trace + i];
        d->at = place_of(p, s);
        d->part = part_of(r, s);
        d->op = op_text(a, s);
        d->layer = layer_text(a, s, d->part);
        d->kernel = s->work.name ? s->work.name : "";
        d->why = s->work.why ? s->work.why : "";
        d->shapes = p->timeline ? shapes_text(a, s) : "";
        d->work = step_work_of(s);
        d->outer = outer;
        d->is_loop = s->loop != NULL;
        for (const struct repeat *l = s->loop; l; l = l->again)
            describe_steps(p, r, l->plan, plan->first_trace + i, into);
    }
}

static struct profiled_plan *describe(struct profile *p, const struct request *r,
                                      const struct plan *plan) {
    struct profiled_plan *d = arena_new(&p->arena, struct profiled_plan);
    const char *words = r->words ? r->words : "";
    const struct origin *at = source_users_frame(&p->s->sources, r->origin);
    d->kind = r->kind;
    d->words = arena_strndup(&p->arena, words, strlen(words));
    d->at = at ? at->span : (struct span){0};
    d->n_steps = plan->n_traces;
    d->step = arena_array(&p->arena, struct profiled_step, plan->n_traces);
    d->records = arena_array(&p->arena, struct step_record, plan->n_traces);
    describe_steps(p, r, plan, -1, d);
    array_push(&p->arena, &p->plans, d);
    return d;
}

double profile_plan_begins(struct profile *p) {
    if (!p)
        return 0;
    p->planning_depth++;
    return os_now_s();
}

void profile_plan_ends(struct profile *p, const struct request *r, struct compiled *c,
                       double start) {
    if (!p)
        return;
    if (c)
        c->profiled = describe(p, r, c->plan);
    double end = os_now_s();
    if (--p->planning_depth > 0)
        return;
    p->seconds[ACCOUNT_PLANNING] += end - start;
    if (r->kind == REQUEST_DEAL)
        p->seconds[ACCOUNT_DATA] -= end - start; /* which it is part of */
    if (c)
        add_moment(p, c->profiled, MOMENT_PLAN, start, end);
}

/* ---- runs */

void profile_run_begins(struct profile *p, const struct compiled *c, struct run *run) {
    if (!p || !c->profiled)
        return;
    run->records = c->profiled->records;
    run->timeline = p->timeline;
    p->run_began_s = os_now_s();
}

void profile_run_ends(struct profile *p, const struct compiled *c) {
    if (!p || !c->profiled)
        return;
    double end = os_now_s();
    c->profiled->seconds += end - p->run_began_s;
    c->profiled->n_runs++;
    if (c->profiled->kind == REQUEST_DEAL)
        p->seconds[ACCOUNT_DATA] -= end - p->run_began_s;
    add_moment(p, c->profiled, MOMENT_RUN, p->run_began_s, end);
}

void profile_watch(void *context, enum watched kind, struct span at, double start) {
    const struct session *s = context;
    struct profile *p = s->profile;
    double end = os_now_s();
    if (kind == WATCHED_DATA)
        p->seconds[ACCOUNT_DATA] += end - start;
    if (p->timeline && (kind == WATCHED_DATA || end - start >= SHORTEST_STATEMENT_S))
        timeline_add(p->timeline, 0,
                     (struct moment){.start = start,
                                     .end = end,
                                     .first = (int64_t)at.source << 32 | at.offset,
                                     .last = at.length,
                                     .kind = kind == WATCHED_DATA ? MOMENT_DATA
                                                                  : MOMENT_STATEMENT});
}
