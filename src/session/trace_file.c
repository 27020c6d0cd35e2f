/* A profile's timeline as a file in the Trace Event Format, JSON that chrome://tracing and Perfetto
 * open (docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU): "complete" events
 * with microseconds since the start, a track for each thread. On the first are the script's
 * statements, in them data, plans and runs, in a run its steps, in a step what the thread did of
 * its phases; on the others the phases. Times are cut to nanoseconds before they are subtracted, so
 * that what lies within something lies within it in the file.
 *
 * Not for: what is measured (profile.h). */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/os.h"
#include "session/profile.h"

enum { NAME_BYTES = 60 };

struct writer {
    const struct profile *p;
    FILE *out;
    bool any;
};

static void write_string(struct writer *w, const char *text, size_t n) {
    fputc('"', w->out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(w->out, "\\%c", c);
        else if (c < ' ')
            fprintf(w->out, "\\u%04x", c);
        else
            fputc(c, w->out);
    }
    fputc('"', w->out);
}

static void write_text(struct writer *w, const char *text) { write_string(w, text, strlen(text)); }

static int64_t nanoseconds(const struct writer *w, double s) {
    return llround((s - w->p->began_s) * 1e9);
}

static void write_place(struct writer *w, struct span at) {
    struct place place = source_place(&w->p->s->sources, at);
    fprintf(w->out, ",\"file\":");
    write_text(w, place.path);
    fprintf(w->out, ",\"line\":%" PRIu32, place.line);
}

/* Its begin; a name and "args":{..} follow. */
static void begin_event(struct writer *w, const char *category, int thread,
                        const struct moment *m) {
    int64_t start = nanoseconds(w, m->start), length = nanoseconds(w, m->end) - start;
    fprintf(w->out,
            "%s\n{\"ph\":\"X\",\"cat\":\"%s\",\"pid\":1,\"tid\":%d,\"ts\":%" PRId64 ".%03d,"
            "\"dur\":%" PRId64 ".%03d,\"name\":",
            w->any ? "," : "", category, thread, start / 1000, (int)(start % 1000), length / 1000,
            (int)(length % 1000));
    w->any = true;
}

/* Where records are of a plan, which may be gone. */
static const struct profiled_step *step_of(const struct profile *p, const void *record,
                                           const struct profiled_plan **last) {
    const struct step_record *at = record;
    const struct profiled_plan *plan = *last;
    if (plan && at >= plan->records && at < plan->records + plan->n_steps)
        return &plan->step[at - plan->records];
    for (int i = 0; i < p->plans.n; i++) {
        plan = p->plans.at[i];
        if (at >= plan->records && at < plan->records + plan->n_steps) {
            *last = plan;
            return &plan->step[at - plan->records];
        }
    }
    return NULL;
}

static void write_step(struct writer *w, const struct profiled_step *s, int thread,
                       const struct moment *m) {
    double seconds = m->end - m->start;
    begin_event(w, s->part, thread, m);
    write_text(w, s->op);
    fputs(",\"args\":{\"part\":", w->out);
    write_text(w, s->part);
    if (*s->layer) {
        fputs(",\"layer\":", w->out);
        write_text(w, s->layer);
    }
    fputs(",\"kernel\":", w->out);
    write_text(w, s->kernel);
    fputs(",\"shapes\":", w->out);
    write_text(w, s->shapes);
    write_place(w, s->at);
    if (seconds > 0 && !s->is_loop)
        fprintf(w->out, ",\"GFLOP/s\":%.4g,\"GB/s\":%.4g", s->work.flops / seconds * 1e-9,
                s->work.bytes / seconds * 1e-9);
    fputs("}}", w->out);
}

static void write_phase(struct writer *w, const struct profiled_step *s, int thread,
                        const struct moment *m) {
    char text[NAME_BYTES];
    begin_event(w, "phase", thread, m);
    snprintf(text, sizeof text, "%.40s phase %d", s->op, m->phase);
    write_text(w, text);
    fprintf(w->out, ",\"args\":{\"first unit\":%" PRId64 ",\"units\":%" PRId64 "}}", m->first,
            m->last - m->first);
}

static void write_script(struct writer *w, const struct moment *m) {
    struct span at = {(uint32_t)(m->first >> 32), (uint32_t)m->first, (uint32_t)m->last};
    const char *text = source_text(&w->p->s->sources, at);
    size_t n = strcspn(text, "\n");
    n = n < at.length ? n : at.length;
    if (n > NAME_BYTES)
        for (n = NAME_BYTES; n && ((unsigned char)text[n] & 0xC0) == 0x80;)
            n--;
    bool data = m->kind == MOMENT_DATA;
    begin_event(w, data ? "data" : "statement", 0, m);
    write_string(w, text, n);
    fputs(",\"args\":{\"kind\":", w->out);
    write_text(w, data ? "data" : "statement");
    write_place(w, at);
    fputs("}}", w->out);
}

static void write_plan(struct writer *w, const struct moment *m) {
    const struct profiled_plan *plan = m->what;
    bool made = m->kind == MOMENT_PLAN;
    begin_event(w, made ? "planning" : "run", 0, m);
    struct arena a = {0};
    write_text(w, made ? arena_printf(&a, "plan %s", plan->words) : plan->words);
    arena_free(&a);
    fprintf(w->out, ",\"args\":{\"steps\":%d", plan->n_steps);
    write_place(w, plan->at);
    fputs("}}", w->out);
}

static void write_thread(struct writer *w, int thread) {
    const struct profiled_plan *last = NULL;
    int64_t n;
    const struct moment *at = timeline_of(w->p->timeline, thread, &n);
    fprintf(w->out,
            "%s\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%d,\"args\":{\"name\":"
            "\"%s %d\"}}",
            w->any ? "," : "", thread, thread ? "thread" : "script, thread", thread);
    w->any = true;
    for (int64_t i = 0; i < n; i++) {
        const struct moment *m = &at[i];
        const struct profiled_step *s = NULL;
        if (m->kind == MOMENT_STEP || m->kind == MOMENT_PHASE)
            s = step_of(w->p, m->what, &last);
        if (m->kind == MOMENT_STEP && s)
            write_step(w, s, thread, m);
        else if (m->kind == MOMENT_PHASE && s)
            write_phase(w, s, thread, m);
        else if (m->kind == MOMENT_PLAN || m->kind == MOMENT_RUN)
            write_plan(w, m);
        else if (m->kind == MOMENT_DATA || m->kind == MOMENT_STATEMENT)
            write_script(w, m);
    }
}

bool profile_write_trace(const struct profile *p) {
    struct writer w = {.p = p, .out = p->trace_file};
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", w.out);
    for (int i = 0; i < timeline_n_threads(p->timeline); i++)
        write_thread(&w, i);
    double since = 0;
    int64_t n_lost = timeline_n_lost(p->timeline, &since);
    fprintf(w.out, "\n],\"otherData\":{\"lost events\":%" PRId64 "}}\n", n_lost);
    if (n_lost && !p->s->options.quiet && p->s->options.errors == DIAG_TEXT)
        fprintf(p->s->options.err,
                "%s is full: %" PRId64 " events, the first of them %.3f s after the start, are not "
                "in it\n",
                p->trace_path, n_lost, since - p->began_s);
    if (fflush(w.out) == 0 && !ferror(w.out))
        return true;
    diag_error(&p->s->diags, E_FILE, (struct span){0}, "cannot write %s: %s", p->trace_path,
               strerror(errno));
    session_flush(p->s);
    return false;
}
