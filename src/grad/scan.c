/* The gradient of a loop is a loop in the other direction (backpropagation through time: Werbos
 * 1990), and has a gradient by itself.
 *
 * Its step at row t computes the forward step at that row again, from the row and from what was
 * carried into it, and takes that back: given the gradient with respect to what the step gave, the
 * gradient with respect to what it was given. It carries the gradients of the carries, and a sum
 * for each captured tensor; it gives a row of the gradient of what is gone over. Of the forward
 * loop nothing is kept but its carries: a carry before row t is the stack of carries, one row off
 * (a lag).
 *
 * The sum of a weight's gradient is left out of the loop where it is a sum of products a_t' d_t and
 * all d_t are there anyway, as gradients of rows, and not smaller than a_t: one product over the
 * rows of all steps is the sum (a recurrent layer's x W + h U, its x W taken before the loop).
 *
 * Not for: keeping fewer carries (opt/remember.c), leaving out what is not needed (opt/prune.c). */
#include "grad/scan.h"

#include <assert.h>
#include <string.h>

/* One gradient being built. F is the loop, R the loop of its gradient. */
struct reversal {
    struct build *b;
    struct arena a;
    struct node *scan;
    const struct loop_body *f;
    struct node *const *dy;
    const bool *need;
    bool *active;  /* [results of F] its gradient may not be zero */
    bool *reached; /* [params of F] an active result depends on it */
    struct loop_body *r;
    struct build body;
    int n_rows, *row; /* overs of R after those of F: which value of F they are gradients of */
    int n_carried, *carried; /* carries of F whose gradients R carries */
    int n_summed, *summed;   /* captures of F */
    int n_given, *given;     /* params of F, over or lag, of whose gradient R gives a row */
    struct node **as;        /* [params of F] what stands for it in R's body */
    struct node **gradient;  /* [params of F] */
    struct outside {         /* [n_summed] a sum that is made behind the loop */
        int left;            /* the param of F that a_t is; 0: it is made in the loop */
        int right;           /* d_t is the gradient of v.given[right] */
        int kept;            /* the first sum with this left, whose out of R has the rows a_t */
        const struct origin *origin; /* of the product in the step */
    } * outside;
    int *becomes; /* [values of R] their numbers when R is reduced */
};

static bool needs(const struct reversal *v, int param) {
    return param > 0 && v->need[loop_input_of(v->f, param)];
}

/* A lag has two inputs. */
static bool needs_lag(const struct reversal *v, int k) {
    return v->need[v->f->n_over + k] || v->need[loop_lag_first_input(v->f) + k];
}

/* ---- which gradients there are */

/* What active results depend on, smoothly, in one step. */
static void mark_reached(struct reversal *v) {
    const struct loop_body *f = v->f;
    struct arena scratch = {0};
    struct graph *g = (struct graph *)&f->graph; /* a walk counts its visits there */
    struct node_list order = graph_order(g, &scratch, f->result, loop_n_results(f), NULL, NULL);
    bool *on = arena_array(&scratch, bool, order.n);
    for (int i = 0; i < order.n; i++)
        order.at[i]->number = i;
    for (int k = 0; k < loop_n_results(f); k++)
        if (v->active[k])
            on[f->result[k]->number] = true;
    for (int i = order.n - 1; i >= 0; i--)
        for (int k = 0; on[i] && k < order.at[i]->n_in; k++)
            if (grad_flows(order.at[i], k))
                on[order.at[i]->in[k]->number] = true;
    for (int p = 0; p < loop_n_params(f); p++) {
        int at = f->param[p]->number;
        v->reached[p] = at >= 0 && at < order.n && order.at[at] == f->param[p] && on[at] &&
                        dtype_is_float(f->param[p]->dtype);
    }
    arena_free(&scratch);
}

bool grad_scan_passes(const struct loop_body *l, int i) {
    struct reversal v = {.f = l};
    v.active = arena_array(&v.a, bool, loop_n_results(l));
    v.reached = arena_array(&v.a, bool, loop_n_params(l));
    for (int r = 0; r < loop_n_results(l); r++)
        v.active[r] = true;
    mark_reached(&v);
    bool passes = v.reached[loop_param_of(l, i)];
    arena_free(&v.a);
    return passes;
}

