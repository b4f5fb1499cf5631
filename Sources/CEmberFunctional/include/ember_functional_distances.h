// Distances of all pairs of rows. `dtype` is EMBER_FLOAT32 or EMBER_FLOAT64; everything is dense and row-major.
#ifndef EMBER_FUNCTIONAL_DISTANCES_H
#define EMBER_FUNCTIONAL_DISTANCES_H

#include <stdint.h>

/// y[k] = (Σ |x[i] - x[j]|^p)^(1/p) for the k-th pair i < j of the rows of x [rows, features]. p = 0 counts what differs, p = ∞ is the
/// largest difference.
void ember_pair_distances(int dtype, const void *x, void *y, int64_t rows, int64_t features, double p);
/// The gradient of x from that of y.
void ember_pair_distances_backward(int dtype, const void *dy, const void *x, const void *y, void *dx, int64_t rows, int64_t features,
                                   double p);

#endif
