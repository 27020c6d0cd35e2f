/* Blocks of Philox (base/rng.h) side by side, a counter a 64-bit lane: the same bits. In each lane
 * only the low half counts, so that the products need no masking.
 *
 * The product of low halves is one instruction which compilers do not find in the product of
 * 64-bit vectors, so it is named here. */
#ifndef NN_OPS_RANDOM_PHILOX_H
#define NN_OPS_RANDOM_PHILOX_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <string.h>

#include "base/rng.h"
#include "ops/vector.h"

typedef uint64_t vector_u64 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t loose_u64 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

/* Counters a call of philox_blocks: as many vectors as hide how long a product takes and leave
 * room in the registers. */
enum {
    PHILOX_LANES = VECTOR_BYTES / 8,
    PHILOX_VECTORS = VECTOR_BYTES == 64 ? 4 : 2,
    PHILOX_BLOCKS = PHILOX_LANES * PHILOX_VECTORS
};

ALWAYS_INLINE vector_u64 product_of_low(vector_u64 x, vector_u64 y) {
#if VECTOR_BYTES == 64
    return (vector_u64)_mm512_mul_epu32((__m512i)x, (__m512i)y);
#elif VECTOR_BYTES == 32
    return (vector_u64)_mm256_mul_epu32((__m256i)x, (__m256i)y);
#elif defined(__x86_64__)
    return (vector_u64)_mm_mul_epu32((__m128i)x, (__m128i)y);
#else
    return (x & 0xFFFFFFFFu) * (y & 0xFFFFFFFFu);
#endif
}

/* Lane l of the low, then of the high half of what two vectors give when their lanes take turns. */
#if VECTOR_BYTES == 64
#define LOW_TURNS  0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_TURNS 4, 12, 5, 13, 6, 14, 7, 15
#define NUMBERED   0, 1, 2, 3, 4, 5, 6, 7
#elif VECTOR_BYTES == 32
#define LOW_TURNS  0, 4, 1, 5
#define HIGH_TURNS 2, 6, 3, 7
#define NUMBERED   0, 1, 2, 3
#else
#define LOW_TURNS  0, 2
#define HIGH_TURNS 1, 3
#define NUMBERED   0, 1
#endif

/* Blocks block .. block + PHILOX_BLOCKS - 1, four words each. */
static void philox_blocks(struct rng_key key, uint64_t block, uint32_t *bits) {
    enum { ROUNDS = 10 };
    vector_u64 c0[PHILOX_VECTORS], c1[PHILOX_VECTORS], c2[PHILOX_VECTORS], c3[PHILOX_VECTORS];
    const vector_u64 m0 = (vector_u64){0} + 0xD2511F53u, m1 = (vector_u64){0} + 0xCD9E8D57u;
    uint32_t k0 = key.k[0], k1 = key.k[1];
    UNROLL(4)
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        c0[v] = (vector_u64){NUMBERED} + (block + (uint64_t)(v * PHILOX_LANES));
        c1[v] = c0[v] >> 32;
        c2[v] = c3[v] = (vector_u64){0};
    }
    UNROLL(10)
    for (int round = 0; round < ROUNDS; round++) {
        const vector_u64 key0 = (vector_u64){0} + k0, key1 = (vector_u64){0} + k1;
        UNROLL(4)
        for (int v = 0; v < PHILOX_VECTORS; v++) {
            vector_u64 p0 = product_of_low(m0, c0[v]), p1 = product_of_low(m1, c2[v]);
            c0[v] = (p1 >> 32) ^ c1[v] ^ key0;
            c2[v] = (p0 >> 32) ^ c3[v] ^ key1;
            c1[v] = p1, c3[v] = p0;
        }
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    UNROLL(4)
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        loose_u64 *to = (loose_u64 *)(bits + v * 4 * PHILOX_LANES);
        vector_u64 x = (c0[v] & 0xFFFFFFFFu) | c1[v] << 32, y = (c2[v] & 0xFFFFFFFFu) | c3[v] << 32;
        to[0] = __builtin_shufflevector(x, y, LOW_TURNS);
        to[1] = __builtin_shufflevector(x, y, HIGH_TURNS);
    }
}

#undef LOW_TURNS
#undef HIGH_TURNS
#undef NUMBERED

#endif
