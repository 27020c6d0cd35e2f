/* See trykernel.h. */
#include "trykernel.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "unit.h"

int trykernel_n_isas(void) { return (int)kernel_best_isa() + 1; }

int64_t trykernel_count(const struct kernel_arg *a) {
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++)
        n *= a->dim[i];
    return n;
}

static size_t bytes_of(const struct kernel_arg *a) {
    return (size_t)trykernel_count(a) * dtype_bytes(a->dtype);
}

static void *garbage(size_t n) {
    void *p = aligned_alloc(64, (n + 64) / 64 * 64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    memset(p, 0xff, n);
    return p;
}

/* Exactly as long as it has to be, so that the sanitizers see a step beyond. */
static void make_arg(struct kernel_arg *a, enum dtype type, va_list dims) {
    *a = (struct kernel_arg){.dtype = type};
    for (int d = va_arg(dims, int); d >= 0; d = va_arg(dims, int))
        a->dim[a->rank++] = d;
    a->data = malloc(bytes_of(a) + (bytes_of(a) == 0));
    CU_ASSERT_PTR_NOT_NULL_FATAL(a->data);
    memset(a->data, 0xff, bytes_of(a));
}

struct kernel_arg *trykernel_in(struct trykernel *t, enum dtype type, ...) {
    va_list dims;
    va_start(dims, type);
    make_arg(&t->in[t->n_in], type, dims);
    va_end(dims);
    return &t->in[t->n_in++];
}

struct kernel_arg *trykernel_out(struct trykernel *t, enum dtype type, ...) {
    va_list dims;
    va_start(dims, type);
    make_arg(&t->out[t->n_out], type, dims);
    va_end(dims);
    return &t->out[t->n_out++];
}

void trykernel_end(struct trykernel *t) {
    for (int i = 0; i < t->n_in; i++)
        free(t->in[i].data);
    for (int i = 0; i < t->n_out; i++)
        free(t->out[i].data);
    t->n_in = t->n_out = 0;
}

double trykernel_get(const struct kernel_arg *a, int64_t i) {
    switch (a->dtype) {
#define DTYPE(id, name, ctype, bytes)                                                              \
    case DTYPE_##id:                                                                               \
        return (double)((const ctype *)a->data)[i];
#include "tensor/dtype.def"
#undef DTYPE
    default:
        return 0;
    }
}

void trykernel_set(struct kernel_arg *a, int64_t i, double v) {
    switch (a->dtype) {
#define DTYPE(id, name, ctype, bytes)                                                              \
    case DTYPE_##id:                                                                               \
        ((ctype *)a->data)[i] = (ctype)v;                                                          \
        break;
#include "tensor/dtype.def"
#undef DTYPE
    default:
        break;
    }
}

void trykernel_randomise(struct kernel_arg *a, uint64_t seed, double range) {
    int64_t whole = (int64_t)(range * 64), n = trykernel_count(a);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double v = (double)((int64_t)(seed >> 33) % (2 * whole) - whole) / 64;
        if (a->dtype == DTYPE_BOOL)
            v = (double)(seed >> 40 & 1);
        else if (a->dtype == DTYPE_U8)
            v = v < 0 ? -v : v;
        trykernel_set(a, i, v);
    }
}

static void run_pieces(const struct kernel *k, struct kernel_call *c, const struct kernel_work *w,
                       bool one_by_one) {
    void *scratch = garbage(w->scratch_bytes);
    c->shared = garbage(w->shared_bytes);
    for (int phase = 0; phase < w->n_phases; phase++) {
        int64_t n = w->units[phase];
        if (!one_by_one && n > 0)
            k->run(c, phase, 0, n, scratch);
        for (int64_t u = n - 1; one_by_one && u >= 0; u--)
            k->run(c, phase, u, u + 1, scratch);
    }
    free(scratch);
    free(c->shared);
}

void trykernel_run(struct trykernel *t, enum op_id op) {
    struct arena arena = {0};
    struct kernel_work w = {0};
    const struct kernel *k = t->program ? kernel_elementwise(t->isa) : kernel_find(t->isa, op);
    CU_ASSERT_PTR_NOT_NULL_FATAL(k);
    struct kernel_call c = {.n_in = t->n_in,
                            .n_out = t->n_out,
                            .in = t->in,
                            .out = t->out,
                            .attr = t->attr,
                            .program = t->program,
                            .draw = t->draw,
                            .fault = &t->fault};
    void *first[TRY_ARGS];
    k->prepare(&c, &w, &arena);
    CU_ASSERT_FATAL(w.n_phases >= 1 && w.n_phases <= MAX_PHASES);
    CU_ASSERT_PTR_NOT_NULL(w.name);
    run_pieces(k, &c, &w, false);
    for (int i = 0; i < t->n_out; i++) {
        size_t n = bytes_of(&t->out[i]);
        first[i] = garbage(n);
        memcpy(first[i], t->out[i].data, n);
        memset(t->out[i].data, 0xff, n);
    }
    run_pieces(k, &c, &w, true);
    for (int i = 0; i < t->n_out; i++) {
        CU_ASSERT(memcmp(first[i], t->out[i].data, bytes_of(&t->out[i])) == 0);
        free(first[i]);
    }
    arena_free(&arena);
}
