/* Elementwise ops: the gradients and the loops that the rows of ops.def spell out, and the two
 * elementwise ops whose operands differ in dtype, where and cast. How the loops run over
 * broadcast operands, and several in one pass, is fused.c. */
#include <stddef.h>

#include "ops/ops.h"

#ifdef OPS_RULES

/* inputs: as many as the op has. NULL in, NULL out: something has been refused already. */
static struct node *append(struct build *b, enum op_id id, struct node *const *inputs) {
    int n = b->ops->op[id].n_inputs;
    for (int i = 0; i < n; i++)
        if (!inputs[i])
            return NULL;
    return build_op(b, id, inputs, n, NULL, NULL, NULL);
}

#define NONE       NULL
#define K(value)   build_scalar(c->b, c->node->dtype, value)
#define B(op, ...) append(c->b, OP_##op, (struct node *const[]){__VA_ARGS__})
#define NAMES_OF_ROWS                                                                              \
    struct node *const g = c->dy, *const r = c->node, *const x = c->node->in[0];                   \
    (void)g, (void)r, (void)x;

#define EW1(id, domain, kernel, gradient, summary)                                                 \
    void id##_gradient(struct gradient_call *c) {                                                  \
        NAMES_OF_ROWS                                                                              \
        if (c->need[0])                                                                            \
            c->dx[0] = gradient;                                                                   \
    }
#define EW2(id, domain, kernel, gx, gy, summary)                                                   \
    void id##_gradient(struct gradient_call *c) {                                                  \
        NAMES_OF_ROWS                                                                              \
        struct node *const y = c->node->in[1];                                                     \
        (void)y;                                                                                   \
        if (c->need[0])                                                                            \
            c->dx[0] = gx;                                                                         \
        if (c->need[1])                                                                            \
            c->dx[1] = gy;                                                                         \
    }
#define CMP2(id, kernel, summary)
#define OP(id, shape, gradient, trait, signature, summary)
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP

bool where_shape(struct shape_call *c) { return shape_broadcast(c); }

void where_gradient(struct gradient_call *c) {
    struct node *condition = c->node->in[0];
    if (c->need[1])
        c->dx[1] = B(where, condition, c->dy, K(0));
    if (c->need[2])
        c->dx[2] = B(where, condition, K(0), c->dy);
}

bool cast_shape(struct shape_call *c) {
    c->out = c->in[0];
    c->out_dtype = c->attr[0].dtype;
    return true;
}

void cast_gradient(struct gradient_call *c) {
    enum dtype from = c->node->in[0]->dtype;
    if (c->need[0] && dtype_is_float(from) && dtype_is_float(c->node->dtype))
        c->dx[0] = build_cast(c->b, c->dy, from);
}

#endif

#ifdef OPS_KERNELS

#include "ops/elementwise.h"
#include "ops/math.h"

#define YES(...) __VA_ARGS__
#define NO(...)

#define T      float
#define WIDE   float
#define TAG    f32
#define IF_NUM YES
#define IF_FLT YES
#define IF_BIT NO
#include "ops/elementwise_loops.h"

#define T      double
#define WIDE   double
#define TAG    f64
#define IF_NUM YES
#define IF_FLT YES
#define IF_BIT NO
#include "ops/elementwise_loops.h"

#define T      int32_t
#define WIDE   int64_t
#define TAG    i32
#define IF_NUM YES
#define IF_FLT NO
#define IF_BIT NO
#include "ops/elementwise_loops.h"

__extension__ typedef __int128 wide_i64;
#define T      int64_t
#define WIDE   wide_i64
#define TAG    i64
#define IF_NUM YES
#define IF_FLT NO
#define IF_BIT NO
#include "ops/elementwise_loops.h"

#define T      uint8_t
#define WIDE   int
#define TAG    u8
#define IF_NUM YES
#define IF_FLT NO
#define IF_BIT NO
#include "ops/elementwise_loops.h"

#define T      uint8_t
#define WIDE   int
#define TAG    b8
#define IF_NUM NO
#define IF_FLT NO
#define IF_BIT YES
#include "ops/elementwise_loops.h"

static ew_loop_function *const *const loops_of[N_DTYPES] = {
    [DTYPE_F32] = ew_loops_f32, [DTYPE_F64] = ew_loops_f64, [DTYPE_I32] = ew_loops_i32,
    [DTYPE_I64] = ew_loops_i64, [DTYPE_U8] = ew_loops_u8,   [DTYPE_BOOL] = ew_loops_b8,
};

/* Chooses bytes, whatever they mean; by masks, because both operands may be read. */
#define WHERE(T, tag)                                                                              \
    static void where_##tag(int64_t n, void *out, const void *const *in) {                         \
        T *r = out;                                                                                \
        const uint8_t *condition = in[0];                                                          \
        const T *x = in[1], *y = in[2];                                                            \
        INDEPENDENT                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T mask = (T) - (T)(condition[i] != 0);                                           \
            r[i] = (T)((x[i] & mask) | (y[i] & (T)~mask));                                         \
        }                                                                                          \
    }
WHERE(uint8_t, 1)
WHERE(uint32_t, 4)
WHERE(uint64_t, 8)
#undef WHERE

