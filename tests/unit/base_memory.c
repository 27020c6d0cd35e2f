/* Arena, arrays, interned strings. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/intern.h"
#include "unit.h"

static void arena_gives_zeroed_aligned_memory(void) {
    struct arena a = {0};
    size_t total = 0;
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = arena_alloc(&a, n);
        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        CU_ASSERT_EQUAL((uintptr_t)p % 16, 0);
        bool zero = true;
        for (size_t i = 0; i < n; i++)
            zero = zero && p[i] == 0;
        CU_ASSERT(zero);
        memset(p, 0xff, n);
        total += n;
    }
    CU_ASSERT_EQUAL(a.n_bytes, total);
    CU_ASSERT_EQUAL((uintptr_t)arena_alloc_aligned(&a, 10, 4096) % 4096, 0);
    unsigned char *big = arena_alloc(&a, (size_t)5 << 20);
    CU_ASSERT_EQUAL(big[((size_t)5 << 20) - 1], 0);
    arena_free(&a);
    CU_ASSERT_PTR_NULL(a.blocks);
    CU_ASSERT_EQUAL(a.n_bytes, 0);
}

static void big_requests_leave_the_small_block_in_use(void) {
    struct arena a = {0};
    char *first = arena_alloc(&a, 16);
    arena_alloc(&a, 1 << 20);
    char *second = arena_alloc(&a, 16);
    CU_ASSERT_PTR_EQUAL(second, first + 16);
    arena_free(&a);
}

static void arena_makes_texts(void) {
    struct arena a = {0};
    UNIT_TEXT(arena_strndup(&a, "abcdef", 3), "abc");
    UNIT_TEXT(arena_printf(&a, "%d-%s", 42, "x"), "42-x");
    arena_free(&a);
}

static void arrays_grow(void) {
    struct arena a = {0};
    ARRAY(int) in_arena = {0};
    ARRAY(double) on_heap = {0};
    for (int i = 0; i < 1000; i++) {
        array_push(&a, &in_arena, i);
        array_push(NULL, &on_heap, i * 0.5);
    }
    CU_ASSERT_EQUAL(in_arena.n, 1000);
    bool right = true;
    for (int i = 0; i < 1000; i++)
        right = right && in_arena.at[i] == i && on_heap.at[i] == i * 0.5;
    CU_ASSERT(right);
    array_free(&on_heap);
    arena_free(&a);
}

static void equal_texts_are_one(void) {
    struct arena a = {0};
    struct intern_table t = {.arena = &a};
    const char *names[500];
    for (int i = 0; i < 500; i++)
        names[i] = intern_string(&t, arena_printf(&a, "name%d", i));
    bool same = true;
    for (int i = 0; i < 500; i++)
        same = same && names[i] == intern_string(&t, arena_printf(&a, "name%d", i));
    CU_ASSERT(same);
    CU_ASSERT_EQUAL(t.n, 500);
    CU_ASSERT_PTR_EQUAL(intern_text(&t, "name12345", 6), names[12]);
    CU_ASSERT_PTR_NOT_EQUAL(intern_text(&t, "a\0b", 3), intern_text(&t, "a\0c", 3));
    CU_ASSERT_PTR_NOT_EQUAL(intern_text(&t, "a\0b", 3), intern_text(&t, "a", 1));
    UNIT_TEXT(intern_text(&t, NULL, 0), "");
    arena_free(&a);
}

/* The published test vectors of 64-bit FNV-1a: draws are keyed by this hash, so it may never
 * change. */
static void hash_is_fnv1a(void) {
    CU_ASSERT_EQUAL(hash_bytes("", 0, 0), UINT64_C(0xcbf29ce484222325));
    CU_ASSERT_EQUAL(hash_bytes("a", 1, 0), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(hash_bytes("foobar", 6, 0), UINT64_C(0x85944171f73967e8));
    CU_ASSERT_NOT_EQUAL(hash_bytes("foobar", 6, 1), hash_bytes("foobar", 6, 0));
}

void suite_base_memory(void) {
    unit_suite("base: memory");
    unit_test("the arena gives zeroed, aligned memory", arena_gives_zeroed_aligned_memory);
    unit_test("big requests leave the small block in use",
              big_requests_leave_the_small_block_in_use);
    unit_test("the arena makes texts", arena_makes_texts);
    unit_test("arrays grow", arrays_grow);
    unit_test("equal texts are one", equal_texts_are_one);
    unit_test("the hash is FNV-1a", hash_is_fnv1a);
}
