/* Appending nodes. A call is completed with defaults, checked for one dtype, shown to its shape
 * rule, and interned; a refusal is turned into a diagnostic that underlines the operands and says
 * of each its whole shape and where it comes from. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ir/build.h"

static const struct op_input *input_of(const struct op *op, int i) {
    return &op->input[i < op->n_inputs ? i : op->n_inputs - 1];
}

/* All inputs that the row gives no dtype of their own must have one; preset as the result's. */
static bool settle_dtypes(struct shape_call *c) {
    int first = -1;
    for (int i = 0; i < c->n_in; i++) {
        const struct op_input *in = input_of(c->op, i);
        if (in->type == TYPE_ANY || in->type == TYPE_WHOLE)
            continue;
        if (in->type >= 0) {
            if (c->in_dtype[i] == (enum dtype)in->type)
                continue;
            shape_refuse(c, E_DTYPE, "%s: `%s` must be %s, but is %s", c->spelling, in->name,
                         dtype_name((enum dtype)in->type), dtype_name(c->in_dtype[i]));
            shape_mark(c, i, -1);
            if (in->type == DTYPE_BOOL)
                shape_help(c, "compare it with something: x != 0");
            return false;
        }
        if (in->type == TYPE_SHARED_FLOAT && !dtype_is_float(c->in_dtype[i])) {
            shape_refuse(c, E_DTYPE, "%s: `%s` must be a float, but is %s", c->spelling, in->name,
                         dtype_name(c->in_dtype[i]));
            shape_mark(c, i, -1);
            shape_help(c, "convert it first: cast(x, float)");
            return false;
        }
        if (first >= 0 && c->in_dtype[i] != c->in_dtype[first]) {
            shape_refuse(c, E_DTYPE, "`%s` needs operands of one dtype, but %s is not %s",
                         c->spelling, dtype_name(c->in_dtype[first]), dtype_name(c->in_dtype[i]));
            shape_mark(c, first, -1);
            shape_mark(c, i, -1);
            shape_help(c, "convert one of them: cast(x, %s)", dtype_name(c->in_dtype[first]));
            return false;
        }
        if (first < 0)
            first = i;
    }
    if (c->n_in)
        c->out_dtype = c->in_dtype[first < 0 ? 0 : first];
    return true;
}

static void complete_attrs(struct attr *to, const struct op *op, const struct attr *given) {
    for (int i = 0; i < op->n_settings; i++) {
        bool unset = !given || given[i].kind == ATTR_UNSET;
        assert(!unset || !op->setting[i].required);
        to[i] = unset ? op->setting[i].fallback : given[i];
    }
}

struct node *build_op(struct build *b, enum op_id id, struct node *const *in, int n_in,
                      const struct attr *attr, const struct span *at, const char *path) {
    const struct op *op = &b->ops->op[id];
    struct arena scratch = {0};
    struct fault fault = {0};
    struct shape few[MAX_INPUTS], *shapes = few;
    enum dtype few_types[MAX_INPUTS], *types = few_types;
    if (n_in > MAX_INPUTS) {
        shapes = arena_array(&scratch, struct shape, n_in);
        types = arena_array(&scratch, enum dtype, n_in);
    }
    struct attr own[MAX_SETTINGS];
    memset(own, 0, sizeof own);
    complete_attrs(own, op, attr);
    for (int i = 0; i < n_in; i++)
        shapes[i] = in[i]->shape, types[i] = in[i]->dtype;
    struct shape_call c = {
        .op = op,
        .n_in = n_in,
        .in = shapes,
        .in_dtype = types,
        .attr = own,
        .lenient = !at,
        .spelling = b->spelling ? b->spelling : op->name,
        .symbols = b->symbols,
        .fault = &fault,
    };
    struct node *made = NULL;
    if (settle_dtypes(&c) && op->shape(&c)) {
        struct node like = {
            .op = op,
            .dtype = c.out_dtype,
            .shape = c.out,
            .n_in = n_in,
            .in = (struct node **)in,
            .attr = own,
            .origin = b->origin,
            .at = at,
            .spelling = c.spelling,
            .path = path,
        };
        made = graph_intern(b->graph, &like);
    } else {
        if (b->last_fault)
            *b->last_fault = fault;
        if (b->diags)
            build_report(b, &fault, in, n_in, at, b->origin);
    }
    arena_free(&scratch);
    return made;
}

/* The frame of a chain that a script's user wrote: the outermost one. */
static const struct origin *user_frame(const struct origin *o) {
    while (o && o->caller)
        o = o->caller;
    return o;
}

/* The word that made a node, as its user wrote it: the library function called, else the op. */
static void maker_word(struct build *b, const struct node *n, char *buf, size_t n_buf) {
    const struct origin *user = user_frame(n->origin);
    snprintf(buf, n_buf, "%s", n->spelling ? n->spelling : n->op->name);
    if (!user || user == n->origin || !user->span.source)
        return;
    struct span word = source_word(b->diags->sources, user->span);
    if (word.length)
        snprintf(buf, n_buf, "%.*s", (int)word.length, source_text(b->diags->sources, word));
}

