// Vector math in float64: exp, log, tanh, sigmoid, sin and cos within 2 ulp or so, with libm's special values. Include after
// simd.h. Not for the scalar build.
#ifndef EMBER_BODIES_SIMD_MATH_DOUBLE_H
#define EMBER_BODIES_SIMD_MATH_DOUBLE_H

#define EMBER_HORNER(p, x, c) p = vdouble_fma(p, x, (vdouble)(c))

// Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
#define EMBER_DOUBLE_MAGIC 6755399441055744.0

// 2^n for -1022 <= n <= 1023.
EMBER_INLINE vdouble vdouble_power_of_2(vulong n) { return __builtin_bit_cast(vdouble, (n + 1023) << 52); }
// v * 2^n for |n| < 2044, in two steps so that only the last one can overflow or become subnormal.
EMBER_INLINE vdouble vdouble_scale(vdouble v, vulong n) {
  // Halves of n, by way of a positive number: there is no arithmetic shift of 64 bits before AVX-512.
  vulong half = ((n + 4096) >> 1) - 2048;
  return v * vdouble_power_of_2(half) * vdouble_power_of_2(n - half);
}
// e^r - 1 for |r| <= ln 2 / 2, by its series.
EMBER_INLINE vdouble vdouble_expm1_reduced(vdouble r) {
  vdouble p = (vdouble)(1.0 / 6227020800.0);
  EMBER_HORNER(p, r, 1.0 / 479001600.0);
  EMBER_HORNER(p, r, 1.0 / 39916800.0);
  EMBER_HORNER(p, r, 1.0 / 3628800.0);
  EMBER_HORNER(p, r, 1.0 / 362880.0);
  EMBER_HORNER(p, r, 1.0 / 40320.0);
  EMBER_HORNER(p, r, 1.0 / 5040.0);
  EMBER_HORNER(p, r, 1.0 / 720.0);
  EMBER_HORNER(p, r, 1.0 / 120.0);
  EMBER_HORNER(p, r, 1.0 / 24.0);
  EMBER_HORNER(p, r, 1.0 / 6.0);
  EMBER_HORNER(p, r, 0.5);
  return vdouble_fma(p, r * r, r);
}
EMBER_INLINE vdouble vdouble_exp_reduce(vdouble x, vulong *n) {
  vdouble shifted = vdouble_fma(x, (vdouble)1.44269504088896338700, (vdouble)EMBER_DOUBLE_MAGIC);
  // NaN's bits become a small number here.
  vulong low = __builtin_bit_cast(vulong, shifted) & 0xfff;
  *n = (low ^ 0x800) - 0x800;
  vdouble rounded = shifted - EMBER_DOUBLE_MAGIC;
  vdouble r = vdouble_fma(rounded, (vdouble)-6.93147180369123816490e-01, x);
  return vdouble_fma(rounded, (vdouble)-1.90821492927058770002e-10, r);
}
EMBER_INLINE vdouble vdouble_exp(vdouble x) {
  x = x > 710.0 ? (vdouble)710.0 : x;
  x = x < -746.0 ? (vdouble)-746.0 : x;
  vulong n;
  vdouble r = vdouble_exp_reduce(x, &n);
  return vdouble_scale(vdouble_expm1_reduced(r) + 1.0, n);
}
EMBER_INLINE vdouble vdouble_sigmoid(vdouble x) {
  vdouble e = vdouble_exp(-vdouble_abs(x));
  vdouble numerator = x < 0.0 ? e : (vdouble)1.0;
  return numerator / (e + 1.0);
}
EMBER_INLINE vdouble vdouble_tanh(vdouble x) {
  // m / (m + 2), m = e^(2|x|) - 1. From 22 on the result is 1; NaN passes.
  vdouble a = vdouble_abs(x);
  vdouble bounded = a > 22.0 ? (vdouble)22.0 : a;
  vulong n;
  vdouble p = vdouble_expm1_reduced(vdouble_exp_reduce(bounded + bounded, &n));
  vdouble scale = vdouble_power_of_2(n);
  vdouble m = vdouble_fma(p, scale, scale - 1.0);
  return vdouble_copysign(m / (m + 2.0), x);
}

