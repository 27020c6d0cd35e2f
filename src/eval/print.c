/* How values look: printed, formatted in a string, and described in a message. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/interp.h"

/* The fewest digits that read back as the same number; a whole one has no point. */
static void print_number(FILE *out, double x) {
    enum { WRITTEN_OUT = 1000000000 }; /* above, powers of ten are easier to read */
    char text[40];
    if (x == floor(x) && fabs(x) < WRITTEN_OUT) {
        fprintf(out, "%.0f", x);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x || x != x)
            break;
    }
    fputs(text, out);
}

static void print_items(struct interp *in, FILE *out, const struct value *at,
                        const char *const *names, int n, const char *brackets) {
    enum { SHOWN = 100 };
    fputc(brackets[0], out);
    for (int i = 0; i < n; i++) {
        if (i)
            fputs(", ", out);
        if (i == SHOWN) {
            fprintf(out, "... %d more", n - i);
            break;
        }
        if (names)
            fprintf(out, "%s: ", names[i]);
        print_value(in, out, at[i], true);
    }
    fputc(brackets[1], out);
}

static void print_node(struct interp *in, FILE *out, const struct node *n) {
    char shape[SHAPE_TEXT];
    fprintf(out, "%s%s  %s", dtype_name(n->dtype),
            n->shape.rank ? shape_print(shape, sizeof shape, in->o.symbols, &n->shape) : "",
            n->op->name);
}

const char *definition_word(const struct definition *d) {
    switch (d->tree->kind) {
    case AST_LOSS_DEF:
        return "loss";
    case AST_METRIC_DEF:
        return "metric";
    case AST_OPTIMIZER_DEF:
        return "optimizer";
    case AST_TRANSFORM_DEF:
        return "transform";
    default:
        return "layer";
    }
}

static void print_dataset(struct interp *in, FILE *out, const struct dataset_object *d) {
    char text[SHAPE_TEXT];
    fprintf(out, "data set %s of %" PRId64 " examples {", d->dataset->name, d->dataset->length);
    for (int i = 0; i < dataset_n_fields(d); i++) {
        struct shape s = dataset_shape(d, i);
        fprintf(out, "%s%s: %s%s", i ? ", " : "", dataset_field_name(d, i),
                dtype_name(dataset_dtype(d, i)),
                shape_print(text, sizeof text, in->o.symbols, &s));
    }
    fputc('}', out);
}

/* The kinds that are more than a word. */
static void print_object(struct interp *in, FILE *out, struct value v, bool nested) {
    switch (v.kind) {
    case VALUE_STRING:
        if (nested)
            fputc('"', out);
        fwrite(v.string->text, 1, v.string->n, out);
        if (nested)
            fputc('"', out);
        break;
    case VALUE_LIST:
        print_items(in, out, v.list->at, NULL, v.list->n, "[]");
        break;
    case VALUE_RECORD:
        print_items(in, out, v.record->at, v.record->name, v.record->n, "{}");
        break;
    case VALUE_RANGE:
        fprintf(out, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", v.range->first, v.range->end,
                v.range->step);
        break;
    case VALUE_ARRAY:
        tensor_print(v.array->tensor, out);
        break;
    case VALUE_FUNCTION: {
        bool named = v.function->tree->text && v.function->form == FUNCTION_PLAIN;
        fprintf(out, "fn %s", named ? v.function->tree->text : "(..)");
        break;
    }
    case VALUE_DEFINITION:
        fprintf(out, "%s %s", definition_word(v.definition), v.definition->tree->text);
        break;
    case VALUE_INSTANCE:
        fprintf(out, "%s %s", v.instance->definition->tree->text, v.instance->path);
        break;
    case VALUE_CHAIN:
        for (int i = 0; i < v.chain->n; i++) {
            if (i)
                fputs(" >> ", out);
            print_value(in, out, v.chain->at[i], true);
        }
        break;
    case VALUE_METHOD:
        fprintf(out, "method %s", v.method->builtin->name);
        break;
    case VALUE_STEP:
        fprintf(out, "training step of %d variable%s", v.step->n_variables,
                v.step->n_variables == 1 ? "" : "s");
        break;
    case VALUE_DATASET:
        print_dataset(in, out, v.dataset);
        break;
    case VALUE_BATCHES:
        fprintf(out, "%" PRId64 " batch%s of %" PRId64 " of the data set %s",
                batches_length(v.batches), batches_length(v.batches) == 1 ? "" : "es",
                v.batches->n, v.batches->set->dataset->name);
        break;
    case VALUE_MODULE:
        fprintf(out, "module %s", module_name(v.module->module));
        break;
    default:
        break;
    }
}

