// What the driver of Winograd's convolution (convolution_winograd.c) and its loops per instruction set share.
#ifndef EMBER_CONVOLUTION_WINOGRAD_H
#define EMBER_CONVOLUTION_WINOGRAD_H

#include "convolution_internal.h"

enum {
  WINOGRAD_TAPS = 9,
  WINOGRAD_FILTERS = 16,  // room for those of a panel
  WINOGRAD_POINTS = 16,  // of a tile of the input, and products for its four results
};

/// Some rows of tiles of one plane of the input.
typedef struct {
  const float *plane;            // the whole plane
  int64_t height, width;         // of it
  int64_t top, left;             // where the first tile begins, possibly outside
  int64_t rows, across;          // of tiles
} winograd_input;

typedef struct {
  int64_t tile_rows;  // filters of a panel
  int64_t lanes;
  /// out[point * point_stride + filter] from taps[tap][filter].
  void (*filters)(const float *taps, float *out, int64_t point_stride);
  /// out[point * point_stride + tile], tiles row by row, up to a vector more than there are. `scratch` holds
  /// `winograd_scratch` floats.
  void (*input)(const winograd_input *input, float *scratch, float *out, int64_t point_stride);
  /// products[point * point_stride + filter * row + tile] = Σ over channels of weights * input for all sixteen points; `columns` a
  /// multiple of two vectors.
  void (*multiply)(int64_t filters, int64_t columns, int64_t channels, const float *weights, int64_t weight_stride, const float *input,
                   int64_t input_stride, int64_t input_row, float *products, int64_t point_stride, int64_t row);
  /// The four results of each tile, from products[point * point_stride + tile]: out[0 ..< 2 * tiles] is the upper row of all tiles,
  /// out[lower ..] the lower one. Up to two vectors more are written.
  void (*output)(const float *products, int64_t point_stride, int64_t tiles, float bias, float *out, int64_t lower);

  // For gradients of filters, F(3x3, 2x2): as many channels as two vectors have lanes lie side by side, a panel.

  /// out[point * point_stride + tile * width + lane] from the pixels of a frame, in lines of 2 * across + 2.
  void (*input_panel)(const float *frame, int64_t rows, int64_t across, float *out, int64_t point_stride);
  /// The same from an output gradient in lines of 2 * across.
  void (*gradient_panel)(const float *frame, int64_t rows, int64_t across, float *out, int64_t point_stride);
  /// sums[i * row + j] = (or +=) Σ over tiles of gradient[tile][i] * input[tile][j], of one point.
  void (*panel_product)(int64_t rows, int64_t columns, int64_t tiles, const float *gradient, const float *input, float *sums, int64_t row,
                        bool accumulate);
  /// out[tap * tap_stride + i] from sums[point * point_stride + i]; a multiple of two vectors.
  void (*taps)(const float *sums, int64_t point_stride, int64_t count, float *out, int64_t tap_stride);
} winograd_kernels;

/// The scalar build has no such loops: `tile_rows` is 0.
EMBER_DECLARE_FOR_EACH_ISA(const winograd_kernels, winograd_kernels);

/// The loops that go with those of a job's products; NULL if there are none.
const winograd_kernels *winograd_kernels_of(const convolution_job *job);

/// The 3x3 window of a kernel with steps of 1.
typedef struct {
  int64_t top, left;             // its first place, from a point of the grid: possibly outside of the input
  int64_t place[WINOGRAD_TAPS];  // of each tap of the geometry, row by row
} winograd_window;

/// That of a geometry for which `convolution_is_winograd` holds.
winograd_window winograd_window_of(const convolution_geometry *geometry);

/// Floats that `input` needs for tiles in that many rows and columns.
static inline int64_t winograd_scratch(int64_t rows, int64_t across, int64_t lanes) {
  return 8 * ((rows + 1) * across + lanes) + 2 * across + 2 + 3 * lanes;
}

#endif
