/* The parser as a function: what it returns, where nodes are, when a text is complete, how many
 * errors a broken one gives, and what it refuses for its depth. The shapes of trees are goldens in
 * dump/ast, messages in errors. */
#include "syntax/parse.h"

#include <stdlib.h>
#include <string.h>

#include "syntax/build.h"
#include "unit.h"

struct parsed {
    struct arena arena;
    struct sources sources;
    struct intern_table names;
    struct diags diags;
    uint32_t source;
    enum parse_end end;
    struct ast *tree;
};

/* The result points into itself: it is not to be copied. */
static void parse_bytes(struct parsed *r, const char *text, size_t n, bool interactive) {
    *r = (struct parsed){0};
    r->sources.arena = &r->arena;
    r->names.arena = &r->arena;
    r->diags.arena = &r->arena;
    r->diags.sources = &r->sources;
    struct parse_context c = {&r->arena, &r->names, &r->sources, &r->diags};
    r->source = source_add(&r->sources, "a.nn", text, (uint32_t)n, false);
    r->end = parse_source(&c, r->source, interactive, &r->tree);
}

static void parse_text(struct parsed *r, const char *text) {
    parse_bytes(r, text, strlen(text), false);
}

static enum parse_end end_of(const char *text) {
    struct parsed r;
    parse_bytes(&r, text, strlen(text), true);
    if (r.end != PARSE_FAILED)
        CU_ASSERT_EQUAL(r.diags.n_errors, 0);
    arena_free(&r.arena);
    return r.end;
}

/* The number of errors, dropped ones included. */
static int errors_of(const char *text) {
    struct parsed r;
    parse_text(&r, text);
    int n = r.diags.n_errors + r.diags.n_dropped;
    CU_ASSERT_EQUAL(r.end, n > 0 ? PARSE_FAILED : PARSE_DONE);
    arena_free(&r.arena);
    return n;
}

static enum diag_code first_code(const char *text, size_t n) {
    struct parsed r;
    parse_bytes(&r, text, n, false);
    enum diag_code code = r.diags.list.n > 0 ? r.diags.list.at[0]->code : E_NONE;
    arena_free(&r.arena);
    return code;
}

static void check_span(const struct parsed *r, const struct ast *node, const char *text) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(node);
    CU_ASSERT_EQUAL(node->span.source, r->source);
    char *actual = strndup(source_text(&r->sources, node->span), node->span.length);
    UNIT_TEXT(actual, text);
    free(actual);
}

static void spans(void) {
    struct parsed r;
    parse_text(&r, "y = (a + b) * f(x, k=2)[0:1, new].g\nloss l = \"p {q + 1:g} r\"\n"
                   "fn h(a: float[..., n], b=-1) { a; b }\n");
    CU_ASSERT_EQUAL_FATAL(r.end, PARSE_DONE);
    CU_ASSERT_EQUAL_FATAL(r.tree->n_kids, 3);
    const struct ast *assign = r.tree->kids[0], *product = assign->kids[1];
    check_span(&r, assign, "y = (a + b) * f(x, k=2)[0:1, new].g");
    check_span(&r, assign->kids[0], "y");
    check_span(&r, product, "(a + b) * f(x, k=2)[0:1, new].g");
    CU_ASSERT_EQUAL(product->name_at.offset, 12);
    check_span(&r, product->kids[0], "(a + b)");
    check_span(&r, product->kids[0]->kids[1], "b");
    const struct ast *get = product->kids[1], *index = get->kids[0], *call = index->kids[0];
    UNIT_TEXT(get->text, "g");
    check_span(&r, index, "f(x, k=2)[0:1, new]");
    check_span(&r, index->kids[1], "0:1");
    check_span(&r, index->kids[2], "new");
    check_span(&r, call, "f(x, k=2)");
    check_span(&r, call->kids[2], "k=2");
    const struct ast *role = r.tree->kids[1], *string = role->kids[1];
    check_span(&r, role, "loss l = \"p {q + 1:g} r\"");
    check_span(&r, string, "\"p {q + 1:g} r\"");
    check_span(&r, string->kids[0], "p ");
    check_span(&r, string->kids[1], "q + 1:g");
    check_span(&r, string->kids[1]->kids[0], "q + 1");
    const struct ast *fn = r.tree->kids[2];
    check_span(&r, fn->kids[0], "(a: float[..., n], b=-1)");
    check_span(&r, fn->kids[0]->kids[0], "a: float[..., n]");
    check_span(&r, fn->kids[0]->kids[0]->kids[0], "float[..., n]");
    check_span(&r, fn->kids[0]->kids[1]->kids[1], "-1");
    check_span(&r, fn->kids[1], "{ a; b }");
    arena_free(&r.arena);
}

