/* load_mnist: MNIST or Fashion-MNIST from its four IDX files. In: a folder and settings. Out:
 * train, validation and test sets, or a report.
 *
 * Where the files come from. Folders are tried in this order, and the first one that has all four
 * is taken: the given one (FOLDER), $NNRUN_DATA/FOLDER; when FOLDER is MNIST_data, the usual name,
 * then $NNRUN_DATA, $NNRUN_DATA/mnist, the user's cache (~/.cache/nnrun/mnist). A file may be plain
 * or gzip and be called train-images-idx3-ubyte, train-images.idx3-ubyte, or either with .gz. If no
 * folder has all four, the ones of MNIST that are missing are downloaded into MNIST_data, as the
 * tutorial's loader does (into the cache if that folder cannot be written), from MIRRORS or, when
 * it is set, from the addresses in $NNRUN_MIRRORS. Whoever names another folder wants the set that
 * is in it, which need not be MNIST: there nothing else is taken, and nothing downloaded.
 *
 * What is accepted. A file whose sizes are those of the published sets (60,000 or 10,000
 * examples, 28x28) must have the SHA-256 of MNIST's or of Fashion-MNIST's uncompressed file, and
 * all four must be of one set. Files of other sizes are the user's own: they pass when the
 * structure is right (counts that agree, labels 0 to 9), and a remark says that nothing vouches
 * for them. A file that is there and wrong is an error even with a fallback, and is never
 * replaced: it is not ours.
 *
 * Not for: the format (idx.c), the network (download.c), the fallback's images (digits.c). */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "data/dataset.h"
#include "data/download.h"
#include "data/file.h"
#include "data/idx.h"

enum {
    N_FILES = 4,
    N_CLASSES = 10,
    N_TRAIN_EXAMPLES = 60000,
    N_TEST_EXAMPLES = 10000,
    IMAGE_SIDE = 28
};

static const char *const MIRRORS = "https://storage.googleapis.com/cvdf-datasets/mnist/ "
                                   "https://ossci-datasets.s3.amazonaws.com/mnist/";

