// Resampling: along one dimension by given weights, and at arbitrary positions of an image or volume.
#ifndef EMBER_FUNCTIONAL_RESAMPLING_H
#define EMBER_FUNCTIONAL_RESAMPLING_H

#include <stdbool.h>
#include <stdint.h>

/// A sparse matrix: output position o gathers the input positions indices[k] times weights[k] for starts[o] <= k < starts[o + 1].
typedef struct {
  int64_t input, output;
  const int64_t *starts, *indices;
  const double *weights;
} ember_resampling;

/// y [outer, output, inner] = the matrix times x [outer, input, inner]. `dtype` is EMBER_FLOAT32 or EMBER_FLOAT64.
void ember_resample(int dtype, const ember_resampling *matrix, const void *x, void *y, int64_t outer, int64_t inner);
/// The same for bytes, with weights in fixed point and each result rounded and limited to 0 ... 255. `weight_bits` is 16 (as many bits
/// after the point as keep the largest weight within 16 bits: PyTorch's rule) or 32 (22 bits after the point: Pillow's).
void ember_resample_bytes(const ember_resampling *matrix, int weight_bits, const uint8_t *x, uint8_t *y, int64_t outer, int64_t inner);

/// sin(x): the Swift targets that use these kernels have no mathematical library of their own.
double ember_sine(double x);

typedef enum { EMBER_SAMPLE_LINEAR = 0, EMBER_SAMPLE_NEAREST = 1, EMBER_SAMPLE_CUBIC = 2 } ember_sample_mode;
typedef enum { EMBER_OUTSIDE_ZERO = 0, EMBER_OUTSIDE_BORDER = 1, EMBER_OUTSIDE_REFLECTION = 2 } ember_outside;

/// Sampling of x [batch, channels, input...] at `points` positions per item. `rank` is 2 or 3; `input` counts from the outermost dimension.
typedef struct {
  int32_t rank, mode, outside;
  bool align_corners;
  int64_t batch, channels, points, input[3];
} ember_grid_sampling;

/// y [batch, channels, points] from grid [batch, points, rank]: coordinates in -1 ... 1, those of the innermost dimension first.
/// `dtype` is EMBER_FLOAT32 or EMBER_FLOAT64.
void ember_grid_sample(int dtype, const ember_grid_sampling *sampling, const void *x, const void *grid, void *y);
/// The gradient of x from that of y.
void ember_grid_sample_backward_input(int dtype, const ember_grid_sampling *sampling, const void *dy, const void *grid, void *dx);
/// The gradient of the grid.
void ember_grid_sample_backward_grid(int dtype, const ember_grid_sampling *sampling, const void *dy, const void *x, const void *grid,
                                     void *dgrid);

#endif
