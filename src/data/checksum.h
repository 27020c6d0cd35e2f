/* SHA-256 of a stream of bytes, by libcrypto. The library is loaded at the first use: a program
 * that reads no checked file does not pay for it at start. */
#ifndef NN_DATA_CHECKSUM_H
#define NN_DATA_CHECKSUM_H

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

#endif
