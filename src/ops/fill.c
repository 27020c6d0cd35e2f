/* What makes or moves values without computing them: fill, iota, assign, and the check that stops a
 * run at a NaN or infinity. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

bool fill_shape(struct shape_call *c) {
    c->out = c->attr[1].shape;
    c->out_dtype = c->attr[2].dtype;
    return true;
}

bool iota_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    c->out_dtype = c->attr[1].dtype;
    if (c->out.rank != 1)
        return shape_refuse(c, E_SHAPE, "%s: the size is one number, but %d are given", c->spelling,
                            c->out.rank);
    if (dim_is_const(c->out.d[0]) && c->out.d[0].k < 0)
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: a size cannot be %lld", c->spelling,
                            (long long)c->out.d[0].k);
    if (c->out_dtype == DTYPE_BOOL || c->out_dtype == DTYPE_U8) {
        shape_refuse(c, E_DTYPE, "%s: %s cannot count", c->spelling, dtype_name(c->out_dtype));
        shape_help(c, "count in int, and convert: cast(iota(n), %s)", dtype_name(c->out_dtype));
        return false;
    }
    return true;
}

bool assign_shape(struct shape_call *c) {
    const struct shape *target = &c->in[0], *value = &c->in[1];
    c->out = *target;
    c->out_dtype = c->in_dtype[0];
    bool fits = target->rank == value->rank;
    for (int i = 0; fits && i < target->rank; i++)
        fits = dim_compare(c->symbols, target->d[i], value->d[i]) != DIM_DIFFER;
    if (fits)
        return true;
    char to[SHAPE_TEXT], from[SHAPE_TEXT];
    shape_print(to, sizeof to, c->symbols, target);
    shape_print(from, sizeof from, c->symbols, value);
    shape_refuse(c, E_SHAPE, "%s: the variable is %s, but the value is %s", c->spelling,
                 target->rank ? to : "a scalar", value->rank ? from : "a scalar");
    shape_mark(c, 0, -1);
    shape_mark(c, 1, -1);
    return false;
}

bool check_finite_shape(struct shape_call *c) {
    c->out = shape_scalar();
    c->out_dtype = DTYPE_BOOL;
    return true;
}

#endif

#ifdef OPS_KERNELS

enum { UNIT_BYTES = 65536, UNIT_ELEMENTS = 16384 };

static int64_t unit_elements(enum dtype t) { return UNIT_BYTES / (int64_t)dtype_bytes(t); }

static void prepare_fill(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)a;
    enum dtype t = c->out[0].dtype;
    int64_t n = arg_count(&c->out[0]);
    work_set(w, "fill", ceil_div(n, unit_elements(t)), (double)n * (double)dtype_bytes(t));
}

/* A whole number that a dtype cannot hold becomes the nearest that it can. */
static int64_t whole_number(double v, double least, double most) {
    if (v != v)
        return 0;
    return v <= least ? (int64_t)least : v >= most ? (int64_t)most : (int64_t)v;
}

static void fill_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)scratch;
    enum dtype t = c->out[0].dtype;
    double v = c->attr[0].f;
    int64_t first = begin * unit_elements(t);
    int64_t last = min_i64(end * unit_elements(t), arg_count(&c->out[0]));
#define FILL(T, value)                                                                             \
    do {                                                                                           \
        T *out = c->out[0].data;                                                                   \
        const T x = (T)(value);                                                                    \
        for (int64_t i = first; i < last; i++)                                                     \
            out[i] = x;                                                                            \
    } while (0)
    switch (t) {
    case DTYPE_F32:
        FILL(float, v);
        break;
    case DTYPE_F64:
        FILL(double, v);
        break;
    case DTYPE_I32:
        FILL(int32_t, whole_number(v, INT32_MIN, INT32_MAX));
        break;
    case DTYPE_I64:
        FILL(int64_t, v >= 0x1p63 ? INT64_MAX : whole_number(v, -0x1p63, 0x1.fffffffffffffp62));
        break;
    case DTYPE_U8:
        FILL(uint8_t, whole_number(v, 0, 255));
        break;
    default:
        FILL(uint8_t, v != 0);
        break;
    }
#undef FILL
}

const struct kernel KERNEL(fill_kernel) = {prepare_fill, fill_run};

