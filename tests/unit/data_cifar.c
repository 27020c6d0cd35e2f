/* CIFAR-10's files: pixels and labels where they belong, a part of the set, every kind of
 * damage. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datafiles.h"

enum { RECORD = 3073, PLANE = 1024 };

static const char *folder, *data_before, *cache_before;
static struct test_loader loader;

static void set_up(void) {
    test_open_loader(&loader);
    folder = test_make_folder(&loader.arena);
    data_before = test_keep_variable(&loader.arena, "NNRUN_DATA");
    cache_before = test_keep_variable(&loader.arena, "XDG_CACHE_HOME");
    unsetenv("NNRUN_DATA");
    setenv("XDG_CACHE_HOME", folder, 1);
}

static void tear_down(void) {
    test_put_variable("NNRUN_DATA", data_before);
    test_put_variable("XDG_CACHE_HOME", cache_before);
    test_remove_folder(folder);
    test_close_loader(&loader);
}

/* n records; record i has label (first + i) % 10, pixel p of plane k is (i + 3 p + k) % 256. */
static void write_batch(const char *name, int first, int n, size_t n_bytes) {
    uint8_t *bytes = malloc((size_t)n * RECORD);
    for (int i = 0; i < n; i++) {
        uint8_t *record = bytes + i * RECORD;
        *record++ = (uint8_t)((first + i) % 10);
        for (int k = 0; k < 3; k++)
            for (int p = 0; p < PLANE; p++)
                *record++ = (uint8_t)(i + 3 * p + k);
    }
    test_write_raw(&loader.arena, folder, name, bytes, n_bytes ? n_bytes : (size_t)n * RECORD);
    free(bytes);
}

static void test_a_part(void) {
    set_up();
    struct dataset_group g;
    write_batch("data_batch_1.bin", 0, 7, 0);
    write_batch("data_batch_4.bin", 7, 5, 0);
    write_batch("test_batch.bin", 3, 4, 0);
    CU_ASSERT_TRUE_FATAL(load_cifar10(&loader.context, folder, false, 2, &g));
    CU_ASSERT_EQUAL(g.train->length, 10);
    CU_ASSERT_EQUAL(g.validation->length, 2);
    CU_ASSERT_EQUAL(g.test->length, 4);
    UNIT_TEXT(g.title, "CIFAR-10 (12 of 50,000 training images)");
    CU_ASSERT_TRUE(test_said(&loader, "12 of 50,000 training and 4 of 10,000 test images"));
    struct tensor *images = dataset_field_values(g.train, 0);
    CU_ASSERT_EQUAL(images->rank, 4);
    CU_ASSERT_EQUAL(images->dim[3], 3);
    /* record 9 of all is record 2 of batch 4, and image 7 behind the validation set */
    for (int k = 0; k < 3; k++)
        UNIT_NEAR(tensor_get(images, (7 * PLANE + 50) * 3 + k), (float)(2 + 150 + k) / 255, 1e-7);
    CU_ASSERT_EQUAL(tensor_get(g.train->fields[1].stored, 7), 9);
    CU_ASSERT_EQUAL(tensor_get(g.test->fields[1].stored, 0), 3);
    dataset_group_release(&g);
    CU_ASSERT_TRUE_FATAL(load_cifar10(&loader.context, folder, true, -1, &g));
    CU_ASSERT_EQUAL(g.validation->length, 1);
    CU_ASSERT_EQUAL(tensor_get(g.test->fields[1].stored, 3), 1);
    dataset_group_release(&g);
    loader.context.dry = true;
    CU_ASSERT_TRUE_FATAL(load_cifar10(&loader.context, folder, true, 0, &g));
    CU_ASSERT_EQUAL(g.train->length, 12);
    CU_ASSERT_TRUE(g.train->fields[0].stored->phantom);
    dataset_group_release(&g);
    tear_down();
}

static void expect_refusal(const char *text) {
    struct dataset_group g;
    loader.diags.list.n = 0;
    CU_ASSERT_FALSE(load_cifar10(&loader.context, folder, true, 0, &g));
    CU_ASSERT_TRUE(test_said(&loader, text));
    CU_ASSERT_PTR_NULL(g.train);
}

static void test_damage(void) {
    set_up();
    expect_refusal("CIFAR-10 was not found");
    /* what another folder names is not looked for elsewhere */
    setenv("NNRUN_DATA", folder, 1);
    expect_refusal("CIFAR-10 was not found");
    CU_ASSERT_FALSE(test_said(&loader, "/cifar10"));
    unsetenv("NNRUN_DATA");
    write_batch("data_batch_1.bin", 0, 3, 0);
    expect_refusal("CIFAR-10 was not found");
    write_batch("test_batch.bin", 0, 3, 3 * RECORD - 1);
    expect_refusal("test_batch.bin has 9218 bytes, expected records of 3073 bytes");
    write_batch("test_batch.bin", 0, 3, 0);
    uint8_t *bytes = calloc(2, RECORD);
    bytes[RECORD] = 10;
    test_write_raw(&loader.arena, folder, "data_batch_2.bin", bytes, 2 * RECORD);
    expect_refusal("data_batch_2.bin has the label 10 at record 1, expected 0 to 9");
    test_write_raw(&loader.arena, folder, "data_batch_2.bin", bytes, 0);
    free(bytes);
    expect_refusal("data_batch_2.bin has 0 bytes");
    struct dataset_group g;
    write_batch("data_batch_2.bin", 0, 1, 0);
    CU_ASSERT_FALSE(load_cifar10(&loader.context, folder, true, 4, &g));
    CU_ASSERT_TRUE(test_said(&loader, "validation is 4, expected 0 to 3"));
    tear_down();
}

void suite_data_cifar(void) {
    unit_suite("data: cifar");
    unit_test("a part of the set, pixel by pixel", test_a_part);
    unit_test("damage and what is missing", test_damage);
}
