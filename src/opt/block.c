/* A convolution and what stands behind it become one node: conv2d, the addition of a bias over
 * channels, an activation, max_pool. Each of the last three may be missing, one must be there.
 *
 * The gradient of a pooled convolution's result is zero but at the winners of the windows. It comes
 * from max_pool_gradient and goes through elementwise ops that are linear in it (the activation's
 * gradient) to the gradients of bias, filter and image. All of these are rewritten: the linear ops
 * run on the pooled shape, where the convolution's result is the block's own (a winner's activation
 * is what the pooling gave), and the ends become a sum and the conv_block_*_gradient ops, which
 * take the winners' places. Whether an op is linear, and what its factors are made of, is read off the
 * graph, so it does not matter how the script wrote it, and any activation will do whose gradient
 * is found from its result.
 *
 * Everything or nothing: when something else needs a value of a size that would no longer exist,
 * the pooling stays as it is and only what stands before it is joined. `--dump=rewrites` says so.
 *
 * In: the graph before elementwise groups are made, which would hold the nodes in question. Keeps
 * values to the bit but for the order of sums in gradients. Not for: channels in groups. */
#include <string.h>

#include "opt/rewrite.h"

void opt_block(struct program *p);

enum { MOST_PLACES = 255 }; /* of a window: a winner's is a byte */

/* What becomes of a node. */
enum role {
    STAYS,
    VANISHES,    /* computed within the block only */
    BEFORE_POOL, /* the block's last op before pooling: becomes the block, */
    POOLED,      /* and so does the pooling */
    SCATTERED,   /* the max_pool_gradient: becomes the gradient of the pooled result */
    LINEAR,      /* elementwise, linear in those */
    FACTOR,      /* elementwise over BEFORE_POOL: what LINEAR nodes multiply by or choose by */
    END          /* a sum or a convolution's gradient of a LINEAR or SCATTERED node */
};

struct block {
    struct node *conv, *bias, *last, *pool; /* bias and pool: NULL when missing */
    const char *activation;
    struct node *made;
};

struct search {
    struct program *p;
    struct arena scratch;
    struct node_list order;  /* a node's number is its index */
    int *first_user, *users; /* [order.n + 1]: users of node i are users[first_user[i]..] */
    bool *is_root;
    enum role *role;
    struct block **block;  /* [order.n] whose role it has */
    struct node **became;
    bool *pending;         /* may have a role in the block being looked at */
    int *member, n_members; /* nodes with a role in it */
};

static void list_users(struct search *s) {
    int n = s->order.n, n_edges = 0;
    s->first_user = arena_array(&s->scratch, int, n + 2);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < s->order.at[i]->n_in; k++, n_edges++)
            s->first_user[s->order.at[i]->in[k]->number + 2]++;
    for (int i = 0; i < n; i++)
        s->first_user[i + 2] += s->first_user[i + 1];
    s->users = arena_array(&s->scratch, int, n_edges);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < s->order.at[i]->n_in; k++)
            s->users[s->first_user[s->order.at[i]->in[k]->number + 1]++] = i;
}

/* The one node that uses n, if it is one. */
static struct node *only_user(const struct search *s, const struct node *n) {
    int first = s->first_user[n->number], end = s->first_user[n->number + 1];
    return !s->is_root[n->number] && end == first + 1 ? s->order.at[s->users[first]] : NULL;
}

/* x + b with one b for each of x's channels, which the last axis counts: b, else NULL. */
static struct node *bias_of(const struct node *add, const struct node *x) {
    if (!add || add->op->id != OP_add || !shape_same(&add->shape, &x->shape))
        return NULL;
    struct node *b = add->in[0] == x ? add->in[1] : add->in[0];
    int64_t channels = x->shape.d[3].k;
    bool fits = b->shape.rank >= 1 && b->shape.d[b->shape.rank - 1].k == channels &&
                shape_n_elements(&b->shape) == channels;
    return fits ? b : NULL;
}

static bool is_activation(const struct node *n) {
    return n && (n->op->id == OP_relu || n->op->id == OP_tanh || n->op->id == OP_sigmoid);
}

/* The max_pool that reads n, if it is one. */
static struct node *pool_of(const struct search *s, const struct node *n) {
    struct node *pool = NULL;
    for (int u = s->first_user[n->number]; u < s->first_user[n->number + 1]; u++) {
        struct node *user = s->order.at[s->users[u]];
        if (user->op->id == OP_max_pool && pool)
            return NULL;
        if (user->op->id == OP_max_pool)
            pool = user;
    }
    return pool;
}

