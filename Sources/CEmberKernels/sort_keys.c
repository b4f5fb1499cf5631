// Elements of every dtype to keys and back.
#include "sort_entries.h"

// MARK: One element

// Floats: the magnitudes of negative ones run backwards, so their bits are all turned; positive ones get the top bit.
// Choices rather than branches, so that loops vectorise.
static inline uint32_t float_key(uint32_t bits) {
  const int32_t magnitude = (int32_t)(bits & UINT32_C(0x7FFFFFFF));
  uint32_t key = bits ^ (UINT32_C(0x80000000) | -(bits >> 31));
  key = magnitude == 0 ? UINT32_C(0x80000000) : key;
  return magnitude > 0x7F800000 ? UINT32_MAX : key;
}
static inline uint32_t float_of_key(uint32_t key) { return key & UINT32_C(0x80000000) ? key & UINT32_C(0x7FFFFFFF) : ~key; }

static inline uint64_t double_key(uint64_t bits) {
  const uint64_t top = UINT64_C(1) << 63, magnitude = bits & ~top;
  if (magnitude > UINT64_C(0x7FF) << 52) return UINT64_MAX;
  if (magnitude == 0) return top;
  return bits & top ? ~bits : bits | top;
}
static inline uint64_t double_of_key(uint64_t key) { return key >> 63 ? key & (UINT64_MAX >> 1) : ~key; }

// 16-bit floats keep their key in 16 bits, so that sorting them takes two digits; only NaN has more, the one of all types.
static inline uint32_t half_key(uint16_t bits, uint16_t infinity) {
  const uint16_t magnitude = bits & 0x7FFF;
  if (magnitude > infinity) return UINT32_MAX;
  if (magnitude == 0) return 0x8000;
  return bits & 0x8000 ? (uint16_t)~bits : bits | 0x8000;
}
static inline uint16_t half_of_key(uint32_t key) { return (uint16_t)(key & 0x8000 ? key & 0x7FFF : ~key); }

#define FLOATS_WITH_ONE_KEY(key, zero) ((key) == (zero) || (key) == UINT32_MAX)

// Every dtype of up to 32 bits: its storage, key, element from key, and whether the key stands for several forms.
#define NARROW_DTYPES(X)                                                                                             \
  X(EMBER_BOOL, uint8_t, x != 0, (uint8_t)key, false)                                                                \
  X(EMBER_UINT8, uint8_t, x, (uint8_t)key, false)                                                                    \
  X(EMBER_INT8, int8_t, (uint32_t)(x + 128), (int8_t)((int32_t)key - 128), false)                                    \
  X(EMBER_INT16, int16_t, (uint32_t)(x + 32768), (int16_t)((int32_t)key - 32768), false)                             \
  X(EMBER_UINT16, uint16_t, x, (uint16_t)key, false)                                                                 \
  X(EMBER_INT32, int32_t, (uint32_t)x ^ UINT32_C(0x80000000), (int32_t)(key ^ UINT32_C(0x80000000)), false)          \
  X(EMBER_UINT32, uint32_t, x, key, false)                                                                           \
  X(EMBER_FLOAT16, uint16_t, half_key(x, 0x7C00), half_of_key(key), FLOATS_WITH_ONE_KEY(key, 0x8000))                \
  X(EMBER_BFLOAT16, uint16_t, half_key(x, 0x7F80), half_of_key(key), FLOATS_WITH_ONE_KEY(key, 0x8000))               \
  X(EMBER_FLOAT32, uint32_t, float_key(x), float_of_key(key), FLOATS_WITH_ONE_KEY(key, UINT32_C(0x80000000)))

#define WIDE_DTYPES(X)                                                                                               \
  X(EMBER_INT64, int64_t, (uint64_t)x ^ (UINT64_C(1) << 63), (int64_t)(key ^ (UINT64_C(1) << 63)), false)            \
  X(EMBER_UINT64, uint64_t, x, key, false)                                                                           \
  X(EMBER_FLOAT64, uint64_t, double_key(x), double_of_key(key), key == UINT64_C(1) << 63 || key == UINT64_MAX)

// MARK: Runs

bool sort_fits_narrow(int dtype, const void *in, int64_t stride, int64_t n, int64_t *base) {
  *base = 0;
  if (n > UINT32_MAX) return false;
  if (ember_dtype_size(dtype) <= 4) return true;
  if (dtype != EMBER_INT64 || n == 0) return false;
  const int64_t *x = in;
  int64_t least = x[0], greatest = x[0];
  for (int64_t i = 1; i < n; ++i) {
    least = x[i * stride] < least ? x[i * stride] : least;
    greatest = x[i * stride] > greatest ? x[i * stride] : greatest;
  }
  *base = least;
  return (uint64_t)greatest - (uint64_t)least <= UINT32_MAX;
}

