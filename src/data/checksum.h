/* SHA-256 of a stream of bytes, by libcrypto. The library is loaded at the first use: a program
 * that reads no checked file does not pay for it at start. */
#ifndef NN_DATA_CHECKSUM_H
#define NN_DATA_CHECKSUM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { CHECKSUM_TEXT = 65 }; /* 64 hexadecimal digits and a NUL */

struct checksum {
    const struct checksum_library *library;
    void *state;
};

/* false: libcrypto cannot be loaded, or there is no memory; nothing to close. */
bool checksum_open(struct checksum *c);
void checksum_add(struct checksum *c, const void *bytes, size_t n);
/* Writes the digits (lower case), and frees the state. text may be NULL: only frees. */
void checksum_close(struct checksum *c, char text[CHECKSUM_TEXT]);

/* Adds bytes that are still being written, on a thread of its own behind the one that writes them:
 * inflating a file and hashing it take about as long as each other. */
struct checksum_follower {
    struct checksum *sum;
    const unsigned char *bytes;
    size_t n_ready;
    bool ended, has_thread;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
};
/* Until checksum_followed nobody else uses the checksum. Without a thread bytes are added as they
 * become ready. */
void checksum_follow(struct checksum_follower *f, struct checksum *c, const void *bytes);
void checksum_ready(struct checksum_follower *f, size_t n); /* `n` bytes behind those before */
void checksum_followed(struct checksum_follower *f);        /* returns when all are added */

#endif
