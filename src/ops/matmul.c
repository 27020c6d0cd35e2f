/* The matrix product's kernels.
 *
 * In: a [..,m,k] and b [..,k,n], either stored transposed; leading axes are a batch and broadcast.
 * Out: [..,m,n]. Promises: the same bits at any number of threads, since units are panels of the
 * result, and parts of a long k are summed in order. Four ways: one row or column by streaming the
 * matrix once; few rows with a large matrix, which is read once too (matmul_thin.h); the packed
 * product (matmul_gemm.h); OpenBLAS, one thread, over fixed blocks, as the reference and for
 * processors without FMA. The shape rule and the gradient are in matmul_rules.c. */
#include <string.h>

#include "ops/matmul.h"

#ifdef OPS_KERNELS

#include "ops/blas.h"
#include "ops/vector.h"

#define REAL       float
#define REAL_BYTES 4
#define R(name)    name##_f32
#include "ops/matmul_gemm.h"
#include "ops/matmul_thin.h"
#undef REAL
#undef REAL_BYTES
#undef R
#define REAL       double
#define REAL_BYTES 8
#define R(name)    name##_f64
#include "ops/matmul_gemm.h"
#include "ops/matmul_thin.h"

enum { MAX_PARTS = 8, SHORTEST_PART = 1024, ENOUGH_UNITS = 8, BLAS_BLOCK = 128, THIN_ROWS = 128 };

struct matmul {
    struct gemm g;
    void (*run)(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch);
    bool transpose_a, transpose_b;
    bool thin;       /* few rows: b is read once */
    bool by_rows;    /* units run along rows, b is packed whole; else along columns, a is */
    int64_t n_units; /* panels or blocks of one product */
    int64_t n_parts; /* of k, each summed by itself */
    int64_t packed_bytes;
    int n_batch_axes;
    int64_t n_batch;
    int64_t batch[MAX_RANK]; /* sizes of the batch axes */
    int64_t a_step[MAX_RANK],
        b_step[MAX_RANK]; /* elements from one to the next along each; 0 where stretched */
};

static size_t element_bytes(const struct kernel_call *c) {
    return c->out[0].dtype == DTYPE_F64 ? 8 : 4;
}

static void set_batch_steps(const struct kernel_arg *x, int n_batch_axes, int64_t *step) {
    int64_t size = x->dim[x->rank - 1] * x->dim[x->rank - 2];
    for (int axis = n_batch_axes - 1; axis >= 0; axis--) {
        int own = axis - (n_batch_axes - (x->rank - 2));
        step[axis] = own < 0 || x->dim[own] == 1 ? 0 : size;
        if (own >= 0)
            size *= x->dim[own];
    }
}

/* The problem as the settings say it. When b has no batch, a's batch axes are more rows. */
static struct matmul *describe(const struct kernel_call *c, struct arena *arena) {
    struct matmul *m = arena_new(arena, struct matmul);
    const struct kernel_arg *a = &c->in[0], *b = &c->in[1], *out = &c->out[0];
    bool ta = c->attr[0].i, tb = c->attr[1].i;
    int64_t a_last = a->dim[a->rank - 1], b_last = b->dim[b->rank - 1];
    m->g = (struct gemm){.m = out->dim[out->rank - 2],
                         .n = out->dim[out->rank - 1],
                         .k = ta ? a->dim[a->rank - 2] : a_last,
                         .a_row = ta ? 1 : a_last,
                         .a_col = ta ? a_last : 1,
                         .b_row = tb ? 1 : b_last,
                         .b_col = tb ? b_last : 1};
    m->g.c_row = m->g.n;
    m->transpose_a = ta;
    m->transpose_b = tb;
    m->n_batch_axes = out->rank - 2;
    m->n_batch = 1;
    for (int axis = 0; axis < m->n_batch_axes; axis++)
        m->n_batch *= m->batch[axis] = out->dim[axis];
    if (!ta && arg_span(b, 0, b->rank - 2) == 1 && arg_span(a, 0, a->rank - 2) == m->n_batch) {
        m->g.m *= m->n_batch;
        m->n_batch = 1;
        m->n_batch_axes = 0;
    }
    set_batch_steps(a, m->n_batch_axes, m->a_step);
    set_batch_steps(b, m->n_batch_axes, m->b_step);
    m->n_parts = 1;
    return m;
}

