/* scan and fold: a loop in the graph, from the arguments of the call to the nodes of its results.
 *
 * What is gone over is laid with its axis first, the step is called once with placeholders
 * (trace.c), and what the loop gives is laid back. A number of the host that is carried takes the
 * dtype that the step gives it, as a number beside a tensor does everywhere: the step is then
 * tried with the number itself before it is traced.
 *
 * Not for: gradients of loops (grad/scan.c), running them (exec/loop.c). */
#include <string.h>

#include "eval/scan.h"

/* What is carried in a list is several carries, numbers too. */
static bool is_carry_leaf(struct value v) {
    (void)v;
    return false;
}

/* ---- what is carried */

static bool take_carries(struct scan *s) {
    structure_flatten(s->init.value, is_carry_leaf, &s->a, &s->carries);
    int n = s->carries.list.n;
    s->is_number = arena_array(&s->a, bool, n);
    s->dtype = arena_array(&s->a, enum dtype, n);
    for (int i = 0; i < n; i++) {
        struct leaf *leaf = &s->carries.list.at[i];
        struct value v = leaf->value;
        if (is_missing(v))
            return fail_silently(s->in);
        s->is_number[i] = scan_is_number(v);
        s->dtype[i] = v.kind == VALUE_BOOL ? DTYPE_BOOL : DTYPE_F32;
        if (s->is_number[i] || v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY)
            continue;
        char text[128];
        describe_value(s->in, v, text, sizeof text);
        return fail_at(s->in, E_WRONG_KIND, s->init.at,
                       "what a %s carries is made of tensors and numbers, but %s is %s", s->word,
                       scan_leaf_text(s, "init", leaf->name), text);
    }
    return n ? true : fail_at(s->in, E_WRONG_KIND, s->init.at, "`init` has nothing to carry");
}

/* ---- the step, called */

/* The name of the step's k-th parameter, when it is a function of a script. */
static const char *param_name(const struct scan *s, int k, const char *otherwise) {
    struct value f = s->step.value;
    const struct ast *params = NULL;
    if (f.kind == VALUE_FUNCTION && f.function->form == FUNCTION_PLAIN)
        params = f.function->tree->kids[0];
    else if (f.kind == VALUE_INSTANCE)
        params = f.instance->definition->tree->kids[1];
    return params && k < params->n_kids ? params->kids[k]->text : otherwise;
}

static struct node *stand_in(struct scan *s, const char *param, const char *leaf, const char *what,
                             struct span at, const struct node *input, bool row) {
    struct shape shape = input->shape;
    if (row) {
        shape.rank--;
        memmove(shape.d, shape.d + 1, (size_t)shape.rank * sizeof *shape.d);
    }
    shape.on_purpose = 0;
    const char *name = *leaf && *leaf != '[' ? arena_printf(&s->a, "%s.%s", param, leaf)
                                             : arena_printf(&s->a, "%s%s", param, leaf);
    s->in->build.origin = interp_origin(s->in, at);
    struct node *n =
        build_placeholder(&s->in->build, intern(s->in, name), input->dtype, &shape, NULL);
    n->spelling = what;
    root_push(s->in, V_TENSOR(n));
    return n;
}

/* Placeholders for the index and the rows. */
static void stand_in_rows(struct scan *s, struct traced_step *t) {
    struct shape scalar = shape_scalar();
    s->in->build.origin = interp_origin(s->in, s->over.at);
    t->index = build_placeholder(&s->in->build, intern(s->in, "index"), DTYPE_I32, &scalar, NULL);
    t->index->spelling = "the index of a step";
    root_push(s->in, V_TENSOR(t->index));
    t->row = arena_array(&s->a, struct node *, s->rows.list.n);
    t->row_input = arena_array(&s->a, struct node *, s->rows.list.n);
    for (int i = 0; i < s->rows.list.n; i++) {
        if (!s->input[i])
            continue;
        t->row_input[t->n_rows] = s->input[i];
        t->row[t->n_rows++] = stand_in(s, param_name(s, 1, "x"), s->rows.list.at[i].name,
                                       "of one step", s->over.at, s->input[i], true);
    }
}

