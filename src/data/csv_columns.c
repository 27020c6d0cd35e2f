/* What a column of a table is. What is promised stands in csv_columns.h.
 *
 * Never a guess: a column in which some cells are numbers and others are not is an error, whichever
 * of them are fewer, because the few are what somebody should look at. */
#include "data/csv_columns.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "data/file.h"
#include "data/number.h"

static const char *const WORDS[] = {"NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"};
const struct csv_names CSV_MISSING_WORDS = {sizeof WORDS / sizeof *WORDS, WORDS, false};

bool csv_is_missing(const struct csv_options *o, const struct csv_cell *cell) {
    if (cell->n == 0)
        return true;
    for (int i = 0; i < o->missing_words.n; i++) {
        const char *word = o->missing_words.name[i];
        if (word[0] == cell->text[0] && strncmp(word, cell->text, (size_t)cell->n) == 0 &&
            !word[cell->n])
            return true;
    }
    return false;
}

static void see(struct csv_column *col, struct csv_seen *s, const struct csv_cell *cell,
                int64_t line) {
    enum { SHOWN_BYTES = 64 }; /* more than a message shows */
    if (s->n++ > 0)
        return;
    s->line = line;
    s->n_text = cell->n < SHOWN_BYTES ? cell->n : SHOWN_BYTES;
    s->text = arena_strndup(col->arena, cell->text, (size_t)s->n_text);
}

static void look_at_value(struct csv_column *col, const struct csv_cell *cell, int64_t line) {
    struct number x = number_read(cell->text, cell->n, col->o->decimal);
    if (x.kind == NUMBER_NONE) {
        char other = col->o->decimal == ',' ? '.' : ',';
        col->n_foreign += number_read(cell->text, cell->n, other).kind == NUMBER_FRACTION;
        if (col->words.n == 0)
            col->n_numbers_before_word = col->numbers.n;
        see(col, &col->words, cell, line);
        return;
    }
    see(col, &col->numbers, cell, line);
    if (x.kind == NUMBER_FRACTION)
        see(col, &col->fractions, cell, line);
    else if (x.huge)
        see(col, &col->huge, cell, line);
    else if (x.whole < INT32_MIN || x.whole > INT32_MAX)
        see(col, &col->wide, cell, line);
}

bool csv_column_look(struct csv_column *col, const struct csv_cell *cell, int64_t line) {
    bool missing = csv_is_missing(col->o, cell);
    if (missing)
        see(col, &col->missing, cell, line);
    else if (col->kind != CSV_TEXT)
        look_at_value(col, cell, line);
    return !missing;
}

