// Vector operations for the product and convolution loops: partial and masked vectors, gathers, transposes. Include after simd.h;
// x86 files include <immintrin.h> before the target attribute.
#ifndef EMBER_BODIES_GEMM_VECTORS_H
#define EMBER_BODIES_GEMM_VECTORS_H

#define GEMM_UNROLL _Pragma("clang loop unroll(full)")

// MARK: The first elements of a vector

// Reading or writing 1 ... lanes elements. AVX-512 has masks for it; AVX2's masked stores are slow on AMD, so elsewhere stores
// go by halves: the binary digits of the count.
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX512
EMBER_INLINE vfloat gemm_load_first(const float *p, int64_t count) {
  return (vfloat)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}
EMBER_INLINE void gemm_store_first(float *p, int64_t count, vfloat v) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
}
EMBER_INLINE vdouble gemm_load_first_double(const double *p, int64_t count) {
  return (vdouble)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), p);
}
EMBER_INLINE void gemm_store_first_double(double *p, int64_t count, vdouble v) {
  _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)v);
}
#else
EMBER_INLINE void gemm_copy_first(char *to, const char *from, int64_t bytes) {
#if EMBER_VECTOR_BYTES > 16
  if (bytes & 32) { memcpy(to, from, 32); to += 32; from += 32; }
#endif
  if (bytes & 16) { memcpy(to, from, 16); to += 16; from += 16; }
  if (bytes & 8) { memcpy(to, from, 8); to += 8; from += 8; }
  if (bytes & 4) memcpy(to, from, 4);
}
EMBER_INLINE void gemm_store_first(float *p, int64_t count, vfloat v) {
  float lanes[EMBER_LANES];
  vfloat_store(lanes, v);
  gemm_copy_first((char *)p, (const char *)lanes, count * 4);
}
EMBER_INLINE void gemm_store_first_double(double *p, int64_t count, vdouble v) {
  double lanes[EMBER_DOUBLE_LANES];
  vdouble_store(lanes, v);
  gemm_copy_first((char *)p, (const char *)lanes, count * 8);
}
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX2
EMBER_INLINE vfloat gemm_load_first(const float *p, int64_t count) {
  const vint lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return (vfloat)_mm256_maskload_ps(p, (__m256i)(lane < (vint)(int32_t)count));
}
EMBER_INLINE vdouble gemm_load_first_double(const double *p, int64_t count) {
  const vlong lane = {0, 1, 2, 3};
  return (vdouble)_mm256_maskload_pd(p, (__m256i)(lane < (vlong)count));
}
#else
EMBER_INLINE vfloat gemm_load_first(const float *p, int64_t count) {
  float lanes[EMBER_LANES] = {0};
  gemm_copy_first((char *)lanes, (const char *)p, count * 4);
  return vfloat_load(lanes);
}
EMBER_INLINE vdouble gemm_load_first_double(const double *p, int64_t count) {
  double lanes[EMBER_DOUBLE_LANES] = {0};
  gemm_copy_first((char *)lanes, (const char *)p, count * 8);
  return vdouble_load(lanes);
}
#endif
#endif

// MARK: Masks and indices

