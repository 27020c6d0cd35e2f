/* The op table made of ops.def: each row's signature is taken apart here, once a session.
 *
 * Not for: what an op does. Shape rules and gradients are handed in as an array, kernels are found
 * in ops/. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ir/op.h"

struct row {
    const char *name, *summary, *signature;
    enum op_trait trait;
    enum op_domain domain;
    bool inner;
};

#define OP_TRAIT_PLAIN       OP_PLAIN
#define OP_TRAIT_ELEMENTWISE OP_ELEMENTWISE
#define OP_TRAIT_LEAF        OP_LEAF
#define OP_TRAIT_ALIAS       OP_ALIAS
#define OP_TRAIT_RANDOM      OP_RANDOM
#define OP_TRAIT_EFFECT      OP_EFFECT
#define OP_TRAIT_LOOP        OP_LOOP
#define OP_TRAIT_RESULT      OP_RESULT
#define OP_INNER_GRAD        false
#define OP_INNER_NOGRAD      false
#define OP_INNER_INNER       true

static const struct row rows[N_OPS] = {
#define EW1(id, domain, kernel, gradient, summary)                                                 \
    [OP_##id] = {#id, summary, "x:[..] -> [..]", OP_ELEMENTWISE, DOMAIN_##domain},
#define EW2(id, domain, kernel, gx, gy, summary)                                                   \
    [OP_##id] = {#id, summary, "x:[..], y:[..] -> [..]", OP_ELEMENTWISE, DOMAIN_##domain},
#define CMP2(id, kernel, summary)                                                                  \
    [OP_##id] = {#id, summary, "x:[..], y:[..] -> bool[..]", OP_ELEMENTWISE, DOMAIN_ANY},
#define OP(id, shape, gradient, trait, signature, summary)                                         \
    [OP_##id] = {#id,        summary, signature, OP_TRAIT_##trait,                                 \
                 DOMAIN_ANY, OP_INNER_##gradient},
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
};

/* A cursor over a signature's text. The texts are ours: a malformed one is our mistake and
 * asserts. */
struct cursor {
    const char *at;
    struct intern_table *names;
};

static void skip(struct cursor *c) {
    while (*c->at == ' ' || *c->at == ',')
        c->at++;
}

static size_t word_length(const char *at) {
    return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
}

static const char *take_word(struct cursor *c) {
    size_t n = word_length(c->at);
    const char *word = intern_text(c->names, c->at, n);
    c->at += n;
    return word;
}

static int input_type(const char *word) {
    if (!*word)
        return TYPE_SHARED;
    if (!strcmp(word, "float"))
        return TYPE_SHARED_FLOAT;
    if (!strcmp(word, "any"))
        return TYPE_ANY;
    if (!strcmp(word, "whole"))
        return TYPE_WHOLE;
    enum dtype t;
    bool known = dtype_parse(word, &t);
    assert(known);
    (void)known;
    return (int)t;
}

static enum attr_kind setting_kind(const char *word) {
    static const struct {
        const char *word;
        enum attr_kind kind;
    } kinds[] = {
        {"int", ATTR_INT},       {"float", ATTR_FLOAT}, {"bool", ATTR_BOOL},
        {"string", ATTR_STRING}, {"dtype", ATTR_DTYPE}, {"shape", ATTR_SHAPE},
        {"ints", ATTR_INTS},     {"axis", ATTR_AXIS},   {"axes", ATTR_AXES},
        {"pairs", ATTR_PAIRS},   {"padding", ATTR_PADDING},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(word, kinds[i].word))
            return kinds[i].kind;
    assert(!"a kind of setting that ops.def does not have");
    return ATTR_UNSET;
}

/* The default after `=`: one word, a number, or a quoted string. `none` stays unset. */
static struct attr take_default(struct cursor *c, enum attr_kind kind) {
    struct attr a = {.kind = kind};
    if (*c->at == '"') {
        const char *end = strchr(c->at + 1, '"');
        a.kind = ATTR_STRING;
        a.s = intern_text(c->names, c->at + 1, (size_t)(end - c->at - 1));
        c->at = end + 1;
        return a;
    }
    size_t n = strcspn(c->at, ", ");
    const char *word = intern_text(c->names, c->at, n);
    c->at += n;
    if (!strcmp(word, "none"))
        return (struct attr){.kind = ATTR_UNSET};
    switch (kind) {
    case ATTR_FLOAT:
        a.f = strtod(word, NULL);
        break;
    case ATTR_BOOL:
        a.i = !strcmp(word, "true");
        break;
    case ATTR_DTYPE:
        dtype_parse(word, &a.dtype);
        break;
    case ATTR_INTS:
        a.ints.n = 1, a.ints.v[0] = strtoll(word, NULL, 10);
        break;
    case ATTR_AXES:
        a.ints.n = !strcmp(word, "all") ? -1 : 1;
        a.ints.v[0] = strtoll(word, NULL, 10);
        break;
    default:
        a.i = strtoll(word, NULL, 10);
        break;
    }
    return a;
}

static void parse_signature(struct op *op, struct cursor *c) {
    for (skip(c); *c->at && *c->at != '-'; skip(c)) {
        const char *name = take_word(c);
        assert(*c->at == ':');
        c->at++;
        const char *type = take_word(c);
        if (*c->at == '[') {
            struct op_input *in = &op->input[op->n_inputs++];
            const char *end = strchr(c->at, ']');
            in->name = name;
            in->type = input_type(type);
            in->dims = intern_text(c->names, c->at + 1, (size_t)(end - c->at - 1));
            c->at = end + 1;
            in->list = *c->at == '*';
            c->at += in->list;
        } else {
            struct op_setting *s = &op->setting[op->n_settings++];
            s->name = name;
            s->kind = setting_kind(type);
            s->required = *c->at != '=';
            if (*c->at == '=')
                c->at++, s->fallback = take_default(c, s->kind);
        }
    }
    assert(op->n_inputs <= MAX_INPUTS && op->n_settings <= MAX_SETTINGS);
}

struct op_table *op_table_new(struct arena *a, struct intern_table *names,
                              const struct op_rule *rules) {
    struct op_table *t = arena_new(a, struct op_table);
    for (int i = 0; i < N_OPS; i++) {
        struct op *op = &t->op[i];
        op->id = (enum op_id)i;
        op->name = intern_string(names, rows[i].name);
        op->summary = rows[i].summary;
        op->signature = rows[i].signature;
        op->trait = rows[i].trait;
        op->domain = rows[i].domain;
        op->inner = rows[i].inner;
        op->shape = rules[i].shape;
        op->gradient = rules[i].gradient;
        struct cursor c = {rows[i].signature, names};
        parse_signature(op, &c);
    }
    return t;
}

const struct op *op_find(const struct op_table *t, const char *interned_name) {
    for (int i = 0; i < N_OPS; i++)
        if (t->op[i].name == interned_name)
            return &t->op[i];
    return NULL;
}

int op_find_setting(const struct op *op, const char *interned_name) {
    for (int i = 0; i < op->n_settings; i++)
        if (op->setting[i].name == interned_name)
            return i;
    return -1;
}

int op_find_input(const struct op *op, const char *interned_name) {
    for (int i = 0; i < op->n_inputs; i++)
        if (op->input[i].name == interned_name)
            return i;
    return -1;
}
