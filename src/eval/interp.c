/* The evaluator as a whole: its scopes, origins, collection of what nothing reaches, and running a
 * script statement by statement. */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "eval/interp.h"

/* A collection is due when so much was allocated since the last: little, so that the batches of a
 * loop come back to memory that is still in the processor's cache, but in proportion to what there
 * is to go through, so that collecting takes a small part of the time that filling the memory did. */
enum {
    COLLECT_BYTES = 1 << 20,
    COLLECT_BYTES_PER_VISIT = 512, /* going through one value takes about as long as filling 50 */
    COLLECT_MOST_BYTES = 24 << 20,
    COLLECT_NODES = 20000
};

const char *intern(struct interp *in, const char *text) { return intern_string(in->o.names, text); }

bool interp_fail(struct interp *in, struct diag *d) {
    if (d)
        diag_trail(d, interp_origin(in, d->at));
    in->flow = FLOW_ERROR;
    if (in->o.dry) {
        in->dry.n_failures++;
        diag_drop_repeated(in->o.diags);
    } else {
        in->failed = true;
    }
    return false;
}

bool fail_at(struct interp *in, enum diag_code code, struct span at, const char *format, ...) {
    struct arena scratch = {0};
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(&scratch, format, args);
    va_end(args);
    struct diag *d = diag_error(in->o.diags, code, at, "%s", text);
    arena_free(&scratch);
    return interp_fail(in, d);
}

/* Origins are interned: an expression evaluated a million times has one. */
struct origin *interp_origin(struct interp *in, struct span at) {
    struct origin_table *t = &in->origins;
    if (4 * (t->n + 1) > 3 * t->cap) {
        struct origin_table old = *t;
        t->cap = old.cap ? 2 * old.cap : 256;
        t->slots = arena_array(&in->arena, struct origin *, t->cap);
        for (uint32_t i = 0; i < old.cap; i++) {
            if (!old.slots[i])
                continue;
            uint64_t h = hash_bytes(old.slots[i], offsetof(struct origin, given), 0);
            while (t->slots[h & (t->cap - 1)])
                h++;
            t->slots[h & (t->cap - 1)] = old.slots[i];
        }
    }
    struct origin key;
    memset(&key, 0, sizeof key);
    key.span = at;
    key.part = in->custom ? ORIGIN_BACKWARD : in->part;
    key.caller = in->caller;
    uint64_t h = hash_bytes(&key, offsetof(struct origin, given), 0);
    for (struct origin *o; (o = t->slots[h & (t->cap - 1)]); h++)
        if (o->caller == key.caller && o->span.source == at.source && o->span.offset == at.offset &&
            o->span.length == at.length && o->part == key.part)
            return o;
    struct origin *o = arena_new(&in->arena, struct origin);
    memcpy(o, &key, sizeof key);
    if (key.part == ORIGIN_FORWARD) {
        struct origin *backward = arena_new(&in->arena, struct origin);
        memcpy(backward, &key, sizeof key);
        backward->part = ORIGIN_BACKWARD;
        o->backward = backward;
    }
    t->slots[h & (t->cap - 1)] = o;
    t->n++;
    return o;
}

void root_push(struct interp *in, struct value v) {
    if (v.kind == VALUE_TENSOR || v.kind >= VALUE_STRING)
        array_push(NULL, &in->roots, v);
}

static void forget(void *context, struct node *n) {
    struct interp *in = context;
    if (in->o.host.forget_node)
        in->o.host.forget_node(in->o.host.context, n);
}

static void plan_collection(struct interp *in) {
    size_t n_nodes = in->o.graph->n_nodes, n_visited = in->heap.n_visited + n_nodes;
    size_t bytes = COLLECT_BYTES + n_visited * COLLECT_BYTES_PER_VISIT;
    in->collect_at_bytes = bytes < COLLECT_MOST_BYTES ? bytes : COLLECT_MOST_BYTES;
    in->collect_at_nodes = 2 * n_nodes + COLLECT_NODES;
}

