/* Which nodes elementwise groups may hold, and as what: elements of the group's shape, one a row,
 * or totals.
 *
 * An elementwise node has the shape it gives, a reduction the shape it reads. A reduction over the
 * trailing axes makes that shape one of rows: it is complete when its row is, so what follows it
 * can run while the row is in the cache (softmax, layer normalisation). One over the leading axes,
 * or over all, is complete at the end only: a group may end in it (gradients of biases, losses,
 * norms). A shape has one cut into rows and one number of columns, those of its first reductions;
 * others keep a kernel of their own, as do reductions of rows too long for the cache.
 *
 * Linear in the graph, but for the search among the shapes that are reduced, which are few. */
#include "opt/fuse.h"

enum { MAX_DOMAINS = 256 };

struct forms {
    struct arena *scratch;
    struct fuse_form *at;
    ARRAY(struct fuse_domain *) reduced; /* shapes that are reduced */
};

static struct fuse_domain *find_domain(struct forms *f, const struct shape *full, bool add) {
    for (int i = 0; i < f->reduced.n; i++)
        if (shape_same(f->reduced.at[i]->full, full)) return f->reduced.at[i];
    if (!add || f->reduced.n == MAX_DOMAINS) return NULL;
    struct fuse_domain *d = arena_new(f->scratch, struct fuse_domain);
    *d = (struct fuse_domain){full, -1, 0};
    array_push(f->scratch, &f->reduced, d);
    return d;
}

static int64_t span(const struct shape *s, int begin, int end) {
    int64_t n = 1;
    for (int i = begin; i < end; i++) n *= s->d[i].k;
    return n;
}

static bool is_reduction(const struct node *n) {
    switch (n->op->id) {
    case OP_sum:
    case OP_mean:
    case OP_log_sum:
    case OP_max:
    case OP_min: return true;
    default: return false;
    }
}

/* The reduced axes of x (those of size 1 are neither), when they are the last or the first: *split
 * is where the kept and the reduced meet. */
static bool find_split(const struct node *n, bool *trailing, int *split) {
    const struct shape *x = &n->in[0]->shape;
    uint32_t reduced = 0;
    int n_changes = 0, last = -1;
    for (int i = 0; i < n->attr[0].ints.n; i++) reduced |= 1u << n->attr[0].ints.v[i];
    *split = 0, *trailing = true;
    for (int i = 0; i < x->rank; i++) {
        if (x->d[i].k == 1) continue;
        int is_reduced = reduced >> i & 1;
        if (last >= 0 && is_reduced != last) *split = i, n_changes++;
        last = is_reduced;
    }
    *trailing = last == 1;
    return n_changes < 2 && (last == 1 || n_changes == 1);
}

/* Rows must be whole columns: a block of rows is then a block of them too. */
static bool fits(const struct fuse_domain *d, int row_axis, int64_t columns) {
    return row_axis < 0 || columns <= 1 ||
           span(d->full, row_axis, d->full->rank) % columns == 0;
}

static void find_reduction(struct forms *f, const struct node *n, struct fuse_form *form) {
    const struct shape *x = &n->in[0]->shape;
    int split;
    bool trailing;
    if (shape_n_elements(x) < 2 || !find_split(n, &trailing, &split)) return;
    struct fuse_domain *d = find_domain(f, x, true);
    if (!d) return;
    int64_t row = span(x, split, x->rank);
    if (trailing && row <= FUSE_MAX_ROW && (d->row_axis == split || d->row_axis < 0) &&
        fits(d, split, d->columns)) {
        d->row_axis = split;
        *form = (struct fuse_form){d, EW_ROW, false};
        return;
    }
    int64_t columns = trailing ? 1 : row;
    if (trailing && split > 0) return;
    if (columns > 1 && d->columns > 1 && d->columns != columns) return;
    if (!fits(d, d->row_axis, columns)) return;
    if (columns > d->columns) d->columns = columns;
    *form = (struct fuse_form){d, EW_TOTAL, false};
}

/* An elementwise node all of whose operands have one element a row of one domain, or one at all;
 * at least one of them in a group's reach. */
static bool follows_rows(const struct forms *f, const struct node *n, struct fuse_form *form) {
    int64_t count = shape_n_elements(&n->shape);
    struct fuse_domain *d = NULL;
    for (int k = 0; k < n->n_in; k++) {
        const struct fuse_form *in = &f->at[n->in[k]->number];
        int64_t n_in = shape_n_elements(&n->in[k]->shape);
        if (n_in != 1 && n_in != count) return false;
        if (!in->domain || in->space != EW_ROW || n_in != count) continue;
        if (d && d != in->domain) return false;
        d = in->domain;
    }
    if (!d || shape_same(d->full, &n->shape)) return false;
    *form = (struct fuse_form){d, EW_ROW, n->op->id == OP_reshape};
    return true;
}

struct fuse_form *fuse_find_forms(struct arena *scratch, const struct node_list *order) {
    struct forms f = {.scratch = scratch, .at = arena_array(scratch, struct fuse_form, order->n)};
    for (int i = 0; i < order->n; i++)
        if (is_reduction(order->at[i])) find_reduction(&f, order->at[i], &f.at[i]);
    for (int i = 0; i < order->n; i++) {
        const struct node *n = order->at[i];
        bool elementwise = n->op->trait == OP_ELEMENTWISE;
        if ((!elementwise && n->op->id != OP_reshape) || follows_rows(&f, n, &f.at[i]) ||
            !elementwise)
            continue;
        struct fuse_domain *d = find_domain(&f, &n->shape, false);
        if (!d) {
            d = arena_new(scratch, struct fuse_domain);
            *d = (struct fuse_domain){&n->shape, -1, 0};
        }
        f.at[i] = (struct fuse_form){d, EW_FULL, false};
    }
    return f.at;
}

/* Whether a ROW value of this shape lies along the rows when it is broadcast. */
static bool keeps_axes(const struct fuse_domain *d, const struct shape *s) {
    if (shape_n_elements(s) == 1) return true;
    if (s->rank != d->full->rank) return false;
    for (int i = 0; i < s->rank; i++)
        if (s->d[i].k != (i < d->row_axis ? d->full->d[i].k : 1)) return false;
    return true;
}

bool fuse_is_free(const struct fuse_form *from, const struct node *from_node,
                  const struct fuse_form *to) {
    const struct fuse_domain *a = from->domain, *b = to->domain;
    if (!a || !b || from->space == EW_TOTAL) return false;
    if (a != b && (from->space != EW_FULL || to->space != EW_FULL || !shape_same(a->full, b->full)))
        return false;
    if (from->space == EW_FULL) return shape_same(&from_node->shape, b->full);
    return to->space == EW_ROW || keeps_axes(a, &from_node->shape);
}
