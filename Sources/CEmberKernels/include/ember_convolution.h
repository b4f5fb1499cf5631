// Convolutions over 1, 2 or 3 spatial dimensions, channels first: x [batch, in, spatial...], w [out, in / groups, kernel...].
#ifndef EMBER_CONVOLUTION_H
#define EMBER_CONVOLUTION_H

#include "ember_gemm.h"
#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Extents of a convolution. The first `spatial_rank` entries of each array are used, outermost dimension first.
/// output[d] = (input[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1, computed by the caller;
/// a smaller output (or asymmetric padding through a larger one) is allowed: what lies outside the input reads as zero.
typedef struct {
  int spatial_rank;
  int64_t batch, in_channels, out_channels, groups;
  int64_t input[3], kernel[3], output[3], stride[3], padding[3], dilation[3];
} ember_convolution;

// Supported dtypes: float32, float64, float16, bfloat16 (computed in float32). All arrays are dense.

/// What a forward convolution reads besides its input.
typedef struct {
  const void *w;       // [out, in / groups, kernel...]
  const void *packed;  // the same as `ember_convolution_pack` left it, or NULL
  const void *bias;    // [out], or NULL
  const void *addend;  // like y, or NULL
  int activation;
} ember_convolution_terms;

/// y [batch, out, output...] = activation(x * w + bias + addend). y overlaps none of them.
void ember_convolution_forward(int dtype, const ember_convolution *convolution, const void *x, const ember_convolution_terms *terms,
                               void *y);

/// Bytes of the weights in the order in which forward convolutions read them, whatever the batch; 0 where they are read as they are.
int64_t ember_convolution_packed_bytes(int dtype, const ember_convolution *convolution);

/// Whether a convolution of this batch and these extents reads that order.
bool ember_convolution_reads_packed(int dtype, const ember_convolution *convolution);

/// Writes that order. Convolutions that would take another (after another set of instructions was chosen) read the plain weights.
void ember_convolution_pack(int dtype, const ember_convolution *convolution, const void *w, void *packed);

/// dx [batch, in, input...]: the gradient of the input. Also the forward of a transposed convolution.
void ember_convolution_backward_input(int dtype, const ember_convolution *convolution, const void *dy, const void *w, void *dx);

/// dw [out, in / groups, kernel...]: the gradient of the weight, and db [out] the gradient of the bias unless NULL.
void ember_convolution_backward_weight(int dtype, const ember_convolution *convolution, const void *x, const void *dy,
                                       void *dw, void *db);

#ifdef __cplusplus
}
#endif
#endif
