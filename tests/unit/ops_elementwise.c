/* The evaluator of elementwise chains, on every instruction set: single ops of all dtypes,
 * casts, broadcasting of every kind, chains against double arithmetic, and results stored over
 * operands. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trykernel.h"
#include "unit.h"

static void add_instruction(struct ew_program *p, enum op_id op, enum dtype t, int a, int b,
                            int c) {
    p->at[p->n_instructions++] =
        (struct ew_instruction){op, t, t, {(int16_t)a, (int16_t)b, (int16_t)c}, EW_FULL};
}

/* op over (x, y) of one dtype: element i of the result. */
static double once(enum isa isa, enum op_id op, enum dtype in, enum dtype out, double x, double y) {
    struct ew_program p = {
        .n_in = 2, .n_instructions = 1, .n_out = 1, .out = {2}, .rank = 1, .dim = {3}};
    bool unary = op < OP_add || op == OP_cast;
    p.at[0] = (struct ew_instruction){op, in, out, {0, unary ? -1 : 1, -1}, EW_FULL};
    struct trykernel t = {.isa = isa, .program = &p};
    trykernel_in(&t, in, 3, -1);
    trykernel_in(&t, in, 3, -1);
    for (int i = 0; i < 3; i++) {
        trykernel_set(&t.in[0], i, x);
        trykernel_set(&t.in[1], i, y);
    }
    trykernel_out(&t, out, 3, -1);
    trykernel_run(&t, OP_NONE);
    double r = trykernel_get(&t.out[0], 2);
    CU_ASSERT(trykernel_get(&t.out[0], 0) == r || r != r);
    trykernel_end(&t);
    return r;
}

/* As Python has them. */
static void whole_number_division_rounds_down(void) {
    static const struct {
        double x, y, quotient, rest;
    } rows[] = {
        {7, 2, 3, 1},    {-7, 2, -4, 1}, {7, -2, -4, -1},
        {-7, -2, 3, -1}, {6, 3, 2, 0},   {-6, 3, -2, 0},
    };
    static const enum dtype types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64};
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        for (int k = 0; k < 4; k++)
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                enum dtype t = types[k];
                UNIT_NEAR(once(isa, OP_floordiv, t, t, rows[i].x, rows[i].y), rows[i].quotient, 0);
                UNIT_NEAR(once(isa, OP_mod, t, t, rows[i].x, rows[i].y), rows[i].rest, 0);
            }
        UNIT_NEAR(once(isa, OP_floordiv, DTYPE_U8, DTYPE_U8, 250, 7), 35, 0);
        UNIT_NEAR(once(isa, OP_mod, DTYPE_U8, DTYPE_U8, 250, 7), 5, 0);
        CU_ASSERT(isinf(once(isa, OP_floordiv, DTYPE_F32, DTYPE_F32, 1, 0)));
        CU_ASSERT(isnan(once(isa, OP_mod, DTYPE_F32, DTYPE_F32, 1, 0)));
    }
}

static void whole_numbers_wrap_and_never_trap(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        enum dtype i32 = DTYPE_I32, i64 = DTYPE_I64, u8 = DTYPE_U8;
        UNIT_NEAR(once(isa, OP_floordiv, i32, i32, 5, 0), 0, 0);
        UNIT_NEAR(once(isa, OP_mod, i32, i32, 5, 0), 0, 0);
        UNIT_NEAR(once(isa, OP_mod, u8, u8, 5, 0), 0, 0);
        UNIT_NEAR(once(isa, OP_floordiv, i32, i32, INT32_MIN, -1), INT32_MIN, 0);
        UNIT_NEAR(once(isa, OP_mod, i32, i32, INT32_MIN, -1), 0, 0);
        UNIT_NEAR(once(isa, OP_floordiv, i64, i64, -0x1p63, -1), -0x1p63, 0);
        UNIT_NEAR(once(isa, OP_add, i32, i32, INT32_MAX, 1), INT32_MIN, 0);
        UNIT_NEAR(once(isa, OP_mul, i32, i32, 65536, 65536), 0, 0);
        UNIT_NEAR(once(isa, OP_neg, i32, i32, INT32_MIN, 0), INT32_MIN, 0);
        UNIT_NEAR(once(isa, OP_abs, i64, i64, -0x1p63, 0), -0x1p63, 0);
        UNIT_NEAR(once(isa, OP_mul, i64, i64, 0x1p62, 2), -0x1p63, 0);
        UNIT_NEAR(once(isa, OP_add, u8, u8, 200, 100), 44, 0);
        UNIT_NEAR(once(isa, OP_sub, u8, u8, 1, 2), 255, 0);
        UNIT_NEAR(once(isa, OP_sign, i32, i32, -9, 0), -1, 0);
    }
}