/* Where matrix i of the batch begins. */
static int64_t batch_offset(const struct matmul *m, const int64_t *step, int64_t i) {
    int64_t offset = 0;
    for (int axis = m->n_batch_axes - 1; axis >= 0; axis--) {
        offset += i % m->batch[axis] * step[axis];
        i /= m->batch[axis];
    }
    return offset;
}

/* For whoever wants to know whether all is finite: looks at columns [j0, j1) of rows [r0, r1) of
 * the result while they are still near. */
static void look_at(const struct kernel_call *c, const struct gemm *g, int64_t r0, int64_t r1,
                    int64_t j0, int64_t j1) {
    bool finite = true;
    if (!c->suspect)
        return;
    if (j0 == 0 && j1 == g->n) /* whole rows are one run */
        j1 = (r1 - r0) * g->n, r1 = min_i64(r1, r0 + 1);
    for (int64_t r = r0; r < r1; r++)
        finite &= c->out[0].dtype == DTYPE_F64
                      ? all_finite_f64((double *)c->out[0].data + r * g->n + j0, j1 - j0)
                      : all_finite_f32((float *)c->out[0].data + r * g->n + j0, j1 - j0);
    if (!finite)
        __atomic_store_n(c->suspect, 1, __ATOMIC_RELEASE);
}

static int64_t part_start(const struct matmul *m, int64_t part) {
    return part * m->g.k / m->n_parts;
}

/* The last phase of a product in parts: out = part 0 + part 1 + .., units are blocks of
 * elements. */
enum { SUM_BLOCK = 4096 };
static void sum_parts(const struct kernel_call *c, const struct matmul *m, const void *parts,
                      int64_t begin, int64_t end) {
    int64_t n = m->g.m * m->g.n, from = begin * SUM_BLOCK, to = min_i64(end * SUM_BLOCK, n);
    if (c->out[0].dtype == DTYPE_F64) {
        double *out = c->out[0].data;
        const double *part = parts;
        for (int64_t i = from; i < to; i++)
            out[i] = part[i];
        for (int64_t p = 1; p < m->n_parts; p++)
            for (int64_t i = from; i < to; i++)
                out[i] += part[p * n + i];
    } else {
        float *out = c->out[0].data;
        const float *part = parts;
        for (int64_t i = from; i < to; i++)
            out[i] = part[i];
        for (int64_t p = 1; p < m->n_parts; p++)
            for (int64_t i = from; i < to; i++)
                out[i] += part[p * n + i];
    }
    look_at(c, &(struct gemm){.n = n}, 0, 1, from, to);
}

/* A product that is empty, or whose k is 0, is all zeros. */
static void run_zero(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)phase, (void)begin, (void)end, (void)scratch;
    memset(c->out[0].data, 0, (size_t)arg_count(&c->out[0]) * element_bytes(c));
}

static bool prepare_zero(struct kernel_call *c, struct kernel_work *w, struct matmul *m) {
    if (arg_count(&c->out[0]) > 0 && m->g.k > 0)
        return false;
    work_set(w, "zero", 1, (double)arg_count(&c->out[0]));
    m->run = run_zero;
    return true;
}

/* One row or one column: the matrix is read once, in the order in which it lies. */
enum { VECTOR_BLOCK = 256 };
static void run_vector(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    (void)phase, (void)scratch;
    const struct matmul *m = c->geometry;
    const struct gemm *g = &m->g;
    bool row = g->m == 1;
    int64_t n = row ? g->n : g->m, j0 = begin * VECTOR_BLOCK, j1 = min_i64(end * VECTOR_BLOCK, n);
    const void *x = c->in[row ? 0 : 1].data, *matrix = c->in[row ? 1 : 0].data;
    int64_t along_k = row ? g->b_row : g->a_col, along_n = row ? g->b_col : g->a_row;
    bool wide = c->out[0].dtype == DTYPE_F64;
    if (along_k == 1 && wide)
        dot_columns_f64(x, matrix, along_n, g->k, j0, j1, c->out[0].data);
    else if (along_k == 1)
        dot_columns_f32(x, matrix, along_n, g->k, j0, j1, c->out[0].data);
    else if (wide)
        sum_rows_f64(x, matrix, along_k, g->k, j0, j1, c->out[0].data);
    else
        sum_rows_f32(x, matrix, along_k, g->k, j0, j1, c->out[0].data);
}

