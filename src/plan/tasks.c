/* Cuts a program into tasks: one for each elementwise group, with the reductions in it, one for
 * each other node that has a kernel.
 *
 * In: the optimised graph with concrete shapes. Out: tasks with their arguments, the values they
 * pass, the variables' updates. A node inside a group has a value of its own only when something
 * outside the group needs it. Linear in nodes and edges.
 *
 * Not for: choosing groups (opt/fuse.c). A group too large for one elementwise program is run node
 * by node. */
#include "plan/tasks.h"

#include <assert.h>
#include <string.h>

/* Working memory of tasks_make, all [nodes.n] unless said otherwise. */
struct cutting {
    struct schedule *s;
    int *root;                   /* the node whose storage a node has */
    int *group;                  /* 0: a task of its own, or none */
    bool *needed;                /* in no group, or by something outside its group */
    int *instruction;            /* its place in its group's program */
    int n_groups;                /* groups are 1..n_groups */
    int *members, *first_member; /* nodes by group; [n_groups + 2] */
    int *left;                   /* [n_groups + 1] members not met yet */
    int *first_result, *next_result; /* the nodes that are further results of one; -1: end */
    int *stamp;                  /* [values] last task that was seen reading it */
    int n_stamps;
};

static bool is_leaf(const struct node *n) { return n->op->trait == OP_LEAF; }
static bool is_alias(const struct node *n) { return n->op->trait == OP_ALIAS; }
static bool is_assign(const struct node *n) { return n->op->id == OP_assign; }
static bool is_result(const struct node *n) { return n->op->trait == OP_RESULT; }
/* A loop has no value but its results'. */
static bool has_value(const struct node *n) { return n->op->trait != OP_LOOP; }
static bool has_task(const struct node *n) {
    return !is_leaf(n) && !is_alias(n) && !is_assign(n) && !is_result(n);
}

static bool node_bytes(const struct node *n, size_t *bytes) {
    int64_t total = (int64_t)dtype_bytes(n->dtype);
    for (int i = 0; i < n->shape.rank; i++) {
        assert(dim_is_const(n->shape.d[i]) && n->shape.d[i].k >= 0);
        if (n->shape.d[i].k == 0) {
            *bytes = 0;
            return true;
        }
    }
    for (int i = 0; i < n->shape.rank; i++)
        if (__builtin_mul_overflow(total, n->shape.d[i].k, &total))
            return false;
    *bytes = (size_t)total;
    return true;
}

/* What each node's storage is, and which nodes of groups are needed outside. */
static void find_roots(struct cutting *c, struct node *const *roots, int n_roots) {
    const struct node_list *nodes = &c->s->nodes;
    for (int i = 0; i < nodes->n; i++) {
        const struct node *n = nodes->at[i];
        c->root[i] = is_alias(n)    ? c->root[n->in[0]->number]
                     : is_assign(n) ? c->root[n->in[1]->number]
                                    : i;
        c->group[i] = n->group;
        c->needed[i] = c->group[i] == 0;
        if (c->group[i] > c->n_groups)
            c->n_groups = c->group[i];
    }
    for (int i = 0; i < nodes->n; i++) {
        const struct node *n = nodes->at[i];
        if (is_alias(n))
            continue;
        for (int j = 0; j < n->n_in; j++) {
            int r = c->root[n->in[j]->number];
            if (c->group[i] == 0 || c->group[r] != c->group[i])
                c->needed[r] = true;
        }
    }
    for (int i = 0; i < n_roots; i++)
        c->needed[c->root[roots[i]->number]] = true;
}

/* An op's results are values of their own, written by its task; those nobody asks for are not. */
static void list_results(struct cutting *c) {
    const struct node_list *nodes = &c->s->nodes;
    c->first_result = arena_array(c->s->arena, int, nodes->n);
    c->next_result = arena_array(c->s->arena, int, nodes->n);
    for (int i = 0; i < nodes->n; i++)
        c->first_result[i] = c->next_result[i] = -1;
    for (int i = nodes->n - 1; i >= 0; i--) {
        if (!is_result(nodes->at[i]))
            continue;
        int of = nodes->at[i]->in[0]->number;
        c->next_result[i] = c->first_result[of];
        c->first_result[of] = i;
    }
}

