/* Solving for named dimensions, one dim at a time. */
#include "opt/bind.h"

void bind_init(struct binder *b, struct arena *a, const struct symbols *symbols) {
    uint32_t n = (uint32_t)symbols->list.n;
    *b = (struct binder){.symbols = symbols, .known = {.n = n, .symbols = symbols}};
    b->known.size = arena_array(a, int64_t, n);
    b->from = arena_array(a, const struct node *, n);
    for (uint32_t i = 0; i < n; i++) b->known.size[i] = -1;
}

enum bind_result bind_dim(struct binder *b, struct dim d, int64_t size, const struct node *from) {
    uint32_t symbol;
    int64_t value;
    switch (dim_solve(d, &b->known, size, &symbol, &value)) {
    case DIM_KNOWN:
        return BIND_OK;
    case DIM_SOLVED:
        if (symbol >= b->known.n)
            return BIND_OPEN;
        b->known.size[symbol] = value;
        b->from[symbol] = from;
        return BIND_OK;
    case DIM_OPEN:
        return BIND_OPEN;
    case DIM_CONFLICT:
        return BIND_CONFLICT;
    default:
        return BIND_IMPOSSIBLE;
    }
}

const struct node *bind_source(const struct binder *b, struct dim d) {
    uint32_t symbol = dim_first_symbol(b->symbols, d);
    return symbol && symbol < b->known.n ? b->from[symbol] : NULL;
}

bool bind_shape(const struct binder *b, const struct shape *s, struct shape *to, uint32_t *unbound,
                int *bad) {
    *to = (struct shape){.rank = s->rank, .on_purpose = s->on_purpose};
    for (int i = 0; i < s->rank; i++) {
        int64_t size;
        if (!dim_evaluate(s->d[i], &b->known, &size, unbound))
            return false;
        to->d[i] = dim_const(size);
        if (size < 0 && !dim_is_const(s->d[i])) {
            *unbound = 0;
            *bad = i;
            return false;
        }
    }
    return true;
}
