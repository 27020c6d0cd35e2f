/* Direct convolution: no unrolled copy of the image; a tile of neighbouring outputs times two
 * vectors of channels stays in registers while the taps go by (Georganas et al. 2018). Rows of taps
 * that fall on padding are skipped.
 *
 * In and out: as conv.c says; float and float64; one group, padding less than the window, and any
 * stride but for the gradient with respect to the image, which is a convolution of dy with the
 * turned filter when the stride is 1. Promises the same bits at any number of threads: a unit is
 * (image, band of rows, block of channels); the filter's gradient is summed over fixed groups of
 * images, added in order. Tested against conv_im2col.c. */
#include "ops/conv_direct.h"
#include "ops/conv_sparse.h"

#ifdef OPS_KERNELS

#include "ops/blas.h"
#include "ops/math.h"
#include "ops/vector.h"

enum { BAND_BYTES = 1 << 18, STEP_BYTES = 1 << 13, ENOUGH_UNITS = 16, MAX_GROUPS = 8 };
static const int64_t most_partial_bytes = (int64_t)1 << 26;

/* A convolution as the tiles see it: from ci to co channels. */
struct direct {
    struct conv_base base;
    int64_t h, w, ci, oh, ow, co, kh, kw, sh, sw, dh, dw, top, left;
    bool turned;
    int64_t n_blocks, n_bands, n_pixel_blocks;
    int64_t padded_columns; /* of the image, with padding */
    int64_t row_columns;    /* of those, how many have the same column mod sw */
    int64_t channel_elements, row_elements;
    int64_t *tap_offset; /* [kw] where in a re-laid row tap column kx begins */
    /* of a block (conv_block.c), whose bands are of pooled rows */
    struct conv_epilogue epilogue;
    int64_t step;             /* rows of the convolution at a time */
    int64_t scratch_elements; /* of the re-laid rows, before those */
};

/* Rows [first, first + rows) of the kw * c rows that a row of taps has, and the output columns that
 * touch them. */
struct filter_tile {
    int rows;
    int64_t first, x, j0,
        j1; /* x: of the first element at column j0, from the start of the image row */
};

struct direct_filter {
    struct conv_base base;
    bool padded; /* few channels: tiles span taps, over an image with zero columns around */
    int64_t ow, n_blocks, n_groups, n_splits, n_tiles;
    int64_t padded_columns, result_elements;
    int64_t x_row, x_step; /* elements from one output row, column to the next */
    struct filter_tile *tiles;
};

#define REAL       float
#define REAL_BYTES 4
#define TAG        f32
#define R(name)    name##_f32
#include "ops/conv_direct_loops.h"
#undef REAL
#undef REAL_BYTES
#undef TAG
#undef R
#define REAL       double
#define REAL_BYTES 8
#define TAG        f64
#define R(name)    name##_f64
#include "ops/conv_direct_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

static int64_t real_bytes(const struct kernel_call *c) { return is_wide(c) ? 8 : 4; }

static int64_t channels_of_block(const struct kernel_call *c) {
    return 2 * VECTOR_BYTES / real_bytes(c);
}

/* Of a vector of channels, so few exist that a product over unrolled images does less. */
static bool is_too_narrow(const struct kernel_call *c, int64_t channels, struct kernel_work *w) {
    if (channels * 5 > channels_of_block(c) || !blas_start()->loaded)
        return false;
    w->why = "no direct: few output channels";
    return true;
}

static void run_direct(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    if (phase == 0 && is_wide(c))
        pack_filters_f64(c->geometry, c->in[1].data, c->shared, begin, end);
    else if (phase == 0)
        pack_filters_f32(c->geometry, c->in[1].data, c->shared, begin, end);
    else if (is_wide(c))
        direct_units_f64(c->geometry, c->in[0].data, c->shared, c->out[0].data, begin, end,
                         scratch);
    else
        direct_units_f32(c->geometry, c->in[0].data, c->shared, c->out[0].data, begin, end,
                         scratch);
}

/* Sizes that follow from those of the convolution, and the work. Bands are of `rows` rows, of which
 * each is made of window_rows rows of the convolution, row_stride behind those of the last. */
