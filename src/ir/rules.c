/* What shape rules share: refusing, axes, NumPy's broadcasting with one refusal, and the rules of
 * elementwise rows and of rows whose signature says it all. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/op.h"

bool shape_refuse(struct shape_call *c, enum diag_code code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    c->fault->code = code;
    vsnprintf(c->fault->message, sizeof c->fault->message, format, args);
    va_end(args);
    c->fault->n_marks = 0;
    c->fault->help[0] = 0;
    return false;
}

void shape_mark(struct shape_call *c, int operand, int axis) {
    struct fault *f = c->fault;
    if (f->n_marks == MAX_INPUTS)
        return;
    f->mark[f->n_marks].operand = operand;
    f->mark[f->n_marks].axis = axis;
    f->mark[f->n_marks++].text[0] = 0;
}

void shape_help(struct shape_call *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->fault->help, sizeof c->fault->help, format, args);
    va_end(args);
}

bool axis_normalise(struct shape_call *c, int operand, int64_t *axis) {
    int rank = c->in[operand].rank;
    if (*axis >= -rank && *axis < rank) {
        if (*axis < 0)
            *axis += rank;
        return true;
    }
    if (rank == 0)
        shape_refuse(c, E_AXIS, "%s: there is no axis %lld, the operand is a scalar", c->spelling,
                     (long long)*axis);
    else
        shape_refuse(c, E_AXIS, "%s: there is no axis %lld, the operand has axes 0 to %d",
                     c->spelling, (long long)*axis, rank - 1);
    shape_mark(c, operand, -1);
    return false;
}

bool axes_normalise(struct shape_call *c, int operand, struct attr *axes) {
    int rank = c->in[operand].rank;
    bool chosen[MAX_RANK] = {false};
    bool all = axes->kind == ATTR_UNSET || axes->ints.n < 0;
    for (int i = 0; !all && i < axes->ints.n; i++) {
        int64_t axis = axes->ints.v[i];
        if (!axis_normalise(c, operand, &axis))
            return false;
        if (chosen[axis]) {
            shape_refuse(c, E_AXIS, "%s: axis %lld is named twice", c->spelling, (long long)axis);
            shape_mark(c, operand, (int)axis);
            return false;
        }
        chosen[axis] = true;
    }
    axes->kind = ATTR_AXES;
    axes->ints.n = 0;
    for (int i = 0; i < rank; i++)
        if (all || chosen[i])
            axes->ints.v[axes->ints.n++] = i;
    return true;
}

enum dim_match dim_broadcast(const struct symbols *s, struct dim a, struct dim b, struct dim *out) {
    *out = dim_is_one(a) ? b : a;
    if (dim_is_one(a) || dim_is_one(b))
        return DIM_SAME;
    /* of two that may be equal, a number says more than a symbol, and a name more than `?` */
    bool take_b = dim_is_const(b) && !dim_is_const(a);
    if (!dim_is_const(a) && !dim_is_const(b))
        take_b = !dim_is_named(s, a) && dim_is_named(s, b);
    if (take_b)
        *out = b;
    return dim_compare(s, a, b);
}

/* The dim of operand i that meets result axis `axis` of `rank`; a missing leading axis is a 1. */
static struct dim aligned(const struct shape *s, int axis, int rank) {
    int own = axis - (rank - s->rank);
    return own < 0 ? dim_const(1) : s->d[own];
}

static bool refuse_broadcast(struct shape_call *c, int i, int axis, int rank, struct dim have) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    int own = axis - (rank - c->in[i].rank);
    dim_print(a, sizeof a, c->symbols, have);
    dim_print(b, sizeof b, c->symbols, c->in[i].d[own]);
    shape_refuse(c, E_BROADCAST, "`%s` cannot combine these shapes: %s is not %s", c->spelling, a,
                 b);
    for (int k = 0; k <= i; k++) {
        int at = axis - (rank - c->in[k].rank);
        if (k == i || (at >= 0 && dim_same(c->in[k].d[at], have)))
            shape_mark(c, k, at);
    }
    return false;
}

