/* pad and its gradient: elements added before and after along each axis.
 *
 * In: a tensor of any rank and dtype, [before, after] for each axis, a mode. Out: larger by that
 * much. "constant" adds a value; "reflect" mirrors at the edge, whose own element is not repeated
 * (so an axis needs more elements than are added on a side); "edge" repeats the edge's element. The
 * corners are what padding one axis after the other gives. The gradient adds up, for each element,
 * those that are copies of it, and so is the transposed map; the two are each other's gradients.
 *
 * Method: for each axis a table says which element of x an element of the result is, or none. Rows
 * along the last padded axis are copied in one piece but for their ends. Promises the same bits at
 * any number of threads: a unit is a number of rows of what is written. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

static const char *const modes[] = {"constant", "reflect", "edge"};

static bool check_mode(struct shape_call *c, const char *mode) {
    static const char *const aliases[][2] = {
        {"zero", "constant"},
        {"zeros", "constant"},
        {"mirror", "reflect"},
        {"replicate", "edge"},
    };
    for (int i = 0; i < 3; i++)
        if (!strcmp(mode, modes[i]))
            return true;
    shape_refuse(c, E_OUT_OF_RANGE,
                 "%s: mode is \"constant\", \"reflect\" or \"edge\", not \"%.40s\"", c->spelling,
                 mode);
    const char *near = nearest_name(mode, modes, 3);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (!strcmp(mode, aliases[i][0]))
            near = aliases[i][1];
    if (near)
        shape_help(c, "did you mean \"%s\"?", near);
    return false;
}

/* A slice that takes away what negative paddings would: "x[:, 1:-2]". */
static void help_slice(struct shape_call *c, const int64_t *v, int rank) {
    char text[128] = "";
    size_t n = 0;
    for (int i = 0; i < rank && n < sizeof text - 48; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", i ? ", " : "");
        if (v[2 * i] < 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%" PRIu64, 0 - (uint64_t)v[2 * i]);
        n += (size_t)snprintf(text + n, sizeof text - n, ":");
        if (v[2 * i + 1] < 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%" PRId64, v[2 * i + 1]);
    }
    shape_help(c, "a slice takes elements away: x[%s]", text);
}

/* One pair for every axis becomes one for each. */
static bool check_pairs(struct shape_call *c, struct attr *paddings, const struct shape *x) {
    int64_t *v = paddings->ints.v;
    if (paddings->ints.n == 2)
        for (int i = 1; i < x->rank; i++)
            v[2 * i] = v[0], v[2 * i + 1] = v[1];
    else if (paddings->ints.n != 2 * x->rank) {
        shape_refuse(c, E_SHAPE, "%s: paddings are given for %d axes, but x has %d", c->spelling,
                     paddings->ints.n / 2, x->rank);
        if (c->n_in)
            shape_mark(c, 0, -1);
        if (x->rank == 1)
            shape_help(c, "for one axis: [[before, after]]");
        else if (x->rank)
            shape_help(c, "[before, after] for each axis, 0 for one that stays as it is");
        return false;
    }
    paddings->ints.n = 2 * x->rank;
    for (int i = 0; i < 2 * x->rank; i++) {
        if (v[i] >= 0 && v[i] <= INT32_MAX)
            continue;
        shape_refuse(c, E_OUT_OF_RANGE, "%s: paddings must be 0 or more, not %" PRId64, c->spelling,
                     v[i]);
        if (v[i] < 0)
            help_slice(c, v, x->rank);
        return false;
    }
    return true;
}

/* What reflect and edge need of an axis of a known size. */
static bool check_axis(struct shape_call *c, const char *mode, int operand, int axis, int64_t size,
                       const int64_t *pair) {
    int64_t most = pair[0] > pair[1] ? pair[0] : pair[1];
    if (most == 0 || !strcmp(mode, "constant") || (size > most && size > 0) ||
        (!strcmp(mode, "edge") && size > 0))
        return true;
    if (size == 0)
        shape_refuse(c, E_SHAPE, "%s: axis %d has no element that \"%s\" could add again",
                     c->spelling, axis, mode);
    else
        shape_refuse(c, E_SHAPE,
                     "%s: \"reflect\" can add %" PRId64 " to an axis of %" PRId64
                     " on each side, not %" PRId64,
                     c->spelling, size - 1, size, most);
    if (operand >= 0)
        shape_mark(c, operand, axis);
    if (size > 0)
        shape_help(c, "mode=\"edge\" adds any number");
    return false;
}

/* The shape that padding `x` gives; operand: x, or -1 where it is a setting. */
static bool padded(struct shape_call *c, const struct shape *x, struct attr *paddings,
                   const char *mode, int operand, struct shape *out) {
    if (!check_mode(c, mode) || !check_pairs(c, paddings, x))
        return false;
    *out = *x;
    out->on_purpose = 0;
    for (int i = 0; i < x->rank; i++) {
        const int64_t *pair = &paddings->ints.v[2 * i];
        if (dim_is_const(x->d[i]) && !check_axis(c, mode, operand, i, x->d[i].k, pair))
            return false;
        if (!dim_add(c->symbols, x->d[i], dim_const(pair[0] + pair[1]), &out->d[i]))
            out->d[i] = dim_fresh(c->symbols);
    }
    return true;
}

bool pad_shape(struct shape_call *c) {
    const char *mode = c->attr[1].s;
    double value = c->attr[2].f;
    if (!padded(c, &c->in[0], &c->attr[0], mode, 0, &c->out))
        return false;
    if (value != 0 && strcmp(mode, "constant") != 0)
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: value=%g has no meaning under \"%s\"",
                            c->spelling, value, mode);
    static const double low[] = {[DTYPE_I32] = -0x1p31, [DTYPE_I64] = -0x1p63, [DTYPE_U8] = 0};
    static const double high[] = {[DTYPE_I32] = 0x1p31, [DTYPE_I64] = 0x1p63, [DTYPE_U8] = 256};
    enum dtype t = c->in_dtype[0];
    bool fits = dtype_is_float(t) || (t == DTYPE_BOOL && (value == 0 || value == 1)) ||
                (dtype_is_int(t) && value == floor(value) && value >= low[t] && value < high[t]);
    return fits || shape_refuse(c, E_DTYPE, "%s: value=%g cannot become %s without loss",
                                c->spelling, value, dtype_name(t));
}

bool pad_gradient_shape(struct shape_call *c) {
    struct shape want;
    if (!padded(c, &c->attr[0].shape, &c->attr[1], c->attr[2].s, -1, &want))
        return false;
    bool fits = c->in[0].rank == want.rank;
    for (int i = 0; fits && i < want.rank; i++)
        fits = dim_compare(c->symbols, c->in[0].d[i], want.d[i]) != DIM_DIFFER;
    c->out = c->attr[0].shape;
    if (fits)
        return true;
    char have[SHAPE_TEXT], text[SHAPE_TEXT];
    shape_print(have, sizeof have, c->symbols, &c->in[0]);
    shape_print(text, sizeof text, c->symbols, &want);
    shape_refuse(c, E_SHAPE, "%s: padding gives %s, but this is %s", c->spelling, text, have);
    shape_mark(c, 0, -1);
    return false;
}

void pad_gradient(struct gradient_call *c) {
    const struct attr *own = c->node->attr;
    struct attr settings[3] = {
        {.kind = ATTR_SHAPE, .shape = c->node->in[0]->shape}, own[0], own[1]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_pad_gradient, &c->dy, 1, settings, NULL, NULL);
}

void pad_gradient_gradient(struct gradient_call *c) {
    const struct attr *own = c->node->attr;
    struct attr settings[3] = {own[1], own[2]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_pad, &c->dy, 1, settings, NULL, NULL);
}

#endif

#ifdef OPS_KERNELS

enum { UNIT_ELEMENTS = 8192 };

struct pad_axis {
    int64_t from, to, before;
    int64_t *map; /* [to] the element of x, or -1 */
    /* which elements of the result are element k of x: copies[first[k] .. first[k + 1]) */
    int64_t *first, *copies;
};

struct pad {
    int rank; /* axes up to the last that is padded; what follows is one element of `inner` */
    struct pad_axis axis[MAX_RANK];
    int64_t inner, per_unit;
    int64_t n_rows; /* of what is written */
    int bytes;
    unsigned char value[8];
};

static int64_t source_of(const char *mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n)
        return i;
    if (!strcmp(mode, "constant"))
        return -1;
    if (!strcmp(mode, "edge"))
        return i < 0 ? 0 : n - 1;
    return i < 0 ? -i : 2 * (n - 1) - i;
}

