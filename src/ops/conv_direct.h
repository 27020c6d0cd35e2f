/* Direct convolution: which geometries it takes, and its kernels. See conv_direct.c. */
#ifndef NN_OPS_CONV_DIRECT_H
#define NN_OPS_CONV_DIRECT_H

#include "ops/conv_block.h"

#ifdef OPS_KERNELS

/* Each prepares the direct kernel; or, when the geometry is not for it, says so in w->why, leaves
 * all else as it was and gives false. */
bool KERNEL(conv_direct_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
bool KERNEL(conv_direct_block)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
bool KERNEL(conv_direct_input_gradient)(struct kernel_call *c, struct kernel_work *w,
                                        struct arena *a);
bool KERNEL(conv_direct_filter_gradient)(struct kernel_call *c, struct kernel_work *w,
                                         struct arena *a);

#endif
#endif
