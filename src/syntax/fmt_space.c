/* Blanks between two tokens of a line. */
#include "syntax/fmt_parts.h"

#include "nn.h"

static bool ends_operand(int kind) {
    switch (kind) {
    case TK_ID:
    case TK_HOLE:
    case TK_INT:
    case TK_FLOAT:
    case TK_STRING:
    case TK_STRING_END:
    case TK_TRUE:
    case TK_FALSE:
    case TK_NONE:
    case TK_ELLIPSIS:
    case TK_QUESTION:
    case TK_RPAREN:
    case TK_RBRACKET:
    case TK_RBRACE: return true;
    default: return false;
    }
}

struct fmt_before fmt_after(struct fmt_before before, int kind) {
    return (struct fmt_before){
        .kind = kind,
        .ends_operand = before.kind == TK_DOT || ends_operand(kind), /* any word follows a `.` */
        .unary = kind == TK_MINUS && !before.ends_operand,
    };
}

static bool is_tight_before(int kind) {
    return kind == TK_RPAREN || kind == TK_RBRACKET || kind == TK_COMMA || kind == TK_SEMI ||
           kind == TK_STRING_MIDDLE || kind == TK_STRING_END || kind == TK_FORMAT;
}

static bool is_tight_behind(struct fmt_before before) {
    int kind = before.kind;
    return kind == TK_LPAREN || kind == TK_LBRACKET || kind == TK_LBRACE ||
           kind == TK_STRING_START || kind == TK_STRING_MIDDLE || kind == TK_DOT || before.unary;
}

int fmt_gap(struct fmt_before before, int kind, int bracket, bool setting) {
    if (kind == TK_COMMENT)
        return 2;
    if (is_tight_behind(before) || is_tight_before(kind))
        return 0;
    if (kind == TK_RBRACE)
        return bracket == TK_LBLOCK && before.kind != TK_LBLOCK;
    if (before.kind == TK_COMMA || before.kind == TK_SEMI)
        return 1;
    if (kind == TK_COLON)
        return 0;
    if (before.kind == TK_COLON)
        return bracket != TK_LBRACKET; /* a slice */
    if (kind == TK_DOT)
        return before.kind == TK_INT; /* `1.` would be read as a number */
    if (kind == TK_ASSIGN || before.kind == TK_ASSIGN)
        return !setting;
    if (kind == TK_LPAREN || kind == TK_LBRACKET)
        return !before.ends_operand;
    return 1;
}
