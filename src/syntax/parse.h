/* Source text -> tokens -> AST. Reports every independent syntax error of the text (up to the
 * limit of diag.h), saying what was found and what could stand there, in words; a broken statement
 * is left out of the tree and parsing goes on at the next one.
 *
 * Not for: meaning. Names are not resolved, `2 + "a"` parses. */
#ifndef NN_SYNTAX_PARSE_H
#define NN_SYNTAX_PARSE_H

#include "base/diag.h"
#include "base/intern.h"
#include "syntax/ast.h"
#include "syntax/token.h"

struct parse_context {
    struct arena *arena; /* of the unit: the tree lives here */
    struct intern_table *names;
    struct sources *sources;
    struct diags *diags;
};

enum parse_end {
    PARSE_DONE,       /* a tree, no errors */
    PARSE_FAILED,     /* errors were reported; the tree holds the statements that were fine */
    PARSE_INCOMPLETE, /* only with `interactive`: the text ends where its statement cannot; nothing
                         was reported */
};

/* source: index into sources. interactive: for the REPL's "is this complete?". *tree is always a
 * SCRIPT. */
enum parse_end parse_source(struct parse_context *c, uint32_t source, bool interactive,
                            struct ast **tree);

/* The tokens, with what the parser settled in them (token.h); false when errors were reported. */
bool parse_tokens(struct parse_context *c, uint32_t source, struct token_list *list);

/* One line a token: `12:9 IDENT dense`; comments and blank lines as trivia. */
void parse_dump_tokens(struct parse_context *c, uint32_t source, FILE *out);

#endif
