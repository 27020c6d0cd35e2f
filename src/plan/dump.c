/* Plans as text, for --dump=plan and its goldens: no addresses; numbers are of steps and buffers;
 * what depends on the machine (kernels, why no faster ones, units, what they share, hence the
 * slab's size) stands behind the last `;` of a line. */
#include <inttypes.h>
#include <stdio.h>

#include "ir/loop.h"
#include "plan/plan.h"

static void print_bytes(double bytes, FILE *out) {
    if (bytes < 1024)
        fprintf(out, "%.0f B", bytes);
    else if (bytes < 1024 * 1024)
        fprintf(out, "%.4g KiB", bytes / 1024);
    else
        fprintf(out, "%.4g MiB", bytes / (1024 * 1024));
}

static double arg_bytes(const struct node *n) {
    return (double)dtype_bytes(n->dtype) * (double)shape_n_elements(&n->shape);
}

static void print_type(const struct node *n, FILE *out) {
    char text[SHAPE_TEXT];
    fprintf(out, "%s%s", dtype_name(n->dtype),
            n->shape.rank > 0 ? shape_print(text, sizeof text, NULL, &n->shape) : "");
}

static void print_storage(const struct storage *s, FILE *out) {
    const struct node *n = s->holder;
    if (s->kind == STORAGE_SLAB) {
        if (s->buffer >= 0)
            fprintf(out, "b%d+%zu", s->buffer, s->offset);
        else
            fputs("empty", out);
    } else if (s->kind == STORAGE_RESULT) {
        fprintf(out, "result%d", s->feed);
    } else if (s->kind == STORAGE_FEED) {
        if (n->name)
            fputs(n->name, out);
        else
            fprintf(out, "feed%d", s->feed);
    } else if (n->op->id == OP_variable) {
        fputs(n->variable->path, out);
    } else if (n->value->n_elements == 1) {
        fprintf(out, "%.9g", tensor_get(n->value, 0));
    } else {
        fputs("constant ", out);
        print_type(n, out);
    }
}

static bool is_copy(const struct step *s) { return s->nodes[0]->op->trait == OP_LEAF; }

void plan_print_step(const struct plan *p, const struct step *step, FILE *out) {
    fprintf(out, "s%d ", (int)(step - p->steps));
    if (is_copy(step)) {
        fputs("keep", out);
    } else if (step->n_nodes == 1) {
        fputs(step->nodes[0]->op->name, out);
    } else {
        fputs("elementwise{", out);
        for (int i = 0; i < step->n_nodes; i++)
            fprintf(out, i > 0 ? " %s" : "%s", step->nodes[i]->op->name);
        fputc('}', out);
    }
}

void plan_print_place(const struct step *step, const struct sources *sources, FILE *out) {
    const struct origin *o = step->nodes[step->n_nodes - 1]->origin;
    if (!sources || !o || o->span.source == 0)
        return;
    struct place at = source_place(sources, o->span);
    fprintf(out, "  ; %s:%" PRIu32 ":%" PRIu32, at.path, at.line, at.column);
}

void plan_print_indent(int depth, FILE *out) {
    for (int i = 0; i < depth; i++)
        fputs("  | ", out);
}

static void print_results(const struct plan *body, int depth, FILE *out) {
    plan_print_indent(depth, out);
    fputs("->", out);
    for (int i = 0; i < body->n_fetch; i++) {
        fputc(' ', out);
        print_storage(&body->fetch[i], out);
    }
    fputc('\n', out);
}

static void print_steps(const struct plan *p, int depth, const struct sources *sources, FILE *out);

static void print_step(const struct plan *p, const struct step *s, int depth,
                       const struct sources *sources, FILE *out) {
    plan_print_indent(depth, out);
    plan_print_step(p, s, out);
    bool copies = is_copy(s) || s->nodes[0]->op->id == OP_assign; /* in[0] is where they write */
    for (int i = copies; i < s->call.n_in; i++) {
        fputc(' ', out);
        print_storage(&s->in[i], out);
    }
    fputs(" ->", out);
    for (int i = 0; i < s->call.n_out; i++) {
        fputc(' ', out);
        print_storage(&s->out[i], out);
        fputs(" (", out);
        print_bytes(arg_bytes(s->out_node[i]), out);
        fputc(')', out);
    }
    plan_print_place(s, sources, out);
    if (s->loop) {
        fprintf(out, "  ; %s%" PRId64 " rows\n", s->loop->reverse ? "from the last of " : "",
                s->loop->length);
        for (const struct repeat *r = s->loop; r; r = r->again) {
            print_steps(r->plan, depth + 1, sources, out);
            print_results(r->plan, depth + 1, out);
            if (r->again) {
                plan_print_indent(depth, out);
                fprintf(out, "again, %" PRId64 " rows at a time\n", r->again->every);
            }
        }
        return;
    }
    fprintf(out, "  ; %s", s->work.name ? s->work.name : s->nodes[0]->op->name);
    if (s->work.why)
        fprintf(out, " (%s)", s->work.why);
    for (int i = 0; i < s->work.n_phases; i++)
        fprintf(out, "%s%" PRId64, i > 0 ? " + " : ", ", s->work.units[i]);
    fputs(" units\n", out);
}

static void print_steps(const struct plan *p, int depth, const struct sources *sources, FILE *out) {
    for (int i = 0; i < p->n_steps; i++) {
        if (i == p->first_write && p->n_assigned > 0)
            fputs("variables are written from here on\n", out);
        print_step(p, &p->steps[i], depth, sources, out);
    }
}

void plan_dump(const struct plan *p, const struct sources *sources, FILE *out) {
    fprintf(out, "plan: %d steps, buffers ", p->n_steps);
    print_bytes((double)p->buffers_bytes, out);
    fputs(", parameters ", out);
    print_bytes((double)p->parameters_bytes, out);
    fputs("  ; slab ", out);
    print_bytes((double)p->slab_bytes, out);
    fputs(" (at least ", out);
    print_bytes((double)p->peak_lower_bound_bytes, out);
    fputs("), scratch ", out);
    print_bytes((double)p->scratch_bytes, out);
    fputc('\n', out);
    print_steps(p, 0, sources, out);
    for (int i = 0; i < p->n_fetch; i++) {
        fprintf(out, "fetch %d ", i);
        print_storage(&p->fetch[i], out);
        fputc(' ', out);
        print_type(p->fetch_node[i], out);
        fputc('\n', out);
    }
}
