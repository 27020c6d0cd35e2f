/* The report of a profile (profile.h): where the time of the whole run went, the steps that are
 * furthest from what the machine can do, and each line of the script with the ops that it became.
 *
 * Shares are of the whole run's time and add up to 100 %. Steps that are alike (line, part, op,
 * layer, kernel) are one row, in whatever plans they stand; an optimizer's are one row for all
 * variables. How near a row comes to the roof is the time its calls would take there, over the time
 * they took: more than 100 % is possible where operands stay in a nearer cache than their size
 * says, or a kernel need not do all the work that is counted. */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "base/os.h"
#include "session/profile.h"

enum { COLUMNS = 100, OP_COLUMNS = 28, N_WORST = 5, PATH_TEXT = 64 };
/* Lines are shown until they are this much of all steps' time. */
static const double SHOWN_SHARE = 0.995;

struct row {
    const struct profiled_step *step; /* the first of those alike */
    uint32_t source, line;
    const char *layer;
    double seconds, least; /* least: at the roof */
    double flops, bytes;
    uint64_t calls;
    int n_layers;
    double line_seconds; /* of all rows of its line */
};

struct report {
    const struct profile *p;
    struct arena arena;
    struct roof roof;
    bool has_roof;
    double end_s, all_s;
    double kind_s[REQUEST_INITIAL + 1]; /* of steps, by what they were run for */
    uint64_t kind_runs[REQUEST_INITIAL + 1];
    double runs_s, steps_s;
    ARRAY(struct row) rows;
    FILE *out;
};

/* ---- gathering */

static bool is_update(const struct profiled_step *s) { return !strcmp(s->part, "update"); }

static struct row row_of(const struct report *r, const struct profiled_step *s,
                         const struct step_record *record) {
    double calls = (double)record->calls;
    return (struct row){
        .step = s,
        .source = s->at.source,
        .line = source_line_number(&r->p->s->sources, s->at),
        .layer = s->layer,
        .seconds = record->seconds - s->body_seconds,
        .least = r->has_roof && !s->is_loop ? calls * roof_seconds(&r->roof, &s->work) : 0,
        .flops = calls * s->work.flops,
        .bytes = s->is_loop ? 0 : calls * s->work.bytes,
        .calls = record->calls,
        .n_layers = 1,
    };
}

static void gather_plan(struct report *r, struct profiled_plan *plan) {
    r->runs_s += plan->seconds;
    r->kind_runs[plan->kind] += plan->n_runs;
    for (int i = plan->n_steps - 1; i >= 0; i--) { /* bodies come after what repeats them */
        struct profiled_step *s = &plan->step[i];
        const struct step_record *record = &plan->records[i];
        if (s->outer >= 0)
            plan->step[s->outer].body_seconds += record->seconds;
        else
            r->kind_s[plan->kind] += record->seconds, r->steps_s += record->seconds;
        if (record->calls)
            array_push(&r->arena, &r->rows, row_of(r, s, record));
    }
}

static int compare_likeness(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    int order = strcmp(x->step->part, y->step->part);
    if (!order)
        order = strcmp(x->step->op, y->step->op);
    if (!order)
        order = strcmp(x->step->kernel, y->step->kernel);
    if (!order && !is_update(x->step))
        order = strcmp(x->layer, y->layer);
    return order;
}

static int compare_time(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->line_seconds != y->line_seconds)
        return x->line_seconds > y->line_seconds ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static int compare_loss(const void *a, const void *b) {
    const struct row *const *x = a, *const *y = b;
    double lost_x = (*x)->seconds - (*x)->least, lost_y = (*y)->seconds - (*y)->least;
    return (lost_x < lost_y) - (lost_x > lost_y);
}

static void merge_alike(struct report *r) {
    int n = 0;
    struct row *at = r->rows.at;
    if (!r->rows.n)
        return;
    qsort(at, (size_t)r->rows.n, sizeof *at, compare_likeness);
    for (int i = 1; i < r->rows.n; i++) {
        if (compare_likeness(&at[n], &at[i])) {
            at[++n] = at[i];
            continue;
        }
        at[n].n_layers += strcmp(at[n].layer, at[i].layer) != 0;
        at[n].seconds += at[i].seconds, at[n].least += at[i].least;
        at[n].flops += at[i].flops, at[n].bytes += at[i].bytes, at[n].calls += at[i].calls;
    }
    r->rows.n = n + 1;
    for (int i = 0, end; i < r->rows.n; i = end) {
        double sum = 0;
        for (end = i; end < r->rows.n && at[end].source == at[i].source &&
                      at[end].line == at[i].line; end++)
            sum += at[end].seconds;
        for (int k = i; k < end; k++)
            at[k].line_seconds = sum;
    }
    qsort(at, (size_t)r->rows.n, sizeof *at, compare_time);
}

/* ---- printing */

static double share(const struct report *r, double seconds) {
    return r->all_s > 0 ? 100 * seconds / r->all_s : 0;
}

