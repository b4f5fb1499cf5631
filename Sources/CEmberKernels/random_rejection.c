// Distributions drawn by rejection: poisson, binomial, gamma. How many words a draw takes depends on the words.
//
// The constants are those of the published algorithms, in the forms that PyTorch uses: Hörmann's transformed rejection
// (PTRS 1993 for poisson, BTRS 1993 for binomial), Marsaglia and Tsang's method (2000) for gamma.
#include "elements.h"
#include "random_internal.h"

#pragma clang fp contract(off)

// MARK: Poisson

static int64_t small_poisson(ember_generator *generator, double rate) {
  const double limit = exp(-rate);
  double product = 1;
  for (int64_t k = 0;; ++k) {
    product *= random_double(generator);
    if (!(product > limit)) return k;
  }
}

static int64_t large_poisson(ember_generator *generator, double rate) {
  const double log_rate = log(rate), b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_limit = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = random_double(generator) - 0.5, v = random_double(generator), us = 0.5 - fabs(u);
    const int64_t k = element_double_to_integer(floor((2 * a / us + b) * u + rate + 0.43));
    if (us >= 0.07 && v <= v_limit) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (log(v) + log(inverse_alpha) - log(a / (us * us) + b) <= -rate + (double)k * log_rate - lgamma((double)k + 1)) return k;
  }
}

bool ember_random_poisson(ember_generator *generator, int dtype, const void *rates, void *out, int64_t n) {
  if (!element_is_floating(dtype)) return false;
  for (int64_t i = 0; i < n; ++i) {
    const double rate = element_load_double(dtype, rates, i);
    int64_t k = 0;
    if (rate >= 10 && isfinite(rate)) k = large_poisson(generator, rate);
    else if (rate > 0 && rate < 10) k = small_poisson(generator, rate);
    element_store_double(dtype, out, i, (double)k);
  }
  return true;
}

// MARK: Binomial

/// The error of Stirling's formula for log k!.
static double stirling_tail(double k) {
  static const double tails[] = {0.0810614667953272,  0.0413406959554092,  0.0276779256849983,  0.02079067210376509,
                                 0.0166446911898211,  0.0138761288230707,  0.0118967099458917,  0.0104112652619720,
                                 0.00925546218271273, 0.00833056343336287};
  if (k <= 9) return tails[(int)k];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// In two element types, because PyTorch forms some products in the tensor's own.
#define BINOMIAL(suffix, type)                                                                                          \
  static type few_##suffix(ember_generator *generator, type count, type p) {                                            \
    const double log_p = log1p((double)-p);                                                                             \
    double total = 0;                                                                                                   \
    for (type found = 0;; found = found + 1) {                                                                          \
      total += ceil(log(random_double(generator)) / log_p);                                                             \
      if (total > (double)count) return found;                                                                          \
    }                                                                                                                   \
  }                                                                                                                     \
  static type many_##suffix(ember_generator *generator, type count, type p) {                                           \
    const double deviation = (double)(type)sqrt((double)(count * p * (1 - p)));                                         \
    const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * (double)p;                              \
    const double c = (double)(count * p) + 0.5, v_limit = 0.92 - 4.2 / b, r = (double)(p / (1 - p));                    \
    const double alpha = (2.83 + 5.1 / b) * deviation, m = (double)(type)floor((double)((count + 1) * p));              \
    for (;;) {                                                                                                          \
      const double u = random_double(generator) - 0.5;                                                                  \
      double v = random_double(generator);                                                                              \
      const double us = 0.5 - fabs(u);                                                                                  \
      const type k = (type)floor((2 * a / us + b) * u + c);                                                             \
      if (!(k >= 0) || k > count) continue;                                                                             \
      if (us >= 0.07 && v <= v_limit) return k;                                                                         \
      v = log(v * alpha / (a / (us * us) + b));                                                                         \
      const double n = (double)count, x = (double)k;                                                                    \
      const double bound = (m + 0.5) * log((m + 1) / (r * (n - m + 1))) +                                               \
                           (double)(count + 1) * log((n - m + 1) / (double)(count - k + 1)) +                           \
                           (x + 0.5) * log(r * (double)(count - k + 1) / (x + 1)) + stirling_tail(m) +                  \
                           stirling_tail(n - m) - stirling_tail(x) - stirling_tail(n - x);                              \
      if (v <= bound) return k;                                                                                         \
    }                                                                                                                   \
  }                                                                                                                     \
  static type binomial_##suffix(ember_generator *generator, type count, type p) {                                       \
    if (count != count || p != p) return (type)NAN;                                                                     \
    if (count <= 0 || p <= 0) return 0;                                                                                 \
    if (p >= 1 || count - count != 0) return count;                                                                     \
    const type q = p <= (type)0.5 ? p : (type)(1.0 - (double)p);                                                        \
    const type successes = count * q >= 10 ? many_##suffix(generator, count, q) : few_##suffix(generator, count, q);    \
    return p <= (type)0.5 ? successes : count - successes;                                                              \
  }
