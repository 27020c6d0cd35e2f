/* Measuring the roof (roof.h): each loop runs on all threads at once, several times, and its best
 * time counts. Bandwidth is the better of reading and of reading and writing. */
#include "exec/roof.h"

#include <math.h>
#include <stdlib.h>

#include "base/os.h"
#include "exec/steps.h"
#include "ops/roof.h"

/* What a thread touches at each level: within its first-level cache, its second, a share of the
 * third, and beyond. */
static const int64_t level_bytes[ROOF_LEVELS] = {16 << 10, 256 << 10, 4 << 20, 48 << 20};
enum { TRIALS = 5, ROUNDS = 1 << 16 };
/* A trial moves this much: some milliseconds. */
static const int64_t TRIAL_BYTES = 48 << 20;

struct measurement {
    const struct roof_loops *loops;
    char *memory; /* [n_threads] parts of the last level's size */
    int64_t bytes; /* of a part that are touched; 0: multiply-adds */
    int64_t times;
    bool copies;
    int n_threads, n_arrived; /* atomic: all begin together, so that none takes another's share */
};

static void measured_share(void *context, int64_t begin, int64_t end, int worker) {
    struct measurement *m = context;
    (void)begin, (void)end;
    __atomic_add_fetch(&m->n_arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&m->n_arrived, __ATOMIC_ACQUIRE) < m->n_threads)
        ;
    if (!m->bytes) {
        m->loops->multiply_add(ROUNDS);
        return;
    }
    char *part = m->memory + worker * level_bytes[ROOF_LEVELS - 1];
    for (int64_t i = 0; i < m->times; i++) {
        if (m->copies)
            m->loops->copy(part + m->bytes / 2, part, m->bytes / 2);
        else
            m->loops->read(part, m->bytes);
    }
}

static double best_seconds(struct executor *e, struct measurement *m) {
    double best = 1e9;
    for (int i = 0; i < TRIALS; i++) {
        double start = os_now_s();
        m->n_arrived = 0;
        exec_run_everywhere(e, measured_share, m);
        double seconds = os_now_s() - start;
        best = seconds < best ? seconds : best;
    }
    return best;
}

bool roof_measure(struct executor *e, struct roof *r) {
    int n = exec_n_threads(e);
    struct measurement m = {.loops = roof_loops_of(kernel_best_isa()), .n_threads = n};
    size_t memory_bytes = (size_t)n * (size_t)level_bytes[ROOF_LEVELS - 1];
    m.memory = aligned_alloc(64, memory_bytes);
    if (!m.memory)
        return false;
    for (size_t i = 0; i < memory_bytes; i += sizeof(float))
        *(float *)(m.memory + i) = 1;
    *r = (struct roof){.n_threads = n};
    double flops = m.loops->multiply_add(ROUNDS);
    r->flops_per_s = n * flops / best_seconds(e, &m);
    for (int i = 0; i < ROOF_LEVELS; i++) {
        m.bytes = level_bytes[i];
        m.times = TRIAL_BYTES / m.bytes;
        double moved = (double)n * (double)m.times * (double)m.bytes;
        r->level[i].bytes = (double)n * (double)m.bytes;
        for (int copies = 0; copies < 2; copies++) {
            m.copies = copies;
            double rate = moved / best_seconds(e, &m);
            if (rate > r->level[i].bytes_per_s)
                r->level[i].bytes_per_s = rate;
        }
    }
    free(m.memory);
    return true;
}

/* Between two levels by the logarithm of the size. */
static double bandwidth(const struct roof *r, double bytes) {
    int i = 0;
    while (i < ROOF_LEVELS && bytes > r->level[i].bytes)
        i++;
    if (i == 0 || i == ROOF_LEVELS)
        return r->level[i ? i - 1 : 0].bytes_per_s;
    double below = r->level[i - 1].bytes, above = r->level[i].bytes;
    double weight = log(bytes / below) / log(above / below);
    return (1 - weight) * r->level[i - 1].bytes_per_s + weight * r->level[i].bytes_per_s;
}

double roof_seconds(const struct roof *r, const struct step_work *w) {
    double computing = w->flops / r->flops_per_s, moving = w->bytes / bandwidth(r, w->bytes);
    return computing > moving ? computing : moving;
}
