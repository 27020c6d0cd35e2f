/* Elementwise nodes of one shape become groups, with the reductions that read them and, when
 * those are over rows, what reads their results row by row; a group runs as one pass over memory,
 * and what is used only inside it is never stored. fuse_forms.c says which nodes can be together.
 *
 * A group must be convex: no path leaves it and comes back, or no order of the groups would run.
 * That is kept by levels instead of by searching. An edge costs 0 when it may lie within a group,
 * else 1, and every node gets a level such that a user's is at least its operand's plus the edge's
 * cost. Then a path that returns to its level used free edges only and never left the set of nodes
 * that free edges within the level connect; those sets are the groups, and between groups levels
 * only rise. Sets of one level and shape may even be one group without an edge between them; they
 * are when they read the same tensor, or are scalars. Any levels will do, so they are chosen for
 * little memory traffic: a node goes as late as its users let it when that puts it beside one of
 * them (what only the backward pass reads is computed there), else as early as its operands let it.
 *
 * Groups that exceed what one elementwise program can hold are cut along the walk's order, which
 * keeps each part convex. A reduction that would be alone keeps its own kernel. Linear in the
 * graph.
 *
 * Not for: which storage an output gets, or whether a step may work in place (plan/). */
#include "opt/fuse.h"

void opt_fuse(struct program *p);

struct fusion {
    struct arena scratch;
    struct node_list order; /* a node's number is its index */
    struct fuse_form *form;
    int *level;
    int *n_uses;    /* edges from users; a root counts as one more */
    bool *is_read;  /* some user is not an end of the graph */
    int *member_of; /* union-find over the sets; a set is named by its smallest number */
};

static bool is_free(const struct fusion *f, const struct node *from, const struct node *to) {
    return fuse_is_free(&f->form[from->number], from, &f->form[to->number]);
}

static void count_uses(struct fusion *f, struct program *p) {
    int n = f->order.n;
    f->n_uses = arena_array(&f->scratch, int, n);
    f->is_read = arena_array(&f->scratch, bool, n);
    for (int r = 0; r < p->n_roots; r++) f->n_uses[p->roots[r]->number]++;
    for (int i = n - 1; i >= 0; i--) {
        const struct node *node = f->order.at[i];
        /* an assign or a check that nothing reads leads nowhere: it bounds no level and closes
         * no path */
        bool end = node->op->trait == OP_EFFECT && !f->is_read[i];
        for (int k = 0; k < node->n_in; k++) {
            f->n_uses[node->in[k]->number]++;
            if (!end) f->is_read[node->in[k]->number] = true;
        }
    }
}

static void set_earliest(struct fusion *f) {
    for (int i = 0; i < f->order.n; i++) {
        const struct node *n = f->order.at[i];
        for (int k = 0; k < n->n_in; k++) {
            int least = f->level[n->in[k]->number] + !is_free(f, n->in[k], n);
            /* what has no inputs closes no path */
            if (n->in[k]->n_in > 0 && least > f->level[i]) f->level[i] = least;
        }
    }
}

/* From the users down: `latest` is what final levels of users allow; joined says that a user in
 * reach by a free edge is the one that bounds it. */
static void sink_to_users(struct fusion *f) {
    int n = f->order.n;
    int *latest = arena_array(&f->scratch, int, n);
    bool *joined = arena_array(&f->scratch, bool, n);
    for (int i = 0; i < n; i++) latest[i] = INT32_MAX;
    for (int i = n - 1; i >= 0; i--) {
        const struct node *user = f->order.at[i];
        if (joined[i]) f->level[i] = latest[i];
        if (user->op->trait == OP_EFFECT && !f->is_read[i]) continue;
        for (int k = 0; k < user->n_in; k++) {
            int in = user->in[k]->number;
            bool free_edge = is_free(f, user->in[k], user);
            int bound = f->level[i] - !free_edge;
            if (bound < latest[in])
                latest[in] = bound, joined[in] = free_edge;
            else if (bound == latest[in] && free_edge)
                joined[in] = true;
        }
    }
}

static int find_set(int *member_of, int i) {
    while (member_of[i] != i) i = member_of[i] = member_of[member_of[i]];
    return i;
}

static void join(int *member_of, int i, int j) {
    int a = find_set(member_of, i), b = find_set(member_of, j);
    member_of[a > b ? a : b] = a < b ? a : b;
}

static bool is_beside(const struct fusion *f, int i, int j) {
    return i >= 0 && f->level[i] == f->level[j] &&
           shape_same(f->form[i].domain->full, f->form[j].domain->full);
}

/* Scalars of a level; and what reads one tensor of the full shape, if it is next among those. */
static void join_siblings(struct fusion *f) {
    int n = f->order.n, *last_scalar = arena_array(&f->scratch, int, n + 1),
        *last_reader = arena_array(&f->scratch, int, n);
    for (int i = 0; i < n; i++) last_scalar[i] = last_reader[i] = -1;
    for (int i = 0; i < n; i++) {
        const struct node *node = f->order.at[i];
        const struct fuse_form *form = &f->form[i];
        if (!form->domain || form->renames) continue;
        if (form->domain->full->rank == 0) {
            int *last = &last_scalar[f->level[i]];
            if (is_beside(f, *last, i)) join(f->member_of, *last, i);
            *last = i;
        }
        for (int k = 0; k < node->n_in; k++) {
            if (!shape_same(&node->in[k]->shape, form->domain->full)) continue;
            int *last = &last_reader[node->in[k]->number];
            if (is_beside(f, *last, i)) join(f->member_of, *last, i);
            *last = i;
        }
    }
}

