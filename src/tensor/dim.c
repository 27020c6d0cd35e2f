/* The algebra of dimensions. A dim is k * s1 * s2 * .. with the symbols sorted, at most one of which
 * is a sum. A sum is kept without what all its terms have in common, its first term positive; that is
 * in k and the other symbols. So each polynomial has one representation, and comparison is
 * comparison of numbers. A quotient is kept without whole parts and common factors:
 * (height - 3)//2 + 1 is (height - 1)//2. A zero factor leaves plain 0. */
#include <string.h>

#include "tensor/polynomial.h"

enum { MAX_QUOTIENT_DEPTH = 6 };

struct dim dim_const(int64_t size) {
    return (struct dim){.k = size};
}

static uint32_t symbol_add(struct symbols *s, struct symbol symbol) {
    if (s->list.n == 0)
        array_push(s->arena, &s->list, (struct symbol){0});
    array_push(s->arena, &s->list, symbol);
    return (uint32_t)s->list.n - 1;
}

struct dim dim_named(struct symbols *s, const char *name, struct span at) {
    for (int i = 1; i < s->list.n; i++)
        if (s->list.at[i].name == name)
            return (struct dim){1, {(uint32_t)i}};
    return (struct dim){1, {symbol_add(s, (struct symbol){.name = name, .declared = at})}};
}

struct dim dim_fresh(struct symbols *s) {
    return (struct dim){1, {symbol_add(s, (struct symbol){0})}};
}

static int term_depth(const struct symbols *s, struct dim d) {
    int depth = 0;
    for (int i = 0; i < product_n_symbols(d); i++) {
        const struct symbol *symbol = symbols_at(s, d.sym[i]);
        if (symbol && symbol->depth > depth)
            depth = symbol->depth;
    }
    return depth;
}

/* The derived symbol of these parts, made at its first use. */
static bool symbol_derive(struct symbols *s, enum symbol_kind kind, const struct polynomial *p,
                          struct dim divisor, struct dim *out) {
    int depth = term_depth(s, divisor);
    for (int i = 0; i < p->n; i++)
        if (term_depth(s, p->term[i]) > depth)
            depth = term_depth(s, p->term[i]);
    depth += kind == SYMBOL_QUOTIENT;
    if (depth > MAX_QUOTIENT_DEPTH)
        return false;
    for (uint32_t i = s->derived; i; i = s->list.at[i].before) {
        const struct symbol *have = &s->list.at[i];
        bool same = have->kind == kind && have->n_terms == p->n && dim_same(have->divisor, divisor);
        for (int k = 0; same && k < p->n; k++)
            same = dim_same(have->term[k], p->term[k]);
        if (same)
            return *out = (struct dim){1, {i}}, true;
    }
    struct dim *term = arena_array(s->arena, struct dim, p->n);
    memcpy(term, p->term, (size_t)p->n * sizeof *term);
    s->derived = symbol_add(s, (struct symbol){.kind = kind,
                                               .n_terms = p->n,
                                               .term = term,
                                               .divisor = divisor,
                                               .depth = depth,
                                               .before = s->derived});
    *out = (struct dim){1, {s->derived}};
    return true;
}

/* The canonical dim of a polynomial. */
static bool polynomial_dim(struct symbols *s, const struct polynomial *p, struct dim *out) {
    if (p->n <= 1) {
        *out = p->n ? p->term[0] : dim_const(0);
        return true;
    }
    struct polynomial primitive = *p;
    struct dim common = polynomial_content(p), sum;
    polynomial_reduce(&primitive, common);
    return symbol_derive(s, SYMBOL_SUM, &primitive, (struct dim){0}, &sum) &&
           product_multiply(common, sum, out);
}

bool dim_same(struct dim a, struct dim b) {
    bool same = a.k == b.k;
    for (int i = 0; i < MAX_DIM_SYMBOLS; i++)
        same = same && a.sym[i] == b.sym[i];
    return same;
}

static bool has_kind(const struct symbols *s, struct dim d, enum symbol_kind kind) {
    for (int i = 0; i < product_n_symbols(d); i++) {
        const struct symbol *symbol = symbols_at(s, d.sym[i]);
        if (symbol && symbol->kind == kind)
            return true;
    }
    return false;
}

