/* Runs at the edges: nothing to do, nothing in it, too much memory, plans that take turns,
 * traces. */
#include "programs.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t THREE[1] = {3}, NONE[2] = {0, 3};

static void leaves_are_fetched_without_steps(void) {
    struct bench t;
    struct tensor *fetched[4];
    struct run r = {0};
    bench_open(&t, 1);
    struct node *c = bench_constant(&t, 1, THREE), *v = bench_variable(&t, 1, THREE);
    struct node *x = bench_feed(&t, 1, THREE);
    bench_root(&t, c, true);
    bench_root(&t, v, true);
    bench_root(&t, x, true);
    bench_root(&t, build_1(t.b, OP_stop_gradient, x), true);
    struct plan *p = bench_plan(&t);
    struct executor *e = exec_new(2);
    CU_ASSERT_EQUAL(p->n_steps, 0);
    CU_ASSERT_FATAL(bench_run(&t, e, p, &r, fetched));
    CU_ASSERT(same_bits(fetched[0], c->value));
    CU_ASSERT(same_bits(fetched[1], v->variable->value));
    CU_ASSERT(same_bits(fetched[2], t.values.at[0]));
    CU_ASSERT(same_bits(fetched[3], t.values.at[0]));
    unref_all(fetched, 4);
    exec_free(e);
    bench_close(&t);
}

static void empty_tensors(void) {
    struct bench t;
    struct tensor *fetched[3];
    struct run r = {.check_numerics = true};
    bench_open(&t, 1);
    struct node *x = bench_feed(&t, 2, NONE), *w = bench_variable(&t, 2, (const int64_t[]){3, 2});
    struct node *e0 = bench_variable(&t, 2, NONE);
    bench_root(&t, build_2(t.b, OP_matmul, build_1(t.b, OP_tanh, x), w), true);
    bench_root(&t, build_sum(t.b, x, 3, false), true);
    bench_root(&t, x, true);
    bench_root(&t, bench_assign(&t, e0, build_1(t.b, OP_neg, x)), false);
    struct plan *p = bench_plan(&t);
    struct executor *e = exec_new(2);
    struct step_trace trace[8];
    CU_ASSERT_FATAL(p->n_steps <= 8);
    r.trace = trace;
    CU_ASSERT_FATAL(bench_run(&t, e, p, &r, fetched));
    CU_ASSERT_EQUAL(fetched[0]->n_elements, 0);
    UNIT_NEAR(tensor_get(fetched[1], 0), 0, 0);
    CU_ASSERT_EQUAL(fetched[2]->n_elements, 0);
    unref_all(fetched, 3);
    exec_free(e);
    bench_close(&t);
}

/* As a feed of which only the shape was seen. */
static struct node *huge_feed(struct bench *t, int64_t side) {
    const int64_t dim[2] = {side, 1}, one[2] = {1, 1};
    struct shape s = shape_const(2, dim);
    struct node *x = bench_feed(t, 2, one);
    t->fed.at[0] = build_placeholder(t->b, x->name, DTYPE_F32, &s, NULL);
    return t->fed.at[0];
}

static void too_much_memory(void) {
    struct bench t;
    struct run r = {0};
    struct tensor *fetched[1];
    bench_open(&t, 1);
    struct node *x = huge_feed(&t, (int64_t)1 << 46); /* 256 TiB of floats: more than addresses */
    struct node *y = build_sum(
        t.b, build_2(t.b, OP_matmul, x, bench_variable(&t, 2, (const int64_t[]){1, 1})), 3, false);
    bench_root(&t, y, true);
    struct plan *p = bench_plan(&t);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    struct executor *e = exec_new(1);
    CU_ASSERT_FALSE(bench_run(&t, e, p, &r, fetched));
    CU_ASSERT(r.out_of_memory);
    CU_ASSERT_PTR_NULL(r.failed);
    CU_ASSERT_PTR_NULL(fetched[0]);
    exec_free(e);
    bench_close(&t);
}

static void sizes_beyond_counting(void) {
    struct bench t;
    bench_open(&t, 1);
    bench_root(&t, build_1(t.b, OP_tanh, huge_feed(&t, INT64_MAX / 2)), true);
    CU_ASSERT_PTR_NULL(bench_plan(&t));
    bench_close(&t);
}

static void open_chain(struct bench *t, int64_t n) {
    bench_open(t, (uint64_t)n);
    struct node *x = bench_feed(t, 1, &n);
    bench_root(t, build_2(t->b, OP_mul, build_1(t->b, OP_tanh, x), x), true);
    bench_root(t, build_1(t->b, OP_neg, x), true);
}

