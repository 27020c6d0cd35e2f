/* Lints of the graph that a script built: nodes that the script wrote, by their ops, axes and
 * dimensions; variables. */
#include <string.h>

#include "check/lint.h"

/* Gradients and passes write nodes too; those have no operands in a text. */
static bool is_written(const struct node *n) {
    return n->at && n->origin && n->origin->span.source;
}

static const struct origin *user_frame(const struct lint *l, const struct origin *o) {
    return source_users_frame(l->sources, o);
}

/* What the user called that has the node in it, where that is not the op itself, and the operand as
 * the user wrote it there. */
struct use {
    const struct origin *frame;
    struct span word, at;
    bool direct;  /* the op itself */
    bool located; /* `at` is known */
};

static struct use find_use(const struct lint *l, const struct node *n) {
    struct use u = {.frame = user_frame(l, n->origin), .at = n->at[0]};
    u.direct = u.frame == n->origin;
    u.word = source_word(l->sources, u.frame->span);
    u.located = source_find_users(l->sources, n->origin->caller, &u.at);
    return u;
}

static uint32_t user_line(const struct lint *l, const struct node *n) {
    return source_place(l->sources, user_frame(l, n->origin)->span).line;
}

/* ---- softmax twice */

static bool keeps_what_it_holds(enum op_id id) {
    switch (id) {
    case OP_reshape:
    case OP_cast:
    case OP_slice:
    case OP_transpose:
    case OP_broadcast_to:
    case OP_stop_gradient:
        return true;
    default:
        return false;
    }
}

/* The softmax, log_softmax or log(softmax) whose result, moved at most, is x; or NULL. */
static const struct node *find_softmax(const struct node *x) {
    bool is_log = false;
    for (;;) {
        if (x->op->id == OP_softmax || x->op->id == OP_log_softmax)
            return x;
        if (!keeps_what_it_holds(x->op->id) && (x->op->id != OP_log || is_log))
            return NULL;
        is_log = is_log || x->op->id == OP_log;
        x = x->in[0];
    }
}

/* Also within a definition: then the user's argument of it is a softmax already. */
static void check_softmax_twice(const struct lint *l, const struct node *n) {
    const struct node *softmax = find_softmax(n->in[0]);
    if (!softmax || !softmax->origin)
        return;
    struct use u = find_use(l, n);
    bool inside = !u.direct && u.located && u.word.length;
    struct diag *d =
        inside ? diag_warning(l->diags, E_SOFTMAX_TWICE, u.at,
                              "%.*s applies softmax itself, but is given the result of %s",
                              (int)u.word.length, source_text(l->sources, u.word),
                              softmax->op->name)
               : diag_warning(l->diags, E_SOFTMAX_TWICE, n->at[0],
                              "%s of what %s gave: softmax is applied twice", n->op->name,
                              softmax->op->name);
    diag_trail(d, inside ? u.frame : n->origin);
    if (u.located)
        diag_label(d, u.at, "from %s, line %u", softmax->op->name, user_line(l, softmax));
    else
        diag_note(d, user_frame(l, softmax->origin)->span, "%s is applied here", softmax->op->name);
    if (softmax->in[0]->name)
        diag_help(d, "give it what goes into the softmax: %s", softmax->in[0]->name);
    else
        diag_help(d, "give it what goes into the softmax");
    diag_drop_repeated(l->diags); /* a loss and its gradient apply it each */
}

/* ---- along the batch */

/* Whether the dimension's name says that it counts examples. */
static bool counts_examples(const struct lint *l, struct dim d) {
    if (!d.sym[0] || d.sym[1] || d.k != 1)
        return false;
    const char *name = l->symbols->list.at[d.sym[0]].name;
    return name && (strstr(name, "batch") || !strcmp(name, "examples") || !strcmp(name, "samples"));
}