// The elements whose bit is set, or whose index is not negative; zero for the others, which are not read.
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX512
EMBER_INLINE vfloat gemm_load_masked(const float *p, uint32_t mask) {
  return (vfloat)_mm512_maskz_loadu_ps((__mmask16)mask, p);
}
EMBER_INLINE vdouble gemm_load_masked_double(const double *p, uint32_t mask) {
  return (vdouble)_mm512_maskz_loadu_pd((__mmask8)mask, p);
}
EMBER_INLINE vfloat gemm_gather(const float *p, const int32_t *indices) {
  const vint index = vint_load(indices);
  const __mmask16 mask = _mm512_cmpge_epi32_mask((__m512i)index, _mm512_setzero_si512());
  return (vfloat)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, (__m512i)index, p, 4);
}
EMBER_INLINE vdouble gemm_gather_double(const double *p, const int32_t *indices) {
  const __m256i index = _mm256_loadu_si256((const __m256i *)indices);
  const __mmask8 mask = _mm256_cmpge_epi32_mask(index, _mm256_setzero_si256());
  return (vdouble)_mm512_mask_i32gather_pd(_mm512_setzero_pd(), mask, index, p, 8);
}
#else
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX2
EMBER_INLINE vfloat gemm_load_masked(const float *p, uint32_t mask) {
  const vint bit = {1, 2, 4, 8, 16, 32, 64, 128};
  return (vfloat)_mm256_maskload_ps(p, (__m256i)(((vint)(int32_t)mask & bit) == bit));
}
EMBER_INLINE vdouble gemm_load_masked_double(const double *p, uint32_t mask) {
  const vlong bit = {1, 2, 4, 8};
  return (vdouble)_mm256_maskload_pd(p, (__m256i)(((vlong)(int64_t)mask & bit) == bit));
}
#else
EMBER_INLINE vfloat gemm_load_masked(const float *p, uint32_t mask) {
  if (mask == (1u << EMBER_LANES) - 1) return vfloat_load(p);
  float lanes[EMBER_LANES];
  for (int i = 0; i < EMBER_LANES; i++) lanes[i] = mask >> i & 1 ? p[i] : 0;
  return vfloat_load(lanes);
}
EMBER_INLINE vdouble gemm_load_masked_double(const double *p, uint32_t mask) {
  if (mask == (1u << EMBER_DOUBLE_LANES) - 1) return vdouble_load(p);
  double lanes[EMBER_DOUBLE_LANES];
  for (int i = 0; i < EMBER_DOUBLE_LANES; i++) lanes[i] = mask >> i & 1 ? p[i] : 0;
  return vdouble_load(lanes);
}
#endif
// AVX2's gathers are no faster than single loads.
EMBER_INLINE vfloat gemm_gather(const float *p, const int32_t *indices) {
  float lanes[EMBER_LANES];
  for (int i = 0; i < EMBER_LANES; i++) lanes[i] = indices[i] >= 0 ? p[indices[i]] : 0;
  return vfloat_load(lanes);
}
EMBER_INLINE vdouble gemm_gather_double(const double *p, const int32_t *indices) {
  double lanes[EMBER_DOUBLE_LANES];
  for (int i = 0; i < EMBER_DOUBLE_LANES; i++) lanes[i] = indices[i] >= 0 ? p[indices[i]] : 0;
  return vdouble_load(lanes);
}
#endif

// MARK: Shuffles

// Two vectors zipped, and the lower or the upper half of that.
#define GEMM_ZIP_LOW_16(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define GEMM_ZIP_HIGH_16(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define GEMM_ZIP_LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define GEMM_ZIP_HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define GEMM_ZIP_LOW_4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define GEMM_ZIP_HIGH_4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define GEMM_ZIP_LOW_2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define GEMM_ZIP_HIGH_2(a, b) __builtin_shufflevector(a, b, 1, 3)

// Within each block of 128 bits, where shuffles are cheap, two vectors are zipped by elements: those of the lower or of the upper half.
#define GEMM_LOW_16(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define GEMM_HIGH_16(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define GEMM_LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define GEMM_HIGH_8(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define GEMM_LOW_4 GEMM_ZIP_LOW_4
#define GEMM_HIGH_4 GEMM_ZIP_HIGH_4

// By pairs of floats, or by doubles.
#define GEMM_LOW_PAIRS_16(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define GEMM_HIGH_PAIRS_16(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define GEMM_LOW_PAIRS_8(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define GEMM_HIGH_PAIRS_8(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define GEMM_LOW_PAIRS_4(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define GEMM_HIGH_PAIRS_4(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#define GEMM_LOW_DOUBLES_8(a, b) __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define GEMM_HIGH_DOUBLES_8(a, b) __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define GEMM_LOW_DOUBLES_4(a, b) __builtin_shufflevector(a, b, 0, 4, 2, 6)
#define GEMM_HIGH_DOUBLES_4(a, b) __builtin_shufflevector(a, b, 1, 5, 3, 7)
#define GEMM_LOW_DOUBLES_2 GEMM_ZIP_LOW_2
#define GEMM_HIGH_DOUBLES_2 GEMM_ZIP_HIGH_2

// The even or the odd blocks of 128 bits of two vectors.
#define GEMM_EVEN_BLOCKS_16(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define GEMM_ODD_BLOCKS_16(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#define GEMM_EVEN_BLOCKS_8(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define GEMM_ODD_BLOCKS_8(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#define GEMM_EVEN_DOUBLES_8(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13)
#define GEMM_ODD_DOUBLES_8(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15)
#define GEMM_EVEN_DOUBLES_4(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define GEMM_ODD_DOUBLES_4(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)

