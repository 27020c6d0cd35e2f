/* Every rule of the passes fold, simplify and cse: what goes in, what comes out, and what must
 * be left alone. */
#include <math.h>
#include <string.h>

#include "grad/grad.h"
#include "graphs.h"
#include "unit.h"

/* The leaves of the expressions below, in a program made by hand. */
struct leaves {
    struct lab l;
    struct build *b;
    struct node *x, *y, *z, *s, *c; /* float[2, 3], float[2, 3], float[2, 3], float, bool[2, 3] */
};

static void leaves_open(struct leaves *t) {
    lab_open(&t->l);
    lab_program(&t->l);
    t->b = &t->l.p.build;
    t->x = lab_float(&t->l, t->b, "x", "2,3");
    t->y = lab_float(&t->l, t->b, "y", "2,3");
    t->z = lab_float(&t->l, t->b, "z", "2,3");
    t->s = lab_float(&t->l, t->b, "s", "");
    t->c = lab_placeholder(&t->l, t->b, "c", DTYPE_BOOL, "2,3");
}

#define CHECK(pass, made, expected)                                                                \
    do {                                                                                           \
        struct leaves t;                                                                           \
        leaves_open(&t);                                                                           \
        UNIT_TEXT(lab_after(&t.l, pass, made), expected);                                          \
        lab_close(&t.l);                                                                           \
    } while (0)
#define BECOMES(made, expected) CHECK("simplify", made, expected)
#define FOLDS(made, expected)   CHECK("fold", made, expected)

#define ONE(op, x)         build_1(t.b, OP_##op, x)
#define TWO(op, x, y)      build_2(t.b, OP_##op, x, y)
#define THREE(op, x, y, z) build_3(t.b, OP_##op, x, y, z)
#define N(value)           lab_scalar(t.b, value)

static void sums(void) {
    BECOMES(TWO(add, t.x, N(0)), "x");
    BECOMES(TWO(add, N(0), t.x), "x");
    BECOMES(TWO(add, lab_fill(&t.l, t.b, 0, "2,3"), t.s), "broadcast_to[2, 3](s)");
    BECOMES(TWO(sub, t.x, N(0)), "x");
    BECOMES(TWO(sub, N(0), t.x), "sub(0, x)");
    BECOMES(TWO(add, t.x, ONE(neg, t.y)), "sub(x, y)");
    BECOMES(TWO(add, ONE(neg, t.x), t.y), "sub(y, x)");
    BECOMES(TWO(sub, t.x, ONE(neg, t.y)), "add(x, y)");
    BECOMES(ONE(neg, ONE(neg, t.x)), "x");
    BECOMES(ONE(neg, TWO(sub, t.x, t.y)), "sub(y, x)");
}

static void products(void) {
    BECOMES(TWO(mul, t.x, N(1)), "x");
    BECOMES(TWO(mul, N(1), t.x), "x");
    BECOMES(TWO(mul, N(-1), t.x), "neg(x)");
    BECOMES(TWO(mul, N(0), t.x), "mul(0, x)"); /* x may be NaN */
    BECOMES(TWO(div, t.x, N(1)), "x");
    BECOMES(TWO(div, t.x, N(8)), "mul(x, 0.125)");
    BECOMES(TWO(div, t.x, N(3)), "div(x, 3)");
    BECOMES(TWO(div, t.x, N(0)), "div(x, 0)");
    BECOMES(TWO(div, t.x, t.x), "div(x, x)");
    BECOMES(TWO(pow, t.x, N(0)), "[2, 3]1 1 1 1");
    BECOMES(TWO(pow, t.x, N(1)), "x");
    BECOMES(TWO(pow, t.x, N(2)), "mul(x, x)");
    BECOMES(TWO(pow, t.x, N(0.5)), "sqrt(x)");
    BECOMES(TWO(pow, t.x, N(3)), "pow(x, 3)");
}

static void choices(void) {
    BECOMES(THREE(where, t.c, t.x, t.x), "x");
    BECOMES(THREE(where, ONE(logical_not, t.c), t.x, t.y), "where(c, y, x)");
    BECOMES(ONE(logical_not, ONE(logical_not, t.c)), "c");
    BECOMES(ONE(relu, ONE(relu, t.x)), "relu(x)");
    BECOMES(TWO(dropout, t.x, N(1)), "x");
    BECOMES(ONE(stop_gradient, t.x), "x");
    struct attr to = {.kind = ATTR_DTYPE, .dtype = DTYPE_F32};
    BECOMES(build_op(t.b, OP_cast, &t.x, 1, &to, NULL, NULL), "x");
}

