/* Downloads with libcurl. In: mirrors, a name, a folder, a check. Out: the file in the folder, or
 * the reasons why not. What is promised stands in download.h.
 *
 * A part file is locked while it is written, so that two runs do not write into one another's. A
 * resumed part that fails the check may have been of another version: it is fetched once more
 * from its beginning.
 *
 * libcurl is opened at run time: a program that downloads nothing does not load it, and one whose
 * data is there works without it.
 *
 * Not for: which files, from where, and whether they are right (mnist.c). */
#include "data/download.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

/* All mirrors together may take FIRST_BYTE_S to begin to answer, one of them MIRROR_S; one that
 * falls silent in the middle is left after STALL_S. */
enum { FIRST_BYTE_S = 12, MIRROR_S = 6, STALL_S = 10 };

/* Seconds between two lines of progress, on a terminal (where they overwrite each other) and
 * elsewhere. */
static const double TERMINAL_INTERVAL_S = 0.2, LOG_INTERVAL_S = 5;

struct curl_library {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_setopt) *setopt;
    __typeof__(curl_easy_perform) *perform;
    __typeof__(curl_easy_getinfo) *getinfo;
    __typeof__(curl_easy_strerror) *strerror;
    __typeof__(curl_easy_cleanup) *cleanup;
    CURL *handle;
};

/* One request. */
struct transfer {
    struct download *d;
    const char *name, *folder, *part;
    int64_t limit_bytes;
    int fd;             /* of the part; -1 until it is open */
    int64_t had_bytes;  /* of the part, before this request */
    int64_t have_bytes; /* of the part now */
    double start_s, shown_s;
    bool answered, interrupted;
    const char *fault; /* why we broke it off ourselves */
    char curl_fault[CURL_ERROR_SIZE];
};

static struct curl_library *load_library(struct arena *a) {
    struct curl_library *l = arena_new(a, struct curl_library);
    const struct os_function functions[] = {
        {"curl_global_init", &l->global_init},
        {"curl_easy_init", &l->easy_init},
        {"curl_easy_setopt", &l->setopt},
        {"curl_easy_perform", &l->perform},
        {"curl_easy_getinfo", &l->getinfo},
        {"curl_easy_strerror", &l->strerror},
        {"curl_easy_cleanup", &l->cleanup},
    };
    bool whole =
        os_load_library("libcurl.so.4", functions, sizeof functions / sizeof *functions);
    if (!whole || l->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(l->handle = l->easy_init()))
        return NULL;
    return l;
}

static bool is_interrupted(const struct download *d) {
    return d->c->interrupted && *d->c->interrupted;
}

void download_open(struct download *d, struct load_context *c, const char *mirrors) {
    memset(d, 0, sizeof *d);
    d->c = c;
    for (const char *p = mirrors; *p;) {
        size_t n = strcspn(p, " \t\n");
        if (n > 0) {
            const char *url =
                arena_printf(c->arena, "%.*s%s", (int)n, p, p[n - 1] == '/' ? "" : "/");
            array_push(c->arena, &d->mirrors, (struct mirror){.url = url});
        }
        p += n + strspn(p + n, " \t\n");
    }
    if (d->mirrors.n == 0)
        return;
    double share_s = (double)FIRST_BYTE_S / d->mirrors.n;
    d->patience_s = share_s < MIRROR_S ? share_s : MIRROR_S;
    d->curl = load_library(c->arena);
}

void download_close(struct download *d) {
    if (d->curl)
        d->curl->cleanup(d->curl->handle);
    d->curl = NULL;
}

static void add_failure(struct download *d, const char *url, const char *why) {
    const char *kept = arena_strndup(d->c->arena, why, strlen(why));
    array_push(d->c->arena, &d->failed, (struct attempt){url, kept});
}

/* Opens and locks the part, making the folder if `create`. false: t->fault says why, or, without
 * `create`, there is none. */
static bool open_part(struct transfer *t, bool create) {
    struct arena *a = t->d->c->arena;
    struct stat st;
    if (create)
        os_make_folders(t->folder);
    t->fd = open(t->part, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0644);
    if (t->fd < 0) {
        if (create)
            t->fault = arena_printf(a, "%s cannot be written: %s", t->part, strerror(errno));
        return false;
    }
    if (flock(t->fd, LOCK_EX | LOCK_NB) != 0 || fstat(t->fd, &st) != 0) {
        t->fault = arena_printf(a, "%s is being written by another run", t->part);
        close(t->fd);
        t->fd = -1;
        return false;
    }
    t->had_bytes = t->have_bytes = st.st_size;
    return true;
}

