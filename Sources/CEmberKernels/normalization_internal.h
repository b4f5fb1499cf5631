// What normalization.c (layout, chunks) and the per-instruction-set bodies (rows) share.
#ifndef EMBER_NORMALIZATION_INTERNAL_H
#define EMBER_NORMALIZATION_INTERNAL_H

#include "bodies/isa.h"
#include "ember_normalization.h"
#include "floating_dtypes.h"

/// A row is what is normalised together: `channels` channels of `spatial` elements each, which share a weight and a bias.
/// Row i takes the weights from (i mod groups) * channels on. Layer norm: one element a channel, one group.
typedef struct {
  int dtype;
  bool centred;  // false: root mean square, no mean is subtracted
  const void *x, *weight, *bias, *dy;
  void *y;  // the gradient of x in a backward pass
  void *mean, *rstd;
  double epsilon;
  int64_t channels, spatial, groups;
  bool streamed;  // y is large and its rows are aligned: see EMBER_STREAMED_BYTES
} normalization_job;

typedef struct {
  void (*rows)(const normalization_job *job, int64_t first, int64_t end);
  /// For spatial = groups = 1: adds to the gradients of weight and bias, unless NULL: `channels` values in the statistics type,
  /// with room up to the next multiple of NORMALIZATION_PADDING.
  void (*rows_backward)(const normalization_job *job, int64_t first, int64_t end, void *dweight, void *dbias);
  /// For any spatial: `sums` receives for each channel of each row Σdy·(x - mean)·rstd and Σdy.
  void (*planes_backward)(const normalization_job *job, int64_t first, int64_t end, double *sums);
} normalization_functions;

enum { NORMALIZATION_PADDING = 16 };

typedef struct {
  normalization_functions of_dtype[FLOATING_DTYPES];
} normalization_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const normalization_kernels, normalization_kernels);

#endif
