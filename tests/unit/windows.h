/* Sliding windows for tests of convolution and pooling: geometries, and each op by naive loops in
 * double. */
#ifndef NN_TESTS_WINDOWS_H
#define NN_TESTS_WINDOWS_H

#include "kernelrun.h"

/* Image [n,h,w,c], window kh x kw, strides, channels out (pooling: c), padding; dilation and groups
 * 1 when left 0. */
struct geometry {
    int64_t n, h, w, c, kh, kw, sh, sw, o;
    bool same;
    int64_t dh, dw, groups;
    bool sized; /* padding in sizes: top, bottom, left, right */
    int64_t bottom, right;
    int64_t top, left; /* these, and those below, are filled in by windows_settle */
    int64_t oh, ow;
};

void windows_settle(struct geometry *g);
const char *windows_text(const struct geometry *g, char *buf, size_t n_buf);

/* The i-th of many odd geometries, settled; false when there are no more. */
bool windows_next(int i, struct geometry *g);

/* The same for every combination of small windows, strides, dilations, groups and paddings that
 * has a position. */
bool windows_sweep(int i, struct geometry *g);

/* The padding setting. */
struct attr windows_padding(const struct geometry *g);

/* A position and a tap that fall on the image, as element numbers. */
struct touch {
    int64_t image;  /* of x, at channel 0 */
    int64_t result; /* of y, at channel 0 */
    int64_t tap;    /* ky * kw + kx */
    bool first;     /* of its position */
};
void windows_visit(const struct geometry *g, void (*visit)(void *context, const struct touch *t),
                   void *context);

#endif
