/* Runs the lints, and puts what they found into the order of the script. */
#include "check/lint.h"

#include <stdlib.h>

static int compare_places(const void *a, const void *b) {
    const struct diag *x = *(struct diag *const *)a, *y = *(struct diag *const *)b;
    if (x->at.source != y->at.source)
        return x->at.source < y->at.source ? -1 : 1;
    return (x->at.offset > y->at.offset) - (x->at.offset < y->at.offset);
}

void lint_run(const struct lint *l) {
    int first = l->diags->list.n;
    lint_names(l);
    if (!l->failed)
        lint_graph(l);
    int n = l->diags->list.n - first;
    if (n > 1)
        qsort(l->diags->list.at + first, (size_t)n, sizeof *l->diags->list.at, compare_places);
}