static bool same_settings(const struct node *a, const struct node *b) {
    for (int i = 0; i < 2; i++)
        if (a->attr[i].ints.v[0] != b->attr[i].ints.v[0] ||
            a->attr[i].ints.v[1] != b->attr[i].ints.v[1])
            return false;
    const struct attr *x = &a->attr[2], *y = &b->attr[2];
    if (x->kind != y->kind || x->kind != ATTR_PAIRS)
        return x->kind == y->kind && x->s == y->s;
    return memcmp(x->ints.v, y->ints.v, 4 * sizeof *x->ints.v) == 0;
}

/* The same at every position of an image: it stretches to the pooled shape as to that before. */
static bool is_even(const struct node *n) {
    const struct shape *s = &n->shape;
    double value;
    return ((s->rank < 2 || s->d[s->rank - 2].k == 1) &&
            (s->rank < 3 || s->d[s->rank - 3].k == 1)) ||
           rewrite_is_uniform(n, &value);
}

static bool is_gradient(enum role r) { return r == SCATTERED || r == LINEAR; }

/* The role of input k of a node in the block looked at. */
static enum role role_of_input(const struct search *s, const struct block *b, const struct node *n,
                               int k) {
    int in = n->in[k]->number;
    return s->block[in] == b ? s->role[in] : STAYS;
}

/* An elementwise node with an input that is zero but at winners: whether it is linear in it. */
static bool is_linear(const struct search *s, const struct block *b, const struct node *n) {
    bool of[3] = {false};
    for (int k = 0; k < n->n_in && k < 3; k++)
        of[k] = is_gradient(role_of_input(s, b, n, k));
    switch (n->op->id) {
    case OP_neg:
        return true;
    case OP_cast:
        return dtype_is_float(n->dtype);
    case OP_add:
    case OP_sub:
        return of[0] && of[1];
    case OP_mul:
        return of[0] != of[1];
    case OP_div:
        return !of[1];
    case OP_where:
        return !of[0] && (of[1] || rewrite_is(n->in[1], 0)) && (of[2] || rewrite_is(n->in[2], 0));
    default:
        return false;
    }
}

static enum role elementwise_role(const struct search *s, const struct block *b,
                                  const struct node *n) {
    bool gradient = false;
    if (!shape_same(&n->shape, &b->last->shape))
        return STAYS;
    for (int k = 0; k < n->n_in; k++) {
        enum role r = role_of_input(s, b, n, k);
        gradient |= is_gradient(r);
        if (!is_gradient(r) && r != BEFORE_POOL && r != FACTOR && !is_even(n->in[k]))
            return STAYS;
    }
    if (!gradient)
        return FACTOR;
    return is_linear(s, b, n) ? LINEAR : STAYS;
}

/* A sum over the positions of an image at least. */
static bool sums_positions(const struct node *n) {
    const struct attr *axes = &n->attr[0];
    bool rows = axes->ints.n < 0, columns = rows;
    for (int i = 0; i < axes->ints.n; i++) {
        rows |= axes->ints.v[i] == 1;
        columns |= axes->ints.v[i] == 2;
    }
    return rows && columns;
}

static enum role role_in(const struct search *s, const struct block *b, const struct node *n) {
    if (n == b->pool)
        return POOLED;
    switch (n->op->id) {
    case OP_max_pool_gradient:
        return n->in[0] == b->last && n->in[1] == b->pool && same_settings(n, b->pool) ? SCATTERED
                                                                                       : STAYS;
    case OP_sum:
        return is_gradient(role_of_input(s, b, n, 0)) && sums_positions(n) ? END : STAYS;
    case OP_conv2d_input_gradient:
        return is_gradient(role_of_input(s, b, n, 0)) && n->attr[4].i == 1 ? END : STAYS;
    case OP_conv2d_filter_gradient:
        return is_gradient(role_of_input(s, b, n, 1)) && n->attr[4].i == 1 &&
                       role_of_input(s, b, n, 0) == STAYS
                   ? END
                   : STAYS;
    default:
        return n->op->trait == OP_ELEMENTWISE ? elementwise_role(s, b, n) : STAYS;
    }
}

static void take(struct search *s, struct block *b, const struct node *n, enum role role) {
    s->role[n->number] = role;
    s->block[n->number] = b;
    s->member[s->n_members++] = n->number;
}

/* The last op before the pooling, and from there on all that the block would change: in order, so
 * that a node comes after its inputs. */
