/* Gradients as graphs: which nodes get one, how contributions add up, what cuts. The numbers are
 * held against finite differences in grad_check.c. */
#include "grad/grad.h"
#include "graphs.h"
#include "unit.h"

static const char *gradient_text(struct lab *l, struct node *loss, struct node *wrt) {
    struct node *gradient;
    grad_build(&l->b, loss, &wrt, 1, &gradient);
    return lab_text(l, gradient);
}

static void contributions_add_up(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", ""), *y = lab_float(&l, &l.b, "y", "");
    struct node *loss =
        build_2(&l.b, OP_add, build_2(&l.b, OP_mul, x, y), build_1(&l.b, OP_exp, x));
    UNIT_TEXT(gradient_text(&l, loss, x), "add(mul(1, exp(x)), mul(1, y))");
    UNIT_TEXT(gradient_text(&l, loss, y), "mul(1, x)");
    UNIT_TEXT(gradient_text(&l, x, x), "1");
    UNIT_TEXT(gradient_text(&l, build_2(&l.b, OP_mul, x, x), x), "add(mul(1, x), mul(1, x))");
    lab_close(&l);
}

static void intermediates_have_gradients(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", ""), *h = build_1(&l.b, OP_exp, x);
    struct node *loss = build_2(&l.b, OP_mul, h, x), *wrt[] = {x, h, loss}, *gradient[3];
    grad_build(&l.b, loss, wrt, 3, gradient);
    UNIT_TEXT(lab_text(&l, gradient[0]), "add(mul(1, exp(x)), mul(mul(1, x), exp(x)))");
    UNIT_TEXT(lab_text(&l, gradient[1]), "mul(1, x)");
    UNIT_TEXT(lab_text(&l, gradient[2]), "1");
    lab_close(&l);
}

static void stretching_is_summed_once(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "batch,3"), *b = lab_variable(&l, &l.b, "b", "3");
    struct node *c = lab_variable(&l, &l.b, "c", "1,3"), *s = lab_variable(&l, &l.b, "s", "");
    struct node *y =
        build_2(&l.b, OP_add, build_2(&l.b, OP_add, build_2(&l.b, OP_add, x, b), c), s);
    struct node *wrt[] = {x, b, c, s}, *gradient[4];
    grad_build(&l.b, lab_sum(&l.b, y), wrt, 4, gradient);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(gradient[i]);
        CU_ASSERT(shape_same(&gradient[i]->shape, &wrt[i]->shape));
    }
    CU_ASSERT_EQUAL(gradient[1]->op->id, OP_sum);
    CU_ASSERT_EQUAL(gradient[2]->op->id, OP_reshape);
    lab_close(&l);
}

static void gradients_have_gradients(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", ""), *g, *gg;
    grad_build(&l.b, build_1(&l.b, OP_exp, x), &x, 1, &g);
    UNIT_TEXT(lab_text(&l, g), "mul(1, exp(x))");
    grad_build(&l.b, g, &x, 1, &gg);
    UNIT_TEXT(lab_text(&l, gg), "mul(mul(1, 1), exp(x))");
    lab_close(&l);
}

static void nothing_flows_through(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "3"), *y = lab_float(&l, &l.b, "y", "3");
    struct node *c = build_2(&l.b, OP_greater, x, y);
    struct node *chosen = lab_sum(&l.b, build_3(&l.b, OP_where, c, y, y));
    UNIT_TEXT(gradient_text(&l, chosen, x), "nothing");
    UNIT_TEXT(gradient_text(&l, lab_sum(&l.b, build_1(&l.b, OP_stop_gradient, x)), x), "nothing");
    UNIT_TEXT(gradient_text(&l, lab_sum(&l.b, y), x), "nothing");
    UNIT_TEXT(gradient_text(&l, lab_sum(&l.b, build_1(&l.b, OP_sign, x)), x), "nothing");
    lab_close(&l);
}

