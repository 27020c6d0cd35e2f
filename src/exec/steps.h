/* What the files of exec/ share of a run under way. */
#ifndef NN_EXEC_STEPS_H
#define NN_EXEC_STEPS_H

#include "exec/exec.h"

/* Runs the steps of a plan that is bound. key: of the rows at which the loops around it stand; 0
 * outside of loops. false: run says why. */
bool exec_run_steps(struct executor *e, const struct plan *p, struct run *r, uint64_t key);
/* Runs a step that repeats. */
bool exec_run_loop(struct executor *e, const struct step *s, struct run *r, uint64_t key);

#endif
