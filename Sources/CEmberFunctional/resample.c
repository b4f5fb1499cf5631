// Resampling along one dimension by a sparse matrix. Rows of the result are cut into chunks of about the same work.
#include "ember_functional_resampling.h"

#include "CEmberKernels.h"

#include <math.h>

typedef struct {
  const ember_resampling *matrix;
  const void *x, *weights;
  void *y;
  int64_t outer, inner, rows_per_chunk;
  int precision;
} job;

/// How many rows a chunk takes: a result's row costs its length times the number of weights.
static int64_t rows_per_chunk(const ember_resampling *m, int64_t inner) {
  int64_t taps = m->output ? m->starts[m->output] / m->output + 1 : 1;
  int64_t rows = 32768 / (inner * taps + 1);
  return rows > 0 ? rows : 1;
}

static void run(job *j, void (*body)(void *, int64_t)) {
  int64_t rows = j->outer * j->matrix->output;
  j->rows_per_chunk = rows_per_chunk(j->matrix, j->inner);
  ember_parallel((rows + j->rows_per_chunk - 1) / j->rows_per_chunk, body, j);
}

#define FOR_ROWS(j, chunk)                                                                                      \
  const ember_resampling *m = (j)->matrix;                                                                      \
  int64_t first = (chunk) * (j)->rows_per_chunk, last = first + (j)->rows_per_chunk;                            \
  if (last > (j)->outer * m->output) last = (j)->outer * m->output;                                             \
  for (int64_t row = first; row < last; row++)

#define DEFINE_RESAMPLE(T, SUFFIX)                                                                              \
  static void resample_##SUFFIX(void *context, int64_t chunk) {                                                 \
    const job *j = context;                                                                                     \
    const int64_t n = j->inner;                                                                                 \
    const T *weights = j->weights;                                                                              \
    FOR_ROWS(j, chunk) {                                                                                        \
      const int64_t item = row / m->output, o = row % m->output, from = m->starts[o], to = m->starts[o + 1];    \
      const T *x = (const T *)j->x + item * m->input * n;                                                       \
      T *restrict y = (T *)j->y + row * n;                                                                      \
      if (n == 1) {                                                                                             \
        T sum = 0;                                                                                              \
        for (int64_t k = from; k < to; k++) sum += weights[k] * x[m->indices[k]];                               \
        y[0] = sum;                                                                                             \
        continue;                                                                                               \
      }                                                                                                         \
      for (int64_t i = 0; i < n; i++) y[i] = 0;                                                                 \
      for (int64_t k = from; k < to; k++) {                                                                     \
        const T w = weights[k], *source = x + m->indices[k] * n;                                                \
        for (int64_t i = 0; i < n; i++) y[i] += w * source[i];                                                  \
      }                                                                                                         \
    }                                                                                                           \
  }
DEFINE_RESAMPLE(float, f32)
DEFINE_RESAMPLE(double, f64)

void ember_resample(int dtype, const ember_resampling *matrix, const void *x, void *y, int64_t outer, int64_t inner) {
  job j = {.matrix = matrix, .x = x, .y = y, .outer = outer, .inner = inner, .weights = matrix->weights};
  if (dtype == EMBER_FLOAT64) {
    run(&j, resample_f64);
    return;
  }
  int64_t count = matrix->starts[matrix->output];
  float *weights = ember_scratch((size_t)count * sizeof(float));
  if (!weights) return;
  for (int64_t k = 0; k < count; k++) weights[k] = (float)matrix->weights[k];
  j.weights = weights;
  run(&j, resample_f32);
  ember_deallocate(weights, (size_t)count * sizeof(float));
}

static void resample_bytes(void *context, int64_t chunk) {
  const job *j = context;
  const int64_t n = j->inner;
  const int32_t *weights = j->weights;
  FOR_ROWS(j, chunk) {
    const int64_t item = row / m->output, o = row % m->output;
    const uint8_t *x = (const uint8_t *)j->x + item * m->input * n;
    uint8_t *y = (uint8_t *)j->y + row * n;
    for (int64_t i = 0; i < n; i++) {
      int32_t sum = 1 << (j->precision - 1);
      for (int64_t k = m->starts[o]; k < m->starts[o + 1]; k++) sum += weights[k] * x[m->indices[k] * n + i];
      sum >>= j->precision;
      y[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
  }
}

void ember_resample_bytes(const ember_resampling *matrix, int weight_bits, const uint8_t *x, uint8_t *y, int64_t outer, int64_t inner) {
  int64_t count = matrix->starts[matrix->output];
  // The sum of 255 times all weights, and of what negative ones take away again, must stay within 32 bits.
  const int most = 22;
  int precision = most;
  if (weight_bits == 16) {
    double largest = 0;
    for (int64_t k = 0; k < count; k++)
      if (matrix->weights[k] > largest) largest = matrix->weights[k];
    precision = 0;
    while (precision < most && (int64_t)(0.5 + largest * (double)(1 << (precision + 1))) < 1 << 15) precision++;
    if (precision < 1) precision = 1;
  }
  int32_t *weights = ember_scratch((size_t)count * sizeof(int32_t));
  if (!weights) return;
  for (int64_t k = 0; k < count; k++) {
    double scaled = matrix->weights[k] * (double)(1 << precision);
    weights[k] = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  job j = {.matrix = matrix, .x = x, .y = y, .outer = outer, .inner = inner, .weights = weights, .precision = precision};
  run(&j, resample_bytes);
  ember_deallocate(weights, (size_t)count * sizeof(int32_t));
}

double ember_sine(double x) { return sin(x); }