static void casts_between_floats_pass(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", ""), *loss = build_cast(&l.b, x, DTYPE_F64);
    struct node *gradient;
    grad_build(&l.b, loss, &x, 1, &gradient);
    UNIT_TEXT(lab_text(&l, gradient), "cast(1)");
    CU_ASSERT_EQUAL(gradient->dtype, DTYPE_F32);
    struct node *whole = build_cast(&l.b, build_cast(&l.b, x, DTYPE_I32), DTYPE_F32);
    UNIT_TEXT(gradient_text(&l, whole, x), "nothing");
    lab_close(&l);
}

static void origins_are_taken_over(void) {
    struct lab l;
    lab_open(&l);
    struct origin line = {.span = {.source = 1, .offset = 9, .length = 3}};
    struct node *x = lab_float(&l, &l.b, "x", "");
    l.b.origin = &line;
    struct node *h = build_1(&l.b, OP_tanh, x), *gradient;
    l.b.origin = &l.here;
    struct node *loss = build_1(&l.b, OP_exp, h);
    grad_build(&l.b, loss, &x, 1, &gradient);
    CU_ASSERT_PTR_EQUAL(gradient->origin, &line);
    CU_ASSERT_PTR_EQUAL(gradient->in[0]->origin, &l.here);
    CU_ASSERT_PTR_EQUAL(l.b.origin, &l.here);
    lab_close(&l);
}

static const char *cut_name(struct lab *l, struct node *loss, struct node *wrt) {
    const struct node *cut = grad_find_cut(&l->graph, &l->arena, loss, wrt);
    return cut ? cut->op->name : "no path";
}

static void the_cut_is_named(void) {
    struct lab l;
    lab_open(&l);
    struct build *b = &l.b;
    struct node *x = lab_float(&l, b, "x", "batch,3"), *y = lab_float(&l, b, "y", "batch");
    struct node *best = lab_axis(b, OP_argmax, build_1(b, OP_exp, x), -1);
    struct node *same = build_2(b, OP_equal, best, lab_axis(b, OP_argmax, x, -1));
    struct node *accuracy = lab_sum(b, build_cast(b, same, DTYPE_F32));
    UNIT_TEXT(cut_name(&l, accuracy, x), "argmax");
    UNIT_TEXT(cut_name(&l, accuracy, y), "no path");
    struct node *stopped =
        lab_sum(b, build_1(b, OP_exp, build_1(b, OP_stop_gradient, build_1(b, OP_exp, y))));
    UNIT_TEXT(cut_name(&l, stopped, y), "stop_gradient");
    struct node *hard =
        lab_sum(b, build_cast(b, build_2(b, OP_greater, y, lab_scalar(b, 0)), DTYPE_F32));
    UNIT_TEXT(cut_name(&l, hard, y), "greater");
    UNIT_TEXT(cut_name(&l, lab_sum(b, build_1(b, OP_floor, y)), y), "floor");
    UNIT_TEXT(cut_name(&l, lab_sum(b, build_cast(b, build_cast(b, y, DTYPE_I32), DTYPE_F32)), y),
              "cast");
    lab_close(&l);
}

static void depth_is_not_limited(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", ""), *n = x, *gradient;
    for (int i = 0; i < 50000; i++) n = build_2(&l.b, OP_add, build_1(&l.b, OP_tanh, n), x);
    grad_build(&l.b, n, &x, 1, &gradient);
    CU_ASSERT_PTR_NOT_NULL(gradient);
    CU_ASSERT_PTR_NULL(grad_find_cut(&l.graph, &l.arena, n, l.training));
    lab_close(&l);
}

void suite_grad_build(void) {
    unit_suite("grad: build");
    unit_test("contributions add up", contributions_add_up);
    unit_test("intermediates have gradients", intermediates_have_gradients);
    unit_test("stretching is summed once", stretching_is_summed_once);
    unit_test("gradients have gradients", gradients_have_gradients);
    unit_test("nothing flows through", nothing_flows_through);
    unit_test("casts between floats pass", casts_between_floats_pass);
    unit_test("origins are taken over", origins_are_taken_over);
    unit_test("the cut is named", the_cut_is_named);
    unit_test("depth is not limited", depth_is_not_limited);
}