static void make_axis(struct pad_axis *p, const char *mode, bool back, struct arena *a) {
    p->map = arena_array(a, int64_t, p->to);
    for (int64_t i = 0; i < p->to; i++)
        p->map[i] = source_of(mode, i - p->before, p->from);
    if (!back)
        return;
    p->first = arena_array(a, int64_t, p->from + 1);
    p->copies = arena_array(a, int64_t, p->to);
    for (int64_t i = 0; i < p->to; i++)
        if (p->map[i] >= 0)
            p->first[p->map[i] + 1]++;
    for (int64_t k = 0; k < p->from; k++)
        p->first[k + 1] += p->first[k];
    int64_t *next = arena_array(a, int64_t, p->from + 1);
    for (int64_t i = 0; i < p->to; i++)
        if (p->map[i] >= 0)
            p->copies[p->first[p->map[i]] + next[p->map[i]]++] = i;
}

/* back: from the padded tensor to that without padding. */
static struct pad *describe(struct kernel_call *c, struct kernel_work *w, struct arena *a,
                            bool back, const struct attr *paddings, const char *mode) {
    struct pad *p = arena_new(a, struct pad);
    const struct kernel_arg *x = back ? &c->out[0] : &c->in[0];
    const struct kernel_arg *y = back ? &c->in[0] : &c->out[0], *written = &c->out[0];
    p->rank = x->rank;
    while (p->rank > 1 && x->dim[p->rank - 1] == y->dim[p->rank - 1])
        p->rank--;
    p->inner = arg_span(x, p->rank, x->rank);
    p->bytes = (int)dtype_bytes(x->dtype);
    p->n_rows = p->rank ? arg_span(written, 0, p->rank - 1) : 1;
    for (int i = 0; i < p->rank; i++) {
        p->axis[i] = (struct pad_axis){x->dim[i], y->dim[i], paddings->ints.v[2 * i], 0, 0, 0};
        make_axis(&p->axis[i], mode, back, a);
    }
    int64_t row = p->rank ? written->dim[p->rank - 1] * p->inner : 1;
    p->per_unit = max_i64(1, UNIT_ELEMENTS / max_i64(1, row));
    work_set(w, "rows", row ? ceil_div(p->n_rows, p->per_unit) : 0,
             (double)(arg_count(x) + arg_count(y)) * p->bytes);
    c->geometry = p;
    return p;
}

