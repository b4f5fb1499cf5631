// Classification losses: cross entropy of logits, negative likelihood of log-probabilities.
//
// dtypes: float32, float64, float16, bfloat16. Losses and log-sum-exps are float32, but float64 for float64 tensors: the
// "statistics type" below. Weights have the dtype of the logits.
#ifndef EMBER_CROSS_ENTROPY_H
#define EMBER_CROSS_ENTROPY_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double loss;           // the sum over all positions
  double weight;         // the sum of weight[target] over positions that are not ignored: mean = loss / weight
  int64_t bad_position;  // the first whose target is outside 0..<classes (its loss is NaN), or -1
} ember_class_loss_totals;

/// Cross entropy of logits [batch, classes, spatial] with class targets [batch, spatial].
/// loss = (1 - s) * w[t] * (-logp[t]) + s / classes * sum over c of w[c] * (-logp[c]), s = label_smoothing; 0 where the
/// target is `ignore_index`. losses (may be NULL) and log_sum_exp [batch, spatial] are in the statistics type.
ember_class_loss_totals ember_cross_entropy_forward(int dtype, const void *logits, const int64_t *targets, const void *weight,
                                                    int64_t ignore_index, double label_smoothing, void *losses,
                                                    void *log_sum_exp, int64_t batch, int64_t classes, int64_t spatial);
/// `gradient` is in the statistics type: [batch, spatial], or one value for all positions if `gradient_stride` is 0.
/// It is multiplied by `scale` (1, or 1 / weight for a mean). `logits_gradient` may be `logits`.
void ember_cross_entropy_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale,
                                  const void *logits, const int64_t *targets, const void *weight, int64_t ignore_index,
                                  double label_smoothing, const void *log_sum_exp, void *logits_gradient,
                                  int64_t batch, int64_t classes, int64_t spatial);

/// loss = -w[t] * log_probabilities[t]; conventions as for cross entropy.
ember_class_loss_totals ember_nll_loss_forward(int dtype, const void *log_probabilities, const int64_t *targets,
                                               const void *weight, int64_t ignore_index, void *losses,
                                               int64_t batch, int64_t classes, int64_t spatial);
/// Overwrites the whole of `input_gradient` [batch, classes, spatial].
void ember_nll_loss_backward(int dtype, const void *gradient, int64_t gradient_stride, double scale, const int64_t *targets,
                             const void *weight, int64_t ignore_index, void *input_gradient,
                             int64_t batch, int64_t classes, int64_t spatial);

#ifdef __cplusplus
}
#endif
#endif
