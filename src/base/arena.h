/* Arena: memory with one lifetime. Everything allocated from an arena is freed together, by
 * arena_free; nothing is freed singly. Blocks grow geometrically; allocation cannot fail (running
 * out of memory prints one line and exits 70: there is nothing useful to unwind to).
 *
 * Not for: tensors' storage (tensor.h counts references), values of the language (eval/value.h). */
#ifndef NN_BASE_ARENA_H
#define NN_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at, *end;             /* free space in the newest block */
    size_t n_bytes;             /* handed out so far, for statistics and tests */
};

/* An arena starts as {0}; or as ARENA_ON(buffer), a zeroed array of bytes which outlives it and is
 * used first: what is small and short-lived then takes no block. */
#define ARENA_ON(buffer) ((struct arena){.at = (buffer), .end = (buffer) + sizeof(buffer)})

/* n zeroed bytes, aligned to 16. n = 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);

/* n zeroed bytes aligned to `align`, a power of two. */
void *arena_alloc_aligned(struct arena *a, size_t n, size_t align);

/* A NUL-terminated copy of text[0..n). */
char *arena_strndup(struct arena *a, const char *text, size_t n);

/* A formatted string. */
char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *format, va_list args);

/* Frees all of it; the arena is as new. */
void arena_free(struct arena *a);

/* One zeroed object, and n of them. */
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), (size_t)(n) * sizeof(type)))

#endif
