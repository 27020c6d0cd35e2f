/* Random draws. Every element is a pure function of (seed, path of the drawing node, step, index
 * of the element): the words of Philox block i / 4 (base/rng.h), so the numbers do not depend on
 * threads, on how the work is cut, or on what else is drawn.
 *
 * Methods: uniform, 24 or 53 bits scaled; normal, Box & Muller 1958 over neighbouring pairs;
 * truncated normal, the inverse of its distribution function (a rational fit to 1e-8 of sqrt(2)
 * erfinv), which gives the same distribution as drawing again until a draw is within two
 * standard deviations, from one word; whole numbers, the high half of a product, drawn again in
 * the rare case that would make some more probable (Lemire 2019: "Fast Random Integer Generation in
 * an Interval"), from word i of the stream's next row of blocks; dropout, a mask from one word an element.
 *
 * The float draws are the same bits for every instruction set: only +, -, *, / and sqrt are
 * used, never contracted. The double normals go through the C library's log, sin and cos. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#if defined(OPS_KERNELS) && defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(OPS_KERNELS)
#pragma GCC optimize("fp-contract=off")
#endif

#include "base/rng.h"
#include "ops/ops.h"

#ifdef OPS_RULES

/* Settings of random_*: shape, two numbers, dtype. */
static bool draw_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    c->out_dtype = c->attr[3].dtype;
    if (!dtype_is_float(c->out_dtype))
        return shape_refuse(c, E_DTYPE, "%s: draws are float or float64, not %s", c->spelling,
                            dtype_name(c->out_dtype));
    return true;
}

bool random_uniform_shape(struct shape_call *c) {
    double low = c->attr[1].f, high = c->attr[2].f;
    if (!(low <= high))
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: there is nothing between low=%g and high=%g",
                            c->spelling, low, high);
    return draw_shape(c);
}

static bool normal_shape(struct shape_call *c) {
    double deviation = c->attr[2].f;
    if (!(deviation >= 0))
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: stddev is %g, it cannot be negative",
                            c->spelling, deviation);
    return draw_shape(c);
}

bool random_normal_shape(struct shape_call *c) { return normal_shape(c); }
bool truncated_normal_shape(struct shape_call *c) { return normal_shape(c); }

static bool fits(enum dtype t, int64_t low, int64_t high) {
    return t == DTYPE_I64 || (low >= INT32_MIN && high <= (int64_t)INT32_MAX + 1);
}

bool random_int_shape(struct shape_call *c) {
    int64_t low = c->attr[1].i, high = c->attr[2].i;
    c->out = c->attr[0].shape;
    c->out_dtype = c->attr[3].dtype;
    if (c->out_dtype != DTYPE_I32 && c->out_dtype != DTYPE_I64)
        return shape_refuse(c, E_DTYPE, "%s: draws are int or int64, not %s", c->spelling,
                            dtype_name(c->out_dtype));
    if (low >= high)
        return shape_refuse(c, E_OUT_OF_RANGE,
                            "%s: there is no whole number from low=%" PRId64
                            " to before high=%" PRId64,
                            c->spelling, low, high);
    if (fits(c->out_dtype, low, high))
        return true;
    shape_refuse(c, E_OUT_OF_RANGE, "%s: not all from %" PRId64 " to before %" PRId64 " are int",
                 c->spelling, low, high);
    shape_help(c, "dtype=int64 has room for them");
    return false;
}

bool dropout_shape(struct shape_call *c) {
    c->out = c->in[0];
    c->out_dtype = c->in_dtype[0];
    if (c->in[1].rank == 0)
        return true;
    shape_refuse(c, E_SHAPE, "%s: keep_prob must be a scalar", c->spelling);
    shape_mark(c, 1, -1);
    return false;
}

/* The same mask again, drawn anew from the same path and step: nothing is kept for the backward
 * pass. */
void dropout_gradient(struct gradient_call *c) {
    struct node *in[2] = {c->dy, c->node->in[1]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_dropout, in, 2, NULL, NULL, c->node->path);
}

#endif

#ifdef OPS_KERNELS

#include "ops/random_philox.h"

/* Elements a unit, and at a time; multiples of the four words of a block. */
enum { UNIT_ELEMENTS = 8192, CHUNK = 1024 };

static struct rng_key key_of(const struct kernel_call *c) {
    return rng_key_make(c->draw.seed, c->draw.path, c->draw.step);
}

/* Words first .. first + n - 1 of the stream, first a multiple of 4; `bits` has room for n
 * rounded up to that. */
