/* What a dry run settles, as text: a line a statement, with the types of what it binds and of the
 * tensors that it names.
 *
 *     h: float[batch, 10]  <- x: float[batch, 784] |> dense(10)  ; mlp.nn:4
 *
 * In: statements as they are walked. Out: lines on options.settled, each statement's once, of the
 * script itself: not of what it calls, nor of what it imports. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

enum { MOST_ITEMS = 8, MOST_DEPTH = 3 };

static void put_type(struct interp *in, FILE *out, struct value v, int depth);

static void put_items(struct interp *in, FILE *out, const struct value *at,
                      const char *const *names, int n, int depth) {
    for (int i = 0; i < n && i < MOST_ITEMS; i++) {
        fputs(i ? ", " : "", out);
        if (names)
            fprintf(out, "%s: ", names[i]);
        put_type(in, out, at[i], depth + 1);
    }
    if (n > MOST_ITEMS)
        fprintf(out, ", .. %d more", n - MOST_ITEMS);
}

static void put_shape(struct interp *in, FILE *out, enum dtype t, const struct shape *s) {
    char text[SHAPE_TEXT];
    fprintf(out, "%s%s", dtype_name(t), shape_print(text, sizeof text, in->o.symbols, s));
}

static void put_dataset(struct interp *in, FILE *out, const struct dataset_object *d) {
    fputs("data {", out);
    for (int i = 0; i < dataset_n_fields(d); i++) {
        struct shape s = dataset_shape(d, i);
        fprintf(out, "%s%s: ", i ? ", " : "", dataset_field_name(d, i));
        put_shape(in, out, dataset_dtype(d, i), &s);
    }
    fputc('}', out);
}

static void put_type(struct interp *in, FILE *out, struct value v, int depth) {
    struct shape s;
    switch (depth > MOST_DEPTH ? VALUE_UNKNOWN : v.kind) {
    case VALUE_TENSOR:
        put_shape(in, out, v.node->dtype, &v.node->shape);
        break;
    case VALUE_ARRAY:
        s = tensor_shape(v.array->tensor);
        put_shape(in, out, v.array->tensor->dtype, &s);
        break;
    case VALUE_LIST:
        fputc('[', out);
        put_items(in, out, v.list->at, NULL, v.list->n, depth);
        fputc(']', out);
        break;
    case VALUE_RECORD:
        fputc('{', out);
        put_items(in, out, v.record->at, v.record->name, v.record->n, depth);
        fputc('}', out);
        break;
    case VALUE_DATASET:
        put_dataset(in, out, v.dataset);
        break;
    case VALUE_UNKNOWN:
    case VALUE_POISON:
        fputc('?', out);
        break;
    default:
        print_value(in, out, v, true);
        break;
    }
}

/* ---- an expression, with the types of the tensors in it */

struct annotation {
    uint32_t end; /* offset in the source */
    struct value value;
};
struct annotations {
    struct arena *arena;
    ARRAY(struct annotation) list;
};

/* The value of a name, or of a field of a record. */
static const struct value *find_value(struct scope *s, const struct ast *e) {
    if (e->kind == AST_NAME)
        return scope_find(s, e->text);
    const struct value *object = e->kind == AST_GET ? find_value(s, e->kids[0]) : NULL;
    return object && object->kind == VALUE_RECORD ? record_get(object->record, e->text) : NULL;
}

static void annotate(struct scope *s, const struct ast *e, struct annotations *a) {
    if (!e || e->kind == AST_STRING || e->kind == AST_FN || e->kind == AST_BLOCK)
        return;
    const struct value *v = find_value(s, e);
    if (v && (v->kind == VALUE_TENSOR || v->kind == VALUE_ARRAY)) {
        struct annotation one = {e->span.offset + e->span.length, *v};
        array_push(a->arena, &a->list, one);
        return;
    }
    bool receives = e->kind == AST_GET && e->kids[0]->kind == AST_NAME; /* t.eval */
    for (int i = 0; i < e->n_kids && !receives; i++)
        annotate(s, e->kids[i], a);
}

