/* Tokens -> lines of pieces, each with what its indentation hangs on. The rules, for a line that
 * begins
 *   between statements    the block's indentation: 2 more than the line of its header;
 *   in a statement        2 more than the statement, 4 in a block's header;
 *   inside a bracket      behind the bracket, when something follows that on its line; else 2 more
 *                         than the bracket's line, 4 in the parameters of a definition; and 2 more
 *                         again when it begins with `|>`, `>>` or `.`;
 *   with what closes      where the line of what it closes begins. */
#include <string.h>

#include "nn.h"
#include "syntax/fmt_parts.h"

enum { STEP = 2, HEADER_STEP = 4, TAB = 8 };

/* An open bracket or block; the first is the script. */
struct level {
    int kind;                        /* of what opened it; 0: the script */
    struct fmt_indent inside, close; /* lines in it; the line that begins with its end */
    struct fmt_indent header;        /* of the line where a block's header began */
    bool in_header, in_definition;   /* in one, now; in one of a definition */
    bool in_statement;               /* of a block: something of it was read */
    int statement;                   /* the kind of its first token */
    bool in_options;                 /* behind `, ` where options may stand */
    struct fmt_before before;
};

struct walk {
    struct fmt_layout *l;
    const char *text;
    const struct token *at;
    ARRAY(struct level) levels; /* on the heap */
    uint32_t offset;            /* of the text, to which column belongs */
    int column;
    bool line_ended, blank; /* since the last piece */
    bool at_start;          /* of a block or bracket: no empty line stands there */
};

static struct level *top(struct walk *w) { return &w->levels.at[w->levels.n - 1]; }

static struct fmt_line *line_now(struct walk *w) { return &w->l->lines.at[w->l->lines.n - 1]; }

static struct fmt_indent further(struct fmt_indent i, int n) {
    return (struct fmt_indent){i.anchor, i.offset + n};
}

static bool breaks_line(int kind) {
    return kind == TK_NEWLINE || kind == TK_JOIN || kind == TK_BLANK;
}

/* The token at or after `t` that is no comment and no line break. */
static const struct token *next_significant(const struct token *t) {
    while (token_is_trivia(t->kind) || t->kind == TK_NEWLINE)
        t++;
    return t;
}

static bool continues(int kind) { return kind == TK_PIPE || kind == TK_COMPOSE || kind == TK_DOT; }

static struct fmt_indent line_indent(struct walk *w, const struct token *t) {
    const struct level *v = top(w);
    if (token_closes(t->kind))
        return v->close;
    int kind = next_significant(t)->kind; /* a comment stands as what it is about */
    if (v->kind && v->kind != TK_LBLOCK) {
        int more = continues(kind) ? STEP : v->in_header ? HEADER_STEP : 0;
        return further(v->inside, more);
    }
    if (!v->in_statement || (token_closes(kind) && t->kind == TK_COMMENT))
        return v->inside;
    if (kind == TK_ELSE)
        return v->header;
    return further(v->inside, v->in_header ? HEADER_STEP : STEP);
}

static void begin_line(struct walk *w, const struct token *t) {
    struct fmt_line line = {
        .first = w->l->pieces.n,
        .indent = line_indent(w, t),
        .blank_before = w->blank && !w->at_start && !token_closes(t->kind),
        .begins_statement = !top(w)->in_statement && t->kind != TK_COMMENT,
    };
    array_push(w->l->arena, &w->l->lines, line);
    w->line_ended = w->blank = false;
}

/* Moves w->column to `offset` of the text. */
static void advance(struct walk *w, uint32_t offset) {
    for (; w->offset < offset; w->offset++) {
        unsigned char c = (unsigned char)w->text[w->offset];
        if (c == '\t')
            w->column += TAB - w->column % TAB;
        else
            w->column += (c & 0xc0) != 0x80;
    }
}

