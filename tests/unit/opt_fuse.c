/* Elementwise groups: what must be one, what must not, and that any grouping can be run in some
 * order. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graphs.h"
#include "ir/kernel.h"
#include "unit.h"

static void fuse(struct lab *l, struct node *const *roots, int n) {
    lab_roots(l, roots, n);
    opt_passes[n_opt_passes - 1].run(&l->p);
}

static void run_all(struct lab *l, struct node **roots, int n) {
    lab_roots(l, roots, n);
    for (int i = 0; i < n_opt_passes; i++) opt_passes[i].run(&l->p);
    memcpy(roots, l->p.roots, (size_t)n * sizeof *roots);
}

static bool is_reduction(const struct node *n) {
    return n->op->id == OP_sum || n->op->id == OP_mean || n->op->id == OP_max ||
           n->op->id == OP_min;
}

/* The shape that a member goes over. NULL: of values for each row. */
static const struct shape *shape_of_work(const struct node *n) {
    if (is_reduction(n)) return &n->in[0]->shape;
    return n->space == EW_FULL ? &n->shape : NULL;
}

/* What must hold of any grouping, by brute force: every elementwise node is in a group, and maybe
 * a reduction; members go over one shape and fit one program, and the groups can be run one after
 * another. */
static void check_groups(struct lab *l) {
    struct node_list order =
        graph_order(&l->p.graph, &l->arena, l->p.roots, l->p.n_roots, NULL, NULL);
    int n = order.n, n_units = 0, *unit = arena_array(&l->arena, int, n);
    int *unit_of_group = arena_array(&l->arena, int, n + 1);
    bool *outside = arena_array(&l->arena, bool, n);
    for (int i = 0; i < n; i++) {
        struct node *node = order.at[i];
        node->number = i;
        if (node->op->trait == OP_ELEMENTWISE) CU_ASSERT(node->group != 0);
        if (node->group) CU_ASSERT(node->op->trait == OP_ELEMENTWISE || is_reduction(node));
        CU_ASSERT_FATAL(node->group >= 0 && node->group <= n);
        int *known = node->group ? &unit_of_group[node->group] : NULL;
        unit[i] = known && *known ? *known : ++n_units;
        if (known) *known = unit[i];
    }
    for (int r = 0; r < l->p.n_roots; r++) outside[l->p.roots[r]->number] = true;
    int *waits = arena_array(&l->arena, int, n_units + 1);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < order.at[i]->n_in; k++) {
            int in = order.at[i]->in[k]->number;
            if (unit[in] == unit[i]) continue;
            outside[in] = true;
            waits[unit[i]]++;
        }
    /* Kahn's algorithm over the units, the slow way */
    int n_ready = 0, *ready = arena_array(&l->arena, int, n_units + 1);
    for (int u = 1; u <= n_units; u++)
        if (!waits[u]) ready[n_ready++] = u;
    for (int at = 0; at < n_ready; at++)
        for (int i = 0; i < n; i++)
            for (int k = 0; k < order.at[i]->n_in; k++)
                if (unit[order.at[i]->in[k]->number] == ready[at] && unit[i] != ready[at] &&
                    --waits[unit[i]] == 0)
                    ready[n_ready++] = unit[i];
    CU_ASSERT_EQUAL(n_ready, n_units);

    for (int u = 1; u <= n_units; u++) {
        const struct shape *first = NULL;
        int n_instructions = 0, n_in = 0, n_out = 0;
        bool *is_input = arena_array(&l->arena, bool, n);
        for (int i = 0; i < n; i++) {
            if (unit[i] != u || !order.at[i]->group) continue;
            if (!first) first = shape_of_work(order.at[i]);
            if (shape_of_work(order.at[i]))
                CU_ASSERT(shape_same(first, shape_of_work(order.at[i])));
            n_instructions++;
            n_out += outside[i];
            for (int k = 0; k < order.at[i]->n_in; k++) {
                int in = order.at[i]->in[k]->number;
                if (unit[in] == u || is_input[in]) continue;
                is_input[in] = true;
                n_in++;
            }
        }
        CU_ASSERT(n_instructions <= MAX_EW_INSTRUCTIONS);
        CU_ASSERT(n_in <= MAX_EW_INPUTS);
        CU_ASSERT(n_out <= MAX_EW_OUTPUTS);
    }
}

