/* Runs plans. The only part that knows threads: one pool, made once, whose workers take fixed
 * shares of a step's units. Small phases run on the calling thread. A warm run allocates nothing
 * but the fetched tensors. What the steps of plan->draws draw is keyed by their call.draw, which
 * whoever runs the plan sets before. */
#ifndef NN_EXEC_EXEC_H
#define NN_EXEC_EXEC_H

#include <signal.h>

#include "exec/timeline.h"
#include "plan/plan.h"

struct
    executor; /* the pool, the slab (kept between runs and shared by plans), the workers' scratch */

/* n_threads >= 1, this thread included. NULL when threads cannot be made. */
struct executor *exec_new(int n_threads);
void exec_free(struct executor *e);
int exec_n_threads(const struct executor *e);

/* Of all its results, in a loop over all repetitions; NaNs do not count. */
struct step_trace {
    double seconds, min, max;
    bool finite;
};

enum { MAX_NESTING = 8 };

struct run {
    struct tensor *const *fed; /* [plan->n_feeds] contiguous, as planned; read in place */
    volatile sig_atomic_t
        *interrupted;         /* polled until the first variable is written; may be NULL */
    bool check_numerics;      /* after each step look for the first NaN or infinity */
    struct step_trace *trace; /* [plan->n_traces] to be filled, or NULL */
    struct step_record *records; /* [plan->n_traces] to be added to, or NULL */
    struct timeline *timeline;   /* with records: also when each step and phase ran; or NULL */
    /* out */
    struct tensor **fetched; /* [plan->n_fetch] new tensors, one reference each; NULLs on failure */
    const struct step
        *failed; /* the step that raised a fault, or the first with a non-finite result */
    struct kernel_fault fault; /* its element and value; `raised` only when the kernel said it */
    int64_t row[MAX_NESTING];  /* the rows at which loops stood when it failed, innermost first */
    int n_rows;
    bool was_interrupted, out_of_memory;
};

/* true: done. false: exactly one of failed, was_interrupted, out_of_memory says why, and variables
 * are as before the run. */
bool exec_run(struct executor *e, struct plan *p, struct run *r);

/* s4 matmul 0.41 ms  4.1 GFLOP/s  min -2.1 max 3.0 */
void exec_dump_trace(const struct plan *p, const struct run *r, const struct sources *sources,
                     FILE *out);

#endif
