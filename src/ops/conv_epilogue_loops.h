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

/* One window of one vector of channels: `from` is the first of its n_rows x n_columns taps, which
 * is at place `first` of the window and `kw` places above the one below. */
ALWAYS_INLINE R(vector) R(window_largest)(const int64_t n_rows, const int64_t n_columns,
                                          const bool relu, const bool places, const REAL *from,
                                          int64_t row, int64_t width, R(vector) bias, int first,
                                          int kw, R(places) * winner) {
    R(vector) most = *(const R(loose) *)from + bias;
    R(places) none = {0}, at = none + first;
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t j = i == 0; j < n_columns; j++) {
            R(vector) x = *(const R(loose) *)(from + i * row + j * width) + bias;
            R(places) larger = ~(x <= most) & (most == most);
            most = R(choose)(larger, x, most);
            if (places)
                at = ((none + (first + (int)(i * kw + j))) & larger) | (at & ~larger);
        }
    /* elements below 0 would all have been 0, and the first of them the winner */
    if (relu) {
        R(places) alive = ~(most <= (R(vector)){0});
        most = R(choose)(alive, most, (R(vector)){0});
        if (places)
            at = (at & alive) | ((none + first) & ~alive);
    }
    *winner = at;
    return most;
}

/* n neighbours of a pooled row that have as many taps each, all channels. `from`: the first tap of
 * the first; y, winner: its first channel. bias: whole vectors. */
ALWAYS_INLINE void R(pool_some)(const int64_t n_rows, const int64_t n_columns, const bool relu,
                                const bool places, const struct window *g, int64_t n,
                                const REAL *from, int64_t width, const REAL *bias, int first,
                                int kw, int64_t channels, REAL *y, uint8_t *winner) {
    enum { L = R(N_LANES) };
    int64_t row = g->w * width, step = g->sw * width, o = g->o;
    for (int64_t k = 0; k < channels; k += L) {
        R(vector) b = *(const R(loose) *)(bias + k);
        for (int64_t j = 0; j < n; j++) {
            R(places) at;
            R(vector) most = R(window_largest)(n_rows, n_columns, relu, places, from + j * step + k,
                                               row, width, b, first, kw, &at);
            REAL *to = y + j * o + k;
            if (k + L <= channels) {
                *(R(loose) *)to = most;
                if (places) {
                    R(bytes) small = __builtin_convertvector(at, R(bytes));
                    memcpy(winner + j * o + k, &small, sizeof small);
                }
                continue;
            }
            for (int64_t l = 0; l < channels - k; l++) {
                to[l] = most[l];
                if (places)
                    winner[j * o + k + l] = (uint8_t)at[l];
            }
        }
    }
}

/* Pooled row p. rows: the convolution's from row `low` on. Columns whose windows lie in the image
 * are done together. */
ALWAYS_INLINE void R(pool_row)(const bool relu, const bool places, const struct window *g,
                               int64_t p, const REAL *rows, int64_t low, int64_t width,
                               const REAL *bias, const struct conv_target *to) {
    int64_t y0, y1, x0, x1, whole = min_i64(g->ow, ceil_div(g->left, g->sw)), end = whole;
    window_taps(p, g->sh, g->top, g->kh, g->h, &y0, &y1);
    if (g->w + g->left >= g->kw)
        end = max_i64(whole, min_i64(g->ow, (g->w + g->left - g->kw) / g->sw + 1));
    const REAL *row = rows + (p * g->sh - g->top + y0 - low) * g->w * width;
    for (int64_t j = 0, n; j < g->ow; j += n) {
        n = j == whole && end > whole ? end - whole : 1;
        window_taps(j, g->sw, g->left, g->kw, g->w, &x0, &x1);
        const REAL *from = row + (j * g->sw - g->left + x0) * width;
        REAL *y = (REAL *)to->y + (p * g->ow + j) * g->o;
        uint8_t *winner = places ? to->winner + (p * g->ow + j) * g->o : NULL;
        int first = (int)(y0 * g->kw + x0);
        bool full = x1 - x0 == g->kw && g->kw == y1 - y0;
#define POOL_SOME(rows_, columns_, kw_)                                                            \
    R(pool_some)                                                                                   \
    (rows_, columns_, relu, places, g, n, from, width, bias, first, kw_, to->channels, y, winner)
        if (full && g->kw == 1)
            POOL_SOME(1, 1, 1);
        else if (full && g->kw == 2)
            POOL_SOME(2, 2, 2);
        else if (full && g->kw == 3)
            POOL_SOME(3, 3, 3);
        else
            POOL_SOME(y1 - y0, x1 - x0, (int)g->kw);
#undef POOL_SOME
    }
}

static void R(pool_row_any)(const struct conv_epilogue *e, int64_t p, const REAL *rows, int64_t low,
                            int64_t width, const REAL *bias, const struct conv_target *to) {
    bool relu = e->activation == ACTIVATION_RELU;
    if (to->winner && relu)
        R(pool_row)(true, true, &e->pool, p, rows, low, width, bias, to);
    else if (to->winner)
        R(pool_row)(false, true, &e->pool, p, rows, low, width, bias, to);
    else if (relu)
        R(pool_row)(true, false, &e->pool, p, rows, low, width, bias, to);
    else
        R(pool_row)(false, false, &e->pool, p, rows, low, width, bias, to);
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
