/* Names that last: the path of a variable, an instance or a draw is the path of bindings that
 * reaches it, so an unrelated line of a script changes none. A component is pushed while the right
 * side of a binding, an element of a list or a layer's body is evaluated. A path that is taken
 * gets the next free number: W, W_2. Nothing here depends on when garbage is collected: paths stay
 * taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"
#include "ir/loop.h"

struct path_entry {
    const char *path;
    bool used;
    int next_number; /* where to go on looking for a free number */
    /* A draw's: the expression that has it, and what it was made of first. */
    const struct origin *site;
    uint64_t content;
};

void prefix_push(struct interp *in, const char *component) {
    array_push(NULL, &in->prefix, component);
}

void prefix_push_index(struct interp *in, int i) {
    char text[16];
    int n = snprintf(text, sizeof text, "%d", i);
    prefix_push(in, intern_text(in->o.names, text, (size_t)n));
}

void prefix_pop(struct interp *in) { in->prefix.n--; }

/* Components from the innermost body's own prefix on; empty ones do not show. */
const char *path_join(struct interp *in, const char *own) {
    char text[MAX_PATH];
    size_t n = 0;
    for (int i = 0; i <= in->prefix.n; i++) {
        const char *part = i < in->prefix.n ? in->prefix.at[i] : own;
        size_t length = strlen(part);
        if (!length || n + length + 2 > sizeof text)
            continue;
        if (n)
            text[n++] = '/';
        memcpy(text + n, part, length);
        n += length;
    }
    return intern_text(in->o.names, text, n);
}

static struct path_entry *find(struct interp *in, const char *path) {
    struct path_table *t = &in->paths;
    if (4 * (t->n + 1) > 3 * t->cap) {
        struct path_table old = *t;
        t->cap = old.cap ? 2 * old.cap : 64;
        t->slots = arena_array(&in->arena, struct path_entry, t->cap);
        for (uint32_t i = 0; i < old.cap; i++)
            if (old.slots[i].path)
                *find(in, old.slots[i].path) = old.slots[i];
        t->n = old.n;
    }
    size_t i = ((uintptr_t)path >> 3) * 0x9E3779B97F4A7C15u >> 32;
    while (t->slots[i & (t->cap - 1)].path && t->slots[i & (t->cap - 1)].path != path)
        i++;
    struct path_entry *e = &t->slots[i & (t->cap - 1)];
    if (!e->path)
        e->path = path, t->n++;
    return e;
}

static const char *numbered(struct interp *in, const char *path, int k) {
    char text[MAX_PATH + 16];
    if (k == 1)
        return path;
    int n = snprintf(text, sizeof text, "%s_%d", path, k);
    return intern_text(in->o.names, text, (size_t)n);
}

const char *path_claim(struct interp *in, const char *wanted) {
    int first = find(in, wanted)->next_number;
    for (int k = first ? first : 1;; k++) {
        struct path_entry *e = find(in, numbered(in, wanted, k));
        if (e->used)
            continue;
        const char *path = e->path;
        e->used = true;
        find(in, wanted)->next_number = k + 1;
        return path;
    }
}

void path_claim_body(struct interp *in) {
    struct instance *i = in->body ? in->body->instance : NULL;
    if (!i || i->claimed)
        return;
    i->path = path_claim(in, i->path);
    i->claimed = true;
    in->prefix.at[0] = i->path;
}

/* ---- draws */

static uint64_t hash_number(uint64_t h, uint64_t x) { return hash_bytes(&x, sizeof x, h); }
static uint64_t hash_text(uint64_t h, const char *text) {
    return text ? hash_bytes(text, strlen(text) + 1, h) : hash_number(h, 0);
}

/* By its name or, of a derived one, by how it looks: numbers of symbols depend on other lines. */
static uint64_t hash_symbol(struct interp *in, uint64_t h, uint32_t symbol) {
    const struct symbol *s = &in->o.symbols->list.at[symbol];
    char text[SHAPE_TEXT];
    if (s->kind == SYMBOL_PLAIN)
        return hash_text(h, s->name);
    return hash_text(h, dim_print(text, sizeof text, in->o.symbols, (struct dim){1, {symbol}}));
}

