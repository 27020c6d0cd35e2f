/* The algebra of dimensions: products k * s1 * s2 * .. with the symbols kept sorted, so that equal
 * products have equal representations. A zero factor leaves plain 0. Sizes that overflow are
 * refused by dim_multiply, and become INT64_MAX where a number must be given: no allocation accepts
 * that. */
#include "tensor/shape.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

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
    return (struct dim){1, {symbol_add(s, (struct symbol){name, at})}};
}

struct dim dim_fresh(struct symbols *s) {
    return (struct dim){1, {symbol_add(s, (struct symbol){0})}};
}

bool dim_same(struct dim a, struct dim b) {
    bool same = a.k == b.k;
    for (int i = 0; i < MAX_DIM_SYMBOLS; i++)
        same = same && a.sym[i] == b.sym[i];
    return same;
}

static int n_symbols(struct dim d) {
    int n = 0;
    while (n < MAX_DIM_SYMBOLS && d.sym[n])
        n++;
    return n;
}

/* Takes the symbols that both have (each as often as both have it) out of both. */
static void cancel_symbols(struct dim *a, struct dim *b) {
    struct dim rest_a = {.k = a->k}, rest_b = {.k = b->k};
    int na = n_symbols(*a), nb = n_symbols(*b), i = 0, j = 0, ra = 0, rb = 0;
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

static bool has_anonymous(const struct symbols *s, struct dim d) {
    for (int i = 0; i < n_symbols(d); i++)
        if (!s || (int64_t)d.sym[i] >= s->list.n || !s->list.at[d.sym[i]].name)
            return true;
    return false;
}

enum dim_match dim_compare(const struct symbols *s, struct dim a, struct dim b) {
    if (dim_same(a, b))
        return DIM_SAME;
    cancel_symbols(&a, &b);
    int na = n_symbols(a), nb = n_symbols(b);
    if (na == 0 && nb == 0)
        return DIM_DIFFER;
    if (has_anonymous(s, a) || has_anonymous(s, b)) {
        /* 2*? is never 7, whatever ? is. */
        if ((nb == 0 && a.k && b.k % a.k) || (na == 0 && b.k && a.k % b.k))
            return DIM_DIFFER;
        return DIM_MAYBE;
    }
    if (na == 1 && nb == 1 && a.k == b.k)
        return DIM_DIFFER;
    if ((nb == 0 && a.k && b.k % a.k) || (na == 0 && b.k && a.k % b.k))
        return DIM_DIFFER;
    return DIM_MAYBE;
}

bool dim_multiply(struct dim a, struct dim b, struct dim *out) {
    struct dim product = {0};
    int na = n_symbols(a), nb = n_symbols(b);
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

bool dim_divide(struct dim a, struct dim b, struct dim *out) {
    if (b.k == 0 || (b.k == -1 && a.k == INT64_MIN) || a.k % b.k != 0)
        return false;
    int64_t k = a.k / b.k;
    if (k == 0) {
        *out = dim_const(0);
        return true;
    }
    cancel_symbols(&a, &b);
    if (n_symbols(b))
        return false;
    a.k = k;
    *out = a;
    return true;
}

static int64_t multiply_sizes(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

bool dim_evaluate(struct dim d, const struct bindings *b, int64_t *size, uint32_t *unbound) {
    int64_t product = d.k;
    for (int i = 0; i < n_symbols(d); i++) {
        int64_t bound = b && d.sym[i] < b->n ? b->size[d.sym[i]] : -1;
        if (bound < 0) {
            if (unbound)
                *unbound = d.sym[i];
            return false;
        }
        product = multiply_sizes(product, bound);
    }
    *size = product;
    return true;
}

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

bool shape_count(const struct shape *s, struct dim *count) {
    struct dim product = dim_const(1);
    for (int i = 0; i < s->rank; i++)
        if (!dim_multiply(product, s->d[i], &product))
            return false;
    *count = product;
    return true;
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

static void put_dim(struct text *t, const struct symbols *s, struct dim d) {
    int n = n_symbols(d);
    if (n == 0 || d.k != 1)
        text_put(t, "%" PRId64 "%s", d.k, n ? "*" : "");
    for (int i = 0; i < n; i++) {
        const char *name = s && (int64_t)d.sym[i] < s->list.n ? s->list.at[d.sym[i]].name : NULL;
        text_put(t, "%s%s", i ? "*" : "", name ? name : "?");
    }
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
