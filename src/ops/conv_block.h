/* A convolution with what stands behind it: what its kernels share. See conv_block.c. */
#ifndef NN_OPS_CONV_BLOCK_H
#define NN_OPS_CONV_BLOCK_H

#include "ops/conv_epilogue.h"

#ifdef OPS_KERNELS

/* What a call of conv_block does behind its convolution. */
struct conv_epilogue KERNEL(conv_block_epilogue)(const struct kernel_call *c);

/* By matrix products, whole: the reference. */
extern const struct kernel KERNEL(conv_block_reference_kernel);

/* Where block of channels `channel`.. of image `image` of a call goes. bytes: of an element. */
static inline struct conv_target conv_block_target(const struct kernel_call *c, int64_t image,
                                                   int64_t channel, int64_t channels,
                                                   int64_t bytes) {
    const struct kernel_arg *winner = kernel_result(c, 1), *y = &c->out[0];
    int64_t at = image * arg_span(y, 1, 4) + channel;
    return (struct conv_target){
        .bias = c->n_in > 2 ? (const char *)c->in[2].data + channel * bytes : NULL,
        .y = (char *)y->data + at * bytes,
        .winner = winner ? (uint8_t *)winner->data + at : NULL,
        .channels = channels};
}

#endif
#endif
