/* Images of bytes in another size. */
#ifndef NN_DATA_RESAMPLE_H
#define NN_DATA_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* from[h][w][channels] as to[to_h][to_w][channels]: linear between the centres of pixels, and where
 * the image becomes smaller over as many pixels as one of the result covers. false: no memory. */
bool resample_image(const uint8_t *from, int64_t h, int64_t w, int channels, uint8_t *to,
                    int64_t to_h, int64_t to_w);

#endif
