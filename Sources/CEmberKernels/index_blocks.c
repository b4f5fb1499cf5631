// Indexing several dimensions at once: x[i, j, :] as offsets of blocks, which are then read or written.
#include <stdatomic.h>
#include <stdlib.h>

#include "index_walk.h"

enum { MAXIMUM_ARRAYS = 8 };

// MARK: Offsets

typedef struct {
  index_walk walk;  // of one index array; operand 0
  const int64_t *index;
  int64_t size, stride;
  int64_t *offsets;
  bool first;
} offsets_job;

static void offsets_chunk(void *context, int64_t chunk) {
  const offsets_job *job = context;
  index_walk walk = job->walk;
  int64_t position = chunk * INDEX_GRAIN;
  const int64_t end = position + INDEX_GRAIN < walk.size ? position + INDEX_GRAIN : walk.size;
  const int64_t step = walk_last_stride(&walk, 0);
  walk_seek(&walk, position);
  while (position < end) {
    const int64_t run = walk_run(&walk, end - position);
    const int64_t *index = job->index + walk.offset[0];
    int64_t *offsets = job->offsets + position;
    for (int64_t k = 0; k < run; ++k) {
      const int64_t i = index[k * step];
      const int64_t offset = (i + (i < 0 ? job->size : 0)) * job->stride;
      offsets[k] = job->first ? offset : offsets[k] + offset;
    }
    position += run;
    walk_advance(&walk, run);
  }
}

int64_t ember_index_offsets(int k, const int64_t *const *indices, const int64_t *index_strides, int index_rank,
                            const int64_t *index_shape, const int64_t *sizes, const int64_t *strides, int64_t *offsets,
                            int *bad_array, bool wrap) {
  for (int a = 0; a < k; ++a) {
    const int64_t bad = index_first_bad(index_rank, indices[a], index_shape, index_strides + a * index_rank, sizes[a], wrap);
    if (bad >= 0) {
      if (bad_array) *bad_array = a;
      return bad;
    }
  }
  for (int a = 0; a < k; ++a) {
    offsets_job job = {.index = indices[a], .size = sizes[a], .stride = strides[a], .offsets = offsets, .first = a == 0};
    const int64_t *const operands[WALK_OPERANDS] = {index_strides + a * index_rank};
    walk_start(&job.walk, index_rank, index_shape, operands, -1);
    index_parallel(index_chunks(job.walk.size), offsets_chunk, &job);
  }
  return -1;
}

// MARK: Blocks

typedef struct {
  index_walk walk;  // of one block; operands: self, source (or out)
  size_t size;
  char *self;
  char *other;  // dense out, or the source
  const int64_t *offsets;
  int64_t count, other_stride;
  int64_t group;  // offsets per chunk (take)
  index_add_row add;
  index_scatter_row scalars;  // for blocks of one element
  int64_t low, high, ranges;  // of offsets, divided among threads (put)
} blocks_job;

typedef struct { uint64_t low, high; } sixteen_bytes;

#define TAKE_CASE(bytes, type)                                                                              \
  case bytes:                                                                                               \
    for (int64_t p = first; p < last; ++p) ((type *)job->other)[p] = ((const type *)job->self)[job->offsets[p]]; \
    return;

static void take_chunk(void *context, int64_t chunk) {
  const blocks_job *job = context;
  const int64_t first = chunk * job->group, last = first + job->group < job->count ? first + job->group : job->count;
  const int64_t size = (int64_t)job->size, block = job->walk.size;
  if (block == 1) {
    switch (size) {
      TAKE_CASE(1, uint8_t)
      TAKE_CASE(2, uint16_t)
      TAKE_CASE(4, uint32_t)
      TAKE_CASE(8, uint64_t)
      TAKE_CASE(16, sixteen_bytes)
      default: break;
    }
  }
  index_walk walk = job->walk;
  for (int64_t p = first; p < last; ++p) {
    const char *self = job->self + job->offsets[p] * size;
    char *out = job->other + p * block * size;
    walk_seek(&walk, 0);
    for (int64_t position = 0; position < block;) {
      const int64_t run = walk_run(&walk, block - position);
      index_copy_row(job->size, out + position * size, 1, self + walk.offset[0] * size, walk_last_stride(&walk, 0), run);
      position += run;
      walk_advance(&walk, run);
    }
  }
}

