/* The op graph. Nodes are immutable once built and hash-consed: the same op over the same inputs
 * with the same settings is the same node. A graph owns its nodes; those of the session's graph are
 * swept when nothing in the script can reach them any more, those of a plan live in the plan's
 * arena. */
#ifndef NN_IR_GRAPH_H
#define NN_IR_GRAPH_H

#include "ir/op.h"

struct variable {
    const char *path; /* "logits/dense/W"; unique, interned */
    enum dtype dtype;
    struct shape shape;
    struct node *initial; /* what it is set to when first needed */
    struct tensor *value; /* concrete; NULL until a plan needs it; its storage never moves */
    bool initialised, trainable;
    bool state;       /* an optimizer's */
    uint64_t n_steps; /* training steps that assigned it */
    uint64_t n_draws; /* how often it was drawn: initialize_all_variables() draws anew */
    struct span declared;
    struct node *node; /* the one `variable` node */
};

struct node {
    const struct op *op;
    enum dtype dtype;
    struct shape shape;
    int n_in;
    struct node **in;
    struct attr *attr;           /* [op->n_settings] */
    const struct origin *origin; /* where it was written, and from where that was called */
    const struct span *at;       /* [n_in] the operands' expressions, or NULL when a pass made it */
    const char *spelling;        /* "@", "+", or the op's name */
    const char *name;            /* the binding that holds it (`logits`), or NULL */
    const char *path;            /* RANDOM: what its draws are keyed by, unique in the session */
    union {
        struct variable *variable; /* OP_variable */
        struct tensor *value;      /* OP_constant: one reference */
        struct node *fallback;     /* OP_placeholder: its default, or NULL */
        struct loop_body *loop;         /* OP_scan: one reference (ir/loop.h) */
    };
    uint32_t serial; /* from 1, in the order its graph made nodes in; not part of what it is */
    int group; /* plan graphs: elementwise group it runs in, 0 = none (opt/fuse.c) */
    uint8_t space, row_axis; /* in its group: enum ew_space of ir/kernel.h; where rows begin */
    /* book-keeping of graph.c and of walks */
    uint64_t hash;
    struct node *bucket_next;
    struct node *list_next;
    uint32_t visit; /* equals the graph's current visit number when seen by the walk under way */
    int32_t number; /* scratch of the walk under way */
    bool reachable; /* set by graph_mark */
};

struct graph {
    struct arena *arena; /* nodes live here; NULL: on the heap, freed by sweep and graph_free */
    struct node **buckets;
    uint32_t n_buckets, n_nodes;
    uint64_t n_made; /* nodes, swept ones too */
    struct node *nodes; /* all, newest first */
    uint32_t visit;
};

void graph_init(struct graph *g, struct arena *arena);
void graph_free(struct graph *g);

/* Gives the node that equals *like (op, inputs, settings, dtype, path and payload) or adds a copy
 * of it. Shape and dtype must be set. */
struct node *graph_intern(struct graph *g, const struct node *like);
/* Whether two nodes are alike but for their inputs. Of placeholders: whether they hold the same. */
bool graph_same_form(const struct node *a, const struct node *b);

/* Sweeping: unmark all, mark from roots, free the rest. */
void graph_unmark(struct graph *g);
void graph_mark(struct graph *g, struct node *n);
void graph_sweep(struct graph *g, void (*forget)(void *context, struct node *n), void *context);

/* All nodes that the roots need, inputs before users, each once; in an order that depends on the
 * graph's form only. Iterative: depth is not limited by the C stack. The array lives in `arena`.
 * `stop` (may be NULL) says where not to go further: its node is listed, its inputs are not. */
struct node_list {
    struct node **at;
    int n;
};
/* How many of its inputs a node's value depends on: those of a custom_gradient are its value, then
 * what only gradients need. */
static inline int node_n_value_inputs(const struct node *n) {
    return n->op->id == OP_custom_gradient ? 1 : n->n_in;
}
struct node_list graph_order(struct graph *g, struct arena *arena, struct node *const *roots,
                             int n_roots, bool (*stop)(void *context, const struct node *n),
                             void *context);

/* One line a node, numbered by a walk from the roots:
 *   %3 float[batch, 64] = matmul %1 %2   ; mlp.nn:12:9
 * with settings as axis=1 and names as `logits`. `suffix` (may be NULL) may add words to a node's
 * line. */
void graph_dump(struct graph *g, struct node *const *roots, int n_roots,
                const struct symbols *symbols, const struct sources *sources, FILE *out);

/* Checks what must hold of every node (arity, dtypes, settings set, shapes as the rule says); names
 * the first that does not, or NULL. */
const char *graph_verify(struct graph *g, struct arena *a, struct symbols *symbols,
                         struct node *const *roots, int n_roots);

#endif
