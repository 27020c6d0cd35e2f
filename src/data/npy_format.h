/* The format .npy (NumPy's documentation, numpy.lib.format), from any source of bytes. */
#ifndef NN_DATA_NPY_FORMAT_H
#define NN_DATA_NPY_FORMAT_H

#include "data/dataset.h"

/* Where the bytes come from, each once. */
struct npy_stream {
    struct load_context *c;
    const char *name; /* for messages: "x.npy", "x.npz: weights.npy" */
    int64_t n_bytes;  /* in all */
    /* Up to n bytes; fewer only at the end, -1: *why says why not. */
    int64_t (*read)(void *with, void *to, int64_t n, const char **why);
    void *with;
};

/* The array; a phantom in a dry run. NULL: reported. */
struct tensor *npy_read(struct npy_stream *s);

#endif
