/* Makes the nodes of the tree; see build.h. Every node passes through finish(), where its height is
 * settled: a tree too high to walk is reported there, once, and the statement
 * is left out. */
#include "syntax/build.h"

#include <string.h>

#include "nn.h"

/* A suggestion that repeats the script's text repeats no more than this. */
enum { MAX_QUOTED = 60 };

struct span token_span(const struct builder *b, struct token t) {
    return (struct span){.source = b->source, .offset = t.offset, .length = t.length};
}

struct diag *build_error(struct builder *b, enum diag_code code, struct span at, const char *format,
                         ...) {
    b->failed = true;
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(b->c->arena, format, args);
    va_end(args);
    return diag_error(b->c->diags, code, at, "%s", message);
}

struct ast_list list_push(struct builder *b, struct ast_list list, struct ast *node) {
    if (node && node->height <= MAX_TREE_HEIGHT) {
        if (list.n == list.cap) {
            /* Most lists are short: the first few elements cost no more room than they need. */
            int cap = list.cap == 0 ? 2 : list.cap * 2;
            struct ast **grown = arena_array(b->c->arena, struct ast *, cap);
            if (list.n > 0)
                memcpy(grown, list.at, (size_t)list.n * sizeof *grown);
            list.at = grown;
            list.cap = cap;
        }
        list.at[list.n++] = node;
    }
    return list;
}

/* A call, operator or index with `_` directly among its operands is a function of one argument. */
static bool has_hole(const struct ast *e) {
    switch (e->kind) {
    case AST_CALL:
    case AST_BINARY:
    case AST_UNARY:
    case AST_INDEX:
    case AST_GET:
        break;
    default:
        return false;
    }
    for (int i = 0; i < e->n_kids; i++) {
        const struct ast *kid = e->kids[i];
        if (kid && kid->kind == AST_KWARG)
            kid = kid->kids[0];
        if (kid && kid->kind == AST_HOLE)
            return true;
    }
    return false;
}

static struct ast *finish(struct builder *b, struct ast *node) {
    uint32_t height = 0;
    for (int i = 0; i < node->n_kids; i++)
        if (node->kids[i] && node->kids[i]->height > height)
            height = node->kids[i]->height;
    node->height = height + 1;
    node->has_hole = has_hole(node);
    if (node->height > MAX_TREE_HEIGHT && !b->too_high) {
        b->too_high = true;
        struct span end = {b->source, node->span.offset + node->span.length - 1, 1};
        struct diag *d =
            build_error(b, E_TOO_DEEP, end, "more than %d operations are chained or nested here",
                        MAX_TREE_HEIGHT);
        diag_help(d, "give parts of it names, in statements of their own");
    }
    return node;
}

static struct ast *make(struct builder *b, enum ast_kind kind, struct span span, int n_kids) {
    struct ast *node = arena_new(b->c->arena, struct ast);
    node->kind = kind;
    node->span = span;
    node->n_kids = n_kids;
    if (n_kids > 0)
        node->kids = arena_array(b->c->arena, struct ast *, n_kids);
    return node;
}

static void set_text(struct builder *b, struct ast *node, struct token t) {
    node->text = intern_text(b->c->names, b->text + t.offset, t.length);
    node->n_text = t.length;
    node->name_at = token_span(b, t);
}

/* From the token to the end of the last child there is. */
static struct ast *make_from(struct builder *b, enum ast_kind kind, struct token first, int n,
                             va_list kids) {
    struct ast *node = make(b, kind, token_span(b, first), n);
    for (int i = 0; i < n; i++) {
        node->kids[i] = va_arg(kids, struct ast *);
        if (node->kids[i])
            node->span = span_cover(node->span, node->kids[i]->span);
    }
    return node;
}

/* The kinds whose doc comment is the one beside them, if there is one; and those that have the
 * comment above before it. */
static bool is_declaration(enum ast_kind kind) {
    return kind == AST_SETTING || kind == AST_PLACEHOLDER || kind == AST_VARIABLE ||
           kind == AST_STATE || kind == AST_ROLE;
}

