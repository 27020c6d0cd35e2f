/* Which instruction set's kernels are used: the best that this processor has, unless $NNRUN_ISA
 * names a lesser one. Compiled once. */
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "ops/roof.h"

#ifdef OPS_RULES

#ifdef __x86_64__
#define FOR_EACH_ISA(X) X(PORTABLE, portable) X(AVX2, avx2) X(AVX512, avx512)
#else
#define FOR_EACH_ISA(X) X(PORTABLE, portable)
#endif

#define DECLARE(ID, isa)                                                                           \
    extern const struct kernel *const kernel_table_##isa[N_OPS];                                   \
    extern const struct kernel elementwise_kernel_##isa;                                           \
    extern const struct roof_loops roof_loops_##isa;
FOR_EACH_ISA(DECLARE)
#undef DECLARE

#define TABLE(ID, isa) [ISA_##ID] = kernel_table_##isa,
static const struct kernel *const *const tables[N_ISAS] = {FOR_EACH_ISA(TABLE)};
#undef TABLE

#define EVALUATOR(ID, isa) [ISA_##ID] = &elementwise_kernel_##isa,
static const struct kernel *const evaluators[N_ISAS] = {FOR_EACH_ISA(EVALUATOR)};
#undef EVALUATOR

#define LOOPS(ID, isa) [ISA_##ID] = &roof_loops_##isa,
static const struct roof_loops *const roofs[N_ISAS] = {FOR_EACH_ISA(LOOPS)};
#undef LOOPS

static const char *const names[N_ISAS] = {"portable", "avx2", "avx512"};

/* The features that gcc assumes for -march=x86-64-v3 and -v4 and that a compiler can be asked
 * about. */
static enum isa processor_isa(void) {
#ifdef __x86_64__
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2"))
        return ISA_PORTABLE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return ISA_AVX2;
    return ISA_AVX512;
#else
    return ISA_PORTABLE;
#endif
}

enum isa kernel_best_isa(void) {
    enum isa best = processor_isa();
    const char *wish = getenv("NNRUN_ISA");
    for (int i = 0; wish && i < N_ISAS; i++)
        if (!strcmp(wish, names[i]) && (enum isa)i < best)
            best = (enum isa)i;
    return best;
}

const char *kernel_isa_name(enum isa isa) { return names[isa]; }

const struct kernel *kernel_find(enum isa isa, enum op_id op) {
    return tables[isa] ? tables[isa][op] : NULL;
}

const struct kernel *kernel_elementwise(enum isa isa) { return evaluators[isa]; }

const struct roof_loops *roof_loops_of(enum isa isa) { return roofs[isa]; }

#endif