/* What the step sees of row i: of a range, the number. */
static struct value row_value(struct scan *s, const struct traced_step *t, int i, int *next) {
    struct value v = s->rows.list.at[i].value;
    if (s->input[i])
        return V_TENSOR(t->row[(*next)++]);
    struct node *n = t->index;
    if (v.kind == VALUE_RANGE) {
        struct build *b = &s->in->build;
        b->origin = interp_origin(s->in, s->over.at);
        if (v.range->step != 1)
            n = build_2(b, OP_mul, n, build_scalar(b, DTYPE_I32, (double)v.range->step));
        if (v.range->first)
            n = build_2(b, OP_add, n, build_scalar(b, DTYPE_I32, (double)v.range->first));
    }
    return V_TENSOR(n);
}

static bool call_step(struct scan *s, const struct traced_step *t, const struct value *carry,
                      struct value *out) {
    struct value *row = arena_array(&s->a, struct value, s->rows.list.n);
    int next = 0;
    for (int i = 0; i < s->rows.list.n; i++)
        row[i] = row_value(s, t, i, &next);
    struct args call = {.n = 2,
                        .n_named = 0,
                        .scope = s->args->scope,
                        .call = s->args->call,
                        .site = s->args->site,
                        .word = s->step_word};
    call.at[0] =
        (struct arg){structure_fill(s->in, s->init.value, is_carry_leaf, carry), s->init.at};
    call.at[1] =
        (struct arg){structure_fill(s->in, s->over.value, scan_is_row_leaf, row), s->over.at};
    root_push(s->in, call.at[0].value);
    root_push(s->in, call.at[1].value);
    return call_value(s->in, s->step.value, &call, out);
}

static bool call_traced(struct scan *s, struct trace *t, const struct value *carry,
                        struct value *out) {
    struct interp *in = s->in;
    t->outer = in->trace;
    t->body = in->body;
    t->word = s->word;
    in->trace = t;
    bool ok = call_step(s, t->step, carry, out);
    in->trace = t->outer;
    return ok;
}

/* ---- dtypes of numbers that are carried */

/* One try: takes note of the dtypes that the step gives to numbers. Whether it came to new ones. */
static bool try_step(struct scan *s, struct traced_step *step, bool *known) {
    struct value *carry = arena_array(&s->a, struct value, step->n_carries), result;
    struct trace t = {.step = step};
    struct leaves results = {0};
    const char *what;
    bool found = false;
    for (int i = 0; i < step->n_carries; i++)
        carry[i] =
            s->is_number[i] && !known[i] ? s->carries.list.at[i].value : V_TENSOR(step->carry[i]);
    bool ok = call_traced(s, &t, carry, &result) &&
              structure_match(s->in, s->init.value, is_carry_leaf, result, &s->a, &results, &what);
    for (int i = 0; ok && i < step->n_carries; i++) {
        struct value v = results.list.at[i].value;
        if (!s->is_number[i] || known[i] || (v.kind != VALUE_TENSOR && v.kind != VALUE_ARRAY))
            continue;
        s->dtype[i] = v.kind == VALUE_TENSOR ? v.node->dtype : v.array->tensor->dtype;
        known[i] = found = true;
    }
    array_free(&t.draws);
    return found;
}

static struct node *carry_input(struct scan *s, int i) {
    struct node *n = NULL;
    to_node(s->in, s->carries.list.at[i].value, s->init.at,
            s->is_number[i] && s->dtype[i] != DTYPE_BOOL ? (int)s->dtype[i] : -1, &n);
    return n;
}

static bool stand_in_carries(struct scan *s, struct traced_step *t) {
    t->n_carries = s->carries.list.n;
    for (int i = 0; i < t->n_carries; i++) {
        if (!(t->carry_input[i] = carry_input(s, i)))
            return false;
        t->carry[i] = stand_in(s, param_name(s, 0, "carry"), s->carries.list.at[i].name, "carried",
                               s->init.at, t->carry_input[i], false);
    }
    return true;
}

/* The trial says nothing and reports nothing: what is wrong with the step is said when it is
 * traced. */
static bool settle_dtypes(struct scan *s, struct traced_step *t) {
    struct interp *in = s->in;
    bool *known = arena_array(&s->a, bool, s->carries.list.n), any = false;
    for (int i = 0; i < s->carries.list.n; i++)
        any |= s->is_number[i];
    if (!any)
        return true;
    struct diags silent = {.arena = &s->a, .sources = in->o.sources}, *diags = in->o.diags;
    bool quiet = in->o.quiet_prints, failed = in->failed;
    uint64_t n_failures = in->dry.n_failures;
    in->o.diags = in->build.diags = &silent;
    in->o.quiet_prints = true;
    for (bool more = true; more;) {
        more = try_step(s, t, known) && stand_in_carries(s, t);
        in->failed = failed;
        in->dry.n_failures = n_failures;
        in->flow = FLOW_NONE;
    }
    in->o.quiet_prints = quiet;
    in->o.diags = in->build.diags = diags;
    return stand_in_carries(s, t);
}

