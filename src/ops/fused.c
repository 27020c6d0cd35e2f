/* Runs chains of elementwise ops: a program of ir/kernel.h over one shape, each memory operand
 * read and written once, with the reductions of what is computed. Here the program is prepared;
 * fused_run.c walks through it.
 *
 * Method: the elements are walked in blocks that stay in the first-level cache, a step at a
 * time. Float arithmetic whose results are used once is joined into expressions that keep them
 * in registers (fused_tree.c); any other instruction is one vectorised loop over the block
 * (elementwise.c, fused.def; reduce.c for reductions). Once a plan, axes that no operand tells
 * apart are merged, and block buffers are shared between results whose lives do not overlap.
 * Contiguous operands and results are used where they lie. A row that repeats is laid out once a
 * call; other broadcast operands are gathered block by block.
 *
 * When the program has values for each row, a block is some whole rows, or one. When it has
 * totals, units are larger than blocks: each keeps the partial results of its elements, and a
 * second phase joins them in order.
 *
 * A result may be stored over an operand of the program; when a later step still reads that
 * operand, the block goes through a buffer. Not for: operands that are views with gaps. */
#include <assert.h>
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/fused_chain.h"

#define T   float
#define TAG f32
#include "ops/fused_loops.h"
#define T   double
#define TAG f64
#include "ops/fused_loops.h"

/* BLOCK: elements a block, unless a row has more. BLOCK_QUANTUM: the multiple that blocks of short
 * rows should be of, a vector of floats. UNIT, MAX_UNITS, UNIT_ROWS: a unit with totals has at
 * least UNIT elements and UNIT_ROWS rows of results, and there are at most MAX_UNITS of them. */
enum { BLOCK = 512, BLOCK_QUANTUM = 16, UNIT = 4096, MAX_UNITS = 64, UNIT_ROWS = 16 };

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
    for (int i = 0; i < p->n_spreads; i++)
        n_uses[p->spread[i]]++;
}

/* The instruction that makes a value, or -1. */
static int maker(const struct ew_program *p, int value) {
    int k = value - p->n_in;
    return k < p->n_instructions ? k : -1;
}

