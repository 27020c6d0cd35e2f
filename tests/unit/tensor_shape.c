/* The algebra of dimensions and shapes. */
#include "tensor/shape.h"

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

static struct dim times(struct dim a, struct dim b) {
    struct dim product = {0};
    CU_ASSERT(dim_multiply(a, b, &product));
    return product;
}

static void products_are_canonical(void) {
    struct names n;
    names_open(&n);
    struct dim a = named(&n, "a"), b = named(&n, "b"), d;
    CU_ASSERT(dim_same(times(a, b), times(b, a)));
    CU_ASSERT(dim_same(a, named(&n, "a")));
    CU_ASSERT_FALSE(dim_same(a, b));
    CU_ASSERT_FALSE(dim_same(dim_fresh(&n.symbols), dim_fresh(&n.symbols)));
    CU_ASSERT(dim_same(times(times(b, a), times(a, dim_const(3))),
                       times(times(a, a), times(dim_const(3), b))));
    CU_ASSERT(dim_same(times(a, dim_const(0)), dim_const(0)));
    struct dim four = times(times(a, a), times(a, b));
    CU_ASSERT_FALSE(dim_multiply(four, b, &d));
    CU_ASSERT(dim_multiply(four, dim_const(2), &d));
    CU_ASSERT_FALSE(dim_multiply(dim_const(INT64_MAX), dim_const(2), &d));
    arena_free(&n.arena);
}

static void division_is_exact_or_refused(void) {
    struct names n;
    names_open(&n);
    struct dim a = named(&n, "a"), b = named(&n, "b"), d;
    struct dim ab6 = times(times(a, b), dim_const(6));
    CU_ASSERT(dim_divide(ab6, times(b, dim_const(3)), &d));
    CU_ASSERT(dim_same(d, times(a, dim_const(2))));
    CU_ASSERT_FALSE(dim_divide(ab6, dim_const(4), &d));
    CU_ASSERT_FALSE(dim_divide(a, b, &d));
    CU_ASSERT_FALSE(dim_divide(a, dim_const(0), &d));
    CU_ASSERT_FALSE(dim_divide(dim_const(INT64_MIN), dim_const(-1), &d));
    CU_ASSERT(dim_divide(ab6, ab6, &d));
    CU_ASSERT(dim_is_one(d));
    arena_free(&n.arena);
}

static void comparison_knows_what_only_a_run_can_tell(void) {
    struct names n;
    names_open(&n);
    const struct symbols *s = &n.symbols;
    struct dim a = named(&n, "a"), b = named(&n, "b"), any = dim_fresh(&n.symbols);
    struct dim a2 = times(a, dim_const(2)), a3 = times(a, dim_const(3));
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
    struct bindings bound = {sizes, 3};
    uint32_t unbound = 0;
    CU_ASSERT(dim_evaluate(times(a, dim_const(3)), &bound, &size, &unbound));
    CU_ASSERT_EQUAL(size, 150);
    CU_ASSERT_FALSE(dim_evaluate(times(a, b), &bound, &size, &unbound));
    CU_ASSERT_EQUAL(unbound, b.sym[0]);
    CU_ASSERT_FALSE(dim_evaluate(dim_fresh(&n.symbols), &bound, &size, &unbound));
    sizes[1] = INT64_MAX;
    CU_ASSERT(dim_evaluate(times(a, dim_const(3)), &bound, &size, &unbound));
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
    CU_ASSERT(shape_count(&s, &count));
    CU_ASSERT(dim_same(count, times(named(&n, "time"), dim_const(8))));
    s = shape_const(3, (int64_t[]){INT64_MAX, 3, 0});
    CU_ASSERT_EQUAL(shape_n_elements(&s), 0);
    s = shape_const(2, (int64_t[]){INT64_MAX, 3});
    CU_ASSERT_EQUAL(shape_n_elements(&s), INT64_MAX);
    CU_ASSERT_FALSE(shape_count(&s, &count));
    s = shape_scalar();
    CU_ASSERT_EQUAL(shape_n_elements(&s), 1);
    arena_free(&n.arena);
}

static void printing(void) {
    struct names n;
    names_open(&n);
    char buf[SHAPE_TEXT];
    struct dim batch = named(&n, "batch"), time = named(&n, "time");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, dim_const(784)), "784");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, times(time, dim_const(7))), "7*time");
    UNIT_TEXT(dim_print(buf, sizeof buf, &n.symbols, times(time, batch)), "batch*time");
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
}