/* The first bytes of the answer: opens the part if there was none; starts over if the server
 * sends all of it. */
static bool begin_answer(struct transfer *t) {
    long status = 0;
    t->answered = true;
    t->d->curl->getinfo(t->d->curl->handle, CURLINFO_RESPONSE_CODE, &status);
    if (t->fd < 0 && !open_part(t, true))
        return false;
    if (status != 206)
        t->had_bytes = t->have_bytes = 0;
    if (ftruncate(t->fd, t->have_bytes) != 0 || lseek(t->fd, t->have_bytes, SEEK_SET) < 0) {
        t->fault =
            arena_printf(t->d->c->arena, "%s cannot be written: %s", t->part, strerror(errno));
        return false;
    }
    return true;
}

/* libcurl's write callback: anything but n breaks the transfer off. */
static size_t receive(char *bytes, size_t one, size_t n, void *transfer) {
    struct transfer *t = transfer;
    (void)one; /* always 1 */
    if (!t->answered && !begin_answer(t))
        return 0;
    if (t->have_bytes + (int64_t)n > t->limit_bytes) {
        t->fault = arena_printf(t->d->c->arena,
                                "sends more than the %" PRId64 " bytes that the file can have",
                                t->limit_bytes);
        return 0;
    }
    for (size_t done = 0; done < n;) {
        ssize_t wrote = write(t->fd, bytes + done, n - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            t->fault =
                arena_printf(t->d->c->arena, "%s cannot be written: %s", t->part, strerror(errno));
            return 0;
        }
        done += (size_t)wrote;
    }
    t->have_bytes += (int64_t)n;
    return n;
}

static void show_progress(struct transfer *t, curl_off_t total) {
    FILE *log = t->d->c->log;
    if (!log || !t->answered)
        return;
    bool terminal = isatty(fileno(log));
    double now_s = os_now_s();
    if (now_s - t->shown_s < (terminal ? TERMINAL_INTERVAL_S : LOG_INTERVAL_S))
        return;
    t->shown_s = now_s;
    fprintf(log, "%s  %s: %.1f", terminal ? "\r" : "", t->name, (double)t->have_bytes / 0x1p20);
    if (total > 0)
        fprintf(log, " of %.1f MiB (%.0f%%)", (double)(t->had_bytes + total) / 0x1p20,
                100.0 * (double)t->have_bytes / (double)(t->had_bytes + total));
    else
        fprintf(log, " MiB");
    fprintf(log, "%s", terminal ? "\033[K" : "\n");
    fflush(log);
}

/* libcurl's progress callback, called about every second even when nothing moves: non-zero breaks
 * off. */
static int watch(void *transfer, curl_off_t total, curl_off_t now, curl_off_t up_total,
                 curl_off_t up_now) {
    struct transfer *t = transfer;
    (void)now, (void)up_total, (void)up_now;
    if (is_interrupted(t->d)) {
        t->interrupted = true;
        return 1;
    }
    if (!t->answered && os_now_s() - t->start_s > t->d->patience_s) {
        t->fault = arena_printf(t->d->c->arena, "no answer within %.0f seconds", t->d->patience_s);
        return 1;
    }
    show_progress(t, total);
    return 0;
}

