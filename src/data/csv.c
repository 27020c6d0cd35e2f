/* load_csv: a table becomes a data set. In: a file and options. Out: a field a column.
 *
 * The file is read whole and gone through twice: once to see how many rows there are and what their
 * cells are, once to take the values. Its bytes and the columns are all the memory it takes.
 *
 * Not for: what a row is (csv_rows.c), what a column is (csv_columns.c). */
#include "data/csv.h"

#include <inttypes.h>
#include <string.h>

#include "data/csv_columns.h"
#include "data/file.h"
#include "data/number.h"
#include "data/store.h"

enum { ROWS_A_POLL = 4096 };

struct csv_table {
    struct load_context *c;
    const struct csv_options *o;
    struct arena *arena; /* of names and categories */
    struct file file;
    struct csv_rows rows;
    const char **names; /* [n_cells] of the file's columns */
    int n_cells;        /* of each row */
    struct csv_column *columns; /* [n_columns] that were chosen, in the order of the fields */
    int n_columns;
    int64_t n_rows;      /* that are kept */
    int64_t n_lacking;   /* that lack a value in a chosen column */
    const char *body;    /* the rows behind the header, and their first line */
    int64_t body_line;
};

/* ---- rows */

/* The next row that is not an empty line; in a table of one column an empty line is a row. */
static enum csv_row next_row(struct csv_table *t) {
    enum csv_row got;
    do {
        got = csv_rows_next(&t->rows);
    } while (got == CSV_ROW && t->n_cells != 1 && t->rows.n_cells == 1 &&
             t->rows.cells[0].n == 0 && !t->rows.cells[0].quoted);
    if (got == CSV_FAULT)
        file_report(t->c, t->file.path, ":%" PRId64 ": %s", t->rows.line, t->rows.fault);
    return got;
}

static bool check_width(struct csv_table *t) {
    int n = t->rows.n_cells;
    if (n == t->n_cells)
        return true;
    const char *whose = t->o->header          ? "the header has"
                        : t->o->names.given   ? "there are names for"
                                              : "the first row has";
    struct diag *d = file_report(t->c, t->file.path, ":%" PRId64 ": %d cell%s, but %s %d",
                                 t->rows.line, n, n == 1 ? "" : "s", whose, t->n_cells);
    if (n > t->n_cells)
        diag_help(d, "a cell that holds the separator `%c` stands in quotes", t->rows.separator);
    return false;
}

/* Whether a chosen column has no value in the row just read. */
static bool lacks_value(const struct csv_table *t) {
    for (int i = 0; i < t->n_columns; i++)
        if (csv_is_missing(t->o, &t->rows.cells[t->columns[i].cell]))
            return true;
    return false;
}

static void rewind_rows(struct csv_table *t) {
    t->rows.at = t->body;
    t->rows.next_line = t->body_line;
}

/* ---- names */

static bool is_number(const struct csv_table *t, const struct csv_cell *cell) {
    return number_read(cell->text, cell->n, t->o->decimal).kind != NUMBER_NONE;
}

/* A header that may be none: a number among the names, or one name that seems to be several. */
static bool check_header(struct csv_table *t) {
    const struct csv_cell *cells = t->rows.cells;
    bool sure = !t->o->header || t->o->header_given || t->o->columns.given;
    for (int i = 0; i < t->n_cells && !sure; i++) {
        if (!is_number(t, &cells[i]))
            continue;
        struct diag *d = file_report(t->c, t->file.path,
                                     ":%" PRId64 ": %s is a number where the name of a column "
                                     "should be",
                                     t->rows.line,
                                     file_quote(t->c->arena, cells[i].text, cells[i].n));
        diag_help(d, "header=false if the first line has values already, header=true if these are "
                     "the names");
        return false;
    }
    static const char others[] = ",;\t|";
    bool one = t->o->header && t->n_cells == 1 && !cells[0].quoted;
    for (const char *s = others; *s && one; s++) {
        if (*s == t->rows.separator || !memchr(cells[0].text, *s, (size_t)cells[0].n))
            continue;
        char shown[3] = {*s};
        struct diag *d = file_report(
            t->c, t->file.path, ":%" PRId64 ": one column only: %s, which is not separated by `%c`",
            t->rows.line, file_quote(t->c->arena, cells[0].text, cells[0].n), t->rows.separator);
        diag_help(d, "separator=\"%s\"", *s == '\t' ? "\\t" : shown);
        return false;
    }
    return true;
}

