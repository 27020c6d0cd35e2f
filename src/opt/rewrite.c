/* The walk of the rewriting passes. Linear in the graph: each node is copied at most once a
 * walk, and a rule looks a few nodes deep. */
#include <assert.h>
#include <string.h>

#include "opt/rewrite.h"

enum { MAX_STEPS = 32, MAX_UNIFORM_ELEMENTS = 64 };

struct node *rewrite_inputs(struct program *p, struct node *n, struct node *const *in) {
    struct node like = *n;
    like.in = (struct node **)in;
    struct node *made = graph_intern(&p->graph, &like);
    made->name = made->name ? made->name : n->name;
    return made;
}

struct node *rewrite_stretch(struct program *p, struct node *x, const struct node *like) {
    return build_broadcast(&p->build, x, &like->shape);
}

bool rewrite_is_uniform(const struct node *n, double *value) {
    if (n->op->id == OP_fill) return *value = n->attr[0].f, true;
    if (n->op->id != OP_constant || n->value->n_elements < 1 ||
        n->value->n_elements > MAX_UNIFORM_ELEMENTS)
        return false;
    *value = tensor_get(n->value, 0);
    for (int64_t i = 1; i < n->value->n_elements; i++)
        if (tensor_get(n->value, i) != *value) return false;
    return true;
}

static struct node *improve(struct program *p, struct node *n,
                            struct node *(*step)(struct program *p, struct node *n)) {
    const char *name = n->name;
    p->build.origin = n->origin;
    for (int i = 0; i < MAX_STEPS; i++) {
        struct node *better = step(p, n);
        if (!better || better == n) break;
        assert(shape_same(&better->shape, &n->shape) && better->dtype == n->dtype);
        n = better;
    }
    if (!n->name && n->op->id != OP_constant) n->name = name;
    return n;
}

bool rewrite_walk(struct program *p, struct node *(*step)(struct program *p, struct node *n)) {
    struct arena scratch = {0};
    struct node_list order = graph_order(&p->graph, &scratch, p->roots, p->n_roots, NULL, NULL);
    struct node **became = arena_array(&scratch, struct node *, order.n);
    bool *is_root = arena_array(&scratch, bool, order.n);
    int widest = 1;
    for (int i = 0; i < order.n; i++) {
        order.at[i]->number = i;
        if (order.at[i]->n_in > widest) widest = order.at[i]->n_in;
    }
    for (int r = 0; r < p->n_roots; r++) is_root[p->roots[r]->number] = true;
    struct node **in = arena_array(&scratch, struct node *, widest);
    bool changed = false;
    for (int i = 0; i < order.n; i++) {
        struct node *n = order.at[i];
        bool moved = false;
        for (int k = 0; k < n->n_in; k++) {
            in[k] = became[n->in[k]->number];
            /* what reads the result of an assignment reads the value: the chain may then run as
             * one */
            if (in[k]->op->id == OP_assign && is_root[n->in[k]->number]) in[k] = in[k]->in[1];
            moved |= in[k] != n->in[k];
        }
        became[i] = improve(p, moved ? rewrite_inputs(p, n, in) : n, step);
        changed |= became[i] != n;
    }
    for (int r = 0; r < p->n_roots; r++) p->roots[r] = became[p->roots[r]->number];
    p->build.origin = NULL;
    arena_free(&scratch);
    return changed;
}
