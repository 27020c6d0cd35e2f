/* Reverse-mode differentiation (Linnainmaa 1970; Speelpenning 1980), graph to graph.
 *
 * In: a scalar loss and the tensors to differentiate by. Out: for each a node that computes the
 * gradient. Only nodes on a differentiable path between the two are visited backwards; each is
 * asked once, after all its users have contributed, so the work is linear in the graph.
 * Contributions are added in the reverse of the order in which the graph computes, whatever the
 * order of construction was. No recursion: chains of ten thousand nodes are normal.
 *
 * Not for: the gradient of one op (ops/, beside its kernel), and for who may be trained (eval/). */
#include <assert.h>

#include "grad/scan.h"

/* What the walk knows of the nodes below the loss, by their number in `order`. */
struct tape {
    struct build *b;
    struct node_list order;
    bool *wanted;           /* it is one of wrt, or depends differentiably on one */
    struct node **gradient; /* the sum of what users contributed so far; NULL: nothing yet */
    int *first_result, *next_result; /* the results of each scan; -1: end */
};

static bool is_listed(const struct node_list *order, const struct node *n) {
    return n->number >= 0 && n->number < order->n && order->at[n->number] == n;
}

/* Whether a change of n's input i changes n smoothly: both are floats and the op has a gradient.
 * Conditions, indices and comparisons are bools and integers, so the dtypes say it. */
bool grad_flows(const struct node *n, int i) {
    if (n->op->id == OP_scan_result) return dtype_is_float(n->dtype);
    if (n->op->id == OP_scan) return dtype_is_float(n->in[i]->dtype);
    if (n->op->id == OP_custom_gradient && i > n->attr[0].i) return false; /* the gradients */
    return n->op->gradient && dtype_is_float(n->dtype) && dtype_is_float(n->in[i]->dtype);
}

static struct node_list number_nodes(struct graph *g, struct arena *a, struct node *const *y,
                                     int n_y) {
    struct node_list order = graph_order(g, a, y, n_y, NULL, NULL);
    for (int i = 0; i < order.n; i++) order.at[i]->number = i;
    return order;
}

static void mark_wanted(struct tape *t, struct node *const *wrt, int n_wrt) {
    for (int i = 0; i < n_wrt; i++)
        if (is_listed(&t->order, wrt[i])) t->wanted[wrt[i]->number] = true;
    for (int i = 0; i < t->order.n; i++) {
        const struct node *n = t->order.at[i];
        for (int k = 0; k < n->n_in && !t->wanted[i]; k++)
            t->wanted[i] = t->wanted[n->in[k]->number] && grad_flows(n, k);
    }
}

static void list_results(struct tape *t, struct arena *a) {
    t->first_result = arena_array(a, int, t->order.n);
    t->next_result = arena_array(a, int, t->order.n);
    for (int i = 0; i < t->order.n; i++) t->first_result[i] = t->next_result[i] = -1;
    for (int i = t->order.n - 1; i >= 0; i--) {
        if (t->order.at[i]->op->id != OP_scan_result) continue;
        int scan = t->order.at[i]->in[0]->number;
        t->next_result[i] = t->first_result[scan];
        t->first_result[scan] = i;
    }
}

/* Adds dx to the gradient of n's input i. Elementwise rows give gradients of the result's shape:
 * what the op stretched is summed here, for all of them. */
static void contribute(struct tape *t, const struct node *n, int i, struct node *dx) {
    struct node *in = n->in[i];
    if (n->op->trait == OP_ELEMENTWISE) {
        if (!shape_same(&dx->shape, &n->shape)) dx = build_broadcast(t->b, dx, &n->shape);
        if (dx) dx = build_sum_to(t->b, dx, &in->shape);
    }
    if (!dx) return;
    assert(dx->dtype == in->dtype && dx->shape.rank == in->shape.rank);
    struct node **sum = &t->gradient[in->number];
    *sum = *sum ? build_2(t->b, OP_add, *sum, dx) : dx;
}

/* A scan has no gradient of its own, but its results have. */
static void differentiate_scan(struct tape *t, struct arena *scratch, struct node *n,
                               const bool *need, struct node **dx) {
    struct node **dy = arena_array(scratch, struct node *, loop_n_values(n->loop));
    bool any = false;
    for (int r = t->first_result[n->number]; r >= 0; r = t->next_result[r]) {
        dy[t->order.at[r]->attr[0].i] = t->gradient[r];
        any |= t->gradient[r] != NULL;
    }
    if (any) grad_scan(t->b, n, dy, need, dx);
}

