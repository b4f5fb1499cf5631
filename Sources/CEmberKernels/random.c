// The generator (mt19937) and the continuous distributions. Discrete ones are in random_discrete.c.
#if defined(__linux__)
#define _GNU_SOURCE  // sincos
#endif
#include "ember_random.h"

#include "elements.h"
#include "random_internal.h"

// Products and sums round one by one unless fma says otherwise: the numbers are PyTorch's on every machine.
#pragma clang fp contract(off)

// MARK: Generator

void ember_generator_seed(ember_generator *generator, uint64_t seed) {
  memset(generator, 0, sizeof *generator);
  generator->seed = seed;
  generator->words[0] = (uint32_t)seed;
  for (uint32_t i = 1; i < EMBER_MT19937_WORDS; ++i) {
    const uint32_t previous = generator->words[i - 1];
    generator->words[i] = UINT32_C(1812433253) * (previous ^ (previous >> 30)) + i;
  }
}

/// The next block of 624 words.
static void refill(ember_generator *generator) {
  enum { N = EMBER_MT19937_WORDS, M = 397 };
  uint32_t *words = generator->words;
#define TWIST(i, next, far)                                                                             \
  {                                                                                                     \
    const uint32_t mixed = (words[i] & UINT32_C(0x80000000)) | (words[next] & UINT32_C(0x7FFFFFFF));    \
    words[i] = words[far] ^ (mixed >> 1) ^ (-(words[next] & 1) & UINT32_C(0x9908B0DF));                 \
  }
  // Cut where the wrapped neighbour changes, so that each loop runs over plain offsets and vectorises.
  for (int i = 0; i < N - M; ++i) TWIST(i, i + 1, i + M)
  for (int i = N - M; i < N - 1; ++i) TWIST(i, i + 1, i + M - N)
  TWIST(N - 1, 0, M - 1)
#undef TWIST
  generator->position = 0;
}

static inline uint32_t tempered(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & UINT32_C(0x9D2C5680);
  y ^= (y << 15) & UINT32_C(0xEFC60000);
  return y ^ (y >> 18);
}

static inline bool is_used_up(const ember_generator *generator) {
  return generator->position == 0 || generator->position >= EMBER_MT19937_WORDS;
}

uint32_t ember_random32(ember_generator *generator) {
  if (is_used_up(generator)) refill(generator);
  return tempered(generator->words[generator->position++]);
}

uint64_t ember_random64(ember_generator *generator) {
  const uint64_t high = ember_random32(generator);
  return high << 32 | ember_random32(generator);
}

void random_words(ember_generator *generator, uint32_t *words, int64_t n) {
  while (n > 0) {
    if (is_used_up(generator)) refill(generator);
    const int64_t rest = EMBER_MT19937_WORDS - (int64_t)generator->position, run = rest < n ? rest : n;
    const uint32_t *from = generator->words + generator->position;
    for (int64_t i = 0; i < run; ++i) words[i] = tempered(from[i]);
    generator->position += (uint32_t)run;
    words += run, n -= run;
  }
}

