/* See windows.h. */
#include <stdio.h>

#include "windows.h"

/* k: from the first tap to the last. */
static void settle_axis(const struct geometry *g, int64_t in, int64_t k, int64_t stride,
                        int64_t after, int64_t *out, int64_t *before) {
    if (!g->sized)
        *before = 0, after = 0;
    *out = g->same ? (in + stride - 1) / stride : (in + *before + after - k) / stride + 1;
    if (!g->same && in + *before + after < k)
        *out = 0;
    int64_t padding = (*out - 1) * stride + k - in;
    if (g->same)
        *before = padding > 0 ? padding / 2 : 0;
}

void windows_settle(struct geometry *g) {
    g->dh = g->dh ? g->dh : 1;
    g->dw = g->dw ? g->dw : 1;
    g->groups = g->groups ? g->groups : 1;
    settle_axis(g, g->h, (g->kh - 1) * g->dh + 1, g->sh, g->bottom, &g->oh, &g->top);
    settle_axis(g, g->w, (g->kw - 1) * g->dw + 1, g->sw, g->right, &g->ow, &g->left);
}

struct attr windows_padding(const struct geometry *g) {
    if (!g->sized)
        return kernelrun_string(g->same ? "SAME" : "VALID");
    struct attr a = {.kind = ATTR_PAIRS, .ints = {4, {g->top, g->bottom, g->left, g->right}}};
    return a;
}

const char *windows_text(const struct geometry *g, char *buf, size_t n_buf) {
    int n = snprintf(buf, n_buf, "[%d,%d,%d,%d] window %dx%d strides %d,%d to %d channels, %s",
                     (int)g->n, (int)g->h, (int)g->w, (int)g->c, (int)g->kh, (int)g->kw, (int)g->sh,
                     (int)g->sw, (int)g->o,
                     g->sized  ? "sized"
                     : g->same ? "SAME"
                               : "VALID");
    if (n > 0 && (size_t)n < n_buf && (g->dh > 1 || g->dw > 1 || g->groups > 1 || g->sized))
        snprintf(buf + n, n_buf - (size_t)n, " %d,%d,%d,%d dilation %d,%d groups %d", (int)g->top,
                 (int)g->bottom, (int)g->left, (int)g->right, (int)g->dh, (int)g->dw,
                 (int)g->groups);
    return buf;
}

bool windows_next(int i, struct geometry *g) {
    static const struct geometry list[] = {
        {.n = 2,
         .h = 14,
         .w = 14,
         .c = 32,
         .kh = 5,
         .kw = 5,
         .sh = 1,
         .sw = 1,
         .o = 64,
         .same = true},
        {.n = 3,
         .h = 28,
         .w = 28,
         .c = 1,
         .kh = 5,
         .kw = 5,
         .sh = 1,
         .sw = 1,
         .o = 32,
         .same = true},
        {.n = 11, .h = 5, .w = 7, .c = 3, .kh = 3, .kw = 3, .sh = 1, .sw = 1, .o = 5, .same = true},
        {.n = 2,
         .h = 9,
         .w = 8,
         .c = 17,
         .kh = 4,
         .kw = 2,
         .sh = 1,
         .sw = 1,
         .o = 33,
         .same = true},
        {.n = 2,
         .h = 9,
         .w = 16,
         .c = 16,
         .kh = 3,
         .kw = 3,
         .sh = 1,
         .sw = 1,
         .o = 16,
         .same = false},
        {.n = 1,
         .h = 4,
         .w = 33,
         .c = 2,
         .kh = 3,
         .kw = 7,
         .sh = 1,
         .sw = 1,
         .o = 40,
         .same = true},
        {.n = 2, .h = 7, .w = 6, .c = 3, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .o = 9, .same = true},
        {.n = 2, .h = 2, .w = 3, .c = 4, .kh = 5, .kw = 7, .sh = 1, .sw = 1, .o = 6, .same = true},
        {.n = 1, .h = 1, .w = 1, .c = 1, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .o = 1, .same = false},
        {.n = 1,
         .h = 6,
         .w = 5,
         .c = 70,
         .kh = 3,
         .kw = 2,
         .sh = 1,
         .sw = 1,
         .o = 100,
         .same = true},
        {.n = 2, .h = 9, .w = 11, .c = 3, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .o = 7, .same = true},
        {.n = 2,
         .h = 10,
         .w = 12,
         .c = 5,
         .kh = 5,
         .kw = 4,
         .sh = 2,
         .sw = 3,
         .o = 34,
         .same = true},
        {.n = 2,
         .h = 10,
         .w = 12,
         .c = 5,
         .kh = 5,
         .kw = 4,
         .sh = 3,
         .sw = 2,
         .o = 3,
         .same = false},
        {.n = 2, .h = 8, .w = 9, .c = 4, .kh = 2, .kw = 2, .sh = 2, .sw = 2, .o = 20, .same = true},
        {.n = 1, .h = 8, .w = 9, .c = 4, .kh = 1, .kw = 1, .sh = 2, .sw = 3, .o = 6, .same = true},
        {.n = 2, .h = 7, .w = 7, .c = 2, .kh = 2, .kw = 3, .sh = 4, .sw = 5, .o = 2, .same = true},
        {.n = 2, .h = 7, .w = 7, .c = 2, .kh = 2, .kw = 3, .sh = 4, .sw = 5, .o = 2, .same = false},
        {.n = 17,
         .h = 3,
         .w = 3,
         .c = 8,
         .kh = 3,
         .kw = 3,
         .sh = 1,
         .sw = 1,
         .o = 8,
         .same = false},
        {.n = 1,
         .h = 40,
         .w = 41,
         .c = 3,
         .kh = 7,
         .kw = 7,
         .sh = 2,
         .sw = 2,
         .o = 12,
         .same = true},
    };
    if (i < 0 || i >= (int)(sizeof list / sizeof *list))
        return false;
    *g = list[i];
    windows_settle(g);
    return true;
}

