/* Rules of sliding windows: settings in their several spellings, padding, the number of positions.
 * In: a shape call. Out: normalised settings and sizes, or a refusal that says what was found and
 * what is allowed. Not for: kernels (conv.h has their geometry). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ops/conv.h"

#ifdef OPS_RULES

bool conv_window_pair(struct shape_call *c, struct attr *setting, const char *name) {
    int n = setting->ints.n;
    int64_t *v = setting->ints.v;
    bool ok = n == 1 || n == 2 || (n == 4 && v[0] == 1 && v[3] == 1);
    if (!ok) {
        shape_refuse(c, E_OUT_OF_RANGE,
                     n == 4 ? "%s: %s must be 1 along the batch and the channels"
                            : "%s: %s needs one number, [down, right] or [1, down, right, 1]",
                     c->spelling, name);
        return false;
    }
    int64_t down = n == 4 ? v[1] : v[0], right = n == 4 ? v[2] : n == 2 ? v[1] : v[0];
    int64_t bad = down < 1 || down > INT32_MAX ? down : right;
    if (bad < 1 || bad > INT32_MAX)
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: %s must be 1 or more, not %lld", c->spelling,
                            name, (long long)bad);
    setting->ints.n = 2;
    v[0] = down;
    v[1] = right;
    return true;
}

static bool is_word(const char *text, const char *word) {
    for (; *text && toupper((unsigned char)*text) == *word; text++, word++)
        ;
    return *text == *word;
}

static bool refuse_word(struct shape_call *c, const char *word) {
    static const char *const words[] = {"SAME", "VALID"};
    shape_refuse(c, E_OUT_OF_RANGE, "%s: padding is \"SAME\" or \"VALID\", not \"%.40s\"",
                 c->spelling, word);
    const char *near = is_word(word, words[0])   ? words[0]
                       : is_word(word, words[1]) ? words[1]
                                                 : nearest_name(word, words, 2);
    if (near)
        shape_help(c, "did you mean \"%s\"?", near);
    else if (is_word(word, "CAUSAL"))
        shape_help(c, "conv1d has \"CAUSAL\"; here, sizes say it: [[top, bottom], [left, right]]");
    else
        shape_help(c, "other padding is given in sizes: a number, [down, right] or "
                      "[[top, bottom], [left, right]]");
    return false;
}

bool conv_window_padding(struct shape_call *c, struct attr *padding, struct window_padding *out) {
    *out = (struct window_padding){0};
    if (padding->kind == ATTR_STRING) {
        out->same = strcmp(padding->s, "SAME") == 0;
        return out->same || strcmp(padding->s, "VALID") == 0 || refuse_word(c, padding->s);
    }
    int n = padding->ints.n;
    int64_t *v = padding->ints.v;
    if (n == 2)
        v[2] = v[0], v[3] = v[1];
    else if (n == 8 && !v[0] && !v[1] && !v[6] && !v[7])
        memmove(v, v + 2, 4 * sizeof *v);
    else if (n != 4)
        return shape_refuse(c, E_OUT_OF_RANGE,
                            n == 8 ? "%s: padding must be 0 along the batch and the channels"
                                   : "%s: padding needs \"SAME\", \"VALID\", a number, [down, "
                                     "right] or [[top, bottom], [left, right]]",
                            c->spelling);
    padding->ints.n = 4;
    for (int i = 0; i < 4; i++)
        if (v[i] < 0 || v[i] > INT32_MAX) {
            shape_refuse(c, E_OUT_OF_RANGE, "%s: padding must be 0 or more, not %lld", c->spelling,
                         (long long)v[i]);
            if (v[i] < 0)
                shape_help(c, "what is not wanted can be cut off with a slice: x[:, 1:-1, 1:-1]");
            return false;
        }
    for (int i = 0; i < 2; i++)
        out->before[i] = v[2 * i], out->after[i] = v[2 * i + 1];
    return true;
}

/* From the first tap to the last, inclusive. */
static int64_t extent(int64_t k, int64_t dilation) {
    int64_t span;
    return k < 1 || __builtin_mul_overflow(k - 1, dilation, &span) || span == INT64_MAX ? k
                                                                                        : span + 1;
}

