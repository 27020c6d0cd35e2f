/* Tables of separated values: what a row is, what a number is, what a column becomes, and that no
 * text whatever does more than be refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/csv.h"
#include "data/csv_rows.h"
#include "data/number.h"
#include "data/store.h"
#include "datafiles.h"

static const char *folder;
static struct test_loader loader;

static void set_up(void) {
    test_open_loader(&loader);
    folder = test_make_folder(&loader.arena);
}

static void tear_down(void) {
    test_remove_folder(folder);
    test_close_loader(&loader);
}

/* The rows of a text, cells between bars, rows between lines; "! fault" behind the last. */
static void expect_rows(const char *text, char separator, const char *expected) {
    struct csv_rows r;
    enum csv_row got;
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    csv_rows_open(&r, text, (int64_t)strlen(text), separator);
    while ((got = csv_rows_next(&r)) == CSV_ROW) {
        fprintf(f, "%lld", (long long)r.line);
        for (int i = 0; i < r.n_cells; i++)
            fprintf(f, "|%.*s", (int)r.cells[i].n, r.cells[i].text);
        fputc('\n', f);
    }
    if (got == CSV_FAULT)
        fprintf(f, "! %s", r.fault);
    fclose(f);
    UNIT_TEXT(out, expected);
    free(out);
    csv_rows_close(&r);
}

static void test_rows(void) {
    expect_rows("a,b\n1,2\n", ',', "1|a|b\n2|1|2\n");
    expect_rows("\xef\xbb\xbf" "a,b\r\n1,\r\n\r\n", ',', "1|a|b\n2|1|\n");
    expect_rows("a\rb", ',', "1|a\n2|b\n");
    expect_rows(",\n\n,", ',', "1||\n2|\n3||\n");
    expect_rows(" a b , \"c , d\" ,e\n", ',', "1|a b|c , d|e\n");
    expect_rows("\"two\nlines\",\"say \"\"yes\"\"\"\n\"\",\"\"\"\"\nlast", ',',
                "1|two\nlines|say \"yes\"\n3||\"\n4|last\n");
    expect_rows("5\" pipe\t x \t\n", '\t', "1|5\" pipe|x|\n");
    expect_rows("", ',', "");
    expect_rows("\n\n", ',', "");
    expect_rows("a\n\"b", ',', "1|a\n! a quote opens a cell and none closes it");
    expect_rows("\"a\"b", ',',
                "! text behind the quote that closes a cell; a quote within it is written \"\"");
}

static void test_too_many_cells(void) {
    static char text[2 * CSV_MAX_COLUMNS];
    struct csv_rows r;
    memset(text, ',', sizeof text);
    csv_rows_open(&r, text, sizeof text, ',');
    CU_ASSERT_EQUAL(csv_rows_next(&r), CSV_FAULT);
    csv_rows_close(&r);
    csv_rows_open(&r, text, CSV_MAX_COLUMNS - 1, ',');
    CU_ASSERT_EQUAL(csv_rows_next(&r), CSV_ROW);
    CU_ASSERT_EQUAL(r.n_cells, CSV_MAX_COLUMNS);
    csv_rows_close(&r);
}

static struct number number_of(const char *text) {
    return number_read(text, (int64_t)strlen(text), '.');
}

