/* Random programs, planned and run, against the same nodes evaluated one by one in storage of their
 * own. */
#include "opt/opt.h"
#include "programs.h"
#include "unit.h"

enum { SIDE = 6, MAX_THREADS = 3, MAX_ROOTS = 32 };

/* Nodes of three forms, [6,6], [6] and scalars, that random ops combine. */
struct soup {
    struct bench t;
    ARRAY(struct node *) square, row, scalar;
};

static struct node *pick(struct soup *s, int form) {
    switch (form) {
    case 0:
        return s->square.at[bench_draw(&s->t, s->square.n)];
    case 1:
        return s->row.at[bench_draw(&s->t, s->row.n)];
    default:
        return s->scalar.at[bench_draw(&s->t, s->scalar.n)];
    }
}

static void add(struct soup *s, struct node *n) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    if (n->shape.rank == 2)
        array_push(&s->t.arena, &s->square, n);
    else if (n->shape.rank == 1)
        array_push(&s->t.arena, &s->row, n);
    else
        array_push(&s->t.arena, &s->scalar, n);
}

static void soup_open(struct soup *s, uint64_t seed) {
    *s = (struct soup){0};
    bench_open(&s->t, seed);
    const int64_t dim[2] = {SIDE, SIDE};
    for (int i = 0; i < 3; i++) {
        add(s, bench_feed(&s->t, 2, dim));
        add(s, bench_variable(&s->t, 2, dim));
        add(s, bench_variable(&s->t, 1, dim));
        add(s, bench_variable(&s->t, 0, dim));
    }
    add(s, bench_constant(&s->t, 1, dim));
    add(s, bench_feed(&s->t, 1, dim));
    add(s, bench_constant(&s->t, 0, dim));
}

/* Through another shape and back: alias upon alias. */
static struct node *renamed(struct soup *s, struct node *n) {
    const int64_t flat[1] = {SIDE * SIDE}, square[2] = {SIDE, SIDE};
    if (n->shape.rank != 2)
        return build_1(s->t.b, OP_stop_gradient, n);
    struct shape to = shape_const(1, flat), back = shape_const(2, square);
    return build_reshape(s->t.b, build_reshape(s->t.b, n, &to), &back);
}

/* One storage under two shapes in one op. */
static struct node *outer_sum(struct soup *s) {
    const int64_t column[2] = {SIDE, 1};
    struct shape to = shape_const(2, column);
    struct node *x = pick(s, 1);
    return build_1(s->t.b, OP_tanh, build_2(s->t.b, OP_sub, x, build_reshape(s->t.b, x, &to)));
}

static struct node *random_node(struct soup *s) {
    struct build *b = s->t.b;
    int form = bench_draw(&s->t, 3);
    struct node *x = pick(s, form), *y = pick(s, form + bench_draw(&s->t, 3 - form));
    switch (bench_draw(&s->t, 12)) {
    case 0:
        return build_2(b, OP_add, x, y);
    case 1:
        return build_2(b, OP_mul, y, x);
    case 2:
        return build_1(b, OP_tanh, x);
    case 3:
        return build_2(b, OP_maximum, x, y);
    case 4:
        return build_3(b, OP_where, build_2(b, OP_greater, x, y), y, x);
    case 5:
        return build_2(b, OP_sub, x, build_cast(b, build_2(b, OP_less, x, y), DTYPE_F32));
    case 6:
        return build_1(b, OP_tanh, build_2(b, OP_matmul, pick(s, 0), pick(s, 0)));
    case 7:
        return build_1(b, OP_tanh, build_sum(b, pick(s, 0), 1u << bench_draw(&s->t, 2), false));
    case 8:
        return build_1(b, OP_tanh, build_sum(b, pick(s, 0), 3, false));
    case 9:
        return renamed(s, x);
    case 10:
        return outer_sum(s);
    default:
        return build_1(b, OP_relu, build_2(b, OP_sub, x, y));
    }
}

static struct node *random_square(struct soup *s) { return pick(s, 0); }

/* Fetches, checks, and assigns of whatever there is: results, feeds, other variables,
 * themselves. */
static void random_roots(struct soup *s) {
    struct bench *t = &s->t;
    for (int i = 0, n = 1 + bench_draw(t, 5); i < n; i++)
        bench_root(t, pick(s, bench_draw(t, 3)), true);
    for (int v = 0; v < t->variables.n; v++) {
        int rank = t->variables.at[v]->shape.rank;
        struct node *value = pick(s, 2 - rank);
        if (bench_draw(t, 4) == 0)
            continue;
        if (bench_draw(t, 3) == 0)
            do
                value = t->variables.at[bench_draw(t, t->variables.n)]->node;
            while (value->shape.rank != rank);
        struct node *assign = bench_assign(t, t->variables.at[v]->node, value);
        bench_root(t, assign, false);
    }
    if (bench_draw(t, 2))
        bench_root(t, build_1(t->b, OP_check_finite, random_square(s)), false);
}

