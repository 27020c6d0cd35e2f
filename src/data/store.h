/* What a dry run had to read whole, kept for the run that follows it: the types of a table depend
 * on its last row, and no large file is read twice.
 *
 * A file is known again by its identity (device, number, size, time of change) and the settings it
 * was read with; one that was changed between the two is read again.
 *
 * Not for: data sets that a script uses again and again; what was taken is the taker's. */
#ifndef NN_DATA_STORE_H
#define NN_DATA_STORE_H

#include "data/dataset.h"

struct load_store {
    struct arena arena; /* of the sets that are kept, their names and categories */
    ARRAY(struct kept_set {
        const char *key; /* NULL: taken */
        struct dataset *set;
        const char *said; /* what the run is to remark on it; NULL: nothing */
    })
    list;
};

/* Names what is read: the file and the settings, as text. NULL: there is no such file. */
const char *load_store_key(struct arena *a, const char *path, const char *settings);
/* The set kept under the key and what is to be said of it, or NULL; `take` makes it the
 * caller's. */
struct dataset *load_store_find(struct load_store *s, const char *key, bool take,
                                const char **said);
/* Keeps a set of s->arena. */
void load_store_keep(struct load_store *s, const char *key, struct dataset *set,
                     const char *said);
void load_store_free(struct load_store *s);

#endif
