/* One call of scan or fold, as its files share it. */
#ifndef NN_EVAL_SCAN_H
#define NN_EVAL_SCAN_H

#include "eval/interp.h"
#include "ir/loop.h"

struct scan {
    struct interp *in;
    struct arena a;
    struct args *args;
    const char *word, *step_word; /* "scan", "the step of a scan"; or of a fold */
    struct arg step, over, init, axis;
    bool reverse;
    int64_t remember;
    struct leaves rows, carries;
    struct node **input; /* [rows] laid with the axis first; NULL: the step sees the index */
    struct dim length;
    const char *length_of; /* what said so, for messages; NULL: nothing yet */
    int axis_at;           /* where the results have their axis */
    enum dtype *dtype;     /* [carries] of numbers */
    bool *is_number;       /* [carries] */
};

/* scan_over.c */
/* Fills in rows, input, length and axis_at. false: reported. */
bool scan_take_rows(struct scan *s);
/* In what is gone over, a list of numbers is one tensor. */
bool scan_is_row_leaf(struct value v);
bool scan_is_number(struct value v); /* or a bool */
/* The axis comes first, or goes from there to where it was. */
struct node *scan_move_axis(struct scan *s, struct node *n, int axis, bool to_front);
/* "float[batch, 3]"; "`over.mask`", "`over[1]`". */
const char *scan_node_text(struct scan *s, const struct node *n);
const char *scan_leaf_text(struct scan *s, const char *whole, const char *name);

#endif
