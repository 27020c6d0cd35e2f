/* The plan cache and the keys of random draws. */
#include <stdlib.h>

#include "session/cache.h"
#include "session/draws.h"
#include "unit.h"

/* Nodes are only compared by address here. */
static struct node nodes[1000];

static struct request request_of(struct node **fetch, struct node **fed, struct tensor **value) {
    return (struct request){
        .kind = REQUEST_EVAL, .fetch = fetch, .n_fetch = 1, .fed = fed, .value = value, .n_fed = 1};
}

static struct tensor *vector(int64_t n) { return tensor_new(DTYPE_F32, 1, &n); }

static void finds_what_is_the_same(void) {
    struct plan_cache c = {0};
    struct node *fetch = &nodes[0], *fed = &nodes[1];
    struct tensor *three = vector(3), *other_three = vector(3), *four = vector(4);
    struct request r = request_of(&fetch, &fed, &three);
    CU_ASSERT_PTR_NULL(cache_find(&c, &r));
    struct compiled *plan = compiled_new();
    cache_add(&c, &r, plan);
    CU_ASSERT_PTR_EQUAL(cache_find(&c, &r), plan);
    r.value = &other_three;
    CU_ASSERT_PTR_EQUAL(cache_find(&c, &r), plan);
    r.value = &four;
    CU_ASSERT_PTR_NULL(cache_find(&c, &r));
    r.value = &three, r.training = true;
    CU_ASSERT_PTR_NULL(cache_find(&c, &r));
    r.training = false, fed = &nodes[2];
    CU_ASSERT_PTR_NULL(cache_find(&c, &r));
    cache_free(&c);
    tensor_unref(three), tensor_unref(other_three), tensor_unref(four);
}

static void forgets_with_the_node(void) {
    struct plan_cache c = {0};
    struct node *fetch = &nodes[0], *fed = &nodes[1];
    struct tensor *three = vector(3);
    struct request r = request_of(&fetch, &fed, &three);
    cache_add(&c, &r, compiled_new());
    for (int i = 2; i < 1000; i++)
        cache_forget(&c, &nodes[i]);
    CU_ASSERT_EQUAL(c.n, 1);
    cache_forget(&c, &nodes[1]);
    CU_ASSERT_EQUAL(c.n, 0);
    CU_ASSERT_PTR_NULL(cache_find(&c, &r));
    cache_free(&c);
    tensor_unref(three);
}

static void drops_the_least_recently_used(void) {
    struct plan_cache c = {0};
    struct tensor *three = vector(3);
    struct node *fetch, *fed = &nodes[999];
    struct request r = request_of(&fetch, &fed, &three);
    for (int i = 0; i < CACHE_PLANS + 1; i++) {
        fetch = &nodes[i];
        cache_add(&c, &r, compiled_new());
        fetch = &nodes[0];
        CU_ASSERT_PTR_NOT_NULL(cache_find(&c, &r));
    }
    CU_ASSERT_EQUAL(c.n, CACHE_PLANS);
    fetch = &nodes[1];
    CU_ASSERT_PTR_NULL(cache_find(&c, &r));
    fetch = &nodes[2];
    CU_ASSERT_PTR_NOT_NULL(cache_find(&c, &r));
    cache_free(&c);
    tensor_unref(three);
}

static void draws_count_by_path(void) {
    enum { N = 200 };
    struct draw_counts c = {0};
    static struct step steps[N];
    struct step *draws[N + 1];
    for (int i = 0; i < N; i++) {
        steps[i].call.draw.path = (uint64_t)i * 0x100000001u;
        draws[i] = &steps[i];
    }
    draws[N] = &steps[7]; /* one path drawn from twice in a run */
    struct plan p = {.draws = draws, .n_draws = N + 1};
    for (uint64_t run = 0; run < 3; run++) {
        draws_set(&c, &p, 42, DRAW_EVALUATION, 99);
        for (int i = 0; i <= N; i++) {
            CU_ASSERT_EQUAL(draws[i]->call.draw.seed, 42);
            CU_ASSERT_EQUAL(draws[i]->call.draw.step, (uint64_t)3 << 62 | run);
        }
        draws_advance(&c, &p);
    }
    /* a run that failed is drawn again the same */
    draws_set(&c, &p, 42, DRAW_EVALUATION, 0);
    draws_set(&c, &p, 42, DRAW_EVALUATION, 0);
    CU_ASSERT_EQUAL(steps[0].call.draw.step, (uint64_t)3 << 62 | 3);
    draws_set(&c, &p, 42, DRAW_TRAINING, 5);
    CU_ASSERT_EQUAL(steps[0].call.draw.step, (uint64_t)2 << 62 | 5);
    draws_set(&c, &p, 42, DRAW_INITIAL, 1);
    CU_ASSERT_EQUAL(steps[0].call.draw.step, (uint64_t)1 << 62 | 1);
    draws_free(&c);
}

void suite_session_cache(void) {
    unit_suite("session: plans and draws");
    unit_test("a demand finds the plan of one like it", finds_what_is_the_same);
    unit_test("a plan goes with a node it mentions", forgets_with_the_node);
    unit_test("of too many the least recently used goes", drops_the_least_recently_used);
    unit_test("evaluations are counted by path", draws_count_by_path);
}
