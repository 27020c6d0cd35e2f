/* The text of an einsum: its letters become labels of the operands' axes, or it is refused with the
 * letter and the operands underlined. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "eval/einsum.h"

/* ---- messages */

/* Where characters of the text stand in the script; the whole argument when it is no plain
 * literal. */
static struct span text_span(const struct einsum *e, int first, int length) {
    const char *source = source_text(e->in->o.sources, e->text_at);
    size_t n = strlen(e->text);
    struct span at = e->text_at;
    if (at.length != n + 2 || memcmp(source + 1, e->text, n))
        return at;
    at.offset += 1 + (uint32_t)first;
    at.length = (uint32_t)(length > 0 ? length : 1);
    return at;
}

bool einsum_refuse(struct einsum *e, int first, int length, const char *message, const char *help) {
    struct diag *d =
        diag_error(e->in->o.diags, E_SHAPE, text_span(e, first, length), "einsum: %s", message);
    if (help)
        diag_help(d, "%s", help);
    return interp_fail(e->in, d);
}

/* Underlines a place in the text and one or two operands, with their shapes and where those come
 * from. */
static bool refuse_operands(struct einsum *e, enum diag_code code, int first, int length,
                            const char *words, const char *message, int i, int j) {
    struct node *in[3] = {e->term[i].x, e->term[i].x, e->term[j].x};
    struct span at[3] = {text_span(e, first, length), e->term[i].at, e->term[j].at};
    struct fault f = {.code = code, .n_marks = i == j ? 2 : 3};
    snprintf(f.message, sizeof f.message, "einsum: %s", message);
    snprintf(f.mark[0].text, sizeof f.mark[0].text, "%s", words);
    for (int k = 0; k < 3; k++)
        f.mark[k].operand = k, f.mark[k].axis = -1;
    if (e->in->build.diags)
        build_report(&e->in->build, &f, in, 3, at, interp_origin(e->in, e->call->call));
    return interp_fail(e->in, NULL);
}

/* ---- the text */

static bool parse_subscript(struct einsum *e, int first, int end, struct subscript *s) {
    *s = (struct subscript){.first = first, .length = end - first};
    for (int i = first; i < end; i++) {
        unsigned char c = (unsigned char)e->text[i];
        char message[96];
        if (c == ' ')
            continue;
        bool dots = end - i >= 3 && !strncmp(e->text + i, "...", 3);
        if (!dots && !isalpha(c)) {
            snprintf(message, sizeof message,
                     isprint(c) ? "`%c` is neither a letter nor `...`" : "what is this byte?", c);
            return einsum_refuse(e, i, 1, message, "axes are letters: einsum(\"ij,jk->ik\", a, b)");
        }
        if (s->n == MAX_LABELS)
            return einsum_refuse(e, first, end - first, "a tensor has at most 8 axes", NULL);
        for (int k = 0; k < s->n; k++)
            if (s->label[k] == (dots ? REST : c)) {
                snprintf(message, sizeof message, "`%.*s` stands twice in `%.*s`", dots ? 3 : 1,
                         e->text + i, s->length, e->text + first);
                return einsum_refuse(e, i, dots ? 3 : 1, message,
                                     s == &e->result || dots
                                         ? NULL
                                         : "diag_part(x) takes the diagonal of the "
                                           "last two axes");
            }
        s->rest |= dots;
        s->place[s->n] = i;
        s->label[s->n++] = dots ? REST : c;
        i += dots ? 2 : 0;
    }
    return true;
}

/* NumPy's result when none is said: `...`, then the letters that occur once, by alphabet. */
static bool refuse_implicit(struct einsum *e, int n_subscripts) {
    int count[256] = {0}, used = 0;
    char result[64] = "", help[192];
    bool rest = false;
    for (int i = 0; i < n_subscripts; i++) {
        rest |= e->subscript[i].rest;
        for (int k = 0; k < e->subscript[i].n; k++)
            if (e->subscript[i].label[k] < REST)
                count[e->subscript[i].label[k]]++;
    }
    for (int c = 0; c < 256; c++)
        if (count[c] == 1)
            result[used++] = (char)c;
    snprintf(help, sizeof help, "with the letters that occur once it is \"%.60s->%s%s\"", e->text,
             rest ? "..." : "", result);
    return einsum_refuse(e, 0, (int)strlen(e->text), "the result is not said", help);
}

static bool parse_text(struct einsum *e) {
    int n = (int)strlen(e->text), n_subscripts = 0, first = 0;
    const char *arrow = strstr(e->text, "->");
    int end = arrow ? (int)(arrow - e->text) : n;
    char message[96];
    for (int i = 0; i <= end; i++) {
        if (i < end && e->text[i] != ',')
            continue;
        if (n_subscripts == MAX_ARGS)
            return einsum_refuse(e, 0, n, "more operands than a call can have", NULL);
        if (!parse_subscript(e, first, i, &e->subscript[n_subscripts++]))
            return false;
        first = i + 1;
    }
    if (n_subscripts != e->n) {
        snprintf(message, sizeof message, "%d subscript%s for %d operand%s", n_subscripts,
                 n_subscripts == 1 ? "" : "s", e->n, e->n == 1 ? "" : "s");
        return einsum_refuse(e, 0, end, message, NULL);
    }
    return arrow ? parse_subscript(e, end + 2, n, &e->result) : refuse_implicit(e, n_subscripts);
}

