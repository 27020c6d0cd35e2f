/* The team of threads.
 *
 * A call is published by a gate: its number goes up, and workers enter while it is open. Each
 * waits for it spinning first and asleep on a condition variable after, so that calls in quick
 * succession (the steps of a plan) cost little and an idle program costs nothing. When all units
 * are taken the caller closes the gate and waits, the same way, for those that have entered: never
 * for a worker that has not woken up, or that the system does not let run. Sleepers
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
    /* the number of the call, GATE_OPEN, how many workers have entered */
    _Alignas(LINE_BYTES) atomic_ullong gate;
    _Alignas(LINE_BYTES) atomic_int n_left; /* that have entered this call and left it */
};

#define GATE_OPEN       (1ull << 15)
#define GATE_ENTERED    (GATE_OPEN - 1)
#define GATE_CALL_SHIFT 16

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

static unsigned long long last_call(struct pool *p) {
    return atomic_load(&p->gate) >> GATE_CALL_SHIFT;
}

/* Until there are calls beyond the first `seen`. */
static void wait_for_call(struct pool *p, unsigned long long seen) {
    for (int i = 0; i < p->n_spins; i++) {
        if (atomic_load_explicit(&p->gate, memory_order_acquire) >> GATE_CALL_SHIFT != seen)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&p->idle.lock);
    atomic_fetch_add(&p->idle.n, 1);
    while (last_call(p) == seen)
        pthread_cond_wait(&p->idle.wake, &p->idle.lock);
    atomic_fetch_sub(&p->idle.n, 1);
    pthread_mutex_unlock(&p->idle.lock);
}

/* false: the call is over. */
static bool enter(struct pool *p, unsigned long long *call) {
    unsigned long long gate = atomic_load(&p->gate);
    do
        *call = gate >> GATE_CALL_SHIFT;
    while (gate & GATE_OPEN && !atomic_compare_exchange_weak(&p->gate, &gate, gate + 1));
    return gate & GATE_OPEN;
}

static void leave(struct pool *p) {
    atomic_fetch_add(&p->n_left, 1);
    sleepers_wake(&p->caller);
}

static void close_and_wait(struct pool *p) {
    int n_entered = (int)(atomic_fetch_and(&p->gate, ~GATE_OPEN) & GATE_ENTERED);
    for (int i = 0; i < p->n_spins; i++) {
        if (atomic_load_explicit(&p->n_left, memory_order_acquire) == n_entered)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&p->caller.lock);
    atomic_fetch_add(&p->caller.n, 1);
    while (atomic_load(&p->n_left) != n_entered)
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
    for (unsigned long long seen = 0;;) {
        wait_for_call(p, seen);
        if (!enter(p, &seen))
            continue;
        if (p->stopping)
            return NULL;
        if (w->index < p->n_workers)
            run_share(p, w->index);
        leave(p);
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
    atomic_init(&p->gate, 0);
    atomic_init(&p->n_left, 0);
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
    unsigned long long call = last_call(p) + 1;
    atomic_store_explicit(&p->n_left, 0, memory_order_relaxed);
    atomic_store(&p->gate, call << GATE_CALL_SHIFT | GATE_OPEN);
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
    close_and_wait(p);
    if (p->may_move)
        move_crowded_worker(p);
}
