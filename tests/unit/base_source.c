/* Places in source texts: lines, columns in characters, malformed text. */
#include "base/source.h"

#include <string.h>

#include "unit.h"

static uint32_t add(struct sources *s, const char *text) {
    return source_add(s, "a.nn", text, (uint32_t)strlen(text), false);
}

static void check_place(struct sources *s, uint32_t source, uint32_t offset, uint32_t line,
                        uint32_t column) {
    struct place p = source_place(s, (struct span){source, offset, 1});
    CU_ASSERT_EQUAL(p.line, line);
    CU_ASSERT_EQUAL(p.column, column);
}

static void lines_and_columns(void) {
    struct arena a = {0};
    struct sources s = {.arena = &a};
    uint32_t i = add(&s, "ab\n\nc");
    CU_ASSERT_EQUAL(i, 1);
    check_place(&s, i, 0, 1, 1);
    check_place(&s, i, 2, 1, 3); /* the newline belongs to its line */
    check_place(&s, i, 3, 2, 1);
    check_place(&s, i, 4, 3, 1);
    check_place(&s, i, 5, 3, 2); /* the end */
    check_place(&s, i, 99, 3, 2);
    check_place(&s, 0, 0, 0, 0);
    check_place(&s, 77, 0, 0, 0);
    uint32_t n;
    source_line(&s, i, 2, &n);
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(strncmp(source_line(&s, i, 3, &n), "c", 1), 0);
    CU_ASSERT_EQUAL(n, 1);
    source_line(&s, i, 4, &n);
    CU_ASSERT_EQUAL(n, 0);
    arena_free(&a);
}

static void columns_count_characters(void) {
    struct arena a = {0};
    struct sources s = {.arena = &a};
    uint32_t i = add(&s, "\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80\tx");
    check_place(&s, i, 2, 1, 2);
    check_place(&s, i, 5, 1, 3);
    check_place(&s, i, 9, 1, 4); /* a tab is one */
    check_place(&s, i, 10, 1, 5);
    i = add(&s, "\xff\xc3x\xe4\xbd"); /* each malformed byte is one */
    check_place(&s, i, 1, 1, 2);
    check_place(&s, i, 2, 1, 3);
    check_place(&s, i, 3, 1, 4);
    check_place(&s, i, 5, 1, 6);
    arena_free(&a);
}

static void carriage_returns_end_lines_unseen(void) {
    struct arena a = {0};
    struct sources s = {.arena = &a};
    uint32_t i = add(&s, "ab\r\ncd\r\n"), n;
    CU_ASSERT_EQUAL(strncmp(source_line(&s, i, 1, &n), "ab", 2), 0);
    CU_ASSERT_EQUAL(n, 2);
    check_place(&s, i, 4, 2, 1);
    arena_free(&a);
}

static void many_sources(void) {
    struct arena a = {0};
    struct sources s = {.arena = &a};
    for (uint32_t i = 1; i <= 100; i++)
        CU_ASSERT_EQUAL(add(&s, "x"), i);
    uint32_t n;
    source_line(&s, 50, 1, &n);
    CU_ASSERT_EQUAL(n, 1);
    arena_free(&a);
}

static void covering_spans(void) {
    struct span c = span_cover((struct span){1, 10, 5}, (struct span){1, 3, 4});
    CU_ASSERT_EQUAL(c.offset, 3);
    CU_ASSERT_EQUAL(c.length, 12);
    c = span_cover((struct span){1, 10, 5}, (struct span){2, 3, 4});
    CU_ASSERT_EQUAL(c.source, 1);
    CU_ASSERT_EQUAL(c.length, 5);
}

void suite_base_source(void) {
    unit_suite("base: source");
    unit_test("lines and columns", lines_and_columns);
    unit_test("columns count characters", columns_count_characters);
    unit_test("carriage returns end lines unseen", carriage_returns_end_lines_unseen);
    unit_test("many sources", many_sources);
    unit_test("covering spans", covering_spans);
}
