/* A loop's body becomes concrete with the node that repeats it: the body is copied into a graph of
 * its own with the sizes of the inputs, each op's rule asked again.
 *
 * Here is found what a script's shapes left open: a carry whose size is not the one it started
 * with, inputs of different lengths. */
#include <inttypes.h>

#include "ir/loop.h"
#include "opt/instance.h"

/* One body being copied. */
struct copying {
    struct instance *in;
    const struct loop_body *from;
    struct loop_body *to;
    struct build body;
    struct node_list order; /* of the body copied from; numbered */
    struct node **copy;     /* [order.n] */
};

static bool is_listed(const struct copying *c, const struct node *n) {
    return n && n->number >= 0 && n->number < c->order.n && c->order.at[n->number] == n;
}

/* Params like those of `from`, with the sizes of the inputs. */
static void add_params(struct copying *c, struct node *const *inputs) {
    for (int p = 0; p < loop_n_params(c->from); p++) {
        const struct node *param = c->from->param[p];
        c->body.origin = param->origin;
        struct node *made =
            p ? loop_add_param(c->to, &c->body, p, inputs[loop_input_of(c->from, p)])
              : loop_add_index(c->to, &c->body);
        made->name = param->name;
        made->spelling = param->spelling;
        if (is_listed(c, param))
            c->copy[param->number] = made;
    }
}

static enum outcome copy_body(struct copying *c, uint32_t *unbound) {
    for (int i = 0; i < c->order.n; i++) {
        const struct node *n = c->order.at[i];
        struct node **inputs = arena_array(&c->in->scratch, struct node *, n->n_in);
        if (!c->copy[i] && n->op->id == OP_constant)
            c->copy[i] = graph_intern(c->body.graph, n);
        if (!c->copy[i]) {
            for (int k = 0; k < n->n_in; k++)
                inputs[k] = c->copy[n->in[k]->number];
            enum outcome outcome =
                instance_append(c->in, &c->body, n, inputs, &c->copy[i], unbound);
            if (outcome != COPIED)
                return outcome;
            if (!c->copy[i]->name && c->copy[i]->op->id != OP_constant)
                c->copy[i]->name = n->name;
        }
        if (!instance_bind_result(c->in, n, c->copy[i]))
            return FAILED;
    }
    return COPIED;
}

static void note_demanded(const struct instance *in, struct diag *d) {
    if (in->demanded_at)
        diag_note(d, in->demanded_at->span, "demanded here");
}

static bool check_carries(struct copying *c, struct node *const *inputs) {
    struct instance *in = c->in;
    for (int i = 0; i < c->to->n_carry; i++) {
        const struct node *start = inputs[loop_carry_input(c->to) + i], *next = c->to->result[i];
        if (shape_same(&start->shape, &next->shape))
            continue;
        const char *name = c->to->param[loop_carry_param(c->to) + i]->name;
        struct diag *d = diag_error(
            in->diags, E_SHAPE, instance_node_span(next),
            "what is carried must keep its type, but `%s` starts as %s and the step gives %s",
            name ? name : "it", instance_type_text(in, start->dtype, &start->shape),
            instance_type_text(in, next->dtype, &next->shape));
        diag_trail(d, next->origin);
        note_demanded(in, d);
        return false;
    }
    return true;
}

static bool check_lengths(struct instance *in, const struct node *n, const struct loop_body *l,
                          struct node *const *inputs, int64_t length) {
    for (int i = 0; i < l->n_over + l->n_lag; i++) {
        int64_t own = inputs[i]->shape.d[0].k;
        if (own == length)
            continue;
        struct diag *d = diag_error(in->diags, E_SHAPE, instance_node_span(n),
                                    "what %s goes over has two lengths: %" PRId64 " and %" PRId64,
                                    n->spelling, length, own);
        diag_trail(d, n->origin);
        note_demanded(in, d);
        return false;
    }
    return true;
}

enum outcome instance_append_scan(struct instance *in, struct build *b, const struct node *n,
                                  struct node **inputs, const struct attr *attr, struct node **copy,
                                  uint32_t *unbound) {
    struct loop_body *from = n->loop;
    int64_t length = attr[SCAN_LENGTH].shape.d[0].k;
    if (!check_lengths(in, n, from, inputs, length))
        return FAILED;
    struct copying c = {.in = in, .from = from};
    c.to = loop_new(from->n_over, from->n_lag, from->n_carry, from->n_capture, from->n_out);
    for (int i = 0; i < from->n_lag; i++)
        c.to->lag[i] = from->lag[i];
    c.body = loop_build(c.to, b);
    c.order =
        graph_order(&from->graph, &in->scratch, from->result, loop_n_results(from), NULL, NULL);
    for (int i = 0; i < c.order.n; i++)
        c.order.at[i]->number = i;
    c.copy = arena_array(&in->scratch, struct node *, c.order.n);
    add_params(&c, inputs);
    enum outcome outcome = copy_body(&c, unbound);
    for (int r = 0; outcome == COPIED && r < loop_n_results(from); r++)
        c.to->result[r] = c.copy[from->result[r]->number];
    if (outcome == COPIED && !check_carries(&c, inputs))
        outcome = FAILED;
    if (outcome != COPIED) {
        loop_unref(c.to);
        return outcome;
    }
    loop_finish(c.to);
    b->origin = n->origin;
    b->spelling = n->spelling;
    *copy =
        build_scan(b, c.to, inputs, dim_const(length), attr[SCAN_REVERSE].i, attr[SCAN_REMEMBER].i);
    return COPIED;
}
