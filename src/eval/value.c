/* The heap of host values: allocation, mark and sweep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/value.h"

/* What a tensor takes beside its elements, headers of the allocator included: of small ones it is
 * nearly all. */
enum { TENSOR_OVERHEAD = 256 };

static void *or_die(void *p) {
    if (p)
        return p;
    fputs("nnrun: out of memory\n", stderr);
    exit(70);
}

void *heap_new(struct heap *h, enum value_kind kind, size_t bytes) {
    struct object *o = or_die(calloc(1, bytes));
    o->kind = kind;
    o->next = h->objects;
    h->objects = o;
    h->since_bytes += bytes;
    return o;
}

struct value value_string(struct heap *h, const char *text, size_t n) {
    struct string *s = heap_new(h, VALUE_STRING, sizeof *s + n + 1);
    if (text && n)
        memcpy(s->text, text, n);
    s->n = n;
    return V_OBJECT(VALUE_STRING, s);
}

static struct list_items *items_new(struct heap *h, int cap) {
    size_t bytes = sizeof(struct list_items) + (size_t)cap * sizeof(struct value);
    struct list_items *items = or_die(malloc(bytes));
    items->refs = 1, items->used = 0, items->cap = cap;
    h->since_bytes += bytes;
    return items;
}

static void items_unref(struct list_items *items) {
    if (items && --items->refs == 0)
        free(items);
}

struct value value_list(struct heap *h, int n) {
    struct list *l = heap_new(h, VALUE_LIST, sizeof *l);
    l->n = n;
    if (!n)
        return V_OBJECT(VALUE_LIST, l);
    l->items = items_new(h, n);
    l->items->used = n;
    l->at = l->items->at;
    memset(l->at, 0, (size_t)n * sizeof *l->at);
    return V_OBJECT(VALUE_LIST, l);
}

/* The elements of `l` at the beginning of a block with room for `more`, which nobody else uses from
 * there on. */
static struct list_items *extend_items(struct heap *h, const struct list *l, int more) {
    struct list_items *items = l->items;
    if (items && items->used == l->n && items->cap - l->n >= more) {
        items->refs++;
        return items;
    }
    int n = l->n + more;
    items = items_new(h, n < 8 ? n : n + n / 2);
    if (l->n)
        memcpy(items->at, l->at, (size_t)l->n * sizeof *l->at);
    return items;
}

struct value value_list_sum(struct heap *h, const struct list *a, const struct list *b) {
    struct list *sum = heap_new(h, VALUE_LIST, sizeof *sum);
    sum->n = a->n + b->n;
    if (!sum->n)
        return V_OBJECT(VALUE_LIST, sum);
    sum->items = extend_items(h, a, b->n);
    sum->at = sum->items->at;
    if (b->n)
        memcpy(sum->at + a->n, b->at, (size_t)b->n * sizeof *b->at);
    sum->items->used = sum->n;
    sum->n_named = a->n_named;
    return V_OBJECT(VALUE_LIST, sum);
}

struct value value_range(struct heap *h, int64_t first, int64_t end, int64_t step) {
    struct range *r = heap_new(h, VALUE_RANGE, sizeof *r);
    r->first = first, r->end = end, r->step = step;
    return V_OBJECT(VALUE_RANGE, r);
}

struct value value_chain(struct heap *h, const struct list *all) {
    struct chain *c = heap_new(h, VALUE_CHAIN, sizeof *c);
    c->at = or_die(malloc((size_t)(all->n + 1) * sizeof *c->at));
    memcpy(c->at, all->at, (size_t)all->n * sizeof *c->at);
    c->n = all->n;
    return V_OBJECT(VALUE_CHAIN, c);
}

struct value value_record(struct heap *h) {
    return V_OBJECT(VALUE_RECORD, heap_new(h, VALUE_RECORD, sizeof(struct record)));
}

