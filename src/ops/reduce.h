/* The loops of reductions, for those who reduce what they have just computed (fused.c). */
#ifndef NN_OPS_REDUCE_H
#define NN_OPS_REDUCE_H

#include "ops/ops.h"

/* Results that `rows` can have under way. */
enum { REDUCE_WIDTH = 512 };

/* The loops of one op and dtype; see reduce_loops.h. Strides in elements. `acc` is an array of
 * acc_bytes each, and is rounded to results of the op's dtype at the end only. */
struct reducer {
    size_t acc_bytes;
    int64_t bytes; /* of an element */
    void (*init)(void *acc, int64_t n);
    void (*runs)(const void *x, int64_t n, int64_t n_runs, int64_t stride, void *acc);
    void (*rows)(const void *x, int64_t n_rows, int64_t stride, int64_t width, void *acc);
    void (*join)(const void *part, int64_t n, void *acc);
    void (*store)(const void *acc, int64_t n, double count, void *out);
};

/* NULL: no such loops. */
const struct reducer *KERNEL(reduce_find)(enum op_id op, enum dtype t);

/* reducer->rows, where rows may be narrow; `wide` has room for REDUCE_WIDTH accumulators. */
void KERNEL(reduce_rows)(const struct reducer *r, const char *x, int64_t n, int64_t stride,
                         int64_t width, char *acc, char *wide);

#endif
