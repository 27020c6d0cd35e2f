/* A demand becomes a program: the needed part of the session's graph, copied into the plan's graph
 * with concrete shapes.
 *
 * In: roots, fed tensors and their values, the session's graph. Out: a graph of its own whose every
 * shape is numbers. Each op's shape rule is asked again with those numbers, so that what could not
 * be known when a line ran is refused now, by the same words and at that line. Sizes of named
 * dimensions come from the feeds first, then from each copied node's own shape. Fed tensors become
 * placeholders and what only they needed is left out. No recursion; linear in what is needed.
 *
 * Not for: making the graph smaller (the passes), values (exec/). */
#include <inttypes.h>
#include <string.h>

#include "ir/loop.h"
#include "opt/instance.h"

/* What `n` is copied from: its inputs; a default for a placeholder; an assign's target is no
 * value and is copied with it. */
static int n_sources(const struct instance *in, const struct node *n) {
    if (n == in->training) return 0;
    if (n->op->id == OP_placeholder) return n->fallback != NULL;
    /* a gradient of the script's own was used when the gradients were built */
    return n->op->id == OP_assign ? 1 : node_n_value_inputs(n);
}

static struct node *source_at(const struct node *n, int k) {
    if (n->op->id == OP_placeholder) return n->fallback;
    return n->in[n->op->id == OP_assign ? 1 : k];
}

static struct span demand_span(const struct instance *in) {
    return in->demanded_at ? in->demanded_at->span : (struct span){0};
}

struct span instance_node_span(const struct node *n) {
    if (n->op->id == OP_variable && n->variable->declared.source) return n->variable->declared;
    return n->origin ? n->origin->span : (struct span){0};
}

/* How a message calls a node. */
static const char *node_word(const struct node *n) {
    if (n->op->id == OP_assign) return n->in[0]->variable->path;
    if (n->op->id == OP_variable) return n->variable->path;
    if (n->name) return n->name;
    return n->spelling ? n->spelling : n->op->name;
}

/* "float[batch, 784]" in the arena. */
const char *instance_type_text(struct instance *in, enum dtype t, const struct shape *s) {
    char text[SHAPE_TEXT];
    return arena_printf(&in->scratch, "%s%s", dtype_name(t),
                        shape_print(text, sizeof text, in->binder.symbols, s));
}

static void note_declared(struct diag *d, const struct node *n) {
    struct span at = instance_node_span(n);
    if (at.source) diag_note(d, at, "`%s` is declared here", node_word(n));
}

/* ---- what is needed ---- */

static void need_add(struct instance *in, struct node *n, int fed) {
    n->number = in->need.n;
    array_push(&in->scratch, &in->need, n);
    array_push(&in->scratch, &in->fed, fed);
}

/* Depth first from the roots, cut at what is fed. A fed node waits under a negative number until
 * it is reached. */
static void find_needed(struct instance *in) {
    struct frame {
        struct node *node;
        int next;
    };
    ARRAY(struct frame) stack = {0};
    uint32_t visit = ++in->session->visit;
    for (int i = in->d->n_fed - 1; i >= 0; i--) {
        in->d->fed[i]->visit = visit;
        in->d->fed[i]->number = -1 - i;
    }
    for (int r = 0; r < in->d->n_roots; r++) {
        struct node *next = in->d->roots[r];
        for (;;) {
            if (next->visit != visit) {
                next->visit = visit;
                next->number = INT32_MAX; /* on the stack */
                array_push(&in->scratch, &stack, (struct frame){next, 0});
            } else if (next->number < 0) {
                need_add(in, next, -1 - next->number);
            }
            while (stack.n) {
                struct frame *top = &stack.at[stack.n - 1];
                if (top->next < n_sources(in, top->node)) break;
                need_add(in, top->node, -1);
                stack.n--;
            }
            if (!stack.n) break;
            struct frame *top = &stack.at[stack.n - 1];
            next = source_at(top->node, top->next++);
        }
    }
}

static bool is_unfed(const struct instance *in, int i) {
    const struct node *n = in->need.at[i];
    return n->op->id == OP_placeholder && in->fed.at[i] < 0 && !n->fallback && n != in->training;
}

/* ---- unfed placeholders ---- */

enum { MAX_CHAIN_NAMES = 5 };

/* For each node the one that reads it on a shortest way from the first root that needs `target`
 * (of a training step that is the loss), -1 for the root, -2 for what was not looked at. */
