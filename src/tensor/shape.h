/* Shapes with named dimensions. A dimension is a product k * s1 * s2 * ..: a whole number and up to
 * four symbols. A symbol is a name of the script (`batch`) or anonymous (`?`, each one distinct).
 * Concrete shapes have no symbols. Everything here is by value; a struct symbols holds the names.
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

struct symbol {
    const char *name;     /* interned; NULL for an anonymous one */
    struct span declared; /* where the name was first written */
};

struct symbols {
    struct arena *arena;
    ARRAY(struct symbol) list; /* list.at[0] is unused */
};

struct dim dim_const(int64_t size);
/* The symbol of that (interned) name, made at its first use. */
struct dim dim_named(struct symbols *s, const char *name, struct span at);
/* A new anonymous symbol: prints as `?`. */
struct dim dim_fresh(struct symbols *s);

static inline bool dim_is_const(struct dim d) { return d.sym[0] == 0; }
static inline bool dim_is_one(struct dim d) { return d.sym[0] == 0 && d.k == 1; }
bool dim_same(struct dim a, struct dim b);

/* SAME: equal whatever the symbols are. DIFFER: an error now (two constants, or two different
 * names, or a multiple of the same thing). MAYBE: only a run can tell (an anonymous symbol, or a
 * name against a constant). */
enum dim_match { DIM_SAME, DIM_MAYBE, DIM_DIFFER };
enum dim_match dim_compare(const struct symbols *s, struct dim a, struct dim b);

/* a * b; false when it has too many symbols. a / b when b divides a exactly as a product; else
 * false. */
bool dim_multiply(struct dim a, struct dim b, struct dim *out);
bool dim_divide(struct dim a, struct dim b, struct dim *out);

/* The sizes of symbols, when known: size[sym], -1 = not bound. Substitutes; false when a symbol is
 * not bound (*unbound names it). */
struct bindings {
    int64_t *size;
    uint32_t n; /* symbols beyond n are not bound */
};
bool dim_evaluate(struct dim d, const struct bindings *b, int64_t *size, uint32_t *unbound);

bool shape_is_const(const struct shape *s);
bool shape_same(const struct shape *a, const struct shape *b);
struct shape shape_scalar(void);
struct shape shape_const(int rank, const int64_t *sizes);
/* The number of elements; false when symbols make it too complex to say as one dim. */
bool shape_count(const struct shape *s, struct dim *count);
/* The number of elements of a concrete shape. */
int64_t shape_n_elements(const struct shape *s);

/* "batch", "?", "7*time", "784"; "[batch, 784]", and "" for a scalar, so that behind a dtype's name
 * they read "float[batch, 784]" and "float". Gives buf. */
enum { SHAPE_TEXT = 256 };
char *dim_print(char *buf, int n_buf, const struct symbols *s, struct dim d);
char *shape_print(char *buf, int n_buf, const struct symbols *s, const struct shape *sh);

#endif
