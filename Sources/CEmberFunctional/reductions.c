// Pooling with windows at pseudo-random distances, and reductions of segments of rows.
#include "ember_functional_reductions.h"

#include "CEmberKernels.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  const ember_fractional_pooling *p;
  const void *x, *samples;
  void *y;
  int64_t *indices;
  int dtype;
} pooling_job;

/// A number as the element type stores it: window positions follow from it, so it must round as PyTorch's does.
static double rounded(int dtype, double x) {
  if (dtype == EMBER_FLOAT64) return x;
  if (dtype == EMBER_FLOAT32) return (float)x;
  const int64_t one = 1;
  uint16_t narrow;
  double result;
  ember_copy(dtype, &narrow, &one, EMBER_FLOAT64, &x, &one, 1, &one);
  ember_copy(EMBER_FLOAT64, &result, &one, dtype, &narrow, &one, 1, &one);
  return result;
}

/// Where window i of a dimension begins.
static int64_t window_start(int dtype, double sample, int64_t i, int64_t input, int64_t output, int64_t kernel) {
  if (i == output - 1) return input - kernel;
  double step = rounded(dtype, rounded(dtype, (double)(input - kernel)) / rounded(dtype, (double)(output - 1)));
  return (int64_t)rounded(dtype, rounded(dtype, (double)i + sample) * step) - (int64_t)rounded(dtype, sample * step);
}

static double element(int dtype, const void *x, int64_t i) {
  const int64_t one = 1;
  if (dtype == EMBER_FLOAT32) return ((const float *)x)[i];
  if (dtype == EMBER_FLOAT64) return ((const double *)x)[i];
  double result;
  ember_copy(EMBER_FLOAT64, &result, &one, dtype, (const uint16_t *)x + i, &one, 1, &one);
  return result;
}

static void pool_plane(void *context, int64_t plane) {
  const pooling_job *j = context;
  const ember_fractional_pooling *p = j->p;
  const size_t size = ember_dtype_size(j->dtype);
  const int64_t area = p->input[1] * p->input[2], windows = p->output[0] * p->output[1] * p->output[2], one = 1;
  const char *x = (const char *)j->x + (size_t)(plane * p->input[0] * area) * size;
  double sample[3] = {0, 0, 0};
  for (int d = 0; d < p->rank; d++) {
    double number = element(j->dtype, (const char *)j->samples + (size_t)(plane * p->rank) * size, d);
    sample[p->rank == 3 ? d : 2 - d] = number;
  }
  for (int64_t w = 0; w < windows; w++) {
    const int64_t at[3] = {w / (p->output[1] * p->output[2]), w / p->output[2] % p->output[1], w % p->output[2]};
    int64_t start[3];
    for (int d = 0; d < 3; d++) start[d] = window_start(j->dtype, sample[d], at[d], p->input[d], p->output[d], p->kernel[d]);
    double most = -INFINITY;
    int64_t where = (start[0] * p->input[1] + start[1]) * p->input[2] + start[2];
    for (int64_t d = start[0]; d < start[0] + p->kernel[0]; d++)
      for (int64_t h = start[1]; h < start[1] + p->kernel[1]; h++)
        for (int64_t c = start[2]; c < start[2] + p->kernel[2]; c++) {
          const int64_t i = (d * p->input[1] + h) * p->input[2] + c;
          const double value = element(j->dtype, x, i);
          if (value > most || isnan(value)) most = value, where = i;
        }
    ember_copy(j->dtype, (char *)j->y + (size_t)(plane * windows + w) * size, &one, j->dtype, x + (size_t)where * size, &one, 1, &one);
    j->indices[plane * windows + w] = where;
  }
}

void ember_fractional_max_pool(int dtype, const ember_fractional_pooling *pooling, const void *x, const void *samples, void *y,
                               int64_t *indices) {
  pooling_job j = {.p = pooling, .x = x, .samples = samples, .y = y, .indices = indices, .dtype = dtype};
  ember_parallel(pooling->planes, pool_plane, &j);
}

typedef struct {
  const void *x;
  const int64_t *starts, *ends;
  void *y;
  double initial;
  int64_t inner;
  int mode;
} segment_job;

#define DEFINE_SEGMENT(T, SUFFIX)                                                                                \
  static void segment_##SUFFIX(void *context, int64_t s) {                                                       \
    const segment_job *j = context;                                                                              \
    const int64_t n = j->inner, from = j->starts[s], to = j->ends[s];                                            \
    T *y = (T *)j->y + s * n;                                                                                    \
    for (int64_t k = 0; k < n; k++) y[k] = (T)j->initial;                                                        \
    for (int64_t row = from; row < to; row++) {                                                                  \
      const T *x = (const T *)j->x + row * n;                                                                    \
      switch (j->mode) {                                                                                         \
        case EMBER_SEGMENT_MAXIMUM:                                                                              \
          for (int64_t k = 0; k < n; k++) y[k] = isnan(x[k]) || x[k] > y[k] ? x[k] : y[k];                       \
          break;                                                                                                 \
        case EMBER_SEGMENT_MINIMUM:                                                                              \
          for (int64_t k = 0; k < n; k++) y[k] = isnan(x[k]) || x[k] < y[k] ? x[k] : y[k];                       \
          break;                                                                                                 \
        case EMBER_SEGMENT_PRODUCT:                                                                              \
          for (int64_t k = 0; k < n; k++) y[k] *= x[k];                                                          \
          break;                                                                                                 \
        default:                                                                                                 \
          for (int64_t k = 0; k < n; k++) y[k] += x[k];                                                          \
      }                                                                                                          \
    }                                                                                                            \
    if (j->mode == EMBER_SEGMENT_MEAN && to > from)                                                              \
      for (int64_t k = 0; k < n; k++) y[k] /= (T)(to - from);                                                    \
  }
DEFINE_SEGMENT(float, f32)
DEFINE_SEGMENT(double, f64)

void ember_segment_reduce(int dtype, int mode, const void *x, const int64_t *starts, const int64_t *ends, double initial, void *y,
                          int64_t segments, int64_t inner) {
  segment_job j = {.x = x, .starts = starts, .ends = ends, .y = y, .initial = initial, .inner = inner, .mode = mode};
  ember_parallel(segments, dtype == EMBER_FLOAT64 ? segment_f64 : segment_f32, &j);
}
