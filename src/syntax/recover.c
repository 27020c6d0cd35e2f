/* Going on after an error. The statement with the error is left out; what follows it is parsed as
 * if nothing had happened, so that one mistake gives one message and a later one gets its own.
 *
 * Where the statement ends is found from the brackets, and where those do not match, from the
 * layout: a line that begins no further in than the statement, with a word, begins another
 * statement whatever is open. */
#include "syntax/parser.h"

#include <stdlib.h>

#include "nn.h"

/* The brackets opened and not closed in what is skipped, innermost last. */
struct skipped {
    ARRAY(uint8_t) kinds; /* on the heap */
    int line;             /* the first token of the line in which p->at stands */
    bool brackets_only;   /* the layout and blocks are not looked at */
};

static void push_kind(struct skipped *s, int kind) { array_push(NULL, &s->kinds, (uint8_t)kind); }

static bool matches(int open, int close) {
    switch (close) {
    case TK_RPAREN:
        return open == TK_LPAREN;
    case TK_RBRACKET:
        return open == TK_LBRACKET;
    case TK_RBRACE:
        return open == TK_LBRACE || open == TK_LBLOCK;
    default:
        return open == TK_STRING_START;
    }
}

/* Closes the innermost bracket that the token can close, and those inside it. */
static bool pop_kind(struct skipped *s, int close) {
    for (int i = s->kinds.n - 1; i >= 0; i--)
        if (matches(s->kinds.at[i], close)) {
            s->kinds.n = i;
            return true;
        }
    return false;
}

/* A string with interpolations does not go on to the next line, whatever is open in it. */
static void drop_strings(struct skipped *s) {
    for (int i = 0; i < s->kinds.n; i++)
        if (s->kinds.at[i] == TK_STRING_START) {
            s->kinds.n = i;
            return;
        }
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
        push_kind(s, parser_token(p, p->open.at[i].token).kind);
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
static bool ends_here(const struct parser *p, const struct skipped *s, int statement) {
    int next = parser_skip_trivia(p, p->at, true);
    int kind = parser_token(p, next).kind;
    if (s->kinds.n == 0 || s->brackets_only)
        return s->kinds.n == 0 && kind != TK_PIPE && kind != TK_COMPOSE && kind != TK_DOT &&
               kind != TK_ELSE;
    return begins_statement(kind) && parser_indent(p, next) <= parser_indent(p, statement);
}

/* Is the `}` at p->at the innermost block's? Then it stands first in its line, or in that of the
 * `{`. */
static bool closes_block(const struct parser *p, const struct skipped *s) {
    return p->open.n > 0 && (p->at == s->line || p->open.at[p->open.n - 1].token >= s->line);
}

/* One token of the statement: true when the statement ends before it, or it was the header's block.
 */
static bool skip_token(struct parser *p, struct skipped *s, int statement) {
    int kind = parser_token(p, p->at).kind;
    if (kind == 0)
        return true;
    if (kind == TK_NEWLINE || kind == TK_JOIN) {
        drop_strings(s);
        if (kind == TK_NEWLINE && ends_here(p, s, statement))
            return true;
    } else if (kind == TK_SEMI && s->kinds.n == 0) {
        return true;
    } else if (token_opens(kind)) {
        if ((kind == TK_LBRACE || kind == TK_LBLOCK) && s->kinds.n == 0 && !s->brackets_only &&
            is_header(p, statement)) {
            enter_block(p);
            return true;
        }
        push_kind(s, kind);
    } else if (token_closes(kind)) {
        if (!pop_kind(s, kind) && kind == TK_RBRACE && closes_block(p, s))
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

void parser_recover(struct parser *p) {
    struct skipped s = {.line = p->at};
    int statement = p->statement < 0 ? p->at : p->statement, next = parser_next_statement(p);
    while (s.line > 0 && !parser_begins_line(p, s.line))
        s.line--;
    grammar_drop_statement(p->grammar);
    int n = p->open.n;
    while (n > 0 && parser_token(p, p->open.at[n - 1].token).kind != TK_LBLOCK)
        n--;
    leave_brackets(p, &s, n);
    p->statement = -1;
    p->b.too_high = false;
    if (next >= 0)
        p->at = next;
    else
        while (!skip_token(p, &s, statement))
            continue;
    free(s.kinds.at);
}

void parser_leave_out(struct parser *p) {
    struct skipped s = {.line = p->at, .brackets_only = true};
    grammar_drop_all(p->grammar);
    leave_brackets(p, &s, 0);
    p->statement = -1;
    p->b.too_high = false;
    while (!skip_token(p, &s, p->at))
        continue;
    free(s.kinds.at);
}