static bool is_definition(enum ast_kind kind) {
    return kind == AST_FN || kind == AST_LAYER_DEF || kind == AST_LOSS_DEF ||
           kind == AST_METRIC_DEF || kind == AST_OPTIMIZER_DEF || kind == AST_TRANSFORM_DEF ||
           kind == AST_GRADIENT_DEF;
}

void build_script(struct builder *b, struct ast_list statements) {
    struct span all = {b->source, 0, b->c->sources->at[b->source].n_bytes};
    struct ast *node = make(b, AST_SCRIPT, all, 0);
    node->n_kids = statements.n;
    node->kids = statements.at;
    b->tree = finish(b, node);
}

struct ast *build_leaf(struct builder *b, enum ast_kind kind, struct token t) {
    return finish(b, make(b, kind, token_span(b, t), 0));
}

struct ast *build_int(struct builder *b, struct token t) {
    struct ast *node = build_leaf(b, AST_INT, t);
    node->i = literal_int(b, t);
    return node;
}

struct ast *build_float(struct builder *b, struct token t) {
    struct ast *node = build_leaf(b, AST_FLOAT, t);
    node->f = literal_float(b, t);
    return node;
}

struct ast *build_bool(struct builder *b, struct token t, bool value) {
    struct ast *node = build_leaf(b, AST_BOOL, t);
    node->i = value;
    return node;
}

struct ast *build_name(struct builder *b, struct token t) {
    struct ast *node = build_leaf(b, AST_NAME, t);
    set_text(b, node, t);
    return node;
}

struct ast *build_value_name(struct builder *b, struct token t) {
    static const char *const pythons[][2] = {
        {"None", "none"}, {"True", "true"}, {"False", "false"}};
    struct ast *node = build_name(b, t);
    for (size_t i = 0; i < sizeof pythons / sizeof *pythons; i++)
        if (strcmp(node->text, pythons[i][0]) == 0)
            build_error(b, E_SYNTAX, node->span, "`%s` is written `%s` here", pythons[i][0],
                        pythons[i][1]);
    return node;
}

struct ast *build_from(struct builder *b, enum ast_kind kind, struct token keyword, int n, ...) {
    va_list kids;
    va_start(kids, n);
    struct ast *node = make_from(b, kind, keyword, n, kids);
    va_end(kids);
    return finish(b, node);
}

struct ast *build_named(struct builder *b, enum ast_kind kind, struct token keyword,
                        struct token name, int n, ...) {
    va_list kids;
    va_start(kids, n);
    struct ast *node = make_from(b, kind, keyword, n, kids);
    va_end(kids);
    set_text(b, node, name);
    if (is_declaration(kind) || is_definition(kind))
        node->doc = doc_comment(b, node->span, is_declaration(kind));
    return finish(b, node);
}

struct ast *build_list(struct builder *b, enum ast_kind kind, struct token open,
                       struct ast_list list, struct token close) {
    struct ast *node = make(b, kind, span_cover(token_span(b, open), token_span(b, close)), 0);
    node->n_kids = list.n;
    node->kids = list.at;
    return finish(b, node);
}

/* A comparison of a comparison, without parentheses (they would make the left one begin before its
 * operand). */
static void check_chain(struct builder *b, const struct ast *left, struct token op,
                        const struct ast *right) {
    static const char *const comparisons[] = {"==", "!=", "<", "<=", ">", ">="};
    if (op.kind < TK_EQ || op.kind > TK_GE || left->kind != AST_BINARY ||
        left->span.offset < left->kids[0]->span.offset)
        return;
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        if (strcmp(left->text, comparisons[i]) != 0)
            continue;
        struct diag *d = build_error(b, E_SYNTAX, token_span(b, op), "comparisons do not chain");
        struct span middle = left->kids[1]->span, whole = span_cover(left->span, right->span);
        if (whole.length <= MAX_QUOTED)
            diag_help(d, "did you mean `%.*s and %.*s %.*s %.*s`?", (int)left->span.length,
                      b->text + left->span.offset, (int)middle.length, b->text + middle.offset,
                      (int)op.length, b->text + op.offset, (int)right->span.length,
                      b->text + right->span.offset);
        return;
    }
}

