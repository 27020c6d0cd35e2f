/* What passes between the stages after the graph: a demand (what is to be computed, from what), and
 * the program that it becomes: the demanded part of the graph, copied, with concrete shapes. */
#ifndef NN_IR_PROGRAM_H
#define NN_IR_PROGRAM_H

#include "ir/build.h"

/* One demand: what is to be computed, from what. */
struct demand {
    struct node **roots;  /* fetched values first, then checks and assigns (EFFECT nodes) */
    int n_roots, n_fetch;
    struct node **fed;    /* tensors given from outside */
    /* [n_fed] what they are given: shapes matter here, contents at run time */
    struct tensor **value;
    int n_fed;
    bool training;
};

/* The instantiated graph. Nodes are of `graph`, in the plan's arena. A fed tensor is a
 * `placeholder` node of it. */
struct program {
    struct arena *arena;
    struct graph graph;
    struct build build;   /* appends to `graph` */
    struct node **roots;  /* as in the demand */
    int n_roots, n_fetch;
    /* [n_fed] placeholders standing for what is fed; NULL where the demand does not need it */
    struct node **fed;
    int n_fed;
    bool exact; /* kernel_call.exact of every step */
    /* With --dump=rewrites: the rules of `simplify` that applied, in their order. */
    bool lists_rewrites;
    ARRAY(struct rewrite {
        const char *rule; /* "log(softmax(z)) -> log_softmax(z)" */
        const struct origin *origin;
    })
    rewrites;
};

#endif
