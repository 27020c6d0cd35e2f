/* The gradients of a convolution whose result was pooled: what their kernels share. See
 * conv_sparse.c. */
#ifndef NN_OPS_CONV_SPARSE_H
#define NN_OPS_CONV_SPARSE_H

#include "ops/conv.h"

#ifdef OPS_KERNELS

/* A call of either op. conv: the convolution's window over its image; pool: the pooling's over the
 * convolution's result [n,oh,ow,o]. */
struct sparse_window {
    struct window conv, pool;
};

struct sparse_window KERNEL(conv_sparse_window)(const struct kernel_arg *image,
                                                const struct kernel_arg *filter,
                                                const struct kernel_arg *dk,
                                                const struct attr *set);

/* Lays out the dense gradient and leaves the rest to `inner`, a kernel of the convolution's own
 * gradient. */
void KERNEL(conv_sparse_by_dense)(const struct kernel *inner, struct kernel_call *c,
                                  struct kernel_work *w, struct arena *a);

/* By the dense gradient and matrix products: the references. */
extern const struct kernel KERNEL(conv_block_filter_gradient_reference_kernel);
extern const struct kernel KERNEL(conv_block_input_gradient_reference_kernel);

#endif
#endif
