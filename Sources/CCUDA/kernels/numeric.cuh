// The functions that pointwise programs are made of, named as in `Opcode`, over computing types (bool, integers, f32, f64, c64, c128).
// Meanings are those of the CPU's kernels.

#define EMBER_INLINE DEVICE
#ifndef EMBER_HOST
typedef i64 int64_t;
typedef i32 int32_t;
typedef u64 uint64_t;
#define INT32_MIN (-2147483647 - 1)
#define INT64_C(x) x##LL
#define lgamma_r(x, sign) lgamma(x)
#define lgammaf_r(x, sign) lgammaf(x)
#endif
#include "special.h"

template <class T> struct Unsigned { typedef T type; };
template <> struct Unsigned<i8> { typedef u8 type; };
template <> struct Unsigned<i16> { typedef u16 type; };
template <> struct Unsigned<i32> { typedef u32 type; };
template <> struct Unsigned<i64> { typedef u64 type; };
template <class T> using unsigned_t = typename Unsigned<T>::type;
template <class T> struct IsBool { static const bool value = false; };
template <> struct IsBool<bool> { static const bool value = true; };
template <class T> struct IsSigned { static const bool value = (T)-1 < (T)0; };
#define INTEGERS_ONLY static_assert(!IsFloating<T>::value && !IsComplex<T>::value, "an integer function")

// A function of f32 and f64 under one name.
#define REAL_FUNCTION(name, single, twofold)         \
  DEVICE f32 name(f32 x) { return single; }          \
  DEVICE f64 name(f64 x) { return twofold; }
#define REAL_FUNCTION_2(name, single, twofold)       \
  DEVICE f32 name(f32 x, f32 y) { return single; }   \
  DEVICE f64 name(f64 x, f64 y) { return twofold; }

// MARK: - Elementary functions of reals

REAL_FUNCTION(op_sqrt, sqrtf(x), sqrt(x))
REAL_FUNCTION(op_rsqrt, rsqrtf(x), rsqrt(x))
REAL_FUNCTION(op_exp, expf(x), exp(x))
REAL_FUNCTION(op_exp2, exp2f(x), exp2(x))
REAL_FUNCTION(op_expm1, expm1f(x), expm1(x))
REAL_FUNCTION(op_log, logf(x), log(x))
REAL_FUNCTION(op_log2, log2f(x), log2(x))
REAL_FUNCTION(op_log10, log10f(x), log10(x))
REAL_FUNCTION(op_log1p, log1pf(x), log1p(x))
REAL_FUNCTION(op_sin, sinf(x), sin(x))
REAL_FUNCTION(op_cos, cosf(x), cos(x))
REAL_FUNCTION(op_tan, tanf(x), tan(x))
REAL_FUNCTION(op_asin, asinf(x), asin(x))
REAL_FUNCTION(op_acos, acosf(x), acos(x))
REAL_FUNCTION(op_atan, atanf(x), atan(x))
REAL_FUNCTION(op_sinh, sinhf(x), sinh(x))
REAL_FUNCTION(op_cosh, coshf(x), cosh(x))
REAL_FUNCTION(op_tanh, tanhf(x), tanh(x))
REAL_FUNCTION(op_asinh, asinhf(x), asinh(x))
REAL_FUNCTION(op_acosh, acoshf(x), acosh(x))
REAL_FUNCTION(op_atanh, atanhf(x), atanh(x))
REAL_FUNCTION(op_erf, erff(x), erf(x))
REAL_FUNCTION(op_erfc, erfcf(x), erfc(x))
REAL_FUNCTION(op_erfinv, (f32)ember_erfinv(x), ember_erfinv(x))
REAL_FUNCTION(op_sigmoid, 1 / (1 + expf(-x)), x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)))
REAL_FUNCTION(op_lgamma, ember_lgammaf(x), ember_lgamma(x))
REAL_FUNCTION(op_digamma, (f32)ember_digamma(x), ember_digamma(x))
REAL_FUNCTION(op_gelu, 0.5f * x * (1 + erff(x * 0.70710678118654752440f)), 0.5 * x * (1 + erf(x * 0.70710678118654752440)))
REAL_FUNCTION_2(
    op_geluGradient, y *(0.5f * (1 + erff(x * 0.70710678118654752440f)) + x * 0.39894228040143267794f * expf(-0.5f * x * x)),
    y *(0.5 * (1 + erf(x * 0.70710678118654752440)) + x * 0.39894228040143267794 * exp(-0.5 * x * x)))
