/* What to try when an op refuses its operands. Each idea is built in silence, by the op's own rule,
 * and offered when that accepts: another variable of nearly the same name, operands the other way
 * round, a transpose, a missing flatten, an axis that a reduction dropped, a new axis, a cast.
 *
 * In: a refused call and its report. Out: the report's help line, when there is something to say.
 * Not for: help that a rule knows by itself (shape_help); that stays unless an idea fits. */
#include "eval/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct refused {
    struct interp *in;
    struct diag *d;
    const struct op *op;
    struct node *const *inputs;
    int n_in;
    const struct attr *attr; /* or NULL */
    const struct span *at;
};

/* A rule accepts sizes of which only a run can tell whether they are equal. What is offered must be
 * right whatever they are. */
static bool fits_surely(enum op_id op, enum op_trait trait, struct node *const *in, int n_in,
                        const struct attr *attr) {
    const struct shape *a = &in[0]->shape;
    const struct shape *b = n_in > 1 ? &in[1]->shape : NULL;
    if (op == OP_matmul) {
        bool turn_a = attr && attr[0].i, turn_b = attr && attr[1].i;
        return dim_same(a->d[a->rank - (turn_a ? 2 : 1)], b->d[b->rank - (turn_b ? 1 : 2)]);
    }
    for (int i = 1; trait == OP_ELEMENTWISE && b && i <= a->rank && i <= b->rank; i++) {
        struct dim x = a->d[a->rank - i], y = b->d[b->rank - i];
        if (!dim_is_one(x) && !dim_is_one(y) && !dim_same(x, y))
            return false;
    }
    return true;
}

/* The call with operand i replaced, and other settings. */
static struct node *try_call(const struct refused *r, const struct op *op, int i,
                             struct node *instead, const struct attr *attr) {
    struct build silent = r->in->build;
    struct node *inputs[MAX_INPUTS];
    silent.diags = NULL;
    if (!instead || r->n_in > MAX_INPUTS)
        return NULL;
    for (int k = 0; k < r->n_in; k++)
        inputs[k] = k == i ? instead : r->inputs[k];
    struct node *made = build_op(&silent, op->id, inputs, r->n_in, attr, r->at, NULL);
    return made && fits_surely(op->id, op->trait, inputs, r->n_in, attr) ? made : NULL;
}

static struct node *try_op(const struct refused *r, enum op_id op, struct node *x,
                           const struct attr *attr) {
    struct build silent = r->in->build;
    silent.diags = NULL;
    return build_op(&silent, op, &x, 1, attr, NULL, NULL);
}

/* How the script writes operand i, when that is a name, a call or an index of one; else its name in
 * the signature. */
static const char *operand_text(const struct refused *r, int i, char *buf, size_t n_buf) {
    struct span at = r->at[i];
    const char *text = at.source ? source_text(r->in->o.sources, at) : "";
    if (at.length < n_buf && text_is_simple(text, at.length))
        snprintf(buf, n_buf, "%.*s", (int)at.length, text);
    else
        snprintf(buf, n_buf, "%s",
                 r->op->input[i < r->op->n_inputs ? i : r->op->n_inputs - 1].name);
    return buf;
}

static const char *type_text(const struct refused *r, const struct node *n, char *buf,
                             size_t n_buf) {
    char shape[SHAPE_TEXT];
    snprintf(buf, n_buf, "%s%s", dtype_name(n->dtype),
             shape_print(shape, sizeof shape, r->in->o.symbols, &n->shape));
    return buf;
}

/* Another tensor of the script with nearly the same name: W_fc2 for W_fc1. */
static bool suggest_name(const struct refused *r, int i) {
    char name[48], type[SHAPE_TEXT + 16];
    const struct scope *s = r->in->script ? r->in->script->scope : NULL;
    const char *fits[64];
    int n = 0;
    if (!s || r->in->caller)
        return false;
    operand_text(r, i, name, sizeof name);
    const struct value *own = scope_find_own((struct scope *)s, intern(r->in, name));
    if (!own || own->kind != VALUE_TENSOR || own->node != r->inputs[i])
        return false;
    for (int k = 0; k < s->cap && n < 64; k++)
        if (s->name[k] && s->at[k].kind == VALUE_TENSOR && s->at[k].node != own->node &&
            s->at[k].node->op->trait == own->node->op->trait &&
            try_call(r, r->op, i, s->at[k].node, r->attr))
            fits[n++] = s->name[k];
    const char *near = nearest_name(name, fits, n);
    if (!near)
        return false;
    struct node *other = scope_find_own((struct scope *)s, near)->node;
    struct span at = other->op->id == OP_variable ? other->variable->declared
                     : other->origin              ? other->origin->span
                                                  : (struct span){0};
    if (!at.source)
        return false;
    diag_help(r->d, "%s (line %u) is %s: did you mean that?", near,
              source_place(r->in->o.sources, at).line, type_text(r, other, type, sizeof type));
    return true;
}

