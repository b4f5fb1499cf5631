// What the random files share: words in bulk, and the loops built per instruction set.
#ifndef EMBER_RANDOM_INTERNAL_H
#define EMBER_RANDOM_INTERNAL_H

#include "bodies/isa.h"
#include "ember_random.h"

typedef struct {
  /// out[i] = low + range * u, u the low 24 bits of a word (53 of two words), in one rounding as PyTorch's builds have it.
  void (*uniform32)(const uint32_t *words, float *out, int64_t n, float low, float range);
  void (*uniform64)(const uint32_t *words, double *out, int64_t n, double low, double range);
  /// Box–Muller in place on blocks of 16 uniforms: 8 radii, then 8 angles.
  void (*normal32)(float *data, int64_t blocks, float mean, float std);
} random_loops;

EMBER_DECLARE_FOR_EACH_ISA(const random_loops, random_loops);

/// The next `n` words of the stream.
void random_words(ember_generator *generator, uint32_t *words, int64_t n);
/// The next uniform double in [0, 1): 53 bits of two words.
double random_double(ember_generator *generator);
/// The next standard normal double: a Box–Muller pair, of which the second value is kept for the next call.
double random_normal_double(ember_generator *generator);

enum { RANDOM_WORDS = 1024 };  // words drawn at a time, on the stack

#endif
