/* The layout of diagnostics, to the character. */
#include "base/diag.h"

#include <string.h>

#include "unit.h"

/* A text under test, and what is printed about it. */
struct page {
    struct arena arena;
    struct sources sources;
    struct diags diags;
    uint32_t source;
    const char *text;
};

static void page_open(struct page *p, const char *path, const char *text) {
    *p = (struct page){.text = text};
    p->sources.arena = &p->arena;
    p->diags.arena = &p->arena;
    p->diags.sources = &p->sources;
    p->source = source_add(&p->sources, path, text, (uint32_t)strlen(text), false);
}

static struct span find_in(uint32_t source, const char *text, const char *word) {
    const char *at = strstr(text, word);
    return (struct span){source, at ? (uint32_t)(at - text) : 0, (uint32_t)strlen(word)};
}

static struct span find(const struct page *p, const char *word) {
    return find_in(p->source, p->text, word);
}

static char *flush(struct page *p) {
    static char buf[16384];
    FILE *out = fmemopen(buf, sizeof buf, "w");
    diag_flush(&p->diags, DIAG_TEXT, out);
    fputc(0, out);
    fclose(out);
    return buf;
}

static void page_close(struct page *p) { arena_free(&p->arena); }

static void the_example_of_the_language_page(void) {
    struct page p;
    page_open(&p, "models/bad.nn", "\n\n\n\n\n\n\n\nh = relu(h2 @ W_fc1 + b_fc1)\n");
    struct diag *d = diag_error(&p.diags, E_INNER_SIZES, find(&p, "h2 @ W_fc1"),
                                "`@` needs equal inner sizes, but %d is not %d", 3136, 3130);
    diag_label(d, find(&p, "h2"), "float[batch, 3136]: 3136 = 7*7*64 from flatten, line 6");
    diag_label(d, find(&p, "W_fc1"), "float[3130, 1024]: declared at line 7");
    diag_help(d, "W_fc2 (line 8) is float[3136, 1024]: did you mean that?");
    UNIT_TEXT(flush(&p),
              "models/bad.nn:9:10: error: `@` needs equal inner sizes, but 3136 is not 3130 [E019]\n"
              "  9 | h = relu(h2 @ W_fc1 + b_fc1)\n"
              "    |          ^^   ^^^^^ float[3130, 1024]: declared at line 7\n"
              "    |          float[batch, 3136]: 3136 = 7*7*64 from flatten, line 6\n"
              "help: W_fc2 (line 8) is float[3136, 1024]: did you mean that?\n");
    UNIT_TEXT(flush(&p), "");
    CU_ASSERT_EQUAL(p.diags.n_errors, 1);
    page_close(&p);
}

static void labels_in_any_order_and_without_words(void) {
    struct page p;
    page_open(&p, "a.nn", "one two three\n");
    struct diag *d = diag_error(&p.diags, E_SHAPE, find(&p, "one"), "three");
    diag_label(d, find(&p, "three"), "3");
    diag_label(d, find(&p, "one"), "1");
    diag_label(d, find(&p, "two"), "2");
    d = diag_error(&p.diags, E_SHAPE, find(&p, "two"), "wordless");
    diag_label(d, find(&p, "one"), "1");
    diag_label(d, find(&p, "two"), "%s", "");
    UNIT_TEXT(flush(&p), "a.nn:1:1: error: three [E022]\n"
                         "  1 | one two three\n"
                         "    | ^^^ ^^^ ^^^^^ 3\n"
                         "    |     2\n"
                         "    | 1\n"
                         "a.nn:1:5: error: wordless [E022]\n"
                         "  1 | one two three\n"
                         "    | ^^^ ^^^\n"
                         "    | 1\n");
    page_close(&p);
}

static void other_lines_have_their_own_excerpt(void) {
    struct page p;
    page_open(&p, "a.nn", "x = 1\ny = x\nz = \"a\n b\"\n");
    struct diag *d = diag_warning(&p.diags, E_NO_GRADIENT, find(&p, "y"), "y");
    diag_label(d, find(&p, "y"), "here");
    diag_label(d, find(&p, "x = 1"), "there");
    diag_note(d, find(&p, "z"), "a place");
    diag_note(d, (struct span){0}, "a fact");
    diag_error(&p.diags, E_SYNTAX, find(&p, "\"a\n b\""), "many lines");
    UNIT_TEXT(flush(&p), "a.nn:2:1: warning: y [E027]\n"
                         "  2 | y = x\n"
                         "    | ^ here\n"
                         "  1 | x = 1\n"
                         "    | ^^^^^ there\n"
                         "a.nn:3:1: note: a place\n"
                         "note: a fact\n"
                         "a.nn:3:5: error: many lines [E001]\n"
                         "  3 | z = \"a\n"
                         "    |     ^^\n");
    CU_ASSERT_EQUAL(p.diags.n_warnings, 1);
    page_close(&p);
}

static void carets_align_under_tabs_and_unicode(void) {
    struct page p;
    page_open(&p, "a.nn", "\tx\ty\n\xc3\xa9\xe4\xbd\xa0 z\n\x1b[31m\xff w\n");
    diag_error(&p.diags, E_SYNTAX, find(&p, "y"), "tab");
    diag_error(&p.diags, E_SYNTAX, find(&p, "z"), "wide");
    diag_error(&p.diags, E_SYNTAX, find(&p, "w"), "control \x1b");
    UNIT_TEXT(flush(&p), "a.nn:1:4: error: tab [E001]\n"
                         "  1 |     x   y\n"
                         "    |         ^\n"
                         "a.nn:2:4: error: wide [E001]\n"
                         "  2 | \xc3\xa9\xe4\xbd\xa0 z\n"
                         "    |     ^\n"
                         "a.nn:3:8: error: control ? [E001]\n"
                         "  3 | ?[31m? w\n"
                         "    |        ^\n");
    page_close(&p);
}

