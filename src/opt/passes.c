/* The passes in their order, each checked in debug builds: the pass that broke a graph is named
 * by the failure. */
#include <stdio.h>
#include <stdlib.h>

#include "ir/loop.h"
#include "opt/opt.h"

#define PASS(id, summary) void opt_##id(struct program *p);
#include "opt/passes.def"
#undef PASS

const struct opt_pass opt_passes[] = {
#define PASS(id, summary) {#id, summary, opt_##id},
#include "opt/passes.def"
#undef PASS
};
const int n_opt_passes = sizeof opt_passes / sizeof *opt_passes;

static void verify(struct program *p, const char *after) {
#ifndef NDEBUG
    struct arena scratch = {0};
    const char *fault = graph_verify(&p->graph, &scratch, p->build.symbols, p->roots, p->n_roots);
    if (fault) {
        fprintf(stderr, "nnrun: internal error after %s: %s\n", after, fault);
        abort();
    }
    arena_free(&scratch);
#else
    (void)p, (void)after;
#endif
}

static void run_on_body(struct program *p, struct loop_body *l, const struct opt_pass *pass) {
    struct program body;
    if (l->again) run_on_body(p, l->again, pass);
    loop_open(l, p, &body);
    opt_run_pass(&body, pass);
    loop_close(l, &body);
}

void opt_run_pass(struct program *p, const struct opt_pass *pass) {
    struct arena scratch = {0};
    struct node_list order = graph_order(&p->graph, &scratch, p->roots, p->n_roots, NULL, NULL);
    for (int i = 0; i < order.n; i++)
        if (order.at[i]->op->id == OP_scan) run_on_body(p, order.at[i]->loop, pass);
    arena_free(&scratch);
    pass->run(p);
}

void opt_run(struct program *p,
             void (*watch)(void *context, struct program *p, const struct opt_pass *pass),
             void *context) {
    verify(p, "instantiation");
    for (int i = 0; i < n_opt_passes; i++) {
        opt_run_pass(p, &opt_passes[i]);
        verify(p, opt_passes[i].name);
        if (watch) watch(context, p, &opt_passes[i]);
    }
}
