/* data.map(f): a set whose batches go through a function. f is called once, with a record of
 * placeholders [batch, ..] for the fields; what it gives is kept as part of the graph, and is
 * evaluated with each batch fed. A map of a map is one map: the second function is called with what
 * the first gave.
 *
 * Draws of a map are keyed by where in the dealing the batch stands, so that each batch has its
 * own and a cursor that is put back deals the same again.
 *
 * Not for: dealing (dataset.c). */
#include <string.h>

#include "eval/interp.h"

/* ---- what the function is given, and must not ask the value of */

static bool is_given(const struct mapping *m, const struct node *n) {
    for (; m; m = m->outer)
        for (int i = 0; i < m->n_given; i++)
            if (m->given[i] == n)
                return true;
    return false;
}

bool mapping_refuses_demand(struct interp *in, struct node *const *nodes, int n, struct span at) {
    if (!in->mapping)
        return false;
    struct arena scratch = {0};
    struct node_list order = graph_order(in->o.graph, &scratch, nodes, n, NULL, NULL);
    bool found = false;
    for (int i = 0; i < order.n && !found; i++)
        found = is_given(in->mapping, order.at[i]);
    arena_free(&scratch);
    if (!found)
        return false;
    struct diag *d = diag_error(in->o.diags, E_MISPLACED, at,
                                "this value is not known here: the function of a map is called "
                                "once, before any batch is dealt");
    diag_help(d, "choose between tensors with where(condition, a, b)");
    interp_fail(in, d);
    return true;
}

struct node *dataset_placeholder(struct interp *in, const char *name, enum dtype t,
                                 struct shape shape, struct span at) {
    char what[MAX_PATH];
    shape.d[0] = dim_named(in->o.symbols, intern(in, "batch"), at);
    in->build.origin = interp_origin(in, at);
    struct node *n = build_placeholder(&in->build, intern(in, name), t, &shape, NULL);
    snprintf(what, sizeof what, "field `%s`", name);
    n->spelling = intern(in, what);
    root_push(in, V_TENSOR(n));
    return n;
}

/* Each field of a set that is dealt as it is, as a map. */
static struct dataset_map *map_of_itself(struct interp *in, struct arena *a,
                                         const struct dataset *d, struct span at) {
    struct dataset_map *m = arena_new(a, struct dataset_map);
    m->n_in = m->n_out = d->n_fields;
    m->in = arena_array(a, struct node *, m->n_in);
    m->out = arena_array(a, struct node *, m->n_out);
    m->name = arena_array(a, const char *, m->n_out);
    m->computed = arena_array(a, struct node *, m->n_out);
    for (int i = 0; i < m->n_in; i++) {
        m->name[i] = intern(in, d->fields[i].name);
        m->in[i] = m->out[i] = dataset_placeholder(in, m->name[i], dataset_field_dtype(d, i),
                                                   dataset_field_shape(d, i), at);
    }
    return m;
}

static void *copy_array(struct arena *a, const void *from, size_t bytes) {
    void *to = arena_alloc(a, bytes);
    if (bytes)
        memcpy(to, from, bytes);
    return to;
}

struct dataset_map *dataset_map_copy(struct arena *a, const struct dataset_map *m) {
    if (!m)
        return NULL;
    struct dataset_map *copy = arena_new(a, struct dataset_map);
    size_t in = (size_t)m->n_in, out = (size_t)m->n_out;
    *copy = *m;
    copy->in = copy_array(a, m->in, in * sizeof *m->in);
    copy->out = copy_array(a, m->out, out * sizeof *m->out);
    copy->name = copy_array(a, m->name, out * sizeof *m->name);
    copy->computed = copy_array(a, m->computed, out * sizeof *m->computed);
    return copy;
}

static void *join_arrays(struct arena *a, const void *x, int n_x, const void *y, int n_y) {
    size_t x_bytes = (size_t)n_x * sizeof(void *), y_bytes = (size_t)n_y * sizeof(void *);
    char *to = arena_alloc(a, x_bytes + y_bytes);
    if (x_bytes)
        memcpy(to, x, x_bytes);
    if (y_bytes)
        memcpy(to + x_bytes, y, y_bytes);
    return to;
}

