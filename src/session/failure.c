/* Why a run ended, in words of the script: an element outside an op's domain, a loss or gradient
 * that is not finite, memory. A training step that is not finite is run again without its updates
 * and with every op alone and looked at, to name the first that gives such a value: the same draws
 * and unchanged variables give the same numbers. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "session/chunks.h"

static const char *op_word(const struct node *n) { return n->spelling ? n->spelling : n->op->name; }

static struct span origin_span(const struct origin *o) { return o ? o->span : (struct span){0}; }

static struct span user_span(const struct session *s, const struct origin *origin) {
    return origin_span(source_users_frame(&s->sources, origin));
}

static const char *value_word(double v) {
    return isnan(v) ? "NaN" : v < 0 ? "-infinity" : "infinity";
}

enum { ELEMENT_TEXT = 192 };

/* " at [3, 7]", and "" for a scalar. */
static const char *element_text(char *buf, const struct shape *s, int64_t i) {
    int64_t index[MAX_RANK];
    buf[0] = 0;
    for (int d = s->rank - 1; d >= 0; d--) {
        int64_t size = s->d[d].k > 0 ? s->d[d].k : 1;
        index[d] = i % size;
        i /= size;
    }
    int used = 0;
    for (int d = 0; d < s->rank; d++)
        used += snprintf(buf + used, (size_t)(ELEMENT_TEXT - used), "%s%" PRId64,
                         d ? ", " : " at [", index[d]);
    if (s->rank)
        snprintf(buf + used, (size_t)(ELEMENT_TEXT - used), "]");
    return buf;
}

/* What demanded, for a message: an expression is quoted, words are not. */
static const char *demand_words(struct session *s, const struct request *r) {
    return strchr(r->words, ' ') ? r->words : arena_printf(&s->arena, "`%s`", r->words);
}

/* A fault in a chunk counts its elements from the chunk's first row. */
static void note_rows(struct session *s, struct diag *d) {
    const struct chunk *chunk = s->chunk;
    if (chunk)
        diag_note(d, (struct span){0},
                  "in rows %" PRId64 " to %" PRId64 " of %s, counted from the first of these",
                  chunk->first, chunk->first + chunk->n - 1, chunk->split->name);
}

static void note_demand(struct session *s, struct diag *d, const struct request *r) {
    struct span at = user_span(s, r->origin);
    if (at.source && (at.source != d->at.source || at.offset != d->at.offset))
        diag_note(d, at, "demanded by %s", demand_words(s, r));
}

/* " in the step of row 17 of a loop", and "" outside of loops: innermost first. */
static const char *rows_text(struct arena *a, const struct run *run) {
    const char *text = "";
    for (int i = 0; i < run->n_rows; i++)
        text = arena_printf(a, "%s%s%" PRId64, text, i ? " of row " : ", in the step of row ",
                            run->row[i]);
    return text;
}

/* ---- an element outside an op's domain */

#define FROM_FRONT "indices in a tensor count from the front only: add the size to those below 0"

static const struct domain_words {
    enum op_id op;
    int operand;              /* whose element it is */
    const char *what, *range; /* range NULL: from the fault's bounds */
    const char *negative;     /* help when the value is below 0, or NULL */
} domains[] = {
    {OP_one_hot, 0, "index", NULL, NULL},
    {OP_gather, 1, "index", NULL, FROM_FRONT},
    {OP_scatter_add, 1, "index", NULL, FROM_FRONT},
    {OP_take_along_axis, 1, "index", NULL, FROM_FRONT},
    {OP_dropout, 1, "keep_prob", "(0, 1]", NULL},
};

/* Elementwise ops that cannot take every whole number. */
static const struct {
    enum op_id op;
    const char *words, *help;
} refusals[] = {
    {OP_floordiv, "divides a whole number by 0",
     "x // where(y == 0, 1, y) divides by 1 there; floats divide by 0 as IEEE 754 says"},
    {OP_mod, "divides a whole number by 0",
     "x % where(y == 0, 1, y) divides by 1 there; floats divide by 0 as IEEE 754 says"},
    {OP_pow, "raises a whole number to a power below 0",
     "the result would be a fraction: cast(x, float) ** y"},
};

static const struct domain_words *words_of(enum op_id op) {
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (domains[i].op == op)
            return &domains[i];
    return NULL;
}

