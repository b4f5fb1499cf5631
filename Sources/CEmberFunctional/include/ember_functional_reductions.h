// Reductions over windows and segments of uneven sizes.
#ifndef EMBER_FUNCTIONAL_REDUCTIONS_H
#define EMBER_FUNCTIONAL_REDUCTIONS_H

#include <stdint.h>

/// Windows at pseudo-random distances. Images have one depth; `rank` is 2 or 3.
typedef struct {
  int32_t rank;
  int64_t planes, input[3], output[3], kernel[3];
} ember_fractional_pooling;

/// The largest value of each window of x [planes, input...] (any floating type) and its position in the plane.
/// samples [planes, rank]: numbers in [0, 1) of x's type, for images that of the width first, for volumes that of the depth.
void ember_fractional_max_pool(int dtype, const ember_fractional_pooling *pooling, const void *x, const void *samples, void *y,
                               int64_t *indices);

typedef enum {
  EMBER_SEGMENT_SUM = 0,
  EMBER_SEGMENT_MEAN = 1,
  EMBER_SEGMENT_MAXIMUM = 2,
  EMBER_SEGMENT_MINIMUM = 3,
  EMBER_SEGMENT_PRODUCT = 4,
} ember_segment_mode;

/// y[s, k] = the reduction of `initial` and x[r, k] for starts[s] <= r < ends[s]; x [rows, inner], y [segments, inner], EMBER_FLOAT32 or
/// EMBER_FLOAT64. Means divide by the number of rows; where there are none, what `initial` gives stays.
void ember_segment_reduce(int dtype, int mode, const void *x, const int64_t *starts, const int64_t *ends, double initial, void *y,
                          int64_t segments, int64_t inner);

#endif
