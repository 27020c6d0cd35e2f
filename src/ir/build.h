/* Appending nodes: the shape rule is asked, a refusal becomes a diagnostic at the operands' spans,
 * an accepted node is interned. Used by the evaluator (a script's calls), by gradients and by
 * rewrites. */
#ifndef NN_IR_BUILD_H
#define NN_IR_BUILD_H

#include "ir/graph.h"

struct build {
    struct graph *graph;
    const struct op_table *ops;
    struct symbols *symbols;
    struct intern_table *names;
    struct arena *arena;         /* for origins' operand spans when the graph is on an arena */
    struct diags *diags;         /* NULL: a refusal is silent (used to try out suggestions) */
    const struct origin *origin; /* what new nodes say of where they come from */
    const char *spelling;        /* of the call under way; NULL: the op's name */
    struct fault *last_fault;    /* the last refusal, whether reported or not; may be NULL */
};

/* One call: n_in inputs, their spans (NULL inside passes), settings in the signature's order (NULL:
 * all defaults; an UNSET one takes its default). NULL when the rule refused; reported unless
 * b->diags is NULL. */
struct node *build_op(struct build *b, enum op_id id, struct node *const *in, int n_in,
                      const struct attr *attr, const struct span *at, const char *path);

/* Reports a fault about `n` (or about a call that made no node: operands given) with provenance:
 * each operand's whole shape and where it comes from ("declared at line 7", "from flatten, line
 * 6"). */
void build_report(struct build *b, const struct fault *fault, struct node *const *in, int n_in,
                  const struct span *at, const struct origin *origin);

/* "float[batch, 3136]: from flatten, line 6": what a node is and where it comes from, seen from a
 * line of `source`; an axis that is spoken of says how its size came about, -1: none. */
void build_describe(struct build *b, const struct node *n, int axis, uint32_t source, char *buf,
                    size_t n_buf);

/* Leaves. */
struct node *build_scalar(struct build *b, enum dtype t, double value);
struct node *build_constant(struct build *b,
                            struct tensor *value); /* takes no reference; the node keeps its own */
struct node *build_placeholder(struct build *b, const char *name, enum dtype t,
                               const struct shape *shape, struct node *fallback);
struct node *build_variable(struct build *b, struct variable *v);

/* Shorthands of gradients and rewrites. Scalars broadcast. */
struct node *build_1(struct build *b, enum op_id id, struct node *x);
struct node *build_2(struct build *b, enum op_id id, struct node *x, struct node *y);
struct node *build_3(struct build *b, enum op_id id, struct node *x, struct node *y,
                     struct node *z);
struct node *build_reshape(struct build *b, struct node *x, const struct shape *to);
struct node *build_broadcast(struct build *b, struct node *x, const struct shape *to);
struct node *build_cast(struct build *b, struct node *x, enum dtype to);
/* A further result of an op that has several: its number, from 1, and its form. */
struct node *build_result(struct build *b, struct node *of, int which, enum dtype t,
                          const struct shape *shape);
/* axes as a bit mask over x's axes */
struct node *build_sum(struct build *b, struct node *x, uint32_t axes, bool keepdims);
/* Sums what was stretched: x has the broadcast shape, the result the shape `to`. */
struct node *build_sum_to(struct build *b, struct node *x, const struct shape *to);

/* The gradient of one node: dx[i] is to be set for each input i with need[i]; what stays NULL has
 * no gradient. */
struct gradient_call {
    struct build *b;
    struct node *node; /* its inputs and result */
    struct node *dy;  /* gradient of the loss with respect to the result; shape and dtype of node */
    const bool *need; /* [n_in] */
    struct node **dx; /* [n_in], NULL on entry */
};

#endif