static void draw_words(struct rng_key key, int64_t first, int64_t n, uint32_t *bits) {
    uint64_t block = (uint64_t)first / 4;
    int64_t left = ceil_div(n, 4);
    for (; left >= PHILOX_BLOCKS; left -= PHILOX_BLOCKS) {
        philox_blocks(key, block, bits);
        block += PHILOX_BLOCKS, bits += 4 * PHILOX_BLOCKS;
    }
    for (; left > 0; left--, bits += 4) {
        struct rng_block b = rng_philox(key, block++, 0);
        bits[0] = b.v[0], bits[1] = b.v[1], bits[2] = b.v[2], bits[3] = b.v[3];
    }
}

/* log of u in [2^-24, 1]: m 2^e with m in [sqrt(1/2), sqrt(2)), a minimax polynomial in m - 1. */
static inline float log_of_uniform(float u) {
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    int32_t e = (int32_t)(bits - 0x3F3504F3u) >> 23;
    uint32_t mantissa = bits - ((uint32_t)e << 23);
    float f, n = (float)e;
    memcpy(&f, &mantissa, sizeof f);
    f -= 1.0f;
    float p = 0x1.1474eap-4f;
    p = p * f - 0x1.de5862p-4f;
    p = p * f + 0x1.e6f210p-4f;
    p = p * f - 0x1.fc1cc6p-4f;
    p = p * f + 0x1.2336e6p-3f;
    p = p * f - 0x1.555c76p-3f;
    p = p * f + 0x1.99a4bep-3f;
    p = p * f - 0x1.000006p-2f;
    p = p * f + 0x1.555548p-2f;
    return ((f * f * f * p + n * 0x1.7f7d1cp-20f) - 0.5f * f * f) + f + n * 0x1.62e4p-1f;
}

/* The sine and cosine of 2 pi u: u is taken to the nearest quarter, of which the polynomials see
 * at most an eighth. */
static inline void sincos_of_uniform(float u, float *sine, float *cosine) {
    int32_t quarter = (int32_t)(4.0f * u + 0.5f);
    float x = (u - 0.25f * (float)quarter) * 0x1.921fb6p2f, x2 = x * x;
    float s = x + x * x2 * (-0x1.555546p-3f + x2 * (0x1.11073cp-7f - x2 * 0x1.9943f8p-13f));
    float k = 1.0f - 0.5f * x2 +
              x2 * x2 * (0x1.55554ap-5f - x2 * (0x1.6c0c34p-10f - x2 * 0x1.99eb88p-16f));
    float a = quarter & 1 ? k : s, b = quarter & 1 ? s : k;
    *sine = quarter & 2 ? -a : a;
    *cosine = (quarter + 1) & 2 ? -b : b;
}

static void normal_f32(const uint32_t *bits, int64_t n, float mean, float deviation, float *out) {
    for (int64_t i = 0; i < n / 2; i++) {
        float u = 1.0f - rng_uniform_f32(bits[2 * i]), s, k;
        float radius = deviation * __builtin_sqrtf(-2.0f * log_of_uniform(u));
        sincos_of_uniform(rng_uniform_f32(bits[2 * i + 1]), &s, &k);
        out[2 * i] = mean + radius * k;
        out[2 * i + 1] = mean + radius * s;
    }
}

static void normal_f64(const uint32_t *bits, int64_t n, double mean, double deviation,
                       double *out) {
    for (int64_t i = 0; i < n / 2; i++) {
        const uint32_t *b = bits + 4 * i;
        double u = 1.0 - rng_uniform_f64(b[0], b[1]), angle = rng_uniform_f64(b[2], b[3]);
        double radius = deviation * sqrt(-2.0 * log(u));
        out[2 * i] = mean + radius * cos(0x1.921fb54442d18p2 * angle);
        out[2 * i + 1] = mean + radius * sin(0x1.921fb54442d18p2 * angle);
    }
}

/* u in (-1, 1), symmetric; erf(sqrt(2)) u is the probability that lies between the result's
 * mirror images. */
static inline double truncated(double u) {
    u *= 0x1.e8b4307d3627ap-1;
    double t = u * u;
    double p = 0x1.60f44e017f493p-3, q = -0x1.5a40bde632fb2p-7;
    p = p * t - 0x1.557a472ac4ef5p+0;
    q = q * t + 0x1.3204eb8fab2a3p-2;
    p = p * t + 0x1.ad875074dd5fbp+1;
    q = q * t - 0x1.9926c68b4e39dp+0;
    p = p * t - 0x1.b929a41893744p+1;
    q = q * t + 0x1.a937da768e2d6p+1;
    p = p * t + 0x1.40d931c9588bfp+0;
    q = q * t - 0x1.8181dece8b082p+1;
    q = q * t + 1.0;
    double z = u * (p / q);
    z = z < -2.0 ? -2.0 : z;
    return z > 2.0 ? 2.0 : z;
}

