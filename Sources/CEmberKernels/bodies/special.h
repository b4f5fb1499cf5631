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

// Σ over k >= 0 of (x + k)^-s for integer s >= 2 and x > 0: terms up to where the Euler-Maclaurin formula takes over.
static inline __attribute__((unused)) double ember_hurwitz_zeta(double s, double x) {
  // (2k)! / B(2k).
  static const double scale[12] = {12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10,
                                   -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15,
                                   1.8152105401943546773e17, -7.1661652561756670113e18};
  double sum = 0;
  for (int k = 0; k < 12 || x < 12; k++) {
    const double term = pow(x, -s);
    sum += term;
    x += 1;
    if (term <= sum * 0x1p-60) return sum;
  }
  double power = pow(x, -s), factor = s;
  sum += power * x / (s - 1) + power / 2;
  for (int k = 0; k < 12; k++) {
    power /= x;
    const double term = factor * power / scale[k];
    sum += term;
    if (fabs(term) <= sum * 0x1p-60) break;
    power /= x;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
  }
  return sum;
}

// The n-th derivative of digamma: (-1)^(n + 1) n! ζ(n + 1, x); NaN unless n is 0, 1, 2, …
static inline __attribute__((unused)) double ember_polygamma(double n, double x) {
  if (n == 0) return ember_digamma(x);
  if (!(n >= 1) || n != floor(n) || x != x) return NAN;
  const double s = n + 1, sign = fmod(n, 2) == 1 ? 1 : -1;
  if (x == INFINITY) return 0 * sign;
  if (x == -INFINITY) return NAN;
  const double factor = sign * (n <= 170 ? tgamma(s) : exp(lgamma(s)));
  if (x > 0) return factor * ember_hurwitz_zeta(s, x);
  if (x == floor(x)) return factor * INFINITY;
  // The terms below 0, counted from there, are a zeta function's first ones with (-1)^s.
  const double fraction = x - floor(x), below = 1 - fraction;
  const double passed = ember_hurwitz_zeta(s, below) - ember_hurwitz_zeta(s, 1 - x);
  return factor * (ember_hurwitz_zeta(s, fraction) + (fmod(s, 2) == 0 ? passed : -passed));
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
  if (quotient == 0) return copysign(0.0, a / b);
  double rounded = floor(quotient);
  return quotient - rounded > 0.5 ? rounded + 1 : rounded;
}
EMBER_INLINE float ember_floor_dividef(float a, float b) {
  if (b == 0) return a / b;
  float rest = fmodf(a, b), quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return copysignf(0.0f, a / b);
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
