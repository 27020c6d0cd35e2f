/* Every row of ops.def that has a gradient, held against central differences in float64: the
 * gradient of a weighted sum of the op's result, and the gradient of a weighted sum of that
 * gradient. The graphs go through all passes, the planner and the executor, as a script's do.
 * Elementwise rows get their cases from their number of operands; other rows have theirs in
 * `cases`. A row with a gradient and no case fails. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "grad/grad.h"
#include "graphs.h"
#include "unit.h"

enum { MAX_OPERANDS = 4 };

/* One call. Operands as shapes; "=max_pool" is that op of the first operand with the same
 * settings; "int 3" whole numbers. Bit i of `fixed`: the op is not differentiable in operand i,
 * or piecewise constant. */
struct call_case {
    enum op_id op;
    const char *operand[MAX_OPERANDS];
    const char *settings; /* "axis=0 2;keepdims=true" */
    uint32_t fixed;
};

#define SAME_WINDOW  "ksize=2;strides=2;padding=SAME"
#define VALID_WINDOW "ksize=3 2;strides=1 2;padding=VALID"

static const struct call_case cases[] = {
    {OP_matmul, {"2,3", "3,4"}, "", 0},
    {OP_matmul, {"3,2", "3,4"}, "transpose_a=true", 0},
    {OP_matmul, {"2,3", "4,3"}, "transpose_b=true", 0},
    {OP_matmul, {"3,2", "4,3"}, "transpose_a=true;transpose_b=true", 0},
    {OP_matmul, {"5,2,3", "5,3,2"}, "", 0},
    {OP_matmul, {"5,2,3", "3,2"}, "", 0},
    {OP_matmul, {"1,2,3", "4,2,3"}, "transpose_b=true", 0},
    {OP_custom_gradient, {"2,3"}, "arguments=0", 0},
    {OP_sum, {"5"}, "", 0},
    {OP_sum, {"2,3,4"}, "axis=0 2", 0},
    {OP_sum, {"2,3"}, "axis=1;keepdims=true", 0},
    {OP_mean, {"2,3"}, "", 0},
    {OP_mean, {"2,3,4"}, "axis=1", 0},
    {OP_mean, {"2,3"}, "axis=0;keepdims=true", 0},
    {OP_max, {"2,3"}, "", 0},
    {OP_max, {"2,3,4"}, "axis=1;keepdims=true", 0},
    {OP_min, {"2,3"}, "axis=0", 0},
    {OP_min, {"2,3,4"}, "axis=0 2", 0},
    {OP_prod, {"2,3"}, "", 0},
    {OP_prod, {"2,3,4"}, "axis=0 2", 0},
    {OP_prod, {"2,3"}, "axis=1;keepdims=true", 0},
    {OP_cumsum, {"5"}, "", 0},
    {OP_cumsum, {"2,4,3"}, "axis=1;exclusive=true", 0},
    {OP_cumsum, {"4,3"}, "axis=0;reverse=true", 0},
    {OP_take_along_axis, {"2,4", "int 2,5"}, "", 0},
    {OP_take_along_axis, {"3,2,2", "int 4,2,2"}, "axis=0", 0},
    {OP_take_along_axis_gradient, {"2,5", "int 2,5"}, "shape=2,4", 0},
    {OP_take_along_axis_gradient, {"4,2", "int 4,2"}, "shape=3,2;axis=0", 0},
    {OP_reshape, {"2,6"}, "shape=3,4", 0},
    {OP_reshape, {"2,3"}, "shape=-1", 0},
    {OP_transpose, {"2,3"}, "", 0},
    {OP_transpose, {"2,3,4"}, "perm=1 2 0", 0},
    {OP_broadcast_to, {""}, "shape=2,3", 0},
    {OP_broadcast_to, {"3"}, "shape=2,3", 0},
    {OP_broadcast_to, {"2,1,3"}, "shape=4,2,5,3", 0},
    {OP_concat, {"2,3", "1,3", "2,3"}, "axis=0", 0},
    {OP_concat, {"2,3", "2,1"}, "axis=1", 0},
    {OP_slice, {"5,4"}, "begin=1 0;end=4 4;step=2 1", 0},
    {OP_slice, {"5,4"}, "begin=4 1;end=0 3;step=-2 1", 0},
    {OP_slice_gradient, {"2,4"}, "shape=5,4;begin=1 0;end=4 4;step=2 1", 0},
    {OP_gather, {"4,3", "int 5"}, "", 0},
    {OP_gather, {"4,3", "int 2,2"}, "axis=1", 0},
    {OP_gather, {"3", "int "}, "", 0},
    {OP_scatter_add, {"3,2", "int 5", "5,2"}, "", 0},
    {OP_scatter_add, {"2,4,2", "int 2,2", "2,2,2,2"}, "axis=-2", 0},
    {OP_shift, {"4,3"}, "by=1", 0},
    {OP_shift, {"4"}, "by=-2", 0},
    {OP_pad, {"3,4"}, "paddings=1 2 0 1;value=2", 0},
    {OP_pad, {"3,4,2"}, "paddings=2 1 3 0 0 0;mode=reflect", 0},
    {OP_pad, {"1,3"}, "paddings=2 1 0 4;mode=edge", 0},
    {OP_pad_gradient, {"6,5"}, "shape=3,4;paddings=1 2 0 1", 0},
    {OP_pad_gradient, {"6,7,2"}, "shape=3,4,2;paddings=2 1 3 0 0 0;mode=reflect", 0},
    {OP_pad_gradient, {"4,7"}, "shape=1,3;paddings=2 1 0 4;mode=edge", 0},
    {OP_dropout, {"4,5", ""}, "", 2},
    {OP_softmax, {"3,4"}, "axis=-1", 0},
    {OP_softmax, {"2,3,2"}, "axis=1", 0},
    {OP_softmax, {"4"}, "axis=0", 0},
    {OP_log_softmax, {"3,4"}, "axis=-1", 0},
    {OP_log_softmax, {"2,3,2"}, "axis=0", 0},
    {OP_conv2d, {"2,5,4,3", "3,2,3,2"}, "", 0},
    {OP_conv2d, {"2,5,4,3", "3,2,3,2"}, "strides=2", 0},
    {OP_conv2d, {"1,6,5,2", "3,3,2,3"}, "strides=2 1;padding=VALID", 0},
    {OP_conv2d, {"2,5,4,3", "3,2,3,2"}, "dilation=2 1;padding=1", 0},
    {OP_conv2d, {"1,4,4,4", "2,2,2,4"}, "groups=2;padding=0 1 1 0", 0},
    {OP_conv2d, {"2,4,3,2", "2,3,1,4"}, "groups=2;strides=2 1;dilation=1 2", 0},
    {OP_conv2d_input_gradient, {"1,5,4,4", "2,2,2,4"}, "shape=1,5,4,4;groups=2;dilation=2", 0},
    {OP_conv2d_filter_gradient, {"1,5,4,2", "1,5,4,4"}, "shape=3,2,1,4;groups=2;padding=SAME", 0},
    {OP_conv2d_input_gradient, {"2,5,4,2", "3,2,3,2"}, "shape=2,5,4,3", 0},
    {OP_conv2d_input_gradient, {"2,3,2,2", "3,2,3,2"}, "shape=2,5,4,3;strides=2", 0},
    {OP_conv2d_filter_gradient, {"2,5,4,3", "2,5,4,2"}, "shape=3,2,3,2", 0},
    {OP_conv2d_filter_gradient, {"2,5,4,3", "2,3,2,2"}, "shape=3,2,3,2;strides=2", 0},
    {OP_max_pool, {"2,4,5,3"}, SAME_WINDOW, 0},
    {OP_max_pool, {"1,5,4,2"}, VALID_WINDOW, 0},
    {OP_max_pool_gradient, {"2,4,5,3", "=max_pool", "2,2,3,3"}, SAME_WINDOW, 3},
    {OP_max_pool_gradient, {"1,5,4,2", "=max_pool", "1,3,2,2"}, VALID_WINDOW, 3},
    {OP_max_pool_gather, {"2,4,5,3", "=max_pool", "2,4,5,3"}, SAME_WINDOW, 3},
    {OP_max_pool_gather, {"1,5,4,2", "=max_pool", "1,5,4,2"}, VALID_WINDOW, 3},
    {OP_avg_pool, {"2,4,5,3"}, SAME_WINDOW, 0},
    {OP_avg_pool, {"1,5,4,2"}, VALID_WINDOW, 0},
    {OP_avg_pool_gradient, {"2,2,3,3"}, "shape=2,4,5,3;" SAME_WINDOW, 0},
    {OP_avg_pool_gradient, {"1,3,2,2"}, "shape=1,5,4,2;" VALID_WINDOW, 0},
    {OP_resize, {"2,3,4,2"}, "size=5,6", 0},
    {OP_resize, {"1,5,4,2"}, "size=2,7;method=bilinear", 0},
    {OP_resize, {"1,3,1,1"}, "size=7,3;method=bilinear", 0},
    {OP_resize_gradient, {"2,5,6,2"}, "shape=2,3,4,2", 0},
    {OP_resize_gradient, {"1,2,7,2"}, "shape=1,5,4,2;method=bilinear", 0},
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* Where an operand may lie, when not anywhere in [-1, 1] but at 0. */
static const struct {
    enum op_id op;
    int operand;
    double low, high;
} domains[] = {
    {OP_log, 0, 0.5, 1.5}, {OP_log1p, 0, -0.5, 0.5}, {OP_sqrt, 0, 0.5, 1.5}, {OP_pow, 0, 0.5, 1.5},
    {OP_div, 1, 0.5, 1.5}, {OP_mod, 1, 1.2, 1.9},  {OP_dropout, 1, 0.5, 0.8},
};

struct check {
    struct lab l;
    struct executor *executor;
    const char *what; /* for failures */
    struct node *operand[MAX_OPERANDS], *fed[MAX_OPERANDS];
    struct tensor *value[MAX_OPERANDS]; /* of fed */
    int n_operands, n_fed;
};

/* ---- making the call ---- */

static void parse_value(struct check *c, struct attr *a, const char *text) {
    switch (a->kind) {
    case ATTR_SHAPE: a->shape = lab_shape(&c->l, text); break;
    case ATTR_BOOL: a->i = !strcmp(text, "true"); break;
    case ATTR_STRING: a->s = intern_string(&c->l.names, text); break;
    case ATTR_PADDING:
        a->kind = strchr("0123456789", *text) ? ATTR_PAIRS : ATTR_STRING;
        a->s = intern_string(&c->l.names, text);
        if (a->kind == ATTR_STRING) break;
        /* one number, for all four sides, or four */
        a->ints.n = 0;
        for (char *at = (char *)text; *at;) a->ints.v[a->ints.n++] = strtoll(at, &at, 10);
        if (a->ints.n == 1) a->ints.v[a->ints.n++] = a->ints.v[0];
        break;
    case ATTR_FLOAT: a->f = strtod(text, NULL); break;
    case ATTR_PAIRS:
    case ATTR_INTS:
    case ATTR_AXES:
        for (char *at = (char *)text; *at;) a->ints.v[a->ints.n++] = strtoll(at, &at, 10);
        break;
    default: a->i = strtoll(text, NULL, 10); break;
    }
}

static void parse_settings(struct check *c, const struct op *op, struct attr *attr,
                           const char *text) {
    memset(attr, 0, MAX_SETTINGS * sizeof *attr);
    while (*text) {
        size_t n_name = strcspn(text, "="), n_value = strcspn(text + n_name + 1, ";");
        int k = op_find_setting(op, intern_text(&c->l.names, text, n_name));
        CU_ASSERT_FATAL(k >= 0);
        attr[k].kind = op->setting[k].kind;
        parse_value(c, &attr[k], arena_strndup(&c->l.arena, text + n_name + 1, n_value));
        text += n_name + 1 + n_value;
        text += *text == ';';
    }
}

/* Distinct values that no two operands share, none near 0: i -> a permutation of an even grid
 * over [-1, 1]. */
static double grid_value(enum op_id op, int operand, int64_t i, int64_t n) {
    int64_t stride = 7;
    while (n % stride == 0) stride += 2;
    double x = 2 * ((double)((i * stride + 3) % n) + 0.31 + 0.13 * operand) / (double)n - 1;
    for (size_t k = 0; k < sizeof domains / sizeof *domains; k++)
        if (domains[k].op == op && domains[k].operand == operand)
            return domains[k].low + (domains[k].high - domains[k].low) * (x + 1) / 2;
    return x;
}

static void make_operand(struct check *c, enum op_id op, const char *text,
                         const struct attr *attr) {
    struct build *b = &c->l.b;
    int k = c->n_operands++;
    if (*text == '=') {
        const struct op *of = op_find(b->ops, intern_string(&c->l.names, text + 1));
        c->operand[k] = build_op(b, of->id, c->operand, 1, attr, NULL, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c->operand[k]);
        return;
    }
    enum dtype t = !strncmp(text, "int ", 4)    ? DTYPE_I32
                   : !strncmp(text, "bool ", 5) ? DTYPE_BOOL
                                                : DTYPE_F64;
    if (t != DTYPE_F64) text = strchr(text, ' ') + 1;
    struct shape s = lab_shape(&c->l, text);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < s.rank; i++) dim[i] = s.d[i].k;
    struct tensor *v = tensor_new(t, s.rank, dim);
    for (int64_t i = 0; i < v->n_elements; i++)
        tensor_set(v, i,
                   t == DTYPE_F64 ? grid_value(op, k, i, v->n_elements)
                                  : (double)(i % (t == DTYPE_I32 ? 3 : 2)));
    char name[8];
    snprintf(name, sizeof name, "x%d", k);
    c->operand[k] = lab_placeholder(&c->l, b, name, t, text);
    c->fed[c->n_fed] = c->operand[k];
    c->value[c->n_fed++] = v;
}