/* The four files, in the order of every array of N_FILES here. */
enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS };
static const char *const FILE_NAMES[N_FILES] = {"train-images-idx3-ubyte",
                                                "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                                "t10k-labels-idx1-ubyte"};

struct published {
    const char *title;
    const char *sha256[N_FILES]; /* of the uncompressed files */
};

enum { MNIST, FASHION_MNIST, N_PUBLISHED };
static const struct published PUBLISHED[N_PUBLISHED] = {
    {"MNIST",
     {"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
      "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
      "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
      "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
    {"Fashion-MNIST",
     {"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
      "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
      "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
      "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}}};

struct source_file {
    const char *path; /* NULL: not found */
    struct idx idx;   /* once read: bytes is not NULL, or fault is not empty */
};

struct search {
    struct load_context *c;
    const char *named; /* a folder other than the usual one; NULL: none */
    const char *folders[FILE_FOLDERS]; /* where was looked */
    int n_folders;
    const char *home; /* where files are to be completed; NULL: nowhere */
    struct source_file files[N_FILES];
    struct download download; /* mirrors.n = 0: not tried */
};

static int file_rank(int i) { return i == TRAIN_IMAGES || i == TEST_IMAGES ? 3 : 1; }

static bool is_training_file(int i) { return i == TRAIN_IMAGES || i == TRAIN_LABELS; }

/* The path of file i in the folder under one of its spellings, or NULL. */
static const char *find_file(struct arena *a, const char *folder, int i) {
    static const char *const endings[] = {"", ".gz"};
    static const char separators[] = {'-', '.'};
    const char *name = FILE_NAMES[i], *idx = strstr(name, "-idx");
    for (int e = 0; e < 2; e++)
        for (int s = 0; s < 2; s++) {
            const char *path = arena_printf(a, "%s/%.*s%c%s%s", folder, (int)(idx - name), name,
                                            separators[s], idx + 1, endings[e]);
            if (os_file_exists(path))
                return path;
        }
    return NULL;
}

/* The usual folder, if it is given, unless it cannot be written; or the cache. */
static const char *choose_home(struct search *s, const char *given) {
    const char *cache = os_cache_folder(s->c->arena);
    bool there = access(MNIST_FOLDER, F_OK) == 0;
    if (given && given[0] && (!cache || access(there ? MNIST_FOLDER : ".", W_OK) == 0))
        return MNIST_FOLDER;
    return cache ? arena_printf(s->c->arena, "%s/mnist", cache) : NULL;
}

static void choose_folders(struct search *s, const char *given) {
    s->n_folders = file_folders(s->c->arena, given, MNIST_FOLDER, "mnist", s->folders);
    s->named = file_is_usual(given, MNIST_FOLDER) ? NULL : given;
    s->home = s->named ? s->named : choose_home(s, given);
}

/* "a, b": the files that the folder does not have; NULL when it has all. */
static const char *list_missing(struct arena *a, const char *folder, int *n_missing) {
    const char *list = NULL;
    *n_missing = 0;
    for (int i = 0; i < N_FILES; i++)
        if (!find_file(a, folder, i)) {
            list = list ? arena_printf(a, "%s, %s", list, FILE_NAMES[i]) : FILE_NAMES[i];
            ++*n_missing;
        }
    return list;
}

/* Finds the files: those of the first folder that has all four (true), else those that `home`
 * has. */
static bool find_files(struct search *s) {
    const char *from = s->home, *lacking = NULL;
    bool found = false;
    for (int f = 0; f < s->n_folders && !found; f++) {
        int n_missing;
        const char *missing = list_missing(s->c->arena, s->folders[f], &n_missing);
        found = n_missing == 0;
        if (found)
            from = s->folders[f];
        else if (f == 0 && n_missing < N_FILES)
            lacking = missing;
    }
    if (found && lacking)
        file_remark(s->c, "%s lacks %s: the files in %s are taken", s->folders[0], lacking, from);
    for (int i = 0; i < N_FILES && from; i++)
        s->files[i].path = find_file(s->c->arena, from, i);
    return found;
}

static void read_file(struct source_file *file, int i) {
    if (file->path && !file->idx.bytes)
        idx_read(file->path, file_rank(i), &file->idx);
}

static void *read_small_files(void *files) {
    for (int i = TRAIN_LABELS; i < N_FILES; i++)
        read_file((struct source_file *)files + i, i);
    return NULL;
}

/* Reads what was found. The training images take most of the time; a second thread reads the
 * rest. */
static void read_files(struct search *s) {
    pthread_t helper;
    bool helped = pthread_create(&helper, NULL, read_small_files, s->files) == 0;
    read_file(&s->files[TRAIN_IMAGES], TRAIN_IMAGES);
    if (helped)
        pthread_join(helper, NULL);
    else
        read_small_files(s->files);
}

/* The row of PUBLISHED that file i is of, or -1. */
static int identify(const struct source_file *file, int i) {
    for (int p = 0; p < N_PUBLISHED; p++)
        if (strcmp(file->idx.sha256, PUBLISHED[p].sha256[i]) == 0)
            return p;
    return -1;
}

/* Whether its sizes are those of the published sets. */
static bool has_published_sizes(const struct tensor *t, int i) {
    return t->dim[0] == (is_training_file(i) ? N_TRAIN_EXAMPLES : N_TEST_EXAMPLES) &&
           (t->rank == 1 || (t->dim[1] == IMAGE_SIDE && t->dim[2] == IMAGE_SIDE));
}

static struct diag *with_help(struct diag *corrupt) {
    diag_help(corrupt, "replace the file with a good copy");
    return corrupt;
}

/* Each file that was read, on its own: readable, and with a known checksum if it has the
 * published sizes. */
static bool check_files(struct search *s) {
    const struct span nowhere = {0};
    bool ok = true;
    for (int i = 0; i < N_FILES; i++) {
        struct source_file *file = &s->files[i];
        if (file->path && !file->idx.bytes) {
            with_help(file_report(s->c, file->path, "%s", file->idx.fault));
            ok = false;
        } else if (file->path && has_published_sizes(file->idx.bytes, i) && identify(file, i) < 0) {
            struct diag *d = with_help(file_report(
                s->c, file->path, "has the size of a published file, but not its content"));
            diag_note(d, nowhere, "SHA-256 of the uncompressed content: %s", file->idx.sha256);
            for (int p = 0; p < N_PUBLISHED; p++)
                diag_note(d, nowhere, "expected for %s: %s", PUBLISHED[p].title,
                          PUBLISHED[p].sha256[i]);
            ok = false;
        }
    }
    return ok;
}

/* Whether no two files are of different published sets. Gives the row of PUBLISHED, or -1 when not
 * all files are of one. */
static bool check_set(struct search *s, int *set) {
    *set = identify(&s->files[0], 0);
    for (int i = 1; i < N_FILES; i++) {
        int other = identify(&s->files[i], i);
        if (other >= 0 && *set >= 0 && other != *set) {
            diag_error(s->c->diags, E_DATA_CORRUPT, s->c->at, "%s is of %s, but %s is of %s",
                       s->files[0].path, PUBLISHED[*set].title, s->files[i].path,
                       PUBLISHED[other].title);
            return false;
        }
        if (other != *set)
            *set = -1;
    }
    return true;
}

/* Images (file i) and their labels (file i + 1). */
static bool check_labels(struct search *s, int i) {
    const struct source_file *file = &s->files[i + 1];
    const struct tensor *images = s->files[i].idx.bytes, *labels = file->idx.bytes;
    if (images->dim[0] != labels->dim[0]) {
        with_help(file_report(s->c, file->path,
                              "has %" PRId64 " labels, but %s has %" PRId64 " images",
                              labels->dim[0], s->files[i].path, images->dim[0]));
        return false;
    }
    for (int64_t k = 0; k < labels->dim[0]; k++) {
        int label = ((const uint8_t *)labels->data)[k];
        if (label >= N_CLASSES) {
            with_help(file_report(s->c, file->path,
                                  "has the label %d at example %" PRId64 ", expected 0 to %d",
                                  label, k, N_CLASSES - 1));
            return false;
        }
    }
    return true;
}

static bool check_image_sizes(struct search *s) {
    const struct tensor *train = s->files[TRAIN_IMAGES].idx.bytes;
    const struct tensor *test = s->files[TEST_IMAGES].idx.bytes;
    if (train->dim[1] == test->dim[1] && train->dim[2] == test->dim[2])
        return true;
    with_help(file_report(s->c, s->files[TEST_IMAGES].path,
                          "has images of %" PRId64 "x%" PRId64
                          ", but those for training are %" PRId64 "x%" PRId64,
                          test->dim[1], test->dim[2], train->dim[1], train->dim[2]));
    return false;
}

struct expectation {
    struct source_file *file;
    int i;
    struct arena *arena;
};

/* Reads a downloaded file and holds it against MNIST's checksum; what was read is kept. */
static bool accept_download(void *with, const char *path, const char **why) {
    struct expectation *e = with;
    const char *expected = PUBLISHED[MNIST].sha256[e->i];
    tensor_unref(e->file->idx.bytes); /* of an attempt that could not be renamed */
    *why = e->file->idx.fault;
    if (!idx_read(path, file_rank(e->i), &e->file->idx))
        return false;
    if (strcmp(e->file->idx.sha256, expected) == 0)
        return true;
    *why = arena_printf(e->arena, "is not MNIST's file: SHA-256 %s, expected %s",
                        e->file->idx.sha256, expected);
    tensor_unref(e->file->idx.bytes);
    e->file->idx.bytes = NULL;
    return false;
}

static enum download_result fetch_file(struct search *s, int i) {
    int64_t content_bytes = is_training_file(i) ? N_TRAIN_EXAMPLES : N_TEST_EXAMPLES;
    content_bytes *= file_rank(i) == 3 ? IMAGE_SIDE * IMAGE_SIDE : 1;
    struct expectation e = {&s->files[i], i, s->c->arena};
    struct download_check check = {accept_download, &e, content_bytes};
    const char *name = arena_printf(s->c->arena, "%s.gz", FILE_NAMES[i]);
    enum download_result result = download_file(&s->download, name, s->home, &check);
    if (result == DOWNLOAD_DONE)
        s->files[i].path = arena_printf(s->c->arena, "%s/%s", s->home, name);
    return result;
}

/* Downloads into `home` what it lacks of MNIST. */
static enum download_result fetch_files(struct search *s) {
    const char *mirrors = getenv("NNRUN_MIRRORS");
    if (s->c->offline || s->named || !s->home)
        return DOWNLOAD_FAILED;
    /* Files of another set cannot be completed with MNIST's. */
    for (int i = 0; i < N_FILES; i++)
        if (s->files[i].path && identify(&s->files[i], i) != MNIST)
            return DOWNLOAD_FAILED;
    enum download_result result = DOWNLOAD_DONE;
    download_open(&s->download, s->c, mirrors && mirrors[0] ? mirrors : MIRRORS);
    for (int i = 0; i < N_FILES && result == DOWNLOAD_DONE; i++)
        if (!s->files[i].idx.bytes)
            result = fetch_file(s, i);
    download_close(&s->download);
    return result;
}

/* The notes under "not found": where was looked and what was tried. */
static void note_search(struct search *s, struct diag *d) {
    const struct span nowhere = {0};
    for (int f = 0; f < s->n_folders; f++) {
        int n_missing;
        const char *missing = list_missing(s->c->arena, s->folders[f], &n_missing);
        if (access(s->folders[f], F_OK) != 0)
            diag_note(d, nowhere, "looked in %s: no such folder", s->folders[f]);
        else
            diag_note(d, nowhere, "looked in %s: it lacks %s", s->folders[f], missing);
    }
    for (int k = 0; k < s->download.failed.n; k++)
        diag_note(d, nowhere, "tried %s: %s", s->download.failed.at[k].url,
                  s->download.failed.at[k].why);
    diag_help(d, "put %s.gz, %s.gz, %s.gz and %s.gz into %s, or %s in NNRUN_DATA", FILE_NAMES[0],
              FILE_NAMES[1], FILE_NAMES[2], FILE_NAMES[3], s->home ? s->home : "a folder",
              s->named ? "name the folder that has it" : "name their folder");
}

/* What can stand in for files that are not to be had: the rows of formats.def that need none. */
struct generator {
    const char *name;
    bool (*generate)(struct load_context *c, int64_t n_train, int64_t n_test, int64_t validation,
                     bool one_hot, struct dataset_group *out);
};

static const struct generator GENERATORS[] = {
#define FORMAT(name, generate, summary) {#name, generate},
#include "data/formats.def"
#undef FORMAT
};
enum { N_GENERATORS = sizeof GENERATORS / sizeof *GENERATORS };

/* The generator of that name; NULL with a report when there is none. */
static const struct generator *find_generator(struct load_context *c, const char *name) {
    const char *names[N_GENERATORS];
    int n = 0;
    for (int i = 0; i < N_GENERATORS; i++) {
        if (!GENERATORS[i].generate)
            continue;
        if (strcmp(GENERATORS[i].name, name) == 0)
            return &GENERATORS[i];
        names[n++] = GENERATORS[i].name;
    }
    struct diag *d =
        diag_error(c->diags, E_UNKNOWN_NAME, c->at, "there is no fallback \"%s\"", name);
    const char *near = nearest_name(name, names, n);
    diag_help(d, "the fallback is \"%s\"", near ? near : names[0]);
    return NULL;
}

/* n examples of the files i (images) and i + 1 (labels), from example `first` on. */
static struct dataset *take_examples(struct search *s, const char *name, int i, int64_t first,
                                     int64_t n, bool one_hot) {
    struct tensor *bytes = s->files[i].idx.bytes;
    int64_t dim[] = {bytes->dim[0], bytes->dim[1] * bytes->dim[2]};
    struct tensor *flat = tensor_view(bytes, 2, dim);
    struct tensor *images = flat ? tensor_rows(flat, first, n) : NULL;
    tensor_unref(flat);
    const struct tensor *known = s->files[i + 1].idx.bytes; /* NULL in a dry run */
    const uint8_t *labels = known ? (const uint8_t *)known->data + first : NULL;
    return images ? dataset_new_images(s->c->arena, name, s->c->seed, images, labels, N_CLASSES,
                                       one_hot)
                  : NULL;
}

static bool build_group(struct search *s, int set, int64_t validation, bool one_hot,
                        struct dataset_group *out) {
    const struct tensor *train = s->files[TRAIN_IMAGES].idx.bytes;
    const struct tensor *test = s->files[TEST_IMAGES].idx.bytes;
    if (!file_check_validation(s->c, validation, train->dim[0]))
        return false;
    out->title = set >= 0 ? PUBLISHED[set].title : "own IDX files";
    if (set < 0)
        file_remark(s->c,
                    "%s and the files beside it are neither MNIST's nor Fashion-MNIST's: %" PRId64
                    " training and %" PRId64 " test images of %" PRId64 "x%" PRId64
                    " are taken as they stand",
                    s->files[0].path, train->dim[0], test->dim[0], train->dim[1], train->dim[2]);
    out->train = take_examples(s, "mnist.train", TRAIN_IMAGES, validation,
                               train->dim[0] - validation, one_hot);
    out->validation = take_examples(s, "mnist.validation", TRAIN_IMAGES, 0, validation, one_hot);
    out->test = take_examples(s, "mnist.test", TEST_IMAGES, 0, test->dim[0], one_hot);
    if (out->train && out->validation && out->test)
        return true;
    dataset_group_release(out);
    diag_error(s->c->diags, E_MEMORY, s->c->at, "not enough memory for the examples");
    return false;
}

static const char *what_is_missing(struct search *s) {
    if (s->named)
        return arena_printf(s->c->arena, "no folder \"%s\" has the four files of a set like MNIST",
                            s->named);
    return s->c->offline ? "MNIST was not found"
                         : "MNIST was not found and could not be downloaded";
}

static bool report_missing(struct search *s) {
    note_search(s, diag_error(s->c->diags, E_DATA_MISSING, s->c->at, "%s", what_is_missing(s)));
    return false;
}

/* The files could not be had: generated examples, or an error. */
static bool fall_back(struct search *s, const struct generator *g, int64_t validation, bool one_hot,
                      struct dataset_group *out) {
    if (!g)
        return report_missing(s);
    if (!file_check_validation(s->c, validation, N_TRAIN_EXAMPLES) ||
        !g->generate(s->c, N_TRAIN_EXAMPLES - validation, N_TEST_EXAMPLES, validation, one_hot,
                     out))
        return false;
    struct diag *d =
        file_remark(s->c, "%s: these are %s instead", what_is_missing(s), out->title);
    if (d)
        note_search(s, d);
    return true;
}

static bool load_files(struct search *s, const struct generator *g, int64_t validation,
                       bool one_hot, struct dataset_group *out) {
    bool found = find_files(s);
    int set;
    read_files(s);
    if (!check_files(s))
        return false;
    if (!found) {
        switch (fetch_files(s)) {
        case DOWNLOAD_FAILED:
            return fall_back(s, g, validation, one_hot, out);
        case DOWNLOAD_INTERRUPTED:
            diag_error(s->c->diags, E_INTERRUPTED, s->c->at,
                       "stopped while downloading MNIST: what came is kept in %s, to go on from",
                       s->home);
            return false;
        case DOWNLOAD_DONE:
            break;
        }
    }
    return check_set(s, &set) && check_labels(s, TRAIN_IMAGES) && check_labels(s, TEST_IMAGES) &&
           check_image_sizes(s) && build_group(s, set, validation, one_hot, out);
}

/* A dry run: images of the sizes that the files announce, or those of the published sets, which may
 * be downloaded. */
static bool load_sizes(struct search *s, const struct generator *g, int64_t validation,
                       bool one_hot, struct dataset_group *out) {
    static const int images[] = {TRAIN_IMAGES, TEST_IMAGES};
    bool found = find_files(s), sized = found;
    if (!found && s->named && !g)
        return report_missing(s);
    for (int k = 0; k < 2 && sized; k++)
        sized = idx_read_sizes(s->files[images[k]].path, 3, &s->files[images[k]].idx);
    for (int k = 0; k < 2 && !sized; k++) {
        int64_t dim[] = {is_training_file(images[k]) ? N_TRAIN_EXAMPLES : N_TEST_EXAMPLES,
                         IMAGE_SIDE, IMAGE_SIDE};
        tensor_unref(s->files[images[k]].idx.bytes);
        s->files[images[k]].idx.bytes = tensor_new_phantom(DTYPE_U8, 3, dim);
        if (!s->files[images[k]].idx.bytes)
            return false;
    }
    return build_group(s, MNIST, validation, one_hot, out);
}

bool load_mnist(struct load_context *c, const char *folder, bool one_hot, int64_t validation,
                const char *fallback, struct dataset_group *out) {
    struct search s = {.c = c};
    const struct generator *g = NULL;
    memset(out, 0, sizeof *out);
    if (fallback && !(g = find_generator(c, fallback)))
        return false;
    choose_folders(&s, folder);
    bool ok = c->dry ? load_sizes(&s, g, validation, one_hot, out)
                     : load_files(&s, g, validation, one_hot, out);
    for (int i = 0; i < N_FILES; i++)
        tensor_unref(s.files[i].idx.bytes);
    return ok;
}
