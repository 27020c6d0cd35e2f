/* Storage, references, copies and conversions of tensors. Storage is 64-byte aligned (a cache line,
 * an AVX-512 register); that of a small tensor stands behind its head, in one block; big storage is
 * aligned to 2 MiB and offered to the kernel for huge pages, which saves the page faults and TLB
 * misses of large weights. References are counted without
 * atomics: a tensor's references may be taken and dropped by one thread only. */
#define _GNU_SOURCE
#include "tensor/tensor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_BYTES      ((size_t)64)
#define SMALL_BYTES     ((size_t)1024)
#define HUGE_FROM_BYTES ((size_t)4 << 20)
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* The number of elements; false when their bytes do not fit in memory's address space. */
static bool count_elements(enum dtype t, int rank, const int64_t *dim, int64_t *n) {
    bool fits = true, empty = false;
    int64_t count = 1, bytes;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0)
            return false;
        empty = empty || dim[i] == 0;
        fits = fits && !__builtin_mul_overflow(count, dim[i], &count);
    }
    fits = fits && !__builtin_mul_overflow(count, (int64_t)dtype_bytes(t), &bytes) &&
           bytes < INT64_MAX / 2;
    *n = empty ? 0 : count;
    return fits || empty;
}

static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static void *storage_new(size_t n_bytes) {
    size_t align = n_bytes >= HUGE_FROM_BYTES ? HUGE_PAGE_BYTES : LINE_BYTES;
    size_t rounded = round_up(n_bytes, align);
    void *data = aligned_alloc(align, rounded);
    if (data && align == HUGE_PAGE_BYTES)
        madvise(data, rounded, MADV_HUGEPAGE);
    return data;
}

static void set_header(struct tensor *new, enum dtype t, int rank, const int64_t *dim,
                       int64_t n_elements) {
    *new = (struct tensor){.dtype = t, .rank = rank, .n_elements = n_elements, .refs = 1};
    if (rank)
        memcpy(new->dim, dim, (size_t)rank * sizeof *dim);
}

static struct tensor *header_new(enum dtype t, int rank, const int64_t *dim, int64_t n_elements) {
    struct tensor *new = malloc(sizeof *new);
    if (new)
        set_header(new, t, rank, dim, n_elements);
    return new;
}

static struct tensor *small_new(enum dtype t, int rank, const int64_t *dim, int64_t n_elements) {
    size_t bytes = round_up((size_t)n_elements * dtype_bytes(t), LINE_BYTES);
    struct tensor *new = malloc(sizeof *new + bytes + LINE_BYTES - 1);
    if (!new)
        return NULL;
    set_header(new, t, rank, dim, n_elements);
    new->data = (void *)round_up((uintptr_t)(new + 1), LINE_BYTES);
    new->one_block = true;
    return new;
}

struct tensor *tensor_new(enum dtype t, int rank, const int64_t *dim) {
    struct tensor *new = tensor_new_unset(t, rank, dim);
    if (new)
        memset(new->data, 0, tensor_bytes(new));
    return new;
}

struct tensor *tensor_new_unset(enum dtype t, int rank, const int64_t *dim) {
    assert(rank >= 0 && rank <= MAX_RANK);
    int64_t n;
    if (!count_elements(t, rank, dim, &n))
        return NULL;
    if ((size_t)n * dtype_bytes(t) <= SMALL_BYTES)
        return small_new(t, rank, dim, n);
    struct tensor *new = header_new(t, rank, dim, n);
    if (!new)
        return NULL;
    new->data = storage_new((size_t)n * dtype_bytes(t));
    if (!new->data) {
        free(new);
        return NULL;
    }
    return new;
}

/* Pages that are only read are all the one page of zeros. */
static size_t phantom_bytes(const struct tensor *t) {
    size_t n = tensor_bytes(t);
    return n ? n : 1;
}

