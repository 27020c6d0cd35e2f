/* The loops of conv_epilogue.h for one element type; included once for each, with REAL, REAL_BYTES,
 * TAG and R(name) defined, after ops/math.h. */

/* As many whole numbers as a vector has lanes: the places of winners, and the masks that
 * comparisons give. */
#if REAL_BYTES == 4
typedef int32_t R(places) __attribute__((vector_size(VECTOR_BYTES)));
#else
typedef int64_t R(places) __attribute__((vector_size(VECTOR_BYTES)));
#endif
typedef uint8_t R(bytes) __attribute__((vector_size(VECTOR_BYTES / REAL_BYTES)));

ALWAYS_INLINE R(vector) R(choose)(R(places) mask, R(vector) a, R(vector) b) {
    return (R(vector))(((R(places))a & mask) | ((R(places))b & ~mask));
}

/* One window of one vector of channels: `from` is its first tap's, n_rows x n_columns taps of it
 * exist, the first of them at place `first` of the window. */
ALWAYS_INLINE void R(window_largest)(const int64_t n_rows, const int64_t n_columns,
                                     const bool relu, const bool places,
                                     const struct conv_epilogue *e, const REAL *from,
                                     int64_t width, R(vector) bias, int first, R(vector) * y,
                                     R(places) * winner) {
    R(vector) most = *(const R(loose) *)from + bias;
    R(places) at = (R(places)){0} + first;
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t j = 0; j < n_columns; j++) {
            if (i == 0 && j == 0)
                continue;
            R(vector) x = *(const R(loose) *)(from + (i * e->pool.w + j) * width) + bias;
            R(places) larger = (x > most) | ((x != x) & (most == most));
            most = R(choose)(larger, x, most);
            if (places)
                at = (larger & ((R(places)){0} + (int)(first + i * e->pool.kw + j))) |
                     (at & ~larger);
        }
    /* elements below 0 would all have been 0, and the first of them the winner */
    if (relu) {
        R(places) alive = (most > (R(vector)){0}) | (most != most);
        most = R(choose)(alive, most, (R(vector)){0});
        if (places)
            at = (at & alive) | (((R(places)){0} + first) & ~alive);
    }
    *y = most;
    *winner = at;
}

/* A pooled element of all channels. `from`: the first tap that exists; y, winner: the element's
 * first channel. bias: whole vectors. */
ALWAYS_INLINE void R(pool_element)(const int64_t n_rows, const int64_t n_columns, const bool relu,
                                   const bool places, const struct conv_epilogue *e,
                                   const REAL *from, int64_t width, const REAL *bias, int first,
                                   int64_t channels, REAL *y, uint8_t *winner) {
    enum { L = R(N_LANES) };
    for (int64_t k = 0; k < channels; k += L) {
        R(vector) most;
        R(places) at;
        R(window_largest)
        (n_rows, n_columns, relu, places, e, from + k, width, *(const R(loose) *)(bias + k), first,
         &most, &at);
        if (k + L <= channels) {
            *(R(loose) *)(y + k) = most;
            if (places) {
                R(bytes) small = __builtin_convertvector(at, R(bytes));
                memcpy(winner + k, &small, sizeof small);
            }
            continue;
        }
        for (int64_t l = 0; l < channels - k; l++) {
            y[k + l] = most[l];
            if (places)
                winner[k + l] = (uint8_t)at[l];
        }
    }
}

