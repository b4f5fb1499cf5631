// Matrix products: C = activation(alpha * A B + beta * C + biases), for one matrix or a batch.
#ifndef EMBER_GEMM_H
#define EMBER_GEMM_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Functions that a product or a convolution can apply to its result before storing it (floating-point types only).
typedef enum {
  EMBER_ACTIVATION_NONE = 0,
  EMBER_ACTIVATION_RELU = 1,
  EMBER_ACTIVATION_GELU = 2,       // x * (1 + erf(x / sqrt 2)) / 2
  EMBER_ACTIVATION_GELU_TANH = 3,  // the tanh approximation
  EMBER_ACTIVATION_SIGMOID = 4,
  EMBER_ACTIVATION_TANH = 5,
  EMBER_ACTIVATION_SILU = 6,
  EMBER_ACTIVATION_COUNT = 7,
} ember_activation;

/// What happens to the product on its way into C: C = activation(alpha * AB + beta * C + row_bias[i] + column_bias[j]).
/// Integer types use alpha and beta truncated to integers and ignore the activation; complex types use them as real numbers.
typedef struct {
  double alpha;
  double beta;              // 0 never reads C
  const void *row_bias;     // [m] in the dtype of C, or NULL
  const void *column_bias;  // [n] in the dtype of C, or NULL
  int activation;           // ember_activation
} ember_gemm_epilogue;

/// C[m, n] = A[m, k] B[k, n]. Strides count elements; the columns of C are contiguous. `epilogue` NULL overwrites C.
/// C must not overlap A or B. All of EMBER_BOOL...EMBER_COMPLEX128 are supported; booleans combine with and/or.
void ember_gemm(int dtype, int64_t m, int64_t n, int64_t k,
                const void *a, int64_t a_row_stride, int64_t a_column_stride,
                const void *b, int64_t b_row_stride, int64_t b_column_stride,
                void *c, int64_t c_row_stride, const ember_gemm_epilogue *epilogue);

/// The same for `batch` matrices that lie the given numbers of elements apart (0 shares one A or B among all).
/// The biases are shared by all items.
void ember_gemm_batched(int dtype, int64_t batch, int64_t m, int64_t n, int64_t k,
                        const void *a, int64_t a_batch_stride, int64_t a_row_stride, int64_t a_column_stride,
                        const void *b, int64_t b_batch_stride, int64_t b_row_stride, int64_t b_column_stride,
                        void *c, int64_t c_batch_stride, int64_t c_row_stride, const ember_gemm_epilogue *epilogue);

#ifdef __cplusplus
}
#endif
#endif
