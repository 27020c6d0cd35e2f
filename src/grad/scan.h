/* The gradient of a loop. */
#ifndef NN_GRAD_SCAN_H
#define NN_GRAD_SCAN_H

#include "grad/grad.h"
#include "ir/loop.h"

/* The gradients of a scan's inputs: dx[i] is set where need[i] and the results depend on input i
 * differentiably. dy: [loop_n_values] the gradients of its results; NULL: none. */
void grad_scan(struct build *b, struct node *scan, struct node *const *dy, const bool *need,
               struct node **dx);

/* Whether a gradient gets from some result to input i. */
bool grad_scan_passes(const struct loop_body *l, int i);

#endif
