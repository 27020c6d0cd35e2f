/* Showing stages (stages.h). The texts themselves are written by the stage's own folder. */
#include "session/stages.h"

#include <inttypes.h>
#include <string.h>

#include "ir/loop.h"
#include "opt/opt.h"
#include "session/chunks.h"
#include "syntax/parse.h"

static void print_fed(const struct request *r, FILE *out) {
    for (int i = 0; i < r->n_fed; i++) {
        const struct tensor *t = r->value[i];
        fprintf(out, "%s%s", i ? " " : "  fed ", r->fed[i]->name ? r->fed[i]->name : "?");
        for (int d = 0; d < t->rank; d++)
            fprintf(out, "%s%" PRId64, d ? "," : "[", t->dim[d]);
        if (t->rank)
            fputc(']', out);
    }
}

static void print_header(const struct stage_view *v, FILE *out) {
    fprintf(out, "== %s", v->r->words ? v->r->words : "eval");
    const struct origin *demanded = source_users_frame(&v->s->sources, v->r->origin);
    if (demanded && demanded->span.source) {
        struct place p = source_place(&v->s->sources, demanded->span);
        fprintf(out, "  %s:%u:%u", p.path, p.line, p.column);
    }
    print_fed(v->r, out);
}

static int count_nodes(struct graph *g, struct node *const *roots, int n_roots) {
    struct arena scratch = {0};
    struct node_list order = graph_order(g, &scratch, roots, n_roots, NULL, NULL);
    int n = order.n;
    for (int i = 0; i < order.n; i++) {
        struct loop_body *l = order.at[i]->op->id == OP_scan ? order.at[i]->loop : NULL;
        for (; l; l = l->again)
            n += count_nodes(&l->graph, l->result, loop_n_results(l));
    }
    arena_free(&scratch);
    return n;
}

int stages_count_nodes(struct program *p) { return count_nodes(&p->graph, p->roots, p->n_roots); }

static void dump_tokens(const struct stage_view *v, FILE *out) {
    struct parse_context c = session_parse_context(v->s);
    if (!v->tree)
        parse_dump_tokens(&c, v->source, out);
}

static void dump_ast(const struct stage_view *v, FILE *out) {
    if (v->tree)
        ast_dump(v->tree, &v->s->sources, out);
}

static void dump_check(const struct stage_view *v, FILE *out) { fputs(v->settled, out); }

static void dump_roots(const struct stage_view *v, struct node *const *roots, int n, FILE *out) {
    print_header(v, out);
    fputc('\n', out);
    graph_dump(&v->s->graph, roots, n, &v->s->symbols, &v->s->sources, out);
}

/* Forward: what is fetched, and of a training step the loss, which is what its first check looks
 * at. */
static void dump_graph(const struct stage_view *v, FILE *out) {
    struct arena scratch = {0};
    const struct request *r = v->r;
    struct node **roots = arena_array(&scratch, struct node *, r->n_fetch + 1);
    int n = 0;
    for (; n < r->n_fetch; n++)
        roots[n] = r->fetch[n];
    if (r->n_effects && r->effects[0]->op->id == OP_check_finite)
        roots[n++] = r->effects[0]->in[0];
    dump_roots(v, roots, n, out);
    arena_free(&scratch);
}

static void dump_grad(const struct stage_view *v, FILE *out) {
    struct arena scratch = {0};
    const struct request *r = v->r;
    struct node **roots = arena_array(&scratch, struct node *, r->n_fetch + r->n_effects);
    int n = 0;
    for (int i = 0; i < r->n_fetch; i++)
        roots[n++] = r->fetch[i];
    for (int i = 0; i < r->n_effects; i++)
        roots[n++] = r->effects[i];
    dump_roots(v, roots, n, out);
    arena_free(&scratch);
}

static void dump_opt(const struct stage_view *v, FILE *out) {
    struct program *p = &v->c->program;
    print_header(v, out);
    if (v->s->options.dump_pass)
        fprintf(out, "  after %s", v->s->options.dump_pass);
    fprintf(out, "  nodes %d -> %d\n", v->n_before, stages_count_nodes(p));
    graph_dump(&p->graph, p->roots, p->n_roots, &v->s->symbols, &v->s->sources, out);
}

/* A rule on a line of the script once, with how often. */
static void dump_rewrites(const struct stage_view *v, FILE *out) {
    const struct program *p = &v->c->program;
    print_header(v, out);
    fputc('\n', out);
    for (int i = 0; i < p->rewrites.n; i++) {
        const struct rewrite *r = &p->rewrites.at[i];
        bool before = false;
        int n = 0;
        for (int k = 0; k < p->rewrites.n; k++)
            if (p->rewrites.at[k].rule == r->rule && p->rewrites.at[k].origin == r->origin)
                before = before || k < i, n++;
        if (before)
            continue;
        fputs(r->rule, out);
        if (n > 1)
            fprintf(out, "  (%d times)", n);
        if (r->origin && r->origin->span.source) {
            struct place at = source_place(&v->s->sources, r->origin->span);
            fprintf(out, "  ; %s:%u:%u", at.path, at.line, at.column);
        }
        fputc('\n', out);
    }
}