struct dataset_map *dataset_map_join(struct interp *in, struct arena *a,
                                     const struct dataset_object *d, const struct dataset_object *e,
                                     struct span at) {
    if (!d->map && !e->map)
        return NULL;
    const struct dataset_map *x = d->map ? d->map : map_of_itself(in, a, d->dataset, at);
    const struct dataset_map *y = e->map ? e->map : map_of_itself(in, a, e->dataset, at);
    struct dataset_map *m = arena_new(a, struct dataset_map);
    m->n_in = x->n_in + y->n_in, m->n_out = x->n_out + y->n_out;
    m->n_computed = x->n_computed + y->n_computed;
    m->in = join_arrays(a, x->in, x->n_in, y->in, y->n_in);
    m->out = join_arrays(a, x->out, x->n_out, y->out, y->n_out);
    m->name = join_arrays(a, x->name, x->n_out, y->name, y->n_out);
    m->computed = join_arrays(a, x->computed, x->n_computed, y->computed, y->n_computed);
    return m;
}

/* ---- what it gives */

static bool check_field(struct interp *in, const char *name, const struct node *n, struct dim batch,
                        struct span at) {
    char text[SHAPE_TEXT];
    bool first = n->shape.rank && dim_same(n->shape.d[0], batch), known = true;
    for (int i = 1; i < n->shape.rank; i++)
        known = known && dim_is_const(n->shape.d[i]);
    if (first && known)
        return true;
    shape_print(text, sizeof text, in->o.symbols, &n->shape);
    struct diag *d =
        first           ? diag_error(in->o.diags, E_SHAPE, at,
                                     "the map's field `%s` is %s%s: what an example is may not depend on how "
                                               "many are in a batch",
                                     name, dtype_name(n->dtype), text)
        : n->shape.rank ? diag_error(in->o.diags, E_SHAPE, at,
                                     "the map's field `%s` is %s%s, and not of `batch` examples",
                                     name, dtype_name(n->dtype), text)
                        : diag_error(in->o.diags, E_SHAPE, at,
                                     "the map's field `%s` is one %s for a whole batch", name,
                                     dtype_name(n->dtype));
    if (!first)
        diag_help(d, "every field has the axis `batch` first, as what the function is given");
    return interp_fail(in, d);
}

/* The record that the function gave, checked, as the map's fields. */
static bool take_fields(struct interp *in, struct dataset_map *m, struct arena *a,
                        struct value given, struct dim batch, struct span at) {
    if (is_missing(given))
        return fail_silently(in);
    if (given.kind != VALUE_RECORD || !given.record->n) {
        char text[128];
        describe_value(in, given, text, sizeof text);
        struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, at,
                                    "the function of a map gives a record of fields, not %s",
                                    given.kind == VALUE_RECORD ? "an empty one" : text);
        diag_help(d, "name what it gives: fn (b) -> {x: ..}");
        return interp_fail(in, d);
    }
    m->n_out = given.record->n;
    m->out = arena_array(a, struct node *, m->n_out);
    m->name = arena_array(a, const char *, m->n_out);
    for (int i = 0; i < m->n_out; i++) {
        m->name[i] = given.record->name[i];
        if (!to_node(in, given.record->at[i], at, -1, &m->out[i]) ||
            !check_field(in, m->name[i], m->out[i], batch, at))
            return false;
    }
    return true;
}

static bool is_input(const struct dataset_map *m, const struct node *n) {
    for (int i = 0; i < m->n_in; i++)
        if (m->in[i] == n)
            return true;
    return false;
}

/* Lists what is to be computed, and drops the fields of the set below that nothing needs; one is
 * kept: it says how many examples a batch has. */
static void settle(struct interp *in, struct dataset_map *m, struct arena *a, struct dataset *d) {
    struct arena scratch = {0};
    bool *needed = arena_array(&scratch, bool, m->n_in), any = false;
    int n = 0;
    m->computed = arena_array(a, struct node *, m->n_out);
    m->n_computed = 0;
    for (int i = 0; i < m->n_out; i++)
        if (!is_input(m, m->out[i]))
            m->computed[m->n_computed++] = m->out[i];
    graph_order(in->o.graph, &scratch, m->out, m->n_out, NULL, NULL);
    for (int i = 0; i < m->n_in; i++)
        any |= needed[i] = m->in[i]->visit == in->o.graph->visit;
    needed[0] |= !any;
    dataset_select(d, needed);
    for (int i = 0; i < m->n_in; i++)
        if (needed[i])
            m->in[n++] = m->in[i];
    m->n_in = n;
    arena_free(&scratch);
}

