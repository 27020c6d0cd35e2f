/* UTF-8 (Unicode 15, section 3.9), strictly: what is not a character is told apart from what is. */
#ifndef NN_BASE_UTF8_H
#define NN_BASE_UTF8_H

#include <stdint.h>

/* Bytes (1 to 4) of the character at `at`, before `end`; 0 when there is none. */
int utf8_length(const char *at, const char *end);
/* The code point of the character of n bytes at `at`, which utf8_length found. */
uint32_t utf8_code(const char *at, int n);
/* The bytes of a code point below 0x110000, 4 at most, to `out`. How many. */
int utf8_encode(uint32_t code, char *out);
/* The first byte of [at, end) that is not part of a character, or `end`. */
const char *utf8_find_fault(const char *at, const char *end);

#endif