static bool is_whole(double v) { return isfinite(v) && v == floor(v); }

static const char *range_text(struct arena *a, const struct kernel_fault *f) {
    if (f->high <= f->low)
        return "outside an axis that has no elements";
    if (is_whole(f->low) && is_whole(f->high))
        return arena_printf(a, "outside %.0f..%.0f", f->low, f->high - 1);
    if (!isnan(f->low) && !isnan(f->high))
        return arena_printf(a, "outside [%g, %g)", f->low, f->high);
    if (!isnan(f->low))
        return arena_printf(a, "below %g", f->low);
    if (!isnan(f->high))
        return arena_printf(a, "not below %g", f->high);
    return "not a number that it can take";
}

static bool report_refusal(struct session *s, const struct request *r, const struct run *run) {
    const struct node *n = run->failed->nodes[run->fault.instruction];
    char element[ELEMENT_TEXT];
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (refusals[i].op != n->op->id)
            continue;
        element_text(element, &n->shape, run->fault.element);
        struct diag *d = diag_error(&s->diags, E_VALUE, origin_span(n->origin), "`%s` %s%s",
                                    op_word(n), refusals[i].words, element);
        diag_trail(d, n->origin);
        note_demand(s, d, r);
        diag_help(d, "%s", refusals[i].help);
        return true;
    }
    return false;
}

/* The op stands in a definition, and the operand is, moved at most, an argument of it: the message
 * is of the user's call, in the definition's words. NULL: it is not so. */
static struct diag *report_argument(struct session *s, const struct node *n, int operand,
                                    const char *value, const char *range, const char *where) {
    const struct sources *sources = &s->sources;
    const struct origin *frame = source_users_frame(sources, n->origin);
    if (!n->at || !frame || frame == n->origin)
        return NULL;
    struct span name = source_word(sources, n->at[operand]), at = name;
    struct span word = source_word(sources, frame->span);
    if (!name.length || !word.length || !source_find_users(sources, n->origin->caller, &at))
        return NULL;
    struct diag *d = diag_error(
        &s->diags, E_VALUE, at, "%.*s: `%.*s` holds %s, which is %s%s", (int)word.length,
        source_text(sources, word), (int)name.length, source_text(sources, name), value, range,
        where);
    diag_trail(d, frame);
    diag_label(d, at, "%s", "");
    return d;
}

static void report_domain(struct session *s, const struct request *r, const struct run *run) {
    const struct node *n = run->failed->nodes[0];
    const struct kernel_fault *f = &run->fault;
    const struct domain_words *words = words_of(n->op->id);
    struct arena scratch = {0};
    const char *range = words && words->range ? arena_printf(&scratch, "outside %s", words->range)
                                              : range_text(&scratch, f);
    const char *value =
        isfinite(f->value) ? arena_printf(&scratch, "%.9g", f->value) : value_word(f->value);
    const char *rows = rows_text(&scratch, run);
    const char *where =
        words && words->range
            ? rows
            : arena_printf(&scratch, " (element %" PRId64 "%s)", f->element, rows);
    struct diag *d = words ? report_argument(s, n, words->operand, value, range, where) : NULL;
    bool is_argument = d != NULL;
    if (!d) {
        d = diag_error(&s->diags, E_VALUE, origin_span(n->origin), "`%s`: %s %s is %s%s",
                       op_word(n), words ? words->what : "an element,", value, range, where);
        diag_trail(d, n->origin);
    }
    /* an argument that is taken along is called otherwise by its definition: a label, say */
    bool is_index = !is_argument || n->op->id != OP_take_along_axis;
    if (is_index && words && words->negative && f->value < 0)
        diag_help(d, "%s", words->negative);
    note_rows(s, d);
    note_demand(s, d, r);
    arena_free(&scratch);
}

/* ---- not finite */

/* Whether a tensor has an element that is not finite; where, in words. */
static bool holds_non_finite(const struct tensor *t, char *element, const char **value) {
    for (int64_t i = 0; dtype_is_float(t->dtype) && i < t->n_elements; i++) {
        double x = tensor_get(t, i);
        if (isfinite(x))
            continue;
        struct shape shape = tensor_shape(t);
        element_text(element, &shape, i);
        *value = value_word(x);
        return true;
    }
    return false;
}

