/* Data sets that a script makes: of arrays and lists, and of other sets: parts of one, one in
 * another order, two side by side. What is made of others shares their storage.
 *
 * A name says how a set came about, and keys its shuffles: `toy.take(10)`, `toy.train`.
 *
 * Not for: maps (dataset_map.c), files (data/). */
#include <math.h>
#include <string.h>

#include "eval/interp.h"

/* ---- dataset({..}) */

/* Where a field is written, when the record is written in the call. */
static struct span field_span(const struct args *a, struct span whole, const char *name) {
    const struct ast *call = a->site;
    for (int i = 1; call && i < call->n_kids; i++) {
        const struct ast *e = call->kids[i];
        for (int k = 0; e->kind == AST_RECORD && k < e->n_kids; k++)
            if (e->kids[k]->kind == AST_FIELD && e->kids[k]->text == name)
                return e->kids[k]->kids[0]->span;
    }
    return whole;
}

static bool is_text(struct value v) {
    return v.kind == VALUE_STRING ||
           (v.kind == VALUE_LIST && v.list->n && v.list->at[0].kind == VALUE_STRING);
}

static bool refuse_values(struct interp *in, struct value v, const char *name, struct span at) {
    struct diag *d =
        diag_error(in->o.diags, E_WRONG_KIND, at,
                   "the field `%s` must be an array, a tensor or a list of numbers, "
                   "not %s",
                   name, v.kind == VALUE_LIST ? "a list of strings" : value_kind_words(v.kind));
    if (is_text(v))
        diag_help(d, "give each text a number, and keep the texts in a list");
    return interp_fail(in, d);
}

/* A field's values: a new reference. Of a dry run, without contents. */
static bool field_values(struct interp *in, struct value v, const char *name, struct span at,
                         struct tensor **out) {
    bool fits = v.kind == VALUE_LIST || v.kind == VALUE_ARRAY || v.kind == VALUE_TENSOR;
    if (!fits || is_text(v))
        return refuse_values(in, v, name, at);
    if (v.kind == VALUE_LIST)
        *out = list_tensor(in, v, at, -1);
    else if (!demand_one(in, v, at, out))
        return false;
    if (!*out)
        return false;
    if ((*out)->rank == 0 || (*out)->dim[0] > INT32_MAX) {
        bool scalar = (*out)->rank == 0;
        tensor_unref(*out);
        return scalar
                   ? fail_at(in, E_SHAPE, at,
                             "the field `%s` is one number: it needs one for each example", name)
                   : fail_at(in, E_OUT_OF_RANGE, at, "the field `%s` has too many examples", name);
    }
    if (in->o.dry && !(*out)->phantom) {
        struct tensor *known = *out;
        *out = tensor_new_phantom(known->dtype, known->rank, known->dim);
        tensor_unref(known);
    }
    return *out ? true : fail_at(in, E_MEMORY, at, "there is not enough memory for `%s`", name);
}

static bool add_fields(struct interp *in, struct dataset *d, const struct record *r,
                       const struct args *a, struct span whole) {
    for (int i = 0; i < r->n; i++) {
        struct span at = field_span(a, whole, r->name[i]);
        struct tensor *t;
        if (!field_values(in, r->at[i], r->name[i], at, &t))
            return false;
        if (i && t->dim[0] != d->length) {
            struct diag *e =
                diag_error(in->o.diags, E_SHAPE, at, "`%s` has %lld examples, but `%s` has %lld",
                           r->name[i], (long long)t->dim[0], r->name[0], (long long)d->length);
            tensor_unref(t);
            diag_help(e, "the first axis of every field counts the examples");
            return interp_fail(in, e);
        }
        dataset_add_field(d, r->name[i], t);
    }
    return true;
}

/* A set that is being made: what owns it is there first, so that nothing of it is lost. */
static struct dataset_object *new_set(struct interp *in, struct value *out) {
    *out = dataset_value(in, NULL);
    return out->dataset;
}

bool builtin_dataset(struct interp *in, const struct value *self, struct args *a,
                     struct value *out) {
    static const char *const names[] = {"fields", "name"};
    struct arg got[2];
    const char *name;
    (void)self;
    if (!builtin_take(in, a, "dataset", names, 2, got) ||
        !need_string(in, &got[1], "name", path_join(in, ""), &name))
        return false;
    struct value fields = got[0].value;
    if (!got[0].at.source || fields.kind != VALUE_RECORD || !fields.record->n) {
        struct diag *d =
            diag_error(in->o.diags, E_WRONG_KIND, got[0].at.source ? got[0].at : a->call,
                       "dataset takes a record of fields, with one value for each example");
        diag_help(d, "dataset({x: [[0, 1], [1, 1]], y: [0, 1]})");
        return interp_fail(in, d);
    }
    struct dataset_object *o = new_set(in, out);
    o->dataset = dataset_new(&o->arena, *name ? name : "dataset", in->o.seed);
    o->owner = true;
    return add_fields(in, o->dataset, fields.record, a, got[0].at);
}

/* ---- of other sets */

