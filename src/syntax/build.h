/* Making nodes: what the actions of grammar/nn.y call. A node covers all of its text; names are
 * interned, numbers read, escapes resolved, doc comments attached here. A literal that cannot be
 * read is reported and a harmless one stands in its place, so that one slip gives one message.
 *
 * Not for: users of the tree, who need ast.h only. */
#ifndef NN_SYNTAX_BUILD_H
#define NN_SYNTAX_BUILD_H

#include "syntax/ast.h"
#include "syntax/parse.h"
#include "syntax/token.h"

/* Operations nested or chained more deeply are refused: everything that walks a tree recurses. */
enum { MAX_TREE_HEIGHT = 1000 };

struct builder {
    struct parse_context *c;
    uint32_t source;
    const char *text;
    const struct token_list *list; /* for doc comments */
    struct ast *tree;              /* set by build_script */
    bool rejected, accepted;       /* set by the generated parser */
    bool too_high;                 /* a node above MAX_TREE_HEIGHT was made, and reported */
    bool failed;                   /* something was reported */
};

/* A list under construction, in the unit's arena; it becomes some node's kids as it is. */
struct ast_list {
    struct ast **at;
    int n, cap;
};

static inline struct ast_list list_empty(void) { return (struct ast_list){0}; }

/* The list with one more; a NULL (a statement left out) is not added, nor is what is too high. */
struct ast_list list_push(struct builder *b, struct ast_list list, struct ast *node);

struct span token_span(const struct builder *b, struct token t);

/* An error of the builder or the driver: remembers that there was one. */
struct diag *build_error(struct builder *b, enum diag_code code, struct span at, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

void build_script(struct builder *b, struct ast_list statements);

/* A node without children, of one token. */
struct ast *build_leaf(struct builder *b, enum ast_kind kind, struct token t);
struct ast *build_int(struct builder *b, struct token t);
struct ast *build_float(struct builder *b, struct token t);
struct ast *build_bool(struct builder *b, struct token t, bool value);
/* A name being bound, and one being used as a value. */
struct ast *build_name(struct builder *b, struct token t);
struct ast *build_value_name(struct builder *b, struct token t);

/* n children, from the keyword to the end of the last one. */
struct ast *build_from(struct builder *b, enum ast_kind kind, struct token keyword, int n, ...);
/* The same with a name; a definition also gets its doc comment. */
struct ast *build_named(struct builder *b, enum ast_kind kind, struct token keyword,
                        struct token name, int n, ...);
/* The list, between two brackets. */
struct ast *build_list(struct builder *b, enum ast_kind kind, struct token open,
                       struct ast_list list, struct token close);

struct ast *build_binary(struct builder *b, enum ast_kind kind, struct ast *left, struct token op,
                         struct ast *right);
struct ast *build_unary(struct builder *b, struct token op, struct ast *operand);
struct ast *build_parens(struct builder *b, struct token open, struct ast *inside,
                         struct token close);

/* The thing, then the list, to the closing bracket. */
struct ast *build_applied(struct builder *b, enum ast_kind kind, struct ast *to,
                          struct ast_list list, struct token close);
struct ast *build_call(struct builder *b, struct ast *callee, struct ast_list args,
                       struct token close);
struct ast *build_get(struct builder *b, struct ast *object, struct token field);
/* `name = value` of a call, `name: value` of a record. */
struct ast *build_word(struct builder *b, enum ast_kind kind, struct token name, struct ast *value);
/* first and second are the colons; with one colon, the same, and step NULL. */
struct ast *build_slice(struct builder *b, struct ast *low, struct token first, struct ast *high,
                        struct token second, struct ast *step);

/* A string: `t` when parts is empty (no interpolations), else its parts and then its end. */
struct ast *build_string(struct builder *b, struct token t, struct ast_list parts,
                         struct token end);
struct ast_list build_parts(struct builder *b, struct ast_list parts, struct token text,
                            struct ast *part);
struct ast *build_part(struct builder *b, struct ast *value, const struct token *format);

struct ast *build_type(struct builder *b, struct token name, struct ast_list dims,
                       const struct token *close);
struct ast *build_assign(struct builder *b, struct ast_list targets, struct ast *value);
struct ast *build_targets(struct builder *b, struct ast_list targets);
struct ast *build_update(struct builder *b, struct token name, struct ast *value);
struct ast *build_role(struct builder *b, struct token keyword, struct token name,
                       struct ast *value);
struct ast *build_definition(struct builder *b, struct token keyword, struct token name,
                             struct ast *settings, struct ast *inputs, struct ast *body);
/* The node with `, name = value` options as further children. */
struct ast *build_options(struct builder *b, struct ast *node, struct ast_list options);
struct ast *build_import(struct builder *b, struct token keyword, struct token path,
                         struct ast *name);

/* Literals (literal.c). */
int64_t literal_int(struct builder *b, struct token t);
double literal_float(struct builder *b, struct token t);
/* The bytes of text[offset..offset + length) with escapes resolved, in the arena; *n of them. */
const char *literal_bytes(struct builder *b, uint32_t offset, uint32_t length, uint32_t *n);

/* The doc comment of a definition whose text is `at`, or NULL: the block of comment lines directly
 * above, or the comment at the end of its first line. trailing_first: which of the two wins.
 * (doc.c) */
const char *doc_comment(struct builder *b, struct span at, bool trailing_first);

#endif
