// What optimizer.c (lists of tensors, chunks) and the per-instruction-set bodies (loops over elements) share.
#ifndef EMBER_OPTIMIZER_INTERNAL_H
#define EMBER_OPTIMIZER_INTERNAL_H

#include "bodies/isa.h"
#include "ember_optimizer.h"
#include "floating_dtypes.h"

/// One step of a list of tensors. Lists that a rule does not use are NULL.
typedef struct {
  int dtype;
  const int64_t *counts;
  void *const *parameters;
  const void *const *gradients;
  void *const *averages;  // momentum buffers
  void *const *squares;
  void *const *largest_squares;
  const ember_sgd_options *sgd;
  const ember_adam_options *adam;
} optimizer_job;

typedef struct {
  /// Elements first..<end of one tensor of the lists.
  void (*sgd)(const optimizer_job *job, int64_t tensor, int64_t first, int64_t end);
  void (*adam)(const optimizer_job *job, int64_t tensor, int64_t first, int64_t end);
} optimizer_functions;

typedef struct {
  optimizer_functions of_dtype[FLOATING_DTYPES];
} optimizer_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const optimizer_kernels, optimizer_kernels);

#endif
