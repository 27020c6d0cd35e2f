/* The driver's state, shared by its three files: parse.c gives tokens to the grammar, expected.c
 * says what is wrong when one is refused, recover.c finds the place to go on. Private. */
#ifndef NN_SYNTAX_PARSER_H
#define NN_SYNTAX_PARSER_H

#include "syntax/build.h"
#include "syntax/grammar.h"

enum {
    MAX_OPEN_BRACKETS = 200,
    /* A level of brackets puts about 20 entries on the stack when every precedence is waiting. */
    MAX_STACK = 25 * MAX_OPEN_BRACKETS,
    /* With more errors it is no script; and recovery looks back, at a cost that this bounds. */
    MAX_ERRORS = 200
};

/* A bracket that is open. */
struct opener {
    int token;      /* its index */
    int statement;  /* the first token of the statement that it stands in */
    int suspicious; /* of a block: a token that is indented as if the block had ended; -1: none */
};

struct parser {
    struct builder b;
    struct token_list list;
    struct grammar *grammar;
    ARRAY(struct opener) open; /* on the heap */
    int at;                    /* the token to be treated next */
    int previous;              /* the last one that the grammar took; -1 at first */
    int statement;             /* the first one of the innermost statement; -1 between statements */
    int n_errors;
    bool interactive;
    bool incomplete;    /* interactive, and the text ends too early */
    bool python_blocks; /* a `:` was met where a block begins: its `else:` is no news */
};

static inline struct token parser_token(const struct parser *p, int index) {
    return p->list.tokens.at[index];
}

static inline const char *parser_text(const struct parser *p, struct token t) {
    return p->b.text + t.offset;
}

static inline bool parser_accepts(const struct parser *p, int kind) {
    return grammar_accepts(p->grammar, kind);
}

/* The next token from `index` on that is not trivia, nor a NEWLINE when `newlines`. */
int parser_skip_trivia(const struct parser *p, int index, bool newlines);

/* Is it the first token of its line? How many blanks stand before that one? */
bool parser_begins_line(const struct parser *p, int index);
uint32_t parser_indent(const struct parser *p, int index);
bool parser_same_line(const struct parser *p, int a, int b);

/* Gives the token at p->at to the grammar, as one of `kind`; false when it is refused, which leaves
 * everything as it was. */
bool parser_give(struct parser *p, int kind);

/* Leaves out the statement in which p->at stands and sets p->at to where parsing goes on: the end
 * of the statement, the block that its header announces (kept, for the errors in it), or a line
 * that looks like the beginning of the next statement. (recover.c) */
void parser_recover(struct parser *p);

/* Leaves out the whole top-level statement, by its brackets alone: it was too deep to be read.
 * (recover.c) */
void parser_leave_out(struct parser *p);

/* The token that begins the line of p->at, when that looks like the beginning of a statement which
 * the broken one, incomplete at its line's end (`x =`), has swallowed; else -1. (recover.c) */
int parser_next_statement(const struct parser *p);

/* Reports that the token at p->at cannot stand there, and goes on as if the evident had been
 * written, or after the statement. (expected.c) */
void parser_refuse(struct parser *p);

/* What the scripts of other languages have at p->at, and what to write here instead; NULL when the
 * token or the words before it remind of nothing. (advice.c) */
const char *parser_advice(const struct parser *p);

/* Leaves out the statement, and all up to the end of `mark` in the text, if it is there.
 * (expected.c) */
void parser_skip_past(struct parser *p, const char *mark);

/* Treats a token that the language does not have: BAD_* and slips. (slips.c) */
void parser_slip(struct parser *p);

/* The innermost bracket open in the statement, or NULL: one that a block does not lie between. */
const struct opener *parser_innermost(const struct parser *p);

/* How many bytes of the token's text a message shows. */
int parser_shown(struct token t);

struct diag *parser_error(struct parser *p, enum diag_code code, struct token at,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