static void print_account(const struct report *r, const char *what, double seconds,
                          const char *note) {
    if (seconds < 0)
        seconds = 0;
    fprintf(r->out, "  %-32s%10.3f s%7.1f %%%s%s\n", what, seconds, share(r, seconds),
            *note ? "  " : "", note);
}

static void print_runs(struct report *r, const char *what, enum request_kind kind) {
    if (!r->kind_runs[kind])
        return;
    double seconds = r->kind_s[kind];
    uint64_t n = r->kind_runs[kind];
    print_account(r, what, seconds,
                  arena_printf(&r->arena, "%" PRIu64 " run%s, %.4g ms each", n,
                               n == 1 ? "" : "s", seconds / (double)n * 1e3));
}

static void print_accounts(struct report *r) {
    const struct profile *p = r->p;
    double reading = (p->script_began_s ? p->script_began_s : r->end_s) - p->began_s;
    double planning = p->seconds[ACCOUNT_PLANNING], data = p->seconds[ACCOUNT_DATA];
    int n_plans = p->plans.n;
    fputs("\nwhere the time went\n", r->out);
    print_runs(r, "steps of training", REQUEST_TRAIN);
    print_runs(r, "steps of evaluations", REQUEST_EVAL);
    print_runs(r, "steps of data sets' maps", REQUEST_DEAL);
    print_runs(r, "steps of first values", REQUEST_INITIAL);
    print_account(r, "executor beside its steps", r->runs_s - r->steps_s, "");
    print_account(r, "planning", planning,
                  arena_printf(&r->arena, "%d plan%s", n_plans, n_plans == 1 ? "" : "s"));
    print_account(r, "data: loading, batches", data, "");
    print_account(r, "interpreter", r->all_s - reading - r->runs_s - planning - data, "");
    print_account(r, "start, reading, checking", reading, "");
    print_account(r, "all", r->all_s, "");
}

static void print_parts(const struct report *r) {
    static const char *const parts[] = {"forward", "backward", "update"};
    double seconds[3] = {0}, all = 0;
    for (int i = 0; i < r->rows.n; i++)
        for (int k = 0; k < 3; k++)
            if (!strcmp(r->rows.at[i].step->part, parts[k]))
                seconds[k] += r->rows.at[i].seconds, all += r->rows.at[i].seconds;
    if (all <= 0)
        return;
    fputs("\nof training:", r->out);
    for (int k = 0; k < 3; k++)
        fprintf(r->out, "%s %s %.1f %%", k ? "," : "", parts[k], 100 * seconds[k] / all);
    fputc('\n', r->out);
}

static void print_roof(const struct report *r) {
    if (!r->has_roof)
        return;
    fprintf(r->out, "\nroof of this machine on %d thread%s (%s): %.0f GFLOP/s;\n ", r->roof.n_threads,
            r->roof.n_threads == 1 ? "" : "s", kernel_isa_name(kernel_best_isa()),
            r->roof.flops_per_s * 1e-9);
    for (int i = 0; i < ROOF_LEVELS; i++)
        if (i + 1 < ROOF_LEVELS)
            fprintf(r->out, " %.0f GB/s up to %.0f KiB,", r->roof.level[i].bytes_per_s * 1e-9,
                    r->roof.level[i].bytes / 1024);
        else
            fprintf(r->out, " %.0f GB/s from memory\n", r->roof.level[i].bytes_per_s * 1e-9);
}

/* Where a line is: its number, in other files than the script's with the path. */
static void place_text(const struct report *r, const struct row *row, char *text, size_t size) {
    const struct sources *s = &r->p->s->sources;
    uint32_t script = 1;
    while (script < s->n && s->at[script].library)
        script++;
    if (!row->source)
        snprintf(text, size, "no line");
    else if (row->source == script)
        snprintf(text, size, "line %" PRIu32, row->line);
    else
        snprintf(text, size, "%s:%" PRIu32, s->at[row->source].path, row->line);
}

/* Cut at `most` bytes, with two dots in place of the rest. */
static int print_cut(const char *text, int n, int most, FILE *out) {
    if (n <= most)
        return fprintf(out, "%.*s", n, text);
    most -= 2;
    while (most > 0 && ((unsigned char)text[most] & 0xC0) == 0x80)
        most--;
    return fprintf(out, "%.*s..", most, text);
}

static void print_line(const struct report *r, const struct row *row) {
    char place[PATH_TEXT];
    uint32_t n = 0;
    place_text(r, row, place, sizeof place);
    int column = fprintf(r->out, "\n%5.1f %%  %s  ", share(r, row->line_seconds), place) - 1;
    const char *text = source_line(&r->p->s->sources, row->source, row->line, &n);
    while (n && (*text == ' ' || *text == '\t'))
        text++, n--;
    print_cut(text, (int)n, column < COLUMNS - 20 ? COLUMNS - column : 20, r->out);
    fputc('\n', r->out);
}

/* A number in so many columns with three digits that count, or nothing when it says nothing. */
static void print_number(const struct report *r, double x, int columns) {
    if (x <= 0)
        fprintf(r->out, "%*s", columns, "");
    else if (x < 0.0005)
        fprintf(r->out, "%*.1f", columns, 0.0);
    else
        fprintf(r->out, "%*.*f", columns, x >= 99.95 ? 0 : x >= 9.995 ? 1 : x >= 0.9995 ? 2 : 3,
                x);
}

