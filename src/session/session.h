/* A session: everything that one run of nnrun owns. It loads the standard library, runs units (a
 * script, a text, a line typed), and is the evaluator's host: what a script demands is compiled and
 * run here (demand.c), every stage of that can be shown (stages.c).
 *
 * All of it lives until session_free. Results of a script go to options.out, words about it to
 * options.err.
 *
 * Not for: command lines (main.c), typing (repl/), other programs (nnrun.h). */
#ifndef NN_SESSION_SESSION_H
#define NN_SESSION_SESSION_H

#include "eval/eval.h"
#include "exec/exec.h"
#include "session/cache.h"
#include "session/draws.h"
#include "syntax/parse.h"

/* How a program ends; the same numbers for every way of running. */
enum status {
    STATUS_OK = 0,
    STATUS_ERROR = 1,
    STATUS_USAGE = 2,       /* of the command line, a param's name or value on it included */
    STATUS_UNSUPPORTED = 3, /* the script uses what has no meaning yet */
    STATUS_INTERNAL = 70,
    STATUS_INTERRUPTED = 130
};

/* A script is read whole and its offsets are 32 bits. */
enum { MAX_SCRIPT_BYTES = 256 << 20 };

struct session_options {
    const char *stdlib; /* a folder of *.nn files; NULL: the library in the program */
    uint64_t seed;
    bool seed_fixed; /* --seed: a script's seed() does not change it */
    int n_threads;   /* 0: as many as this process has processors */
    bool quiet;      /* no progress and no remarks of loaders */
    bool check_numerics;
    bool exact;      /* no kernel that rounds more than plain sums do (Winograd's) */
    enum diag_look errors; /* how diagnostics are printed */
    size_t memory_bytes; /* the most a computation may take; 0: what the machine has */
    const struct stage *dump; /* show this stage of every computation; NULL: none */
    const char *dump_pass;    /* of `opt`: after this pass only; NULL: after the last */
    bool profile;             /* measure, and report at the end what took how long */
    const char *trace_path;   /* write there what happened when; NULL: nowhere */
    struct setting_override *overrides;
    int n_overrides;
    bool check;     /* walk a unit dry before it is run; if it has errors it is not */
    bool only_check; /* and is not run either if it has none */
    bool show_memory; /* the check says how much memory the script will take */
    bool strict;    /* warnings of the check are as errors */
    FILE *out, *err;                    /* err NULL: diagnostics are only kept */
    volatile sig_atomic_t *interrupted; /* NULL: never */
};

struct session {
    struct arena arena;
    struct session_options options;
    struct intern_table names;
    struct sources sources;
    struct diags diags;
    struct symbols symbols;
    const struct op_table *ops;
    struct graph graph; /* what the scripts built */
    struct build build; /* appends gradients to it */
    struct interp *interp;
    struct executor *executor; /* NULL until the first demand: threads start then */
    struct plan_cache cache;
    struct draw_counts draws;
    struct load_store store;
    struct profile *profile; /* NULL: nothing is measured */
    bool was_interrupted;
    bool is_replaying; /* compiling to look, not for the script: nothing is shown */
    bool is_part;      /* of an evaluation in chunks: it is not cut again */
    const struct chunk *chunk; /* the rows being computed, NULL: all at once (chunks.h) */
    bool refused_warnings; /* --strict, and the check found some */
    bool bad_setting;  /* a name=value that the script does not have: STATUS_USAGE */
    int n_given_back;  /* --dump: results given again since the last new computation */
    bool dump_ended;
    ARRAY(struct unit_source) library;  /* its files, parsed */
    ARRAY(struct unit_source) imported; /* the same */
    struct session *checked;           /* of a dry session: the real one; else NULL */
    uint64_t n_dry_demands;
    bool trains; /* of a dry session: some optimizer is run */
    struct memory_report *memory; /* of a dry session: what its demands would take; or NULL */
    volatile sig_atomic_t never;
};

/* Loads the library. NULL never; when the library has errors they are in diags and session_status
 * says so. */
struct session *session_new(const struct session_options *o);
void session_free(struct session *s);

/* A session for one dry run of a script: shares what of s a script cannot change, and its messages.
 * The host's context is the new session. settled: interp_options.settled. */
struct session *session_new_dry(struct session *s, const struct host *host, FILE *settled);

/* A unit from a text (copied) or a file. false: errors were reported, or it was interrupted. */
bool session_run_text(struct session *s, const char *path, const char *text, size_t n_bytes);
bool session_run_file(struct session *s, const char *path);

/* One statement or several, as typed: values of expressions are shown. INCOMPLETE: nothing was run
 * or reported, there must be more. */
enum typed_end { TYPED_DONE, TYPED_FAILED, TYPED_INCOMPLETE };
enum typed_end session_run_typed(struct session *s, const char *text, size_t n_bytes);

/* What `nnrun help FILE` prints: params with defaults and comments, placeholders. false: reported.
 */
bool session_describe_file(struct session *s, const char *path, FILE *out);

/* For parts of a session: the text of a file in `arena` (NULL: reported); whether a text can be a
 * script (no zero byte, not too long; false: reported); `at` is where an import names it. What parsing into the session takes. */
char *session_read_script(struct session *s, struct arena *arena, const char *path,
                          struct span at, size_t *n);
bool session_is_script(struct session *s, const char *path, struct span at, const char *text,
                       size_t n);
struct parse_context session_parse_context(struct session *s);

/* Of struct host (eval.h): which file an import means, and its tree. */
bool session_find_unit(void *context, const char *path, struct span at, struct unit_source *out);
bool session_read_unit(void *context, struct span at, struct unit_source *u);
/* What the same file has in every session: its real path, or NULL. In the session's arena. */
const char *session_file_key(struct session *s, const char *path);

/* The worst that happened so far. */
enum status session_status(const struct session *s);

/* Prints what was reported and not printed yet to options.err. */
void session_flush(struct session *s);
/* Forgets what was reported: the next statement starts with none. */
void session_forget_diags(struct session *s);

/* "nnrun 0.1.0", the compiler, the processor's kernels, the BLAS, threads: one fact a line. */
void session_print_version(FILE *out, int n_threads);

#define NNRUN_VERSION "0.1.0"

#endif
