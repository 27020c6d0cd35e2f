/* exp, log, sin, erf, .. of floats, on every instruction set: errors in units of the last place
 * against the C library's double functions, and the values at the edges. A sample of one float in
 * 4096, all exponents among them; MATH=all takes all 2^32 and prints the largest errors:
 *
 *     MATH=all build/tests/unit ops_math          some minutes a function
 *     MATH=all:exp build/tests/unit ops_math      exp alone */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trykernel.h"
#include "unit.h"

enum { N = 1 << 20, APART = 4096 };

static double exact(enum op_id op, double x, double y) {
    switch (op) {
    case OP_exp:
        return exp(x);
    case OP_log:
        return log(x);
    case OP_tanh:
        return tanh(x);
    case OP_sigmoid:
        return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
    case OP_log1p:
        return log1p(x);
    case OP_expm1:
        return expm1(x);
    case OP_sin:
        return sin(x);
    case OP_cos:
        return cos(x);
    case OP_erf:
        return erf(x);
    case OP_softplus:
        return fmax(x, 0) + (isnan(x) ? x : log1p(exp(-fabs(x))));
    case OP_round:
        return nearbyint(x);
    case OP_ceil:
        return ceil(x);
    default:
        return pow(x, y);
    }
}

/* |got - exact| in units of the last place that a float has there. Rounding to infinity counts
 * as the step beyond the largest float. */
static double error_ulp(float got, double want) {
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (isinf((float)want) || isinf(got)) {
        if (isinf((float)want) && isinf(got))
            return !signbit(want) == !signbit(got) ? 0 : INFINITY;
        return fabs(isinf(got) ? want : (double)got) >= FLT_MAX * (1 - 1e-7) ? 1 : INFINITY;
    }
    uint64_t bits, biased;
    memcpy(&bits, &want, sizeof bits);
    biased = (bits >> 52 & 2047) - 23; /* of 2^(exponent - 23), and at least of 2^-149 */
    bits = ((bits >> 52 & 2047) < 1023 - 126 ? (uint64_t)(1023 - 149) : biased) << 52;
    double unit;
    memcpy(&unit, &bits, sizeof unit);
    return fabs((double)got - want) / unit;
}

/* One op over x (and y, for pow). */
static void apply(enum isa isa, enum op_id op, int64_t n, const float *x, const float *y,
                  float *out) {
    struct ew_program p = {
        .n_in = 2, .n_instructions = 1, .n_out = 1, .out = {2}, .rank = 1, .dim = {n}};
    p.at[0] = (struct ew_instruction){op, DTYPE_F32, DTYPE_F32, {0, op == OP_pow ? 1 : -1, -1}, EW_FULL};
    struct trykernel t = {.isa = isa, .program = &p};
    memcpy(trykernel_in(&t, DTYPE_F32, (int)n, -1)->data, x, (size_t)n * sizeof *x);
    memcpy(trykernel_in(&t, DTYPE_F32, (int)n, -1)->data, y, (size_t)n * sizeof *y);
    trykernel_out(&t, DTYPE_F32, (int)n, -1);
    trykernel_run(&t, OP_NONE);
    memcpy(out, t.out[0].data, (size_t)n * sizeof *out);
    trykernel_end(&t);
}

/* Floats that are APART apart, from `first` on; or, of a sample, anywhere between. */
static void choose_floats(bool all, uint32_t first, float *x, float *y) {
    for (uint32_t i = 0; i < N; i++) {
        uint32_t bits = i * APART + (all ? first : i * 2654435761u >> 20 & (APART - 1));
        memcpy(&x[i], &bits, sizeof bits);
        y[i] = (float)((double)(i * 40503 & 0xffff) / 65536 * 12 - 6);
    }
}

struct worst {
    double error;
    float x, y, got;
};

static void find_worst(enum op_id op, bool all, struct worst *worst) {
    static float x[N], y[N], out[N], before[N];
    static double want[N];
    for (uint32_t first = 0; first < (all ? APART : 1); first++) {
        choose_floats(all, first, x, y);
        for (int i = 0; i < N; i++)
            want[i] = exact(op, (double)x[i], (double)y[i]);
        struct worst here = {0};
        for (int isa = 0; isa < trykernel_n_isas(); isa++) {
            apply((enum isa)isa, op, N, x, y, out);
            if (!isa || memcmp(out, before, sizeof out)) {
                here = (struct worst){0};
                for (int i = 0; i < N; i++) {
                    double e = error_ulp(out[i], want[i]);
                    if (e > here.error)
                        here = (struct worst){e, x[i], y[i], out[i]};
                }
                memcpy(before, out, sizeof out);
            }
            if (here.error > worst[isa].error)
                worst[isa] = here;
        }
    }
}

