/* load_mnist: where it looks, what it accepts, what it says; small files made here, and the real
 * sets where they are to be had, held to the published facts about them. */
#include "datafiles.h"
#include "mirror.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

/* A folder, which is also the user's home: nothing of the machine's is found. */
struct fixture {
    struct test_loader loader;
    const char *folder;
    struct dataset_group group;
    const char *data_before, *cache_before, *mirrors_before;
};

static void set_up(struct fixture *f) {
    memset(f, 0, sizeof *f);
    test_open_loader(&f->loader);
    f->folder = test_make_folder(&f->loader.arena);
    f->data_before = test_keep_variable(&f->loader.arena, "NNRUN_DATA");
    f->cache_before = test_keep_variable(&f->loader.arena, "XDG_CACHE_HOME");
    f->mirrors_before = test_keep_variable(&f->loader.arena, "NNRUN_MIRRORS");
    unsetenv("NNRUN_DATA");
    unsetenv("NNRUN_MIRRORS");
    setenv("XDG_CACHE_HOME", arena_printf(&f->loader.arena, "%s/cache", f->folder), 1);
}

static void tear_down(struct fixture *f) {
    test_put_variable("NNRUN_DATA", f->data_before);
    test_put_variable("XDG_CACHE_HOME", f->cache_before);
    test_put_variable("NNRUN_MIRRORS", f->mirrors_before);
    dataset_group_release(&f->group);
    test_remove_folder(f->folder);
    test_close_loader(&f->loader);
}

static bool load(struct fixture *f, const char *folder, int64_t validation, const char *fallback) {
    dataset_group_release(&f->group);
    return load_mnist(&f->loader.context, folder, true, validation, fallback, &f->group);
}

static void expect_loaded(struct fixture *f, const char *folder) {
    bool ok = load(f, folder, 5, NULL);
    CU_ASSERT_TRUE(ok);
    if (!ok) {
        diag_flush(&f->loader.diags, DIAG_TEXT, stdout);
        return;
    }
    CU_ASSERT_EQUAL(f->group.train->length, 25);
    CU_ASSERT_EQUAL(f->group.validation->length, 5);
    CU_ASSERT_EQUAL(f->group.test->length, 20);
    CU_ASSERT_TRUE(test_said(&f->loader, "are taken as they stand"));
}

/* The code of the only error, and what it says. */
static void expect_error(struct fixture *f, enum diag_code code, const char *text) {
    CU_ASSERT_EQUAL(f->loader.diags.n_errors, 1);
    bool said = test_said(&f->loader, text);
    CU_ASSERT_TRUE(said);
    CU_ASSERT_EQUAL(f->loader.diags.list.at[f->loader.diags.list.n - 1]->code, code);
    if (!said)
        diag_flush(&f->loader.diags, DIAG_TEXT, stdout);
    f->loader.diags.list.n = f->loader.diags.n_errors = 0;
}

static const char *below(struct fixture *f, const char *path) {
    const char *folder = arena_printf(&f->loader.arena, "%s/%s", f->folder, path);
    os_make_folders(folder);
    return folder;
}

/* Where downloads go when no folder is given. */
static const char *home_of(struct fixture *f) {
    return arena_printf(&f->loader.arena, "%s/cache/nnrun/mnist", f->folder);
}

static void rename_in(struct fixture *f, const char *folder, const char *from, const char *to) {
    CU_ASSERT_EQUAL(rename(arena_printf(&f->loader.arena, "%s/%s", folder, from),
                           arena_printf(&f->loader.arena, "%s/%s", folder, to)),
                    0);
}

static void test_finds_files(void) {
    struct fixture f;
    set_up(&f);
    struct arena *a = &f.loader.arena;
    const char *given = below(&f, "given");
    test_write_set(a, given, false);
    expect_loaded(&f, given);
    test_write_set(a, below(&f, "zipped"), true);
    expect_loaded(&f, below(&f, "zipped"));
    rename_in(&f, given, "train-images-idx3-ubyte", "train-images.idx3-ubyte");
    expect_loaded(&f, given);
    setenv("NNRUN_DATA", given, 1);
    expect_loaded(&f, MNIST_FOLDER);
    expect_loaded(&f, "");
    expect_loaded(&f, NULL);
    setenv("NNRUN_DATA", f.folder, 1);
    expect_loaded(&f, "given"); /* relative: below NNRUN_DATA too */
    test_write_set(a, below(&f, "mnist"), true);
    expect_loaded(&f, MNIST_FOLDER);
    unsetenv("NNRUN_DATA");
    test_write_set(a, below(&f, "cache/nnrun/mnist"), true);
    expect_loaded(&f, MNIST_FOLDER);
    CU_ASSERT_EQUAL(f.loader.diags.n_errors, 0);
    tear_down(&f);
}

