/* Ops that move elements without computing: rules and gradients. The kernels are in
 * movement_copy.c.
 *
 * A slice's begin and end are kept as the script wrote them while the size is not known. As soon
 * as it is, they become what they mean: begin and end in 0..size, but end INT64_MIN ("through
 * the first element") for a negative step that runs to the front; that form stands for itself
 * when the rule sees it again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_RULES

/* ---- reshape */

static bool is_open(struct dim d) { return dim_is_const(d) && d.k == -1; }

/* "7*batch"; other words when a symbolic shape has too many factors to say it. */
static const char *say_count(char *buf, int n_buf, struct shape_call *c, const struct shape *s) {
    struct dim count;
    char text[SHAPE_TEXT];
    if (shape_count(c->symbols, s, &count))
        snprintf(buf, (size_t)n_buf, "%s", dim_print(text, sizeof text, c->symbols, count));
    else
        snprintf(buf, (size_t)n_buf, "another number");
    return buf;
}

/* Offers a size that would work in place of one of the wanted ones. */
static void help_reshape(struct shape_call *c, struct dim count, const struct shape *to) {
    for (int i = to->rank - 1; i >= 0; i--) {
        struct shape rest = *to;
        struct dim others, fitting;
        char text[SHAPE_TEXT], was[SHAPE_TEXT];
        rest.d[i] = dim_const(1);
        for (int k = 0; k < rest.rank; k++)
            if (is_open(rest.d[k]))
                rest.d[k] = dim_const(1);
        if (is_open(to->d[i]) || !shape_count(c->symbols, &rest, &others) ||
            !dim_divide(c->symbols, count, others, &fitting) || (dim_is_const(others) && others.k == 0))
            continue;
        dim_print(text, sizeof text, c->symbols, fitting);
        dim_print(was, sizeof was, c->symbols, to->d[i]);
        shape_help(c, "%s instead of %s would fit", text, was);
        return;
    }
}

static bool refuse_reshape(struct shape_call *c, const struct shape *to, bool open) {
    char from[SHAPE_TEXT], wanted[SHAPE_TEXT], have[SHAPE_TEXT], need[SHAPE_TEXT];
    struct shape known = *to;
    struct dim count;
    shape_print(from, sizeof from, c->symbols, &c->in[0]);
    shape_print(wanted, sizeof wanted, c->symbols, to);
    say_count(have, sizeof have, c, &c->in[0]);
    for (int i = 0; i < known.rank; i++)
        if (is_open(known.d[i]))
            known.d[i] = dim_const(1);
    say_count(need, sizeof need, c, &known);
    if (open)
        shape_refuse(c, E_RESHAPE, "%s: %s has %s elements, which %s does not divide", c->spelling,
                     c->in[0].rank ? from : "a scalar", have, need);
    else
        shape_refuse(c, E_RESHAPE, "%s: %s has %s elements, but %s has %s", c->spelling,
                     c->in[0].rank ? from : "a scalar", have, to->rank ? wanted : "a scalar", need);
    shape_mark(c, 0, -1);
    bool written = c->spelling == c->op->name; /* else the sizes are not the script's */
    if (written && shape_count(c->symbols, &c->in[0], &count))
        help_reshape(c, count, to);
    return false;
}

/* The size that the open axis must have: count(in) / the others. When only a run can tell whether
 * that comes out whole, it is rounded down here and checked there. */
static bool fill_open(struct shape_call *c, const struct shape *to, int open) {
    struct shape others = *to;
    struct dim have, known;
    others.d[open] = dim_const(1);
    bool countable = shape_count(c->symbols, &c->in[0], &have) &&
                     shape_count(c->symbols, &others, &known);
    if (countable && dim_is_const(known) && known.k == 0) {
        shape_refuse(c, E_RESHAPE,
                     "%s: the size for -1 is anybody's guess: the others make 0 elements",
                     c->spelling);
        shape_mark(c, 0, -1);
        return false;
    }
    if (countable && dim_divide(c->symbols, have, known, &c->out.d[open]))
        return true;
    if (countable && dim_is_const(have) && dim_is_const(known))
        return refuse_reshape(c, to, true);
    if (!countable || !dim_floor_divide(c->symbols, have, known, &c->out.d[open]))
        c->out.d[open] = dim_fresh(c->symbols);
    return true;
}

