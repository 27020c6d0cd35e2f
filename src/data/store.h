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

void load_store_free(struct load_store *s);

/* A kind of file. `with`: its settings. */
struct store_reader {
    /* Writes all that decides on the set, beside the file. */
    void (*describe)(FILE *out, const void *with);
    /* The set; what it holds goes into the arena. *said: what a run is to remark on it, in the
     * arena. NULL: reported. */
    struct dataset *(*read)(struct load_context *c, const char *path, struct arena *a,
                            const void *with, const char **said);
};

/* The set of a file (file_find says where it is looked for): to a run the set, the one that a dry
 * run has kept if there is one, to a dry run phantoms of it. false: reported. */
bool load_store_read(struct load_context *c, const char *path, const struct store_reader *reader,
                     const void *with, struct dataset **out);

#endif
