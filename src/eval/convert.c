/* From values to nodes, dimensions and shapes: host numbers and lists become constants of the
 * dtype around them, arrays become constants that share their storage. */
#include <math.h>
#include <string.h>

#include "eval/interp.h"

bool is_tensor_like(struct value v) {
    return v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY || value_is_number(v) ||
           v.kind == VALUE_BOOL || v.kind == VALUE_LIST;
}

struct value dim_value(struct dim d) {
    if (dim_is_const(d))
        return V_INT(d.k);
    return (struct value){.kind = VALUE_DIM, .dim = d};
}

/* Lists of lists of numbers. The first element of each level fixes the level's length. */
struct list_shape {
    int rank;
    int64_t dim[MAX_RANK];
    bool floats, bools, numbers;
};

static bool refuse_element(struct interp *in, struct value v, struct span at) {
    struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, at,
                                "a list of numbers is needed here, but it has %s in it",
                                value_kind_words(v.kind));
    if (v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY)
        diag_help(d,
                  "stack([..]) joins tensors along a new axis, concat([..]) along one they have");
    return interp_fail(in, d);
}

static bool measure_list(struct interp *in, struct value v, struct span at, int depth,
                         struct list_shape *ls) {
    v = scalar_number(v);
    if (v.kind == VALUE_INT || v.kind == VALUE_FLOAT || v.kind == VALUE_BOOL) {
        ls->floats |= v.kind == VALUE_FLOAT;
        ls->bools |= v.kind == VALUE_BOOL;
        ls->numbers |= v.kind != VALUE_BOOL;
        if (ls->rank < 0)
            ls->rank = depth;
        if (ls->rank == depth)
            return true;
        return fail_at(in, E_SHAPE, at,
                       "the list is uneven: a number stands where others have a list");
    }
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind != VALUE_LIST)
        return refuse_element(in, v, at);
    if (depth == MAX_RANK)
        return fail_at(in, E_SHAPE, at, "lists nested more than %d deep cannot be a tensor",
                       MAX_RANK);
    if (ls->rank >= 0 && depth >= ls->rank)
        return fail_at(in, E_SHAPE, at,
                       "the list is uneven: a list stands where others have a number");
    if (ls->dim[depth] < 0)
        ls->dim[depth] = v.list->n;
    if (ls->dim[depth] != v.list->n)
        return fail_at(in, E_SHAPE, at, "the list is uneven: %d elements where others have %lld",
                       v.list->n, (long long)ls->dim[depth]);
    for (int i = 0; i < v.list->n; i++)
        if (!measure_list(in, v.list->at[i], at, depth + 1, ls))
            return false;
    return true;
}

static void fill_list(struct tensor *t, struct value v, int64_t *next) {
    v = scalar_number(v);
    if (v.kind == VALUE_LIST) {
        for (int i = 0; i < v.list->n; i++)
            fill_list(t, v.list->at[i], next);
        return;
    }
    if (t->dtype == DTYPE_I64 && v.kind == VALUE_INT)
        ((int64_t *)t->data)[(*next)++] = v.i;
    else
        tensor_set(t, (*next)++, v.kind == VALUE_BOOL ? v.b : value_number(v));
}

static bool fits_int(struct interp *in, struct value v, struct span at, enum dtype t) {
    v = scalar_number(v);
    static const double low[] = {[DTYPE_I32] = -0x1p31, [DTYPE_I64] = -0x1p63, [DTYPE_U8] = 0};
    static const double high[] = {[DTYPE_I32] = 0x1p31, [DTYPE_I64] = 0x1p63, [DTYPE_U8] = 256};
    if (v.kind == VALUE_LIST) {
        for (int i = 0; i < v.list->n; i++)
            if (!fits_int(in, v.list->at[i], at, t))
                return false;
        return true;
    }
    double x = v.kind == VALUE_BOOL ? v.b : value_number(v);
    if (!dtype_is_int(t) || (x == floor(x) && x >= low[t] && x < high[t]))
        return true;
    return fail_at(in, E_DTYPE, at, "%s is needed here, and %.9g cannot become one without loss",
                   dtype_name(t), x);
}

struct tensor *list_tensor(struct interp *in, struct value v, struct span at, int dtype) {
    struct list_shape ls = {.rank = -1};
    for (int i = 0; i < MAX_RANK; i++)
        ls.dim[i] = -1;
    if (!measure_list(in, v, at, 0, &ls))
        return NULL;
    int rank = ls.rank;
    for (int i = 0; rank < 0 && i < MAX_RANK; i++)
        if (ls.dim[i] <= 0)
            rank = ls.dim[i] < 0 ? i : i + 1;
    if (ls.bools && ls.numbers) {
        fail_at(in, E_WRONG_KIND, at, "bools and numbers in one list cannot be a tensor");
        return NULL;
    }
    enum dtype t = dtype >= 0 ? (enum dtype)dtype : ls.bools ? DTYPE_BOOL : DTYPE_F32;
    if (!fits_int(in, v, at, t))
        return NULL;
    struct tensor *tensor = tensor_new(t, rank, ls.dim);
    int64_t next = 0;
    if (tensor)
        fill_list(tensor, v, &next);
    else
        fail_at(in, E_MEMORY, at, "not enough memory for this tensor");
    return tensor;
}

