// Selection along the middle axis: topk, kthvalue, median.
#include <stdatomic.h>
#include <stdlib.h>

#include "ember_allocator.h"
#include "sort_entries.h"

enum { TILE = 1024, STREAM = 1 << 16, SMALL = 32 };  // rows from STREAM elements on are not copied to be selected from

typedef struct {
  int dtype;
  const char *in;
  char *values;
  int64_t *indices;
  int64_t outer, n, inner, k, group;
  bool largest, sorted, narrow;
  bool median, ignore_nan;
  _Atomic bool failed;
} select_job;

static int64_t row_base(const select_job *job, int64_t row, int64_t length) {
  return row / job->inner * length * job->inner + row % job->inner;
}

// Both kinds of entries by one form of call; no row here is worth finding a base for.
#define load_narrow(dtype, in, stride, n, first, inverted, entries) \
  sort_load_narrow(dtype, in, stride, n, first, inverted, 0, entries)
#define load_wide(dtype, in, stride, n, first, inverted, entries) sort_load_wide(dtype, in, stride, n, first, inverted, entries)
#define store_narrow(dtype, in, stride, entries, n, inverted, out, out_stride) \
  sort_store_narrow(dtype, in, stride, entries, n, inverted, 0, out, out_stride)
#define store_wide(dtype, in, stride, entries, n, inverted, out, out_stride) \
  sort_store_wide(dtype, in, stride, entries, n, inverted, out, out_stride)

// MARK: topk

