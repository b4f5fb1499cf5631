// What quantized.c (layout, chunks) and the per-instruction-set bodies (groups of 32 weights) share.
#ifndef EMBER_QUANTIZED_INTERNAL_H
#define EMBER_QUANTIZED_INTERNAL_H

#include "bodies/isa.h"
#include "ember_quantized.h"

/// All formats are read in groups of this many weights: a block, or an eighth of a block of 256.
enum { QUANTIZED_GROUP = 32 };

/// Rows of x that a group is multiplied with while it lies in registers.
enum { QUANTIZED_ROWS = 4 };

typedef struct {
  const uint8_t *w;
  const float *x;
  float *out;
  int64_t m, n, k;
  /// Bytes of a row of w.
  int64_t row_bytes;
} quantized_job;

typedef struct {
  /// Expands `blocks` blocks.
  void (*expand)(const uint8_t *w, float *out, int64_t blocks);
  /// Columns first..<end of the result (rows of w), for all rows of x.
  void (*multiply)(const quantized_job *job, int64_t first, int64_t end);
} quantized_functions;

typedef struct {
  quantized_functions of_format[EMBER_BLOCK_FORMATS];
} quantized_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const quantized_kernels, quantized_kernels);

/// Scale and minimum of group `j` of a block of Q4_K or Q5_K: eight pairs of six bits each, packed into twelve bytes.
static inline void quantized_scale_pair(const uint8_t *packed, int j, int *scale, int *minimum) {
  if (j < 4) {
    *scale = packed[j] & 63;
    *minimum = packed[j + 4] & 63;
  } else {
    *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
    *minimum = (packed[j + 4] >> 4) | (packed[j] >> 6) << 4;
  }
}

#endif
