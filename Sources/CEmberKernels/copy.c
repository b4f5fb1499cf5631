// Strided copies. Between equal dtypes elements are only moved; conversions are pointwise programs.
#include "ember_copy.h"

#include <string.h>

#include "ember_pointwise.h"
#include "pointwise_internal.h"
#include "strided_internal.h"

// What one chunk of a parallel copy moves.
#define CHUNK_BYTES (256 << 10)

// MARK: Contiguous

typedef struct {
  char *dst;
  const char *src;
  size_t size;
  int64_t src_stride, count, chunk;
} row_work;

static void run_row(void *context, int64_t index) {
  const row_work *work = context;
  const int64_t start = index * work->chunk, size = (int64_t)work->size;
  const int64_t n = work->count - start < work->chunk ? work->count - start : work->chunk;
  ember_move(work->size, work->dst + start * size, 1, work->src + start * work->src_stride * size, work->src_stride, n);
}

static void copy_row(size_t size, char *dst, const char *src, int64_t src_stride, int64_t count) {
  row_work work = {dst, src, size, src_stride, count, CHUNK_BYTES / (int64_t)size};
  if (count <= work.chunk)
    ember_move(size, dst, 1, src, src_stride, count);
  else
    ember_parallel((count + work.chunk - 1) / work.chunk, run_row, &work);
}

void ember_fill(int dtype, void *dst, const void *value, int64_t count) {
  if (count > 0) copy_row(ember_dtype_size(dtype), dst, value, 0, count);
}

// MARK: Strided

// The innermost dimension is cut into columns and another one into rows; a tile is a rectangle of both.
typedef struct {
  const ember_dimensions *dimensions;
  char *dst;
  const char *src;
  size_t size;
  int row_dimension;  // -1: none
  int64_t rows, columns, row_parts, column_parts, tiles, tiles_per_chunk;
} rectangle_work;