/* Whether the call has the dimension's name: axis=batch is meant. */
static bool says(const struct lint *l, struct span call, const char *name) {
    const char *text = source_text(l->sources, call);
    size_t n = strlen(name);
    for (uint32_t i = 0; i + n <= call.length; i++)
        if (!strncmp(text + i, name, n))
            return true;
    return false;
}

static void warn_axis(const struct lint *l, const struct node *n, int axis, const char *words,
                      const char *help) {
    char shape[SHAPE_TEXT], dim[SHAPE_TEXT];
    const struct node *x = n->in[0];
    dim_print(dim, sizeof dim, l->symbols, x->shape.d[axis]);
    if (says(l, n->origin->span, dim))
        return;
    struct use u = find_use(l, n);
    bool inside = !u.direct && u.located && u.word.length;
    const char *name = inside ? source_text(l->sources, u.word) : n->op->name;
    int n_name = inside ? (int)u.word.length : (int)strlen(name);
    struct diag *d = diag_warning(l->diags, E_WRONG_AXIS, u.frame->span, "%.*s goes along `%s`: %s",
                                  n_name, name, dim, words);
    if (u.direct || inside)
        diag_label(d, u.at, "%s%s", dtype_name(x->dtype),
                   shape_print(shape, sizeof shape, l->symbols, &x->shape));
    diag_trail(d, inside ? u.frame : n->origin);
    diag_help(d, "%s", inside ? "an example's own axis is the last: exchange them" : help);
    diag_drop_repeated(l->diags);
}

static void check_single_axis(const struct lint *l, const struct node *n) {
    int axis = (int)n->attr[0].i;
    if (n->attr[0].kind != ATTR_AXIS || axis < 0 || axis >= n->in[0]->shape.rank ||
        n->in[0]->shape.rank < 2 || !counts_examples(l, n->in[0]->shape.d[axis]))
        return;
    bool picks = n->op->id == OP_argmax || n->op->id == OP_argmin;
    warn_axis(l, n, axis,
              picks ? "it gives the number of an example for each of the others"
                    : "it makes the examples of a batch depend on each other",
              "an example's own axis is the last: axis=-1");
}

static bool is_log(const struct node *n) {
    return n->op->id == OP_log || n->op->id == OP_log_softmax;
}

/* -sum(y_ * log(y), axis=0): a cross-entropy summed over the wrong axis. */
static void check_summed_logs(const struct lint *l, const struct node *n) {
    const struct node *x = n->in[0];
    const struct attr *axes = &n->attr[0];
    if (x->op->id == OP_neg)
        x = x->in[0];
    if (x->op->id != OP_mul || x->shape.rank < 2 || axes->kind != ATTR_AXES || axes->ints.n != 1 ||
        (!is_log(x->in[0]) && !is_log(x->in[1])))
        return;
    int axis = (int)axes->ints.v[0];
    if (axis >= 0 && axis < x->shape.rank && counts_examples(l, x->shape.d[axis]))
        warn_axis(l, n, axis, "what is left is a value for each class, not for each example",
                  "sum over the classes: axis=-1");
}

static void check_node(const struct lint *l, const struct node *n) {
    switch (n->op->id) {
    case OP_softmax:
    case OP_log_softmax:
        check_softmax_twice(l, n);
        check_single_axis(l, n);
        break;
    case OP_argmax:
    case OP_argmin:
        check_single_axis(l, n);
        break;
    case OP_sum:
        check_summed_logs(l, n);
        break;
    default:
        break;
    }
}

/* ---- variables; those of an imported file are there for whoever needs them */

static void check_variable(const struct lint *l, const struct variable *v) {
    if (v->value || !v->trainable || v->state || v->declared.source != l->tree->span.source)
        return;
    diag_warning(l->diags, E_UNUSED, v->declared, "nothing that is computed uses the variable `%s`",
                 v->path);
}

void lint_graph(const struct lint *l) {
    for (int i = 0; i < l->n_variables; i++)
        check_variable(l, l->variables[i]);
    for (const struct node *n = l->graph->nodes; n; n = n->list_next)
        if (is_written(n))
            check_node(l, n);
}
