/* Files as modules: each is run once a session, in a scope of its own above the library's. What it
 * defines and does not hide behind a leading `_` is seen by those who import it; what it got by an
 * import of its own is not passed on. The files of the standard library are modules too, whose
 * names go into the scope below everybody's.
 *
 * Also the bindings of a file: a definition that replaces one of the library, or one that was
 * imported, is remarked on.
 *
 * Not for: finding and reading files; the host does that. */
#include <string.h>

#include "eval/interp.h"

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *module_name(const struct module *m) { return base_name(m->path); }

/* ---- where a name is bound */

static const struct ast *find_target(const struct ast *e, const char *name) {
    switch (e->kind) {
    case AST_ASSIGN:
        for (int i = 0; i < e->n_kids - 1; i++)
            if (e->kids[i]->kind == AST_NAME && e->kids[i]->text == name)
                return e->kids[i];
        return NULL;
    case AST_ROLE:
        return e->kids[0]->text == name ? e->kids[0] : NULL;
    default:
        return ast_binds_text(e) && e->text == name ? e : NULL;
    }
}

/* The first statement that declares the name, in the file or in the blocks of its conditions and
 * loops. What a `for` counts with is no name of the file. */
static bool find_binding(const struct ast *e, const char *name, struct span *at) {
    const struct ast *target = find_target(e, name);
    if (target) {
        *at = target->name_at.source ? target->name_at : target->span;
        return true;
    }
    if (e->kind != AST_SCRIPT && e->kind != AST_BLOCK && e->kind != AST_IF && e->kind != AST_FOR &&
        e->kind != AST_WHILE)
        return false;
    for (int i = 0; i < e->n_kids; i++)
        if (e->kids[i] && find_binding(e->kids[i], name, at))
            return true;
    return false;
}

static bool module_declares(const struct module *m, const char *name, struct span *at) {
    for (int i = 0; i < m->trees.n; i++)
        if (find_binding(m->trees.at[i], name, at))
            return true;
    return false;
}

/* The entry of a name that was imported and is still what was imported. */
static struct imported *find_imported(struct module *m, const char *name) {
    const struct value *v = scope_find_own(m->scope, name);
    for (int i = 0; v && i < m->imported.n; i++) {
        struct imported *e = &m->imported.at[i];
        const struct value *there = scope_find_own(e->from->scope, name);
        if (e->name == name && there && value_is(*v, *there))
            return e;
    }
    return NULL;
}

/* What of a module the others see; its place is given too. */
static bool is_public(struct module *m, const char *name, struct span *at) {
    return name[0] != '_' && !find_imported(m, name) && module_declares(m, name, at);
}

/* ---- binding */

static bool was_noted(struct module *m, const char *name) {
    for (int i = 0; i < m->noted.n; i++)
        if (m->noted.at[i] == name)
            return true;
    return false;
}

static void note_replacement(struct interp *in, struct module *m, const char *name,
                             struct span at) {
    struct span there;
    struct imported *imported = find_imported(m, name);
    bool library =
        !imported && !scope_find_own(m->scope, name) && scope_find_own(in->library, name) != NULL;
    if ((!imported && !library) || was_noted(m, name))
        return;
    array_push(&in->arena, &m->noted, name);
    if (library) {
        diag_remark(in->o.diags, at, "`%s` here replaces the library's", name);
    } else {
        struct diag *d = diag_remark(in->o.diags, at, "`%s` here replaces the one of %s", name,
                                     module_name(imported->from));
        if (module_declares(imported->from, name, &there))
            diag_note(d, there, "`%s` is defined here", name);
    }
}

void bind_name(struct interp *in, struct scope *s, const char *name, struct value v,
               struct span at) {
    struct module *m = in->unit;
    if (m && s == m->scope && !m->library && is_callable(v) && !is_missing(v))
        note_replacement(in, m, name, at);
    scope_set(&in->heap, s, name, v);
}

void note_hiding(struct interp *in, struct diag *d, const char *name) {
    struct span at;
    const struct value *library = scope_find_own(in->library, name);
    if (library && is_callable(*library) && module_declares(in->unit, name, &at))
        diag_note(d, at, "this hides the library's `%s`", name);
}

void note_file_value(struct interp *in, struct diag *d, struct scope *s, const char *name) {
    char text[128];
    struct span at;
    while (s && !scope_find_own(s, name))
        s = s->parent;
    for (int i = 0; s && i < in->modules.n; i++)
        if (in->modules.at[i]->scope == s && module_declares(in->modules.at[i], name, &at)) {
            describe_value(in, *scope_find_own(s, name), text, sizeof text);
            diag_note(d, at, "`%s` is %s here, and the signature means that one", name, text);
            return;
        }
}

