/* Depthwise convolution: which geometries it takes, and its kernels. See conv_depthwise.c. */
#ifndef NN_OPS_CONV_DEPTHWISE_H
#define NN_OPS_CONV_DEPTHWISE_H

#include "ops/conv.h"

#ifdef OPS_KERNELS

/* Each prepares the depthwise kernel, or gives false and leaves all as it was when channels share
 * groups. */
bool KERNEL(conv_depthwise_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
bool KERNEL(conv_depthwise_input_gradient)(struct kernel_call *c, struct kernel_work *w,
                                           struct arena *a);
bool KERNEL(conv_depthwise_filter_gradient)(struct kernel_call *c, struct kernel_work *w,
                                            struct arena *a);

#endif
#endif
