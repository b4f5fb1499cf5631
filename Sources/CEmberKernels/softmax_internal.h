// What softmax.c (layout, chunks) and the per-instruction-set bodies (rows) share.
#ifndef EMBER_SOFTMAX_INTERNAL_H
#define EMBER_SOFTMAX_INTERNAL_H

#include "bodies/isa.h"
#include "ember_softmax.h"
#include "floating_dtypes.h"

/// The middle dimension of [outer, n, inner]. In a backward pass `in` is the output of the forward pass.
typedef struct {
  int dtype;
  bool log;
  const void *in, *gradient;
  void *out;
  int64_t n, inner;
  bool streamed;  // out is large and its rows are aligned, and not longer than SOFTMAX_STREAMED_ROW: see EMBER_STREAMED_BYTES
} softmax_job;

/// Exponentials of a row that is to go past the cache wait in a buffer for their sum.
enum { SOFTMAX_STREAMED_ROW = 4096 };

/// Columns that are worked on together: their maxima and sums stay in the first-level cache.
enum { SOFTMAX_COLUMNS = 256 };

typedef struct {
  /// Rows first..<end of neighbouring elements (inner = 1).
  void (*rows)(const softmax_job *job, int64_t first, int64_t end);
  void (*rows_backward)(const softmax_job *job, int64_t first, int64_t end);
  /// `width` <= SOFTMAX_COLUMNS columns whose first elements stand at `start`, their next ones job->inner further on.
  void (*columns)(const softmax_job *job, int64_t start, int64_t width);
  void (*columns_backward)(const softmax_job *job, int64_t start, int64_t width);
} softmax_functions;

typedef struct {
  softmax_functions of_dtype[FLOATING_DTYPES];
} softmax_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const softmax_kernels, softmax_kernels);

#endif