/* A set over the same storage, called `name` and, behind it, `more`: "toy" and ".take(10)". */
static struct dataset_object *derive(struct interp *in, const struct dataset_object *d,
                                     const char *name, const char *more, struct value *out) {
    struct arena scratch = {0};
    struct dataset_object *o = new_set(in, out);
    name = arena_printf(&scratch, "%s%s", name, more);
    o->dataset = dataset_copy(&o->arena, d->dataset, name);
    o->map = dataset_map_copy(&o->arena, d->map);
    o->owner = true;
    arena_free(&scratch);
    return o;
}

static bool report_memory(struct interp *in, struct span at) {
    return fail_at(in, E_MEMORY, at, "there is not enough memory for this data set");
}

static bool cut(struct interp *in, const struct value *self, struct args *a, bool take,
                struct value *out) {
    static const char *const names[] = {"n"};
    struct arg got;
    int64_t n, length = self->dataset->dataset->length;
    char more[40];
    const char *word = take ? "take" : "skip";
    if (!builtin_take(in, a, word, names, 1, &got) || !need_int(in, a, &got, "n", 0, 0, true, &n))
        return false;
    if (n > length)
        return fail_at(in, E_OUT_OF_RANGE, got.at, "the data set %s has %lld examples, not %lld",
                       self->dataset->dataset->name, (long long)length, (long long)n);
    snprintf(more, sizeof more, ".%s(%lld)", word, (long long)n);
    struct dataset_object *o = derive(in, self->dataset, self->dataset->dataset->name, more, out);
    bool ok = dataset_slice(o->dataset, take ? 0 : n, take ? n : length - n);
    return ok ? true : report_memory(in, a->call);
}

bool method_take(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    return cut(in, self, a, true, out);
}

bool method_skip(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    return cut(in, self, a, false, out);
}

static bool derive_shuffled(struct interp *in, const struct dataset_object *d, struct span at,
                            struct value *out) {
    struct dataset_object *o = derive(in, d, d->dataset->name, ".shuffle", out);
    in->heap.since_bytes += (size_t)d->dataset->length * sizeof(int32_t);
    return dataset_shuffle(o->dataset) ? true : report_memory(in, at);
}

bool method_shuffle(struct interp *in, const struct value *self, struct args *a,
                    struct value *out) {
    if (a->n || a->n_named)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->call,
                       "shuffle takes no arguments: the order is settled by the seed");
    return derive_shuffled(in, self->dataset, a->call, out);
}

bool method_zip(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"other"};
    struct arg got;
    const struct dataset_object *d = self->dataset, *e;
    if (!builtin_take(in, a, "zip", names, 1, &got))
        return false;
    if (!got.at.source || got.value.kind != VALUE_DATASET)
        return fail_at(in, E_WRONG_KIND, got.at.source ? got.at : a->call,
                       "zip takes another data set");
    e = got.value.dataset;
    if (d->dataset->length != e->dataset->length)
        return fail_at(in, E_SHAPE, got.at, "the data set %s has %lld examples, but %s has %lld",
                       d->dataset->name, (long long)d->dataset->length, e->dataset->name,
                       (long long)e->dataset->length);
    for (int i = 0; i < dataset_n_fields(e); i++)
        for (int k = 0; k < dataset_n_fields(d); k++) {
            const char *name = dataset_field_name(e, i);
            if (strcmp(name, dataset_field_name(d, k)))
                continue;
            struct diag *x = diag_error(in->o.diags, E_DUPLICATE_NAME, got.at,
                                        "both data sets have a field `%s`", name);
            diag_help(x, "rename it in one of them: other.map(fn (b) -> {%s_2: b.%s})", name, name);
            return interp_fail(in, x);
        }
    struct dataset_object *o = derive(in, d, d->dataset->name, ".zip", out);
    dataset_join(o->dataset, e->dataset);
    o->map = dataset_map_join(in, &o->arena, d, e, a->call);
    return true;
}

/* ---- split */

/* How a set is cut: ends[i] is where part i ends. */
struct cuts {
    struct arena arena;
    int n;
    const char **name; /* [n], or NULL: a list */
    struct value *part;
    int64_t *end;
};

static bool refuse_parts(struct interp *in, struct span at) {
    struct diag *d =
        diag_error(in->o.diags, E_WRONG_KIND, at,
                   "split takes shares, such as 0.8 or [0.8, 0.1, 0.1], or counts, such "
                   "as [100, 20]");
    diag_help(d, "with names: {train: 0.8, test: 0.2}");
    return interp_fail(in, d);
}