static bool check_names(struct csv_table *t) {
    for (int i = 0; i < t->n_cells; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(t->names[i], t->names[k]) == 0) {
                file_report(t->c, t->file.path, ":%" PRId64 ": columns %d and %d are both `%s`",
                            t->rows.line, k + 1, i + 1, t->names[i]);
                return false;
            }
    return true;
}

/* Reads the first row: how many cells there are, and what the columns are called. */
static bool read_names(struct csv_table *t) {
    const struct csv_names *given = &t->o->names;
    csv_rows_open(&t->rows, t->file.bytes, t->file.n, t->o->separator);
    t->body = t->rows.at;
    t->body_line = t->rows.next_line;
    enum csv_row got = next_row(t);
    if (got == CSV_END)
        file_report(t->c, t->file.path, "is empty");
    if (got != CSV_ROW)
        return false;
    if (t->o->header) {
        t->body = t->rows.at;
        t->body_line = t->rows.next_line;
    }
    t->n_cells = t->rows.n_cells;
    t->names = arena_array(t->arena, const char *, t->n_cells);
    if (!check_header(t))
        return false;
    if (given->given) {
        t->n_cells = given->n;
        if (!check_width(t))
            return false;
    }
    for (int i = 0; i < t->n_cells; i++) {
        const struct csv_cell *cell = &t->rows.cells[i];
        bool named = t->o->header && cell->n > 0;
        t->names[i] = given->given ? arena_strndup(t->arena, given->name[i], strlen(given->name[i]))
                      : named      ? arena_strndup(t->arena, cell->text, (size_t)cell->n)
                                   : arena_printf(t->arena, "c%d", i);
    }
    return check_names(t);
}

/* ---- which columns */

static int find_name(const char *const *names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* The column of that name. -1: reported. */
static int find_column(struct csv_table *t, const char *name, const char *who) {
    int i = find_name(t->names, t->n_cells, name);
    if (i >= 0)
        return i;
    struct diag *d = diag_error(t->c->diags, E_UNKNOWN_FIELD, t->c->at,
                                "%s has no column `%s`, which %s names", t->file.path, name, who);
    const char *near = nearest_name(name, t->names, t->n_cells);
    if (near)
        diag_help(d, "did you mean \"%s\"?", near);
    return -1;
}

/* Adds the column at a place of the rows. */
static bool add_column(struct csv_table *t, int cell) {
    struct csv_column *col = &t->columns[t->n_columns++];
    const struct dataset *like = t->o->like;
    *col = (struct csv_column){.name = t->names[cell],
                               .cell = cell,
                               .o = t->o,
                               .path = t->file.path,
                               .arena = t->arena};
    if (find_name(t->o->text.name, t->o->text.n, col->name) >= 0)
        col->kind = CSV_TEXT;
    if (find_name(t->o->floats.name, t->o->floats.n, col->name) >= 0) {
        col->kind = CSV_NUMBER;
        col->dtype = DTYPE_F32;
    }
    if (!like)
        return true;
    int i = dataset_find_field(like, col->name);
    if (i < 0) {
        struct diag *d = diag_error(t->c->diags, E_UNKNOWN_FIELD, t->c->at,
                                    "%s has a column `%s`, which `like` has not", t->file.path,
                                    col->name);
        diag_help(d, "columns=[..] chooses those that are wanted");
        return false;
    }
    col->known = like->fields[i].categories;
    if (col->known && t->arena != t->c->arena)
        col->known = categories_copy(t->arena, col->known); /* a kept set outlives `like` */
    col->kind = col->known ? CSV_TEXT : CSV_NUMBER;
    col->dtype = dataset_field_dtype(like, i);
    return true;
}

/* A table to be alike has a number or a category in each field. */
static bool check_like(struct csv_table *t) {
    const struct dataset *like = t->o->like;
    for (int i = 0; like && i < like->n_fields; i++) {
        const struct field *f = &like->fields[i];
        enum dtype dtype = dataset_field_dtype(like, i);
        if (f->stored->rank != 1 || dtype == DTYPE_U8 || dtype == DTYPE_BOOL) {
            diag_error(t->c->diags, E_WRONG_KIND, t->c->at,
                       "`like` must be a table as load_csv gives it, but its field `%s` is no "
                       "column",
                       f->name);
            return false;
        }
        if (!t->o->columns.given && find_column(t, f->name, "`like`") < 0)
            return false;
    }
    return true;
}

static bool choose_columns(struct csv_table *t) {
    const struct csv_names *chosen = &t->o->columns;
    const struct csv_names *named[] = {&t->o->text, &t->o->floats};
    static const char *const words[] = {"`text`", "`floats`"};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < named[k]->n; i++)
            if (find_column(t, named[k]->name[i], words[k]) < 0)
                return false;
    if (!check_like(t))
        return false;
    int n = chosen->given ? chosen->n : t->n_cells;
    t->columns = arena_array(t->c->arena, struct csv_column, n);
    for (int i = 0; i < n; i++) {
        int cell = chosen->given ? find_column(t, chosen->name[i], "`columns`") : i;
        if (cell >= 0 && chosen->given && find_name(chosen->name, i, chosen->name[i]) >= 0) {
            diag_error(t->c->diags, E_DUPLICATE_NAME, t->c->at, "`columns` names `%s` twice",
                       chosen->name[i]);
            return false;
        }
        if (cell < 0 || !add_column(t, cell))
            return false;
    }
    return true;
}