static ew_loop_function *find_where(enum dtype t) {
    size_t bytes = dtype_bytes(t);
    return bytes == 1 ? where_1 : bytes == 4 ? where_4 : where_8;
}

#define CAST(from, From, to, To, expression)                                                       \
    static void cast_##from##_##to(int64_t n, void *out, const void *const *in) {                  \
        To *r = out;                                                                               \
        const From *a = in[0];                                                                     \
        INDEPENDENT                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const From x = a[i];                                                                   \
            r[i] = (To)(expression);                                                               \
        }                                                                                          \
    }
/* Cut towards zero, held to the range of the whole numbers; NaN gives 0. `above` is the first
 * float too large, and `below` the last too small to be cut into the range, or its least number. */
#define CUT(To, above, most, below, least)                                                         \
    (x >= (above) ? (most) : x > (below) ? (To)x : x == x ? (least) : (To)0)
#define CASTS_OF_FLOAT(from, From)                                                                 \
    CAST(from, From, F32, float, x)                                                                \
    CAST(from, From, F64, double, x)                                                               \
    CAST(from, From, I32, int32_t,                                                                 \
         CUT(int32_t, (From)0x1p31, INT32_MAX, (From)-0x1p31, INT32_MIN))                          \
    CAST(from, From, I64, int64_t,                                                                 \
         CUT(int64_t, (From)0x1p63, INT64_MAX, (From)-0x1p63, INT64_MIN))                          \
    CAST(from, From, U8, uint8_t, CUT(uint8_t, (From)256, (uint8_t)255, (From)-1, (uint8_t)0))     \
    CAST(from, From, BOOL, uint8_t, x != 0)
#define CASTS_OF_INTEGER(from, From)                                                               \
    CAST(from, From, F32, float, x)                                                                \
    CAST(from, From, F64, double, x)                                                               \
    CAST(from, From, I32, int32_t, x)                                                              \
    CAST(from, From, I64, int64_t, x)                                                              \
    CAST(from, From, U8, uint8_t, x)                                                               \
    CAST(from, From, BOOL, uint8_t, x != 0)
CASTS_OF_FLOAT(F32, float)
CASTS_OF_FLOAT(F64, double)
CASTS_OF_INTEGER(I32, int32_t)
CASTS_OF_INTEGER(I64, int64_t)
CASTS_OF_INTEGER(U8, uint8_t)
CASTS_OF_INTEGER(BOOL, uint8_t)

#define CASTS_FROM(from)                                                                           \
    [DTYPE_##from] = {[DTYPE_F32] = cast_##from##_F32, [DTYPE_F64] = cast_##from##_F64,            \
                      [DTYPE_I32] = cast_##from##_I32, [DTYPE_I64] = cast_##from##_I64,            \
                      [DTYPE_U8] = cast_##from##_U8,   [DTYPE_BOOL] = cast_##from##_BOOL}
static ew_loop_function *const casts[N_DTYPES][N_DTYPES] = {
    CASTS_FROM(F32), CASTS_FROM(F64), CASTS_FROM(I32),
    CASTS_FROM(I64), CASTS_FROM(U8),  CASTS_FROM(BOOL),
};

/* Whole numbers have no quotient by 0, and no power below 0. Blocks without such an operand are
 * passed over in vectors. */
#define CHECK(id, T, tag, is_bad)                                                                  \
    static int64_t check_##id##_##tag(int64_t n, const void *operand, double *value) {             \
        const T *y = operand;                                                                      \
        int any = 0;                                                                               \
        for (int64_t i = 0; i < n; i++)                                                            \
            any |= y[i] is_bad;                                                                    \
        for (int64_t i = 0; any && i < n; i++)                                                     \
            if (y[i] is_bad) {                                                                     \
                *value = (double)y[i];                                                             \
                return i;                                                                          \
            }                                                                                      \
        return n;                                                                                  \
    }
CHECK(divisor, int32_t, I32, == 0)
CHECK(divisor, int64_t, I64, == 0)
CHECK(divisor, uint8_t, U8, == 0)
CHECK(exponent, int32_t, I32, < 0)
CHECK(exponent, int64_t, I64, < 0)
#undef CHECK

ew_check_function *KERNEL(ew_find_check)(enum op_id op, enum dtype in_dtype) {
    static ew_check_function *const divisors[N_DTYPES] = {[DTYPE_I32] = check_divisor_I32,
                                                          [DTYPE_I64] = check_divisor_I64,
                                                          [DTYPE_U8] = check_divisor_U8};
    static ew_check_function *const exponents[N_DTYPES] = {
        [DTYPE_I32] = check_exponent_I32, [DTYPE_I64] = check_exponent_I64};
    return op == OP_pow ? exponents[in_dtype] : divisors[in_dtype];
}

ew_loop_function *KERNEL(ew_find_loop)(enum op_id op, enum dtype in_dtype, enum dtype dtype) {
    if (op == OP_where)
        return find_where(dtype);
    if (op == OP_cast)
        return casts[in_dtype][dtype];
    return loops_of[in_dtype][op];
}

#endif
