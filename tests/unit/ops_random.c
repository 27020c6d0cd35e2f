/* Random draws: the same bits on every instruction set and however the units are cut; means,
 * deviations and ranges; dropout. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "trykernel.h"
#include "unit.h"

enum { N = 200003 };

static void draw(struct trykernel *t, enum isa isa, enum op_id op, enum dtype type, double a,
                 double b, int n) {
    *t = (struct trykernel){.isa = isa, .draw = {42, 7, 3}};
    t->attr[1] = (struct attr){.kind = ATTR_FLOAT, .f = a};
    t->attr[2] = (struct attr){.kind = ATTR_FLOAT, .f = b};
    trykernel_out(t, type, n, -1);
    trykernel_run(t, op);
}

static void moments(const struct kernel_arg *a, double *mean, double *deviation, double *low,
                    double *high) {
    double sum = 0, squares = 0;
    *low = INFINITY, *high = -INFINITY;
    for (int64_t i = 0; i < N; i++) {
        double v = trykernel_get(a, i);
        sum += v;
        squares += v * v;
        *low = v < *low ? v : *low;
        *high = v > *high ? v : *high;
    }
    *mean = sum / N;
    *deviation = sqrt(squares / N - *mean * *mean);
}

static void distributions_have_their_moments(void) {
    for (int k = 0; k < 2; k++) {
        enum dtype type = k ? DTYPE_F64 : DTYPE_F32;
        struct trykernel t;
        double mean, deviation, low, high;
        draw(&t, kernel_best_isa(), OP_random_uniform, type, -1, 3, N);
        moments(&t.out[0], &mean, &deviation, &low, &high);
        UNIT_NEAR(mean, 1, 0.01);
        UNIT_NEAR(deviation, 4 / sqrt(12), 0.01);
        CU_ASSERT(low >= -1 && low < -0.999 && high < 3 && high > 2.999);
        trykernel_end(&t);
        draw(&t, kernel_best_isa(), OP_random_normal, type, 5, 2, N);
        moments(&t.out[0], &mean, &deviation, &low, &high);
        UNIT_NEAR(mean, 5, 0.02);
        UNIT_NEAR(deviation, 2, 0.02);
        CU_ASSERT(low < 5 - 2 * 4 && high > 5 + 2 * 4 && low > 5 - 2 * 7 && high < 5 + 2 * 7);
        trykernel_end(&t);
        /* the deviation of a normal cut at two is sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)) = 0.8796 */
        draw(&t, kernel_best_isa(), OP_truncated_normal, type, 0, 0.1, N);
        moments(&t.out[0], &mean, &deviation, &low, &high);
        UNIT_NEAR(mean, 0, 0.001);
        UNIT_NEAR(deviation, 0.08796, 0.0005);
        CU_ASSERT(low >= -0.2000001 && low < -0.199 && high <= 0.2000001 && high > 0.199);
        trykernel_end(&t);
    }
}

/* The share of draws below a few points against the exact distribution functions. */
static void distributions_have_their_shape(void) {
    static const double points[] = {-1.9, -1.5, -1, -0.5, -0.1, 0, 0.3, 0.8, 1.2, 1.7, 1.95};
    for (int op = 0; op < 2; op++)
        for (int k = 0; k < 2; k++) {
            struct trykernel t;
            draw(&t, kernel_best_isa(), op ? OP_truncated_normal : OP_random_normal,
                 k ? DTYPE_F64 : DTYPE_F32, 0, 1, N);
            for (size_t p = 0; p < sizeof points / sizeof *points; p++) {
                double below = 0, exact = 0.5 * erfc(-points[p] / sqrt(2));
                if (op)
                    exact = (exact - 0.5 * erfc(sqrt(2))) / erf(sqrt(2));
                for (int64_t i = 0; i < N; i++)
                    below += trykernel_get(&t.out[0], i) < points[p];
                UNIT_NEAR(below / N, exact, 4.5 * sqrt(exact * (1 - exact) / N));
            }
            trykernel_end(&t);
        }
}

static void neighbours_do_not_depend_on_each_other(void) {
    struct trykernel t;
    draw(&t, kernel_best_isa(), OP_random_normal, DTYPE_F32, 0, 1, N);
    for (int lag = 1; lag <= 4; lag++) {
        double sum = 0;
        for (int64_t i = 0; i + lag < N; i++)
            sum += trykernel_get(&t.out[0], i) * trykernel_get(&t.out[0], i + lag);
        UNIT_NEAR(sum / N, 0, 4.5 / sqrt(N));
    }
    trykernel_end(&t);
}