static void nan_wins_and_zeros_keep_their_sign(void) {
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int k = 0; k < 2; k++) {
            enum dtype t = k ? DTYPE_F64 : DTYPE_F32;
            CU_ASSERT(isnan(once(isa, OP_maximum, t, t, NAN, 1)));
            CU_ASSERT(isnan(once(isa, OP_maximum, t, t, 1, NAN)));
            CU_ASSERT(isnan(once(isa, OP_minimum, t, t, NAN, 1)));
            CU_ASSERT(isnan(once(isa, OP_minimum, t, t, 1, NAN)));
            CU_ASSERT(isnan(once(isa, OP_relu, t, t, NAN, 0)));
            CU_ASSERT(signbit(once(isa, OP_neg, t, t, 0, 0)));
            UNIT_NEAR(once(isa, OP_relu, t, t, -3, 0), 0, 0);
            UNIT_NEAR(once(isa, OP_floor, t, t, -2.5, 0), -3, 0);
            UNIT_NEAR(once(isa, OP_equal, t, DTYPE_BOOL, NAN, NAN), 0, 0);
            UNIT_NEAR(once(isa, OP_not_equal, t, DTYPE_BOOL, NAN, NAN), 1, 0);
            UNIT_NEAR(once(isa, OP_less_equal, t, DTYPE_BOOL, 2, 2), 1, 0);
            UNIT_NEAR(once(isa, OP_sigmoid, t, t, 0, 0), 0.5, 0);
            UNIT_NEAR(once(isa, OP_pow, t, t, -2, 3), -8, 0);
        }
}

static void casts_cut_and_hold_to_the_range(void) {
    static const struct {
        double from;
        enum dtype to;
        double want;
    } rows[] = {
        {2.9, DTYPE_I32, 2},
        {-2.9, DTYPE_I32, -2},
        {1e20, DTYPE_I32, INT32_MAX},
        {-1e20, DTYPE_I32, INT32_MIN},
        {NAN, DTYPE_I32, 0},
        {1e30, DTYPE_I64, 0x1p63},
        {-1e30, DTYPE_I64, -0x1p63},
        {-0.5, DTYPE_U8, 0},
        {-7, DTYPE_U8, 0},
        {255.5, DTYPE_U8, 255},
        {300, DTYPE_U8, 255},
        {0.25, DTYPE_BOOL, 1},
        {0, DTYPE_BOOL, 0},
        {NAN, DTYPE_BOOL, 1},
        {0.5, DTYPE_F64, 0.5},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            for (int k = 0; k < 2; k++)
                UNIT_NEAR(
                    once(isa, OP_cast, k ? DTYPE_F64 : DTYPE_F32, rows[i].to, rows[i].from, 0),
                    rows[i].want, 0);
        UNIT_NEAR(once(isa, OP_cast, DTYPE_I32, DTYPE_U8, 257, 0), 1, 0);
        UNIT_NEAR(once(isa, OP_cast, DTYPE_I64, DTYPE_BOOL, -5, 0), 1, 0);
        UNIT_NEAR(once(isa, OP_cast, DTYPE_BOOL, DTYPE_F32, 1, 0), 1, 0);
    }
}

