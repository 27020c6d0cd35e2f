/* What the operating system is asked for, by POSIX and a few Linux calls. */
#define _GNU_SOURCE
#include "base/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Reads the open file to its end into malloc'd memory with room for a NUL: a pipe has no length to
 * ask for. */
static char *read_all(int fd, size_t expected, size_t limit, size_t *n_bytes, const char **why) {
    size_t cap = expected < limit ? expected + 2 : limit + 2, n = 0;
    if (cap < 4096 && limit >= 4096)
        cap = 4096;
    char *text = malloc(cap);
    while (text) {
        ssize_t got = read(fd, text + n, cap - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            *why = strerror(errno);
            break;
        }
        n += (size_t)got;
        if (n > limit) {
            *why = "the file is too large";
            break;
        }
        if (got == 0) {
            text[n] = 0;
            *n_bytes = n;
            return text;
        }
        if (n == cap - 1) {
            char *grown = cap > (size_t)1 << 62 ? NULL : realloc(text, cap * 2);
            if (!grown) {
                free(text);
                text = NULL;
                break;
            }
            text = grown;
            cap *= 2;
        }
    }
    if (!text)
        *why = "not enough memory";
    free(text);
    return NULL;
}

char *os_read_file(struct arena *a, const char *path, size_t limit_bytes, size_t *n_bytes,
                   const char **why) {
    const char *reason = NULL;
    *n_bytes = 0;
    if (limit_bytes > (size_t)1 << 62)
        limit_bytes = (size_t)1 << 62;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *text = NULL, *copy = NULL;
    if (fd < 0 || fstat(fd, &st) < 0)
        reason = strerror(errno);
    else if (S_ISDIR(st.st_mode))
        reason = "it is a folder";
    else if (S_ISREG(st.st_mode) && (size_t)st.st_size > limit_bytes)
        reason = "the file is too large";
    else
        text = read_all(fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0, limit_bytes, n_bytes,
                        &reason);
    if (fd >= 0)
        close(fd);
    if (text) {
        copy = arena_strndup(a, text, *n_bytes);
        free(text);
    } else if (why) {
        *why = arena_strndup(a, reason, strlen(reason));
    }
    return copy;
}

static bool write_all(int fd, const char *text, size_t n) {
    while (n > 0) {
        ssize_t put = write(fd, text, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text += put;
        n -= (size_t)put;
    }
    return true;
}

/* Writes the file that is to stand at `path`; `part` is where it is until it is whole. */
static bool write_beside(const char *path, char *part, mode_t mode, const char *text, size_t n) {
    int fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text, n) && fchmod(fd, mode & 07777) == 0 && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && rename(part, path) == 0)
        return true;
    if (ok)
        error = errno;
    unlink(part);
    errno = error;
    return false;
}

bool os_replace_file(const char *path, const char *text, size_t n, const char **why) {
    struct stat st;
    char *real = realpath(path, NULL), *part = NULL;
    bool ok = real && stat(real, &st) == 0;
    if (ok && ((st.st_mode & 0222) == 0 || access(real, W_OK) != 0)) {
        /* A rename would not ask; nor is the superuser asked. */
        ok = false;
        errno = EACCES;
    }
    if (ok) {
        size_t cap = strlen(real) + sizeof ".XXXXXX";
        part = malloc(cap);
        ok = part && snprintf(part, cap, "%s.XXXXXX", real) > 0 &&
             write_beside(real, part, st.st_mode, text, n);
    }
    if (!ok)
        *why = strerror(errno);
    free(part);
    free(real);
    return ok;
}

int os_open_file(const char *path, int64_t *n_bytes, char why[OS_FAULT]) {
    struct stat st;
    /* Without O_NONBLOCK opening a named pipe would wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        snprintf(why, OS_FAULT, "cannot be opened: %s", strerror(errno));
        return -1;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(why, OS_FAULT, S_ISDIR(st.st_mode) ? "is a folder" : "is not a file");
        close(fd);
        return -1;
    }
    *n_bytes = st.st_size;
    return fd;
}

bool os_load_library(const char *name, const struct os_function *functions, int n) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    bool whole = library != NULL;
    for (int i = 0; i < n && whole; i++) {
        void *address = dlsym(library, functions[i].name);
        memcpy(functions[i].to, &address, sizeof address);
        whole = address != NULL;
    }
    return whole;
}

bool os_file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool os_make_folders(const char *path) {
    size_t n = strlen(path);
    char *part = malloc(n + 1);
    if (!part)
        return false;
    bool ok = n > 0;
    for (size_t i = 1; ok && i <= n; i++) {
        if (i < n && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        ok = mkdir(part, 0777) == 0 || is_folder(part);
    }
    free(part);
    return ok;
}

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double os_now_s(void) { return read_clock(CLOCK_MONOTONIC); }

double os_thread_s(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

int os_n_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < 4096 ? (int)n : 1;
}

size_t os_peak_memory_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_maxrss * 1024 : 0;
}

const char *os_cache_folder(struct arena *a) {
    /* The XDG base directory specification: a relative path in the variable is to be ignored. */
    const char *cache = getenv("XDG_CACHE_HOME");
    if (cache && cache[0] == '/')
        return arena_printf(a, "%s/nnrun", cache);
    const char *home = getenv("HOME");
    return home && home[0] == '/' ? arena_printf(a, "%s/.cache/nnrun", home) : NULL;
}
