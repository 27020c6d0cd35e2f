/* Formatting a text: parsed, laid out, parsed again to see that it is still the same script. */
#include "session/format.h"

#include <string.h>

#include "base/os.h"
#include "syntax/fmt.h"

/* What one file takes. */
struct work {
    const struct format_options *o;
    struct arena arena;
    struct intern_table names;
    struct sources sources;
    struct diags diags;
};

static void work_begin(struct work *w, const struct format_options *o) {
    *w = (struct work){.o = o};
    w->names.arena = w->sources.arena = w->diags.arena = &w->arena;
    w->diags.sources = &w->sources;
    source_add(&w->sources, "", "", 0, false); /* nowhere */
}

static enum status work_end(struct work *w, enum status status) {
    diag_flush(&w->diags, w->o->errors, w->o->err);
    arena_free(&w->arena);
    return status;
}

static bool tokens_of(struct work *w, const char *path, const char *text, size_t n,
                      struct token_list *list) {
    uint32_t source = source_add(&w->sources, path, text, (uint32_t)n, false);
    struct parse_context c = {&w->arena, &w->names, &w->sources, &w->diags};
    return parse_tokens(&c, source, list);
}

/* The layout of text[0..n), or NULL: reported. */
static char *lay_out(struct work *w, const char *path, const char *text, size_t n, size_t *n_out) {
    char *out = NULL;
    struct token_list before = {0}, after = {0};
    if (tokens_of(w, path, text, n, &before)) {
        out = fmt_text(&w->arena, text, &before, n_out);
        struct diags errors = w->diags;
        if (!tokens_of(w, path, out, *n_out, &after) ||
            !fmt_same_script(text, &before, out, &after)) {
            w->diags = errors; /* those of the layout are about a text that nobody has */
            diag_error(&w->diags, E_INTERNAL, (struct span){0},
                       "the layout of %s would be another script; nothing was changed", path);
            out = NULL;
        }
    }
    token_list_free(&before);
    token_list_free(&after);
    return out;
}

static enum status failed(const struct work *w) {
    for (int i = 0; i < w->diags.list.n; i++)
        if (w->diags.list.at[i]->code == E_INTERNAL)
            return STATUS_INTERNAL;
    return STATUS_ERROR;
}

static bool is_too_long(struct work *w, const char *path, size_t n) {
    if (n <= MAX_SCRIPT_BYTES)
        return false;
    diag_error(&w->diags, E_FILE, (struct span){0}, "%s is too long for a script: %zu bytes", path,
               n);
    return true;
}

enum status format_file(const struct format_options *o, const char *path) {
    struct work w;
    work_begin(&w, o);
    const char *why = NULL;
    size_t n, n_out;
    char *text = os_read_file(&w.arena, path, MAX_SCRIPT_BYTES, &n, &why);
    if (!text) {
        diag_error(&w.diags, E_FILE, (struct span){0}, "cannot read %s: %s", path, why);
        return work_end(&w, STATUS_ERROR);
    }
    char *out = lay_out(&w, path, text, n, &n_out);
    if (!out)
        return work_end(&w, failed(&w));
    if (n == n_out && !memcmp(text, out, n))
        return work_end(&w, STATUS_OK);
    if (!o->check && !os_replace_file(path, out, n_out, &why)) {
        diag_error(&w.diags, E_FILE, (struct span){0}, "cannot write %s: %s", path, why);
        return work_end(&w, STATUS_ERROR);
    }
    fprintf(o->out, "%s\n", path);
    return work_end(&w, o->check ? STATUS_ERROR : STATUS_OK);
}

enum status format_text(const struct format_options *o, const char *name, const char *text,
                        size_t n) {
    struct work w;
    work_begin(&w, o);
    size_t n_out;
    char *out = is_too_long(&w, name, n) ? NULL : lay_out(&w, name, text, n, &n_out);
    if (!out)
        return work_end(&w, failed(&w));
    if (!o->check) {
        fwrite(out, 1, n_out, o->out);
        return work_end(&w, STATUS_OK);
    }
    bool changes = n != n_out || memcmp(text, out, n) != 0;
    if (changes)
        fprintf(o->out, "%s\n", name);
    return work_end(&w, changes ? STATUS_ERROR : STATUS_OK);
}
