// Frames of signals and window functions.
#include <math.h>
#include <string.h>

#include "CEmberKernels.h"
#include "CEmberSpectral.h"

// MARK: Overlapping frames

typedef struct {
  bool is_double;
  int64_t frames, frame_length, hop, parts, length;
  const void *in;
  void *out;
} overlap_job;

#define OVERLAP_ROW(name, real)                                                             \
  static void name(const overlap_job *job, int64_t row) {                                   \
    int64_t parts = job->parts, row_length = job->length * parts;                           \
    const real *in = (const real *)job->in + row * job->frames * job->frame_length * parts; \
    real *out = (real *)job->out + row * row_length;                                        \
    memset(out, 0, (size_t)row_length * sizeof(real));                                      \
    for (int64_t f = 0; f < job->frames; f++) {                                             \
      int64_t start = f * job->hop * parts, count = job->frame_length * parts;              \
      if (start >= row_length) break;                                                       \
      if (count > row_length - start) count = row_length - start;                           \
      const real *frame = in + f * job->frame_length * parts;                               \
      for (int64_t t = 0; t < count; t++) out[start + t] += frame[t];                       \
    }                                                                                       \
  }
OVERLAP_ROW(overlap_row_float, float)
OVERLAP_ROW(overlap_row_double, double)

static void overlap_chunk(void *context, int64_t row) {
  const overlap_job *job = context;
  if (job->is_double) overlap_row_double(job, row);
  else overlap_row_float(job, row);
}

void ember_overlap_add(bool is_double, int64_t batch, int64_t frames, int64_t frame_length, int64_t hop, int64_t parts, const void *in,
                       void *out, int64_t length) {
  if (batch * length == 0) return;
  overlap_job job = {is_double, frames, frame_length, hop, parts, length, in, out};
  ember_parallel(batch, overlap_chunk, &job);
}

// MARK: Windows

// The modified Bessel function of order 0 by its series, whose terms are all positive.
static double bessel_i0(double x) {
  double quarter = x * x / 4, term = 1, sum = 1;
  for (int k = 1; k < 1000 && term > sum * 1e-17; k++) {
    term *= quarter / ((double)k * k);
    sum += term;
  }
  return sum;
}

static double window_value(ember_window window, double x, const double *c, int count) {
  switch (window) {
    case EMBER_WINDOW_COSINES: {
      double sum = 0;
      for (int k = 0; k < count; k++) sum += (k % 2 ? -c[k] : c[k]) * cos(k * x);
      return sum;
    }
    case EMBER_WINDOW_EXPONENTIAL: return exp(-fabs(x));
    case EMBER_WINDOW_GAUSSIAN: return exp(-x * x);
    case EMBER_WINDOW_KAISER: {
      double inside = c[0] * c[0] - x * x;
      return bessel_i0(sqrt(inside > 0 ? inside : 0)) / bessel_i0(c[0]);
    }
    case EMBER_WINDOW_SINE: return sin(x);
    case EMBER_WINDOW_TRIANGLE: return 1 - fabs(x);
  }
  return 0;
}

void ember_window_fill(bool is_double, ember_window window, int64_t count, double start, double step, const double *coefficients,
                       int coefficient_count, void *out) {
  for (int64_t i = 0; i < count; i++) {
    double value = window_value(window, start + (double)i * step, coefficients, coefficient_count);
    if (is_double) ((double *)out)[i] = value;
    else ((float *)out)[i] = (float)value;
  }
}
