/* Runs chains of elementwise ops: a program of ir/kernel.h over one shape, each memory operand read and written once.
 *
 * Method: the elements are walked in blocks that stay in the first-level cache; each instruction is one vectorised loop over a block.
 * Before that, once a plan, neighbouring instructions are joined by the table fused.def, axes that no operand tells apart are
 * merged, and block buffers are shared between results whose lives do not overlap. Contiguous operands and
 * results are used where they lie. A scalar or a row that repeats is laid out once a call; other broadcast operands are
 * gathered block by block.
 *
 * A result may be stored over an operand of the program; when a later instruction still reads that operand, the block goes through
 * a buffer. Not for: reductions, or operands that are views with gaps. */
#include <assert.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/elementwise.h"
#include "ops/math.h"

#define T float
#define TAG f32
#include "ops/fused_loops.h"
#define T double
#define TAG f64
#include "ops/fused_loops.h"

/* Elements a block: the buffers of a chain of a dozen results stay within a first-level cache of 32 KiB, and a loop's start is
 * a small part of it (measured: tests/bench/elementwise.c). */
enum { BLOCK = 512, MAX_OPERANDS = 4, MAX_VALUES = MAX_EW_INPUTS + MAX_EW_INSTRUCTIONS };

struct fusion {
    enum op_id outer, inner[3];
    ew_loop_function *loop[2]; /* float, float64 */
};