bool dim_is_named(const struct symbols *s, struct dim d) {
    for (int i = 0; i < product_n_symbols(d); i++) {
        const struct symbol *symbol = symbols_at(s, d.sym[i]);
        if (!symbol || (symbol->kind == SYMBOL_PLAIN && !symbol->name))
            return false;
        for (int k = 0; k < symbol->n_terms; k++)
            if (!dim_is_named(s, symbol->term[k]))
                return false;
        if (symbol->kind == SYMBOL_QUOTIENT && !dim_is_named(s, symbol->divisor))
            return false;
    }
    return true;
}

bool dim_mentions(const struct symbols *s, struct dim d, uint32_t symbol) {
    for (int i = 0; i < product_n_symbols(d); i++) {
        const struct symbol *part = symbols_at(s, d.sym[i]);
        bool found = d.sym[i] == symbol || (part && dim_mentions(s, part->divisor, symbol));
        for (int k = 0; part && k < part->n_terms && !found; k++)
            found = dim_mentions(s, part->term[k], symbol);
        if (found)
            return true;
    }
    return false;
}

uint32_t dim_first_symbol(const struct symbols *s, struct dim d) {
    for (int i = 0; i < product_n_symbols(d); i++) {
        const struct symbol *symbol = symbols_at(s, d.sym[i]);
        if (!symbol || symbol->kind == SYMBOL_PLAIN)
            return d.sym[i];
        uint32_t inner = 0;
        for (int k = 0; k < symbol->n_terms && !inner; k++)
            inner = dim_first_symbol(s, symbol->term[k]);
        if (!inner)
            inner = dim_first_symbol(s, symbol->divisor);
        if (inner)
            return inner;
    }
    return 0;
}

/* What a difference of two sizes, not 0, says of them. */
static enum dim_match compare_difference(const struct symbols *s, const struct polynomial *p) {
    int64_t divisor = 0, constant = 0;
    bool named = true, plain = false, up = false, down = false;
    for (int i = 0; i < p->n; i++) {
        struct dim t = p->term[i];
        if (product_n_symbols(t))
            divisor = common_divisor(divisor, t.k);
        else
            constant = t.k;
        named = named && dim_is_named(s, t);
        plain = plain || !has_kind(s, t, SYMBOL_QUOTIENT);
        up = up || t.k > 0;
        down = down || t.k < 0;
    }
    if (divisor && constant % divisor) /* 2*n is never 7, whatever n is */
        return DIM_DIFFER;
    if (divisor == 0 ||
        (named && plain && up != down)) /* sizes are not negative: n is not n + m + 1 */
        return DIM_DIFFER;
    /* two different names, each by itself or times the same */
    if (named && p->n == 2 && p->term[0].k == -p->term[1].k && product_n_symbols(p->term[0]) == 1 &&
        product_n_symbols(p->term[1]) == 1 && !has_kind(s, p->term[0], SYMBOL_QUOTIENT) &&
        !has_kind(s, p->term[1], SYMBOL_QUOTIENT))
        return DIM_DIFFER;
    return DIM_MAYBE;
}

enum dim_match dim_compare(const struct symbols *s, struct dim a, struct dim b) {
    struct polynomial p, q;
    if (dim_same(a, b))
        return DIM_SAME;
    product_cancel(&a, &b);
    if (dim_is_const(a) && dim_is_const(b))
        return DIM_DIFFER;
    if (!polynomial_of(s, a, &p) || !polynomial_of(s, b, &q) ||
        !polynomial_add(&p, &q, dim_const(-1)))
        return DIM_MAYBE;
    return p.n ? compare_difference(s, &p) : DIM_SAME;
}

bool dim_multiply(struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    struct polynomial p, q;
    if (!has_kind(s, a, SYMBOL_SUM) || !has_kind(s, b, SYMBOL_SUM))
        return product_multiply(a, b, out);
    return polynomial_of(s, a, &p) && polynomial_of(s, b, &q) && polynomial_multiply(&p, &q, &p) &&
           polynomial_dim(s, &p, out);
}

static bool add_times(struct symbols *s, struct dim a, struct dim b, int64_t factor,
                      struct dim *out) {
    struct polynomial p, q;
    return polynomial_of(s, a, &p) && polynomial_of(s, b, &q) &&
           polynomial_add(&p, &q, dim_const(factor)) && polynomial_dim(s, &p, out);
}

bool dim_add(struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    return add_times(s, a, b, 1, out);
}

bool dim_subtract(struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    return add_times(s, a, b, -1, out);
}

