/* What each option does to the command. A row of options.def, a function here. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "session/stages.h"

static bool parse_count(const char *text, uint64_t most, uint64_t *n) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value > most)
        return false;
    *n = value;
    return true;
}

enum { MAX_THREADS = 1024 };

static void take_seed(struct command *c, const char *value) {
    if (!parse_count(value, UINT64_MAX, &c->options.seed))
        command_refuse(c, "--seed wants a whole number from 0 to 18446744073709551615, not `%s`",
                       value);
    c->options.seed_fixed = true;
}

static void take_threads(struct command *c, const char *value) {
    uint64_t n = 0;
    if (!parse_count(value, MAX_THREADS, &n) || n == 0)
        command_refuse(c, "--threads wants a number from 1 to 1024, not `%s`", value);
    c->options.n_threads = (int)n;
}

/* "500M": a number and K, M or G, in powers of 1024; without a letter, bytes. */
static void take_memory(struct command *c, const char *value) {
    static const char units[] = "KMG";
    char *end;
    double n = isdigit((unsigned char)*value) ? strtod(value, &end) : 0;
    const char *unit = n > 0 && *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    double bytes = unit ? ldexp(n, 10 * (int)(unit - units + 1)) : n;
    bool whole = n > 0 && (unit ? end[1] == 0 : *end == 0);
    if (whole && bytes >= 1 && bytes <= 0x1p62)
        c->options.memory_bytes = (size_t)bytes;
    else
        command_refuse(c, "--memory wants a size such as 500M or 2G, not `%s`", value);
}

static void take_show_memory(struct command *c, const char *value) {
    (void)value;
    c->options.show_memory = true;
}

static void take_stdlib(struct command *c, const char *value) { c->options.stdlib = value; }

static enum status print_stages(struct command *c) {
    (void)c;
    stages_print_help(stdout);
    return STATUS_OK;
}

static void take_dump(struct command *c, const char *value) {
    const char *nearest;
    if (!strcmp(value, "help")) {
        c->instead = print_stages;
        return;
    }
    c->options.dump = stages_find(value, &c->options.dump_pass, &nearest);
    if (c->options.dump)
        return;
    command_refuse(c, "--dump: there is no stage `%s`", value);
    command_suggest(nearest && strchr(value, ':') ? "--dump=opt:" : "--dump=",
                    nearest ? nearest : "help");
}

static void take_code(struct command *c, const char *value) {
    if (c->words.n)
        command_refuse(c, "-e CODE and a script (%s) cannot both be run", c->words.at[0]);
    else if (c->code)
        command_refuse(c, "-e CODE is given twice");
    c->code = value;
}

static void take_errors(struct command *c, const char *value) {
    if (!strcmp(value, "json"))
        c->options.errors = DIAG_JSON;
    else if (!strcmp(value, "text"))
        c->options.errors = DIAG_TEXT;
    else
        command_refuse(c, "--errors is json or text, not `%s`", value);
}

static void take_quiet(struct command *c, const char *value) {
    (void)value;
    c->options.quiet = true;
}

static void take_check_numerics(struct command *c, const char *value) {
    (void)value;
    c->options.check_numerics = true;
}

static void take_exact(struct command *c, const char *value) {
    (void)value;
    c->options.exact = true;
}

static void take_check(struct command *c, const char *value) {
    (void)value;
    c->only_check = true;
}

static void take_profile(struct command *c, const char *value) {
    (void)value;
    c->options.profile = true;
}

static void take_trace(struct command *c, const char *value) {
    if (!*value)
        command_refuse(c, "--trace wants the name of a file");
    c->options.trace_path = value;
}

static void take_strict(struct command *c, const char *value) {
    (void)value;
    c->options.strict = true;
}

static void take_help(struct command *c, const char *value) {
    (void)value;
    c->instead = usage_perform;
}

static void take_version(struct command *c, const char *value) {
    (void)value;
    c->instead = verb_version;
}

static const struct option options[] = {
#define OPTION(name, function, value, verbs, summary)                                              \
    {name, value, verbs, summary, take_##function},
#include "cli/options.def"
#undef OPTION
};
enum { N_OPTIONS = sizeof options / sizeof *options };

const struct option *option_find(const char *name, size_t n) {
    for (int i = 0; i < N_OPTIONS; i++)
        if (strlen(options[i].name) == n && !strncmp(options[i].name, name, n))
            return &options[i];
    return NULL;
}

const char *option_nearest(const char *name) {
    const char *names[N_OPTIONS];
    for (int i = 0; i < N_OPTIONS; i++)
        names[i] = options[i].name;
    return nearest_name(name, names, N_OPTIONS);
}

enum { SUMMARY_COLUMN = 21 };

void options_print(FILE *out) {
    for (int i = 0; i < N_OPTIONS; i++) {
        const struct option *o = &options[i];
        const char *text = o->summary;
        if (!*text)
            continue;
        int column = fprintf(out, "  %s%s%s", o->name, o->value && *o->value != '=' ? " " : "",
                             o->value ? o->value : "");
        while (*text) {
            int n = (int)strcspn(text, "\n");
            fprintf(out, "%*s%.*s\n", SUMMARY_COLUMN - column, "", n, text);
            text += n + (text[n] == '\n');
            column = 0;
        }
    }
}
