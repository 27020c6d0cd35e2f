/* Expressions: literals, names, calls, conditions; operators and indices are handed on. */
#include <inttypes.h>
#include <string.h>

#include "eval/interp.h"

/* A name is missing once, however often it is used: later uses are added to the first report. */
static bool is_reported(struct interp *in, const char *name, struct span at) {
    for (int i = 0; i < in->unknown_names.n; i++) {
        struct unknown_name *u = &in->unknown_names.at[i];
        if (u->name != name)
            continue;
        bool known = u->n_places == MAX_PLACES;
        for (int k = 0; k < u->n_places && !known; k++)
            known = u->place[k].source == at.source && u->place[k].offset == at.offset;
        if (!known) {
            u->place[u->n_places++] = at;
            diag_note(u->report, at, "%s",
                      u->n_places == MAX_PLACES ? "and here, and maybe more" : "and here");
        }
        return true;
    }
    return false;
}

/* symbols: named dimensions count too; or NULL. */
static const char *nearest_in_scope(const struct scope *s, const struct symbols *symbols,
                                    const char *name) {
    ARRAY(const char *) names = {0};
    struct arena scratch = {0};
    for (; s; s = s->parent)
        for (int i = 0; i < s->cap; i++)
            if (s->name[i])
                array_push(&scratch, &names, s->name[i]);
    for (int i = 1; symbols && i < symbols->list.n; i++)
        if (symbols->list.at[i].name)
            array_push(&scratch, &names, symbols->list.at[i].name);
    const char *near = nearest_name(name, names.at, names.n);
    arena_free(&scratch);
    return near;
}

const char *interp_nearest(const struct interp *in, const char *name) {
    return nearest_in_scope(in->script->scope, NULL, name);
}

void report_unknown_name(struct interp *in, struct scope *s, const char *name, struct span at) {
    if (in->names_missing || is_reported(in, name, at)) {
        interp_fail(in, NULL);
        return;
    }
    const struct module *hiding = module_hiding(in, name);
    const char *near = nearest_in_scope(s, in->o.symbols, name);
    struct diag *d = diag_error(in->o.diags, E_UNKNOWN_NAME, at, "`%s` is not defined", name);
    if (hiding)
        diag_help(d, "%s has one, but names that begin with `_` are not seen outside of their file",
                  module_name(hiding));
    else if (near)
        diag_help(d, "did you mean `%s`?", near);
    struct unknown_name u = {.name = name, .report = d, .place = {at}, .n_places = 1};
    array_push(&in->arena, &in->unknown_names, u);
    interp_fail(in, d);
}

static bool eval_name(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    const struct value *v = scope_find(s, e->text);
    if (v) {
        *out = *v;
        root_push(in, *v); /* a block later in the same expression may bind the name anew */
        if (v->kind != VALUE_POISON)
            return true;
        *out = V_UNKNOWN;
        return in->o.dry || fail_silently(in);
    }
    for (int i = 1; i < in->o.symbols->list.n; i++)
        if (in->o.symbols->list.at[i].name == e->text) {
            *out = (struct value){.kind = VALUE_DIM,
                                  .dim = dim_named(in->o.symbols, e->text, e->span)};
            return true;
        }
    report_unknown_name(in, s, e->text, e->span);
    return false;
}

static bool eval_list(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    *out = value_list(&in->heap, e->n_kids);
    root_push(in, *out);
    for (int i = 0; i < e->n_kids; i++) {
        prefix_push_index(in, i);
        bool ok = eval_expr(in, s, e->kids[i], &out->list->at[i]);
        prefix_pop(in);
        if (!ok)
            return false;
    }
    return true;
}

static bool eval_record(struct interp *in, struct scope *s, const struct ast *e,
                        struct value *out) {
    *out = value_record(&in->heap);
    root_push(in, *out);
    for (int i = 0; i < e->n_kids; i++) {
        const struct ast *field = e->kids[i];
        struct value v;
        if (record_get(out->record, field->text))
            return fail_at(in, E_DUPLICATE_NAME, field->name_at, "the field `%s` is given twice",
                           field->text);
        prefix_push(in, field->text);
        bool ok = eval_expr(in, s, field->kids[0], &v);
        prefix_pop(in);
        if (!ok)
            return false;
        record_set(&in->heap, out->record, field->text, v);
    }
    return true;
}

