/* custom_gradient: its first input, with a gradient that a script wrote. The inputs are the value y,
 * the `arguments` that y was made of, and for each of them its gradient: an expression of the
 * script over the arguments and over result_gradient(y), which stands for the gradient of the loss
 * with respect to y, and result_value(y), which stands for the custom_gradient node. Differentiating
 * puts the true ones in their places, so what comes out is graph, and has gradients itself.
 *
 * y reads its arguments through stop_gradient: what flows back through the first input reaches
 * only what else y is made of. None of these ops is ever run: the passes leave them out. */
#include "ops/ops.h"

#ifdef OPS_RULES

bool custom_gradient_shape(struct shape_call *c) {
    int n = (int)c->attr[0].i;
    c->out = c->in[0];
    c->out_dtype = c->in_dtype[0];
    for (int i = 1; i <= n && c->n_in == 1 + 2 * n; i++)
        if (c->in_dtype[i] != c->in_dtype[n + i] || c->in[i].rank != c->in[n + i].rank)
            return shape_refuse(c, E_SHAPE, "%s: the gradient of argument %d is not like it",
                                c->spelling, i - 1);
    return c->n_in == 1 + 2 * n ? true
                                : shape_refuse(c, E_SHAPE, "%s: %d inputs for %d arguments",
                                               c->spelling, c->n_in, n);
}

/* Nodes by address, and what stands for them. The numbers of nodes are the caller's walk's. */
struct substitution {
    struct arena arena;
    uint32_t cap; /* a power of two */
    struct substitute {
        const struct node *from;
        struct node *to;
    } * slots;
};

static struct substitute *find(const struct substitution *s, const struct node *n) {
    uint32_t i = (uint32_t)(((uintptr_t)n >> 4) * 0x9E3779B97F4A7C15u >> 32);
    while (s->slots[i & (s->cap - 1)].from && s->slots[i & (s->cap - 1)].from != n)
        i++;
    return &s->slots[i & (s->cap - 1)];
}

static struct node *substituted(const struct substitution *s, struct node *n) {
    const struct substitute *slot = find(s, n);
    return slot->from ? slot->to : n;
}

/* Copies what depends on result_gradient(y) or result_value(y). */
static void substitute(struct substitution *s, struct graph *g, struct node *const *roots, int n,
                       struct node *node, struct node *dy) {
    struct node_list order = graph_order(g, &s->arena, roots, n, NULL, NULL);
    for (s->cap = 16; s->cap < 2 * (uint32_t)order.n;)
        s->cap *= 2;
    s->slots = arena_array(&s->arena, struct substitute, s->cap);
    for (int i = 0; i < order.n; i++) {
        struct node *from = order.at[i], like = *from, *to = NULL;
        bool own = from->n_in == 1 && from->in[0] == node->in[0];
        if (own && from->op->id == OP_result_gradient)
            to = dy;
        if (own && from->op->id == OP_result_value)
            to = node;
        bool changed = to != NULL;
        /* another custom_gradient of the same y has stand-ins of its own in its gradients */
        bool binds = from->op->id == OP_custom_gradient && from->in[0] == node->in[0];
        int n_open = binds ? 1 + (int)from->attr[0].i : from->n_in;
        like.in = arena_array(&s->arena, struct node *, from->n_in);
        for (int k = 0; k < from->n_in; k++) {
            like.in[k] = k < n_open ? substituted(s, from->in[k]) : from->in[k];
            changed |= like.in[k] != from->in[k];
        }
        if (!changed)
            continue;
        if (!to)
            to = graph_intern(g, &like);
        *find(s, from) = (struct substitute){from, to};
    }
}

void custom_gradient_gradient(struct gradient_call *c) {
    struct node *node = (struct node *)c->node;
    int n = (int)node->attr[0].i;
    struct substitution s = {0};
    if (c->need[0])
        c->dx[0] = c->dy;
    substitute(&s, c->b->graph, node->in + 1 + n, n, node, c->dy);
    for (int i = 1; i <= n; i++)
        if (c->need[i])
            c->dx[i] = substituted(&s, node->in[n + i]);
    arena_free(&s.arena);
}

#endif
