// Bessel and Airy functions, the scaled error function and the normal quantile.
#define _XOPEN_SOURCE 700  // j0 and its kin, which C11 mode hides
#include "special_functions.h"

#include <math.h>
#include <stddef.h>

#include "special_function_tables.h"

#define PI 3.14159265358979323846
#define SQRT_HALF 0.70710678118654752440

// Clenshaw's recurrence.
static double chebyshev_sum(const double *coefficients, size_t count, double t) {
  double next = 0, current = 0;
  for (size_t k = count - 1; k > 0; k--) {
    const double previous = 2 * t * current - next + coefficients[k];
    next = current;
    current = previous;
  }
  return t * current - next + coefficients[0] / 2;
}
#define SERIES(table, t) chebyshev_sum(table, sizeof(table) / sizeof(table)[0], t)

// MARK: Bessel functions

// At infinity the result is NaN, as PyTorch has it: no limit is taken.
double ember_bessel_j0(double x) { return isinf(x) ? NAN : j0(x); }
double ember_bessel_j1(double x) { return isinf(x) ? NAN : j1(x); }
double ember_bessel_y0(double x) { return x < 0 || isinf(x) ? NAN : x == 0 ? -INFINITY : y0(x); }
double ember_bessel_y1(double x) { return x < 0 || isinf(x) ? NAN : x == 0 ? -INFINITY : y1(x); }

double ember_scaled_bessel_i0(double x) {
  x = fabs(x);
  if (x <= 8) return SERIES(i0_near, x / 4 - 1);
  return SERIES(i0_far, 16 / x - 1) / sqrt(x);
}
double ember_scaled_bessel_i1(double x) {
  const double a = fabs(x);
  const double y = a <= 8 ? SERIES(i1_near, a / 4 - 1) * a : SERIES(i1_far, 16 / a - 1) / sqrt(a);
  return copysign(y, x);
}
// Half of the exponential at a time: the product overflows later than the exponential does.
static double times_exp(double y, double x) {
  const double half = exp(x / 2);
  return y * half * half;
}
double ember_modified_bessel_i0(double x) { return times_exp(ember_scaled_bessel_i0(x), fabs(x)); }
double ember_modified_bessel_i1(double x) { return times_exp(ember_scaled_bessel_i1(x), fabs(x)); }

static double k0_near_origin(double x) {
  return SERIES(k0_near, x * x / 2 - 1) - log(x / 2) * ember_modified_bessel_i0(x);
}
static double k1_near_origin(double x) {
  return log(x / 2) * ember_modified_bessel_i1(x) + SERIES(k1_near, x * x / 2 - 1) / x;
}
double ember_modified_bessel_k0(double x) {
  if (x == 0) return INFINITY;
  if (x < 0) return NAN;
  return x <= 2 ? k0_near_origin(x) : times_exp(SERIES(k0_far, 4 / x - 1) / sqrt(x), -x);
}
double ember_modified_bessel_k1(double x) {
  if (x == 0) return INFINITY;
  if (x < 0) return NAN;
  return x <= 2 ? k1_near_origin(x) : times_exp(SERIES(k1_far, 4 / x - 1) / sqrt(x), -x);
}
double ember_scaled_bessel_k0(double x) {
  if (x == 0) return INFINITY;
  if (x < 0) return NAN;
  return x <= 2 ? k0_near_origin(x) * exp(x) : SERIES(k0_far, 4 / x - 1) / sqrt(x);
}
double ember_scaled_bessel_k1(double x) {
  if (x == 0) return INFINITY;
  if (x < 0) return NAN;
  return x <= 2 ? k1_near_origin(x) * exp(x) : SERIES(k1_far, 4 / x - 1) / sqrt(x);
}

// MARK: Airy function

double ember_airy_ai(double x) {
  if (isnan(x)) return x;
  // As PyTorch has it: no limit is taken.
  if (isinf(x)) return NAN;
  const double a = fabs(x);
  if (a >= 1) {
    const double root = sqrt(a), z = 2.0 / 3 * a * root;
    const double t = 4.0 / 3 / z - 1, scale = 1 / sqrt(PI * root);
    if (x > 0) return times_exp(scale / 2 * SERIES(airy_right, t), -z);
    const double s = SERIES(airy_left_sine, t), c = SERIES(airy_left_cosine, t);
    return scale * (sin(z + PI / 4) * s - cos(z + PI / 4) * c);
  }
  // Ai(0) f(x) + Ai'(0) g(x), Maclaurin's series of the two solutions.
  const double cube = x * x * x;
  double f = 1, g = x, f_term = 1, g_term = x;
  for (int k = 1; k < 12; k++) {
    f_term *= cube / ((3 * k - 1) * (3.0 * k));
    g_term *= cube / ((3 * k) * (3.0 * k + 1));
    f += f_term;
    g += g_term;
  }
  return 0.35502805388781723926 * f - 0.25881940379280679840 * g;
}

// MARK: Error function and normal distribution

double ember_erfcx(double x) {
  if (x < -26.7) return INFINITY;
  const double a = fabs(x);
  // Beyond, the series' argument is 1 to the last bit, and the asymptotic expansion is exact.
  double y = a > 1e7 ? 0.56418958354775628695 / a : SERIES(erfcx_series, (a - 3.75) / (a + 3.75)) / (1 + 2 * a);
  if (x >= 0 || isnan(x)) return y;
  // exp(x^2) with the bits of x^2 that a double does not hold.
  const double square = a * a, lost = fma(a, a, -square);
  const double e = exp(square);
  return 2 * (e + e * lost) - y;
}

double ember_ndtri(double p) {
  if (p == 0) return -INFINITY;
  if (p == 1) return INFINITY;
  if (!(p > 0 && p < 1)) return NAN;
  const int upper = p > 0.5;
  const double q = upper ? 1 - p : p;
  // Acklam's rational approximations, good to 1.2e-9.
  double x;
  if (q < 0.02425) {
    const double t = sqrt(-2 * log(q));
    x = (((((-7.784894002430293e-03 * t - 3.223964580411365e-01) * t - 2.400758277161838e+00) * t - 2.549732539343734e+00) * t +
          4.374664141464968e+00) * t + 2.938163982698783e+00) /
        ((((7.784695709041462e-03 * t + 3.224671290700398e-01) * t + 2.445134137142996e+00) * t + 3.754408661907416e+00) * t + 1);
  } else {
    const double s = q - 0.5, r = s * s;
    x = (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r + 1.383577518672690e+02) * r -
          3.066479806614716e+01) * r + 2.506628277459239e+00) * s /
        (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r + 6.680131188771972e+01) * r -
          1.328068155288572e+01) * r + 1);
  }
  // One of Halley's steps for Phi(x) = q. Both sides are divided by the density, which may be smaller than any double.
  const double u = 1.25331413731550025121 * ember_erfcx(-x * SQRT_HALF) - 2.50662827463100050242 * exp(log(q) + x * x / 2);
  x -= u / (1 + x * u / 2);
  return upper ? -x : x;
}
