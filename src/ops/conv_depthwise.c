/* Depthwise convolution, a group for each channel: no channels are added up, so vectors run over
 * the channels, which lie one after another in image, filter and result alike, and the taps of a
 * pixel are added in registers.
 *
 * In and out: as conv.c says; float and float64; any window, stride, dilation and padding. With
 * m = o / c filters a channel, the rows needed of the image are first laid out with each channel
 * repeated m times. The gradient with respect to the image is gathered, not scattered: each pixel
 * adds up the positions whose windows reach it. Promises the same bits at any number of threads: a
 * unit is a row of pixels, or a row of taps over a fixed batch of images, whose sums are then added
 * in order. */
#include "ops/conv_depthwise.h"

#ifdef OPS_KERNELS

#include "ops/vector.h"

enum { MAX_BATCHES = 8, SUM_BLOCK = 1024, BLOCK_VECTORS = 4 };

/* The taps that link a row (or column) of the result of a kernel with rows of its source: n of
 * them, from tap `tap` on, `tap_step` apart, and the rows that they meet. */
struct meeting {
    int64_t n, tap, tap_step, at, at_step;
};

struct depthwise {
    struct conv_base base;
    int64_t m; /* filters a channel */
    bool back; /* from dy to dx */
    int64_t from_h, from_w, to_h, to_w;
    struct meeting *rows, *columns; /* [to_h], [to_w] */
    int64_t n_batches;              /* the filter's gradient */
};

#define REAL       float
#define REAL_BYTES 4
#define R(name)    name##_f32
#include "ops/conv_depthwise_loops.h"
#undef REAL
#undef REAL_BYTES
#undef R
#define REAL       double
#define REAL_BYTES 8
#define R(name)    name##_f64
#include "ops/conv_depthwise_loops.h"

static bool is_wide(const struct kernel_call *c) { return c->out[0].dtype == DTYPE_F64; }

static size_t real_bytes(const struct kernel_call *c) { return is_wide(c) ? 8 : 4; }

/* At position `at` of n_to: the taps of k on the source. back: `at` is a pixel of the image, and
 * the source the positions whose windows reach it. Taps that meet are evenly spaced, since a stride
 * and a dilation are. */
static struct meeting meet(bool back, int64_t at, int64_t n_from, int64_t k, int64_t stride,
                           int64_t dilation, int64_t before) {
    struct meeting m = {0};
    for (int64_t tap = 0; tap < k; tap++) {
        int64_t source =
            back ? at + before - tap * dilation : at * stride - before + tap * dilation;
        if (back && source % stride)
            continue;
        source = back ? source / stride : source;
        if (source < 0 || source >= n_from)
            continue;
        if (m.n == 0)
            m.tap = tap, m.at = source;
        else if (m.n == 1)
            m.tap_step = tap - m.tap, m.at_step = source - m.at;
        m.n++;
    }
    return m;
}

static void run_gather(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase;
    if (is_wide(c))
        gather_rows_f64(c->geometry, c->in[0].data, c->in[1].data, c->out[0].data, begin, end,
                        scratch);
    else
        gather_rows_f32(c->geometry, c->in[0].data, c->in[1].data, c->out[0].data, begin, end,
                        scratch);
}

static bool prepare_gather(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                           struct window g, bool back) {
    if (!conv_is_depthwise(&g) || window_work(&g) == 0)
        return false;
    struct depthwise *d = arena_new(a, struct depthwise);
    *d = (struct depthwise){.base = {.run = run_gather, .g = g},
                            .m = g.o / g.c,
                            .back = back,
                            .from_h = back ? g.oh : g.h,
                            .from_w = back ? g.ow : g.w,
                            .to_h = back ? g.h : g.oh,
                            .to_w = back ? g.w : g.ow};
    d->rows = arena_array(a, struct meeting, d->to_h);
    d->columns = arena_array(a, struct meeting, d->to_w);
    for (int64_t i = 0; i < d->to_h; i++)
        d->rows[i] = meet(back, i, d->from_h, g.kh, g.sh, g.dh, g.top);
    for (int64_t j = 0; j < d->to_w; j++)
        d->columns[j] = meet(back, j, d->from_w, g.kw, g.sw, g.dw, g.left);
    work_set(w, "depthwise", g.n * d->to_h, window_work(&g));
    if (d->m > 1)
        w->scratch_bytes = (size_t)(back ? g.o : g.kh * g.w * g.o) * real_bytes(c);
    c->geometry = d;
    return true;
}

bool KERNEL(conv_depthwise_forward)(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    return prepare_gather(c, w, a, conv_forward_window(c), false);
}

bool KERNEL(conv_depthwise_input_gradient)(struct kernel_call *c, struct kernel_work *w,
                                           struct arena *a) {
    return prepare_gather(c, w, a, conv_input_gradient_window(c), true);
}

static void run_filter(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    if (phase == 0 && is_wide(c))
        filter_units_f64(c->geometry, c->in[0].data, c->in[1].data, c->shared, begin, end, scratch);
    else if (phase == 0)
        filter_units_f32(c->geometry, c->in[0].data, c->in[1].data, c->shared, begin, end, scratch);
    else if (is_wide(c))
        add_batches_f64(c->geometry, c->shared, c->out[0].data, begin, end);
    else
        add_batches_f32(c->geometry, c->shared, c->out[0].data, begin, end);
}

bool KERNEL(conv_depthwise_filter_gradient)(struct kernel_call *c, struct kernel_work *w,
                                            struct arena *a) {
    struct window g = conv_filter_gradient_window(c);
    if (!conv_is_depthwise(&g) || window_work(&g) == 0)
        return false;
    struct depthwise *d = arena_new(a, struct depthwise);
    int64_t sums = g.kh * g.kw * g.o;
    *d = (struct depthwise){.base = {.run = run_filter, .g = g},
                            .m = g.o / g.c,
                            .n_batches = min_i64(g.n, MAX_BATCHES)};
    w->name = "depthwise";
    w->n_phases = 2;
    w->units[0] = d->n_batches * g.kh;
    w->cost[0] = window_work(&g);
    w->units[1] = ceil_div(sums, SUM_BLOCK);
    w->cost[1] = (double)(sums * d->n_batches);
    w->shared_bytes = (size_t)(sums * d->n_batches) * real_bytes(c);
    if (d->m > 1)
        w->scratch_bytes = (size_t)(g.w * g.o) * real_bytes(c);
    c->geometry = d;
    return true;
}

#endif