static int64_t broadcast_index(const struct ew_program *p, const struct kernel_arg *a, int64_t i) {
    int64_t index = 0, stride = 1;
    for (int k = p->rank - 1; k >= 0; k--) {
        int own = k - (p->rank - a->rank);
        int64_t at = i % p->dim[k];
        i /= p->dim[k];
        if (own < 0)
            continue;
        index += a->dim[own] == 1 ? 0 : at * stride;
        stride *= a->dim[own];
    }
    return index;
}

static double evaluate(const struct ew_instruction *s, double x, double y, double z) {
    switch (s->op) {
    case OP_add:
        return x + y;
    case OP_sub:
        return x - y;
    case OP_mul:
        return x * y;
    case OP_div:
        return x / y;
    case OP_neg:
        return -x;
    case OP_abs:
        return fabs(x);
    case OP_relu:
        return x > 0 ? x : 0;
    case OP_sqrt:
        return sqrt(x);
    case OP_maximum:
        return x > y ? x : y;
    case OP_greater:
        return x > y;
    case OP_less:
        return x < y;
    case OP_where:
        return x != 0 ? y : z;
    default:
        return x;
    }
}

/* What operand `number` of the program is at element i. */
static double expect(const struct trykernel *t, int number, int64_t i) {
    double value[MAX_EW_INPUTS + MAX_EW_INSTRUCTIONS];
    const struct ew_program *p = t->program;
    for (int k = 0; k < p->n_in; k++)
        value[k] = trykernel_get(&t->in[k], broadcast_index(p, &t->in[k], i));
    for (int k = 0; k < p->n_instructions; k++) {
        const struct ew_instruction *s = &p->at[k];
        double v[3] = {0};
        for (int o = 0; o < 3; o++)
            if (s->operand[o] >= 0)
                v[o] = value[s->operand[o]];
        value[p->n_in + k] = evaluate(s, v[0], v[1], v[2]);
    }
    return value[number];
}

/* Runs t and compares every output with plain arithmetic, made before the run: outputs may lie
 * over inputs. */
static void check(const char *what, struct trykernel *t, double tolerance) {
    const struct ew_program *p = t->program;
    int64_t n = trykernel_count(&t->out[0]);
    double *want = malloc((size_t)(n * p->n_out + 1) * sizeof *want);
    for (int o = 0; o < p->n_out; o++)
        for (int64_t i = 0; i < n; i++)
            want[o * n + i] = expect(t, p->out[o], i);
    trykernel_run(t, OP_NONE);
    for (int o = 0; o < p->n_out; o++)
        for (int64_t i = 0; i < n; i++) {
            double got = trykernel_get(&t->out[o], i), w = want[o * n + i];
            if (fabs(got - w) <= tolerance * (1 + fabs(w)))
                continue;
            printf("%s on %s: output %d, element %lld is %.9g, not %.9g\n", what,
                   kernel_isa_name(t->isa), o, (long long)i, got, w);
            CU_FAIL("a chain gives another result");
            free(want);
            return;
        }
    free(want);
}

