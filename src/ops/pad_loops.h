/* The gradient of pad for one element type; included once for each, with REAL and R(name)
 * defined. */

static void R(add)(const REAL *restrict from, int64_t n, REAL *restrict to) {
    for (int64_t k = 0; k < n; k++)
        to[k] += from[k];
}

/* Adds a row of dy to the row of dx that it is a copy of. */
static void R(add_row)(const struct pad *p, const struct pad_axis *last, const REAL *dy, REAL *dx) {
    R(add)(dy + last->before * p->inner, last->from * p->inner, dx);
    for (int64_t i = 0; i < last->to; i++) {
        if (i == last->before)
            i += last->from;
        if (i < last->to && last->map[i] >= 0)
            R(add)(dy + i * p->inner, p->inner, dx + last->map[i] * p->inner);
    }
}

/* Rows [begin, end) of dx: each is the sum of its copies, over all combinations of the outer axes'
 * in their order. */
static void R(gradient_rows)(const struct pad *p, const REAL *dy, REAL *dx, int64_t begin,
                             int64_t end) {
    const struct pad_axis *last = &p->axis[p->rank - 1];
    int outer = p->rank - 1;
    for (int64_t row = begin; row < end; row++) {
        REAL *to = dx + row * last->from * p->inner;
        memset(to, 0, (size_t)(last->from * p->inner) * sizeof(REAL));
        int64_t at[MAX_RANK], which[MAX_RANK] = {0}, rest = row;
        for (int i = outer - 1; i >= 0; rest /= p->axis[i--].from)
            at[i] = rest % p->axis[i].from;
        for (int i = 0; i >= 0;) {
            int64_t source = 0;
            for (int k = 0; k < outer; k++)
                source =
                    source * p->axis[k].to + p->axis[k].copies[p->axis[k].first[at[k]] + which[k]];
            R(add_row)(p, last, dy + source * last->to * p->inner, to);
            /* the next combination; every element has one copy at least, itself */
            for (i = outer - 1; i >= 0; i--) {
                if (++which[i] < p->axis[i].first[at[i] + 1] - p->axis[i].first[at[i]])
                    break;
                which[i] = 0;
            }
        }
    }
}
