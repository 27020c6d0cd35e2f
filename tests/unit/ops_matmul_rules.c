/* What the shape rules of matrix products, convolution and pooling give and what they refuse, in
 * their own words. */
#include <stdio.h>
#include <string.h>

#include "graphs.h"
#include "unit.h"

static struct attr ints(int n, const int64_t *v) {
    struct attr a = {.kind = ATTR_INTS, .ints = {.n = n}};
    memcpy(a.ints.v, v, (size_t)n * sizeof *v);
    return a;
}

static struct attr text(const char *s) { return (struct attr){.kind = ATTR_STRING, .s = s}; }

static struct attr flag(bool v) { return (struct attr){.kind = ATTR_BOOL, .i = v}; }

/* Builds one call in a fresh session and compares its shape, or its error, with `expected`. */
static void expect(enum op_id op, const char *spelling, const char *const *dims, int n,
                   const struct attr *attr, const char *expected, const char *help) {
    struct lab l;
    lab_open(&l);
    struct node *in[3];
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < n; i++)
        in[i] = lab_float(&l, &l.b, names[i], dims[i]);
    l.b.spelling = spelling;
    struct node *r = build_op(&l.b, op, in, n, attr, NULL, NULL);
    char shape[SHAPE_TEXT];
    if (r)
        UNIT_TEXT(shape_print(shape, sizeof shape, &l.symbols, &r->shape), expected);
    else
        UNIT_TEXT(lab_error(&l), expected);
    UNIT_TEXT(r ? "" : lab_help(&l), help);
    lab_close(&l);
}

static void product(const char *a, const char *b, bool ta, bool tb, const char *expected,
                    const char *help) {
    expect(OP_matmul, "@", (const char *[]){a, b}, 2, (struct attr[]){flag(ta), flag(tb)}, expected,
           help);
}

static void products(void) {
    product("batch,784", "784,10", false, false, "[batch, 10]", "");
    product("784,batch", "784,10", true, false, "[batch, 10]", "");
    product("batch,784", "10,784", false, true, "[batch, 10]", "");
    product("5,1,2,3", "7,3,4", false, false, "[5, 7, 2, 4]", "");
    product("?,784", "784,10", false, false, "[?, 10]", "");
    product("batch,3136", "3130,1024", false, false,
            "`@` needs equal inner sizes, but 3136 is not 3130", "");
    product("3,batch", "time,4", false, false, "`@` needs equal inner sizes, but batch is not time",
            "");
    product("2,3", "2,3", false, false, "`@` needs equal inner sizes, but 3 is not 2", "");
    product("784", "784,10", false, false, "`@` needs operands of two axes or more, but one has 1",
            "make the vector a row: reshape(v, [1, -1])");
    product("5,784", "784", false, false, "`@` needs operands of two axes or more, but one has 1",
            "make the vector a column: reshape(v, [-1, 1])");
    product("5,784", "", false, false, "`@` needs operands of two axes or more, but one has 0",
            "a scalar multiplies with `*`");
    product("2,3,4", "5,4,6", false, false,
            "`@` needs batch axes that are equal or 1, but 2 is not 5", "");
}

static void convolve(const char *x, const char *filter, int n, const int64_t *strides,
                     const char *padding, const char *expected, const char *help) {
    expect(OP_conv2d, NULL, (const char *[]){x, filter}, 2,
           (struct attr[MAX_SETTINGS]){ints(n, strides), text(padding)}, expected, help);
}

static void convolve_groups(const char *x, const char *filter, const int64_t *dilation,
                            int64_t groups, const char *padding, const char *expected,
                            const char *help) {
    expect(OP_conv2d, NULL, (const char *[]){x, filter}, 2,
           (struct attr[MAX_SETTINGS]){
               [1] = text(padding), [2] = ints(1, dilation), [3] = {.kind = ATTR_INT, .i = groups}},
           expected, help);
}

