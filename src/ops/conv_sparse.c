/* The two gradients of a convolution whose result was max-pooled: rules, and the choice of kernels.
 *
 * The gradient of the convolution's result is zero but at the winners of the pooling's windows. So
 * it is not built: in come dk, what the pooled gradient has become at the winners, and for each of
 * its elements the winner's place in its window, ky * kw + kx. An element of dk that is zero counts
 * for nothing, even against an infinity. Windows may overlap: what falls on one position adds up.
 *
 * The optimiser makes these ops (opt/block), scripts cannot call them, and they have no gradients:
 * where one is wanted the dense ops stay. Not for: the kernels themselves (conv_sparse_*.c). */
#include "ops/conv_sparse.h"

#include <math.h>

#ifdef OPS_RULES

/* Settings 1.. of a call are those of conv2d, then those of max_pool. Gives the shape of the pooled
 * result for `image` and `filter`, and holds operands dk and winner against it. */
static bool match_pooled(struct shape_call *c, const struct shape *image,
                         const struct shape *filter, int dk, int winner) {
    static const char *const what[] = {"images", "rows", "columns", "channels"};
    const struct shape in[2] = {*image, *filter};
    struct shape_call conv = *c, pool = *c;
    conv.in = in, conv.n_in = 2, conv.attr = c->attr + 1;
    if (!conv2d_shape(&conv))
        return false;
    pool.in = &conv.out, pool.n_in = 1, pool.attr = c->attr + 5;
    if (!max_pool_shape(&pool))
        return false;
    for (int i = dk; i <= winner; i++)
        for (int axis = 0; axis < 4; axis++)
            if (!conv_window_rank(c, i, "[n, ph, pw, o]") ||
                !conv_window_match(c, i, axis, pool.out.d[axis], what[axis]))
                return false;
    return true;
}

bool conv_block_filter_gradient_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    return match_pooled(c, &c->in[0], &c->out, 1, 2);
}

bool conv_block_input_gradient_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    return match_pooled(c, &c->out, &c->in[2], 0, 1);
}

#endif

#ifdef OPS_KERNELS

/* Of the first-level cache, whose rest is for sums and lists. */
static const double cached_bytes = 24 << 10;

/* For so many rows or columns of pooled windows: the positions, and the rows or columns of the
 * image that those see. */
static int64_t positions_of(int64_t windows, int64_t k, int64_t stride) {
    return (windows - 1) * stride + k;
}

static int64_t laid_along(const struct sparse *s, int64_t windows, int axis) {
    const struct window *g = &s->base.g, *p = &s->pool;
    int64_t n = axis ? positions_of(windows, p->kw, p->sw) : positions_of(windows, p->kh, p->sh);
    if (s->unrolled)
        return n;
    return axis ? (n - 1) * g->sw + window_extent(g->kw, g->dw)
                : (n - 1) * g->sh + window_extent(g->kh, g->dh);
}

static double region_vectors(const struct sparse *s, int64_t rows, int64_t columns) {
    return (double)laid_along(s, rows, 0) * (double)laid_along(s, columns, 1) *
           (double)(s->unrolled ? s->n_vectors : 1);
}

/* The largest regions that fit into a cache of so many vectors: whole rows of windows if possible,
 * whole images, several images. */
static void cut_regions(struct sparse *s, int64_t images) {
    int64_t ph = s->pool.oh, pw = s->pool.ow;
    s->images = s->rows = 1;
    s->columns = pw;
    for (int64_t k = 2;
         s->columns > 1 && region_vectors(s, 1, s->columns) > cached_bytes / VECTOR_BYTES; k++)
        s->columns = ceil_div(pw, k);
    if (s->columns < pw)
        return;
    s->rows = ph;
    for (int64_t k = 2; s->rows > 1 && region_vectors(s, s->rows, pw) > cached_bytes / VECTOR_BYTES;
         k++)
        s->rows = ceil_div(ph, k);
    if (s->rows == ph)
        s->images = max_i64(
            1, min_i64(images, (int64_t)(cached_bytes / VECTOR_BYTES / region_vectors(s, ph, pw))));
}

/* Spans of taps that are neighbours in an image, in vectors; each writes over what the one before
 * took too much. */
static void find_copies(struct sparse *s, int64_t lanes, struct arena *a) {
    const struct window *g = &s->base.g;
    int64_t span = g->dw == 1 ? g->kw * g->c : g->c, n_spans = g->dw == 1 ? 1 : g->kw;
    s->copies = arena_array(a, struct span_copy, g->kh * n_spans * ceil_div(span, lanes));
    for (int64_t i = 0; i < g->kh * n_spans; i++)
        for (int64_t k = 0; k < span; k += lanes) {
            int64_t row = i / n_spans * g->dh, column = i % n_spans * g->dw;
            s->copies[s->n_copies++] = (struct span_copy){
                (int32_t)((row * s->padded_columns + column) * g->c + k), (int32_t)(i * span + k)};
        }
}

