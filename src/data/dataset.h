/* Data sets: named fields of equal length, and a cursor that deals shuffled batches. Loaders are
 * rows of formats.def, a file each.
 *
 * Sets share what they hold: a part of one, or one in another order, has its own fields, which
 * refer to the same stored tensors, with the rows of them that are its examples where those are
 * not all in order.
 *
 * A field of bytes (images) is stored as bytes and dealt as floats, byte / divisor: a quarter of
 * the memory, and nothing to convert before the first step. The whole field as floats exists only
 * once somebody asks for it by dataset_field_values.
 *
 * In a dry run (load_context.dry) a set has its fields, their dtypes and shapes, and no contents:
 * its stored tensors are phantoms, and so is all that is dealt from it.
 *
 * Not for: tensors that are fed as they are (tensor.h), files (idx.h), the network (download.h). */
#ifndef NN_DATA_DATASET_H
#define NN_DATA_DATASET_H

#include <signal.h>

#include "base/diag.h"
#include "tensor/tensor.h"

/* What the numbers of an int field stand for: k for name[k]. */
struct categories {
    int n;
    const char *const *name;
};

struct field {
    const char *name;      /* "images", "labels"; not copied: it lives as long as the session */
    struct tensor *stored; /* [rows, ...]; one reference is the data set's. Read it through
                            * dataset_field_values, dataset_field_dtype and dataset_field_shape */
    struct tensor *rows;   /* int [length]: which row of `stored` is example i; one reference.
                            * NULL: row i, of as many as there are examples */
    float divisor;         /* 0: dealt as stored. Else `stored` is uint8, an element is dealt as
                            * float byte / divisor */
    struct tensor *values; /* the whole field as dealt; NULL until asked for */
    const struct categories *categories; /* NULL: its numbers are numbers. Not owned: it lives as
                                          * long as the arena that its loader was given */
};

struct dataset {
    const char *name; /* "mnist.train" */
    struct arena *arena; /* of the list of fields */
    struct field *fields;
    int n_fields, cap_fields;
    int64_t length;
    bool phantom; /* every field is */
    /* The cursor: how many examples were dealt. Epoch e deals the permutation keyed by (seed,
     * name, e), so a cursor is one number and there is nothing else to save. */
    int64_t dealt;
    uint64_t seed;
    int32_t *order;     /* the permutation of `order_epoch` */
    int64_t order_epoch; /* -1: none yet */
};

struct dataset *dataset_new(struct arena *a, const char *name, uint64_t seed);

/* Adds a field; takes the reference. All fields have the same length, at most 2^31 - 1. */
void dataset_add_field(struct dataset *d, const char *name, struct tensor *values);
/* The same for a uint8 tensor whose elements are dealt as float byte / divisor (divisor > 0). */
void dataset_add_bytes(struct dataset *d, const char *name, struct tensor *bytes, float divisor);

/* Says what the numbers of the last field added stand for. */
void dataset_set_categories(struct dataset *d, const struct categories *c);
/* The same categories, as an arena's own. */
const struct categories *categories_copy(struct arena *a, const struct categories *c);

/* A set with the fields, dtypes, shapes and categories of d, of phantoms. NULL when there is not
 * enough memory. */
struct dataset *dataset_new_phantom(struct arena *a, const struct dataset *d);

/* The number of the field of that name, or -1. */
int dataset_find_field(const struct dataset *d, const char *name);
/* The dtype that field i is dealt in. */
enum dtype dataset_field_dtype(const struct dataset *d, int i);
/* [length, ...] */
struct shape dataset_field_shape(const struct dataset *d, int i);
/* Field i whole, [length, ...], in the set's own order. The reference is the data set's. NULL when
 * there is not enough memory. */
struct tensor *dataset_field_values(struct dataset *d, int i);

/* The next n examples: out[i] is a new tensor [n, ...] for field i (one reference, the caller's).
 * A new shuffle every epoch, a batch may span two epochs, none lost or repeated within one. false
 * (nothing dealt) when n is not in 1..length or memory is short. */
bool dataset_next_batch(struct dataset *d, int64_t n, struct tensor **out);
/* n examples of an epoch from its example `first` on, which are within it; of its shuffle or, not
 * `shuffled`, of the set's own order. The cursor stays. false: no memory. */
bool dataset_deal(struct dataset *d, int64_t epoch, int64_t first, int64_t n, bool shuffled,
                  struct tensor **out);

