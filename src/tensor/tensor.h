/* A tensor that has a value: dense, row-major, 64-byte aligned storage, counted references. These
 * are the only things that outlive a plan: variables, data sets, fetched results.
 *
 * Symbolic tensors are nodes (ir/graph.h). */
#ifndef NN_TENSOR_TENSOR_H
#define NN_TENSOR_TENSOR_H

#include <stdio.h>

#include "tensor/dtype.h"
#include "tensor/shape.h"

struct tensor {
    enum dtype dtype;
    int rank;
    int64_t dim[MAX_RANK];
    int64_t n_elements;
    void *data;
    int refs;
    struct tensor *base; /* a view keeps the tensor whose storage it shows */
    bool one_block; /* the storage stands behind this head */
    bool phantom; /* what it holds is not known: of a dry run, which computes shapes only */
};

/* New, zeroed, one reference. NULL when there is not enough memory or the size overflows. */
struct tensor *tensor_new(enum dtype t, int rank, const int64_t *dim);
/* The same for whoever writes every element next: it holds anything. */
struct tensor *tensor_new_unset(enum dtype t, int rank, const int64_t *dim);
/* The same with contents that nobody knows: its storage reads as zeros and takes no memory until it
 * is written. Views, copies and casts of a phantom are phantoms. */
struct tensor *tensor_new_phantom(enum dtype t, int rank, const int64_t *dim);
/* `n` rows of t from row `first`, sharing storage. */
struct tensor *tensor_rows(struct tensor *t, int64_t first, int64_t n);
/* The same elements under another shape (same count), sharing storage. */
struct tensor *tensor_view(struct tensor *t, int rank, const int64_t *dim);
struct tensor *tensor_ref(struct tensor *t);
void tensor_unref(struct tensor *t); /* NULL is fine */
struct tensor *tensor_copy(const struct tensor *t);
/* a copy; C conversions, bool is != 0 */
struct tensor *tensor_cast(const struct tensor *t, enum dtype to);
struct tensor *tensor_scalar(enum dtype t, double value);

size_t tensor_bytes(const struct tensor *t);
struct shape tensor_shape(const struct tensor *t);
double tensor_get(const struct tensor *t, int64_t i); /* element i in storage order */
void tensor_set(struct tensor *t, int64_t i, double v);

/* As the REPL echoes it: nested brackets, columns aligned, long axes cut to "... " (NumPy's
 * threshold of 1000 elements, 3 at each end), the shortest digits that read back as the same
 * element, at most 8 significant. A scalar prints as its number alone. No trailing newline. */
void tensor_print(const struct tensor *t, FILE *out);
/* The same into a buffer that grows in the arena. */
char *tensor_text(struct arena *a, const struct tensor *t);

#endif
