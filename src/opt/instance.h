/* One demand being instantiated (instantiate.c): what its files share. */
#ifndef NN_OPT_INSTANCE_H
#define NN_OPT_INSTANCE_H

#include "opt/bind.h"
#include "opt/opt.h"

struct instance {
    struct program *p;
    const struct demand *d;
    struct graph *session; /* the graph copied from */
    const struct node *training;
    const struct origin *demanded_at;
    struct diags *diags;
    struct arena scratch;
    struct binder binder;
    /* of the session's graph; a node's number is its index, inputs before users */
    ARRAY(struct node *) need;
    ARRAY(int) fed;     /* which feed stands for need.at[i], or -1 */
    struct node **copy; /* [need.n] */
};

/* COPIED, WAITS for a size that another node may bind, or FAILED with a report. */
enum outcome { COPIED, WAITS, FAILED };

/* n over copies of its inputs, with the sizes known so far. *unbound: the symbol it waits for. */
enum outcome instance_append(struct instance *in, struct build *b, const struct node *n,
                             struct node **inputs, struct node **copy, uint32_t *unbound);
/* The same for a scan, whose body is copied with it (instantiate_loop.c). */
enum outcome instance_append_scan(struct instance *in, struct build *b, const struct node *n,
                                  struct node **inputs, const struct attr *attr, struct node **copy,
                                  uint32_t *unbound);

/* The copy's shape must be what the script's node said; symbols that it alone knows are bound by
 * it. */
bool instance_bind_result(struct instance *in, const struct node *n, const struct node *copy);

struct span instance_node_span(const struct node *n);
/* "float[batch, 784]" in the arena. */
const char *instance_type_text(struct instance *in, enum dtype t, const struct shape *s);

#endif