/* A set with the same fields, and a cursor of its own. */
struct dataset *dataset_copy(struct arena *a, const struct dataset *d, const char *name);
/* The changes of a set that was just made; false: no memory. Its n examples from `first` on: */
bool dataset_slice(struct dataset *d, int64_t first, int64_t n);
/* its examples in another order, which is a function of seed and name; */
bool dataset_shuffle(struct dataset *d);
/* and those fields of it that `keep` says; */
void dataset_select(struct dataset *d, const bool *keep);
/* the fields of another set of the same length after its own. */
void dataset_join(struct dataset *d, const struct dataset *other);

/* Frees what the arena does not own. */
void dataset_release(struct dataset *d);

/* The form that loaders of labelled images give: fields "images" (uint8 `images` [n, pixels],
 * dealt as floats in [0, 1]; takes the reference, also when it fails) and "labels", made of n
 * bytes below n_classes: float [n, n_classes] or, when !one_hot, int [n]. Of phantom images the
 * labels are phantoms, and `labels` is not looked at. NULL when there is not enough memory. */
struct dataset *dataset_new_images(struct arena *a, const char *name, uint64_t seed,
                                   struct tensor *images, const uint8_t *labels, int n_classes,
                                   bool one_hot);

/* A group of data sets, as load_mnist gives: train, validation (of length 0 when none was asked
 * for), test. Each has the fields "images" and "labels". */
struct dataset_group {
    const char *title; /* for messages and result lines: "MNIST", "Fashion-MNIST", "generated
                        * digits", "own IDX files" */
    struct dataset *train, *validation, *test;
};

/* Releases the members that are there. */
void dataset_group_release(struct dataset_group *g);

/* What a loader is given. Progress goes to `log` (stderr), nothing is printed when it is NULL. */
struct load_context {
    struct arena *arena;
    struct diags *diags;
    struct span at; /* the call, for errors */
    uint64_t seed;
    FILE *log;
    bool offline; /* never download (tests) */
    bool quiet;   /* no remarks */
    /* Give the sets that the call would give, of phantoms: lengths from the files' headers, or what
     * is expected when there are no files. Nothing is downloaded, said, or read whole; a file that
     * is wrong is left to the run that reads it. */
    bool dry;
    /* Where a dry run leaves what it had to read whole to know its fields, for the run; may be
     * NULL. */
    struct load_store *store;
    volatile sig_atomic_t *interrupted; /* polled while reading and downloading; may be NULL */
};

/* MNIST or Fashion-MNIST from four IDX files, plain or gzip, found in `folder`, also below
 * $NNRUN_DATA; if that is MNIST_FOLDER or none, also in $NNRUN_DATA itself, its subfolder mnist and
 * the user's cache, else downloaded (mnist.c says how).
 * Images are floats in [0, 1], [n, 784]; labels one-hot floats [n, 10], or int [n] when !one_hot.
 * The first `validation` examples of the training file are the validation set, as in the
 * tutorial's loader. fallback: NULL, or "digits": generated digits are given instead when the
 * files cannot be had, and a remark says so; files that are there and corrupt are an error all
 * the same. false: reported. */
#define MNIST_FOLDER "MNIST_data"
bool load_mnist(struct load_context *c, const char *folder, bool one_hot, int64_t validation,
                const char *fallback, struct dataset_group *out);

/* 28x28 digits drawn by the program itself (digits.c), deterministic by seed, in the form
 * load_mnist gives. train, validation and test hold n_train, `validation` and n_test examples:
 * none of the training examples is taken away for validation. false: reported (a count out of
 * range, no memory). */
bool load_digits(struct load_context *c, int64_t n_train, int64_t n_test, int64_t validation,
                 bool one_hot, struct dataset_group *out);

/* CIFAR-10 from the files of its binary version, found as MNIST's are (the usual folder being
 * CIFAR10_FOLDER), in the form load_mnist gives, but for images that are [n, 32, 32, 3]. The files
 * that are there are taken: of a part of the set a remark and the title say so. The first
 * `validation` training examples are the validation set, a tenth of them when it is -1. Nothing is
 * downloaded. false: reported. */
#define CIFAR10_FOLDER "cifar-10-batches-bin"
bool load_cifar10(struct load_context *c, const char *folder, bool one_hot, int64_t validation,
                  struct dataset_group *out);

#endif
