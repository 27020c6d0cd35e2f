/* The work of a step (work.h). Ops are known by their family and the names of their inputs and
 * settings, so that an op of a family need not be listed. */
#include "exec/work.h"

#include <string.h>

static double arg_elements(const struct kernel_arg *a) {
    double n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= (double)a->dim[i];
    return n;
}

static double arg_bytes(const struct kernel_arg *a) {
    return arg_elements(a) * (double)dtype_bytes(a->dtype);
}

static double results_bytes(const struct kernel_call *c) {
    double bytes = 0;
    for (int i = 0; i < c->n_out; i++)
        bytes += arg_bytes(&c->out[i]);
    return bytes;
}

static double all_bytes(const struct kernel_call *c) {
    double bytes = results_bytes(c);
    for (int i = 0; i < c->n_in; i++)
        bytes += arg_bytes(&c->in[i]);
    return bytes;
}

static const struct attr *setting(const struct node *n, const char *name) {
    for (int i = 0; i < n->op->n_settings; i++)
        if (!strcmp(n->op->setting[i].name, name))
            return &n->attr[i];
    return NULL;
}

static const struct kernel_arg *find_input(const struct step *s, const char *name) {
    const struct op *op = s->nodes[0]->op;
    for (int i = 0; i < op->n_inputs && i < s->call.n_in; i++)
        if (!strcmp(op->input[i].name, name))
            return &s->call.in[i];
    return NULL;
}

/* The sizes of an input by its name, else those that the setting `shape` gives. false: neither. */
static bool find_sizes(const struct step *s, const char *name, int64_t dim[MAX_RANK]) {
    const struct kernel_arg *input = find_input(s, name);
    const struct attr *shape = setting(s->nodes[0], "shape");
    if (input) {
        memcpy(dim, input->dim, sizeof input->dim);
        return true;
    }
    for (int i = 0; shape && i < shape->shape.rank; i++)
        dim[i] = shape->shape.d[i].k;
    return shape != NULL;
}

/* How many pairs of a position and a tap lie within an axis of the image. */
static double count_taps(int64_t size, int64_t taps, int64_t stride, int64_t dilation,
                         const struct attr *padding, int axis) {
    int64_t extent = (taps - 1) * dilation + 1, before = 0, positions = 0;
    if (padding->kind == ATTR_PAIRS) {
        before = padding->ints.v[2 * axis];
        positions = (size + before + padding->ints.v[2 * axis + 1] - extent) / stride + 1;
    } else if (!strcmp(padding->s, "SAME")) {
        positions = (size + stride - 1) / stride;
        int64_t missing = (positions - 1) * stride + extent - size;
        before = missing > 0 ? missing / 2 : 0;
    } else {
        positions = (size - extent) / stride + 1;
    }
    double n = 0;
    for (int64_t k = 0; k < taps; k++) { /* positions p with 0 <= p * stride + shift < size */
        int64_t shift = k * dilation - before;
        int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
        int64_t last = size - 1 - shift < 0 ? -1 : (size - 1 - shift) / stride;
        last = last < positions ? last : positions - 1;
        n += last >= first ? (double)(last - first + 1) : 0;
    }
    return n;
}

static double convolution_flops(const struct step *s) {
    int64_t image[MAX_RANK] = {0}, filter[MAX_RANK] = {0};
    const struct node *n = s->nodes[0];
    const struct attr *strides = setting(n, "strides"), *padding = setting(n, "padding");
    const struct attr *dilation = setting(n, "dilation");
    if (!strides || !padding || !dilation || !find_sizes(s, "x", image) ||
        !find_sizes(s, "filter", filter))
        return 0;
    if (find_input(s, "dk")) /* of each window's winner, whose place is not known here */
        return 2 * arg_elements(find_input(s, "dk")) *
               (double)(filter[0] * filter[1] * filter[2]);
    double taps = 1;
    for (int i = 0; i < 2; i++)
        taps *= count_taps(image[1 + i], filter[i], strides->ints.v[i], dilation->ints.v[i],
                           padding, i);
    return 2 * taps * (double)image[0] * (double)filter[2] * (double)filter[3];
}

static double product_flops(const struct step *s) {
    const struct kernel_arg *a = &s->call.in[0];
    const struct attr *transposed = setting(s->nodes[0], "transpose_a");
    int inner = a->rank - (transposed && transposed->i ? 2 : 1);
    return inner < 0 ? 0 : 2 * arg_elements(&s->call.out[0]) * (double)a->dim[inner];
}

static bool begins(const char *name, const char *with) {
    return !strncmp(name, with, strlen(with));
}

struct step_work step_work_of(const struct step *s) {
    const struct kernel_call *c = &s->call;
    struct step_work w = {.bytes = all_bytes(c)};
    if (s->loop)
        return w;
    if (c->program) {
        const struct ew_program *p = c->program;
        double n = p->n_instructions;
        for (int i = 0; i < p->rank; i++)
            n *= (double)p->dim[i];
        w.flops = n;
        return w;
    }
    const char *name = s->nodes[0]->op->name;
    switch (s->nodes[0]->op->id) {
    case OP_sum:
    case OP_mean:
    case OP_max:
    case OP_min:
    case OP_prod:
    case OP_cumsum:
        w.flops = arg_elements(&c->in[0]);
        break;
    case OP_slice: /* of what they choose from, they read what they choose */
        w.bytes = 2 * results_bytes(c);
        break;
    case OP_gather:
    case OP_take_along_axis:
        w.bytes = 2 * results_bytes(c) + arg_bytes(&c->in[1]);
        break;
    default:
        if (begins(name, "conv"))
            w.flops = convolution_flops(s);
        else if (begins(name, "matmul"))
            w.flops = product_flops(s);
        break;
    }
    if (s->nodes[0]->op->id == OP_assign || s->nodes[0]->op->trait == OP_LEAF)
        w.bytes -= arg_bytes(&c->in[0]); /* where they write */
    return w;
}
