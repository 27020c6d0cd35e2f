/* Files of data: found, read whole and told apart from what is no data, each failure reported in
 * words. The readers of single formats stand on it.
 *
 * Not for: reading MNIST's files, which are compressed and checked by sum (idx.h). */
#ifndef NN_DATA_FILE_H
#define NN_DATA_FILE_H

#include "data/dataset.h"

struct file {
    const char *path;
    char *bytes; /* [n], and a zero behind them */
    int64_t n;
};

/* Where the file or folder is: at the path itself or, when that is relative, beside the script that
 * asks or below $NNRUN_DATA. NULL: reported. */
const char *file_find(struct load_context *c, const char *path);
/* Where a set of files is looked for: in the folder `given` and in $NNRUN_DATA/given; if that is
 * the usual one, or none is given, then also in $NNRUN_DATA, $NNRUN_DATA/name and the user's cache.
 * Whoever names another folder wants no other files. Gives how many folders that are. */
enum { FILE_FOLDERS = 5 };
int file_folders(struct arena *a, const char *given, const char *usual, const char *name,
                 const char *out[FILE_FOLDERS]);
bool file_is_usual(const char *given, const char *usual);
/* Whether so many examples can be taken from those for training; false: reported. */
bool file_check_validation(struct load_context *c, int64_t validation, int64_t n_train);
/* Reads the file at a path that file_find gave. false: reported. */
bool file_read(struct load_context *c, const char *path, struct file *out);
void file_free(struct file *f);

/* What a run says of the data that it takes. NULL: nothing is to be said, in a dry run or a quiet
 * one. */
struct diag *file_remark(struct load_context *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A report that begins with the path of a damaged file. */
struct diag *file_report(struct load_context *c, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Polled by those who go through many bytes: true, and reported, when the run was interrupted. */
bool file_interrupted(struct load_context *c, const char *path);
/* The line, from 1, of a place in a text. */
int64_t file_line(const char *text, const char *at);
/* Whether it is UTF-8 text without zero bytes; false: reported, with the line. */
bool file_is_text(struct load_context *c, const struct file *f);

/* What a set from a file is called: "houses" of "data/houses.csv". */
const char *file_stem(struct arena *a, const char *path);
/* A text of a file as it can stand in a message: short, on one line. */
const char *file_quote(struct arena *a, const char *text, int64_t n);

#endif
