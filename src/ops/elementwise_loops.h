/* The loops of elementwise rows for one element type; included once a type by elementwise.c.
 *
 * T the element's C type, WIDE the type that the row's expression is computed in (wide enough
 * that sums and products of integers are defined, then cut), TAG as in math.h, IF_NUM, IF_FLT,
 * IF_BIT: whether rows of the domain have this type. */

#define ZERO ((WIDE)0)
#define ONE ((WIDE)1)

#define LOOP1(id, expression)                                                                      \
    static void OPS_PASTE(ew_##id, TAG)(int64_t n, void *out, const void *const *in) {             \
        T *r = out;                                                                                \
        const T *a = in[0];                                                                        \
        INDEPENDENT                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const WIDE x = a[i];                                                                   \
            r[i] = (T)(expression);                                                                \
        }                                                                                          \
    }
#define LOOP2(id, R, expression)                                                                   \
    static void OPS_PASTE(ew_##id, TAG)(int64_t n, void *out, const void *const *in) {             \
        R *r = out;                                                                                \
        const T *a = in[0], *b = in[1];                                                            \
        INDEPENDENT                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const WIDE x = a[i], y = b[i];                                                         \
            r[i] = (R)(expression);                                                                \
        }                                                                                          \
    }

#define EW1(id, domain, kernel, gradient, summary) IF_##domain(LOOP1(id, kernel))
#define EW2(id, domain, kernel, gx, gy, summary) IF_##domain(LOOP2(id, T, kernel))
#define CMP2(id, kernel, summary) LOOP2(id, uint8_t, kernel)
#define OP(id, shape, gradient, trait, signature, summary)
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP

static ew_loop_function *const OPS_PASTE(ew_loops, TAG)[N_OPS] = {
#define EW1(id, domain, kernel, gradient, summary) IF_##domain([OP_##id] = OPS_PASTE(ew_##id, TAG),)
#define EW2(id, domain, kernel, gx, gy, summary) IF_##domain([OP_##id] = OPS_PASTE(ew_##id, TAG),)
#define CMP2(id, kernel, summary) [OP_##id] = OPS_PASTE(ew_##id, TAG),
#define OP(id, shape, gradient, trait, signature, summary)
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
};

#undef LOOP1
#undef LOOP2
#undef ZERO
#undef ONE
#undef T
#undef WIDE
#undef TAG
#undef IF_NUM
#undef IF_FLT
#undef IF_BIT
