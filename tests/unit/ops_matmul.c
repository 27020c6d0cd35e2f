/* The kernels of the matrix product against plain sums in double: many sizes around those of
 * register tiles, every transposition, batches, both dtypes, every instruction set; the chosen
 * kernel, the packed one and OpenBLAS. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernelrun.h"
#include "ops/blas.h"
#include "unit.h"

KERNELS_OF(chosen, matmul_kernel);
KERNELS_OF(packed, matmul_packed_kernel);
KERNELS_OF(by_blas, matmul_blas_kernel);

/* One product: sizes, and batch axes (a leading 1 stretches). */
struct product {
    int64_t m, n, k;
    int n_batch;
    int64_t batch_a[2], batch_b[2];
};

static int64_t at(const int64_t *batch, const int64_t *out, int n, int64_t i) {
    int64_t offset = 0, size = 1;
    for (int axis = n - 1; axis >= 0; axis--) {
        if (batch[axis] != 1)
            offset += i % out[axis] * size;
        size *= batch[axis];
        i /= out[axis];
    }
    return offset;
}

static void expect(const struct product *p, const int64_t *batch, int64_t n_batch,
                   const struct kernel_arg *a, const struct kernel_arg *b, bool ta, bool tb,
                   double *sum, double *scale) {
    for (int64_t i = 0; i < n_batch; i++) {
        int64_t a0 = at(p->batch_a, batch, p->n_batch, i) * p->m * p->k;
        int64_t b0 = at(p->batch_b, batch, p->n_batch, i) * p->k * p->n;
        for (int64_t r = 0; r < p->m; r++)
            for (int64_t s = 0; s < p->n; s++, sum++, scale++) {
                *sum = 0;
                *scale = DBL_MIN;
                for (int64_t l = 0; l < p->k; l++) {
                    double x = kernelrun_get(a, a0 + (ta ? l * p->m + r : r * p->k + l));
                    double y = kernelrun_get(b, b0 + (tb ? s * p->k + l : l * p->n + s));
                    *sum += x * y;
                    *scale += fabs(x * y);
                }
            }
    }
}

static void check_kernels(const char *what, struct kernel_call *c, const double *sum,
                          const double *scale, int64_t k) {
    double tolerance =
        (c->out[0].dtype == DTYPE_F64 ? DBL_EPSILON : FLT_EPSILON) * (2 + sqrt((double)k));
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++) {
        const struct kernel *const kernels[] = {chosen[isa], packed[isa],
                                                blas_start()->loaded ? by_blas[isa] : NULL};
        for (int i = 0; i < 3; i++) {
            if (!kernels[i])
                continue;
            const char *name = kernelrun_check(kernels[i], c);
            char text[160];
            snprintf(text, sizeof text, "%s %s, %s", what, name, kernel_isa_name((enum isa)isa));
            kernelrun_compare(text, &c->out[0], sum, scale, tolerance);
        }
    }
}

static void check_product(const struct product *p, enum dtype t, bool ta, bool tb) {
    uint64_t seed = 1;
    int64_t a_dim[4], b_dim[4], o_dim[4], n_batch = 1;
    for (int i = 0; i < p->n_batch; i++) {
        a_dim[i] = p->batch_a[i];
        b_dim[i] = p->batch_b[i];
        o_dim[i] = a_dim[i] == 1 ? b_dim[i] : a_dim[i];
        n_batch *= o_dim[i];
    }
    int64_t *a2 = a_dim + p->n_batch, *b2 = b_dim + p->n_batch, *o2 = o_dim + p->n_batch;
    a2[0] = ta ? p->k : p->m, a2[1] = ta ? p->m : p->k;
    b2[0] = tb ? p->n : p->k, b2[1] = tb ? p->k : p->n;
    o2[0] = p->m, o2[1] = p->n;
    struct kernel_arg in[2] = {kernelrun_arg(t, p->n_batch + 2, a_dim, &seed),
                               kernelrun_arg(t, p->n_batch + 2, b_dim, &seed)};
    struct kernel_arg out = kernelrun_empty(t, p->n_batch + 2, o_dim);
    struct attr attr[2] = {kernelrun_bool(ta), kernelrun_bool(tb)};
    struct kernel_call c = {.n_in = 2, .n_out = 1, .in = in, .out = &out, .attr = attr};
    size_t n = (size_t)(n_batch * p->m * p->n) + 1;
    double *sum = calloc(2 * n, sizeof *sum);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sum);
    expect(p, o_dim, n_batch, &in[0], &in[1], ta, tb, sum, sum + n);
    char what[96];
    snprintf(what, sizeof what, "[%lld,%lld]%s @ [%lld,%lld]%s %s:", (long long)a2[0],
             (long long)a2[1], ta ? "'" : "", (long long)b2[0], (long long)b2[1], tb ? "'" : "",
             dtype_name(t));
    check_kernels(what, &c, sum, sum + n, p->k);
    free(sum);
    for (int i = 0; i < 2; i++)
        kernelrun_free(&in[i]);
    kernelrun_free(&out);
}