/* A carry that an active result depends on is active in the step before. */
static void find_active(struct reversal *v) {
    const struct loop_body *f = v->f;
    v->active = arena_array(&v->a, bool, loop_n_results(f));
    v->reached = arena_array(&v->a, bool, loop_n_params(f));
    for (int c = 0; c < f->n_carry; c++)
        v->active[c] = v->dy[loop_last(c)] || v->dy[loop_stack(f, c)];
    for (int o = 0; o < f->n_out; o++)
        v->active[f->n_carry + o] = v->dy[loop_out(f, o)] != NULL;
    for (bool more = true; more;) {
        more = false;
        mark_reached(v);
        for (int c = 0; c < f->n_carry; c++) {
            if (v->active[c] || !v->reached[loop_carry_param(f) + c])
                continue;
            v->active[c] = more = true;
        }
    }
}

static void list_parts(struct reversal *v) {
    const struct loop_body *f = v->f;
    v->row = arena_array(&v->a, int, loop_n_values(f));
    v->carried = arena_array(&v->a, int, f->n_carry);
    v->summed = arena_array(&v->a, int, f->n_capture);
    v->given = arena_array(&v->a, int, f->n_over + f->n_lag);
    for (int which = f->n_carry; which < loop_n_values(f); which++)
        if (v->dy[which])
            v->row[v->n_rows++] = which;
    for (int c = 0; c < f->n_carry; c++)
        if (v->active[c])
            v->carried[v->n_carried++] = c;
    for (int c = 0; c < f->n_capture; c++)
        if (v->reached[loop_capture_param(f) + c] && needs(v, loop_capture_param(f) + c))
            v->summed[v->n_summed++] = c;
    for (int p = 1; p < loop_carry_param(f); p++) {
        bool lag = p >= loop_lag_param(f);
        if (v->reached[p] && (lag ? needs_lag(v, p - loop_lag_param(f)) : needs(v, p)))
            v->given[v->n_given++] = p;
    }
}

/* ---- R's params and inputs */

static struct node *zeros_like(struct build *b, const struct node *n) {
    struct attr attr[] = {{.kind = ATTR_FLOAT, .f = 0},
                          {.kind = ATTR_SHAPE, .shape = n->shape},
                          {.kind = ATTR_DTYPE, .dtype = n->dtype}};
    attr[1].shape.on_purpose = 0;
    return build_op(b, OP_fill, NULL, 0, attr, NULL, NULL);
}

/* Like param `like` of F: the same name for the same thing, "d_h" for its gradient. */
static struct node *add_param(struct reversal *v, int p, const struct node *input,
                              const struct node *like, bool gradient) {
    struct node *param = loop_add_param(v->r, &v->body, p, input);
    const char *name = like->name ? like->name : "";
    param->name = name;
    if (gradient) {
        char text[80];
        int n = snprintf(text, sizeof text, "d_%s", name);
        param->name = intern_text(v->b->names, text, n < 80 ? (size_t)n : 79);
    }
    param->origin = like->origin;
    param->spelling = like->spelling;
    return param;
}

static struct node *row_gradient(const struct reversal *v, int i) { return v->dy[v->row[i]]; }

/* The param of F that result `which` would be carried to; of an out, its own node. */
static const struct node *named_like(const struct reversal *v, int which) {
    const struct loop_body *f = v->f;
    int result = which - f->n_carry;
    return result < f->n_carry ? f->param[loop_carry_param(f) + result] : f->result[result];
}

