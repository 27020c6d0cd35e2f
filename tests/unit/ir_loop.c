/* Loops made by hand: one form is one node, what is not needed goes, and a plan runs its body as
 * often as it should, with its results where they belong. */
#include "ir/loop.h"
#include "programs.h"
#include "unit.h"

#include <malloc.h>
#include <string.h>

enum { ROWS = 5, UNITS = 3 };

/* carry 0: h -> h * w + x; carry 1: n -> n + h, of which nothing else depends; out: h * x. */
static struct node *make_scan(struct bench *t, struct node *x, struct node *start, struct node *w,
                              double extra, bool reverse, int64_t remember) {
    struct loop_body *l = loop_new(1, 0, 2, 1, 1);
    struct build body = loop_build(l, t->b);
    struct node *in[] = {x, start, start, w};
    loop_add_index(l, &body);
    for (int p = 1; p < loop_n_params(l); p++)
        loop_add_param(l, &body, p, in[loop_input_of(l, p)]);
    struct node *row = l->param[1], *h = l->param[2], *n = l->param[3], *k = l->param[4];
    struct node *next = build_2(&body, OP_add, build_2(&body, OP_mul, h, k), row);
    l->result[0] = build_2(&body, OP_add, next, build_scalar(&body, DTYPE_F32, extra));
    l->result[1] = build_2(&body, OP_add, n, h);
    l->result[2] = build_2(&body, OP_mul, h, row);
    loop_finish(l);
    return build_scan(t->b, l, in, x->shape.d[0], reverse, remember);
}

struct setup {
    struct bench t;
    struct node *x, *start, *w;
};

static void open_setup(struct setup *s, int64_t rows) {
    const int64_t x[] = {rows, UNITS}, h[] = {UNITS};
    bench_open(&s->t, 3);
    s->x = bench_feed(&s->t, 2, x);
    s->start = bench_feed(&s->t, 1, h);
    s->w = bench_variable(&s->t, 1, h);
}

static void one_form_is_one_node(void) {
    struct setup s;
    open_setup(&s, ROWS);
    struct node *a = make_scan(&s.t, s.x, s.start, s.w, 1, false, 0);
    uint32_t n_nodes = s.t.program.graph.n_nodes;
    CU_ASSERT_PTR_EQUAL(make_scan(&s.t, s.x, s.start, s.w, 1, false, 0), a);
    CU_ASSERT_EQUAL(s.t.program.graph.n_nodes, n_nodes);
    CU_ASSERT_PTR_NOT_EQUAL(make_scan(&s.t, s.x, s.start, s.w, 2, false, 0), a);
    CU_ASSERT_PTR_NOT_EQUAL(make_scan(&s.t, s.x, s.start, s.w, 1, true, 0), a);
    CU_ASSERT_PTR_NOT_EQUAL(make_scan(&s.t, s.x, s.start, s.start, 1, false, 0), a);
    CU_ASSERT_EQUAL(a->loop->refs, 1);
    CU_ASSERT_PTR_NULL(loop_verify(&s.t.arena, &s.t.symbols, a));
    bench_close(&s.t);
}