static void every_instruction_set_gives_the_same_bits(void) {
    static const enum op_id ops[] = {OP_random_uniform, OP_random_normal, OP_truncated_normal};
    for (int o = 0; o < 3; o++)
        for (int k = 0; k < 2; k++)
            for (int isa = 1; isa < trykernel_n_isas(); isa++) {
                enum dtype type = k ? DTYPE_F64 : DTYPE_F32;
                struct trykernel a, b;
                draw(&a, ISA_PORTABLE, ops[o], type, 0.25, 1.5, 5003);
                draw(&b, (enum isa)isa, ops[o], type, 0.25, 1.5, 5003);
                CU_ASSERT(memcmp(a.out[0].data, b.out[0].data, 5003 * dtype_bytes(type)) == 0);
                trykernel_end(&a);
                trykernel_end(&b);
            }
}

/* Element i is made of word i of the stream, from wherever the first one is; a whole number whose
 * word is not taken, of the first word of a later row that is. */
static void draws_are_the_words_of_philox(void) {
    enum { FIRST = 20, N_DRAWN = 3003, RANGE = 3 << 29 };
    struct rng_key key = rng_key_make(42, 7, 3);
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        struct trykernel t = {.isa = (enum isa)isa, .draw = {42, 7, 3, FIRST}}, w = t;
        t.attr[1].f = 0, t.attr[2].f = 1;
        w.attr[1].i = -5, w.attr[2].i = RANGE - 5;
        trykernel_out(&t, DTYPE_F32, N_DRAWN, -1), trykernel_out(&w, DTYPE_I32, N_DRAWN, -1);
        trykernel_run(&t, OP_random_uniform), trykernel_run(&w, OP_random_int);
        bool same = true, same_whole = true;
        for (uint64_t i = 0; i < N_DRAWN; i++) {
            uint64_t at = i + FIRST, row = 0, product = 0;
            uint32_t word = rng_philox(key, at / 4, 0).v[at % 4];
            same = same && trykernel_get(&t.out[0], (int64_t)i) == (double)rng_uniform_f32(word);
            do
                product = (uint64_t)rng_philox(key, at / 4, row++).v[at % 4] * RANGE;
            while ((uint32_t)product < ((uint64_t)1 << 32) % RANGE);
            same_whole = same_whole && trykernel_get(&w.out[0], (int64_t)i) ==
                                           (double)(int64_t)(product >> 32) - 5;
        }
        CU_ASSERT(same);
        CU_ASSERT(same_whole);
        trykernel_end(&t), trykernel_end(&w);
    }
}

static void an_element_does_not_depend_on_the_shape(void) {
    struct trykernel a, b;
    draw(&a, kernel_best_isa(), OP_random_normal, DTYPE_F32, 0, 1, 9001);
    draw(&b, kernel_best_isa(), OP_random_normal, DTYPE_F32, 0, 1, 123);
    CU_ASSERT(memcmp(a.out[0].data, b.out[0].data, 123 * sizeof(float)) == 0);
    trykernel_end(&a);
    trykernel_end(&b);
}

static void draw_int(struct trykernel *t, enum isa isa, enum dtype type, int64_t low, int64_t high,
                     int n) {
    *t = (struct trykernel){.isa = isa, .draw = {42, 7, 3}};
    t->attr[1] = (struct attr){.kind = ATTR_INT, .i = low};
    t->attr[2] = (struct attr){.kind = ATTR_INT, .i = high};
    trykernel_out(t, type, n, -1);
    trykernel_run(t, OP_random_int);
}

/* Three quarters of the range: by a product alone, or a remainder, two thirds of the results would
 * be twice as probable as the others, and a third of the draws has to be done again. */
static void whole_numbers_are_equally_probable(void) {
    for (int k = 0; k < 2; k++) {
        enum dtype type = k ? DTYPE_I64 : DTYPE_I32;
        double range = k ? 0x1.8p63 : 0x1.8p31, share[3] = {0};
        int64_t low = k ? -((int64_t)3 << 61) : -((int64_t)3 << 29);
        struct trykernel t;
        draw_int(&t, kernel_best_isa(), type, low, -low, N);
        for (int64_t i = 0; i < N; i++)
            share[(int)((trykernel_get(&t.out[0], i) + range / 2) / range * 2.999999)]++;
        for (int s = 0; s < 3; s++)
            UNIT_NEAR(share[s] / N, 1.0 / 3, 0.005);
        trykernel_end(&t);
        double seen[7] = {0};
        draw_int(&t, kernel_best_isa(), type, -3, 4, N);
        for (int64_t i = 0; i < N; i++)
            seen[(int)trykernel_get(&t.out[0], i) + 3]++;
        for (int s = 0; s < 7; s++)
            UNIT_NEAR(seen[s] / N, 1.0 / 7, 0.004);
        trykernel_end(&t);
        draw_int(&t, kernel_best_isa(), type, 5, 6, 9);
        UNIT_NEAR(trykernel_get(&t.out[0], 8), 5, 0);
        trykernel_end(&t);
        for (int isa = 1; isa < trykernel_n_isas(); isa++) {
            struct trykernel a, b;
            draw_int(&a, ISA_PORTABLE, type, low, -low, 9001);
            draw_int(&b, (enum isa)isa, type, low, -low, 9001);
            CU_ASSERT(memcmp(a.out[0].data, b.out[0].data, 9001 * dtype_bytes(type)) == 0);
            trykernel_end(&a);
            trykernel_end(&b);
        }
    }
}

