/* What each kind of token is called: in a dump, and in a message. One row a kind, in the grammar's
 * order. */
#include "syntax/token.h"

#include "nn.h"

struct kind_info {
    const char *name;  /* in a token dump */
    const char *words; /* in a message */
};

static const struct kind_info kinds[] = {
    [0] = {"END", "the end of the file"},
    [TK_NEWLINE] = {"NEWLINE", "the end of the line"},
    [TK_SEMI] = {"SEMI", "`;`"},
    [TK_ID] = {"IDENT", "a name"},
    [TK_HOLE] = {"HOLE", "`_`"},
    [TK_INT] = {"INT", "a number"},
    [TK_FLOAT] = {"FLOAT", "a number"},
    [TK_STRING] = {"STRING", "a string"},
    [TK_STRING_START] = {"STRING_START", "a string"},
    [TK_STRING_MIDDLE] = {"STRING_MIDDLE", "`}`"},
    [TK_STRING_END] = {"STRING_END", "`}`"},
    [TK_FORMAT] = {"FORMAT", "a format"},
    [TK_LPAREN] = {"LPAREN", "`(`"},
    [TK_RPAREN] = {"RPAREN", "`)`"},
    [TK_LBRACKET] = {"LBRACKET", "`[`"},
    [TK_RBRACKET] = {"RBRACKET", "`]`"},
    [TK_LBLOCK] = {"LBLOCK", "`{`"},
    [TK_LBRACE] = {"LBRACE", "`{`"},
    [TK_RBRACE] = {"RBRACE", "`}`"},
    [TK_COMMA] = {"COMMA", "`,`"},
    [TK_COLON] = {"COLON", "`:`"},
    [TK_DOT] = {"DOT", "`.`"},
    [TK_ASSIGN] = {"ASSIGN", "`=`"},
    [TK_UPDATE] = {"UPDATE", "`<-`"},
    [TK_ARROW] = {"ARROW", "`->`"},
    [TK_ELLIPSIS] = {"ELLIPSIS", "`...`"},
    [TK_QUESTION] = {"QUESTION", "`?`"},
    [TK_LAMBDA] = {"", ""},
    [TK_PIPE] = {"PIPE", "`|>`"},
    [TK_COMPOSE] = {"COMPOSE", "`>>`"},
    [TK_OR] = {"OR", "`or`"},
    [TK_AND] = {"AND", "`and`"},
    [TK_NOT] = {"NOT", "`not`"},
    [TK_EQ] = {"EQ", "`==`"},
    [TK_NE] = {"NE", "`!=`"},
    [TK_LT] = {"LT", "`<`"},
    [TK_LE] = {"LE", "`<=`"},
    [TK_GT] = {"GT", "`>`"},
    [TK_GE] = {"GE", "`>=`"},
    [TK_PLUS] = {"PLUS", "`+`"},
    [TK_MINUS] = {"MINUS", "`-`"},
    [TK_STAR] = {"STAR", "`*`"},
    [TK_SLASH] = {"SLASH", "`/`"},
    [TK_FLOOR] = {"FLOOR", "`//`"},
    [TK_PERCENT] = {"PERCENT", "`%`"},
    [TK_MATMUL] = {"MATMUL", "`@`"},
    [TK_NEGATE] = {"", ""},
    [TK_POW] = {"POW", "`**`"},
    [TK_FN] = {"FN", "`fn`"},
    [TK_IF] = {"IF", "`if`"},
    [TK_ELSE] = {"ELSE", "`else`"},
    [TK_FOR] = {"FOR", "`for`"},
    [TK_IN] = {"IN", "`in`"},
    [TK_WHILE] = {"WHILE", "`while`"},
    [TK_BREAK] = {"BREAK", "`break`"},
    [TK_CONTINUE] = {"CONTINUE", "`continue`"},
    [TK_RETURN] = {"RETURN", "`return`"},
    [TK_TRUE] = {"TRUE", "`true`"},
    [TK_FALSE] = {"FALSE", "`false`"},
    [TK_NONE] = {"NONE", "`none`"},
    [TK_IMPORT] = {"IMPORT", "`import`"},
    [TK_AS] = {"AS", "`as`"},
    [TK_NEW] = {"NEW", "`new`"},
    [TK_LOSS] = {"LOSS", "`loss`"},
    [TK_METRIC] = {"METRIC", "`metric`"},
    [TK_OPTIMIZER] = {"OPTIMIZER", "`optimizer`"},
    [TK_LAYER] = {"LAYER", "`layer`"},
    [TK_STATE] = {"STATE", "`state`"},
    [TK_PARAM] = {"PARAM", "`param`"},
    [TK_GRADIENT] = {"GRADIENT", "`gradient`"},
    [TK_TRANSFORM] = {"TRANSFORM", "`transform`"},
    [TK_PLACEHOLDER] = {"PLACEHOLDER", "`placeholder`"},
    [TK_VARIABLE] = {"VARIABLE", "`variable`"},
    [TK_BROKEN] = {"BROKEN", "a statement"},
    [TK_COMMENT] = {"COMMENT", "a comment"},
    [TK_BLANK] = {"BLANK", "an empty line"},
    [TK_JOIN] = {"JOIN", "the end of the line"},
    [TK_BAD_CHAR] = {"BAD_CHAR", "a character that is not part of the language"},
    [TK_BAD_NAME] = {"BAD_NAME", "a name"},
    [TK_BAD_NUMBER] = {"BAD_NUMBER", "a number"},
    [TK_BAD_STRING] = {"BAD_STRING", "a string"},
    [TK_BAD_INTERPOLATION] = {"BAD_INTERPOLATION", "the end of the line"},
    [TK_AND_AND] = {"AND_AND", "`&&`"},
    [TK_OR_OR] = {"OR_OR", "`||`"},
    [TK_BANG] = {"BANG", "`!`"},
    [TK_FAT_ARROW] = {"FAT_ARROW", "`=>`"},
    [TK_WALRUS] = {"WALRUS", "`:=`"},
    [TK_OP_ASSIGN] = {"OP_ASSIGN", "an assignment"},
    [TK_QUOTED] = {"QUOTED", "a string"},
};

const char *token_kind_name(int kind) { return kinds[kind].name; }

const char *token_kind_words(int kind) { return kinds[kind].words; }

bool token_is_trivia(int kind) { return kind == TK_COMMENT || kind == TK_BLANK || kind == TK_JOIN; }

bool token_opens(int kind) {
    return kind == TK_LPAREN || kind == TK_LBRACKET || kind == TK_LBLOCK || kind == TK_LBRACE ||
           kind == TK_STRING_START;
}

bool token_closes(int kind) {
    return kind == TK_RPAREN || kind == TK_RBRACKET || kind == TK_RBRACE || kind == TK_STRING_END;
}
