/* PNG by libpng's simplified interface. What is promised stands in png.h.
 *
 * A header is read without libpng: the size stands in the first chunk, and whether a palette or a
 * colour is transparent in one before the first of pixels. What it announces is believed only as
 * far as the file's bytes can account for it: a pixel takes a bit at least, and deflate cannot
 * shrink data to less than 1/1032. */
#include "data/png.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

enum { MAX_DEFLATE_RATIO = 1032, HEADER_BYTES = 33, CHUNK_HEAD_BYTES = 8, CHUNK_CRC_BYTES = 4 };

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Whether a tRNS chunk comes before the pixels, from the chunk at `at` on. */
static bool has_transparency(int fd, off_t at) {
    uint8_t head[CHUNK_HEAD_BYTES];
    while (pread(fd, head, sizeof head, at) == sizeof head) {
        if (memcmp(head + 4, "IDAT", 4) == 0)
            return false;
        if (memcmp(head + 4, "tRNS", 4) == 0)
            return true;
        at += CHUNK_HEAD_BYTES + (off_t)big_endian(head) + CHUNK_CRC_BYTES;
    }
    return false;
}

static const char *read_header(int fd, int64_t n_bytes, struct png_size *out) {
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t head[HEADER_BYTES];
    if (n_bytes == 0)
        return "is empty";
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 8 || memcmp(head, signature, sizeof signature) != 0)
        return "is no PNG image, whatever its name says";
    if (n < HEADER_BYTES || memcmp(head + 12, "IHDR", 4) != 0)
        return "is truncated: its header is not whole";
    out->width = big_endian(head + 16);
    out->height = big_endian(head + 20);
    int colour = head[25];
    if (out->width == 0 || out->height == 0 || out->width > INT32_MAX || out->height > INT32_MAX ||
        colour > 6 || colour == 1 || colour == 5)
        return "has an impossible header";
    if (out->width * out->height / 8 / MAX_DEFLATE_RATIO > n_bytes)
        return "announces more pixels than its bytes can hold";
    bool gray = colour == 0 || colour == 4;
    bool alpha = colour == 4 || colour == 6 || has_transparency(fd, HEADER_BYTES);
    out->channels = (gray ? 1 : 3) + alpha;
    return NULL;
}

bool png_read_size(const char *path, struct png_size *out, char why[PNG_FAULT]) {
    int64_t n_bytes;
    int fd = os_open_file(path, &n_bytes, why);
    if (fd < 0)
        return false;
    const char *fault = read_header(fd, n_bytes, out);
    if (fault)
        snprintf(why, PNG_FAULT, "%s", fault);
    close(fd);
    return fault == NULL;
}

struct png_library {
    __typeof__(png_image_begin_read_from_memory) *begin;
    __typeof__(png_image_finish_read) *finish;
    __typeof__(png_image_free) *free;
};

struct png_library *png_open(void) {
    struct png_library *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    const struct os_function functions[] = {
        {"png_image_begin_read_from_memory", &l->begin},
        {"png_image_finish_read", &l->finish},
        {"png_image_free", &l->free},
    };
    if (os_load_library("libpng16.so.16", functions, sizeof functions / sizeof *functions))
        return l;
    free(l);
    return NULL;
}

bool png_decode(struct png_library *l, const void *bytes, int64_t n, const struct png_size *size,
                uint8_t *out, char why[PNG_FAULT]) {
    static const png_uint_32 formats[] = {0, PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                          PNG_FORMAT_RGBA};
    static const png_color black = {0, 0, 0};
    png_image image = {.version = PNG_IMAGE_VERSION};
    why[0] = 0;
    bool ok = l->begin(&image, bytes, (size_t)n) != 0;
    if (ok && (image.width != size->width || image.height != size->height)) {
        snprintf(why, PNG_FAULT, "was changed while it was read");
        ok = false;
    } else if (ok) {
        image.format = formats[size->channels];
        image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
        ok = l->finish(&image, &black, out, (png_int_32)(size->width * size->channels), NULL) != 0;
    }
    if (!ok && !why[0])
        snprintf(why, PNG_FAULT, "is corrupt: libpng says \"%s\"", image.message);
    l->free(&image);
    return ok;
}
