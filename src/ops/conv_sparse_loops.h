/* What the sparse kernels share, for one element type; included once for each, with REAL and
 * R(name) defined. */

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

/* Lists what is not zero for channels [o0, o1). */
static void R(list_winners)(const struct sparse *s, const struct region *r, const REAL *dk,
                            const uint8_t *winner, int64_t o0, int64_t o1, struct R(lists) * l) {
    const struct window *p = &s->pool;
    int64_t places = p->kh * p->kw;
    for (int64_t o = o0; o < o1; o++) {
        int32_t *at = l->at + (o - o0) * l->most;
        REAL *value = l->value + (o - o0) * l->most;
        int32_t n = 0;
        for (int64_t m = r->m0; m < r->m1; m++)
            for (int64_t i = r->i0; i < r->i1; i++) {
                int64_t from = ((m * p->oh + i) * p->ow + r->j0) * p->c + o;
                const int32_t *place = s->place;
                int32_t row =
                    (int32_t)((m - r->m0) * s->laid_image + (i - r->i0) * p->sh * s->conv_row);
                for (int64_t j = r->j0; j < r->j1; j++, from += p->c, place += places) {
                    at[n] = row + place[winner[from]];
                    value[n] = dk[from];
                    n += dk[from] != 0;
                }
            }
        l->n[o - o0] = n;
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
