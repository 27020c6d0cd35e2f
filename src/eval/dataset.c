/* Data sets as values: their fields, and the batches that are dealt from them. What stands behind
 * one is a set of data/dataset.h, or such a set and a map that its batches go through.
 *
 * A loop through `.batches` begins a new epoch of the set's cursor and moves it along, so that the
 * one number still says all that a checkpoint needs. Loops inside of each other go through epochs
 * of their own each.
 *
 * Not for: making sets (dataset_make.c), what a map is (dataset_map.c). */
#include <string.h>

#include "eval/interp.h"

struct value dataset_value(struct interp *in, struct dataset *d) {
    struct dataset_object *o = heap_new(&in->heap, VALUE_DATASET, sizeof *o);
    o->dataset = d, o->owner = d != NULL;
    root_push(in, V_OBJECT(VALUE_DATASET, o));
    return V_OBJECT(VALUE_DATASET, o);
}

/* ---- fields */

int dataset_n_fields(const struct dataset_object *d) {
    return d->map ? d->map->n_out : d->dataset->n_fields;
}

const char *dataset_field_name(const struct dataset_object *d, int i) {
    return d->map ? d->map->name[i] : d->dataset->fields[i].name;
}

enum dtype dataset_dtype(const struct dataset_object *d, int i) {
    return d->map ? d->map->out[i]->dtype : dataset_field_dtype(d->dataset, i);
}

struct shape dataset_shape(const struct dataset_object *d, int i) {
    if (!d->map)
        return dataset_field_shape(d->dataset, i);
    struct shape s = d->map->out[i]->shape;
    s.d[0] = dim_const(d->dataset->length);
    return s;
}

static int find_field(const struct dataset_object *d, const char *name) {
    for (int i = 0; i < dataset_n_fields(d); i++)
        if (!strcmp(dataset_field_name(d, i), name))
            return i;
    return -1;
}

static bool whole_field(struct interp *in, struct dataset_object *d, int i, struct span at,
                        struct value *out) {
    struct tensor *t = NULL;
    if (d->map) {
        if (!dataset_map_whole(in, d, i, at, &t))
            return false;
    } else if ((t = dataset_field_values(d->dataset, i))) {
        t = tensor_view(t, t->rank, t->dim);
    }
    if (!t)
        return fail_at(in, E_MEMORY, at, "there is not enough memory for the whole field `%s`",
                       dataset_field_name(d, i));
    *out = value_array(&in->heap, t);
    root_push(in, *out);
    return true;
}

static struct value list_of_names(struct interp *in, const char *const *names, int n) {
    struct value list = value_list(&in->heap, n);
    root_push(in, list);
    for (int i = 0; i < n; i++)
        list.list->at[i] = value_string(&in->heap, names[i], strlen(names[i]));
    return list;
}

static struct value field_names(struct interp *in, const struct dataset_object *d) {
    struct value list = value_list(&in->heap, dataset_n_fields(d));
    root_push(in, list);
    for (int i = 0; i < list.list->n; i++) {
        const char *name = dataset_field_name(d, i);
        list.list->at[i] = value_string(&in->heap, name, strlen(name));
    }
    return list;
}

/* The stored field that field i shows as it is, or NULL. */
static const struct field *stored_field(const struct dataset_object *d, int i) {
    if (!d->map)
        return &d->dataset->fields[i];
    for (int k = 0; k < d->map->n_in; k++)
        if (d->map->out[i] == d->map->in[k])
            return &d->dataset->fields[k];
    return NULL;
}

const struct categories *dataset_categories(const struct dataset_object *d, const char *name) {
    int i = find_field(d, name);
    const struct field *f = i < 0 ? NULL : stored_field(d, i);
    return f ? f->categories : NULL;
}

static struct value categories(struct interp *in, const struct dataset_object *d) {
    struct value record = value_record(&in->heap);
    root_push(in, record);
    for (int i = 0; i < dataset_n_fields(d); i++) {
        const struct field *f = stored_field(d, i);
        if (f && f->categories)
            record_set(&in->heap, record.record, intern(in, dataset_field_name(d, i)),
                       list_of_names(in, f->categories->name, f->categories->n));
    }
    return record;
}

enum found dataset_field(struct interp *in, struct dataset_object *d, const char *name,
                         struct span at, struct value *out) {
    int i = find_field(d, name);
    if (i >= 0)
        return whole_field(in, d, i, at, out) ? FOUND : FOUND_FAILED;
    if (!strcmp(name, "length"))
        *out = V_INT(d->dataset->length);
    else if (!strcmp(name, "fields"))
        *out = field_names(in, d);
    else if (!strcmp(name, "name"))
        *out = in->o.dry ? V_UNKNOWN
                         : value_string(&in->heap, d->dataset->name, strlen(d->dataset->name));
    else if (!strcmp(name, "categories"))
        *out = categories(in, d);
    else
        return FOUND_NONE;
    root_push(in, *out);
    return FOUND;
}

bool dataset_index(struct interp *in, struct dataset_object *d, struct value name, struct span at,
                   struct value *out) {
    const char *names[64];
    int n = 0;
    if (name.kind != VALUE_STRING) {
        struct diag *e =
            diag_error(in->o.diags, E_WRONG_KIND, at, "a data set is indexed by a field's name");
        diag_help(e, "examples are taken by .take(n), .skip(n), .next_batch(n) and .batches(n)");
        return interp_fail(in, e);
    }
    int i = find_field(d, name.string->text);
    if (i >= 0)
        return whole_field(in, d, i, at, out);
    struct diag *e =
        diag_error(in->o.diags, E_UNKNOWN_FIELD, at, "the data set %s has no field `%s`",
                   d->dataset->name, name.string->text);
    for (; n < dataset_n_fields(d) && n < 64; n++)
        names[n] = dataset_field_name(d, n);
    const char *near = nearest_name(name.string->text, names, n);
    if (near)
        diag_help(e, "did you mean \"%s\"?", near);
    return interp_fail(in, e);
}

