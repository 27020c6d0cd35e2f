/* Laying out the dense gradient for one element type; included once for each, with REAL and R(name)
 * defined. */

/* The images [begin, end) of d[n,h,w,c], g the pooling's window over it. */
static void R(lay_out)(const struct window *g, const REAL *dk, const uint8_t *winner, REAL *d,
                       int64_t begin, int64_t end) {
    int64_t size = g->h * g->w * g->c, pooled = g->oh * g->ow * g->c;
    memset(d + begin * size, 0, (size_t)((end - begin) * size) * sizeof(REAL));
    for (int64_t image = begin; image < end; image++)
        for (int64_t i = 0; i < g->oh; i++)
            for (int64_t j = 0; j < g->ow; j++) {
                int64_t from = image * pooled + (i * g->ow + j) * g->c;
                int64_t y = i * g->sh - g->top, x = j * g->sw - g->left;
                for (int64_t k = 0; k < g->c; k++) {
                    int64_t place = winner[from + k];
                    int64_t at = (y + place / g->kw) * g->w + x + place % g->kw;
                    if (dk[from + k] != 0)
                        d[image * size + at * g->c + k] += dk[from + k];
                }
            }
}
