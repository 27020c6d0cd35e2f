/* The house's layout of a script (grammar/README.md, "Layout"), made from the tokens that the
 * parser has settled: blanks, indentation, empty lines. Line breaks, comments and columns that the
 * author aligned stay. The result has the same tokens in the same order, and is its own layout.
 *
 * Not for: scripts with syntax errors, whose braces and newlines mean nothing yet. Nothing is
 * broken or joined to fit a width. */
#ifndef NN_SYNTAX_FMT_H
#define NN_SYNTAX_FMT_H

#include "base/arena.h"
#include "syntax/token.h"

/* NUL-terminated, in the arena. The list is settled, of a text without errors. */
char *fmt_text(struct arena *a, const char *text, const struct token_list *list, size_t *n_bytes);

/* Whether two settled lists hold the same script: all that is not trivia, and the comments but for
 * the blanks behind them. */
bool fmt_same_script(const char *text, const struct token_list *list, const char *other_text,
                     const struct token_list *other);

#endif
