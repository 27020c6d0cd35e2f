/* See figures.h. */
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { MAX_FIGURES = 256 };

struct figures {
    char *text;
    struct {
        char name[48];
        int64_t n;
        double *value;
    } at[MAX_FIGURES];
    int n;
};

static char *read_text(const char *file) {
    char path[256];
    snprintf(path, sizeof path, "tests/data/reference/%s", file);
    FILE *in = fopen(path, "r");
    if (!in)
        return NULL;
    enum { MOST = 1 << 20 };
    char *text = calloc(1, MOST + 1);
    if (text && fread(text, 1, MOST, in) == 0) {
        free(text);
        text = NULL;
    }
    fclose(in);
    return text;
}

/* One line `name = [1, 2.5]` into the list; others are passed over. */
static void add_line(struct figures *f, char *line) {
    char *equals = strstr(line, " = [");
    if (*line == '#' || !equals || f->n == MAX_FIGURES)
        return;
    int64_t most = 1;
    for (const char *c = equals; *c; c++)
        most += *c == ',';
    double *value = calloc((size_t)most, sizeof *value);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    snprintf(f->at[f->n].name, sizeof f->at[f->n].name, "%.*s", (int)(equals - line), line);
    int64_t n = 0;
    char *at = equals + 4, *end;
    for (;; at = end + 1) {
        value[n] = strtod(at, &end);
        if (end == at)
            break;
        n++;
        if (*end != ',')
            break;
    }
    f->at[f->n].n = n;
    f->at[f->n++].value = value;
}

struct figures *figures_open(const char *file) {
    struct figures *f = calloc(1, sizeof *f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    f->text = read_text(file);
    if (!f->text)
        printf("tests/data/reference/%s cannot be read\n", file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->text);
    for (char *line = strtok(f->text, "\n"); line; line = strtok(NULL, "\n"))
        add_line(f, line);
    return f;
}

void figures_close(struct figures *f) {
    for (int i = 0; i < f->n; i++)
        free(f->at[i].value);
    free(f->text);
    free(f);
}

const double *figures_find(struct figures *f, const char *name, int number, int64_t *n) {
    char wanted[48];
    if (number > 0)
        snprintf(wanted, sizeof wanted, "%s_%d", name, number);
    else
        snprintf(wanted, sizeof wanted, "%s", name);
    for (int i = 0; i < f->n; i++) {
        if (strcmp(f->at[i].name, wanted))
            continue;
        *n = f->at[i].n;
        return f->at[i].value;
    }
    return NULL;
}

struct kernel_arg figures_arg(struct figures *f, const char *name, int number, enum dtype t,
                              int rank, const int64_t *dim) {
    struct kernel_arg a = kernelrun_empty(t, rank, dim);
    int64_t n = 0;
    const double *value = figures_find(f, name, number, &n);
    if (!value || n != kernelrun_count(&a))
        printf("%s %d: missing, or of another size\n", name, number);
    CU_ASSERT_FATAL(value && n == kernelrun_count(&a));
    for (int64_t i = 0; i < n; i++)
        kernelrun_set(&a, i, value[i]);
    return a;
}
