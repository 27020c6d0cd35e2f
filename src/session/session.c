/* Making a session and running units in it (session.h). */
#include "session/session.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "ops/ops.h"
#include "session/check.h"
#include "session/demand.h"
#include "session/embedded.h"
#include "session/profile.h"
#include "session/stages.h"
#include "syntax/parse.h"

static struct span nowhere(void) { return (struct span){0}; }

/* ---- units */

static bool is_dumped_unparsed(const struct session *s) {
    return s->options.dump && s->options.dump->when == STAGE_UNIT;
}

/* A parser would find fault with every line. */
bool session_is_script(struct session *s, const char *path, struct span at, const char *text,
                       size_t n) {
    const char *zero = memchr(text, 0, n);
    if (zero)
        diag_error(&s->diags, E_FILE, at,
                   "%s is not a script: it has a zero byte at offset %zu", path,
                   (size_t)(zero - text));
    else if (n > MAX_SCRIPT_BYTES)
        diag_error(&s->diags, E_FILE, at, "%s is too long for a script: %zu bytes", path, n);
    return !zero && n <= MAX_SCRIPT_BYTES;
}

struct parse_context session_parse_context(struct session *s) {
    return (struct parse_context){&s->arena, &s->names, &s->sources, &s->diags};
}

/* name=value of the command line that no param of the script takes. */
static bool check_overrides(struct session *s, const struct ast *tree, const char *path) {
    struct setting_info *settings;
    int n = settings_list(&s->arena, &s->sources, tree, &settings);
    const char **names = arena_array(&s->arena, const char *, n + 1);
    for (int i = 0; i < n; i++)
        names[i] = settings[i].name;
    bool ok = true;
    for (int i = 0; i < s->options.n_overrides; i++) {
        const char *name = s->options.overrides[i].name;
        bool known = false;
        for (int k = 0; k < n; k++)
            known = known || !strcmp(names[k], name);
        if (known)
            continue;
        ok = false;
        s->bad_setting = true;
        struct diag *d =
            diag_error(&s->diags, E_PARAM, nowhere(), "%s has no param `%s`", path, name);
        for (int k = 0; k < n; k++)
            diag_note(d, nowhere(), "it has %s = %s%s%s", settings[k].name,
                      settings[k].default_text, settings[k].doc ? "   # " : "",
                      settings[k].doc ? settings[k].doc : "");
        const char *nearest = nearest_name(name, names, n);
        if (nearest)
            diag_help(d, "did you mean %s=%s?", nearest, s->options.overrides[i].value);
        else if (!n)
            diag_help(d, "a script declares one by `param %s = default`", name);
    }
    return ok;
}

/* Parses and runs a source; broken statements are left out, and the others walked for more errors.
 */
static bool run_source(struct session *s, uint32_t source, bool library) {
    struct parse_context c = session_parse_context(s);
    struct ast *tree = NULL;
    struct stage_view view = {.s = s, .source = source};
    if (!library)
        stages_show(STAGE_UNIT, &view);
    bool ok = parse_source(&c, source, false, &tree) == PARSE_DONE;
    view.tree = tree;
    if (!library) {
        stages_show(STAGE_UNIT, &view);
        if (is_dumped_unparsed(s))
            return ok;
        if (!ok || !check_overrides(s, tree, s->sources.at[source].path))
            return false;
    }
    const char *path = s->sources.at[source].path;
    bool in_program = library && !s->options.stdlib;
    struct unit_source unit = {in_program ? path : session_file_key(s, path), path, tree, library};
    if (ok && library)
        array_push(&s->arena, &s->library, unit);
    if (ok && !library && s->options.check && !check_script(s, &unit))
        return false;
    bool shows_check = s->options.dump && s->options.dump->when == STAGE_CHECK;
    if (!library && (s->options.only_check || shows_check))
        return ok;
    if (!library)
        profile_script_begins(s->profile);
    return ok && (interp_run(s->interp, &unit) || s->dump_ended);
}

