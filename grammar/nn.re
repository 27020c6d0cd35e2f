/* The lexer: bytes -> tokens, each a kind, an offset and a length. It attaches no meaning: numbers
 * are not read, escapes not resolved, names not looked up. Built-in functions are names like any
 * other.
 *
 * Three blocks of rules, since three languages meet in a script: code, the rest of a string after
 * an interpolation, and the format inside one. Every input gives tokens up to END; what the
 * language does not have becomes a BAD_* token or, where people coming from other languages write
 * it often (`&&`, `+=`, 'a'), a token of its own, so that the parser can say what to write instead
 * and go on as if it had been written.
 *
 * Not for: what a newline or a `{` means. That depends on the parser's state (parse.c). */
#include <stdlib.h>

#include "nn.h"
#include "syntax/token.h"

/*!re2c
    re2c:define:YYCTYPE     = "unsigned char";
    re2c:define:YYCURSOR    = at;
    re2c:define:YYLIMIT     = end;
    re2c:define:YYMARKER    = marker;
    re2c:define:YYCTXMARKER = context;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    blank    = [ \t];
    newline  = "\r"? "\n";
    letter   = [A-Za-z_];
    wordchar = [A-Za-z0-9_];
    name     = letter wordchar*;
    digits   = [0-9] ("_"? [0-9])*;
    exponent = [eE] [+-]? digits;
    high     = [\x80-\xff];
    quoted   = ([^"{\\\r\n\x00] | "\\" [^\r\n\x00] | "\\u{" [0-9A-Fa-f]* "}")*;

    reserved = "fn" | "if" | "else" | "for" | "in" | "while" | "break" | "continue" | "return"
             | "and" | "or" | "not" | "true" | "false" | "none" | "import" | "as" | "new";
    declared = "loss" | "metric" | "optimizer" | "layer" | "state" | "param" | "gradient"
             | "transform" | "placeholder" | "variable";
    named    = blank+ name;
*/

/* Brackets are counted inside an interpolation, to know the `}` and the `:` that are its own. */
static int open_bracket(struct lexer *x, int kind) {
    if (x->interpolations.n > 0)
        x->interpolations.at[x->interpolations.n - 1]++;
    return kind;
}

static int close_bracket(struct lexer *x, int kind) {
    if (x->interpolations.n > 0 && x->interpolations.at[x->interpolations.n - 1] > 0)
        x->interpolations.at[x->interpolations.n - 1]--;
    return kind;
}

static int begin_interpolation(struct lexer *x) {
    array_push(NULL, &x->interpolations, 0);
    return TK_STRING_START;
}

/* A line break ends what is on the line; a string, and so an interpolation, does not go on to the
 * next. */
static int end_line(struct lexer *x) {
    int kind = x->line == LINE_CODE ? TK_NEWLINE : x->line == LINE_COMMENT ? TK_JOIN : TK_BLANK;
    x->line = LINE_EMPTY;
    return kind;
}

/* After the `}` of an interpolation, or rather from it on. */
static int scan_string_rest(struct lexer *x) {
    const unsigned char *at = x->at, *end = x->end, *marker;
    int kind;
    /*!re2c
        "}" quoted "\""   { kind = TK_STRING_END; goto done; }
        "}" quoted "{"    { kind = TK_STRING_MIDDLE; goto done; }
        "}" quoted "\\"?  { kind = TK_BAD_STRING; goto done; }
        *                 { kind = TK_BAD_CHAR; goto done; }
        $                 { kind = TK_BAD_STRING; goto done; }
    */
done:
    x->at = at;
    if (kind != TK_STRING_MIDDLE)
        x->interpolations.n--;
    return kind;
}

/* `:` and the format after it. */
static int scan_format(struct lexer *x) {
    const unsigned char *at = x->at, *end = x->end;
    /*!re2c
        ":" [^{}"\r\n\x00]*  { goto done; }
        *                    { goto done; }
        $                    { goto done; }
    */
done:
    x->at = at;
    return TK_FORMAT;
}

