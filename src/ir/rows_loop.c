/* Rows through loops (rows.h): the body is walked like any graph, its params standing for the parts
 * of the examples that they get. A carry keeps them apart when what a step makes of it does, along
 * the axis that it came with: what is assumed of the carries is checked against the results, and
 * given up until both agree. */
#include "ir/loop.h"
#include "ir/rows.h"

/* Of a row along axis 0; an input that is cut along it gives rows of different steps. */
static int inside(int rows) {
    if (rows < 0)
        return rows;
    return rows == 0 ? ROWS_MIXED : rows - 1;
}

static int stacked(int rows) { return rows < 0 ? rows : rows + 1; }

static int rows_of_lag(const struct loop_body *l, const int *rows, int lag) {
    int stack = inside(rows[l->n_over + lag]), first = rows[loop_lag_first_input(l) + lag];
    return stack == first ? stack : ROWS_MIXED;
}

/* What the params get; a carry what the first step does. */
static void fill_params(const struct loop_body *l, const int *rows, int *param) {
    param[0] = ROWS_NONE;
    for (int i = 0; i < l->n_over; i++)
        param[1 + i] = inside(rows[i]);
    for (int i = 0; i < l->n_lag; i++)
        param[loop_lag_param(l) + i] = rows_of_lag(l, rows, i);
    for (int i = 0; i < l->n_carry; i++)
        param[loop_carry_param(l) + i] = rows[loop_carry_input(l) + i];
    for (int i = 0; i < l->n_capture; i++)
        param[loop_capture_param(l) + i] = rows[loop_capture_input(l) + i];
}

static int rows_of_param(const struct loop_body *l, const int *param, const struct node *n) {
    for (int p = 0; p < loop_n_params(l); p++)
        if (l->param[p] == n)
            return param[p];
    return ROWS_MIXED;
}

/* Draws in a body are keyed by the step as well: they do not go on where another chunk's ended. */
static void walk_body(const struct rows_walk *outer, const struct loop_body *l, const int *param,
                      int *result) {
    struct node_list order = graph_order((struct graph *)&l->graph, outer->arena, l->result,
                                         loop_n_results(l), NULL, NULL);
    struct rows_walk w = *outer;
    w.rows = arena_array(w.arena, int, order.n);
    w.values = arena_array(w.arena, int *, order.n);
    for (int i = 0; i < order.n; i++)
        order.at[i]->number = i;
    for (int i = 0; i < order.n; i++) {
        const struct node *n = order.at[i];
        w.rows[i] =
            n->op->id == OP_placeholder ? rows_of_param(l, param, n) : rows_of_call(&w, n);
        if (n->op->trait == OP_RANDOM && w.rows[i] >= 0)
            w.rows[i] = ROWS_MIXED;
    }
    for (int i = 0; i < loop_n_results(l); i++)
        result[i] = w.rows[l->result[i]->number];
}

static bool settle(const struct loop_body *l, const int *result, int *param) {
    bool settled = true;
    for (int i = 0; i < l->n_carry; i++) {
        int *carry = &param[loop_carry_param(l) + i];
        if (*carry == result[i])
            continue;
        *carry = ROWS_MIXED;
        settled = result[i] == ROWS_MIXED && settled;
    }
    return settled;
}

static int rows_of_scan(struct rows_walk *w, const struct node *n, const int *rows) {
    const struct loop_body *l = n->loop;
    int *param = arena_array(w->arena, int, loop_n_params(l));
    int *result = arena_array(w->arena, int, loop_n_results(l));
    int *value = arena_array(w->arena, int, loop_n_values(l));
    fill_params(l, rows, param);
    do
        walk_body(w, l, param, result);
    while (!settle(l, result, param));
    for (int i = 0; i < l->n_carry; i++) {
        value[loop_last(i)] = result[i];
        value[loop_stack(l, i)] = stacked(result[i]);
    }
    for (int i = 0; i < l->n_out; i++)
        value[loop_out(l, i)] = stacked(result[l->n_carry + i]);
    w->values[n->number] = value;
    int all = ROWS_NONE;
    for (int i = 0; i < loop_n_values(l); i++) {
        if (value[i] == ROWS_MIXED)
            return ROWS_MIXED;
        all = value[i] >= 0 ? 0 : all;
    }
    return all;
}

int rows_of_call(struct rows_walk *w, const struct node *n) {
    if (n->op->id == OP_scan_result) {
        int scan = n->in[0]->number;
        return w->rows[scan] < 0 ? w->rows[scan] : w->values[scan][n->attr[0].i];
    }
    int n_in = node_n_value_inputs(n), *rows = arena_array(w->arena, int, n_in);
    for (int k = 0; k < n_in; k++) {
        rows[k] = w->rows[n->in[k]->number];
        if (rows[k] == ROWS_MIXED)
            return ROWS_MIXED;
    }
    return n->op->id == OP_scan ? rows_of_scan(w, n, rows) : rows_of_node(n, rows, w->dims);
}
