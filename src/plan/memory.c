/* Where buffers are: lifetimes in the order of steps, storage written in place, offsets in one
 * slab.
 *
 * Offsets by best fit over lifetimes. Plans of up to MAX_RANKED buffers are laid out several times:
 * as buffers are born, and by the greedy rankings of Pisarchyk & Lee ("Efficient Memory Management
 * for Deep Neural Net Inference", 2020), which are quadratic; the smallest slab is taken. What
 * kernels share within a step is placed last, into gaps: its size depends on the machine, and the
 * offsets of the others do not.
 *
 * Promises: two buffers whose lifetimes meet do not overlap, but for an elementwise result over an
 * operand that dies; offsets are multiples of 64, of 4096 from LARGE_BYTES on. */
#include "plan/tasks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_ALIGN = 64, LARGE_ALIGN = 4096, LARGE_BYTES = 64 * 1024, MAX_RANKED = 1024 };

static size_t alignment(size_t bytes) { return bytes >= LARGE_BYTES ? LARGE_ALIGN : SMALL_ALIGN; }
static size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* ---- lifetimes ---- */

static void find_lifetimes(struct schedule *s) {
    for (int i = 0; i < s->order.n; i++) {
        const struct task *t = &s->tasks.at[s->order.at[i]];
        for (int j = 0; j < t->n_out; j++) {
            struct value *v = &s->values.at[t->out[j].value];
            v->born = i;
            if (v->dies < i)
                v->dies = i;
        }
        for (int j = 0; j < t->n_reads; j++)
            s->values.at[t->reads[j]].dies = i;
    }
    for (int v = 0; v < s->values.n; v++)
        if (s->values.at[v].fetched)
            s->values.at[v].dies = s->order.n;
}

static bool wants_buffer(const struct value *v) {
    return v->writer >= 0 && v->home < 0 && v->result < 0 && v->bytes > 0;
}

/* An input of elementwise task t that dies at `step`, has a buffer and exactly the form of the
 * result: its value, or -1. Other inputs of the same buffer have as many elements, so they are read
 * element by element too. */
static int find_dying_input(const struct schedule *s, const struct task *t, int step,
                            const struct node *result) {
    for (int j = 0; j < t->n_in && result->space == EW_FULL; j++) {
        const struct value *v = &s->values.at[t->in[j].value];
        if (v->buffer < 0 || v->dies != step || s->buffers[v->buffer].dies != step)
            continue;
        if (t->in[j].node->dtype == result->dtype &&
            shape_same(&t->in[j].node->shape, &result->shape))
            return t->in[j].value;
    }
    return -1;
}

static void assign_buffers(struct schedule *s) {
    s->buffers = arena_array(s->arena, struct buffer, s->values.n);
    for (int i = 0; i < s->order.n; i++) {
        const struct task *t = &s->tasks.at[s->order.at[i]];
        for (int j = 0; j < t->n_out; j++) {
            struct value *v = &s->values.at[t->out[j].value];
            if (!wants_buffer(v))
                continue;
            int over = t->program ? find_dying_input(s, t, i, t->out[j].node) : -1;
            v->buffer = over >= 0 ? s->values.at[over].buffer : s->n_buffers++;
            if (over < 0)
                s->buffers[v->buffer] = (struct buffer){.bytes = v->bytes, .born = i};
            s->buffers[v->buffer].dies = v->dies;
        }
    }
}

/* The most bytes alive at once: no layout can do with less. */
static size_t find_peak(struct schedule *s) {
    size_t *born = arena_array(s->arena, size_t, s->order.n + 2);
    size_t *died = arena_array(s->arena, size_t, s->order.n + 2);
    for (int b = 0; b < s->n_buffers; b++) {
        born[s->buffers[b].born] += s->buffers[b].bytes;
        died[s->buffers[b].dies] += s->buffers[b].bytes;
    }
    size_t live = 0, peak = 0;
    for (int i = 0; i < s->order.n; i++) {
        live += born[i];
        size_t here = live + s->shared_bytes[i];
        if (here > peak)
            peak = here;
        live -= died[i];
    }
    return peak;
}

/* ---- offsets ---- */

/* A stretch of the slab. */
struct extent {
    size_t begin, end;
};

