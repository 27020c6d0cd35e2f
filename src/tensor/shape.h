/* Shapes with named dimensions. A dimension is a product k * s1 * s2 * ..: a whole number and up to
 * four symbols. A symbol is a name of the script (`batch`), anonymous (`?`, each one distinct), or
 * derived: a sum of products (`time - 1`) or a quotient rounded down (`height//2`). Derived symbols
 * are made in one canonical form each, so equal sizes have equal dims. Concrete shapes have no
 * symbols. Everything here is by value; a struct symbols holds the names.
 *
 * Kernels never see this: they get concrete sizes (ir/kernel.h). */
#ifndef NN_TENSOR_SHAPE_H
#define NN_TENSOR_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/source.h"

enum { MAX_RANK = 8, MAX_DIM_SYMBOLS = 4 };

struct dim {
    /* the constant factor; the size itself when there is no symbol */
    int64_t k;
    uint32_t sym[MAX_DIM_SYMBOLS]; /* symbol numbers, ascending, 0 = none (zeros last) */
};

struct shape {
    int rank;
    /* bit i: axis i is a 1 that was written to be stretched (`x[:, new]`); no part of equality */
    uint32_t on_purpose;
    struct dim d[MAX_RANK];
};

enum symbol_kind { SYMBOL_PLAIN, SYMBOL_SUM, SYMBOL_QUOTIENT };

struct symbol {
    const char *name;     /* interned; NULL for an anonymous or a derived one */
    struct span declared; /* where the name was first written */
    enum symbol_kind kind;
    /* derived: the terms of the sum, or of the dividend */
    int n_terms;
    const struct dim *term;
    struct dim divisor; /* of a quotient */
    int depth;          /* quotients within quotients */
    uint32_t before;    /* the derived symbol made before it */
};

struct symbols {
    struct arena *arena;
    ARRAY(struct symbol) list; /* list.at[0] is unused */
    uint32_t derived;          /* the last derived one */
};

struct dim dim_const(int64_t size);
/* The symbol of that (interned) name, made at its first use. */
struct dim dim_named(struct symbols *s, const char *name, struct span at);
/* A new anonymous symbol: prints as `?`. */
struct dim dim_fresh(struct symbols *s);

static inline bool dim_is_const(struct dim d) { return d.sym[0] == 0; }
static inline bool dim_is_one(struct dim d) { return d.sym[0] == 0 && d.k == 1; }
bool dim_same(struct dim a, struct dim b);

/* NULL when s is NULL or has no such symbol. */
static inline const struct symbol *symbols_at(const struct symbols *s, uint32_t symbol) {
    return s && (int64_t)symbol < s->list.n ? &s->list.at[symbol] : NULL;
}
/* Whether names alone say the size: no `?` in it. */
bool dim_is_named(const struct symbols *s, struct dim d);
/* Whether d depends on the symbol. */
bool dim_mentions(const struct symbols *s, struct dim d, uint32_t symbol);
/* The first symbol of d that is not derived; 0: it has none. */
uint32_t dim_first_symbol(const struct symbols *s, struct dim d);

/* SAME: equal whatever the symbols are. DIFFER: an error now (they differ by a number, are two
 * different names, or a multiple of the same thing). MAYBE: only a run can tell (an anonymous
 * symbol, or a name against a constant). */
enum dim_match { DIM_SAME, DIM_MAYBE, DIM_DIFFER };
enum dim_match dim_compare(const struct symbols *s, struct dim a, struct dim b);

/* Arithmetic. false when the result is too complex to say (more than four symbols in a product, a
 * dozen terms in a sum, quotients nested too deeply) or does not fit 64 bits. Differences may be
 * negative; that a size is not is for those who use them as sizes. */
bool dim_multiply(struct symbols *s, struct dim a, struct dim b, struct dim *out);
bool dim_add(struct symbols *s, struct dim a, struct dim b, struct dim *out);
bool dim_subtract(struct symbols *s, struct dim a, struct dim b, struct dim *out);
/* a / b when b divides a exactly, whatever the symbols are; else false. */
bool dim_divide(struct symbols *s, struct dim a, struct dim b, struct dim *out);
/* a / b rounded down, or up. A symbolic b counts as 1 or more. */
bool dim_floor_divide(struct symbols *s, struct dim a, struct dim b, struct dim *out);
bool dim_ceil_divide(struct symbols *s, struct dim a, struct dim b, struct dim *out);

/* The sizes of symbols, when known: size[sym], -1 = not bound. */
struct bindings {
    int64_t *size;
    uint32_t n;                    /* symbols beyond n are not bound */
    const struct symbols *symbols; /* what derived ones are made of; NULL: there are none */
};
/* Substitutes; false when a symbol is not bound (*unbound names it). A difference may come out
 * negative, and so does a quotient by 0: neither is a size. */
bool dim_evaluate(struct dim d, const struct bindings *b, int64_t *size, uint32_t *unbound);

/* The size that one symbol of d must have for d to be `size`. KNOWN: all symbols are bound and d is
 * that. SOLVED: *symbol must be *value. OPEN: two are not bound, or one in a way that cannot be
 * solved. CONFLICT: all are bound, and d is another size. IMPOSSIBLE: no size of the symbol does. */
enum dim_solution { DIM_KNOWN, DIM_SOLVED, DIM_OPEN, DIM_CONFLICT, DIM_IMPOSSIBLE };
enum dim_solution dim_solve(struct dim d, const struct bindings *b, int64_t size, uint32_t *symbol,
                            int64_t *value);

bool shape_is_const(const struct shape *s);
bool shape_same(const struct shape *a, const struct shape *b);
struct shape shape_scalar(void);
struct shape shape_const(int rank, const int64_t *sizes);
/* The number of elements; false when symbols make it too complex to say as one dim. */
bool shape_count(struct symbols *symbols, const struct shape *s, struct dim *count);
/* The number of elements of a concrete shape. */
int64_t shape_n_elements(const struct shape *s);

/* "batch", "?", "7*time", "time - 1", "784"; "[batch, 784]", and "" for a scalar, so that behind a dtype's name
 * they read "float[batch, 784]" and "float". Gives buf. */
enum { SHAPE_TEXT = 256 };
char *dim_print(char *buf, int n_buf, const struct symbols *s, struct dim d);
char *shape_print(char *buf, int n_buf, const struct symbols *s, const struct shape *sh);

#endif
