/* Doc comments. A comment block directly above a definition, or the comment that ends its first
 * line, says what it is for; `nnrun help`, `:doc` and the reference show it. Found in the token
 * list, which keeps the comments between the tokens.
 *
 * A comment block at the very top of a file speaks of the file: it is not the doc of a `param` or
 * another one-line declaration that happens to stand below it. */
#include <string.h>

#include "nn.h"
#include "syntax/build.h"

static bool ends_line(int kind) {
    return kind == TK_NEWLINE || kind == TK_JOIN || kind == TK_BLANK;
}

/* The index of the token that begins at `offset`. */
static int find_token(const struct token_list *list, uint32_t offset) {
    int low = 0, high = list->tokens.n - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (list->tokens.at[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first of the comment lines directly above token `k`, or `k` when there is none. */
static int block_above(const struct token_list *list, int k) {
    const struct token *at = list->tokens.at;
    while (k >= 2 && ends_line(at[k - 1].kind) && at[k - 2].kind == TK_COMMENT &&
           (k == 2 || ends_line(at[k - 3].kind)))
        k -= 2;
    return k;
}

/* The comment that ends the line of token `k`; nothing but the definition, which ends at `end`, may
 * stand between. -1: none. */
static int comment_beside(const struct token_list *list, int k, uint32_t end) {
    const struct token *at = list->tokens.at;
    while (at[k].kind != 0 && at[k].offset < end && !ends_line(at[k].kind) &&
           at[k].kind != TK_COMMENT)
        k++;
    return at[k].kind == TK_COMMENT ? k : -1;
}

/* The text of the comments among tokens [first, last], a line each, without `#` and blanks. */
static const char *comment_text(struct builder *b, int first, int last) {
    const struct token *at = b->list->tokens.at;
    size_t n_bytes = 1;
    for (int i = first; i <= last; i++)
        n_bytes += at[i].length + 1u;
    char *doc = arena_alloc(b->c->arena, n_bytes), *out = doc;
    for (int i = first; i <= last; i++) {
        if (at[i].kind != TK_COMMENT)
            continue;
        const char *text = b->text + at[i].offset, *end = text + at[i].length;
        while (text < end && *text == '#')
            text++;
        if (text < end && *text == ' ')
            text++;
        while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if (out > doc)
            *out++ = '\n';
        memcpy(out, text, (size_t)(end - text));
        out += end - text;
    }
    *out = 0;
    return doc;
}

const char *doc_comment(struct builder *b, struct span at, bool trailing_first) {
    int k = find_token(b->list, at.offset);
    int above = block_above(b->list, k);
    int beside = comment_beside(b->list, k, at.offset + at.length);
    bool has_above = above < k && !(trailing_first && above == 0);
    if (beside >= 0 && (trailing_first || !has_above))
        return comment_text(b, beside, beside);
    return has_above ? comment_text(b, above, k - 1) : NULL;
}
