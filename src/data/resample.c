/* Resizing by a triangle filter, first along the rows, then along the columns: bilinear
 * interpolation when an image grows, and a weighted mean of all that a pixel covers when it shrinks
 * (the filter is stretched then), so that nothing of the original is passed over.
 *
 * Not for: resizing in the graph (ops/resize.c). */
#include "data/resample.h"

#include <math.h>
#include <stdlib.h>

/* Which elements an element of the result is made of. */
struct reach {
    int64_t first, n;
};

/* Fills weight[to][most] and reach[to] for `from` elements becoming `to`. */
static void make_weights(int64_t from, int64_t to, int64_t most, float *weight,
                         struct reach *reach) {
    double scale = (double)from / (double)to, width = scale > 1 ? scale : 1;
    for (int64_t i = 0; i < to; i++) {
        double centre = ((double)i + 0.5) * scale, total = 0;
        int64_t first = (int64_t)floor(centre - width), last = (int64_t)ceil(centre + width);
        first = first < 0 ? 0 : first;
        last = last > from ? from : last;
        reach[i] = (struct reach){first, last - first < most ? last - first : most};
        float *w = weight + i * most;
        for (int64_t k = 0; k < reach[i].n; k++) {
            double distance = fabs(((double)(first + k) + 0.5 - centre) / width);
            w[k] = distance < 1 ? (float)(1 - distance) : 0;
            total += (double)w[k];
        }
        for (int64_t k = 0; k < reach[i].n; k++)
            w[k] /= (float)total;
    }
}

struct axis {
    int64_t from, to, most;
    float *weight;
    struct reach *reach;
};

static bool axis_open(struct axis *a, int64_t from, int64_t to) {
    double scale = (double)from / (double)to;
    int64_t most = (int64_t)ceil(scale > 1 ? scale : 1) * 2 + 2;
    *a = (struct axis){.from = from, .to = to, .most = most};
    a->weight = calloc((size_t)(to * a->most), sizeof *a->weight);
    a->reach = calloc((size_t)to, sizeof *a->reach);
    if (!a->weight || !a->reach)
        return false;
    make_weights(from, to, a->most, a->weight, a->reach);
    return true;
}

static void axis_close(struct axis *a) {
    free(a->weight);
    free(a->reach);
}

static void along_row(const uint8_t *from, const struct axis *a, int channels, float *to) {
    for (int64_t x = 0; x < a->to; x++)
        for (int c = 0; c < channels; c++) {
            const float *w = a->weight + x * a->most;
            const uint8_t *pixel = from + a->reach[x].first * channels + c;
            float sum = 0;
            for (int64_t k = 0; k < a->reach[x].n; k++)
                sum += w[k] * (float)pixel[k * channels];
            to[x * channels + c] = sum;
        }
}

bool resample_image(const uint8_t *from, int64_t h, int64_t w, int channels, uint8_t *to,
                    int64_t to_h, int64_t to_w) {
    struct axis rows = {0}, columns = {0};
    int64_t row = to_w * channels;
    float *half = malloc((size_t)(h * row) * sizeof *half);
    bool ok = half && axis_open(&columns, w, to_w) && axis_open(&rows, h, to_h);
    for (int64_t y = 0; ok && y < h; y++)
        along_row(from + y * w * channels, &columns, channels, half + y * row);
    for (int64_t y = 0; ok && y < to_h; y++)
        for (int64_t x = 0; x < row; x++) {
            const float *weight = rows.weight + y * rows.most;
            const float *element = half + rows.reach[y].first * row + x;
            float sum = 0;
            for (int64_t k = 0; k < rows.reach[y].n; k++)
                sum += weight[k] * element[k * row];
            to[y * row + x] = (uint8_t)(sum + 0.5f);
        }
    axis_close(&rows);
    axis_close(&columns);
    free(half);
    return ok;
}
