/* Small graphs made by hand for the tests of gradients and passes: a session's graph with named
 * dimensions, a program made of it by a demand or by hand, and both as text. */
#ifndef NN_TESTS_GRAPHS_H
#define NN_TESTS_GRAPHS_H

#include "opt/opt.h"

struct lab {
    struct arena arena, plan_arena;
    struct intern_table names;
    struct symbols symbols;
    struct sources sources;
    struct diags diags;
    struct graph graph; /* the session's */
    struct build b;     /* appends to it */
    struct program p;   /* of lab_demand, or by hand through p.build after lab_program */
    struct node *training;
    struct origin here; /* what nodes say of where they come from */
};

void lab_open(struct lab *l);
void lab_close(struct lab *l);

/* Shapes as text: "batch,784", "?", "" for a scalar. */
struct shape lab_shape(struct lab *l, const char *dims);
struct node *lab_placeholder(struct lab *l, struct build *b, const char *name, enum dtype t,
                             const char *dims);
struct node *lab_float(struct lab *l, struct build *b, const char *name, const char *dims);
struct node *lab_variable(struct lab *l, struct build *b, const char *path, const char *dims);
struct node *lab_scalar(struct build *b, double value); /* float */
struct node *lab_fill(struct lab *l, struct build *b, double value, const char *dims);
struct node *lab_stretch(struct lab *l, struct build *b, struct node *x, const char *dims);
struct node *lab_reshape(struct lab *l, struct build *b, struct node *x, const char *dims);
struct node *lab_transpose(struct build *b, struct node *x, const char *perm);
struct node *lab_axis(struct build *b, enum op_id id, struct node *x,
                      int axis);                       /* softmax and its like */
struct node *lab_sum(struct build *b, struct node *x); /* over all axes */
struct node *lab_assign(struct build *b, struct node *variable, struct node *value);

/* Empties l->p for a graph made by hand. */
void lab_program(struct lab *l);
void lab_roots(struct lab *l, struct node *const *roots, int n);

/* Instantiates: roots are fetched; feeds have the sizes in `sizes` ("50,784"). The errors are in
 * l->diags. */
struct lab_feed {
    struct node *node;
    enum dtype dtype;
    const char *sizes;
};
bool lab_demand(struct lab *l, struct node *const *roots, int n_roots, const struct lab_feed *feeds,
                int n_feeds, bool training);
/* The message of the only error, and its help; "" when there is none. */
const char *lab_error(struct lab *l);
const char *lab_help(struct lab *l);

/* "sub(mul(x, 2), log_softmax(z))", with shapes where the op gives one: "reshape[2, 3](x)". */
const char *lab_text(struct lab *l, const struct node *n);
/* Runs one pass on l->p and gives the first root as text. */
const char *lab_after(struct lab *l, const char *pass, struct node *root);

#endif
