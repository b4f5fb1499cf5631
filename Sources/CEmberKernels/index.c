// Reading and writing along one dimension: gather, scatter, index_select, index_add, index_copy, index_fill.
#include "ember_index.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "index_walk.h"

// MARK: Checking

typedef struct {
  index_walk walk;
  const int64_t *index;
  int64_t low, high;
  _Atomic int64_t first_bad;  // INT64_MAX: none yet
} check_job;

/// The first bad index in positions start..<end, whose row-major walk is `walk`; -1 if there is none.
static int64_t find_bad(index_walk walk, const int64_t *base, int64_t low, int64_t high, int64_t start, int64_t end) {
  const int64_t stride = walk_last_stride(&walk, 0);
  // An index outside low..<high makes one of two differences negative: sign bits gather by or, which vectorises where
  // 64-bit comparisons do not. Unsigned, because a wild index may wrap around (and then has the sign bit too).
  const uint64_t first = (uint64_t)low, last = (uint64_t)high - 1;
  walk_seek(&walk, start);
  for (int64_t position = start; position < end;) {
    const int64_t run = walk_run(&walk, end - position);
    const int64_t *index = base + walk.offset[0];
    uint64_t signs = 0;
    if (stride == 1) {
      for (int64_t k = 0; k < run; ++k) signs |= ((uint64_t)index[k] - first) | (last - (uint64_t)index[k]);
    } else {
      for (int64_t k = 0; k < run; ++k)
        signs |= ((uint64_t)index[k * stride] - first) | (last - (uint64_t)index[k * stride]);
    }
    if (signs >> 63) {
      int64_t k = 0;
      while (index[k * stride] >= low && index[k * stride] < high) ++k;
      return position + k;
    }
    position += run;
    walk_advance(&walk, run);
  }
  return -1;
}

/// Keeps the smallest of the positions that chunks report.
static void report_bad(_Atomic int64_t *first_bad, int64_t position) {
  int64_t found = atomic_load(first_bad);
  while (position < found && !atomic_compare_exchange_weak(first_bad, &found, position)) {
  }
}

static int64_t reported(const _Atomic int64_t *first_bad) {
  const int64_t found = atomic_load(first_bad);
  return found == INT64_MAX ? -1 : found;
}

static void check_chunk(void *context, int64_t chunk) {
  check_job *job = context;
  const int64_t start = chunk * INDEX_GRAIN;
  const int64_t end = start + INDEX_GRAIN < job->walk.size ? start + INDEX_GRAIN : job->walk.size;
  const int64_t bad = find_bad(job->walk, job->index, job->low, job->high, start, end);
  if (bad >= 0) report_bad(&job->first_bad, bad);
}

int64_t index_first_bad(int rank, const int64_t *index, const int64_t *shape, const int64_t *strides, int64_t size,
                        bool wrap) {
  check_job job = {.index = index, .low = wrap ? -size : 0, .high = size};
  const int64_t *const operands[WALK_OPERANDS] = {strides};
  walk_start(&job.walk, rank, shape, operands, -1);
  atomic_init(&job.first_bad, INT64_MAX);
  index_parallel(index_chunks(job.walk.size), check_chunk, &job);
  return reported(&job.first_bad);
}

static int64_t first_bad_of_list(const int64_t *index, int64_t m, int64_t size, bool wrap) {
  const int64_t stride = 1;
  return index_first_bad(1, index, &m, &stride, size, wrap);
}

// MARK: Gather

typedef struct {
  index_walk walk;  // operands: index, out, self without the indexed dimension
  size_t size;
  const char *self;
  const int64_t *index;
  char *out;
  int64_t axis_stride, axis_size;
  bool wrap;
  _Atomic int64_t first_bad;
} gather_job;

#define GATHER_CASE(bytes, type)                                                        \
  case bytes:                                                                           \
    if (index_step == 1 && out_step == 1 && self_step == 0 && axis_stride == 1) {       \
      for (int64_t k = 0; k < run; ++k) {                                               \
        const int64_t i = index[k];                                                     \
        ((type *)out)[k] = ((const type *)self)[i + ((i >> 63) & axis_size)];           \
      }                                                                                 \
      break;                                                                            \
    }                                                                                   \
    for (int64_t k = 0; k < run; ++k) {                                                 \
      int64_t i = index[k * index_step];                                                \
      i += i < 0 ? axis_size : 0;                                                       \
      ((type *)out)[k * out_step] = ((const type *)self)[k * self_step + i * axis_stride]; \
    }                                                                                   \
    break;

