/* Values of the language, and the memory they live in.
 *
 * Small ones are held by value; the rest are objects on a heap of the interpreter, collected by
 * mark and sweep. A collection happens only between statements. What an expression under way has
 * made so far is kept by the interpreter's root stack: whoever makes an object (or a node) that
 * must outlive the next statement pushes it there. */
#ifndef NN_EVAL_VALUE_H
#define NN_EVAL_VALUE_H

#include "data/dataset.h"
#include "ir/graph.h"
#include "syntax/ast.h"

enum value_kind {
    VALUE_NONE,
    VALUE_POISON,  /* what a broken statement should have defined: using it fails without a word */
    VALUE_UNKNOWN, /* of a dry run: a value of the host that only a run can know (dry.c) */
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_DTYPE,
    VALUE_DIM,     /* a named dimension, or arithmetic over some */
    VALUE_OP,      /* a row of ops.def as a function */
    VALUE_BUILTIN, /* a row of builtins.def */
    VALUE_TENSOR,  /* a node */
    VALUE_STRING,  /* from here on: objects */
    VALUE_LIST,
    VALUE_RECORD,
    VALUE_RANGE,
    VALUE_ARRAY,      /* a tensor whose value is known */
    VALUE_FUNCTION,   /* fn, or an expression with a hole */
    VALUE_DEFINITION, /* layer, loss, metric or optimizer definition */
    VALUE_INSTANCE,   /* a definition with its settings; owns variables */
    VALUE_CHAIN,      /* f >> g */
    VALUE_METHOD,     /* a builtin bound to its subject: t.eval */
    VALUE_STEP,       /* optimizer.minimize(loss) */
    VALUE_DATASET,
    VALUE_BATCHES, /* data.batches(50): what a loop goes through */
    VALUE_MODULE, /* import .. as name */
};

struct value {
    enum value_kind kind;
    /* INT, DIM: the size that a signature's name was bound to (the `time` of `xs: float[batch, time,
     * n]`) knows which axis it is of, so that axis=time means that one whatever its size is. 0: not
     * bound so. Arithmetic does not keep it. */
    uint32_t axis_of;
    union {
        bool b;
        int64_t i;
        double f;
        enum dtype dtype;
        struct dim dim;
        const struct op *op;
        const struct builtin *builtin;
        struct node *node;
        struct object *object;
        struct string *string;
        struct list *list;
        struct record *record;
        struct range *range;
        struct array *array;
        struct function *function;
        struct definition *definition;
        struct instance *instance;
        struct chain *chain;
        struct method *method;
        struct step_object *step;
        struct dataset_object *dataset;
        struct batches *batches;
        struct module_object *module;
    };
};

struct object {
    enum value_kind kind;
    bool marked;
    struct object *next; /* all objects of the heap */
    struct object *gray; /* while marking: the next one whose insides are to be marked */
};

struct string {
    struct object o;
    size_t n;
    char text[];
};
/* Lists do not change once they are made. A sum of lists is put behind the elements of the left one,
 * when there is room and no other list went on there, so a loop that adds an element to a list at
 * each round takes time in proportion to their number. */
struct list {
    struct object o;
    int n;
    int n_named; /* the first so many have their names, or need none (eval/paths.c) */
    struct value *at;
    struct list_items {
        int refs, used, cap;
        struct value at[];
    } * items; /* shared with the list that this one went on from; NULL: none */
};
struct record {
    struct object o;
    int n, cap;
    const char **name;
    struct value *at;
};
struct range {
    struct object o;
    int64_t first, end, step;
};
struct array {
    struct object o;
    struct tensor *tensor;
};
struct chain {
    struct object o;
    int n;
    struct value *at;
};
struct method {
    struct object o;
    const struct builtin *builtin;
    struct value self;
};

/* A scope: names to values, in a small hash table. */
struct scope {
    struct object o;
    struct scope *parent;
    int n, cap; /* cap is a power of two; name[i] == NULL is free */
    const char **name; /* in the block of `at`, behind it */
    struct value *at;
};
enum { OBJECT_SCOPE = 100 };

struct function {
    struct object o;
    const struct ast
        *tree; /* FN; or the expression that has the hole; or the call on the right of `>>` */
    struct scope *scope;
    enum function_form { FUNCTION_PLAIN, FUNCTION_HOLE, FUNCTION_FIRST } form;
    bool library;
    const struct ast *gradient; /* GRADIENT_DEF of its own, or NULL */
    bool called;                /* so a gradient would come too late */
    bool exact;                 /* it is held against finite differences */
};

struct definition {
    struct object o;
    const struct ast *tree; /* LAYER_DEF .. OPTIMIZER_DEF */
    struct scope *scope;
    bool library;
};

struct instance {
    struct object o;
    struct definition *definition;
    struct scope *settings;
    uint64_t given;          /* which settings were given, by their place in the definition */
    const char *path;        /* "tower/0": prefix of its variables' paths */
    bool provisional;        /* the path may still become that of the binding */
    bool applied;            /* its variables are made */
    bool claimed;            /* the path is its own: from the first variable or draw on */
    struct scope *variables; /* name in the body -> variable node */
    /* Instances made in its body, so that later applications find them again: by call site and
     * occurrence. */
    int n_children, cap_children;
    struct child {
        const struct ast *site;
        int occurrence;
        struct instance *instance;
    } * children;
};