/* [n, 1] - [n]: each operand would stretch along an axis where the other does not, and nobody wrote
 * the 1 in order to have it stretched. Almost always a column meant to be a vector. */
static bool refuse_two_stretch(struct shape_call *c, int rank) {
    bool stretched[MAX_INPUTS] = {false}, meant = false;
    for (int i = 0; i < c->n_in; i++)
        for (int axis = 0; axis < rank; axis++) {
            int own = axis - (rank - c->in[i].rank);
            if (!dim_is_one(aligned(&c->in[i], axis, rank)) || dim_is_one(c->out.d[axis]))
                continue;
            if (c->in[i].rank)
                stretched[i] = true;
            if (own >= 0 && (c->in[i].on_purpose >> own & 1))
                meant = true;
        }
    int n = 0, which[MAX_INPUTS];
    for (int i = 0; i < c->n_in; i++)
        if (stretched[i])
            which[n++] = i;
    if (n < 2 || meant || c->lenient)
        return true;
    char all[SHAPE_TEXT];
    shape_print(all, sizeof all, c->symbols, &c->out);
    shape_refuse(c, E_TWO_STRETCH, "`%s` would stretch both operands, to %s", c->spelling, all);
    shape_mark(c, which[0], -1);
    shape_mark(c, which[1], -1);
    const struct shape *a = &c->in[which[0]], *b = &c->in[which[1]];
    bool column_and_row = (a->rank == 2 && b->rank == 1 && dim_is_one(a->d[1])) ||
                          (b->rank == 2 && a->rank == 1 && dim_is_one(b->d[1]));
    if (column_and_row)
        shape_help(c, "drop the column's axis of 1 with [:, 0]; if every pair is meant, say so with "
                      "`new` at the other one: row[new, :]");
    else
        shape_help(c, "if every pair is meant, write one of the axes of 1 on purpose: "
                      "x[:, 0][:, new]");
    return false;
}

bool shape_broadcast(struct shape_call *c) {
    int rank = 0;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].rank > rank)
            rank = c->in[i].rank;
    c->out = (struct shape){.rank = rank};
    for (int axis = 0; axis < rank; axis++) {
        struct dim d = dim_const(1);
        for (int i = 0; i < c->n_in; i++) {
            struct dim both;
            if (dim_broadcast(c->symbols, d, aligned(&c->in[i], axis, rank), &both) == DIM_DIFFER)
                return refuse_broadcast(c, i, axis, rank, d);
            d = both;
        }
        c->out.d[axis] = d;
        for (int i = 0; i < c->n_in && dim_is_one(d); i++) {
            int own = axis - (rank - c->in[i].rank);
            if (own >= 0 && (c->in[i].on_purpose >> own & 1))
                c->out.on_purpose |= 1u << axis;
        }
    }
    return refuse_two_stretch(c, rank);
}

static bool in_domain(enum op_domain domain, enum dtype t) {
    switch (domain) {
    case DOMAIN_NUM:
        return t != DTYPE_BOOL;
    case DOMAIN_FLT:
        return dtype_is_float(t);
    case DOMAIN_BIT:
        return t == DTYPE_BOOL;
    default:
        return true;
    }
}

bool shape_elementwise(struct shape_call *c) {
    enum op_domain domain = c->op->domain;
    for (int i = 0; i < c->n_in; i++) {
        if (in_domain(domain, c->in_dtype[i]))
            continue;
        const char *wants = domain == DOMAIN_FLT   ? "a float"
                            : domain == DOMAIN_BIT ? "a bool"
                                                   : "a number";
        shape_refuse(c, E_DTYPE, "`%s` needs %s, but this is %s", c->spelling, wants,
                     dtype_name(c->in_dtype[i]));
        shape_mark(c, i, -1);
        if (domain == DOMAIN_BIT)
            shape_help(c, "compare it with something: x != 0");
        else
            shape_help(c, "convert it first: cast(x, float)");
        return false;
    }
    return shape_broadcast(c);
}

bool shape_signature(struct shape_call *c) {
    c->out = c->in[0];
    return true;
}