REAL_FUNCTION_2(op_atan2, atan2f(x, y), atan2(x, y))
REAL_FUNCTION_2(op_hypot, hypotf(x, y), hypot(x, y))
REAL_FUNCTION_2(op_nextafter, nextafterf(x, y), nextafter(x, y))
REAL_FUNCTION_2(op_copysign, copysignf(x, y), copysign(x, y))
REAL_FUNCTION_2(op_polygamma, (f32)ember_polygamma(x, y), ember_polygamma(x, y))
REAL_FUNCTION_2(floor_divide_of, ember_floor_dividef(x, y), ember_floor_divide(x, y))
REAL_FUNCTION_2(remainder_of, ember_remainderf(x, y), ember_remainder(x, y))
REAL_FUNCTION_2(fmod_of, fmodf(x, y), fmod(x, y))
REAL_FUNCTION_2(power_of, powf(x, y), pow(x, y))
REAL_FUNCTION(floor_of, floorf(x), floor(x))
REAL_FUNCTION(ceil_of, ceilf(x), ceil(x))
REAL_FUNCTION(round_of, rintf(x), rint(x))
REAL_FUNCTION(trunc_of, truncf(x), trunc(x))
DEVICE f32 op_mantissa(f32 x) { int e; return frexpf(x, &e); }
DEVICE f64 op_mantissa(f64 x) { int e; return frexp(x, &e); }
DEVICE f32 op_exponent(f32 x) { int e; frexpf(x, &e); return (f32)e; }
DEVICE f64 op_exponent(f64 x) { int e; frexp(x, &e); return (f64)e; }
DEVICE f32 fused(f32 a, f32 b, f32 c) { return fmaf(a, b, c); }
DEVICE f64 fused(f64 a, f64 b, f64 c) { return fma(a, b, c); }

template <class T> DEVICE T op_floor(T x) { if constexpr (IsFloating<T>::value) return floor_of(x); else return x; }
template <class T> DEVICE T op_ceil(T x) { if constexpr (IsFloating<T>::value) return ceil_of(x); else return x; }
template <class T> DEVICE T op_round(T x) { if constexpr (IsFloating<T>::value) return round_of(x); else return x; }
template <class T> DEVICE T op_trunc(T x) { if constexpr (IsFloating<T>::value) return trunc_of(x); else return x; }

// MARK: - Elementary functions of complex numbers