bool reshape_shape(struct shape_call *c) {
    struct shape to = c->attr[0].shape;
    int open = -1;
    c->out = to;
    c->out_dtype = c->in_dtype[0];
    for (int i = 0; i < to.rank; i++) {
        if (!dim_is_const(to.d[i]) || to.d[i].k >= 0)
            continue;
        if (to.d[i].k < -1 || open >= 0)
            return shape_refuse(c, E_RESHAPE,
                                to.d[i].k < -1 ? "%s: a size cannot be negative, but for one -1"
                                               : "%s: only one size may be -1",
                                c->spelling);
        open = i;
    }
    if (open >= 0)
        return fill_open(c, &to, open);
    struct dim have, want;
    if (!shape_count(c->symbols, &c->in[0], &have) || !shape_count(c->symbols, &to, &want))
        return true;
    return dim_compare(c->symbols, have, want) != DIM_DIFFER || refuse_reshape(c, &to, false);
}

void reshape_gradient(struct gradient_call *c) {
    if (c->need[0])
        c->dx[0] = build_reshape(c->b, c->dy, &c->node->in[0]->shape);
}

/* ---- transpose, broadcast_to */

bool transpose_shape(struct shape_call *c) {
    const struct shape *in = &c->in[0];
    struct attr *perm = &c->attr[0];
    uint32_t seen = 0;
    if (perm->kind == ATTR_UNSET) {
        perm->kind = ATTR_AXES;
        perm->ints.n = in->rank;
        for (int i = 0; i < in->rank; i++)
            perm->ints.v[i] = in->rank - 1 - i;
    }
    if (perm->ints.n != in->rank) {
        shape_refuse(c, E_AXIS, "%s: the order names %d axes, but there are %d", c->spelling,
                     perm->ints.n, in->rank);
        shape_mark(c, 0, -1);
        return false;
    }
    c->out = *in;
    c->out.on_purpose = 0;
    c->out_dtype = c->in_dtype[0];
    for (int i = 0; i < in->rank; i++) {
        if (!axis_normalise(c, 0, &perm->ints.v[i]))
            return false;
        int axis = (int)perm->ints.v[i];
        if (seen >> axis & 1) {
            shape_refuse(c, E_AXIS, "%s: axis %d is named twice", c->spelling, axis);
            shape_mark(c, 0, axis);
            return false;
        }
        seen |= 1u << axis;
        c->out.d[i] = in->d[axis];
        c->out.on_purpose |= (in->on_purpose >> axis & 1) << i;
    }
    return true;
}

void transpose_gradient(struct gradient_call *c) {
    const struct attr *perm = &c->node->attr[0];
    struct attr back = {.kind = ATTR_AXES};
    back.ints.n = perm->ints.n;
    for (int i = 0; i < perm->ints.n; i++)
        back.ints.v[perm->ints.v[i]] = i;
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_transpose, &c->dy, 1, &back, NULL, NULL);
}

bool broadcast_to_shape(struct shape_call *c) {
    const struct shape *in = &c->in[0], *to = &c->attr[0].shape;
    int lead = to->rank - in->rank;
    c->out = *to;
    c->out_dtype = c->in_dtype[0];
    bool fits = lead >= 0;
    for (int i = 0; fits && i < in->rank; i++)
        fits = dim_is_one(in->d[i]) ||
               dim_compare(c->symbols, in->d[i], to->d[lead + i]) != DIM_DIFFER;
    if (fits)
        return true;
    char from[SHAPE_TEXT], wanted[SHAPE_TEXT];
    shape_print(from, sizeof from, c->symbols, in);
    shape_print(wanted, sizeof wanted, c->symbols, to);
    shape_refuse(c, E_BROADCAST, "%s: %s cannot be stretched to %s", c->spelling, from,
                 to->rank ? wanted : "a scalar");
    shape_mark(c, 0, -1);
    return false;
}

void broadcast_to_gradient(struct gradient_call *c) {
    if (c->need[0])
        c->dx[0] = build_sum_to(c->b, c->dy, &c->node->in[0]->shape);
}

