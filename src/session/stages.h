/* The stages that can be shown, a row of stages.def each. A dump is text without addresses, the
 * same every time, except for trace's times.
 *
 * A stage of a computation is shown when it is first planned, under a line that says who demanded
 * it, where, and what was fed:
 *
 *     == accuracy.eval  models/x.nn:12:9  fed x[50,784] y_[50,10]
 */
#ifndef NN_SESSION_STAGES_H
#define NN_SESSION_STAGES_H

#include "session/session.h"

enum stage_when { STAGE_UNIT, STAGE_CHECK, STAGE_GRAPH, STAGE_PASSES, STAGE_PLAN, STAGE_RUN };

/* What there is to show; what does not exist yet at that point is NULL. */
struct stage_view {
    struct session *s;
    uint32_t source;         /* UNIT */
    const struct ast *tree;  /* UNIT; NULL before it is parsed */
    const char *settled;     /* CHECK: what the dry run wrote */
    const struct request *r; /* all others */
    struct compiled *c;      /* its program from PASSES on, its plan from PLAN on */
    int n_before;            /* nodes of the program before the passes */
    const char *remark;      /* PLAN: why it is not run in chunks, though it is large; or NULL */
    const struct run *run;   /* RUN */
};

struct stage {
    const char *name, *summary;
    enum stage_when when;
    void (*dump)(const struct stage_view *v, FILE *out);
};
extern const struct stage stages[];
extern const int n_stages;

/* The stage and pass of `NAME` or `opt:PASS`. NULL: there is none; *nearest is then the name that
 * was probably meant, or NULL. */
const struct stage *stages_find(const char *text, const char **pass, const char **nearest);

/* Shows the stage that the session's options ask for, if `when` is its time. */
void stages_show(enum stage_when when, const struct stage_view *v);

/* Those of the bodies of its loops too. */
int stages_count_nodes(struct program *p);
/* Whether a stage (NULL: none) wants the passes to list what they do. */
bool stages_is_rewrites(const struct stage *stage);

/* --dump=help: the stages, the passes, the ops by family. */
void stages_print_help(FILE *out);

#endif