/* A text under way: most are short and need no stream. */
struct string_parts {
    char few[128];
    size_t n;
    FILE *stream; /* once it is longer, or has what only a stream takes: all of it */
    char *text;
};

static bool open_stream(struct string_parts *p) {
    if (p->stream)
        return true;
    size_t n = p->n;
    p->stream = open_memstream(&p->text, &p->n);
    if (p->stream)
        fwrite(p->few, 1, n, p->stream);
    return p->stream != NULL;
}

static bool put_text(struct string_parts *p, const char *text, size_t n) {
    if (!p->stream && n <= sizeof p->few - p->n) {
        memcpy(p->few + p->n, text, n);
        p->n += n;
        return true;
    }
    return open_stream(p) && fwrite(text, 1, n, p->stream) == n;
}

static bool put_part(struct interp *in, struct scope *s, const struct ast *part,
                     struct string_parts *p, bool *unknown) {
    struct value v;
    char digits[32];
    if (part->kind == AST_TEXT)
        return put_text(p, part->text, part->n_text);
    if (!eval_expr(in, s, part->kids[0], &v))
        return false;
    if (!part->text && v.kind == VALUE_INT)
        return put_text(p, digits,
                        (size_t)snprintf(digits, sizeof digits, "%" PRId64, v.i));
    return open_stream(p) && format_value(in, v, part->text, part->kids[0]->span, p->stream, unknown);
}

static bool eval_string_parts(struct interp *in, struct scope *s, const struct ast *e,
                              struct value *out) {
    if (e->n_kids == 1 && e->kids[0]->kind == AST_TEXT) {
        *out = value_string(&in->heap, e->kids[0]->text, e->kids[0]->n_text);
        root_push(in, *out);
        return true;
    }
    struct string_parts p = {.n = 0};
    bool ok = true, unknown = false;
    for (int i = 0; ok && i < e->n_kids; i++)
        ok = put_part(in, s, e->kids[i], &p, &unknown);
    if (p.stream)
        fclose(p.stream);
    if (ok && unknown)
        *out = V_UNKNOWN;
    else if (ok)
        *out = value_string(&in->heap, p.text ? p.text : p.few, p.n), root_push(in, *out);
    free(p.text);
    return ok;
}

/* `and` and `or` on the host stop at the first operand that decides. */
static bool eval_logical(struct interp *in, struct scope *s, const struct ast *e,
                         struct value *out) {
    struct value left, right;
    bool truth, is_or = e->text[0] == 'o';
    if (!eval_expr(in, s, e->kids[0], &left))
        return false;
    if (is_missing(left)) {
        *out = V_UNKNOWN;
        return eval_expr(in, s, e->kids[1], &right);
    }
    if (left.kind != VALUE_TENSOR && left.kind != VALUE_ARRAY) {
        if (!eval_truth(in, left, e->kids[0]->span, &truth))
            return false;
        if (truth == is_or) {
            *out = left;
            return true;
        }
        return eval_expr(in, s, e->kids[1], out);
    }
    return eval_expr(in, s, e->kids[1], &right) &&
           eval_binary(in, e->text, left, right, e->kids[0]->span, e->kids[1]->span, e->span, out);
}

static bool eval_unary(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value v;
    bool truth;
    if (!eval_expr(in, s, e->kids[0], &v))
        return false;
    struct span at = e->kids[0]->span;
    if (is_missing(v)) {
        *out = v;
        return true;
    }
    if (e->text[0] == '-')
        return eval_negative(in, v, at, e->span, out);
    if (v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY)
        return tensor_operator(in, OP_logical_not, "not", &v, &at, 1, e->span, out);
    if (!eval_truth(in, v, at, &truth))
        return false;
    *out = V_BOOL(!truth);
    return true;
}

/* "accuracy > best": whatever is known elsewhere, a run may go either way. An unknown value that is
 * asked for its kind (`k == none`, is_number(k)) goes with what else depends on it. */
