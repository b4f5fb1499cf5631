// Vector math in float32, without branches per lane: exp, log, tanh, sin, erf, … within 2 ulp or so over the whole range, with
// libm's special values. Include after simd.h. Not for the scalar build, which calls libm.
#ifndef EMBER_BODIES_SIMD_MATH_H
#define EMBER_BODIES_SIMD_MATH_H

// p * x + c, for Horner's rule written downwards.
#define EMBER_HORNER(p, x, c) p = vfloat_fma(p, x, (vfloat)(c))

// MARK: Exponentials

// 2^n for -126 <= n <= 127.
EMBER_INLINE vfloat vfloat_power_of_2(vint n) {
  return __builtin_bit_cast(vfloat, (__builtin_bit_cast(vuint, n) + 127) << 23);
}
// v * 2^n for |n| < 252, in two steps so that only the last one can overflow or become subnormal.
EMBER_INLINE vfloat vfloat_scale(vfloat v, vint n) {
  vint half = n >> 1;
  return v * vfloat_power_of_2(half) * vfloat_power_of_2(n - half);
}
// Rounds to an integer by adding 1.5 * 2^23, where neighbouring floats are 1 apart; the low bits of that sum are the integer.
EMBER_INLINE vfloat vfloat_round_to_int(vfloat v, vint *integer) {
  const vfloat magic = (vfloat)12582912.0f;
  vfloat shifted = v + magic;
  // In unsigned arithmetic, because NaN's bits may overflow. Masked, so that NaN gives some small integer.
  vuint bits = __builtin_bit_cast(vuint, shifted) - __builtin_bit_cast(vuint, magic);
  *integer = __builtin_bit_cast(vint, bits << 20) >> 20;
  return shifted - magic;
}
// e^r - 1 for |r| <= ln 2 / 2, by a minimax polynomial: within 1.4e-8 of the result but for rounding.
EMBER_INLINE vfloat vfloat_expm1_reduced(vfloat r) {
  vfloat p = (vfloat)1.3870657422e-3f;
  EMBER_HORNER(p, r, 8.3662616089e-3f);
  EMBER_HORNER(p, r, 4.1667435318e-2f);
  EMBER_HORNER(p, r, 1.6666546464e-1f);
  EMBER_HORNER(p, r, 4.9999997020e-1f);
  return vfloat_fma(p, r * r, r);
}
// x = n ln 2 + r. ln 2 is split so that n times its first part is exact even without a fused multiply-add.
EMBER_INLINE vfloat vfloat_exp_reduce(vfloat x, vint *n) {
  vfloat rounded = vfloat_round_to_int(x * 1.44269504088896341f, n);
  vfloat r = vfloat_fma(rounded, (vfloat)-0.693359375f, x);
  return vfloat_fma(rounded, (vfloat)2.12194440e-4f, r);
}
EMBER_INLINE vfloat vfloat_exp(vfloat x) {
  // Beyond these the result is 0 or infinite. NaN passes: the comparisons are false.
  x = x > 89.0f ? (vfloat)89.0f : x;
  x = x < -104.0f ? (vfloat)-104.0f : x;
  vint n;
  vfloat r = vfloat_exp_reduce(x, &n);
  return vfloat_scale(vfloat_expm1_reduced(r) + 1.0f, n);
}
// e^x for x <= 0, with half the instructions: 0 below the smallest normal result.
EMBER_INLINE vfloat vfloat_exp_nonpositive(vfloat x) {
  // As in vfloat_round_to_int, but the low bits of the sum are n + 127, the exponent field of 2^n.
  const vfloat magic = (vfloat)12583039.0f;
  vfloat shifted = vfloat_fma(x, (vfloat)1.44269504088896341f, magic);
  vfloat rounded = shifted - magic;
  vfloat r = vfloat_fma(rounded, (vfloat)-0.693359375f, x);
  r = vfloat_fma(rounded, (vfloat)2.12194440e-4f, r);
  vfloat scale = __builtin_bit_cast(vfloat, __builtin_bit_cast(vuint, shifted) << 23);
  vfloat result = (vfloat_expm1_reduced(r) + 1.0f) * scale;
  return x < -87.0f ? (vfloat)0.0f : result;
}
EMBER_INLINE vfloat vfloat_exp2(vfloat x) {
  x = x > 129.0f ? (vfloat)129.0f : x;
  x = x < -151.0f ? (vfloat)-151.0f : x;
  vint n;
  vfloat r = x - vfloat_round_to_int(x, &n);
  return vfloat_scale(vfloat_expm1_reduced(r * 0.693147180559945309f) + 1.0f, n);
}
EMBER_INLINE vfloat vfloat_expm1(vfloat x) {
  vfloat y = x > 89.0f ? (vfloat)89.0f : x;
  y = y < -18.0f ? (vfloat)-18.0f : y;
  vint n;
  vfloat p = vfloat_expm1_reduced(vfloat_exp_reduce(y, &n));
  // 2^n p + (2^n - 1), halved, because 2^128 is not a float; n - 1 >= -27.
  vfloat half_scale = vfloat_power_of_2(n - 1);
  vfloat result = 2.0f * vfloat_fma(p, half_scale, half_scale - 0.5f);
  // Keeps -0, which the sum loses; and p is x there.
  return vfloat_abs(x) < 0x1p-24f ? x : result;
}
EMBER_INLINE vfloat vfloat_sigmoid(vfloat x) {
  // From e^-|x|, so that nothing overflows and the small side keeps its relative accuracy.
  vfloat e = vfloat_exp(-vfloat_abs(x));
  vfloat numerator = x < 0.0f ? e : (vfloat)1.0f;
  return numerator / (e + 1.0f);
}
EMBER_INLINE vfloat vfloat_tanh(vfloat x) {
  vfloat a = vfloat_abs(x);
  vfloat z = x * x;
  vfloat p = (vfloat)-5.70498872745e-3f;
  EMBER_HORNER(p, z, 2.06390887954e-2f);
  EMBER_HORNER(p, z, -5.37397155531e-2f);
  EMBER_HORNER(p, z, 1.33314422036e-1f);
  EMBER_HORNER(p, z, -3.33332819422e-1f);
  vfloat small = vfloat_fma(p * z, a, a);
  // From 10 on the result is 1; NaN passes.
  vfloat bounded = a > 10.0f ? (vfloat)10.0f : a;
  vint n;
  vfloat r = vfloat_exp_reduce(bounded + bounded, &n);
  vfloat e = (vfloat_expm1_reduced(r) + 1.0f) * vfloat_power_of_2(n);
  vfloat large = 1.0f - 2.0f / (e + 1.0f);
  return vfloat_copysign(a < 0.625f ? small : large, x);
}