static void join_sets(struct fusion *f) {
    f->member_of = arena_array(&f->scratch, int, f->order.n);
    for (int i = 0; i < f->order.n; i++) f->member_of[i] = i;
    for (int i = 0; i < f->order.n; i++) {
        const struct node *n = f->order.at[i];
        for (int k = 0; k < n->n_in; k++) {
            int in = n->in[k]->number;
            if (is_free(f, n->in[k], n) && f->level[in] == f->level[i]) join(f->member_of, in, i);
        }
    }
    join_siblings(f);
}

/* A group being filled. */
struct group {
    int id, n_instructions, n_in, n_out;
};

/* For each node which group has it as member, and which last as input. */
struct membership {
    int *group, *input_of, *uses_left;
};

/* Adds n to g if it still fits. Outputs are counted as if the group ended here, so they may sink
 * later. */
static bool group_take(struct group *g, struct membership *m, const struct node *n) {
    int new_inputs = 0, inner[MAX_INPUTS], n_inner = 0, n_out = g->n_out + 1;
    for (int k = 0; k < n->n_in; k++) {
        int in = n->in[k]->number;
        bool again = false;
        for (int j = 0; j < k; j++) again |= n->in[j] == n->in[k];
        if (m->group[in] == g->id)
            inner[n_inner++] = in;
        else if (!again && m->input_of[in] != g->id)
            new_inputs++;
    }
    for (int k = 0; k < n_inner; k++)
        if (--m->uses_left[inner[k]] == 0) n_out--;
    if (g->n_instructions == MAX_EW_INSTRUCTIONS || g->n_in + new_inputs > MAX_EW_INPUTS ||
        n_out > MAX_EW_OUTPUTS) {
        for (int k = 0; k < n_inner; k++) m->uses_left[inner[k]]++;
        return false;
    }
    for (int k = 0; k < n->n_in; k++)
        if (m->group[n->in[k]->number] != g->id) m->input_of[n->in[k]->number] = g->id;
    g->n_instructions++, g->n_in += new_inputs, g->n_out = n_out;
    m->group[n->number] = g->id;
    return true;
}

/* Nodes first..last of a group that is complete: says where their values live; none when it would
 * be a single reduction. */
static void close_group(const struct fusion *f, int first, const int *next, int end) {
    bool only_rows = true, single = next[first] == end;
    for (int i = first; i != end; i = next[i])
        only_rows &= f->form[i].space == EW_ROW && f->order.at[i]->op->trait == OP_ELEMENTWISE;
    for (int i = first; i != end; i = next[i]) {
        struct node *n = f->order.at[i];
        if (single && n->op->trait != OP_ELEMENTWISE) n->group = 0;
        if (only_rows || n->group == 0) continue;
        n->space = f->form[i].space;
        n->row_axis = n->space == EW_ROW ? (uint8_t)f->form[i].domain->row_axis : 0;
    }
}

/* Set by set, members in the walk's order. */
static void cut_groups(struct fusion *f) {
    int n = f->order.n, n_groups = 0;
    int *first = arena_array(&f->scratch, int, n), *next = arena_array(&f->scratch, int, n);
    for (int i = 0; i < n; i++) first[i] = next[i] = -1;
    for (int i = n - 1; i >= 0; i--) {
        if (!f->form[i].domain || f->form[i].renames) continue;
        int set = find_set(f->member_of, i);
        next[i] = first[set];
        first[set] = i;
    }
    struct membership m = {
        .group = arena_array(&f->scratch, int, n),
        .input_of = arena_array(&f->scratch, int, n),
        .uses_left = f->n_uses,
    };
    for (int set = 0; set < n; set++) {
        struct group g = {0};
        int begin = first[set];
        for (int i = first[set]; i >= 0; i = next[i]) {
            struct node *node = f->order.at[i];
            if (!g.id || !group_take(&g, &m, node)) {
                close_group(f, begin, next, i);
                begin = i;
                g = (struct group){.id = ++n_groups};
                group_take(&g, &m, node);
            }
            node->group = g.id;
        }
        if (begin >= 0) close_group(f, begin, next, -1);
    }
}

void opt_fuse(struct program *p) {
    struct fusion f = {0};
    fuse_spell_rows(p);
    f.order = graph_order(&p->graph, &f.scratch, p->roots, p->n_roots, NULL, NULL);
    for (int i = 0; i < f.order.n; i++) {
        struct node *n = f.order.at[i];
        n->number = i, n->group = 0, n->space = n->row_axis = 0;
    }
    f.form = fuse_find_forms(&f.scratch, &f.order);
    f.level = arena_array(&f.scratch, int, f.order.n);
    count_uses(&f, p);
    set_earliest(&f);
    sink_to_users(&f);
    join_sets(&f);
    cut_groups(&f);
    arena_free(&f.scratch);
}