static void run_rectangles(void *context, int64_t chunk) {
  const rectangle_work *work = context;
  const ember_dimensions *dimensions = work->dimensions;
  const int rank = dimensions->rank, inner = rank - 1, outer = work->row_dimension;
  const int64_t *dst_strides = dimensions->strides, *src_strides = dimensions->strides + rank;
  const int64_t first = chunk * work->tiles_per_chunk, size = (int64_t)work->size;
  const int64_t end = first + work->tiles_per_chunk < work->tiles ? first + work->tiles_per_chunk : work->tiles;
  for (int64_t tile = first; tile < end; tile++) {
    const int64_t column = tile % work->column_parts * work->columns;
    int64_t rest = tile / work->column_parts;
    const int64_t row = rest % work->row_parts * work->rows;
    rest /= work->row_parts;
    int64_t to = column * dst_strides[inner], from = column * src_strides[inner];
    for (int d = inner - 1; d >= 0; d--) {
      int64_t index = row;
      if (d != outer) {
        index = rest % dimensions->shape[d];
        rest /= dimensions->shape[d];
      }
      to += index * dst_strides[d];
      from += index * src_strides[d];
    }
    const int64_t columns =
        dimensions->shape[inner] - column < work->columns ? dimensions->shape[inner] - column : work->columns;
    int64_t rows = 1;
    if (outer >= 0) rows = dimensions->shape[outer] - row < work->rows ? dimensions->shape[outer] - row : work->rows;
    ember_move_2d(work->size, work->dst + to * size, outer >= 0 ? dst_strides[outer] : 0, dst_strides[inner],
                  work->src + from * size, outer >= 0 ? src_strides[outer] : 0, src_strides[inner], rows, columns);
  }
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The dimension in which the source runs through memory, or jumps least, besides the inner one.
static int find_row_dimension(const ember_dimensions *dimensions, bool *transposed) {
  const int rank = dimensions->rank, inner = rank - 1;
  const int64_t *src_strides = dimensions->strides + rank;
  *transposed = false;
  if (rank < 2) return -1;
  const int64_t inner_stride = src_strides[inner] < 0 ? -src_strides[inner] : src_strides[inner];
  int best = inner - 1;
  int64_t least = inner_stride;
  for (int d = inner - 1; d >= 0; d--) {
    const int64_t stride = src_strides[d] < 0 ? -src_strides[d] : src_strides[d];
    if (stride == 0 || stride >= least || dimensions->shape[d] < 4) continue;
    best = d;
    least = stride;
    *transposed = true;
  }
  return best;
}

static void copy_strided(size_t size, const ember_dimensions *dimensions, char *dst, const char *src) {
  const int rank = dimensions->rank, inner = rank - 1;
  const int64_t inner_count = dimensions->shape[inner];
  bool transposed;
  rectangle_work work = {.dimensions = dimensions, .dst = dst, .src = src, .size = size};
  work.row_dimension = find_row_dimension(dimensions, &transposed);
  const int64_t row_count = work.row_dimension >= 0 ? dimensions->shape[work.row_dimension] : 1;
  const int64_t elements = CHUNK_BYTES / (int64_t)size / 2;
  if (transposed) {
    // Both sides use whole cache lines of a square this large, and it stays in the first-level cache.
    work.columns = smaller(inner_count, size >= 8 ? 32 : 64);
    work.rows = smaller(row_count, size >= 8 ? 32 : 64);
  } else {
    work.columns = smaller(inner_count, elements);
    work.rows = smaller(row_count, elements / work.columns);
  }
  work.column_parts = (inner_count + work.columns - 1) / work.columns;
  work.row_parts = (row_count + work.rows - 1) / work.rows;
  work.tiles = dimensions->count / (inner_count * row_count) * work.column_parts * work.row_parts;
  const int64_t tile_elements = work.rows * work.columns;
  work.tiles_per_chunk = (elements + tile_elements - 1) / tile_elements;
  ember_parallel((work.tiles + work.tiles_per_chunk - 1) / work.tiles_per_chunk, run_rectangles, &work);
}

static void copy_same(size_t size, char *dst, const int64_t *dst_strides, const char *src, const int64_t *src_strides,
                      int rank, const int64_t *shape) {
  int64_t memory[2 * EMBER_MAXIMUM_RANK];
  ember_dimensions dimensions;
  dimensions.strides = memory;
  const int64_t *const strides[2] = {dst_strides, src_strides};
  const uint8_t sizes[2] = {(uint8_t)size, (uint8_t)size};
  char *places[2] = {dst, (char *)src};
  ember_simplify(&dimensions, rank, shape, 2, strides, sizes, places, 0);
  if (dimensions.count == 0) return;
  if (dimensions.rank == 0)
    memmove(places[0], places[1], size);
  else if (dimensions.rank == 1 && dimensions.strides[0] == 1)
    copy_row(size, places[0], places[1], dimensions.strides[1], dimensions.shape[0]);
  else
    copy_strided(size, &dimensions, places[0], places[1]);
}

// MARK: Conversion

static void convert(int dst_dtype, void *dst, const int64_t *dst_strides, int src_dtype, const void *src,
                    const int64_t *src_strides, int rank, const int64_t *shape) {
  const uint8_t input_dtype = (uint8_t)src_dtype, output_dtype = (uint8_t)dst_dtype;
  const uint8_t output_type = (uint8_t)ember_natural_type(dst_dtype);
  uint8_t input_type = (uint8_t)ember_natural_type(src_dtype);
  // As an int64 a large uint64 would turn negative on its way to a float.
  if (src_dtype == EMBER_UINT64 && output_type >= EMBER_TYPE_FLOAT32) input_type = EMBER_TYPE_FLOAT64;
  // And a float on its way to uint64 would be cut off at 2^63; the store from floats knows better.
  uint8_t stored_type = output_type;
  if (dst_dtype == EMBER_UINT64 && (input_type == EMBER_TYPE_FLOAT32 || input_type == EMBER_TYPE_FLOAT64))
    stored_type = input_type;
  const bool casts = input_type != stored_type;
  const ember_instruction cast = {EMBER_OP_CAST, input_type, stored_type, 1, 0, 0, 0};
  const uint16_t slot = casts ? 1 : 0;
  const ember_program program = {1, 0, casts, casts, 1, &input_dtype, &input_type, NULL, NULL, &cast, &output_dtype,
                                 &stored_type, &slot};
  void *const pointers[2] = {(void *)src, dst};
  const int64_t *const strides[2] = {src_strides, dst_strides};
  ember_pointwise_strided(&program, pointers, rank, shape, strides);
}

void ember_copy(int dst_dtype, void *dst, const int64_t *dst_strides, int src_dtype, const void *src,
                const int64_t *src_strides, int rank, const int64_t *shape) {
  if (rank > EMBER_MAXIMUM_RANK) return;
  if (dst_dtype == src_dtype)
    copy_same(ember_dtype_size(dst_dtype), dst, dst_strides, src, src_strides, rank, shape);
  else
    convert(dst_dtype, dst, dst_strides, src_dtype, src, src_strides, rank, shape);
}