/* What goes in is looked at before what is computed: data with a NaN in them, a variable that an
 * earlier update spoilt. false: all of it is finite. */
static bool note_inputs(struct session *s, struct diag *d, const struct request *r) {
    char element[ELEMENT_TEXT];
    const char *value;
    for (int i = 0; i < r->n_fed; i++)
        if (holds_non_finite(r->value[i], element, &value)) {
            const char *name = r->fed[i]->name ? r->fed[i]->name : op_word(r->fed[i]);
            diag_note(d, origin_span(r->fed[i]->origin), "`%s` is fed with %s%s", name, value,
                      element);
            return true;
        }
    struct arena scratch = {0};
    struct variable_list list = initial_find(s, r, &scratch);
    bool found = false;
    for (int i = 0; i < list.n && !found; i++) {
        const struct variable *v = list.at[i];
        found = v->value && holds_non_finite(v->value, element, &value);
        if (found)
            diag_note(d, v->declared, "the variable `%s` holds %s%s before this step", v->path,
                      value, element);
    }
    arena_free(&scratch);
    return found;
}

/* The first op that gives NaN or infinity, found by running the checks alone, op by op. */
static void note_first_op(struct session *s, struct diag *d, const struct request *r) {
    struct arena scratch = {0};
    struct request checks = *r;
    checks.effects = arena_array(&scratch, struct node *, r->n_effects);
    checks.n_effects = 0;
    for (int i = 0; i < r->n_effects; i++)
        if (r->effects[i]->op->id == OP_check_finite)
            checks.effects[checks.n_effects++] = r->effects[i];
    checks.result = arena_array(&scratch, struct tensor *, r->n_fetch);
    s->is_replaying = true;
    struct compiled *c = demand_compile(s, &checks, true);
    s->is_replaying = false;
    struct run run = {.check_numerics = true};
    char element[ELEMENT_TEXT];
    if (c && demand_execute(s, c, &checks, &run)) {
        for (int i = 0; i < r->n_fetch; i++)
            tensor_unref(checks.result[i]);
    } else if (c && run.failed && run.failed->nodes[0]->op->id != OP_check_finite) {
        const struct node *n = run.failed->nodes[0];
        element_text(element, &n->shape, run.fault.element);
        diag_note(d, user_span(s, n->origin),
                  "`%s`%s is the first op that gives such a value: %s%s%s", op_word(n),
                  n->at ? "" : ", which differentiating this needs,", value_word(run.fault.value),
                  element, rows_text(&scratch, &run));
    }
    if (c)
        compiled_free(c);
    arena_free(&scratch);
}

/* The check of the script's graph that a step of the program is. */
static const struct node *find_check(const struct compiled *c, const struct request *r,
                                     const struct step *failed) {
    for (int i = 0; i < r->n_effects; i++)
        if (c->program.roots[r->n_fetch + i] == failed->nodes[0])
            return r->effects[i];
    return NULL;
}

/* The variable whose gradient the k-th check looks at: after the loss's check come the gradients',
 * and after those the assigns, in the order of the variables; an optimizer's state is assigned too.
 * NULL: it cannot be told. */
static const struct variable *checked_variable(const struct request *r, const struct node *check) {
    int n_checks = 0, n_updated = 0, k = -1;
    const struct variable *found = NULL;
    for (int i = 1; i < r->n_effects; i++) {
        const struct node *e = r->effects[i];
        if (e->op->id == OP_check_finite) {
            k = e == check ? n_checks : k;
            n_checks++;
        } else if (!e->in[0]->variable->state) {
            found = n_updated == k ? e->in[0]->variable : found;
            n_updated++;
        }
    }
    return n_checks == n_updated ? found : NULL;
}

static const char *checked_words(struct arena *a, const struct request *r,
                                 const struct node *check) {
    if (!check)
        return "a checked value";
    const char *name = check->in[0]->name;
    if (check == r->effects[0])
        return name ? arena_printf(a, "the loss `%s`", name) : "the loss";
    const struct variable *v = checked_variable(r, check);
    return v ? arena_printf(a, "the gradient of `%s`", v->path) : "a gradient";
}

