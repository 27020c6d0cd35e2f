/* The filter's gradient of a max-pooled convolution with few channels: vectors run over the output
 * channels. For each place of a window, dk where it won and else zero is multiplied with what that
 * place saw, a tile of taps in registers over all windows. That is as many multiplications as the
 * dense gradient takes, but nothing is listed, laid out or added in memory.
 *
 * In and out: as conv_sparse.c says, though zeros are multiplied; float and float64, one group of
 * channels, columns of taps not dilated. Promises the same bits at any number of threads: a unit is
 * a fixed group of images for a share of the output channels, and the groups' sums are added in
 * order. Tested against conv_sparse_dense.c. */
#include "ops/conv_sparse.h"

#ifdef OPS_KERNELS

enum { MAX_GROUPS = 8, BAND_BYTES = 1 << 17 };

struct masked {
    struct conv_base base; /* its window: the convolution's */
    struct window pool;
    int64_t windows, band_rows, columns; /* rows of windows in a band; the image's that they see */
    int64_t window_row, window_column;   /* of the band: elements from window to window */
    int n_places, n_tiles;
    int32_t *place; /* [n_places]: its first element behind the window's */
    struct tap_tile *tiles;
    int64_t n_blocks, n_groups, n_splits;
};

#define REAL    float
#define WHOLE   int32_t
#define R(name) name##_f32
#include "ops/conv_sparse_masked_loops.h"
#undef REAL
#undef WHOLE
#undef R
#define REAL    double
#define WHOLE   int64_t
#define R(name) name##_f64
#include "ops/conv_sparse_masked_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

static void run_masked(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    if (phase == 0 && is_wide(c))
        masked_units_f64(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data, c->shared, begin,
                         end, scratch);
    else if (phase == 0)
        masked_units_f32(c->geometry, c->in[0].data, c->in[1].data, c->in[2].data, c->shared, begin,
                         end, scratch);
    else if (is_wide(c))
        masked_add_f64(c->geometry, c->shared, c->out[0].data, begin, end);
    else
        masked_add_f32(c->geometry, c->shared, c->out[0].data, begin, end);
}

static int64_t rows_seen(const struct masked *p, int64_t windows) {
    const struct window *g = &p->base.g;
    return ((windows - 1) * p->pool.sh + p->pool.kh - 1) * g->sh + window_extent(g->kh, g->dh);
}

static void cut_bands(struct masked *p, int64_t bytes, struct arena *a) {
    const struct window *g = &p->base.g, *pool = &p->pool;
    p->columns = ((pool->ow - 1) * pool->sw + pool->kw - 1) * g->sw + g->kw;
    int64_t row_bytes = p->columns * g->c * bytes;
    p->windows = pool->oh;
    for (int64_t k = 2; p->windows > 1 && rows_seen(p, p->windows) * row_bytes > BAND_BYTES; k++)
        p->windows = ceil_div(pool->oh, k);
    p->band_rows = rows_seen(p, p->windows);
    p->window_row = pool->sh * g->sh * p->columns * g->c;
    p->window_column = pool->sw * g->sw * g->c;
    p->n_places = (int)(pool->kh * pool->kw);
    p->place = arena_array(a, int32_t, p->n_places);
    for (int k = 0; k < p->n_places; k++)
        p->place[k] = (int32_t)((k / pool->kw * g->sh * p->columns + k % pool->kw * g->sw) * g->c);
}

/* In accesses to the first-level cache for a place, as conv_sparse.c counts: each vector that is
 * multiplied takes an element of the image. */
static double accesses(const struct sparse_window *of, int64_t lanes) {
    const struct window *g = &of->conv;
    double waste = (double)(ceil_div(g->o, lanes) * lanes) / (double)g->o;
    return (double)(of->pool.kh * of->pool.kw * g->kh * g->kw * g->c) * waste / (double)lanes;
}

bool KERNEL(conv_sparse_masked)(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                                double most) {
    struct sparse_window of =
        KERNEL(conv_sparse_window)(&c->in[0], &c->out[0], &c->in[1], &c->attr[1]);
    int64_t bytes = is_wide(c) ? 8 : 4, lanes = VECTOR_BYTES / bytes;
    if (window_work(&of.conv) == 0 || of.conv.groups > 1 || of.conv.dw > 1 ||
        of.pool.oh * of.pool.ow == 0 || accesses(&of, lanes) > most)
        return false;
    struct masked *p = arena_new(a, struct masked);
    *p = (struct masked){.base = {.run = run_masked, .g = of.conv}, .pool = of.pool};
    const struct window *g = &p->base.g;
    cut_bands(p, bytes, a);
    int64_t taps = g->kh * g->kw * g->c;
    struct tap_tile all = {.laid_row = g->dh * p->columns * g->c, .taps_row = g->kw * g->c * lanes};
    p->tiles = arena_array(a, struct tap_tile, taps);
    p->n_tiles = KERNEL(conv_sparse_tiles)(p->tiles, g->kh, g->kw * g->c, &all, 1, lanes);
    p->n_blocks = ceil_div(g->o, lanes);
    p->n_groups = min_i64(g->n, MAX_GROUPS);
    p->n_splits = min_i64(p->n_blocks, ceil_div(MAX_GROUPS, p->n_groups));
    w->name = "sparse masked";
    w->why = NULL;
    w->n_phases = 2;
    w->units[0] = p->n_groups * p->n_splits;
    w->cost[0] = (double)arg_count(&c->in[1]) * (double)(p->n_places * taps);
    w->units[1] = taps;
    w->cost[1] = (double)(p->n_groups * p->n_blocks * taps * lanes);
    w->shared_bytes = (size_t)(p->n_groups * p->n_blocks * taps * VECTOR_BYTES);
    w->scratch_bytes = (size_t)(p->band_rows * p->columns * g->c * bytes);
    c->geometry = p;
    return true;
}

#endif