void interp_collect(struct interp *in) {
    struct graph *g = in->o.graph;
    graph_unmark(g);
    object_mark(&in->heap, &in->library->o);
    object_mark(&in->heap, &in->globals->o);
    for (int i = 0; i < in->modules.n; i++)
        object_mark(&in->heap, &in->modules.at[i]->scope->o);
    graph_mark(g, in->training);
    for (int i = 0; i < in->roots.n; i++)
        value_mark(&in->heap, g, in->roots.at[i]);
    for (struct body *b = in->body; b; b = b->outer) {
        if (b->instance)
            object_mark(&in->heap, &b->instance->o);
        if (b->step)
            object_mark(&in->heap, &b->step->o);
        if (b->target)
            graph_mark(g, b->target->node);
        for (int i = 0; i < b->updates.n; i++)
            graph_mark(g, b->updates.at[i].value);
    }
    trace_mark(in);
    heap_mark_insides(&in->heap, g);
    mark_layer_updates(in);
    int kept = 0;
    for (int i = 0; i < in->variables.n; i++) {
        struct variable *v = in->variables.at[i];
        if (v->node->reachable) {
            in->variables.at[kept++] = v;
            continue;
        }
        tensor_unref(v->value);
        v->value = NULL;
    }
    in->variables.n = kept;
    graph_sweep(g, forget, in);
    heap_sweep(&in->heap);
    plan_collection(in);
}

void interp_collect_if_due(struct interp *in) {
    if (in->heap.since_bytes > in->collect_at_bytes || in->o.graph->n_nodes > in->collect_at_nodes)
        interp_collect(in);
}

bool interp_polled_stop(struct interp *in, struct span at) {
    if (!in->o.interrupted || !*in->o.interrupted)
        return false;
    if (!in->stopped) {
        in->stopped = true;
        diag_error(in->o.diags, E_INTERRUPTED, at, "interrupted here");
    }
    in->flow = FLOW_ERROR;
    in->failed = true;
    return true;
}

/* Calls of the script nest on the C stack: they may use what the system gives this thread, less a
 * reserve. */
static const char *find_stack_limit(void) {
    enum { RESERVE_BYTES = 512 << 10, MOST_BYTES = 64 << 20, LEAST_BYTES = 1 << 20 };
    struct rlimit limit;
    size_t bytes = LEAST_BYTES;
    if (!getrlimit(RLIMIT_STACK, &limit))
        bytes = limit.rlim_cur < MOST_BYTES ? limit.rlim_cur : MOST_BYTES;
    if (bytes <= 2 * RESERVE_BYTES)
        return NULL;
    return (const char *)((uintptr_t)__builtin_frame_address(0) - (bytes - RESERVE_BYTES));
}

bool interp_stack_is_deep(const struct interp *in) {
    char here;
    return in->stack_limit && &here < in->stack_limit;
}

struct interp *interp_new(const struct interp_options *o) {
    struct interp *in = calloc(1, sizeof *in);
    if (!in)
        return NULL;
    in->o = *o;
    in->build = (struct build){
        .graph = o->graph,
        .ops = o->ops,
        .symbols = o->symbols,
        .names = o->names,
        .arena = o->arena,
        .diags = o->diags,
    };
    in->stack_limit = find_stack_limit();
    in->s_hole = intern(in, "_");
    in->s_feed = intern(in, "feed");
    in->library = scope_new(&in->heap, NULL);
    in->globals = scope_new(&in->heap, in->library);
    in->script = module_add(in, &(struct unit_source){.path = "<input>"}, in->globals);
    struct shape scalar = shape_scalar();
    in->training = build_placeholder(&in->build, intern(in, "training"), DTYPE_BOOL, &scalar, NULL);
    builtins_define(in, in->library);
    plan_collection(in);
    return in;
}

void interp_free(struct interp *in) {
    if (!in)
        return;
    for (int i = 0; i < in->variables.n; i++)
        tensor_unref(in->variables.at[i]->value);
    heap_free(&in->heap);
    free(in->roots.at);
    free(in->prefix.at);
    free(in->variables.at);
    free(in->layer_updates.at);
    arena_free(&in->arena);
    free(in);
}

static bool report_stray_flow(struct interp *in, const struct ast *stmt) {
    const char *word = in->flow == FLOW_BREAK      ? "break"
                       : in->flow == FLOW_CONTINUE ? "continue"
                                                   : "return";
    return fail_at(in, E_MISPLACED, stmt->span, "`%s` outside of a %s", word,
                   in->flow == FLOW_RETURN ? "function" : "loop");
}

