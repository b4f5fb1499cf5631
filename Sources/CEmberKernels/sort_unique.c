// Distinct elements, of a whole array or of runs of equal neighbours.
#include <stdlib.h>

#include "ember_allocator.h"
#include "sort_entries.h"

enum { TILE = 1024 };

// Equal elements have equal keys, except that no NaN equals another.
static bool same_key(int dtype, uint64_t a, uint64_t b) {
  return a == b && !(element_is_floating(dtype) && a == sort_nan_key(dtype));
}

// Walks sorted entries; the first of each run of equal keys gives the value.
#define UNIQUE(suffix, entry)                                                                                           \
  static int64_t unique_##suffix(int dtype, const void *in, int64_t n, int64_t base, void *values, int64_t *inverse,     \
                                 int64_t *counts) {                                                                     \
    entry *memory = malloc((size_t)n * 2 * sizeof(entry));                                                              \
    if (!memory) {                                                                                                      \
      ember_note_scratch_failure();                                                                                     \
      return -1;                                                                                                        \
    }                                                                                                                   \
    load_##suffix(memory);                                                                                              \
    entry *sorted = sort_entries_##suffix(memory, memory + n, n);                                                       \
    int64_t distinct = 0, start = 0;                                                                                    \
    uint64_t key = 0;                                                                                                   \
    for (int64_t i = 0; i < n; ++i) {                                                                                   \
      const entry e = sorted[i];                                                                                        \
      if (i == 0 || !same_key(dtype, sort_##suffix##_key(e), key)) {                                                    \
        key = sort_##suffix##_key(e);                                                                                   \
        if (i > 0 && counts) counts[distinct - 1] = i - start;                                                          \
        start = i;                                                                                                      \
        sorted[distinct++] = e;                                                                                         \
      }                                                                                                                 \
      if (inverse) inverse[sort_##suffix##_position(e)] = distinct - 1;                                                 \
    }                                                                                                                   \
    if (counts) counts[distinct - 1] = n - start;                                                                       \
    store_##suffix(sorted, distinct);                                                                                   \
    free(memory);                                                                                                       \
    return distinct;                                                                                                    \
  }

#define load_narrow(entries) sort_load_narrow(dtype, in, 1, n, 0, false, base, entries)
#define store_narrow(entries, count) sort_store_narrow(dtype, in, 1, entries, count, false, base, values, 1)
UNIQUE(narrow, sort_narrow)

#define load_wide(entries) ((void)base, sort_load_wide(dtype, in, 1, n, 0, false, entries))
#define store_wide(entries, count) sort_store_wide(dtype, in, 1, entries, count, false, values, 1)
UNIQUE(wide, sort_wide)

int64_t ember_unique(int dtype, const void *in, int64_t n, void *values, int64_t *inverse, int64_t *counts) {
  if (!sort_is_supported(dtype)) return -1;
  if (n == 0) return 0;
  int64_t base;
  const bool narrow = sort_fits_narrow(dtype, in, 1, n, &base);
  return (narrow ? unique_narrow : unique_wide)(dtype, in, n, base, values, inverse, counts);
}

int64_t ember_unique_consecutive(int dtype, const void *in, int64_t n, void *values, int64_t *inverse, int64_t *counts) {
  if (!sort_is_supported(dtype)) return -1;
  const size_t size = ember_dtype_size(dtype);
  sort_wide tile[TILE];
  int64_t distinct = 0, start = 0;
  uint64_t key = 0;
  for (int64_t first = 0; first < n; first += TILE) {
    const int64_t length = n - first < TILE ? n - first : TILE;
    sort_load_wide(dtype, (const char *)in + first * (int64_t)size, 1, length, first, false, tile);
    for (int64_t i = first; i < first + length; ++i) {
      const uint64_t next = tile[i - first].key;
      if (i == 0 || !same_key(dtype, next, key)) {
        key = next;
        if (i > 0 && counts) counts[distinct - 1] = i - start;
        start = i;
        memcpy((char *)values + (size_t)distinct++ * size, (const char *)in + (size_t)i * size, size);
      }
      if (inverse) inverse[i] = distinct - 1;
    }
  }
  if (n > 0 && counts) counts[distinct - 1] = n - start;
  return distinct;
}
