/* What the operating system is asked for: files, time, memory sizes, environment folders. */
#ifndef NN_BASE_OS_H
#define NN_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* The whole file, NUL-terminated, in the arena; NULL and a reason in *why (a static or arena text)
 * when it cannot be read. limit_bytes bounds what is read. */
char *os_read_file(struct arena *a, const char *path, size_t limit_bytes, size_t *n_bytes,
                   const char **why);
/* Puts text[0..n) in place of a file's contents, whole or not at all: written beside it, then
 * renamed. Its permissions stay; where the path is a link, the link stays too. false: a reason in
 * *why (static), and the file is as it was. */
bool os_replace_file(const char *path, const char *text, size_t n, const char **why);
/* Opens a regular file for reading. -1: why says why not, a phrase that follows its path. */
enum { OS_FAULT = 96 };
int os_open_file(const char *path, int64_t *n_bytes, char why[OS_FAULT]);
bool os_file_exists(const char *path);
bool os_make_folders(const char *path); /* like mkdir -p */
double os_now_s(void);                  /* monotonic */
double os_thread_s(void);               /* this thread's time on a processor */
int os_n_cpus(void);                    /* processors this process may use */
size_t os_peak_memory_bytes(void);
/* Opens a shared library, which stays open, and writes the address of each function to where it is
 * wanted. A program that does not come here starts without the library. false: it, or a function
 * of it, is not to be had. */
struct os_function {
    const char *name;
    void *to; /* a pointer to such a function */
};
bool os_load_library(const char *name, const struct os_function *functions, int n);
/* $XDG_CACHE_HOME/nnrun or ~/.cache/nnrun; NULL when neither can be known. */
const char *os_cache_folder(struct arena *a);

#endif
