/* Bodies of loops (loop.h): made, compared, copied, shared by counted references. */
#include "ir/loop.h"

#include <assert.h>
#include <string.h>

struct loop_body *loop_new(int n_over, int n_lag, int n_carry, int n_capture, int n_out) {
    struct arena own = {0};
    struct loop_body *l = arena_new(&own, struct loop_body);
    *l = (struct loop_body){.refs = 1,
                            .n_over = n_over,
                            .n_lag = n_lag,
                            .n_carry = n_carry,
                            .n_capture = n_capture,
                            .n_out = n_out};
    l->lag = arena_array(&own, int8_t, n_lag);
    l->recall = arena_array(&own, int, n_lag);
    for (int k = 0; k < n_lag; k++)
        l->recall[k] = -1;
    l->param = arena_array(&own, struct node *, loop_n_params(l));
    l->result = arena_array(&own, struct node *, loop_n_results(l));
    l->arena = own;
    graph_init(&l->graph, &l->arena);
    return l;
}

struct loop_body *loop_ref(struct loop_body *l) {
    l->refs++;
    return l;
}

void loop_unref(struct loop_body *l) {
    if (!l || --l->refs > 0)
        return;
    graph_free(&l->graph);
    loop_unref(l->again);
    struct arena own = l->arena;
    arena_free(&own);
}

struct build loop_build(struct loop_body *l, const struct build *b) {
    struct build body = *b;
    body.graph = &l->graph;
    body.arena = &l->arena;
    return body;
}

struct node *loop_add_param(struct loop_body *l, struct build *body, int p,
                            const struct node *input) {
    struct shape shape = input->shape;
    if (loop_takes_rows(l, p)) {
        assert(shape.rank > 0);
        shape.rank--;
        memmove(shape.d, shape.d + 1, (size_t)shape.rank * sizeof *shape.d);
        shape.on_purpose >>= 1;
    }
    return l->param[p] = build_placeholder(body, input->name, input->dtype, &shape, NULL);
}

struct node *loop_add_index(struct loop_body *l, struct build *body) {
    struct shape scalar = shape_scalar();
    return l->param[0] = build_placeholder(body, "index", DTYPE_I32, &scalar, NULL);
}

/* ---- form */

static struct node_list number_body(const struct loop_body *l, struct arena *a) {
    struct graph *g = (struct graph *)&l->graph; /* a walk counts its visits there */
    struct node_list order = graph_order(g, a, l->result, loop_n_results(l), NULL, NULL);
    for (int i = 0; i < order.n; i++)
        order.at[i]->number = i;
    return order;
}

/* Which param each node is, or -1. */
static int *find_params(const struct loop_body *l, struct arena *a, const struct node_list *order) {
    int *param = arena_array(a, int, order->n);
    for (int i = 0; i < order->n; i++)
        param[i] = -1;
    for (int p = 0; p < loop_n_params(l); p++) {
        const struct node *n = l->param[p];
        if (n && n->number >= 0 && n->number < order->n && order->at[n->number] == n)
            param[n->number] = p;
    }
    return param;
}

static uint64_t mix(uint64_t h, uint64_t x) { return hash_bytes(&x, sizeof x, h); }

void loop_finish(struct loop_body *l) {
    struct arena scratch = {0};
    struct node_list order = number_body(l, &scratch);
    const int *param = find_params(l, &scratch, &order);
    uint64_t h = mix((uint64_t)l->n_over << 32 | (uint64_t)l->n_lag,
                     (uint64_t)l->n_carry << 32 | (uint64_t)l->n_capture);
    for (int i = 0; i < order.n; i++) {
        const struct node *n = order.at[i];
        h = mix(h, (uint64_t)n->op->id << 8 | (uint64_t)n->dtype);
        h = mix(h, (uint64_t)param[i]);
        for (int k = 0; k < n->n_in; k++)
            h = mix(h, (uint64_t)n->in[k]->number);
        if (n->op->id == OP_scan)
            h = mix(h, n->loop->hash);
    }
    for (int r = 0; r < loop_n_results(l); r++)
        h = mix(h, (uint64_t)l->result[r]->number);
    l->hash = l->again ? mix(h, l->again->hash) : h;
    arena_free(&scratch);
}