static void names_are_interned(void) {
    struct parsed r;
    parse_text(&r, "dense = dense(x.dense)\n");
    const struct ast *call = r.tree->kids[0]->kids[1];
    CU_ASSERT_PTR_EQUAL(r.tree->kids[0]->kids[0]->text, call->kids[0]->text);
    CU_ASSERT_PTR_EQUAL(call->kids[0]->text, call->kids[1]->text);
    arena_free(&r.arena);
}

static void literal_values(void) {
    struct parsed r;
    parse_text(&r, "0x7fff_ffff\n1_000.5e-3\n\"a\\u{3b1}\\{\\\"\"\n9223372036854775807\n");
    CU_ASSERT_EQUAL_FATAL(r.end, PARSE_DONE);
    CU_ASSERT_EQUAL(r.tree->kids[0]->i, 0x7fffffff);
    UNIT_NEAR(r.tree->kids[1]->f, 1.0005, 0);
    CU_ASSERT_EQUAL(r.tree->kids[2]->kids[0]->n_text, 5);
    UNIT_TEXT(r.tree->kids[2]->kids[0]->text, "a\xce\xb1{\"");
    CU_ASSERT_EQUAL(r.tree->kids[3]->i, INT64_MAX);
    arena_free(&r.arena);
}

static void completeness(void) {
    static const char *const complete[] = {
        "",          "\n",         "# c",          "x = 1",       "x = 1\n",
        "f(a,\n b)", "if a { b }", "if a { b }\n", "fn f() {\n}", "x |> f",
        "return",    "a; b;",      "x = [\n1,\n]", "loss",        "\"{a}\""};
    static const char *const incomplete[] = {"x =",
                                             "x = ",
                                             "x =\n",
                                             "x = 1 +",
                                             "f(",
                                             "f(a,\n",
                                             "[1, 2",
                                             "{a: 1",
                                             "{a:",
                                             "if a",
                                             "if a {",
                                             "if a {\n  b\n",
                                             "if a { b } else",
                                             "if a { b } else {",
                                             "fn f(x)",
                                             "fn f(x) {\n x\n",
                                             "for i in",
                                             "for i in xs {",
                                             "x |>",
                                             "x |>\n",
                                             "layer d(units)",
                                             "layer d(units)(x) {\n",
                                             "placeholder x:",
                                             "variable W = zeros([3]),",
                                             "f(fn (x) {",
                                             "# c\nx = # d\n",
                                             "a,",
                                             "not",
                                             "param steps",
                                             "import",
                                             "x.",
                                             "fn"};
    static const char *const wrong[] = {"x = )",      "f(a b", "x = \"abc", "x = 1 2\ny = (",
                                        "if a {\n )", "\"{a",  "x = 3.",    "}"};
    for (size_t i = 0; i < sizeof complete / sizeof *complete; i++)
        if (end_of(complete[i]) != PARSE_DONE)
            UNIT_TEXT("not complete", complete[i]);
    for (size_t i = 0; i < sizeof incomplete / sizeof *incomplete; i++) {
        if (end_of(incomplete[i]) != PARSE_INCOMPLETE)
            UNIT_TEXT("not incomplete", incomplete[i]);
        /* The same text in a file is one error. */
        CU_ASSERT_EQUAL(errors_of(incomplete[i]), 1);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (end_of(wrong[i]) != PARSE_FAILED)
            UNIT_TEXT("not wrong", wrong[i]);
}

static void recovery(void) {
    CU_ASSERT_EQUAL(errors_of("x = )\ny = 1\nz = = 2\n"), 2);
    CU_ASSERT_EQUAL(errors_of("if a {\n  x = )\n  y = 1\n}\nz = ]\n"), 2);
    CU_ASSERT_EQUAL(errors_of("fn f(x) {\n  if x {\n    y = 1 2\n  }\n  z = 3 4\n}\nw = 5 6\n"), 3);
    CU_ASSERT_EQUAL(errors_of("for i on xs {\n  x = 1 2\n}\ny = 3\n"), 2);
    CU_ASSERT_EQUAL(errors_of("if a b {\n  x\n} else if c {\n  y\n} else {\n  z 1\n}\n"), 2);
    CU_ASSERT_EQUAL(errors_of("x = f(1, 2\ny = 3\nz = )\n"), 2);
    CU_ASSERT_EQUAL(errors_of("x =\ny = 3\nz = 4\n"), 1);
    CU_ASSERT_EQUAL(errors_of("x = [1, 2 3,\n  4, 5]\ny = 1\n"), 1);
    CU_ASSERT_EQUAL(errors_of("a = 1 2; b = 3 4; c = 5\n"), 2);
    CU_ASSERT_EQUAL(errors_of("if a {\n  f(b, }\n}\n"), 1);
    CU_ASSERT_EQUAL(errors_of("x = \"abc\ny = \"{d\nz = \"{e f}\"\n"), 3);
    CU_ASSERT_EQUAL(errors_of("if a {\n  if b {\n    c\n\nd = 1\n"), 1);
    CU_ASSERT_EQUAL(errors_of("}\nx = 1\n"), 1);
}

/* What was fine is in the tree. */
static void tree_of_a_broken_text(void) {
    struct parsed r;
    parse_text(&r, "a = 1\nb = )\nc = 2\nfn f() {\n  d = 3\n  e = ]\n}\ng = 4\n");
    CU_ASSERT_EQUAL(r.end, PARSE_FAILED);
    CU_ASSERT_EQUAL_FATAL(r.tree->n_kids, 4);
    CU_ASSERT_EQUAL(r.tree->kids[2]->kind, AST_FN);
    CU_ASSERT_EQUAL(r.tree->kids[2]->kids[1]->n_kids, 1);
    arena_free(&r.arena);
    parse_text(&r, "fn f() {\n  a = 1\n");
    CU_ASSERT_EQUAL_FATAL(r.tree->n_kids, 1);
    CU_ASSERT_EQUAL(r.tree->kids[0]->kids[1]->n_kids, 1);
    arena_free(&r.arena);
}

/* before, n times `open`, middle, n times `close`. */
static char *nest(const char *before, const char *open, const char *middle, const char *close,
                  int n) {
    size_t size = strlen(before) + strlen(middle) + (strlen(open) + strlen(close)) * (size_t)n + 2;
    char *text = malloc(size), *at = stpcpy(text, before);
    for (int i = 0; i < n; i++)
        at = stpcpy(at, open);
    at = stpcpy(at, middle);
    for (int i = 0; i < n; i++)
        at = stpcpy(at, close);
    stpcpy(at, "\n");
    return text;
}

static void check_depth(const char *before, const char *open, const char *middle, const char *close,
                        int n, bool fits) {
    char *text = nest(before, open, middle, close, n);
    bool right = first_code(text, strlen(text)) == (fits ? E_NONE : E_TOO_DEEP) &&
                 errors_of(text) == (fits ? 0 : 1);
    CU_ASSERT(right);
    if (!right)
        UNIT_TEXT(fits ? "refused" : "accepted, or more than one error", open);
    free(text);
}

static void depth(void) {
    check_depth("x = ", "(", "1", ")", 200, true);
    check_depth("x = ", "(", "1", ")", 201, false);
    check_depth("x = ", "(", "1", ")", 10000, false);
    check_depth("x = ", "[", "1", "]", 10000, false);
    check_depth("x = ", "f(a, b + ", "1", ")", 200, true);
    check_depth("x = ", "{a: ", "1", "}", 10000, false);
    check_depth("x = ", "\"{", "1", "}\"", 10000, false);
    check_depth("", "if a {\n", "b\n", "}\n", 10000, false);
    check_depth("x = ", "fn (x) {", "x", "}", 10000, false);
    check_depth("x = ", "- ", "1", "", 900, true);
    check_depth("x = ", "- ", "1", "", 100000, false);
    check_depth("x = ", "a ** ", "1", "", 100000, false);
    check_depth("x = ", "a + ", "1", "", 900, true);
    check_depth("x = ", "a + ", "1", "", 100000, false);
    check_depth("x = ", "fn (x) -> ", "1", "", 100000, false);
    check_depth("x = a", "", "", ".b", 100000, false);
    check_depth("x = a", "", "", "(b)", 100000, false);
    check_depth("if a { 1 }", " else if b { 2 }", "", "", 100000, false);
    /* Long is not deep. */
    check_depth("x = [", "1, ", "1]", "", 100000, true);
    check_depth("x = 1\n", "y = 2\n", "", "", 100000, true);
    /* Depth is an error of one statement. */
    char *text = nest("x = ", "(", "1", ")", 1000);
    char *two = malloc(strlen(text) + 20);
    stpcpy(stpcpy(two, text), "y = )\n");
    CU_ASSERT_EQUAL(errors_of(two), 2);
    free(two);
    free(text);
}

/* No walk of a tree that was accepted goes deeper than it says. */
static void heights(void) {
    struct parsed r;
    char *text = nest("x = ", "- ", "1", "", MAX_TREE_HEIGHT - 4);
    parse_text(&r, text);
    CU_ASSERT_EQUAL(r.end, PARSE_DONE);
    CU_ASSERT(r.tree->height <= MAX_TREE_HEIGHT);
    arena_free(&r.arena);
    free(text);
}

static void odd_bytes(void) {
    CU_ASSERT_EQUAL(first_code("x = 1\0\n", 7), E_BAD_CHARACTER);
    CU_ASSERT_EQUAL(first_code("# \xff\n", 4), E_BAD_CHARACTER);
    CU_ASSERT_EQUAL(first_code("\"\xed\xa0\x80\"", 5), E_BAD_CHARACTER);
    CU_ASSERT_EQUAL(first_code("\"\xf0\x9f\x98\x80\"", 6), E_NONE);
    CU_ASSERT_EQUAL(first_code("\"\xf0\x9f\x98", 4), E_BAD_CHARACTER);
    CU_ASSERT_EQUAL(first_code("\xef\xbb\xbfx = 1", 8), E_NONE);
    CU_ASSERT_EQUAL(first_code("x = 1\r\ny = 2\r\n", 14), E_NONE);
    CU_ASSERT_EQUAL(errors_of("x = 1"), 0);
    CU_ASSERT_EQUAL(errors_of(""), 0);
}

/* A text that is nothing but mistakes is given up on, in bounded time. */
static void many_errors(void) {
    char *text = nest("", "x = )\n", "", "", 100000);
    int n = errors_of(text);
    CU_ASSERT(n >= 100 && n <= 1000);
    free(text);
}

static void docs(void) {
    struct parsed r;
    parse_text(
        &r,
        "# The file.\nparam a = 1\n\n# One\n# two.\nfn f() { 1 }   # not\nparam b = 2  # beside\n");
    CU_ASSERT_EQUAL_FATAL(r.tree->n_kids, 3);
    CU_ASSERT_PTR_NULL(r.tree->kids[0]->doc);
    UNIT_TEXT(r.tree->kids[1]->doc, "One\ntwo.");
    UNIT_TEXT(r.tree->kids[2]->doc, "beside");
    arena_free(&r.arena);
}

void suite_syntax_parse(void) {
    unit_suite("syntax: parse");
    unit_test("a node's span is its text", spans);
    unit_test("names are interned", names_are_interned);
    unit_test("literals have their values", literal_values);
    unit_test("a REPL line is complete, incomplete or wrong", completeness);
    unit_test("one mistake, one error", recovery);
    unit_test("a broken text's tree holds what was fine", tree_of_a_broken_text);
    unit_test("depth is limited", depth);
    unit_test("heights are limited", heights);
    unit_test("bytes that are not text", odd_bytes);
    unit_test("errors are limited", many_errors);
    unit_test("doc comments", docs);
}
