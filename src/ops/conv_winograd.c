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
 * Promises the same bits at any number of threads: a unit is a band of rows of an image, or some
 * whole images. A tile whose outputs are not all finite is computed anew by plain sums, so that NaN
 * and infinity reach the outputs whose windows hold them and no others. */
#include "ops/conv_winograd.h"

#ifdef OPS_KERNELS

#include "ops/vector.h"

enum {
    IN = 6, /* of a line of a tile */
    POINTS = IN * IN,
    LANES = N_LANES_f32,
    BLOCK_CHANNELS = 2 * LANES,
    BLOCK_BYTES = 2 << 20, /* of the values of a block of tiles */
    MAX_BLOCK_TILES = 28,
    STAGGER = 32, /* elements: keeps the points of a place out of the same set of a cache */
    ENOUGH_UNITS = 4
};

/* A form F(out x out, taps x taps) and its maps. */
struct form {
    int out, taps;
    const char *name;
    void (*transform_filter)(const float *taps, float *to, int64_t point_step);
    bool (*store_outputs)(const float *sums, int64_t block_step, int64_t point_step, float *y,
                          int64_t row, int64_t column, int rows, int columns, int64_t channels);
};

/* A convolution as the tiles see it: from ci to co channels. */
struct winograd {
    struct conv_base base;
    const struct form *form;
    int64_t n, h, w, ci, oh, ow, co, top, left;
    bool turned;
    int64_t n_groups, n_bands;     /* units: groups of images x bands of rows */
    int64_t block_tiles;           /* mapped at once */
    int64_t ci_vectors, n_blocks;  /* channels, and channels of the result */
    int64_t input_step, sums_step; /* from one point to the next, of a block of tiles */
    int64_t filter_step;
};

/* A unit: rows [i0, i1) of images [first, first + n), cut into tiles. */
struct region {
    int64_t first, n, i0, i1, tile_rows, tile_columns;
};

/* A tile: its first output, and how many it has. */
struct tile {
    int64_t image, i, j;
    int rows, columns;
};

ALWAYS_INLINE vector_f32 load(const float *p) { return *(const loose_f32 *)p; }
ALWAYS_INLINE void store(float *p, vector_f32 v) { *(loose_f32 *)p = v; }

ALWAYS_INLINE void store_some(float *p, vector_f32 v, int64_t n) {
    if (n >= LANES) {
        store(p, v);
        return;
    }
    float edge[LANES];
    store(edge, v);
    memcpy(p, edge, (size_t)n * sizeof *p);
}

ALWAYS_INLINE bool all_zero(vector_f32 v) {
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum == 0;
}