/* ---- batches */

/* The tensors of a batch of the set below, taken over, as a record of what the set deals. */
static bool batch_record(struct interp *in, struct dataset_object *d, struct tensor **batch,
                         int64_t position, struct span at, struct value *out) {
    int n_below = d->dataset->n_fields, n = dataset_n_fields(d);
    char few[256] = {0};
    struct arena scratch = ARENA_ON(few);
    struct tensor **dealt = d->map ? arena_array(&scratch, struct tensor *, n) : batch;
    bool ok = !d->map || dataset_map_batch(in, d, batch, position, at, dealt);
    for (int i = 0; d->map && i < n_below; i++)
        tensor_unref(batch[i]);
    if (ok) {
        *out = value_record(&in->heap);
        root_push(in, *out);
    }
    for (int i = 0; ok && i < n; i++)
        record_set(&in->heap, out->record, intern(in, dataset_field_name(d, i)),
                   value_array(&in->heap, dealt[i]));
    arena_free(&scratch);
    return ok;
}

static bool report_memory(struct interp *in, struct span at) {
    return fail_at(in, E_MEMORY, at, "there is not enough memory for this batch");
}

bool method_next_batch(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    static const char *const names[] = {"n"};
    struct dataset_object *d = self->dataset;
    struct arg got;
    int64_t n, position = d->dataset->dealt;
    if (!builtin_take(in, a, "next_batch", names, 1, &got) ||
        !need_int(in, a, &got, "n", INT64_MIN, 0, true, &n))
        return false;
    if (in->failed)
        return fail_silently(in);
    if (n < 1 || n > d->dataset->length)
        return fail_at(in, E_OUT_OF_RANGE, got.at,
                       "a batch of %lld cannot be drawn from %lld examples", (long long)n,
                       (long long)d->dataset->length);
    char few[256] = {0};
    struct arena scratch = ARENA_ON(few);
    struct tensor **batch = arena_array(&scratch, struct tensor *, d->dataset->n_fields);
    double start = watch_begin(in);
    bool ok = dataset_next_batch(d->dataset, n, batch)
                  ? batch_record(in, d, batch, position, a->call, out)
                  : report_memory(in, a->call);
    watch_end(in, WATCHED_DATA, a->call, start);
    arena_free(&scratch);
    return ok;
}

bool method_batches(struct interp *in, const struct value *self, struct args *a,
                    struct value *out) {
    static const char *const names[] = {"n", "epochs", "shuffle", "partial"};
    struct arg got[4];
    int64_t n, n_epochs, length = self->dataset->dataset->length;
    bool shuffle, partial;
    if (!builtin_take(in, a, "batches", names, 4, got) ||
        !need_int(in, a, &got[0], "n", 1, 0, true, &n) ||
        !need_int(in, a, &got[1], "epochs", 0, 1, false, &n_epochs) ||
        !need_bool(in, &got[2], "shuffle", true, &shuffle) ||
        !need_bool(in, &got[3], "partial", true, &partial))
        return false;
    if (!length)
        return fail_at(in, E_OUT_OF_RANGE, a->call,
                       "the data set %s has no examples to make batches of",
                       self->dataset->dataset->name);
    if (!partial && n > length)
        return fail_at(in, E_OUT_OF_RANGE, got[0].at,
                       "there is no batch of %lld in %lld examples, and partial=false leaves out "
                       "the smaller one",
                       (long long)n, (long long)length);
    struct batches *b = heap_new(&in->heap, VALUE_BATCHES, sizeof *b);
    b->set = self->dataset, b->n = n < length ? n : length;
    b->n_per_epoch = (length + (partial ? b->n - 1 : 0)) / b->n;
    b->n_epochs = n_epochs, b->shuffle = shuffle;
    if (n_epochs > INT64_MAX / length)
        return fail_at(in, E_OUT_OF_RANGE, got[1].at, "so many epochs cannot be counted");
    *out = V_OBJECT(VALUE_BATCHES, b);
    root_push(in, *out);
    return true;
}

int64_t batches_length(const struct batches *b) { return b->n_epochs * b->n_per_epoch; }

int64_t batches_begin(const struct batches *b) {
    const struct dataset *d = b->set->dataset;
    return d->dealt / d->length + (d->dealt % d->length != 0);
}

bool batches_deal(struct interp *in, const struct batches *b, int64_t first_epoch, int64_t i,
                  struct span at, struct value *out) {
    struct dataset *d = b->set->dataset;
    int64_t epoch = first_epoch + i / b->n_per_epoch, first = i % b->n_per_epoch * b->n;
    int64_t n = b->n < d->length - first ? b->n : d->length - first;
    if (epoch > (INT64_MAX - d->length) / d->length)
        return fail_at(in, E_OUT_OF_RANGE, at, "so many epochs cannot be counted");
    int64_t position = epoch * d->length + first;
    if (in->failed)
        return fail_silently(in);
    char few[256] = {0};
    struct arena scratch = ARENA_ON(few);
    struct tensor **batch = arena_array(&scratch, struct tensor *, d->n_fields);
    double start = watch_begin(in);
    bool ok = dataset_deal(d, epoch, first, n, b->shuffle, batch)
                  ? batch_record(in, b->set, batch, position, at, out)
                  : report_memory(in, at);
    watch_end(in, WATCHED_DATA, at, start);
    if (ok && d->dealt < position + n)
        d->dealt = position + n;
    arena_free(&scratch);
    return ok;
}
