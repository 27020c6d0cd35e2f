/* A row of a text of separated values after the other. What is promised stands in csv_rows.h. A
 * cell is a part of the text; only one in which quotes are doubled is copied, to take them out. */
#include "data/csv_rows.h"

#include <stdlib.h>
#include <string.h>

void csv_rows_open(struct csv_rows *r, const char *text, int64_t n, char separator) {
    static const char mark[] = "\xef\xbb\xbf";
    const char *end = text + n;
    if (n >= 3 && memcmp(text, mark, 3) == 0)
        text += 3;
    while (end > text && (end[-1] == '\n' || end[-1] == '\r'))
        end--;
    *r = (struct csv_rows){
        .at = text, .end = end, .separator = separator, .line = 1, .next_line = 1};
}

void csv_rows_close(struct csv_rows *r) {
    free(r->cells);
    free(r->unquoted);
    r->cells = NULL;
    r->unquoted = NULL;
}

static bool is_blank(const struct csv_rows *r, char c) {
    return (c == ' ' || c == '\t') && c != r->separator;
}

static bool ends_line(char c) { return c == '\n' || c == '\r'; }

static bool fail(struct csv_rows *r, const char *why) {
    r->fault = why;
    return false;
}

/* Steps over a line end at p. */
static const char *next_line(struct csv_rows *r, const char *p) {
    r->next_line++;
    return p + (p[0] == '\r' && p + 1 < r->end && p[1] == '\n' ? 2 : 1);
}

static bool add_cell(struct csv_rows *r, const char *text, int64_t n, bool quoted) {
    if (r->n_cells == CSV_MAX_COLUMNS)
        return fail(r, "more cells than a table has columns (16384)");
    if (r->n_cells == r->cap_cells) {
        int cap = r->cap_cells ? 2 * r->cap_cells : 64;
        struct csv_cell *grown = realloc(r->cells, (size_t)cap * sizeof *grown);
        if (!grown)
            return fail(r, "not enough memory for the row");
        r->cells = grown;
        r->cap_cells = cap;
    }
    r->cells[r->n_cells++] = (struct csv_cell){text, n, quoted};
    return true;
}

/* The text between quotes, of which each doubled one is taken as one, at *to; *to moves on. */
static const char *take_quotes_out(const char *text, int64_t n, char **to) {
    const char *begin = *to;
    for (int64_t i = 0; i < n; i++) {
        *(*to)++ = text[i];
        i += text[i] == '"';
    }
    return begin;
}

/* The cell that opens with the quote at p. Gives the place behind it, NULL when it is faulty. */
static const char *read_quoted(struct csv_rows *r, const char *p, char **unquoted) {
    const char *text = ++p;
    bool doubled = false;
    for (;; p++) {
        while (p < r->end && *p != '"')
            p = ends_line(*p) ? next_line(r, p) : p + 1;
        if (p >= r->end)
            return fail(r, "a quote opens a cell and none closes it"), NULL;
        if (p + 1 == r->end || p[1] != '"')
            break;
        doubled = true;
        p++;
    }
    int64_t n = p - text;
    if (doubled) {
        /* Only what is written to takes memory. */
        if (!r->unquoted && !(r->unquoted = malloc((size_t)(r->end - text) + 1)))
            return fail(r, "not enough memory for the row"), NULL;
        if (!*unquoted)
            *unquoted = r->unquoted;
        text = take_quotes_out(text, n, unquoted);
        n = *unquoted - text;
    }
    p++;
    while (p < r->end && is_blank(r, *p))
        p++;
    if (p < r->end && *p != r->separator && !ends_line(*p))
        return fail(r, "text behind the quote that closes a cell; a quote within it is written "
                       "\"\""),
               NULL;
    return add_cell(r, text, n, true) ? p : NULL;
}

static const char *read_plain(struct csv_rows *r, const char *p) {
    const char *text = p;
    while (p < r->end && *p != r->separator && !ends_line(*p))
        p++;
    const char *end = p;
    while (end > text && is_blank(r, end[-1]))
        end--;
    return add_cell(r, text, end - text, false) ? p : NULL;
}

enum csv_row csv_rows_next(struct csv_rows *r) {
    const char *p = r->at;
    char *unquoted = NULL;
    r->n_cells = 0;
    r->line = r->next_line;
    if (p >= r->end)
        return CSV_END;
    for (;; p++) {
        while (p < r->end && is_blank(r, *p))
            p++;
        p = p < r->end && *p == '"' ? read_quoted(r, p, &unquoted) : read_plain(r, p);
        if (!p)
            return CSV_FAULT;
        if (p >= r->end || ends_line(*p))
            break;
    }
    r->at = p < r->end ? next_line(r, p) : p;
    return CSV_ROW;
}
