/* Loops in the graph: what a `scan` node repeats, and how its inputs and results are numbered.
 *
 * A loop's body is a graph of its own, closed: whatever it takes from outside comes in through its
 * params, which are placeholders. Everything that goes over an axis goes over axis 0 (the evaluator
 * transposes). Of one step, at row t:
 *
 *   params, and the inputs of the node that they are taken from, in this order
 *     index      t, an int; has no input. Always param 0
 *     over       row t of an input
 *     lag        row t + lag (lag is -1 or 1) of an input, or, where there is none, another input:
 *                what a carry was before the step, when the first input is the stack of what it
 *                was after each. All the first inputs come before all the other ones
 *     carry      what the step before gave; in the first step an input
 *     capture    an input as it is, the same in each step
 *   results
 *     carries    for the step after, in the order of the params
 *     outs       stacked, for whoever asks
 *
 * With `again` some lags have no stack to be read from: what another loop carried before row t is
 * computed again by its body, from the last of its carries that was kept (opt/remember.c). The
 * inputs for that follow the loop's own, as that loop had them, but with the kept carries in place
 * of those it started with.
 *
 * A `scan` node has several values and stands for none of them: a `scan_result` node is one.
 * Numbered by `which`: the last carries, the stacks of carries, the stacks of outs, and every
 * `remember`-th of what was carried into a step. With length 0 the last carries are the first ones.
 * `reverse` goes from the last row to the first; row t of a stack is what the step at row t gave,
 * either way.
 *
 * Promises: bodies of one form are one body to hash-consing, so that a script which traces a step
 * again gets the node it had. Not for: making a body from a script's function (eval/scan.c), its
 * gradient (grad/scan.c), running it (plan/loop.c, exec/loop.c). */
#ifndef NN_IR_LOOP_H
#define NN_IR_LOOP_H

#include "ir/build.h"
#include "ir/program.h"

struct loop_body {
    int refs;
    struct arena arena; /* of itself and of its graph */
    struct graph graph;
    uint64_t hash; /* of the form it was made with */
    int n_over, n_lag, n_carry, n_capture, n_out;
    int8_t *lag;             /* [n_lag] -1 or 1 */
    struct loop_body *again; /* plan graphs: computed again for some lags, see below; else NULL */
    int *recall;             /* [n_lag] which carry of `again` the lag is; -1: none */
    int64_t every;           /* of whose carries every so many-th was kept */
    struct node **param; /* [loop_n_params] NULL: the passes found that the body does not need it */
    struct node **result; /* [loop_n_results] */
};

static inline int loop_n_params(const struct loop_body *l) {
    return 1 + l->n_over + l->n_lag + l->n_carry + l->n_capture;
}
static inline int loop_n_inputs(const struct loop_body *l) {
    int own = l->n_over + 2 * l->n_lag + l->n_carry + l->n_capture;
    return own + (l->again ? loop_n_inputs(l->again) : 0);
}
/* The first of the inputs for `again`. */
static inline int loop_again_input(const struct loop_body *l) {
    return loop_n_inputs(l) - loop_n_inputs(l->again);
}
static inline int loop_n_results(const struct loop_body *l) { return l->n_carry + l->n_out; }

/* The first param of a kind; and the first input of a kind. */
static inline int loop_lag_param(const struct loop_body *l) { return 1 + l->n_over; }
static inline int loop_carry_param(const struct loop_body *l) { return 1 + l->n_over + l->n_lag; }
static inline int loop_capture_param(const struct loop_body *l) {
    return loop_carry_param(l) + l->n_carry;
}
static inline int loop_lag_first_input(const struct loop_body *l) { return l->n_over + l->n_lag; }
static inline int loop_carry_input(const struct loop_body *l) { return l->n_over + 2 * l->n_lag; }
static inline int loop_capture_input(const struct loop_body *l) {
    return loop_carry_input(l) + l->n_carry;
}
/* The input that param p, which is not the index, takes its value from: of a lag, the stack. */
static inline int loop_input_of(const struct loop_body *l, int p) {
    return p < loop_carry_param(l) ? p - 1 : p - 1 + l->n_lag;
}
/* The param that input i is for. */
static inline int loop_param_of(const struct loop_body *l, int i) {
    return i < loop_lag_first_input(l) ? i + 1 : i + 1 - l->n_lag;
}
/* Over and lag params are rows of their input. */
static inline bool loop_takes_rows(const struct loop_body *l, int p) {
    return p > 0 && p < loop_carry_param(l);
}

