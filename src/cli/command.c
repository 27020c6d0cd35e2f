/* Arguments to a command: the first word is a verb, or a script to run; options may stand anywhere
 * before `--`. */
#define _DEFAULT_SOURCE
#include "cli/command.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "repl/repl.h"

void command_refuse(struct command *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("nnrun: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    c->bad = true;
}

void command_suggest(const char *prefix, const char *nearest) {
    if (nearest)
        fprintf(stderr, "help: did you mean %s%s?\n", prefix, nearest);
    else
        fputs("help: `nnrun --help` lists what there is\n", stderr);
}

static void refuse_option(struct command *c, const char *text, size_t n) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    command_refuse(c, "there is no option `%s`", name);
    command_suggest("", option_nearest(name));
}

/* Takes the option argv[i] with its value; gives how many arguments that were. */
static int take_option(struct command *c, char **argv, int i, int argc) {
    const char *text = argv[i];
    size_t n = strcspn(text, "=");
    const struct option *o = option_find(text, n);
    if (!o) {
        refuse_option(c, text, n);
        return 1;
    }
    array_push(NULL, &c->given, o);
    if (!o->value) {
        if (text[n])
            command_refuse(c, "%s takes no value", o->name);
        else
            o->take(c, NULL);
    } else if (text[n]) {
        o->take(c, text + n + 1);
    } else if (i + 1 == argc) {
        command_refuse(c, "%s wants a value", o->name);
    } else {
        o->take(c, argv[i + 1]);
        return 2;
    }
    return 1;
}

/* Whether the text begins `name=`. */
static bool is_setting(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n > 0 && !isdigit((unsigned char)text[0]) && text[n] == '=';
}

static void take_setting(struct command *c, char *text) {
    char *value = strchr(text, '=');
    *value++ = 0;
    for (int i = 0; i < c->overrides.n; i++)
        if (!strcmp(c->overrides.at[i].name, text)) {
            command_refuse(c, "%s is set twice", text);
            return;
        }
    array_push(NULL, &c->overrides, (struct setting_override){.name = text, .value = value});
}

/* The first word: a verb, or the script of the verb that need not be said. */
static bool take_verb(struct command *c, const char *text) {
    if (c->verb)
        return false;
    const struct verb *named = c->code ? NULL : verb_find(text, strlen(text));
    c->verb = named ? named : verb_find("run", 3);
    return named != NULL;
}

static void take_word(struct command *c, char *text) {
    bool setting = is_setting(text);
    if (setting && !c->verb && !c->code && access(text, F_OK) != 0) {
        command_refuse(c, "`%s`: settings stand after the script", text);
        return;
    }
    if (take_verb(c, text))
        return;
    const struct verb *v = c->verb;
    int n = c->words.n + (c->code != NULL);
    if (v->takes_script && setting && n > 0)
        take_setting(c, text);
    else if (n < v->most)
        array_push(NULL, &c->words, text);
    else if (v->takes_script)
        command_refuse(c, "what is `%s` for? Settings of the script are written name=value", text);
    else
        command_refuse(c, "what is `%s` for? It is `nnrun %s%s%s`", text, v->name,
                       *v->follows ? " " : "", v->follows);
}

static bool is_for(const struct option *o, const char *verb) {
    for (const char *at = o->verbs; at && *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (strlen(verb) == n && !strncmp(at, verb, n))
            return true;
        at += n;
    }
    return !o->verbs;
}

/* What can be seen only when all of it was read. */
static void check_command(struct command *c) {
    if (c->code && !c->verb)
        c->verb = verb_find("run", 3);
    const struct verb *v = c->verb;
    const char *name = v ? v->name : "run";
    for (int i = 0; i < c->given.n && !c->bad; i++) {
        const struct option *o = c->given.at[i];
        if (!is_for(o, name))
            command_refuse(c, "%s is an option of `nnrun %.*s`, not of `nnrun %s`", o->name,
                           (int)strcspn(o->verbs, " "), o->verbs, name);
    }
    if (c->bad || c->instead || !v)
        return;
    if (c->code && c->words.n)
        command_refuse(c, "-e CODE and a script (%s) cannot both be run", c->words.at[0]);
    else if (c->words.n + (c->code != NULL) < v->least)
        command_refuse(c, "`nnrun %s` wants more: nnrun %s %s", v->name, v->name, v->follows);
}

void command_parse(struct command *c, int argc, char **argv) {
    bool options_end = false;
    for (int i = 1; i < argc && !c->bad;) {
        const char *text = argv[i];
        if (!options_end && !strcmp(text, "--")) {
            options_end = true;
            i++;
        } else if (!options_end && text[0] == '-' && text[1]) {
            i += take_option(c, argv, i, argc);
        } else {
            take_word(c, argv[i++]);
        }
    }
    if (!c->bad)
        check_command(c);
    c->options.overrides = c->overrides.at;
    c->options.n_overrides = c->overrides.n;
}

/* Nothing was said: a prompt on a terminal; its errors are no exit status. */
static enum status prompt(struct command *c) {
    struct session *s = session_new(&c->options);
    enum status status = session_status(s);
    session_flush(s);
    if (status == STATUS_OK)
        repl_run(s, stdin);
    session_free(s);
    return status;
}

enum status command_perform(struct command *c) {
    if (c->bad)
        return STATUS_USAGE;
    if (c->instead)
        return c->instead(c);
    if (c->verb)
        return c->verb->perform(c);
    if (isatty(STDIN_FILENO))
        return prompt(c);
    array_push(NULL, &c->words, "-");
    return verb_run(c);
}

void command_free(struct command *c) {
    array_free(&c->words);
    array_free(&c->overrides);
    array_free(&c->given);
}