static bool is_comparison(const struct ast *e) {
    static const char *const words[] = {"<", "<=", ">", ">="};
    for (int i = 0; e->kind == AST_BINARY && i < 4; i++)
        if (!strcmp(e->text, words[i]))
            return true;
    bool joins = e->kind == AST_BINARY && (!strcmp(e->text, "and") || !strcmp(e->text, "or"));
    return joins && is_comparison(e->kids[0]) && is_comparison(e->kids[1]);
}

static bool eval_if(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value condition;
    enum truth truth;
    *out = V_NONE;
    if (!eval_expr(in, s, e->kids[0], &condition))
        return false;
    if (!eval_condition(in, condition, e->kids[0]->span, &truth))
        return false;
    if (truth == TRUTH_UNKNOWN)
        return dry_if(in, s, e, is_missing(condition) && !is_comparison(e->kids[0]), out);
    const struct ast *branch = truth == TRUTH_YES ? e->kids[1] : e->kids[2];
    if (!branch)
        return true;
    return branch->kind == AST_BLOCK ? eval_block(in, s, branch, out)
                                     : eval_expr(in, s, branch, out);
}

static bool eval_call(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value callee;
    struct args a;
    return eval_expr(in, s, e->kids[0], &callee) && eval_args(in, s, e, &a) &&
           call_value(in, callee, &a, out);
}

bool make_function(struct interp *in, struct scope *s, const struct ast *e, enum function_form form,
                   struct value *out) {
    struct function *f = heap_new(&in->heap, VALUE_FUNCTION, sizeof *f);
    f->tree = e, f->scope = s, f->form = form, f->library = in->in_library;
    *out = V_OBJECT(VALUE_FUNCTION, f);
    root_push(in, *out);
    return true;
}

bool eval_expr(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    if (e->has_hole)
        return make_function(in, s, e, FUNCTION_HOLE, out);
    return eval_expr_inside(in, s, e, out);
}

bool eval_expr_inside(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value left, right;
    switch (e->kind) {
    case AST_INT:
        *out = V_INT(e->i);
        return true;
    case AST_FLOAT:
        *out = V_FLOAT(e->f);
        return true;
    case AST_BOOL:
        *out = V_BOOL(e->i != 0);
        return true;
    case AST_NONE:
        *out = V_NONE;
        return true;
    case AST_STRING:
        return eval_string_parts(in, s, e, out);
    case AST_NAME:
        return eval_name(in, s, e, out);
    case AST_LIST:
        return eval_list(in, s, e, out);
    case AST_RECORD:
        return eval_record(in, s, e, out);
    case AST_CALL:
        return eval_call(in, s, e, out);
    case AST_INDEX:
        return eval_index(in, s, e, out);
    case AST_GET:
        return eval_expr(in, s, e->kids[0], &left) && get_field(in, left, e, out);
    case AST_UNARY:
        return eval_unary(in, s, e, out);
    case AST_BINARY:
        if (e->text[0] == 'a' || e->text[0] == 'o') /* and, or */
            return eval_logical(in, s, e, out);
        if (!eval_expr(in, s, e->kids[0], &left) || !eval_expr(in, s, e->kids[1], &right))
            return false;
        return eval_numbers(e->text, left, right, out) ||
               eval_binary(in, e->text, left, right, e->kids[0]->span, e->kids[1]->span, e->span,
                           out);
    case AST_PIPE:
        return eval_pipe(in, s, e, out);
    case AST_COMPOSE:
        return eval_compose(in, s, e, out);
    case AST_FN:
        return check_params(in, e->kids[0], NULL) && make_function(in, s, e, FUNCTION_PLAIN, out);
    case AST_IF:
        return eval_if(in, s, e, out);
    case AST_BLOCK:
        return eval_block(in, s, e, out);
    case AST_HOLE: {
        const struct value *v = scope_find(s, in->s_hole);
        if (!v)
            return fail_at(in, E_MISPLACED, e->span,
                           "`_` stands for an argument: use it directly in a call or an operator");
        *out = *v;
        return true;
    }
    default:
        return fail_at(in, E_MISPLACED, e->span, "this cannot stand in an expression");
    }
}
