/* Compiles and runs expressions for an accumulator; see fused_tree.h.
 *
 * Method: of two operands that are expressions themselves, one is computed first and put aside
 * into a stash (a tile in the first-level cache); a value just stored is still in the
 * accumulator; a product of two leaves that is added or subtracted becomes one multiply-add. An
 * operation costs one indirect jump for each tile of eight vectors. */
#include <assert.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/fused_tree.h"
#include "ops/vector.h"
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* clang unrolls such loops unasked, and complains when told to. */
#ifdef __clang__
#define UNROLL_ACC
#else
#define UNROLL_ACC UNROLL(8)
#endif

enum tree_code {
    TREE_end,
    TREE_load,
    TREE_load_scalar,
    TREE_store,
    TREE_product,
    TREE_product_scalar,
    TREE_muladd,
    TREE_muladd_scalar,
    TREE_mulsub,
    TREE_mulsub_scalar,
#define TREE1(id, op, expression)          TREE_##id,
#define TREE2(id, op, swapped, expression) TREE_##id, TREE_##id##_scalar,
#include "ops/fused_tree.def"
#undef TREE1
#undef TREE2
};
/* Accumulators of a tile: more would not fit into the registers of SSE and AVX2; fewer leave the
 * jumps in sight. */
enum { N_VECTORS = 8 };

/* How an op is done: with its first operand in the accumulator, or its second. 0: it cannot be. */
struct form {
    bool unary;
    uint8_t direct, swapped;
};
static const struct form forms[N_OPS + 1] = {
#define TREE1(id, op, expression)          [OP_##op] = {true, TREE_##id, 0},
#define TREE2(id, op, swapped, expression) FORM_##op(id, swapped)
#define FORM_NONE(id, swapped)
#define FORM(op, id, swapped)     [OP_##op] = {false, TREE_##id, TREE_##swapped},
#define FORM_add(id, swapped)     FORM(add, id, swapped)
#define FORM_sub(id, swapped)     FORM(sub, id, swapped)
#define FORM_mul(id, swapped)     FORM(mul, id, swapped)
#define FORM_div(id, swapped)     FORM(div, id, swapped)
#define FORM_maximum(id, swapped) FORM(maximum, id, swapped)
#define FORM_minimum(id, swapped) FORM(minimum, id, swapped)
#include "ops/fused_tree.def"
#undef TREE1
#undef TREE2
};

bool KERNEL(tree_takes)(const struct ew_instruction *in) {
    return dtype_is_float(in->dtype) && in->in_dtype == in->dtype && forms[in->op].direct;
}

struct compiler {
    struct tree *t;
    const struct ew_program *p;
    const bool *absorbed, *scalar;
    int held;      /* the value that the accumulator holds, or NOTHING */
    int n_stashes; /* in use */
};
enum { NOTHING = INT16_MIN };

static void emit(struct compiler *c, int op, int a, int b) {
    assert(c->t->n_code < TREE_CODE);
    c->t->code[c->t->n_code++] = (struct tree_op){(uint8_t)op, (uint8_t)a, (uint8_t)b};
}

static int find_leaf(struct compiler *c, int value) {
    struct tree *t = c->t;
    for (int i = 0; i < t->n_leaves; i++)
        if (t->leaf[i] == value)
            return i;
    assert(t->n_leaves < TREE_LEAVES);
    t->leaf[t->n_leaves] = (int16_t)value;
    t->scalar[t->n_leaves] = value >= 0 && c->scalar[value];
    return t->n_leaves++;
}

/* The instruction that makes a value within this expression, or NULL for a leaf. */
static const struct ew_instruction *inner(const struct compiler *c, int value) {
    int k = value - c->p->n_in;
    return k >= 0 && k < c->p->n_instructions && c->absorbed[k] ? &c->p->at[k] : NULL;
}

/* Op codes of scalar operands follow those of tensors. */
static void emit_operand(struct compiler *c, int op, int value) {
    int leaf = find_leaf(c, value);
    emit(c, op + c->t->scalar[leaf], leaf, 0);
}

static void compile_instruction(struct compiler *c, const struct ew_instruction *in);

static void compile_value(struct compiler *c, int value) {
    const struct ew_instruction *in = inner(c, value);
    if (in)
        compile_instruction(c, in);
    else if (c->held != value)
        emit_operand(c, TREE_load, value);
    c->held = NOTHING;
}

/* x * y of two leaves, not both scalars: one operation computes it, or adds it to the
 * accumulator. */
static bool is_product(const struct compiler *c, const struct ew_instruction *in) {
    if (!in || in->op != OP_mul || inner(c, in->operand[0]) || inner(c, in->operand[1]))
        return false;
    int x = in->operand[0], y = in->operand[1];
    return !(c->scalar[x] && c->scalar[y]);
}

static void emit_product(struct compiler *c, int op, const struct ew_instruction *in) {
    int x = find_leaf(c, in->operand[0]), y = find_leaf(c, in->operand[1]);
    bool swap = c->t->scalar[x];
    emit(c, op + (c->t->scalar[x] || c->t->scalar[y]), swap ? y : x, swap ? x : y);
}