struct step_object {
    struct object o;
    const char *path, *words;
    bool provisional;
    struct node *loss;
    struct node **effects; /* checks, then assigns */
    int n_effects;
    uint64_t n_done;
    int n_variables;
};

/* What the examples of a data set become before they are dealt (eval/dataset_map.c). */
struct dataset_map {
    int n_in, n_out, n_computed;
    struct node **in;       /* [n_in] placeholders for the fields of the set below */
    const char **name;      /* [n_out] the fields that it has instead: */
    struct node **out;      /* tensors over the placeholders, or placeholders themselves */
    struct node **computed; /* [n_computed] those of `out` that are none */
};
struct dataset_object {
    struct object o;
    struct dataset *dataset;
    bool owner;
    struct arena arena;      /* of a set that the script made from others */
    struct dataset_map *map; /* NULL: examples are dealt as they are stored */
};
struct batches {
    struct object o;
    struct dataset_object *set;
    int64_t n; /* examples in each but an epoch's last */
    int64_t n_per_epoch, n_epochs;
    bool shuffle;
};

struct module_object {
    struct object o;
    struct module *module; /* interp.h; its scope is a root of its own */
};

struct heap {
    struct object *objects;
    struct object *settled; /* those that stay until the heap is freed */
    size_t since_bytes;     /* allocated since the last collection */
    size_t n_visited;       /* values that the last collection went through */
    struct object *gray; /* marked, insides not yet: no recursion, however deep the data */
};

#define V_NONE         ((struct value){.kind = VALUE_NONE})
#define V_POISON       ((struct value){.kind = VALUE_POISON})
#define V_UNKNOWN      ((struct value){.kind = VALUE_UNKNOWN})
#define V_BOOL(x)      ((struct value){.kind = VALUE_BOOL, .b = (x)})
#define V_INT(x)       ((struct value){.kind = VALUE_INT, .i = (x)})
#define V_FLOAT(x)     ((struct value){.kind = VALUE_FLOAT, .f = (x)})
#define V_TENSOR(x)    ((struct value){.kind = VALUE_TENSOR, .node = (x)})
#define V_OBJECT(k, x) ((struct value){.kind = (k), .object = (struct object *)(x)})

/* Objects: memory for one of `bytes` bytes. Running out of memory ends the program with a line
 * (exit 70). */
void *heap_new(struct heap *h, enum value_kind kind, size_t bytes);
struct value value_string(struct heap *h, const char *text, size_t n); /* text NULL: to be filled */
struct value value_list(struct heap *h, int n);
struct value value_range(struct heap *h, int64_t first, int64_t end, int64_t step);
/* A chain of the list's elements. */
struct value value_chain(struct heap *h, const struct list *all);
struct value value_record(struct heap *h);
struct value value_array(struct heap *h, struct tensor *t); /* takes over the reference */
void list_append(struct heap *h, struct list *l, struct value v); /* to a list under way */
struct value value_list_sum(struct heap *h, const struct list *a, const struct list *b);
void record_set(struct heap *h, struct record *r, const char *name, struct value v);
const struct value *record_get(const struct record *r, const char *name); /* NULL: no such field */

struct scope *scope_new(struct heap *h, struct scope *parent);
void scope_set(struct heap *h, struct scope *s, const char *name, struct value v);
struct value *scope_find_own(struct scope *s, const char *name);
struct value *scope_find(struct scope *s, const char *name); /* here or in a parent */
/* What a scope holds, to come back to: a copy of its own names. The values are not rooted. */
struct scope_state {
    int n, cap;
    const char **name;
    struct value *at;
};
struct scope_state scope_save(const struct scope *s);
void scope_restore(struct scope *s, struct scope_state *state); /* takes the copy over */
void scope_state_free(struct scope_state *state);

/* Marking: each root with value_mark or object_mark, then heap_mark_insides once. Nodes are marked
 * in the graph. */
void value_mark(struct heap *h, struct graph *g, struct value v);
void object_mark(struct heap *h, struct object *o);
void heap_mark_insides(struct heap *h, struct graph *g);
/* Frees what is not marked, and unmarks the rest. */
void heap_sweep(struct heap *h);
/* All objects but `except` stay from now on and are not gone through again: collections then take
 * as long as what the script made is large. Leaves it when some object can still change, or holds
 * a node. */
void heap_settle(struct heap *h, const struct object *except);
void heap_free(struct heap *h);

/* The same number, or the very same object. */
bool value_is(struct value a, struct value b);

/* "a number", "a list", "a tensor float[batch, 10]"...: for messages. Gives buf. */
const char *value_kind_words(enum value_kind kind);
/* value.axis_of for an axis of a node, and the axis if it is one of that node, else -1. */
static inline uint32_t axis_of_node(const struct node *n, int axis) {
    return n->serial * (uint32_t)MAX_RANK + (uint32_t)axis;
}
static inline int value_axis(struct value v, const struct node *n) {
    int axis = (int)(v.axis_of % MAX_RANK);
    struct dim size = v.kind == VALUE_DIM ? v.dim : dim_const(v.i);
    bool is_of = v.axis_of && axis_of_node(n, axis) == v.axis_of && axis < n->shape.rank &&
                 dim_same(n->shape.d[axis], size);
    return is_of ? axis : -1;
}
static inline bool value_is_number(struct value v) {
    return v.kind == VALUE_INT || v.kind == VALUE_FLOAT;
}
static inline double value_number(struct value v) {
    return v.kind == VALUE_INT ? (double)v.i : v.f;
}

#endif
