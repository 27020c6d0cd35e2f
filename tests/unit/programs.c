/* See programs.h. */
#include "programs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "unit.h"

void bench_open(struct bench *t, uint64_t seed) {
    *t = (struct bench){0};
    t->names.arena = t->symbols.arena = &t->arena;
    struct program *p = &t->program;
    p->arena = &t->plan_arena;
    graph_init(&p->graph, &t->plan_arena);
    p->build = (struct build){.graph = &p->graph,
                              .ops = op_table_new(&t->arena, &t->names, op_rules),
                              .symbols = &t->symbols,
                              .names = &t->names,
                              .arena = &t->plan_arena,
                              .last_fault = &t->fault};
    t->b = &p->build;
    t->key = rng_key_make(seed, 1, 2);
}

void bench_close(struct bench *t) {
    graph_free(&t->program.graph);
    unref_all(t->values.at, t->values.n);
    for (int i = 0; i < t->variables.n; i++)
        tensor_unref(t->variables.at[i]->value);
    arena_free(&t->plan_arena);
    arena_free(&t->arena);
}

int bench_draw(struct bench *t, int n) { return (int)rng_below(t->key, t->n_drawn++, (uint64_t)n); }

static struct tensor *random_tensor(struct bench *t, int rank, const int64_t *dim) {
    struct tensor *x = tensor_new(DTYPE_F32, rank, dim);
    for (int64_t i = 0; i < x->n_elements; i++)
        tensor_set(x, i, bench_draw(t, 2001) / 1000.0 - 1);
    return x;
}

struct node *bench_feed(struct bench *t, int rank, const int64_t *dim) {
    struct shape s = shape_const(rank, dim);
    const char *name = intern_string(&t->names, arena_printf(&t->arena, "x%d", t->fed.n));
    struct node *n = build_placeholder(t->b, name, DTYPE_F32, &s, NULL);
    array_push(&t->arena, &t->fed, n);
    array_push(&t->arena, &t->values, random_tensor(t, rank, dim));
    return n;
}

struct node *bench_variable(struct bench *t, int rank, const int64_t *dim) {
    struct variable *v = arena_new(&t->arena, struct variable);
    v->path = intern_string(&t->names, arena_printf(&t->arena, "v%d", t->variables.n));
    v->dtype = DTYPE_F32;
    v->shape = shape_const(rank, dim);
    v->value = random_tensor(t, rank, dim);
    v->node = build_variable(t->b, v);
    array_push(&t->arena, &t->variables, v);
    return v->node;
}

struct node *bench_constant(struct bench *t, int rank, const int64_t *dim) {
    struct tensor *x = random_tensor(t, rank, dim);
    struct node *n = build_constant(t->b, x);
    tensor_unref(x);
    return n;
}

struct node *bench_assign(struct bench *t, struct node *variable, struct node *value) {
    return build_2(t->b, OP_assign, variable, value);
}

void bench_root(struct bench *t, struct node *n, bool fetched) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    array_push(&t->arena, &t->roots, n);
    t->program.n_fetch += fetched;
}

static void finish_program(struct bench *t) {
    t->program.roots = t->roots.at, t->program.n_roots = t->roots.n;
    t->program.fed = t->fed.at, t->program.n_fed = t->fed.n;
}

struct plan *bench_plan(struct bench *t) {
    finish_program(t);
    return plan_make(&t->program, kernel_best_isa());
}

bool bench_run(struct bench *t, struct executor *e, struct plan *p, struct run *r,
               struct tensor **fetched) {
    r->fed = t->values.at;
    r->fetched = fetched;
    return exec_run(e, p, r);
}

/* ---- groups ---- */

/* Whether the graph with groups taken together has no ring; by peeling, quadratic. */
static bool groups_make_no_ring(const struct node_list *l, const int *unit) {
    bool *done = calloc((size_t)l->n, sizeof *done);
    bool progress = true;
    int left = l->n;
    while (progress && left > 0) {
        progress = false;
        for (int u = 0; u < l->n; u++) {
            bool ready = !done[u], any = false;
            for (int i = 0; ready && i < l->n; i++) {
                if (unit[i] != u)
                    continue;
                any = true;
                for (int j = 0; j < l->at[i]->n_in; j++) {
                    int in = unit[l->at[i]->in[j]->number];
                    ready = ready && (in == u || done[in]);
                }
            }
            if (!ready)
                continue;
            done[u] = progress = true;
            for (int i = 0; any && i < l->n; i++)
                left -= unit[i] == u;
        }
    }
    free(done);
    return left == 0;
}

