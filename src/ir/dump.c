/* Printing and checking a graph. A dump names no address and numbers nodes by the walk from the
 * roots, so that it can be compared with a recorded one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/loop.h"

static void print_attr(const struct attr *a, const struct symbols *symbols, FILE *out) {
    char text[SHAPE_TEXT];
    switch (a->kind) {
    case ATTR_UNSET:
        fputs("none", out);
        break;
    case ATTR_INT:
    case ATTR_AXIS:
        fprintf(out, "%" PRId64, a->i);
        break;
    case ATTR_FLOAT:
        fprintf(out, "%.9g", a->f);
        break;
    case ATTR_BOOL:
        fputs(a->i ? "true" : "false", out);
        break;
    case ATTR_STRING:
        fprintf(out, "\"%s\"", a->s);
        break;
    case ATTR_DTYPE:
        fputs(dtype_name(a->dtype), out);
        break;
    case ATTR_SHAPE:
        fputs(shape_print(text, sizeof text, symbols, &a->shape), out);
        break;
    case ATTR_PAIRS:
        for (int i = 0; i < a->ints.n; i += 2)
            fprintf(out, "%s[%" PRId64 ", %" PRId64 "]", i ? ", " : "[", a->ints.v[i],
                    a->ints.v[i + 1]);
        fputs(a->ints.n ? "]" : "[]", out);
        break;
    case ATTR_INTS:
    case ATTR_AXES:
        fputc('[', out);
        for (int i = 0; i < a->ints.n; i++)
            if (a->ints.v[i] == INT64_MIN || a->ints.v[i] == INT64_MAX)
                fprintf(out, "%s:", i ? ", " : "");
            else
                fprintf(out, "%s%" PRId64, i ? ", " : "", a->ints.v[i]);
        fputc(']', out);
        break;
    case ATTR_PADDING:
        break;
    }
}

static bool is_default(const struct attr *a, const struct op_setting *s) {
    const struct attr *d = &s->fallback;
    if (s->required)
        return false;
    if (a->kind == ATTR_UNSET || d->kind == ATTR_UNSET)
        return a->kind == d->kind;
    switch (a->kind) {
    case ATTR_FLOAT:
        return a->f == d->f;
    case ATTR_DTYPE:
        return a->dtype == d->dtype;
    case ATTR_INT:
    case ATTR_BOOL:
        return a->i == d->i;
    case ATTR_STRING:
        return a->s == d->s;
    case ATTR_INTS: /* one number, which the rule made one for each axis */
        for (int i = 0; i < a->ints.n; i++)
            if (a->ints.v[i] != d->ints.v[0])
                return false;
        return d->ints.n == 1;
    default:
        return false; /* normalised by the rule: worth showing */
    }
}

static void print_payload(const struct node *n, FILE *out) {
    switch (n->op->id) {
    case OP_variable:
        fprintf(out, " %s", n->variable->path);
        break;
    case OP_placeholder:
        fprintf(out, " %s", n->name ? n->name : "?");
        break;
    case OP_constant:
        if (n->value->n_elements <= 8) {
            fputc(' ', out);
            if (n->value->rank)
                fputc('[', out);
            for (int64_t i = 0; i < n->value->n_elements; i++)
                fprintf(out, "%s%.9g", i ? ", " : "", tensor_get(n->value, i));
            if (n->value->rank)
                fputc(']', out);
        }
        break;
    default:
        break;
    }
}

/* What a dump says beside a node's own line; `depth` is how many bodies it stands in. */
struct printing {
    const struct symbols *symbols;
    const struct sources *sources;
    FILE *out;
    int depth;
};

static void print_indent(const struct printing *p) {
    for (int i = 0; i < p->depth; i++)
        fputs("  | ", p->out);
}

/* Which of its loop's params a placeholder is. */
static void print_role(const struct printing *p, const struct loop_body *l, const struct node *n) {
    int k = 0;
    while (k < loop_n_params(l) && l->param[k] != n)
        k++;
    if (k == 0)
        fputs("   ; index", p->out);
    else if (k < loop_lag_param(l))
        fprintf(p->out, "   ; over %d", k - 1);
    else if (k < loop_carry_param(l) && l->recall[k - loop_lag_param(l)] >= 0)
        fprintf(p->out, "   ; computed again: carry %d", l->recall[k - loop_lag_param(l)]);
    else if (k < loop_carry_param(l))
        fprintf(p->out, "   ; over %d, the row %s", k - 1,
                l->lag[k - loop_lag_param(l)] < 0 ? "before" : "after");
    else if (k < loop_capture_param(l))
        fprintf(p->out, "   ; carry %d", k - loop_carry_param(l));
    else if (k < loop_n_params(l))
        fprintf(p->out, "   ; input %d", loop_input_of(l, k));
}

static void print_nodes(const struct printing *p, struct graph *g, struct node *const *roots,
                        int n_roots, const struct loop_body *inside);

static void print_body(const struct printing *p, struct loop_body *l) {
    struct printing body = *p;
    body.depth++;
    if (l->again) {
        print_indent(p);
        fprintf(p->out, "again, from every %" PRId64 "\n", l->every);
        print_body(p, l->again);
        print_indent(p);
        fputs("step\n", p->out);
    }
    print_nodes(&body, &l->graph, l->result, loop_n_results(l), l);
    print_indent(&body);
    fputs("->", p->out);
    for (int r = 0; r < loop_n_results(l); r++)
        fprintf(p->out, "%s%%%d", r == l->n_carry ? "; " : " ", l->result[r]->number);
    fputc('\n', p->out);
}

