/* Whole-number polynomials over symbols: sizes written out as sums of products. What dim.c reckons
 * with; the rest of the program sees dims only.
 *
 * Terms are products (no sum among their symbols), sorted from the highest degree down, each
 * product once, none zero. Every function that gives a bool gives false when the result has too many
 * symbols or terms, or does not fit 64 bits. */
#ifndef NN_TENSOR_POLYNOMIAL_H
#define NN_TENSOR_POLYNOMIAL_H

#include "tensor/shape.h"

enum { MAX_TERMS = 12 };

struct polynomial {
    int n;
    struct dim term[MAX_TERMS];
};

/* Products. */
int product_n_symbols(struct dim d);
bool product_multiply(struct dim a, struct dim b, struct dim *out);
/* Takes the symbols that both have (each as often as both have it) out of both. */
void product_cancel(struct dim *a, struct dim *b);

/* The dim written out: a sum among its symbols is multiplied through. */
bool polynomial_of(const struct symbols *s, struct dim d, struct polynomial *out);
/* to + factor * p, in place. */
bool polynomial_add(struct polynomial *to, const struct polynomial *p, struct dim factor);
bool polynomial_multiply(const struct polynomial *a, const struct polynomial *b,
                         struct polynomial *out);
/* false too when b does not divide a exactly. */
bool polynomial_divide(const struct polynomial *a, const struct polynomial *b,
                       struct polynomial *out);
/* The greatest product that divides every term, with the sign of the first; 0 of no terms. */
struct dim polynomial_content(const struct polynomial *p);
/* p / by, which divides every term. */
void polynomial_reduce(struct polynomial *p, struct dim by);

/* The greatest common divisor, 0 or more. */
int64_t common_divisor(int64_t a, int64_t b);

#endif
