/* SHA-256 (FIPS 180-4) through libcrypto's EVP interface, which uses the processor's SHA
 * instructions. What is promised stands in checksum.h. dlopen counts references and is
 * thread-safe, so there is no shared state here: each checksum asks for the library again. */
#include "data/checksum.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct checksum_library {
    __typeof__(EVP_MD_CTX_new) *context_new;
    __typeof__(EVP_MD_CTX_free) *context_free;
    __typeof__(EVP_sha256) *sha256;
    __typeof__(EVP_DigestInit_ex) *init;
    __typeof__(EVP_DigestUpdate) *update;
    __typeof__(EVP_DigestFinal_ex) *final;
};

static bool load_library(struct checksum_library *l) {
    /* Never closed: libcrypto registers handlers that run at exit. */
    void *handle = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return false;
    *(void **)&l->context_new = dlsym(handle, "EVP_MD_CTX_new");
    *(void **)&l->context_free = dlsym(handle, "EVP_MD_CTX_free");
    *(void **)&l->sha256 = dlsym(handle, "EVP_sha256");
    *(void **)&l->init = dlsym(handle, "EVP_DigestInit_ex");
    *(void **)&l->update = dlsym(handle, "EVP_DigestUpdate");
    *(void **)&l->final = dlsym(handle, "EVP_DigestFinal_ex");
    return l->context_new && l->context_free && l->sha256 && l->init && l->update && l->final;
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