static void test_incomplete_folder(void) {
    struct fixture f;
    set_up(&f);
    test_write_set(&f.loader.arena, below(&f, "given"), true);
    test_write_set(&f.loader.arena, below(&f, "other"), true);
    unlink(arena_printf(&f.loader.arena, "%s/given/t10k-labels-idx1-ubyte.gz", f.folder));
    CU_ASSERT_FALSE(load(&f, below(&f, "given"), 5, NULL));
    expect_error(&f, E_DATA_MISSING, "it lacks t10k-labels-idx1-ubyte");
    setenv("NNRUN_DATA", below(&f, "other"), 1);
    CU_ASSERT_FALSE(load(&f, below(&f, "given"), 5, NULL));
    expect_error(&f, E_DATA_MISSING, "it lacks t10k-labels-idx1-ubyte");
    rename_in(&f, f.folder, "given", MNIST_FOLDER);
    char before[4096];
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(before, sizeof before));
    CU_ASSERT_EQUAL(chdir(f.folder), 0);
    expect_loaded(&f, MNIST_FOLDER);
    CU_ASSERT_EQUAL(chdir(before), 0);
    CU_ASSERT_TRUE(test_said(&f.loader, "lacks t10k-labels-idx1-ubyte: the files in"));
    tear_down(&f);
}

/* Whoever names a folder gets what is in it, and no MNIST that is to be had elsewhere. */
static void test_named_folder(void) {
    struct fixture f;
    set_up(&f);
    struct arena *a = &f.loader.arena;
    test_write_set(a, below(&f, "cache/nnrun/mnist"), true);
    test_write_set(a, below(&f, "mnist"), true);
    setenv("NNRUN_DATA", f.folder, 1);
    f.loader.context.offline = false;
    for (int dry = 0; dry < 2; dry++) {
        f.loader.context.dry = dry;
        CU_ASSERT_FALSE(load(&f, "clothes", 5, NULL));
        CU_ASSERT_TRUE(test_said(&f.loader, "looked in clothes: no such folder"));
        CU_ASSERT_TRUE(test_said(&f.loader, arena_printf(a, "looked in %s/clothes", f.folder)));
        CU_ASSERT_FALSE(test_said(&f.loader, "looked in cache"));
        expect_error(&f, E_DATA_MISSING, "no folder \"clothes\" has the four files");
    }
    CU_ASSERT_TRUE(load(&f, "clothes", 58000, "digits")); /* dry */
    f.loader.context.dry = false;
    CU_ASSERT_TRUE(load(&f, "clothes", 58000, "digits"));
    CU_ASSERT_STRING_EQUAL(f.group.title, "generated digits");
    CU_ASSERT_TRUE(test_said(&f.loader, "four files of a set like MNIST: these are generated"));
    tear_down(&f);
}

static void test_quiet(void) {
    struct fixture f;
    set_up(&f);
    test_write_set(&f.loader.arena, f.folder, false);
    f.loader.context.quiet = true;
    CU_ASSERT_TRUE(load(&f, f.folder, 5, NULL));
    CU_ASSERT_TRUE(load(&f, "no-such-folder", 58000, "digits"));
    CU_ASSERT_EQUAL(f.loader.diags.list.n, 0);
    tear_down(&f);
}

static void test_missing(void) {
    struct fixture f;
    set_up(&f);
    CU_ASSERT_FALSE(load(&f, NULL, 5, NULL));
    CU_ASSERT_TRUE(test_said(&f.loader, "cache/nnrun/mnist: no such folder"));
    CU_ASSERT_TRUE(test_said(&f.loader, "train-images-idx3-ubyte.gz"));
    expect_error(&f, E_DATA_MISSING, "MNIST was not found");
    CU_ASSERT_NOT_EQUAL(access(home_of(&f), F_OK), 0);
    tear_down(&f);
}