/* ---- the two walks */

static bool look_at_rows(struct csv_table *t) {
    enum csv_row got;
    rewind_rows(t);
    for (int64_t n = 1; (got = next_row(t)) == CSV_ROW; n++) {
        if (!check_width(t) || (n % ROWS_A_POLL == 0 && file_interrupted(t->c, t->file.path)))
            return false;
        bool whole = t->o->missing != CSV_MISSING_DROP || !lacks_value(t);
        t->n_rows += whole;
        for (int i = 0; i < t->n_columns && (whole || t->o->missing != CSV_MISSING_DROP); i++)
            whole = csv_column_look(&t->columns[i], &t->rows.cells[t->columns[i].cell],
                                    t->rows.line) && whole;
        t->n_lacking += !whole;
    }
    return got == CSV_END;
}

static bool take_values(struct csv_table *t) {
    rewind_rows(t);
    for (int64_t row = 0, n = 1; next_row(t) == CSV_ROW; n++) {
        if (n % ROWS_A_POLL == 0 && file_interrupted(t->c, t->file.path))
            return false;
        if (t->o->missing == CSV_MISSING_DROP && lacks_value(t))
            continue;
        for (int i = 0; i < t->n_columns; i++)
            if (!csv_column_put(t->c, &t->columns[i], &t->rows.cells[t->columns[i].cell],
                                t->rows.line, row))
                return false;
        row++;
    }
    return true;
}

/* ---- what was seen */

static const char *rows_words(struct csv_table *t, int64_t n) {
    return arena_printf(t->c->arena, "%" PRId64 " row%s", n, n == 1 ? "" : "s");
}

static void report_missing(struct csv_table *t) {
    const struct csv_column *first = NULL;
    bool words = false, text = false;
    for (int i = 0; i < t->n_columns; i++) {
        const struct csv_column *col = &t->columns[i];
        if (col->missing.n == 0)
            continue;
        if (!first || col->missing.line < first->missing.line)
            first = col;
        words = words || col->missing.n_text;
        text = text || col->words.n > 0 || col->kind == CSV_TEXT;
    }
    const struct csv_seen *m = &first->missing;
    struct diag *d = file_report(t->c, t->file.path, ":%" PRId64 ": column `%s`: %s%s", m->line,
                                 first->name,
                                 m->n_text ? file_quote(t->c->arena, m->text, m->n_text) : "",
                                 m->n_text ? " stands for no value" : "the cell is empty");
    for (int i = 0, n = 0; i < t->n_columns && n < 8; i++) {
        const struct csv_column *col = &t->columns[i];
        if (col->missing.n == 0)
            continue;
        diag_note(d, (struct span){0}, "`%s` lacks %" PRId64 " of %" PRId64 " values", col->name,
                  col->missing.n, t->n_rows);
        n++;
    }
    diag_help(d,
              "missing=\"drop\" leaves %s out%s%s", rows_words(t, t->n_lacking),
              text ? "" : "; missing=\"nan\" keeps NaN",
              words ? "; missing_words=[..] says which words stand for no value" : "");
}

