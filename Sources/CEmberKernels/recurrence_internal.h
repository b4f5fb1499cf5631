// What recurrence.c (steps, products) and the per-instruction-set bodies (cells) share.
#ifndef EMBER_RECURRENCE_INTERNAL_H
#define EMBER_RECURRENCE_INTERNAL_H

#include "bodies/isa.h"
#include "ember_recurrence.h"

/// `rows` x `width` units of one step. Pointers are those of the first row and unit; strides count elements.
typedef struct {
  int cell;
  int64_t rows, width;
  int64_t hidden;  // from one gate to the next, and from one row of c and cells to the next
  const void *input;  // forward: the input side of the gates, which lies as they do
  void *gates;        // rows lie gates * hidden apart; forward: in, the hidden side of the gates, but of GRU's new one
  void *cells;        // GRU, forward: in, the hidden side of the new gate
  void *c;                  // LSTM: the state, replaced (backward: its gradient)
  void *h;                  // forward: where h goes, rows `h_stride` apart
  int64_t h_stride;
  const void *before;       // the state before the step, as it is read by GRU (h) and in the LSTM's backward pass (c)
  int64_t before_stride;
  const void *bias;         // GRU's of the hidden side, gate after gate; or NULL
} recurrence_step;

/// The same for the backward pass: gradients of the step's h come from later steps and from the output.
typedef struct {
  recurrence_step step;
  void *dh;                // GRU: left there is the part that goes past the gates
  int64_t dh_stride;
  const void *d_output;    // added to dh; or NULL
  int64_t d_output_stride;
  const void *output;      // plain cells: the step's h
  int64_t output_stride;
  void *d_gates, *d_hidden_gates;
} recurrence_step_back;

typedef struct {
  void (*forward)(const recurrence_step *step);
  void (*backward)(const recurrence_step_back *step);
} recurrence_functions;

typedef struct {
  recurrence_functions f32, f64;
} recurrence_kernels;

EMBER_DECLARE_FOR_EACH_ISA(const recurrence_kernels, recurrence_kernels);

static inline int64_t recurrence_gates(int cell) {
  return cell == EMBER_RECURRENCE_LSTM ? 4 : cell == EMBER_RECURRENCE_GRU ? 3 : 1;
}

#endif
