/* Keys and bounded integers for the counter-based generator of rng.h. */
#include "base/rng.h"

/* The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014): a bijection in which every input bit reaches every output bit. */
static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct rng_key rng_key_make(uint64_t seed, uint64_t path_hash, uint64_t step) {
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    /* One round an argument, with a constant between: swapped or zero arguments give other keys. */
    uint64_t z = mix(seed + golden);
    z = mix((z ^ path_hash) + golden);
    z = mix((z ^ step) + golden);
    return (struct rng_key){{(uint32_t)z, (uint32_t)(z >> 32)}};
}

/* Lemire: "Fast random integer generation in an interval", TOMACS 2019. A rejected draw takes the
 * next high counter. */
uint64_t rng_below(struct rng_key key, uint64_t counter, uint64_t n) {
    if (n == 0)
        return 0;
    uint64_t reject_below = -n % n;
    for (uint64_t attempt = 0;; attempt++) {
        struct rng_block b = rng_philox(key, counter, attempt);
        uint64_t bits = (uint64_t)b.v[1] << 32 | b.v[0];
        unsigned __int128 product = (unsigned __int128)bits * n;
        if ((uint64_t)product >= reject_below)
            return (uint64_t)(product >> 64);
    }
}
