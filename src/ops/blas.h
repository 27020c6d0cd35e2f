/* Matrix products by OpenBLAS, on the calling thread. OpenBLAS is loaded at first use: opening it
 * takes milliseconds, and many scripts never multiply a matrix.
 *
 * Not for: choosing when BLAS is worth it (matmul.c, conv_im2col.c). */
#ifndef NN_OPS_BLAS_H
#define NN_OPS_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* What was found; strings live as long as the process. */
struct blas_info {
    bool loaded;
    const char *why;    /* not loaded: the reason, one line */
    const char *config; /* "OpenBLAS 0.3.21 NO_AFFINITY .." */
    const char *core;   /* the kernels it chose: "Haswell" */
    const char
        *threading; /* "serial", "pthread" or "OpenMP": how it was built; held to one thread here */
};

/* Loads OpenBLAS, once a process, held to one thread whatever build it is. Any thread may call it,
 * but the first call should come from prepare, before workers run, since it sets environment
 * variables for a moment. */
const struct blas_info *blas_start(void);

/* c[m,n] = op(a)[m,k] op(b)[k,n] + beta c, all row-major; op is the transpose where asked: then a
 * is stored [k,m], b [n,k]. Leading dimensions are counted in elements. Only after a blas_start()
 * that says loaded; sizes below 2^31. */
void blas_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a,
                int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void blas_dgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
                int64_t ldc);

#endif
