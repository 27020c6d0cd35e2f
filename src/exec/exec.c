/* Runs a plan: binds the arguments' addresses, runs step by step, copies what is fetched.
 *
 * In: a plan, feeds. Out: fetched tensors, and the variables that the plan assigns. Addresses are
 * worked out when a plan meets a slab for the first time; afterwards only what is fed is patched. A
 * phase goes to several threads when it is worth more than waking them.
 *
 * Promises: the same bits at any number of threads (ir/kernel.h); variables unchanged when a run
 * does not succeed: nothing that can fail comes after the first step that writes one, and with
 * check_numerics, which can fail anywhere, they are saved first. Not for: making plans, choosing
 * draws' seeds. */
#define _DEFAULT_SOURCE
#include "exec/exec.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"
#include "exec/pool.h"
#include "exec/steps.h"

/* Work (bytes or multiply-adds, as kernels count it) that is worth one more thread: 0.2 us of the
 * quickest kernels, when handing a phase to a second thread that spins takes 0.12 us
 * (tests/bench/pool.c). */
static const double COST_PER_WORKER = 65536;
/* Work that is worth taking by itself, and into how much of it a worker's share is cut. */
static const double COST_PER_CHUNK = 4 * 65536;
enum { CHUNKS_PER_WORKER = 8 };
static const size_t HUGE_PAGE_BYTES = (size_t)2 << 20, PAGE_BYTES = 4096, LINE_BYTES = 64;

struct executor {
    struct pool *pool;
    void *slab;
    size_t slab_bytes;
    char *scratch;             /* one part for each worker */
    size_t scratch_bytes;      /* of one part */
    struct kernel_fault fault; /* where the calls of bound plans report to */
};

struct executor *exec_new(int n_threads) {
    assert(n_threads >= 1);
    struct executor *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->pool = pool_new(n_threads);
    if (e->pool)
        return e;
    free(e);
    return NULL;
}

void exec_free(struct executor *e) {
    if (!e)
        return;
    pool_free(e->pool);
    free(e->slab);
    free(e->scratch);
    free(e);
}

int exec_n_threads(const struct executor *e) { return pool_n_threads(e->pool); }

void exec_run_everywhere(struct executor *e,
                         void (*share)(void *context, int64_t begin, int64_t end, int worker),
                         void *context) {
    pool_run(e->pool, exec_n_threads(e), exec_n_threads(e), 1, share, context);
}

/* ---- memory ---- */

/* NULL for more than the machine has too: the system may promise that, and kill the program when it
 * is used. */
