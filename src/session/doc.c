/* `nnrun doc`: which names there are, and finding one (doc.h). */
#include <ctype.h>
#include <string.h>

#include "ir/formula.h"
#include "session/doc.h"
#include "session/pages.h"

static const char words_file[] = "src/syntax/words.md", builtins_file[] = "src/eval/builtins.md";

enum doc_kind {
    DOC_WORD,
    DOC_BUILTIN,
    DOC_METHOD,
    DOC_FN,
    DOC_LAYER,
    DOC_LOSS,
    DOC_METRIC,
    DOC_OPTIMIZER,
    DOC_TRANSFORM,
    DOC_OP,
    DOC_INNER,
    N_DOC_KINDS
};
static const char *const titles[N_DOC_KINDS] = {
    [DOC_WORD] = "Words and signs of the language",
    [DOC_BUILTIN] = "Functions",
    [DOC_METHOD] = "Methods",
    [DOC_FN] = "Functions of the library",
    [DOC_LAYER] = "Layers",
    [DOC_LOSS] = "Losses",
    [DOC_METRIC] = "Metrics",
    [DOC_OPTIMIZER] = "Optimizers",
    [DOC_TRANSFORM] = "Transforms",
    [DOC_OP] = "Operations on tensors",
    [DOC_INNER] = "Inner operations, which only the program itself writes",
};

struct entry {
    enum doc_kind kind;
    const char *name, *summary;
    const char *signature; /* of BUILTIN, METHOD */
    int line;              /* the same, in builtins.def */
    const struct op *op;
    const struct ast *script, *definition; /* of the library */
};
struct entries {
    struct entry *at;
    int n, cap;
};

