/* argsort, top_k_indices, cumsum and take_along_axis on every instruction set and dtype, against
 * plain loops; ties, NaN, both zeros, sizes 0 and 1, rows that are sorted by bytes and rows that are
 * cut into pieces. */
#include <math.h>
#include <stdlib.h>

#include "trykernel.h"
#include "unit.h"

static const int shapes[][3] = {{1, 1, 1},  {3, 5, 1},    {2, 31, 3},    {1, 33, 2},  {2, 1000, 1},
                                {4, 70, 5}, {0, 4, 2},    {2, 0, 3},     {300, 6, 1}, {1, 40001, 1},
                                {1, 2, 99}, {1, 90, 65}, {1, 700, 130}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

/* Few distinct values, so that there are ties. */
static void fill(struct kernel_arg *x, uint64_t seed) {
    trykernel_randomise(x, seed, 0.2);
    int64_t n = trykernel_count(x);
    for (int64_t i = 3; i < n && dtype_is_float(x->dtype); i += 11)
        trykernel_set(x, i, i % 4 == 0 ? NAN : i % 4 == 1 ? -0.0 : i % 4 == 2 ? INFINITY : -INFINITY);
}

/* Whether a stands before b when the order rises or falls; a NaN is the largest. */
static bool before(double a, double b, bool falls) {
    bool less = isnan(b) ? !isnan(a) : a < b, more = isnan(a) ? !isnan(b) : a > b;
    return falls ? more : less;
}

/* The order of the first k places of row (o, j), held against its definition: no later place comes
 * before an earlier one, equal ones by index, and what is left out before none. */
static bool is_order(const struct trykernel *t, const int *s, int64_t k, int64_t o, int64_t j,
                     bool falls) {
    bool *seen = calloc((size_t)s[1] + 1, sizeof *seen), good = true;
    double last = 0;
    int64_t last_index = -1;
    for (int64_t i = 0; i < k; i++) {
        int64_t index = (int64_t)trykernel_get(&t->out[0], (o * k + i) * s[2] + j);
        if (index < 0 || index >= s[1] || seen[index]) {
            free(seen);
            return false;
        }
        double v = trykernel_get(&t->in[0], (o * s[1] + index) * s[2] + j);
        bool equal = !before(v, last, falls) && !before(last, v, falls);
        good &= i == 0 || (!before(v, last, falls) && (!equal || index > last_index));
        seen[index] = true, last = v, last_index = index;
    }
    for (int64_t i = 0; i < s[1] && k > 0; i++) {
        double v = trykernel_get(&t->in[0], (o * s[1] + i) * s[2] + j);
        bool equal = !before(v, last, falls) && !before(last, v, falls);
        good &= seen[i] || (!before(v, last, falls) && (!equal || i > last_index));
    }
    free(seen);
    return good;
}

static void check_order(enum isa isa, enum op_id op, enum dtype type, const int *s, int k,
                        bool falls) {
    struct trykernel t = {.isa = isa};
    bool top = op == OP_top_k_indices;
    t.attr[top] = (struct attr){.kind = ATTR_AXIS, .i = 1};
    t.attr[!top] = top ? (struct attr){.kind = ATTR_INT, .i = k}
                       : (struct attr){.kind = ATTR_BOOL, .i = falls};
    fill(trykernel_in(&t, type, s[0], s[1], s[2], -1), (uint64_t)(s[1] + k));
    trykernel_out(&t, DTYPE_I32, s[0], k, s[2], -1);
    trykernel_run(&t, op);
    bool good = true;
    for (int64_t o = 0; o < s[0]; o++)
        for (int64_t j = 0; j < s[2]; j++) good &= is_order(&t, s, k, o, j, falls);
    CU_ASSERT(good);
    trykernel_end(&t);
}

static void argsort_is_stable(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (int i = 0; i < N_SHAPES; i++)
                for (int falls = 0; falls < 2; falls++)
                    check_order((enum isa)isa, OP_argsort, (enum dtype)type, shapes[i],
                                shapes[i][1], falls);
}

static void top_k_is_the_beginning_of_the_order(void) {
    static const int ks[] = {0, 1, 5, 64, 65, 900};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (int i = 0; i < N_SHAPES; i++)
                for (size_t k = 0; k < sizeof ks / sizeof *ks; k++)
                    if (ks[k] <= shapes[i][1])
                        check_order((enum isa)isa, OP_top_k_indices, (enum dtype)type, shapes[i],
                                    ks[k], true);
}

/* Wide integers and neighbouring doubles differ in their low bits only. */
static void no_bit_is_lost(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        struct trykernel t = {.isa = (enum isa)isa};
        int64_t *x = trykernel_in(&t, DTYPE_I64, 100, -1)->data;
        for (int64_t i = 0; i < 100; i++)
            x[i] = i * 37 % 100 == 50 ? INT64_MIN : INT64_MAX - 200 + i * 37 % 100;
        trykernel_out(&t, DTYPE_I32, 100, -1);
        trykernel_run(&t, OP_argsort);
        const int32_t *order = t.out[0].data;
        for (int i = 1; i < 100; i++) CU_ASSERT(x[order[i - 1]] < x[order[i]]);
        trykernel_end(&t);
    }
}

