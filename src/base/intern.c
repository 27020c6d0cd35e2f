/* Interned strings: open addressing with linear probing, at most half full. Each text is stored
 * behind a head with its length and hash, so texts may hold NUL bytes and growing hashes nothing
 * again. */
#include "base/intern.h"

#include <string.h>

struct intern_head {
    uint64_t hash;
    uint64_t n;
    char text[];
};

static const struct intern_head *head_of(const char *text) {
    return (const struct intern_head *)(const void *)(text - offsetof(struct intern_head, text));
}

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed) {
    const unsigned char *p = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static void table_grow(struct intern_table *t) {
    uint32_t cap = t->cap ? t->cap * 2 : 64;
    const char **slots = arena_array(t->arena, const char *, cap);
    for (uint32_t i = 0; i < t->cap; i++) {
        if (!t->slots[i])
            continue;
        uint32_t at = (uint32_t)head_of(t->slots[i])->hash & (cap - 1);
        while (slots[at])
            at = (at + 1) & (cap - 1);
        slots[at] = t->slots[i];
    }
    t->slots = slots;
    t->cap = cap;
}

const char *intern_text(struct intern_table *t, const char *text, size_t n) {
    if (t->n >= t->cap / 2)
        table_grow(t);
    uint64_t hash = hash_bytes(text, n, 0);
    uint32_t at = (uint32_t)hash & (t->cap - 1);
    for (; t->slots[at]; at = (at + 1) & (t->cap - 1)) {
        const struct intern_head *h = head_of(t->slots[at]);
        if (h->hash == hash && h->n == n && (n == 0 || memcmp(h->text, text, n) == 0))
            return h->text;
    }
    struct intern_head *h = arena_alloc(t->arena, sizeof *h + n + 1);
    h->hash = hash;
    h->n = n;
    if (n)
        memcpy(h->text, text, n);
    t->slots[at] = h->text;
    t->n++;
    return h->text;
}

const char *intern_string(struct intern_table *t, const char *text) {
    return intern_text(t, text, strlen(text));
}
