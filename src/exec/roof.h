/* The roof of the machine: how fast the threads of an executor multiply and add, and move bytes,
 * when they do nothing else. With it the time that a step must take at least is known: roofline
 * (Williams, Waterman & Patterson 2009), with the bandwidth of the cache that holds what the step
 * touches in place of memory's (Ilic, Pratas & Sousa 2014). */
#ifndef NN_EXEC_ROOF_H
#define NN_EXEC_ROOF_H

#include "exec/exec.h"
#include "exec/work.h"

enum { ROOF_LEVELS = 4 };
struct roof {
    int n_threads;
    double flops_per_s; /* multiplications and additions of floats */
    struct {
        double bytes; /* when so much is touched again and again */
        double bytes_per_s;
    } level[ROOF_LEVELS];
};

/* Measures: takes about a tenth of a second. false: no memory for it. */
bool roof_measure(struct executor *e, struct roof *r);
/* The seconds that a call of a step takes at least. */
double roof_seconds(const struct roof *r, const struct step_work *w);

#endif