/* Which instructions are computed within the one instruction that uses them. */
static void absorb(const struct ew_program *p, const int *n_uses, bool *absorbed) {
    int size[MAX_EW_INSTRUCTIONS];
    for (int j = 0; j < p->n_instructions; j++) {
        const struct ew_instruction *in = &p->at[j];
        size[j] = 1;
        for (int i = 0; i < count_operands(in) && KERNEL(tree_takes)(in); i++) {
            int k = maker(p, in->operand[i]);
            if (k < 0 || n_uses[in->operand[i]] != 1 || !KERNEL(tree_takes)(&p->at[k]) ||
                p->at[k].space != in->space || size[j] + size[k] > TREE_SIZE)
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
                            const int *step_of, int k) {
    const struct ew_instruction *in = &p->at[k];
    int j = maker(p, in->operand[0]);
    if (in->op != OP_where || j < 0 || n_uses[in->operand[0]] != 1 ||
        p->at[j].in_dtype != in->dtype || p->at[j].space != in->space)
        return;
    ew_loop_function *loop = find_choice(p->at[j].op, in->dtype);
    if (!loop)
        return;
    struct step *s = &ch->step[step_of[k]];
    s->loop = loop;
    s->n_operands = 4;
    s->operand[0] = p->at[j].operand[0], s->operand[1] = p->at[j].operand[1];
    s->operand[2] = in->operand[1], s->operand[3] = in->operand[2];
    ch->step[step_of[j]].kind = STEP_INNER;
}

/* The operands of instruction k, those of absorbed ones instead of their values. */
static void collect_operands(const struct ew_program *p, const bool *absorbed, int k,
                             struct step *s) {
    for (int i = 0; i < count_operands(&p->at[k]); i++) {
        int v = p->at[k].operand[i], inner = maker(p, v);
        if (inner >= 0 && absorbed[inner])
            collect_operands(p, absorbed, inner, s);
        else
            s->operand[s->n_operands++] = v;
    }
}

/* What make_steps goes by. */
struct making {
    struct ew_program p; /* in expressions over a single row, row values stand for their spreads */
    bool absorbed[MAX_EW_INSTRUCTIONS];
    bool scalar[MAX_VALUES]; /* an element that an expression can hold for a whole block */
    int n_uses[MAX_VALUES];
    int step_of[MAX_EW_INSTRUCTIONS];
    struct tree *tree; /* that the next expression may join */
};

static void make_tree_step(struct making *m, int k, struct step *s, struct arena *a) {
    const struct ew_program *p = &m->p;
    s->in_tree = true;
    collect_operands(p, m->absorbed, k, s);
    if (m->tree && KERNEL(tree_append)(m->tree, p, k, m->absorbed, m->scalar))
        return;
    s->kind = STEP_TREE;
    s->tree = m->tree = arena_new(a, struct tree);
    KERNEL(tree_append)(m->tree, p, k, m->absorbed, m->scalar);
}

static void make_loop_step(struct making *m, struct chain *ch, int k, struct step *s) {
    const struct ew_instruction *in = &m->p.at[k];
    s->n_operands = count_operands(in);
    for (int i = 0; i < s->n_operands; i++)
        s->operand[i] = in->operand[i];
    s->reducer = KERNEL(reduce_find)(in->op, in->in_dtype);
    if (s->reducer) {
        s->kind = in->space == EW_ROW ? STEP_ROWS : STEP_TOTAL;
        s->total = ch->n_totals;
        if (s->kind == STEP_TOTAL)
            ch->total[ch->n_totals++].reducer = s->reducer;
        return;
    }
    s->kind = STEP_LOOP;
    s->loop = KERNEL(ew_find_loop)(in->op, in->in_dtype, in->dtype);
    assert(s->loop);
    s->check = ew_can_raise(in) ? KERNEL(ew_find_check)(in->op, in->in_dtype) : NULL;
    join_comparison(&m->p, ch, m->n_uses, m->step_of, k);
}

/* A block of a single row needs no spreads in expressions: they take the row's value as it is.
 * What a loop reads is spread out. */
static void choose_spreads(const struct chain *ch, struct making *m, bool *spread) {
    struct ew_program *p = &m->p;
    int first = p->n_in + p->n_instructions;
    for (int k = 0; k < p->n_instructions; k++)
        for (int i = 0; i < count_operands(&p->at[k]); i++) {
            int j = p->at[k].operand[i] - first;
            if (j < 0)
                continue;
            if (ch->block == ch->row && KERNEL(tree_takes)(&p->at[k]))
                p->at[k].operand[i] = p->spread[j];
            else
                spread[j] = true;
        }
}

static void make_steps(const struct kernel_call *c, struct chain *ch, struct arena *a) {
    struct making m = {.p = *c->program};
    const struct ew_program *p = &m.p;
    bool spread[MAX_EW_INSTRUCTIONS] = {false};
    for (int i = 0; i < p->n_in; i++)
        m.scalar[i] = ch->input[i].way == SCALAR;
    for (int k = 0; k < p->n_instructions && ch->block == ch->row; k++)
        m.scalar[p->n_in + k] = p->at[k].space == EW_ROW;
    choose_spreads(ch, &m, spread);
    count_uses(p, m.n_uses);
    absorb(p, m.n_uses, m.absorbed);
    bool by_row = false;
    for (int k = 0; k < p->n_instructions; k++) {
        m.step_of[k] = ch->n_steps;
        struct step *s = &ch->step[ch->n_steps++];
        *s = (struct step){.result = p->n_in + k, .by_row = p->at[k].space == EW_ROW};
        if (m.absorbed[k])
            continue;
        if (s->by_row != by_row)
            m.tree = NULL;
        by_row = s->by_row;
        if (KERNEL(tree_takes)(&p->at[k])) {
            make_tree_step(&m, k, s, a);
        } else {
            m.tree = NULL;
            make_loop_step(&m, ch, k, s);
        }
        for (int i = 0; i < p->n_spreads; i++) {
            if (p->spread[i] != p->n_in + k || !spread[i])
                continue;
            m.tree = NULL;
            ch->step[ch->n_steps++] = (struct step){.kind = STEP_SPREAD,
                                                    .n_operands = 1,
                                                    .operand = {p->n_in + k},
                                                    .result = p->n_in + p->n_instructions + i};
        }
    }
}

/* Single elements that a loop reads, or that are stored as they are, must be laid out after all. */
static void lay_out_scalars(const struct ew_program *p, struct chain *ch) {
    for (int k = 0; k < ch->n_steps; k++)
        for (int i = 0; i < ch->step[k].n_operands && !ch->step[k].in_tree; i++) {
            int v = ch->step[k].operand[i];
            if (v < p->n_in && ch->input[v].way == SCALAR && ch->step[k].kind != STEP_INNER)
                ch->input[v].way = REPEATED;
        }
    for (int o = 0; o < p->n_out; o++)
        if (p->out[o] < p->n_in && ch->input[p->out[o]].way == SCALAR)
            ch->input[p->out[o]].way = REPEATED;
}

static void size_values(const struct kernel_call *c, struct chain *ch) {
    const struct ew_program *p = c->program;
    ch->n_values = p->n_in + p->n_instructions + p->n_spreads;
    for (int i = 0; i < p->n_in; i++) {
        ch->bytes[i] = (int)dtype_bytes(c->in[i].dtype);
        ch->by_row[i] = p->in_space[i] == EW_ROW;
    }
    for (int k = 0; k < p->n_instructions; k++) {
        ch->bytes[p->n_in + k] = (int)dtype_bytes(p->at[k].dtype);
        ch->by_row[p->n_in + k] = p->at[k].space == EW_ROW;
    }
    for (int i = 0; i < p->n_spreads; i++)
        ch->bytes[p->n_in + p->n_instructions + i] = ch->bytes[p->spread[i]];
    ch->row = p->row_rank > 0;
    for (int i = p->rank - p->row_rank; i < p->rank; i++)
        ch->row *= p->dim[i];
}

/* Strides of every input along the program's axes; axes of size 1 are dropped and those that all
 * inputs walk through as one are merged. */
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
            stride[i] = 0;
            if (ch->by_row[i])
                continue;
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
                                                      ch->dim[i] <= BLOCK));
        whole *= ch->dim[i];
    }
    return direct ? DIRECT : scalar ? SCALAR : repeated ? REPEATED : GATHERED;
}

