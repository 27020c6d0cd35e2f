/* The order of a plan's steps.
 *
 * Early steps compute everything that could fail or is only read: list scheduling (Graham 1966)
 * whose priority is the bytes a task brings to life less those it lets die; the graph's own order
 * is tried too, and the one with the lower peak is taken. Late steps write variables. An
 * elementwise task that checks nothing, or one that has no inputs (a draw, a fill), writes an
 * assigned result straight into the variable when every other reader of the old value can run
 * before it; otherwise the result gets a buffer and a copy at the end. A sum may be late too, of
 * what such a task computed, but writes a buffer. A ring of copies (a <- b,
 * b <- a) is broken by keeping one old value in a buffer.
 *
 * Promises: no step before first_write writes a variable; no step from there on can fail; every
 * step sees the values the variables had before the run. O((tasks + edges) log tasks). */
#include "plan/tasks.h"

#include <assert.h>
#include <string.h>

/* A binary heap of tasks, smallest key first, then smallest number. An entry whose key is not the
 * task's any more is skipped when it surfaces. */
struct entry {
    int64_t key;
    int task;
};
struct heap {
    struct arena *arena;
    ARRAY(struct entry) list;
};

static bool entry_less(struct entry a, struct entry b) {
    return a.key != b.key ? a.key < b.key : a.task < b.task;
}

static void heap_push(struct heap *h, int64_t key, int task) {
    struct entry e = {key, task};
    array_push(h->arena, &h->list, e);
    struct entry *at = h->list.at;
    int i = h->list.n - 1;
    for (; i > 0 && entry_less(e, at[(i - 1) / 2]); i = (i - 1) / 2)
        at[i] = at[(i - 1) / 2];
    at[i] = e;
}

static struct entry heap_pop(struct heap *h) {
    struct entry *at = h->list.at, top = at[0], last = at[--h->list.n];
    int i = 0, n = h->list.n;
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && entry_less(at[child + 1], at[child]))
            child++;
        if (!entry_less(at[child], last))
            break;
        at[i] = at[child];
    }
    at[i] = last;
    return top;
}

/* One list scheduling under way. All [tasks.n] unless said otherwise. */
struct listing {
    struct schedule *s;
    const bool *late; /* tasks to leave out; NULL: none */
    bool by_bytes;    /* else by number */
    int *waits;       /* values that are not written yet */
    int64_t *key;
    bool *done;
    int *unread;      /* [values.n] readers that have not run */
    int64_t *readers; /* [values.n] the sum of their numbers: the last one, when it is alone */
    struct heap ready;
    int64_t live, peak;
};

static bool dies_when_read(const struct value *v) { return v->writer >= 0 && !v->fetched; }

static void listing_init(struct listing *l) {
    struct schedule *s = l->s;
    l->waits = arena_array(s->arena, int, s->tasks.n);
    l->key = arena_array(s->arena, int64_t, s->tasks.n);
    l->done = arena_array(s->arena, bool, s->tasks.n);
    l->unread = arena_array(s->arena, int, s->values.n);
    l->readers = arena_array(s->arena, int64_t, s->values.n);
    l->ready.arena = s->arena;
    for (int v = 0; v < s->values.n; v++) {
        const struct value *value = &s->values.at[v];
        l->unread[v] = value->n_readers;
        for (int j = 0; j < value->n_readers; j++)
            l->readers[v] += s->readers[value->first_reader + j];
    }
    for (int t = 0; t < s->tasks.n; t++) {
        const struct task *task = &s->tasks.at[t];
        for (int j = 0; j < task->n_out; j++)
            l->key[t] += (int64_t)s->values.at[task->out[j].value].bytes;
        for (int j = 0; j < task->n_reads; j++) {
            const struct value *v = &s->values.at[task->reads[j]];
            l->waits[t] += v->writer >= 0;
            if (dies_when_read(v) && v->n_readers == 1)
                l->key[t] -= (int64_t)v->bytes;
        }
        if (!l->by_bytes)
            l->key[t] = 0;
    }
}

static void make_ready(struct listing *l, int t) {
    if (l->waits[t] == 0 && !l->done[t] && !(l->late && l->late[t]))
        heap_push(&l->ready, l->key[t], t);
}

