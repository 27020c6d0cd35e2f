/* Fields and methods of values, and demands: gathering feeds and asking the host to run. */
#include <string.h>

#include "eval/interp.h"

static bool tensor_field(struct interp *in, struct value v, const char *field, struct value *out) {
    struct shape shape = v.kind == VALUE_TENSOR ? v.node->shape : tensor_shape(v.array->tensor);
    if (!strcmp(field, "dtype")) {
        *out = (struct value){.kind = VALUE_DTYPE,
                              .dtype =
                                  v.kind == VALUE_TENSOR ? v.node->dtype : v.array->tensor->dtype};
    } else if (!strcmp(field, "rank")) {
        *out = V_INT(shape.rank);
    } else if (!strcmp(field, "shape")) {
        *out = value_list(&in->heap, shape.rank);
        for (int i = 0; i < shape.rank; i++)
            out->list->at[i] = dim_value(shape.d[i]);
    } else if (!strcmp(field, "name") && v.kind == VALUE_TENSOR) {
        const char *name = v.node->op->id == OP_variable ? v.node->variable->path : v.node->name;
        if (!name)
            *out = V_NONE;
        else
            *out = value_string(&in->heap, name, strlen(name));
    } else
        return false;
    return true;
}

static bool plain_field(struct interp *in, struct value v, const char *field, struct value *out) {
    const struct value *f;
    switch (v.kind) {
    case VALUE_TENSOR:
    case VALUE_ARRAY:
        return tensor_field(in, v, field, out);
    case VALUE_RECORD:
        f = record_get(v.record, field);
        if (f)
            *out = *f;
        return f != NULL;
    case VALUE_LIST:
    case VALUE_STRING:
        if (strcmp(field, "length"))
            return false;
        *out = V_INT(v.kind == VALUE_LIST ? v.list->n : (int64_t)v.string->n);
        return true;
    default:
        return false;
    }
}

/* What could have been meant: the fields of the kind, then its methods, then what is its own. */
static int field_names(struct value v, const char **names, int max) {
    static const struct {
        enum value_kind kind;
        const char *name;
    } fields[] = {
        {VALUE_TENSOR, "shape"},   {VALUE_TENSOR, "dtype"},  {VALUE_TENSOR, "rank"},
        {VALUE_TENSOR, "name"},    {VALUE_ARRAY, "shape"},   {VALUE_ARRAY, "dtype"},
        {VALUE_ARRAY, "rank"},     {VALUE_DATASET, "name"},  {VALUE_DATASET, "length"},
        {VALUE_DATASET, "fields"}, {VALUE_DATASET, "categories"},
        {VALUE_LIST, "length"},    {VALUE_STRING, "length"},
    };
    int n = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && n < max; i++)
        if (fields[i].kind == v.kind)
            names[n++] = fields[i].name;
    n += builtin_method_names(v.kind, names + n, max - n);
    for (int i = 0; v.kind == VALUE_DATASET && i < dataset_n_fields(v.dataset) && n < max; i++)
        names[n++] = dataset_field_name(v.dataset, i);
    for (int i = 0; v.kind == VALUE_RECORD && i < v.record->n && n < max; i++)
        names[n++] = v.record->name[i];
    return n;
}

bool report_unknown_field(struct interp *in, struct value object, const struct ast *e,
                          const char *const *names, int n) {
    char text[128];
    describe_value(in, object, text, sizeof text);
    struct diag *d =
        diag_error(in->o.diags, E_UNKNOWN_FIELD, e->name_at, "%s has no field `%s`", text, e->text);
    const char *near = nearest_name(e->text, names, n);
    if (near)
        diag_help(d, "did you mean `.%s`?", near);
    else if (object.kind == VALUE_DEFINITION)
        diag_help(d, "it is made with its settings first: %s(..)",
                  object.definition->tree->text);
    return interp_fail(in, d);
}

bool get_field(struct interp *in, struct value object, const struct ast *e, struct value *out) {
    if (is_missing(object)) {
        *out = V_UNKNOWN;
        return true;
    }
    if (object.kind == VALUE_MODULE)
        return module_field(in, object.module->module, e, out);
    if (object.kind == VALUE_INSTANCE || object.kind == VALUE_CHAIN)
        return layer_field(in, object, e, out);
    bool of_data = object.kind == VALUE_DATASET;
    if (of_data && builtin_method(in, object, e->text, out)) {
        root_push(in, *out);
        return true;
    }
    enum found found = of_data ? dataset_field(in, object.dataset, e->text, e->name_at, out)
                               : FOUND_NONE;
    if (found != FOUND_NONE)
        return found == FOUND;
    if (plain_field(in, object, e->text, out) || builtin_method(in, object, e->text, out)) {
        root_push(in, *out);
        return true;
    }
    const char *names[64];
    int n = field_names(object, names, 64);
    return report_unknown_field(in, object, e, names, n);
}

