/* A loop becomes one step: its body is planned once, however often it is repeated, and this step
 * says where each param and result of one repetition is.
 *
 * A param is an input, a row of one, or what the step before put somewhere; a result is put into a
 * row of an output, into an output, or into one of two buffers that take turns, so that what a
 * step was given is whole while it computes what comes next. Nothing is copied but what a body
 * gives without computing it (a carry handed on as it was).
 *
 * Not for: the repetition itself (exec/loop.c). */
#include "ir/loop.h"

#include <string.h>

#include "plan/plan.h"

enum { ALIGN = 64 };

static size_t row_bytes(const struct node *n) {
    size_t bytes = dtype_bytes(n->dtype);
    for (int d = 0; d < n->shape.rank; d++)
        bytes *= (size_t)n->shape.d[d].k;
    return bytes;
}

static size_t add_room(size_t *total, size_t bytes) {
    size_t at = *total;
    *total += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return at;
}

static void find_outputs(struct repeat *r, const struct step *step) {
    const struct loop_body *l = r->loop;
    for (int i = 0; i < step->call.n_out; i++) {
        int which = step->call.out[i].which;
        if (which < l->n_carry)
            r->result[which].last = i;
        else if (which < loop_kept(l, 0))
            r->result[which - l->n_carry].stack = i;
        else
            r->result[which - loop_kept(l, 0)].kept = i;
    }
}

/* A carry that is in no stack takes turns; a result that nobody asks for is put out of the way. */
static void find_room(struct repeat *r, size_t *bytes) {
    for (int k = 0; k < loop_n_results(r->loop); k++) {
        struct loop_place *p = &r->result[k];
        if (p->stack >= 0)
            continue;
        p->turn_offset[0] = add_room(bytes, p->bytes);
        if (k < r->loop->n_carry && p->last < 0)
            p->turn_offset[1] = add_room(bytes, p->bytes);
    }
}

/* The plan of a body, and the sizes of what goes in and out. NULL: as of plan_make. */
static struct repeat *plan_body(struct loop_body *l, const struct node *scan,
                                const struct program *outer, enum isa isa) {
    struct repeat *r = arena_new(outer->arena, struct repeat);
    struct program body;
    loop_open(l, outer, &body);
    body.arena = outer->arena;
    *r = (struct repeat){.loop = l,
                         .plan = plan_make_body(&body, isa),
                         .length = scan_length(scan).k,
                         .reverse = scan->attr[SCAN_REVERSE].i,
                         .every = scan->attr[SCAN_REMEMBER].i,
                         .param = arena_array(outer->arena, struct loop_place, loop_n_params(l)),
                         .result = arena_array(outer->arena, struct loop_place, loop_n_results(l)),
                         .feed = arena_array(outer->arena, void *, loop_n_params(l)),
                         .put = arena_array(outer->arena, void *, loop_n_results(l))};
    loop_close(l, &body);
    for (int p = 0; p < loop_n_params(l); p++)
        if (l->param[p])
            r->param[p].bytes = row_bytes(l->param[p]);
    for (int k = 0; k < loop_n_results(l); k++) {
        struct loop_place *p = &r->result[k];
        *p = (struct loop_place){
            .bytes = row_bytes(l->result[k]), .last = -1, .stack = -1, .kept = -1};
    }
    return r->plan ? r : NULL;
}

/* The stretch of carries that are computed again has room of its own; the two bodies' slabs lie
 * over each other, because they run one after the other. */
static bool plan_again(struct repeat *r, const struct node *scan, const struct program *outer,
                       enum isa isa, size_t *bytes) {
    const struct loop_body *l = r->loop;
    struct repeat *again = r->again = plan_body(l->again, scan, outer, isa);
    if (!again)
        return false;
    again->first_input = loop_again_input(l);
    again->every = l->every;
    again->index_offset = r->index_offset;
    for (int k = 0; k < l->n_lag; k++)
        if (l->recall[k] >= 0)
            again->reverse = l->lag[k] > 0;
    for (int c = 0; c < l->again->n_carry; c++) {
        struct loop_place *p = &again->result[c];
        p->turn_offset[0] = add_room(bytes, p->bytes * (size_t)l->every);
    }
    return true;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

bool repeat_make(struct step *step, const struct program *outer, enum isa isa) {
    const struct node *scan = step->nodes[0];
    struct repeat *r = step->loop = plan_body(scan->loop, scan, outer, isa);
    size_t bytes = 0, slab, scratch;
    if (!r)
        return false;
    r->index_offset = add_room(&bytes, sizeof(int32_t));
    find_outputs(r, step);
    find_room(r, &bytes);
    if (scan->loop->again && !plan_again(r, scan, outer, isa, &bytes))
        return false;
    slab = larger(r->plan->slab_bytes, r->again ? r->again->plan->slab_bytes : 0);
    scratch = larger(r->plan->scratch_bytes, r->again ? r->again->plan->scratch_bytes : 0);
    step->slab_offset = add_room(&bytes, slab);
    step->work =
        (struct kernel_work){.name = "loop", .shared_bytes = bytes, .scratch_bytes = scratch};
    return true;
}
