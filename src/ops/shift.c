/* shift: rows moved along the first axis, zeros where none comes from. What the gradient of a loop
 * needs for a carry that it read one row off. */
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

bool shift_shape(struct shape_call *c) {
    c->out = c->in[0];
    c->out_dtype = c->in_dtype[0];
    if (c->in[0].rank)
        return true;
    shape_refuse(c, E_AXIS, "%s: a scalar has no rows to be moved", c->spelling);
    shape_mark(c, 0, -1);
    return false;
}

void shift_gradient(struct gradient_call *c) {
    struct attr back = {.kind = ATTR_INT, .i = -c->node->attr[0].i};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_shift, &c->dy, 1, &back, NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

enum { UNIT_BYTES = 65536 };

static int64_t row_bytes(const struct kernel_arg *a) {
    return arg_span(a, 1, a->rank) * (int64_t)dtype_bytes(a->dtype);
}

static int64_t all_bytes(const struct kernel_arg *a) { return row_bytes(a) * a->dim[0]; }

static void shift_prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)a;
    int64_t bytes = all_bytes(&c->out[0]);
    work_set(w, "shift", ceil_div(bytes, UNIT_BYTES), (double)bytes);
}

/* Bytes [first, last) of the result; those in [from, from + all) have a source. */
static void shift_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    (void)phase, (void)scratch;
    int64_t all = all_bytes(&c->out[0]), n = c->out[0].dim[0];
    int64_t by = max_i64(-n, min_i64(n, c->attr[0].i)), from = by * row_bytes(&c->out[0]);
    int64_t first = begin * UNIT_BYTES, last = min_i64(end * UNIT_BYTES, all);
    int64_t copied = min_i64(last, max_i64(first, from));
    int64_t zeros = max_i64(copied, min_i64(last, from + all));
    char *to = c->out[0].data;
    const char *x = c->in[0].data;
    if (copied > first)
        memset(to + first, 0, (size_t)(copied - first));
    if (zeros > copied)
        memcpy(to + copied, x + (copied - from), (size_t)(zeros - copied));
    if (last > zeros)
        memset(to + zeros, 0, (size_t)(last - zeros));
}

const struct kernel KERNEL(shift_kernel) = {shift_prepare, shift_run};

#endif