static void lay_regions(struct sparse *s, int64_t lanes) {
    const struct window *g = &s->base.g;
    s->laid_rows = laid_along(s, s->rows, 0);
    s->laid_columns = laid_along(s, s->columns, 1);
    if (s->unrolled) {
        s->conv_column = s->n_vectors * lanes;
        s->padded_rows = (s->laid_rows - 1) * g->sh + window_extent(g->kh, g->dh);
        s->padded_columns = (s->laid_columns - 1) * g->sw + window_extent(g->kw, g->dw);
        /* whole vectors are read, from any element on */
        s->padded = ceil_div(s->padded_rows * s->padded_columns * g->c, lanes) * lanes + lanes;
        s->conv_row = s->laid_row = s->laid_columns * s->conv_column;
    } else {
        s->phase_columns = ceil_div(s->laid_columns, g->dw);
        /* odd, so that rows do not meet in the same sets of the cache */
        s->laid_row = ((s->phase_columns * g->dw) | 1) * lanes;
        s->conv_row = s->laid_row * g->sh;
    }
    s->laid_image = s->laid_rows * s->laid_row;
    s->block = s->images * s->laid_image;
}

static void find_places(struct sparse *s, int64_t lanes, struct arena *a) {
    const struct window *g = &s->base.g, *p = &s->pool;
    int64_t n = s->images * s->rows * s->columns, places = p->kh * p->kw;
    s->place = arena_array(a, int32_t, n * places);
    for (int64_t k = 0; k < n; k++) {
        int64_t image = k / s->columns / s->rows, i = k / s->columns % s->rows, j = k % s->columns;
        for (int64_t place = 0; place < places; place++) {
            int64_t row = i * p->sh + place / p->kw, column = j * p->sw + place % p->kw;
            int64_t x = column * g->sw;
            int64_t at = s->unrolled ? column * s->conv_column
                                     : (x % g->dw * s->phase_columns + x / g->dw) * lanes;
            s->place[k * places + place] =
                (int32_t)(image * s->laid_image + row * s->conv_row + at);
        }
    }
}

int KERNEL(conv_sparse_tiles)(struct tap_tile *to, int64_t rows, int64_t columns,
                              const struct tap_tile *from, int64_t laid, int64_t taps) {
    int64_t across = ceil_div(columns, MAX_TILE_SIDE);
    int64_t height = min_i64(MAX_TILE_SIDE, MAX_TILE / ceil_div(columns, across));
    int64_t down = ceil_div(rows, height);
    for (int64_t i = 0; i < down * across; i++) {
        int64_t y = i / across * rows / down, x = i % across * columns / across;
        struct tap_tile t = *from;
        t.rows = (int)((i / across + 1) * rows / down - y);
        t.columns = (int)((i % across + 1) * columns / across - x);
        t.laid += y * t.laid_row + x * laid;
        t.taps += y * t.taps_row + x * taps;
        to[i] = t;
    }
    return (int)(down * across);
}

static void make_tiles(struct sparse *s, int64_t lanes, struct arena *a) {
    const struct window *g = &s->base.g;
    struct tap_tile all = {0};
    s->tiles = arena_array(a, struct tap_tile, s->n_vectors);
    if (!s->unrolled) {
        all.laid_row = s->laid_row * g->dh;
        all.taps_row = g->kw * lanes;
        s->n_tiles = KERNEL(conv_sparse_tiles)(s->tiles, g->kh, g->kw, &all, lanes, lanes);
        return;
    }
    int64_t full = s->n_vectors / MAX_TILE_SIDE, rest = s->n_vectors % MAX_TILE_SIDE;
    all.laid_row = all.taps_row = MAX_TILE_SIDE * lanes;
    if (full)
        s->n_tiles = KERNEL(conv_sparse_tiles)(s->tiles, full, MAX_TILE_SIDE, &all, lanes, lanes);
    all.laid = all.taps = full * MAX_TILE_SIDE * lanes;
    if (rest)
        s->n_tiles += KERNEL(conv_sparse_tiles)(s->tiles + s->n_tiles, 1, rest, &all, lanes, lanes);
}

/* Whether vectors that run over taps and channels are half as many as those over channels only. */
static bool is_unrolled(const struct window *g, int64_t lanes) {
    return 2 * ceil_div(g->kh * g->kw * g->c, lanes) <= g->kh * g->kw * ceil_div(g->c, lanes);
}