static void check_cumsum(enum isa isa, enum dtype type, const int *s, bool exclusive,
                         bool reverse) {
    enum dtype sum = type == DTYPE_BOOL || type == DTYPE_U8 ? DTYPE_I32 : type;
    struct trykernel t = {.isa = isa};
    t.attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 1};
    t.attr[1] = (struct attr){.kind = ATTR_BOOL, .i = exclusive};
    t.attr[2] = (struct attr){.kind = ATTR_BOOL, .i = reverse};
    trykernel_randomise(trykernel_in(&t, type, s[0], s[1], s[2], -1), 7, 3);
    trykernel_out(&t, sum, s[0], s[1], s[2], -1);
    trykernel_run(&t, OP_cumsum);
    double worst = 0;
    for (int64_t row = 0; row < (int64_t)s[0] * s[2]; row++) {
        double acc = 0;
        for (int64_t k = 0; k < s[1]; k++) {
            int64_t i = (row / s[2] * s[1] + (reverse ? s[1] - 1 - k : k)) * s[2] + row % s[2];
            double x = trykernel_get(&t.in[0], i), want = exclusive ? acc : acc + x;
            acc += x;
            worst = fmax(worst, fabs(trykernel_get(&t.out[0], i) - want) / (1 + fabs(want)));
        }
    }
    CU_ASSERT(worst <= (type == DTYPE_F32 ? 6e-8 : 0));
    trykernel_end(&t);
}

static void cumsum_adds_in_order(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (int i = 0; i < N_SHAPES; i++)
                for (int way = 0; way < 4; way++)
                    check_cumsum((enum isa)isa, (enum dtype)type, shapes[i], way & 1, way >> 1);
}

/* n indices a row; every row has its own, and some come twice. */
static void check_along(enum isa isa, enum dtype type, enum dtype index_type, const int *s, int n,
                        bool add) {
    struct trykernel t = {.isa = isa};
    t.attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 1};
    t.attr[1] = t.attr[0];
    int size = s[1];
    trykernel_randomise(trykernel_in(&t, type, s[0], add ? n : size, s[2], -1), 3, 8);
    struct kernel_arg *index = trykernel_in(&t, index_type, s[0], n, s[2], -1);
    for (int64_t i = 0; i < trykernel_count(index); i++)
        trykernel_set(index, i, (double)((i * 7 + i / 5) % (size < 100 ? size : 100)));
    trykernel_out(&t, type, s[0], add ? size : n, s[2], -1);
    trykernel_run(&t, add ? OP_take_along_axis_gradient : OP_take_along_axis);
    int64_t n_out = trykernel_count(&t.out[0]);
    double *want = calloc((size_t)n_out + 1, sizeof *want);
    for (int64_t i = 0; i < trykernel_count(index); i++) {
        int64_t o = i / s[2] / n, j = i % s[2];
        int64_t at = (o * size + (int64_t)trykernel_get(index, i)) * s[2] + j;
        want[add ? at : i] += trykernel_get(&t.in[0], add ? i : at);
    }
    bool good = true;
    for (int64_t i = 0; i < n_out; i++)
        good &= type == DTYPE_U8 ? fmod(want[i] - trykernel_get(&t.out[0], i), 256) == 0
                                 : want[i] == trykernel_get(&t.out[0], i);
    CU_ASSERT(good);
    free(want);
    trykernel_end(&t);
}

static void rows_have_indices_of_their_own(void) {
    static const enum dtype kinds[] = {DTYPE_I32, DTYPE_I64, DTYPE_U8};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (int i = 0; i < N_SHAPES; i++)
                for (int n = 0; n < 9 && shapes[i][1] > 0; n += 4)
                    for (int k = 0; k < 3; k++)
                        for (int add = 0; add < (type == DTYPE_BOOL ? 1 : 2); add++)
                            check_along((enum isa)isa, (enum dtype)type, kinds[k], shapes[i], n,
                                        add);
}

static void an_index_out_of_range_is_a_fault(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int bad = 0; bad < 2; bad++) {
            struct trykernel t = {.isa = (enum isa)isa};
            t.attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 0};
            trykernel_randomise(trykernel_in(&t, DTYPE_F32, 4, -1), 1, 1);
            trykernel_set(trykernel_in(&t, DTYPE_I32, 1, -1), 0, bad ? 4 : -1);
            trykernel_out(&t, DTYPE_F32, 1, -1);
            trykernel_run(&t, OP_take_along_axis);
            CU_ASSERT(t.fault.raised && t.fault.element == 0 && t.fault.high == 4);
            trykernel_end(&t);
        }
}

void suite_ops_order(void) {
    unit_suite("ops: order");
    unit_test("argsort is stable, rising and falling", argsort_is_stable);
    unit_test("top_k is the beginning of the order", top_k_is_the_beginning_of_the_order);
    unit_test("keys keep every bit", no_bit_is_lost);
    unit_test("cumsum adds in order, both ways", cumsum_adds_in_order);
    unit_test("take_along_axis and its gradient", rows_have_indices_of_their_own);
    unit_test("an index out of range is a fault", an_index_out_of_range_is_a_fault);
}
