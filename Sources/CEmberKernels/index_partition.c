// Scatter along one long dimension into a target larger than the caches. One element after the other would wait for memory, and on one
// thread, because two elements may meet. Here a block of elements is first divided by ranges of the target, in order; then each range is
// worked on by itself, from the cache. Every place still receives its elements in their order: the result is the same to the bit.
#include "ember_allocator.h"
#include "index_walk.h"

enum {
  BLOCK = 1 << 22,        // elements divided at a time: bounds the scratch memory
  CHUNK = 1 << 15,        // elements that one thread divides at a time
  MAXIMUM_RANGES = 256,   // streams written side by side
  BATCH = 512,
  RANGE_BYTES = 1 << 18,  // of the target, if that does not make too many ranges
  MINIMUM_LENGTH = 1 << 19,
  MINIMUM_TARGET = 4 << 20,  // bytes; smaller ones stay in the cache anyway
};

typedef struct {
  const index_line *line;
  int64_t first, count;  // of the block
  int shift, ranges;
  int64_t *starts;  // [range][chunk]: where a chunk's elements of a range go; first their number
  int64_t chunks;
  uint32_t *within;  // an element's place in its range
  char *values;
} partition_job;

static int64_t minimum(int64_t a, int64_t b) { return a < b ? a : b; }

static void count_chunk(void *context, int64_t chunk) {
  const partition_job *job = context;
  const index_line *line = job->line;
  const int64_t start = job->first + chunk * CHUNK, end = minimum(start + CHUNK, job->first + job->count);
  const int64_t *index = line->index;
  const int64_t index_stride = line->index_stride, axis_size = line->axis_size;
  const int shift = job->shift;
  uint32_t counts[MAXIMUM_RANGES] = {0};
  for (int64_t k = start; k < end; k++) {
    int64_t i = index[k * index_stride];
    i += i < 0 ? axis_size : 0;
    counts[i >> shift]++;
  }
  for (int range = 0; range < job->ranges; range++) job->starts[range * job->chunks + chunk] = counts[range];
}

#define DIVIDE(bytes, type)                                                                       \
  case bytes: {                                                                                   \
    const type *source = line->source;                                                            \
    type *values = (type *)job->values;                                                           \
    for (int64_t k = start; k < end; k++) {                                                       \
      int64_t i = index[k * index_stride];                                                        \
      i += i < 0 ? axis_size : 0;                                                                 \
      const uint32_t place = places[i >> shift]++;                                                \
      within[place] = (uint32_t)(i & mask);                                                       \
      values[place] = source[k * source_stride];                                                  \
    }                                                                                             \
    break;                                                                                        \
  }

typedef struct { uint64_t low, high; } sixteen_bytes;

static void divide_chunk(void *context, int64_t chunk) {
  const partition_job *job = context;
  const index_line *line = job->line;
  const int64_t start = job->first + chunk * CHUNK, end = minimum(start + CHUNK, job->first + job->count);
  const int64_t *index = line->index;
  const int64_t index_stride = line->index_stride, source_stride = line->source_stride, axis_size = line->axis_size;
  const int64_t mask = (INT64_C(1) << job->shift) - 1;
  const int shift = job->shift;
  uint32_t *within = job->within, places[MAXIMUM_RANGES];
  for (int range = 0; range < job->ranges; range++) places[range] = (uint32_t)job->starts[range * job->chunks + chunk];
  switch (line->size) {
    DIVIDE(1, uint8_t)
    DIVIDE(2, uint16_t)
    DIVIDE(4, uint32_t)
    DIVIDE(8, uint64_t)
    DIVIDE(16, sixteen_bytes)
    default: break;
  }
}

static void combine_range(void *context, int64_t range) {
  const partition_job *job = context;
  const index_line *line = job->line;
  const int64_t start = job->starts[range * job->chunks];
  const int64_t end = range + 1 < job->ranges ? job->starts[(range + 1) * job->chunks] : job->count;
  char *self = (char *)line->self + (range << job->shift) * line->axis_stride * (int64_t)line->size;
  // Where most lines of the range will be needed, fetching them in order is much faster than by and by.
  const int64_t bytes = (minimum((range + 1) << job->shift, line->axis_size) - (range << job->shift)) * (int64_t)line->size;
  if (line->axis_stride == 1 && end - start > bytes / 128)
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(self + i, 1);
  for (int64_t at = start; at < end; at += BATCH) {
    int64_t index[BATCH];
    const int64_t count = minimum(BATCH, end - at);
    for (int64_t k = 0; k < count; k++) index[k] = job->within[at + k];
    line->loop(self, 0, line->axis_stride, line->axis_size, index, 1, job->values + at * (int64_t)line->size, 1, count);
  }
}

bool index_partitions(const index_line *line) {
  return line->length >= MINIMUM_LENGTH && line->axis_size * (int64_t)line->size >= MINIMUM_TARGET && line->axis_size < INT64_C(1) << 40;
}

bool index_run_partitioned(const index_line *line) {
  partition_job job = {.line = line};
  while ((INT64_C(1) << job.shift) * (int64_t)line->size < RANGE_BYTES || (line->axis_size - 1) >> job.shift >= MAXIMUM_RANGES) job.shift++;
  job.ranges = (int)((line->axis_size - 1) >> job.shift) + 1;
  // A multiple of 4 elements, so that what follows the values is aligned.
  const int64_t block = (minimum(BLOCK, line->length) + 3) / 4 * 4, most_chunks = (block + CHUNK - 1) / CHUNK;
  const size_t within_bytes = (size_t)block * sizeof(uint32_t), start_bytes = (size_t)(job.ranges * most_chunks) * sizeof(int64_t);
  const size_t bytes = within_bytes + start_bytes + (size_t)block * line->size;
  char *scratch = ember_allocate(bytes);
  if (!scratch) return false;
  job.starts = (int64_t *)(void *)scratch;
  job.values = scratch + start_bytes;
  job.within = (uint32_t *)(void *)(job.values + (size_t)block * line->size);
  for (; job.first < line->length; job.first += block) {
    job.count = minimum(block, line->length - job.first);
    job.chunks = (job.count + CHUNK - 1) / CHUNK;
    ember_parallel(job.chunks, count_chunk, &job);
    int64_t place = 0;
    for (int64_t i = 0; i < job.ranges * job.chunks; i++) {
      const int64_t count = job.starts[i];
      job.starts[i] = place;
      place += count;
    }
    ember_parallel(job.chunks, divide_chunk, &job);
    ember_parallel(job.ranges, combine_range, &job);
  }
  ember_deallocate(scratch, bytes);
  return true;
}
