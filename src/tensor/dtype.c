/* The element types' names and sizes, from dtype.def. */
#include "tensor/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[N_DTYPES] = {
#define DTYPE(id, name, ctype, bytes) {name, bytes},
#include "tensor/dtype.def"
#undef DTYPE
};

#define DTYPE(id, name, ctype, bytes) _Static_assert(sizeof(ctype) == (bytes), name);
#include "tensor/dtype.def"
#undef DTYPE

const char *dtype_name(enum dtype t) { return dtypes[t].name; }

size_t dtype_bytes(enum dtype t) { return dtypes[t].bytes; }

bool dtype_parse(const char *name, enum dtype *t) {
    if (strcmp(name, "float32") == 0)
        name = "float";
    if (strcmp(name, "int32") == 0)
        name = "int";
    for (int i = 0; i < N_DTYPES; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            *t = (enum dtype)i;
            return true;
        }
    return false;
}
