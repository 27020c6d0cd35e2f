/* What a dry run had to read whole, kept for the run that follows it: the types of a table depend
 * on its last row, and no large file is read twice.
 *
 * A file is known again by its identity (device, number, size, time of change) and the settings it
 * was read with; one that was changed between the two is read again.
 *
 *     struct load_key key = load_key_make(c, path, settings);
 *     if (load_key_give_kept(&key, out))
 *         return *out != NULL;
 *     struct dataset *d = ..;   // read the file; what the set holds goes into key.arena
 *     return load_key_give(&key, d, NULL, out);
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

void load_store_free(struct load_store *s);

/* A file and the settings it is read with. */
struct load_key {
    struct load_context *c;
    const char *text;    /* NULL: nothing is kept under it */
    struct arena *arena; /* of a set that is read now */
};

struct load_key load_key_make(struct load_context *c, const char *path, const char *settings);
/* Gives the set that a dry run has kept, if there is one: to the run the set, to another dry run
 * phantoms. *out is NULL when there is not enough memory. */
bool load_key_give_kept(const struct load_key *key, struct dataset **out);
/* Gives a set that was read, in the same way; a dry run keeps it. said: what the run remarks on it
 * (of key->arena), or NULL. false: no memory. */
bool load_key_give(const struct load_key *key, struct dataset *d, const char *said,
                   struct dataset **out);

#endif