static void test_numbers(void) {
    static const char *const none[] = {"",    "+",    "-",   ".",    "e5",  "1e",   "1e+", "1,5",
                                       "inf", "nan",  "0x1", "1 2",  "1_0", "--1",  "1.2.3",
                                       "1e5.", "\xd9\xa3"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CU_ASSERT_EQUAL(number_of(none[i]).kind, NUMBER_NONE);
    CU_ASSERT_EQUAL(number_of("-0012").whole, -12);
    CU_ASSERT_EQUAL(number_of("9223372036854775807").whole, INT64_MAX);
    CU_ASSERT_EQUAL(number_of("-9223372036854775808").whole, INT64_MIN);
    CU_ASSERT_TRUE(number_of("9223372036854775808").huge);
    CU_ASSERT_TRUE(number_of("99999999999999999999999").huge);
    CU_ASSERT_EQUAL(number_of("3.0").kind, NUMBER_FRACTION);
    CU_ASSERT_TRUE(isinf(number_of("1e999").value));
}

/* Every number is the one that the C library reads. */
static void test_numbers_are_exact(void) {
    struct rng_key key = rng_key_make(1, 2, 3);
    uint64_t draw = 0;
    int n_wrong = 0;
    for (int i = 0; i < 200000; i++) {
        char text[64], *p = text;
        if (rng_below(key, draw++, 2))
            *p++ = "-+"[rng_below(key, draw++, 2)];
        for (uint64_t k = rng_below(key, draw++, 20) + 1; k > 0; k--)
            *p++ = (char)('0' + rng_below(key, draw++, 10));
        if (rng_below(key, draw++, 2)) {
            *p++ = '.';
            for (uint64_t k = rng_below(key, draw++, 20); k > 0; k--)
                *p++ = (char)('0' + rng_below(key, draw++, 10));
        }
        *p = 0;
        if (rng_below(key, draw++, 2))
            snprintf(p, 16, "e%d", (int)rng_below(key, draw++, 60) - 30);
        n_wrong += number_of(text).value != strtod(text, NULL);
    }
    CU_ASSERT_EQUAL(n_wrong, 0);
}

static struct csv_options options(void) {
    return (struct csv_options){.header = true,
                                .separator = ',',
                                .decimal = '.',
                                .missing_words = CSV_MISSING_WORDS};
}

static struct dataset *load(const char *text, const struct csv_options *o) {
    struct dataset *d = NULL;
    const char *path = test_write_raw(&loader.arena, folder, "t.csv", text, strlen(text));
    return load_csv(&loader.context, path, o, &d) ? d : NULL;
}

static void test_columns(void) {
    set_up();
    struct csv_options o = options();
    struct dataset *d =
        load("n,x,wide,city\n1,1.5,5000000000,Ulm\n-2,2,1,\"A, B\"\n3,1e2,2,Ulm\n", &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    static const enum dtype dtypes[] = {DTYPE_I32, DTYPE_F32, DTYPE_I64, DTYPE_I32};
    CU_ASSERT_EQUAL(d->n_fields, 4);
    CU_ASSERT_EQUAL(d->length, 3);
    UNIT_TEXT(d->name, "t");
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(dataset_field_dtype(d, i), dtypes[i]);
    CU_ASSERT_EQUAL(tensor_get(d->fields[0].stored, 1), -2);
    CU_ASSERT_EQUAL(tensor_get(d->fields[1].stored, 2), 100);
    const struct categories *c = d->fields[3].categories;
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->n, 2);
    UNIT_TEXT(c->name[0], "A, B");
    CU_ASSERT_EQUAL(tensor_get(d->fields[3].stored, 0), 1);
    CU_ASSERT_EQUAL(tensor_get(d->fields[3].stored, 1), 0);

    o.like = d;
    struct dataset *other = load("city,wide,x,n\nUlm,1,2,3\n", &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    CU_ASSERT_PTR_EQUAL(other->fields[0].categories, c);
    CU_ASSERT_EQUAL(tensor_get(other->fields[0].stored, 0), 1);
    CU_ASSERT_EQUAL(dataset_field_dtype(other, 2), DTYPE_F32);
    dataset_release(other);
    CU_ASSERT_PTR_NULL(load("n,x,wide,city\n1,2,3,Bonn\n", &o));
    CU_ASSERT_TRUE(test_said(&loader, "t.csv:2: column `city`: \"Bonn\" is none of the 2"));
    CU_ASSERT_PTR_NULL(load("n,x,city\n1,2,Ulm\n", &o));
    CU_ASSERT_TRUE(test_said(&loader, "has no column `wide`, which `like` names"));
    CU_ASSERT_PTR_NULL(load("n,x,wide,city\n1.5,2,3,Ulm\n", &o));
    CU_ASSERT_TRUE(test_said(&loader, "\"1.5\" is no whole number, and `like` says int"));
    dataset_release(d);
    tear_down();
}

static void test_decimal_comma(void) {
    set_up();
    struct csv_options o = options();
    o.separator = ';';
    o.decimal = ',';
    struct dataset *d = load("x;n\n1,5;1\n-0,12345678901234567890123;2\n", &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(dataset_field_dtype(d, 0), DTYPE_F32);
    CU_ASSERT_EQUAL(dataset_field_dtype(d, 1), DTYPE_I32);
    CU_ASSERT_EQUAL(tensor_get(d->fields[0].stored, 0), 1.5);
    UNIT_NEAR(tensor_get(d->fields[0].stored, 1), -0.123456789, 1e-8);
    dataset_release(d);
    tear_down();
}

static void test_missing(void) {
    set_up();
    static const char text[] = "a,b\n1,x\n?,y\n3,z\n";
    struct csv_options o = options();
    CU_ASSERT_PTR_NULL(load(text, &o));
    CU_ASSERT_TRUE(test_said(&loader, "t.csv:3: column `a`: \"?\" stands for no value"));
    o.missing = CSV_MISSING_DROP;
    struct dataset *d = load(text, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(d->length, 2);
    CU_ASSERT_EQUAL(d->fields[1].categories->n, 2);
    CU_ASSERT_TRUE(test_said(&loader, "1 row of 3 lacked a value: left out"));
    dataset_release(d);
    o.missing = CSV_MISSING_NAN;
    d = load(text, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(d->length, 3);
    CU_ASSERT_EQUAL(dataset_field_dtype(d, 0), DTYPE_F32);
    CU_ASSERT_TRUE(isnan(tensor_get(d->fields[0].stored, 1)));
    dataset_release(d);
    CU_ASSERT_PTR_NULL(load("a,b\n1,x\n2,\n", &o));
    CU_ASSERT_TRUE(test_said(&loader, "there is no NaN of text"));
    tear_down();
}

static void test_refusals(void) {
    set_up();
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "is empty"},
        {"\n\n", "is empty"},
        {"a,b\n", "names of columns, but no row"},
        {"a,2\n3,4\n", ":1: \"2\" is a number where the name of a column should be"},
        {"a,b\n1,2\n3\n", ":3: 1 cell, but the header has 2"},
        {"a,b\n1,2\n3,4,5\n", ":3: 3 cells, but the header has 2"},
        {"a,b,a\n1,2,3\n", ":1: columns 1 and 3 are both `a`"},
        {"a,b\n1,2\n3,x\n5,6\n", ":3: column `b`: \"x\" is no number, as the row before has"},
        {"a,b\n1,x\n3,4\n5,6\n", ":2: column `b`: \"x\" is no number, as the 2 rows after it"},
        {"a,b\n1,x\n3,y\n5,6\n", ":4: column `b`: \"6\" is a number, but 2 cells are text"},
        {"a;b\n1;2\n", ":1: one column only: \"a;b\""},
        {"a,b\n1,1e39\n", "\"1e39\" is too large for a float"},
        {"a,b\n1,99999999999999999999\n", "too large for an int64"},
        {"a,b\n1,\"2,5\"\n2,\"1,25\"\n", ":2: column `b`: \"2,5\" has a `,` where a number has"},
        {"a,b\n1,\"2\n", ":2: a quote opens a cell"},
        {"a,b\n1,\xff\n", ":2: the byte 0xff is not UTF-8"},
        {"\xff\xfe" "a", "UTF-16"},
        {"\x1f\x8b\x08", "compressed by gzip"},
        {"a,b\n1,\n,2\n", "`b` lacks 1 of 2 values"},
    };
    struct csv_options o = options();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_PTR_NULL(load(cases[i].text, &o));
        CU_ASSERT_TRUE(test_said(&loader, cases[i].said));
        if (!test_said(&loader, cases[i].said))
            printf("\n    not said: %s ", cases[i].said);
    }
    tear_down();
}

/* What a dry run has read is the run's, and is not read again. */
static void test_dry(void) {
    set_up();
    struct load_store store = {0};
    struct csv_options o = options();
    o.missing = CSV_MISSING_DROP;
    const char *path = test_write_raw(&loader.arena, folder, "d.csv", "a,b\n1,x\n2,y\n,z\n", 15);
    struct dataset *d, *phantom;
    loader.context.store = &store;
    loader.context.dry = true;
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_TRUE_FATAL(load_csv(&loader.context, path, &o, &phantom));
        CU_ASSERT_TRUE(phantom->fields[0].stored->phantom);
        CU_ASSERT_EQUAL(phantom->length, 2);
        CU_ASSERT_EQUAL(phantom->fields[1].categories->n, 2);
        dataset_release(phantom);
    }
    CU_ASSERT_EQUAL(store.list.n, 1);
    CU_ASSERT_FALSE(test_said(&loader, "left out"));
    loader.context.dry = false;
    CU_ASSERT_TRUE_FATAL(load_csv(&loader.context, path, &o, &d));
    CU_ASSERT_PTR_EQUAL(d, store.list.at[0].set);
    CU_ASSERT_TRUE(test_said(&loader, "left out"));
    CU_ASSERT_EQUAL(tensor_get(d->fields[0].stored, 1), 2);
    dataset_release(d);
    CU_ASSERT_TRUE_FATAL(load_csv(&loader.context, path, &o, &d));
    dataset_release(d);
    load_store_free(&store);
    tear_down();
}

static void test_interrupted(void) {
    set_up();
    volatile sig_atomic_t interrupted = 1;
    struct csv_options o = options();
    loader.context.interrupted = &interrupted;
    CU_ASSERT_PTR_NULL(load("a,b\n1,2\n", &o));
    CU_ASSERT_TRUE(test_said(&loader, "stopped while reading"));
    tear_down();
}

/* Any bytes: a set, or a report. */
static void test_garbage(void) {
    set_up();
    static const char bytes[] = ",,,,\"\"\n\n\r\n019.-e abNA?\xc3\xa4\xff;\t";
    struct rng_key key = rng_key_make(4, 5, 6);
    uint64_t draw = 0;
    for (int i = 0; i < 1500; i++) {
        char text[64];
        size_t n = (size_t)rng_below(key, draw++, sizeof text - 1);
        for (size_t k = 0; k < n; k++)
            text[k] = bytes[rng_below(key, draw++, sizeof bytes - 1)];
        text[n] = 0;
        struct csv_options o = options();
        o.header = rng_below(key, draw++, 2);
        o.missing = (enum csv_missing)rng_below(key, draw++, 3);
        struct dataset *d = load(text, &o);
        CU_ASSERT_TRUE(d || loader.diags.list.n > 0);
        if (d)
            dataset_release(d);
        loader.diags.list.n = loader.diags.n_errors = 0;
    }
    tear_down();
}

void suite_data_csv(void) {
    unit_suite("data: csv");
    unit_test("rows, quotes, line ends", test_rows);
    unit_test("too many cells are refused", test_too_many_cells);
    unit_test("numbers", test_numbers);
    unit_test("numbers are those of the C library", test_numbers_are_exact);
    unit_test("columns, categories, like", test_columns);
    unit_test("a decimal comma", test_decimal_comma);
    unit_test("missing values", test_missing);
    unit_test("what is refused, in which words", test_refusals);
    unit_test("a dry run's table is the run's", test_dry);
    unit_test("an interrupt ends it", test_interrupted);
    unit_test("any bytes", test_garbage);
}
