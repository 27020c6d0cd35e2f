/* Orders of elements along an axis: argsort, top_k_indices, random_permutation. The sorted values
 * are taken by take_along_axis (along.c).
 *
 * Equal elements keep their order, the lower index first, whether the order rises or falls; -0 and
 * 0 are equal; a NaN counts as the largest of all, and all NaNs are equal. So there is one right
 * answer, whatever the number of threads.
 *
 * Method: an element becomes an unsigned key of the same order, and key and index are sorted by
 * inserting, or by bytes from the lowest (radix sort), passing over bytes that all keys share. A
 * few largest are picked in one pass. A permutation is the order of 64-bit random keys. A row is
 * sorted by one unit.
 *
 * Not for: sorting along one axis by several keys. */
#include <string.h>

#include "base/rng.h"
#include "ops/ops.h"

#ifdef OPS_RULES

bool argsort_shape(struct shape_call *c) {
    c->out = c->in[0];
    c->out_dtype = DTYPE_I32;
    return axis_normalise(c, 0, &c->attr[0].i);
}

bool top_k_indices_shape(struct shape_call *c) {
    int64_t k = c->attr[0].i;
    if (!axis_normalise(c, 0, &c->attr[1].i))
        return false;
    int axis = (int)c->attr[1].i;
    struct dim size = c->in[0].d[axis];
    if (k < 0)
        return shape_refuse(c, E_OUT_OF_RANGE,
                            "the %lld largest are asked for: k cannot be negative", (long long)k);
    if (dim_is_const(size) && k > size.k) {
        shape_refuse(c, E_OUT_OF_RANGE,
                     "the %lld largest are asked for, but axis %d has %lld elements", (long long)k,
                     axis, (long long)size.k);
        shape_mark(c, 0, axis);
        return false;
    }
    c->out = c->in[0];
    c->out.d[axis] = dim_const(k);
    c->out_dtype = DTYPE_I32;
    return true;
}

bool random_permutation_shape(struct shape_call *c) {
    c->out = c->attr[0].shape;
    c->out_dtype = DTYPE_I32;
    if (c->out.rank == 1)
        return true;
    return shape_refuse(c, E_SHAPE, "%s: n is one size, not a shape of %d axes", c->spelling,
                        c->out.rank);
}

#endif

#ifdef OPS_KERNELS

enum { UNIT_ELEMENTS = 4096, INSERTED = 32, PICKED = 64, N_BYTES = 8, N_VALUES = 256 };

struct item {
    uint64_t key;
    int64_t index;
};

/* x is [outer, n, inner]; the first k of each order are given. */
struct order {
    int64_t outer, n, inner, k;
    int64_t per_unit; /* rows along the axis a unit */
    uint64_t flip;    /* all bits when the order falls */
};

static void set_work(struct kernel_work *w, const struct order *g, const char *name) {
    double n = (double)g->n, passes = g->n > INSERTED ? 8 : 4;
    int64_t rows = g->n ? g->outer * g->inner : 0;
    work_set(w, name, ceil_div(rows, g->per_unit), (double)rows * n * 16 * passes);
    w->scratch_bytes = 2 * (size_t)g->n * sizeof(struct item);
}

static struct order *new_order(struct kernel_call *c, struct arena *a, int axis) {
    struct order *g = arena_new(a, struct order);
    const struct kernel_arg *x = &c->in[0];
    g->outer = arg_span(x, 0, axis);
    g->n = x->dim[axis];
    g->inner = arg_span(x, axis + 1, x->rank);
    g->k = c->out[0].dim[axis];
    g->per_unit = max_i64(1, UNIT_ELEMENTS / max_i64(g->n, 1));
    c->geometry = g;
    return g;
}

static void prepare_argsort(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct order *g = new_order(c, a, (int)c->attr[0].i);
    g->flip = c->attr[1].i ? ~(uint64_t)0 : 0;
    set_work(w, g, "sort");
}

static void prepare_top_k(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct order *g = new_order(c, a, (int)c->attr[1].i);
    g->flip = ~(uint64_t)0;
    set_work(w, g, g->k <= PICKED && g->k < g->n ? "pick" : "sort");
}

/* ---- keys */

static inline uint64_t key_f32(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    u = x == 0 ? 0 : u;
    u = u >> 31 ? ~u : u | 0x80000000u;
    return x != x ? UINT32_MAX : u;
}

static inline uint64_t key_f64(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    u = x == 0 ? 0 : u;
    u = u >> 63 ? ~u : u | (uint64_t)1 << 63;
    return x != x ? UINT64_MAX : u;
}

static inline uint64_t key_i32(int32_t x) { return (uint32_t)x ^ 0x80000000u; }
static inline uint64_t key_i64(int64_t x) { return (uint64_t)x ^ (uint64_t)1 << 63; }
static inline uint64_t key_u8(uint8_t x) { return x; }

#define KEYS(T, tag)                                                                               \
    static void keys_##tag(const void *from, const struct order *g, struct item *items) {          \
        const T *x = from;                                                                         \
        for (int64_t i = 0; i < g->n; i++)                                                         \
            items[i] = (struct item){key_##tag(x[i * g->inner]) ^ g->flip, i};                     \
    }
