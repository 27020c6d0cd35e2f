/* What to try when an op refuses its operands: the help line of a report. */
#ifndef NN_EVAL_SUGGEST_H
#define NN_EVAL_SUGGEST_H

#include "eval/interp.h"

/* d: the report of the refused call, whose help is set when something would work. */
void suggest(struct interp *in, struct diag *d, const struct op *op, struct node *const *inputs,
             int n_in, const struct attr *attr, const struct span *at);

#endif
