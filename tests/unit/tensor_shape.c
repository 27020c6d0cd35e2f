/* The algebra of dimensions and shapes. */
#include "tensor/shape.h"

#include <stdlib.h>

#include "base/intern.h"
#include "unit.h"

struct names {
    struct arena arena;
    struct intern_table table;
    struct symbols symbols;
};

static void names_open(struct names *n) {
    *n = (struct names){0};
    n->table.arena = &n->arena;
    n->symbols.arena = &n->arena;
}

static struct dim named(struct names *n, const char *name) {
    return dim_named(&n->symbols, intern_string(&n->table, name), (struct span){0});
}

static struct dim times(struct names *n, struct dim a, struct dim b) {
    struct dim product = {0};
    CU_ASSERT(dim_multiply(&n->symbols, a, b, &product));
    return product;
}

static void products_are_canonical(void) {
    struct names n;
    names_open(&n);
    struct dim a = named(&n, "a"), b = named(&n, "b"), d;
    CU_ASSERT(dim_same(times(&n, a, b), times(&n, b, a)));
    CU_ASSERT(dim_same(a, named(&n, "a")));
    CU_ASSERT_FALSE(dim_same(a, b));
    CU_ASSERT_FALSE(dim_same(dim_fresh(&n.symbols), dim_fresh(&n.symbols)));
    CU_ASSERT(dim_same(times(&n, times(&n, b, a), times(&n, a, dim_const(3))),
                       times(&n, times(&n, a, a), times(&n, dim_const(3), b))));
    CU_ASSERT(dim_same(times(&n, a, dim_const(0)), dim_const(0)));
    struct dim four = times(&n, times(&n, a, a), times(&n, a, b));
    CU_ASSERT_FALSE(dim_multiply(&n.symbols, four, b, &d));
    CU_ASSERT(dim_multiply(&n.symbols, four, dim_const(2), &d));
    CU_ASSERT_FALSE(dim_multiply(&n.symbols, dim_const(INT64_MAX), dim_const(2), &d));
    arena_free(&n.arena);
}

static void division_is_exact_or_refused(void) {
    struct names n;
    names_open(&n);
    struct dim a = named(&n, "a"), b = named(&n, "b"), d;
    struct dim ab6 = times(&n, times(&n, a, b), dim_const(6));
    CU_ASSERT(dim_divide(&n.symbols, ab6, times(&n, b, dim_const(3)), &d));
    CU_ASSERT(dim_same(d, times(&n, a, dim_const(2))));
    CU_ASSERT_FALSE(dim_divide(&n.symbols, ab6, dim_const(4), &d));
    CU_ASSERT_FALSE(dim_divide(&n.symbols, a, b, &d));
    CU_ASSERT_FALSE(dim_divide(&n.symbols, a, dim_const(0), &d));
    CU_ASSERT_FALSE(dim_divide(&n.symbols, dim_const(INT64_MIN), dim_const(-1), &d));
    CU_ASSERT(dim_divide(&n.symbols, ab6, ab6, &d));
    CU_ASSERT(dim_is_one(d));
    arena_free(&n.arena);
}

static void comparison_knows_what_only_a_run_can_tell(void) {
    struct names n;
    names_open(&n);
    const struct symbols *s = &n.symbols;
    struct dim a = named(&n, "a"), b = named(&n, "b"), any = dim_fresh(&n.symbols);
    struct dim a2 = times(&n, a, dim_const(2)), a3 = times(&n, a, dim_const(3));
    CU_ASSERT_EQUAL(dim_compare(s, a, a), DIM_SAME);
    CU_ASSERT_EQUAL(dim_compare(s, dim_const(3), dim_const(3)), DIM_SAME);
    CU_ASSERT_EQUAL(dim_compare(s, dim_const(3), dim_const(4)), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, a, b), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, a2, a3), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, a, a2), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, a, dim_const(4)), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, a2, dim_const(4)), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, a2, dim_const(5)), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, any, a), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, any, dim_const(7)), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, any, any), DIM_SAME);
    arena_free(&n.arena);
}

static void evaluation_needs_every_symbol(void) {
    struct names n;
    names_open(&n);
    struct dim a = named(&n, "a"), b = named(&n, "b");
    int64_t sizes[] = {-1, 50, -1}, size = 0;
    struct bindings bound = {sizes, 3, &n.symbols};
    uint32_t unbound = 0;
    CU_ASSERT(dim_evaluate(times(&n, a, dim_const(3)), &bound, &size, &unbound));
    CU_ASSERT_EQUAL(size, 150);
    CU_ASSERT_FALSE(dim_evaluate(times(&n, a, b), &bound, &size, &unbound));
    CU_ASSERT_EQUAL(unbound, b.sym[0]);
    CU_ASSERT_FALSE(dim_evaluate(dim_fresh(&n.symbols), &bound, &size, &unbound));
    sizes[1] = INT64_MAX;
    CU_ASSERT(dim_evaluate(times(&n, a, dim_const(3)), &bound, &size, &unbound));
    CU_ASSERT_EQUAL(size, INT64_MAX);
    arena_free(&n.arena);
}

