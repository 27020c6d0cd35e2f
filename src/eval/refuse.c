/* Reports in the words of the script: fail and assert, and what a definition needs to refuse its
 * arguments as an op refuses operands: they are underlined where the caller wrote them, help quotes
 * them, sizes are compared as ops compare them.
 *
 * Not for: what the signature of a definition refuses (define.c). */
#include <ctype.h>
#include <string.h>

#include "eval/interp.h"

static bool is_library(const struct interp *in, struct span at) {
    return in->o.sources->at[at.source].library;
}

/* The argument for which the name of a parameter stands at `at`, in the text of the user; where it
 * does not come from there, as far out as it comes from. The call that it is given in, or NULL. */
static const struct origin *find_argument(const struct interp *in, struct span *at) {
    const struct origin *call = in->caller;
    if (!source_find_argument(in->o.sources, call, at))
        return NULL;
    while (is_library(in, *at) && source_find_argument(in->o.sources, call->caller, at))
        call = call->caller;
    return call;
}

static void label_value(struct interp *in, struct diag *d, struct value v, struct span at) {
    char text[SHAPE_TEXT + 256];
    const struct origin *users = source_users_frame(in->o.sources, in->caller);
    uint32_t source = users ? users->span.source : at.source;
    if (v.kind == VALUE_TENSOR)
        build_describe(&in->build, v.node, -1, source, text, sizeof text);
    else
        describe_value(in, v, text, sizeof text);
    diag_label(d, at, "%s", text);
}

/* The report of a call whose arguments are underlined: it begins at the leftmost of them that the
 * user wrote. */
static bool fail_of_arguments(struct interp *in, const struct args *a, const char *help) {
    const struct origin *call =
        a->n > 1 ? source_users_frame(in->o.sources, in->caller) : NULL;
    struct diag *d = diag_error(in->o.diags, E_FAILED, call ? call->span : a->call, "%s",
                                a->at[0].value.string->text);
    struct span first = {0};
    for (int i = 1; i < a->n; i++) {
        struct span at = a->at[i].at;
        const struct origin *given = find_argument(in, &at);
        if (!given)
            continue;
        label_value(in, d, a->at[i].value, at);
        if (is_library(in, at))
            call = given;
        else if (!first.source || (at.source == first.source && at.offset < first.offset))
            first = at;
    }
    if (help)
        diag_help(d, "%s", help);
    interp_fail(in, NULL);
    diag_trail(d, call ? call : interp_origin(in, a->call));
    if (first.source)
        d->at = first;
    return false;
}

bool builtin_fail(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    const char *help = NULL;
    (void)self, (void)out;
    if (!a->n || a->at[0].value.kind != VALUE_STRING)
        return fail_at(in, E_WRONG_KIND, a->call, "fail takes a message");
    for (int i = 0; i < a->n_named; i++) {
        struct arg given = {a->named[i].value, a->named[i].at};
        if (strcmp(a->named[i].name, "help"))
            return fail_at(in, E_UNKNOWN_ARGUMENT, a->named[i].name_at,
                           "fail takes no argument `%s`", a->named[i].name);
        if (!need_string(in, &given, "help", NULL, &help))
            return false;
    }
    return dry_is_certain(in) ? fail_of_arguments(in, a, help) : fail_silently(in);
}

bool builtin_assert(struct interp *in, const struct value *self, struct args *a,
                    struct value *out) {
    static const char *const names[] = {"condition", "message"};
    struct arg got[2];
    enum truth truth;
    const char *message;
    (void)self;
    *out = V_NONE;
    if (!builtin_take(in, a, "assert", names, 2, got) ||
        !need_string(in, &got[1], "message", NULL, &message))
        return false;
    if (!got[0].at.source)
        return fail_at(in, E_MISSING_ARGUMENT, a->call, "assert needs a condition");
    if (!eval_condition(in, got[0].value, got[0].at, &truth))
        return false;
    return truth != TRUTH_NO || !dry_is_certain(in)
               ? true
               : fail_at(in, E_FAILED, got[0].at, "%s", message ? message : "this does not hold");
}

bool text_is_simple(const char *text, uint32_t n) {
    bool simple = n > 0 && (isalpha((unsigned char)*text) || *text == '_');
    int depth = 0;
    for (uint32_t k = 0; simple && k < n; k++) {
        char c = text[k];
        depth += (c == '(' || c == '[') - (c == ')' || c == ']');
        simple = c != '\n' && (depth > 0 || isalnum((unsigned char)c) || strchr("_.)]", c));
    }
    return simple;
}

bool builtin_written(struct interp *in, const struct value *self, struct args *a,
                     struct value *out) {
    enum { LONGEST = 48 };
    struct arg x;
    (void)self;
    if (!builtin_take_x(in, a, "written", &x))
        return false;
    struct span at = x.at, own = x.at;
    if (!find_argument(in, &at) || is_library(in, at) || at.length > LONGEST ||
        !text_is_simple(source_text(in->o.sources, at), at.length))
        at = own;
    *out = value_string(&in->heap, source_text(in->o.sources, at), at.length);
    root_push(in, *out);
    return true;
}

/* Sizes, or lists of them. */
static bool may_equal(struct interp *in, struct value a, struct span at_a, struct value b,
                      struct span at_b, bool *equal) {
    struct dim x, y;
    if (a.kind == VALUE_LIST && b.kind == VALUE_LIST) {
        *equal = a.list->n == b.list->n;
        for (int i = 0; *equal && i < a.list->n; i++)
            if (!may_equal(in, a.list->at[i], at_a, b.list->at[i], at_b, equal))
                return false;
        return true;
    }
    if (!to_dim(in, a, at_a, &x) || !to_dim(in, b, at_b, &y))
        return false;
    *equal = dim_compare(in->o.symbols, x, y) != DIM_DIFFER;
    return true;
}

bool builtin_may_equal(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    static const char *const names[] = {"a", "b"};
    struct arg got[2];
    bool equal;
    (void)self;
    if (!builtin_take(in, a, "may_equal", names, 2, got))
        return false;
    for (int i = 0; i < 2; i++)
        if (!got[i].at.source)
            return fail_at(in, E_MISSING_ARGUMENT, a->call, "may_equal compares two sizes");
    if (holds_unknown(in, got[0].value) || holds_unknown(in, got[1].value)) {
        *out = V_UNKNOWN;
        return true;
    }
    if (!may_equal(in, got[0].value, got[0].at, got[1].value, got[1].at, &equal))
        return false;
    *out = V_BOOL(equal);
    return true;
}