static void movement(void) {
    BECOMES(lab_reshape(&t.l, t.b, lab_reshape(&t.l, t.b, t.x, "6"), "3,2"), "reshape[3, 2](x)");
    BECOMES(lab_reshape(&t.l, t.b, lab_reshape(&t.l, t.b, t.x, "6"), "2,3"), "x");
    BECOMES(lab_transpose(t.b, lab_transpose(t.b, t.x, "10"), "10"), "x");
    BECOMES(lab_transpose(t.b, lab_float(&t.l, t.b, "v", "1,5"), "10"), "reshape[5, 1](v)");
    BECOMES(
        lab_transpose(t.b, lab_transpose(t.b, lab_float(&t.l, t.b, "v", "2,3,4"), "120"), "120"),
        "transpose(v)");
    BECOMES(lab_stretch(&t.l, t.b, t.x, "2,3"), "x");
    BECOMES(lab_stretch(&t.l, t.b, lab_stretch(&t.l, t.b, t.x, "4,2,3"), "5,4,2,3"),
            "broadcast_to[5, 4, 2, 3](x)");
    BECOMES(lab_stretch(&t.l, t.b, N(3), "50,70"), "fill[50, 70](3)");
    BECOMES(lab_reshape(&t.l, t.b, lab_fill(&t.l, t.b, 3, "50,70"), "3500"), "fill[3500](3)");
    BECOMES(build_sum(t.b, lab_float(&t.l, t.b, "v", "1,5,1"), 5, false), "reshape[5](v)");
    BECOMES(build_sum(t.b, t.x, 1, false), "sum(x)");
    struct node *one[1];
    BECOMES((one[0] = t.x, build_op(t.b, OP_concat, one, 1, NULL, NULL, NULL)), "x");
}

static void products_of_matrices(void) {
    BECOMES(TWO(matmul, lab_transpose(t.b, t.x, "10"), t.y), "matmul(x, y, transpose_a)");
    BECOMES(TWO(matmul, t.x, lab_transpose(t.b, t.y, "10")), "matmul(x, y, transpose_b)");
    BECOMES(TWO(matmul, lab_transpose(t.b, lab_float(&t.l, t.b, "v", "5,2,3"), "021"), t.x),
            "matmul(v, x, transpose_a)");
    BECOMES(TWO(matmul, lab_transpose(t.b, lab_float(&t.l, t.b, "v", "3,5,2"), "120"),
                lab_float(&t.l, t.b, "w", "3,4")),
            "matmul(transpose(v), w)");
}

static void stretching_is_left_to_the_op(void) {
    BECOMES(TWO(mul, lab_stretch(&t.l, t.b, t.s, "2,3"), t.x), "mul(s, x)");
    BECOMES(TWO(mul, lab_fill(&t.l, t.b, 2, "2,3"), t.x), "mul([2, 3]2 2 2 2, x)");
    BECOMES(TWO(mul, lab_fill(&t.l, t.b, 2, "70,3"), lab_float(&t.l, t.b, "v", "70,3")),
            "mul(2, v)");
    BECOMES(ONE(exp, lab_stretch(&t.l, t.b, t.s, "2,3")), "broadcast_to[2, 3](exp(s))");
    BECOMES(TWO(sub, lab_stretch(&t.l, t.b, t.s, "2,3"),
                lab_stretch(&t.l, t.b, lab_float(&t.l, t.b, "v", "3"), "2,3")),
            "broadcast_to[2, 3](sub(s, v))");
}

static void sums_of_chains(void) {
    BECOMES(build_sum(t.b, TWO(mul, t.x, lab_float(&t.l, t.b, "v", "3")), 1, false),
            "mul(sum(x), v)");
    BECOMES(build_sum(t.b, TWO(mul, t.s, t.x), 3, false), "mul(sum(x), s)");
    BECOMES(build_sum(t.b, TWO(mul, t.x, lab_float(&t.l, t.b, "v", "2,1")), 2, false),
            "reshape[2](mul(reshape[2, 1](sum(x)), v))");
    BECOMES(lab_sum(t.b, TWO(div, t.x, t.s)), "sum(div(x, s))");
    BECOMES(lab_sum(t.b, ONE(neg, t.x)), "neg(sum(x))");
    BECOMES(lab_sum(t.b, TWO(add, t.x, t.x)), "mul(sum(x), 2)");
    BECOMES(lab_sum(t.b, TWO(mul, t.x, t.y)), "sum(mul(x, y))");
    BECOMES(build_sum(t.b, TWO(mul, t.x, lab_float(&t.l, t.b, "v", "3")), 2, false),
            "sum(mul(x, v))");
    BECOMES(build_sum(t.b, TWO(mul, t.s, lab_float(&t.l, t.b, "v", "3")), 1, false),
            "mul(sum(v), s)");
    struct node *v[1];
    BECOMES((v[0] = lab_float(&t.l, t.b, "v", "2,2,3"),
             build_sum(t.b, lab_reshape(&t.l, t.b, v[0], "4,3"), 1, false)),
            "sum(v)");
    BECOMES(lab_reshape(&t.l, t.b, lab_stretch(&t.l, t.b, lab_float(&t.l, t.b, "v", "3"), "4,3"),
                        "2,2,3"),
            "broadcast_to[2, 2, 3](v)");
}

