/* Syntax errors in words. What could stand at a place is asked of the grammar's tables, kind by
 * kind, and then said in the few categories that people think in: "expected `,` or `)`, found `b`".
 * A closing bracket is shown with the opening one, an incomplete line at its end. Where the slip is
 * evident, parsing goes on as if the right thing had been written, so that it gives one message and
 * nothing is skipped. */
#include "syntax/parser.h"

#include <stdio.h>
#include <string.h>

#include "nn.h"

enum { WORDS_BYTES = 240, MAX_SHOWN = 40 };

/* A list of alternatives, as text: "a", "a or b", "a, b or c". */
struct words {
    const char *at[8];
    int n;
};

static void add_words(struct words *w, const char *text) {
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->at[i], text) == 0)
            return;
    if (w->n < (int)(sizeof w->at / sizeof *w->at))
        w->at[w->n++] = text;
}

static void join_words(const struct words *w, char out[WORDS_BYTES]) {
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < w->n && n < WORDS_BYTES; i++) {
        const char *before = i == 0 ? "" : i == w->n - 1 ? " or " : ", ";
        n += (size_t)snprintf(out + n, WORDS_BYTES - n, "%s%s", before, w->at[i]);
    }
}

int parser_shown(struct token t) { return t.length < MAX_SHOWN ? (int)t.length : MAX_SHOWN; }

const struct opener *parser_innermost(const struct parser *p) {
    if (p->open.n == 0)
        return NULL;
    const struct opener *o = &p->open.at[p->open.n - 1];
    return parser_token(p, o->token).kind == TK_LBLOCK ? NULL : o;
}

/* What a value, a name or a whole statement would be called here; NULL when none can begin. */
static const char *expected_thing(const struct parser *p) {
    if (parser_accepts(p, TK_WHILE) && parser_accepts(p, TK_BROKEN))
        return "a statement";
    if (parser_accepts(p, TK_LBRACE))
        return "an expression";
    if (parser_accepts(p, TK_QUESTION))
        return "a dimension";
    if (parser_accepts(p, TK_INT))
        return "a size";
    if (parser_accepts(p, TK_STRING))
        return "a path in quotes";
    if (parser_accepts(p, TK_WHILE))
        return "a field name";
    if (parser_accepts(p, TK_ID)) {
        int before = p->previous < 0 ? 0 : parser_token(p, p->previous).kind;
        return before == TK_COLON || before == TK_ARROW ? "a type" : "a name";
    }
    return NULL;
}

/* The tokens named one by one: always, and only when no expression has just ended (where `=`, `(`
 * and the like would continue it in ways that nobody meant). */
static void expected_words(const struct parser *p, struct words *w) {
    static const int always[] = {TK_RPAREN, TK_RBRACKET, TK_STRING_END, TK_LBLOCK};
    static const int otherwise[] = {TK_COLON, TK_LPAREN, TK_LBRACKET, TK_ASSIGN, TK_ARROW};
    const char *thing = expected_thing(p);
    bool after_value = parser_accepts(p, TK_PLUS);
    bool ends = parser_accepts(p, TK_NEWLINE) && !parser_accepts(p, TK_BROKEN);
    if (thing)
        add_words(w, thing);
    if (after_value && ends)
        add_words(w, "an operator");
    if (!thing) {
        if (parser_accepts(p, TK_COMMA) && !ends)
            add_words(w, "`,`");
        if (parser_accepts(p, TK_IN))
            add_words(w, "`in`");
        if (parser_accepts(p, TK_AS))
            add_words(w, "`as`");
        for (size_t i = 0; !after_value && i < sizeof otherwise / sizeof *otherwise; i++)
            if (parser_accepts(p, otherwise[i]))
                add_words(w, token_kind_words(otherwise[i]));
    }
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (parser_accepts(p, always[i]))
            add_words(w, token_kind_words(always[i]));
    if (parser_innermost(p) && parser_accepts(p, TK_RBRACE))
        add_words(w, "`}`");
    if (ends)
        add_words(w, "the end of the line");
}