struct ast *build_binary(struct builder *b, enum ast_kind kind, struct ast *left, struct token op,
                         struct ast *right) {
    struct ast *node = make(b, kind, span_cover(left->span, right->span), 2);
    node->kids[0] = left;
    node->kids[1] = right;
    check_chain(b, left, op, right);
    node->name_at = token_span(b, op);
    if (kind == AST_BINARY)
        set_text(b, node, op);
    return finish(b, node);
}

struct ast *build_unary(struct builder *b, struct token op, struct ast *operand) {
    struct ast *node = build_from(b, AST_UNARY, op, 1, operand);
    set_text(b, node, op);
    return node;
}

/* Parentheses leave no node; what they hold covers them, so that its span and its parents' are
 * whole. */
struct ast *build_parens(struct builder *b, struct token open, struct ast *inside,
                         struct token close) {
    inside->span = span_cover(token_span(b, open), token_span(b, close));
    return inside;
}

struct ast *build_applied(struct builder *b, enum ast_kind kind, struct ast *to,
                          struct ast_list list, struct token close) {
    struct ast *node = make(b, kind, span_cover(to->span, token_span(b, close)), list.n + 1);
    node->kids[0] = to;
    if (list.n > 0)
        memcpy(node->kids + 1, list.at, (size_t)list.n * sizeof *list.at);
    return finish(b, node);
}

/* `feed_dict=` is what a graph's `.run` takes elsewhere, and never right here. */
static void check_feed(struct builder *b, const struct ast *callee, const struct ast *arg) {
    if (callee->kind != AST_GET || strcmp(arg->text, "feed_dict") != 0)
        return;
    if (strcmp(callee->text, "run") == 0 || strcmp(callee->text, "eval") == 0) {
        struct diag *d = build_error(b, E_UNKNOWN_ARGUMENT, arg->name_at,
                                     "`.%s` does not take `feed_dict`", callee->text);
        diag_help(d, "feed each placeholder by its name: `.%s(x=images, y_=labels)`", callee->text);
    }
}

struct ast *build_call(struct builder *b, struct ast *callee, struct ast_list args,
                       struct token close) {
    const struct ast *keyword = NULL;
    for (int i = 0; i < args.n; i++) {
        const struct ast *arg = args.at[i];
        if (arg->kind == AST_KWARG) {
            keyword = arg;
            check_feed(b, callee, arg);
        } else if (keyword) {
            struct diag *d = build_error(b, E_SYNTAX, arg->span,
                                         "a positional argument cannot follow a named one");
            diag_help(d, "give it before `%s=`, or by its name", keyword->text);
            break;
        }
    }
    return build_applied(b, AST_CALL, callee, args, close);
}

struct ast *build_get(struct builder *b, struct ast *object, struct token field) {
    struct ast *node = make(b, AST_GET, span_cover(object->span, token_span(b, field)), 1);
    node->kids[0] = object;
    set_text(b, node, field);
    return finish(b, node);
}

struct ast *build_word(struct builder *b, enum ast_kind kind, struct token name,
                       struct ast *value) {
    struct ast *node = build_from(b, kind, name, 1, value);
    set_text(b, node, name);
    return node;
}

struct ast *build_slice(struct builder *b, struct ast *low, struct token first, struct ast *high,
                        struct token second, struct ast *step) {
    struct span span = span_cover(token_span(b, first), token_span(b, second));
    struct ast *node = make(b, AST_SLICE, span, 3);
    struct ast *const parts[3] = {low, high, step};
    for (int i = 0; i < 3; i++) {
        node->kids[i] = parts[i];
        if (parts[i])
            node->span = span_cover(node->span, parts[i]->span);
    }
    return finish(b, node);
}

/* The characters of a string's slice: without the quote or brace at either end. */
static struct ast_list push_text(struct builder *b, struct ast_list parts, struct token t) {
    if (t.length <= 2)
        return parts;
    struct span inside = {b->source, t.offset + 1, t.length - 2};
    struct ast *node = make(b, AST_TEXT, inside, 0);
    node->text = literal_bytes(b, inside.offset, inside.length, &node->n_text);
    return list_push(b, parts, finish(b, node));
}

