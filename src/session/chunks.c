/* Running an evaluation in chunks (chunks.h). Each of its parts is a demand like any other: its plan
 * is made once and kept. */
#include "session/chunks.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct request chunks_part(const struct split *split, const struct request *r, enum part part,
                           struct arena *a) {
    struct request p = *r;
    int n_once = part == PART_ONCE ? 0 : split->n_once;
    int n_pieces = part == PART_REST ? split->n_pieces : 0;
    p.n_fed = r->n_fed + n_once + n_pieces;
    p.fed = arena_array(a, struct node *, p.n_fed);
    p.value = arena_array(a, struct tensor *, p.n_fed);
    int n = 0;
    for (; n < r->n_fed; n++)
        p.fed[n] = r->fed[n], p.value[n] = r->value[n];
    for (int i = 0; i < n_once; i++)
        p.fed[n++] = split->once[i];
    for (int i = 0; i < n_pieces; i++)
        p.fed[n++] = split->pieces[i].node;
    if (part == PART_ONCE) {
        p.fetch = split->once, p.n_fetch = split->n_once;
    } else if (part == PART_CHUNK) {
        p.n_fetch = split->n_pieces;
        p.fetch = arena_array(a, struct node *, p.n_fetch);
        for (int i = 0; i < p.n_fetch; i++)
            p.fetch[i] = split->pieces[i].node;
        p.words = arena_printf(a, "%s, rows of %s", r->words, split->name);
    }
    if (part != PART_REST)
        p.result = arena_array(a, struct tensor *, p.n_fetch);
    return p;
}

/* ---- rows of tensors */

/* `n` of the parts of `part` along `axis`, from `from` on, to those of `whole` from `to` on; or back.
 */
static void copy_rows(struct tensor *whole, struct tensor *part, int axis, int64_t first,
                      bool back) {
    size_t inner = dtype_bytes(whole->dtype);
    int64_t outer = 1;
    for (int i = 0; i < axis; i++)
        outer *= whole->dim[i];
    for (int i = axis + 1; i < whole->rank; i++)
        inner *= (size_t)whole->dim[i];
    size_t run = inner * (size_t)part->dim[axis];
    for (int64_t o = 0; o < outer && run; o++) {
        char *w = (char *)whole->data + ((size_t)(o * whole->dim[axis] + first)) * inner;
        char *p = (char *)part->data + (size_t)o * run;
        memcpy(back ? p : w, back ? w : p, run);
    }
}

/* Rows of a feed: shared where they lie together. NULL: no memory. */
static struct tensor *cut_rows(struct tensor *t, int axis, int64_t first, int64_t n) {
    if (axis == 0)
        return tensor_rows(t, first, n);
    int64_t dim[MAX_RANK];
    memcpy(dim, t->dim, sizeof dim);
    dim[axis] = n;
    struct tensor *rows = tensor_new_unset(t->dtype, t->rank, dim);
    if (rows)
        copy_rows(t, rows, axis, first, true);
    return rows;
}

/* ---- a run */

struct chunk_run {
    struct session *s;
    const struct split *split;
    struct request *r;
    struct arena scratch;
    struct tensor **once, **whole; /* [n_once], [n_pieces] */
    double **sum;                  /* [n_pieces] of reduced pieces */
};

static bool out_of_memory(struct chunk_run *k) {
    diag_error(&k->s->diags, E_MEMORY, k->r->origin ? k->r->origin->span : (struct span){0},
               "there is not enough memory for what the rows of %s give", k->split->name);
    return false;
}

static bool compute_once(struct chunk_run *k) {
    if (!k->split->n_once)
        return true;
    struct request part = chunks_part(k->split, k->r, PART_ONCE, &k->scratch);
    if (!demand_run_whole(k->s, &part))
        return false;
    memcpy(k->once, part.result, (size_t)part.n_fetch * sizeof *k->once);
    return true;
}

/* What a reduced piece is before the first chunk. */
static double first_value(enum rows_join join) {
    return join == JOIN_LARGEST ? -INFINITY : join == JOIN_LEAST ? INFINITY : join == JOIN_PRODUCT;
}

static double join_value(enum rows_join join, double so_far, double x, double share) {
    switch (join) {
    case JOIN_MEAN:
        return so_far + x * share;
    case JOIN_PRODUCT:
        return so_far * x;
    case JOIN_LARGEST:
        return isnan(x) || x > so_far ? x : so_far;
    case JOIN_LEAST:
        return isnan(x) || x < so_far ? x : so_far;
    default:
        return so_far + x;
    }
}

