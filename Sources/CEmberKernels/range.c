// Evenly spaced numbers. Plain loops: memory is the limit.
#include "ember_range.h"

void ember_range_i64(int64_t *out, int64_t n, int64_t start, int64_t step) {
  for (int64_t i = 0; i < n; i++) out[i] = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)step);
}

void ember_range_f64(double *out, int64_t n, double start, double step) {
  for (int64_t i = 0; i < n; i++) out[i] = start + (double)i * step;
}

void ember_linspace_f64(double *out, int64_t n, double start, double end) {
  if (n == 1) out[0] = start;
  if (n <= 1) return;
  const double step = (end - start) / (double)(n - 1);
  const int64_t half = n / 2;
  for (int64_t i = 0; i < half; i++) out[i] = start + step * (double)i;
  for (int64_t i = half; i < n; i++) out[i] = end - step * (double)(n - 1 - i);
}