static void *allocate(size_t bytes, size_t align) {
    double memory_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if ((double)bytes > memory_bytes)
        return NULL;
    return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static bool grow_slab(struct executor *e, size_t bytes) {
    if (bytes <= e->slab_bytes)
        return true;
    size_t align = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : PAGE_BYTES;
    free(e->slab);
    e->slab = allocate(bytes, align);
    e->slab_bytes = e->slab ? bytes : 0;
#ifdef MADV_HUGEPAGE
    if (e->slab && align == HUGE_PAGE_BYTES)
        (void)madvise(e->slab, bytes, MADV_HUGEPAGE);
#endif
    return e->slab != NULL;
}

static bool grow_scratch(struct executor *e, size_t bytes) {
    if (bytes <= e->scratch_bytes)
        return true;
    /* one line more than whole pages: parts that begin at equal page offsets share cache sets */
    size_t part, total;
    if (bytes > SIZE_MAX / 2)
        return false;
    part = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES + LINE_BYTES;
    if (__builtin_mul_overflow(part, (size_t)exec_n_threads(e), &total))
        return false;
    free(e->scratch);
    e->scratch = allocate(total, LINE_BYTES);
    e->scratch_bytes = e->scratch ? part : 0;
    return e->scratch != NULL;
}

/* ---- binding ---- */

/* slab: where the plan's own begins. */
static void *storage_address(char *slab, const struct storage *s) {
    if (s->kind == STORAGE_FIXED)
        return s->fixed;
    return s->kind == STORAGE_SLAB && slab ? slab + s->offset : NULL;
}

static void bind_steps(struct executor *e, struct plan *p, char *slab) {
    for (int i = 0; i < p->n_steps; i++) {
        struct step *s = &p->steps[i];
        for (int j = 0; j < s->call.n_in; j++)
            s->call.in[j].data = storage_address(slab, &s->in[j]);
        for (int j = 0; j < s->call.n_out; j++)
            s->call.out[j].data = storage_address(slab, &s->out[j]);
        s->call.shared = s->work.shared_bytes > 0 ? slab + s->shared_offset : NULL;
        s->call.fault = &e->fault;
        for (struct repeat *r = s->loop; r; r = r->again)
            bind_steps(e, r->plan, (char *)s->call.shared + s->slab_offset);
    }
}

static void bind_plan(struct executor *e, struct plan *p) {
    if (p->bound_to == e && p->bound_slab == e->slab)
        return;
    bind_steps(e, p, e->slab);
    p->bound_to = e;
    p->bound_slab = e->slab;
}

static void bind_feeds(const struct plan *p, const struct run *r) {
    for (int i = 0; i < p->n_feed_uses; i++)
        *p->feed_uses[i].at = r->fed[p->feed_uses[i].feed]->data;
}

/* ---- steps ---- */

struct phase_run {
    const struct executor *e;
    const struct step *step;
    int phase;
    struct timeline *timeline;        /* NULL: nobody asks when */
    const struct step_record *record; /* what the step is known by in it */
};

static void run_units(void *context, int64_t begin, int64_t end, int worker) {
    const struct phase_run *r = context;
    char *scratch = r->e->scratch ? r->e->scratch + (size_t)worker * r->e->scratch_bytes : NULL;
    double start = r->timeline ? os_now_s() : 0;
    r->step->kernel->run(&r->step->call, r->phase, begin, end, scratch);
    if (r->timeline)
        timeline_add(r->timeline, worker,
                     (struct moment){r->record, start, os_now_s(), begin, end, MOMENT_PHASE,
                                     r->phase});
}

static void run_step(struct executor *e, const struct step *s, struct timeline *timeline,
                     const struct step_record *record) {
    struct phase_run r = {.e = e, .step = s, .timeline = timeline, .record = record};
    for (; r.phase < s->work.n_phases; r.phase++) {
        double cost = s->work.cost[r.phase], workers = cost / COST_PER_WORKER;
        int n = workers < exec_n_threads(e) ? (int)workers : exec_n_threads(e);
        double chunks = cost / COST_PER_CHUNK, most = (double)n * CHUNKS_PER_WORKER;
        int64_t n_chunks = chunks < n ? n : (int64_t)(chunks < most ? chunks : most);
        int64_t n_units = s->work.units[r.phase];
        int64_t chunk = n_chunks ? (n_units + n_chunks - 1) / n_chunks : n_units;
        pool_run(e->pool, n, n_units, chunk, run_units, &r);
    }
}

/* ---- looking at results ---- */

static double element(const struct kernel_arg *a, int64_t i) {
    switch (a->dtype) {
#define DTYPE(id, name, ctype, bytes)                                                              \
    case DTYPE_##id:                                                                               \
        return (double)((const ctype *)a->data)[i];
#include "tensor/dtype.def"
#undef DTYPE
    case N_DTYPES:
        break;
    }
    return 0;
}

static int64_t count_elements(const struct kernel_arg *a) {
    int64_t n = 1;
    for (int d = 0; d < a->rank; d++)
        n *= a->dim[d];
    return n;
}

/* The first element that is NaN or infinite goes to *fault. */
static bool find_non_finite(const struct step *s, struct kernel_fault *fault) {
    for (int j = 0; j < s->call.n_out; j++) {
        const struct kernel_arg *a = &s->call.out[j];
        int64_t n = dtype_is_float(a->dtype) ? count_elements(a) : 0;
        for (int64_t i = 0; i < n; i++) {
            double value = element(a, i);
            if (isfinite(value))
                continue;
            *fault = (struct kernel_fault){.element = i, .value = value, .low = NAN, .high = NAN};
            return true;
        }
    }
    return false;
}

static void trace_range(const struct step *s, struct step_trace *t) {
    for (int j = 0; j < s->call.n_out; j++) {
        int64_t n = count_elements(&s->call.out[j]);
        for (int64_t i = 0; i < n; i++) {
            double value = element(&s->call.out[j], i);
            if (!isfinite(value))
                t->finite = false;
            if (value < t->min)
                t->min = value;
            if (value > t->max)
                t->max = value;
        }
    }
}

static bool run_one(struct executor *e, const struct step *s, struct run *r, uint64_t key) {
    if (s->loop)
        return exec_run_loop(e, s, r, key);
    run_step(e, s, NULL, NULL);
    return true;
}

/* The same, timed: two looks at the clock a step. */
static bool run_recorded(struct executor *e, const struct step *s, struct run *r, uint64_t key,
                         struct step_record *record) {
    bool done = true;
    double start = os_now_s();
    if (s->loop)
        done = exec_run_loop(e, s, r, key);
    else
        run_step(e, s, r->timeline, record);
    double end = os_now_s();
    record->seconds += end - start;
    record->calls++;
    if (r->timeline)
        timeline_add(r->timeline, 0, (struct moment){record, start, end, 0, 0, MOMENT_STEP, 0});
    return done;
}

static bool run_traced(struct executor *e, const struct step *s, struct run *r, uint64_t key,
                       struct step_trace *t) {
    double start = os_now_s();
    bool done = run_one(e, s, r, key);
    t->seconds += os_now_s() - start;
    trace_range(s, t);
    return done;
}

/* ---- a run ---- */

/* Copies the assigned variables to `saved`, or back. */
static void copy_assigned(const struct plan *p, char *saved, bool back) {
    for (int i = 0; i < p->n_assigned; i++) {
        size_t bytes = tensor_bytes(p->assigned[i]);
        if (bytes == 0)
            continue;
        if (back)
            memcpy(p->assigned[i]->data, saved, bytes);
        else
            memcpy(saved, p->assigned[i]->data, bytes);
        saved += bytes;
    }
}

/* What the assigned variables hold, for a run that may fail after writing them. NULL: no memory. */
static char *save_assigned(const struct plan *p) {
    size_t bytes = 1;
    for (int i = 0; i < p->n_assigned; i++)
        bytes += tensor_bytes(p->assigned[i]);
    char *saved = malloc(bytes);
    if (saved)
        copy_assigned(p, saved, false);
    return saved;
}

bool exec_run_steps(struct executor *e, const struct plan *p, struct run *r, uint64_t key) {
    for (int i = 0; i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        if (i <= p->first_write && r->interrupted && *r->interrupted) {
            r->was_interrupted = true;
            return false;
        }
        bool done = r->trace     ? run_traced(e, s, r, key, &r->trace[p->first_trace + i])
                    : r->records ? run_recorded(e, s, r, key, &r->records[p->first_trace + i])
                                 : run_one(e, s, r, key);
        if (!done)
            return false;
        bool raised = __atomic_load_n(&e->fault.raised, __ATOMIC_ACQUIRE);
        if (raised || (r->check_numerics && find_non_finite(s, &e->fault))) {
            assert(!raised || i < p->first_write);
            r->failed = s;
            r->fault = e->fault;
            return false;
        }
    }
    return true;
}

static void start_trace(const struct plan *p, struct run *r) {
    for (int i = 0; r->trace && i < p->n_traces; i++)
        r->trace[i] = (struct step_trace){.min = INFINITY, .max = -INFINITY, .finite = true};
}

static bool allocate_fetched(const struct plan *p, struct run *r) {
    for (int i = 0; i < p->n_fetch; i++) {
        const struct shape *s = &p->fetch_shape[i];
        int64_t dim[MAX_RANK];
        for (int d = 0; d < s->rank; d++)
            dim[d] = s->d[d].k;
        r->fetched[i] = tensor_new_unset(p->fetch_dtype[i], s->rank, dim);
        if (!r->fetched[i])
            return false;
    }
    return true;
}

static void copy_fetched(const struct executor *e, const struct plan *p, const struct run *r) {
    for (int i = 0; i < p->n_fetch; i++) {
        const struct storage *s = &p->fetch[i];
        const void *from = s->kind == STORAGE_FEED ? r->fed[s->feed]->data
                                                        : storage_address(e->slab, s);
        size_t bytes = tensor_bytes(r->fetched[i]);
        if (bytes > 0)
            memcpy(r->fetched[i]->data, from, bytes);
    }
}

static void drop_fetched(const struct plan *p, struct run *r) {
    for (int i = 0; i < p->n_fetch; i++) {
        tensor_unref(r->fetched[i]);
        r->fetched[i] = NULL;
    }
}

static bool run_prepared(struct executor *e, struct plan *p, struct run *r) {
    char *saved = NULL;
    bool saves = r->check_numerics && p->n_assigned > 0;
    if (!allocate_fetched(p, r) || !grow_slab(e, p->slab_bytes) ||
        !grow_scratch(e, p->scratch_bytes) || (saves && !(saved = save_assigned(p)))) {
        r->out_of_memory = true;
        return false;
    }
    bind_plan(e, p);
    bind_feeds(p, r);
    e->fault = (struct kernel_fault){0};
    start_trace(p, r);
    bool done = exec_run_steps(e, p, r, 0);
    if (!done && saved)
        copy_assigned(p, saved, true);
    free(saved);
    if (done)
        copy_fetched(e, p, r);
    return done;
}

bool exec_run(struct executor *e, struct plan *p, struct run *r) {
    r->failed = NULL;
    r->fault = (struct kernel_fault){0};
    r->was_interrupted = r->out_of_memory = false;
    r->n_rows = 0;
    for (int i = 0; i < p->n_fetch; i++)
        r->fetched[i] = NULL;
    bool done = run_prepared(e, p, r);
    if (!done)
        drop_fetched(p, r);
    return done;
}
