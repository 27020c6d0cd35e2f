/* Calling: the one place that knows what can be called. */
#include <string.h>

#include "eval/interp.h"

bool is_callable(struct value v) {
    switch (v.kind) {
    case VALUE_OP:
    case VALUE_BUILTIN:
    case VALUE_FUNCTION:
    case VALUE_DEFINITION:
    case VALUE_INSTANCE:
    case VALUE_CHAIN:
    case VALUE_METHOD:
    case VALUE_DTYPE:
    case VALUE_UNKNOWN:
        return true;
    default:
        return false;
    }
}

static bool call_hole(struct interp *in, struct function *f, struct args *a, struct value *out) {
    if (a->n != 1 || a->n_named)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->call, "this is a function of one argument");
    struct scope *s = f->scope;
    if (f->form == FUNCTION_FIRST) {
        struct value callee;
        return eval_expr(in, s, f->tree->kids[0], &callee) &&
               call_first(in, s, f->tree, callee, a->at[0], out);
    }
    s = scope_new(&in->heap, f->scope);
    root_push(in, V_OBJECT(VALUE_LIST, s));
    scope_set(&in->heap, s, in->s_hole, a->at[0].value);
    return eval_expr_inside(in, s, f->tree, out);
}

bool end_body(struct interp *in, bool ok, const struct ast *body, struct value *out) {
    if (ok || in->flow == FLOW_ERROR || in->flow == FLOW_NONE)
        return ok;
    if (in->flow != FLOW_RETURN)
        return fail_at(in, E_MISPLACED, body->span, "`%s` outside of a loop",
                       in->flow == FLOW_BREAK ? "break" : "continue");
    *out = in->returned;
    in->flow = FLOW_NONE;
    return true;
}

/* Arguments are bound in the caller's name, the body is run in the function's. */
static bool run_function(struct interp *in, struct function *f, struct args *a,
                         const struct origin *caller, struct value *out) {
    struct scope *s = scope_new(&in->heap, f->scope);
    root_push(in, V_OBJECT(VALUE_LIST, s));
    const struct ast *body = f->tree->kids[1];
    const struct origin *inside = in->caller;
    struct custom_call custom;
    f->called = true;
    in->caller = caller; /* a wrong argument is the caller's line */
    bool ok = bind_params(in, f->tree->kids[0], s, a, a->word) &&
              bind_types(in, f->tree->kids[0], s, a, a->word);
    in->caller = inside;
    in->in_library = f->library;
    if (ok && f->gradient && custom_is_known(in, f, s, out))
        return true;
    if (ok && f->gradient)
        ok = custom_begin(in, f, s, &custom);
    if (ok)
        ok = body->kind == AST_BLOCK ? eval_block(in, s, body, out) : eval_expr(in, s, body, out);
    ok = end_body(in, ok, body, out);
    return ok && (!f->gradient || custom_end(in, f, &custom, a->call, out));
}

bool call_function(struct interp *in, struct function *f, struct args *a, struct value *out) {
    if (interp_stack_is_deep(in))
        return fail_at(in, E_TOO_MANY_CALLS, a->call,
                       "calls are nested too deeply: does `%s` ever stop calling itself?", a->word);
    if (in->dry.uncertain > MAX_UNCERTAIN) { /* whether it stops calling itself only a run knows */
        *out = V_UNKNOWN;
        return true;
    }
    const struct origin *caller = in->caller;
    bool library = in->in_library;
    int n_roots = in->roots.n;
    struct dry outside = dry_enter(in);
    bool plain = f->form == FUNCTION_PLAIN;
    if (plain && (f->library || !library)) {
        struct origin *call = interp_origin(in, a->call);
        note_given(in, f->tree->kids[0], a, call);
        in->caller = call;
    }
    bool ok = plain ? run_function(in, f, a, caller, out) : call_hole(in, f, a, out);
    dry_leave(in, &outside, out);
    in->caller = caller;
    in->in_library = library;
    in->roots.n = n_roots;
    if (ok)
        root_push(in, *out);
    return ok;
}

/* float(x), int(x): a host number converts, a tensor is cast. */
static bool call_dtype(struct interp *in, enum dtype t, struct args *a, struct value *out) {
    if (a->n != 1 || a->n_named)
        return fail_at(in, E_MISSING_ARGUMENT, a->call, "%s(x) converts one value", dtype_name(t));
    struct value v = a->at[0].value;
    if (v.kind == VALUE_BOOL)
        v = V_INT(v.b);
    if (value_is_number(v)) {
        double x = value_number(v);
        if (dtype_is_float(t))
            *out = V_FLOAT(x);
        else if (t == DTYPE_BOOL)
            *out = V_BOOL(x != 0);
        else if (v.kind == VALUE_INT)
            *out = v;
        else if (x != x || x >= 0x1p63 || x < -0x1p63)
            return fail_at(in, E_OUT_OF_RANGE, a->at[0].at, "%g is no whole number of 64 bits", x);
        else
            *out = V_INT((int64_t)x);
        return true;
    }
    struct node *n;
    /* a list is made with that dtype: going through float would lose digits */
    if (!to_node(in, v, a->at[0].at, v.kind == VALUE_LIST ? (int)t : -1, &n))
        return false;
    struct attr to = {.kind = ATTR_DTYPE, .dtype = t};
    in->build.origin = interp_origin(in, a->call);
    n = n->dtype == t ? n : build_op(&in->build, OP_cast, &n, 1, &to, &a->at[0].at, NULL);
    if (!n)
        return interp_fail(in, NULL);
    *out = V_TENSOR(n);
    root_push(in, *out);
    return true;
}

bool call_value(struct interp *in, struct value f, struct args *a, struct value *out) {
    *out = V_NONE;
    if (dry_call_is_unknown(in, f, a)) {
        *out = V_UNKNOWN;
        return true;
    }
    switch (f.kind) {
    case VALUE_OP:
        return call_op(in, f.op, a, out);
    case VALUE_BUILTIN:
        return f.builtin->call(in, NULL, a, out);
    case VALUE_METHOD:
        return f.method->builtin->call(in, &f.method->self, a, out);
    case VALUE_FUNCTION:
        return call_function(in, f.function, a, out);
    case VALUE_DEFINITION:
        return call_definition(in, f.definition, a, out);
    case VALUE_INSTANCE:
        return apply_instance(in, f.instance, a, out);
    case VALUE_CHAIN:
        return call_chain(in, f.chain, a, out);
    case VALUE_DTYPE:
        return call_dtype(in, f.dtype, a, out);
    default:
        break;
    }
    struct span at = a->site && a->site->kind == AST_CALL ? a->site->kids[0]->span : a->call;
    char text[128];
    describe_value(in, f, text, sizeof text);
    struct diag *d =
        diag_error(in->o.diags, E_NOT_CALLABLE, at, "this is %s, which cannot be called", text);
    if (a->site && a->site->kind == AST_CALL && a->site->kids[0]->kind == AST_NAME)
        note_hiding(in, d, a->site->kids[0]->text);
    return interp_fail(in, d);
}

bool call_with_one(struct interp *in, struct value callee, struct value x, struct span at_x,
                   struct span at_callee, const struct ast *site, struct value *out) {
    struct args a = {.n = 1, .n_named = 0, .call = at_callee, .site = site, .word = "the function"};
    a.at[0] = (struct arg){x, at_x};
    if (site->kind == AST_NAME || site->kind == AST_GET)
        a.word = site->text;
    else if (site->kind == AST_CALL && site->kids[0]->kind == AST_NAME)
        a.word = site->kids[0]->text;
    return call_value(in, callee, &a, out);
}
