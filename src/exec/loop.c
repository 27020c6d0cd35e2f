/* Runs a loop: the steps of its body, once for each row, with the addresses of its params and
 * results patched in between. Nothing is allocated, and what a step computes is put where it stays.
 *
 * Draws are keyed by the row, whatever the direction: a step that is computed again for its
 * gradient draws the same. Not for: where things are (plan/loop.c). */
#include "exec/steps.h"

#include <string.h>

#include "ir/loop.h"

static char *row_of(void *base, int64_t row, size_t bytes) {
    return (char *)base + (size_t)row * bytes;
}

static char *shared_at(const struct step *s, size_t offset) {
    return (char *)s->call.shared + offset;
}

/* Params that are the same in each step, and what the first step is given. */
static void start(const struct step *s) {
    const struct repeat *r = s->loop;
    const struct loop_body *l = r->loop;
    r->feed[0] = shared_at(s, r->index_offset);
    for (int p = loop_carry_param(l); p < loop_n_params(l); p++)
        r->feed[p] = s->call.in[loop_input_of(l, p)].data;
}

static void set_rows(const struct step *s, int64_t row) {
    const struct repeat *r = s->loop;
    const struct loop_body *l = r->loop;
    int32_t index = (int32_t)row;
    memcpy(r->feed[0], &index, sizeof index);
    for (int p = 1; p < loop_lag_param(l); p++)
        r->feed[p] = row_of(s->call.in[p - 1].data, row, r->param[p].bytes);
    for (int k = 0; k < l->n_lag; k++) {
        int p = loop_lag_param(l) + k;
        int64_t from = row + l->lag[k];
        r->feed[p] = from >= 0 && from < r->length
                         ? row_of(s->call.in[p - 1].data, from, r->param[p].bytes)
                         : s->call.in[loop_lag_first_input(l) + k].data;
    }
}

/* Where the step at `row`, the k-th of all, puts its results: the last one straight into the output
 * for last carries. */
static void set_results(const struct step *s, int64_t row, int64_t k) {
    const struct repeat *r = s->loop;
    for (int i = 0; i < loop_n_results(r->loop); i++) {
        const struct loop_place *p = &r->result[i];
        if (p->stack >= 0)
            r->put[i] = row_of(s->call.out[p->stack].data, row, p->bytes);
        else if (p->last >= 0 && (r->length - 1 - k) % 2 == 0)
            r->put[i] = s->call.out[p->last].data;
        else
            r->put[i] =
                shared_at(s, p->turn_offset[i < r->loop->n_carry && p->last < 0 ? k % 2 : 0]);
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
static void copy_results(const struct step *s) {
    const struct repeat *r = s->loop;
    for (int i = 0; i < loop_n_results(r->loop); i++) {
        const struct storage *from = &r->plan->fetch[i];
        const void *at = from->kind == STORAGE_FEED     ? r->feed[from->feed]
                         : from->kind == STORAGE_RESULT ? r->put[from->feed]
                                                        : from->fixed;
        if (at != r->put[i] && r->result[i].bytes)
            memcpy(r->put[i], at, r->result[i].bytes);
    }
}

/* A row's key, for the draws of one step and of loops in it. */
static uint64_t mix_key(uint64_t key, int64_t row) {
    uint64_t words[2] = {key, (uint64_t)row};
    return hash_bytes(words, sizeof words, 0);
}

static bool run_row(struct executor *e, const struct step *s, struct run *r, uint64_t key) {
    const struct plan *p = s->loop->plan;
    for (int i = 0; i < p->n_own_draws; i++)
        p->draws[i]->call.draw.path = p->draws[i]->path_hash ^ key;
    return exec_run_steps(e, p, r, key);
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

bool exec_run_loop(struct executor *e, const struct step *s, struct run *r, uint64_t key) {
    const struct repeat *loop = s->loop;
    int first_carry = loop_carry_param(loop->loop);
    start(s);
    for (int64_t k = 0; k < loop->length; k++) {
        int64_t row = loop->reverse ? loop->length - 1 - k : k;
        if (r->interrupted && *r->interrupted) {
            r->was_interrupted = true;
            return false;
        }
        set_rows(s, row);
        set_results(s, row, k);
        bind(loop);
        if (!run_row(e, s, r, mix_key(key, row))) {
            if (r->n_rows < MAX_NESTING)
                r->row[r->n_rows++] = row;
            return false;
        }
        copy_results(s);
        for (int c = 0; c < loop->loop->n_carry; c++)
            loop->feed[first_carry + c] = loop->put[c];
    }
    finish(s);
    return true;
}
