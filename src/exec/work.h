/* How much a step has to do, from its op and sizes alone, whatever kernel does it: what rates are
 * told by. */
#ifndef NN_EXEC_WORK_H
#define NN_EXEC_WORK_H

#include "plan/plan.h"

struct step_work {
    /* Additions, multiplications and the like, each one operation, exp and its kind too; of
     * convolutions and matrix products two a multiply-add, and only of taps that meet the image. Of
     * ops that only move or draw elements 0. */
    double flops;
    double bytes; /* of inputs read and results written, each once */
};

struct step_work step_work_of(const struct step *s);

#endif