BINOMIAL(f32, float)
BINOMIAL(f64, double)

bool ember_random_binomial(ember_generator *generator, int dtype, const void *counts, const void *probabilities, void *out,
                           int64_t n) {
  if (!element_is_floating(dtype)) return false;
  for (int64_t i = 0; i < n; ++i) {
    const double count = element_load_double(dtype, counts, i), p = element_load_double(dtype, probabilities, i);
    element_store_double(dtype, out, i, dtype == EMBER_FLOAT64 ? binomial_f64(generator, count, p)
                                                               : (double)binomial_f32(generator, (float)count, (float)p));
  }
  return true;
}

// MARK: Gamma

#define GAMMA(suffix, type)                                                                                             \
  static type gamma_##suffix(ember_generator *generator, type alpha) {                                                  \
    double scale = 1;                                                                                                   \
    if (alpha != alpha) return alpha;                                                                                   \
    if (alpha < 1) {                                                                                                    \
      /* A gamma variate of alpha + 1 times a power of a uniform: accepted more often. */                               \
      if (!(alpha > 0)) return 0;                                                                                       \
      scale = pow(1 - random_double(generator), (double)((type)1.0f / alpha));                                          \
      alpha += 1;                                                                                                       \
    }                                                                                                                   \
    const double d = (double)(alpha - (type)(1.0f / 3.0f)), c = 1 / sqrt(9 * d);                                        \
    for (;;) {                                                                                                          \
      double x, y;                                                                                                      \
      do {                                                                                                              \
        x = random_normal_double(generator) * 1.0 + 0.0;                                                                \
        y = 1 + c * x;                                                                                                  \
      } while (y <= 0);                                                                                                 \
      const double v = y * y * y, u = 1 - random_double(generator), square = x * x;                                     \
      if (u < 1 - (double)0.0331f * square * square) return (type)(scale * d * v);                                      \
      if (log(u) < 0.5 * square + d * (1 - v + log(v))) return (type)(scale * d * v);                                   \
    }                                                                                                                   \
  }
GAMMA(f32, float)
GAMMA(f64, double)

bool ember_random_gamma(ember_generator *generator, int dtype, const void *alpha, void *out, int64_t n) {
  if (!element_is_floating(dtype)) return false;
  for (int64_t i = 0; i < n; ++i) {
    const double shape = element_load_double(dtype, alpha, i);
    if (dtype == EMBER_FLOAT64) {
      const double value = gamma_f64(generator, shape);
      ((double *)out)[i] = value < 0x1p-1022 ? 0x1p-1022 : value;  // a gamma variate is positive
    } else {
      const float value = gamma_f32(generator, (float)shape), least = dtype == EMBER_FLOAT16 ? 0x1p-14f : 0x1p-126f;
      element_store_double(dtype, out, i, (double)(value < least ? least : value));
    }
  }
  return true;
}
