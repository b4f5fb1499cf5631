// Matrix products of bfloat16 by the instruction that multiplies pairs of them and adds both products to a float32.
//
// Panels hold pairs of neighbours along k in the bits of one float, so that the tile is that of float32 with another multiply-add
// and half as many steps.
#include "bodies/isa.h"
#include "gemm_internal.h"

#if EMBER_X86_ISAS
#include <immintrin.h>

bool gemm_has_bfloat16_pairs(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
}

#define EMBER_BUILD_ISA EMBER_BUILD_AVX512
_Pragma("clang attribute push(__attribute__((target(\"avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c,bmi,bmi2\"))), apply_to=function)")
#include "bodies/simd.h"
#include "bodies/gemm_vectors.h"
#include "bodies/gemm_tiles.h"

EMBER_INLINE vfloat multiply_pairs(vfloat x, vfloat y, vfloat sum) {
  return (vfloat)_mm512_dpbf16_ps((__m512)sum, __builtin_bit_cast(__m512bh, x), __builtin_bit_cast(__m512bh, y));
}

#define GEMM_COLUMNS (2 * GEMM_LANES)
#define GEMM_T float
#define GEMM_V vfloat
#define GEMM_LANES EMBER_LANES
#define GEMM_NAME(name) gemm_pairs_##name
#define GEMM_LOAD vfloat_load
#define GEMM_STORE vfloat_store
#define GEMM_FMA multiply_pairs
#define GEMM_LOAD_FIRST gemm_load_first
#define GEMM_STORE_FIRST gemm_store_first
#include "bodies/gemm_tile.inc"

// The first `count` of 32 elements along k, as pairs.
EMBER_INLINE vfloat load_pairs(const uint16_t *p, int64_t count) {
  if (count >= 2 * EMBER_LANES) return __builtin_bit_cast(vfloat, _mm512_loadu_si512(p));
  return __builtin_bit_cast(vfloat, _mm512_maskz_loadu_epi16((__mmask32)(((uint64_t)1 << count) - 1), p));
}

// The first `count` of 16 elements, widened to 32 bits.
EMBER_INLINE __m512i load_wide(const uint16_t *p, int64_t count) {
  if (count >= EMBER_LANES) return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)((1u << count) - 1), p));
}

// How far ahead of packing memory is fetched.
enum { PREFETCHED_K = 128, PREFETCHED_ROWS = 16 };

// One panel `width` wide: the pair of elements p and p + 1 of row r at out[p / 2 * width + r]; zero beyond `count` and beyond k.
EMBER_INLINE void pack_pairs(const int width, const uint16_t *in, int64_t row, int64_t step, int64_t count, int64_t k, float *out) {
  if (step == 1) {
    for (int64_t p = 0; p < k; p += 2 * EMBER_LANES) {
      const int64_t pairs = k - p >= 2 * EMBER_LANES ? EMBER_LANES : (k - p + 1) / 2;
      GEMM_UNROLL
      for (int first = 0; first < width; first += EMBER_LANES) {
        vfloat square[EMBER_LANES];
        GEMM_UNROLL
        for (int r = 0; r < EMBER_LANES; r++)
          if (first + r < count) {
            // Each row is a stream of its own, too many and too short for the hardware to follow.
            __builtin_prefetch(in + (first + r) * row + p + PREFETCHED_K);
            square[r] = load_pairs(in + (first + r) * row + p, k - p);
          } else {
            square[r] = (vfloat)0.0f;
          }
        gemm_transpose(square);
        const int part = width - first < EMBER_LANES ? width - first : EMBER_LANES;
        GEMM_UNROLL
        for (int q = 0; q < EMBER_LANES; q++)
          if (q < pairs) gemm_store_first(out + (p / 2 + q) * width + first, part, square[q]);
      }
    }
  } else if (row == 1) {
    for (int64_t p = 0; p < k; p += 2) {
      GEMM_UNROLL
      for (int first = 0; first < width; first += EMBER_LANES) {
        const int part = width - first < EMBER_LANES ? width - first : EMBER_LANES;
        const int64_t present = count - first < 0 ? 0 : count - first < part ? count - first : part;
        const uint16_t *from = in + p * step + first;
        __builtin_prefetch(from + PREFETCHED_ROWS * step);
        __builtin_prefetch(from + (PREFETCHED_ROWS + 1) * step);
        const __m512i low = load_wide(from, present);
        const __m512i high = p + 1 < k ? load_wide(from + step, present) : _mm512_setzero_si512();
        gemm_store_first(out + p / 2 * width + first, part, __builtin_bit_cast(vfloat, _mm512_or_si512(low, _mm512_slli_epi32(high, 16))));
      }
    }
  } else {
    uint16_t *to = (uint16_t *)out;
    for (int64_t p = 0; p < k + (k & 1); p++)
      for (int64_t r = 0; r < width; r++)
        to[(p / 2 * width + r) * 2 + (p & 1)] = r < count && p < k ? in[r * row + p * step] : 0;
  }
}

