/* Walks through a prepared chain of elementwise ops, block by block; see fused.c. */
#include <string.h>

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/fused_chain.h"

/* Each of n elements `length` times. */
static void spread(const char *from, int64_t n, int64_t length, int bytes, char *to) {
    for (int64_t r = 0; r < n; r++, to += length * bytes, from += bytes) {
        if (bytes == 4) {
            uint32_t *t = (uint32_t *)to, x = *(const uint32_t *)from;
            for (int64_t i = 0; i < length; i++)
                t[i] = x;
        } else if (bytes == 8) {
            uint64_t *t = (uint64_t *)to, x = *(const uint64_t *)from;
            for (int64_t i = 0; i < length; i++)
                t[i] = x;
        } else {
            memset(to, *from, (size_t)length);
        }
    }
}

static void copy_run(char *to, const char *from, int64_t n, int64_t stride, int bytes) {
    if (stride == 1) {
        memcpy(to, from, (size_t)(n * bytes));
    } else if (stride == 0) {
        spread(from, 1, n, bytes, to);
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

/* Where values are during a unit: `at` moves on by `advance` bytes a block; buffers stay. */
struct places {
    char *at[MAX_VALUES];
    int64_t advance[MAX_VALUES];
    char *accumulators; /* room for REDUCE_WIDTH */
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
    pl->accumulators = scratch + (size_t)ch->n_slots * ch->slot_bytes;
    for (int v = 0; v < ch->n_values; v++) {
        int o = ch->out[v];
        int64_t first = ch->by_row[v] ? start / ch->row : start;
        bool in_place = v < p->n_in ? ch->input[v].way == DIRECT
                                    : o >= 0 && (ch->slot[v] < 0 || !clashes(c, ch, v));
        char *data = v < p->n_in ? c->in[v].data : o >= 0 ? c->out[o].data : NULL;
        pl->advance[v] =
            in_place ? (ch->by_row[v] ? ch->block / ch->row : ch->block) * ch->bytes[v] : 0;
        if (in_place)
            pl->at[v] = data + first * ch->bytes[v];
        else
            pl->at[v] = scratch + (ch->slot[v] < 0 ? 0 : (size_t)ch->slot[v] * ch->slot_bytes);
    }
    for (int o = 0; o < p->n_out; o++) {
        int v = p->out[o];
        bool is_total = v >= p->n_in && p->at[v - p->n_in].space == EW_TOTAL;
        if (!is_total && (v < p->n_in || ch->out[v] != o || !pl->advance[v])) {
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
        at[i] = v < 0 ? NULL : t->scalar[i] && v < c->program->n_in ? c->in[v].data : pl->at[v];
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

/* What of the shape is computed at a time. */
struct block {
    int64_t start, n;   /* elements */
    int64_t row, n_rows; /* when rows matter */
    int64_t unit;
};

static void reduce_rows(const struct chain *ch, const struct step *s, const struct places *pl,
                        int64_t n_rows) {
    const struct reducer *r = s->reducer;
    const char *x = pl->at[s->operand[0]];
    char *to = pl->at[s->result];
    for (int64_t i = 0; i < n_rows; i += REDUCE_WIDTH) {
        int64_t n = min_i64(REDUCE_WIDTH, n_rows - i);
        r->init(pl->accumulators, n);
        r->runs(x + i * ch->row * r->bytes, ch->row, n, ch->row, pl->accumulators);
        r->store(pl->accumulators, n, (double)ch->row, to + i * ch->bytes[s->result]);
    }
}

static char *partials(const struct kernel_call *c, const struct total *t, int64_t unit) {
    return (char *)c->shared + t->offset + (size_t)(unit * t->columns) * t->reducer->acc_bytes;
}

/* The block is added to the unit's partial results. */
static void add_up(const struct kernel_call *c, const struct chain *ch, const struct step *s,
                   const struct places *pl, const struct block *b) {
    const struct total *t = &ch->total[s->total];
    const struct reducer *r = t->reducer;
    const char *x = pl->at[s->operand[0]];
    char *acc = partials(c, t, b->unit);
    int64_t n = b->n;
    if (t->columns == 1)
        r->runs(x, n, 1, 0, acc);
    else if (t->columns > n)
        r->rows(x, 1, n, n, acc + (size_t)(b->start % t->columns) * r->acc_bytes);
    else if (t->columns > REDUCE_WIDTH)
        for (int64_t i = 0, width; i < n; i += width) {
            int64_t at = i % t->columns;
            width = min_i64(REDUCE_WIDTH, t->columns - at);
            r->rows(x + i * r->bytes, 1, width, width, acc + (size_t)at * r->acc_bytes);
        }
    else
        KERNEL(reduce_rows)(r, x, n / t->columns, t->columns, t->columns, acc, pl->accumulators);
}

static void run_step(const struct kernel_call *c, const struct chain *ch, const struct step *s,
                     const struct places *pl, const struct block *b) {
    switch (s->kind) {
    case STEP_INNER:
        break;
    case STEP_TREE:
        run_tree(c, s->tree, pl, s->by_row ? b->n_rows : b->n);
        break;
    case STEP_LOOP:
        run_loop(c, s, pl, s->by_row ? b->row : b->start, s->by_row ? b->n_rows : b->n);
        break;
    case STEP_ROWS:
        reduce_rows(ch, s, pl, b->n_rows);
        break;
    case STEP_TOTAL:
        add_up(c, ch, s, pl, b);
        break;
    case STEP_SPREAD:
        spread(pl->at[s->operand[0]], b->n_rows, ch->row, ch->bytes[s->result], pl->at[s->result]);
        break;
    }
}

static void run_block(const struct kernel_call *c, const struct chain *ch, struct places *pl,
                      const struct block *b, char *scratch) {
    for (int v = 0; v < c->program->n_in; v++)
        if (ch->input[v].way == GATHERED)
            pl->at[v] = find_block(ch, &ch->input[v], c->in[v].data, ch->bytes[v], b->start, b->n,
                                   scratch + (size_t)ch->slot[v] * ch->slot_bytes);
    for (int k = 0; k < ch->n_steps; k++)
        run_step(c, ch, &ch->step[k], pl, b);
    for (int i = 0; i < pl->n_copies; i++) {
        int v = pl->copy[i].value;
        int64_t first = ch->by_row[v] ? b->row : b->start;
        int64_t count = ch->by_row[v] ? b->n_rows : b->n;
        memcpy((char *)c->out[pl->copy[i].out].data + first * ch->bytes[v], pl->at[v],
               (size_t)(count * ch->bytes[v]));
    }
    for (int v = 0; v < ch->n_values; v++)
        pl->at[v] += b->n == ch->block ? pl->advance[v] : pl->advance[v] / ch->block * b->n;
}

static void store_total(const struct kernel_call *c, const struct total *t, int64_t n_units) {
    char *acc = partials(c, t, 0);
    for (int64_t u = 1; u < n_units; u++)
        t->reducer->join(partials(c, t, u), t->columns, acc);
    t->reducer->store(acc, t->columns, t->count, c->out[t->out].data);
}

void KERNEL(chain_run)(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    const struct chain *ch = c->geometry;
    int64_t n_units = ceil_div(ch->count, ch->unit);
    struct places pl;
    if (phase == 1) {
        for (int64_t t = begin; t < end; t++)
            store_total(c, &ch->total[t], n_units);
        return;
    }
    int64_t start = begin * ch->unit, last = min_i64(end * ch->unit, ch->count);
    place_values(c, ch, start, scratch, &pl);
    for (int v = 0; v < c->program->n_in; v++)
        if (ch->input[v].way == REPEATED)
            gather(ch, &ch->input[v], c->in[v].data, ch->bytes[v], 0, min_i64(ch->block, ch->count),
                   pl.at[v]);
    for (int t = 0; t < ch->n_totals; t++)
        for (int64_t u = begin; u < end; u++)
            ch->total[t].reducer->init(partials(c, &ch->total[t], u), ch->total[t].columns);
    struct block b = {.start = start, .unit = begin};
    while (b.start < last) {
        b.n = min_i64(ch->block, last - b.start);
        if (ch->cut)
            b.n = min_i64(b.n, ch->cut - b.start % ch->cut);
        if (ch->row)
            b.row = b.start / ch->row, b.n_rows = b.n / ch->row;
        run_block(c, ch, &pl, &b, scratch);
        b.start += b.n;
        if (b.start == (b.unit + 1) * ch->unit)
            b.unit++;
    }
    for (int t = 0; t < ch->n_totals && n_units == 1; t++)
        store_total(c, &ch->total[t], 1);
}

#endif