KEYS(float, f32)
KEYS(double, f64)
KEYS(int32_t, i32)
KEYS(int64_t, i64)
KEYS(uint8_t, u8)
#undef KEYS

typedef void keys_function(const void *x, const struct order *g, struct item *items);
static keys_function *const keys_of[N_DTYPES] = {
    [DTYPE_F32] = keys_f32, [DTYPE_F64] = keys_f64, [DTYPE_I32] = keys_i32,
    [DTYPE_I64] = keys_i64, [DTYPE_U8] = keys_u8,   [DTYPE_BOOL] = keys_u8,
};

/* ---- sorting */

/* Puts it among the n sorted items at `to`, behind those that are equal; the last falls out when
 * there are `most`. Gives the new count. */
static int64_t insert(struct item *to, int64_t n, int64_t most, struct item it) {
    int64_t i = n < most ? n : n - 1;
    for (; i > 0 && to[i - 1].key > it.key; i--)
        to[i] = to[i - 1];
    to[i] = it;
    return n < most ? n + 1 : n;
}

static void count_bytes(const struct item *items, int64_t n, int64_t count[N_BYTES][N_VALUES]) {
    memset(count, 0, sizeof(int64_t) * N_BYTES * N_VALUES);
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < N_BYTES; b++)
            count[b][items[i].key >> (8 * b) & 255]++;
}

/* Sorts n items by way of n others; gives where the result stands. */
static struct item *sort(struct item *items, struct item *other, int64_t n) {
    int64_t count[N_BYTES][N_VALUES];
    if (n <= INSERTED) {
        for (int64_t i = 1; i < n; i++)
            insert(items, i, n, items[i]);
        return items;
    }
    count_bytes(items, n, count);
    for (int b = 0; b < N_BYTES; b++) {
        int64_t at = 0, *place = count[b];
        if (place[items[0].key >> (8 * b) & 255] == n)
            continue;
        for (int v = 0; v < N_VALUES; v++) {
            int64_t here = place[v];
            place[v] = at;
            at += here;
        }
        for (int64_t i = 0; i < n; i++)
            other[place[items[i].key >> (8 * b) & 255]++] = items[i];
        struct item *sorted = other;
        other = items;
        items = sorted;
    }
    return items;
}

/* The first k <= PICKED of n items. */
static void pick(const struct item *items, int64_t n, int64_t k, struct item *picked) {
    int64_t n_picked = 0;
    for (int64_t i = 0; i < n; i++)
        if (n_picked < k || items[i].key < picked[k - 1].key)
            n_picked = insert(picked, n_picked, k, items[i]);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    (void)phase;
    const struct order *g = c->geometry;
    struct item *items = scratch, *other = items + g->n, *first;
    int64_t bytes = (int64_t)dtype_bytes(c->in[0].dtype);
    int64_t last = min_i64(g->outer * g->inner, end * g->per_unit);
    for (int64_t row = begin * g->per_unit; row < last && g->k > 0; row++) {
        int64_t o = row / g->inner, j = row % g->inner;
        keys_of[c->in[0].dtype]((const char *)c->in[0].data + (o * g->n * g->inner + j) * bytes, g,
                                items);
        if (g->k <= PICKED && g->k < g->n)
            pick(items, g->n, g->k, other), first = other;
        else
            first = sort(items, other, g->n);
        int32_t *out = (int32_t *)c->out[0].data + o * g->k * g->inner + j;
        for (int64_t i = 0; i < g->k; i++)
            out[i * g->inner] = (int32_t)first[i].index;
    }
}

const struct kernel KERNEL(argsort_kernel) = {prepare_argsort, run};
const struct kernel KERNEL(top_k_indices_kernel) = {prepare_top_k, run};

/* ---- permutations */

static void prepare_permutation(struct kernel_call *c, struct kernel_work *w, struct arena *a) {
    struct order *g = arena_new(a, struct order);
    *g = (struct order){.outer = 1, .n = c->out[0].dim[0], .inner = 1, .per_unit = 1};
    c->geometry = g;
    set_work(w, g, "permutation");
}

/* Element i's key is words 2 i and 2 i + 1 of its stream. */
static void run_permutation(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                            void *scratch) {
    (void)phase, (void)begin, (void)end;
    const struct order *g = c->geometry;
    struct item *items = scratch;
    struct rng_key key = rng_key_make(c->draw.seed, c->draw.path, c->draw.step);
    for (int64_t i = 0; i < g->n; i++) {
        struct rng_block b = rng_philox(key, (uint64_t)i / 2, 0);
        int high = i % 2 * 2;
        items[i] = (struct item){(uint64_t)b.v[high] << 32 | b.v[high + 1], i};
    }
    items = sort(items, items + g->n, g->n);
    for (int64_t i = 0; i < g->n; i++)
        ((int32_t *)c->out[0].data)[i] = (int32_t)items[i].index;
}

const struct kernel KERNEL(random_permutation_kernel) = {prepare_permutation, run_permutation};

#endif