void bench_group(struct bench *t) {
    struct arena a = {0};
    finish_program(t);
    struct node_list l = graph_order(&t->program.graph, &a, t->roots.at, t->roots.n, NULL, NULL);
    int *unit = arena_array(&a, int, l.n);
    for (int i = 0; i < l.n; i++) {
        l.at[i]->number = i;
        unit[i] = i;
    }
    for (int i = 0; i < l.n; i++) {
        struct node *n = l.at[i];
        if (n->op->trait != OP_ELEMENTWISE || bench_draw(t, 4) == 0)
            continue;
        int with = bench_draw(t, i + 1);
        struct node *m = l.at[with];
        if (with == i || m->op->trait != OP_ELEMENTWISE || !shape_same(&m->shape, &n->shape))
            continue;
        int before = unit[i];
        unit[i] = unit[with];
        if (!groups_make_no_ring(&l, unit))
            unit[i] = before;
    }
    for (int i = 0; i < l.n; i++) {
        int size = 0;
        for (int k = 0; k < l.n; k++)
            size += unit[k] == unit[i];
        l.at[i]->group = size > 1 ? unit[i] + 1 : 0;
    }
    arena_free(&a);
}

/* ---- evaluation node by node ---- */

static struct kernel_arg arg_of(const struct tensor *x) {
    struct kernel_arg a = {.data = x->data, .dtype = x->dtype, .rank = x->rank};
    memcpy(a.dim, x->dim, sizeof a.dim);
    return a;
}

static void run_alone(const struct kernel *k, struct kernel_call *c) {
    struct arena a = {0};
    struct kernel_work w = {0};
    struct kernel_fault fault = {0};
    c->fault = &fault;
    k->prepare(c, &w, &a);
    c->shared = arena_alloc_aligned(&a, w.shared_bytes, 64);
    void *scratch = arena_alloc_aligned(&a, w.scratch_bytes, 64);
    for (int p = 0; p < w.n_phases; p++)
        k->run(c, p, 0, w.units[p], scratch);
    arena_free(&a);
}

static struct ew_program alone(const struct node *n) {
    struct ew_program p = {.n_in = n->n_in, .n_instructions = 1, .n_out = 1, .rank = n->shape.rank};
    p.at[0] = (struct ew_instruction){.op = n->op->id, .dtype = n->dtype, .operand = {-1, -1, -1}};
    p.at[0].in_dtype = n->in[n->n_in - 1]->dtype;
    for (int j = 0; j < n->n_in; j++)
        p.at[0].operand[j] = (int16_t)j;
    p.out[0] = (int16_t)n->n_in;
    for (int d = 0; d < p.rank; d++)
        p.dim[d] = n->shape.d[d].k;
    return p;
}

static struct tensor *evaluate_node(struct bench *t, const struct node *n,
                                    struct tensor *const *values) {
    int64_t dim[MAX_RANK];
    for (int d = 0; d < n->shape.rank; d++)
        dim[d] = n->shape.d[d].k;
    if (n->op->id == OP_placeholder)
        for (int i = 0; i < t->fed.n; i++)
            if (t->fed.at[i] == n)
                return tensor_copy(t->values.at[i]);
    if (n->op->id == OP_variable)
        return tensor_copy(n->variable->value);
    if (n->op->id == OP_constant)
        return tensor_copy(n->value);
    if (n->op->id == OP_assign)
        return tensor_copy(values[n->in[1]->number]);
    struct tensor *result = tensor_new(n->dtype, n->shape.rank, dim);
    if (n->op->trait == OP_ALIAS) {
        memcpy(result->data, values[n->in[0]->number]->data, tensor_bytes(result));
        return result;
    }
    struct kernel_arg in[MAX_INPUTS], out = arg_of(result);
    struct ew_program program;
    struct kernel_call c = {.n_in = n->n_in, .n_out = 1, .in = in, .out = &out, .attr = n->attr};
    for (int j = 0; j < n->n_in; j++)
        in[j] = arg_of(values[n->in[j]->number]);
    const struct kernel *k = kernel_find(kernel_best_isa(), n->op->id);
    if (n->op->trait == OP_ELEMENTWISE) {
        program = alone(n);
        c.program = &program;
        k = kernel_elementwise(kernel_best_isa());
    }
    if (n->path)
        c.draw.path = hash_bytes(n->path, strlen(n->path), 0);
    run_alone(k, &c);
    return result;
}

void bench_evaluate(struct bench *t, struct tensor **fetched, struct tensor **variables) {
    struct arena a = {0};
    finish_program(t);
    struct node_list l = graph_order(&t->program.graph, &a, t->roots.at, t->roots.n, NULL, NULL);
    struct tensor **values = arena_array(&a, struct tensor *, l.n);
    for (int i = 0; i < l.n; i++) {
        l.at[i]->number = i;
        values[i] = evaluate_node(t, l.at[i], values);
    }
    for (int i = 0; i < t->program.n_fetch; i++)
        fetched[i] = tensor_copy(values[t->roots.at[i]->number]);
    bench_save_variables(t, variables);
    for (int i = 0; i < l.n; i++)
        for (int v = 0; v < t->variables.n; v++)
            if (l.at[i]->op->id == OP_assign && l.at[i]->in[0]->variable == t->variables.at[v])
                memcpy(variables[v]->data, values[i]->data, tensor_bytes(values[i]));
    unref_all(values, l.n);
    arena_free(&a);
}