/* "3136 = 7*7*64 " when a reshape multiplied known sizes into one. */
static void print_product(char *buf, size_t n_buf, const struct node *n, int axis) {
    buf[0] = 0;
    if (axis < 0 || n->op->id != OP_reshape || axis != n->shape.rank - 1)
        return;
    const struct shape *in = &n->in[0]->shape;
    struct dim size = n->shape.d[axis];
    int64_t product = 1;
    int first = in->rank;
    while (first > 0 && dim_is_const(in->d[first - 1]) && product < size.k)
        product *= in->d[--first].k;
    if (!dim_is_const(size) || product != size.k || in->rank - first < 2)
        return;
    int used = snprintf(buf, n_buf, "%" PRId64 " = ", size.k);
    for (int i = first; i < in->rank; i++)
        used += snprintf(buf + used, n_buf - (size_t)used, "%" PRId64 "%s", in->d[i].k,
                         i < in->rank - 1 ? "*" : " ");
}

/* "line 7", or "line 7 of nets.nn" when that is another file than `source`. */
static const char *line_words(struct build *b, struct span at, uint32_t source, char *buf,
                              size_t n_buf) {
    const struct place place = source_place(b->diags->sources, at);
    const char *slash = strrchr(place.path, '/');
    bool here = !source || source == at.source;
    snprintf(buf, n_buf, here ? "line %u" : "line %u of %s", place.line,
             slash ? slash + 1 : place.path);
    return buf;
}

void build_describe(struct build *b, const struct node *n, int axis, uint32_t source, char *buf,
                    size_t n_buf) {
    char shape[SHAPE_TEXT], product[96], word[48];
    shape_print(shape, sizeof shape, b->symbols, &n->shape);
    int used =
        snprintf(buf, n_buf, "%s%s", dtype_name(n->dtype), n->shape.rank ? shape : ", a scalar");
    if (used < 0 || (size_t)used >= n_buf)
        return;
    buf += used, n_buf -= (size_t)used;
    char line[96];
    if (n->op->id == OP_variable && n->variable->declared.source) {
        snprintf(buf, n_buf, ": declared at %s",
                 line_words(b, n->variable->declared, source, line, sizeof line));
    } else if (n->op->id == OP_placeholder && n->spelling && n->origin) { /* in a loop's body */
        snprintf(buf, n_buf, ": %s, %s", n->spelling,
                 line_words(b, user_frame(n->origin)->span, source, line, sizeof line));
    } else if (n->op->id == OP_placeholder && n->origin) {
        snprintf(buf, n_buf, ": declared at %s",
                 line_words(b, n->origin->span, source, line, sizeof line));
    } else if (n->op->id != OP_constant && n->origin && user_frame(n->origin)->span.source) {
        print_product(product, sizeof product, n, axis);
        maker_word(b, n, word, sizeof word);
        snprintf(buf, n_buf, ": %sfrom %s, %s", product, word,
                 line_words(b, user_frame(n->origin)->span, source, line, sizeof line));
    }
}

/* The operands of a fault where the user wrote them: a call within a definition of a library is
 * shown by the user's own arguments, if all of them are such. Into users[k] for each mark. */
static bool find_users_operands(const struct build *b, const struct fault *fault, int n_in,
                                const struct span *at, const struct origin *origin,
                                struct span *users) {
    for (int i = 0; i < fault->n_marks; i++) {
        int k = fault->mark[i].operand;
        if (k < 0 || k >= n_in || !origin)
            return false;
        users[i] = at[k];
        if (!source_find_users(b->diags->sources, origin->caller, &users[i]))
            return false;
    }
    return fault->n_marks > 0;
}

/* The leftmost underlined operand is where an editor should jump, unless it stands on another
 * line. */
static struct span leftmost(const struct fault *fault, const struct span *place,
                            struct span where) {
    for (int i = fault->n_marks - 1; i >= 0; i--)
        if (place[i].source)
            where = place[i];
    for (int i = 0; i < fault->n_marks; i++)
        if (place[i].source == where.source && place[i].offset < where.offset)
            where = place[i];
    return where;
}

void build_report(struct build *b, const struct fault *fault, struct node *const *in, int n_in,
                  const struct span *at, const struct origin *origin) {
    struct span own[MAX_INPUTS] = {{0}}, users[MAX_INPUTS] = {{0}}, *place = own;
    for (int i = 0; at && i < fault->n_marks; i++)
        if (fault->mark[i].operand >= 0 && fault->mark[i].operand < n_in)
            own[i] = at[fault->mark[i].operand];
    if (at && find_users_operands(b, fault, n_in, at, origin, users))
        place = users;
    struct span where = leftmost(fault, place, origin ? origin->span : (struct span){0});
    const struct origin *shown = source_users_frame(b->diags->sources, origin);
    struct diag *d = diag_error(b->diags, fault->code, where, "%s", fault->message);
    for (int i = 0; at && i < fault->n_marks; i++) {
        int k = fault->mark[i].operand;
        if (k < 0 || k >= n_in)
            continue;
        char text[SHAPE_TEXT + 256];
        if (fault->mark[i].text[0])
            snprintf(text, sizeof text, "%s", fault->mark[i].text);
        else
            build_describe(b, in[k], fault->mark[i].axis, shown ? shown->span.source : 0, text,
                           sizeof text);
        diag_label(d, place[i], "%s", text);
    }
    if (fault->help[0])
        diag_help(d, "%s", fault->help);
    diag_trail(d, origin);
    if (place == users)
        d->at = where;
}

