/* What `nnrun doc` says of an op, from its row: what it takes and gives, in words; its gradient. */
#include <string.h>

#include "ir/formula.h"
#include "session/doc.h"

static const char ops_file[] = "src/ir/ops.md";

/* The default of a setting as the signature spells it. */
static int default_text(const struct op *op, const struct op_setting *s, const char **text) {
    size_t n = strlen(s->name);
    for (const char *at = op->signature; (at = strstr(at, s->name)); at += n) {
        if (at[n] != ':' || (at > op->signature && at[-1] != ' '))
            continue;
        const char *equals = at + strcspn(at, "=, ");
        if (*equals != '=')
            return 0;
        *text = equals + 1;
        return (int)strcspn(*text, ", ");
    }
    return 0;
}

static void print_head(const struct op *op, FILE *out) {
    char *head;
    size_t n_head;
    FILE *f = open_memstream(&head, &n_head);
    fprintf(f, "%s(", op->name);
    for (int i = 0; i < op->n_inputs; i++)
        fprintf(f, "%s%s", i ? ", " : "", op->input[i].name);
    for (int i = 0; i < op->n_settings; i++) {
        const char *text;
        int n = default_text(op, &op->setting[i], &text);
        fprintf(f, "%s%s", i || op->n_inputs ? ", " : "", op->setting[i].name);
        if (n)
            fprintf(f, "=%.*s", n, text);
    }
    fputc(')', f);
    fclose(f);
    doc_wrap(out, head, 0, 4);
    free(head);
}

/* The first input whose dtype others share; -1: none. */
static int shared_input(const struct op *op) {
    for (int i = 0; i < op->n_inputs; i++)
        if (op->input[i].type == TYPE_SHARED || op->input[i].type == TYPE_SHARED_FLOAT)
            return i;
    return -1;
}

static const char *dtype_words(const struct op *op, int type) {
    if (type >= 0)
        return dtype_name((enum dtype)type);
    if (type == TYPE_WHOLE)
        return "whole numbers of any dtype";
    if (type == TYPE_SHARED_FLOAT || (type == TYPE_SHARED && op->domain == DOMAIN_FLT))
        return "float or float64";
    if (type == TYPE_SHARED && op->domain == DOMAIN_NUM)
        return "any dtype of numbers";
    return op->domain == DOMAIN_BIT ? "bool" : "any dtype";
}

/* "..,m,k" as "[..., m, k]". */
static void print_dims(const char *dims, size_t n, FILE *out) {
    fputc('[', out);
    for (size_t i = 0; i < n; i++)
        if (dims[i] == '.' && i + 1 < n && dims[i + 1] == '.')
            fputs("...", out), i++;
        else if (dims[i] == ',')
            fputs(", ", out);
        else
            fputc(dims[i], out);
    fputc(']', out);
}

static void print_input(const struct op *op, int i, FILE *out) {
    const struct op_input *in = &op->input[i];
    int shared = shared_input(op);
    if (in->list)
        fputs("a list of tensors, ", out);
    print_dims(in->dims, strlen(in->dims), out);
    if (i > shared && shared >= 0 && in->type <= TYPE_SHARED && in->type >= TYPE_SHARED_FLOAT)
        fprintf(out, ", the dtype of %s", op->input[shared].name);
    else
        fprintf(out, ", %s", dtype_words(op, in->type));
    if (op->trait == OP_ELEMENTWISE && op->n_inputs > 1 && i)
        fputs("; broadcasts", out);
}

static const char *setting_words(enum attr_kind kind) {
    switch (kind) {
    case ATTR_INT:
        return "a whole number";
    case ATTR_FLOAT:
        return "a number";
    case ATTR_BOOL:
        return "true or false";
    case ATTR_STRING:
        return "a string";
    case ATTR_DTYPE:
        return "a dtype";
    case ATTR_SHAPE:
        return "a shape, or one size";
    case ATTR_INTS:
        return "a whole number or a list of them";
    case ATTR_AXIS:
        return "an axis: its number, from the back when negative, or its name";
    case ATTR_AXES:
        return "an axis or a list of them; numbers, from the back when negative, or names";
    case ATTR_PAIRS:
        return "[before, after] for each axis";
    case ATTR_PADDING:
        return "\"SAME\", \"VALID\", or sizes: a number or [before, after] for each axis";
    case ATTR_UNSET:
        break;
    }
    return "";
}

/* The setting of a kind; NULL: it has none. */
static const struct op_setting *setting_of(const struct op *op, enum attr_kind kind) {
    for (int i = 0; i < op->n_settings; i++)
        if (op->setting[i].kind == kind)
            return &op->setting[i];
    return NULL;
}

static bool has_setting(const struct op *op, const char *name) {
    for (int i = 0; i < op->n_settings; i++)
        if (!strcmp(op->setting[i].name, name))
            return true;
    return false;
}

