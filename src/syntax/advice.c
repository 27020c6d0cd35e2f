/* Help for what comes out of habits from other languages: a row of words, and a few shapes of
 * statements. Advice is given only where the statement is wrong anyway; as names, these words are
 * as good as any. */
#include "syntax/parser.h"

#include <string.h>

#include "nn.h"

struct foreign {
    const char *word, *help;
};

static const char DEFINE[] = "a function is `fn name(x) { .. }` or `fn name(x) = x + 1`";
static const char ELSE_IF[] = "write `else if`";
static const char BIND[] = "a name is bound by `name = value`, with no word before it";
static const char BRACES[] = "a block is in braces: `{ .. }`";
static const char FETCH[] = "write `import \"path.nn\" as name`";
static const char MODULE[] =
    "a thing with variables of its own is `layer name(settings)(inputs) { .. }`";
static const char CHOICE[] = "write `if c { .. } else if d { .. } else { .. }`";

/* As the token that is refused, or the one before it. */
static const struct foreign foreign_words[] = {
    {"def", DEFINE},
    {"function", DEFINE},
    {"func", DEFINE},
    {"fun", DEFINE},
    {"elif", ELSE_IF},
    {"elsif", ELSE_IF},
    {"elseif", ELSE_IF},
    {"let", BIND},
    {"var", BIND},
    {"const", BIND},
    {"auto", BIND},
    {"class", MODULE},
    {"struct", MODULE},
    {"module", MODULE},
    {"from", FETCH},
    {"include", FETCH},
    {"require", FETCH},
    {"then", BRACES},
    {"do", BRACES},
    {"begin", BRACES},
    {"switch", CHOICE},
    {"match", CHOICE},
    {"lambda", "a function without a name is `fn (x) -> x + 1`"},
    {"is", "values are compared with `==` and `!=`"},
    {"print", "`print` is a function: `print(x)`"},
    {"until", "write `while not c { .. }`"},
    {"unless", "write `if not c { .. }`"},
};

static const char *foreign_help(const struct parser *p, int index) {
    struct token t = parser_token(p, index);
    if (t.kind != TK_ID)
        return NULL;
    for (size_t i = 0; i < sizeof foreign_words / sizeof *foreign_words; i++) {
        const struct foreign *f = &foreign_words[i];
        if (t.length == strlen(f->word) && memcmp(parser_text(p, t), f->word, t.length) == 0)
            return f->help;
    }
    return NULL;
}

static const char *advise_word(const struct parser *p) {
    const char *help = foreign_help(p, p->at);
    if (!help && p->previous >= 0)
        help = foreign_help(p, p->previous);
    return help;
}

/* Is there a token of this kind in the statement, before p->at? */
static bool statement_has(const struct parser *p, int kind) {
    for (int i = p->statement; i >= 0 && i < p->at; i++)
        if (parser_token(p, i).kind == kind)
            return true;
    return false;
}

/* A `=` that nothing can be bound by. */
static const char *advise_assignment(const struct parser *p, int before, int first) {
    if (parser_token(p, p->at).kind != TK_ASSIGN || p->statement < 0)
        return NULL;
    if (first == TK_PLACEHOLDER)
        return NULL;
    if (!parser_accepts(p, TK_NEWLINE))
        return NULL;
    if (statement_has(p, TK_ASSIGN))
        return "a statement binds once: write `b = 1; a = b`";
    if (before == TK_RBRACKET)
        return "elements are not assigned to: make a new value, or update a whole variable with "
               "`name <- value`";
    if (before == TK_RPAREN && parser_token(p, p->statement + 1).kind == TK_LPAREN)
        return "to define a function, write `fn name(x) = x + 1`";
    return "left of `=` stand names only";
}

static const char BRACE_IN_STRING[] =
    "a `{` in a string begins an interpolation: a plain one is `\\{`";

/* Fields and arguments. */
static const char *advise_fields(const struct parser *p, int before) {
    const struct opener *o = parser_innermost(p);
    int open = o ? parser_token(p, o->token).kind : 0, found = parser_token(p, p->at).kind;
    if (open == TK_LBRACE) {
        int outside = o->token > 0 ? parser_token(p, o->token - 1).kind : 0;
        if (outside == TK_STRING_START || outside == TK_STRING_MIDDLE)
            return BRACE_IN_STRING;
        if (found == TK_STRING || found == TK_STRING_START)
            return "a field's name stands without quotes: `{images: a}`";
        if (parser_accepts(p, TK_COLON))
            return "a record is `{name: value, ..}`";
    }
    if (open == TK_LPAREN && found == TK_COLON && before == TK_ID)
        return "an argument is given by its name as `name=value`";
    if (open == TK_STRING_START)
        return BRACE_IN_STRING;
    return NULL;
}

