/* Downloads, from mirrors on this machine that answer well and badly. */
#include "datafiles.h"
#include "mirror.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/os.h"
#include "data/download.h"

enum { N_BYTES = 300000 };

struct fixture {
    struct test_loader loader;
    const char *folder;
    uint8_t *bytes;
    struct test_mirror one, two;
    pthread_t test;
    struct download download;
};

/* As in the program: a signal handler sets what the download polls. */
static volatile sig_atomic_t interrupted;

static void handle_signal(int number) {
    (void)number;
    interrupted = 1;
}

static void interrupt(void *test) { pthread_kill(*(pthread_t *)test, SIGUSR1); }

/* Both mirrors have the same file, `bytes`. */
static void set_up(struct fixture *f, enum mirror_conduct one, enum mirror_conduct two) {
    memset(f, 0, sizeof *f);
    test_open_loader(&f->loader);
    struct arena *a = &f->loader.arena;
    f->folder = test_make_folder(a);
    f->bytes = arena_alloc(a, N_BYTES);
    for (int i = 0; i < N_BYTES; i++)
        f->bytes[i] = (uint8_t)(i * 31 >> 3);
    f->test = pthread_self();
    f->one = (struct test_mirror){.conduct = one,
                                  .bytes = f->bytes,
                                  .n_bytes = N_BYTES,
                                  .halted = interrupt,
                                  .with = &f->test};
    f->two = (struct test_mirror){.conduct = two, .bytes = f->bytes, .n_bytes = N_BYTES};
    CU_ASSERT_TRUE_FATAL(mirror_start(&f->one) && mirror_start(&f->two));
    interrupted = 0;
    signal(SIGUSR1, handle_signal);
    f->loader.context.interrupted = &interrupted;
    download_open(&f->download, &f->loader.context,
                  arena_printf(a, " %s  %s ", f->one.url, f->two.url));
    CU_ASSERT_EQUAL(f->download.mirrors.n, 2);
}

static void tear_down(struct fixture *f) {
    download_close(&f->download);
    mirror_stop(&f->one);
    mirror_stop(&f->two);
    test_remove_folder(f->folder);
    test_close_loader(&f->loader);
}

static const char *path_of(struct fixture *f, const char *name) {
    return arena_printf(&f->loader.arena, "%s/%s", f->folder, name);
}

/* Accepts exactly `bytes`. */
static bool is_whole(void *with, const char *path, const char **why) {
    struct fixture *f = with;
    const char *reason;
    size_t n;
    char *got = os_read_file(&f->loader.arena, path, 10 * N_BYTES, &n, &reason);
    *why = "is not the file";
    return got && n == N_BYTES && memcmp(got, f->bytes, n) == 0;
}

static enum download_result fetch(struct fixture *f) {
    struct download_check check = {is_whole, f, 2 * N_BYTES};
    return download_file(&f->download, "a.gz", f->folder, &check);
}

static void expect_whole(struct fixture *f) {
    const char *why;
    CU_ASSERT_EQUAL(fetch(f), DOWNLOAD_DONE);
    CU_ASSERT_TRUE(is_whole(f, path_of(f, "a.gz"), &why));
    CU_ASSERT_FALSE(os_file_exists(path_of(f, "a.gz.part")));
}

/* The reasons given contain the text, and nothing has the file's name. */
static void expect_failure(struct fixture *f, const char *text) {
    bool said = false;
    CU_ASSERT_EQUAL(fetch(f), DOWNLOAD_FAILED);
    for (int i = 0; i < f->download.failed.n; i++)
        said = said || strstr(f->download.failed.at[i].why, text);
    if (!said)
        for (int i = 0; i < f->download.failed.n; i++)
            printf("\n    %s: %s ", f->download.failed.at[i].url, f->download.failed.at[i].why);
    CU_ASSERT_TRUE(said);
    CU_ASSERT_FALSE(os_file_exists(path_of(f, "a.gz")));
}

static void write_part(struct fixture *f, size_t n) {
    test_write_raw(&f->loader.arena, f->folder, "a.gz.part", f->bytes, n);
}

static void test_fetches(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    f.folder = path_of(&f, "made/on/the/way");
    expect_whole(&f);
    CU_ASSERT_EQUAL(f.one.n_requests, 1);
    CU_ASSERT_EQUAL(f.two.n_requests, 0);
    f.folder =
        arena_strndup(&f.loader.arena, f.folder, strlen(f.folder) - strlen("/made/on/the/way"));
    tear_down(&f);
}

static void test_resumes(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    write_part(&f, 1000);
    expect_whole(&f);
    CU_ASSERT_EQUAL(f.one.last_range, 1000);
    CU_ASSERT_EQUAL(f.one.n_requests, 1);
    tear_down(&f);
}

static void test_resumes_without_ranges(void) {
    struct fixture f;
    set_up(&f, MIRROR_NO_RANGES, MIRROR_GOOD);
    write_part(&f, 1000);
    expect_whole(&f);
    CU_ASSERT_EQUAL(f.one.n_requests, 1);
    tear_down(&f);
}

/* A part that is whole already, and one that is of something else or too long. */
static void test_odd_parts(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    write_part(&f, N_BYTES);
    expect_whole(&f);
    unlink(path_of(&f, "a.gz"));
    test_write_raw(&f.loader.arena, f.folder, "a.gz.part", "<html>", 6);
    expect_whole(&f);
    unlink(path_of(&f, "a.gz"));
    uint8_t *longer = arena_alloc(&f.loader.arena, N_BYTES + 10);
    test_write_raw(&f.loader.arena, f.folder, "a.gz.part", longer, N_BYTES + 10);
    expect_whole(&f);
    CU_ASSERT_EQUAL(f.two.n_requests, 0);
    tear_down(&f);
}

