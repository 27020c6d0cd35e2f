/* UTF-8 by its table of well-formed byte sequences (Unicode 15, table 3-7). */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

int utf8_length(const char *at, const char *end) {
    const unsigned char *s = (const unsigned char *)at;
    if (s[0] < 0x80)
        return 1;
    int n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
            : s[0] >= 0xe0 && s[0] <= 0xef ? 3
            : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                           : 0;
    if (n == 0 || end - at < n)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

uint32_t utf8_code(const char *at, int n) {
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)at[0] & first_bits[n];
    for (int i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    return code;
}

int utf8_encode(uint32_t code, char *out) {
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[n] | code);
    return n;
}

const char *utf8_find_fault(const char *at, const char *end) {
    enum { WORD = 8 };
    while (at < end) {
        uint64_t word;
        if (end - at >= WORD && (memcpy(&word, at, WORD), !(word & 0x8080808080808080))) {
            at += WORD; /* ASCII, of which texts are mostly made */
            continue;
        }
        int n = utf8_length(at, end);
        if (n == 0)
            return at;
        at += n;
    }
    return end;
}
