/* Matrix products for the kernels of ops/: the problem, and the pieces of the packed product that
 * convolutions use too. */
#ifndef NN_OPS_MATMUL_H
#define NN_OPS_MATMUL_H

#include "ops/ops.h"

/* c[m,n] = a[m,k] b[k,n]. Element (i, j) of a lies at a[i * a_row + j * a_col]; one of a's strides
 * is 1, so a transposed operand is one with its strides exchanged. */
struct gemm {
    int64_t m, n, k;
    int64_t a_row, a_col, b_row, b_col, c_row;
};

#ifdef OPS_KERNELS
/* The same op by OpenBLAS: the reference of the packed product, and the choice on processors
 * without FMA. Not to be run where blas_start() says that it could not be loaded. */
extern const struct kernel KERNEL(matmul_blas_kernel);
/* The packed product, whatever OpenBLAS could do. */
extern const struct kernel KERNEL(matmul_packed_kernel);
#endif

#endif