/* sum(n * weights), the weights fixed and all different. */
static struct node *weighted_sum(struct check *c, struct node *n, int which) {
    struct build *b = &c->l.b;
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++) dim[i] = n->shape.d[i].k;
    struct tensor *w = tensor_new(DTYPE_F64, n->shape.rank, dim);
    for (int64_t i = 0; i < w->n_elements; i++) tensor_set(w, i, cos(1.7 * (double)i + which));
    struct node *weights = build_constant(b, w);
    tensor_unref(w);
    return lab_sum(b, build_2(b, OP_mul, build_cast(b, n, DTYPE_F64), weights));
}

/* ---- checking ---- */

static double run_once(struct check *c, struct plan *p, struct tensor **fetched) {
    struct run r = {.fed = c->value, .fetched = fetched};
    CU_ASSERT_FATAL(exec_run(c->executor, p, &r));
    return tensor_get(fetched[0], 0);
}

static double run_loss(struct check *c, struct plan *p, int n_fetch) {
    struct tensor *fetched[1 + MAX_OPERANDS];
    double loss = run_once(c, p, fetched);
    for (int i = 0; i < n_fetch; i++) tensor_unref(fetched[i]);
    return loss;
}

static void compare(struct check *c, int operand, int64_t i, double gradient, double difference) {
    double scale = fmax(1, fmax(fabs(gradient), fabs(difference)));
    bool near = fabs(gradient - difference) <= 1e-6 * scale;
    if (!near)
        printf("%s: operand %d, element %lld: the gradient is %.9g, differences give %.9g\n",
               c->what, operand, (long long)i, gradient, difference);
    CU_ASSERT(near);
}