/* F's rows and captures are R's too; what F carries is a lag in R. */
static struct node **add_params(struct reversal *v) {
    const struct loop_body *f = v->f;
    struct node **in = arena_array(&v->a, struct node *, loop_n_inputs(v->r));
    struct node *const *of = v->scan->in;
    int n_lag = v->r->n_lag, first_lag = v->r->n_over, first = loop_lag_first_input(v->r);
    int p = 1, n = 0;
    v->as = arena_array(&v->a, struct node *, loop_n_params(f));
    v->body.origin = origin_backward(v->scan->origin);
    v->as[0] = loop_add_index(v->r, &v->body);
    for (int i = 0; i < f->n_over; i++, p++)
        v->as[1 + i] = add_param(v, p, in[n++] = of[i], f->param[1 + i], false);
    for (int i = 0; i < v->n_rows; i++, p++)
        add_param(v, p, in[n++] = row_gradient(v, i), named_like(v, v->row[i]), true);
    for (int k = 0; k < n_lag; k++, p++) {
        bool own = k < f->n_lag;
        int like = loop_lag_param(f) + k; /* behind F's lags come its carries */
        in[first_lag + k] =
            own ? of[f->n_over + k] : build_scan_result(v->b, v->scan, loop_stack(f, k - f->n_lag));
        in[first + k] = of[own ? loop_lag_first_input(f) + k : loop_carry_input(f) + k - f->n_lag];
        v->r->lag[k] = own ? f->lag[k] : v->scan->attr[SCAN_REVERSE].i ? 1 : -1;
        v->as[like] = add_param(v, p, in[first_lag + k], f->param[like], false);
    }
    n = loop_carry_input(v->r);
    for (int i = 0; i < v->n_carried; i++, p++) {
        const struct node *like = f->param[loop_carry_param(f) + v->carried[i]];
        struct node *dy = v->dy[loop_last(v->carried[i])];
        in[n] = dy ? dy : zeros_like(v->b, of[loop_carry_input(f) + v->carried[i]]);
        add_param(v, p, in[n++], like, true);
    }
    for (int i = 0; i < v->n_summed; i++, p++) {
        const struct node *input = of[loop_capture_input(f) + v->summed[i]];
        in[n] = zeros_like(v->b, input);
        add_param(v, p, in[n++], f->param[loop_capture_param(f) + v->summed[i]], true);
    }
    for (int c = 0; c < f->n_capture; c++, p++) {
        const struct node *like = f->param[loop_capture_param(f) + c];
        v->as[loop_capture_param(f) + c] =
            add_param(v, p, in[n++] = of[loop_capture_input(f) + c], like, false);
    }
    return in;
}

/* ---- R's body */

/* The gradient with respect to what F's step gave: what came from later steps, and what came from
 * outside for this row. */
static struct node **seeds(struct reversal *v) {
    const struct loop_body *f = v->f;
    struct node **seed = arena_array(&v->a, struct node *, loop_n_results(f));
    for (int i = 0; i < v->n_carried; i++)
        seed[v->carried[i]] = v->r->param[loop_carry_param(v->r) + i];
    for (int i = 0; i < v->n_rows; i++) {
        struct node **at = &seed[v->row[i] - f->n_carry], *row = v->r->param[1 + f->n_over + i];
        *at = *at ? build_2(&v->body, OP_add, *at, row) : row;
    }
    return seed;
}

/* The gradients with respect to the params that R has a place for. */
static void differentiate_step(struct reversal *v, struct node *const *y) {
    const struct loop_body *f = v->f;
    int *of = arena_array(&v->a, int, loop_n_params(f)), n = 0;
    for (int i = 0; i < v->n_carried; i++)
        of[n++] = loop_carry_param(f) + v->carried[i];
    for (int i = 0; i < v->n_summed; i++)
        of[n++] = loop_capture_param(f) + v->summed[i];
    for (int i = 0; i < v->n_given; i++)
        of[n++] = v->given[i];
    struct node **wrt = arena_array(&v->a, struct node *, n);
    struct node **gradient = arena_array(&v->a, struct node *, n);
    for (int i = 0; i < n; i++)
        wrt[i] = v->as[of[i]];
    grad_build_from(&v->body, y, seeds(v), loop_n_results(f), wrt, n, gradient);
    v->gradient = arena_array(&v->a, struct node *, loop_n_params(f));
    for (int i = 0; i < n; i++)
        v->gradient[of[i]] = gradient[i];
}

/* The rows of a carry are kept for the product: then they may not be larger than those of d, so
 * that memory grows by no more than is there anyway, also when `remember` keeps few carries. */
static bool may_keep(const struct node *a, const struct node *d) {
    struct dim n = a->shape.d[1], m = d->shape.d[1];
    return dim_same(n, m) || (dim_is_const(n) && dim_is_const(m) && n.k <= m.k);
}