static void operands_broadcast(void) {
    static const int shapes[][3][4] = {
        {{3, 5, 7, -1}, {7, -1}, {3, 5, 1, -1}},
        {{700, 10, -1}, {10, -1}, {700, 1, -1}},
        {{4, 1000, -1}, {1000, -1}, {4, 1, -1}},
        {{6, 5, 33, -1}, {5, 1, -1}, {6, 1, 33, -1}},
        {{1, -1}, {-1}, {1, 1, -1}},
        {{2, 3, 4, -1}, {1, 3, 1, -1}, {2, 1, 4, -1}},
        {{0, 5, -1}, {5, -1}, {1, -1}},
        {{90, 513, -1}, {1, 513, -1}, {90, 1, -1}},
        {{512, 3, -1}, {3, -1}, {-1}},
        {{5, 129, 4, -1}, {129, 1, -1}, {5, 1, 4, -1}},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int type = 0; type < 4; type++)
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
                static const enum dtype types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64};
                struct ew_program p = {.n_in = 3, .n_out = 2, .out = {5, 4}};
                struct trykernel t = {.isa = (enum isa)isa, .program = &p};
                for (int a = 0; a < 3; a++) {
                    const int *d = shapes[s][a];
                    struct kernel_arg *in = trykernel_in(&t, types[type], d[0], d[0] < 0 ? 0 : d[1],
                                                         d[0] < 0 || d[1] < 0 ? 0 : d[2], -1);
                    trykernel_randomise(in, s * 10 + (uint64_t)a, 8);
                    for (int k = 0; k < in->rank; k++) {
                        int axis = 3 - in->rank + k;
                        if (p.dim[axis] <= 1 || in->dim[k] == 0)
                            p.dim[axis] = in->dim[k];
                    }
                    p.rank = in->rank > p.rank ? in->rank : p.rank;
                }
                memmove(p.dim, p.dim + 3 - p.rank, (size_t)p.rank * sizeof *p.dim);
                add_instruction(&p, OP_mul, types[type], 0, 1, -1);
                add_instruction(&p, OP_sub, types[type], 3, 2, -1);
                add_instruction(&p, OP_maximum, types[type], 4, 1, -1);
                for (int o = 0; o < 2; o++)
                    trykernel_out(&t, types[type], (int)p.dim[0], p.rank > 1 ? (int)p.dim[1] : -1,
                                  p.rank > 2 ? (int)p.dim[2] : -1, -1);
                for (int o = 0; o < 2; o++)
                    t.out[o].rank = p.rank;
                check("a broadcast", &t, 1e-5);
                trykernel_end(&t);
            }
}

/* Random chains over inputs of several kinds, with comparisons and where in between. */
static void chains_equal_plain_arithmetic(void) {
    static const enum op_id ops[] = {OP_add,  OP_sub, OP_mul, OP_add,   OP_mul, OP_maximum,
                                     OP_relu, OP_abs, OP_neg, OP_where, OP_div, OP_sqrt};
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (uint32_t seed = 1; seed < 200; seed++) {
            enum dtype type = seed % 3 ? DTYPE_F64 : DTYPE_F32;
            struct ew_program p = {
                .n_in = 4, .rank = 2, .dim = {seed % 7 + 1, seed * 37 % 400 + 1}};
            struct trykernel t = {.isa = (enum isa)isa, .program = &p};
            int rows = (int)p.dim[0], columns = (int)p.dim[1];
            trykernel_in(&t, type, rows, columns, -1);
            trykernel_in(&t, type, columns, -1);
            trykernel_in(&t, type, rows, 1, -1);
            trykernel_in(&t, type, -1);
            for (int i = 0; i < 4; i++)
                trykernel_randomise(&t.in[i], seed * 4 + (uint32_t)i, 2);
            uint32_t state = seed * 2654435761u;
            int n = 6 + (int)(seed % 20);
            while (p.n_instructions < n) {
                int have = p.n_in + p.n_instructions, pick[3];
                for (int k = 0; k < 3; k++) {
                    state = state * 1664525u + 1013904223u;
                    int back = (int)(state >> 16) % (have < 6 ? have : 6);
                    pick[k] = state >> 31 ? have - 1 - back : (int)(state >> 16) % have;
                    while (pick[k] >= p.n_in && p.at[pick[k] - p.n_in].dtype == DTYPE_BOOL)
                        pick[k]--;
                }
                enum op_id op = ops[(state >> 20) % (sizeof ops / sizeof *ops)];
                if (op == OP_where) {
                    add_instruction(&p, seed & 1 ? OP_greater : OP_less, type, pick[0], pick[1],
                                    -1);
                    p.at[p.n_instructions - 1].dtype = DTYPE_BOOL;
                    add_instruction(&p, OP_where, type, have, pick[1], pick[2]);
                } else if (op == OP_sqrt || op == OP_div) {
                    add_instruction(&p, OP_abs, type, pick[0], -1, -1);
                    add_instruction(&p, OP_sqrt, type, have, -1, -1);
                    add_instruction(&p, OP_maximum, type, have + 1, 3, -1);
                    add_instruction(&p, OP_relu, type, have + 2, -1, -1);
                } else if (op == OP_mul) {
                    /* keeps values from growing without bound */
                    add_instruction(&p, OP_mul, type, pick[0], 3, -1);
                } else {
                    bool unary = op == OP_relu || op == OP_abs || op == OP_neg;
                    add_instruction(&p, op, type, pick[0], unary ? -1 : pick[1], -1);
                }
            }
            int last = p.n_in + p.n_instructions - 1;
            p.out[p.n_out++] = (int16_t)last;
            if (seed & 2)
                p.out[p.n_out++] =
                    (int16_t)(last - (p.at[last - 1 - p.n_in].dtype == DTYPE_BOOL ? 2 : 1));
            if (seed & 4)
                p.out[p.n_out++] = 0;
            for (int o = 0; o < p.n_out; o++)
                trykernel_out(&t, type, rows, columns, -1);
            check("a random chain", &t, type == DTYPE_F64 ? 1e-12 : 1e-4);
            trykernel_end(&t);
        }
}

