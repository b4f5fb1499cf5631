// Running pointwise programs over strided operands, tile by tile. What a tile is depends on the layout:
//
//   row:    part of one row, where rows are long; unit strides are used in place, zero strides are one element;
//   block:  a rectangle of rows and columns, where an operand is transposed: both sides then use whole cache lines;
//   linear: a run of elements over several short rows, gathered by an odometer.
#include <string.h>

#include "pointwise_internal.h"
#include "strided_internal.h"

enum { ROW_TILES, BLOCK_TILES, LINEAR_TILES };
// Shorter rows are not worth a tile of their own.
#define LONG_ROW 256

typedef struct {
  const ember_plan *plan;
  const ember_dimensions *dimensions;
  const uint8_t *access;
  int input_count, kind;
  // Row and block tiles: the inner dimension is cut into columns, block_dimension (a row tile's is none) into rows.
  int block_dimension;
  int64_t rows, columns, row_parts, column_parts;
  // Linear tiles: elements.
  int64_t tile;
  int64_t tiles, tiles_per_chunk;
} strided_work;

static inline const int64_t *strides_of(const strided_work *work, int operand) {
  return &work->dimensions->strides[operand * work->dimensions->rank];
}

// MARK: Tiles

// Elements start..<start+n of all operands.
static void run_linear_tile(const strided_work *work, ember_runner *runner, int64_t tile) {
  const ember_plan *plan = work->plan;
  const ember_dimensions *dimensions = work->dimensions;
  const int64_t start = tile * work->tile;
  const int64_t n = dimensions->count - start < work->tile ? dimensions->count - start : work->tile;
  for (int o = 0; o < plan->operand_count; o++) {
    const ember_location *operand = &plan->locations[o];
    if (work->access[o] == EMBER_ACCESS_DIRECT)
      runner->addresses[o] = operand->address + start * operand->size;
    else if (work->access[o] == EMBER_ACCESS_BUFFERED && o < work->input_count)
      ember_pack_elements(operand->size, runner->addresses[o], operand->address, dimensions->rank, dimensions->shape,
                   strides_of(work, o), start, n);
  }
  ember_run_steps(plan, runner, n);
  for (int o = work->input_count; o < plan->operand_count; o++)
    if (work->access[o] == EMBER_ACCESS_BUFFERED)
      ember_unpack_elements(plan->locations[o].size, plan->locations[o].address, runner->addresses[o], dimensions->rank,
                    dimensions->shape, strides_of(work, o), start, n);
}

// Where an operand's part of a tile begins.
static char *tile_place(const strided_work *work, int operand, const int64_t *index) {
  const int64_t *strides = strides_of(work, operand);
  int64_t offset = 0;
  for (int d = 0; d < work->dimensions->rank; d++) offset += index[d] * strides[d];
  return work->plan->locations[operand].address + offset * work->plan->locations[operand].size;
}
static int64_t row_stride(const strided_work *work, int operand) {
  return work->block_dimension >= 0 ? strides_of(work, operand)[work->block_dimension] : 0;
}

// A rectangle; row tiles have one row.
static void run_rectangle(const strided_work *work, ember_runner *runner, int64_t tile) {
  const ember_plan *plan = work->plan;
  const ember_dimensions *dimensions = work->dimensions;
  const int inner = dimensions->rank - 1, outer = work->block_dimension;
  const int64_t column = tile % work->column_parts * work->columns;
  tile /= work->column_parts;
  const int64_t row = tile % work->row_parts * work->rows;
  tile /= work->row_parts;
  const int64_t columns = dimensions->shape[inner] - column < work->columns ? dimensions->shape[inner] - column : work->columns;
  int64_t rows = 1;
  if (outer >= 0) rows = dimensions->shape[outer] - row < work->rows ? dimensions->shape[outer] - row : work->rows;
  int64_t index[EMBER_MAXIMUM_RANK];
  for (int d = inner - 1; d >= 0; d--) {
    if (d == outer) {
      index[d] = row;
      continue;
    }
    index[d] = tile % dimensions->shape[d];
    tile /= dimensions->shape[d];
  }
  index[inner] = column;
  for (int o = 0; o < plan->operand_count; o++) {
    char *place = tile_place(work, o, index);
    if (work->access[o] != EMBER_ACCESS_BUFFERED)
      runner->addresses[o] = place;
    else if (o < work->input_count)
      ember_move_2d(plan->locations[o].size, runner->addresses[o], columns, 1, place, row_stride(work, o),
                    strides_of(work, o)[inner], rows, columns);
  }
  ember_run_steps(plan, runner, rows * columns);
  for (int o = work->input_count; o < plan->operand_count; o++)
    if (work->access[o] == EMBER_ACCESS_BUFFERED)
      ember_move_2d(plan->locations[o].size, tile_place(work, o, index), row_stride(work, o), strides_of(work, o)[inner],
                    runner->addresses[o], columns, 1, rows, columns);
}