static void list_groups(struct cutting *c) {
    int n = c->s->nodes.n;
    c->first_member = arena_array(c->s->arena, int, c->n_groups + 2);
    c->left = arena_array(c->s->arena, int, c->n_groups + 1);
    c->members = arena_array(c->s->arena, int, n);
    for (int i = 0; i < n; i++)
        c->first_member[c->group[i] + 1]++;
    for (int g = 0; g <= c->n_groups; g++)
        c->first_member[g + 1] += c->first_member[g];
    int *next = arena_array(c->s->arena, int, c->n_groups + 1);
    memcpy(next, c->first_member, (size_t)(c->n_groups + 1) * sizeof *next);
    for (int i = 0; i < n; i++)
        c->members[next[c->group[i]]++] = i;
    for (int g = 0; g <= c->n_groups; g++)
        c->left[g] = c->first_member[g + 1] - c->first_member[g];
}

/* Where instruction `user` wants its operands: a reduction reads elements of the full shape. */
static enum ew_space operand_space(const struct node *user) {
    return user->op->trait == OP_ELEMENTWISE ? user->space : EW_FULL;
}

/* The inputs of a program under way. */
struct inputs {
    int n;
    struct task_arg at[MAX_EW_INPUTS];
    uint8_t space[MAX_EW_INPUTS];
};

/* The input that shows storage `root` under the shape of `seen`, for use in `space`: its number,
 * or n. */
static int find_input(const struct cutting *c, const struct inputs *in, int root,
                      const struct node *seen, enum ew_space space) {
    int i = 0;
    for (; i < in->n; i++)
        if (in->space[i] == space && c->root[in->at[i].node->number] == root &&
            shape_same(&in->at[i].node->shape, &seen->shape))
            break;
    return i;
}

/* Groups beyond what one program holds run node by node. */
static void dissolve_large_groups(struct cutting *c) {
    struct node *const *at = c->s->nodes.at;
    for (int g = 1; g <= c->n_groups; g++) {
        const int *member = c->members + c->first_member[g];
        int n = c->left[g], n_out = 0;
        struct inputs in = {0};
        bool fits = n <= MAX_EW_INSTRUCTIONS;
        for (int m = 0; fits && m < n; m++) {
            struct node *node = at[member[m]];
            n_out += c->needed[member[m]];
            for (int j = 0; fits && j < node->n_in; j++) {
                int r = c->root[node->in[j]->number];
                enum ew_space space = operand_space(node);
                if (c->group[r] == g || find_input(c, &in, r, node->in[j], space) < in.n)
                    continue;
                fits = in.n < MAX_EW_INPUTS;
                if (fits)
                    in.at[in.n].node = node->in[j], in.space[in.n++] = space;
            }
        }
        if (fits && n_out <= MAX_EW_OUTPUTS)
            continue;
        for (int m = 0; m < n; m++) {
            c->group[member[m]] = 0;
            at[member[m]]->space = EW_FULL;
            c->needed[member[m]] = true;
        }
        c->left[g] = 0;
    }
}

static bool add_value(struct cutting *c, int i) {
    struct node *n = c->s->nodes.at[i];
    struct value v = {.node = n,
                      .writer = -1,
                      .feed = -1,
                      .update = -1,
                      .home = -1,
                      .result = -1,
                      .buffer = -1};
    if (!node_bytes(n, &v.bytes))
        return false;
    c->s->value_of[i] = c->s->values.n;
    array_push(c->s->arena, &c->s->values, v);
    return true;
}

int tasks_add_value(struct schedule *s, int of) {
    struct value v = s->values.at[of];
    struct value copy = {.node = v.node,
                         .bytes = v.bytes,
                         .writer = -1,
                         .feed = -1,
                         .update = -1,
                         .home = -1,
                         .result = -1,
                         .buffer = -1};
    array_push(s->arena, &s->values, copy);
    return s->values.n - 1;
}

