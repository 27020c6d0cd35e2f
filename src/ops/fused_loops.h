/* The loops of fused.def for one float type T (TAG as in math.h); included once a type by
 * fused.c. */

#define FUSED(id, comparison, expression)                                                          \
    static void OPS_PASTE(fused_##id, TAG)(int64_t n, void *out, const void *const *in) {          \
        T *r = out;                                                                                \
        const T *a = in[0], *b = in[1], *c = in[2], *d = in[3];                                    \
        INDEPENDENT                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T x = a[i], y = b[i], z = c[i], w = d[i];                                        \
            r[i] = (expression);                                                                   \
        }                                                                                          \
    }
#include "ops/fused.def"
#undef FUSED

#undef T
#undef TAG