/* The text on one line, without comments. */
static void put_expression(struct interp *in, struct scope *s, const struct ast *e, FILE *out) {
    struct arena scratch = {0};
    struct annotations a = {.arena = &scratch};
    const char *text = source_text(in->o.sources, e->span);
    bool quoted = false, space = false;
    int next = 0;
    annotate(s, e, &a);
    for (uint32_t i = 0; i < e->span.length; i++) {
        char c = text[i];
        if (c == '#' && !quoted) {
            while (i + 1 < e->span.length && text[i + 1] != '\n')
                i++;
            continue;
        }
        quoted ^= c == '"' && (i == 0 || text[i - 1] != '\\');
        if (!quoted && strchr(" \t\n", c)) {
            space = true;
            continue;
        }
        if (space)
            fputc(' ', out);
        space = false;
        fputc(c, out);
        for (; next < a.list.n && a.list.at[next].end <= e->span.offset + i + 1; next++) {
            fputs(": ", out);
            put_type(in, out, a.list.at[next].value, 0);
        }
    }
    arena_free(&scratch);
}

/* ---- statements */

static bool was_shown(struct interp *in, const struct ast *stmt) {
    for (int i = in->dry.shown.n - 1; i >= 0; i--)
        if (in->dry.shown.at[i] == stmt)
            return true;
    array_push(&in->arena, &in->dry.shown, stmt);
    return false;
}

static const struct ast *right_side(const struct ast *stmt) {
    switch (stmt->kind) {
    case AST_ASSIGN:
        return stmt->kids[stmt->n_kids - 1];
    case AST_ROLE:
    case AST_VARIABLE:
        return stmt->kids[1];
    case AST_UPDATE:
        return stmt->kids[0];
    case AST_CALL:
    case AST_PIPE:
        return stmt;
    default:
        return NULL;
    }
}

char *settled_begin(struct interp *in, struct scope *s, const struct ast *stmt) {
    if (!in->o.settled)
        return NULL;
    const struct ast *right = right_side(stmt);
    bool declares = stmt->kind == AST_PLACEHOLDER || stmt->kind == AST_SETTING;
    bool own = !in->caller && !in->body && !in->in_library && in->unit == in->script;
    if (!own || (!right && !declares) || was_shown(in, stmt))
        return NULL;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return NULL;
    if (right)
        put_expression(in, s, right, out);
    fclose(out);
    return text;
}

static void put_binding(struct interp *in, struct scope *s, const char *name, const char *before) {
    const struct value *v = scope_find_own(s, name);
    fprintf(in->o.settled, "%s%s: ", before, name);
    put_type(in, in->o.settled, v ? *v : V_UNKNOWN, 0);
}

void settled_end(struct interp *in, struct scope *s, const struct ast *stmt, char *right) {
    if (!right)
        return;
    FILE *out = in->o.settled;
    const char *word = stmt->kind == AST_PLACEHOLDER ? "  placeholder"
                       : stmt->kind == AST_SETTING   ? "  param"
                       : stmt->kind == AST_VARIABLE  ? "  variable"
                                                     : "";
    for (int i = 0; stmt->kind == AST_ASSIGN && i < stmt->n_kids - 1; i++)
        put_binding(in, s, stmt->kids[i]->text, i ? ", " : "");
    if (stmt->kind == AST_ROLE)
        put_binding(in, s, stmt->kids[0]->text, "");
    else if (*word)
        put_binding(in, s, stmt->text, "");
    bool binds = *word || stmt->kind == AST_ASSIGN || stmt->kind == AST_ROLE;
    if (stmt->kind == AST_UPDATE)
        fprintf(out, "%s <- %s", stmt->text, right);
    else
        fprintf(out, "%s%s%s", word, binds && *right ? "  <- " : "", right);
    struct place p = source_place(in->o.sources, stmt->span);
    fprintf(out, "  ; %s:%u\n", p.path, p.line);
    free(right);
}
