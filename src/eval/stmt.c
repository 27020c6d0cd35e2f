/* Statements. A block's value is that of its last statement. */
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

static void poison(struct interp *in, struct scope *s, const char *name) {
    if (!scope_find_own(s, name))
        scope_set(&in->heap, s, name, V_POISON);
}

/* Inside of a statement that failed, what has a value keeps it. */
static void poison_inside(struct interp *in, struct scope *s, const struct ast *e) {
    if (!e)
        return;
    switch (e->kind) {
    case AST_BLOCK:
    case AST_IF:
    case AST_WHILE:
        for (int i = 0; i < e->n_kids; i++)
            poison_inside(in, s, e->kids[i]);
        break;
    case AST_FOR:
        if (e->kids[0]->kind == AST_NAME)
            poison(in, s, e->kids[0]->text);
        for (int i = 0; e->kids[0]->kind == AST_PARAMS && i < e->kids[0]->n_kids; i++)
            poison(in, s, e->kids[0]->kids[i]->text);
        poison_inside(in, s, e->kids[2]);
        break;
    case AST_ASSIGN:
        for (int i = 0; i < e->n_kids - 1; i++)
            if (e->kids[i]->kind == AST_NAME)
                poison(in, s, e->kids[i]->text);
        break;
    case AST_ROLE:
        poison(in, s, e->kids[0]->text);
        break;
    case AST_IMPORT:
        if (e->kids[0])
            poison(in, s, e->kids[0]->text);
        break;
    default:
        if (ast_binds_text(e))
            poison(in, s, e->text);
        break;
    }
}

void poison_targets(struct interp *in, struct scope *s, const struct ast *stmt) {
    if (in->o.dry) {
        in->dry.overlooked = true;
        dry_forget(in, s, stmt);
        return;
    }
    if (stmt->kind == AST_ASSIGN)
        for (int i = 0; i < stmt->n_kids - 1; i++)
            if (stmt->kids[i]->kind == AST_NAME)
                scope_set(&in->heap, s, stmt->kids[i]->text, V_POISON);
    if (stmt->kind == AST_ROLE)
        scope_set(&in->heap, s, stmt->kids[0]->text, V_POISON);
    poison_inside(in, s, stmt);
}

/* In the body of a function or a definition, whose result others go by. */
static bool is_inside(const struct interp *in) {
    return in->caller || in->body || in->in_library;
}

/* In the script's own blocks a broken statement does not keep later ones from being looked at; nor
 * anywhere one that only came upon something unknown. */
static bool goes_on_after(struct interp *in, struct scope *s, const struct ast *stmt, bool silent) {
    if (in->flow != FLOW_ERROR || in->stopped)
        return false;
    if (!silent && is_inside(in))
        return false;
    poison_targets(in, s, stmt);
    in->flow = FLOW_NONE;
    return true;
}

bool eval_block(struct interp *in, struct scope *s, const struct ast *block, struct value *out) {
    bool ok = true;
    *out = V_NONE;
    for (int i = 0; i < block->n_kids; i++) {
        int n_roots = in->roots.n;
        uint64_t n_failures = in->dry.n_failures;
        if (i)
            interp_collect_if_due(in);
        if (!eval_stmt(in, s, block->kids[i], out)) {
            bool silent = in->o.dry && in->dry.n_failures == n_failures;
            if (!goes_on_after(in, s, block->kids[i], silent))
                return false;
            ok = ok && silent;
            *out = V_UNKNOWN;
        }
        in->roots.n = n_roots;
    }
    if (ok)
        root_push(in, *out);
    else
        in->flow = FLOW_ERROR;
    return ok;
}

void assign_name(struct interp *in, struct scope *s, const struct ast *target, struct value v) {
    if (v.kind >= VALUE_TENSOR && v.kind != VALUE_STRING)
        name_value(in, v, path_join(in, target->text));
    bind_name(in, s, target->text, v, target->span);
}

static bool eval_assign(struct interp *in, struct scope *s, const struct ast *stmt,
                        struct value *out) {
    int n_targets = stmt->n_kids - 1;
    const struct ast *expr = stmt->kids[n_targets];
    if (n_targets == 1) {
        prefix_push(in, stmt->kids[0]->text);
        bool ok = eval_expr(in, s, expr, out);
        prefix_pop(in);
        if (ok)
            assign_name(in, s, stmt->kids[0], *out);
        return ok;
    }
    if (!eval_expr(in, s, expr, out))
        return false;
    if (is_missing(*out))
        return fail_silently(in);
    if (out->kind != VALUE_LIST)
        return fail_at(in, E_WRONG_KIND, expr->span, "%d names take a list apart, but this is %s",
                       n_targets, value_kind_words(out->kind));
    if (out->list->n != n_targets)
        return fail_at(in, E_WRONG_KIND, expr->span, "%d names for a list of %d elements",
                       n_targets, out->list->n);
    for (int i = 0; i < n_targets; i++)
        assign_name(in, s, stmt->kids[i], out->list->at[i]);
    return true;
}