/* A report of a cell: "houses.csv:17: column `age`: ..". */
static struct diag *report_cell(struct load_context *c, const struct csv_column *col, int64_t line,
                                const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct diag *report_cell(struct load_context *c, const struct csv_column *col, int64_t line,
                                const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(c->arena, format, args);
    va_end(args);
    return file_report(c, col->path, ":%" PRId64 ": column `%s`: %s", line, col->name, why);
}

static bool report_memory(struct load_context *c, const struct csv_column *col) {
    diag_error(c->diags, E_MEMORY, c->at, "not enough memory for the column `%s`", col->name);
    return false;
}

static const char *quote(struct load_context *c, const struct csv_seen *s) {
    return file_quote(c->arena, s->text, s->n_text);
}

/* Some cells are numbers, some are not. */
static void report_mixed(struct load_context *c, const struct csv_column *col) {
    const struct csv_seen *numbers = &col->numbers, *words = &col->words;
    int64_t before = col->n_numbers_before_word, n = before ? before : numbers->n;
    struct diag *d;
    if (words->n > numbers->n) {
        d = report_cell(c, col, numbers->line, "%s is a number, but %" PRId64 " cells are text",
                        quote(c, numbers), words->n);
        diag_note(d, (struct span){0}, "the first of them is %s in line %" PRId64, quote(c, words),
                  words->line);
        diag_help(d, "text=[\"%s\"] takes the column as text", col->name);
        return;
    }
    const char *where = before ? "before" : "after it";
    if (n == 1)
        d = report_cell(c, col, words->line, "%s is no number, as the row %s has", quote(c, words),
                        where);
    else
        d = report_cell(c, col, words->line, "%s is no number, as the %" PRId64 " rows %s have",
                        quote(c, words), n, where);
    if (words->n > 1)
        diag_note(d, (struct span){0}, "%" PRId64 " cells of the column are no numbers", words->n);
    if (words->line == 1 && words->n == 1 && !col->o->header)
        diag_help(d, "if the first line has the names of the columns: header=true");
    else
        diag_help(d,
                  "if it stands for no value: missing_words=[%s]; if the column is text: "
                  "text=[\"%s\"]",
                  quote(c, words), col->name);
}

/* What are no numbers would all be some with the other point. */
static void report_foreign(struct load_context *c, const struct csv_column *col) {
    char other = col->o->decimal == ',' ? '.' : ',';
    struct diag *d =
        report_cell(c, col, col->words.line, "%s has a `%c` where a number has its `%c`",
                    quote(c, &col->words), other, col->o->decimal);
    if (other == col->o->separator)
        diag_help(d, "numbers have no mark between thousands; text=[\"%s\"] takes the column as "
                     "text", col->name);
    else
        diag_help(d, "decimal=\"%c\" reads it as a number, text=[\"%s\"] takes the column as "
                     "text", other, col->name);
}

static const char *source_of_kind(const struct csv_column *col) {
    return col->o->like ? "`like`" : "`floats`";
}

/* Whether what was seen is what the column must be. */
static bool fits_kind(struct load_context *c, const struct csv_column *col) {
    bool whole = col->dtype == DTYPE_I32 || col->dtype == DTYPE_I64;
    if (col->words.n > 0)
        report_cell(c, col, col->words.line, "%s is no number, and %s says %s",
                    quote(c, &col->words), source_of_kind(col), dtype_name(col->dtype));
    else if (whole && col->fractions.n > 0)
        report_cell(c, col, col->fractions.line, "%s is no whole number, and %s says %s",
                    quote(c, &col->fractions), source_of_kind(col), dtype_name(col->dtype));
    else if (whole && col->missing.n > 0)
        report_cell(c, col, col->missing.line,
                    "the cell has no value, and there is no NaN of %s, as %s says",
                    dtype_name(col->dtype), source_of_kind(col));
    else
        return true;
    return false;
}

/* What the cells say. */
static bool find_kind(struct load_context *c, struct csv_column *col) {
    if (col->n_foreign > 0 && col->n_foreign == col->words.n) {
        report_foreign(c, col);
        return false;
    }
    if (col->words.n > 0 && col->numbers.n > 0) {
        report_mixed(c, col);
        return false;
    }
    col->kind = col->words.n > 0 ? CSV_TEXT : CSV_NUMBER;
    bool whole = col->fractions.n == 0 && col->missing.n == 0;
    if (col->kind == CSV_NUMBER && whole && col->huge.n > 0) {
        struct diag *d = report_cell(c, col, col->huge.line, "%s is too large for an int64",
                                     quote(c, &col->huge));
        diag_help(d, "text=[\"%s\"] takes the column as text, floats=[\"%s\"] as floats", col->name,
                  col->name);
        return false;
    }
    col->dtype = !whole          ? DTYPE_F32
                 : col->wide.n   ? DTYPE_I64
                                 : DTYPE_I32;
    return true;
}

bool csv_column_settle(struct load_context *c, struct csv_column *col, int64_t n_rows) {
    if (col->kind != CSV_TEXT && col->missing.n == n_rows) {
        diag_help(report_cell(c, col, col->missing.line, "no row has a value"),
                  "leave the column out: columns=[..]");
        return false;
    }
    if (col->kind == CSV_FOUND ? !find_kind(c, col) : col->kind == CSV_NUMBER && !fits_kind(c, col))
        return false;
    if (col->kind == CSV_TEXT) {
        col->dtype = DTYPE_I32;
        if (col->missing.n > 0) {
            const struct csv_seen *m = &col->missing;
            struct diag *d = report_cell(c, col, m->line, "there is no NaN of text, and the cell "
                                         "has no value%s%s", m->n_text ? ": " : "",
                                         m->n_text ? quote(c, m) : "");
            diag_help(d, "missing=\"drop\" leaves its row out%s",
                      m->n_text ? "; missing_words=[..] says which words are no value" : "");
            return false;
        }
    }
    col->values = tensor_new(col->dtype, 1, &n_rows);
    return col->values ? true : report_memory(c, col);
}

/* ---- texts */

static int64_t find_slot(const struct csv_column *col, const char *text, int64_t n) {
    uint64_t mask = (uint64_t)col->n_slots - 1;
    uint64_t i = hash_bytes(text, (size_t)n, 0) & mask;
    for (; col->slot[i]; i = (i + 1) & mask) {
        const char *word = col->word.at[col->slot[i] - 1];
        if (strncmp(word, text, (size_t)n) == 0 && !word[n])
            break;
    }
    return (int64_t)i;
}

static bool grow_slots(struct csv_column *col) {
    int64_t n = col->n_slots ? 2 * col->n_slots : 64;
    uint32_t *grown = calloc((size_t)n, sizeof *grown);
    if (!grown)
        return false;
    free(col->slot);
    col->slot = grown;
    col->n_slots = n;
    for (int i = 0; i < col->word.n; i++)
        col->slot[find_slot(col, col->word.at[i], (int64_t)strlen(col->word.at[i]))] =
            (uint32_t)i + 1;
    return true;
}

static bool add_known(struct csv_column *col) {
    for (int i = 0; i < col->known->n; i++)
        array_push(NULL, &col->word, col->known->name[i]);
    while (col->n_slots < 2 * (int64_t)col->word.n + 1)
        if (!grow_slots(col))
            return false;
    return true;
}

static void report_unknown(struct load_context *c, const struct csv_column *col,
                           const struct csv_cell *cell, int64_t line) {
    struct diag *d = report_cell(c, col, line, "%s is none of the %d categories of `like`",
                                 file_quote(c->arena, cell->text, cell->n), col->known->n);
    const char *text = arena_strndup(c->arena, cell->text, (size_t)(cell->n < 64 ? cell->n : 64));
    const char *near = nearest_name(text, col->known->name, col->known->n);
    if (near)
        diag_help(d, "the nearest of them is \"%s\"", near);
}

static bool put_text(struct load_context *c, struct csv_column *col, const struct csv_cell *cell,
                     int64_t line, int64_t row) {
    bool room = col->known && col->n_slots == 0 ? add_known(col) : true;
    if (room && 2 * (int64_t)col->word.n >= col->n_slots)
        room = grow_slots(col);
    if (!room)
        return report_memory(c, col);
    int64_t at = find_slot(col, cell->text, cell->n);
    if (!col->slot[at]) {
        if (col->known) {
            report_unknown(c, col, cell, line);
            return false;
        }
        array_push(NULL, &col->word, arena_strndup(col->arena, cell->text, (size_t)cell->n));
        col->slot[at] = (uint32_t)col->word.n;
    }
    ((int32_t *)col->values->data)[row] = (int32_t)col->slot[at] - 1;
    return true;
}

/* ---- numbers */

static bool put_float(struct load_context *c, struct csv_column *col, const struct csv_cell *cell,
                      int64_t line, int64_t row) {
    bool missing = col->missing.n > 0 && csv_is_missing(col->o, cell);
    double x = missing ? (double)NAN : number_read(cell->text, cell->n, col->o->decimal).value;
    if (fabs(x) > (col->dtype == DTYPE_F32 ? (double)FLT_MAX : DBL_MAX)) {
        report_cell(c, col, line, "%s is too large for a %s",
                    file_quote(c->arena, cell->text, cell->n), dtype_name(col->dtype));
        return false;
    }
    if (col->dtype == DTYPE_F32)
        ((float *)col->values->data)[row] = (float)x;
    else
        ((double *)col->values->data)[row] = x;
    return true;
}

static bool put_whole(struct load_context *c, struct csv_column *col, const struct csv_cell *cell,
                      int64_t line, int64_t row) {
    struct number x = number_read(cell->text, cell->n, col->o->decimal);
    bool wide = x.whole < INT32_MIN || x.whole > INT32_MAX;
    if (x.huge || (wide && col->dtype == DTYPE_I32)) {
        report_cell(c, col, line, "%s is too large for an %s",
                    file_quote(c->arena, cell->text, cell->n), dtype_name(col->dtype));
        return false;
    }
    if (col->dtype == DTYPE_I32)
        ((int32_t *)col->values->data)[row] = (int32_t)x.whole;
    else
        ((int64_t *)col->values->data)[row] = x.whole;
    return true;
}

bool csv_column_put(struct load_context *c, struct csv_column *col, const struct csv_cell *cell,
                    int64_t line, int64_t row) {
    if (col->kind == CSV_TEXT)
        return put_text(c, col, cell, line, row);
    if (dtype_is_float(col->dtype))
        return put_float(c, col, cell, line, row);
    return put_whole(c, col, cell, line, row);
}

/* ---- the end */

struct ranked {
    const char *text;
    int32_t code;
};

static int compare_ranked(const void *a, const void *b) {
    /* Bytes of UTF-8 are in the order of the characters they stand for. */
    return strcmp(((const struct ranked *)a)->text, ((const struct ranked *)b)->text);
}

bool csv_column_finish(struct load_context *c, struct csv_column *col,
                       const struct categories **out) {
    *out = col->kind == CSV_TEXT ? col->known : NULL;
    if (col->kind != CSV_TEXT || col->known)
        return true;
    int n = col->word.n;
    const char **names = arena_array(col->arena, const char *, n);
    struct ranked *ranked = malloc((size_t)n * sizeof *ranked);
    int32_t *rank = malloc((size_t)n * sizeof *rank);
    bool room = ranked && rank;
    if (!room)
        report_memory(c, col);
    if (room) {
        struct categories *made = arena_new(col->arena, struct categories);
        *made = (struct categories){n, names};
        *out = made;
        for (int i = 0; i < n; i++)
            ranked[i] = (struct ranked){col->word.at[i], i};
        qsort(ranked, (size_t)n, sizeof *ranked, compare_ranked);
        for (int i = 0; i < n; i++) {
            names[i] = ranked[i].text;
            rank[ranked[i].code] = i;
        }
        int32_t *codes = col->values->data;
        for (int64_t i = 0; i < col->values->n_elements; i++)
            codes[i] = rank[codes[i]];
    }
    free(ranked);
    free(rank);
    return room;
}

void csv_column_free(struct csv_column *col) {
    tensor_unref(col->values);
    free(col->slot);
    array_free(&col->word);
    col->values = NULL;
}