// MARK: Logarithms

// Splits positive x into m 2^e with m in [sqrt(1/2), sqrt 2), subnormals included.
EMBER_INLINE vfloat vfloat_split(vfloat x, vfloat *exponent) {
  vint tiny = x < 0x1p-126f;
  x = tiny ? x * 0x1p23f : x;
  vuint bits = __builtin_bit_cast(vuint, x);
  // 0x3f3504f3 is sqrt(1/2): subtracting it puts the exponent's step there.
  vint e = __builtin_bit_cast(vint, bits - 0x3f3504f3u) >> 23;
  *exponent = __builtin_convertvector(e, vfloat) - (tiny ? (vfloat)23.0f : (vfloat)0.0f);
  return __builtin_bit_cast(vfloat, bits - (__builtin_bit_cast(vuint, e) << 23));
}
// log(1 + f) - f + f^2 / 2 for 1 + f in [sqrt(1/2), sqrt 2].
EMBER_INLINE vfloat vfloat_log_tail(vfloat f) {
  vfloat p = (vfloat)7.0376836292e-2f;
  EMBER_HORNER(p, f, -1.1514610310e-1f);
  EMBER_HORNER(p, f, 1.1676998740e-1f);
  EMBER_HORNER(p, f, -1.2420140846e-1f);
  EMBER_HORNER(p, f, 1.4249322787e-1f);
  EMBER_HORNER(p, f, -1.6668057665e-1f);
  EMBER_HORNER(p, f, 2.0000714765e-1f);
  EMBER_HORNER(p, f, -2.4999993993e-1f);
  EMBER_HORNER(p, f, 3.3333331174e-1f);
  return p * f * (f * f);
}
// log(1 + f) + e ln 2.
EMBER_INLINE vfloat vfloat_log_join(vfloat f, vfloat e) {
  vfloat tail = vfloat_fma(e, (vfloat)-2.12194440e-4f, vfloat_log_tail(f));
  tail = vfloat_fma(f * f, (vfloat)-0.5f, tail);
  return vfloat_fma(e, (vfloat)0.693359375f, f + tail);
}
// The results of a logarithm that its polynomial does not give: x = 0, negative, infinite, NaN.
EMBER_INLINE vfloat vfloat_log_special(vfloat x, vfloat result) {
  result = x == INFINITY ? x : result;
  result = x == 0.0f ? (vfloat)-INFINITY : result;
  result = x < 0.0f ? (vfloat)NAN : result;
  return x != x ? x : result;
}
EMBER_INLINE vfloat vfloat_log(vfloat x) {
  vfloat e;
  vfloat m = vfloat_split(x, &e);
  return vfloat_log_special(x, vfloat_log_join(m - 1.0f, e));
}
// log2 and log10 multiply by a constant 1 + c, or by one split in two, so that the leading term is not rounded again.
EMBER_INLINE vfloat vfloat_log2(vfloat x) {
  vfloat e;
  vfloat f = vfloat_split(x, &e) - 1.0f;
  vfloat tail = vfloat_fma(f * f, (vfloat)-0.5f, vfloat_log_tail(f));
  vfloat sum = vfloat_fma(tail, (vfloat)0.44269504088896340736f, f * 0.44269504088896340736f);
  return vfloat_log_special(x, ((sum + tail) + f) + e);
}
EMBER_INLINE vfloat vfloat_log10(vfloat x) {
  vfloat e;
  vfloat f = vfloat_split(x, &e) - 1.0f;
  vfloat tail = vfloat_fma(f * f, (vfloat)-0.5f, vfloat_log_tail(f));
  vfloat sum = vfloat_fma(f, (vfloat)7.00731903251827651129e-4f, tail * 7.00731903251827651129e-4f);
  sum = vfloat_fma(e, (vfloat)2.48745663981195213739e-4f, sum);
  sum = vfloat_fma(tail, (vfloat)4.3359375e-1f, sum);
  sum = vfloat_fma(f, (vfloat)4.3359375e-1f, sum);
  return vfloat_log_special(x, vfloat_fma(e, (vfloat)3.0078125e-1f, sum));
}
EMBER_INLINE vfloat vfloat_log1p(vfloat x) {
  vfloat u = 1.0f + x;
  // What the addition lost, in the scale of the mantissa.
  vfloat lost = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f);
  vfloat e;
  vfloat m = vfloat_split(u, &e);
  vint exponent = __builtin_convertvector(e, vint);
  exponent = exponent > 100 ? (vint)100 : exponent;
  vfloat f = (m - 1.0f) + lost * vfloat_power_of_2(-exponent);
  vfloat result = vfloat_log_special(u, vfloat_log_join(f, e));
  return vfloat_abs(x) < 0x1p-24f ? x : result;
}