static uint64_t hash_attr(struct interp *in, uint64_t h, const struct attr *a) {
    h = hash_number(h, a->kind);
    switch (a->kind) {
    case ATTR_UNSET:
        return h;
    case ATTR_STRING:
        return hash_text(h, a->s);
    case ATTR_DTYPE:
        return hash_number(h, a->dtype);
    case ATTR_SHAPE:
        for (int i = 0; i < a->shape.rank; i++) {
            const struct dim *d = &a->shape.d[i];
            h = hash_number(h, (uint64_t)d->k);
            for (int k = 0; k < MAX_DIM_SYMBOLS && d->sym[k]; k++)
                h = hash_symbol(in, h, d->sym[k]);
        }
        return h;
    case ATTR_INTS:
    case ATTR_AXES:
    case ATTR_PAIRS:
        for (int i = 0; i < a->ints.n; i++)
            h = hash_number(h, (uint64_t)a->ints.v[i]);
        return h;
    default:
        return hash_number(h, (uint64_t)a->i);
    }
}

static uint64_t hash_leaf(uint64_t h, const struct node *n) {
    enum { MOST_BYTES = 1 << 20 };
    switch (n->op->id) {
    case OP_placeholder:
        return hash_text(h, n->name);
    case OP_variable:
        return hash_text(h, n->variable->path);
    case OP_constant: {
        size_t bytes = tensor_bytes(n->value);
        return hash_bytes(n->value->data, bytes < MOST_BYTES ? bytes : MOST_BYTES, h);
    }
    default:
        return h;
    }
}

static uint64_t hash_nodes(struct interp *in, uint64_t h, struct graph *g, struct node **nodes,
                           int n_nodes) {
    struct arena scratch = {0};
    struct node_list order = graph_order(g, &scratch, nodes, n_nodes, NULL, NULL);
    for (int i = 0; i < order.n; i++) {
        struct node *n = order.at[i];
        n->number = i;
        h = hash_text(h, n->op->name);
        for (int k = 0; k < n->n_in; k++)
            h = hash_number(h, (uint64_t)n->in[k]->number);
        for (int k = 0; k < n->op->n_settings; k++)
            h = hash_attr(in, h, &n->attr[k]);
        h = hash_text(hash_leaf(h, n), n->path);
        if (n->op->id == OP_scan)
            h = hash_nodes(in, h, &n->loop->graph, n->loop->result, loop_n_results(n->loop));
    }
    for (int i = 0; i < n_nodes; i++)
        h = hash_number(h, (uint64_t)nodes[i]->number);
    arena_free(&scratch);
    return h;
}

/* Settings and inputs by what they are, not by where they lie in memory: the same in every run. */
static uint64_t hash_content(struct interp *in, const struct op *op, struct node **inputs, int n_in,
                             const struct attr *attr) {
    uint64_t h = 0;
    for (int i = 0; attr && i < op->n_settings; i++)
        h = hash_attr(in, h, &attr[i]);
    return n_in ? hash_nodes(in, h, in->o.graph, inputs, n_in) : h;
}

/* The expression that made a path's node, evaluated again with the same inputs and settings, gives
 * that node; with others (another layer's output in a loop) it draws under a path with their hash
 * behind it. Another expression takes the next number. */
struct node *build_random(struct interp *in, const struct op *op, struct node **inputs, int n_in,
                          const struct attr *attr, const struct span *at) {
    path_claim_body(in);
    const char *wanted = path_join(in, op->name);
    uint64_t content = hash_content(in, op, inputs, n_in, attr);
    struct path_entry *e;
    for (int k = 1;; k++) {
        e = find(in, numbered(in, wanted, k));
        if (!e->used || e->site == in->build.origin)
            break;
    }
    if (!e->used)
        e->used = true, e->site = in->build.origin, e->content = content;
    const char *path = e->path;
    if (e->content != content) {
        char text[MAX_PATH + 40];
        int n = snprintf(text, sizeof text, "%s#%08x", path, (unsigned)(content ^ content >> 32));
        path = intern_text(in->o.names, text, (size_t)n);
    }
    struct node *n = build_op(&in->build, op->id, inputs, n_in, attr, at, path);
    trace_note_draw(in, n);
    return n;
}