static void test_falls_back(void) {
    struct fixture f;
    set_up(&f);
    CU_ASSERT_FALSE(load(&f, "no-such-folder", 5, "digts"));
    expect_error(&f, E_UNKNOWN_NAME, "there is no fallback \"digts\"");
    CU_ASSERT_FALSE(load(&f, "no-such-folder", 60000, "digits"));
    expect_error(&f, E_OUT_OF_RANGE, "validation is 60000");
    CU_ASSERT_TRUE(load(&f, "no-such-folder", 58000, "digits"));
    CU_ASSERT_EQUAL(f.loader.diags.n_errors, 0);
    CU_ASSERT_TRUE(test_said(&f.loader, "these are generated digits instead"));
    CU_ASSERT_STRING_EQUAL(f.group.title, "generated digits");
    CU_ASSERT_EQUAL(f.group.train->length, 2000);
    CU_ASSERT_EQUAL(f.group.validation->length, 58000);
    CU_ASSERT_EQUAL(f.group.test->length, 10000);
    /* A file that is there and wrong is no reason to fall back. */
    const char *given = below(&f, "given");
    test_write_set(&f.loader.arena, given, false);
    test_write_raw(&f.loader.arena, given, "t10k-labels-idx1-ubyte", "<html>", 6);
    CU_ASSERT_FALSE(load(&f, given, 5, "digits"));
    f.loader.diags.list.at[0] = f.loader.diags.list.at[f.loader.diags.list.n - 1];
    expect_error(&f, E_DATA_CORRUPT, "a web page, not the data");
    tear_down(&f);
}

static void test_validation_range(void) {
    static const int64_t bad[] = {-1, 30, 31, INT64_MAX, INT64_MIN};
    struct fixture f;
    set_up(&f);
    test_write_set(&f.loader.arena, f.folder, false);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_FALSE(load(&f, f.folder, bad[i], NULL));
        expect_error(&f, E_OUT_OF_RANGE, "expected 0 to 29");
    }
    CU_ASSERT_TRUE(load(&f, f.folder, 0, NULL));
    CU_ASSERT_EQUAL(f.group.train->length, 30);
    CU_ASSERT_EQUAL(f.group.validation->length, 0);
    CU_ASSERT_EQUAL(dataset_field_values(f.group.validation, 0)->dim[1], 6);
    CU_ASSERT_TRUE(load(&f, f.folder, 29, NULL));
    tear_down(&f);
}

/* The validation set is the first part of the training file. */
static void test_split_and_values(void) {
    struct fixture f;
    set_up(&f);
    test_write_set(&f.loader.arena, f.folder, true);
    CU_ASSERT_TRUE_FATAL(load(&f, f.folder, 12, NULL));
    struct tensor *validation = dataset_field_values(f.group.validation, 0);
    struct tensor *train = dataset_field_values(f.group.train, 0);
    struct tensor *labels = dataset_field_values(f.group.train, 1);
    CU_ASSERT_EQUAL(train->rank, 2);
    CU_ASSERT_EQUAL(train->dim[1], 6);
    CU_ASSERT_EQUAL(labels->dim[1], 10);
    for (int i = 0; i < 12 * 6; i++)
        CU_ASSERT_EQUAL(((float *)validation->data)[i], (float)(i * 7 % 256) / 255.0f);
    for (int i = 0; i < 18 * 6; i++)
        CU_ASSERT_EQUAL(((float *)train->data)[i], (float)((i + 72) * 7 % 256) / 255.0f);
    for (int i = 0; i < 18; i++)
        CU_ASSERT_EQUAL(((float *)labels->data)[i * 10 + (i + 12) * 7 % 10], 1);
    dataset_group_release(&f.group);
    CU_ASSERT_TRUE_FATAL(load_mnist(&f.loader.context, f.folder, false, 12, NULL, &f.group));
    labels = dataset_field_values(f.group.train, 1);
    CU_ASSERT_EQUAL(labels->dtype, DTYPE_I32);
    CU_ASSERT_EQUAL(((int32_t *)labels->data)[1], 13 * 7 % 10);
    tear_down(&f);
}

