/* What the builtins that load data share (load.c). */
#ifndef NN_EVAL_LOAD_H
#define NN_EVAL_LOAD_H

#include "eval/interp.h"

/* A load under way. In a dry run what is wrong is reported where a run is sure to come; elsewhere
 * it is not kept, and what could not be loaded is unknown. */
struct load {
    struct load_context c;
    bool only_names;
    double began_s;
    double watched_s; /* when it began, for who watches */
};

/* false: nothing is loaded after an error. */
bool load_begin(struct interp *in, struct args *a, struct load *l);
/* ok: whether it was loaded, into *out. Gives whether there is a value. */
bool load_end(struct interp *in, const struct load *l, bool ok, struct value *out);

/* Arguments that loaders take: a path, which must be given; a data set as it is stored, or NULL. */
bool need_path(struct interp *in, struct args *a, const struct arg *g, const char *name,
               const char **path);
bool need_set(struct interp *in, const struct arg *g, const char *name,
              const struct dataset **out);

#endif
