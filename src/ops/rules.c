/* The shape rule and the gradient of every op, as op_table_new wants them: rows of ops.def made
 * into one array. A row whose functions are missing does not link. */
#include "ops/ops.h"

#ifdef OPS_RULES

/* An elementwise row has no gradient when its expression is NONE: PROBE_NONE brings a second
 * argument in front. */
#define PROBE_NONE ~, NULL
#define SECOND_(a, b, ...) b
#define SECOND(...) SECOND_(__VA_ARGS__, ~)

#define RULE_SIG_ALIAS(id) shape_signature
#define RULE_SIG_PLAIN(id) shape_signature
#define RULE_RULE_LEAF(id) NULL
#define RULE_RULE_LOOP(id) NULL
#define RULE_RULE_RESULT(id) NULL
#define RULE_RULE_ALIAS(id) id##_shape
#define RULE_RULE_PLAIN(id) id##_shape
#define RULE_RULE_RANDOM(id) id##_shape
#define RULE_RULE_EFFECT(id) id##_shape
#define RULE_RULE_ELEMENTWISE(id) id##_shape
#define GRADIENT_GRAD(id) id##_gradient
#define GRADIENT_NOGRAD(id) NULL
#define GRADIENT_INNER(id) NULL

static bool comparison_shape(struct shape_call *c) {
    c->out_dtype = DTYPE_BOOL;
    return shape_elementwise(c);
}

const struct op_rule op_rules[N_OPS] = {
#define EW1(id, domain, kernel, gradient, summary)                                                 \
    [OP_##id] = {shape_elementwise, SECOND(PROBE_##gradient, id##_gradient)},
#define EW2(id, domain, kernel, gx, gy, summary)                                                   \
    [OP_##id] = {shape_elementwise, SECOND(PROBE_##gx, id##_gradient)},
#define CMP2(id, kernel, summary) [OP_##id] = {comparison_shape, NULL},
#define OP(id, shape, gradient, trait, signature, summary)                                         \
    [OP_##id] = {RULE_##shape##_##trait(id), GRADIENT_##gradient(id)},
#include "ir/ops.def"
#undef EW1
#undef EW2
#undef CMP2
#undef OP
};

#endif