static void print_row(struct report *r, const struct row *row) {
    const char *layer = row->layer;
    if (row->n_layers > 1)
        layer = arena_printf(&r->arena, "%s ..", layer);
    const char *op = *layer ? arena_printf(&r->arena, "%s %s", row->step->op, layer)
                            : row->step->op;
    int n_op = (int)strlen(row->step->op), n_layer = (int)strlen(layer);
    if (n_layer && n_op + 1 + n_layer > OP_COLUMNS && n_op > 12) /* both keep their beginning */
        op = arena_printf(&r->arena, "%.*s.. %s",
                          OP_COLUMNS - 3 - n_layer > 10 ? OP_COLUMNS - 3 - n_layer : 10,
                          row->step->op, layer);
    fprintf(r->out, "   %-9s", row->step->part);
    int n = print_cut(op, (int)strlen(op), OP_COLUMNS, r->out);
    fprintf(r->out, "%*s%8" PRIu64, OP_COLUMNS - n, "", row->calls);
    print_number(r, row->seconds * 1e3, 9);
    print_number(r, row->seconds / (double)row->calls * 1e3, 8);
    fprintf(r->out, "%6.1f", share(r, row->seconds));
    print_number(r, row->bytes / (double)row->calls * 1e-6, 8);
    print_number(r, row->flops / row->seconds * 1e-9, 8);
    print_number(r, row->bytes / row->seconds * 1e-9, 7);
    if (row->least > 0)
        fprintf(r->out, "%5.0f%%", 100 * row->least / row->seconds);
    fputc('\n', r->out);
}

static void print_rows(struct report *r) {
    double shown = 0, all = 0;
    int i = 0, n_lines = 0;
    for (int k = 0; k < r->rows.n; k++)
        all += r->rows.at[k].seconds;
    fprintf(r->out, "\n   %-9s%-*s%8s%9s%8s%6s%8s%8s%7s%6s\n", "part", OP_COLUMNS, "op, layer",
            "calls", "ms", "ms/call", "%", "MB", "GFLOP/s", "GB/s", "roof");
    for (; i < r->rows.n && shown < SHOWN_SHARE * all; i++) {
        const struct row *row = &r->rows.at[i];
        bool begins = !i || row[-1].source != row->source || row[-1].line != row->line;
        if (begins)
            print_line(r, row);
        print_row(r, row);
        shown += row->seconds;
    }
    for (int k = i; k < r->rows.n; k++)
        n_lines++;
    if (n_lines)
        fprintf(r->out, "\n%5.1f %%  %d more row%s\n", share(r, all - shown), n_lines,
                n_lines == 1 ? "" : "s");
}

/* What takes most time beyond what the roof allows. */
static void print_worst(struct report *r) {
    const struct row **worst = arena_array(&r->arena, const struct row *, r->rows.n + 1);
    int n = 0;
    for (int i = 0; r->has_roof && i < r->rows.n; i++)
        if (!r->rows.at[i].step->is_loop)
            worst[n++] = &r->rows.at[i];
    if (!n)
        return;
    qsort(worst, (size_t)n, sizeof *worst, compare_loss);
    fputs("\nmost time beyond what the roof allows\n", r->out);
    for (int i = 0; i < n && i < N_WORST; i++) {
        const struct row *row = worst[i];
        char place[PATH_TEXT];
        place_text(r, row, place, sizeof place);
        int column = fprintf(r->out, "%3d. %s  ", i + 1, place);
        const char *text = arena_printf(&r->arena, "%s %s%s%s", row->step->part, row->step->op,
                                        *row->layer ? " " : "", row->layer);
        print_cut(text, (int)strlen(text), column < 40 ? COLUMNS - 36 - column : 20, r->out);
        fprintf(r->out, ": %.4g ms, at the roof %.4g ms\n", row->seconds * 1e3,
                row->least * 1e3);
        if (*row->step->kernel)
            fprintf(r->out, "     kernel %s%s%s\n", row->step->kernel, *row->step->why ? ": " : "",
                    row->step->why);
    }
}

void profile_print(const struct profile *p, FILE *out) {
    struct report r = {.p = p, .out = out, .end_s = os_now_s()};
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    r.all_s = r.end_s - p->began_s;
    r.has_roof = p->s->executor && roof_measure(p->s->executor, &r.roof);
    for (int i = 0; i < p->plans.n; i++)
        gather_plan(&r, p->plans.at[i]);
    merge_alike(&r);
    int n = p->s->executor ? exec_n_threads(p->s->executor) : 1;
    fprintf(out, "profile: %.3f s, %d thread%s, peak memory %.1f MiB\n", r.all_s, n,
            n == 1 ? "" : "s", (double)usage.ru_maxrss / 1024);
    print_accounts(&r);
    print_parts(&r);
    print_roof(&r);
    print_worst(&r);
    if (r.rows.n)
        print_rows(&r);
    arena_free(&r.arena);
}