bool run_statement(struct interp *in, struct scope *s, const struct ast *stmt, struct value *last) {
    in->flow = FLOW_NONE;
    interp_collect_if_due(in);
    bool ok = eval_stmt(in, s, stmt, last);
    if (!ok && in->flow != FLOW_ERROR)
        report_stray_flow(in, stmt);
    if (!ok)
        poison_targets(in, s, stmt);
    in->flow = FLOW_NONE;
    return ok;
}

static bool run_top_level(struct interp *in, const struct ast *stmt, struct value *last) {
    in->roots.n = 0;
    in->prefix.n = 0;
    in->body = NULL;
    in->trace = NULL;
    in->mapping = NULL;
    in->caller = NULL;
    in->loop = NULL;
    in->custom = NULL;
    return run_statement(in, in->globals, stmt, last);
}

static void begin_unit(struct interp *in) {
    in->failed = in->stopped = in->names_missing = false;
    in->unknown_names.n = 0;
}

static void begin_script(struct interp *in, const struct ast *tree) {
    begin_unit(in);
    if (in->script->trees.n == 0)
        heap_settle(&in->heap, &in->globals->o);
    array_push(&in->arena, &in->script->trees, tree);
    in->unit = in->script;
}

bool interp_run(struct interp *in, const struct unit_source *u) {
    bool ok = true;
    if (u->library) {
        begin_unit(in);
        return module_run_library(in, u);
    }
    in->script->key = u->key, in->script->path = u->path;
    begin_script(in, u->tree);
    for (int i = 0; i < u->tree->n_kids && !in->stopped; i++) {
        struct value last;
        ok = run_top_level(in, u->tree->kids[i], &last) && ok;
    }
    return ok && !in->failed;
}

bool interp_echo(struct interp *in, const struct ast *script) {
    bool ok = true;
    begin_script(in, script);
    for (int i = 0; i < script->n_kids && ok; i++) {
        const struct ast *stmt = script->kids[i];
        struct value last = V_NONE;
        ok = run_top_level(in, stmt, &last);
        bool shown =
            stmt->kind < AST_PARAMS || stmt->kind == AST_ASSIGN || stmt->kind == AST_PLACEHOLDER;
        if (ok && shown && stmt->kind != AST_FN && last.kind != VALUE_NONE) {
            const char *name =
                stmt->kind == AST_ASSIGN && stmt->n_kids == 2 ? stmt->kids[0]->text : NULL;
            if (name && last.kind == VALUE_TENSOR)
                fprintf(in->o.out, "%s: ", name);
            else if (stmt->kind == AST_PLACEHOLDER)
                fprintf(in->o.out, "%s: ", stmt->text);
            if (!name || last.kind == VALUE_TENSOR)
                print_value(in, in->o.out, last, false), fputc('\n', in->o.out);
        }
    }
    in->failed = false;
    return ok;
}

bool interp_knows(const struct interp *in, const char *name) {
    bool known = in->names_missing || scope_find(in->script->scope, name) != NULL;
    for (int i = 0; i < in->unknown_names.n && !known; i++)
        known = in->unknown_names.at[i].name == name;
    for (int i = 1; i < in->o.symbols->list.n && !known; i++)
        known = in->o.symbols->list.at[i].name == name;
    return known;
}

bool interp_overlooked(const struct interp *in) { return in->dry.overlooked; }

bool interp_ended_early(const struct interp *in) { return in->stopped; }

uint64_t interp_seed(const struct interp *in) { return in->o.seed; }
struct node *interp_training_node(struct interp *in) {
    return in->training;
}
int interp_n_variables(const struct interp *in) { return in->variables.n; }
struct variable *interp_variable(const struct interp *in, int i) {
    return in->variables.at[i];
}

int settings_list(struct arena *a, const struct sources *sources, const struct ast *script,
                  struct setting_info **out) {
    ARRAY(struct setting_info) list = {0};
    for (int i = 0; i < script->n_kids; i++) {
        const struct ast *e = script->kids[i];
        if (e->kind != AST_SETTING)
            continue;
        struct span text = e->kids[0]->span;
        struct setting_info info = {
            .name = e->text,
            .doc = e->doc,
            .at = e->name_at,
            .default_text = arena_strndup(a, source_text(sources, text), text.length),
        };
        array_push(a, &list, info);
    }
    *out = list.at;
    return list.n;
}
