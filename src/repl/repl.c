/* The prompt, a line at a time. A statement that is not complete goes on at the next line; an empty
 * line ends it all the same, so that nobody is held by a forgotten bracket. Ctrl-C drops what was
 * typed, or stops what runs; the session stays. */
#define _DEFAULT_SOURCE
#include "repl/repl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void prompt(const struct session *s, const char *text) {
    fputs(text, s->options.out);
    fflush(s->options.out);
}

/* The next line goes behind `text`. false: the end of the input, or (with *dropped) Ctrl-C. */
static bool read_line(struct session *s, FILE *in, char **text, size_t *n, bool *dropped) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t got = getline(&line, &cap, in);
    *dropped = got < 0 && *s->options.interrupted;
    if (got > 0) {
        char *grown = realloc(*text, *n + (size_t)got + 1);
        if (grown) {
            memcpy(grown + *n, line, (size_t)got + 1);
            *text = grown;
            *n += (size_t)got;
        }
    }
    free(line);
    return got >= 0;
}

/* Whether the text's last line is empty. */
static bool ends_with_empty_line(const char *text, size_t n) {
    return n >= 2 && text[n - 1] == '\n' && text[n - 2] == '\n';
}

/* One statement: lines until it is complete. false: the end of the input. */
static bool read_and_run(struct session *s, FILE *in) {
    char *text = NULL;
    size_t n = 0;
    bool more = true, dropped = false;
    prompt(s, "nn> ");
    while ((more = read_line(s, in, &text, &n, &dropped))) {
        enum typed_end end = session_run_typed(s, text, n);
        if (end == TYPED_INCOMPLETE && ends_with_empty_line(text, n))
            session_run_text(s, "<input>", text, n);
        else if (end == TYPED_INCOMPLETE) {
            prompt(s, "... ");
            continue;
        }
        break;
    }
    free(text);
    if (!more)
        prompt(s, "\n");
    if (dropped)
        clearerr(in);
    return more || dropped;
}

void repl_run(struct session *s, FILE *in) {
    do {
        *s->options.interrupted = 0;
        session_forget_diags(s);
    } while (read_and_run(s, in));
}
