/* The loops of single elementwise ops, for the evaluator of chains (fused.c): one block in, one
 * block out. */
#ifndef NN_OPS_ELEMENTWISE_H
#define NN_OPS_ELEMENTWISE_H

#include "ops/ops.h"

/* n elements of out from n of each operand. Operands are contiguous; out may be the very same as
 * an operand whose elements have the same size. */
typedef void ew_loop_function(int64_t n, void *out, const void *const *in);

/* The loop of an instruction; NULL when its op does not have the dtype. */
ew_loop_function *KERNEL(ew_find_loop)(enum op_id op, enum dtype in_dtype, enum dtype dtype);

/* The first of n second operands that an op of ew_can_raise cannot take, and its value; n: none. */
typedef int64_t ew_check_function(int64_t n, const void *y, double *value);
ew_check_function *KERNEL(ew_find_check)(enum op_id op, enum dtype in_dtype);

#endif