struct value value_array(struct heap *h, struct tensor *t) {
    struct array *a = heap_new(h, VALUE_ARRAY, sizeof *a);
    a->tensor = t;
    if (!t->base)
        h->since_bytes += tensor_bytes(t) + TENSOR_OVERHEAD;
    return V_OBJECT(VALUE_ARRAY, a);
}

void list_append(struct heap *h, struct list *l, struct value v) {
    struct list_items *items = extend_items(h, l, l->n < 4 ? 4 : 1);
    items_unref(l->items);
    l->items = items;
    l->at = items->at;
    l->at[l->n++] = v;
    items->used = l->n;
}

void record_set(struct heap *h, struct record *r, const char *name, struct value v) {
    for (int i = 0; i < r->n; i++)
        if (r->name[i] == name) {
            r->at[i] = v;
            return;
        }
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 4;
        r->at = or_die(realloc(r->at, (size_t)r->cap * sizeof *r->at));
        r->name = or_die(realloc(r->name, (size_t)r->cap * sizeof *r->name));
        h->since_bytes += (size_t)r->cap * sizeof *r->at;
    }
    r->name[r->n] = name;
    r->at[r->n++] = v;
}

const struct value *record_get(const struct record *r, const char *name) {
    for (int i = 0; i < r->n; i++)
        if (r->name[i] == name)
            return &r->at[i];
    return NULL;
}

struct scope *scope_new(struct heap *h, struct scope *parent) {
    struct scope *s = heap_new(h, (enum value_kind)OBJECT_SCOPE, sizeof *s);
    s->parent = parent;
    return s;
}

/* Names are interned, so their address is their hash. */
static int scope_slot(const struct scope *s, const char *name) {
    size_t i = ((uintptr_t)name >> 3) * 0x9E3779B97F4A7C15u >> 40;
    for (i &= (size_t)s->cap - 1; s->name[i] && s->name[i] != name;)
        i = (i + 1) & ((size_t)s->cap - 1);
    return (int)i;
}

static void scope_grow(struct scope *s) {
    struct scope old = *s;
    s->cap = old.cap ? 2 * old.cap : 8;
    s->at = or_die(malloc((size_t)s->cap * (sizeof *s->at + sizeof *s->name)));
    s->name = (const char **)(s->at + s->cap);
    memset(s->name, 0, (size_t)s->cap * sizeof *s->name);
    for (int i = 0; i < old.cap; i++) {
        if (!old.name[i])
            continue;
        int slot = scope_slot(s, old.name[i]);
        s->name[slot] = old.name[i], s->at[slot] = old.at[i];
    }
    free(old.at);
}

void scope_set(struct heap *h, struct scope *s, const char *name, struct value v) {
    if (4 * (s->n + 1) > 3 * s->cap) {
        scope_grow(s);
        h->since_bytes += (size_t)s->cap * (sizeof *s->at + sizeof *s->name);
    }
    int i = scope_slot(s, name);
    if (!s->name[i])
        s->name[i] = name, s->n++;
    s->at[i] = v;
}

struct value *scope_find_own(struct scope *s, const char *name) {
    if (!s->cap)
        return NULL;
    int i = scope_slot(s, name);
    return s->name[i] ? &s->at[i] : NULL;
}

struct value *scope_find(struct scope *s, const char *name) {
    for (; s; s = s->parent) {
        struct value *v = scope_find_own(s, name);
        if (v)
            return v;
    }
    return NULL;
}

struct scope_state scope_save(const struct scope *s) {
    struct scope_state state = {.n = s->n, .cap = s->cap};
    if (!s->cap)
        return state;
    size_t bytes = (size_t)s->cap * (sizeof *s->at + sizeof *s->name);
    state.at = or_die(malloc(bytes));
    state.name = (const char **)(state.at + s->cap);
    memcpy(state.at, s->at, bytes);
    return state;
}

void scope_restore(struct scope *s, struct scope_state *state) {
    free(s->at);
    s->n = state->n, s->cap = state->cap, s->name = state->name, s->at = state->at;
    *state = (struct scope_state){0};
}

void scope_state_free(struct scope_state *state) {
    free(state->at);
    *state = (struct scope_state){0};
}

