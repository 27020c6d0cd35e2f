/* The kernels of one instruction set, by op: what kernel_find looks into. A row of ops.def whose
 * kernel is missing does not link. */
#include "ops/ops.h"

#ifdef OPS_KERNELS

#define ROW_LEAF(id)
#define ROW_LOOP(id)
#define ROW_RESULT(id)
#define ROW_ALIAS(id)
#define ROW_ELEMENTWISE(id)
#define ROW_PLAIN(id)  [OP_##id] = &KERNEL(id##_kernel),
#define ROW_RANDOM(id) ROW_PLAIN(id)
#define ROW_EFFECT(id) ROW_PLAIN(id)

const struct kernel *const KERNEL(kernel_table)[N_OPS] = {
#define EW1(id, domain, kernel, gradient, summary)
#define EW2(id, domain, kernel, gx, gy, summary)
#define CMP2(id, kernel, summary)
#define OP(id, shape, gradient, trait, signature, summary) ROW_##trait(id)
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
};

#endif
