/* What the sparse kernels share, for one element type; included once for each, with REAL, BITS
 * (a whole number of as many bits) and R(name) defined. */

ALWAYS_INLINE R(vector) R(load)(const REAL *p) { return *(const R(loose) *)p; }
ALWAYS_INLINE void R(store)(REAL *p, R(vector) v) { *(R(loose) *)p = v; }

/* The winners of a region by output channel: n of them, where they lie in the laid image and what
 * they get, `most` places for each channel. */
struct R(lists) {
    int64_t most;
    int32_t *n, *at;
    REAL *value;
};

static size_t R(lists_bytes)(const struct sparse *s, int64_t channels) {
    size_t most = (size_t)(s->images * s->rows * s->columns), n = (size_t)channels;
    return round_64(n * 4) + round_64(n * most * 4) + round_64(n * most * sizeof(REAL));
}

static struct R(lists) R(lists_in)(const struct sparse *s, int64_t channels, char *memory) {
    struct R(lists) l = {.most = s->images * s->rows * s->columns, .n = (int32_t *)memory};
    l.at = (int32_t *)(memory + round_64((size_t)channels * 4));
    l.value = (REAL *)((char *)l.at + round_64((size_t)(channels * l.most) * 4));
    return l;
}

/* One more of a channel's windows: gives the new count. It is written in any case, and what is zero
 * then written over: a branch would be guessed wrong half the time. */
ALWAYS_INLINE int64_t R(list_window)(const REAL *dk, int32_t place, int32_t *restrict at,
                                     REAL *restrict value, int64_t count) {
    BITS bits;
    memcpy(&bits, dk, sizeof bits);
    memcpy(value + count, &bits, sizeof bits);
    at[count] = place;
    return count + ((BITS)(bits << 1) != 0); /* neither 0 nor -0 */
}

/* Lists what is not zero for channels [o0, o1). The windows of a region are neighbours in memory;
 * of the last channel alone the list is made twice. */
static __attribute__((noinline)) void R(list_winners)(const struct sparse *s,
                                                      const struct region *r, const REAL *dk,
                                                      const uint8_t *winner, int64_t o0, int64_t o1,
                                                      const struct R(lists) * l) {
    const struct window *p = &s->pool;
    int64_t places = p->kh * p->kw, step = p->c, most = l->most;
    int64_t n = (r->m1 - r->m0) * (r->i1 - r->i0) * (r->j1 - r->j0);
    int64_t first = ((r->m0 * p->oh + r->i0) * p->ow + r->j0) * step;
    dk += first, winner += first;
    for (int64_t o = o0; o < o1; o += 2) {
        int64_t next = min_i64(o + 1, o1 - 1), n0 = 0, n1 = 0;
        int32_t *at0 = l->at + (o - o0) * most, *at1 = l->at + (next - o0) * most;
        REAL *value0 = l->value + (o - o0) * most, *value1 = l->value + (next - o0) * most;
        const int32_t *place = s->place;
        int64_t k0 = o, k1 = next;
        for (int64_t i = 0; i < n; i++, k0 += step, k1 += step, place += places) {
            n0 = R(list_window)(dk + k0, place[winner[k0]], at0, value0, n0);
            n1 = R(list_window)(dk + k1, place[winner[k1]], at1, value1, n1);
        }
        l->n[o - o0] = (int32_t)n0;
        l->n[next - o0] = (int32_t)n1;
    }
}

/* The region that follows *r among images [m0, m1); *r all zero: the first. */
static bool R(next_region)(const struct sparse *s, int64_t m0, int64_t m1, struct region *r) {
    const struct window *p = &s->pool;
    if (r->m1 == 0)
        *r = (struct region){.m0 = m0, .m1 = m0};
    else if (r->j1 < p->ow)
        r->j0 = r->j1;
    else if (r->i1 < p->oh)
        r->j0 = 0, r->i0 = r->i1;
    else
        r->j0 = r->i0 = 0, r->m0 = r->m1;
    r->m1 = min_i64(m1, r->m0 + s->images);
    r->i1 = min_i64(p->oh, r->i0 + s->rows);
    r->j1 = min_i64(p->ow, r->j0 + s->columns);
    return r->m0 < m1;
}

/* Image row and column (below 0: padding) that a region's laid image begins with. */
static inline int64_t R(first_row)(const struct sparse *s, const struct region *r) {
    return (r->i0 * s->pool.sh - s->pool.top) * s->base.g.sh - s->base.g.top;
}

static inline int64_t R(first_column)(const struct sparse *s, const struct region *r) {
    return (r->j0 * s->pool.sw - s->pool.left) * s->base.g.sw - s->base.g.left;
}
