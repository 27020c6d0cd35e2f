/* Winograd's convolution tile by tile: the filter at the points, and a region of outputs from the
 * pixels under it. Part of conv_winograd.c, which says what it promises. */
#include "ops/conv_winograd.h"
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
    int64_t tile_elements;         /* of scratch, for a block of tiles */
    struct conv_epilogue epilogue; /* of a block (conv_block.c), whose bands are of pooled rows */
    int64_t block_tiles;           /* mapped at once */
    int64_t ci_vectors, n_blocks;  /* channels, and channels of the result */
    int64_t input_step, sums_step; /* from one point to the next, of a block of tiles */
    int64_t filter_step;
};

/* A unit: rows [i0, i1) of images [first, first + n), cut into tiles. The outputs go to y, image by
 * image. */
struct tile_region {
    int64_t first, n, i0, i1, tile_rows, tile_columns;
    float *y;
    int64_t image_step;
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

static struct tile_region region_of(const struct winograd *d, int64_t first, int64_t n, int64_t i0,
                                    int64_t i1) {
    return (struct tile_region){.first = first,
                                .n = n,
                                .i0 = i0,
                                .i1 = i1,
                                .tile_rows = ceil_div(i1 - i0, d->form->out),
                                .tile_columns = ceil_div(d->ow, d->form->out)};
}

/* Where the outputs of row i, column j of an image are. */
static float *region_at(const struct winograd *d, const struct tile_region *r, int64_t image,
                        int64_t i, int64_t j) {
    return r->y + (image - r->first) * r->image_step + ((i - r->i0) * d->ow + j) * d->co;
}

static struct tile tile_of(const struct winograd *d, const struct tile_region *r, int64_t t) {
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
static void map_inputs(const struct winograd *d, const struct tile_region *r, const float *x,
                       int64_t t0, int64_t t1, float *to, float *patch) {
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
static void sum_directly(const struct winograd *d, const struct tile_region *r,
                         const struct tile *t, const float *x, const float *filter) {
    int64_t k = d->form->taps, step = d->turned ? d->ci : 1;
    for (int64_t q = 0; q < t->rows * t->columns; q++) {
        int64_t i = t->i + q / t->columns, j = t->j + q % t->columns, y0, y1, x0, x1;
        float *to = region_at(d, r, t->image, i, j);
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

/* The outputs of a region. mapped: the filter at the points. */
static void compute_region(const struct winograd *d, const struct tile_region *r, const float *x,
                           const float *filter, const float *mapped, float *scratch) {
    float *inputs = scratch, *sums = inputs + POINTS * d->input_step,
          *patch = sums + POINTS * d->sums_step;
    int64_t n_tiles = r->n * r->tile_rows * r->tile_columns;
    for (int64_t t0 = 0; t0 < n_tiles; t0 += d->block_tiles) {
        int64_t n = min_i64(d->block_tiles, n_tiles - t0);
        map_inputs(d, r, x, t0, t0 + n, inputs, patch);
        sum_products(d, inputs, mapped, n, sums);
        for (int64_t t = 0; t < n; t++) {
            struct tile tile = tile_of(d, r, t0 + t);
            if (!d->form->store_outputs(sums + t * BLOCK_CHANNELS, d->block_tiles * BLOCK_CHANNELS,
                                        d->sums_step, region_at(d, r, tile.image, tile.i, tile.j),
                                        d->ow * d->co, d->co, tile.rows, tile.columns, d->co))
                sum_directly(d, r, &tile, x, filter);
        }
    }
}
