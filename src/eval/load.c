/* The builtins that load data: arguments to the loaders of data/, their sets to values. In a dry run
 * a loader gives phantoms; a file that is wrong is reported by then where a run is sure to come.
 *
 * Not for: reading files (data/), what data sets do (methods.c). */
#include <string.h>

#include "base/os.h"
#include "eval/interp.h"

static struct value group_value(struct interp *in, const struct dataset_group *g) {
    struct value record = value_record(&in->heap);
    root_push(in, record);
    struct {
        const char *name;
        struct dataset *d;
    } parts[] = {{"train", g->train}, {"validation", g->validation}, {"test", g->test}};
    for (int i = 0; i < 3; i++) {
        struct dataset_object *d = heap_new(&in->heap, VALUE_DATASET, sizeof *d);
        d->dataset = parts[i].d, d->owner = true;
        record_set(&in->heap, record.record, intern(in, parts[i].name), V_OBJECT(VALUE_DATASET, d));
    }
    record_set(&in->heap, record.record, intern(in, "title"),
               in->o.dry ? V_UNKNOWN : value_string(&in->heap, g->title, strlen(g->title)));
    return record;
}

/* A load under way. */
struct load {
    struct load_context c;
    bool only_names;
    double began_s;
};

static struct load load_begin(struct interp *in, struct args *a) {
    struct load l = {.c = {
                         .arena = &in->arena,
                         .diags = in->o.diags,
                         .at = a->call,
                         .seed = in->o.seed,
                         .log = in->o.log,
                         .interrupted = in->o.interrupted,
                         .store = in->o.store,
                         .dry = in->o.dry,
                     }};
    l.only_names = in->o.diags->only_names;
    l.began_s = os_now_s();
    if (!dry_is_certain(in))
        in->o.diags->only_names = true; /* no run may come here: what is wrong is not kept */
    return l;
}

/* Gives ok; what could not be loaded where no run may come is unknown. Reading is no walking: the
 * clock of a dry run stands still meanwhile. */
static bool load_end(struct interp *in, const struct load *l, bool ok, struct value *out) {
    in->o.diags->only_names = l->only_names;
    if (in->dry.began_s > 0)
        in->dry.began_s += os_now_s() - l->began_s;
    if (!ok && in->o.dry && !dry_is_certain(in))
        return *out = V_UNKNOWN, true;
    return ok ? true : interp_fail(in, NULL);
}

bool builtin_load_mnist(struct interp *in, const struct value *self, struct args *a,
                        struct value *out) {
    static const char *const names[] = {"folder", "one_hot", "validation", "fallback"};
    struct arg got[4];
    const char *folder, *fallback;
    int64_t validation;
    bool one_hot;
    struct dataset_group g = {0};
    (void)self;
    if (!builtin_take(in, a, "load_mnist", names, 4, got) ||
        !need_string(in, &got[0], "folder", "MNIST_data", &folder) ||
        !need_bool(in, &got[1], "one_hot", true, &one_hot) ||
        !need_int(in, a, &got[2], "validation", 0, 5000, false, &validation) ||
        !need_string(in, &got[3], "fallback", NULL, &fallback))
        return false;
    if (fallback && strcmp(fallback, "digits"))
        return fail_at(in, E_OUT_OF_RANGE, got[3].at, "the one fallback is \"digits\"");
    if (in->failed)
        return in->flow = FLOW_ERROR, false;
    struct load l = load_begin(in, a);
    bool ok = load_mnist(&l.c, folder, one_hot, validation, fallback, &g);
    if (ok)
        *out = group_value(in, &g);
    return load_end(in, &l, ok, out);
}

bool builtin_load_digits(struct interp *in, const struct value *self, struct args *a,
                         struct value *out) {
    static const char *const names[] = {"train", "test", "validation", "one_hot"};
    struct arg got[4];
    int64_t n_train, n_test, validation;
    bool one_hot;
    struct dataset_group g = {0};
    (void)self;
    if (!builtin_take(in, a, "load_digits", names, 4, got) ||
        !need_int(in, a, &got[0], "train", 1, 55000, false, &n_train) ||
        !need_int(in, a, &got[1], "test", 1, 10000, false, &n_test) ||
        !need_int(in, a, &got[2], "validation", 0, 5000, false, &validation) ||
        !need_bool(in, &got[3], "one_hot", true, &one_hot))
        return false;
    if (in->failed)
        return in->flow = FLOW_ERROR, false;
    struct load l = load_begin(in, a);
    bool ok = load_digits(&l.c, n_train, n_test, validation, one_hot, &g);
    if (ok)
        *out = group_value(in, &g);
    return load_end(in, &l, ok, out);
}
