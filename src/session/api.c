/* The library's interface (nnrun.h) on top of a session. */
#define _POSIX_C_SOURCE 200809L
#include "nnrun.h"

#include <stdlib.h>
#include <string.h>

#include "session/demand.h"

struct nn_session {
    struct session *session;
    FILE *nowhere;     /* what print writes to when nobody asked for it */
    char *diagnostics; /* of the last call; NULL: none */
};

static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32,
                                    DTYPE_I64, DTYPE_U8,  DTYPE_BOOL};
enum { N_API_DTYPES = sizeof dtypes / sizeof *dtypes };

static enum nn_dtype api_dtype(enum dtype t) {
    int i = 0;
    while (dtypes[i] != t)
        i++;
    return (enum nn_dtype)i;
}

/* A call begins with nothing reported and ends with the text of what was. */
static struct session *begin(struct nn_session *s) {
    session_forget_diags(s->session);
    free(s->diagnostics);
    s->diagnostics = NULL;
    return s->session;
}

static enum nn_status end(struct nn_session *s) {
    size_t n = 0;
    FILE *text = open_memstream(&s->diagnostics, &n);
    if (text) {
        diag_flush(&s->session->diags, s->session->options.errors, text);
        fclose(text);
    }
    return (enum nn_status)session_status(s->session);
}

struct nn_session *nn_open(const struct nn_options *options) {
    static const struct nn_options usual;
    const struct nn_options *o = options ? options : &usual;
    struct nn_session *s = calloc(1, sizeof *s);
    if (s && !o->out)
        s->nowhere = fopen("/dev/null", "w");
    if (!s || (!o->out && !s->nowhere)) {
        free(s);
        return NULL;
    }
    s->session = session_new(&(struct session_options){
        .stdlib = o->stdlib,
        .seed = o->seed,
        .n_threads = o->n_threads,
        .errors = o->json ? DIAG_JSON : DIAG_TEXT,
        .out = o->out ? o->out : s->nowhere,
    });
    end(s);
    return s;
}

void nn_close(struct nn_session *s) {
    if (!s)
        return;
    session_free(s->session);
    if (s->nowhere)
        fclose(s->nowhere);
    free(s->diagnostics);
    free(s);
}

const char *nn_diagnostics(struct nn_session *s) { return s->diagnostics ? s->diagnostics : ""; }

enum nn_status nn_run_text(struct nn_session *s, const char *name, const char *text) {
    session_run_text(begin(s), name, text, strlen(text));
    return end(s);
}

enum nn_status nn_run_file(struct nn_session *s, const char *path) {
    session_run_file(begin(s), path);
    return end(s);
}

/* ---- feeding and fetching */

/* The tensor that a binding of that name holds: the newest node so called. */
static struct node *find_tensor(struct session *s, const char *name) {
    const char *wanted = intern_string(&s->names, name);
    ARRAY(const char *) names = {0};
    struct arena scratch = {0};
    struct node *found = NULL;
    for (struct node *n = s->graph.nodes; n && !found; n = n->list_next) {
        found = n->name == wanted ? n : NULL;
        if (n->name)
            array_push(&scratch, &names, n->name);
    }
    if (!found) {
        struct diag *d = diag_error(&s->diags, E_UNKNOWN_NAME, (struct span){0},
                                    "there is no tensor `%s`", name);
        const char *nearest = nearest_name(name, names.at, names.n);
        if (nearest)
            diag_help(d, "did you mean `%s`?", nearest);
    }
    arena_free(&scratch);
    return found;
}

static struct tensor *refuse_feed(struct session *s, const char *name, const char *why) {
    diag_error(&s->diags, E_FEED, (struct span){0}, "`%s` cannot be fed this: %s", name, why);
    return NULL;
}

/* A copy of an array; dtypes and shapes are held against the tensor's when it is run. NULL:
 * reported. */
static struct tensor *tensor_of(struct session *s, const struct nn_feed *feed) {
    const struct nn_array *a = feed->value;
    if (!a || a->rank < 0 || a->rank > MAX_RANK)
        return refuse_feed(s, feed->name, "its rank must be from 0 to 8");
    if ((unsigned)a->dtype >= N_API_DTYPES)
        return refuse_feed(s, feed->name, "it has no dtype that nnrun.h names");
    for (int d = 0; d < a->rank; d++)
        if (a->dim[d] < 0)
            return refuse_feed(s, feed->name, "a size is negative");
    struct tensor *t = tensor_new(dtypes[a->dtype], a->rank, a->dim);
    if (!t)
        return refuse_feed(s, feed->name, "it is larger than there is memory for");
    if (tensor_bytes(t))
        memcpy(t->data, a->data, tensor_bytes(t));
    return t;
}

static bool fetch(struct session *s, const char *name, const struct nn_feed *feeds, int n_feeds,
                  struct tensor **result) {
    struct arena scratch = {0};
    struct node *wanted = find_tensor(s, name);
    struct request r = {
        .kind = REQUEST_EVAL,
        .fetch = &wanted,
        .n_fetch = 1,
        .words = name,
        .result = result,
        .fed = arena_array(&scratch, struct node *, n_feeds),
        .value = arena_array(&scratch, struct tensor *, n_feeds),
    };
    bool ok = wanted != NULL;
    for (int i = 0; i < n_feeds && ok; i++) {
        r.fed[i] = find_tensor(s, feeds[i].name);
        r.value[i] = r.fed[i] ? tensor_of(s, &feeds[i]) : NULL;
        ok = r.value[i] != NULL;
        r.n_fed += ok;
    }
    ok = ok && demand_run(s, &r);
    for (int i = 0; i < r.n_fed; i++)
        tensor_unref(r.value[i]);
    arena_free(&scratch);
    return ok;
}

enum nn_status nn_eval(struct nn_session *s, const char *name, const struct nn_feed *feeds,
                       int n_feeds, struct nn_array *out) {
    struct session *session = begin(s);
    struct tensor *t = NULL;
    *out = (struct nn_array){0};
    if (!fetch(session, name, feeds, n_feeds, &t)) {
        enum nn_status status = end(s);
        return status == NN_OK ? NN_ERROR : status;
    }
    *out = (struct nn_array){.dtype = api_dtype(t->dtype), .rank = t->rank};
    memcpy(out->dim, t->dim, (size_t)t->rank * sizeof *out->dim);
    out->data = malloc(tensor_bytes(t) + 1);
    if (out->data)
        memcpy(out->data, t->data, tensor_bytes(t));
    else
        diag_error(&session->diags, E_MEMORY, (struct span){0},
                   "there is not enough memory for a copy of `%s`", name);
    tensor_unref(t);
    return end(s);
}

void nn_array_free(struct nn_array *a) {
    free(a->data);
    a->data = NULL;
}
