/* From a demand to a program: sizes, feeds, defaults, and what is said when they do not fit. */
#include "graphs.h"
#include "unit.h"

#define DEMAND(l, root, training, ...)                                                             \
    lab_demand(&l, &root, 1, (struct lab_feed[]){__VA_ARGS__},                                     \
               sizeof((struct lab_feed[]){__VA_ARGS__}) / sizeof(struct lab_feed), training)

static const char *root_shape(struct lab *l) {
    char text[SHAPE_TEXT];
    shape_print(text, sizeof text, &l->symbols, &l->p.roots[0]->shape);
    return arena_printf(&l->arena, "%s", text);
}

static void sizes_come_from_feeds(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "batch,784"),
                *W = lab_variable(&l, &l.b, "W", "784,10");
    struct node *h = build_2(&l.b, OP_matmul, x, W);
    h->name = "h";
    CU_ASSERT_FATAL(DEMAND(l, h, false, {x, DTYPE_F32, "50,784"}));
    UNIT_TEXT(root_shape(&l), "[50, 10]");
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "matmul(x, W)");
    UNIT_TEXT(l.p.roots[0]->name, "h");
    CU_ASSERT_PTR_EQUAL(l.p.roots[0]->origin, &l.here);
    CU_ASSERT_PTR_EQUAL(l.p.roots[0]->in[0], l.p.fed[0]);
    CU_ASSERT_PTR_EQUAL(l.p.roots[0]->in[1]->variable, W->variable);
    lab_close(&l);
}

static void products_are_solved(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "n,7,7,3"), *y = lab_float(&l, &l.b, "y", "m");
    struct node *flat = lab_reshape(&l, &l.b, x, "-1");
    flat->name = "flat";
    struct node *both = lab_fill(&l, &l.b, 2, "n,m");
    /* 147*n = 294, so n = 2 */
    CU_ASSERT_FATAL(DEMAND(l, both, false, {flat, DTYPE_F32, "294"}, {y, DTYPE_F32, "5"}));
    UNIT_TEXT(root_shape(&l), "[2, 5]");
    CU_ASSERT_PTR_NULL(l.p.fed[0]);
    lab_close(&l);
}

static void any_tensor_may_be_fed(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "batch,4");
    struct node *h = build_1(&l.b, OP_exp, x), *y = build_1(&l.b, OP_neg, h);
    h->name = "h";
    CU_ASSERT_FATAL(DEMAND(l, y, false, {h, DTYPE_F32, "3,4"}));
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "neg(h)");
    UNIT_TEXT(root_shape(&l), "[3, 4]");
    lab_close(&l);
}

static void two_unnamed_feeds_stay_two(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "n");
    struct node *a = build_1(&l.b, OP_exp, x), *b = build_1(&l.b, OP_neg, x);
    struct node *y = build_2(&l.b, OP_sub, a, b);
    CU_ASSERT_FATAL(DEMAND(l, y, false, {a, DTYPE_F32, "3"}, {b, DTYPE_F32, "3"}));
    CU_ASSERT_PTR_NOT_EQUAL(l.p.roots[0]->in[0], l.p.roots[0]->in[1]);
    lab_close(&l);
}

static void a_fed_variable_is_still_assigned(void) {
    struct lab l;
    lab_open(&l);
    struct node *w = lab_variable(&l, &l.b, "w", "3");
    struct node *step = lab_assign(&l.b, w, build_1(&l.b, OP_neg, w));
    CU_ASSERT_FATAL(DEMAND(l, step, true, {w, DTYPE_F32, "3"}));
    const struct node *assign = l.p.roots[0];
    CU_ASSERT_EQUAL(assign->in[0]->op->id, OP_variable);
    CU_ASSERT_EQUAL(assign->in[1]->in[0]->op->id, OP_placeholder);
    lab_close(&l);
}

