/* A diagnostic as data: one JSON object a line (RFC 8259), for editors and other programs.
 *
 *     {"severity": "error", "code": "E019", "message": "..", "file": "a.nn", "line": 4, "column": 5,
 *      "end_line": 4, "end_column": 10,
 *      "labels": [{"text": "..", "file": .., "line": ..}], "notes": [..], "help": null,
 *      "trail": [{"library": true, "file": ..}]}
 *
 * Lines and columns count from 1, columns in characters; the end is behind the last one. What has
 * no place in a source has null in these fields. A trail is the frames that led there, the
 * innermost first. Bytes of a script that are not UTF-8 become U+FFFD, so the line is always valid.
 *
 * Not for: how a message looks to a person (diag_print.c). */
#include "base/diag.h"

#include <string.h>

static void put_text(const char *text, FILE *out) {
    if (!text) {
        fputs("null", out);
        return;
    }
    const char *end = text + strlen(text);
    fputc('"', out);
    while (text < end) {
        unsigned char c = (unsigned char)*text;
        int n = source_char_bytes(text, end);
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\u%04x", c);
        else if (n == 1 && c >= 0x80)
            fputs("\\ufffd", out);
        else
            fwrite(text, 1, (size_t)n, out);
        text += n;
    }
    fputc('"', out);
}

/* The fields of a place, without braces. */
static void put_place(const struct sources *s, struct span at, FILE *out) {
    if (at.source == 0 || at.source >= s->n) {
        fputs("\"file\": null, \"line\": null, \"column\": null, \"end_line\": null, "
              "\"end_column\": null",
              out);
        return;
    }
    struct place from = source_place(s, at);
    struct place to = source_place(s, (struct span){at.source, at.offset + at.length, 0});
    fputs("\"file\": ", out);
    put_text(from.path, out);
    fprintf(out, ", \"line\": %u, \"column\": %u, \"end_line\": %u, \"end_column\": %u", from.line,
            from.column, to.line, to.column);
}

static void put_labels(const struct sources *s, const struct label *at, int n, FILE *out) {
    fputc('[', out);
    for (int i = 0; i < n; i++) {
        fputs(i ? ", {\"text\": " : "{\"text\": ", out);
        put_text(at[i].text, out);
        fputs(", ", out);
        put_place(s, at[i].at, out);
        fputc('}', out);
    }
    fputc(']', out);
}

static void put_trail(const struct sources *s, const struct origin *o, FILE *out) {
    fputc('[', out);
    for (const char *comma = ""; o; o = o->caller, comma = ", ") {
        bool library = o->span.source < s->n && s->at[o->span.source].library;
        fprintf(out, "%s{\"library\": %s, ", comma, library ? "true" : "false");
        put_place(s, o->span, out);
        fputc('}', out);
    }
    fputc(']', out);
}

static void put_head(const char *severity, const char *code, const char *message, FILE *out) {
    fprintf(out, "{\"severity\": \"%s\", \"code\": ", severity);
    put_text(code, out);
    fputs(", \"message\": ", out);
    put_text(message, out);
    fputs(", ", out);
}

void diag_print_json(const struct diags *ds, const struct diag *d, FILE *out) {
    static const char *const severities[] = {"error", "warning", "note"};
    const char *code = d->code == E_NONE ? NULL : diag_code_name(d->code);
    put_head(severities[d->severity], code, d->message, out);
    put_place(ds->sources, d->at, out);
    fputs(", \"labels\": ", out);
    put_labels(ds->sources, d->labels.at, d->labels.n, out);
    fputs(", \"notes\": ", out);
    put_labels(ds->sources, d->notes.at, d->notes.n, out);
    fputs(", \"help\": ", out);
    put_text(d->help, out);
    fputs(", \"trail\": ", out);
    put_trail(ds->sources, d->trail, out);
    fputs("}\n", out);
}

void diag_print_dropped_json(const struct diags *ds, int n, FILE *out) {
    char words[64];
    snprintf(words, sizeof words, "%d more error%s", n, n == 1 ? "" : "s");
    put_head("note", NULL, words, out);
    put_place(ds->sources, (struct span){0}, out);
    fputs(", \"labels\": [], \"notes\": [], \"help\": null, \"trail\": []}\n", out);
}
