/* How a diagnostic looks (diag.h shows one): the line for editors, excerpts with underlined spans,
 * notes, trail, help. Nothing of a script reaches the terminal unseen: control bytes, malformed
 * UTF-8 and marks that reorder text are shown as `?`, a tab as spaces. */
#include <limits.h>
#include <string.h>

#include "base/diag.h"

enum {
    TAB_COLUMNS = 4,
    MAX_COLUMNS = 100, /* a longer line is cut around its spans */
    CUT_COLUMNS = 94,  /* to this much, and "..." at the ends */
    CUT_BEFORE = 10,   /* of it left of spans that are themselves too long */
    MIN_GUTTER = 3,
    MAX_CALLERS = 6
};

/* One character of a source: its bytes, and how it is shown. */
struct glyph {
    int n_bytes, columns;
    bool plain; /* shown as it is */
};

static uint32_t decode(const char *at, int n) {
    const unsigned char *p = (const unsigned char *)at;
    static const unsigned char lead[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = p[0] & lead[n];
    for (int i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3F);
    return c;
}

static bool in_ranges(uint32_t c, const uint32_t (*ranges)[2], int n) {
    for (int i = 0; i < n; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Terminal columns by the East Asian Width of Unicode, the ranges that fonts agree on. */
static int char_columns(uint32_t c) {
    static const uint32_t none[][2] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},
                                       {0x200B, 0x200D}, {0x20D0, 0x20F0}, {0xFE00, 0xFE0F}};
    static const uint32_t wide[][2] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                                       {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                                       {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                                       {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if (c < 0x300)
        return 1;
    if (in_ranges(c, none, sizeof none / sizeof *none))
        return 0;
    return in_ranges(c, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

static bool is_unseen(uint32_t c) {
    static const uint32_t ranges[][2] = {{0, 0x1F},        {0x7F, 0x9F},     {0x200E, 0x200F},
                                         {0x2028, 0x202E}, {0x2066, 0x2069}, {0xD800, 0xDFFF},
                                         {0xFEFF, 0xFEFF}};
    return in_ranges(c, ranges, sizeof ranges / sizeof *ranges);
}

/* column: where it will stand; a tab goes to the next stop. */
static struct glyph glyph_at(const char *at, const char *end, int column) {
    if (*at >= ' ' && *at <= '~')
        return (struct glyph){1, 1, true};
    int n = source_char_bytes(at, end);
    if (*at == '\t')
        return (struct glyph){1, TAB_COLUMNS - column % TAB_COLUMNS, false};
    if (n == 1 && (unsigned char)*at >= 0x80)
        return (struct glyph){1, 1, false};
    uint32_t c = decode(at, n);
    if (is_unseen(c))
        return (struct glyph){n, 1, false};
    return (struct glyph){n, char_columns(c), true};
}

static void put_glyph(const char *at, struct glyph g, FILE *out) {
    if (g.plain)
        fwrite(at, 1, (size_t)g.n_bytes, out);
    else if (*at == '\t')
        fprintf(out, "%*s", g.columns, "");
    else
        fputc('?', out);
}

/* A message: what it quotes from a script is made harmless, its own newlines are kept and indented.
 */
static void put_words(const char *text, FILE *out) {
    const char *end = text + strlen(text);
    while (text < end) {
        struct glyph g = glyph_at(text, end, 0);
        if (*text == '\n')
            fputs("\n    ", out);
        else
            put_glyph(text, g, out);
        text += g.n_bytes;
    }
}

/* The columns [from, to) of a span in its line. */
struct mark {
    int from, to;
    const char *text;
};

struct excerpt {
    const struct sources *sources;
    uint32_t source, line;
    const char *text;
    uint32_t n_bytes;
    ARRAY(struct mark) marks; /* by column */
    int skip, limit;          /* the columns shown: skip <= column < limit */
    int width;                /* of the whole line */
    int gutter;
};

/* Columns of the first n bytes of the line. */
static int measure(const struct excerpt *e, uint32_t n) {
    const char *p = e->text, *end = e->text + e->n_bytes;
    int column = 0;
    while (p < end && p < e->text + n && column < INT_MAX / 2) {
        struct glyph g = glyph_at(p, end, column);
        column += g.columns;
        p += g.n_bytes;
    }
    return column;
}

static void add_mark(struct excerpt *e, struct span at, const char *text) {
    uint32_t offset = at.offset - (uint32_t)(e->text - e->sources->at[e->source].text);
    offset = offset < e->n_bytes ? offset : e->n_bytes;
    uint32_t length = at.length < e->n_bytes - offset ? at.length : e->n_bytes - offset;
    struct mark m = {measure(e, offset), measure(e, offset + length), text};
    if (m.to <= m.from)
        m.to = m.from + 1;
    array_push(NULL, &e->marks, m);
    for (int i = e->marks.n - 1; i > 0 && e->marks.at[i - 1].from > e->marks.at[i].from; i--) {
        struct mark swap = e->marks.at[i];
        e->marks.at[i] = e->marks.at[i - 1];
        e->marks.at[i - 1] = swap;
    }
}

static void choose_window(struct excerpt *e) {
    e->width = measure(e, e->n_bytes);
    e->skip = 0;
    e->limit = e->width;
    if (e->width <= MAX_COLUMNS)
        return;
    int first = e->marks.at[0].from, last = first;
    for (int i = 0; i < e->marks.n; i++)
        if (e->marks.at[i].to > last)
            last = e->marks.at[i].to;
    int before = last - first < CUT_COLUMNS ? (CUT_COLUMNS - (last - first)) / 2 : CUT_BEFORE;
    e->skip = first > before ? first - before : 0;
    if (e->skip > e->width - CUT_COLUMNS)
        e->skip = e->width - CUT_COLUMNS;
    e->limit = e->skip + CUT_COLUMNS;
}

/* Where a column of the line stands in the output. */
static int shown_column(const struct excerpt *e, int column) {
    column = column < e->skip ? e->skip : column > e->limit + 1 ? e->limit + 1 : column;
    return column - e->skip + (e->skip ? 3 : 0);
}

static void put_line(const struct excerpt *e, FILE *out) {
    fprintf(out, "%*u |%s%s", e->gutter, e->line, e->n_bytes ? " " : "", e->skip ? "..." : "");
    const char *p = e->text, *end = e->text + e->n_bytes;
    for (int column = 0; p < end && column < e->limit;) {
        struct glyph g = glyph_at(p, end, column);
        if (column >= e->skip && column + g.columns <= e->limit)
            put_glyph(p, g, out);
        else if (column + g.columns > e->skip)
            fprintf(out, "%*s", column < e->skip ? column + g.columns - e->skip : e->limit - column,
                    "");
        column += g.columns;
        p += g.n_bytes;
    }
    fprintf(out, "%s\n", e->limit < e->width ? "..." : "");
}

static void put_carets(const struct excerpt *e, FILE *out) {
    int at = 0;
    fprintf(out, "%*s | ", e->gutter, "");
    for (int i = 0; i < e->marks.n; i++) {
        int from = shown_column(e, e->marks.at[i].from), to = shown_column(e, e->marks.at[i].to);
        if (to == from)
            to++;
        for (; at < from; at++)
            fputc(' ', out);
        for (; at < to; at++)
            fputc('^', out);
    }
}

static void put_excerpt(struct excerpt *e, FILE *out) {
    choose_window(e);
    put_line(e, out);
    put_carets(e, out);
    const struct mark *last = &e->marks.at[e->marks.n - 1];
    if (*last->text) {
        fputc(' ', out);
        put_words(last->text, out);
    }
    fputc('\n', out);
    for (int i = e->marks.n - 2; i >= 0; i--) {
        const struct mark *m = &e->marks.at[i];
        if (!*m->text)
            continue;
        fprintf(out, "%*s | %*s", e->gutter, "", shown_column(e, m->from), "");
        put_words(m->text, out);
        fputc('\n', out);
    }
    array_free(&e->marks);
}

static bool is_somewhere(const struct sources *s, struct span at) {
    return at.source > 0 && at.source < s->n;
}

static bool is_library(const struct sources *s, struct span at) {
    return is_somewhere(s, at) && s->at[at.source].library;
}

static void put_place(const struct sources *s, struct span at, FILE *out) {
    struct place p = source_place(s, at);
    put_words(p.path, out);
    fprintf(out, ":%u:%u", p.line, p.column);
}

static int gutter_of(const struct diag *d, const struct sources *s) {
    uint32_t line = source_line_number(s, d->at);
    for (int i = 0; i < d->labels.n; i++) {
        uint32_t other = source_line_number(s, d->labels.at[i].at);
        line = other > line ? other : line;
    }
    int digits = 1;
    for (; line >= 10; line /= 10)
        digits++;
    return digits > MIN_GUTTER ? digits : MIN_GUTTER;
}

/* The excerpt of one line with every label that begins in it; without any, `at` itself. */
static void put_excerpt_at(const struct diag *d, const struct sources *s, struct span at,
                           FILE *out) {
    struct excerpt e = {.sources = s, .source = at.source, .line = source_line_number(s, at)};
    e.gutter = gutter_of(d, s);
    e.text = source_line(s, e.source, e.line, &e.n_bytes);
    for (int i = 0; i < d->labels.n; i++) {
        const struct label *l = &d->labels.at[i];
        if (l->at.source == e.source && source_line_number(s, l->at) == e.line)
            add_mark(&e, l->at, l->text);
    }
    if (e.marks.n == 0)
        add_mark(&e, at, "");
    put_excerpt(&e, out);
}

/* The definition of a library that holds the place: the nearest line above that begins, unindented,
 * with a word and a name, as every definition does. "" when there is none. */
static const char *definition_of(const struct sources *s, struct span at, int *n_name) {
    for (uint32_t line = source_line_number(s, at); line > 0; line--) {
        uint32_t n;
        const char *p = source_line(s, at.source, line, &n), *end = p + n;
        const char *word = p;
        while (p < end && *p >= 'a' && *p <= 'z')
            p++;
        if (p == word || p == end || *p != ' ')
            continue;
        const char *name = ++p;
        while (p < end && (*p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                           (*p >= 'A' && *p <= 'Z')))
            p++;
        if (p < end && *p == '(' && p > name) {
            *n_name = (int)(p - name);
            return name;
        }
    }
    *n_name = 0;
    return "";
}

static void put_library_frame(const struct sources *s, struct span at, FILE *out) {
    int n;
    const char *name = definition_of(s, at, &n);
    fputs("note: in ", out);
    if (n)
        fprintf(out, "`%.*s`, ", n, name);
    put_place(s, at, out);
    fputc('\n', out);
}

/* True when an earlier label begins in the same line. */
static bool line_is_done(const struct diag *d, const struct sources *s, int label) {
    const struct span at = d->labels.at[label].at;
    for (int i = 0; i < label; i++)
        if (d->labels.at[i].at.source == at.source &&
            source_line_number(s, d->labels.at[i].at) == source_line_number(s, at))
            return true;
    return false;
}

/* The excerpts of the source that `at` is in, its own line first. */
static void put_own_excerpts(const struct diag *d, const struct sources *s, FILE *out) {
    uint32_t first = source_line_number(s, d->at);
    bool any = false, in_first = false;
    for (int i = 0; i < d->labels.n; i++)
        if (d->labels.at[i].at.source == d->at.source) {
            any = true;
            in_first = in_first || source_line_number(s, d->labels.at[i].at) == first;
        }
    if (!any || in_first)
        put_excerpt_at(d, s, d->at, out);
    for (int i = 0; i < d->labels.n; i++) {
        struct span at = d->labels.at[i].at;
        if (at.source == d->at.source && source_line_number(s, at) != first &&
            !line_is_done(d, s, i))
            put_excerpt_at(d, s, at, out);
    }
}

/* Labels in other sources: a note with the place, then the excerpt. */
static void put_other_excerpts(const struct diag *d, const struct sources *s, FILE *out) {
    for (int i = 0; i < d->labels.n; i++) {
        struct span at = d->labels.at[i].at;
        if (at.source == d->at.source || !is_somewhere(s, at) || line_is_done(d, s, i))
            continue;
        if (is_library(s, at)) {
            put_library_frame(s, at, out);
        } else {
            put_place(s, at, out);
            fputs(": note: here\n", out);
        }
        put_excerpt_at(d, s, at, out);
    }
}

static bool is_labelled(const struct diag *d, const struct sources *s, struct span at) {
    for (int i = 0; i < d->labels.n; i++)
        if (d->labels.at[i].at.source == at.source &&
            source_line_number(s, d->labels.at[i].at) == source_line_number(s, at))
            return true;
    return false;
}

/* The frame that `at` stands for, by diag_trail: the first that is not a library's. */
static const struct origin *main_frame(const struct diag *d, const struct sources *s) {
    for (const struct origin *o = d->trail; o; o = o->caller)
        if (is_somewhere(s, o->span) && !is_library(s, o->span))
            return o;
    return d->trail;
}

/* The frames that have not been shown: libraries' by name, the user's callers by place. */
static void put_trail(const struct diag *d, const struct sources *s, FILE *out) {
    const struct origin *shown = main_frame(d, s);
    int n = 0;
    for (const struct origin *o = d->trail; o; o = o->caller) {
        bool library = is_library(s, o->span);
        if (o == shown || !is_somewhere(s, o->span) || (library && is_labelled(d, s, o->span)))
            continue;
        if (++n > MAX_CALLERS)
            continue;
        if (library) {
            put_library_frame(s, o->span, out);
        } else {
            put_place(s, o->span, out);
            fputs(": note: called from here\n", out);
        }
    }
    if (n > MAX_CALLERS)
        fprintf(out, "note: and %d more call%s\n", n - MAX_CALLERS,
                n == MAX_CALLERS + 1 ? "" : "s");
}

void diag_print(const struct diags *ds, const struct diag *d, FILE *out) {
    static const char *const severities[] = {"error", "warning", "note"};
    const struct sources *s = ds->sources;
    if (is_somewhere(s, d->at))
        put_place(s, d->at, out);
    else
        fputs("nnrun", out);
    fprintf(out, ": %s: ", severities[d->severity]);
    put_words(d->message, out);
    if (d->code != E_NONE)
        fprintf(out, " [%s]", diag_code_name(d->code));
    fputc('\n', out);
    if (is_somewhere(s, d->at))
        put_own_excerpts(d, s, out);
    put_other_excerpts(d, s, out);
    for (int i = 0; i < d->notes.n; i++) {
        if (is_somewhere(s, d->notes.at[i].at)) {
            put_place(s, d->notes.at[i].at, out);
            fputs(": ", out);
        }
        fputs("note: ", out);
        put_words(d->notes.at[i].text, out);
        fputc('\n', out);
    }
    put_trail(d, s, out);
    if (d->help) {
        fputs("help: ", out);
        put_words(d->help, out);
        fputc('\n', out);
    }
}

void diag_flush(struct diags *ds, enum diag_look look, FILE *out) {
    while (ds->n_printed < ds->list.n) {
        const struct diag *d = ds->list.at[ds->n_printed++];
        if (look == DIAG_JSON)
            diag_print_json(ds, d, out);
        else
            diag_print(ds, d, out);
    }
    int n = ds->n_dropped - ds->n_dropped_printed;
    if (n > 0 && look == DIAG_JSON)
        diag_print_dropped_json(ds, n, out);
    else if (n > 0)
        fprintf(out, "%d more error%s\n", n, n == 1 ? "" : "s");
    ds->n_dropped_printed = ds->n_dropped;
}