static void training_is_known(void) {
    struct lab l;
    lab_open(&l);
    CU_ASSERT_FATAL(DEMAND(l, l.training, true, {l.training, DTYPE_BOOL, ""}));
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "training");
    CU_ASSERT_FATAL(lab_demand(&l, &l.training, 1, NULL, 0, true));
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "1");
    CU_ASSERT_FATAL(lab_demand(&l, &l.training, 1, NULL, 0, false));
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "0");
    lab_close(&l);
}

static void defaults_stand_in(void) {
    struct lab l;
    lab_open(&l);
    struct shape scalar = shape_scalar();
    struct node *one = lab_scalar(&l.b, 1);
    struct node *keep = build_placeholder(&l.b, "keep_prob", DTYPE_F32, &scalar, one);
    struct node *y = build_1(&l.b, OP_neg, keep);
    CU_ASSERT_FATAL(lab_demand(&l, &y, 1, NULL, 0, false));
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "neg(1)");
    CU_ASSERT_FATAL(DEMAND(l, y, false, {keep, DTYPE_F32, ""}));
    UNIT_TEXT(lab_text(&l, l.p.roots[0]), "neg(keep_prob)");
    lab_close(&l);
}

static void a_size_may_be_known_late(void) {
    struct lab l;
    lab_open(&l);
    struct shape n = lab_shape(&l, "n");
    struct node *zeros = lab_fill(&l, &l.b, 0, "n");
    struct node *x = build_placeholder(&l.b, "x", DTYPE_F32, &n, lab_fill(&l, &l.b, 1, "3"));
    struct node *y = build_2(&l.b, OP_add, zeros, x);
    CU_ASSERT_FATAL(lab_demand(&l, &y, 1, NULL, 0, false));
    UNIT_TEXT(root_shape(&l), "[3]");
    lab_close(&l);
}

static void unfed_says_who_needs_it(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "n"), *n = x;
    struct node *logits = build_1(&l.b, OP_exp, build_1(&l.b, OP_neg, x));
    logits->name = "logits";
    struct node *accuracy = lab_sum(&l.b, build_1(&l.b, OP_tanh, logits));
    accuracy->name = "accuracy";
    CU_ASSERT_FALSE(lab_demand(&l, &accuracy, 1, NULL, 0, false));
    UNIT_TEXT(
        lab_error(&l),
        "`accuracy` needs `x` (accuracy <- logits <- x), which is a placeholder and was not fed");
    UNIT_TEXT(lab_help(&l), "feed it: .eval(x=...)");
    l.diags.list.n = l.diags.n_errors = 0;
    for (int i = 0; i < 8; i++) {
        n = build_1(&l.b, OP_tanh, n);
        n->name = arena_printf(&l.arena, "h%d", i);
    }
    CU_ASSERT_FALSE(lab_demand(&l, &n, 1, NULL, 0, true));
    UNIT_TEXT(
        lab_error(&l),
        "`h7` needs `x` (h7 <- h6 <- ... <- h0 <- x), which is a placeholder and was not fed");
    UNIT_TEXT(lab_help(&l), "feed it: .run(x=...)");
    l.diags.list.n = l.diags.n_errors = 0;
    CU_ASSERT_FALSE(lab_demand(&l, &x, 1, NULL, 0, false));
    UNIT_TEXT(lab_error(&l), "`x` is a placeholder and was not fed");
    lab_close(&l);
}

