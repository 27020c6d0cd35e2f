/* Resizing for one element type; included once for each, with REAL and R(name) defined. */

/* Rows [begin, end) of the result, counted over all images. */
static void R(resize_rows)(const struct resize *r, const REAL *x, REAL *y, int64_t begin,
                           int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        const struct blend *i = &r->rows[row % r->oh];
        const REAL *image = x + row / r->oh * r->h * r->w * r->c;
        const REAL *upper = image + i->low * r->w * r->c, *lower = image + i->high * r->w * r->c;
        REAL *restrict to = y + row * r->ow * r->c;
        for (int64_t column = 0; column < r->ow; column++, to += r->c) {
            const struct blend *j = &r->columns[column];
            const REAL *a = upper + j->low * r->c, *b = upper + j->high * r->c;
            const REAL *c = lower + j->low * r->c, *d = lower + j->high * r->c;
            if (r->nearest) {
                memcpy(to, a, (size_t)r->c * sizeof(REAL));
                continue;
            }
            REAL down = (REAL)i->high_weight, right = (REAL)j->high_weight;
            for (int64_t k = 0; k < r->c; k++) {
                REAL top = a[k] + (b[k] - a[k]) * right, bottom = c[k] + (d[k] - c[k]) * right;
                to[k] = top + (bottom - top) * down;
            }
        }
    }
}

static void R(add_scaled)(REAL scale, const REAL *restrict from, int64_t n, REAL *restrict to) {
    for (int64_t k = 0; k < n; k++)
        to[k] += scale * from[k];
}

/* Rows [begin, end) of the image's gradient, counted over all images: a row collects the rows of dy
 * that were made of it. */
static void R(gather_rows)(const struct resize *r, const REAL *dy, REAL *dx, int64_t begin,
                           int64_t end) {
    for (int64_t row = begin; row < end; row++) {
        int64_t y = row % r->h;
        REAL *to = dx + row * r->w * r->c;
        memset(to, 0, (size_t)(r->w * r->c) * sizeof(REAL));
        for (int64_t i = r->first[max_i64(0, y - 1)]; i < r->first[y + 1]; i++) {
            const struct blend *p = &r->rows[i];
            double share =
                (p->low == y ? 1 - p->high_weight : 0) + (p->high == y ? p->high_weight : 0);
            const REAL *from = dy + (row / r->h * r->oh + i) * r->ow * r->c;
            for (int64_t j = 0; j < r->ow && share != 0; j++, from += r->c) {
                const struct blend *q = &r->columns[j];
                R(add_scaled)
                ((REAL)(share * (1 - q->high_weight)), from, r->c, to + q->low * r->c);
                if (q->high_weight > 0)
                    R(add_scaled)
                ((REAL)(share * q->high_weight), from, r->c, to + q->high * r->c);
            }
        }
    }
}