/* Which results and params are needed. */
struct needs {
    bool *result, *param;
};

/* A carry that a needed result reads is needed itself. */
static struct needs find_needs(const struct loop_body *l, struct arena *a, const bool *wanted) {
    struct node_list order = number_body(l, a);
    const int *param = find_params(l, a, &order);
    bool *node = arena_array(a, bool, order.n);
    struct needs n = {arena_array(a, bool, loop_n_results(l)),
                      arena_array(a, bool, loop_n_params(l))};
    for (int r = 0; r < loop_n_results(l); r++)
        n.result[r] = !wanted || wanted[l->n_carry + r] || (r < l->n_carry && wanted[r]);
    n.param[0] = true;
    for (bool more = true; more;) {
        more = false;
        for (int r = 0; r < loop_n_results(l); r++)
            if (n.result[r])
                node[l->result[r]->number] = true;
        for (int i = order.n - 1; i >= 0; i--) {
            for (int k = 0; node[i] && k < order.at[i]->n_in; k++)
                node[order.at[i]->in[k]->number] = true;
            if (node[i] && param[i] >= 0)
                n.param[param[i]] = true;
        }
        for (int c = 0; c < l->n_carry; c++) {
            if (n.result[c] || !n.param[loop_carry_param(l) + c])
                continue;
            n.result[c] = more = true;
        }
    }
    for (int c = 0; c < l->n_carry; c++) /* with its start comes a place for it */
        n.param[loop_carry_param(l) + c] = n.result[c];
    return n;
}

static void number_values(const struct loop_body *l, const struct needs *n, int *becomes) {
    int n_carry = 0, next = 0;
    for (int c = 0; c < l->n_carry; c++)
        n_carry += n->result[c];
    for (int c = 0; c < l->n_carry; c++, next += n->result[c - 1]) {
        becomes[c] = n->result[c] ? next : -1;
        becomes[l->n_carry + c] = n->result[c] ? n_carry + next : -1;
    }
    next += n_carry;
    for (int o = 0; o < l->n_out; o++)
        becomes[loop_out(l, o)] = n->result[l->n_carry + o] ? next++ : -1;
}

/* How many of p's kind there are. */
static int *count_of(struct loop_body *l, const struct loop_body *was, int p) {
    return p < loop_lag_param(was)       ? &l->n_over
           : p < loop_carry_param(was)   ? &l->n_lag
           : p < loop_capture_param(was) ? &l->n_carry
                                         : &l->n_capture;
}

static void keep_needed(struct loop_body *l, struct node **in, const struct needs *n,
                        struct arena *a) {
    struct loop_body was = *l;
    int n_in = 0, n_params = 0, n_results = 0, n_lags = 0;
    struct node **first = arena_array(a, struct node *, l->n_lag);
    for (int p = 0; p < loop_n_params(&was); p++) {
        int lag = p - loop_lag_param(&was);
        if (lag == was.n_lag) /* behind the stacks of lags come their first rows */
            for (int k = 0; k < n_lags; k++)
                in[n_in++] = first[k];
        if (!n->param[p]) {
            *count_of(l, &was, p) -= 1;
            continue;
        }
        if (lag >= 0 && lag < was.n_lag) {
            first[n_lags] = in[loop_lag_first_input(&was) + lag];
            l->lag[n_lags++] = was.lag[lag];
        }
        l->param[n_params++] = was.param[p];
        if (p)
            in[n_in++] = in[loop_input_of(&was, p)];
    }
    for (int r = 0; r < loop_n_results(&was); r++) {
        if (n->result[r])
            l->result[n_results++] = was.result[r];
        else if (r >= was.n_carry)
            l->n_out--;
    }
}

bool loop_reduce(struct loop_body *l, struct node **in, const bool *wanted, int *becomes) {
    struct arena scratch = {0};
    struct needs n = find_needs(l, &scratch, wanted);
    bool all = true;
    for (int p = 0; p < loop_n_params(l); p++)
        all &= n.param[p];
    for (int r = 0; r < loop_n_results(l); r++)
        all &= n.result[r];
    if (becomes)
        number_values(l, &n, becomes);
    if (!all) {
        keep_needed(l, in, &n, &scratch);
        loop_finish(l);
    }
    arena_free(&scratch);
    return !all;
}

