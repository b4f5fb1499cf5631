// Batch normalisation: forwards and backwards.
//
// dtypes: float32, float64, float16, bfloat16. Means, variances and reciprocal standard deviations [channels] are float32,
// but float64 for float64 tensors. Weights and biases have the dtype of x.
#ifndef EMBER_BATCH_NORMALIZATION_H
#define EMBER_BATCH_NORMALIZATION_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// y = (x - mean) * rstd * weight + bias for each channel of x [batch, channels, spatial]; weight and bias may be NULL.
/// `training`: mean and biased variance are those of x and are written; otherwise they are read. rstd is always written.
void ember_batch_norm(int dtype, bool training, const void *x, const void *weight, const void *bias, double epsilon,
                      void *mean, void *variance, void *rstd, void *y, int64_t batch, int64_t channels, int64_t spatial);
/// `training`: mean and rstd depend on x. Otherwise they are constants (running statistics).
/// weight, dx, dweight, dbias may be NULL. dx may be dy.
void ember_batch_norm_backward(int dtype, bool training, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias,
                               int64_t batch, int64_t channels, int64_t spatial);

#ifdef __cplusplus
}
#endif
#endif
