/* The builtins of builtins.def: what the language asks of C beside the ops. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/rng.h"
#include "eval/interp.h"

#define BUILTIN(name, function, signature, summary)                                                \
    bool function(struct interp *in, const struct value *self, struct args *a, struct value *out);
#define METHOD(kind, name, function, signature, summary) BUILTIN(name, function, signature, summary)
#include "eval/builtins.def"
#undef BUILTIN
#undef METHOD

static const struct builtin functions[] = {
#define BUILTIN(name, function, signature, summary) {#name, signature, summary, function},
#define METHOD(kind, name, function, signature, summary)
#include "eval/builtins.def"
#undef BUILTIN
#undef METHOD
};

static const struct {
    enum value_kind kind;
    struct builtin b;
} methods[] = {
#define BUILTIN(name, function, signature, summary)
#define METHOD(kind, name, function, signature, summary)                                           \
    {kind, {#name, signature, summary, function}},
#include "eval/builtins.def"
#undef BUILTIN
#undef METHOD
};

/* Not: leaves, effects, and what only passes write. */
bool op_is_function(const struct op *op) {
    return op->trait != OP_LEAF && op->trait != OP_EFFECT && op->trait != OP_LOOP &&
           op->trait != OP_RESULT && !op->inner && op->id != OP_slice &&
           op->id != OP_slice_gradient && op->id != OP_custom_gradient &&
           op->id != OP_result_gradient && op->id != OP_result_value;
}

void builtins_define(struct interp *in, struct scope *s) {
    static const char *const dtypes[] = {"float", "float32", "float64", "int",
                                         "int32", "int64",   "uint8",   "bool"};
    for (int i = 0; i < N_OPS; i++) {
        const struct op *op = &in->o.ops->op[i];
        if (op_is_function(op))
            scope_set(&in->heap, s, op->name, (struct value){.kind = VALUE_OP, .op = op});
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        scope_set(&in->heap, s, intern(in, functions[i].name),
                  (struct value){.kind = VALUE_BUILTIN, .builtin = &functions[i]});
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        struct value v = {.kind = VALUE_DTYPE};
        dtype_parse(dtypes[i], &v.dtype);
        scope_set(&in->heap, s, intern(in, dtypes[i]), v);
    }
    scope_set(&in->heap, s, intern(in, "training"), V_TENSOR(in->training));
}

bool builtin_method(struct interp *in, struct value self, const char *name, struct value *out) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].kind != self.kind || strcmp(methods[i].b.name, name))
            continue;
        struct method *m = heap_new(&in->heap, VALUE_METHOD, sizeof *m);
        m->builtin = &methods[i].b, m->self = self;
        *out = V_OBJECT(VALUE_METHOD, m);
        return true;
    }
    return false;
}

int builtin_method_names(enum value_kind kind, const char **names, int max) {
    int n = 0;
    for (size_t i = 0; i < sizeof methods / sizeof *methods && n < max; i++)
        if (methods[i].kind == kind)
            names[n++] = methods[i].b.name;
    return n;
}

bool builtin_take(struct interp *in, struct args *a, const char *callee, const char *const *names,
                  int n, struct arg *got) {
    memset(got, 0, (size_t)n * sizeof *got);
    if (a->n > n)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->at[n].at,
                       "%s takes %d argument%s, but %d are given", callee, n, n == 1 ? "" : "s",
                       a->n);
    for (int i = 0; i < a->n; i++)
        got[i] = a->at[i];
    for (int i = 0; i < a->n_named; i++) {
        int k = 0;
        while (k < n && strcmp(names[k], a->named[i].name))
            k++;
        if (k == n) {
            struct diag *d = diag_error(in->o.diags, E_UNKNOWN_ARGUMENT, a->named[i].name_at,
                                        "%s takes no argument `%s`", callee, a->named[i].name);
            const char *near = nearest_name(a->named[i].name, names, n);
            if (near)
                diag_help(d, "did you mean `%s`?", near);
            return interp_fail(in, d);
        }
        if (got[k].at.source)
            return fail_at(in, E_DUPLICATE_ARGUMENT, a->named[i].name_at, "`%s` is given twice",
                           names[k]);
        got[k] = (struct arg){a->named[i].value, a->named[i].at};
    }
    return true;
}