static void convolutions(void) {
    const int64_t one[] = {1}, two[] = {2}, pair[] = {2, 3}, four[] = {1, 2, 3, 1};
    const int64_t mixed[] = {2, 2, 2, 1}, none[] = {0}, three[] = {1, 1, 1};
    convolve("batch,28,28,1", "5,5,1,32", 1, one, "SAME", "[batch, 28, 28, 32]", "");
    convolve("batch,28,28,1", "5,5,1,32", 1, one, "VALID", "[batch, 24, 24, 32]", "");
    convolve("batch,7,8,1", "3,3,1,4", 1, two, "SAME", "[batch, 4, 4, 4]", "");
    convolve("batch,7,8,1", "3,3,1,4", 2, pair, "VALID", "[batch, 3, 2, 4]", "");
    convolve("batch,7,8,1", "3,3,1,4", 4, four, "SAME", "[batch, 4, 3, 4]", "");
    convolve("batch,height,8,1", "3,3,1,4", 1, one, "SAME", "[batch, height, 8, 4]", "");
    convolve("batch,height,8,1", "3,3,1,4", 1, two, "SAME", "[batch, (height + 1)//2, 4, 4]", "");
    convolve("batch,28,28,1", "5,5,3,32", 1, one, "SAME",
             "conv2d: the filter takes 3 channels, but the image has 1", "");
    convolve("batch,4,28,1", "5,5,1,32", 1, one, "VALID",
             "conv2d: a window of 5 does not fit into an image of 4",
             "padding=\"SAME\" lets the window reach over the edge");
    convolve("batch,28,28,1", "5,5,1,32", 1, one, "same",
             "conv2d: padding is \"SAME\" or \"VALID\", not \"same\"", "did you mean \"SAME\"?");
    convolve("batch,28,28,1", "5,5,1,32", 1, none, "SAME",
             "conv2d: strides must be 1 or more, not 0", "");
    convolve("batch,28,28,1", "5,5,1,32", 4, mixed, "SAME",
             "conv2d: strides must be 1 along the batch and the channels", "");
    convolve("batch,28,28,1", "5,5,1,32", 3, three, "SAME",
             "conv2d: strides needs one number, [down, right] or [1, down, right, 1]", "");
    convolve("batch,784", "5,5,1,32", 1, one, "SAME",
             "conv2d needs an image [n, h, w, c], but this is [batch, 784]",
             "make images of the rows: reshape(x, [-1, 28, 28, 1])");
    convolve("batch,28,28", "5,5,1,32", 1, one, "SAME",
             "conv2d needs an image [n, h, w, c], but this is [batch, 28, 28]",
             "x[..., new] adds an axis of one channel");
    convolve("28,28,3", "5,5,3,32", 1, one, "SAME",
             "conv2d needs an image [n, h, w, c], but this is [28, 28, 3]",
             "x[new] makes a batch of one image");
}

static void grouped_convolutions(void) {
    const int64_t one[] = {1}, two[] = {2};
    convolve_groups("batch,28,28,8", "3,3,2,16", one, 4, "SAME", "[batch, 28, 28, 16]", "");
    convolve_groups("batch,28,28,8", "3,3,1,24", one, 8, "SAME", "[batch, 28, 28, 24]", "");
    convolve_groups("batch,28,height,8", "3,3,8,4", two, 1, "VALID", "[batch, 24, height - 4, 4]", "");
    convolve_groups("batch,28,28,c", "3,3,2,16", one, 4, "SAME", "[batch, 28, 28, 16]", "");
    convolve_groups("batch,28,28,8", "3,3,2,16", one, 3, "SAME",
                    "conv2d: 3 groups cannot share the 8 channels of the image",
                    "the number of groups must divide the channels of the image and the number of "
                    "filters");
    convolve_groups("batch,28,28,8", "3,3,2,15", one, 4, "SAME",
                    "conv2d: 4 groups cannot share the 15 channels of the filter",
                    "the number of groups must divide the channels of the image and the number of "
                    "filters");
    convolve_groups("batch,28,28,8", "3,3,1,16", one, 4, "SAME",
                    "conv2d: the filter takes 1 channel, but each of the 4 groups has 2 of the "
                    "image's 8",
                    "groups=8 would fit this filter");
    convolve_groups("batch,28,28,8", "3,3,2,16", one, 1, "SAME",
                    "conv2d: the filter takes 2 channels, but the image has 8",
                    "groups=4 would fit this filter");
    convolve_groups("batch,28,28,8", "3,3,2,16", one, 0, "SAME",
                    "conv2d: groups must be 1 or more, not 0", "");
    convolve_groups("batch,4,28,8", "3,3,8,4", two, 1, "VALID",
                    "conv2d: a window of 5 (3 taps, 2 apart) does not fit into an image of 4",
                    "padding=\"SAME\" lets the window reach over the edge");
}

static void pool(const char *x, int n, const int64_t *ksize, struct attr strides,
                 const char *padding, const char *expected, const char *help) {
    expect(OP_max_pool, NULL, &x, 1, (struct attr[]){ints(n, ksize), strides, text(padding)},
           expected, help);
}

static void poolings(void) {
    const int64_t two[] = {2}, long_form[] = {1, 3, 2, 1}, one[] = {1};
    struct attr unset = {.kind = ATTR_UNSET};
    pool("batch,28,28,32", 1, two, unset, "SAME", "[batch, 14, 14, 32]", "");
    pool("batch,7,7,32", 1, two, unset, "SAME", "[batch, 4, 4, 32]", "");
    pool("batch,7,7,32", 1, two, unset, "VALID", "[batch, 3, 3, 32]", "");
    pool("batch,7,7,32", 4, long_form, ints(1, one), "VALID", "[batch, 5, 6, 32]", "");
    pool("batch,7,7", 1, two, unset, "SAME",
         "max_pool needs an image [n, h, w, c], but this is [batch, 7, 7]",
         "x[..., new] adds an axis of one channel, x[new] one of a single image");
}

void suite_ops_matmul_rules(void) {
    unit_suite("ops: rules of products and windows");
    unit_test("matrix products", products);
    unit_test("convolutions", convolutions);
    unit_test("dilated and grouped convolutions", grouped_convolutions);
    unit_test("pooling", poolings);
}
