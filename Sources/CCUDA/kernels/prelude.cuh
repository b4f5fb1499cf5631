// What every kernel begins with: types, conversions, reductions within a block, errors. Compiled by NVRTC without any header, and by
// clang with the host shim of the tests (EMBER_HOST), where inline PTX gives way to plain C.

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;

#ifndef EMBER_HOST
#define DYNAMIC_SHARED(T, name)                             \
  extern __shared__ __align__(16) unsigned char name##_[];  \
  T *name = (T *)name##_
#define NAN __int_as_float(0x7fffffff)
#define INFINITY __int_as_float(0x7f800000)
#define INT64_MAX 0x7fffffffffffffffLL
#define INT64_MIN (-INT64_MAX - 1)
#endif
#define DEVICE __device__ __forceinline__

// MARK: - 16-bit, 8-bit and complex elements

struct f16 { u16 bits; };
struct bf16 { u16 bits; };
struct e4m3fn { u8 bits; };
struct e5m2 { u8 bits; };
struct e4m3fnuz { u8 bits; };
struct e5m2fnuz { u8 bits; };

template <class R> struct alignas(2 * sizeof(R)) complex { R re, im; };
typedef complex<f16> c32;
typedef complex<f32> c64;
typedef complex<f64> c128;

DEVICE f32 bits_to_float(u32 bits) { return __uint_as_float(bits); }
DEVICE u32 float_to_bits(f32 x) { return __float_as_uint(x); }

DEVICE f32 half_to_float(f16 x) {
#ifdef EMBER_HOST
  const u32 sign = (u32)(x.bits & 0x8000) << 16, magnitude = x.bits & 0x7fff;
  if (magnitude >= 0x7c00) return bits_to_float(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  const f32 value = (f32)(magnitude & 0x3ff) * 5.9604644775390625e-8f;  // 2^-24
  if (magnitude < 0x400) return sign ? -value : value;
  return bits_to_float(sign | ((magnitude << 13) + 0x38000000));
#else
  f32 result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
  return result;
#endif
}

DEVICE f16 float_to_half(f32 x) {
  f16 result;
#ifdef EMBER_HOST
  const u32 bits = float_to_bits(x), sign = bits >> 16 & 0x8000;
  u32 magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    result.bits = (u16)(sign | 0x7e00);
  } else if (magnitude >= 0x47800000) {
    result.bits = (u16)(sign | 0x7c00);
  } else if (magnitude < 0x38800000) {  // subnormal: the addition rounds
    const f32 shifted = bits_to_float(magnitude) + 0.5f;
    result.bits = (u16)(sign | (float_to_bits(shifted) - 0x3f000000));
  } else {
    magnitude += 0xc8000fff + (magnitude >> 13 & 1);
    result.bits = (u16)(sign | magnitude >> 13);
  }
#else
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
#endif
  return result;
}

DEVICE f32 bfloat_to_float(bf16 x) { return bits_to_float((u32)x.bits << 16); }

