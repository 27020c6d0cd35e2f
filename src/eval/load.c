/* The builtins that load data: arguments to the loaders of data/, their sets to values. In a dry
 * run a loader gives phantoms, and what is wrong is reported where a run is sure to come.
 *
 * Not for: reading files (data/), what data sets do (methods.c). */
#include <ctype.h>
#include <string.h>

#include "base/os.h"
#include "data/csv.h"
#include "data/images.h"
#include "data/npy.h"
#include "eval/load.h"

static struct value group_value(struct interp *in, const struct dataset_group *g) {
    struct value record = value_record(&in->heap);
    root_push(in, record);
    struct {
        const char *name;
        struct dataset *d;
    } parts[] = {{"train", g->train}, {"validation", g->validation}, {"test", g->test}};
    for (int i = 0; i < 3; i++)
        record_set(&in->heap, record.record, intern(in, parts[i].name),
                   dataset_value(in, parts[i].d));
    record_set(&in->heap, record.record, intern(in, "title"),
               in->o.dry ? V_UNKNOWN : value_string(&in->heap, g->title, strlen(g->title)));
    return record;
}

bool load_begin(struct interp *in, struct args *a, struct load *l) {
    if (in->failed)
        return fail_silently(in);
    *l = (struct load){
        .c =
            {
                .arena = &in->arena,
                .diags = in->o.diags,
                .at = a->call,
                .seed = in->o.seed,
                .log = in->o.log,
                .interrupted = in->o.interrupted,
                .store = in->o.store,
                .dry = in->o.dry,
                .quiet = in->o.quiet,
            },
        .only_names = in->o.diags->only_names,
        .began_s = os_thread_s(),
        .watched_s = watch_begin(in),
    };
    if (in->o.dry && in->dry.uncertain)
        in->o.diags->only_names = true; /* no run may come here: what is wrong is not kept */
    return true;
}

/* Gives ok; what could not be loaded where no run may come is unknown. Reading is no walking: the
 * clock of a dry run stands still meanwhile. */
bool load_end(struct interp *in, const struct load *l, bool ok, struct value *out) {
    in->o.diags->only_names = l->only_names;
    watch_end(in, WATCHED_DATA, l->c.at, l->watched_s);
    if (in->dry.began_s > 0)
        in->dry.began_s += os_thread_s() - l->began_s;
    if (!ok && in->o.dry && in->dry.uncertain)
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
        !need_string(in, &got[0], "folder", MNIST_FOLDER, &folder) ||
        !need_bool(in, &got[1], "one_hot", true, &one_hot) ||
        !need_int(in, a, &got[2], "validation", 0, 5000, false, &validation) ||
        !need_string(in, &got[3], "fallback", NULL, &fallback))
        return false;
    if (fallback && strcmp(fallback, "digits"))
        return fail_at(in, E_OUT_OF_RANGE, got[3].at, "the one fallback is \"digits\"");
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_mnist(&l.c, folder, one_hot, validation, fallback, &g);
    if (ok)
        *out = group_value(in, &g);
    return load_end(in, &l, ok, out);
}

bool builtin_load_cifar10(struct interp *in, const struct value *self, struct args *a,
                          struct value *out) {
    static const char *const names[] = {"folder", "one_hot", "validation"};
    struct arg got[3];
    const char *folder;
    int64_t validation = -1;
    bool one_hot;
    struct dataset_group g = {0};
    (void)self;
    if (!builtin_take(in, a, "load_cifar10", names, 3, got) ||
        !need_string(in, &got[0], "folder", CIFAR10_FOLDER, &folder) ||
        !need_bool(in, &got[1], "one_hot", true, &one_hot) ||
        (got[2].value.kind != VALUE_NONE &&
         !need_int(in, a, &got[2], "validation", 0, -1, false, &validation)))
        return false;
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_cifar10(&l.c, folder, one_hot, validation, &g);
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
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_digits(&l.c, n_train, n_test, validation, one_hot, &g);
    if (ok)
        *out = group_value(in, &g);
    return load_end(in, &l, ok, out);
}

