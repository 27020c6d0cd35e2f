/* The evaluator's host: compiling and running what a script demands (demand.c), giving variables
 * their first values (initial.c), and saying what went wrong in a run (failure.c).
 *
 * Not for: users of a session, who need session.h only. */
#ifndef NN_SESSION_DEMAND_H
#define NN_SESSION_DEMAND_H

#include "session/session.h"

/* struct host's functions; the context is the session. */
bool demand_run(void *context, struct request *r);
void demand_gradients(void *context, struct node *loss, struct node **wrt, int n,
                      struct node **out);
const struct node *demand_gradient_cut(void *context, struct node *loss, struct node *wrt);
void demand_forget_node(void *context, struct node *n);

/* What opt_instantiate takes; arrays in the arena. */
struct demand demand_of(const struct request *r, struct arena *arena);
/* The program and plan of a demand. each_op_alone: without the pass that groups elementwise ops, so
 * that a fault can be told to one op. NULL: reported. */
struct compiled *demand_compile(struct session *s, const struct request *r, bool each_op_alone);
/* Runs it; variables have values. r->result is filled. */
bool demand_execute(struct session *s, struct compiled *c, struct request *r, struct run *run);

/* demand_run of an evaluation, at once however much memory it takes: a part of one in chunks. */
bool demand_run_whole(struct session *s, struct request *r);

struct variable_list {
    struct variable **at;
    int n;
};
/* The variables that a demand reads or writes, in the arena. */
struct variable_list initial_find(struct session *s, const struct request *r, struct arena *arena);
/* The demand of a variable's first value. */
struct request initial_request(struct session *s, struct variable *v, struct tensor **result);
/* Draws the first value of each that has none, after those that it is made from. false: reported or
 * interrupted. */
bool initial_draw(struct session *s, struct variable_list wanted);

/* Reports why a run ended, with the line of the script that is to blame. */
void failure_report(struct session *s, struct compiled *c, const struct request *r,
                    const struct run *run);
/* There was not enough memory for a plan: it names the largest tensor. */
void failure_report_memory(struct session *s, const struct compiled *c, const struct request *r);

#endif
