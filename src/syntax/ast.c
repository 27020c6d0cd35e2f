/* The tree's kinds by name, and its dump. */
#include "syntax/ast.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
#define AST(kind, name, kids) name,
#include "syntax/ast.def"
#undef AST
};

const char *ast_kind_name(enum ast_kind kind) { return kind_names[kind]; }

bool ast_binds_text(const struct ast *e) {
    switch (e->kind) {
    case AST_PLACEHOLDER:
    case AST_VARIABLE:
    case AST_FN:
    case AST_LAYER_DEF:
    case AST_LOSS_DEF:
    case AST_METRIC_DEF:
    case AST_OPTIMIZER_DEF:
    case AST_TRANSFORM_DEF:
    case AST_STATE:
    case AST_SETTING:
        return e->text != NULL;
    default:
        return false;
    }
}

static void dump_quoted(const char *text, size_t n, FILE *out) {
    putc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u{%x}", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

/* The shortest decimal that reads back as the same double, and looks like one. */
static void dump_double(double value, FILE *out) {
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    fprintf(out, "%s%s", digits, strpbrk(digits, ".en") ? "" : ".0");
}

/* What a node holds besides its children. */
static void dump_own(const struct ast *node, FILE *out) {
    switch (node->kind) {
    case AST_INT:
    case AST_BOOL:
        fprintf(out, " %" PRId64, node->i);
        return;
    case AST_FLOAT:
        putc(' ', out);
        dump_double(node->f, out);
        return;
    case AST_TEXT:
    case AST_IMPORT:
        putc(' ', out);
        dump_quoted(node->text, node->n_text, out);
        return;
    case AST_INTERP:
        if (node->text) {
            putc(' ', out);
            dump_quoted(node->text, node->n_text, out);
        }
        return;
    case AST_TYPE:
        fprintf(out, " %s%s", node->text, node->i && node->n_kids == 0 ? " []" : "");
        return;
    default:
        if (node->text)
            fprintf(out, " %s", node->text);
    }
}

static void dump_node(const struct ast *node, const struct sources *sources, int indent, FILE *out);

/* A statement on a line of its own, with its place and its doc. */
static void dump_statement(const struct ast *node, const struct sources *sources, int indent,
                           FILE *out) {
    struct span end = {node->span.source, node->span.offset + node->span.length, 0};
    struct place from = source_place(sources, node->span), to = source_place(sources, end);
    fprintf(out, "%*s", indent, "");
    dump_node(node, sources, indent, out);
    fprintf(out, " @%u:%u-%u:%u", from.line, from.column, to.line, to.column);
    if (node->doc) {
        fputs(" doc ", out);
        dump_quoted(node->doc, strlen(node->doc), out);
    }
    putc('\n', out);
}

static void dump_node(const struct ast *node, const struct sources *sources, int indent,
                      FILE *out) {
    fprintf(out, "(%s", kind_names[node->kind]);
    dump_own(node, out);
    if (node->kind == AST_BLOCK && node->n_kids > 0) {
        putc('\n', out);
        for (int i = 0; i < node->n_kids; i++)
            dump_statement(node->kids[i], sources, indent + 2, out);
        fprintf(out, "%*s", indent, "");
    } else {
        for (int i = 0; i < node->n_kids; i++) {
            putc(' ', out);
            if (node->kids[i])
                dump_node(node->kids[i], sources, indent, out);
            else
                putc('-', out);
        }
    }
    putc(')', out);
}

void ast_dump(const struct ast *tree, const struct sources *sources, FILE *out) {
    if (tree->kind != AST_SCRIPT) {
        dump_statement(tree, sources, 0, out);
        return;
    }
    for (int i = 0; i < tree->n_kids; i++)
        dump_statement(tree->kids[i], sources, 0, out);
}
