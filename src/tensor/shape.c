/* Shapes, and how sizes look. A count that overflows becomes INT64_MAX where a number must be given:
 * no allocation accepts that. */
#include "tensor/polynomial.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool shape_is_const(const struct shape *s) {
    for (int i = 0; i < s->rank; i++)
        if (!dim_is_const(s->d[i]))
            return false;
    return true;
}

bool shape_same(const struct shape *a, const struct shape *b) {
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!dim_same(a->d[i], b->d[i]))
            return false;
    return true;
}

struct shape shape_scalar(void) {
    return (struct shape){0};
}

struct shape shape_const(int rank, const int64_t *sizes) {
    struct shape s = {.rank = rank};
    for (int i = 0; i < rank; i++)
        s.d[i] = dim_const(sizes[i]);
    return s;
}

bool shape_count(struct symbols *symbols, const struct shape *s, struct dim *count) {
    struct dim product = dim_const(1);
    for (int i = 0; i < s->rank; i++)
        if (!dim_multiply(symbols, product, s->d[i], &product))
            return false;
    *count = product;
    return true;
}

static int64_t multiply_sizes(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

int64_t shape_n_elements(const struct shape *s) {
    /* Zero first: [0, huge, huge] is empty, not an overflow. */
    for (int i = 0; i < s->rank; i++)
        if (s->d[i].k == 0)
            return 0;
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n = multiply_sizes(n, s->d[i].k);
    return n;
}

/* A buffer that is cut, never overrun. */
struct text {
    char *at;
    int n, cap;
};

static void text_put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_put(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int room = t->cap - t->n;
    int wanted = vsnprintf(t->at + t->n, (size_t)room, format, args);
    va_end(args);
    t->n += wanted < 0 ? 0 : wanted < room ? wanted : room - 1;
}

static void put_terms(struct text *t, const struct symbols *s, const struct dim *term, int n);

/* (height + 1)//2, its dividend given. */
static void put_quotient(struct text *t, const struct symbols *s, const struct symbol *q,
                         const struct dim *term, int n) {
    const struct symbol *by = symbols_at(s, q->divisor.sym[0]);
    bool product = q->divisor.sym[0] &&
                   (q->divisor.k != 1 || q->divisor.sym[1] || (by && by->kind != SYMBOL_PLAIN));
    text_put(t, n > 1 ? "(" : "");
    put_terms(t, s, term, n);
    text_put(t, n > 1 ? ")//" : "//");
    text_put(t, product ? "(" : "");
    put_terms(t, s, &q->divisor, 1);
    text_put(t, product ? ")" : "");
}

/* A product, without its sign. -(n//2) is not -n//2. */
static void put_product(struct text *t, const struct symbols *s, struct dim d, bool first) {
    int n = product_n_symbols(d);
    /* the magnitude of the least number has no sign bit to spare */
    uint64_t k = d.k < 0 ? 0 - (uint64_t)d.k : (uint64_t)d.k;
    bool alone = k == 1 && n == 1 && !(first && d.k < 0);
    if (n == 0 || k != 1)
        text_put(t, "%" PRIu64 "%s", k, n ? "*" : "");
    for (int i = 0; i < n; i++) {
        const struct symbol *symbol = symbols_at(s, d.sym[i]);
        bool plain = !symbol || symbol->kind == SYMBOL_PLAIN;
        bool sum = symbol && symbol->kind == SYMBOL_SUM;
        text_put(t, "%s%s", i ? "*" : "", plain || alone ? "" : "(");
        if (plain)
            text_put(t, "%s", symbol && symbol->name ? symbol->name : "?");
        else if (sum)
            put_terms(t, s, symbol->term, symbol->n_terms);
        else
            put_quotient(t, s, symbol, symbol->term, symbol->n_terms);
        text_put(t, plain || alone ? "" : ")");
    }
}

/* n + (n + 1)//2 is how 3*n//2 + 1 is kept. Takes the terms that the quotient's dividend has too
 * back into it; false when there is no such quotient. */
static bool join_quotient(const struct symbols *s, const struct dim *term, int n,
                          struct polynomial *rest, const struct symbol **quotient,
                          struct polynomial *dividend) {
    *quotient = NULL;
    for (int i = 0; i < n && !*quotient; i++) {
        const struct symbol *q = symbols_at(s, term[i].sym[0]);
        if (q && q->kind == SYMBOL_QUOTIENT && term[i].k == 1 && !term[i].sym[1] &&
            dim_is_const(q->divisor))
            *quotient = q;
    }
    if (!*quotient)
        return false;
    *dividend = (struct polynomial){.n = (*quotient)->n_terms};
    memcpy(dividend->term, (*quotient)->term, (size_t)dividend->n * sizeof *dividend->term);
    *rest = (struct polynomial){0};
    for (int i = 0; i < n; i++) {
        struct polynomial one = {.n = 1, .term = {term[i]}};
        bool shared = false;
        for (int k = 0; k < (*quotient)->n_terms; k++)
            shared |= !memcmp((*quotient)->term[k].sym, term[i].sym, sizeof term[i].sym);
        if (shared && !polynomial_add(dividend, &one, (*quotient)->divisor))
            return false;
        if (!shared && symbols_at(s, term[i].sym[0]) != *quotient)
            rest->term[rest->n++] = term[i];
    }
    return true;
}

/* Sums begin with a term that is added, if there is one: "1 - n". */
static void put_terms(struct text *t, const struct symbols *s, const struct dim *term, int n) {
    struct polynomial rest, dividend;
    const struct symbol *quotient;
    if (n > 1 && join_quotient(s, term, n, &rest, &quotient, &dividend)) {
        put_quotient(t, s, quotient, dividend.term, dividend.n);
        term = rest.term, n = rest.n;
    } else {
        quotient = NULL;
    }
    int first = 0;
    while (!quotient && first < n && term[first].k < 0)
        first++;
    if (!quotient) {
        first = first == n ? 0 : first;
        text_put(t, term[first].k < 0 ? "-" : "");
        put_product(t, s, term[first], true);
    }
    for (int i = 0; i < n; i++) {
        if (!quotient && i == first)
            continue;
        text_put(t, term[i].k < 0 ? " - " : " + ");
        put_product(t, s, term[i], false);
    }
}

/* A number before a sum is multiplied through: "2*n - 2", but "batch*(n - 1)". */
static void put_dim(struct text *t, const struct symbols *s, struct dim d) {
    struct polynomial p;
    bool sum = product_n_symbols(d) == 1 && polynomial_of(s, d, &p);
    put_terms(t, s, sum ? p.term : &d, sum ? p.n : 1);
}

char *dim_print(char *buf, int n_buf, const struct symbols *s, struct dim d) {
    struct text t = {buf, 0, n_buf};
    put_dim(&t, s, d);
    return buf;
}

char *shape_print(char *buf, int n_buf, const struct symbols *s, const struct shape *sh) {
    struct text t = {buf, 0, n_buf};
    buf[0] = 0;
    for (int i = 0; i < sh->rank; i++) {
        text_put(&t, i ? ", " : "[");
        put_dim(&t, s, sh->d[i]);
    }
    if (sh->rank)
        text_put(&t, "]");
    return buf;
}
