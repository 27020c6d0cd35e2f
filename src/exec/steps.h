/* What the files of exec/ share of a run under way. */
#ifndef NN_EXEC_STEPS_H
#define NN_EXEC_STEPS_H

#include "exec/exec.h"

/* Runs the steps of a plan that is bound. key: of the rows at which the loops around it stand; 0
 * outside of loops. false: run says why. */
bool exec_run_steps(struct executor *e, const struct plan *p, struct run *r, uint64_t key);
/* Runs a step that repeats. */
bool exec_run_loop(struct executor *e, const struct step *s, struct run *r, uint64_t key);
/* Calls a function as often as there are threads, each time with the number of the thread as
 * `worker`; a thread that comes late may find its call taken. */
void exec_run_everywhere(struct executor *e,
                         void (*share)(void *context, int64_t begin, int64_t end, int worker),
                         void *context);

#endif