/* Two nodes of bodies that are walked side by side. */
static bool same_place(const struct node *a, int param_a, const struct node *b, int param_b) {
    if (a->n_in != b->n_in || param_a != param_b)
        return false;
    for (int k = 0; k < a->n_in; k++)
        if (a->in[k]->number != b->in[k]->number)
            return false;
    return graph_same_form(a, b);
}

bool loop_same(const struct loop_body *a, const struct loop_body *b) {
    if (a == b)
        return true;
    if (a->hash != b->hash || a->again != b->again || a->n_over != b->n_over ||
        a->n_lag != b->n_lag || a->n_carry != b->n_carry || a->n_capture != b->n_capture ||
        a->n_out != b->n_out || memcmp(a->lag, b->lag, (size_t)a->n_lag * sizeof *a->lag))
        return false;
    struct arena scratch = {0};
    struct node_list of_a = number_body(a, &scratch), of_b = number_body(b, &scratch);
    const int *param_a = find_params(a, &scratch, &of_a),
              *param_b = find_params(b, &scratch, &of_b);
    bool same = of_a.n == of_b.n;
    for (int i = 0; same && i < of_a.n; i++)
        same = same_place(of_a.at[i], param_a[i], of_b.at[i], param_b[i]);
    for (int r = 0; same && r < loop_n_results(a); r++)
        same = a->result[r]->number == b->result[r]->number;
    for (int p = 0; same && p < loop_n_params(a); p++)
        same = (a->param[p] != NULL) == (b->param[p] != NULL);
    arena_free(&scratch);
    return same;
}

/* ---- copies */

struct node_list loop_copy(const struct loop_body *l, struct arena *a, struct build *to,
                           struct node *const *given, struct node ***copy) {
    struct node_list order = number_body(l, a);
    const int *param = find_params(l, a, &order);
    *copy = arena_array(a, struct node *, order.n);
    for (int i = 0; i < order.n; i++) {
        const struct node *n = order.at[i];
        if (param[i] >= 0) {
            (*copy)[i] = given[param[i]];
            continue;
        }
        struct node like = *n;
        like.in = arena_array(a, struct node *, n->n_in);
        for (int k = 0; k < n->n_in; k++)
            like.in[k] = (*copy)[n->in[k]->number];
        (*copy)[i] = graph_intern(to->graph, &like);
    }
    return order;
}

struct loop_body *loop_clone(const struct loop_body *l, struct build *b,
                             struct node *const *known) {
    int n_known = 0, n_params = 0;
    for (int p = 0; known && p < loop_n_params(l); p++)
        n_known += known[p] != NULL;
    struct loop_body *to =
        loop_new(l->n_over, l->n_lag, l->n_carry, l->n_capture - n_known, l->n_out);
    struct build body = loop_build(to, b);
    struct arena scratch = {0};
    struct node **given = arena_array(&scratch, struct node *, loop_n_params(l)), **copy;
    for (int k = 0; k < l->n_lag; k++)
        to->lag[k] = l->lag[k];
    for (int p = 0; p < loop_n_params(l); p++) {
        const struct node *like = known && known[p] ? known[p] : l->param[p];
        if (like)
            given[p] = graph_intern(&to->graph, like);
        if (!known || !known[p])
            to->param[n_params++] = given[p];
    }
    loop_copy(l, &scratch, &body, given, &copy);
    for (int r = 0; r < loop_n_results(l); r++)
        to->result[r] = copy[l->result[r]->number];
    arena_free(&scratch);
    return to;
}

/* ---- nodes */

struct node *build_scan(struct build *b, struct loop_body *l, struct node *const *in,
                        struct dim length, bool reverse, int64_t remember) {
    struct attr attr[] = {
        [SCAN_LENGTH] = {.kind = ATTR_SHAPE, .shape = {.rank = 1, .d = {length}}},
        [SCAN_REVERSE] = {.kind = ATTR_BOOL, .i = reverse},
        [SCAN_REMEMBER] = {.kind = ATTR_INT, .i = remember},
    };
    struct node like = {
        .op = &b->ops->op[OP_scan],
        .dtype = DTYPE_BOOL,
        .n_in = loop_n_inputs(l),
        .in = (struct node **)in,
        .attr = attr,
        .origin = b->origin,
        .spelling = b->spelling ? b->spelling : "scan",
        .loop = l,
    };
    struct node *n = graph_intern(b->graph, &like);
    loop_unref(l);
    return n;
}

