/* The library functions of the kernels, by type: KM(exp) inside a loop over floats is
 * km_exp_f32.
 *
 * The float versions are branch-free, so that loops over them vectorise on every instruction
 * set, and hold for all arguments: NaN, infinities, denormals and overflow included. Errors in
 * units of the last place, largest found over all floats: below 2. Their polynomials are minimax
 * fits made for these intervals. The double versions are the C library's. Integer division by zero
 * gives 0, INT_MIN / -1 wraps, and a power below 0 is 1, because a script must not be able to trap
 * (the evaluator of chains reports such operands).
 *
 * Needs TAG (f32, f64, i32, i64, u8) where KM is used. */
#ifndef NN_OPS_MATH_H
#define NN_OPS_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ops/two_over_pi.h"

#define KM_PASTE_(f, tag) km_##f##_##tag
#define KM_PASTE(f, tag) KM_PASTE_(f, tag)
#define KM(f) KM_PASTE(f, TAG)

static inline uint32_t bits_of_f32(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float f32_of_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline uint64_t bits_of_f64(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline double f64_of_bits(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Adding 1.5 * 2^23 leaves the nearest whole number in the low bits. ln 2 is split so that n *
 * LN2_HIGH is exact. */
#define ROUND_F32 0x1.8p23f
#define ROUND_F64 0x1.8p52
#define LN2_HIGH 0x1.62e4p-1f
#define LN2_LOW 0x1.7f7d1cp-20f

/* x = n ln 2 + r. What r and 1 + r lose to rounding is added at the end. 2^n is multiplied in
 * two halves, so that results below the normal range are rounded once. Comparisons are written
 * so that a NaN falls through them. */
static inline float km_exp_f32(float x) {
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    float shifted = x * 0x1.715476p0f + ROUND_F32;
    float n = shifted - ROUND_F32;
    float far = x - n * LN2_HIGH, r = far - n * LN2_LOW;
    float p = 0x1.6a19e8p-10f;
    p = p * r + 0x1.123fd6p-7f;
    p = p * r + 0x1.555918p-5f;
    p = p * r + 0x1.555490p-3f;
    p = p * r + 0x1.fffffcp-2f;
    float sum = 1.0f + r, lost = ((1.0f - sum) + r) + ((far - r) - n * LN2_LOW);
    float y = sum + (r * r * p + lost);
    int32_t k = (int32_t)(bits_of_f32(shifted) - 0x4B400000u), half = k >> 1;
    float low = f32_of_bits((uint32_t)(half + 127) << 23);
    float high = f32_of_bits(((uint32_t)k - (uint32_t)half + 127u) << 23);
    return y * low * high;
}

/* e^r - 1 for the same r, times 2^n, plus 2^n - 1. 2^n is halved until the end, since 2^128 is
 * not a float. */
static inline float km_expm1_f32(float x) {
    float t = x < -18.0f ? -18.0f : x;
    t = t > 89.0f ? 89.0f : t;
    float shifted = t * 0x1.715476p0f + ROUND_F32;
    float n = shifted - ROUND_F32;
    float far = t - n * LN2_HIGH, r = far - n * LN2_LOW;
    float p = 0x1.6a19e8p-10f;
    p = p * r + 0x1.123fd6p-7f;
    p = p * r + 0x1.555918p-5f;
    p = p * r + 0x1.555490p-3f;
    p = p * r + 0x1.fffffcp-2f;
    float y = r + (r * r * p + ((far - r) - n * LN2_LOW));
    int32_t k = (int32_t)(bits_of_f32(shifted) - 0x4B400000u);
    float half = f32_of_bits((uint32_t)(k + 126) << 23);
    float z = 2.0f * (y * half + (half - 0.5f));
    return x == 0.0f ? x : z;
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)); log(1 + f) = f - f^2 / 2 + f^3 p(f). */
static inline float km_log_f32(float x) {
    float scaled = x < 0x1p-126f ? x * 0x1p23f : x;
    uint32_t u = bits_of_f32(scaled);
    int32_t e = (int32_t)(u - 0x3F3504F3u) >> 23;
    float f = f32_of_bits(u - ((uint32_t)e << 23)) - 1.0f;
    float n = (float)e - (x < 0x1p-126f ? 23.0f : 0.0f);
    float p = 0x1.1474eap-4f;
    p = p * f - 0x1.de5862p-4f;
    p = p * f + 0x1.e6f210p-4f;
    p = p * f - 0x1.fc1cc6p-4f;
    p = p * f + 0x1.2336e6p-3f;
    p = p * f - 0x1.555c76p-3f;
    p = p * f + 0x1.99a4bep-3f;
    p = p * f - 0x1.000006p-2f;
    p = p * f + 0x1.555548p-2f;
    float f2 = f * f;
    float y = (f2 * f * p + n * LN2_LOW) - 0.5f * f2 + f + n * LN2_HIGH;
    y = x < INFINITY ? y : x;
    return x > 0.0f ? y : (x == 0.0f ? -INFINITY : NAN);
}

/* log(u) for u = 1 + x rounded, and what rounding lost. */
static inline float km_log1p_f32(float x) {
    float u = 1.0f + x, lost = x - (u - 1.0f);
    float y = km_log_f32(u) + lost / u;
    y = (x > -1.0f) & (x < INFINITY) ? y : km_log_f32(u);
    return x == 0.0f ? x : y;
}

static inline float km_softplus_f32(float x) {
    float m = x > 0.0f ? x : (x != x ? x : 0.0f);
    float e = km_exp_f32(-__builtin_fabsf(x)), u = 1.0f + e;
    return m + (km_log_f32(u) + (e - (u - 1.0f)) / u);
}

/* Quarter turns of the angle x: the nearest whole number goes to *quarter (modulo 4), the rest is
 * given. x is m 2^q with q >= -24 and 24 bits of m; 2^q * 2 / pi modulo 4 is looked up in four
 * parts of 24 bits, whose products with m are exact. */
static inline double quarter_turns(float x, int32_t *quarter) {
    int32_t e = (int32_t)(bits_of_f32(x) >> 23 & 255) - 126;
    e = e < 0 ? 0 : e > 128 ? 128 : e;
    double m = (double)x * f64_of_bits((uint64_t)(1047 - e) << 52);
    double a = m * (double)two_over_pi_0[e], b = m * (double)two_over_pi_1[e];
    double c = m * (double)two_over_pi_2[e], d = m * (double)two_over_pi_3[e];
    double shifted = (a + b) + ROUND_F64;
    *quarter = (int32_t)bits_of_f64(shifted);
    return (((a - (shifted - ROUND_F64)) + b) + c) + d;
}

/* The sine (ahead = 0) or cosine (ahead = 1) of x. */
static inline float sine_f32(float x, int32_t ahead) {
    int32_t quarter;
    float a = (float)(quarter_turns(x, &quarter) * 0x1.921fb54442d18p0), s = a * a;
    quarter += ahead;
    float p = 0x1.6cd85ap-19f;
    p = p * s - 0x1.a00f9ep-13f;
    p = p * s + 0x1.111108p-7f;
    p = p * s - 0x1.555556p-3f;
    float q = 0x1.9a0232p-16f;
    q = q * s - 0x1.6c0c8cp-10f;
    q = q * s + 0x1.55554ap-5f;
    float sine = __builtin_copysignf(a + a * (s * p), a), cosine = (1.0f - 0.5f * s) + s * s * q;
    float y = quarter & 1 ? cosine : sine;
    return quarter & 2 ? -y : y;
}
static inline float km_sin_f32(float x) { return sine_f32(x, 0); }
static inline float km_cos_f32(float x) { return sine_f32(x, 1); }

/* Near 0, x + x p(x^2); beyond, 1 - exp(p(|x|)), which is 1 from 4 on. */
static inline float km_erf_f32(float x) {
    float a = __builtin_fabsf(x), s = x * x, t = a > 4.0f ? 4.0f : a;
    float p = 0x1.6624aap-14f;
    p = p * s - 0x1.acf7d6p-11f;
    p = p * s + 0x1.5513eep-8f;
    p = p * s - 0x1.b8162ap-6f;
    p = p * s + 0x1.ce2e60p-4f;
    p = p * s - 0x1.812744p-2f;
    p = p * s + 0x1.06eba8p-3f;
    float near = x + x * p;
    float q = -0x1.5d723ap-16f;
    q = q * t + 0x1.c45950p-12f;
    q = q * t - 0x1.106262p-8f;
    q = q * t + 0x1.9aebbap-6f;
    q = q * t - 0x1.bb454cp-4f;
    q = q * t - 0x1.444d1ep-1f;
    q = q * t - 0x1.212626p0f;
    q = q * t + 0x1.62d91ap-13f;
    float far = __builtin_copysignf(1.0f - km_exp_f32(q), x);
    return a < 0.9f ? near : far;
}

static inline float km_tanh_f32(float x) {
    float a = __builtin_fabsf(x), s = x * x;
    float p = -0x1.75e464p-8f;
    p = p * s + 0x1.522742p-6f;
    p = p * s - 0x1.b83c78p-5f;
    p = p * s + 0x1.110728p-3f;
    p = p * s - 0x1.555532p-2f;
    float near = x + x * s * p;
    float far = 1.0f - 2.0f / (km_exp_f32(2.0f * a) + 1.0f);
    return __builtin_copysignf(a < 0.625f ? near : far, x);
}

/* The quotient is corrected by what 1 + e lost to rounding, times about 1 / (1 + e). */
static inline float km_sigmoid_f32(float x) {
    float e = km_exp_f32(-__builtin_fabsf(x));
    float sum = 1.0f + e, lost = (1.0f - sum) + e;
    float y = (x < 0.0f ? e : 1.0f) / sum;
    return y - y * (lost * (1.0f - 0.5f * e));
}

static inline float km_sqrt_f32(float x) { return __builtin_sqrtf(x); }
static inline float km_floor_f32(float x) { return __builtin_floorf(x); }
static inline float km_ceil_f32(float x) { return __builtin_ceilf(x); }

/* To even, as adding and taking away 2^23 rounds. */
static inline float km_round_f32(float x) {
    float a = __builtin_fabsf(x), near = (a + 0x1p23f) - 0x1p23f;
    return a < 0x1p23f ? __builtin_copysignf(near, x) : x;
}
static inline double km_round_f64(double x) {
    double a = __builtin_fabs(x), near = (a + 0x1p52) - 0x1p52;
    return a < 0x1p52 ? __builtin_copysign(near, x) : x;
}

/* 2^(y log2 |x|) in double, whose 29 spare bits cover the product. */
static inline float km_pow_f32(float x, float y) {
    float a = __builtin_fabsf(x);
    float scaled = a < 0x1p-126f ? a * 0x1p23f : a;
    uint32_t u = bits_of_f32(scaled);
    int32_t e = (int32_t)(u - 0x3F3504F3u) >> 23;
    double m = (double)f32_of_bits(u - ((uint32_t)e << 23));
    double s = (m - 1.0) / (m + 1.0), s2 = s * s;
    double q = 0x1.21b93cdaa2f83p-2;
    q = q * s2 + 0x1.4794d19cbc456p-2;
    q = q * s2 + 0x1.a61a31858abedp-2;
    q = q * s2 + 0x1.2776c290a75fcp-1;
    q = q * s2 + 0x1.ec709dc53d597p-1;
    q = q * s2 + 0x1.71547652b8253p+1;
    double log2 = (double)e - (a < 0x1p-126f ? 23.0 : 0.0) + s * q;
    log2 = a < INFINITY ? log2 : (double)a;
    log2 = a == 0.0f ? -(double)INFINITY : log2;

    double t = (double)y * log2;
    t = t < -160.0 ? -160.0 : t;
    t = t > 140.0 ? 140.0 : t;
    double shifted = t + ROUND_F64, r = t - (shifted - ROUND_F64);
    double p = 0x1.fe15f0a6cb36cp-17;
    p = p * r + 0x1.446ad2eb09992p-13;
    p = p * r + 0x1.5d8a73a5c77c4p-10;
    p = p * r + 0x1.3b29db636e05cp-7;
    p = p * r + 0x1.c6b08aaa58aebp-5;
    p = p * r + 0x1.ebfbe0a5c3b84p-3;
    p = p * r + 0x1.62e42ff1196bcp-1;
    p = p * r + 0x1.ffffffffab13cp-1;
    float z = (float)(p * f64_of_bits((bits_of_f64(shifted) + 1023u) << 52));

    float half = 0.5f * y;
    int whole = __builtin_floorf(y) == y, odd = whole & (__builtin_floorf(half) != half);
    z = odd ? __builtin_copysignf(z, x) : z;
    z = ((x < 0.0f) & !whole & (a < INFINITY)) ? NAN : z;
    z = ((a == 1.0f) & (__builtin_fabsf(y) == INFINITY)) ? 1.0f : z;
    return ((x == 1.0f) | (y == 0.0f)) ? 1.0f : z;
}

static inline float km_relu_f32(float x) { return x > 0.0f ? x : (x != x ? x : 0.0f); }
static inline double km_relu_f64(double x) { return x > 0.0 ? x : (x != x ? x : 0.0); }

static inline double km_exp_f64(double x) { return exp(x); }
static inline double km_log_f64(double x) { return log(x); }
static inline double km_log1p_f64(double x) { return log1p(x); }
static inline double km_expm1_f64(double x) { return expm1(x); }
static inline double km_sin_f64(double x) { return sin(x); }
static inline double km_cos_f64(double x) { return cos(x); }
static inline double km_erf_f64(double x) { return erf(x); }
static inline double km_softplus_f64(double x) {
    return km_relu_f64(x) + log1p(exp(-__builtin_fabs(x)));
}
static inline double km_tanh_f64(double x) { return tanh(x); }
static inline double km_pow_f64(double x, double y) { return pow(x, y); }
static inline double km_sqrt_f64(double x) { return __builtin_sqrt(x); }
static inline double km_floor_f64(double x) { return __builtin_floor(x); }
static inline double km_ceil_f64(double x) { return __builtin_ceil(x); }
static inline double km_sigmoid_f64(double x) {
    double e = exp(-__builtin_fabs(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

/* Remainder with the sign of y, and the quotient that belongs to it, as Python has them. */
#define KM_FLOAT_DIVISION(T, tag, fmod_, floor_)                                                   \
    static inline T km_mod_##tag(T x, T y) {                                                       \
        T r = fmod_(x, y);                                                                         \
        return r != 0 && (r < 0) != (y < 0) ? r + y : r;                                           \
    }                                                                                              \
    static inline T km_floordiv_##tag(T x, T y) {                                                  \
        if (y == 0)                                                                                \
            return x / y;                                                                          \
        T r = fmod_(x, y), q = (x - r) / y;                                                        \
        if (r != 0 && (r < 0) != (y < 0))                                                          \
            q -= 1;                                                                                \
        T whole = floor_(q);                                                                       \
        return q - whole > (T)0.5 ? whole + 1 : whole;                                             \
    }
KM_FLOAT_DIVISION(float, f32, fmodf, __builtin_floorf)
KM_FLOAT_DIVISION(double, f64, fmod, __builtin_floor)
#undef KM_FLOAT_DIVISION

#define KM_INTEGER_DIVISION(T, U, tag)                                                             \
    static inline T km_mod_##tag(T x, T y) {                                                       \
        if (y == 0 || y == -1)                                                                     \
            return 0;                                                                              \
        T r = x % y;                                                                               \
        return r != 0 && (r < 0) != (y < 0) ? r + y : r;                                           \
    }                                                                                              \
    static inline T km_floordiv_##tag(T x, T y) {                                                  \
        if (y == 0 || y == -1)                                                                     \
            return y == 0 ? 0 : (T)((U)0 - (U)x);                                                  \
        T q = x / y;                                                                               \
        return x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;                                       \
    }
KM_INTEGER_DIVISION(int32_t, uint32_t, i32)
KM_INTEGER_DIVISION(int64_t, uint64_t, i64)
#undef KM_INTEGER_DIVISION
static inline uint8_t km_mod_u8(uint8_t x, uint8_t y) { return y ? x % y : 0; }
static inline uint8_t km_floordiv_u8(uint8_t x, uint8_t y) { return y ? x / y : 0; }

/* By squaring; overflow wraps. */
#define KM_INTEGER_POWER(T, U, tag)                                                                \
    static inline T km_pow_##tag(T x, T y) {                                                       \
        U r = 1, base = (U)x;                                                                      \
        for (; y > 0; y /= 2) {                                                                    \
            r = y % 2 ? r * base : r;                                                              \
            base *= base;                                                                          \
        }                                                                                          \
        return (T)r;                                                                               \
    }
