/* The passes keep values: what a program computes after them, against the same program planned
 * as it was instantiated. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "exec/exec.h"
#include "grad/grad.h"
#include "graphs.h"
#include "unit.h"

/* Fetches the roots, with or without the passes. */
static void run_roots(struct lab *l, struct node *const *roots, int n_roots, struct node **fed,
                      struct tensor **value, int n_fed, bool passes, struct tensor **fetched) {
    struct node *demanded[64];
    memcpy(demanded, roots, (size_t)n_roots * sizeof *roots);
    struct demand d = {.roots = demanded,
                       .n_roots = n_roots,
                       .n_fetch = n_roots,
                       .fed = fed,
                       .value = value,
                       .n_fed = n_fed};
    struct arena arena = {0};
    struct program p;
    CU_ASSERT_FATAL(opt_instantiate(&p, &arena, &d, &l->b, l->training, &l->diags, &l->here));
    if (passes) opt_run(&p, NULL, NULL);
    struct plan *plan = plan_make(&p, kernel_best_isa());
    struct executor *e = exec_new(1);
    CU_ASSERT_FATAL(plan && e);
    struct run r = {.fed = value, .fetched = fetched};
    CU_ASSERT_FATAL(exec_run(e, plan, &r));
    exec_free(e);
    graph_free(&p.graph);
    arena_free(&arena);
}

static struct tensor *filled(const char *dims, double (*element)(int64_t i)) {
    int64_t dim[2] = {dims[0] - '0', dims[2] - '0'};
    struct tensor *t = tensor_new(DTYPE_F32, 2, dim);
    for (int64_t i = 0; i < t->n_elements; i++) tensor_set(t, i, element(i));
    return t;
}

static double far_logit(int64_t i) { return i % 3 ? -300 : 300; }
static double label(int64_t i) { return i % 3 == 1; }

/* The tutorial's loss, mean(-sum(y_ * log(softmax(z)))), where a float's softmax is exactly 0:
 * the loss is 600 and the gradient is (softmax(z) - y_) / n. */
static void cross_entropy_stays_finite(void) {
    struct lab l;
    lab_open(&l);
    struct build *b = &l.b;
    struct node *z = lab_float(&l, b, "z", "batch,3"), *labels = lab_float(&l, b, "y_", "batch,3");
    struct node *product =
        build_2(b, OP_mul, labels, build_1(b, OP_log, lab_axis(b, OP_softmax, z, -1)));
    struct node *each = build_1(b, OP_neg, build_sum(b, product, 2, false));
    struct node *loss = build_op(b, OP_mean, &each, 1, NULL, NULL, NULL), *gradient;
    grad_build(b, loss, &z, 1, &gradient);
    struct node *roots[] = {loss, gradient}, *fed[] = {z, labels};
    struct tensor *value[] = {filled("4,3", far_logit), filled("4,3", label)}, *fetched[2];
    run_roots(&l, roots, 2, fed, value, 2, true, fetched);
    UNIT_NEAR(tensor_get(fetched[0], 0), 600, 1e-3);
    for (int64_t i = 0; i < 12; i++)
        UNIT_NEAR(tensor_get(fetched[1], i), ((i % 3 == 0) - label(i)) / 4, 1e-6);
    for (int i = 0; i < 2; i++) tensor_unref(value[i]), tensor_unref(fetched[i]);
    lab_close(&l);
}

/* Binary cross-entropy on sigmoid(x), far out on the wrong side. */
static void sigmoid_cross_entropy_stays_finite(void) {
    struct lab l;
    lab_open(&l);
    struct build *b = &l.b;
    struct node *x = lab_float(&l, b, "x", "n,3"), *t = lab_float(&l, b, "t", "n,3"),
                *one = lab_scalar(b, 1);
    struct node *s = build_1(b, OP_sigmoid, x);
    struct node *yes = build_2(b, OP_mul, t, build_1(b, OP_log, s));
    struct node *no = build_2(b, OP_mul, build_2(b, OP_sub, one, t),
                              build_1(b, OP_log, build_2(b, OP_sub, one, s)));
    struct node *loss = lab_sum(b, build_1(b, OP_neg, build_2(b, OP_add, yes, no))), *gradient;
    grad_build(b, loss, &x, 1, &gradient);
    struct node *roots[] = {loss, gradient}, *fed[] = {x, t};
    struct tensor *value[] = {filled("2,3", far_logit), filled("2,3", label)}, *fetched[2];
    run_roots(&l, roots, 2, fed, value, 2, true, fetched);
    UNIT_NEAR(tensor_get(fetched[0], 0), 1200, 1e-3);
    for (int64_t i = 0; i < 6; i++)
        UNIT_NEAR(tensor_get(fetched[1], i), (i % 3 == 0) - label(i), 1e-6);
    for (int i = 0; i < 2; i++) tensor_unref(value[i]), tensor_unref(fetched[i]);
    lab_close(&l);
}

