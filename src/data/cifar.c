/* load_cifar10: CIFAR-10 (Krizhevsky 2009) in its binary version. In: a folder and settings. Out:
 * train, validation and test sets, or a report.
 *
 * The format: records of 3073 bytes, a label and 32x32 pixels in three planes, red, green and blue.
 * Six files of 10,000 records each make the set. The first folder that has the test batch and one
 * of the others is taken, with as many of them as it has; a part, of fewer files or of shorter
 * ones, is a set too, and a remark and its title say what it is a part of.
 *
 * Not for: fetching the files, which come in an archive. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "data/dataset.h"
#include "data/file.h"

enum {
    N_TRAIN_FILES = 5,
    N_FILES = 6, /* the last has the test set */
    N_CLASSES = 10,
    SIDE = 32,
    CHANNELS = 3,
    IMAGE_BYTES = SIDE * SIDE * CHANNELS,
    RECORD_BYTES = 1 + IMAGE_BYTES,
    FILE_RECORDS = 10000
};

static const char *const NAMES[N_FILES] = {"data_batch_1.bin", "data_batch_2.bin",
                                           "data_batch_3.bin", "data_batch_4.bin",
                                           "data_batch_5.bin", "test_batch.bin"};
static const char *const CLASSES[N_CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                               "dog",      "frog",       "horse", "ship", "truck"};
static const struct categories CATEGORIES = {N_CLASSES, CLASSES};

/* The files that are there, and their examples. */
struct batches {
    struct load_context *c;
    const char *path[N_FILES]; /* NULL: not there */
    int64_t n_records[N_FILES];
    int64_t n_train;
    struct tensor *train, *test; /* uint8 [n, 32, 32, 3] */
    uint8_t *labels; /* of all records, those of the test set last */
};

static bool find_batches(struct batches *b, const char *folder) {
    bool any = false;
    for (int i = 0; i < N_FILES; i++) {
        const char *path = arena_printf(b->c->arena, "%s/%s", folder, NAMES[i]);
        b->path[i] = os_file_exists(path) ? path : NULL;
        any = any || (b->path[i] && i < N_TRAIN_FILES);
    }
    return any && b->path[N_TRAIN_FILES];
}

static bool find_folder(struct batches *b, const char *given) {
    const char *folders[FILE_FOLDERS];
    int n = file_folders(b->c->arena, given, CIFAR10_FOLDER, "cifar10", folders);
    for (int i = 0; i < n; i++)
        if (find_batches(b, folders[i]))
            return true;
    struct diag *d = diag_error(b->c->diags, E_DATA_MISSING, b->c->at, "CIFAR-10 was not found");
    for (int i = 0; i < n; i++)
        diag_note(d, (struct span){0}, "looked in %s", folders[i]);
    diag_help(d, "unpack cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html, "
                 "or name the folder of data_batch_1.bin and test_batch.bin in NNRUN_DATA");
    return false;
}

/* How many records each file has. */
static bool size_batches(struct batches *b) {
    for (int i = 0; i < N_FILES; i++) {
        struct stat st;
        if (!b->path[i])
            continue;
        if (stat(b->path[i], &st) != 0 || !S_ISREG(st.st_mode)) {
            diag_error(b->c->diags, E_FILE, b->c->at, "%s is not a file", b->path[i]);
            return false;
        }
        int64_t n = b->n_records[i] = st.st_size / RECORD_BYTES;
        if (st.st_size % RECORD_BYTES || n < 1 || n > FILE_RECORDS) {
            file_report(b->c, b->path[i],
                        "has %" PRId64 " bytes, expected records of %d bytes, 1 to %d of them",
                        (int64_t)st.st_size, RECORD_BYTES, FILE_RECORDS);
            return false;
        }
        b->n_train += i < N_TRAIN_FILES ? n : 0;
    }
    return true;
}

/* Of three planes, an image whose pixels have three bytes each. */
static void interleave(const uint8_t *planes, uint8_t *pixels) {
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int k = 0; k < CHANNELS; k++)
            pixels[CHANNELS * i + k] = planes[SIDE * SIDE * k + i];
}

