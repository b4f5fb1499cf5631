// Walking over the elements of up to three operands that share a shape, from any position on. Private to the index files.
#ifndef EMBER_INDEX_WALK_H
#define EMBER_INDEX_WALK_H

#include <string.h>

#include "ember_index.h"

enum { WALK_OPERANDS = 3, INDEX_GRAIN = 32768 };

/// A shape with the strides of its operands, adjacent dimensions merged where every operand allows it, and a position in it.
typedef struct {
  int rank;  // at least 1
  int64_t size;
  int64_t shape[EMBER_INDEX_MAXIMUM_RANK];
  int64_t strides[WALK_OPERANDS][EMBER_INDEX_MAXIMUM_RANK];
  int64_t coordinate[EMBER_INDEX_MAXIMUM_RANK];
  int64_t offset[WALK_OPERANDS];
} index_walk;

/// `strides[k]` may be NULL for an operand that does not exist. Dimension `without` (or -1) is left out.
static inline void walk_start(index_walk *walk, int rank, const int64_t *shape, const int64_t *const strides[WALK_OPERANDS],
                              int without) {
  memset(walk, 0, sizeof *walk);
  walk->size = 1;
  int last = -1;
  for (int d = 0; d < rank; ++d) {
    if (d == without) continue;
    walk->size *= shape[d];
    if (shape[d] == 1) continue;
    bool merge = last >= 0;
    for (int k = 0; merge && k < WALK_OPERANDS; ++k)
      merge = !strides[k] || walk->strides[k][last] == strides[k][d] * shape[d];
    if (merge) walk->shape[last] *= shape[d];
    else walk->shape[++last] = shape[d];
    for (int k = 0; k < WALK_OPERANDS; ++k) walk->strides[k][last] = strides[k] ? strides[k][d] : 0;
  }
  if (last < 0) walk->shape[++last] = 1;
  walk->rank = last + 1;
}

/// Moves to the row-major position `position` < size.
static inline void walk_seek(index_walk *walk, int64_t position) {
  memset(walk->offset, 0, sizeof walk->offset);
  for (int d = walk->rank - 1; d >= 0; --d) {
    walk->coordinate[d] = position % walk->shape[d];
    position /= walk->shape[d];
    for (int k = 0; k < WALK_OPERANDS; ++k) walk->offset[k] += walk->coordinate[d] * walk->strides[k][d];
  }
}

/// How many elements, at most `limit`, follow from here with the last dimension's strides.
static inline int64_t walk_run(const index_walk *walk, int64_t limit) {
  const int64_t rest = walk->shape[walk->rank - 1] - walk->coordinate[walk->rank - 1];
  return rest < limit ? rest : limit;
}

/// Moves on by `n` elements, a length that walk_run gave.
static inline void walk_advance(index_walk *walk, int64_t n) {
  int d = walk->rank - 1;
  walk->coordinate[d] += n;
  for (int k = 0; k < WALK_OPERANDS; ++k) walk->offset[k] += n * walk->strides[k][d];
  while (walk->coordinate[d] == walk->shape[d] && d > 0) {
    for (int k = 0; k < WALK_OPERANDS; ++k)
      walk->offset[k] += walk->strides[k][d - 1] - walk->shape[d] * walk->strides[k][d];
    walk->coordinate[d] = 0;
    ++walk->coordinate[--d];
  }
}

static inline int64_t walk_last_stride(const index_walk *walk, int operand) { return walk->strides[operand][walk->rank - 1]; }

static inline int64_t index_chunks(int64_t work) { return (work + INDEX_GRAIN - 1) / INDEX_GRAIN; }

/// Runs chunks on the pool, or at once if there is only one.
static inline void index_parallel(int64_t chunks, void (*body)(void *, int64_t), void *context) {
  if (chunks > 1) ember_parallel(chunks, body, context);
  else if (chunks == 1) body(context, 0);
}

/// Row-major position of the first index outside 0..<size (or -size..<size with `wrap`), -1 if there is none.
/// `shape` and `strides` are those of `index`.
int64_t index_first_bad(int rank, const int64_t *index, const int64_t *shape, const int64_t *strides, int64_t size, bool wrap);

/// The typed loops that add and otherwise combine: index_combine.c.
///
/// self[k * self_step + i * axis_stride] op= source[k * source_step] with i = index[k * index_step], for k in 0..<n.
typedef void (*index_scatter_row)(void *self, int64_t self_step, int64_t axis_stride, int64_t axis_size,
                                  const int64_t *index, int64_t index_step, const void *source, int64_t source_step, int64_t n);
index_scatter_row index_scatter_loop(int mode, int dtype);

/// A scatter along one dimension, all other extents 1. Indices have been checked.
typedef struct {
  index_scatter_row loop;
  size_t size;  // of an element
  void *self;
  const int64_t *index;
  const void *source;
  int64_t length, index_stride, source_stride, axis_stride, axis_size;
} index_line;

/// Whether it is worth dividing the elements by where they go (index_partition.c).
bool index_partitions(const index_line *line);
/// Does so. False, with nothing done, if memory is short.
bool index_run_partitioned(const index_line *line);

/// self[k * self_step] += alpha * source[k * source_step] for k in 0..<n. With alpha 1 nothing is multiplied.
typedef void (*index_add_row)(void *self, int64_t self_step, const void *source, int64_t source_step, int64_t n, double alpha);
index_add_row index_add_loop(int dtype);

/// self[k * self_step] = source[k * source_step] for k in 0..<n, by element size.
void index_copy_row(size_t size, void *self, int64_t self_step, const void *source, int64_t source_step, int64_t n);

#endif