/* Holds d loss / d each wrt against differences of loss. gradient[i] NULL stands for zero. */
static void check_gradients(struct check *c, struct node *loss, struct node *const *gradient,
                            const int *fed, int n) {
    struct node *roots[1 + MAX_OPERANDS];
    int n_roots = 0, at[MAX_OPERANDS];
    roots[n_roots++] = loss;
    for (int i = 0; i < n; i++) {
        at[i] = gradient[i] ? n_roots : -1;
        if (gradient[i]) roots[n_roots++] = gradient[i];
    }
    struct demand d = {.roots = roots,
                       .n_roots = n_roots,
                       .n_fetch = n_roots,
                       .fed = c->fed,
                       .value = c->value,
                       .n_fed = c->n_fed};
    struct arena arena = {0};
    struct program p;
    CU_ASSERT_FATAL(
        opt_instantiate(&p, &arena, &d, &c->l.b, c->l.training, &c->l.diags, &c->l.here));
    opt_run(&p, NULL, NULL);
    struct plan *plan = plan_make(&p, kernel_best_isa());
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    for (int i = 0; i < plan->n_draws; i++)
        plan->draws[i]->call.draw.seed = 1, plan->draws[i]->call.draw.step = 0;
    struct tensor *fetched[1 + MAX_OPERANDS];
    run_once(c, plan, fetched);
    for (int i = 0; i < n; i++) {
        struct tensor *x = c->value[fed[i]];
        for (int64_t k = 0; k < x->n_elements; k++) {
            double x0 = tensor_get(x, k), h = 1e-5, high, low;
            tensor_set(x, k, x0 + h), high = run_loss(c, plan, n_roots);
            tensor_set(x, k, x0 - h), low = run_loss(c, plan, n_roots);
            tensor_set(x, k, x0);
            compare(c, fed[i], k, at[i] < 0 ? 0 : tensor_get(fetched[at[i]], k),
                    (high - low) / (2 * h));
        }
    }
    for (int i = 0; i < n_roots; i++) tensor_unref(fetched[i]);
    graph_free(&p.graph);
    arena_free(&arena);
}

