// Softmax and its logarithm. dtypes: float32, float64, float16, bfloat16 (computed in float32).
#ifndef EMBER_SOFTMAX_H
#define EMBER_SOFTMAX_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// (Log-)softmax over the middle dimension of [outer, n, inner]. `out` may be `in`.
void ember_softmax(int dtype, bool log, const void *in, void *out, int64_t outer, int64_t n, int64_t inner);
/// From the gradient of the output and the output itself. `input_gradient` may be `gradient`.
void ember_softmax_backward(int dtype, bool log, const void *gradient, const void *output, void *input_gradient,
                            int64_t outer, int64_t n, int64_t inner);

#ifdef __cplusplus
}
#endif
#endif