static void check_all_floats(enum op_id op, const char *name) {
    struct worst worst[N_ISAS] = {{0}};
    const char *wish = getenv("MATH");
    bool all = wish && !strncmp(wish, "all", 3);
    if (all && wish[3] == ':' && strcmp(wish + 4, name))
        return;
    find_worst(op, all, worst);
    for (int isa = 0; isa < trykernel_n_isas(); isa++) {
        const struct worst *w = &worst[isa];
        if (all || w->error > 2)
            printf("%s on %s: %.3f ulp at %a, %a: %a\n", name, kernel_isa_name((enum isa)isa),
                   w->error, (double)w->x, (double)w->y, (double)w->got);
        CU_ASSERT(w->error <= 2);
    }
}

static void exp_is_within_2_ulp(void) { check_all_floats(OP_exp, "exp"); }
static void log_is_within_2_ulp(void) { check_all_floats(OP_log, "log"); }
static void tanh_is_within_2_ulp(void) { check_all_floats(OP_tanh, "tanh"); }
static void sigmoid_is_within_2_ulp(void) { check_all_floats(OP_sigmoid, "sigmoid"); }
static void pow_is_within_2_ulp(void) { check_all_floats(OP_pow, "pow"); }
static void log1p_is_within_2_ulp(void) { check_all_floats(OP_log1p, "log1p"); }
static void expm1_is_within_2_ulp(void) { check_all_floats(OP_expm1, "expm1"); }
static void sin_is_within_2_ulp(void) { check_all_floats(OP_sin, "sin"); }
static void cos_is_within_2_ulp(void) { check_all_floats(OP_cos, "cos"); }
static void erf_is_within_2_ulp(void) { check_all_floats(OP_erf, "erf"); }
static void softplus_is_within_2_ulp(void) { check_all_floats(OP_softplus, "softplus"); }

static void edges_are_as_in_the_c_library(void) {
    static const float v[] = {0.0f,        -0.0f,    1.0f,      -1.0f,   2.0f,      -2.0f,
                              3.0f,        -3.0f,    0.5f,      -0.5f,   2.5f,      -2.5f,
                              88.72f,      88.73f,   -87.4f,    -103.9f, -104.1f,   1e30f,
                              -1e30f,      FLT_MAX,  -FLT_MAX,  FLT_MIN, 0x1p-149f, -0x1p-149f,
                              16777217.0f, INFINITY, -INFINITY, NAN};
    enum { N_EDGES = sizeof v / sizeof *v };
    float x[N_EDGES * N_EDGES], y[N_EDGES * N_EDGES], out[N_EDGES * N_EDGES];
    static const enum op_id ops[] = {OP_exp,   OP_log,  OP_log1p, OP_expm1,   OP_sin,
                                     OP_cos,   OP_erf,  OP_tanh,  OP_sigmoid, OP_softplus,
                                     OP_round, OP_ceil, OP_pow};
    for (int i = 0; i < N_EDGES * N_EDGES; i++)
        x[i] = v[i / N_EDGES], y[i] = v[i % N_EDGES];
    for (int isa = 0; isa < trykernel_n_isas(); isa++)
        for (int o = 0; o < (int)(sizeof ops / sizeof *ops); o++) {
            apply((enum isa)isa, ops[o], N_EDGES * N_EDGES, x, y, out);
            for (int i = 0; i < N_EDGES * N_EDGES; i++) {
                double want = exact(ops[o], (double)x[i], (double)y[i]);
                bool good = error_ulp(out[i], want) <= 2 &&
                            (want != 0 || !signbit(want) == !signbit(out[i]));
                if (!good)
                    printf("op %d of %a, %a is %a, not %a\n", o, (double)x[i], (double)y[i],
                           (double)out[i], want);
                CU_ASSERT(good);
            }
        }
}

void suite_ops_math(void) {
    unit_suite("ops: math");
    unit_test("exp is within 2 ulp of exact over all floats", exp_is_within_2_ulp);
    unit_test("log is within 2 ulp", log_is_within_2_ulp);
    unit_test("tanh is within 2 ulp", tanh_is_within_2_ulp);
    unit_test("sigmoid is within 2 ulp", sigmoid_is_within_2_ulp);
    unit_test("pow is within 2 ulp", pow_is_within_2_ulp);
    unit_test("log1p is within 2 ulp", log1p_is_within_2_ulp);
    unit_test("expm1 is within 2 ulp", expm1_is_within_2_ulp);
    unit_test("sin is within 2 ulp of exact over all floats", sin_is_within_2_ulp);
    unit_test("cos is within 2 ulp", cos_is_within_2_ulp);
    unit_test("erf is within 2 ulp", erf_is_within_2_ulp);
    unit_test("softplus is within 2 ulp", softplus_is_within_2_ulp);
    unit_test("zeros, infinities, NaN, overflow", edges_are_as_in_the_c_library);
}
