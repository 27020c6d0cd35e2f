/* softmax and log_softmax, on every instruction set, against plain loops in double. */
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

void suite_ops_norm(void) {
    unit_suite("ops: norm");
    unit_test("softmax and log_softmax along any axis", softmax_along_any_axis);
}
