/* Sum, mean, prod, max, min, any, all, argmax and argmin over every set of axes, on every instruction set, against plain
 * loops in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "trykernel.h"
#include "unit.h"

static const enum op_id ops[] = {OP_sum, OP_mean, OP_max, OP_min, OP_prod, OP_any, OP_all};

static enum dtype result_type(enum op_id op, enum dtype t) {
    if (op == OP_mean)
        return t == DTYPE_F64 ? t : DTYPE_F32;
    return (op == OP_sum || op == OP_prod) && (t == DTYPE_BOOL || t == DTYPE_U8) ? DTYPE_I32 : t;
}

/* The element of the result that element i of x belongs to. */
static int64_t result_of(const struct kernel_arg *x, uint32_t axes, int64_t i) {
    int64_t index = 0, stride = 1;
    for (int k = x->rank - 1; k >= 0; k--) {
        int64_t at = i % x->dim[k];
        i /= x->dim[k];
        if (axes >> k & 1)
            continue;
        index += at * stride;
        stride *= x->dim[k];
    }
    return index;
}

static void combine(enum op_id op, double *acc, double v) {
    if (op == OP_sum || op == OP_mean)
        *acc += v;
    else if (op == OP_prod)
        *acc *= v;
    else if (op == OP_any || op == OP_all)
        *acc = op == OP_any ? *acc || v : *acc && v;
    else if (v != v || (*acc == *acc && (op == OP_max ? v > *acc : v < *acc)))
        *acc = v;
}

static double first_of(enum op_id op) {
    return op == OP_max ? -INFINITY : op == OP_min ? INFINITY : op == OP_prod || op == OP_all;
}

static void check(struct trykernel *t, enum op_id op, uint32_t axes, double tolerance) {
    struct kernel_arg *x = &t->in[0], *y = &t->out[0];
    int64_t n = trykernel_count(x), n_out = trykernel_count(y);
    double *want = calloc((size_t)n_out + 1, sizeof *want), start = first_of(op);
    for (int64_t i = 0; i < n_out; i++)
        want[i] = start;
    for (int64_t i = 0; i < n; i++)
        combine(op, &want[result_of(x, axes, i)], trykernel_get(x, i));
    trykernel_run(t, op);
    for (int64_t i = 0; i < n_out; i++) {
        double w = op == OP_mean ? want[i] / ((double)n / (double)n_out) : want[i];
        double got = trykernel_get(y, i);
        if (got == w || (got != got && w != w) || fabs(got - w) <= tolerance * (1 + fabs(w)))
            continue;
        printf("op %d over axes %x on %s: element %lld is %.9g, not %.9g\n", (int)op, axes,
               kernel_isa_name(t->isa), (long long)i, got, w);
        CU_FAIL("a reduction gives another result");
        break;
    }
    free(want);
}

/* Factors whose products stay near 1. */
static void fill_factors(struct kernel_arg *x) {
    bool floats = dtype_is_float(x->dtype), bits = x->dtype == DTYPE_BOOL || x->dtype == DTYPE_U8;
    for (int64_t i = 0; i < trykernel_count(x); i++) {
        uint32_t hash = (uint32_t)i * 2654435761u >> 16;
        double v = i % 20011 == 5 ? 3 : 1;
        if (floats)
            v = hash & 1 ? 1.03125 : 1 / 1.03125;
        trykernel_set(x, i, hash & 2 && !bits ? -v : v);
    }
}

