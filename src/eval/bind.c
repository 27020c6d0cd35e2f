/* Arguments: evaluating those of a call, and binding them to the parameters of a function or
 * definition. */
#include <stdio.h>
#include <string.h>

#include "eval/interp.h"

static bool too_many(struct interp *in, struct span at) {
    return fail_at(in, E_TOO_MANY_ARGUMENTS, at, "more than %d arguments in one call", MAX_ARGS);
}

bool eval_args(struct interp *in, struct scope *s, const struct ast *call, struct args *a) {
    a->n = a->n_named = 0;
    a->piped = false;
    a->call = call->span;
    a->site = call;
    a->scope = s;
    const struct ast *f = call->kids[0];
    a->word = f->kind == AST_NAME || f->kind == AST_GET ? f->text : "the function";
    for (int i = 1; i < call->n_kids; i++) {
        const struct ast *e = call->kids[i];
        struct value v;
        if (e->kind == AST_KWARG) {
            if (!eval_expr(in, s, e->kids[0], &v))
                return false;
            for (int k = 0; k < a->n_named; k++)
                if (a->named[k].name == e->text)
                    return fail_at(in, E_DUPLICATE_ARGUMENT, e->name_at, "`%s` is given twice",
                                   e->text);
            if (a->n_named == MAX_ARGS)
                return too_many(in, e->span);
            a->named[a->n_named++] = (struct named_arg){e->text, v, e->kids[0]->span, e->name_at};
        } else {
            if (!eval_expr(in, s, e, &v))
                return false;
            if (a->n == MAX_ARGS)
                return too_many(in, e->span);
            a->at[a->n++] = (struct arg){v, e->span};
        }
    }
    return true;
}

void note_given(struct interp *in, const struct ast *params, const struct args *a,
                struct origin *call) {
    int n = a->n + a->n_named;
    if (!n || a->n > params->n_kids)
        return;
    if (call->n_given != n) /* one call may be of one function now, of another later */
        call->given = arena_array(&in->arena, struct given, n), call->n_given = n;
    struct given *given = call->given;
    for (int i = 0; i < n; i++) {
        const struct named_arg *named = i < a->n ? NULL : &a->named[i - a->n];
        given[i] = named ? (struct given){named->name, named->at}
                         : (struct given){params->kids[i]->text, a->at[i].at};
    }
}

static const struct ast *find_param(const struct ast *params, const char *name, int *index) {
    for (int i = 0; i < params->n_kids; i++)
        if (params->kids[i]->text == name) {
            *index = i;
            return params->kids[i];
        }
    return NULL;
}

/* How the callee is declared, when that fits a line: "f(a, b=1)". */
static void help_signature(struct interp *in, struct diag *d, const struct ast *params,
                           const char *callee) {
    enum { LONGEST = 160 };
    const struct ast *first = params->n_kids ? params->kids[0] : NULL;
    const struct ast *last = params->n_kids ? params->kids[params->n_kids - 1] : NULL;
    if (!first || first->span.source != last->span.source)
        return;
    uint32_t n = last->span.offset + last->span.length - first->span.offset;
    const char *text = source_text(in->o.sources, first->span);
    if (n <= LONGEST && !memchr(text, '\n', n)) {
        diag_help(d, "%s(%.*s)", callee, (int)n, text);
        return;
    }
    char names[160] = ""; /* without the defaults it may fit */
    for (int i = 0, used = 0; i < params->n_kids; i++) {
        used += snprintf(names + used, sizeof names - (size_t)used, "%s%s", i ? ", " : "",
                         params->kids[i]->text);
        if (used >= (int)sizeof names)
            return;
    }
    diag_help(d, "%s takes %s", callee, names);
}

