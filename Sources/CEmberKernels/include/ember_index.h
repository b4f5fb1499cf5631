// Reading and writing by index: gather, scatter, index_select and its relatives, x[i, j, :], masks, counting.
//
// Indices are int64. Strides are in elements. Functions that take indices check every one: they return -1 when all is well,
// otherwise the row-major position of the first bad index. Nothing is ever read or written out of bounds, and functions
// that change `self` leave it untouched then; a gather's `out` is unspecified. `wrap` allows indices from -size to -1, which count
// from the end.
// Where several indices name one destination, the last one wins (set) or they are applied in order of position (add
// and others), whatever the number of threads.
#ifndef EMBER_INDEX_H
#define EMBER_INDEX_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EMBER_INDEX_MAXIMUM_RANK = 16 };

typedef enum {
  EMBER_SCATTER_SET = 0,
  EMBER_SCATTER_ADD = 1,
  EMBER_SCATTER_MULTIPLY = 2,
  EMBER_SCATTER_MAXIMUM = 3,  ///< NaN propagates; by real part for complex
  EMBER_SCATTER_MINIMUM = 4,
} ember_scatter_mode;

// MARK: Along one dimension

/// out[i, j, k] = self[i, index[i, j, k], k] for every position of `index`, which may be smaller than `self` in the
/// other dimensions. `out` has the shape of `index`.
int64_t ember_gather(int rank, int dimension, size_t element_size, const void *self, const int64_t *self_shape,
                     const int64_t *self_strides, const int64_t *index, const int64_t *index_shape,
                     const int64_t *index_strides, void *out, const int64_t *out_strides, bool wrap);

/// self[i, index[i, j, k], k] op= source[i, j, k] for every position of `index`. `source` is at least as large as
/// `index`; strides of zero make it a scalar. For EMBER_SCATTER_SET only the size of `dtype` matters.
int64_t ember_scatter(int mode, int rank, int dimension, int dtype, void *self, const int64_t *self_shape,
                      const int64_t *self_strides, const int64_t *index, const int64_t *index_shape,
                      const int64_t *index_strides, const void *source, const int64_t *source_strides, bool wrap);

/// Dense [outer][n][inner], rows index[m] → dense `out` [outer][m][inner]. Also an embedding's forward.
int64_t ember_index_select(size_t element_size, const void *in, int64_t outer, int64_t n, int64_t inner,
                           const int64_t *index, int64_t m, void *out, bool wrap);

/// self[outer][index[m]][inner] += alpha * source[outer][m][inner], both dense. Also an embedding's gradient.
int64_t ember_index_add(int dtype, void *self, int64_t outer, int64_t n, int64_t inner, const int64_t *index, int64_t m,
                        const void *source, double alpha, bool wrap);

// MARK: Along several dimensions: x[i, j, :]

/// Combines `k` index arrays, broadcast to `index_shape`, into element offsets:
/// offsets[p] = Σ_a strides[a] * indices[a][p], dense over `index_shape`.
/// `index_strides` is [k][index_rank] (0 where an array is broadcast); `sizes` and `strides` describe the k indexed
/// dimensions. On a bad index `*bad_array` (if not NULL) says which array it was in.
int64_t ember_index_offsets(int k, const int64_t *const *indices, const int64_t *index_strides, int index_rank,
                            const int64_t *index_shape, const int64_t *sizes, const int64_t *strides, int64_t *offsets,
                            int *bad_array, bool wrap);

/// Copies one block from every offset: dense `out` [count][block_shape...]. A block's elements lie at
/// offset + Σ block_strides * position; block_rank 0 is one element. Offsets come from ember_index_offsets.
void ember_take_blocks(size_t element_size, const void *in, const int64_t *offsets, int64_t count, int block_rank,
                       const int64_t *block_shape, const int64_t *block_strides, void *out);

/// Writes (or adds, with `accumulate`) one block to every offset. `source` is [count][block_shape...] with
/// `source_stride` elements between blocks and `source_block_strides` inside them (NULL: dense, both).
void ember_put_blocks(bool accumulate, int dtype, void *self, const int64_t *offsets, int64_t count, int block_rank,
                      const int64_t *block_shape, const int64_t *block_strides, const void *source,
                      int64_t source_stride, const int64_t *source_block_strides);

// MARK: Masks

/// How many elements are not zero.
int64_t ember_nonzero_count(int dtype, const void *in, int rank, const int64_t *shape, const int64_t *strides);

/// Coordinates of the elements that are not zero, row-major, as `out` [count][rank]; writes at most `count` rows
/// (what ember_nonzero_count returned) and returns how many it wrote.
int64_t ember_nonzero(int dtype, const void *in, int rank, const int64_t *shape, const int64_t *strides, int64_t *out,
                      int64_t count);

/// Copies the elements where `mask` is true to dense `out`, at most `count` of them (what ember_nonzero_count returned
/// for the mask over `shape`); returns how many.
int64_t ember_masked_select(size_t element_size, const void *in, const int64_t *in_strides, const uint8_t *mask,
                            const int64_t *mask_strides, int rank, const int64_t *shape, void *out, int64_t count);

// MARK: Counting and searching

/// How often (or with what total weight) each of 0..<bins occurs. Without `weights` `out` is int64; with them both are
/// of `dtype`, float32 or float64. Indices outside 0..<bins are errors.
int64_t ember_bincount(const int64_t *in, int64_t n, int64_t bins, int dtype, const void *weights, void *out);

/// For each value the position where it would be inserted into its sorted row: the first with row[i] >= value, or with
/// `right` the first with row[i] > value. `sorted` is [rows][n], or [1][n] when `shared`; `values` and `out` are
/// [rows][m]. NaN sorts after everything. Real dtypes; false for complex.
bool ember_searchsorted(int dtype, const void *sorted, bool shared, int64_t rows, int64_t n, const void *values, int64_t m,
                        bool right, int64_t *out);

#ifdef __cplusplus
}
#endif
#endif
