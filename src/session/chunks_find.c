/* Where a demand is cut (chunks.h): the rows of each node, what a chunk has to give, how many rows
 * fit. Plans are made to be looked at only, with tensors that have sizes and no storage. */
#include <string.h>

#include "ir/loop.h"
#include "ir/rows.h"
#include "session/chunks.h"

enum { MIN_BUDGET_BYTES = 8 << 20, MAX_TRIES = 4 };
/* Chunks begin at a multiple of it: the draws in one block of the generator. */
enum { ROWS_STEP = 4 };

/* Bodies of loops have their own buffers, in what kernels share. */
size_t chunks_plan_bytes(const struct plan *p) {
    size_t loops = 0;
    for (int i = 0; i < p->n_steps; i++)
        for (const struct repeat *r = p->steps[i].loop; r; r = r->again) {
            size_t bytes = chunks_plan_bytes(r->plan);
            for (int k = 0; k < loop_n_results(r->loop); k++)
                bytes += r->result[k].bytes;
            loops = bytes > loops ? bytes : loops;
        }
    return p->buffers_bytes + loops;
}

size_t chunks_budget_bytes(const struct session *s, const struct plan *p) {
    if (s->options.memory_bytes) /* the rest is for what kernels share, which is not counted */
        return s->options.memory_bytes / 4 * 3;
    return p->parameters_bytes > MIN_BUDGET_BYTES ? p->parameters_bytes : MIN_BUDGET_BYTES;
}

/* One way to cut, while it is tried. */
struct cut {
    struct session *s;
    const struct request *r;
    struct arena *scratch, *keep;
    struct split *split;
    struct node_list order;
    int *rows; /* [order.n] an axis or ROWS_.. */
    struct rows_dims dims;
    double *bytes;            /* [order.n] of what was joined, when it was looked at; or NULL */
    const struct node *mixer; /* the first op that needs several examples at a time */
};

static bool is_fed(void *context, const struct node *n) {
    const struct request *r = context;
    for (int i = 0; i < r->n_fed; i++)
        if (r->fed[i] == n)
            return true;
    return false;
}

/* ---- which dimension */

static bool may_count_rows(const struct symbols *s, struct dim d) {
    const struct symbol *symbol = symbols_at(s, d.sym[0]);
    return d.k == 1 && d.sym[0] && !d.sym[1] && symbol->kind == SYMBOL_PLAIN;
}

/* Every feed that has the dimension is cut along it. Anonymous sizes are the same examples when
 * they come first and are fed the same number: nothing else says so. */
static bool choose_feeds(struct cut *c, struct dim rows) {
    const struct request *r = c->r;
    struct symbols *symbols = &c->s->symbols;
    struct dim *dims = arena_array(c->scratch, struct dim, r->n_fed + 1);
    int n = 0;
    dims[n++] = rows;
    for (int i = 0; i < r->n_fed; i++) {
        const struct shape *s = &r->fed[i]->shape;
        c->split->fed_axis[i] = -1;
        for (int a = 0; a < s->rank; a++) {
            bool alike = dim_same(s->d[a], rows) || (a == 0 && !dim_is_named(symbols, rows) &&
                                                     may_count_rows(symbols, s->d[a]) &&
                                                     r->value[i]->dim[a] == c->split->n_rows);
            if (alike && c->split->fed_axis[i] >= 0)
                return false;
            if (!alike)
                continue;
            c->split->fed_axis[i] = a;
            dims[n++] = s->d[a];
        }
    }
    c->dims = (struct rows_dims){symbols, dims, n};
    return true;
}

/* ---- rows of nodes */

static int rows_of_leaf(const struct cut *c, const struct node *n) {
    for (int i = 0; i < c->r->n_fed; i++)
        if (c->r->fed[i] == n && c->split->fed_axis[i] >= 0)
            return c->split->fed_axis[i];
    if (n->op->id == OP_placeholder && n->fallback && n->fallback->n_in)
        return ROWS_MIXED;
    return rows_of_node(n, NULL, &c->dims);
}

/* A node's number is its index in the order; whoever walks the graph numbers it anew. */
static void number_nodes(struct cut *c) {
    for (int i = 0; i < c->order.n; i++)
        c->order.at[i]->number = i;
}

