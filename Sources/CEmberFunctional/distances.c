// Distances of all pairs of rows: one chunk per row, whose results lie together.
#include "ember_functional_distances.h"

#include "CEmberKernels.h"

#include <math.h>

typedef struct {
  const void *x, *y, *dy;
  void *out;
  int64_t rows, features;
  double p;
} job;

/// Position of the pair (i, j), i < j.
static inline int64_t pair_at(int64_t rows, int64_t i, int64_t j) { return i * (2 * rows - i - 1) / 2 + j - i - 1; }

#define DEFINE_DISTANCES(T, SUFFIX, FABS, POW, SQRT)                                                          \
  /* Sums over eight lanes, which the compiler keeps in vectors; their order is fixed. */                     \
  static T distance_##SUFFIX(const T *a, const T *b, int64_t n, double p) {                                   \
    T sum = 0, lanes[8] = {0};                                                                                \
    int64_t whole = p == 2 || p == 1 ? n / 8 * 8 : 0;                                                         \
    if (p == 2) {                                                                                             \
      for (int64_t k = 0; k < whole; k += 8)                                                                  \
        for (int lane = 0; lane < 8; lane++) lanes[lane] += (a[k + lane] - b[k + lane]) * (a[k + lane] - b[k + lane]); \
      for (int lane = 0; lane < 8; lane++) sum += lanes[lane];                                                \
      for (int64_t k = whole; k < n; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);                               \
      return SQRT(sum);                                                                                       \
    }                                                                                                         \
    if (p == 1) {                                                                                             \
      for (int64_t k = 0; k < whole; k += 8)                                                                  \
        for (int lane = 0; lane < 8; lane++) lanes[lane] += FABS(a[k + lane] - b[k + lane]);                  \
      for (int lane = 0; lane < 8; lane++) sum += lanes[lane];                                                \
      for (int64_t k = whole; k < n; k++) sum += FABS(a[k] - b[k]);                                           \
      return sum;                                                                                             \
    }                                                                                                         \
    if (p == 0) {                                                                                             \
      for (int64_t k = 0; k < n; k++) sum += a[k] != b[k];                                                    \
      return sum;                                                                                             \
    }                                                                                                         \
    if (isinf(p)) {                                                                                           \
      for (int64_t k = 0; k < n; k++) {                                                                       \
        T d = FABS(a[k] - b[k]);                                                                              \
        if (d > sum || d != d) sum = d;                                                                       \
      }                                                                                                       \
      return sum;                                                                                             \
    }                                                                                                         \
    for (int64_t k = 0; k < n; k++) sum += POW(FABS(a[k] - b[k]), (T)p);                                      \
    return POW(sum, (T)(1 / p));                                                                              \
  }                                                                                                           \
  static void distances_##SUFFIX(void *context, int64_t i) {                                                  \
    const job *j = context;                                                                                   \
    const T *x = j->x;                                                                                        \
    T *y = (T *)j->out + pair_at(j->rows, i, i + 1);                                                          \
    for (int64_t other = i + 1; other < j->rows; other++)                                                     \
      *y++ = distance_##SUFFIX(x + i * j->features, x + other * j->features, j->features, j->p);              \
  }                                                                                                           \
  /* What one pair adds to the gradient of its first row. */                                                  \
  static void add_gradient_##SUFFIX(T *dx, const T *a, const T *b, int64_t n, double p, T y, T g) {           \
    if (y == 0 || p == 0) return;                                                                             \
    if (isinf(p)) {                                                                                           \
      int64_t ties = 0;                                                                                       \
      for (int64_t k = 0; k < n; k++) ties += FABS(a[k] - b[k]) == y;                                         \
      for (int64_t k = 0; k < n; k++)                                                                         \
        if (FABS(a[k] - b[k]) == y) dx[k] += (a[k] > b[k] ? g : -g) / (T)ties;                                \
      return;                                                                                                 \
    }                                                                                                         \
    for (int64_t k = 0; k < n; k++) {                                                                         \
      T d = a[k] - b[k];                                                                                      \
      if (p == 2) dx[k] += g * d / y;                                                                         \
      else if (p == 1) dx[k] += d > 0 ? g : d < 0 ? -g : 0;                                                   \
      else if (d != 0) dx[k] += g * POW(FABS(d) / y, (T)(p - 1)) * (d > 0 ? 1 : -1);                          \
    }                                                                                                         \
  }                                                                                                           \
  static void backward_##SUFFIX(void *context, int64_t i) {                                                   \
    const job *j = context;                                                                                   \
    const T *x = j->x, *y = j->y, *dy = j->dy;                                                                \
    int64_t n = j->features;                                                                                  \
    T *dx = (T *)j->out + i * n;                                                                              \
    for (int64_t k = 0; k < n; k++) dx[k] = 0;                                                                \
    for (int64_t other = 0; other < j->rows; other++) {                                                       \
      if (other == i) continue;                                                                               \
      int64_t pair = other > i ? pair_at(j->rows, i, other) : pair_at(j->rows, other, i);                     \
      add_gradient_##SUFFIX(dx, x + i * n, x + other * n, n, j->p, y[pair], dy[pair]);                        \
    }                                                                                                         \
  }
DEFINE_DISTANCES(float, f32, fabsf, powf, sqrtf)
DEFINE_DISTANCES(double, f64, fabs, pow, sqrt)

void ember_pair_distances(int dtype, const void *x, void *y, int64_t rows, int64_t features, double p) {
  job j = {.x = x, .out = y, .rows = rows, .features = features, .p = p};
  ember_parallel(rows - 1, dtype == EMBER_FLOAT64 ? distances_f64 : distances_f32, &j);
}

void ember_pair_distances_backward(int dtype, const void *dy, const void *x, const void *y, void *dx, int64_t rows, int64_t features,
                                   double p) {
  job j = {.x = x, .y = y, .dy = dy, .out = dx, .rows = rows, .features = features, .p = p};
  ember_parallel(rows, dtype == EMBER_FLOAT64 ? backward_f64 : backward_f32, &j);
}
