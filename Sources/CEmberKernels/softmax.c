// Softmax and log-softmax: layout and chunks.
#include "ember_softmax.h"

#include "softmax_internal.h"

/// Elements of a chunk, at least: less is not worth handing to another thread.
enum { CHUNK_ELEMENTS = 8192 };

/// A parallel loop over rows, or over strips of columns.
typedef struct {
  const softmax_job *job;
  void (*rows)(const softmax_job *job, int64_t first, int64_t end);
  void (*columns)(const softmax_job *job, int64_t start, int64_t width);
  int64_t count, per_chunk;
} softmax_loop;

static void row_chunk(void *context, int64_t chunk) {
  const softmax_loop *loop = context;
  const int64_t first = chunk * loop->per_chunk, end = first + loop->per_chunk;
  loop->rows(loop->job, first, end < loop->count ? end : loop->count);
}

static void column_chunk(void *context, int64_t chunk) {
  const softmax_loop *loop = context;
  const softmax_job *job = loop->job;
  const int64_t strips = (job->inner + SOFTMAX_COLUMNS - 1) / SOFTMAX_COLUMNS;
  for (int64_t i = chunk * loop->per_chunk; i < (chunk + 1) * loop->per_chunk && i < loop->count; i++) {
    const int64_t column = i % strips * SOFTMAX_COLUMNS, left = job->inner - column;
    loop->columns(job, i / strips * job->n * job->inner + column, left < SOFTMAX_COLUMNS ? left : SOFTMAX_COLUMNS);
  }
}

/// Whether rows of the result go past the cache. Only dtypes that are stored as they are computed do.
static bool is_streamed(const softmax_job *job, int64_t outer) {
  const int64_t bytes = job->n * (int64_t)ember_dtype_size(job->dtype);
  return job->inner == 1 && job->n <= SOFTMAX_STREAMED_ROW && job->dtype >= EMBER_FLOAT32 && outer * bytes >= EMBER_STREAMED_BYTES &&
         bytes % 64 == 0 && (uintptr_t)job->out % 64 == 0;
}

static void run(softmax_job *job, int64_t outer, bool backward) {
  if (outer <= 0 || job->n <= 0 || job->inner <= 0) return;
  job->streamed = is_streamed(job, outer);
  const softmax_functions *f = &EMBER_ISA_PICK(softmax_kernels, ember_isa_current()).of_dtype[floating_index(job->dtype)];
  softmax_loop loop = {.job = job, .rows = backward ? f->rows_backward : f->rows, .columns = backward ? f->columns_backward : f->columns};
  const int64_t width = job->inner < SOFTMAX_COLUMNS ? job->inner : SOFTMAX_COLUMNS;
  loop.count = job->inner == 1 ? outer : outer * ((job->inner + SOFTMAX_COLUMNS - 1) / SOFTMAX_COLUMNS);
  loop.per_chunk = (CHUNK_ELEMENTS + job->n * width - 1) / (job->n * width);
  ember_parallel((loop.count + loop.per_chunk - 1) / loop.per_chunk, job->inner == 1 ? row_chunk : column_chunk, &loop);
}

void ember_softmax(int dtype, bool log, const void *in, void *out, int64_t outer, int64_t n, int64_t inner) {
  softmax_job job = {.dtype = dtype, .log = log, .in = in, .out = out, .n = n, .inner = inner};
  run(&job, outer, false);
}

void ember_softmax_backward(int dtype, bool log, const void *gradient, const void *output, void *input_gradient,
                            int64_t outer, int64_t n, int64_t inner) {
  softmax_job job = {
      .dtype = dtype, .log = log, .in = output, .gradient = gradient, .out = input_gradient, .n = n, .inner = inner};
  run(&job, outer, true);
}
