// Discrete distributions: integers, permutations, bernoulli, geometric, multinomial.
#include <stdlib.h>

#include "elements.h"
#include "ember_allocator.h"
#include "ember_reduce.h"
#include "ember_sort.h"
#include "random_internal.h"

#pragma clang fp contract(off)

/// Binary digits that a floating dtype holds exactly.
static int digits(int dtype) {
  switch (dtype) {
    case EMBER_FLOAT16: return 11;
    case EMBER_BFLOAT16: return 8;
    case EMBER_FLOAT32: return 24;
    default: return 53;
  }
}

static bool is_real(int dtype) { return element_is_integer(dtype) || element_is_floating(dtype); }

/// An integer as the dtype would store and return it.
static int64_t rounded(int dtype, int64_t x) {
  switch (dtype) {
    case EMBER_FLOAT16: return (int64_t)element_half_to_float(element_float_to_half((float)x));
    case EMBER_BFLOAT16: return element_double_to_integer((double)element_bfloat_to_float(element_float_to_bfloat((float)x)));
    case EMBER_FLOAT32: return element_double_to_integer((double)(float)x);
    default: return element_double_to_integer((double)x);
  }
}

static int log2_of(uint64_t x) { return x ? 63 - __builtin_clzll(x) : 0; }

// A floating dtype cannot hold every integer near large bounds: they move to the next one that stays inside when rounded.
static int64_t narrowed_low(int dtype, int64_t low) {
  if (low == INT64_MAX) return low;
  const int64_t next = rounded(dtype, low + 1);
  if (next >= low) return low;
  const uint64_t magnitude = low + 1 < 0 ? -(uint64_t)(low + 1) : (uint64_t)(low + 1);
  return next + (INT64_C(1) << (log2_of(magnitude) - digits(dtype) + 1));
}

static int64_t narrowed_high(int dtype, int64_t high) {
  if (high == INT64_MIN) return high;
  const int64_t previous = rounded(dtype, high - 1);
  if (previous < high) return high;
  const uint64_t magnitude = high - 1 < 0 ? -(uint64_t)(high - 1) : (uint64_t)(high - 1);
  return previous - (INT64_C(1) << (log2_of(magnitude) - digits(dtype) + 1));
}

/// Stores draw % range + low as any dtype; floating dtypes go through float as PyTorch's conversion from int64 does.
static inline void store(int dtype, void *out, int64_t i, uint64_t draw, int64_t low) {
  const int64_t value = (int64_t)(draw + (uint64_t)low);
  if (dtype == EMBER_INT64) ((int64_t *)out)[i] = value;
  else if (dtype == EMBER_FLOAT32) ((float *)out)[i] = (float)value;
  else if (dtype == EMBER_FLOAT16) ((uint16_t *)out)[i] = element_float_to_half((float)value);
  else if (dtype == EMBER_BFLOAT16) ((uint16_t *)out)[i] = element_float_to_bfloat((float)value);
  else element_store_integer(dtype, out, i, value);
}

bool ember_random_integers(ember_generator *generator, int dtype, void *out, int64_t n, int64_t low, int64_t high) {
  if (!is_real(dtype)) return false;
  if (element_is_floating(dtype)) {
    low = narrowed_low(dtype, low);
    high = narrowed_high(dtype, high);
  }
  if (low >= high) return false;
  const uint64_t range = (uint64_t)high - (uint64_t)low;
  if (range >= UINT64_C(1) << 28) {
    for (int64_t i = 0; i < n; ++i) store(dtype, out, i, ember_random64(generator) % range, low);
    return true;
  }
  uint32_t words[RANDOM_WORDS];
  for (int64_t start = 0; start < n; start += RANDOM_WORDS) {
    const int64_t run = n - start < RANDOM_WORDS ? n - start : RANDOM_WORDS;
    random_words(generator, words, run);
    for (int64_t i = 0; i < run; ++i) store(dtype, out, start + i, words[i] % (uint32_t)range, low);
  }
  return true;
}