static const struct entry builtins[] = {
#define BUILTIN(name, function, signature, summary)                                                \
    {DOC_BUILTIN, #name, summary, signature, __LINE__, NULL, NULL, NULL},
#define METHOD(kind, name, function, signature, summary)
#include "eval/builtins.def"
#undef BUILTIN
#undef METHOD
#define BUILTIN(name, function, signature, summary)
#define METHOD(kind, name, function, signature, summary)                                           \
    {DOC_METHOD, #name, summary, signature, __LINE__, NULL, NULL, NULL},
#include "eval/builtins.def"
#undef BUILTIN
#undef METHOD
};

/* ---- texts */

void doc_wrap(FILE *out, const char *text, int indent, int further) {
    int column = fprintf(out, "%*s", indent, "");
    for (bool first = true; *text; first = false) {
        size_t n = strcspn(text, " ");
        if (!first && column + 1 + (int)n > DOC_COLUMNS)
            column = fprintf(out, "\n%*s", indent + further, "") - 1;
        else if (!first)
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", (int)n, text);
        text += n + strspn(text + n, " ");
    }
    fputc('\n', out);
}

void doc_page(FILE *out, const char *file, const char *name) {
    size_t n;
    const char *page = page_find(file, name, &n);
    if (page)
        fprintf(out, "\n%s%.*s\n", *page == ' ' ? "Example:\n\n" : "", (int)n, page);
}

/* The first sentence of a text over n bytes, as one line. */
static const char *first_sentence(struct arena *a, const char *text, size_t n) {
    char *line = arena_alloc(a, n + 1), *to = line;
    for (const char *at = text; at < text + n; at++) {
        if (*at == '\n' && (at + 1 == text + n || at[1] == '\n' || at[1] == ' '))
            break;
        if (to > line && at[0] == '.' && at + 2 < text + n && strchr(" \n", at[1]) &&
            (isupper((unsigned char)at[2]) || at[2] == '`'))
            break;
        *to++ = *at == '\n' ? ' ' : *at;
    }
    while (to > line && strchr(".: ", to[-1]))
        *--to = 0;
    return line;
}

/* ---- all names */

static void add_words(struct session *s, struct entries *e) {
    const char *name, *page = NULL;
    size_t n;
    while ((page = page_next(words_file, page, &s->arena, &name, &n))) {
        struct entry word = {.kind = DOC_WORD, .name = name};
        word.summary = first_sentence(&s->arena, page, n);
        array_push(&s->arena, e, word);
    }
}

static enum doc_kind kind_of(const struct ast *e) {
    switch (e->kind) {
    case AST_FN:
        return DOC_FN;
    case AST_LAYER_DEF:
        return DOC_LAYER;
    case AST_LOSS_DEF:
        return DOC_LOSS;
    case AST_METRIC_DEF:
        return DOC_METRIC;
    case AST_OPTIMIZER_DEF:
        return DOC_OPTIMIZER;
    case AST_TRANSFORM_DEF:
        return DOC_TRANSFORM;
    default:
        return N_DOC_KINDS;
    }
}

static void add_definitions(struct session *s, struct entries *e, const struct ast *script) {
    for (int i = 0; i < script->n_kids; i++) {
        const struct ast *d = script->kids[i];
        enum doc_kind kind = kind_of(d);
        if (kind == N_DOC_KINDS || !d->text || *d->text == '_')
            continue;
        struct entry found = {.kind = kind, .name = d->text, .script = script, .definition = d};
        const char *doc = d->doc ? d->doc : "";
        found.summary = first_sentence(&s->arena, doc, strlen(doc));
        array_push(&s->arena, e, found);
    }
}

static struct entries all_entries(struct session *s) {
    struct entries e = {0};
    add_words(s, &e);
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        array_push(&s->arena, &e, builtins[i]);
    for (int i = 0; i < s->library.n; i++)
        add_definitions(s, &e, s->library.at[i].tree);
    for (int i = 0; i < N_OPS; i++) {
        const struct op *op = &s->ops->op[i];
        enum doc_kind kind = op_is_function(op) ? DOC_OP : DOC_INNER;
        array_push(
            &s->arena, &e,
            (struct entry){.kind = kind, .name = op->name, .summary = op->summary, .op = op});
    }
    return e;
}

/* ---- the list */

/* A line that is too long ends at a word. */
static void print_row(FILE *out, const char *name, int width, const char *summary) {
    int room = DOC_COLUMNS - width - 4, n = (int)strlen(summary);
    const char *more = "";
    if (n > room) {
        more = " ..";
        for (n = room - 3; n > 0 && summary[n] != ' ';)
            n--;
    }
    fprintf(out, "  %-*s  %.*s%s\n", width, name, n, summary, more);
}

static bool is_of(const struct entries *e, int i, enum doc_kind kind) {
    bool again = kind == DOC_METHOD && i && !strcmp(e->at[i].name, e->at[i - 1].name);
    return e->at[i].kind == kind && !again;
}

void doc_list(struct session *s, FILE *out) {
    struct entries e = all_entries(s);
    for (int kind = 0; kind < N_DOC_KINDS; kind++) {
        int width = 0;
        for (int i = 0; i < e.n; i++)
            if (is_of(&e, i, (enum doc_kind)kind) && (int)strlen(e.at[i].name) > width)
                width = (int)strlen(e.at[i].name);
        if (!width)
            continue;
        fprintf(out, "%s%s:\n", kind ? "\n" : "", titles[kind]);
        for (int i = 0; i < e.n; i++)
            if (is_of(&e, i, (enum doc_kind)kind))
                print_row(out, e.at[i].name, width, e.at[i].summary);
    }
    fputs("\n`nnrun doc NAME` says more of each.\n", out);
}

/* ---- one name */

static void print_builtin(const struct entry *e, bool last, FILE *out) {
    doc_wrap(out, e->signature, 0, 4);
    doc_wrap(out, e->summary, 4, 0);
    if (!last)
        return;
    doc_page(out, builtins_file, e->name);
    fprintf(out, "\nDefined in src/eval/builtins.def:%d.\n", e->line);
}

static void print_entry(struct session *s, const struct entry *e, bool last, FILE *out) {
    if (e->op) {
        doc_print_op(e->op, e->kind == DOC_OP, out);
    } else if (e->definition) {
        doc_print_definition(s, e->script, e->definition, out);
    } else if (e->signature) {
        print_builtin(e, last, out);
    } else {
        fprintf(out, "%s\n", e->name);
        doc_page(out, words_file, e->name);
    }
}

/* What an entry is asked for by: `x.run` is the method, `float64` is a dtype. */
static const char *plain_name(const char *name) {
    enum dtype t;
    const char *dot = strrchr(name, '.');
    name = dot && dot[1] ? dot + 1 : name;
    return dtype_parse(name, &t) ? "dtype" : name;
}

static bool is_called(const struct entry *e, const char *name) {
    const char *sign = e->op ? op_sign(e->op) : NULL;
    return !strcmp(e->name, name) || (sign && !strcmp(sign, name));
}

bool doc_print(struct session *s, const char *name, FILE *out, const char **nearest) {
    struct entries e = all_entries(s);
    const char *plain = plain_name(name), **names = arena_array(&s->arena, const char *, e.n);
    int n_found = 0;
    for (int i = 0; i < e.n; i++) {
        names[i] = e.at[i].name;
        if (!is_called(&e.at[i], plain))
            continue;
        /* A function and the methods of its name follow each other, and share their page. */
        int next = i + 1;
        while (next < e.n && !is_called(&e.at[next], plain))
            next++;
        if (n_found++)
            fputc('\n', out);
        print_entry(s, &e.at[i], next == e.n || !e.at[next].signature, out);
    }
    if (!n_found)
        *nearest = nearest_name(plain, names, e.n);
    return n_found > 0;
}
