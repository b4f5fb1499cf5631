// Matrices whose rows are stored in blocks of few bits a weight, as GGUF files hold them: expanding, and products that do not expand.
#ifndef EMBER_QUANTIZED_H
#define EMBER_QUANTIZED_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How weights are packed: w = scale * (integer - shift) for the formats that end in 0 and for Q6_K, w = scale * integer + minimum for
/// the others. Blocks of 32 weights have 16-bit scales; blocks of 256 (K) have a scale of few bits for each 32 or 16 of them besides.
typedef enum {
  EMBER_Q4_0 = 0,
  EMBER_Q4_1 = 1,
  EMBER_Q5_0 = 2,
  EMBER_Q5_1 = 3,
  EMBER_Q8_0 = 4,
  EMBER_Q4_K = 5,
  EMBER_Q5_K = 6,
  EMBER_Q6_K = 7,
  EMBER_BLOCK_FORMATS = 8,
} ember_block_format;

/// Weights of one block, and its bytes.
int64_t ember_block_weights(int format);
int64_t ember_block_bytes(int format);

/// The weights of `blocks` blocks that lie one behind the other, as float32.
void ember_dequantize(int format, const void *blocks, float *out, int64_t count);

/// out[m, n] = x[m, k] W[n, k]^T in float32, all dense; a row of W is k / ember_block_weights blocks. Weights are expanded a few at a
/// time, in registers or in a panel that stays in the cache.
void ember_quantized_linear(int format, const void *w, const float *x, float *out, int64_t m, int64_t n, int64_t k);

#ifdef __cplusplus
}
#endif
#endif
