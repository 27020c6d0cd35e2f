/* The image's gradient of a max-pooled convolution, from its winners only: for each output channel
 * a list of what the winners get and where they stand; a tile of the channel's filter stays in
 * registers and is added, times what a winner gets, to what the winner saw.
 *
 * In and out: as conv_sparse.c says; float and float64, one group of channels. Promises the same
 * bits at any number of threads: a unit is a fixed group of images for a share of the channels.
 * Tested against conv_sparse_dense.c. */
#include "ops/conv_sparse.h"

#ifdef OPS_KERNELS

enum { ENOUGH_UNITS = 16, MAX_UNIT_BYTES = 1 << 19 };

#define REAL       float
#define REAL_BYTES 4
#define BITS       uint32_t
#define R(name)    name##_f32
#include "ops/conv_sparse_input_loops.h"
#undef REAL
#undef REAL_BYTES
#undef BITS
#undef R
#define REAL       double
#define REAL_BYTES 8
#define BITS       uint64_t
#define R(name)    name##_f64
#include "ops/conv_sparse_input_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

static void run_input(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    if (phase == 0 && is_wide(c))
        turn_filter_f64(c->geometry, c->in[2].data, c->shared, begin, end);
    else if (phase == 0)
        turn_filter_f32(c->geometry, c->in[2].data, c->shared, begin, end);
    else if (is_wide(c))
        input_units_f64(c->geometry, c->in[0].data, c->in[1].data, c->shared, c->out[0].data, begin,
                        end, scratch);
    else
        input_units_f32(c->geometry, c->in[0].data, c->in[1].data, c->shared, c->out[0].data, begin,
                        end, scratch);
}

bool KERNEL(conv_sparse_input)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct sparse_window of =
        KERNEL(conv_sparse_window)(&c->out[0], &c->in[2], &c->in[0], &c->attr[1]);
    int64_t bytes = is_wide(c) ? 8 : 4, lanes = VECTOR_BYTES / bytes;
    struct sparse *s =
        KERNEL(conv_sparse_settle)(&of, lanes, max_i64(1, of.conv.n / ENOUGH_UNITS), w, a);
    if (!s)
        return false;
    const struct window *g = &s->base.g;
    int64_t vectors = s->n_blocks * s->n_vectors, block_bytes = s->block * bytes;
    s->base.run = run_input;
    s->n_groups = ceil_div(g->n, s->images);
    s->n_splits = max_i64(ceil_div(s->n_blocks * block_bytes, MAX_UNIT_BYTES),
                          ceil_div(ENOUGH_UNITS, s->n_groups));
    s->n_splits = min_i64(s->n_blocks, s->n_splits);
    w->name = s->unrolled ? "sparse unrolled" : "sparse";
    w->n_phases = 2;
    w->units[0] = vectors;
    w->cost[0] = (double)(g->o * vectors * lanes);
    w->units[1] = s->n_groups * s->n_splits;
    w->cost[1] = (double)arg_count(&c->in[0]) * (double)(vectors * lanes);
    w->shared_bytes = (size_t)(g->o * vectors * VECTOR_BYTES);
    w->scratch_bytes = (size_t)(ceil_div(s->n_blocks, s->n_splits) * block_bytes) +
                       (is_wide(c) ? lists_bytes_f64(s, g->o) : lists_bytes_f32(s, g->o));
    c->geometry = s;
    return true;
}

#endif