bool ember_random_full_range(ember_generator *generator, int dtype, void *out, int64_t n) {
  uint64_t range = 0;
  switch (dtype) {
    case EMBER_BOOL: range = 2; break;
    case EMBER_UINT8: range = 1 << 8; break;
    case EMBER_INT8: range = 1 << 7; break;
    case EMBER_INT16: range = 1 << 15; break;
    case EMBER_INT32: range = UINT64_C(1) << 31; break;
    case EMBER_INT64: range = UINT64_C(1) << 63; break;
    default:
      if (!element_is_floating(dtype)) return false;
      range = (UINT64_C(1) << digits(dtype)) + 1;
      break;
  }
  const bool wide = dtype == EMBER_INT64 || dtype == EMBER_FLOAT64;
  for (int64_t i = 0; i < n; ++i)
    store(dtype, out, i, (wide ? ember_random64(generator) : ember_random32(generator)) % range, 0);
  return true;
}

bool ember_random_all_bits(ember_generator *generator, int dtype, void *out, int64_t n) {
  if (dtype != EMBER_INT64 && dtype != EMBER_FLOAT64 && dtype != EMBER_FLOAT32 && dtype != EMBER_BFLOAT16) return false;
  for (int64_t i = 0; i < n; ++i) store(dtype, out, i, ember_random64(generator), 0);
  return true;
}

void ember_random_permutation(ember_generator *generator, int64_t *out, int64_t n) {
  if (n < UINT32_MAX / 20) {
    for (int64_t i = 0; i < n; ++i) out[i] = i;
    for (int64_t i = 0; i < n - 1; ++i) {
      const int64_t j = i + ember_random32(generator) % (uint32_t)(n - i), kept = out[i];
      out[i] = out[j];
      out[j] = kept;
    }
    return;
  }
  // Where the skew of 32-bit draws would show: 64-bit draws, and the shuffle that fills as it goes.
  for (int64_t i = 0; i < n; ++i) {
    const int64_t j = (int64_t)(ember_random64(generator) % (uint64_t)(i + 1));
    out[i] = i;
    out[i] = out[j];
    out[j] = i;
  }
}

// MARK: Bernoulli, geometric

bool ember_random_bernoulli(ember_generator *generator, int dtype, void *out, int64_t n, int p_dtype, const void *p) {
  if (!is_real(dtype) || !element_is_floating(p_dtype)) return false;
  for (int64_t i = 0; i < n; ++i) {
    bool truth;
    if (p_dtype == EMBER_FLOAT64) {
      truth = random_double(generator) < ((const double *)p)[i];
    } else {
      const float u = (float)(int32_t)(ember_random32(generator) & 0xFFFFFF) * 0x1p-24f;
      truth = u < (float)element_load_double(p_dtype, p, i);
    }
    element_store_integer(dtype, out, i, truth);
  }
  return true;
}

bool ember_random_bernoulli_scalar(ember_generator *generator, int dtype, void *out, int64_t n, double p) {
  if (!is_real(dtype)) return false;
  const size_t size = ember_dtype_size(dtype);
  uint8_t values[2][16] = {{0}};
  element_store_integer(dtype, values[1], 0, 1);
  uint32_t words[RANDOM_WORDS];
  double uniforms[RANDOM_WORDS / 2];
  const random_loops *loops = &EMBER_ISA_PICK(random_loops, ember_isa_current());
  for (int64_t start = 0; start < n; start += RANDOM_WORDS / 2) {
    const int64_t run = n - start < RANDOM_WORDS / 2 ? n - start : RANDOM_WORDS / 2;
    random_words(generator, words, 2 * run);
    loops->uniform64(words, uniforms, run, 0, 1);
    if (dtype == EMBER_FLOAT32) {
      for (int64_t i = 0; i < run; ++i) ((float *)out)[start + i] = uniforms[i] < p;
    } else {
      for (int64_t i = 0; i < run; ++i) memcpy((char *)out + (size_t)(start + i) * size, values[uniforms[i] < p], size);
    }
  }
  return true;
}

bool ember_random_geometric(ember_generator *generator, int dtype, void *out, int64_t n, double p) {
  if (!is_real(dtype) || dtype == EMBER_BOOL) return false;
  const double scale = log1p(-p);
  for (int64_t i = 0; i < n; ++i) element_store_double(dtype, out, i, ceil(log(random_double(generator)) / scale));
  return true;
}