bool builtin_take_x(struct interp *in, struct args *a, const char *callee, struct arg *x) {
    static const char *const names[] = {"x"};
    if (!builtin_take(in, a, callee, names, 1, x))
        return false;
    return x->at.source ? true : fail_at(in, E_MISSING_ARGUMENT, a->call, "`x` is missing");
}

bool need_int(struct interp *in, struct args *a, const struct arg *g, const char *name, int64_t low,
              int64_t fallback, bool required, int64_t *out) {
    *out = fallback;
    if (!g->at.source)
        return required ? fail_at(in, E_MISSING_ARGUMENT, a->call, "`%s` is missing", name) : true;
    struct value v = scalar_number(g->value);
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind != VALUE_INT) {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, g->at, "`%s` must be a whole number, not %s", name, text);
    }
    *out = v.i;
    return *out >= low
               ? true
               : fail_at(in, E_OUT_OF_RANGE, g->at, "`%s` must be at least %" PRId64, name, low);
}

bool need_bool(struct interp *in, const struct arg *g, const char *name, bool fallback, bool *out) {
    *out = fallback;
    if (!g->at.source)
        return true;
    if (g->value.kind != VALUE_BOOL)
        return fail_at(in, E_WRONG_KIND, g->at, "`%s` must be true or false, not %s", name,
                       value_kind_words(g->value.kind));
    *out = g->value.b;
    return true;
}

bool need_string(struct interp *in, const struct arg *g, const char *name, const char *fallback,
                 const char **out) {
    *out = fallback;
    if (!g->at.source || g->value.kind == VALUE_NONE)
        return true;
    if (g->value.kind != VALUE_STRING)
        return fail_at(in, E_WRONG_KIND, g->at, "`%s` must be a string, not %s", name,
                       value_kind_words(g->value.kind));
    *out = g->value.string->text;
    return true;
}

bool builtin_print(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    char *text = NULL;
    size_t n_text = 0;
    (void)self;
    *out = V_NONE;
    if (a->n_named)
        return fail_at(in, E_UNKNOWN_ARGUMENT, a->named[0].name_at, "print takes no argument `%s`",
                       a->named[0].name);
    FILE *line = open_memstream(&text, &n_text);
    bool ok = line != NULL;
    for (int i = 0; ok && i < a->n; i++) {
        struct tensor *t;
        struct value v = a->at[i].value;
        if (i)
            fputc(' ', line);
        if (v.kind == VALUE_TENSOR) {
            ok = demand_one(in, v, a->at[i].at, &t);
            if (ok && !in->o.dry)
                tensor_print(t, line);
            if (ok)
                tensor_unref(t);
        } else if (!in->o.dry)
            print_value(in, line, v, false);
    }
    if (line)
        fputc('\n', line), fclose(line);
    if (ok && !in->failed && !in->o.quiet_prints && !in->o.dry) {
        fwrite(text, 1, n_text, in->o.out);
        fflush(in->o.out);
    }
    free(text);
    return ok;
}

bool builtin_range(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"first", "end", "step"};
    struct arg got[3];
    int64_t first = 0, end, step;
    (void)self;
    if (!builtin_take(in, a, "range", names, 3, got))
        return false;
    if (!got[1].at.source)
        got[1] = got[0], got[0].at.source = 0;
    if (!need_int(in, a, &got[0], "first", INT64_MIN, 0, false, &first) ||
        !need_int(in, a, &got[1], "end", INT64_MIN, 0, true, &end) ||
        !need_int(in, a, &got[2], "step", INT64_MIN, 1, false, &step))
        return false;
    if (step == 0)
        return fail_at(in, E_OUT_OF_RANGE, got[2].at, "range's step cannot be 0");
    *out = value_range(&in->heap, first, end, step);
    root_push(in, *out);
    return true;
}

bool builtin_len(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    struct arg x;
    (void)self;
    if (!builtin_take_x(in, a, "len", &x))
        return false;
    struct value v = x.value;
    switch (v.kind) {
    case VALUE_LIST:
        *out = V_INT(v.list->n);
        return true;
    case VALUE_CHAIN:
        *out = V_INT(v.chain->n);
        return true;
    case VALUE_RECORD:
        *out = V_INT(v.record->n);
        return true;
    case VALUE_STRING:
        *out = V_INT((int64_t)v.string->n);
        return true;
    case VALUE_RANGE:
        *out = V_INT(range_length(v.range));
        return true;
    case VALUE_DATASET:
        *out = V_INT(v.dataset->dataset->length);
        return true;
    case VALUE_BATCHES:
        *out = V_INT(batches_length(v.batches));
        return true;
    case VALUE_TENSOR:
        if (v.node->shape.rank)
            return *out = dim_value(v.node->shape.d[0]), true;
        break;
    case VALUE_ARRAY:
        if (v.array->tensor->rank)
            return *out = V_INT(v.array->tensor->dim[0]), true;
        break;
    default:
        break;
    }
    return fail_at(in, E_WRONG_KIND, x.at, "%s has no length", value_kind_words(v.kind));
}

