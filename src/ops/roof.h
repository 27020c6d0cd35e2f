/* What the machine can do at best: loops that do nothing but multiply and add in registers, read,
 * or read and write, for measuring roofs (exec/roof.c). For each instruction set. */
#ifndef NN_OPS_ROOF_H
#define NN_OPS_ROOF_H

#include "ir/kernel.h"

struct roof_loops {
    /* As many multiply-adds as fit into the registers, `rounds` times; gives how many operations
     * that were, an addition and a multiplication counting as one each. */
    double (*multiply_add)(int64_t rounds);
    /* n bytes, a multiple of 1024; `to` and `from` aligned to 64. */
    void (*read)(const void *from, int64_t n);
    void (*copy)(void *to, const void *from, int64_t n);
};

const struct roof_loops *roof_loops_of(enum isa isa);

#endif