/* The gradient of a capture as a product a' d, of rows that are there when the loop has ended. */
static struct outside find_outside(const struct reversal *v, const struct node *g) {
    const struct loop_body *f = v->f;
    struct outside none = {0};
    struct dim rows;
    if (!g || g->op->id != OP_matmul || g->shape.rank != 2 || !g->attr[0].i || g->attr[1].i ||
        g->in[0]->shape.rank != 2 ||
        !dim_multiply(v->b->symbols, scan_length(v->scan), g->in[0]->shape.d[0], &rows))
        return none;
    for (int p = 1; p < loop_capture_param(f); p++) {
        if (v->as[p] != g->in[0] || (p >= loop_lag_param(f) && !may_keep(g->in[0], g->in[1])))
            continue;
        for (int i = 0; i < v->n_given; i++)
            if (v->given[i] < loop_lag_param(f) && v->gradient[v->given[i]] == g->in[1])
                return (struct outside){.left = p, .right = i, .origin = g->origin};
    }
    return none;
}

/* Sums in the loop; behind R's other outs a place for an a_t of each sum that is not. */
static void fill_sums(struct reversal *v, int n) {
    const struct loop_body *f = v->f;
    int n_out = n + v->n_summed + v->n_given;
    v->outside = arena_array(&v->a, struct outside, v->n_summed);
    for (int i = 0; i < v->n_summed; i++) {
        struct node *sum = v->r->param[loop_carry_param(v->r) + v->n_carried + i];
        struct node *g = v->gradient[loop_capture_param(f) + v->summed[i]];
        struct outside *o = &v->outside[i];
        *o = find_outside(v, g);
        while (v->outside[o->kept].left != o->left)
            o->kept++;
        v->r->result[n + i] = g && !o->left ? build_2(&v->body, OP_add, sum, g) : sum;
        v->r->result[n_out + i] = o->left ? v->as[o->left] : sum;
    }
}

static void fill_body(struct reversal *v) {
    const struct loop_body *f = v->f;
    struct node **copy, **y = arena_array(&v->a, struct node *, loop_n_results(f));
    loop_copy(f, &v->a, &v->body, v->as, &copy);
    for (int k = 0; k < loop_n_results(f); k++)
        y[k] = copy[f->result[k]->number];
    differentiate_step(v, y);
    int n = 0;
    v->body.origin = origin_backward(v->scan->origin);
    for (int i = 0; i < v->n_carried; i++) {
        struct node *g = v->gradient[loop_carry_param(f) + v->carried[i]];
        v->r->result[n++] =
            g ? g : zeros_like(&v->body, v->as[loop_carry_param(f) + v->carried[i]]);
    }
    fill_sums(v, n);
    n += v->n_summed;
    for (int i = 0; i < v->n_given; i++) {
        struct node *g = v->gradient[v->given[i]];
        v->r->result[n++] = g ? g : zeros_like(&v->body, v->as[v->given[i]]);
    }
}

/* ---- what R gives */

/* The rows of a lag's gradient go back to where they came from: one row off, and to the input that
 * stood for the row before the first. */
static void give_lag(struct reversal *v, int k, struct node *rows, struct node **dx) {
    const struct loop_body *f = v->f;
    int stack = f->n_over + k, first = loop_lag_first_input(f) + k, lag = f->lag[k];
    if (v->need[stack]) {
        struct attr by = {.kind = ATTR_INT, .i = lag};
        dx[stack] = build_op(v->b, OP_shift, &rows, 1, &by, NULL, NULL);
    }
    if (!v->need[first])
        return;
    struct attr slice[3] = {{.kind = ATTR_INTS}, {.kind = ATTR_INTS}, {.kind = ATTR_INTS}};
    for (int s = 0; s < 3; s++)
        slice[s].ints.n = rows->shape.rank;
    for (int i = 0; i < rows->shape.rank; i++) {
        slice[0].ints.v[i] = i ? INT64_MIN : lag < 0 ? 0 : -1;
        slice[1].ints.v[i] = i || lag > 0 ? INT64_MAX : 1;
        slice[2].ints.v[i] = 1;
    }
    /* a sum, because of no rows there is no first one */
    struct node *row = build_op(v->b, OP_slice, &rows, 1, slice, NULL, NULL);
    dx[first] = build_sum(v->b, row, 1, false);
}

