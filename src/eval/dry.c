/* A walk that computes nothing: a script's names are resolved, its shapes settled, its feeds held
 * against its placeholders, before the first number is read.
 *
 * The evaluator runs as always, over a graph that is thrown away afterwards; only effects are left
 * out. What a demand gives, what is loaded and what is dealt are phantoms (tensor.h): dtype and
 * shape without contents. A value of the host that is made from contents is VALUE_UNKNOWN. Unknown
 * values flow through everything without a word, like poison: an error here keeps a script from
 * running, so where it is not certain that a run would report it, there is none.
 *
 * An unknown condition walks both branches; what they bind differently is unknown afterwards. A loop
 * runs as long as its rounds build something; once a round has demanded something, one more round
 * is walked with all that the loop assigns unknown, so that every branch in it is seen. The walk is
 * bounded, whatever the script does: it ends quietly when it has cost enough.
 *
 * Not for: who makes phantoms (the host, the loaders of data/), lints (check/). */
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "eval/interp.h"

enum {
    MAX_STATEMENTS = 400000,        /* then the walk ends */
    MAX_STATEMENTS_IN_FULL = 50000, /* then loops are walked as if their rounds had demanded */
    MAX_ROUNDS = 1000,              /* of a loop that adds nothing to the graph */
    STATEMENTS_A_LOOK = 64          /* between two looks at the clock */
};
/* Of a processor's time: what else a machine has to do must not change what is found. */
static const double MAX_TIME_S = 0.3;

bool fail_silently(struct interp *in) {
    in->flow = FLOW_ERROR;
    return false;
}

static bool any_element(struct interp *in, struct value v,
                        bool (*holds)(struct interp *in, struct value v)) {
    const struct value *at = v.kind == VALUE_LIST ? v.list->at : v.record->at;
    int n = v.kind == VALUE_LIST ? v.list->n : v.record->n;
    if (interp_stack_is_deep(in))
        return true;
    for (int i = 0; i < n; i++)
        if (holds(in, at[i]))
            return true;
    return false;
}

bool holds_unknown(struct interp *in, struct value v) {
    if (v.kind == VALUE_LIST || v.kind == VALUE_RECORD)
        return any_element(in, v, holds_unknown);
    return is_missing(v);
}

bool depends_on_contents(struct interp *in, struct value v) {
    if (v.kind == VALUE_LIST || v.kind == VALUE_RECORD)
        return any_element(in, v, depends_on_contents);
    return is_missing(v) || (v.kind == VALUE_ARRAY && v.array->tensor->phantom);
}

/* Builtins that act on the world outside of the script, or read from it what only a run knows: a
 * dry run does not call them. Loaders are called: they give phantoms. */
static const char *const outside_names[] = {"fingerprint", "seconds"};
enum { N_OUTSIDE = sizeof outside_names / sizeof *outside_names };

/* Those that look at what a value is, not into it. */
static const char *const shallow_names[] = {"is_number",  "is_string", "is_record",
                                            "is_dataset", "record_of", "len"};
enum { N_SHALLOW = sizeof shallow_names / sizeof *shallow_names };

static bool is_among(const struct builtin *b, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (!strcmp(b->name, names[i]))
            return true;
    return false;
}

bool dry_call_is_unknown(struct interp *in, struct value f, const struct args *a) {
    if (!in->o.dry)
        return false;
    if (is_missing(f))
        return in->dry.overlooked = true;
    bool in_c = f.kind == VALUE_OP || f.kind == VALUE_DTYPE || f.kind == VALUE_BUILTIN ||
                f.kind == VALUE_METHOD;
    const struct builtin *b = f.kind == VALUE_BUILTIN  ? f.builtin
                              : f.kind == VALUE_METHOD ? f.method->builtin
                                                       : NULL;
    if (!in_c || (b && b->call == builtin_print))
        return false;
    if (b && is_among(b, outside_names, N_OUTSIDE))
        return true;
    if (b && b->call == builtin_variables && in->dry.n_failures)
        return true; /* what is broken may have declared others */
    bool unknown = false, counts = b && b->call == builtin_range; /* takes an array's number */
    bool shallow = b && is_among(b, shallow_names, N_SHALLOW);
    for (int i = 0; i < a->n + a->n_named; i++) {
        struct value v = i < a->n ? a->at[i].value : a->named[i - a->n].value;
        v = counts ? scalar_number(v) : v;
        unknown = unknown || (shallow ? is_missing(v) : holds_unknown(in, v));
    }
    in->dry.overlooked = in->dry.overlooked || (unknown && b);
    return unknown;
}

