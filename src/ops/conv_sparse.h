/* The gradients of a convolution whose result was pooled: what their kernels share. See
 * conv_sparse.c. */
#ifndef NN_OPS_CONV_SPARSE_H
#define NN_OPS_CONV_SPARSE_H

#include "ops/conv.h"

#ifdef OPS_KERNELS

#include "ops/vector.h"

/* A call of either op. conv: the convolution's window over its image; pool: the pooling's over the
 * convolution's result [n,oh,ow,o]. */
struct sparse_window {
    struct window conv, pool;
};

struct sparse_window KERNEL(conv_sparse_window)(const struct kernel_arg *image,
                                                const struct kernel_arg *filter,
                                                const struct kernel_arg *dk,
                                                const struct attr *set);

/* X(rows, columns) of every tile that is made: sums of at most MAX_TILE vectors, so that an
 * element and what it is multiplied with have registers too. */
#if VECTOR_BYTES == 64
enum { MAX_TILE = 25, MAX_TILE_SIDE = 5 };
#define FOR_EACH_TAP_TILE(X)                                                                       \
    X(1, 1)                                                                                        \
    X(1, 2)                                                                                        \
    X(1, 3)                                                                                        \
    X(1, 4)                                                                                        \
    X(1, 5)                                                                                        \
    X(2, 1)                                                                                        \
    X(2, 2)                                                                                        \
    X(2, 3)                                                                                        \
    X(2, 4)                                                                                        \
    X(2, 5)                                                                                        \
    X(3, 1) X(3, 2) X(3, 3) X(3, 4) X(3, 5) X(4, 1) X(4, 2) X(4, 3) X(4, 4) X(4, 5) X(5, 1)        \
        X(5, 2) X(5, 3) X(5, 4) X(5, 5)
#else
enum { MAX_TILE = 12, MAX_TILE_SIDE = 5 };
#define FOR_EACH_TAP_TILE(X)                                                                       \
    X(1, 1)                                                                                        \
    X(1, 2)                                                                                        \
    X(1, 3)                                                                                        \
    X(1, 4)                                                                                        \
    X(1, 5)                                                                                        \
    X(2, 1)                                                                                        \
    X(2, 2)                                                                                        \
    X(2, 3) X(2, 4) X(2, 5) X(3, 1) X(3, 2) X(3, 3) X(3, 4) X(4, 1) X(4, 2) X(4, 3) X(5, 1) X(5, 2)
#endif

/* Taps that stay in registers together: rows x columns of vectors. In elements: where they begin
 * behind a position of the laid image and in a filter's vectors, and from row to row. */
struct tap_tile {
    int rows, columns;
    int64_t laid, laid_row, taps, taps_row;
};

/* Unrolling: a vector from an element behind a position's first to one behind its first tap. */
struct span_copy {
    int32_t from, to;
};

/* How the two kernels see their work. The pooled windows are cut into regions: so many images, rows
 * and columns of windows that what they see of the image, re-laid for one block of channels, stays
 * in the first-level cache.
 *
 * Laid out in blocks, the image is [block][image][row][column][a vector of channels], with zeros
 * around it, and a position sees kh * kw vectors. Unrolled, for few channels, it is
 * [image][position's row][column][kh * kw * c, filled up to whole vectors].  */
struct sparse {
    struct conv_base base; /* its window: the convolution's */
    struct window pool;
    bool unrolled;
    int64_t n_blocks, n_vectors;   /* of a position's taps: n_blocks * n_vectors */
    int64_t images, rows, columns; /* of pooled windows in a region */
    int64_t laid_rows, laid_columns;
    int64_t phase_columns; /* in blocks: columns that are dw apart lie side by side */
    int64_t padded_rows, padded_columns, padded; /* unrolled: of what a region sees; elements */
    int64_t n_copies;
    struct span_copy *copies;
    int64_t laid_row, laid_image, block, conv_row, conv_column; /* elements, one to the next */
    int32_t *place; /* [window of a region][place]: the winner's element of the laid image */
    int n_tiles;
    struct tap_tile *tiles;
    int64_t n_groups, n_splits; /* units: groups of images, shares of channels */
};

/* A region: images [m0, m1) and windows [i0, i1) x [j0, j1), which are neighbours in memory: of
 * one row, or whole rows, or whole images. */
struct region {
    int64_t m0, m1, i0, i1, j0, j1;
};

/* Fills in what follows from the sizes, for `lanes` elements a vector; images: no region has
 * more. NULL, with w->why, when the sizes are for another kernel. */
struct sparse *KERNEL(conv_sparse_settle)(const struct sparse_window *of, int64_t lanes,
                                          int64_t images, struct kernel_work *w, struct arena *a);

/* Cuts a grid of taps into tiles like `from`, which is its corner; laid, taps: elements from column
 * to column. Gives how many they are. */
int KERNEL(conv_sparse_tiles)(struct tap_tile *to, int64_t rows, int64_t columns,
                              const struct tap_tile *from, int64_t laid, int64_t taps);

/* What a pooled window costs for each output channel, in accesses to the first-level cache, which
 * are what bounds all ways. Measured with half of dk zero: to list a winner takes about eight, to
 * lay it out densely ten, and direct convolution multiplies about one vector an access. Three
 * quarters of dk are taken to be listed, for relu is not certain. accesses: for each vector that a
 * winner's taps are multiplied with. */
struct sparse_costs {
    double lists, dense;
};
struct sparse_costs KERNEL(conv_sparse_costs)(const struct sparse_window *of, int64_t lanes,
                                              int accesses);

/* Each prepares its kernel, or gives false, perhaps with w->why; most: that it may cost. */
bool KERNEL(conv_sparse_filter)(struct kernel_call *c, struct kernel_work *w, struct arena *a);
bool KERNEL(conv_sparse_masked)(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                                double most);
bool KERNEL(conv_sparse_input)(struct kernel_call *c, struct kernel_work *w, struct arena *a);

/* These wherever they can, for tests. */
extern const struct kernel KERNEL(conv_block_filter_gradient_sparse_kernel);
extern const struct kernel KERNEL(conv_block_filter_gradient_masked_kernel);
extern const struct kernel KERNEL(conv_block_input_gradient_sparse_kernel);

/* By the dense gradient: with the convolution's own kernels, and with matrix products, which is the
 * reference. */
extern const struct kernel KERNEL(conv_block_filter_gradient_dense_kernel);
extern const struct kernel KERNEL(conv_block_input_gradient_dense_kernel);
extern const struct kernel KERNEL(conv_block_filter_gradient_reference_kernel);
extern const struct kernel KERNEL(conv_block_input_gradient_reference_kernel);

#endif
#endif