static void print_node(const struct printing *p, const struct node *n,
                       const struct loop_body *inside) {
    char shape[SHAPE_TEXT];
    FILE *out = p->out;
    bool loop = n->op->id == OP_scan;
    shape_print(shape, sizeof shape, p->symbols, &n->shape);
    print_indent(p);
    fprintf(out, "%%%d %s%s = %s", n->number, loop ? "loop" : dtype_name(n->dtype),
            n->shape.rank ? shape : "", n->op->name);
    print_payload(n, out);
    for (int k = 0; k < n->n_in; k++)
        fprintf(out, " %%%d", n->in[k]->number);
    for (int k = 0; k < n->op->n_settings; k++) {
        if (is_default(&n->attr[k], &n->op->setting[k]))
            continue;
        fprintf(out, " %s=", n->op->setting[k].name);
        print_attr(&n->attr[k], p->symbols, out);
    }
    if (n->group)
        fprintf(out, "   ; group %d", n->group);
    if (n->name && n->op->trait != OP_LEAF)
        fprintf(out, "   ; %s", n->name);
    if (inside && n->op->id == OP_placeholder)
        print_role(p, inside, n);
    for (const struct origin *o = n->origin; o; o = o->caller) {
        struct place at = source_place(p->sources, o->span);
        if (o->span.source)
            fprintf(out, "   ; %s:%u:%u", at.path, at.line, at.column);
    }
    fputc('\n', out);
    if (loop)
        print_body(p, n->loop);
}

static void print_nodes(const struct printing *p, struct graph *g, struct node *const *roots,
                        int n_roots, const struct loop_body *inside) {
    struct arena scratch = {0};
    struct node_list order = graph_order(g, &scratch, roots, n_roots, NULL, NULL);
    for (int i = 0; i < order.n; i++)
        order.at[i]->number = i + 1;
    for (int i = 0; i < order.n; i++)
        print_node(p, order.at[i], inside);
    arena_free(&scratch);
}

void graph_dump(struct graph *g, struct node *const *roots, int n_roots,
                const struct symbols *symbols, const struct sources *sources, FILE *out) {
    struct printing p = {.symbols = symbols, .sources = sources, .out = out};
    print_nodes(&p, g, roots, n_roots, NULL);
}

/* What the builder presets for the rule: the dtype of the first input that shares its own with the
 * result. */
static enum dtype shared_dtype(const struct node *n) {
    for (int k = 0; k < n->n_in; k++) {
        int type = n->op->input[k < n->op->n_inputs ? k : n->op->n_inputs - 1].type;
        if (type == TYPE_SHARED || type == TYPE_SHARED_FLOAT)
            return n->in[k]->dtype;
    }
    return n->n_in ? n->in[0]->dtype : n->dtype;
}

/* A node by its op's rule. */
static const char *verify_rule(const struct node *n, int i, struct arena *a,
                               struct symbols *symbols) {
    struct shape *in = arena_array(a, struct shape, n->n_in + 1);
    enum dtype *types = arena_array(a, enum dtype, n->n_in + 1);
    struct attr *attr = arena_array(a, struct attr, n->op->n_settings + 1);
    for (int k = 0; k < n->n_in; k++)
        in[k] = n->in[k]->shape, types[k] = n->in[k]->dtype;
    if (n->op->n_settings)
        memcpy(attr, n->attr, (size_t)n->op->n_settings * sizeof *attr);
    struct fault fault;
    struct shape_call c = {
        .op = n->op,
        .n_in = n->n_in,
        .in = in,
        .in_dtype = types,
        .attr = attr,
        .lenient = true,
        .spelling = n->op->name,
        .symbols = symbols,
        .fault = &fault,
        .out_dtype = shared_dtype(n),
    };
    if (!n->op->shape(&c))
        return arena_printf(a, "%%%d %s: %s", i + 1, n->op->name, fault.message);
    if (c.out.rank != n->shape.rank || c.out_dtype != n->dtype)
        return arena_printf(a, "%%%d %s: its rule gives another rank or dtype", i + 1, n->op->name);
    for (int k = 0; k < c.out.rank; k++)
        if (dim_compare(symbols, c.out.d[k], n->shape.d[k]) == DIM_DIFFER)
            return arena_printf(a, "%%%d %s: its rule gives another shape", i + 1, n->op->name);
    return NULL;
}

static const char *verify_scan(const struct node *n, int i, struct arena *a,
                               struct symbols *symbols) {
    const char *fault = loop_verify(a, symbols, n);
    if (!fault)
        fault = graph_verify(&n->loop->graph, a, symbols, n->loop->result,
                             loop_n_results(n->loop));
    return fault ? arena_printf(a, "%%%d scan: %s", i + 1, fault) : NULL;
}

const char *graph_verify(struct graph *g, struct arena *a, struct symbols *symbols,
                         struct node *const *roots, int n_roots) {
    struct node_list order = graph_order(g, a, roots, n_roots, NULL, NULL);
    for (int i = 0; i < order.n; i++) {
        const struct node *n = order.at[i];
        const char *fault = NULL;
        if (n->op->trait == OP_LEAF)
            continue;
        bool list = n->op->n_inputs && n->op->input[n->op->n_inputs - 1].list;
        if (n->op->id == OP_scan)
            fault = verify_scan(n, i, a, symbols);
        else if (list ? n->n_in < 1 : n->n_in != n->op->n_inputs)
            fault = arena_printf(a, "%%%d %s has %d inputs", i + 1, n->op->name, n->n_in);
        else if (n->op->shape)
            fault = verify_rule(n, i, a, symbols);
        if (fault)
            return fault;
    }
    return NULL;
}
