/* The evaluator: walks a script's syntax tree. Host values are computed at once; an operation on
 * tensors appends a node. What the evaluator cannot do itself (running a demand, differentiating)
 * it asks of its host, which is the session.
 *
 * A dry interpreter walks a script to find its errors and to settle its shapes, and computes
 * nothing: dry.c says how.
 *
 * After the first error the rest of the script is still walked, without running, printing or
 * loading anything, so that later independent errors are reported too; names that a broken
 * statement should have defined are poisoned and silent. */
#ifndef NN_EVAL_EVAL_H
#define NN_EVAL_EVAL_H

#include <signal.h>

#include "data/dataset.h"
#include "data/store.h"
#include "ir/build.h"
#include "syntax/ast.h"

enum request_kind {
    REQUEST_EVAL,    /* .eval, print, a condition */
    REQUEST_DEAL,    /* what a data set's map makes of a batch */
    REQUEST_TRAIN,   /* an optimizer's .run */
    REQUEST_INITIAL, /* a variable's first value */
};

/* One demand on the graph. */
struct request {
    enum request_kind kind;
    struct node **fetch; /* [n_fetch] */
    int n_fetch;
    struct node **effects; /* [n_effects] check_finite and assign nodes */
    int n_effects;
    struct node **fed;     /* [n_fed] */
    struct tensor **value; /* [n_fed] of the fed nodes' dtypes; shapes are checked by the host */
    int n_fed;
    bool training;
    /* TRAIN: how many steps this optimizer has done; INITIAL: how often the variable was drawn;
     * DEAL: how many examples were dealt before the batch */
    uint64_t step;
    const char *words;           /* "train_step.run", "accuracy.eval": for dumps and messages */
    const struct origin *origin; /* the demanding expression */
    struct tensor **result;      /* out: [n_fetch], one reference each */
};

/* A file, or a text that has none, as the evaluator runs it. */
struct unit_source {
    const char *key;  /* the same file has the same one; NULL: not a file */
    const char *path; /* for messages */
    const struct ast *tree;
    bool library;
};

/* What takes time in the evaluator itself. */
enum watched { WATCHED_STATEMENT, WATCHED_DATA };

struct host {
    void *context;
    /* Initialises the variables it needs, makes or finds the plan, runs it. false: reported (or
     * interrupted). */
    bool (*run)(void *context, struct request *r);
    /* grad_build, with the NULL entries left to the caller to explain. */
    void (*gradients)(void *context, struct node *loss, struct node **wrt, int n,
                      struct node **out);
    const struct node *(*gradient_cut)(void *context, struct node *loss, struct node *wrt);
    /* A node of the session's graph is about to be freed (plans that mention it must go). */
    void (*forget_node)(void *context, struct node *n);
    /* import "path", written at `at`: finds the file (key, path, library), and reads it (tree).
     * false: reported. */
    bool (*find_unit)(void *context, const char *path, struct span at, struct unit_source *out);
    bool (*read_unit)(void *context, struct span at, struct unit_source *u);
    /* A statement of the script ended, or data were loaded or dealt; it began at `start`, by
     * os_now_s. NULL: nobody asks. */
    void (*watch)(void *context, enum watched kind, struct span at, double start);
};

struct setting_override { /* name=value of the command line */
    const char *name, *value;
    bool used;
};

struct interp; /* see interp.h; only eval/ looks inside */

struct interp_options {
    struct arena *arena; /* of the session */
    struct intern_table *names;
    struct sources *sources;
    struct diags *diags;
    struct symbols *symbols;
    const struct op_table *ops;
    struct graph *graph; /* the session's, nodes on the heap */
    struct host host;
    FILE *out;         /* what print writes */
    FILE *log;         /* progress; NULL: none */
    bool quiet;        /* no remarks of loaders */
    struct load_store *store; /* the session's: what a dry run has read; NULL: none */
    bool quiet_prints; /* --dump: print writes nothing */
    uint64_t seed;
    bool seed_fixed; /* given by --seed: a script's seed() does not change it */
    struct setting_override *overrides;
    int n_overrides;
    volatile sig_atomic_t *interrupted;
    /* A dry run: nothing is printed, loaded or saved; the host's `run` gives phantoms, and counts
     * its demands. */
    bool dry;
    const uint64_t *n_demands;
    FILE *settled; /* of a dry run: a line for each statement of the script; NULL: none */
};

struct interp *interp_new(const struct interp_options *o);
void interp_free(struct interp *in); /* releases tensors, values and data sets */

/* Runs a script, or a file of the standard library (whose definitions go into the scope below the
 * user's). false: errors were reported or it was interrupted. */
bool interp_run(struct interp *in, const struct unit_source *u);

/* Runs one statement as the REPL does: an expression statement's value is echoed to `out`. */
bool interp_echo(struct interp *in, const struct ast *script);

/* Whether a name means something at the end of a script, or was reported. */
bool interp_ended_early(const struct interp *in); /* interrupted; a dry run: it cost enough */
bool interp_knows(const struct interp *in, const char *name);
const char *interp_nearest(const struct interp *in, const char *name); /* NULL: none is near */
/* A dry run: whether some demand could not be looked at, because of something unknown. */
bool interp_overlooked(const struct interp *in);
uint64_t interp_seed(const struct interp *in);
struct node *interp_training_node(struct interp *in);

/* Whether a script can call the op. */
bool op_is_function(const struct op *op);

/* All variables, in order of creation. */
int interp_n_variables(const struct interp *in);
struct variable *interp_variable(const struct interp *in, int i);

/* `param` declarations of a script, without running it, for `nnrun help` and for checking
 * name=value. Lists into the arena. */
struct setting_info {
    const char *name, *default_text, *doc;
    struct span at;
};
int settings_list(struct arena *a, const struct sources *sources, const struct ast *script,
                  struct setting_info **out);

#endif
