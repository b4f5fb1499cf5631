// Hurwitz' zeta function and the incomplete gamma functions.
#define _XOPEN_SOURCE 700  // lgamma_r
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "special_functions.h"

extern double lgamma_r(double, int *);

static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

// MARK: Zeta

// The sum for positive q: nine terms at least, then Euler and Maclaurin's formula.
static double zeta_right(double x, double q) {
  // (2 k)! / B_2k
  static const double divisors[12] = {
      12.0,
      -720.0,
      30240.0,
      -1209600.0,
      47900160.0,
      -1.307674368e12 / 691,
      7.47242496e10,
      -1.067062284288e16 / 3617,
      5.109094217170944e18 / 43867,
      -8.028576626982912e20 / 174611,
      1.5511210043330985984e23 / 854513,
      -1.6938241367317436694528e27 / 236364091,
  };
  double sum = pow(q, -x), a = q, power = 0;
  for (int i = 0; i < 9 || a <= 9; i++) {
    a += 1;
    power = pow(a, -x);
    sum += power;
    if (power < DBL_EPSILON / 2 * sum) return sum;
  }
  sum += power * a / (x - 1) - 0.5 * power;
  double factor = 1, k = 0;
  for (int i = 0; i < 12; i++) {
    factor *= x + k;
    power /= a;
    const double term = factor * power / divisors[i];
    sum += term;
    if (fabs(term / sum) < DBL_EPSILON / 2) return sum;
    k += 1;
    factor *= x + k;
    power /= a;
    k += 1;
  }
  return sum;
}

double ember_zeta(double x, double q) {
  if (x == 1) return INFINITY;
  if (x < 1) return NAN;
  // A pole whatever x is, even NaN, as PyTorch has it.
  if (q <= 0 && q == floor(q)) return INFINITY;
  if (isnan(x) || isnan(q)) return NAN;
  if (q > 0) return zeta_right(x, q);
  if (x != floor(x)) return NAN;
  // The terms left of zero are those of two sums to the right, whose number is that of the steps to the first positive term.
  const double steps = -floor(q), first = q + steps;
  const double right = zeta_right(x, first), near = zeta_right(x, 1 - first);
  if (isinf(right) || isinf(near)) return INFINITY;
  const double left = near - zeta_right(x, 1 - first + steps);
  return right + (fmod(x, 2) == 0 ? left : -left);
}

// MARK: Incomplete gamma

enum { MAXIMUM_TERMS = 20000 };

// x^a e^-x / Gamma(a + 1), by the deviation of x from a where both are large (Loader's form of the Poisson density).
static double gamma_prefactor(double a, double x) {
  if (a < 20) return exp(a * log(x) - x - log_gamma(a + 1));
  const double deviation = (x - a) / a, inverse = 1 / a, square = inverse * inverse;
  const double stirling = inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)));
  // log1p(d) - d, from the ratio itself where x is tiny beside a.
  const double exponent = a * ((deviation < -0.9 ? log(x / a) : log1p(deviation)) - deviation);
  return exp(exponent - stirling) / sqrt(6.28318530717958647693 * a);
}

// P by its power series: for x that is not much larger than a.
static double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < MAXIMUM_TERMS && term > sum * (DBL_EPSILON / 4); n++) {
    term *= x / (a + n);
    sum += term;
  }
  return gamma_prefactor(a, x) * sum;
}

// Q by Legendre's continued fraction (Lentz' method): for x > a and not small.
static double upper_fraction(double a, double x) {
  const double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int n = 1; n < MAXIMUM_TERMS; n++) {
    const double numerator = -n * (n - a);
    b += 2;
    d = numerator * d + b;
    if (fabs(d) < tiny) d = tiny;
    c = b + numerator / c;
    if (fabs(c) < tiny) c = tiny;
    d = 1 / d;
    const double factor = d * c;
    h *= factor;
    if (fabs(factor - 1) < DBL_EPSILON) break;
  }
  return gamma_prefactor(a, x) * a * h;
}

// log Gamma(1 + a) without the rounding of 1 + a.
static double log_gamma_1p(double a) {
  if (a > 1e-3) return log_gamma(1 + a);
  return a * (-0.57721566490153286061 +
              a * (0.82246703342411321824 +
                   a * (-0.40068563438653142847 + a * (0.27058080842778454788 - a * 0.20738555102867398527))));
}

// Q for small x: 1 - P would cancel where P is near 1.
static double upper_series(double a, double x) {
  double factor = 1, sum = 0;
  for (int n = 1; n < 500; n++) {
    factor *= -x / n;
    const double term = factor / (a + n);
    sum += term;
    if (fabs(term) <= DBL_EPSILON / 4 * fabs(sum)) break;
  }
  const double logarithm = log(x);
  return -expm1(a * logarithm - log_gamma_1p(a)) - exp(a * logarithm - log_gamma(a)) * sum;
}

// Both functions for a so large that sums would need too many terms: Temme's uniform expansion, SIAM J. Math. Anal. 10 (1979), 757.
static double temme(double a, double x, bool upper) {
  const double deviation = (x - a) / a;
  const double half_square = deviation < -0.9 ? deviation - log(x / a) : deviation - log1p(deviation);
  const double eta = copysign(sqrt(2 * fmax(half_square, 0)), deviation);
  // Away from a the result is 0 or 1 to the last bit, and these series need not be good.
  const double c0 =
      fabs(eta) > 0.5 ? 1 / deviation - 1 / eta
                      : -1.0 / 3 + eta * (1.0 / 12 + eta * (-2.0 / 135 + eta * (1.0 / 864 + eta * (1.0 / 2835 - eta * (139.0 / 777600)))));
  const double c1 = -1.0 / 540 + eta * (-1.0 / 288 + eta * (1.0 / 378));
  const double rest = exp(-a * half_square) / sqrt(6.28318530717958647693 * a) * (c0 + c1 / a);
  const double z = eta * sqrt(a / 2);
  return upper ? 0.5 * erfc(z) + rest : 0.5 * erfc(-z) - rest;
}

static const double LARGE = 1e5;

double ember_igamma(double a, double x) {
  if (a < 0 || x < 0) return NAN;
  if (a == 0) return x > 0 ? 1 : NAN;
  if (x == 0) return 0;
  if (isinf(a)) return isinf(x) ? NAN : 0;
  if (isinf(x)) return 1;
  if (isnan(a) || isnan(x)) return NAN;
  if (a > LARGE) return temme(a, x, false);
  return x > 1 && x > a ? 1 - ember_igammac(a, x) : lower_series(a, x);
}

double ember_igammac(double a, double x) {
  if (a < 0 || x < 0) return NAN;
  if (a == 0) return x > 0 ? 0 : NAN;
  if (x == 0) return 1;
  if (isinf(a)) return isinf(x) ? NAN : 1;
  if (isinf(x)) return 0;
  if (isnan(a) || isnan(x)) return NAN;
  if (a > LARGE) return temme(a, x, true);
  if (x > 1.1) return x < a ? 1 - lower_series(a, x) : upper_fraction(a, x);
  // As Cephes has it: P is below one half where -0.4 / log x > a (x <= 0.5), or x < a / 1.1.
  const bool small = x <= 0.5 ? -0.4 / log(x) < a : x * 1.1 < a;
  return small ? 1 - lower_series(a, x) : upper_series(a, x);
}