static void settle(struct direct *d, int64_t rows, int64_t window_rows, int64_t row_stride,
                   struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    int64_t bytes = real_bytes(c), width = channels_of_block(c), n = d->base.g.n;
    d->n_blocks = ceil_div(d->co, width);
    d->n_pixel_blocks = ceil_div(d->ow, N_TILE_ROWS);
    d->padded_columns = (d->ow - 1) * d->sw + window_extent(d->kw, d->dw);
    d->row_columns = ceil_div(d->padded_columns, d->sw);
    d->channel_elements = d->sw * d->row_columns;
    d->row_elements = d->ci * d->channel_elements;
    d->tap_offset = arena_array(a, int64_t, d->kw);
    for (int64_t kx = 0; kx < d->kw; kx++)
        d->tap_offset[kx] = kx * d->dw % d->sw * d->row_columns + kx * d->dw / d->sw;
    int64_t image_bytes = d->h * d->row_elements * bytes;
    d->n_bands =
        max_i64(ceil_div(image_bytes, BAND_BYTES), ceil_div(ENOUGH_UNITS, n * d->n_blocks));
    d->n_bands = max_i64(1, min_i64(d->n_bands, rows));
    int64_t outputs =
        min_i64(d->oh, (ceil_div(rows, d->n_bands) - 1) * row_stride + window_rows);
    int64_t band_rows =
        min_i64(d->h, (outputs - 1) * d->sh + window_extent(d->kh, d->dh));
    int64_t filter_elements = d->n_blocks * width * d->kh * d->kw * d->ci;
    w->name = "direct";
    w->n_phases = 2;
    w->units[0] = d->n_blocks * d->kh;
    w->cost[0] = (double)filter_elements;
    w->units[1] = n * d->n_bands * d->n_blocks;
    w->cost[1] = window_work(&d->base.g);
    w->shared_bytes = (size_t)(filter_elements * bytes);
    d->scratch_elements = (int64_t)round_64((size_t)(band_rows * d->row_elements));
    w->scratch_bytes = (size_t)(d->scratch_elements * bytes);
    c->geometry = d;
}

/* All channels in one group, something to do, and no window that ends before the image begins. */
static bool is_usual(const struct window *g, struct kernel_work *w) {
    if (window_work(g) == 0)
        return false;
    if (g->groups > 1)
        w->why = "no direct: channels in groups";
    else if (g->top >= window_extent(g->kh, g->dh) || g->left >= window_extent(g->kw, g->dw))
        w->why = "no direct: windows that see padding only";
    else
        return true;
    return false;
}

static struct direct forward(const struct window *g) {
    return (struct direct){.base.g = *g,
                           .h = g->h,
                           .w = g->w,
                           .ci = g->c,
                           .oh = g->oh,
                           .ow = g->ow,
                           .co = g->o,
                           .kh = g->kh,
                           .kw = g->kw,
                           .sh = g->sh,
                           .sw = g->sw,
                           .dh = g->dh,
                           .dw = g->dw,
                           .top = g->top,
                           .left = g->left};
}

bool KERNEL(conv_direct_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct window g = conv_forward_window(c);
    if (!is_usual(&g, w) || is_too_narrow(c, g.o, w))
        return false;
    struct direct *d = arena_new(a, struct direct);
    *d = forward(&g);
    d->base.run = run_direct;
    settle(d, g.oh, 1, 1, c, w, a);
    return true;
}

static void run_block(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    if (phase == 0)
        run_direct(c, phase, begin, end, scratch);
    else if (is_wide(c))
        block_units_f64(c->geometry, c, begin, end, scratch);
    else
        block_units_f32(c->geometry, c, begin, end, scratch);
}

bool KERNEL(conv_direct_block)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct sparse_window s = KERNEL(conv_sparse_window)(&c->in[0], &c->in[1], &c->out[0], c->attr);
    struct window g = s.conv;
    if (!is_usual(&g, w) || is_too_narrow(c, g.o, w) || s.pool.oh * s.pool.ow == 0)
        return false;
    struct direct *d = arena_new(a, struct direct);
    *d = forward(&g);
    d->base.run = run_block;
    d->epilogue = KERNEL(conv_block_epilogue)(c);
    settle(d, s.pool.oh, s.pool.kh, s.pool.sh, c, w, a);
    int64_t width = channels_of_block(c), row_bytes = g.ow * width * real_bytes(c);
    d->step = min_i64(g.oh, max_i64(s.pool.sh, STEP_BYTES / row_bytes));
    w->scratch_bytes +=
        (size_t)(conv_band_elements(&d->epilogue, d->step, width) * real_bytes(c));
    return true;
}