static bool run_request(struct interp *in, struct request *r, struct args *a, int first_feed);

/* What is fed. The value of a tensor is NULL until all of the tensors are evaluated, together: two
   that are made of one draw, as generated inputs and their targets, have to belong to each other. */
struct feeds {
    ARRAY(struct node *) node;
    ARRAY(struct tensor *) value;
    ARRAY(struct node *) source;
    ARRAY(struct span) at;
    ARRAY(const char *) name;
};

/* A value that is known, as a tensor: a new reference. */
static bool known_value(struct interp *in, struct value v, struct span at,
                        const struct node *target, const char *name, struct tensor **out) {
    if (v.kind == VALUE_ARRAY)
        *out = tensor_ref(v.array->tensor);
    else if (is_tensor_like(v))
        *out = list_tensor(in, v, at, (int)target->dtype);
    else
        return fail_at(in, E_FEED, at, "`%s` cannot be fed with %s", name,
                       value_kind_words(v.kind));
    return *out != NULL;
}

static bool add_feed(struct interp *in, struct arena *scratch, struct feeds *f, struct value target,
                     struct value v, struct span at, struct span name_at, const char *name) {
    struct tensor *t = NULL;
    struct node *source = NULL;
    if (target.kind != VALUE_TENSOR) {
        char text[128];
        describe_value(in, target, text, sizeof text);
        return fail_at(in, E_FEED, name_at,
                       "only a tensor of the graph can be fed, but `%s` is %s%s", name,
                       target.kind == VALUE_ARRAY ? "a known array, " : "", text);
    }
    if (target.node->op->id == OP_constant)
        return fail_at(in, E_FEED, name_at, "`%s` is a constant: it cannot be fed", name);
    for (int i = 0; i < f->node.n; i++)
        if (f->node.at[i] == target.node)
            return fail_at(in, E_FEED, name_at, "`%s` is fed twice", name);
    if (v.kind == VALUE_TENSOR) {
        if (!to_node(in, v, at, -1, &source))
            return false;
    } else if (!known_value(in, v, at, target.node, name, &t))
        return false;
    array_push(scratch, &f->node, target.node);
    array_push(scratch, &f->value, t);
    array_push(scratch, &f->source, source);
    array_push(scratch, &f->at, at);
    array_push(scratch, &f->name, name);
    return true;
}

/* Computes the tensors among what is fed, in one execution. */
static bool evaluate_sources(struct interp *in, struct arena *scratch, struct feeds *f) {
    ARRAY(struct node *) nodes = {0};
    int first = -1, n = 0;
    for (int i = 0; i < f->node.n; i++)
        if (f->source.at[i]) {
            first = first < 0 ? i : first;
            array_push(scratch, &nodes, f->source.at[i]);
        }
    if (first < 0)
        return true;
    const char *name = f->source.at[first]->name;
    struct tensor **result = arena_array(scratch, struct tensor *, nodes.n);
    struct request r = {
        .kind = REQUEST_EVAL,
        .fetch = nodes.at,
        .n_fetch = nodes.n,
        .words = name ? name : "the value",
        .result = result,
        .origin = interp_origin(in, f->at.at[first]),
    };
    if (!run_request(in, &r, NULL, 0))
        return false;
    for (int i = 0; i < f->node.n; i++)
        if (f->source.at[i])
            f->value.at[i] = result[n++];
    return true;
}

static bool check_fed_dtypes(struct interp *in, const struct feeds *f) {
    for (int i = 0; i < f->node.n; i++) {
        enum dtype wanted = f->node.at[i]->dtype, got = f->value.at[i]->dtype;
        if (got == wanted)
            continue;
        struct diag *d = diag_error(in->o.diags, E_FEED, f->at.at[i],
                                    "`%s` is %s, but is fed with %s", f->name.at[i],
                                    dtype_name(wanted), dtype_name(got));
        diag_help(d, "convert it: cast(..., %s)", dtype_name(wanted));
        return interp_fail(in, d);
    }
    return true;
}

/* p=b, where p is a record of tensors, as data.placeholders() is: b feeds its fields. */
static bool feed_fields(struct interp *in, struct arena *scratch, struct feeds *f,
                        const struct record *target, struct value v, struct span at,
                        struct span name_at, const char *name) {
    if (v.kind != VALUE_RECORD)
        return fail_at(in, E_FEED, at,
                       "`%s` is a record of tensors, and is fed with a record, not %s", name,
                       value_kind_words(v.kind));
    for (int i = 0; i < v.record->n; i++) {
        const struct value *to = record_get(target, v.record->name[i]);
        if (!to)
            return fail_at(in, E_FEED, at,
                           "`%s` has no tensor `%s`, which is a field of what it is fed with", name,
                           v.record->name[i]);
        if (!add_feed(in, scratch, f, *to, v.record->at[i], at, name_at, v.record->name[i]))
            return false;
    }
    return true;
}

