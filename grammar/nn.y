/* The grammar of .nn scripts, for Lemon: tokens -> syntax tree. An action is one call that makes a
 * node (build.h); rows of src/syntax/ast.def say what each kind of node holds.
 *
 * There are no conflicts and `make` fails on one. There is no `error` symbol either: the driver
 * (parse.c) pops the stack to the innermost list of statements itself, since it knows which
 * brackets are open, and stands a BROKEN in place of what it had to leave out. The functions at
 * the end of this file are its view into the automaton: what would be accepted, how deep the stack
 * is, how to drop a statement.
 *
 * Not for: newlines and braces. The driver gives a NEWLINE only where it ends a statement, and an
 * LBLOCK for a `{` that opens a block (grammar/README.md has the rules). */
%include {
#include <assert.h>
#include <stdlib.h>

#include "nn.h"
#include "syntax/build.h"
#include "syntax/grammar.h"

#define YYNOERRORRECOVERY 1
}

%name nn_grammar
%token_prefix TK_
%token_type {struct token}
%default_type {struct ast *}
%extra_context {struct builder *b}
%stack_size 0
%token_destructor { (void)b; (void)$$; }
%syntax_error { (void)yymajor; (void)yyminor; b->rejected = true; }
%stack_overflow { b->rejected = true; }
%parse_accept { b->accepted = true; }

%token NEWLINE SEMI ID HOLE INT FLOAT STRING STRING_START STRING_MIDDLE STRING_END FORMAT.
%token LPAREN RPAREN LBRACKET RBRACKET LBLOCK LBRACE RBRACE.
%token COMMA COLON DOT ASSIGN UPDATE ARROW ELLIPSIS QUESTION.

/* Loosest first. */
%nonassoc LAMBDA.
%left PIPE.
%left COMPOSE.
%left OR.
%left AND.
%right NOT.
%left EQ NE LT LE GT GE. /* build_binary refuses a chain of them */
%left PLUS MINUS.
%left STAR SLASH FLOOR PERCENT MATMUL.
%right NEGATE.
%right POW.

%token FN IF ELSE FOR IN WHILE BREAK CONTINUE RETURN TRUE FALSE NONE IMPORT AS NEW.
%token LOSS METRIC OPTIMIZER LAYER STATE PARAM GRADIENT TRANSFORM PLACEHOLDER VARIABLE.
%fallback ID LOSS METRIC OPTIMIZER LAYER STATE PARAM GRADIENT TRANSFORM PLACEHOLDER VARIABLE.
/* Given by the driver only. */
%token BROKEN.
/* Never given to the parser: trivia, what is no token, and slips from other languages. */
%token COMMENT BLANK JOIN BAD_CHAR BAD_NAME BAD_NUMBER BAD_STRING BAD_INTERPOLATION.
%token AND_AND OR_OR BANG FAT_ARROW WALRUS OP_ASSIGN QUOTED.

%type stmts {struct ast_list}
%type targets {struct ast_list}
%type args {struct ast_list}
%type arg_list {struct ast_list}
%type elements {struct ast_list}
%type element_list {struct ast_list}
%type fields {struct ast_list}
%type field_list {struct ast_list}
%type items {struct ast_list}
%type item_list {struct ast_list}
%type param_list {struct ast_list}
%type dims {struct ast_list}
%type dim_list {struct ast_list}
%type parts {struct ast_list}
%type options {struct ast_list}
%type word {struct token}
%type role {struct token}

%start_symbol script

/* ---- statements ---- */

script ::= stmts(S).                          { build_script(b, S); }
script ::= stmts(S) stmt(A).                  { build_script(b, list_push(b, S, A)); }

stmts(A) ::= .                                { A = list_empty(); }
stmts(A) ::= stmts(A) NEWLINE|SEMI.
stmts(A) ::= stmts(L) stmt(S) NEWLINE|SEMI.   { A = list_push(b, L, S); }

block(A) ::= LBLOCK(L) stmts(S) RBRACE(R).    { A = build_list(b, AST_BLOCK, L, S, R); }
block(A) ::= LBLOCK(L) stmts(S) stmt(X) RBRACE(R).
                                      { A = build_list(b, AST_BLOCK, L, list_push(b, S, X), R); }

