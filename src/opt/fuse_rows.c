/* softmax and log_softmax of rows, spelled out in what groups are made of: the largest element, a
 * difference, exp, a sum. Then they run with their neighbours (a mask before, a loss behind, the
 * gradient), and both of the same logits share their exponentials.
 *
 * Rows are the last axis, and short enough for the cache. The logarithm is of a sum that has not
 * been rounded (log_sum): where one class is nearly certain, that is what the loss consists of. */
#include <string.h>

#include "opt/fuse.h"
#include "opt/rewrite.h"

static struct node *over_row(struct program *p, enum op_id op, struct node *x) {
    struct attr attr[2];
    memset(attr, 0, sizeof attr);
    attr[0].kind = ATTR_AXES, attr[0].ints.n = 1, attr[0].ints.v[0] = x->shape.rank - 1;
    attr[1].kind = ATTR_BOOL, attr[1].i = true;
    return build_op(&p->build, op, &x, 1, attr, NULL, NULL);
}

static struct node *spell(struct program *p, struct node *n) {
    struct build *b = &p->build;
    bool is_log = n->op->id == OP_log_softmax;
    int last = n->shape.rank - 1;
    if ((!is_log && n->op->id != OP_softmax) || n->attr[0].i != last || n->shape.d[last].k < 2 ||
        n->shape.d[last].k > FUSE_MAX_ROW || shape_n_elements(&n->shape) == 0)
        return NULL;
    struct node *most = over_row(p, OP_max, n->in[0]);
    struct node *below = most ? build_2(b, OP_sub, n->in[0], most) : NULL;
    struct node *e = below ? build_1(b, OP_exp, below) : NULL;
    struct node *sum = e ? over_row(p, is_log ? OP_log_sum : OP_sum, e) : NULL;
    if (!sum) return NULL;
    return is_log ? build_2(b, OP_sub, below, sum) : build_2(b, OP_div, e, sum);
}

void fuse_spell_rows(struct program *p) { rewrite_walk(p, spell); }
