/* Data sets: the cursor's promises. Every example of an epoch is dealt once, whatever the batch
 * size; epochs differ; a cursor that is put somewhere goes on from there. */
#include "datafiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fields: "images" bytes [n, 3] with all elements i % 256, "number" int [n] with element i. */
static struct dataset *make_set(struct arena *a, const char *name, uint64_t seed, int64_t n) {
    struct dataset *d = dataset_new(a, name, seed);
    struct tensor *images = tensor_new(DTYPE_U8, 2, (int64_t[]){n, 3});
    struct tensor *numbers = tensor_new(DTYPE_I32, 1, &n);
    for (int64_t i = 0; i < n; i++) {
        memset((uint8_t *)images->data + 3 * i, (int)(i % 256), 3);
        ((int32_t *)numbers->data)[i] = (int32_t)i;
    }
    dataset_add_bytes(d, "images", images, 255);
    dataset_add_field(d, "number", numbers);
    return d;
}

/* Deals n_batches batches of n and appends the numbers to `dealt`; checks that the fields stay
 * together. */
static void deal(struct dataset *d, int64_t n, int n_batches, int32_t *dealt) {
    for (int b = 0; b < n_batches; b++) {
        struct tensor *out[2];
        CU_ASSERT_TRUE_FATAL(dataset_next_batch(d, n, out));
        CU_ASSERT_EQUAL(out[0]->dtype, DTYPE_F32);
        CU_ASSERT_EQUAL(out[0]->dim[0], n);
        CU_ASSERT_EQUAL(out[0]->dim[1], 3);
        CU_ASSERT_EQUAL(out[1]->rank, 1);
        for (int64_t i = 0; i < n; i++) {
            int32_t number = ((int32_t *)out[1]->data)[i];
            float expected = (float)(number % 256) / 255;
            for (int k = 0; k < 3; k++)
                CU_ASSERT_EQUAL(((float *)out[0]->data)[3 * i + k], expected);
            *dealt++ = number;
        }
        tensor_unref(out[0]);
        tensor_unref(out[1]);
    }
}

static void test_every_epoch_is_a_permutation(void) {
    static const int lengths[] = {1, 2, 7, 100, 1000}, batches[] = {1, 2, 3, 7, 64, 100, 999, 1000};
    struct arena a = {0};
    for (int l = 0; l < 5; l++)
        for (int b = 0; b < 8; b++) {
            int length = lengths[l], n = batches[b];
            if (n > length)
                continue;
            struct dataset *d = make_set(&a, "t", 1, length);
            int n_epochs = 4, n_batches = (n_epochs * length + n - 1) / n;
            int32_t *dealt = arena_array(&a, int32_t, n * n_batches);
            deal(d, n, n_batches, dealt);
            CU_ASSERT_EQUAL(d->dealt, (int64_t)n * n_batches);
            for (int e = 0; e < n_epochs; e++) {
                int *seen = arena_array(&a, int, length);
                for (int i = 0; i < length; i++)
                    seen[dealt[e * length + i]]++;
                for (int i = 0; i < length; i++)
                    CU_ASSERT_EQUAL(seen[i], 1);
            }
            dataset_release(d);
        }
    arena_free(&a);
}

static void test_batch_size_does_not_change_the_order(void) {
    struct arena a = {0};
    int32_t one[300], other[300];
    struct dataset *d = make_set(&a, "t", 5, 100), *e = make_set(&a, "t", 5, 100);
    deal(d, 30, 10, one);
    deal(e, 100, 3, other);
    CU_ASSERT_EQUAL(memcmp(one, other, sizeof one), 0);
    dataset_release(d);
    dataset_release(e);
    arena_free(&a);
}

static void test_order_is_keyed(void) {
    struct arena a = {0};
    int32_t base[400], seed[200], name[200];
    struct dataset *d = make_set(&a, "t", 5, 200), *e = make_set(&a, "t", 6, 200),
                   *f = make_set(&a, "u", 5, 200);
    deal(d, 200, 2, base);
    deal(e, 200, 1, seed);
    deal(f, 200, 1, name);
    CU_ASSERT_NOT_EQUAL(memcmp(base, base + 200, sizeof seed), 0); /* the next epoch */
    CU_ASSERT_NOT_EQUAL(memcmp(base, seed, sizeof seed), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(base, name, sizeof seed), 0);
    dataset_release(d);
    dataset_release(e);
    dataset_release(f);
    arena_free(&a);
}

