/* Nodes, hash-consing, sweeping and walks.
 *
 * Interning compares op, inputs, settings, result type and payload, so that building the same
 * expression twice gives one node and a loop that builds what it evaluates adds nothing.
 * Placeholders are never merged: each declaration is its own. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "ir/loop.h"

void graph_init(struct graph *g, struct arena *arena) { *g = (struct graph){.arena = arena}; }

static void node_release(struct node *n) {
    if (n->op->id == OP_constant)
        tensor_unref(n->value);
    if (n->op->id == OP_scan)
        loop_unref(n->loop);
}

void graph_free(struct graph *g) {
    for (struct node *n = g->nodes, *next; n; n = next) {
        next = n->list_next;
        node_release(n);
        if (!g->arena)
            free(n);
    }
    free(g->buckets);
    *g = (struct graph){.arena = g->arena};
}

static uint64_t mix(uint64_t h, uint64_t v) {
    h ^= v + 0x9E3779B97F4A7C15u + (h << 6) + (h >> 2);
    return h * 0xBF58476D1CE4E5B9u;
}

static uint64_t hash_shape(uint64_t h, const struct shape *s) {
    h = mix(h, (uint64_t)s->rank);
    for (int i = 0; i < s->rank; i++) {
        h = mix(h, (uint64_t)s->d[i].k);
        for (int j = 0; j < MAX_DIM_SYMBOLS; j++)
            h = mix(h, s->d[i].sym[j]);
    }
    return mix(h, s->on_purpose);
}

static uint64_t hash_attr(uint64_t h, const struct attr *a) {
    h = mix(h, (uint64_t)a->kind);
    switch (a->kind) {
    case ATTR_UNSET:
        return h;
    case ATTR_SHAPE:
        return hash_shape(h, &a->shape);
    case ATTR_INTS:
    case ATTR_AXES:
    case ATTR_PAIRS:
        h = mix(h, (uint64_t)a->ints.n);
        for (int i = 0; i < a->ints.n; i++)
            h = mix(h, (uint64_t)a->ints.v[i]);
        return h;
    case ATTR_DTYPE:
        return mix(h, (uint64_t)a->dtype);
    default:
        return mix(h, (uint64_t)a->i); /* the union's first eight bytes: i, f, s */
    }
}

static bool attr_same(const struct attr *a, const struct attr *b) {
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case ATTR_UNSET:
        return true;
    case ATTR_SHAPE:
        return shape_same(&a->shape, &b->shape) && a->shape.on_purpose == b->shape.on_purpose;
    case ATTR_INTS:
    case ATTR_AXES:
    case ATTR_PAIRS:
        if (a->ints.n != b->ints.n)
            return false;
        for (int i = 0; i < a->ints.n; i++)
            if (a->ints.v[i] != b->ints.v[i])
                return false;
        return true;
    case ATTR_DTYPE:
        return a->dtype == b->dtype;
    default:
        return a->i == b->i;
    }
}

/* Small constants are equal when their bytes are; large ones only when they are the same
 * storage. */
enum { SMALL_CONSTANT_BYTES = 256 };

static bool small(const struct tensor *t) {
    return tensor_bytes(t) <= SMALL_CONSTANT_BYTES && !t->phantom;
}

static uint64_t hash_node(const struct node *n) {
    uint64_t h = mix((uint64_t)n->op->id, (uint64_t)n->dtype);
    for (int i = 0; i < n->n_in; i++)
        h = mix(h, (uint64_t)(uintptr_t)n->in[i]);
    for (int i = 0; i < n->op->n_settings; i++)
        h = hash_attr(h, &n->attr[i]);
    if (n->path)
        h = mix(h, (uint64_t)(uintptr_t)n->path);
    if (n->op->id == OP_constant)
        h = mix(h, small(n->value) ? hash_bytes(n->value->data, tensor_bytes(n->value), 0)
                                   : (uint64_t)(uintptr_t)n->value->data);
    else if (n->op->id == OP_variable)
        h = mix(h, (uint64_t)(uintptr_t)n->variable);
    else if (n->op->id == OP_scan)
        h = mix(h, n->loop->hash);
    return h;
}

static bool same_constant(const struct tensor *a, const struct tensor *b) {
    if (a == b)
        return true;
    if (a->rank != b->rank || memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim))
        return false;
    if (a->data == b->data)
        return true;
    return small(a) && small(b) && !memcmp(a->data, b->data, tensor_bytes(a));
}

bool graph_same_form(const struct node *a, const struct node *b) {
    if (a->op != b->op || a->dtype != b->dtype || a->path != b->path ||
        !shape_same(&a->shape, &b->shape) || a->shape.on_purpose != b->shape.on_purpose)
        return false;
    for (int i = 0; i < a->op->n_settings; i++)
        if (!attr_same(&a->attr[i], &b->attr[i]))
            return false;
    switch (a->op->id) {
    case OP_constant:
        return same_constant(a->value, b->value);
    case OP_variable:
        return a->variable == b->variable;
    case OP_scan:
        return loop_same(a->loop, b->loop);
    default:
        return true;
    }
}

static bool same_node(const struct node *a, const struct node *b) {
    if (a->hash != b->hash || a->n_in != b->n_in || a->op->id == OP_placeholder)
        return false;
    for (int i = 0; i < a->n_in; i++)
        if (a->in[i] != b->in[i])
            return false;
    return graph_same_form(a, b);
}

