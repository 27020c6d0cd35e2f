/* Runs kernels of any dtype for tests, by op and instruction set, with settings as a plan gives
 * them. Like kernelrun, but faults are results and there may be several outputs. */
#ifndef NN_TESTS_TRYKERNEL_H
#define NN_TESTS_TRYKERNEL_H

#include "ir/kernel.h"

enum { TRY_ARGS = 8 };

struct trykernel {
    enum isa isa;
    struct kernel_arg in[TRY_ARGS], out[TRY_ARGS];
    int n_in, n_out;
    struct attr attr[MAX_SETTINGS];
    const struct ew_program *program;
    struct draw draw;
    struct kernel_fault fault;
};

/* The instruction sets that this processor has: for (isa = 0; isa < trykernel_n_isas(); isa++). */
int trykernel_n_isas(void);

/* Appends an argument of garbage; dims end with -1. Freed by trykernel_end. */
struct kernel_arg *trykernel_in(struct trykernel *t, enum dtype type, ...);
struct kernel_arg *trykernel_out(struct trykernel *t, enum dtype type, ...);
void trykernel_end(struct trykernel *t);

int64_t trykernel_count(const struct kernel_arg *a);
double trykernel_get(const struct kernel_arg *a, int64_t i);
void trykernel_set(struct kernel_arg *a, int64_t i, double v);
/* Multiples of 1/64 in [-range, range), the same for the same seed. */
void trykernel_randomise(struct kernel_arg *a, uint64_t seed, double range);

/* Runs the op's kernel (or the elementwise program) into the outputs: all units in one call,
 * then one by one from the last to the first; a difference in a single bit fails the test. */
void trykernel_run(struct trykernel *t, enum op_id op);

#endif
