/* Storage, views, conversions and printing of tensors. */
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

#include "unit.h"

static struct tensor *counting(enum dtype t, int rank, const int64_t *dim, double step) {
    struct tensor *x = tensor_new(t, rank, dim);
    CU_ASSERT_PTR_NOT_NULL_FATAL(x);
    for (int64_t i = 0; i < x->n_elements; i++)
        tensor_set(x, i, (double)i * step);
    return x;
}

static void check_text(struct tensor *t, const char *expected) {
    struct arena a = {0};
    UNIT_TEXT(tensor_text(&a, t), expected);
    arena_free(&a);
    tensor_unref(t);
}

static void storage_is_zeroed_and_aligned(void) {
    struct tensor *small = tensor_new(DTYPE_F32, 2, (int64_t[]){3, 5});
    struct tensor *big = tensor_new(DTYPE_F32, 1, (int64_t[]){2 << 20});
    CU_ASSERT_EQUAL((uintptr_t)small->data % 64, 0);
    CU_ASSERT_EQUAL((uintptr_t)big->data % (2 << 20), 0);
    CU_ASSERT_EQUAL(tensor_get(small, 14), 0);
    CU_ASSERT_EQUAL(tensor_get(big, (2 << 20) - 1), 0);
    CU_ASSERT_EQUAL(tensor_bytes(small), 60);
    tensor_unref(small);
    tensor_unref(big);
    tensor_unref(NULL);
}

static void impossible_sizes_are_refused(void) {
    CU_ASSERT_PTR_NULL(tensor_new(DTYPE_F32, 2, (int64_t[]){INT64_MAX, 2}));
    CU_ASSERT_PTR_NULL(tensor_new(DTYPE_F64, 1, (int64_t[]){INT64_MAX / 8 + 1}));
    CU_ASSERT_PTR_NULL(tensor_new(DTYPE_F32, 1, (int64_t[]){-1}));
    struct tensor *empty = tensor_new(DTYPE_F32, 3, (int64_t[]){INT64_MAX, INT64_MAX, 0});
    CU_ASSERT_PTR_NOT_NULL_FATAL(empty);
    CU_ASSERT_EQUAL(empty->n_elements, 0);
    check_text(empty, "[]");
}

static void views_share_storage_and_keep_it(void) {
    struct tensor *x = counting(DTYPE_I32, 2, (int64_t[]){4, 3}, 1);
    struct tensor *rows = tensor_rows(x, 1, 2);
    struct tensor *flat = tensor_view(rows, 1, (int64_t[]){6});
    tensor_unref(x);
    tensor_unref(rows);
    CU_ASSERT_EQUAL(tensor_get(flat, 0), 3);
    CU_ASSERT_EQUAL(tensor_get(flat, 5), 8);
    struct tensor *copy = tensor_copy(flat);
    tensor_set(flat, 0, 100);
    CU_ASSERT_EQUAL(tensor_get(copy, 0), 3);
    tensor_unref(flat);
    tensor_unref(copy);
}

static void conversions_never_overflow(void) {
    struct tensor *x = tensor_new(DTYPE_F64, 1, (int64_t[]){6});
    const double v[] = {1e300, -1e300, NAN, 2.9, -2.9, 0.25};
    memcpy(x->data, v, sizeof v);
    const struct {
        enum dtype to;
        double expected[6];
    } rows[] = {
        {DTYPE_I32, {2147483647, -2147483648.0, 0, 2, -2, 0}},
        {DTYPE_I64, {0x1p63, -0x1p63, 0, 2, -2, 0}},
        {DTYPE_U8, {255, 0, 0, 2, 0, 0}},
        {DTYPE_BOOL, {1, 1, 1, 1, 1, 1}},
        {DTYPE_F32, {INFINITY, -INFINITY, NAN, 2.9f, -2.9f, 0.25}},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct tensor *y = tensor_cast(x, rows[r].to);
        for (int i = 0; i < 6; i++) {
            double got = tensor_get(y, i), expected = rows[r].expected[i];
            CU_ASSERT(got == expected || (isnan(got) && isnan(expected)));
        }
        tensor_unref(y);
    }
    tensor_unref(x);
    x = counting(DTYPE_U8, 1, (int64_t[]){256}, 1);
    struct tensor *y = tensor_cast(x, DTYPE_F32);
    CU_ASSERT_EQUAL(tensor_get(y, 255), 255);
    tensor_unref(x);
    tensor_unref(y);
}

