// Attention, softmax(scale · q kᵀ + mask) v, without ever storing the scores of all pairs of queries and keys.
#ifndef EMBER_ATTENTION_H
#define EMBER_ATTENTION_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// `heads` independent problems in float32: q [queries, features], k [keys, features], v [keys, values], mask [queries, keys] or NULL,
/// which is added to the scaled scores. Elements of a row are neighbours (those of the mask: `mask_column` apart); rows lie
/// the given numbers of elements apart, and head h begins at the element that `…_offsets[h]` says. A distance of 0 repeats.
typedef struct {
  int64_t heads, queries, keys, features, values;
  const float *q, *k, *v, *mask;
  const int64_t *q_offsets, *k_offsets, *v_offsets, *mask_offsets;
  int64_t q_row, k_row, v_row, mask_row, mask_column;
  double scale;
  bool causal;  // a query sees keys up to its own position
} ember_attention;

/// y [heads, queries, values] and, for the backward pass, the logarithms of the sums of exponentials, [heads, queries]: both dense.
/// Where a mask leaves nothing to a query, its row of y is zero.
void ember_attention_forward(const ember_attention *attention, float *y, float *logarithms);

/// From the gradient of y, y and the logarithms, all dense, the gradients of q, k and v: dense, all heads.
void ember_attention_backward(const ember_attention *attention, const float *dy, const float *y, const float *logarithms, float *dq,
                              float *dk, float *dv);

#ifdef __cplusplus
}
#endif
#endif
