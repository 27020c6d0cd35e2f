/* The formatter's last step, the text; and whether two texts are one script. */
#include "syntax/fmt.h"

#include <string.h>

#include "nn.h"
#include "syntax/fmt_parts.h"

char *fmt_text(struct arena *a, const char *text, const struct token_list *list, size_t *n_bytes) {
    struct fmt_layout l = {.arena = a};
    fmt_find_lines(&l, text, list);
    fmt_find_columns(&l);
    size_t n = 0;
    for (int i = 0; i < l.lines.n; i++) {
        const struct fmt_line *line = &l.lines.at[i];
        const struct fmt_piece *last = &l.pieces.at[line->first + line->n - 1];
        n += (size_t)last->column + 2; /* and a line break, and one for an empty line */
        for (int k = 0; k < line->n; k++)
            n += (size_t)l.pieces.at[line->first + k].n_bytes;
    }
    char *out = arena_alloc(a, n + 1), *at = out;
    for (int i = 0; i < l.lines.n; i++) {
        const struct fmt_line *line = &l.lines.at[i];
        if (line->blank_before)
            *at++ = '\n';
        int column = 0;
        for (int k = 0; k < line->n; k++) {
            const struct fmt_piece *p = &l.pieces.at[line->first + k];
            memset(at, ' ', (size_t)(p->column - column));
            at += p->column - column;
            memcpy(at, p->text, (size_t)p->n_bytes);
            at += p->n_bytes;
            column = p->column + p->width;
        }
        *at++ = '\n';
    }
    *n_bytes = (size_t)(at - out);
    return out;
}

static int skip_breaks(const struct token *at, int i) {
    while (at[i].kind == TK_BLANK || at[i].kind == TK_JOIN)
        i++;
    return i;
}

/* The next token at or after `i` that a layout must keep: not the end of the last line, which need
 * not have one. */
static int next_kept(const struct token_list *list, int i) {
    const struct token *at = list->tokens.at;
    i = skip_breaks(at, i);
    if (at[i].kind != TK_NEWLINE)
        return i;
    int next = skip_breaks(at, i + 1);
    return at[next].kind == 0 ? next : i;
}

static uint32_t kept_length(const char *text, const struct token *t) {
    uint32_t n = t->kind == TK_NEWLINE ? 0 : t->length; /* a carriage return may stand in one */
    const char *at = text + t->offset;
    while (t->kind == TK_COMMENT && (at[n - 1] == ' ' || at[n - 1] == '\t'))
        n--;
    return n;
}

bool fmt_same_script(const char *text, const struct token_list *list, const char *other_text,
                     const struct token_list *other) {
    for (int i = 0, k = 0;; i++, k++) {
        i = next_kept(list, i);
        k = next_kept(other, k);
        const struct token *a = &list->tokens.at[i], *b = &other->tokens.at[k];
        uint32_t n = kept_length(text, a);
        if (a->kind != b->kind || n != kept_length(other_text, b) ||
            memcmp(text + a->offset, other_text + b->offset, n) != 0)
            return false;
        if (a->kind == 0)
            return true;
    }
}
