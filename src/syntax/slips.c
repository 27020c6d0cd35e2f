/* Tokens that the language does not have: malformed numbers and strings, characters of no meaning,
 * and the operators of other languages. Each is reported with what to write instead, and parsing
 * goes on as if that had been written, so that the statement's other parts are still read. */
#include "syntax/parser.h"

#include <string.h>

#include "nn.h"

/* As if a token of `kind` stood there; where that does not fit either, the statement is left out.
 */
static void go_on_as(struct parser *p, int kind) {
    if (parser_accepts(p, kind) && parser_give(p, kind))
        p->at++;
    else
        parser_recover(p);
}

struct slip {
    int kind, meant;
    const char *message;
};

static const struct slip slips[] = {
    {TK_AND_AND, TK_AND, "`&&` is written `and`"},
    {TK_OR_OR, TK_OR, "`||` is written `or`"},
    {TK_BANG, TK_NOT, "`!` is written `not`"},
    {TK_FAT_ARROW, TK_ARROW, "`=>` is written `->`"},
    {TK_WALRUS, TK_ASSIGN, "`:=` is written `=`"},
    {TK_QUOTED, TK_STRING, "a string stands in double quotes"},
};

static bool treat_operator(struct parser *p, struct token t) {
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++)
        if (slips[i].kind == t.kind) {
            if (!parser_accepts(p, slips[i].meant)) {
                parser_refuse(p);
                return true;
            }
            parser_error(p, E_SYNTAX, t, "%s", slips[i].message);
            go_on_as(p, slips[i].meant);
            return true;
        }
    return false;
}

/* `+=` and its like. */
static void treat_op_assign(struct parser *p, struct token t) {
    int op = (int)t.length - 1;
    const char *text = parser_text(p, t);
    struct diag *d = parser_error(p, E_SYNTAX, t, "there is no `%.*s`", (int)t.length, text);
    struct token name = p->previous < 0 ? t : parser_token(p, p->previous);
    if (name.kind == TK_ID) {
        int n = parser_shown(name);
        const char *at = parser_text(p, name);
        diag_help(d, "write `%.*s = %.*s %.*s ..`, or for a variable `%.*s <- %.*s %.*s ..`", n, at,
                  n, at, op, text, n, at, n, at, op, text);
    }
    parser_recover(p);
}

static void treat_update(struct parser *p, struct token t) {
    if (parser_give(p, TK_UPDATE)) {
        p->at++;
        return;
    }
    if (!parser_accepts(p, TK_LT)) {
        parser_refuse(p);
        return;
    }
    struct diag *d =
        parser_error(p, E_SYNTAX, t, "`<-` updates a variable, in a statement `name <- value`");
    diag_help(d, "%sto compare with something negative, put a blank between: `< -`",
              parser_accepts(p, TK_NEWLINE) ? "left of `<-` stands the name of a variable; " : "");
    parser_give(p, TK_LT);
    parser_give(p, TK_MINUS);
    p->at++;
}

static void treat_number(struct parser *p, struct token t) {
    const char *text = parser_text(p, t);
    int n = parser_shown(t);
    const char *point = memchr(text, '.', t.length);
    uint32_t n_digits = (uint32_t)strspn(text, "0123456789");
    struct diag *d = parser_error(p, E_BAD_LITERAL, t, "`%.*s` is not a number", n, text);
    if (text[0] == '.')
        diag_help(d, "write `0%.*s`: a digit stands before the point", n, text);
    else if (point == text + t.length - 1)
        diag_help(d, "write `%.*s0`: a digit stands after the point", n, text);
    else if (n_digits < t.length && text[n_digits] == '_')
        diag_help(d, "a `_` in a number stands between two digits");
    else if (n_digits < t.length && strchr("eE", text[n_digits]) && n_digits + 1 == t.length)
        diag_help(d, "digits follow the `e`: `%.*s-4`", n, text);
    else if (n_digits < t.length && !point)
        diag_help(d, "a name does not begin with a digit; a product is `%.*s * %.*s`",
                  (int)n_digits, text, n - (int)n_digits, text + n_digits);
    go_on_as(p, TK_NONE);
}

/* A string without its closing quote. When an interpolation is open, its `}` may be what is
 * missing. */
static void treat_string(struct parser *p, struct token t) {
    struct token outer = t;
    for (int i = p->open.n - 1; i >= 0; i--) {
        struct token open = parser_token(p, p->open.at[i].token);
        if (open.kind == TK_LBLOCK)
            break;
        if (open.kind == TK_STRING_START)
            outer = open;
    }
    struct diag *d = parser_error(p, E_BAD_LITERAL, outer, "this string does not end on its line");
    if (outer.offset != t.offset)
        diag_help(d, "an interpolation ends with `}`; a plain `{` in a string is `\\{`");
    struct token before = p->previous < 0 ? t : parser_token(p, p->previous);
    if (before.kind == TK_STRING && before.length == 2 && before.offset + 2 == t.offset) {
        diag_help(d, "a string ends on its line; `\\n` in it is a line break");
        parser_skip_past(p, "\"\"\"");
    } else {
        parser_recover(p);
    }
}

struct lookalike {
    const char *character, *meant; /* meant: "" a blank */
    int kind;                      /* what it goes on as; 0: the statement is left out */
};