static void test_cursor_goes_on(void) {
    struct arena a = {0};
    int32_t whole[400], rest[100];
    struct dataset *d = make_set(&a, "t", 5, 70), *e = make_set(&a, "t", 5, 70);
    deal(d, 20, 20, whole);
    e->dealt = 300;
    deal(e, 20, 5, rest);
    CU_ASSERT_EQUAL(memcmp(whole + 300, rest, sizeof rest), 0);
    d->dealt = 0; /* back again */
    deal(d, 20, 5, rest);
    CU_ASSERT_EQUAL(memcmp(whole, rest, sizeof rest), 0);
    dataset_release(d);
    dataset_release(e);
    arena_free(&a);
}

/* Position 0 of the first epoch over many seeds: favour for some examples would show. */
static void test_shuffle_is_fair(void) {
    struct arena a = {0};
    int counts[10] = {0};
    for (uint64_t seed = 0; seed < 5000; seed++) {
        int32_t dealt[10];
        struct dataset *d = make_set(&a, "t", seed, 10);
        deal(d, 10, 1, dealt);
        counts[dealt[0]]++;
        dataset_release(d);
    }
    double chi_squared = 0;
    for (int i = 0; i < 10; i++)
        chi_squared += (counts[i] - 500.0) * (counts[i] - 500.0) / 500;
    CU_ASSERT(chi_squared < 27.9); /* 9 degrees of freedom, p = 0.001 */
    arena_free(&a);
}

static void test_refuses_impossible_batches(void) {
    struct arena a = {0};
    struct tensor *out[2];
    struct dataset *d = make_set(&a, "t", 5, 10), *empty = make_set(&a, "t", 5, 0);
    static const int64_t bad[] = {0, -1, 11, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 5; i++)
        CU_ASSERT_FALSE(dataset_next_batch(d, bad[i], out));
    CU_ASSERT_EQUAL(d->dealt, 0);
    CU_ASSERT_FALSE(dataset_next_batch(empty, 1, out));
    d->dealt = -5;
    CU_ASSERT_FALSE(dataset_next_batch(d, 1, out));
    d->dealt = INT64_MAX - 1;
    CU_ASSERT_FALSE(dataset_next_batch(d, 2, out));
    dataset_release(d);
    dataset_release(empty);
    arena_free(&a);
}

