/* Evaluations in chunks: what reduces over the examples of a test set, or gives a result for each,
 * needs no memory for all of them at once.
 *
 * A demand whose plan would ask for more than a budget is cut along the dimension that counts the
 * examples. The graph says which nodes keep examples apart (ir/rows.h): they are computed for some
 * rows at a time, and what the rest needs of them is put together: joined, so that the rest sees
 * the very tensor it would have seen, or, where even that would be large, reduced chunk by chunk
 * and weighted by the rows of each. The rest then runs once, fed with it. Where the cut lies
 * depends on sizes alone, never on threads or on what was run before.
 *
 * Not for: training steps, whose gradients are sums over examples by meaning. */
#ifndef NN_SESSION_CHUNKS_H
#define NN_SESSION_CHUNKS_H

#include "ir/rows.h"
#include "session/demand.h"

/* How a demand is run in chunks; lives in the arena of its compiled. */
struct split {
    char name[SHAPE_TEXT]; /* of the dimension: "batch", "?" */
    int64_t n_rows, chunk; /* in all; at a time */
    int *fed_axis;         /* [n_fed] along which a feed is cut, or -1 */
    struct node **once;    /* what is the same for all examples: computed before */
    int n_once;
    struct piece {
        struct node *node;
        int axis;            /* joined along it; -1: */
        enum rows_join join; /* reduced */
        enum dtype dtype;
        struct shape shape; /* of the whole */
    } * pieces;             /* what the rest needs of the chunks */
    int n_pieces;
    uint64_t *draws; /* hashes of the paths of nodes that draw for each row */
    int n_draws;
    size_t budget_bytes, whole_bytes; /* of buffers: allowed, and for all rows at once */
};

/* The rows that a part computes: their draws and the words of messages depend on it. */
struct chunk {
    const struct split *split;
    int64_t first, n;
};

/* The three parts of such a run: what is the same for all, the rows of a chunk, the rest. Each is a
 * request with room for its feeds: [0, r->n_fed) as in r, then `once`, then the pieces. Values
 * are r's; those behind them are the caller's to set. */
enum part { PART_ONCE, PART_CHUNK, PART_REST };
struct request chunks_part(const struct split *split, const struct request *r, enum part part,
                           struct arena *a);

/* What a plan asks for, by its sizes alone: the same on every machine. */
size_t chunks_plan_bytes(const struct plan *p);

/* The bytes that a plan may take before it is cut: at least 8 MiB, and as much as the variables it
 * reads, because training holds their gradients as well; with --memory, what that says. */
size_t chunks_budget_bytes(const struct session *s, const struct plan *p);

/* How to run c's demand within its budget; NULL: it cannot be cut, and *why says so in a line of
 * the arena of c. */
struct split *chunks_find(struct session *s, struct compiled *c, const struct request *r,
                          const char **why);

/* Runs it. r->result is filled. false: reported. */
bool chunks_run(struct session *s, const struct split *split, struct request *r);

/* "cut along batch: 10000 in chunks of 104, ..": for --dump=plan. */
void chunks_print(const struct split *split, FILE *out);

#endif
