/* What a code means (pages.h): the pages of base/errors.md. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "session/embedded.h"
#include "session/pages.h"

static const char *file_text(const char *file) {
    for (int i = 0; i < n_embedded_pages; i++)
        if (!strcmp(embedded_pages[i].name, file))
            return embedded_pages[i].text;
    return "";
}

/* The next line that begins with "## ", at or after `at`; NULL: none. */
static const char *next_head(const char *at) {
    while (at && strncmp(at, "## ", 3) != 0) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return at;
}

/* The page below a head, and its bytes. */
static const char *page_below(const char *head, size_t *n) {
    const char *page = head + strcspn(head, "\n"), *end = next_head(page);
    page += strspn(page, "\n");
    *n = end ? (size_t)(end - page) : strlen(page);
    while (*n && page[*n - 1] == '\n')
        --*n;
    return page;
}

const char *page_find(const char *file, const char *name, size_t *n) {
    size_t n_name = strlen(name);
    for (const char *head = next_head(file_text(file)); head; head = next_head(head + 1))
        if (!strncmp(head + 3, name, n_name) && head[3 + n_name] == '\n')
            return page_below(head, n);
    return NULL;
}

const char *page_next(const char *file, const char *page, struct arena *a, const char **name,
                      size_t *n) {
    const char *head = next_head(page ? page : file_text(file));
    if (!head)
        return NULL;
    *name = arena_strndup(a, head + 3, strcspn(head + 3, "\n"));
    return page_below(head, n);
}

void explain_list(FILE *out) {
    for (int i = E_NONE + 1; i < N_DIAG_CODES; i++)
        fprintf(out, "%s  %s\n", diag_code_name((enum diag_code)i),
                diag_code_summary((enum diag_code)i));
}

/* "e19", "19" and "E019" are the same: the letter may be left out, and zeros. */
static bool is_code(const char *text, const char *code) {
    char letter = isalpha((unsigned char)*text) ? (char)toupper((unsigned char)*text++) : 'E';
    size_t n = strspn(text, "0123456789");
    return n > 0 && n < 10 && !text[n] && letter == *code && atoi(text) == atoi(code + 1);
}

bool explain_print(const char *code, FILE *out, const char **nearest) {
    const char *names[N_DIAG_CODES];
    for (int i = E_NONE + 1; i < N_DIAG_CODES; i++) {
        const char *name = diag_code_name((enum diag_code)i);
        size_t n = 0;
        names[i] = name;
        if (!is_code(code, name))
            continue;
        const char *page = page_find("src/base/errors.md", name, &n);
        fprintf(out, "%s: %s\n\n%.*s\n", name, diag_code_summary((enum diag_code)i), (int)n,
                page ? page : "");
        return true;
    }
    *nearest = nearest_name(code, names + 1, N_DIAG_CODES - 1);
    return false;
}