stmt(A) ::= expr(A).
stmt(A) ::= targets(T) ASSIGN expr(E).        { A = build_assign(b, T, E); }
stmt(A) ::= ID(N) UPDATE expr(E).             { A = build_update(b, N, E); }
stmt(A) ::= WHILE(K) expr(C) block(B).        { A = build_from(b, AST_WHILE, K, 2, C, B); }
stmt(A) ::= FOR(K) targets(T) IN expr(E) block(B).
                            { A = build_from(b, AST_FOR, K, 3, build_targets(b, T), E, B); }
stmt(A) ::= BREAK(K).                         { A = build_leaf(b, AST_BREAK, K); }
stmt(A) ::= CONTINUE(K).                      { A = build_leaf(b, AST_CONTINUE, K); }
stmt(A) ::= RETURN(K).                        { A = build_from(b, AST_RETURN, K, 1, NULL); }
stmt(A) ::= RETURN(K) expr(E).                { A = build_from(b, AST_RETURN, K, 1, E); }
stmt(A) ::= IMPORT(K) STRING(P).              { A = build_import(b, K, P, NULL); }
stmt(A) ::= IMPORT(K) STRING(P) AS ID(N).     { A = build_import(b, K, P, build_name(b, N)); }
stmt(A) ::= broken(A).

broken(A) ::= BROKEN.                         { A = NULL; }
broken(A) ::= BROKEN block.                   { A = NULL; }
broken(A) ::= broken ELSE block.              { A = NULL; }
broken(A) ::= broken ELSE IF expr block.      { A = NULL; }

targets(A) ::= target(X).                     { A = list_push(b, list_empty(), X); }
targets(A) ::= targets(L) COMMA target(X).    { A = list_push(b, L, X); }
target(A) ::= ID(N).                          { A = build_name(b, N); }
target(A) ::= HOLE(N).                        { A = build_name(b, N); }

/* ---- declarations and definitions ---- */

stmt(A) ::= PARAM(K) ID(N) ASSIGN expr(E).    { A = build_named(b, AST_SETTING, K, N, 1, E); }
stmt(A) ::= STATE(K) ID(N) ASSIGN expr(E).    { A = build_named(b, AST_STATE, K, N, 1, E); }
stmt(A) ::= PLACEHOLDER(K) ID(N) COLON type(T).
                                  { A = build_named(b, AST_PLACEHOLDER, K, N, 2, T, NULL); }
stmt(A) ::= PLACEHOLDER(K) ID(N) COLON type(T) ASSIGN expr(E).
                                  { A = build_named(b, AST_PLACEHOLDER, K, N, 2, T, E); }
stmt(A) ::= VARIABLE(K) ID(N) type_opt(T) ASSIGN expr(E) options(O).
              { A = build_options(b, build_named(b, AST_VARIABLE, K, N, 2, T, E), O); }
stmt(A) ::= role(K) ID(N) ASSIGN expr(E).     { A = build_role(b, K, N, E); }

stmt(A) ::= FN(K) ID(N) params(P) block(B).   { A = build_named(b, AST_FN, K, N, 2, P, B); }
stmt(A) ::= FN(K) ID(N) params(P) ASSIGN expr(E).
                                              { A = build_named(b, AST_FN, K, N, 2, P, E); }
stmt(A) ::= LAYER(K) ID(N) params(S) params(I) result_opt(R) block(B).
                                  { A = build_named(b, AST_LAYER_DEF, K, N, 4, S, I, R, B); }
stmt(A) ::= role(K) ID(N) params(S) params(I) block(B).
                                  { A = build_definition(b, K, N, S, I, B); }
stmt(A) ::= TRANSFORM(K) ID(N) params(S) params(I) block(B).
                                  { A = build_definition(b, K, N, S, I, B); }
role(A) ::= LOSS|METRIC|OPTIMIZER(A).
stmt(A) ::= GRADIENT(K) ID(N) params(I) params(D) block(B) options(O).
       { A = build_options(b, build_named(b, AST_GRADIENT_DEF, K, N, 3, I, D, B), O); }

options(A) ::= .                              { A = list_empty(); }
options(A) ::= options(L) COMMA word(N) ASSIGN expr(E).
                                          { A = list_push(b, L, build_word(b, AST_KWARG, N, E)); }

