// Vectors of the instruction set that a kernel body is being built for. Include inside the target attribute (see isa.h).
//
// Everything here is a clang extended vector, so the same text compiles to SSE2, AVX2, AVX-512 and NEON. In the scalar
// build EMBER_SCALAR is defined: bodies then use plain loops and libm, as the independent reference for the other builds.
#ifndef EMBER_BODIES_SIMD_H
#define EMBER_BODIES_SIMD_H

#ifndef EMBER_BUILD_ISA
#error "define EMBER_BUILD_ISA before including a kernel body"
#endif

#if EMBER_BUILD_ISA == EMBER_BUILD_SCALAR
#define EMBER_SCALAR 1
#define EMBER_VECTOR_BYTES 16
#define EMBER_SUFFIX(name) name##_scalar
#elif EMBER_BUILD_ISA == EMBER_BUILD_BASELINE
#define EMBER_VECTOR_BYTES 16
#define EMBER_SUFFIX(name) name##_baseline
#elif EMBER_BUILD_ISA == EMBER_BUILD_AVX2
#define EMBER_VECTOR_BYTES 32
#define EMBER_SUFFIX(name) name##_avx2
#elif EMBER_BUILD_ISA == EMBER_BUILD_AVX512
#define EMBER_VECTOR_BYTES 64
#define EMBER_SUFFIX(name) name##_avx512
#endif

// Whether a multiply-add is one instruction. Where it is not, the fma builtins would call libm per element, so vfma rounds twice.
#if EMBER_BUILD_ISA >= EMBER_BUILD_AVX2 || (defined(__aarch64__) && EMBER_BUILD_ISA == EMBER_BUILD_BASELINE)
#define EMBER_HAS_FMA 1
#endif
#if EMBER_BUILD_ISA >= EMBER_BUILD_AVX2 || (defined(__aarch64__) && EMBER_BUILD_ISA == EMBER_BUILD_BASELINE)
#define EMBER_HAS_HALF 1
#endif

#define EMBER_LANES (EMBER_VECTOR_BYTES / 4)
#define EMBER_DOUBLE_LANES (EMBER_VECTOR_BYTES / 8)

// Functions that pass vectors wider than the registers of their instruction set are all inlined: there is no call whose ABI
// could differ.
#pragma clang diagnostic ignored "-Wpsabi"
#define EMBER_INLINE static inline __attribute__((always_inline, unused))

// Before a loop whose iterations are independent although its result may be the same array as an operand. Without it the
// vectoriser's overlap check sends in-place work down a scalar loop.
// Where sanitizers stand in the vectoriser's way, that is no news.
#pragma clang diagnostic ignored "-Wpass-failed"
#if EMBER_SCALAR
#define EMBER_VECTOR_LOOP _Pragma("clang loop vectorize(disable) interleave(disable)")
#else
#define EMBER_VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety)")
#endif

#define EMBER_VECTOR(type, lanes) type __attribute__((ext_vector_type(lanes)))

// Comparisons of 64-bit lanes give vectors of `long` where that has 64 bits, even where int64_t is `long long` (Apple's).
#if __SIZEOF_LONG__ == 8
typedef long ember_lane64;
#else
typedef long long ember_lane64;
#endif
typedef EMBER_VECTOR(float, EMBER_LANES) vfloat;
typedef EMBER_VECTOR(int32_t, EMBER_LANES) vint;
typedef EMBER_VECTOR(uint32_t, EMBER_LANES) vuint;
typedef EMBER_VECTOR(double, EMBER_DOUBLE_LANES) vdouble;
typedef EMBER_VECTOR(ember_lane64, EMBER_DOUBLE_LANES) vlong;
typedef EMBER_VECTOR(uint64_t, EMBER_DOUBLE_LANES) vulong;
// As many 16-bit and 8-bit elements as there are floats in a vector.
typedef EMBER_VECTOR(uint16_t, EMBER_LANES) vushort;
typedef EMBER_VECTOR(uint8_t, EMBER_LANES) vbyte;
// As many doubles as floats: two registers, for float32 work that needs more bits.
typedef EMBER_VECTOR(double, EMBER_LANES) vdouble2;
typedef EMBER_VECTOR(ember_lane64, EMBER_LANES) vlong2;
// Half a vector of floats or ints: what one vector of doubles converts to.
typedef EMBER_VECTOR(float, EMBER_DOUBLE_LANES) vfloat_half;
typedef EMBER_VECTOR(int32_t, EMBER_DOUBLE_LANES) vint_half;