/* What sums that are made outside need not have of R, and all others of what they would need. */
static bool reduce(struct reversal *v, struct node **in) {
    int n = loop_n_values(v->r);
    bool *wanted = arena_array(&v->a, bool, n);
    v->becomes = arena_array(&v->a, int, n);
    for (int which = 0; which < n; which++)
        wanted[which] = true;
    for (int i = 0; i < v->n_summed; i++) {
        int sum = v->n_carried + i;
        const struct outside *o = &v->outside[i];
        wanted[loop_last(sum)] = wanted[loop_stack(v->r, sum)] = !o->left;
        wanted[loop_out(v->r, v->n_given + i)] =
            o->left >= loop_lag_param(v->f) && o->kept == i;
    }
    return loop_reduce(v->r, in, wanted, v->becomes);
}

static struct node *value_of(struct reversal *v, struct node *reversed, int which) {
    return build_scan_result(v->b, reversed, v->becomes[which]);
}

/* [steps, rows, n] as [all rows, n]. */
static struct node *all_rows(struct reversal *v, struct node *x) {
    struct shape to = {.rank = 2, .d = {x->shape.d[0], x->shape.d[2]}};
    dim_multiply(v->b->symbols, x->shape.d[0], x->shape.d[1], &to.d[0]);
    return build_reshape(v->b, x, &to);
}

/* The sum over all steps of a' d. */
static struct node *product_outside(struct reversal *v, struct node *reversed, int i,
                                    int first_out) {
    struct outside o = v->outside[i];
    struct attr transposed[2] = {{.kind = ATTR_BOOL, .i = true}, {.kind = ATTR_BOOL}};
    struct node *in[2] = {v->scan->in[o.left - 1], value_of(v, reversed, first_out + o.right)};
    if (o.left >= loop_lag_param(v->f))
        in[0] = value_of(v, reversed, first_out + v->n_given + o.kept);
    v->b->origin = o.origin;
    for (int k = 0; k < 2; k++)
        in[k] = all_rows(v, in[k]);
    struct node *sum = build_op(v->b, OP_matmul, in, 2, transposed, NULL, NULL);
    v->b->origin = origin_backward(v->scan->origin);
    return sum;
}

static void give(struct reversal *v, struct node *reversed, int first_out, struct node **dx) {
    const struct loop_body *f = v->f;
    for (int i = 0; i < v->n_carried; i++) {
        int at = loop_carry_input(f) + v->carried[i];
        if (v->need[at] && v->reached[loop_carry_param(f) + v->carried[i]])
            dx[at] = value_of(v, reversed, loop_last(i));
    }
    for (int i = 0; i < v->n_summed; i++)
        dx[loop_capture_input(f) + v->summed[i]] =
            v->outside[i].left ? product_outside(v, reversed, i, first_out)
                               : value_of(v, reversed, loop_last(v->n_carried + i));
    for (int i = 0; i < v->n_given; i++) {
        int p = v->given[i];
        struct node *rows = value_of(v, reversed, first_out + i);
        if (p < loop_lag_param(f))
            dx[p - 1] = rows;
        else
            give_lag(v, p - loop_lag_param(f), rows, dx);
    }
}

void grad_scan(struct build *b, struct node *scan, struct node *const *dy, const bool *need,
               struct node **dx) {
    const struct loop_body *f = scan->loop;
    struct reversal v = {.b = b, .scan = scan, .f = f, .dy = dy, .need = need};
    find_active(&v);
    list_parts(&v);
    v.r = loop_new(f->n_over + v.n_rows, f->n_lag + f->n_carry, v.n_carried + v.n_summed,
                   f->n_capture, v.n_given + v.n_summed);
    v.body = loop_build(v.r, b);
    struct node **in = add_params(&v);
    fill_body(&v);
    int first_out = loop_out(v.r, 0);
    if (!reduce(&v, in))
        loop_finish(v.r);
    b->origin = origin_backward(scan->origin);
    b->spelling = scan->spelling;
    struct node *reversed =
        build_scan(b, v.r, in, scan_length(scan), !scan->attr[SCAN_REVERSE].i, 0);
    b->spelling = NULL;
    v.r = reversed->loop; /* an equal one, when the graph had that */
    give(&v, reversed, first_out, dx);
    arena_free(&v.a);
}