static void differentiate(struct tape *t, struct arena *scratch, struct node *n, struct node *dy) {
    if (n->op->id == OP_scan_result) return; /* its scan comes later in the walk, and asks for it */
    bool *need = arena_array(scratch, bool, n->n_in);
    struct node **dx = arena_array(scratch, struct node *, n->n_in);
    bool any = false;
    for (int i = 0; i < n->n_in; i++)
        any |= need[i] = t->wanted[n->in[i]->number] && grad_flows(n, i);
    if (!any) return;
    t->b->origin = origin_backward(n->origin);
    struct gradient_call call = {.b = t->b, .node = n, .dy = dy, .need = need, .dx = dx};
    if (n->op->id == OP_scan)
        differentiate_scan(t, scratch, n, need, dx);
    else
        n->op->gradient(&call);
    for (int i = 0; i < n->n_in; i++)
        if (need[i] && dx[i]) contribute(t, n, i, dx[i]);
}

void grad_build_from(struct build *b, struct node *const *y, struct node *const *seed, int n_y,
                     struct node *const *wrt, int n_wrt, struct node **gradient) {
    struct arena scratch = {0};
    const struct origin *origin = b->origin;
    const char *spelling = b->spelling;
    struct tape t = {.b = b, .order = number_nodes(b->graph, &scratch, y, n_y)};
    t.wanted = arena_array(&scratch, bool, t.order.n);
    t.gradient = arena_array(&scratch, struct node *, t.order.n);
    list_results(&t, &scratch);
    mark_wanted(&t, wrt, n_wrt);

    b->spelling = NULL;
    for (int i = 0; i < n_y; i++) {
        struct node **sum = &t.gradient[y[i]->number];
        b->origin = origin_backward(y[i]->origin);
        if (seed[i] && t.wanted[y[i]->number])
            *sum = *sum ? build_2(b, OP_add, *sum, seed[i]) : seed[i];
    }
    for (int i = t.order.n - 1; i >= 0; i--)
        if (t.wanted[i] && (t.gradient[i] || t.first_result[i] >= 0))
            differentiate(&t, &scratch, t.order.at[i], t.gradient[i]);
    for (int i = 0; i < n_wrt; i++)
        gradient[i] = is_listed(&t.order, wrt[i]) ? t.gradient[wrt[i]->number] : NULL;
    b->origin = origin;
    b->spelling = spelling;
    arena_free(&scratch);
}

void grad_build(struct build *b, struct node *loss, struct node *const *wrt, int n_wrt,
                struct node **gradient) {
    const struct origin *origin = b->origin;
    b->origin = origin_backward(loss->origin);
    struct node *one = dtype_is_float(loss->dtype) ? build_scalar(b, loss->dtype, 1) : NULL;
    b->origin = origin;
    grad_build_from(b, &loss, &one, 1, wrt, n_wrt, gradient);
}

/* Breadth first from the roots over what depends on wrt. A node cuts when something real flows in
 * (a float, or wrt itself) and no gradient flows back; past integers and bools the search goes
 * on to what made them, because that op is what a reader would name: argmax, not the cast of its
 * comparison. In a loop the op in its body is what cuts. */
static const struct node *find_cut(struct graph *g, struct arena *a, struct node *const *roots,
                                   int n_roots, const struct node *wrt) {
    struct node_list order = number_nodes(g, a, roots, n_roots);
    if (!is_listed(&order, wrt)) return NULL;
    bool *depends = arena_array(a, bool, order.n), *seen = arena_array(a, bool, order.n);
    const struct node **queue = arena_array(a, const struct node *, order.n);
    depends[wrt->number] = true;
    for (int i = 0; i < order.n; i++)
        for (int k = 0; k < order.at[i]->n_in; k++)
            depends[i] |= depends[order.at[i]->in[k]->number];

    const struct node *user = NULL; /* of wrt, when nothing on the way to it cuts */
    int n_queued = 0;
    for (int r = 0; r < n_roots; r++) {
        if (!seen[roots[r]->number] && roots[r] != wrt) queue[n_queued++] = roots[r];
        seen[roots[r]->number] = true;
    }
    for (int at = 0; at < n_queued; at++) {
        const struct node *n = queue[at];
        for (int k = 0; k < n->n_in; k++) {
            const struct node *in = n->in[k];
            if (!depends[in->number]) continue;
            bool scan = n->op->id == OP_scan;
            bool flows = grad_flows(n, k) && (!scan || grad_scan_passes(n->loop, k));
            if (!flows && scan) {
                struct loop_body *l = n->loop;
                const struct node *cut = find_cut(&l->graph, a, l->result, loop_n_results(l),
                                                  l->param[loop_param_of(l, k)]);
                if (cut) return cut;
                continue;
            }
            if (!flows && (in == wrt || dtype_is_float(in->dtype))) return n;
            if (in == wrt && !user) user = n;
            if (seen[in->number] || in == wrt) continue;
            seen[in->number] = true;
            queue[n_queued++] = in;
        }
    }
    /* Every op on the way has a gradient, but not with respect to this input (the pooling's
     * choice of a maximum). */
    return user;
}

const struct node *grad_find_cut(struct graph *g, struct arena *a, struct node *loss,
                                 struct node *wrt) {
    return find_cut(g, a, &loss, 1, wrt);
}
