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

static void *follow(void *argument) {
    struct checksum_follower *f = argument;
    size_t done = 0;
    for (bool ended = false; !ended;) {
        pthread_mutex_lock(&f->lock);
        while (f->n_ready == done && !f->ended)
            pthread_cond_wait(&f->more, &f->lock);
        size_t ready = f->n_ready;
        ended = f->ended;
        pthread_mutex_unlock(&f->lock);
        checksum_add(f->sum, f->bytes + done, ready - done);
        done = ready;
    }
    return NULL;
}

void checksum_follow(struct checksum_follower *f, struct checksum *c, const void *bytes) {
    *f = (struct checksum_follower){.sum = c, .bytes = bytes};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    f->has_thread = pthread_create(&f->thread, NULL, follow, f) == 0;
}

void checksum_ready(struct checksum_follower *f, size_t n) {
    if (!f->has_thread) {
        checksum_add(f->sum, f->bytes + f->n_ready, n);
        f->n_ready += n;
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->n_ready += n;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

void checksum_followed(struct checksum_follower *f) {
    if (f->has_thread) {
        pthread_mutex_lock(&f->lock);
        f->ended = true;
        pthread_cond_signal(&f->more);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    pthread_cond_destroy(&f->more);
    pthread_mutex_destroy(&f->lock);
}