/* What `which` of a scan_result says. */
static inline int loop_last(int carry) { return carry; }
static inline int loop_stack(const struct loop_body *l, int carry) { return l->n_carry + carry; }
static inline int loop_out(const struct loop_body *l, int out) { return 2 * l->n_carry + out; }
static inline int loop_kept(const struct loop_body *l, int carry) {
    return 2 * l->n_carry + l->n_out + carry;
}
static inline int loop_n_values(const struct loop_body *l) { return 3 * l->n_carry + l->n_out; }
/* How many carries are kept of `length`. */
static inline int64_t loop_n_kept(int64_t length, int64_t remember) {
    return length / remember + (length % remember != 0);
}

/* A loop whose params, lags and results are to be filled in; one reference. */
struct loop_body *loop_new(int n_over, int n_lag, int n_carry, int n_capture, int n_out);
struct loop_body *loop_ref(struct loop_body *l);
void loop_unref(struct loop_body *l);
/* Appends to the body; all else is as in `b`. */
struct build loop_build(struct loop_body *l, const struct build *b);
/* Param p, made of a row of its input, or of the input itself. */
struct node *loop_add_param(struct loop_body *l, struct build *body, int p,
                            const struct node *input);
/* Param 0. */
struct node *loop_add_index(struct loop_body *l, struct build *body);
/* Leaves out what none of the values with wanted[which] needs (NULL: all are wanted): carries,
 * outs, rows and captures, and their inputs. becomes (may be NULL): [loop_n_values] the numbers
 * that values have afterwards, -1: gone. Whether anything was left out; the loop is finished then. */
bool loop_reduce(struct loop_body *l, struct node **in, const bool *wanted, int *becomes);
/* All is filled in: from here on the loop is what its hash says. */
void loop_finish(struct loop_body *l);
bool loop_same(const struct loop_body *a, const struct loop_body *b);

/* Copies of the body's nodes for another graph: copy[] by the number in the walk from the results,
 * which numbers them. What is in `given` (by param) stands for the params. Gives the walk's order,
 * in `a`. */
struct node_list loop_copy(const struct loop_body *l, struct arena *a, struct build *to,
                           struct node *const *given, struct node ***copy);

/* A copy of l, not finished, without the captures for which `known` has a constant (by param; NULL:
 * none), which stands for them in the body. */
struct loop_body *loop_clone(const struct loop_body *l, struct build *b, struct node *const *known);

/* The node that repeats l, which takes over the reference; its results. length: the number of
 * steps. remember: see opt/remember.c; 0 is every step. */
struct node *build_scan(struct build *b, struct loop_body *l, struct node *const *in,
                        struct dim length, bool reverse, int64_t remember);
struct node *build_scan_result(struct build *b, struct node *scan, int which);
enum { SCAN_LENGTH, SCAN_REVERSE, SCAN_REMEMBER }; /* settings of scan, in the row's order */
static inline struct dim scan_length(const struct node *scan) {
    return scan->attr[SCAN_LENGTH].shape.d[0];
}

/* The body as a program, for what works on programs: its results are the roots, its params what is
 * fed. Between the two calls the graph is the program's. */
void loop_open(struct loop_body *l, const struct program *outer, struct program *body);
void loop_close(struct loop_body *l, const struct program *body);

/* What must hold of a scan node, but for its body's nodes: NULL, or the first thing that does
 * not. */
const char *loop_verify(struct arena *a, struct symbols *symbols, const struct node *scan);

#endif
