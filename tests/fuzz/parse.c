/* Feeds arbitrary bytes to the lexer, the parser and both dumps, as a script and as a line of the
 * REPL. Nothing may crash, leak or read outside the text; a text that gives a tree without errors
 * is dumped. */
#include <stdio.h>

#include "syntax/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 20)
        return 0;
    struct arena a = {0};
    struct sources sources = {.arena = &a};
    struct intern_table names = {.arena = &a};
    struct diags diags = {.arena = &a, .sources = &sources};
    struct parse_context c = {&a, &names, &sources, &diags};
    uint32_t source = source_add(&sources, "fuzz.nn", (const char *)data, (uint32_t)size, false);
    FILE *out = fopen("/dev/null", "w");
    if (!out)
        return 0;
    struct ast *tree;
    enum parse_end end = parse_source(&c, source, false, &tree);
    if ((end == PARSE_DONE) != (diags.n_errors == 0))
        __builtin_trap();
    ast_dump(tree, &sources, out);
    diag_flush(&diags, out);
    int n_errors = diags.n_errors;
    if (parse_source(&c, source, true, &tree) == PARSE_INCOMPLETE && diags.n_errors != n_errors)
        __builtin_trap();
    parse_dump_tokens(&c, source, out);
    fclose(out);
    arena_free(&a);
    return 0;
}
