// Softmax, layer/RMS/group/batch normalisation, cross entropy: forwards and backwards.
//
// dtypes: float32, float64, float16, bfloat16. "Statistics type" below means float32, but float64 for float64 tensors:
// it is the type of means, reciprocal standard deviations, losses and log-sum-exps. Weights and biases have the dtype of x.
#ifndef EMBER_NORMALIZATION_H
#define EMBER_NORMALIZATION_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// (Log-)softmax over the middle dimension of [outer, n, inner]. `out` may be `in`.
void ember_softmax(int dtype, bool log, const void *in, void *out, int64_t outer, int64_t n, int64_t inner);
/// From the gradient of the output and the output itself. `input_gradient` may be `gradient`.
void ember_softmax_backward(int dtype, bool log, const void *gradient, const void *output, void *input_gradient,
                            int64_t outer, int64_t n, int64_t inner);

/// y = (x - mean) * rstd * weight + bias for each of `rows` rows of n. weight, bias, mean and rstd may be NULL.
void ember_layer_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y,
                      void *mean, void *rstd, int64_t rows, int64_t n);
/// Any of dx [rows, n], dweight [n], dbias [n] may be NULL; so may weight.
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

/// Mean and biased variance (statistics type) of each channel of x [batch, channels, spatial].
void ember_batch_norm_statistics(int dtype, const void *x, void *mean, void *variance,
                                 int64_t batch, int64_t channels, int64_t spatial);
/// y = (x - mean) * rstd * weight + bias, then max(0, .) if `relu`. mean and rstd [channels] in the statistics type.
void ember_batch_norm_apply(int dtype, const void *x, const void *mean, const void *rstd, const void *weight,
                            const void *bias, void *y, int64_t batch, int64_t channels, int64_t spatial, bool relu);
/// `training`: mean and rstd are those of the batch and depend on x. Otherwise they are constants (running statistics).
/// weight, dx, dweight, dbias may be NULL.
void ember_batch_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias,
                               int64_t batch, int64_t channels, int64_t spatial, bool training);

/// Cross entropy of logits [batch, classes, spatial] with class targets [batch, spatial].
/// losses and log_sum_exp [batch, spatial] in the statistics type; a position whose target is `ignore_index` gets loss 0.
/// loss = (1 - s) * w[t] * (-logp[t]) + s / classes * sum over c of w[c] * (-logp[c]), s = label_smoothing.
/// `total_weight`, unless NULL, receives the sum of w[target] over the positions that are not ignored (mean = sum / it).
/// Returns the flat position of the first target outside 0..<classes (its loss is NaN), or -1.
int64_t ember_cross_entropy_forward(int dtype, const void *logits, const int64_t *targets, const void *weight,
                                    int64_t ignore_index, double label_smoothing, void *losses, void *log_sum_exp,
                                    double *total_weight, int64_t batch, int64_t classes, int64_t spatial);
/// `gradient` is in the statistics type: [batch, spatial], or one value for all positions if `gradient_stride` is 0.
/// It is multiplied by `scale` (1, or 1 / total_weight for a mean). `logits_gradient` may be `logits`.
void ember_cross_entropy_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale,
                                  const void *logits, const int64_t *targets, const void *weight, int64_t ignore_index,
                                  double label_smoothing, const void *log_sum_exp, void *logits_gradient,
                                  int64_t batch, int64_t classes, int64_t spatial);

/// loss = -w[t] * log_probabilities[t]; conventions as for cross entropy.
int64_t ember_nll_loss_forward(int dtype, const void *log_probabilities, const int64_t *targets, const void *weight,
                               int64_t ignore_index, void *losses, double *total_weight,
                               int64_t batch, int64_t classes, int64_t spatial);
/// Overwrites the whole of `input_gradient` [batch, classes, spatial].
void ember_nll_loss_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale, const int64_t *targets,
                             const void *weight, int64_t ignore_index, void *input_gradient,
                             int64_t batch, int64_t classes, int64_t spatial);

#ifdef __cplusplus
}
#endif
#endif