static bool call_with_fields(struct interp *in, const struct arg *f, const struct dataset_map *m,
                             struct args *a, struct value *out) {
    struct mapping mapping = {in->mapping, m->in, m->n_in};
    struct value record = value_record(&in->heap);
    root_push(in, record);
    for (int i = 0; i < m->n_out; i++)
        record_set(&in->heap, record.record, m->name[i], V_TENSOR(m->out[i]));
    in->mapping = &mapping;
    bool ok = call_with_one(in, f->value, record, a->call, f->at, a->site, out);
    in->mapping = mapping.outer;
    return ok;
}

bool method_map(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"f"};
    struct arg f;
    struct value given;
    const struct dataset_object *below = self->dataset;
    if (!builtin_take(in, a, "map", names, 1, &f))
        return false;
    if (!f.at.source || !is_callable(f.value))
        return fail_at(in, E_WRONG_KIND, f.at.source ? f.at : a->call,
                       "map takes a function of a record of a batch: data.map(fn (b) -> {..})");
    struct value set = dataset_value(in, NULL);
    struct arena *own = &set.dataset->arena;
    struct dataset_map *m = below->map ? dataset_map_copy(own, below->map)
                                       : map_of_itself(in, own, below->dataset, a->call);
    struct dim batch = dim_named(in->o.symbols, intern(in, "batch"), a->call);
    if (!call_with_fields(in, &f, m, a, &given) || !take_fields(in, m, own, given, batch, f.at))
        return false;
    struct dataset *d = dataset_copy(own, below->dataset, below->dataset->name);
    settle(in, m, own, d);
    set.dataset->dataset = d, set.dataset->map = m, set.dataset->owner = true;
    *out = set;
    return true;
}

/* ---- computing it */

static bool run_map(struct interp *in, struct dataset_object *d, struct request *r) {
    const struct dataset_map *m = d->map;
    struct arena scratch = {0};
    r->fed = m->in, r->n_fed = m->n_in;
    r->words = arena_printf(&scratch, "%s.map", d->dataset->name);
    r->words = intern(in, r->words);
    arena_free(&scratch);
    if (in->failed)
        return fail_silently(in);
    return in->o.host.run(in->o.host.context, r) ? true : interp_fail(in, NULL);
}

bool dataset_map_batch(struct interp *in, struct dataset_object *d, struct tensor *const *batch,
                       int64_t position, struct span at, struct tensor **results) {
    const struct dataset_map *m = d->map;
    struct arena scratch = {0};
    struct tensor **computed = arena_array(&scratch, struct tensor *, m->n_computed);
    struct request r = {.kind = REQUEST_DEAL,
                        .fetch = m->computed,
                        .n_fetch = m->n_computed,
                        .value = arena_array(&scratch, struct tensor *, m->n_in),
                        .step = (uint64_t)position,
                        .origin = interp_origin(in, at),
                        .result = computed};
    for (int i = 0; i < m->n_in; i++)
        r.value[i] = batch[i];
    bool ok = !m->n_computed || run_map(in, d, &r);
    for (int i = 0, n = 0; ok && i < m->n_out; i++) {
        for (int k = 0; k < m->n_in; k++)
            if (m->out[i] == m->in[k])
                results[i] = tensor_ref(batch[k]);
        if (!results[i])
            results[i] = computed[n++];
    }
    arena_free(&scratch);
    return ok;
}

bool dataset_map_whole(struct interp *in, struct dataset_object *d, int i, struct span at,
                       struct tensor **out) {
    const struct dataset_map *m = d->map;
    struct arena scratch = {0};
    struct request r = {.kind = REQUEST_EVAL,
                        .fetch = &m->out[i],
                        .n_fetch = 1,
                        .value = arena_array(&scratch, struct tensor *, m->n_in),
                        .origin = interp_origin(in, at),
                        .result = out};
    bool ok = true;
    *out = NULL;
    for (int k = 0; k < m->n_in && ok; k++)
        ok = (r.value[k] = dataset_field_values(d->dataset, k)) != NULL;
    if (!ok)
        fail_at(in, E_MEMORY, at, "there is not enough memory for the whole field `%s`",
                m->name[i]);
    ok = ok && run_map(in, d, &r);
    arena_free(&scratch);
    return ok;
}