struct picker {
    struct rng_key key;
    uint64_t at;
};

static int pick(struct picker *r, int n) { return (int)rng_below(r->key, r->at++, (uint64_t)n); }

static struct node *random_known(struct lab *l, struct picker *r) {
    static const double values[] = {0, 1, -1, 2, 0.5, 3, 4};
    double value = values[pick(r, 7)];
    switch (pick(r, 3)) {
    case 0: return lab_fill(l, &l->b, value, "n,3");
    case 1: return lab_fill(l, &l->b, value, "3");
    default: return lab_scalar(&l->b, value);
    }
}

/* Everything that a rule looks for, so that most of them apply somewhere. */
static struct node *random_node(struct lab *l, struct picker *r, struct node **pool, int n) {
    struct build *b = &l->b;
    struct node *x = pool[n - 1 - pick(r, n < 5 ? n : 5)],
                *y = pick(r, 3) ? pool[pick(r, n)] : random_known(l, r);
    static const enum op_id unary[] = {OP_neg, OP_tanh, OP_relu, OP_sigmoid,
                                       OP_abs, OP_exp,  OP_log,  OP_stop_gradient};
    static const enum op_id binary[] = {OP_add,     OP_sub, OP_mul, OP_div,
                                        OP_maximum, OP_add, OP_mul, OP_pow};
    switch (pick(r, 10)) {
    case 0:
    case 1: return build_1(b, unary[pick(r, 8)], x);
    case 2: return lab_stretch(l, b, build_sum(b, x, 1u << pick(r, x->shape.rank), true), "n,3");
    case 3: return lab_transpose(b, lab_transpose(b, x, "10"), "10");
    case 4: return lab_reshape(l, b, lab_reshape(l, b, x, "-1"), "n,3");
    case 5: return build_3(b, OP_where, build_2(b, OP_greater, x, lab_scalar(b, pick(r, 2))), x, y);
    case 6: return lab_axis(b, OP_softmax, x, -1);
    default: return build_2(b, binary[pick(r, 8)], pick(r, 2) ? x : y, pick(r, 2) ? y : x);
    }
}

static double ordinary(int64_t i) { return sin(2.7 * (double)i) * 1.5; }

static void same_values(const struct tensor *before, const struct tensor *after, uint64_t seed,
                        int root) {
    CU_ASSERT_EQUAL_FATAL(before->n_elements, after->n_elements);
    for (int64_t i = 0; i < before->n_elements; i++) {
        double a = tensor_get(before, i), b = tensor_get(after, i);
        /* log(softmax(z)) may be finite now where it was not */
        bool same = !isfinite(a) || fabs(a - b) <= 2e-4 * fmax(1, fabs(a));
        if (!same)
            printf("seed %d, root %d, element %d: %.9g became %.9g\n", (int)seed, root, (int)i, a,
                   b);
        CU_ASSERT_FATAL(same);
    }
}

static void random_graphs_keep_their_values(void) {
    for (uint64_t seed = 0; seed < 150; seed++) {
        enum { N = 30 };
        struct lab l;
        struct node *pool[N];
        struct picker r = {.key = rng_key_make(seed, 3, 4)};
        lab_open(&l);
        pool[0] = lab_float(&l, &l.b, "x", "n,3");
        pool[1] = lab_float(&l, &l.b, "y", "n,3");
        for (int n = 2; n < N; n++) {
            pool[n] = random_node(&l, &r, pool, n);
            CU_ASSERT_PTR_NOT_NULL_FATAL(pool[n]);
            if (pool[n]->shape.rank != 2) pool[n] = lab_stretch(&l, &l.b, pool[n], "n,3");
            if (pool[n]->shape.d[0].k == 1 && !pool[n]->shape.d[0].sym[0])
                pool[n] = lab_stretch(&l, &l.b, pool[n], "n,3");
        }
        struct node *roots[] = {pool[N - 1], pool[N - 4], pool[N / 2]};
        struct tensor *value[] = {filled("4,3", ordinary), filled("4,3", far_logit)}, *before[3],
                      *after[3];
        run_roots(&l, roots, 3, pool, value, 2, false, before);
        run_roots(&l, roots, 3, pool, value, 2, true, after);
        for (int i = 0; i < 3; i++) {
            same_values(before[i], after[i], seed, i);
            tensor_unref(before[i]), tensor_unref(after[i]);
        }
        for (int i = 0; i < 2; i++) tensor_unref(value[i]);
        lab_close(&l);
    }
}

void suite_opt_values(void) {
    unit_suite("opt: values");
    unit_test("cross-entropy stays finite", cross_entropy_stays_finite);
    unit_test("sigmoid cross-entropy stays finite", sigmoid_cross_entropy_stays_finite);
    unit_test("random graphs keep their values", random_graphs_keep_their_values);
}
