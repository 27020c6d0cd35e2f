/* Sets between a dry run and the run. What is promised stands in store.h. */
#include "data/store.h"

#include <string.h>
#include <sys/stat.h>

#include "data/file.h"

void load_store_free(struct load_store *s) {
    for (int i = 0; i < s->list.n; i++)
        if (s->list.at[i].key)
            dataset_release(s->list.at[i].set);
    arena_free(&s->arena);
}

struct load_key load_key_make(struct load_context *c, const char *path, const char *settings) {
    struct load_key key = {.c = c, .arena = c->arena};
    struct stat st;
    if (!c->store || stat(path, &st) != 0)
        return key;
    key.text = arena_printf(c->arena, "%llu %llu %lld %lld.%09ld %s",
                            (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                            (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                            (long)st.st_mtim.tv_nsec, settings);
    if (c->dry)
        key.arena = &c->store->arena;
    return key;
}

static bool give(struct load_context *c, struct dataset *d, const char *said,
                 struct dataset **out) {
    *out = c->dry ? dataset_new_phantom(c->arena, d) : d;
    if (!c->dry)
        d->seed = c->seed;
    if (said)
        file_remark(c, "%s", said);
    return *out != NULL;
}

bool load_key_give_kept(const struct load_key *key, struct dataset **out) {
    struct load_store *s = key->text ? key->c->store : NULL;
    for (int i = 0; s && i < s->list.n; i++) {
        struct kept_set *k = &s->list.at[i];
        if (!k->key || strcmp(k->key, key->text) != 0)
            continue;
        if (!key->c->dry)
            k->key = NULL;
        give(key->c, k->set, k->said, out);
        return true;
    }
    return false;
}

bool load_key_give(const struct load_key *key, struct dataset *d, const char *said,
                   struct dataset **out) {
    struct load_context *c = key->c;
    bool ok = give(c, d, said, out);
    if (!c->dry)
        return ok;
    if (!key->text) {
        dataset_release(d);
        return ok;
    }
    const char *own = arena_strndup(&c->store->arena, key->text, strlen(key->text));
    array_push(&c->store->arena, &c->store->list, (struct kept_set){own, d, said});
    return ok;
}
