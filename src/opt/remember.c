/* Trading time for memory in the gradient of a loop (Griewank 1992; of two levels, as Chen et al.,
 * "Training Deep Nets with Sublinear Memory Cost", 2016).
 *
 * The loop of a gradient reads what the loop carried before each row: the stack of all carries. A
 * loop with remember=k keeps every k-th instead, and the loop of its gradient computes the k - 1
 * after it again, a stretch at a time. The values are the same to the bit, so this is done here and
 * not where gradients are made: a script's graph, and gradients of gradients, know nothing of it.
 * A stack that somebody else reads is there all the same.
 *
 * Not for: running (exec/loop.c). */
#include "ir/loop.h"
#include "opt/rewrite.h"

void opt_remember(struct program *p);

struct remembering {
    struct program *p;
    struct arena scratch;
    struct node_list order; /* a node's number is its index */
    struct node **became;   /* [order.n] */
};

/* The loop whose carry lag k of n is, if that is one to be computed again: its node; *carry. */
static struct node *remembered(const struct node *n, int k, int *carry) {
    const struct loop_body *l = n->loop;
    struct node *stack = n->in[l->n_over + k], *first = n->in[loop_lag_first_input(l) + k];
    if (stack->op->id != OP_scan_result)
        return NULL;
    struct node *f = stack->in[0];
    *carry = (int)stack->attr[0].i - f->loop->n_carry;
    bool is = f->attr[SCAN_REMEMBER].i > 0 && scan_length(f).k == scan_length(n).k && *carry >= 0 &&
              *carry < f->loop->n_carry && f->in[loop_carry_input(f->loop) + *carry] == first &&
              l->lag[k] == (f->attr[SCAN_REVERSE].i ? 1 : -1);
    return is ? f : NULL;
}

/* The body of f alone, for the carries that are wanted, and its inputs. */
static struct loop_body *make_again(struct remembering *v, const struct node *f, const bool *wanted,
                                    struct node **in, int *becomes) {
    struct loop_body *again = loop_clone(f->loop, &v->p->build, NULL);
    for (int i = 0; i < f->n_in; i++)
        in[i] = f->in[i];
    if (!loop_reduce(again, in, wanted, becomes))
        loop_finish(again);
    return again;
}

/* n, whose inputs are `in` by now, with the lags that are carries of f computed again. */
static struct node *make_recalling(struct remembering *v, struct node *n, struct node **in,
                                   struct node *f) {
    struct node *f_now = v->became[f->number];
    struct loop_body *l = n->loop, *lf = f_now->loop;
    int *becomes = arena_array(&v->scratch, int, loop_n_values(lf)), carry;
    bool *wanted = arena_array(&v->scratch, bool, loop_n_values(lf));
    struct node **for_again = arena_array(&v->scratch, struct node *, loop_n_inputs(lf));
    for (int k = 0; k < l->n_lag; k++)
        if (remembered(n, k, &carry) == f)
            wanted[loop_stack(lf, carry)] = true;
    l->again = make_again(v, f_now, wanted, for_again, becomes);
    l->every = f->attr[SCAN_REMEMBER].i;
    v->p->build.origin = f->origin; /* in place of what it started with stands what it kept */
    for (int c = 0; c < lf->n_carry; c++)
        if (becomes[c] >= 0)
            for_again[loop_carry_input(l->again) + becomes[c]] =
                build_scan_result(&v->p->build, f_now, loop_kept(lf, c));
    struct node **all = arena_array(&v->scratch, struct node *, loop_n_inputs(l));
    int n_own = loop_again_input(l);
    for (int i = 0; i < loop_n_inputs(l); i++)
        all[i] = i < n_own ? in[i] : for_again[i - n_own];
    for (int k = 0; k < l->n_lag; k++) {
        if (remembered(n, k, &carry) != f)
            continue;
        l->recall[k] = becomes[carry];
        all[l->n_over + k] = build_scan_result(&v->p->build, f_now, loop_kept(lf, carry));
    }
    loop_finish(l);
    v->p->build.origin = n->origin;
    v->p->build.spelling = n->spelling;
    return build_scan(&v->p->build, loop_ref(l), all, scan_length(n), n->attr[SCAN_REVERSE].i,
                      n->attr[SCAN_REMEMBER].i);
}

static struct node *renew(struct remembering *v, struct node *n) {
    bool moved = false;
    int carry;
    struct node **in = arena_array(&v->scratch, struct node *, n->n_in);
    for (int k = 0; k < n->n_in; k++) {
        in[k] = v->became[n->in[k]->number];
        moved |= in[k] != n->in[k];
    }
    for (int k = 0; n->op->id == OP_scan && k < n->loop->n_lag; k++) {
        struct node *f = remembered(n, k, &carry);
        if (f)
            return make_recalling(v, n, in, f);
    }
    return moved ? rewrite_inputs(v->p, n, in) : n;
}

void opt_remember(struct program *p) {
    struct remembering v = {.p = p};
    bool any = false;
    v.order = graph_order(&p->graph, &v.scratch, p->roots, p->n_roots, NULL, NULL);
    v.became = arena_array(&v.scratch, struct node *, v.order.n);
    for (int i = 0; i < v.order.n; i++) {
        struct node *n = v.order.at[i];
        n->number = i;
        any |= n->op->id == OP_scan && n->attr[SCAN_REMEMBER].i > 0;
    }
    if (any) {
        for (int i = 0; i < v.order.n; i++)
            v.became[i] = renew(&v, v.order.at[i]);
        for (int r = 0; r < p->n_roots; r++)
            p->roots[r] = v.became[p->roots[r]->number];
    }
    p->build.origin = NULL;
    p->build.spelling = NULL;
    arena_free(&v.scratch);
}
