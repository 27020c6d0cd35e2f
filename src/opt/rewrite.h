/* What the passes that replace nodes share: one bottom-up walk, and the questions and small
 * constructions of their rules. */
#ifndef NN_OPT_REWRITE_H
#define NN_OPT_REWRITE_H

#include "opt/opt.h"

/* Walks from the inputs to the roots. Each node is first copied over its inputs' replacements,
 * then `step` is asked for something better than it: another node of the same value, shape and
 * dtype, or NULL to keep it; asked again of what it gives until it gives NULL. New nodes take
 * over origin and name of what they replace. Whether anything changed. */
bool rewrite_walk(struct program *p, struct node *(*step)(struct program *p, struct node *n));

/* n over other inputs, with all else as it is. */
struct node *rewrite_inputs(struct program *p, struct node *n, struct node *const *in);

/* The pass `fold` as a step: a node over known values becomes a constant, or a node of fewer
 * inputs. */
struct node *fold_step(struct program *p, struct node *n);

/* A scan whose known captures are in its body, or NULL when it has none. */
struct node *fold_captures(struct program *p, struct node *n);

/* x stretched to the shape of `like`, as it is when it has that shape. */
struct node *rewrite_stretch(struct program *p, struct node *x, const struct node *like);

/* A constant tensor all of whose elements are one number, or a fill: *value is it. */
bool rewrite_is_uniform(const struct node *n, double *value);
static inline bool rewrite_is(const struct node *n, double value) {
    double v;
    return rewrite_is_uniform(n, &v) && v == value;
}

#endif
