/* Groups with reductions against the same nodes one by one: normalisations, softmax, sums over
 * leading axes and over all, in many shapes, with NaN and infinity; and the same bits on any number
 * of threads. */
#include "programs.h"
#include "unit.h"

#include <math.h>

#include "opt/opt.h"

static struct node *reduce(struct bench *t, enum op_id op, struct node *x, int axis, bool keep) {
    struct attr attr[2] = {{.kind = ATTR_AXES}, {.kind = ATTR_BOOL, .i = keep}};
    for (int i = axis < 0 ? 0 : axis; i < (axis < 0 ? -axis : x->shape.rank); i++)
        attr[0].ints.v[attr[0].ints.n++] = i;
    return build_op(t->b, op, &x, 1, attr, NULL, NULL);
}

/* Over rows (axes from `axis` on): x normalised and its softmax; then the sums that their
 * gradients have, over the first `lead` axes and over all. */
static void add_roots(struct bench *t, struct node *x, struct node *g, int axis, int lead) {
    struct node *m = reduce(t, OP_mean, x, axis, true), *c = build_2(t->b, OP_sub, x, m);
    struct node *v = reduce(t, OP_mean, build_2(t->b, OP_mul, c, c), axis, true);
    struct node *tiny = build_scalar(t->b, x->dtype, 1e-5);
    struct node *s = build_1(t->b, OP_sqrt, build_2(t->b, OP_add, v, tiny));
    struct node *y = build_2(t->b, OP_div, c, s);
    struct node *most = reduce(t, OP_max, x, axis, true);
    struct node *e = build_1(t->b, OP_exp, build_2(t->b, OP_sub, x, most));
    struct node *p = build_2(t->b, OP_div, e, reduce(t, OP_sum, e, axis, true));
    struct node *kept = build_1(t->b, OP_log, reduce(t, OP_sum, e, axis, false));
    int last = x->shape.rank - 1;
    struct attr along = {.kind = ATTR_AXIS, .i = last};
    struct node *q = build_op(t->b, OP_softmax, &x, 1, &along, NULL, NULL);
    struct node *lq = build_op(t->b, OP_log_softmax, &x, 1, &along, NULL, NULL);
    struct node *positive = build_2(t->b, OP_greater, y, build_scalar(t->b, x->dtype, 0));
    struct node *d = build_3(t->b, OP_where, positive, build_2(t->b, OP_mul, g, p), g);
    struct node *roots[] = {y,
                            p,
                            v,
                            kept,
                            q,
                            reduce(t, OP_sum, build_2(t->b, OP_mul, lq, g), last, false),
                            reduce(t, OP_sum, d, -lead, false),
                            reduce(t, OP_mean, build_2(t->b, OP_mul, d, y), -lead, true),
                            reduce(t, OP_max, d, -lead, false),
                            reduce(t, OP_sum, build_2(t->b, OP_mul, y, y), 0, false),
                            reduce(t, OP_min, build_1(t->b, OP_neg, d), 0, false)};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        bench_root(t, roots[i], true);
}

static void spoil(struct tensor *x, int64_t at, double value) {
    if (at < x->n_elements)
        tensor_set(x, at, value);
}

static void compare(int rank, const int64_t *dim, int axis, int lead, bool ordinary) {
    enum { N_ROOTS = 11 };
    struct bench t;
    struct tensor *apart[N_ROOTS], *fused[N_ROOTS], *again[N_ROOTS];
    struct run r = {0};
    bench_open(&t, 7);
    struct node *x = bench_feed(&t, rank, dim), *g = bench_feed(&t, rank, dim);
    if (!ordinary) {
        spoil(t.values.at[0], 5, NAN), spoil(t.values.at[0], 77, INFINITY);
        spoil(t.values.at[1], 3, -INFINITY), spoil(t.values.at[1], 130, NAN);
    }
    add_roots(&t, x, g, axis, lead);
    struct executor *e = exec_new(1), *team = exec_new(4);
    struct plan *before = bench_plan(&t);
    CU_ASSERT_FATAL(bench_run(&t, e, before, &r, apart));
    opt_passes[n_opt_passes - 1].run(&t.program);
    struct plan *after = plan_make(&t.program, kernel_best_isa());
    CU_ASSERT(after->n_steps < before->n_steps / 2);
    CU_ASSERT_FATAL(bench_run(&t, e, after, &r, fused));
    CU_ASSERT_FATAL(bench_run(&t, team, after, &r, again));
    for (int i = 0; i < N_ROOTS; i++) {
        CU_ASSERT(same_bits(fused[i], again[i]));
        /* sums of up to a hundred thousand terms of about 1 */
        UNIT_NEAR(difference(fused[i], apart[i]), 0, 1e-5);
    }
    unref_all(apart, N_ROOTS), unref_all(fused, N_ROOTS), unref_all(again, N_ROOTS);
    exec_free(e), exec_free(team);
    bench_close(&t);
}

static void groups_give_what_their_nodes_give(void) {
    static const struct {
        int rank;
        int64_t dim[4];
        int axis, lead;
    } shapes[] = {
        {2, {1, 2}, 1, 1},         {2, {7, 10}, 1, 1},        {2, {64, 128}, 1, 1},
        {2, {130, 3}, 1, 1},       {2, {33, 512}, 1, 1},      {2, {50, 513}, 1, 1},
        {2, {40, 1000}, 1, 1},     {2, {3, 5000}, 1, 1},      {1, {9}, 0, 1},
        {1, {3000}, 0, 1},         {3, {3, 5, 4}, 2, 2},      {3, {8, 16, 32}, 1, 2},
        {3, {8, 16, 32}, 2, 2},    {4, {2, 7, 7, 33}, 3, 3},  {4, {50, 14, 14, 5}, 3, 3},
        {4, {2, 1, 300, 1}, 1, 2}, {4, {1, 1, 1, 20}, 3, 3},  {3, {200, 4, 1}, 1, 1},
        {2, {2, 20000}, 1, 1},     {2, {1000, 2}, 1, 1},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int ordinary = 0; ordinary < 2; ordinary++)
            compare(shapes[i].rank, shapes[i].dim, shapes[i].axis, shapes[i].lead, ordinary);
}

void suite_exec_fuse(void) {
    unit_suite("exec: groups with reductions");
    unit_test("groups give what their nodes give", groups_give_what_their_nodes_give);
}
