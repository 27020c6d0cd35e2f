#include "graphs.h"

#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "unit.h"

void lab_open(struct lab *l) {
    memset(l, 0, sizeof *l);
    l->names.arena = l->symbols.arena = l->sources.arena = l->diags.arena = &l->arena;
    l->diags.sources = &l->sources;
    const char *text = "a script of one line\n";
    source_add(&l->sources, "script.nn", text, (uint32_t)strlen(text), false);
    l->here.span = (struct span){.source = l->sources.n - 1, .offset = 2, .length = 6};
    graph_init(&l->graph, NULL);
    l->b = (struct build){
        .graph = &l->graph,
        .ops = op_table_new(&l->arena, &l->names, op_rules),
        .symbols = &l->symbols,
        .names = &l->names,
        .arena = &l->arena,
        .diags = &l->diags,
        .origin = &l->here,
    };
    l->training = lab_placeholder(l, &l->b, "training", DTYPE_BOOL, "");
}

static void close_program(struct lab *l) {
    if (l->p.arena) graph_free(&l->p.graph);
    memset(&l->p, 0, sizeof l->p);
    arena_free(&l->plan_arena);
}

void lab_close(struct lab *l) {
    close_program(l);
    graph_free(&l->graph);
    arena_free(&l->arena);
}

struct shape lab_shape(struct lab *l, const char *dims) {
    struct shape s = {0};
    for (const char *at = dims; *at;) {
        size_t n = strcspn(at, ",");
        struct dim d;
        if (*at == '?')
            d = dim_fresh(&l->symbols);
        else if (*at == '-' || (*at >= '0' && *at <= '9'))
            d = dim_const(strtoll(at, NULL, 10));
        else
            d = dim_named(&l->symbols, intern_text(&l->names, at, n), (struct span){0});
        s.d[s.rank++] = d;
        at += n + (at[n] == ',');
    }
    return s;
}

struct node *lab_placeholder(struct lab *l, struct build *b, const char *name, enum dtype t,
                             const char *dims) {
    struct shape s = lab_shape(l, dims);
    return build_placeholder(b, intern_string(&l->names, name), t, &s, NULL);
}

struct node *lab_float(struct lab *l, struct build *b, const char *name, const char *dims) {
    return lab_placeholder(l, b, name, DTYPE_F32, dims);
}

struct node *lab_variable(struct lab *l, struct build *b, const char *path, const char *dims) {
    struct variable *v = arena_new(&l->arena, struct variable);
    v->path = intern_string(&l->names, path);
    v->dtype = DTYPE_F32;
    v->shape = lab_shape(l, dims);
    v->trainable = true;
    return v->node = build_variable(b, v);
}

struct node *lab_scalar(struct build *b, double value) {
    return build_scalar(b, DTYPE_F32, value);
}

struct node *lab_fill(struct lab *l, struct build *b, double value, const char *dims) {
    struct attr attr[3];
    memset(attr, 0, sizeof attr);
    attr[0].kind = ATTR_FLOAT, attr[0].f = value;
    attr[1].kind = ATTR_SHAPE, attr[1].shape = lab_shape(l, dims);
    return build_op(b, OP_fill, NULL, 0, attr, NULL, NULL);
}

struct node *lab_stretch(struct lab *l, struct build *b, struct node *x, const char *dims) {
    struct attr attr = {.kind = ATTR_SHAPE, .shape = lab_shape(l, dims)};
    return build_op(b, OP_broadcast_to, &x, 1, &attr, NULL, NULL);
}

struct node *lab_reshape(struct lab *l, struct build *b, struct node *x, const char *dims) {
    struct attr attr = {.kind = ATTR_SHAPE, .shape = lab_shape(l, dims)};
    return build_op(b, OP_reshape, &x, 1, &attr, NULL, NULL);
}

struct node *lab_transpose(struct build *b, struct node *x, const char *perm) {
    struct attr attr;
    memset(&attr, 0, sizeof attr);
    attr.kind = ATTR_AXES;
    for (const char *at = perm; *at; at++) attr.ints.v[attr.ints.n++] = *at - '0';
    return build_op(b, OP_transpose, &x, 1, &attr, NULL, NULL);
}

struct node *lab_axis(struct build *b, enum op_id id, struct node *x, int axis) {
    struct attr attr = {.kind = ATTR_AXIS, .i = axis};
    return build_op(b, id, &x, 1, &attr, NULL, NULL);
}

struct node *lab_sum(struct build *b, struct node *x) {
    return build_op(b, OP_sum, &x, 1, NULL, NULL, NULL);
}