bool windows_sweep(int i, struct geometry *g) {
    static const int64_t windows[][2] = {{1, 1}, {3, 3}, {2, 4}}, strides[][2] = {{1, 1}, {2, 3}};
    static const int64_t dilations[][2] = {{1, 1}, {2, 2}, {3, 1}};
    /* channels, groups, filters: one group, grouped, depthwise with 1 and with 3 filters each */
    static const int64_t channels[][3] = {{3, 1, 4},    {20, 1, 33}, {6, 2, 4}, {12, 4, 36},
                                          {37, 37, 37}, {6, 6, 18},  {1, 1, 7}, {130, 130, 130}};
    /* top, bottom, left, right; wider than a window too */
    static const int64_t pads[][4] = {{0, 0, 0, 0}, {1, 0, 2, 1}, {4, 5, 0, 3}};
    enum { N_WINDOWS = 3, N_STRIDES = 2, N_DILATIONS = 3, N_CHANNELS = 8, N_PADDINGS = 5 };
    if (i < 0 || i >= N_WINDOWS * N_STRIDES * N_DILATIONS * N_CHANNELS * N_PADDINGS)
        return false;
    const int64_t *k = windows[i % N_WINDOWS], *s = strides[i / N_WINDOWS % N_STRIDES];
    const int64_t *d = dilations[i / N_WINDOWS / N_STRIDES % N_DILATIONS];
    const int64_t *c = channels[i / N_WINDOWS / N_STRIDES / N_DILATIONS % N_CHANNELS];
    int padding = i / N_WINDOWS / N_STRIDES / N_DILATIONS / N_CHANNELS;
    *g = (struct geometry){.n = c[0] < 10 ? 3 : 1,
                           .h = 7,
                           .w = 10,
                           .c = c[0],
                           .kh = k[0],
                           .kw = k[1],
                           .sh = s[0],
                           .sw = s[1],
                           .o = c[2],
                           .same = padding == 0,
                           .dh = d[0],
                           .dw = d[1],
                           .groups = c[1],
                           .sized = padding > 1};
    if (g->sized) {
        const int64_t *p = pads[padding - 2];
        g->top = p[0], g->bottom = p[1], g->left = p[2], g->right = p[3];
    }
    windows_settle(g);
    return true;
}

void windows_visit(const struct geometry *g, void (*visit)(void *context, const struct touch *t),
                   void *context) {
    for (int64_t i = 0; i < g->n * g->oh * g->ow; i++) {
        int64_t image = i / g->ow / g->oh, row = i / g->ow % g->oh, column = i % g->ow;
        bool first = true;
        for (int64_t tap = 0; tap < g->kh * g->kw; tap++) {
            int64_t y = row * g->sh - g->top + tap / g->kw * g->dh,
                    x = column * g->sw - g->left + tap % g->kw * g->dw;
            if (y < 0 || y >= g->h || x < 0 || x >= g->w)
                continue;
            visit(context,
                  &(struct touch){((image * g->h + y) * g->w + x) * g->c, i * g->o, tap, first});
            first = false;
        }
    }
}
