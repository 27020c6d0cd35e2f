/* The command line: arguments to options, options to a session, how the session went to an exit
 * status. Only this file exits.
 *
 * The flag that signals set is the one variable of the program outside a session: a handler has no
 * other way. */
#define _DEFAULT_SOURCE
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/repl.h"
#include "session/session.h"
#include "session/stages.h"

static const char usage_text[] =
    "nnrun SCRIPT [name=value ...]    run a script; name=value sets its params\n"
    "nnrun -                          run the script on standard input\n"
    "nnrun -e CODE                    run CODE\n"
    "nnrun                            a prompt on a terminal, else the script on standard input\n"
    "nnrun help [SCRIPT]              this text, or a script's params and placeholders\n"
    "nnrun version                    version, processor kernels, BLAS, threads\n"
    "\n"
    "  --seed N           begin all random draws from N; a script's own seed() then has no effect\n"
    "  --threads N        threads to compute with (default: all processors); results are the same\n"
    "  --stdlib DIR       take the standard library from the .nn files of DIR\n"
    "  --dump=STAGE       show a stage of the work instead of what the script prints;\n"
    "                     --dump=help lists them\n"
    "  --memory SIZE      the most that a computation may take, such as 500M or 2G; an evaluation\n"
    "                     that would take more runs in chunks where it can (default: chunks of\n"
    "                     about 8 MiB or as much as the variables; the machine's memory)\n"
    "  --check-numerics   stop at the first NaN or infinity of any op\n"
    "  --quiet            no progress and no remarks on standard error\n"
    "  --                 what follows are not options\n"
    "\n"
    "Results go to standard output, everything else to standard error. Exit status: 0 done,\n"
    "1 error of the script, 2 of the command line, 3 the script uses what is not supported yet,\n"
    "70 fault of nnrun itself, 130 interrupted.\n";

/* ---- signals */

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    if (interrupted)
        _exit(STATUS_INTERRUPTED);
    interrupted = 1;
}

static void catch_signals(void) {
    /* Without SA_RESTART a read of the prompt ends. */
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* `nnrun x.nn | head` ends with its reader, also under a parent that ignores the signal. */
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigemptyset(&usual.sa_mask);
    sigaction(SIGPIPE, &usual, NULL);
}

/* ---- arguments */

enum verb {
    VERB_NONE,
    VERB_RUN,
    VERB_CODE,
    VERB_STDIN,
    VERB_HELP,
    VERB_USAGE,
    VERB_VERSION,
    VERB_STAGES
};

struct command {
    enum verb verb;
    const char *script; /* or CODE */
    struct session_options options;
    ARRAY(struct setting_override) overrides;
    bool bad; /* said so */
};

static void refuse(struct command *c, const char *format, const char *what) {
    fputs("nnrun: ", stderr);
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    c->bad = true;
}

static void suggest(const char *prefix, const char *nearest) {
    if (nearest)
        fprintf(stderr, "help: did you mean %s%s?\n", prefix, nearest);
    else
        fputs("help: `nnrun --help` lists what there is\n", stderr);
}

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
        refuse(c, "--seed wants a whole number from 0 to 18446744073709551615, not `%s`", value);
    c->options.seed_fixed = true;
}

static void take_threads(struct command *c, const char *value) {
    uint64_t n = 0;
    if (!parse_count(value, MAX_THREADS, &n) || n == 0)
        refuse(c, "--threads wants a number from 1 to 1024, not `%s`", value);
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
        refuse(c, "--memory wants a size such as 500M or 2G, not `%s`", value);
}

static void take_stdlib(struct command *c, const char *value) { c->options.stdlib = value; }

static void take_dump(struct command *c, const char *value) {
    const char *nearest;
    if (!strcmp(value, "help")) {
        c->verb = VERB_STAGES;
        return;
    }
    c->options.dump = stages_find(value, &c->options.dump_pass, &nearest);
    if (c->options.dump)
        return;
    refuse(c, "--dump: there is no stage `%s`", value);
    suggest(nearest && strchr(value, ':') ? "--dump=opt:" : "--dump=", nearest ? nearest : "help");
}

static void take_code(struct command *c, const char *value) {
    if (c->script || c->verb == VERB_STDIN) {
        refuse(c, "-e CODE and a script (%s) cannot both be run", c->script ? c->script : "-");
        return;
    }
    c->verb = VERB_CODE;
    c->script = value;
}

static void take_quiet(struct command *c, const char *value) {
    (void)value;
    c->options.quiet = true;
}

static void take_check(struct command *c, const char *value) {
    (void)value;
    c->options.check_numerics = true;
}

static void take_help(struct command *c, const char *value) {
    (void)value;
    c->verb = VERB_USAGE;
}

static void take_version(struct command *c, const char *value) {
    (void)value;
    c->verb = VERB_VERSION;
}

static const struct option {
    const char *name;
    bool has_value;
    void (*take)(struct command *c, const char *value);
} options[] = {
    {"--seed", true, take_seed},     {"--threads", true, take_threads},
    {"--memory", true, take_memory}, {"--stdlib", true, take_stdlib}, {"--dump", true, take_dump},
    {"--quiet", false, take_quiet},  {"--check-numerics", false, take_check},
    {"--help", false, take_help},    {"--version", false, take_version},
    {"-e", true, take_code},         {"-h", false, take_help},
};
enum { N_OPTIONS = sizeof options / sizeof *options };

static const struct option *find_option(const char *text, size_t n) {
    for (int i = 0; i < N_OPTIONS; i++)
        if (strlen(options[i].name) == n && !strncmp(options[i].name, text, n))
            return &options[i];
    return NULL;
}

