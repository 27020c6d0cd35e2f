/* What the suites of src/data share: a folder for files made by a test, IDX files, a load
 * context. */
#ifndef NN_TESTS_DATAFILES_H
#define NN_TESTS_DATAFILES_H

#include <stdint.h>

#include "data/dataset.h"
#include "unit.h"

/* A new empty folder, its path in the arena; removed with what is in it by test_remove_folder. */
const char *test_make_folder(struct arena *a);
void test_remove_folder(const char *path);

/* Writes bytes to folder/name, through gzip when the name ends in .gz. Gives the path. */
const char *test_write_file(struct arena *a, const char *folder, const char *name,
                            const void *bytes, size_t n);
/* The same, never through gzip. */
const char *test_write_raw(struct arena *a, const char *folder, const char *name,
                           const void *bytes, size_t n);

/* An IDX file's content: header and elements; element i is i * 7 % n_values. */
uint8_t *test_make_idx(struct arena *a, int rank, const uint32_t *dim, int n_values, size_t *n);

/* Four small valid files of 30 training and 20 test images of 3x2 pixels, with gzip or without. */
void test_write_set(struct arena *a, const char *folder, bool gzip);

/* Everything a loader needs, with its own arena. */
struct test_loader {
    struct arena arena;
    struct sources sources;
    struct diags diags;
    struct load_context context;
};
void test_open_loader(struct test_loader *t);
void test_close_loader(struct test_loader *t);
/* Whether a message (error or remark), or a note under one, contains the text. */
bool test_said(const struct test_loader *t, const char *text);

/* The value of an environment variable, in the arena, or NULL; and giving it back. */
const char *test_keep_variable(struct arena *a, const char *name);
void test_put_variable(const char *name, const char *value);

/* The folder of the real data set ("mnist", "fashion-mnist") under $NNRUN_DATA or beside the
 * project; NULL, after a line that says the test is skipped, when there is none. */
const char *test_find_data(struct arena *a, const char *name);

#endif
