/* The tables of the pass `simplify`. A rule looks at a node and the few below it, and gives a
 * node of the same value, shape and dtype that costs less or is safer; NULL when it has nothing
 * to say. Rules are tried in the order of their tables. */
#ifndef NN_OPT_SIMPLIFY_H
#define NN_OPT_SIMPLIFY_H

#include "opt/rewrite.h"

struct rule {
    enum op_id at;    /* the op it starts at; N_OPS: every elementwise op */
    const char *name; /* what becomes what */
    struct node *(*apply)(struct program *p, struct node *n);
};

struct rule_table {
    const struct rule *rule;
    int n;
};
extern const struct rule_table simplify_algebra; /* numbers: x*1, pow(x, 2) */
extern const struct rule_table
    simplify_movement; /* shapes: reshape of reshape, transpose into matmul */
extern const struct rule_table
    simplify_reductions; /* sums: reshapes and factors out of their way */
extern const struct rule_table simplify_slices; /* slices put together again */
extern const struct rule_table
    simplify_safety; /* log(softmax(z)) and its gradient: finite where the script's words are not */

#endif