static void report_not_finite(struct session *s, const struct compiled *c, const struct request *r,
                              const struct run *run) {
    struct arena scratch = {0};
    const struct node *check = find_check(c, r, run->failed);
    const char *what = checked_words(&scratch, r, check);
    const char *value = value_word(run->fault.value);
    struct diag *d;
    if (r->kind == REQUEST_TRAIN)
        d = diag_error(&s->diags, E_NOT_FINITE, origin_span(r->origin),
                       "%s is %s at step %" PRIu64 ": nothing was updated", what, value, r->step);
    else
        d = diag_error(&s->diags, E_NOT_FINITE, origin_span(r->origin), "%s is %s", what, value);
    diag_trail(d, r->origin);
    if (!note_inputs(s, d, r))
        note_first_op(s, d, r);
    arena_free(&scratch);
}

/* --check-numerics: any op. */
static void report_numerics(struct session *s, const struct request *r, const struct run *run) {
    const struct node *n = run->failed->nodes[0];
    struct arena scratch = {0};
    char element[ELEMENT_TEXT];
    element_text(element, &n->shape, run->fault.element);
    struct diag *d =
        diag_error(&s->diags, E_NOT_FINITE, origin_span(n->origin), "`%s` gives %s%s%s", op_word(n),
                   value_word(run->fault.value), element, rows_text(&scratch, run));
    diag_trail(d, n->origin);
    note_rows(s, d);
    note_demand(s, d, r);
    arena_free(&scratch);
}

/* ---- memory */

static const char *bytes_text(struct arena *a, double n) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int unit = 0;
    while (n >= 1024 && unit < 6)
        n /= 1024, unit++;
    return arena_printf(a, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static double node_bytes(const struct node *n) {
    double bytes = (double)dtype_bytes(n->dtype);
    for (int d = 0; d < n->shape.rank; d++)
        bytes *= (double)n->shape.d[d].k;
    return bytes;
}

static void note_largest(struct session *s, struct diag *d, const struct compiled *c) {
    struct arena scratch = {0};
    struct program p = c->program;
    struct node_list order = graph_order(&p.graph, &scratch, p.roots, p.n_roots, NULL, NULL);
    const struct node *largest = NULL;
    for (int i = 0; i < order.n; i++)
        if (!largest || node_bytes(order.at[i]) > node_bytes(largest))
            largest = order.at[i];
    if (largest) {
        char shape[SHAPE_TEXT];
        shape_print(shape, sizeof shape, &s->symbols, &largest->shape);
        diag_note(d, user_span(s, largest->origin), "its largest tensor is `%s`, %s%s: %s",
                  largest->name ? largest->name : op_word(largest), dtype_name(largest->dtype),
                  shape, bytes_text(&scratch, node_bytes(largest)));
    }
    arena_free(&scratch);
}

void failure_report_memory(struct session *s, const struct compiled *c, const struct request *r) {
    struct arena scratch = {0};
    struct span at = origin_span(r->origin);
    struct diag *d;
    if (c->plan && s->options.memory_bytes && c->plan->slab_bytes > s->options.memory_bytes)
        d = diag_error(&s->diags, E_MEMORY, at, "%s asks for %s, and --memory allows %s",
                       demand_words(s, r), bytes_text(&scratch, (double)c->plan->slab_bytes),
                       bytes_text(&scratch, (double)s->options.memory_bytes));
    else if (c->plan)
        d = diag_error(&s->diags, E_MEMORY, at, "there is not enough memory for %s: it asks for %s",
                       demand_words(s, r), bytes_text(&scratch, (double)c->plan->slab_bytes));
    else
        d = diag_error(&s->diags, E_MEMORY, at, "there is not enough memory for %s",
                       demand_words(s, r));
    diag_trail(d, r->origin);
    note_largest(s, d, c);
    arena_free(&scratch);
}

void failure_report(struct session *s, struct compiled *c, const struct request *r,
                    const struct run *run) {
    if (run->was_interrupted || (!run->failed && !run->out_of_memory))
        return;
    if (run->out_of_memory)
        failure_report_memory(s, c, r);
    else if (run->failed->nodes[0]->op->id == OP_check_finite)
        report_not_finite(s, c, r, run);
    else if (run->fault.raised && report_refusal(s, r, run))
        return;
    else if (run->fault.raised)
        report_domain(s, r, run);
    else
        report_numerics(s, r, run);
}