static struct node *log_softmax_of(struct leaves *t) {
    return build_1(t->b, OP_log, lab_axis(t->b, OP_softmax, t->z, -1));
}

static void logarithms_are_safe(void) {
    BECOMES(log_softmax_of(&t), "log_softmax(z)");
    BECOMES(ONE(log, ONE(sigmoid, t.x)), "sub(minimum(x, 0), log(add(exp(neg(abs(x))), 1)))");
    BECOMES(ONE(log, TWO(sub, N(1), ONE(sigmoid, t.x))),
            "sub(minimum(neg(x), 0), log(add(exp(neg(abs(neg(x)))), 1)))");
    BECOMES(ONE(log, TWO(add, lab_axis(t.b, OP_softmax, t.z, -1), t.s)), "log(add(softmax(z), s))");
}

static bool divides_by_softmax(const struct node *n) {
    if (n->op->id == OP_div && (n->in[1]->op->id == OP_softmax || n->in[1]->op->id == OP_sigmoid))
        return true;
    if (n->op->id == OP_log && n->in[0]->op->id != OP_add) return true;
    for (int i = 0; i < n->n_in; i++)
        if (divides_by_softmax(n->in[i])) return true;
    return false;
}

/* The ways in which a script may spell cross-entropy on softmax(z) and on sigmoid(z): nothing
 * may be left in value or gradient that divides by a probability or takes its logarithm. */
static struct node *spell(struct build *b, int spelling, struct node *z, struct node *labels) {
    struct node *y = lab_axis(b, OP_softmax, z, -1), *log_y = build_1(b, OP_log, y);
    struct node *one = lab_scalar(b, 1), *s = build_1(b, OP_sigmoid, z);
    switch (spelling) {
    case 0: return build_1(b, OP_neg, lab_sum(b, build_2(b, OP_mul, labels, log_y)));
    case 1: return build_1(b, OP_neg, lab_sum(b, build_2(b, OP_mul, log_y, labels)));
    case 2: return lab_sum(b, build_1(b, OP_neg, build_2(b, OP_mul, labels, log_y)));
    case 3: return lab_sum(b, build_2(b, OP_mul, build_1(b, OP_neg, labels), log_y));
    case 4: return lab_sum(b, build_sum(b, build_2(b, OP_mul, labels, log_y), 2, false));
    case 5: return lab_sum(b, build_2(b, OP_mul, y, log_y)); /* entropy */
    case 6: return lab_sum(b, build_2(b, OP_sub, build_2(b, OP_mul, y, labels), log_y));
    case 7:
        return lab_sum(b, build_2(b, OP_div, build_2(b, OP_mul, labels, log_y), lab_scalar(b, 3)));
    case 8: return lab_sum(b, build_2(b, OP_mul, build_2(b, OP_sub, labels, y), log_y));
    case 9: return lab_sum(b, build_2(b, OP_mul, labels, build_1(b, OP_log, s)));
    case 10:
        return lab_sum(b, build_2(b, OP_mul, build_2(b, OP_sub, one, labels),
                                  build_1(b, OP_log, build_2(b, OP_sub, one, s))));
    case 11: return lab_sum(b, build_2(b, OP_add, spell(b, 9, z, labels), spell(b, 10, z, labels)));
    case 12:
        return lab_sum(b, build_3(b, OP_where, build_2(b, OP_greater, labels, lab_scalar(b, 0)),
                                  log_y, lab_scalar(b, 0)));
    default: return NULL;
    }
}

