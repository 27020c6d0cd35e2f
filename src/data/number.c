/* Numbers of files. Those with few digits and a small exponent, nearly all, are exact in one
 * operation on doubles (Clinger 1990): digits below 2^53 and powers of ten to 10^22 are doubles.
 * The C library reads the others. */
#include "data/number.h"

#include <math.h>
#include <stdlib.h>

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { MAX_POWER = 22, MAX_DIGITS = 19 /* of which every number is below 2^64 */ };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct digits {
    uint64_t all; /* as one number */
    int n, n_fraction;
};

static const char *read_digits(const char *p, const char *end, struct digits *d, bool fraction) {
    enum { MANY = 1 << 20 }; /* where counting ends: the C library reads such a number */
    for (; p < end && is_digit(*p); p++) {
        d->n_fraction += fraction && d->n_fraction < MANY;
        if (d->all == 0 && *p == '0')
            continue; /* leading zeros count for nothing */
        if (d->n < MAX_DIGITS)
            d->all = d->all * 10 + (uint64_t)(*p - '0');
        d->n += d->n < MANY;
    }
    return p;
}

/* e, E, a sign, digits: NULL when it is none. */
static const char *read_exponent(const char *p, const char *end, int *exponent) {
    enum { LARGEST = 99999 };
    bool negative = ++p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    if (p == end || !is_digit(*p))
        return NULL;
    for (; p < end && is_digit(*p); p++)
        if (*exponent < LARGEST)
            *exponent = *exponent * 10 + (*p - '0');
    *exponent = negative ? -*exponent : *exponent;
    return p;
}

static void give_whole(struct number *out, const struct digits *d, bool negative) {
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    out->kind = NUMBER_WHOLE;
    out->huge = d->n > MAX_DIGITS || d->all > limit;
    if (!out->huge)
        out->whole = negative ? (int64_t)(0 - d->all) : (int64_t)d->all;
}

/* By the C library, which knows one point only. */
static double read_slowly(const char *text, int64_t n, char point) {
    if (point == '.')
        return strtod(text, NULL);
    char *copy = malloc((size_t)n + 1);
    if (!copy)
        return NAN;
    for (int64_t i = 0; i < n; i++)
        copy[i] = text[i] == point ? '.' : text[i];
    copy[n] = 0;
    double value = strtod(copy, NULL);
    free(copy);
    return value;
}

struct number number_read(const char *text, int64_t n, char point) {
    const char *p = text, *end = text + n;
    struct number out = {NUMBER_NONE, false, 0, 0};
    struct digits d = {0, 0, 0};
    int exponent = 0;
    bool negative = n > 0 && *p == '-', whole = true;
    p += n > 0 && (*p == '-' || *p == '+');
    const char *first = p;
    p = read_digits(p, end, &d, false);
    bool any = p > first;
    if (p < end && *p == point) {
        const char *fraction = ++p;
        p = read_digits(p, end, &d, true);
        any = any || p > fraction;
        whole = false;
    }
    if (!any)
        return out;
    if (p < end && (*p == 'e' || *p == 'E')) {
        whole = false;
        p = read_exponent(p, end, &exponent);
    }
    if (p != end)
        return out;
    if (whole)
        give_whole(&out, &d, negative);
    else
        out.kind = NUMBER_FRACTION;
    int power = exponent - d.n_fraction;
    if (d.n > MAX_DIGITS || d.all >> 53 || power < -MAX_POWER || power > MAX_POWER) {
        out.value = read_slowly(text, n, point);
        return out;
    }
    double value = (double)d.all;
    value = power < 0 ? value / POWERS[-power] : value * POWERS[power];
    out.value = negative ? -value : value;
    return out;
}
