/* Lints: what a script may do, and is probably a mistake. Warnings, given after a dry run, in the
 * order of the script. A lint speaks only when a name or a form shows the mistake;
 * one that cries wolf teaches to look away.
 *
 * Not for: what is certainly wrong (eval/, the shape rules of ops/). */
#ifndef NN_CHECK_LINT_H
#define NN_CHECK_LINT_H

#include "ir/graph.h"
#include "syntax/ast.h"

struct lint {
    const struct ast *tree;    /* of the script */
    const struct graph *graph; /* what walking it built */
    const struct symbols *symbols;
    const struct sources *sources;
    struct diags *diags;
    /* Whether a name means something in the script's scope or the library's. */
    bool (*is_known)(void *context, const char *name);
    const char *(*nearest)(void *context, const char *name);
    void *context;
    struct variable **variables; /* [n_variables], of which a value shows that it was needed */
    int n_variables;
    bool failed; /* there are errors: only what may explain them is of interest */
};

/* All of them. */
void lint_run(const struct lint *l);

/* names.c: what is declared and not used, dimensions that are nearly another, names in lines that
 * are not reached. */
void lint_names(const struct lint *l);
/* graph.c: softmax before a loss that applies it, reductions along the batch, variables that nothing
 * computed needs. */
void lint_graph(const struct lint *l);

#endif
