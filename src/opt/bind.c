/* Solving for named dimensions, one dim at a time. */
#include "opt/bind.h"

void bind_init(struct binder *b, struct arena *a, const struct symbols *symbols) {
    uint32_t n = (uint32_t)symbols->list.n;
    *b = (struct binder){.symbols = symbols, .known = {.n = n}};
    b->known.size = arena_array(a, int64_t, n);
    b->from = arena_array(a, const struct node *, n);
    for (uint32_t i = 0; i < n; i++) b->known.size[i] = -1;
}

enum bind_result bind_dim(struct binder *b, struct dim d, int64_t size, const struct node *from) {
    int64_t product = d.k;
    uint32_t open = 0;
    for (int i = 0; i < MAX_DIM_SYMBOLS && d.sym[i]; i++) {
        uint32_t s = d.sym[i];
        int64_t known = s < b->known.n ? b->known.size[s] : -1;
        if (known < 0 && open) return BIND_OPEN;
        if (known < 0)
            open = s;
        else if (__builtin_mul_overflow(product, known, &product))
            return BIND_CONFLICT;
    }
    if (!open) return product == size ? BIND_OK : BIND_CONFLICT;
    if (open >= b->known.n) return BIND_OPEN;
    if (product == 0) return size == 0 ? BIND_OPEN : BIND_IMPOSSIBLE;
    if (size % product != 0 || size / product < 0) return BIND_IMPOSSIBLE;
    b->known.size[open] = size / product;
    b->from[open] = from;
    return BIND_OK;
}

const struct node *bind_source(const struct binder *b, struct dim d) {
    return d.sym[0] && d.sym[0] < b->known.n ? b->from[d.sym[0]] : NULL;
}

bool bind_shape(const struct binder *b, const struct shape *s, struct shape *to,
                uint32_t *unbound) {
    *to = (struct shape){.rank = s->rank, .on_purpose = s->on_purpose};
    for (int i = 0; i < s->rank; i++) {
        int64_t size;
        if (!dim_evaluate(s->d[i], &b->known, &size, unbound)) return false;
        to->d[i] = dim_const(size);
    }
    return true;
}