/* Leaves out what only gradients of the script's own need. */
static void keep_values(struct cut *c) {
    bool *needed = arena_array(c->scratch, bool, c->order.n);
    int n = 0;
    number_nodes(c);
    for (int i = 0; i < c->r->n_fetch; i++)
        needed[c->r->fetch[i]->number] = true;
    for (int i = c->order.n - 1; i >= 0; i--) {
        const struct node *user = c->order.at[i];
        int n_in = needed[i] && !is_fed((void *)c->r, user) ? node_n_value_inputs(user) : 0;
        for (int k = 0; k < n_in; k++)
            needed[user->in[k]->number] = true;
    }
    for (int i = 0; i < c->order.n; i++)
        if (needed[i])
            c->order.at[n++] = c->order.at[i];
    c->order.n = n;
    number_nodes(c);
}

static void find_rows(struct cut *c) {
    struct rows_walk walk = {.dims = &c->dims, .arena = c->scratch};
    c->rows = walk.rows = arena_array(c->scratch, int, c->order.n);
    walk.values = arena_array(c->scratch, int *, c->order.n);
    for (int i = 0; i < c->order.n; i++) {
        struct node *n = c->order.at[i];
        if (n->op->trait == OP_LEAF || is_fed((void *)c->r, n)) {
            c->rows[i] = rows_of_leaf(c, n);
            continue;
        }
        c->rows[i] = rows_of_call(&walk, n);
        bool mixes = c->rows[i] == ROWS_MIXED;
        for (int k = 0; k < node_n_value_inputs(n) && mixes; k++)
            mixes = c->rows[n->in[k]->number] != ROWS_MIXED;
        int first = n->n_in ? c->rows[n->in[0]->number] : ROWS_NONE;
        if (mixes && !(first >= 0 && rows_join_over(n, first) != JOIN_NONE) && !c->mixer)
            c->mixer = n;
    }
}

/* ---- what a chunk gives */

static void add_piece(struct cut *c, struct node *n, int axis, enum rows_join join) {
    struct split *s = c->split;
    for (int i = 0; i < s->n_pieces; i++)
        if (s->pieces[i].node == n)
            return;
    s->pieces[s->n_pieces++] = (struct piece){.node = n, .axis = axis, .join = join};
}

/* A reduction over the examples is done chunk by chunk when joining its input would take much of
 * the budget. Whole numbers are not: they would have to be added as such. */
static enum rows_join join_in_chunks(const struct cut *c, const struct node *n, int axis) {
    bool plain = dtype_is_float(n->dtype) || n->dtype == DTYPE_BOOL;
    if (!plain || !c->bytes || n->n_in != 1 ||
        c->bytes[n->in[0]->number] <= (double)c->split->budget_bytes / 4)
        return JOIN_NONE;
    return rows_join_over(n, axis);
}

static void find_pieces(struct cut *c) {
    const struct request *r = c->r;
    c->split->n_pieces = 0;
    for (int i = 0; i < r->n_fetch; i++)
        if (c->rows[r->fetch[i]->number] >= 0 && !is_fed((void *)r, r->fetch[i]))
            add_piece(c, r->fetch[i], c->rows[r->fetch[i]->number], JOIN_NONE);
    for (int i = 0; i < c->order.n; i++) {
        struct node *n = c->order.at[i];
        if (c->rows[i] != ROWS_MIXED || is_fed((void *)r, n))
            continue;
        for (int k = 0; k < node_n_value_inputs(n); k++) {
            int axis = c->rows[n->in[k]->number];
            if (axis < 0)
                continue;
            enum rows_join join = join_in_chunks(c, n, axis);
            if (join != JOIN_NONE)
                add_piece(c, n, -1, join);
            else if (!is_fed((void *)r, n->in[k]))
                add_piece(c, n->in[k], axis, JOIN_NONE);
        }
    }
}

/* What is the same for all examples is computed once: tensors that their ops use, and draws, of
 * which there must be one. */
static bool is_once(const struct cut *c, const struct node *n, bool used) {
    if (c->rows[n->number] != ROWS_NONE || n->op->trait == OP_LEAF || is_fed((void *)c->r, n))
        return false;
    return shape_is_const(&n->shape) && (n->op->trait == OP_RANDOM || (used && n->shape.rank > 0));
}

