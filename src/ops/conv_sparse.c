/* The two gradients of a convolution whose result was max-pooled: rules, and the choice of kernels.
 *
 * The gradient of the convolution's result is zero but at the winners of the pooling's windows. So
 * it is never built: in come dk, what the pooled gradient has become at the winners, and for each of
 * its elements the winner's place in its window, ky * kw + kx. An element of dk that is zero counts
 * for nothing, even against an infinity. Windows may overlap: what falls on one position adds up.
 *
 * The optimiser makes these ops (opt/block), scripts cannot call them, and they have no gradients:
 * where one is wanted the dense ops stay. Not for: the kernels themselves (conv_sparse_dense.c). */
#include "ops/conv_sparse.h"

#ifdef OPS_RULES

/* Settings 1.. of a call are those of conv2d, then those of max_pool. Gives the shape of the pooled
 * result for `image` and `filter`, and holds operands dk and winner against it. */
static bool match_pooled(struct shape_call *c, const struct shape *image,
                         const struct shape *filter, int dk, int winner) {
    static const char *const what[] = {"images", "rows", "columns", "channels"};
    const struct shape in[2] = {*image, *filter};
    struct shape_call conv = *c, pool = *c;
    conv.in = in, conv.n_in = 2, conv.attr = c->attr + 1;
    if (!conv2d_shape(&conv))
        return false;
    pool.in = &conv.out, pool.n_in = 1, pool.attr = c->attr + 5;
    if (!max_pool_shape(&pool))
        return false;
    for (int i = dk; i <= winner; i++)
        for (int axis = 0; axis < 4; axis++)
            if (!conv_window_rank(c, i, "[n, ph, pw, o]") ||
                !conv_window_match(c, i, axis, pool.out.d[axis], what[axis]))
                return false;
    return true;
}

bool conv_block_filter_gradient_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    return match_pooled(c, &c->in[0], &c->out, 1, 2);
}

bool conv_block_input_gradient_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    return match_pooled(c, &c->out, &c->in[2], 0, 1);
}

#endif

#ifdef OPS_KERNELS

static void prepare_filter_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    KERNEL(conv_sparse_by_dense)(&KERNEL(conv2d_filter_gradient_kernel), c, w, a);
}

static void prepare_input_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    KERNEL(conv_sparse_by_dense)(&KERNEL(conv2d_input_gradient_kernel), c, w, a);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct conv_base *p = c->geometry;
    p->run(c, phase, begin, end, scratch);
}

const struct kernel KERNEL(conv_block_filter_gradient_kernel) = {.prepare = prepare_filter_gradient,
                                                                 .run = run};
const struct kernel KERNEL(conv_block_input_gradient_kernel) = {.prepare = prepare_input_gradient,
                                                                .run = run};

#endif
