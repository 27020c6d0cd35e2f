/* Texts in scripts: made of a file or a string, and characters to numbers and back.
 *
 * Not for: what a text is (data/text.c). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "data/text.h"
#include "eval/load.h"

/* The alphabet that `like` names: a data set of characters. */
static bool need_alphabet(struct interp *in, const struct arg *g, const struct categories **out) {
    *out = NULL;
    if (!g->at.source || g->value.kind == VALUE_NONE)
        return true;
    if (g->value.kind == VALUE_DATASET)
        *out = dataset_categories(g->value.dataset, TEXT_FIELD);
    return *out ? true
                : fail_at(in, E_WRONG_KIND, g->at,
                          "`like` must be a text that load_text or characters gave");
}

bool builtin_load_text(struct interp *in, const struct value *self, struct args *a,
                       struct value *out) {
    static const char *const names[] = {"path", "like"};
    struct arg got[2];
    const struct categories *like;
    const char *path;
    struct dataset *d;
    (void)self;
    if (!builtin_take(in, a, "load_text", names, 2, got) || !need_path(in, a, &got[0], "path", &path) ||
        !need_alphabet(in, &got[1], &like))
        return false;
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = load_text(&l.c, path, like, &d);
    if (ok)
        *out = dataset_value(in, d);
    return load_end(in, &l, ok, out);
}

/* The text is the script's own, so it is the same in a dry run. */
bool builtin_characters(struct interp *in, const struct value *self, struct args *a,
                        struct value *out) {
    static const char *const names[] = {"text", "like"};
    struct arg got[2];
    const struct categories *like;
    struct dataset *d;
    (void)self;
    if (!builtin_take(in, a, "characters", names, 2, got) || !need_alphabet(in, &got[1], &like))
        return false;
    if (got[0].value.kind != VALUE_STRING)
        return fail_at(in, got[0].at.source ? E_WRONG_KIND : E_MISSING_ARGUMENT,
                       got[0].at.source ? got[0].at : a->call,
                       "characters takes a string; load_text(path) takes a file");
    const struct string *s = got[0].value.string;
    const char *name = path_join(in, "");
    struct load l;
    if (!load_begin(in, a, &l))
        return false;
    bool ok = text_make(&l.c, *name ? name : "text", s->text, (int64_t)s->n, like, &d);
    if (ok)
        *out = dataset_value(in, d);
    return load_end(in, &l, ok, out);
}

/* The alphabet of the data set of a method. NULL: reported. */
static const struct categories *own_alphabet(struct interp *in, const struct value *self,
                                             struct args *a, const char *method) {
    const struct categories *alphabet = dataset_categories(self->dataset, TEXT_FIELD);
    if (!alphabet)
        fail_at(in, E_WRONG_KIND, a->call,
                "%s is of texts, and the data set %s has no field `" TEXT_FIELD "`", method,
                self->dataset->dataset->name);
    return alphabet;
}

/* The bytes of the character at `p`; one that is none is a character of its own. */
static int character_bytes(const char *p, const char *end) {
    int n = utf8_length(p, end);
    return n ? n : 1;
}

bool method_encode(struct interp *in, const struct value *self, struct args *a,
                   struct value *out) {
    const struct categories *alphabet = own_alphabet(in, self, a, "encode");
    if (!alphabet)
        return false;
    if (a->n != 1 || a->n_named || a->at[0].value.kind != VALUE_STRING)
        return fail_at(in, E_WRONG_KIND, a->call, "encode takes a string");
    const struct string *s = a->at[0].value.string;
    const char *end = s->text + s->n;
    int64_t n = 0, i = 0;
    for (const char *p = s->text; p < end; n++)
        p += character_bytes(p, end);
    struct tensor *ids = tensor_new(DTYPE_I32, 1, &n);
    if (!ids)
        return fail_at(in, E_MEMORY, a->call, "there is not enough memory for the characters");
    root_push(in, *out = value_array(&in->heap, ids));
    for (const char *p = s->text; p < end; i++) {
        int n_bytes = character_bytes(p, end);
        int id = text_find(alphabet, p, n_bytes);
        if (id < 0)
            return fail_at(in, E_VALUE, a->at[0].at,
                           "the character \"%.*s\" is none of the %d of the alphabet", n_bytes, p,
                           alphabet->n);
        ((int32_t *)ids->data)[i] = id;
        p += n_bytes;
    }
    return true;
}

static bool need_ids(struct interp *in, const struct arg *g, struct tensor **out) {
    struct value v = g->value;
    if (v.kind == VALUE_INT || v.kind == VALUE_LIST) {
        *out = list_tensor(in, v, g->at, DTYPE_I64);
    } else if (v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY) {
        if (!demand_one(in, v, g->at, out))
            return false;
    } else {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, g->at,
                       "decode takes whole numbers, one or a row of them, not %s", text);
    }
    if (!*out)
        return false;
    enum dtype t = (*out)->dtype;
    if ((*out)->rank <= 1 && !dtype_is_float(t) && t != DTYPE_BOOL)
        return true;
    int rank = (*out)->rank;
    tensor_unref(*out);
    return fail_at(in, rank > 1 ? E_SHAPE : E_DTYPE, g->at,
                   "decode takes whole numbers, one or a row of them, not %s of %d axes",
                   dtype_name(t), rank);
}

bool method_decode(struct interp *in, const struct value *self, struct args *a,
                   struct value *out) {
    const struct categories *alphabet = own_alphabet(in, self, a, "decode");
    struct tensor *ids;
    char *text = NULL;
    size_t n_text = 0;
    if (!alphabet)
        return false;
    if (a->n != 1 || a->n_named)
        return fail_at(in, E_WRONG_KIND, a->call, "decode takes whole numbers: decode(ids)");
    if (!need_ids(in, &a->at[0], &ids))
        return false;
    if (ids->phantom) {
        tensor_unref(ids);
        return *out = V_UNKNOWN, true;
    }
    FILE *line = open_memstream(&text, &n_text);
    bool ok = line != NULL;
    for (int64_t i = 0; i < ids->n_elements && ok; i++) {
        double id = tensor_get(ids, i);
        ok = id >= 0 && id < alphabet->n;
        if (ok)
            fputs(alphabet->name[(int)id], line);
        else
            fail_at(in, E_OUT_OF_RANGE, a->at[0].at,
                    "%.0f is the number of no character: the alphabet has 0 to %d", id,
                    alphabet->n - 1);
    }
    tensor_unref(ids);
    if (line)
        fclose(line);
    if (ok)
        root_push(in, *out = value_string(&in->heap, text, n_text));
    free(text);
    return ok;
}
