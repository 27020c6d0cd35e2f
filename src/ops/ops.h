/* What the families in ops/ share. Every file of this folder is compiled several times: once with
 * OPS_RULES (shape rules and gradients) and, with OPS_KERNELS, once an instruction set (ISA is
 * portable, avx2 or avx512, the -march flag matches). KERNEL(name) is the name with the instruction
 * set behind it, so that all builds live in one program.
 *
 * What a row of ops.def owes, and the linker asks for:
 *   RULE   bool <id>_shape(struct shape_call *); not LEAF, LOOP and RESULT rows, whose shapes come
 *          from outside
 *   GRAD   void <id>_gradient(struct gradient_call *); of elementwise rows: from elementwise.c
 *   PLAIN, RANDOM, EFFECT   const struct kernel KERNEL(<id>_kernel)
 *
 * Not for code outside ops/: that sees op_rules (rules.c) and kernel_find (isa.c) only. */
#ifndef NN_OPS_OPS_H
#define NN_OPS_OPS_H

#include "ir/build.h"
#include "ir/kernel.h"

extern const struct op_rule op_rules[N_OPS];

#ifdef OPS_RULES

#define OPS_SHAPE_RULE_LEAF(id)
#define OPS_SHAPE_RULE_LOOP(id)
#define OPS_SHAPE_RULE_RESULT(id)
#define OPS_SHAPE_RULE_ALIAS(id) bool id##_shape(struct shape_call *c);
#define OPS_SHAPE_RULE_PLAIN(id) bool id##_shape(struct shape_call *c);
#define OPS_SHAPE_RULE_RANDOM(id) bool id##_shape(struct shape_call *c);
#define OPS_SHAPE_RULE_EFFECT(id) bool id##_shape(struct shape_call *c);
#define OPS_SHAPE_RULE_ELEMENTWISE(id) bool id##_shape(struct shape_call *c);
#define OPS_SHAPE_SIG_ALIAS(id)
#define OPS_SHAPE_SIG_PLAIN(id)
#define OPS_GRADIENT_GRAD(id) void id##_gradient(struct gradient_call *c);
#define OPS_GRADIENT_NOGRAD(id)
#define OPS_GRADIENT_INNER(id)
#define EW1(id, domain, kernel, gradient, summary) void id##_gradient(struct gradient_call *c);
#define EW2(id, domain, kernel, gx, gy, summary) void id##_gradient(struct gradient_call *c);
#define CMP2(id, kernel, summary)
#define OP(id, shape, gradient, trait, signature, summary)                                         \
    OPS_SHAPE_##shape##_##trait(id) OPS_GRADIENT_##gradient(id)
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP

#endif

#ifdef OPS_KERNELS

#define OPS_PASTE_(a, b) a##_##b
#define OPS_PASTE(a, b) OPS_PASTE_(a, b)
#define KERNEL(name) OPS_PASTE(name, ISA)

#define OPS_KERNEL_LEAF(id)
#define OPS_KERNEL_LOOP(id)
#define OPS_KERNEL_RESULT(id)
#define OPS_KERNEL_ALIAS(id)
#define OPS_KERNEL_ELEMENTWISE(id)
#define OPS_KERNEL_PLAIN(id) extern const struct kernel KERNEL(id##_kernel);
#define OPS_KERNEL_RANDOM(id) OPS_KERNEL_PLAIN(id)
#define OPS_KERNEL_EFFECT(id) OPS_KERNEL_PLAIN(id)
#define EW1(id, domain, kernel, gradient, summary)
#define EW2(id, domain, kernel, gx, gy, summary)
#define CMP2(id, kernel, summary)
#define OP(id, shape, gradient, trait, signature, summary) OPS_KERNEL_##trait(id)
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP

extern const struct kernel KERNEL(elementwise_kernel);
extern const struct kernel *const KERNEL(kernel_table)[N_OPS];

/* The iterations of the loop that follows do not depend on each other, though its pointers may
 * be equal. */
#if defined(__clang__)
/* loops that call the C library do not vectorise */
#pragma clang diagnostic ignored "-Wpass-failed"
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

/* a / b rounded up, for a >= 0, b > 0. */
static inline int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static inline int64_t arg_count(const struct kernel_arg *a) {
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

/* The product of a's sizes from axis `begin` to before `end`. */
static inline int64_t arg_span(const struct kernel_arg *a, int begin, int end) {
    int64_t n = 1;
    for (int i = begin; i < end; i++)
        n *= a->dim[i];
    return n;
}

/* Element i of an argument of whole numbers. */
static inline int64_t arg_whole(const struct kernel_arg *a, int64_t i) {
    switch (a->dtype) {
    case DTYPE_I32:
        return ((const int32_t *)a->data)[i];
    case DTYPE_I64:
        return ((const int64_t *)a->data)[i];
    default:
        return ((const uint8_t *)a->data)[i];
    }
}

static inline void *align_64(void *p) { return (void *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }
static inline size_t round_64(size_t n) { return (n + 63) & ~(size_t)63; }

/* Work of one phase. */
static inline void work_set(struct kernel_work *w, const char *name, int64_t units, double cost) {
    w->name = name;
    w->n_phases = 1;
    w->units[0] = units;
    w->cost[0] = cost;
}

#endif
#endif
