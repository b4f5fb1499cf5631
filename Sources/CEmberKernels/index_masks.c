// Masks: counting and finding elements that are not zero, reading and writing where a mask is true.
//
// All work in two passes over fixed chunks: count each chunk, add up, then fill from where each chunk begins.
#include <stdlib.h>

#include "elements.h"
#include "ember_allocator.h"
#include "index_walk.h"

enum { MASK_GRAIN = 65536 };

typedef struct {
  index_walk walk;  // operands: the mask, the data, unused
  int dtype;        // of the mask
  size_t size;      // of the data's elements
  const char *mask;
  char *data;
  char *dense;      // out, or the source of a masked scatter
  int64_t *starts;  // per chunk: its count, then what was found before it, and the total after the last
  int64_t limit;
  int rank;         // nonzero: of the original shape
} mask_job;

enum { TILE = 1024 };

#define TRUTH_RUN(type, condition)                                                       \
  {                                                                                      \
    const type *x = (const type *)in;                                                    \
    if (stride == 1) {                                                                   \
      for (int64_t k = 0; k < n; ++k) { const type e = x[k]; truth[k] = (condition); }          \
    } else {                                                                             \
      for (int64_t k = 0; k < n; ++k) { const type e = x[k * stride]; truth[k] = (condition); } \
    }                                                                                    \
    return;                                                                              \
  }

/// Whether each of `n` <= TILE elements differs from zero, as bytes of 0 and 1.
static void truth_run(int dtype, const void *in, int64_t stride, int64_t n, uint8_t *truth) {
  switch (dtype) {
    case EMBER_BOOL: case EMBER_UINT8: case EMBER_INT8: TRUTH_RUN(uint8_t, e != 0)
    case EMBER_INT16: case EMBER_UINT16: TRUTH_RUN(uint16_t, e != 0)
    case EMBER_FLOAT16: case EMBER_BFLOAT16: TRUTH_RUN(uint16_t, (e & 0x7FFF) != 0)
    case EMBER_INT32: case EMBER_UINT32: TRUTH_RUN(uint32_t, e != 0)
    case EMBER_INT64: case EMBER_UINT64: TRUTH_RUN(uint64_t, e != 0)
    case EMBER_FLOAT32: TRUTH_RUN(float, e != 0)
    case EMBER_FLOAT64: TRUTH_RUN(double, e != 0)
    case EMBER_COMPLEX64: TRUTH_RUN(element_complex64, e.re != 0 || e.im != 0)
    case EMBER_COMPLEX128: TRUTH_RUN(element_complex128, e.re != 0 || e.im != 0)
    default: memset(truth, 0, (size_t)n); return;
  }
}

static int64_t count_run(int dtype, const char *in, int64_t stride, int64_t n) {
  const int64_t step = stride * (int64_t)ember_dtype_size(dtype);
  uint8_t truth[TILE];
  int64_t total = 0;
  for (int64_t start = 0; start < n; start += TILE) {
    const int64_t length = n - start < TILE ? n - start : TILE;
    truth_run(dtype, in + start * step, stride, length, truth);
    uint32_t count = 0;
    for (int64_t k = 0; k < length; ++k) count += truth[k];
    total += count;
  }
  return total;
}

static int64_t chunk_end(const mask_job *job, int64_t chunk) {
  const int64_t end = (chunk + 1) * MASK_GRAIN;
  return end < job->walk.size ? end : job->walk.size;
}

static void count_chunk(void *context, int64_t chunk) {
  mask_job *job = context;
  index_walk walk = job->walk;
  const int64_t end = chunk_end(job, chunk), size = (int64_t)ember_dtype_size(job->dtype);
  int64_t position = chunk * MASK_GRAIN, count = 0;
  walk_seek(&walk, position);
  while (position < end) {
    const int64_t run = walk_run(&walk, end - position);
    count += count_run(job->dtype, job->mask + walk.offset[0] * size, walk_last_stride(&walk, 0), run);
    position += run;
    walk_advance(&walk, run);
  }
  job->starts[chunk] = count;
}

/// Counts all chunks; afterwards `starts` holds where each begins. Returns the total, or -1 if memory is short.
static int64_t count_chunks(mask_job *job, int64_t *chunks) {
  *chunks = (job->walk.size + MASK_GRAIN - 1) / MASK_GRAIN;
  job->starts = malloc((size_t)(*chunks + 1) * sizeof(int64_t));
  if (!job->starts) {
    ember_note_scratch_failure();
    return -1;
  }
  index_parallel(*chunks, count_chunk, job);
  int64_t total = 0;
  for (int64_t chunk = 0; chunk < *chunks; ++chunk) {
    const int64_t count = job->starts[chunk];
    job->starts[chunk] = total;
    total += count;
  }
  job->starts[*chunks] = total;
  return total;
}

