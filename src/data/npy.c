/* load_npy and load_npz: where the bytes of arrays come from. The format is npy_format.c's.
 *
 * An archive is read by libzip, which holds each member against its check sum. It is opened at run
 * time, so that a program that reads no archive does not load it. What a member announces is
 * believed only as far as the bytes of the file can account for it: deflate cannot shrink data to
 * less than 1/1032, and members do not share bytes. */
#include "data/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/os.h"
#include "data/file.h"
#include "data/npy_format.h"

enum { MAX_DEFLATE_RATIO = 1032 };

/* Opens a file. -1: reported. */
static int open_file(struct load_context *c, const char *path, int64_t *n_bytes) {
    char why[OS_FAULT];
    int fd = os_open_file(path, n_bytes, why);
    if (fd < 0)
        diag_error(c->diags, E_FILE, c->at, "%s %s", path, why);
    return fd;
}

static int64_t read_file(void *with, void *to, int64_t n, const char **why) {
    ssize_t got;
    do {
        got = read(*(int *)with, to, (size_t)n);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        *why = strerror(errno);
    return got;
}

bool load_npy(struct load_context *c, const char *path, struct tensor **out) {
    const char *found = file_find(c, path);
    int64_t n_bytes;
    int fd = found ? open_file(c, found, &n_bytes) : -1;
    if (fd < 0)
        return false;
    struct npy_stream s = {c, found, n_bytes, read_file, &fd};
    *out = npy_read(&s);
    close(fd);
    return *out != NULL;
}

/* ---- archives */

struct zip_library {
    __typeof__(zip_open) *open;
    __typeof__(zip_discard) *discard;
    __typeof__(zip_strerror) *strerror;
    __typeof__(zip_get_num_entries) *n_entries;
    __typeof__(zip_stat_index) *stat;
    __typeof__(zip_fopen_index) *open_member;
    __typeof__(zip_fread) *read;
    __typeof__(zip_file_strerror) *member_strerror;
    __typeof__(zip_fclose) *close_member;
};

static bool load_library(struct zip_library *l) {
    const struct os_function functions[] = {
        {"zip_open", &l->open},
        {"zip_discard", &l->discard},
        {"zip_strerror", &l->strerror},
        {"zip_get_num_entries", &l->n_entries},
        {"zip_stat_index", &l->stat},
        {"zip_fopen_index", &l->open_member},
        {"zip_fread", &l->read},
        {"zip_file_strerror", &l->member_strerror},
        {"zip_fclose", &l->close_member},
    };
    return os_load_library("libzip.so.4", functions, sizeof functions / sizeof *functions);
}

struct archive {
    struct load_context *c;
    const char *path;
    struct zip_library l;
    zip_t *zip;
    int64_t file_bytes, packed_bytes; /* of the members so far */
};

struct member {
    struct archive *a;
    zip_file_t *file;
};

static int64_t read_member(void *with, void *to, int64_t n, const char **why) {
    struct member *m = with;
    int64_t got = m->a->l.read(m->file, to, (zip_uint64_t)n);
    if (got < 0)
        *why = m->a->l.member_strerror(m->file);
    return got;
}

/* Whether a member is what it may be: an array, plain or deflated, as large as its bytes can
 * hold. */
static bool check_member(struct archive *a, const zip_stat_t *st, const char **name) {
    const char *end = st->name ? strstr(st->name, ".npy") : NULL;
    while (end && end[4])
        end = strstr(end + 1, ".npy");
    const char *shown = file_quote(a->c->arena, st->name ? st->name : "",
                                   st->name ? (int64_t)strlen(st->name) : 0);
    if (!end || end == st->name) {
        file_report(a->c, a->path, "has the member %s, which is no array of NumPy", shown);
        return false;
    }
    if (st->encryption_method != ZIP_EM_NONE ||
        (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)) {
        struct diag *d = file_report(a->c, a->path, "has the member %s %s", shown,
                                     st->encryption_method != ZIP_EM_NONE
                                         ? "encrypted"
                                         : "compressed in a way that NumPy does not");
        diag_help(d, "save the arrays by np.savez or np.savez_compressed");
        return false;
    }
    bool deflated = st->comp_method == ZIP_CM_DEFLATE;
    int64_t left = a->file_bytes - a->packed_bytes;
    if (st->comp_size > (zip_uint64_t)left ||
        st->size / (deflated ? MAX_DEFLATE_RATIO : 1) > st->comp_size) {
        file_report(a->c, a->path, "has the member %s of %" PRIu64 " bytes in %" PRIu64
                    ", more than they can hold", shown, (uint64_t)st->size,
                    (uint64_t)st->comp_size);
        return false;
    }
    a->packed_bytes += (int64_t)st->comp_size;
    *name = arena_strndup(a->c->arena, st->name, (size_t)(end - st->name));
    return true;
}

/* Asking for one byte more than there is makes libzip compare the check sum. */
static bool check_end(struct archive *a, struct member *m, const char *name) {
    char extra;
    const char *why = "it goes on after the end of its array";
    int64_t got = a->c->dry ? 0 : read_member(m, &extra, 1, &why);
    if (got != 0)
        file_report(a->c, name, "is corrupt: %s", why);
    return got == 0;
}

static struct tensor *load_member(struct archive *a, int64_t i, const char **name) {
    zip_stat_t st;
    const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    memset(&st, 0, sizeof st);
    if (a->l.stat(a->zip, (zip_uint64_t)i, 0, &st) != 0 || (st.valid & wanted) != wanted) {
        file_report(a->c, a->path, "is corrupt: nothing is said of member %" PRId64, i);
        return NULL;
    }
    if (!check_member(a, &st, name))
        return NULL;
    const char *full = arena_printf(a->c->arena, "%s: %s.npy", a->path, *name);
    struct member m = {a, a->l.open_member(a->zip, (zip_uint64_t)i, 0)};
    if (!m.file) {
        file_report(a->c, full, "cannot be read: %s", a->l.strerror(a->zip));
        return NULL;
    }
    struct npy_stream s = {a->c, full, (int64_t)st.size, read_member, &m};
    struct tensor *t = npy_read(&s);
    if (t && !check_end(a, &m, full)) {
        tensor_unref(t);
        t = NULL;
    }
    a->l.close_member(m.file);
    return t;
}

static bool load_members(struct archive *a, struct npz *out) {
    int64_t n = a->l.n_entries(a->zip, 0);
    if (n == 0) {
        file_report(a->c, a->path, "holds no array");
        return false;
    }
    out->name = arena_array(a->c->arena, const char *, n);
    out->tensor = arena_array(a->c->arena, struct tensor *, n);
    for (int64_t i = 0; i < n; i++) {
        out->tensor[i] = load_member(a, i, &out->name[i]);
        if (!out->tensor[i])
            return false;
        out->n++;
        for (int64_t k = 0; k < i; k++)
            if (strcmp(out->name[i], out->name[k]) == 0) {
                file_report(a->c, a->path, "has the member \"%s.npy\" twice", out->name[i]);
                return false;
            }
    }
    return true;
}

static bool open_archive(struct archive *a) {
    char start[4] = {0};
    int fd = open_file(a->c, a->path, &a->file_bytes), code = 0;
    if (fd < 0)
        return false;
    bool archive = read(fd, start, 4) == 4 && start[0] == 'P' && start[1] == 'K';
    close(fd);
    if (!archive) {
        struct diag *d = file_report(a->c, a->path, "is no archive of arrays");
        if (memcmp(start, "\x93NUM", 4) == 0)
            diag_help(d, "it is one array: load_npy");
        return false;
    }
    if (!load_library(&a->l)) {
        diag_error(a->c->diags, E_FILE, a->c->at,
                   "%s cannot be read: libzip.so.4 (Debian package libzip4) is not to be had",
                   a->path);
        return false;
    }
    a->zip = a->l.open(a->path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (!a->zip)
        file_report(a->c, a->path, "is corrupt: its directory is damaged or cut off (libzip %d)",
                    code);
    return a->zip != NULL;
}

bool load_npz(struct load_context *c, const char *path, struct npz *out) {
    struct archive a = {.c = c, .path = file_find(c, path)};
    *out = (struct npz){0};
    if (!a.path || !open_archive(&a))
        return false;
    bool ok = load_members(&a, out);
    a.l.discard(a.zip);
    if (!ok)
        npz_free(out);
    return ok;
}

void npz_free(struct npz *z) {
    for (int i = 0; i < z->n; i++)
        tensor_unref(z->tensor[i]);
    z->n = 0;
}
