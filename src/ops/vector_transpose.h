/* Transposing a block of as many rows as a vector has lanes, in registers: log2(lanes) rounds, each
 * exchanging blocks across the diagonal (Eklundh 1972). Included once for each element type, with
 * REAL, REAL_BYTES and R(name) defined. */

#define LANES_2(F)  F(0), F(1)
#define LANES_4(F)  LANES_2(F), F(2), F(3)
#define LANES_8(F)  LANES_4(F), F(4), F(5), F(6), F(7)
#define LANES_16(F) LANES_8(F), F(8), F(9), F(10), F(11), F(12), F(13), F(14), F(15)

#if VECTOR_BYTES / REAL_BYTES == 16
#define LANES(F) LANES_16(F)
#elif VECTOR_BYTES / REAL_BYTES == 8
#define LANES(F) LANES_8(F)
#elif VECTOR_BYTES / REAL_BYTES == 4
#define LANES(F) LANES_4(F)
#else
#define LANES(F) LANES_2(F)
#endif

/* Lanes of rows x (index i) and y (index lanes + i) that exchange blocks of `d`. */
#define UPPER(d, i) ((i) & (d) ? R(N_LANES) + (i) - (d) : (i))
#define LOWER(d, i) ((i) & (d) ? R(N_LANES) + (i) : (i) + (d))
#define UPPER_1(i)  UPPER(1, i)
#define LOWER_1(i)  LOWER(1, i)
#define UPPER_2(i)  UPPER(2, i)
#define LOWER_2(i)  LOWER(2, i)
#define UPPER_4(i)  UPPER(4, i)
#define LOWER_4(i)  LOWER(4, i)
#define UPPER_8(i)  UPPER(8, i)
#define LOWER_8(i)  LOWER(8, i)

#define EXCHANGE(d)                                                                                \
    UNROLL(16)                                                                                     \
    for (int i = 0; i < R(N_LANES); i++)                                                           \
        if (!(i & (d))) {                                                                          \
            R(vector) x = row[i], y = row[i + (d)];                                                \
            row[i] = __builtin_shufflevector(x, y, LANES(UPPER_##d));                              \
            row[i + (d)] = __builtin_shufflevector(x, y, LANES(LOWER_##d));                        \
        }

/* to[j * to_row + i] = from[i * from_row + j] for i, j below the number of lanes; of `from` only n
 * rows exist, and what stands in to for the others does not matter. */
ALWAYS_INLINE void R(transpose)(REAL *to, int64_t to_row, const REAL *from, int64_t from_row,
                                int64_t n) {
    R(vector) row[R(N_LANES)];
    UNROLL(16)
    for (int i = 0; i < R(N_LANES); i++)
        row[i] = *(const R(loose) *)(from + (i < n ? i : n - 1) * from_row);
#if VECTOR_BYTES / REAL_BYTES >= 16
    EXCHANGE(8)
#endif
#if VECTOR_BYTES / REAL_BYTES >= 8
    EXCHANGE(4)
#endif
#if VECTOR_BYTES / REAL_BYTES >= 4
    EXCHANGE(2)
#endif
    EXCHANGE(1)
    UNROLL(16)
    for (int j = 0; j < R(N_LANES); j++)
        *(R(loose) *)(to + j * to_row) = row[j];
}

#undef LANES
#undef UPPER
#undef LOWER
#undef UPPER_1
#undef LOWER_1
#undef UPPER_2
#undef LOWER_2
#undef UPPER_4
#undef LOWER_4
#undef UPPER_8
#undef LOWER_8
#undef EXCHANGE