static int *find_readers(struct instance *in, const struct node *target) {
    int n = in->need.n, n_queued = 0, root = 0;
    int *queue = arena_array(&in->scratch, int, n), *user = arena_array(&in->scratch, int, n);
    for (int i = 0; i < n; i++) user[i] = -2;
    for (int at = 0; user[target->number] == -2; at++) {
        while (at == n_queued && root < in->d->n_roots) {
            int i = in->d->roots[root++]->number;
            if (user[i] == -2) user[i] = -1, queue[n_queued++] = i;
        }
        if (at == n_queued) break;
        const struct node *node = in->need.at[queue[at]];
        if (in->fed.at[queue[at]] >= 0) continue;
        for (int k = 0; k < n_sources(in, node); k++) {
            int i = source_at(node, k)->number;
            if (user[i] == -2) user[i] = queue[at], queue[n_queued++] = i;
        }
    }
    return user;
}

/* "accuracy <- logits <- x": the named nodes on the way to `target`; the middle is left out when it
 * is long. */
static const char *chain_text(struct instance *in, const struct node *target) {
    const int *user = find_readers(in, target);
    ARRAY(const char *) names = {0}; /* from the target up */
    for (int i = target->number; i >= 0; i = user[i]) {
        const struct node *node = in->need.at[i];
        bool root = user[i] < 0 && node->op->trait != OP_EFFECT;
        if (node->name || node == target || root)
            array_push(&in->scratch, &names, node_word(node));
    }
    if (names.n < 2) return NULL;
    const char *text = names.at[names.n - 1];
    bool cut = names.n > MAX_CHAIN_NAMES;
    for (int i = names.n - 2; i >= 0; i--) {
        if (cut && i == names.n - 3) text = arena_printf(&in->scratch, "%s <- ...", text);
        if (cut && i > 1 && i < names.n - 2) continue;
        text = arena_printf(&in->scratch, "%s <- %s", text, names.at[i]);
    }
    return arena_printf(&in->scratch, "`%s` needs `%s` (%s)", names.at[names.n - 1], names.at[0],
                        text);
}

static void report_unfed(struct instance *in, const struct node *n) {
    const char *chain = chain_text(in, n);
    struct diag *d = chain ? diag_error(in->diags, E_UNFED, demand_span(in),
                                        "%s, which is a placeholder and was not fed", chain)
                           : diag_error(in->diags, E_UNFED, demand_span(in),
                                        "`%s` is a placeholder and was not fed", node_word(n));
    diag_trail(d, in->demanded_at);
    note_declared(d, n);
    if (n->name) diag_help(d, "feed it: .%s(%s=...)", in->d->training ? "run" : "eval", n->name);
}

/* ---- sizes ---- */

static bool refuse_feed(struct instance *in, int f) {
    const struct node *n = in->d->fed[f];
    const struct tensor *v = in->d->value[f];
    struct shape given = tensor_shape(v);
    struct diag *d =
        diag_error(in->diags, E_FEED, demand_span(in), "`%s` is %s, but is fed %s", node_word(n),
                   instance_type_text(in, n->dtype, &n->shape),
                   instance_type_text(in, v->dtype, &given));
    diag_trail(d, in->demanded_at);
    note_declared(d, n);
    return false;
}

static bool refuse_sizes(struct instance *in, int f, int axis) {
    const struct node *n = in->d->fed[f];
    struct dim dim = n->shape.d[axis];
    const struct node *other = bind_source(&in->binder, dim);
    int64_t expected = -1;
    dim_evaluate(dim, &in->binder.known, &expected, NULL);
    if (dim_is_const(dim) || !other || other == n) return refuse_feed(in, f);
    char text[SHAPE_TEXT];
    struct diag *d =
        diag_error(in->diags, E_DIM_CONFLICT, demand_span(in),
                   "two feeds disagree on `%s`: %s gives %" PRId64 ", %s gives %" PRId64,
                   dim_print(text, sizeof text, in->binder.symbols, dim), node_word(other),
                   expected, node_word(n), in->d->value[f]->dim[axis]);
    diag_trail(d, in->demanded_at);
    return false;
}

/* Binds what feed f's sizes say. *open is set when a product has to wait for another feed. */
static bool bind_feed(struct instance *in, int f, bool *open) {
    const struct node *n = in->d->fed[f];
    const struct tensor *v = in->d->value[f];
    if (n->dtype != v->dtype || n->shape.rank != v->rank) return refuse_feed(in, f);
    for (int k = 0; k < v->rank; k++) {
        switch (bind_dim(&in->binder, n->shape.d[k], v->dim[k], n)) {
        case BIND_OK: break;
        case BIND_OPEN: *open = true; break;
        case BIND_CONFLICT: return refuse_sizes(in, f, k);
        case BIND_IMPOSSIBLE: return refuse_feed(in, f);
        }
    }
    return true;
}

