/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random
 * Numbers: As Easy as 1, 2, 3", SC 2011). A draw is a pure function of a key and a counter: there
 * is no generator state, so results do not depend on threads, order or what else was drawn. */
#ifndef NN_BASE_RNG_H
#define NN_BASE_RNG_H

#include <stdint.h>

struct rng_key { uint32_t k[2]; };
struct rng_block { uint32_t v[4]; };

/* The key of a stream: the seed, the 64-bit hash of the drawing node's path, and the domain and
 * step it is drawn for. */
struct rng_key rng_key_make(uint64_t seed, uint64_t path_hash, uint64_t step);

static inline struct rng_block rng_philox(struct rng_key key, uint64_t counter_low,
                                          uint64_t counter_high) {
    uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
    uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
    uint32_t k0 = key.k[0], k1 = key.k[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1, c3 = (uint32_t)p0, c0 = n0, c2 = n2;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return (struct rng_block){{c0, c1, c2, c3}};
}

/* [0, 1) from the 24 high bits; (0, 1] is 1 - that. */
static inline float rng_uniform_f32(uint32_t bits) { return (float)(bits >> 8) * 0x1p-24f; }
static inline double rng_uniform_f64(uint32_t high, uint32_t low) {
    return (double)(((uint64_t)high << 21) ^ (low >> 11)) * 0x1p-53;
}

/* An unbiased integer in [0, n), for shuffles: `counter` must not be reused within the key. */
uint64_t rng_below(struct rng_key key, uint64_t counter, uint64_t n);

#endif
