/* Expressions: literals, names, operators, indexing, conditions. Host arithmetic is done here; with a tensor among the operands an
 * operator appends a node (ops.c). */
#include <math.h>
#include <string.h>

#include "eval/interp.h"

/* Names in scope and names of named dimensions, for "did you mean". */
void report_unknown_name(struct interp *in, struct scope *s, const char *name, struct span at) {
    ARRAY(const char *) names = {0};
    struct arena scratch = {0};
    for (; s; s = s->parent)
        for (int i = 0; i < s->cap; i++)
            if (s->name[i])
                array_push(&scratch, &names, s->name[i]);
    const char *near = nearest_name(name, names.at, names.n);
    struct diag *d = diag_error(in->o.diags, E_UNKNOWN_NAME, at, "`%s` is not defined", name);
    if (near)
        diag_help(d, "did you mean `%s`?", near);
    arena_free(&scratch);
    interp_fail(in, d);
}

static bool eval_name(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    const struct value *v = scope_find(s, e->text);
    if (v) {
        *out = *v;
        if (v->kind != VALUE_POISON)
            return true;
        in->flow = FLOW_ERROR;
        return false;
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

bool eval_string_parts(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    if (e->n_kids == 1 && e->kids[0]->kind == AST_TEXT) {
        *out = value_string(&in->heap, e->kids[0]->text, e->kids[0]->n_text);
        root_push(in, *out);
        return true;
    }
    char *text = NULL;
    size_t n_text = 0;
    FILE *memory = open_memstream(&text, &n_text);
    bool ok = memory != NULL;
    for (int i = 0; ok && i < e->n_kids; i++) {
        const struct ast *part = e->kids[i];
        struct value v;
        if (part->kind == AST_TEXT)
            fwrite(part->text, 1, part->n_text, memory);
        else
            ok = eval_expr(in, s, part->kids[0], &v) &&
                 format_value(in, v, part->text, part->kids[0]->span, memory);
    }
    if (memory)
        fclose(memory);
    if (ok)
        *out = value_string(&in->heap, text, n_text), root_push(in, *out);
    free(text);
    return ok;
}

bool eval_truth(struct interp *in, struct value v, struct span at, bool *truth) {
    struct tensor *t;
    switch (v.kind) {
    case VALUE_BOOL:
        *truth = v.b;
        return true;
    case VALUE_NONE:
        *truth = false;
        return true;
    case VALUE_INT:
    case VALUE_FLOAT:
        *truth = value_number(v) != 0;
        return true;
    case VALUE_STRING:
        *truth = v.string->n > 0;
        return true;
    case VALUE_LIST:
        *truth = v.list->n > 0;
        return true;
    case VALUE_TENSOR:
    case VALUE_ARRAY:
        if (!demand_one(in, v, at, &t))
            return false;
        if (t->n_elements != 1) {
            tensor_unref(t);
            return fail_at(in, E_WRONG_KIND, at,
                           "a condition must be one value, but this tensor has many elements");
        }
        *truth = tensor_get(t, 0) != 0;
        tensor_unref(t);
        return true;
    default:
        return fail_at(in, E_WRONG_KIND, at, "a condition cannot be %s", value_kind_words(v.kind));
    }
}

static bool host_equal(struct value a, struct value b, bool *equal) {
    if (value_is_number(a) && value_is_number(b)) {
        *equal = a.kind == VALUE_INT && b.kind == VALUE_INT ? a.i == b.i
                                                            : value_number(a) == value_number(b);
        return true;
    }
    *equal = false;
    if (a.kind != b.kind)
        return a.kind == VALUE_NONE || b.kind == VALUE_NONE;
    switch (a.kind) {
    case VALUE_NONE:
        *equal = true;
        return true;
    case VALUE_BOOL:
        *equal = a.b == b.b;
        return true;
    case VALUE_DTYPE:
        *equal = a.dtype == b.dtype;
        return true;
    case VALUE_DIM:
        *equal = dim_same(a.dim, b.dim);
        return true;
    case VALUE_STRING:
        *equal = a.string->n == b.string->n && !memcmp(a.string->text, b.string->text, a.string->n);
        return true;
    case VALUE_LIST:
        if (a.list->n != b.list->n)
            return true;
        *equal = true;
        for (int i = 0; i < a.list->n && *equal; i++)
            if (!host_equal(a.list->at[i], b.list->at[i], equal))
                return false;
        return true;
    default:
        *equal = a.object == b.object;
        return true;
    }
}

static bool int_arithmetic(struct interp *in, const char *op, int64_t a, int64_t b, struct span at,
                           struct value *out) {
    int64_t r = 0;
    bool overflow = false;
    if (!strcmp(op, "+"))
        overflow = __builtin_add_overflow(a, b, &r);
    else if (!strcmp(op, "-"))
        overflow = __builtin_sub_overflow(a, b, &r);
    else if (!strcmp(op, "*"))
        overflow = __builtin_mul_overflow(a, b, &r);
    else if (!strcmp(op, "//") || !strcmp(op, "%")) {
        if (b == 0)
            return fail_at(in, E_ARITHMETIC, at, "`%s` by zero", op);
        if (b == -1) { /* INT64_MIN / -1 has no answer, INT64_MIN % -1 is 0 but traps */
            overflow = op[0] == '/' && a == INT64_MIN;
            r = op[0] == '/' && !overflow ? -a : 0;
        } else {
            int64_t q = a / b, m = a % b;
            if (m != 0 && (m < 0) != (b < 0))
                q--, m += b;
            r = op[0] == '/' ? q : m;
        }
    } else { /* ** with b >= 0 */
        r = 1;
        for (int64_t base = a; b > 0 && !overflow; b >>= 1) {
            if (b & 1)
                overflow = __builtin_mul_overflow(r, base, &r);
            if (b > 1)
                overflow |= __builtin_mul_overflow(base, base, &base) && b > 1;
        }
    }
    if (overflow)
        return fail_at(in, E_ARITHMETIC, at, "`%s`: the whole number is too large for 64 bits", op);
    *out = V_INT(r);
    return true;
}

static bool float_arithmetic(struct interp *in, const char *op, double a, double b, struct span at,
                             struct value *out) {
    double r;
    if (strchr("/%", op[0]) && b == 0)
        return fail_at(in, E_ARITHMETIC, at, "`%s` by zero", op);
    if (!strcmp(op, "+"))
        r = a + b;
    else if (!strcmp(op, "-"))
        r = a - b;
    else if (!strcmp(op, "*"))
        r = a * b;
    else if (!strcmp(op, "/"))
        r = a / b;
    else if (!strcmp(op, "//"))
        r = floor(a / b);
    else if (!strcmp(op, "**"))
        r = pow(a, b);
    else {
        r = fmod(a, b);
        if (r != 0 && (r < 0) != (b < 0))
            r += b;
    }
    *out = V_FLOAT(r);
    return true;
}

static bool compare(const char *op, double d) {
    if (!strcmp(op, "<"))
        return d < 0;
    if (!strcmp(op, "<="))
        return d <= 0;
    if (!strcmp(op, ">"))
        return d > 0;
    return d >= 0;
}

static bool is_comparison(const char *op) {
    return !strcmp(op, "<") || !strcmp(op, "<=") || !strcmp(op, ">") || !strcmp(op, ">=");
}

static bool refuse_operands(struct interp *in, const char *op, struct value a, struct value b,
                            struct span at_a, struct span at_b) {
    char text[128];
    struct diag *d = diag_error(in->o.diags, E_WRONG_KIND, at_a, "`%s` cannot combine %s and %s",
                                op, value_kind_words(a.kind), value_kind_words(b.kind));
    describe_value(in, a, text, sizeof text);
    diag_label(d, at_a, "%s", text);
    describe_value(in, b, text, sizeof text);
    diag_label(d, at_b, "%s", text);
    return interp_fail(in, d);
}

static bool dim_arithmetic(struct interp *in, const char *op, struct value a, struct value b,
                           struct span at, struct value *out) {
    struct dim x = a.kind == VALUE_INT ? dim_const(a.i) : a.dim,
               y = b.kind == VALUE_INT ? dim_const(b.i) : b.dim, r;
    bool ok = !strcmp(op, "*")    ? dim_multiply(x, y, &r)
              : !strcmp(op, "//") ? dim_divide(x, y, &r)
                                  : false;
    if (!ok)
        return unsupported(in, at, "this arithmetic over dimensions");
    *out = dim_value(r);
    return true;
}

static bool host_binary(struct interp *in, const char *op, struct value a, struct value b,
                        struct span at_a, struct span at_b, struct span whole, struct value *out) {
    bool equal;
    if (!strcmp(op, "==") || !strcmp(op, "!=")) {
        if (!host_equal(a, b, &equal))
            return refuse_operands(in, op, a, b, at_a, at_b);
        *out = V_BOOL(equal == (op[0] == '='));
        return true;
    }
    if (value_is_number(a) && value_is_number(b)) {
        if (is_comparison(op)) {
            double x = value_number(a), y = value_number(b);
            bool both = a.kind == VALUE_INT && b.kind == VALUE_INT;
            if (x != x || y != y)
                *out = V_BOOL(false);
            else
                *out = V_BOOL(compare(op, both ? (double)((a.i > b.i) - (a.i < b.i))
                                               : (double)((x > y) - (x < y))));
            return true;
        }
        bool ints = a.kind == VALUE_INT && b.kind == VALUE_INT && strcmp(op, "/") &&
                    !(!strcmp(op, "**") && b.i < 0);
        if (ints)
            return int_arithmetic(in, op, a.i, b.i, whole, out);
        return float_arithmetic(in, op, value_number(a), value_number(b), whole, out);
    }
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING) {
        if (is_comparison(op)) {
            *out = V_BOOL(compare(op, strcmp(a.string->text, b.string->text)));
            return true;
        }
        if (!strcmp(op, "+")) {
            *out = value_string(&in->heap, a.string->text, a.string->n + b.string->n);
            memcpy(out->string->text + a.string->n, b.string->text, b.string->n);
            root_push(in, *out);
            return true;
        }
    }
    if (a.kind == VALUE_LIST && b.kind == VALUE_LIST && !strcmp(op, "+")) {
        *out = value_list(&in->heap, a.list->n + b.list->n);
        root_push(in, *out);
        for (int i = 0; i < out->list->n; i++)
            out->list->at[i] = i < a.list->n ? a.list->at[i] : b.list->at[i - a.list->n];
        return true;
    }
    bool dims = (a.kind == VALUE_DIM || a.kind == VALUE_INT) &&
                (b.kind == VALUE_DIM || b.kind == VALUE_INT);
    if (dims && !is_comparison(op))
        return dim_arithmetic(in, op, a, b, whole, out);
    return refuse_operands(in, op, a, b, at_a, at_b);
}

static const struct {
    const char *spelling;
    enum op_id op;
} operators[] = {
    {"+", OP_add},           {"-", OP_sub},
    {"*", OP_mul},           {"/", OP_div},
    {"//", OP_floordiv},     {"%", OP_mod},
    {"@", OP_matmul},        {"**", OP_pow},
    {"==", OP_equal},        {"!=", OP_not_equal},
    {"<", OP_less},          {"<=", OP_less_equal},
    {">", OP_greater},       {">=", OP_greater_equal},
    {"and", OP_logical_and}, {"or", OP_logical_or},
};

/* An array of one float or int without axes counts as a number beside another number. */
static struct value scalar_number(struct value v) {
    if (v.kind != VALUE_ARRAY || v.array->tensor->rank)
        return v;
    const struct tensor *t = v.array->tensor;
    if (dtype_is_float(t->dtype))
        return V_FLOAT(tensor_get(t, 0));
    if (t->dtype == DTYPE_BOOL)
        return V_BOOL(tensor_get(t, 0) != 0);
    return V_INT(t->dtype == DTYPE_I64 ? *(const int64_t *)t->data : (int64_t)tensor_get(t, 0));
}

bool eval_binary(struct interp *in, const char *op, struct value a, struct value b,
                 struct span at_a, struct span at_b, struct span whole, struct value *out) {
    struct value x = scalar_number(a), y = scalar_number(b);
    if (value_is_number(x) && value_is_number(y))
        a = x, b = y;
    bool tensors = a.kind == VALUE_TENSOR || a.kind == VALUE_ARRAY || b.kind == VALUE_TENSOR ||
                   b.kind == VALUE_ARRAY;
    bool with_none = a.kind == VALUE_NONE || b.kind == VALUE_NONE;
    if (strcmp(op, "@") && (!tensors || with_none))
        return host_binary(in, op, a, b, at_a, at_b, whole, out);
    if (!is_tensor_like(a) || !is_tensor_like(b))
        return refuse_operands(in, op, a, b, at_a, at_b);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (!strcmp(op, operators[i].spelling))
            return tensor_operator(in, operators[i].op, operators[i].spelling,
                                   (struct value[]){a, b}, (struct span[]){at_a, at_b}, 2, whole,
                                   out);
    return fail_at(in, E_INTERNAL, whole, "no operator `%s`", op);
}

/* `and` and `or` on the host stop at the first operand that decides. */
static bool eval_logical(struct interp *in, struct scope *s, const struct ast *e,
                         struct value *out) {
    struct value left, right;
    bool truth, is_or = e->text[0] == 'o';
    if (!eval_expr(in, s, e->kids[0], &left))
        return false;
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
    bool tensor = v.kind == VALUE_TENSOR || v.kind == VALUE_ARRAY;
    if (e->text[0] == '-') {
        if (v.kind == VALUE_INT)
            return int_arithmetic(in, "-", 0, v.i, e->span, out);
        if (v.kind == VALUE_FLOAT) {
            *out = V_FLOAT(-v.f);
            return true;
        }
        if (tensor)
            return tensor_operator(in, OP_neg, "-", &v, &at, 1, e->span, out);
        return fail_at(in, E_WRONG_KIND, at, "`-` cannot negate %s", value_kind_words(v.kind));
    }
    if (tensor)
        return tensor_operator(in, OP_logical_not, "not", &v, &at, 1, e->span, out);
    if (!eval_truth(in, v, at, &truth))
        return false;
    *out = V_BOOL(!truth);
    return true;
}

static bool list_index(struct interp *in, struct value v, struct span at, int64_t n, int64_t *i) {
    if (v.kind != VALUE_INT)
        return fail_at(in, E_WRONG_KIND, at, "an index must be a whole number, not %s",
                       value_kind_words(v.kind));
    *i = v.i < 0 ? v.i + n : v.i;
    if (*i >= 0 && *i < n)
        return true;
    return fail_at(in, E_OUT_OF_RANGE, at, "index %lld is outside of the %lld elements",
                   (long long)v.i, (long long)n);
}

/* l[2], l[1:3], record["name"], "text"[0]: the host's own sequences. */
static bool index_host(struct interp *in, struct scope *s, const struct ast *e, struct value object,
                       struct value *out) {
    const struct ast *item = e->kids[1];
    int64_t n = object.kind == VALUE_LIST     ? object.list->n
                : object.kind == VALUE_STRING ? (int64_t)object.string->n
                                              : 0;
    int64_t i = 0;
    if (e->n_kids != 2)
        return fail_at(in, E_WRONG_KIND, e->span, "%s has one axis", value_kind_words(object.kind));
    struct value v;
    if (item->kind == AST_SLICE) {
        int64_t bound[2] = {0, n};
        if (item->kids[2])
            return unsupported(in, item->kids[2]->span, "a step in the slice of a list");
        for (int k = 0; k < 2; k++) {
            if (!item->kids[k])
                continue;
            if (!eval_expr(in, s, item->kids[k], &v))
                return false;
            if (v.kind != VALUE_INT)
                return fail_at(in, E_WRONG_KIND, item->kids[k]->span,
                               "a slice's bound must be a whole number");
            bound[k] = v.i < 0 ? (v.i + n < 0 ? 0 : v.i + n) : (v.i > n ? n : v.i);
        }
        int64_t count = bound[1] > bound[0] ? bound[1] - bound[0] : 0;
        if (object.kind == VALUE_STRING) {
            *out = value_string(&in->heap, object.string->text + bound[0], (size_t)count);
        } else {
            *out = value_list(&in->heap, (int)count);
            if (count)
                memcpy(out->list->at, object.list->at + bound[0],
                       (size_t)count * sizeof *out->list->at);
        }
        root_push(in, *out);
        return true;
    }
    if (!eval_expr(in, s, item, &v))
        return false;
    if (object.kind == VALUE_RECORD) {
        if (v.kind != VALUE_STRING)
            return fail_at(in, E_WRONG_KIND, item->span, "a record is indexed by a field's name");
        const struct value *field = record_get(object.record, intern(in, v.string->text));
        if (!field)
            return fail_at(in, E_UNKNOWN_FIELD, item->span, "the record has no field `%s`",
                           v.string->text);
        *out = *field;
        return true;
    }
    if (!list_index(in, v, item->span, n, &i))
        return false;
    if (object.kind == VALUE_LIST)
        *out = object.list->at[i];
    else
        *out = value_string(&in->heap, object.string->text + i, 1), root_push(in, *out);
    return true;
}

static bool eval_index(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value object;
    if (!eval_expr(in, s, e->kids[0], &object))
        return false;
    switch (object.kind) {
    case VALUE_LIST:
    case VALUE_STRING:
    case VALUE_RECORD:
        return index_host(in, s, e, object, out);
    case VALUE_TENSOR:
    case VALUE_ARRAY:
        return index_tensor(in, s, e, object, out);
    default:
        return fail_at(in, E_WRONG_KIND, e->kids[0]->span, "%s cannot be indexed",
                       value_kind_words(object.kind));
    }
}

static bool eval_if(struct interp *in, struct scope *s, const struct ast *e, struct value *out) {
    struct value condition;
    bool truth;
    *out = V_NONE;
    if (!eval_expr(in, s, e->kids[0], &condition))
        return false;
    if (!eval_truth(in, condition, e->kids[0]->span, &truth))
        return false;
    const struct ast *branch = truth ? e->kids[1] : e->kids[2];
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
    if (has_hole(e))
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
        if (!strcmp(e->text, "and") || !strcmp(e->text, "or"))
            return eval_logical(in, s, e, out);
        return eval_expr(in, s, e->kids[0], &left) && eval_expr(in, s, e->kids[1], &right) &&
               eval_binary(in, e->text, left, right, e->kids[0]->span, e->kids[1]->span, e->span,
                           out);
    case AST_PIPE:
        return eval_pipe(in, s, e, out);
    case AST_COMPOSE:
        return eval_compose(in, s, e, out);
    case AST_FN:
        return make_function(in, s, e, FUNCTION_PLAIN, out);
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