/* A token as a message shows it: its text, where that is short and means something. */
static const char *found_words(struct parser *p, int index) {
    struct token t = parser_token(p, index);
    switch (t.kind) {
    case 0:
    case TK_STRING:
    case TK_STRING_START:
    case TK_STRING_MIDDLE:
    case TK_STRING_END:
    case TK_BAD_STRING:
    case TK_BAD_INTERPOLATION:
        return token_kind_words(t.kind);
    default:
        return arena_printf(p->b.c->arena, "`%.*s`%s", parser_shown(t), parser_text(p, t),
                            t.length > MAX_SHOWN ? ".." : "");
    }
}

static uint32_t line_number(const struct parser *p, int index) {
    return source_place(p->b.c->sources, token_span(&p->b, parser_token(p, index))).line;
}

/* `{` and the like that are open at the end of the text. */
static void report_unclosed(struct parser *p) {
    const struct opener *o = &p->open.at[p->open.n - 1];
    struct token t = parser_token(p, o->token);
    if (t.kind == TK_STRING_START) {
        parser_error(p, E_SYNTAX, t, "this string does not end on its line");
        return;
    }
    struct diag *d =
        parser_error(p, E_SYNTAX, t, "this %s is never closed", token_kind_words(t.kind));
    if (o->suspicious >= 0)
        diag_note(d, token_span(&p->b, parser_token(p, o->suspicious)),
                  "this line is indented as if the block had ended before it");
}

/* A closing bracket that does not fit. False: it would fit, but something is missing before it. */
static bool report_closer(struct parser *p) {
    struct token t = parser_token(p, p->at);
    if (!token_closes(t.kind) || t.kind == TK_STRING_END)
        return false;
    const struct opener *o = parser_innermost(p);
    if (!o) {
        bool missing = p->statement >= 0 && parser_accepts(p, TK_LBRACE);
        if (missing || (t.kind == TK_RBRACE && p->open.n > 0))
            return false;
        parser_error(p, E_SYNTAX, t, "this %s closes nothing", token_kind_words(t.kind));
        return true;
    }
    struct token open = parser_token(p, o->token);
    int fitting = open.kind == TK_LPAREN     ? TK_RPAREN
                  : open.kind == TK_LBRACKET ? TK_RBRACKET
                                             : TK_RBRACE;
    if (t.kind == fitting || open.kind == TK_STRING_START)
        return false;
    struct diag *d = parser_error(p, E_SYNTAX, t, "%s cannot close %s", token_kind_words(t.kind),
                                  token_kind_words(open.kind));
    diag_label(d, token_span(&p->b, t), "%s", "");
    diag_label(d, token_span(&p->b, open), "opened here");
    return true;
}

/* A line that ends too early, outside brackets: the statement went on into the next line, which
 * does not fit or looks like a statement of its own. Reported where the line ends. */
static bool report_line_end(struct parser *p) {
    int first = p->at;
    if (!parser_begins_line(p, p->at))
        first = parser_next_statement(p);
    if (first < 0 || p->statement < 0 || p->statement >= first || parser_innermost(p))
        return false;
    int last = first - 1;
    while (token_is_trivia(parser_token(p, last).kind))
        last--;
    char expected[WORDS_BYTES] = "an expression";
    if (first == p->at) {
        struct words w = {0};
        expected_words(p, &w);
        join_words(&w, expected);
    }
    bool file = parser_token(p, first).kind == 0;
    struct diag *d =
        parser_error(p, E_SYNTAX, parser_token(p, last), "expected %s after %s, but the %s ends",
                     expected, found_words(p, last), file ? "file" : "line");
    if (first == p->at && parser_accepts(p, TK_LBLOCK))
        diag_help(d, "a block is in braces: `{ .. }`");
    return true;
}

/* A reserved word as an argument is taken for the name of one, `f(new=2)`: what does not fit is the
 * word, not what follows in the place of the `=`. */
static bool report_reserved_argument(struct parser *p, const struct words *w) {
    if (p->previous < 0 || w->n != 1 || strcmp(w->at[0], "`=`") != 0)
        return false;
    struct token t = parser_token(p, p->previous);
    if (t.kind < TK_FN || t.kind > TK_NEW)
        return false;
    parser_error(p, E_SYNTAX, t, "expected an expression, found %s, a reserved word",
                 found_words(p, p->previous));
    return true;
}

