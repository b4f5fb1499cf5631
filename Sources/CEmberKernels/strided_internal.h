// Iteration over strided operands: simplifying their dimensions, and moving elements between layouts. Private to this target.
#ifndef EMBER_STRIDED_INTERNAL_H
#define EMBER_STRIDED_INTERNAL_H

#include "ember_kernels_types.h"

enum { EMBER_MAXIMUM_RANK = 64 };

/// Dimensions, outermost first, and per operand its strides in elements at strides[operand * rank + dimension].
typedef struct {
  int rank;
  int64_t count;
  int64_t shape[EMBER_MAXIMUM_RANK];
  int64_t *strides;
} ember_dimensions;

/// Reorders and joins the dimensions of operands that are walked together, so that operand `leader` (the output) is walked in
/// the order of memory; a dimension in which it runs backwards is turned round, moving every operand's pointer.
/// `dimensions->strides` has room for operand_count * rank entries; afterwards entries are spaced by the new rank.
void ember_simplify(ember_dimensions *dimensions, int rank, const int64_t *shape, int operand_count,
                    const int64_t *const *strides, const uint8_t *element_sizes, char **pointers, int leader);

/// dst[i * dst_stride] = src[i * src_stride] for elements of `size` bytes (1, 2, 4, 8, 16).
void ember_move(size_t size, char *dst, int64_t dst_stride, const char *src, int64_t src_stride, int64_t count);

/// The same over rows and columns, each with a stride; transposes in registers where one side is contiguous in rows and the
/// other in columns.
void ember_move_2d(size_t size, char *dst, int64_t dst_row, int64_t dst_column, const char *src, int64_t src_row,
                   int64_t src_column, int64_t rows, int64_t columns);

/// Moves elements start..<start+count of a strided operand, counted in row-major order, to or from contiguous memory.
void ember_pack_elements(size_t size, char *dst, const char *src, int rank, const int64_t *shape, const int64_t *strides,
                  int64_t start, int64_t count);
void ember_unpack_elements(size_t size, char *dst, const char *src, int rank, const int64_t *shape, const int64_t *strides,
                   int64_t start, int64_t count);

#endif