// MARK: Trigonometry

// Beyond this the reduction below is not exact enough, and libm does those lanes.
#if EMBER_HAS_FMA
#define EMBER_TRIGONOMETRIC_LIMIT 1e8f
#else
#define EMBER_TRIGONOMETRIC_LIMIT 1e6f
#endif

// x = n pi/2 + r, |r| <= pi/4. In double: n pi/2 in float would lose most of r's bits.
EMBER_INLINE vdouble2 vfloat_reduce_quadrant(vfloat x, vint *quadrant) {
  vdouble2 wide = __builtin_convertvector(x, vdouble2);
  const double magic = 6755399441055744.0;  // 1.5 * 2^52
  vdouble2 shifted = vdouble2_fma(wide, (vdouble2)0.636619772367581343, (vdouble2)magic);
  vdouble2 n = shifted - magic;
  *quadrant = __builtin_convertvector(__builtin_bit_cast(vlong2, shifted), vint);
  // The first part has 33 bits: without a fused multiply-add its product with n is exact up to 20 bits of n.
  vdouble2 r = vdouble2_fma(n, (vdouble2)-1.57079632673412561417e+00, wide);
  return vdouble2_fma(n, (vdouble2)-6.07710050650619224932e-11, r);
}
EMBER_INLINE vfloat vfloat_sin_reduced(vfloat r) {
  vfloat z = r * r;
  vfloat p = (vfloat)-1.9515295891e-4f;
  EMBER_HORNER(p, z, 8.3321608736e-3f);
  EMBER_HORNER(p, z, -1.6666654611e-1f);
  return vfloat_fma(p * z, r, r);
}
EMBER_INLINE vfloat vfloat_cos_reduced(vfloat r) {
  vfloat z = r * r;
  vfloat p = (vfloat)2.443315711809948e-5f;
  EMBER_HORNER(p, z, -1.388731625493765e-3f);
  EMBER_HORNER(p, z, 4.166664568298827e-2f);
  return vfloat_fma(p, z * z, vfloat_fma(z, (vfloat)-0.5f, (vfloat)1.0f));
}
// sin (shift 0) or cos (shift 1) of x.
EMBER_INLINE vfloat vfloat_sine(vfloat x, int shift) {
  vint quadrant;
  vfloat r = __builtin_convertvector(vfloat_reduce_quadrant(x, &quadrant), vfloat);
  quadrant += shift;
  vfloat result = (quadrant & 1) != 0 ? vfloat_cos_reduced(r) : vfloat_sin_reduced(r);
  vuint flip = (__builtin_bit_cast(vuint, quadrant) & 2) << 30;
  return __builtin_bit_cast(vfloat, __builtin_bit_cast(vuint, result) ^ flip);
}
// Lanes too large for the vector way (not infinities and NaN, which it turns into NaN).
#define EMBER_TRIGONOMETRIC_FALLBACK(x, result, function)                                      \
  vint large = vfloat_abs(x) > EMBER_TRIGONOMETRIC_LIMIT;                                      \
  if (__builtin_expect(vint_any(large), 0))                                                    \
    for (int i = 0; i < EMBER_LANES; i++)                                                      \
      if (large[i]) result[i] = function(x[i]);
