/* Source texts and places in them. A span is what a token, a syntax node, a graph node and a plan
 * step all carry; an origin is a chain of spans, the innermost first: the expression in a library
 * layer, then the call of that layer in the user's script. */
#ifndef NN_BASE_SOURCE_H
#define NN_BASE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct span {
    uint32_t source; /* index into struct sources; 0 is "nowhere" */
    uint32_t offset; /* bytes from the start */
    uint32_t length;
};

/* What a node is for: the value that the script wrote, its gradient, or what an optimizer makes of
 * gradients. */
enum origin_part { ORIGIN_FORWARD, ORIGIN_BACKWARD, ORIGIN_UPDATE };

struct origin {
    struct span span;
    enum origin_part part;
    const struct origin *caller; /* where this was called from; NULL at a script's top level */
    /* Of the call of a function or definition: where the argument of each parameter stands. Not
     * part of what an origin is. */
    struct given {
        const char *name;
        struct span at;
    } *given;
    int n_given;
    const struct origin *backward; /* of what is made for the gradient of a node made here */
};

/* Whence the gradient of something comes; of what is no value of the script itself, the same. */
static inline const struct origin *origin_backward(const struct origin *o) {
    return o && o->backward ? o->backward : o;
}

struct source {
    const char *path; /* as the user gave it; "<stdin>", "<-e>", "stdlib/layers.nn" */
    const char *text; /* NUL-terminated copy */
    uint32_t n_bytes;
    bool library;          /* part of the embedded standard library */
    uint32_t *line_starts; /* made when a line is first asked for */
    uint32_t n_lines;
};

struct sources {
    struct arena *arena;
    struct source *at; /* at[0] is "nowhere" */
    uint32_t n, cap;
};

struct place {
    const char *path;
    uint32_t line, column; /* from 1; a column counts characters (UTF-8), a tab is one */
};

/* Adds a copy of text[0..n) and gives its index. */
uint32_t source_add(struct sources *s, const char *path, const char *text, uint32_t n_bytes,
                    bool library);
/* The line of a span, without the walk along the line that its column takes. */
uint32_t source_line_number(const struct sources *s, struct span at);
struct place source_place(const struct sources *s, struct span at);
/* The line's text (no newline) and its length in bytes. Lines count from 1. */
const char *source_line(const struct sources *s, uint32_t source, uint32_t line, uint32_t *n_bytes);
/* The bytes of a span. */
const char *source_text(const struct sources *s, struct span at);
/* The bytes (1 to 4) of the UTF-8 character at `at`, before `end`; a byte that begins none counts
 * as one. */
int source_char_bytes(const char *at, const char *end);
/* For the name of a parameter at `at`, in the body that `call` runs: the argument of the call. */
bool source_find_argument(const struct sources *s, const struct origin *call, struct span *at);
/* The same as long as `at` is in a library: in the user's text it stays. false: there is none. */
bool source_find_users(const struct sources *s, const struct origin *call, struct span *at);
/* The name at the beginning of a span: what a call calls. Empty when there is none. */
struct span source_word(const struct sources *s, struct span at);
/* The innermost frame that is not a library's, or the outermost. */
const struct origin *source_users_frame(const struct sources *s, const struct origin *o);
/* The smallest span that covers both (of one source; otherwise `a`). */
struct span span_cover(struct span a, struct span b);

#endif