/* ---- concat */

/* The sum of the parts' sizes; a new `?` when that is too much to say. */
static struct dim total_size(struct shape_call *c, int axis) {
    struct dim total = dim_const(0);
    for (int i = 0; i < c->n_in; i++)
        if (!dim_add(c->symbols, total, c->in[i].d[axis], &total))
            return dim_fresh(c->symbols);
    return total;
}

bool concat_shape(struct shape_call *c) {
    if (c->in[0].rank == 0) {
        shape_refuse(c, E_AXIS, "%s: scalars have no axis to be laid along", c->spelling);
        shape_mark(c, 0, -1);
        return false;
    }
    if (!axis_normalise(c, 0, &c->attr[0].i))
        return false;
    int axis = (int)c->attr[0].i, rank = c->in[0].rank;
    c->out = c->in[0];
    c->out.on_purpose = 0;
    c->out_dtype = c->in_dtype[0];
    for (int i = 1; i < c->n_in; i++) {
        if (c->in[i].rank != rank) {
            shape_refuse(c, E_SHAPE, "%s: part 0 has %d %s, part %d has %d", c->spelling, rank,
                         rank == 1 ? "axis" : "axes", i,
                         c->in[i].rank);
            shape_mark(c, 0, -1);
            shape_mark(c, i, -1);
            return false;
        }
        for (int k = 0; k < rank; k++) {
            struct dim have = c->out.d[k], d = c->in[i].d[k];
            if (k != axis && dim_compare(c->symbols, have, d) == DIM_DIFFER) {
                char a[SHAPE_TEXT], b[SHAPE_TEXT];
                dim_print(a, sizeof a, c->symbols, have);
                dim_print(b, sizeof b, c->symbols, d);
                shape_refuse(c, E_SHAPE, "%s: axis %d is %s in part 0 and %s in part %d",
                             c->spelling, k, a, b, i);
                shape_mark(c, 0, k);
                shape_mark(c, i, k);
                return false;
            }
            if (dim_is_const(d))
                c->out.d[k] = d;
        }
    }
    c->out.d[axis] = total_size(c, axis);
    return true;
}

/* The part of x along an axis, from `begin` to `begin + size`. */
static struct node *part_of(struct build *b, struct node *x, int axis, struct dim begin,
                            struct dim size) {
    struct attr attr[3] = {{.kind = ATTR_SHAPE}, {.kind = ATTR_SHAPE}, {.kind = ATTR_INTS}};
    struct dim end;
    if (!dim_add(b->symbols, begin, size, &end))
        return NULL;
    for (int i = 0; i < x->shape.rank; i++) {
        attr[0].shape.d[i] = i == axis ? begin : dim_const(0);
        attr[1].shape.d[i] = i == axis ? end : dim_const(INT64_MAX);
        attr[2].ints.v[i] = 1;
    }
    attr[0].shape.rank = attr[1].shape.rank = attr[2].ints.n = x->shape.rank;
    return build_op(b, OP_slice, &x, 1, attr, NULL, NULL);
}

void concat_gradient(struct gradient_call *c) {
    int axis = (int)c->node->attr[0].i;
    struct dim begin = dim_const(0);
    for (int i = 0; i < c->node->n_in; i++) {
        struct dim size = c->node->in[i]->shape.d[axis];
        if (c->need[i]) {
            struct node *part = part_of(c->b, c->dy, axis, begin, size);
            c->dx[i] = part ? build_reshape(c->b, part, &c->node->in[i]->shape) : NULL;
        }
        if (!dim_add(c->b->symbols, begin, size, &begin))
            return;
    }
}

/* ---- slice */

/* Settles one axis of a known size, as Python's slice.indices does; gives how many elements it
 * has. */
static int64_t settle_slice(int64_t size, int64_t step, int64_t *begin, int64_t *end) {
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    int64_t *bound[2] = {begin, end};
    for (int i = 0; i < 2; i++) {
        int64_t v = *bound[i];
        if (v < 0 && v > INT64_MIN + size)
            v += size;
        *bound[i] = v < low ? low : v > high ? high : v;
    }
    int64_t span = step > 0 ? *end - *begin : *begin - *end;
    /* the negative of the least step does not exist; any span is within it */
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    if (span <= 0) {
        *begin = *end = 0;
        return 0;
    }
    if (*end < 0)
        *end = INT64_MIN;
    return (int64_t)(((uint64_t)span - 1) / stride + 1);
}