static void test_whole_fields(void) {
    struct arena a = {0};
    struct dataset *d = make_set(&a, "t", 5, 300);
    CU_ASSERT_EQUAL(dataset_find_field(d, "images"), 0);
    CU_ASSERT_EQUAL(dataset_find_field(d, "number"), 1);
    CU_ASSERT_EQUAL(dataset_find_field(d, "labels"), -1);
    CU_ASSERT_EQUAL(dataset_field_dtype(d, 0), DTYPE_F32);
    CU_ASSERT_EQUAL(dataset_field_dtype(d, 1), DTYPE_I32);
    struct tensor *images = dataset_field_values(d, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(images);
    CU_ASSERT_PTR_EQUAL(images, dataset_field_values(d, 0));
    CU_ASSERT_EQUAL(images->dtype, DTYPE_F32);
    for (int i = 0; i < 300; i++)
        CU_ASSERT_EQUAL(((float *)images->data)[3 * i], (float)(i % 256) / 255.0f);
    CU_ASSERT_PTR_EQUAL(dataset_field_values(d, 1), d->fields[1].stored);
    dataset_release(d);
    arena_free(&a);
}

static void test_labels_in_both_forms(void) {
    struct arena a = {0};
    const uint8_t labels[] = {3, 0, 2};
    const int64_t dim[] = {3, 4};
    struct dataset *hot =
        dataset_new_images(&a, "t", 1, tensor_new(DTYPE_U8, 2, dim), labels, 4, true);
    struct dataset *plain =
        dataset_new_images(&a, "t", 1, tensor_new(DTYPE_U8, 2, dim), labels, 4, false);
    const float expected[] = {0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0};
    struct tensor *h = dataset_field_values(hot, 1), *p = dataset_field_values(plain, 1);
    CU_ASSERT_EQUAL(h->dtype, DTYPE_F32);
    CU_ASSERT_EQUAL(memcmp(h->data, expected, sizeof expected), 0);
    CU_ASSERT_EQUAL(p->dtype, DTYPE_I32);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(((int32_t *)p->data)[i], labels[i]);
    dataset_release(hot);
    dataset_release(plain);
    arena_free(&a);
}

/* The numbers of a set's examples, in its own order. */
static const int32_t *numbers_of(struct dataset *d) { return dataset_field_values(d, 1)->data; }

static void check_together(struct dataset *d) {
    const float *images = dataset_field_values(d, 0)->data;
    for (int64_t i = 0; i < d->length; i++)
        CU_ASSERT_EQUAL(images[3 * i], (float)(numbers_of(d)[i] % 256) / 255);
}

static void test_parts_share_storage(void) {
    struct arena a = {0};
    struct dataset *d = make_set(&a, "t", 5, 300);
    struct dataset *part = dataset_copy(&a, d, "t.part");
    CU_ASSERT_TRUE(dataset_slice(part, 100, 50));
    CU_ASSERT_EQUAL(part->length, 50);
    CU_ASSERT_EQUAL(dataset_field_shape(part, 0).d[0].k, 50);
    CU_ASSERT_PTR_EQUAL(part->fields[1].stored->data, (int32_t *)d->fields[1].stored->data + 100);
    CU_ASSERT_EQUAL(numbers_of(part)[0], 100);
    check_together(part);
    dataset_release(d); /* the part keeps what it shows */
    CU_ASSERT_EQUAL(numbers_of(part)[49], 149);
    int32_t dealt[50];
    int sum = 0;
    deal(part, 10, 5, dealt);
    for (int i = 0; i < 50; i++)
        sum += dealt[i];
    CU_ASSERT_EQUAL(sum, 50 * 100 + 49 * 25);
    dataset_release(part);
    arena_free(&a);
}

static void test_shuffled_for_good(void) {
    struct arena a = {0};
    struct dataset *d = make_set(&a, "t", 5, 300), *s = dataset_copy(&a, d, "t.shuffle"),
                   *again = dataset_copy(&a, d, "t.shuffle");
    bool seen[300] = {false};
    CU_ASSERT_TRUE(dataset_shuffle(s) && dataset_shuffle(again));
    CU_ASSERT_EQUAL(memcmp(numbers_of(s), numbers_of(again), 300 * sizeof(int32_t)), 0);
    CU_ASSERT_PTR_EQUAL(s->fields[0].rows, s->fields[1].rows);
    check_together(s);
    for (int i = 0; i < 300; i++)
        seen[numbers_of(s)[i]] = true;
    for (int i = 0; i < 300; i++)
        CU_ASSERT_TRUE(seen[i]);
    /* a part of it, in another order again */
    struct dataset *part = dataset_copy(&a, s, "t.shuffle.part");
    CU_ASSERT_TRUE(dataset_slice(part, 10, 5));
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(numbers_of(part)[i], numbers_of(s)[10 + i]);
    struct dataset *mixed = dataset_copy(&a, part, "t.mixed");
    int32_t sum = 0, expected = 0;
    CU_ASSERT_TRUE(dataset_shuffle(mixed));
    check_together(mixed);
    for (int i = 0; i < 5; i++)
        sum += numbers_of(mixed)[i], expected += numbers_of(part)[i];
    CU_ASSERT_EQUAL(sum, expected);
    struct dataset *all[] = {d, s, again, part, mixed};
    for (int i = 0; i < 5; i++)
        dataset_release(all[i]);
    arena_free(&a);
}

static void test_fields_of_two_orders(void) {
    struct arena a = {0};
    struct dataset *d = make_set(&a, "t", 5, 20), *s = dataset_copy(&a, d, "t.shuffle");
    CU_ASSERT_TRUE(dataset_shuffle(s));
    struct dataset *z = dataset_copy(&a, s, "z");
    dataset_join(z, d);
    CU_ASSERT_EQUAL(z->n_fields, 4);
    CU_ASSERT_TRUE(dataset_shuffle(z));
    const int32_t *one = dataset_field_values(z, 1)->data, *other = dataset_field_values(z, 3)->data;
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(one[i], numbers_of(s)[other[i]]);
    dataset_select(z, (bool[]){false, true, false, true});
    CU_ASSERT_EQUAL(z->n_fields, 2);
    CU_ASSERT_EQUAL(z->length, 20);
    dataset_release(d);
    dataset_release(s);
    dataset_release(z);
    arena_free(&a);
}

static void test_dealt_by_epoch(void) {
    struct arena a = {0};
    struct dataset *d = make_set(&a, "t", 5, 70);
    int32_t whole[140];
    struct tensor *out[2];
    deal(d, 70, 2, whole);
    CU_ASSERT_TRUE_FATAL(dataset_deal(d, 1, 30, 20, true, out));
    CU_ASSERT_EQUAL(memcmp(out[1]->data, whole + 100, 20 * sizeof(int32_t)), 0);
    tensor_unref(out[0]), tensor_unref(out[1]);
    CU_ASSERT_TRUE_FATAL(dataset_deal(d, 1, 30, 20, false, out));
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(((int32_t *)out[1]->data)[i], 30 + i);
    tensor_unref(out[0]), tensor_unref(out[1]);
    CU_ASSERT_EQUAL(d->dealt, 140);
    dataset_release(d);
    arena_free(&a);
}

static void test_many_fields(void) {
    struct arena a = {0};
    struct dataset *d = dataset_new(&a, "wide", 1);
    struct tensor *out[40];
    for (int i = 0; i < 40; i++) {
        struct tensor *t = tensor_new(DTYPE_I32, 1, (int64_t[]){2});
        ((int32_t *)t->data)[1] = i;
        dataset_add_field(d, arena_printf(&a, "f%d", i), t);
    }
    CU_ASSERT_EQUAL(dataset_find_field(d, "f39"), 39);
    CU_ASSERT_TRUE_FATAL(dataset_deal(d, 0, 1, 1, false, out));
    for (int i = 0; i < 40; i++) {
        CU_ASSERT_EQUAL(((int32_t *)out[i]->data)[0], i);
        tensor_unref(out[i]);
    }
    dataset_release(d);
    arena_free(&a);
}

/* In a dry run a field may be known beside one that is not: it is dealt as the run will. */
static void test_known_beside_unknown(void) {
    struct arena a = {0};
    struct dataset *known = make_set(&a, "t", 5, 20), *z = dataset_copy(&a, known, "z");
    struct dataset *unknown = dataset_new_phantom(&a, known);
    struct dataset *expected = dataset_copy(&a, known, "z");
    struct tensor *out[4], *same[2];
    dataset_join(z, unknown);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE_FATAL(dataset_next_batch(z, 8, out));
        CU_ASSERT_TRUE_FATAL(dataset_next_batch(expected, 8, same));
        CU_ASSERT_EQUAL(memcmp(out[1]->data, same[1]->data, 8 * sizeof(int32_t)), 0);
        CU_ASSERT_TRUE(out[3]->phantom);
        for (int k = 0; k < 4; k++)
            tensor_unref(out[k]);
        tensor_unref(same[0]), tensor_unref(same[1]);
    }
    struct dataset *all[] = {known, z, unknown, expected};
    for (int i = 0; i < 4; i++)
        dataset_release(all[i]);
    arena_free(&a);
}

void suite_data_dataset(void) {
    unit_suite("data: dataset");
    unit_test("every epoch is a permutation", test_every_epoch_is_a_permutation);
    unit_test("batch size does not change the order", test_batch_size_does_not_change_the_order);
    unit_test("order is keyed by seed, name and epoch", test_order_is_keyed);
    unit_test("a cursor goes on where it was put", test_cursor_goes_on);
    unit_test("the shuffle is fair", test_shuffle_is_fair);
    unit_test("impossible batches are refused", test_refuses_impossible_batches);
    unit_test("whole fields", test_whole_fields);
    unit_test("labels one-hot and plain", test_labels_in_both_forms);
    unit_test("parts share storage", test_parts_share_storage);
    unit_test("shuffled for good", test_shuffled_for_good);
    unit_test("fields of two orders", test_fields_of_two_orders);
    unit_test("dealt by epoch", test_dealt_by_epoch);
    unit_test("many fields", test_many_fields);
    unit_test("known fields beside unknown ones", test_known_beside_unknown);
}