static void truncated_f32(const uint32_t *bits, int64_t n, float mean, float deviation,
                          float *out) {
    for (int64_t i = 0; i < n; i++) {
        double u = ((double)(int32_t)(bits[i] ^ 0x80000000u) + 0.5) * 0x1p-31;
        out[i] = mean + deviation * (float)truncated(u);
    }
}

static void truncated_f64(const uint32_t *bits, int64_t n, double mean, double deviation,
                          double *out) {
    for (int64_t i = 0; i < n; i++)
        out[i] =
            mean + deviation * truncated(2.0 * rng_uniform_f64(bits[2 * i], bits[2 * i + 1]) - 1.0);
}

/* The scaled draw may round up to `high`, which is outside. */
static void uniform_f32(const uint32_t *bits, int64_t n, float low, float high, float *out) {
    const float range = high - low, most = nextafterf(high, low);
    for (int64_t i = 0; i < n; i++) {
        float x = low + range * rng_uniform_f32(bits[i]);
        out[i] = x > most ? most : x;
    }
}

static void uniform_f64(const uint32_t *bits, int64_t n, double low, double high, double *out) {
    const double range = high - low, most = nextafter(high, low);
    for (int64_t i = 0; i < n; i++) {
        double x = low + range * rng_uniform_f64(bits[2 * i], bits[2 * i + 1]);
        out[i] = x > most ? most : x;
    }
}

enum distribution { UNIFORM, NORMAL, TRUNCATED };

/* n elements from `first` on, both even, into `out`; words has room for 2 n. */
static void draw(const struct kernel_call *c, enum distribution d, int64_t first, int64_t n,
                 uint32_t *words, void *out) {
    double a = c->attr[1].f, b = c->attr[2].f;
    first += c->draw.first;
    if (c->out[0].dtype == DTYPE_F32) {
        draw_words(key_of(c), first, n, words);
        if (d == UNIFORM)
            uniform_f32(words, n, (float)a, (float)b, out);
        else if (d == NORMAL)
            normal_f32(words, n, (float)a, (float)b, out);
        else
            truncated_f32(words, n, (float)a, (float)b, out);
    } else {
        draw_words(key_of(c), 2 * first, 2 * n, words);
        if (d == UNIFORM)
            uniform_f64(words, n, a, b, out);
        else if (d == NORMAL)
            normal_f64(words, n, a, b, out);
        else
            truncated_f64(words, n, a, b, out);
    }
}

static void run(const struct kernel_call *c, enum distribution d, int64_t begin, int64_t end,
                void *scratch) {
    uint32_t *words = scratch;
    char *rest = (char *)(words + 2 * CHUNK), *out = c->out[0].data;
    int64_t bytes = (int64_t)dtype_bytes(c->out[0].dtype);
    int64_t at = begin * UNIT_ELEMENTS;
    int64_t last = min_i64(end * UNIT_ELEMENTS, arg_count(&c->out[0]));
    for (; at + CHUNK <= last; at += CHUNK)
        draw(c, d, at, CHUNK, words, out + at * bytes);
    if (at < last) {
        draw(c, d, at, CHUNK, words, rest);
        memcpy(out + at * bytes, rest, (size_t)((last - at) * bytes));
    }
}

static void uniform_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                        void *scratch) {
    (void)phase;
    run(c, UNIFORM, begin, end, scratch);
}

static void normal_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase;
    run(c, NORMAL, begin, end, scratch);
}

static void truncated_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                          void *scratch) {
    (void)phase;
    run(c, TRUNCATED, begin, end, scratch);
}

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)a;
    int64_t n = arg_count(&c->out[0]);
    work_set(w, "philox", ceil_div(n, UNIT_ELEMENTS), 16.0 * (double)n);
    w->scratch_bytes = CHUNK * (2 * sizeof(uint32_t) + sizeof(double));
}

const struct kernel KERNEL(random_uniform_kernel) = {prepare, uniform_run};
const struct kernel KERNEL(random_normal_kernel) = {prepare, normal_run};
const struct kernel KERNEL(truncated_normal_kernel) = {prepare, truncated_run};

/* Of the `range` results, each has floor(2^32 / range) words whose product's low half is at least
 * 2^32 mod range; words below are drawn again. range up to 2^32. */
static int32_t int_below(struct rng_key key, int64_t i, uint64_t range, uint32_t few) {
    for (uint64_t row = 0;; row++) {
        uint64_t product = (uint64_t)rng_philox(key, (uint64_t)i / 4, row).v[i % 4] * range;
        if ((uint32_t)product >= few)
            return (int32_t)(uint32_t)(product >> 32);
    }
}

__extension__ typedef unsigned __int128 wide_word;

