/* Assignments: whatever order the steps have, every value comes from what the variables held before
 * the run. */
#include "programs.h"
#include "unit.h"

#include <math.h>
#include <string.h>

static const int64_t FOUR[1] = {4};

struct variables {
    struct bench t;
    struct executor *e;
    struct node *a, *b, *c;
    double was_a, was_b, was_c; /* their first elements */
};

static void open_variables(struct variables *v) {
    bench_open(&v->t, 3);
    v->e = exec_new(1);
    v->a = bench_variable(&v->t, 1, FOUR);
    v->b = bench_variable(&v->t, 1, FOUR);
    v->c = bench_variable(&v->t, 1, FOUR);
    v->was_a = tensor_get(v->a->variable->value, 0);
    v->was_b = tensor_get(v->b->variable->value, 0);
    v->was_c = tensor_get(v->c->variable->value, 0);
}

static void close_variables(struct variables *v) {
    exec_free(v->e);
    bench_close(&v->t);
}

static void assign(struct variables *v, struct node *variable, struct node *value) {
    bench_root(&v->t, bench_assign(&v->t, variable, value), false);
}

static double held(const struct node *variable) { return tensor_get(variable->variable->value, 0); }

static int count_copies(const struct plan *p) {
    int n = 0;
    for (int i = 0; i < p->n_steps; i++)
        n += p->steps[i].nodes[0]->op->id == OP_assign ||
             p->steps[i].nodes[0]->op->id == OP_variable;
    return n;
}

/* Plans, runs, and looks at the number of copying steps and at what a, b, c hold. */
static void check(struct variables *v, int n_copies, double a, double b, double c) {
    struct plan *p = bench_plan(&v->t);
    struct run r = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_EQUAL(count_copies(p), n_copies);
    CU_ASSERT_FATAL(bench_run(&v->t, v->e, p, &r, NULL));
    UNIT_NEAR(held(v->a), a, 1e-6);
    UNIT_NEAR(held(v->b), b, 1e-6);
    UNIT_NEAR(held(v->c), c, 1e-6);
    close_variables(v);
}

static void updates_are_written_in_place(void) {
    struct variables v;
    open_variables(&v);
    struct build *b = v.t.b;
    assign(&v, v.a, build_2(b, OP_add, v.a, v.b));
    assign(&v, v.c, build_2(b, OP_mul, v.c, v.c));
    check(&v, 0, v.was_a + v.was_b, v.was_b, v.was_c * v.was_c);
}

static void a_swap_keeps_one_old_value(void) {
    struct variables v;
    open_variables(&v);
    assign(&v, v.a, v.b);
    assign(&v, v.b, v.a);
    check(&v, 3, v.was_b, v.was_a, v.was_c);
}

static void a_ring_of_three_keeps_one_old_value(void) {
    struct variables v;
    open_variables(&v);
    assign(&v, v.a, v.b);
    assign(&v, v.b, v.c);
    assign(&v, v.c, v.a);
    check(&v, 4, v.was_b, v.was_c, v.was_a);
}

static void a_chain_is_copied_in_order(void) {
    struct variables v;
    open_variables(&v);
    assign(&v, v.c, v.b);
    assign(&v, v.b, v.a);
    check(&v, 2, v.was_a, v.was_a, v.was_b);
}

static void a_swap_of_results_copies_one(void) {
    struct variables v;
    open_variables(&v);
    struct build *b = v.t.b;
    assign(&v, v.a, build_1(b, OP_neg, v.b));
    assign(&v, v.b, build_1(b, OP_neg, v.a));
    check(&v, 1, -v.was_b, -v.was_a, v.was_c);
}

static void a_value_for_two_variables_is_copied_once(void) {
    struct variables v;
    open_variables(&v);
    struct node *sum = build_2(v.t.b, OP_add, v.a, v.b);
    assign(&v, v.a, sum);
    assign(&v, v.b, sum);
    check(&v, 1, v.was_a + v.was_b, v.was_a + v.was_b, v.was_c);
}

static void results_go_through_a_buffer_while_others_read(void) {
    struct variables v;
    open_variables(&v);
    struct node *twice = build_2(v.t.b, OP_add, v.a, v.a);
    assign(&v, v.a, twice);
    assign(&v, v.b, build_2(v.t.b, OP_sub, twice, v.a)); /* reads both a's */
    check(&v, 1, 2 * v.was_a, v.was_a, v.was_c);
}

static void its_own_value_is_no_assignment(void) {
    struct variables v;
    open_variables(&v);
    assign(&v, v.a, v.a);
    assign(&v, v.b, build_1(v.t.b, OP_stop_gradient, v.b));
    check(&v, 0, v.was_a, v.was_b, v.was_c);
}

