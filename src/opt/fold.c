/* Known values are worked out once, here, instead of in each run.
 *
 * Only where the result cannot depend on who computes it: operations that IEEE 754 rounds
 * exactly (not exp, whose last bit is the kernel's own), integers whose values fit 32 bits,
 * conversions, and choices by a known condition (`training`). A float32 operation done in double
 * and rounded once gives the float32 result (Figueroa 1995: 53 >= 2 * 24 + 2 bits), so one
 * evaluator serves both. Tensors of more than 64 elements are left to the kernels. */
#include <math.h>
#include <string.h>

#include "opt/rewrite.h"

void opt_fold(struct program *p);

enum { MAX_FOLDED_ELEMENTS = 64 };

static bool is_known(const struct node *n) {
    return n->op->id == OP_constant && n->value->n_elements <= MAX_FOLDED_ELEMENTS;
}

static bool all_known(const struct node *n) {
    for (int i = 0; i < n->n_in; i++)
        if (!is_known(n->in[i])) return false;
    return n->n_in > 0;
}

/* A new tensor of n's shape, or NULL when it is too large to be worth it. */
static struct tensor *result_tensor(const struct node *n) {
    int64_t dim[MAX_RANK];
    if (shape_n_elements(&n->shape) > MAX_FOLDED_ELEMENTS) return NULL;
    for (int i = 0; i < n->shape.rank; i++) dim[i] = n->shape.d[i].k;
    return tensor_new(n->dtype, n->shape.rank, dim);
}

static struct node *give_constant(struct program *p, struct tensor *value) {
    struct node *n = build_constant(&p->build, value);
    tensor_unref(value);
    return n;
}

/* ---- one element ---- */

static bool fold_comparison(enum op_id id, double x, double y, double *r) {
    switch (id) {
    case OP_equal: *r = x == y; return true;
    case OP_not_equal: *r = x != y; return true;
    case OP_less: *r = x < y; return true;
    case OP_less_equal: *r = x <= y; return true;
    case OP_greater: *r = x > y; return true;
    case OP_greater_equal: *r = x >= y; return true;
    case OP_logical_and: *r = x && y; return true;
    case OP_logical_or: *r = x || y; return true;
    case OP_logical_not: *r = !x; return true;
    default: return false;
    }
}

static bool fold_arithmetic(enum op_id id, double x, double y, double *r) {
    switch (id) {
    case OP_neg: *r = -x; return true;
    case OP_abs: *r = x > 0 ? x : 0 - x; return true;
    case OP_add: *r = x + y; return true;
    case OP_sub: *r = x - y; return true;
    case OP_mul: *r = x * y; return true;
    case OP_maximum: *r = x > y || x != x ? x : y; return true;
    case OP_minimum: *r = x < y || x != x ? x : y; return true;
    case OP_relu: *r = x > 0 || x != x ? x : 0; return true;
    default: return false;
    }
}

static bool fold_float(enum op_id id, double x, double y, double *r) {
    switch (id) {
    case OP_div: *r = x / y; return true;
    case OP_sqrt: *r = sqrt(x); return true;
    case OP_floor: *r = floor(x); return true;
    case OP_ceil: *r = ceil(x); return true;
    case OP_round: *r = nearbyint(x); return true;
    default: return fold_arithmetic(id, x, y, r);
    }
}

/* Sums and products of 32-bit integers are exact in the double that carries them, up to 2^53; a
 * product beyond is left alone. */
static bool fold_integer(enum op_id id, double x, double y, double *r) {
    return fabs(x) <= 0x1p31 && fabs(y) <= 0x1p31 && fold_arithmetic(id, x, y, r) &&
           fabs(*r) <= 0x1p53;
}

static bool fold_element(const struct node *n, double x, double y, double *r) {
    enum dtype t = n->in[0]->dtype;
    if (fold_comparison(n->op->id, x, y, r)) return true;
    return dtype_is_float(t) ? fold_float(n->op->id, x, y, r)
                             : dtype_is_int(t) && fold_integer(n->op->id, x, y, r);
}

/* ---- tensors ---- */

/* The element of `in` that broadcasting puts beside element i of a result of shape `out`. */
static int64_t broadcast_index(const struct shape *out, const struct shape *in, int64_t i) {
    int64_t index = 0, stride = 1;
    for (int axis = out->rank - 1, own = in->rank - 1; own >= 0; axis--, own--) {
        int64_t at = i % out->d[axis].k;
        i /= out->d[axis].k;
        if (in->d[own].k != 1) index += at * stride;
        stride *= in->d[own].k;
    }
    return index;
}

static double known_element(const struct node *n, int k, int64_t i) {
    const struct node *in = n->in[k];
    return tensor_get(in->value, broadcast_index(&n->shape, &in->shape, i));
}

/* A wide integer does not pass through the double that carries elements here. */
static bool fits_double(const struct node *n) {
    if (n->dtype != DTYPE_I64) return true;
    for (int64_t i = 0; i < n->value->n_elements; i++)
        if (fabs(tensor_get(n->value, i)) > 0x1p52) return false;
    return true;
}