bool need_path(struct interp *in, struct args *a, const struct arg *g, const char *name,
               const char **path) {
    if (!g->at.source)
        return fail_at(in, E_MISSING_ARGUMENT, a->call, "`%s` is missing", name);
    return need_string(in, g, name, NULL, path) &&
           (*path || fail_at(in, E_WRONG_KIND, g->at, "`%s` must be a string, not none", name));
}

/* A list of strings; names->given says whether there is one. */
static bool need_names(struct interp *in, const struct arg *g, const char *name,
                       struct csv_names *names) {
    if (!g->at.source)
        return true;
    bool strings = g->value.kind == VALUE_LIST;
    int n = strings ? g->value.list->n : 0;
    const char **list = arena_array(&in->arena, const char *, n);
    for (int i = 0; i < n && strings; i++) {
        struct value v = g->value.list->at[i];
        strings = v.kind == VALUE_STRING;
        if (strings)
            list[i] = arena_strndup(&in->arena, v.string->text, v.string->n);
    }
    *names = (struct csv_names){n, list, true};
    return strings ? true
                   : fail_at(in, E_WRONG_KIND, g->at, "`%s` must be a list of strings, not %s",
                             name, value_kind_words(g->value.kind));
}

static bool need_header(struct interp *in, const struct arg *g, struct csv_options *o) {
    o->header_given = g->at.source != 0;
    if (g->value.kind != VALUE_LIST)
        return need_bool(in, g, "header", true, &o->header);
    return need_names(in, g, "header", &o->names);
}

static bool need_separator(struct interp *in, const struct arg *g, char *out) {
    const char *text;
    if (!need_string(in, g, "separator", ",", &text))
        return false;
    *out = text[0];
    bool printable = text[0] == '\t' || (text[0] >= ' ' && text[0] <= '~');
    bool of_cells = text[0] && (strchr("\"+-._", text[0]) || isalnum((unsigned char)text[0]));
    return printable && !of_cells && !text[1]
               ? true
               : fail_at(in, E_OUT_OF_RANGE, g->at,
                         "`separator` must be one character that is no part of a number or a "
                         "name, such as \",\", \";\" or \"\\t\"");
}

static bool need_decimal(struct interp *in, const struct arg *g, struct csv_options *o) {
    const char *text;
    if (!need_string(in, g, "decimal", ".", &text))
        return false;
    o->decimal = text[0];
    if (strcmp(text, ".") && strcmp(text, ","))
        return fail_at(in, E_OUT_OF_RANGE, g->at, "`decimal` must be \".\" or \",\"");
    return o->decimal != o->separator
               ? true
               : fail_at(in, E_OUT_OF_RANGE, g->at,
                         "`,` cannot be the separator and the point of numbers: separator=\";\"?");
}

static bool need_missing(struct interp *in, const struct arg *g, enum csv_missing *out) {
    static const char *const words[] = {"error", "drop", "nan"};
    const char *text;
    if (!need_string(in, g, "missing", "error", &text))
        return false;
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0)
            return *out = (enum csv_missing)i, true;
    return fail_at(in, E_OUT_OF_RANGE, g->at,
                   "`missing` must be \"error\", \"drop\" or \"nan\"");
}

bool need_set(struct interp *in, const struct arg *g, const char *name,
              const struct dataset **out) {
    if (!g->at.source || g->value.kind == VALUE_NONE)
        return true;
    if (g->value.kind != VALUE_DATASET)
        return fail_at(in, E_WRONG_KIND, g->at, "`%s` must be a data set, not %s", name,
                       value_kind_words(g->value.kind));
    *out = g->value.dataset->dataset;
    return g->value.dataset->map
               ? fail_at(in, E_WRONG_KIND, g->at,
                         "`%s` must be a data set as it was loaded, not one that .map made", name)
               : true;
}