void bench_save_variables(struct bench *t, struct tensor **saved) {
    for (int v = 0; v < t->variables.n; v++)
        saved[v] = tensor_copy(t->variables.at[v]->value);
}

void bench_set_variables(struct bench *t, struct tensor *const *saved) {
    for (int v = 0; v < t->variables.n; v++)
        memcpy(t->variables.at[v]->value->data, saved[v]->data, tensor_bytes(saved[v]));
}

/* ---- comparison ---- */

bool same_bits(const struct tensor *a, const struct tensor *b) {
    return a->n_elements == b->n_elements && a->dtype == b->dtype &&
           (a->n_elements == 0 || memcmp(a->data, b->data, tensor_bytes(a)) == 0);
}

double difference(const struct tensor *a, const struct tensor *b) {
    if (a->n_elements != b->n_elements || a->dtype != b->dtype)
        return INFINITY;
    double most = 0;
    for (int64_t i = 0; i < a->n_elements; i++) {
        double x = tensor_get(a, i), y = tensor_get(b, i);
        if (x == y || (isnan(x) && isnan(y)))
            continue;
        double d = fabs(x - y) / fmax(1, fabs(y));
        if (!(d <= most))
            most = isnan(d) ? INFINITY : d;
    }
    return most;
}

void unref_all(struct tensor **t, int n) {
    for (int i = 0; i < n; i++)
        tensor_unref(t[i]);
}

/* ---- memory ---- */

/* The node whose storage n has. */
static const struct node *root_of(const struct node *n) {
    while (n->op->trait == OP_ALIAS || n->op->id == OP_assign)
        n = n->in[n->op->id == OP_assign];
    return n;
}

struct live {
    const struct node *node;
    size_t begin, end;
    int born, dies;
};

static size_t bytes_of(const struct node *n) {
    return dtype_bytes(n->dtype) * (size_t)shape_n_elements(&n->shape);
}

static struct live *list_lives(const struct plan *p, struct arena *a, int *n_lives) {
    ARRAY(struct live) lives = {0};
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        for (int j = 0; j < s->call.n_out; j++) {
            size_t bytes = bytes_of(s->out_node[j]);
            if (s->out[j].kind != STORAGE_SLAB || bytes == 0)
                continue;
            struct live l = {s->out_node[j], s->out[j].offset, s->out[j].offset + bytes, i, i};
            array_push(a, &lives, l);
        }
        for (int j = 0; j < s->call.n_in; j++)
            for (int k = 0; k < lives.n; k++)
                if (s->in[j].kind == STORAGE_SLAB && root_of(s->in_node[j]) == lives.at[k].node &&
                    lives.at[k].begin == s->in[j].offset)
                    lives.at[k].dies = i;
    }
    for (int i = 0; i < p->n_fetch; i++)
        for (int k = 0; k < lives.n; k++)
            if (p->fetch[i].kind == STORAGE_SLAB && root_of(p->fetch_node[i]) == lives.at[k].node &&
                lives.at[k].begin == p->fetch[i].offset)
                lives.at[k].dies = p->n_steps;
    *n_lives = lives.n;
    return lives.at;
}

static bool written_in_place(const struct plan *p, const struct live *old, const struct live *new) {
    return old->dies == new->born && old->begin == new->begin && old->end == new->end &&
           p->steps[new->born].call.program != NULL;
}

static const char *check_lives(const struct plan *p, const struct live *at, int n) {
    for (int i = 0; i < n; i++) {
        size_t bytes = at[i].end - at[i].begin;
        if (at[i].begin % 64 != 0)
            return "a buffer is not aligned";
        if (bytes >= 65536 && at[i].begin % 4096 != 0)
            return "a large buffer is not aligned to pages";
        if (at[i].end > p->slab_bytes)
            return "a buffer ends behind the slab";
        for (int k = i + 1; k < n; k++) {
            bool meet = at[i].dies >= at[k].born && at[k].dies >= at[i].born;
            bool overlap = at[i].begin < at[k].end && at[k].begin < at[i].end;
            if (meet && overlap && !written_in_place(p, &at[i], &at[k]))
                return "two live buffers overlap";
        }
        for (int s = at[i].born; s <= at[i].dies && s < p->n_steps; s++) {
            size_t begin = p->steps[s].shared_offset, end = begin + p->steps[s].work.shared_bytes;
            if (begin < end && at[i].begin < end && begin < at[i].end)
                return "shared memory overlaps a buffer";
            if (end > p->slab_bytes)
                return "shared memory ends behind the slab";
        }
    }
    return NULL;
}

const char *bench_check_memory(struct bench *t, const struct plan *p) {
    struct arena a = {0};
    int n;
    (void)t;
    struct live *at = list_lives(p, &a, &n);
    const char *wrong = check_lives(p, at, n);
    if (!wrong && p->peak_lower_bound_bytes > p->slab_bytes + 64)
        wrong = "the lower bound is above the slab";
    arena_free(&a);
    return wrong;
}
