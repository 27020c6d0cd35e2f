/* A program becomes a plan: a flat list of steps bound to kernels, and buffers at offsets in one
 * slab.
 *
 * Order: a topological order that keeps few bytes alive. Whatever can fail comes before the first
 * step that writes a variable, and every step sees the values that variables had before the run: a
 * variable is written after the last step that reads its old value, straight by the step that
 * computes the new one where that is safe, else by a copy from a buffer.
 *
 * Memory: buffers live from their writer to their last reader; offsets by best fit over lifetimes,
 * 64-byte aligned; aliases (reshape) share; elementwise steps write in place over an operand that
 * dies there. */
#ifndef NN_PLAN_PLAN_H
#define NN_PLAN_PLAN_H

#include "ir/kernel.h"
#include "ir/program.h"

/* Where an argument's bytes are when the plan runs. RESULT: where the step of a loop is told to put
 * what it gives. */
enum storage_kind { STORAGE_SLAB, STORAGE_FIXED, STORAGE_FEED, STORAGE_RESULT };
struct storage {
    enum storage_kind kind;
    size_t offset;             /* SLAB: in the slab */
    void *fixed;               /* FIXED: a variable's or constant's storage */
    int feed;                  /* FEED, RESULT: index of the fed tensor, or of the result */
    int buffer;                /* SLAB: the buffer's number by birth, for dumps; -1: none */
    const struct node *holder; /* FIXED, FEED: the variable, constant or placeholder */
};

struct step {
    struct kernel_call call; /* data pointers are bound by exec */
    const struct kernel *kernel;
    struct kernel_work work;
    struct storage *in, *out; /* [call.n_in], [call.n_out] */
    struct node **in_node,
        **out_node;       /* the nodes that the arguments are, for messages and dumps */
    size_t shared_offset; /* of call.shared in the slab */
    struct node **nodes;  /* what it computes: one node, or an elementwise group's in order */
    int n_nodes;
    const char *path;     /* RANDOM: of its draws, else NULL */
    uint64_t path_hash;   /* hash_bytes(path); call.draw.path is it, in a loop mixed with the row */
    struct repeat *loop;  /* what a scan repeats; it has no kernel then */
    size_t slab_offset;   /* of the body's slab in what the step shares */
};

/* A data pointer that follows a feed, or a result. */
struct feed_use {
    int feed;
    void **at;
};

/* A loop as a step: the plan of its body, and where the params and results of one step are. What
 * the body needs for itself is part of what the step shares (work.shared_bytes): the body's slab,
 * the index, and for a carry that is not stacked two buffers that take turns. */
struct repeat {
    const struct loop_body *loop;
    struct plan *plan; /* its feeds are the params, what it fetches are the results */
    int64_t length;
    bool reverse;
    int first_input;     /* of the call: its own inputs, or those for `again` */
    size_t index_offset; /* into what the step shares */
    struct repeat *again; /* what is computed again for some lags, `every` rows at a time */
    int64_t every;        /* `again`, and a loop that keeps carries: how often one is kept */
    struct loop_place {
        size_t bytes;          /* of one row of a param, or of one result */
        int last, stack, kept; /* results: which of the call's outputs, -1: nobody asks */
        size_t turn_offset[2]; /* results: where it is put when it is in no output; in `again` all
                                * of a stretch stand behind the first of these */
    } *param, *result;         /* [loop_n_params], [loop_n_results] */
    void **feed, **put;        /* of the step under way: [loop_n_params], [loop_n_results] */
};

struct plan {
    struct arena *arena;
    struct step *steps;
    int n_steps;
    int first_write; /* steps before this one write no variable; none from there on can fail */
    size_t slab_bytes, scratch_bytes; /* scratch: the most any step wants, for each worker */
    size_t buffers_bytes;             /* of the slab without `shared`: the same on every machine */
    size_t peak_lower_bound_bytes;    /* the most bytes alive at once: slab_bytes is near it */
    size_t parameters_bytes;          /* of the variables it touches */
    struct tensor **assigned;         /* the storage of the variables it writes */
    int n_assigned;
    struct storage *fetch; /* [n_fetch] */
    struct node **fetch_node;
    enum dtype *fetch_dtype;
    struct shape *fetch_shape; /* concrete */
    int n_fetch, n_feeds;
    /* The RANDOM steps, those of loops too: whoever runs the plan sets call.draw's seed and step.
     * The first n_own_draws are the plan's own. */
    struct step **draws;
    int n_draws, n_own_draws;
    struct feed_use *feed_uses, *result_uses;
    int n_feed_uses, n_result_uses;
    int first_trace, n_traces; /* steps are numbered through all bodies; n_traces: of plan_make's */
    const void *bound_to, *bound_slab; /* exec's: what the other data pointers point into */
};

/* The plan of a loop's body, whose results are put where the step that repeats it says. In the
 * outer plan's arena, as the rest of what `repeat_make` makes. */
struct plan *plan_make_body(struct program *p, enum isa isa);
/* Makes what `step` repeats; its call is known. false: as of plan_make. */
bool repeat_make(struct step *step, const struct program *outer, enum isa isa);

/* The plan of an optimised program, in its arena. Variables get their storage here when they have
 * none yet. NULL: there is not enough memory for that, or a size overflows. */
struct plan *plan_make(struct program *p, enum isa isa);

/* A header, a line a step, a line a fetched value:
 *   s4 matmul b0+0 dense/W -> b2+8192 (8 KiB)  ; mlp.nn:12:9 ; sgemm, 4 units
 * What differs between machines stands behind the last `;`. */
void plan_dump(const struct plan *p, const struct sources *sources, FILE *out);

/* "s4 matmul", "s7 elementwise{mul add}": how a step begins in dumps of plans and traces. */
void plan_print_step(const struct plan *p, const struct step *step, FILE *out);
/* What stands before the lines of a body that is `depth` loops deep. */
void plan_print_indent(int depth, FILE *out);
/* "  ; mlp.nn:12:9", or nothing when the step comes from nowhere in a script. */
void plan_print_place(const struct step *step, const struct sources *sources, FILE *out);

#endif