bool KERNEL(conv_direct_input_gradient)(struct kernel_call *c, struct kernel_work *w,
                                        struct arena *a) {
    struct window g = conv_input_gradient_window(c);
    if (!is_usual(&g, w) || is_too_narrow(c, g.c, w))
        return false;
    if (g.sh != 1 || g.sw != 1) {
        w->why = "no direct: strides";
        return false;
    }
    struct direct *d = arena_new(a, struct direct);
    *d = (struct direct){.base.g = g,
                         .h = g.oh,
                         .w = g.ow,
                         .ci = g.o,
                         .oh = g.h,
                         .ow = g.w,
                         .co = g.c,
                         .kh = g.kh,
                         .kw = g.kw,
                         .sh = 1,
                         .sw = 1,
                         .dh = g.dh,
                         .dw = g.dw,
                         .top = window_extent(g.kh, g.dh) - 1 - g.top,
                         .left = window_extent(g.kw, g.dw) - 1 - g.left,
                         .turned = true};
    d->base.run = run_direct;
    settle(d, g.h, 1, 1, c, w, a);
    return true;
}

static void run_filter(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    if (phase == 0 && is_wide(c))
        filter_units_f64(c->geometry, c->in[0].data, c->in[1].data, c->shared, begin, end, scratch);
    else if (phase == 0)
        filter_units_f32(c->geometry, c->in[0].data, c->in[1].data, c->shared, begin, end, scratch);
    else if (is_wide(c))
        add_groups_f64(c->geometry, c->shared, c->out[0].data, begin, end);
    else
        add_groups_f32(c->geometry, c->shared, c->out[0].data, begin, end);
}

/* Tiles within a tap, which then has its own range of output columns; or, with few channels, across
 * taps. */
static void make_tiles(struct direct_filter *d, struct arena *a) {
    const struct window *g = &d->base.g;
    int64_t span = d->padded ? g->kw * g->c : g->c, n_spans = d->padded ? 1 : g->kw;
    int64_t per_span = ceil_div(span, N_TILE_ROWS);
    d->n_tiles = n_spans * per_span;
    d->tiles = arena_array(a, struct filter_tile, d->n_tiles);
    for (int64_t t = 0; t < d->n_tiles; t++) {
        struct filter_tile *tile = &d->tiles[t];
        int64_t tap = t / per_span, from = t % per_span * span / per_span;
        tile->rows = (int)((t % per_span + 1) * span / per_span - from);
        tile->first = tap * g->c + from;
        if (d->padded) {
            tile->j1 = g->ow;
            tile->x = from;
        } else {
            window_positions(tap * g->dw, g->sw, g->left, g->w, g->ow, &tile->j0, &tile->j1);
            tile->x = (tile->j0 * g->sw - g->left + tap * g->dw) * g->c + from;
        }
    }
}

bool KERNEL(conv_direct_filter_gradient)(struct kernel_call *c, struct kernel_work *w,
                                         struct arena *a) {
    struct window g = conv_filter_gradient_window(c);
    if (!is_usual(&g, w))
        return false;
    struct direct_filter *d = arena_new(a, struct direct_filter);
    int64_t bytes = real_bytes(c), width = channels_of_block(c);
    *d = (struct direct_filter){.base = {.run = run_filter, .g = g},
                                .padded = g.c < N_TILE_ROWS / 2 && g.dw == 1,
                                .ow = g.ow,
                                .n_blocks = ceil_div(g.o, width)};
    d->padded_columns = (g.ow - 1) * g.sw + g.kw;
    d->result_elements = d->n_blocks * g.oh * g.ow * width;
    d->x_step = g.sw * g.c;
    d->x_row = g.sh * (d->padded ? d->padded_columns : g.w) * g.c;
    int64_t sums = g.kh * g.kw * g.c * d->n_blocks * width;
    d->n_groups =
        max_i64(1, min_i64(min_i64(g.n, MAX_GROUPS), most_partial_bytes / (sums * bytes)));
    d->n_splits = min_i64(g.kh, ceil_div(MAX_GROUPS, d->n_groups));
    make_tiles(d, a);
    w->name = "direct";
    w->n_phases = 2;
    w->units[0] = d->n_groups * d->n_splits;
    w->cost[0] = window_work(&g);
    w->units[1] = g.kh * g.kw * g.c;
    w->cost[1] = (double)(sums * d->n_groups);
    w->shared_bytes = (size_t)(sums * d->n_groups * bytes);
    w->scratch_bytes =
        (size_t)((d->result_elements + (d->padded ? g.h * d->padded_columns * g.c : 0)) * bytes);
    c->geometry = d;
    return true;
}

#endif