/* All feeds are held against their declarations, also those that this demand does not need: a
 * feed that does not fit is a mistake either way. A second round lets products use what later
 * feeds bound. */
static bool bind_feeds(struct instance *in) {
    bool ok = true, open = false;
    for (int f = 0; f < in->d->n_fed; f++) ok &= bind_feed(in, f, &open);
    for (int round = 0; ok && open && round < MAX_DIM_SYMBOLS; round++) {
        open = false;
        for (int f = 0; f < in->d->n_fed && ok; f++) ok = bind_feed(in, f, &open);
    }
    return ok;
}

/* ": time is 0 in `x`, n is 7 in `y`": what the names in a size stand for, and whose shape says so;
 * "" when none is bound. */
static const char *sizes_text(struct instance *in, struct dim dim, const char *before) {
    const struct symbols *symbols = in->binder.symbols;
    for (int i = 0; i < MAX_DIM_SYMBOLS && dim.sym[i]; i++) {
        uint32_t k = dim.sym[i];
        const struct symbol *s = symbols_at(symbols, k);
        for (int t = 0; t < s->n_terms; t++) before = sizes_text(in, s->term[t], before);
        if (s->kind == SYMBOL_QUOTIENT) before = sizes_text(in, s->divisor, before);
        if (s->kind != SYMBOL_PLAIN || !s->name || in->binder.known.size[k] < 0) continue;
        const char *one = arena_printf(&in->scratch, "%s is %" PRId64, s->name,
                                       in->binder.known.size[k]);
        if (strstr(before, one)) continue;
        const struct node *from = in->binder.from[k];
        before = arena_printf(&in->scratch, "%s%s %s%s%s%s", before, *before ? "," : ":", one,
                              from ? " in `" : "", from ? node_word(from) : "", from ? "`" : "");
    }
    return before;
}

/* A size that the names in it make `is`, but which `must` be another, or no size at all. */
static bool refuse_size(struct instance *in, const struct node *n, struct dim dim, int axis,
                        int64_t is, int64_t must) {
    char text[SHAPE_TEXT];
    dim_print(text, sizeof text, in->binder.symbols, dim);
    const char *sizes = sizes_text(in, dim, "");
    const char *word = n->op->id == OP_slice ? "the slice"
                                             : arena_printf(&in->scratch, "`%s`", node_word(n));
    struct diag *d =
        is < 0 ? diag_error(in->diags, E_DIM_CONFLICT, instance_node_span(n),
                            "axis %d of %s cannot have %s elements%s", axis, word, text, sizes)
               : diag_error(in->diags, E_DIM_CONFLICT, instance_node_span(n),
                            "axis %d of %s must have %s = %" PRId64 " elements, but has %" PRId64
                            "%s",
                            axis, word, text, is, must, sizes);
    diag_trail(d, n->origin);
    if (in->demanded_at) diag_note(d, demand_span(in), "demanded here");
    return false;
}

static bool refuse_result(struct instance *in, const struct node *n, const struct node *copy,
                          int axis) {
    struct dim dim = n->shape.d[axis];
    const struct node *other = bind_source(&in->binder, dim);
    int64_t expected = -1;
    bool known = dim_evaluate(dim, &in->binder.known, &expected, NULL);
    char text[SHAPE_TEXT];
    struct diag *d;
    bool plain = dim.k == 1 && dim.sym[0] && !dim.sym[1] &&
                 symbols_at(in->binder.symbols, dim.sym[0])->kind == SYMBOL_PLAIN;
    if (known && other && (!plain || n->op->id == OP_slice))
        return refuse_size(in, n, dim, axis, expected, copy->shape.d[axis].k);
    if (other && expected >= 0)
        d = diag_error(in->diags, E_DIM_CONFLICT, instance_node_span(n),
                       "two sizes for `%s`: `%s` makes it %" PRId64 ", but it is %" PRId64 " in %s",
                       dim_print(text, sizeof text, in->binder.symbols, dim), node_word(n),
                       copy->shape.d[axis].k, expected, node_word(other));
    else
        d = diag_error(in->diags, E_DIM_CONFLICT, instance_node_span(n),
                       "`%s` is %s, but with these feeds it is %s", node_word(n),
                       instance_type_text(in, n->dtype, &n->shape),
                       instance_type_text(in, copy->dtype, &copy->shape));
    diag_trail(d, n->origin);
    if (in->demanded_at) diag_note(d, demand_span(in), "demanded here");
    return false;
}