/* The results of the widest reduction over rows, at least 1. */
static int64_t count_columns(const struct kernel_call *c) {
    const struct ew_program *p = c->program;
    int64_t columns = 1;
    for (int o = 0; o < p->n_out; o++)
        if (p->out[o] >= p->n_in && p->at[p->out[o] - p->n_in].space == EW_TOTAL)
            columns = max_i64(columns, arg_count(&c->out[o]));
    return columns;
}

/* Blocks of whole rows; of whole repetitions, when an input repeats with short rows. All of these
 * are runs of trailing axes, so the longest is a multiple of the others. */
static void choose_block(const struct kernel_call *c, struct chain *ch) {
    const struct ew_program *p = c->program;
    int64_t columns = count_columns(c), quantum = max_i64(ch->row, 1);
    for (int i = 0; i < p->n_in; i++) {
        enum way way = operand_way(ch, &ch->input[i]);
        if (ch->by_row[i])
            way = arg_count(&c->in[i]) == 1 ? SCALAR : DIRECT;
        ch->input[i].way = way;
        if (way == REPEATED)
            quantum = max_i64(quantum, ch->dim[ch->rank - 1]);
    }
    /* an input that is stored as it is, is read before any result is stored */
    for (int o = 0; o < p->n_out; o++)
        if (p->out[o] < p->n_in && ch->input[p->out[o]].way == DIRECT)
            ch->input[p->out[o]].way = GATHERED;
    if (columns <= max_i64(BLOCK, ch->row))
        quantum = max_i64(quantum, columns);
    else
        ch->cut = columns;
    while (quantum % BLOCK_QUANTUM && 2 * quantum <= BLOCK)
        quantum *= 2;
    ch->block = max_i64(BLOCK / quantum, 1) * quantum;
}

