/* Growth of the arrays of array.h: doubling, from an arena or from malloc. */
#include "base/array.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void array_grow(struct arena *a, void **at, int *cap, int n, size_t size) {
    if (*cap > INT_MAX / 2 || (size_t)*cap > SIZE_MAX / 4 / size) {
        fprintf(stderr, "nnrun: out of memory (an array of %d elements cannot grow)\n", *cap);
        exit(70);
    }
    int new_cap = *cap ? *cap * 2 : 8;
    /* `at` is really a pointer to some other pointer type: copied by its bytes, never dereferenced.
     */
    void *old, *grown;
    memcpy(&old, at, sizeof old);
    if (a) {
        grown = arena_alloc(a, (size_t)new_cap * size);
        if (n)
            memcpy(grown, old, (size_t)n * size);
    } else {
        grown = realloc(old, (size_t)new_cap * size);
        if (!grown) {
            fprintf(stderr, "nnrun: out of memory (an array of %d elements)\n", new_cap);
            exit(70);
        }
    }
    memcpy(at, &grown, sizeof grown);
    *cap = new_cap;
}
