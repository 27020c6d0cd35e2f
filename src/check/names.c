/* Lints of a script's names, from its tree alone: a placeholder, a param or an imported file that
 * nothing uses; a dimension that is written once and is nearly another; names that mean nothing, in
 * lines that a run with these params does not come to. */
#include <ctype.h>
#include <string.h>

#include "check/lint.h"

/* Every name of the tree, once, with what it is used for. */
struct name {
    const char *text;
    struct span first, first_dim; /* where it is first read; where it is first a dimension */
    int n_read, n_dims;           /* as a dimension: in types */
    bool bound;                   /* by an assignment, a declaration, a parameter.. */
};

struct names {
    struct arena scratch;
    ARRAY(struct name) list;
    int *slots; /* open addressing over the list: index + 1 */
    int n_slots;
};

static int *find_slot(struct names *ns, const char *text) {
    size_t i = ((uintptr_t)text >> 3) * 0x9E3779B97F4A7C15u >> 32;
    for (i &= (size_t)ns->n_slots - 1; ns->slots[i]; i = (i + 1) & ((size_t)ns->n_slots - 1))
        if (ns->list.at[ns->slots[i] - 1].text == text)
            break;
    return &ns->slots[i];
}

static struct name *name_of(struct names *ns, const char *text) {
    if (2 * (ns->list.n + 1) > ns->n_slots) {
        ns->n_slots = ns->n_slots ? 2 * ns->n_slots : 256;
        ns->slots = arena_array(&ns->scratch, int, ns->n_slots);
        for (int i = 0; i < ns->list.n; i++)
            *find_slot(ns, ns->list.at[i].text) = i + 1;
    }
    int *slot = find_slot(ns, text);
    if (!*slot) {
        array_push(&ns->scratch, &ns->list, (struct name){.text = text});
        *slot = ns->list.n;
    }
    return &ns->list.at[*slot - 1];
}

static void bind(struct names *ns, const struct ast *e) {
    if (e && e->text)
        name_of(ns, e->text)->bound = true;
}

static void see_dim(struct names *ns, const struct ast *e) {
    if (!e)
        return;
    if (e->kind == AST_NAME) {
        struct name *n = name_of(ns, e->text);
        if (!n->n_dims++)
            n->first_dim = e->span;
    }
    for (int i = 0; i < e->n_kids; i++)
        see_dim(ns, e->kids[i]);
}

static void see_read(struct names *ns, const struct ast *e) {
    struct name *n = name_of(ns, e->text);
    if (!n->n_read++)
        n->first = e->span;
}

static void see(struct names *ns, const struct ast *e);

static void see_from(struct names *ns, const struct ast *e, int first) {
    for (int i = first; i < e->n_kids; i++)
        see(ns, e->kids[i]);
}

static void see(struct names *ns, const struct ast *e) {
    if (!e)
        return;
    switch (e->kind) {
    case AST_NAME:
        see_read(ns, e);
        return;
    case AST_TYPE:
        see_dim(ns, e);
        return;
    case AST_ASSIGN:
        for (int i = 0; i < e->n_kids - 1; i++)
            bind(ns, e->kids[i]);
        see_from(ns, e, e->n_kids - 1);
        return;
    case AST_ROLE:
    case AST_IMPORT:
        bind(ns, e->n_kids ? e->kids[0] : NULL);
        see_from(ns, e, 1);
        return;
    case AST_FOR:
        bind(ns, e->kids[0]);
        for (int i = 0; i < e->kids[0]->n_kids; i++)
            bind(ns, e->kids[0]->kids[i]);
        see_from(ns, e, 1);
        return;
    case AST_UPDATE:
    case AST_GRADIENT_DEF: /* names a function */
        name_of(ns, e->text)->n_read++;
        see_from(ns, e, 0);
        return;
    default:
        if (e->kind == AST_PARAM || ast_binds_text(e))
            bind(ns, e);
        see_from(ns, e, 0);
        return;
    }
}

