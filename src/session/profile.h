/* What a run is spent on, for `nnrun profile`, --profile and --trace: each step of each plan is
 * known by its line of the script, its part of the training (forward, backward, update) and its op,
 * with how often it ran, how long, and how much it had to do.
 *
 * What it costs while the script runs: two looks at the clock a step. Nothing when it is not asked
 * for: the session's pointer is NULL then, which every function here takes.
 *
 * Not for: the time of single rounds (--trace has that), of functions within nnrun. */
#ifndef NN_SESSION_PROFILE_H
#define NN_SESSION_PROFILE_H

#include "exec/roof.h"
#include "session/session.h"

/* A step of a plan. The step itself may be gone when the report is written. */
struct profiled_step {
    struct span at;    /* in the user's text, if it comes from there */
    const char *part;  /* "forward", "backward", "update", or what is run beside training */
    const char *op;    /* "conv2d", "mul add relu" of a group */
    const char *layer; /* the path of the variable that it works with, or of its layer; "" */
    const char *kernel, *why;
    const char *shapes; /* "[50,28,28,1] [5,5,1,32] -> [50,28,28,32]" */
    struct step_work work;
    double body_seconds; /* of a loop, in the report: what its steps took */
    int outer;           /* the step that repeats it; -1: none */
    bool is_loop;
};

struct profiled_plan {
    enum request_kind kind;
    const char *words; /* "train_step.run" */
    struct span at;
    int n_steps;
    struct profiled_step *step;  /* [n_steps], as struct run has its records */
    struct step_record *records; /* the same */
    double seconds;              /* of whole runs */
    uint64_t n_runs;
};

enum profile_account { ACCOUNT_PLANNING, ACCOUNT_DATA, N_PROFILE_ACCOUNTS };

struct profile {
    struct arena arena;
    struct session *s;
    bool reports;
    const char *trace_path;
    FILE *trace_file;
    struct timeline *timeline;
    double began_s, script_began_s, run_began_s;
    double seconds[N_PROFILE_ACCOUNTS];
    int planning_depth;
    ARRAY(struct profiled_plan *) plans;
};

/* NULL: nothing is asked for. false: the file of the trace cannot be written, and that was said. */
bool profile_begin(struct session *s, struct profile **out);
/* Prints and writes what was asked for. false: it could not be written, and that was said. */
bool profile_end(struct profile *p);
void profile_free(struct profile *p);

/* The script itself begins: what came before was reading and checking. */
void profile_script_begins(struct profile *p);
/* Around the making of a plan; c NULL: there is none. */
double profile_plan_begins(struct profile *p);
void profile_plan_ends(struct profile *p, const struct request *r, struct compiled *c,
                       double start);
/* Around a run. */
void profile_run_begins(struct profile *p, const struct compiled *c, struct run *run);
void profile_run_ends(struct profile *p, const struct compiled *c);
/* The evaluator's watch (struct host). */
void profile_watch(void *context, enum watched kind, struct span at, double start);

/* profile_report.c, trace_file.c */
void profile_print(const struct profile *p, FILE *out);
bool profile_write_trace(const struct profile *p);

#endif