/* First order, then the gradient of a weighted sum of the gradients. */
static void check_call(struct check *c, struct node *result, uint32_t fixed) {
    struct build *b = &c->l.b;
    struct node *wrt[MAX_OPERANDS], *gradient[MAX_OPERANDS], *second[MAX_OPERANDS], *loss;
    int n = 0, fed[MAX_OPERANDS];
    for (int i = 0; i < c->n_fed; i++) {
        bool skip = !dtype_is_float(c->fed[i]->dtype);
        for (int k = 0; k < c->n_operands; k++)
            skip |= c->operand[k] == c->fed[i] && (fixed >> k & 1);
        if (!skip) fed[n] = i, wrt[n++] = c->fed[i];
    }
    loss = weighted_sum(c, result, 0);
    grad_build(b, loss, wrt, n, gradient);
    struct node *sum = NULL;
    for (int i = 0; i < n; i++) {
        CU_ASSERT_FATAL(!gradient[i] || shape_same(&gradient[i]->shape, &wrt[i]->shape));
        if (!gradient[i]) continue;
        struct node *part = weighted_sum(c, gradient[i], i + 1);
        sum = sum ? build_2(b, OP_add, sum, part) : part;
    }
    if (sum) grad_build(b, sum, wrt, n, second);
    check_gradients(c, loss, gradient, fed, n);
    if (sum) check_gradients(c, sum, second, fed, n);
}