params(A) ::= LPAREN(L) RPAREN(R).            { A = build_list(b, AST_PARAMS, L, list_empty(), R); }
params(A) ::= LPAREN(L) param_list(P) RPAREN(R).
                                              { A = build_list(b, AST_PARAMS, L, P, R); }
params(A) ::= LPAREN(L) param_list(P) COMMA RPAREN(R).
                                              { A = build_list(b, AST_PARAMS, L, P, R); }
param_list(A) ::= param(X).                   { A = list_push(b, list_empty(), X); }
param_list(A) ::= param_list(L) COMMA param(X).
                                              { A = list_push(b, L, X); }
param(A) ::= ID|HOLE(N) type_opt(T) default_opt(E).
                                              { A = build_named(b, AST_PARAM, N, N, 2, T, E); }

type_opt(A) ::= .                             { A = NULL; }
type_opt(A) ::= COLON type(T).                { A = T; }
default_opt(A) ::= .                          { A = NULL; }
default_opt(A) ::= ASSIGN expr(E).            { A = E; }
result_opt(A) ::= .                           { A = NULL; }
result_opt(A) ::= ARROW type(T).              { A = T; }

/* ---- types ---- */

type(A) ::= ID(N).                            { A = build_type(b, N, list_empty(), NULL); }
type(A) ::= ID(N) LBRACKET dims(D) RBRACKET(R).
                                              { A = build_type(b, N, D, &R); }
dims(A) ::= .                                 { A = list_empty(); }
dims(A) ::= dim_list(A).
dims(A) ::= dim_list(A) COMMA.
dim_list(A) ::= dim(X).                       { A = list_push(b, list_empty(), X); }
dim_list(A) ::= dim_list(L) COMMA dim(X).     { A = list_push(b, L, X); }
dim(A) ::= QUESTION(T).                       { A = build_leaf(b, AST_DIM_ANY, T); }
dim(A) ::= ELLIPSIS(T).                       { A = build_leaf(b, AST_DIM_REST, T); }
dim(A) ::= size(A).
size(A) ::= ID(N).                            { A = build_name(b, N); }
size(A) ::= INT(T).                           { A = build_int(b, T); }
size(A) ::= LPAREN(L) size(X) RPAREN(R).      { A = build_parens(b, L, X, R); }
size(A) ::= size(L) PLUS|MINUS(O) size(R).    { A = build_binary(b, AST_BINARY, L, O, R); }
size(A) ::= size(L) STAR|FLOOR(O) size(R).    { A = build_binary(b, AST_BINARY, L, O, R); }

/* ---- expressions ---- */

expr(A) ::= primary(A).
expr(A) ::= expr(L) PIPE(O) expr(R).          { A = build_binary(b, AST_PIPE, L, O, R); }
expr(A) ::= expr(L) COMPOSE(O) expr(R).       { A = build_binary(b, AST_COMPOSE, L, O, R); }
expr(A) ::= expr(L) OR(O) expr(R).            { A = build_binary(b, AST_BINARY, L, O, R); }
expr(A) ::= expr(L) AND(O) expr(R).           { A = build_binary(b, AST_BINARY, L, O, R); }
expr(A) ::= expr(L) EQ|NE|LT|LE|GT|GE(O) expr(R).
                                              { A = build_binary(b, AST_BINARY, L, O, R); }
expr(A) ::= expr(L) PLUS|MINUS(O) expr(R).    { A = build_binary(b, AST_BINARY, L, O, R); }
expr(A) ::= expr(L) STAR|SLASH|FLOOR|PERCENT|MATMUL(O) expr(R).
                                              { A = build_binary(b, AST_BINARY, L, O, R); }
expr(A) ::= expr(L) POW(O) expr(R).           { A = build_binary(b, AST_BINARY, L, O, R); }
expr(A) ::= NOT(O) expr(X).                   { A = build_unary(b, O, X); }
expr(A) ::= MINUS(O) expr(X). [NEGATE]        { A = build_unary(b, O, X); }
expr(A) ::= FN(K) params(P) ARROW expr(E). [LAMBDA]
                                              { A = build_from(b, AST_FN, K, 2, P, E); }
