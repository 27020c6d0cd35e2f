/* What the random draws of a run are keyed by, beside seed and path: the domain in the two top
 * bits, below it a count. In training the count is the optimizer's step, in a variable's first
 * value how often it was drawn, in a batch of a data set that is mapped how many examples were
 * dealt before it, in an evaluation how often that path was evaluated: those counts are kept
 * here. */
#ifndef NN_SESSION_DRAWS_H
#define NN_SESSION_DRAWS_H

#include "plan/plan.h"

enum draw_domain { DRAW_DEALT, DRAW_INITIAL, DRAW_TRAINING, DRAW_EVALUATION };

/* Hash of a path -> evaluations done. Open addressing; zeroed is empty. */
struct draw_counts {
    struct arena arena;
    struct draw_count {
        uint64_t path, n;
    } * at;          /* n counts from 1: 0 is a free slot */
    uint32_t n, cap; /* cap is a power of two */
};

void draws_free(struct draw_counts *c);

/* Keys the draws of a plan. EVALUATION takes the counts; the others `count`. */
void draws_set(struct draw_counts *c, struct plan *p, uint64_t seed, enum draw_domain domain,
               uint64_t count);
/* After an evaluation that succeeded: each path drawn from counts one more, once, however many
 * nodes share it. */
void draws_advance(struct draw_counts *c, const struct plan *p);

#endif
