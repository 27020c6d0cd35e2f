/* Names that last: the path of a variable, an instance or a draw is the path of bindings that reaches it, so an unrelated line of a script changes none. A component
 * is pushed while the right side of a binding, an element of a list or a layer's body is evaluated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

/* Paths in use. A path of a draw keeps its node, to give it again to the same expression. */
struct path_entry {
    const char *path;
    struct node *draw;
    bool used;
    int next; /* for path_claim: no number below this is free */
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
    int k = find(in, wanted)->next;
    for (k = k ? k : 1;; k++) {
        struct path_entry *e = find(in, numbered(in, wanted, k));
        if (e->used)
            continue;
        e->used = true;
        const char *path = e->path;
        find(in, wanted)->next = k + 1;
        return path;
    }
}

void path_release(struct interp *in, const char *path) {
    struct path_entry *e = find(in, path);
    e->used = false;
    e->draw = NULL;
    e->next = 0;
}

static bool same_draw(const struct node *a, const struct op *op, struct node **inputs, int n_in,
                      const struct node *b) {
    if (a->op != op || a->n_in != n_in)
        return false;
    for (int i = 0; i < n_in; i++)
        if (a->in[i] != inputs[i])
            return false;
    return b == a;
}

/* The expression that made a path's node, evaluated again with the same inputs, gives that node; a different one takes the next number. Whether the settings
 * are the same too is what interning under the same path tells. */
struct node *build_random(struct interp *in, const struct op *op, struct node **inputs, int n_in,
                          const struct attr *attr, const struct span *at) {
    const char *wanted = path_join(in, op->name);
    for (int k = 1;; k++) {
        struct path_entry *e = find(in, numbered(in, wanted, k));
        if (e->used && (!e->draw || e->draw->origin != in->build.origin))
            continue;
        const char *path = e->path;
        struct node *n = build_op(&in->build, op->id, inputs, n_in, attr, at, path);
        if (!n)
            return NULL;
        e = find(in, path);
        if (!e->used) {
            e->used = true, e->draw = n;
            return n;
        }
        if (same_draw(e->draw, op, inputs, n_in, n))
            return n;
    }
}

static void rename_instance(struct interp *in, struct instance *i, const char *path) {
    if (!i->provisional)
        return;
    path_release(in, i->path);
    i->path = path_claim(in, path);
    i->provisional = false;
}

/* Only what was made by the binding's own right side takes its name: W = weight_variable([3]) names the variable W, V = W leaves it. */
static void rename_variable(struct interp *in, struct variable *v, const char *path) {
    size_t n = strlen(path);
    if (v->path == path || strncmp(v->path, path, n) || v->path[n] != '/' ||
        strchr(v->path + n + 1, '/'))
        return;
    path_release(in, v->path);
    v->path = path_claim(in, path);
    v->node->name = v->path;
}

static const char *sub_path(struct interp *in, const char *path, const char *component, int i) {
    char text[MAX_PATH + 32];
    int n = component ? snprintf(text, sizeof text, "%s/%s", path, component)
                      : snprintf(text, sizeof text, "%s/%d", path, i);
    return intern_text(in->o.names, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void name_value(struct interp *in, struct value v, const char *path) {
    switch (v.kind) {
    case VALUE_TENSOR:
        if (v.node->op->id == OP_variable)
            rename_variable(in, v.node->variable, path);
        else if (!v.node->name && v.node->op->trait != OP_LEAF)
            v.node->name = path;
        break;
    case VALUE_INSTANCE:
        rename_instance(in, v.instance, path);
        break;
    case VALUE_STEP:
        if (v.step->provisional)
            v.step->path = path, v.step->provisional = false;
        break;
    case VALUE_CHAIN:
        for (int i = 0; i < v.chain->n; i++)
            name_value(in, v.chain->at[i], sub_path(in, path, NULL, i));
        break;
    case VALUE_LIST: /* instances only: tensors in a list are named by their own bindings */
        for (int i = 0; i < v.list->n; i++)
            if (v.list->at[i].kind == VALUE_INSTANCE || v.list->at[i].kind == VALUE_CHAIN)
                name_value(in, v.list->at[i], sub_path(in, path, NULL, i));
        break;
    case VALUE_RECORD:
        for (int i = 0; i < v.record->n; i++)
            if (v.record->at[i].kind == VALUE_INSTANCE || v.record->at[i].kind == VALUE_CHAIN)
                name_value(in, v.record->at[i], sub_path(in, path, v.record->name[i], 0));
        break;
    default:
        break;
    }
}
