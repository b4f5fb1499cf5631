// Evenly spaced numbers.
#ifndef EMBER_RANGE_H
#define EMBER_RANGE_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// out[i] = start + i step, wrapping.
void ember_range_i64(int64_t *out, int64_t n, int64_t start, int64_t step);
void ember_range_f64(double *out, int64_t n, double start, double step);
/// n numbers from start to end, both included; the second half is computed from the end.
void ember_linspace_f64(double *out, int64_t n, double start, double end);

#ifdef __cplusplus
}
#endif
#endif
