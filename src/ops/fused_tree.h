/* Expressions of float arithmetic as code for an accumulator: what the evaluator of elementwise
 * chains (fused.c) runs instead of one loop an instruction. A tile of elements is held in
 * registers while several expressions pass over it, so that only their operands are loaded and
 * only their values are stored. */
#ifndef NN_OPS_FUSED_TREE_H
#define NN_OPS_FUSED_TREE_H

#include "ops/ops.h"

/* Instructions joined into one expression, at most; and what all expressions of a tree can have. */
enum { TREE_SIZE = 20, TREE_STASHES = 12, TREE_LEAVES = 80, TREE_CODE = 192 };

struct tree_op {
    uint8_t op, a, b; /* leaves */
};

struct tree {
    enum dtype dtype;
    int n_code, n_leaves;
    struct tree_op code[TREE_CODE];
    int16_t leaf[TREE_LEAVES]; /* operand numbers of the program; -1 - i is stash i */
    bool scalar[TREE_LEAVES];  /* one element that stands for all */
};

/* Whether an instruction can be part of an expression. */
bool KERNEL(tree_takes)(const struct ew_instruction *in);

/* Appends the expression of instruction `root`, whose value is stored, and may be an operand of
 * later ones. absorbed[k]: instruction k is computed within the one expression that uses it.
 * scalar[v]: value v is a single element for all that the tree passes over. false: there is no
 * room, or the tree is of another dtype. */
bool KERNEL(tree_append)(struct tree *t, const struct ew_program *p, int root,
                         const bool *absorbed, const bool *scalar);

/* Passes over n elements; at[i] is where leaf i is (not looked at for stashes). Leaves may be
 * the same storage. */
void KERNEL(tree_run)(const struct tree *t, int64_t n, void *const *at);

#endif
