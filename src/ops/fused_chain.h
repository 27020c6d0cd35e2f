/* What the evaluator of elementwise chains works out once a plan (fused.c) and walks through in
 * each run (fused_run.c). */
#ifndef NN_OPS_FUSED_CHAIN_H
#define NN_OPS_FUSED_CHAIN_H

#include "ops/elementwise.h"
#include "ops/fused_tree.h"
#include "ops/reduce.h"

/* MAX_VALUES: inputs, results, spreads. MAX_STEPS: an instruction each, a spread behind it. */
enum {
    MAX_OPERANDS = TREE_SIZE + 1,
    MAX_VALUES = MAX_EW_INPUTS + 2 * MAX_EW_INSTRUCTIONS,
    MAX_STEPS = 2 * MAX_EW_INSTRUCTIONS
};

/* How an input's block is had: in place; one element, for expressions only; from a buffer filled
 * once a call; gathered for each block. */
enum way { DIRECT, SCALAR, REPEATED, GATHERED };

struct operand {
    enum way way;
    int64_t stride[MAX_RANK]; /* elements, along the merged axes; 0 where it repeats */
};

/* STEP_INNER: computed by an earlier or a later step. STEP_ROWS: a reduction of each row.
 * STEP_TOTAL: a reduction over rows, kept by the unit. STEP_SPREAD: a row value along its row. */
enum step_kind { STEP_INNER, STEP_TREE, STEP_LOOP, STEP_ROWS, STEP_TOTAL, STEP_SPREAD };

struct step {
    enum step_kind kind;
    bool in_tree;             /* its expression is a part of a tree */
    bool by_row;              /* TREE, LOOP: over an element for each row */
    ew_loop_function *loop;
    ew_check_function *check; /* of the second operand, before the loop; NULL: none */
    struct tree *tree;        /* of this step and those after it in the tree */
    const struct reducer *reducer;
    int total; /* of chain.total */
    int n_operands;
    int operand[MAX_OPERANDS]; /* values */
    int result;
};

/* A reduction over rows: each unit leaves its partial results in the call's shared memory. */
struct total {
    const struct reducer *reducer;
    int64_t columns; /* results */
    double count;    /* elements of each */
    size_t offset;   /* of unit 0's partial results; units follow each other */
    int out;
};

struct chain {
    int rank; /* merged axes */
    int64_t dim[MAX_RANK], count;
    int64_t row;   /* elements of a row; 0: rows do not matter */
    int64_t cut;   /* blocks end at multiples of this; 0: anywhere */
    int64_t block; /* elements, at most */
    int64_t unit;  /* elements of a unit: blocks */
    int n_values, n_steps, n_totals;
    struct operand input[MAX_EW_INPUTS];
    struct step step[MAX_STEPS];
    struct total total[MAX_EW_OUTPUTS];
    int bytes[MAX_VALUES];   /* of an element */
    bool by_row[MAX_VALUES]; /* an element for each row */
    int first[MAX_VALUES];   /* step that makes it, -1 for inputs */
    int last[MAX_VALUES];    /* last step that reads it */
    int out[MAX_VALUES];     /* output that it is computed into, -1: none */
    int slot[MAX_VALUES];    /* its buffer, -1: none */
    int n_slots;
    size_t slot_bytes;
};

static inline bool step_makes(const struct step *s) { return s->in_tree || s->kind != STEP_INNER; }

void KERNEL(chain_run)(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch);

#endif
