// Scalar helpers of the pointwise kernels: what neither an instruction nor libm has. Include after simd.h.
#ifndef EMBER_BODIES_SPECIAL_H
#define EMBER_BODIES_SPECIAL_H

// The reentrant forms: lgamma itself writes a global variable, a data race. Declared here because C11 mode hides them.
extern double lgamma_r(double, int *);
extern float lgammaf_r(float, int *);
EMBER_INLINE double ember_lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}
EMBER_INLINE float ember_lgammaf(float x) {
  int sign;
  return lgammaf_r(x, &sign);
}

// Derivative of lgamma: reflected to positive x, raised to x >= 10 by the recurrence, then the asymptotic series.
static inline __attribute__((unused)) double ember_digamma(double x) {
  if (x == 0) return copysign(INFINITY, -x);
  if (x == -INFINITY) return NAN;
  double result = 0;
  if (x < 0) {
    double whole = trunc(x);
    if (x == whole) return NAN;
    // The fraction first: tan(pi x) itself would lose the bits of a large x.
    result = -3.14159265358979323846 / tan(3.14159265358979323846 * (x - whole));
    x = 1 - x;
  }
  while (x < 10) {
    result -= 1 / x;
    x += 1;
  }
  if (x < 1e17) {
    double z = 1 / (x * x);
    double p = 8.33333333333333333333e-2;
    p = p * z - 2.10927960927960927961e-2;
    p = p * z + 7.57575757575757575758e-3;
    p = p * z - 4.16666666666666666667e-3;
    p = p * z + 3.96825396825396825397e-3;
    p = p * z - 8.33333333333333333333e-3;
    p = p * z + 8.33333333333333333333e-2;
    result -= p * z;
  }
  return result + log(x) - 0.5 / x;
}

// Inverse of erf: Giles' approximation, then two Newton steps, on erfc near ±1 where erf has no bits left.
static inline __attribute__((unused)) double ember_erfinv(double y) {
  double a = fabs(y);
  if (!(a < 1)) return a == 1 ? copysign(INFINITY, y) : NAN;
  double w = -log1p(-a * a), x;
  if (w < 5) {
    w -= 2.5;
    x = 2.81022636e-08;
    x = 3.43273939e-07 + x * w;
    x = -3.5233877e-06 + x * w;
    x = -4.39150654e-06 + x * w;
    x = 0.00021858087 + x * w;
    x = -0.00125372503 + x * w;
    x = -0.00417768164 + x * w;
    x = 0.246640727 + x * w;
    x = 1.50140941 + x * w;
  } else {
    w = sqrt(w) - 3;
    x = -0.000200214257;
    x = 0.000100950558 + x * w;
    x = 0.00134934322 + x * w;
    x = -0.00367342844 + x * w;
    x = 0.00573950773 + x * w;
    x = -0.0076224613 + x * w;
    x = 0.00943887047 + x * w;
    x = 1.00167406 + x * w;
    x = 2.83297682 + x * w;
  }
  x *= a;
  for (int step = 0; step < 2; step++) {
    double error = a < 0.5 ? erf(x) - a : (1 - a) - erfc(x);
    x -= error / (1.12837916709551257390 * exp(-x * x));
  }
  return copysign(x, y);
}

EMBER_INLINE uint64_t ember_gcd(uint64_t a, uint64_t b) {
  while (b != 0) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// base^exponent modulo 2^64, exponent >= 0.
EMBER_INLINE uint64_t ember_integer_power(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

// Python's a // b and a % b, as PyTorch computes them for floats.
EMBER_INLINE double ember_floor_divide(double a, double b) {
  if (b == 0) return a / b;
  double rest = fmod(a, b), quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return copysign(0, a / b);
  double rounded = floor(quotient);
  return quotient - rounded > 0.5 ? rounded + 1 : rounded;
}
EMBER_INLINE float ember_floor_dividef(float a, float b) {
  if (b == 0) return a / b;
  float rest = fmodf(a, b), quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return copysignf(0, a / b);
  float rounded = floorf(quotient);
  return quotient - rounded > 0.5f ? rounded + 1 : rounded;
}
EMBER_INLINE double ember_remainder(double a, double b) {
  double rest = fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}
EMBER_INLINE float ember_remainderf(float a, float b) {
  float rest = fmodf(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

// Float to integer: what x86's conversion gives where C leaves it undefined, so that no input traps.
EMBER_INLINE int32_t ember_float_to_int32(float x) {
  return x >= -0x1p31f && x < 0x1p31f ? (int32_t)x : INT32_MIN;
}
EMBER_INLINE int64_t ember_float_to_int64(float x) {
  return x >= -0x1p63f && x < 0x1p63f ? (int64_t)x : INT64_MIN;
}
EMBER_INLINE int32_t ember_double_to_int32(double x) {
  return x > -0x1p31 - 1 && x < 0x1p31 ? (int32_t)x : INT32_MIN;
}
EMBER_INLINE int64_t ember_double_to_int64(double x) {
  return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}
EMBER_INLINE uint64_t ember_double_to_uint64(double x) {
  return x >= 0x1p63 && x < 0x1p64 ? (uint64_t)x : (uint64_t)ember_double_to_int64(x);
}

#endif