bool dry_may_go_on(struct interp *in) {
    struct dry *d = &in->dry;
    if (!in->o.dry)
        return true;
    if (d->began_s == 0)
        d->began_s = os_thread_s();
    d->n_statements++;
    bool late = d->n_statements % STATEMENTS_A_LOOK == 0 && os_thread_s() - d->began_s > MAX_TIME_S;
    if (!late && d->n_statements <= MAX_STATEMENTS)
        return true;
    in->stopped = true;
    return fail_silently(in);
}

bool dry_is_certain(const struct interp *in) {
    return in->o.dry ? !in->dry.uncertain : !in->failed;
}

/* ---- what is bound differently on two ways */

static bool same(struct interp *in, struct value a, struct value b);

static bool same_items(struct interp *in, const struct value *a, const struct value *b, int n) {
    for (int i = 0; i < n; i++)
        if (!same(in, a[i], b[i]))
            return false;
    return true;
}

static bool same_array(const struct tensor *a, const struct tensor *b) {
    return a == b || (a->phantom && b->phantom && a->dtype == b->dtype && a->rank == b->rank &&
                      !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim));
}

static bool same(struct interp *in, struct value a, struct value b) {
    if (a.kind != b.kind || interp_stack_is_deep(in))
        return false;
    switch (a.kind) {
    case VALUE_STRING:
        return a.string->n == b.string->n && !memcmp(a.string->text, b.string->text, a.string->n);
    case VALUE_LIST:
        return a.list->n == b.list->n && same_items(in, a.list->at, b.list->at, a.list->n);
    case VALUE_RECORD:
        for (int i = 0; i < a.record->n && i < b.record->n; i++)
            if (a.record->name[i] != b.record->name[i])
                return false;
        return a.record->n == b.record->n &&
               same_items(in, a.record->at, b.record->at, a.record->n);
    case VALUE_ARRAY:
        return same_array(a.array->tensor, b.array->tensor);
    case VALUE_FUNCTION:
        return a.function->tree == b.function->tree && a.function->scope == b.function->scope;
    default:
        return value_is(a, b);
    }
}

static void root_state(struct interp *in, const struct scope_state *state) {
    for (int i = 0; i < state->cap; i++)
        if (state->name[i])
            root_push(in, state->at[i]);
}

static const struct value *state_find(const struct scope_state *state, const char *name) {
    for (int i = 0; i < state->cap; i++)
        if (state->name[i] == name)
            return &state->at[i];
    return NULL;
}

/* `s` is one end, `other` another: what they do not agree on is unknown. */
static void join(struct interp *in, struct scope *s, const struct scope_state *other) {
    for (int i = 0; i < s->cap; i++) {
        if (!s->name[i])
            continue;
        const struct value *v = state_find(other, s->name[i]);
        if (!v || !same(in, *v, s->at[i]))
            s->at[i] = V_UNKNOWN;
    }
    for (int i = 0; i < other->cap; i++)
        if (other->name[i] && !scope_find_own(s, other->name[i]))
            scope_set(&in->heap, s, other->name[i], V_UNKNOWN);
}

/* ---- what a statement assigns */

static void forget(struct interp *in, struct scope *s, const char *name) {
    if (name)
        scope_set(&in->heap, s, name, V_UNKNOWN);
}

static bool has_own_scope(const struct ast *e) {
    return e->kind == AST_FN || (e->kind >= AST_LAYER_DEF && e->kind <= AST_GRADIENT_DEF);
}

static bool names_something(const struct ast *e, bool in_optimizer) {
    if (e->kind == AST_UPDATE) /* in an optimizer the name stands for the new value afterwards */
        return in_optimizer;
    return e->kind == AST_GRADIENT_DEF || ast_binds_text(e);
}

static void forget_targets(struct interp *in, struct scope *s, const struct ast *e, int n) {
    for (int i = 0; i < n; i++) {
        const struct ast *target = e->kids[i];
        if (target->kind == AST_NAME)
            forget(in, s, target->text);
        for (int k = 0; target->kind == AST_PARAMS && k < target->n_kids; k++)
            forget(in, s, target->kids[k]->text);
    }
}

