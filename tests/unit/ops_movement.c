/* Kernels that move elements, on every instruction set, against index arithmetic; also fill,
 * assign and check_finite. */
#include <math.h>
#include <string.h>

#include "trykernel.h"
#include "unit.h"

static const enum dtype types[] = {DTYPE_F32, DTYPE_F64, DTYPE_U8};

/* Splits element i of a into its index along each axis. */
static void index_of(const struct kernel_arg *a, int64_t i, int64_t *index) {
    for (int k = a->rank - 1; k >= 0; k--) {
        index[k] = i % a->dim[k];
        i /= a->dim[k];
    }
}

static int64_t element_at(const struct kernel_arg *a, const int64_t *index) {
    int64_t i = 0;
    for (int k = 0; k < a->rank; k++)
        i = i * a->dim[k] + index[k];
    return i;
}

static void transposes(void) {
    static const struct {
        int dim[4], rank, perm[4];
    } rows[] = {
        {{-1}, 0, {0}},
        {{5, -1}, 1, {0}},
        {{33, 70, -1}, 2, {1, 0}},
        {{100, 300, -1}, 2, {1, 0}},
        {{3, 5, 7, -1}, 3, {2, 1, 0}},
        {{3, 50, 40, -1}, 3, {0, 2, 1}},
        {{30, 5, 40, -1}, 3, {1, 0, 2}},
        {{30, 5, 40, -1}, 3, {2, 0, 1}},
        {{2, 3, 4, 5}, 4, {3, 0, 2, 1}},
        {{2, 40, 3, 50}, 4, {2, 3, 0, 1}},
        {{1, 40, 1, 50}, 4, {2, 3, 0, 1}},
        {{0, 40, -1}, 2, {1, 0}},
        {{20000, 2, -1}, 2, {1, 0}},
        {{1061, 1030, -1}, 2, {1, 0}},
        {{2, 3, 900, -1}, 3, {0, 2, 1}},
        {{2, 900, 3, -1}, 3, {0, 2, 1}},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 3; k++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                struct trykernel t = {.isa = (enum isa)isa};
                int rank = rows[r].rank, d[5] = {-1, -1, -1, -1, -1}, e[5] = {-1, -1, -1, -1, -1};
                t.attr[0] = (struct attr){.kind = ATTR_INTS, .ints = {.n = rank}};
                for (int i = 0; i < rank; i++) {
                    d[i] = rows[r].dim[i];
                    e[i] = rows[r].dim[rows[r].perm[i]];
                    t.attr[0].ints.v[i] = rows[r].perm[i];
                }
                trykernel_randomise(trykernel_in(&t, types[k], d[0], d[1], d[2], d[3], -1), r, 90);
                trykernel_out(&t, types[k], e[0], e[1], e[2], e[3], -1);
                trykernel_run(&t, OP_transpose);
                bool same = true;
                for (int64_t i = 0; i < trykernel_count(&t.out[0]); i++) {
                    int64_t at[4], from[4];
                    index_of(&t.out[0], i, at);
                    for (int a = 0; a < rank; a++)
                        from[rows[r].perm[a]] = at[a];
                    same = same && trykernel_get(&t.out[0], i) ==
                                       trykernel_get(&t.in[0], element_at(&t.in[0], from));
                }
                CU_ASSERT(same);
                trykernel_end(&t);
            }
}

static void broadcasts(void) {
    static const struct {
        int from[4], to[4];
    } rows[] = {
        {{-1}, {-1}},
        {{-1}, {70, 3, -1}},
        {{10, -1}, {1000, 10, -1}},
        {{6, 1, -1}, {6, 9000, -1}},
        {{3, 1, 5, -1}, {3, 4, 5, -1}},
        {{1, 5, -1}, {0, 5, -1}},
        {{9000, -1}, {2, 9000, -1}},
        {{2, 1, -1}, {3, 2, 4, -1}},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 3; k++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                struct trykernel t = {.isa = (enum isa)isa};
                const int *d = rows[r].from, *e = rows[r].to;
                struct kernel_arg *x = trykernel_in(&t, types[k], d[0], d[1], d[2], -1);
                struct kernel_arg *y = trykernel_out(&t, types[k], e[0], e[1], e[2], -1);
                trykernel_randomise(x, r, 90);
                trykernel_run(&t, OP_broadcast_to);
                bool same = true;
                for (int64_t i = 0; i < trykernel_count(y); i++) {
                    int64_t at[4], from[4];
                    index_of(y, i, at);
                    for (int a = 0; a < x->rank; a++)
                        from[a] = x->dim[a] == 1 ? 0 : at[y->rank - x->rank + a];
                    same = same && trykernel_get(y, i) == trykernel_get(x, element_at(x, from));
                }
                CU_ASSERT(same);
                trykernel_end(&t);
            }
}