/* ---- what the step gave */

/* The expression that gives the step's result. */
static struct span result_span(const struct scan *s, const struct node *n) {
    struct value f = s->step.value;
    struct span call = s->args->call;
    const struct origin *o = n ? n->origin : NULL;
    if (o && o->caller && o->caller->span.source == call.source &&
        o->caller->span.offset == call.offset)
        return o->span;
    if (f.kind != VALUE_FUNCTION || f.function->library)
        return s->step.at;
    const struct ast *tree = f.function->tree;
    if (f.function->form != FUNCTION_PLAIN)
        return tree->span;
    const struct ast *body = tree->kids[1];
    bool block = body->kind == AST_BLOCK && body->n_kids;
    return block ? body->kids[body->n_kids - 1]->span : body->span;
}

static bool report_carry(struct scan *s, int i, const struct node *from, const struct node *to) {
    const char *name = s->carries.list.at[i].name;
    const char *was = scan_node_text(s, from), *is = scan_node_text(s, to);
    struct span at = result_span(s, to);
    struct diag *d =
        diag_error(s->in->o.diags, from->dtype != to->dtype ? E_DTYPE : E_SHAPE, at,
                   "what is carried must keep its type, but %s starts as %s and the step gives %s",
                   *name ? arena_printf(&s->a, "`%s`", name) : "it", was, is);
    diag_label(d, at, *name ? "%s: %s" : "%s%s", name, is);
    diag_note(d, s->init.at, "it starts here: %s", was);
    if (from->dtype != to->dtype)
        diag_help(d, "convert it: cast(.., %s)", dtype_name(from->dtype));
    else if (s->is_number[i] && to->shape.rank)
        diag_help(d, "start with that shape: zeros(%s)", is + strlen(dtype_name(to->dtype)));
    return interp_fail(s->in, d);
}

static bool check_result(struct scan *s, struct traced_step *t, struct value result) {
    struct leaves results = {0};
    const char *what;
    if (holds_unknown(s->in, result))
        return fail_silently(s->in);
    if (!structure_match(s->in, s->init.value, is_carry_leaf, result, &s->a, &results, &what)) {
        struct diag *d =
            diag_error(s->in->o.diags, E_WRONG_KIND,
                       result_span(s, result.kind == VALUE_TENSOR ? result.node : NULL),
                       "the step must give what it is given to carry, but %s", what);
        diag_note(d, s->init.at, "it starts here");
        return interp_fail(s->in, d);
    }
    for (int i = 0; i < t->n_carries; i++) {
        const struct node *from = t->carry[i];
        struct value v = results.list.at[i].value;
        struct node *n;
        if (!to_node(s->in, v, result_span(s, NULL),
                     scan_is_number(v) && from->dtype != DTYPE_BOOL ? (int)from->dtype : -1, &n))
            return false;
        bool fits = n->dtype == from->dtype && n->shape.rank == from->shape.rank;
        for (int k = 0; fits && k < n->shape.rank; k++)
            fits = dim_compare(s->in->o.symbols, n->shape.d[k], from->shape.d[k]) != DIM_DIFFER;
        if (!fits)
            return report_carry(s, i, from, n);
        t->result[i] = n;
    }
    return true;
}

/* ---- the whole */

static struct value results_of(struct scan *s, struct node *scan, bool stacked) {
    int n = s->carries.list.n;
    struct value *leaf = arena_array(&s->a, struct value, n);
    for (int i = 0; i < n; i++) {
        struct node *r = build_scan_result(&s->in->build, scan,
                                           stacked ? loop_stack(scan->loop, i) : loop_last(i));
        if (stacked) /* a carry of fewer axes has it last */
            r = scan_move_axis(s, r, s->axis_at < r->shape.rank ? s->axis_at : r->shape.rank - 1,
                               false);
        leaf[i] = V_TENSOR(r);
        root_push(s->in, leaf[i]);
    }
    return structure_fill(s->in, s->init.value, is_carry_leaf, leaf);
}

