/* clone(layer): another instance of the same definition with the same settings, whose variables are
 * its own. Layers among the settings, and in chains, lists and records, are cloned too, and what was
 * one layer in two places is one in the clone. Settings that were left to their defaults are left to
 * them again: a default may depend on a setting that is changed.
 *
 * Functions are what they are: a layer that a function closes over stays shared. */
#include "eval/interp.h"

struct cloning {
    struct interp *in;
    const struct args *call; /* the call of clone */
    struct arena arena;
    ARRAY(struct pair {
        const struct instance *from;
        struct value to;
    })
    made;
};

static bool clone_value(struct cloning *c, struct value v, struct value *out);

static bool is_changed(const struct args *changes, const char *name) {
    for (int i = 0; i < changes->n_named; i++)
        if (changes->named[i].name == name)
            return true;
    return false;
}

/* changes: settings by name, as arguments. */
static bool clone_instance(struct cloning *c, const struct instance *from,
                           const struct args *changes, struct value *out) {
    const struct ast *settings = from->definition->tree->kids[0];
    struct args a = *changes;
    for (int i = 0; i < c->made.n; i++)
        if (c->made.at[i].from == from) {
            *out = c->made.at[i].to;
            return true;
        }
    a.n = 0;
    for (int k = 0; k < settings->n_kids; k++) {
        const char *name = settings->kids[k]->text;
        struct span at = c->call->at[0].at;
        struct value v;
        if (!(from->given >> k & 1) || is_changed(changes, name))
            continue;
        if (!clone_value(c, *scope_find_own(from->settings, name), &v))
            return false;
        if (a.n_named == MAX_ARGS)
            return fail_at(c->in, E_TOO_MANY_ARGUMENTS, a.call, "more than %d arguments in one call",
                           MAX_ARGS);
        a.named[a.n_named++] = (struct named_arg){name, v, at, at};
    }
    if (!make_instance(c->in, from->definition, &a, out))
        return false;
    array_push(&c->arena, &c->made, ((struct pair){from, *out}));
    return true;
}

static bool clone_all(struct cloning *c, const struct value *from, int n, struct value *to) {
    for (int i = 0; i < n; i++)
        if (!clone_value(c, from[i], &to[i]))
            return false;
    return true;
}

static bool clone_value(struct cloning *c, struct value v, struct value *out) {
    struct heap *heap = &c->in->heap;
    struct args unchanged = *c->call;
    unchanged.n_named = 0;
    switch (v.kind) {
    case VALUE_INSTANCE:
        return clone_instance(c, v.instance, &unchanged, out);
    case VALUE_CHAIN:
        *out = value_list(heap, v.chain->n);
        root_push(c->in, *out);
        if (!clone_all(c, v.chain->at, v.chain->n, out->list->at))
            return false;
        *out = value_chain(heap, out->list);
        root_push(c->in, *out);
        return true;
    case VALUE_LIST:
        *out = value_list(heap, v.list->n);
        root_push(c->in, *out);
        return clone_all(c, v.list->at, v.list->n, out->list->at);
    case VALUE_RECORD:
        *out = value_record(heap);
        root_push(c->in, *out);
        for (int i = 0; i < v.record->n; i++) {
            struct value field;
            if (!clone_value(c, v.record->at[i], &field))
                return false;
            record_set(heap, out->record, v.record->name[i], field);
        }
        return true;
    default:
        *out = v;
        return true;
    }
}

bool builtin_clone(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    (void)self;
    struct cloning c = {.in = in, .call = a};
    struct value v = a->n ? a->at[0].value : V_NONE;
    bool holds = v.kind == VALUE_CHAIN || v.kind == VALUE_LIST || v.kind == VALUE_RECORD;
    if (a->n == 1 && is_missing(v)) {
        *out = v;
        return true;
    }
    if (a->n != 1 || (v.kind != VALUE_INSTANCE && !holds && !is_callable(v)))
        return fail_at(in, E_WRONG_KIND, a->n ? a->at[0].at : a->call,
                       "clone takes a layer, and settings that are to be others: "
                       "clone(layer, name=value)");
    if (a->n_named && v.kind != VALUE_INSTANCE)
        return fail_at(in, E_UNKNOWN_ARGUMENT, a->named[0].name_at,
                       "a setting can be changed in the clone of one layer, but this is %s",
                       value_kind_words(v.kind));
    bool ok = v.kind == VALUE_INSTANCE ? clone_instance(&c, v.instance, a, out)
                                       : clone_value(&c, v, out);
    arena_free(&c.arena);
    return ok;
}
