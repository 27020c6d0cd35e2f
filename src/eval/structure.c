/* Records and lists, nested, taken as one: what a scan carries and goes over. */
#include <stdio.h>
#include <string.h>

#include "eval/interp.h"

static bool is_container(struct value v) { return v.kind == VALUE_RECORD || v.kind == VALUE_LIST; }

static int n_elements(struct value v) { return v.kind == VALUE_RECORD ? v.record->n : v.list->n; }

static struct value element(struct value v, int i) {
    return v.kind == VALUE_RECORD ? v.record->at[i] : v.list->at[i];
}

static const char *element_name(struct arena *a, const char *outer, struct value v, int i) {
    if (v.kind == VALUE_LIST)
        return arena_printf(a, "%s[%d]", outer, i);
    return arena_printf(a, *outer ? "%s.%s" : "%s%s", outer, v.record->name[i]);
}

static void flatten(struct value v, bool (*is_leaf)(struct value v), const char *name,
                    struct arena *a, struct leaves *out) {
    if (!is_container(v) || is_leaf(v)) {
        array_push(a, &out->list, (struct leaf){v, name});
        return;
    }
    for (int i = 0; i < n_elements(v); i++)
        flatten(element(v, i), is_leaf, element_name(a, name, v, i), a, out);
}

void structure_flatten(struct value v, bool (*is_leaf)(struct value v), struct arena *a,
                       struct leaves *out) {
    flatten(v, is_leaf, "", a, out);
}

static struct value fill(struct interp *in, struct value form, bool (*is_leaf)(struct value v),
                         const struct value **next) {
    if (!is_container(form) || is_leaf(form))
        return *(*next)++;
    struct value made =
        form.kind == VALUE_LIST ? value_list(&in->heap, form.list->n) : value_record(&in->heap);
    root_push(in, made);
    for (int i = 0; i < n_elements(form); i++) {
        struct value v = fill(in, element(form, i), is_leaf, next);
        if (form.kind == VALUE_LIST)
            made.list->at[i] = v;
        else
            record_set(&in->heap, made.record, form.record->name[i], v);
    }
    return made;
}

struct value structure_fill(struct interp *in, struct value form, bool (*is_leaf)(struct value v),
                            const struct value *leaf) {
    return fill(in, form, is_leaf, &leaf);
}

/* "a record {h, c}", "a list of 2", "a number". */
static const char *form_words(struct interp *in, struct arena *a, struct value v) {
    if (v.kind == VALUE_LIST)
        return arena_printf(a, "a list of %d", v.list->n);
    if (v.kind == VALUE_RECORD) {
        const char *text = "";
        for (int i = 0; i < v.record->n; i++)
            text = arena_printf(a, i ? "%s, %s" : "%s%s", text, v.record->name[i]);
        return arena_printf(a, "a record {%s}", text);
    }
    char words[160];
    describe_value(in, v, words, sizeof words);
    return arena_printf(a, "%s", words);
}

static bool differ(struct interp *in, struct arena *a, struct value form, struct value v,
                   const char *name, const char **what) {
    *what =
        arena_printf(a, "%s is %s, and it gives %s", *name ? arena_printf(a, "`%s`", name) : "init",
                     form_words(in, a, form), form_words(in, a, v));
    return false;
}

/* Field by field: the order of a record's fields says nothing. */
static bool match(struct interp *in, struct value form, bool (*is_leaf)(struct value v),
                  struct value v, const char *name, struct arena *a, struct leaves *out,
                  const char **what) {
    if (!is_container(form) || is_leaf(form)) {
        if (is_container(v) && !is_leaf(v))
            return differ(in, a, form, v, name, what);
        array_push(a, &out->list, (struct leaf){v, name});
        return true;
    }
    if (v.kind != form.kind || n_elements(v) != n_elements(form))
        return differ(in, a, form, v, name, what);
    for (int i = 0; i < n_elements(form); i++) {
        const struct value *own =
            v.kind == VALUE_LIST ? &v.list->at[i] : record_get(v.record, form.record->name[i]);
        if (!own)
            return differ(in, a, form, v, name, what);
        if (!match(in, element(form, i), is_leaf, *own, element_name(a, name, form, i), a, out,
                   what))
            return false;
    }
    return true;
}

bool structure_match(struct interp *in, struct value form, bool (*is_leaf)(struct value v),
                     struct value v, struct arena *a, struct leaves *out, const char **what) {
    return match(in, form, is_leaf, v, "", a, out, what);
}
