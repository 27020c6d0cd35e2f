/* How data flows: `x |> f(a)`, `f >> g(a)`, and `_`, the hole that makes a function of a call or
 * an operator. */
#include <string.h>

#include "eval/interp.h"

static bool cannot_flow(struct interp *in, struct value v, const struct ast *right,
                        const char *word) {
    char text[128];
    describe_value(in, v, text, sizeof text);
    struct diag *d =
        diag_error(in->o.diags, E_NOT_CALLABLE, right->span,
                   "`%s` needs a function or a layer on its right, but this is %s", word, text);
    return interp_fail(in, d);
}

/* Does the callee take the flowing value as its first argument? A loss or metric without settings is
 * a function too. */
static bool takes_first(struct value f) {
    if (f.kind == VALUE_DEFINITION) {
        const struct ast *tree = f.definition->tree;
        bool measures = tree->kind == AST_LOSS_DEF || tree->kind == AST_METRIC_DEF;
        return measures && !tree->kids[0]->n_kids;
    }
    return f.kind == VALUE_FUNCTION || f.kind == VALUE_OP || f.kind == VALUE_BUILTIN ||
           f.kind == VALUE_DTYPE;
}

bool call_first(struct interp *in, struct scope *s, const struct ast *call, struct value f,
                struct arg x, struct value *out) {
    struct args a;
    if (!eval_args(in, s, call, &a))
        return false;
    if (a.n == MAX_ARGS)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, call->span, "more than %d arguments in one call",
                       MAX_ARGS);
    memmove(a.at + 1, a.at, (size_t)a.n * sizeof *a.at);
    a.at[0] = x;
    a.n++;
    a.piped = true;
    return call_value(in, f, &a, out);
}

bool eval_pipe(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    const struct ast *left = e->kids[0], *right = e->kids[1];
    struct value x, f, applied;
    if (!eval_expr(in, s, left, &x))
        return false;
    root_push(in, x);
    if (right->kind == AST_CALL && !right->has_hole) {
        struct args a;
        if (!eval_expr(in, s, right->kids[0], &f))
            return false;
        if (takes_first(f))
            return call_first(in, s, right, f, (struct arg){x, left->span}, out);
        if (!eval_args(in, s, right, &a))
            return false;
        bool ok = f.kind == VALUE_DEFINITION ? make_instance(in, f.definition, &a, &applied)
                                             : call_value(in, f, &a, &applied);
        if (!ok)
            return false;
    } else {
        if (!eval_expr(in, s, right, &applied))
            return false;
        if (applied.kind == VALUE_DEFINITION) {
            struct args none = {.n = 0,
                                .n_named = 0,
                                .call = right->span,
                                .site = right,
                                .word = right->text ? right->text : "it"};
            if (!make_instance(in, applied.definition, &none, &applied))
                return false;
        }
    }
    if (!is_callable(applied))
        return cannot_flow(in, applied, right, "|>");
    root_push(in, applied);
    return call_with_one(in, applied, x, left->span, right->span, right, out);
}

/* One element of a chain. f(a, b) of a function becomes the function that puts its argument first;
 * a layer definition becomes an instance, made once, here. */
static bool flow_element(struct interp *in, struct scope *s, const struct ast *e, const char *word,
                         struct value *out) {
    struct value f;
    if (e->kind == AST_CALL && !e->has_hole) {
        struct args a;
        if (!eval_expr(in, s, e->kids[0], &f))
            return false;
        if (takes_first(f))
            return make_function(in, s, e, FUNCTION_FIRST, out);
        if (!eval_args(in, s, e, &a))
            return false;
        bool ok = f.kind == VALUE_DEFINITION ? make_instance(in, f.definition, &a, out)
                                             : call_value(in, f, &a, out);
        if (!ok)
            return false;
    } else {
        if (!eval_expr(in, s, e, out))
            return false;
        if (out->kind == VALUE_DEFINITION) {
            struct args none = {
                .n = 0, .n_named = 0, .call = e->span, .site = e, .word = e->text ? e->text : "it"};
            if (!make_instance(in, out->definition, &none, out))
                return false;
        }
    }
    return is_callable(*out) ? true : cannot_flow(in, *out, e, word);
}

static void chain_add(struct interp *in, struct list *all, struct value v) {
    if (v.kind != VALUE_CHAIN) {
        list_append(&in->heap, all, v);
        return;
    }
    for (int i = 0; i < v.chain->n; i++)
        list_append(&in->heap, all, v.chain->at[i]);
}

bool eval_compose(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value left, right, all = value_list(&in->heap, 0);
    root_push(in, all);
    if (!(e->kids[0]->kind == AST_COMPOSE ? eval_compose(in, s, e->kids[0], &left)
                                          : flow_element(in, s, e->kids[0], ">>", &left)))
        return false;
    root_push(in, left);
    if (!flow_element(in, s, e->kids[1], ">>", &right))
        return false;
    chain_add(in, all.list, left);
    chain_add(in, all.list, right);
    *out = value_chain(&in->heap, all.list);
    root_push(in, *out);
    return true;
}

bool call_chain(struct interp *in, struct chain *c, struct args *a, struct value *out) {
    for (int i = 0; i < c->n; i++) {
        struct args next = {.n = 1,
                            .n_named = 0,
                            .call = a->call,
                            .site = a->site,
                            .word = a->word,
                            .scope = a->scope};
        if (i)
            next.at[0] = (struct arg){*out, a->n ? a->at[0].at : a->call};
        if (!call_value(in, c->at[i], i ? &next : a, out))
            return false;
        root_push(in, *out);
    }
    return true;
}