static struct node *fold_elementwise(struct program *p, struct node *n) {
    struct tensor *value = result_tensor(n);
    if (!value) return NULL;
    for (int64_t i = 0; i < value->n_elements; i++) {
        double r;
        if (n->op->id == OP_where) {
            r = known_element(n, known_element(n, 0, i) != 0 ? 1 : 2, i);
        } else if (!fold_element(n, known_element(n, 0, i),
                                 n->n_in > 1 ? known_element(n, 1, i) : 0, &r)) {
            tensor_unref(value);
            return NULL;
        }
        tensor_set(value, i, r);
        if (dtype_is_int(n->dtype) && tensor_get(value, i) != r) { /* it would wrap around */
            tensor_unref(value);
            return NULL;
        }
    }
    return give_constant(p, value);
}

/* float to integer is cut by tensor_cast as by the kernel only where the value fits. */
static struct node *fold_cast(struct program *p, struct node *n) {
    const struct node *x = n->in[0];
    if (dtype_is_float(x->dtype) && dtype_is_int(n->dtype)) {
        for (int64_t i = 0; i < x->value->n_elements; i++) {
            double v = tensor_get(x->value, i);
            if (!(v >= (n->dtype == DTYPE_U8 ? 0 : -0x1p30) &&
                  v <= (n->dtype == DTYPE_U8 ? 255 : 0x1p30)))
                return NULL;
        }
    }
    struct tensor *value = tensor_cast(x->value, n->dtype);
    return value ? give_constant(p, value) : NULL;
}

static struct node *fold_fill(struct program *p, struct node *n) {
    struct tensor *value = result_tensor(n);
    if (!value) return NULL;
    for (int64_t i = 0; i < value->n_elements; i++) tensor_set(value, i, n->attr[0].f);
    return give_constant(p, value);
}

static struct node *fold_reshape(struct program *p, struct node *n) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < n->shape.rank; i++) dim[i] = n->shape.d[i].k;
    struct tensor *value = tensor_view(n->in[0]->value, n->shape.rank, dim);
    return value ? give_constant(p, value) : NULL;
}

static struct node *fold_broadcast(struct program *p, struct node *n) {
    struct tensor *value = result_tensor(n);
    if (!value) return NULL;
    for (int64_t i = 0; i < value->n_elements; i++) tensor_set(value, i, known_element(n, 0, i));
    return give_constant(p, value);
}

/* The sum of equal whole numbers (a count of ones), small enough that every partial sum is exact
 * in whatever order. */
static struct node *fold_sum(struct program *p, struct node *n) {
    const struct node *x = n->in[0];
    double value, exact = x->dtype == DTYPE_F64 ? 0x1p52 : 0x1p23;
    int64_t n_out = shape_n_elements(&n->shape);
    if (n_out == 0 || n->dtype != x->dtype || !dtype_is_float(n->dtype) ||
        !rewrite_is_uniform(x, &value))
        return NULL;
    double sum = value * ((double)shape_n_elements(&x->shape) / (double)n_out);
    if (value != floor(value) || !(fabs(sum) <= exact)) return NULL;
    return rewrite_stretch(p, build_scalar(&p->build, n->dtype, sum), n);
}

/* where(true, a, b) is a, whatever a is. */
static struct node *fold_choice(struct program *p, struct node *n) {
    double condition;
    if (!rewrite_is_uniform(n->in[0], &condition)) return NULL;
    return rewrite_stretch(p, n->in[condition != 0 ? 1 : 2], n);
}

/* x and true is x; x and false is false; likewise `or`. */
static struct node *fold_logic(struct program *p, struct node *n) {
    bool neutral = n->op->id == OP_logical_and;
    for (int k = 0; k < 2; k++) {
        double known;
        if (rewrite_is_uniform(n->in[k], &known))
            return rewrite_stretch(p, n->in[(known != 0) == neutral ? 1 - k : k], n);
    }
    return NULL;
}

struct node *fold_step(struct program *p, struct node *n) {
    if (n->op->id == OP_fill) return fold_fill(p, n);
    if (n->op->id == OP_scan) return fold_captures(p, n);
    if (all_known(n)) {
        for (int i = 0; i < n->n_in; i++)
            if (!fits_double(n->in[i])) return NULL;
        struct node *known = NULL;
        if (n->op->id == OP_cast)
            known = fold_cast(p, n);
        else if (n->op->id == OP_reshape)
            known = fold_reshape(p, n);
        else if (n->op->id == OP_broadcast_to)
            known = fold_broadcast(p, n);
        else if (n->op->trait == OP_ELEMENTWISE)
            known = fold_elementwise(p, n);
        if (known) return known;
    }
    if (n->op->id == OP_sum) return fold_sum(p, n);
    if (n->op->id == OP_where) return fold_choice(p, n);
    if (n->op->id == OP_logical_and || n->op->id == OP_logical_or) return fold_logic(p, n);
    return NULL;
}

void opt_fold(struct program *p) { rewrite_walk(p, fold_step); }