static void test_second_mirror_helps(void) {
    static const enum mirror_conduct bad[] = {MIRROR_404, MIRROR_PAGE, MIRROR_BREAKS};
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        set_up(&f, bad[i], MIRROR_GOOD);
        expect_whole(&f);
        CU_ASSERT_EQUAL(f.two.n_requests, 1);
        /* What the first mirror sent before it hung up is not fetched again. */
        CU_ASSERT_EQUAL(f.two.last_range, bad[i] == MIRROR_BREAKS ? N_BYTES / 2 : -1);
        tear_down(&f);
    }
}

static void test_says_why_not(void) {
    static const struct {
        enum mirror_conduct conduct;
        const char *why;
        bool keeps_part;
    } cases[] = {
        {MIRROR_404, "404", false},
        {MIRROR_PAGE, "what it sends is not the file", false},
        {MIRROR_BREAKS, "transfer closed", true},
    };
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        set_up(&f, cases[i].conduct, cases[i].conduct);
        expect_failure(&f, cases[i].why);
        CU_ASSERT_EQUAL(os_file_exists(path_of(&f, "a.gz.part")), cases[i].keeps_part);
        tear_down(&f);
    }
}

static void test_corrupt_content(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    uint8_t *other = arena_alloc(&f.loader.arena, 3 * N_BYTES);
    f.one.bytes = f.two.bytes = other;
    expect_failure(&f, "what it sends is not the file");
    CU_ASSERT_FALSE(os_file_exists(path_of(&f, "a.gz.part")));
    f.one.n_bytes = 3 * N_BYTES;
    expect_failure(&f, "sends more than the 600000 bytes");
    tear_down(&f);
}

static void test_unreachable(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    f.download.mirrors.at[0].url = "http://127.0.0.1:1/";
    f.download.mirrors.at[1].url = "http://no-such-host.invalid/";
    double start_s = os_now_s();
    expect_failure(&f, "127.0.0.1");
    CU_ASSERT(os_now_s() - start_s < 15);
    CU_ASSERT_TRUE(f.download.mirrors.at[0].dead && f.download.mirrors.at[1].dead);
    CU_ASSERT_FALSE(os_file_exists(path_of(&f, "a.gz.part")));
    f.download.failed.n = 0;
    CU_ASSERT_EQUAL(fetch(&f), DOWNLOAD_FAILED); /* dead mirrors are not asked again */
    CU_ASSERT_EQUAL(f.download.failed.n, 0);
    tear_down(&f);
}

/* Mirrors that take the connection and say nothing are left after their share of 12 seconds. */
static void test_silence(void) {
    struct fixture f;
    set_up(&f, MIRROR_SILENT, MIRROR_SILENT);
    CU_ASSERT(f.download.patience_s * 2 <= 12);
    f.download.patience_s = 1;
    double start_s = os_now_s();
    expect_failure(&f, "no answer within 1 second");
    CU_ASSERT(os_now_s() - start_s < 5);
    CU_ASSERT_EQUAL(f.download.failed.n, 2);
    tear_down(&f);
}

static void test_interruption_keeps_the_part(void) {
    struct fixture f;
    set_up(&f, MIRROR_HALTS, MIRROR_GOOD);
    double start_s = os_now_s();
    CU_ASSERT_EQUAL(fetch(&f), DOWNLOAD_INTERRUPTED);
    CU_ASSERT(os_now_s() - start_s < 4);
    CU_ASSERT_EQUAL(f.two.n_requests, 0);
    CU_ASSERT_TRUE(os_file_exists(path_of(&f, "a.gz.part")));
    CU_ASSERT_FALSE(os_file_exists(path_of(&f, "a.gz")));
    CU_ASSERT_EQUAL(fetch(&f), DOWNLOAD_INTERRUPTED); /* still set: nothing is asked for */
    interrupted = 0;
    f.one.conduct = MIRROR_GOOD;
    expect_whole(&f);
    CU_ASSERT_EQUAL(f.one.last_range, N_BYTES / 2);
    tear_down(&f);
}

static void test_part_of_another_run(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    write_part(&f, 1000);
    FILE *other = fopen(path_of(&f, "a.gz.part"), "rb");
    CU_ASSERT_EQUAL(flock(fileno(other), LOCK_EX), 0);
    expect_failure(&f, "is being written by another run");
    CU_ASSERT_EQUAL(f.one.n_requests, 0);
    fclose(other);
    expect_whole(&f);
    tear_down(&f);
}

static void test_folder_that_cannot_be_made(void) {
    struct fixture f;
    set_up(&f, MIRROR_GOOD, MIRROR_GOOD);
    const char *folder = f.folder;
    f.folder = arena_printf(&f.loader.arena, "%s/b",
                            test_write_raw(&f.loader.arena, folder, "file", "", 0));
    expect_failure(&f, "cannot be written");
    f.folder = folder;
    tear_down(&f);
}

void suite_data_download(void) {
    unit_suite("data: download");
    unit_test("fetches", test_fetches);
    unit_test("resumes", test_resumes);
    unit_test("resumes from a server without ranges", test_resumes_without_ranges);
    unit_test("parts that are whole, foreign or too long", test_odd_parts);
    unit_test("the second mirror helps", test_second_mirror_helps);
    unit_test("says why not", test_says_why_not);
    unit_test("corrupt content", test_corrupt_content);
    unit_test("unreachable mirrors", test_unreachable);
    unit_test("silent mirrors", test_silence);
    unit_test("an interruption keeps the part", test_interruption_keeps_the_part);
    unit_test("a part that another run writes", test_part_of_another_run);
    unit_test("a folder that cannot be made", test_folder_that_cannot_be_made);
}