static bool prepare_vector(struct kernel_work *w, struct matmul *m) {
    const struct gemm *g = &m->g;
    if (m->n_batch != 1 || (g->m != 1 && g->n != 1))
        return false;
    work_set(w, "gemv", ceil_div(g->m * g->n, VECTOR_BLOCK), (double)g->m * g->n * g->k);
    m->run = run_vector;
    return true;
}

/* The packed product, and that of few rows. Phase 0 packs the smaller operand into `shared`, phase 1 computes panels,
 * phase 2 adds parts of k. A batch has one unit a matrix instead, which packs for itself. */
static void pack_units(const struct kernel_call *c, const struct matmul *m, int64_t begin,
                       int64_t end) {
    const struct gemm *g = &m->g;
    bool wide = c->out[0].dtype == DTYPE_F64;
    for (int64_t u = begin; u < end; u++) {
        if (m->by_rows && wide)
            pack_column_panel_f64(g, c->in[1].data, c->shared, u, 0, g->k);
        else if (m->by_rows)
            pack_column_panel_f32(g, c->in[1].data, c->shared, u, 0, g->k);
        else if (wide)
            pack_row_panel_f64(g, c->in[0].data, c->shared, u, 0, g->k);
        else
            pack_row_panel_f32(g, c->in[0].data, c->shared, u, 0, g->k);
    }
}

static void run_panels(const struct matmul *m, bool wide, const void *a, const void *b,
                       const void *packed, void *out, int64_t p0, int64_t p1, int64_t k0,
                       int64_t k1, void *scratch) {
    if (m->by_rows && wide)
        run_rows_f64(&m->g, a, packed, out, p0, p1, k0, k1, scratch);
    else if (m->by_rows)
        run_rows_f32(&m->g, a, packed, out, p0, p1, k0, k1, scratch);
    else if (m->thin && wide)
        run_thin_f64(&m->g, packed, b, out, p0, p1, k0, k1, scratch);
    else if (m->thin)
        run_thin_f32(&m->g, packed, b, out, p0, p1, k0, k1, scratch);
    else if (wide)
        run_columns_f64(&m->g, packed, b, out, p0, p1, k0, k1, scratch);
    else
        run_columns_f32(&m->g, packed, b, out, p0, p1, k0, k1, scratch);
}

/* Looks at what panels [p0, p1) are of the result. */
static void look_at_panels(const struct kernel_call *c, const struct matmul *m, int64_t p0,
                           int64_t p1) {
    const struct gemm *g = &m->g;
    int64_t columns = (int64_t)(2 * VECTOR_BYTES / element_bytes(c));
    if (m->by_rows)
        look_at(c, g, panel_start_f32(g->m, m->n_units, p0), panel_start_f32(g->m, m->n_units, p1),
                0, g->n);
    else
        look_at(c, g, 0, g->m, p0 * columns, min_i64(p1 * columns, g->n));
}

static void run_packed(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                       void *scratch) {
    const struct matmul *m = c->geometry;
    bool wide = c->out[0].dtype == DTYPE_F64;
    char *parts = (char *)c->shared + m->packed_bytes;
    if (phase == 0) {
        pack_units(c, m, begin, end);
    } else if (phase == 1) {
        size_t part_bytes = (size_t)(m->g.m * m->g.n) * element_bytes(c);
        while (begin < end) {
            int64_t part = begin / m->n_units, stop = min_i64(end, (part + 1) * m->n_units);
            if (c->suspect)
                stop = min_i64(stop, begin + group_panels_f32);
            void *out = m->n_parts == 1 ? c->out[0].data : parts + (size_t)part * part_bytes;
            run_panels(m, wide, c->in[0].data, c->in[1].data, c->shared, out,
                       begin - part * m->n_units, stop - part * m->n_units, part_start(m, part),
                       part_start(m, part + 1), scratch);
            if (m->n_parts == 1)
                look_at_panels(c, m, begin, stop);
            begin = stop;
        }
    } else {
        sum_parts(c, m, parts, begin, end);
    }
}