struct node *build_scan_result(struct build *b, struct node *scan, int which) {
    const struct loop_body *l = scan->loop;
    bool kept = which >= loop_kept(l, 0);
    int result = kept ? which - loop_kept(l, 0) : which < l->n_carry ? which : which - l->n_carry;
    const struct node *from = l->result[result];
    struct attr attr = {.kind = ATTR_INT, .i = which};
    struct node like = {
        .op = &b->ops->op[OP_scan_result],
        .dtype = from->dtype,
        .shape = from->shape,
        .n_in = 1,
        .in = &scan,
        .attr = &attr,
        .origin = b->origin,
        .spelling = scan->spelling,
    };
    /* a carry has the shape it came in with: its names are those of the script */
    if (result < l->n_carry)
        like.shape = scan->in[loop_carry_input(l) + result]->shape;
    like.shape.on_purpose = 0;
    if (which >= l->n_carry) {
        assert(like.shape.rank < MAX_RANK);
        memmove(like.shape.d + 1, like.shape.d, (size_t)like.shape.rank * sizeof *like.shape.d);
        like.shape.d[0] = scan_length(scan);
        if (kept)
            like.shape.d[0] =
                dim_const(loop_n_kept(scan_length(scan).k, scan->attr[SCAN_REMEMBER].i));
        like.shape.rank++;
    }
    return graph_intern(b->graph, &like);
}

void loop_open(struct loop_body *l, const struct program *outer, struct program *body) {
    *body = (struct program){
        .arena = &l->arena,
        .graph = l->graph,
        .build = outer->build,
        .roots = l->result,
        .n_roots = loop_n_results(l),
        .n_fetch = loop_n_results(l),
        .fed = l->param,
        .n_fed = loop_n_params(l),
        .exact = outer->exact,
    };
    body->build.graph = &body->graph;
    body->build.arena = &l->arena;
}

void loop_close(struct loop_body *l, const struct program *body) { l->graph = body->graph; }

static bool same_form(const struct symbols *s, const struct node *a, const struct node *b) {
    bool same = a->dtype == b->dtype && a->shape.rank == b->shape.rank;
    for (int i = 0; same && i < a->shape.rank; i++)
        same = dim_compare(s, a->shape.d[i], b->shape.d[i]) != DIM_DIFFER;
    return same;
}

/* Whether a param is what a row of its input is, or all of it. */
static bool fits_input(const struct symbols *s, const struct loop_body *l, int p,
                       const struct node *input) {
    const struct node *param = l->param[p];
    int rows = loop_takes_rows(l, p);
    bool fits = param->dtype == input->dtype && param->shape.rank + rows == input->shape.rank;
    for (int i = 0; fits && i < param->shape.rank; i++)
        fits = dim_compare(s, param->shape.d[i], input->shape.d[i + rows]) != DIM_DIFFER;
    return fits;
}

const char *loop_verify(struct arena *a, struct symbols *symbols, const struct node *scan) {
    const struct loop_body *l = scan->loop;
    if (scan->n_in != loop_n_inputs(l))
        return arena_printf(a, "%d inputs for a body that takes %d", scan->n_in, loop_n_inputs(l));
    for (int p = 1; p < loop_n_params(l); p++) {
        const struct node *in = scan->in[loop_input_of(l, p)];
        if (l->param[p] && !fits_input(symbols, l, p, in))
            return arena_printf(a, "param %d of its body does not fit its input", p);
        bool recalled = p >= loop_lag_param(l) && p < loop_carry_param(l) &&
                        l->recall[p - loop_lag_param(l)] >= 0;
        if (loop_takes_rows(l, p) && !recalled &&
            dim_compare(symbols, in->shape.d[0], scan_length(scan)) == DIM_DIFFER)
            return arena_printf(a, "the input of param %d has another length", p);
    }
    for (int c = 0; c < l->n_carry; c++)
        if (!same_form(symbols, l->result[c], scan->in[loop_carry_input(l) + c]))
            return arena_printf(a, "carry %d changes its form", c);
    return NULL;
}
