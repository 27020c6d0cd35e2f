/* Operators on what is known: arithmetic and comparison of host values are done here, at once;
 * with a tensor among the operands an operator appends a node (ops.c). */
#include <math.h>
#include <string.h>

#include "eval/interp.h"

bool eval_truth(struct interp *in, struct value v, struct span at, bool *truth) {
    enum truth t;
    if (!eval_condition(in, v, at, &t))
        return false;
    *truth = t == TRUTH_YES;
    return t != TRUTH_UNKNOWN || fail_silently(in);
}

bool eval_condition(struct interp *in, struct value v, struct span at, enum truth *truth) {
    struct tensor *t;
    switch (v.kind) {
    case VALUE_UNKNOWN:
        *truth = TRUTH_UNKNOWN;
        return true;
    case VALUE_BOOL:
        *truth = v.b ? TRUTH_YES : TRUTH_NO;
        return true;
    case VALUE_NONE:
        *truth = TRUTH_NO;
        return true;
    case VALUE_INT:
    case VALUE_FLOAT:
        *truth = value_number(v) != 0 ? TRUTH_YES : TRUTH_NO;
        return true;
    case VALUE_STRING:
        *truth = v.string->n > 0 ? TRUTH_YES : TRUTH_NO;
        return true;
    case VALUE_LIST:
        *truth = v.list->n > 0 ? TRUTH_YES : TRUTH_NO;
        return true;
    case VALUE_TENSOR:
    case VALUE_ARRAY:
        if (!demand_one(in, v, at, &t))
            return false;
        if (t->n_elements != 1) {
            char shape[SHAPE_TEXT];
            struct shape have = tensor_shape(t);
            struct diag *d = diag_error(
                in->o.diags, E_WRONG_KIND, at, "a condition must be one value, but this is %s%s",
                dtype_name(t->dtype), shape_print(shape, sizeof shape, in->o.symbols, &have));
            diag_help(d, "reduce it to one value: min(cast(x, int)) == 1 holds when all hold");
            tensor_unref(t);
            return interp_fail(in, d);
        }
        *truth = t->phantom ? TRUTH_UNKNOWN : tensor_get(t, 0) != 0 ? TRUTH_YES : TRUTH_NO;
        tensor_unref(t);
        return true;
    default:
        return fail_at(in, E_WRONG_KIND, at, "a condition cannot be %s", value_kind_words(v.kind));
    }
}