static void run_batch(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                      void *scratch) {
    (void)phase;
    const struct matmul *m = c->geometry;
    const struct gemm *g = &m->g;
    bool wide = c->out[0].dtype == DTYPE_F64;
    size_t bytes = element_bytes(c);
    int64_t n_packed = m->by_rows ? (wide ? n_column_panels_f64(g->n) : n_column_panels_f32(g->n))
                                  : n_row_panels_f32(g->m);
    for (int64_t i = begin; i < end; i++) {
        struct kernel_arg in[2] = {c->in[0], c->in[1]};
        in[0].data = (char *)in[0].data + (size_t)batch_offset(m, m->a_step, i) * bytes;
        in[1].data = (char *)in[1].data + (size_t)batch_offset(m, m->b_step, i) * bytes;
        struct kernel_call one = *c;
        one.in = in;
        one.shared = scratch;
        pack_units(&one, m, 0, n_packed);
        char *out = (char *)c->out[0].data + (size_t)(i * g->m * g->n) * bytes;
        run_panels(m, wide, in[0].data, in[1].data, scratch, out, 0, m->n_units, 0, g->k,
                   (char *)scratch + m->packed_bytes);
    }
}

static void prepare_packed(struct kernel_call *c, struct kernel_work *w, struct matmul *m) {
    const struct gemm *g = &m->g;
    size_t bytes = element_bytes(c);
    int64_t columns = (int64_t)(2 * VECTOR_BYTES / bytes),
            k_block = bytes == 8 ? k_block_f64 : k_block_f32;
    int64_t n_row_panels = ceil_div(g->m, N_TILE_ROWS), n_column_panels = ceil_div(g->n, columns);
    m->by_rows = g->m >= g->n;
    m->n_units = m->by_rows ? n_row_panels : n_column_panels;
    int64_t n_packed = m->by_rows ? n_column_panels : n_row_panels;
    int64_t packed_elements = (m->by_rows ? n_column_panels * columns : g->m) * g->k;
    m->packed_bytes = (int64_t)round_64((size_t)packed_elements * bytes);
    w->scratch_bytes = (size_t)group_panels_f32 * (size_t)k_block * bytes *
                       (size_t)(m->by_rows ? N_TILE_ROWS : columns);
    double work = (double)g->m * (double)g->n * (double)g->k;
    if (m->n_batch > 1) {
        work_set(w, "packed", m->n_batch, work * (double)m->n_batch);
        w->scratch_bytes += (size_t)m->packed_bytes;
        m->run = run_batch;
        return;
    }
    if (m->n_units < ENOUGH_UNITS)
        m->n_parts = max_i64(1, min_i64(ceil_div(MAX_PARTS, m->n_units), g->k / SHORTEST_PART));
    m->thin = !m->by_rows && g->m <= THIN_ROWS;
    if (m->thin)
        w->scratch_bytes = (size_t)(bytes == 8 ? thin_scratch_f64(g) : thin_scratch_f32(g)) * bytes;
    w->name = m->thin ? "thin" : "packed";
    w->looks = true;
    w->n_phases = m->n_parts > 1 ? 3 : 2;
    w->units[0] = n_packed, w->cost[0] = (double)packed_elements;
    w->units[1] = m->n_units * m->n_parts, w->cost[1] = work;
    w->units[2] = ceil_div(g->m * g->n, SUM_BLOCK), w->cost[2] = (double)(g->m * g->n * m->n_parts);
    w->shared_bytes =
        (size_t)m->packed_bytes + (m->n_parts > 1 ? (size_t)(m->n_parts * g->m * g->n) * bytes : 0);
    m->run = run_packed;
}

/* OpenBLAS over blocks of rows or of columns. */
static void blas_block(const struct matmul *m, bool wide, const void *a, const void *b, void *out,
                       int64_t block, int64_t k0, int64_t k1) {
    const struct gemm *g = &m->g;
    int64_t first = block * BLAS_BLOCK;
    int64_t i0 = m->by_rows ? first : 0, j0 = m->by_rows ? 0 : first;
    int64_t n_rows = m->by_rows ? min_i64(BLAS_BLOCK, g->m - i0) : g->m;
    int64_t n_columns = m->by_rows ? g->n : min_i64(BLAS_BLOCK, g->n - j0);
    bool ta = m->transpose_a, tb = m->transpose_b;
    int64_t lda = ta ? g->a_col : g->a_row, ldb = tb ? g->b_col : g->b_row;
    int64_t at_a = i0 * g->a_row + k0 * g->a_col, at_b = k0 * g->b_row + j0 * g->b_col;
    int64_t at_c = i0 * g->c_row + j0;
    if (wide)
        blas_dgemm(ta, tb, n_rows, n_columns, k1 - k0, (const double *)a + at_a, lda,
                   (const double *)b + at_b, ldb, 0, (double *)out + at_c, g->c_row);
    else
        blas_sgemm(ta, tb, n_rows, n_columns, k1 - k0, (const float *)a + at_a, lda,
                   (const float *)b + at_b, ldb, 0, (float *)out + at_c, g->c_row);
}

