/* The loops of roof.h. Values are handed to the compiler as if somebody looked at them, so that no
 * work is left out. */
#include "ops/roof.h"

#include "ops/ops.h"

#ifdef OPS_KERNELS

#include "ops/vector.h"

/* Sums under way: as many as two units need for multiply-adds that take five cycles each. */
enum { N_SUMS = 12 };

static double multiply_add(int64_t rounds) {
    vector_f32 sum[N_SUMS], factor = (vector_f32){0} + 0.5f, term = (vector_f32){0} + 1.0f;
    for (int i = 0; i < N_SUMS; i++)
        sum[i] = term;
    __asm__ volatile("" : "+x"(factor), "+x"(term));
    for (int64_t k = 0; k < rounds; k++) {
        UNROLL(12)
        for (int i = 0; i < N_SUMS; i++)
            sum[i] = sum[i] * factor + term;
    }
    for (int i = 0; i < N_SUMS; i++)
        __asm__ volatile("" : : "x"(sum[i]));
    return 2.0 * (double)rounds * N_SUMS * N_LANES_f32;
}

static void read_all(const void *from, int64_t n) {
    const vector_f32 *x = from;
    vector_f32 sum[8] = {0};
    for (int64_t i = 0; i < n / VECTOR_BYTES; i += 8) {
        UNROLL(8)
        for (int k = 0; k < 8; k++)
            sum[k] += x[i + k];
    }
    for (int k = 0; k < 8; k++)
        __asm__ volatile("" : : "x"(sum[k]));
}

static void copy_all(void *to, const void *from, int64_t n) {
    const vector_f32 *x = from;
    vector_f32 *y = to;
    for (int64_t i = 0; i < n / VECTOR_BYTES; i += 8) {
        UNROLL(8)
        for (int k = 0; k < 8; k++)
            y[i + k] = x[i + k] * 0.5f;
    }
}

const struct roof_loops KERNEL(roof_loops) = {multiply_add, read_all, copy_all};

#endif
