// What reduce.c (layout, chunks, final step) and the per-instruction-set bodies (inner loops) share.
#ifndef EMBER_REDUCE_INTERNAL_H
#define EMBER_REDUCE_INTERNAL_H

#include "bodies/isa.h"
#include "ember_reduce.h"
#include "pointwise_internal.h"

/// What an inner loop accumulates.
typedef enum {
  REDUCE_SUM,
  REDUCE_NAN_SUM,
  REDUCE_SUM_SQUARES,
  REDUCE_SUM_ABSOLUTE,
  REDUCE_SUM_POWERS,  // Σ|x|^power
  REDUCE_PRODUCT,
  REDUCE_MAXIMUM,
  REDUCE_MINIMUM,
  REDUCE_MAXIMUM_ABSOLUTE,
  REDUCE_MINIMUM_ABSOLUTE,
  REDUCE_ARGMAX,  // value and index
  REDUCE_ARGMIN,
  REDUCE_LOG_SUM_EXP,
  REDUCE_MOMENTS,
  REDUCE_COUNT,  // of elements that are not zero
} reduce_kernel;

/// The type an inner loop computes in. Input of any other type is converted into small tiles first.
typedef enum { REDUCE_F32, REDUCE_F64, REDUCE_I32, REDUCE_I64, REDUCE_TRUTH } reduce_type;

typedef struct {
  int kernel;
  int type;
  int dtype;           // of the input
  bool magnitude;      // complex input read as |z|
  bool stop_at_true;   // counting may stop at the first true (any) ...
  bool stop_at_false;  // ... or false (all)
  double power;
  const struct ember_plan *plan;  // of a program that makes the input; NULL: it lies in memory
} reduce_job;

/// The state of one output. Sums of blocks are held in double, so only sums inside a block round in float32.
/// Moments: value Σ(x-mean)², second mean, integer count. Log-sum-exp: value maximum, second Σexp(x-maximum).
/// Extremes: value or integer, and index, which is -1 before the first element.
typedef struct {
  double value, second;
  int64_t integer, index;
} reduce_partial;

typedef struct {
  /// Accumulates `n` elements, `stride` apart, of each row into its partial. `first` is the position of the first one along
  /// the reduced axis.
  void (*rows)(const reduce_job *job, const void *in, int64_t row_stride, int64_t rows, int64_t stride, int64_t n,
               int64_t first, reduce_partial *partials);
  /// Accumulates `rows` rows of `width` <= REDUCE_COLUMNS elements into as many partials. `stride` lies between neighbours in a row.
  void (*columns)(const reduce_job *job, const void *in, int64_t row_stride, int64_t rows, int64_t stride, int64_t width,
                  int64_t first, reduce_partial *partials);
} reduce_kernels;

enum {
  REDUCE_COLUMNS = 1024,  // columns worked on together: their accumulators stay in the first-level cache
  REDUCE_BLOCK = 4096,    // elements summed in the computing type before the sum joins a double
  REDUCE_TILE = 1024,     // converted elements held on the stack
};

/// The state before the first element.
static inline reduce_partial reduce_identity(const reduce_job *job) {
  reduce_partial partial = {0, 0, 0, -1};
  switch (job->kernel) {
    case REDUCE_PRODUCT: partial.value = 1; partial.integer = 1; break;
    case REDUCE_MAXIMUM: case REDUCE_ARGMAX: partial.value = -__builtin_inf(); partial.integer = INT64_MIN; break;
    case REDUCE_MINIMUM: case REDUCE_ARGMIN: partial.value = __builtin_inf(); partial.integer = INT64_MAX; break;
    case REDUCE_MINIMUM_ABSOLUTE: partial.value = __builtin_inf(); break;
    case REDUCE_LOG_SUM_EXP: partial.value = -__builtin_inf(); break;
    default: break;
  }
  return partial;
}

// The steps below join a block to a partial; bodies and the final combination use the same ones.

static inline void reduce_join_maximum(reduce_partial *partial, double value) {
  if (value > partial->value || value != value) partial->value = value;
}
static inline void reduce_join_minimum(reduce_partial *partial, double value) {
  if (value < partial->value || value != value) partial->value = value;
}

static inline void reduce_join_moments(reduce_partial *partial, int64_t count, double mean, double squares) {
  if (count == 0) return;
  if (partial->integer == 0) {
    partial->integer = count, partial->second = mean, partial->value = squares;
    return;
  }
  const double n = (double)partial->integer, m = (double)count, delta = mean - partial->second;
  partial->value += squares + delta * delta * (n * m / (n + m));
  partial->second += delta * (m / (n + m));
  partial->integer += count;
}

void reduce_join_log_sum_exp(reduce_partial *partial, double maximum, double sum);

EMBER_DECLARE_FOR_EACH_ISA(const reduce_kernels, reduce_kernels);

#endif