/* ---- running a file */

static struct module *find_module(struct interp *in, const char *key) {
    for (int i = 0; key && i < in->modules.n; i++)
        if (in->modules.at[i]->key && !strcmp(in->modules.at[i]->key, key))
            return in->modules.at[i];
    return NULL;
}

struct module *module_add(struct interp *in, const struct unit_source *u, struct scope *scope) {
    struct module *m = arena_new(&in->arena, struct module);
    m->key = u->key, m->path = u->path, m->library = u->library, m->scope = scope;
    array_push(&in->arena, &in->modules, m);
    return m;
}

static const char *stem(struct interp *in, const struct module *m) {
    const char *name = module_name(m), *dot = strrchr(name, '.');
    return intern_text(in->o.names, name, dot ? (size_t)(dot - name) : strlen(name));
}

/* Variables and draws of an imported file are named below its own name, whoever imports it. */
static bool run_module(struct interp *in, struct module *m, const struct ast *tree) {
    __typeof__(in->prefix) prefix = in->prefix;
    struct module *unit = in->unit;
    bool library = in->in_library, ok = true;
    int n_roots = in->roots.n;
    memset(&in->prefix, 0, sizeof in->prefix);
    if (!m->library)
        prefix_push(in, stem(in, m));
    in->unit = m;
    in->in_library = m->library;
    array_push(&in->arena, &m->trees, tree);
    for (int i = 0; i < tree->n_kids && !in->stopped; i++) {
        struct value ignored;
        ok = run_statement(in, m->scope, tree->kids[i], &ignored) && ok;
        in->roots.n = n_roots;
    }
    free(in->prefix.at);
    in->prefix = prefix;
    in->unit = unit;
    in->in_library = library;
    return ok;
}

bool module_run_library(struct interp *in, const struct unit_source *u) {
    struct module *m = module_add(in, u, scope_new(&in->heap, in->library));
    struct span at;
    bool ok = run_module(in, m, u->tree);
    m->state = ok ? MODULE_DONE : MODULE_FAILED;
    for (int i = 0; i < m->scope->cap; i++)
        if (m->scope->name[i] && is_public(m, m->scope->name[i], &at))
            scope_set(&in->heap, in->library, m->scope->name[i], m->scope->at[i]);
    return ok;
}

/* "a.nn -> b.nn -> a.nn" */
static bool report_cycle(struct interp *in, const struct module *again, struct span at) {
    struct arena scratch = {0};
    const char *chain = module_name(again);
    const struct module *m = in->unit;
    for (; m && m != again; m = m->importer)
        chain = arena_printf(&scratch, "%s -> %s", module_name(m), chain);
    chain = arena_printf(&scratch, "%s -> %s", module_name(again), chain);
    struct diag *d =
        diag_error(in->o.diags, E_IMPORT, at, "a file cannot import itself: %s", chain);
    diag_help(d, "what both need goes into a file of its own, which both import");
    arena_free(&scratch);
    return interp_fail(in, d);
}

/* Errors of the file that have not been printed say who imported it. */
static void note_importer(struct interp *in, int first, struct span at) {
    struct diags *ds = in->o.diags;
    for (int i = first > ds->n_printed ? first : ds->n_printed; i < ds->list.n; i++)
        if (ds->list.at[i]->severity == SEVERITY_ERROR)
            diag_note(ds->list.at[i], at, "imported here");
}

static struct module *load_module(struct interp *in, const struct ast *stmt) {
    struct unit_source u = {0};
    void *context = in->o.host.context;
    int n_diags = in->o.diags->list.n;
    if (!in->o.host.find_unit(context, stmt->text, stmt->name_at, &u)) {
        interp_fail(in, NULL);
        return NULL;
    }
    struct module *m = find_module(in, u.key);
    if (m && m->state == MODULE_RUNNING) {
        report_cycle(in, m, stmt->span);
        return NULL;
    }
    if (m)
        return m;
    m = module_add(in, &u, scope_new(&in->heap, in->library));
    m->importer = in->unit;
    bool ok = in->o.host.read_unit(context, stmt->name_at, &u);
    if (ok)
        ok = run_module(in, m, u.tree);
    else
        interp_fail(in, NULL);
    m->state = ok ? MODULE_DONE : MODULE_FAILED;
    in->flow = ok ? FLOW_NONE : FLOW_ERROR;
    note_importer(in, n_diags, stmt->span);
    return m;
}

/* ---- import */