static void count_output(struct listing *l, int v) {
    const struct value *value = &l->s->values.at[v];
    l->live += (int64_t)value->bytes;
    for (int j = 0; j < value->n_readers; j++) {
        int reader = l->s->readers[value->first_reader + j];
        l->waits[reader]--;
        make_ready(l, reader);
    }
}

static void count_read(struct listing *l, int t, int v) {
    const struct value *value = &l->s->values.at[v];
    l->readers[v] -= t;
    l->unread[v]--;
    if (!dies_when_read(value))
        return;
    if (l->unread[v] == 0)
        l->live -= (int64_t)value->bytes;
    if (l->unread[v] == 1 && l->by_bytes) {
        int last = (int)l->readers[v];
        l->key[last] -= (int64_t)value->bytes;
        make_ready(l, last);
    }
}

/* Writes the order to `out`; gives how many tasks it has and the peak of live bytes. */
static int list_tasks(struct schedule *s, const bool *late, bool by_bytes, int *out,
                      int64_t *peak) {
    struct listing l = {.s = s, .late = late, .by_bytes = by_bytes};
    int n = 0;
    listing_init(&l);
    for (int t = 0; t < s->tasks.n; t++)
        make_ready(&l, t);
    while (l.ready.list.n > 0) {
        struct entry e = heap_pop(&l.ready);
        if (l.done[e.task] || e.key != l.key[e.task])
            continue;
        const struct task *task = &s->tasks.at[e.task];
        l.done[e.task] = true;
        out[n++] = e.task;
        for (int j = 0; j < task->n_out; j++)
            count_output(&l, task->out[j].value);
        if (l.live > l.peak)
            l.peak = l.live;
        for (int j = 0; j < task->n_reads; j++)
            count_read(&l, e.task, task->reads[j]);
        for (int j = 0; j < task->n_out; j++) {
            const struct value *v = &s->values.at[task->out[j].value];
            if (v->n_readers == 0 && dies_when_read(v))
                l.live -= (int64_t)v->bytes;
        }
    }
    *peak = l.peak;
    return n;
}

/* ---- which tasks run late ---- */

/* It cannot fail, and may write over what it reads: few elementwise kernels check anything, and
 * what has no inputs has nothing to check, unless it is a loop. */
static bool may_write_variable(const struct task *t) {
    for (int i = 0; t->program && i < t->program->n_instructions; i++)
        if (ew_can_raise(&t->program->at[i]))
            return false;
    return t->program != NULL || (t->n_in == 0 && t->nodes[0]->op->trait != OP_LOOP);
}

/* It cannot fail: a sum checks nothing either, but may not write over what it reads. */
static bool may_run_late(const struct task *t) {
    return may_write_variable(t) || t->nodes[0]->op->id == OP_sum;
}

static void choose_late(struct schedule *s, bool *late) {
    int n = s->tasks.n;
    int *topological = arena_array(s->arena, int, n);
    bool *able = arena_array(s->arena, bool, n);
    int64_t peak;
    int n_listed = list_tasks(s, NULL, false, topological, &peak);
    assert(n_listed == n && "the groups of the program make a ring");
    (void)n_listed;
    for (int i = n - 1; i >= 0; i--) {
        const struct task *t = &s->tasks.at[topological[i]];
        bool ok = may_run_late(t);
        for (int j = 0; j < t->n_out; j++) {
            const struct value *v = &s->values.at[t->out[j].value];
            for (int k = 0; ok && k < v->n_readers; k++)
                ok = able[s->readers[v->first_reader + k]];
        }
        able[topological[i]] = ok;
    }
    for (int u = 0; u < s->updates.n; u++) {
        struct update *up = &s->updates.at[u];
        struct value *source = &s->values.at[up->source];
        if (source->writer < 0 || source->home >= 0 || !able[source->writer] ||
            source->node->space != EW_FULL || !may_write_variable(&s->tasks.at[source->writer]))
            continue;
        source->home = u;
        up->writer = source->writer;
        late[source->writer] = true;
    }
    for (int i = 0; i < n; i++) {
        const struct task *t = &s->tasks.at[topological[i]];
        for (int j = 0; j < t->n_reads && !late[topological[i]]; j++) {
            int writer = s->values.at[t->reads[j]].writer;
            if (writer >= 0 && late[writer])
                late[topological[i]] = true;
        }
    }
}

/* ---- the order of the late tasks ---- */