void value_mark(struct heap *h, struct graph *g, struct value v) {
    if (v.kind == VALUE_TENSOR)
        graph_mark(g, v.node);
    else if (v.kind >= VALUE_STRING)
        object_mark(h, v.object);
}

void object_mark(struct heap *h, struct object *o) {
    if (!o || o->marked)
        return;
    o->marked = true;
    o->gray = h->gray;
    h->gray = o;
}

static void mark_all(struct heap *h, struct graph *g, const struct value *at, int n) {
    h->n_visited += (size_t)n;
    for (int i = 0; i < n; i++)
        value_mark(h, g, at[i]);
}

static void mark_inside(struct heap *h, struct graph *g, struct object *o) {
    switch ((int)o->kind) {
    case VALUE_LIST:
        mark_all(h, g, ((struct list *)o)->at, ((struct list *)o)->n);
        break;
    case VALUE_RECORD:
        mark_all(h, g, ((struct record *)o)->at, ((struct record *)o)->n);
        break;
    case VALUE_CHAIN:
        mark_all(h, g, ((struct chain *)o)->at, ((struct chain *)o)->n);
        break;
    case VALUE_FUNCTION:
        object_mark(h, &((struct function *)o)->scope->o);
        break;
    case VALUE_DEFINITION:
        object_mark(h, &((struct definition *)o)->scope->o);
        break;
    case VALUE_METHOD:
        value_mark(h, g, ((struct method *)o)->self);
        break;
    case VALUE_INSTANCE: {
        struct instance *i = (struct instance *)o;
        object_mark(h, &i->definition->o);
        object_mark(h, &i->settings->o);
        object_mark(h, &i->variables->o);
        for (int k = 0; k < i->n_children; k++)
            object_mark(h, &i->children[k].instance->o);
        break;
    }
    case VALUE_DATASET: {
        const struct dataset_map *m = ((struct dataset_object *)o)->map;
        for (int i = 0; m && i < m->n_in; i++)
            graph_mark(g, m->in[i]);
        for (int i = 0; m && i < m->n_out; i++)
            graph_mark(g, m->out[i]);
        break;
    }
    case VALUE_BATCHES:
        object_mark(h, &((struct batches *)o)->set->o);
        break;
    case OBJECT_SCOPE: {
        struct scope *s = (struct scope *)o;
        h->n_visited += (size_t)s->cap;
        for (int i = 0; i < s->cap; i++)
            if (s->name[i])
                value_mark(h, g, s->at[i]);
        if (s->parent)
            object_mark(h, &s->parent->o);
        break;
    }
    case VALUE_STEP: {
        struct step_object *s = (struct step_object *)o;
        graph_mark(g, s->loss);
        for (int i = 0; i < s->n_effects; i++)
            graph_mark(g, s->effects[i]);
        break;
    }
    default:
        break;
    }
}

void heap_mark_insides(struct heap *h, struct graph *g) {
    h->n_visited = 0;
    while (h->gray) {
        struct object *o = h->gray;
        h->gray = o->gray;
        h->n_visited++;
        mark_inside(h, g, o);
    }
}

static void object_free(struct object *o) {
    switch ((int)o->kind) {
    case VALUE_LIST:
        items_unref(((struct list *)o)->items);
        break;
    case VALUE_RECORD:
        free(((struct record *)o)->at), free(((struct record *)o)->name);
        break;
    case VALUE_CHAIN:
        free(((struct chain *)o)->at);
        break;
    case VALUE_ARRAY:
        tensor_unref(((struct array *)o)->tensor);
        break;
    case VALUE_INSTANCE:
        free(((struct instance *)o)->children);
        break;
    case VALUE_STEP:
        free(((struct step_object *)o)->effects);
        break;
    case OBJECT_SCOPE:
        free(((struct scope *)o)->at);
        break;
    case VALUE_DATASET:
        if (((struct dataset_object *)o)->owner)
            dataset_release(((struct dataset_object *)o)->dataset);
        arena_free(&((struct dataset_object *)o)->arena);
        break;
    default:
        break;
    }
    free(o);
}

