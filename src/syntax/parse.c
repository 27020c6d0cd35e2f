/* The driver: gives the tokens of a text to the generated parser, deciding what the lexer cannot.
 *
 *   newline  It ends a statement iff the grammar could end one there and the next line does not
 *            begin with `|>`, `>>`, `.` or `else`. Inside brackets the grammar never can, so they
 *            need no rule of their own.
 *   `{`      Opens a block where the grammar accepts one, else a record; no state accepts both.
 *   depth    Brackets, the parser's stack and the tree's height have limits, so that neither this
 *            nor anything that walks the tree can run out of stack.
 *
 * The work is linear in the text: a token costs its reductions, and a newline or a brace those of
 * one look ahead. */
#include "syntax/parser.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "nn.h"

struct diag *parser_error(struct parser *p, enum diag_code code, struct token at,
                          const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(p->b.c->arena, format, args);
    va_end(args);
    p->n_errors++;
    return build_error(&p->b, code, token_span(&p->b, at), "%s", message);
}

int parser_skip_trivia(const struct parser *p, int index, bool newlines) {
    const struct token *at = p->list.tokens.at;
    while (token_is_trivia(at[index].kind) || (newlines && at[index].kind == TK_NEWLINE))
        index++;
    return index;
}

bool parser_begins_line(const struct parser *p, int index) {
    if (index == 0)
        return true;
    int before = p->list.tokens.at[index - 1].kind;
    return before == TK_NEWLINE || before == TK_JOIN || before == TK_BLANK;
}

uint32_t parser_indent(const struct parser *p, int index) {
    while (!parser_begins_line(p, index))
        index--;
    uint32_t offset = parser_token(p, index).offset, start = offset;
    while (start > 0 && (p->b.text[start - 1] == ' ' || p->b.text[start - 1] == '\t'))
        start--;
    return offset - start;
}

bool parser_same_line(const struct parser *p, int a, int b) {
    for (int i = a; i < b; i++)
        if (parser_begins_line(p, i + 1))
            return false;
    return true;
}

static void note_brackets(struct parser *p, int kind) {
    if (token_opens(kind)) {
        struct opener o = {.token = p->at, .statement = p->statement, .suspicious = -1};
        array_push(NULL, &p->open, o);
        if (kind == TK_LBLOCK)
            p->statement = -1;
    } else if (token_closes(kind)) {
        p->statement = p->open.at[--p->open.n].statement;
    }
}

bool parser_give(struct parser *p, int kind) {
    struct token t = parser_token(p, p->at);
    t.kind = (uint8_t)kind;
    p->b.rejected = false;
    grammar_feed(p->grammar, t);
    if (p->b.rejected)
        return false;
    if (kind == TK_NEWLINE || kind == TK_SEMI)
        p->statement = -1;
    else if (p->statement < 0 && kind != TK_RBRACE)
        p->statement = p->at;
    note_brackets(p, kind);
    p->previous = p->at;
    return true;
}

static bool continues_statement(int kind) {
    return kind == TK_PIPE || kind == TK_COMPOSE || kind == TK_DOT || kind == TK_ELSE;
}

static void take_newline(struct parser *p) {
    int next = parser_skip_trivia(p, p->at, true);
    if (parser_accepts(p, TK_NEWLINE) &&
        (p->statement < 0 || !continues_statement(parser_token(p, next).kind)))
        parser_give(p, TK_NEWLINE);
    else
        p->list.tokens.at[p->at].kind = TK_JOIN;
    p->b.too_high = false; /* it is not added to its list */
    p->at++;
}

/* A statement that begins no further in than the line with the block's `{`: where a missing `}`
 * belongs. */
static void watch_indent(struct parser *p) {
    if (p->open.n == 0 || p->statement >= 0 || !parser_begins_line(p, p->at))
        return;
    struct opener *block = &p->open.at[p->open.n - 1];
    if (block->suspicious < 0 && parser_token(p, p->at).kind != TK_RBRACE &&
        parser_indent(p, p->at) <= parser_indent(p, block->token))
        block->suspicious = p->at;
}

static bool too_deep(struct parser *p, int kind) {
    bool brackets = token_opens(kind) && p->open.n >= MAX_OPEN_BRACKETS;
    if (!brackets && grammar_depth(p->grammar) < MAX_STACK)
        return false;
    struct diag *d = brackets
                         ? parser_error(p, E_TOO_DEEP, parser_token(p, p->at),
                                        "more than %d brackets are open here", MAX_OPEN_BRACKETS)
                         : parser_error(p, E_TOO_DEEP, parser_token(p, p->at),
                                        "operations are nested too deeply here");
    diag_help(d, "give parts of it names, in statements of their own");
    return true;
}

static void take_token(struct parser *p) {
    struct token *t = &p->list.tokens.at[p->at];
    if (t->kind == TK_LBRACE || t->kind == TK_LBLOCK) /* recovery may have gone back to before it */
        t->kind = parser_accepts(p, TK_LBLOCK) ? TK_LBLOCK : TK_LBRACE;
    watch_indent(p);
    if (too_deep(p, t->kind)) {
        parser_leave_out(p);
    } else if (parser_give(p, t->kind)) {
        p->at++;
        if (p->b.too_high)
            parser_recover(p);
    } else {
        parser_refuse(p);
    }
}

