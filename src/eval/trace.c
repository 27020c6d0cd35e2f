/* The step of a scan, traced: its function is called once, with placeholders for the index, the
 * rows and the carries, and what it computed from them is cut out of the script's graph as the
 * body of a loop.
 *
 * What does not depend on the placeholders is computed once, outside, and is captured, unless it
 * draws: a draw written in the step is drawn anew in every step. Not for: what scan's arguments
 * mean (scan.c). */
#include <string.h>

#include "eval/interp.h"
#include "ir/loop.h"

void trace_mark(struct interp *in) {
    for (struct trace *t = in->trace; t; t = t->outer) {
        const struct traced_step *s = t->step;
        graph_mark(in->o.graph, s->index);
        for (int i = 0; i < s->n_rows; i++) {
            graph_mark(in->o.graph, s->row[i]);
            graph_mark(in->o.graph, s->row_input[i]);
        }
        for (int i = 0; i < s->n_carries; i++) {
            graph_mark(in->o.graph, s->carry[i]);
            graph_mark(in->o.graph, s->carry_input[i]);
        }
        for (int i = 0; i < t->draws.n; i++)
            graph_mark(in->o.graph, t->draws.at[i]);
    }
}

void trace_note_draw(struct interp *in, struct node *n) {
    if (in->trace && n)
        array_push(NULL, &in->trace->draws, n);
}

/* ---- what belongs to the step */

struct cut {
    struct node_list order; /* of the script's graph, from the results; numbered */
    bool *inside;
    struct node **copy; /* in the body */
};

static bool is_listed(const struct node_list *order, const struct node *n) {
    return n->number >= 0 && n->number < order->n && order->at[n->number] == n;
}

static void set_inside(struct cut *c, const struct node *n) {
    if (is_listed(&c->order, n))
        c->inside[n->number] = true;
}

static struct cut find_inside(struct interp *in, const struct trace *t, struct arena *a) {
    const struct traced_step *s = t->step;
    struct cut c = {0};
    c.order = graph_order(in->o.graph, a, s->result, s->n_carries, NULL, NULL);
    c.inside = arena_array(a, bool, c.order.n);
    c.copy = arena_array(a, struct node *, c.order.n);
    for (int i = 0; i < c.order.n; i++)
        c.order.at[i]->number = i;
    set_inside(&c, s->index);
    for (int i = 0; i < s->n_rows; i++)
        set_inside(&c, s->row[i]);
    for (int i = 0; i < s->n_carries; i++)
        set_inside(&c, s->carry[i]);
    for (int i = 0; i < t->draws.n; i++)
        set_inside(&c, t->draws.at[i]);
    for (int i = 0; i < c.order.n; i++)
        for (int k = 0; k < c.order.at[i]->n_in; k++)
            c.inside[i] |= c.inside[c.order.at[i]->in[k]->number];
    return c;
}

/* Nodes outside that the body reads, each once, in the walk's order; constants are not captured but
 * copied. */
static int find_captures(struct cut *c, const struct traced_step *s, struct arena *a,
                         struct node ***captures) {
    bool *wanted = arena_array(a, bool, c->order.n);
    int n = 0;
    for (int i = 0; i < c->order.n; i++)
        for (int k = 0; c->inside[i] && k < c->order.at[i]->n_in; k++)
            wanted[c->order.at[i]->in[k]->number] = true;
    for (int r = 0; r < s->n_carries; r++)
        wanted[s->result[r]->number] = true;
    *captures = arena_array(a, struct node *, c->order.n);
    for (int i = 0; i < c->order.n; i++) {
        struct node *node = c->order.at[i];
        if (wanted[i] && !c->inside[i] && node->op->id != OP_constant)
            (*captures)[n++] = node;
    }
    return n;
}

/* Like the placeholder that it stands for. */
static void add_param(struct loop_body *l, struct build *body, int p, const struct node *input,
                      const struct node *like) {
    body->origin = like->origin;
    struct node *param = loop_add_param(l, body, p, input);
    param->name = like->name;
    param->spelling = like->spelling;
}