static void check_all(const struct product *p) {
    for (int flags = 0; flags < 4; flags++) {
        check_product(p, DTYPE_F32, flags & 1, flags >> 1);
        check_product(p, DTYPE_F64, flags & 1, flags >> 1);
    }
}

static void odd_sizes(void) {
    static const int64_t m[] = {1, 2, 5, 6, 7, 13, 14, 15, 29, 50},
                         n[] = {1, 3, 10, 16, 31, 32, 33, 70};
    static const int64_t k[] = {1, 4, 17, 64};
    for (size_t i = 0; i < sizeof m / sizeof *m; i++)
        for (size_t j = 0; j < sizeof n / sizeof *n; j++) {
            struct product p = {.m = m[i], .n = n[j], .k = k[(i + j) % 4]};
            check_all(&p);
        }
}

static void long_sums(void) {
    static const struct product products[] = {
        {.m = 3, .n = 5, .k = 9000},    {.m = 1, .n = 300, .k = 3000}, {.m = 40, .n = 1, .k = 2500},
        {.m = 130, .n = 20, .k = 2100}, {.m = 20, .n = 300, .k = 700},
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        check_all(&products[i]);
}

/* Few rows: several groups of panels, blocks of k that are not whole, one row too many. */
static void few_rows(void) {
    static const struct product products[] = {
        {.m = 2, .n = 600, .k = 130},  {.m = 8, .n = 70, .k = 1300}, {.m = 15, .n = 33, .k = 65},
        {.m = 50, .n = 561, .k = 200}, {.m = 50, .n = 64, .k = 128}, {.m = 128, .n = 545, .k = 129},
        {.m = 128, .n = 129, .k = 3},  {.m = 129, .n = 300, .k = 70},
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        check_all(&products[i]);
}

static void batches(void) {
    static const struct product products[] = {
        {.m = 3, .n = 4, .k = 5, .n_batch = 1, .batch_a = {7}, .batch_b = {7}},
        {.m = 3, .n = 34, .k = 5, .n_batch = 1, .batch_a = {7}, .batch_b = {1}},
        {.m = 33, .n = 4, .k = 5, .n_batch = 1, .batch_a = {1}, .batch_b = {7}},
        {.m = 15, .n = 40, .k = 9, .n_batch = 2, .batch_a = {2, 1}, .batch_b = {1, 3}},
        {.m = 1, .n = 40, .k = 9, .n_batch = 2, .batch_a = {2, 3}, .batch_b = {2, 3}},
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        check_all(&products[i]);
}

/* What a kernel that looks says of finite operands, and of one with a single infinity. */
static void check_look(const struct kernel *k, struct kernel_call *c, const char *what) {
    struct arena arena = {0};
    struct kernel_work w = {0};
    k->prepare(c, &w, &arena);
    arena_free(&arena);
    if (!w.looks)
        return;
    int64_t n_a = kernelrun_count(&c->in[0]);
    for (int64_t bad = -1; bad < n_a; bad += n_a / 3 + 1) {
        int suspect = 0;
        double before = bad < 0 ? 0 : kernelrun_get(&c->in[0], bad);
        if (bad >= 0)
            kernelrun_set(&c->in[0], bad, INFINITY);
        c->suspect = &suspect;
        kernelrun_check(k, c);
        if (suspect != (bad >= 0))
            printf("%s %s: infinity at %lld, suspect %d\n", what, w.name, (long long)bad, suspect);
        CU_ASSERT_EQUAL(suspect, bad >= 0);
        if (bad >= 0)
            kernelrun_set(&c->in[0], bad, before);
    }
}

static void looks(void) {
    static const int64_t sizes[][3] = {
        {3, 5, 9000}, {700, 40, 9}, {50, 561, 20}, {140, 300, 70}, {20, 20, 20}};
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof *sizes); i++) {
        const int64_t *s = sizes[i / 2];
        uint64_t seed = i;
        enum dtype t = i % 2 ? DTYPE_F64 : DTYPE_F32;
        struct kernel_arg in[2] = {kernelrun_arg(t, 2, (int64_t[]){s[2], s[0]}, &seed),
                                   kernelrun_arg(t, 2, (int64_t[]){s[2], s[1]}, &seed)};
        struct kernel_arg out = kernelrun_empty(t, 2, (int64_t[]){s[0], s[1]});
        struct attr attr[2] = {kernelrun_bool(true), kernelrun_bool(false)};
        struct kernel_call c = {.n_in = 2, .n_out = 1, .in = in, .out = &out, .attr = attr};
        for (int isa = 0; isa <= (int)kernel_best_isa(); isa++)
            check_look(packed[isa], &c, kernel_isa_name((enum isa)isa));
        for (int k = 0; k < 2; k++)
            kernelrun_free(&in[k]);
        kernelrun_free(&out);
    }
}

/* The first rows of a product are the same bits however many follow: evaluations in chunks rely on
 * that. */
static void check_rows(int isa, enum dtype t, int64_t few, bool tb) {
    enum { M = 200, N = 90, K = 700 };
    uint64_t seed = 3;
    int64_t a_dim[2] = {M, K}, b_dim[2] = {tb ? N : K, tb ? K : N}, o_dim[2] = {M, N};
    struct kernel_arg in[2] = {kernelrun_arg(t, 2, a_dim, &seed),
                               kernelrun_arg(t, 2, b_dim, &seed)};
    struct kernel_arg all = kernelrun_empty(t, 2, o_dim);
    struct attr attr[2] = {kernelrun_bool(false), kernelrun_bool(tb)};
    struct kernel_call c = {.n_in = 2, .n_out = 1, .in = in, .out = &all, .attr = attr};
    kernelrun_check(chosen[isa], &c);
    o_dim[0] = in[0].dim[0] = few;
    struct kernel_arg first = kernelrun_empty(t, 2, o_dim);
    c.out = &first;
    kernelrun_check(chosen[isa], &c);
    CU_ASSERT(memcmp(first.data, all.data, (size_t)(few * N) * dtype_bytes(t)) == 0);
    in[0].dim[0] = M;
    for (int i = 0; i < 2; i++)
        kernelrun_free(&in[i]);
    kernelrun_free(&all);
    kernelrun_free(&first);
}

static void rows_of_batches(void) {
    for (int isa = 0; isa <= (int)kernel_best_isa(); isa++)
        for (int tb = 0; tb < 2; tb++) {
            check_rows(isa, DTYPE_F32, 19, tb);
            check_rows(isa, DTYPE_F32, 128, tb);
            check_rows(isa, DTYPE_F64, 50, tb);
        }
}

static void empty_sizes(void) {
    static const struct product products[] = {
        {.m = 0, .n = 4, .k = 5},
        {.m = 3, .n = 0, .k = 5},
        {.m = 3, .n = 4, .k = 0},
        {.m = 3, .n = 4, .k = 2, .n_batch = 1, .batch_a = {0}, .batch_b = {0}},
    };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        check_all(&products[i]);
}

void suite_ops_matmul(void) {
    unit_suite("ops: matmul");
    unit_test("sizes around those of tiles, every transposition", odd_sizes);
    unit_test("long sums", long_sums);
    unit_test("few rows, a large matrix", few_rows);
    unit_test("rows are the same bits in any batch", rows_of_batches);
    unit_test("batches, equal and stretched", batches);
    unit_test("infinities of the result are noticed", looks);
    unit_test("empty operands and empty sums", empty_sizes);
}
