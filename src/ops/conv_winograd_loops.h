/* The maps of one form of Winograd's convolution that depend on the form; included once for each,
 * with OUT, TAPS (the form is F(OUT x OUT, TAPS x TAPS)) and W(name) defined. */

/* A line of the filter as a polynomial at the points, divided by what interpolation divides by. */
ALWAYS_INLINE void W(map_filter)(const vector_f32 *g, const int step, vector_f32 *t) {
    vector_f32 even = g[0] + g[2 * step], odd = g[step];
    vector_f32 even_2 = g[0] + 4.0f * g[2 * step], odd_2 = 2.0f * g[step];
#if TAPS == 5
    even += g[4 * step], odd += g[3 * step];
    even_2 += 16.0f * g[4 * step], odd_2 += 8.0f * g[3 * step];
#endif
    t[0] = 0.25f * g[0];
    t[1] = (even + odd) * (-1 / 6.0f);
    t[2] = (even - odd) * (-1 / 6.0f);
    t[3] = (even_2 + odd_2) * (1 / 24.0f);
    t[4] = (even_2 - odd_2) * (1 / 24.0f);
    t[5] = g[(TAPS - 1) * step];
}

/* From the products at the points to a line of outputs. */
ALWAYS_INLINE void W(map_output)(const vector_f32 *t, vector_f32 *y) {
    vector_f32 even = t[1] + t[2], odd = t[1] - t[2];
    vector_f32 even_2 = t[3] + t[4], odd_2 = t[3] - t[4];
    y[0] = t[0] + even + even_2;
#if OUT == 2
    y[1] = odd + 2.0f * odd_2 + t[5];
#else
    y[1] = odd + 2.0f * odd_2;
    y[2] = even + 4.0f * even_2;
    y[3] = odd + 8.0f * odd_2 + t[5];
#endif
}

/* One channel of the image and one block of channels of the result: taps[TAPS * TAPS][two vectors]
 * to `to`, whose points are point_step apart. */
static void W(transform_filter)(const float *taps, float *to, int64_t point_step) {
    for (int64_t v = 0; v < 2; v++, taps += N_LANES_f32, to += N_LANES_f32) {
        vector_f32 tap[TAPS * TAPS], column[IN], half[IN * TAPS], line[IN];
        UNROLL(25)
        for (int i = 0; i < TAPS * TAPS; i++)
            tap[i] = load(taps + i * 2 * N_LANES_f32);
        UNROLL(5)
        for (int j = 0; j < TAPS; j++) {
            W(map_filter)(tap + j, TAPS, column);
            UNROLL(6)
            for (int i = 0; i < IN; i++)
                half[i * TAPS + j] = column[i];
        }
        UNROLL(6)
        for (int i = 0; i < IN; i++) {
            W(map_filter)(half + i * TAPS, 1, line);
            UNROLL(6)
            for (int j = 0; j < IN; j++)
                store(to + (i * IN + j) * point_step, line[j]);
        }
    }
}

/* One vector of channels of the tile's outputs, from its sums of products. */
ALWAYS_INLINE void W(transform_output)(const float *sums, int64_t point_step, vector_f32 *y) {
    vector_f32 column[IN], mapped[OUT], half[OUT * IN];
    UNROLL(6)
    for (int j = 0; j < IN; j++) {
        UNROLL(6)
        for (int i = 0; i < IN; i++)
            column[i] = load(sums + (i * IN + j) * point_step);
        W(map_output)(column, mapped);
        UNROLL(4)
        for (int i = 0; i < OUT; i++)
            half[i * IN + j] = mapped[i];
    }
    UNROLL(4)
    for (int i = 0; i < OUT; i++)
        W(map_output)(half + i * IN, y + i * OUT);
}

/* `rows` x `columns` outputs of a tile, and of each `channels` from `y` on, with y's own steps.
 * false: some of them are not finite. */
static bool W(store_outputs)(const float *sums, int64_t block_step, int64_t point_step, float *y,
                             int64_t row, int64_t column, int rows, int columns, int64_t channels) {
    vector_f32 nothing = {0};
    for (int64_t c = 0; c < channels; c += N_LANES_f32) {
        vector_f32 out[OUT * OUT];
        W(transform_output)
        (sums + c / (2 * N_LANES_f32) * block_step + c % (2 * N_LANES_f32), point_step, out);
        UNROLL(4)
        for (int i = 0; i < OUT; i++)
            UNROLL(4)
        for (int j = 0; j < OUT; j++) {
            if (i >= rows || j >= columns)
                continue;
            nothing += out[i * OUT + j] - out[i * OUT + j];
            store_some(y + i * row + j * column + c, out[i * OUT + j], channels - c);
        }
    }
    return all_zero(nothing);
}