static bool settle_columns(struct csv_table *t) {
    bool ok = true;
    if (t->n_rows == 0 || t->n_rows > INT32_MAX) {
        file_report(t->c, t->file.path, "has %s",
                    t->n_rows      ? "more rows than a data set holds (2147483647)"
                    : t->n_lacking ? "no row in which every column has a value"
                                   : "names of columns, but no row");
        return false;
    }
    if (t->o->missing == CSV_MISSING_ERROR && t->n_lacking > 0) {
        report_missing(t);
        return false;
    }
    for (int i = 0; i < t->n_columns; i++) {
        struct csv_column *col = &t->columns[i];
        ok = csv_column_settle(t->c, col, t->n_rows) && ok;
        if (!ok && !t->o->header && col->words.line == 1)
            break; /* of a header that is taken for a row, all columns would say the same */
    }
    return ok;
}

/* What a run says about a table that it takes; NULL: nothing. */
static const char *remark(struct csv_table *t) {
    if (t->o->missing != CSV_MISSING_DROP || t->n_lacking == 0)
        return NULL;
    return arena_printf(t->arena, "%s: %s of %" PRId64 " lacked a value: left out", t->file.path,
                        rows_words(t, t->n_lacking), t->n_rows + t->n_lacking);
}

static struct dataset *make_set(struct csv_table *t) {
    struct dataset *d = dataset_new(t->arena, file_stem(t->arena, t->file.path), t->c->seed);
    for (int i = 0; i < t->n_columns; i++) {
        struct csv_column *col = &t->columns[i];
        const struct categories *categories;
        if (!csv_column_finish(t->c, col, &categories)) {
            dataset_release(d);
            return NULL;
        }
        dataset_add_field(d, col->name, tensor_ref(col->values));
        if (categories)
            dataset_set_categories(d, categories);
    }
    return d;
}

static bool read_table(struct csv_table *t) {
    return file_is_text(t->c, &t->file) && read_names(t) && choose_columns(t) && look_at_rows(t) &&
           settle_columns(t) && take_values(t);
}

/* ---- between a dry run and the run */

static void describe_names(FILE *out, const char *what, const struct csv_names *names) {
    fprintf(out, " %s", what);
    for (int i = 0; i < names->n; i++)
        fprintf(out, " %zu:%s", strlen(names->name[i]), names->name[i]);
}

static void describe_options(FILE *out, const void *with) {
    const struct csv_options *o = with;
    fprintf(out, "csv %d %d %c %c %d %d", o->header, o->header_given, o->separator, o->decimal,
            o->missing, o->columns.given);
    describe_names(out, "names", &o->names);
    describe_names(out, "missing", &o->missing_words);
    describe_names(out, "columns", &o->columns);
    describe_names(out, "text", &o->text);
    describe_names(out, "floats", &o->floats);
    for (int i = 0; o->like && i < o->like->n_fields; i++) {
        const struct field *f = &o->like->fields[i];
        describe_names(out, "like", &(struct csv_names){1, &f->name, true});
        fprintf(out, " %d", dataset_field_dtype(o->like, i));
        if (f->categories)
            describe_names(out, "of",
                           &(struct csv_names){f->categories->n, f->categories->name, true});
    }
}

static struct dataset *read_file(struct load_context *c, const char *path, struct arena *a,
                                 const void *with, const char **said) {
    struct csv_table t = {.c = c, .o = with, .arena = a};
    bool ok = file_read(c, path, &t.file) && read_table(&t);
    struct dataset *d = ok ? make_set(&t) : NULL;
    *said = d ? remark(&t) : NULL;
    csv_rows_close(&t.rows);
    for (int i = 0; i < t.n_columns; i++)
        csv_column_free(&t.columns[i]);
    file_free(&t.file);
    return d;
}

bool load_csv(struct load_context *c, const char *path, const struct csv_options *o,
              struct dataset **out) {
    static const struct store_reader reader = {describe_options, read_file};
    return load_store_read(c, path, &reader, o, out);
}