static bool feed_by_name(struct interp *in, struct arena *scratch, struct feeds *f, struct scope *s,
                         const char *name, struct value v, struct span at, struct span name_at,
                         bool field) {
    const struct value *target = s ? scope_find(s, name) : NULL;
    if (target && is_missing(*target))
        return fail_silently(in);
    if (target && target->kind == VALUE_RECORD)
        return feed_fields(in, scratch, f, target->record, v, at, name_at, name);
    if (target)
        return add_feed(in, scratch, f, *target, v, at, name_at, name);
    if (!field) {
        report_unknown_name(in, s, name, name_at);
        return false;
    }
    struct diag *d = diag_error(in->o.diags, E_FEED, name_at,
                                "the record has a field `%s`, but no tensor is called so", name);
    diag_help(d, "feed what is needed by name: x=record.%s", name);
    return interp_fail(in, d);
}

static bool feed_list(struct interp *in, struct arena *scratch, struct feeds *f,
                      const struct named_arg *n) {
    bool pairs = n->value.kind == VALUE_LIST;
    for (int i = 0; pairs && i < n->value.list->n; i++) {
        struct value pair = n->value.list->at[i];
        pairs = pair.kind == VALUE_LIST && pair.list->n == 2;
        if (pairs && !add_feed(in, scratch, f, pair.list->at[0], pair.list->at[1], n->at, n->at,
                               "the tensor"))
            return false;
    }
    return pairs ? true
                 : fail_at(in, E_FEED, n->at, "`feed` is a list of pairs: feed=[[tensor, value]]");
}

static bool gather_feeds(struct interp *in, struct arena *scratch, struct feeds *f, struct args *a,
                         int first) {
    for (int i = first; i < a->n; i++) {
        struct value v = a->at[i].value;
        if (v.kind != VALUE_RECORD)
            return fail_at(in, E_FEED, a->at[i].at,
                           "feeds are given by name, or as a record: name=value");
        for (int k = 0; k < v.record->n; k++)
            if (!feed_by_name(in, scratch, f, a->scope, v.record->name[k], v.record->at[k],
                              a->at[i].at, a->at[i].at, true))
                return false;
    }
    for (int i = 0; i < a->n_named; i++) {
        const struct named_arg *n = &a->named[i];
        bool ok = n->name == in->s_feed ? feed_list(in, scratch, f, n)
                                        : feed_by_name(in, scratch, f, a->scope, n->name, n->value,
                                                       n->at, n->name_at, false);
        if (!ok)
            return false;
    }
    return evaluate_sources(in, scratch, f) && check_fed_dtypes(in, f);
}

static bool run_request(struct interp *in, struct request *r, struct args *a, int first_feed) {
    char few[1024] = {0};
    struct arena scratch = ARENA_ON(few);
    struct feeds f = {0};
    if (trace_refuses_demand(in, r->fetch, r->n_fetch, r->origin->span) ||
        mapping_refuses_demand(in, r->fetch, r->n_fetch, r->origin->span))
        return false;
    bool ok = !a || gather_feeds(in, &scratch, &f, a, first_feed);
    r->fed = f.node.at, r->value = f.value.at, r->n_fed = f.node.n;
    if (ok && in->failed)
        ok = false, in->flow = FLOW_ERROR; /* nothing is run after an error */
    else if (ok && !schedule_allows(in, r))
        ok = false;
    else if (ok && !in->o.host.run(in->o.host.context, r))
        ok = interp_fail(in, NULL);
    in->n_demands += ok;
    for (int i = 0; i < f.value.n; i++)
        if (f.value.at[i])
            tensor_unref(f.value.at[i]);
    arena_free(&scratch);
    return ok;
}

bool demand_values(struct interp *in, struct node **nodes, int n, struct args *feeds,
                   int first_feed, const char *words, struct value *out) {
    struct tensor *few[8], **result = few;
    struct arena scratch = {0};
    if (n > 8)
        result = arena_array(&scratch, struct tensor *, n);
    struct request r = {
        .kind = REQUEST_EVAL,
        .fetch = nodes,
        .n_fetch = n,
        .words = words,
        .result = result,
        .origin = interp_origin(in, feeds->call),
    };
    bool ok = run_request(in, &r, feeds, first_feed);
    for (int i = 0; ok && i < n; i++)
        out[i] = value_array(&in->heap, result[i]), root_push(in, out[i]);
    arena_free(&scratch);
    return ok;
}