static int n_groups(struct lab *l) {
    struct node_list order =
        graph_order(&l->p.graph, &l->arena, l->p.roots, l->p.n_roots, NULL, NULL);
    bool *seen = arena_array(&l->arena, bool, order.n + 1);
    int n = 0;
    for (int i = 0; i < order.n; i++) {
        int g = order.at[i]->group;
        if (g && !seen[g]) seen[g] = true, n++;
    }
    return n;
}

#define MUL(x, y) build_2(b, OP_mul, x, y)
#define ADD(x, y) build_2(b, OP_add, x, y)
#define SUB(x, y) build_2(b, OP_sub, x, y)
#define DIV(x, y) build_2(b, OP_div, x, y)

static void bias_and_relu_are_one(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "50,8"), *W = lab_variable(&l, b, "W", "8,4");
    struct node *h = ADD(build_2(b, OP_matmul, x, W), lab_variable(&l, b, "b", "4"));
    struct node *r = build_1(b, OP_relu, h);
    fuse(&l, &r, 1);
    CU_ASSERT_EQUAL(n_groups(&l), 1);
    CU_ASSERT_EQUAL(h->group, r->group);
    check_groups(&l);
    lab_close(&l);
}

/* The update of one variable, as the standard library writes it; g from a product, so that it is
 * late. */
static void adam(struct lab *l, const char *dims, struct node *g, struct node **roots) {
    struct build *b = &l->p.build;
    char path[4][32];
    static const char *const names[] = {"w", "m", "v", "t"};
    for (int i = 0; i < 4; i++) snprintf(path[i], sizeof path[i], "%s/%s", dims, names[i]);
    struct node *w = lab_variable(l, b, path[0], dims), *m = lab_variable(l, b, path[1], dims);
    struct node *v = lab_variable(l, b, path[2], dims), *t = lab_variable(l, b, path[3], "");
    struct node *b1 = lab_scalar(b, 0.9), *b2 = lab_scalar(b, 0.999), *one = lab_scalar(b, 1);
    struct node *t_ = ADD(t, one);
    struct node *m_ = ADD(MUL(b1, m), MUL(SUB(one, b1), g));
    struct node *v_ = ADD(MUL(b2, v), MUL(MUL(SUB(one, b2), g), g));
    struct node *rate =
        DIV(MUL(lab_scalar(b, 1e-3), build_1(b, OP_sqrt, SUB(one, build_2(b, OP_pow, b2, t_)))),
            SUB(one, build_2(b, OP_pow, b1, t_)));
    struct node *w_ = SUB(w, DIV(MUL(rate, m_), ADD(build_1(b, OP_sqrt, v_), lab_scalar(b, 1e-8))));
    roots[0] = lab_assign(b, t, t_);
    roots[1] = lab_assign(b, m, m_);
    roots[2] = lab_assign(b, v, v_);
    roots[3] = lab_assign(b, w, w_);
}

static void adam_is_one_pass(void) {
    static const char *const late[] = {"no", "yes"};
    for (int i = 0; i < 2; i++) {
        struct lab l;
        struct node *roots[4];
        lab_open(&l);
        lab_program(&l);
        struct build *b = &l.p.build;
        struct node *g = lab_float(&l, b, "g", "8,4");
        if (late[i][0] == 'y')
            g = build_2(b, OP_matmul, lab_transpose(b, lab_float(&l, b, "x", "50,8"), "10"),
                        lab_float(&l, b, "dy", "50,4"));
        adam(&l, "8,4", g, roots);
        run_all(&l, roots, 4);
        int group = roots[1]->in[1]->group;
        CU_ASSERT(group != 0);
        CU_ASSERT_EQUAL(roots[2]->in[1]->group, group);
        CU_ASSERT_EQUAL(roots[3]->in[1]->group, group);
        CU_ASSERT_EQUAL(roots[3]->in[1]->in[1]->group, group);
        CU_ASSERT(roots[0]->in[1]->group != group);
        CU_ASSERT_EQUAL(n_groups(&l), 2); /* the update, and the scalars */
        check_groups(&l);
        lab_close(&l);
    }
}

static void the_rate_may_come_late(void) {
    struct lab l;
    struct node *roots[4];
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *g = lab_float(&l, b, "g", "8,4");
    struct node *norm = build_1(b, OP_sqrt, lab_sum(b, MUL(g, g)));
    adam(&l, "8,4", DIV(g, norm), roots);
    run_all(&l, roots, 4);
    int group = roots[1]->in[1]->group;
    CU_ASSERT_EQUAL(roots[2]->in[1]->group, group);
    CU_ASSERT_EQUAL(roots[3]->in[1]->group, group);
    check_groups(&l);
    lab_close(&l);
}

