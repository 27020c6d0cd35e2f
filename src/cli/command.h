/* A command line: verb, words, options; what the rest of cli/ shares. Verbs are rows of verbs.def,
 * options rows of options.def.
 *
 * Nothing here exits: a wrong command line is said on standard error and is STATUS_USAGE.
 *
 * Not for: what a session does (session.h). */
#ifndef NN_CLI_COMMAND_H
#define NN_CLI_COMMAND_H

#include "base/array.h"
#include "session/session.h"

struct command;

enum { MANY = 1 << 20 };

struct verb {
    const char *name, *follows, *summary;
    int least, most; /* words behind it */
    bool takes_script;
    enum status (*perform)(struct command *c);
};

struct option {
    const char *name;
    const char *value; /* what it is called; NULL: there is none */
    const char *verbs; /* that it is for; NULL: any */
    const char *summary;
    void (*take)(struct command *c, const char *value);
};

struct command {
    const struct verb *verb; /* NULL: a prompt, or the script on standard input */
    ARRAY(const char *) words;
    const char *code; /* of -e, in place of a script; NULL */
    struct session_options options;
    ARRAY(struct setting_override) overrides;
    ARRAY(const struct option *) given;
    enum status (*instead)(struct command *c); /* --help, --version, --dump=help; NULL */
    bool only_check; /* of fmt: --check */
    bool bad;                                  /* said so */
};

/* By name, of n bytes; NULL: there is none. */
const struct verb *verb_find(const char *name, size_t n);
const char *verb_nearest(const char *name);
const struct option *option_find(const char *name, size_t n);
const char *option_nearest(const char *name);

/* "nnrun: ..." about the command line; then what to do: "help: did you mean PREFIX NEAREST?". */
void command_refuse(struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void command_suggest(const char *prefix, const char *nearest);

/* Fills c->verb and all that follows it; c->options has its defaults. */
void command_parse(struct command *c, int argc, char **argv);
enum status command_perform(struct command *c);
void command_free(struct command *c);

/* Their part of the usage. */
void options_print(FILE *out);
/* Prints the whole usage. */
enum status usage_perform(struct command *c);

#define VERB(name, least, most, kind, follows, summary) enum status verb_##name(struct command *c);
#include "cli/verbs.def"
#undef VERB

#endif