static struct task_arg arg_of(const struct cutting *c, struct node *seen) {
    return (struct task_arg){c->s->value_of[c->root[seen->number]], seen};
}

static void note_reads(struct cutting *c, struct task *t, int task) {
    struct schedule *s = c->s;
    if (c->n_stamps < s->values.n) {
        int *grown = arena_array(s->arena, int, 2 * s->values.n);
        if (c->n_stamps > 0)
            memcpy(grown, c->stamp, (size_t)c->n_stamps * sizeof *grown);
        c->stamp = grown;
        c->n_stamps = 2 * s->values.n;
    }
    t->reads = arena_array(s->arena, int, t->n_in);
    for (int j = 0; j < t->n_in; j++) {
        int v = t->in[j].value;
        if (c->stamp[v] == task + 1)
            continue;
        c->stamp[v] = task + 1;
        t->reads[t->n_reads++] = v;
    }
}

/* The shape of the FULL values of members[0..n), and where its rows begin. */
static void set_program_shape(struct ew_program *p, struct node *const *at, const int *member,
                              int n) {
    const struct shape *full = NULL;
    int row_axis = -1;
    for (int m = 0; m < n; m++) {
        const struct node *node = at[member[m]];
        if (operand_space(node) == EW_FULL)
            full = node->op->trait == OP_ELEMENTWISE ? &node->shape : &node->in[0]->shape;
        if (node->space == EW_ROW)
            row_axis = node->row_axis;
    }
    p->rank = full->rank;
    p->row_rank = row_axis < 0 ? 0 : full->rank - row_axis;
    for (int d = 0; d < full->rank; d++)
        p->dim[d] = full->d[d].k;
}

static void list_inputs(struct cutting *c, struct ew_program *p, struct inputs *in,
                        const int *member, int n) {
    struct node *const *at = c->s->nodes.at;
    int group = c->group[member[0]];
    for (int m = 0; m < n; m++) {
        const struct node *node = at[member[m]];
        enum ew_space space = operand_space(node);
        for (int j = 0; j < node->n_in; j++) {
            int r = c->root[node->in[j]->number];
            if ((group > 0 && c->group[r] == group) ||
                find_input(c, in, r, node->in[j], space) < in->n)
                continue;
            in->at[in->n] = arg_of(c, node->in[j]);
            in->space[in->n] = p->in_space[in->n] = (uint8_t)space;
            in->n++;
        }
        c->instruction[member[m]] = m;
    }
    p->n_in = in->n;
}

/* The operand number of row value `v` where elements of the full shape are wanted. */
static int spread_of(struct ew_program *p, int n_instructions, int v) {
    int i = 0;
    while (i < p->n_spreads && p->spread[i] != v)
        i++;
    if (i == p->n_spreads)
        p->spread[p->n_spreads++] = (int16_t)v;
    return p->n_in + n_instructions + i;
}

/* The program of members[0..n), in the order of their numbers; fills t's arguments. */
static void build_program(struct cutting *c, struct task *t, const int *member, int n) {
    struct schedule *s = c->s;
    struct node *const *at = s->nodes.at;
    struct ew_program *p = arena_new(s->keep, struct ew_program);
    int group = c->group[member[0]];
    struct inputs in = {0};
    struct task_arg out[MAX_EW_OUTPUTS];
    set_program_shape(p, at, member, n);
    list_inputs(c, p, &in, member, n);
    for (int m = 0; m < n; m++) {
        struct node *node = at[member[m]];
        struct ew_instruction *e = &p->at[p->n_instructions++];
        enum ew_space space = operand_space(node);
        *e = (struct ew_instruction){.op = node->op->id,
                                     .dtype = node->dtype,
                                     .operand = {-1, -1, -1},
                                     .space = node->space};
        e->in_dtype = node->in[node->n_in - 1]->dtype;
        for (int j = 0; j < node->n_in; j++) {
            int r = c->root[node->in[j]->number];
            bool inside = group > 0 && c->group[r] == group;
            int v = inside ? p->n_in + c->instruction[r]
                           : find_input(c, &in, r, node->in[j], space);
            bool spread = inside && space == EW_FULL && s->nodes.at[r]->space == EW_ROW;
            e->operand[j] = (int16_t)(spread ? spread_of(p, n, v) : v);
        }
        if (!c->needed[member[m]])
            continue;
        out[p->n_out] = arg_of(c, node);
        p->out[p->n_out++] = (int16_t)(p->n_in + m);
    }
    t->program = p;
    t->n_in = p->n_in, t->n_out = p->n_out;
    t->in = arena_array(s->arena, struct task_arg, t->n_in);
    t->out = arena_array(s->arena, struct task_arg, t->n_out);
    if (t->n_in > 0)
        memcpy(t->in, in.at, (size_t)t->n_in * sizeof *t->in);
    if (t->n_out > 0)
        memcpy(t->out, out, (size_t)t->n_out * sizeof *out);
}