static int scan_code(struct lexer *x) {
    const unsigned char *at = x->at, *end = x->end, *marker, *context;
#define TOKEN(kind_) do { x->at = at; return (kind_); } while (0)
    /*!re2c
        newline            { TOKEN(end_line(x)); }
        "#" [^\r\n\x00]*   { TOKEN(TK_COMMENT); }

        declared / blank+ reserved { TOKEN(TK_ID); }
        "loss"        / named      { TOKEN(TK_LOSS); }
        "metric"      / named      { TOKEN(TK_METRIC); }
        "optimizer"   / named      { TOKEN(TK_OPTIMIZER); }
        "layer"       / named      { TOKEN(TK_LAYER); }
        "state"       / named      { TOKEN(TK_STATE); }
        "param"       / named      { TOKEN(TK_PARAM); }
        "gradient"    / named      { TOKEN(TK_GRADIENT); }
        "transform"   / named      { TOKEN(TK_TRANSFORM); }
        "placeholder" / named      { TOKEN(TK_PLACEHOLDER); }
        "variable"    / named      { TOKEN(TK_VARIABLE); }

        "fn"       { TOKEN(TK_FN); }
        "if"       { TOKEN(TK_IF); }
        "else"     { TOKEN(TK_ELSE); }
        "for"      { TOKEN(TK_FOR); }
        "in"       { TOKEN(TK_IN); }
        "while"    { TOKEN(TK_WHILE); }
        "break"    { TOKEN(TK_BREAK); }
        "continue" { TOKEN(TK_CONTINUE); }
        "return"   { TOKEN(TK_RETURN); }
        "and"      { TOKEN(TK_AND); }
        "or"       { TOKEN(TK_OR); }
        "not"      { TOKEN(TK_NOT); }
        "true"     { TOKEN(TK_TRUE); }
        "false"    { TOKEN(TK_FALSE); }
        "none"     { TOKEN(TK_NONE); }
        "import"   { TOKEN(TK_IMPORT); }
        "as"       { TOKEN(TK_AS); }
        "new"      { TOKEN(TK_NEW); }
        "_"        { TOKEN(TK_HOLE); }
        name       { TOKEN(TK_ID); }

        digits / "..."                         { TOKEN(TK_INT); }
        digits | "0" [xXbBoO] wordchar+        { TOKEN(TK_INT); }
        digits "." digits exponent?            { TOKEN(TK_FLOAT); }
        digits exponent                        { TOKEN(TK_FLOAT); }
        [0-9] wordchar* ("." wordchar*)?       { TOKEN(TK_BAD_NUMBER); }
        digits ("." digits)? exponent wordchar { TOKEN(TK_BAD_NUMBER); }
        "." [0-9] wordchar*                    { TOKEN(TK_BAD_NUMBER); }

        ["] quoted ["]             { TOKEN(TK_STRING); }
        ["] quoted "{"             { TOKEN(begin_interpolation(x)); }
        ["] quoted "\\"?           { TOKEN(TK_BAD_STRING); }
        ['] [^'\r\n\x00]* [']      { TOKEN(TK_QUOTED); }

        "("   { TOKEN(open_bracket(x, TK_LPAREN)); }
        "["   { TOKEN(open_bracket(x, TK_LBRACKET)); }
        "{"   { TOKEN(open_bracket(x, TK_LBRACE)); }
        ")"   { TOKEN(close_bracket(x, TK_RPAREN)); }
        "]"   { TOKEN(close_bracket(x, TK_RBRACKET)); }
        "}"   { TOKEN(close_bracket(x, TK_RBRACE)); }
        ","   { TOKEN(TK_COMMA); }
        ":"   { TOKEN(TK_COLON); }
        ";"   { TOKEN(TK_SEMI); }
        "."   { TOKEN(TK_DOT); }
        "..." { TOKEN(TK_ELLIPSIS); }
        "?"   { TOKEN(TK_QUESTION); }
        "="   { TOKEN(TK_ASSIGN); }
        "<-"  { TOKEN(TK_UPDATE); }
        "->"  { TOKEN(TK_ARROW); }
        "|>"  { TOKEN(TK_PIPE); }
        ">>"  { TOKEN(TK_COMPOSE); }
        "=="  { TOKEN(TK_EQ); }
        "!="  { TOKEN(TK_NE); }
        "<"   { TOKEN(TK_LT); }
        "<="  { TOKEN(TK_LE); }
        ">"   { TOKEN(TK_GT); }
        ">="  { TOKEN(TK_GE); }
        "+"   { TOKEN(TK_PLUS); }
        "-"   { TOKEN(TK_MINUS); }
        "*"   { TOKEN(TK_STAR); }
        "/"   { TOKEN(TK_SLASH); }
        "//"  { TOKEN(TK_FLOOR); }
        "%"   { TOKEN(TK_PERCENT); }
        "@"   { TOKEN(TK_MATMUL); }
        "**"  { TOKEN(TK_POW); }

        "&&"  { TOKEN(TK_AND_AND); }
        "||"  { TOKEN(TK_OR_OR); }
        "!"   { TOKEN(TK_BANG); }
        "=>"  { TOKEN(TK_FAT_ARROW); }
        ":="  { TOKEN(TK_WALRUS); }
        ("+" | "-" | "*" | "/" | "//" | "%" | "@" | "**") "=" { TOKEN(TK_OP_ASSIGN); }

        wordchar* high (wordchar | high)*  { TOKEN(TK_BAD_NAME); }
        *                                  { TOKEN(TK_BAD_CHAR); }
        $                                  { TOKEN(0); }
    */
#undef TOKEN
}

/* In an interpolation: its own `}` and `:`, and the line's end, which it must not reach. */
static int scan_interpolation(struct lexer *x) {
    if (x->interpolations.at[x->interpolations.n - 1] == 0) {
        if (*x->at == '}')
            return scan_string_rest(x);
        if (*x->at == ':')
            return scan_format(x);
    }
    if (x->at == x->end || *x->at == '\n' || *x->at == '\r') {
        x->interpolations.n = 0;
        return TK_BAD_INTERPOLATION;
    }
    return scan_code(x);
}

struct token lexer_next(struct lexer *x) {
    while (*x->at == ' ' || *x->at == '\t')
        x->at++;
    const unsigned char *start = x->at;
    int kind = x->interpolations.n > 0 ? scan_interpolation(x) : scan_code(x);
    if (kind == TK_COMMENT) {
        if (x->line == LINE_EMPTY)
            x->line = LINE_COMMENT;
    } else if (kind != TK_NEWLINE && kind != TK_BLANK && kind != TK_JOIN) {
        x->line = LINE_CODE;
    }
    return (struct token){.offset = (uint32_t)(start - x->text),
                          .length = (uint32_t)(x->at - start),
                          .kind = (uint8_t)kind};
}

void token_list_scan(struct token_list *list, const char *text, uint32_t n) {
    const unsigned char *start = (const unsigned char *)text;
    struct lexer x = {.text = start, .at = start, .end = start + n};
    if (n >= 3 && start[0] == 0xef && start[1] == 0xbb && start[2] == 0xbf)
        x.at += 3; /* a byte order mark */
    struct token t;
    do {
        t = lexer_next(&x);
        array_push(NULL, &list->tokens, t);
    } while (t.kind != 0);
    free(x.interpolations.at);
}

void token_list_free(struct token_list *list) {
    free(list->tokens.at);
    *list = (struct token_list){0};
}
