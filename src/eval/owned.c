/* Which variables belong to what: vars(pattern) by their paths, layer.variables by the instance
 * that made them, and the other fields of a layer. Lists are in the order of making. */
#include <string.h>

#include "eval/interp.h"

/* ---- by path */

/* `*` stands for any text, a `/` too; `?` for one character. */
static bool matches(const char *pattern, const char *text) {
    const char *star = NULL, *again = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            again = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++, text++;
        } else if (star) {
            pattern = star + 1;
            text = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static const char *first_component(struct arena *a, const char *path) {
    return arena_strndup(a, path, strcspn(path, "/"));
}

/* The nearest path; when the pattern's beginning is what no path has, the pattern with another. */
static void help_path(struct interp *in, struct diag *d, const char *pattern) {
    struct arena scratch = {0};
    ARRAY(const char *) firsts = {0}, paths = {0};
    const char *own = first_component(&scratch, pattern);
    for (int i = 0; i < in->variables.n; i++) {
        if (in->variables.at[i]->state)
            continue;
        const char *path = in->variables.at[i]->path, *first = first_component(&scratch, path);
        array_push(&scratch, &firsts, first);
        array_push(&scratch, &paths, path);
    }
    const char *near = nearest_name(pattern, paths.at, paths.n);
    const char *first =
        strcspn(own, "*?") == strlen(own) ? nearest_name(own, firsts.at, firsts.n) : NULL;
    if (near)
        diag_help(d, "did you mean \"%s\"?", near);
    else if (first && strcmp(first, own))
        diag_help(d, "did you mean \"%s%s\"?", first, pattern + strlen(own));
    else if (first)
        for (int i = 0, n = 0; i < paths.n && n < 4; i++)
            if (!strcmp(firsts.at[i], first))
                diag_note(d, in->variables.at[i]->declared, "there is \"%s\"", paths.at[i]), n++;
    arena_free(&scratch);
}

bool builtin_vars(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    (void)self;
    if (a->n != 1 || a->n_named || a->at[0].value.kind != VALUE_STRING)
        return fail_at(in, E_WRONG_KIND, a->call, "vars takes a path: vars(\"encoder/*\")");
    const char *pattern = a->at[0].value.string->text;
    interp_collect(in); /* what is listed must not depend on when the last collection was */
    *out = value_list(&in->heap, 0);
    root_push(in, *out);
    for (int i = 0; i < in->variables.n; i++) {
        const struct variable *v = in->variables.at[i];
        if (!v->state && matches(pattern, v->path))
            list_append(&in->heap, out->list, V_TENSOR(v->node));
    }
    if (out->list->n)
        return true;
    struct diag *d = diag_error(in->o.diags, E_UNKNOWN_NAME, a->at[0].at,
                                "no variable is called \"%s\"", pattern);
    help_path(in, d, pattern);
    return interp_fail(in, d);
}

/* ---- by owner */

struct ownership {
    struct arena arena;
    ARRAY(const struct instance *) seen;
    ARRAY(const struct node *) variables;
    int n_applied;
};

static void own_value(struct ownership *o, struct value v);

static void own_instance(struct ownership *o, const struct instance *i) {
    for (int k = 0; k < o->seen.n; k++)
        if (o->seen.at[k] == i)
            return;
    array_push(&o->arena, &o->seen, i);
    o->n_applied += i->applied;
    for (int k = 0; k < i->variables->cap; k++)
        if (i->variables->name[k])
            array_push(&o->arena, &o->variables, i->variables->at[k].node);
    for (int k = 0; k < i->n_children; k++)
        own_instance(o, i->children[k].instance);
    for (int k = 0; k < i->settings->cap; k++)
        if (i->settings->name[k])
            own_value(o, i->settings->at[k]);
}

/* Functions are not looked into: what they close over may be anybody's. */
static void own_value(struct ownership *o, struct value v) {
    if (v.kind == VALUE_INSTANCE)
        own_instance(o, v.instance);
    for (int i = 0; v.kind == VALUE_CHAIN && i < v.chain->n; i++)
        own_value(o, v.chain->at[i]);
    for (int i = 0; v.kind == VALUE_LIST && i < v.list->n; i++)
        own_value(o, v.list->at[i]);
    for (int i = 0; v.kind == VALUE_RECORD && i < v.record->n; i++)
        own_value(o, v.record->at[i]);
}

static bool variables_field(struct interp *in, struct value v, const struct ast *e,
                            struct value *out) {
    struct ownership o = {0};
    own_value(&o, v);
    bool none_yet = o.seen.n && !o.n_applied;
    *out = value_list(&in->heap, 0);
    root_push(in, *out);
    for (int i = 0; i < in->variables.n; i++)
        for (int k = 0; k < o.variables.n; k++)
            if (o.variables.at[k] == in->variables.at[i]->node) {
                list_append(&in->heap, out->list, V_TENSOR(in->variables.at[i]->node));
                break;
            }
    arena_free(&o.arena);
    if (!none_yet)
        return true;
    struct diag *d = diag_error(in->o.diags, E_UNKNOWN_FIELD, e->name_at,
                                "there are no variables yet: a layer makes them when it is first "
                                "applied");
    diag_help(d, "apply it first: y = x |> layer");
    return interp_fail(in, d);
}

bool layer_field(struct interp *in, struct value v, const struct ast *e, struct value *out) {
    bool optimizer = is_optimizer(v);
    if (v.kind == VALUE_INSTANCE) {
        const struct value *own = scope_find_own(v.instance->settings, e->text);
        if (!own)
            own = scope_find_own(v.instance->variables, e->text);
        if (own) {
            *out = *own;
            root_push(in, *out);
            return true;
        }
    }
    if (!optimizer && !strcmp(e->text, "variables"))
        return variables_field(in, v, e, out);
    if (builtin_method(in, v, e->text, out)) {
        root_push(in, *out);
        return true;
    }
    const char *names[64];
    int n = 0;
    names[n++] = optimizer ? "minimize" : "variables";
    if (v.kind == VALUE_INSTANCE) {
        const struct scope *scopes[2] = {v.instance->settings, v.instance->variables};
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < scopes[k]->cap && n < 64; i++)
                if (scopes[k]->name[i])
                    names[n++] = scopes[k]->name[i];
    }
    return report_unknown_field(in, v, e, names, n);
}
