/* nnrun as a library: open a session, run scripts in it, feed and fetch tensors, read what went
 * wrong.
 *
 *     struct nn_session *s = nn_open(NULL);
 *     if (nn_run_text(s, "model", "placeholder x: float[n]\ny = x * 2") != NN_OK)
 *         fputs(nn_diagnostics(s), stderr);
 *     float two[2] = {1, 2};
 *     struct nn_array x = {.dtype = NN_FLOAT, .rank = 1, .dim = {2}, .data = two}, y;
 *     if (nn_eval(s, "y", &(struct nn_feed){"x", &x}, 1, &y) == NN_OK) {
 *         ...
 *         nn_array_free(&y);
 *     }
 *     nn_close(s);
 *
 * A session is used by one thread at a time; different sessions are independent. Nothing here ends
 * the process except running out of memory for small things. */
#ifndef NNRUN_H
#define NNRUN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct nn_session;

/* The numbers are the program's exit statuses. */
enum nn_status {
    NN_OK = 0,
    NN_ERROR = 1, /* nn_diagnostics says what */
    NN_BAD_SETTING = 2,
    NN_NOT_SUPPORTED = 3,
    NN_INTERNAL = 70, /* a fault of nnrun's own */
    NN_INTERRUPTED = 130
};

enum nn_dtype { NN_FLOAT, NN_FLOAT64, NN_INT, NN_INT64, NN_UINT8, NN_BOOL };

enum { NN_MAX_RANK = 8 };

/* Dense, row-major. rank 0 is a scalar. */
struct nn_array {
    enum nn_dtype dtype;
    int rank;
    int64_t dim[NN_MAX_RANK];
    void *data; /* float, double, int32_t, int64_t, uint8_t, or one byte a bool */
};

struct nn_feed {
    const char *name; /* of a placeholder, or any tensor of the script that has a name */
    const struct nn_array *value;
};

struct nn_options {
    const char *stdlib; /* a folder of .nn files in place of the built-in library; NULL */
    uint64_t seed;      /* random draws are functions of it */
    int n_threads;      /* 0: all processors; the results are the same */
    FILE *out;          /* what print writes to; NULL: nowhere */
    int json;           /* not 0: nn_diagnostics gives a JSON object a line, as --errors=json */
};

/* options NULL: all zero. NULL when there is no memory. An error of the library in `stdlib` shows
 * in nn_diagnostics. */
struct nn_session *nn_open(const struct nn_options *options);
void nn_close(struct nn_session *s);

/* Runs a script; definitions stay for what comes later. `name` stands for it in messages. */
enum nn_status nn_run_text(struct nn_session *s, const char *name, const char *text);
enum nn_status nn_run_file(struct nn_session *s, const char *path);

/* The value of the script's tensor `name`, with some tensors fed. On NN_OK `out` holds a copy, to
 * be freed by nn_array_free. */
enum nn_status nn_eval(struct nn_session *s, const char *name, const struct nn_feed *feeds,
                       int n_feeds, struct nn_array *out);
void nn_array_free(struct nn_array *a);

/* All errors, warnings and remarks of the last call, as the program prints them; "" when there were
 * none. Valid until the next call. */
const char *nn_diagnostics(struct nn_session *s);

#endif
