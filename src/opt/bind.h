/* Sizes for named dimensions: what the symbols of a script's shapes stand for in one demand,
 * found by holding declared shapes against concrete ones. A size (7*n + 2) is solved when one of
 * its symbols is not known yet and stands in no quotient. */
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

/* OK: the dim is `size`, now or before. OPEN: what is not known yet cannot be solved, try again.
 * CONFLICT: what is known makes it another size. IMPOSSIBLE: no size of its symbol does. */
enum bind_result { BIND_OK, BIND_OPEN, BIND_CONFLICT, BIND_IMPOSSIBLE };
enum bind_result bind_dim(struct binder *b, struct dim d, int64_t size, const struct node *from);

/* Whose shape fixed the first symbol of d; NULL when none did. */
const struct node *bind_source(const struct binder *b, struct dim d);

/* *to is s with all symbols replaced. false: one is not bound (*unbound names it), or a size comes
 * out negative (*unbound is 0, *bad says at which axis). */
bool bind_shape(const struct binder *b, const struct shape *s, struct shape *to, uint32_t *unbound,
                int *bad);

#endif
