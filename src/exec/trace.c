/* What a traced run measured, a line a step: time, rate, the range of its results. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "exec/exec.h"

/* Ops whose kernels count their cost in multiply-adds. */
static bool counts_multiply_adds(const struct step *s) {
    switch (s->nodes[0]->op->id) {
    case OP_matmul:
    case OP_conv2d:
    case OP_conv2d_input_gradient:
    case OP_conv2d_filter_gradient:
    case OP_conv_block_filter_gradient:
    case OP_conv_block_input_gradient:
        return true;
    default:
        return false;
    }
}

static double bytes_touched(const struct step *s) {
    double bytes = 0;
    for (int side = 0; side < 2; side++) {
        int n = side ? s->call.n_out : s->call.n_in;
        const struct kernel_arg *a = side ? s->call.out : s->call.in;
        for (int i = 0; i < n; i++) {
            double size = (double)dtype_bytes(a[i].dtype);
            for (int d = 0; d < a[i].rank; d++)
                size *= (double)a[i].dim[d];
            bytes += size;
        }
    }
    return bytes;
}

static void print_rate(const struct step *s, double seconds, FILE *out) {
    if (seconds <= 0)
        return;
    if (!counts_multiply_adds(s)) {
        fprintf(out, "  %.3g GB/s", bytes_touched(s) / seconds * 1e-9);
        return;
    }
    double multiply_adds = 0;
    for (int i = 0; i < s->work.n_phases; i++)
        multiply_adds += s->work.cost[i];
    fprintf(out, "  %.3g GFLOP/s", 2 * multiply_adds / seconds * 1e-9);
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
