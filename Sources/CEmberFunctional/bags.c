// Bags of embeddings: rows are added up in the order in which they are listed.
#include "ember_functional_bags.h"

#include "CEmberKernels.h"

#include <stdlib.h>
#include <string.h>

/// Rows lie anywhere in a table that is larger than the caches: they are asked for this many rows ahead.
enum { PREFETCH_DISTANCE = 8, BAGS_PER_CHUNK = 32 };

typedef struct {
  int dtype, mode;
  const void *table, *weights;
  const int64_t *indices, *offsets;
  int64_t padding, features, bags;
  void *y;
  int64_t *winners;
} job;

#define DEFINE_BAG(T, SUFFIX)                                                                                    \
  static void gather_##SUFFIX(const job *j, int64_t bag, T *restrict sum, T *row) {                              \
    const int64_t n = j->features, one = 1;                                                                      \
    const int type = sizeof(T) == 8 ? EMBER_FLOAT64 : EMBER_FLOAT32;                                             \
    const size_t size = ember_dtype_size(j->dtype);                                                              \
    int64_t count = 0, *winners = j->winners ? j->winners + bag * n : NULL;                                      \
    memset(sum, 0, (size_t)n * sizeof(T));                                                                       \
    if (winners) for (int64_t k = 0; k < n; k++) winners[k] = -1;                                                \
    for (int64_t i = j->offsets[bag]; i < j->offsets[bag + 1]; i++) {                                            \
      const int64_t index = j->indices[i];                                                                       \
      if (index == j->padding) continue;                                                                         \
      const char *source = (const char *)j->table + (size_t)(index * n) * size;                                  \
      if (i + PREFETCH_DISTANCE < j->offsets[j->bags]) {                                                         \
        const char *later = (const char *)j->table + (size_t)(j->indices[i + PREFETCH_DISTANCE] * n) * size;     \
        for (size_t byte = 0; byte < (size_t)n * size && byte < 512; byte += 64) __builtin_prefetch(later + byte); \
      }                                                                                                          \
      const T *x = (const T *)source;                                                                            \
      if (j->dtype != type) {                                                                                    \
        ember_copy(type, row, &one, j->dtype, source, &one, 1, &n);                                              \
        x = row;                                                                                                 \
      }                                                                                                          \
      T weight = 1;                                                                                              \
      if (j->weights) ember_copy(type, &weight, &one, j->dtype, (const char *)j->weights + (size_t)i * size, &one, 1, &one); \
      if (j->mode == EMBER_BAG_MAXIMUM) {                                                                        \
        for (int64_t k = 0; k < n; k++)                                                                          \
          if (!count || x[k] > sum[k]) sum[k] = x[k], winners[k] = index;                                        \
      } else {                                                                                                   \
        for (int64_t k = 0; k < n; k++) sum[k] += weight * x[k];                                                 \
      }                                                                                                          \
      count++;                                                                                                   \
    }                                                                                                            \
    if (j->mode == EMBER_BAG_MEAN && count)                                                                      \
      for (int64_t k = 0; k < n; k++) sum[k] /= (T)count;                                                        \
  }                                                                                                              \
  static void bags_##SUFFIX(void *context, int64_t chunk) {                                                      \
    const job *j = context;                                                                                      \
    const int64_t n = j->features, one = 1, first = chunk * BAGS_PER_CHUNK;                                      \
    const int type = sizeof(T) == 8 ? EMBER_FLOAT64 : EMBER_FLOAT32;                                             \
    const size_t bytes = (size_t)(2 * n) * sizeof(T), size = ember_dtype_size(j->dtype);                         \
    T *sum = j->dtype == type ? NULL : ember_allocate(bytes);                                                    \
    if (j->dtype != type && !sum) abort();                                                                       \
    for (int64_t bag = first; bag < first + BAGS_PER_CHUNK && bag < j->bags; bag++) {                            \
      if (j->dtype == type) {                                                                                    \
        gather_##SUFFIX(j, bag, (T *)j->y + bag * n, NULL);                                                      \
      } else {                                                                                                   \
        gather_##SUFFIX(j, bag, sum, sum + n);                                                                   \
        ember_copy(j->dtype, (char *)j->y + (size_t)(bag * n) * size, &one, type, sum, &one, 1, &n);             \
      }                                                                                                          \
    }                                                                                                            \
    ember_deallocate(sum, bytes);                                                                                \
  }
DEFINE_BAG(float, f32)
DEFINE_BAG(double, f64)

void ember_embedding_bag(int dtype, const void *table, const int64_t *indices, const int64_t *offsets, const void *weights, int64_t padding,
                         int mode, void *y, int64_t *winners, int64_t bags, int64_t features) {
  job j = {.dtype = dtype, .mode = mode, .table = table, .weights = weights, .indices = indices, .offsets = offsets, .padding = padding,
           .features = features, .bags = bags, .y = y, .winners = winners};
  ember_parallel((bags + BAGS_PER_CHUNK - 1) / BAGS_PER_CHUNK, dtype == EMBER_FLOAT64 ? bags_f64 : bags_f32, &j);
}