static void run_chunk(void *context, int64_t chunk) {
  const strided_work *work = context;
  ember_runner runner;
  if (!ember_runner_start(&runner, work->plan)) return;
  const int64_t first = chunk * work->tiles_per_chunk;
  const int64_t end = first + work->tiles_per_chunk < work->tiles ? first + work->tiles_per_chunk : work->tiles;
  for (int64_t tile = first; tile < end; tile++)
    if (work->kind == LINEAR_TILES)
      run_linear_tile(work, &runner, tile);
    else
      run_rectangle(work, &runner, tile);
  ember_runner_end(&runner);
}

// MARK: Choosing tiles

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

// The dimension along which some operand runs through memory while it jumps along the inner one, or -1. Both must be long
// enough for a rectangle to be worth it.
static int find_block_dimension(const ember_dimensions *dimensions, int operand_count, const uint8_t *sizes) {
  const int rank = dimensions->rank, inner = rank - 1;
  if (dimensions->shape[inner] < 8) return -1;
  for (int o = 0; o < operand_count; o++) {
    const int64_t *strides = &dimensions->strides[o * rank];
    if (magnitude(strides[inner]) * sizes[o] < 64) continue;
    for (int d = inner - 1; d >= 0; d--)
      if (strides[d] != 0 && magnitude(strides[d]) * sizes[o] < 64 && dimensions->shape[d] >= 8) return d;
  }
  return -1;
}

// Whether an operand lies in memory in the order of iteration, without gaps.
static bool is_contiguous(const ember_dimensions *dimensions, const int64_t *strides) {
  int64_t expected = 1;
  for (int d = dimensions->rank - 1; d >= 0; d--) {
    if (strides[d] != expected) return false;
    expected *= dimensions->shape[d];
  }
  return true;
}
static bool is_uniform(const ember_dimensions *dimensions, const int64_t *strides) {
  for (int d = 0; d < dimensions->rank; d++)
    if (strides[d] != 0) return false;
  return true;
}

// How each operand is met in tiles of a kind. True if all are in place, or one element.
static bool choose_access(const strided_work *work, int operand_count, uint8_t *access) {
  const ember_dimensions *dimensions = work->dimensions;
  const int inner = dimensions->rank - 1;
  bool all_in_place = true;
  for (int o = 0; o < operand_count; o++) {
    const int64_t *strides = strides_of(work, o);
    const bool is_input = o < work->input_count;
    access[o] = EMBER_ACCESS_BUFFERED;
    switch (work->kind) {
      case ROW_TILES:
        if (strides[inner] == 1) access[o] = EMBER_ACCESS_DIRECT;
        if (strides[inner] == 0 && is_input) access[o] = EMBER_ACCESS_UNIFORM;
        break;
      case BLOCK_TILES:
        if (strides[inner] == 0 && strides[work->block_dimension] == 0 && is_input) access[o] = EMBER_ACCESS_UNIFORM;
        break;
      default:
        if (is_contiguous(dimensions, strides)) access[o] = EMBER_ACCESS_DIRECT;
        if (is_uniform(dimensions, strides) && is_input) access[o] = EMBER_ACCESS_UNIFORM;
        break;
    }
    if (access[o] == EMBER_ACCESS_BUFFERED) all_in_place = false;
  }
  return all_in_place;
}

