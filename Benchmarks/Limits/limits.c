// What the processor can do at most, beside what Ember's products reach: `scripts/limits` builds and runs it. Best of several tries.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "CEmberKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#define BEST(variable, tries, call)                       \
  double variable = 1e9;                                  \
  for (int attempt = 0; attempt < (tries); attempt++) {   \
    const double start = seconds();                       \
    call;                                                 \
    const double taken = seconds() - start;               \
    if (taken < variable) variable = taken;               \
  }

#if defined(__x86_64__)
enum { SUMS = 24, ROUNDS = 1000000 };  // as many sums as hide the latency

// The results have to be used, or the loops go away.
static volatile float sink;

__attribute__((target("avx512f"))) static void multiply_adds(void) {
  __m512 sums[SUMS], x = _mm512_set1_ps(1e-3f), y = _mm512_set1_ps(1);
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_set1_ps((float)i);
  for (long round = 0; round < ROUNDS; round++)
    _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++) sums[i] = _mm512_fmadd_ps(sums[i], y, x);
  for (int i = 0; i < SUMS; i++) sink = _mm512_reduce_add_ps(sums[i]);
}

__attribute__((target("avx512bf16,avx512f"))) static void pair_products(void) {
  __m512 sums[SUMS];
  const __m512bh x = (__m512bh)_mm512_set1_ps(1e-3f), y = (__m512bh)_mm512_set1_ps(2e-3f);
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_set1_ps((float)i);
  for (long round = 0; round < ROUNDS; round++)
    _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], x, y);
  for (int i = 0; i < SUMS; i++) sink = _mm512_reduce_add_ps(sums[i]);
}

enum { CHUNK = 1 << 18 };  // elements
typedef struct { const float *from; float *to; } copy_job;

__attribute__((target("avx512f"))) static void copy_chunk(void *context, int64_t chunk) {
  const copy_job *job = context;
  for (long i = chunk * CHUNK; i < (chunk + 1) * CHUNK; i += 16) _mm512_stream_ps(job->to + i, _mm512_load_ps(job->from + i));
  _mm_sfence();
}

static void processor(void) {
  if (!__builtin_cpu_supports("avx512f")) return;
  BEST(fma, 5, multiply_adds());
  printf("multiply-adds in registers, float32       %7.1f GFLOP/s a core\n", 32.0 * SUMS * ROUNDS / fma * 1e-9);
  if (__builtin_cpu_supports("avx512bf16")) {
    BEST(pairs, 5, pair_products());
    printf("dot products of bfloat16 pairs            %7.1f GFLOP/s a core\n", 64.0 * SUMS * ROUNDS / pairs * 1e-9);
  }
  const long count = 64L << 20;
  float *from = aligned_alloc(64, (size_t)count * 4), *to = aligned_alloc(64, (size_t)count * 4);
  if (!from || !to) return;
  memset(from, 0, (size_t)count * 4), memset(to, 0, (size_t)count * 4);
  copy_job job = {from, to};
  BEST(copy, 10, ember_parallel(count / CHUNK, copy_chunk, &job));
  printf("copy past the cache, all threads          %7.1f GB/s\n", 8.0 * (double)count / copy * 1e-9);
  free(from), free(to);
}
#else
static void processor(void) {}
#endif

static void product(const char *what, int dtype, int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed) {
  const size_t size = ember_dtype_size(dtype);
  void *a = calloc((size_t)(m * k), size), *b = calloc((size_t)(n * k), size), *c = calloc((size_t)(m * n), size);
  const ember_gemm_epilogue epilogue = {.alpha = 1};
  const double work = 2.0 * (double)m * (double)n * (double)k;
  BEST(best, work < 1e9 ? 300 : 16,
       ember_gemm(dtype, m, n, k, a, a_transposed ? 1 : k, a_transposed ? m : 1, b, b_transposed ? 1 : n, b_transposed ? k : 1, c, n, &epilogue));
  printf("%-40s  %9.1f us %7.1f GFLOP/s\n", what, best * 1e6, work / best * 1e-9);
  free(a), free(b), free(c);
}

static float *numbers(int64_t count) {
  float *p = aligned_alloc(64, (size_t)(count * 4 + 63) / 64 * 64);
  for (int64_t i = 0; p && i < count; i++) p[i] = (float)(i * 7919 % 2001 - 1000) * 1e-3f;
  return p;
}

static void report(const char *what, double best, double bytes) {
  printf("%-40s  %9.1f us %7.1f GB/s\n", what, best * 1e6, bytes / best * 1e-9);
}

// Two calls in turn, as forward and backward passes are: each by itself would find in the cache what it left there.
#define BEST_IN_TURN(first, second, tries, call, other)  \
  double first = 1e9, second = 1e9;                      \
  for (int turn = 0; turn < (tries); turn++) {           \
    BEST(one, 1, call)                                   \
    BEST(two, 1, other)                                  \
    if (one < first) first = one;                        \
    if (two < second) second = two;                      \
  }

// Rows of 4096 x 1024: what their passes move at least.
static void rows(void) {
  enum { ROWS = 4096, COLUMNS = 1024, COUNT = ROWS * COLUMNS };
  float *x = numbers(COUNT), *y = numbers(COUNT), *dy = numbers(COUNT), *dx = numbers(COUNT), *w = numbers(COLUMNS), *b = numbers(COLUMNS);
  float *mean = numbers(ROWS), *rstd = numbers(ROWS), *dw = numbers(COLUMNS), *db = numbers(COLUMNS);
  BEST_IN_TURN(softmax, softmax_backward, 60, ember_softmax(EMBER_FLOAT32, false, x, y, ROWS, COLUMNS, 1),
               ember_softmax_backward(EMBER_FLOAT32, false, dy, y, dx, ROWS, COLUMNS, 1))
  report("softmax, forward", softmax, 8.0 * COUNT);
  report("softmax, backward", softmax_backward, 12.0 * COUNT);
  BEST_IN_TURN(layer_norm, layer_norm_backward, 60, ember_layer_norm(EMBER_FLOAT32, x, w, b, 1e-5, y, mean, rstd, ROWS, COLUMNS),
               ember_layer_norm_backward(EMBER_FLOAT32, dy, x, mean, rstd, w, dx, dw, db, ROWS, COLUMNS))
  report("layer norm, forward", layer_norm, 8.0 * COUNT);
  report("layer norm, backward", layer_norm_backward, 12.0 * COUNT);
  free(x), free(y), free(dy), free(dx), free(w), free(b), free(mean), free(rstd), free(dw), free(db);
}