void print_value(struct interp *in, FILE *out, struct value v, bool nested) {
    char text[SHAPE_TEXT];
    if (interp_stack_is_deep(in)) {
        fputs("...", out);
        return;
    }
    switch (v.kind) {
    case VALUE_NONE:
        fputs("none", out);
        break;
    case VALUE_POISON:
    case VALUE_UNKNOWN:
        fputs("?", out);
        break;
    case VALUE_BOOL:
        fputs(v.b ? "true" : "false", out);
        break;
    case VALUE_INT:
        fprintf(out, "%" PRId64, v.i);
        break;
    case VALUE_FLOAT:
        print_number(out, v.f);
        break;
    case VALUE_DTYPE:
        fputs(dtype_name(v.dtype), out);
        break;
    case VALUE_DIM:
        fputs(dim_print(text, sizeof text, in->o.symbols, v.dim), out);
        break;
    case VALUE_OP:
        fprintf(out, "op %s", v.op->name);
        break;
    case VALUE_BUILTIN:
        fprintf(out, "builtin %s", v.builtin->name);
        break;
    case VALUE_TENSOR:
        print_node(in, out, v.node);
        break;
    default:
        print_object(in, out, v, nested);
        break;
    }
}

void describe_value(struct interp *in, struct value v, char *buf, size_t n_buf) {
    char shape[SHAPE_TEXT];
    switch (v.kind) {
    case VALUE_TENSOR:
        snprintf(
            buf, n_buf, "%s%s%s", v.node->shape.rank ? "" : "a scalar ", dtype_name(v.node->dtype),
            v.node->shape.rank ? shape_print(shape, sizeof shape, in->o.symbols, &v.node->shape)
                               : "");
        return;
    case VALUE_ARRAY: {
        struct shape s = tensor_shape(v.array->tensor);
        snprintf(buf, n_buf, "%s%s%s", s.rank ? "" : "a scalar ",
                 dtype_name(v.array->tensor->dtype),
                 s.rank ? shape_print(shape, sizeof shape, in->o.symbols, &s) : "");
        return;
    }
    case VALUE_INT:
        snprintf(buf, n_buf, "the number %" PRId64, v.i);
        return;
    case VALUE_FLOAT:
        snprintf(buf, n_buf, "the number %g", v.f);
        return;
    case VALUE_STRING:
        snprintf(buf, n_buf, "a string");
        return;
    case VALUE_DEFINITION:
        snprintf(buf, n_buf, "the %s definition %s", definition_word(v.definition),
                 v.definition->tree->text);
        return;
    case VALUE_INSTANCE:
        snprintf(buf, n_buf, "an instance of %s", v.instance->definition->tree->text);
        return;
    case VALUE_DATASET:
        snprintf(buf, n_buf, "the data set %s", v.dataset->dataset->name);
        return;
    default:
        snprintf(buf, n_buf, "%s", value_kind_words(v.kind));
        return;
    }
}

/* [<>][0][width][.precision][type], the types d g f e x s %: as in Python and C. */
struct spec {
    bool left, right, zero;
    int width, precision;
    char type;
};

static bool parse_spec(const char *text, struct spec *s) {
    *s = (struct spec){.precision = -1};
    if (*text == '<' || *text == '>')
        s->left = *text == '<', s->right = *text == '>', text++;
    if (*text == '0')
        s->zero = true, text++;
    while (*text >= '0' && *text <= '9' && s->width < 1000)
        s->width = 10 * s->width + (*text++ - '0');
    if (*text == '.') {
        s->precision = 0;
        for (text++; *text >= '0' && *text <= '9' && s->precision < 1000; text++)
            s->precision = 10 * s->precision + (*text - '0');
    }
    if (*text && strchr("dgfexs%", *text))
        s->type = *text++;
    return !*text && s->width < 1000 && s->precision < 1000;
}

