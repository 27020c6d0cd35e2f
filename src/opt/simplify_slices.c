/* What was taken apart and is put together again: the gradients of the slices of a tensor, each
 * laid into zeros and all added up, are the parts of one tensor laid side by side. So the gates of a
 * recurrent layer, or the queries, keys and values of one product, cost one copy.
 *
 * Not for: slices that overlap, or with steps: these stay sums. */
#include <string.h>

#include "opt/simplify.h"

enum { MOST_TERMS = 16 };

/* The terms of a sum. */
struct terms {
    struct node *at[MOST_TERMS];
    int n;
};

/* Adds of adds are taken apart, as far as there is room for all terms. */
static void collect(struct terms *t, struct node *n, const struct node *like, int room) {
    bool splits = n->op->id == OP_add && room > 0 && shape_same(&n->shape, &like->shape);
    if (!splits) {
        t->at[t->n++] = n;
        return;
    }
    collect(t, n->in[0], like, (room - 1) / 2);
    collect(t, n->in[1], like, room - 1 - (room - 1) / 2);
}

static const int64_t *begins(const struct node *n) { return n->attr[1].ints.v; }
static const int64_t *ends(const struct node *n) { return n->attr[2].ints.v; }

static bool is_part(const struct node *n, const struct node *whole) {
    if (n->op->id != OP_slice_gradient || !shape_same(&n->shape, &whole->shape)) return false;
    for (int i = 0; i < n->shape.rank; i++)
        if (n->attr[3].ints.v[i] != 1 || ends(n)[i] <= begins(n)[i]) return false;
    return true;
}

/* The axis along which b lies right behind a, or -1. */
static int follows(const struct node *a, const struct node *b) {
    int axis = -1;
    for (int i = 0; i < a->shape.rank; i++) {
        if (begins(a)[i] == begins(b)[i] && ends(a)[i] == ends(b)[i]) continue;
        if (axis >= 0 || ends(a)[i] != begins(b)[i]) return -1;
        axis = i;
    }
    return axis;
}

/* The parts that follow each other from term `first` on, along one axis: their places, in order.
 * How many. */
static int find_run(const struct terms *t, int first, const struct node *whole, int *run,
                    int *axis) {
    int n = 0;
    run[n++] = first;
    *axis = -1;
    for (bool more = is_part(t->at[first], whole); more;) {
        more = false;
        for (int i = 0; i < t->n && !more && n < MOST_TERMS; i++) {
            int along = is_part(t->at[i], whole) ? follows(t->at[run[n - 1]], t->at[i]) : -1;
            if (along < 0 || (*axis >= 0 && along != *axis)) continue;
            *axis = along;
            run[n++] = i;
            more = true;
        }
    }
    return n;
}

/* The parts of a run as one part of the whole, or all of it. */
static struct node *join(struct program *p, const struct terms *t, const int *run, int n,
                         int axis) {
    struct node *in[MOST_TERMS], *first = t->at[run[0]], *last = t->at[run[n - 1]];
    for (int i = 0; i < n; i++) in[i] = t->at[run[i]]->in[0];
    struct attr at = {.kind = ATTR_INT, .i = axis}, laid[4];
    struct node *joined = build_op(&p->build, OP_concat, in, n, &at, NULL, NULL);
    if (shape_same(&joined->shape, &first->shape)) return joined;
    memcpy(laid, first->attr, sizeof laid);
    laid[2].ints.v[axis] = ends(last)[axis];
    return build_op(&p->build, OP_slice_gradient, &joined, 1, laid, NULL, NULL);
}

static struct node *add_slices(struct program *p, struct node *n) {
    struct terms t = {.n = 0};
    int run[MOST_TERMS], best[MOST_TERMS], n_best = 1, axis = -1, along;
    collect(&t, n, n, MOST_TERMS - 1);
    for (int i = 0; i < t.n; i++) {
        int length = find_run(&t, i, n, run, &along);
        if (length <= n_best) continue;
        n_best = length;
        axis = along;
        memcpy(best, run, sizeof best);
    }
    if (n_best == 1) return NULL;
    struct node *sum = join(p, &t, best, n_best, axis);
    for (int i = 0; i < n_best; i++) t.at[best[i]] = NULL;
    for (int i = 0; i < t.n; i++)
        if (t.at[i]) sum = build_2(&p->build, OP_add, t.at[i], sum);
    return sum;
}

static struct node *concat_concat(struct program *p, struct node *n) {
    struct node *in[MOST_TERMS];
    int n_in = 0;
    for (int i = 0; i < n->n_in; i++) {
        struct node *x = n->in[i];
        bool inner = x->op->id == OP_concat && x->attr[0].i == n->attr[0].i;
        int n_parts = inner ? x->n_in : 1;
        if (n_in + n_parts > MOST_TERMS) return NULL;
        memcpy(in + n_in, inner ? x->in : &n->in[i], (size_t)n_parts * sizeof *in);
        n_in += n_parts;
    }
    return n_in > n->n_in ? build_op(&p->build, OP_concat, in, n_in, n->attr, NULL, NULL) : NULL;
}

static const struct rule rules[] = {
    {OP_add, "slices laid into zeros, added -> concat", add_slices},
    {OP_concat, "concat(concat(x, y), z) -> concat(x, y, z)", concat_concat},
};
const struct rule_table simplify_slices = {rules, sizeof rules / sizeof *rules};