// The elements at even places of two vectors.
#define GEMM_EVEN_16(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define GEMM_EVEN_8(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define GEMM_EVEN_4(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define GEMM_EVEN_2(a, b) __builtin_shufflevector(a, b, 0, 2)

// And at odd ones.
#define GEMM_ODD_16(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define GEMM_ODD_8(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define GEMM_ODD_4(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#define GEMM_ODD_2(a, b) __builtin_shufflevector(a, b, 1, 3)

// The one of these for the lanes of this instruction set: GEMM_FLOAT(GEMM_EVEN)(a, b).
#if EMBER_LANES == 16
#define GEMM_FLOAT(name) name##_16
#define GEMM_DOUBLE(name) name##_8
#elif EMBER_LANES == 8
#define GEMM_FLOAT(name) name##_8
#define GEMM_DOUBLE(name) name##_4
#else
#define GEMM_FLOAT(name) name##_4
#define GEMM_DOUBLE(name) name##_2
#endif

// MARK: Transposing squares

// Where blocks of `unit` rows are transposed within each block of 128 bits, the blocks change places.
#if EMBER_LANES == 16
#define GEMM_JOIN(vector, unit, rows, even, odd)                                                      \
  GEMM_UNROLL                                                                                         \
  for (int j = 0; j < unit; j++) {                                                                    \
    vector *r = rows + j;                                                                             \
    const vector even0 = even(r[0], r[unit]), even1 = even(r[2 * unit], r[3 * unit]);                 \
    const vector odd0 = odd(r[0], r[unit]), odd1 = odd(r[2 * unit], r[3 * unit]);                     \
    r[0] = even(even0, even1), r[unit] = even(odd0, odd1);                                            \
    r[2 * unit] = odd(even0, even1), r[3 * unit] = odd(odd0, odd1);                                   \
  }
#elif EMBER_LANES == 8
#define GEMM_JOIN(vector, unit, rows, even, odd)                                                      \
  GEMM_UNROLL                                                                                         \
  for (int j = 0; j < unit; j++) {                                                                    \
    const vector first = rows[j], second = rows[unit + j];                                            \
    rows[j] = even(first, second), rows[unit + j] = odd(first, second);                               \
  }
#else
#define GEMM_JOIN(vector, unit, rows, even, odd)
#endif

EMBER_INLINE void gemm_transpose(vfloat *rows) {
  GEMM_UNROLL
  for (int i = 0; i < EMBER_LANES; i += 4) {
    const vfloat low0 = GEMM_FLOAT(GEMM_LOW)(rows[i], rows[i + 1]), low1 = GEMM_FLOAT(GEMM_LOW)(rows[i + 2], rows[i + 3]);
    const vfloat high0 = GEMM_FLOAT(GEMM_HIGH)(rows[i], rows[i + 1]), high1 = GEMM_FLOAT(GEMM_HIGH)(rows[i + 2], rows[i + 3]);
    rows[i] = GEMM_FLOAT(GEMM_LOW_PAIRS)(low0, low1), rows[i + 1] = GEMM_FLOAT(GEMM_HIGH_PAIRS)(low0, low1);
    rows[i + 2] = GEMM_FLOAT(GEMM_LOW_PAIRS)(high0, high1), rows[i + 3] = GEMM_FLOAT(GEMM_HIGH_PAIRS)(high0, high1);
  }
  GEMM_JOIN(vfloat, 4, rows, GEMM_FLOAT(GEMM_EVEN_BLOCKS), GEMM_FLOAT(GEMM_ODD_BLOCKS))
}

EMBER_INLINE void gemm_transpose_double(vdouble *rows) {
  GEMM_UNROLL
  for (int i = 0; i < EMBER_DOUBLE_LANES; i += 2) {
    const vdouble low = GEMM_DOUBLE(GEMM_LOW_DOUBLES)(rows[i], rows[i + 1]);
    rows[i + 1] = GEMM_DOUBLE(GEMM_HIGH_DOUBLES)(rows[i], rows[i + 1]);
    rows[i] = low;
  }
  GEMM_JOIN(vdouble, 2, rows, GEMM_DOUBLE(GEMM_EVEN_DOUBLES), GEMM_DOUBLE(GEMM_ODD_DOUBLES))
}

#endif
