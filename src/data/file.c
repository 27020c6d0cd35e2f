/* Whole files. What is promised stands in file.h.
 *
 * A file is read, not mapped: one that is cut short while it is looked at must not end the
 * program. */
#include "data/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/utf8.h"

/* The folder of the script that asks, with its slash; NULL when that is no file or lies here. */
static const char *script_folder(struct load_context *c) {
    const struct sources *sources = c->diags->sources;
    bool known = sources && c->at.source > 0 && c->at.source < sources->n;
    const char *path = known ? sources->at[c->at.source].path : NULL;
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? arena_strndup(c->arena, path, (size_t)(slash + 1 - path)) : NULL;
}

const char *file_find(struct load_context *c, const char *path) {
    const char *data = getenv("NNRUN_DATA"), *script = script_folder(c);
    bool relative = path[0] && path[0] != '/', has_data = data && data[0];
    const char *places[] = {
        path[0] ? path : NULL,
        relative && script ? arena_printf(c->arena, "%s%s", script, path) : NULL,
        relative && has_data ? arena_printf(c->arena, "%s/%s", data, path) : NULL,
    };
    for (int i = 0; i < 3; i++)
        if (places[i] && os_file_exists(places[i]))
            return places[i];
    struct diag *d =
        diag_error(c->diags, E_DATA_MISSING, c->at, "there is no file \"%s\"", path);
    if (relative)
        diag_help(d, "a path counts from the folder where nnrun is started, or from that of the "
                     "script, or from the one that NNRUN_DATA names");
    return NULL;
}

bool file_is_usual(const char *given, const char *usual) {
    return !given || !given[0] || strcmp(given, usual) == 0;
}

int file_folders(struct arena *a, const char *given, const char *usual, const char *name,
                 const char *out[FILE_FOLDERS]) {
    const char *data = getenv("NNRUN_DATA"), *cache = os_cache_folder(a);
    bool has_data = data && data[0];
    int n = 0;
    if (given && given[0])
        out[n++] = given;
    if (given && given[0] && given[0] != '/' && has_data)
        out[n++] = arena_printf(a, "%s/%s", data, given);
    if (!file_is_usual(given, usual))
        return n;
    if (has_data) {
        out[n++] = data;
        out[n++] = arena_printf(a, "%s/%s", data, name);
    }
    if (cache)
        out[n++] = arena_printf(a, "%s/%s", cache, name);
    return n;
}

bool file_check_validation(struct load_context *c, int64_t validation, int64_t n_train) {
    if (validation >= 0 && validation < n_train)
        return true;
    diag_error(c->diags, E_OUT_OF_RANGE, c->at,
               "validation is %" PRId64 ", expected 0 to %" PRId64 ": it is taken from the %" PRId64
               " training examples",
               validation, n_train - 1, n_train);
    return false;
}

struct diag *file_remark(struct load_context *c, const char *format, ...) {
    if (c->dry || c->quiet)
        return NULL;
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(c->arena, format, args);
    va_end(args);
    return diag_remark(c->diags, c->at, "%s", text);
}

struct diag *file_report(struct load_context *c, const char *path, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *why = arena_vprintf(c->arena, format, args);
    va_end(args);
    return diag_error(c->diags, E_DATA_CORRUPT, c->at, "%s%s%s", path, why[0] == ':' ? "" : " ",
                      why);
}

bool file_interrupted(struct load_context *c, const char *path) {
    if (!c->interrupted || !*c->interrupted)
        return false;
    diag_error(c->diags, E_INTERRUPTED, c->at, "stopped while reading %s", path);
    return true;
}

static bool fail(struct load_context *c, const char *path, enum diag_code code, const char *why) {
    diag_error(c->diags, code, c->at, "%s %s", path, why);
    return false;
}

static bool read_bytes(struct load_context *c, int fd, struct file *f) {
    enum { PIECE_BYTES = 1 << 22 };
    int64_t done = 0;
    while (done < f->n) {
        int64_t want = f->n - done < PIECE_BYTES ? f->n - done : PIECE_BYTES;
        if (file_interrupted(c, f->path))
            return false;
        ssize_t got = read(fd, f->bytes + done, (size_t)want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(c, f->path, E_FILE,
                        arena_printf(c->arena, "cannot be read: %s", strerror(errno)));
        if (got == 0)
            break;
        done += got;
    }
    f->n = done;
    f->bytes[done] = 0;
    return true;
}

static bool read_open(struct load_context *c, int fd, struct file *f) {
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    f->bytes = (double)f->n < memory ? malloc((size_t)f->n + 1) : NULL;
    if (!f->bytes)
        return fail(c, f->path, E_MEMORY,
                    arena_printf(c->arena, "is too large for this machine: %" PRId64 " bytes",
                                 f->n));
    return read_bytes(c, fd, f);
}

bool file_read(struct load_context *c, const char *path, struct file *out) {
    *out = (struct file){.path = path};
    char why[OS_FAULT];
    int fd = os_open_file(path, &out->n, why);
    if (fd < 0)
        return fail(c, path, E_FILE, why);
    bool ok = read_open(c, fd, out);
    close(fd);
    if (!ok)
        file_free(out);
    return ok;
}

void file_free(struct file *f) {
    free(f->bytes);
    f->bytes = NULL;
}

int64_t file_line(const char *text, const char *at) {
    int64_t line = 1;
    for (const char *p = text; (p = memchr(p, '\n', (size_t)(at - p))); p++)
        line++;
    return line;
}

bool file_is_text(struct load_context *c, const struct file *f) {
    const unsigned char *b = (const unsigned char *)f->bytes;
    const char *end = f->bytes + f->n;
    if (f->n >= 2 && b[0] == 0x1f && b[1] == 0x8b) {
        diag_help(file_report(c, f->path, "is compressed by gzip, not text"), "gunzip it first");
        return false;
    }
    bool utf16 = f->n >= 2 && ((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff));
    const char *zero = memchr(f->bytes, 0, (size_t)f->n);
    const char *fault = utf16 ? f->bytes : utf8_find_fault(f->bytes, end);
    if (utf16)
        diag_help(file_report(c, f->path, "is text in UTF-16"), "save it in the encoding UTF-8");
    else if (zero)
        file_report(c, f->path, ":%" PRId64 ": a zero byte: this is no text",
                    file_line(f->bytes, zero));
    else if (fault < end)
        diag_help(file_report(c, f->path, ":%" PRId64 ": the byte 0x%02x is not UTF-8 text",
                              file_line(f->bytes, fault), (unsigned char)*fault),
                  "save it in the encoding UTF-8");
    return !utf16 && !zero && fault == end;
}

const char *file_stem(struct arena *a, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    const char *dot = memchr(path + begin, '.', n - begin);
    for (const char *next = dot; next; next = memchr(next + 1, '.', (size_t)(path + n - next - 1)))
        dot = next;
    return arena_strndup(a, path + begin,
                         dot && dot > path + begin ? (size_t)(dot - path) - begin : n - begin);
}

const char *file_quote(struct arena *a, const char *text, int64_t n) {
    enum { MOST_BYTES = 40 };
    bool cut = n > MOST_BYTES;
    const char *end = text + n, *p = text, *stop = text + (cut ? MOST_BYTES : n);
    while (p < stop)
        p += utf8_length(p, end) > 0 ? utf8_length(p, end) : 1;
    char *shown = arena_printf(a, "\"%.*s%s\"", (int)(p - text), text, cut ? ".." : "");
    for (char *q = shown; *q; q++)
        if ((unsigned char)*q < ' ' || *q == 0x7f)
            *q = ' ';
    return shown;
}
