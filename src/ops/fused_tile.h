/* Runs a tree's code over elements [begin, end), a whole number of tiles; included once for each
 * kind of tile by fused_tree.c.
 *
 * T element type, M the whole numbers of its size, LANES elements of a vector, N_ACC
 * accumulators of a tile, TILE(name) a name made for this kind, SQRT(x) of a vector. */

typedef T TILE(vector) __attribute__((vector_size(LANES * sizeof(T))));
typedef M TILE(mask) __attribute__((vector_size(LANES * sizeof(T))));
typedef T TILE(loose)
    __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

#define V TILE(vector)
#define ZERO ((V){0})
#define CHOOSE(where, x, y) ((V)(((TILE(mask))(x) & (where)) | ((TILE(mask))(y) & ~(where))))
#define LOAD(p) ((V)((const TILE(loose) *)(p))[k])
/* Exact, also for -0 and NaN. */
#define SPREAD(p) (*(const T *)(p) - ZERO)
#define FOR_ACC UNROLL_ACC for (int k = 0; k < N_ACC; k++)
/* Each operation jumps to the next by itself: the processor learns the way through an
 * expression. */
#define NEXT                                                                                       \
    c++;                                                                                           \
    p = at[c->a] + (offset & moves[c->a]);                                                         \
    goto *labels[c->op]
#define SECOND_LEAF (at[c->b] + (offset & moves[c->b]))

/* moves[i] is -1, or 0 for leaves that stay where they are. */
static void TILE(run)(const struct tree *t, int64_t begin, int64_t end, char *const *at,
                      const int64_t *moves) {
    static const void *const labels[] = {
        [TREE_end] = &&end,
        [TREE_load] = &&load,
        [TREE_load_scalar] = &&load_scalar,
        [TREE_store] = &&store,
        [TREE_product] = &&product,
        [TREE_product_scalar] = &&product_scalar,
        [TREE_muladd] = &&muladd,
        [TREE_muladd_scalar] = &&muladd_scalar,
        [TREE_mulsub] = &&mulsub,
        [TREE_mulsub_scalar] = &&mulsub_scalar,
#define TREE1(id, op, expression) [TREE_##id] = &&id,
#define TREE2(id, op, swapped, expression)                                                         \
    [TREE_##id] = &&id, [TREE_##id##_scalar] = &&id##_scalar,
#include "ops/fused_tree.def"
#undef TREE1
#undef TREE2
    };
    for (int64_t i = begin; i < end; i += N_ACC * LANES) {
        const int64_t offset = i * (int64_t)sizeof(T);
        const struct tree_op *c = t->code - 1;
        char *p;
        V acc[N_ACC];
        FOR_ACC acc[k] = ZERO;
        NEXT;
    load:
        FOR_ACC acc[k] = LOAD(p);
        NEXT;
    load_scalar: {
        const V o = SPREAD(p);
        FOR_ACC acc[k] = o;
        NEXT;
    }
    store:
        FOR_ACC ((TILE(loose) *)p)[k] = acc[k];
        NEXT;
    product: {
        const char *q = SECOND_LEAF;
        FOR_ACC acc[k] = LOAD(p) * LOAD(q);
        NEXT;
    }
    product_scalar: {
        const V o = SPREAD(SECOND_LEAF);
        FOR_ACC acc[k] = LOAD(p) * o;
        NEXT;
    }
    muladd: {
        const char *q = SECOND_LEAF;
        FOR_ACC acc[k] += LOAD(p) * LOAD(q);
        NEXT;
    }
    muladd_scalar: {
        const V o = SPREAD(SECOND_LEAF);
        FOR_ACC acc[k] += LOAD(p) * o;
        NEXT;
    }
    mulsub: {
        const char *q = SECOND_LEAF;
        FOR_ACC acc[k] -= LOAD(p) * LOAD(q);
        NEXT;
    }
    mulsub_scalar: {
        const V o = SPREAD(SECOND_LEAF);
        FOR_ACC acc[k] -= LOAD(p) * o;
        NEXT;
    }
#define TREE1(id, op, expression)                                                                  \
    id:                                                                                            \
        FOR_ACC {                                                                                  \
            const V a = acc[k];                                                                    \
            acc[k] = expression;                                                                   \
        }                                                                                          \
        NEXT;
#define TREE2(id, op, swapped, expression)                                                         \
    id:                                                                                            \
        FOR_ACC {                                                                                  \
            const V a = acc[k], o = LOAD(p);                                                       \
            acc[k] = expression;                                                                   \
        }                                                                                          \
        NEXT;                                                                                      \
    id##_scalar : {                                                                                \
        const V o = SPREAD(p);                                                                     \
        FOR_ACC {                                                                                  \
            const V a = acc[k];                                                                    \
            acc[k] = expression;                                                                   \
        }                                                                                          \
        NEXT;                                                                                      \
    }
#include "ops/fused_tree.def"
#undef TREE1
#undef TREE2
    end:;
    }
}

#undef NEXT
#undef SECOND_LEAF
#undef V
#undef ZERO
#undef CHOOSE
#undef LOAD
#undef SPREAD
#undef FOR_ACC
#undef TILE
#undef LANES
#undef N_ACC
#undef SQRT