static void every_spelling_of_cross_entropy_is_safe(void) {
    for (int i = 0; i <= 12; i++) {
        struct leaves t;
        leaves_open(&t);
        struct node *gradient, *loss = spell(t.b, i, t.z, t.y);
        grad_build(t.b, loss, &t.z, 1, &gradient);
        CU_ASSERT_PTR_NOT_NULL_FATAL(gradient);
        struct node *roots[2] = {loss, gradient};
        lab_roots(&t.l, roots, 2);
        for (int k = 0; k < 2; k++) opt_passes[k].run(&t.l.p);
        for (int k = 0; k < 2; k++) {
            bool unsafe = divides_by_softmax(t.l.p.roots[k]);
            if (unsafe) printf("spelling %d: %s\n", i, lab_text(&t.l, t.l.p.roots[k]));
            CU_ASSERT_FALSE(unsafe);
        }
        lab_close(&t.l);
    }
}

static void the_gradient_of_cross_entropy(void) {
    struct leaves t;
    leaves_open(&t);
    struct node *gradient, *loss = spell(t.b, 0, t.z, t.y);
    grad_build(t.b, loss, &t.z, 1, &gradient);
    UNIT_TEXT(lab_after(&t.l, "simplify", gradient),
              "sub(neg(y), mul(reshape[2, 1](neg(sum(y))), softmax(z)))");
    lab_close(&t.l);
}

static void known_values(void) {
    FOLDS(TWO(add, N(2), N(3)), "5");
    FOLDS(TWO(div, N(1), N(3)), "0.333333");
    FOLDS(ONE(sqrt, N(2)), "1.41421");
    FOLDS(TWO(mul, lab_fill(&t.l, t.b, 2, "3"), N(4)), "[3]8 8 8");
    FOLDS(TWO(less, N(1), N(2)), "1");
    FOLDS(THREE(where, TWO(less, N(1), N(2)), t.x, t.y), "x");
    FOLDS(THREE(where, TWO(less, N(2), N(1)), t.x, t.s), "broadcast_to[2, 3](s)");
    FOLDS(TWO(logical_and, TWO(less, N(1), N(2)), t.c), "c");
    FOLDS(TWO(logical_or, TWO(less, N(1), N(2)), t.c), "[2, 3]1 1 1 1");
    FOLDS(lab_sum(t.b, lab_fill(&t.l, t.b, 1, "7")), "7");
    FOLDS(lab_sum(t.b, lab_fill(&t.l, t.b, 1, "100")), "100");
    FOLDS(lab_sum(t.b, lab_fill(&t.l, t.b, 0.1, "100")), "sum(fill[100](0.1))");
    FOLDS(lab_sum(t.b, lab_fill(&t.l, t.b, 1, "100000000")), "sum(fill[100000000](1))");
    FOLDS(build_sum(t.b, lab_fill(&t.l, t.b, 1, "3,100"), 2, false), "[3]100 100 100");
    FOLDS(lab_reshape(&t.l, t.b, lab_fill(&t.l, t.b, 1, "2,2"), "4"), "[4]1 1 1 1");
    FOLDS(ONE(exp, N(1)), "exp(1)"); /* the kernel's own last bit */
    FOLDS(TWO(add, lab_fill(&t.l, t.b, 2, "100"), lab_fill(&t.l, t.b, 3, "100")),
          "add(fill[100](2), fill[100](3))");
}

static void known_values_are_those_of_the_kernels(void) {
    static const float values[] = {0.1f, 1.0f / 3, 16777216, 1e-40f, 3e38f, -0.0f, INFINITY, NAN};
    enum { N_VALUES = sizeof values / sizeof *values };
    for (int i = 0; i < N_VALUES; i++)
        for (int k = 0; k < N_VALUES; k++) {
            volatile float x = values[i], y = values[k];
            volatile float expected[] = {x + y, x - y, x * y, x / y};
            static const enum op_id ops[] = {OP_add, OP_sub, OP_mul, OP_div};
            for (int op = 0; op < 4; op++) {
                struct leaves t;
                leaves_open(&t);
                struct node *r = build_2(t.b, ops[op], N(x), N(y));
                lab_after(&t.l, "fold", r);
                const struct node *known = t.l.p.roots[0];
                CU_ASSERT_EQUAL_FATAL(known->op->id, OP_constant);
                float got = (float)tensor_get(known->value, 0), want = expected[op];
                CU_ASSERT((isnan(got) && isnan(want)) || memcmp(&got, &want, sizeof got) == 0);
                lab_close(&t.l);
            }
        }
}