/* Pooled row p. rows: the convolution's from row `low` on. */
ALWAYS_INLINE void R(pool_row)(const bool relu, const bool places, const struct conv_epilogue *e,
                               int64_t p, const REAL *rows, int64_t low, int64_t width,
                               const REAL *bias, const struct conv_target *to) {
    const struct window *g = &e->pool;
    int64_t y0, y1, x0, x1;
    window_taps(p, g->sh, g->top, g->kh, g->h, &y0, &y1);
    const REAL *row = rows + (p * g->sh - g->top + y0 - low) * g->w * width;
    bool two_by_two = g->kw == 2 && y1 - y0 == 2;
    for (int64_t j = 0; j < g->ow; j++) {
        window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
        const REAL *from = row + (j * g->sw - g->left + x0) * width;
        REAL *y = (REAL *)to->y + (p * g->ow + j) * g->o;
        uint8_t *winner = places ? to->winner + (p * g->ow + j) * g->o : NULL;
        int first = (int)(y0 * g->kw + x0);
        if (two_by_two && x1 - x0 == 2)
            R(pool_element)
            (2, 2, relu, places, e, from, width, bias, first, to->channels, y, winner);
        else
            R(pool_element)
            (y1 - y0, x1 - x0, relu, places, e, from, width, bias, first, to->channels, y, winner);
    }
}

static void R(pool_row_any)(const struct conv_epilogue *e, int64_t p, const REAL *rows, int64_t low,
                            int64_t width, const REAL *bias, const struct conv_target *to) {
    bool relu = e->activation == ACTIVATION_RELU;
    if (to->winner && relu)
        R(pool_row)(true, true, e, p, rows, low, width, bias, to);
    else if (to->winner)
        R(pool_row)(false, true, e, p, rows, low, width, bias, to);
    else if (relu)
        R(pool_row)(true, false, e, p, rows, low, width, bias, to);
    else
        R(pool_row)(false, false, e, p, rows, low, width, bias, to);
}

/* Bias and an activation that costs more than to look at an element, in place, once. */
static void R(activate)(const struct conv_epilogue *e, int64_t n_pixels, REAL *restrict x,
                        int64_t width, const REAL *restrict bias, int64_t channels) {
    bool tanh = e->activation == ACTIVATION_TANH;
    for (int64_t i = 0; i < n_pixels; i++, x += width) {
        if (tanh)
            for (int64_t k = 0; k < channels; k++)
                x[k] = KM(tanh)(x[k] + bias[k]);
        else
            for (int64_t k = 0; k < channels; k++)
                x[k] = KM(sigmoid)(x[k] + bias[k]);
    }
}

/* The block's bias as whole vectors in room[n]; where there is none, -0, which changes nothing. */
static void R(lay_bias)(const REAL *bias, int64_t channels, REAL *room, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        room[k] = bias && k < channels ? bias[k] : (REAL)-0.0;
}

/* The largest block of channels that conv_band_push takes. */
enum { R(MOST_CHANNELS) = 4096 / REAL_BYTES };

/* n more rows are in scratch: makes the pooled rows that are now complete. */
static void R(conv_band_push)(const struct conv_epilogue *e, struct conv_band *b, int64_t n,
                              REAL *rows, int64_t width, const struct conv_target *to) {
    REAL bias[R(MOST_CHANNELS)];
    int64_t n_bias = (to->channels + R(N_LANES) - 1) / R(N_LANES) * R(N_LANES), first, end;
    R(lay_bias)(to->bias, to->channels, bias, n_bias);
    if (e->activation == ACTIVATION_TANH || e->activation == ACTIVATION_SIGMOID) {
        R(activate)
        (e, n * e->pool.w, rows + conv_band_filled(e, b, width), width, bias, to->channels);
        R(lay_bias)(NULL, 0, bias, n_bias);
    }
    b->high += n;
    while (b->next < b->end) {
        conv_epilogue_rows(e, b->next, &first, &end);
        if (end > b->high)
            break;
        R(pool_row_any)(e, b->next, rows, b->low, width, bias, to);
        b->next++;
    }
    if (b->next == b->end)
        return;
    conv_epilogue_rows(e, b->next, &first, &end);
    int64_t row = e->pool.w * width;
    if (first > b->low && first < b->high)
        memmove(rows, rows + (first - b->low) * row,
                (size_t)((b->high - first) * row) * sizeof(REAL));
    b->low = max_i64(b->low, first);
    b->high = max_i64(b->high, first);
}
