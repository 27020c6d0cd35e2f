/* Gradients of elementwise rows, as text (formula.h). The compiler keeps the rows' columns as they
 * are written; here they are read as what they are, calls of B and K, and written with operators.
 */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formula.h"

enum { MAX_OPERANDS = 3 };

static const struct {
    const char *gradient[MAX_OPERANDS];
    int line;
} rows[N_OPS] = {
#define EW1(id, domain, kernel, gradient, summary)         [OP_##id] = {{#gradient}, __LINE__},
#define EW2(id, domain, kernel, gx, gy, summary)           [OP_##id] = {{#gx, #gy}, __LINE__},
#define CMP2(id, kernel, summary)                          [OP_##id] = {{0}, __LINE__},
#define OP(id, shape, gradient, trait, signature, summary) [OP_##id] = {{0}, __LINE__},
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
};

int op_line(enum op_id id) {
    return rows[id].line;
}

/* How the language writes an op, and how tightly that binds (grammar/README.md). */
struct spelling {
    const char *op, *sign;
    int binds;
};
enum { BINDS_SIGN = 6 };
static const struct spelling spellings[] = {
    {"logical_or", "or", 1}, {"logical_and", "and", 2},
    {"equal", "==", 3},      {"not_equal", "!=", 3},
    {"less", "<", 3},        {"less_equal", "<=", 3},
    {"greater", ">", 3},     {"greater_equal", ">=", 3},
    {"add", "+", 4},         {"sub", "-", 4},
    {"mul", "*", 5},         {"div", "/", 5},
    {"floordiv", "//", 5},   {"mod", "%", 5},
    {"matmul", "@", 5},      {"pow", "**", 7},
};

struct reader {
    const char *at;
    FILE *out;
};

static void skip(struct reader *r, char c) {
    r->at += strspn(r->at, " ");
    assert(*r->at == c);
    r->at += 1 + strspn(r->at + 1, " ");
}

static size_t word_length(const char *at) {
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return n;
}

static const struct spelling *find_spelling(const char *word, size_t n) {
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (strlen(spellings[i].op) == n && !strncmp(spellings[i].op, word, n))
            return &spellings[i];
    return NULL;
}

const char *op_sign(const struct op *op) {
    const struct spelling *s = find_spelling(op->name, strlen(op->name));
    return s ? s->sign : NULL;
}

static void write_term(struct reader *r, int around);

/* K(0.5): hexadecimal floats of the table are written in base 10. */
static void write_constant(struct reader *r) {
    char *end;
    fprintf(r->out, "%.7g", strtod(r->at, &end));
    r->at = end;
    skip(r, ')');
}

static void write_infix(struct reader *r, const struct spelling *s, int around) {
    bool right = !strcmp(s->sign, "**");
    if (s->binds < around)
        fputc('(', r->out);
    skip(r, ',');
    write_term(r, s->binds + right);
    fprintf(r->out, " %s ", s->sign);
    skip(r, ',');
    write_term(r, s->binds + !right);
    skip(r, ')');
    if (s->binds < around)
        fputc(')', r->out);
}

static void write_negative(struct reader *r, int around) {
    if (around > BINDS_SIGN)
        fputc('(', r->out);
    fputc('-', r->out);
    skip(r, ',');
    write_term(r, BINDS_SIGN);
    skip(r, ')');
    if (around > BINDS_SIGN)
        fputc(')', r->out);
}

static void write_call(struct reader *r, const char *word, size_t n) {
    fprintf(r->out, "%.*s(", (int)n, word);
    for (bool first = true; r->at += strspn(r->at, " "), *r->at == ','; first = false) {
        skip(r, ',');
        if (!first)
            fputs(", ", r->out);
        write_term(r, 0);
    }
    skip(r, ')');
    fputc(')', r->out);
}

/* A term; in parentheses where it binds less tightly than what is around it. */
static void write_term(struct reader *r, int around) {
    const char *word = r->at;
    size_t n = word_length(word);
    r->at += n;
    if (*r->at != '(') {
        fprintf(r->out, "%.*s", (int)n, word);
        return;
    }
    skip(r, '(');
    if (*word == 'K') {
        write_constant(r);
        return;
    }
    const char *op = r->at;
    size_t n_op = word_length(op);
    const struct spelling *s = find_spelling(op, n_op);
    r->at += n_op;
    if (s)
        write_infix(r, s, around);
    else if (n_op == 3 && !strncmp(op, "neg", 3))
        write_negative(r, around);
    else
        write_call(r, op, n_op);
}

/* NULL: there is none. */
static const char *gradient_text(const struct op *op, int i) {
    const char *text = i < MAX_OPERANDS ? rows[op->id].gradient[i] : NULL;
    return text && strcmp(text, "NONE") != 0 ? text : NULL;
}

bool op_has_formula(const struct op *op) {
    for (int i = 0; i < MAX_OPERANDS; i++)
        if (gradient_text(op, i))
            return true;
    return false;
}

bool formula_print(const struct op *op, int i, FILE *out) {
    const char *text = gradient_text(op, i);
    if (!text)
        return false;
    write_term(&(struct reader){text, out}, 0);
    return true;
}
