/* How much memory a script will take, said before its first step (--show-memory): while it is
 * checked, the plan of each of its demands is made for the fed shapes, and thrown away.
 *
 * Not for: data sets and what the script itself holds. */
#ifndef NN_SESSION_MEMORY_H
#define NN_SESSION_MEMORY_H

#include "session/session.h"

/* The largest of a kind. */
struct memory_demand {
    size_t bytes;
    struct span at; /* the demanding expression */
};

struct memory_report {
    struct memory_demand training, evaluation;
};

/* Of a dry session: takes note of what running the demand would take. */
void memory_note(struct session *dry, const struct request *r);
/* "memory: parameters 12.5 MiB, .., training 13.5 MiB (mnist.nn:27), evaluation 8 MiB (..)" */
void memory_print(struct session *dry, const struct sources *sources, FILE *out);

#endif