/* The copy's shape must be what the script's node said; symbols that it alone knows are bound by
 * it. */
bool instance_bind_result(struct instance *in, const struct node *n, const struct node *copy) {
    if (n->shape.rank != copy->shape.rank || n->dtype != copy->dtype) {
        diag_error(in->diags, E_SHAPE, instance_node_span(n),
                   "`%s` is %s, but with these feeds it is %s", node_word(n),
                   instance_type_text(in, n->dtype, &n->shape),
                   instance_type_text(in, copy->dtype, &copy->shape));
        return false;
    }
    for (int k = 0; k < n->shape.rank; k++) {
        enum bind_result r = bind_dim(&in->binder, n->shape.d[k], copy->shape.d[k].k, n);
        if (r == BIND_CONFLICT || r == BIND_IMPOSSIBLE) return refuse_result(in, n, copy, k);
    }
    return true;
}

/* ---- copying ---- */

/* A leaf that stands for something of the session; not build_*, which would take the origin of
 * the demand. */
static struct node *copy_leaf(struct instance *in, const struct node *n,
                              const struct shape *shape) {
    struct node like = *n;
    like.shape = *shape;
    if (n->op->id == OP_placeholder) like.fallback = NULL;
    return graph_intern(&in->p->graph, &like);
}

static struct node *copy_fed(struct instance *in, const struct node *n, int f) {
    struct shape shape = tensor_shape(in->d->value[f]);
    shape.on_purpose = n->shape.on_purpose;
    struct build *b = &in->p->build;
    b->origin = n->origin;
    struct node *copy = build_placeholder(b, n->name, n->dtype, &shape, NULL);
    in->p->fed[f] = copy;
    return copy;
}

/* Puts sizes in the place of names. */
static enum outcome bind_setting(struct instance *in, const struct node *n, const struct shape *s,
                                 struct shape *to, uint32_t *unbound) {
    int bad;
    if (bind_shape(&in->binder, s, to, unbound, &bad)) return COPIED;
    if (*unbound) return WAITS;
    refuse_size(in, n, s->d[bad], bad, to->d[bad].k, -1);
    return FAILED;
}

/* What a rule refuses now passed when the line ran: its report, behind n_before others, says
 * what the names in it have become. */
static void note_sizes(struct instance *in, const struct node *n, int n_before) {
    const char *sizes = "";
    if (in->diags->list.n == n_before || !in->demanded_at) return;
    for (int k = 0; k < n->n_in; k++)
        for (int i = 0; i < n->in[k]->shape.rank; i++)
            sizes = sizes_text(in, n->in[k]->shape.d[i], sizes);
    diag_note(in->diags->list.at[n_before], demand_span(in), "demanded here%s", sizes);
}

enum outcome instance_append(struct instance *in, struct build *b, const struct node *n,
                             struct node **inputs, struct node **copy, uint32_t *unbound) {
    struct attr attr[MAX_SETTINGS];
    for (int k = 0; k < n->op->n_settings; k++) {
        attr[k] = n->attr[k];
        if (attr[k].kind != ATTR_SHAPE) continue;
        enum outcome bound = bind_setting(in, n, &n->attr[k].shape, &attr[k].shape, unbound);
        if (bound != COPIED) return bound;
    }
    b->origin = n->origin;
    b->spelling = n->spelling;
    if (n->op->id == OP_scan)
        return instance_append_scan(in, b, n, inputs, attr, copy, unbound);
    int n_before = in->diags->list.n;
    *copy = n->op->id == OP_scan_result
                ? build_scan_result(b, inputs[0], (int)n->attr[0].i)
                : build_op(b, n->op->id, inputs, n->n_in, attr, n->at, n->path);
    if (!*copy) note_sizes(in, n, n_before);
    return *copy ? COPIED : FAILED;
}

static enum outcome copy_call(struct instance *in, const struct node *n, struct node **copy,
                              uint32_t *unbound) {
    struct node *few[MAX_INPUTS], **inputs = few;
    if (n->n_in > MAX_INPUTS) inputs = arena_array(&in->scratch, struct node *, n->n_in);
    for (int k = 0; k < n->n_in; k++) {
        bool target = n->op->id == OP_assign && k == 0;
        inputs[k] = target ? copy_leaf(in, n->in[0], &n->in[0]->shape) : in->copy[n->in[k]->number];
        if (!inputs[k]) return *unbound = 0, WAITS;
    }
    return instance_append(in, &in->p->build, n, inputs, copy, unbound);
}

