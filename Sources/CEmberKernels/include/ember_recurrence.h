// Recurrent layers over whole sequences: the steps of one layer in one direction. dtypes: float32, float64.
#ifndef EMBER_RECURRENCE_H
#define EMBER_RECURRENCE_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  EMBER_RECURRENCE_TANH = 0,  // h' = tanh(a)
  EMBER_RECURRENCE_RELU = 1,  // h' = max(a, 0)
  EMBER_RECURRENCE_LSTM = 2,  // gates input, forget, cell, output
  EMBER_RECURRENCE_GRU = 3,   // gates reset, update, new
} ember_recurrence_cell;

/// A layer in one direction. The rows of a sequence lie step after step; a step has `batch_sizes[t]` rows, never more than the one
/// before, so that the sequences that have ended are the last ones of the batch.
typedef struct {
  int dtype;
  int cell;  // ember_recurrence_cell
  int64_t steps;
  const int64_t *batch_sizes;
  bool backwards;  // begins with the last step
  int64_t hidden;
  int64_t projection;       // extent of h if it is projected (LSTM alone); 0: hidden
  const void *weight_hh;    // [gates * hidden, extent of h]
  const void *weight_hr;    // [projection, hidden]
  const void *bias_hh;      // [gates * hidden], GRU's alone, whose new gate takes it apart; or NULL
} ember_recurrence;

/// What the steps read and leave behind, dense. The backward pass reads what the forward pass left.
typedef struct {
  const void *input;  // [rows, gates * hidden]: the input side of the gates, with all biases but bias_hh; not read backwards
  void *gates;        // [rows, gates * hidden]: the gates after their functions
  void *cells;        // [rows, hidden]: LSTM, the cell state after each step; GRU, the new gate's hidden side
  void *hidden;       // [rows, hidden]: LSTM with a projection, h before it; else NULL
  void *output;       // [rows, extent of h]
} ember_recurrence_trace;

/// h [batch, extent of h] and c [batch, hidden] (LSTM): in, the initial state; out, the last one of each sequence.
void ember_recurrence_forward(const ember_recurrence *layer, const ember_recurrence_trace *trace, void *h, void *c);

/// Where the gradients go, dense.
typedef struct {
  const void *output;  // gradient of the output, or NULL for zeros
  void *h, *c;         // in, gradients of the last state; out, of the initial one
  void *gates;         // [rows, gates * hidden], before their functions, of the input side
  void *hidden_gates;  // the same of the hidden side: GRU; else NULL, for they are the same
  void *projected;     // [rows, projection]: of the projected h; or NULL
} ember_recurrence_gradients;

/// `h0` and `c0`: the initial state of the forward pass.
void ember_recurrence_backward(const ember_recurrence *layer, const ember_recurrence_trace *trace, const void *h0, const void *c0,
                               const ember_recurrence_gradients *gradients);

#ifdef __cplusplus
}
#endif
#endif
