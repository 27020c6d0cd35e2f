/* Convolution by Winograd's minimal filtering (Lavin and Gray 2016): a tile of OUT x OUT outputs
 * under a TAPS x TAPS filter needs (OUT + TAPS - 1)^2 products for each pair of channels, not
 * OUT^2 TAPS^2. Tiles of the image and the filter are mapped to values at points, multiplied point
 * by point, summed over the channels as so many small matrix products, and mapped back. Both forms
 * have tiles of 6 x 6 pixels, hence one map of the image, at the points 0, 1, -1, 2, -2, infinity.
 *
 * In and out: as conv.c says, for filters of 3x3 (F(4x4,3x3)) and 5x5 (F(2x2,5x5)), stride 1, no
 * dilation, one group, float only. The gradient with respect to the image is the convolution of its
 * result with the turned filter. Chosen where an estimate of the work says that it is quicker than
 * conv_direct.c, and never under --exact.
 *
 * Error. Each output is a fixed sum of products of what the maps give, with c + 24 roundings on the
 * longest way from an input to it, so with u = 2^-24 it differs from the exact result, to first order, by at most
 *     (c + 24) u K sum over channels of (max |x| in the tile)(max |f|),
 *     K = (max over i of sum over p of |A_ip| |G_p| |B_p|)^2
 * where |G_p|, |B_p| are sums of magnitudes of a row: K is 2304 for F(4x4,3x3) and 3325 for
 * F(2x2,5x5) (the componentwise analysis of Barabasz et al. 2020); plain sums have the taps (9 and
 * 25) for K. Hit by no input: for random values the error was at most 24 u and 15 u times the
 * greatest sum of |x| |f| over a window, for plain sums 3 u. A float64 result goes to the direct
 * kernel: whoever asks for float64 asks for digits, and the maps lose some.
 *
 * A block (conv_block.c) is the same, a band of its rows at a time, in scratch (conv_epilogue.h).
 *
 * Promises the same bits at any number of threads: a unit is a band of rows of an image, or some
 * whole images. A tile whose outputs are not all finite is computed anew by plain sums, so that NaN
 * and infinity reach the outputs whose windows hold them and no others. */
#include "ops/conv_winograd.h"
#include "ops/conv_sparse.h"

#ifdef OPS_KERNELS

#include "ops/conv_winograd_tiles.h"
#include "ops/math.h"

#define REAL       float
#define REAL_BYTES 4
#define TAG        f32
#define R(name)    name##_f32
#include "ops/conv_epilogue_loops.h"

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct winograd *d = c->geometry;
    if (phase == 0) {
        map_filters(d, c->in[1].data, c->shared, begin, end);
        return;
    }
    int64_t out = d->form->out, rows = ceil_div(d->oh, out), row = d->ow * d->co;
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u / d->n_bands, band = u % d->n_bands, first = group * d->n / d->n_groups;
        struct tile_region r = region_of(d, first, (group + 1) * d->n / d->n_groups - first,
                                         band * rows / d->n_bands * out,
                                         min_i64(d->oh, (band + 1) * rows / d->n_bands * out));
        r.y = (float *)c->out[0].data + (first * d->oh + r.i0) * row;
        r.image_step = d->oh * row;
        compute_region(d, &r, c->in[0].data, c->in[1].data, c->shared, scratch);
    }
}

/* With what stands behind the convolution: bands are of pooled rows, whose rows of the convolution
 * are computed into scratch, in the tiles that the convolution alone would have: so its bits are
 * the same. */
static void run_block(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    const struct winograd *d = c->geometry;
    const struct conv_epilogue *e = &d->epilogue;
    if (phase == 0) {
        map_filters(d, c->in[1].data, c->shared, begin, end);
        return;
    }
    for (int64_t u = begin; u < end; u++) {
        int64_t group = u / d->n_bands, part = u % d->n_bands, first = group * d->n / d->n_groups;
        struct conv_band band;
        conv_band_open(e, part * e->pool.oh / d->n_bands, (part + 1) * e->pool.oh / d->n_bands,
                       &band);
        int64_t i0 = band.low - band.low % d->form->out, row = d->ow * d->co;
        struct tile_region r =
            region_of(d, first, (group + 1) * d->n / d->n_groups - first, i0, band.stop);
        r.y = (float *)scratch + d->tile_elements;
        r.image_step = (band.stop - i0) * row;
        compute_region(d, &r, c->in[0].data, c->in[1].data, c->shared, scratch);
        for (int64_t i = 0; i < r.n; i++)
            for (int64_t k = 0; k < d->co; k += MOST_CHANNELS_f32) {
                struct conv_band b = band;
                struct conv_target to = conv_block_target(
                    c, first + i, k, min_i64(MOST_CHANNELS_f32, d->co - k), sizeof(float));
                float *rows = r.y + i * r.image_step + (band.low - i0) * row + k;
                conv_band_push_f32(e, &b, band.stop - band.low, rows, d->co, &to);
            }
    }
}

