/* Collecting diagnostics: reporting, labels, notes, help, trails, and the nearest name for a "did
 * you mean". How they look is diag_print.c's. */
#include "base/diag.h"

#include <ctype.h>
#include <string.h>

enum { MAX_ERRORS = 20, MAX_OTHERS = 100 };

static const struct {
    const char *name, *summary;
} codes[] = {
#define ERROR(id, code, summary) {#code, summary},
#include "base/errors.def"
#undef ERROR
};

const char *diag_code_name(enum diag_code code) { return codes[code].name; }

const char *diag_code_summary(enum diag_code code) { return codes[code].summary; }

static bool is_same(const struct diag *a, const struct diag *b, struct span at_a,
                    struct span at_b) {
    return a != b && a->code == b->code && a->severity == b->severity &&
           at_a.source == at_b.source && at_a.offset == at_b.offset && at_a.length == at_b.length &&
           strcmp(a->message, b->message) == 0;
}

/* The same was said of the same place. In the library's text it may be another call's mistake. */
static bool is_repeated(const struct diags *ds, const struct diag *d) {
    const struct sources *s = ds->sources;
    uint32_t source = d->found_at.source;
    if (d->severity == SEVERITY_ERROR &&
        (!source || !s || (source < s->n && s->at[source].library)))
        return false;
    for (int i = 0; i < ds->list.n; i++)
        if (is_same(ds->list.at[i], d, ds->list.at[i]->found_at, d->found_at))
            return true;
    return false;
}

/* What is over the limit is made all the same, so that callers can add labels, but not kept. */
static struct diag *report(struct diags *ds, enum diag_code code, enum severity severity,
                           struct span at, const char *format, va_list args) {
    struct diag *d = arena_new(ds->arena, struct diag);
    d->code = code;
    d->severity = severity;
    d->at = d->found_at = at;
    d->message = arena_vprintf(ds->arena, format, args);
    d->owner = ds;
    if (severity == SEVERITY_ERROR) {
        if (ds->only_names && code != E_UNKNOWN_NAME)
            return d;
        /* A line that is reached twice (a function that is called again) is wrong once. */
        if (is_repeated(ds, d))
            return d;
        ds->n_errors++;
        ds->unsupported = ds->unsupported || code == E_NOT_SUPPORTED;
        if (ds->n_errors > MAX_ERRORS) {
            ds->n_dropped++;
            return d;
        }
    } else {
        /* One in a loop would come again with each turn. */
        if (ds->list.n >= MAX_ERRORS + MAX_OTHERS || is_repeated(ds, d))
            return d;
        ds->n_warnings += severity == SEVERITY_WARNING;
    }
    array_push(ds->arena, &ds->list, d);
    return d;
}

struct diag *diag_error(struct diags *ds, enum diag_code code, struct span at, const char *format,
                        ...) {
    va_list args;
    va_start(args, format);
    struct diag *d = report(ds, code, SEVERITY_ERROR, at, format, args);
    va_end(args);
    return d;
}

struct diag *diag_warning(struct diags *ds, enum diag_code code, struct span at, const char *format,
                          ...) {
    va_list args;
    va_start(args, format);
    struct diag *d = report(ds, code, SEVERITY_WARNING, at, format, args);
    va_end(args);
    return d;
}

struct diag *diag_remark(struct diags *ds, struct span at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct diag *d = report(ds, E_NONE, SEVERITY_NOTE, at, format, args);
    va_end(args);
    return d;
}

void diag_drop_repeated(struct diags *ds) {
    struct diag *last = ds->list.n > ds->n_printed ? ds->list.at[ds->list.n - 1] : NULL;
    bool repeated = false;
    for (int i = 0; last && i < ds->list.n; i++)
        repeated = repeated || is_same(ds->list.at[i], last, ds->list.at[i]->at, last->at);
    if (!repeated)
        return;
    ds->list.n--;
    ds->n_errors -= last->severity == SEVERITY_ERROR;
    ds->n_warnings -= last->severity == SEVERITY_WARNING;
}

void diag_label(struct diag *d, struct span at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(d->owner->arena, format, args);
    va_end(args);
    array_push(d->owner->arena, &d->labels, (struct label){at, text});
}

void diag_note(struct diag *d, struct span at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(d->owner->arena, format, args);
    va_end(args);
    array_push(d->owner->arena, &d->notes, (struct label){at, text});
}

void diag_help(struct diag *d, const char *format, ...) {
    va_list args;
    va_start(args, format);
    d->help = arena_vprintf(d->owner->arena, format, args);
    va_end(args);
}

void diag_trail(struct diag *d, const struct origin *origin) {
    d->trail = origin;
    const struct sources *s = d->owner->sources;
    for (const struct origin *o = origin; o; o = o->caller)
        if (o->span.source > 0 && o->span.source < s->n && !s->at[o->span.source].library) {
            /* In the user's own text `at` may be narrower than the frame: it stays. */
            if (o != origin)
                d->at = o->span;
            return;
        }
}

enum { MAX_NAME = 64 };

/* Edits (insert, delete, replace, swap two neighbours) between two names; letter case is free.
 * Damerau, CACM 1964, in the restricted form: no part is edited twice. */
static int edit_distance(const char *a, int n_a, const char *b, int n_b) {
    int rows[3][MAX_NAME + 1];
    for (int j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n_a; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
            int best = above[j - 1] + (ca != cb);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]) && above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n_a % 3][n_b];
}

const char *nearest_name(const char *name, const char *const *names, int n) {
    const char *nearest = NULL;
    size_t n_name = strlen(name);
    if (n_name > MAX_NAME)
        return NULL;
    int limit = (int)n_name / 3;
    for (int i = 0; i < n; i++) {
        size_t n_other = names[i] ? strlen(names[i]) : 0;
        if (n_other == 0 || n_other > MAX_NAME || strcmp(name, names[i]) == 0)
            continue;
        int distance = edit_distance(name, (int)n_name, names[i], (int)n_other);
        if (distance <= limit && (!nearest || distance < limit)) {
            nearest = names[i];
            limit = distance;
        }
    }
    return nearest;
}
