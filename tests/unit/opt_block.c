/* The pass `block` keeps values and gradients: convolutions with what stands behind them, planned
 * with the passes and without, on one thread and on two. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exec/exec.h"
#include "grad/grad.h"
#include "graphs.h"
#include "unit.h"

enum behind { NO_BIAS, BIAS, BIAS_BEFORE, LONG_BIAS, N_BIASES };
enum images { ORDINARY, CONSTANT, WITH_NAN, N_IMAGES };

struct test_case {
    const char *x, *filter, *bias, *long_bias; /* sizes */
    int stride, dilation, ksize, pool_stride;  /* ksize 0: no pooling */
    const char *padding, *pool_padding;
};

static const struct test_case cases[] = {
    {"3,9,8,4", "3,3,4,5", "5", "1,1,1,5", 1, 1, 2, 2, "SAME", "SAME"},
    {"2,11,7,1", "5,5,1,33", "33", "1,1,33", 1, 1, 3, 2, "SAME", "SAME"},
    {"2,12,13,3", "3,2,3,16", "16", "1,16", 2, 1, 2, 1, "VALID", "VALID"},
    {"5,6,6,17", "1,1,17,8", "8", "1,1,1,8", 1, 1, 3, 3, "VALID", "SAME"},
    {"1,14,14,6", "3,3,6,20", "20", "1,1,1,20", 1, 2, 2, 3, "SAME", "VALID"},
    {"2,4,4,2", "3,3,2,3", "3", "1,1,1,3", 1, 1, 4, 4, "SAME", "VALID"},
    {"2,7,5,3", "3,3,3,6", "6", "1,1,1,6", 1, 1, 0, 0, "SAME", ""},
};
enum { N_CASES = sizeof cases / sizeof *cases };
static const enum op_id activations[] = {OP_NONE, OP_relu, OP_tanh, OP_sigmoid};

struct network {
    struct lab l;
    struct node *fed[3];
    struct tensor *value[3];
    struct node *roots[4]; /* y, and the gradients of a loss with respect to what is fed */
    int n_fed, n_roots;
};

static struct attr ints(int v) {
    return (struct attr){.kind = ATTR_INTS, .ints = {.n = 1, .v = {v}}};
}

static struct attr text(struct lab *l, const char *s) {
    return (struct attr){.kind = ATTR_STRING, .s = intern_text(&l->names, s, strlen(s))};
}

static struct tensor *values(const struct node *n, enum images images, int shift) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++)
        dim[i] = n->shape.d[i].k;
    struct tensor *t = tensor_new(DTYPE_F32, n->shape.rank, dim);
    for (int64_t i = 0; i < t->n_elements; i++) {
        double v = sin(2.7 * (double)(i + shift)) * 1.5;
        if (images == CONSTANT)
            v = 0.25;
        if (images == WITH_NAN && i % 61 == 60)
            v = NAN;
        tensor_set(t, i, v);
    }
    return t;
}

static void feed(struct network *w, const char *name, const char *sizes, enum images images) {
    struct node *n = w->fed[w->n_fed] = lab_float(&w->l, &w->l.b, name, sizes);
    w->value[w->n_fed] = values(n, images, 100 * w->n_fed);
    w->n_fed++;
}

static void make(struct network *w, const struct test_case *c, enum op_id activation,
                 enum behind bias, enum images images) {
    memset(w, 0, sizeof *w);
    lab_open(&w->l);
    struct build *b = &w->l.b;
    feed(w, "x", c->x, images);
    feed(w, "W", c->filter, ORDINARY);
    struct attr conv[4] = {ints(c->stride), text(&w->l, c->padding), ints(c->dilation), {0}};
    struct node *y = build_op(b, OP_conv2d, w->fed, 2, conv, NULL, NULL);
    if (bias != NO_BIAS) {
        feed(w, "b", bias == LONG_BIAS ? c->long_bias : c->bias, ORDINARY);
        y = bias == BIAS_BEFORE ? build_2(b, OP_add, w->fed[2], y)
                                : build_2(b, OP_add, y, w->fed[2]);
    }
    if (activation != OP_NONE)
        y = build_1(b, activation, y);
    if (c->ksize) {
        struct attr pool[3] = {ints(c->ksize), ints(c->pool_stride), text(&w->l, c->pool_padding)};
        y = build_op(b, OP_max_pool, &y, 1, pool, NULL, NULL);
    }
    struct node *off = build_2(b, OP_sub, y, lab_scalar(b, 0.3));
    struct node *loss = lab_sum(b, build_2(b, OP_mul, y, off));
    w->roots[0] = y;
    w->n_roots = 1 + w->n_fed;
    grad_build(b, loss, w->fed, w->n_fed, w->roots + 1);
}

