/* The team of threads.
 *
 * A call is published by a counter that goes up; each worker waits for it spinning first and asleep
 * on a condition variable after, so that calls in quick succession (the steps of a plan) cost
 * little and an idle program costs nothing. The caller waits for the others the same way. Sleepers
 * are counted before they look a last time at what they wait for, and wakers look at the count
 * after they changed it (both sequentially consistent), so no wake-up is lost. Workers found on one
 * processor are moved apart.
 *
 * Each worker has a share of the units, the same in every call of as many, and takes it a chunk at
 * a time; who has done his own takes chunks of the others' (work stealing, Blumofe & Leiserson
 * 1999, with a counter for each share in place of a queue). So a thread that the system keeps
 * waiting, or whose units happen to take longer, does not hold up all.
 *
 * Promises: each unit is done once. Not for: tasks of unknown length, nesting. */
#define _GNU_SOURCE
#include "exec/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/os.h"

/* Looks before sleeping: some tens of microseconds, longer than the gaps between the steps of a
 * plan. */
enum { SPINS = 2000, LINE_BYTES = 64 };

/* Threads are moved apart no more often than this. */
static const double MOVE_INTERVAL_S = 1e-3;

struct sleepers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_int n;
};

struct worker {
    struct pool *pool;
    int index;
    pthread_t thread;
    int cpu; /* where it ran its last share */
    /* Its share: the first unit that nobody has taken, which may be beyond the end. */
    _Alignas(LINE_BYTES) atomic_llong next;
    int64_t end;
};

struct pool {
    int n_threads, n_started, n_spins;
    struct worker *workers; /* [n_threads]; the first is the caller */
    bool stopping;
    void (*run)(void *context, int64_t begin, int64_t end, int worker);
    void *context;
    int64_t chunk;
    int n_workers;
    struct sleepers idle, caller;
    bool may_move;     /* `allowed` is known, and has a processor for each thread */
    cpu_set_t allowed; /* processors that the process may use */
    double moved_s;    /* when threads were last moved apart */
    _Alignas(LINE_BYTES) atomic_uint n_calls;
    _Alignas(LINE_BYTES) atomic_int n_busy;
};

static void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void sleepers_init(struct sleepers *s) {
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    atomic_init(&s->n, 0);
}

static void sleepers_free(struct sleepers *s) {
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
}

