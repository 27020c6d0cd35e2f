/* The library's interface, and with it the session: running texts, feeding, fetching, what is said of
 * mistakes. */
#include <stdlib.h>
#include <string.h>

#include "nnrun.h"
#include "unit.h"

static const char model[] = "placeholder x: float[n]\n"
                            "placeholder k: float = 2.0\n"
                            "variable a = constant(3.0, shape=[])\n"
                            "y = a * x * k\n"
                            "total = sum(y)\n";

static struct nn_session *opened(void) {
    struct nn_session *s = nn_open(NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    UNIT_TEXT(nn_diagnostics(s), "");
    CU_ASSERT_EQUAL(nn_run_text(s, "model", model), NN_OK);
    UNIT_TEXT(nn_diagnostics(s), "");
    return s;
}

static bool says(struct nn_session *s, const char *text) {
    return strstr(nn_diagnostics(s), text) != NULL;
}

static void feeds_and_fetches(void) {
    struct nn_session *s = opened();
    float data[] = {1, 2, 4};
    struct nn_array x = {.dtype = NN_FLOAT, .rank = 1, .dim = {3}, .data = data}, y;
    struct nn_feed feed = {"x", &x};
    CU_ASSERT_EQUAL_FATAL(nn_eval(s, "y", &feed, 1, &y), NN_OK);
    CU_ASSERT_EQUAL(y.dtype, NN_FLOAT);
    CU_ASSERT_EQUAL(y.rank, 1);
    CU_ASSERT_EQUAL(y.dim[0], 3);
    UNIT_NEAR(((float *)y.data)[0], 6, 0);
    UNIT_NEAR(((float *)y.data)[2], 24, 0);
    nn_array_free(&y);
    /* another size, and another value of what has a default */
    float two = 1;
    struct nn_array k = {.dtype = NN_FLOAT, .data = &two};
    x.dim[0] = 2;
    struct nn_feed feeds[] = {{"x", &x}, {"k", &k}};
    CU_ASSERT_EQUAL_FATAL(nn_eval(s, "total", feeds, 2, &y), NN_OK);
    CU_ASSERT_EQUAL(y.rank, 0);
    UNIT_NEAR(*(float *)y.data, 9, 0);
    nn_array_free(&y);
    /* any tensor may be fed in place of its computation */
    struct nn_feed inner = {"y", &x};
    CU_ASSERT_EQUAL_FATAL(nn_eval(s, "total", &inner, 1, &y), NN_OK);
    UNIT_NEAR(*(float *)y.data, 3, 0);
    nn_array_free(&y);
    nn_close(s);
}

static void variables_live_between_calls(void) {
    struct nn_session *s = opened();
    struct nn_array a;
    CU_ASSERT_EQUAL(nn_run_text(s, "update", "a <- a + 1"), NN_OK);
    CU_ASSERT_EQUAL(nn_run_text(s, "update", "a <- a * 2"), NN_OK);
    CU_ASSERT_EQUAL_FATAL(nn_eval(s, "a", NULL, 0, &a), NN_OK);
    UNIT_NEAR(*(float *)a.data, 8, 0);
    nn_array_free(&a);
    nn_close(s);
}

static void mistakes_are_told(void) {
    struct nn_session *s = opened();
    struct nn_array y, x = {.dtype = NN_FLOAT, .rank = 1, .dim = {1}, .data = &(float){1}};
    struct nn_feed feed = {"x", &x};
    CU_ASSERT_EQUAL(nn_eval(s, "y", NULL, 0, &y), NN_ERROR);
    CU_ASSERT(says(s, "was not fed"));
    CU_ASSERT_EQUAL(nn_eval(s, "totl", &feed, 1, &y), NN_ERROR);
    CU_ASSERT(says(s, "did you mean `total`?"));
    x.dtype = NN_INT;
    CU_ASSERT_EQUAL(nn_eval(s, "y", &feed, 1, &y), NN_ERROR);
    CU_ASSERT(says(s, "is fed int[1]"));
    x.dtype = NN_FLOAT, x.rank = 9;
    CU_ASSERT_EQUAL(nn_eval(s, "y", &feed, 1, &y), NN_ERROR);
    x.rank = 1, x.dim[0] = -1;
    CU_ASSERT_EQUAL(nn_eval(s, "y", &feed, 1, &y), NN_ERROR);
    x.dim[0] = INT64_MAX;
    CU_ASSERT_EQUAL(nn_eval(s, "y", &feed, 1, &y), NN_ERROR);
    CU_ASSERT_PTR_NULL(y.data);
    CU_ASSERT_EQUAL(nn_run_text(s, "bad", "z = nowhere"), NN_ERROR);
    CU_ASSERT(says(s, "bad:1:5: error:"));
    CU_ASSERT_EQUAL(nn_run_text(s, "bad", "fn f( = 1"), NN_ERROR);
    CU_ASSERT_EQUAL(nn_run_file(s, "/no/such/file.nn"), NN_ERROR);
    CU_ASSERT(says(s, "cannot read /no/such/file.nn"));
    /* and none of it harms the session */
    x.dim[0] = 1;
    CU_ASSERT_EQUAL_FATAL(nn_eval(s, "y", &feed, 1, &y), NN_OK);
    UNIT_TEXT(nn_diagnostics(s), "");
    nn_array_free(&y);
    CU_ASSERT_EQUAL(nn_run_text(s, "good", "a <- a * 2"), NN_OK);
    CU_ASSERT_EQUAL_FATAL(nn_eval(s, "a", NULL, 0, &y), NN_OK);
    UNIT_NEAR(*(float *)y.data, 6, 0);
    nn_array_free(&y);
    nn_close(s);
}

static double drawn(uint64_t seed, int n_threads) {
    struct nn_session *s = nn_open(&(struct nn_options){.seed = seed, .n_threads = n_threads});
    struct nn_array r = {0};
    CU_ASSERT_EQUAL(nn_run_text(s, "draw", "r = sum(random_uniform([1000]))"), NN_OK);
    CU_ASSERT_EQUAL(nn_eval(s, "r", NULL, 0, &r), NN_OK);
    double value = r.data ? *(float *)r.data : 0;
    nn_array_free(&r);
    nn_close(s);
    return value;
}

static void draws_follow_the_seed(void) {
    UNIT_NEAR(drawn(1, 1), drawn(1, 2), 0);
    CU_ASSERT_NOT_EQUAL(drawn(1, 1), drawn(2, 1));
    UNIT_NEAR(drawn(1, 1), 500, 50);
}

static void sessions_are_independent(void) {
    struct nn_session *s = opened(), *t = opened();
    struct nn_array a;
    CU_ASSERT_EQUAL(nn_run_text(s, "update", "a <- a + 1"), NN_OK);
    CU_ASSERT_EQUAL_FATAL(nn_eval(t, "a", NULL, 0, &a), NN_OK);
    UNIT_NEAR(*(float *)a.data, 3, 0);
    nn_array_free(&a);
    nn_close(s);
    nn_close(t);
    nn_close(NULL);
}

static void diagnostics_as_json(void) {
    struct nn_session *s = nn_open(&(struct nn_options){.json = 1});
    CU_ASSERT_EQUAL(nn_run_text(s, "a", "print(nowhere)"), NN_ERROR);
    CU_ASSERT(says(s, "{\"severity\": \"error\", \"code\": \"E006\""));
    CU_ASSERT(says(s, "\"file\": \"a\", \"line\": 1, \"column\": 7, "));
    nn_close(s);
}

void suite_session_api(void) {
    unit_suite("session: api");
    unit_test("tensors are fed and fetched by name", feeds_and_fetches);
    unit_test("variables live between calls", variables_live_between_calls);
    unit_test("mistakes are told and harm nothing", mistakes_are_told);
    unit_test("random draws follow the seed, at any number of threads", draws_follow_the_seed);
    unit_test("diagnostics are data on demand", diagnostics_as_json);
    unit_test("two sessions do not see each other", sessions_are_independent);
}