static void find_once(struct cut *c) {
    struct split *s = c->split;
    bool *used = arena_array(c->scratch, bool, c->order.n);
    for (int i = 0; i < c->order.n; i++)
        for (int k = 0; c->rows[i] >= 0 && k < node_n_value_inputs(c->order.at[i]); k++)
            used[c->order.at[i]->in[k]->number] |= !is_fed((void *)c->r, c->order.at[i]);
    for (int i = 0; i < c->order.n; i++) {
        struct node *n = c->order.at[i];
        if (is_once(c, n, used[i]))
            s->once[s->n_once++] = n;
        if (c->rows[i] >= 0 && n->op->trait == OP_RANDOM)
            s->draws[s->n_draws++] = hash_bytes(n->path, strlen(n->path), 0);
    }
}

/* ---- how many rows */

static struct tensor *sizes_only(struct arena *a, enum dtype t, const struct shape *s) {
    struct tensor *sizes = arena_new(a, struct tensor);
    *sizes = (struct tensor){.dtype = t, .rank = s->rank, .n_elements = shape_n_elements(s)};
    for (int i = 0; i < s->rank; i++)
        sizes->dim[i] = s->d[i].k;
    return sizes;
}

static double piece_bytes(const struct piece *p) {
    return (double)shape_n_elements(&p->shape) * (double)dtype_bytes(p->dtype);
}

/* The plan of a part, made to be looked at: what it would complain of is not said. */
static struct compiled *look_at(struct cut *c, const struct request *part) {
    struct session *s = c->s;
    bool replaying = s->is_replaying;
    struct diags before = s->diags;
    s->is_replaying = true;
    struct compiled *made = demand_compile(s, part, false);
    s->is_replaying = replaying;
    s->diags = before;
    return made;
}

/* What a plan for `chunk` rows asks for; the pieces learn their shapes. 0: it cannot be made. */
static size_t buffers_of_chunk(struct cut *c, int64_t chunk) {
    struct split *s = c->split;
    struct request part = chunks_part(s, c->r, PART_CHUNK, c->scratch);
    for (int i = 0; i < c->r->n_fed; i++)
        if (s->fed_axis[i] >= 0) {
            struct shape shape = tensor_shape(c->r->value[i]);
            shape.d[s->fed_axis[i]] = dim_const(chunk);
            part.value[i] = sizes_only(c->scratch, c->r->value[i]->dtype, &shape);
        }
    for (int i = 0; i < s->n_once; i++)
        part.value[c->r->n_fed + i] = sizes_only(c->scratch, s->once[i]->dtype, &s->once[i]->shape);
    struct compiled *made = look_at(c, &part);
    if (!made)
        return 0;
    for (int i = 0; i < s->n_pieces; i++) {
        struct piece *p = &s->pieces[i];
        p->dtype = made->plan->fetch_dtype[i];
        p->shape = made->plan->fetch_shape[i];
        if (p->axis >= 0)
            p->shape.d[p->axis] = dim_const(s->n_rows);
    }
    size_t bytes = chunks_plan_bytes(made->plan);
    compiled_free(made);
    return bytes + 1;
}

/* The most rows whose plan is within the budget, near enough. */
static size_t choose_chunk(struct cut *c) {
    struct split *s = c->split;
    double fit = (double)s->n_rows * (double)s->budget_bytes / (double)s->whole_bytes;
    for (int64_t chunk = (int64_t)fit / ROWS_STEP * ROWS_STEP;;) {
        s->chunk = chunk > ROWS_STEP ? chunk : ROWS_STEP;
        size_t bytes = buffers_of_chunk(c, s->chunk);
        if (bytes <= s->budget_bytes || s->chunk == ROWS_STEP)
            return bytes;
        chunk = s->chunk * 3 / 4 / ROWS_STEP * ROWS_STEP;
    }
}

static size_t buffers_of_rest(struct cut *c) {
    struct split *s = c->split;
    struct request part = chunks_part(s, c->r, PART_REST, c->scratch);
    struct tensor **value = part.value + c->r->n_fed;
    for (int i = 0; i < s->n_once; i++)
        *value++ = sizes_only(c->scratch, s->once[i]->dtype, &s->once[i]->shape);
    for (int i = 0; i < s->n_pieces; i++)
        *value++ = sizes_only(c->scratch, s->pieces[i].dtype, &s->pieces[i].shape);
    struct compiled *made = look_at(c, &part);
    size_t bytes = made ? chunks_plan_bytes(made->plan) + 1 : 0;
    if (made)
        compiled_free(made);
    return bytes;
}

/* Bytes alive at once when it is run so; 0: it cannot be. Results are not counted, the caller has
 * them either way. */
