// Sorting, selection and unique values along the middle of a dense [outer, n, inner] array.
//
// Order: numerical, NaN greater than everything (PyTorch's rule), -0 equal to +0, false before true. Sorting is always stable.
// `indices` are positions along the axis, int64. Inputs and outputs must not overlap. All real dtypes; functions return
// false for complex ones, and when memory runs out.
#ifndef EMBER_SORT_H
#define EMBER_SORT_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Stable sort. `values` (or NULL: argsort) and `indices` (or NULL) are dense [outer][n][inner].
bool ember_sort(int dtype, const void *in, void *values, int64_t *indices, int64_t outer, int64_t n, int64_t inner,
                bool descending);

/// The k largest (or smallest) elements, as [outer][k][inner]; NaN counts as the largest. With `sorted` they come in
/// order, otherwise in any order. Among equal elements the first ones are chosen. Requires 0 <= k <= n.
bool ember_topk(int dtype, const void *in, int64_t k, void *values, int64_t *indices, int64_t outer, int64_t n,
                int64_t inner, bool largest, bool sorted);

/// The k-th smallest element (k from 1), as [outer][inner], and the position of one element equal to it.
bool ember_kthvalue(int dtype, const void *in, int64_t k, void *values, int64_t *indices, int64_t outer, int64_t n,
                    int64_t inner);

/// The lower median, as [outer][inner]. A NaN anywhere is the result (its first position), unless `ignore_nan`
/// (nanmedian), which leaves NaN out and yields NaN only if there is nothing else.
bool ember_median(int dtype, const void *in, void *values, int64_t *indices, int64_t outer, int64_t n, int64_t inner,
                  bool ignore_nan);

/// The sorted distinct elements of dense `in` [n]: `values` (room for n), and optionally for each element of `in` which
/// of them it is (`inverse`, n) and how often each occurs (`counts`, room for n). Every NaN is distinct.
/// Returns the number of distinct elements, or -1 for complex dtypes.
int64_t ember_unique(int dtype, const void *in, int64_t n, void *values, int64_t *inverse, int64_t *counts);

/// As ember_unique, of runs of equal neighbours, in their order.
int64_t ember_unique_consecutive(int dtype, const void *in, int64_t n, void *values, int64_t *inverse, int64_t *counts);

#ifdef __cplusplus
}
#endif
#endif
