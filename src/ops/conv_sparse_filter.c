/* The filter's gradient of a max-pooled convolution, from its winners only: for each output channel
 * a list of what the winners get and where they stand; a tile of taps stays in registers while the
 * list goes by. After a pooling of 2 x 2 that is a quarter of the dense work, and zeros of dk are
 * skipped.
 *
 * In and out: as conv_sparse.c says; float and float64, one group of channels. Promises the same
 * bits at any number of threads: a unit is a fixed group of images for a share of the output
 * channels, and the groups' sums are added in order. Tested against conv_sparse_dense.c. */
#include "ops/conv_sparse.h"

#ifdef OPS_KERNELS

enum { MAX_GROUPS = 8, LEAST_CHANNELS = 16 };
static const int64_t most_partial_bytes = (int64_t)1 << 24;

#define REAL       float
#define REAL_BYTES 4
#define BITS       uint32_t
#define R(name)    name##_f32
#include "ops/conv_sparse_filter_loops.h"
#undef REAL
#undef REAL_BYTES
#undef BITS
#undef R
#define REAL       double
#define REAL_BYTES 8
#define BITS       uint64_t
#define R(name)    name##_f64
#include "ops/conv_sparse_filter_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

static void run_filter(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    if (phase == 0 && is_wide(c))
        filter_units_f64(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data, c->shared, begin,
                         end, scratch);
    else if (phase == 0)
        filter_units_f32(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data, c->shared, begin,
                         end, scratch);
    else if (is_wide(c))
        filter_add_f64(c->geometry, c->shared, c->out[0].data, begin, end);
    else
        filter_add_f32(c->geometry, c->shared, c->out[0].data, begin, end);
}

bool KERNEL(conv_sparse_filter)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct sparse_window of =
        KERNEL(conv_sparse_window)(&c->in[0], &c->out[0], &c->in[1], &c->attr[1]);
    int64_t bytes = is_wide(c) ? 8 : 4, lanes = VECTOR_BYTES / bytes;
    struct sparse *s =
        KERNEL(conv_sparse_settle)(&of, lanes, ceil_div(of.conv.n, MAX_GROUPS), w, a);
    if (!s)
        return false;
    const struct window *g = &s->base.g;
    int64_t vectors = s->n_blocks * s->n_vectors, sums = g->o * vectors * VECTOR_BYTES;
    s->base.run = run_filter;
    s->n_groups = max_i64(1, min_i64(min_i64(g->n, MAX_GROUPS), most_partial_bytes / sums));
    s->n_splits = max_i64(1, min_i64(ceil_div(MAX_GROUPS, s->n_groups), g->o / LEAST_CHANNELS));
    int64_t channels = ceil_div(g->o, s->n_splits);
    w->name = s->unrolled ? "sparse unrolled" : "sparse";
    w->n_phases = 2;
    w->units[0] = s->n_groups * s->n_splits;
    w->cost[0] = (double)arg_count(&c->in[1]) * (double)(vectors * lanes);
    w->units[1] = vectors;
    w->cost[1] = (double)(s->n_groups * sums / bytes);
    w->shared_bytes = (size_t)(s->n_groups * sums);
    w->scratch_bytes = (size_t)((s->n_blocks * s->block + lanes + s->padded) * bytes) +
                       (is_wide(c) ? lists_bytes_f64(s, channels) : lists_bytes_f32(s, channels));
    c->geometry = s;
    return true;
}

#endif
