/* Growable arrays of any element type, with memory from an arena (growth leaves the old copy in
 * the arena: at most twice the final size) or, with a NULL arena, from malloc.
 *
 *     ARRAY(struct token) tokens = {0};
 *     array_push(&arena, &tokens, token);
 *     for (int i = 0; i < tokens.n; i++) use(tokens.at[i]);
 */
#ifndef NN_BASE_ARRAY_H
#define NN_BASE_ARRAY_H

#include <stdlib.h>

#include "base/arena.h"

#define ARRAY(type) struct { type *at; int n, cap; }

/* Makes room for one more element of `size` bytes. */
void array_grow(struct arena *a, void **at, int *cap, int n, size_t size);

/* Frees an array that has no arena. */
#define array_free(array_) free((array_)->at)

#define array_push(arena_, array_, ...)                                                        \
    do {                                                                                       \
        if ((array_)->n == (array_)->cap)                                                      \
            array_grow((arena_), (void **)&(array_)->at, &(array_)->cap, (array_)->n,          \
                       sizeof *(array_)->at);                                                  \
        (array_)->at[(array_)->n++] = __VA_ARGS__;                                             \
    } while (0)

#endif
