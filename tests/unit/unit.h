/* Unit tests, on CUnit. A file tests/unit/<area>_<what>.c holds one suite and exports
 *
 *     void suite_<area>_<what>(void) {
 *         unit_suite("area: what");
 *         unit_test("what it shows", a_static_function);
 *     }
 *
 * and is found by that (the Makefile makes the list of suites). The checks are CUnit's: CU_ASSERT and
 * its kin go on after a failure, those with _FATAL end the test. Files without a suite are support. */
#ifndef NN_TESTS_UNIT_H
#define NN_TESTS_UNIT_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

struct unit_suite {
    const char *name;
    void (*add)(void);
};

extern const struct unit_suite unit_suites[]; /* ends with a NULL name */

/* Begins a suite; the tests that follow belong to it. */
void unit_suite(const char *name);
void unit_test(const char *name, void (*test)(void));

/* Text comparison that shows both on a failure. */
#define UNIT_TEXT(actual, expected) unit_check_text((actual), (expected), __FILE__, __LINE__)
void unit_check_text(const char *actual, const char *expected, const char *file, int line);

/* |actual - expected| <= tolerance, NaN fails. Shows the numbers on a failure. */
#define UNIT_NEAR(actual, expected, tolerance)                                                 \
    unit_check_near((actual), (expected), (tolerance), __FILE__, __LINE__)
void unit_check_near(double actual, double expected, double tolerance, const char *file, int line);

#endif