/* A named size as a number of the graph, which only a feed settles: the sum of as many ones. */
static struct node *size_node(struct interp *in, struct dim d, enum dtype t) {
    struct shape vector = {.rank = 1, .d = {d}};
    struct attr attr[3] = {{.kind = ATTR_FLOAT, .f = 1},
                           {.kind = ATTR_SHAPE, .shape = vector},
                           {.kind = ATTR_DTYPE, .dtype = t}};
    struct node *ones = build_op(&in->build, OP_fill, NULL, 0, attr, NULL, NULL);
    if (ones)
        root_push(in, V_TENSOR(ones));
    return ones ? build_1(&in->build, OP_sum, ones) : NULL;
}

bool to_node(struct interp *in, struct value v, struct span at, int dtype, struct node **out) {
    in->build.origin = interp_origin(in, at);
    *out = NULL;
    switch (v.kind) {
    case VALUE_TENSOR:
        *out = v.node;
        return true;
    case VALUE_ARRAY:
        *out = build_constant(&in->build, v.array->tensor);
        break;
    case VALUE_DIM:
        *out =
            size_node(in, v.dim, dtype < 0 || dtype == DTYPE_BOOL ? DTYPE_F32 : (enum dtype)dtype);
        if (!*out)
            return interp_fail(in, NULL);
        break;
    case VALUE_BOOL:
        *out = build_scalar(&in->build, dtype >= 0 ? (enum dtype)dtype : DTYPE_BOOL, v.b);
        break;
    case VALUE_INT:
    case VALUE_FLOAT: {
        enum dtype t = dtype >= 0 ? (enum dtype)dtype : DTYPE_F32;
        if (t == DTYPE_BOOL)
            t = DTYPE_F32;
        if (!fits_int(in, v, at, t))
            return false;
        *out = build_scalar(&in->build, t, value_number(v));
        break;
    }
    case VALUE_LIST: {
        struct tensor *t = list_tensor(in, v, at, dtype);
        if (!t)
            return false;
        *out = build_constant(&in->build, t);
        tensor_unref(t);
        break;
    }
    case VALUE_POISON:
    case VALUE_UNKNOWN:
        return fail_silently(in);
    default: {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, at, "a tensor is needed here, but this is %s", text);
    }
    }
    root_push(in, V_TENSOR(*out));
    return true;
}

bool to_dim(struct interp *in, struct value v, struct span at, struct dim *out) {
    char text[SHAPE_TEXT];
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind == VALUE_DIM && dim_compare(in->o.symbols, v.dim, dim_const(0)) == DIM_DIFFER &&
        v.dim.k < 0)
        return fail_at(in, E_OUT_OF_RANGE, at, "a size cannot be negative, as %s is",
                       dim_print(text, sizeof text, in->o.symbols, v.dim));
    if (v.kind == VALUE_DIM)
        *out = v.dim;
    else if (v.kind == VALUE_INT && v.i >= -1)
        *out = dim_const(v.i);
    else if (v.kind == VALUE_INT)
        return fail_at(in, E_OUT_OF_RANGE, at, "a size cannot be %lld", (long long)v.i);
    else
        return fail_at(in, E_WRONG_KIND, at,
                       "a size must be a whole number or a named dimension, not %s",
                       value_kind_words(v.kind));
    return true;
}

bool to_shape(struct interp *in, struct value v, struct span at, struct shape *out) {
    memset(out, 0, sizeof *out);
    if (v.kind == VALUE_INT || v.kind == VALUE_DIM) {
        out->rank = 1;
        return to_dim(in, v, at, &out->d[0]);
    }
    if (is_missing(v))
        return fail_silently(in);
    if (v.kind != VALUE_LIST)
        return fail_at(in, E_WRONG_KIND, at,
                       "a shape is a list of sizes, such as [784, 10], not %s",
                       value_kind_words(v.kind));
    if (v.list->n > MAX_RANK)
        return fail_at(in, E_SHAPE, at, "a shape has at most %d axes", MAX_RANK);
    out->rank = v.list->n;
    for (int i = 0; i < v.list->n; i++)
        if (!to_dim(in, v.list->at[i], at, &out->d[i]))
            return false;
    return true;
}