struct ast *build_string(struct builder *b, struct token t, struct ast_list parts,
                         struct token end) {
    struct token open = t;
    if (parts.n > 0)
        open.offset = parts.at[0]->kind == AST_TEXT ? parts.at[0]->span.offset - 1
                                                    : parts.at[0]->span.offset - 2;
    open.length = 1;
    parts = push_text(b, parts, end);
    return build_list(b, AST_STRING, open, parts, end);
}

struct ast_list build_parts(struct builder *b, struct ast_list parts, struct token text,
                            struct ast *part) {
    parts = push_text(b, parts, text);
    /* The interpolation begins after the brace that ends the text; blanks may stand before the
     * expression. */
    struct span brace = {b->source, text.offset + text.length, 0};
    part->span = span_cover(brace, part->span);
    return list_push(b, parts, part);
}

struct ast *build_part(struct builder *b, struct ast *value, const struct token *format) {
    struct ast *node = make(b, AST_INTERP, value->span, 1);
    node->kids[0] = value;
    if (format) {
        node->span = span_cover(value->span, token_span(b, *format));
        set_text(b, node, (struct token){format->offset + 1, format->length - 1, 0});
    }
    return finish(b, node);
}

struct ast *build_type(struct builder *b, struct token name, struct ast_list dims,
                       const struct token *close) {
    struct ast *node = build_list(b, AST_TYPE, name, dims, close ? *close : name);
    set_text(b, node, name);
    node->i = close != NULL;
    return node;
}

struct ast *build_assign(struct builder *b, struct ast_list targets, struct ast *value) {
    struct ast_list kids = list_push(b, targets, value);
    struct ast *node = make(b, AST_ASSIGN, span_cover(kids.at[0]->span, value->span), 0);
    node->n_kids = kids.n;
    node->kids = kids.at;
    return finish(b, node);
}

struct ast *build_targets(struct builder *b, struct ast_list targets) {
    if (targets.n == 1)
        return targets.at[0];
    struct span span = span_cover(targets.at[0]->span, targets.at[targets.n - 1]->span);
    struct ast *node = make(b, AST_PARAMS, span, 0);
    node->n_kids = targets.n;
    node->kids = targets.at;
    return finish(b, node);
}

struct ast *build_update(struct builder *b, struct token name, struct ast *value) {
    return build_word(b, AST_UPDATE, name, value);
}

struct ast *build_role(struct builder *b, struct token keyword, struct token name,
                       struct ast *value) {
    struct ast *node = build_from(b, AST_ROLE, keyword, 2, build_name(b, name), value);
    set_text(b, node, keyword);
    node->doc = doc_comment(b, node->span, true);
    return node;
}

struct ast *build_definition(struct builder *b, struct token keyword, struct token name,
                             struct ast *settings, struct ast *inputs, struct ast *body) {
    enum ast_kind kind = keyword.kind == TK_LOSS        ? AST_LOSS_DEF
                         : keyword.kind == TK_METRIC    ? AST_METRIC_DEF
                         : keyword.kind == TK_OPTIMIZER ? AST_OPTIMIZER_DEF
                                                        : AST_TRANSFORM_DEF;
    return build_named(b, kind, keyword, name, 3, settings, inputs, body);
}

struct ast *build_options(struct builder *b, struct ast *node, struct ast_list options) {
    if (options.n == 0)
        return node;
    struct ast **kids = arena_array(b->c->arena, struct ast *, node->n_kids + options.n);
    memcpy(kids, node->kids, (size_t)node->n_kids * sizeof *kids);
    memcpy(kids + node->n_kids, options.at, (size_t)options.n * sizeof *kids);
    node->kids = kids;
    node->n_kids += options.n;
    node->span = span_cover(node->span, options.at[options.n - 1]->span);
    node->doc = doc_comment(b, node->span, is_declaration(node->kind));
    return finish(b, node);
}

struct ast *build_import(struct builder *b, struct token keyword, struct token path,
                         struct ast *name) {
    struct ast *node = make(b, AST_IMPORT, token_span(b, keyword), 1);
    uint32_t n;
    const char *bytes = literal_bytes(b, path.offset + 1, path.length - 2, &n);
    node->text = intern_text(b->c->names, bytes, n);
    node->n_text = n;
    node->name_at = token_span(b, path);
    node->kids[0] = name;
    node->span = span_cover(node->span, name ? name->span : node->name_at);
    return finish(b, node);
}