void dry_forget(struct interp *in, struct scope *s, const struct ast *e) {
    if (!e)
        return;
    int n_targets = e->kind == AST_ASSIGN                       ? e->n_kids - 1
                    : e->kind == AST_FOR || e->kind == AST_ROLE ? 1
                                                                : 0;
    forget_targets(in, s, e, n_targets);
    if (e->kind == AST_IMPORT && e->n_kids && e->kids[0])
        forget(in, s, e->kids[0]->text);
    if (names_something(e, in->body && in->body->step))
        forget(in, s, e->text);
    for (int i = n_targets; i < e->n_kids && !has_own_scope(e); i++)
        dry_forget(in, s, e->kids[i]);
}

/* ---- branches */

/* One branch, from where `s` is; gives how it ended. */
static enum flow walk_branch(struct interp *in, struct scope *s, const struct ast *branch,
                             struct value *out) {
    *out = V_NONE;
    if (!branch)
        return FLOW_NONE;
    in->dry.uncertain++;
    bool ok =
        branch->kind == AST_BLOCK ? eval_block(in, s, branch, out) : eval_expr(in, s, branch, out);
    in->dry.uncertain--;
    enum flow flow = ok ? FLOW_NONE : in->flow;
    in->flow = FLOW_NONE;
    return flow;
}

static void note_maybe(struct interp *in, enum flow flow) {
    if (flow == FLOW_BREAK || flow == FLOW_CONTINUE)
        in->dry.maybe_left = true;
    if (flow == FLOW_RETURN)
        in->dry.maybe_returned = true;
    in->dry.uncertain += flow != FLOW_NONE;
}

static bool end_in(struct interp *in, enum flow flow) {
    in->flow = flow;
    return flow == FLOW_NONE;
}

static void set_guesses(struct interp *in, int n) {
    in->dry.guesses = n;
    if (in->o.dry)
        in->o.diags->only_names = n > 0;
}

bool dry_if(struct interp *in, struct scope *s, const struct ast *e, bool guess,
            struct value *out) {
    int uncertain = in->dry.uncertain;
    set_guesses(in, in->dry.guesses + guess);
    struct value other_out, returned = V_NONE;
    int n_roots = in->roots.n;
    struct scope_state before = scope_save(s);
    root_state(in, &before);
    enum flow flow = walk_branch(in, s, e->kids[1], out);
    root_push(in, *out);
    if (flow == FLOW_RETURN)
        root_push(in, returned = in->returned);
    struct scope_state after = scope_save(s);
    root_state(in, &after);
    scope_restore(s, &before);
    enum flow other = in->stopped ? FLOW_ERROR : walk_branch(in, s, e->kids[2], &other_out);
    bool failed = flow == FLOW_ERROR || other == FLOW_ERROR;
    if (flow != FLOW_NONE && other == FLOW_NONE) {
        note_maybe(in, flow); /* the state is the other branch's */
        *out = other_out;
    } else if (flow == FLOW_NONE && other != FLOW_NONE) {
        scope_restore(s, &after);
        note_maybe(in, other);
    } else {
        join(in, s, &after);
        if (flow != other)
            note_maybe(in, other), in->dry.uncertain--;
        if (flow == FLOW_NONE && !same(in, *out, other_out))
            *out = V_UNKNOWN;
        if (flow == FLOW_RETURN && (other != flow || !same(in, returned, in->returned)))
            in->returned = V_UNKNOWN;
    }
    if (in->dry.uncertain == uncertain)
        set_guesses(in, in->dry.guesses - guess);
    scope_state_free(&after);
    in->roots.n = n_roots;
    root_push(in, *out);
    if (failed)
        return end_in(in, FLOW_ERROR);
    return end_in(in, flow != FLOW_NONE && other != FLOW_NONE ? flow : FLOW_NONE);
}

struct dry dry_enter(struct interp *in) {
    struct dry outside = in->dry;
    in->dry.maybe_left = in->dry.maybe_returned = false;
    return outside;
}

void dry_leave(struct interp *in, const struct dry *outside, struct value *result) {
    if (in->dry.maybe_returned)
        *result = V_UNKNOWN;
    in->dry.uncertain = outside->uncertain;
    set_guesses(in, outside->guesses);
    in->dry.maybe_left = outside->maybe_left;
    in->dry.maybe_returned = outside->maybe_returned;
}

/* ---- loops */

