/* Reverse-mode differentiation, graph to graph: gradients are nodes like any others, so one
 * optimiser and one planner serve both ways and gradients can be differentiated again.
 *
 * Method: walk the nodes between the loss and the wanted inputs in reverse topological order, ask
 * each op's gradient rule for the gradients of its inputs, add up those of a node used several
 * times, and sum over stretched axes once for all elementwise ops. */
#ifndef NN_GRAD_GRAD_H
#define NN_GRAD_GRAD_H

#include "ir/build.h"

/* d loss / d wrt[i] into gradient[i], each with the shape and dtype of wrt[i]; NULL where the loss
 * does not depend differentiably on it. loss must be a float scalar (checked by the caller, who
 * knows the words). New nodes take over the origin of the node whose gradient they are, so that a
 * failing step names a line of the script. */
void grad_build(struct build *b, struct node *loss, struct node *const *wrt, int n_wrt,
                struct node **gradient);

/* The same from several tensors: seed[i] is the gradient with respect to y[i], of its shape; NULL:
 * none. */
void grad_build_from(struct build *b, struct node *const *y, struct node *const *seed, int n_y,
                     struct node *const *wrt, int n_wrt, struct node **gradient);

/* Whether a change of n's input i changes n smoothly. */
bool grad_flows(const struct node *n, int i);

/* When gradient[i] is NULL: the op nearest to the loss that cuts every path from wrt to it (argmax,
 * stop_gradient, a comparison), or NULL when there is no path at all. */
const struct node *grad_find_cut(struct graph *g, struct arena *a, struct node *loss,
                                 struct node *wrt);

#endif