static void compile_instruction(struct compiler *c, const struct ew_instruction *in) {
    struct form f = forms[in->op];
    int x = in->operand[0], y = in->operand[1];
    if (f.unary) {
        compile_value(c, x);
        emit(c, f.direct, 0, 0);
    } else if (is_product(c, in) && c->held != x) {
        emit_product(c, TREE_product, in);
    } else if ((in->op == OP_add || in->op == OP_sub) && is_product(c, inner(c, y))) {
        compile_value(c, x);
        emit_product(c, in->op == OP_add ? TREE_muladd : TREE_mulsub, inner(c, y));
    } else if (in->op == OP_add && is_product(c, inner(c, x))) {
        compile_value(c, y);
        emit_product(c, TREE_muladd, inner(c, x));
    } else if (!inner(c, y)) {
        compile_value(c, x);
        emit_operand(c, f.direct, y);
    } else {
        compile_value(c, y);
        if (!inner(c, x)) {
            emit_operand(c, f.swapped, x);
            return;
        }
        int stash = -1 - c->n_stashes++;
        assert(c->n_stashes <= TREE_STASHES);
        emit(c, TREE_store, find_leaf(c, stash), 0);
        compile_value(c, x);
        emit_operand(c, f.direct, stash);
        c->n_stashes--;
    }
}

bool KERNEL(tree_append)(struct tree *t, const struct ew_program *p, int root, const bool *absorbed,
                         const bool *scalar) {
    struct compiler c = {t, p, absorbed, scalar, NOTHING, 0};
    const struct ew_instruction *in = &p->at[root];
    if (t->n_code && t->dtype != in->dtype)
        return false;
    /* a load, a stash or a store besides each operation; a leaf more than operations, and the
     * value */
    if (t->n_code + 3 * TREE_SIZE > TREE_CODE ||
        t->n_leaves + TREE_SIZE + TREE_STASHES + 2 > TREE_LEAVES)
        return false;
    t->dtype = in->dtype;
    if (t->n_code) {
        /* what stands at the end is `store value, end`; the accumulator still holds the value */
        t->n_code--;
        c.held = t->leaf[t->code[t->n_code - 1].a];
    }
    compile_instruction(&c, in);
    emit(&c, TREE_store, find_leaf(&c, p->n_in + root), 0);
    emit(&c, TREE_end, 0, 0);
    return true;
}

#if VECTOR_BYTES == 64
#define SQRT_f32(x) ((vector_f32)_mm512_sqrt_ps((__m512)(x)))
#define SQRT_f64(x) ((vector_f64)_mm512_sqrt_pd((__m512d)(x)))
#elif VECTOR_BYTES == 32
#define SQRT_f32(x) ((vector_f32)_mm256_sqrt_ps((__m256)(x)))
#define SQRT_f64(x) ((vector_f64)_mm256_sqrt_pd((__m256d)(x)))
#elif defined(__x86_64__)
#define SQRT_f32(x) ((vector_f32)_mm_sqrt_ps((__m128)(x)))
#define SQRT_f64(x) ((vector_f64)_mm_sqrt_pd((__m128d)(x)))
#else
static inline vector_f32 SQRT_f32(vector_f32 x) {
    for (int i = 0; i < VECTOR_BYTES / 4; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
}
static inline vector_f64 SQRT_f64(vector_f64 x) {
    for (int i = 0; i < VECTOR_BYTES / 8; i++)
        x[i] = __builtin_sqrt(x[i]);
    return x;
}
#endif

/* Whole tiles; then single vectors; then single elements. */
#define T          float
#define M          int32_t
#define LANES      (VECTOR_BYTES / (int)sizeof(T))
#define N_ACC      N_VECTORS
#define TILE(name) tile_##name##_f32
#define SQRT(x)    ((V)SQRT_f32(x))
#include "ops/fused_tile.h"
#define LANES      (VECTOR_BYTES / (int)sizeof(T))
#define N_ACC      1
#define TILE(name) one_##name##_f32
#define SQRT(x)    ((V)SQRT_f32(x))
#include "ops/fused_tile.h"
#define LANES      1
#define N_ACC      1
#define TILE(name) element_##name##_f32
#define SQRT(x)    ((V){__builtin_sqrtf((x)[0])})
#include "ops/fused_tile.h"
#undef T
#undef M

#define T          double
#define M          int64_t
#define LANES      (VECTOR_BYTES / (int)sizeof(T))
#define N_ACC      N_VECTORS
#define TILE(name) tile_##name##_f64
#define SQRT(x)    ((V)SQRT_f64(x))
#include "ops/fused_tile.h"
#define LANES      (VECTOR_BYTES / (int)sizeof(T))
#define N_ACC      1
#define TILE(name) one_##name##_f64
#define SQRT(x)    ((V)SQRT_f64(x))
#include "ops/fused_tile.h"
#define LANES      1
#define N_ACC      1
#define TILE(name) element_##name##_f64
#define SQRT(x)    ((V){__builtin_sqrt((x)[0])})
#include "ops/fused_tile.h"
#undef T
#undef M

void KERNEL(tree_run)(const struct tree *t, int64_t n, void *const *leaves) {
    char stash[TREE_STASHES * N_VECTORS * VECTOR_BYTES] __attribute__((aligned(64)));
    char *at[TREE_LEAVES];
    int64_t moves[TREE_LEAVES], bytes = t->dtype == DTYPE_F32 ? 4 : 8;
    for (int i = 0; i < t->n_leaves; i++) {
        bool is_stash = t->leaf[i] < 0;
        at[i] = is_stash ? stash + (-1 - t->leaf[i]) * N_VECTORS * VECTOR_BYTES : leaves[i];
        moves[i] = is_stash || t->scalar[i] ? 0 : -1;
    }
    int64_t vector = VECTOR_BYTES / bytes, tile = N_VECTORS * vector;
    int64_t tiled = n / tile * tile, vectored = n / vector * vector;
    if (t->dtype == DTYPE_F32) {
        tile_run_f32(t, 0, tiled, at, moves);
        one_run_f32(t, tiled, vectored, at, moves);
        element_run_f32(t, vectored, n, at, moves);
    } else {
        tile_run_f64(t, 0, tiled, at, moves);
        one_run_f64(t, tiled, vectored, at, moves);
        element_run_f64(t, vectored, n, at, moves);
    }
}

#endif