void loop_begin(struct interp *in, struct scope *s, const struct ast *stmt, struct loop_watch *w) {
    *w = (struct loop_watch){0};
    if (!in->o.dry)
        return;
    *w = (struct loop_watch){
        .scope = s,
        .stmt = stmt,
        .body = stmt->kids[stmt->n_kids - 1],
        .n_demands = *in->o.n_demands,
        .n_nodes = in->o.graph->n_nodes,
        .uncertain = in->dry.uncertain,
        .guesses = in->dry.guesses,
        .outer_maybe_left = in->dry.maybe_left,
    };
    in->dry.maybe_left = false;
}

bool loop_goes_on(struct interp *in, struct loop_watch *w) {
    if (!w->stmt || w->n_rounds++ == 0)
        return true;
    bool idle = w->n_rounds > MAX_ROUNDS && in->o.graph->n_nodes <= w->n_nodes;
    w->enough = w->enough || idle || *in->o.n_demands != w->n_demands || in->dry.maybe_left ||
                in->dry.maybe_returned || in->dry.n_statements > MAX_STATEMENTS_IN_FULL;
    return !w->enough;
}

/* A round of which it is not known whether a run comes to it. false: an error was reported. */
static bool walk_round(struct interp *in, struct loop_watch *w) {
    struct value ignored;
    int n_roots = in->roots.n;
    in->dry.uncertain++;
    bool ok = w->stmt->kind != AST_WHILE || eval_expr(in, w->scope, w->stmt->kids[0], &ignored);
    ok = ok && eval_block(in, w->scope, w->body, &ignored);
    in->roots.n = n_roots;
    enum flow flow = ok ? FLOW_NONE : in->flow;
    in->flow = FLOW_NONE;
    in->dry.maybe_left = in->dry.maybe_left || flow == FLOW_BREAK || flow == FLOW_CONTINUE;
    in->dry.maybe_returned = in->dry.maybe_returned || flow == FLOW_RETURN;
    return flow != FLOW_ERROR;
}

/* What the loop assigned and its rounds do not agree on is unknown. */
static void settle(struct interp *in, struct loop_watch *w, const struct scope_state *ends, int n) {
    struct scope_state last = scope_save(w->scope);
    dry_forget(in, w->scope, w->stmt);
    for (int i = 0; i < last.cap && !in->dry.maybe_left; i++) {
        bool agreed = last.name[i] != NULL;
        for (int k = 0; k < n && agreed; k++) {
            const struct value *v = state_find(&ends[k], last.name[i]);
            agreed = v && same(in, *v, last.at[i]);
        }
        if (agreed)
            scope_set(&in->heap, w->scope, last.name[i], last.at[i]);
    }
    scope_state_free(&last);
}

static bool walk_unknown_rounds(struct interp *in, struct loop_watch *w) {
    struct scope_state ends[2]; /* before any round that may not be, after the last known one */
    int n_roots = in->roots.n, n = 0;
    bool ok = true;
    if (w->open) {
        ends[n] = scope_save(w->scope);
        root_state(in, &ends[n++]);
        if (w->stmt->kind == AST_FOR)
            forget_targets(in, w->scope, w->stmt, 1);
        ok = walk_round(in, w);
    }
    ends[n] = scope_save(w->scope);
    root_state(in, &ends[n++]);
    dry_forget(in, w->scope, w->stmt);
    ok = walk_round(in, w) && ok;
    settle(in, w, ends, n);
    for (int i = 0; i < n; i++)
        scope_state_free(&ends[i]);
    in->roots.n = n_roots;
    return ok;
}

bool loop_end(struct interp *in, struct loop_watch *w, bool ok) {
    if (!w->stmt)
        return ok;
    enum flow flow = ok ? FLOW_NONE : in->flow;
    bool looks_on = ok || (flow == FLOW_ERROR && !in->caller && !in->body && !in->in_library);
    if (looks_on && !in->stopped && (w->open || w->enough || !ok || in->dry.maybe_left)) {
        in->flow = FLOW_NONE;
        if (!walk_unknown_rounds(in, w))
            flow = FLOW_ERROR;
    }
    in->dry.uncertain = w->uncertain + in->dry.maybe_returned;
    set_guesses(in, in->dry.maybe_returned ? in->dry.guesses : w->guesses);
    in->dry.maybe_left = w->outer_maybe_left;
    return end_in(in, in->stopped ? FLOW_ERROR : flow);
}