struct sparse *KERNEL(conv_sparse_settle)(const struct sparse_window *of, int64_t lanes,
                                          int64_t images, struct kernel_work *w, struct arena *a) {
    const struct window *g = &of->conv, *p = &of->pool;
    if (window_work(g) == 0 || p->n * p->oh * p->ow == 0 || g->groups > 1)
        return NULL;
    struct sparse *s = arena_new(a, struct sparse);
    *s = (struct sparse){.base.g = *g, .pool = *p, .unrolled = is_unrolled(g, lanes)};
    s->n_blocks = s->unrolled ? 1 : ceil_div(g->c, lanes);
    s->n_vectors = s->unrolled ? ceil_div(g->kh * g->kw * g->c, lanes) : g->kh * g->kw;
    cut_regions(s, images);
    lay_regions(s, lanes);
    if ((double)s->block > INT32_MAX / 2) {
        w->why = "no sparse: what a window sees is too large";
        return NULL;
    }
    find_places(s, lanes, a);
    if (s->unrolled)
        find_copies(s, lanes, a);
    make_tiles(s, lanes, a);
    return s;
}

struct sparse_costs KERNEL(conv_sparse_costs)(const struct sparse_window *of, int64_t lanes,
                                              int accesses) {
    const struct window *g = &of->conv;
    double windows = (double)(of->pool.oh * of->pool.ow), positions = (double)(g->oh * g->ow);
    double taps = (double)(g->kh * g->kw * g->c) / (double)lanes;
    double vectors = (double)(g->kh * g->kw * ceil_div(g->c, lanes)), laid = 0;
    if (is_unrolled(g, lanes)) {
        vectors = (double)ceil_div(g->kh * g->kw * g->c, lanes);
        laid = 2 * positions * (double)(g->kh * ceil_div(g->kw * g->c, lanes));
    }
    return (struct sparse_costs){.lists = 8 + 0.75 * accesses * vectors +
                                          laid / (windows * (double)g->o),
                                 .dense = 10 + positions / windows * taps};
}

static const char *why_dense(const struct sparse_window *of) {
    if (of->conv.groups > 1)
        return "no sparse: channels in groups";
    return of->conv.oh * of->conv.ow < 2 * of->pool.oh * of->pool.ow
               ? "no sparse: nearly as many windows as positions"
               : "no sparse: few multiplications a winner";
}

static int64_t lanes_of(const struct kernel_call *c) {
    return VECTOR_BYTES / (c->out[0].dtype == DTYPE_F64 ? 8 : 4);
}

static void prepare_filter(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct sparse_window of =
        KERNEL(conv_sparse_window)(&c->in[0], &c->out[0], &c->in[1], &c->attr[1]);
    struct sparse_costs costs = KERNEL(conv_sparse_costs)(&of, lanes_of(c), 1);
    bool pays = costs.lists < costs.dense;
    if (KERNEL(conv_sparse_masked)(c, w, a, pays ? costs.lists : costs.dense) ||
        (pays && KERNEL(conv_sparse_filter)(c, w, a)))
        return;
    if (!w->why)
        w->why = why_dense(&of);
    KERNEL(conv_block_filter_gradient_dense_kernel).prepare(c, w, a);
}

static void prepare_input(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct sparse_window of =
        KERNEL(conv_sparse_window)(&c->out[0], &c->in[2], &c->in[0], &c->attr[1]);
    struct sparse_costs costs = KERNEL(conv_sparse_costs)(&of, lanes_of(c), 2);
    bool pays = costs.lists < costs.dense;
    if (pays && KERNEL(conv_sparse_input)(c, w, a))
        return;
    if (!w->why)
        w->why = why_dense(&of);
    KERNEL(conv_block_input_gradient_dense_kernel).prepare(c, w, a);
}

static void prepare_sparse_filter(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_sparse_filter)(c, w, a))
        KERNEL(conv_block_filter_gradient_dense_kernel).prepare(c, w, a);
}

static void prepare_sparse_input(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_sparse_input)(c, w, a))
        KERNEL(conv_block_input_gradient_dense_kernel).prepare(c, w, a);
}

static void prepare_masked_filter(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    if (!KERNEL(conv_sparse_masked)(c, w, a, INFINITY))
        KERNEL(conv_block_filter_gradient_dense_kernel).prepare(c, w, a);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct conv_base *p = c->geometry;
    p->run(c, phase, begin, end, scratch);
}

const struct kernel KERNEL(conv_block_filter_gradient_kernel) = {prepare_filter, run};
const struct kernel KERNEL(conv_block_input_gradient_kernel) = {prepare_input, run};
const struct kernel KERNEL(conv_block_filter_gradient_sparse_kernel) = {prepare_sparse_filter, run};
const struct kernel KERNEL(conv_block_filter_gradient_masked_kernel) = {prepare_masked_filter, run};
const struct kernel KERNEL(conv_block_input_gradient_sparse_kernel) = {prepare_sparse_input, run};

#endif
