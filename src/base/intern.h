/* Interned strings: equal texts have equal pointers, so names compare with ==.
 * A table lives as long as its arena. */
#ifndef NN_BASE_INTERN_H
#define NN_BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct intern_table {
    struct arena *arena;
    const char **slots; /* open addressing, power of two */
    uint32_t n, cap;
};

/* The one copy of text[0..n), NUL-terminated. The table starts as {.arena = a}. */
const char *intern_text(struct intern_table *t, const char *text, size_t n);
const char *intern_string(struct intern_table *t, const char *text);

/* FNV-1a, 64 bit: the hash used for names and paths; fixed, because draws are keyed by it. */
uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed);

#endif