static void dump_plan(const struct stage_view *v, FILE *out) {
    print_header(v, out);
    fputc('\n', out);
    if (v->c->split) {
        chunks_print(v->c->split, out);
        return;
    }
    if (v->remark)
        fprintf(out, "not cut: %s\n", v->remark);
    plan_dump(v->c->plan, &v->s->sources, out);
}

static void dump_trace(const struct stage_view *v, FILE *out) {
    print_header(v, out);
    fputc('\n', out);
    exec_dump_trace(v->c->plan, v->run, &v->s->sources, out);
}

const struct stage stages[] = {
#define STAGE(id, when, summary) {#id, summary, STAGE_##when, dump_##id},
#include "session/stages.def"
#undef STAGE
};
const int n_stages = sizeof stages / sizeof *stages;

static const struct stage *find_stage(const char *name, size_t n) {
    for (int i = 0; i < n_stages; i++)
        if (strlen(stages[i].name) == n && !strncmp(stages[i].name, name, n))
            return &stages[i];
    return NULL;
}

enum { MAX_NAMES = 64 };

static const char *nearest_pass(const char *name) {
    const char *names[MAX_NAMES];
    int n = 0;
    for (; n < n_opt_passes && n < MAX_NAMES; n++)
        names[n] = opt_passes[n].name;
    return nearest_name(name, names, n);
}

const struct stage *stages_find(const char *text, const char **pass, const char **nearest) {
    const char *names[MAX_NAMES];
    size_t n = strcspn(text, ":");
    const struct stage *stage = find_stage(text, n);
    *pass = *nearest = NULL;
    if (!stage || (text[n] && stage->dump != dump_opt)) {
        int n_names = 0;
        for (; n_names < n_stages; n_names++)
            names[n_names] = stages[n_names].name;
        names[n_names++] = "help";
        *nearest = nearest_name(text, names, n_names);
        return NULL;
    }
    if (!text[n])
        return stage;
    for (int i = 0; i < n_opt_passes; i++)
        if (!strcmp(opt_passes[i].name, text + n + 1)) {
            *pass = opt_passes[i].name;
            return stage;
        }
    *nearest = nearest_pass(text + n + 1);
    return NULL;
}

void stages_show(enum stage_when when, const struct stage_view *v) {
    const struct stage *stage = v->s->options.dump;
    if (stage && stage->when == when)
        stage->dump(v, v->s->options.out);
}

bool stages_is_rewrites(const struct stage *stage) { return stage && stage->dump == dump_rewrites; }

static void print_family(const struct op_table *ops, enum op_trait trait, const char *title,
                         FILE *out) {
    int column = fprintf(out, "  %-12s", title);
    for (int i = 0; i < N_OPS; i++) {
        if (ops->op[i].trait != trait)
            continue;
        if (column + (int)strlen(ops->op[i].name) > 98)
            column = fprintf(out, "\n  %-12s", "") - 1;
        column += fprintf(out, " %s", ops->op[i].name);
    }
    fputc('\n', out);
}

void stages_print_help(FILE *out) {
    struct arena a = {0};
    struct intern_table names = {.arena = &a};
    static const struct op_rule no_rules[N_OPS];
    const struct op_table *ops = op_table_new(&a, &names, no_rules);
    fputs("stages, in the order of the data's way (--dump=NAME):\n", out);
    for (int i = 0; i < n_stages; i++)
        fprintf(out, "  %-12s %s\n", stages[i].name, stages[i].summary);
    fputs("\npasses of opt, in order (--dump=opt:NAME):\n", out);
    for (int i = 0; i < n_opt_passes; i++)
        fprintf(out, "  %-12s %s\n", opt_passes[i].name, opt_passes[i].summary);
    fputs("\nops:\n", out);
    print_family(ops, OP_LEAF, "leaves", out);
    print_family(ops, OP_ELEMENTWISE, "elementwise", out);
    print_family(ops, OP_ALIAS, "renaming", out);
    print_family(ops, OP_PLAIN, "kernels", out);
    print_family(ops, OP_RANDOM, "random", out);
    print_family(ops, OP_EFFECT, "effects", out);
    print_family(ops, OP_LOOP, "loops", out);
    print_family(ops, OP_RESULT, "results", out);
    arena_free(&a);
}