/* Bounds as the shape rule leaves them. */
static void slices_and_their_gradients(void) {
    static const struct {
        int dim[3], out[3];
        int64_t begin[3], end[3], step[3];
    } rows[] = {
        {{10, -1}, {4, -1}, {2}, {6}, {1}},
        {{10, -1}, {4, -1}, {9}, {INT64_MIN}, {-3}},
        {{10, -1}, {0, -1}, {0}, {0}, {1}},
        {{10, -1}, {1, -1}, {3}, {10}, {INT64_MAX}},
        {{10, -1}, {1, -1}, {3}, {INT64_MIN}, {INT64_MIN}},
        {{40, 300, -1}, {20, 300, -1}, {1, 0}, {40, 300}, {2, 1}},
        {{40, 300, -1}, {40, 100, -1}, {0, 5}, {40, 105}, {1, 1}},
        {{4, 5, 6}, {2, 5, 3}, {3, 4, 1}, {INT64_MIN, INT64_MIN, 6}, {-2, -1, 2}},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 3; k++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                const int *d = rows[r].dim, *e = rows[r].out;
                struct trykernel t = {.isa = (enum isa)isa}, g = {.isa = (enum isa)isa};
                struct kernel_arg *x = trykernel_in(&t, types[k], d[0], d[1], d[2], -1);
                struct kernel_arg *y = trykernel_out(&t, types[k], e[0], e[1], e[2], -1);
                struct kernel_arg *dy = trykernel_in(&g, types[k], e[0], e[1], e[2], -1);
                struct kernel_arg *dx = trykernel_out(&g, types[k], d[0], d[1], d[2], -1);
                if (d[1] >= 0 && d[2] >= 0)
                    x->rank = y->rank = dx->rank = dy->rank = 3;
                for (int i = 0; i < 3; i++) {
                    const int64_t *from = i == 0   ? rows[r].begin
                                          : i == 1 ? rows[r].end
                                                   : rows[r].step;
                    t.attr[i] = (struct attr){.kind = ATTR_INTS, .ints = {.n = x->rank}};
                    memcpy(t.attr[i].ints.v, from, sizeof rows[r].begin);
                    g.attr[i + 1] = t.attr[i];
                }
                trykernel_randomise(x, r, 90);
                trykernel_randomise(dy, r, 90);
                trykernel_run(&t, OP_slice);
                trykernel_run(&g, OP_slice_gradient);
                bool same = true;
                for (int64_t i = 0; i < trykernel_count(y); i++) {
                    int64_t at[3];
                    index_of(y, i, at);
                    for (int a = 0; a < y->rank; a++)
                        at[a] = rows[r].begin[a] + (at[a] ? at[a] * rows[r].step[a] : 0);
                    int64_t from = element_at(x, at);
                    same = same && trykernel_get(y, i) == trykernel_get(x, from) &&
                           trykernel_get(dy, i) == trykernel_get(dx, from);
                    trykernel_set(dx, from, 0);
                }
                for (int64_t i = 0; i < trykernel_count(dx); i++)
                    same = same && trykernel_get(dx, i) == 0;
                CU_ASSERT(same);
                trykernel_end(&t);
                trykernel_end(&g);
            }
}

static void concatenations(void) {
    static const struct {
        int outer, part[3], inner;
    } rows[] = {{1, {3, 4, 5}, 1},
                {7, {1, 0, 2}, 3},
                {2, {30000, 1, 20000}, 2},
                {0, {1, 2, 3}, 4},
                {5, {0, 0, 0}, 2}};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 3; k++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                const int *part = rows[r].part, total = part[0] + part[1] + part[2];
                struct trykernel t = {.isa = (enum isa)isa};
                t.attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 1};
                for (int i = 0; i < 3; i++)
                    trykernel_randomise(
                        trykernel_in(&t, types[k], rows[r].outer, part[i], rows[r].inner, -1),
                        (uint64_t)i, 90);
                struct kernel_arg *y =
                    trykernel_out(&t, types[k], rows[r].outer, total, rows[r].inner, -1);
                trykernel_run(&t, OP_concat);
                bool same = true;
                for (int64_t i = 0; i < trykernel_count(y); i++) {
                    int64_t at[3];
                    int p = 0;
                    index_of(y, i, at);
                    while (at[1] >= part[p])
                        at[1] -= part[p++];
                    same = same &&
                           trykernel_get(y, i) == trykernel_get(&t.in[p], element_at(&t.in[p], at));
                }
                CU_ASSERT(same);
                trykernel_end(&t);
            }
}