static void set_options(struct transfer *t, const char *url) {
    struct curl_library *l = t->d->curl;
    CURL *h = l->handle;
    long patience_ms = (long)(t->d->patience_s * 1000);
    l->setopt(h, CURLOPT_URL, url);
    l->setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    l->setopt(h, CURLOPT_FOLLOWLOCATION, 1L);
    l->setopt(h, CURLOPT_FAILONERROR, 1L);
    l->setopt(h, CURLOPT_NOSIGNAL, 1L);
    l->setopt(h, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver that hangs */
    l->setopt(h, CURLOPT_USERAGENT, "nnrun");
    l->setopt(h, CURLOPT_CONNECTTIMEOUT_MS, patience_ms);
    l->setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    l->setopt(h, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    l->setopt(h, CURLOPT_ERRORBUFFER, t->curl_fault);
    l->setopt(h, CURLOPT_WRITEFUNCTION, receive);
    l->setopt(h, CURLOPT_WRITEDATA, t);
    l->setopt(h, CURLOPT_NOPROGRESS, 0L);
    l->setopt(h, CURLOPT_XFERINFOFUNCTION, watch);
    l->setopt(h, CURLOPT_XFERINFODATA, t);
    /* CURLOPT_RESUME_FROM would fail with a server that knows no ranges. */
    l->setopt(h, CURLOPT_RANGE,
              t->had_bytes > 0 ? arena_printf(t->d->c->arena, "%" PRId64 "-", t->had_bytes) : NULL);
}

static const char *describe_failure(struct transfer *t, CURLcode code) {
    if (t->fault)
        return t->fault;
    return t->curl_fault[0] ? t->curl_fault : t->d->curl->strerror(code);
}

/* A mirror that could not be reached for one file will not be for the next. */
static bool is_unreachable(const struct transfer *t, CURLcode code) {
    return !t->answered && code != CURLE_HTTP_RETURNED_ERROR;
}

/* Performs the request. On success the part is complete as far as the server is concerned. */
static enum download_result perform(struct transfer *t, struct mirror *m, const char *url) {
    struct download *d = t->d;
    t->start_s = t->shown_s = os_now_s();
    set_options(t, url);
    CURLcode code = d->curl->perform(d->curl->handle);
    if (d->c->log && isatty(fileno(d->c->log)))
        fprintf(d->c->log, "\r\033[K");
    if (t->interrupted)
        return DOWNLOAD_INTERRUPTED;
    if (code == CURLE_OK && t->answered)
        return DOWNLOAD_DONE;
    long status = 0;
    d->curl->getinfo(d->curl->handle, CURLINFO_RESPONSE_CODE, &status);
    /* 416: nothing lies beyond our part: it is whole, or of another file. The check will tell. */
    if (status == 416 && t->had_bytes > 0)
        return DOWNLOAD_DONE;
    m->dead = is_unreachable(t, code);
    add_failure(d, url, code == CURLE_OK ? "sends an empty file" : describe_failure(t, code));
    return DOWNLOAD_FAILED;
}

/* Holds the part against the check and gives it its name. */
static bool accept_part(struct transfer *t, const char *url, const char *path,
                        const struct download_check *check) {
    const char *why = NULL;
    if (!check->accept(check->with, t->part, &why)) {
        unlink(t->part);
        add_failure(t->d, url, arena_printf(t->d->c->arena, "what it sends %s", why));
        return false;
    }
    /* The data must be on the disk before the name is. */
    if (fsync(t->fd) != 0 || rename(t->part, path) != 0) {
        add_failure(
            t->d, url,
            arena_printf(t->d->c->arena, "%s cannot be written: %s", path, strerror(errno)));
        return false;
    }
    return true;
}

static enum download_result fetch_from(struct download *d, struct mirror *m, const char *name,
                                       const char *folder, const struct download_check *check) {
    struct arena *a = d->c->arena;
    const char *url = arena_printf(a, "%s%s", m->url, name);
    const char *path = arena_printf(a, "%s/%s", folder, name);
    struct transfer t = {.d = d,
                         .name = name,
                         .folder = folder,
                         .fd = -1,
                         .part = arena_printf(a, "%s.part", path),
                         .limit_bytes = check->limit_bytes};
    if (!open_part(&t, false) && t.fault) {
        add_failure(d, url, t.fault);
        return DOWNLOAD_FAILED;
    }
    bool resumed = t.had_bytes > 0;
    if (d->c->log)
        fprintf(d->c->log, "%s %s\n", resumed ? "resuming" : "downloading", url);
    enum download_result result = perform(&t, m, url);
    if (result == DOWNLOAD_DONE && !accept_part(&t, url, path, check))
        result = DOWNLOAD_FAILED;
    if (t.fd >= 0)
        close(t.fd);
    /* The check refused, and removed, what an old part and this server's bytes made together. */
    bool mixed = resumed && t.had_bytes > 0 && access(t.part, F_OK) != 0;
    return result == DOWNLOAD_FAILED && mixed ? fetch_from(d, m, name, folder, check) : result;
}

enum download_result download_file(struct download *d, const char *name, const char *folder,
                                   const struct download_check *check) {
    if (!d->curl && d->mirrors.n > 0) {
        add_failure(d, d->mirrors.at[0].url,
                    "libcurl.so.4 (Debian package libcurl4) cannot be loaded");
        return DOWNLOAD_FAILED;
    }
    for (int i = 0; i < d->mirrors.n; i++) {
        if (is_interrupted(d))
            return DOWNLOAD_INTERRUPTED;
        if (d->mirrors.at[i].dead)
            continue;
        enum download_result result = fetch_from(d, &d->mirrors.at[i], name, folder, check);
        if (result != DOWNLOAD_FAILED)
            return result;
    }
    return DOWNLOAD_FAILED;
}