/* A single number is a part, and what is left another. */
static bool list_parts(struct interp *in, struct value v, struct span at, struct cuts *c) {
    bool one = value_is_number(v);
    if (!one && v.kind != VALUE_LIST && v.kind != VALUE_RECORD)
        return refuse_parts(in, at);
    c->n = one ? 2 : v.kind == VALUE_LIST ? v.list->n : v.record->n;
    c->part = arena_array(&c->arena, struct value, c->n);
    c->end = arena_array(&c->arena, int64_t, c->n);
    c->name = v.kind == VALUE_RECORD ? v.record->name : NULL;
    for (int i = 0; !one && i < c->n; i++)
        c->part[i] = v.kind == VALUE_LIST ? v.list->at[i] : v.record->at[i];
    if (one)
        c->part[0] = v, c->part[1] = V_NONE;
    bool fits = c->n > 0;
    for (int i = 0; fits && i < c->n - one; i++)
        fits = value_is_number(c->part[i]) && c->part[i].kind == c->part[0].kind;
    return fits ? true : refuse_parts(in, at);
}

/* Shares are rounded where they end, so that parts of the whole are the whole. */
static bool place_shares(struct interp *in, int64_t length, struct span at, struct cuts *c) {
    static const double SLACK = 1e-9; /* 0.8 + 0.1 + 0.1 is not 1 */
    double sum = 0;
    for (int i = 0; i < c->n; i++) {
        double share = c->part[i].kind == VALUE_NONE ? 1 - sum : c->part[i].f;
        if (!(share > 0) || !(share <= 1))
            return fail_at(in, E_OUT_OF_RANGE, at, "a share is between 0 and 1, not %g", share);
        sum += share;
        if (sum > 1 + SLACK)
            return fail_at(in, E_OUT_OF_RANGE, at, "the shares add up to more than 1");
        c->end[i] = sum > 1 - SLACK ? length : (int64_t)floor(sum * (double)length + 0.5);
    }
    return true;
}

static bool place_counts(struct interp *in, int64_t length, struct span at, struct cuts *c) {
    int64_t sum = 0;
    for (int i = 0; i < c->n; i++) {
        int64_t count = c->part[i].kind == VALUE_NONE ? length - sum : c->part[i].i;
        if (count < 0 || count > length - sum)
            return count < 0
                       ? fail_at(in, E_OUT_OF_RANGE, at, "a part cannot have %lld examples",
                                 (long long)count)
                       : fail_at(in, E_OUT_OF_RANGE, at,
                                 "the parts are to have more examples than the %lld that there "
                                 "are",
                                 (long long)length);
        c->end[i] = sum += count;
    }
    return true;
}

static bool place_parts(struct interp *in, int64_t length, struct span at, struct cuts *c) {
    if (c->part[0].kind == VALUE_INT ? !place_counts(in, length, at, c)
                                     : !place_shares(in, length, at, c))
        return false;
    for (int i = 0; i < c->n; i++)
        if (c->end[i] == (i ? c->end[i - 1] : 0))
            return fail_at(in, E_OUT_OF_RANGE, at,
                           "part %d of %d would have none of the %lld examples", i + 1, c->n,
                           (long long)length);
    return true;
}

/* The parts of `from`, called after the set `name`. */
static bool make_parts(struct interp *in, const struct dataset_object *from, const char *name,
                       struct span at, const struct cuts *c, struct value *out) {
    *out = c->name ? value_record(&in->heap) : value_list(&in->heap, 0);
    root_push(in, *out);
    for (int i = 0; i < c->n; i++) {
        char more[MAX_PATH];
        struct value part;
        int64_t first = i ? c->end[i - 1] : 0;
        if (c->name)
            snprintf(more, sizeof more, ".%s", c->name[i]);
        else
            snprintf(more, sizeof more, ".split[%d]", i);
        struct dataset_object *o = derive(in, from, name, more, &part);
        if (!dataset_slice(o->dataset, first, c->end[i] - first))
            return report_memory(in, at);
        if (c->name)
            record_set(&in->heap, out->record, c->name[i], part);
        else
            list_append(&in->heap, out->list, part);
    }
    return true;
}

bool method_split(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"parts", "shuffle"};
    struct arg got[2];
    bool shuffle;
    struct value from = *self;
    struct cuts c = {0};
    if (!builtin_take(in, a, "split", names, 2, got) ||
        !need_bool(in, &got[1], "shuffle", true, &shuffle))
        return false;
    if (!got[0].at.source)
        return refuse_parts(in, a->call);
    bool ok = list_parts(in, got[0].value, got[0].at, &c) &&
              place_parts(in, self->dataset->dataset->length, got[0].at, &c) &&
              (!shuffle || derive_shuffled(in, self->dataset, a->call, &from)) &&
              make_parts(in, from.dataset, self->dataset->dataset->name, a->call, &c, out);
    arena_free(&c.arena);
    return ok;
}

/* ---- placeholders */

bool method_placeholders(struct interp *in, const struct value *self, struct args *a,
                         struct value *out) {
    const struct dataset_object *d = self->dataset;
    if (a->n || a->n_named)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->call, "placeholders takes no arguments");
    *out = value_record(&in->heap);
    root_push(in, *out);
    for (int i = 0; i < dataset_n_fields(d); i++) {
        const char *name = intern(in, dataset_field_name(d, i));
        struct node *n =
            dataset_placeholder(in, name, dataset_dtype(d, i), dataset_shape(d, i), a->call);
        record_set(&in->heap, out->record, name, V_TENSOR(n));
    }
    return true;
}
