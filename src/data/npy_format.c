/* Reads .npy. What is promised stands in npy.h and npy_format.h.
 *
 * The format: "\x93NUMPY", two bytes of version, the length of a header (2 bytes, from version 2 on
 * 4, little-endian), a header that is a literal of Python, then the elements.
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 */
#include "data/npy_format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/file.h"

enum { MAX_HEADER_BYTES = 1 << 16 };

struct header {
    const char *descr; /* "<f4" */
    bool fortran_order;
    int rank;
    int64_t dim[MAX_RANK];
    enum dtype dtype;
    bool swapped; /* its bytes are in the other order than ours */
};

/* ---- Python's literals */

struct scanner {
    struct arena *arena;
    const char *at;
    const char *fault; /* what is not as it should be */
};

static void skip_blanks(struct scanner *s) { s->at += strspn(s->at, " \t\r\n"); }

static bool take(struct scanner *s, char c) {
    skip_blanks(s);
    if (*s->at != c)
        return false;
    s->at++;
    return true;
}

static bool fault(struct scanner *s, const char *what) {
    s->fault = what;
    return false;
}

static const char *take_string(struct scanner *s) {
    skip_blanks(s);
    char quote = *s->at;
    if (quote != '\'' && quote != '"')
        return NULL;
    const char *begin = ++s->at, *end = strchr(begin, quote);
    if (!end)
        return NULL;
    s->at = end + 1;
    return arena_strndup(s->arena, begin, (size_t)(end - begin));
}