static void feeds_must_fit(void) {
    static const struct {
        enum dtype dtype;
        const char *sizes, *error;
    } cases[] = {
        {DTYPE_I32, "50,784", "`x` is float[batch, 784], but is fed int[50, 784]"},
        {DTYPE_F32, "50,700", "`x` is float[batch, 784], but is fed float[50, 700]"},
        {DTYPE_F32, "50", "`x` is float[batch, 784], but is fed float[50]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab l;
        lab_open(&l);
        struct node *x = lab_float(&l, &l.b, "x", "batch,784");
        CU_ASSERT_FALSE(DEMAND(l, x, false, {x, cases[i].dtype, cases[i].sizes}));
        UNIT_TEXT(lab_error(&l), cases[i].error);
        lab_close(&l);
    }
}

static void feeds_must_agree(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "batch,3"), *y = lab_float(&l, &l.b, "y_", "batch,3");
    struct node *d = build_2(&l.b, OP_sub, x, y);
    CU_ASSERT_FALSE(DEMAND(l, d, false, {x, DTYPE_F32, "50,3"}, {y, DTYPE_F32, "100,3"}));
    UNIT_TEXT(lab_error(&l), "two feeds disagree on `batch`: x gives 50, y_ gives 100");
    lab_close(&l);
    lab_open(&l);
    x = lab_float(&l, &l.b, "x", "n,n");
    CU_ASSERT_FALSE(DEMAND(l, x, false, {x, DTYPE_F32, "3,4"}));
    UNIT_TEXT(lab_error(&l), "`x` is float[n, n], but is fed float[3, 4]");
    lab_close(&l);
}

static void rules_are_asked_again(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "?"), *y = lab_float(&l, &l.b, "y", "?");
    struct node *sum = build_2(&l.b, OP_add, x, y);
    CU_ASSERT_FALSE(DEMAND(l, sum, false, {x, DTYPE_F32, "3"}, {y, DTYPE_F32, "4"}));
    UNIT_TEXT(lab_error(&l), "`add` cannot combine these shapes: 3 is not 4");
    lab_close(&l);
}

static void a_result_may_contradict(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "batch"), *y = lab_float(&l, &l.b, "y", "5");
    struct node *sum = build_2(&l.b, OP_add, x, y); /* float[5]: batch may be 5, or so it says */
    struct node *again = lab_stretch(&l, &l.b, sum, "batch");
    if (again) {
        CU_ASSERT_FALSE(DEMAND(l, again, false, {x, DTYPE_F32, "1"}, {y, DTYPE_F32, "5"}));
        CU_ASSERT_EQUAL(l.diags.n_errors, 1);
    }
    lab_close(&l);
}

static void a_size_that_nothing_gives(void) {
    struct lab l;
    lab_open(&l);
    struct node *zeros = lab_fill(&l, &l.b, 0, "batch,3");
    zeros->name = "h";
    CU_ASSERT_FALSE(lab_demand(&l, &zeros, 1, NULL, 0, false));
    UNIT_TEXT(lab_error(&l), "`h` needs the size of `batch`, and nothing that is fed has it");
    lab_close(&l);
}

static void depth_is_not_limited(void) {
    struct lab l;
    lab_open(&l);
    struct node *x = lab_float(&l, &l.b, "x", "n"), *n = x;
    for (int i = 0; i < 100000; i++) n = build_1(&l.b, OP_neg, n);
    CU_ASSERT(DEMAND(l, n, false, {x, DTYPE_F32, "2"}));
    CU_ASSERT_EQUAL(l.p.graph.n_nodes, 100001);
    lab_close(&l);
}

void suite_opt_instantiate(void) {
    unit_suite("opt: instantiate");
    unit_test("sizes come from feeds", sizes_come_from_feeds);
    unit_test("products are solved", products_are_solved);
    unit_test("any tensor may be fed", any_tensor_may_be_fed);
    unit_test("two unnamed feeds stay two", two_unnamed_feeds_stay_two);
    unit_test("a fed variable is still assigned", a_fed_variable_is_still_assigned);
    unit_test("training is known", training_is_known);
    unit_test("defaults stand in", defaults_stand_in);
    unit_test("a size may be known late", a_size_may_be_known_late);
    unit_test("unfed says who needs it", unfed_says_who_needs_it);
    unit_test("feeds must fit", feeds_must_fit);
    unit_test("feeds must agree", feeds_must_agree);
    unit_test("rules are asked again", rules_are_asked_again);
    unit_test("a result may contradict", a_result_may_contradict);
    unit_test("a size that nothing gives", a_size_that_nothing_gives);
    unit_test("depth is not limited", depth_is_not_limited);
}