static void report_generic(struct parser *p) {
    struct token t = parser_token(p, p->at);
    struct words w = {0};
    expected_words(p, &w);
    if (report_reserved_argument(p, &w))
        return;
    char expected[WORDS_BYTES];
    join_words(&w, expected);
    bool reserved = t.kind >= TK_FN && t.kind <= TK_NEW &&
                    ((w.n > 0 && strcmp(w.at[0], "a name") == 0) ||
                     parser_token(p, p->at + 1).kind == TK_ASSIGN);
    struct diag *d = parser_error(p, E_SYNTAX, t, "expected %s, found %s%s", expected,
                                  found_words(p, p->at), reserved ? ", a reserved word" : "");
    const char *advice = parser_advice(p);
    if (advice)
        diag_help(d, "%s", advice);
    const struct opener *o = parser_innermost(p);
    if (o && parser_accepts(p, TK_COMMA) && !parser_same_line(p, o->token, p->at)) {
        struct token open = parser_token(p, o->token);
        diag_label(d, token_span(&p->b, t), "%s", "");
        diag_label(d, token_span(&p->b, open), "%s of line %u is open", token_kind_words(open.kind),
                   line_number(p, o->token));
    }
}

/* `if x = 3`, and the same in parentheses: meant as `==`. */
static bool repair_equals(struct parser *p) {
    const struct opener *o = parser_innermost(p);
    bool condition =
        parser_accepts(p, TK_LBLOCK) || (o && parser_token(p, o->token).kind != TK_STRING_START);
    struct token t = parser_token(p, p->at);
    if (t.kind != TK_ASSIGN || !condition || !parser_accepts(p, TK_EQ))
        return false;
    struct diag *d = parser_error(p, E_SYNTAX, t, "`=` does not compare");
    diag_help(d, "did you mean `==`?");
    parser_give(p, TK_EQ);
    p->at++;
    return true;
}

/* Blocks as in Python. The lines of the block are parsed as what they are, statements. */
static bool repair_python_block(struct parser *p) {
    struct token t = parser_token(p, p->at);
    if (p->python_blocks && t.kind == TK_ELSE) {
        parser_recover(p);
        return true;
    }
    if (t.kind != TK_COLON || !parser_accepts(p, TK_LBLOCK) || parser_innermost(p))
        return false;
    struct diag *d = parser_error(p, E_SYNTAX, t, "a block begins with `{`, not with `:`");
    diag_help(d, "blocks are in braces, whatever the indentation: `if c { .. } else { .. }`");
    p->at++;
    if (parser_token(p, parser_skip_trivia(p, p->at, false)).kind != TK_LBRACE) {
        p->python_blocks = true;
        grammar_drop_statement(p->grammar);
        p->statement = -1;
    }
    return true;
}

void parser_skip_past(struct parser *p, const char *mark) {
    const char *from = parser_text(p, parser_token(p, p->at)) + 1, *found = strstr(from, mark);
    if (found) {
        uint32_t end = (uint32_t)(found - p->b.text + strlen(mark));
        while (parser_token(p, p->at).kind != 0 && parser_token(p, p->at).offset < end)
            p->at++;
        p->statement = p->at; /* what has been skipped is not looked at again */
    }
    parser_recover(p);
}

/* `// ..` and `/ * .. * /` where a statement begins. */
static bool repair_comment(struct parser *p) {
    struct token t = parser_token(p, p->at);
    bool block = t.kind == TK_SLASH && parser_text(p, t)[1] == '*';
    if (p->statement >= 0 || (t.kind != TK_FLOOR && !block))
        return false;
    parser_error(p, E_SYNTAX, t, "a comment begins with `#`");
    if (block)
        parser_skip_past(p, "*/");
    else
        while (parser_token(p, p->at).kind != TK_NEWLINE && parser_token(p, p->at).kind != 0)
            p->at++;
    return true;
}

static void report_else(struct parser *p) {
    struct diag *d = parser_error(p, E_SYNTAX, parser_token(p, p->at), "`else` without an `if`");
    diag_help(d, "`else` follows the `}` of an `if` and its block");
}

void parser_refuse(struct parser *p) {
    if (repair_equals(p) || repair_python_block(p) || repair_comment(p))
        return;
    bool at_end = parser_token(p, p->at).kind == 0;
    if (at_end && p->open.n > 0)
        report_unclosed(p);
    else if (parser_token(p, p->at).kind == TK_ELSE && parser_begins_line(p, p->at))
        report_else(p);
    else if (!report_closer(p) && !report_line_end(p))
        report_generic(p);
    if (!at_end)
        parser_recover(p);
}