/* What word processors, web pages and keyboards put in place of the characters of the language. */
static const struct lookalike lookalikes[] = {
    {"\xe2\x80\x9c", "\"", 0},
    {"\xe2\x80\x9d", "\"", 0},
    {"\xe2\x80\x9e", "\"", 0},
    {"\xe2\x80\x98", "\"", 0},
    {"\xe2\x80\x99", "\"", 0},
    {"\xe2\x88\x92", "-", TK_MINUS},
    {"\xe2\x80\x93", "-", TK_MINUS},
    {"\xe2\x80\x94", "-", TK_MINUS},
    {"\xc3\x97", "*", TK_STAR},
    {"\xc2\xb7", "*", TK_STAR},
    {"\xe2\x89\xa4", "<=", TK_LE},
    {"\xe2\x89\xa5", ">=", TK_GE},
    {"\xe2\x89\xa0", "!=", TK_NE},
    {"\xe2\x86\x92", "->", TK_ARROW},
    {"\xe2\x86\x90", "<-", TK_UPDATE},
    {"\xe2\x80\xa6", "...", TK_ELLIPSIS},
    {"\xc2\xa0", "", 0},
    {"\xe2\x80\x8b", "", 0},
    {"\xef\xbb\xbf", "", 0},
};

static const struct lookalike *find_lookalike(const char *at) {
    for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++)
        if (strncmp(at, lookalikes[i].character, strlen(lookalikes[i].character)) == 0)
            return &lookalikes[i];
    return NULL;
}

/* Text with a character outside ASCII: a look-alike, or a name in another alphabet. */
static void treat_name(struct parser *p, struct token t) {
    const char *text = parser_text(p, t);
    for (uint32_t i = 0; i < t.length; i++) {
        const struct lookalike *l = find_lookalike(text + i);
        if (!l)
            continue;
        uint32_t n = (uint32_t)strlen(l->character);
        struct token part = {t.offset + i, n, t.kind};
        if (*l->meant) {
            struct diag *d = parser_error(p, E_BAD_CHARACTER, part,
                                          "`%s` is not part of the language", l->character);
            diag_help(d, "did you mean `%s`?", l->meant);
        } else {
            parser_error(p, E_BAD_CHARACTER, part, "this blank is an unusual character");
        }
        if (n == t.length && l->kind)
            go_on_as(p, l->kind);
        else if (n == t.length && !*l->meant)
            p->at++;
        else
            parser_recover(p);
        return;
    }
    struct diag *d =
        parser_error(p, E_BAD_CHARACTER, t, "`%.*s` is not a name", parser_shown(t), text);
    diag_help(d, "names are made of the letters a to z and A to Z, digits and `_`");
    go_on_as(p, TK_ID);
}

static void treat_character(struct parser *p, struct token t) {
    static const struct {
        char character;
        int meant;
        const char *help;
    } known[] = {
        {'^', TK_POW, "a power is written `**`"},
        {'&', TK_AND, "`and` combines conditions"},
        {'|', TK_OR, "`or` combines conditions; `|>` is the pipe"},
        {'~', TK_NOT, "`not` negates a condition"},
        {'\'', 0, "a string stands in double quotes"},
        {'$', 0, "an interpolation in a string is `{name}`"},
        {'\\', 0, "a statement goes on by itself inside brackets and after an operator"},
    };
    unsigned char c = (unsigned char)*parser_text(p, t);
    if (c == '\r') {
        parser_error(p, E_BAD_CHARACTER, t, "a carriage return without a line feed");
        if (parser_accepts(p, TK_NEWLINE))
            parser_give(p, TK_NEWLINE);
        p->at++;
        return;
    }
    struct diag *d =
        c > 0x20 && c < 0x7f && c != '`'
            ? parser_error(p, E_BAD_CHARACTER, t, "`%c` is not part of the language", c)
        : c == '`' ? parser_error(p, E_BAD_CHARACTER, t, "a backquote is not part of the language")
                   : parser_error(p, E_BAD_CHARACTER, t,
                                  "a control character (0x%02x) is not part of the language", c);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].character == (char)c) {
            diag_help(d, "%s", known[i].help);
            if (c == '\\' && parser_token(p, p->at + 1).kind == TK_NEWLINE) {
                p->list.tokens.at[p->at + 1].kind = TK_JOIN;
                p->at++;
                return;
            }
            if (known[i].meant) {
                go_on_as(p, known[i].meant);
                return;
            }
        }
    parser_recover(p);
}

void parser_slip(struct parser *p) {
    struct token t = parser_token(p, p->at);
    switch (t.kind) {
    case TK_UPDATE:
        treat_update(p, t);
        break;
    case TK_OP_ASSIGN:
        treat_op_assign(p, t);
        break;
    case TK_BAD_NUMBER:
        treat_number(p, t);
        break;
    case TK_BAD_STRING:
        treat_string(p, t);
        break;
    case TK_BAD_INTERPOLATION:
        treat_string(p, t);
        break;
    case TK_BAD_NAME:
        treat_name(p, t);
        break;
    case TK_BAD_CHAR:
        treat_character(p, t);
        break;
    default:
        if (!treat_operator(p, t))
            parser_refuse(p);
    }
}