static void the_last_assignment_counts(void) {
    struct variables v;
    open_variables(&v);
    assign(&v, v.a, v.b);
    assign(&v, v.a, v.c);
    check(&v, 1, v.was_c, v.was_b, v.was_c);
}

static void leaves_can_be_assigned(void) {
    struct variables v;
    open_variables(&v);
    struct node *feed = bench_feed(&v.t, 1, FOUR), *constant = bench_constant(&v.t, 1, FOUR);
    const int64_t two[2] = {2, 2};
    struct shape square = shape_const(2, two), flat = shape_const(1, FOUR);
    struct node *renamed = build_reshape(v.t.b, build_reshape(v.t.b, v.a, &square), &flat);
    assign(&v, v.a, feed);
    assign(&v, v.b, constant);
    assign(&v, v.c, renamed);
    check(&v, 3, tensor_get(v.t.values.at[0], 0), tensor_get(constant->value, 0), v.was_a);
}

static void fetched_variables_are_as_before(void) {
    struct variables v;
    open_variables(&v);
    struct node *next = build_1(v.t.b, OP_neg, v.a), *done = bench_assign(&v.t, v.a, next);
    struct tensor *fetched[4];
    bench_root(&v.t, v.a, true);
    bench_root(&v.t, next, true);
    bench_root(&v.t, done, true); /* what an assign gives is the value; fetched, it still assigns */
    bench_root(&v.t, v.b, true);
    struct plan *p = bench_plan(&v.t);
    struct run r = {0};
    CU_ASSERT_FATAL(bench_run(&v.t, v.e, p, &r, fetched));
    UNIT_NEAR(tensor_get(fetched[0], 0), v.was_a, 0);
    UNIT_NEAR(tensor_get(fetched[1], 0), -v.was_a, 0);
    UNIT_NEAR(tensor_get(fetched[2], 0), -v.was_a, 0);
    UNIT_NEAR(tensor_get(fetched[3], 0), v.was_b, 0);
    UNIT_NEAR(held(v.a), -v.was_a, 0);
    unref_all(fetched, 4);
    close_variables(&v);
}

/* a <- a + x, with a check of x / b, which is not finite when b is 0. */
static struct plan *plan_with_check(struct variables *v) {
    struct build *b = v->t.b;
    struct node *x = bench_feed(&v->t, 1, FOUR);
    assign(v, v->a, build_2(b, OP_add, v->a, x));
    assign(v, v->c, v->b);
    bench_root(&v->t, build_1(b, OP_check_finite, build_2(b, OP_div, x, v->b)), false);
    return bench_plan(&v->t);
}

static void a_failing_check_changes_nothing(void) {
    struct variables v;
    open_variables(&v);
    struct plan *p = plan_with_check(&v);
    struct run r = {0};
    tensor_set(v.t.values.at[0], 2, NAN);
    CU_ASSERT_FALSE(bench_run(&v.t, v.e, p, &r, NULL));
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.failed);
    CU_ASSERT_EQUAL(r.failed->nodes[0]->op->id, OP_check_finite);
    CU_ASSERT_EQUAL(r.fault.element, 2);
    UNIT_NEAR(held(v.a), v.was_a, 0);
    UNIT_NEAR(held(v.c), v.was_c, 0);
    tensor_set(v.t.values.at[0], 2, 1);
    CU_ASSERT(bench_run(&v.t, v.e, p, &r, NULL));
    CU_ASSERT_PTR_NULL(r.failed);
    UNIT_NEAR(held(v.c), v.was_b, 0);
    close_variables(&v);
}

/* The checked result is assigned as well, and what is checked is computed from it by an op that
 * could fail. */
static void a_failing_check_of_the_new_value_changes_nothing(void) {
    struct variables v;
    struct tensor *fetched[1];
    open_variables(&v);
    struct build *b = v.t.b;
    struct node *next = build_2(b, OP_div, v.a, build_2(b, OP_sub, v.b, v.b));
    assign(&v, v.a, next);
    assign(&v, v.c, v.b);
    bench_root(&v.t, build_1(b, OP_check_finite, build_sum(b, next, 1, false)), false);
    struct plan *p = bench_plan(&v.t);
    struct run r = {0};
    CU_ASSERT_FALSE(bench_run(&v.t, v.e, p, &r, fetched));
    CU_ASSERT_PTR_NOT_NULL(r.failed);
    UNIT_NEAR(held(v.a), v.was_a, 0);
    UNIT_NEAR(held(v.c), v.was_c, 0);
    close_variables(&v);
}