static bool unknown_argument(struct interp *in, const struct ast *params, const struct named_arg *n,
                             const char *callee) {
    const char *names[MAX_ARGS * 2];
    int n_names = 0;
    for (int i = 0; i < params->n_kids && n_names < MAX_ARGS * 2; i++)
        names[n_names++] = params->kids[i]->text;
    struct diag *d = diag_error(in->o.diags, E_UNKNOWN_ARGUMENT, n->name_at,
                                "%s takes no argument `%s`", callee, n->name);
    const char *near = nearest_name(n->name, names, n_names);
    if (near)
        diag_help(d, "did you mean `%s`?", near);
    else
        help_signature(in, d, params, callee);
    return interp_fail(in, d);
}

static bool named_before(const struct ast *params, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (params->kids[i]->text == name)
            return true;
    return false;
}

bool check_params(struct interp *in, const struct ast *params, const struct ast *more) {
    const struct ast *lists[] = {params, more};
    for (int l = 0; l < 2 && lists[l]; l++)
        for (int i = 0; i < lists[l]->n_kids; i++) {
            const struct ast *p = lists[l]->kids[i];
            if (!named_before(lists[l], i, p->text) &&
                !(l == 1 && named_before(params, params->n_kids, p->text)))
                continue;
            return fail_at(in, E_DUPLICATE_NAME, p->name_at.source ? p->name_at : p->span,
                           "two parameters are called `%s`", p->text);
        }
    return true;
}

static bool is_given(const struct args *a, int k, const char *name) {
    for (int i = 0; i < a->n_named; i++)
        if (a->named[i].name == name)
            return true;
    return k < a->n;
}

bool bind_given(struct interp *in, const struct ast *params, struct scope *into, struct args *a,
                const char *callee) {
    if (params->n_kids > MAX_ARGS * 2)
        return too_many(in, params->span);
    if (a->n > params->n_kids) {
        struct diag *d = diag_error(in->o.diags, E_TOO_MANY_ARGUMENTS, a->at[params->n_kids].at,
                                    "%s takes %d argument%s, but %d are given", callee,
                                    params->n_kids, params->n_kids == 1 ? "" : "s", a->n);
        if (a->piped && a->n == params->n_kids + 1)
            diag_help(d, "x |> %s(..) is %s(x, ..); what %s(..) gives is applied with %s(..)(x)",
                      callee, callee, callee, callee);
        return interp_fail(in, d);
    }
    for (int i = 0; i < a->n; i++)
        scope_set(&in->heap, into, params->kids[i]->text, a->at[i].value);
    for (int i = 0; i < a->n_named; i++) {
        int index;
        if (!find_param(params, a->named[i].name, &index))
            return unknown_argument(in, params, &a->named[i], callee);
        if (index < a->n)
            return fail_at(in, E_DUPLICATE_ARGUMENT, a->named[i].name_at, "`%s` is given twice",
                           a->named[i].name);
        scope_set(&in->heap, into, a->named[i].name, a->named[i].value);
    }
    for (int i = 0; i < params->n_kids; i++) {
        const struct ast *p = params->kids[i];
        if (p->kids[1] || is_given(a, i, p->text))
            continue;
        struct diag *d = diag_error(in->o.diags, E_MISSING_ARGUMENT, a->call,
                                    "%s needs an argument `%s`", callee, p->text);
        help_signature(in, d, params, callee);
        return interp_fail(in, d);
    }
    return true;
}

bool bind_defaults(struct interp *in, const struct ast *params, struct scope *into,
                   const struct args *a) {
    for (int i = 0; i < params->n_kids; i++) {
        const struct ast *p = params->kids[i];
        struct value v;
        if (is_given(a, i, p->text))
            continue;
        if (!eval_expr(in, into, p->kids[1], &v))
            return false;
        scope_set(&in->heap, into, p->text, v);
    }
    return true;
}

bool bind_params(struct interp *in, const struct ast *params, struct scope *into, struct args *a,
                 const char *callee) {
    return bind_given(in, params, into, a, callee) && bind_defaults(in, params, into, a);
}