static bool format_number(struct interp *in, double x, bool whole, int64_t i, const struct spec *s,
                          struct span at, FILE *out) {
    char text[1400], number[1200];
    int precision = s->precision < 0 ? 6 : s->precision;
    if (s->type == 'd' || s->type == 'x') {
        if (!whole && (x != x || x < -0x1p63 || x >= 0x1p63 || x != (double)(int64_t)x))
            return fail_at(in, E_WRONG_KIND, at,
                           "the format `%c` is for whole numbers, but this is %g", s->type, x);
        if (!whole)
            i = (int64_t)x;
        snprintf(number, sizeof number, s->type == 'd' ? "%" PRId64 : "%" PRIx64, i);
    } else if (x != x)
        snprintf(number, sizeof number, "nan");
    else if (s->type == '%')
        snprintf(number, sizeof number, "%.*f%%", precision, 100 * x);
    else if (s->type == 'f')
        snprintf(number, sizeof number, "%.*f", precision, x);
    else if (s->type == 'e')
        snprintf(number, sizeof number, "%.*e", precision, x);
    else
        snprintf(number, sizeof number, "%.*g", precision ? precision : 1, x);
    int width = s->width;
    if (s->zero && !s->left) {
        int sign = number[0] == '-', pad = width - (int)strlen(number);
        snprintf(text, sizeof text, "%.*s%0*d%s", sign, number, pad > 0 ? pad : 0, 0,
                 number + sign);
        if (pad <= 0)
            snprintf(text, sizeof text, "%s", number);
    } else
        snprintf(text, sizeof text, s->left ? "%-*s" : "%*s", width, number);
    fputs(text, out);
    return true;
}

static bool format_text(struct interp *in, struct value v, const struct spec *s, FILE *out) {
    if (!s->width) {
        print_value(in, out, v, false);
        return true;
    }
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    if (!memory)
        return false;
    print_value(in, memory, v, false);
    fclose(memory);
    bool left = s->left || (v.kind == VALUE_STRING && !s->right);
    fprintf(out, left ? "%-*s" : "%*s", s->width, text);
    free(text);
    return true;
}

bool format_value(struct interp *in, struct value v, const char *format, struct span at, FILE *out,
                  bool *unknown) {
    struct spec s = {.precision = -1};
    if (format && !parse_spec(format, &s)) {
        struct diag *d = diag_error(in->o.diags, E_BAD_LITERAL, at, "`%s` is no format", format);
        diag_help(d, "width, precision and one of d g f e x s %%, such as {x:.4f}");
        return interp_fail(in, d);
    }
    if (v.kind == VALUE_TENSOR) {
        struct tensor *t;
        if (!demand_one(in, v, at, &t))
            return false;
        v = value_array(&in->heap, t);
        root_push(in, v);
    }
    if (in->o.dry && depends_on_contents(in, v))
        return *unknown = true;
    bool numeric = s.type && s.type != 's';
    if (v.kind == VALUE_ARRAY && v.array->tensor->n_elements == 1 &&
        (numeric || s.precision >= 0)) {
        const struct tensor *t = v.array->tensor;
        return format_number(in, tensor_get(t, 0), false, 0, &s, at, out);
    }
    if (v.kind == VALUE_INT && (numeric || s.precision >= 0 || s.zero)) {
        if (!s.type)
            s.type = s.precision < 0 ? 'd' : 'g';
        return format_number(in, (double)v.i, true, v.i, &s, at, out);
    }
    if (v.kind == VALUE_FLOAT && (numeric || s.precision >= 0))
        return format_number(in, v.f, false, 0, &s, at, out);
    if (numeric) {
        char text[128];
        describe_value(in, v, text, sizeof text);
        return fail_at(in, E_WRONG_KIND, at, "the format `%s` is for numbers, but this is %s",
                       format, text);
    }
    return format_text(in, v, &s, out);
}
