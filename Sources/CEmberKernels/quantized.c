// Matrices in blocks of few bits: layout and chunks.
#include "quantized_internal.h"

#include "ember_allocator.h"
#include "ember_gemm.h"

/// Weights of a chunk, at least: less is not worth handing to another thread.
enum { CHUNK_WEIGHTS = 1 << 15 };
/// With more rows of x than this, rows of W are expanded into a panel that the matrix product reads.
enum { PANEL_FROM = 16 };
/// Rows of W in a panel.
enum { PANEL_ROWS = 64 };

static const struct {
  int16_t weights, bytes;
} layouts[EMBER_BLOCK_FORMATS] = {
    [EMBER_Q4_0] = {32, 18},   [EMBER_Q4_1] = {32, 20},   [EMBER_Q5_0] = {32, 22},   [EMBER_Q5_1] = {32, 24},
    [EMBER_Q8_0] = {32, 34},   [EMBER_Q4_K] = {256, 144}, [EMBER_Q5_K] = {256, 176}, [EMBER_Q6_K] = {256, 210},
};

int64_t ember_block_weights(int format) { return layouts[format].weights; }
int64_t ember_block_bytes(int format) { return layouts[format].bytes; }

static const quantized_functions *functions(int format) {
  return &EMBER_ISA_PICK(quantized_kernels, ember_isa_current()).of_format[format];
}

typedef struct {
  const quantized_functions *functions;
  const uint8_t *w;
  float *out;
  int64_t count, per_chunk;
  int format;
} expand_loop;

static void expand_chunk(void *context, int64_t chunk) {
  const expand_loop *loop = context;
  const int64_t first = chunk * loop->per_chunk, left = loop->count - first;
  loop->functions->expand(loop->w + first * layouts[loop->format].bytes, loop->out + first * layouts[loop->format].weights,
                          left < loop->per_chunk ? left : loop->per_chunk);
}

void ember_dequantize(int format, const void *blocks, float *out, int64_t count) {
  expand_loop loop = {.functions = functions(format), .w = blocks, .out = out, .count = count, .format = format};
  loop.per_chunk = CHUNK_WEIGHTS / layouts[format].weights;
  ember_parallel((count + loop.per_chunk - 1) / loop.per_chunk, expand_chunk, &loop);
}

typedef struct {
  const quantized_functions *functions;
  quantized_job job;
  int64_t per_chunk;
  int64_t blocks;
} multiply_loop;

static void multiply_chunk(void *context, int64_t chunk) {
  const multiply_loop *loop = context;
  const int64_t first = chunk * loop->per_chunk, end = first + loop->per_chunk;
  loop->functions->multiply(&loop->job, first, end < loop->job.n ? end : loop->job.n);
}

static void panel_chunk(void *context, int64_t chunk) {
  const multiply_loop *loop = context;
  const quantized_job *job = &loop->job;
  const int64_t first = chunk * PANEL_ROWS, rows = job->n - first < PANEL_ROWS ? job->n - first : PANEL_ROWS;
  const size_t bytes = (size_t)(rows * job->k) * sizeof(float);
  float *panel = ember_scratch(bytes);
  if (!panel) return;
  loop->functions->expand(job->w + first * job->row_bytes, panel, rows * loop->blocks);
  ember_gemm(EMBER_FLOAT32, job->m, rows, job->k, job->x, job->k, 1, panel, 1, job->k, job->out + first, job->n, NULL);
  ember_deallocate(panel, bytes);
}

void ember_quantized_linear(int format, const void *w, const float *x, float *out, int64_t m, int64_t n, int64_t k) {
  if (m <= 0 || n <= 0) return;
  multiply_loop loop = {.functions = functions(format)};
  loop.blocks = k / layouts[format].weights;
  loop.job = (quantized_job){.w = w, .x = x, .out = out, .m = m, .n = n, .k = k, .row_bytes = loop.blocks * layouts[format].bytes};
  if (m > PANEL_FROM && k > 0) {
    ember_parallel((n + PANEL_ROWS - 1) / PANEL_ROWS, panel_chunk, &loop);
    return;
  }
  loop.per_chunk = k > 0 && CHUNK_WEIGHTS / k > 0 ? CHUNK_WEIGHTS / k : 1;
  ember_parallel((n + loop.per_chunk - 1) / loop.per_chunk, multiply_chunk, &loop);
}
