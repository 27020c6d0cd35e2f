/* The columns of a table: what their cells are, found from the whole column, and their values. A
 * column is looked at cell by cell (csv_column_look), settled, then filled (csv_column_put).
 *
 * Not for: rows and files (csv_rows.h, csv.c). */
#ifndef NN_DATA_CSV_COLUMNS_H
#define NN_DATA_CSV_COLUMNS_H

#include "data/csv.h"
#include "data/csv_rows.h"

enum csv_kind {
    CSV_FOUND,  /* as its cells say: numbers or text */
    CSV_NUMBER, /* numbers, and nothing else will do; in `dtype` */
    CSV_TEXT
};

/* A kind of cell: how many a column has, and the first. */
struct csv_seen {
    int64_t n, line;
    const char *text; /* of the file, or of the arena */
    int64_t n_text;
};

struct csv_column {
    const char *name;
    int cell; /* its place in a row */
    enum csv_kind kind;
    enum dtype dtype;
    const struct csv_options *o;
    const char *path;
    struct arena *arena; /* of the categories, the load's store or its own */
    const struct categories *known; /* of `like`: text must be one of them */
    /* What was seen; numbers count the wide and the fractions too. */
    struct csv_seen missing, numbers, words, wide, huge, fractions;
    int64_t n_foreign; /* words that are numbers with the other point */
    int64_t n_numbers_before_word;
    struct tensor *values; /* [n_rows], once settled */
    /* The texts met, in a hash table of numbers from 1: word[slot[i] - 1]. */
    uint32_t *slot;
    int64_t n_slots;
    ARRAY(const char *) word;
};

/* Whether the cell has no value: it is empty, or one of the missing words. */
bool csv_is_missing(const struct csv_options *o, const struct csv_cell *cell);
/* Takes note of a cell of a row that is kept. Gives whether it has a value. */
bool csv_column_look(struct csv_column *col, const struct csv_cell *cell, int64_t line);
/* Decides what the column is, and makes room for its values. false: reported. */
bool csv_column_settle(struct load_context *c, struct csv_column *col, int64_t n_rows);
/* Element `row` of the values. false: reported. */
bool csv_column_put(struct load_context *c, struct csv_column *col, const struct csv_cell *cell,
                    int64_t line, int64_t row);
/* Numbers the texts met in the order of their characters. *out: the categories, NULL when it is no
 * text. false: reported. */
bool csv_column_finish(struct load_context *c, struct csv_column *col,
                       const struct categories **out);
void csv_column_free(struct csv_column *col);

#endif
