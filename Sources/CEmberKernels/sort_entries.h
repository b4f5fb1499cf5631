// Entries: what sorting and selecting work on. Private to the sort files.
//
// An element becomes an unsigned key whose order is that of the elements (NaN above everything, -0 equal to +0, inverted
// for descending order), together with its position. Types of up to 32 bits take one 64-bit word, key above position, as
// long as positions fit; others take two words. The order of (key, position) has no equal entries and is the stable order.
#ifndef EMBER_SORT_ENTRIES_H
#define EMBER_SORT_ENTRIES_H

#include "elements.h"
#include "ember_sort.h"

typedef uint64_t sort_narrow;
typedef struct { uint64_t key, position; } sort_wide;

static inline bool sort_narrow_less(sort_narrow a, sort_narrow b) { return a < b; }
static inline bool sort_wide_less(sort_wide a, sort_wide b) {
  return a.key < b.key || (a.key == b.key && a.position < b.position);
}
static inline uint64_t sort_narrow_key(sort_narrow e) { return e >> 32; }
static inline uint64_t sort_wide_key(sort_wide e) { return e.key; }
static inline int64_t sort_narrow_position(sort_narrow e) { return (int64_t)(e & UINT32_MAX); }
static inline int64_t sort_wide_position(sort_wide e) { return (int64_t)e.position; }

/// Whether entries of `n` elements of the dtype take one word.
static inline bool sort_is_narrow(int dtype, int64_t n) { return ember_dtype_size(dtype) <= 4 && n <= UINT32_MAX; }
static inline size_t sort_entry_size(int dtype, int64_t n) {
  return sort_is_narrow(dtype, n) ? sizeof(sort_narrow) : sizeof(sort_wide);
}
static inline bool sort_is_supported(int dtype) { return element_is_integer(dtype) || element_is_floating(dtype); }

/// The key of NaN, not inverted. No other element of a floating type has it.
static inline uint64_t sort_nan_key(int dtype) { return dtype == EMBER_FLOAT64 ? UINT64_MAX : UINT32_MAX; }

/// Whether a row can do with one-word entries: one of up to 32 bits always, one of int64 if its values, as most in practice,
/// span less than 2^32. `base` is then what to subtract from them.
bool sort_fits_narrow(int dtype, const void *in, int64_t stride, int64_t n, int64_t *base);

/// Entries of `n` elements `stride` apart, the first at position `first`. `inverted` turns the order round.
void sort_load_narrow(int dtype, const void *in, int64_t stride, int64_t n, int64_t first, bool inverted, int64_t base,
                      sort_narrow *entries);
void sort_load_wide(int dtype, const void *in, int64_t stride, int64_t n, int64_t first, bool inverted, sort_wide *entries);

/// The elements that entries stand for, to `out`, `out_stride` apart. `in` is where they were loaded from: zeros and NaN
/// are copied from there, since all of their forms have one key; everything else is in the key.
void sort_store_narrow(int dtype, const void *in, int64_t stride, const sort_narrow *entries, int64_t n, bool inverted,
                       int64_t base, void *out, int64_t out_stride);
void sort_store_wide(int dtype, const void *in, int64_t stride, const sort_wide *entries, int64_t n, bool inverted, void *out,
                     int64_t out_stride);

/// Sorts `n` entries by way of `scratch`, as long; returns the array that holds the result. Uses all threads from
/// SORT_PARALLEL entries on.
sort_narrow *sort_entries_narrow(sort_narrow *entries, sort_narrow *scratch, int64_t n);
sort_wide *sort_entries_wide(sort_wide *entries, sort_wide *scratch, int64_t n);

/// Rearranges so that entry `k` is the one that sorting would put there, with nothing greater before it and nothing less after.
void sort_select_narrow(sort_narrow *entries, int64_t n, int64_t k);
void sort_select_wide(sort_wide *entries, int64_t n, int64_t k);

enum { SORT_PARALLEL = 1 << 17, SORT_GRAIN = 32768 };

#endif