bool dim_divide(struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    struct polynomial p, q;
    if (b.k == 0 || (b.k == -1 && a.k == INT64_MIN) || a.k % b.k != 0)
        return false;
    a.k /= b.k;
    b.k = 1;
    if (a.k == 0) {
        *out = dim_const(0);
        return true;
    }
    product_cancel(&a, &b);
    if (dim_is_const(b)) {
        *out = a;
        return true;
    }
    return has_kind(s, a, SYMBOL_SUM) && polynomial_of(s, a, &p) && polynomial_of(s, b, &q) &&
           polynomial_divide(&p, &q, &p) && polynomial_dim(s, &p, out);
}

static int64_t floor_quotient(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

/* Splits p = whole * by + p, by a product k * s1 * ..: of each term with these symbols, what k goes
 * into. */
static bool take_whole(struct polynomial *p, struct dim by, struct polynomial *whole) {
    struct polynomial rest = {0};
    *whole = (struct polynomial){0};
    for (int i = 0; i < p->n; i++) {
        struct dim term = p->term[i], divisor = by, left = term;
        product_cancel(&term, &divisor);
        if (dim_is_const(divisor)) {
            term.k = floor_quotient(left.k, by.k);
            left.k -= term.k * by.k;
            struct polynomial one = {.n = 1, .term = {term}};
            if (term.k && !polynomial_add(whole, &one, dim_const(1)))
                return false;
        }
        struct polynomial one = {.n = 1, .term = {left}};
        if (left.k && !polynomial_add(&rest, &one, dim_const(1)))
            return false;
    }
    *p = rest;
    return true;
}

/* p // k, both divided by what k and the coefficients of p's symbols have in common: the constant
 * is rounded down, which changes nothing. */
static void reduce_quotient(struct polynomial *p, struct dim *divisor) {
    int64_t common = divisor->k;
    int n = 0;
    for (int i = 0; i < p->n; i++)
        if (product_n_symbols(p->term[i]) || !dim_is_const(*divisor))
            common = common_divisor(common, p->term[i].k);
    for (int i = 0; i < p->n; i++) {
        p->term[n] = p->term[i];
        p->term[n].k = floor_quotient(p->term[n].k, common);
        n += p->term[n].k != 0;
    }
    p->n = n;
    divisor->k /= common;
}

/* The symbols that two products have in common. */
static struct dim shared_symbols(struct dim a, struct dim b) {
    struct dim only = a;
    product_cancel(&only, &b);
    product_cancel(&a, &only);
    a.k = 1;
    return a;
}

/* (a//b + r)//c as (a + r*b)//(b*c), when p is such and c a number. */
static bool flatten_quotient(struct symbols *s, const struct polynomial *p, struct dim c,
                             struct dim *out) {
    const struct symbol *inner = p->n ? symbols_at(s, p->term[0].sym[0]) : NULL;
    struct dim shift = dim_const(p->n == 2 ? p->term[1].k : 0);
    if (!inner || inner->kind != SYMBOL_QUOTIENT || p->n > 2 || p->term[0].k != 1 ||
        product_n_symbols(p->term[0]) != 1 || (p->n == 2 && !dim_is_const(p->term[1])) ||
        !dim_is_const(inner->divisor) || !dim_is_const(c))
        return false;
    struct polynomial dividend = {.n = inner->n_terms};
    struct dim a, b = inner->divisor;
    memcpy(dividend.term, inner->term, (size_t)dividend.n * sizeof *dividend.term);
    return product_multiply(shift, b, &shift) && product_multiply(b, c, &b) &&
           polynomial_dim(s, &dividend, &a) && dim_add(s, a, shift, &a) &&
           dim_floor_divide(s, a, b, out);
}

bool dim_floor_divide(struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    struct polynomial p, whole = {0};
    struct dim quotient, before;
    if (b.k == 0 || a.k == INT64_MIN || b.k == INT64_MIN)
        return false;
    if (dim_divide(s, a, b, out))
        return true;
    if (b.k < 0)
        a.k = -a.k, b.k = -b.k;
    if (has_kind(s, b, SYMBOL_SUM))
        product_cancel(&a, &b);
    if (!polynomial_of(s, a, &p) || (!has_kind(s, b, SYMBOL_SUM) && !take_whole(&p, b, &whole)))
        return false;
    if (dim_is_const(b) && p.n && dim_is_const(p.term[0])) /* less than b is left */
        p.n = 0;
    if (p.n == 0)
        return polynomial_dim(s, &whole, out);
    struct dim shared = shared_symbols(polynomial_content(&p), b);
    if (!dim_is_const(shared)) {
        polynomial_reduce(&p, shared);
        product_cancel(&b, &shared);
        return polynomial_dim(s, &whole, &before) && polynomial_dim(s, &p, &a) &&
               dim_floor_divide(s, a, b, &quotient) && dim_add(s, before, quotient, out);
    }
    reduce_quotient(&p, &b);
    if (p.n == 0)
        return polynomial_dim(s, &whole, out);
    if (!flatten_quotient(s, &p, b, &quotient) &&
        !symbol_derive(s, SYMBOL_QUOTIENT, &p, b, &quotient))
        return false;
    return polynomial_dim(s, &whole, &before) && dim_add(s, before, quotient, out);
}

bool dim_ceil_divide(struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    struct dim up;
    return dim_add(s, a, b, &up) && dim_subtract(s, up, dim_const(1), &up) &&
           dim_floor_divide(s, up, b, out);
}

/* Sums and products of numbers that stay INT64_MAX once they do not fit. */
static int64_t multiply_sizes(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t add_sizes(int64_t a, int64_t b) {
    int64_t sum;
    bool lost = a == INT64_MAX || b == INT64_MAX;
    return lost || __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static bool evaluate_symbol(uint32_t symbol, const struct bindings *b, int64_t *size,
                            uint32_t *unbound) {
    const struct symbol *derived = b ? symbols_at(b->symbols, symbol) : NULL;
    int64_t sum = 0, part, divisor;
    if (!derived || derived->kind == SYMBOL_PLAIN) {
        *size = b && symbol < b->n ? b->size[symbol] : -1;
        if (*size < 0 && unbound)
            *unbound = symbol;
        return *size >= 0;
    }
    for (int i = 0; i < derived->n_terms; i++) {
        if (!dim_evaluate(derived->term[i], b, &part, unbound))
            return false;
        sum = add_sizes(sum, part);
    }
    if (derived->kind == SYMBOL_QUOTIENT) {
        if (!dim_evaluate(derived->divisor, b, &divisor, unbound))
            return false;
        bool fits = divisor != 0 && sum != INT64_MAX && sum != INT64_MIN;
        sum = fits ? floor_quotient(sum, divisor) : -1;
    }
    *size = sum;
    return true;
}

bool dim_evaluate(struct dim d, const struct bindings *b, int64_t *size, uint32_t *unbound) {
    int64_t product = d.k, part;
    for (int i = 0; i < product_n_symbols(d); i++) {
        if (!evaluate_symbol(d.sym[i], b, &part, unbound))
            return false;
        product = multiply_sizes(product, part);
    }
    *size = product;
    return true;
}

/* What a term says when all its symbols but at most one are bound: value, times *open. */
static bool partial_term(struct dim term, const struct bindings *b, int64_t *value,
                         uint32_t *open) {
    *value = term.k;
    *open = 0;
    for (int i = 0; i < product_n_symbols(term); i++) {
        int64_t part;
        uint32_t unbound = 0;
        if (evaluate_symbol(term.sym[i], b, &part, &unbound)) {
            if (__builtin_mul_overflow(*value, part, value))
                return false;
        } else if (*open || unbound != term.sym[i]) {
            return false;
        } else {
            *open = unbound;
        }
    }
    return true;
}

enum dim_solution dim_solve(struct dim d, const struct bindings *b, int64_t size, uint32_t *symbol,
                            int64_t *value) {
    struct polynomial p;
    int64_t slope = 0, rest = 0, part;
    uint32_t unbound;
    if (dim_evaluate(d, b, &part, &unbound))
        return part == size ? DIM_KNOWN : DIM_CONFLICT;
    *symbol = 0;
    if (!polynomial_of(b->symbols, d, &p))
        return DIM_OPEN;
    for (int i = 0; i < p.n; i++) {
        uint32_t open;
        if (!partial_term(p.term[i], b, &part, &open) || (open && *symbol && open != *symbol))
            return DIM_OPEN;
        *symbol = open ? open : *symbol;
        if (__builtin_add_overflow(open ? slope : rest, part, open ? &slope : &rest))
            return DIM_OPEN;
    }
    if (__builtin_sub_overflow(size, rest, &part))
        return DIM_IMPOSSIBLE;
    if (slope == 0)
        return part == 0 ? DIM_OPEN : DIM_IMPOSSIBLE;
    if (slope == -1 ? part == INT64_MIN : part % slope != 0)
        return DIM_IMPOSSIBLE;
    *value = part / slope;
    return *value >= 0 ? DIM_SOLVED : DIM_IMPOSSIBLE;
}