bool builtin_load_csv(struct interp *in, const struct value *self, struct args *a,
                      struct value *out) {
    static const char *const names[] = {"path",    "header",        "separator", "columns",
                                        "missing", "missing_words", "text",      "floats",
                                        "like",    "decimal"};
    struct arg got[10];
    struct csv_options o = {.missing_words = CSV_MISSING_WORDS};
    const char *path;
    (void)self;
    if (!builtin_take(in, a, "load_csv", names, 10, got) || !need_path(in, a, &got[0], "path", &path) ||
        !need_header(in, &got[1], &o) || !need_separator(in, &got[2], &o.separator) ||
        !need_names(in, &got[3], "columns", &o.columns) ||
        !need_missing(in, &got[4], &o.missing) ||
        !need_names(in, &got[5], "missing_words", &o.missing_words) ||
        !need_names(in, &got[6], "text", &o.text) ||
        !need_names(in, &got[7], "floats", &o.floats) ||
        !need_set(in, &got[8], "like", &o.like) || !need_decimal(in, &got[9], &o))
        return false;
    if (o.like && (o.text.given || o.floats.given))
        return fail_at(in, E_OUT_OF_RANGE, got[o.text.given ? 6 : 7].at,
                       "`like` says of every column what it is: nothing is left to say");
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    struct dataset *d;
    bool ok = load_csv(&l.c, path, &o, &d);
    if (ok)
        *out = dataset_value(in, d);
    return load_end(in, &l, ok, out);
}

bool builtin_load_npy(struct interp *in, const struct value *self, struct args *a,
                      struct value *out) {
    static const char *const names[] = {"path"};
    struct arg got;
    const char *path;
    struct tensor *t;
    (void)self;
    if (!builtin_take(in, a, "load_npy", names, 1, &got) || !need_path(in, a, &got, "path", &path))
        return false;
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_npy(&l.c, path, &t);
    if (ok)
        root_push(in, *out = value_array(&in->heap, t));
    return load_end(in, &l, ok, out);
}

bool builtin_load_npz(struct interp *in, const struct value *self, struct args *a,
                      struct value *out) {
    static const char *const names[] = {"path"};
    struct arg got;
    const char *path;
    struct npz z;
    (void)self;
    if (!builtin_take(in, a, "load_npz", names, 1, &got) || !need_path(in, a, &got, "path", &path))
        return false;
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_npz(&l.c, path, &z);
    if (ok)
        root_push(in, *out = value_record(&in->heap));
    for (int i = 0; ok && i < z.n; i++)
        record_set(&in->heap, out->record, intern(in, z.name[i]),
                   value_array(&in->heap, z.tensor[i]));
    return load_end(in, &l, ok, out);
}

/* size=[h, w] */
static bool need_size(struct interp *in, const struct arg *g, int64_t *height, int64_t *width) {
    if (!g->at.source || g->value.kind == VALUE_NONE)
        return true;
    const struct list *l = g->value.kind == VALUE_LIST ? g->value.list : NULL;
    bool two = l && l->n == 2 && l->at[0].kind == VALUE_INT && l->at[1].kind == VALUE_INT;
    *height = two ? l->at[0].i : 0;
    *width = two ? l->at[1].i : 0;
    return *height > 0 && *width > 0 && *height <= INT32_MAX && *width <= INT32_MAX
               ? true
               : fail_at(in, E_OUT_OF_RANGE, g->at,
                         "`size` must be [height, width], two whole numbers from 1 on");
}

bool builtin_load_images(struct interp *in, const struct value *self, struct args *a,
                         struct value *out) {
    static const char *const names[] = {"folder", "size", "channels"};
    struct arg got[3];
    struct images_options o = {0};
    const char *folder;
    int64_t channels = 0;
    struct dataset *d;
    (void)self;
    if (!builtin_take(in, a, "load_images", names, 3, got) ||
        !need_path(in, a, &got[0], "folder", &folder) || !need_size(in, &got[1], &o.height, &o.width) ||
        (got[2].value.kind != VALUE_NONE &&
         !need_int(in, a, &got[2], "channels", 1, 0, false, &channels)))
        return false;
    if (channels > 4)
        return fail_at(in, E_OUT_OF_RANGE, got[2].at,
                       "`channels` must be 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and "
                       "alpha)");
    o.channels = (int)channels;
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_images(&l.c, folder, &o, &d);
    if (ok)
        *out = dataset_value(in, d);
    return load_end(in, &l, ok, out);
}