// MARK: Multinomial

#define MULTINOMIAL(suffix, type)                                                                                       \
  static bool draw_##suffix(ember_generator *generator, int dtype, const void *weights, int64_t first, int64_t categories, \
                            int64_t samples, type *cumulative, int64_t *out) {                                          \
    type sum = 0;                                                                                                       \
    for (int64_t j = 0; j < categories; ++j) {                                                                          \
      const type weight = (type)element_load_double(dtype, weights, first + j);                                         \
      if (!(weight >= 0) || weight - weight != 0) return false;                                                         \
      sum += weight;                                                                                                    \
      cumulative[j] = sum;                                                                                              \
    }                                                                                                                   \
    if (!(sum > 0)) return false;                                                                                       \
    for (int64_t j = 0; j < categories; ++j) cumulative[j] /= sum;                                                      \
    cumulative[categories - 1] = 1;                                                                                     \
    for (int64_t s = 0; s < samples; ++s) {                                                                             \
      const double u = random_double(generator);                                                                        \
      int64_t low = 0, high = categories;                                                                               \
      while (low < high) {                                                                                              \
        const int64_t middle = low + (high - low) / 2;                                                                  \
        if ((double)cumulative[middle] < u) low = middle + 1;                                                           \
        else high = middle;                                                                                             \
      }                                                                                                                 \
      out[s] = low;                                                                                                     \
    }                                                                                                                   \
    return true;                                                                                                        \
  }
MULTINOMIAL(f32, float)
MULTINOMIAL(f64, double)

/// Without replacement: the largest of weight / exponential, which draws in proportion to the weights. `ratios` has room for
/// a row of them and `best` for the samples' values.
static bool draw_distinct(ember_generator *generator, int dtype, const void *weights, int64_t rows, int64_t categories,
                          int64_t samples, int64_t *out) {
  const int64_t total = rows * categories;
  const size_t size = ember_dtype_size(dtype);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t positive = 0;
    for (int64_t j = 0; j < categories; ++j) {
      const double weight = element_load_double(dtype, weights, row * categories + j);
      if (!(weight >= 0) || isinf(weight)) return false;
      positive += weight > 0;
    }
    if (positive == 0) return false;
  }
  void *ratios = malloc((size_t)total * size), *best = malloc((size_t)(rows * samples) * size);
  if (!ratios || !best) ember_note_scratch_failure();
  bool fine = ratios && best && ember_random_exponential(generator, dtype, ratios, total, 1);
  if (fine) {
    for (int64_t i = 0; i < total; ++i) {
      const double weight = element_load_double(dtype, weights, i), draw = element_load_double(dtype, ratios, i);
      // Dividing in double and rounding to float gives the float quotient: 53 bits are more than twice 24.
      element_store_double(dtype, ratios, i, weight / draw);
    }
    const int64_t strides[3] = {categories, 1, 1};
    if (samples == 1) ember_reduce(EMBER_REDUCE_ARGMAX, dtype, ratios, strides, EMBER_INT64, out, rows, categories, 1);
    else ember_topk(dtype, ratios, samples, best, out, rows, categories, 1, true, true);
  }
  free(ratios);
  free(best);
  return fine;
}

bool ember_random_multinomial(ember_generator *generator, int dtype, const void *weights, int64_t rows, int64_t categories,
                              int64_t samples, bool replacement, int64_t *out) {
  if (!element_is_floating(dtype) || categories <= 0 || samples <= 0 || (!replacement && samples > categories)) return false;
  if (!replacement || samples == 1) return draw_distinct(generator, dtype, weights, rows, categories, samples, out);
  void *cumulative = malloc((size_t)categories * sizeof(double));
  bool fine = cumulative != NULL;
  if (!fine) ember_note_scratch_failure();
  for (int64_t row = 0; fine && row < rows; ++row) {
    if (dtype == EMBER_FLOAT64)
      fine = draw_f64(generator, dtype, weights, row * categories, categories, samples, cumulative, out + row * samples);
    else
      fine = draw_f32(generator, dtype, weights, row * categories, categories, samples, cumulative, out + row * samples);
  }
  free(cumulative);
  return fine;
}
