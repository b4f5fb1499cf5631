// What batch_normalization.c (pieces, statistics) and the per-instruction-set bodies (loops over elements) share.
#ifndef EMBER_BATCH_NORMALIZATION_INTERNAL_H
#define EMBER_BATCH_NORMALIZATION_INTERNAL_H

#include "bodies/isa.h"
#include "ember_batch_normalization.h"
#include "floating_dtypes.h"

/// Of x [batch, channels, spatial]. mean, variance, rstd, dweight_sums … are arrays over channels.
typedef struct {
  int dtype;
  bool training;
  const void *x, *dy, *weight, *bias;
  void *y;  // the gradient of x in a backward pass
  void *mean, *variance, *rstd;
  void *dweight, *dbias;
  double epsilon;
  int64_t batch, channels, spatial;
} batch_norm_job;

/// Elements of one channel that are worked on together: `count` elements from `start` on in each of `images` images.
typedef struct {
  int64_t channel, image, images, start, count;
} batch_norm_piece;

typedef struct {
  /// Mean and Σ(x - mean)².
  void (*moments)(const batch_norm_job *job, const batch_norm_piece *piece, double *mean, double *squares);
  /// y = (x - mean) * scale + shift.
  void (*apply)(const batch_norm_job *job, const batch_norm_piece *piece, double mean, double scale, double shift);
  /// Σdy and Σdy·(x - mean).
  void (*sums)(const batch_norm_job *job, const batch_norm_piece *piece, double mean, double *plain, double *product);
  /// dx = (dy - a - (x - mean) * b) * scale.
  void (*gradient)(const batch_norm_job *job, const batch_norm_piece *piece, double mean, double a, double b, double scale);
  /// The whole forward or backward pass of `width` <= BATCH_NORM_COLUMNS channels where spatial = 1: columns of a matrix.
  void (*columns)(const batch_norm_job *job, int64_t first, int64_t width);
  void (*columns_backward)(const batch_norm_job *job, int64_t first, int64_t width);
} batch_norm_functions;

enum { BATCH_NORM_COLUMNS = 64 };

typedef struct {
  batch_norm_functions of_dtype[FLOATING_DTYPES];
} batch_norm_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const batch_norm_kernels, batch_norm_kernels);

#endif