static void reduce(enum isa isa, enum op_id op, enum dtype type, const int *dim, int rank,
                   uint32_t axes) {
    struct trykernel t = {.isa = isa};
    int d[5] = {-1, -1, -1, -1, -1}, kept[5] = {-1, -1, -1, -1, -1}, n_kept = 0;
    t.attr[0] = (struct attr){.kind = ATTR_AXES};
    t.attr[1] = (struct attr){.kind = ATTR_BOOL};
    for (int i = 0; i < rank; i++) {
        d[i] = dim[i];
        if (axes >> i & 1)
            t.attr[0].ints.v[t.attr[0].ints.n++] = i;
        else
            kept[n_kept++] = dim[i];
    }
    trykernel_randomise(trykernel_in(&t, type, d[0], d[1], d[2], d[3], -1), axes + 1, 10);
    if (op == OP_prod)
        fill_factors(&t.in[0]);
    trykernel_out(&t, result_type(op, type), kept[0], kept[1], kept[2], kept[3], -1);
    check(&t, op, axes, type == DTYPE_F64 || !dtype_is_float(type) ? 1e-7 : 1e-6);
    trykernel_end(&t);
}

static void every_set_of_axes(void) {
    static const int dims[][4] = {{3, 5, 4, 6}, {2, 70, 1, 33}, {17, 1, 3, 129}, {1, 1, 1, 1}};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (int rank = 0; rank <= 4; rank++)
                for (size_t i = 0; i < 4; i++)
                    for (uint32_t axes = 0; axes < 1u << rank; axes++)
                        for (int o = 0; o < (type == DTYPE_BOOL ? 7 : 5); o++)
                            reduce((enum isa)isa, ops[o], (enum dtype)type, dims[i], rank, axes);
}

/* Long runs and tall columns go through pieces that are joined in a second phase; narrow rows
 * are folded. */
static void large_shapes(void) {
    static const struct {
        int dim[3], rank;
        uint32_t axes;
    } rows[] = {
        {{100003}, 1, 1},      {{3, 50001}, 2, 2},   {{50, 1024}, 2, 1},   {{5000, 32}, 2, 1},
        {{20011, 10}, 2, 1},   {{4001, 10}, 2, 2},   {{7, 300, 40}, 3, 2}, {{40, 3, 500}, 3, 5},
        {{2, 30000, 3}, 3, 2}, {{300, 2, 70}, 3, 5}, {{9000, 1}, 2, 1},    {{1, 700, 513}, 3, 2},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                for (int o = 0; o < (type == DTYPE_BOOL ? 7 : 5); o++)
                    reduce((enum isa)isa, ops[o], (enum dtype)type, rows[i].dim, rows[i].rank,
                           rows[i].axes);
}

static void what_nothing_reduces_to(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        reduce((enum isa)isa, OP_sum, DTYPE_F32, (int[]){3, 0}, 2, 2);
        reduce((enum isa)isa, OP_sum, DTYPE_F32, (int[]){0, 3}, 2, 1);
        reduce((enum isa)isa, OP_sum, DTYPE_I32, (int[]){0, 3}, 2, 3);
        reduce((enum isa)isa, OP_sum, DTYPE_F64, (int[]){0, 3}, 2, 2);
        reduce((enum isa)isa, OP_prod, DTYPE_F32, (int[]){3, 0}, 2, 2);
        reduce((enum isa)isa, OP_prod, DTYPE_I64, (int[]){0, 3}, 2, 1);
        for (uint32_t axes = 1; axes < 4; axes++) {
            reduce((enum isa)isa, OP_any, DTYPE_BOOL, (int[]){3, 0}, 2, axes);
            reduce((enum isa)isa, OP_all, DTYPE_BOOL, (int[]){3, 0}, 2, axes);
        }
        struct trykernel t = {.isa = (enum isa)isa};
        t.attr[0] = (struct attr){.kind = ATTR_AXES, .ints = {.n = 1}};
        trykernel_in(&t, DTYPE_F32, 0, 3, -1);
        trykernel_out(&t, DTYPE_F32, 3, -1);
        trykernel_run(&t, OP_mean);
        CU_ASSERT(isnan(trykernel_get(&t.out[0], 2)));
        trykernel_end(&t);
    }
}