/* The text ends: a last line need not have a newline. */
static void take_end(struct parser *p) {
    if (parser_accepts(p, TK_NEWLINE))
        parser_give(p, TK_NEWLINE);
    if (parser_accepts(p, 0)) {
        parser_give(p, 0);
        return;
    }
    p->incomplete = p->interactive && !p->b.failed;
    if (!p->incomplete && p->n_errors < MAX_ERRORS)
        parser_refuse(p);
    /* The blocks that are still open end here, so that what they hold is in the tree. */
    grammar_drop_statement(p->grammar);
    while (!parser_accepts(p, 0)) {
        struct token close = {.kind = TK_RBRACE, .offset = parser_token(p, p->at).offset};
        grammar_feed(p->grammar, close);
        if (p->b.rejected)
            grammar_drop_statement(p->grammar);
        p->b.rejected = false;
    }
    parser_give(p, 0);
}

static void run(struct parser *p) {
    for (;;) {
        int kind = parser_token(p, p->at).kind;
        if (kind == 0 || p->n_errors >= MAX_ERRORS)
            break;
        if (token_is_trivia(kind))
            p->at++;
        else if (kind == TK_NEWLINE)
            take_newline(p);
        else if (kind > TK_JOIN || kind == TK_UPDATE)
            parser_slip(p);
        else
            take_token(p);
    }
    p->at = p->list.tokens.n - 1;
    take_end(p);
}

/* False, and an error, when the text is not UTF-8: nothing in it could then be shown as it is. */
static bool check_encoding(struct builder *b, uint32_t n_bytes) {
    const char *text = b->text, *zero = n_bytes > 0 ? memchr(text, 0, n_bytes) : NULL;
    if (zero) {
        build_error(b, E_BAD_CHARACTER, (struct span){b->source, (uint32_t)(zero - text), 1},
                    "a zero byte: this is not a text file");
        return false;
    }
    const char *fault = utf8_find_fault(text, text + n_bytes);
    if (fault == text + n_bytes)
        return true;
    struct diag *d = build_error(b, E_BAD_CHARACTER,
                                 (struct span){b->source, (uint32_t)(fault - text), 1},
                                 "the byte 0x%02x is not UTF-8 text", (unsigned char)*fault);
    diag_help(d, "save the file in the encoding UTF-8");
    return false;
}

static void parser_run(struct parser *p, struct parse_context *c, uint32_t source) {
    const struct source *s = &c->sources->at[source];
    p->b = (struct builder){.c = c, .source = source, .text = s->text, .list = &p->list};
    p->previous = p->statement = -1;
    if (!check_encoding(&p->b, s->n_bytes)) {
        build_script(&p->b, list_empty());
        return;
    }
    token_list_scan(&p->list, s->text, s->n_bytes);
    p->grammar = grammar_new(&p->b);
    run(p);
    grammar_free(p->grammar);
    free(p->open.at);
}

enum parse_end parse_source(struct parse_context *c, uint32_t source, bool interactive,
                            struct ast **tree) {
    struct parser p = {.interactive = interactive};
    parser_run(&p, c, source);
    token_list_free(&p.list);
    *tree = p.b.tree;
    return p.incomplete ? PARSE_INCOMPLETE : p.b.failed ? PARSE_FAILED : PARSE_DONE;
}

bool parse_tokens(struct parse_context *c, uint32_t source, struct token_list *list) {
    struct parser p = {0};
    parser_run(&p, c, source);
    *list = p.list;
    return !p.b.failed;
}

/* Characters of text[0..n). */
static uint32_t count_characters(const char *text, uint32_t n) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

void parse_dump_tokens(struct parse_context *c, uint32_t source, FILE *out) {
    /* The parser settles what newlines and braces are; its errors are not asked for here. */
    struct diags unheard = {.arena = c->arena, .sources = c->sources};
    struct parse_context quiet = *c;
    quiet.diags = &unheard;
    struct token_list list;
    parse_tokens(&quiet, source, &list);
    const char *text = c->sources->at[source].text;
    uint32_t line = 1, column = 1, at = 0;
    for (int i = 0; i < list.tokens.n; i++) {
        struct token t = list.tokens.at[i];
        column += count_characters(text + at, t.offset - at);
        at = t.offset;
        bool breaks = t.kind == TK_NEWLINE || t.kind == TK_JOIN || t.kind == TK_BLANK;
        if (t.kind != TK_JOIN)
            fprintf(out, "%" PRIu32 ":%" PRIu32 " %s", line, column, token_kind_name(t.kind));
        if (!breaks && t.length > 0)
            fprintf(out, " %.*s", (int)t.length, text + t.offset);
        if (t.kind != TK_JOIN)
            putc('\n', out);
        if (breaks) {
            line++, column = 1;
            at = t.offset + t.length;
        }
    }
    token_list_free(&list);
}