static int width_of(const char *text, int n) {
    int width = 0;
    for (int i = 0; i < n; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

static void add_piece(struct walk *w, const struct token *t, int gap) {
    struct fmt_piece p = {
        .text = w->text + t->offset,
        .n_bytes = (int)t->length,
        .group = w->l->pieces.n,
        .comment = t->kind == TK_COMMENT,
    };
    while (p.comment && (p.text[p.n_bytes - 1] == ' ' || p.text[p.n_bytes - 1] == '\t'))
        p.n_bytes--;
    p.width = width_of(p.text, p.n_bytes);
    int before = w->column;
    advance(w, t->offset);
    p.source_column = w->column;
    struct fmt_line *line = line_now(w);
    if (line->n++ > 0) {
        p.gap = gap;
        p.source_gap = w->column - before;
    }
    array_push(w->l->arena, &w->l->pieces, p);
    w->offset = t->offset + t->length;
    w->column += p.width; /* a tab in a string is a character as others */
}

/* Words that begin a block's header, where they are not a field's or an argument's name. */
static bool begins_header(const struct level *v, const struct token *t) {
    int next = next_significant(t + 1)->kind;
    if (v->before.kind == TK_DOT || next == TK_ASSIGN || next == TK_COLON)
        return false;
    switch (t->kind) {
    case TK_IF:
    case TK_ELSE:
    case TK_FOR:
    case TK_WHILE:
    case TK_FN:
    case TK_LAYER:
    case TK_LOSS:
    case TK_METRIC:
    case TK_OPTIMIZER:
    case TK_TRANSFORM:
    case TK_GRADIENT: return true;
    default: return false;
    }
}

/* What the token is to those behind it on its level. */
static void note_token(struct walk *w, struct level *v, const struct token *t) {
    if (!v->in_statement)
        v->statement = t->kind;
    v->in_statement = true;
    if (begins_header(v, t)) {
        v->header = line_now(w)->indent;
        v->in_header = true;
        v->in_definition =
            t->kind != TK_IF && t->kind != TK_ELSE && t->kind != TK_FOR && t->kind != TK_WHILE;
    } else if (t->kind == TK_ASSIGN || (t->kind == TK_ARROW && v->statement != TK_LAYER)) {
        v->in_header = false; /* no block follows */
    } else if (t->kind == TK_COMMA) {
        v->in_options = v->statement == TK_VARIABLE || v->statement == TK_GRADIENT;
    }
}

static void open_level(struct walk *w, const struct token *t) {
    struct level *v = top(w);
    struct fmt_indent line = line_now(w)->indent;
    struct level inner = {.kind = t->kind, .close = line};
    int next = t[1].kind;
    if (t->kind == TK_LBLOCK) {
        inner.close = v->header;
        inner.inside = further(v->header, STEP);
        v->in_header = false;
    } else if (next != TK_COMMENT && !breaks_line(next)) {
        inner.inside = (struct fmt_indent){w->l->pieces.n - 1, 0};
    } else if (v->in_header && v->in_definition) {
        inner.close = v->header;
        inner.inside = further(v->header, HEADER_STEP);
    } else {
        inner.inside = further(line, STEP);
    }
    v->before = fmt_after(v->before, t->kind);
    array_push(NULL, &w->levels, inner);
}

static void close_level(struct walk *w, const struct token *t) {
    w->levels.n--;
    top(w)->before = (struct fmt_before){.kind = t->kind, .ends_operand = true};
}

static void end_statement(struct walk *w) {
    struct level *v = top(w);
    v->in_statement = v->in_header = v->in_options = false;
    v->before = (struct fmt_before){0};
}

/* The token before `t` on its level, or what opened the level when there is none. */
static struct fmt_before before_token(const struct level *v) {
    return v->before.kind ? v->before : (struct fmt_before){.kind = v->kind};
}

static void take_token(struct walk *w, const struct token *t) {
    if (w->line_ended)
        begin_line(w, t);
    struct level *v = top(w);
    bool setting = v->kind == TK_LPAREN || v->in_options;
    add_piece(w, t, fmt_gap(before_token(v), t->kind, v->kind, setting));
    bool own_line = line_now(w)->n == 1;
    w->at_start = token_opens(t->kind) || (t->kind == TK_COMMENT && !own_line && w->at_start);
    if (t->kind == TK_COMMENT)
        return;
    if (token_closes(t->kind)) {
        close_level(w, t);
        return;
    }
    note_token(w, v, t);
    if (token_opens(t->kind))
        open_level(w, t);
    else
        v->before = fmt_after(v->before, t->kind);
    if (t->kind == TK_STRING_MIDDLE)
        top(w)->before = (struct fmt_before){.kind = t->kind};
    if (t->kind == TK_SEMI) {
        end_statement(w);
        top(w)->before.kind = TK_SEMI;
    }
}

static void take_break(struct walk *w, const struct token *t) {
    w->blank = w->blank || (t->kind == TK_BLANK && w->l->lines.n > 0);
    if (t->kind == TK_NEWLINE)
        end_statement(w);
    w->line_ended = true;
    w->offset = t->offset + t->length;
    w->column = 0;
}

void fmt_find_lines(struct fmt_layout *l, const char *text, const struct token_list *list) {
    struct walk w = {.l = l, .text = text, .at = list->tokens.at, .line_ended = true};
    struct level script = {.inside = {-1, 0}, .close = {-1, 0}};
    array_push(NULL, &w.levels, script);
    if (!strncmp(text, "\xef\xbb\xbf", 3))
        w.offset = 3;
    for (const struct token *t = w.at; t->kind != 0; t++)
        if (breaks_line(t->kind))
            take_break(&w, t);
        else
            take_token(&w, t);
    free(w.levels.at);
}