struct tensor *tensor_new_phantom(enum dtype t, int rank, const int64_t *dim) {
    int64_t n;
    struct tensor *new = count_elements(t, rank, dim, &n) ? header_new(t, rank, dim, n) : NULL;
    if (!new)
        return NULL;
    new->phantom = true;
    new->data = mmap(NULL, phantom_bytes(new), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (new->data == MAP_FAILED) {
        free(new);
        return NULL;
    }
    return new;
}

static struct tensor *view_new(struct tensor *t, int rank, const int64_t *dim, int64_t n_elements,
                               int64_t first_element) {
    struct tensor *view = header_new(t->dtype, rank, dim, n_elements);
    if (!view)
        return NULL;
    view->base = tensor_ref(t->base ? t->base : t);
    view->phantom = t->phantom;
    view->data = (char *)t->data + (size_t)first_element * dtype_bytes(t->dtype);
    return view;
}

struct tensor *tensor_rows(struct tensor *t, int64_t first, int64_t n) {
    assert(t->rank > 0 && first >= 0 && n >= 0 && first <= t->dim[0] - n);
    int64_t row = t->dim[0] ? t->n_elements / t->dim[0] : 0;
    int64_t dim[MAX_RANK];
    memcpy(dim, t->dim, sizeof dim);
    dim[0] = n;
    return view_new(t, t->rank, dim, n * row, first * row);
}

struct tensor *tensor_view(struct tensor *t, int rank, const int64_t *dim) {
    int64_t n;
    bool fits = count_elements(t->dtype, rank, dim, &n);
    assert(fits && n == t->n_elements);
    return fits ? view_new(t, rank, dim, n, 0) : NULL;
}

struct tensor *tensor_ref(struct tensor *t) {
    t->refs++;
    return t;
}

void tensor_unref(struct tensor *t) {
    if (!t || --t->refs > 0)
        return;
    assert(t->refs == 0);
    if (t->base)
        tensor_unref(t->base);
    else if (t->phantom)
        munmap(t->data, phantom_bytes(t));
    else if (!t->one_block)
        free(t->data);
    free(t);
}

struct tensor *tensor_copy(const struct tensor *t) {
    if (t->phantom)
        return tensor_new_phantom(t->dtype, t->rank, t->dim);
    struct tensor *copy = tensor_new_unset(t->dtype, t->rank, t->dim);
    if (copy)
        memcpy(copy->data, t->data, tensor_bytes(t));
    return copy;
}

/* C leaves a conversion from floating point that does not fit undefined: these clamp, and NaN gives
 * 0. */
static inline int64_t clamp_float(double v, double low, double high, int64_t at_high) {
    return v != v ? 0 : v <= low ? (int64_t)low : v >= high ? at_high : (int64_t)v;
}
static inline float to_F32(double v) { return (float)v; }
static inline float to_F32_i(int64_t v) { return (float)v; }
static inline double to_F64(double v) { return v; }
static inline double to_F64_i(int64_t v) { return (double)v; }
static inline int32_t to_I32(double v) {
    return (int32_t)clamp_float(v, INT32_MIN, INT32_MAX, INT32_MAX);
}
static inline int32_t to_I32_i(int64_t v) { return (int32_t)v; }
static inline int64_t to_I64(double v) { return clamp_float(v, -0x1p63, 0x1p63, INT64_MAX); }
static inline int64_t to_I64_i(int64_t v) { return v; }
static inline uint8_t to_U8(double v) { return (uint8_t)clamp_float(v, 0, UINT8_MAX, UINT8_MAX); }
static inline uint8_t to_U8_i(int64_t v) { return (uint8_t)v; }
static inline uint8_t to_BOOL(double v) { return v != 0; }
static inline uint8_t to_BOOL_i(int64_t v) { return v != 0; }

/* One function a target type, with a loop for each type it may come from. */
#define CAST_LOOP(ID, ctype, convert)                                                              \
    case DTYPE_##ID: {                                                                             \
        const ctype *x = from->data;                                                               \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = convert(x[i]);                                                                  \
        break;                                                                                     \
    }
#define DTYPE(id, name, ctype, bytes)                                                              \
    static void cast_to_##id(const struct tensor *from, ctype *y) {                                \
        int64_t n = from->n_elements;                                                              \
        switch (from->dtype) {                                                                     \
            CAST_LOOP(F32, float, to_##id)                                                         \
            CAST_LOOP(F64, double, to_##id)                                                        \
            CAST_LOOP(I32, int32_t, to_##id##_i)                                                   \
            CAST_LOOP(I64, int64_t, to_##id##_i)                                                   \
            CAST_LOOP(U8, uint8_t, to_##id##_i)                                                    \
            CAST_LOOP(BOOL, uint8_t, to_##id##_i)                                                  \
        case N_DTYPES:                                                                             \
            break;                                                                                 \
        }                                                                                          \
    }
#include "tensor/dtype.def"
#undef DTYPE

struct tensor *tensor_cast(const struct tensor *t, enum dtype to) {
    if (t->dtype == to)
        return tensor_copy(t);
    if (t->phantom)
        return tensor_new_phantom(to, t->rank, t->dim);
    struct tensor *cast = tensor_new_unset(to, t->rank, t->dim);
    if (!cast)
        return NULL;
    switch (to) {
#define DTYPE(id, name, ctype, bytes)                                                              \
    case DTYPE_##id:                                                                               \
        cast_to_##id(t, cast->data);                                                               \
        break;
#include "tensor/dtype.def"
#undef DTYPE
    case N_DTYPES:
        break;
    }
    return cast;
}

struct tensor *tensor_scalar(enum dtype t, double value) {
    struct tensor *scalar = tensor_new_unset(t, 0, NULL);
    if (scalar)
        tensor_set(scalar, 0, value);
    return scalar;
}

size_t tensor_bytes(const struct tensor *t) {
    return (size_t)t->n_elements * dtype_bytes(t->dtype);
}

struct shape tensor_shape(const struct tensor *t) {
    return shape_const(t->rank, t->dim);
}

double tensor_get(const struct tensor *t, int64_t i) {
    assert(i >= 0 && i < t->n_elements);
    switch (t->dtype) {
#define DTYPE(id, name, ctype, bytes)                                                              \
    case DTYPE_##id:                                                                               \
        return (double)((const ctype *)t->data)[i];
#include "tensor/dtype.def"
#undef DTYPE
    case N_DTYPES:
        break;
    }
    return 0;
}

void tensor_set(struct tensor *t, int64_t i, double v) {
    assert(i >= 0 && i < t->n_elements);
    switch (t->dtype) {
#define DTYPE(id, name, ctype, bytes)                                                              \
    case DTYPE_##id:                                                                               \
        ((ctype *)t->data)[i] = to_##id(v);                                                        \
        break;
#include "tensor/dtype.def"
#undef DTYPE
    case N_DTYPES:
        break;
    }
}
