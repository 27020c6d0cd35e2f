/* Sets between a dry run and the run. What is promised stands in store.h. */
#include "data/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/file.h"

void load_store_free(struct load_store *s) {
    for (int i = 0; i < s->list.n; i++)
        if (s->list.at[i].key)
            dataset_release(s->list.at[i].set);
    arena_free(&s->arena);
}

/* What a file and its settings are known by again; malloc'd. NULL: nothing is kept. */
static char *make_key(struct load_context *c, const char *path, const struct store_reader *reader,
                      const void *with) {
    char *key = NULL;
    size_t n;
    struct stat st;
    FILE *out = c->store && stat(path, &st) == 0 ? open_memstream(&key, &n) : NULL;
    if (!out)
        return NULL;
    fprintf(out, "%llu %llu %lld %lld.%09ld ", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
            (long)st.st_mtim.tv_nsec);
    reader->describe(out, with);
    bool whole = !ferror(out);
    if (fclose(out) == 0 && whole)
        return key;
    free(key);
    return NULL;
}

static bool give(struct load_context *c, struct dataset *d, const char *said,
                 struct dataset **out) {
    *out = c->dry ? dataset_new_phantom(c->arena, d) : d;
    if (!*out)
        diag_error(c->diags, E_MEMORY, c->at, "not enough memory for the data set %s", d->name);
    if (!c->dry)
        d->seed = c->seed;
    if (said)
        file_remark(c, "%s", said);
    return *out != NULL;
}

static struct kept_set *find_kept(struct load_store *s, const char *key) {
    for (int i = 0; key && i < s->list.n; i++)
        if (s->list.at[i].key && strcmp(s->list.at[i].key, key) == 0)
            return &s->list.at[i];
    return NULL;
}

static bool read_set(struct load_context *c, const char *path, const char *key,
                     const struct store_reader *reader, const void *with, struct dataset **out) {
    bool kept = c->dry && key;
    struct arena *a = kept ? &c->store->arena : c->arena;
    const char *said = NULL;
    struct dataset *d = reader->read(c, path, a, with, &said);
    bool ok = d && give(c, d, said, out);
    if (d && kept)
        array_push(a, &c->store->list,
                   (struct kept_set){arena_strndup(a, key, strlen(key)), d, said});
    else if (d && c->dry)
        dataset_release(d);
    return ok;
}

bool load_store_read(struct load_context *c, const char *path, const struct store_reader *reader,
                     const void *with, struct dataset **out) {
    const char *found = file_find(c, path);
    if (!found)
        return false;
    char *key = make_key(c, found, reader, with);
    struct kept_set *kept = find_kept(c->store, key);
    if (kept && !c->dry)
        kept->key = NULL;
    bool ok = kept ? give(c, kept->set, kept->said, out)
                   : read_set(c, found, key, reader, with, out);
    free(key);
    return ok;
}
