/* Element types. "float32" and "int32" are other spellings of float and int. */
#ifndef NN_TENSOR_DTYPE_H
#define NN_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
#define DTYPE(id, name, ctype, bytes) DTYPE_##id,
#include "tensor/dtype.def"
#undef DTYPE
    N_DTYPES
};

const char *dtype_name(enum dtype t);
size_t dtype_bytes(enum dtype t);
bool dtype_parse(const char *name, enum dtype *t);
static inline bool dtype_is_float(enum dtype t) { return t == DTYPE_F32 || t == DTYPE_F64; }
static inline bool dtype_is_int(enum dtype t) {
    return t == DTYPE_I32 || t == DTYPE_I64 || t == DTYPE_U8;
}

#endif