EMBER_INLINE vfloat vfloat_sin(vfloat x) {
  // Adding 0 would lose the sign of -0; the product with a polynomial keeps it, but the reduction does not.
  vfloat result = vfloat_abs(x) < 0x1p-12f ? x : vfloat_sine(x, 0);
  EMBER_TRIGONOMETRIC_FALLBACK(x, result, sinf)
  return result;
}
EMBER_INLINE vfloat vfloat_cos(vfloat x) {
  vfloat result = vfloat_sine(x, 1);
  EMBER_TRIGONOMETRIC_FALLBACK(x, result, cosf)
  return result;
}
EMBER_INLINE vfloat vfloat_tan(vfloat x) {
  vint quadrant;
  // All in double: the quotient of two rounded floats would be 2.5 ulp off.
  vdouble2 r = vfloat_reduce_quadrant(x, &quadrant);
  vdouble2 z = r * r;
  vdouble2 s = vdouble2_fma(z, (vdouble2)2.75573137070700676789e-06, (vdouble2)-1.98412698298579493134e-04);
  s = vdouble2_fma(s, z, (vdouble2)8.33333333332248946124e-03);
  s = vdouble2_fma(s, z, (vdouble2)-1.66666666666666324348e-01);
  s = vdouble2_fma(s * z, r, r);
  vdouble2 c = vdouble2_fma(z, (vdouble2)-2.75573143513906633035e-07, (vdouble2)2.48015872894767294178e-05);
  c = vdouble2_fma(c, z, (vdouble2)-1.38888888888741095749e-03);
  c = vdouble2_fma(c, z, (vdouble2)4.16666666666666019037e-02);
  c = vdouble2_fma(c, z, (vdouble2)-0.5);
  c = vdouble2_fma(c, z, (vdouble2)1.0);
  vlong2 odd = (__builtin_convertvector(quadrant, vlong2) & 1) != 0;
  vdouble2 numerator = odd ? -c : s, denominator = odd ? s : c;
  vfloat quotient = __builtin_convertvector(numerator / denominator, vfloat);
  vfloat result = vfloat_abs(x) < 0x1p-12f ? x : quotient;
  EMBER_TRIGONOMETRIC_FALLBACK(x, result, tanf)
  return result;
}