static void counting_elements(void) {
    struct names n;
    names_open(&n);
    struct shape s = shape_const(3, (int64_t[]){2, 3, 4});
    struct dim count;
    CU_ASSERT(shape_is_const(&s));
    CU_ASSERT_EQUAL(shape_n_elements(&s), 24);
    s.d[1] = named(&n, "time");
    CU_ASSERT_FALSE(shape_is_const(&s));
    CU_ASSERT(shape_count(&n.symbols, &s, &count));
    CU_ASSERT(dim_same(count, times(&n, named(&n, "time"), dim_const(8))));
    s = shape_const(3, (int64_t[]){INT64_MAX, 3, 0});
    CU_ASSERT_EQUAL(shape_n_elements(&s), 0);
    s = shape_const(2, (int64_t[]){INT64_MAX, 3});
    CU_ASSERT_EQUAL(shape_n_elements(&s), INT64_MAX);
    CU_ASSERT_FALSE(shape_count(&n.symbols, &s, &count));
    s = shape_scalar();
    CU_ASSERT_EQUAL(shape_n_elements(&s), 1);
    arena_free(&n.arena);
}

struct figures {
    struct names names;
    struct dim n, m, h;
};

static void figures_open(struct figures *f) {
    names_open(&f->names);
    f->n = named(&f->names, "n"), f->m = named(&f->names, "m"), f->h = named(&f->names, "h");
}

static struct dim plus(struct figures *f, struct dim a, int64_t k) {
    struct dim sum = {0};
    CU_ASSERT(dim_add(&f->names.symbols, a, dim_const(k), &sum));
    return sum;
}

static struct dim over(struct figures *f, struct dim a, struct dim b) {
    struct dim quotient = {0};
    CU_ASSERT(dim_floor_divide(&f->names.symbols, a, b, &quotient));
    return quotient;
}

static void sums_are_canonical(void) {
    struct figures f;
    figures_open(&f);
    struct names *names = &f.names;
    struct symbols *s = &names->symbols;
    struct dim up = plus(&f, f.n, 1), down = plus(&f, f.n, -1), d, e;
    CU_ASSERT(dim_same(plus(&f, up, -1), f.n));
    CU_ASSERT(dim_add(s, f.n, f.m, &d) && dim_add(s, f.m, f.n, &e));
    CU_ASSERT(dim_same(d, e));
    CU_ASSERT(dim_subtract(s, d, f.m, &d));
    CU_ASSERT(dim_same(d, f.n));
    CU_ASSERT(dim_same(times(names, up, down), plus(&f, times(names, f.n, f.n), -1)));
    CU_ASSERT(
        dim_same(times(names, dim_const(2), up), plus(&f, times(names, dim_const(2), f.n), 2)));
    CU_ASSERT(dim_divide(s, plus(&f, times(names, f.n, f.n), -1), up, &d));
    CU_ASSERT(dim_same(d, down));
    CU_ASSERT_FALSE(dim_divide(s, up, down, &d));
    CU_ASSERT_FALSE(dim_add(s, dim_const(INT64_MAX), dim_const(1), &d));
    CU_ASSERT(dim_subtract(s, f.n, f.n, &d));
    CU_ASSERT(dim_same(d, dim_const(0)));
    arena_free(&names->arena);
}

static void quotients_are_canonical(void) {
    struct figures f;
    figures_open(&f);
    struct names *names = &f.names;
    struct dim two = dim_const(2), three = dim_const(3);
    struct dim n6 = times(names, dim_const(6), f.n), d;
    CU_ASSERT(dim_same(over(&f, n6, three), times(names, two, f.n)));
    CU_ASSERT(dim_same(over(&f, plus(&f, n6, 2), three), times(names, two, f.n)));
    CU_ASSERT(dim_same(over(&f, over(&f, f.n, two), three), over(&f, f.n, dim_const(6))));
    CU_ASSERT(dim_same(over(&f, over(&f, n6, dim_const(4)), f.h),
                       over(&f, over(&f, times(names, three, f.n), two), f.h)));
    CU_ASSERT(
        dim_same(plus(&f, over(&f, plus(&f, f.h, -4), two), 1), plus(&f, over(&f, f.h, two), -1)));
    CU_ASSERT(
        dim_same(over(&f, f.n, dim_const(-2)), over(&f, times(names, f.n, dim_const(-1)), two)));
    CU_ASSERT(
        dim_same(over(&f, times(names, f.n, f.m), times(names, two, f.n)), over(&f, f.m, two)));
    CU_ASSERT_FALSE(dim_floor_divide(&names->symbols, f.n, dim_const(0), &d));
    struct dim deep = f.n;
    bool ok = true;
    for (int i = 0; i < 20 && ok; i++)
        ok = dim_floor_divide(&names->symbols, f.h, deep, &deep);
    CU_ASSERT_FALSE(ok);
    arena_free(&names->arena);
}

