/* Runs a loop: the steps of its body, once for each row, with the addresses of its params and
 * results patched in between. Nothing is allocated, and what a step computes is put where it stays.
 *
 * Where a loop did not keep its carries, the loop of its gradient computes them again, a stretch of
 * rows at a time, from the one that was kept before it.
 *
 * Draws are keyed by the row, whatever the direction: a step that is computed again draws the same.
 * Not for: where things are (plan/loop.c). */
#include "exec/steps.h"

#include <string.h>

#include "ir/loop.h"

static char *row_of(void *base, int64_t row, size_t bytes) {
    return (char *)base + (size_t)row * bytes;
}

static char *shared_at(const struct step *s, size_t offset) {
    return (char *)s->call.shared + offset;
}

static const struct kernel_arg *inputs_of(const struct step *s, const struct repeat *r) {
    return s->call.in + r->first_input;
}

/* The row of the k-th step, and which step a row is. */
static int64_t turned(const struct repeat *r, int64_t k) {
    return r->reverse ? r->length - 1 - k : k;
}

/* ---- addresses */

/* Params that are the same in each step. */
static void start(const struct step *s, const struct repeat *r) {
    const struct loop_body *l = r->loop;
    r->feed[0] = shared_at(s, r->index_offset);
    for (int p = loop_capture_param(l); p < loop_n_params(l); p++)
        r->feed[p] = inputs_of(s, r)[loop_input_of(l, p)].data;
}

/* What `again` carried before `row`: in the stretch that was computed last. */
static void *recalled(const struct step *s, int carry, int64_t row) {
    const struct repeat *again = s->loop->again;
    int64_t k = turned(again, row), in_stretch = k % again->every;
    const struct loop_place *p = &again->result[carry];
    if (in_stretch)
        return row_of(shared_at(s, p->turn_offset[0]), in_stretch - 1, p->bytes);
    void *kept = inputs_of(s, again)[loop_carry_input(again->loop) + carry].data;
    return row_of(kept, k / again->every, p->bytes);
}

static void set_rows(const struct step *s, const struct repeat *r, int64_t row) {
    const struct loop_body *l = r->loop;
    const struct kernel_arg *in = inputs_of(s, r);
    int32_t index = (int32_t)row;
    memcpy(r->feed[0], &index, sizeof index);
    for (int p = 1; p < loop_lag_param(l); p++)
        r->feed[p] = row_of(in[p - 1].data, row, r->param[p].bytes);
    for (int k = 0; k < l->n_lag; k++) {
        int p = loop_lag_param(l) + k;
        int64_t from = row + l->lag[k];
        if (l->recall[k] >= 0)
            r->feed[p] = recalled(s, l->recall[k], row);
        else if (from >= 0 && from < r->length)
            r->feed[p] = row_of(in[p - 1].data, from, r->param[p].bytes);
        else
            r->feed[p] = in[loop_lag_first_input(l) + k].data;
    }
}

/* Where the k-th step puts its results: the last one straight into the output for last carries. */
static void set_results(const struct step *s, int64_t k) {
    const struct repeat *r = s->loop;
    for (int i = 0; i < loop_n_results(r->loop); i++) {
        const struct loop_place *p = &r->result[i];
        bool takes_turns = i < r->loop->n_carry && p->last < 0;
        if (p->stack >= 0)
            r->put[i] = row_of(s->call.out[p->stack].data, turned(r, k), p->bytes);
        else if (p->last >= 0 && (r->length - 1 - k) % 2 == 0)
            r->put[i] = s->call.out[p->last].data;
        else
            r->put[i] = shared_at(s, p->turn_offset[takes_turns ? k % 2 : 0]);
    }
}

static void bind(const struct repeat *r) {
    const struct plan *p = r->plan;
    for (int i = 0; i < p->n_feed_uses; i++)
        *p->feed_uses[i].at = r->feed[p->feed_uses[i].feed];
    for (int i = 0; i < p->n_result_uses; i++)
        *p->result_uses[i].at = r->put[p->result_uses[i].feed];
}

/* What a step gives without computing it, or gives twice. */
static void copy_results(const struct repeat *r) {
    for (int i = 0; i < loop_n_results(r->loop); i++) {
        const struct storage *from = &r->plan->fetch[i];
        const void *at = from->kind == STORAGE_FEED     ? r->feed[from->feed]
                         : from->kind == STORAGE_RESULT ? r->put[from->feed]
                                                        : from->fixed;
        if (at != r->put[i] && r->result[i].bytes)
            memcpy(r->put[i], at, r->result[i].bytes);
    }
}