/* What is bound is kept by the scope, and what is bound no longer by nobody: a loop over batches
 * holds one at a time. */
static bool bind_loop(struct interp *in, struct scope *s, const struct ast *target, struct value v,
                      struct span at, int n_roots) {
    in->roots.n = n_roots;
    if (target->kind == AST_NAME) {
        scope_set(&in->heap, s, target->text, v);
        return true;
    }
    for (int i = 0; i < target->n_kids && is_missing(v); i++)
        scope_set(&in->heap, s, target->kids[i]->text, v);
    if (is_missing(v))
        return true;
    if (v.kind != VALUE_LIST || v.list->n != target->n_kids)
        return fail_at(in, E_WRONG_KIND, at,
                       "%d names take lists of %d elements apart, but this is %s", target->n_kids,
                       target->n_kids, value_kind_words(v.kind));
    for (int i = 0; i < target->n_kids; i++)
        scope_set(&in->heap, s, target->kids[i]->text, v.list->at[i]);
    return true;
}

/* One round. *go_on: whether the loop continues. */
static bool loop_round(struct interp *in, struct scope *s, const struct ast *body, bool *go_on) {
    struct value ignored;
    in->loop->round++;
    int n_roots = in->roots.n;
    *go_on = true;
    if (interp_polled_stop(in, body->span))
        return false;
    interp_collect_if_due(in);
    bool ok = eval_block(in, s, body, &ignored);
    in->roots.n = n_roots;
    if (ok) {
        /* after an error a body of the script's is walked once, for its own errors */
        *go_on = !in->failed || is_inside(in);
        return true;
    }
    if (in->flow == FLOW_BREAK)
        *go_on = false;
    else if (in->flow != FLOW_CONTINUE)
        return false;
    in->flow = FLOW_NONE;
    return true;
}

int64_t range_length(const struct range *r) {
    __int128 span = (__int128)r->end - r->first, step = r->step;
    __int128 count =
        (step > 0) == (span > 0) && span != 0 ? (span + step + (step > 0 ? -1 : 1)) / step : 0;
    return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

static bool sequence_length(struct interp *in, struct value v, struct span at, int64_t *n) {
    switch (v.kind) {
    case VALUE_RANGE:
        *n = range_length(v.range);
        return true;
    case VALUE_LIST:
        *n = v.list->n;
        return true;
    case VALUE_RECORD:
        *n = v.record->n;
        return true;
    case VALUE_STRING:
        *n = (int64_t)v.string->n;
        return true;
    case VALUE_BATCHES:
        *n = batches_length(v.batches);
        return true;
    default:
        break;
    }
    struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, at, "`for` cannot go through %s",
                                value_kind_words(v.kind));
    if (v.kind == VALUE_INT)
        diag_help(d, "range(%lld) counts from 0", (long long)v.i);
    if (v.kind == VALUE_DATASET)
        diag_help(d, "go through its batches: for b in data.batches(100) { .. }");
    if (v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY)
        diag_help(d, "count through its first axis: for i in range(len(t)) { .. t[i] .. }");
    return interp_fail(in, d);
}

static bool sequence_element(struct interp *in, struct value v, int64_t first_epoch, int64_t i,
                             struct span at, struct value *out) {
    switch (v.kind) {
    case VALUE_RANGE:
        *out = V_INT(v.range->first + i * v.range->step);
        break;
    case VALUE_LIST:
        *out = i < v.list->n ? v.list->at[i] : V_NONE;
        break;
    case VALUE_RECORD:
        *out = value_string(&in->heap, v.record->name[i], strlen(v.record->name[i]));
        break;
    case VALUE_BATCHES:
        return batches_deal(in, v.batches, first_epoch, i, at, out);
    default:
        *out = value_string(&in->heap, v.string->text + i, 1);
        break;
    }
    return true;
}