static bool refuse_large(struct shape_call *c, int operand, int axis, struct dim in,
                         const struct window_axis *w) {
    char taps[64] = "", padding[64] = "";
    if (w->dilation > 1)
        snprintf(taps, sizeof taps, " (%lld taps, %lld apart)", (long long)w->k.k,
                 (long long)w->dilation);
    if (w->before || w->after)
        snprintf(padding, sizeof padding, " with %lld of padding",
                 (long long)(w->before + w->after));
    shape_refuse(c, E_SHAPE, "%s: a window of %lld%s does not fit into an image of %lld%s",
                 c->spelling, (long long)extent(w->k.k, w->dilation), taps, (long long)in.k,
                 padding);
    if (operand >= 0)
        shape_mark(c, operand, axis);
    shape_help(c, "padding=\"SAME\" lets the window reach over the edge");
    return false;
}

/* (in + padding - span) // stride + 1, where a window with its gaps spans (k - 1)*dilation + 1. */
static bool count_positions(struct symbols *s, struct dim in, const struct window_axis *w,
                            struct dim *out) {
    struct dim one = dim_const(1), span, room;
    return dim_subtract(s, w->k, one, &span) &&
           dim_multiply(s, span, dim_const(w->dilation), &span) && dim_add(s, span, one, &span) &&
           dim_add(s, in, dim_const(w->before + w->after), &room) &&
           dim_subtract(s, room, span, &room) &&
           dim_floor_divide(s, room, dim_const(w->stride), out) && dim_add(s, *out, one, out);
}

bool conv_window_positions(struct shape_call *c, int operand, int axis, struct dim in,
                           const struct window_axis *w, struct dim *out) {
    bool known = dim_is_const(in) && dim_is_const(w->k);
    if (!w->same && known && in.k + w->before + w->after < extent(w->k.k, w->dilation))
        return refuse_large(c, operand, axis, in, w);
    if (w->same ? dim_ceil_divide(c->symbols, in, dim_const(w->stride), out)
                : count_positions(c->symbols, in, w, out))
        return true;
    if (known)
        return refuse_large(c, operand, axis, in, w);
    *out = dim_fresh(c->symbols);
    return true;
}

bool conv_window_rank(struct shape_call *c, int operand, const char *what) {
    if (c->in[operand].rank == 4)
        return true;
    char have[SHAPE_TEXT];
    shape_print(have, sizeof have, c->symbols, &c->in[operand]);
    shape_refuse(c, E_SHAPE, "%s needs %s, but this is %s", c->spelling, what,
                 c->in[operand].rank ? have : "a scalar");
    shape_mark(c, operand, -1);
    return false;
}

/* "reshape(x, [-1, 28, 28, 1])" for rows of 784 that may be square images. */
static void help_square(struct shape_call *c, struct dim size, int64_t channels) {
    if (!dim_is_const(size) || channels < 1 || size.k < 4 || size.k % channels)
        return;
    int64_t side = 2, pixels = size.k / channels;
    while (side * side < pixels && side < 1 << 20)
        side++;
    if (side * side == pixels)
        shape_help(c, "make images of the rows: reshape(x, [-1, %lld, %lld, %lld])",
                   (long long)side, (long long)side, (long long)channels);
}

bool conv_window_image(struct shape_call *c, int operand, struct dim channels) {
    if (conv_window_rank(c, operand, "an image [n, h, w, c]"))
        return true;
    const struct shape *x = &c->in[operand];
    bool any = dim_is_const(channels) && channels.k == 0;
    if (x->rank == 2)
        help_square(c, x->d[1], any ? 1 : dim_is_const(channels) ? channels.k : 0);
    if (x->rank != 3)
        return false;
    if (any)
        shape_help(c, "x[..., new] adds an axis of one channel, x[new] one of a single image");
    else if (dim_is_one(channels))
        shape_help(c, "x[..., new] adds an axis of one channel");
    else if (dim_compare(c->symbols, x->d[2], channels) != DIM_DIFFER)
        shape_help(c, "x[new] makes a batch of one image");
    return false;
}

bool conv_window_match(struct shape_call *c, int operand, int axis, struct dim want,
                       const char *what) {
    struct dim have = c->in[operand].d[axis];
    if (dim_compare(c->symbols, have, want) != DIM_DIFFER)
        return true;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    dim_print(a, sizeof a, c->symbols, want);
    dim_print(b, sizeof b, c->symbols, have);
    shape_refuse(c, E_SHAPE, "%s: %s must be %s here, but there are %s", c->spelling, what, a, b);
    shape_mark(c, operand, axis);
    return false;
}

#endif
