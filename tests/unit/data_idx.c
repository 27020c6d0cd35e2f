/* IDX files: what is valid is read exactly, and every kind of damage is refused with its own
 * words. */
#include "datafiles.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/idx.h"

/* Of the running test. */
static struct arena arena;
static const char *folder;

static void set_up(void) { folder = test_make_folder(&arena); }

static void tear_down(void) {
    test_remove_folder(folder);
    arena_free(&arena);
}

/* Reads it, expects a refusal, and its reason to contain both texts. */
static void expect_fault(const char *path, int rank, const char *text, const char *more) {
    struct idx idx;
    bool ok = idx_read(path, rank, &idx);
    CU_ASSERT_FALSE(ok);
    CU_ASSERT_PTR_NULL(idx.bytes);
    bool said = strstr(idx.fault, text) && strstr(idx.fault, more);
    if (!said)
        printf("\n    %s: \"%s\" lacks \"%s\" or \"%s\" ", path, idx.fault, text, more);
    CU_ASSERT_TRUE(said);
    tensor_unref(idx.bytes);
}

static const uint32_t IMAGES[] = {50, 7, 5}, LABELS[] = {123};

static uint8_t *make_images(size_t *n) { return test_make_idx(&arena, 3, IMAGES, 256, n); }

static void test_reads_plain_and_gzip(void) {
    set_up();
    static const char *const names[] = {"a", "a.gz", "plain-called.gz"};
    size_t n;
    uint8_t *bytes = make_images(&n);
    char sums[3][CHECKSUM_TEXT];
    for (int i = 0; i < 3; i++) {
        const char *path = i < 2 ? test_write_file(&arena, folder, names[i], bytes, n)
                                 : test_write_raw(&arena, folder, names[i], bytes, n);
        struct idx idx;
        CU_ASSERT_TRUE_FATAL(idx_read(path, 3, &idx));
        CU_ASSERT_EQUAL(idx.bytes->dtype, DTYPE_U8);
        CU_ASSERT_EQUAL(idx.bytes->rank, 3);
        for (int k = 0; k < 3; k++)
            CU_ASSERT_EQUAL(idx.bytes->dim[k], IMAGES[k]);
        CU_ASSERT_EQUAL(memcmp(idx.bytes->data, bytes + 16, n - 16), 0);
        strcpy(sums[i], idx.sha256);
        CU_ASSERT_STRING_EQUAL(sums[0], sums[i]);
        tensor_unref(idx.bytes);
    }
    uint8_t *labels = test_make_idx(&arena, 1, LABELS, 10, &n);
    struct idx idx;
    CU_ASSERT_TRUE_FATAL(idx_read(test_write_file(&arena, folder, "l.gz", labels, n), 1, &idx));
    CU_ASSERT_EQUAL(idx.bytes->dim[0], 123);
    tensor_unref(idx.bytes);
    tear_down();
}

/* The example of FIPS 180-4 for a message of one block. */
static void test_checksum(void) {
    struct checksum c;
    char text[CHECKSUM_TEXT];
    CU_ASSERT_TRUE_FATAL(checksum_open(&c));
    checksum_add(&c, "a", 1);
    checksum_add(&c, "bc", 2);
    checksum_close(&c, text);
    CU_ASSERT_STRING_EQUAL(text,
                           "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_reads_gzip_in_members(void) {
    set_up();
    size_t n;
    uint8_t *bytes = make_images(&n);
    const char *one = test_write_file(&arena, folder, "m1.gz", bytes, 100);
    const char *two = test_write_file(&arena, folder, "m2.gz", bytes + 100, n - 100);
    uint8_t joined[8192];
    size_t n_joined = 0;
    const char *parts[] = {one, two};
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(parts[i], "rb");
        n_joined += fread(joined + n_joined, 1, sizeof joined - n_joined, f);
        fclose(f);
    }
    struct idx idx;
    CU_ASSERT_TRUE(idx_read(test_write_raw(&arena, folder, "m.gz", joined, n_joined), 3, &idx));
    CU_ASSERT_EQUAL(memcmp(idx.bytes->data, bytes + 16, n - 16), 0);
    tensor_unref(idx.bytes);
    tear_down();
}

static void test_refuses_what_is_no_file(void) {
    set_up();
    expect_fault(arena_printf(&arena, "%s/none", folder), 3, "cannot be opened", "No such file");
    expect_fault(folder, 3, "is a folder", "");
    const char *pipe = arena_printf(&arena, "%s/pipe", folder);
    CU_ASSERT_EQUAL(mkfifo(pipe, 0600), 0);
    expect_fault(pipe, 3, "is not a file", "");
    expect_fault(test_write_raw(&arena, folder, "empty", "", 0), 3, "is empty", "");
    tear_down();
}

