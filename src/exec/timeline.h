/* What happened when, thread by thread: spans of time, kept in memory until they are written as a
 * trace. Each thread adds to a list of its own, without a lock. Their number is bounded: what comes
 * after the last that fits is counted, and when that began is known.
 *
 * Not for: sums (struct step_record), what a trace looks like (session/trace_file.c). */
#ifndef NN_EXEC_TIMELINE_H
#define NN_EXEC_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

/* Of a step of a plan, over all its runs. */
struct step_record {
    double seconds;
    uint64_t calls;
};

enum moment_kind {
    MOMENT_STEP,      /* what: its step_record */
    MOMENT_PHASE,     /* units [begin, end) of a phase; what: the step's record */
    MOMENT_RUN,       /* of a plan; what, and of the kinds below: whatever the caller knows it by */
    MOMENT_PLAN,      /* a plan was made */
    MOMENT_DATA,      /* a batch was dealt, or data loaded */
    MOMENT_STATEMENT, /* of the script */
};

struct moment {
    const void *what;
    double start, end; /* os_now_s */
    int64_t first, last;
    enum moment_kind kind;
    int phase;
};

struct timeline;

/* For workers 0 .. n_threads - 1, and at most so many moments. NULL: no memory. */
struct timeline *timeline_new(int n_threads, int64_t most);
void timeline_free(struct timeline *t);
/* To the list of a worker; only that worker's thread may call it. */
void timeline_add(struct timeline *t, int worker, struct moment m);

int timeline_n_threads(const struct timeline *t);
/* Of a worker, in the order in which they ended. */
const struct moment *timeline_of(const struct timeline *t, int worker, int64_t *n);
/* How many did not fit, and when the first of them began. */
int64_t timeline_n_lost(const struct timeline *t, double *since);

#endif