EMBER_INLINE vdouble vdouble_log(vdouble x) {
  vlong tiny = x < 0x1p-1022;
  vdouble y = tiny ? x * 0x1p54 : x;
  // x = m 2^k with m in [sqrt(1/2), sqrt 2), the step of the exponent put at sqrt(1/2).
  vulong bits = __builtin_bit_cast(vulong, y);
  vulong high = (bits - 0x3fe6a09e667f3bcdull + 0x4000000000000000ull) >> 52;
  vdouble m = __builtin_bit_cast(vdouble, bits - ((high - 1024) << 52));
  // A small integer in the low bits of 2^52 becomes a double by subtraction.
  vdouble k = __builtin_bit_cast(vdouble, high | 0x4330000000000000ull) - (0x1p52 + 1024);
  k = tiny ? k - 54.0 : k;
  vdouble f = m - 1.0;
  vdouble s = f / (f + 2.0);
  vdouble z = s * s;
  vdouble p = (vdouble)1.479819860511658591e-01;
  EMBER_HORNER(p, z, 1.531383769920937332e-01);
  EMBER_HORNER(p, z, 1.818357216161805012e-01);
  EMBER_HORNER(p, z, 2.222219843214978396e-01);
  EMBER_HORNER(p, z, 2.857142874366239149e-01);
  EMBER_HORNER(p, z, 3.999999999940941908e-01);
  EMBER_HORNER(p, z, 6.666666666666735130e-01);
  p = p * z;
  vdouble half_square = 0.5 * f * f;
  vdouble tail = vdouble_fma(k, (vdouble)1.90821492927058770002e-10, s * (half_square + p));
  vdouble result = vdouble_fma(k, (vdouble)6.93147180369123816490e-01, f - (half_square - tail));
  result = x == (double)INFINITY ? x : result;
  result = x == 0.0 ? (vdouble)-INFINITY : result;
  result = x < 0.0 ? (vdouble)NAN : result;
  return x != x ? x : result;
}

// Up to here n pi/2 is exact in the parts below; libm does lanes beyond.
#define EMBER_DOUBLE_TRIGONOMETRIC_LIMIT 1e6

// sin (shift 0) or cos (shift 1). The reduced argument is high + low.
EMBER_INLINE vdouble vdouble_sine(vdouble x, unsigned shift) {
  vdouble shifted = vdouble_fma(x, (vdouble)0.636619772367581343, (vdouble)EMBER_DOUBLE_MAGIC);
  vulong quadrant = __builtin_bit_cast(vulong, shifted) + shift;
  vdouble n = shifted - EMBER_DOUBLE_MAGIC;
  // pi/2 in parts of 33 bits, so that their products with n are exact, and a rest.
  vdouble first = x - n * 1.57079632673412561417e+00;
  vdouble w = n * 6.07710050630396597660e-11;
  vdouble second = first - w;
  vdouble error = (first - second) - w;
  w = n * 2.02226624879595063154e-21;
  vdouble high = second - w;
  vdouble low = ((second - high) - w) + error;
  vdouble r = high;
  vdouble z = r * r;
  vdouble s = (vdouble)1.58969099521155010221e-10;
  EMBER_HORNER(s, z, -2.50507602534068634195e-08);
  EMBER_HORNER(s, z, 2.75573137070700676789e-06);
  EMBER_HORNER(s, z, -1.98412698298579493134e-04);
  EMBER_HORNER(s, z, 8.33333333332248946124e-03);
  vdouble cube = z * r;
  vdouble sine = r - ((z * (0.5 * low - cube * s) - low) + cube * 1.66666666666666324348e-01);
  vdouble c = (vdouble)-1.13596475577881948265e-11;
  EMBER_HORNER(c, z, 2.08757232129817482790e-09);
  EMBER_HORNER(c, z, -2.75573143513906633035e-07);
  EMBER_HORNER(c, z, 2.48015872894767294178e-05);
  EMBER_HORNER(c, z, -1.38888888888741095749e-03);
  EMBER_HORNER(c, z, 4.16666666666666019037e-02);
  vdouble half = 0.5 * z;
  vdouble whole = 1.0 - half;
  vdouble cosine = whole + (((1.0 - whole) - half) + (z * z * c - r * low));
  vdouble result = (quadrant & 1) != 0 ? cosine : sine;
  return __builtin_bit_cast(vdouble, __builtin_bit_cast(vulong, result) ^ ((quadrant & 2) << 62));
}
#define EMBER_DOUBLE_FALLBACK(x, result, function)                           \
  vlong large = vdouble_abs(x) > EMBER_DOUBLE_TRIGONOMETRIC_LIMIT;           \
  if (__builtin_expect(vlong_any(large), 0))                                 \
    for (int i = 0; i < EMBER_DOUBLE_LANES; i++)                             \
      if (large[i]) result[i] = function(x[i]);
EMBER_INLINE vdouble vdouble_sin(vdouble x) {
  vdouble result = vdouble_abs(x) < 0x1p-27 ? x : vdouble_sine(x, 0);
  EMBER_DOUBLE_FALLBACK(x, result, sin)
  return result;
}
EMBER_INLINE vdouble vdouble_cos(vdouble x) {
  vdouble result = vdouble_sine(x, 1);
  EMBER_DOUBLE_FALLBACK(x, result, cos)
  return result;
}

#undef EMBER_HORNER
#endif