#define OP_NONE_OR(op) OP_##op
static const struct fusion fusions[] = {
#define FUSED(id, outer, inner0, inner1, inner2, expression)                                       \
    {OP_##outer, {OP_##inner0, OP_##inner1, OP_##inner2}, {fused_##id##_f32, fused_##id##_f64}},
#include "ops/fused.def"
#undef FUSED
};
enum { N_FUSIONS = sizeof fusions / sizeof *fusions };

/* How an input's block is had: in place; from a buffer filled once a call; gathered for each block. */
enum way { DIRECT, REPEATED, GATHERED };

struct operand {
    enum way way;
    int64_t stride[MAX_RANK]; /* elements, along the merged axes; 0 where it repeats */
};

struct step {
    ew_loop_function *loop; /* NULL: left out, joined into a later step */
    int n_operands;
    int operand[MAX_OPERANDS];
    int result;
    bool joined; /* of several instructions */
};

struct chain {
    int rank; /* merged axes */
    int64_t dim[MAX_RANK], count, block;
    int n_values, n_steps;
    struct operand input[MAX_EW_INPUTS];
    struct step step[MAX_EW_INSTRUCTIONS];
    int bytes[MAX_VALUES];     /* of an element */
    int first[MAX_VALUES];     /* step that makes it, -1 for inputs */
    int last[MAX_VALUES];      /* last step that reads it */
    int out[MAX_VALUES];       /* output that it is computed into, -1: none */
    int slot[MAX_VALUES];      /* its buffer, -1: none */
    int n_slots;
    size_t slot_bytes;
};

static int count_operands(const struct ew_instruction *in) {
    int n = 0;
    while (n < 3 && in->operand[n] >= 0)
        n++;
    return n;
}

/* Joins the inner instructions into instruction k when row f matches. */
static bool try_fusion(const struct ew_program *p, struct chain *ch, const int *n_uses, int k,
                       const struct fusion *f) {
    const struct ew_instruction *outer = &p->at[k];
    struct step joined = {.result = p->n_in + k, .joined = true};
    int inner[3], n_inner = 0;
    if (outer->op != f->outer || !dtype_is_float(outer->dtype))
        return false;
    for (int i = 0, n = count_operands(outer); i < n; i++) {
        int value = outer->operand[i];
        if (f->inner[i] == OP_NONE) {
            joined.operand[joined.n_operands++] = value;
            continue;
        }
        int j = value - p->n_in;
        if (j < 0 || p->at[j].op != f->inner[i] || ch->step[j].joined || n_uses[value] != 1 ||
            p->at[j].in_dtype != outer->dtype)
            return false;
        inner[n_inner++] = j;
        for (int o = 0; o < ch->step[j].n_operands; o++)
            joined.operand[joined.n_operands++] = ch->step[j].operand[o];
    }
    joined.loop = f->loop[outer->dtype == DTYPE_F64];
    ch->step[k] = joined;
    for (int i = 0; i < n_inner; i++)
        ch->step[inner[i]].loop = NULL;
    return true;
}

static void make_steps(const struct kernel_call *c, struct chain *ch) {
    const struct ew_program *p = c->program;
    int n_uses[MAX_VALUES] = {0};
    for (int k = 0; k < p->n_instructions; k++)
        for (int i = 0; i < count_operands(&p->at[k]); i++)
            n_uses[p->at[k].operand[i]]++;
    for (int o = 0; o < p->n_out; o++)
        n_uses[p->out[o]]++;
    ch->n_steps = p->n_instructions;
    ch->n_values = p->n_in + p->n_instructions;
    for (int k = 0; k < p->n_instructions; k++) {
        const struct ew_instruction *in = &p->at[k];
        struct step *s = &ch->step[k];
        *s = (struct step){KERNEL(ew_find_loop)(in->op, in->in_dtype, in->dtype),
                           count_operands(in), .result = p->n_in + k};
        for (int i = 0; i < s->n_operands; i++)
            s->operand[i] = in->operand[i];
        assert(s->loop);
        for (int f = 0; f < N_FUSIONS && !s->joined; f++)
            try_fusion(p, ch, n_uses, k, &fusions[f]);
        ch->bytes[s->result] = (int)dtype_bytes(in->dtype);
    }
    for (int i = 0; i < p->n_in; i++)
        ch->bytes[i] = (int)dtype_bytes(c->in[i].dtype);
}

/* Strides of every input along the program's axes; axes of size 1 are dropped and those that all inputs walk through as one are
 * merged. */
static void merge_axes(const struct kernel_call *c, struct chain *ch) {
    const struct ew_program *p = c->program;
    ch->count = 1;
    for (int axis = 0; axis < p->rank; axis++) {
        int64_t size = p->dim[axis], stride[MAX_EW_INPUTS];
        ch->count *= size;
        if (size == 1)
            continue;
        bool joins = ch->rank > 0;
        for (int i = 0; i < p->n_in; i++) {
            const struct kernel_arg *a = &c->in[i];
            int own = axis - (p->rank - a->rank);
            stride[i] = own < 0 || a->dim[own] == 1 ? 0 : arg_span(a, own + 1, a->rank);
            joins = joins && ch->input[i].stride[ch->rank - 1] == stride[i] * size;
        }
        ch->rank += !joins;
        ch->dim[ch->rank - 1] = joins ? ch->dim[ch->rank - 1] * size : size;
        for (int i = 0; i < p->n_in; i++)
            ch->input[i].stride[ch->rank - 1] = stride[i];
    }
}

static enum way operand_way(const struct chain *ch, const struct operand *s) {
    int64_t whole = 1;
    bool direct = true, repeated = true;
    for (int i = ch->rank - 1; i >= 0; i--) {
        direct = direct && s->stride[i] == whole;
        repeated = repeated && (s->stride[i] == 0 || (i == ch->rank - 1 && s->stride[i] == 1 &&
                                                      ch->dim[i] <= ch->block));
        whole *= ch->dim[i];
    }
    return direct ? DIRECT : repeated ? REPEATED : GATHERED;
}

/* Blocks of whole rows, when rows are short and an input repeats with them. */
static void choose_block(const struct ew_program *p, struct chain *ch) {
    ch->block = BLOCK;
    for (int i = 0; i < p->n_in; i++)
        ch->input[i].way = operand_way(ch, &ch->input[i]);
    /* an input that is stored as it is, is read before any result is stored */
    for (int o = 0; o < p->n_out; o++)
        if (p->out[o] < p->n_in && ch->input[p->out[o]].way == DIRECT)
            ch->input[p->out[o]].way = GATHERED;
    for (int i = 0; i < p->n_in; i++)
        if (ch->rank > 0 && ch->input[i].way == REPEATED && ch->input[i].stride[ch->rank - 1] == 1) {
            ch->block = BLOCK / ch->dim[ch->rank - 1] * ch->dim[ch->rank - 1];
            return;
        }
}

static void find_lives(const struct ew_program *p, struct chain *ch) {
    for (int v = 0; v < ch->n_values; v++)
        ch->first[v] = ch->last[v] = ch->out[v] = ch->slot[v] = -1;
    for (int k = 0; k < ch->n_steps; k++) {
        if (!ch->step[k].loop)
            continue;
        ch->first[ch->step[k].result] = k;
        for (int i = 0; i < ch->step[k].n_operands; i++)
            ch->last[ch->step[k].operand[i]] = k;
    }
    for (int o = p->n_out - 1; o >= 0; o--)
        if (p->out[o] >= p->n_in)
            ch->out[p->out[o]] = o;
}

/* Whether storing result v at once could overwrite an input that a later step reads. */
static bool may_clash(const struct kernel_call *c, const struct chain *ch, int v) {
    for (int i = 0; i < c->program->n_in; i++)
        if (ch->input[i].way == DIRECT && ch->bytes[i] == ch->bytes[v] &&
            ch->last[i] > ch->first[v])
            return true;
    return false;
}

/* Gives back the buffers of results that step k reads last. Only those with elements of `bytes` when `same`, only the others when not: an
 * operand of another element size must not share its buffer with the step's result. */
static void release_slots(const struct kernel_call *c, struct chain *ch, int k, bool same, int bytes,
                          int *free_slot, int *n_free) {
    const struct step *s = &ch->step[k];
    for (int i = 0; i < s->n_operands; i++) {
        int o = s->operand[i];
        if (o < c->program->n_in || ch->slot[o] < 0 || ch->out[o] >= 0 || ch->last[o] != k ||
            (ch->bytes[o] == bytes) != same)
            continue;
        free_slot[(*n_free)++] = ch->slot[o];
        ch->last[o] = -1;
    }
}

/* Buffers: inputs that are laid out keep theirs, results give theirs back after the last step that reads them. */
static void assign_slots(const struct kernel_call *c, struct chain *ch) {
    int free_slot[MAX_VALUES], n_free = 0, bytes = 1;
    for (int v = 0; v < ch->n_values; v++)
        bytes = ch->bytes[v] > bytes ? ch->bytes[v] : bytes;
    ch->slot_bytes = round_64((size_t)ch->block * (size_t)bytes);
    for (int i = 0; i < c->program->n_in; i++)
        if (ch->input[i].way != DIRECT)
            ch->slot[i] = ch->n_slots++;
    for (int k = 0; k < ch->n_steps; k++) {
        int v = ch->step[k].result;
        if (!ch->step[k].loop)
            continue;
        release_slots(c, ch, k, true, ch->bytes[v], free_slot, &n_free);
        if (ch->out[v] < 0 || may_clash(c, ch, v))
            ch->slot[v] = n_free ? free_slot[--n_free] : ch->n_slots++;
        release_slots(c, ch, k, false, ch->bytes[v], free_slot, &n_free);
    }
}

static double instruction_cost(enum op_id op) {
    switch (op) {
    case OP_exp: case OP_log: case OP_tanh: case OP_sigmoid: case OP_pow: case OP_mod:
    case OP_floordiv:
        return 24;
    default:
        return 2;
    }
}

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    const struct ew_program *p = c->program;
    struct chain *ch = arena_new(a, struct chain);
    double cost = 0;
    make_steps(c, ch);
    merge_axes(c, ch);
    choose_block(p, ch);
    find_lives(p, ch);
    assign_slots(c, ch);
    for (int i = 0; i < c->n_in; i++)
        cost += ch->input[i].way == REPEATED ? 0 : ch->bytes[i];
    for (int o = 0; o < p->n_out; o++)
        cost += ch->bytes[p->out[o]];
    for (int k = 0; k < p->n_instructions; k++)
        cost += instruction_cost(p->at[k].op);
    c->geometry = ch;
    work_set(w, "elementwise", ceil_div(ch->count, ch->block), cost * (double)ch->count);
    w->scratch_bytes = (size_t)ch->n_slots * ch->slot_bytes;
}