/* Reads file i into the images from number `first` on, and its labels. */
static bool read_batch(struct batches *b, int i, struct tensor *images, int64_t first,
                       uint8_t *labels) {
    struct file f;
    if (!file_read(b->c, b->path[i], &f))
        return false;
    bool ok = f.n == b->n_records[i] * RECORD_BYTES;
    if (!ok)
        file_report(b->c, f.path, "was changed while it was read");
    for (int64_t k = 0; k < b->n_records[i] && ok; k++) {
        const uint8_t *record = (const uint8_t *)f.bytes + k * RECORD_BYTES;
        ok = record[0] < N_CLASSES;
        if (!ok)
            file_report(b->c, f.path, "has the label %d at record %" PRId64 ", expected 0 to %d",
                        record[0], k, N_CLASSES - 1);
        labels[k] = record[0];
        interleave(record + 1, (uint8_t *)images->data + (first + k) * IMAGE_BYTES);
    }
    file_free(&f);
    return ok;
}

static struct tensor *new_images(struct batches *b, int64_t n) {
    int64_t dim[] = {n, SIDE, SIDE, CHANNELS};
    return (b->c->dry ? tensor_new_phantom : tensor_new)(DTYPE_U8, 4, dim);
}

static bool read_batches(struct batches *b) {
    int64_t n_test = b->n_records[N_TRAIN_FILES], first = 0;
    b->train = new_images(b, b->n_train);
    b->test = new_images(b, n_test);
    b->labels = malloc((size_t)(b->n_train + n_test));
    if (!b->train || !b->test || !b->labels) {
        diag_error(b->c->diags, E_MEMORY, b->c->at, "not enough memory for the examples");
        return false;
    }
    for (int i = 0; i < N_TRAIN_FILES && !b->c->dry; i++) {
        if (b->path[i] && !read_batch(b, i, b->train, first, b->labels + first))
            return false;
        first += b->n_records[i];
    }
    return b->c->dry || read_batch(b, N_TRAIN_FILES, b->test, 0, b->labels + b->n_train);
}

/* "50,000" */
static const char *thousands(struct arena *a, int64_t n) {
    return n < 1000 ? arena_printf(a, "%" PRId64, n)
                    : arena_printf(a, "%" PRId64 ",%03" PRId64, n / 1000, n % 1000);
}

static void say_what_it_is(struct batches *b, struct dataset_group *out) {
    struct arena *a = b->c->arena;
    int64_t n_test = b->n_records[N_TRAIN_FILES];
    out->title = "CIFAR-10";
    if (b->n_train == N_TRAIN_FILES * FILE_RECORDS && n_test == FILE_RECORDS)
        return;
    out->title = arena_printf(a, "CIFAR-10 (%s of 50,000 training images)",
                              thousands(a, b->n_train));
    file_remark(b->c,
                "this is a part of CIFAR-10: %s of 50,000 training and %s of 10,000 test images",
                thousands(a, b->n_train), thousands(a, n_test));
}

static struct dataset *take_examples(struct batches *b, const char *name, struct tensor *images,
                                     int64_t first, int64_t n, const uint8_t *labels,
                                     bool one_hot) {
    struct tensor *rows = tensor_rows(images, first, n);
    struct dataset *d = rows ? dataset_new_images(b->c->arena, name, b->c->seed, rows,
                                                  labels + first, N_CLASSES, one_hot)
                             : NULL;
    if (d && !one_hot)
        dataset_set_categories(d, &CATEGORIES);
    return d;
}

static bool build_group(struct batches *b, int64_t validation, bool one_hot,
                        struct dataset_group *out) {
    out->train = take_examples(b, "cifar10.train", b->train, validation, b->n_train - validation,
                               b->labels, one_hot);
    out->validation =
        take_examples(b, "cifar10.validation", b->train, 0, validation, b->labels, one_hot);
    out->test = take_examples(b, "cifar10.test", b->test, 0, b->n_records[N_TRAIN_FILES],
                              b->labels + b->n_train, one_hot);
    if (out->train && out->validation && out->test)
        return true;
    dataset_group_release(out);
    diag_error(b->c->diags, E_MEMORY, b->c->at, "not enough memory for the examples");
    return false;
}

bool load_cifar10(struct load_context *c, const char *folder, bool one_hot, int64_t validation,
                  struct dataset_group *out) {
    struct batches b = {.c = c};
    *out = (struct dataset_group){0};
    bool ok = find_folder(&b, folder) && size_batches(&b);
    if (ok && validation < 0)
        validation = b.n_train / 10;
    ok = ok && file_check_validation(c, validation, b.n_train) && read_batches(&b) &&
         build_group(&b, validation, one_hot, out);
    if (ok)
        say_what_it_is(&b, out);
    tensor_unref(b.train);
    tensor_unref(b.test);
    free(b.labels);
    return ok;
}