static void pack_a(const uint16_t *in, int64_t stride, int64_t k_stride, int64_t count, int64_t k, void *panel) {
  pack_pairs(GEMM_ROWS, in, stride, k_stride, count, k, panel);
}
static void pack_b(const uint16_t *in, int64_t stride, int64_t k_stride, int64_t count, int64_t k, void *panel) {
  pack_pairs(GEMM_COLUMNS, in, stride, k_stride, count, k, panel);
}

static void multiply(int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_panel, const void *b, float *sums, int64_t sums_row,
                     float alpha, bool accumulate) {
  const int vectors = columns > EMBER_LANES ? 2 : 1;
  for (int64_t i = 0; i < rows; i += GEMM_ROWS) {
    const int64_t height = rows - i < GEMM_ROWS ? rows - i : GEMM_ROWS;
    gemm_pairs_packed_tiles[vectors - 1][height - 1]((k + 1) / 2, (const float *)((const char *)a + i / GEMM_ROWS * a_panel), 1, GEMM_ROWS,
                                                     b, GEMM_COLUMNS, sums + i * sums_row, sums_row,
                                                     columns - (vectors - 1) * EMBER_LANES, alpha, accumulate, NULL);
  }
}

// A tile whose sums go to C at once.
EMBER_INLINE void last_tile(const int rows, const int vectors, int64_t k, const float *a, const float *b, const float *sums_before,
                            int64_t sums_row, int64_t last, float alpha, bool accumulate, uint16_t *c, int64_t c_row) {
  vfloat sums[GEMM_ROWS][2];
  gemm_pairs_tile_sums(rows, vectors, false, k, a, 1, GEMM_ROWS, b, GEMM_COLUMNS, last, sums);
  GEMM_UNROLL
  for (int r = 0; r < rows; r++) {
    GEMM_UNROLL
    for (int v = 0; v < vectors; v++) {
      const bool whole = v < vectors - 1 || last == EMBER_LANES;
      const float *before = sums_before + r * sums_row + v * EMBER_LANES;
      vfloat sum = sums[r][v] * alpha;
      if (accumulate) sum += whole ? vfloat_load(before) : gemm_load_first(before, last);
      uint16_t *to = c + r * c_row + v * EMBER_LANES;
      if (whole) {
        vfloat_store_bfloat16(to, sum);
      } else {
        uint16_t elements[EMBER_LANES];
        vfloat_store_bfloat16(elements, sum);
        ember_copy_first(to, elements, 2 * last);
      }
    }
  }
}

typedef void (*last_tile_function)(int64_t k, const float *a, const float *b, const float *sums_before, int64_t sums_row, int64_t last,
                                   float alpha, bool accumulate, uint16_t *c, int64_t c_row);
#define LAST_TILE(rows, vectors)                                                                                                     \
  static void last_tile_##rows##_##vectors(int64_t k, const float *a, const float *b, const float *sums_before, int64_t sums_row,    \
                                           int64_t last, float alpha, bool accumulate, uint16_t *c, int64_t c_row) {                 \
    last_tile(rows, vectors, k, a, b, sums_before, sums_row, last, alpha, accumulate, c, c_row);                                     \
  }
#define LAST_TILES(rows) LAST_TILE(rows, 1) LAST_TILE(rows, 2)
#define LIST_LAST_1(rows, ignored) last_tile_##rows##_1,
#define LIST_LAST_2(rows, ignored) last_tile_##rows##_2,
GEMM_EACH_ROWS(LAST_TILES)
static const last_tile_function last_tiles[2][GEMM_ROWS] = {{GEMM_LIST_ROWS(LIST_LAST_1, 0)}, {GEMM_LIST_ROWS(LIST_LAST_2, 0)}};

static void multiply_last(int64_t rows, int64_t columns, int64_t k, const void *a, int64_t a_panel, const void *b, const float *sums,
                          int64_t sums_row, float alpha, bool accumulate, uint16_t *c, int64_t c_row) {
  const int vectors = columns > EMBER_LANES ? 2 : 1;
  for (int64_t i = 0; i < rows; i += GEMM_ROWS) {
    const int64_t height = rows - i < GEMM_ROWS ? rows - i : GEMM_ROWS;
    last_tiles[vectors - 1][height - 1]((k + 1) / 2, (const float *)((const char *)a + i / GEMM_ROWS * a_panel), b, sums + i * sums_row,
                                        sums_row, columns - (vectors - 1) * EMBER_LANES, alpha, accumulate, c + i * c_row, c_row);
  }
}

#include "bodies/gemm_half_store.inc"

const gemm_half_kernels gemm_bfloat16_pairs = {
  .tile_rows = GEMM_ROWS, .tile_columns = GEMM_COLUMNS, .k_step = 2, .k_block = 2048, .element_size = 2,
  .pack_a = pack_a, .pack_b = pack_b, .multiply = multiply, .multiply_last = multiply_last, .store = gemm_store_rows_bfloat16,
};
EMBER_END
#endif