static void copy_run(char *to, const char *from, int64_t n, int64_t stride, int bytes) {
    if (stride == 1) {
        memcpy(to, from, (size_t)(n * bytes));
    } else if (bytes == 4) {
        uint32_t *t = (uint32_t *)to;
        const uint32_t *f = (const uint32_t *)from;
        for (int64_t i = 0; i < n; i++)
            t[i] = f[i * stride];
    } else if (bytes == 8) {
        uint64_t *t = (uint64_t *)to;
        const uint64_t *f = (const uint64_t *)from;
        for (int64_t i = 0; i < n; i++)
            t[i] = f[i * stride];
    } else {
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i * stride];
    }
}

/* Lays elements [start, start + n) of the merged shape out into `to`, and gives that. */
static char *gather(const struct chain *ch, const struct operand *s, const char *from, int bytes,
                    int64_t start, int64_t n, char *to) {
    int64_t index[MAX_RANK] = {0}, offset = 0, rest = start;
    for (int i = ch->rank - 1; i >= 0; i--) {
        index[i] = rest % ch->dim[i];
        rest /= ch->dim[i];
        offset += index[i] * s->stride[i];
    }
    int inner = ch->rank - 1;
    if (inner < 0)
        return memcpy(to, from, (size_t)bytes);
    char *laid_out = to;
    while (n > 0) {
        int64_t run = min_i64(n, ch->dim[inner] - index[inner]);
        copy_run(to, from + offset * bytes, run, s->stride[inner], bytes);
        to += run * bytes;
        n -= run;
        offset += run * s->stride[inner];
        index[inner] += run;
        for (int i = inner; i > 0 && index[i] == ch->dim[i]; i--) {
            offset += s->stride[i - 1] - index[i] * s->stride[i];
            index[i] = 0;
            index[i - 1]++;
        }
    }
    return laid_out;
}

