/* Algebra on graphs: tables of rules, tried at every node from the inputs up until none applies.
 * What a rule builds below its result is looked at in the next round; rounds end when nothing
 * changes.
 *
 * A rule keeps the value to the bit, but for the sign of a zero (x + 0), where the value gets
 * better (log(softmax(z)) is computed without the underflow), and in simplify_reductions.
 * x * 0 stays: x may be NaN. */
#include "opt/simplify.h"

void opt_simplify(struct program *p);

enum { MAX_ROUNDS = 16 };

static struct node *try_table(struct program *p, struct node *n, const struct rule_table *table) {
    for (int i = 0; i < table->n; i++) {
        const struct rule *rule = &table->rule[i];
        if (rule->at != n->op->id && !(rule->at == N_OPS && n->op->trait == OP_ELEMENTWISE))
            continue;
        struct node *better = rule->apply(p, n);
        if (!better || better == n) continue;
        if (p->lists_rewrites) {
            struct rewrite done = {rule->name, n->origin};
            array_push(p->arena, &p->rewrites, done);
        }
        return better;
    }
    return NULL;
}

static struct node *simplify_step(struct program *p, struct node *n) {
    struct node *better = fold_step(p, n);
    if (!better) better = try_table(p, n, &simplify_safety);
    if (!better) better = try_table(p, n, &simplify_algebra);
    if (!better) better = try_table(p, n, &simplify_movement);
    if (!better) better = try_table(p, n, &simplify_reductions);
    if (!better) better = try_table(p, n, &simplify_slices);
    return better;
}

void opt_simplify(struct program *p) {
    for (int round = 0; round < MAX_ROUNDS && rewrite_walk(p, simplify_step); round++) continue;
}