typedef struct { uint64_t low, high; } sixteen_bytes;

// Each chunk checks its own indices just before it uses them, while they are in the cache.
static void gather_chunk(void *context, int64_t chunk) {
  gather_job *job = context;
  index_walk walk = job->walk;
  int64_t position = chunk * INDEX_GRAIN;
  const int64_t end = position + INDEX_GRAIN < walk.size ? position + INDEX_GRAIN : walk.size;
  const int64_t index_step = walk_last_stride(&walk, 0), out_step = walk_last_stride(&walk, 1);
  const int64_t self_step = walk_last_stride(&walk, 2), size = (int64_t)job->size;
  const int64_t axis_stride = job->axis_stride, axis_size = job->axis_size;
  const int64_t bad = find_bad(walk, job->index, job->wrap ? -axis_size : 0, axis_size, position, end);
  if (bad >= 0) {
    report_bad(&job->first_bad, bad);
    return;
  }
  walk_seek(&walk, position);
  while (position < end) {
    const int64_t run = walk_run(&walk, end - position);
    const int64_t *index = job->index + walk.offset[0];
    char *out = job->out + walk.offset[1] * size;
    const char *self = job->self + walk.offset[2] * size;
    if (index_step == 0) {
      // One index for the whole run, as when an index is broadcast over features.
      const int64_t i = *index + (*index < 0 ? axis_size : 0);
      index_copy_row(job->size, out, out_step, self + i * axis_stride * size, self_step, run);
    } else {
      switch (size) {
        GATHER_CASE(1, uint8_t)
        GATHER_CASE(2, uint16_t)
        GATHER_CASE(4, uint32_t)
        GATHER_CASE(8, uint64_t)
        GATHER_CASE(16, sixteen_bytes)
        default: break;
      }
    }
    position += run;
    walk_advance(&walk, run);
  }
}

int64_t ember_gather(int rank, int dimension, size_t element_size, const void *self, const int64_t *self_shape,
                     const int64_t *self_strides, const int64_t *index, const int64_t *index_shape,
                     const int64_t *index_strides, void *out, const int64_t *out_strides, bool wrap) {
  const int64_t size = rank > 0 ? self_shape[dimension] : 1;
  int64_t without_axis[EMBER_INDEX_MAXIMUM_RANK];
  for (int d = 0; d < rank; ++d) without_axis[d] = d == dimension ? 0 : self_strides[d];
  gather_job job = {.size = element_size, .self = self, .index = index, .out = out, .axis_size = size,
                    .axis_stride = rank > 0 ? self_strides[dimension] : 0, .wrap = wrap};
  atomic_init(&job.first_bad, INT64_MAX);
  const int64_t *const operands[WALK_OPERANDS] = {index_strides, out_strides, without_axis};
  walk_start(&job.walk, rank, index_shape, operands, -1);
  index_parallel(index_chunks(job.walk.size), gather_chunk, &job);
  return reported(&job.first_bad);
}

// MARK: Scatter

typedef struct {
  index_walk walk;  // operands: index, source, self, all without the indexed dimension
  index_scatter_row loop;
  size_t size;
  char *self;
  const int64_t *index;
  const char *source;
  int64_t length;  // of the index along the indexed dimension
  int64_t index_stride, source_stride, axis_stride, axis_size;
  int64_t group;
  bool along_axis;  // inner loop along the indexed dimension
} scatter_job;