/* The super-instructions that training leans on, one by one. */
static void joined_instructions_compute_the_same(void) {
    static const struct {
        enum op_id outer, left, right;
    } rows[] = {
        {OP_add, OP_mul, OP_mul},  {OP_sub, OP_mul, OP_mul},  {OP_add, OP_mul, OP_NONE},
        {OP_add, OP_NONE, OP_mul}, {OP_sub, OP_mul, OP_NONE}, {OP_sub, OP_NONE, OP_mul},
        {OP_add, OP_NONE, OP_div}, {OP_sub, OP_NONE, OP_div}, {OP_mul, OP_mul, OP_NONE},
        {OP_mul, OP_NONE, OP_mul}, {OP_mul, OP_sub, OP_NONE}, {OP_mul, OP_NONE, OP_sub},
    };
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            for (int k = 0; k < 2; k++) {
                enum dtype type = k ? DTYPE_F64 : DTYPE_F32;
                struct ew_program p = {.n_in = 4, .n_out = 1, .rank = 1, .dim = {1203}};
                struct trykernel t = {.isa = (enum isa)isa, .program = &p};
                for (int i = 0; i < 4; i++)
                    trykernel_randomise(trykernel_in(&t, type, 1203, -1), r * 4 + (uint64_t)i, 4);
                for (int64_t i = 0; i < 1203; i++)
                    for (int a = 0; a < 4; a++)
                        if (trykernel_get(&t.in[a], i) == 0)
                            trykernel_set(&t.in[a], i, 1);
                int left = 0, right = 1;
                if (rows[r].left != OP_NONE) {
                    left = p.n_in + p.n_instructions;
                    add_instruction(&p, rows[r].left, type, 0, 2, -1);
                }
                if (rows[r].right != OP_NONE) {
                    right = p.n_in + p.n_instructions;
                    add_instruction(&p, rows[r].right, type, 1, 3, -1);
                }
                p.out[0] = (int16_t)(p.n_in + p.n_instructions);
                add_instruction(&p, rows[r].outer, type, left, right, -1);
                trykernel_out(&t, type, 1203, -1);
                check("a joined instruction", &t, k ? 1e-14 : 1e-6);
                trykernel_end(&t);
            }
}

/* Runs Adam's chain, or a chain that reads operands after results were stored over them, in
 * place and apart. */
