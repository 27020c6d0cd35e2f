/* Rules of sliding windows: settings in their several spellings, padding, the number of positions.
 * In: a shape call. Out: normalised settings and sizes, or a refusal that says what was found and
 * what is allowed. Not for: kernels (conv.h has their geometry). */
#include <string.h>

#include "ops/conv.h"

#ifdef OPS_RULES

bool conv_window_pair(struct shape_call *c, struct attr *setting, const char *name) {
    int n = setting->ints.n;
    int64_t *v = setting->ints.v;
    bool ok = n == 1 || n == 2 || (n == 4 && v[0] == 1 && v[3] == 1);
    if (!ok) {
        shape_refuse(c, E_OUT_OF_RANGE,
                     n == 4 ? "%s: %s must be 1 along the batch and the channels"
                            : "%s: %s needs one number, [down, right] or [1, down, right, 1]",
                     c->spelling, name);
        return false;
    }
    int64_t down = n == 4 ? v[1] : v[0], right = n == 4 ? v[2] : n == 2 ? v[1] : v[0];
    int64_t bad = down < 1 || down > INT32_MAX ? down : right;
    if (bad < 1 || bad > INT32_MAX)
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: %s must be 1 or more, not %lld", c->spelling,
                            name, (long long)bad);
    setting->ints.n = 2;
    v[0] = down;
    v[1] = right;
    return true;
}

bool conv_window_padding(struct shape_call *c, const struct attr *padding, bool *same) {
    *same = strcmp(padding->s, "SAME") == 0;
    if (*same || strcmp(padding->s, "VALID") == 0)
        return true;
    shape_refuse(c, E_OUT_OF_RANGE, "%s: padding is \"SAME\" or \"VALID\", not \"%.40s\"",
                 c->spelling, padding->s);
    return false;
}

bool conv_window_positions(struct shape_call *c, int operand, int axis, struct dim in, struct dim k,
                           int64_t stride, bool same, struct dim *out) {
    if (same && stride == 1) {
        *out = in;
    } else if (same && dim_is_const(in)) {
        *out = dim_const(in.k / stride + (in.k % stride != 0));
    } else if (same) {
        if (!dim_divide(in, dim_const(stride), out))
            *out = dim_fresh(c->symbols);
    } else if (dim_is_const(in) && dim_is_const(k)) {
        if (in.k < k.k) {
            shape_refuse(c, E_SHAPE, "%s: a window of %lld does not fit into an image of %lld",
                         c->spelling, (long long)k.k, (long long)in.k);
            if (operand >= 0)
                shape_mark(c, operand, axis);
            shape_help(c, "padding=\"SAME\" lets the window reach over the edge");
            return false;
        }
        *out = dim_const((in.k - k.k) / stride + 1);
    } else if (stride == 1 && dim_is_one(k)) {
        *out = in;
    } else {
        *out = dim_fresh(c->symbols);
    }
    return true;
}

bool conv_window_rank(struct shape_call *c, int operand, const char *what) {
    if (c->in[operand].rank == 4)
        return true;
    char have[SHAPE_TEXT];
    shape_print(have, sizeof have, c->symbols, &c->in[operand]);
    shape_refuse(c, E_SHAPE, "%s needs %s, but this is %s", c->spelling, what, have);
    shape_mark(c, operand, -1);
    return false;
}

bool conv_window_match(struct shape_call *c, int operand, int axis, struct dim want,
                       const char *what) {
    struct dim have = c->in[operand].d[axis];
    if (dim_compare(c->symbols, have, want) != DIM_DIFFER)
        return true;
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    dim_print(a, sizeof a, c->symbols, want);
    dim_print(b, sizeof b, c->symbols, have);
    shape_refuse(c, E_SHAPE, "%s: %s must be %s here, but there are %s", c->spelling, what, a, b);
    shape_mark(c, operand, axis);
    return false;
}

#endif