template <class R> DEVICE complex<R> times_i(complex<R> z) { return complex<R>{-z.im, z.re}; }
template <class R> DEVICE complex<R> over_i(complex<R> z) { return complex<R>{z.im, -z.re}; }
template <class R> DEVICE complex<R> op_exp(complex<R> z) {
  const R size = op_exp(z.re);
  if (z.im == 0) return complex<R>{size, z.im};
  if (isinf(z.re) && !isfinite(z.im)) return z.re < 0 ? complex<R>{0, 0} : complex<R>{z.re, (R)NAN};
  if (size == 0) return complex<R>{copysign((R)0, op_cos(z.im)), copysign((R)0, op_sin(z.im))};
  return complex<R>{size * op_cos(z.im), size * op_sin(z.im)};
}
template <class R> DEVICE complex<R> op_log(complex<R> z) {
  // Near the unit circle the logarithm of the size is taken from the distance to it, where nothing cancels.
  const R x = absolute_of(z.re), y = absolute_of(z.im), large = x > y ? x : y, small = x > y ? y : x;
  R size;
  if (large > (R)0.5 && large < (R)2)
    size = op_log1p((large - 1) * (large + 1) + small * small) / 2;
  else
    size = op_log(op_hypot(z.re, z.im));
  return complex<R>{size, op_atan2(z.im, z.re)};
}
template <class R> DEVICE complex<R> op_sqrt(complex<R> z) {
  if (z.re == 0 && z.im == 0) return complex<R>{0, z.im};
  if (isinf(z.im)) return complex<R>{(R)INFINITY, z.im};
  if (isinf(z.re)) {
    if (z.re > 0) return complex<R>{z.re, z.im == z.im ? copysign((R)0, z.im) : z.im};
    return complex<R>{z.im == z.im ? (R)0 : z.im, copysign((R)INFINITY, z.im)};
  }
  const R size = op_sqrt((absolute_of(z.re) + op_hypot(z.re, z.im)) / 2);
  if (z.re >= 0) return complex<R>{size, z.im / (2 * size)};
  return complex<R>{absolute_of(z.im) / (2 * size), copysign(size, z.im)};
}
template <class R> DEVICE complex<R> op_rsqrt(complex<R> z) { return complex<R>{1, 0} / op_sqrt(z); }
template <class R> DEVICE complex<R> op_exp2(complex<R> z) {
  return op_exp(complex<R>{z.re * (R)0.69314718055994530942, z.im * (R)0.69314718055994530942});
}
// Without the cancellation of e^z - 1: cos y - 1 = -2 sin^2(y / 2).
template <class R> DEVICE complex<R> op_expm1(complex<R> z) {
  const R half = op_sin(z.im / 2), e = op_expm1(z.re);
  return complex<R>{e * op_cos(z.im) - 2 * half * half, (e + 1) * op_sin(z.im)};
}
template <class R> DEVICE complex<R> op_log2(complex<R> z) {
  const complex<R> l = op_log(z);
  return complex<R>{l.re * (R)1.44269504088896340736, l.im * (R)1.44269504088896340736};
}
template <class R> DEVICE complex<R> op_log10(complex<R> z) {
  const complex<R> l = op_log(z);
  return complex<R>{l.re * (R)0.43429448190325182765, l.im * (R)0.43429448190325182765};
}
template <class R> DEVICE complex<R> op_log1p(complex<R> z) {
  const R angle = op_atan2(z.im, 1 + z.re);
  if (absolute_of(z.re) > 1 || absolute_of(z.im) > 1) return complex<R>{op_log(op_hypot(1 + z.re, z.im)), angle};
  return complex<R>{op_log1p(z.re * (2 + z.re) + z.im * z.im) / 2, angle};
}
template <class R> DEVICE complex<R> op_sinh(complex<R> z) {
  if (z.im == 0) return complex<R>{op_sinh(z.re), z.im};
  if (z.re == 0) return complex<R>{z.re, op_sin(z.im)};
  return complex<R>{op_sinh(z.re) * op_cos(z.im), op_cosh(z.re) * op_sin(z.im)};
}
template <class R> DEVICE complex<R> op_cosh(complex<R> z) {
  if (z.im == 0) return complex<R>{op_cosh(z.re), z.re == 0 ? (R)0 * z.im : copysign((R)0, z.re) * z.im};
  if (z.re == 0) return complex<R>{op_cos(z.im), z.re * op_sin(z.im)};
  return complex<R>{op_cosh(z.re) * op_cos(z.im), op_sinh(z.re) * op_sin(z.im)};
}
// Kahan's form, which neither overflows nor cancels.
template <class R> DEVICE complex<R> op_tanh(complex<R> z) {
  if (absolute_of(z.re) > (R)20) {
    if (isinf(z.re) && !isfinite(z.im)) return complex<R>{copysign((R)1, z.re), (R)0};
    const R e = op_exp(-2 * absolute_of(z.re));
    return complex<R>{copysign((R)1, z.re), 4 * op_sin(z.im) * op_cos(z.im) * e};
  }
  const R t = op_tan(z.im), beta = 1 + t * t, s = op_sinh(z.re), rho = op_sqrt(1 + s * s);
  if (isinf(t)) return complex<R>{rho / s, 1 / t};
  const R scale = 1 / (1 + beta * s * s);
  return complex<R>{beta * rho * s * scale, t * scale};
}
template <class R> DEVICE complex<R> op_sin(complex<R> z) { return over_i(op_sinh(times_i(z))); }
template <class R> DEVICE complex<R> op_cos(complex<R> z) { return op_cosh(times_i(z)); }
template <class R> DEVICE complex<R> op_tan(complex<R> z) { return over_i(op_tanh(times_i(z))); }
// Hull, Fairgrieve and Tang's formulas for asin and acos in their simple form: exact where nothing cancels.
template <class R> DEVICE complex<R> op_asinh(complex<R> z) {
  // log(z + sqrt(z^2 + 1)), by symmetry in the right half plane.
  const bool flips = z.re < 0 || (z.re == 0 && (R)1 / z.re < 0);
  const complex<R> w = flips ? complex<R>{-z.re, -z.im} : z;
  complex<R> result;
  if (absolute_of(w.re) > (R)1e8 || absolute_of(w.im) > (R)1e8) {
    result = op_log(w);
    result.re += (R)0.69314718055994530942;
  } else {
    const complex<R> a = op_sqrt(complex<R>{1 + w.im, -w.re}), b = op_sqrt(complex<R>{1 - w.im, w.re});
    // sinh of the real part is Re(a conj(b)) turned; Kahan: asinh(z) = i asin(-i z).
    const R real = op_asinh(a.re * b.im - a.im * b.re), imaginary = op_atan2(w.im, a.re * b.re - a.im * b.im);
    result = complex<R>{real, imaginary};
  }
  return flips ? complex<R>{-result.re, -result.im} : result;
}
template <class R> DEVICE complex<R> op_asin(complex<R> z) { return over_i(op_asinh(times_i(z))); }
template <class R> DEVICE complex<R> op_acos(complex<R> z) {
  if (absolute_of(z.re) > (R)1e8 || absolute_of(z.im) > (R)1e8) {
    const complex<R> l = op_log(z);
    const R size = l.re + (R)0.69314718055994530942;
    return complex<R>{absolute_of(l.im), z.im < 0 || (z.im == 0 && (R)1 / z.im < 0) ? size : -size};
  }
  const complex<R> a = op_sqrt(complex<R>{1 - z.re, -z.im}), b = op_sqrt(complex<R>{1 + z.re, z.im});
  return complex<R>{2 * op_atan2(a.re, b.re), op_asinh(b.re * a.im - b.im * a.re)};
}
template <class R> DEVICE complex<R> op_acosh(complex<R> z) {
  if (absolute_of(z.re) > (R)1e8 || absolute_of(z.im) > (R)1e8) {
    complex<R> l = op_log(z);
    l.re += (R)0.69314718055994530942;
    return l;
  }
  const complex<R> a = op_sqrt(complex<R>{z.re - 1, z.im}), b = op_sqrt(complex<R>{z.re + 1, z.im});
  return complex<R>{op_asinh(a.re * b.re + a.im * b.im), 2 * op_atan2(a.im, b.re)};
}
template <class R> DEVICE complex<R> op_atanh(complex<R> z) {
  const R x = absolute_of(z.re), y = z.im;
  if (isinf(x) || isinf(y)) return complex<R>{copysign((R)0, z.re), copysign((R)1.57079632679489661923, z.im)};
  const R gap = 1 - x, squares = y * y;
  const R real = op_log1p(4 * x / (gap * gap + squares)) / 4;
  const R imaginary = op_atan2(2 * y, gap * (1 + x) - squares) / 2;
  return complex<R>{copysign(real, z.re), imaginary};
}
template <class R> DEVICE complex<R> op_atan(complex<R> z) { return over_i(op_atanh(times_i(z))); }
template <class R> DEVICE complex<R> op_sigmoid(complex<R> z) {
  if (z.re < 0) {
    const complex<R> e = op_exp(z);
    return e / complex<R>{1 + e.re, e.im};
  }
  const complex<R> e = op_exp(complex<R>{-z.re, -z.im});
  return complex<R>{1, 0} / complex<R>{1 + e.re, e.im};
}
// PyTorch's results for a zero base follow NumPy: 0^0 = 1, 0^y = 0 for positive real y.
template <class R> DEVICE complex<R> power_of(complex<R> x, complex<R> y) {
  if (x.re == 0 && x.im == 0 && y.im == 0)
    return y.re == 0 ? complex<R>{1, 0} : y.re > 0 ? complex<R>{0, 0} : complex<R>{(R)INFINITY, (R)NAN};
  return op_exp(op_log(x) * y);
}