static int count(struct program *p, enum op_id id) {
    struct arena scratch = {0};
    struct node_list order = graph_order(&p->graph, &scratch, p->roots, p->n_roots, NULL, NULL);
    int n = 0;
    for (int i = 0; i < order.n; i++)
        n += order.at[i]->op->id == id;
    arena_free(&scratch);
    return n;
}

/* left: of the dense gradient of the pooling, how many there still are. */
static void run(struct network *w, bool passes, int threads, struct tensor **fetched, int *left) {
    struct node *roots[4];
    memcpy(roots, w->roots, sizeof roots);
    struct demand d = {.roots = roots,
                       .n_roots = w->n_roots,
                       .n_fetch = w->n_roots,
                       .fed = w->fed,
                       .value = w->value,
                       .n_fed = w->n_fed};
    struct arena arena = {0};
    struct program p;
    struct lab *l = &w->l;
    CU_ASSERT_FATAL(opt_instantiate(&p, &arena, &d, &l->b, l->training, &l->diags, &l->here));
    p.exact = true; /* no rounding decides between equal elements */
    if (passes)
        opt_run(&p, NULL, NULL);
    *left = count(&p, OP_max_pool_gradient) + 100 * count(&p, OP_conv_block);
    struct plan *plan = plan_make(&p, kernel_best_isa());
    struct executor *e = exec_new(threads);
    CU_ASSERT_FATAL(plan && e);
    struct run r = {.fed = w->value, .fetched = fetched};
    CU_ASSERT_FATAL(exec_run(e, plan, &r));
    exec_free(e);
    graph_free(&p.graph);
    arena_free(&arena);
}

static bool is_near(const struct tensor *a, const struct tensor *b) {
    double most = 1;
    for (int64_t i = 0; i < a->n_elements; i++)
        most = fmax(most, fabs(tensor_get(a, i)));
    for (int64_t i = 0; i < a->n_elements; i++) {
        double x = tensor_get(a, i), y = tensor_get(b, i);
        if (!(fabs(x - y) <= 1e-5 * most) && !(x != x && y != y))
            return false;
    }
    return true;
}

static void check(int which, int activation, enum behind bias, enum images images) {
    struct network w;
    struct tensor *before[4], *after[4], *again[4];
    int dense, left;
    make(&w, &cases[which], activations[activation], bias, images);
    bool fuses = bias != NO_BIAS || activation > 0 || cases[which].ksize > 0;
    run(&w, false, 1, before, &dense);
    run(&w, true, 1, after, &left);
    CU_ASSERT_EQUAL(left, fuses ? 100 : 0);
    run(&w, true, 2, again, &left);
    for (int i = 0; i < w.n_roots; i++) {
        /* a zero gradient does not meet the image's NaN any more */
        bool right = (images == WITH_NAN && i > 0) || is_near(before[i], after[i]);
        right &= memcmp(after[i]->data, again[i]->data, tensor_bytes(after[i])) == 0;
        if (!right)
            printf("case %d, activation %d, bias %d, images %d: root %d differs\n", which,
                   activation, (int)bias, (int)images, i);
        CU_ASSERT(right);
        tensor_unref(before[i]), tensor_unref(after[i]), tensor_unref(again[i]);
    }
    for (int i = 0; i < w.n_fed; i++)
        tensor_unref(w.value[i]);
    lab_close(&w.l);
}

static void all(void) {
    for (int which = 0; which < N_CASES; which++)
        for (int activation = 0; activation < 4; activation++)
            for (int bias = 0; bias < N_BIASES; bias++)
                for (int images = 0; images < N_IMAGES; images++)
                    check(which, activation, (enum behind)bias, (enum images)images);
}

void suite_opt_block(void) {
    unit_suite("opt: blocks");
    unit_test("values and gradients are kept", all);
}
