/* Gradients of the script's own, held against finite differences (check.h): for each call of a
 * function that has one, in the graph that a dry run built, the function and its gradient are
 * computed at random points. What they are made of is fed: arguments, variables, placeholders, each
 * with random numbers and small sizes for the names of its shape, so nothing of the script is run.
 *
 * With L = sum(r * y) for random r, the gradient of L must be (L(x + h) - L(x - h)) / 2h in each
 * element. Where the two sides differ the function has a kink and says nothing. float32 bounds the
 * precision: what is found is a wrong formula, not a wrong digit. */
#include <math.h>

#include "base/rng.h"
#include "session/check.h"
#include "session/demand.h"

enum { MOST_ELEMENTS = 16, MOST_INPUTS = 64, SMALLEST_SIZE = 2, N_SIZES = 3 };
static const double STEP = 1e-2, TOLERANCE = 2e-2, KINK = 5e-2, HIGHEST = 1.2;

struct held {
    struct session *s; /* the dry one */
    const struct node *node;
    int n; /* arguments: node->in[1 + i], gradients node->in[1 + n + i] */
    struct arena arena;
    struct bindings sizes;
    struct node *fed[MOST_INPUTS]; /* the arguments first; the last one may stand for dy */
    struct tensor *value[MOST_INPUTS];
    int n_fed;
    struct tensor *r; /* like y */
    double low;       /* of the random numbers */
};

struct worst {
    int argument;
    int64_t element;
    double x, analytic, numeric;
};

static void fill(const struct held *h, struct tensor *t, uint64_t stream) {
    struct rng_key key = rng_key_make(1, stream, 0);
    for (int64_t i = 0; i < t->n_elements; i++) {
        struct rng_block b = rng_philox(key, (uint64_t)i, 0);
        double u = rng_uniform_f64(b.v[0], b.v[1]);
        tensor_set(t, i, dtype_is_float(t->dtype) ? h->low + (HIGHEST - h->low) * u : u < 0.5);
    }
}

static struct tensor *tensor_like(struct held *h, const struct node *n) {
    int64_t size[MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++)
        if (!dim_evaluate(n->shape.d[i], &h->sizes, &size[i], NULL))
            return NULL;
    return tensor_new(n->dtype, n->shape.rank, size);
}

static bool feed(struct held *h, struct node *n) {
    for (int i = 0; i < h->n_fed; i++)
        if (h->fed[i] == n)
            return false;
    struct tensor *t = h->n_fed < MOST_INPUTS ? tensor_like(h, n) : NULL;
    if (!t)
        return false;
    h->fed[h->n_fed] = n;
    h->value[h->n_fed++] = t;
    return true;
}

static bool is_fed(void *context, const struct node *n) {
    const struct held *h = context;
    for (int i = 0; i < h->n_fed; i++)
        if (h->fed[i] == n)
            return true;
    return false;
}

/* Feeds the arguments and all leaves. false: it cannot be held, because it draws or is too large. */
static bool feed_all(struct held *h) {
    struct graph *g = &h->s->graph;
    const struct node *y = h->node->in[0];
    for (int i = 0; i < h->n; i++)
        if (!feed(h, h->node->in[1 + i]))
            return false;
    struct node_list order = graph_order(g, &h->arena, h->node->in, h->node->n_in, is_fed, h);
    for (int i = 0; i < order.n; i++) {
        struct node *n = order.at[i];
        bool stands = n->op->id == OP_result_gradient && n->in[0] == y;
        bool leaf = n->op->trait == OP_LEAF && !(n->op->id == OP_constant && !n->value->phantom);
        if (n->op->trait == OP_RANDOM || (n->op->trait == OP_LOOP && n->op->id == OP_scan))
            return false;
        if ((leaf || stands) && !is_fed(h, n) && !feed(h, n))
            return false;
    }
    h->r = tensor_like(h, y);
    return h->r != NULL;
}

static void fill_all(struct held *h) {
    fill(h, h->r, 0);
    for (int i = 0; i < h->n_fed; i++) {
        fill(h, h->value[i], (uint64_t)i + 1);
        if (h->fed[i]->op->id == OP_result_gradient && h->fed[i]->in[0] == h->node->in[0])
            for (int64_t k = 0; k < h->r->n_elements; k++)
                tensor_set(h->value[i], k, tensor_get(h->r, k));
    }
}

/* What is fetched of the fed values; kept compiled by the caller. */
static bool compute(struct held *h, struct compiled *c, struct request *r) {
    struct run run = {0};
    return demand_execute(h->s, c, r, &run);
}

static double loss_at(struct held *h, struct compiled *c, struct request *r, int argument,
                      int64_t element, double x) {
    double loss = NAN, before = tensor_get(h->value[argument], element);
    tensor_set(h->value[argument], element, x);
    if (compute(h, c, r)) {
        loss = 0;
        for (int64_t i = 0; i < h->r->n_elements; i++)
            loss += tensor_get(h->r, i) * tensor_get(r->result[0], i);
        tensor_unref(r->result[0]);
    }
    tensor_set(h->value[argument], element, before);
    return loss;
}

static double larger(double a, double b) { return fabs(a) > fabs(b) ? fabs(a) : fabs(b); }

