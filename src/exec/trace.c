/* What a traced run measured, a line a step: time, rate, the range of its results. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "exec/exec.h"
#include "exec/work.h"

static void print_rate(const struct step *s, double seconds, FILE *out) {
    struct step_work w = step_work_of(s);
    if (seconds <= 0)
        return;
    if (w.flops > 0)
        fprintf(out, "  %.3g GFLOP/s", w.flops / seconds * 1e-9);
    fprintf(out, "  %.3g GB/s", w.bytes / seconds * 1e-9);
}

/* Steps of a loop's body are measured over all its repetitions. */
static void print_steps(const struct plan *p, int depth, const struct run *r,
                        const struct sources *sources, FILE *out) {
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *step = &p->steps[i];
        const struct step_trace *t = &r->trace[p->first_trace + i];
        plan_print_indent(depth, out);
        plan_print_step(p, step, out);
        fprintf(out, " %.3f ms", t->seconds * 1e3);
        if (!depth && !step->loop)
            print_rate(step, t->seconds, out);
        if (t->min <= t->max)
            fprintf(out, "  min %.4g max %.4g", t->min, t->max);
        if (!t->finite)
            fputs("  NOT FINITE", out);
        plan_print_place(step, sources, out);
        fputc('\n', out);
        for (const struct repeat *l = step->loop; l; l = l->again) {
            print_steps(l->plan, depth + 1, r, sources, out);
            if (l->again) {
                plan_print_indent(depth, out);
                fputs("again\n", out);
            }
        }
    }
}

void exec_dump_trace(const struct plan *p, const struct run *r, const struct sources *sources,
                     FILE *out) {
    double total = 0;
    for (int i = 0; i < p->n_steps; i++)
        total += r->trace[i].seconds;
    fprintf(out, "trace: %d steps, %.3f ms\n", p->n_steps, total * 1e3);
    print_steps(p, 0, r, sources, out);
}
