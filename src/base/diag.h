/* Diagnostics: everything the program has to say about a script. Reported once, where the fault is
 * known, collected here, printed by diag_print only. A message is: a short factual primary line,
 * underlined operands with a text each, notes (facts elsewhere), one help line (what to try,
 * offered only when it would work).
 *
 *     struct diag *d = diag_error(diags, E_INNER_SIZES, at, "`@` needs equal inner sizes, but %s is
 *     not %s", ..);
 *     diag_label(d, left,  "float[batch, 3136]: from flatten, line 6");
 *     diag_label(d, right, "float[3130, 1024]: declared at line 7");
 *     diag_help(d, "...");
 *
 * prints
 *
 *     models/bad.nn:9:10: error: `@` needs equal inner sizes, but 3136 is not 3130 [E019]
 *       9 | h = relu(h2 @ W_fc1 + b_fc1)
 *         |          ^^   ^^^^^ float[3130, 1024]: declared at line 7
 *         |          float[batch, 3136]: from flatten, line 6
 *     help: W_fc2 (line 8) is float[3136, 1024]: did you mean that?
 *
 * The codes are rows of errors.def. At most 20 errors are kept; `n_dropped` counts the rest. */
#ifndef NN_BASE_DIAG_H
#define NN_BASE_DIAG_H

#include <stdio.h>

#include "base/array.h"
#include "base/source.h"

enum diag_code {
#define ERROR(id, code, summary) E_##id,
#include "base/errors.def"
#undef ERROR
    N_DIAG_CODES
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

struct label {
    struct span at;
    const char *text; /* may be "" : underlined without a word */
};

struct diag {
    enum diag_code code;
    enum severity severity;
    struct span at;       /* file:line:col of the first line */
    struct span found_at; /* before a trail moved it to the user's frame */
    const char *message;
    ARRAY(struct label) labels; /* underlined; when empty, `at` is underlined */
    ARRAY(struct label) notes;  /* "note: ..." with their own place, or none (source 0) */
    const char *help;
    const struct origin *trail; /* callers, printed as "called from" lines, user's frame first */
    struct diags *owner;
};

struct diags {
    struct arena *arena;
    const struct sources *sources;
    ARRAY(struct diag *) list;
    int n_errors, n_warnings, n_dropped;
    int n_printed, n_dropped_printed; /* how far diag_flush came */
    bool only_names;  /* errors of other kinds are made, but not kept (eval/dry.c) */
    bool unsupported; /* an error of code NOT_SUPPORTED was reported: exit status 3 */
};

struct diag *diag_error(struct diags *ds, enum diag_code code, struct span at, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));
struct diag *diag_warning(struct diags *ds, enum diag_code code, struct span at, const char *format,
                          ...) __attribute__((format(printf, 4, 5)));
/* A remark that is neither (a shadowed name, data generated instead of found). */
struct diag *diag_remark(struct diags *ds, struct span at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Forgets the last report when an earlier one has its code, place and words. */
void diag_drop_repeated(struct diags *ds);

void diag_label(struct diag *d, struct span at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_note(struct diag *d, struct span at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_help(struct diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An error inside a library definition shows the user's line first: sets `at` to the frame where
 * the user's text called the library (the first of the chain that is not a library's), and keeps
 * the others as notes. */
void diag_trail(struct diag *d, const struct origin *origin);

/* Prints what has not been printed yet, in order of report. */
enum diag_look { DIAG_TEXT, DIAG_JSON };
void diag_flush(struct diags *ds, enum diag_look look, FILE *out);
void diag_print(const struct diags *ds, const struct diag *d, FILE *out);
/* As a JSON object on a line (diag_json.c); the same for how many errors were not kept. */
void diag_print_json(const struct diags *ds, const struct diag *d, FILE *out);
void diag_print_dropped_json(const struct diags *ds, int n, FILE *out);

/* "E019"; "" of E_NONE. And the row's summary. */
const char *diag_code_name(enum diag_code code);
const char *diag_code_summary(enum diag_code code);

/* Of `n` names the one nearest to `name` (Damerau-Levenshtein, at most a third of its length), or
 * NULL. */
const char *nearest_name(const char *name, const char *const *names, int n);

#endif