static void take_around_pool(struct search *s, struct block *b) {
    int end = b->last->number;
    take(s, b, b->last, BEFORE_POOL);
    for (int i = end; i <= end; i++) {
        if (i != b->last->number) {
            bool open = s->pending[i] && !s->block[i];
            enum role role = open ? role_in(s, b, s->order.at[i]) : STAYS;
            s->pending[i] = false;
            if (role == STAYS)
                continue;
            take(s, b, s->order.at[i], role);
            if (role == POOLED || role == END)
                continue;
        }
        for (int u = s->first_user[i]; u < s->first_user[i + 1]; u++) {
            s->pending[s->users[u]] = true;
            if (s->users[u] > end)
                end = s->users[u];
        }
    }
}

/* A node outside that needs a value which the block would not have; NULL: there is none. */
static const struct node *find_stranger(const struct search *s, const struct block *b) {
    for (int m = 0; m < s->n_members; m++) {
        int i = s->member[m];
        if (s->role[i] == POOLED || s->role[i] == END)
            continue;
        if (s->is_root[i])
            return s->order.at[i];
        for (int u = s->first_user[i]; u < s->first_user[i + 1]; u++)
            if (s->block[s->users[u]] != b)
                return s->order.at[s->users[u]];
    }
    return NULL;
}

static void note(struct search *s, const struct node *at, const char *text) {
    struct rewrite done = {text, at->origin};
    if (s->p->lists_rewrites)
        array_push(s->p->arena, &s->p->rewrites, done);
}

/* Takes the pooling into the block, if nobody needs what stands before it. */
static bool take_pool(struct search *s, struct block *b) {
    int64_t places = b->pool->attr[0].ints.v[0] * b->pool->attr[0].ints.v[1];
    s->n_members = 0;
    if (places > MOST_PLACES) {
        note(s, b->pool, "max_pool stays: windows of more than 255 places");
        return false;
    }
    take_around_pool(s, b);
    const struct node *stranger = find_stranger(s, b);
    if (!stranger)
        return true;
    const char *text = "max_pool stays: what it pools is asked for itself";
    if (s->block[stranger->number] != b)
        text = arena_printf(s->p->arena, "max_pool stays: what it pools is needed by %s",
                            stranger->op->name);
    for (int m = 0; m < s->n_members; m++) {
        s->role[s->member[m]] = STAYS;
        s->block[s->member[m]] = NULL;
    }
    note(s, b->pool, text);
    return false;
}

static void note_block(struct search *s, const struct block *b) {
    bool acts = strcmp(b->activation, "none") != 0;
    note(s, b->conv,
         arena_printf(s->p->arena, "conv2d%s%s%s%s -> conv_block", b->bias ? ", add" : "",
                      acts ? ", " : "", acts ? b->activation : "", b->pool ? ", max_pool" : ""));
}

/* The block that begins at n, if there is one. */
static void find_block(struct search *s, struct node *n) {
    struct block *b = arena_new(&s->scratch, struct block);
    *b = (struct block){.conv = n, .last = n, .activation = "none"};
    if (n->attr[3].i != 1) {
        note(s, n, "conv2d stays: its channels are in groups");
        return;
    }
    struct node *user = only_user(s, n);
    b->bias = bias_of(user, n);
    if (b->bias)
        b->last = user;
    user = only_user(s, b->last);
    if (is_activation(user)) {
        b->activation = user->op->name;
        b->last = user;
    }
    b->pool = pool_of(s, b->last);
    if (b->pool && !take_pool(s, b))
        b->pool = NULL;
    if (b->last == n && !b->pool)
        return;
    for (struct node *x = n; x != b->last; x = only_user(s, x)) {
        s->role[x->number] = VANISHES;
        s->block[x->number] = b;
    }
    s->role[b->last->number] = BEFORE_POOL;
    s->block[b->last->number] = b;
    note_block(s, b);
}

static struct attr text_setting(struct search *s, const char *text) {
    return (struct attr){.kind = ATTR_STRING,
                         .s = intern_text(s->p->build.names, text, strlen(text))};
}