static void find_lives(const struct ew_program *p, struct chain *ch) {
    for (int v = 0; v < ch->n_values; v++)
        ch->first[v] = ch->last[v] = ch->out[v] = ch->slot[v] = -1;
    for (int k = 0; k < ch->n_steps; k++) {
        if (!step_makes(&ch->step[k]))
            continue;
        ch->first[ch->step[k].result] = k;
        for (int i = 0; i < ch->step[k].n_operands; i++)
            ch->last[ch->step[k].operand[i]] = k;
    }
    for (int o = p->n_out - 1; o >= 0; o--)
        if (p->out[o] >= p->n_in && p->at[p->out[o] - p->n_in].space != EW_TOTAL)
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
 * buffer with the step's result. Row values keep theirs: expressions of the tree may read one
 * while others write. */
static void release_slots(const struct kernel_call *c, struct chain *ch, int k, bool same,
                          int bytes, int *free_slot, int *n_free) {
    const struct step *s = &ch->step[k];
    for (int i = 0; i < s->n_operands; i++) {
        int o = s->operand[i];
        if (o < c->program->n_in || ch->slot[o] < 0 || ch->out[o] >= 0 || ch->last[o] != k ||
            ch->by_row[o] || (ch->bytes[o] == bytes && s->kind != STEP_ROWS) != same)
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
        if (!step_makes(&ch->step[k]))
            continue;
        release_slots(c, ch, k, true, ch->bytes[v], free_slot, &n_free);
        if (ch->step[k].kind != STEP_TOTAL && (ch->out[v] < 0 || may_clash(c, ch, v)))
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

static void place_totals(const struct kernel_call *c, struct chain *ch, struct kernel_work *w) {
    const struct ew_program *p = c->program;
    for (int k = 0; k < ch->n_steps; k++) {
        const struct step *s = &ch->step[k];
        if (s->kind != STEP_TOTAL)
            continue;
        struct total *t = &ch->total[s->total];
        while (p->out[t->out] != s->result)
            t->out++;
        t->columns = arg_count(&c->out[t->out]);
        t->count = (double)(ch->count / t->columns);
        t->offset = w->shared_bytes;
        w->shared_bytes +=
            round_64((size_t)(w->units[0] * t->columns) * t->reducer->acc_bytes);
    }
}

/* Units with totals: large, or their partial results would outweigh what they are of. */
static int64_t choose_unit(const struct kernel_call *c, const struct chain *ch) {
    if (ch->n_totals == 0)
        return ch->block;
    int64_t columns = count_columns(c), whole = ch->cut ? ch->cut : ch->block;
    int64_t unit = max_i64(max_i64(UNIT, ceil_div(ch->count, MAX_UNITS)), UNIT_ROWS * columns);
    return ceil_div(unit, whole) * whole;
}

static double chain_cost(const struct kernel_call *c, const struct chain *ch) {
    const struct ew_program *p = c->program;
    double cost = 0;
    for (int i = 0; i < c->n_in; i++)
        cost += ch->input[i].way == REPEATED || ch->input[i].way == SCALAR || ch->by_row[i]
                    ? 0
                    : ch->bytes[i];
    for (int o = 0; o < p->n_out; o++)
        cost += ch->out[p->out[o]] < 0 || ch->by_row[p->out[o]] ? 0 : ch->bytes[p->out[o]];
    for (int k = 0; k < p->n_instructions; k++)
        cost += p->at[k].space == EW_ROW ? 1 : instruction_cost(p->at[k].op);
    return cost * (double)ch->count;
}

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    const struct ew_program *p = c->program;
    struct chain *ch = arena_new(a, struct chain);
    size_values(c, ch);
    merge_axes(c, ch);
    choose_block(c, ch);
    make_steps(c, ch, a);
    lay_out_scalars(p, ch);
    find_lives(p, ch);
    assign_slots(c, ch);
    ch->unit = choose_unit(c, ch);
    c->geometry = ch;
    work_set(w, ch->row ? "rows" : ch->n_totals ? "totals" : "elementwise",
             ceil_div(ch->count, ch->unit), chain_cost(c, ch));
    place_totals(c, ch, w);
    if (ch->n_totals && w->units[0] > 1) {
        w->n_phases = 2;
        w->units[1] = ch->n_totals;
        w->cost[1] = (double)w->shared_bytes;
    }
    size_t accumulators = REDUCE_WIDTH * sizeof(int64_t);
    w->scratch_bytes = (size_t)ch->n_slots * ch->slot_bytes + accumulators;
}

const struct kernel KERNEL(elementwise_kernel) = {prepare, KERNEL(chain_run)};

#endif
