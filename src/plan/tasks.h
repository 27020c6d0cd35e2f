/* What the planner's files share while one plan is made: the program's nodes cut into tasks, and
 * the values that tasks pass to each other.
 *
 * A value is one storage: what a task writes, or a leaf (feed, variable, constant). Nodes that only
 * rename a storage (reshape, stop_gradient, an assign's result) have the value of their input.
 * Tasks become steps one to one. Everything is numbered, and every choice depends on numbers only,
 * so a program has the same plan everywhere. */
#ifndef NN_PLAN_TASKS_H
#define NN_PLAN_TASKS_H

#include "plan/plan.h"

struct value {
    struct node *node;
    size_t bytes;
    int writer;       /* task; -1: a leaf */
    int feed;         /* a fed leaf: which */
    int update;       /* a variable that is assigned: which of schedule.updates, else -1 */
    int home;         /* a result written straight into a variable: the update it makes, else -1 */
    int result;       /* of a loop's body: which result of the step is written here, else -1 */
    int n_readers;    /* tasks */
    int first_reader; /* of schedule.readers */
    bool fetched;
    int born, dies; /* step that writes it, last step that reads it; n_order when fetched */
    int buffer;     /* -1: none */
};

struct task {
    struct node **nodes;
    int n_nodes;
    struct task_arg {
        int value;
        struct node *node;
    } *in, *out;
    int n_in, n_out;
    int *reads; /* distinct values among `in` */
    int n_reads;
    const struct ew_program *program; /* elementwise tasks */
    bool copies; /* in[1] to out[0]: an assign, or the old value of a variable kept for later */
};

/* One variable's assignment. */
struct update {
    int target, source; /* values: the variable, and what it is set to */
    struct node *node;  /* the assign */
    int writer;         /* task that writes the variable's storage */
};

struct schedule {
    struct arena *arena; /* while the plan is made */
    struct arena *keep;  /* the plan's */
    bool is_body;        /* fetched values are the results of a loop's step */
    struct node_list nodes;
    int *value_of; /* [nodes.n]; -1: only seen inside a group */
    ARRAY(struct value) values;
    ARRAY(struct task) tasks;
    ARRAY(struct update) updates;
    int *readers; /* tasks, grouped by the value they read */
    int *fetch;   /* [n_fetch] values */
    int n_fetch;
    ARRAY(int) order; /* tasks in the order of their steps */
    int first_write;  /* as in struct plan */
    struct buffer {
        size_t bytes, offset;
        int born, dies;
    } *buffers;
    int n_buffers;
    size_t *shared_bytes, *shared_offset; /* [order.n] */
    size_t buffers_bytes, slab_bytes, peak_bytes;
};

/* tasks.c: cuts the program into tasks and values. false: a size overflows. */
bool tasks_make(struct schedule *s, struct program *p);
/* Adds the task that copies `source` to `target`, said to be `node`. */
int tasks_add_copy(struct schedule *s, int target, int source, struct node *node);
/* Adds a value for a copy of leaf `of`. */
int tasks_add_value(struct schedule *s, int of);

/* order.c: fills order and first_write; decides which results are written straight into
 * variables. */
void order_make(struct schedule *s);

/* memory.c: lifetimes, then offsets. shared_bytes is known. false: more bytes than can be
 * counted. */
bool memory_make(struct schedule *s);

#endif