void heap_sweep(struct heap *h) {
    struct object **link = &h->objects;
    while (*link) {
        struct object *o = *link;
        if (o->marked) {
            o->marked = false;
            link = &o->next;
            continue;
        }
        *link = o->next;
        object_free(o);
    }
    h->since_bytes = 0;
}

static bool holds_node(const struct value *at, int n) {
    for (int i = 0; i < n; i++)
        if (at[i].kind == VALUE_TENSOR)
            return true;
    return false;
}

/* Of those that settle: nothing that is made later is put into it. */
static bool is_final(const struct object *o) {
    const struct scope *s = (const struct scope *)o;
    switch ((int)o->kind) {
    case VALUE_STRING:
    case VALUE_RANGE:
    case VALUE_ARRAY:
    case VALUE_FUNCTION:
    case VALUE_DEFINITION:
        return true;
    case VALUE_LIST:
        return !holds_node(((const struct list *)o)->at, ((const struct list *)o)->n);
    case VALUE_RECORD:
        return !holds_node(((const struct record *)o)->at, ((const struct record *)o)->n);
    case OBJECT_SCOPE: /* of a library file, which has been run */
        for (int i = 0; i < s->cap; i++)
            if (s->name[i] && holds_node(&s->at[i], 1))
                return false;
        return true;
    default:
        return false;
    }
}

void heap_settle(struct heap *h, const struct object *except) {
    for (const struct object *o = h->objects; o; o = o->next)
        if (o != except && !is_final(o))
            return;
    for (struct object **link = &h->objects, *o; (o = *link);) {
        if (o == except) {
            link = &o->next;
            continue;
        }
        *link = o->next;
        o->next = h->settled;
        o->marked = true;
        h->settled = o;
    }
}

static void free_all(struct object *o) {
    for (struct object *next; o; o = next)
        next = o->next, object_free(o);
}

void heap_free(struct heap *h) {
    free_all(h->objects);
    free_all(h->settled);
    *h = (struct heap){0};
}

const char *value_kind_words(enum value_kind kind) {
    static const char *const words[] = {
        [VALUE_NONE] = "none",
        [VALUE_POISON] = "nothing",
        [VALUE_UNKNOWN] = "something",
        [VALUE_BOOL] = "a bool",
        [VALUE_INT] = "a whole number",
        [VALUE_FLOAT] = "a number",
        [VALUE_DTYPE] = "a dtype",
        [VALUE_DIM] = "a dimension",
        [VALUE_OP] = "an op",
        [VALUE_BUILTIN] = "a builtin function",
        [VALUE_TENSOR] = "a tensor",
        [VALUE_STRING] = "a string",
        [VALUE_LIST] = "a list",
        [VALUE_RECORD] = "a record",
        [VALUE_RANGE] = "a range",
        [VALUE_ARRAY] = "an array",
        [VALUE_FUNCTION] = "a function",
        [VALUE_DEFINITION] = "a definition",
        [VALUE_INSTANCE] = "a layer or optimizer",
        [VALUE_CHAIN] = "a chain of functions",
        [VALUE_METHOD] = "a method",
        [VALUE_STEP] = "a training step",
        [VALUE_DATASET] = "a data set",
        [VALUE_BATCHES] = "the batches of a data set",
        [VALUE_MODULE] = "a module",
    };
    return words[kind];
}

bool value_is(struct value a, struct value b) {
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_NONE:
    case VALUE_POISON:
    case VALUE_UNKNOWN:
        return true;
    case VALUE_BOOL:
        return a.b == b.b;
    case VALUE_INT:
        return a.i == b.i;
    case VALUE_FLOAT:
        return !memcmp(&a.f, &b.f, sizeof a.f);
    case VALUE_DTYPE:
        return a.dtype == b.dtype;
    case VALUE_DIM:
        return dim_same(a.dim, b.dim);
    default: /* all others are one pointer */
        return a.object == b.object;
    }
}
