// Layer, root-mean-square and group normalisation: layout, chunks, and sums over the batch.
#include "ember_normalization.h"


#include "ember_allocator.h"
#include "normalization_internal.h"

enum {
  CHUNK_ELEMENTS = 8192,  // of a chunk, at least: less is not worth handing to another thread
  PARAMETER_CHUNKS = 32,  // that rows are cut into where each chunk sums gradients of weight and bias of its own
  PARAMETER_ROWS = 256,   // summed in the statistics type at most before the sum joins a double
};

typedef struct {
  const normalization_job *job;
  const normalization_functions *functions;
  int64_t rows, per_chunk;
  double *sums;       // of planes
  char *parameters;   // one array for dweight and one for dbias per chunk
  int64_t padded;     // bytes of such an array
  int64_t chunks;
  void *dweight, *dbias;
} normalization_loop;

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static const normalization_functions *functions_for(int dtype) {
  return &EMBER_ISA_PICK(normalization_kernels, ember_isa_current()).of_dtype[floating_index(dtype)];
}

static int64_t chunk_end(const normalization_loop *loop, int64_t chunk) {
  const int64_t end = (chunk + 1) * loop->per_chunk;
  return end < loop->rows ? end : loop->rows;
}

static void forward_chunk(void *context, int64_t chunk) {
  const normalization_loop *loop = context;
  loop->functions->rows(loop->job, chunk * loop->per_chunk, chunk_end(loop, chunk));
}

/// Whether rows of the result go past the cache. Only rows of single elements do, and of dtypes that are stored as they are computed.
static bool is_streamed(const normalization_job *job, int64_t rows) {
  const int64_t bytes = job->channels * (int64_t)ember_dtype_size(job->dtype);
  return job->y && job->spatial == 1 && job->dtype >= EMBER_FLOAT32 && rows * bytes >= EMBER_STREAMED_BYTES && bytes % 64 == 0 &&
         (uintptr_t)job->y % 64 == 0;
}

static void normalize(normalization_job *job, int64_t rows) {
  const int64_t n = job->channels * job->spatial;
  if (rows <= 0 || n <= 0) return;
  job->streamed = is_streamed(job, rows);
  normalization_loop loop = {.job = job, .functions = functions_for(job->dtype), .rows = rows, .per_chunk = divide_up(CHUNK_ELEMENTS, n)};
  ember_parallel(divide_up(rows, loop.per_chunk), forward_chunk, &loop);
}

// MARK: Backward

static void rows_chunk(void *context, int64_t chunk) {
  const normalization_loop *loop = context;
  char *dweight = loop->parameters ? loop->parameters + 2 * chunk * loop->padded : NULL;
  if (dweight) memset(dweight, 0, 2 * (size_t)loop->padded);
  loop->functions->rows_backward(loop->job, chunk * loop->per_chunk, chunk_end(loop, chunk), loop->dweight ? dweight : NULL,
                                 loop->dbias ? dweight + loop->padded : NULL);
}

/// Sums the chunks' gradients, always in the same order.
static void combine_chunk(void *context, int64_t block) {
  const normalization_loop *loop = context;
  const int dtype = loop->job->dtype, statistics = floating_statistics(dtype);
  const int64_t n = loop->job->channels, end = (block + 1) * 256 < n ? (block + 1) * 256 : n;
  for (int which = 0; which < 2; which++) {
    void *result = which ? loop->dbias : loop->dweight;
    double totals[256] = {0};
    for (int64_t chunk = 0; result && chunk < loop->chunks; chunk++) {
      const char *values = loop->parameters + (2 * chunk + which) * loop->padded;
      if (statistics == EMBER_FLOAT64)
        for (int64_t i = block * 256; i < end; i++) totals[i - block * 256] += ((const double *)values)[i];
      else
        for (int64_t i = block * 256; i < end; i++) totals[i - block * 256] += (double)((const float *)values)[i];
    }
    for (int64_t i = block * 256; result && i < end; i++) element_store_double(dtype, result, i, totals[i - block * 256]);
  }
}

/// Weights of single elements: rows' contributions are summed as vectors.
static void elements_backward(normalization_loop *loop) {
  const int64_t n = loop->job->channels;
  const bool summing = loop->dweight || loop->dbias;
  loop->per_chunk = divide_up(CHUNK_ELEMENTS, n);
  if (summing) {
    int64_t most = divide_up(loop->rows, PARAMETER_CHUNKS);
    if (most > PARAMETER_ROWS) most = PARAMETER_ROWS;
    if (loop->per_chunk < most) loop->per_chunk = most;
    loop->chunks = divide_up(loop->rows, loop->per_chunk);
    loop->padded = divide_up(n, NORMALIZATION_PADDING) * NORMALIZATION_PADDING *
                   (int64_t)ember_dtype_size(floating_statistics(loop->job->dtype));
    loop->parameters = ember_scratch((size_t)(2 * loop->chunks * loop->padded));
    if (!loop->parameters) return;
  }
  ember_parallel(divide_up(loop->rows, loop->per_chunk), rows_chunk, loop);
  if (!summing) return;
  ember_parallel(divide_up(n, 256), combine_chunk, loop);
  ember_deallocate(loop->parameters, (size_t)(2 * loop->chunks * loop->padded));
}

