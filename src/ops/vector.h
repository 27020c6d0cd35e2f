/* Vectors as wide as the instruction set of this build has them, by the compiler's vector
 * extensions, so that one source serves SSE, AVX2 and AVX-512. vector_f32 and vector_f64 live in
 * registers; *_loose are the same at any address.
 *
 * Register tiles are N_TILE_ROWS rows of two vectors: as many accumulators as leave room for two
 * loaded vectors and one broadcast element. */
#ifndef NN_OPS_VECTOR_H
#define NN_OPS_VECTOR_H

#include <stdint.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define N_TILE_ROWS  14
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define N_TILE_ROWS  6
#else
#define VECTOR_BYTES 16
#define N_TILE_ROWS  5
#endif

/* X(1) .. X(N_TILE_ROWS) */
#if N_TILE_ROWS >= 14
#define FOR_EACH_TILE_HEIGHT(X)                                                                    \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif N_TILE_ROWS >= 6
#define FOR_EACH_TILE_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define FOR_EACH_TILE_HEIGHT(X) X(1) X(2) X(3) X(4) X(5)
#endif

typedef float vector_f32 __attribute__((vector_size(VECTOR_BYTES)));
typedef double vector_f64 __attribute__((vector_size(VECTOR_BYTES)));
typedef float loose_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef double loose_f64 __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));

enum { N_LANES_f32 = VECTOR_BYTES / 4, N_LANES_f64 = VECTOR_BYTES / 8 };

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define PRAGMA_(text) _Pragma(#text)
/* The loop that follows is unrolled n times. */
#if defined(__clang__)
#define UNROLL(n) PRAGMA_(clang loop unroll(full))
#else
#define UNROLL(n) PRAGMA_(GCC unroll n)
#endif

#endif