// Cuts the dimensions into tiles for a plan, and those into chunks.
static void cut(strided_work *work) {
  const ember_dimensions *dimensions = work->dimensions;
  const int64_t tile = work->plan->tile, inner = dimensions->rank > 0 ? dimensions->shape[dimensions->rank - 1] : 1;
  int64_t tile_elements;
  if (work->kind == LINEAR_TILES) {
    work->tile = tile < 1024 ? tile : 1024;
    work->tiles = (dimensions->count + work->tile - 1) / work->tile;
    tile_elements = work->tile;
  } else {
    // A row that needs no buffers is one tile, unless it is so long that it should be shared among threads.
    work->columns = tile < 32768 ? tile : 32768;
    work->rows = 1;
    if (work->kind == BLOCK_TILES) {
      // As many rows as the transposed operand has in a cache line (of 4-byte elements); the rest of the tile along the
      // others' rows.
      const int64_t elements = tile < 1024 ? tile : 1024;
      work->columns = elements / 16;
      if (work->columns > inner) work->columns = inner;
      work->rows = elements / work->columns;
      const int64_t most = dimensions->shape[work->block_dimension];
      if (work->rows > most) {
        work->rows = most;
        work->columns = elements / most;
      }
    }
    if (work->columns > inner) work->columns = inner;
    work->column_parts = (inner + work->columns - 1) / work->columns;
    work->row_parts =
        work->kind == BLOCK_TILES ? (dimensions->shape[work->block_dimension] + work->rows - 1) / work->rows : 1;
    int64_t others = 1;
    for (int d = 0; d < dimensions->rank - 1; d++)
      if (d != work->block_dimension) others *= dimensions->shape[d];
    work->tiles = others * work->row_parts * work->column_parts;
    tile_elements = work->rows * work->columns;
  }
  work->tiles_per_chunk = (ember_plan_chunk(work->plan) + tile_elements - 1) / tile_elements;
}

// MARK: Entry

void ember_pointwise_strided(const ember_program *program, void *const *pointers, int rank, const int64_t *shape,
                             const int64_t *const *strides) {
  const int inputs = program->input_count, operands = inputs + program->output_count;
  if (rank > EMBER_MAXIMUM_RANK || program->output_count == 0) return;
  // Per operand: its strides, pointer, size of an element, access.
  enum { INLINE_BYTES = 4096 };
  _Alignas(8) char inline_memory[INLINE_BYTES];
  const size_t stride_bytes = (size_t)operands * (size_t)(rank > 0 ? rank : 1) * sizeof(int64_t);
  char *memory = ember_borrow(inline_memory, sizeof inline_memory, stride_bytes + (size_t)operands * (sizeof(char *) + 2));
  if (!memory) return;
  // Not initialised as a whole: its shape is mostly unused.
  ember_dimensions dimensions;
  dimensions.strides = (int64_t *)memory;
  char **places = (char **)(memory + stride_bytes);
  uint8_t *sizes = (uint8_t *)(places + operands), *access = sizes + operands;
  for (int o = 0; o < operands; o++) {
    places[o] = pointers[o];
    sizes[o] = (uint8_t)ember_dtype_size(o < inputs ? program->input_dtype[o] : program->output_dtype[o - inputs]);
  }
  ember_simplify(&dimensions, rank, shape, operands, strides, sizes, places, inputs);

  strided_work work = {.dimensions = &dimensions, .access = access, .input_count = inputs, .block_dimension = -1};
  work.kind = LINEAR_TILES;
  if (dimensions.count == 0) {
    ember_give_back(memory, inline_memory);
    return;
  }
  if (choose_access(&work, operands, access)) {
    // Everything contiguous, or one element for all.
    for (int i = 0; i < inputs; i++) access[i] = access[i] == EMBER_ACCESS_UNIFORM;
    ember_pointwise_flat(program, (void *const *)places, access, dimensions.count);
    ember_give_back(memory, inline_memory);
    return;
  }
  const int block_dimension = find_block_dimension(&dimensions, operands, sizes);
  if (block_dimension >= 0) {
    work.kind = BLOCK_TILES;
    work.block_dimension = block_dimension;
  } else if (dimensions.shape[dimensions.rank - 1] >= LONG_ROW) {
    work.kind = ROW_TILES;
  }
  choose_access(&work, operands, access);
  ember_plan plan;
  if (ember_plan_make(&plan, program, (void *const *)places, access)) {
    work.plan = &plan;
    cut(&work);
    ember_parallel((work.tiles + work.tiles_per_chunk - 1) / work.tiles_per_chunk, run_chunk, &work);
    ember_plan_end(&plan);
  }
  ember_give_back(memory, inline_memory);
}
