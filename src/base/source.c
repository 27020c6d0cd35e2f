/* Source texts and places in them. Only offsets are kept with tokens and nodes; lines and columns
 * are worked out when somebody asks: the line starts once a source (then a binary search), the
 * column by walking the line's characters. */
#include "base/source.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"

uint32_t source_add(struct sources *s, const char *path, const char *text, uint32_t n_bytes,
                    bool library) {
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 8;
        struct source *at = arena_array(s->arena, struct source, cap);
        if (s->n)
            memcpy(at, s->at, s->n * sizeof *at);
        s->at = at;
        s->cap = cap;
    }
    if (s->n == 0)
        s->at[s->n++] = (struct source){.path = "", .text = ""};
    if (s->n == s->cap)
        return source_add(s, path, text, n_bytes, library);
    s->at[s->n] = (struct source){
        .path = arena_strndup(s->arena, path, strlen(path)),
        .text = arena_strndup(s->arena, text, n_bytes),
        .n_bytes = n_bytes,
        .library = library,
    };
    return s->n++;
}

static void find_lines(const struct sources *s, struct source *src) {
    if (src->line_starts)
        return;
    const char *end = src->text + src->n_bytes;
    uint32_t n = 1;
    for (const char *p = src->text; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    uint32_t *starts = arena_array(s->arena, uint32_t, n);
    uint32_t line = 1;
    for (const char *p = src->text; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        starts[line++] = (uint32_t)(p + 1 - src->text);
    src->line_starts = starts;
    src->n_lines = n;
}

static bool is_somewhere(const struct sources *s, uint32_t source) {
    return source > 0 && source < s->n;
}

int source_char_bytes(const char *at, const char *end) {
    int n = utf8_length(at, end);
    return n ? n : 1;
}

static uint32_t clamp_offset(const struct source *src, uint32_t offset) {
    return offset < src->n_bytes ? offset : src->n_bytes;
}

uint32_t source_line_number(const struct sources *s, struct span at) {
    if (!is_somewhere(s, at.source))
        return 0;
    struct source *src = &s->at[at.source];
    find_lines(s, src);
    uint32_t offset = clamp_offset(src, at.offset);
    uint32_t low = 0, high = src->n_lines; /* line_starts[low] <= offset < line_starts[high] */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (src->line_starts[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low + 1;
}

struct place source_place(const struct sources *s, struct span at) {
    if (!is_somewhere(s, at.source))
        return (struct place){.path = ""};
    uint32_t line = source_line_number(s, at);
    const struct source *src = &s->at[at.source];
    const char *end = src->text + src->n_bytes;
    const char *there = src->text + clamp_offset(src, at.offset);
    uint32_t column = 1;
    for (const char *p = src->text + src->line_starts[line - 1]; p < there; column++)
        p += source_char_bytes(p, end);
    return (struct place){.path = src->path, .line = line, .column = column};
}

const char *source_line(const struct sources *s, uint32_t source, uint32_t line,
                        uint32_t *n_bytes) {
    *n_bytes = 0;
    if (!is_somewhere(s, source))
        return "";
    struct source *src = &s->at[source];
    find_lines(s, src);
    if (line < 1 || line > src->n_lines)
        return "";
    uint32_t start = src->line_starts[line - 1];
    uint32_t end = line < src->n_lines ? src->line_starts[line] - 1 : src->n_bytes;
    if (end > start && src->text[end - 1] == '\r')
        end--;
    *n_bytes = end - start;
    return src->text + start;
}

const char *source_text(const struct sources *s, struct span at) {
    if (!is_somewhere(s, at.source) || at.offset > s->at[at.source].n_bytes)
        return "";
    return s->at[at.source].text + at.offset;
}

bool source_find_argument(const struct sources *s, const struct origin *call, struct span *at) {
    const char *text = source_text(s, *at);
    for (int i = 0; at->source && call && i < call->n_given; i++)
        if (!strncmp(call->given[i].name, text, at->length) &&
            !call->given[i].name[at->length]) {
            *at = call->given[i].at;
            return true;
        }
    return false;
}

bool source_find_users(const struct sources *s, const struct origin *call, struct span *at) {
    for (; at->source && s->at[at->source].library; call = call ? call->caller : NULL)
        if (!source_find_argument(s, call, at))
            return false;
    return at->source > 0;
}

struct span source_word(const struct sources *s, struct span at) {
    const char *text = source_text(s, at);
    uint32_t n = 0;
    while (n < at.length && (isalnum((unsigned char)text[n]) || text[n] == '_'))
        n++;
    at.length = n;
    return at;
}

const struct origin *source_users_frame(const struct sources *s, const struct origin *o) {
    while (o && o->caller && (!o->span.source || s->at[o->span.source].library))
        o = o->caller;
    return o;
}

struct span span_cover(struct span a, struct span b) {
    if (a.source != b.source)
        return a;
    uint32_t start = a.offset < b.offset ? a.offset : b.offset;
    uint32_t a_end = a.offset + a.length, b_end = b.offset + b.length;
    return (struct span){a.source, start, (a_end > b_end ? a_end : b_end) - start};
}
