// Reductions along one axis: sums, products, extremes, logical reductions, means, variances, norms.
//
// Every function sees its input as [outer, count, inner], three strides in elements (any sign, zero allowed), and
// writes dense [outer, inner]. A full reduction is outer = inner = 1. Results do not depend on the number of threads.
#ifndef EMBER_REDUCE_H
#define EMBER_REDUCE_H

#include "ember_kernels_types.h"
#include "ember_pointwise.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  EMBER_REDUCE_SUM = 0,
  EMBER_REDUCE_PRODUCT = 1,
  EMBER_REDUCE_MAXIMUM = 2,  ///< NaN propagates
  EMBER_REDUCE_MINIMUM = 3,  ///< NaN propagates
  EMBER_REDUCE_ANY = 4,      ///< NaN is true
  EMBER_REDUCE_ALL = 5,
  EMBER_REDUCE_ARGMAX = 6,  ///< first occurrence; NaN counts as the extreme; writes int64 whatever out_dtype says
  EMBER_REDUCE_ARGMIN = 7,
  EMBER_REDUCE_MEAN = 8,
  EMBER_REDUCE_LOG_SUM_EXP = 9,
  EMBER_REDUCE_NAN_SUM = 10,  ///< NaN counts as zero
  EMBER_REDUCE_COUNT_NONZERO = 11,
  EMBER_REDUCE_SUM_OF_SQUARES = 12,  ///< |x|² for complex input
  EMBER_REDUCE_SUM_ABSOLUTE = 13,
  EMBER_REDUCE_OPERATION_COUNT = 14,
} ember_reduction;

/// Reduces `in` to dense `out` [outer][inner].
///
/// Accumulation: integers and bool in int64 (wrapping), 16-bit and 8-bit floats and float32 in float32, float64 in
/// float64, complex by component. If `out_dtype` asks for more (float64 from float32, floating point from integers,
/// complex from real) the elements are converted first, as PyTorch's `dtype:` argument does.
/// Over zero elements: sums 0, products 1, ANY false, ALL true, MEAN NaN, LOG_SUM_EXP -inf; MAXIMUM and MINIMUM give the
/// lowest and highest value of the type, ARGMAX and ARGMIN 0: callers report those as errors before.
/// False, with nothing written, when the operation has no meaning for the dtype (an extreme of complex numbers).
bool ember_reduce(int operation, int in_dtype, const void *in, const int64_t in_strides[3], int out_dtype, void *out,
                  int64_t outer, int64_t count, int64_t inner);

/// The same of what a program of one output gives for contiguous operands of outer · count elements, or of one (`uniform`): each element is
/// made in the cache and never stored. `pointers`: the inputs, and room for one more. False as above, and for complex elements.
bool ember_reduce_program(const ember_program *program, void **pointers, const uint8_t *uniform, int operation, int out_dtype,
                          void *out, int64_t outer, int64_t count);

/// Largest (or smallest) elements and where they were first found: `values` of the input's dtype, `indices` int64,
/// both dense [outer][inner]. NaN counts as the extreme. False for complex dtypes.
bool ember_reduce_with_indices(bool maximum, int dtype, const void *in, const int64_t in_strides[3], void *values,
                               int64_t *indices, int64_t outer, int64_t count, int64_t inner);

/// Variance (or standard deviation) with divisor max(0, count - correction), and optionally the mean; both of the
/// input's dtype, except that a complex input has a real variance (|x - mean|²). Floating point and complex only.
bool ember_variance(int dtype, const void *in, const int64_t in_strides[3], void *variance, void *mean /* or NULL */,
                    int64_t outer, int64_t count, int64_t inner, double correction, bool square_root);

/// The p-norm (Σ|x|^p)^(1/p); p = 0 counts nonzero elements, ±infinity takes the extreme magnitude. `out_dtype` is a
/// real floating dtype (that of a complex input's components). Floating point and complex only.
bool ember_norm(int dtype, const void *in, const int64_t in_strides[3], int out_dtype, void *out, int64_t outer,
                int64_t count, int64_t inner, double p);

#ifdef __cplusplus
}
#endif
#endif
