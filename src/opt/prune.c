/* Loops keep what somebody needs: a stack that nobody reads is not computed for its own sake, nor a
 * carry that only carries itself on, nor a row or captured tensor that only they read. From the
 * outside in, because what a loop does not need, a loop inside it need not give.
 *
 * Not for: nodes without users (dce.c), which this leaves behind. */
#include "ir/loop.h"
#include "opt/rewrite.h"

void opt_prune(struct program *p);

struct pruning {
    struct program *p;
    struct arena scratch;
    struct node_list order; /* a node's number is its index */
    struct node **became;   /* [order.n] */
    bool **wanted;          /* [order.n] of a scan: [loop_n_values] */
    int **becomes;          /* [order.n] of a scan: its values' new numbers */
};

static void find_wanted(struct pruning *v) {
    for (int i = 0; i < v->order.n; i++) {
        const struct node *n = v->order.at[i];
        if (n->op->id == OP_scan)
            v->wanted[i] = arena_array(&v->scratch, bool, loop_n_values(n->loop));
        if (n->op->id == OP_scan_result)
            v->wanted[n->in[0]->number][n->attr[0].i] = true;
    }
}

static struct node *prune_scan(struct pruning *v, struct node *n, struct node **in) {
    struct loop_body *l = n->loop;
    int *becomes = v->becomes[n->number] = arena_array(&v->scratch, int, loop_n_values(l));
    loop_reduce(l, in, v->wanted[n->number], becomes);
    v->p->build.origin = n->origin;
    v->p->build.spelling = n->spelling;
    struct node *made = build_scan(&v->p->build, loop_ref(l), in, scan_length(n),
                                   n->attr[SCAN_REVERSE].i, n->attr[SCAN_REMEMBER].i);
    struct program body;
    loop_open(l, v->p, &body);
    opt_prune(&body);
    loop_close(l, &body);
    return made;
}

/* n over what its inputs became. */
static struct node *renew(struct pruning *v, struct node *n) {
    bool moved = n->op->id == OP_scan;
    struct node **in = arena_array(&v->scratch, struct node *, n->n_in);
    for (int k = 0; k < n->n_in; k++) {
        in[k] = v->became[n->in[k]->number];
        moved |= in[k] != n->in[k];
    }
    if (!moved)
        return n;
    if (n->op->id == OP_scan)
        return prune_scan(v, n, in);
    if (n->op->id != OP_scan_result)
        return rewrite_inputs(v->p, n, in);
    struct attr which = {.kind = ATTR_INT,
                         .i = v->becomes[n->in[0]->number][n->attr[0].i]};
    struct node other = *n;
    other.attr = &which;
    return rewrite_inputs(v->p, &other, in);
}

void opt_prune(struct program *p) {
    struct pruning v = {.p = p};
    bool any = false;
    v.order = graph_order(&p->graph, &v.scratch, p->roots, p->n_roots, NULL, NULL);
    v.became = arena_array(&v.scratch, struct node *, v.order.n);
    v.wanted = arena_array(&v.scratch, bool *, v.order.n);
    v.becomes = arena_array(&v.scratch, int *, v.order.n);
    for (int i = 0; i < v.order.n; i++) {
        v.order.at[i]->number = i;
        any |= v.order.at[i]->op->id == OP_scan;
    }
    if (any) {
        find_wanted(&v);
        for (int i = 0; i < v.order.n; i++)
            v.became[i] = renew(&v, v.order.at[i]);
        for (int r = 0; r < p->n_roots; r++)
            p->roots[r] = v.became[p->roots[r]->number];
    }
    p->build.origin = NULL;
    p->build.spelling = NULL;
    arena_free(&v.scratch);
}
