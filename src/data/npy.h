/* NumPy's arrays: a file of one (.npy), an archive of several by name (.npz). */
#ifndef NN_DATA_NPY_H
#define NN_DATA_NPY_H

#include "data/dataset.h"

/* The array of a file, one reference, the caller's; in a dry run a phantom of what its header says.
 * Any of the formats 1.0 to 3.0, either order of axes and of bytes, and every dtype that is ours;
 * it must be exactly as long as it says, and no more memory is taken than that. false: reported. */
bool load_npy(struct load_context *c, const char *path, struct tensor **out);

struct npz {
    int n;
    const char **name; /* [n] of the context's arena, without ".npy" */
    struct tensor **tensor;
};

/* The arrays of an archive, in its order, stored or deflated. false: reported, and *out holds
 * none. */
bool load_npz(struct load_context *c, const char *path, struct npz *out);
void npz_free(struct npz *z);

#endif
