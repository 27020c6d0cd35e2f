/* See windows.h. */
#include <stdio.h>

#include "windows.h"

static void settle_axis(int64_t in, int64_t k, int64_t stride, bool same, int64_t *out,
                        int64_t *before) {
    *out = same ? (in + stride - 1) / stride : (in - k) / stride + 1;
    int64_t padding = (*out - 1) * stride + k - in;
    *before = same && padding > 0 ? padding / 2 : 0;
}

void windows_settle(struct geometry *g) {
    settle_axis(g->h, g->kh, g->sh, g->same, &g->oh, &g->top);
    settle_axis(g->w, g->kw, g->sw, g->same, &g->ow, &g->left);
}

const char *windows_text(const struct geometry *g, char *buf, size_t n_buf) {
    snprintf(buf, n_buf, "[%d,%d,%d,%d] window %dx%d strides %d,%d to %d channels, %s", (int)g->n,
             (int)g->h, (int)g->w, (int)g->c, (int)g->kh, (int)g->kw, (int)g->sh, (int)g->sw,
             (int)g->o, g->same ? "SAME" : "VALID");
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

void windows_visit(const struct geometry *g, void (*visit)(void *context, const struct touch *t),
                   void *context) {
    for (int64_t i = 0; i < g->n * g->oh * g->ow; i++) {
        int64_t image = i / g->ow / g->oh, row = i / g->ow % g->oh, column = i % g->ow;
        bool first = true;
        for (int64_t tap = 0; tap < g->kh * g->kw; tap++) {
            int64_t y = row * g->sh - g->top + tap / g->kw,
                    x = column * g->sw - g->left + tap % g->kw;
            if (y < 0 || y >= g->h || x < 0 || x >= g->w)
                continue;
            visit(context,
                  &(struct touch){((image * g->h + y) * g->w + x) * g->c, i * g->o, tap, first});
            first = false;
        }
    }
}
