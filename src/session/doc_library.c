/* What `nnrun doc` says of a definition of the library: all of it is in its file. The head is the
 * signature, the comment above is the text, its indented lines are the example. */
#include <string.h>

#include "session/doc.h"

/* The head, as it stands: from the first word to the body. */
static void print_head(struct session *s, const struct ast *d, FILE *out) {
    const struct ast *body = d->kids[d->n_kids - 1];
    const char *text = source_text(&s->sources, d->span);
    size_t n = body->span.offset - d->span.offset;
    while (n && strchr(" \n={", text[n - 1]))
        n--;
    fprintf(out, "%.*s\n", (int)n, text);
}

/* The lines of a comment that are code (indented), or those that are not. */
static void print_lines(const char *doc, bool code, FILE *out) {
    int n_blank = 0;
    bool any = false;
    while (doc && *doc) {
        size_t n = strcspn(doc, "\n");
        bool is_code = !strncmp(doc, "    ", 4);
        if (!n) {
            n_blank++;
        } else if (is_code == code) {
            while (any && n_blank > 0)
                fputc('\n', out), n_blank--;
            fprintf(out, "%s%.*s\n", code ? "" : "    ", (int)n, doc);
            any = true;
            n_blank = 0;
        }
        doc += n + (doc[n] == '\n');
    }
}

/* The text of a definition, as it stands. */
static void print_text(struct session *s, const struct ast *d, FILE *out) {
    const char *text = source_text(&s->sources, d->span), *end = text + d->span.length;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        fprintf(out, "%*s%.*s\n", n ? 4 : 0, "", (int)n, text);
        text += n + 1;
    }
}

static bool is_gradient_of(const struct ast *e, const struct ast *d) {
    return e->kind == AST_GRADIENT_DEF && e->text == d->text;
}

/* Marks what of the script the tree names, and what that names. */
static void mark_used(const struct ast *script, const struct ast *tree, bool *used) {
    for (int i = 0; tree->kind == AST_NAME && i < script->n_kids; i++) {
        const struct ast *d = script->kids[i];
        if (d->text != tree->text || used[i] || !ast_binds_text(d))
            continue;
        used[i] = true;
        mark_used(script, d, used);
    }
    for (int k = 0; k < tree->n_kids; k++)
        if (tree->kids[k])
            mark_used(script, tree->kids[k], used);
}

/* Those that the file has for d and for what d is made of. */
static void print_gradient(struct session *s, const struct ast *script, const struct ast *d,
                           FILE *out) {
    if (d->kind == AST_OPTIMIZER_DEF || d->kind == AST_TRANSFORM_DEF)
        return;
    struct arena scratch = {0};
    bool *used = arena_array(&scratch, bool, script->n_kids), any = false;
    mark_used(script, d, used);
    for (int i = 0; i < script->n_kids; i++) {
        const struct ast *own = script->kids[i];
        bool has = is_gradient_of(own, d);
        for (int k = 0; k < script->n_kids && !has; k++)
            has = used[k] && is_gradient_of(own, script->kids[k]);
        if (!has)
            continue;
        struct place at = source_place(&s->sources, own->span);
        fprintf(out, "\nGradient: one of its own, %s:%u:\n\n", at.path, at.line);
        print_text(s, own, out);
        any = true;
    }
    if (!any)
        fputs("\nGradient: that of the operations it is made of.\n", out);
    arena_free(&scratch);
}

void doc_print_definition(struct session *s, const struct ast *script, const struct ast *d,
                          FILE *out) {
    print_head(s, d, out);
    print_lines(d->doc, false, out);
    print_gradient(s, script, d, out);
    if (d->doc && (!strncmp(d->doc, "    ", 4) || strstr(d->doc, "\n    "))) {
        fputs("\nExample:\n\n", out);
        print_lines(d->doc, true, out);
    }
    struct place at = source_place(&s->sources, d->span);
    fprintf(out, "\nDefined in %s:%u:\n\n", at.path, at.line);
    print_text(s, d, out);
}
