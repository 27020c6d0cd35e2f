/* Columns. What stood in one column on lines that follow each other stands in one column again, if
 * more blanks than needed say that this was meant:
 *   tokens      on neighbouring lines, comment lines between them passed over, and at the
 *               beginnings of neighbouring statements; the column is the first that all can have;
 *   comments    at the ends of lines, each with the next one before an empty line.
 * A comment that ends a line stays where it was if it can, alone or not.
 *
 * A group's column depends on what is left of it on its lines and on where these begin, which may
 * hang on a bracket of an earlier line. The columns are the least that satisfy all, found by sweeps
 * that let them grow from 0. Where groups wait for each other in a circle there is no such column:
 * these are given up. */
#include "syntax/fmt_parts.h"

enum { MAX_SWEEPS = 64 }; /* of groups that wait for each other in no circle: two or three */

static int group_of(struct fmt_layout *l, int piece) {
    struct fmt_piece *at = l->pieces.at;
    while (at[piece].group != piece) {
        at[piece].group = at[at[piece].group].group;
        piece = at[piece].group;
    }
    return piece;
}

static void link_pieces(struct fmt_layout *l, int a, int b) {
    a = group_of(l, a);
    b = group_of(l, b);
    l->pieces.at[a < b ? b : a].group = a < b ? a : b;
}

static bool is_comment_line(const struct fmt_layout *l, const struct fmt_line *line) {
    return l->pieces.at[line->first].comment;
}

/* The comment that ends the line, or -1. */
static int last_comment(const struct fmt_layout *l, const struct fmt_line *line) {
    int last = line->first + line->n - 1;
    return l->pieces.at[last].comment ? last : -1;
}

static bool can_align(const struct fmt_piece *p) {
    return !p->comment && p->gap > 0 && p->source_gap > 0;
}

/* Links the pieces of two lines that stand in one column, `above` first. */
static void link_lines(struct fmt_layout *l, const struct fmt_line *above,
                       const struct fmt_line *below) {
    const struct fmt_piece *at = l->pieces.at;
    int a = above->first, a_end = a + above->n, b = below->first, b_end = b + below->n;
    while (a < a_end && b < b_end) {
        int difference = at[a].source_column - at[b].source_column;
        if (difference == 0 && can_align(&at[a]) && can_align(&at[b]) && below->indent.anchor < a)
            link_pieces(l, a, b);
        a += difference <= 0;
        b += difference >= 0;
    }
}

static void link_tokens(struct fmt_layout *l) {
    const struct fmt_line *above = NULL, *statement = NULL;
    for (int i = 0; i < l->lines.n; i++) {
        const struct fmt_line *line = &l->lines.at[i];
        if (line->blank_before)
            above = statement = NULL;
        if (is_comment_line(l, line))
            continue;
        if (above)
            link_lines(l, above, line);
        if (statement && statement != above && line->begins_statement)
            link_lines(l, statement, line);
        above = line;
        if (line->begins_statement)
            statement = line;
    }
}

/* A comment on a line of its own, below one that ends a line and in its column, and not about the
 * code that follows. */
static bool is_attached(const struct fmt_layout *l, int i) {
    const struct fmt_line *line = &l->lines.at[i];
    if (i == 0 || line->blank_before || !is_comment_line(l, line))
        return false;
    int above = last_comment(l, line - 1), column = l->pieces.at[line->first].source_column;
    if (above < 0 || (is_comment_line(l, line - 1) && !line[-1].attached))
        return false;
    while (i < l->lines.n && is_comment_line(l, &l->lines.at[i]))
        i++;
    bool about_next = i < l->lines.n && l->pieces.at[l->lines.at[i].first].source_column == column;
    return !about_next && l->pieces.at[above].source_column == column;
}

static void link_comments(struct fmt_layout *l) {
    int before = -1;
    for (int i = 0; i < l->lines.n; i++) {
        struct fmt_line *line = &l->lines.at[i];
        line->attached = is_attached(l, i);
        if (line->blank_before)
            before = -1;
        int comment = last_comment(l, line);
        if (comment < 0 || is_comment_line(l, line))
            continue;
        const struct fmt_piece *at = l->pieces.at;
        if (before >= 0 && at[before].source_column == at[comment].source_column)
            link_pieces(l, before, comment);
        before = comment;
    }
}

/* What is known of a group, kept at its first piece. */
struct group {
    int column;
    int n;
    bool meant;
    bool grew; /* in the last sweep */
};

static int begin_of(const struct fmt_layout *l, const struct fmt_line *line) {
    if (line->attached)
        return l->pieces.at[line->first - 1].column;
    int anchor = line->indent.anchor;
    return line->indent.offset + (anchor < 0 ? 0 : l->pieces.at[anchor].column + 1);
}

/* Lays a line out; true when that made a group's column grow. */
static bool sweep_line(struct fmt_layout *l, struct group *groups, const struct fmt_line *line) {
    bool grew = false;
    int column = begin_of(l, line);
    int shift = column - l->pieces.at[line->first].source_column;
    for (int i = line->first; i < line->first + line->n; i++) {
        struct fmt_piece *p = &l->pieces.at[i];
        struct group *g = &groups[group_of(l, i)];
        column += p->gap;
        if (p->comment ? i > line->first : g->n > 1 && g->meant) {
            int stood = p->comment ? p->source_column + shift : 0;
            int wanted = stood > column ? stood : column;
            if (wanted > g->column) {
                g->column = wanted;
                g->grew = grew = true;
            }
            column = g->column;
        }
        p->column = column;
        column += p->width;
    }
    return grew;
}

static bool sweep(struct fmt_layout *l, struct group *groups) {
    bool grew = false;
    for (int i = 0; i < l->pieces.n; i++)
        groups[i].grew = false;
    for (int i = 0; i < l->lines.n; i++)
        grew = sweep_line(l, groups, &l->lines.at[i]) || grew;
    return grew;
}

/* Gives up the groups that still grow, and lets the others begin again. */
static void give_up(const struct fmt_layout *l, struct group *groups) {
    for (int i = 0; i < l->pieces.n; i++) {
        groups[i].meant = groups[i].meant && !groups[i].grew;
        groups[i].column = 0;
    }
}

void fmt_find_columns(struct fmt_layout *l) {
    link_tokens(l);
    link_comments(l);
    struct group *groups = arena_array(l->arena, struct group, l->pieces.n);
    for (int i = 0; i < l->pieces.n; i++) {
        const struct fmt_piece *p = &l->pieces.at[i];
        struct group *g = &groups[group_of(l, i)];
        g->n++;
        g->meant = g->meant || p->source_gap > p->gap;
    }
    for (int n = 1; sweep(l, groups); n++)
        if (n % MAX_SWEEPS == 0)
            give_up(l, groups);
}
