/* Sums of products. The order of terms is graded, then lexicographic; it is kept by multiplication,
 * which is what makes the division below exact and final. */
#include "tensor/polynomial.h"

int product_n_symbols(struct dim d) {
    int n = 0;
    while (n < MAX_DIM_SYMBOLS && d.sym[n])
        n++;
    return n;
}

bool product_multiply(struct dim a, struct dim b, struct dim *out) {
    struct dim product = {0};
    int na = product_n_symbols(a), nb = product_n_symbols(b);
    if (__builtin_mul_overflow(a.k, b.k, &product.k))
        return false;
    if (product.k != 0) {
        if (na + nb > MAX_DIM_SYMBOLS)
            return false;
        for (int i = 0, j = 0; i + j < na + nb;) {
            bool from_a = j == nb || (i < na && a.sym[i] <= b.sym[j]);
            product.sym[i + j] = from_a ? a.sym[i] : b.sym[j];
            if (from_a)
                i++;
            else
                j++;
        }
    }
    *out = product;
    return true;
}

void product_cancel(struct dim *a, struct dim *b) {
    struct dim rest_a = {.k = a->k}, rest_b = {.k = b->k};
    int na = product_n_symbols(*a), nb = product_n_symbols(*b), i = 0, j = 0, ra = 0, rb = 0;
    while (i < na || j < nb) {
        if (j == nb || (i < na && a->sym[i] < b->sym[j]))
            rest_a.sym[ra++] = a->sym[i++];
        else if (i == na || b->sym[j] < a->sym[i])
            rest_b.sym[rb++] = b->sym[j++];
        else
            i++, j++;
    }
    *a = rest_a;
    *b = rest_b;
}

int64_t common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = b == -1 ? 0 : a % b; /* the least number % -1 traps */
        a = b;
        b = rest;
    }
    return a < 0 && a != INT64_MIN ? -a : a;
}

/* Positive when a stands before b, 0 for the same symbols. */
static int product_order(struct dim a, struct dim b) {
    int na = product_n_symbols(a), nb = product_n_symbols(b);
    if (na != nb)
        return na - nb;
    for (int i = 0; i < na; i++)
        if (a.sym[i] != b.sym[i])
            return a.sym[i] < b.sym[i] ? 1 : -1;
    return 0;
}

static bool add_term(struct polynomial *p, struct dim term) {
    int at = 0;
    if (term.k == 0)
        return true;
    while (at < p->n && product_order(p->term[at], term) > 0)
        at++;
    if (at < p->n && product_order(p->term[at], term) == 0) {
        if (__builtin_add_overflow(p->term[at].k, term.k, &p->term[at].k))
            return false;
        if (p->term[at].k == 0) {
            p->n--;
            for (int i = at; i < p->n; i++)
                p->term[i] = p->term[i + 1];
        }
        return true;
    }
    if (p->n == MAX_TERMS)
        return false;
    for (int i = p->n++; i > at; i--)
        p->term[i] = p->term[i - 1];
    p->term[at] = term;
    return true;
}

bool polynomial_add(struct polynomial *to, const struct polynomial *p, struct dim factor) {
    struct dim term;
    for (int i = 0; i < p->n; i++)
        if (!product_multiply(p->term[i], factor, &term) || !add_term(to, term))
            return false;
    return true;
}

bool polynomial_multiply(const struct polynomial *a, const struct polynomial *b,
                         struct polynomial *out) {
    struct polynomial product = {0};
    for (int i = 0; i < a->n; i++)
        if (!polynomial_add(&product, b, a->term[i]))
            return false;
    *out = product;
    return true;
}

bool polynomial_of(const struct symbols *s, struct dim d, struct polynomial *out) {
    struct polynomial factor = {0}, sum = {.n = 1, .term = {dim_const(1)}};
    struct dim rest = {.k = d.k};
    int n = 0;
    for (int i = 0; i < product_n_symbols(d); i++) {
        const struct symbol *symbol = symbols_at(s, d.sym[i]);
        if (!symbol || symbol->kind != SYMBOL_SUM) {
            rest.sym[n++] = d.sym[i];
            continue;
        }
        sum.n = symbol->n_terms; /* a dim has one sum at most */
        for (int k = 0; k < sum.n; k++)
            sum.term[k] = symbol->term[k];
    }
    if (!polynomial_add(&factor, &sum, rest))
        return false;
    *out = factor;
    return true;
}

static bool product_divide(struct dim a, struct dim b, struct dim *out) {
    if (b.k == 0 || (b.k == -1 && a.k == INT64_MIN) || a.k % b.k != 0)
        return false;
    product_cancel(&a, &b);
    if (b.sym[0])
        return false;
    *out = a;
    out->k = a.k / b.k;
    return true;
}

bool polynomial_divide(const struct polynomial *a, const struct polynomial *b,
                       struct polynomial *out) {
    struct polynomial rest = *a, quotient = {0};
    struct dim lead;
    if (b->n == 0)
        return false;
    while (rest.n) {
        if (!product_divide(rest.term[0], b->term[0], &lead) || !add_term(&quotient, lead))
            return false;
        lead.k = -lead.k;
        if (!polynomial_add(&rest, b, lead))
            return false;
    }
    *out = quotient;
    return true;
}

struct dim polynomial_content(const struct polynomial *p) {
    struct dim common = dim_const(0);
    for (int i = 0; i < p->n; i++) {
        struct dim a = p->term[i], both = {0}, only = common;
        if (i == 0) {
            common = a;
            continue;
        }
        int n = 0;
        product_cancel(&only, &a); /* what is left of common is not in the term */
        for (int k = 0, j = 0; k < product_n_symbols(common); k++) {
            if (j < product_n_symbols(only) && only.sym[j] == common.sym[k])
                j++;
            else
                both.sym[n++] = common.sym[k];
        }
        both.k = common_divisor(common.k, a.k);
        common = both;
    }
    if (p->n && (common.k < 0) != (p->term[0].k < 0))
        common.k = -common.k;
    return common;
}

void polynomial_reduce(struct polynomial *p, struct dim by) {
    for (int i = 0; i < p->n; i++)
        product_divide(p->term[i], by, &p->term[i]);
}