DEVICE bf16 float_to_bfloat(f32 x) {
  bf16 result;
#ifdef EMBER_HOST
  const u32 bits = float_to_bits(x);
  result.bits = (u16)(x != x ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#else
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
#endif
  return result;
}

// An 8-bit float of `mantissa` bits. FNUZ types have one zero, no infinities, NaN at 0x80 and one more exponent step of bias.
DEVICE f32 small_to_float(u8 bits, int mantissa, int bias, bool unsigned_zero, bool has_infinity) {
  const u32 sign = bits >> 7, exponent = (bits & 0x7f) >> mantissa, fraction = bits & ((1 << mantissa) - 1);
  if (unsigned_zero && bits == 0x80) return NAN;
  const u32 top = (1u << (7 - mantissa)) - 1;
  if (!unsigned_zero && exponent == top) {
    if (has_infinity) return fraction ? NAN : (sign ? -INFINITY : INFINITY);
    if (fraction == (1u << mantissa) - 1) return NAN;
  }
  const f32 scale = exponent ? bits_to_float((exponent + 127 - bias) << 23) : bits_to_float((128 - bias) << 23);
  const f32 value = ((exponent ? 1.0f : 0.0f) + (f32)fraction / (f32)(1 << mantissa)) * scale;
  return sign ? -value : value;
}

// Rounds to nearest, ties to even. `largest`: the bits of the largest finite number. What is larger becomes `overflow`.
DEVICE u8 float_to_small(f32 x, int mantissa, int bias, bool unsigned_zero, u32 largest, u32 overflow, u32 nan) {
  const u32 bits = float_to_bits(x), sign = bits >> 31 << 7;
  const u32 magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return (u8)(unsigned_zero ? 0x80 : sign | nan);
  const int shift = 23 - mantissa;
  u32 result;
  const u32 smallest_normal = (u32)(128 - bias) << 23;
  if (magnitude < smallest_normal) {
    // One unit of the result is 2^(1 - bias - mantissa); adding a number whose last place is that unit rounds.
    const f32 unit = bits_to_float((u32)(128 - bias - mantissa + 23) << 23);
    result = float_to_bits(bits_to_float(magnitude) + unit) - float_to_bits(unit);
  } else {
    const u32 rebiased = magnitude - ((u32)(127 - bias) << 23);
    result = (rebiased + ((1u << (shift - 1)) - 1) + (rebiased >> shift & 1)) >> shift;
  }
  if (result > largest) return (u8)(unsigned_zero && overflow == 0x80 ? 0x80 : sign | overflow);
  if (unsigned_zero && result == 0) return 0;
  return (u8)(sign | result);
}

// MARK: - The type that elements are computed in, loading and storing

template <class T> struct Compute { typedef T type; };
template <> struct Compute<f16> { typedef f32 type; };
template <> struct Compute<bf16> { typedef f32 type; };
template <> struct Compute<e4m3fn> { typedef f32 type; };
template <> struct Compute<e5m2> { typedef f32 type; };
template <> struct Compute<e4m3fnuz> { typedef f32 type; };
template <> struct Compute<e5m2fnuz> { typedef f32 type; };
template <> struct Compute<u16> { typedef i32 type; };
template <> struct Compute<u32> { typedef i64 type; };
template <> struct Compute<u64> { typedef i64 type; };
template <> struct Compute<c32> { typedef c64 type; };
template <class T> using compute_t = typename Compute<T>::type;

template <class T> struct RealPart { typedef T type; };
template <class R> struct RealPart<complex<R>> { typedef R type; };
template <class T> using real_t = typename RealPart<T>::type;

template <class T> struct IsComplex { static const bool value = false; };
template <class R> struct IsComplex<complex<R>> { static const bool value = true; };
template <class T> struct IsFloating { static const bool value = false; };
template <> struct IsFloating<f32> { static const bool value = true; };
template <> struct IsFloating<f64> { static const bool value = true; };

// load: an element as its computing type.
template <class T> DEVICE T load(T x) { return x; }
DEVICE f32 load(f16 x) { return half_to_float(x); }
DEVICE f32 load(bf16 x) { return bfloat_to_float(x); }
DEVICE f32 load(e4m3fn x) { return small_to_float(x.bits, 3, 7, false, false); }
DEVICE f32 load(e5m2 x) { return small_to_float(x.bits, 2, 15, false, true); }
DEVICE f32 load(e4m3fnuz x) { return small_to_float(x.bits, 3, 8, true, false); }
DEVICE f32 load(e5m2fnuz x) { return small_to_float(x.bits, 2, 16, true, false); }
DEVICE i32 load(u16 x) { return x; }
DEVICE i64 load(u32 x) { return x; }
DEVICE i64 load(u64 x) { return (i64)x; }
DEVICE c64 load(c32 x) { return c64{half_to_float(x.re), half_to_float(x.im)}; }

// convert<To>(x): between computing types, as a cast of the CPU's kernels does.
template <class To, class From> struct Convert {
  static DEVICE To from(From x) { return (To)x; }
};
template <class From> struct Convert<bool, From> {
  static DEVICE bool from(From x) { return x != (From)0; }
};
template <class To, class R> struct Convert<To, complex<R>> {
  static DEVICE To from(complex<R> x) { return (To)x.re; }
};
template <class R> struct Convert<bool, complex<R>> {
  static DEVICE bool from(complex<R> x) { return x.re != 0 || x.im != 0; }
};
template <class R, class From> struct Convert<complex<R>, From> {
  static DEVICE complex<R> from(From x) { return complex<R>{(R)x, (R)0}; }
};
template <class R, class S> struct Convert<complex<R>, complex<S>> {
  static DEVICE complex<R> from(complex<S> x) { return complex<R>{(R)x.re, (R)x.im}; }
};
// Floating numbers become integers by way of int32 or int64; what does not fit becomes the smallest, as on the CPU.
DEVICE i32 to_int32(f32 x) { return x >= -2147483648.0f && x < 2147483648.0f ? (i32)x : -2147483647 - 1; }
DEVICE i32 to_int32(f64 x) { return x > -2147483649.0 && x < 2147483648.0 ? (i32)x : -2147483647 - 1; }
DEVICE i64 to_int64(f32 x) { return x >= -9223372036854775808.0f && x < 9223372036854775808.0f ? (i64)x : INT64_MIN; }
DEVICE i64 to_int64(f64 x) { return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (i64)x : INT64_MIN; }
#define CONVERT_TO_INTEGER(To, From, through)                             \
  template <> struct Convert<To, From> {                                  \
    static DEVICE To from(From x) { return (To)through(x); }              \
  };                                                                      \
  template <> struct Convert<To, complex<From>> {                         \
    static DEVICE To from(complex<From> x) { return (To)through(x.re); }  \
  };
#define CONVERT_TO_INTEGERS(From)            \
  CONVERT_TO_INTEGER(u8, From, to_int32)     \
  CONVERT_TO_INTEGER(i8, From, to_int32)     \
  CONVERT_TO_INTEGER(i16, From, to_int32)    \
  CONVERT_TO_INTEGER(u16, From, to_int32)    \
  CONVERT_TO_INTEGER(i32, From, to_int32)    \
  CONVERT_TO_INTEGER(u32, From, to_int64)    \
  CONVERT_TO_INTEGER(i64, From, to_int64)
CONVERT_TO_INTEGERS(f32)
CONVERT_TO_INTEGERS(f64)
// uint64 is computed as int64, bit for bit; what lies above comes as a floating number.
#define CONVERT_TO_UINT64(From)                                                                                       \
  template <> struct Convert<u64, From> {                                                                             \
    static DEVICE u64 from(From x) {                                                                                  \
      return x >= (From)9223372036854775808.0 && x < (From)18446744073709551616.0 ? (u64)x : (u64)to_int64(x);       \
    }                                                                                                                 \
  };
CONVERT_TO_UINT64(f32)
CONVERT_TO_UINT64(f64)
template <class To, class From> DEVICE To convert(From x) { return Convert<To, From>::from(x); }

// store<T>(x): a computing type's value as an element of T.
template <class T> struct Store {
  template <class V> static DEVICE T from(V x) { return convert<T>(x); }
};
template <> struct Store<f16> {
  template <class V> static DEVICE f16 from(V x) { return float_to_half(convert<f32>(x)); }
};
template <> struct Store<bf16> {
  template <class V> static DEVICE bf16 from(V x) { return float_to_bfloat(convert<f32>(x)); }
};
template <> struct Store<e4m3fn> {
  template <class V> static DEVICE e4m3fn from(V x) {
    return e4m3fn{float_to_small(convert<f32>(x), 3, 7, false, 0x7e, 0x7f, 0x7f)};
  }
};
template <> struct Store<e5m2> {
  template <class V> static DEVICE e5m2 from(V x) {
    return e5m2{float_to_small(convert<f32>(x), 2, 15, false, 0x7b, 0x7c, 0x7f)};
  }
};
template <> struct Store<e4m3fnuz> {
  template <class V> static DEVICE e4m3fnuz from(V x) {
    return e4m3fnuz{float_to_small(convert<f32>(x), 3, 8, true, 0x7f, 0x80, 0x80)};
  }
};
template <> struct Store<e5m2fnuz> {
  template <class V> static DEVICE e5m2fnuz from(V x) {
    return e5m2fnuz{float_to_small(convert<f32>(x), 2, 16, true, 0x7f, 0x80, 0x80)};
  }
};
template <> struct Store<c32> {
  template <class V> static DEVICE c32 from(V x) {
    const c64 z = convert<c64>(x);
    return c32{float_to_half(z.re), float_to_half(z.im)};
  }
};
template <class T, class V> DEVICE T store(V x) { return Store<T>::from(x); }

// Several neighbouring elements, moved by one access.
template <class T, int N> struct alignas(sizeof(T) * N) Vector { T at[N]; };

// 16 bytes of neighbouring elements, which stay packed in registers until they are used.
struct alignas(16) Words { u32 at[4]; };

template <class T> struct Packed;
template <> struct Packed<f32> {
  static DEVICE f32 element(const Words &w, int i) { return bits_to_float(w.at[i]); }
};
template <> struct Packed<f16> {
  static DEVICE f32 element(const Words &w, int i) { return half_to_float(f16{(u16)(w.at[i / 2] >> (16 * (i & 1)))}); }
};
template <> struct Packed<bf16> {
  static DEVICE f32 element(const Words &w, int i) { return bits_to_float(i & 1 ? w.at[i / 2] & 0xffff0000u : w.at[i / 2] << 16); }
};
template <class T> DEVICE f32 element(const Words &w, int i) { return Packed<T>::element(w, i); }

// MARK: - Layouts

static const int maximum_rank = 8;

// Extents (and what makes dividing by them cheap) of a space that a kernel walks in row-major order, and the element strides of up to
// `N` operands in it. Rank 0 is a single element. Fewer than 2^31 elements.
template <int N> struct Layout {
  i32 rank;
  u32 extents[maximum_rank];
  // Quotient of x by extent: (umulhi(x, multiplier) + x) >> shift.
  u32 multipliers[maximum_rank];
  u32 shifts[maximum_rank];
  i64 strides[N][maximum_rank];

  // Element offsets of all operands at a linear index.
  DEVICE void offsets(u32 index, i64 *offsets) const {
    for (int k = 0; k < N; k++) offsets[k] = 0;
#pragma unroll
    for (int d = maximum_rank - 1; d >= 0; d--) {
      if (d >= rank) continue;
      const u32 quotient = (u32)(((u64)__umulhi(index, multipliers[d]) + index) >> shifts[d]);
      const u32 position = index - quotient * extents[d];
      for (int k = 0; k < N; k++) offsets[k] += (i64)position * strides[k][d];
      index = quotient;
    }
  }
};

// [outer, count, inner] with element strides, as AxisOperand.
struct Axis {
  i64 outer, count, inner;
  i64 outer_stride, stride, inner_stride;
};

// MARK: - Within a block

static const u32 full_warp = 0xffffffffu;

template <class T> DEVICE T shuffle_xor(T value, int mask) { return __shfl_xor_sync(full_warp, value, mask); }
template <class R> DEVICE complex<R> shuffle_xor(complex<R> value, int mask) {
  return complex<R>{__shfl_xor_sync(full_warp, value.re, mask), __shfl_xor_sync(full_warp, value.im, mask)};
}

// All lanes of the warp get the combination of all lanes' values.
template <class T, class F> DEVICE T warp_all(T value, F combine) {
#pragma unroll
  for (int mask = 16; mask; mask >>= 1) value = combine(value, shuffle_xor(value, mask));
  return value;
}

// All threads of a one-dimensional block, whose size is a multiple of 32, get the combination of all threads' values. `scratch`: shared
// memory for 32 values, which may be used again at once.
template <class T, class F> DEVICE T block_all(T value, F combine, T neutral, T *scratch) {
  value = warp_all(value, combine);
  const int warps = (int)blockDim.x >> 5, lane = threadIdx.x & 31;
  if (warps == 1) return value;
  __syncthreads();
  if (lane == 0) scratch[threadIdx.x >> 5] = value;
  __syncthreads();
  return warp_all(lane < warps ? scratch[lane] : neutral, combine);
}

// MARK: - Launches that overlap

// What the launch in front of this one wrote is there, and what it reads may be written. Needed in a kernel that is launched with
// `overlaps`, by every block; does nothing in others.
DEVICE void wait_for_previous() {
#if !defined(EMBER_HOST) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The next launch, if it overlaps, may begin once all blocks have said so.
DEVICE void let_next_begin() {
#if !defined(EMBER_HOST) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// MARK: - Errors

// A word in host memory that a kernel writes instead of reading or writing outside of its operands. Checked when the host waits.
struct DeviceError {
  i32 code;       // 0: none; otherwise what `DeviceErrorCode` of EmberCUDA says
  i32 operation;  // which launch: a number given by the host
  i64 position, value, extent;
};

DEVICE void report(DeviceError *error, i32 code, i32 operation, i64 position, i64 value, i64 extent) {
  volatile DeviceError *word = error;
  if (word->code) return;
  word->position = position;
  word->value = value;
  word->extent = extent;
  word->operation = operation;
  word->code = code;
}