/* ---- not used */

static void warn_unused(const struct lint *l, struct names *ns, const struct ast *e) {
    const struct ast *name = e->kind == AST_IMPORT ? e->kids[0] : e;
    if (!name || name_of(ns, name->text)->n_read || name_of(ns, name->text)->n_dims)
        return;
    struct span at = e->kind == AST_IMPORT ? name->span : e->name_at;
    diag_warning(l->diags, E_UNUSED, at,
                 e->kind == AST_PLACEHOLDER ? "the placeholder `%s` is not used"
                 : e->kind == AST_SETTING   ? "the param `%s` is not used"
                                            : "what is imported as `%s` is not used",
                 name->text);
}

static void find_unused(const struct lint *l, struct names *ns, const struct ast *e) {
    if (!e)
        return;
    if (e->kind == AST_PLACEHOLDER || e->kind == AST_SETTING || e->kind == AST_IMPORT)
        warn_unused(l, ns, e);
    for (int i = 0; i < e->n_kids; i++)
        find_unused(l, ns, e->kids[i]);
}

/* ---- misspelt dimensions */

/* `heads2` beside `heads1`, `keys` beside `key`: as good as two names. */
static bool is_meant(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    size_t n = n_a < n_b ? n_a : n_b;
    if (n_a != n_b && !strncmp(a, b, n))
        return true;
    for (; *a && *a == *b; a++)
        b++;
    return isdigit((unsigned char)*a) || isdigit((unsigned char)*b);
}

static void find_misspelt_dims(const struct lint *l, struct names *ns) {
    ARRAY(const char *) dims = {0};
    for (int i = 0; i < ns->list.n; i++)
        if (ns->list.at[i].n_dims && !ns->list.at[i].bound)
            array_push(&ns->scratch, &dims, ns->list.at[i].text);
    for (int i = 0; i < ns->list.n; i++) {
        struct name n = ns->list.at[i];
        const char *near = nearest_name(n.text, dims.at, dims.n);
        if (n.n_dims != 1 || n.n_read || n.bound || !near || is_meant(n.text, near))
            continue;
        const struct name *other = name_of(ns, near);
        bool first =
            other->n_dims == 1 && !other->n_read && n.first_dim.offset < other->first_dim.offset;
        if (first) /* the one that comes later is the slip */
            continue;
        struct diag *d =
            diag_warning(l->diags, E_MISSPELT_DIM, n.first_dim,
                         "`%s` is a dimension of its own, which nothing else has", n.text);
        diag_note(d, other->first_dim, "`%s` is declared here", near);
        diag_help(d, "did you mean `%s`?", near);
    }
}

/* ---- lines that are not reached */

static const char *nearest(const struct lint *l, struct names *ns, const char *name) {
    ARRAY(const char *) bound = {0};
    for (int i = 0; i < ns->list.n; i++)
        if (ns->list.at[i].bound)
            array_push(&ns->scratch, &bound, ns->list.at[i].text);
    const char *near = nearest_name(name, bound.at, bound.n);
    return near ? near : l->nearest(l->context, name);
}

static void find_unknown(const struct lint *l, struct names *ns) {
    for (int i = 0; i < ns->list.n; i++) {
        const struct name *n = &ns->list.at[i];
        if (!n->n_read || !n->first.source || n->bound || n->n_dims ||
            l->is_known(l->context, n->text))
            continue;
        const char *near = nearest(l, ns, n->text);
        struct diag *d = diag_warning(l->diags, E_UNREACHED_NAME, n->first,
                                      "`%s` is not defined; this run would not come here", n->text);
        if (near)
            diag_help(d, "did you mean `%s`?", near);
    }
}

void lint_names(const struct lint *l) {
    struct names ns = {0};
    see(&ns, l->tree);
    find_misspelt_dims(l, &ns);
    if (!l->failed) {
        find_unused(l, &ns, l->tree);
        find_unknown(l, &ns);
    }
    arena_free(&ns.scratch);
}