static void integers_do_not_wrap_here(void) {
    struct leaves t;
    leaves_open(&t);
    struct node *most = build_scalar(t.b, DTYPE_I32, INT32_MAX),
                *one = build_scalar(t.b, DTYPE_I32, 1);
    UNIT_TEXT(lab_after(&t.l, "fold", TWO(sub, most, one)), "2.14748e+09");
    UNIT_TEXT(lab_after(&t.l, "fold", TWO(add, most, one)), "add(2.14748e+09, 1)");
    struct node *wide = build_scalar(t.b, DTYPE_I64, 0x1p40);
    UNIT_TEXT(lab_after(&t.l, "fold", TWO(add, wide, wide)), "add(1.09951e+12, 1.09951e+12)");
    lab_close(&t.l);
}

static void equal_expressions_are_one(void) {
    struct leaves t;
    leaves_open(&t);
    struct node *r = TWO(sub, ONE(exp, TWO(add, t.x, t.y)), ONE(exp, TWO(add, t.y, t.x)));
    CU_ASSERT_PTR_NOT_EQUAL(r->in[0], r->in[1]);
    UNIT_TEXT(lab_after(&t.l, "cse", r), "sub(exp(add(x, y)), exp(add(x, y)))");
    CU_ASSERT_PTR_EQUAL(t.l.p.roots[0]->in[0], t.l.p.roots[0]->in[1]);
    lab_close(&t.l);
}

static void what_does_not_commute_stays(void) {
    CHECK("cse", TWO(sub, TWO(sub, t.x, t.y), TWO(sub, t.y, t.x)), "sub(sub(x, y), sub(y, x))");
    CHECK("cse", TWO(sub, TWO(maximum, t.x, t.y), TWO(maximum, t.y, t.x)),
          "sub(maximum(x, y), maximum(y, x))");
}

static void the_unneeded_is_left_out(void) {
    struct leaves t;
    leaves_open(&t);
    t.l.p.n_fed = 2;
    t.l.p.fed = (struct node *[]){t.x, t.y};
    lab_after(&t.l, "dce", ONE(exp, t.x));
    CU_ASSERT_EQUAL(t.l.p.graph.n_nodes, 2);
    CU_ASSERT_PTR_EQUAL(t.l.p.fed[0], t.x);
    CU_ASSERT_PTR_NULL(t.l.p.fed[1]);
    lab_close(&t.l);
}

static void what_reads_an_assignment_reads_the_value(void) {
    struct leaves t;
    leaves_open(&t);
    struct node *w = lab_variable(&t.l, t.b, "w", "2,3");
    struct node *step = lab_assign(t.b, w, TWO(mul, ONE(neg, w), N(1)));
    struct node *roots[2] = {ONE(exp, step), step};
    lab_roots(&t.l, roots, 2);
    opt_passes[1].run(&t.l.p);
    UNIT_TEXT(lab_text(&t.l, t.l.p.roots[0]), "exp(neg(w))");
    UNIT_TEXT(lab_text(&t.l, t.l.p.roots[1]), "assign(w, neg(w))");
    lab_close(&t.l);
}

static void names_and_origins_stay(void) {
    struct leaves t;
    struct origin line = {.span = {.source = 1, .offset = 4, .length = 2}};
    leaves_open(&t);
    t.b->origin = &line;
    struct node *r = TWO(mul, TWO(add, t.x, ONE(neg, t.y)), N(1));
    r->name = "difference";
    UNIT_TEXT(lab_after(&t.l, "simplify", r), "sub(x, y)");
    UNIT_TEXT(t.l.p.roots[0]->name, "difference");
    CU_ASSERT_PTR_EQUAL(t.l.p.roots[0]->origin, &line);
    lab_close(&t.l);
}

void suite_opt_simplify(void) {
    unit_suite("opt: fold, simplify, cse, dce");
    unit_test("sums", sums);
    unit_test("products", products);
    unit_test("choices", choices);
    unit_test("movement", movement);
    unit_test("products of matrices", products_of_matrices);
    unit_test("sums of chains", sums_of_chains);
    unit_test("stretching is left to the op", stretching_is_left_to_the_op);
    unit_test("logarithms are safe", logarithms_are_safe);
    unit_test("every spelling of cross-entropy is safe", every_spelling_of_cross_entropy_is_safe);
    unit_test("the gradient of cross-entropy", the_gradient_of_cross_entropy);
    unit_test("known values", known_values);
    unit_test("known values are those of the kernels", known_values_are_those_of_the_kernels);
    unit_test("integers do not wrap here", integers_do_not_wrap_here);
    unit_test("equal expressions are one", equal_expressions_are_one);
    unit_test("what does not commute stays", what_does_not_commute_stays);
    unit_test("the unneeded is left out", the_unneeded_is_left_out);
    unit_test("what reads an assignment reads the value", what_reads_an_assignment_reads_the_value);
    unit_test("names and origins stay", names_and_origins_stay);
}
