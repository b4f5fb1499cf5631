// Sparse products. A row of the result is a sum of rows of the dense matrix, added up in the order in which they are stored;
// both loops run over adjacent elements, which the compiler vectorises.
#include "ember_sparse.h"

#include "elements.h"

enum {
  PARALLEL_WORK = 32768,  // multiplications in a chunk
  LANES = 8,              // partial sums of a dot product
};

typedef struct {
  int64_t rows, count, width, group;
  const int64_t *starts, *row_of, *columns;
  const void *values, *a, *b;
  void *out;
} sparse_job;

static inline element_complex64 times_c64(element_complex64 a, element_complex64 b) {
  return (element_complex64){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
static inline element_complex128 times_c128(element_complex128 a, element_complex128 b) {
  return (element_complex128){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
static inline element_complex64 plus_c64(element_complex64 a, element_complex64 b) {
  return (element_complex64){a.re + b.re, a.im + b.im};
}
static inline element_complex128 plus_c128(element_complex128 a, element_complex128 b) {
  return (element_complex128){a.re + b.re, a.im + b.im};
}

#define TIMES(a, b) ((a) * (b))
#define PLUS(a, b) ((a) + (b))

#define SPARSE_KERNELS(suffix, type, times, plus)                                                         \
  static void product_##suffix(void *context, int64_t chunk) {                                            \
    const sparse_job *job = context;                                                                      \
    const int64_t first = chunk * job->group, width = job->width;                                         \
    const int64_t last = first + job->group < job->rows ? first + job->group : job->rows;                 \
    for (int64_t row = first; row < last; ++row) {                                                        \
      type *restrict out = (type *)job->out + row * width;                                                \
      for (int64_t j = 0; j < width; ++j) out[j] = (type){0};                                             \
      for (int64_t p = job->starts[row]; p < job->starts[row + 1]; ++p) {                                 \
        const type value = ((const type *)job->values)[p];                                                \
        const type *restrict b = (const type *)job->b + job->columns[p] * width;                          \
        for (int64_t j = 0; j < width; ++j) out[j] = plus(out[j], times(value, b[j]));                    \
      }                                                                                                   \
    }                                                                                                     \
  }                                                                                                       \
  static void sample_##suffix(void *context, int64_t chunk) {                                             \
    const sparse_job *job = context;                                                                      \
    const int64_t first = chunk * job->group, depth = job->width;                                         \
    const int64_t last = first + job->group < job->count ? first + job->group : job->count;               \
    for (int64_t p = first; p < last; ++p) {                                                              \
      const type *restrict a = (const type *)job->a + job->row_of[p] * depth;                             \
      const type *restrict b = (const type *)job->b + job->columns[p] * depth;                            \
      type sums[LANES];                                                                                   \
      for (int lane = 0; lane < LANES; ++lane) sums[lane] = (type){0};                                    \
      int64_t k = 0;                                                                                      \
      for (; k + LANES <= depth; k += LANES)                                                              \
        for (int lane = 0; lane < LANES; ++lane) sums[lane] = plus(sums[lane], times(a[k + lane], b[k + lane])); \
      for (int lane = 0; k < depth; ++k, ++lane) sums[lane] = plus(sums[lane], times(a[k], b[k]));        \
      type total = sums[0];                                                                               \
      for (int lane = 1; lane < LANES; ++lane) total = plus(total, sums[lane]);                           \
      ((type *)job->out)[p] = total;                                                                      \
    }                                                                                                     \
  }

SPARSE_KERNELS(f32, float, TIMES, PLUS)
SPARSE_KERNELS(f64, double, TIMES, PLUS)
SPARSE_KERNELS(i64, uint64_t, TIMES, PLUS)  // unsigned: sums wrap
SPARSE_KERNELS(c64, element_complex64, times_c64, plus_c64)
SPARSE_KERNELS(c128, element_complex128, times_c128, plus_c128)

typedef void (*sparse_body)(void *, int64_t);
static const sparse_body products[EMBER_DTYPE_COUNT] = {
    [EMBER_FLOAT32] = product_f32, [EMBER_FLOAT64] = product_f64,     [EMBER_INT64] = product_i64,
    [EMBER_COMPLEX64] = product_c64, [EMBER_COMPLEX128] = product_c128,
};
static const sparse_body samples[EMBER_DTYPE_COUNT] = {
    [EMBER_FLOAT32] = sample_f32, [EMBER_FLOAT64] = sample_f64,     [EMBER_INT64] = sample_i64,
    [EMBER_COMPLEX64] = sample_c64, [EMBER_COMPLEX128] = sample_c128,
};

/// Runs `count` steps of which each costs about `each` multiplications.
static void sparse_run(sparse_job *job, sparse_body body, int64_t count, int64_t each) {
  job->group = each >= PARALLEL_WORK ? 1 : PARALLEL_WORK / (each > 0 ? each : 1);
  const int64_t chunks = (count + job->group - 1) / job->group;
  if (chunks > 1) ember_parallel(chunks, body, job);
  else if (chunks == 1) body(job, 0);
}

bool ember_sparse_product(int dtype, int64_t rows, const int64_t *starts, const int64_t *columns, const void *values,
                          const void *dense, int64_t width, void *out) {
  if (!products[dtype]) return false;
  if (rows <= 0 || width <= 0) return true;
  sparse_job job = {.rows = rows, .width = width, .starts = starts, .columns = columns, .values = values, .b = dense, .out = out};
  sparse_run(&job, products[dtype], rows, (starts[rows] / rows + 1) * width);
  return true;
}

bool ember_sparse_sample(int dtype, int64_t count, const int64_t *rows, const int64_t *columns, const void *a, const void *b,
                         int64_t depth, void *out) {
  if (!samples[dtype]) return false;
  if (count <= 0) return true;
  sparse_job job = {.count = count, .width = depth, .row_of = rows, .columns = columns, .a = a, .b = b, .out = out};
  sparse_run(&job, samples[dtype], count, depth);
  return true;
}
