/* Tensors as text, in NumPy's arrangement: nested brackets, all elements padded to one width, a
 * blank line between the blocks of outer axes, long axes cut. Numbers have the fewest digits that
 * read back as the same element, at most 8. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

enum {
    CUT_FROM_ELEMENTS = 1000, /* a tensor with more is cut .. */
    CUT_EDGE = 3,             /* .. to this many at each end of an axis */
    LINE_COLUMNS = 80,
    N_NUMBER_TEXT = 32,
    MAX_DIGITS = 8
};

struct printer {
    const struct tensor *t;
    struct arena *arena;
    ARRAY(char) text;
    int width;  /* of the widest element shown */
    int column; /* of the next character */
    bool cut;
};

/* 20000 rather than 2e+04, 1e-05 rather than 0.00001: the exponent form only outside 1e-4..1e8. */
static void print_float(char *buf, double v, bool single) {
    if (!isfinite(v)) {
        snprintf(buf, N_NUMBER_TEXT, "%s", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
        return;
    }
    int digits = 1;
    for (; digits < MAX_DIGITS; digits++) {
        snprintf(buf, N_NUMBER_TEXT, "%.*e", digits - 1, v);
        if (single ? strtof(buf, NULL) == (float)v : strtod(buf, NULL) == v)
            break;
    }
    /* rounded to the most digits, it may end in zeros */
    do
        snprintf(buf, N_NUMBER_TEXT, "%.*e", digits - 1, v);
    while (digits > 1 && strchr(buf, 'e')[-1] == '0' && digits--);
    int exponent = (int)strtol(strchr(buf, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < MAX_DIGITS)
        snprintf(buf, N_NUMBER_TEXT, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0, v);
}

static void print_element(char *buf, const struct tensor *t, int64_t i) {
    switch (t->dtype) {
    case DTYPE_F32:
    case DTYPE_F64:
        print_float(buf, tensor_get(t, i), t->dtype == DTYPE_F32);
        break;
    case DTYPE_I64:
        snprintf(buf, N_NUMBER_TEXT, "%" PRId64, ((const int64_t *)t->data)[i]);
        break;
    case DTYPE_BOOL:
        snprintf(buf, N_NUMBER_TEXT, "%s", tensor_get(t, i) != 0 ? "true" : "false");
        break;
    default:
        snprintf(buf, N_NUMBER_TEXT, "%.0f", tensor_get(t, i));
    }
}

static void put(struct printer *p, const char *text) {
    for (; *text; text++) {
        array_push(p->arena, &p->text, *text);
        p->column = *text == '\n' ? 0 : p->column + 1;
    }
}

static void put_newline(struct printer *p, int indent) {
    put(p, "\n");
    for (int i = 0; i < indent; i++)
        put(p, " ");
}

/* The index behind i of an axis of n: jumps over the part that is cut. */
static int64_t next_index(const struct printer *p, int64_t i, int64_t n) {
    return p->cut && i == CUT_EDGE - 1 && n > 2 * CUT_EDGE ? n - CUT_EDGE : i + 1;
}

static void measure(struct printer *p, int axis, int64_t first) {
    char buf[N_NUMBER_TEXT];
    if (axis == p->t->rank) {
        print_element(buf, p->t, first);
        int width = (int)strlen(buf);
        p->width = width > p->width ? width : p->width;
        return;
    }
    int64_t n = p->t->dim[axis];
    for (int64_t i = 0; i < n; i = next_index(p, i, n))
        measure(p, axis + 1, first * n + i);
}

/* A line of elements; it goes on in the next line, below its first element, when it would be too
 * long. */
static void put_row(struct printer *p, int64_t first, int64_t n) {
    char buf[N_NUMBER_TEXT], padded[N_NUMBER_TEXT + 1];
    int indent = p->t->rank;
    put(p, "[");
    for (int64_t i = 0; i < n; i = next_index(p, i, n)) {
        if (i && p->column + 1 + p->width + 1 > LINE_COLUMNS)
            put_newline(p, indent);
        else if (i)
            put(p, " ");
        print_element(buf, p->t, first + i);
        snprintf(padded, sizeof padded, "%*s", p->width, buf);
        put(p, padded);
        int64_t next = next_index(p, i, n);
        if (next < n)
            put(p, ",");
        if (next > i + 1)
            put(p, " ...,");
    }
    put(p, "]");
}

static void put_axis(struct printer *p, int axis, int64_t first) {
    const struct tensor *t = p->t;
    int64_t n = t->dim[axis];
    if (axis == t->rank - 1) {
        put_row(p, first * n, n);
        return;
    }
    put(p, "[");
    for (int64_t i = 0; i < n; i = next_index(p, i, n)) {
        put_axis(p, axis + 1, first * n + i);
        int64_t next = next_index(p, i, n);
        if (next == n)
            continue;
        put(p, ",");
        if (next > i + 1) {
            put_newline(p, axis + 1);
            put(p, "...,");
        }
        for (int blank = axis + 2; blank < t->rank; blank++)
            put(p, "\n");
        put_newline(p, axis + 1);
    }
    put(p, "]");
}

static char *print_into(struct printer *p) {
    p->cut = p->t->n_elements > CUT_FROM_ELEMENTS;
    if (p->t->rank == 0) {
        char buf[N_NUMBER_TEXT];
        print_element(buf, p->t, 0);
        put(p, buf);
    } else if (p->t->n_elements == 0) {
        put(p, "[]");
    } else {
        measure(p, 0, 0);
        put_axis(p, 0, 0);
    }
    array_push(p->arena, &p->text, 0);
    return p->text.at;
}

void tensor_print(const struct tensor *t, FILE *out) {
    struct printer p = {.t = t};
    fputs(print_into(&p), out);
    free(p.text.at);
}

char *tensor_text(struct arena *a, const struct tensor *t) {
    struct printer p = {.t = t, .arena = a};
    return print_into(&p);
}