// MARK: - Of one operand

template <class T> DEVICE T op_copy(T x) { return x; }
template <class T> DEVICE T op_negate(T x) {
  if constexpr (IsComplex<T>::value) return T{-x.re, -x.im};
  else if constexpr (IsFloating<T>::value) return -x;
  else return (T)(0 - (unsigned_t<T>)x);
}
template <class T> DEVICE real_t<T> op_absolute(T x) {
  if constexpr (IsComplex<T>::value) return op_hypot(x.re, x.im);
  else if constexpr (IsFloating<T>::value) return absolute_of(x);
  else if constexpr (IsSigned<T>::value) return x < 0 ? (T)(0 - (unsigned_t<T>)x) : x;
  else return x;
}
template <class T> DEVICE T op_sign(T x) {
  if constexpr (IsComplex<T>::value) {
    const real_t<T> size = op_hypot(x.re, x.im);
    return size == 0 ? T{0, 0} : T{x.re / size, x.im / size};
  } else if constexpr (IsBool<T>::value) {
    return x;
  } else {
    return (T)((x > (T)0) - (x < (T)0));
  }
}
template <class T> DEVICE T op_multiply(T x, T y) {
  if constexpr (IsBool<T>::value) return x && y;
  else if constexpr (IsComplex<T>::value || IsFloating<T>::value) return x * y;
  else return (T)((u64)x * (u64)y);
}
template <class T> DEVICE T op_square(T x) { return op_multiply(x, x); }
template <class T> DEVICE T op_reciprocal(T x) {
  if constexpr (IsComplex<T>::value) return T{1, 0} / x;
  else return (T)1 / x;
}
template <class T> DEVICE bool op_isNaN(T x) {
  if constexpr (IsComplex<T>::value) return x.re != x.re || x.im != x.im;
  else return x != x;
}
template <class T> DEVICE bool op_isInfinite(T x) {
  if constexpr (IsComplex<T>::value) return isinf(x.re) || isinf(x.im);
  else if constexpr (IsFloating<T>::value) return isinf(x);
  else return false;
}
template <class T> DEVICE bool op_isFinite(T x) {
  if constexpr (IsComplex<T>::value) return isfinite(x.re) && isfinite(x.im);
  else if constexpr (IsFloating<T>::value) return isfinite(x);
  else return true;
}
template <class T> DEVICE bool op_logicalNot(T x) { return !is_true(x); }
template <class T> DEVICE T op_bitwiseNot(T x) {
  if constexpr (IsBool<T>::value) return !x;
  else return (T)~x;
}
template <class T> DEVICE T op_conjugate(T x) {
  if constexpr (IsComplex<T>::value) return T{x.re, -x.im};
  else return x;
}
template <class T> DEVICE real_t<T> op_real(T x) {
  if constexpr (IsComplex<T>::value) return x.re;
  else return x;
}
template <class T> DEVICE real_t<T> op_imaginary(T x) {
  if constexpr (IsComplex<T>::value) return x.im;
  else return (T)0;
}
template <class T> DEVICE real_t<T> op_angle(T x) {
  if constexpr (IsComplex<T>::value) return op_atan2(x.im, x.re);
  else return x != x ? x : x < 0 ? (T)3.14159265358979323846 : (T)0;
}