static void rehash(struct graph *g, uint32_t n_buckets) {
    struct node **fresh = calloc(n_buckets, sizeof *fresh);
    if (!fresh)
        return; /* a fuller table is slower, not wrong */
    for (struct node *n = g->nodes; n; n = n->list_next) {
        struct node **slot = &fresh[n->hash & (n_buckets - 1)];
        n->bucket_next = *slot;
        *slot = n;
    }
    free(g->buckets);
    g->buckets = fresh;
    g->n_buckets = n_buckets;
}

/* One block a node: itself, its inputs, settings and operand spans. */
static struct node *node_copy(struct graph *g, const struct node *like) {
    size_t in_bytes = (size_t)like->n_in * sizeof *like->in;
    size_t attr_bytes = (size_t)like->op->n_settings * sizeof *like->attr;
    size_t at_bytes = like->at ? (size_t)like->n_in * sizeof *like->at : 0;
    size_t bytes = sizeof(struct node) + in_bytes + attr_bytes + at_bytes;
    struct node *n = g->arena ? arena_alloc(g->arena, bytes) : calloc(1, bytes);
    if (!n)
        abort();
    *n = *like;
    char *after = (char *)(n + 1);
    n->attr = (struct attr *)after;
    n->in = (struct node **)(after + attr_bytes);
    struct span *at = (struct span *)(after + attr_bytes + in_bytes);
    if (in_bytes)
        memcpy(n->in, like->in, in_bytes);
    if (attr_bytes)
        memcpy(n->attr, like->attr, attr_bytes);
    if (at_bytes)
        memcpy(at, like->at, at_bytes);
    n->at = at_bytes ? at : NULL;
    return n;
}

struct node *graph_intern(struct graph *g, const struct node *like) {
    struct node probe = *like;
    probe.hash = hash_node(like);
    if (like->op->id == OP_placeholder) /* like none before, nor to be found again */
        probe.hash = mix(probe.hash, g->n_made);
    if (g->n_nodes >= g->n_buckets)
        rehash(g, g->n_buckets ? 2 * g->n_buckets : 256);
    for (struct node *n = g->buckets[probe.hash & (g->n_buckets - 1)]; n; n = n->bucket_next)
        if (same_node(n, &probe))
            return n;
    struct node *n = node_copy(g, &probe);
    n->visit = 0, n->group = 0, n->space = n->row_axis = 0, n->reachable = false;
    if (n->op->id == OP_constant)
        tensor_ref(n->value);
    if (n->op->id == OP_scan)
        loop_ref(n->loop);
    struct node **slot = &g->buckets[n->hash & (g->n_buckets - 1)];
    n->bucket_next = *slot, *slot = n;
    n->list_next = g->nodes, g->nodes = n;
    g->n_nodes++;
    n->serial = (uint32_t)++g->n_made;
    return n;
}

void graph_unmark(struct graph *g) {
    for (struct node *n = g->nodes; n; n = n->list_next)
        n->reachable = false;
}

/* Depth-first with an explicit stack threaded through no memory of its own: chains are long, the C
 * stack is short. */
void graph_mark(struct graph *g, struct node *root) {
    if (!root || root->reachable)
        return;
    struct arena scratch = {0};
    ARRAY(struct node *) stack = {0};
    (void)g;
    root->reachable = true;
    array_push(&scratch, &stack, root);
    while (stack.n) {
        struct node *n = stack.at[--stack.n];
        struct node *extra[2] = {NULL, NULL};
        if (n->op->id == OP_placeholder)
            extra[0] = n->fallback;
        if (n->op->id == OP_variable)
            extra[0] = n->variable->initial, extra[1] = n->variable->node;
        for (int i = 0; i < n->n_in + 2; i++) {
            struct node *next = i < n->n_in ? n->in[i] : extra[i - n->n_in];
            if (!next || next->reachable)
                continue;
            next->reachable = true;
            array_push(&scratch, &stack, next);
        }
    }
    arena_free(&scratch);
}

void graph_sweep(struct graph *g, void (*forget)(void *context, struct node *n), void *context) {
    for (uint32_t i = 0; i < g->n_buckets; i++) {
        struct node **link = &g->buckets[i];
        while (*link)
            if ((*link)->reachable)
                link = &(*link)->bucket_next;
            else
                *link = (*link)->bucket_next;
    }
    struct node **link = &g->nodes;
    while (*link) {
        struct node *n = *link;
        if (n->reachable) {
            link = &n->list_next;
            continue;
        }
        *link = n->list_next;
        if (forget)
            forget(context, n);
        node_release(n);
        if (!g->arena)
            free(n);
        g->n_nodes--;
    }
}

struct node_list graph_order(struct graph *g, struct arena *arena, struct node *const *roots,
                             int n_roots, bool (*stop)(void *context, const struct node *n),
                             void *context) {
    struct arena scratch = {0};
    struct frame {
        struct node *node;
        int next;
    };
    ARRAY(struct frame) stack = {0};
    ARRAY(struct node *) order = {0};
    uint32_t visit = ++g->visit;
    for (int r = 0; r < n_roots; r++) {
        if (!roots[r] || roots[r]->visit == visit)
            continue;
        roots[r]->visit = visit;
        array_push(&scratch, &stack, (struct frame){roots[r], 0});
        while (stack.n) {
            struct frame *top = &stack.at[stack.n - 1];
            struct node *n = top->node;
            int n_in = stop && stop(context, n) ? 0 : n->n_in;
            if (top->next == n_in) {
                array_push(arena, &order, n);
                stack.n--;
                continue;
            }
            struct node *in = n->in[top->next++];
            if (in->visit == visit)
                continue;
            in->visit = visit;
            array_push(&scratch, &stack, (struct frame){in, 0});
        }
    }
    arena_free(&scratch);
    return (struct node_list){order.at, order.n};
}