expr(A) ::= FN(K) params(P) block(B).         { A = build_from(b, AST_FN, K, 2, P, B); }
expr(A) ::= choice(A).

choice(A) ::= IF(K) expr(C) block(B).         { A = build_from(b, AST_IF, K, 3, C, B, NULL); }
choice(A) ::= IF(K) expr(C) block(B) ELSE block(E).
                                              { A = build_from(b, AST_IF, K, 3, C, B, E); }
choice(A) ::= IF(K) expr(C) block(B) ELSE choice(E).
                                              { A = build_from(b, AST_IF, K, 3, C, B, E); }

primary(A) ::= ID(N).                         { A = build_value_name(b, N); }
primary(A) ::= HOLE(T).                       { A = build_leaf(b, AST_HOLE, T); }
primary(A) ::= INT(T).                        { A = build_int(b, T); }
primary(A) ::= FLOAT(T).                      { A = build_float(b, T); }
primary(A) ::= TRUE(T).                       { A = build_bool(b, T, true); }
primary(A) ::= FALSE(T).                      { A = build_bool(b, T, false); }
primary(A) ::= NONE(T).                       { A = build_leaf(b, AST_NONE, T); }
primary(A) ::= STRING(T).                     { A = build_string(b, T, list_empty(), T); }
primary(A) ::= parts(L) STRING_END(E).        { A = build_string(b, E, L, E); }
primary(A) ::= LPAREN(L) expr(X) RPAREN(R).   { A = build_parens(b, L, X, R); }
primary(A) ::= LBRACKET(L) elements(E) RBRACKET(R).
                                              { A = build_list(b, AST_LIST, L, E, R); }
primary(A) ::= LBRACE(L) fields(F) RBRACE(R). { A = build_list(b, AST_RECORD, L, F, R); }
primary(A) ::= primary(F) LPAREN args(L) RPAREN(R).
                                              { A = build_call(b, F, L, R); }
primary(A) ::= primary(X) LBRACKET item_list(L) RBRACKET(R).
                                              { A = build_applied(b, AST_INDEX, X, L, R); }
primary(A) ::= primary(X) LBRACKET item_list(L) COMMA RBRACKET(R).
                                              { A = build_applied(b, AST_INDEX, X, L, R); }
primary(A) ::= primary(X) DOT word(N).        { A = build_get(b, X, N); }

parts(A) ::= STRING_START(T) part(X).         { A = build_parts(b, list_empty(), T, X); }
parts(A) ::= parts(L) STRING_MIDDLE(T) part(X).
                                              { A = build_parts(b, L, T, X); }
part(A) ::= expr(X).                          { A = build_part(b, X, NULL); }
part(A) ::= expr(X) FORMAT(F).                { A = build_part(b, X, &F); }

elements(A) ::= .                             { A = list_empty(); }
elements(A) ::= element_list(A).
elements(A) ::= element_list(A) COMMA.
element_list(A) ::= expr(X).                  { A = list_push(b, list_empty(), X); }
element_list(A) ::= element_list(L) COMMA expr(X).
                                              { A = list_push(b, L, X); }

fields(A) ::= .                               { A = list_empty(); }
fields(A) ::= field_list(A).
fields(A) ::= field_list(A) COMMA.
field_list(A) ::= field(X).                   { A = list_push(b, list_empty(), X); }
field_list(A) ::= field_list(L) COMMA field(X).
                                              { A = list_push(b, L, X); }
field(A) ::= word(N) COLON expr(E).           { A = build_word(b, AST_FIELD, N, E); }

args(A) ::= .                                 { A = list_empty(); }
args(A) ::= arg_list(A).
args(A) ::= arg_list(A) COMMA.
arg_list(A) ::= arg(X).                       { A = list_push(b, list_empty(), X); }
arg_list(A) ::= arg_list(L) COMMA arg(X).     { A = list_push(b, L, X); }
arg(A) ::= expr(A).
arg(A) ::= word(N) ASSIGN expr(E).            { A = build_word(b, AST_KWARG, N, E); }