static bool take_word(struct scanner *s, const char *word) {
    size_t n = strlen(word);
    skip_blanks(s);
    if (strncmp(s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

static bool take_size(struct scanner *s, int64_t *out) {
    skip_blanks(s);
    if (*s->at < '0' || *s->at > '9')
        return fault(s, "sizes");
    for (*out = 0; *s->at >= '0' && *s->at <= '9'; s->at++) {
        if (*out > (INT64_MAX - 9) / 10)
            return fault(s, "sizes");
        *out = *out * 10 + (*s->at - '0');
    }
    s->at += *s->at == 'L'; /* a long of Python 2 */
    return true;
}

static bool take_shape(struct scanner *s, struct header *h) {
    if (!take(s, '('))
        return fault(s, "a shape");
    while (!take(s, ')')) {
        int64_t size;
        if (!take_size(s, &size))
            return false;
        if (h->rank == MAX_RANK)
            return fault(s, "a shape of at most 8 axes");
        h->dim[h->rank++] = size;
        if (!take(s, ',')) {
            if (!take(s, ')'))
                return fault(s, "a shape");
            return true;
        }
    }
    return true;
}

static bool take_entry(struct scanner *s, struct header *h, int *seen) {
    const char *key = take_string(s);
    if (!key || !take(s, ':'))
        return fault(s, "a key and its value");
    skip_blanks(s);
    if (strcmp(key, "descr") == 0) {
        *seen |= 1;
        h->descr = *s->at == '[' ? "V" : take_string(s);
        s->at += *s->at == '[' ? strcspn(s->at, "]") + 1 : 0;
        return h->descr ? true : fault(s, "a dtype");
    }
    if (strcmp(key, "fortran_order") == 0) {
        *seen |= 2;
        h->fortran_order = take_word(s, "True");
        return h->fortran_order || take_word(s, "False") ? true : fault(s, "True or False");
    }
    *seen |= 4;
    return strcmp(key, "shape") == 0 && h->rank == 0 ? take_shape(s, h)
                                                     : fault(s, "descr, fortran_order and shape");
}

static bool parse_header(struct scanner *s, struct header *h) {
    int seen = 0;
    if (!take(s, '{'))
        return fault(s, "a dictionary");
    while (!take(s, '}')) {
        if (!take_entry(s, h, &seen))
            return false;
        if (h->descr && h->descr[0] == 'V')
            return true; /* of records: refused for that */
        if (!take(s, ',') && *s->at != '}')
            return fault(s, "a dictionary");
    }
    return seen == 7 ? true : fault(s, "descr, fortran_order and shape");
}

/* ---- dtypes */

static const struct {
    const char *descr; /* without the order of bytes */
    enum dtype dtype;
} DTYPES[] = {{"f4", DTYPE_F32}, {"f8", DTYPE_F64}, {"i4", DTYPE_I32},
              {"i8", DTYPE_I64}, {"u1", DTYPE_U8},  {"b1", DTYPE_BOOL}};

/* What is not ours, and what it can become in NumPy. */
static const struct {
    const char *descr, *words, *instead;
} FOREIGN[] = {
    {"f2", "float16", "float32"},        {"f16", "float128", "float64"},
    {"i1", "int8", "int32"},             {"i2", "int16", "int32"},
    {"u2", "uint16", "int32"},           {"u4", "uint32", "int64"},
    {"u8", "uint64", "int64"},           {"c8", "complex numbers", NULL},
    {"c16", "complex numbers", NULL},    {"c32", "complex numbers", NULL},
    {"O", "objects of Python", NULL},    {"U", "text", NULL},
    {"S", "text", NULL},                 {"a", "text", NULL},
    {"M", "dates", NULL},                {"m", "times", NULL},
    {"V", "records of several values", NULL},
};

static bool find_dtype(struct npy_stream *s, struct header *h) {
    const char *order = h->descr, *type = order + (order[0] && strchr("<>|=", order[0]) ? 1 : 0);
    h->swapped = order[0] == '>';
    for (size_t i = 0; i < sizeof DTYPES / sizeof *DTYPES; i++)
        if (strcmp(DTYPES[i].descr, type) == 0) {
            h->dtype = DTYPES[i].dtype;
            return true;
        }
    for (size_t i = 0; i < sizeof FOREIGN / sizeof *FOREIGN; i++) {
        size_t n = strlen(FOREIGN[i].descr);
        bool begins = strncmp(FOREIGN[i].descr, type, n) == 0;
        if (!begins || (type[n] && FOREIGN[i].descr[n - 1] <= '9'))
            continue;
        struct diag *d = diag_error(s->c->diags, E_DTYPE, s->c->at,
                                    "%s holds %s, for which there is no dtype here", s->name,
                                    FOREIGN[i].words);
        if (FOREIGN[i].instead)
            diag_help(d, "save it in another: x.astype(\"%s\")", FOREIGN[i].instead);
        return false;
    }
    file_report(s->c, s->name, "has the dtype %s, which is none of NumPy's",
                file_quote(s->c->arena, h->descr, (int64_t)strlen(h->descr)));
    return false;
}

/* ---- bytes */

static bool read_exactly(struct npy_stream *s, void *to, int64_t n, const char *what) {
    enum { PIECE_BYTES = 1 << 22 };
    const char *why = NULL;
    for (int64_t done = 0; done < n;) {
        int64_t want = n - done < PIECE_BYTES ? n - done : PIECE_BYTES;
        if (file_interrupted(s->c, s->name))
            return false;
        int64_t got = s->read(s->with, (char *)to + done, want, &why);
        if (got < 0)
            file_report(s->c, s->name, "cannot be read: %s", why);
        else if (got == 0)
            file_report(s->c, s->name, "is truncated in its %s", what);
        if (got <= 0)
            return false;
        done += got;
    }
    return true;
}

static bool read_header(struct npy_stream *s, struct header *h, int64_t *data_at) {
    unsigned char start[12];
    if (s->n_bytes < 10) {
        file_report(s->c, s->name, "%s", s->n_bytes ? "is too short for an array" : "is empty");
        return false;
    }
    if (!read_exactly(s, start, 10, "header"))
        return false;
    if (memcmp(start, "\x93NUMPY", 6) != 0) {
        struct diag *d = file_report(s->c, s->name, "is no array of NumPy");
        if (start[0] == 'P' && start[1] == 'K')
            diag_help(d, "it is an archive: load_npz");
        return false;
    }
    bool wide = start[6] > 1;
    if (start[6] < 1 || start[6] > 3) {
        file_report(s->c, s->name, "is of version %d of its format, expected 1 to 3", start[6]);
        return false;
    }
    if (wide && !read_exactly(s, start + 10, 2, "header"))
        return false;
    int64_t n = start[8] | start[9] << 8;
    n += wide ? (int64_t)start[10] << 16 | (int64_t)start[11] << 24 : 0;
    *data_at = (wide ? 12 : 10) + n;
    if (n > MAX_HEADER_BYTES || *data_at > s->n_bytes) {
        file_report(s->c, s->name, "announces a header of %" PRId64 " bytes, and has %" PRId64, n,
                    s->n_bytes);
        return false;
    }
    char *text = arena_array(s->c->arena, char, n + 1);
    struct scanner scan = {.arena = s->c->arena, .at = text};
    if (!read_exactly(s, text, n, "header"))
        return false;
    if (!parse_header(&scan, h)) {
        file_report(s->c, s->name, "has a damaged header: %s, where %s should be",
                    file_quote(s->c->arena, scan.at, (int64_t)strlen(scan.at)), scan.fault);
        return false;
    }
    return find_dtype(s, h);
}

/* Whether the file is as long as the header says, before any memory is taken for it. */
static bool check_length(struct npy_stream *s, const struct header *h, int64_t data_at) {
    int64_t n_bytes = dtype_bytes(h->dtype), have = s->n_bytes - data_at;
    bool fits = true, empty = false;
    for (int i = 0; i < h->rank; i++)
        empty = empty || h->dim[i] == 0;
    for (int i = 0; i < h->rank && !empty && fits; i++)
        fits = !__builtin_mul_overflow(n_bytes, h->dim[i], &n_bytes);
    n_bytes = empty ? 0 : n_bytes;
    if (fits && n_bytes == have)
        return true;
    struct shape shape = {.rank = h->rank};
    char text[SHAPE_TEXT];
    for (int i = 0; i < h->rank; i++)
        shape.d[i] = dim_const(h->dim[i]);
    shape_print(text, sizeof text, NULL, &shape);
    file_report(s->c, s->name, "is %s: its elements take %" PRId64 " bytes, but %s%s has %" PRId64,
                fits && n_bytes < have ? "too long" : "truncated", have, dtype_name(h->dtype),
                text, fits ? n_bytes : INT64_MAX);
    return false;
}

static void swap_bytes(struct tensor *t) {
    size_t width = dtype_bytes(t->dtype);
    for (int64_t i = 0; i < t->n_elements; i++) {
        unsigned char *e = (unsigned char *)t->data + (size_t)i * width;
        for (size_t k = 0; k < width / 2; k++) {
            unsigned char kept = e[k];
            e[k] = e[width - 1 - k];
            e[width - 1 - k] = kept;
        }
    }
}

/* Elements whose first axis is the fastest, in the order in which the last one is. NULL: no
 * memory. */
static struct tensor *reorder(const struct tensor *t) {
    struct tensor *out = tensor_new_unset(t->dtype, t->rank, t->dim);
    size_t width = dtype_bytes(t->dtype);
    int64_t stride[MAX_RANK], index[MAX_RANK] = {0}, from = 0;
    for (int i = 0; i < t->rank; i++)
        stride[i] = i ? stride[i - 1] * t->dim[i - 1] : 1;
    for (int64_t k = 0; out && k < t->n_elements; k++) {
        memcpy((char *)out->data + (size_t)k * width, (char *)t->data + (size_t)from * width,
               width);
        for (int i = t->rank - 1; i >= 0; i--) {
            from += stride[i];
            if (++index[i] < t->dim[i])
                break;
            from -= stride[i] * t->dim[i];
            index[i] = 0;
        }
    }
    return out;
}

static bool no_memory(struct npy_stream *s) {
    diag_error(s->c->diags, E_MEMORY, s->c->at, "%s: not enough memory for its elements", s->name);
    return false;
}

static bool read_elements(struct npy_stream *s, const struct header *h, struct tensor **t) {
    *t = (s->c->dry ? tensor_new_phantom : tensor_new_unset)(h->dtype, h->rank, h->dim);
    if (!*t)
        return no_memory(s);
    if (s->c->dry)
        return true;
    if (!read_exactly(s, (*t)->data, (int64_t)tensor_bytes(*t), "elements"))
        return false;
    if (h->swapped)
        swap_bytes(*t);
    for (int64_t i = 0; h->dtype == DTYPE_BOOL && i < (*t)->n_elements; i++)
        ((uint8_t *)(*t)->data)[i] = ((uint8_t *)(*t)->data)[i] != 0;
    if (!h->fortran_order || h->rank < 2 || (*t)->n_elements == 0)
        return true;
    struct tensor *ordered = reorder(*t);
    tensor_unref(*t);
    *t = ordered;
    return ordered ? true : no_memory(s);
}

struct tensor *npy_read(struct npy_stream *s) {
    struct header h = {0};
    int64_t data_at;
    struct tensor *t = NULL;
    if (read_header(s, &h, &data_at) && check_length(s, &h, data_at) && read_elements(s, &h, &t))
        return t;
    tensor_unref(t);
    return NULL;
}