struct node *build_constant(struct build *b, struct tensor *value) {
    struct node like = {
        .op = &b->ops->op[OP_constant],
        .dtype = value->dtype,
        .shape = tensor_shape(value),
        .origin = b->origin,
        .value = value,
    };
    return graph_intern(b->graph, &like);
}

struct node *build_scalar(struct build *b, enum dtype t, double value) {
    struct tensor *scalar = tensor_scalar(t, value);
    struct node *n = build_constant(b, scalar);
    tensor_unref(scalar);
    return n;
}

struct node *build_placeholder(struct build *b, const char *name, enum dtype t,
                               const struct shape *shape, struct node *fallback) {
    struct node like = {
        .op = &b->ops->op[OP_placeholder],
        .dtype = t,
        .shape = *shape,
        .origin = b->origin,
        .name = name,
        .fallback = fallback,
    };
    return graph_intern(b->graph, &like);
}

struct node *build_variable(struct build *b, struct variable *v) {
    struct node like = {
        .op = &b->ops->op[OP_variable],
        .dtype = v->dtype,
        .shape = v->shape,
        .origin = b->origin,
        .name = v->path,
        .variable = v,
    };
    return graph_intern(b->graph, &like);
}

struct node *build_1(struct build *b, enum op_id id, struct node *x) {
    return build_op(b, id, &x, 1, NULL, NULL, NULL);
}

struct node *build_2(struct build *b, enum op_id id, struct node *x, struct node *y) {
    return build_op(b, id, (struct node *[]){x, y}, 2, NULL, NULL, NULL);
}

struct node *build_3(struct build *b, enum op_id id, struct node *x, struct node *y,
                     struct node *z) {
    return build_op(b, id, (struct node *[]){x, y, z}, 3, NULL, NULL, NULL);
}

static struct node *build_to_shape(struct build *b, enum op_id id, struct node *x,
                                   const struct shape *to) {
    if (shape_same(&x->shape, to))
        return x;
    struct attr attr = {.kind = ATTR_SHAPE, .shape = *to};
    return build_op(b, id, &x, 1, &attr, NULL, NULL);
}

struct node *build_reshape(struct build *b, struct node *x, const struct shape *to) {
    return build_to_shape(b, OP_reshape, x, to);
}

struct node *build_broadcast(struct build *b, struct node *x, const struct shape *to) {
    return build_to_shape(b, OP_broadcast_to, x, to);
}

struct node *build_cast(struct build *b, struct node *x, enum dtype to) {
    if (x->dtype == to)
        return x;
    struct attr attr = {.kind = ATTR_DTYPE, .dtype = to};
    return build_op(b, OP_cast, &x, 1, &attr, NULL, NULL);
}

struct node *build_result(struct build *b, struct node *of, int which, enum dtype t,
                          const struct shape *shape) {
    struct attr attr = {.kind = ATTR_INT, .i = which};
    struct node like = {
        .op = &b->ops->op[OP_result],
        .dtype = t,
        .shape = *shape,
        .n_in = 1,
        .in = &of,
        .attr = &attr,
        .origin = b->origin,
        .spelling = of->spelling,
    };
    return graph_intern(b->graph, &like);
}

struct node *build_sum(struct build *b, struct node *x, uint32_t axes, bool keepdims) {
    if (!axes)
        return x;
    struct attr attr[2];
    memset(attr, 0, sizeof attr);
    attr[0].kind = ATTR_AXES;
    for (int i = 0; i < x->shape.rank; i++)
        if (axes >> i & 1)
            attr[0].ints.v[attr[0].ints.n++] = i;
    attr[1].kind = ATTR_BOOL, attr[1].i = keepdims;
    return build_op(b, OP_sum, &x, 1, attr, NULL, NULL);
}

struct node *build_sum_to(struct build *b, struct node *x, const struct shape *to) {
    int lead = x->shape.rank - to->rank;
    uint32_t axes = lead > 0 ? (1u << lead) - 1 : 0;
    for (int i = 0; i < to->rank; i++)
        if (dim_is_one(to->d[i]) && !dim_is_one(x->shape.d[lead + i]))
            axes |= 1u << (lead + i);
    struct node *summed = build_sum(b, x, axes, false);
    return summed ? build_reshape(b, summed, to) : NULL;
}
