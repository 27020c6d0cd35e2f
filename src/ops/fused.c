/* Runs chains of elementwise ops: a program of ir/kernel.h over one shape, each memory operand
 * read and written once.
 *
 * Method: the elements are walked in blocks that stay in the first-level cache, a step at a
 * time. Float arithmetic whose results are used once is joined into expressions that keep them
 * in registers (fused_tree.c); any other instruction is one vectorised loop over the block
 * (elementwise.c, fused.def). Once a plan, axes that no operand tells apart are merged, and
 * block buffers are shared between results whose lives do not overlap. Contiguous operands and
 * results are used where they lie. A row that repeats is laid out once a call; other broadcast
 * operands are gathered block by block.
 *
 * A result may be stored over an operand of the program; when a later step still reads that
 * operand, the block goes through a buffer. Not for: reductions, or operands that are views with
 * gaps. */
#include <assert.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/elementwise.h"
#include "ops/fused_tree.h"

#define T   float
#define TAG f32
#include "ops/fused_loops.h"
#define T   double
#define TAG f64
#include "ops/fused_loops.h"

/* Elements a block, and the multiple that blocks of whole rows should be of: a vector of floats. */
enum {
    BLOCK = 512,
    BLOCK_QUANTUM = 16,
    MAX_OPERANDS = TREE_SIZE + 1,
    MAX_VALUES = MAX_EW_INPUTS + MAX_EW_INSTRUCTIONS
};

/* How an input's block is had: in place; one element, for expressions only; from a buffer filled
 * once a call; gathered for each block. */
enum way { DIRECT, SCALAR, REPEATED, GATHERED };

struct operand {
    enum way way;
    int64_t stride[MAX_RANK]; /* elements, along the merged axes; 0 where it repeats */
};

struct step {
    ew_loop_function *loop;   /* either */
    ew_check_function *check; /* of the second operand, before the loop; NULL: none */
    bool in_tree;             /* or; neither: computed within a later step */
    struct tree *tree;        /* of this step and those after it in the tree; NULL for those */
    int n_operands;
    int operand[MAX_OPERANDS]; /* values */
    int result;
};

struct chain {
    int rank; /* merged axes */
    int64_t dim[MAX_RANK], count, block;
    int n_values, n_steps;
    struct operand input[MAX_EW_INPUTS];
    struct step step[MAX_EW_INSTRUCTIONS];
    int bytes[MAX_VALUES]; /* of an element */
    int first[MAX_VALUES]; /* step that makes it, -1 for inputs */
    int last[MAX_VALUES];  /* last step that reads it */
    int out[MAX_VALUES];   /* output that it is computed into, -1: none */
    int slot[MAX_VALUES];  /* its buffer, -1: none */
    int n_slots;
    size_t slot_bytes;
};

static bool is_step(const struct step *s) { return s->in_tree || s->loop; }

static int count_operands(const struct ew_instruction *in) {
    int n = 0;
    while (n < 3 && in->operand[n] >= 0)
        n++;
    return n;
}

static void count_uses(const struct ew_program *p, int *n_uses) {
    for (int k = 0; k < p->n_instructions; k++)
        for (int i = 0; i < count_operands(&p->at[k]); i++)
            n_uses[p->at[k].operand[i]]++;
    for (int o = 0; o < p->n_out; o++)
        n_uses[p->out[o]]++;
}

/* Which instructions are computed within the one instruction that uses them. */
static void absorb(const struct ew_program *p, const int *n_uses, bool *absorbed) {
    int size[MAX_EW_INSTRUCTIONS];
    for (int j = 0; j < p->n_instructions; j++) {
        const struct ew_instruction *in = &p->at[j];
        size[j] = 1;
        for (int i = 0; i < count_operands(in) && KERNEL(tree_takes)(in); i++) {
            int k = in->operand[i] - p->n_in;
            if (k < 0 || n_uses[in->operand[i]] != 1 || !KERNEL(tree_takes)(&p->at[k]) ||
                size[j] + size[k] > TREE_SIZE)
                continue;
            absorbed[k] = true;
            size[j] += size[k];
        }
    }
}

static ew_loop_function *find_choice(enum op_id comparison, enum dtype t) {
    static const struct {
        enum op_id comparison;
        ew_loop_function *loop[2];
    } choices[] = {
#define FUSED(id, comparison, expression) {OP_##comparison, {fused_##id##_f32, fused_##id##_f64}},
#include "ops/fused.def"
#undef FUSED
    };
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (choices[i].comparison == comparison && dtype_is_float(t))
            return choices[i].loop[t == DTYPE_F64];
    return NULL;
}

