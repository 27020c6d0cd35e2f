/* load_text: characters as numbers. In: UTF-8. Out: a data set of one field, and its alphabet.
 *
 * A character is a code point; nothing is changed, left out or put together. Two walks: which
 * characters there are, then their numbers.
 *
 * Not for: words, sequences (stdlib/data.nn). */
#include "data/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "data/file.h"
#include "data/store.h"

enum { N_CODES = 0x110000, CHARACTERS_A_POLL = 1 << 20 };

struct text {
    struct load_context *c;
    const char *name; /* for messages: a path, or "the text" */
    const char *begin, *end;
    int32_t *number; /* [N_CODES] of a code point, from 1; 0: it is not in the alphabet. Only the
                      * pages of characters that occur take memory */
    int64_t n; /* characters */
    const struct categories *alphabet;
};

static bool no_memory(struct text *t) {
    diag_error(t->c->diags, E_MEMORY, t->c->at, "not enough memory for the characters of %s",
               t->name);
    return false;
}

/* Marks the characters that occur, and counts. */
static bool count(struct text *t) {
    for (const char *p = t->begin; p < t->end; t->n++) {
        int n = utf8_length(p, t->end);
        if (t->n % CHARACTERS_A_POLL == 0 && file_interrupted(t->c, t->name))
            return false;
        t->number[utf8_code(p, n)] = 1;
        p += n;
    }
    if (t->n > 0 && t->n <= INT32_MAX)
        return true;
    file_report(t->c, t->name, "%s",
                t->n ? "has more characters than a data set holds (2147483647)" : "is empty");
    return false;
}

/* Numbers the characters that occur, in the order of their code points. */
static void make_alphabet(struct text *t, struct arena *a) {
    struct categories *made = arena_new(a, struct categories);
    int n = 0;
    for (int code = 0; code < N_CODES; code++)
        n += t->number[code] != 0;
    const char **names = arena_array(a, const char *, n);
    char *texts = arena_array(a, char, 5 * n);
    *made = (struct categories){n, names};
    n = 0;
    for (int code = 0; code < N_CODES; code++) {
        if (!t->number[code])
            continue;
        names[n++] = texts;
        t->number[code] = n;
        texts += utf8_encode((uint32_t)code, texts) + 1;
    }
    t->alphabet = made;
}

static bool use_alphabet(struct text *t, struct arena *a, const struct categories *like) {
    free(t->number);
    t->number = calloc(N_CODES, sizeof *t->number);
    if (!t->number)
        return no_memory(t);
    for (int i = 0; i < like->n; i++) {
        const char *name = like->name[i], *end = name + strlen(name);
        int n = name < end ? utf8_length(name, end) : 0;
        if (n > 0)
            t->number[utf8_code(name, n)] = i + 1;
    }
    /* A set that a dry run keeps outlives `like`. */
    t->alphabet = a == t->c->arena ? like : categories_copy(a, like);
    return true;
}

static struct tensor *take_numbers(struct text *t) {
    struct tensor *numbers = tensor_new(DTYPE_I32, 1, &t->n);
    int32_t *out = numbers ? numbers->data : NULL;
    if (!numbers)
        no_memory(t);
    for (const char *p = t->begin; p < t->end && out;) {
        int n = utf8_length(p, t->end);
        int32_t number = t->number[utf8_code(p, n)];
        if (number == 0) {
            file_report(t->c, t->name,
                        ":%" PRId64 ": the character %s is none of the %d that `like` has",
                        file_line(t->begin, p), file_quote(t->c->arena, p, n), t->alphabet->n);
            tensor_unref(numbers);
            return NULL;
        }
        *out++ = number - 1;
        p += n;
    }
    return numbers;
}

/* The set, its alphabet in the arena. */
static struct dataset *make_set(struct text *t, struct arena *a, const char *name,
                                const struct categories *like) {
    struct tensor *numbers = NULL;
    t->number = calloc(N_CODES, sizeof *t->number);
    if (!t->number) {
        no_memory(t);
    } else if (count(t)) {
        bool ok = !like || use_alphabet(t, a, like);
        if (!like)
            make_alphabet(t, a);
        numbers = ok ? take_numbers(t) : NULL;
    }
    free(t->number);
    if (!numbers)
        return NULL;
    struct dataset *d = dataset_new(a, name, t->c->seed);
    dataset_add_field(d, TEXT_FIELD, numbers);
    dataset_set_categories(d, t->alphabet);
    return d;
}

bool text_make(struct load_context *c, const char *name, const char *text, int64_t n,
               const struct categories *like, struct dataset **out) {
    struct text t = {.c = c, .name = "the text", .begin = text, .end = text + n};
    *out = make_set(&t, c->arena, name, like);
    return *out != NULL;
}

static void describe_alphabet(FILE *out, const void *with) {
    const struct categories *like = with;
    fputs("text", out);
    for (int i = 0; like && i < like->n; i++)
        fprintf(out, " %s", like->name[i]);
}

static struct dataset *read_file(struct load_context *c, const char *path, struct arena *a,
                                 const void *with, const char **said) {
    struct file f;
    struct dataset *d = NULL;
    *said = NULL;
    if (!file_read(c, path, &f))
        return NULL;
    if (file_is_text(c, &f)) {
        bool mark = f.n >= 3 && memcmp(f.bytes, "\xef\xbb\xbf", 3) == 0;
        struct text t = {.c = c, .name = f.path, .begin = f.bytes + (mark ? 3 : 0)};
        t.end = f.bytes + f.n;
        d = make_set(&t, a, file_stem(a, f.path), with);
    }
    file_free(&f);
    return d;
}

bool load_text(struct load_context *c, const char *path, const struct categories *like,
               struct dataset **out) {
    static const struct store_reader reader = {describe_alphabet, read_file};
    return load_store_read(c, path, &reader, like, out);
}

int text_find(const struct categories *alphabet, const char *character, int n) {
    int low = 0, high = alphabet->n - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        const char *name = alphabet->name[middle];
        int order = strncmp(character, name, (size_t)n);
        if (order == 0 && !name[n])
            return middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}