/* false: the function has no value at some of these points. */
static bool hold_argument(struct held *h, struct compiled *c, struct request *r, int argument,
                          const struct tensor *dx, struct worst *w) {
    int64_t n = dx->n_elements, stride = n / MOST_ELEMENTS + 1;
    for (int64_t i = 0; i < n; i += stride) {
        double x = tensor_get(h->value[argument], i), a = tensor_get(dx, i);
        double above = loss_at(h, c, r, argument, i, x + STEP);
        double here = loss_at(h, c, r, argument, i, x);
        double below = loss_at(h, c, r, argument, i, x - STEP);
        double right = (above - here) / STEP, left = (here - below) / STEP;
        double numeric = (right + left) / 2, scale = fmax(1, larger(numeric, a));
        if (!isfinite(numeric) || !isfinite(a))
            return false;
        if (fabs(right - left) > KINK * scale)
            continue;
        if (fabs(a - numeric) > TOLERANCE * scale &&
            fabs(a - numeric) > fabs(w->analytic - w->numeric))
            *w = (struct worst){argument, i, x, a, numeric};
    }
    return true;
}

static bool hold(struct held *h, struct worst *w) {
    struct tensor *result[MOST_INPUTS] = {NULL}, *y = NULL;
    struct node *node = (struct node *)h->node;
    struct request gradient = {.kind = REQUEST_INITIAL,
                               .fetch = node->in + 1 + h->n,
                               .n_fetch = h->n,
                               .fed = h->fed,
                               .value = h->value,
                               .n_fed = h->n_fed,
                               .words = "a gradient",
                               .origin = node->origin,
                               .result = result};
    struct request value = gradient;
    value.fetch = node->in, value.n_fetch = 1, value.result = &y;
    struct compiled *cg = demand_compile(h->s, &gradient, false);
    struct compiled *cy = cg ? demand_compile(h->s, &value, false) : NULL;
    bool ok = cy && compute(h, cg, &gradient);
    for (int i = 0; ok && i < h->n; i++)
        ok = hold_argument(h, cy, &value, i, result[i], w);
    for (int i = 0; i < h->n; i++)
        if (result[i])
            tensor_unref(result[i]);
    if (cg)
        compiled_free(cg);
    if (cy)
        compiled_free(cy);
    return ok;
}

/* The definition whose function a call names; in the script, or nowhere. */
static bool find_definition(const struct ast *e, const char *name, struct span *at) {
    if (e && e->kind == AST_GRADIENT_DEF && e->text == name)
        return *at = e->name_at, true;
    for (int i = 0; e && i < e->n_kids; i++)
        if (find_definition(e->kids[i], name, at))
            return true;
    return false;
}

static void report(struct session *s, const struct unit_source *unit, const struct held *h,
                   const struct worst *w) {
    struct span at = h->node->origin->span;
    bool defined = find_definition(unit->tree, h->node->spelling, &at);
    struct diag *d = diag_error(&s->diags, E_OWN_GRADIENT, at,
                                "this is not the gradient of `%s`: where argument %d has %.4g it "
                                "gives %.4g, and differences of the function %.4g",
                                h->node->spelling, w->argument + 1, w->x, w->analytic, w->numeric);
    if (defined)
        diag_note(d, h->node->origin->span, "used here");
    diag_help(d, "if it is meant to differ, say so behind it: , exact=false");
}

static void check_one(struct session *s, struct session *dry, const struct unit_source *unit,
                      const struct node *node) {
    struct held h = {.s = dry, .node = node, .n = (int)node->attr[0].i, .low = -HIGHEST};
    h.sizes.n = (uint32_t)dry->symbols.list.n;
    h.sizes.size = arena_array(&h.arena, int64_t, h.sizes.n + 1);
    for (uint32_t i = 0; i < h.sizes.n; i++)
        h.sizes.size[i] = SMALLEST_SIZE + i % N_SIZES;
    struct worst w = {0};
    if (h.n < MOST_INPUTS && feed_all(&h)) {
        fill_all(&h);
        if (!hold(&h, &w)) { /* a logarithm, a root: once more with positive numbers */
            h.low = 0.3;
            w = (struct worst){0};
            fill_all(&h);
            if (!hold(&h, &w))
                w = (struct worst){0};
        }
        if (w.analytic != w.numeric)
            report(s, unit, &h, &w);
    }
    for (int i = 0; i < h.n_fed; i++)
        tensor_unref(h.value[i]);
    if (h.r)
        tensor_unref(h.r);
    arena_free(&h.arena);
}

void check_gradients(struct session *s, struct session *dry, const struct unit_source *unit) {
    enum { MOST_CALLS = 64 };
    const struct node *call[MOST_CALLS];
    const char *wrong[MOST_CALLS];
    int n_calls = 0, n_wrong = 0;
    dry->sources = s->sources;
    for (const struct node *n = dry->graph.nodes; n && n_calls < MOST_CALLS; n = n->list_next)
        if (n->op->id == OP_custom_gradient && n->attr[1].i)
            call[n_calls++] = n;
    for (int i = n_calls - 1; i >= 0; i--) { /* the list has the newest first */
        int n_errors = s->diags.n_errors;
        bool known = false;
        for (int k = 0; k < n_wrong; k++)
            known |= wrong[k] == call[i]->spelling;
        if (!known)
            check_one(s, dry, unit, call[i]);
        if (s->diags.n_errors > n_errors)
            wrong[n_wrong++] = call[i]->spelling;
    }
}