/* The arguments of a task that is node i. */
static void fill_task(struct cutting *c, struct task *t, int i, int task) {
    struct schedule *s = c->s;
    const struct node *n = s->nodes.at[i];
    t->n_in = n->n_in;
    t->in = arena_array(s->arena, struct task_arg, t->n_in);
    for (int j = 0; j < t->n_in; j++)
        t->in[j] = arg_of(c, n->in[j]);
    int n_out = has_value(n);
    for (int r = c->first_result[i]; r >= 0; r = c->next_result[r])
        n_out++;
    t->out = arena_array(s->arena, struct task_arg, n_out);
    if (has_value(n))
        t->out[t->n_out++] = arg_of(c, s->nodes.at[i]);
    for (int r = c->first_result[i]; r >= 0; r = c->next_result[r]) {
        t->out[t->n_out++] = arg_of(c, s->nodes.at[r]);
        s->values.at[s->value_of[r]].writer = task;
    }
}

/* The task of node i, or of the group whose last member it is. */
static void add_task(struct cutting *c, int i) {
    struct schedule *s = c->s;
    int g = c->group[i], n = g > 0 ? c->first_member[g + 1] - c->first_member[g] : 1;
    const int *member = g > 0 ? c->members + c->first_member[g] : &i;
    struct task t = {.n_nodes = n, .nodes = arena_array(s->keep, struct node *, n)};
    int task = s->tasks.n;
    for (int m = 0; m < n; m++) {
        t.nodes[m] = s->nodes.at[member[m]];
        if (c->needed[member[m]] && has_value(t.nodes[m]))
            s->values.at[s->value_of[member[m]]].writer = task;
    }
    if (g > 0 || t.nodes[0]->op->trait == OP_ELEMENTWISE)
        build_program(c, &t, member, n);
    else
        fill_task(c, &t, i, task);
    note_reads(c, &t, task);
    array_push(s->arena, &s->tasks, t);
}

int tasks_add_copy(struct schedule *s, int target, int source, struct node *node) {
    struct task t = {.n_nodes = 1, .n_in = 2, .n_out = 1, .n_reads = 1, .copies = true};
    struct node *to = s->values.at[target].node, *from = s->values.at[source].node;
    t.nodes = arena_new(s->keep, struct node *);
    t.nodes[0] = node;
    t.in = arena_array(s->arena, struct task_arg, 2);
    t.out = arena_new(s->arena, struct task_arg);
    t.in[0] = t.out[0] = (struct task_arg){target, to};
    t.in[1] = (struct task_arg){source, from};
    t.reads = arena_new(s->arena, int);
    t.reads[0] = source;
    array_push(s->arena, &s->tasks, t);
    return s->tasks.n - 1;
}