/* The transposed Toom-Cook map of a line of the image. */
ALWAYS_INLINE void map_input(const vector_f32 *d, vector_f32 *t) {
    vector_f32 even = d[4] - 4.0f * d[2], odd = d[3] - 4.0f * d[1];
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    t[1] = even + odd;
    t[2] = even - odd;
    even = d[4] - d[2], odd = 2.0f * (d[3] - d[1]);
    t[3] = even + odd;
    t[4] = even - odd;
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

/* One tile of the image: its pixels are `column` elements apart, its rows `row`. Vectors of
 * channels come to lie `vector_step` apart, points point_step. */
static void transform_input(const float *x, int64_t row, int64_t column, int64_t n_vectors,
                            float *to, int64_t vector_step, int64_t point_step) {
    for (int64_t v = 0; v < n_vectors; v++, x += N_LANES_f32, to += vector_step) {
        vector_f32 pixel[IN], mapped[IN], half[POINTS];
        UNROLL(6)
        for (int j = 0; j < IN; j++) {
            UNROLL(6)
            for (int i = 0; i < IN; i++)
                pixel[i] = load(x + i * row + j * column);
            map_input(pixel, mapped);
            UNROLL(6)
            for (int i = 0; i < IN; i++)
                half[i * IN + j] = mapped[i];
        }
        UNROLL(6)
        for (int i = 0; i < IN; i++) {
            map_input(half + i * IN, mapped);
            UNROLL(6)
            for (int j = 0; j < IN; j++)
                store(to + (i * IN + j) * point_step, mapped[j]);
        }
    }
}

#define OUT     4
#define TAPS    3
#define W(name) name##_4_3
#include "ops/conv_winograd_loops.h"
#undef OUT
#undef TAPS
#undef W
#define OUT     2
#define TAPS    5
#define W(name) name##_2_5
#include "ops/conv_winograd_loops.h"
#undef OUT
#undef TAPS
#undef W

#define FORM(out, taps)                                                                            \
    {                                                                                              \
        out, taps, "winograd " #out "x" #out "," #taps "x" #taps, transform_filter_##out##_##taps, \
            store_outputs_##out##_##taps                                                           \
    }
static const struct form forms[] = {FORM(4, 3), FORM(2, 5)};
enum { N_FORMS = sizeof forms / sizeof *forms };

/* ---- the filter, once a call */

/* The element of the caller's filter at tap (ky, kx) from channel c to channel o is
 * filter[filter_at(..) + o * its step]. */
static int64_t filter_at(const struct winograd *d, int64_t ky, int64_t kx, int64_t c) {
    int64_t k = d->form->taps;
    return d->turned ? ((k - 1 - ky) * k + k - 1 - kx) * d->co * d->ci + c
                     : ((ky * k + kx) * d->ci + c) * d->co;
}

/* Units [begin, end): a channel of a block of channels of the result each. To
 * [point][block][ci][two vectors]. */
static void map_filters(const struct winograd *d, const float *filter, float *to, int64_t begin,
                        int64_t end) {
    enum { MAX_TAPS = 5 };
    int64_t step = d->turned ? d->ci : 1, k = d->form->taps;
    for (int64_t u = begin; u < end; u++) {
        float taps[MAX_TAPS * MAX_TAPS * BLOCK_CHANNELS] = {0};
        int64_t block = u / d->ci, c = u % d->ci, o = block * BLOCK_CHANNELS;
        int64_t n = min_i64(BLOCK_CHANNELS, d->co - o);
        for (int64_t tap = 0; tap < k * k; tap++) {
            const float *from = filter + filter_at(d, tap / k, tap % k, c) + o * step;
            for (int64_t i = 0; i < n; i++)
                taps[tap * BLOCK_CHANNELS + i] = from[i * step];
        }
        d->form->transform_filter(taps, to + u * BLOCK_CHANNELS, d->filter_step);
    }
}

/* ---- blocks of tiles */

static struct tile tile_of(const struct winograd *d, const struct region *r, int64_t t) {
    int64_t out = d->form->out, row = t / r->tile_columns;
    struct tile tile = {.image = r->first + row / r->tile_rows,
                        .i = r->i0 + row % r->tile_rows * out,
                        .j = t % r->tile_columns * out};
    tile.rows = (int)min_i64(out, r->i1 - tile.i);
    tile.columns = (int)min_i64(out, d->ow - tile.j);
    return tile;
}

/* The pixels under a tile, with zeros around the image and behind the last channel. */
static void copy_patch(const struct winograd *d, const float *image, int64_t y0, int64_t x0,
                       float *patch) {
    int64_t channels = d->ci_vectors * LANES;
    int64_t first = max_i64(0, -x0), n = max_i64(0, min_i64(IN, d->w - x0) - first);
    memset(patch, 0, (size_t)(IN * IN * channels) * sizeof *patch);
    for (int64_t y = max_i64(0, -y0); y < min_i64(IN, d->h - y0); y++) {
        const float *from = image + ((y0 + y) * d->w + x0 + first) * d->ci;
        float *to = patch + (y * IN + first) * channels;
        if (channels == d->ci) {
            memcpy(to, from, (size_t)(n * channels) * sizeof *to);
            continue;
        }
        for (int64_t x = 0; x < n; x++)
            for (int64_t c = 0; c < d->ci; c++)
                to[x * channels + c] = from[x * d->ci + c];
    }
}

/* Tiles [t0, t1) of the region at the points: to[point][vector of channels][tile]. */
static void map_inputs(const struct winograd *d, const struct region *r, const float *x, int64_t t0,
                       int64_t t1, float *to, float *patch) {
    int64_t channels = d->ci_vectors * LANES;
    for (int64_t t = t0; t < t1; t++, to += LANES) {
        struct tile tile = tile_of(d, r, t);
        const float *image = x + tile.image * d->h * d->w * d->ci;
        int64_t y0 = tile.i - d->top, x0 = tile.j - d->left, row = d->w * d->ci, column = d->ci;
        const float *from = patch;
        if (channels == d->ci && y0 >= 0 && x0 >= 0 && y0 + IN <= d->h && x0 + IN <= d->w) {
            from = image + y0 * row + x0 * column;
        } else {
            copy_patch(d, image, y0, x0, patch);
            row = IN * channels, column = channels;
        }
        transform_input(from, row, column, d->ci_vectors, to, d->block_tiles * LANES,
                        d->input_step);
    }
}

/* sums[rows][two vectors] = image[rows][ci] filter[ci][two vectors] at one point. */
ALWAYS_INLINE void multiply(const int rows, const int vectors, const struct winograd *d,
                            const float *image, const float *filter, float *sums) {
    vector_f32 left[N_TILE_ROWS], right[N_TILE_ROWS];
    UNROLL(14)
    for (int r = 0; r < rows; r++)
        left[r] = right[r] = (vector_f32){0};
    for (int64_t c = 0; c < d->ci; c += LANES, image += d->block_tiles * LANES) {
        int64_t n = min_i64(LANES, d->ci - c);
        for (int64_t k = 0; k < n; k++, filter += BLOCK_CHANNELS) {
            vector_f32 f0 = load(filter), f1 = f0;
            if (vectors == 2)
                f1 = load(filter + LANES);
            UNROLL(14)
            for (int r = 0; r < rows; r++) {
                left[r] += image[r * LANES + k] * f0;
                if (vectors == 2)
                    right[r] += image[r * LANES + k] * f1;
            }
        }
    }
    UNROLL(14)
    for (int r = 0; r < rows; r++) {
        store(sums + r * BLOCK_CHANNELS, left[r]);
        if (vectors == 2)
            store(sums + r * BLOCK_CHANNELS + LANES, right[r]);
    }
}

static void multiply_any(int rows, bool narrow, const struct winograd *d, const float *image,
                         const float *filter, float *sums) {
#define MULTIPLY_CASE(n)                                                                           \
    case n:                                                                                        \
        multiply(n, 2, d, image, filter, sums);                                                    \
        break;                                                                                     \
    case n + 32:                                                                                   \
        multiply(n, 1, d, image, filter, sums);                                                    \
        break;
    switch (rows + (narrow ? 32 : 0)) { FOR_EACH_TILE_HEIGHT(MULTIPLY_CASE) }
#undef MULTIPLY_CASE
}

/* sums[point][block][tile][two vectors] of n tiles. */
static void sum_products(const struct winograd *d, const float *inputs, const float *filters,
                         int64_t n, float *sums) {
    int64_t n_rows = ceil_div(n, N_TILE_ROWS);
    for (int64_t p = 0; p < POINTS; p++)
        for (int64_t block = 0; block < d->n_blocks; block++) {
            bool narrow = d->co - block * BLOCK_CHANNELS <= LANES;
            const float *filter = filters + p * d->filter_step + block * d->ci * BLOCK_CHANNELS;
            float *to = sums + p * d->sums_step + block * d->block_tiles * BLOCK_CHANNELS;
            for (int64_t r = 0; r < n_rows; r++) {
                int64_t t = r * n / n_rows, end = (r + 1) * n / n_rows;
                multiply_any((int)(end - t), narrow, d, inputs + p * d->input_step + t * LANES,
                             filter, to + t * BLOCK_CHANNELS);
            }
        }
}

/* A tile's outputs by plain sums. */
static void sum_directly(const struct winograd *d, const struct tile *t, const float *x,
                         const float *filter, float *y) {
    int64_t k = d->form->taps, step = d->turned ? d->ci : 1;
    for (int64_t q = 0; q < t->rows * t->columns; q++) {
        int64_t i = t->i + q / t->columns, j = t->j + q % t->columns, y0, y1, x0, x1;
        float *to = y + ((t->image * d->oh + i) * d->ow + j) * d->co;
        memset(to, 0, (size_t)d->co * sizeof *to);
        window_taps(i, 1, d->top, k, d->h, &y0, &y1);
        window_taps(j, 1, d->left, k, d->w, &x0, &x1);
        for (int64_t ky = y0; ky < y1; ky++)
            for (int64_t kx = x0; kx < x1; kx++) {
                int64_t pixel = (t->image * d->h + i - d->top + ky) * d->w + j - d->left + kx;
                for (int64_t c = 0; c < d->ci; c++) {
                    const float *from = filter + filter_at(d, ky, kx, c);
                    for (int64_t o = 0; o < d->co; o++)
                        to[o] += x[pixel * d->ci + c] * from[o * step];
                }
            }
    }
}

static struct region region_of(const struct winograd *d, int64_t u) {
    int64_t out = d->form->out, group = u / d->n_bands, band = u % d->n_bands;
    int64_t rows = ceil_div(d->oh, out);
    struct region r = {.first = group * d->n / d->n_groups,
                       .i0 = band * rows / d->n_bands * out,
                       .i1 = min_i64(d->oh, (band + 1) * rows / d->n_bands * out)};
    r.n = (group + 1) * d->n / d->n_groups - r.first;
    r.tile_rows = ceil_div(r.i1 - r.i0, out);
    r.tile_columns = ceil_div(d->ow, out);
    return r;
}

/* Units [begin, end). mapped: the filter at the points. */
static void winograd_units(const struct winograd *d, const float *x, const float *filter,
                           const float *mapped, float *y, int64_t begin, int64_t end,
                           float *scratch) {
    float *inputs = scratch, *sums = inputs + POINTS * d->input_step,
          *patch = sums + POINTS * d->sums_step;
    for (int64_t u = begin; u < end; u++) {
        struct region r = region_of(d, u);
        int64_t n_tiles = r.n * r.tile_rows * r.tile_columns;
        for (int64_t t0 = 0; t0 < n_tiles; t0 += d->block_tiles) {
            int64_t n = min_i64(d->block_tiles, n_tiles - t0);
            map_inputs(d, &r, x, t0, t0 + n, inputs, patch);
            sum_products(d, inputs, mapped, n, sums);
            for (int64_t t = 0; t < n; t++) {
                struct tile tile = tile_of(d, &r, t0 + t);
                int64_t at = ((tile.image * d->oh + tile.i) * d->ow + tile.j) * d->co;
                if (!d->form->store_outputs(sums + t * BLOCK_CHANNELS,
                                            d->block_tiles * BLOCK_CHANNELS, d->sums_step, y + at,
                                            d->ow * d->co, d->co, tile.rows, tile.columns, d->co))
                    sum_directly(d, &tile, x, filter, y);
            }
        }
    }
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    if (phase == 0)
        map_filters(c->geometry, c->in[1].data, c->shared, begin, end);
    else
        winograd_units(c->geometry, c->in[0].data, c->in[1].data, c->shared, c->out[0].data, begin,
                       end, scratch);
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

/* Units: an image's tiles in bands, or so many images that a block is full. */
static void cut_units(struct winograd *d) {
    int64_t out = d->form->out, rows = ceil_div(d->oh, out);
    int64_t image_tiles = rows * ceil_div(d->ow, out);
    d->n_groups = d->n, d->n_bands = 1;
    if (image_tiles > d->block_tiles)
        d->n_bands = min_i64(rows, ceil_div(image_tiles, d->block_tiles));
    else
        d->n_groups = ceil_div(d->n * image_tiles, d->block_tiles);
    d->n_groups = min_i64(d->n, max_i64(d->n_groups, ENOUGH_UNITS));
    if (d->n_groups * d->n_bands < ENOUGH_UNITS)
        d->n_bands = min_i64(rows, ceil_div(ENOUGH_UNITS, d->n_groups));
}

static bool prepare(const struct winograd *from, struct kernel_call *c, struct kernel_work *w,
                    struct arena *a) {
    const struct form *form = window_work(&from->base.g) > 0 ? choose_form(from, c, w) : NULL;
    if (!form)
        return false;
    struct winograd *d = arena_new(a, struct winograd);
    *d = *from;
    d->base.run = run;
    d->form = form;
    d->ci_vectors = ceil_div(d->ci, LANES);
    d->n_blocks = ceil_div(d->co, BLOCK_CHANNELS);
    d->block_tiles = count_block_tiles(d);
    cut_units(d);
    d->input_step = d->ci_vectors * d->block_tiles * LANES + STAGGER;
    d->sums_step = d->n_blocks * d->block_tiles * BLOCK_CHANNELS + STAGGER;
    d->filter_step = d->n_blocks * d->ci * BLOCK_CHANNELS + STAGGER;
    w->name = form->name;
    w->n_phases = 2;
    w->units[0] = d->n_blocks * d->ci;
    w->cost[0] = (double)(POINTS * d->filter_step);
    w->units[1] = d->n_groups * d->n_bands;
    w->cost[1] = form_work(d, form) * CHOICE_LANES;
    w->shared_bytes = (size_t)(POINTS * d->filter_step) * sizeof(float);
    w->scratch_bytes =
        (size_t)(POINTS * (d->input_step + d->sums_step + d->ci_vectors * LANES)) * sizeof(float);
    c->geometry = d;
    return true;
}

bool KERNEL(conv_winograd_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct window g = conv_forward_window(c);
    struct winograd d = {.base.g = g,
                         .n = g.n,
                         .h = g.h,
                         .w = g.w,
                         .ci = g.c,
                         .oh = g.oh,
                         .ow = g.ow,
                         .co = g.o,
                         .top = g.top,
                         .left = g.left};
    return prepare(&d, c, w, a);
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
    return prepare(&d, c, w, a);
}

#endif