/* Whether an axis of unknown size may be too short for a bound, which NumPy then moves to its end,
 * so that the bounds alone do not say how many elements there are. */
static bool may_be_cut(struct dim size, struct dim bound, bool low) {
    bool unset = bound.k == INT64_MIN || bound.k == INT64_MAX;
    return dim_is_const(bound) && !dim_is_const(size) && !unset && (bound.k < 0) == low;
}

/* Where a bound lies on the axis: counted from the back when it is negative. */
static bool place_bound(struct symbols *s, struct dim size, struct dim *bound) {
    if (dim_is_const(*bound) && bound->k == INT64_MAX)
        *bound = size;
    else if (dim_is_const(*bound) && bound->k == INT64_MIN)
        *bound = dim_const(0);
    else if (dim_is_const(*bound) && bound->k < 0 && !dim_add(s, size, *bound, bound))
        return false;
    if (dim_is_const(size) && dim_is_const(*bound))
        bound->k = bound->k < 0 ? 0 : bound->k > size.k ? size.k : bound->k;
    return true;
}

/* (end, begin] as [end + 1, begin + 1): what a negative step runs over. */
static bool turn_bound(struct symbols *s, struct dim *bound) {
    if (!dim_is_const(*bound))
        return dim_add(s, *bound, dim_const(1), bound);
    if (bound->k == -1)
        bound->k = INT64_MAX; /* the end of the axis */
    else if (bound->k != INT64_MIN && bound->k != INT64_MAX)
        bound->k++;
    return true;
}

/* The size of a slice of an axis whose size, or whose bounds, are named. A `?` when the size that
 * an axis will have decides how much of the slice there is, as in x[:5]. */
static struct dim open_slice(struct shape_call *c, struct dim size, struct dim begin,
                             struct dim end, int64_t step) {
    struct symbols *s = c->symbols;
    struct dim low = step > 0 ? begin : end, high = step > 0 ? end : begin, n;
    int64_t stride = step > 0 ? step : step == INT64_MIN ? INT64_MAX : -step;
    bool cut = may_be_cut(size, low, true) || may_be_cut(size, high, false);
    if ((step < 0 && (!turn_bound(s, &low) || !turn_bound(s, &high))) ||
        !place_bound(s, size, &low) || !place_bound(s, size, &high) ||
        !dim_subtract(s, high, low, &n) || !dim_ceil_divide(s, n, dim_const(stride), &n))
        return dim_fresh(s);
    if (dim_is_const(n) && n.k <= 0)
        return dim_const(0);
    return cut && !dim_is_one(n) ? dim_fresh(s) : n;
}

/* Bounds are whole numbers, or dims while there are names among them; as soon as there are none,
 * they are numbers again. */
static void settle_bounds(struct attr *bound) {
    struct shape s = bound->shape;
    if (bound->kind != ATTR_SHAPE || !shape_is_const(&s))
        return;
    *bound = (struct attr){.kind = ATTR_INTS};
    bound->ints.n = s.rank;
    for (int i = 0; i < s.rank; i++)
        bound->ints.v[i] = s.d[i].k;
}

static struct dim bound_at(const struct attr *bound, int axis) {
    return bound->kind == ATTR_SHAPE ? bound->shape.d[axis] : dim_const(bound->ints.v[axis]);
}

static void set_bound(struct attr *bound, int axis, struct dim to) {
    if (bound->kind == ATTR_SHAPE)
        bound->shape.d[axis] = to;
    else
        bound->ints.v[axis] = to.k;
}

/* Settles begin, end and step, which are attr[0..2], for a tensor of shape `of`; the slice's
 * shape in `out`. */