static void test_files_that_disagree(void) {
    static const struct {
        const char *name;
        int rank;
        uint32_t dim[3];
        int n_values;
        const char *said;
    } cases[] = {
        {"train-labels-idx1-ubyte", 1, {29}, 10, "has 29 labels, but"},
        {"train-labels-idx1-ubyte", 1, {30}, 11, "has the label 10 at example 3, expected 0 to 9"},
        {"t10k-images-idx3-ubyte",
         3,
         {20, 2, 3},
         256,
         "has images of 2x3, but those for training are 3x2"},
        {"t10k-images-idx3-ubyte", 1, {20}, 256, "magic number 0x00000801, expected 0x00000803"},
        {"train-images-idx3-ubyte",
         3,
         {60000, 28, 28},
         256,
         "SHA-256 of the uncompressed content: "},
        {"t10k-labels-idx1-ubyte",
         1,
         {10000},
         10,
         "expected for MNIST: ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
    };
    for (int i = 0; i < 6; i++) {
        struct fixture f;
        set_up(&f);
        size_t n;
        test_write_set(&f.loader.arena, f.folder, false);
        uint8_t *bytes =
            test_make_idx(&f.loader.arena, cases[i].rank, cases[i].dim, cases[i].n_values, &n);
        test_write_raw(&f.loader.arena, f.folder, cases[i].name, bytes, n);
        CU_ASSERT_FALSE(load(&f, f.folder, 5, NULL));
        CU_ASSERT_TRUE(test_said(&f.loader, cases[i].name));
        expect_error(&f, E_DATA_CORRUPT, cases[i].said);
        tear_down(&f);
    }
}

/* What the set's documentation says of it. */
struct facts {
    const char *folder, *title;
    int train_labels[10], test_labels[10]; /* the first ten; -1: not stated */
    int train_counts[10], test_counts[10]; /* of each class */
};

static int class_of(const struct dataset *d, int64_t i) {
    return ((const int32_t *)d->fields[1].stored->data)[i];
}

static void count_classes(const struct dataset *d, int counts[10]) {
    for (int64_t i = 0; i < d->length; i++)
        counts[class_of(d, i)]++;
}

static void check_facts(const struct facts *facts) {
    struct fixture f;
    struct arena a = {0};
    const char *folder = test_find_data(&a, facts->folder);
    if (folder) {
        set_up(&f);
        CU_ASSERT_TRUE_FATAL(load_mnist(&f.loader.context, folder, false, 5000, NULL, &f.group));
        CU_ASSERT_EQUAL(f.loader.diags.list.n, 0);
        CU_ASSERT_STRING_EQUAL(f.group.title, facts->title);
        CU_ASSERT_EQUAL(f.group.train->length, 55000);
        CU_ASSERT_EQUAL(f.group.validation->length, 5000);
        CU_ASSERT_EQUAL(f.group.test->length, 10000);
        int train[10] = {0}, test[10] = {0};
        count_classes(f.group.train, train);
        count_classes(f.group.validation, train);
        count_classes(f.group.test, test);
        for (int i = 0; i < 10; i++) {
            CU_ASSERT_EQUAL(train[i], facts->train_counts[i]);
            CU_ASSERT_EQUAL(test[i], facts->test_counts[i]);
            if (facts->train_labels[0] >= 0) {
                CU_ASSERT_EQUAL(class_of(f.group.validation, i), facts->train_labels[i]);
                CU_ASSERT_EQUAL(class_of(f.group.test, i), facts->test_labels[i]);
            }
        }
        tear_down(&f);
    }
    arena_free(&a);
}

static void test_real_mnist(void) {
    check_facts(&(struct facts){"mnist",
                                "MNIST",
                                {5, 0, 4, 1, 9, 2, 1, 3, 1, 4},
                                {7, 2, 1, 0, 4, 1, 4, 9, 5, 9},
                                {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949},
                                {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}});
}

static void test_real_fashion(void) {
    check_facts(&(struct facts){"fashion-mnist",
                                "Fashion-MNIST",
                                {-1},
                                {-1},
                                {6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000},
                                {1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}});
}

static void link_file(struct fixture *f, const char *from, const char *to, const char *name) {
    CU_ASSERT_EQUAL(symlink(realpath(arena_printf(&f->loader.arena, "%s/%s", from, name),
                                     arena_alloc(&f->loader.arena, 4096)),
                            arena_printf(&f->loader.arena, "%s/%s", to, name)),
                    0);
}

static void test_mixed_sets(void) {
    struct fixture f;
    set_up(&f);
    const char *mnist = test_find_data(&f.loader.arena, "mnist");
    setenv("NNRUN_DATA", f.data_before ? f.data_before : "", 1);
    mnist = mnist ? mnist : test_find_data(&f.loader.arena, "mnist");
    const char *fashion = test_find_data(&f.loader.arena, "fashion-mnist");
    unsetenv("NNRUN_DATA");
    if (mnist && fashion) {
        link_file(&f, mnist, f.folder, "train-images-idx3-ubyte.gz");
        link_file(&f, mnist, f.folder, "train-labels-idx1-ubyte.gz");
        link_file(&f, mnist, f.folder, "t10k-images-idx3-ubyte.gz");
        link_file(&f, fashion, f.folder, "t10k-labels-idx1-ubyte.gz");
        CU_ASSERT_FALSE(load(&f, f.folder, 5000, NULL));
        expect_error(&f, E_DATA_CORRUPT, "is of Fashion-MNIST");
    }
    tear_down(&f);
}

/* From a mirror with the real files, in two goes: what is there is kept, what is missing is
 * fetched. */
static void test_downloads(void) {
    struct fixture f;
    struct arena a = {0};
    const char *data = test_find_data(&a, "mnist");
    if (data) {
        set_up(&f);
        struct test_mirror mirror = {.conduct = MIRROR_GOOD, .folder = data};
        CU_ASSERT_TRUE_FATAL(mirror_start(&mirror));
        setenv("NNRUN_MIRRORS", mirror.url, 1);
        f.loader.context.offline = false;
        const char *home = home_of(&f);
        CU_ASSERT_TRUE(load(&f, NULL, 5000, "digits"));
        CU_ASSERT_EQUAL(f.loader.diags.list.n, 0);
        CU_ASSERT_STRING_EQUAL(f.group.title, "MNIST");
        CU_ASSERT_EQUAL(mirror.n_requests, 4);
        CU_ASSERT_EQUAL(unlink(arena_printf(&f.loader.arena, "%s/t10k-labels-idx1-ubyte.gz", home)),
                        0);
        CU_ASSERT_TRUE(load(&f, NULL, 5000, NULL));
        CU_ASSERT_EQUAL(mirror.n_requests, 5);
        CU_ASSERT_TRUE(load(&f, NULL, 5000, NULL)); /* all there now */
        CU_ASSERT_EQUAL(mirror.n_requests, 5);
        mirror_stop(&mirror);
        tear_down(&f);
    }
    arena_free(&a);
}

/* A mirror with files that are valid but not MNIST's, a sign-in page, nothing: the files cannot
 * be had. */
static void test_bad_mirrors(void) {
    struct fixture f;
    set_up(&f);
    test_write_set(&f.loader.arena, below(&f, "other"), true);
    struct test_mirror mirror = {.conduct = MIRROR_GOOD, .folder = below(&f, "other")};
    CU_ASSERT_TRUE_FATAL(mirror_start(&mirror));
    setenv("NNRUN_MIRRORS", mirror.url, 1);
    f.loader.context.offline = false;
    CU_ASSERT_FALSE(load(&f, NULL, 5, NULL));
    CU_ASSERT_TRUE(test_said(&f.loader, "expected ba891046e6505d7aadcbbe25680a0738"));
    expect_error(&f, E_DATA_MISSING, "what it sends is not MNIST's file: SHA-256 ");
    mirror.conduct = MIRROR_PAGE;
    CU_ASSERT_FALSE(load(&f, NULL, 5, NULL));
    expect_error(&f, E_DATA_MISSING, "what it sends begins with \"<!DOCTYPE html>\": a web page");
    mirror.conduct = MIRROR_404;
    CU_ASSERT_FALSE(load(&f, NULL, 5, NULL));
    expect_error(&f, E_DATA_MISSING, "404");
    CU_ASSERT_TRUE(load(&f, NULL, 58000, "digits"));
    CU_ASSERT_TRUE(test_said(&f.loader, "could not be downloaded: these are generated digits"));
    CU_ASSERT_EQUAL(rmdir(home_of(&f)), 0); /* nothing was left in it */
    mirror_stop(&mirror);
    tear_down(&f);
}

void suite_data_mnist(void) {
    unit_suite("data: mnist");
    unit_test("finds files", test_finds_files);
    unit_test("incomplete folder", test_incomplete_folder);
    unit_test("a folder by its name", test_named_folder);
    unit_test("missing files", test_missing);
    unit_test("no remarks when quiet", test_quiet);
    unit_test("falls back on digits", test_falls_back);
    unit_test("range of validation", test_validation_range);
    unit_test("split and values", test_split_and_values);
    unit_test("files that disagree", test_files_that_disagree);
    unit_test("the real MNIST", test_real_mnist);
    unit_test("the real Fashion-MNIST", test_real_fashion);
    unit_test("files of two sets", test_mixed_sets);
    unit_test("downloads", test_downloads);
    unit_test("bad mirrors", test_bad_mirrors);
}