struct node *lab_assign(struct build *b, struct node *variable, struct node *value) {
    return build_2(b, OP_assign, variable, value);
}

void lab_program(struct lab *l) {
    close_program(l);
    l->p.arena = &l->plan_arena;
    graph_init(&l->p.graph, &l->plan_arena);
    l->p.build = l->b;
    l->p.build.graph = &l->p.graph;
    l->p.build.arena = &l->plan_arena;
    l->p.build.diags = NULL;
}

void lab_roots(struct lab *l, struct node *const *roots, int n) {
    l->p.roots = arena_array(&l->plan_arena, struct node *, n);
    memcpy(l->p.roots, roots, (size_t)n * sizeof *roots);
    l->p.n_roots = l->p.n_fetch = n;
}

bool lab_demand(struct lab *l, struct node *const *roots, int n_roots, const struct lab_feed *feeds,
                int n_feeds, bool training) {
    struct node *fed[16], *demanded[16];
    struct tensor *value[16];
    close_program(l);
    memcpy(demanded, roots, (size_t)n_roots * sizeof *roots);
    for (int i = 0; i < n_feeds; i++) {
        struct shape s = lab_shape(l, feeds[i].sizes);
        int64_t dim[MAX_RANK];
        for (int k = 0; k < s.rank; k++) dim[k] = s.d[k].k;
        fed[i] = feeds[i].node;
        value[i] = tensor_new(feeds[i].dtype, s.rank, dim);
    }
    struct demand d = {
        .roots = demanded,
        .n_roots = n_roots,
        .n_fetch = n_roots,
        .fed = fed,
        .value = value,
        .n_fed = n_feeds,
        .training = training,
    };
    bool ok = opt_instantiate(&l->p, &l->plan_arena, &d, &l->b, l->training, &l->diags, &l->here);
    for (int i = 0; i < n_feeds; i++) tensor_unref(value[i]);
    return ok;
}

const char *lab_error(struct lab *l) {
    CU_ASSERT(l->diags.n_errors <= 1);
    return l->diags.list.n ? l->diags.list.at[0]->message : "";
}

const char *lab_help(struct lab *l) {
    return l->diags.list.n && l->diags.list.at[0]->help ? l->diags.list.at[0]->help : "";
}

static void print_node(struct lab *l, FILE *out, const struct node *n) {
    char shape[SHAPE_TEXT] = "";
    enum op_id id = n->op->id;
    if (id == OP_placeholder || id == OP_variable) {
        fputs(n->name, out);
        return;
    }
    if (id == OP_reshape || id == OP_broadcast_to || id == OP_fill ||
        (id == OP_constant && n->shape.rank))
        shape_print(shape, sizeof shape, &l->symbols, &n->shape);
    if (id == OP_constant) {
        fputs(shape, out);
        for (int64_t i = 0; i < n->value->n_elements && i < 4; i++)
            fprintf(out, "%s%g", i ? " " : "", tensor_get(n->value, i));
        return;
    }
    fprintf(out, "%s%s(", n->op->name, shape);
    if (id == OP_fill) fprintf(out, "%g", n->attr[0].f);
    for (int i = 0; i < n->n_in; i++) {
        if (i) fputs(", ", out);
        print_node(l, out, n->in[i]);
    }
    for (int i = 0; i < n->op->n_settings; i++)
        if (n->attr[i].kind == ATTR_BOOL && n->attr[i].i)
            fprintf(out, ", %s", n->op->setting[i].name);
    fputc(')', out);
}

const char *lab_text(struct lab *l, const struct node *n) {
    if (!n) return "nothing";
    char *text = NULL;
    size_t n_bytes = 0;
    FILE *out = open_memstream(&text, &n_bytes);
    print_node(l, out, n);
    fclose(out);
    const char *copy = arena_strndup(&l->arena, text, n_bytes);
    free(text);
    return copy;
}

const char *lab_after(struct lab *l, const char *pass, struct node *root) {
    if (!root) return "refused";
    lab_roots(l, &root, 1);
    for (int i = 0; i < n_opt_passes; i++)
        if (!strcmp(opt_passes[i].name, pass)) opt_passes[i].run(&l->p);
    const char *fault =
        graph_verify(&l->p.graph, &l->plan_arena, &l->symbols, l->p.roots, l->p.n_roots);
    if (fault) printf("after %s: %s\n", pass, fault);
    CU_ASSERT_PTR_NULL(fault);
    return lab_text(l, l->p.roots[0]);
}