static bool run(struct scan *s, bool stacked, struct value *out) {
    struct interp *in = s->in;
    struct traced_step step = {0};
    struct trace t = {.step = &step};
    struct value result;
    struct node **inputs;
    if (!scan_take_rows(s) || !take_carries(s))
        return false;
    int n = s->carries.list.n;
    struct value *carry = arena_array(&s->a, struct value, n);
    step.carry = arena_array(&s->a, struct node *, n);
    step.carry_input = arena_array(&s->a, struct node *, n);
    step.result = arena_array(&s->a, struct node *, n);
    stand_in_rows(s, &step);
    if (!stand_in_carries(s, &step) || !settle_dtypes(s, &step))
        return false;
    for (int i = 0; i < n; i++) {
        carry[i] = V_TENSOR(step.carry[i]);
        if (stacked && step.carry[i]->shape.rank == MAX_RANK)
            return fail_at(in, E_SHAPE, s->init.at, "a stack of these would have more than %d axes",
                           MAX_RANK);
    }
    bool ok = call_traced(s, &t, carry, &result) && check_result(s, &step, result);
    if (ok) {
        struct loop_body *l = trace_make_loop(in, &t, &s->a, &inputs);
        in->build.origin = interp_origin(in, s->args->call);
        in->build.spelling = s->word;
        struct node *scan = build_scan(&in->build, l, inputs, s->length, s->reverse, s->remember);
        in->build.spelling = NULL;
        root_push(in, V_TENSOR(scan));
        if (t.draws.n)
            trace_note_draw(in, scan);
        *out = results_of(s, scan, stacked);
        root_push(in, *out);
    }
    array_free(&t.draws);
    return ok;
}

static bool take_settings(struct scan *s, const struct arg *remember, const struct arg *reverse) {
    struct interp *in = s->in;
    if (!is_callable(s->step.value)) {
        char text[128];
        describe_value(in, s->step.value, text, sizeof text);
        return fail_at(in, E_NOT_CALLABLE, s->step.at,
                       "the step of a %s is a function of what is carried and of a row, but this "
                       "is %s",
                       s->word, text);
    }
    if (!s->axis.at.source)
        s->axis.value = V_INT(0);
    if (s->axis.value.kind != VALUE_INT && s->axis.value.kind != VALUE_DIM)
        return fail_at(in, E_WRONG_KIND, s->axis.at, "`axis` must be an axis, not %s",
                       value_kind_words(s->axis.value.kind));
    if (remember->at.source && remember->value.kind != VALUE_NONE) {
        if (remember->value.kind != VALUE_INT || remember->value.i < 1)
            return fail_at(in, E_WRONG_KIND, remember->at,
                           "`remember` is a number of steps, at least 1: each that many steps the "
                           "carry is kept");
        s->remember = remember->value.i;
    }
    if (reverse->at.source) {
        if (reverse->value.kind != VALUE_BOOL)
            return fail_at(in, E_WRONG_KIND, reverse->at, "`reverse` must be true or false, not %s",
                           value_kind_words(reverse->value.kind));
        s->reverse = reverse->value.b;
    }
    return true;
}

static bool scan(struct interp *in, struct args *a, const char *word, bool stacked,
                 struct value *out) {
    static const char *const names[] = {"step", "over", "init", "axis", "remember", "reverse"};
    struct arg got[6];
    struct scan s = {.in = in,
                     .args = a,
                     .word = word,
                     .step_word = stacked ? "the step of a scan" : "the step of a fold"};
    if (!builtin_take(in, a, word, names, 6, got))
        return false;
    for (int i = 0; i < 3; i++)
        if (!got[i].at.source) {
            struct diag *d = diag_error(in->o.diags, E_MISSING_ARGUMENT, a->call,
                                        "%s needs an argument `%s`", word, names[i]);
            diag_help(d, "%s(fn (carry, x) -> .., over=xs, init=h0)", word);
            return interp_fail(in, d);
        }
    s.step = got[0], s.over = got[1], s.init = got[2], s.axis = got[3];
    bool ok = take_settings(&s, &got[4], &got[5]) && run(&s, stacked, out);
    arena_free(&s.a);
    return ok;
}

bool builtin_scan(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    (void)self;
    return scan(in, a, "scan", true, out);
}

bool builtin_fold(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    (void)self;
    return scan(in, a, "fold", false, out);
}