static struct node *make_block(struct search *s, struct block *b) {
    struct build *build = &s->p->build;
    const struct node *conv = b->conv;
    const struct attr one = {.kind = ATTR_INTS, .ints = {.n = 2, .v = {1, 1}}};
    struct attr attr[8] = {conv->attr[0], conv->attr[1], conv->attr[2], conv->attr[3],
                           one,           one,           {0},           {0}};
    if (b->pool)
        memcpy(attr + 4, b->pool->attr, 3 * sizeof *attr);
    else
        attr[6] = text_setting(s, "VALID");
    attr[7] = text_setting(s, b->activation);
    build->origin = conv->origin;
    struct node *in[3] = {s->became[conv->in[0]->number], s->became[conv->in[1]->number]};
    if (b->bias) {
        struct shape channels = {.rank = 1, .d = {conv->shape.d[3]}};
        in[2] = build_reshape(build, s->became[b->bias->number], &channels);
    }
    b->made = build_op(build, OP_conv_block, in, b->bias ? 3 : 2, attr, NULL, NULL);
    if (!b->made->name)
        b->made->name = b->pool ? b->pool->name : b->last->name;
    return b->made;
}

/* A LINEAR or FACTOR node, or a sum, over the pooled shape. */
static struct node *make_pooled(struct search *s, const struct block *b, const struct node *n) {
    struct node *in[MAX_INPUTS];
    for (int k = 0; k < n->n_in; k++) {
        double value;
        in[k] = s->became[n->in[k]->number];
        if (role_of_input(s, b, n, k) == STAYS && rewrite_is_uniform(n->in[k], &value))
            in[k] = build_scalar(&s->p->build, n->in[k]->dtype, value);
    }
    return build_op(&s->p->build, n->op->id, in, n->n_in, n->attr, NULL, NULL);
}

static struct node *make_end(struct search *s, const struct block *b, const struct node *n) {
    if (n->op->id == OP_sum)
        return make_pooled(s, b, n);
    bool of_filter = n->op->id == OP_conv2d_filter_gradient;
    struct attr attr[8];
    memcpy(attr, n->attr, 5 * sizeof *attr);
    memcpy(attr + 5, b->pool->attr, 3 * sizeof *attr);
    struct node *winner =
        build_result(&s->p->build, b->made, 1, DTYPE_U8, &b->made->shape);
    struct node *x = s->became[n->in[0]->number], *y = s->became[n->in[1]->number];
    struct node *in[3] = {x, of_filter ? y : winner, of_filter ? winner : y};
    return build_op(&s->p->build,
                    of_filter ? OP_conv_block_filter_gradient : OP_conv_block_input_gradient, in, 3,
                    attr, NULL, NULL);
}

static struct node *copy(struct search *s, struct node *n) {
    bool moved = false;
    struct node **in = arena_array(&s->scratch, struct node *, n->n_in);
    for (int k = 0; k < n->n_in; k++) {
        in[k] = s->became[n->in[k]->number];
        moved |= in[k] != n->in[k];
    }
    return moved ? rewrite_inputs(s->p, n, in) : n;
}

static struct node *replacement(struct search *s, struct node *n) {
    struct block *b = s->block[n->number];
    s->p->build.origin = n->origin;
    switch (s->role[n->number]) {
    case STAYS:
        return copy(s, n);
    case VANISHES:
        return NULL;
    case BEFORE_POOL:
        return make_block(s, b);
    case POOLED:
        return b->made;
    case SCATTERED:
        return s->became[n->in[2]->number];
    case LINEAR:
    case FACTOR:
        return make_pooled(s, b, n);
    case END:
        return make_end(s, b, n);
    }
    return NULL;
}

void opt_block(struct program *p) {
    struct search s = {.p = p};
    s.order = graph_order(&p->graph, &s.scratch, p->roots, p->n_roots, NULL, NULL);
    int n = s.order.n;
    bool any = false;
    for (int i = 0; i < n; i++) {
        s.order.at[i]->number = i;
        any |= s.order.at[i]->op->id == OP_conv2d;
    }
    if (any) {
        s.is_root = arena_array(&s.scratch, bool, n);
        s.pending = arena_array(&s.scratch, bool, n);
        s.member = arena_array(&s.scratch, int, n);
        s.role = arena_array(&s.scratch, enum role, n);
        s.block = arena_array(&s.scratch, struct block *, n);
        s.became = arena_array(&s.scratch, struct node *, n);
        for (int r = 0; r < p->n_roots; r++)
            s.is_root[p->roots[r]->number] = true;
        list_users(&s);
        for (int i = 0; i < n; i++)
            if (s.order.at[i]->op->id == OP_conv2d)
                find_block(&s, s.order.at[i]);
        for (int i = 0; i < n; i++)
            s.became[i] = replacement(&s, s.order.at[i]);
        for (int r = 0; r < p->n_roots; r++)
            p->roots[r] = s.became[p->roots[r]->number];
        p->build.origin = NULL;
    }
    arena_free(&s.scratch);
}
