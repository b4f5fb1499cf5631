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

/// `flat`: the grid's points of all images in one sequence; else those of one image. NULL if memory is short.
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
  /// One channel by one filter, every point of the grid of one image.
  void (*depthwise)(const convolution_geometry *geometry, const void *input, const void *weights, void *out);
  /// sums[tap] += Σ over the grid of input * gradient.
  void (*depthwise_weight)(const convolution_geometry *geometry, const void *input, const void *gradient, void *sums);
  /// sums[r] += Σ row r.
  void (*row_sums)(const void *in, int64_t rows, int64_t count, int64_t stride, double *sums);
  /// out = the sum of `parts` arrays that lie `stride` elements apart.
  void (*add_parts)(const void *in, int64_t parts, int64_t stride, int64_t count, void *out);

  /// Rows of a tile of the direct loops, which are as wide as those of products.
  int64_t direct_rows;
  /// c[i][j] (+)= Σ over p < k of a[row_offsets[i] + k_offsets[p]] * b[p][j]: the matrix of columns is read where it lies. b and c
  /// are dense, as wide as a tile; only the first `columns` columns count.
  void (*direct_tile)(int64_t rows, int64_t columns, int64_t k, const void *a, const int64_t *row_offsets,
                      const int64_t *k_offsets, const void *b, void *c, bool accumulate);
  /// out[j * row_stride + i * step] = c[i][j] + bias[j]: a tile goes to where its columns lie. `bias` may be NULL.
  void (*store_tile)(const void *c, int64_t rows, int64_t columns, const void *bias, void *out, int64_t row_stride, int64_t step);
  /// out[places[p]][r] = in[r * row_stride + p], `rows` of them and zeros up to the width of a tile. Places below 0 are left out;
  /// NULL: all in order.
  void (*pack_rows)(const void *in, int64_t row_stride, int64_t rows, int64_t k, const int64_t *places, void *out);
  /// The other way: out[r * row_stride + p] = in[places[p]][r].
  void (*unpack_rows)(const void *in, const int64_t *places, int64_t k, int64_t rows, void *out, int64_t row_stride);
  /// Copies `rows` rows of `width` elements with `left` zeros before and `right` after each.
  void (*pad_rows)(const void *in, int64_t rows, int64_t width, int64_t left, int64_t right, void *out);
  /// sums[j] += Σ over p < k of b[p][j].
  void (*column_sums)(const void *b, int64_t k, int64_t columns, double *sums);
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
/// The weights are [groups][rows][channels * taps], dense.
void convolution_run(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows,
                     const void *x, const ember_convolution_terms *terms, void *y);
/// Whether `convolution_run` takes the addend in while results are in the cache; else the caller adds it.
bool convolution_run_adds(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows);
/// Bytes of `terms->packed`, and how it is made.
int64_t convolution_run_packed_bytes(const convolution_job *job, int64_t channels, int64_t rows);
void convolution_run_pack(const convolution_job *job, int64_t channels, int64_t rows, const void *weights, void *packed);

/// Where weights lie: [group][row][channel][taps], each with its own distance.
typedef struct {
  const void *w;
  int64_t group_stride, row_stride, channel_stride, taps;
  const int64_t *used;  // which of the geometry's taps each of them is, -1 for none; NULL: the same ones
} convolution_weights;

/// An input with zeros around it, or the input itself where it needs none.
typedef struct {
  const void *data;
  int64_t plane, image;                // distances between channels, and between images
  int64_t extents[3], before[3];       // with the zeros, and how many lie before the first element
  size_t bytes;
} convolution_input;

/// Zeros are added along `first_dimension` and those after it. False if memory is short.
bool convolution_input_make(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, const void *x,
                            int first_dimension, convolution_input *input);
void convolution_input_free(convolution_input *input);
/// For every (channel, tap) its place in the order of the direct loops: tap 0, tap 1, channel, tap 2.
void convolution_fill_places(const convolution_geometry *geometry, int64_t channels, int64_t taps, const int64_t *used,
                             int64_t *places);
/// For every place the element that it sees from the first point.
void convolution_fill_offsets(const convolution_geometry *geometry, const convolution_input *input, int64_t channels,
                              int64_t *offsets);

/// Whether the direct loops suit, and what `convolution_run` does by them.
bool convolution_is_direct(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows);
void convolution_run_direct(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows,
                            const void *x, const convolution_weights *weights, const ember_convolution_terms *terms, void *y);

/// The same for 3x3 kernels with steps of 1, with fewer multiplications.
bool convolution_is_winograd(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows);
void convolution_run_winograd(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows,
                              const void *x, const convolution_weights *weights, const ember_convolution_terms *terms, void *y);
int64_t convolution_winograd_packed_bytes(const convolution_job *job, int64_t channels, int64_t rows);
void convolution_winograd_pack(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows,
                               const convolution_weights *weights, void *packed);

/// The same for a few points, with nothing packed. Only where the results are a dense output.
bool convolution_is_dots(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows);
void convolution_run_dots(const convolution_job *job, const convolution_geometry *geometry, int64_t channels, int64_t rows,
                          const void *x, const ember_convolution_terms *terms, void *y);

/// Sums over the grid: backward weight. `db` may be NULL.
void convolution_run_weight(const convolution_job *job, const convolution_geometry *geometry, const void *x, const void *dy,
                            void *dw, void *db);

bool convolution_weight_is_direct(const convolution_job *job, const convolution_geometry *geometry);
void convolution_run_weight_direct(const convolution_job *job, const convolution_geometry *geometry, const void *x, const void *dy,
                                   void *dw, void *db);

/// The same for 3x3 kernels with steps of 1, with fewer multiplications.
bool convolution_weight_is_winograd(const convolution_job *job, const convolution_geometry *geometry);
void convolution_run_weight_winograd(const convolution_job *job, const convolution_geometry *geometry, const void *x, const void *dy,
                                     void *dw, void *db);

void convolution_reference_forward(int dtype, const ember_convolution *c, const void *x, const ember_convolution_terms *terms, void *y);
void convolution_reference_input(int dtype, const ember_convolution *c, const void *dy, const void *w, void *dx);
void convolution_reference_weight(int dtype, const ember_convolution *c, const void *x, const void *dy, void *dw, void *db);

#endif
