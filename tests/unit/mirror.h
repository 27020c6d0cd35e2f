/* A mirror on this machine that behaves as badly as it is told: an HTTP server of one file for
 * tests of downloads. */
#ifndef NN_TESTS_MIRROR_H
#define NN_TESTS_MIRROR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mirror_conduct {
    MIRROR_GOOD,      /* sends the file; knows ranges */
    MIRROR_NO_RANGES, /* sends it from the beginning, whatever is asked for */
    MIRROR_404,
    MIRROR_PAGE,      /* a web page with status 200 */
    MIRROR_BREAKS,    /* sends half of what it announced and hangs up */
    MIRROR_HALTS,     /* sends half, calls `halted`, and waits */
    MIRROR_SILENT     /* takes the connection and never answers */
};

struct test_mirror {
    _Atomic int conduct; /* one of enum mirror_conduct */
    const char *folder;  /* where its files are; NULL: every name is `bytes` */
    const uint8_t *_Atomic bytes;
    _Atomic size_t n_bytes;
    void (*halted)(void *with); /* called when MIRROR_HALTS has sent half */
    void *with;
    /* What was seen. */
    _Atomic int n_requests;
    _Atomic long last_range; /* the first byte asked for; -1: no range */
    char url[64];            /* "http://127.0.0.1:PORT/" */
    /* Its own. */
    int listener;
    _Atomic bool stop;
    pthread_t thread;
};

/* Starts it on a free port. The other fields are set before; they may change between requests. */
bool mirror_start(struct test_mirror *m);
void mirror_stop(struct test_mirror *m);

#endif
