// Sorting along the middle axis. Keys and entries are in sort_keys.c and sort_entries.c, selection in sort_select.c.
#include "ember_sort.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "ember_allocator.h"
#include "sort_entries.h"

typedef struct {
  int dtype;
  const char *in;
  char *values;
  int64_t *indices;
  int64_t outer, n, inner, group;
  bool descending;
  _Atomic bool failed;  // no memory
} sort_job;

enum { TILE = 1024, PIECE = 1 << 16 };

// MARK: The two ends of a row, in pieces that threads share

typedef struct {
  const sort_job *job;
  const char *in;
  char *values;
  int64_t *indices;
  void *entries;
  bool narrow;
  int64_t base;  // subtracted from int64 values in one-word entries
} row_ends;

static void load_piece(void *context, int64_t piece) {
  const row_ends *row = context;
  const sort_job *job = row->job;
  const int64_t first = piece * PIECE, n = job->n - first < PIECE ? job->n - first : PIECE;
  const char *in = row->in + first * job->inner * (int64_t)ember_dtype_size(job->dtype);
  if (row->narrow)
    sort_load_narrow(job->dtype, in, job->inner, n, first, job->descending, row->base, (sort_narrow *)row->entries + first);
  else
    sort_load_wide(job->dtype, in, job->inner, n, first, job->descending, (sort_wide *)row->entries + first);
}

static void store_piece(void *context, int64_t piece) {
  const row_ends *row = context;
  const sort_job *job = row->job;
  const int64_t start = piece * PIECE, end = job->n - start < PIECE ? job->n : start + PIECE;
  const int64_t size = (int64_t)ember_dtype_size(job->dtype);
  for (int64_t first = start; first < end; first += TILE) {
    const int64_t n = end - first < TILE ? end - first : TILE;
    char *values = row->values ? row->values + first * job->inner * size : NULL;
    int64_t *indices = row->indices ? row->indices + first * job->inner : NULL;
    if (row->narrow) {
      const sort_narrow *entries = (const sort_narrow *)row->entries + first;
      if (values)
        sort_store_narrow(job->dtype, row->in, job->inner, entries, n, job->descending, row->base, values, job->inner);
      // Last: the entries may lie in the indices' own memory.
      for (int64_t i = 0; indices && i < n; ++i) indices[i * job->inner] = sort_narrow_position(entries[i]);
    } else {
      const sort_wide *entries = (const sort_wide *)row->entries + first;
      if (values) sort_store_wide(job->dtype, row->in, job->inner, entries, n, job->descending, values, job->inner);
      for (int64_t i = 0; indices && i < n; ++i) indices[i * job->inner] = sort_wide_position(entries[i]);
    }
  }
}

static void run_pieces(int64_t n, void (*body)(void *, int64_t), row_ends *row) {
  const int64_t pieces = (n + PIECE - 1) / PIECE;
  if (pieces > 1) ember_parallel(pieces, body, row);
  else body(row, 0);
}

// MARK: Rows

/// Sorts one row; `memory` holds two rows of entries, or one if the indices serve as the other.
static void sort_row(const sort_job *job, int64_t row, void *memory) {
  const int64_t size = (int64_t)ember_dtype_size(job->dtype);
  const int64_t base = row / job->inner * job->n * job->inner + row % job->inner;
  row_ends ends = {.job = job, .in = job->in + base * size, .values = job->values ? job->values + base * size : NULL,
                   .indices = job->indices ? job->indices + base : NULL};
  ends.narrow = sort_fits_narrow(job->dtype, ends.in, job->inner, job->n, &ends.base);
  // A one-word entry is as large as an index: a row of dense indices holds a row of entries until they become indices.
  const bool in_place = ends.narrow && job->indices && job->inner == 1;
  if (ends.narrow) {
    sort_narrow *entries = in_place ? (sort_narrow *)ends.indices : (sort_narrow *)memory + job->n;
    ends.entries = entries;
    run_pieces(job->n, load_piece, &ends);
    ends.entries = sort_entries_narrow(entries, memory, job->n);
  } else {
    sort_wide *entries = (sort_wide *)memory + job->n;
    ends.entries = entries;
    run_pieces(job->n, load_piece, &ends);
    ends.entries = sort_entries_wide(entries, memory, job->n);
  }
  run_pieces(job->n, store_piece, &ends);
}

static void sort_chunk(void *context, int64_t chunk) {
  sort_job *job = context;
  const int64_t rows = job->outer * job->inner, first = chunk * job->group;
  const int64_t last = first + job->group < rows ? first + job->group : rows;
  const bool in_place = sort_is_narrow(job->dtype, job->n) && job->indices && job->inner == 1;
  void *memory = malloc((size_t)job->n * sort_entry_size(job->dtype, job->n) * (in_place ? 1 : 2));
  if (!memory) {
    ember_note_scratch_failure();
    atomic_store(&job->failed, true);
    return;
  }
  for (int64_t row = first; row < last; ++row) sort_row(job, row, memory);
  free(memory);
}

bool ember_sort(int dtype, const void *in, void *values, int64_t *indices, int64_t outer, int64_t n, int64_t inner,
                bool descending) {
  if (!sort_is_supported(dtype)) return false;
  const int64_t rows = outer * inner;
  if (rows <= 0 || n <= 0) return true;
  sort_job job = {.dtype = dtype, .in = in, .values = values, .indices = indices, .outer = outer, .n = n, .inner = inner,
                  .group = n < SORT_GRAIN ? (SORT_GRAIN + n - 1) / n : 1, .descending = descending};
  atomic_init(&job.failed, false);
  const int64_t chunks = (rows + job.group - 1) / job.group;
  // Many rows: one thread each. Few long ones: all threads on one, then on the next.
  if (chunks > 1 && (n < SORT_PARALLEL || rows >= 4 * ember_thread_count())) {
    ember_parallel(chunks, sort_chunk, &job);
  } else {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) sort_chunk(&job, chunk);
  }
  return !atomic_load(&job.failed);
}