/* unbound: the symbol it waits for, or 0 when it waits for an input. */
static enum outcome copy_node(struct instance *in, int i, uint32_t *unbound) {
    struct node *n = in->need.at[i], *copy = NULL;
    struct build *b = &in->p->build;
    *unbound = 0;
    b->origin = n->origin;
    b->spelling = n->spelling;
    if (in->fed.at[i] >= 0) {
        copy = copy_fed(in, n, in->fed.at[i]);
    } else if (n == in->training) {
        copy = build_scalar(b, DTYPE_BOOL, in->d->training);
    } else if (n->op->id == OP_placeholder) {
        copy = in->copy[n->fallback->number];
        if (!copy) return WAITS;
    } else if (n->op->id == OP_custom_gradient) {
        copy = in->copy[n->in[0]->number];
        if (!copy) return WAITS;
    } else if (n->op->trait == OP_LEAF) {
        copy = copy_leaf(in, n, &n->shape);
    } else {
        enum outcome outcome = copy_call(in, n, &copy, unbound);
        if (outcome != COPIED) return outcome;
    }
    if (!instance_bind_result(in, n, copy)) return FAILED;
    if (!copy->name && copy->op->id != OP_constant) copy->name = n->name;
    in->copy[i] = copy;
    return COPIED;
}

static void report_unbound(struct instance *in, const struct node *n, uint32_t symbol) {
    const char *name = in->binder.symbols->list.at[symbol].name;
    struct diag *d = diag_error(in->diags, E_UNFED, instance_node_span(n),
                                "`%s` needs the size of `%s`, and nothing that is fed has it",
                                node_word(n), name ? name : "?");
    diag_trail(d, n->origin);
    if (in->demanded_at) diag_note(d, demand_span(in), "demanded here");
    if (name) diag_help(d, "feed a tensor that was declared with the dimension `%s`", name);
}

/* Copies in rounds: a node whose shape setting names a dimension that no feed has waits until
 * another node has bound it. One round does it but for such nodes. */
static bool copy_all(struct instance *in) {
    in->copy = arena_array(&in->scratch, struct node *, in->need.n);
    for (int left = in->need.n, before = left + 1; left && left < before;) {
        before = left;
        int waiting = -1;
        uint32_t symbol = 0, unbound;
        for (int i = 0; i < in->need.n; i++) {
            if (in->copy[i]) continue;
            enum outcome outcome = copy_node(in, i, &unbound);
            if (outcome == FAILED) return false;
            if (outcome == COPIED)
                left--;
            else if (unbound && waiting < 0)
                waiting = i, symbol = unbound;
        }
        if (left && left == before) return report_unbound(in, in->need.at[waiting], symbol), false;
    }
    return true;
}

static void program_init(struct program *p, struct arena *arena, const struct demand *d,
                         const struct build *source, struct diags *diags) {
    *p = (struct program){
        .arena = arena, .n_roots = d->n_roots, .n_fetch = d->n_fetch, .n_fed = d->n_fed};
    graph_init(&p->graph, arena);
    p->build = *source;
    p->build.graph = &p->graph;
    p->build.arena = arena;
    p->build.diags = diags;
    p->build.last_fault = NULL;
    p->roots = arena_array(arena, struct node *, d->n_roots);
    p->fed = arena_array(arena, struct node *, d->n_fed);
}

bool opt_instantiate(struct program *p, struct arena *arena, const struct demand *d,
                     const struct build *source, struct node *training_node, struct diags *diags,
                     const struct origin *demanded_at) {
    program_init(p, arena, d, source, diags);
    struct instance in = {
        .p = p,
        .d = d,
        .session = source->graph,
        .training = training_node,
        .demanded_at = demanded_at,
        .diags = diags,
    };
    bind_init(&in.binder, &in.scratch, source->symbols);
    find_needed(&in);
    bool ok = bind_feeds(&in);
    for (int i = 0; i < in.need.n; i++)
        if (is_unfed(&in, i)) report_unfed(&in, in.need.at[i]), ok = false;
    ok = ok && copy_all(&in);
    for (int r = 0; ok && r < d->n_roots; r++) p->roots[r] = in.copy[d->roots[r]->number];
    p->build.diags = NULL; /* what a pass tries and a rule refuses is nobody's error */
    p->build.origin = NULL;
    p->build.spelling = NULL;
    arena_free(&in.scratch);
    return ok;
}