static void sleepers_wake(struct sleepers *s) {
    if (atomic_load(&s->n) == 0)
        return;
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* Until there are calls beyond the first `seen`. */
static void wait_for_call(struct pool *p, unsigned seen) {
    for (int i = 0; i < p->n_spins; i++) {
        if (atomic_load_explicit(&p->n_calls, memory_order_acquire) != seen)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&p->idle.lock);
    atomic_fetch_add(&p->idle.n, 1);
    while (atomic_load(&p->n_calls) == seen)
        pthread_cond_wait(&p->idle.wake, &p->idle.lock);
    atomic_fetch_sub(&p->idle.n, 1);
    pthread_mutex_unlock(&p->idle.lock);
}

static void wait_for_workers(struct pool *p) {
    for (int i = 0; i < p->n_spins; i++) {
        if (atomic_load_explicit(&p->n_busy, memory_order_acquire) == 0)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&p->caller.lock);
    atomic_fetch_add(&p->caller.n, 1);
    while (atomic_load(&p->n_busy) > 0)
        pthread_cond_wait(&p->caller.wake, &p->caller.lock);
    atomic_fetch_sub(&p->caller.n, 1);
    pthread_mutex_unlock(&p->caller.lock);
}

static void cut_shares(struct pool *p, int64_t n_units) {
    int64_t each = n_units / p->n_workers, rest = n_units % p->n_workers, at = 0;
    for (int i = 0; i < p->n_workers; i++) {
        atomic_store_explicit(&p->workers[i].next, at, memory_order_relaxed);
        at += each + (i < rest);
        p->workers[i].end = at;
    }
}

/* What is left of a share. */
static void run_chunks(struct pool *p, struct worker *of, int worker) {
    for (;;) {
        int64_t begin = atomic_fetch_add_explicit(&of->next, p->chunk, memory_order_relaxed);
        if (begin >= of->end)
            return;
        int64_t left = of->end - begin;
        p->run(p->context, begin, begin + (left < p->chunk ? left : p->chunk), worker);
    }
}

static void run_share(struct pool *p, int worker) {
    p->workers[worker].cpu = sched_getcpu();
    for (int i = 0; i < p->n_workers; i++)
        run_chunks(p, &p->workers[(worker + i) % p->n_workers], worker);
}

/* The system may leave two threads that wait for each other on one processor for seconds, with
 * another idle: neither ever looks like much load. The first such worker is sent to a processor
 * that no other of the call was on, and may wander again from there. */
static void move_crowded_worker(struct pool *p) {
    cpu_set_t taken, vacant = p->allowed;
    int crowded = 0;
    CPU_ZERO(&taken);
    for (int i = 0; i < p->n_workers; i++) {
        int cpu = p->workers[i].cpu;
        if (cpu < 0 || cpu >= CPU_SETSIZE)
            continue;
        if (CPU_ISSET(cpu, &taken) && crowded == 0)
            crowded = i;
        CPU_SET(cpu, &taken);
        CPU_CLR(cpu, &vacant);
    }
    if (crowded == 0 || CPU_COUNT(&vacant) == 0)
        return;
    double now = os_now_s();
    if (now - p->moved_s < MOVE_INTERVAL_S)
        return;
    p->moved_s = now;
    pthread_setaffinity_np(p->workers[crowded].thread, sizeof vacant, &vacant);
    pthread_setaffinity_np(p->workers[crowded].thread, sizeof p->allowed, &p->allowed);
}

static void *worker_main(void *argument) {
    const struct worker *w = argument;
    struct pool *p = w->pool;
    for (unsigned seen = 0;; seen++) {
        wait_for_call(p, seen);
        if (p->stopping)
            return NULL;
        if (w->index < p->n_workers)
            run_share(p, w->index);
        if (atomic_fetch_sub(&p->n_busy, 1) == 1)
            sleepers_wake(&p->caller);
    }
}

/* Signals stay with the caller's thread, which may be waiting for input. */
static void start_workers(struct pool *p) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; p->n_started < p->n_threads; p->n_started++) {
        struct worker *w = &p->workers[p->n_started];
        *w = (struct worker){.pool = p, .index = p->n_started, .cpu = -1};
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *pool_new(int n_threads) {
    struct pool *p = aligned_alloc(LINE_BYTES, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct pool){.n_threads = n_threads, .n_started = 1};
    p->n_spins = n_threads <= os_n_cpus() ? SPINS : 0;
    atomic_init(&p->n_calls, 0);
    atomic_init(&p->n_busy, 0);
    sleepers_init(&p->idle);
    sleepers_init(&p->caller);
    p->may_move = sched_getaffinity(0, sizeof p->allowed, &p->allowed) == 0 &&
                  CPU_COUNT(&p->allowed) >= n_threads;
    p->workers = aligned_alloc(LINE_BYTES, (size_t)n_threads * sizeof *p->workers);
    if (p->workers)
        start_workers(p);
    if (p->workers && p->n_started == n_threads)
        return p;
    pool_free(p);
    return NULL;
}

static void publish_call(struct pool *p) {
    atomic_store_explicit(&p->n_busy, p->n_started - 1, memory_order_relaxed);
    atomic_fetch_add(&p->n_calls, 1);
    sleepers_wake(&p->idle);
}

void pool_free(struct pool *p) {
    if (!p)
        return;
    p->stopping = true;
    publish_call(p);
    for (int i = 1; i < p->n_started; i++)
        pthread_join(p->workers[i].thread, NULL);
    sleepers_free(&p->idle);
    sleepers_free(&p->caller);
    free(p->workers);
    free(p);
}

int pool_n_threads(const struct pool *p) { return p->n_threads; }

void pool_run(struct pool *p, int n_workers, int64_t n_units, int64_t chunk,
              void (*run)(void *context, int64_t begin, int64_t end, int worker), void *context) {
    if (n_workers > p->n_threads)
        n_workers = p->n_threads;
    if (n_workers > n_units)
        n_workers = (int)n_units;
    if (n_workers <= 1) {
        if (n_units > 0)
            run(context, 0, n_units, 0);
        return;
    }
    p->run = run, p->context = context;
    p->chunk = chunk > 1 ? chunk : 1, p->n_workers = n_workers;
    cut_shares(p, n_units);
    publish_call(p);
    run_share(p, 0);
    wait_for_workers(p);
    if (p->may_move)
        move_crowded_worker(p);
}
