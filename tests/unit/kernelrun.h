/* Runs kernels for tests, each instruction set that this processor has, with the units cut in
 * several ways. */
#ifndef NN_TESTS_KERNELRUN_H
#define NN_TESTS_KERNELRUN_H

#include "ir/kernel.h"

/* Defines a static table `name` of [N_ISAS] kernels id_avx512, .. */
#ifdef __x86_64__
#define KERNELS_OF(name, id)                                                                       \
    extern const struct kernel id##_portable, id##_avx2, id##_avx512;                              \
    static const struct kernel *const name[N_ISAS] = {&id##_portable, &id##_avx2, &id##_avx512}
#else
#define KERNELS_OF(name, id)                                                                       \
    extern const struct kernel id##_portable;                                                      \
    static const struct kernel *const name[N_ISAS] = {&id##_portable}
#endif

/* A random argument: values near 0 of either sign, the same for the same *seed, which goes on.
 * Freed by kernelrun_free. */
struct kernel_arg kernelrun_arg(enum dtype t, int rank, const int64_t *dim, uint64_t *seed);
struct kernel_arg kernelrun_empty(enum dtype t, int rank, const int64_t *dim); /* all bytes 0xff */
void kernelrun_free(struct kernel_arg *a);
double kernelrun_get(const struct kernel_arg *a, int64_t i);
void kernelrun_set(struct kernel_arg *a, int64_t i, double v);
int64_t kernelrun_count(const struct kernel_arg *a);

/* Settings. */
struct attr kernelrun_ints(int n, int64_t a, int64_t b);
struct attr kernelrun_bool(bool v);
struct attr kernelrun_string(const char *s);

/* Prepares k for the call and runs it; scratch, `shared` and outputs begin as garbage. The units are
 * run in one piece, then one by one and last to first; a difference in a single bit fails the test.
 * Gives the name of the kernel that prepare chose, until the next call. */
const char *kernelrun_check(const struct kernel *k, struct kernel_call *c);

/* Fails the test where out and expected differ by more than tolerance * scale[i] (scale: may be
 * NULL, 1). Names `what` once. */
void kernelrun_compare(const char *what, const struct kernel_arg *out, const double *expected,
                       const double *scale, double tolerance);

#endif
