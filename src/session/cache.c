/* The plan cache (cache.h): a hash table of chains, least recently used out. The number of plans is
 * small and making one costs a thousand times a walk over them, so the oldest is found by looking
 * at all. */
#include "session/cache.h"

#include <string.h>

enum { KEY_HEAD = 4 };

static void put(struct plan_cache *c, uint64_t word) { array_push(NULL, &c->probe, word); }

static void put_nodes(struct plan_cache *c, struct node *const *nodes, int n) {
    for (int i = 0; i < n; i++)
        put(c, (uint64_t)(uintptr_t)nodes[i]);
}

/* Writes the key of a demand to `probe` and gives its hash. */
static uint64_t make_key(struct plan_cache *c, const struct request *r) {
    c->probe.n = 0;
    put(c, (uint64_t)r->n_fetch);
    put(c, (uint64_t)r->n_effects);
    put(c, (uint64_t)r->n_fed);
    put(c, r->training);
    put_nodes(c, r->fetch, r->n_fetch);
    put_nodes(c, r->effects, r->n_effects);
    put_nodes(c, r->fed, r->n_fed);
    for (int i = 0; i < r->n_fed; i++) {
        const struct tensor *t = r->value[i];
        put(c, (uint64_t)t->dtype << 8 | (uint64_t)t->rank);
        for (int d = 0; d < t->rank; d++)
            put(c, (uint64_t)t->dim[d]);
    }
    return hash_bytes(c->probe.at, (size_t)c->probe.n * sizeof *c->probe.at, 0);
}

struct compiled *cache_find(struct plan_cache *c, const struct request *r) {
    uint64_t hash = make_key(c, r);
    for (struct compiled *p = c->buckets[hash % CACHE_BUCKETS]; p; p = p->next)
        if (p->hash == hash && p->n_key == c->probe.n &&
            !memcmp(p->key, c->probe.at, (size_t)p->n_key * sizeof *p->key)) {
            p->last_used = ++c->clock;
            return p;
        }
    return NULL;
}

struct compiled *compiled_new(void) {
    struct arena own = {0};
    struct compiled *p = arena_new(&own, struct compiled);
    p->arena = own;
    return p;
}

void compiled_free(struct compiled *p) {
    for (int i = 0; i < p->n_given; i++)
        tensor_unref(p->given[i]);
    if (p->program.arena)
        graph_free(&p->program.graph);
    struct arena own = p->arena;
    arena_free(&own);
}

static uint16_t *filter_slot(struct plan_cache *c, uint64_t node) {
    return &c->mentions[(node >> 4) * 0x9E3779B97F4A7C15u >> 54];
}

static void count_mentions(struct plan_cache *c, const struct compiled *p, int by) {
    for (int i = 0; i < p->n_mentions; i++) {
        uint16_t *slot = filter_slot(c, p->key[KEY_HEAD + i]);
        /* A full counter stays full: it then lets through what it need not. */
        if (*slot < UINT16_MAX)
            *slot = (uint16_t)(*slot + by);
    }
}

static void drop(struct plan_cache *c, struct compiled **link) {
    struct compiled *p = *link;
    *link = p->next;
    count_mentions(c, p, -1);
    compiled_free(p);
    c->n--;
}

static void drop_oldest(struct plan_cache *c) {
    struct compiled **oldest = NULL;
    for (int b = 0; b < CACHE_BUCKETS; b++)
        for (struct compiled **link = &c->buckets[b]; *link; link = &(*link)->next)
            if (!oldest || (*link)->last_used < (*oldest)->last_used)
                oldest = link;
    if (oldest)
        drop(c, oldest);
}

void cache_add(struct plan_cache *c, const struct request *r, struct compiled *p) {
    if (c->n == CACHE_PLANS)
        drop_oldest(c);
    p->hash = make_key(c, r);
    p->n_key = c->probe.n;
    p->n_mentions = r->n_fetch + r->n_effects + r->n_fed;
    p->key = arena_array(&p->arena, uint64_t, p->n_key);
    memcpy(p->key, c->probe.at, (size_t)p->n_key * sizeof *p->key);
    p->last_used = ++c->clock;
    struct compiled **bucket = &c->buckets[p->hash % CACHE_BUCKETS];
    p->next = *bucket;
    *bucket = p;
    c->n++;
    count_mentions(c, p, 1);
}

static bool is_mentioned(const struct compiled *p, uint64_t node) {
    for (int i = 0; i < p->n_mentions; i++)
        if (p->key[KEY_HEAD + i] == node)
            return true;
    return false;
}

void cache_forget(struct plan_cache *c, const struct node *n) {
    uint64_t node = (uint64_t)(uintptr_t)n;
    if (!*filter_slot(c, node))
        return;
    for (int b = 0; b < CACHE_BUCKETS; b++)
        for (struct compiled **link = &c->buckets[b]; *link;)
            if (is_mentioned(*link, node))
                drop(c, link);
            else
                link = &(*link)->next;
}

void cache_free(struct plan_cache *c) {
    for (int b = 0; b < CACHE_BUCKETS; b++)
        while (c->buckets[b])
            drop(c, &c->buckets[b]);
    array_free(&c->probe);
    *c = (struct plan_cache){0};
}
