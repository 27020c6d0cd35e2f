/* Tokens: slices of the text, and nothing more. The kinds are the numbers that Lemon gives to the
 * terminals of grammar/nn.y (TK_ID, TK_LPAREN, ..: "nn.h", generated); there is no other token
 * enum.
 *
 * A token list holds every token of a text in order, comments, blank lines and line breaks
 * included, so that a formatter can be written on it: what lies between two tokens is blanks only.
 * The lexer finds tokens without knowing what may follow what; the parser then settles two things
 * in the list:
 *   - a NEWLINE that does not end a statement becomes a JOIN (see grammar/README.md for the rule);
 *   - a `{` that opens a block becomes an LBLOCK; one that opens a record stays an LBRACE.
 *
 * Not for: values. Numbers and escapes are read when the tree is built (literal.c). */
#ifndef NN_SYNTAX_TOKEN_H
#define NN_SYNTAX_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"

struct token {
    uint32_t offset, length; /* bytes, from the start of the text */
    uint8_t kind;
};

struct token_list {
    ARRAY(struct token) tokens; /* on the heap; ends with one END (kind 0) of length 0 */
};

/* Where the lexer stands. An interpolation is entered at the `{` inside a string and left at its
 * `}`. */
struct lexer {
    const unsigned char *text, *at, *end; /* *end is 0 */
    ARRAY(uint32_t) interpolations; /* on the heap: brackets now open inside each, innermost last */
    enum { LINE_EMPTY, LINE_COMMENT, LINE_CODE } line; /* what the line holds so far */
};

/* The next token. Text that is no token gives one of the kinds BAD_*, or one of the slips (`&&`,
 * `+=`, ..). */
struct token lexer_next(struct lexer *x);

/* All tokens of text[0..n), which is followed by a NUL. */
void token_list_scan(struct token_list *list, const char *text, uint32_t n);
void token_list_free(struct token_list *list);

/* Trivia: comments, blank lines, line breaks that end nothing. */
bool token_is_trivia(int kind);

/* The kind's name in a token dump ("IDENT"), and in a message: "`)`", "a name", "the end of the
 * line". */
const char *token_kind_name(int kind);
const char *token_kind_words(int kind);

/* Opening and closing brackets, a string with interpolations counting as a pair. */
bool token_opens(int kind);
bool token_closes(int kind);

#endif