static void run_in_place(enum isa isa, const struct ew_program *p, const int *over, bool in_place,
                         float *result) {
    enum { N = 1500 };
    struct kernel_arg in[MAX_EW_INPUTS], out[MAX_EW_OUTPUTS];
    struct arena arena = {0};
    struct kernel_work w = {0};
    for (int i = 0; i < p->n_in; i++) {
        in[i] = (struct kernel_arg){
            .data = aligned_alloc(64, N * 4 + 16), .dtype = DTYPE_F32, .rank = 1, .dim = {N}};
        trykernel_randomise(&in[i], (uint64_t)i + 1, 4);
        for (int64_t k = 0; k < N; k++)
            trykernel_set(&in[i], k, fabs(trykernel_get(&in[i], k)) + 0.5);
    }
    for (int o = 0; o < p->n_out; o++)
        out[o] = in_place ? in[over[o]]
                          : (struct kernel_arg){
                                .data = malloc(N * 4), .dtype = DTYPE_F32, .rank = 1, .dim = {N}};
    struct kernel_call c = {.n_in = p->n_in, .n_out = p->n_out, .in = in, .out = out, .program = p};
    const struct kernel *k = kernel_elementwise(isa);
    k->prepare(&c, &w, &arena);
    void *scratch = aligned_alloc(64, w.scratch_bytes + 64);
    for (int64_t u = 0; u < w.units[0]; u++)
        k->run(&c, 0, u, u + 1, scratch);
    for (int o = 0; o < p->n_out; o++)
        memcpy(result + o * N, out[o].data, N * 4);
    for (int i = 0; i < p->n_in; i++)
        free(in[i].data);
    for (int o = 0; o < p->n_out && !in_place; o++)
        free(out[o].data);
    free(scratch);
    arena_free(&arena);
}

static void results_may_be_stored_over_operands(void) {
    enum { N = 1500 };
    /* each output lies over the input of the same place in `over` */
    struct ew_program swap = {.n_in = 2, .n_out = 2, .out = {1, 0}, .rank = 1, .dim = {N}};
    struct ew_program late = {.n_in = 3, .n_out = 3, .out = {3, 4, 5}, .rank = 1, .dim = {N}};
    add_instruction(&late, OP_mul, DTYPE_F32, 0, 1, -1);
    add_instruction(&late, OP_div, DTYPE_F32, 0, 2, -1);
    add_instruction(&late, OP_sub, DTYPE_F32, 1, 0, -1);
    struct ew_program twice = {.n_in = 2, .n_out = 2, .out = {2, 2}, .rank = 1, .dim = {N}};
    add_instruction(&twice, OP_add, DTYPE_F32, 0, 1, -1);
    const struct ew_program *programs[] = {&swap, &late, &twice};
    static const int over[3] = {0, 1, 2};
    static float together[3 * N], apart[3 * N];
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int i = 0; i < 3; i++) {
            run_in_place((enum isa)isa, programs[i], over, true, together);
            run_in_place((enum isa)isa, programs[i], over, false, apart);
            CU_ASSERT(memcmp(together, apart, sizeof(float) * N * (size_t)programs[i]->n_out) == 0);
        }
}

void suite_ops_elementwise(void) {
    unit_suite("ops: elementwise");
    unit_test("// and % round down, as in Python", whole_number_division_rounds_down);
    unit_test("whole numbers wrap and never trap", whole_numbers_wrap_and_never_trap);
    unit_test("a NaN wins, zeros keep their sign", nan_wins_and_zeros_keep_their_sign);
    unit_test("casts cut and hold to the range", casts_cut_and_hold_to_the_range);
    unit_test("operands of all kinds broadcast", operands_broadcast);
    unit_test("random chains equal plain arithmetic", chains_equal_plain_arithmetic);
    unit_test("joined instructions compute the same", joined_instructions_compute_the_same);
    unit_test("results may be stored over operands", results_may_be_stored_over_operands);
}