/* Of 3 numbers each of the 6 orders has its share; of many each comes once, on every instruction
 * set in the same order. */
static void permutations(void) {
    double share[27] = {0};
    for (uint64_t step = 0; step < 6000; step++) {
        struct trykernel t = {.isa = kernel_best_isa(), .draw = {1, 2, step}};
        const int32_t *p = trykernel_out(&t, DTYPE_I32, 3, -1)->data;
        trykernel_run(&t, OP_random_permutation);
        share[p[0] * 9 + p[1] * 3 + p[2]]++;
        trykernel_end(&t);
    }
    int n_orders = 0;
    for (int i = 0; i < 27; i++) {
        n_orders += share[i] > 0;
        if (share[i] > 0)
            UNIT_NEAR(share[i] / 6000, 1.0 / 6, 0.025);
    }
    CU_ASSERT_EQUAL(n_orders, 6);
    static int32_t first[N];
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        struct trykernel t = {.isa = (enum isa)isa, .draw = {1, 2, 3}};
        const int32_t *p = trykernel_out(&t, DTYPE_I32, N, -1)->data;
        trykernel_run(&t, OP_random_permutation);
        static bool seen[N];
        memset(seen, 0, sizeof seen);
        int64_t n = 0, in_place = 0;
        for (int64_t i = 0; i < N; i++) {
            n += !seen[p[i]], in_place += p[i] == i;
            seen[p[i]] = true;
        }
        CU_ASSERT(n == N && in_place < 12);
        CU_ASSERT(isa == 0 || memcmp(first, p, sizeof first) == 0);
        memcpy(first, p, sizeof first);
        trykernel_end(&t);
    }
}

static void dropout_keeps_and_scales(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 2; k++) {
            enum dtype type = k ? DTYPE_F64 : DTYPE_F32;
            struct trykernel t = {.isa = (enum isa)isa, .draw = {1, 2, 3}};
            trykernel_in(&t, type, N, -1);
            trykernel_in(&t, type, -1);
            for (int64_t i = 0; i < N; i++)
                trykernel_set(&t.in[0], i, (double)(i % 100 + 1));
            trykernel_set(&t.in[1], 0, 0.75);
            trykernel_out(&t, type, N, -1);
            trykernel_run(&t, OP_dropout);
            double kept = 0;
            bool right = true;
            for (int64_t i = 0; i < N; i++) {
                double y = trykernel_get(&t.out[0], i);
                kept += y != 0;
                right = right && (y == 0 || fabs(y - (double)(i % 100 + 1) / 0.75) < 1e-4);
            }
            CU_ASSERT(right);
            UNIT_NEAR(kept / N, 0.75, 0.005);
            trykernel_set(&t.in[1], 0, 1);
            trykernel_run(&t, OP_dropout);
            CU_ASSERT(memcmp(t.out[0].data, t.in[0].data, N * dtype_bytes(type)) == 0);
            CU_ASSERT_EQUAL(t.fault.raised, 0);
            static const double bad[] = {0, -0.5, 1.5, NAN};
            for (int b = 0; b < 4; b++) {
                t.fault = (struct kernel_fault){0};
                trykernel_set(&t.in[1], 0, bad[b]);
                trykernel_run(&t, OP_dropout);
                CU_ASSERT_EQUAL(t.fault.raised, 1);
                UNIT_NEAR(t.fault.high, 1, 0);
            }
            trykernel_end(&t);
        }
}

static void empty_draws(void) {
    struct trykernel t;
    draw(&t, kernel_best_isa(), OP_random_normal, DTYPE_F32, 0, 1, 0);
    trykernel_end(&t);
}

void suite_ops_random(void) {
    unit_suite("ops: random");
    unit_test("means, deviations and ranges", distributions_have_their_moments);
    unit_test("distribution functions", distributions_have_their_shape);
    unit_test("neighbours are independent", neighbours_do_not_depend_on_each_other);
    unit_test("draws are the words of Philox", draws_are_the_words_of_philox);
    unit_test("the same bits on every instruction set", every_instruction_set_gives_the_same_bits);
    unit_test("an element does not depend on the shape", an_element_does_not_depend_on_the_shape);
    unit_test("whole numbers are equally probable", whole_numbers_are_equally_probable);
    unit_test("permutations", permutations);
    unit_test("dropout keeps, scales and refuses", dropout_keeps_and_scales);
    unit_test("nothing to draw", empty_draws);
}