static void nan_wins(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int at = 0; at < 300; at += 23)
            for (int o = 2; o < 4; o++)
                for (uint32_t axes = 1; axes < 3; axes++) {
                    struct trykernel t = {.isa = (enum isa)isa};
                    t.attr[0] = (struct attr){.kind = ATTR_AXES, .ints = {.n = 1, .v = {axes - 1}}};
                    trykernel_randomise(trykernel_in(&t, DTYPE_F32, 3, 100, -1), 5, 4);
                    trykernel_set(&t.in[0], at, NAN);
                    trykernel_out(&t, DTYPE_F32, axes == 1 ? 100 : 3, -1);
                    check(&t, ops[o], axes, 0);
                    trykernel_end(&t);
                }
}

/* A million times 0.1 added up one by one in float is 100958.34. */
static void sums_of_floats_stay_near_exact(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int columns = 1; columns <= 8; columns *= 8) {
            struct trykernel t = {.isa = (enum isa)isa};
            t.attr[0] = (struct attr){.kind = ATTR_AXES, .ints = {.n = 1}};
            trykernel_in(&t, DTYPE_F32, 1000000, columns, -1);
            for (int64_t i = 0; i < 1000000 * columns; i++)
                trykernel_set(&t.in[0], i, 0.1);
            trykernel_out(&t, DTYPE_F32, columns, -1);
            trykernel_run(&t, OP_sum);
            UNIT_NEAR(trykernel_get(&t.out[0], columns - 1), 1e6 * (double)0.1f, 0.2);
            trykernel_end(&t);
        }
}

static void the_first_of_equals(void) {
    static const struct {
        int outer, n, inner;
    } rows[] = {{1, 1, 1},   {100, 10, 1}, {3, 1000, 1}, {5, 7, 3},
                {2, 33, 200}, {0, 4, 2},   {1, 5, 129},  {700, 48, 1},
                {5, 49, 1},  {2, 2100, 1}, {1, 3, 600}};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < 2 * N_DTYPES; type++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                enum op_id op = type < N_DTYPES ? OP_argmax : OP_argmin;
                enum dtype t_in = (enum dtype)(type % N_DTYPES);
                int outer = rows[r].outer, n = rows[r].n, inner = rows[r].inner;
                struct trykernel t = {.isa = (enum isa)isa};
                t.attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 1};
                trykernel_in(&t, t_in, outer, n, inner, -1);
                /* a few distinct values, so that there are ties */
                trykernel_randomise(&t.in[0], r, 0.1);
                if (dtype_is_float(t_in) && n == 33)
                    trykernel_set(&t.in[0], 7 * inner, NAN),
                        trykernel_set(&t.in[0], 9 * inner, NAN);
                trykernel_out(&t, DTYPE_I32, outer, inner, -1);
                trykernel_run(&t, op);
                for (int64_t i = 0; i < (int64_t)outer * inner; i++) {
                    int64_t base = i / inner * n * inner + i % inner, best = 0;
                    for (int64_t k = 1; k < n; k++) {
                        double v = trykernel_get(&t.in[0], base + k * inner);
                        double b = trykernel_get(&t.in[0], base + best * inner);
                        if ((op == OP_argmax ? v > b : v < b) || (v != v && b == b))
                            best = k;
                    }
                    CU_ASSERT(trykernel_get(&t.out[0], i) == (double)best);
                }
                trykernel_end(&t);
            }
}

void suite_ops_reduce(void) {
    unit_suite("ops: reduce");
    unit_test("every set of axes up to rank 4", every_set_of_axes);
    unit_test("shapes that are cut into pieces", large_shapes);
    unit_test("of nothing: 0, 1, false, true, NaN", what_nothing_reduces_to);
    unit_test("a NaN wins in max and min", nan_wins);
    unit_test("sums of a million floats stay near exact", sums_of_floats_stay_near_exact);
    unit_test("argmax and argmin take the first of equals, a NaN before all", the_first_of_equals);
}
