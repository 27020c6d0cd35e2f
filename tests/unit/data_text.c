/* Texts: characters to numbers, the alphabet in the order of code points, another text by the same
 * alphabet. */
#include "data/text.h"

#include <string.h>

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

static struct dataset *load(const char *text, size_t n, const struct categories *like) {
    struct dataset *d = NULL;
    const char *path = test_write_raw(&loader.arena, folder, "poem.txt", text, n);
    return load_text(&loader.context, path, like, &d) ? d : NULL;
}

static void test_characters(void) {
    set_up();
    static const char text[] = "ba\xc3\xa4\xf0\x9f\x98\x80""a\n";
    static const int32_t expected[] = {2, 1, 3, 4, 1, 0};
    struct dataset *d = load(text, sizeof text - 1, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(d->length, 6);
    UNIT_TEXT(d->name, "poem");
    CU_ASSERT_EQUAL(memcmp(d->fields[0].stored->data, expected, sizeof expected), 0);
    const struct categories *alphabet = d->fields[0].categories;
    CU_ASSERT_EQUAL(alphabet->n, 5);
    UNIT_TEXT(alphabet->name[0], "\n");
    UNIT_TEXT(alphabet->name[3], "\xc3\xa4");
    UNIT_TEXT(alphabet->name[4], "\xf0\x9f\x98\x80");
    CU_ASSERT_EQUAL(text_find(alphabet, "b", 1), 2);
    CU_ASSERT_EQUAL(text_find(alphabet, "\xc3\xa4", 2), 3);
    CU_ASSERT_EQUAL(text_find(alphabet, "c", 1), -1);

    struct dataset *other = load("ab\n", 3, alphabet);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    CU_ASSERT_PTR_EQUAL(other->fields[0].categories, alphabet);
    CU_ASSERT_EQUAL(tensor_get(other->fields[0].stored, 1), 2);
    dataset_release(other);
    CU_ASSERT_PTR_NULL(load("ab\nac\n", 6, alphabet));
    CU_ASSERT_TRUE(test_said(&loader, "poem.txt:2: the character \"c\" is none of the 5"));
    dataset_release(d);
    d = load("\xef\xbb\xbfx", 4, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    CU_ASSERT_EQUAL(d->length, 1);
    dataset_release(d);
    tear_down();
}

static void test_refusals(void) {
    set_up();
    CU_ASSERT_PTR_NULL(load("", 0, NULL));
    CU_ASSERT_TRUE(test_said(&loader, "poem.txt is empty"));
    CU_ASSERT_PTR_NULL(load("a\nb\xff", 4, NULL));
    CU_ASSERT_TRUE(test_said(&loader, "poem.txt:2: the byte 0xff is not UTF-8"));
    CU_ASSERT_PTR_NULL(load("a\0b", 3, NULL));
    CU_ASSERT_TRUE(test_said(&loader, "poem.txt:1: a zero byte"));
    tear_down();
}

static void test_dry(void) {
    set_up();
    struct load_store store = {0};
    struct dataset *phantom, *d;
    const char *path = test_write_raw(&loader.arena, folder, "poem.txt", "hello", 5);
    loader.context.store = &store;
    loader.context.dry = true;
    CU_ASSERT_TRUE_FATAL(load_text(&loader.context, path, NULL, &phantom));
    CU_ASSERT_TRUE(phantom->fields[0].stored->phantom);
    CU_ASSERT_EQUAL(phantom->length, 5);
    CU_ASSERT_EQUAL(phantom->fields[0].categories->n, 4);
    dataset_release(phantom);
    loader.context.dry = false;
    CU_ASSERT_TRUE_FATAL(load_text(&loader.context, path, NULL, &d));
    CU_ASSERT_PTR_EQUAL(d, store.list.at[0].set);
    dataset_release(d);
    load_store_free(&store);
    tear_down();
}

/* What a dry run keeps outlives the alphabet that it was given. */
static void test_dry_like(void) {
    set_up();
    struct load_store store = {0};
    struct arena dry = {0};
    static const char *const letters[] = {"a", "b"};
    const struct categories like = {2, letters};
    struct dataset *phantom, *d;
    const char *path = test_write_raw(&loader.arena, folder, "poem.txt", "abba", 4);
    struct load_context c = loader.context;
    c.arena = &dry;
    c.store = loader.context.store = &store;
    c.dry = true;
    CU_ASSERT_TRUE_FATAL(load_text(&c, path, categories_copy(&dry, &like), &phantom));
    dataset_release(phantom);
    arena_free(&dry);
    CU_ASSERT_TRUE_FATAL(load_text(&loader.context, path, &like, &d));
    CU_ASSERT_PTR_EQUAL(d, store.list.at[0].set);
    UNIT_TEXT(d->fields[0].categories->name[1], "b");
    dataset_release(d);
    load_store_free(&store);
    tear_down();
}

void suite_data_text(void) {
    unit_suite("data: text");
    unit_test("characters and alphabets", test_characters);
    unit_test("what is refused", test_refusals);
    unit_test("a dry run's text is the run's", test_dry);
    unit_test("and so is its alphabet", test_dry_like);
}