// MARK: Powers and the error function

// e^x in double for |x| < 700, to about 1e-11: enough for a float result.
EMBER_INLINE vdouble2 vdouble2_exp(vdouble2 x) {
  const double magic = 6755399441055744.0;
  vdouble2 shifted = vdouble2_fma(x, (vdouble2)1.44269504088896338700, (vdouble2)magic);
  vdouble2 n = shifted - magic;
  vdouble2 r = vdouble2_fma(n, (vdouble2)-6.93147180369123816490e-01, x);
  r = vdouble2_fma(n, (vdouble2)-1.90821492927058770002e-10, r);
  vdouble2 p = (vdouble2)(1.0 / 40320);
  p = vdouble2_fma(p, r, (vdouble2)(1.0 / 5040));
  p = vdouble2_fma(p, r, (vdouble2)(1.0 / 720));
  p = vdouble2_fma(p, r, (vdouble2)(1.0 / 120));
  p = vdouble2_fma(p, r, (vdouble2)(1.0 / 24));
  p = vdouble2_fma(p, r, (vdouble2)(1.0 / 6));
  p = vdouble2_fma(p, r, (vdouble2)0.5);
  p = vdouble2_fma(p, r, (vdouble2)1.0);
  p = vdouble2_fma(p, r, (vdouble2)1.0);
  typedef EMBER_VECTOR(uint64_t, EMBER_LANES) bits;
  return __builtin_bit_cast(vdouble2, (__builtin_bit_cast(bits, shifted) + 1023) << 52) * p;
}
// log x in double for positive, finite, normal x, to about 1e-12.
EMBER_INLINE vdouble2 vdouble2_log(vdouble2 x) {
  typedef EMBER_VECTOR(uint64_t, EMBER_LANES) bits_type;
  bits_type bits = __builtin_bit_cast(bits_type, x);
  // 0x3fe6a09e667f3bcd is sqrt(1/2). The exponent is made a double by its bits, for there is no such conversion before AVX-512.
  vlong2 e = __builtin_bit_cast(vlong2, bits - 0x3fe6a09e667f3bcdull) >> 52;
  vdouble2 exponent = __builtin_convertvector(__builtin_convertvector(e, vint), vdouble2);
  vdouble2 m = __builtin_bit_cast(vdouble2, bits - (__builtin_bit_cast(bits_type, e) << 52));
  vdouble2 s = (m - 1.0) / (m + 1.0);
  vdouble2 z = s * s;
  vdouble2 p = (vdouble2)(2.0 / 13);
  p = vdouble2_fma(p, z, (vdouble2)(2.0 / 11));
  p = vdouble2_fma(p, z, (vdouble2)(2.0 / 9));
  p = vdouble2_fma(p, z, (vdouble2)(2.0 / 7));
  p = vdouble2_fma(p, z, (vdouble2)(2.0 / 5));
  p = vdouble2_fma(p, z, (vdouble2)(2.0 / 3));
  p = vdouble2_fma(p, z, (vdouble2)2.0);
  return vdouble2_fma(exponent, (vdouble2)0.693147180559945309, p * s);
}
// x^y as e^(y log |x|) in double, with C's special cases.
EMBER_INLINE vfloat vfloat_pow(vfloat x, vfloat y) {
  vfloat a = vfloat_abs(x);
  vdouble2 logarithm = vdouble2_log(__builtin_convertvector(a, vdouble2));
  // 2^1024-sized stand-ins for the logarithms of 0 and infinity: any y but 0 then over- or underflows a float.
  vlong2 zero = __builtin_convertvector(a == 0.0f, vlong2), infinite = __builtin_convertvector(a == INFINITY, vlong2);
  logarithm = zero ? (vdouble2)-1e50 : logarithm;
  logarithm = infinite ? (vdouble2)1e50 : logarithm;
  vdouble2 product = logarithm * __builtin_convertvector(y, vdouble2);
  product = product > 200.0 ? (vdouble2)200.0 : product;
  product = product < -200.0 ? (vdouble2)-200.0 : product;
  vfloat result = __builtin_convertvector(vdouble2_exp(product), vfloat);
  // A negative base: odd y negates, y that is no integer is an error. Floats from 2^24 on are even.
  vfloat absolute_y = vfloat_abs(y);
  vfloat truncated = __builtin_elementwise_trunc(y);
  vfloat half = y * 0.5f;
  vint odd = (absolute_y < 0x1p24f) & (truncated == y) & (__builtin_elementwise_trunc(half) != half);
  vint sign = (vfloat_bits(x) & (int32_t)0x80000000) & odd;
  result = vint_as_float(vfloat_bits(result) | sign);
  vint invalid = (x < 0.0f) & (a != INFINITY) & (truncated != y);
  result = invalid ? (vfloat)NAN : result;
  result = ((x != x) | (y != y)) ? x + y : result;
  vint one = (y == 0.0f) | (x == 1.0f) | ((x == -1.0f) & (absolute_y == INFINITY));
  return one ? (vfloat)1.0f : result;
}
EMBER_INLINE vfloat vfloat_erf(vfloat x) {
  vfloat a = vfloat_abs(x), s = x * x;
  // |x| > 475/512: 1 - e^poly; below: an odd polynomial.
  vfloat r = vfloat_fma((vfloat)-1.72853470e-5f, a, (vfloat)3.83197126e-4f);
  vfloat u = vfloat_fma((vfloat)-3.88396438e-3f, a, (vfloat)2.42546219e-2f);
  r = vfloat_fma(r, s, u);
  EMBER_HORNER(r, a, -1.06777877e-1f);
  EMBER_HORNER(r, a, -6.34846687e-1f);
  EMBER_HORNER(r, a, -1.28717512e-1f);
  r = vfloat_fma(r, a, -a);
  // The polynomial is made for |x| < 4 or so; from there on the result is 1.
  r = a > 4.0f ? (vfloat)-20.0f : r;
  vint n;
  vfloat reduced = vfloat_expm1_reduced(vfloat_exp_reduce(r, &n));
  vfloat scale = vfloat_power_of_2(n);
  vfloat large = (1.0f - scale) - reduced * scale;
  vfloat p = (vfloat)-5.96761703e-4f;
  EMBER_HORNER(p, s, 4.99119423e-3f);
  EMBER_HORNER(p, s, -2.67681349e-2f);
  EMBER_HORNER(p, s, 1.12819925e-1f);
  EMBER_HORNER(p, s, -3.76125336e-1f);
  EMBER_HORNER(p, s, 1.28379166e-1f);
  vfloat small = vfloat_fma(p, x, x);
  return a > 0.927734375f ? vfloat_copysign(large, x) : small;
}
EMBER_INLINE vfloat vfloat_erfc(vfloat x) {
  // e^(-x^2) g(t) / (1 + 2|x|) in double, t = (|x| - 3) / (|x| + 3); g fitted to 1e-9.
  vfloat a = vfloat_abs(x);
  a = a > 10.5f ? (vfloat)10.5f : a;
  vdouble2 w = __builtin_convertvector(a, vdouble2);
  // 1 / ((w + 3)(1 + 2 w)) gives both quotients with one division.
  vdouble2 near = w + 3.0, far = vdouble2_fma(w, (vdouble2)2.0, (vdouble2)1.0);
  vdouble2 inverse = 1.0 / (near * far);
  vdouble2 t = (w - 3.0) * (inverse * far);
  vdouble2 p = (vdouble2)3.8918792374562273e-5;
  p = vdouble2_fma(p, t, (vdouble2)-0.00017331457432859529);
  p = vdouble2_fma(p, t, (vdouble2)-0.0007358259443179399);
  p = vdouble2_fma(p, t, (vdouble2)0.0019461827966785984);
  p = vdouble2_fma(p, t, (vdouble2)0.0025251084583269761);
  p = vdouble2_fma(p, t, (vdouble2)-0.023787563526059319);
  p = vdouble2_fma(p, t, (vdouble2)0.068307031808927123);
  p = vdouble2_fma(p, t, (vdouble2)-0.11927152689326243);
  p = vdouble2_fma(p, t, (vdouble2)0.12964532245966241);
  p = vdouble2_fma(p, t, (vdouble2)-0.047562392632067595);
  p = vdouble2_fma(p, t, (vdouble2)-0.13562111053196166);
  p = vdouble2_fma(p, t, (vdouble2)1.2530080590273496);
  vdouble2 positive = vdouble2_exp(-(w * w)) * p * (inverse * near);
  vlong2 negative = __builtin_convertvector(x < 0.0f, vlong2);
  return __builtin_convertvector(negative ? 2.0 - positive : positive, vfloat);
}