/* ---- pad */

static void set_value(struct pad *p, enum dtype t, double v) {
    switch (t) {
    case DTYPE_F32:
        memcpy(p->value, &(float){(float)v}, 4);
        break;
    case DTYPE_F64:
        memcpy(p->value, &v, 8);
        break;
    case DTYPE_I32:
        memcpy(p->value, &(int32_t){(int32_t)v}, 4);
        break;
    case DTYPE_I64:
        memcpy(p->value, &(int64_t){(int64_t)v}, 8);
        break;
    default:
        p->value[0] = (unsigned char)v;
        break;
    }
}

static void prepare_pad(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct pad *p = describe(c, w, a, false, &c->attr[0], c->attr[1].s);
    set_value(p, c->out[0].dtype, c->attr[2].f);
}

static void put_value(const struct pad *p, char *to, int64_t n) {
    for (int64_t i = 0; i < n; i++, to += p->bytes)
        memcpy(to, p->value, (size_t)p->bytes);
}

/* Elements [begin, end) of a row, which lie on its ends. */
static void put_end(const struct pad *p, const struct pad_axis *last, char *to, const char *from,
                    int64_t begin, int64_t end) {
    int64_t bytes = p->inner * p->bytes;
    for (int64_t i = begin; i < end; i++)
        if (last->map[i] < 0)
            put_value(p, to + i * bytes, p->inner);
        else
            memcpy(to + i * bytes, from + last->map[i] * bytes, (size_t)bytes);
}

static void run_pad(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                    void *scratch) {
    (void)phase, (void)scratch;
    const struct pad *p = c->geometry;
    if (p->rank == 0) {
        memcpy(c->out[0].data, c->in[0].data, (size_t)p->bytes);
        return;
    }
    const struct pad_axis *last = &p->axis[p->rank - 1];
    int64_t bytes = p->inner * p->bytes, until = min_i64(end * p->per_unit, p->n_rows);
    for (int64_t row = begin * p->per_unit; row < until; row++) {
        char *to = (char *)c->out[0].data + row * last->to * bytes;
        int64_t at = 0, rest = row, step = 1;
        for (int i = p->rank - 2; i >= 0 && at >= 0; rest /= p->axis[i--].to) {
            int64_t source = p->axis[i].map[rest % p->axis[i].to];
            at = source < 0 ? -1 : at + source * step;
            step *= p->axis[i].from;
        }
        if (at < 0) {
            put_value(p, to, last->to * p->inner);
            continue;
        }
        const char *from = (const char *)c->in[0].data + at * last->from * bytes;
        put_end(p, last, to, from, 0, last->before);
        memcpy(to + last->before * bytes, from, (size_t)(last->from * bytes));
        put_end(p, last, to, from, last->before + last->from, last->to);
    }
}

/* ---- pad_gradient */

#define REAL    float
#define R(name) name##_f32
#include "ops/pad_loops.h"
#undef REAL
#undef R
#define REAL    double
#define R(name) name##_f64
#include "ops/pad_loops.h"

static void prepare_gradient(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    describe(c, w, a, true, &c->attr[1], c->attr[2].s);
}

static void run_gradient(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                         void *scratch) {
    (void)phase, (void)scratch;
    const struct pad *p = c->geometry;
    int64_t first = begin * p->per_unit, last = min_i64(end * p->per_unit, p->n_rows);
    if (p->rank == 0)
        memcpy(c->out[0].data, c->in[0].data, (size_t)p->bytes);
    else if (c->out[0].dtype == DTYPE_F64)
        gradient_rows_f64(p, c->in[0].data, c->out[0].data, first, last);
    else
        gradient_rows_f32(p, c->in[0].data, c->out[0].data, first, last);
}

const struct kernel KERNEL(pad_kernel) = {.prepare = prepare_pad, .run = run_pad};
const struct kernel KERNEL(pad_gradient_kernel) = {.prepare = prepare_gradient,
                                                   .run = run_gradient};

#endif
