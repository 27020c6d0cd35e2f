/* The generated parser as the driver sees it: feed a token, ask what would be accepted. Implemented
 * at the end of grammar/nn.y, where the tables are. */
#ifndef NN_SYNTAX_GRAMMAR_H
#define NN_SYNTAX_GRAMMAR_H

#include "syntax/build.h"

struct grammar;

struct grammar *grammar_new(struct builder *b);
void grammar_free(struct grammar *g);

/* Takes a token (kind 0 ends the text). One that cannot stand here is dropped: b->rejected. */
void grammar_feed(struct grammar *g, struct token t);

/* Would a token of this kind be shifted now? Follows the reductions that it would cause, on a
 * shadow of the stack; nothing changes. */
bool grammar_accepts(const struct grammar *g, int kind);

/* Entries on the stack. */
int grammar_depth(const struct grammar *g);

/* Forgets what has been read of the innermost statement: the next token may begin one. */
void grammar_drop_statement(struct grammar *g);

/* The same for the outermost one. */
void grammar_drop_all(struct grammar *g);

#endif
