/* The program: signals, memory, a command line performed (cli/), its status as the exit status.
 * Only this file exits.
 *
 * The flag that signals set is the one variable of the program outside a session: a handler has no
 * other way. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <malloc.h>
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

/* Batches, results and what a loop makes of them come and go at every step. By default the system
 * gets their memory back at once, and clears it page by page when it is asked for the next: it is
 * kept instead. (Blocks above 32 MiB still come from the system and go back to it.) */
static void keep_memory(void) {
#ifdef M_TRIM_THRESHOLD
    enum { LARGEST_BYTES = 32 << 20, KEPT_BYTES = 256 << 20 };
    mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
#endif
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
    keep_memory();
    catch_signals();
    command_parse(&c, argc, argv);
    enum status status = command_perform(&c);
    command_free(&c);
    return close_output(status);
}
