/* What can be asked for by name: words of the language, functions and methods of C, definitions of
 * the library, ops. `nnrun doc` shows them; everything comes from their tables, the comments of the
 * library and the pages beside the tables (ops.md, builtins.md, words.md).
 *
 * Not for: scripts (session_describe_file), codes of messages (pages.h). */
#ifndef NN_SESSION_DOC_H
#define NN_SESSION_DOC_H

#include "session/session.h"

/* All names by kind, a line each. */
void doc_list(struct session *s, FILE *out);

/* All that has this name; a method may have its dot, `step.run`, and an operator is its op. false:
 * nothing has; *nearest is a name like it, or NULL. */
bool doc_print(struct session *s, const char *name, FILE *out, const char **nearest);

/* For the parts (doc_op.c, doc_library.c). */

/* The text on lines of at most 96 columns, each but the first indented further. */
enum { DOC_COLUMNS = 96 };
void doc_wrap(FILE *out, const char *text, int indent, int further);
/* The page of a name, if there is one, with "Example:" before one that is code from the start. */
void doc_page(FILE *out, const char *file, const char *name);

void doc_print_op(const struct op *op, bool callable, FILE *out);
void doc_print_definition(struct session *s, const struct ast *script, const struct ast *definition,
                          FILE *out);

#endif
