/* What a script says of itself, for `nnrun help SCRIPT`, without running it: the comment it opens
 * with, its params and placeholders. And what this program says of itself: `nnrun version`. */
#include <string.h>

#include "base/os.h"
#include "ops/blas.h"
#include "session/session.h"

/* The comment lines at the top, without their `#`. */
static void print_opening(const char *text, FILE *out) {
    bool any = false;
    if (!strncmp(text, "#!", 2))
        text += strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n');
    while (*text == '#') {
        size_t n = strcspn(text, "\n");
        const char *words = text + 1 + (text[1] == ' ');
        fprintf(out, "%.*s\n", (int)(text + n - words > 0 ? text + n - words : 0), words);
        text += n + (text[n] == '\n');
        any = true;
    }
    if (any)
        fputc('\n', out);
}

struct row {
    const char *left, *doc;
};

static void print_rows(const char *title, const struct row *rows, int n, FILE *out) {
    int width = 0;
    for (int i = 0; i < n; i++)
        if ((int)strlen(rows[i].left) > width)
            width = (int)strlen(rows[i].left);
    fprintf(out, "%s\n", title);
    for (int i = 0; i < n; i++) {
        const char *doc = rows[i].doc ? rows[i].doc : "";
        fprintf(out, "  %-*s", *doc ? width : 0, rows[i].left);
        for (int indent = 3; *doc; indent = width + 5) {
            size_t line = strcspn(doc, "\n");
            fprintf(out, "%s%*s%.*s", indent > 3 ? "\n" : "", indent, "", (int)line, doc);
            doc += line + (doc[line] == '\n');
        }
        fputc('\n', out);
    }
}

static int name_width(const struct ast *tree, enum ast_kind kind) {
    int width = 0;
    for (int i = 0; i < tree->n_kids; i++)
        if (tree->kids[i]->kind == kind && (int)strlen(tree->kids[i]->text) > width)
            width = (int)strlen(tree->kids[i]->text);
    return width;
}

/* Everything of one kind: "steps = 20000", "keep_prob: float = 1.0", each with its comment. */
static void print_kind(struct session *s, const struct ast *tree, enum ast_kind kind,
                       const char *title, const char *none, FILE *out) {
    ARRAY(struct row) rows = {0};
    int width = name_width(tree, kind);
    for (int i = 0; i < tree->n_kids; i++) {
        const struct ast *e = tree->kids[i];
        if (e->kind != kind)
            continue;
        uint32_t after = e->name_at.offset + e->name_at.length;
        struct span rest = {e->span.source, after, e->span.offset + e->span.length - after};
        const char *text = source_text(&s->sources, rest);
        while (rest.length && strchr(" \t:=", *text))
            text++, rest.length--;
        const char *left = arena_printf(&s->arena, "%-*s %c %.*s", width, e->text,
                                        kind == AST_SETTING ? '=' : ':', (int)rest.length, text);
        array_push(&s->arena, &rows, (struct row){left, e->doc});
    }
    if (rows.n)
        print_rows(title, rows.at, rows.n, out);
    else if (none)
        fprintf(out, "%s\n", none);
}

bool session_describe_file(struct session *s, const char *path, FILE *out) {
    struct arena scratch = {0};
    size_t n;
    char *text = session_read_script(s, &scratch, path, (struct span){0}, &n);
    bool ok = text && session_is_script(s, path, (struct span){0}, text, n);
    if (ok) {
        uint32_t source = source_add(&s->sources, path, text, (uint32_t)n, false);
        struct parse_context c = session_parse_context(s);
        struct ast *tree;
        ok = parse_source(&c, source, false, &tree) == PARSE_DONE;
        print_opening(text, out);
        print_kind(s, tree, AST_SETTING,
                   "params, set by name=value on the command line:", "It has no params.", out);
        print_kind(s, tree, AST_PLACEHOLDER, "\nplaceholders, fed when it runs:", NULL, out);
    }
    arena_free(&scratch);
    session_flush(s);
    return ok;
}

void session_print_version(FILE *out, int n_threads) {
    const struct blas_info *blas = blas_start();
    fprintf(out, "nnrun %s\n", NNRUN_VERSION);
#ifdef __clang__
    fprintf(out, "compiler  %s\n", __VERSION__);
#else
    fprintf(out, "compiler  gcc %s\n", __VERSION__);
#endif
    fprintf(out, "kernels   %s\n", kernel_isa_name(kernel_best_isa()));
    if (blas->loaded)
        fprintf(out, "BLAS      %s\n          kernels for %s, built as %s, held to one thread\n",
                blas->config, blas->core, blas->threading);
    else
        fprintf(out, "BLAS      none: %s\n", blas->why);
    fprintf(out, "threads   %d of %d processors\n", n_threads ? n_threads : os_n_cpus(),
            os_n_cpus());
}