static void an_interrupt_changes_nothing(void) {
    struct variables v;
    open_variables(&v);
    struct plan *p = plan_with_check(&v);
    volatile sig_atomic_t interrupted = 1;
    struct run r = {.interrupted = &interrupted};
    CU_ASSERT_FALSE(bench_run(&v.t, v.e, p, &r, NULL));
    CU_ASSERT(r.was_interrupted);
    UNIT_NEAR(held(v.a), v.was_a, 0);
    UNIT_NEAR(held(v.c), v.was_c, 0);
    close_variables(&v);
}

static void checked_numbers_put_variables_back(void) {
    struct variables v;
    open_variables(&v);
    assign(&v, v.b, build_1(v.t.b, OP_neg, v.b));
    assign(&v, v.c, build_1(v.t.b, OP_log, build_2(v.t.b, OP_sub, v.a, v.a))); /* log 0 */
    struct plan *p = bench_plan(&v.t);
    struct run r = {.check_numerics = true};
    CU_ASSERT_FALSE(bench_run(&v.t, v.e, p, &r, NULL));
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.failed);
    CU_ASSERT_EQUAL(r.failed->nodes[0]->op->id, OP_log);
    CU_ASSERT_EQUAL(r.fault.value, -INFINITY);
    UNIT_NEAR(held(v.b), v.was_b, 0);
    UNIT_NEAR(held(v.c), v.was_c, 0);
    close_variables(&v);
}

enum { MANY = 24 };

/* Results so far, and what they are. */
struct known {
    struct node *node[3 * MANY];
    double value[3 * MANY];
    int n;
};

static void know(struct known *k, struct node *node, double value) {
    k->node[k->n] = node;
    k->value[k->n++] = value;
}

/* Copies, negations and differences of many variables and of each other: rings, trees and chains of
 * every form. */
static void check_random_pattern(uint64_t seed) {
    struct bench t;
    struct executor *e = exec_new(1);
    struct known k = {.n = 0};
    double expected[MANY];
    bench_open(&t, seed);
    for (int i = 0; i < MANY; i++) {
        struct node *variable = bench_variable(&t, 1, FOUR);
        expected[i] = tensor_get(variable->variable->value, 0);
        know(&k, variable, expected[i]);
    }
    int n_results = bench_draw(&t, 2 * MANY), copies = bench_draw(&t, 4);
    for (int i = 0; i < n_results; i++) {
        int x = bench_draw(&t, k.n), y = bench_draw(&t, k.n);
        if (bench_draw(&t, 2))
            know(&k, build_1(t.b, OP_neg, k.node[x]), -k.value[x]);
        else
            know(&k, build_2(t.b, OP_sub, k.node[x], k.node[y]),
                 (float)k.value[x] - (float)k.value[y]);
    }
    for (int i = 0; i < MANY; i++) {
        int from = bench_draw(&t, bench_draw(&t, 4) < copies ? MANY : k.n);
        if (bench_draw(&t, 5) == 0)
            continue;
        expected[i] = k.value[from];
        bench_root(&t, bench_assign(&t, k.node[i], k.node[from]), false);
    }
    if (bench_draw(&t, 2))
        bench_group(&t);
    struct plan *p = bench_plan(&t);
    struct run r = {0};
    CU_ASSERT_FATAL(bench_run(&t, e, p, &r, NULL));
    for (int i = 0; i < MANY; i++)
        UNIT_NEAR(held(k.node[i]), expected[i], 0);
    exec_free(e);
    bench_close(&t);
}

static void random_patterns(void) {
    for (uint64_t seed = 0; seed < 1500; seed++)
        check_random_pattern(seed);
}

void suite_plan_assign(void) {
    unit_suite("plan: assignments");
    unit_test("updates are written in place", updates_are_written_in_place);
    unit_test("a swap keeps one old value", a_swap_keeps_one_old_value);
    unit_test("a ring of three keeps one old value", a_ring_of_three_keeps_one_old_value);
    unit_test("a chain is copied in order", a_chain_is_copied_in_order);
    unit_test("a swap of results copies one", a_swap_of_results_copies_one);
    unit_test("a value for two variables is copied once", a_value_for_two_variables_is_copied_once);
    unit_test("a buffer while others read", results_go_through_a_buffer_while_others_read);
    unit_test("its own value is no assignment", its_own_value_is_no_assignment);
    unit_test("the last assignment counts", the_last_assignment_counts);
    unit_test("leaves can be assigned", leaves_can_be_assigned);
    unit_test("fetched variables are as before", fetched_variables_are_as_before);
    unit_test("a failing check changes nothing", a_failing_check_changes_nothing);
    unit_test("a failing check of the new value changes nothing",
              a_failing_check_of_the_new_value_changes_nothing);
    unit_test("an interrupt changes nothing", an_interrupt_changes_nothing);
    unit_test("checked numbers put variables back", checked_numbers_put_variables_back);
    unit_test("random patterns", random_patterns);
}