static void run_blas(const struct kernel_call *c, int phase, int64_t begin, int64_t end,
                     void *scratch) {
    (void)scratch;
    const struct matmul *m = c->geometry;
    size_t bytes = element_bytes(c), out_bytes = (size_t)(m->g.m * m->g.n) * bytes;
    if (phase == 1) {
        sum_parts(c, m, c->shared, begin, end);
        return;
    }
    for (int64_t u = begin; u < end; u++) {
        int64_t block = u % m->n_units, which = u / m->n_units;
        int64_t part = which % m->n_parts, i = which / m->n_parts;
        char *out = m->n_parts > 1 ? (char *)c->shared + (size_t)part * out_bytes
                                   : (char *)c->out[0].data + (size_t)i * out_bytes;
        blas_block(m, bytes == 8,
                   (char *)c->in[0].data + (size_t)batch_offset(m, m->a_step, i) * bytes,
                   (char *)c->in[1].data + (size_t)batch_offset(m, m->b_step, i) * bytes, out,
                   block, part_start(m, part), part_start(m, part + 1));
    }
}

static void prepare_blas(struct kernel_call *c, struct kernel_work *w, struct matmul *m) {
    const struct gemm *g = &m->g;
    bool wide = c->out[0].dtype == DTYPE_F64;
    double work = (double)g->m * (double)g->n * (double)g->k;
    m->by_rows = g->m >= g->n;
    m->n_units = ceil_div(m->by_rows ? g->m : g->n, BLAS_BLOCK);
    if (m->n_batch == 1 && m->n_units < ENOUGH_UNITS)
        m->n_parts = max_i64(1, min_i64(ceil_div(MAX_PARTS, m->n_units), g->k / SHORTEST_PART));
    work_set(w, wide ? "dgemm" : "sgemm", m->n_batch * m->n_units * m->n_parts,
             work * (double)m->n_batch);
    m->run = run_blas;
    if (m->n_parts == 1)
        return;
    w->n_phases = 2;
    w->units[1] = ceil_div(g->m * g->n, SUM_BLOCK);
    w->cost[1] = (double)(g->m * g->n * m->n_parts);
    w->shared_bytes = (size_t)(m->n_parts * g->m * g->n) * element_bytes(c);
}

/* A packed operand is a copy: beyond this much, OpenBLAS, which packs block by block, is the better
 * choice. */
static const int64_t most_packed_bytes = (int64_t)1 << 28;

static void prepare(struct kernel_call *c, struct kernel_work *w, struct arena *arena) {
    struct matmul *m = describe(c, arena);
    c->geometry = m;
    if (prepare_zero(c, w, m) || prepare_vector(w, m))
        return;
    prepare_packed(c, w, m);
    bool prefer_blas = N_TILE_ROWS < 6 || m->packed_bytes > most_packed_bytes;
    if (!prefer_blas || !blas_start()->loaded)
        return;
    *w = (struct kernel_work){0};
    m->n_parts = 1;
    prepare_blas(c, w, m);
}

static void prepare_packed_only(struct kernel_call *c, struct kernel_work *w, struct arena *arena) {
    struct matmul *m = describe(c, arena);
    c->geometry = m;
    if (!prepare_zero(c, w, m))
        prepare_packed(c, w, m);
}

static void prepare_blas_only(struct kernel_call *c, struct kernel_work *w, struct arena *arena) {
    struct matmul *m = describe(c, arena);
    c->geometry = m;
    blas_start();
    if (!prepare_zero(c, w, m))
        prepare_blas(c, w, m);
}

static void run(const struct kernel_call *c, int phase, int64_t begin, int64_t end, void *scratch) {
    const struct matmul *m = c->geometry;
    m->run(c, phase, begin, end, scratch);
}

const struct kernel KERNEL(matmul_kernel) = {.prepare = prepare, .run = run};
const struct kernel KERNEL(matmul_packed_kernel) = {.prepare = prepare_packed_only, .run = run};
const struct kernel KERNEL(matmul_blas_kernel) = {.prepare = prepare_blas_only, .run = run};

#endif
