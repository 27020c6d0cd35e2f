/* Going on after an error. The statement with the error is left out; what follows it is parsed as
 * if nothing had happened, so that one mistake gives one message and a later one gets its own.
 *
 * Where the statement ends is found from the brackets, and where those do not match, from the
 * layout: a line that begins no further in than the statement, with a word, begins another
 * statement whatever is open. */
#include "syntax/parser.h"

#include <stdlib.h>

#include "nn.h"

enum bracket { ROUND, SQUARE, BRACE, STRING, N_BRACKETS };

/* The brackets opened and not closed in what is skipped, innermost last. They are counted, so
 * that a closing one that matches nothing costs nothing. */
struct skipped {
    ARRAY(uint8_t) brackets; /* on the heap */
    int n_open[N_BRACKETS];
    int line;           /* the first token of the line in which p->at stands */
    int statement;      /* the first token of the statement that is left out */
    uint32_t indent;    /* of its line */
    bool brackets_only; /* the layout and blocks are not looked at */
};

static enum bracket bracket_of(int kind) {
    switch (kind) {
    case TK_LPAREN:
    case TK_RPAREN:
        return ROUND;
    case TK_LBRACKET:
    case TK_RBRACKET:
        return SQUARE;
    case TK_LBRACE:
    case TK_LBLOCK:
    case TK_RBRACE:
        return BRACE;
    default:
        return STRING;
    }
}

static void push_bracket(struct skipped *s, int kind) {
    enum bracket b = bracket_of(kind);
    array_push(NULL, &s->brackets, (uint8_t)b);
    s->n_open[b]++;
}

/* Closes the innermost bracket of the kind, and those inside it. False: there is none. */
static bool pop_bracket(struct skipped *s, enum bracket b) {
    if (s->n_open[b] == 0)
        return false;
    enum bracket last;
    do {
        last = (enum bracket)s->brackets.at[--s->brackets.n];
        s->n_open[last]--;
    } while (last != b);
    return true;
}

static bool is_header_word(int kind) {
    return kind == TK_IF || kind == TK_ELSE || kind == TK_FOR || kind == TK_WHILE ||
           kind == TK_FN || (kind >= TK_LOSS && kind <= TK_VARIABLE);
}

/* Does the statement announce a block? Words of other languages count: `def f(x) {`, `elif c {`. */
static bool is_header(const struct parser *p, int statement) {
    struct token first = parser_token(p, statement);
    if (is_header_word(first.kind))
        return true;
    int second = parser_token(p, statement + 1).kind;
    return first.kind == TK_ID &&
           (second == TK_ID || second == TK_NOT || second == TK_TRUE || second == TK_FALSE);
}

static bool begins_statement(int kind) {
    return kind == TK_ID || (is_header_word(kind) && kind != TK_ELSE) || kind == TK_RETURN ||
           kind == TK_IMPORT || kind == TK_BREAK || kind == TK_CONTINUE;
}

/* Forgets the brackets that are open after the first n. */
static void leave_brackets(struct parser *p, struct skipped *s, int n) {
    for (int i = n; i < p->open.n; i++)
        push_bracket(s, parser_token(p, p->open.at[i].token).kind);
    p->open.n = n;
}

/* The block of a header that could not be read: what it holds is parsed all the same. */
static void enter_block(struct parser *p) {
    int statement = p->statement;
    parser_give(p, TK_BROKEN);
    p->list.tokens.at[p->at].kind = TK_LBLOCK;
    parser_give(p, TK_LBLOCK);
    p->open.at[p->open.n - 1].statement = statement;
    p->at++;
}

/* At a line break: is the statement over? */
static bool ends_here(const struct parser *p, const struct skipped *s) {
    int next = parser_skip_trivia(p, p->at, true);
    int kind = parser_token(p, next).kind;
    if (s->brackets.n == 0 || s->brackets_only)
        return s->brackets.n == 0 && kind != TK_PIPE && kind != TK_COMPOSE && kind != TK_DOT &&
               kind != TK_ELSE;
    return begins_statement(kind) && parser_indent(p, next) <= s->indent;
}

/* Is the `}` at p->at the innermost block's? Then it stands first in its line, or in that of the
 * `{`. */
static bool closes_block(const struct parser *p, const struct skipped *s) {
    return p->open.n > 0 && (p->at == s->line || p->open.at[p->open.n - 1].token >= s->line);
}

/* One token of the statement: true when the statement ends before it, or the header's block has
 * been entered. */
static bool skip_token(struct parser *p, struct skipped *s) {
    int kind = parser_token(p, p->at).kind;
    if (kind == 0)
        return true;
    if (kind == TK_NEWLINE || kind == TK_JOIN) {
        /* A string with interpolations ends on its line, whatever is open in it. */
        while (pop_bracket(s, STRING))
            continue;
        if (kind == TK_NEWLINE && ends_here(p, s))
            return true;
    } else if (kind == TK_SEMI && s->brackets.n == 0) {
        return true;
    } else if (token_opens(kind)) {
        if ((kind == TK_LBRACE || kind == TK_LBLOCK) && s->brackets.n == 0 && !s->brackets_only &&
            is_header(p, s->statement)) {
            enter_block(p);
            return true;
        }
        push_bracket(s, kind);
    } else if (token_closes(kind)) {
        if (!pop_bracket(s, bracket_of(kind)) && kind == TK_RBRACE && closes_block(p, s))
            return true;
    }
    p->at++;
    if (parser_begins_line(p, p->at))
        s->line = p->at;
    return false;
}

int parser_next_statement(const struct parser *p) {
    int statement = p->statement < 0 ? p->at : p->statement, first = p->at;
    while (first > statement && !parser_begins_line(p, first))
        first--;
    if (first <= statement || !begins_statement(parser_token(p, first).kind) ||
        parser_indent(p, first) > parser_indent(p, statement))
        return -1;
    return first;
}

static void skip_statement(struct parser *p, struct skipped *s) {
    p->statement = -1;
    p->b.too_high = false;
    while (!skip_token(p, s))
        continue;
    free(s->brackets.at);
}

void parser_recover(struct parser *p) {
    struct skipped s = {.line = p->at, .statement = p->statement < 0 ? p->at : p->statement};
    s.indent = parser_indent(p, s.statement);
    while (s.line > 0 && !parser_begins_line(p, s.line))
        s.line--;
    int next = parser_next_statement(p), n = p->open.n;
    while (n > 0 && parser_token(p, p->open.at[n - 1].token).kind != TK_LBLOCK)
        n--;
    grammar_drop_statement(p->grammar);
    leave_brackets(p, &s, n);
    if (next >= 0) {
        p->at = next;
        p->statement = -1;
        p->b.too_high = false;
        free(s.brackets.at);
    } else {
        skip_statement(p, &s);
    }
}

void parser_leave_out(struct parser *p) {
    struct skipped s = {.line = p->at, .statement = p->at, .brackets_only = true};
    grammar_drop_all(p->grammar);
    leave_brackets(p, &s, 0);
    skip_statement(p, &s);
}