/* The offset of the narrowest gap between taken[0..n), in order of begin, that holds `bytes`;
 * behind all when there is none. */
static size_t best_gap(const struct extent *taken, int n, size_t bytes) {
    size_t at = 0, best = SIZE_MAX, best_width = SIZE_MAX, align = alignment(bytes);
    for (int i = 0; i < n; i++) {
        size_t from = round_up(at, align);
        if (taken[i].begin > at && taken[i].begin >= from && taken[i].begin - from >= bytes &&
            taken[i].begin - at < best_width) {
            best = from;
            best_width = taken[i].begin - at;
        }
        if (taken[i].end > at)
            at = taken[i].end;
    }
    return best != SIZE_MAX ? best : round_up(at, align);
}

struct ranked {
    double rank;
    int buffer;
};

static int compare_ranks(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? 1 : -1;
    return x->buffer - y->buffer;
}

/* Which buffers are placed first: the largest, those that take most of the slab for most of the
 * time, those that live longest. */
enum ranking { BY_SIZE, BY_AREA, BY_LIFETIME, N_RANKINGS };

static double rank_of(const struct buffer *b, enum ranking by) {
    double bytes = (double)b->bytes, steps = b->dies - b->born + 1;
    return by == BY_SIZE ? bytes : by == BY_AREA ? bytes * steps : steps;
}

/* Gives the slab's size; offsets go to offset[n_buffers]. */
static size_t place_ranked(struct schedule *s, enum ranking by, size_t *offset) {
    int n = s->n_buffers;
    struct ranked *sorted = arena_array(s->arena, struct ranked, n);
    int *placed = arena_array(s->arena, int, n); /* by offset */
    struct extent *taken = arena_array(s->arena, struct extent, n);
    size_t slab = 0;
    for (int b = 0; b < n; b++)
        sorted[b] = (struct ranked){rank_of(&s->buffers[b], by), b};
    if (n > 0)
        qsort(sorted, (size_t)n, sizeof *sorted, compare_ranks);
    for (int i = 0; i < n; i++) {
        int b = sorted[i].buffer, n_taken = 0, at = i;
        for (int k = 0; k < i; k++) {
            const struct buffer *other = &s->buffers[placed[k]];
            if (other->dies < s->buffers[b].born || other->born > s->buffers[b].dies)
                continue;
            taken[n_taken++] = (struct extent){offset[placed[k]], offset[placed[k]] + other->bytes};
        }
        offset[b] = best_gap(taken, n_taken, s->buffers[b].bytes);
        if (offset[b] + s->buffers[b].bytes > slab)
            slab = offset[b] + s->buffers[b].bytes;
        for (; at > 0 && offset[placed[at - 1]] > offset[b]; at--)
            placed[at] = placed[at - 1];
        placed[at] = b;
    }
    return slab;
}

/* What is free as steps go by: stretches by begin, apart from each other; the last has no end. */
struct free_list {
    struct arena *arena;
    ARRAY(struct extent) list;
};