#define LOAD_NARROW(dtype, type, to_key, from_key, shared)                                            \
  case dtype:                                                                                         \
    for (int64_t i = 0; stride == 1 && i < n; ++i) {                                                  \
      const type x = ((const type *)in)[i];                                                           \
      entries[i] = (uint64_t)((uint32_t)(to_key) ^ turn) << 32 | (uint64_t)(first + i);               \
    }                                                                                                 \
    for (int64_t i = 0; stride != 1 && i < n; ++i) {                                                  \
      const type x = ((const type *)in)[i * stride];                                                  \
      entries[i] = (uint64_t)((uint32_t)(to_key) ^ turn) << 32 | (uint64_t)(first + i);               \
    }                                                                                                 \
    break;

void sort_load_narrow(int dtype, const void *in, int64_t stride, int64_t n, int64_t first, bool inverted, int64_t base,
                      sort_narrow *entries) {
  const uint32_t turn = inverted ? UINT32_MAX : 0;
  switch (dtype) {
    NARROW_DTYPES(LOAD_NARROW)
    LOAD_NARROW(EMBER_INT64, uint64_t, x - (uint64_t)base, 0, false)
    default: break;
  }
}

#define LOAD_WIDE(dtype, type, to_key, from_key, shared)                                              \
  case dtype:                                                                                         \
    for (int64_t i = 0; i < n; ++i) {                                                                 \
      const type x = ((const type *)in)[i * stride];                                                  \
      entries[i] = (sort_wide){(uint64_t)(to_key) ^ turn, (uint64_t)(first + i)};                     \
    }                                                                                                 \
    break;

void sort_load_wide(int dtype, const void *in, int64_t stride, int64_t n, int64_t first, bool inverted, sort_wide *entries) {
  const uint64_t turn = inverted ? UINT64_MAX : 0;
  switch (dtype) {
    NARROW_DTYPES(LOAD_WIDE)  // when positions need more than 32 bits
    WIDE_DTYPES(LOAD_WIDE)
    default: break;
  }
}

#define STORE_NARROW(dtype, type, to_key, from_key, shared)                                                              \
  case dtype:                                                                                                            \
    for (int64_t i = 0; i < n; ++i) {                                                                                    \
      const uint32_t key = (uint32_t)sort_narrow_key(entries[i]) ^ turn;                                                 \
      ((type *)out)[i * out_stride] =                                                                                    \
          (shared) ? ((const type *)in)[sort_narrow_position(entries[i]) * stride] : (from_key);                         \
    }                                                                                                                    \
    break;

void sort_store_narrow(int dtype, const void *in, int64_t stride, const sort_narrow *entries, int64_t n, bool inverted,
                       int64_t base, void *out, int64_t out_stride) {
  const uint32_t turn = inverted ? UINT32_MAX : 0;
  switch (dtype) {
    NARROW_DTYPES(STORE_NARROW)
    STORE_NARROW(EMBER_INT64, int64_t, 0, base + (int64_t)key, false)
    default: break;
  }
}

#define STORE_WIDE(dtype, type, to_key, from_key, shared)                                                                \
  case dtype:                                                                                                            \
    for (int64_t i = 0; i < n; ++i) {                                                                                    \
      const uint64_t key = entries[i].key ^ turn;                                                                        \
      ((type *)out)[i * out_stride] =                                                                                    \
          (shared) ? ((const type *)in)[sort_wide_position(entries[i]) * stride] : (from_key);                           \
    }                                                                                                                    \
    break;

#define COPY_WIDE(dtype, type, to_key, from_key, shared)                                                                 \
  case dtype:                                                                                                            \
    for (int64_t i = 0; i < n; ++i)                                                                                      \
      ((type *)out)[i * out_stride] = ((const type *)in)[sort_wide_position(entries[i]) * stride];                       \
    break;

void sort_store_wide(int dtype, const void *in, int64_t stride, const sort_wide *entries, int64_t n, bool inverted, void *out,
                     int64_t out_stride) {
  const uint64_t turn = inverted ? UINT64_MAX : 0;
  switch (dtype) {
    WIDE_DTYPES(STORE_WIDE)
    NARROW_DTYPES(COPY_WIDE)
    default: break;
  }
}
