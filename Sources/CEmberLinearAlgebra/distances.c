// Distances between the rows of two matrices, pair by pair, in memory for the distances alone.
#include <math.h>
#include <string.h>

#include "CEmberKernels.h"
#include "CEmberLinearAlgebra.h"

typedef struct {
  bool is_double;
  int64_t m, n, depth, rows, rows_per_chunk;
  double p;
  const void *a, *b, *distances, *gradient;
  void *out;
} distance_job;

// The loops of one real type. Rows of a are shared out; each meets all rows of its batch's b.
#define DEFINE_DISTANCES(real, suffix, absolute, power, root)                                                         \
  static real distance_##suffix(const real *x, const real *y, int64_t depth, real p) {                                \
    real sum = 0;                                                                                                     \
    if (p == 2) {                                                                                                     \
      for (int64_t k = 0; k < depth; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);                                       \
      return root(sum);                                                                                               \
    }                                                                                                                 \
    if (p == 1) {                                                                                                     \
      for (int64_t k = 0; k < depth; k++) sum += absolute(x[k] - y[k]);                                               \
      return sum;                                                                                                     \
    }                                                                                                                 \
    if (p == 0) {                                                                                                     \
      for (int64_t k = 0; k < depth; k++) sum += x[k] != y[k];                                                        \
      return sum;                                                                                                     \
    }                                                                                                                 \
    if (isinf(p)) {                                                                                                   \
      for (int64_t k = 0; k < depth; k++) {                                                                           \
        real size = absolute(x[k] - y[k]);                                                                            \
        if (size > sum || size != size) sum = size;                                                                   \
      }                                                                                                               \
      return sum;                                                                                                     \
    }                                                                                                                 \
    for (int64_t k = 0; k < depth; k++) sum += power(absolute(x[k] - y[k]), p);                                       \
    return power(sum, 1 / p);                                                                                         \
  }                                                                                                                   \
                                                                                                                      \
  static void forward_row_##suffix(const distance_job *job, int64_t row) {                                            \
    const real *x = (const real *)job->a + row * job->depth;                                                          \
    const real *b = (const real *)job->b + row / job->m * job->n * job->depth;                                        \
    real *out = (real *)job->out + row * job->n;                                                                      \
    for (int64_t j = 0; j < job->n; j++) out[j] = distance_##suffix(x, b + j * job->depth, job->depth, (real)job->p); \
  }                                                                                                                   \
                                                                                                                      \
  static void backward_row_##suffix(const distance_job *job, int64_t row) {                                           \
    int64_t depth = job->depth;                                                                                       \
    real p = (real)job->p;                                                                                            \
    const real *x = (const real *)job->a + row * depth;                                                               \
    const real *b = (const real *)job->b + row / job->m * job->n * depth;                                             \
    const real *distances = (const real *)job->distances + row * job->n, *g = (const real *)job->gradient + row * job->n; \
    real *out = (real *)job->out + row * depth;                                                                       \
    memset(out, 0, (size_t)depth * sizeof(real));                                                                     \
    for (int64_t j = 0; j < job->n; j++) {                                                                            \
      const real *y = b + j * depth;                                                                                  \
      real distance = distances[j];                                                                                   \
      if (distance == 0 || p == 0) continue;                                                                          \
      real scale = p == 1 || isinf(p) ? g[j] : g[j] / power(distance, p - 1);                                         \
      for (int64_t k = 0; k < depth; k++) {                                                                           \
        real difference = x[k] - y[k], size = absolute(difference), sign = (real)((difference > 0) - (difference < 0)); \
        if (p == 1) out[k] += sign * scale;                                                                           \
        else if (isinf(p)) out[k] += size == distance ? sign * scale : 0;                                             \
        else if (size != 0) out[k] += sign * power(size, p - 1) * scale;                                              \
      }                                                                                                               \
    }                                                                                                                 \
  }

DEFINE_DISTANCES(float, float, fabsf, powf, sqrtf)
DEFINE_DISTANCES(double, double, fabs, pow, sqrt)

static void run_chunk(void *context, int64_t chunk) {
  const distance_job *job = context;
  int64_t end = (chunk + 1) * job->rows_per_chunk;
  for (int64_t row = chunk * job->rows_per_chunk; row < end && row < job->rows; row++) {
    if (job->gradient) (job->is_double ? backward_row_double : backward_row_float)(job, row);
    else (job->is_double ? forward_row_double : forward_row_float)(job, row);
  }
}

static void run(distance_job *job) {
  if (job->rows == 0) return;
  job->rows_per_chunk = 32768 / (job->n * job->depth + 1) + 1;
  ember_parallel((job->rows + job->rows_per_chunk - 1) / job->rows_per_chunk, run_chunk, job);
}

void ember_distances(bool is_double, int64_t batch, int64_t m, int64_t n, int64_t depth, double p, const void *a, const void *b,
                     void *distances) {
  distance_job job = {.is_double = is_double, .m = m, .n = n, .depth = depth, .rows = batch * m, .p = p, .a = a, .b = b, .out = distances};
  if (n > 0) run(&job);
}

void ember_distances_backward(bool is_double, int64_t batch, int64_t m, int64_t n, int64_t depth, double p, const void *a, const void *b,
                              const void *distances, const void *gradient, void *result) {
  distance_job job = {.is_double = is_double, .m = m, .n = n, .depth = depth, .rows = batch * m, .p = p, .a = a, .b = b,
                      .distances = distances, .gradient = gradient, .out = result};
  run(&job);
}