/* The same from 64-bit words, two to a block. */
static uint64_t int64_below(struct rng_key key, int64_t i, uint64_t range, uint64_t few) {
    for (uint64_t row = 0;; row++) {
        struct rng_block b = rng_philox(key, (uint64_t)i / 2, row);
        int at = i % 2 * 2;
        wide_word product = (wide_word)((uint64_t)b.v[at] << 32 | b.v[at + 1]) * range;
        if ((uint64_t)product >= few)
            return (uint64_t)(product >> 64);
    }
}

/* One word an element; the few that are not taken are drawn again one by one. */
static void int_chunk(struct rng_key key, int64_t first, int64_t n, uint32_t low, uint64_t range,
                      uint32_t *words, int32_t *out) {
    uint32_t few = (uint32_t)(((uint64_t)1 << 32) % range), part = (uint32_t)range, again = 0;
    int64_t shift = first % 4;
    draw_words(key, first - shift, n + shift, words);
    words += shift;
    for (int64_t i = 0; i < n; i++) {
        uint32_t high = (uint32_t)((uint64_t)words[i] * part >> 32);
        out[i] = (int32_t)(low + (part ? high : words[i])); /* 2^32 itself has no low bits */
        again |= words[i] * part < few;
    }
    for (int64_t i = 0; again && i < n; i++)
        if (words[i] * part < few)
            out[i] = (int32_t)(low + (uint32_t)int_below(key, first + i, range, few));
}

static void int_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                    void *scratch) {
    (void)phase;
    struct rng_key key = key_of(c);
    uint64_t low = (uint64_t)c->attr[1].i, range = (uint64_t)c->attr[2].i - low;
    uint64_t few = ((uint64_t)0 - range) % range;
    int64_t at = begin * UNIT_ELEMENTS, last = min_i64(end * UNIT_ELEMENTS, arg_count(&c->out[0]));
    if (c->out[0].dtype == DTYPE_I32)
        for (; at < last; at += CHUNK)
            int_chunk(key, c->draw.first + at, min_i64(CHUNK, last - at), (uint32_t)low, range,
                      scratch, (int32_t *)c->out[0].data + at);
    else
        for (int64_t *wide = c->out[0].data; at < last; at++)
            wide[at] = (int64_t)(low + int64_below(key, c->draw.first + at, range, few));
}

static void prepare_int(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)a;
    int64_t n = arg_count(&c->out[0]);
    work_set(w, "philox", ceil_div(n, UNIT_ELEMENTS), 16.0 * (double)n);
    w->scratch_bytes = (CHUNK + 8) * sizeof(uint32_t);
}

const struct kernel KERNEL(random_int_kernel) = {prepare_int, int_run};

static void dropout_f32(const uint32_t *bits, int64_t n, const float *x, float keep, float *y) {
    for (int64_t i = 0; i < n; i++) {
        float kept = x[i] / keep;
        y[i] = rng_uniform_f32(bits[i]) < keep ? kept : 0.0f;
    }
}

static void dropout_f64(const uint32_t *bits, int64_t n, const double *x, double keep, double *y) {
    for (int64_t i = 0; i < n; i++) {
        double kept = x[i] / keep;
        y[i] = (double)rng_uniform_f32(bits[i]) < keep ? kept : 0.0;
    }
}

static void dropout_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                        void *scratch) {
    (void)phase;
    bool single = c->in[0].dtype == DTYPE_F32;
    const float *x = c->in[0].data;
    const double *xd = c->in[0].data;
    double keep = single ? (double)*(const float *)c->in[1].data : *(const double *)c->in[1].data;
    int64_t last = min_i64(end * UNIT_ELEMENTS, arg_count(&c->out[0]));
    for (int64_t at = begin * UNIT_ELEMENTS; at < last; at += CHUNK) {
        int64_t n = min_i64(CHUNK, last - at), bytes = single ? 4 : 8;
        if (keep == 1) {
            memcpy((char *)c->out[0].data + at * bytes, (const char *)c->in[0].data + at * bytes,
                   (size_t)(n * bytes));
        } else if (keep > 0 && keep < 1) {
            draw_words(key_of(c), c->draw.first + at, n, scratch);
            if (single)
                dropout_f32(scratch, n, x + at, (float)keep, (float *)c->out[0].data + at);
            else
                dropout_f64(scratch, n, xd + at, keep, (double *)c->out[0].data + at);
        } else {
            memset((char *)c->out[0].data + at * bytes, 0, (size_t)(n * bytes));
            kernel_raise(c->fault, 0, keep, 0, 1);
        }
    }
}

static void prepare_dropout(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare(c, w, a);
    w->name = "dropout";
}

const struct kernel KERNEL(dropout_kernel) = {prepare_dropout, dropout_run};

#endif
