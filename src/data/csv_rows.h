/* The rows of a text of separated values (RFC 4180): cells between separators, a cell in quotes may
 * hold separators, line ends and, doubled, quotes. A line ends with LF, CR LF or CR. Blanks around
 * a cell do not count unless they are in quotes; a quote within a cell that does not begin with one
 * is a character like others.
 *
 * Not for: what the cells mean (csv.c). */
#ifndef NN_DATA_CSV_ROWS_H
#define NN_DATA_CSV_ROWS_H

#include <stdbool.h>
#include <stdint.h>

/* More columns than any table has: what announces more is not one. */
enum { CSV_MAX_COLUMNS = 16384 };

struct csv_cell {
    const char *text; /* [n], not ended by a zero; until the next row is read */
    int64_t n;
    bool quoted;
};

struct csv_rows {
    const char *at, *end;
    char separator;
    int64_t line;      /* from 1, where the row just read begins */
    int64_t next_line; /* where the next one does */
    struct csv_cell *cells; /* [n_cells] of the row just read */
    int n_cells, cap_cells;
    char *unquoted; /* cells of the row in which quotes were doubled */
    const char *fault; /* why a row cannot be read: static */
};

/* Over text[0..n), behind a byte order mark. Line ends at the end of the text end the last row
 * only. */
void csv_rows_open(struct csv_rows *r, const char *text, int64_t n, char separator);
void csv_rows_close(struct csv_rows *r);
/* Reads the next row, the empty lines (a row of one empty cell) included. */
enum csv_row { CSV_ROW, CSV_END, CSV_FAULT };
enum csv_row csv_rows_next(struct csv_rows *r);

#endif