KM_INTEGER_POWER(int32_t, uint32_t, i32)
KM_INTEGER_POWER(int64_t, uint64_t, i64)
KM_INTEGER_POWER(uint8_t, uint32_t, u8)
#undef KM_INTEGER_POWER

/* The NaN wins, if there is one. */
#define KM_FLOAT_ORDER(T, tag)                                                                     \
    static inline T km_max_##tag(T x, T y) {                                                       \
        return ((x > y) | (x != x)) ? x : y;                                                       \
    }                                                                                              \
    static inline T km_min_##tag(T x, T y) { return ((x < y) | (x != x)) ? x : y; }
KM_FLOAT_ORDER(float, f32)
KM_FLOAT_ORDER(double, f64)
#undef KM_FLOAT_ORDER

#define KM_INTEGER_ORDER(T, tag)                                                                   \
    static inline T km_max_##tag(T x, T y) { return x > y ? x : y; }                               \
    static inline T km_min_##tag(T x, T y) { return x < y ? x : y; }
KM_INTEGER_ORDER(int32_t, i32)
KM_INTEGER_ORDER(int64_t, i64)
KM_INTEGER_ORDER(uint8_t, u8)
KM_INTEGER_ORDER(uint8_t, b8)
#undef KM_INTEGER_ORDER

#endif