static bool run_unit(struct session *s, const char *path, const char *text, size_t n,
                     bool library) {
    if (!session_is_script(s, path, nowhere(), text, n))
        return false;
    return run_source(s, source_add(&s->sources, path, text, (uint32_t)n, library), library);
}

bool session_run_text(struct session *s, const char *path, const char *text, size_t n_bytes) {
    bool ok = run_unit(s, path, text, n_bytes, false);
    session_flush(s);
    return ok;
}

char *session_read_script(struct session *s, struct arena *arena, const char *path,
                          struct span at, size_t *n) {
    const char *why = NULL;
    char *text = os_read_file(arena, path, MAX_SCRIPT_BYTES, n, &why);
    if (!text)
        diag_error(&s->diags, E_FILE, at, "cannot read %s: %s", path, why);
    return text;
}

bool session_run_file(struct session *s, const char *path) {
    struct arena scratch = {0};
    size_t n;
    char *text = session_read_script(s, &scratch, path, nowhere(), &n);
    bool ok = text && run_unit(s, path, text, n, false);
    arena_free(&scratch);
    session_flush(s);
    return ok;
}

enum typed_end session_run_typed(struct session *s, const char *text, size_t n_bytes) {
    if (!session_is_script(s, "the input", nowhere(), text, n_bytes)) {
        session_flush(s);
        return TYPED_FAILED;
    }
    uint32_t source = source_add(&s->sources, "<input>", text, (uint32_t)n_bytes, false);
    struct parse_context c = session_parse_context(s);
    struct ast *tree = NULL;
    enum parse_end end = parse_source(&c, source, true, &tree);
    if (end == PARSE_INCOMPLETE)
        return TYPED_INCOMPLETE;
    bool ok = end == PARSE_DONE && interp_echo(s->interp, tree);
    session_flush(s);
    return ok ? TYPED_DONE : TYPED_FAILED;
}

/* ---- the library */

static bool run_embedded(struct session *s) {
    bool ok = true;
    for (int i = 0; i < n_embedded_stdlib && ok; i++)
        ok = run_unit(s, embedded_stdlib[i].name, embedded_stdlib[i].text, embedded_stdlib[i].n,
                      true);
    return ok;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_script_name(const char *name) {
    size_t n = strlen(name);
    return n > 3 && name[0] != '.' && !strcmp(name + n - 3, ".nn");
}

static bool run_folder(struct session *s, const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) {
        diag_error(&s->diags, E_FILE, nowhere(), "cannot read the library folder %s: %s", folder,
                   strerror(errno));
        return false;
    }
    struct arena scratch = {0};
    ARRAY(char *) paths = {0};
    for (struct dirent *entry; (entry = readdir(dir));)
        if (is_script_name(entry->d_name))
            array_push(&scratch, &paths, arena_printf(&scratch, "%s/%s", folder, entry->d_name));
    closedir(dir);
    if (paths.n)
        qsort(paths.at, (size_t)paths.n, sizeof *paths.at, compare_names);
    else
        diag_error(&s->diags, E_FILE, nowhere(), "there is no .nn file in the library folder %s",
                   folder);
    bool ok = paths.n > 0;
    for (int i = 0; i < paths.n && ok; i++) {
        size_t n;
        char *text = session_read_script(s, &scratch, paths.at[i], nowhere(), &n);
        ok = text && run_unit(s, paths.at[i], text, n, true);
    }
    arena_free(&scratch);
    return ok;
}

/* ---- the session */

static void make_interp(struct session *s, struct session *shared, const struct host *host,
                        FILE *settled) {
    const struct session_options *o = &s->options;
    bool dry = s != shared;
    s->interp = interp_new(&(struct interp_options){
        .arena = &s->arena,
        .names = &shared->names,
        .sources = &shared->sources,
        .diags = &shared->diags,
        .symbols = &s->symbols,
        .ops = s->ops,
        .graph = &s->graph,
        .host = *host,
        .out = o->out,
        .log = o->quiet || dry || o->errors == DIAG_JSON ? NULL : o->err,
        .quiet = o->quiet,
        .store = &shared->store,
        .quiet_prints = o->dump != NULL,
        .seed = o->seed,
        .seed_fixed = o->seed_fixed,
        .overrides = o->overrides,
        .n_overrides = o->n_overrides,
        .interrupted = o->interrupted,
        .dry = dry,
        .n_demands = &s->n_dry_demands,
        .settled = settled,
    });
}