static void comparison_of_sums(void) {
    struct figures f;
    figures_open(&f);
    struct symbols *s = &f.names.symbols;
    struct dim up = plus(&f, f.n, 1), d;
    CU_ASSERT_EQUAL(dim_compare(s, f.n, up), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, up, dim_const(5)), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, up, dim_const(0)), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, up, f.m), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, up, plus(&f, f.m, 1)), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, plus(&f, times(&f.names, f.n, dim_const(2)), 1), dim_const(6)),
                    DIM_DIFFER);
    CU_ASSERT(dim_add(s, f.n, f.m, &d));
    CU_ASSERT_EQUAL(dim_compare(s, d, f.n), DIM_DIFFER);
    CU_ASSERT_EQUAL(dim_compare(s, over(&f, f.n, dim_const(2)), f.m), DIM_MAYBE);
    CU_ASSERT_EQUAL(dim_compare(s, plus(&f, dim_fresh(s), 1), up), DIM_MAYBE);
    arena_free(&f.names.arena);
}

/* Every operation against the same one on numbers. */
static void arithmetic_means_what_it_says(void) {
    struct figures f;
    figures_open(&f);
    struct symbols *s = &f.names.symbols;
    struct dim pool[64] = {f.n, f.m, f.h, dim_const(3), dim_const(-2), dim_const(7)};
    int n_pool = 6, wrong = 0, done = 0;
    int64_t sizes[64] = {[1] = 5, [2] = 12, [3] = 31};
    uint64_t random = 12345;
    for (int i = 0; i < 4000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct dim a = pool[(random >> 33) % (uint64_t)n_pool];
        struct dim b = pool[(random >> 43) % (uint64_t)n_pool], d;
        int64_t x, y, z, q;
        sizes[1] = (int64_t)(random >> 50) % 9, sizes[2] = 1 + (int64_t)(random >> 54) % 20;
        struct bindings bound = {sizes, 4, s};
        int op = (int)(random >> 60) % 4;
        if (!dim_evaluate(a, &bound, &x, NULL) || !dim_evaluate(b, &bound, &y, NULL))
            continue;
        if (op == 3 && (y == 0 || (y < 0 && !dim_is_const(b))))
            continue; /* a symbolic divisor counts as 1 or more */
        bool ok = op == 0   ? dim_add(s, a, b, &d)
                  : op == 1 ? dim_subtract(s, a, b, &d)
                  : op == 2 ? dim_multiply(s, a, b, &d)
                            : dim_floor_divide(s, a, b, &d);
        if (!ok || !dim_evaluate(d, &bound, &z, NULL))
            continue;
        q = op == 0   ? x + y
            : op == 1 ? x - y
            : op == 2 ? x * y
                      : x / y - (x % y && (x < 0) != (y < 0));
        wrong += z != q;
        done++;
        if (llabs(z) < 100000)
            pool[n_pool < 64 ? n_pool++ : 6 + (int)(random >> 40 & 0xffff) % 58] = d;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(done > 1000);
    arena_free(&f.names.arena);
}

static void solving_for_one_symbol(void) {
    struct figures f;
    figures_open(&f);
    int64_t sizes[] = {-1, -1, 4, -1}, value;
    uint32_t symbol;
    struct bindings b = {sizes, 4, &f.names.symbols};
    struct dim line = plus(&f, times(&f.names, f.n, dim_const(2)), -1), d;
    CU_ASSERT_EQUAL(dim_solve(line, &b, 9, &symbol, &value), DIM_SOLVED);
    CU_ASSERT(symbol == f.n.sym[0] && value == 5);
    CU_ASSERT_EQUAL(dim_solve(line, &b, 8, &symbol, &value), DIM_IMPOSSIBLE);
    CU_ASSERT_EQUAL(dim_solve(plus(&f, f.n, 3), &b, 2, &symbol, &value), DIM_IMPOSSIBLE);
    CU_ASSERT(dim_add(&f.names.symbols, f.n, times(&f.names, f.n, f.m), &d));
    CU_ASSERT_EQUAL(dim_solve(d, &b, 15, &symbol, &value), DIM_SOLVED); /* n + 4*n */
    CU_ASSERT_EQUAL(value, 3);
    CU_ASSERT_EQUAL(dim_solve(times(&f.names, f.n, f.h), &b, 15, &symbol, &value), DIM_OPEN);
    CU_ASSERT_EQUAL(dim_solve(over(&f, f.n, dim_const(2)), &b, 3, &symbol, &value), DIM_OPEN);
    sizes[1] = 5;
    CU_ASSERT_EQUAL(dim_solve(line, &b, 9, &symbol, &value), DIM_KNOWN);
    CU_ASSERT_EQUAL(dim_solve(line, &b, 10, &symbol, &value), DIM_CONFLICT);
    arena_free(&f.names.arena);
}

static void printing_sums(void) {
    struct figures f;
    figures_open(&f);
    char buf[SHAPE_TEXT];
    const struct symbols *s = &f.names.symbols;
    struct dim two = dim_const(2), d;
    UNIT_TEXT(dim_print(buf, sizeof buf, s, plus(&f, f.n, -1)), "n - 1");
    UNIT_TEXT(dim_print(buf, sizeof buf, s, times(&f.names, two, plus(&f, f.n, 1))), "2*n + 2");
    UNIT_TEXT(dim_print(buf, sizeof buf, s, times(&f.names, f.m, plus(&f, f.n, 1))), "m*(n + 1)");
    CU_ASSERT(dim_subtract(&f.names.symbols, dim_const(1), f.n, &d));
    UNIT_TEXT(dim_print(buf, sizeof buf, s, d), "1 - n");
    d = over(&f, plus(&f, f.h, -5), two);
    UNIT_TEXT(dim_print(buf, sizeof buf, s, plus(&f, d, 1)), "(h - 3)//2");
    UNIT_TEXT(dim_print(buf, sizeof buf, s, times(&f.names, f.m, over(&f, f.n, two))), "m*(n//2)");
    UNIT_TEXT(
        dim_print(buf, sizeof buf, s, over(&f, times(&f.names, dim_const(8), f.n), dim_const(3))),
        "8*n//3");
    UNIT_TEXT(dim_print(buf, sizeof buf, s, over(&f, f.n, times(&f.names, two, f.m))), "n//(2*m)");
    d = times(&f.names, dim_const(-1), over(&f, f.n, two));
    UNIT_TEXT(dim_print(buf, sizeof buf, s, d), "-(n//2)");
    d = over(&f, f.n, plus(&f, f.m, 1));
    UNIT_TEXT(dim_print(buf, sizeof buf, s, d), "n//(m + 1)");
    arena_free(&f.names.arena);
}

static void printing(void) {
    struct names n;
    names_open(&n);
    char buf[SHAPE_TEXT];
    struct dim batch = named(&n, "batch"), time = named(&n, "time");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, dim_const(784)), "784");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, times(&n, time, dim_const(7))), "7*time");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, times(&n, time, batch)), "batch*time");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, dim_fresh(&n.symbols)), "?");
    struct shape s = shape_const(2, (int64_t[]){1, 784});
    s.d[0] = batch;
    UNIT_TEXT(shape_print(buf, sizeof buf, &n.symbols, &s), "[batch, 784]");
    UNIT_TEXT(shape_print(buf, 8, &n.symbols, &s), "[batch,");
    s = shape_scalar();
    UNIT_TEXT(shape_print(buf, sizeof buf, &n.symbols, &s), "");
    arena_free(&n.arena);
}

void suite_tensor_shape(void) {
    unit_suite("tensor: shape");
    unit_test("products are canonical", products_are_canonical);
    unit_test("division is exact or refused", division_is_exact_or_refused);
    unit_test("comparison knows what only a run can tell",
              comparison_knows_what_only_a_run_can_tell);
    unit_test("evaluation needs every symbol", evaluation_needs_every_symbol);
    unit_test("counting elements", counting_elements);
    unit_test("printing", printing);
    unit_test("sums are canonical", sums_are_canonical);
    unit_test("quotients are canonical", quotients_are_canonical);
    unit_test("comparison of sums", comparison_of_sums);
    unit_test("arithmetic means what it says", arithmetic_means_what_it_says);
    unit_test("solving for one symbol", solving_for_one_symbol);
    unit_test("printing sums", printing_sums);
}