// 1 / v for v from 1 to infinity.
EMBER_INLINE vfloat vfloat_reciprocal_from_1(vfloat v) {
#if EMBER_BUILD_ISA == EMBER_BUILD_AVX512
  // Fourteen bits and one Newton step are half the time of a division. At infinity the step would make NaN of 0.
  v = v > 0x1p60f ? (vfloat)0x1p60f : v;
  vfloat r = (vfloat)_mm512_rcp14_ps((__m512)v);
  return vfloat_fma(r, vfloat_fma(-v, r, (vfloat)1.0f), r);
#else
  return 1.0f / v;
#endif
}
// Φ(x), the normal distribution, from its tail e^(-x²/2) p(t) with t = 1 / (1 + 0.4 |x|); p fitted to 7e-8. `density` receives the
// exponential. Both tails keep their relative accuracy.
EMBER_INLINE vfloat vfloat_normal(vfloat x, vfloat *density) {
  vfloat s = vfloat_reciprocal_from_1(vfloat_fma((vfloat)0.4f, vfloat_abs(x), (vfloat)1.0f)) - 0.625f;
  vfloat p = (vfloat)-0.04007510468363762f;
  EMBER_HORNER(p, s, 0.002271984238177538f);
  EMBER_HORNER(p, s, 0.07086528837680817f);
  EMBER_HORNER(p, s, -0.046135492622852325f);
  EMBER_HORNER(p, s, -0.12650403380393982f);
  EMBER_HORNER(p, s, 0.14302225410938263f);
  EMBER_HORNER(p, s, 0.5168792605400085f);
  EMBER_HORNER(p, s, 0.5777360200881958f);
  EMBER_HORNER(p, s, 0.20578065514564514f);
  *density = vfloat_exp_nonpositive(x * x * -0.5f);
  vfloat tail = *density * p;
  return x > 0.0f ? 1.0f - tail : tail;
}
EMBER_INLINE vfloat vfloat_gelu(vfloat x) {
  vfloat density;
  return x * vfloat_normal(x, &density);
}
EMBER_INLINE vfloat vfloat_gelu_gradient(vfloat x, vfloat g) {
  vfloat density, normal = vfloat_normal(x, &density);
  return g * vfloat_fma(x * 0.398942280401432678f, density, normal);
}

#undef EMBER_HORNER
#endif
