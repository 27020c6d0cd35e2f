/* Which file an `import "path"` means, and its tree. A path is looked for beside the importing
 * file, then in the standard library: the folder of --stdlib, or the files in the program. A file
 * of the library in the program has no other folder than the library.
 *
 * Not for: what an import does to the names of a file (eval/module). */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "session/embedded.h"
#include "session/session.h"
#include "syntax/parse.h"

enum { MAX_LISTED = 1024 };

static const struct embedded_file *find_embedded(const char *path) {
    for (int i = 0; i < n_embedded_stdlib; i++)
        if (!strcmp(embedded_stdlib[i].name, path))
            return &embedded_stdlib[i];
    return NULL;
}

const char *session_file_key(struct session *s, const char *path) {
    char real[PATH_MAX];
    return realpath(path, real) ? arena_strndup(&s->arena, real, strlen(real)) : NULL;
}

static bool is_file(const char *path) {
    struct stat st;
    return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* The folder of a path with its slash, or "". */
static const char *folder_of(struct arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path + 1)) : "";
}

/* Where a path is looked for, in this order. Names of files in the program begin with "stdlib/". */
struct candidates {
    const char *beside;  /* on the disk; NULL for an importer in the program */
    const char *library; /* on the disk with --stdlib, else in the program */
    bool library_on_disk;
};

static struct candidates candidates_of(struct session *s, const char *path, struct span at) {
    const struct source *importer = &s->sources.at[at.source];
    struct candidates c = {.library_on_disk = s->options.stdlib != NULL};
    bool in_program = importer->library && !s->options.stdlib;
    if (path[0] == '/')
        c.beside = path;
    else if (!in_program)
        c.beside = arena_printf(&s->arena, "%s%s", folder_of(&s->arena, importer->path), path);
    if (path[0] != '/')
        c.library = arena_printf(&s->arena, "%s/%s",
                                 c.library_on_disk ? s->options.stdlib : "stdlib", path);
    return c;
}

/* Names of .nn files, those beside the importer first. */
static int list_scripts(struct session *s, struct arena *a, const struct candidates *c,
                        const char **names) {
    int n = 0;
    const char *folders[2] = {c->beside ? folder_of(a, c->beside) : NULL,
                              c->library && c->library_on_disk ? s->options.stdlib : NULL};
    for (int i = 0; i < 2; i++) {
        DIR *dir = folders[i] ? opendir(*folders[i] ? folders[i] : ".") : NULL;
        for (struct dirent *e; dir && n < MAX_LISTED && (e = readdir(dir));) {
            size_t length = strlen(e->d_name);
            if (length > 3 && !strcmp(e->d_name + length - 3, ".nn"))
                names[n++] = arena_strndup(a, e->d_name, length);
        }
        if (dir)
            closedir(dir);
    }
    for (int i = 0; c->library && !c->library_on_disk && i < n_embedded_stdlib; i++)
        if (n < MAX_LISTED)
            names[n++] = embedded_stdlib[i].name + strlen("stdlib/");
    return n;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool report_missing(struct session *s, const char *path, struct span at,
                           const struct candidates *c) {
    struct arena scratch = {0};
    const char *names[MAX_LISTED], *slash = strrchr(path, '/');
    const char *own = slash ? slash + 1 : path;
    struct diag *d = diag_error(&s->diags, E_FILE, at, "there is no file `%s` to import", path);
    if (c->beside)
        diag_note(d, (struct span){0}, "looked for %s", c->beside);
    if (c->library)
        diag_note(d, (struct span){0}, "looked %s for %s",
                  c->library_on_disk ? "in the library" : "in the library of the program",
                  c->library);
    int n = list_scripts(s, &scratch, c, names);
    qsort(names, (size_t)n, sizeof *names, compare_names);
    const char *near = nearest_name(own, names, n);
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], arena_printf(&scratch, "%s.nn", own)))
            near = names[i];
    if (near)
        diag_help(d, "did you mean \"%.*s%s\"?", (int)(own - path), path, near);
    arena_free(&scratch);
    return false;
}

bool session_find_unit(void *context, const char *path, struct span at, struct unit_source *out) {
    struct session *s = context;
    struct candidates c = candidates_of(s, path, at);
    if (c.beside && is_file(c.beside)) {
        *out = (struct unit_source){.key = session_file_key(s, c.beside), .path = c.beside};
        out->library = s->sources.at[at.source].library;
        return true;
    }
    if (c.library && (c.library_on_disk ? is_file(c.library) : find_embedded(c.library) != NULL)) {
        *out = (struct unit_source){.path = c.library, .library = true};
        out->key = c.library_on_disk ? session_file_key(s, c.library) : c.library;
        return true;
    }
    return report_missing(s, path, at, &c);
}

bool session_read_unit(void *context, struct span at, struct unit_source *u) {
    struct session *s = context;
    for (int i = 0; i < s->imported.n; i++)
        if (u->key && !strcmp(s->imported.at[i].key, u->key)) {
            u->tree = s->imported.at[i].tree;
            return true;
        }
    struct arena scratch = {0};
    struct parse_context c = session_parse_context(s);
    const struct embedded_file *embedded =
        u->library && !s->options.stdlib ? find_embedded(u->path) : NULL;
    const char *text = embedded ? embedded->text : NULL;
    size_t n = embedded ? embedded->n : 0;
    if (!text)
        text = session_read_script(s, &scratch, u->path, at, &n);
    bool ok = text && session_is_script(s, u->path, at, text, n);
    if (ok) {
        struct ast *tree;
        uint32_t source = source_add(&s->sources, u->path, text, (uint32_t)n, u->library);
        ok = parse_source(&c, source, false, &tree) == PARSE_DONE;
        u->tree = tree;
        if (ok && u->key)
            array_push(&s->arena, &s->imported, *u);
    }
    arena_free(&scratch);
    return ok;
}
