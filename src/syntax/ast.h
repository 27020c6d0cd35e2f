/* The syntax tree: uniform nodes, so that a walk, a dump and a copy are each one loop. Nodes live
 * in the unit's arena. The kinds are rows of ast.def. */
#ifndef NN_SYNTAX_AST_H
#define NN_SYNTAX_AST_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/source.h"

enum ast_kind {
#define AST(kind, name, kids) AST_##kind,
#include "syntax/ast.def"
#undef AST
    N_AST_KINDS
};

struct ast {
    enum ast_kind kind;
    int n_kids;
    struct span span;   /* all of its text */
    struct span name_at; /* where `text` stands, for names, operators and fields */
    const char *text;   /* interned, except in TEXT (bytes, n_text of them, NUL-terminated) */
    uint32_t n_text;
    bool has_hole;   /* `_` is directly among the operands of an operation: it is a function */
    uint32_t height; /* 1 for a leaf; a walk recurses no deeper (MAX_TREE_HEIGHT in build.h) */
    int64_t i;
    double f;
    const char *doc;    /* definitions: the comment block above or the one beside; or NULL */
    struct ast **kids;  /* an absent optional child is NULL */
};

const char *ast_kind_name(enum ast_kind kind);
/* A declaration or definition, which binds its own `text` in the scope that it stands in. */
bool ast_binds_text(const struct ast *e);

/* (call (name dense) (int 64)) @12:9-12:18, one statement a line, blocks indented. */
void ast_dump(const struct ast *tree, const struct sources *sources, FILE *out);

#endif
