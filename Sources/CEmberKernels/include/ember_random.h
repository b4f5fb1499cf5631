// Random numbers: PyTorch's CPU generator (mt19937) and the distributions drawn from it, in PyTorch's order and rounding.
//
// A seed gives the numbers that PyTorch 2.15 gives on an x86-64 machine with AVX2 or AVX-512, bit by bit, unless a
// function says otherwise; every instruction set gives the same bits here. PyTorch itself differs between machines: without
// AVX2 its float32 normals come from libm instead of a polynomial and nothing is fused, so last bits differ, and on Intel
// CPUs a build with MKL draws bernoulli_(p) (and may draw exponential_) from another generator altogether.
// A generator is not safe to use from two threads at once; nothing here runs in parallel, a stream has one order.
// Arrays are dense. `dtype` is the element type of `out`; functions return false, drawing nothing, for dtypes that PyTorch refuses.
#ifndef EMBER_RANDOM_H
#define EMBER_RANDOM_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EMBER_MT19937_WORDS = 624, EMBER_GENERATOR_STATE_BYTES = 5056 };

typedef struct {
  uint32_t words[EMBER_MT19937_WORDS];
  uint32_t position;  ///< next word to hand out; 0 (just seeded) and EMBER_MT19937_WORDS: a new block is due
  bool has_next_normal;
  bool has_next_float_normal;  ///< carried for PyTorch's saved state only
  float next_float_normal;
  double next_normal;  ///< the second value of the last Box–Muller pair, standard normal
  uint64_t seed;
} ember_generator;

// MARK: Generator

/// Starts the stream of a seed (PyTorch's manual_seed: the low 32 bits matter).
void ember_generator_seed(ember_generator *generator, uint64_t seed);
/// Writes PyTorch's saved form (torch.get_rng_state): 5056 bytes.
void ember_generator_get_state(const ember_generator *generator, uint8_t state[EMBER_GENERATOR_STATE_BYTES]);
/// Reads PyTorch's saved form; false, changing nothing, if it is not one.
bool ember_generator_set_state(ember_generator *generator, const uint8_t state[EMBER_GENERATOR_STATE_BYTES]);
uint32_t ember_random32(ember_generator *generator);
uint64_t ember_random64(ember_generator *generator);

// MARK: Continuous distributions: float16, bfloat16, float32, float64

/// uniform_(low, high), rand: low + (high - low) * u with u in [0, 1). (float32 and 16-bit: 24 bits, float64: 53 bits.)
bool ember_random_uniform(ember_generator *generator, int dtype, void *out, int64_t n, double low, double high);
/// normal_(mean, std), randn. Blocks of 16 from n = 16 on, a cached Box–Muller pair below.
bool ember_random_normal(ember_generator *generator, int dtype, void *out, int64_t n, double mean, double std);
bool ember_random_log_normal(ember_generator *generator, int dtype, void *out, int64_t n, double mean, double std);
bool ember_random_cauchy(ember_generator *generator, int dtype, void *out, int64_t n, double median, double sigma);
/// exponential_(lambda): -log1p(-u) / lambda.
bool ember_random_exponential(ember_generator *generator, int dtype, void *out, int64_t n, double lambda);

// MARK: Discrete distributions

/// randint, random_(low, high): low <= x < high in any real dtype. high - low of 2^28 or more takes 64-bit draws.
/// `low` and `high` as given by the user; floating dtypes narrow them as PyTorch does.
bool ember_random_integers(ember_generator *generator, int dtype, void *out, int64_t n, int64_t low, int64_t high);
/// random_(): 0 ... the largest value of an integer dtype, 0 ... 2^digits of a floating one.
bool ember_random_full_range(ember_generator *generator, int dtype, void *out, int64_t n);
/// random_(from: Int64.min, to: nil): every 64-bit pattern. int64, float32, float64, bfloat16.
bool ember_random_all_bits(ember_generator *generator, int dtype, void *out, int64_t n);
/// randperm(n) as int64.
void ember_random_permutation(ember_generator *generator, int64_t *out, int64_t n);
/// bernoulli(p: tensor): one probability per element; `p_dtype` is a floating dtype.
bool ember_random_bernoulli(ember_generator *generator, int dtype, void *out, int64_t n, int p_dtype, const void *p);
/// bernoulli_(p): true where a double draw is less than p, as PyTorch does except with MKL on Intel CPUs.
bool ember_random_bernoulli_scalar(ember_generator *generator, int dtype, void *out, int64_t n, double p);
/// geometric_(p).
bool ember_random_geometric(ember_generator *generator, int dtype, void *out, int64_t n, double p);
/// poisson(rates): same dtype in and out, floating.
bool ember_random_poisson(ember_generator *generator, int dtype, const void *rates, void *out, int64_t n);
/// binomial(counts, probabilities): same floating dtype throughout.
bool ember_random_binomial(ember_generator *generator, int dtype, const void *counts, const void *probabilities, void *out,
                           int64_t n);
/// Standard gamma variates with the given shape parameters (torch._standard_gamma), floating.
bool ember_random_gamma(ember_generator *generator, int dtype, const void *alpha, void *out, int64_t n);
/// multinomial: `samples` categories from each row of dense `weights` [rows][categories] (floating, not negative), as
/// `out` [rows][samples]. False, with `out` unspecified, when a row has no positive weight, a negative or nonfinite one,
/// or memory runs out. Without replacement PyTorch orders equal weight/exponential ratios, which only 16-bit weights have,
/// in no particular way; here the first comes first.
bool ember_random_multinomial(ember_generator *generator, int dtype, const void *weights, int64_t rows, int64_t categories,
                              int64_t samples, bool replacement, int64_t *out);

#ifdef __cplusplus
}
#endif
#endif