static bool slice_of(struct shape_call *c, const struct shape *of, struct attr *attr,
                     struct shape *out) {
    settle_bounds(&attr[0]);
    settle_bounds(&attr[1]);
    for (int i = 0; i < 3; i++) {
        int n = attr[i].kind == ATTR_SHAPE ? attr[i].shape.rank : attr[i].ints.n;
        if (n != of->rank)
            return shape_refuse(c, E_SHAPE, "%s: %d axes are named, but there are %d", c->spelling,
                                n, of->rank);
    }
    out->rank = of->rank;
    out->on_purpose = 0;
    for (int i = 0; i < of->rank; i++) {
        struct dim begin = bound_at(&attr[0], i), end = bound_at(&attr[1], i);
        int64_t step = attr[2].ints.v[i];
        if (step == 0)
            return shape_refuse(c, E_OUT_OF_RANGE, "%s: a step of 0 along axis %d", c->spelling, i);
        if (!dim_is_const(of->d[i]) || !dim_is_const(begin) || !dim_is_const(end)) {
            out->d[i] = open_slice(c, of->d[i], begin, end, step);
            if (attr[0].kind == ATTR_SHAPE && dim_is_const(begin) && begin.k == INT64_MIN)
                set_bound(&attr[0], i, dim_const(0));
            if (attr[1].kind == ATTR_SHAPE && dim_is_const(end) && end.k == INT64_MAX)
                set_bound(&attr[1], i, of->d[i]);
            continue;
        }
        out->d[i] = dim_const(settle_slice(of->d[i].k, step, &begin.k, &end.k));
        set_bound(&attr[0], i, begin);
        set_bound(&attr[1], i, end);
    }
    return true;
}

bool slice_shape(struct shape_call *c) {
    c->out_dtype = c->in_dtype[0];
    return slice_of(c, &c->in[0], c->attr, &c->out);
}

bool slice_gradient_shape(struct shape_call *c) {
    struct shape slice = {0};
    const struct shape *g = &c->in[0];
    c->out = c->attr[0].shape;
    c->out_dtype = c->in_dtype[0];
    if (!slice_of(c, &c->out, c->attr + 1, &slice))
        return false;
    bool fits = g->rank == slice.rank;
    for (int i = 0; fits && i < g->rank; i++)
        fits = dim_compare(c->symbols, g->d[i], slice.d[i]) != DIM_DIFFER;
    if (fits)
        return true;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    shape_print(have, sizeof have, c->symbols, g);
    shape_print(want, sizeof want, c->symbols, &slice);
    shape_refuse(c, E_SHAPE, "%s: the slice is %s, but what is to be laid into it is %s",
                 c->spelling, want, have);
    shape_mark(c, 0, -1);
    return false;
}

void slice_gradient(struct gradient_call *c) {
    const struct node *n = c->node;
    struct attr attr[4] = {
        {.kind = ATTR_SHAPE, .shape = n->in[0]->shape}, n->attr[0], n->attr[1], n->attr[2]};
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_slice_gradient, &c->dy, 1, attr, NULL, NULL);
}

void slice_gradient_gradient(struct gradient_call *c) {
    if (c->need[0])
        c->dx[0] = build_op(c->b, OP_slice, &c->dy, 1, c->node->attr + 1, NULL, NULL);
}

/* ---- one_hot */

bool one_hot_shape(struct shape_call *c) {
    int64_t depth = c->attr[0].i;
    if (!dtype_is_int(c->in_dtype[0])) {
        shape_refuse(c, E_DTYPE, "%s: indices must be whole numbers, but they are %s", c->spelling,
                     dtype_name(c->in_dtype[0]));
        shape_mark(c, 0, -1);
        shape_help(c, "convert them first: cast(x, int)");
        return false;
    }
    if (depth < 0)
        return shape_refuse(c, E_OUT_OF_RANGE, "%s: depth is %" PRId64 ", it cannot be negative",
                            c->spelling, depth);
    if (c->in[0].rank == MAX_RANK) {
        shape_refuse(c, E_SHAPE, "%s: a tensor has at most %d axes", c->spelling, MAX_RANK);
        shape_mark(c, 0, -1);
        return false;
    }
    c->out = c->in[0];
    c->out.d[c->out.rank++] = dim_const(depth);
    c->out_dtype = c->attr[1].dtype;
    return true;
}

#endif