/* ---- steps */

/* A row's key, for the draws of one step and of loops in it. */
static uint64_t mix_key(uint64_t key, int64_t row) {
    uint64_t words[2] = {key, (uint64_t)row};
    return hash_bytes(words, sizeof words, 0);
}

/* One step: all is addressed. What it gives to be carried is what the next one is given. */
static bool run_row(struct executor *e, const struct repeat *r, struct run *run, uint64_t key,
                    int64_t row) {
    const struct plan *p = r->plan;
    uint64_t own = mix_key(key, row);
    int first_carry = loop_carry_param(r->loop);
    if (run->interrupted && *run->interrupted) {
        run->was_interrupted = true;
        return false;
    }
    bind(r);
    for (int i = 0; i < p->n_own_draws; i++)
        p->draws[i]->call.draw.path = p->draws[i]->path_hash ^ own;
    if (!exec_run_steps(e, p, run, own)) {
        if (run->n_rows < MAX_NESTING)
            run->row[run->n_rows++] = row;
        return false;
    }
    copy_results(r);
    for (int c = 0; c < r->loop->n_carry; c++)
        r->feed[first_carry + c] = r->put[c];
    return true;
}

/* Computes again what was carried in a stretch, up to what the last row of it was given. */
static bool recall(struct executor *e, const struct step *s, struct run *run, uint64_t key,
                   int64_t stretch) {
    const struct repeat *r = s->loop->again;
    const struct loop_body *l = r->loop;
    int64_t first = stretch * r->every;
    int64_t last = first + r->every < r->length ? first + r->every - 1 : r->length - 1;
    start(s, r);
    for (int c = 0; c < l->n_carry; c++)
        r->feed[loop_carry_param(l) + c] =
            row_of(inputs_of(s, r)[loop_carry_input(l) + c].data, stretch, r->result[c].bytes);
    for (int64_t k = first; k < last; k++) {
        set_rows(s, r, turned(r, k));
        for (int c = 0; c < l->n_carry; c++)
            r->put[c] =
                row_of(shared_at(s, r->result[c].turn_offset[0]), k - first, r->result[c].bytes);
        if (!run_row(e, r, run, key, turned(r, k)))
            return false;
    }
    return true;
}

/* Every so many-th time, what a step is given is kept. */
static void keep_carries(const struct step *s, int64_t k) {
    const struct repeat *r = s->loop;
    if (r->every == 0 || k % r->every != 0)
        return;
    for (int c = 0; c < r->loop->n_carry; c++) {
        const struct loop_place *p = &r->result[c];
        if (p->kept >= 0 && p->bytes)
            memcpy(row_of(s->call.out[p->kept].data, k / r->every, p->bytes),
                   r->feed[loop_carry_param(r->loop) + c], p->bytes);
    }
}

/* The last carries that no step put where they are asked for. */
static void finish(const struct step *s) {
    const struct repeat *r = s->loop;
    int first = loop_carry_param(r->loop);
    for (int c = 0; c < r->loop->n_carry; c++) {
        const struct loop_place *p = &r->result[c];
        if (p->last >= 0 && s->call.out[p->last].data != r->feed[first + c] && p->bytes)
            memcpy(s->call.out[p->last].data, r->feed[first + c], p->bytes);
    }
}

bool exec_run_loop(struct executor *e, const struct step *s, struct run *run, uint64_t key) {
    const struct repeat *r = s->loop;
    int64_t recalled_stretch = -1;
    start(s, r);
    for (int c = 0; c < r->loop->n_carry; c++)
        r->feed[loop_carry_param(r->loop) + c] =
            inputs_of(s, r)[loop_carry_input(r->loop) + c].data;
    for (int64_t k = 0; k < r->length; k++) {
        int64_t row = turned(r, k);
        int64_t stretch = r->again ? turned(r->again, row) / r->again->every : -1;
        if (stretch != recalled_stretch && !recall(e, s, run, key, stretch))
            return false;
        recalled_stretch = stretch;
        keep_carries(s, k);
        set_rows(s, r, row);
        set_results(s, k);
        if (!run_row(e, r, run, key, row))
            return false;
    }
    finish(s);
    return true;
}