static void printing_as_the_repl_shows_it(void) {
    struct tensor *twos = tensor_new(DTYPE_F32, 2, (int64_t[]){2, 3});
    for (int i = 0; i < 6; i++)
        tensor_set(twos, i, 2);
    check_text(twos, "[[2, 2, 2],\n [2, 2, 2]]");
    check_text(tensor_scalar(DTYPE_F32, 0.1), "0.1");
    check_text(tensor_scalar(DTYPE_F64, 20000), "20000");
    check_text(tensor_scalar(DTYPE_F64, 1.0 / 3), "0.33333333");
    check_text(tensor_scalar(DTYPE_F64, 1e10), "1e+10");
    check_text(tensor_scalar(DTYPE_F32, -1e-5), "-1e-05");
    check_text(tensor_scalar(DTYPE_F32, NAN), "nan");
    check_text(tensor_scalar(DTYPE_F32, -INFINITY), "-inf");
    check_text(tensor_scalar(DTYPE_I64, -7), "-7");
    check_text(tensor_scalar(DTYPE_BOOL, 1), "true");
    check_text(counting(DTYPE_I32, 3, (int64_t[]){2, 2, 2}, 5),
               "[[[ 0,  5],\n  [10, 15]],\n\n [[20, 25],\n  [30, 35]]]");
    check_text(counting(DTYPE_F32, 1, (int64_t[]){4}, -0.5), "[  -0, -0.5,   -1, -1.5]");
}

static void long_axes_are_cut(void) {
    check_text(counting(DTYPE_I32, 1, (int64_t[]){1001}, 1),
               "[   0,    1,    2, ...,  998,  999, 1000]");
    check_text(counting(DTYPE_I32, 2, (int64_t[]){1001, 1}, 1),
               "[[   0],\n [   1],\n [   2],\n ...,\n [ 998],\n [ 999],\n [1000]]");
    struct arena a = {0};
    struct tensor *x = counting(DTYPE_I32, 1, (int64_t[]){1000}, 1);
    char *text = tensor_text(&a, x);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "500"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        CU_ASSERT(strlen(line) <= 80);
    tensor_unref(x);
    arena_free(&a);
}

static void dtype_names(void) {
    enum dtype t;
    CU_ASSERT(dtype_parse("float32", &t) && t == DTYPE_F32);
    CU_ASSERT(dtype_parse("int", &t) && t == DTYPE_I32);
    CU_ASSERT(dtype_parse("int32", &t) && t == DTYPE_I32);
    CU_ASSERT_FALSE(dtype_parse("flaot", &t));
    for (int i = 0; i < N_DTYPES; i++)
        CU_ASSERT(dtype_parse(dtype_name((enum dtype)i), &t) && t == (enum dtype)i);
}

void suite_tensor_tensor(void) {
    unit_suite("tensor: tensor");
    unit_test("storage is zeroed and aligned", storage_is_zeroed_and_aligned);
    unit_test("impossible sizes are refused", impossible_sizes_are_refused);
    unit_test("views share storage and keep it", views_share_storage_and_keep_it);
    unit_test("conversions never overflow", conversions_never_overflow);
    unit_test("printing as the REPL shows it", printing_as_the_repl_shows_it);
    unit_test("long axes are cut", long_axes_are_cut);
    unit_test("dtype names", dtype_names);
}
