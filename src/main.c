/* The program: signals, a command line performed (cli/), its status as the exit status. Only this
 * file exits.
 *
 * The flag that signals set is the one variable of the program outside a session: a handler has no
 * other way. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

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
        .options = {.check = true, .out = stdout, .err = stderr, .interrupted = &interrupted},
    };
    /* A line that was printed is not lost, and stands before what is said about the next. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_signals();
    command_parse(&c, argc, argv);
    enum status status = command_perform(&c);
    command_free(&c);
    return close_output(status);
}
