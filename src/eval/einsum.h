/* What the two files of einsum share: its text as labels of axes (einsum_text.c), and the nodes
 * that it becomes (einsum.c). */
#ifndef NN_EVAL_EINSUM_H
#define NN_EVAL_EINSUM_H

#include "eval/interp.h"

/* Labels of axes: letters stand for themselves, the axes of `...` are counted from the right. */
enum { REST = 256, MAX_LABELS = 2 * MAX_RANK };

struct term {
    struct node *x;
    struct span at;
    int label[MAX_RANK]; /* [x's rank] */
};

/* Labels of a subscript as written, `...` as one REST. */
struct subscript {
    int first, length; /* in the text */
    int n, label[MAX_LABELS], place[MAX_LABELS];
    bool rest;
};

struct einsum {
    struct interp *in;
    const struct args *call;
    const char *text;
    struct span text_at;
    int n; /* terms still to be multiplied */
    struct term term[MAX_ARGS];
    struct subscript subscript[MAX_ARGS], result;
    int n_rest; /* axes that `...` stands for in the result */
    int n_out, out[MAX_LABELS];
};

/* The axis of t with this label, or -1. */
static inline int find_label(const struct term *t, int label) {
    for (int i = 0; i < t->x->shape.rank; i++)
        if (t->label[i] == label)
            return i;
    return -1;
}

/* Reads the text against the operands, which are in e->term: labels of their axes and of the
 * result. */
bool einsum_read(struct einsum *e);
/* Refuses, with characters of the text underlined. help: or NULL. */
bool einsum_refuse(struct einsum *e, int first, int length, const char *message, const char *help);

#endif
