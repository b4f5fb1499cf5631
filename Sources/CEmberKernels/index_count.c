// Counting by value and searching in sorted rows: bincount, searchsorted.
#include <stdlib.h>

#include "elements.h"
#include "index_walk.h"

static int64_t first_bad_of_list(const int64_t *index, int64_t n, int64_t size) {
  const int64_t stride = 1;
  return index_first_bad(1, index, &n, &stride, size, false);
}

// MARK: bincount

// Integer counts add up in any order, so chunks count into tables of their own. Weights are added in order of position by
// one thread: their sum would depend on how it is cut.
enum { COUNT_PIECES = 8, COUNT_TABLE = 1 << 16 };

typedef struct {
  const int64_t *in;
  int64_t n, bins, pieces;
  int64_t *tables;
} count_job;

static void count_chunk(void *context, int64_t chunk) {
  const count_job *job = context;
  int64_t *table = job->tables + chunk * job->bins;
  memset(table, 0, (size_t)job->bins * sizeof(int64_t));
  const int64_t first = job->n / job->pieces * chunk;
  const int64_t last = chunk == job->pieces - 1 ? job->n : first + job->n / job->pieces;
  for (int64_t i = first; i < last; ++i) ++table[job->in[i]];
}

int64_t ember_bincount(const int64_t *in, int64_t n, int64_t bins, int dtype, const void *weights, void *out) {
  const int64_t bad = first_bad_of_list(in, n, bins);
  if (bad >= 0) return bad;
  memset(out, 0, (size_t)bins * (weights ? ember_dtype_size(dtype) : sizeof(int64_t)));
  if (weights && dtype == EMBER_FLOAT32) {
    for (int64_t i = 0; i < n; ++i) ((float *)out)[in[i]] += ((const float *)weights)[i];
  } else if (weights) {
    for (int64_t i = 0; i < n; ++i) ((double *)out)[in[i]] += ((const double *)weights)[i];
  } else {
    count_job job = {in, n, bins, COUNT_PIECES, NULL};
    if (n >= 4 * INDEX_GRAIN && bins <= COUNT_TABLE && bins * COUNT_PIECES <= n)
      job.tables = malloc((size_t)(bins * COUNT_PIECES) * sizeof(int64_t));
    int64_t *counts = out;
    if (job.tables) {
      ember_parallel(job.pieces, count_chunk, &job);
      for (int64_t piece = 0; piece < job.pieces; ++piece)
        for (int64_t bin = 0; bin < bins; ++bin) counts[bin] += job.tables[piece * bins + bin];
      free(job.tables);
    } else {
      for (int64_t i = 0; i < n; ++i) ++counts[in[i]];
    }
  }
  return -1;
}

// MARK: searchsorted

typedef struct {
  const void *sorted, *values;
  int64_t n, m, rows, row_stride;
  bool right;
  int64_t *out;
} search_job;

enum { SEARCH_GRAIN = 2048 };

// The range is halved without a branch on the comparison, which for random values would be predicted wrong half the time.
// `before(a, b)` is a < b with NaN after everything.
#define SEARCH(suffix, type, before)                                                                      \
  static void search_##suffix(void *context, int64_t chunk) {                                             \
    const search_job *job = context;                                                                      \
    const int64_t total = job->rows * job->m, first = chunk * SEARCH_GRAIN;                               \
    const int64_t last = first + SEARCH_GRAIN < total ? first + SEARCH_GRAIN : total;                     \
    for (int64_t position = first; position < last; ++position) {                                         \
      const type x = ((const type *)job->values)[position];                                               \
      const type *row = (const type *)job->sorted + position / job->m * job->row_stride, *low = row;      \
      int64_t n = job->n;                                                                                 \
      if (job->right) {                                                                                   \
        for (int64_t half; n > 0; n -= half) {                                                            \
          half = n - n / 2;                                                                               \
          low += before(x, low[half - 1]) ? 0 : half;                                                     \
        }                                                                                                 \
      } else {                                                                                            \
        for (int64_t half; n > 0; n -= half) {                                                            \
          half = n - n / 2;                                                                               \
          low += before(low[half - 1], x) ? half : 0;                                                     \
        }                                                                                                 \
      }                                                                                                   \
      job->out[position] = low - row;                                                                     \
    }                                                                                                     \
  }

#define BEFORE_INTEGER(a, b) ((a) < (b))
#define BEFORE_FLOATING(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define BEFORE_HALF(a, b) BEFORE_FLOATING(element_half_to_float((a).bits), element_half_to_float((b).bits))
#define BEFORE_BFLOAT(a, b) BEFORE_FLOATING(element_bfloat_to_float((a).bits), element_bfloat_to_float((b).bits))

SEARCH(u8, uint8_t, BEFORE_INTEGER)
SEARCH(i8, int8_t, BEFORE_INTEGER)
SEARCH(i16, int16_t, BEFORE_INTEGER)
SEARCH(u16, uint16_t, BEFORE_INTEGER)
SEARCH(i32, int32_t, BEFORE_INTEGER)
SEARCH(u32, uint32_t, BEFORE_INTEGER)
SEARCH(i64, int64_t, BEFORE_INTEGER)
SEARCH(u64, uint64_t, BEFORE_INTEGER)
SEARCH(f16, element_float16, BEFORE_HALF)
SEARCH(bf16, element_bfloat16, BEFORE_BFLOAT)
SEARCH(f32, float, BEFORE_FLOATING)
SEARCH(f64, double, BEFORE_FLOATING)

static void (*const searches[EMBER_DTYPE_COUNT])(void *, int64_t) = {
    [EMBER_BOOL] = search_u8,     [EMBER_UINT8] = search_u8,   [EMBER_INT8] = search_i8,
    [EMBER_INT16] = search_i16,   [EMBER_INT32] = search_i32,  [EMBER_INT64] = search_i64,
    [EMBER_FLOAT16] = search_f16, [EMBER_BFLOAT16] = search_bf16, [EMBER_FLOAT32] = search_f32,
    [EMBER_FLOAT64] = search_f64, [EMBER_UINT16] = search_u16, [EMBER_UINT32] = search_u32,
    [EMBER_UINT64] = search_u64,
};

bool ember_searchsorted(int dtype, const void *sorted, bool shared, int64_t rows, int64_t n, const void *values, int64_t m,
                        bool right, int64_t *out) {
  search_job job = {.sorted = sorted, .values = values, .n = n, .m = m, .rows = rows, .row_stride = shared ? 0 : n,
                    .right = right, .out = out};
  if (!searches[dtype]) return false;
  index_parallel((rows * m + SEARCH_GRAIN - 1) / SEARCH_GRAIN, searches[dtype], &job);
  return true;
}