/* a -> matmul -> c and a -> c: a and c must not be one. */
static void a_detour_keeps_apart(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "4,4");
    struct node *a = build_1(b, OP_exp, x), *c = ADD(a, build_2(b, OP_matmul, a, x));
    fuse(&l, &c, 1);
    CU_ASSERT(a->group != c->group);
    check_groups(&l);
    lab_close(&l);
}

/* The detour leads through another elementwise shape, and through two groups that need each
 * other's outputs. */
static void longer_detours(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "4,4"), *s = lab_float(&l, b, "s", "4");
    struct node *a = build_1(b, OP_exp, x);
    struct node *total = build_1(b, OP_tanh, build_sum(b, a, 1, false));
    struct node *c = MUL(a, total);
    struct node *p = build_1(b, OP_exp, s), *q = MUL(build_1(b, OP_neg, x), p);
    struct node *r = ADD(p, build_sum(b, q, 1, false)), *u = ADD(q, build_1(b, OP_neg, r));
    struct node *roots[] = {c, u};
    fuse(&l, roots, 2);
    CU_ASSERT(a->group != c->group);
    CU_ASSERT(p->group != r->group);
    CU_ASSERT(q->group != u->group);
    check_groups(&l);
    lab_close(&l);
}

/* What only the backward pass reads is computed there: 1 - y*y is not stored through the forward
 * pass. */
static void late_readers_compute_late(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "4,4");
    struct node *y = build_1(b, OP_tanh, ADD(x, x)), *slope = SUB(lab_scalar(b, 1), MUL(y, y));
    struct node *dy = build_2(b, OP_matmul, build_2(b, OP_matmul, y, x), x);
    struct node *dx = MUL(dy, slope);
    fuse(&l, &dx, 1);
    CU_ASSERT_EQUAL(slope->group, dx->group);
    CU_ASSERT_EQUAL(slope->in[1]->group, dx->group);
    CU_ASSERT(y->group != dx->group);
    CU_ASSERT_EQUAL(y->group, y->in[0]->group);
    check_groups(&l);
    lab_close(&l);
}

/* A softmax written out, and its gradient: each is one group, row values within it. The sum over
 * the batch of what the second gives ends it. */
static void rows_are_one_pass(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "50,8"), *g = lab_float(&l, b, "g", "50,8");
    struct node *e = build_1(b, OP_exp, x), *p = DIV(e, build_sum(b, e, 2, true));
    struct node *t = MUL(build_2(b, OP_matmul, p, lab_variable(&l, b, "W", "8,8")), p);
    struct node *dx = MUL(SUB(t, build_sum(b, t, 2, true)), g), *db = build_sum(b, dx, 1, false);
    struct node *roots[] = {dx, db, build_1(b, OP_exp, db)};
    fuse(&l, roots, 3);
    CU_ASSERT_EQUAL(e->group, p->group);
    CU_ASSERT_EQUAL(p->in[1]->group, p->group);
    CU_ASSERT_EQUAL(p->in[1]->space, EW_ROW);
    CU_ASSERT_EQUAL(t->group, dx->group);
    CU_ASSERT_EQUAL(db->group, dx->group);
    CU_ASSERT_EQUAL(db->space, EW_TOTAL);
    CU_ASSERT(roots[2]->group != db->group);
    CU_ASSERT_EQUAL(n_groups(&l), 3);
    check_groups(&l);
    lab_close(&l);
}

/* A reduction alone has its own kernel; beside another reader of the same tensor it is not. */
static void siblings_are_one_pass(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "50,8"), *sum = build_sum(b, x, 1, false);
    fuse(&l, &sum, 1);
    CU_ASSERT_EQUAL(sum->group, 0);
    struct node *squares = build_sum(b, MUL(x, x), 1, false);
    struct node *roots[] = {sum, squares};
    fuse(&l, roots, 2);
    CU_ASSERT(sum->group != 0);
    CU_ASSERT_EQUAL(sum->group, squares->group);
    check_groups(&l);
    lab_close(&l);
}