// A layer of 512 units over 35 steps of 32 rows.
static void recurrence(void) {
  enum { STEPS = 35, BATCH = 32, HIDDEN = 512, CELLS = STEPS * BATCH * HIDDEN };
  int64_t sizes[STEPS];
  for (int i = 0; i < STEPS; i++) sizes[i] = BATCH;
  float *x = numbers(4 * CELLS), *w = numbers(4 * HIDDEN * HIDDEN), *gates = numbers(4 * CELLS), *cells = numbers(CELLS), *out = numbers(CELLS);
  float *h = numbers(BATCH * HIDDEN), *c = numbers(BATCH * HIDDEN), *first = numbers(BATCH * HIDDEN), *d_gates = numbers(4 * CELLS);
  for (int64_t i = 0; i < 4 * HIDDEN * HIDDEN; i++) w[i] *= 0.01f;
  const ember_recurrence layer = {.dtype = EMBER_FLOAT32, .cell = EMBER_RECURRENCE_LSTM, .steps = STEPS, .batch_sizes = sizes, .hidden = HIDDEN,
                                  .weight_hh = w};
  const ember_recurrence_trace trace = {.input = x, .gates = gates, .cells = cells, .output = out};
  const ember_recurrence_gradients gradients = {.output = out, .h = h, .c = c, .gates = d_gates};
  const double work = 8.0 * STEPS * BATCH * HIDDEN * HIDDEN;
  BEST(forward, 30, ember_recurrence_forward(&layer, &trace, h, c));
  BEST(backward, 30, ember_recurrence_backward(&layer, &trace, first, first, &gradients));
  printf("%-40s  %9.1f us %7.1f GFLOP/s\n", "LSTM, all time steps", forward * 1e6, work / forward * 1e-9);
  printf("%-40s  %9.1f us %7.1f GFLOP/s\n", "LSTM, all time steps backward", backward * 1e6, work / backward * 1e-9);
  free(x), free(w), free(gates), free(cells), free(out), free(h), free(c), free(first), free(d_gates);
}

// A 1x1 convolution with a residual sum and ReLU, weights packed.
static void pointwise_convolution(const char *what, int64_t in, int64_t out, int64_t width) {
  const ember_convolution c = {.spatial_rank = 2, .batch = 8, .in_channels = in, .out_channels = out, .groups = 1, .input = {width, width},
                               .kernel = {1, 1}, .output = {width, width}, .stride = {1, 1}, .dilation = {1, 1}};
  const int64_t points = 8 * width * width, bytes = ember_convolution_packed_bytes(EMBER_FLOAT32, &c);
  float *x = numbers(in * points), *w = numbers(in * out), *b = numbers(out), *y = numbers(out * points), *addend = numbers(out * points);
  void *packed = bytes > 0 ? aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64) : NULL;
  if (packed) ember_convolution_pack(EMBER_FLOAT32, &c, w, packed);
  const ember_convolution_terms terms = {.w = w, .packed = packed, .bias = b, .addend = addend, .activation = EMBER_ACTIVATION_RELU};
  BEST(best, 30, ember_convolution_forward(EMBER_FLOAT32, &c, x, &terms, y));
  printf("%-40s  %9.1f us %7.1f GFLOP/s\n", what, best * 1e6, 2.0 * (double)(in * out * points) / best * 1e-9);
  free(x), free(w), free(b), free(y), free(addend), free(packed);
}

// The optimizer's pass of the MLP.
static void sgd(void) {
  const int64_t counts[] = {256 * 784, 256, 2560, 10};
  float *p = numbers(256 * 784), *g = numbers(256 * 784), *others = numbers(2560);
  void *const parameters[] = {p, others, others, others};
  const void *const gradients[] = {g, g, g, g};
  const ember_sgd_options options = {.learning_rate = 1e-6};
  BEST(best, 300, ember_sgd_step(EMBER_FLOAT32, 4, counts, parameters, gradients, NULL, &options));
  report("MLP, optimizer", best, 12.0 * 203530);
  free(p), free(g), free(others);
}

int main(void) {
  processor();
  for (int64_t n = 256; n <= 2048; n *= 2) {
    char name[64];
    snprintf(name, sizeof name, "bfloat16, %ld cubed", (long)n);
    product(name, EMBER_BFLOAT16, n, n, n, false, false);
  }
  product("MLP, forward", EMBER_FLOAT32, 64, 256, 784, false, true);
  product("MLP, gradient of the weight", EMBER_FLOAT32, 256, 784, 64, true, false);
  sgd();
  product("128 x 32 x 1024", EMBER_FLOAT32, 128, 32, 1024, false, false);
  product("LSTM, gradient of the weight", EMBER_FLOAT32, 2048, 512, 1120, true, false);
  recurrence();
  rows();
  pointwise_convolution("1x1, 64 to 256 channels of 56x56, sum", 64, 256, 56);
  product("LSTM, a layer's inputs", EMBER_FLOAT32, 1120, 2048, 512, false, true);
}
