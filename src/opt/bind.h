/* Sizes for named dimensions: what the symbols of a script's shapes stand for in one demand,
 * found by holding declared shapes against concrete ones. A product (7*n) is solved when one of
 * its symbols is not known yet. */
#ifndef NN_OPT_BIND_H
#define NN_OPT_BIND_H

#include "ir/graph.h"

struct binder {
    const struct symbols *symbols;
    struct bindings known;    /* size of each symbol, -1 when not bound */
    const struct node **from; /* [known.n] the node whose shape bound it */
};

/* All symbols of `symbols` that exist now, unbound. Memory from `a`. */
void bind_init(struct binder *b, struct arena *a, const struct symbols *symbols);

/* OK: the dim is `size`, now or before. OPEN: two of its symbols are not known yet, try again.
 * CONFLICT: what is known makes it another size. IMPOSSIBLE: no size of its symbol does. */
enum bind_result { BIND_OK, BIND_OPEN, BIND_CONFLICT, BIND_IMPOSSIBLE };
enum bind_result bind_dim(struct binder *b, struct dim d, int64_t size, const struct node *from);

/* Whose shape fixed the first symbol of d; NULL when none did. */
const struct node *bind_source(const struct binder *b, struct dim d);

/* *to is s with all symbols replaced; false when one is not bound (*unbound names it). */
bool bind_shape(const struct binder *b, const struct shape *s, struct shape *to, uint32_t *unbound);

#endif