static bool check_scalar(struct interp *in, const struct node *y, struct span at) {
    if (!y->shape.rank && dtype_is_float(y->dtype))
        return true;
    char text[SHAPE_TEXT];
    struct diag *d =
        diag_error(in->o.diags, E_LOSS_SCALAR, at, "gradients are of one float, but this is %s%s",
                   dtype_name(y->dtype),
                   y->shape.rank ? shape_print(text, sizeof text, in->o.symbols, &y->shape) : "");
    if (y->shape.rank)
        diag_help(d, "reduce it: sum(...) or mean(...)");
    return interp_fail(in, d);
}

static bool report_no_path(struct interp *in, struct node *y, struct node *x, int i, bool one,
                           struct span at) {
    const struct node *cut = in->o.host.gradient_cut(in->o.host.context, y, x);
    const char *format = cut ? "no gradient reaches %s" : "the value does not depend on %s";
    char which[48] = "this";
    if (!one)
        snprintf(which, sizeof which, "element %d of this list", i);
    struct diag *d = diag_error(in->o.diags, E_NO_GRADIENT, at, format, which);
    note_gradient_cut(d, cut);
    return interp_fail(in, d);
}

bool builtin_gradients(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    static const char *const names[] = {"y", "xs"};
    struct arg got[2];
    struct node *y;
    (void)self;
    if (!builtin_take(in, a, "gradients", names, 2, got))
        return false;
    if (!got[1].at.source)
        return fail_at(in, E_MISSING_ARGUMENT, a->call,
                       "gradients(y, [x, ..]) needs a list of tensors");
    if (!to_node(in, got[0].value, got[0].at, -1, &y) || !check_scalar(in, y, got[0].at))
        return false;
    struct value xs = got[1].value;
    bool one = xs.kind != VALUE_LIST, ok = true;
    int n = one ? 1 : xs.list->n;
    struct arena scratch = {0};
    struct node **wrt = arena_array(&scratch, struct node *, n + 1),
                **gradient = arena_array(&scratch, struct node *, n + 1);
    for (int i = 0; ok && i < n; i++)
        ok = to_node(in, one ? xs : xs.list->at[i], got[1].at, -1, &wrt[i]);
    if (ok)
        in->o.host.gradients(in->o.host.context, y, wrt, n, gradient);
    *out = value_list(&in->heap, ok ? n : 0);
    root_push(in, *out);
    for (int i = 0; ok && i < n; i++) {
        ok = gradient[i] || report_no_path(in, y, wrt[i], i, one, got[1].at);
        if (ok)
            out->list->at[i] = V_TENSOR(gradient[i]);
    }
    if (ok && one)
        *out = out->list->at[0];
    arena_free(&scratch);
    return ok;
}

bool builtin_initialize(struct interp *in, const struct value *self, struct args *a,
                        struct value *out) {
    (void)self;
    *out = V_NONE;
    if (a->n || a->n_named)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->call,
                       "initialize_all_variables() takes no arguments");
    if (in->failed)
        return true;
    for (int i = 0; i < in->variables.n; i++) {
        struct variable *v = in->variables.at[i];
        if (v->initialised)
            v->n_draws++;
        v->initialised = false;
    }
    return true;
}

bool builtin_seed(struct interp *in, const struct value *self, struct args *a, struct value *out) {
    static const char *const names[] = {"n"};
    struct arg got;
    int64_t n;
    (void)self;
    *out = V_NONE;
    if (!builtin_take(in, a, "seed", names, 1, &got) || !need_int(in, a, &got, "n", 0, 0, true, &n))
        return false;
    if (!in->o.seed_fixed)
        in->o.seed = (uint64_t)n;
    return true;
}

/* All, or of those that the graph's last walk has visited. */
static struct value variables_by_path(struct interp *in, bool visited) {
    struct value record = value_record(&in->heap);
    root_push(in, record);
    for (int i = 0; i < in->variables.n; i++) {
        const struct variable *v = in->variables.at[i];
        if (!visited || v->node->visit == in->o.graph->visit)
            record_set(&in->heap, record.record, v->path, V_TENSOR(v->node));
    }
    return record;
}