/* ---- products */

static bool suggest_flatten(const struct refused *r) {
    struct node *x = r->inputs[0];
    struct attr to = {.kind = ATTR_SHAPE};
    char name[48], type[SHAPE_TEXT + 16];
    if (x->shape.rank < 3 || r->inputs[1]->shape.rank != 2)
        return false;
    to.shape.rank = 2;
    to.shape.d[0] = x->shape.d[0];
    to.shape.d[1] = dim_const(1);
    for (int i = 1; i < x->shape.rank; i++)
        if (!dim_multiply(r->in->o.symbols, to.shape.d[1], x->shape.d[i], &to.shape.d[1]))
            return false;
    struct node *flat = try_op(r, OP_reshape, x, &to);
    if (!try_call(r, r->op, 0, flat, r->attr))
        return false;
    diag_help(r->d, "flatten(%s) is %s, which fits", operand_text(r, 0, name, sizeof name),
              type_text(r, flat, type, sizeof type));
    return true;
}

static bool suggest_product(const struct refused *r) {
    char a[48], b[48];
    struct attr attr[2];
    if (r->op->id != OP_matmul || r->attr)
        return false;
    if (suggest_flatten(r))
        return true;
    operand_text(r, 0, a, sizeof a);
    operand_text(r, 1, b, sizeof b);
    for (int i = 1; i >= 0; i--) {
        bool plain = r->inputs[i]->shape.rank == 2;
        memset(attr, 0, sizeof attr);
        attr[0].kind = attr[1].kind = ATTR_BOOL;
        attr[i].i = 1;
        if (!try_call(r, r->op, 0, r->inputs[0], attr))
            continue;
        if (!plain)
            diag_help(r->d, "with its last two axes exchanged it fits: matmul(%s, %s, %s=true)", a,
                      b, i ? "transpose_b" : "transpose_a");
        else if (i)
            diag_help(r->d, "transposed it fits: %s @ transpose(%s)", a, b);
        else
            diag_help(r->d, "transposed it fits: transpose(%s) @ %s", a, b);
        return true;
    }
    struct refused swapped = *r;
    struct node *turned[2] = {r->inputs[1], r->inputs[0]};
    swapped.inputs = turned;
    if (!try_call(&swapped, r->op, 0, turned[0], NULL))
        return false;
    diag_help(r->d, "the other way round it fits: %s @ %s", b, a);
    return true;
}

/* ---- what happens to every element */

/* x - sum(x, axis=1): the reduction dropped the axis that would have stretched. */
static bool suggest_keepdims(const struct refused *r, int i) {
    struct node *x = r->inputs[i];
    struct attr attr[MAX_SETTINGS];
    int keep = op_find_setting(x->op, intern(r->in, "keepdims"));
    char type[SHAPE_TEXT + 16];
    if (keep < 0 || x->attr[keep].i)
        return false;
    memcpy(attr, x->attr, (size_t)x->op->n_settings * sizeof *attr);
    attr[keep].i = 1;
    struct node *kept = try_op(r, x->op->id, x->in[0], attr);
    if (!try_call(r, r->op, i, kept, r->attr))
        return false;
    diag_help(r->d, "keep the axis that %s takes away: with keepdims=true it is %s",
              x->spelling ? x->spelling : x->op->name, type_text(r, kept, type, sizeof type));
    return true;
}