/* ---- the choice */

/* Estimates count vectors of so many channels on every instruction set: all choose the same. */
enum { CHOICE_LANES = 16, TOO_FEW_CHANNELS = 8 };

/* Multiply-adds of conv_direct.c, for which rows of taps on padding cost nothing. */
static double direct_work(const struct winograd *d) {
    int64_t k = d->base.g.kh, rows = 0;
    for (int64_t i = 0; i < d->oh; i++) {
        int64_t first, last;
        window_taps(i, 1, d->top, k, d->h, &first, &last);
        rows += last - first;
    }
    return (double)(d->n * rows * d->ow * k) * (double)(d->ci * ceil_div(d->co, CHOICE_LANES));
}

/* What a form takes, in multiply-adds of conv_direct.c that take as long. The maps write one vector
 * to each of many places and mostly wait for the cache. A filter that does not stay in the second
 * cache is fetched anew for each block of tiles. Measured on a Cascade Lake Xeon with AVX-512; with
 * narrower vectors the maps weigh less. */
static double form_work(const struct winograd *d, const struct form *f) {
    static const double product = 0.8, map_input = 25, map_output = 13, map_filter = 70, fetch = 14;
    const double cache_vectors = (1 << 20) / (CHOICE_LANES * sizeof(float));
    double tiles = (double)(d->n * ceil_div(d->oh, f->out) * ceil_div(d->ow, f->out));
    double ci = (double)ceil_div(d->ci, CHOICE_LANES), co = (double)ceil_div(d->co, CHOICE_LANES);
    double filter = POINTS * (double)d->ci * co, blocks = tiles / MAX_BLOCK_TILES;
    return tiles * POINTS * (product * (double)d->ci * co + map_input * ci + map_output * co) +
           filter * (map_filter + (filter > cache_vectors ? fetch * blocks : 0));
}

/* The form for this filter, where it is quicker than the direct kernel; if not, w->why says why. */
static const struct form *choose_form(const struct winograd *d, const struct kernel_call *c,
                                      struct kernel_work *w) {
    const struct window *g = &d->base.g;
    const struct form *form = NULL;
    for (int i = 0; i < N_FORMS; i++)
        if (g->kh == forms[i].taps && g->kw == forms[i].taps)
            form = &forms[i];
    if (c->exact)
        w->why = "exact";
    else if (c->out[0].dtype != DTYPE_F32)
        w->why = "no winograd: float64";
    else if (g->groups != 1 || g->sh != 1 || g->sw != 1 || g->dh != 1 || g->dw != 1)
        w->why = "no winograd: strides, dilation or groups";
    else if (!form)
        w->why = "no winograd: a filter neither 3x3 nor 5x5";
    else if (d->co < TOO_FEW_CHANNELS || form_work(d, form) >= direct_work(d))
        w->why = "no winograd: few channels or few tiles";
    else
        return form;
    return NULL;
}

/* How many tiles a block has: as many as keep in cache what is computed of them. */
static int64_t count_block_tiles(const struct winograd *d) {
    int64_t tile_bytes =
        POINTS * (d->ci_vectors * LANES + d->n_blocks * BLOCK_CHANNELS) * (int64_t)sizeof(float);
    int64_t tiles = min_i64(MAX_BLOCK_TILES, BLOCK_BYTES / tile_bytes);
    return N_TILE_ROWS * max_i64(1, tiles / N_TILE_ROWS);
}

/* Units: an image's tiles in bands, each of some of `rows` rows, or so many images that a block is
 * full. */
