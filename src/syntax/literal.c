/* Numbers and the escapes of strings: slices -> values. A literal that is not right is reported at
 * the character that is wrong; 0, or the text without the escape, stands in its place. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "syntax/build.h"

static int digit_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* 10, or the base that a prefix gives. */
static int number_base(const char *text, uint32_t n) {
    if (n < 3 || text[0] != '0')
        return 10;
    switch (text[1] | 0x20) {
    case 'x':
        return 16;
    case 'o':
        return 8;
    case 'b':
        return 2;
    default:
        return 10;
    }
}

int64_t literal_int(struct builder *b, struct token t) {
    const char *text = b->text + t.offset;
    int base = number_base(text, t.length);
    uint32_t first = base == 10 ? 0 : 2;
    if (base == 10 && text[0] == '0' && strspn(text, "0_") < t.length) {
        struct diag *d = build_error(b, E_BAD_LITERAL, token_span(b, t),
                                     "a number does not begin with a superfluous 0");
        diag_help(d, "an octal number is written `0o17`");
        return 0;
    }
    int64_t value = 0;
    for (uint32_t i = first; i < t.length; i++) {
        bool separates = text[i] == '_' && i > first && i + 1 < t.length && text[i - 1] != '_';
        if (separates)
            continue;
        int digit = digit_value(text[i]);
        if (digit >= base) {
            struct span at = {b->source, t.offset + i, 1};
            build_error(b, E_BAD_LITERAL, at, "`%c` is not a digit of a number in base %d", text[i],
                        base);
            return 0;
        }
        if (__builtin_mul_overflow(value, (int64_t)base, &value) ||
            __builtin_add_overflow(value, (int64_t)digit, &value)) {
            struct diag *d =
                build_error(b, E_BAD_LITERAL, token_span(b, t),
                            "this integer is too large: the largest is %lld", (long long)INT64_MAX);
            if (base == 10)
                diag_help(d, "a number with a point, `%.*s.0`, is a double", (int)t.length, text);
            return 0;
        }
    }
    return value;
}

double literal_float(struct builder *b, struct token t) {
    const char *text = b->text + t.offset;
    char *digits = malloc(t.length + 1u);
    if (!digits)
        return 0;
    uint32_t n = 0;
    bool nonzero = false;
    for (uint32_t i = 0; i < t.length; i++) {
        if (text[i] == '_')
            continue;
        digits[n++] = text[i];
    }
    digits[n] = 0;
    for (uint32_t i = 0; i < n && (digits[i] | 0x20) != 'e'; i++)
        nonzero = nonzero || (digits[i] >= '1' && digits[i] <= '9');
    double value = strtod(digits, NULL);
    if (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
        build_error(b, E_BAD_LITERAL, token_span(b, t),
                    "a number does not begin with a superfluous 0");
    else if (isinf(value))
        build_error(b, E_BAD_LITERAL, token_span(b, t),
                    "this number is too large: the largest double is about 1.8e308");
    else if (nonzero && value == 0)
        build_error(b, E_BAD_LITERAL, token_span(b, t),
                    "this number is too small: the smallest double above 0 is about 4.9e-324");
    free(digits);
    return value;
}

/* The escape at text[0..n), which begins with a backslash: writes its bytes to `out`, gives its
 * length. */
static uint32_t read_escape(struct builder *b, uint32_t offset, uint32_t n, char *out,
                            uint32_t *n_out) {
    const char *text = b->text + offset;
    static const char letters[] = "nrt\"\\{}", meanings[] = "\n\r\t\"\\{}";
    const char *letter = strchr(letters, text[1]);
    *n_out = 0;
    if (letter) {
        out[0] = meanings[letter - letters];
        *n_out = 1;
        return 2;
    }
    uint32_t length = 2, code = 0, n_digits = 0;
    if (text[1] == 'u' && n > 2 && text[2] == '{') {
        length = 3;
        while (length < n && digit_value(text[length]) < 16 && n_digits < 7) {
            code = code * 16 + (uint32_t)digit_value(text[length]);
            length++, n_digits++;
        }
        if (length < n && text[length] == '}' && n_digits > 0) {
            length++;
            if (code != 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) {
                *n_out = (uint32_t)utf8_encode(code, out);
                return length;
            }
            build_error(b, E_BAD_LITERAL, (struct span){b->source, offset, length},
                        "there is no character with the number %X", code);
            return length;
        }
    }
    /* The whole character after the backslash, which may be of several bytes. */
    while (length < n && ((unsigned char)text[length] & 0xc0) == 0x80)
        length++;
    struct diag *d = build_error(b, E_BAD_LITERAL, (struct span){b->source, offset, length},
                                 "`%.*s` is not an escape", (int)length, text);
    if (text[1] == 'u')
        diag_help(d, "a character by its number in base 16 is `\\u{3b1}`");
    else
        diag_help(d,
                  "the escapes are \\n \\r \\t \\\" \\\\ \\{ \\} and \\u{..}; a backslash itself "
                  "is `\\\\`");
    return length;
}

const char *literal_bytes(struct builder *b, uint32_t offset, uint32_t length, uint32_t *n) {
    /* No escape is shorter than what it stands for: `\u{7f}` to `\u{10ffff}` give 1 to 4 bytes. */
    char *bytes = arena_alloc(b->c->arena, length + 1u);
    *n = 0;
    for (uint32_t i = 0; i < length;) {
        if (b->text[offset + i] == '\\' && i + 1 < length) {
            uint32_t n_out;
            i += read_escape(b, offset + i, length - i, bytes + *n, &n_out);
            *n += n_out;
        } else {
            bytes[(*n)++] = b->text[offset + i++];
        }
    }
    bytes[*n] = 0;
    return bytes;
}