/* The last assignment of a variable is the one that counts; one of its own value is none. */
static void add_update(struct cutting *c, struct node *assign) {
    struct schedule *s = c->s;
    int target = s->value_of[c->root[assign->in[0]->number]];
    int source = s->value_of[c->root[assign->in[1]->number]];
    assert(s->values.at[target].node->op->id == OP_variable);
    int u = s->values.at[target].update;
    if (u < 0) {
        s->values.at[target].update = u = s->updates.n;
        array_push(s->arena, &s->updates, (struct update){.target = target, .writer = -1});
    }
    s->updates.at[u].source = source;
    s->updates.at[u].node = assign;
}

static void drop_updates_without_effect(struct schedule *s) {
    int kept = 0;
    for (int u = 0; u < s->updates.n; u++) {
        struct update up = s->updates.at[u];
        bool effect = up.source != up.target;
        s->values.at[up.target].update = effect ? kept : -1;
        if (effect)
            s->updates.at[kept++] = up;
    }
    s->updates.n = kept;
}

static void list_readers(struct schedule *s) {
    int n_edges = 0;
    for (int t = 0; t < s->tasks.n; t++)
        for (int j = 0; j < s->tasks.at[t].n_reads; j++, n_edges++)
            s->values.at[s->tasks.at[t].reads[j]].n_readers++;
    s->readers = arena_array(s->arena, int, n_edges);
    int first = 0;
    for (int v = 0; v < s->values.n; v++) {
        s->values.at[v].first_reader = first;
        first += s->values.at[v].n_readers;
        s->values.at[v].n_readers = 0;
    }
    for (int t = 0; t < s->tasks.n; t++)
        for (int j = 0; j < s->tasks.at[t].n_reads; j++) {
            struct value *v = &s->values.at[s->tasks.at[t].reads[j]];
            s->readers[v->first_reader + v->n_readers++] = t;
        }
}

/* The value of node i, if it has one; its task, when all of it has been met. */
static bool add_node(struct cutting *c, int i) {
    const struct node *n = c->s->nodes.at[i];
    if (is_alias(n) || is_assign(n) || is_result(n))
        return true;
    if (has_value(n) && c->needed[i] && !add_value(c, i))
        return false;
    for (int r = c->first_result[i]; r >= 0; r = c->next_result[r])
        if (!add_value(c, r))
            return false;
    if (has_task(n) && (c->group[i] == 0 || --c->left[c->group[i]] == 0))
        add_task(c, i);
    return true;
}

bool tasks_make(struct schedule *s, struct program *p) {
    s->nodes = graph_order(&p->graph, s->arena, p->roots, p->n_roots, NULL, NULL);
    int n = s->nodes.n;
    for (int i = 0; i < n; i++)
        s->nodes.at[i]->number = i;
    struct cutting c = {.s = s,
                        .root = arena_array(s->arena, int, n),
                        .group = arena_array(s->arena, int, n),
                        .needed = arena_array(s->arena, bool, n),
                        .instruction = arena_array(s->arena, int, n)};
    s->value_of = arena_array(s->arena, int, n);
    for (int i = 0; i < n; i++)
        s->value_of[i] = -1;
    find_roots(&c, p->roots, p->n_roots);
    list_groups(&c);
    list_results(&c);
    dissolve_large_groups(&c);
    for (int i = 0; i < n; i++)
        if (!add_node(&c, i))
            return false;
    for (int i = 0; i < n; i++)
        if (is_assign(s->nodes.at[i]))
            add_update(&c, s->nodes.at[i]);
    drop_updates_without_effect(s);
    for (int i = 0; i < p->n_fed; i++) {
        const struct node *f = p->fed[i];
        if (f && f->number >= 0 && f->number < n && s->nodes.at[f->number] == f)
            s->values.at[s->value_of[f->number]].feed = i;
    }
    s->n_fetch = p->n_fetch;
    s->fetch = arena_array(s->arena, int, p->n_fetch);
    for (int i = 0; i < p->n_fetch; i++) {
        s->fetch[i] = s->value_of[c.root[p->roots[i]->number]];
        struct value *v = &s->values.at[s->fetch[i]];
        v->fetched = true;
        if (s->is_body && v->writer >= 0 && v->result < 0)
            v->result = i;
    }
    list_readers(s);
    return true;
}
