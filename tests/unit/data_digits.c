/* Generated digits: the same for the same seed, balanced, in the form of MNIST, and telling
 * digits apart. */
#include "datafiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct test_loader loader;
    struct dataset_group group;
};

static bool draw(struct fixture *f, uint64_t seed, int64_t train, int64_t test,
                 int64_t validation) {
    memset(f, 0, sizeof *f);
    test_open_loader(&f->loader);
    f->loader.context.seed = seed;
    return load_digits(&f->loader.context, train, test, validation, false, &f->group);
}

static void tear_down(struct fixture *f) {
    dataset_group_release(&f->group);
    test_close_loader(&f->loader);
}

static const uint8_t *pixels_of(const struct dataset *d) { return d->fields[0].stored->data; }

static int label_of(const struct dataset *d, int64_t i) {
    return ((const int32_t *)d->fields[1].stored->data)[i];
}

static void test_form(void) {
    struct fixture f;
    CU_ASSERT_TRUE_FATAL(draw(&f, 1, 103, 20, 7));
    CU_ASSERT_STRING_EQUAL(f.group.title, "generated digits");
    CU_ASSERT_EQUAL(f.group.train->length, 103);
    CU_ASSERT_EQUAL(f.group.validation->length, 7);
    CU_ASSERT_EQUAL(f.group.test->length, 20);
    struct tensor *images = dataset_field_values(f.group.train, 0);
    CU_ASSERT_EQUAL(images->dtype, DTYPE_F32);
    CU_ASSERT_EQUAL(images->dim[1], 784);
    int counts[10] = {0};
    for (int i = 0; i < 100; i++)
        counts[label_of(f.group.train, i)]++;
    for (int i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(counts[i], 10);
    tear_down(&f);
}

/* Image i depends on seed, set and i alone, so not on how many are drawn, in how many ranges. */
static void test_deterministic(void) {
    struct fixture f, g, h;
    CU_ASSERT_TRUE_FATAL(draw(&f, 7, 500, 200, 0) && draw(&g, 7, 333, 200, 0) &&
                         draw(&h, 8, 333, 200, 0));
    CU_ASSERT_EQUAL(memcmp(pixels_of(f.group.train), pixels_of(g.group.train), 333 * 784), 0);
    for (int i = 0; i < 333; i++)
        CU_ASSERT_EQUAL(label_of(f.group.train, i), label_of(g.group.train, i));
    CU_ASSERT_NOT_EQUAL(memcmp(pixels_of(g.group.train), pixels_of(h.group.train), 333 * 784), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(pixels_of(f.group.train), pixels_of(f.group.test), 200 * 784), 0);
    tear_down(&f);
    tear_down(&g);
    tear_down(&h);
}

/* Ink as MNIST has it: a fifth of the pixels, around the middle, none at the rim, no image empty
 * or full. */
static void test_looks_like_mnist(void) {
    struct fixture f;
    CU_ASSERT_TRUE_FATAL(draw(&f, 1, 2000, 1, 0));
    double sum = 0, rim = 0;
    for (int i = 0; i < 2000; i++) {
        const uint8_t *p = pixels_of(f.group.train) + i * 784;
        double mass = 0, mx = 0, my = 0;
        for (int k = 0; k < 784; k++) {
            mass += p[k];
            mx += p[k] * (k % 28 + 0.5);
            my += p[k] * (k / 28 + 0.5);
            rim += k < 28 || k >= 756 || k % 28 == 0 || k % 28 == 27 ? p[k] : 0;
        }
        CU_ASSERT(mass / 255 > 15 && mass / 255 < 400);
        CU_ASSERT(fabs(mx / mass - 14) < 4 && fabs(my / mass - 14) < 4);
        sum += mass / 255 / 784;
    }
    UNIT_NEAR(sum / 2000, 0.13, 0.02);
    CU_ASSERT(rim / 255 / 2000 < 0.5);
    tear_down(&f);
}

/* The nearest mean image tells most digits: they are readable, and not too easy. */
static void test_difficulty(void) {
    struct fixture f;
    CU_ASSERT_TRUE_FATAL(draw(&f, 1, 5000, 1000, 0));
    double(*mean)[784] = calloc(10, sizeof *mean);
    for (int i = 0; i < 5000; i++)
        for (int k = 0; k < 784; k++)
            mean[label_of(f.group.train, i)][k] += pixels_of(f.group.train)[i * 784 + k] / 500.0;
    int n_right = 0;
    for (int i = 0; i < 1000; i++) {
        double best = INFINITY;
        int guess = -1;
        for (int d = 0; d < 10; d++) {
            double distance = 0;
            for (int k = 0; k < 784; k++) {
                double e = pixels_of(f.group.test)[i * 784 + k] - mean[d][k];
                distance += e * e;
            }
            if (distance < best)
                best = distance, guess = d;
        }
        n_right += guess == label_of(f.group.test, i);
    }
    UNIT_NEAR(n_right / 1000.0, 0.80, 0.10);
    free(mean);
    tear_down(&f);
}

static void test_refuses_counts(void) {
    static const int64_t bad[][3] = {{0, 1, 0},         {1, 0, 0},         {1, 1, -1},
                                     {INT64_MAX, 1, 0}, {1, INT64_MIN, 0}, {1, 1, INT64_MAX}};
    static const char *const names[] = {"train is 0",
                                        "test is 0",
                                        "validation is -1",
                                        "train is 9223372036854775807",
                                        "test is -9223372036854775808",
                                        "validation is 9223372036854775807"};
    for (int i = 0; i < 6; i++) {
        struct fixture f;
        CU_ASSERT_FALSE(draw(&f, 1, bad[i][0], bad[i][1], bad[i][2]));
        CU_ASSERT_EQUAL(f.loader.diags.n_errors, 1);
        CU_ASSERT_TRUE(test_said(&f.loader, names[i]));
        tear_down(&f);
    }
}

void suite_data_digits(void) {
    unit_suite("data: digits");
    unit_test("form and balance", test_form);
    unit_test("deterministic", test_deterministic);
    unit_test("looks like MNIST", test_looks_like_mnist);
    unit_test("about as hard as MNIST", test_difficulty);
    unit_test("refuses impossible counts", test_refuses_counts);
}