static bool is_binary_operator(int kind) {
    return (kind >= TK_OR && kind <= TK_POW && kind != TK_NOT && kind != TK_MINUS);
}

static const char *advise_operator(const struct parser *p, int before) {
    int found = parser_token(p, p->at).kind;
    bool value = parser_accepts(p, TK_LBRACE);
    if (found == TK_FLOOR && value)
        return "a comment begins with `#`";
    if (found == TK_STAR && before == TK_SLASH)
        return "a comment begins with `#`";
    if (found == TK_PLUS && before == TK_PLUS)
        return "there is no `++`: write `x = x + 1`, or `x <- x + 1` for a variable";
    if (found == TK_MATMUL && p->statement < 0 && parser_token(p, p->at + 1).kind == TK_ID)
        return "there are no decorators: `@` is the matrix product";
    if (is_binary_operator(found) && value && parser_begins_line(p, p->at))
        return "a statement goes on to the next line after an operator, not before it (only `|>`, "
               "`>>` "
               "and `.` may begin a line)";
    if (found == TK_PLUS && value)
        return "there is no unary `+`";
    if (found == TK_QUESTION)
        return "a choice is an expression: `if c { a } else { b }`";
    if (statement_has(p, TK_FLOOR))
        return "`//` divides; a comment begins with `#`";
    return NULL;
}

/* Headers and declarations that miss a part. */
static const char *advise_header(const struct parser *p, int before, int first) {
    int found = parser_token(p, p->at).kind;
    if (first == TK_PLACEHOLDER && parser_accepts(p, TK_COLON))
        return "a placeholder has a type: `placeholder x: float[batch, 784]`";
    if ((first >= TK_LOSS && first <= TK_LAYER) || first == TK_TRANSFORM || first == TK_GRADIENT)
        if (parser_accepts(p, TK_LPAREN) && !parser_accepts(p, TK_PLUS) && before == TK_RPAREN)
            return first == TK_GRADIENT
                       ? "write `gradient name(x)(dy) { .. }`"
                       : "two lists in parentheses follow the name: the settings, then "
                         "the inputs";
    if (before == TK_FN && found == TK_ID)
        return "write `fn (x) -> x + 1`: a function in an expression has no name, and its "
               "parameters stand "
               "in parentheses";
    if (found == TK_ARROW && parser_accepts(p, TK_LBLOCK))
        return DEFINE;
    if (found == TK_NEW && parser_accepts(p, TK_LBRACE))
        return "`new` makes an axis, in an index: `x[:, new]`";
    if (found == TK_ELLIPSIS && parser_accepts(p, TK_LBRACE))
        return "`...` stands in an index or a shape: `x[..., 0]`";
    if (found == TK_LBRACKET && before == TK_COLON)
        return "a type begins with the kind of number: `float[batch, 784]`";
    if (before == TK_IMPORT)
        return FETCH;
    return NULL;
}

static const char *advise_string(const struct parser *p, int before) {
    struct token t = parser_token(p, p->at);
    if (p->previous < 0 || (t.kind != TK_STRING && t.kind != TK_STRING_START))
        return NULL;
    struct token last = parser_token(p, p->previous);
    if (last.offset + last.length != t.offset)
        return NULL;
    if (before == TK_STRING && last.length == 2)
        return "a string ends on its line; `\\n` in it is a line break";
    if (before == TK_ID && last.length == 1)
        return "every string interpolates: no letter stands before it";
    return NULL;
}

const char *parser_advice(const struct parser *p) {
    int before = p->previous < 0 ? 0 : parser_token(p, p->previous).kind;
    int first = p->statement < 0 ? 0 : parser_token(p, p->statement).kind;
    const char *help = advise_word(p);
    if (!help)
        help = advise_string(p, before);
    if (!help)
        help = advise_assignment(p, before, first);
    if (!help)
        help = advise_header(p, before, first);
    if (!help)
        help = advise_fields(p, before);
    if (!help)
        help = advise_operator(p, before);
    if (!help && parser_token(p, p->at).kind == TK_COMMA && parser_accepts(p, TK_PLUS))
        help = "several values together are a list: `[a, b]`";
    if (!help && parser_token(p, p->at).kind == TK_COLON && before == TK_ID && first == TK_ID)
        help = "only declarations and parameters state a type: `variable x: float = 3.0`";
    return help;
}