static void prepare_iota(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare_fill(c, w, a);
    w->name = "iota";
}

static void iota_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)scratch;
    enum dtype t = c->out[0].dtype;
    int64_t first = begin * unit_elements(t);
    int64_t last = min_i64(end * unit_elements(t), arg_count(&c->out[0]));
#define COUNT(T)                                                                                   \
    for (int64_t i = first; i < last; i++)                                                         \
        ((T *)c->out[0].data)[i] = (T)i;                                                           \
    break
    switch (t) {
    case DTYPE_F32:
        COUNT(float);
    case DTYPE_F64:
        COUNT(double);
    case DTYPE_I32:
        COUNT(int32_t);
    default:
        COUNT(int64_t);
    }
#undef COUNT
}

const struct kernel KERNEL(iota_kernel) = {prepare_iota, iota_run};

static void prepare_assign(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    prepare_fill(c, w, a);
    w->name = "copy";
}

/* The value may have been computed in place already. */
static void assign_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    int64_t bytes = (int64_t)dtype_bytes(c->out[0].dtype);
    int64_t first = begin * UNIT_BYTES;
    int64_t last = min_i64(end * UNIT_BYTES, arg_count(&c->out[0]) * bytes);
    const char *from = c->in[1].data;
    char *to = c->out[0].data;
    if (from != to && first < last)
        memcpy(to + first, from + first, (size_t)(last - first));
}

const struct kernel KERNEL(assign_kernel) = {prepare_assign, assign_run};

/* Each unit notes its first bad element in `shared`; the second phase reports the first of all,
 * at any number of threads the same. Nothing is read when the step that computed it has looked and
 * found nothing. */
static void prepare_check(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    (void)a;
    int64_t n = arg_count(&c->in[0]), units = ceil_div(n, UNIT_ELEMENTS);
    work_set(w, "check_finite", units, (double)n * (double)dtype_bytes(c->in[0].dtype));
    w->n_phases = 2;
    w->units[1] = 1;
    w->cost[1] = (double)units;
    w->shared_bytes = (size_t)units * sizeof(int64_t);
}

/* x - x is 0 for every finite x and NaN for the rest: no branch, and no wait for one long sum. */
#define FIRST_BAD(T, tag)                                                                          \
    static int64_t first_bad_##tag(const T *x, int64_t n) {                                        \
        int bad = 0;                                                                               \
        for (int64_t i = 0; i < n; i++)                                                            \
            bad |= (x[i] - x[i]) != 0;                                                             \
        for (int64_t i = 0; bad && i < n; i++)                                                     \
            if (!isfinite(x[i]))                                                                   \
                return i;                                                                          \
        return -1;                                                                                 \
    }
FIRST_BAD(float, f32)
FIRST_BAD(double, f64)
#undef FIRST_BAD

static void check_run(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    (void)scratch;
    bool single = c->in[0].dtype == DTYPE_F32;
    const float *x = c->in[0].data;
    const double *xd = c->in[0].data;
    int64_t *found = c->shared, n = arg_count(&c->in[0]);
    bool known = c->suspect && !__atomic_load_n(c->suspect, __ATOMIC_ACQUIRE);
    if (phase == 0 && known)
        return;
    if (phase == 0) {
        for (int64_t u = begin; u < end; u++) {
            int64_t first = u * UNIT_ELEMENTS, length = min_i64(UNIT_ELEMENTS, n - first);
            int64_t bad =
                single ? first_bad_f32(x + first, length) : first_bad_f64(xd + first, length);
            found[u] = bad < 0 ? -1 : first + bad;
        }
        return;
    }
    bool finite = true;
    for (int64_t u = 0; !known && finite && u < ceil_div(n, UNIT_ELEMENTS); u++)
        if (found[u] >= 0) {
            finite = false;
            kernel_raise(c->fault, found[u], single ? (double)x[found[u]] : xd[found[u]], NAN, NAN);
        }
    if (!known && c->suspect)
        __atomic_store_n(c->suspect, 0, __ATOMIC_RELEASE);
    *(uint8_t *)c->out[0].data = finite;
}

const struct kernel KERNEL(check_finite_kernel) = {prepare_check, check_run};

#endif