/* As gather, but points into the input when the block lies within one of its contiguous rows. */
static char *find_block(const struct chain *ch, const struct operand *s, char *from, int bytes,
                        int64_t start, int64_t n, char *to) {
    int inner = ch->rank - 1;
    if (inner > 0 && s->stride[inner] == 1 && start % ch->dim[inner] + n <= ch->dim[inner]) {
        int64_t offset = start % ch->dim[inner], rest = start / ch->dim[inner];
        for (int i = inner - 1; i >= 0; i--) {
            offset += rest % ch->dim[i] * s->stride[i];
            rest /= ch->dim[i];
        }
        return from + offset * bytes;
    }
    return gather(ch, s, from, bytes, start, n, to);
}

/* Where values are during a call: `at` moves on by `advance` bytes a block; buffers stay. */
struct places {
    char *at[MAX_VALUES];
    int64_t advance[MAX_VALUES];
    int n_copies;
    struct { int value, out; } copy[MAX_EW_OUTPUTS]; /* stored after the block's last step */
};

static bool clashes(const struct kernel_call *c, const struct chain *ch, int v) {
    for (int i = 0; i < c->program->n_in; i++)
        if (ch->last[i] > ch->first[v] && c->in[i].data == c->out[ch->out[v]].data)
            return true;
    return false;
}

static void place_values(const struct kernel_call *c, const struct chain *ch, int64_t start,
                         char *scratch, struct places *pl) {
    const struct ew_program *p = c->program;
    pl->n_copies = 0;
    for (int v = 0; v < ch->n_values; v++) {
        int o = ch->out[v];
        bool in_place = v < p->n_in ? ch->input[v].way == DIRECT
                                    : o >= 0 && (ch->slot[v] < 0 || !clashes(c, ch, v));
        char *data = v < p->n_in ? c->in[v].data : o >= 0 ? c->out[o].data : NULL;
        pl->advance[v] = in_place ? ch->block * ch->bytes[v] : 0;
        if (in_place)
            pl->at[v] = data + start * ch->bytes[v];
        else
            pl->at[v] = scratch + (ch->slot[v] < 0 ? 0 : (size_t)ch->slot[v] * ch->slot_bytes);
    }
    for (int o = 0; o < p->n_out; o++) {
        int v = p->out[o];
        if (v < p->n_in || ch->out[v] != o || !pl->advance[v]) {
            pl->copy[pl->n_copies].value = v;
            pl->copy[pl->n_copies++].out = o;
        }
    }
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    (void)phase;
    const struct chain *ch = c->geometry;
    int n_in = c->program->n_in;
    struct places pl;
    place_values(c, ch, begin * ch->block, scratch, &pl);
    for (int v = 0; v < n_in; v++)
        if (ch->input[v].way == REPEATED)
            gather(ch, &ch->input[v], c->in[v].data, ch->bytes[v], 0,
                   min_i64(ch->block, ch->count), pl.at[v]);
    for (int64_t u = begin; u < end; u++) {
        int64_t start = u * ch->block, n = min_i64(ch->block, ch->count - start);
        for (int v = 0; v < n_in; v++)
            if (ch->input[v].way == GATHERED)
                pl.at[v] = find_block(ch, &ch->input[v], c->in[v].data, ch->bytes[v], start, n,
                                      (char *)scratch + (size_t)ch->slot[v] * ch->slot_bytes);
        for (int k = 0; k < ch->n_steps; k++) {
            const struct step *s = &ch->step[k];
            if (!s->loop)
                continue;
            const void *operand[MAX_OPERANDS];
            for (int i = 0; i < MAX_OPERANDS; i++)
                operand[i] = pl.at[s->operand[i < s->n_operands ? i : 0]];
            s->loop(n, pl.at[s->result], operand);
        }
        for (int i = 0; i < pl.n_copies; i++) {
            int v = pl.copy[i].value;
            memcpy((char *)c->out[pl.copy[i].out].data + start * ch->bytes[v], pl.at[v],
                   (size_t)(n * ch->bytes[v]));
        }
        for (int v = 0; v < ch->n_values; v++)
            pl.at[v] += pl.advance[v];
    }
}

const struct kernel KERNEL(elementwise_kernel) = {prepare, run};

#endif