// Memory is only as aligned as its elements.
typedef float vfloat_memory __attribute__((ext_vector_type(EMBER_LANES), aligned(4)));
typedef int32_t vint_memory __attribute__((ext_vector_type(EMBER_LANES), aligned(4)));
typedef double vdouble_memory __attribute__((ext_vector_type(EMBER_DOUBLE_LANES), aligned(8)));
typedef ember_lane64 vlong_memory __attribute__((ext_vector_type(EMBER_DOUBLE_LANES), aligned(8)));
typedef uint16_t vushort_memory __attribute__((ext_vector_type(EMBER_LANES), aligned(2)));
typedef uint8_t vbyte_memory __attribute__((ext_vector_type(EMBER_LANES), aligned(1)));

EMBER_INLINE vfloat vfloat_load(const float *p) { return *(const vfloat_memory *)p; }
EMBER_INLINE void vfloat_store(float *p, vfloat v) { *(vfloat_memory *)p = v; }
EMBER_INLINE vint vint_load(const int32_t *p) { return *(const vint_memory *)p; }
EMBER_INLINE void vint_store(int32_t *p, vint v) { *(vint_memory *)p = v; }
EMBER_INLINE vdouble vdouble_load(const double *p) { return *(const vdouble_memory *)p; }
EMBER_INLINE void vdouble_store(double *p, vdouble v) { *(vdouble_memory *)p = v; }
EMBER_INLINE vlong vlong_load(const int64_t *p) { return *(const vlong_memory *)p; }
EMBER_INLINE void vlong_store(int64_t *p, vlong v) { *(vlong_memory *)p = v; }

// The first `count` (0 ... lanes) elements; the rest are `filler`. For tails. AVX-512 has masks for it; AVX2's masked stores are
// slow on AMD, so elsewhere memory is copied by halves: the binary digits of the count.
EMBER_INLINE void ember_copy_first(void *to, const void *from, int64_t bytes) {
  char *t = to;
  const char *f = from;
  for (int64_t part = EMBER_VECTOR_BYTES; part >= 2; part /= 2)
    if (bytes & part) memcpy(t, f, (size_t)part), t += part, f += part;
}
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX512
EMBER_INLINE vfloat vfloat_load_partial(const float *p, int64_t count, float filler) {
  return (vfloat)_mm512_mask_loadu_ps((__m512)(vfloat)filler, (__mmask16)((1u << count) - 1), p);
}
EMBER_INLINE void vfloat_store_partial(float *p, int64_t count, vfloat v) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
}
EMBER_INLINE vdouble vdouble_load_partial(const double *p, int64_t count, double filler) {
  return (vdouble)_mm512_mask_loadu_pd((__m512d)(vdouble)filler, (__mmask8)((1u << count) - 1), p);
}
EMBER_INLINE void vdouble_store_partial(double *p, int64_t count, vdouble v) {
  _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)v);
}
#else
EMBER_INLINE vfloat vfloat_load_partial(const float *p, int64_t count, float filler) {
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX2
  const vint inside = (vint){0, 1, 2, 3, 4, 5, 6, 7} < (vint)(int32_t)count;
  return inside ? (vfloat)_mm256_maskload_ps(p, (__m256i)inside) : (vfloat)filler;
#else
  float lanes[EMBER_LANES] = {filler, filler, filler, filler};
  ember_copy_first(lanes, p, count * 4);
  return vfloat_load(lanes);
#endif
}
EMBER_INLINE void vfloat_store_partial(float *p, int64_t count, vfloat v) {
  float lanes[EMBER_LANES];
  vfloat_store(lanes, v);
  ember_copy_first(p, lanes, count * 4);
}
EMBER_INLINE vdouble vdouble_load_partial(const double *p, int64_t count, double filler) {
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX2
  const vlong inside = (vlong){0, 1, 2, 3} < (vlong)count;
  return inside ? (vdouble)_mm256_maskload_pd(p, (__m256i)inside) : (vdouble)filler;
#else
  double lanes[EMBER_DOUBLE_LANES] = {filler, filler};
  ember_copy_first(lanes, p, count * 8);
  return vdouble_load(lanes);
#endif
}
EMBER_INLINE void vdouble_store_partial(double *p, int64_t count, vdouble v) {
  double lanes[EMBER_DOUBLE_LANES];
  vdouble_store(lanes, v);
  ember_copy_first(p, lanes, count * 8);
}
#endif