double random_double(ember_generator *generator) {
  return (double)(int64_t)(ember_random64(generator) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

double random_normal_double(ember_generator *generator) {
  if (generator->has_next_normal) {
    generator->has_next_normal = false;
    return generator->next_normal;
  }
  const double u1 = random_double(generator), u2 = random_double(generator);
  const double radius = sqrt(-2.0 * log1p(-u2)), angle = 2.0 * 3.14159265358979323846 * u1;
  generator->next_normal = radius * sin(angle);
  generator->has_next_normal = true;
  return radius * cos(angle);
}

// PyTorch's saved state, a C struct of an older time written as bytes: seed, words left (and one), whether seeded, next word,
// 624 words of 64 bits, three doubles of which the second is the cached normal, whether there is one, and the same in float.
enum {
  STATE_SEED = 0, STATE_LEFT = 8, STATE_SEEDED = 12, STATE_NEXT = 16, STATE_WORDS = 24, STATE_NORMAL = 5024,
  STATE_HAS_NORMAL = 5040, STATE_FLOAT_NORMAL = 5048, STATE_HAS_FLOAT_NORMAL = 5052,
};

void ember_generator_get_state(const ember_generator *generator, uint8_t state[EMBER_GENERATOR_STATE_BYTES]) {
  memset(state, 0, EMBER_GENERATOR_STATE_BYTES);
  const int32_t left = generator->position == 0 ? 1 : EMBER_MT19937_WORDS + 1 - (int32_t)generator->position;
  const int32_t seeded = 1, has_normal = generator->has_next_normal;
  const uint64_t next = generator->position;
  memcpy(state + STATE_SEED, &generator->seed, 8);
  memcpy(state + STATE_LEFT, &left, 4);
  memcpy(state + STATE_SEEDED, &seeded, 4);
  memcpy(state + STATE_NEXT, &next, 8);
  for (int i = 0; i < EMBER_MT19937_WORDS; ++i) {
    const uint64_t word = generator->words[i];
    memcpy(state + STATE_WORDS + 8 * i, &word, 8);
  }
  if (has_normal) memcpy(state + STATE_NORMAL, &generator->next_normal, 8);
  memcpy(state + STATE_HAS_NORMAL, &has_normal, 4);
  if (generator->has_next_float_normal) memcpy(state + STATE_FLOAT_NORMAL, &generator->next_float_normal, 4);
  state[STATE_HAS_FLOAT_NORMAL] = generator->has_next_float_normal;
}

bool ember_generator_set_state(ember_generator *generator, const uint8_t state[EMBER_GENERATOR_STATE_BYTES]) {
  int32_t left, seeded, has_normal;
  uint64_t next;
  memcpy(&left, state + STATE_LEFT, 4);
  memcpy(&seeded, state + STATE_SEEDED, 4);
  memcpy(&next, state + STATE_NEXT, 8);
  memcpy(&has_normal, state + STATE_HAS_NORMAL, 4);
  const bool valid = seeded == 1 && left > 0 && left <= EMBER_MT19937_WORDS && next <= EMBER_MT19937_WORDS &&
                     (left == 1 || next == (uint64_t)(EMBER_MT19937_WORDS + 1 - left));
  if (!valid) return false;
  memcpy(&generator->seed, state + STATE_SEED, 8);
  generator->position = left == 1 && next != EMBER_MT19937_WORDS ? 0 : (uint32_t)next;
  for (int i = 0; i < EMBER_MT19937_WORDS; ++i) {
    uint64_t word;
    memcpy(&word, state + STATE_WORDS + 8 * i, 8);
    generator->words[i] = (uint32_t)word;
  }
  generator->has_next_normal = has_normal != 0;
  memcpy(&generator->next_normal, state + STATE_NORMAL, 8);
  generator->has_next_float_normal = state[STATE_HAS_FLOAT_NORMAL] != 0;
  memcpy(&generator->next_float_normal, state + STATE_FLOAT_NORMAL, 4);
  return true;
}

// MARK: Uniform

static const random_loops *current_loops(void) { return &EMBER_ISA_PICK(random_loops, ember_isa_current()); }

static inline uint16_t to_half(int dtype, float x) {
  return dtype == EMBER_FLOAT16 ? element_float_to_half(x) : element_float_to_bfloat(x);
}

bool ember_random_uniform(ember_generator *generator, int dtype, void *out, int64_t n, double low, double high) {
  if (!element_is_floating(dtype)) return false;
  const random_loops *loops = current_loops();
  uint32_t words[RANDOM_WORDS];
  if (dtype == EMBER_FLOAT64) {
    for (int64_t start = 0; start < n; start += RANDOM_WORDS / 2) {
      const int64_t run = n - start < RANDOM_WORDS / 2 ? n - start : RANDOM_WORDS / 2;
      double *x = (double *)out + start;
      random_words(generator, words, 2 * run);
      loops->uniform64(words, x, run, low, high - low);
      // Rounding can reach the excluded bound, which then gives way to the included one.
      for (int64_t i = 0; low != 0 && i < run; ++i) x[i] = x[i] == high ? low : x[i];
    }
    return true;
  }
  const float from = (float)low, to = (float)high;
  float values[RANDOM_WORDS];
  for (int64_t start = 0; start < n; start += RANDOM_WORDS) {
    const int64_t run = n - start < RANDOM_WORDS ? n - start : RANDOM_WORDS;
    random_words(generator, words, run);
    if (dtype == EMBER_FLOAT32) {
      float *x = (float *)out + start;
      loops->uniform32(words, x, run, from, to - from);
      for (int64_t i = 0; from != 0 && i < run; ++i) x[i] = x[i] == to ? from : x[i];
    } else {
      uint16_t *x = (uint16_t *)out + start;
      loops->uniform32(words, values, run, from, to - from);
      const uint16_t excluded = to_half(dtype, (float)high), included = to_half(dtype, (float)low);
      for (int64_t i = 0; i < run; ++i) {
        const uint16_t value = to_half(dtype, values[i]);
        // Equal as numbers: the two zeros are one.
        const bool reached = value == excluded || ((value | excluded) & 0x7FFF) == 0;
        x[i] = reached ? included : value;
      }
    }
  }
  return true;
}

// MARK: Normal

enum { NORMAL_BLOCK = 16 };

/// Both at once where the library can: the same bits in half the time.
static inline void sine_cosine(double angle, double *sine, double *cosine) {
#if defined(__linux__)
  sincos(angle, sine, cosine);
#else
  *sine = sin(angle);
  *cosine = cos(angle);
#endif
}

static void normal_blocks64(double *data, double mean, double std) {
  for (int j = 0; j < NORMAL_BLOCK / 2; ++j) {
    const double u1 = 1 - data[j], u2 = data[j + NORMAL_BLOCK / 2];
    const double radius = sqrt(-2 * log(u1)), angle = 2.0 * 3.14159265358979323846 * u2;
    double sine, cosine;
    sine_cosine(angle, &sine, &cosine);
    data[j] = fma(radius * cosine, std, mean);
    data[j + NORMAL_BLOCK / 2] = fma(radius * sine, std, mean);
  }
}

static void normal32(ember_generator *generator, const random_loops *loops, float *out, int64_t n, float mean, float std) {
  // Uniforms and their transform by pieces that stay in the cache; the words are taken in the same order as in one go.
  int64_t done = 0;
  for (; done + NORMAL_BLOCK <= n;) {
    uint32_t words[RANDOM_WORDS];
    const int64_t rest = (n - done) / NORMAL_BLOCK * NORMAL_BLOCK, run = rest < RANDOM_WORDS ? rest : RANDOM_WORDS;
    random_words(generator, words, run);
    loops->uniform32(words, out + done, run, 0, 1);
    loops->normal32(out + done, run / NORMAL_BLOCK, mean, std);
    done += run;
  }
  if (done == n) return;
  // PyTorch fills the whole array with uniforms first, so the tail's own are drawn and lost; then the last 16 are redone.
  uint32_t words[NORMAL_BLOCK];
  random_words(generator, words, n - done);
  random_words(generator, words, NORMAL_BLOCK);
  loops->uniform32(words, out + n - NORMAL_BLOCK, NORMAL_BLOCK, 0, 1);
  loops->normal32(out + n - NORMAL_BLOCK, 1, mean, std);
}

static void normal64(ember_generator *generator, double *out, int64_t n, double mean, double std) {
  ember_random_uniform(generator, EMBER_FLOAT64, out, n, 0, 1);
  for (int64_t i = 0; i + NORMAL_BLOCK <= n; i += NORMAL_BLOCK) normal_blocks64(out + i, mean, std);
  if (n % NORMAL_BLOCK == 0) return;
  out += n - NORMAL_BLOCK;
  for (int64_t i = 0; i < NORMAL_BLOCK; ++i) out[i] = random_double(generator);
  normal_blocks64(out, mean, std);
}

// 16-bit: blocks of 16 in float32, and no uniforms lost at the tail.
static void normal16(ember_generator *generator, const random_loops *loops, int dtype, uint16_t *out, int64_t n, float mean,
                     float std) {
  for (int64_t i = 0; i < n; i += NORMAL_BLOCK) {
    const int64_t start = i + NORMAL_BLOCK <= n ? i : n - NORMAL_BLOCK;
    uint32_t words[NORMAL_BLOCK];
    float values[NORMAL_BLOCK];
    random_words(generator, words, NORMAL_BLOCK);
    loops->uniform32(words, values, NORMAL_BLOCK, 0, 1);
    loops->normal32(values, 1, mean, std);
    for (int j = 0; j < NORMAL_BLOCK; ++j) out[start + j] = to_half(dtype, values[j]);
  }
}

bool ember_random_normal(ember_generator *generator, int dtype, void *out, int64_t n, double mean, double std) {
  if (!element_is_floating(dtype)) return false;
  if (n < NORMAL_BLOCK) {
    for (int64_t i = 0; i < n; ++i)
      element_store_double(dtype, out, i, fma(random_normal_double(generator), std, mean));
  } else if (dtype == EMBER_FLOAT32) {
    normal32(generator, current_loops(), out, n, (float)mean, (float)std);
  } else if (dtype == EMBER_FLOAT64) {
    normal64(generator, out, n, mean, std);
  } else {
    normal16(generator, current_loops(), dtype, out, n, (float)mean, (float)std);
  }
  return true;
}

// MARK: Others

bool ember_random_log_normal(ember_generator *generator, int dtype, void *out, int64_t n, double mean, double std) {
  if (!element_is_floating(dtype)) return false;
  for (int64_t i = 0; i < n; ++i)
    element_store_double(dtype, out, i, exp(fma(random_normal_double(generator), std, mean)));
  return true;
}

bool ember_random_cauchy(ember_generator *generator, int dtype, void *out, int64_t n, double median, double sigma) {
  if (!element_is_floating(dtype)) return false;
  for (int64_t i = 0; i < n; ++i)
    element_store_double(dtype, out, i,
                         fma(sigma, tan(3.14159265358979323846 * (random_double(generator) - 0.5)), median));
  return true;
}

bool ember_random_exponential(ember_generator *generator, int dtype, void *out, int64_t n, double lambda) {
  if (!element_is_floating(dtype)) return false;
  const double scale = -1.0 / lambda;
  for (int64_t i = 0; i < n; ++i) element_store_double(dtype, out, i, scale * log1p(-random_double(generator)));
  return true;
}