static void limits_cut(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *n = lab_float(&l, b, "x", "4,4"), *roots[40];
    for (int i = 0; i < 200; i++) n = build_1(b, i % 2 ? OP_tanh : OP_neg, n);
    fuse(&l, &n, 1);
    CU_ASSERT_EQUAL(n_groups(&l), 4);
    check_groups(&l);

    for (int i = 0; i < 100; i++) { /* inputs */
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        n = ADD(n, lab_float(&l, b, name, "4,4"));
    }
    fuse(&l, &n, 1);
    check_groups(&l);

    for (int i = 0; i < 40; i++)
        roots[i] = n = build_1(b, i % 2 ? OP_tanh : OP_neg, n); /* outputs */
    fuse(&l, roots, 40);
    check_groups(&l);
    lab_close(&l);
}

/* Random graphs of elementwise ops on two shapes with sums, products and assigns between. */
static struct node *random_node(struct lab *l, struct node **pool, int n, struct rng_key key,
                                uint64_t *at) {
    struct build *b = &l->p.build;
    static const enum op_id unary[] = {OP_neg, OP_exp, OP_tanh},
                            binary[] = {OP_add, OP_mul, OP_sub};
    /* mostly recent operands: long chains with detours */
    uint64_t reach = rng_below(key, (*at)++, 4) ? 6 : (uint64_t)n;
    if (reach > (uint64_t)n) reach = (uint64_t)n;
    struct node *x = pool[n - 1 - (int)rng_below(key, (*at)++, reach)],
                *y = pool[rng_below(key, (*at)++, (uint64_t)n)];
    switch (rng_below(key, (*at)++, 10)) {
    case 0: return lab_sum(b, x);
    case 1:
        return x->shape.rank == 2 && y->shape.rank == 2 ? build_2(b, OP_matmul, x, y)
                                                        : build_1(b, OP_exp, x);
    case 2: return lab_stretch(l, b, x, "4,4");
    case 3:
    case 4: return build_1(b, unary[rng_below(key, (*at)++, 3)], x);
    default: return build_2(b, binary[rng_below(key, (*at)++, 3)], x, y);
    }
}

static void random_graphs_can_be_scheduled(void) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        enum { N = 120 };
        struct lab l;
        struct node *pool[N + 3], *roots[N];
        uint64_t at = 0;
        int n = 0, n_roots = 0;
        struct rng_key key = rng_key_make(seed, 1, 2);
        lab_open(&l);
        lab_program(&l);
        struct build *b = &l.p.build;
        pool[n++] = lab_float(&l, b, "x", "4,4");
        pool[n++] = lab_float(&l, b, "s", "");
        pool[n++] = lab_variable(&l, b, "w", "4,4");
        while (n < N + 3) {
            pool[n] = random_node(&l, pool, n, key, &at);
            if (rng_below(key, at++, 8) == 0) {
                struct node *root = pool[n];
                if (root->shape.rank == 2 && rng_below(key, at++, 2))
                    root = lab_assign(b, pool[2], root);
                roots[n_roots++] = root;
            }
            n++;
        }
        roots[n_roots++] = pool[n - 1];
        fuse(&l, roots, n_roots);
        check_groups(&l);
        lab_close(&l);
    }
}

static void depth_is_not_limited(void) {
    struct lab l;
    lab_open(&l);
    lab_program(&l);
    struct build *b = &l.p.build;
    struct node *x = lab_float(&l, b, "x", "4,4"), *n = x;
    for (int i = 0; i < 100000; i++) n = ADD(n, i % 7 ? x : build_2(b, OP_matmul, n, x));
    run_all(&l, &n, 1);
    CU_ASSERT(n->group != 0);
    lab_close(&l);
}

void suite_opt_fuse(void) {
    unit_suite("opt: fuse");
    unit_test("bias and relu are one", bias_and_relu_are_one);
    unit_test("adam is one pass", adam_is_one_pass);
    unit_test("the rate may come late", the_rate_may_come_late);
    unit_test("a detour keeps apart", a_detour_keeps_apart);
    unit_test("longer detours", longer_detours);
    unit_test("late readers compute late", late_readers_compute_late);
    unit_test("rows are one pass", rows_are_one_pass);
    unit_test("siblings are one pass", siblings_are_one_pass);
    unit_test("limits cut", limits_cut);
    unit_test("random graphs can be scheduled", random_graphs_can_be_scheduled);
    unit_test("depth is not limited", depth_is_not_limited);
}
