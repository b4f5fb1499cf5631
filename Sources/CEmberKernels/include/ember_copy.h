// Copies between strided tensors of any element types, and fills.
#ifndef EMBER_COPY_H
#define EMBER_COPY_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// dst[i] = src[i] for every index of `shape`, converted to dst's type. Strides are in elements; a source's may be 0
/// (broadcast) or negative. The two must not overlap, except that they may be the same elements of the same type.
/// Conversion: floats to integers truncate (out of range and NaN give some value, never a trap), integers wrap,
/// anything to BOOL is != 0, complex to real drops the imaginary part.
void ember_copy(int dst_dtype, void *dst, const int64_t *dst_strides, int src_dtype, const void *src,
                const int64_t *src_strides, int rank, const int64_t *shape);

/// Sets `count` contiguous elements to the element at `value`, which is already stored as `dtype`.
void ember_fill(int dtype, void *dst, const void *value, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