static bool eval_for(struct interp *in, struct scope *s, const struct ast *stmt) {
    struct value over, element;
    struct loop_watch w;
    struct loop l;
    int64_t n = 0, first_epoch = 0;
    bool go_on = true, ok = true;
    struct span at = stmt->kids[1]->span;
    if (!eval_expr(in, s, stmt->kids[1], &over) ||
        (!is_missing(over) && !sequence_length(in, over, at, &n)))
        return false;
    root_push(in, over);
    loop_begin(in, s, stmt, &w);
    anew_enter(in, &l, stmt);
    if (is_missing(over))
        loop_is_open(&w);
    if (over.kind == VALUE_BATCHES)
        first_epoch = batches_begin(over.batches);
    int n_roots = in->roots.n;
    for (int64_t i = 0; ok && i < n && go_on && loop_goes_on(in, &w); i++)
        ok = sequence_element(in, over, first_epoch, i, at, &element) &&
             bind_loop(in, s, stmt->kids[0], element, at, n_roots) &&
             loop_round(in, s, stmt->kids[2], &go_on);
    return anew_leave(in, loop_end(in, &w, ok));
}

static bool eval_while(struct interp *in, struct scope *s, const struct ast *stmt) {
    bool go_on = true, ok = true;
    struct loop_watch w;
    struct loop l;
    loop_begin(in, s, stmt, &w);
    anew_enter(in, &l, stmt);
    while (ok && go_on && loop_goes_on(in, &w)) {
        struct value condition;
        enum truth truth = TRUTH_NO;
        int n_roots = in->roots.n;
        ok = eval_expr(in, s, stmt->kids[0], &condition) &&
             eval_condition(in, condition, stmt->kids[0]->span, &truth);
        in->roots.n = n_roots;
        if (truth == TRUTH_UNKNOWN)
            loop_is_open(&w);
        if (!ok || truth != TRUTH_YES)
            break;
        ok = loop_round(in, s, stmt->kids[1], &go_on);
    }
    return anew_leave(in, loop_end(in, &w, ok));
}

static bool eval_return(struct interp *in, struct scope *s, const struct ast *stmt) {
    struct value v = V_NONE;
    if (stmt->n_kids && stmt->kids[0] && !eval_expr(in, s, stmt->kids[0], &v))
        return false;
    in->returned = v;
    root_push(in, v);
    in->flow = FLOW_RETURN;
    return false;
}

static bool run_stmt(struct interp *in, struct scope *s, const struct ast *stmt,
                     struct value *out) {
    *out = V_NONE;
    switch (stmt->kind) {
    case AST_ASSIGN:
        return eval_assign(in, s, stmt, out);
    case AST_UPDATE:
        return eval_update(in, s, stmt);
    case AST_PLACEHOLDER:
        return eval_placeholder(in, s, stmt, out);
    case AST_VARIABLE:
        return eval_variable(in, s, stmt, out);
    case AST_LAYER_DEF:
    case AST_LOSS_DEF:
    case AST_METRIC_DEF:
    case AST_OPTIMIZER_DEF:
    case AST_TRANSFORM_DEF:
        return eval_definition(in, s, stmt, out);
    case AST_GRADIENT_DEF:
        return eval_gradient(in, s, stmt);
    case AST_IMPORT:
        return eval_import(in, s, stmt);
    case AST_ROLE:
        return eval_role(in, s, stmt, out);
    case AST_STATE:
        return eval_state(in, s, stmt);
    case AST_SETTING:
        return eval_setting(in, s, stmt, out);
    case AST_FOR:
        return eval_for(in, s, stmt);
    case AST_WHILE:
        return eval_while(in, s, stmt);
    case AST_BREAK:
        in->flow = FLOW_BREAK;
        return false;
    case AST_CONTINUE:
        in->flow = FLOW_CONTINUE;
        return false;
    case AST_RETURN:
        return eval_return(in, s, stmt);
    case AST_FN:
        if (!eval_expr(in, s, stmt, out))
            return false;
        if (stmt->text)
            bind_name(in, s, stmt->text, *out, stmt->name_at);
        return true;
    default:
        return eval_expr(in, s, stmt, out);
    }
}

bool eval_stmt(struct interp *in, struct scope *s, const struct ast *stmt, struct value *out) {
    if (!dry_may_go_on(in))
        return false;
    char *shown = settled_begin(in, s, stmt);
    double start = watch_begin(in);
    bool ok = run_stmt(in, s, stmt, out);
    watch_end(in, WATCHED_STATEMENT, stmt->span, start);
    settled_end(in, s, stmt, shown);
    return ok;
}