/* Joins the comparison that a where chooses by, if there is a loop for both. */
static void join_comparison(const struct ew_program *p, struct chain *ch, const int *n_uses,
                            int k) {
    const struct ew_instruction *in = &p->at[k];
    int j = in->operand[0] - p->n_in;
    if (in->op != OP_where || j < 0 || n_uses[in->operand[0]] != 1 ||
        p->at[j].in_dtype != in->dtype)
        return;
    ew_loop_function *loop = find_choice(p->at[j].op, in->dtype);
    if (!loop)
        return;
    ch->step[k] = (struct step){
        .loop = loop,
        .n_operands = 4,
        .result = p->n_in + k,
        .operand = {p->at[j].operand[0], p->at[j].operand[1], in->operand[1], in->operand[2]}};
    ch->step[j].loop = NULL;
}

/* The operands of instruction k, those of absorbed ones instead of their values. */
static void collect_operands(const struct ew_program *p, const bool *absorbed, int k,
                             struct step *s) {
    for (int i = 0; i < count_operands(&p->at[k]); i++) {
        int v = p->at[k].operand[i];
        if (v >= p->n_in && absorbed[v - p->n_in])
            collect_operands(p, absorbed, v - p->n_in, s);
        else
            s->operand[s->n_operands++] = v;
    }
}

static void make_steps(const struct kernel_call *c, struct chain *ch, struct arena *a) {
    const struct ew_program *p = c->program;
    int n_uses[MAX_VALUES] = {0};
    bool absorbed[MAX_EW_INSTRUCTIONS] = {false}, scalar[MAX_EW_INPUTS] = {false};
    count_uses(p, n_uses);
    absorb(p, n_uses, absorbed);
    for (int i = 0; i < p->n_in; i++)
        scalar[i] = ch->input[i].way == SCALAR;
    struct tree *tree = NULL;
    for (int k = 0; k < p->n_instructions; k++) {
        const struct ew_instruction *in = &p->at[k];
        struct step *s = &ch->step[k];
        *s = (struct step){.result = p->n_in + k};
        if (absorbed[k])
            continue;
        if (KERNEL(tree_takes)(in)) {
            s->in_tree = true;
            collect_operands(p, absorbed, k, s);
            if (tree && KERNEL(tree_append)(tree, p, k, absorbed, scalar))
                continue;
            s->tree = tree = arena_new(a, struct tree);
            KERNEL(tree_append)(tree, p, k, absorbed, scalar);
            continue;
        }
        tree = NULL;
        s->loop = KERNEL(ew_find_loop)(in->op, in->in_dtype, in->dtype);
        assert(s->loop);
        s->check = ew_can_raise(in) ? KERNEL(ew_find_check)(in->op, in->in_dtype) : NULL;
        s->n_operands = count_operands(in);
        for (int i = 0; i < s->n_operands; i++)
            s->operand[i] = in->operand[i];
        join_comparison(p, ch, n_uses, k);
    }
}

/* Single elements that a loop reads, or that are stored as they are, must be laid out after all. */
static void lay_out_scalars(const struct ew_program *p, struct chain *ch) {
    for (int k = 0; k < ch->n_steps; k++)
        for (int i = 0; i < ch->step[k].n_operands && ch->step[k].loop; i++) {
            int v = ch->step[k].operand[i];
            if (v < p->n_in && ch->input[v].way == SCALAR)
                ch->input[v].way = REPEATED;
        }
    for (int o = 0; o < p->n_out; o++)
        if (p->out[o] < p->n_in && ch->input[p->out[o]].way == SCALAR)
            ch->input[p->out[o]].way = REPEATED;
}

/* Strides of every input along the program's axes; axes of size 1 are dropped and those that all
 * inputs walk through as one are merged. */
static void merge_axes(const struct kernel_call *c, struct chain *ch) {
    const struct ew_program *p = c->program;
    ch->n_steps = p->n_instructions;
    ch->n_values = p->n_in + p->n_instructions;
    for (int i = 0; i < p->n_in; i++)
        ch->bytes[i] = (int)dtype_bytes(c->in[i].dtype);
    for (int k = 0; k < p->n_instructions; k++)
        ch->bytes[p->n_in + k] = (int)dtype_bytes(p->at[k].dtype);
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
    bool direct = true, scalar = true, repeated = true;
    for (int i = ch->rank - 1; i >= 0; i--) {
        direct = direct && s->stride[i] == whole;
        scalar = scalar && s->stride[i] == 0;
        repeated = repeated && (s->stride[i] == 0 || (i == ch->rank - 1 && s->stride[i] == 1 &&
                                                      ch->dim[i] <= ch->block));
        whole *= ch->dim[i];
    }
    return direct ? DIRECT : scalar ? SCALAR : repeated ? REPEATED : GATHERED;
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
        if (ch->input[i].way == REPEATED) {
            int64_t rows = ch->dim[ch->rank - 1];
            while (rows % BLOCK_QUANTUM && 2 * rows <= BLOCK)
                rows *= 2;
            ch->block = BLOCK / rows * rows;
            return;
        }
}

