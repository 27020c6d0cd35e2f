/* What each verb does. A row of verbs.def, a function here. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "session/doc.h"
#include "session/format.h"
#include "session/pages.h"
#include "session/profile.h"

static const struct verb verbs[] = {
#define SCRIPT true
#define WORDS  false
#define VERB(name, least, most, kind, follows, summary)                                            \
    {#name, follows, summary, least, most, kind, verb_##name},
#include "cli/verbs.def"
#undef VERB
#undef SCRIPT
#undef WORDS
};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

const struct verb *verb_find(const char *name, size_t n) {
    for (int i = 0; i < N_VERBS; i++)
        if (strlen(verbs[i].name) == n && !strncmp(verbs[i].name, name, n))
            return &verbs[i];
    return NULL;
}

const char *verb_nearest(const char *name) {
    const char *names[N_VERBS];
    for (int i = 0; i < N_VERBS; i++)
        names[i] = verbs[i].name;
    return nearest_name(name, names, N_VERBS);
}

/* ---- usage */

enum { SUMMARY_COLUMN = 33 };

static void print_verb(const char *name, const char *follows, const char *summary) {
    int column = printf("nnrun%s%s%s%s", *name ? " " : "", name, *follows ? " " : "", follows);
    printf("%*s%s\n", column < SUMMARY_COLUMN ? SUMMARY_COLUMN - column : 1, "", summary);
}

enum status usage_perform(struct command *c) {
    (void)c;
    for (int i = 0; i < N_VERBS; i++)
        print_verb(verbs[i].perform == verb_run ? "" : verbs[i].name, verbs[i].follows,
                   verbs[i].summary);
    print_verb("", "", "a prompt on a terminal, else the script on standard input");
    fputs("\nSCRIPT may be `-`, standard input. `nnrun run SCRIPT` is the same as `nnrun "
          "SCRIPT`.\n\n",
          stdout);
    options_print(stdout);
    fputs("  --                 what follows are not options\n"
          "\n"
          "Results go to standard output, everything else to standard error. Exit status: 0 done,\n"
          "1 error of the script, 2 of the command line, 3 the script uses what is not supported "
          "yet,\n"
          "70 fault of nnrun itself, 130 interrupted.\n",
          stdout);
    return STATUS_OK;
}

/* ---- scripts */

/* All of standard input, malloc'd. NULL: it cannot be read, and that was said. */
static char *read_stdin(const struct command *c, size_t *n) {
    size_t cap = 1 << 16;
    char *text = malloc(cap);
    *n = 0;
    while (text) {
        ssize_t got = read(STDIN_FILENO, text + *n, cap - *n);
        if (got < 0 && errno == EINTR && !*c->options.interrupted)
            continue;
        if (got < 0 && errno != EINTR) {
            fprintf(stderr, "nnrun: cannot read standard input: %s\n", strerror(errno));
            free(text);
            return NULL;
        }
        if (got <= 0)
            return text;
        *n += (size_t)got;
        if (*n == cap) {
            char *grown = realloc(text, cap *= 2);
            if (!grown)
                free(text);
            text = grown;
        }
    }
    fputs("nnrun: standard input is longer than there is memory for\n", stderr);
    return NULL;
}

/* `nnrun verison`: a word that is no file and nearly a verb. */
static bool is_misspelt_verb(struct command *c, const char *script) {
    if (strpbrk(script, "./") || access(script, F_OK) == 0)
        return false;
    const char *nearest = verb_nearest(script);
    if (!nearest)
        return false;
    command_refuse(c, "there is no script `%s`", script);
    command_suggest("nnrun ", nearest);
    return true;
}

static bool run_stdin(struct session *s, const struct command *c) {
    size_t n;
    char *text = read_stdin(c, &n);
    if (text && !*c->options.interrupted)
        session_run_text(s, "<stdin>", text, n);
    free(text);
    return text != NULL;
}

enum status verb_run(struct command *c) {
    const char *script = c->words.n ? c->words.at[0] : NULL;
    if (script && is_misspelt_verb(c, script))
        return STATUS_USAGE;
    struct session *s = session_new(&c->options);
    bool read = true;
    if (session_status(s) != STATUS_OK)
        session_flush(s);
    else if (c->code)
        session_run_text(s, "<-e>", c->code, strlen(c->code));
    else if (strcmp(script, "-") == 0)
        read = run_stdin(s, c);
    else
        session_run_file(s, script);
    bool written = profile_end(s->profile);
    enum status status = session_status(s);
    if (status == STATUS_OK && !(read && written))
        status = STATUS_ERROR;
    session_free(s);
    return status;
}

enum status verb_profile(struct command *c) {
    c->options.profile = true;
    return verb_run(c);
}

enum status verb_check(struct command *c) {
    c->options.only_check = true;
    return verb_run(c);
}

enum status verb_help(struct command *c) {
    if (c->words.n == 0)
        return usage_perform(c);
    struct session *s = session_new(&c->options);
    if (session_status(s) == STATUS_OK)
        session_describe_file(s, c->words.at[0], stdout);
    else
        session_flush(s);
    enum status status = session_status(s);
    session_free(s);
    return status;
}

static enum status format_stdin(struct command *c, const struct format_options *o) {
    size_t n;
    char *text = read_stdin(c, &n);
    enum status status = STATUS_ERROR;
    if (text && !*c->options.interrupted)
        status = format_text(o, "<stdin>", text, n);
    free(text);
    return status;
}

enum status verb_fmt(struct command *c) {
    struct format_options o = {c->only_check, c->options.errors, c->options.out, c->options.err};
    enum status worst = STATUS_OK;
    for (int i = 0; i < c->words.n && !*c->options.interrupted; i++) {
        const char *path = c->words.at[i];
        enum status status = strcmp(path, "-") ? format_file(&o, path) : format_stdin(c, &o);
        worst = status > worst ? status : worst;
    }
    return *c->options.interrupted ? STATUS_INTERRUPTED : worst;
}

enum status verb_explain(struct command *c) {
    if (c->words.n == 0)
        explain_list(stdout);
    for (int i = 0; i < c->words.n; i++) {
        const char *nearest = NULL;
        if (i)
            putchar('\n');
        if (explain_print(c->words.at[i], stdout, &nearest))
            continue;
        command_refuse(c, "there is no code `%s`", c->words.at[i]);
        if (nearest)
            command_suggest("nnrun explain ", nearest);
        else
            fputs("help: `nnrun explain` lists them\n", stderr);
    }
    return c->bad ? STATUS_USAGE : STATUS_OK;
}

enum status verb_doc(struct command *c) {
    struct session *s = session_new(&c->options);
    session_flush(s);
    enum status status = session_status(s);
    if (status == STATUS_OK && c->words.n == 0)
        doc_list(s, stdout);
    for (int i = 0; status == STATUS_OK && i < c->words.n; i++) {
        const char *nearest = NULL;
        if (i)
            putchar('\n');
        if (doc_print(s, c->words.at[i], stdout, &nearest))
            continue;
        command_refuse(c, "nothing is called `%s`", c->words.at[i]);
        if (nearest)
            command_suggest("nnrun doc ", nearest);
        else
            fputs("help: `nnrun doc` lists all names\n", stderr);
    }
    session_free(s);
    return c->bad ? STATUS_USAGE : status;
}

enum status verb_version(struct command *c) {
    session_print_version(stdout, c->options.n_threads);
    return STATUS_OK;
}
