/* PNG images: what their headers say, and their pixels as bytes. */
#ifndef NN_DATA_PNG_H
#define NN_DATA_PNG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/os.h"

struct png_size {
    int64_t height, width;
    int channels; /* 1: gray, 2: gray and alpha, 3: RGB or a palette, 4: with alpha */
};

enum { PNG_FAULT = OS_FAULT };

/* Reads as much of a file as says how large its image is; touches no pixel. false: why says what
 * is wrong, a phrase that follows the path. */
bool png_read_size(const char *path, struct png_size *out, char why[PNG_FAULT]);

/* libpng, opened at run time, so that a program that reads no image does not load it. */
struct png_library;
struct png_library *png_open(void); /* NULL: it is not to be had; free() closes it */

/* The image of a file's bytes [n] as out[height][width][channels], which must be of the size that
 * it has; channels 1 to 4. Deeper samples are rounded to 8 bits. Fewer channels than there are:
 * colours become their luminance, transparent pixels lie on black. false: why says what is
 * wrong. */
bool png_decode(struct png_library *l, const void *bytes, int64_t n, const struct png_size *size,
                uint8_t *out, char why[PNG_FAULT]);

#endif