/* Adds a chunk's reduction: means by the rows they are of. */
static void reduce(struct chunk_run *k, int i, const struct tensor *t, int64_t n) {
    double share = (double)n / (double)k->split->n_rows;
    for (int64_t e = 0; e < t->n_elements; e++)
        k->sum[i][e] = join_value(k->split->pieces[i].join, k->sum[i][e], tensor_get(t, e), share);
}

static bool allocate(struct chunk_run *k) {
    const struct split *s = k->split;
    for (int i = 0; i < s->n_pieces; i++) {
        const struct piece *p = &s->pieces[i];
        int64_t dim[MAX_RANK];
        for (int d = 0; d < p->shape.rank; d++)
            dim[d] = p->shape.d[d].k;
        k->whole[i] = tensor_new_unset(p->dtype, p->shape.rank, dim);
        if (!k->whole[i])
            return out_of_memory(k);
        if (p->axis >= 0)
            continue;
        k->sum[i] = arena_array(&k->scratch, double, k->whole[i]->n_elements);
        for (int64_t e = 0; e < k->whole[i]->n_elements; e++)
            k->sum[i][e] = first_value(p->join);
    }
    return true;
}

static bool compute_chunk(struct chunk_run *k, struct request *part, int64_t first, int64_t n) {
    const struct split *s = k->split;
    bool ok = true;
    for (int i = 0; i < k->r->n_fed; i++)
        if (s->fed_axis[i] >= 0) {
            part->value[i] = cut_rows(k->r->value[i], s->fed_axis[i], first, n);
            ok = ok && part->value[i];
        }
    struct chunk chunk = {s, first, n};
    k->s->chunk = &chunk;
    ok = ok ? demand_run_whole(k->s, part) : out_of_memory(k);
    k->s->chunk = NULL;
    for (int i = 0; i < k->r->n_fed; i++)
        if (s->fed_axis[i] >= 0)
            tensor_unref(part->value[i]);
    for (int i = 0; i < s->n_pieces && ok; i++) {
        if (s->pieces[i].axis >= 0)
            copy_rows(k->whole[i], part->result[i], s->pieces[i].axis, first, false);
        else
            reduce(k, i, part->result[i], n);
        tensor_unref(part->result[i]);
    }
    return ok;
}

static bool compute_rows(struct chunk_run *k) {
    const struct split *s = k->split;
    struct request part = chunks_part(s, k->r, PART_CHUNK, &k->scratch);
    memcpy(part.value + k->r->n_fed, k->once, (size_t)s->n_once * sizeof *k->once);
    for (int64_t first = 0; first < s->n_rows; first += s->chunk) {
        int64_t n = s->n_rows - first < s->chunk ? s->n_rows - first : s->chunk;
        if (!compute_chunk(k, &part, first, n))
            return false;
    }
    for (int i = 0; i < s->n_pieces; i++)
        for (int64_t e = 0; s->pieces[i].axis < 0 && e < k->whole[i]->n_elements; e++)
            tensor_set(k->whole[i], e, k->sum[i][e]);
    return true;
}

static bool compute_rest(struct chunk_run *k) {
    const struct split *s = k->split;
    struct request part = chunks_part(s, k->r, PART_REST, &k->scratch);
    struct tensor **value = part.value + k->r->n_fed;
    memcpy(value, k->once, (size_t)s->n_once * sizeof *value);
    memcpy(value + s->n_once, k->whole, (size_t)s->n_pieces * sizeof *value);
    return demand_run_whole(k->s, &part);
}

bool chunks_run(struct session *s, const struct split *split, struct request *r) {
    struct chunk_run k = {.s = s, .split = split, .r = r};
    k.once = arena_array(&k.scratch, struct tensor *, split->n_once);
    k.whole = arena_array(&k.scratch, struct tensor *, split->n_pieces);
    k.sum = arena_array(&k.scratch, double *, split->n_pieces);
    bool ok = compute_once(&k) && allocate(&k) && compute_rows(&k) && compute_rest(&k);
    for (int i = 0; i < split->n_once; i++)
        tensor_unref(k.once[i]);
    for (int i = 0; i < split->n_pieces; i++)
        tensor_unref(k.whole[i]);
    arena_free(&k.scratch);
    return ok;
}

void chunks_print(const struct split *s, FILE *out) {
    fprintf(out, "cut along %s: %" PRId64 " rows, %" PRId64 " at a time, which give", s->name,
            s->n_rows, s->chunk);
    for (int i = 0; i < s->n_pieces; i++) {
        const struct node *n = s->pieces[i].node;
        fprintf(out, "%s %s %s", i ? "," : "", s->pieces[i].axis < 0 ? "part of" : "rows of",
                n->name ? n->name : n->op->name);
    }
    fputc('\n', out);
}