/* Plans of growing size in turns: the slab moves, feeds change. */
static void plans_take_turns(void) {
    enum { N = 4 };
    struct bench t[N];
    struct plan *p[N];
    struct executor *e = exec_new(2);
    for (int i = 0; i < N; i++) {
        open_chain(&t[i], 1000 << (3 * i));
        p[i] = bench_plan(&t[i]);
    }
    for (int round = 0; round < 12; round++) {
        struct bench *b = &t[round * 5 % 3 + (round > 6)];
        struct plan *plan = p[round * 5 % 3 + (round > 6)];
        struct tensor *fetched[2], *expected[2];
        struct run r = {0};
        tensor_set(b->values.at[0], round, round * 0.1);
        if (round % 2) { /* another tensor of the same shape */
            struct tensor *other = tensor_copy(b->values.at[0]);
            tensor_unref(b->values.at[0]);
            b->values.at[0] = other;
        }
        bench_evaluate(b, expected, NULL);
        CU_ASSERT_FATAL(bench_run(b, e, plan, &r, fetched));
        for (int i = 0; i < 2; i++)
            CU_ASSERT(same_bits(fetched[i], expected[i]));
        unref_all(fetched, 2);
        unref_all(expected, 2);
    }
    exec_free(e);
    for (int i = 0; i < N; i++)
        bench_close(&t[i]);
}

/* A kernel made for the test: units write their number all over the scratch, twice, and look in
 * between. */
enum { SCRATCH_BYTES = 30000, N_UNITS = 64 };
struct scratch_test {
    int n_spoilt[N_UNITS];
    int n_done; /* units of the first phase, counted by each unit of the second */
};

static void scratch_prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)c, (void)a;
    *w = (struct kernel_work){.n_phases = 2, .scratch_bytes = SCRATCH_BYTES};
    for (int p = 0; p < 2; p++)
        w->units[p] = N_UNITS, w->cost[p] = 1e9;
}

static void scratch_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                        void *scratch) {
    struct scratch_test *t = (struct scratch_test *)c->geometry;
    unsigned char *s = scratch;
    for (int64_t i = begin; i < end; i++) {
        for (int round = 0; round < 20; round++) {
            memset(s, (int)i, SCRATCH_BYTES);
            for (int k = 0; k < SCRATCH_BYTES; k++)
                t->n_spoilt[i] += s[k] != i;
        }
        if (phase == 0)
            __atomic_fetch_add(&t->n_done, 1, __ATOMIC_RELAXED);
        else
            t->n_spoilt[i] += __atomic_load_n(&t->n_done, __ATOMIC_RELAXED) != N_UNITS;
    }
}

static void workers_have_scratch_of_their_own(void) {
    static const struct kernel kernel = {scratch_prepare, scratch_run};
    struct scratch_test test = {.n_done = 0};
    struct step step = {.kernel = &kernel, .call = {.geometry = &test}};
    struct plan p = {.steps = &step, .n_steps = 1, .first_write = 1};
    struct run r = {0};
    struct executor *e = exec_new(3);
    kernel.prepare(&step.call, &step.work, NULL);
    p.scratch_bytes = step.work.scratch_bytes;
    CU_ASSERT(exec_run(e, &p, &r));
    for (int i = 0; i < N_UNITS; i++)
        CU_ASSERT_EQUAL(test.n_spoilt[i], 0);
    exec_free(e);
}

static void traces_say_time_and_range(void) {
    struct bench t;
    struct tensor *fetched[1];
    struct step_trace trace[2];
    struct run r = {.trace = trace};
    char *text = NULL;
    size_t n;
    bench_open(&t, 1);
    struct node *x = bench_feed(&t, 1, THREE);
    bench_root(&t, build_1(t.b, OP_log, build_1(t.b, OP_neg, x)), true);
    for (int i = 0; i < 3; i++)
        tensor_set(t.values.at[0], i, i == 0 ? 0 : -i);
    struct plan *p = bench_plan(&t);
    struct executor *e = exec_new(1);
    CU_ASSERT_FATAL(bench_run(&t, e, p, &r, fetched));
    UNIT_NEAR(trace[0].min, 0, 0);
    UNIT_NEAR(trace[0].max, 2, 0);
    CU_ASSERT(trace[0].finite && trace[0].seconds >= 0);
    CU_ASSERT_FALSE(trace[1].finite);
    FILE *out = open_memstream(&text, &n);
    exec_dump_trace(p, &r, NULL, out);
    fclose(out);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "s0 neg "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "NOT FINITE"));
    free(text);
    unref_all(fetched, 1);
    exec_free(e);
    bench_close(&t);
}

void suite_exec_run(void) {
    unit_suite("exec: runs");
    unit_test("leaves are fetched without steps", leaves_are_fetched_without_steps);
    unit_test("empty tensors", empty_tensors);
    unit_test("too much memory", too_much_memory);
    unit_test("sizes beyond counting", sizes_beyond_counting);
    unit_test("plans take turns", plans_take_turns);
    unit_test("workers have scratch of their own", workers_have_scratch_of_their_own);
    unit_test("traces say time and range", traces_say_time_and_range);
}
