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
    if (shape_count(s, &count))
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
        if (is_open(to->d[i]) || !shape_count(&rest, &others) ||
            !dim_divide(count, others, &fitting) || (dim_is_const(others) && others.k == 0))
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
    if (written && shape_count(&c->in[0], &count))
        help_reshape(c, count, to);
    return false;
}

/* The size that the open axis must have: count(in) / the others. A new `?` when only a run can
 * tell. */
static bool fill_open(struct shape_call *c, const struct shape *to, int open) {
    struct shape others = *to;
    struct dim have, known;
    others.d[open] = dim_const(1);
    bool countable = shape_count(&c->in[0], &have) && shape_count(&others, &known);
    if (countable && dim_is_const(known) && known.k == 0) {
        shape_refuse(c, E_RESHAPE,
                     "%s: the size for -1 is anybody's guess: the others make 0 elements",
                     c->spelling);
        shape_mark(c, 0, -1);
        return false;
    }
    if (countable && dim_divide(have, known, &c->out.d[open]))
        return true;
    if (countable && dim_is_const(have) && dim_is_const(known))
        return refuse_reshape(c, to, true);
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
    if (!shape_count(&c->in[0], &have) || !shape_count(&to, &want))
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

/* The sum of the parts' sizes: exact when all are numbers or all are the same, else a new `?`. */
static struct dim total_size(struct shape_call *c, int axis) {
    int64_t sum = 0;
    bool known = true, same = true;
    for (int i = 0; i < c->n_in; i++) {
        struct dim d = c->in[i].d[axis];
        known = known && dim_is_const(d) && !__builtin_add_overflow(sum, d.k, &sum);
        same = same && dim_same(d, c->in[0].d[axis]);
    }
    struct dim total;
    if (known)
        return dim_const(sum);
    if (same && dim_multiply(dim_const(c->n_in), c->in[0].d[axis], &total))
        return total;
    return dim_fresh(c->symbols);
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

/* The part of dy that belongs to input i, as a slice: counted from the front while the sizes
 * there are numbers, else from the back. false when neither is known. */
static bool part_bounds(const struct node *n, int axis, int part, int64_t *begin, int64_t *end) {
    int64_t before = 0, after = 0;
    bool front = true, back = true;
    for (int i = 0; i < part; i++) {
        front = front && dim_is_const(n->in[i]->shape.d[axis]);
        before += n->in[i]->shape.d[axis].k;
    }
    for (int i = part + 1; i < n->n_in; i++) {
        back = back && dim_is_const(n->in[i]->shape.d[axis]);
        after += n->in[i]->shape.d[axis].k;
    }
    struct dim own = n->in[part]->shape.d[axis];
    bool known = dim_is_const(own);
    if (front)
        *begin = before;
    else if (back && known && own.k + after > 0)
        *begin = -(own.k + after);
    else
        return false;
    if (front && known)
        *end = before + own.k;
    else if (back)
        *end = after ? -after : INT64_MAX;
    else
        return false;
    return true;
}

static struct node *slice_axis(struct build *b, struct node *x, int axis, int64_t begin,
                               int64_t end) {
    struct attr attr[3] = {{.kind = ATTR_INTS}, {.kind = ATTR_INTS}, {.kind = ATTR_INTS}};
    for (int i = 0; i < x->shape.rank; i++) {
        attr[0].ints.v[i] = i == axis ? begin : INT64_MIN;
        attr[1].ints.v[i] = i == axis ? end : INT64_MAX;
        attr[2].ints.v[i] = 1;
    }
    attr[0].ints.n = attr[1].ints.n = attr[2].ints.n = x->shape.rank;
    return build_op(b, OP_slice, &x, 1, attr, NULL, NULL);
}

/* Parts of one symbolic size: dy as [.., n, size, ..], of which the part is one index. */
static struct node *part_of_equals(struct gradient_call *c, int axis, int part) {
    const struct node *n = c->node;
    struct shape split = {.rank = n->shape.rank + 1};
    if (n->shape.rank == MAX_RANK)
        return NULL;
    for (int i = 0; i < n->n_in; i++)
        if (!dim_same(n->in[i]->shape.d[axis], n->in[0]->shape.d[axis]))
            return NULL;
    for (int i = 0; i < n->shape.rank; i++)
        split.d[i + (i >= axis)] = n->in[0]->shape.d[i];
    split.d[axis] = dim_const(n->n_in);
    struct node *dy = build_reshape(c->b, c->dy, &split);
    struct node *slice = dy ? slice_axis(c->b, dy, axis, part, part + 1) : NULL;
    return slice ? build_reshape(c->b, slice, &n->in[part]->shape) : NULL;
}

void concat_gradient(struct gradient_call *c) {
    int axis = (int)c->node->attr[0].i;
    for (int i = 0; i < c->node->n_in; i++) {
        int64_t begin, end;
        if (!c->need[i])
            continue;
        if (part_bounds(c->node, axis, i, &begin, &end)) {
            struct node *part = slice_axis(c->b, c->dy, axis, begin, end);
            c->dx[i] = part ? build_reshape(c->b, part, &c->node->in[i]->shape) : NULL;
        } else {
            c->dx[i] = part_of_equals(c, axis, i);
        }
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

/* The size of a slice of an axis whose size is not known: all of it, one element, or a new `?`. */
static struct dim open_slice(struct shape_call *c, struct dim size, int64_t begin, int64_t end,
                             int64_t step) {
    bool forwards = step == 1 && (begin == INT64_MIN || begin == 0) && end == INT64_MAX;
    bool backwards = step == -1 && (begin == INT64_MAX || begin == -1) && end == INT64_MIN;
    if (forwards || backwards)
        return size;
    bool one_from_front = step == 1 && begin >= 0 && begin < INT64_MAX && end == begin + 1;
    bool one_from_back = step == 1 && begin < 0 && begin > INT64_MIN &&
                         (begin == -1 ? end == INT64_MAX : end == begin + 1);
    return one_from_front || one_from_back ? dim_const(1) : dim_fresh(c->symbols);
}

/* Settles begin, end and step, which are attr[0..2], for a tensor of shape `of`; the slice's
 * shape in `out`. */
static bool slice_of(struct shape_call *c, const struct shape *of, struct attr *attr,
                     struct shape *out) {
    for (int i = 0; i < 3; i++)
        if (attr[i].ints.n != of->rank)
            return shape_refuse(c, E_SHAPE, "%s: %d axes are named, but there are %d", c->spelling,
                                attr[i].ints.n, of->rank);
    out->rank = of->rank;
    out->on_purpose = 0;
    for (int i = 0; i < of->rank; i++) {
        int64_t *begin = &attr[0].ints.v[i], *end = &attr[1].ints.v[i], step = attr[2].ints.v[i];
        if (step == 0)
            return shape_refuse(c, E_OUT_OF_RANGE, "%s: a step of 0 along axis %d", c->spelling, i);
        out->d[i] = dim_is_const(of->d[i]) ? dim_const(settle_slice(of->d[i].k, step, begin, end))
                                           : open_slice(c, of->d[i], *begin, *end, step);
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
