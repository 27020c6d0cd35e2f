/* The lists of a timeline (timeline.h). They grow by doubling; one that finds no memory to grow
 * loses what it is given. */
#include "exec/timeline.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LINE_BYTES = 64, FIRST_CAPACITY = 1024 };

struct worker_line {
    _Alignas(LINE_BYTES) struct moment *at;
    int64_t n, cap, n_lost;
    double lost_since;
};

struct timeline {
    int n_threads;
    atomic_int_least64_t n_left;
    struct worker_line *line; /* [n_threads] */
};

struct timeline *timeline_new(int n_threads, int64_t most) {
    struct timeline *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->line = aligned_alloc(LINE_BYTES, (size_t)n_threads * sizeof *t->line);
    if (!t->line) {
        free(t);
        return NULL;
    }
    t->n_threads = n_threads;
    atomic_init(&t->n_left, most);
    for (int i = 0; i < n_threads; i++)
        t->line[i] = (struct worker_line){0};
    return t;
}

void timeline_free(struct timeline *t) {
    if (!t)
        return;
    for (int i = 0; i < t->n_threads; i++)
        free(t->line[i].at);
    free(t->line);
    free(t);
}

static bool grow(struct worker_line *l) {
    int64_t cap = l->cap ? 2 * l->cap : FIRST_CAPACITY;
    struct moment *at = realloc(l->at, (size_t)cap * sizeof *at);
    if (!at)
        return false;
    l->at = at;
    l->cap = cap;
    return true;
}

void timeline_add(struct timeline *t, int worker, struct moment m) {
    struct worker_line *l = &t->line[worker];
    bool fits = atomic_load_explicit(&t->n_left, memory_order_relaxed) > 0 &&
                atomic_fetch_sub_explicit(&t->n_left, 1, memory_order_relaxed) > 0;
    if (fits && (l->n < l->cap || grow(l))) {
        l->at[l->n++] = m;
        return;
    }
    if (!l->n_lost++ || m.start < l->lost_since)
        l->lost_since = m.start;
}

int timeline_n_threads(const struct timeline *t) { return t->n_threads; }

const struct moment *timeline_of(const struct timeline *t, int worker, int64_t *n) {
    *n = t->line[worker].n;
    return t->line[worker].at;
}

int64_t timeline_n_lost(const struct timeline *t, double *since) {
    int64_t n = 0;
    for (int i = 0; i < t->n_threads; i++) {
        const struct worker_line *l = &t->line[i];
        if (l->n_lost && (!n || l->lost_since < *since))
            *since = l->lost_since;
        n += l->n_lost;
    }
    return n;
}