static void run_case(const struct call_case *call) {
    struct check c = {.executor = exec_new(1)};
    struct attr attr[MAX_SETTINGS];
    lab_open(&c.l);
    struct build *b = &c.l.b;
    const struct op *op = &b->ops->op[call->op];
    parse_settings(&c, op, attr, call->settings);
    c.what = arena_printf(&c.l.arena, "%s(%s; %s; %s) %s", op->name, call->operand[0],
                          call->operand[1] ? call->operand[1] : "",
                          call->operand[2] ? call->operand[2] : "", call->settings);
    for (int i = 0; i < MAX_OPERANDS && call->operand[i]; i++)
        make_operand(&c, call->op, call->operand[i], attr);
    struct node *result = build_op(b, call->op, c.operand, c.n_operands, attr, NULL,
                                   op->trait == OP_RANDOM ? "path" : NULL);
    if (!result) printf("%s is refused\n", c.what);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    check_call(&c, result, call->fixed);
    for (int i = 0; i < c.n_fed; i++) tensor_unref(c.value[i]);
    lab_close(&c.l);
    exec_free(c.executor);
}

/* ---- which cases ---- */

static void check_elementwise(const struct op *op) {
    static const char *const shapes[][3] = {
        {"", "", ""},        {"7", "7", "7"},    {"2,3", "2,3", "2,3"}, {"2,3", "3", ""},
        {"2,1", "2,3", "3"}, {"", "2,3", "2,1"}, {"3,1", "1,4", "3,4"},
    };
    static const char *const conditions[] = {
        "bool ", "bool 7", "bool 2,3", "bool 3", "bool ", "bool 2,3", "bool 3,1",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct call_case call = {.op = op->id, .settings = op->id == OP_cast ? "to=1" : ""};
        for (int k = 0; k < op->n_inputs; k++) {
            call.operand[k] = shapes[i][k];
            if (op->input[k].type == DTYPE_BOOL) call.operand[k] = conditions[i];
        }
        run_case(&call);
    }
}

static void check_row(const struct op *op) {
    int n = 0;
    if (op->trait == OP_ELEMENTWISE) {
        check_elementwise(op);
        return;
    }
    for (int i = 0; i < N_CASES; i++)
        if (cases[i].op == op->id) run_case(&cases[i]), n++;
    if (n == 0) printf("%s has a gradient and no case in grad_check.c\n", op->name);
    CU_ASSERT(n > 0);
}

/* One test a row, so that a failure names the op. CUnit gives a test no argument: a function a
 * row. */
static void check_id(enum op_id id) {
    struct lab l;
    lab_open(&l);
    check_row(&l.b.ops->op[id]);
    lab_close(&l);
}

#define EW1(id, ...)                                                                               \
    static void check_##id(void) { check_id(OP_##id); }
#define EW2  EW1
#define CMP2 EW1
#define OP   EW1
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP

void suite_grad_check(void) {
    struct lab l;
    lab_open(&l);
    unit_suite("grad: every gradient against differences");
#define EW1(id, ...)                                                                               \
    if (l.b.ops->op[OP_##id].gradient) unit_test(#id, check_##id);
#define EW2  EW1
#define CMP2 EW1
#define OP   EW1
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
    lab_close(&l);
}