/* ---- what a binding names */

/* Only what was made by the binding's own right side takes its name: W = weight_variable([3])
 * names the variable W, V = W leaves it. The longer path stays taken, because draws are named
 * after it. */
static void rename_variable(struct interp *in, struct variable *v, const char *path) {
    size_t n = strlen(path);
    if (v->path == path || strncmp(v->path, path, n) || v->path[n] != '/' ||
        strchr(v->path + n + 1, '/'))
        return;
    v->path = path_claim(in, path);
    v->node->name = v->path;
}

static const char *sub_path(struct interp *in, const char *path, const char *component, int i) {
    char text[MAX_PATH + 32];
    int n = component ? snprintf(text, sizeof text, "%s/%s", path, component)
                      : snprintf(text, sizeof text, "%s/%d", path, i);
    return intern_text(in->o.names, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

/* What a value holds: elements, and a record's names for them. */
static int parts_of(struct value v, const struct value **at, const char *const **name) {
    *name = v.kind == VALUE_RECORD ? v.record->name : NULL;
    *at = v.kind == VALUE_CHAIN    ? v.chain->at
          : v.kind == VALUE_LIST   ? v.list->at
          : v.kind == VALUE_RECORD ? v.record->at
                                   : NULL;
    return v.kind == VALUE_CHAIN    ? v.chain->n
           : v.kind == VALUE_LIST   ? v.list->n
           : v.kind == VALUE_RECORD ? v.record->n
                                    : 0;
}

enum { DEEPEST = 16 }; /* of lists in lists */

static bool awaits_name(struct value v, int depth) {
    const struct value *at;
    const char *const *name;
    if (v.kind == VALUE_INSTANCE)
        return v.instance->provisional;
    int n = depth < DEEPEST ? parts_of(v, &at, &name) : 0;
    bool whole_list = v.kind == VALUE_LIST && depth == 0;
    for (int i = whole_list ? v.list->n_named : 0; i < n; i++)
        if (awaits_name(at[i], depth + 1))
            return true;
    if (whole_list) /* who has a name keeps it */
        v.list->n_named = n;
    return false;
}

/* Layers that a value is or holds; tensors in a list are named by their own bindings. */
static void name_inside(struct interp *in, struct value v, const char *path, int depth) {
    const struct value *at;
    const char *const *name;
    if (!awaits_name(v, depth))
        return;
    if (v.kind == VALUE_INSTANCE) {
        v.instance->path = path;
        path_settle(in, v.instance);
        return;
    }
    int n = parts_of(v, &at, &name);
    for (int i = 0; i < n; i++)
        if (awaits_name(at[i], depth + 1))
            name_inside(in, at[i], sub_path(in, path, name ? name[i] : NULL, i), depth + 1);
}

/* A setting is a binding too: in r = residual(dense(8)) the inner layer is called r/inner. */
void path_settle(struct interp *in, struct instance *i) {
    const struct ast *settings = i->definition->tree->kids[0];
    i->provisional = false;
    for (int k = 0; k < settings->n_kids; k++) {
        const char *name = settings->kids[k]->text;
        const struct value *v = scope_find_own(i->settings, name);
        if (v && awaits_name(*v, 0))
            name_inside(in, *v, sub_path(in, i->path, name, 0), 0);
    }
}

void name_value(struct interp *in, struct value v, const char *path) {
    switch (v.kind) {
    case VALUE_TENSOR:
        if (v.node->op->id == OP_variable)
            rename_variable(in, v.node->variable, path);
        else if (!v.node->name && v.node->op->trait != OP_LEAF)
            v.node->name = path;
        break;
    case VALUE_STEP:
        if (v.step->provisional)
            v.step->path = path, v.step->provisional = false;
        break;
    default:
        name_inside(in, v, path, 0);
        break;
    }
}