item_list(A) ::= item(X).                     { A = list_push(b, list_empty(), X); }
item_list(A) ::= item_list(L) COMMA item(X).  { A = list_push(b, L, X); }
item(A) ::= expr(A).
item(A) ::= NEW(T).                           { A = build_leaf(b, AST_NEW, T); }
item(A) ::= ELLIPSIS(T).                      { A = build_leaf(b, AST_ELLIPSIS, T); }
item(A) ::= bound(L) COLON(C) bound(H).       { A = build_slice(b, L, C, H, C, NULL); }
item(A) ::= bound(L) COLON(C) bound(H) COLON(D) bound(S).
                                              { A = build_slice(b, L, C, H, D, S); }
bound(A) ::= .                                { A = NULL; }
bound(A) ::= expr(A).

/* Any word can follow a `.` or name a field or an argument. */
word(A) ::= ID(A).        word(A) ::= HOLE(A).      word(A) ::= FN(A).
word(A) ::= IF(A).        word(A) ::= ELSE(A).      word(A) ::= FOR(A).
word(A) ::= IN(A).        word(A) ::= WHILE(A).     word(A) ::= BREAK(A).
word(A) ::= CONTINUE(A).  word(A) ::= RETURN(A).    word(A) ::= AND(A).
word(A) ::= OR(A).        word(A) ::= NOT(A).       word(A) ::= TRUE(A).
word(A) ::= FALSE(A).     word(A) ::= NONE(A).      word(A) ::= IMPORT(A).
word(A) ::= AS(A).        word(A) ::= NEW(A).

%code {
/* A parser's stack as it would be: the real one up to `base`, and above it the states that
 * reductions would push. A reduction of a non-empty rule leaves one new state; empty rules add at
 * most a few. */
enum { MAX_PUSHED = 16 };

struct outlook {
    const yyStackEntry *base;
    YYACTIONTYPE pushed[MAX_PUSHED];
    int n_pushed;
};

static YYACTIONTYPE outlook_state(const struct outlook *o) {
    return o->n_pushed > 0 ? o->pushed[o->n_pushed - 1] : o->base->stateno;
}

static void outlook_reduce(struct outlook *o, unsigned int rule) {
    int n = -yyRuleInfoNRhs[rule];
    int from_pushed = n < o->n_pushed ? n : o->n_pushed;
    o->n_pushed -= from_pushed;
    o->base -= n - from_pushed;
    assert(o->n_pushed < MAX_PUSHED);
    YYACTIONTYPE state = yy_find_reduce_action(outlook_state(o), yyRuleInfoLhs[rule]);
    o->pushed[o->n_pushed++] = state;
}

bool grammar_accepts(const struct grammar *g, int kind) {
    const yyParser *p = (const yyParser *)(const void *)g;
    struct outlook o = {.base = p->yytos};
    for (;;) {
        YYACTIONTYPE action = yy_find_shift_action((YYCODETYPE)kind, outlook_state(&o));
        if (action >= YY_MIN_REDUCE)
            outlook_reduce(&o, action - YY_MIN_REDUCE);
        else
            return action != YY_ERROR_ACTION && action != YY_NO_ACTION;
    }
}

struct grammar *grammar_new(struct builder *b) {
    return nn_grammarAlloc(malloc, b);
}

void grammar_free(struct grammar *g) {
    nn_grammarFree(g, free);
}

void grammar_feed(struct grammar *g, struct token t) {
    nn_grammar(g, t.kind, t);
}

int grammar_depth(const struct grammar *g) {
    const yyParser *p = (const yyParser *)(const void *)g;
    return (int)(p->yytos - p->yystack);
}

void grammar_drop_statement(struct grammar *g) {
    yyParser *p = (yyParser *)(void *)g;
    /* A closed block is reduced when the token after it is known to fit; until then its statements
     * are on the stack, though none can follow them. */
    if (p->yytos->major == TK_RBRACE) {
        while (p->yytos->major != TK_LBLOCK && p->yytos->major != TK_LBRACE)
            yy_pop_parser_stack(p);
        yy_pop_parser_stack(p);
    }
    while (!grammar_accepts(g, TK_BROKEN))
        yy_pop_parser_stack(p);
}

void grammar_drop_all(struct grammar *g) {
    yyParser *p = (yyParser *)(void *)g;
    while (grammar_depth(g) > 1) /* the first entry is the script's list of statements */
        yy_pop_parser_stack(p);
}
}
