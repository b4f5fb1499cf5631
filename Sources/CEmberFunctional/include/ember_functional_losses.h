// Losses whose elements depend on each other. `dtype` is EMBER_FLOAT32 or EMBER_FLOAT64; everything is dense and row-major.
#ifndef EMBER_FUNCTIONAL_LOSSES_H
#define EMBER_FUNCTIONAL_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

/// A batch of sequences and what they are labelled with. Label l of item n is targets[target_offsets[n] + l].
typedef struct {
  int64_t time, batch, classes, blank;
  /// The largest target length: alpha is [batch, time, 2 * longest + 1].
  int64_t longest;
  const int64_t *targets, *target_offsets, *input_lengths, *target_lengths;
} ember_ctc;

/// losses[n] = -log p(targets[n]) under log_probs [time, batch, classes], and the logarithms of the forward variables.
/// Labels and lengths must have been checked.
void ember_ctc_loss(int dtype, const ember_ctc *ctc, const void *log_probs, void *losses, void *alpha);
/// The gradient of the unnormalised scores whose log-softmax log_probs is, scaled per item by dy; 0 where the loss is infinite if
/// `zero_infinity`.
void ember_ctc_loss_backward(int dtype, const ember_ctc *ctc, const void *dy, const void *log_probs, const void *losses, const void *alpha,
                             void *dx, bool zero_infinity);

/// y[n] = Σ max(0, 1 - x[n, t] + x[n, i]) / classes over the targets t of row n (up to the first -1) and all i that are none.
/// False, y arbitrary, if a target is out of range.
bool ember_multilabel_margin(int dtype, const void *x, const int64_t *targets, void *y, int64_t rows, int64_t classes);
/// The gradient of x from that of y.
void ember_multilabel_margin_backward(int dtype, const void *dy, const void *x, const int64_t *targets, void *dx, int64_t rows,
                                     int64_t classes);

#endif
