// Cumulative operations along one axis of a dense [outer, n, inner] array.
#ifndef EMBER_SCAN_H
#define EMBER_SCAN_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  EMBER_SCAN_SUM = 0,
  EMBER_SCAN_PRODUCT = 1,
  EMBER_SCAN_MAXIMUM = 2,  ///< a later equal element wins; once NaN, always NaN
  EMBER_SCAN_MINIMUM = 3,
  EMBER_SCAN_LOG_SUM_EXP = 4,  ///< floating point and complex
} ember_scan_operation;

/// Running sum, product, extreme or log-sum-exp, of dense `in` into dense `out` (the two may be the same array when the
/// dtypes are equal). `reverse` runs from the last element to the first.
///
/// Sums and products convert to `out_dtype` first (PyTorch: int64 for integers); 16-bit floats accumulate in float32
/// and are rounded as they are written. The other operations need `out_dtype == in_dtype`.
/// `indices` (or NULL; MAXIMUM and MINIMUM only) receives positions along the axis, by PyTorch's rule for ties.
/// False, with nothing written, when the operation has no meaning for the dtypes.
bool ember_scan(int operation, int in_dtype, const void *in, int out_dtype, void *out, int64_t *indices, int64_t outer,
                int64_t n, int64_t inner, bool reverse);

#ifdef __cplusplus
}
#endif
#endif