// A row streams by in tiles. A buffer takes what is less than the k-th least entry so far; when it is full, selection
// keeps k of it and lowers that limit. In random order few entries pass, in the worst order each costs a constant more.
// Selection loses the order of equal keys, which radix sort would not restore: more than a few entries are read again.
#define TOP_ROW(suffix, entry)                                                                                          \
  static bool top_row_##suffix(const select_job *job, int64_t row) {                                                    \
    const int64_t size = (int64_t)ember_dtype_size(job->dtype), k = job->k;                                             \
    const char *in = job->in + row_base(job, row, job->n) * size;                                                       \
    const int64_t room = 3 * k + TILE < job->n ? 3 * k + TILE : job->n;                                                 \
    entry *buffer = malloc((size_t)(room + k) * sizeof(entry)), tile[TILE];                                             \
    if (!buffer) {                                                                                                      \
      ember_note_scratch_failure();                                                                                     \
      return false;                                                                                                     \
    }                                                                                                                   \
    entry limit = buffer[0] = (entry){0};                                                                               \
    int64_t count = 0;                                                                                                  \
    for (int64_t first = 0; first < job->n; first += TILE) {                                                            \
      const int64_t n = job->n - first < TILE ? job->n - first : TILE;                                                  \
      load_##suffix(job->dtype, in + first * job->inner * size, job->inner, n, first, job->largest, tile);         \
      for (int64_t i = 0; i < n; ++i) {                                                                                 \
        if (__builtin_expect(count >= k && !sort_##suffix##_less(tile[i], limit), 1)) continue;                         \
        buffer[count++] = tile[i];                                                                                      \
        if (count == k || (count == room && count > k)) {                                                               \
          if (count > k) sort_select_##suffix(buffer, count, k - 1);                                                    \
          else for (int64_t j = 0; j < k; ++j) limit = j == 0 || sort_##suffix##_less(limit, buffer[j]) ? buffer[j] : limit; \
          if (count > k) limit = buffer[k - 1];                                                                         \
          count = k;                                                                                                    \
        }                                                                                                               \
      }                                                                                                                 \
    }                                                                                                                   \
    if (count > k) sort_select_##suffix(buffer, count, k - 1), limit = buffer[k - 1];                                   \
    const entry *best = buffer;                                                                                         \
    if (job->sorted) {                                                                                                  \
      if (k > SMALL) count = 0;                                                                                         \
      for (int64_t first = 0; k > SMALL && first < job->n; first += TILE) {                                             \
        const int64_t n = job->n - first < TILE ? job->n - first : TILE;                                                \
        load_##suffix(job->dtype, in + first * job->inner * size, job->inner, n, first, job->largest, tile);       \
        for (int64_t i = 0; i < n; ++i)                                                                                 \
          if (!sort_##suffix##_less(limit, tile[i])) buffer[count++] = tile[i];                                         \
      }                                                                                                                 \
      best = sort_entries_##suffix(buffer, buffer + room, k);                                                           \
    }                                                                                                                   \
    const int64_t base = row_base(job, row, k);                                                                         \
    if (job->values)                                                                                                    \
      store_##suffix(job->dtype, in, job->inner, best, k, job->largest, job->values + base * size, job->inner);    \
    for (int64_t i = 0; job->indices && i < k; ++i)                                                                     \
      job->indices[base + i * job->inner] = sort_##suffix##_position(best[i]);                                          \
    free(buffer);                                                                                                       \
    return true;                                                                                                        \
  }
TOP_ROW(narrow, sort_narrow)
TOP_ROW(wide, sort_wide)

static void top_chunk(void *context, int64_t chunk) {
  select_job *job = context;
  const int64_t rows = job->outer * job->inner, first = chunk * job->group;
  const int64_t last = first + job->group < rows ? first + job->group : rows;
  for (int64_t row = first; row < last; ++row)
    if (!(job->narrow ? top_row_narrow(job, row) : top_row_wide(job, row))) atomic_store(&job->failed, true);
}

static bool run_rows(select_job *job, void (*body)(void *, int64_t)) {
  const int64_t rows = job->outer * job->inner;
  if (rows <= 0) return true;
  job->group = job->n < SORT_GRAIN ? (SORT_GRAIN + job->n - 1) / job->n : 1;
  job->narrow = sort_is_narrow(job->dtype, job->n);
  atomic_init(&job->failed, false);
  const int64_t chunks = (rows + job->group - 1) / job->group;
  if (chunks > 1) ember_parallel(chunks, body, job);
  else body(job, 0);
  return !atomic_load(&job->failed);
}

bool ember_topk(int dtype, const void *in, int64_t k, void *values, int64_t *indices, int64_t outer, int64_t n,
                int64_t inner, bool largest, bool sorted) {
  if (!sort_is_supported(dtype) || k < 0 || k > n) return false;
  if (k == 0) return true;
  select_job job = {.dtype = dtype, .in = in, .values = values, .indices = indices, .outer = outer, .n = n, .inner = inner,
                    .k = k, .largest = largest, .sorted = sorted};
  return run_rows(&job, top_chunk);
}

// MARK: One element by rank

// Long rows: the key of rank k is found digit by digit from the top, each pass counting the keys that share the digits
// found so far. Nothing is copied, and the cost does not depend on the order.
#define SELECT_ROW(suffix, entry, digits)                                                                               \
  static uint64_t key_of_rank_##suffix(const select_job *job, const char *in, int64_t k) {                              \
    const int64_t size = (int64_t)ember_dtype_size(job->dtype);                                                         \
    uint64_t prefix = 0;                                                                                                \
    entry tile[TILE];                                                                                                   \
    for (int shift = 8 * (digits - 1); shift >= 0; shift -= 8) {                                                        \
      int64_t counts[256] = {0};                                                                                        \
      const bool top = shift == 8 * (digits - 1);                                                                       \
      for (int64_t first = 0; first < job->n; first += TILE) {                                                          \
        const int64_t n = job->n - first < TILE ? job->n - first : TILE;                                                \
        load_##suffix(job->dtype, in + first * job->inner * size, job->inner, n, first, false, tile);              \
        for (int64_t i = 0; i < n; ++i) {                                                                               \
          const uint64_t key = sort_##suffix##_key(tile[i]) >> shift;                                                   \
          counts[key & 255] += top || key >> 8 == prefix;                                                               \
        }                                                                                                               \
      }                                                                                                                 \
      uint64_t digit = 0;                                                                                               \
      while (digit < 255 && k >= counts[digit]) k -= counts[digit++];                                                   \
      prefix = prefix << 8 | digit;                                                                                     \
    }                                                                                                                   \
    return prefix;                                                                                                      \
  }                                                                                                                     \
                                                                                                                        \
  /* The first position of a key, and how many elements are NaN, in passes over the row. */                             \
  static int64_t find_key_##suffix(const select_job *job, const char *in, uint64_t key, int64_t *count) {               \
    const int64_t size = (int64_t)ember_dtype_size(job->dtype);                                                         \
    int64_t found = -1;                                                                                                 \
    entry tile[TILE];                                                                                                   \
    for (int64_t first = 0; first < job->n && (count || found < 0); first += TILE) {                                    \
      const int64_t n = job->n - first < TILE ? job->n - first : TILE;                                                  \
      load_##suffix(job->dtype, in + first * job->inner * size, job->inner, n, first, false, tile);                \
      for (int64_t i = 0; i < n; ++i) {                                                                                 \
        if (sort_##suffix##_key(tile[i]) != key) continue;                                                              \
        if (found < 0) found = first + i;                                                                               \
        if (!count) break;                                                                                              \
        ++*count;                                                                                                       \
      }                                                                                                                 \
    }                                                                                                                   \
    return found;                                                                                                       \
  }                                                                                                                     \
                                                                                                                        \
  static int64_t position_of_rank_##suffix(const select_job *job, const char *in, entry *memory) {                      \
    int64_t k = job->k;                                                                                                 \
    if (job->median) {                                                                                                  \
      int64_t count = 0, first = -1;                                                                                    \
      if (element_is_floating(job->dtype)) first = find_key_##suffix(job, in, sort_nan_key(job->dtype), &count);        \
      if (count == job->n || (count > 0 && !job->ignore_nan)) return first;                                             \
      k = (job->n - count - 1) / 2; /* NaN sorts last, so the others' ranks stay */                                     \
    }                                                                                                                   \
    if (!memory) return find_key_##suffix(job, in, key_of_rank_##suffix(job, in, k), NULL);                             \
    load_##suffix(job->dtype, in, job->inner, job->n, 0, false, memory);                                           \
    sort_select_##suffix(memory, job->n, k);                                                                            \
    /* Of equal elements the first, as above. */                                                                        \
    const uint64_t key = sort_##suffix##_key(memory[k]);                                                                \
    int64_t position = sort_##suffix##_position(memory[k]);                                                             \
    for (int64_t i = 0; i < k; ++i)                                                                                     \
      if (sort_##suffix##_key(memory[i]) == key && sort_##suffix##_position(memory[i]) < position)                      \
        position = sort_##suffix##_position(memory[i]);                                                                 \
    return position;                                                                                                    \
  }
SELECT_ROW(narrow, sort_narrow, 4)
SELECT_ROW(wide, sort_wide, 8)

static void rank_chunk(void *context, int64_t chunk) {
  select_job *job = context;
  const int64_t rows = job->outer * job->inner, first = chunk * job->group, size = (int64_t)ember_dtype_size(job->dtype);
  const int64_t last = first + job->group < rows ? first + job->group : rows;
  // Without memory rows are streamed, whatever their length.
  void *memory = job->n < STREAM ? malloc((size_t)job->n * sort_entry_size(job->dtype, job->n)) : NULL;
  for (int64_t row = first; row < last; ++row) {
    const char *in = job->in + row_base(job, row, job->n) * size;
    const int64_t position =
        job->narrow ? position_of_rank_narrow(job, in, memory) : position_of_rank_wide(job, in, memory);
    if (job->values) memcpy(job->values + row * size, in + position * job->inner * size, (size_t)size);
    if (job->indices) job->indices[row] = position;
  }
  free(memory);
}

bool ember_kthvalue(int dtype, const void *in, int64_t k, void *values, int64_t *indices, int64_t outer, int64_t n,
                    int64_t inner) {
  if (!sort_is_supported(dtype) || k < 1 || k > n) return false;
  select_job job = {.dtype = dtype, .in = in, .values = values, .indices = indices, .outer = outer, .n = n, .inner = inner,
                    .k = k - 1};
  return run_rows(&job, rank_chunk);
}

bool ember_median(int dtype, const void *in, void *values, int64_t *indices, int64_t outer, int64_t n, int64_t inner,
                  bool ignore_nan) {
  if (!sort_is_supported(dtype) || n < 1) return false;
  select_job job = {.dtype = dtype, .in = in, .values = values, .indices = indices, .outer = outer, .n = n, .inner = inner,
                    .median = true, .ignore_nan = ignore_nan};
  return run_rows(&job, rank_chunk);
}
