// What the plain poolings (pooling.c) and the loops built per instruction set share.
#ifndef EMBER_POOLING_INTERNAL_H
#define EMBER_POOLING_INTERNAL_H

#include "bodies/isa.h"
#include "ember_pooling.h"

/// A pooling with its extents brought to three dimensions: missing ones lead, with extents of 1.
typedef struct {
  const void *x;
  void *y;
  int64_t *indices;
  const int64_t *read_indices;
  bool count_include_pad, adaptive;
  int64_t planes, divisor, in_plane, out_plane;
  int64_t input[3], output[3], kernel[3], stride[3], padding[3], dilation[3];
  int64_t row;  // elements of a row of a plane, and of a slice of rows
  int64_t slice;
} pooling_job;

/// What a window covers along one dimension: positions first, first + step, … below end.
typedef struct {
  int64_t first, end, step, padded;  // padded: how many positions count with the padding
} pooling_range;

static inline pooling_range pooling_range_at(const pooling_job *j, int d, int64_t o) {
  if (j->adaptive) {
    const int64_t first = o * j->input[d] / j->output[d], end = ((o + 1) * j->input[d] + j->output[d] - 1) / j->output[d];
    return (pooling_range){first, end, 1, end - first};
  }
  const int64_t step = j->dilation[d], begin = o * j->stride[d] - j->padding[d], end = begin + (j->kernel[d] - 1) * step + 1;
  const int64_t padded_end = end < j->input[d] + j->padding[d] ? end : j->input[d] + j->padding[d];
  const int64_t first = begin < 0 ? begin + (-begin + step - 1) / step * step : begin;
  return (pooling_range){first, end < j->input[d] ? end : j->input[d], step, padded_end - begin};
}

static inline int64_t pooling_count(pooling_range r) { return r.end > r.first ? (r.end - r.first + r.step - 1) / r.step : 0; }

/// What a sum over a window with `count` positions inside the plane is divided by.
static inline int64_t pooling_divisor(const pooling_job *j, int64_t count, int64_t padded) {
  return j->divisor ? j->divisor : j->count_include_pad ? padded : count;
}

/// Columns of the output whose windows lie inside of the rows: first ..< end.
static inline void pooling_inside(const pooling_job *j, int64_t *first, int64_t *end) {
  const int64_t reach = (j->kernel[2] - 1) * j->dilation[2], last = j->input[2] - 1 - reach + j->padding[2];
  *first = (j->padding[2] + j->stride[2] - 1) / j->stride[2];
  *end = last < 0 ? 0 : last / j->stride[2] + 1;
  if (*first > j->output[2]) *first = j->output[2];
  if (*end > j->output[2]) *end = j->output[2];
  if (*end < *first) *end = *first;
}

/// Loops over one plane; `context` is a pooling_job.
typedef void (*pooling_body)(void *context, int64_t plane);

typedef struct {
  pooling_body max, max_backward, average, average_backward;
} pooling_kernels;

typedef struct {
  const pooling_kernels *f32, *f64;
} pooling_isa;

EMBER_DECLARE_FOR_EACH_ISA(const pooling_isa, pooling_isa);

#endif