struct late_order {
    struct schedule *s;
    ARRAY(struct late_task {
        bool pending; /* late and not run yet */
        int waits;    /* values it reads that are written late and not yet */
    })
    tasks;
    int n_pending;
    /* [updates.n] late tasks that read the variable's old value and have not run, the one that
     * writes it aside */
    int *old_readers;
    int *next_of_source,
        *first_of_source; /* [updates.n], [values.n] updates with the same source; -1: end */
    struct heap ready;
};

/* The update that writing v makes; -1: none. */
static int update_made(const struct schedule *s, int v) {
    const struct value *value = &s->values.at[v];
    return value->home >= 0 ? value->home : value->update;
}

static void push_if_ready(struct late_order *o, int t) {
    if (!o->tasks.at[t].pending || o->tasks.at[t].waits > 0)
        return;
    const struct task *task = &o->s->tasks.at[t];
    for (int j = 0; j < task->n_out; j++) {
        int u = update_made(o->s, task->out[j].value);
        if (u >= 0 && o->old_readers[u] > 0)
            return;
    }
    heap_push(&o->ready, 0, t);
}

static bool reads(const struct task *t, int v) {
    for (int j = 0; j < t->n_reads; j++)
        if (t->reads[j] == v)
            return true;
    return false;
}

static bool written_late(const struct late_order *o, int v) {
    int writer = o->s->values.at[v].writer;
    return writer >= 0 && o->tasks.at[writer].pending;
}

/* Update u is made by a copy from now on. */
static void add_update_copy(struct late_order *o, int u) {
    struct schedule *s = o->s;
    struct update *up = &s->updates.at[u];
    int t = tasks_add_copy(s, up->target, up->source, up->node);
    array_push(s->arena, &o->tasks, (struct late_task){.pending = true});
    o->n_pending++;
    o->tasks.at[t].waits = written_late(o, up->source);
    int old = s->values.at[up->source].update;
    if (old >= 0)
        o->old_readers[old]++;
    up->writer = t;
}

static void late_order_init(struct late_order *o, const bool *late) {
    struct schedule *s = o->s;
    o->old_readers = arena_array(s->arena, int, s->updates.n);
    o->next_of_source = arena_array(s->arena, int, s->updates.n);
    o->first_of_source = arena_array(s->arena, int, s->values.n);
    o->ready.arena = s->arena;
    for (int t = 0; t < s->tasks.n; t++) {
        array_push(s->arena, &o->tasks, (struct late_task){.pending = late[t]});
        o->n_pending += late[t];
    }
    for (int t = 0, n = s->tasks.n; t < n; t++) {
        if (!late[t])
            continue;
        const struct task *task = &s->tasks.at[t];
        for (int j = 0; j < task->n_reads; j++) {
            int u = s->values.at[task->reads[j]].update;
            o->tasks.at[t].waits += written_late(o, task->reads[j]);
            if (u >= 0 && s->updates.at[u].writer != t)
                o->old_readers[u]++;
        }
    }
    for (int v = 0; v < s->values.n; v++)
        o->first_of_source[v] = -1;
    for (int u = s->updates.n - 1; u >= 0; u--) {
        int source = s->updates.at[u].source;
        o->next_of_source[u] = o->first_of_source[source];
        o->first_of_source[source] = u;
    }
    for (int u = 0; u < s->updates.n; u++)
        if (s->updates.at[u].writer < 0)
            add_update_copy(o, u);
}

static void count_written(struct late_order *o, int t, int v) {
    const struct value *value = &o->s->values.at[v];
    for (int j = 0; value->writer >= 0 && j < value->n_readers; j++) {
        int reader = o->s->readers[value->first_reader + j];
        o->tasks.at[reader].waits--;
        push_if_ready(o, reader);
    }
    for (int u = o->first_of_source[v]; value->writer >= 0 && u >= 0; u = o->next_of_source[u]) {
        int copy = o->s->updates.at[u].writer;
        if (copy == t)
            continue;
        o->tasks.at[copy].waits--;
        push_if_ready(o, copy);
    }
}

static void count_old_read(struct late_order *o, int t, int v) {
    int u = o->s->values.at[v].update;
    if (u < 0 || o->s->updates.at[u].writer == t)
        return;
    if (--o->old_readers[u] == 0)
        push_if_ready(o, o->s->updates.at[u].writer);
}