// Stores that pass the cache by, for results larger than it (see EMBER_STREAMED_BYTES): memory is not read before it is overwritten.
// Aligned to the vector. After the last one of a chunk, ember_end_streaming makes them visible in order.
EMBER_INLINE void vfloat_stream(float *p, vfloat v) { __builtin_nontemporal_store(v, (vfloat *)p); }
EMBER_INLINE void vdouble_stream(double *p, vdouble v) { __builtin_nontemporal_store(v, (vdouble *)p); }
EMBER_INLINE void ember_end_streaming(void) {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

EMBER_INLINE vfloat vfloat_splat(float x) { return (vfloat)x; }
EMBER_INLINE vdouble vdouble_splat(double x) { return (vdouble)x; }

// a * b + c.
#if EMBER_HAS_FMA
EMBER_INLINE vfloat vfloat_fma(vfloat a, vfloat b, vfloat c) { return __builtin_elementwise_fma(a, b, c); }
EMBER_INLINE vdouble vdouble_fma(vdouble a, vdouble b, vdouble c) { return __builtin_elementwise_fma(a, b, c); }
EMBER_INLINE vdouble2 vdouble2_fma(vdouble2 a, vdouble2 b, vdouble2 c) { return __builtin_elementwise_fma(a, b, c); }
#else
EMBER_INLINE vfloat vfloat_fma(vfloat a, vfloat b, vfloat c) { return a * b + c; }
EMBER_INLINE vdouble vdouble_fma(vdouble a, vdouble b, vdouble c) { return a * b + c; }
EMBER_INLINE vdouble2 vdouble2_fma(vdouble2 a, vdouble2 b, vdouble2 c) { return a * b + c; }
#endif

// mask lanes are -1 or 0, as comparisons give them.
EMBER_INLINE vfloat vfloat_select(vint mask, vfloat yes, vfloat no) { return mask ? yes : no; }
EMBER_INLINE vint vint_select(vint mask, vint yes, vint no) { return mask ? yes : no; }
EMBER_INLINE vdouble vdouble_select(vlong mask, vdouble yes, vdouble no) { return mask ? yes : no; }

// The instruction's own max and min: b where either is NaN. A NaN in `a` alone is dropped.
EMBER_INLINE vfloat vfloat_max(vfloat a, vfloat b) { return a > b ? a : b; }
EMBER_INLINE vfloat vfloat_min(vfloat a, vfloat b) { return a < b ? a : b; }
EMBER_INLINE vdouble vdouble_max(vdouble a, vdouble b) { return a > b ? a : b; }
EMBER_INLINE vdouble vdouble_min(vdouble a, vdouble b) { return a < b ? a : b; }

EMBER_INLINE vint vfloat_bits(vfloat v) { return __builtin_bit_cast(vint, v); }
EMBER_INLINE vfloat vint_as_float(vint v) { return __builtin_bit_cast(vfloat, v); }
EMBER_INLINE vlong vdouble_bits(vdouble v) { return __builtin_bit_cast(vlong, v); }
EMBER_INLINE vdouble vlong_as_double(vlong v) { return __builtin_bit_cast(vdouble, v); }
EMBER_INLINE vfloat vfloat_abs(vfloat v) { return __builtin_elementwise_abs(v); }
EMBER_INLINE vdouble vdouble_abs(vdouble v) { return __builtin_elementwise_abs(v); }
EMBER_INLINE vfloat vfloat_sqrt(vfloat v) { return __builtin_elementwise_sqrt(v); }
EMBER_INLINE vdouble vdouble_sqrt(vdouble v) { return __builtin_elementwise_sqrt(v); }
EMBER_INLINE vfloat vfloat_copysign(vfloat magnitude, vfloat sign) {
  return vint_as_float((vfloat_bits(magnitude) & 0x7fffffff) | (vfloat_bits(sign) & (int32_t)0x80000000));
}
EMBER_INLINE vdouble vdouble_copysign(vdouble magnitude, vdouble sign) {
  return vlong_as_double((vdouble_bits(magnitude) & INT64_MAX) | (vdouble_bits(sign) & INT64_MIN));
}
// Whether any lane of a comparison's result is set.
EMBER_INLINE bool vint_any(vint mask) { return __builtin_reduce_or(mask) != 0; }
EMBER_INLINE bool vlong_any(vlong mask) { return __builtin_reduce_or(mask) != 0; }

// Horizontal sums and maxima, halving each time: a fixed order, the same on every machine with this vector width.
EMBER_INLINE float vfloat_sum(vfloat v) {
#if EMBER_LANES == 16
  EMBER_VECTOR(float, 8) w = v.lo + v.hi;
  EMBER_VECTOR(float, 4) x = w.lo + w.hi;
#elif EMBER_LANES == 8
  EMBER_VECTOR(float, 4) x = v.lo + v.hi;
#else
  EMBER_VECTOR(float, 4) x = v;
#endif
  EMBER_VECTOR(float, 2) y = x.lo + x.hi;
  return y[0] + y[1];
}
EMBER_INLINE double vdouble_sum(vdouble v) {
#if EMBER_DOUBLE_LANES == 8
  EMBER_VECTOR(double, 4) w = v.lo + v.hi;
  EMBER_VECTOR(double, 2) x = w.lo + w.hi;
#elif EMBER_DOUBLE_LANES == 4
  EMBER_VECTOR(double, 2) x = v.lo + v.hi;
#else
  EMBER_VECTOR(double, 2) x = v;
#endif
  return x[0] + x[1];
}
// NaN lanes are not reliably kept: callers that need them test v != v.
EMBER_INLINE float vfloat_reduce_max(vfloat v) {
#if EMBER_LANES == 16
  EMBER_VECTOR(float, 8) w = v.lo > v.hi ? v.lo : v.hi;
  EMBER_VECTOR(float, 4) x = w.lo > w.hi ? w.lo : w.hi;
#elif EMBER_LANES == 8
  EMBER_VECTOR(float, 4) x = v.lo > v.hi ? v.lo : v.hi;
#else
  EMBER_VECTOR(float, 4) x = v;
#endif
  EMBER_VECTOR(float, 2) y = x.lo > x.hi ? x.lo : x.hi;
  return y[0] > y[1] ? y[0] : y[1];
}
EMBER_INLINE float vfloat_reduce_min(vfloat v) {
#if EMBER_LANES == 16
  EMBER_VECTOR(float, 8) w = v.lo < v.hi ? v.lo : v.hi;
  EMBER_VECTOR(float, 4) x = w.lo < w.hi ? w.lo : w.hi;
#elif EMBER_LANES == 8
  EMBER_VECTOR(float, 4) x = v.lo < v.hi ? v.lo : v.hi;
#else
  EMBER_VECTOR(float, 4) x = v;
#endif
  EMBER_VECTOR(float, 2) y = x.lo < x.hi ? x.lo : x.hi;
  return y[0] < y[1] ? y[0] : y[1];
}
EMBER_INLINE double vdouble_reduce_max(vdouble v) {
#if EMBER_DOUBLE_LANES == 8
  EMBER_VECTOR(double, 4) w = v.lo > v.hi ? v.lo : v.hi;
  EMBER_VECTOR(double, 2) x = w.lo > w.hi ? w.lo : w.hi;
#elif EMBER_DOUBLE_LANES == 4
  EMBER_VECTOR(double, 2) x = v.lo > v.hi ? v.lo : v.hi;
#else
  EMBER_VECTOR(double, 2) x = v;
#endif
  return x[0] > x[1] ? x[0] : x[1];
}
EMBER_INLINE double vdouble_reduce_min(vdouble v) {
#if EMBER_DOUBLE_LANES == 8
  EMBER_VECTOR(double, 4) w = v.lo < v.hi ? v.lo : v.hi;
  EMBER_VECTOR(double, 2) x = w.lo < w.hi ? w.lo : w.hi;
#elif EMBER_DOUBLE_LANES == 4
  EMBER_VECTOR(double, 2) x = v.lo < v.hi ? v.lo : v.hi;
#else
  EMBER_VECTOR(double, 2) x = v;
#endif
  return x[0] < x[1] ? x[0] : x[1];
}

#include "half.h"

#endif
