/* What the formatter's files share: fmt_lines.c takes the tokens apart into lines of pieces and
 * says what each line's indentation hangs on, fmt_space.c says what stands between two pieces,
 * fmt_align.c finds the columns, fmt.c writes. Private. */
#ifndef NN_SYNTAX_FMT_PARTS_H
#define NN_SYNTAX_FMT_PARTS_H

#include "syntax/fmt.h"

/* A token or a comment on its line. Columns count characters from 0. */
struct fmt_piece {
    const char *text;
    int n_bytes, width; /* width in characters */
    int gap;            /* blanks before it, where nothing is aligned; 0 for the first of a line */
    int source_gap, source_column;
    int column; /* where it comes to stand */
    int group;  /* a piece of the same column, itself for the first of them (a union-find) */
    bool comment;
};

/* Where a line begins: `offset` behind the bracket `anchor` (a piece), or behind column 0 when that
 * is -1. */
struct fmt_indent {
    int anchor, offset;
};

struct fmt_line {
    int first, n; /* pieces */
    struct fmt_indent indent;
    bool blank_before;
    bool begins_statement;
    bool attached; /* a comment that goes on below the one that ends the line above */
};

struct fmt_layout {
    struct arena *arena;
    ARRAY(struct fmt_piece) pieces;
    ARRAY(struct fmt_line) lines;
};

/* The tokens before and around a piece, as far as blanks depend on them. */
struct fmt_before {
    int kind;          /* the token before in the statement; 0 at its beginning */
    bool ends_operand; /* so that a `-` behind it is a difference, and a `(` a call */
    bool unary;        /* a `-` that is a sign */
};

/* Blanks between `before` and a token of `kind` on the same line. bracket: the innermost open one,
 * of the pair that `kind` closes, when it does; 0 for none. setting: an `=` at this place names an
 * argument. */
int fmt_gap(struct fmt_before before, int kind, int bracket, bool setting);
/* What a token of `kind` is to the one behind it. */
struct fmt_before fmt_after(struct fmt_before before, int kind);

void fmt_find_lines(struct fmt_layout *l, const char *text, const struct token_list *list);
void fmt_find_columns(struct fmt_layout *l);

#endif
