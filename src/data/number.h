/* Numbers as they stand in files: digits with an optional sign, point and exponent, nothing around
 * them. Not names such as inf or nan, and no other base. */
#ifndef NN_DATA_NUMBER_H
#define NN_DATA_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

struct number {
    enum { NUMBER_NONE, NUMBER_WHOLE, NUMBER_FRACTION } kind; /* FRACTION: a point or an exponent */
    bool huge;    /* WHOLE, and not within an int64 */
    int64_t whole; /* its value if WHOLE and not huge */
    double value; /* the nearest double, infinite beyond its range */
};

/* point: what stands before the fraction. What is behind text[0..n) must not be a part of a
 * number. */
struct number number_read(const char *text, int64_t n, char point);

#endif