// Two positions can only meet in one destination if they differ along the indexed dimension alone, so chunks divide the
// other dimensions, and each goes through the indexed one in order.
static void scatter_chunk(void *context, int64_t chunk) {
  const scatter_job *job = context;
  index_walk walk = job->walk;
  const int64_t size = (int64_t)job->size, start = chunk * job->group;
  const int64_t end = start + job->group < walk.size ? start + job->group : walk.size;
  if (job->along_axis) {
    walk_seek(&walk, start);
    for (int64_t position = start; position < end; ++position, walk_advance(&walk, 1))
      job->loop(job->self + walk.offset[2] * size, 0, job->axis_stride, job->axis_size, job->index + walk.offset[0],
                job->index_stride, job->source + walk.offset[1] * size, job->source_stride, job->length);
    return;
  }
  for (int64_t a = 0; a < job->length; ++a) {
    walk_seek(&walk, start);
    for (int64_t position = start; position < end;) {
      const int64_t run = walk_run(&walk, end - position);
      job->loop(job->self + walk.offset[2] * size, walk_last_stride(&walk, 2), job->axis_stride, job->axis_size,
                job->index + walk.offset[0] + a * job->index_stride, walk_last_stride(&walk, 0),
                job->source + (walk.offset[1] + a * job->source_stride) * size, walk_last_stride(&walk, 1), run);
      position += run;
      walk_advance(&walk, run);
    }
  }
}

int64_t ember_scatter(int mode, int rank, int dimension, int dtype, void *self, const int64_t *self_shape,
                      const int64_t *self_strides, const int64_t *index, const int64_t *index_shape,
                      const int64_t *index_strides, const void *source, const int64_t *source_strides, bool wrap) {
  const int64_t size = rank > 0 ? self_shape[dimension] : 1;
  const int64_t bad = index_first_bad(rank, index, index_shape, index_strides, size, wrap);
  if (bad >= 0) return bad;
  scatter_job job = {.loop = index_scatter_loop(mode, dtype), .size = ember_dtype_size(dtype), .self = self, .index = index,
                     .source = source, .length = 1, .axis_size = size};
  if (!job.loop) return -1;
  if (rank > 0) {
    job.length = index_shape[dimension];
    job.index_stride = index_strides[dimension];
    job.source_stride = source_strides[dimension];
    job.axis_stride = self_strides[dimension];
  }
  const int64_t *const operands[WALK_OPERANDS] = {index_strides, source_strides, self_strides};
  walk_start(&job.walk, rank, index_shape, operands, rank > 0 ? dimension : -1);
  if (job.walk.size == 0 || job.length == 0) return -1;
  if (job.walk.size == 1) {
    const index_line line = {job.loop, job.size, self, index, source, job.length, job.index_stride, job.source_stride,
                             job.axis_stride, job.axis_size};
    if (index_partitions(&line) && index_run_partitioned(&line)) return -1;
  }
  job.along_axis = rank == 0 || dimension == rank - 1 || job.walk.shape[job.walk.rank - 1] < 8;
  const int64_t work = job.walk.size * job.length;
  // Chunks across the axis stay wide enough that starting one again for each step along the axis costs little.
  job.group = work <= INDEX_GRAIN ? job.walk.size : (INDEX_GRAIN + job.length - 1) / job.length;
  if (!job.along_axis && job.group < 256) job.group = 256;
  index_parallel((job.walk.size + job.group - 1) / job.group, scatter_chunk, &job);
  return -1;
}

// MARK: Rows of a dense array

typedef struct {
  size_t size;
  int dtype;  // of index_add
  index_add_row add;
  index_scatter_row scalars;  // for rows of one element
  double alpha;
  char *self;
  const char *source;
  const int64_t *index;
  int64_t outer, n, inner, m;
  int64_t group;   // positions of [outer][m] per chunk (select), columns per chunk (add)
  int64_t blocks;  // column blocks
  int64_t ranges;  // destination ranges
} rows_job;

