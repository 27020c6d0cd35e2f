/* The gradients of elementwise rows as formulas that a person reads: the text of the row in
 * ops.def, `B(mul, g, y)`, becomes `g * y`.
 *
 * Not for: making gradients; the rows themselves do that (ops/elementwise.c). */
#ifndef NN_IR_FORMULA_H
#define NN_IR_FORMULA_H

#include <stdio.h>

#include "ir/op.h"

/* Whether there is one for some operand. */
bool op_has_formula(const struct op *op);

/* Writes the gradient with respect to operand i, of the operands, r (the result) and g (the
 * gradient with respect to r). false: the row has none, and nothing was written. */
bool formula_print(const struct op *op, int i, FILE *out);

/* The operator that stands for an op of two operands, "+"; NULL: none does. */
const char *op_sign(const struct op *op);

/* The line of ops.def with the op's row. */
int op_line(enum op_id id);

#endif
