/* softmax, log_softmax and the cross-entropies, on every instruction set, against plain loops in
 * double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "trykernel.h"
#include "unit.h"

static const enum dtype types[] = {DTYPE_F32, DTYPE_F64};

/* log(softmax) of element `at` of the n elements `stride` apart from `base` on. */
static double log_softmax(const struct kernel_arg *x, int64_t base, int64_t n, int64_t stride,
                          int64_t at) {
    double best = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        best = fmax(best, trykernel_get(x, base + i * stride));
    for (int64_t i = 0; i < n; i++)
        sum += exp(trykernel_get(x, base + i * stride) - best);
    return trykernel_get(x, base + at * stride) - best - log(sum);
}

static void softmax_along_any_axis(void) {
    static const struct {
        int outer, n, inner;
        double range;
    } rows[] = {{1, 1, 1, 1}, {100, 10, 1, 5}, {3, 5000, 1, 5},  {4, 7, 3, 5},    {2, 30, 200, 5},
                {0, 4, 1, 1}, {4, 0, 1, 1},    {10, 10, 1, 500}, {2, 10, 70, 500}};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 2; k++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
                for (int is_log = 0; is_log < 2; is_log++) {
                    int64_t n = rows[r].n, inner = rows[r].inner;
                    struct trykernel t = {.isa = (enum isa)isa};
                    t.attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 1};
                    trykernel_in(&t, types[k], rows[r].outer, (int)n, (int)inner, -1);
                    trykernel_out(&t, types[k], rows[r].outer, (int)n, (int)inner, -1);
                    trykernel_randomise(&t.in[0], r, rows[r].range);
                    trykernel_run(&t, is_log ? OP_log_softmax : OP_softmax);
                    double worst = 0;
                    for (int64_t i = 0; i < trykernel_count(&t.out[0]); i++) {
                        int64_t base = i / (n * inner) * n * inner + i % inner;
                        double w = log_softmax(&t.in[0], base, n, inner, i / inner % n);
                        w = is_log ? w : exp(w);
                        worst = fmax(worst, fabs(trykernel_get(&t.out[0], i) - w) / (1 + fabs(w)));
                    }
                    CU_ASSERT(worst <= (k ? 1e-14 : 1e-6));
                    trykernel_end(&t);
                }
}

static void cross_entropies(void) {
    static const struct {
        int rows, n;
        double range;
    } shapes[] = {{100, 10, 5}, {3, 5000, 5}, {1, 1, 1}, {0, 10, 1}, {7, 10, 900}, {1000, 3, 2}};
    static const enum dtype label_types[] = {DTYPE_I32, DTYPE_I64, DTYPE_U8};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 2; k++)
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
                int rows = shapes[s].rows, n = shapes[s].n;
                struct trykernel dense = {.isa = (enum isa)isa}, sparse = {.isa = (enum isa)isa};
                trykernel_randomise(trykernel_in(&dense, types[k], rows, n, -1), s,
                                    shapes[s].range);
                trykernel_randomise(trykernel_in(&dense, types[k], rows, n, -1), s + 1, 1);
                trykernel_out(&dense, types[k], rows, -1);
                trykernel_randomise(trykernel_in(&sparse, types[k], rows, n, -1), s,
                                    shapes[s].range);
                trykernel_in(&sparse, label_types[s % 3], rows, -1);
                for (int64_t i = 0; i < rows; i++)
                    trykernel_set(&sparse.in[1], i, (double)(i * 7 % (n < 200 ? n : 200)));
                trykernel_out(&sparse, types[k], rows, -1);
                trykernel_run(&dense, OP_softmax_cross_entropy);
                trykernel_run(&sparse, OP_sparse_softmax_cross_entropy);
                CU_ASSERT_EQUAL(sparse.fault.raised, 0);
                double tolerance = k ? 1e-13 : 1e-6;
                for (int64_t r = 0; r < rows; r++) {
                    double want = 0, scale = 1;
                    for (int64_t i = 0; i < n; i++) {
                        double term = -trykernel_get(&dense.in[1], r * n + i) *
                                      log_softmax(&dense.in[0], r * n, n, 1, i);
                        want += term;
                        scale += fabs(term);
                    }
                    UNIT_NEAR(trykernel_get(&dense.out[0], r), want, tolerance * scale);
                    want = -log_softmax(&sparse.in[0], r * n, n, 1,
                                        (int64_t)trykernel_get(&sparse.in[1], r));
                    UNIT_NEAR(trykernel_get(&sparse.out[0], r), want, tolerance * (1 + want));
                }
                trykernel_end(&dense);
                trykernel_end(&sparse);
            }
}

/* -log(1) is 0 and -log(0) infinite; a label of 0 there costs nothing. */
static void certainty_is_not_nan(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        struct trykernel t = {.isa = (enum isa)isa};
        trykernel_in(&t, DTYPE_F32, 1, 2, -1);
        trykernel_in(&t, DTYPE_F32, 1, 2, -1);
        trykernel_set(&t.in[0], 0, 0);
        trykernel_set(&t.in[0], 1, -INFINITY);
        trykernel_set(&t.in[1], 0, 1);
        trykernel_set(&t.in[1], 1, 0);
        trykernel_out(&t, DTYPE_F32, 1, -1);
        trykernel_run(&t, OP_softmax_cross_entropy);
        UNIT_NEAR(trykernel_get(&t.out[0], 0), 0, 0);
        trykernel_end(&t);
    }
}

static void labels_out_of_range_are_named(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int bad = 0; bad < 2; bad++) {
            struct trykernel t = {.isa = (enum isa)isa};
            trykernel_randomise(trykernel_in(&t, DTYPE_F32, 50, 10, -1), 1, 1);
            trykernel_in(&t, DTYPE_I32, 50, -1);
            for (int64_t i = 0; i < 50; i++)
                trykernel_set(&t.in[1], i, i == 31 ? (bad ? -1 : 12) : 3);
            trykernel_out(&t, DTYPE_F32, 50, -1);
            trykernel_run(&t, OP_sparse_softmax_cross_entropy);
            CU_ASSERT_EQUAL(t.fault.raised, 1);
            CU_ASSERT_EQUAL(t.fault.element, 31);
            UNIT_NEAR(t.fault.value, bad ? -1 : 12, 0);
            UNIT_NEAR(t.fault.high, 10, 0);
            trykernel_end(&t);
        }
}

void suite_ops_norm(void) {
    unit_suite("ops: norm and loss");
    unit_test("softmax and log_softmax along any axis", softmax_along_any_axis);
    unit_test("cross-entropies", cross_entropies);
    unit_test("certainty costs nothing and is no NaN", certainty_is_not_nan);
    unit_test("labels out of range are named", labels_out_of_range_are_named);
}
