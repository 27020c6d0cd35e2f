/* `nnrun fmt`: scripts brought into the house's layout (syntax/fmt.h), files in place. Needs no
 * session: a file is its own world. */
#ifndef NN_SESSION_FORMAT_H
#define NN_SESSION_FORMAT_H

#include "session/session.h"

struct format_options {
    bool check;            /* change nothing; STATUS_ERROR when something would change */
    enum diag_look errors; /* how diagnostics are printed */
    FILE *out, *err;
};

/* Writes the file anew if its layout changes, and its path to `out`. A file with syntax errors, or
 * one that cannot be read or written, is left as it is, with the errors on `err`. */
enum status format_file(const struct format_options *o, const char *path);
/* The text's layout to `out`; with `check`, `name` if it would change. */
enum status format_text(const struct format_options *o, const char *name, const char *text,
                        size_t n);

#endif
