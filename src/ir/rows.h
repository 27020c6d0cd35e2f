/* Which nodes keep the examples of a batch apart: whose part i along one axis is computed from the
 * parts i of what is fed, and from nothing of the other examples. What does can be computed for
 * some examples at a time, with the same results (session/chunks.c).
 *
 * In: a node, and what is known of its inputs. By a table, rows.def: what it does not list counts
 * as mixing, so a new op is safe before it is fast. */
#ifndef NN_IR_ROWS_H
#define NN_IR_ROWS_H

#include "ir/graph.h"

/* What is known of a node: the axis along which the examples lie, or one of these. */
enum {
    ROWS_NONE = -1, /* it does not depend on the examples */
    ROWS_MIXED = -2 /* an element depends on several examples, or it cannot be told */
};

/* The dimension that counts the examples: all dims that are the same number of them. */
struct rows_dims {
    struct symbols *symbols;
    const struct dim *at;
    int n;
};

/* Of a node that is not fed. rows: [n_in] of its inputs. */
int rows_of_node(const struct node *n, const int *rows, const struct rows_dims *dims);

/* The same in a walk over a whole graph, loops included: numbers of nodes are their index in its
 * order, inputs before users. What stands for the scan node of a loop is 0 when any of its values
 * keeps examples apart. */
struct rows_walk {
    const struct rows_dims *dims;
    struct arena *arena;
    int *rows;    /* [order] so far */
    int **values; /* [order] of scan nodes: rows of each value (ir/loop.h numbers them) */
};
int rows_of_call(struct rows_walk *w, const struct node *n);

/* How results over some examples each become the result over all: MEAN weighted by their number.
 * NONE: n is no reduction over `axis` of its input that this can be done with. */
enum rows_join { JOIN_NONE, JOIN_SUM, JOIN_MEAN, JOIN_PRODUCT, JOIN_LARGEST, JOIN_LEAST };
enum rows_join rows_join_over(const struct node *n, int axis);

#endif
