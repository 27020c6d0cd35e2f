/* Sets between a dry run and the run. What is promised stands in store.h. */
#include "data/store.h"

#include <string.h>
#include <sys/stat.h>

const char *load_store_key(struct arena *a, const char *path, const char *settings) {
    struct stat st;
    if (stat(path, &st) != 0)
        return NULL;
    return arena_printf(a, "%llu %llu %lld %lld.%09ld %s", (unsigned long long)st.st_dev,
                        (unsigned long long)st.st_ino, (long long)st.st_size,
                        (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec, settings);
}

struct dataset *load_store_find(struct load_store *s, const char *key, bool take,
                                const char **said) {
    for (int i = 0; i < s->list.n; i++) {
        struct kept_set *k = &s->list.at[i];
        if (!k->key || strcmp(k->key, key) != 0)
            continue;
        *said = k->said;
        if (take)
            k->key = NULL;
        return k->set;
    }
    return NULL;
}

void load_store_keep(struct load_store *s, const char *key, struct dataset *set,
                     const char *said) {
    const char *own = arena_strndup(&s->arena, key, strlen(key));
    array_push(&s->arena, &s->list, (struct kept_set){own, set, said});
}

void load_store_free(struct load_store *s) {
    for (int i = 0; i < s->list.n; i++)
        if (s->list.at[i].key)
            dataset_release(s->list.at[i].set);
    arena_free(&s->arena);
}
