/* Equal expressions are computed once. Interning already makes one node of what is written alike;
 * what is left is x + y beside y + x, and shapes that differ in whether a 1 was meant to be
 * stretched, which matters to a script and not to a plan. Both are put into one form, and interning
 * does the rest.
 *
 * Operands are ordered by their place in the walk from the roots, so that the form depends on
 * the graph only. */
#include "opt/rewrite.h"

void opt_cse(struct program *p);

/* Only where the bits of the result do not depend on the order: not maximum, which has to choose
 * between 0 and -0. */
static bool is_commutative(enum op_id id) {
    static const bool commutative[N_OPS] = {
        [OP_add] = true,       [OP_mul] = true,         [OP_equal] = true,
        [OP_not_equal] = true, [OP_logical_and] = true, [OP_logical_or] = true,
    };
    return commutative[id];
}

/* n over its inputs' replacements, in the one form. A placeholder is itself and nothing else. */
static struct node *normal_form(struct program *p, struct arena *scratch, struct node *n,
                                struct node *const *became) {
    n->shape.on_purpose = 0;
    if (n->op->id == OP_placeholder) return n;
    struct node like = *n;
    like.in = arena_array(scratch, struct node *, n->n_in);
    like.attr = arena_array(scratch, struct attr, n->op->n_settings);
    for (int k = 0; k < n->n_in; k++) like.in[k] = became[n->in[k]->number];
    for (int k = 0; k < n->op->n_settings; k++) {
        like.attr[k] = n->attr[k];
        if (like.attr[k].kind == ATTR_SHAPE) like.attr[k].shape.on_purpose = 0;
    }
    if (is_commutative(n->op->id) && like.in[1]->number < like.in[0]->number) {
        struct node *first = like.in[0];
        like.in[0] = like.in[1];
        like.in[1] = first;
        like.at = NULL;
    }
    return graph_intern(&p->graph, &like);
}

void opt_cse(struct program *p) {
    struct arena scratch = {0};
    struct node_list order = graph_order(&p->graph, &scratch, p->roots, p->n_roots, NULL, NULL);
    struct node **became = arena_array(&scratch, struct node *, order.n);
    for (int i = 0; i < order.n; i++) order.at[i]->number = i;
    for (int i = 0; i < order.n; i++) {
        struct node *n = order.at[i], *form = normal_form(p, &scratch, n, became);
        if (form->visit != p->graph.visit) {
            form->visit = p->graph.visit;
            form->number = i;
        }
        if (!form->name && form->op->id != OP_constant) form->name = n->name;
        became[i] = form;
    }
    for (int r = 0; r < p->n_roots; r++) p->roots[r] = became[p->roots[r]->number];
    arena_free(&scratch);
}