static void planes_chunk(void *context, int64_t chunk) {
  const normalization_loop *loop = context;
  loop->functions->planes_backward(loop->job, chunk * loop->per_chunk, chunk_end(loop, chunk), loop->sums);
}

/// Weights of whole planes: a channel of a row is summed to one number first.
static void planes_backward(normalization_loop *loop) {
  const normalization_job *job = loop->job;
  const int64_t channels = job->channels * job->groups, planes = loop->rows * job->channels;
  loop->per_chunk = divide_up(CHUNK_ELEMENTS, job->channels * job->spatial);
  loop->sums = ember_scratch((size_t)planes * 2 * sizeof(double));
  if (!loop->sums) return;
  ember_parallel(divide_up(loop->rows, loop->per_chunk), planes_chunk, loop);
  for (int64_t c = 0; c < channels; c++) {
    double product = 0, plain = 0;
    for (int64_t i = c; i < planes; i += channels) product += loop->sums[2 * i], plain += loop->sums[2 * i + 1];
    if (loop->dweight) element_store_double(job->dtype, loop->dweight, c, product);
    if (loop->dbias) element_store_double(job->dtype, loop->dbias, c, plain);
  }
  ember_deallocate(loop->sums, (size_t)planes * 2 * sizeof(double));
}

static void normalize_backward(normalization_job *job, int64_t rows, void *dweight, void *dbias) {
  const int64_t channels = job->channels * job->groups;
  if (rows <= 0 || channels * job->spatial <= 0) {
    // Sums over nothing.
    const size_t bytes = (size_t)(channels > 0 ? channels : 0) * ember_dtype_size(job->dtype);
    if (dweight) memset(dweight, 0, bytes);
    if (dbias) memset(dbias, 0, bytes);
    return;
  }
  job->streamed = is_streamed(job, rows);
  normalization_loop loop = {.job = job, .functions = functions_for(job->dtype), .rows = rows, .dweight = dweight, .dbias = dbias};
  if (job->spatial == 1 && job->groups == 1)
    elements_backward(&loop);
  else
    planes_backward(&loop);
}

// MARK: The interface

/// Statistics are read in a backward pass, through the field that a forward pass writes.
static void *unconst(const void *pointer) { return (void *)(uintptr_t)pointer; }

void ember_layer_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y,
                      void *mean, void *rstd, int64_t rows, int64_t n) {
  ember_group_norm(dtype, x, weight, bias, epsilon, y, mean, rstd, rows, n, 1, 1);
}

void ember_layer_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias, int64_t rows, int64_t n) {
  ember_group_norm_backward(dtype, dy, x, mean, rstd, weight, dx, dweight, dbias, rows, n, 1, 1);
}

void ember_rms_norm(int dtype, const void *x, const void *weight, double epsilon, void *y, void *rstd, int64_t rows, int64_t n) {
  normalization_job job = {
      .dtype = dtype, .x = x, .weight = weight, .y = y, .rstd = rstd, .epsilon = epsilon, .channels = n, .spatial = 1, .groups = 1};
  normalize(&job, rows);
}

void ember_rms_norm_backward(int dtype, const void *dy, const void *x, const void *rstd, const void *weight,
                             void *dx, void *dweight, int64_t rows, int64_t n) {
  normalization_job job = {
      .dtype = dtype, .x = x, .dy = dy, .weight = weight, .y = dx, .rstd = unconst(rstd), .channels = n, .spatial = 1, .groups = 1};
  normalize_backward(&job, rows, dweight, NULL);
}

void ember_group_norm(int dtype, const void *x, const void *weight, const void *bias, double epsilon, void *y,
                      void *mean, void *rstd, int64_t batch, int64_t channels, int64_t spatial, int64_t groups) {
  if (groups <= 0) return;
  normalization_job job = {.dtype = dtype, .centred = true, .x = x, .weight = weight, .bias = bias, .y = y, .mean = mean,
                                 .rstd = rstd, .epsilon = epsilon, .channels = channels / groups, .spatial = spatial, .groups = groups};
  normalize(&job, batch * groups);
}

void ember_group_norm_backward(int dtype, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias,
                               int64_t batch, int64_t channels, int64_t spatial, int64_t groups) {
  if (groups <= 0) return;
  normalization_job job = {.dtype = dtype, .centred = true, .x = x, .dy = dy, .weight = weight, .y = dx, .mean = unconst(mean),
                                 .rstd = unconst(rstd), .channels = channels / groups, .spatial = spatial, .groups = groups};
  normalize_backward(&job, batch * groups, dweight, dbias);
}