/* `[..]` of a result is whatever shape the rule makes: the words for the common rules. */
static void print_result_shape(const struct op *op, const char *dims, size_t n, FILE *out) {
    const struct op_setting *shape = setting_of(op, ATTR_SHAPE);
    if (n != 2 || strncmp(dims, "..", 2) != 0)
        print_dims(dims, n, out);
    else if (op->trait == OP_ELEMENTWISE && op->n_inputs > 1)
        fputs("the shape that the operands broadcast to", out);
    else if (op->n_inputs && (op->trait == OP_ELEMENTWISE || op->shape == shape_signature))
        fprintf(out, "the shape of %s", op->input[0].name);
    else if (has_setting(op, "keepdims"))
        fputs("without the axes; keepdims=true leaves them with size 1", out);
    else if (shape && op->trait != OP_LOOP)
        fprintf(out, "the shape `%s`", shape->name);
    else
        fputs("[...], as said above", out);
}

static void print_result(const struct op *op, FILE *out) {
    const char *at = strstr(op->signature, "-> ") + 3, *dims = strchr(at, '[') + 1;
    const struct op_setting *dtype = setting_of(op, ATTR_DTYPE);
    int shared = shared_input(op);
    print_result_shape(op, dims, strcspn(dims, "]"), out);
    if (*at != '[')
        fprintf(out, ", %.*s", (int)strcspn(at, "["), at);
    else if (dtype)
        fprintf(out, ", the dtype `%s`", dtype->name);
    else if (shared >= 0)
        fprintf(out, ", the dtype of %s", op->input[shared].name);
    else if (op->n_inputs && op->input[0].type >= 0)
        fprintf(out, ", %s", dtype_words(op, op->input[0].type));
}

static void print_operands(const struct op *op, FILE *out) {
    int width = (int)strlen("result");
    for (int i = 0; i < op->n_inputs; i++)
        if ((int)strlen(op->input[i].name) > width)
            width = (int)strlen(op->input[i].name);
    for (int i = 0; i < op->n_settings; i++)
        if ((int)strlen(op->setting[i].name) > width)
            width = (int)strlen(op->setting[i].name);
    for (int i = 0; i < op->n_inputs; i++) {
        fprintf(out, "    %-*s  ", width, op->input[i].name);
        print_input(op, i, out);
        fputc('\n', out);
    }
    for (int i = 0; i < op->n_settings; i++)
        fprintf(out, "    %-*s  %s\n", width, op->setting[i].name,
                setting_words(op->setting[i].kind));
    fprintf(out, "    %-*s  ", width, "result");
    print_result(op, out);
    fputc('\n', out);
}

/* The ops that are gradients of this one are called after it. */
static void print_gradient_ops(const struct op *op, FILE *out) {
    const struct op *all = op - op->id;
    size_t n = strlen(op->name);
    const char *before = ", by ";
    for (int i = 0; i < N_OPS; i++) {
        const char *name = all[i].name, *end = strstr(name, "_gradient");
        bool own = !strncmp(name, op->name, n) && name[n] == '_' && end && !end[9];
        if (!own || &all[i] == op)
            continue;
        fprintf(out, "%s%s", before, name);
        before = " and ";
    }
}

static void print_formulas(const struct op *op, FILE *out) {
    fputs("Gradient, with r the result and g the gradient with respect to it:\n", out);
    for (int i = 0; i < op->n_inputs; i++) {
        char *text;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        fprintf(f, "%s: ", op->input[i].name);
        bool any = formula_print(op, i, f);
        fclose(f);
        if (any)
            doc_wrap(out, text, 4, 3);
        free(text);
    }
}

static void print_gradient(const struct op *op, FILE *out) {
    fputc('\n', out);
    if (op_has_formula(op)) {
        print_formulas(op, out);
    } else if (op->trait == OP_LOOP || op->id == OP_scan_result) {
        fputs("Gradient: yes, another loop in the other direction.\n", out);
    } else if (op->inner) {
        fputs("Gradient: not asked for: only passes make it, after gradients.\n", out);
    } else if (op->gradient) {
        fputs("Gradient: yes", out);
        print_gradient_ops(op, out);
        fputs(".\n", out);
    } else if (op->n_inputs) {
        fputs("Gradient: none: the result does not depend smoothly on its inputs.\n", out);
    } else {
        fputs("Gradient: none: it has no inputs.\n", out);
    }
}

void doc_print_op(const struct op *op, bool callable, FILE *out) {
    print_head(op, out);
    doc_wrap(out, op->summary, 4, 0);
    if (op_sign(op))
        fprintf(out, "    Written %s %s %s.\n", op->input[0].name, op_sign(op), op->input[1].name);
    if (!callable)
        fputs("    An inner operation: a script cannot call it.\n", out);
    fputc('\n', out);
    print_operands(op, out);
    print_gradient(op, out);
    doc_page(out, ops_file, op->name);
    fprintf(out, "\nDefined in src/ir/ops.def:%d.\n", op_line(op->id));
}
