/* Tables of separated values as data sets: a field a column. */
#ifndef NN_DATA_CSV_H
#define NN_DATA_CSV_H

#include "data/dataset.h"

struct csv_names {
    int n;
    const char *const *name;
    bool given;
};

/* What becomes of a cell without a value: it is an error; its row is left out; it is NaN. */
enum csv_missing { CSV_MISSING_ERROR, CSV_MISSING_DROP, CSV_MISSING_NAN };

struct csv_options {
    bool header;            /* the first row has the names, */
    bool header_given;      /* and the caller says so, even if numbers are among them */
    struct csv_names names; /* or else these are they; or else c0, c1, .. */
    char separator, decimal; /* decimal: the point of a number */
    enum csv_missing missing;
    struct csv_names missing_words; /* which cells have none, beside the empty ones */
    struct csv_names columns;       /* which ones, in this order; all when not given */
    struct csv_names text, floats;  /* columns that are to be text, or floats */
    const struct dataset *like;     /* columns, dtypes and categories as in this one; or NULL */
};

/* The words that stand for no value when nothing else is said. */
extern const struct csv_names CSV_MISSING_WORDS;

/* A table from a file (file_find says where it is looked for). A column of whole numbers is a
 * field int[n] (int64 when it needs that), of numbers float[n]; one without a number is text,
 * int[n] with categories in the order of their characters. A row, a cell or a name that does not
 * fit is reported with its line and column. In a dry run the file is read whole, because its last
 * row decides on its types, and kept for the run. */
bool load_csv(struct load_context *c, const char *path, const struct csv_options *o,
              struct dataset **out);

#endif
