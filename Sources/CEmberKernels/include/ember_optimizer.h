// Optimiser steps over lists of tensors, one parallel loop for a whole list: what torch.optim does with fused=True.
//
// A list is an array of `tensors` pointers to dense arrays with counts[i] elements each. dtypes: float32, float64,
// float16, bfloat16 (computed in float32); all arrays of a call have that dtype.
#ifndef EMBER_OPTIMIZER_H
#define EMBER_OPTIMIZER_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double learning_rate;
  double momentum;
  double dampening;
  double weight_decay;
  bool nesterov;
  bool maximize;
  bool first_step;  // the momentum buffers hold nothing yet: they become the gradients
} ember_sgd_options;

/// `momentum_buffers` may be NULL if momentum is 0.
void ember_sgd_step(int dtype, int64_t tensors, const int64_t *counts, void *const *parameters,
                    const void *const *gradients, void *const *momentum_buffers, const ember_sgd_options *options);

typedef struct {
  double learning_rate;
  double beta1, beta2;
  double epsilon;
  double weight_decay;
  double bias_correction1;  // 1 - beta1^step
  double bias_correction2;  // 1 - beta2^step (its square root is taken inside)
  bool decoupled;           // AdamW: weight decay shrinks the parameter instead of joining the gradient
  bool amsgrad;
  bool maximize;
} ember_adam_options;

/// `largest_squares` (running maxima of `squares`) may be NULL unless amsgrad.
void ember_adam_step(int dtype, int64_t tensors, const int64_t *counts, void *const *parameters,
                     const void *const *gradients, void *const *averages, void *const *squares,
                     void *const *largest_squares, const ember_adam_options *options);

#ifdef __cplusplus
}
#endif
#endif
