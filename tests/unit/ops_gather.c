/* gather and scatter_add on every instruction set and dtype, against a loop over indices: rows of
 * one element, of less and of more than a unit, several indices for one element, none at all. */
#include "trykernel.h"
#include "unit.h"

static const struct {
    int outer, size, inner, n;
} rows[] = {
    {1, 5, 1, 40000}, {1, 700, 130, 300}, {3, 40, 1, 50}, {2, 3, 20000, 2}, {1, 4, 70, 1},
    {5, 4, 3, 0},     {0, 4, 3, 6},       {2, 4, 0, 6},   {1, 1, 1, 1},     {300, 2, 9, 7},
};
static const enum dtype whole[] = {DTYPE_I32, DTYPE_I64, DTYPE_U8};

/* x or target as [outer, size, inner] and the indices, some of them equal. */
static void begin(struct trykernel *t, int isa, enum dtype type, size_t r) {
    *t = (struct trykernel){.isa = (enum isa)isa};
    t->attr[0] = (struct attr){.kind = ATTR_AXIS, .i = 1};
    trykernel_in(t, type, rows[r].outer, rows[r].size, rows[r].inner, -1);
    trykernel_randomise(&t->in[0], r, 2);
    trykernel_in(t, whole[r % 3], rows[r].n, -1);
    for (int64_t i = 0; i < rows[r].n; i++)
        trykernel_set(&t->in[1], i,
                      (double)(i * i * 31 % (rows[r].size < 256 ? rows[r].size : 256)));
}

static int64_t place(size_t r, int64_t outer, int64_t index, int64_t k, bool taken) {
    return (outer * (taken ? rows[r].n : rows[r].size) + index) * rows[r].inner + k;
}

static void gathers(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < N_DTYPES; type++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                struct trykernel t;
                begin(&t, isa, (enum dtype)type, r);
                trykernel_out(&t, (enum dtype)type, rows[r].outer, rows[r].n, rows[r].inner, -1);
                trykernel_run(&t, OP_gather);
                bool same = t.fault.raised == 0;
                for (int64_t o = 0; o < rows[r].outer; o++)
                    for (int64_t i = 0; i < rows[r].n; i++)
                        for (int64_t k = 0; k < rows[r].inner; k++) {
                            int64_t index = (int64_t)trykernel_get(&t.in[1], i);
                            same =
                                same && trykernel_get(&t.out[0], place(r, o, i, k, true)) ==
                                            trykernel_get(&t.in[0], place(r, o, index, k, false));
                        }
                CU_ASSERT(same);
                trykernel_end(&t);
            }
}

/* In the order of the indices, so that floats are the same to the bit. */
static void scatters(void) {
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_U8};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (size_t type = 0; type < sizeof types / sizeof *types; type++)
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                struct trykernel t;
                begin(&t, isa, types[type], r);
                trykernel_in(&t, types[type], rows[r].outer, rows[r].n, rows[r].inner, -1);
                trykernel_randomise(&t.in[2], r + 100, 2);
                trykernel_out(&t, types[type], rows[r].outer, rows[r].size, rows[r].inner, -1);
                trykernel_run(&t, OP_scatter_add);
                struct kernel_arg *sum =
                    trykernel_in(&t, types[type], rows[r].outer, rows[r].size, rows[r].inner, -1);
                for (int64_t i = 0; i < trykernel_count(sum); i++)
                    trykernel_set(sum, i, trykernel_get(&t.in[0], i));
                for (int64_t o = 0; o < rows[r].outer; o++)
                    for (int64_t i = 0; i < rows[r].n; i++)
                        for (int64_t k = 0; k < rows[r].inner; k++) {
                            int64_t to = place(r, o, (int64_t)trykernel_get(&t.in[1], i), k, false);
                            double v = trykernel_get(sum, to) +
                                       trykernel_get(&t.in[2], place(r, o, i, k, true));
                            if (types[type] == DTYPE_U8)
                                v = (double)((int64_t)v & 255);
                            trykernel_set(sum, to, v);
                        }
                bool same = t.fault.raised == 0;
                for (int64_t i = 0; i < trykernel_count(sum); i++)
                    same = same && trykernel_get(sum, i) == trykernel_get(&t.out[0], i);
                CU_ASSERT(same);
                trykernel_end(&t);
            }
}

static void raises_what_is_out_of_range(void) {
    static const double bad[] = {-1, 5, 1e9};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int b = 0; b < 3; b++)
            for (int add = 0; add < 2; add++) {
                struct trykernel t = {.isa = (enum isa)isa};
                t.attr[0] = (struct attr){.kind = ATTR_AXIS};
                trykernel_randomise(trykernel_in(&t, DTYPE_F32, 5, 3, -1), 1, 9);
                trykernel_in(&t, DTYPE_I32, 100, -1);
                for (int64_t i = 0; i < 100; i++)
                    trykernel_set(&t.in[1], i, i == 77 ? bad[b] : (double)(i % 5));
                if (add)
                    trykernel_randomise(trykernel_in(&t, DTYPE_F32, 100, 3, -1), 2, 9);
                trykernel_out(&t, DTYPE_F32, add ? 5 : 100, 3, -1);
                trykernel_run(&t, add ? OP_scatter_add : OP_gather);
                CU_ASSERT(t.fault.raised);
                CU_ASSERT_EQUAL(t.fault.element, 77);
                UNIT_NEAR(t.fault.value, bad[b], 0);
                UNIT_NEAR(t.fault.low, 0, 0);
                UNIT_NEAR(t.fault.high, 5, 0);
                trykernel_end(&t);
            }
}

void suite_ops_gather(void) {
    unit_suite("ops: gather and scatter_add");
    unit_test("gather", gathers);
    unit_test("scatter_add", scatters);
    unit_test("an index out of range is a fault", raises_what_is_out_of_range);
}