// MARK: - Of two operands

template <class T> DEVICE T op_add(T x, T y) {
  if constexpr (IsBool<T>::value) return x || y;
  else if constexpr (IsComplex<T>::value || IsFloating<T>::value) return x + y;
  else return (T)((u64)x + (u64)y);
}
template <class T> DEVICE T op_subtract(T x, T y) {
  if constexpr (IsBool<T>::value) return x != y;
  else if constexpr (IsComplex<T>::value || IsFloating<T>::value) return x - y;
  else return (T)((u64)x - (u64)y);
}
// Integer division that cannot trap: by zero gives 0, the smallest value by -1 wraps.
template <class T> DEVICE T op_divide(T x, T y) {
  if constexpr (IsComplex<T>::value || IsFloating<T>::value) {
    return x / y;
  } else {
    if (y == 0) return 0;
    if (IsSigned<T>::value && y == (T)-1) return op_negate(x);
    return (T)(x / y);
  }
}
template <class T> DEVICE T op_fmod(T x, T y) {
  if constexpr (IsFloating<T>::value) {
    return fmod_of(x, y);
  } else {
    if (y == 0) return 0;
    if (IsSigned<T>::value && y == (T)-1) return 0;
    return (T)(x % y);
  }
}
template <class T> DEVICE T op_floorDivide(T x, T y) {
  if constexpr (IsFloating<T>::value) {
    return floor_divide_of(x, y);
  } else {
    const T quotient = op_divide(x, y), rest = op_fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? (T)(quotient - 1) : quotient;
  }
}
template <class T> DEVICE T op_remainder(T x, T y) {
  if constexpr (IsFloating<T>::value) {
    return remainder_of(x, y);
  } else {
    const T rest = op_fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? (T)(rest + y) : rest;
  }
}
template <class T> DEVICE T op_power(T x, T y) {
  if constexpr (IsComplex<T>::value || IsFloating<T>::value) {
    if constexpr (IsFloating<T>::value)
      if (y == 2) return x * x;
    return power_of(x, y);
  } else {
    if (IsSigned<T>::value && y < 0) return (T)(x == 1 ? 1 : x == (T)-1 ? (y & 1 ? -1 : 1) : 0);
    return (T)ember_integer_power((u64)(i64)x, (u64)y);
  }
}
template <class T> DEVICE T op_maximum(T x, T y) { return x > y || x != x ? x : y; }
template <class T> DEVICE T op_minimum(T x, T y) { return x < y || x != x ? x : y; }
template <class T> DEVICE T op_fmax(T x, T y) { return x > y || y != y ? x : y; }
template <class T> DEVICE T op_fmin(T x, T y) { return x < y || y != y ? x : y; }
template <class T> DEVICE bool op_equal(T x, T y) { return x == y; }
template <class T> DEVICE bool op_notEqual(T x, T y) { return x != y; }
template <class T> DEVICE bool op_less(T x, T y) { return x < y; }
template <class T> DEVICE bool op_lessEqual(T x, T y) { return x <= y; }
template <class T> DEVICE bool op_greater(T x, T y) { return x > y; }
template <class T> DEVICE bool op_greaterEqual(T x, T y) { return x >= y; }
template <class T> DEVICE bool op_logicalAnd(T x, T y) { return is_true(x) && is_true(y); }
template <class T> DEVICE bool op_logicalOr(T x, T y) { return is_true(x) || is_true(y); }
template <class T> DEVICE bool op_logicalXor(T x, T y) { return is_true(x) != is_true(y); }
template <class T> DEVICE T op_bitwiseAnd(T x, T y) { return (T)(x & y); }
template <class T> DEVICE T op_bitwiseOr(T x, T y) { return (T)(x | y); }
template <class T> DEVICE T op_bitwiseXor(T x, T y) { return (T)(x ^ y); }
template <class T> DEVICE T op_shiftLeft(T x, T y) { return (u64)(i64)y < 8 * sizeof(T) ? (T)((u64)x << (u64)y) : (T)0; }
template <class T> DEVICE T op_shiftRight(T x, T y) {
  if ((u64)(i64)y < 8 * sizeof(T)) return (T)(x >> y);
  return IsSigned<T>::value && x < 0 ? (T)-1 : (T)0;
}
template <class T> DEVICE u64 magnitude_of(T x) { return IsSigned<T>::value && x < 0 ? 0 - (u64)(i64)x : (u64)(i64)x; }
template <class T> DEVICE T op_gcd(T x, T y) { return (T)ember_gcd(magnitude_of(x), magnitude_of(y)); }
template <class T> DEVICE T op_lcm(T x, T y) {
  if (x == 0 || y == 0) return 0;
  return (T)(magnitude_of(x) / ember_gcd(magnitude_of(x), magnitude_of(y)) * magnitude_of(y));
}
template <class T> DEVICE complex<T> op_makeComplex(T x, T y) { return complex<T>{x, y}; }

// MARK: - Of three operands

template <class T> DEVICE T op_select(bool condition, T x, T y) { return condition ? x : y; }
template <class T> DEVICE T op_fma(T x, T y, T z) {
  if constexpr (IsFloating<T>::value) return fused(x, y, z);
  else return op_add(op_multiply(x, y), z);
}