static void what_is_not_needed_goes(void) {
    struct setup s;
    struct node *in[4];
    int becomes[7];
    open_setup(&s, ROWS);
    struct loop_body *all = make_scan(&s.t, s.x, s.start, s.w, 1, false, 0)->loop;
    const struct {
        int wanted, n_over, n_carry, n_capture, n_out, number;
    } cases[] = {
        {0, 1, 1, 1, 0, 0}, {1, 1, 2, 1, 0, 1}, {2, 1, 1, 1, 0, 1},
        {3, 1, 2, 1, 0, 3}, {4, 1, 1, 1, 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool wanted[7] = {false};
        struct loop_body *l = loop_clone(all, s.t.b, NULL);
        memcpy(in, (struct node *[]){s.x, s.start, s.start, s.w}, sizeof in);
        wanted[cases[i].wanted] = true;
        CU_ASSERT(loop_reduce(l, in, wanted, becomes));
        CU_ASSERT_EQUAL(l->n_over, cases[i].n_over);
        CU_ASSERT_EQUAL(l->n_carry, cases[i].n_carry);
        CU_ASSERT_EQUAL(l->n_capture, cases[i].n_capture);
        CU_ASSERT_EQUAL(l->n_out, cases[i].n_out);
        CU_ASSERT_EQUAL(becomes[cases[i].wanted], cases[i].number);
        CU_ASSERT_PTR_EQUAL(in[loop_capture_input(l)], s.w);
        loop_unref(l);
    }
    bench_close(&s.t);
}

/* The values of make_scan in doubles: last carries, stacks, outs, one after another. */
static void compute(const struct setup *s, int64_t rows, bool reverse, int u, double last[2],
                    double (*stack)[3]) {
    const struct tensor *x = s->t.values.at[0], *start = s->t.values.at[1];
    double w = tensor_get(s->w->variable->value, u);
    last[0] = last[1] = tensor_get(start, u);
    for (int64_t k = 0; k < rows; k++) {
        int64_t row = reverse ? rows - 1 - k : k;
        double v = tensor_get(x, row * UNITS + u), h = last[0];
        last[0] = h * w + v + 0.5;
        last[1] += h;
        stack[row][0] = last[0], stack[row][1] = last[1], stack[row][2] = h * v;
    }
}

static void check_values(const struct setup *s, int64_t rows, bool reverse,
                         struct tensor *const *fetched) {
    for (int u = 0; u < UNITS; u++) {
        double last[2], stack[ROWS][3];
        compute(s, rows, reverse, u, last, stack);
        for (int c = 0; c < 2; c++)
            UNIT_NEAR(tensor_get(fetched[c], u), last[c], 1e-5);
        for (int k = 0; k < 3; k++)
            for (int64_t row = 0; row < rows; row++)
                UNIT_NEAR(tensor_get(fetched[2 + k], row * UNITS + u), stack[row][k], 1e-5);
    }
}

static void values_are_where_they_belong(void) {
    struct executor *e = exec_new(2);
    for (int64_t rows = 0; rows <= ROWS; rows++)
        for (int reverse = 0; reverse < 2; reverse++)
            for (int asked = 1; asked < 32; asked++) {
                struct setup s;
                struct run r = {0};
                struct tensor *fetched[5] = {0}, *in_order[5] = {0};
                open_setup(&s, rows);
                struct node *scan = make_scan(&s.t, s.x, s.start, s.w, 0.5, reverse, 0);
                for (int which = 0; which < 5; which++)
                    if (asked >> which & 1)
                        bench_root(&s.t, build_scan_result(s.t.b, scan, which), true);
                struct plan *p = bench_plan(&s.t);
                CU_ASSERT_EQUAL(p->n_steps, 1);
                CU_ASSERT_FATAL(bench_run(&s.t, e, p, &r, fetched));
                if (asked == 31)
                    check_values(&s, rows, reverse, fetched);
                for (int which = 0, n = 0; which < 5; which++)
                    in_order[which] = asked >> which & 1 ? fetched[n++] : NULL;
                for (int u = 0; u < UNITS && rows; u++) {
                    double last[2], stack[ROWS][3];
                    compute(&s, rows, reverse, u, last, stack);
                    for (int c = 0; c < 2; c++)
                        if (in_order[c])
                            UNIT_NEAR(tensor_get(in_order[c], u), last[c], 1e-5);
                    for (int k = 0; k < 3; k++)
                        if (in_order[2 + k])
                            UNIT_NEAR(tensor_get(in_order[2 + k], (rows - 1) * UNITS + u),
                                      stack[rows - 1][k], 1e-5);
                }
                unref_all(fetched, 5);
                bench_close(&s.t);
            }
    exec_free(e);
}

/* Nothing but what is fetched. */
static void a_warm_run_allocates_nothing(void) {
    struct setup s;
    struct run r = {0};
    struct tensor *fetched[1];
    struct executor *e = exec_new(1);
    open_setup(&s, ROWS);
    struct node *scan = make_scan(&s.t, s.x, s.start, s.w, 0.5, false, 0);
    bench_root(&s.t, build_scan_result(s.t.b, scan, 0), true);
    struct plan *p = bench_plan(&s.t);
    size_t bytes[3];
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_FATAL(bench_run(&s.t, e, p, &r, fetched));
        unref_all(fetched, 1);
        bytes[i] = mallinfo2().uordblks;
    }
    CU_ASSERT_EQUAL(bytes[1], bytes[2]);
    exec_free(e);
    bench_close(&s.t);
}

/* Every so many-th of what is carried into a step, whatever the direction. */
static void carries_are_kept(void) {
    struct executor *e = exec_new(1);
    for (int reverse = 0; reverse < 2; reverse++) {
        struct setup s;
        struct run r = {0};
        struct tensor *fetched[2];
        open_setup(&s, ROWS);
        struct node *scan = make_scan(&s.t, s.x, s.start, s.w, 0.5, reverse, 2);
        bench_root(&s.t, build_scan_result(s.t.b, scan, loop_kept(scan->loop, 0)), true);
        bench_root(&s.t, build_scan_result(s.t.b, scan, loop_stack(scan->loop, 0)), true);
        struct plan *p = bench_plan(&s.t);
        CU_ASSERT_FATAL(bench_run(&s.t, e, p, &r, fetched));
        CU_ASSERT_EQUAL(fetched[0]->dim[0], 3);
        for (int k = 0; k < 3; k++)
            for (int u = 0; u < UNITS; u++) {
                int row = reverse ? ROWS - 2 * k : 2 * k - 1;
                double want =
                    k ? tensor_get(fetched[1], row * UNITS + u) : tensor_get(s.t.values.at[1], u);
                UNIT_NEAR(tensor_get(fetched[0], k * UNITS + u), want, 0);
            }
        unref_all(fetched, 2);
        bench_close(&s.t);
    }
    exec_free(e);
}

void suite_ir_loop(void) {
    unit_suite("ir: loops");
    unit_test("one form is one node", one_form_is_one_node);
    unit_test("what is not needed goes", what_is_not_needed_goes);
    unit_test("values are where they belong", values_are_where_they_belong);
    unit_test("a warm run allocates nothing", a_warm_run_allocates_nothing);
    unit_test("carries are kept", carries_are_kept);
}
