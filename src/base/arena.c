/* Arena: a list of zeroed blocks, handed out from the front of the newest one. Block sizes double
 * up to BLOCK_MAX; a request that is large against the next block gets a block of its own, which is
 * put behind the newest so that the space left in that one stays usable.
 *
 * Not for: freeing a part. Give the part an arena of its own. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16 };
/* The first block serves a REPL line; the largest keeps the waste of a big script under a megabyte.
 */
#define BLOCK_MIN ((size_t)4 << 10)
#define BLOCK_MAX ((size_t)1 << 20)

struct arena_block {
    struct arena_block *next;
    size_t n_bytes; /* of the payload */
    _Alignas(ALIGN) char payload[];
};

static _Noreturn void out_of_memory(size_t n) {
    fprintf(stderr, "nnrun: out of memory (%zu bytes were asked for)\n", n);
    exit(70);
}

static struct arena_block *block_new(size_t n) {
    struct arena_block *b = n > SIZE_MAX - sizeof *b ? NULL : calloc(1, sizeof *b + n);
    if (!b)
        out_of_memory(n);
    b->n_bytes = n;
    return b;
}

static char *align_up(char *p, size_t align) { return p + (-(uintptr_t)p & (align - 1)); }

void *arena_alloc_aligned(struct arena *a, size_t n, size_t align) {
    assert(align && (align & (align - 1)) == 0);
    if (align < ALIGN)
        align = ALIGN;
    if (n > SIZE_MAX / 2 - align)
        out_of_memory(n);
    a->n_bytes += n;
    if (a->at) {
        char *p = align_up(a->at, align);
        if (p <= a->end && (size_t)(a->end - p) >= n) {
            a->at = p + n;
            return p;
        }
    }
    size_t wanted = n + align;
    size_t next = a->blocks ? a->blocks->n_bytes * 2 : BLOCK_MIN;
    if (next > BLOCK_MAX)
        next = BLOCK_MAX;
    if (a->blocks && wanted > next / 4) {
        struct arena_block *b = block_new(wanted);
        b->next = a->blocks->next;
        a->blocks->next = b;
        return align_up(b->payload, align);
    }
    struct arena_block *b = block_new(wanted > next ? wanted : next);
    b->next = a->blocks;
    a->blocks = b;
    char *p = align_up(b->payload, align);
    a->at = p + n;
    a->end = b->payload + b->n_bytes;
    return p;
}

void *arena_alloc(struct arena *a, size_t n) { return arena_alloc_aligned(a, n, ALIGN); }

char *arena_strndup(struct arena *a, const char *text, size_t n) {
    char *copy = arena_alloc(a, n + 1);
    if (n)
        memcpy(copy, text, n);
    return copy;
}

char *arena_vprintf(struct arena *a, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        return arena_strndup(a, "", 0);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(a, format, args);
    va_end(args);
    return text;
}

void arena_free(struct arena *a) {
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){0};
}
