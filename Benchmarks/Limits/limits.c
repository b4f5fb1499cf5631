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

int main(void) {
  processor();
  for (int64_t n = 256; n <= 2048; n *= 2) {
    char name[64];
    snprintf(name, sizeof name, "bfloat16, %ld cubed", (long)n);
    product(name, EMBER_BFLOAT16, n, n, n, false, false);
  }
  product("MLP, forward", EMBER_FLOAT32, 64, 256, 784, false, true);
  product("MLP, gradient of the weight", EMBER_FLOAT32, 256, 784, 64, true, false);
  product("LSTM, a layer's inputs", EMBER_FLOAT32, 1120, 2048, 512, false, true);
  product("LSTM, a time step", EMBER_FLOAT32, 32, 2048, 512, false, true);
  product("LSTM, a time step backward", EMBER_FLOAT32, 32, 512, 2048, false, false);
}