bool builtin_variables(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    struct node *nodes[MAX_ARGS];
    struct arena scratch = {0};
    (void)self;
    if (a->n_named)
        return fail_at(in, E_UNKNOWN_ARGUMENT, a->named[0].name_at,
                       "variables takes no argument `%s`", a->named[0].name);
    if (!a->n)
        interp_collect(in); /* what is listed must not depend on when the last collection was */
    for (int i = 0; i < a->n; i++)
        if (!to_node(in, a->at[i].value, a->at[i].at, -1, &nodes[i]))
            return false;
    graph_order(in->o.graph, &scratch, nodes, a->n, NULL, NULL);
    arena_free(&scratch);
    *out = variables_by_path(in, a->n > 0);
    return true;
}

bool builtin_fingerprint(struct interp *in, const struct value *self, struct args *a,
                         struct value *out) {
    uint64_t h = 0;
    char text[24];
    (void)self;
    if (a->n || a->n_named)
        return fail_at(in, E_TOO_MANY_ARGUMENTS, a->call, "fingerprint() takes no arguments");
    interp_collect(in);
    for (int i = 0; i < in->variables.n; i++) {
        const struct variable *v = in->variables.at[i];
        h = hash_bytes(v->path, strlen(v->path), h);
        if (v->initialised)
            h = hash_bytes(v->value->data, tensor_bytes(v->value), h);
    }
    int n = snprintf(text, sizeof text, "%016" PRIx64, h);
    *out = value_string(&in->heap, text, (size_t)n);
    root_push(in, *out);
    return true;
}

bool builtin_is_number(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    struct arg x;
    (void)self;
    if (!builtin_take_x(in, a, "is_number", &x))
        return false;
    *out = V_BOOL(value_is_number(x.value));
    return true;
}

static bool is_kind(struct interp *in, struct args *a, const char *callee, enum value_kind kind,
                    struct value *out) {
    struct arg x;
    if (!builtin_take_x(in, a, callee, &x))
        return false;
    *out = V_BOOL(x.value.kind == kind);
    return true;
}

bool builtin_is_string(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    (void)self;
    return is_kind(in, a, "is_string", VALUE_STRING, out);
}

bool builtin_is_record(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    (void)self;
    return is_kind(in, a, "is_record", VALUE_RECORD, out);
}

bool builtin_is_dataset(struct interp *in, const struct value *self, struct args *a,
                        struct value *out) {
    (void)self;
    return is_kind(in, a, "is_dataset", VALUE_DATASET, out);
}

static bool is_names(struct value v) {
    bool names = v.kind == VALUE_LIST;
    for (int i = 0; names && i < v.list->n; i++)
        names = v.list->at[i].kind == VALUE_STRING;
    return names;
}

bool builtin_record_of(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    static const char *const params[] = {"names", "values"};
    struct arg got[2];
    (void)self;
    if (!builtin_take(in, a, "record_of", params, 2, got))
        return false;
    struct value names = got[0].value, values = got[1].value;
    if (holds_unknown(in, names)) {
        *out = V_UNKNOWN;
        return true;
    }
    if (!is_names(names) || values.kind != VALUE_LIST)
        return fail_at(in, E_WRONG_KIND, a->call,
                       "record_of takes a list of names and a list of values");
    if (names.list->n != values.list->n)
        return fail_at(in, E_OUT_OF_RANGE, a->call,
                       "a record of %d names needs as many values, not %d", names.list->n,
                       values.list->n);
    root_push(in, *out = value_record(&in->heap));
    for (int i = 0; i < names.list->n; i++) {
        const char *name = intern(in, names.list->at[i].string->text);
        if (record_get(out->record, name))
            return fail_at(in, E_DUPLICATE_NAME, got[0].at, "the field `%s` is named twice", name);
        record_set(&in->heap, out->record, name, values.list->at[i]);
    }
    return true;
}

bool builtin_seconds(struct interp *in, const struct value *self, struct args *a,
                     struct value *out) {
    (void)self;
    *out = V_FLOAT(os_now_s());
    return a->n || a->n_named ? fail_at(in, E_TOO_MANY_ARGUMENTS, a->call,
                                        "seconds() takes no arguments")
                              : true;
}
