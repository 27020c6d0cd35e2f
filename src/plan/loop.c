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
    for (int k = 0; k < loop_n_results(l); k++)
        r->result[k].last = r->result[k].stack = -1;
    for (int i = 0; i < step->call.n_out; i++) {
        int which = (int)step->out_node[i]->attr[0].i;
        if (which < l->n_carry)
            r->result[which].last = i;
        else
            r->result[which - l->n_carry].stack = i;
    }
}

/* A carry that is in no stack takes turns; a result that nobody asks for is put out of the way. */
static void find_room(struct repeat *r, size_t *bytes) {
    for (int k = 0; k < loop_n_results(r->loop); k++) {
        struct loop_place *p = &r->result[k];
        p->bytes = row_bytes(r->loop->result[k]);
        if (p->stack >= 0)
            continue;
        p->turn_offset[0] = add_room(bytes, p->bytes);
        if (k < r->loop->n_carry && p->last < 0)
            p->turn_offset[1] = add_room(bytes, p->bytes);
    }
}

bool repeat_make(struct step *step, const struct program *outer, enum isa isa) {
    const struct node *scan = step->nodes[0];
    struct loop_body *l = scan->loop;
    struct repeat *r = step->loop = arena_new(outer->arena, struct repeat);
    struct program body;
    loop_open(l, outer, &body);
    body.arena = outer->arena;
    *r = (struct repeat){.loop = l,
                         .plan = plan_make_body(&body, isa),
                         .length = scan_length(scan).k,
                         .reverse = scan->attr[SCAN_REVERSE].i,
                         .param = arena_array(outer->arena, struct loop_place, loop_n_params(l)),
                         .result = arena_array(outer->arena, struct loop_place, loop_n_results(l)),
                         .feed = arena_array(outer->arena, void *, loop_n_params(l)),
                         .put = arena_array(outer->arena, void *, loop_n_results(l))};
    loop_close(l, &body);
    if (!r->plan)
        return false;
    for (int p = 0; p < loop_n_params(l); p++)
        if (l->param[p])
            r->param[p].bytes = row_bytes(l->param[p]);
    size_t bytes = 0;
    add_room(&bytes, r->plan->slab_bytes);
    r->index_offset = add_room(&bytes, sizeof(int32_t));
    find_outputs(r, step);
    find_room(r, &bytes);
    step->work = (struct kernel_work){
        .name = "loop", .shared_bytes = bytes, .scratch_bytes = r->plan->scratch_bytes};
    return true;
}
