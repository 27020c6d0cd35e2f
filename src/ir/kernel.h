/* What a kernel gets: pointers, sizes, settings, a range. No graph, no session, no allocation.
 *
 * A kernel's work is cut into units by the sizes alone. What a unit computes may not depend on
 * which other units run in the same call or on which thread: then results are the same bits at any
 * number of threads. Sums that cross units go through `shared` as partial sums, one a unit, and a
 * later phase adds them in order. Phases run one after another, units of a phase in any order and
 * in parallel.
 *
 * Kernels are compiled once for each instruction set (ISA is avx512, avx2 or portable) from the
 * same source. */
#ifndef NN_IR_KERNEL_H
#define NN_IR_KERNEL_H

#include "ir/op.h"

struct kernel_arg {
    void *data;
    enum dtype dtype;
    int rank;
    int64_t dim[MAX_RANK];
    int which; /* of an op's results: which one; 0 is the node itself */
};

/* What the draws of a run are keyed by, beside the node's path. */
struct draw {
    uint64_t seed;
    uint64_t path; /* hash of the drawing node's path */
    /* which draw of that node: the domain (initialiser, training, evaluation) in the top bits */
    uint64_t step;
    /* element of the whole that is the first here: a multiple of 4, for rows of a tensor */
    int64_t first;
};

/* The first element found outside an op's domain (a label of 12 for 10 classes, a NaN where none
 * may be). Filled at most once a step. */
struct kernel_fault {
    int raised; /* atomic */
    int64_t element;
    double value, low, high; /* allowed: low <= value < high; NaN when there is no such bound */
    int instruction;         /* of an elementwise step's program */
};

/* A chain of elementwise ops over one shape, with reductions of what they compute. Operands are
 * numbered: 0..n_in-1 the inputs, then one a result of an instruction, then one a spread.
 *
 * The shape is cut into rows, which are computed whole: the last row_rank axes are a row's. Most
 * values have an element for each of the shape (FULL). A sum, mean, max or min over a row has one
 * for each row (ROW), and so have elementwise results of such; a spread makes it FULL again by
 * repeating it along its row. A reduction over axes before (or over all) is complete when all rows
 * are done, so no instruction reads it (TOTAL). */
enum { MAX_EW_INSTRUCTIONS = 64, MAX_EW_INPUTS = 24, MAX_EW_OUTPUTS = 24 };
enum ew_space { EW_FULL, EW_ROW, EW_TOTAL };
struct ew_instruction {
    enum op_id op;       /* an EW1, EW2, CMP2 row, where, cast or a reduction */
    enum dtype in_dtype; /* of its operands (of x and y in where) */
    enum dtype dtype;    /* of its result */
    int16_t operand[3];  /* -1: none */
    uint8_t space;       /* of its result; operands have the same, those of a reduction are FULL */
};

/* Whether its kernel may meet an element that it cannot take: whole numbers are not divided by 0
 * nor raised to a power below 0. */
static inline bool ew_can_raise(const struct ew_instruction *e) {
    return dtype_is_int(e->in_dtype) &&
           (e->op == OP_floordiv || e->op == OP_mod || e->op == OP_pow);
}

struct ew_program {
    int n_in, n_instructions, n_out, n_spreads;
    struct ew_instruction at[MAX_EW_INSTRUCTIONS];
    int16_t out[MAX_EW_OUTPUTS];         /* operand numbers that are stored */
    int16_t spread[MAX_EW_INSTRUCTIONS]; /* the ROW operands that are repeated */
    uint8_t in_space[MAX_EW_INPUTS]; /* a ROW input has an element for each row, or one at all */
    int rank, row_rank; /* the last row_rank axes are a row's; 0: rows do not matter */
    int64_t dim[MAX_RANK]; /* the shape of FULL values; FULL inputs broadcast to it */
};

struct kernel_call {
    int n_in, n_out;
    struct kernel_arg *in, *out;
    const struct attr *attr;          /* settings in the signature's order; shapes are concrete */
    const struct ew_program *program; /* elementwise steps */
    const void *geometry;             /* what prepare worked out */
    bool exact;                       /* no kernel that rounds more than plain sums do */
    void *shared;                     /* shared_bytes, zero at no time in particular */
    /* Of kernels that look at what they write (kernel_work.looks), where a check_finite step reads
     * it: set to 1, atomically, when an element is NaN or infinite. Of that check_finite step: 0
     * when it need not look again; it sets it to 0. NULL: nobody asks, or nobody looked. */
    int *suspect;
    struct draw draw;
    struct kernel_fault *fault;
};

enum { MAX_PHASES = 4 };
struct kernel_work {
    int n_phases;
    int64_t units[MAX_PHASES];
    /* of a whole phase, in bytes touched or multiply-adds: small phases stay on one thread */
    double cost[MAX_PHASES];
    size_t scratch_bytes; /* for each worker */
    size_t shared_bytes;  /* for the call */
    bool looks;           /* whether the kernel sets call.suspect */
    /* of the kernel chosen: "sgemm", "im2col+sgemm", "winograd 2x2,5x5"; for --dump=plan */
    const char *name;
    /* Why a faster kernel did not apply: "no winograd: a filter of 7x7"; NULL: there is none, or
     * it did. From prepare's arena or static. For --dump=plan. */
    const char *why;
};

struct kernel {
    /* Once, when the plan is made: sizes are known, data pointers are not. Memory from `a`. */
    void (*prepare)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
    /* Units [begin, end) of a phase. `scratch` is the worker's own, 64-byte aligned. Outputs never
     * overlap inputs, except in elementwise steps, where an output may be the very same storage as
     * an input of the same shape and dtype. */
    void (*run)(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch);
};

enum isa { ISA_PORTABLE, ISA_AVX2, ISA_AVX512, N_ISAS };

/* The best instruction set of this processor; $NNRUN_ISA (portable, avx2, avx512) asks for a lesser
 * one. */
enum isa kernel_best_isa(void);
const char *kernel_isa_name(enum isa isa);
/* NULL for LEAF and ALIAS ops. Elementwise ops have none of their own: kernel_elementwise runs
 * programs of them. */
const struct kernel *kernel_find(enum isa isa, enum op_id op);
const struct kernel *kernel_elementwise(enum isa isa);

/* Result `which` of an op that has several, NULL when nobody asks for it. */
static inline const struct kernel_arg *kernel_result(const struct kernel_call *c, int which) {
    for (int i = 0; i < c->n_out; i++)
        if (c->out[i].which == which)
            return &c->out[i];
    return NULL;
}

static inline void kernel_raise(struct kernel_fault *f, int64_t element, double value, double low,
                                double high) {
    if (__atomic_exchange_n(&f->raised, 1, __ATOMIC_ACQ_REL) == 0)
        f->element = element, f->value = value, f->low = low, f->high = high;
}

/* The same from an instruction of an elementwise program. */
static inline void kernel_raise_in(struct kernel_fault *f, int instruction, int64_t element,
                                   double value) {
    if (__atomic_exchange_n(&f->raised, 1, __ATOMIC_ACQ_REL) == 0)
        f->element = element, f->value = value, f->instruction = instruction;
}

#endif
