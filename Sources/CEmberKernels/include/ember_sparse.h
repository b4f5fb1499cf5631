// Products with matrices stored row by row: where each row begins among the values, and the columns.
//
// Dense matrices are row-major without gaps. float32, float64, int64 (wrapping), complex64 and complex128; other dtypes
// are converted before. Indices were checked before. False, with nothing written, for other dtypes.
#ifndef EMBER_SPARSE_H
#define EMBER_SPARSE_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// out[row][j] = Σ values[p] · dense[columns[p]][j] over p in starts[row] ..< starts[row + 1], for `width` columns j.
bool ember_sparse_product(int dtype, int64_t rows, const int64_t *starts, const int64_t *columns, const void *values,
                          const void *dense, int64_t width, void *out);

/// out[p] = Σ a[rows[p]][k] · b[columns[p]][k] over k in 0 ..< depth.
bool ember_sparse_sample(int dtype, int64_t count, const int64_t *rows, const int64_t *columns, const void *a, const void *b,
                         int64_t depth, void *out);

#ifdef __cplusplus
}
#endif
#endif