int64_t ember_nonzero_count(int dtype, const void *in, int rank, const int64_t *shape, const int64_t *strides) {
  mask_job job = {.dtype = dtype, .mask = in};
  const int64_t *const operands[WALK_OPERANDS] = {strides};
  walk_start(&job.walk, rank, shape, operands, -1);
  int64_t chunks;
  const int64_t total = count_chunks(&job, &chunks);
  free(job.starts);
  return total;
}

static void nonzero_chunk(void *context, int64_t chunk) {
  const mask_job *job = context;
  index_walk walk = job->walk;  // not merged: its coordinates are the answer
  const int64_t end = chunk_end(job, chunk), size = (int64_t)ember_dtype_size(job->dtype);
  int64_t position = chunk * MASK_GRAIN, found = job->starts[chunk];
  const int64_t limit = job->starts[chunk + 1] < job->limit ? job->starts[chunk + 1] : job->limit;
  const int rank = job->rank, last = rank - 1;
  int64_t *out = (int64_t *)job->dense;
  uint8_t truth[TILE];
  walk_seek(&walk, position);
  while (position < end) {
    const int64_t run = walk_run(&walk, end - position < TILE ? end - position : TILE);
    truth_run(job->dtype, job->mask + walk.offset[0] * size, walk_last_stride(&walk, 0), run, truth);
    if (rank == 1) {
      // Without a branch on the data: what is written for a zero is overwritten by the next that is not.
      for (int64_t k = 0; k < run && found < limit; ++k) {
        out[found] = walk.coordinate[0] + k;
        found += truth[k];
      }
    } else {
      for (int64_t k = 0; k < run && found < limit; ++k) {
        if (!truth[k]) continue;
        int64_t *row = out + found++ * rank;
        for (int d = 0; d < last; ++d) row[d] = walk.coordinate[d];
        if (rank > 0) row[last] = walk.coordinate[last] + k;
      }
    }
    position += run;
    walk_advance(&walk, run);
  }
}

int64_t ember_nonzero(int dtype, const void *in, int rank, const int64_t *shape, const int64_t *strides, int64_t *out,
                      int64_t count) {
  mask_job job = {.dtype = dtype, .mask = in, .dense = (char *)out, .limit = count, .rank = rank};
  job.walk.rank = rank > 0 ? rank : 1;
  job.walk.shape[0] = 1;
  job.walk.size = 1;
  for (int d = 0; d < rank; ++d) {
    job.walk.shape[d] = shape[d];
    job.walk.strides[0][d] = strides[d];
    job.walk.size *= shape[d];
  }
  int64_t chunks;
  const int64_t total = count_chunks(&job, &chunks);
  if (total > 0) index_parallel(chunks, nonzero_chunk, &job);
  free(job.starts);
  return total < count ? total : count;
}

// Without a branch on the mask: what is written where it is false is overwritten by the next element.
#define SELECT_CASE(bytes, type)                                                     \
  case bytes:                                                                        \
    for (int64_t k = 0; k < run && found < limit; ++k) {                             \
      ((type *)job->dense)[found] = ((const type *)data)[k * data_step];             \
      found += mask[k * mask_step] != 0;                                             \
    }                                                                                \
    break;

typedef struct { uint64_t low, high; } sixteen_bytes;

static void select_chunk(void *context, int64_t chunk) {
  const mask_job *job = context;
  index_walk walk = job->walk;
  const int64_t end = chunk_end(job, chunk), size = (int64_t)job->size;
  int64_t position = chunk * MASK_GRAIN, found = job->starts[chunk];
  const int64_t limit = job->starts[chunk + 1] < job->limit ? job->starts[chunk + 1] : job->limit;
  const int64_t mask_step = walk_last_stride(&walk, 0), data_step = walk_last_stride(&walk, 1);
  walk_seek(&walk, position);
  while (position < end) {
    const int64_t run = walk_run(&walk, end - position);
    const char *mask = job->mask + walk.offset[0];
    char *data = job->data + walk.offset[1] * size;
    switch (size) {
      SELECT_CASE(1, uint8_t)
      SELECT_CASE(2, uint16_t)
      SELECT_CASE(4, uint32_t)
      SELECT_CASE(8, uint64_t)
      SELECT_CASE(16, sixteen_bytes)
      default: break;
    }
    position += run;
    walk_advance(&walk, run);
  }
}


int64_t ember_masked_select(size_t element_size, const void *in, const int64_t *in_strides, const uint8_t *mask,
                            const int64_t *mask_strides, int rank, const int64_t *shape, void *out, int64_t count) {
  mask_job job = {.dtype = EMBER_BOOL, .size = element_size, .mask = (const char *)mask, .data = (char *)in, .dense = out,
                  .limit = count};
  const int64_t *const operands[WALK_OPERANDS] = {mask_strides, in_strides};
  walk_start(&job.walk, rank, shape, operands, -1);
  int64_t chunks;
  const int64_t total = count_chunks(&job, &chunks);
  if (total > 0) index_parallel(chunks, select_chunk, &job);
  free(job.starts);
  return total < count ? total : count;
}
