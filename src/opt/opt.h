/* What happens to a demand between the script's graph and the plan. The demanded part of the graph
 * is first instantiated: copied into the plan's own graph with concrete shapes (each shape rule
 * asked again), fed tensors cut to feeds. Then the passes of passes.def run in order, each mapping
 * roots to roots; every pass keeps the value of each root and the origins of what it rewrites. In
 * debug builds the graph is verified after each. */
#ifndef NN_OPT_OPT_H
#define NN_OPT_OPT_H

#include "ir/program.h"

/* Makes the program. training_node: the session's `training` placeholder, replaced by the constant
 * demand->training unless fed. Binds named dimensions from the fed shapes; two feeds that disagree,
 * a feed that does not fit, a placeholder that is needed, unfed and without default (with the chain
 * that needs it), and every refusal of a shape rule are reported to diags: false then. */
bool opt_instantiate(struct program *p, struct arena *arena, const struct demand *d,
                     const struct build *source, struct node *training_node, struct diags *diags,
                     const struct origin *demanded_at);

struct opt_pass {
    const char *name, *summary;
    void (*run)(struct program *p);
};
extern const struct opt_pass opt_passes[];
extern const int n_opt_passes;

/* One pass over a program, and before over the bodies of its loops. */
void opt_run_pass(struct program *p, const struct opt_pass *pass);
/* All passes in order; `watch` (may be NULL) is called after each, for dumps. */
void opt_run(struct program *p,
             void (*watch)(void *context, struct program *p, const struct opt_pass *pass),
             void *context);

#endif
