/* See kernelrun.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernelrun.h"
#include "unit.h"

enum { MAX_RESULTS = 4 };

int64_t kernelrun_count(const struct kernel_arg *a) {
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

static size_t arg_bytes(const struct kernel_arg *a) {
    return (size_t)kernelrun_count(a) * dtype_bytes(a->dtype);
}

static void *new_garbage(size_t n) {
    void *p = aligned_alloc(64, (n + 127) / 64 * 64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    memset(p, 0xff, (n + 127) / 64 * 64);
    return p;
}

struct kernel_arg kernelrun_empty(enum dtype t, int rank, const int64_t *dim) {
    struct kernel_arg a = {.dtype = t, .rank = rank};
    memcpy(a.dim, dim, (size_t)rank * sizeof *dim);
    /* exactly as long as it has to be, so that the sanitizers see a step beyond */
    a.data = malloc(arg_bytes(&a) ? arg_bytes(&a) : 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a.data);
    memset(a.data, 0xff, arg_bytes(&a));
    return a;
}

struct kernel_arg kernelrun_arg(enum dtype t, int rank, const int64_t *dim, uint64_t *seed) {
    struct kernel_arg a = kernelrun_empty(t, rank, dim);
    for (int64_t i = 0, n = kernelrun_count(&a); i < n; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        kernelrun_set(&a, i, (double)(int64_t)(*seed >> 40) / (1 << 23) - 1);
    }
    return a;
}

void kernelrun_free(struct kernel_arg *a) {
    free(a->data);
    a->data = NULL;
}

double kernelrun_get(const struct kernel_arg *a, int64_t i) {
    return a->dtype == DTYPE_F64 ? ((double *)a->data)[i] : ((float *)a->data)[i];
}

void kernelrun_set(struct kernel_arg *a, int64_t i, double v) {
    if (a->dtype == DTYPE_F64)
        ((double *)a->data)[i] = v;
    else
        ((float *)a->data)[i] = (float)v;
}

struct attr kernelrun_ints(int n, int64_t a, int64_t b) {
    return (struct attr){.kind = ATTR_INTS, .ints = {.n = n, .v = {a, b}}};
}

struct attr kernelrun_bool(bool v) {
    return (struct attr){.kind = ATTR_BOOL, .i = v};
}

struct attr kernelrun_string(const char *s) {
    return (struct attr){.kind = ATTR_STRING, .s = s};
}

static void run_pieces(const struct kernel *k, struct kernel_call *c, const struct kernel_work *w,
                       bool one_by_one) {
    void *scratch = new_garbage(w->scratch_bytes);
    c->shared = new_garbage(w->shared_bytes);
    for (int phase = 0; phase < w->n_phases; phase++) {
        int64_t n = w->units[phase];
        if (!one_by_one) {
            k->run(c, phase, 0, n, scratch);
            continue;
        }
        for (int64_t u = n - 1; u >= 0; u--) {
            memset(scratch, 0xff, w->scratch_bytes);
            k->run(c, phase, u, u + 1, scratch);
        }
    }
    free(scratch);
    free(c->shared);
    c->shared = NULL;
}

const char *kernelrun_check(const struct kernel *k, struct kernel_call *c) {
    struct arena arena = {0};
    struct kernel_work w = {0};
    struct kernel_fault fault = {0};
    c->fault = &fault;
    k->prepare(c, &w, &arena);
    CU_ASSERT_FATAL(w.n_phases >= 1 && w.n_phases <= MAX_PHASES);
    run_pieces(k, c, &w, false);
    void *before[MAX_RESULTS];
    CU_ASSERT_FATAL(c->n_out <= MAX_RESULTS);
    for (int i = 0; i < c->n_out; i++) {
        size_t n = arg_bytes(&c->out[i]);
        before[i] = new_garbage(n);
        memcpy(before[i], c->out[i].data, n);
        memset(c->out[i].data, 0xff, n);
    }
    run_pieces(k, c, &w, true);
    for (int i = 0; i < c->n_out; i++) {
        bool same = memcmp(before[i], c->out[i].data, arg_bytes(&c->out[i])) == 0;
        if (!same)
            printf("%s: the bits depend on how the units are cut\n", w.name);
        CU_ASSERT(same);
        free(before[i]);
    }
    CU_ASSERT_EQUAL(fault.raised, 0);
    static char name[128];
    snprintf(name, sizeof name, "%s", w.name);
    arena_free(&arena);
    c->geometry = NULL;
    return name;
}

void kernelrun_compare(const char *what, const struct kernel_arg *out, const double *expected,
                       const double *scale, double tolerance) {
    int64_t n = kernelrun_count(out), first = -1;
    for (int64_t i = 0; i < n && first < 0; i++) {
        double v = kernelrun_get(out, i), e = expected[i], d = v > e ? v - e : e - v;
        bool both_nan = v != v && e != e;
        if (!(v == e || both_nan || d <= tolerance * (scale ? scale[i] : 1)))
            first = i;
    }
    if (first >= 0)
        printf("%s: element %lld is %.9g, not %.9g\n", what, (long long)first,
               kernelrun_get(out, first), expected[first]);
    CU_ASSERT_EQUAL(first, -1);
}