static void test_refuses_web_pages(void) {
    set_up();
    static const char page[] =
        "\r\n <!DOCTYPE html>\n<html><body>Sign in to this network</body></html>";
    expect_fault(test_write_raw(&arena, folder, "page.gz", page, sizeof page - 1), 3,
                 "begins with \"<!DOCTYPE html>\"", "a web page, not the data");
    expect_fault(test_write_raw(&arena, folder, "tag", "<", 1), 3, "a web page", "");
    tear_down();
}

static void test_refuses_wrong_headers(void) {
    set_up();
    size_t n;
    uint8_t *bytes = make_images(&n);
    expect_fault(test_write_raw(&arena, folder, "h", bytes, n), 1, "magic number 0x00000803",
                 "expected 0x00000801");
    expect_fault(test_write_raw(&arena, folder, "h", "PK\3\4 a zip file", 15), 3,
                 "magic number 0x504b0304", "expected 0x00000803");
    for (size_t cut = 1; cut < 16; cut++)
        expect_fault(test_write_raw(&arena, folder, "h", bytes, cut), 3, "is truncated",
                     arena_printf(&arena, "%d bytes", (int)cut));
    memset(bytes + 8, 0, 4);
    expect_fault(test_write_raw(&arena, folder, "h", bytes, n), 3, "impossible header",
                 "dimension 2 is 0");
    memset(bytes + 4, 0xff, 12);
    expect_fault(test_write_raw(&arena, folder, "h", bytes, n), 3, "impossible header",
                 "4294967295");
    expect_fault(test_write_file(&arena, folder, "h.gz", bytes, n), 3, "impossible header", "");
    tear_down();
}

static void test_refuses_wrong_lengths(void) {
    set_up();
    size_t n;
    uint8_t *bytes = make_images(&n);
    uint8_t *longer = arena_alloc(&arena, n + 1);
    memcpy(longer, bytes, n);
    expect_fault(test_write_raw(&arena, folder, "s", bytes, n - 1), 3, "is truncated: 1765 bytes",
                 "expected 1766");
    expect_fault(test_write_raw(&arena, folder, "s", longer, n + 1), 3, "is too long: 1767 bytes",
                 "expected 1766");
    expect_fault(test_write_file(&arena, folder, "s.gz", bytes, n - 1), 3,
                 "is truncated: 1765 bytes of content", "expected 1766");
    expect_fault(test_write_file(&arena, folder, "s.gz", longer, n + 1), 3, "is too long", "1766");
    bytes[5] = 0x10; /* a million images: no memory may be asked for them */
    expect_fault(test_write_file(&arena, folder, "s.gz", bytes, n), 3, "compressed bytes can hold",
                 "1048626 x 7 x 5");
    tear_down();
}

/* Every prefix of a gzip file, and every bit of it flipped: refused or, where a flip touches only
 * what gzip itself ignores (time, padding), read right. Never a crash, never a wrong byte. */
static void test_damaged_gzip(void) {
    set_up();
    size_t n;
    uint8_t *bytes = make_images(&n);
    uint8_t packed[4096], damaged[4096];
    FILE *f = fopen(test_write_file(&arena, folder, "z.gz", bytes, n), "rb");
    size_t n_packed = fread(packed, 1, sizeof packed, f);
    fclose(f);
    for (size_t cut = 2; cut < n_packed; cut++)
        expect_fault(test_write_raw(&arena, folder, "y.gz", packed, cut), 3, "is truncated", "");
    for (size_t i = 2; i < n_packed; i++) {
        struct idx idx;
        memcpy(damaged, packed, n_packed);
        damaged[i] ^= (uint8_t)(1 << i % 8);
        if (idx_read(test_write_raw(&arena, folder, "y.gz", damaged, n_packed), 3, &idx)) {
            CU_ASSERT_EQUAL(memcmp(idx.bytes->data, bytes + 16, n - 16), 0);
        } else {
            CU_ASSERT_NOT_EQUAL(idx.fault[0], '\0');
        }
        tensor_unref(idx.bytes);
    }
    memcpy(damaged, packed, n_packed);
    damaged[n_packed - 6] ^= 1;
    expect_fault(test_write_raw(&arena, folder, "y.gz", damaged, n_packed), 3, "is corrupt",
                 "incorrect data check");
    memcpy(damaged, packed, n_packed);
    memcpy(damaged + n_packed, "more", 4);
    expect_fault(test_write_raw(&arena, folder, "y.gz", damaged, n_packed + 4), 3, "is too long",
                 "after the end of its gzip stream");
    tear_down();
}

void suite_data_idx(void) {
    unit_suite("data: idx");
    unit_test("plain and gzip", test_reads_plain_and_gzip);
    unit_test("SHA-256 of a known text", test_checksum);
    unit_test("gzip of several members", test_reads_gzip_in_members);
    unit_test("what is no file", test_refuses_what_is_no_file);
    unit_test("web pages", test_refuses_web_pages);
    unit_test("wrong headers", test_refuses_wrong_headers);
    unit_test("wrong lengths", test_refuses_wrong_lengths);
    unit_test("damaged gzip", test_damaged_gzip);
}
