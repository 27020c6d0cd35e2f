/* Plans kept for demands that come again. A demand's key: the nodes fetched, its effects, the nodes
 * fed with the dtypes and shapes they are fed, and `training`. At most CACHE_PLANS are kept, the
 * least recently used goes first; one that mentions a node that is being freed goes with it.
 *
 * Finding a plan allocates nothing. */
#ifndef NN_SESSION_CACHE_H
#define NN_SESSION_CACHE_H

#include "eval/eval.h"
#include "plan/plan.h"

enum { CACHE_PLANS = 256, CACHE_BUCKETS = 512, CACHE_FILTER = 1024 };

/* A demand made ready to run. */
struct compiled {
    struct arena arena; /* of itself, program and plan */
    struct program program;
    struct plan *plan;
    struct split *split; /* how it is run in chunks; NULL: at once */
    struct profiled_plan *profiled; /* the profile's; NULL: none */
    struct variable *
        *variables; /* [n_variables] that it reads or writes: they need their first values */
    int n_variables;
    struct tensor *
        *given; /* [n_fetch] with --dump: the first run's results, given back by later ones */
    int n_given;
    /* the cache's */
    uint64_t *key;
    int n_key, n_mentions; /* the key's first n_mentions words after its head are nodes */
    uint64_t hash, last_used;
    struct compiled *next;
};

struct plan_cache {
    struct compiled *buckets[CACHE_BUCKETS];
    uint16_t mentions[CACHE_FILTER]; /* by a node's address: how often plans mention such */
    int n;
    uint64_t clock;
    ARRAY(uint64_t) probe; /* the key being looked for */
};

/* The plan of a demand like this one, or NULL. */
struct compiled *cache_find(struct plan_cache *c, const struct request *r);
/* A new one, empty; cache_add takes it over, or compiled_free. */
struct compiled *compiled_new(void);
void compiled_free(struct compiled *c);
/* Keeps the plan of a demand. */
void cache_add(struct plan_cache *c, const struct request *r, struct compiled *plan);
/* Drops the plans that mention a node. */
void cache_forget(struct plan_cache *c, const struct node *n);
void cache_free(struct plan_cache *c);

#endif
