// What the parts of the convolutions share: geometry, column plans, inner loops.
//
// All three directions are matrix products with one operand that is never stored: the matrix of columns, whose row (c, tap) holds
// for every point of a grid the input element that this tap of the kernel sees there. A plan says where they lie.
#ifndef EMBER_CONVOLUTION_INTERNAL_H
#define EMBER_CONVOLUTION_INTERNAL_H

#include "ember_convolution.h"
#include "gemm_internal.h"

/// For each point t of a grid and each tap, the input element at t * step + offset[tap], or zero outside the input.
/// One- and two-dimensional convolutions have leading extents of 1.
typedef struct {
  int64_t images, image_stride, plane;  // plane: elements of one input channel
  int64_t input[3], grid[3], step[3];
  int64_t taps[3];
  const int64_t *offsets[3];
  // Where the results go: point t is element t * output_step + output_start of an output channel.
  int64_t output[3], output_start[3], output_step[3];
} convolution_geometry;

/// A run of lanes in a vector: lane i reads input[offset + i] if bit i of the mask is set.
typedef struct {
  int64_t offset;
  uint32_t mask;
} convolution_segment;

/// The grid's points in panels as wide as the product's tiles, two vectors each, and where each tap finds its elements.
typedef struct {
  int64_t lanes, columns, panels, taps;
  /// Grids with rows long enough and steps of 1 have a few segments per vector: at [(panel * taps + tap) * 2 + vector].
  int64_t segments_per_vector;  // 0: gathers instead
  uint8_t *counts;
  convolution_segment *segments;
  /// Otherwise every lane has an index relative to its panel's base, -1 for zero: at [(panel * taps + tap) * width + lane].
  int64_t *bases;
  int32_t *indices;
  size_t bytes;
} convolution_plan;

/// `flat`: the grid's points of all images in one sequence; else those of one image.
convolution_plan *convolution_plan_make(const convolution_geometry *geometry, int64_t lanes, bool flat);
void convolution_plan_free(convolution_plan *plan);

/// Inner loops for one floating-point type and one instruction set.
typedef struct {
  /// A panel of the columns matrix as packed B: rows k0 ..< k0 + k. `input` is the first channel.
  void (*pack_columns)(const convolution_plan *plan, int64_t panel, const void *input, int64_t channel_stride, int64_t k0,
                       int64_t k, void *out);
  /// A panel of its transpose, for products that sum over the grid: `count` of its rows (c, tap) side by side, `width` apart, for
  /// `points` points from the start of panel `first_panel`.
  void (*pack_points)(const convolution_plan *plan, int64_t first_panel, int64_t points, const void *input,
                      int64_t channel_stride, int64_t first, int64_t count, int64_t width, void *out);
  /// One channel by one filter: `panels` panels of results.
  void (*depthwise)(const convolution_plan *plan, int64_t first_panel, int64_t panels, const void *input,
                    const void *weights, void *out);
  /// sums[tap] += Σ over the grid of input * gradient.
  void (*depthwise_weight)(const convolution_plan *plan, const void *input, const void *gradient, void *sums);
  /// sums[r] += Σ row r.
  void (*row_sums)(const void *in, int64_t rows, int64_t count, int64_t stride, double *sums);
  /// out = the sum of `parts` arrays that lie `stride` elements apart.
  void (*add_parts)(const void *in, int64_t parts, int64_t stride, int64_t count, void *out);
} convolution_kernels;

typedef struct {
  const convolution_kernels *f32, *f64;
} convolution_isa;

EMBER_DECLARE_FOR_EACH_ISA(const convolution_isa, convolution_isa);

/// The convolution with its extents brought to three dimensions, and the kernels to use.
typedef struct {
  const gemm_isa *gemm_isa;
  const gemm_kernels *gemm;
  const convolution_kernels *kernels;
  int64_t size;  // of an element: 4 or 8
  int64_t batch, groups, in, out;  // in, out: channels of a group
  int64_t input[3], kernel[3], output[3], stride[3], padding[3], dilation[3];
  int64_t input_plane, output_plane, taps;
} convolution_job;

/// Sums over channels and taps, for every point of a grid: forward, and one phase of backward input.
/// `weights` is [groups][rows][channels * taps], dense.
void convolution_run(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows,
                     const void *x, const void *weights, const void *bias, void *y, int activation);
/// Sums over the grid: backward weight. `db` may be NULL.
void convolution_run_weight(const convolution_job *job, const convolution_geometry *geometry, const void *x, const void *dy,
                            void *dw, void *db);

void convolution_reference_forward(int dtype, const ember_convolution *c, const void *x, const void *w, const void *bias,
                                   void *y, int activation);
void convolution_reference_input(int dtype, const ember_convolution *c, const void *dy, const void *w, void *dx);
void convolution_reference_weight(int dtype, const ember_convolution *c, const void *x, const void *dy, void *dw, void *db);

#endif
