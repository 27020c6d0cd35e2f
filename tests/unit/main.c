/* Runs the unit tests: all, or the suites named by the arguments (`build/tests/unit base_diag`; one that
 * ends in `_` names all that begin so). Prints each failure, then `N passed, N failed`. `--list` prints
 * the suites' names. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

/* CUnit has no user data for its handlers and knows the suite being filled only by us. */
static CU_pSuite suite;

void unit_suite(const char *name) { suite = CU_add_suite(name, NULL, NULL); }

void unit_test(const char *name, void (*test)(void)) {
    if (!suite || !CU_add_test(suite, name, test))
        printf("the test `%s` could not be added: %s\n", name, CU_get_error_msg());
}

void unit_check_text(const char *actual, const char *expected, const char *file, int line) {
    bool same = actual && strcmp(actual, expected) == 0;
    if (!same)
        printf("%s:%d: expected\n%s\n--- but got\n%s\n---\n", file, line, expected,
               actual ? actual : "(NULL)");
    CU_assertImplementation(same, (unsigned)line, "the texts differ", file, "", CU_FALSE);
}

void unit_check_near(double actual, double expected, double tolerance, const char *file, int line) {
    double error = actual > expected ? actual - expected : expected - actual;
    bool near = actual == expected || error <= tolerance;
    if (!near)
        printf("%s:%d: expected %.17g +- %g, but got %.17g\n", file, line, expected, tolerance,
               actual);
    CU_assertImplementation(near, (unsigned)line, "the numbers differ", file, "", CU_FALSE);
}

static void show_failures(const CU_pTest test, const CU_pSuite in, const CU_pFailureRecord first) {
    if (!first)
        return;
    printf("FAIL unit %s: %s\n", in->pName, test->pName);
    for (CU_pFailureRecord f = first; f; f = f->pNext)
        printf("    %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    fflush(stdout);
}

/* A crash names its test; only calls that a signal handler may make. */
static void show_crash(int signal_number) {
    const char *const name = CU_get_current_test() ? CU_get_current_test()->pName : "no test";
    ssize_t n = write(STDOUT_FILENO, "crashed in: ", 12);
    n += write(STDOUT_FILENO, name, strlen(name));
    n += write(STDOUT_FILENO, "\n", 1);
    (void)n;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool is_wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        size_t n = strlen(argv[i]);
        bool family = n && argv[i][n - 1] == '_';
        if (family ? strncmp(name, argv[i], n) == 0 : strcmp(name, argv[i]) == 0)
            return true;
    }
    return argc == 1;
}

int main(int argc, char **argv) {
    /* A crash must not take the failures before it along. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const struct unit_suite *s = unit_suites; s->name; s++)
            puts(s->name);
        return 0;
    }
    signal(SIGABRT, show_crash);
    signal(SIGSEGV, show_crash);
    signal(SIGFPE, show_crash);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 70;
    for (const struct unit_suite *s = unit_suites; s->name; s++)
        if (is_wanted(s->name, argc, argv))
            s->add();
    CU_set_test_complete_handler(show_failures);
    CU_run_all_tests();
    if (CU_get_number_of_suites_run() == 0) {
        printf("there is no such suite\n");
        return 2;
    }
    unsigned n = CU_get_number_of_tests_run(), n_failed = CU_get_number_of_tests_failed();
    printf("%u passed, %u failed\n", n - n_failed, n_failed);
    CU_cleanup_registry();
    return n_failed > 0;
}