/* The first stretch that ends behind `at`. */
static int find_free(const struct free_list *f, size_t at) {
    int low = 0, high = f->list.n;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (f->list.at[mid].end > at)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void insert_free(struct free_list *f, int i, struct extent e) {
    array_push(f->arena, &f->list, e);
    memmove(f->list.at + i + 1, f->list.at + i, (size_t)(f->list.n - 1 - i) * sizeof e);
    f->list.at[i] = e;
}

static void remove_free(struct free_list *f, int i) {
    f->list.n--;
    memmove(f->list.at + i, f->list.at + i + 1, (size_t)(f->list.n - i) * sizeof *f->list.at);
}

static void take(struct free_list *f, size_t begin, size_t bytes) {
    int i = find_free(f, begin);
    struct extent e = f->list.at[i];
    assert(e.begin <= begin && begin + bytes <= e.end);
    f->list.at[i].begin = begin + bytes;
    if (begin + bytes == e.end)
        remove_free(f, i);
    if (e.begin < begin)
        insert_free(f, i, (struct extent){e.begin, begin});
}

static void give_back(struct free_list *f, size_t begin, size_t bytes) {
    int i = find_free(f, begin);
    size_t end = begin + bytes;
    bool joins_next = f->list.at[i].begin == end;
    if (joins_next)
        f->list.at[i].begin = begin;
    if (i > 0 && f->list.at[i - 1].end == begin) {
        f->list.at[i - 1].end = joins_next ? f->list.at[i].end : end;
        if (joins_next)
            remove_free(f, i);
    } else if (!joins_next) {
        insert_free(f, i, (struct extent){begin, end});
    }
}

static size_t best_fit(const struct free_list *f, size_t bytes) {
    size_t best = 0, best_width = 0, align = alignment(bytes);
    bool found = false;
    for (int i = 0; i < f->list.n; i++) {
        struct extent e = f->list.at[i];
        size_t from = round_up(e.begin, align);
        if (from >= e.end || e.end - from < bytes)
            continue;
        if (found && e.end - e.begin >= best_width)
            continue;
        best = from, best_width = e.end - e.begin, found = true;
    }
    return best;
}

/* Buffers in the order of their deaths. */
static int *sort_by_death(struct schedule *s) {
    int *first = arena_array(s->arena, int, s->order.n + 2),
        *sorted = arena_array(s->arena, int, s->n_buffers);
    for (int b = 0; b < s->n_buffers; b++)
        first[s->buffers[b].dies + 1]++;
    for (int i = 0; i <= s->order.n; i++)
        first[i + 1] += first[i];
    for (int b = 0; b < s->n_buffers; b++)
        sorted[first[s->buffers[b].dies]++] = b;
    return sorted;
}

/* Goes through the steps. With `place`, gives each buffer its offset; without, their offsets are
 * known and each step's shared bytes are placed around them. Gives the end of all. */
static size_t sweep(struct schedule *s, size_t *offset, bool place) {
    struct free_list f = {.arena = s->arena};
    const int *dying = sort_by_death(s);
    int next_born = 0, next_dying = 0;
    size_t slab = 0;
    array_push(f.arena, &f.list, (struct extent){0, SIZE_MAX});
    for (int i = 0; i < s->order.n; i++) {
        for (; next_born < s->n_buffers && s->buffers[next_born].born == i; next_born++) {
            size_t bytes = s->buffers[next_born].bytes;
            if (place)
                offset[next_born] = best_fit(&f, bytes);
            take(&f, offset[next_born], bytes);
            if (offset[next_born] + bytes > slab)
                slab = offset[next_born] + bytes;
        }
        if (!place && s->shared_bytes[i] > 0) {
            s->shared_offset[i] = best_fit(&f, s->shared_bytes[i]);
            size_t end = s->shared_offset[i] + s->shared_bytes[i];
            if (end > slab)
                slab = end;
        }
        for (; next_dying < s->n_buffers && s->buffers[dying[next_dying]].dies == i; next_dying++)
            give_back(&f, offset[dying[next_dying]], s->buffers[dying[next_dying]].bytes);
    }
    return slab;
}

static bool sum_overflows(const struct schedule *s) {
    size_t total = 0, most = SIZE_MAX / 4;
    for (int b = 0; b < s->n_buffers; b++) {
        if (s->buffers[b].bytes > most - total)
            return true;
        total += s->buffers[b].bytes + LARGE_ALIGN;
        if (total > most)
            return true;
    }
    for (int i = 0; i < s->order.n; i++)
        if (s->shared_bytes[i] > most)
            return true;
    return false;
}

bool memory_make(struct schedule *s) {
    find_lifetimes(s);
    assign_buffers(s);
    if (sum_overflows(s))
        return false;
    s->peak_bytes = find_peak(s);
    size_t *offset = arena_array(s->arena, size_t, s->n_buffers);
    s->buffers_bytes = sweep(s, offset, true);
    for (int by = 0; by < N_RANKINGS && s->n_buffers <= MAX_RANKED; by++) {
        size_t *other = arena_array(s->arena, size_t, s->n_buffers);
        size_t bytes = place_ranked(s, (enum ranking)by, other);
        if (bytes >= s->buffers_bytes)
            continue;
        s->buffers_bytes = bytes;
        offset = other;
    }
    for (int b = 0; b < s->n_buffers; b++)
        s->buffers[b].offset = offset[b];
    s->slab_bytes = sweep(s, offset, false);
    return true;
}