static void run_late(struct late_order *o, int t) {
    struct schedule *s = o->s;
    array_push(s->arena, &s->order, t);
    o->tasks.at[t].pending = false;
    o->n_pending--;
    for (int j = 0; j < s->tasks.at[t].n_out; j++)
        count_written(o, t, s->tasks.at[t].out[j].value);
    for (int j = 0; j < s->tasks.at[t].n_reads; j++)
        count_old_read(o, t, s->tasks.at[t].reads[j]);
}

/* Adds the step that keeps the old value of variable v in a buffer: the new value. */
static int keep_old_value(struct schedule *s, int v) {
    int kept = tasks_add_value(s, v);
    int t = tasks_add_copy(s, kept, v, s->values.at[v].node);
    s->values.at[kept].writer = t;
    array_push(s->arena, &s->order, t);
    return kept;
}

/* The updates that t wanted to write in place, and cannot while others read the old values, go
 * through copies. */
static void give_up_writing_through(struct late_order *o, int t) {
    struct schedule *s = o->s;
    for (int j = 0; j < s->tasks.at[t].n_out; j++) {
        int v = s->tasks.at[t].out[j].value, u = s->values.at[v].home;
        if (u < 0 || o->old_readers[u] == 0)
            continue;
        s->values.at[v].home = -1;
        o->old_readers[u] += reads(&s->tasks.at[t], s->updates.at[u].target);
        add_update_copy(o, u);
    }
    push_if_ready(o, t);
}

/* Nothing is ready: writers wait for readers in a ring. A task that computes gives way first; when
 * only copies are left, each reads one variable, so they form plain rings, and keeping one old
 * value opens a ring. */
static void break_ring(struct late_order *o, int *next_copy) {
    struct schedule *s = o->s;
    for (int t = 0; t < s->tasks.n; t++) {
        if (!o->tasks.at[t].pending || o->tasks.at[t].waits > 0 || s->tasks.at[t].copies)
            continue;
        give_up_writing_through(o, t);
        return;
    }
    while (!(o->tasks.at[*next_copy].pending && s->tasks.at[*next_copy].copies))
        ++*next_copy;
    int copy = *next_copy, v = s->tasks.at[copy].reads[0];
    int kept = keep_old_value(s, v);
    array_push(s->arena, &o->tasks, (struct late_task){.pending = false});
    s->tasks.at[copy].reads[0] = s->tasks.at[copy].in[1].value = kept;
    count_old_read(o, copy, v);
}

static void order_late(struct schedule *s, const bool *late) {
    struct late_order o = {.s = s};
    int next_copy = 0;
    late_order_init(&o, late);
    for (int t = 0; t < s->tasks.n; t++)
        push_if_ready(&o, t);
    while (o.n_pending > 0) {
        if (o.ready.list.n == 0) {
            break_ring(&o, &next_copy);
            continue;
        }
        int t = heap_pop(&o.ready).task;
        if (o.tasks.at[t].pending)
            run_late(&o, t);
    }
}

static void order_early(struct schedule *s, const bool *late) {
    int n = 0;
    int64_t peak[2];
    int *order[2];
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        order[by_bytes] = arena_array(s->arena, int, s->tasks.n);
        n = list_tasks(s, late, by_bytes, order[by_bytes], &peak[by_bytes]);
    }
    const int *best = order[peak[1] < peak[0]];
    for (int i = 0; i < n; i++)
        array_push(s->arena, &s->order, best[i]);
}

/* A fetched variable that the run assigns is fetched as it was before. */
static void keep_fetched_variables(struct schedule *s) {
    int *kept = arena_array(s->arena, int, s->updates.n);
    for (int i = 0; i < s->n_fetch; i++) {
        int v = s->fetch[i], u = s->values.at[v].update;
        if (u < 0)
            continue;
        if (kept[u] == 0)
            kept[u] = 1 + keep_old_value(s, v);
        s->fetch[i] = kept[u] - 1;
        s->values.at[s->fetch[i]].fetched = true;
    }
}

void order_make(struct schedule *s) {
    bool *late = arena_array(s->arena, bool, s->tasks.n);
    int n = s->tasks.n;
    choose_late(s, late);
    order_early(s, late);
    keep_fetched_variables(s);
    s->first_write = s->order.n;
    bool *all = arena_array(s->arena, bool, s->tasks.n);
    if (n > 0)
        memcpy(all, late, (size_t)n * sizeof *all);
    if (s->updates.n > 0)
        order_late(s, all);
}