/* ---- the axes */

static bool label_term(struct einsum *e, int i) {
    const struct subscript *s = &e->subscript[i];
    struct term *t = &e->term[i];
    int rank = t->x->shape.rank, n_rest = rank - (s->n - s->rest), axis = 0;
    char message[128];
    if (n_rest < 0 || (n_rest > 0 && !s->rest)) {
        snprintf(message, sizeof message, "`%.*s` names %d ax%s, but the operand has %d", s->length,
                 e->text + s->first, s->n - s->rest, s->n - s->rest == 1 ? "is" : "es", rank);
        return refuse_operands(e, E_SHAPE, s->first, s->length, "its subscript", message, i, i);
    }
    for (int k = 0; k < s->n; k++) {
        if (s->label[k] < REST)
            t->label[axis++] = s->label[k];
        else
            for (int r = n_rest; r > 0; r--)
                t->label[axis++] = REST + r - 1;
    }
    if (n_rest > e->n_rest)
        e->n_rest = n_rest;
    if (n_rest && !e->result.rest)
        return einsum_refuse(e, e->result.first - 2, e->result.length + 2,
                             "`...` must stand in the result too", NULL);
    return true;
}

static bool check_dtype(struct einsum *e, int i) {
    const struct subscript *s = &e->subscript[i];
    char message[96];
    if (e->term[i].x->dtype == e->term[0].x->dtype)
        return true;
    snprintf(message, sizeof message, "operand 0 is %s, but operand %d is %s",
             dtype_name(e->term[0].x->dtype), i, dtype_name(e->term[i].x->dtype));
    return refuse_operands(e, E_DTYPE, s->first, s->length, "its subscript", message, 0, i);
}

/* Every letter is one size, and the axes of `...` broadcast. */
static bool check_sizes(struct einsum *e, int i) {
    const struct term *t = &e->term[i];
    char a[SHAPE_TEXT], b[SHAPE_TEXT], message[256], words[48];
    for (int axis = 0; axis < t->x->shape.rank; axis++)
        for (int j = 0; j < i; j++) {
            int other = find_label(&e->term[j], t->label[axis]);
            bool rest = t->label[axis] >= REST;
            if (other < 0)
                continue;
            struct dim have = e->term[j].x->shape.d[other], d = t->x->shape.d[axis];
            if (dim_compare(e->in->o.symbols, have, d) != DIM_DIFFER ||
                (rest && (dim_is_one(have) || dim_is_one(d))))
                continue;
            const struct subscript *s = &e->subscript[i];
            int k = 0;
            while (s->label[k] != (rest ? REST : t->label[axis]))
                k++;
            snprintf(message, sizeof message, "`%.*s` is %s in `%.*s`, but %s in `%.*s`",
                     rest ? 3 : 1, e->text + s->place[k],
                     dim_print(a, sizeof a, e->in->o.symbols, have), e->subscript[j].length,
                     e->text + e->subscript[j].first, dim_print(b, sizeof b, e->in->o.symbols, d),
                     s->length, e->text + s->first);
            snprintf(words, sizeof words, "axis %d of operand %d", axis, i);
            return refuse_operands(e, E_SHAPE, s->place[k], rest ? 3 : 1, words, message, j, i);
        }
    return true;
}

static bool label_result(struct einsum *e) {
    const struct subscript *s = &e->result;
    for (int k = 0; k < s->n; k++) {
        bool found = s->label[k] >= REST;
        for (int i = 0; i < e->n && !found; i++)
            found = find_label(&e->term[i], s->label[k]) >= 0;
        if (!found) {
            char message[64];
            snprintf(message, sizeof message, "no operand has the `%c` of the result", s->label[k]);
            return einsum_refuse(e, s->place[k], 1, message, NULL);
        }
        if (s->label[k] < REST)
            e->out[e->n_out++] = s->label[k];
        else
            for (int r = e->n_rest; r > 0 && e->n_out < MAX_LABELS; r--)
                e->out[e->n_out++] = REST + r - 1;
    }
    return e->n_out <= MAX_RANK ||
           einsum_refuse(e, s->first, s->length, "a tensor has at most 8 axes", NULL);
}

bool einsum_read(struct einsum *e) {
    if (!parse_text(e))
        return false;
    for (int i = 0; i < e->n; i++)
        if (!label_term(e, i) || !check_dtype(e, i) || !check_sizes(e, i))
            return false;
    return label_result(e);
}
