/* What an op is: a row of ops.def made into a struct, with its signature taken apart. Shape rules
 * and gradients are functions of the families in ops/; they are reached from here only.
 *
 * A shape rule sees shapes, dtypes and settings, never nodes, and is used twice: when a node is
 * built (symbolic shapes) and when a plan is made (concrete ones), so what could not be known at
 * build is checked by the same words. */
#ifndef NN_IR_OP_H
#define NN_IR_OP_H

#include "base/diag.h"
#include "base/intern.h"
#include "tensor/tensor.h"

enum op_id {
#define EW1(id, domain, kernel, gradient, summary)         OP_##id,
#define EW2(id, domain, kernel, gx, gy, summary)           OP_##id,
#define CMP2(id, kernel, summary)                          OP_##id,
#define OP(id, shape, gradient, trait, signature, summary) OP_##id,
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
    N_OPS,
    OP_NONE = N_OPS
};

enum op_trait {
    OP_PLAIN,
    OP_ELEMENTWISE,
    OP_LEAF,
    OP_ALIAS,
    OP_RANDOM,
    OP_EFFECT,
    OP_LOOP,
    OP_RESULT
};
enum op_domain { DOMAIN_NUM, DOMAIN_FLT, DOMAIN_BIT, DOMAIN_ANY };

/* Settings. ATTR_UNSET stands for "not given": the builder puts the signature's default, and `none`
 * stays UNSET for the shape rule to fill in. */
enum attr_kind {
    ATTR_UNSET,
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_BOOL,
    ATTR_STRING,
    ATTR_DTYPE,
    ATTR_SHAPE,
    ATTR_INTS,
    ATTR_AXIS,
    ATTR_AXES,
    ATTR_PAIRS,
    ATTR_PADDING /* in signatures only: a value is a STRING or PAIRS */
};
struct attr {
    enum attr_kind kind;
    union {
        int64_t i; /* INT, BOOL, AXIS (normalised by the shape rule to 0..rank-1) */
        double f;
        const char *s; /* interned */
        enum dtype dtype;
        struct shape shape; /* SHAPE: -1 (no symbol) is "work it out", reshape only */
        struct {
            int n;
            int64_t v[2 * MAX_RANK];
        } ints; /* INTS and AXES; AXES with n = -1 is every axis. PAIRS: one pair after another */
    };
};

enum { MAX_INPUTS = 4, MAX_SETTINGS = 8 };

struct op_input {
    const char *name; /* interned */
    int type;         /* an enum dtype, or one of: */
    bool list;        /* `*`: takes the rest, as a list */
    const char *dims; /* the text between its brackets in the row: "..,m,k" */
};
enum { TYPE_SHARED = -1, TYPE_SHARED_FLOAT = -2, TYPE_ANY = -3, TYPE_WHOLE = -4 };

struct op_setting {
    const char *name; /* interned */
    enum attr_kind kind;
    bool required;
    struct attr fallback;
};

struct shape_call;
struct gradient_call;

struct op {
    enum op_id id;
    const char *name; /* interned */
    const char *summary;
    const char *signature; /* as in the row; made from the domain for elementwise rows */
    enum op_trait trait;
    enum op_domain domain; /* elementwise rows */
    bool inner;            /* only passes make it */
    int n_inputs, n_settings;
    struct op_input input[MAX_INPUTS];
    struct op_setting setting[MAX_SETTINGS];
    bool (*shape)(struct shape_call *c);
    void (*gradient)(struct gradient_call *c); /* NULL: none */
};

struct op_table {
    struct op op[N_OPS];
};

/* The rules of each op, as the families in ops/ define them: op_rules[N_OPS] of ops/rules.c is
 * handed in, because ir does not see ops. */
struct op_rule {
    bool (*shape)(struct shape_call *c);
    void (*gradient)(struct gradient_call *c); /* NULL: none */
};

/* Parses all signatures; once a session. rules: [N_OPS]. */
struct op_table *op_table_new(struct arena *a, struct intern_table *names,
                              const struct op_rule *rules);
const struct op *op_find(const struct op_table *t, const char *interned_name);
int op_find_setting(const struct op *op, const char *interned_name); /* -1: none */
int op_find_input(const struct op *op, const char *interned_name);

/* What a shape rule says when it refuses: the words, and per operand what to underline. */
struct fault {
    enum diag_code code;
    char message[256];
    int n_marks;
    struct {
        int operand, axis;
        char text[128];
    } mark[MAX_INPUTS]; /* operand -1: the whole call */
    char help[192];
};

struct shape_call {
    const struct op *op;
    int n_in;
    const struct shape *in;     /* [n_in] */
    const enum dtype *in_dtype; /* [n_in] */
    /* [op->n_settings]; a rule normalises them in place (negative axes, defaults) */
    struct attr *attr;
    const char *spelling; /* how the script wrote it: "@", "+", "matmul" */
    bool lenient; /* asked by a pass, not by a script: what is only probably a mistake passes */
    struct symbols *symbols;
    struct shape out;
    enum dtype out_dtype; /* preset to the shared dtype of the inputs */
    struct fault *fault;
};

/* Refuses: fills c->fault and gives false, so that a rule can `return shape_refuse(..)`. */
bool shape_refuse(struct shape_call *c, enum diag_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Underlines operand i (its shape and where it comes from are added by the caller); axis -1: no
 * axis. */
void shape_mark(struct shape_call *c, int operand, int axis);
void shape_help(struct shape_call *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Helpers of rules. axis_normalise: -rank..rank-1 -> 0..rank-1, or refuses. */
bool axis_normalise(struct shape_call *c, int operand, int64_t *axis);
bool axes_normalise(struct shape_call *c, int operand,
                    struct attr *axes); /* sorted, no duplicates; all -> every axis */
/* NumPy broadcasting of two dims: 1 stretches; the rest must match. DIFFER when they cannot. */
enum dim_match dim_broadcast(const struct symbols *s, struct dim a, struct dim b, struct dim *out);
/* The broadcast shape of all inputs, refusing a stretch on both sides unless the 1 was written on
 * purpose. */
bool shape_broadcast(struct shape_call *c);
/* The rule of elementwise rows: checks the domain, broadcasts. */
bool shape_elementwise(struct shape_call *c);
/* The rule of SIG rows: the result has the shape and dtype of the first input. */
bool shape_signature(struct shape_call *c);

#endif