static void long_lines_are_cut(void) {
    char text[5001];
    memset(text, 'a', 5000);
    memcpy(text + 2000, "BCD", 3);
    text[5000] = 0;
    struct page p;
    page_open(&p, "a.nn", text);
    diag_error(&p.diags, E_SYNTAX, find(&p, "BCD"), "middle");
    char *shown = flush(&p);
    for (char *line = strtok(shown, "\n"); line; line = strtok(NULL, "\n"))
        CU_ASSERT(strlen(line) <= 106);
    diag_error(&p.diags, E_SYNTAX, (struct span){p.source, 0, 5000}, "all");
    diag_error(&p.diags, E_SYNTAX, (struct span){p.source, 5000, 0}, "end");
    diag_error(&p.diags, E_SYNTAX, (struct span){p.source, 9000, 9}, "outside");
    shown = flush(&p);
    for (char *line = strtok(shown, "\n"); line; line = strtok(NULL, "\n"))
        CU_ASSERT(strlen(line) <= 106);
    page_close(&p);
}

static void nothing_but_twenty_errors(void) {
    struct page p;
    page_open(&p, "a.nn", "x");
    for (int i = 0; i < 23; i++)
        diag_help(diag_error(&p.diags, E_SYNTAX, (struct span){0}, "%d", i), "h");
    char *shown = flush(&p);
    CU_ASSERT_PTR_NOT_NULL(strstr(shown, "nnrun: error: 19 [E001]\nhelp: h\n3 more errors\n"));
    CU_ASSERT_PTR_NULL(strstr(shown, "error: 20"));
    CU_ASSERT_EQUAL(p.diags.n_errors, 23);
    CU_ASSERT_EQUAL(p.diags.n_dropped, 3);
    for (int i = 0; i < 1000; i++)
        diag_warning(&p.diags, E_NO_GRADIENT, (struct span){p.source, 0, 1}, "in a loop");
    CU_ASSERT_EQUAL(p.diags.n_warnings, 1);
    page_close(&p);
}

static void an_error_in_a_library_shows_the_user_first(void) {
    static const char library[] = "# layers\nlayer dense(units)(x) {\n  x @ W + b\n}\n";
    struct page p;
    page_open(&p, "a.nn", "fn net(x) {\n  dense(10)(x)\n}\nnet(y)\n");
    uint32_t l = source_add(&p.sources, "stdlib/layers.nn", library, sizeof library - 1, true);
    struct origin outer = {.span = find(&p, "net(y)")};
    struct origin user = {.span = find(&p, "dense(10)(x)"), .caller = &outer};
    struct origin inner = {.span = find_in(l, library, "x @ W"), .caller = &user};
    struct diag *d = diag_error(&p.diags, E_SHAPE, inner.span, "no");
    diag_trail(d, &inner);
    d = diag_error(&p.diags, E_SHAPE, inner.span, "with labels");
    diag_label(d, find_in(l, library, "W"), "weights");
    diag_trail(d, &inner);
    UNIT_TEXT(flush(&p), "a.nn:2:3: error: no [E022]\n"
                         "  2 |   dense(10)(x)\n"
                         "    |   ^^^^^^^^^^^^\n"
                         "note: in `dense`, stdlib/layers.nn:3:3\n"
                         "a.nn:4:1: note: called from here\n"
                         "a.nn:2:3: error: with labels [E022]\n"
                         "  2 |   dense(10)(x)\n"
                         "    |   ^^^^^^^^^^^^\n"
                         "note: in `dense`, stdlib/layers.nn:3:7\n"
                         "  3 |   x @ W + b\n"
                         "    |       ^ weights\n"
                         "a.nn:4:1: note: called from here\n");
    page_close(&p);
}

static void nearest_names(void) {
    const char *const names[] = {"batch", "relu", "softmax", "max_pool", "x"};
    UNIT_TEXT(nearest_name("bacth", names, 5), "batch");
    UNIT_TEXT(nearest_name("Relu", names, 5), "relu");
    UNIT_TEXT(nearest_name("sotfmx", names, 5), "softmax");
    UNIT_TEXT(nearest_name("maxpool", names, 5), "max_pool");
    CU_ASSERT_PTR_NULL(nearest_name("y", names, 5));
    CU_ASSERT_PTR_NULL(nearest_name("convolution", names, 5));
    CU_ASSERT_PTR_NULL(nearest_name("", names, 5));
    char huge[300];
    memset(huge, 'a', 299);
    huge[299] = 0;
    CU_ASSERT_PTR_NULL(nearest_name(huge, names, 5));
}

void suite_base_diag(void) {
    unit_suite("base: diag");
    unit_test("the example of the language page", the_example_of_the_language_page);
    unit_test("labels in any order and without words", labels_in_any_order_and_without_words);
    unit_test("other lines have their own excerpt", other_lines_have_their_own_excerpt);
    unit_test("carets align under tabs and Unicode", carets_align_under_tabs_and_unicode);
    unit_test("long lines are cut", long_lines_are_cut);
    unit_test("nothing but twenty errors", nothing_but_twenty_errors);
    unit_test("an error in a library shows the user first",
              an_error_in_a_library_shows_the_user_first);
    unit_test("nearest names", nearest_names);
}
