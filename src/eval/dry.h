/* A walk that computes nothing (dry.c), as the rest of the evaluator sees it: where it asks whether
 * something is known, and where it says that it enters a body, a branch or a loop. Outside of a dry
 * run all of this does nothing. */
#ifndef NN_EVAL_DRY_H
#define NN_EVAL_DRY_H

#include "eval/value.h"

struct interp;
struct args;

/* Of a dry run. Calls under more unknown conditions than this are not looked into. */
enum { MAX_UNCERTAIN = 8 };
struct dry {
    uint64_t n_failures;   /* errors reported, repeated ones too */
    uint64_t n_statements; /* walked: what the walk may cost is bounded */
    double began_s;
    int uncertain;     /* > 0: whether a run comes here is not known */
    /* > 0: which way a run goes here depends on a value that is not known, and other values may
     * depend on it as well: an error may be of a way that no run goes. Only missing names are
     * reported. */
    int guesses;
    bool maybe_left;   /* the round under way may have ended before: break, continue */
    bool maybe_returned;
    ARRAY(const struct ast *) shown; /* settled.c's statements */
    bool overlooked; /* demands may have been passed by: for something unknown */
};

static inline bool is_missing(struct value v) {
    return v.kind == VALUE_POISON || v.kind == VALUE_UNKNOWN;
}
/* Ends the expression under way without a word; false. */
bool fail_silently(struct interp *in);
/* Whether it, or something in it, is unknown; of arrays, whether their contents are. */
bool holds_unknown(struct interp *in, struct value v);
bool depends_on_contents(struct interp *in, struct value v);
/* Whether a call can only give what is not known: it is not made then. */
bool dry_call_is_unknown(struct interp *in, struct value f, const struct args *a);
/* A statement is begun. false: the walk has cost enough, and ends. */
bool dry_may_go_on(struct interp *in);
/* Whether `fail` and `assert` may speak: a run comes here, and by what it goes by nothing is broken.
 * What a broken statement should have assigned is unknown in a dry run, so other errors do not
 * matter there; in a run it may have kept its value from before. */
bool dry_is_certain(const struct interp *in);
/* All that a statement assigns becomes unknown. */
void dry_forget(struct interp *in, struct scope *s, const struct ast *stmt);
/* The body of a function or a layer: what it left unsettled ends with it. dry_leave makes the
 * result unknown when the body may have returned another. */
struct dry dry_enter(struct interp *in);
void dry_leave(struct interp *in, const struct dry *outside, struct value *result);
/* Both branches of an IF whose condition is not known. */
bool dry_if(struct interp *in, struct scope *s, const struct ast *e, bool guess,
            struct value *out);
/* A loop is walked as it runs until a round demands something, or may have ended early, or is one
 * of many that build nothing. One more round is walked then with all that the loop assigns unknown.
 * Outside of a dry run these do nothing. */
struct loop_watch {
    struct scope *scope;
    const struct ast *stmt, *body; /* stmt NULL: not in a dry run */
    uint64_t n_demands;            /* before the loop, as are: */
    uint32_t n_nodes;
    int uncertain, guesses;
    bool outer_maybe_left;
    int64_t n_rounds;
    bool enough; /* no more rounds are walked as they are */
    bool open;   /* how many rounds a run would go is not known */
};
void loop_begin(struct interp *in, struct scope *s, const struct ast *stmt, struct loop_watch *w);
/* Whether another round is to be walked as it is. */
bool loop_goes_on(struct interp *in, struct loop_watch *w);
/* The condition, or how many elements there are, is not known. */
static inline void loop_is_open(struct loop_watch *w) { w->open = true; }
/* ok: how the last round ended. Gives how the loop did. */
bool loop_end(struct interp *in, struct loop_watch *w, bool ok);

/* settled.c */
/* The right side of a statement, to be shown; NULL: it is not shown. settled_end frees it. */
char *settled_begin(struct interp *in, struct scope *s, const struct ast *stmt);
void settled_end(struct interp *in, struct scope *s, const struct ast *stmt, char *right);

#endif
