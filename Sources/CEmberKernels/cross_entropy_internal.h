// What cross_entropy.c (layout, chunks, totals) and the per-instruction-set bodies (rows) share.
#ifndef EMBER_CROSS_ENTROPY_INTERNAL_H
#define EMBER_CROSS_ENTROPY_INTERNAL_H

#include "bodies/isa.h"
#include "ember_cross_entropy.h"
#include "floating_dtypes.h"

/// Position n * spatial + s has the logits n * classes * spatial + s + c * spatial.
typedef struct {
  int dtype;
  const void *logits, *weight, *gradient;
  const int64_t *targets;
  void *losses, *log_sum_exp, *logits_gradient;
  int64_t classes, spatial, ignore_index, gradient_stride;
  double smoothing, scale;
} cross_entropy_job;

/// Positions of one image that are worked on together where spatial > 1.
enum { CROSS_ENTROPY_COLUMNS = 256 };

typedef struct {
  /// Positions first..<end, where spatial = 1. Returns the sum of their losses.
  double (*rows)(const cross_entropy_job *job, int64_t first, int64_t end);
  void (*rows_backward)(const cross_entropy_job *job, int64_t first, int64_t end);
  /// Positions first..<end of one image, CROSS_ENTROPY_COLUMNS at most.
  double (*columns)(const cross_entropy_job *job, int64_t first, int64_t end);
  void (*columns_backward)(const cross_entropy_job *job, int64_t first, int64_t end);
} cross_entropy_functions;

typedef struct {
  cross_entropy_functions of_dtype[FLOATING_DTYPES];
} cross_entropy_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const cross_entropy_kernels, cross_entropy_kernels);

static inline bool cross_entropy_is_class(const cross_entropy_job *job, int64_t target) {
  return target >= 0 && target < job->classes;
}

static inline double cross_entropy_weight(const cross_entropy_job *job, int64_t class) {
  return job->weight ? element_load_double(job->dtype, job->weight, class) : 1;
}

static inline int64_t cross_entropy_start(const cross_entropy_job *job, int64_t position) {
  return position / job->spatial * job->classes * job->spatial + position % job->spatial;
}

/// The gradient that reaches a position, `scale` included.
static inline double cross_entropy_gradient(const cross_entropy_job *job, int64_t position) {
  return element_load_double(floating_statistics(job->dtype), job->gradient, position * job->gradient_stride) * job->scale;
}

/// What the log-probabilities of a target's position are weighted with in sum.
static inline double cross_entropy_total(const cross_entropy_job *job, int64_t target) {
  double total = (1 - job->smoothing) * cross_entropy_weight(job, target);
  if (job->smoothing > 0 && !job->weight) return total + job->smoothing;
  for (int64_t c = 0; job->smoothing > 0 && c < job->classes; c++)
    total += job->smoothing / (double)job->classes * cross_entropy_weight(job, c);
  return total;
}

#endif
