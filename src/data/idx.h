/* IDX files, the format of MNIST: unsigned bytes in one dimension (labels) or three (images),
 * plain or gzip. */
#ifndef NN_DATA_IDX_H
#define NN_DATA_IDX_H

#include "data/checksum.h"
#include "tensor/tensor.h"

enum { IDX_FAULT = 320 };

struct idx {
    struct tensor *bytes;       /* uint8, [n] or [n, rows, columns]; one reference, the caller's */
    char sha256[CHECKSUM_TEXT]; /* of the uncompressed content, header included */
    char fault[IDX_FAULT];      /* why not, a phrase that follows the path: "is empty" */
};

/* Reads a file of `rank` dimensions (1 or 3) whole. The content decides whether it is gzip, not
 * the name. It must be exactly what its header says: magic number, at least one element, not a
 * byte less or more, and gzip's own check sum. Whatever the file holds, no more memory is taken
 * than its size can account for. false: the reason is in out->fault and out->bytes is NULL.
 * Touches nothing shared: threads may read at once. */
bool idx_read(const char *path, int rank, struct idx *out);
/* The same without the contents: out->bytes is a phantom of the sizes in the header, out->sha256 is
 * empty. false: there is no such header. */
bool idx_read_sizes(const char *path, int rank, struct idx *out);

#endif
