/* Philox against the known answers of the Random123 paper, keys and bounded integers. */
#include "base/rng.h"

#include "unit.h"

static void check_block(struct rng_block b, uint32_t v0, uint32_t v1, uint32_t v2, uint32_t v3) {
    CU_ASSERT_EQUAL(b.v[0], v0);
    CU_ASSERT_EQUAL(b.v[1], v1);
    CU_ASSERT_EQUAL(b.v[2], v2);
    CU_ASSERT_EQUAL(b.v[3], v3);
}

/* kat_vectors of Random123, rows `philox4x32 10`. */
static void philox_gives_the_known_answers(void) {
    check_block(rng_philox((struct rng_key){{0, 0}}, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c,
                0x9b00dbd8);
    check_block(rng_philox((struct rng_key){{0xffffffff, 0xffffffff}}, UINT64_MAX, UINT64_MAX),
                0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    check_block(rng_philox((struct rng_key){{0xa4093822, 0x299f31d0}}, UINT64_C(0x85a308d3243f6a88),
                           UINT64_C(0x0370734413198a2e)),
                0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
}

static bool same_key(struct rng_key a, struct rng_key b) {
    return a.k[0] == b.k[0] && a.k[1] == b.k[1];
}

static void keys_differ_in_every_argument(void) {
    struct rng_key k = rng_key_make(1, 2, 3);
    CU_ASSERT(same_key(k, rng_key_make(1, 2, 3)));
    CU_ASSERT_FALSE(same_key(k, rng_key_make(2, 1, 3)));
    CU_ASSERT_FALSE(same_key(k, rng_key_make(1, 3, 2)));
    CU_ASSERT_FALSE(same_key(k, rng_key_make(1, 2, 4)));
    CU_ASSERT_FALSE(same_key(rng_key_make(0, 0, 1), rng_key_make(0, 1, 0)));
    CU_ASSERT_FALSE(same_key(rng_key_make(0, 1, 0), rng_key_make(1, 0, 0)));
    /* One bit of the seed changes about half of the key's bits. */
    int n = 0;
    for (int bit = 0; bit < 64; bit++) {
        struct rng_key other = rng_key_make(1 ^ (UINT64_C(1) << bit), 2, 3);
        n += __builtin_popcount(k.k[0] ^ other.k[0]) + __builtin_popcount(k.k[1] ^ other.k[1]);
    }
    CU_ASSERT(n > 64 * 28 && n < 64 * 36);
}

static void bounded_integers_are_in_range_and_even(void) {
    struct rng_key key = rng_key_make(7, 0, 0);
    int counts[6] = {0};
    bool in_range = true;
    for (uint64_t i = 0; i < 60000; i++) {
        uint64_t v = rng_below(key, i, 6);
        in_range = in_range && v < 6;
        counts[v % 6]++;
    }
    CU_ASSERT(in_range);
    for (int i = 0; i < 6; i++)
        UNIT_NEAR(counts[i], 10000, 400); /* over four standard deviations */
    CU_ASSERT_EQUAL(rng_below(key, 0, 1), 0);
    CU_ASSERT_EQUAL(rng_below(key, 0, 0), 0);
    CU_ASSERT(rng_below(key, 5, UINT64_C(1) << 63 | 1) <= UINT64_C(1) << 63);
}

static void uniforms_stay_below_one(void) {
    CU_ASSERT(rng_uniform_f32(0xffffffff) < 1.0f);
    CU_ASSERT_EQUAL(rng_uniform_f32(0), 0.0f);
    CU_ASSERT(rng_uniform_f64(0xffffffff, 0xffffffff) < 1.0);
    CU_ASSERT_EQUAL(rng_uniform_f64(0, 0), 0.0);
    CU_ASSERT_EQUAL(rng_uniform_f64(0x80000000, 0), 0.5);
}

void suite_base_rng(void) {
    unit_suite("base: rng");
    unit_test("Philox gives the known answers", philox_gives_the_known_answers);
    unit_test("keys differ in every argument", keys_differ_in_every_argument);
    unit_test("bounded integers are in range and even", bounded_integers_are_in_range_and_even);
    unit_test("uniforms stay below one", uniforms_stay_below_one);
}
