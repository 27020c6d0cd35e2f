/* Pages inside the program: a markdown file of sections "## NAME", each a page (base/errors.md). */
#ifndef NN_SESSION_PAGES_H
#define NN_SESSION_PAGES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"

/* The page NAME of the file, without its head: where it begins and its bytes. NULL: there is none. */
const char *page_find(const char *file, const char *name, size_t *n);

/* The page after `page` (NULL: the first) of the file, its bytes and its name, which is copied into
 * the arena. NULL: there is no other. */
const char *page_next(const char *file, const char *page, struct arena *a, const char **name,
                      size_t *n);

/* `nnrun explain`: all codes with their summaries; one page, by its code in any case ("E019",
 * "e19", "19"). false: there is no such code; *nearest is one like it, or NULL. */
void explain_list(FILE *out);
bool explain_print(const char *code, FILE *out, const char **nearest);

#endif
