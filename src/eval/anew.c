/* A loop that makes its variables anew at each round trains nothing: y = x |> dense(10) inside of
 * the loop that runs the steps. The criterion: the same line, reached by the same calls, makes a
 * variable in a third round of one loop; something was run since the one of two rounds before was
 * made; and that one can no longer be reached and was assigned by fewer than two training steps.
 * So loops that build a graph are fine (what they made is in use), loops that keep what they made
 * in a list, and loops that make and train a network at each round.
 *
 * Whether a variable can be reached costs a collection: it is asked at rounds 3, 6, 12.. of a line. */
#include "eval/interp.h"

enum { FIRST_ASKED = 3 };

void anew_enter(struct interp *in, struct loop *l, const struct ast *stmt) {
    const struct span last = stmt->kids[stmt->n_kids - 2]->span; /* what it goes through */
    *l = (struct loop){.outer = in->loop, .at = stmt->span, .round = -1};
    l->at.length = last.offset + last.length - stmt->span.offset;
    in->loop = l;
}

bool anew_leave(struct interp *in, bool ok) {
    free(in->loop->sites.at);
    in->loop = in->loop->outer;
    return ok;
}

static struct loop_site *find_site(struct loop *l, const struct origin *at) {
    for (int i = 0; i < l->sites.n; i++)
        if (l->sites.at[i].at == at)
            return &l->sites.at[i];
    struct loop_site fresh = {.at = at, .asked_at = FIRST_ASKED, .round = -1};
    array_push(NULL, &l->sites, fresh);
    return &l->sites.at[l->sites.n - 1];
}

static bool is_alive(struct interp *in, const struct variable *v) {
    for (int i = 0; i < in->variables.n; i++)
        if (in->variables.at[i] == v)
            return true;
    return false;
}

static bool report(struct interp *in, const struct loop *l, const struct variable *v,
                   struct span at) {
    struct diag *d =
        v->state ? diag_error(in->o.diags, E_MADE_ANEW, at,
                              "each round of the loop makes this optimizer anew, so that its state "
                              "`%s` begins again",
                              v->path)
                 : diag_error(in->o.diags, E_MADE_ANEW, at,
                              "each round of the loop makes the variable `%s` anew, and drops it "
                              "untrained",
                              v->path);
    diag_note(d, l->at, "this loop, round %lld", (long long)l->round + 1);
    if (v->state)
        diag_help(d, "make the optimizer before the loop, and run it inside");
    else
        diag_help(d, "make the layer or variable before the loop, and use it inside; "
                     "initialize_all_variables() draws first values again");
    return interp_fail(in, d);
}

bool anew_check(struct interp *in, struct span at) {
    const struct origin *origin = in->loop && !in->o.dry ? interp_origin(in, at) : NULL;
    for (struct loop *l = origin ? in->loop : NULL; l; l = l->outer) {
        struct loop_site *s = find_site(l, origin);
        if (s->round == l->round)
            continue;
        s->n_rounds++;
        if (s->n_rounds < s->asked_at || !s->before || in->n_demands == s->n_demands_before ||
            s->before->n_steps > 1)
            continue;
        s->asked_at *= 2;
        interp_collect(in);
        if (!is_alive(in, s->before))
            return report(in, l, s->before, at);
    }
    return true;
}

void anew_note(struct interp *in, struct span at, struct variable *v) {
    const struct origin *origin = in->loop && !in->o.dry ? interp_origin(in, at) : NULL;
    for (struct loop *l = origin ? in->loop : NULL; l; l = l->outer) {
        struct loop_site *s = find_site(l, origin);
        if (s->round != l->round) {
            s->before = s->made, s->n_demands_before = s->n_demands;
            s->round = l->round;
        }
        s->made = v, s->n_demands = in->n_demands;
    }
}