/* false: it cannot be said. */
static bool host_equal(struct interp *in, struct value a, struct value b, bool *equal) {
    if (interp_stack_is_deep(in))
        return false;
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
    case VALUE_RECORD:
        if (a.record->n != b.record->n)
            return true;
        *equal = true;
        for (int i = 0; i < a.record->n && *equal; i++) {
            const struct value *other = record_get(b.record, a.record->name[i]);
            *equal = other != NULL;
            if (other && !host_equal(in, a.record->at[i], *other, equal))
                return false;
        }
        return true;
    case VALUE_OP:
        *equal = a.op == b.op;
        return true;
    case VALUE_BUILTIN:
        *equal = a.builtin == b.builtin;
        return true;
    case VALUE_STRING:
        *equal = a.string->n == b.string->n && !memcmp(a.string->text, b.string->text, a.string->n);
        return true;
    case VALUE_LIST:
        if (a.list->n != b.list->n)
            return true;
        *equal = true;
        for (int i = 0; i < a.list->n && *equal; i++)
            if (!host_equal(in, a.list->at[i], b.list->at[i], equal))
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

static bool is_hole(struct value v) {
    return v.kind == VALUE_FUNCTION && v.function->form == FUNCTION_HOLE;
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
    if ((a.kind == VALUE_DIM && b.kind == VALUE_FLOAT) ||
        (a.kind == VALUE_FLOAT && b.kind == VALUE_DIM))
        diag_help(d, "a size is a whole number: it combines with whole numbers and other sizes");
    if (is_hole(a) || is_hole(b))
        diag_help(d, "`_` makes a function of the one operation it stands in: write fn (x) -> ...");
    return interp_fail(in, d);
}

static bool dim_power(struct symbols *s, struct dim x, int64_t power, struct dim *out) {
    *out = dim_const(1);
    for (int64_t i = 0; i < power; i++)
        if (!dim_multiply(s, *out, x, out))
            return false;
    return true;
}

static bool dim_arithmetic(struct interp *in, const char *op, struct value a, struct value b,
                           struct span at, struct value *out) {
    struct dim x = a.kind == VALUE_INT ? dim_const(a.i) : a.dim,
               y = b.kind == VALUE_INT ? dim_const(b.i) : b.dim, r;
    struct symbols *s = in->o.symbols;
    bool ok = false, divides = !strcmp(op, "//") || !strcmp(op, "%");
    if (divides && dim_is_const(y) && y.k == 0)
        return fail_at(in, E_ARITHMETIC, at, "`%s` by zero", op);
    if (!strcmp(op, "/")) {
        struct diag *d = diag_error(in->o.diags, E_ARITHMETIC, at,
                                    "`/` gives a fraction, and a size is a whole number");
        diag_help(d, "write `//`, which rounds down");
        return interp_fail(in, d);
    }
    if (!strcmp(op, "+"))
        ok = dim_add(s, x, y, &r);
    else if (!strcmp(op, "-"))
        ok = dim_subtract(s, x, y, &r);
    else if (!strcmp(op, "*"))
        ok = dim_multiply(s, x, y, &r);
    else if (!strcmp(op, "//"))
        ok = dim_floor_divide(s, x, y, &r);
    else if (!strcmp(op, "%"))
        ok =
            dim_floor_divide(s, x, y, &r) && dim_multiply(s, r, y, &r) && dim_subtract(s, x, r, &r);
    else if (!dim_is_const(y) || y.k < 0)
        return fail_at(in, E_ARITHMETIC, at,
                       "`**` of a size needs a power that is a whole number, 0 or more");
    else
        ok = dim_power(s, x, y.k, &r);
    if (!ok)
        return fail_at(in, E_ARITHMETIC, at,
                       "`%s`: this size is too large or too long to say: 64 bits, %d factors, sums "
                       "of a dozen terms",
                       op, MAX_DIM_SYMBOLS);
    *out = dim_value(r);
    return true;
}

/* {a: 1} + {b: 2}: the fields of both. */
static bool join_records(struct interp *in, const struct record *a, const struct record *b,
                         struct span at_b, struct value *out) {
    *out = value_record(&in->heap);
    root_push(in, *out);
    for (int i = 0; i < a->n; i++)
        record_set(&in->heap, out->record, a->name[i], a->at[i]);
    for (int i = 0; i < b->n; i++) {
        if (record_get(a, b->name[i]))
            return fail_at(in, E_DUPLICATE_NAME, at_b, "both records have a field `%s`",
                           b->name[i]);
        record_set(&in->heap, out->record, b->name[i], b->at[i]);
    }
    return true;
}

static bool host_binary(struct interp *in, const char *op, struct value a, struct value b,
                        struct span at_a, struct span at_b, struct span whole, struct value *out) {
    bool equal;
    if (!strcmp(op, "==") || !strcmp(op, "!=")) {
        if (!host_equal(in, a, b, &equal))
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
            *out = value_string(&in->heap, NULL, a.string->n + b.string->n);
            memcpy(out->string->text, a.string->text, a.string->n);
            memcpy(out->string->text + a.string->n, b.string->text, b.string->n);
            root_push(in, *out);
            return true;
        }
    }
    if (a.kind == VALUE_LIST && b.kind == VALUE_LIST && !strcmp(op, "+")) {
        *out = value_list_sum(&in->heap, a.list, b.list);
        root_push(in, *out);
        return true;
    }
    if (a.kind == VALUE_RECORD && b.kind == VALUE_RECORD && !strcmp(op, "+"))
        return join_records(in, a.record, b.record, at_b, out);
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

struct value scalar_number(struct value v) {
    if (v.kind != VALUE_ARRAY || v.array->tensor->rank)
        return v;
    const struct tensor *t = v.array->tensor;
    if (t->phantom)
        return t->dtype == DTYPE_BOOL ? v : V_UNKNOWN;
    if (dtype_is_float(t->dtype))
        return V_FLOAT(tensor_get(t, 0));
    if (t->dtype == DTYPE_BOOL)
        return V_BOOL(tensor_get(t, 0) != 0);
    return V_INT(t->dtype == DTYPE_I64 ? *(const int64_t *)t->data : (int64_t)tensor_get(t, 0));
}

/* `<` and `<=`, `>` and `>=`, `==` and `!=` of what gives that sign; NaN has none. */
static bool compare_sign(const char *op, int sign, bool *holds) {
    bool or_equal = op[1] == '=';
    switch (op[0]) {
    case '<':
        *holds = sign < 0 || (or_equal && sign == 0);
        return true;
    case '>':
        *holds = sign > 0 || (or_equal && sign == 0);
        return true;
    case '=':
    case '!':
        *holds = (sign == 0) == (op[0] == '=');
        return true;
    default:
        return false;
    }
}

static bool count_numbers(const char *op, int64_t a, int64_t b, struct value *out) {
    int64_t r, rest;
    bool holds;
    if (compare_sign(op, (a > b) - (a < b), &holds)) {
        *out = V_BOOL(holds);
        return true;
    }
    switch (op[0]) {
    case '+':
        if (__builtin_add_overflow(a, b, &r))
            return false;
        break;
    case '-':
        if (__builtin_sub_overflow(a, b, &r))
            return false;
        break;
    case '*':
        if (op[1] || __builtin_mul_overflow(a, b, &r))
            return false;
        break;
    case '%':
    case '/':
        if (b <= 0 || (op[0] == '/' && !op[1]))
            return false;
        rest = a % b + (a % b < 0 ? b : 0);
        r = op[0] == '%' ? rest : a / b - (a % b < 0);
        break;
    default:
        return false;
    }
    *out = V_INT(r);
    return true;
}

bool eval_numbers(const char *op, struct value a, struct value b, struct value *out) {
    if (a.kind == VALUE_INT && b.kind == VALUE_INT)
        return count_numbers(op, a.i, b.i, out);
    if (a.kind != VALUE_FLOAT || b.kind != VALUE_FLOAT || op[1])
        return false;
    double r;
    if (op[0] == '+')
        r = a.f + b.f;
    else if (op[0] == '-')
        r = a.f - b.f;
    else if (op[0] == '*')
        r = a.f * b.f;
    else
        return false;
    *out = V_FLOAT(r);
    return true;
}

/* x, y: the operands as numbers, when they are such. */
static bool is_unknown_binary(struct interp *in, const char *op, struct value a, struct value b,
                              struct value x, struct value y) {
    if (is_missing(a) || is_missing(b))
        return true;
    if (is_missing(x) || is_missing(y))
        return (is_missing(x) || value_is_number(x)) && (is_missing(y) || value_is_number(y));
    bool compares = !strcmp(op, "==") || !strcmp(op, "!=");
    bool collections = (a.kind == VALUE_LIST || a.kind == VALUE_RECORD) && a.kind == b.kind;
    return compares && collections && (depends_on_contents(in, a) || depends_on_contents(in, b));
}

bool eval_binary(struct interp *in, const char *op, struct value a, struct value b,
                 struct span at_a, struct span at_b, struct span whole, struct value *out) {
    struct value x = scalar_number(a), y = scalar_number(b);
    if (in->o.dry && is_unknown_binary(in, op, a, b, x, y)) {
        *out = V_UNKNOWN;
        return true;
    }
    if (value_is_number(x) && value_is_number(y))
        a = x, b = y;
    bool tensors = a.kind == VALUE_TENSOR || a.kind == VALUE_ARRAY || b.kind == VALUE_TENSOR ||
                   b.kind == VALUE_ARRAY;
    bool with_none = a.kind == VALUE_NONE || b.kind == VALUE_NONE;
    if (strcmp(op, "@") && (!tensors || with_none))
        return host_binary(in, op, a, b, at_a, at_b, whole, out);
    if ((!is_tensor_like(a) && a.kind != VALUE_DIM) || (!is_tensor_like(b) && b.kind != VALUE_DIM))
        return refuse_operands(in, op, a, b, at_a, at_b);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (!strcmp(op, operators[i].spelling))
            return tensor_operator(in, operators[i].op, operators[i].spelling,
                                   (struct value[]){a, b}, (struct span[]){at_a, at_b}, 2, whole,
                                   out);
    return fail_at(in, E_INTERNAL, whole, "no operator `%s`", op);
}

bool eval_negative(struct interp *in, struct value v, struct span at, struct span whole,
                   struct value *out) {
    switch (v.kind) {
    case VALUE_INT:
        return int_arithmetic(in, "-", 0, v.i, whole, out);
    case VALUE_FLOAT:
        *out = V_FLOAT(-v.f);
        return true;
    case VALUE_DIM:
        return dim_arithmetic(in, "-", V_INT(0), v, whole, out);
    case VALUE_TENSOR:
    case VALUE_ARRAY:
        return tensor_operator(in, OP_neg, "-", &v, &at, 1, whole, out);
    default:
        return fail_at(in, E_WRONG_KIND, at, "`-` cannot negate %s", value_kind_words(v.kind));
    }
}
