/* What a loop captures and is known by now moves into its body, where it can be folded further: a
 * dropout in the step is none when `training` is false. */
#include "ir/loop.h"
#include "opt/rewrite.h"

void opt_simplify(struct program *p);

/* By param: the constant that it captures. Whether there is any. */
static bool find_known(const struct node *n, struct node **known) {
    const struct loop_body *l = n->loop;
    bool any = false;
    for (int p = loop_capture_param(l); p < loop_n_params(l); p++) {
        struct node *in = n->in[loop_input_of(l, p)];
        if (in->op->id == OP_constant) known[p] = in, any = true;
    }
    return any;
}

struct node *fold_captures(struct program *p, struct node *n) {
    struct arena scratch = {0};
    struct node **known = arena_array(&scratch, struct node *, loop_n_params(n->loop));
    struct node *made = NULL;
    if (find_known(n, known)) {
        struct loop_body *l = loop_clone(n->loop, &p->build, known);
        struct node **in = arena_array(&scratch, struct node *, n->n_in);
        int first = loop_capture_input(n->loop), n_in = first, param = loop_capture_param(n->loop);
        for (int i = 0; i < first; i++) in[i] = n->in[i];
        for (int i = first; i < n->n_in; i++)
            if (!known[param + i - first]) in[n_in++] = n->in[i];
        struct program body;
        loop_open(l, p, &body);
        opt_simplify(&body);
        loop_close(l, &body);
        loop_finish(l);
        p->build.spelling = n->spelling;
        made = build_scan(&p->build, l, in, scan_length(n), n->attr[SCAN_REVERSE].i,
                          n->attr[SCAN_REMEMBER].i);
        p->build.spelling = NULL;
    }
    arena_free(&scratch);
    return made;
}
