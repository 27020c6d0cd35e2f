/* The keys of random draws (draws.h). */
#include "session/draws.h"

enum { DOMAIN_SHIFT = 62, FIRST_CAP = 64 };
#define COUNT_MASK (((uint64_t)1 << DOMAIN_SHIFT) - 1)

void draws_free(struct draw_counts *c) {
    arena_free(&c->arena);
    *c = (struct draw_counts){0};
}

/* The slot of a path, or the free one where it belongs; NULL in an empty table. */
static struct draw_count *find(const struct draw_counts *c, uint64_t path) {
    if (!c->cap)
        return NULL;
    uint32_t i = (uint32_t)path & (c->cap - 1);
    while (c->at[i].n && c->at[i].path != path)
        i = (i + 1) & (c->cap - 1);
    return &c->at[i];
}

static void grow(struct draw_counts *c) {
    struct draw_counts wider = {.arena = {0}, .n = c->n, .cap = c->cap ? c->cap * 2 : FIRST_CAP};
    wider.at = arena_array(&wider.arena, struct draw_count, wider.cap);
    for (uint32_t i = 0; i < c->cap; i++)
        if (c->at[i].n)
            *find(&wider, c->at[i].path) = c->at[i];
    arena_free(&c->arena);
    *c = wider;
}

void draws_set(struct draw_counts *c, struct plan *p, uint64_t seed, enum draw_domain domain,
               uint64_t count) {
    for (int i = 0; i < p->n_draws; i++) {
        struct draw *draw = &p->draws[i]->call.draw;
        if (domain == DRAW_EVALUATION) {
            const struct draw_count *slot = find(c, p->draws[i]->path_hash);
            count = slot && slot->n ? slot->n : 0;
        }
        draw->seed = seed;
        draw->first = 0;
        draw->step = (uint64_t)domain << DOMAIN_SHIFT | (count & COUNT_MASK);
    }
}

void draws_advance(struct draw_counts *c, const struct plan *p) {
    for (int i = 0; i < p->n_draws; i++) {
        const struct draw *draw = &p->draws[i]->call.draw;
        uint64_t path = p->draws[i]->path_hash;
        if ((c->n + 1) * 2 > c->cap)
            grow(c);
        struct draw_count *slot = find(c, path);
        c->n += slot->n == 0;
        slot->path = path;
        slot->n = (draw->step & COUNT_MASK) + 1;
    }
}