static double peak_bytes(struct cut *c) {
    struct split *s = c->split;
    double chunk = (double)choose_chunk(c), joined = 0;
    if (chunk == 0)
        return 0;
    double rest = (double)buffers_of_rest(c);
    for (int i = 0; i < s->n_pieces; i++) {
        bool fetched = false;
        for (int k = 0; k < c->r->n_fetch; k++)
            fetched = fetched || c->r->fetch[k] == s->pieces[i].node;
        joined += fetched ? 0 : piece_bytes(&s->pieces[i]);
    }
    return rest == 0 ? 0 : (chunk > rest ? chunk : rest) + joined;
}

/* ---- the whole */

static const char *place_of(struct session *s, struct arena *a, const struct node *n) {
    if (!n->origin || !n->origin->span.source)
        return "";
    struct place at = source_place(&s->sources, n->origin->span);
    return arena_printf(a, ", %s:%u", at.path, at.line);
}

/* Whether cutting along this dimension helps; c->split is filled. */
static bool try_cut(struct cut *c, struct dim rows, const char **why) {
    struct split *s = c->split;
    const struct request *r = c->r;
    dim_print(s->name, sizeof s->name, &c->s->symbols, rows);
    if (!choose_feeds(c, rows))
        return false;
    c->order = graph_order(&c->s->graph, c->scratch, r->fetch, r->n_fetch, is_fed, (void *)r);
    s->pieces = arena_array(c->keep, struct piece, c->order.n);
    s->once = arena_array(c->keep, struct node *, c->order.n);
    s->draws = arena_array(c->keep, uint64_t, c->order.n);
    s->n_once = s->n_draws = 0;
    c->mixer = NULL;
    c->bytes = NULL;
    keep_values(c);
    find_rows(c);
    find_once(c);
    find_pieces(c);
    double peak = s->n_pieces ? peak_bytes(c) : 0;
    if (peak > 0) {
        number_nodes(c);
        c->bytes = arena_array(c->scratch, double, c->order.n);
        for (int i = 0; i < s->n_pieces; i++)
            c->bytes[s->pieces[i].node->number] = piece_bytes(&s->pieces[i]);
        find_pieces(c);
        peak = peak_bytes(c);
    }
    if (peak > 0 && peak < 0.75 * (double)s->whole_bytes)
        return true;
    if (c->mixer)
        *why = arena_printf(c->keep, "`%s` needs several rows of %s at a time%s",
                            c->mixer->spelling ? c->mixer->spelling : c->mixer->op->name, s->name,
                            place_of(c->s, c->keep, c->mixer));
    else
        *why = arena_printf(c->keep, "what the rows of %s give takes as much as computing it",
                            s->name);
    return false;
}

/* The dimension with the most examples that was not tried; false: none is left. */
static bool next_dimension(const struct symbols *symbols, const struct request *r,
                           const struct dim *tried, int n_tried, struct dim *rows,
                           int64_t *n_rows) {
    *n_rows = ROWS_STEP;
    for (int i = 0; i < r->n_fed; i++)
        for (int a = 0; a < r->fed[i]->shape.rank; a++) {
            struct dim d = r->fed[i]->shape.d[a];
            bool known = !may_count_rows(symbols, d);
            for (int k = 0; k < n_tried; k++)
                known = known || dim_same(d, tried[k]);
            if (!known && r->value[i]->dim[a] > *n_rows)
                *rows = d, *n_rows = r->value[i]->dim[a];
        }
    return *n_rows > ROWS_STEP;
}

struct split *chunks_find(struct session *s, struct compiled *c, const struct request *r,
                          const char **why) {
    struct arena scratch = {0};
    struct split *split = arena_new(&c->arena, struct split);
    struct dim tried[MAX_TRIES], rows;
    bool found = false;
    *why = "nothing that is fed has an open size";
    split->fed_axis = arena_array(&c->arena, int, r->n_fed);
    split->budget_bytes = chunks_budget_bytes(s, c->plan);
    split->whole_bytes = chunks_plan_bytes(c->plan);
    for (int n = 0; n < MAX_TRIES && !found; n++) {
        if (!next_dimension(&s->symbols, r, tried, n, &rows, &split->n_rows))
            break;
        tried[n] = rows;
        struct cut cut = {.s = s, .r = r, .scratch = &scratch, .keep = &c->arena, .split = split};
        found = try_cut(&cut, rows, why);
    }
    arena_free(&scratch);
    return found ? split : NULL;
}