static void find_lives(const struct ew_program *p, struct chain *ch) {
    for (int v = 0; v < ch->n_values; v++)
        ch->first[v] = ch->last[v] = ch->out[v] = ch->slot[v] = -1;
    for (int k = 0; k < ch->n_steps; k++) {
        if (!is_step(&ch->step[k]))
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

/* Gives back the buffers of results that step k reads last. Only those with elements of `bytes`
 * when `same`, only the others when not: an operand of another element size must not share its
 * buffer with the step's result. */
static void release_slots(const struct kernel_call *c, struct chain *ch, int k, bool same,
                          int bytes, int *free_slot, int *n_free) {
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

/* Buffers: inputs that are laid out keep theirs, results give theirs back after the last step
 * that reads them. */
static void assign_slots(const struct kernel_call *c, struct chain *ch) {
    int free_slot[MAX_VALUES], n_free = 0, bytes = 1;
    for (int v = 0; v < ch->n_values; v++)
        bytes = ch->bytes[v] > bytes ? ch->bytes[v] : bytes;
    ch->slot_bytes = round_64((size_t)ch->block * (size_t)bytes);
    for (int i = 0; i < c->program->n_in; i++)
        if (ch->input[i].way >= REPEATED)
            ch->slot[i] = ch->n_slots++;
    for (int k = 0; k < ch->n_steps; k++) {
        int v = ch->step[k].result;
        if (!is_step(&ch->step[k]))
            continue;
        release_slots(c, ch, k, true, ch->bytes[v], free_slot, &n_free);
        if (ch->out[v] < 0 || may_clash(c, ch, v))
            ch->slot[v] = n_free ? free_slot[--n_free] : ch->n_slots++;
        release_slots(c, ch, k, false, ch->bytes[v], free_slot, &n_free);
    }
}

static double instruction_cost(enum op_id op) {
    switch (op) {
    case OP_exp:
    case OP_log:
    case OP_log1p:
    case OP_expm1:
    case OP_sin:
    case OP_cos:
    case OP_erf:
    case OP_tanh:
    case OP_sigmoid:
    case OP_softplus:
    case OP_pow:
    case OP_mod:
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
    merge_axes(c, ch);
    choose_block(p, ch);
    make_steps(c, ch, a);
    lay_out_scalars(p, ch);
    find_lives(p, ch);
    assign_slots(c, ch);
    for (int i = 0; i < c->n_in; i++)
        cost += ch->input[i].way == REPEATED || ch->input[i].way == SCALAR ? 0 : ch->bytes[i];
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
    struct {
        int value, out;
    } copy[MAX_EW_OUTPUTS]; /* stored after the block's last step */
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

static void run_tree(const struct kernel_call *c, const struct tree *t, const struct places *pl,
                     int64_t n) {
    void *at[TREE_LEAVES];
    for (int i = 0; i < t->n_leaves; i++) {
        int v = t->leaf[i];
        at[i] = v < 0 ? NULL : t->scalar[i] ? c->in[v].data : pl->at[v];
    }
    KERNEL(tree_run)(t, n, at);
}

/* One step over the n elements from `start` on. */
static void run_loop(const struct kernel_call *c, const struct step *s, const struct places *pl,
                     int64_t start, int64_t n) {
    const void *operand[4];
    double value;
    for (int i = 0; i < s->n_operands; i++)
        operand[i] = pl->at[s->operand[i]];
    int64_t bad = s->check ? s->check(n, operand[1], &value) : n;
    if (bad < n)
        kernel_raise_in(c->fault, s->result - c->program->n_in, start + bad, value);
    s->loop(n, pl->at[s->result], operand);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    (void)phase;
    const struct chain *ch = c->geometry;
    int n_in = c->program->n_in;
    struct places pl;
    place_values(c, ch, begin * ch->block, scratch, &pl);
    for (int v = 0; v < n_in; v++)
        if (ch->input[v].way == REPEATED)
            gather(ch, &ch->input[v], c->in[v].data, ch->bytes[v], 0, min_i64(ch->block, ch->count),
                   pl.at[v]);
    for (int64_t u = begin; u < end; u++) {
        int64_t start = u * ch->block, n = min_i64(ch->block, ch->count - start);
        for (int v = 0; v < n_in; v++)
            if (ch->input[v].way == GATHERED)
                pl.at[v] = find_block(ch, &ch->input[v], c->in[v].data, ch->bytes[v], start, n,
                                      (char *)scratch + (size_t)ch->slot[v] * ch->slot_bytes);
        for (int k = 0; k < ch->n_steps; k++)
            if (ch->step[k].tree)
                run_tree(c, ch->step[k].tree, &pl, n);
            else if (ch->step[k].loop)
                run_loop(c, &ch->step[k], &pl, start, n);
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