static bool report_clash(struct interp *in, struct module *m, const char *name, struct span there,
                         const struct ast *stmt) {
    struct span here;
    struct imported *other = find_imported(in->unit, name);
    struct module *owner = other ? other->from : in->unit;
    struct diag *d =
        other ? diag_error(in->o.diags, E_IMPORT, stmt->span, "%s and %s both define `%s`",
                           module_name(m), module_name(other->from), name)
              : diag_error(in->o.diags, E_IMPORT, stmt->span,
                           "%s defines `%s`, which is defined already", module_name(m), name);
    diag_note(d, there, "`%s` of %s", name, module_name(m));
    if (module_declares(owner, name, &here))
        diag_note(d, here, "`%s` of %s", name, module_name(owner));
    const char *word = stem(in, m);
    diag_help(d, "import \"%s\" as %s keeps them apart: %s.%s", stmt->text, word, word, name);
    return interp_fail(in, d);
}

/* Names that stand for something else already are left alone; the first of them is reported. */
static bool import_names(struct interp *in, struct module *m, struct scope *s,
                         const struct ast *stmt) {
    const char *clash = NULL;
    struct span clash_at = {0};
    for (int i = 0; i < m->scope->cap; i++) {
        const char *name = m->scope->name[i];
        struct span at;
        if (!name || !is_public(m, name, &at))
            continue;
        const struct value *have = scope_find_own(s, name);
        if (have && !is_missing(*have) && !value_is(*have, m->scope->at[i])) {
            if (!clash || at.offset < clash_at.offset)
                clash = name, clash_at = at;
            continue;
        }
        struct imported entry = {name, m};
        if (!have)
            array_push(&in->arena, &in->unit->imported, entry);
        scope_set(&in->heap, s, name, m->scope->at[i]);
    }
    return clash ? report_clash(in, m, clash, clash_at, stmt) : true;
}

bool eval_import(struct interp *in, struct scope *s, const struct ast *stmt) {
    if (in->caller || in->body)
        return fail_at(in, E_MISPLACED, stmt->span,
                       "`import` belongs to the file, not into a definition");
    struct module *m = load_module(in, stmt);
    const struct ast *name = stmt->kids[0];
    if (!m || m->state == MODULE_FAILED)
        in->names_missing |= !name;
    if (!m)
        return false;
    if (!name)
        return import_names(in, m, s, stmt) && m->state == MODULE_DONE;
    struct module_object *o = heap_new(&in->heap, VALUE_MODULE, sizeof *o);
    o->module = m;
    bind_name(in, s, name->text, V_OBJECT(VALUE_MODULE, o), name->span);
    return true;
}

/* ---- name.field */

static void help_public(struct diag *d, struct module *m, const char *wanted) {
    struct arena scratch = {0};
    ARRAY(const char *) names = {0};
    struct span at;
    for (int i = 0; i < m->scope->cap; i++)
        if (m->scope->name[i] && is_public(m, m->scope->name[i], &at))
            array_push(&scratch, &names, m->scope->name[i]);
    const char *near = nearest_name(wanted, names.at, names.n);
    if (near)
        diag_help(d, "did you mean `.%s`?", near);
    arena_free(&scratch);
}

bool module_field(struct interp *in, struct module *m, const struct ast *e, struct value *out) {
    const struct value *v = scope_find_own(m->scope, e->text);
    struct span at;
    if (v && (is_missing(*v) || is_public(m, e->text, &at))) {
        *out = *v;
        root_push(in, *v);
        return v->kind != VALUE_POISON || fail_silently(in);
    }
    if (m->state == MODULE_FAILED) /* what it would have defined is not known */
        return fail_silently(in);
    struct imported *imported = v ? find_imported(m, e->text) : NULL;
    struct diag *d;
    if (v && e->text[0] == '_') {
        d = diag_error(in->o.diags, E_UNKNOWN_FIELD, e->name_at,
                       "`%s` is private to %s: names that begin with `_` are not seen outside",
                       e->text, module_name(m));
    } else if (imported) {
        d = diag_error(in->o.diags, E_UNKNOWN_FIELD, e->name_at, "`%s` is not of %s but of %s",
                       e->text, module_name(m), module_name(imported->from));
        diag_help(d, "import that file too: what a file imports is not passed on");
    } else {
        d = diag_error(in->o.diags, E_UNKNOWN_FIELD, e->name_at, "%s defines no `%s`",
                       module_name(m), e->text);
        help_public(d, m, e->text);
    }
    return interp_fail(in, d);
}

struct module *module_hiding(struct interp *in, const char *name) {
    struct span at;
    for (int i = 0; name[0] == '_' && i < in->modules.n; i++)
        if (in->modules.at[i] != in->unit && module_declares(in->modules.at[i], name, &at))
            return in->modules.at[i];
    return NULL;
}