static void one_hot_sets_ones_and_refuses_what_is_out_of_range(void) {
    static const enum dtype indices[] = {DTYPE_I32, DTYPE_I64, DTYPE_U8};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 3; k++)
            for (int type = 0; type < N_DTYPES; type++)
                for (int bad = -1; bad < 2; bad++) {
                    struct trykernel t = {.isa = (enum isa)isa};
                    t.attr[0] = (struct attr){.kind = ATTR_INT, .i = 10};
                    trykernel_in(&t, indices[k], 2000, -1);
                    for (int64_t i = 0; i < 2000; i++)
                        trykernel_set(&t.in[0], i, (double)(i * 7 % 10));
                    if (bad >= 0)
                        trykernel_set(&t.in[0], 1234, bad && indices[k] != DTYPE_U8 ? -1 : 12);
                    trykernel_out(&t, (enum dtype)type, 2000, 10, -1);
                    trykernel_run(&t, OP_one_hot);
                    bool same = true;
                    for (int64_t i = 0; i < 20000; i++)
                        same = same && (i / 10 == 1234 ||
                                        trykernel_get(&t.out[0], i) == (i % 10 == i / 10 * 7 % 10));
                    CU_ASSERT(same);
                    CU_ASSERT_EQUAL(t.fault.raised, bad >= 0);
                    if (bad >= 0) {
                        CU_ASSERT_EQUAL(t.fault.element, 1234);
                        UNIT_NEAR(t.fault.high, 10, 0);
                    }
                    trykernel_end(&t);
                }
}

static void fills_and_assigns(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++) {
            struct trykernel t = {.isa = (enum isa)isa};
            t.attr[0] = (struct attr){.kind = ATTR_FLOAT, .f = type == DTYPE_BOOL ? 1 : 7};
            trykernel_out(&t, (enum dtype)type, 100001, -1);
            trykernel_run(&t, OP_fill);
            double sum = 0;
            for (int64_t i = 0; i < 100001; i++)
                sum += trykernel_get(&t.out[0], i);
            UNIT_NEAR(sum, 100001 * t.attr[0].f, 0);
            trykernel_in(&t, (enum dtype)type, 100001, -1);
            trykernel_in(&t, (enum dtype)type, 100001, -1);
            trykernel_randomise(&t.in[1], 3, 50);
            trykernel_run(&t, OP_assign);
            CU_ASSERT(memcmp(t.in[1].data, t.out[0].data, 100001 * dtype_bytes((enum dtype)type)) ==
                      0);
            trykernel_end(&t);
        }
}

static void check_finite_names_the_first(void) {
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 2; k++)
            for (int b = -1; b < 3; b++) {
                struct trykernel t = {.isa = (enum isa)isa};
                trykernel_randomise(trykernel_in(&t, types[k], 50000, -1), 1, 90);
                trykernel_set(&t.in[0], 7, k ? 1e308 : 3e38);
                if (b >= 0) {
                    trykernel_set(&t.in[0], 49999, NAN);
                    trykernel_set(&t.in[0], 20001, bad[b]);
                }
                trykernel_out(&t, DTYPE_BOOL, -1);
                trykernel_run(&t, OP_check_finite);
                UNIT_NEAR(trykernel_get(&t.out[0], 0), b < 0, 0);
                CU_ASSERT_EQUAL(t.fault.raised, b >= 0);
                if (b >= 0)
                    CU_ASSERT_EQUAL(t.fault.element, 20001);
                trykernel_end(&t);
            }
}

void suite_ops_movement(void) {
    unit_suite("ops: movement");
    unit_test("transpose", transposes);
    unit_test("broadcast_to", broadcasts);
    unit_test("slice and slice_gradient", slices_and_their_gradients);
    unit_test("concat", concatenations);
    unit_test("one_hot", one_hot_sets_ones_and_refuses_what_is_out_of_range);
    unit_test("fill and assign", fills_and_assigns);
    unit_test("check_finite names the first bad element", check_finite_names_the_first);
}
