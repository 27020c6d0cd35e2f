/* Convolution by Winograd's minimal filtering: which geometries it takes, and its kernels. See
 * conv_winograd.c. */
#ifndef NN_OPS_CONV_WINOGRAD_H
#define NN_OPS_CONV_WINOGRAD_H

#include "ops/conv_block.h"

#ifdef OPS_KERNELS

/* Each prepares the kernel; or, when the geometry is not for it or it would not be quicker than the
 * direct kernel, says so in w->why, leaves all else as it was and gives false. */
bool KERNEL(conv_winograd_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
bool KERNEL(conv_winograd_block)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
bool KERNEL(conv_winograd_input_gradient)(struct kernel_call *c, struct kernel_work *w,
                                          struct arena *a);

#endif
#endif