static void make_graph(struct session *s, struct session *shared) {
    s->symbols.arena = &s->arena;
    graph_init(&s->graph, NULL);
    s->build = (struct build){
        .graph = &s->graph,
        .ops = s->ops,
        .symbols = &s->symbols,
        .names = &shared->names,
        .arena = &s->arena,
        .diags = &shared->diags,
    };
}

struct session *session_new_dry(struct session *s, const struct host *host, FILE *settled) {
    struct arena own = {0};
    struct session *dry = arena_new(&own, struct session);
    dry->arena = own;
    dry->options = s->options;
    dry->options.n_threads = 1;
    dry->options.dump = NULL;
    dry->options.err = NULL;
    dry->checked = s;
    dry->diags = (struct diags){.arena = &s->arena, .sources = &s->sources};
    dry->ops = s->ops;
    make_graph(dry, s);
    struct host own_host = *host;
    own_host.context = dry;
    make_interp(dry, s, &own_host, settled);
    for (int i = 0; i < s->library.n; i++)
        interp_run(dry->interp, &s->library.at[i]);
    return dry;
}

struct session *session_new(const struct session_options *o) {
    struct arena own = {0};
    struct session *s = arena_new(&own, struct session);
    s->arena = own;
    s->options = *o;
    if (!s->options.interrupted)
        s->options.interrupted = &s->never;
    s->names.arena = &s->arena;
    s->sources.arena = &s->arena;
    s->diags.arena = &s->arena;
    s->diags.sources = &s->sources;
    s->ops = op_table_new(&s->arena, &s->names, op_rules);
    make_graph(s, s);
    bool watched = profile_begin(s, &s->profile);
    make_interp(s, s,
                &(struct host){s, demand_run, demand_gradients, demand_gradient_cut,
                               demand_forget_node, session_find_unit, session_read_unit,
                               s->profile ? profile_watch : NULL},
                NULL);
    if (!watched)
        return s;
    if (o->stdlib)
        run_folder(s, o->stdlib);
    else
        run_embedded(s);
    return s;
}

void session_free(struct session *s) {
    if (!s)
        return;
    profile_free(s->profile);
    cache_free(&s->cache);
    exec_free(s->executor);
    interp_free(s->interp);
    graph_free(&s->graph);
    draws_free(&s->draws);
    load_store_free(&s->store);
    struct arena own = s->arena;
    arena_free(&own);
}

enum status session_status(const struct session *s) {
    if (s->was_interrupted || *s->options.interrupted)
        return STATUS_INTERRUPTED;
    bool bad_setting = s->bad_setting, internal = false;
    for (int i = 0; i < s->diags.list.n; i++) {
        const struct diag *d = s->diags.list.at[i];
        bad_setting = bad_setting || (d->severity == SEVERITY_ERROR && d->code == E_PARAM);
        internal = internal || d->code == E_INTERNAL;
    }
    if (internal)
        return STATUS_INTERNAL;
    if (bad_setting)
        return STATUS_USAGE;
    if (s->diags.unsupported)
        return STATUS_UNSUPPORTED;
    bool wrong = s->diags.n_errors || s->refused_warnings;
    return wrong ? STATUS_ERROR : STATUS_OK;
}

void session_flush(struct session *s) {
    if (s->options.err)
        diag_flush(&s->diags, s->options.errors, s->options.err);
}

void session_forget_diags(struct session *s) {
    s->diags = (struct diags){.arena = &s->arena, .sources = &s->sources};
    s->bad_setting = s->was_interrupted = false;
}