static bool suggest_new_axis(const struct refused *r, int i) {
    struct node *x = r->inputs[i];
    char name[48], type[SHAPE_TEXT + 16], index[64] = "";
    for (int at = x->shape.rank; at > 0; at--) {
        struct attr to = {.kind = ATTR_SHAPE, .shape = x->shape};
        if (x->shape.rank == MAX_RANK)
            return false;
        to.shape.rank++;
        for (int k = x->shape.rank; k > at; k--)
            to.shape.d[k] = to.shape.d[k - 1];
        to.shape.d[at] = dim_const(1);
        to.shape.on_purpose = 1u << at;
        struct node *wider = try_op(r, OP_reshape, x, &to);
        struct node *made = try_call(r, r->op, i, wider, r->attr);
        if (!made || made->shape.rank > wider->shape.rank)
            continue;
        for (int k = 0; k < at; k++)
            strcat(index, k ? ", :" : ":");
        diag_help(r->d, "%s[%s, new] is %s, which fits", operand_text(r, i, name, sizeof name),
                  index, type_text(r, wider, type, sizeof type));
        return true;
    }
    return false;
}

static bool suggest_elementwise(const struct refused *r) {
    if (r->op->trait != OP_ELEMENTWISE || r->n_in < 2 || r->d->code != E_BROADCAST)
        return false;
    for (int i = r->n_in - 1; i >= 0; i--)
        if (suggest_keepdims(r, i))
            return true;
    int least = 0, most = 0;
    for (int i = 1; i < r->n_in; i++) {
        int rank = r->inputs[i]->shape.rank;
        least = rank < r->inputs[least]->shape.rank ? i : least;
        most = rank > r->inputs[most]->shape.rank ? i : most;
    }
    int rank = r->inputs[least]->shape.rank;
    return rank && rank < r->inputs[most]->shape.rank && suggest_new_axis(r, least);
}

/* ---- dtypes */

static bool try_cast(const struct refused *r, int i, enum dtype t) {
    struct attr to = {.kind = ATTR_DTYPE, .dtype = t};
    char name[48];
    if (t == r->inputs[i]->dtype ||
        !try_call(r, r->op, i, try_op(r, OP_cast, r->inputs[i], &to), r->attr))
        return false;
    diag_help(r->d, "convert it: cast(%s, %s)", operand_text(r, i, name, sizeof name),
              dtype_name(t));
    return true;
}

/* Operand i as it stands, in a cast unless it is a number. */
static void cast_text(const struct refused *r, int i, char *buf, size_t n_buf) {
    struct span at = r->at[i];
    const char *text = at.source ? source_text(r->in->o.sources, at) : "";
    bool number = strspn(text, "0123456789_") >= at.length;
    if (!at.length || at.length > 32 || memchr(text, '\n', at.length))
        snprintf(buf, n_buf, "cast(.., float)");
    else
        snprintf(buf, n_buf, number ? "%.*s" : "cast(%.*s, float)", (int)at.length, text);
}

/* Both sides of a division are whole numbers. */
static bool suggest_division(const struct refused *r) {
    char a[64], b[64];
    if (r->op->id != OP_div || r->n_in != 2)
        return false;
    cast_text(r, 0, a, sizeof a);
    cast_text(r, 1, b, sizeof b);
    diag_help(r->d, "a fraction is %s / %s; `//` rounds down", a, b);
    return true;
}

/* Where the rule's help is to convert: which operand, and to what. The one that is not a float
 * becomes one, or one becomes what another is, or whole. */
static bool suggest_cast(const struct refused *r) {
    if (r->d->code != E_DTYPE || !r->d->help || strncmp(r->d->help, "convert", 7))
        return false;
    for (int i = 0; i < r->n_in; i++) {
        enum dtype t = DTYPE_F32;
        for (int k = 0; k < r->n_in; k++)
            if (k != i && dtype_is_float(r->inputs[k]->dtype))
                t = r->inputs[k]->dtype;
        if (!dtype_is_float(r->inputs[i]->dtype) && try_cast(r, i, t))
            return true;
    }
    for (int i = r->n_in - 1; i >= 0; i--)
        if (try_cast(r, i, r->inputs[i ? 0 : r->n_in - 1]->dtype) || try_cast(r, i, DTYPE_I32))
            return true;
    r->d->help = NULL; /* no conversion alone would do */
    return suggest_division(r);
}

void suggest(struct interp *in, struct diag *d, const struct op *op, struct node *const *inputs,
             int n_in, const struct attr *attr, const struct span *at) {
    struct refused r = {in, d, op, inputs, n_in, attr, at};
    if (in->in_library || !at || op->trait == OP_RANDOM || n_in > MAX_INPUTS)
        return;
    if (suggest_cast(&r))
        return;
    for (int i = n_in - 1; i >= 0 && d->code != E_DTYPE; i--)
        if (suggest_name(&r, i))
            return;
    if (!suggest_product(&r))
        suggest_elementwise(&r);
}