static void compare(struct bench *t, struct plan *p, struct executor *e,
                    struct tensor *const *expected, struct tensor *const *expected_variables,
                    double tolerance) {
    struct tensor *fetched[MAX_ROOTS];
    struct run r = {0};
    CU_ASSERT_FATAL(bench_run(t, e, p, &r, fetched));
    for (int i = 0; i < p->n_fetch; i++)
        UNIT_NEAR(difference(fetched[i], expected[i]), 0, tolerance);
    for (int v = 0; v < t->variables.n; v++)
        UNIT_NEAR(difference(t->variables.at[v]->value, expected_variables[v]), 0, tolerance);
    unref_all(fetched, p->n_fetch);
}

enum treatment { NODE_BY_NODE, IN_GROUPS, BY_ALL_PASSES };

static void check_random_program(uint64_t seed, struct executor *e, enum treatment how) {
    struct soup s;
    struct tensor *expected[MAX_ROOTS], *before[MAX_ROOTS], *after[MAX_ROOTS];
    soup_open(&s, seed);
    for (int i = 0, n = bench_draw(&s.t, 60); i < n; i++)
        add(&s, random_node(&s));
    random_roots(&s);
    if (how == IN_GROUPS)
        bench_group(&s.t);
    int n_variables = s.t.variables.n;
    bench_evaluate(&s.t, expected, after);
    bench_save_variables(&s.t, before);
    if (how == BY_ALL_PASSES)
        opt_run(&s.t.program, NULL, NULL);
    struct plan *p =
        how == BY_ALL_PASSES ? plan_make(&s.t.program, kernel_best_isa()) : bench_plan(&s.t);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    const char *wrong = bench_check_memory(&s.t, p);
    UNIT_TEXT(wrong ? wrong : "", "");
    for (int round = 0; round < 2; round++) {
        bench_set_variables(&s.t, before);
        /* chains may join a multiplication and an addition, which rounds once less */
        compare(&s.t, p, e, expected, after, how == NODE_BY_NODE ? 0 : 1e-5);
    }
    unref_all(expected, p->n_fetch);
    unref_all(before, n_variables);
    unref_all(after, n_variables);
    bench_close(&s.t);
}

static void run_many(enum treatment how) {
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        struct executor *e = exec_new(threads);
        for (uint64_t seed = 0; seed < 150; seed++)
            check_random_program(seed + 1000 * (uint64_t)threads, e, how);
        exec_free(e);
    }
}

static void single_nodes(void) { run_many(NODE_BY_NODE); }
static void groups(void) { run_many(IN_GROUPS); }
static void passes(void) { run_many(BY_ALL_PASSES); }

/* Large enough that phases are shared out. */
static void same_bits_at_any_number_of_threads(void) {
    struct tensor *first[4], *other[4];
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        struct bench t;
        struct executor *e = exec_new(threads);
        const int64_t dim[2] = {300, 257}, wide[2] = {257, 300};
        bench_open(&t, 7);
        struct node *x = bench_feed(&t, 2, dim), *w = bench_feed(&t, 2, wide);
        struct node *y = build_1(t.b, OP_tanh, build_2(t.b, OP_matmul, x, w));
        bench_root(&t, y, true);
        bench_root(&t, build_sum(t.b, y, 1, false), true);
        bench_root(&t, build_sum(t.b, build_2(t.b, OP_mul, x, x), 3, false), true);
        bench_root(&t, build_2(t.b, OP_add, x, build_1(t.b, OP_exp, x)), true);
        struct plan *p = bench_plan(&t);
        struct run r = {0};
        for (int round = 0; round < 3; round++) {
            struct tensor **to = threads == 1 && round == 0 ? first : other;
            CU_ASSERT_FATAL(bench_run(&t, e, p, &r, to));
            for (int i = 0; i < 4 && to == other; i++) {
                CU_ASSERT(same_bits(first[i], other[i]));
                tensor_unref(other[i]);
            }
        }
        exec_free(e);
        bench_close(&t);
    }
    unref_all(first, 4);
}

void suite_plan_random(void) {
    unit_suite("plan: random programs");
    unit_test("node by node, any assigns", single_nodes);
    unit_test("in elementwise groups, any assigns", groups);
    unit_test("after all passes, any assigns", passes);
    unit_test("the same bits at any number of threads", same_bits_at_any_number_of_threads);
}
