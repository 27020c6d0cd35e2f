/* SHA-256 (FIPS 180-4) through libcrypto's EVP interface, which uses the processor's SHA
 * instructions. What is promised stands in checksum.h. Opening a library that is open costs little
 * and is safe from several threads, so there is no shared state here: each checksum asks again. */
#include "data/checksum.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"

struct checksum_library {
    __typeof__(EVP_MD_CTX_new) *context_new;
    __typeof__(EVP_MD_CTX_free) *context_free;
    __typeof__(EVP_sha256) *sha256;
    __typeof__(EVP_DigestInit_ex) *init;
    __typeof__(EVP_DigestUpdate) *update;
    __typeof__(EVP_DigestFinal_ex) *final;
};

static bool load_library(struct checksum_library *l) {
    const struct os_function functions[] = {
        {"EVP_MD_CTX_new", &l->context_new},
        {"EVP_MD_CTX_free", &l->context_free},
        {"EVP_sha256", &l->sha256},
        {"EVP_DigestInit_ex", &l->init},
        {"EVP_DigestUpdate", &l->update},
        {"EVP_DigestFinal_ex", &l->final},
    };
    return os_load_library("libcrypto.so.3", functions, sizeof functions / sizeof *functions);
}

bool checksum_open(struct checksum *c) {
    struct checksum_library *l = calloc(1, sizeof *l);
    *c = (struct checksum){.library = l};
    if (l && load_library(l)) {
        c->state = l->context_new();
        if (c->state && l->init(c->state, l->sha256(), NULL) == 1)
            return true;
        l->context_free(c->state);
    }
    free(l);
    return false;
}

void checksum_add(struct checksum *c, const void *bytes, size_t n) {
    c->library->update(c->state, bytes, n);
}

void checksum_close(struct checksum *c, char text[CHECKSUM_TEXT]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (text) {
        c->library->final(c->state, digest, &n);
        for (unsigned i = 0; i < n && i < 32; i++)
            snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    c->library->context_free(c->state);
    free((void *)c->library);
}
