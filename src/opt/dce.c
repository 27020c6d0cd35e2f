/* Leaves out what no root needs: the graph's list then holds what a plan has to compute and
 * nothing else. A feed that nothing needs any more is no feed of the program. */
#include "opt/opt.h"

void opt_dce(struct program *p);

void opt_dce(struct program *p) {
    struct arena scratch = {0};
    struct node_list live = graph_order(&p->graph, &scratch, p->roots, p->n_roots, NULL, NULL);
    graph_unmark(&p->graph);
    for (int i = 0; i < live.n; i++) live.at[i]->reachable = true;
    for (int f = 0; f < p->n_fed; f++)
        if (p->fed[f] && !p->fed[f]->reachable) p->fed[f] = NULL;
    graph_sweep(&p->graph, NULL, NULL);
    arena_free(&scratch);
}