void ember_take_blocks(size_t element_size, const void *in, const int64_t *offsets, int64_t count, int block_rank,
                       const int64_t *block_shape, const int64_t *block_strides, void *out) {
  blocks_job job = {.size = element_size, .self = (char *)in, .other = out, .offsets = offsets, .count = count};
  const int64_t *const operands[WALK_OPERANDS] = {block_strides};
  walk_start(&job.walk, block_rank, block_shape, operands, -1);
  if (count == 0 || job.walk.size == 0) return;
  job.group = (INDEX_GRAIN + job.walk.size - 1) / job.walk.size;
  index_parallel((count + job.group - 1) / job.group, take_chunk, &job);
}

#define PUT_CASE(bytes, type)                                                                          \
  case bytes:                                                                                          \
    for (int64_t p = 0; p < job->count; ++p) {                                                         \
      const int64_t offset = job->offsets[p];                                                          \
      if (offset < low || offset >= high) continue;                                                    \
      ((type *)job->self)[offset] = ((const type *)job->other)[p * job->other_stride];                 \
    }                                                                                                  \
    return;

// Equal offsets fall to the same thread, which writes them in order of position; different offsets are different blocks.
static void put_chunk(void *context, int64_t chunk) {
  const blocks_job *job = context;
  const int64_t size = (int64_t)job->size, block = job->walk.size, span = job->high - job->low;
  const int64_t low = job->low + span / job->ranges * chunk;
  const int64_t high = chunk == job->ranges - 1 ? job->high : job->low + span / job->ranges * (chunk + 1);
  if (block == 1 && !job->add) {
    switch (size) {
      PUT_CASE(1, uint8_t)
      PUT_CASE(2, uint16_t)
      PUT_CASE(4, uint32_t)
      PUT_CASE(8, uint64_t)
      PUT_CASE(16, sixteen_bytes)
      default: break;
    }
  }
  if (job->scalars) {
    // Offsets are indices with stride 1; a negative one stays as it is when the axis has size 0.
    job->scalars(job->self, 0, 1, 0, job->offsets, 1, job->other, job->other_stride, job->count);
    return;
  }
  index_walk walk = job->walk;
  const int64_t self_step = walk_last_stride(&walk, 0), source_step = walk_last_stride(&walk, 1);
  for (int64_t p = 0; p < job->count; ++p) {
    const int64_t offset = job->offsets[p];
    if (offset < low || offset >= high) continue;
    walk_seek(&walk, 0);
    for (int64_t position = 0; position < block;) {
      const int64_t run = walk_run(&walk, block - position);
      char *self = job->self + (offset + walk.offset[0]) * size;
      const char *source = job->other + (p * job->other_stride + walk.offset[1]) * size;
      if (job->add) job->add(self, self_step, source, source_step, run, 1);
      else index_copy_row(job->size, self, self_step, source, source_step, run);
      position += run;
      walk_advance(&walk, run);
    }
  }
}

void ember_put_blocks(bool accumulate, int dtype, void *self, const int64_t *offsets, int64_t count, int block_rank,
                      const int64_t *block_shape, const int64_t *block_strides, const void *source,
                      int64_t source_stride, const int64_t *source_block_strides) {
  blocks_job job = {.size = ember_dtype_size(dtype), .self = self, .other = (char *)source, .offsets = offsets, .count = count,
                    .add = accumulate ? index_add_loop(dtype) : NULL, .ranges = 1};
  if (accumulate && !job.add) return;
  int64_t dense[EMBER_INDEX_MAXIMUM_RANK], block = 1;
  for (int d = block_rank - 1; d >= 0; --d) {
    dense[d] = block;
    block *= block_shape[d];
  }
  job.other_stride = source_block_strides ? source_stride : block;
  const int64_t *const operands[WALK_OPERANDS] = {block_strides, source_block_strides ? source_block_strides : dense};
  walk_start(&job.walk, block_rank, block_shape, operands, -1);
  if (count == 0 || block == 0) return;
  job.low = INT64_MAX, job.high = INT64_MIN;
  for (int64_t p = 0; p < count; ++p) {
    if (offsets[p] < job.low) job.low = offsets[p];
    if (offsets[p] >= job.high) job.high = offsets[p] + 1;
  }
  if (accumulate && block == 1) job.scalars = index_scatter_loop(EMBER_SCATTER_ADD, dtype);
  if (count * block >= 2 * INDEX_GRAIN && !job.scalars) {
    // The number of ranges changes only who writes, not what is written. More than one per thread evens out clusters.
    const int threads = ember_thread_count();
    job.ranges = threads == 1 ? 1 : block >= 64 ? 4 * threads : threads;
    if (job.ranges > 32) job.ranges = 32;
    if (job.ranges > job.high - job.low) job.ranges = job.high - job.low;
  }
  index_parallel(job.ranges, put_chunk, &job);
}