static void refuse_option(struct command *c, const char *text, size_t n) {
    const char *names[N_OPTIONS];
    char name[64];
    for (int i = 0; i < N_OPTIONS; i++)
        names[i] = options[i].name;
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    refuse(c, "there is no option `%s`", name);
    suggest("", nearest_name(name, names, N_OPTIONS));
}

/* Takes the option argv[i] with its value; gives how many arguments that were. */
static int take_option(struct command *c, char **argv, int i, int argc) {
    const char *text = argv[i];
    size_t n = strcspn(text, "=");
    const struct option *o = find_option(text, n);
    if (!o) {
        refuse_option(c, text, n);
    } else if (!o->has_value) {
        if (text[n])
            refuse(c, "%s takes no value", o->name);
        else
            o->take(c, NULL);
    } else if (text[n]) {
        o->take(c, text + n + 1);
    } else if (i + 1 == argc) {
        refuse(c, "%s wants a value", o->name);
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
            refuse(c, "%s is set twice", text);
            return;
        }
    array_push(NULL, &c->overrides, (struct setting_override){.name = text, .value = value});
}

static void take_verb(struct command *c, const char *text) {
    static const struct {
        const char *name;
        enum verb verb;
    } verbs[] = {{"help", VERB_HELP}, {"version", VERB_VERSION}, {"-", VERB_STDIN}};
    c->verb = VERB_RUN;
    c->script = text;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(text, verbs[i].name)) {
            c->verb = verbs[i].verb;
            c->script = NULL;
        }
}

static void take_word(struct command *c, char *text) {
    bool takes_settings = c->verb == VERB_RUN || c->verb == VERB_CODE || c->verb == VERB_STDIN;
    if (takes_settings && is_setting(text))
        take_setting(c, text);
    else if (c->verb == VERB_NONE && is_setting(text) && access(text, F_OK) != 0)
        refuse(c, "`%s`: settings stand after the script", text);
    else if (c->verb == VERB_NONE)
        take_verb(c, text);
    else if (c->verb == VERB_HELP && !c->script)
        c->script = text;
    else
        refuse(c, "what is `%s` for? Settings of the script are written name=value", text);
}

static void parse_arguments(struct command *c, int argc, char **argv) {
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
    c->options.overrides = c->overrides.at;
    c->options.n_overrides = c->overrides.n;
}

/* `nnrun verison`: a word that is no file and nearly a verb. */
static bool is_misspelt_verb(const struct command *c) {
    static const char *const verbs[] = {"help", "version"};
    if (strpbrk(c->script, "./") || access(c->script, F_OK) == 0)
        return false;
    const char *nearest = nearest_name(c->script, verbs, 2);
    if (!nearest)
        return false;
    fprintf(stderr, "nnrun: there is no script `%s`\n", c->script);
    suggest("nnrun ", nearest);
    return true;
}

/* ---- running */

/* All of standard input, malloc'd. NULL: it cannot be read, and that was said. */
static char *read_stdin(size_t *n) {
    size_t cap = 1 << 16;
    char *text = malloc(cap);
    *n = 0;
    while (text) {
        ssize_t got = read(STDIN_FILENO, text + *n, cap - *n);
        if (got < 0 && errno == EINTR && !interrupted)
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

static void run_stdin(struct session *s, bool *unread) {
    size_t n;
    char *text = read_stdin(&n);
    *unread = !text;
    if (text && !interrupted)
        session_run_text(s, "<stdin>", text, n);
    free(text);
}

static enum status run(const struct command *c) {
    bool typed = c->verb == VERB_NONE && isatty(STDIN_FILENO), unread = false;
    struct session *s = session_new(&c->options);
    enum status status = session_status(s);
    if (status != STATUS_OK)
        session_flush(s);
    else if (typed)
        repl_run(s, stdin);
    else if (c->verb == VERB_RUN)
        session_run_file(s, c->script);
    else if (c->verb == VERB_CODE)
        session_run_text(s, "<-e>", c->script, strlen(c->script));
    else if (c->verb == VERB_HELP)
        session_describe_file(s, c->script, stdout);
    else
        run_stdin(s, &unread);
    if (!typed)
        status = unread ? STATUS_ERROR : session_status(s);
    session_free(s);
    return status;
}

static enum status perform(const struct command *c) {
    if (c->verb == VERB_USAGE || (c->verb == VERB_HELP && !c->script))
        fputs(usage_text, stdout);
    else if (c->verb == VERB_STAGES)
        stages_print_help(stdout);
    else if (c->verb == VERB_VERSION)
        session_print_version(stdout, c->options.n_threads);
    else if (c->verb == VERB_RUN && is_misspelt_verb(c))
        return STATUS_USAGE;
    else
        return run(c);
    return STATUS_OK;
}

/* What was printed must have arrived; a reader that went away, or never was, is no error. */
static enum status close_output(enum status status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE || errno == EBADF)
        return status;
    fprintf(stderr, "nnrun: cannot write the output: %s\n", strerror(errno));
    return status == STATUS_OK ? STATUS_ERROR : status;
}

int main(int argc, char **argv) {
    struct command c = {
        .options = {.out = stdout, .err = stderr, .interrupted = &interrupted},
    };
    /* A line that was printed is not lost, and stands before what is said about the next. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_signals();
    parse_arguments(&c, argc, argv);
    enum status status = c.bad ? STATUS_USAGE : perform(&c);
    array_free(&c.overrides);
    return close_output(status);
}