bool demand_one(struct interp *in, struct value v, struct span at, struct tensor **out) {
    struct node *n;
    if (v.kind == VALUE_ARRAY) {
        *out = tensor_ref(v.array->tensor);
        return true;
    }
    if (!to_node(in, v, at, -1, &n))
        return false;
    struct request r = {
        .kind = REQUEST_EVAL,
        .fetch = &n,
        .n_fetch = 1,
        .words = n->name ? n->name : "the value",
        .result = out,
        .origin = interp_origin(in, at),
    };
    return run_request(in, &r, NULL, 0);
}

static bool is_list_of_tensors(struct value v) {
    for (int i = 0; v.kind == VALUE_LIST && i < v.list->n; i++)
        if (v.list->at[i].kind == VALUE_TENSOR)
            return true;
    return false;
}

static const char *words(struct interp *in, const char *name, const char *method) {
    char text[MAX_PATH];
    int n = snprintf(text, sizeof text, "%s.%s", name ? name : "tensor", method);
    return intern_text(in->o.names, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

bool method_eval(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    struct node *n;
    if (!to_node(in, *self, a->call, -1, &n))
        return false;
    return demand_values(in, &n, 1, a, 0, words(in, n->name, "eval"), out);
}

/* The tensors that a call begins with, before its feeds: t1, t2, .. or one list of them. */
struct asked {
    struct node **node; /* [n], in the arena */
    int n, first_feed;
    bool list;
};

static bool find_asked(struct interp *in, const struct args *a, struct arena *arena,
                       struct asked *asked) {
    int first = 0;
    while (first < a->n && a->at[first].value.kind != VALUE_RECORD)
        first++;
    bool list = first == 1 && is_list_of_tensors(a->at[0].value);
    *asked = (struct asked){.n = list ? a->at[0].value.list->n : first,
                            .first_feed = first,
                            .list = list};
    asked->node = arena_array(arena, struct node *, asked->n + 1);
    for (int i = 0; i < asked->n; i++)
        if (!to_node(in, list ? a->at[0].value.list->at[i] : a->at[i].value,
                     a->at[list ? 0 : i].at, -1, &asked->node[i]))
            return false;
    return true;
}

/* Their values: one by itself, several as a list, a list as a list. */
static struct value asked_values(const struct asked *asked, struct value all) {
    return asked->n == 1 && !asked->list ? all.list->at[0] : all;
}

/* eval(t1, t2, .., name=value), eval([t1, t2, ..], ..): several values of one execution. */
bool builtin_eval(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    struct arena scratch = {0};
    struct asked asked;
    (void)self;
    bool ok = find_asked(in, a, &scratch, &asked);
    struct value all = value_list(&in->heap, asked.n);
    root_push(in, all);
    if (ok && !asked.n)
        ok = fail_at(in, E_MISSING_ARGUMENT, a->call, "eval needs at least one tensor");
    ok = ok && demand_values(in, asked.node, asked.n, a, asked.first_feed, "eval", all.list->at);
    arena_free(&scratch);
    *out = asked_values(&asked, all);
    return ok;
}

/* step.run(t1, .., name=value): the tensors are computed in the same execution. */
bool method_run(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    struct step_object *step = self->step;
    char few[256] = {0};
    struct arena scratch = ARENA_ON(few);
    struct asked asked;
    *out = V_NONE;
    bool ok = find_asked(in, a, &scratch, &asked);
    if (!step->words)
        step->words = words(in, step->path, "run");
    struct request r = {
        .kind = REQUEST_TRAIN,
        .fetch = asked.node,
        .n_fetch = asked.n,
        .result = arena_array(&scratch, struct tensor *, asked.n),
        .effects = step->effects,
        .n_effects = step->n_effects,
        .training = true,
        .step = step->n_done,
        .words = step->words,
        .origin = interp_origin(in, a->call),
    };
    ok = ok && run_request(in, &r, a, asked.first_feed);
    step->n_done += ok;
    for (int i = 0; ok && i < step->n_effects; i++)
        if (step->effects[i]->op->id == OP_assign)
            step->effects[i]->in[0]->variable->n_steps++;
    if (ok && asked.n) {
        struct value all = value_list(&in->heap, asked.n);
        root_push(in, all);
        for (int i = 0; i < asked.n; i++)
            all.list->at[i] = value_array(&in->heap, r.result[i]);
        *out = asked_values(&asked, all);
        root_push(in, *out);
    }
    arena_free(&scratch);
    return ok;
}
