/* Helpers of the data suites; see datafiles.h. */
#include "datafiles.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

const char *test_make_folder(struct arena *a) {
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/nnrun-data-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    return path;
}

void test_remove_folder(const char *path) {
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[4096];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
            test_remove_folder(name);
        else
            unlink(name);
    }
    closedir(dir);
    rmdir(path);
}

const char *test_write_raw(struct arena *a, const char *folder, const char *name, const void *bytes,
                           size_t n) {
    const char *path = arena_printf(a, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, n, f), n);
    fclose(f);
    return path;
}

const char *test_write_file(struct arena *a, const char *folder, const char *name,
                            const void *bytes, size_t n) {
    size_t n_name = strlen(name);
    if (n_name < 3 || strcmp(name + n_name - 3, ".gz") != 0)
        return test_write_raw(a, folder, name, bytes, n);
    const char *path = arena_printf(a, "%s/%s", folder, name);
    gzFile f = gzopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(gzwrite(f, bytes, (unsigned)n), (int)n);
    gzclose(f);
    return path;
}

uint8_t *test_make_idx(struct arena *a, int rank, const uint32_t *dim, int n_values, size_t *n) {
    size_t header = 4 + 4 * (size_t)rank, elements = 1;
    for (int i = 0; i < rank; i++)
        elements *= dim[i];
    uint8_t *bytes = arena_alloc(a, header + elements);
    bytes[2] = 8;
    bytes[3] = (uint8_t)rank;
    for (int i = 0; i < rank; i++)
        for (int k = 0; k < 4; k++)
            bytes[4 + 4 * i + k] = (uint8_t)(dim[i] >> (24 - 8 * k));
    for (size_t i = 0; i < elements; i++)
        bytes[header + i] = (uint8_t)(i * 7 % (size_t)n_values);
    *n = header + elements;
    return bytes;
}

void test_write_set(struct arena *a, const char *folder, bool gzip) {
    const struct {
        const char *name;
        int rank;
        uint32_t dim[3];
        int n_values;
    } files[] = {{"train-images-idx3-ubyte", 3, {30, 3, 2}, 256},
                 {"train-labels-idx1-ubyte", 1, {30}, 10},
                 {"t10k-images-idx3-ubyte", 3, {20, 3, 2}, 256},
                 {"t10k-labels-idx1-ubyte", 1, {20}, 10}};
    for (int i = 0; i < 4; i++) {
        size_t n;
        uint8_t *bytes = test_make_idx(a, files[i].rank, files[i].dim, files[i].n_values, &n);
        test_write_file(a, folder, arena_printf(a, "%s%s", files[i].name, gzip ? ".gz" : ""), bytes,
                        n);
    }
}

void test_open_loader(struct test_loader *t) {
    memset(t, 0, sizeof *t);
    t->sources.arena = &t->arena;
    t->diags.arena = &t->arena;
    t->diags.sources = &t->sources;
    t->context.arena = &t->arena;
    t->context.diags = &t->diags;
    t->context.seed = 42;
    t->context.offline = true;
}

void test_close_loader(struct test_loader *t) { arena_free(&t->arena); }

bool test_said(const struct test_loader *t, const char *text) {
    for (int i = 0; i < t->diags.list.n; i++) {
        const struct diag *d = t->diags.list.at[i];
        if (strstr(d->message, text) || (d->help && strstr(d->help, text)))
            return true;
        for (int k = 0; k < d->notes.n; k++)
            if (strstr(d->notes.at[k].text, text))
                return true;
    }
    return false;
}

const char *test_keep_variable(struct arena *a, const char *name) {
    const char *value = getenv(name);
    return value ? arena_strndup(a, value, strlen(value)) : NULL;
}

void test_put_variable(const char *name, const char *value) {
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

const char *test_find_data(struct arena *a, const char *name) {
    const char *data = getenv("NNRUN_DATA");
    const char *roots[] = {data && data[0] ? data : NULL, "../shared/data", "data"};
    for (int i = 0; i < 3; i++) {
        if (!roots[i])
            continue;
        const char *folder = arena_printf(a, "%s/%s", roots[i], name);
        if (access(arena_printf(a, "%s/t10k-labels-idx1-ubyte.gz", folder), R_OK) == 0)
            return folder;
    }
    printf("    skipped: no %s under NNRUN_DATA or ../shared/data\n", name);
    return NULL;
}