static void cut_units(struct winograd *d, int64_t rows) {
    int64_t out = d->form->out, image_tiles = ceil_div(d->oh, out) * ceil_div(d->ow, out);
    d->n_groups = d->n, d->n_bands = 1;
    if (image_tiles > d->block_tiles)
        d->n_bands = min_i64(rows, ceil_div(image_tiles, d->block_tiles));
    else
        d->n_groups = ceil_div(d->n * image_tiles, d->block_tiles);
    d->n_groups = min_i64(d->n, max_i64(d->n_groups, ENOUGH_UNITS));
    if (d->n_groups * d->n_bands < ENOUGH_UNITS)
        d->n_bands = min_i64(rows, ceil_div(ENOUGH_UNITS, d->n_groups));
}

/* All but how the units are cut; NULL: another kernel is quicker. */
static struct winograd *prepare(const struct winograd *from, struct kernel_call *c,
                                struct kernel_work *w, struct arena *a) {
    const struct form *form = window_work(&from->base.g) > 0 ? choose_form(from, c, w) : NULL;
    if (!form)
        return NULL;
    struct winograd *d = arena_new(a, struct winograd);
    *d = *from;
    d->base.run = run;
    d->form = form;
    d->ci_vectors = ceil_div(d->ci, LANES);
    d->n_blocks = ceil_div(d->co, BLOCK_CHANNELS);
    d->block_tiles = count_block_tiles(d);
    d->input_step = d->ci_vectors * d->block_tiles * LANES + STAGGER;
    d->sums_step = d->n_blocks * d->block_tiles * BLOCK_CHANNELS + STAGGER;
    d->filter_step = d->n_blocks * d->ci * BLOCK_CHANNELS + STAGGER;
    d->tile_elements = POINTS * (d->input_step + d->sums_step + d->ci_vectors * LANES);
    w->name = form->name;
    w->n_phases = 2;
    w->units[0] = d->n_blocks * d->ci;
    w->cost[0] = (double)(POINTS * d->filter_step);
    w->cost[1] = form_work(d, form) * CHOICE_LANES;
    w->shared_bytes = (size_t)(POINTS * d->filter_step) * sizeof(float);
    w->scratch_bytes = (size_t)d->tile_elements * sizeof(float);
    c->geometry = d;
    return d;
}

/* The same, of the convolution alone. */
static bool prepare_plain(const struct winograd *from, struct kernel_call *c, struct kernel_work *w,
                          struct arena *a) {
    struct winograd *d = prepare(from, c, w, a);
    if (!d)
        return false;
    cut_units(d, ceil_div(d->oh, d->form->out));
    w->units[1] = d->n_groups * d->n_bands;
    return true;
}

static struct winograd forward(const struct window *g) {
    return (struct winograd){.base.g = *g,
                             .n = g->n,
                             .h = g->h,
                             .w = g->w,
                             .ci = g->c,
                             .oh = g->oh,
                             .ow = g->ow,
                             .co = g->o,
                             .top = g->top,
                             .left = g->left};
}

bool KERNEL(conv_winograd_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct window g = conv_forward_window(c);
    struct winograd d = forward(&g);
    return prepare_plain(&d, c, w, a);
}

bool KERNEL(conv_winograd_block)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct sparse_window s = KERNEL(conv_sparse_window)(&c->in[0], &c->in[1], &c->out[0], c->attr);
    struct winograd from = forward(&s.conv);
    struct winograd *d = s.pool.oh * s.pool.ow > 0 ? prepare(&from, c, w, a) : NULL;
    if (!d)
        return false;
    d->base.run = run_block;
    d->epilogue = KERNEL(conv_block_epilogue)(c);
    cut_units(d, s.pool.oh);
    w->units[1] = d->n_groups * d->n_bands;
    int64_t images = ceil_div(d->n, d->n_groups), rows = ceil_div(s.pool.oh, d->n_bands);
    int64_t most = min_i64(d->oh, (rows - 1) * s.pool.sh + s.pool.kh + d->form->out - 1);
    w->scratch_bytes += (size_t)(images * most * d->ow * d->co) * sizeof(float) + VECTOR_BYTES;
    return true;
}

bool KERNEL(conv_winograd_input_gradient)(struct kernel_call *c, struct kernel_work *w,
                                          struct arena *a) {
    struct window g = conv_input_gradient_window(c);
    struct winograd d = {.base.g = g,
                         .n = g.n,
                         .h = g.oh,
                         .w = g.ow,
                         .ci = g.o,
                         .oh = g.h,
                         .ow = g.w,
                         .co = g.c,
                         .top = g.kh - 1 - g.top,
                         .left = g.kw - 1 - g.left,
                         .turned = true};
    return prepare_plain(&d, c, w, a);
}

#endif
