// Max, average and adaptive pooling over 1, 2 or 3 spatial dimensions of [planes, spatial...] (planes = batch * channels).
#ifndef EMBER_POOLING_H
#define EMBER_POOLING_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Extents of a pooling. The first `spatial_rank` entries of each array are used, outermost dimension first.
/// The caller computes `output` (and so decides about ceil mode). Average pooling ignores `dilation`;
/// adaptive pooling uses `input` and `output` only.
typedef struct {
  int spatial_rank;
  int64_t planes;
  int64_t input[3], output[3], kernel[3], stride[3], padding[3], dilation[3];
} ember_pooling;

// Floating-point dtypes; the forward max poolings also take the integer types.

/// Largest value of each window and, unless `indices` is NULL, its position in the flattened input plane.
/// The first of equal values wins; a NaN wins over everything and the last NaN of a window is reported, as in PyTorch.
void ember_max_pool(int dtype, const ember_pooling *pooling, const void *x, void *y, int64_t *indices);
/// dx is overwritten: dx[plane][indices[o]] += dy[o]. Serves adaptive max pooling too.
void ember_max_pool_backward(int dtype, const ember_pooling *pooling, const void *dy, const int64_t *indices, void *dx);

/// Mean of each window. The divisor is `divisor_override` if not 0, else the size of the window: with its padding
/// if `count_include_pad`, without it otherwise.
void ember_average_pool(int dtype, const ember_pooling *pooling, const void *x, void *y, bool count_include_pad,
                        int64_t divisor_override);
void ember_average_pool_backward(int dtype, const ember_pooling *pooling, const void *dy, void *dx, bool count_include_pad,
                                 int64_t divisor_override);

/// Windows [floor(i * input / output), ceil((i + 1) * input / output)).
void ember_adaptive_average_pool(int dtype, const ember_pooling *pooling, const void *x, void *y);
void ember_adaptive_average_pool_backward(int dtype, const ember_pooling *pooling, const void *dy, void *dx);
void ember_adaptive_max_pool(int dtype, const ember_pooling *pooling, const void *x, void *y, int64_t *indices);

#ifdef __cplusplus
}
#endif
#endif