static inline int64_t wrapped(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

static void select_chunk(void *context, int64_t chunk) {
  const rows_job *job = context;
  const int64_t size = (int64_t)job->size, row = job->inner * size, first = chunk * job->group;
  const int64_t last = first + job->group < job->outer * job->m ? first + job->group : job->outer * job->m;
  for (int64_t position = first; position < last;) {
    const int64_t o = position / job->m, j = position % job->m;
    const int64_t run = job->m - j < last - position ? job->m - j : last - position;
    const char *source = job->source + o * job->n * row;
    char *out = job->self + position * row;
    const int64_t *index = job->index + j;
    if (job->inner == 1) {
      const int64_t axis_size = job->n, index_step = 1, out_step = 1, self_step = 0, axis_stride = 1;
      const char *self = source;
      switch (size) {
        GATHER_CASE(1, uint8_t)
        GATHER_CASE(2, uint16_t)
        GATHER_CASE(4, uint32_t)
        GATHER_CASE(8, uint64_t)
        default: for (int64_t k = 0; k < run; ++k) memcpy(out + k * size, source + wrapped(index[k], job->n) * size, (size_t)size);
      }
    } else {
      for (int64_t k = 0; k < run; ++k) memcpy(out + k * row, source + wrapped(index[k], job->n) * row, (size_t)row);
    }
    position += run;
  }
}

int64_t ember_index_select(size_t element_size, const void *in, int64_t outer, int64_t n, int64_t inner,
                           const int64_t *index, int64_t m, void *out, bool wrap) {
  const int64_t bad = first_bad_of_list(index, m, n, wrap);
  if (bad >= 0) return bad;
  rows_job job = {.size = element_size, .self = out, .source = in, .index = index, .outer = outer, .n = n, .inner = inner,
                  .m = m};
  const int64_t positions = outer * m;
  if (positions == 0 || inner == 0) return -1;
  const int64_t row = inner * (int64_t)element_size;
  job.group = (4 * INDEX_GRAIN + row - 1) / row;
  index_parallel((positions + job.group - 1) / job.group, select_chunk, &job);
  return -1;
}

// Writes go through the rows of the source in order, so the result is that of one thread. Threads divide the destinations,
// each looking at every index and writing those in its range, or the columns.
static void add_chunk(void *context, int64_t chunk) {
  const rows_job *job = context;
  const int64_t size = (int64_t)job->size;
  const int64_t block = chunk % job->blocks, range = chunk / job->blocks % job->ranges, o = chunk / job->blocks / job->ranges;
  const int64_t left = block * job->group;
  const int64_t width = job->inner - left < job->group ? job->inner - left : job->group;
  const int64_t low = job->n * range / job->ranges, high = job->n * (range + 1) / job->ranges;
  char *self = job->self + (o * job->n * job->inner + left) * size;
  const char *source = job->source + (o * job->m * job->inner + left) * size;
  if (job->scalars) {
    job->scalars(self, 0, 1, job->n, job->index, 1, source, 1, job->m);
    return;
  }
  for (int64_t j = 0; j < job->m; ++j) {
    const int64_t i = wrapped(job->index[j], job->n);
    if (i < low || i >= high) continue;
    job->add(self + i * job->inner * size, 1, source + j * job->inner * size, 1, width, job->alpha);
  }
}

int64_t ember_index_add(int dtype, void *self, int64_t outer, int64_t n, int64_t inner, const int64_t *index, int64_t m,
                        const void *source, double alpha, bool wrap) {
  rows_job sums = {.size = ember_dtype_size(dtype), .dtype = dtype, .add = index_add_loop(dtype), .alpha = alpha, .self = self,
                   .source = source, .index = index, .outer = outer, .n = n, .inner = inner, .m = m};
  rows_job *const job = &sums;
  if (!job->add) return -1;
  const int64_t bad = first_bad_of_list(job->index, job->m, job->n, wrap);
  if (bad >= 0) return bad;
  if (job->outer * job->m * job->inner == 0) return -1;
  const int64_t work = job->m * job->inner;
  job->group = job->inner, job->blocks = 1, job->ranges = 1;
  // How columns and ranges are cut changes only who writes, not what is written, so it may depend on the threads.
  const int threads = ember_thread_count() < 16 ? ember_thread_count() : 16;
  if (job->inner == 1 && job->alpha == 1) job->scalars = index_scatter_loop(EMBER_SCATTER_ADD, job->dtype);
  if (threads > 1 && work >= 2 * INDEX_GRAIN && job->outer < 2 * threads && !job->scalars) {
    // Whole rows are the quickest to write; columns serve where there are few rows to divide.
    if (job->n >= 16 * threads) {
      job->ranges = 4 * threads;
    } else if (job->inner >= 128) {
      job->group = (job->inner / (2 * threads) + 63) / 64 * 64;
      job->blocks = (job->inner + job->group - 1) / job->group;
    }
  }
  const int64_t chunks = job->outer * job->blocks * job->ranges;
  if (chunks > 1 && job->outer * work >= INDEX_GRAIN) {
    ember_parallel(chunks, add_chunk, job);
  } else {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) add_chunk(job, chunk);
  }
  return -1;
}
