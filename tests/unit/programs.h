/* Programs made by hand for the tests of plans and of the executor: nodes are appended, values are
 * fed, and a program can be evaluated node by node in storage of its own for each, with what a plan
 * gives to be compared. */
#ifndef NN_TESTS_PROGRAMS_H
#define NN_TESTS_PROGRAMS_H

#include "base/rng.h"
#include "exec/exec.h"

struct bench {
    struct arena arena, plan_arena;
    struct intern_table names;
    struct symbols symbols;
    struct fault fault;
    struct program program;
    struct build *b; /* of the program */
    ARRAY(struct node *) roots, fed;
    ARRAY(struct tensor *) values; /* of the fed, by index */
    ARRAY(struct variable *) variables;
    struct rng_key key; /* for whatever a test draws */
    uint64_t n_drawn;
};

void bench_open(struct bench *t, uint64_t seed);
void bench_close(struct bench *t);
/* 0..n-1 */
int bench_draw(struct bench *t, int n);

/* Leaves with values of about -1 to 1. dims: rank numbers. */
struct node *bench_feed(struct bench *t, int rank, const int64_t *dim);
struct node *bench_variable(struct bench *t, int rank, const int64_t *dim);
struct node *bench_constant(struct bench *t, int rank, const int64_t *dim);
struct node *bench_assign(struct bench *t, struct node *variable, struct node *value);

/* Roots: fetched ones first. */
void bench_root(struct bench *t, struct node *n, bool fetched);
/* Finishes the program and plans it. */
struct plan *bench_plan(struct bench *t);
/* Elementwise nodes join groups at random, wherever that leaves no ring. */
void bench_group(struct bench *t);

/* One run: fetched [n_fetch] references. */
bool bench_run(struct bench *t, struct executor *e, struct plan *p, struct run *r,
               struct tensor **fetched);

/* Each root's value, node by node: fetched [n_fetch] new tensors, and what each variable holds
 * afterwards. */
void bench_evaluate(struct bench *t, struct tensor **fetched, struct tensor **variables);

/* What each variable holds: new tensors; and back. */
void bench_save_variables(struct bench *t, struct tensor **saved);
void bench_set_variables(struct bench *t, struct tensor *const *saved);

bool same_bits(const struct tensor *a, const struct tensor *b);
/* Largest difference relative to max(1, |b|); infinite when shapes differ or exactly one is NaN. */
double difference(const struct tensor *a, const struct tensor *b);
void unref_all(struct tensor **t, int n);

/* The first thing wrong with where a plan's buffers are, or NULL: overlaps of live ones,
 * misalignment, ends. */
const char *bench_check_memory(struct bench *t, const struct plan *p);

#endif