static void add_params(struct cut *c, struct loop_body *l, struct build *body,
                       const struct traced_step *s, struct node *const *captures, int n_captures,
                       struct node **inputs) {
    int p = 1, n = 0;
    body->origin = s->index->origin;
    loop_add_index(l, body);
    if (is_listed(&c->order, s->index))
        c->copy[s->index->number] = l->param[0];
    for (int i = 0; i < s->n_rows; i++, p++) {
        add_param(l, body, p, inputs[n++] = s->row_input[i], s->row[i]);
        if (is_listed(&c->order, s->row[i]))
            c->copy[s->row[i]->number] = l->param[p];
    }
    for (int i = 0; i < s->n_carries; i++, p++) {
        add_param(l, body, p, inputs[n++] = s->carry_input[i], s->carry[i]);
        if (is_listed(&c->order, s->carry[i]))
            c->copy[s->carry[i]->number] = l->param[p];
    }
    for (int i = 0; i < n_captures; i++, p++) {
        add_param(l, body, p, inputs[n++] = captures[i], captures[i]);
        c->copy[captures[i]->number] = l->param[p];
    }
}

static void copy_inside(struct cut *c, struct build *body, struct arena *a) {
    for (int i = 0; i < c->order.n; i++) {
        const struct node *n = c->order.at[i];
        if (c->copy[i] || !(c->inside[i] || n->op->id == OP_constant))
            continue;
        struct node like = *n;
        like.in = arena_array(a, struct node *, n->n_in);
        for (int k = 0; k < n->n_in; k++)
            like.in[k] = c->copy[n->in[k]->number];
        c->copy[i] = graph_intern(body->graph, &like);
    }
}

struct loop_body *trace_make_loop(struct interp *in, struct trace *t, struct arena *a,
                                  struct node ***inputs) {
    const struct traced_step *s = t->step;
    struct cut c = find_inside(in, t, a);
    struct node **captures;
    int n_captures = find_captures(&c, s, a, &captures);
    struct loop_body *l = loop_new(s->n_rows, 0, s->n_carries, n_captures, 0);
    struct build body = loop_build(l, &in->build);
    *inputs = arena_array(a, struct node *, loop_n_inputs(l));
    add_params(&c, l, &body, s, captures, n_captures, *inputs);
    copy_inside(&c, &body, a);
    for (int r = 0; r < s->n_carries; r++)
        l->result[r] = c.copy[s->result[r]->number];
    loop_finish(l);
    return l;
}

/* ---- what a step cannot do */

bool trace_refuses_new(struct interp *in, struct span at, const char *what) {
    const struct trace *t = in->trace;
    if (!t || in->body != t->body)
        return false;
    struct diag *d = diag_error(in->o.diags, E_MISPLACED, at, "%s is made inside the step of a %s",
                                what, t->word);
    diag_help(d,
              "make it before the %s, and use it inside: the step is written into the graph "
              "once and repeated there",
              t->word);
    interp_fail(in, d);
    return true;
}

bool trace_refuses_update(struct interp *in, struct span at) {
    const struct trace *t = in->trace;
    if (!t)
        return false;
    struct diag *d = diag_error(in->o.diags, E_MISPLACED, at,
                                "the step of a %s cannot assign to a variable", t->word);
    diag_help(d, "what changes from step to step is carried: give it to init, and give its next "
                 "value back");
    interp_fail(in, d);
    return true;
}

static bool stands_for_input(const struct traced_step *s, const struct node *n) {
    bool is = n == s->index;
    for (int i = 0; i < s->n_rows && !is; i++)
        is = n == s->row[i];
    for (int i = 0; i < s->n_carries && !is; i++)
        is = n == s->carry[i];
    return is;
}

bool trace_refuses_demand(struct interp *in, struct node *const *nodes, int n, struct span at) {
    if (!in->trace)
        return false;
    struct arena scratch = {0};
    struct node_list order = graph_order(in->o.graph, &scratch, nodes, n, NULL, NULL);
    const struct trace *found = NULL;
    for (const struct trace *t = in->trace; t && !found; t = t->outer)
        for (int i = 0; i < order.n && !found; i++)
            if (stands_for_input(t->step, order.at[i]))
                found = t;
    arena_free(&scratch);
    if (!found)
        return false;
    struct diag *d = diag_error(in->o.diags, E_MISPLACED, at,
                                "this value is not known here: the step of a %s is written into "
                                "the graph once, before it runs",
                                found->word);
    diag_help(d, "choose between tensors with where(condition, a, b); what is to be seen of each "
                 "step is carried");
    interp_fail(in, d);
    return true;
}
