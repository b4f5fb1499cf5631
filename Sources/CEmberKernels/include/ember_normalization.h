// Layer, root-mean-square and group normalisation: forwards and backwards.
//
// dtypes: float32, float64, float16, bfloat16. "Statistics type" below means float32, but float64 for float64 tensors:
// it is the type of means and reciprocal standard deviations. Weights and biases have the dtype of x.
#ifndef EMBER_NORMALIZATION_H
#define EMBER_NORMALIZATION_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// y = (x - mean) * rstd * weight + bias for each of `rows` rows of n. weight, bias, mean and rstd may be NULL.
void ember_layer_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y,
                      void *mean, void *rstd, int64_t rows, int64_t n);
/// Any of dx [rows, n], dweight [n], dbias [n] may be NULL; so may weight. dx may be dy.
void ember_layer_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias, int64_t rows, int64_t n);

/// y = x / sqrt(mean(x^2) + epsilon) * weight. weight and rstd may be NULL.
void ember_rms_norm(int dtype, const void *x, const void *weight, double epsilon, void *y, void *rstd, int64_t rows, int64_t n);
void ember_rms_norm_backward(int dtype, const void *dy, const void *x, const void *rstd, const void *weight,
                             void *dx, void *dweight, int64_t rows, int64_t n);

/// x [batch, channels, spatial] normalised over each of `groups` groups of channels; mean and rstd [batch, groups].
void ember_group_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y,
                      void *mean, void *rstd, int64_t batch, int64_t channels, int64_t spatial, int64_t groups);
void ember_group_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias,
                               int64_t batch, int64_t channels, int64_t spatial, int64_t groups);

#ifdef __cplusplus
}
#endif
#endif
